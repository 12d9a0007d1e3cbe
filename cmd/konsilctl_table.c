/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsilctl_table.h"

#include "buf.h"
#include "unicode.h"

static void cell(struct ks_buf *buf, json_t *value)
{
    ks_buf_reset(buf);
    if (json_is_string(value))
        ks_buf_add(buf, ks_str(json_string_value(value), json_string_length(value)));
    else if (json_is_integer(value))
        ks_buf_printf(buf, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        ks_buf_z(buf, json_is_true(value) ? "+" : "-");
}

static void print_padded(FILE *out, struct ks_str text, size_t width, bool last)
{
    /* What a person typed into a directory must not steer the terminal. */
    for (size_t i = 0; i < text.len; i++)
        fputc((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 127 ? '?' : text.ptr[i], out);
    for (size_t columns = ks_unicode_columns(text); !last && columns < width + 2; columns++)
        fputc(' ', out);
}

void ctl_table_print(FILE *out, const struct ctl_column *columns, json_t *rows)
{
    size_t widths[16] = { 0 }, count = 0, index;
    struct ks_buf text;
    json_t *row;

    ks_buf_init(&text, 65536);
    for (; columns[count].key; count++) {
        assert(count < KS_COUNT(widths));
        widths[count] = ks_unicode_columns(ks_str_z(columns[count].title));
        json_array_foreach(rows, index, row)
        {
            cell(&text, json_object_get(row, columns[count].key));
            size_t width = ks_unicode_columns(ks_buf_str(&text));
            widths[count] = width > widths[count] ? width : widths[count];
        }
    }
    for (size_t i = 0; i < count; i++)
        print_padded(out, ks_str_z(columns[i].title), widths[i], i == count - 1);
    fputc('\n', out);
    json_array_foreach(rows, index, row)
    {
        for (size_t i = 0; i < count; i++) {
            cell(&text, json_object_get(row, columns[i].key));
            print_padded(out, ks_buf_str(&text), widths[i], i == count - 1);
        }
        fputc('\n', out);
    }
    ks_buf_done(&text);
}
