/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "form_client.h"

#include "ns.h"

struct reading {
    struct ks_arena *arena;
    size_t left; /* of KS_FORM_BYTES_MAX */
};

/* §3.3; what is none of these is asked for as a line of text. */
static const char *const types[] = { "boolean", "fixed", "hidden", "jid-multi", "jid-single", "list-multi",
    "list-single", "text-multi", "text-private", "text-single" };

static struct ks_str type_of(const struct ks_xml *field)
{
    struct ks_str type = ks_xml_attr(field, "type");

    for (size_t i = 0; i < KS_COUNT(types); i++)
        if (ks_str_is(type, types[i]))
            return ks_str_z(types[i]);
    return KS_STR("text-single");
}

static enum ks_err take(struct reading *reading, struct ks_str text, struct ks_str *ret_text)
{
    if (text.len > reading->left)
        return KS_ELIMIT;
    reading->left -= text.len;
    *ret_text = text.len > 0 ? text : KS_STR_EMPTY;
    return KS_OK;
}

static size_t count(const struct ks_xml *parent, const char *name)
{
    size_t n = 0;

    for (const struct ks_xml *at = ks_xml_child(parent, NS_DATA, name); at; at = ks_xml_next(at, NS_DATA, name))
        n++;
    return n;
}

/* The texts of all children of a name. */
static enum ks_err read_texts(
    struct reading *reading, const struct ks_xml *parent, const char *name, struct ks_js_texts *ret_texts)
{
    size_t n = count(parent, name), i = 0;
    struct ks_str *items;
    enum ks_err err;

    if (n > KS_FORM_OPTIONS_MAX)
        return KS_ELIMIT;
    if (!(items = ks_arena_zero(reading->arena, n * sizeof(*items))))
        return KS_ENOMEM;
    for (const struct ks_xml *at = ks_xml_child(parent, NS_DATA, name); at; at = ks_xml_next(at, NS_DATA, name))
        if ((err = take(reading, ks_xml_text(reading->arena, at), &items[i++])) != KS_OK)
            return err;
    *ret_texts = (struct ks_js_texts) { items, n };
    return KS_OK;
}

static enum ks_err read_options(
    struct reading *reading, const struct ks_xml *field, struct ks_js_form_option_list *ret_options)
{
    size_t n = count(field, "option"), i = 0;
    struct ks_js_form_option *items;
    enum ks_err err;

    if (n > KS_FORM_OPTIONS_MAX)
        return KS_ELIMIT;
    if (!(items = ks_arena_zero(reading->arena, n * sizeof(*items))))
        return KS_ENOMEM;
    for (const struct ks_xml *at = ks_xml_child(field, NS_DATA, "option"); at; at = ks_xml_next(at, NS_DATA, "option"))
        if ((err = take(reading, ks_xml_text(reading->arena, ks_xml_child(at, NS_DATA, "value")), &items[i].value))
                != KS_OK
            || (err = take(reading, ks_xml_attr(at, "label"), &items[i++].label)) != KS_OK)
            return err;
    *ret_options = (struct ks_js_form_option_list) { items, n };
    return KS_OK;
}

static enum ks_err read_field(struct reading *reading, const struct ks_xml *field, struct ks_js_form_field *ret_field)
{
    enum ks_err err;

    *ret_field = (struct ks_js_form_field) { .type = type_of(field),
        .required = ks_xml_child(field, NS_DATA, "required") != NULL };
    if ((err = take(reading, ks_xml_attr(field, "var"), &ret_field->var)) != KS_OK
        || (err = take(reading, ks_xml_attr(field, "label"), &ret_field->label)) != KS_OK
        || (err = take(reading, ks_xml_text(reading->arena, ks_xml_child(field, NS_DATA, "desc")), &ret_field->hint))
            != KS_OK
        || (err = read_texts(reading, field, "value", &ret_field->values)) != KS_OK)
        return err;
    return read_options(reading, field, &ret_field->options);
}

/* Of a form, of <reported/> or of <item/>. A field without a name is a text to be shown, or nothing. */
static enum ks_err read_fields(
    struct reading *reading, const struct ks_xml *parent, struct ks_js_form_field_list *ret_fields)
{
    size_t n = count(parent, "field"), used = 0;
    struct ks_js_form_field *items;
    enum ks_err err;

    if (n > KS_FORM_FIELDS_MAX)
        return KS_ELIMIT;
    if (!(items = ks_arena_zero(reading->arena, n * sizeof(*items))))
        return KS_ENOMEM;
    for (const struct ks_xml *at = ks_xml_child(parent, NS_DATA, "field"); at; at = ks_xml_next(at, NS_DATA, "field")) {
        if ((err = read_field(reading, at, &items[used])) != KS_OK)
            return err;
        used += items[used].var.len > 0 || ks_str_is(items[used].type, "fixed");
    }
    *ret_fields = (struct ks_js_form_field_list) { items, used };
    return KS_OK;
}

static enum ks_err read_rows(struct reading *reading, const struct ks_xml *x, struct ks_js_form_row_list *ret_rows)
{
    size_t n = count(x, "item"), i = 0;
    struct ks_js_form_row *items;
    enum ks_err err;

    if (n > KS_FORM_ROWS_MAX)
        return KS_ELIMIT;
    if (!(items = ks_arena_zero(reading->arena, n * sizeof(*items))))
        return KS_ENOMEM;
    for (const struct ks_xml *at = ks_xml_child(x, NS_DATA, "item"); at; at = ks_xml_next(at, NS_DATA, "item"))
        if ((err = read_fields(reading, at, &items[i++].fields)) != KS_OK)
            return err;
    *ret_rows = (struct ks_js_form_row_list) { items, n };
    return KS_OK;
}

enum ks_err ks_form_read(struct ks_arena *arena, const struct ks_xml *x, struct ks_js_form *ret_form)
{
    struct reading reading = { arena, KS_FORM_BYTES_MAX };
    const struct ks_xml *reported = ks_xml_child(x, NS_DATA, "reported");
    enum ks_err err;

    *ret_form = (struct ks_js_form) { .title = KS_STR_EMPTY };
    if ((err = take(&reading, ks_xml_text(arena, ks_xml_child(x, NS_DATA, "title")), &ret_form->title)) != KS_OK
        || (err = read_texts(&reading, x, "instructions", &ret_form->instructions)) != KS_OK
        || (err = read_fields(&reading, reported ? reported : x, &ret_form->fields)) != KS_OK)
        return err;
    return read_rows(&reading, x, &ret_form->rows);
}

struct ks_xml *ks_form_submit(
    struct ks_arena *arena, struct ks_xml *parent, const struct ks_js_form_answer_list *answers)
{
    struct ks_xml *x = ks_xml_set(arena, ks_xml_add(arena, parent, NS_DATA, "x"), "type", KS_STR("submit"));

    for (size_t i = 0; i < answers->count; i++) {
        const struct ks_js_form_answer *answer = &answers->items[i];
        struct ks_xml *field = ks_xml_add(arena, x, NS_DATA, "field");

        if (!ks_xml_set(arena, field, "var", answer->var))
            return NULL;
        for (size_t j = 0; j < answer->values.count; j++)
            if (!ks_xml_add_text(arena, field, NS_DATA, "value", answer->values.items[j]))
                return NULL;
    }
    return x;
}
