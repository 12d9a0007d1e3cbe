/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* push_service.c -- what wakes this device when it is no browser: an XMPP service, named by its address and a node
 * (XEP-0357 §5, §6). What konsild takes of them, and tells them, is in doc/PROTOCOL.md §11.7. */
#include "command.h"
#include "dataform.h"
#include "engine.h"

/* The request, about a service by any address: its server's, an account's, or one of its resources. NULL in
 * *ret_element if that is none. */
static enum ks_err about(
    struct konsil *k, const char *name, struct ks_str service, struct ks_str node, struct ks_xml **ret_element)
{
    struct ks_xml *element = ks_xml_new(&k->arena, NS_PUSH, name);
    struct ks_str text;
    struct ks_jid jid;
    enum ks_err err = ks_jid_parse(&k->arena, service, &jid);

    *ret_element = NULL;
    if (err == KS_ESYNTAX || err == KS_ELIMIT)
        return KS_OK;
    if (err != KS_OK || (err = ks_jid_text(&k->arena, jid, &text)) != KS_OK)
        return err;
    ks_xml_set(&k->arena, element, "jid", text);
    if (node.len > 0)
        ks_xml_set(&k->arena, element, "node", node);
    *ret_element = element;
    return element ? KS_OK : KS_ENOMEM;
}

static enum ks_err send(struct konsil *k, const struct ks_cmd *cmd, struct ks_xml *element)
{
    struct ks_str text;
    enum ks_err err;

    if (!element)
        return ks_cmd_refuse(k, cmd, KS_CODE_COMMAND_MEMBER_WRONG, KS_STR("service"));
    if ((err = ks_cmd_text(k, cmd, &text)) != KS_OK)
        return err;
    return ks_cmd_sent(k, cmd, ks_iq_send(k, "set", KS_STR_EMPTY, element, ks_cmd_answered, text, 0));
}

enum ks_err ks_cmd_on_push_service_set(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_push_service_set *given = &cmd->push_service_set;
    struct ks_xml *enable, *form;
    enum ks_err err = about(k, "enable", given->service, given->node, &enable);

    if (err == KS_OK && enable && given->secret.len > 0) {
        if (!(form = ks_form_new(&k->arena, "submit", NS_PUBLISH_OPTIONS)))
            return KS_ENOMEM;
        if (!ks_form_add(&k->arena, form, "secret", NULL, given->secret))
            return KS_ENOMEM;
        ks_xml_graft(enable, form);
    }
    return err == KS_OK ? send(k, cmd, enable) : err;
}

enum ks_err ks_cmd_on_push_service_remove(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_push_service_remove *given = &cmd->push_service_remove;
    struct ks_xml *disable;
    enum ks_err err = about(k, "disable", given->service, given->node, &disable);

    return err == KS_OK ? send(k, cmd, disable) : err;
}
