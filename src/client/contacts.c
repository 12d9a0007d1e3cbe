/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "contacts.h"

#include "engine.h"

#define VERSION 1
#define RECORD_BYTES_MAX 16384

static void encode(struct ks_buf *buf, const struct ks_contact *contact)
{
    ks_buf_byte(buf, VERSION);
    ks_buf_u32(buf, contact->flags);
    ks_buf_field(buf, contact->name);
    ks_buf_field(buf, contact->directory_name);
    ks_buf_field(buf, contact->department);
    ks_buf_field(buf, contact->profession);
}

static enum ks_err decode(struct ks_str record, struct ks_contact *contact)
{
    struct ks_cursor at = ks_cursor(record);
    uint32_t flags;
    uint8_t version;

    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_u32(&at, &flags) != KS_OK || ks_cursor_field(&at, &contact->name) != KS_OK
        || ks_cursor_field(&at, &contact->directory_name) != KS_OK
        || ks_cursor_field(&at, &contact->department) != KS_OK || ks_cursor_field(&at, &contact->profession) != KS_OK)
        return KS_ESTORE;
    contact->flags = flags;
    return KS_OK;
}

enum ks_err ks_contact_get(struct konsil *k, struct ks_str jid, struct ks_contact *ret_contact)
{
    struct ks_str record;
    enum ks_err err = ks_store_get(k, KS_T_CONTACT, jid, &record);

    *ret_contact = (struct ks_contact) { .jid = jid };
    if (err == KS_ENOTFOUND)
        return KS_OK;
    return err == KS_OK ? decode(record, ret_contact) : err;
}

static enum ks_err tell(struct konsil *k, const struct ks_contact *contact)
{
    struct ks_js_contact shown;
    struct ks_ev_contact event = { .contact = &shown, .removed = contact->flags == 0 };

    ks_contact_event(k, contact, &shown);
    return ks_tell(k, KS_EV_CONTACT, &event);
}

enum ks_err ks_contact_put(struct konsil *k, const struct ks_contact *contact)
{
    struct ks_buf record;
    struct ks_str before;
    enum ks_err err;

    ks_buf_init(&record, RECORD_BYTES_MAX);
    encode(&record, contact);
    if ((err = ks_buf_err(&record)) != KS_OK)
        goto out;
    err = ks_store_get(k, KS_T_CONTACT, contact->jid, &before);
    if (err == KS_ENOTFOUND ? contact->flags == 0 : err == KS_OK && ks_str_eq(before, ks_buf_str(&record))) {
        err = KS_OK; /* nothing new */
        goto out;
    }
    if (err != KS_OK && err != KS_ENOTFOUND)
        goto out;
    if (contact->flags == 0)
        err = k->store->ops->del(k->store, KS_T_CONTACT, contact->jid);
    else
        err = k->store->ops->put(k->store, KS_T_CONTACT, contact->jid, ks_buf_str(&record));
    if (err == KS_OK)
        err = tell(k, contact);
out:
    ks_buf_done(&record);
    return err;
}

struct all {
    struct konsil *k;
    struct ks_contact *contacts;
    size_t count, cap;
    enum ks_err err;
};

static enum ks_err grow(struct all *all)
{
    size_t cap = all->cap ? all->cap * 2 : 64;
    struct ks_contact *contacts = ks_arena_alloc(&all->k->arena, cap * sizeof(*contacts));

    if (!contacts)
        return KS_ENOMEM;
    if (all->count > 0)
        memcpy(contacts, all->contacts, all->count * sizeof(*contacts));
    all->contacts = contacts;
    all->cap = cap;
    return KS_OK;
}

static bool visit(void *user, struct ks_str key, struct ks_str value)
{
    struct all *all = user;
    struct ks_contact contact = { .flags = 0 };
    struct ks_str record;

    if (all->count == all->cap && (all->err = grow(all)) != KS_OK)
        return false;
    if ((all->err = ks_arena_copy(&all->k->arena, key, &contact.jid)) != KS_OK
        || (all->err = ks_arena_copy(&all->k->arena, value, &record)) != KS_OK
        || (all->err = decode(record, &contact)) != KS_OK)
        return false;
    all->contacts[all->count++] = contact;
    return true;
}

enum ks_err ks_contact_all(struct konsil *k, struct ks_contact **ret_contacts, size_t *ret_count)
{
    struct all all = { .k = k };
    enum ks_err err = k->store->ops->scan(k->store, KS_T_CONTACT, KS_STR_EMPTY, KS_STR_EMPTY, false, visit, &all);

    *ret_contacts = all.contacts;
    *ret_count = all.count;
    return err != KS_OK ? err : all.err;
}

struct ks_str ks_contact_name(const struct ks_contact *contact)
{
    if (contact->name.len > 0)
        return contact->name;
    return contact->directory_name.len > 0 ? contact->directory_name : ks_jid_split(contact->jid).local;
}

static struct ks_str given(struct ks_str text)
{
    return text.len > 0 ? text : KS_STR_EMPTY;
}

void ks_contact_event(struct konsil *k, const struct ks_contact *contact, struct ks_js_contact *ret_event)
{
    unsigned flags = contact->flags;
    bool from = flags & KS_CONTACT_SEES_US, to = flags & KS_CONTACT_SEEN;

    *ret_event = (struct ks_js_contact) { .jid = contact->jid,
        .name = ks_contact_name(contact),
        .department = given(contact->department),
        .profession = given(contact->profession),
        .colleague = flags & KS_CONTACT_COLLEAGUE,
        .pinned = flags & KS_CONTACT_PINNED,
        .asked = flags & KS_CONTACT_ASKED,
        .wants = flags & KS_CONTACT_WANTS,
        .blocked = flags & KS_CONTACT_BLOCKED };
    if (from || to)
        ret_event->subscription = from && to ? KS_JS_SUBSCRIPTION_BOTH
            : to                             ? KS_JS_SUBSCRIPTION_TO
                                             : KS_JS_SUBSCRIPTION_FROM;
    ks_people_show(k, contact->jid, &ret_event->show, &ret_event->status);
}
