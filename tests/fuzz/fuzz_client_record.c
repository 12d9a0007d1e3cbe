/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A stored record that is read reads as the same when it is written: messages, numberings, outbox rows, drafts,
 * transfers. */
#include <stdlib.h>

#include "chain.h"
#include "history_record.h"
#include "outbox_record.h"
#include "transfer_record.h"

typedef bool round_fn(struct ks_arena *arena, struct ks_str record, struct ks_buf *buf);

static bool round_message(struct ks_arena *arena, struct ks_str record, struct ks_buf *buf)
{
    struct ks_message message = { .order = 1 };

    if (ks_message_decode(arena, record, &message) != KS_OK)
        return false;
    ks_message_encode(buf, &message);
    return true;
}

static bool round_chain(struct ks_arena *arena, struct ks_str record, struct ks_buf *buf)
{
    struct ks_chain chain = { .base = 0 };

    (void)arena;
    if (ks_chain_decode(record, &chain) != KS_OK)
        return false;
    ks_chain_encode(buf, &chain);
    return true;
}

static bool round_out(struct ks_arena *arena, struct ks_str record, struct ks_buf *buf)
{
    struct ks_out out = { .seq = 1 };

    (void)arena;
    if (ks_out_decode(record, &out) != KS_OK)
        return false;
    ks_out_encode(buf, &out);
    return true;
}

static bool round_draft(struct ks_arena *arena, struct ks_str record, struct ks_buf *buf)
{
    struct ks_content content;

    if (ks_draft_decode(arena, record, &content) != KS_OK)
        return false;
    ks_draft_encode(buf, &content);
    return true;
}

static bool round_transfer(struct ks_arena *arena, struct ks_str record, struct ks_buf *buf)
{
    struct ks_transfer transfer = { .number = 1 };

    if (ks_transfer_decode(arena, record, &transfer) != KS_OK)
        return false;
    ks_transfer_encode(buf, &transfer);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static round_fn *const rounds[] = { round_message, round_chain, round_out, round_draft, round_transfer };
    struct ks_buf first, second;
    struct ks_arena arena;
    round_fn *round;

    if (len == 0)
        return 0;
    round = rounds[data[0] % KS_COUNT(rounds)];
    ks_arena_init(&arena, 8u << 20);
    ks_buf_init(&first, 16u << 20);
    ks_buf_init(&second, 16u << 20);
    /* What follows a whole record is ignored in it and not written again, so the second writing is what counts. */
    if (round(&arena, ks_str(data + 1, len - 1), &first)) {
        assert(ks_buf_err(&first) == KS_OK);
        assert(round(&arena, ks_buf_str(&first), &second));
        assert(ks_str_eq(ks_buf_str(&first), ks_buf_str(&second)));
    }
    ks_buf_done(&first);
    ks_buf_done(&second);
    ks_arena_done(&arena);
    return 0;
}
