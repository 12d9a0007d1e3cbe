/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a PUT shows, what a path names, and a row of a file: what was read is written as it was. */
#include "files.h"

#include "crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str in = ks_str(data, len), bare, token, id, text;
    char row[KS_FILE_ROW_MAX], name[KS_FILE_NAME_LEN];
    struct ks_arena arena;
    struct ks_file file;

    if (ks_crypto_init() != KS_OK)
        return 0;
    ks_arena_init(&arena, 1u << 20);
    if (ks_file_authorization_read(&arena, in, &bare, &token)) {
        assert(token.len == KS_FILE_TOKEN_LEN && bare.len > 0);
        text = ks_file_authorization(&arena, bare, token);
        assert(!text.len || ks_str_eq(text, in));
    }
    if (ks_file_row_read(in, &file))
        assert(ks_str_eq(ks_file_row_write(&file, row), in));
    if (ks_file_id_of(in, &id)) {
        assert(id.len == KS_FILE_ID_LEN && id.ptr >= in.ptr && id.ptr + id.len <= in.ptr + in.len);
        ks_file_name_of(id, name);
    }
    (void)ks_file_looks_plain(in);
    ks_arena_done(&arena);
    return 0;
}
