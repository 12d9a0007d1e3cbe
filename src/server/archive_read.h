/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_read.h -- pages of an archive, out of the index in the store and its tail in memory. */
#ifndef KS_ARCHIVE_READ_H
#define KS_ARCHIVE_READ_H

#include "archive_tail.h"
#include "shred_store.h"
#include "store_req.h"

struct ks_archive_view {
    struct ks_server_store *store;
    struct ks_shred_store *shred; /* or NULL */
    const struct ks_archive_tail *tail;
    uint64_t with_key[2];
    uint64_t last_id;
    int64_t last_stamp_ms;
};

/* The conversation's name in the index. */
uint64_t ks_archive_with_hash(const uint64_t with_key[2], struct ks_str bare);

/* Fills rows, complete and count of a KS_STORE_PAGE, and rows of a KS_STORE_ROWS. The result is the return value. */
KS_CHECK enum ks_err ks_archive_page(const struct ks_archive_view *view, struct ks_store_req *req);
KS_CHECK enum ks_err ks_archive_rows(const struct ks_archive_view *view, struct ks_store_req *req);

/* The newest row that is older than stamp_ms, or that would be: no row up to this id is younger. 0: none is older. */
KS_CHECK enum ks_err ks_archive_before(const struct ks_archive_view *view, int64_t stamp_ms, uint64_t *ret_id);
/* The account's index entries with id <= upto, oldest first. */
KS_CHECK enum ks_err ks_archive_entries(
    const struct ks_archive_view *view, uint64_t account, uint64_t upto, ks_visit_index *visit, void *user);

#endif
