/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Each profile, and folding, is idempotent and gives good UTF-8; and Punycode of a label decodes to it. What is
 * UTF-8 is so to utf8proc, too. */
#include "codepoint.h"
#include "idna.h"
#include "unicode.h"
#include "utf8.h"

static void punycode(struct ks_str text)
{
    int32_t points[KS_LABEL_MAX], again[KS_LABEL_MAX];
    char encoded[KS_LABEL_MAX];
    size_t count, decoded, len;

    if (text.len <= KS_LABEL_MAX)
        assert(ks_codepoint_decode(text, points, &count) == ks_utf8_valid(text));
    if (text.len <= KS_LABEL_MAX && ks_codepoint_decode(text, points, &count)
        && (len = ks_punycode_encode(points, count, encoded)) > 0)
        assert(ks_punycode_decode(ks_str(encoded, len), again, &decoded) && decoded == count
            && memcmp(points, again, count * sizeof *points) == 0);
    ks_punycode_decode(text, points, &count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static enum ks_err (*const profiles[])(struct ks_arena *, struct ks_str, struct ks_str *) = { ks_unicode_localpart,
        ks_unicode_resource, ks_unicode_domain, ks_unicode_password, ks_unicode_fold };
    struct ks_str in = ks_str(data, len), once, twice;
    struct ks_arena arena;

    for (size_t i = 0; i < KS_COUNT(profiles); i++) {
        ks_arena_init(&arena, 1U << 24);
        enum ks_err err = profiles[i](&arena, in, &once);
        assert(err == KS_OK || err == KS_ESYNTAX);
        if (!err)
            assert(ks_utf8_valid(once) && profiles[i](&arena, once, &twice) == KS_OK && ks_str_eq(once, twice));
        ks_arena_done(&arena);
    }
    assert(ks_unicode_columns(in) <= 2 * len);
    punycode(in);
    return 0;
}
