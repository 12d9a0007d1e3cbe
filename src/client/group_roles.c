/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "group_roles.h"

#include "command.h"
#include "dataform.h"
#include "engine.h"
#include "inbox.h"

static enum ks_err known(
    struct konsil *k, const struct ks_cmd *cmd, struct ks_str room, struct ks_group *ret_group, bool *ret_known)
{
    enum ks_err err = ks_group_get(k, room, ret_group);

    *ret_known = err == KS_OK;
    return err == KS_ENOTFOUND ? ks_cmd_refuse(k, cmd, KS_CODE_ROOM_NONE, KS_STR_EMPTY) : err;
}

/* One item of muc#admin: of whom (who: "nick" or "jid"), and what becomes of it. Without a reason, which servers would
 * read. */
static enum ks_err change(struct konsil *k, const struct ks_cmd *cmd, struct ks_str room, const char *who,
    struct ks_str name, const char *what, const char *value)
{
    struct ks_xml *query = ks_xml_new(&k->arena, NS_MUC_ADMIN, "query"), *item;
    struct ks_group group;
    struct ks_str text;
    bool is;
    enum ks_err err = known(k, cmd, room, &group, &is);

    if (err != KS_OK || !is || (err = ks_cmd_text(k, cmd, &text)) != KS_OK)
        return err;
    item = ks_xml_add(&k->arena, query, NS_MUC_ADMIN, "item");
    if (!ks_xml_set(&k->arena, item, who, name) || !ks_xml_set(&k->arena, item, what, ks_str_z(value)))
        return KS_ENOMEM;
    return ks_cmd_sent(k, cmd, ks_iq_send(k, "set", room, query, ks_cmd_answered, text, 0));
}

enum ks_err ks_group_kick(struct konsil *k, const struct ks_cmd *cmd)
{
    return change(k, cmd, cmd->room_kick.room, "nick", cmd->room_kick.nick, "role", "none"); /* §8.2 */
}

enum ks_err ks_group_voice(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_room_voice *ask = &cmd->room_voice;

    return change(
        k, cmd, ask->room, "nick", ask->nick, "role", ask->voice ? "participant" : "visitor"); /* §8.3, §8.4 */
}

enum ks_err ks_group_moderator(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_room_moderator *ask = &cmd->room_moderator;

    return change(
        k, cmd, ask->room, "nick", ask->nick, "role", ask->moderator ? "moderator" : "participant"); /* §9.6 */
}

static bool add_field(struct ks_arena *arena, struct ks_xml *form, const char *var, const char *value)
{
    struct ks_xml *field = ks_xml_add(arena, form, NS_DATA, "field");

    return ks_xml_set(arena, field, "var", ks_str_z(var))
        && ks_xml_add_text(arena, field, NS_DATA, "value", ks_str_z(value));
}

/* §7.13. The room passes it on to moderators and answers nothing, so the command is answered at once. */
enum ks_err ks_group_ask_voice(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str room = cmd->room_ask_voice.room;
    const struct ks_group_live *live = ks_group_live(k, room);
    struct ks_xml *message, *form;
    struct ks_group group;
    bool is;
    enum ks_err err = known(k, cmd, room, &group, &is);

    if (err != KS_OK || !is)
        return err;
    if (!ks_online(k) || !live || live->place != KS_GROUP_IN)
        return ks_cmd_refuse(k, cmd, KS_CODE_OFFLINE, KS_STR_EMPTY);
    message = ks_xml_new(&k->arena, NS_CLIENT, "message");
    form = ks_xml_add(&k->arena, message, NS_DATA, "x");
    if (!ks_xml_set(&k->arena, message, "to", room) || !ks_xml_set(&k->arena, form, "type", KS_STR("submit"))
        || !add_field(&k->arena, form, "FORM_TYPE", NS_MUC_REQUEST)
        || !add_field(&k->arena, form, "muc#role", "participant"))
        return KS_ENOMEM;
    return (err = ks_send_stanza(k, message, 0)) == KS_OK ? ks_cmd_done(k, cmd) : err;
}

/* The form names who wishes it, and the room vouches for that: it is from its own address, and not an occupant's. */
enum ks_err ks_group_voice_asked(struct konsil *k, const struct ks_inbound *in)
{
    struct ks_str room = ks_xml_attr(in->message, "from");
    const struct ks_group_live *live = ks_group_live(k, room);
    const struct ks_xml *form = live ? ks_form_find(&k->arena, in->message, NS_MUC_REQUEST) : NULL;
    struct ks_ev_room_voice_asked event = { .room = room };

    if (!form || live->place != KS_GROUP_IN)
        return KS_OK;
    event.nick = ks_form_value(&k->arena, form, "muc#roomnick");
    return ks_occupants_find(&live->occupants, event.nick) ? ks_tell(k, KS_EV_ROOM_VOICE_ASKED, &event) : KS_OK;
}

enum ks_err ks_group_ban(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_room_ban *ban = &cmd->room_ban;
    struct ks_group_change statement = { .remove = ban->member };
    const char *code = NULL;
    struct ks_group group;
    struct ks_str text;
    bool is;
    enum ks_err err = known(k, cmd, ban->room, &group, &is);

    if (err != KS_OK || !is)
        return err;
    if (group.newest.data.len == 0)
        return change(k, cmd, ban->room, "jid", ban->member, "affiliation", "outcast"); /* §9.1 */
    if ((err = ks_cmd_text(k, cmd, &text)) != KS_OK
        || (err = ks_group_change(k, ban->room, &statement, text, &code)) != KS_OK)
        return err;
    return code ? ks_cmd_refuse(k, cmd, code, KS_STR_EMPTY) : KS_OK;
}

enum ks_err ks_group_unban(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_group group;
    bool is;
    enum ks_err err = known(k, cmd, cmd->room_unban.room, &group, &is);

    if (err != KS_OK || !is)
        return err;
    if (group.newest.data.len > 0)
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_STATED, KS_STR_EMPTY);
    return change(k, cmd, cmd->room_unban.room, "jid", cmd->room_unban.member, "affiliation", "none"); /* §9.2 */
}

/* --- what became of us --- */

static const struct {
    const char *code;
    enum ks_js_put_out why;
} reasons[] = {
    { "333", KS_JS_PUT_OUT_NONE_GIVEN }, /* with 307: for a technical reason, and one may come back */
    { "332", KS_JS_PUT_OUT_SHUTDOWN },   /* likewise */
    { "301", KS_JS_PUT_OUT_BANNED },
    { "307", KS_JS_PUT_OUT_KICKED },
    { "321", KS_JS_PUT_OUT_NOT_MEMBER },
    { "322", KS_JS_PUT_OUT_MEMBERS_ONLY },
};

static enum ks_js_put_out why_of(const struct ks_xml *x)
{
    for (size_t i = 0; i < KS_COUNT(reasons); i++)
        for (const struct ks_xml *c = ks_xml_child(x, NS_MUC_USER, "status"); c;
             c = ks_xml_next(c, NS_MUC_USER, "status"))
            if (ks_str_is(ks_xml_attr(c, "code"), reasons[i].code))
                return reasons[i].why;
    return KS_JS_PUT_OUT_NONE_GIVEN;
}

enum ks_err ks_group_put_out(struct konsil *k, struct ks_str room, const struct ks_xml *x)
{
    struct ks_ev_room_put_out event = { .room = room, .why = why_of(x) };
    struct ks_group group;
    enum ks_err err;

    if (event.why == KS_JS_PUT_OUT_NONE_GIVEN)
        return KS_OK;
    if ((err = ks_tell(k, KS_EV_ROOM_PUT_OUT, &event)) != KS_OK || event.why == KS_JS_PUT_OUT_SHUTDOWN)
        return err;
    if ((err = ks_group_get(k, room, &group)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    return group.flags & KS_GROUP_FOREIGN && !(group.flags & KS_GROUP_LEFT) ? ks_group_leave_foreign(k, &group) : KS_OK;
}
