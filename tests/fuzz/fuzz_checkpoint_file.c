/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Checkpoints and lists of revoked certificates as files (PROTOCOL §20.5, RFC 5280 §5): what is no such file is said to
 * be none, and nothing is believed that nobody signed. */
#include "checkpoint_file.h"

#include <stdlib.h>

#include "revocation_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str bytes = ks_str((const char *)data, len);
    struct ks_revocation revocation = { .revoked = true };
    struct ks_checkpoint checkpoint;
    struct ks_arena arena;

    ks_arena_init(&arena, 1u << 20);
    if (ks_checkpoint_file_read(&arena, bytes, bytes, KS_STR("klinik.example"), &checkpoint) == KS_OK)
        abort(); /* the root would be the file itself */
    if (ks_revocation_list_ask(bytes, bytes, KS_STR("\1"), &revocation) == KS_OK)
        abort(); /* the authority, too */
    ks_arena_done(&arena);
    return 0;
}
