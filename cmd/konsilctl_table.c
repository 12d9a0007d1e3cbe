/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsilctl_table.h"

#include <time.h>

#include "buf.h"
#include "say.h"
#include "unicode.h"

#define COLUMNS_MAX 16
#define GAP 2
#define LAST_MIN 20 /* narrower is not worth wrapping */

/* --- a table --- */

static void read_cell(struct ks_buf *buf, json_t *value)
{
    ks_buf_reset(buf);
    if (json_is_string(value))
        ks_buf_add(buf, ks_str(json_string_value(value), json_string_length(value)));
    else if (json_is_integer(value))
        ks_buf_printf(buf, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        ks_buf_z(buf, json_is_true(value) ? "+" : "-");
}

static void print_blanks(FILE *out, size_t count)
{
    while (count--)
        fputc(' ', out);
}

/* What a person typed into a directory must not steer the terminal: no control characters, neither those of ASCII nor
 * U+0080 to U+009F. */
static void print_text(FILE *out, struct ks_str text)
{
    while (text.len) {
        size_t control = ks_unicode_control(text);
        fputc(control ? '?' : text.ptr[0], out);
        text = ks_str_from(text, control ? control : 1);
    }
}

static void print_padded(FILE *out, struct ks_str text, size_t width)
{
    size_t columns = ks_unicode_columns(text);

    print_text(out, text);
    print_blanks(out, width + GAP > columns ? width + GAP - columns : 0);
}

/* As many words as fit; at least one. */
static struct ks_str cut_line(struct ks_str *text, size_t width)
{
    size_t end = 0;

    for (size_t at = 0; at <= text->len;) {
        size_t blank = at + ks_str_find_byte(ks_str_from(*text, at), ' ');
        if (end && ks_unicode_columns(ks_str_head(*text, blank)) > width)
            break;
        end = blank;
        at = blank + 1;
    }
    struct ks_str line = ks_str_head(*text, end);
    *text = ks_str_from(*text, end < text->len ? end + 1 : end);
    return line;
}

static void print_last(FILE *out, struct ks_str text, size_t before)
{
    size_t width = before + LAST_MIN < CTL_TABLE_COLUMNS ? CTL_TABLE_COLUMNS - before : SIZE_MAX;

    print_text(out, cut_line(&text, width));
    while (text.len) {
        fputc('\n', out);
        print_blanks(out, before);
        print_text(out, cut_line(&text, width));
    }
    fputc('\n', out);
}

void ctl_table_print(FILE *out, enum ks_language language, const struct ctl_column *columns, json_t *rows)
{
    size_t widths[COLUMNS_MAX] = { 0 }, count = 0, index, before = 0;
    struct ks_buf text;
    json_t *row;

    ks_buf_init(&text, 65536);
    for (; columns[count].key; count++) {
        assert(count < COLUMNS_MAX);
        widths[count] = ks_unicode_columns(ks_say(language, columns[count].title));
        json_array_foreach(rows, index, row)
        {
            read_cell(&text, json_object_get(row, columns[count].key));
            size_t width = ks_unicode_columns(ks_buf_str(&text));
            widths[count] = width > widths[count] ? width : widths[count];
        }
    }
    assert(count > 0);
    for (size_t i = 0; i + 1 < count; i++) {
        print_padded(out, ks_say(language, columns[i].title), widths[i]);
        before += widths[i] + GAP;
    }
    print_last(out, ks_say(language, columns[count - 1].title), before);
    json_array_foreach(rows, index, row)
    {
        for (size_t i = 0; i < count; i++) {
            read_cell(&text, json_object_get(row, columns[i].key));
            if (i + 1 < count)
                print_padded(out, ks_buf_str(&text), widths[i]);
            else
                print_last(out, ks_buf_str(&text), before);
        }
    }
    ks_buf_done(&text);
}

/* --- a list --- */

void ctl_facts_print(FILE *out, enum ks_language language, const struct ctl_fact *facts, size_t count)
{
    size_t width = 0;

    for (size_t i = 0; i < count; i++) {
        size_t columns = ks_unicode_columns(ks_say(language, facts[i].id));
        width = columns > width ? columns : width;
    }
    for (size_t i = 0; i < count; i++) {
        print_padded(out, ks_say(language, facts[i].id), width);
        print_text(out, ks_str_z(facts[i].text));
        fputc('\n', out);
    }
}

void ctl_write_bytes(char *text, size_t cap, enum ks_language language, uint64_t bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    size_t unit = 0;
    uint64_t tenths = bytes < UINT64_MAX / 10 ? bytes * 10 : UINT64_MAX;

    for (; tenths >= 10000 && unit + 1 < KS_COUNT(units); unit++)
        tenths /= 1000;
    if (unit && tenths < 100 && tenths % 10)
        snprintf(text, cap, "%u%c%u %s", (unsigned)(tenths / 10), language == KS_GERMAN ? ',' : '.',
            (unsigned)(tenths % 10), units[unit]);
    else
        snprintf(text, cap, "%llu %s", (unsigned long long)(tenths / 10), units[unit]);
}

void ctl_write_duration(char *text, size_t cap, enum ks_language language, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *id;
    } units[] = { { 86400, SAY("unit.days") }, { 3600, SAY("unit.hours") }, { 60, SAY("unit.minutes") },
        { 1, SAY("unit.seconds") } };
    size_t unit = 0;
    struct ks_buf line;
    char count[24];

    while (units[unit].seconds > 1 && seconds < 2 * units[unit].seconds) /* so that the plural is right */
        unit++;
    snprintf(count, sizeof count, "%lld", (long long)(seconds / units[unit].seconds));
    ks_buf_init(&line, cap);
    ks_sentence_write(
        &line, language, units[unit].id, (const struct ks_filling[]) { { "count", ks_str_z(count) }, { NULL } });
    snprintf(text, cap, "%.*s", KS_STR_FMT(ks_buf_str(&line)));
    ks_buf_done(&line);
}

void ctl_write_time(char *text, size_t cap, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;

    if (!localtime_r(&seconds, &tm) || !strftime(text, cap, "%Y-%m-%d %H:%M", &tm))
        snprintf(text, cap, "?");
}
