/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* roster.c -- the account's own list on the server: pinned contacts (RFC 6121 §2) and blocked ones (XEP-0191). */
#include "contacts.h"
#include "engine.h"

#define VERSION_KEY "roster_version"
#define KEPT_BY_ROSTER (unsigned)(KS_CONTACT_PINNED | KS_CONTACT_ASKED | KS_CONTACT_SEES_US | KS_CONTACT_SEEN)

/* --- roster --- */

/* Only the server of the account speaks of its roster (RFC 6121 §2.1.6). */
static bool from_own_account(const struct konsil *k, const struct ks_stanza *iq)
{
    return !iq->has_from || (ks_jid_is_bare(iq->from) && ks_jid_eq(iq->from, ks_jid_split(ks_own(k))));
}

static enum ks_err read_jid(struct konsil *k, struct ks_str text, struct ks_str *ret_bare)
{
    struct ks_jid jid;
    enum ks_err err = ks_jid_parse(&k->arena, text, &jid);

    return err == KS_OK ? ks_jid_text(&k->arena, ks_jid_bare(jid), ret_bare) : err;
}

static enum ks_err take_item(struct konsil *k, const struct ks_xml *item)
{
    struct ks_str subscription = ks_xml_attr(item, "subscription"), bare;
    struct ks_contact contact;
    enum ks_err err = read_jid(k, ks_xml_attr(item, "jid"), &bare);

    if (err == KS_ESYNTAX)
        return KS_OK;
    if (err != KS_OK || (err = ks_contact_get(k, bare, &contact)) != KS_OK)
        return err;
    contact.flags &= ~KEPT_BY_ROSTER;
    contact.name = KS_STR_EMPTY;
    if (!ks_str_is(subscription, "remove")) {
        contact.flags |= KS_CONTACT_PINNED;
        contact.name = ks_xml_attr(item, "name");
        if (ks_str_is(subscription, "both"))
            contact.flags |= KS_CONTACT_SEES_US | KS_CONTACT_SEEN;
        if (ks_str_is(subscription, "from"))
            contact.flags |= KS_CONTACT_SEES_US;
        if (ks_str_is(subscription, "to"))
            contact.flags |= KS_CONTACT_SEEN;
        if (ks_str_is(ks_xml_attr(item, "ask"), "subscribe"))
            contact.flags |= KS_CONTACT_ASKED;
    }
    if (contact.flags & KS_CONTACT_SEES_US)
        contact.flags &= ~(unsigned)KS_CONTACT_WANTS;
    return ks_contact_put(k, &contact);
}

static enum ks_err take_items(struct konsil *k, const struct ks_xml *query)
{
    struct ks_str version = ks_xml_attr(query, "ver");
    enum ks_err err;

    for (const struct ks_xml *item = ks_xml_child(query, NS_ROSTER, "item"); item;
         item = ks_xml_next(item, NS_ROSTER, "item"))
        if ((err = take_item(k, item)) != KS_OK)
            return err;
    return version.ptr ? ks_meta_put(k, VERSION_KEY, version) : KS_OK;
}

static bool has_item(const struct ks_xml *query, struct ks_str bare)
{
    for (const struct ks_xml *item = ks_xml_child(query, NS_ROSTER, "item"); item;
         item = ks_xml_next(item, NS_ROSTER, "item"))
        if (ks_str_eq(ks_xml_attr(item, "jid"), bare))
            return true;
    return false;
}

/* A whole roster: who is not on it any more is not pinned any more. */
static enum ks_err drop_others(struct konsil *k, const struct ks_xml *query)
{
    struct ks_contact *contacts;
    size_t count;
    enum ks_err err = ks_contact_all(k, &contacts, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++)
        if (contacts[i].flags & KEPT_BY_ROSTER && !has_item(query, contacts[i].jid)) {
            contacts[i].flags &= ~KEPT_BY_ROSTER;
            contacts[i].name = KS_STR_EMPTY;
            err = ks_contact_put(k, &contacts[i]);
        }
    return err;
}

static enum ks_err on_roster(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *query = answer ? ks_xml_child(answer->xml, NS_ROSTER, "query") : NULL;
    enum ks_err err;

    (void)iq;
    /* RFC 6121 §2.6.3: an empty result says that our version is the newest; changes come as pushes. */
    if (!ks_iq_ok(answer) || !query)
        return KS_OK;
    if ((err = drop_others(k, query)) != KS_OK)
        return err;
    return take_items(k, query);
}

enum ks_err ks_roster_ask(struct konsil *k)
{
    struct ks_xml *query = ks_xml_new(&k->arena, NS_ROSTER, "query");
    struct ks_str version = KS_STR("");
    enum ks_err err = KS_OK;

    if (k->stream.rosterver) {
        if ((err = ks_meta_get(k, VERSION_KEY, &version)) != KS_OK && err != KS_ENOTFOUND)
            return err;
        query = ks_xml_set(&k->arena, query, "ver", version);
    }
    return ks_iq_send(k, "get", KS_STR_EMPTY, query, on_roster, KS_STR_EMPTY, 0);
}

enum ks_err ks_roster_push(struct konsil *k, const struct ks_stanza *iq)
{
    enum ks_err err;

    if (!from_own_account(k, iq))
        return ks_send_stanza(k, ks_stanza_error(&k->arena, iq, KS_SERVICE_UNAVAILABLE, NULL), 0);
    if ((err = take_items(k, iq->payload)) != KS_OK)
        return err;
    return ks_send_stanza(k, ks_stanza_result(&k->arena, iq), 0);
}

enum ks_err ks_roster_change(
    struct konsil *k, struct ks_str jid, struct ks_str name, bool remove, ks_iq_done_fn *done, struct ks_str text)
{
    struct ks_xml *query = ks_xml_new(&k->arena, NS_ROSTER, "query");
    struct ks_xml *item = ks_xml_add(&k->arena, query, NS_ROSTER, "item");

    item = ks_xml_set(&k->arena, item, "jid", jid);
    if (remove)
        item = ks_xml_set(&k->arena, item, "subscription", KS_STR("remove"));
    else if (name.len > 0)
        item = ks_xml_set(&k->arena, item, "name", name);
    return item ? ks_iq_send(k, "set", KS_STR_EMPTY, query, done, text, 0) : KS_ENOMEM;
}

/* --- blocking --- */

static enum ks_err set_blocked(struct konsil *k, struct ks_str text, bool blocked)
{
    struct ks_contact contact;
    struct ks_str bare;
    enum ks_err err = read_jid(k, text, &bare);

    if (err == KS_ESYNTAX)
        return KS_OK;
    if (err != KS_OK || (err = ks_contact_get(k, bare, &contact)) != KS_OK)
        return err;
    contact.flags &= ~(unsigned)KS_CONTACT_BLOCKED;
    if (blocked)
        contact.flags |= KS_CONTACT_BLOCKED;
    return ks_contact_put(k, &contact);
}

static enum ks_err unblock_all(struct konsil *k)
{
    struct ks_contact *contacts;
    size_t count;
    enum ks_err err = ks_contact_all(k, &contacts, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++)
        if (contacts[i].flags & KS_CONTACT_BLOCKED)
            err = set_blocked(k, contacts[i].jid, false);
    return err;
}

static enum ks_err take_blocked(struct konsil *k, const struct ks_xml *list, bool blocked)
{
    enum ks_err err = KS_OK;

    for (const struct ks_xml *item = ks_xml_child(list, NS_BLOCKING, "item"); item && err == KS_OK;
         item = ks_xml_next(item, NS_BLOCKING, "item"))
        err = set_blocked(k, ks_xml_attr(item, "jid"), blocked);
    return err;
}

static enum ks_err on_blocklist(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    enum ks_err err;

    (void)iq;
    if (!ks_iq_ok(answer))
        return KS_OK;
    if ((err = unblock_all(k)) != KS_OK)
        return err;
    return take_blocked(k, ks_xml_child(answer->xml, NS_BLOCKING, "blocklist"), true);
}

enum ks_err ks_block_ask(struct konsil *k)
{
    return ks_iq_send(
        k, "get", KS_STR_EMPTY, ks_xml_new(&k->arena, NS_BLOCKING, "blocklist"), on_blocklist, KS_STR_EMPTY, 0);
}

enum ks_err ks_block_push(struct konsil *k, const struct ks_stanza *iq)
{
    bool block = ks_xml_is(iq->payload, NS_BLOCKING, "block");
    enum ks_err err;

    if (!from_own_account(k, iq))
        return ks_send_stanza(k, ks_stanza_error(&k->arena, iq, KS_SERVICE_UNAVAILABLE, NULL), 0);
    /* XEP-0191 §3.6: an unblock without items is for all. */
    if (!block && !ks_xml_child(iq->payload, NS_BLOCKING, "item"))
        err = unblock_all(k);
    else
        err = take_blocked(k, iq->payload, block);
    return err == KS_OK ? ks_send_stanza(k, ks_stanza_result(&k->arena, iq), 0) : err;
}

enum ks_err ks_block_set(struct konsil *k, struct ks_str jid, bool block, ks_iq_done_fn *done, struct ks_str text)
{
    struct ks_xml *list = ks_xml_new(&k->arena, NS_BLOCKING, block ? "block" : "unblock");
    struct ks_xml *item = ks_xml_add(&k->arena, list, NS_BLOCKING, "item");

    if (!ks_xml_set(&k->arena, item, "jid", jid))
        return KS_ENOMEM;
    return ks_iq_send(k, "set", KS_STR_EMPTY, list, done, text, 0);
}
