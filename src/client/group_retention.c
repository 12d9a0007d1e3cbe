/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_retention.c -- how long a room's server keeps what is said in it (doc/PROTOCOL.md §3.1): it says so when it is
 * asked what the room is, and an owner shortens it. This device keeps it no longer (lifetime.h).
 *
 * It is the server's promise and no part of what owners sign: who deletes decides. */
#include "command.h"
#include "dataform.h"
#include "engine.h"
#include "group.h"

#define FIELD "konsil#retention"
#define DAYS_MAX 36500
#define OF_DOMAIN "domain"

enum ks_err ks_group_retention_said(struct konsil *k, struct ks_str room, const struct ks_stanza *answer)
{
    const struct ks_xml *query = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_DISCO_INFO, "query") : NULL;
    struct ks_str text = ks_form_value(&k->arena, ks_form_find(&k->arena, query, NS_MUC_ROOMINFO), FIELD);
    int64_t before;
    uint64_t days;
    struct ks_group group;
    enum ks_err err;

    if (!query)
        return KS_OK;
    if (ks_str_u64(text, DAYS_MAX, &days) != KS_OK)
        days = 0;
    if ((err = ks_lifetime_days(k, room, &before)) != KS_OK || before == (int64_t)days
        || (err = ks_lifetime_said(k, room, (int64_t)days * 24)) != KS_OK
        || (err = ks_group_get(k, room, &group)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    return group.newest.data.len > 0 || group.flags & KS_GROUP_FOREIGN ? ks_group_tell(k, &group) : KS_OK;
}

static enum ks_err on_told(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    return ks_group_retention_said(k, iq->text, answer);
}

/* iq->text is the command's; whom it was for, iq->to. What the server made of it, it says. */
static enum ks_err on_set(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    enum ks_err err = ks_cmd_answered(k, iq, answer);

    if (err == KS_OK && ks_iq_ok(answer))
        err = ks_iq_send(k, "get", iq->to, ks_xml_new(&k->arena, NS_DISCO_INFO, "query"), on_told, iq->to, 0);
    return err == KS_EAGAIN ? KS_OK : err;
}

static enum ks_err days_text(struct konsil *k, int64_t days, struct ks_str *ret_text)
{
    struct ks_buf text;
    enum ks_err err;

    if (days == 0) {
        *ret_text = KS_STR(OF_DOMAIN);
        return KS_OK;
    }
    ks_buf_init(&text, 32);
    ks_buf_u64_dec(&text, (uint64_t)days);
    if ((err = ks_buf_err(&text)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&text), ret_text);
    ks_buf_done(&text);
    return err;
}

enum ks_err ks_group_retention_set(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_room_retention_set *set = &cmd->room_retention_set;
    struct ks_xml *query, *form;
    struct ks_str text, days;
    struct ks_group group;
    enum ks_err err = ks_group_get(k, set->room, &group);

    if (err == KS_ENOTFOUND)
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_NONE, KS_STR_EMPTY);
    if (err != KS_OK)
        return err;
    if (group.flags & KS_GROUP_FOREIGN)
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_FOREIGN, KS_STR_EMPTY);
    if (!ks_group_owns(&group, ks_own(k)))
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_NOT_OWNER, KS_STR_EMPTY);
    if ((err = ks_cmd_text(k, cmd, &text)) != KS_OK || (err = days_text(k, set->days, &days)) != KS_OK)
        return err;
    query = ks_xml_new(&k->arena, NS_MUC_OWNER, "query");
    form = ks_form_new(&k->arena, "submit", NS_MUC_ROOMCONFIG);
    if (!query || !form || !ks_form_add(&k->arena, form, FIELD, "text-single", days))
        return KS_ENOMEM;
    ks_xml_graft(query, form);
    return ks_cmd_sent(k, cmd, ks_iq_send(k, "set", set->room, query, on_set, text, 0));
}
