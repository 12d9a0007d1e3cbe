/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_settings.h -- what the store says of its archive as a whole: keys, epochs, and how far its index goes. */
#ifndef KS_ARCHIVE_SETTINGS_H
#define KS_ARCHIVE_SETTINGS_H

#include "archive_id.h"
#include "prng.h"
#include "server_store.h"

struct ks_archive_settings {
    struct ks_archive_ids ids;
    uint64_t with_key[2];  /* of the conversations' hashes in the index */
    uint64_t indexed_upto; /* the index has all rows up to this one */
};

/* Reads them; a new store gets fresh keys and its first epoch. *ret_settings comes as zeroes. KS_EVERSION: written by a
 * newer konsild; KS_ESTORE, KS_EFULL, KS_ENOMEM. */
KS_CHECK enum ks_err ks_archive_settings_read(
    struct ks_server_store *store, struct ks_prng *prng, struct ks_archive_settings *ret_settings);
/* Inside a transaction. */
KS_CHECK enum ks_err ks_archive_settings_indexed(struct ks_server_store *store, uint64_t upto);

/* Makes archive ids given from now on differ from all that were ever given: for a store that comes out of a backup.
 * Outside a transaction, before a committer uses the store. */
KS_CHECK enum ks_err ks_archive_new_epoch(struct ks_server_store *store, struct ks_prng *prng);

#endif
