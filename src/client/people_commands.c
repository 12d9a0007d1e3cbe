/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* people_commands.c -- commands about other people: the roster, presence, blocking, and their devices. */
#include <stdlib.h>

#include "command.h"
#include "contacts.h"
#include "engine.h"
#include "peers.h"

static int by_name(const void *a, const void *b)
{
    const struct ks_js_contact *x = a, *y = b;
    int order = ks_str_cmp(x->name, y->name);

    return order != 0 ? order : ks_str_cmp(x->jid, y->jid);
}

enum ks_err ks_cmd_on_contacts(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_contacts event = { .re = cmd->id };
    struct ks_contact *contacts;
    struct ks_js_contact *items;
    size_t count;
    enum ks_err err = ks_contact_all(k, &contacts, &count);

    if (err != KS_OK)
        return err;
    if (!(items = ks_arena_zero(&k->arena, count * sizeof(*items))))
        return KS_ENOMEM;
    for (size_t i = 0; i < count; i++)
        ks_contact_event(k, &contacts[i], &items[i]);
    if (count > 0)
        qsort(items, count, sizeof(*items), by_name);
    event.contacts.items = items;
    event.contacts.count = count;
    return ks_tell(k, KS_EV_CONTACTS, &event);
}

enum ks_err ks_cmd_on_presence(struct konsil *k, const struct ks_cmd *cmd)
{
    enum ks_err err = ks_people_set_presence(k, cmd->presence.show, cmd->presence.status);

    return err == KS_OK ? ks_cmd_done(k, cmd) : err;
}

enum ks_err ks_cmd_on_contact_add(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err == KS_OK)
        err = ks_roster_change(k, cmd->contact_add.jid, cmd->contact_add.name, false, ks_cmd_answered, text);
    return ks_cmd_sent(k, cmd, err);
}

enum ks_err ks_cmd_on_contact_remove(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err == KS_OK)
        err = ks_roster_change(k, cmd->contact_remove.jid, KS_STR_EMPTY, true, ks_cmd_answered, text);
    return ks_cmd_sent(k, cmd, err);
}

enum ks_err ks_cmd_on_subscribe(struct konsil *k, const struct ks_cmd *cmd)
{
    static const char *const types[] = { [KS_JS_SUBSCRIBE_REQUEST] = "subscribe",
        [KS_JS_SUBSCRIBE_CANCEL] = "unsubscribe",
        [KS_JS_SUBSCRIBE_APPROVE] = "subscribed",
        [KS_JS_SUBSCRIBE_DENY] = "unsubscribed" };
    const struct ks_cmd_subscribe *subscribe = &cmd->subscribe;
    struct ks_contact contact;
    enum ks_err err;

    if (!ks_online(k))
        return ks_cmd_refuse(k, cmd, KS_CODE_OFFLINE, KS_STR_EMPTY);
    if ((err = ks_people_send_presence(k, types[subscribe->decision], subscribe->jid)) != KS_OK
        || (err = ks_contact_get(k, subscribe->jid, &contact)) != KS_OK)
        return err;
    if (subscribe->decision == KS_JS_SUBSCRIBE_APPROVE || subscribe->decision == KS_JS_SUBSCRIBE_DENY) {
        contact.flags &= ~(unsigned)KS_CONTACT_WANTS;
        if ((err = ks_contact_put(k, &contact)) != KS_OK)
            return err;
    }
    return ks_cmd_done(k, cmd);
}

static enum ks_err set_block(struct konsil *k, const struct ks_cmd *cmd, struct ks_str jid, bool block)
{
    struct ks_str text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err == KS_OK)
        err = ks_block_set(k, jid, block, ks_cmd_answered, text);
    return ks_cmd_sent(k, cmd, err);
}

enum ks_err ks_cmd_on_block(struct konsil *k, const struct ks_cmd *cmd)
{
    return set_block(k, cmd, cmd->block.jid, true);
}

enum ks_err ks_cmd_on_unblock(struct konsil *k, const struct ks_cmd *cmd)
{
    return set_block(k, cmd, cmd->unblock.jid, false);
}

/* --- devices --- */

enum ks_err ks_cmd_on_devices(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str jid = cmd->devices.jid.len > 0 ? cmd->devices.jid : ks_own(k);
    struct ks_ev_devices event = { .re = cmd->id, .jid = jid };
    struct ks_peer peer;
    enum ks_err err;

    if ((err = ks_peer_load(k, jid, &peer)) != KS_OK || (err = ks_peer_event(k, &peer, &event.devices)) != KS_OK
        || (err = ks_tell(k, KS_EV_DEVICES, &event)) != KS_OK)
        return err;
    return ks_keys_refresh(k, jid);
}

enum ks_err ks_cmd_on_trust(struct konsil *k, const struct ks_cmd *cmd)
{
    static const enum ks_omemo_trust trusts[] = { [KS_JS_TRUST_UNDECIDED] = KS_TRUST_FIRST,
        [KS_JS_TRUST_TRUSTED] = KS_TRUST_VERIFIED,
        [KS_JS_TRUST_DISTRUSTED] = KS_TRUST_REFUSED };
    const struct ks_cmd_trust *trust = &cmd->trust;
    struct ks_omemo_peer known;
    struct ks_peer peer;
    enum ks_err err = ks_omemo_peer_get(k->omemo, trust->jid, (uint32_t)trust->device, &known);

    if (err == KS_ENOTFOUND)
        return ks_cmd_refuse(k, cmd, KS_CODE_NO_DEVICE, KS_STR_EMPTY);
    if (err != KS_OK)
        return err;
    known.trust = trusts[trust->decision];
    if ((err = ks_omemo_peer_set(k->omemo, trust->jid, &known)) != KS_OK
        || (err = ks_peer_load(k, trust->jid, &peer)) != KS_OK || (err = ks_peer_tell(k, &peer)) != KS_OK)
        return err;
    return ks_cmd_done(k, cmd);
}
