/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "log.h"

#include <inttypes.h>
#include <stdio.h>

const char *ks_level_name(enum ks_level level)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };

    return names[level];
}

struct ks_str ks_log_line(
    char *line, size_t cap, int64_t wall_ms, enum ks_level level, const char *event, const struct ks_log_field *fields)
{
    char stamp[KS_STAMP_LEN + 1];
    int len = snprintf(line, cap, "%s %s %s", ks_stamp_write(wall_ms, stamp).ptr, ks_level_name(level), event);
    size_t at = len < 0 ? 0 : (size_t)len;

    for (; fields->name && at < cap; fields++) {
        switch (fields->kind) {
        case KS_LOG_NUMBER:
            len = snprintf(line + at, cap - at, " %s=%" PRId64, fields->name, fields->number);
            break;
        case KS_LOG_ID:
            len = snprintf(line + at, cap - at, " %s=%016" PRIx64, fields->name, (uint64_t)fields->number);
            break;
        case KS_LOG_LITERAL:
            len = snprintf(line + at, cap - at, " %s=%s", fields->name, fields->literal);
            break;
        }
        at += len < 0 ? 0 : (size_t)len;
    }
    return ks_str(line, at < cap ? at : cap - 1);
}
