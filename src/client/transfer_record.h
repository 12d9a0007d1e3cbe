/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* transfer_record.h -- a file on its way, as the store has it (KS_T_TRANSFER, by its number of 8 bytes): what has to be
 * done, and nothing of how far it came. No key is in it: that of an upload is made anew for each try, and that of a
 * download stands in its message. Reading is fuzzed. */
#ifndef KS_TRANSFER_RECORD_H
#define KS_TRANSFER_RECORD_H

#include "envelope.h"

enum ks_direction { KS_UP = 1, KS_DOWN };

struct ks_transfer {
    uint64_t number;
    enum ks_direction direction;
    struct ks_str conversation, path;
    int64_t made_ms; /* wall */
    /* Up: files holds the one file, without secret, marks and url. */
    struct ks_files files;
    struct ks_str caption;
    enum ks_urgency urgency;
    /* Down: the message, its place, and which of its files. */
    struct ks_str message;
    int64_t order;
    uint32_t file;
};

void ks_transfer_encode(struct ks_buf *buf, const struct ks_transfer *transfer);
/* Views point into record; leaves number. KS_ESTORE; KS_EVERSION; KS_ENOMEM. */
KS_CHECK enum ks_err ks_transfer_decode(struct ks_arena *arena, struct ks_str record, struct ks_transfer *ret_transfer);

#endif
