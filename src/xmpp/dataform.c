/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "dataform.h"

#include "ns.h"

const struct ks_xml *ks_form_find(struct ks_arena *arena, const struct ks_xml *parent, const char *form_type)
{
    const struct ks_xml *form = ks_xml_child(parent, NS_DATA, "x");

    while (form && !ks_str_is(ks_form_value(arena, form, "FORM_TYPE"), form_type))
        form = ks_xml_next(form, NS_DATA, "x");
    return form;
}

const struct ks_xml *ks_form_field(const struct ks_xml *form, const char *var)
{
    const struct ks_xml *field = ks_xml_child(form, NS_DATA, "field");

    while (field && !ks_str_is(ks_xml_attr(field, "var"), var))
        field = ks_xml_next(field, NS_DATA, "field");
    return field;
}

struct ks_str ks_form_value(struct ks_arena *arena, const struct ks_xml *form, const char *var)
{
    const struct ks_xml *value = ks_xml_child(ks_form_field(form, var), NS_DATA, "value");
    struct ks_str text;

    if (!value)
        return KS_STR_EMPTY;
    text = ks_xml_text(arena, value);
    return text.ptr ? text : KS_STR("");
}

bool ks_form_bool(struct ks_str value, bool *ret_value)
{
    if (ks_str_is(value, "1") || ks_str_is(value, "true"))
        *ret_value = true;
    else if (ks_str_is(value, "0") || ks_str_is(value, "false"))
        *ret_value = false;
    else
        return false;
    return true;
}

struct ks_xml *ks_form_new(struct ks_arena *arena, const char *type_z, const char *form_type)
{
    struct ks_xml *form = ks_xml_new(arena, NS_DATA, "x");

    ks_xml_set(arena, form, "type", ks_str_z(type_z));
    ks_form_add(arena, form, "FORM_TYPE", "hidden", ks_str_z(form_type));
    return form;
}

struct ks_xml *ks_form_add(
    struct ks_arena *arena, struct ks_xml *form, const char *var, const char *type_z, struct ks_str value)
{
    struct ks_xml *field = ks_xml_add(arena, form, NS_DATA, "field");

    ks_xml_set(arena, field, "var", ks_str_z(var));
    if (type_z)
        ks_xml_set(arena, field, "type", ks_str_z(type_z));
    if (value.ptr)
        ks_xml_add_text(arena, field, NS_DATA, "value", value);
    return field;
}

struct ks_xml *ks_form_add_words(struct ks_arena *arena, struct ks_xml *form, const char *var, struct ks_str text)
{
    struct ks_xml *field = ks_form_add(arena, form, var, "list-multi", KS_STR_EMPTY);
    struct ks_str word;

    while (text.len && ks_str_cut(&text, ' ', &word))
        if (word.len && ks_arena_copy(arena, word, &word) == KS_OK)
            ks_xml_add_text(arena, field, NS_DATA, "value", word);
    return field;
}
