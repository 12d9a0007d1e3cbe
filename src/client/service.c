/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service.h"

#include "command.h"
#include "engine.h"
#include "xml_writer.h"

static enum ks_err write_xml(struct konsil *k, const struct ks_xml *xml, struct ks_str *ret_text)
{
    struct ks_buf bytes;
    enum ks_err err;

    ks_buf_init(&bytes, KS_STANZA_READ_MAX);
    ks_xml_write(&bytes, xml, KS_STR_EMPTY);
    if ((err = ks_buf_err(&bytes)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&bytes), ret_text);
    ks_buf_done(&bytes);
    return err;
}

/* KS_ESYNTAX: not one element. */
static enum ks_err read_xml(struct konsil *k, struct ks_str text, struct ks_xml **ret_xml)
{
    enum ks_err err =
        text.len > KS_SERVICE_XML_MAX ? KS_ESYNTAX : ks_xml_read(&k->arena, text, KS_STR_EMPTY, KS_STR_EMPTY, ret_xml);

    return err <= KS_FATAL || err == KS_OK ? err : KS_ESYNTAX;
}

/* --- what is asked of us --- */

enum ks_err ks_service_request(struct konsil *k, const struct ks_stanza *iq, bool *ret_told)
{
    struct ks_ev_asked event = { .ref = iq->id, .set = iq->type == KS_IQ_SET };
    enum ks_err err;

    *ret_told = false;
    for (size_t i = 0; i < k->served.count && iq->payload; i++)
        *ret_told = *ret_told || ks_str_is(iq->payload->ns, k->served.names[i]);
    if (!*ret_told)
        return KS_OK;
    if ((err = write_xml(k, iq->payload, &event.xml)) != KS_OK)
        return err;
    event.from = iq->has_from ? ks_xml_attr(iq->xml, "from") : ks_own(k);
    return ks_tell(k, KS_EV_ASKED, &event);
}

enum ks_err ks_cmd_on_serve(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_served *served = &k->served;
    struct ks_str ns = cmd->serve.ns;

    for (size_t i = 0; i < served->count; i++)
        if (ks_str_is(ns, served->names[i]))
            return ks_cmd_done(k, cmd);
    if (served->count == KS_SERVE_MAX || !ns.len || ns.len >= KS_SERVE_NAME_MAX)
        return ks_cmd_refuse(k, cmd, KS_CODE_COMMAND_MEMBER_WRONG, KS_STR("ns"));
    memcpy(served->names[served->count++], ns.ptr, ns.len);
    return ks_cmd_done(k, cmd);
}

enum ks_err ks_cmd_on_reply(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_reply *reply = &cmd->reply;
    struct ks_xml *stanza, *payload, *error;
    enum ks_err err;

    if (!ks_online(k))
        return ks_cmd_refuse(k, cmd, KS_CODE_OFFLINE, KS_STR_EMPTY);
    stanza = ks_stanza_new(&k->arena, "iq",
        reply->xml.len       ? "result"
            : reply->refused ? "error"
                             : "result",
        reply->ref, KS_STR_EMPTY, reply->to);
    if (!stanza)
        return KS_ENOMEM;
    if (reply->xml.len) {
        if ((err = read_xml(k, reply->xml, &payload)) != KS_OK)
            return err == KS_ESYNTAX ? ks_cmd_refuse(k, cmd, KS_CODE_COMMAND_MEMBER_WRONG, KS_STR("xml")) : err;
        if (!ks_xml_graft(stanza, payload))
            return KS_ENOMEM;
    } else if (reply->refused) {
        error = ks_xml_set(&k->arena, ks_xml_add(&k->arena, stanza, NS_CLIENT, "error"), "type", KS_STR("cancel"));
        if (!ks_xml_add(&k->arena, error, NS_STANZAS, "not-acceptable"))
            return KS_ENOMEM;
    }
    err = ks_send_stanza(k, stanza, 0);
    return err == KS_OK ? ks_cmd_done(k, cmd) : err;
}

/* --- what we ask --- */

static enum ks_err on_answer(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *said = answer ? ks_xml_child(answer->xml, NULL, NULL) : NULL;
    struct ks_ev_answered event = { .re = iq->text };
    enum ks_err err;

    if (!ks_iq_ok(answer))
        event.condition = ks_str_z(ks_iq_condition(answer));
    while (said && ks_xml_is(said, NS_CLIENT, "error")) /* which may have something beside it */
        said = ks_xml_next(said, NULL, NULL);
    if (said && (err = write_xml(k, said, &event.xml)) != KS_OK)
        return err;
    return ks_tell(k, KS_EV_ANSWERED, &event);
}

enum ks_err ks_cmd_on_ask(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_ask *ask = &cmd->ask;
    struct ks_xml *payload;
    enum ks_err err = read_xml(k, ask->xml, &payload);

    if (err == KS_ESYNTAX)
        return ks_cmd_refuse(k, cmd, KS_CODE_COMMAND_MEMBER_WRONG, KS_STR("xml"));
    if (err == KS_OK)
        err = ks_iq_send(k, ask->set ? "set" : "get", ask->to, payload, on_answer, cmd->id, 0);
    return ks_cmd_sent(k, cmd, err);
}
