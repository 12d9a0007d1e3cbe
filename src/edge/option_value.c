/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "option_value.h"

#include <inttypes.h>
#include <stdio.h>

#include "say.h"

struct unit {
    const char *name;
    int64_t worth;
};

static const struct unit bytes_units[] = { { "B", 1 }, { "KiB", 1024 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { 0 } };
static const struct unit duration_units[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 }, { 0 } };

static const struct unit *units_of(const struct ks_option *option)
{
    return option->kind == KS_OPT_BYTES ? bytes_units : duration_units;
}

enum ks_err ks_option_read(const struct ks_option *option, struct ks_str text, int64_t *ret_number)
{
    size_t digits = 0;
    uint64_t number;

    if (option->kind == KS_OPT_CHOICE) {
        for (int64_t i = 0; option->choices[i]; i++)
            if (ks_str_is(text, option->choices[i])) {
                *ret_number = i;
                return KS_OK;
            }
        return KS_ESYNTAX;
    }
    if (option->kind != KS_OPT_BYTES && option->kind != KS_OPT_DURATION)
        return KS_ESYNTAX;
    text = ks_str_trim(text);
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    struct ks_str name = ks_str_trim(ks_str_from(text, digits));
    for (const struct unit *unit = units_of(option); unit->name; unit++)
        if (ks_str_is(name, unit->name)) {
            if (ks_str_u64(ks_str_head(text, digits), (uint64_t)(INT64_MAX / unit->worth), &number) != KS_OK)
                return KS_ESYNTAX;
            *ret_number = (int64_t)number * unit->worth;
            return KS_OK;
        }
    return KS_ESYNTAX;
}

const char *ks_option_write(const struct ks_option *option, int64_t number, char value[KS_OPTION_VALUE_LEN])
{
    const struct unit *best = NULL;

    switch (option->kind) {
    case KS_OPT_BOOL:
        return number ? "true" : "false";
    case KS_OPT_CHOICE:
        return option->choices[number];
    case KS_OPT_BYTES:
    case KS_OPT_DURATION:
        best = units_of(option);
        for (const struct unit *unit = best; unit->name; unit++)
            if (number && number % unit->worth == 0)
                best = unit;
        snprintf(value, KS_OPTION_VALUE_LEN, "%" PRId64 " %s", number / best->worth, best->name);
        return value;
    case KS_OPT_COUNT:
    case KS_OPT_TEXT:
        break;
    }
    snprintf(value, KS_OPTION_VALUE_LEN, "%" PRId64, number);
    return value;
}

void ks_option_describe(struct ks_buf *buf, enum ks_language language, const struct ks_option *option)
{
    static const char *const ids[] = { [KS_OPT_BOOL] = SAY("wants.bool"),
        [KS_OPT_COUNT] = SAY("wants.count"),
        [KS_OPT_BYTES] = SAY("wants.bytes"),
        [KS_OPT_DURATION] = SAY("wants.duration"),
        [KS_OPT_TEXT] = SAY("wants.text"),
        [KS_OPT_CHOICE] = SAY("wants.choice") };
    char least[KS_OPTION_VALUE_LEN], greatest[KS_OPTION_VALUE_LEN];
    struct ks_buf choices;

    ks_buf_init(&choices, 1000);
    for (size_t i = 0; option->kind == KS_OPT_CHOICE && option->choices[i]; i++)
        ks_buf_printf(&choices, "%s\"%s\"", i ? ", " : "", option->choices[i]);
    ks_sentence_write(buf, language, option->wants ? option->wants : ids[option->kind],
        (struct ks_filling[]) { { "min", ks_str_z(ks_option_write(option, option->min, least)) },
            { "max", ks_str_z(ks_option_write(option, option->max, greatest)) }, { "choices", ks_buf_str(&choices) },
            { 0 } });
    ks_buf_done(&choices);
}
