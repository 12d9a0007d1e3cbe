/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An address that is accepted is in its normal form: written and read again it is the same, and splitting what was
 * written gives its parts. */
#include "jid.h"
#include "unicode.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_jid jid, again;
    struct ks_arena arena;
    struct ks_str text;

    ks_arena_init(&arena, 1U << 20);
    enum ks_err err = ks_jid_parse(&arena, ks_str(data, len), &jid);
    assert(err == KS_OK || err == KS_ESYNTAX);
    if (!err) {
        assert(jid.domain.len > 0 && jid.local.len <= KS_JID_PART_MAX && jid.domain.len <= KS_JID_PART_MAX
            && jid.resource.len <= KS_JID_PART_MAX);
        assert(ks_jid_text(&arena, jid, &text) == KS_OK && text.len <= KS_JID_MAX && ks_utf8_valid(text));
        assert(ks_jid_eq(ks_jid_split(text), jid));
        assert(ks_jid_parse(&arena, text, &again) == KS_OK && ks_jid_eq(jid, again));
    }
    ks_arena_done(&arena);
    return 0;
}
