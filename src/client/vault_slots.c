/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_slots.c -- this device's slots in konsild's vault (doc/PROTOCOL.md §16.2): made, listed and dropped over the
 * session. What opens by them, and the tries, is the vault's (vault_pin.h), which needs no engine. */
#include "clock.h"
#include "command.h"
#include "engine.h"

#define SLOTS_MAX 64 /* of an account, with those that are gone */

static enum ks_err refuse(struct konsil *k, struct ks_str id, const struct ks_stanza *answer)
{
    const struct ks_cmd cmd = { .kind = KS_CMD_VAULT_SLOTS, .id = id };
    const char *condition = ks_iq_condition(answer);

    if (strcmp(condition, "not-allowed") == 0)
        return ks_cmd_refuse(k, &cmd, KS_CODE_VAULT_PIN, KS_STR_EMPTY);
    if (strcmp(condition, "policy-violation") == 0)
        return ks_cmd_refuse(k, &cmd, KS_CODE_VAULT_FULL, KS_STR_EMPTY);
    return ks_cmd_refuse(k, &cmd, answer ? KS_CODE_REFUSED : KS_CODE_OFFLINE, ks_str_z(condition));
}

static enum ks_err on_made(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *made = answer ? ks_xml_child(answer->xml, NS_KONSIL_VAULT, "made") : NULL;
    const struct ks_ev_vault_made event = { .re = iq->text.len ? iq->text : KS_STR_EMPTY,
        .slot = ks_xml_attr(made, "slot"),
        .keyid = ks_xml_attr(made, "keyid") };

    if (!ks_iq_ok(answer) || !event.slot.len || !event.keyid.len)
        return refuse(k, iq->text, answer);
    return ks_tell(k, KS_EV_VAULT_MADE, &event);
}

enum ks_err ks_cmd_on_vault_make(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_vault_make *given = &cmd->vault_make;
    struct ks_xml *make = ks_xml_new(&k->arena, NS_KONSIL_VAULT, "make");

    make = ks_xml_set(&k->arena, make, "kind", ks_str_z(given->kind == KS_JS_VAULT_KIND_SERVICE ? "service" : "pin"));
    make = ks_xml_set(&k->arena, make, "slot", given->slot);
    make = ks_xml_set(&k->arena, make, "token", given->token);
    make = ks_xml_set(&k->arena, make, "confirm", given->confirm);
    if (!make)
        return KS_ENOMEM;
    return ks_cmd_sent(k, cmd, ks_iq_send(k, "set", KS_STR_EMPTY, make, on_made, cmd->id, 0));
}

static enum ks_err on_dropped(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_cmd cmd = { .kind = KS_CMD_VAULT_DROP, .id = iq->text };

    return ks_iq_ok(answer) ? ks_cmd_done(k, &cmd) : refuse(k, iq->text, answer);
}

enum ks_err ks_cmd_on_vault_drop(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_xml *drop = ks_xml_new(&k->arena, NS_KONSIL_VAULT, "drop");

    if (!(drop = ks_xml_set(&k->arena, drop, "slot", cmd->vault_drop.slot)))
        return KS_ENOMEM;
    return ks_cmd_sent(k, cmd, ks_iq_send(k, "set", KS_STR_EMPTY, drop, on_dropped, cmd->id, 0));
}

/* 0: none. */
static int64_t time_of(const struct ks_xml *slot, const char *name)
{
    int64_t ms;

    return ks_stamp_read(ks_xml_attr(slot, name), &ms) == KS_OK ? ms : 0;
}

static enum ks_err on_slots(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *list = answer ? ks_xml_child(answer->xml, NS_KONSIL_VAULT, "slots") : NULL, *at;
    struct ks_js_vault_slot slots[SLOTS_MAX];
    size_t count = 0;

    if (!ks_iq_ok(answer) || !list)
        return refuse(k, iq->text, answer);
    for (at = ks_xml_child(list, NS_KONSIL_VAULT, "slot"); at && count < SLOTS_MAX;
         at = ks_xml_next(at, NS_KONSIL_VAULT, "slot"))
        slots[count++] = (struct ks_js_vault_slot) { .slot = ks_xml_attr(at, "id"),
            .kind = ks_xml_attr(at, "kind"),
            .state = ks_xml_attr(at, "state"),
            .device = ks_xml_attr(at, "device"),
            .own = ks_str_is(ks_xml_attr(at, "own"), "true"),
            .made = time_of(at, "made"),
            .unlocked = time_of(at, "unlocked"),
            .ended = time_of(at, "ended") };
    return ks_tell(k, KS_EV_VAULT_SLOTS,
        &(const struct ks_ev_vault_slots) { .re = iq->text.len ? iq->text : KS_STR_EMPTY, .slots = { slots, count } });
}

enum ks_err ks_cmd_on_vault_slots(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_xml *ask = ks_xml_new(&k->arena, NS_KONSIL_VAULT, "slots");

    if (!ask)
        return KS_ENOMEM;
    return ks_cmd_sent(k, cmd, ks_iq_send(k, "get", KS_STR_EMPTY, ask, on_slots, cmd->id, 0));
}
