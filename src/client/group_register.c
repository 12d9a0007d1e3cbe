/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "group_register.h"

#include "command.h"
#include "dataform.h"
#include "engine.h"

/* Of a room without statements, known or not: who is to be a member may not be let in before. */
static enum ks_err may(struct konsil *k, const struct ks_cmd *cmd, struct ks_str room, bool *ret_may)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, room, &group);

    *ret_may = err == KS_ENOTFOUND || (err == KS_OK && group.newest.data.len == 0);
    if (err == KS_OK && !*ret_may)
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_STATED, KS_STR_EMPTY);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

/* The form that asks for a nick, or that there is one already. A form with more questions is the room's to refuse. */
static enum ks_err on_form(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *query = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_REGISTER, "query") : NULL;
    struct ks_xml *set = ks_xml_new(&k->arena, NS_REGISTER, "query"), *form;
    enum ks_err err;

    if (!query || ks_xml_child(query, NS_REGISTER, "registered"))
        return ks_cmd_answered(k, iq, answer);
    form = ks_form_new(&k->arena, "submit", NS_MUC_REGISTER);
    if (!ks_form_add(&k->arena, form, "muc#register_roomnick", NULL, ks_group_own_nick(k)) || !ks_xml_graft(set, form))
        return KS_ENOMEM;
    err = ks_iq_send(k, "set", iq->to, set, ks_cmd_answered, iq->text, 0);
    return err == KS_EAGAIN ? ks_cmd_answered_text(k, iq->text, NULL) : err;
}

static enum ks_err ask(struct konsil *k, const struct ks_cmd *cmd, struct ks_str room, const char *type,
    struct ks_xml *query, ks_iq_done_fn *done)
{
    struct ks_str text;
    bool is;
    enum ks_err err = may(k, cmd, room, &is);

    if (err != KS_OK || !is || (err = ks_cmd_text(k, cmd, &text)) != KS_OK)
        return err;
    return query ? ks_cmd_sent(k, cmd, ks_iq_send(k, type, room, query, done, text, 0)) : KS_ENOMEM;
}

enum ks_err ks_group_register(struct konsil *k, const struct ks_cmd *cmd)
{
    return ask(k, cmd, cmd->room_register.room, "get", ks_xml_new(&k->arena, NS_REGISTER, "query"), on_form);
}

/* XEP-0077 §3.2 */
enum ks_err ks_group_unregister(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_xml *query = ks_xml_new(&k->arena, NS_REGISTER, "query");

    if (!ks_xml_add(&k->arena, query, NS_REGISTER, "remove"))
        return KS_ENOMEM;
    return ask(k, cmd, cmd->room_unregister.room, "set", query, ks_cmd_answered);
}
