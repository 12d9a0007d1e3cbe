/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A stored record of tokens that reads is the one that would be written, and none of its beginnings reads; a message
 * that names somebody and proves a token (HT-SHA-256) is as long as both. */
#include "sasl_ht.h"
#include "token_record.h"

static void try_record(struct ks_str record)
{
    struct ks_tokens tokens, again;
    struct ks_buf buf;

    if (ks_tokens_read(record, &tokens) != KS_OK)
        return;
    ks_buf_init(&buf, 48);
    ks_tokens_write(&buf, &tokens);
    assert(ks_buf_err(&buf) == KS_OK && ks_str_eq(ks_buf_str(&buf), record));
    for (size_t cut = 0; cut < record.len; cut++)
        assert(ks_tokens_read(ks_str_head(record, cut), &again) != KS_OK);
    ks_buf_done(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str message = ks_str(data, len), name, proof;
    struct ks_arena arena;

    try_record(message);
    ks_arena_init(&arena, 65536);
    if (ks_ht_read_first(&arena, message, &name, &proof) == KS_OK)
        assert(name.len && proof.len == KS_HT_PROOF_LEN && ks_str_find_byte(message, 0) + 1 + proof.len == len);
    ks_arena_done(&arena);
    return 0;
}
