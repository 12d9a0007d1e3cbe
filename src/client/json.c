/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "json.h"

#include <jansson.h>

#include "codes.h"
#include "jid.h"
#include "schema.h"
#include "utf8.h"
#include "xml.h"

#define COMMAND_BYTES_MAX 131072
#define NAME_MAX_SHOWN 64 /* of a name that is not ours, when we repeat it */

/* --- reading --- */

static void *member(void *value, const struct ks_js_field *field)
{
    return (char *)value + field->offset;
}

/* What we repeat of a stranger's text: its beginning, cut between characters. */
static enum ks_err copy_shown(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text)
{
    return ks_arena_copy(arena, ks_utf8_head(text, NAME_MAX_SHOWN), ret_text);
}

static enum ks_err read_text(
    struct ks_arena *arena, const json_t *json, const struct ks_js_field *field, struct ks_str *ret_text)
{
    struct ks_str text;

    if (!json_is_string(json))
        return KS_ESYNTAX;
    text = ks_str(json_string_value(json), json_string_length(json));
    if ((int64_t)text.len < field->min || (int64_t)text.len > field->max || !ks_xml_text_ok(text))
        return KS_ESYNTAX;
    return ks_arena_copy(arena, text, ret_text);
}

static enum ks_err read_jid(
    struct ks_arena *arena, const json_t *json, const struct ks_js_field *field, struct ks_str *ret_text)
{
    struct ks_str text;
    struct ks_jid jid;
    enum ks_err err;

    if ((err = read_text(arena, json, field, &text)) != KS_OK)
        return err;
    if ((err = ks_jid_parse(arena, text, &jid)) != KS_OK)
        return err;
    if (!ks_jid_is_bare(jid) || jid.local.len == 0)
        return KS_ESYNTAX;
    return ks_jid_text(arena, jid, ret_text);
}

static enum ks_err read_texts(
    struct ks_arena *arena, const json_t *json, const struct ks_js_field *field, struct ks_js_texts *ret_texts)
{
    size_t count = json_array_size(json);
    struct ks_str *items;
    enum ks_err err;

    if (!json_is_array(json) || count > field->items_max)
        return KS_ESYNTAX;
    if (!(items = ks_arena_zero(arena, count * sizeof(*items))))
        return KS_ENOMEM;
    for (size_t i = 0; i < count; i++)
        if ((err = read_text(arena, json_array_get(json, i), field, &items[i])) != KS_OK)
            return err;
    *ret_texts = (struct ks_js_texts) { items, count };
    return KS_OK;
}

static enum ks_err read_int(const json_t *json, const struct ks_js_field *field, int64_t *ret_value)
{
    int64_t value = json_integer_value(json);

    if (!json_is_integer(json) || value < field->min || value > field->max)
        return KS_ESYNTAX;
    *ret_value = value;
    return KS_OK;
}

static enum ks_err read_choice(const json_t *json, const struct ks_js_field *field, int *ret_choice)
{
    if (!json_is_string(json))
        return KS_ESYNTAX;
    for (int i = 0; field->choices[i]; i++)
        if (ks_str_is(ks_str(json_string_value(json), json_string_length(json)), field->choices[i])) {
            *ret_choice = i + 1;
            return KS_OK;
        }
    return KS_ESYNTAX;
}

static enum ks_err read_list(struct ks_arena *arena, json_t *json, const struct ks_js_field *field, void *at);

static enum ks_err read_member(struct ks_arena *arena, json_t *json, const struct ks_js_field *field, void *value)
{
    void *at = member(value, field);

    switch (field->kind) {
    case KS_JS_TEXT:
    case KS_JS_SECRET:
        return read_text(arena, json, field, at);
    case KS_JS_JID:
        return read_jid(arena, json, field, at);
    case KS_JS_INT:
        return read_int(json, field, at);
    case KS_JS_BOOL:
        if (!json_is_boolean(json))
            return KS_ESYNTAX;
        *(bool *)at = json_is_true(json);
        return KS_OK;
    case KS_JS_TEXTS:
        return read_texts(arena, json, field, at);
    case KS_JS_ENUM:
        return read_choice(json, field, at);
    case KS_JS_LIST:
        return read_list(arena, json, field, at);
    case KS_JS_STRUCT:
        break;
    }
    assert(!"the schema has no such command");
    return KS_ESYNTAX;
}

static enum ks_err problem(
    struct ks_arena *arena, struct ks_js_problem *ret_problem, const char *code, const char *name)
{
    enum ks_err err;

    ret_problem->code = code;
    if ((err = copy_shown(arena, ks_str_z(name), &ret_problem->detail)) != KS_OK)
        return err;
    return KS_ESYNTAX;
}

static const struct ks_js_field *find_field(const struct ks_js_shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->count; i++)
        if (strcmp(shape->fields[i].name, name) == 0)
            return &shape->fields[i];
    return NULL;
}

/* Arrays of structs in the schema's structs are a pointer and a count, whatever they hold. */
struct any_list {
    const void *items;
    size_t count;
};

/* KS_ESYNTAX without a word which: the member that holds the object is named. */
static enum ks_err read_object(struct ks_arena *arena, json_t *object, const struct ks_js_shape *shape, void *value)
{
    const char *name;
    json_t *json;
    enum ks_err err;

    if (!json_is_object(object))
        return KS_ESYNTAX;
    json_object_foreach(object, name, json)
    {
        const struct ks_js_field *field = find_field(shape, name);

        if (!field)
            return KS_ESYNTAX;
        if ((err = read_member(arena, json, field, value)) != KS_OK)
            return err;
    }
    for (size_t i = 0; i < shape->count; i++)
        if (!shape->fields[i].optional && !json_object_get(object, shape->fields[i].name))
            return KS_ESYNTAX;
    return KS_OK;
}

static enum ks_err read_list(struct ks_arena *arena, json_t *json, const struct ks_js_field *field, void *at)
{
    size_t count = json_array_size(json);
    struct any_list list = { .count = count };
    char *items;
    enum ks_err err;

    if (!json_is_array(json) || count > field->items_max)
        return KS_ESYNTAX;
    if (!(items = ks_arena_zero(arena, count * field->shape->size)))
        return KS_ENOMEM;
    for (size_t i = 0; i < count; i++)
        if ((err = read_object(arena, json_array_get(json, i), field->shape, items + i * field->shape->size)) != KS_OK)
            return err;
    list.items = items;
    memcpy(at, &list, sizeof(list));
    return KS_OK;
}

static enum ks_err read_members(struct ks_arena *arena, json_t *object, const struct ks_js_shape *shape, void *value,
    struct ks_js_problem *ret_problem)
{
    const char *name;
    json_t *json;
    enum ks_err err;

    json_object_foreach(object, name, json)
    {
        const struct ks_js_field *field = find_field(shape, name);

        if (strcmp(name, "cmd") == 0 || strcmp(name, "id") == 0)
            continue;
        if (!field)
            return problem(arena, ret_problem, KS_CODE_COMMAND_MEMBER_UNKNOWN, name);
        if ((err = read_member(arena, json, field, value)) == KS_ESYNTAX)
            return problem(arena, ret_problem, KS_CODE_COMMAND_MEMBER_WRONG, name);
        if (err != KS_OK)
            return err;
    }
    for (size_t i = 0; i < shape->count; i++)
        if (!shape->fields[i].optional && !json_object_get(object, shape->fields[i].name))
            return problem(arena, ret_problem, KS_CODE_COMMAND_MEMBER_MISSING, shape->fields[i].name);
    return KS_OK;
}

/* cmd and id, which every command has. */
static enum ks_err read_head(
    struct ks_arena *arena, const json_t *object, struct ks_cmd *cmd, struct ks_js_problem *ret_problem)
{
    static const struct ks_js_field id_field = { .name = "id", .kind = KS_JS_TEXT, .max = NAME_MAX_SHOWN };
    const json_t *name = json_object_get(object, "cmd"), *id = json_object_get(object, "id");
    enum ks_err err;

    if (id && (err = read_text(arena, id, &id_field, &cmd->id)) != KS_OK)
        return err == KS_ESYNTAX ? problem(arena, ret_problem, KS_CODE_COMMAND_MEMBER_WRONG, "id") : err;
    ret_problem->id = cmd->id;
    if (!json_is_string(name))
        return problem(arena, ret_problem, KS_CODE_COMMAND_MEMBER_MISSING, "cmd");
    if ((err = copy_shown(arena, ks_str(json_string_value(name), json_string_length(name)), &ret_problem->cmd))
        != KS_OK)
        return err;
    for (int i = 0; i < KS_CMD_COUNT; i++)
        if (ks_str_is(ret_problem->cmd, ks_cmd_shapes[i].name)) {
            cmd->kind = (enum ks_cmd_kind)i;
            return KS_OK;
        }
    return problem(arena, ret_problem, KS_CODE_COMMAND_UNKNOWN, "cmd");
}

enum ks_err ks_json_command(
    struct ks_arena *arena, struct ks_str text, struct ks_cmd *ret_cmd, struct ks_js_problem *ret_problem)
{
    json_error_t error;
    json_t *object;
    enum ks_err err;

    *ret_problem = (struct ks_js_problem) { .code = NULL };
    memset(ret_cmd, 0, sizeof(*ret_cmd));
    if (text.len > COMMAND_BYTES_MAX)
        return problem(arena, ret_problem, KS_CODE_COMMAND_TOO_BIG, NULL);
    if (!(object = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error))) {
        if (json_error_code(&error) == json_error_out_of_memory)
            return KS_ENOMEM;
        return problem(arena, ret_problem, KS_CODE_COMMAND_SYNTAX, NULL);
    }
    if (!json_is_object(object))
        err = problem(arena, ret_problem, KS_CODE_COMMAND_SYNTAX, NULL);
    else if ((err = read_head(arena, object, ret_cmd, ret_problem)) == KS_OK)
        /* Every member of the union starts where hello does. */
        err = read_members(arena, object, &ks_cmd_shapes[ret_cmd->kind], &ret_cmd->hello, ret_problem);
    json_decref(object);
    return err;
}

/* --- writing --- */

static void write_text(struct ks_buf *buf, struct ks_str text)
{
    size_t start = 0;

    ks_buf_byte(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        ks_buf_add(buf, ks_str(text.ptr + start, i - start));
        start = i + 1;
        if (c == '\n')
            ks_buf_z(buf, "\\n");
        else if (c < 0x20)
            ks_buf_printf(buf, "\\u%04x", c);
        else
            ks_buf_printf(buf, "\\%c", c);
    }
    ks_buf_add(buf, ks_str_from(text, start));
    ks_buf_byte(buf, '"');
}

static void write_members(struct ks_buf *buf, const struct ks_js_shape *shape, const char *value, bool first);

static void write_object(struct ks_buf *buf, const struct ks_js_shape *shape, const char *value)
{
    ks_buf_byte(buf, '{');
    write_members(buf, shape, value, true);
    ks_buf_byte(buf, '}');
}

static struct any_list list_at(const void *at)
{
    struct any_list list;

    memcpy(&list, at, sizeof(list));
    return list;
}

static const char *pointer_at(const void *at)
{
    const char *ptr;

    memcpy(&ptr, at, sizeof(ptr));
    return ptr;
}

static void write_list(struct ks_buf *buf, const struct ks_js_shape *shape, struct any_list list)
{
    ks_buf_byte(buf, '[');
    for (size_t i = 0; i < list.count; i++) {
        if (i > 0)
            ks_buf_byte(buf, ',');
        write_object(buf, shape, (const char *)list.items + i * shape->size);
    }
    ks_buf_byte(buf, ']');
}

static void write_texts(struct ks_buf *buf, const struct ks_js_texts *texts)
{
    ks_buf_byte(buf, '[');
    for (size_t i = 0; i < texts->count; i++) {
        if (i > 0)
            ks_buf_byte(buf, ',');
        write_text(buf, texts->items[i]);
    }
    ks_buf_byte(buf, ']');
}

static bool is_absent(const struct ks_js_field *field, const void *at)
{
    switch (field->kind) {
    case KS_JS_TEXT:
    case KS_JS_JID:
    case KS_JS_SECRET:
        return !((const struct ks_str *)at)->ptr;
    case KS_JS_INT:
        return *(const int64_t *)at == 0;
    case KS_JS_BOOL:
        return !*(const bool *)at;
    case KS_JS_TEXTS:
        return ((const struct ks_js_texts *)at)->count == 0;
    case KS_JS_ENUM:
        return *(const int *)at == 0;
    case KS_JS_STRUCT:
        return !pointer_at(at);
    case KS_JS_LIST:
        return list_at(at).count == 0;
    }
    return true;
}

static void write_value(struct ks_buf *buf, const struct ks_js_field *field, const void *at)
{
    switch (field->kind) {
    case KS_JS_TEXT:
    case KS_JS_JID:
        write_text(buf, *(const struct ks_str *)at);
        break;
    case KS_JS_SECRET:
        assert(!"an event has no secrets");
        break;
    case KS_JS_INT:
        ks_buf_printf(buf, "%lld", (long long)*(const int64_t *)at);
        break;
    case KS_JS_BOOL:
        ks_buf_z(buf, *(const bool *)at ? "true" : "false");
        break;
    case KS_JS_TEXTS:
        write_texts(buf, at);
        break;
    case KS_JS_ENUM:
        assert(*(const int *)at > 0);
        write_text(buf, ks_str_z(field->choices[*(const int *)at - 1]));
        break;
    case KS_JS_STRUCT:
        assert(pointer_at(at));
        write_object(buf, field->shape, pointer_at(at));
        break;
    case KS_JS_LIST:
        write_list(buf, field->shape, list_at(at));
        break;
    }
}

static void write_members(struct ks_buf *buf, const struct ks_js_shape *shape, const char *value, bool first)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct ks_js_field *field = &shape->fields[i];

        if (field->optional && is_absent(field, value + field->offset))
            continue;
        if (!first)
            ks_buf_byte(buf, ',');
        first = false;
        write_text(buf, ks_str_z(field->name));
        ks_buf_byte(buf, ':');
        write_value(buf, field, value + field->offset);
    }
}

void ks_json_event(struct ks_buf *buf, const struct ks_js_shape *shape, const void *value)
{
    ks_buf_z(buf, "{\"event\":");
    write_text(buf, ks_str_z(shape->name));
    write_members(buf, shape, value, false);
    ks_buf_byte(buf, '}');
}
