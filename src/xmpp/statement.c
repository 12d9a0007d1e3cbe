/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "statement.h"

#include "enc.h"
#include "jid.h"

static bool is_named(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(**names == '?' ? *names + 1 : *names, name) == 0)
            return true;
    return false;
}

static bool fits(json_t *object, const char *const *names)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return false;
    json_object_foreach(object, name, value) if (!is_named(names, name)) return false;
    for (; *names; names++)
        if (**names != '?' && !json_object_get(object, *names))
            return false;
    return true;
}

enum ks_err ks_statement_open(struct ks_str data, const char *purpose, const char *const *names, json_t **ret_object)
{
    struct ks_str json = ks_str_from(data, strlen(purpose));
    json_error_t error;
    json_t *object;

    /* Blanks around the object would be JSON, and bytes beside it. */
    if (!ks_str_starts(data, ks_str_z(purpose)) || json.len < 2 || json.ptr[0] != '{' || json.ptr[json.len - 1] != '}')
        return KS_ESYNTAX;
    if (!(object = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &error)))
        return json_error_code(&error) == json_error_out_of_memory ? KS_ENOMEM : KS_ESYNTAX;
    if (!fits(object, names)) {
        json_decref(object);
        return KS_ESYNTAX;
    }
    *ret_object = object;
    return KS_OK;
}

enum ks_err ks_statement_text(struct ks_arena *arena, const json_t *value, size_t bytes_max, struct ks_str *ret_text)
{
    if (!json_is_string(value) || json_string_length(value) > bytes_max)
        return KS_ESYNTAX;
    return ks_arena_copy(arena, ks_str(json_string_value(value), json_string_length(value)), ret_text);
}

enum ks_err ks_statement_number(const json_t *value, uint64_t max, uint64_t *ret_number)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 0 || (uint64_t)number > max)
        return KS_ESYNTAX;
    *ret_number = (uint64_t)number;
    return KS_OK;
}

enum ks_err ks_statement_bytes(struct ks_arena *arena, const json_t *value, size_t len, uint8_t *ret_bytes)
{
    struct ks_str bytes;
    enum ks_err err;

    if (!json_is_string(value))
        return KS_ESYNTAX;
    err = ks_base64_read(arena, ks_str(json_string_value(value), json_string_length(value)), &bytes);
    if (err != KS_OK)
        return err;
    if (bytes.len != len)
        return KS_ESYNTAX;
    memcpy(ret_bytes, bytes.ptr, len);
    return KS_OK;
}

enum ks_err ks_statement_jid(struct ks_arena *arena, const json_t *value, struct ks_str *ret_jid)
{
    struct ks_str text, normal;
    struct ks_jid jid;
    enum ks_err err = ks_statement_text(arena, value, KS_JID_MAX, &text);

    if (err != KS_OK || (err = ks_jid_parse(arena, text, &jid)) != KS_OK
        || (err = ks_jid_text(arena, jid, &normal)) != KS_OK)
        return err;
    if (!ks_jid_is_bare(jid) || jid.local.len == 0 || !ks_str_eq(text, normal))
        return KS_ESYNTAX;
    *ret_jid = normal;
    return KS_OK;
}

void ks_statement_put_text(struct ks_buf *buf, struct ks_str text)
{
    ks_buf_byte(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.ptr[i];

        if (byte == '"' || byte == '\\')
            ks_buf_printf(buf, "\\%c", byte);
        else if (byte < 0x20)
            ks_buf_printf(buf, "\\u%04x", byte);
        else
            ks_buf_byte(buf, byte);
    }
    ks_buf_byte(buf, '"');
}

void ks_statement_put_bytes(struct ks_buf *buf, const uint8_t *bytes, size_t len)
{
    ks_buf_byte(buf, '"');
    ks_base64_add(buf, ks_str(bytes, len));
    ks_buf_byte(buf, '"');
}
