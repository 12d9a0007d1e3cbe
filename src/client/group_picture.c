/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "group_picture.h"

#include "command.h"
#include "enc.h"
#include "engine.h"
#include "group_look.h"
#include "picture.h"

enum ks_err ks_group_picture_id(struct konsil *k, struct ks_str avatar, struct ks_str *ret_id)
{
    *ret_id = KS_STR_EMPTY;
    return ks_picture_type(avatar) ? ks_picture_id(k, avatar, ret_id) : KS_OK;
}

/* Of what was read before: it is as it was then. */
static enum ks_err read_look(struct konsil *k, struct ks_str json, struct ks_look *ret_look)
{
    enum ks_err err;

    *ret_look = (struct ks_look) { .avatar = KS_STR_EMPTY };
    if (json.len == 0)
        return KS_OK;
    err = ks_look_read(&k->arena, json, ret_look);
    return err == KS_OK || err == KS_ENOMEM ? err : KS_ESTORE;
}

enum ks_err ks_group_look_notice(
    struct konsil *k, const struct ks_group *group, bool *ret_changed, enum ks_js_notice *ret_notice)
{
    struct ks_look old, now;
    bool words, picture;
    enum ks_err err = read_look(k, group->look, &old);

    if (err != KS_OK || (err = read_look(k, group->pending_look, &now)) != KS_OK)
        return err;
    words = !ks_str_eq(old.title, now.title) || !ks_str_eq(old.subject, now.subject);
    picture = !ks_str_eq(old.avatar, now.avatar);
    *ret_changed = words || picture;
    *ret_notice = words ? KS_JS_NOTICE_RENAMED : KS_JS_NOTICE_PICTURED;
    return KS_OK;
}

enum ks_err ks_group_picture_ask(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_room_picture event = { .re = cmd->id, .room = cmd->room_picture.room };
    struct ks_group group;
    struct ks_look look;
    enum ks_err err = ks_group_get(k, event.room, &group);

    if (err == KS_ENOTFOUND)
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_NONE, KS_STR_EMPTY);
    if (err != KS_OK || (err = read_look(k, group.look, &look)) != KS_OK
        || (err = ks_group_picture_id(k, look.avatar, &event.picture)) != KS_OK)
        return err;
    if (event.picture.len > 0) {
        event.type = ks_str_z(ks_picture_type(look.avatar));
        err = ks_base64(&k->arena, look.avatar, &event.image);
    }
    return err == KS_OK ? ks_tell(k, KS_EV_ROOM_PICTURE, &event) : err;
}

static enum ks_err change(struct konsil *k, const struct ks_cmd *cmd, struct ks_str room, struct ks_str avatar)
{
    struct ks_group_change change = { .avatar = avatar };
    const char *code = NULL;
    struct ks_str text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err != KS_OK || (err = ks_group_change(k, room, &change, text, &code)) != KS_OK)
        return err;
    return code ? ks_cmd_refuse(k, cmd, code, KS_STR_EMPTY) : KS_OK;
}

enum ks_err ks_group_picture_set(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_room_picture_set *set = &cmd->room_picture_set;
    struct ks_str bytes;
    enum ks_err err = ks_picture_read(k, set->image, KS_GROUP_PICTURE_MAX, &bytes);

    if (err == KS_ESYNTAX)
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_NO_PICTURE, KS_STR_EMPTY);
    return err == KS_OK ? change(k, cmd, set->room, bytes) : err;
}

enum ks_err ks_group_picture_remove(struct konsil *k, const struct ks_cmd *cmd)
{
    return change(k, cmd, cmd->room_picture_remove.room, KS_STR(""));
}
