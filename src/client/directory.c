/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* directory.c -- the colleagues of the domain (doc/PROTOCOL.md, urn:konsil:directory:0): asked for page by page at each
 * login. Servers of others do not have it, and then there are no colleagues. */
#include "contacts.h"
#include "engine.h"

#define PAGES_MAX 200 /* of up to 500 */

static enum ks_err ask_page(struct konsil *k, struct ks_str after, uint64_t page);

static enum ks_err take_item(struct konsil *k, const struct ks_xml *item)
{
    struct ks_contact contact;
    struct ks_jid jid;
    struct ks_str bare;
    enum ks_err err = ks_jid_parse(&k->arena, ks_xml_attr(item, "jid"), &jid);

    if (err == KS_ESYNTAX || (err == KS_OK && !ks_str_is(jid.domain, k->domain)))
        return KS_OK;
    if (err != KS_OK || (err = ks_jid_text(&k->arena, ks_jid_bare(jid), &bare)) != KS_OK)
        return err;
    if (ks_str_eq(bare, ks_own(k)))
        return KS_OK;
    if ((err = ks_contact_get(k, bare, &contact)) != KS_OK)
        return err;
    contact.flags |= KS_CONTACT_COLLEAGUE;
    contact.directory_name = ks_xml_attr(item, "name");
    contact.department = ks_xml_attr(item, "department");
    contact.profession = ks_xml_attr(item, "profession");
    return ks_contact_put(k, &contact);
}

static bool has_item(const struct ks_xml *query, struct ks_str bare)
{
    for (const struct ks_xml *item = ks_xml_child(query, NS_KONSIL_DIRECTORY, "item"); item;
         item = ks_xml_next(item, NS_KONSIL_DIRECTORY, "item"))
        if (ks_str_eq(ks_xml_attr(item, "jid"), bare))
            return true;
    return false;
}

/* Pages are in the order of localparts, bytewise: a colleague we know between the ends of this page who is not on it
 * has left. from is the localpart before the page, to its last one, or empty on the last page. */
static enum ks_err drop_between(struct konsil *k, const struct ks_xml *query, struct ks_str from, struct ks_str to)
{
    struct ks_contact *contacts;
    size_t count;
    enum ks_err err = ks_contact_all(k, &contacts, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++) {
        struct ks_str local = ks_jid_split(contacts[i].jid).local;

        if (!(contacts[i].flags & KS_CONTACT_COLLEAGUE) || (from.len > 0 && ks_str_cmp(local, from) <= 0)
            || (to.len > 0 && ks_str_cmp(local, to) > 0) || has_item(query, contacts[i].jid))
            continue;
        contacts[i].flags &= ~(unsigned)KS_CONTACT_COLLEAGUE;
        contacts[i].directory_name = contacts[i].department = contacts[i].profession = KS_STR_EMPTY;
        err = ks_contact_put(k, &contacts[i]);
    }
    return err;
}

/* iq->text is the localpart after which the page begins. */
static enum ks_err on_page(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *query = answer ? ks_xml_child(answer->xml, NS_KONSIL_DIRECTORY, "query") : NULL;
    struct ks_str next = query ? ks_xml_attr(query, "next") : KS_STR_EMPTY;
    enum ks_err err;

    if (!ks_iq_ok(answer) || !query)
        return KS_OK;
    for (const struct ks_xml *item = ks_xml_child(query, NS_KONSIL_DIRECTORY, "item"); item;
         item = ks_xml_next(item, NS_KONSIL_DIRECTORY, "item"))
        if ((err = take_item(k, item)) != KS_OK)
            return err;
    if ((err = drop_between(k, query, iq->text, next)) != KS_OK)
        return err;
    /* Only forwards: a server that repeats itself does not keep us busy for ever. */
    if (next.len == 0 || ks_str_cmp(next, iq->text) <= 0 || iq->number >= PAGES_MAX)
        return KS_OK;
    err = ask_page(k, next, iq->number + 1);
    return err == KS_EAGAIN ? KS_OK : err;
}

static enum ks_err ask_page(struct konsil *k, struct ks_str after, uint64_t page)
{
    struct ks_xml *query = ks_xml_new(&k->arena, NS_KONSIL_DIRECTORY, "query");

    if (after.len > 0)
        query = ks_xml_set(&k->arena, query, "after", after);
    return ks_iq_send(k, "get", ks_str_z(k->domain), query, on_page, after, page);
}

enum ks_err ks_directory_ask(struct konsil *k)
{
    return ask_page(k, KS_STR_EMPTY, 0);
}
