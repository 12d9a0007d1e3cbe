/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* file_record.h -- the files of one message, and how they are stored: with the message, its draft, and its transfer.
 * Reading is fuzzed. */
#ifndef KS_FILE_RECORD_H
#define KS_FILE_RECORD_H

#include "file_share.h"

#define KS_FILE_PARTS_MAX 1000
#define KS_FILE_SET_MAX 64
#define KS_FILES_RECORD_MAX (KS_FILES_MAX * (KS_FILE_THUMBNAIL_MAX + KS_FILE_URL_MAX + 2048))

struct ks_files {
    struct ks_file_share *items;
    size_t count;
    /* Files that belong together, each in a message of its own: this is the part-th of `of`. of 0: alone. */
    struct ks_str set;
    uint32_t part, of;
};

void ks_files_encode(struct ks_buf *buf, const struct ks_files *files);
/* Views point into record. KS_ESTORE; KS_EVERSION; KS_ENOMEM. */
KS_CHECK enum ks_err ks_files_decode(struct ks_arena *arena, struct ks_str record, struct ks_files *ret_files);

#endif
