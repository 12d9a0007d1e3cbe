/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Signed messages as files, and the statements in them: what is taken has one form, but for what RFC 5754 leaves open,
 * and is judged without a fault. */
#include "cms.h"

#include <stdlib.h>

static void judge(struct ks_arena *arena, const struct ks_cms *cms)
{
    struct ks_clinical_report report;

    if (ks_clinical_check(
            arena, cms->content, cms->signature, cms->chain, cms->count, cms->chain[cms->count - 1], NULL, &report)
        != KS_OK)
        abort();
    if (report.verdict == KS_CLINICAL_GOOD && !report.signer.name.len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str bytes = ks_str((const char *)data, len), again;
    struct ks_clinical clinical;
    struct ks_cms cms, second;
    struct ks_arena arena;

    ks_arena_init(&arena, 4 * KS_CLINICAL_ARENA_MAX);
    if (ks_cms_read(bytes, &cms) == KS_CMS_GOOD) {
        enum ks_err err = ks_cms_write(&arena, &cms, &again);

        if (err == KS_OK && ks_cms_read(again, &second) != KS_CMS_GOOD)
            abort();
        if (err != KS_OK || !ks_str_eq(second.content, cms.content) || again.len > len
            || memcmp(second.signature, cms.signature, sizeof cms.signature) != 0)
            abort();
        judge(&arena, &cms);
        bytes = cms.content;
    }
    if (ks_clinical_read(&arena, bytes, &clinical) == KS_OK
        && (!clinical.jid.len || !clinical.to_count || bytes.len > KS_CLINICAL_BYTES_MAX))
        abort();
    ks_arena_done(&arena);
    return 0;
}
