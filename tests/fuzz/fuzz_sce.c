/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An envelope that is read can be written, measures one of the sizes, and reads as the same again. */
#include <stdlib.h>

#include "sce.h"
#include "xml_writer.h"

static struct ks_str content_of(struct ks_buf *buf, const struct ks_sce *sce)
{
    ks_buf_init(buf, SIZE_MAX);
    ks_xml_write(buf, sce->content, KS_STR_EMPTY);
    assert(ks_buf_err(buf) == KS_OK);
    return ks_buf_str(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_sce sce, again;
    struct ks_buf bytes, first, second;
    struct ks_arena arena;
    struct ks_prng prng;

    ks_arena_init(&arena, 4 * 1024 * 1024);
    ks_prng_init_number(&prng, 1);
    ks_buf_init(&bytes, KS_SCE_RESEND_MAX);
    if (ks_sce_read(&arena, ks_str(data, len), &sce) == KS_OK) {
        sce.large = true;
        sce.wall_ms = sce.has_time ? sce.wall_ms : 0;
        sce.has_time = true;
        sce.from = sce.from.len ? sce.from : KS_STR("a@example.org");
        sce.to = sce.to.len ? sce.to : KS_STR("b@example.org");
        if (ks_sce_write(&sce, &prng, &bytes) == KS_OK) { /* or it grew over 64 KiB: affixes, padding, escapes */
            assert(bytes.len >= 1024 && (bytes.len & (bytes.len - 1)) == 0);
            assert(ks_sce_read(&arena, ks_buf_str(&bytes), &again) == KS_OK);
            assert(again.has_time && again.wall_ms == sce.wall_ms);
            assert(ks_str_eq(again.from, sce.from) && ks_str_eq(again.to, sce.to));
            assert(ks_str_eq(content_of(&first, &sce), content_of(&second, &again)));
            ks_buf_done(&first);
            ks_buf_done(&second);
        }
    }
    ks_buf_done(&bytes);
    ks_arena_done(&arena);
    return 0;
}
