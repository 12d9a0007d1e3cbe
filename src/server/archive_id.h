/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_id.h -- archive ids on the wire (XEP-0359 §3, XEP-0313 §4.1): opaque, and never given twice.
 *
 * An id is one AES-128 block over (epoch u32 | row u64 | 3 zero bytes) as 32 hex characters. Whoever sees it learns
 * neither how many messages there are nor whether two ids are neighbours. An epoch is a random number in force from a
 * row on; a store that comes out of a backup starts a new one. So an id that was given for a row which the backup lacks
 * is not found, though a new row has its number: a client notices that the server went back (XEP-0313 §4.3.3,
 * <item-not-found/>), and fetches anew. */
#ifndef KS_ARCHIVE_ID_H
#define KS_ARCHIVE_ID_H

#include "buf.h"

#define KS_ARCHIVE_ID_LEN 32
#define KS_ARCHIVE_EPOCHS_MAX 1024 /* restores in a store's life */

struct ks_archive_epoch {
    uint64_t first_row; /* in force from this row id on */
    uint32_t number;    /* random */
};

struct ks_archive_ids {
    uint8_t key[16];
    uint32_t epochs_count;                                 /* from 1 */
    struct ks_archive_epoch epochs[KS_ARCHIVE_EPOCHS_MAX]; /* by rising first_row; the first is 0 */
};

/* Writes the id of a row (row > 0), without a final zero. */
struct ks_str ks_archive_id_write(const struct ks_archive_ids *ids, uint64_t row, char text[KS_ARCHIVE_ID_LEN]);
/* KS_ENOTFOUND for everything that this store has not written: other text, an unknown epoch, or one that was not in
 * force at that row. Whether the row is there, and in whose archive, is another question. */
KS_CHECK enum ks_err ks_archive_id_read(const struct ks_archive_ids *ids, struct ks_str text, uint64_t *ret_row);

#endif
