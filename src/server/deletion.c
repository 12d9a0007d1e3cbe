/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "deletion.h"

#include "clock.h"

void ks_deletion_begin(struct ks_buf *detail, const char *reason, int64_t oldest_ms)
{
    char stamp[KS_STAMP_LEN + 1];

    ks_buf_printf(detail, "reason=%s", reason);
    if (oldest_ms)
        ks_buf_printf(detail, " oldest=%.*s", KS_STR_FMT(ks_stamp_write(oldest_ms, stamp)));
}

void ks_deletion_add(struct ks_buf *detail, struct ks_str category, uint64_t rows)
{
    if (rows)
        ks_buf_printf(detail, " %.*s=%llu", KS_STR_FMT(category), (unsigned long long)rows);
}
