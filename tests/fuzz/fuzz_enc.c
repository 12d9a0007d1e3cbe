/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What base64 and hex readers accept is canonical: written again, it is the same text. What they write, they read. */
#include "enc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str in = ks_str((const char *)data, len), bytes;
    struct ks_arena arena;
    struct ks_buf text;

    ks_arena_init(&arena, 16 * len + 256);
    ks_buf_init(&text, 2 * len + 64);
    if (ks_base64_read(&arena, in, &bytes) == KS_OK) {
        ks_base64_add(&text, bytes);
        assert(ks_str_eq(ks_buf_str(&text), in));
    }
    ks_buf_reset(&text);
    ks_base64_add(&text, in);
    assert(ks_buf_err(&text) == KS_OK);
    assert(ks_base64_read(&arena, ks_buf_str(&text), &bytes) == KS_OK && ks_str_eq(bytes, in));

    ks_buf_reset(&text);
    if (ks_base64url_read(&arena, in, &bytes) == KS_OK) {
        ks_base64url_add(&text, bytes);
        assert(ks_str_eq(ks_buf_str(&text), in));
    }
    ks_buf_reset(&text);
    ks_base64url_add(&text, in);
    assert(ks_base64url_read(&arena, ks_buf_str(&text), &bytes) == KS_OK && ks_str_eq(bytes, in));

    ks_buf_reset(&text);
    ks_hex_add(&text, in);
    assert(ks_hex_read(&arena, ks_buf_str(&text), &bytes) == KS_OK && ks_str_eq(bytes, in));
    if (ks_hex_read(&arena, in, &bytes) == KS_OK)
        assert(bytes.len * 2 == in.len);
    ks_buf_done(&text);
    ks_arena_done(&arena);
    return 0;
}
