/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_read.h -- pages of an archive, out of the index in the store and its tail in memory. */
#ifndef KS_ARCHIVE_READ_H
#define KS_ARCHIVE_READ_H

#include "archive_tail.h"
#include "store_req.h"

struct ks_archive_view {
    struct ks_server_store *store;
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

#endif
