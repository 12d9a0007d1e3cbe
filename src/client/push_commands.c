/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* push_commands.c -- what wakes this device: a Web Push subscription at konsild (doc/PROTOCOL.md §11.7). */
#include "command.h"
#include "engine.h"

static enum ks_err on_push_answer(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *push = answer ? ks_xml_child(answer->xml, NS_KONSIL_WEBPUSH, "webpush") : NULL;
    struct ks_ev_push event = { .re = iq->text.len ? iq->text : KS_STR_EMPTY,
        .key = ks_xml_attr(push, "key"),
        .registered = ks_str_is(ks_xml_attr(push, "registered"), "true") };
    struct ks_cmd cmd = { .kind = KS_CMD_PUSH, .id = event.re };

    if (ks_iq_ok(answer) && event.key.len)
        return ks_tell(k, KS_EV_PUSH, &event);
    return ks_cmd_refuse(k, &cmd, answer ? KS_CODE_REFUSED : KS_CODE_OFFLINE, ks_str_z(ks_iq_condition(answer)));
}

enum ks_err ks_cmd_on_push(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_xml *ask = ks_xml_new(&k->arena, NS_KONSIL_WEBPUSH, "webpush");

    if (!ask)
        return KS_ENOMEM;
    return ks_cmd_sent(k, cmd, ks_iq_send(k, "get", KS_STR_EMPTY, ask, on_push_answer, cmd->id, 0));
}

static enum ks_err set_push(struct konsil *k, const struct ks_cmd *cmd, struct ks_xml *payload)
{
    struct ks_str text;
    enum ks_err err = payload ? ks_cmd_text(k, cmd, &text) : KS_ENOMEM;

    if (err == KS_OK)
        err = ks_iq_send(k, "set", KS_STR_EMPTY, payload, ks_cmd_answered, text, 0);
    return ks_cmd_sent(k, cmd, err);
}

enum ks_err ks_cmd_on_push_subscribe(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_push_subscribe *given = &cmd->push_subscribe;
    struct ks_xml *payload = ks_xml_new(&k->arena, NS_KONSIL_WEBPUSH, "subscribe");

    payload = ks_xml_set(&k->arena, payload, "endpoint", given->endpoint);
    payload = ks_xml_set(&k->arena, payload, "p256dh", given->p256dh);
    return set_push(k, cmd, ks_xml_set(&k->arena, payload, "auth", given->auth));
}

enum ks_err ks_cmd_on_push_unsubscribe(struct konsil *k, const struct ks_cmd *cmd)
{
    return set_push(k, cmd, ks_xml_new(&k->arena, NS_KONSIL_WEBPUSH, "unsubscribe"));
}
