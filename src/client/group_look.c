/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "group_look.h"

#include "enc.h"
#include "statement.h"

#define PURPOSE "konsil/0 look\n"

static const char *const names[] = { "title", "subject", "avatar", "salt", NULL };

static enum ks_err read_object(struct ks_arena *arena, const json_t *object, struct ks_look *look)
{
    struct ks_str avatar;
    enum ks_err err;

    if ((err = ks_statement_text(arena, json_object_get(object, "title"), KS_TITLE_MAX, &look->title)) != KS_OK
        || (err = ks_statement_text(arena, json_object_get(object, "subject"), KS_SUBJECT_MAX, &look->subject)) != KS_OK
        || (err = ks_statement_text(arena, json_object_get(object, "avatar"), KS_BASE64_LEN(KS_AVATAR_MAX), &avatar))
            != KS_OK
        || (err = ks_base64_read(arena, avatar, &look->avatar)) != KS_OK)
        return err;
    return ks_statement_bytes(arena, json_object_get(object, "salt"), sizeof(look->salt), look->salt);
}

enum ks_err ks_look_read(struct ks_arena *arena, struct ks_str json, struct ks_look *ret_look)
{
    json_t *object;
    enum ks_err err = ks_statement_open(json, "", names, &object);

    if (err != KS_OK)
        return err;
    err = read_object(arena, object, ret_look);
    json_decref(object);
    return err;
}

enum ks_err ks_look_write(struct ks_arena *arena, const struct ks_look *look, struct ks_str *ret_json)
{
    struct ks_buf json;
    enum ks_err err;

    ks_buf_init(&json, 64 * 1024);
    ks_buf_z(&json, "{\"title\":");
    ks_statement_put_text(&json, look->title);
    ks_buf_z(&json, ",\"subject\":");
    ks_statement_put_text(&json, look->subject);
    ks_buf_z(&json, ",\"avatar\":");
    ks_statement_put_bytes(&json, (const uint8_t *)look->avatar.ptr, look->avatar.len);
    ks_buf_z(&json, ",\"salt\":");
    ks_statement_put_bytes(&json, look->salt, sizeof(look->salt));
    ks_buf_byte(&json, '}');
    if ((err = ks_buf_err(&json)) == KS_OK)
        err = ks_arena_copy(arena, ks_buf_str(&json), ret_json);
    ks_buf_done(&json);
    return err;
}

void ks_look_hash(struct ks_str json, uint8_t ret_hash[32])
{
    ks_hash_parts(KS_SHA256, (struct ks_str[]) { KS_STR(PURPOSE), json }, 2, ret_hash);
}
