/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "people.h"

#include <stdlib.h>

#include "contacts.h"
#include "engine.h"
#include "picture.h"
#include "utf8.h"

#define STATUS_BYTES_MAX 1024

/* One resource whose presence we were shown. */
struct resource {
    struct ks_list link;
    int priority;
    enum ks_js_show show;
    char picture[KS_PICTURE_ID_LEN]; /* what it announces (XEP-0153); zeros: nothing, or that there is none */
    struct ks_str jid, status;       /* behind this struct */
};

static const struct {
    const char *text; /* of <show/>; NULL: without one (RFC 6121 §4.7.2.1) */
    int rank;         /* the lowest is shown when a person has several */
} shows[] = {
    [KS_JS_SHOW_NONE_GIVEN] = { NULL, 9 },
    [KS_JS_SHOW_ONLINE] = { NULL, 1 },
    [KS_JS_SHOW_CHAT] = { "chat", 0 },
    [KS_JS_SHOW_AWAY] = { "away", 3 },
    [KS_JS_SHOW_XA] = { "xa", 4 },
    [KS_JS_SHOW_DND] = { "dnd", 2 },
    [KS_JS_SHOW_OFFLINE] = { NULL, 9 },
};

void ks_people_init(struct konsil *k)
{
    ks_list_init(&k->people.resources);
    k->people.show = KS_JS_SHOW_ONLINE;
}

static void forget(struct konsil *k, struct resource *resource)
{
    ks_list_leave(&resource->link);
    k->people.resource_count--;
    free(resource);
}

void ks_people_done(struct konsil *k)
{
    if (k->people.resources.next)
        for (KS_LIST_EACH_SAFE(&k->people.resources, at))
            forget(k, KS_CONTAINER(at, struct resource, link));
    free(k->people.status);
}

/* --- others' presence --- */

static struct resource *find(struct konsil *k, struct ks_str jid)
{
    for (KS_LIST_EACH(&k->people.resources, at)) {
        struct resource *resource = KS_CONTAINER(at, struct resource, link);

        if (ks_str_eq(resource->jid, jid))
            return resource;
    }
    return NULL;
}

/* picture: an id, or empty. */
static enum ks_err remember(struct konsil *k, struct ks_str jid, enum ks_js_show show, int priority,
    struct ks_str status, struct ks_str picture)
{
    struct resource *resource;

    if (k->people.resource_count >= KS_PEOPLE_RESOURCES_MAX)
        return KS_OK;
    if (!(resource = malloc(sizeof(*resource) + jid.len + status.len)))
        return KS_ENOMEM;
    memset(resource->picture, 0, sizeof(resource->picture));
    if (picture.len > 0)
        memcpy(resource->picture, picture.ptr, sizeof(resource->picture));
    resource->show = show;
    resource->priority = priority;
    resource->jid = ks_str(resource + 1, jid.len);
    resource->status = ks_str((char *)(resource + 1) + jid.len, status.len);
    memcpy(resource + 1, jid.ptr, jid.len);
    if (status.len > 0)
        memcpy((char *)(resource + 1) + jid.len, status.ptr, status.len);
    ks_list_init(&resource->link);
    ks_list_append(&k->people.resources, &resource->link);
    k->people.resource_count++;
    return KS_OK;
}

void ks_people_show(struct konsil *k, struct ks_str bare, enum ks_js_show *ret_show, struct ks_str *ret_status)
{
    const struct resource *best = NULL;

    for (KS_LIST_EACH(&k->people.resources, at)) {
        const struct resource *resource = KS_CONTAINER(at, struct resource, link);
        struct ks_jid jid = ks_jid_split(resource->jid);

        if (ks_jid_eq_bare(jid, ks_jid_split(bare)) && (!best || shows[resource->show].rank < shows[best->show].rank))
            best = resource;
    }
    *ret_show = best ? best->show : KS_JS_SHOW_NONE_GIVEN;
    *ret_status = best && best->status.len > 0 ? best->status : KS_STR_EMPTY;
}

static enum ks_err tell_presence(struct konsil *k, struct ks_str bare)
{
    struct ks_ev_presence event = { .jid = bare };

    ks_people_show(k, bare, &event.show, &event.status);
    if (event.show == KS_JS_SHOW_NONE_GIVEN)
        event.show = KS_JS_SHOW_OFFLINE;
    return ks_tell(k, KS_EV_PRESENCE, &event);
}

static enum ks_js_show read_show(struct ks_str text)
{
    for (int i = KS_JS_SHOW_CHAT; i <= KS_JS_SHOW_DND; i++)
        if (ks_str_is(text, shows[i].text))
            return (enum ks_js_show)i;
    return KS_JS_SHOW_ONLINE;
}

/* XEP-0153 §3.2: an empty <photo/> says that there is none; without one nothing is said. Of the own domain XEP-0084
 * says it (XEP-0398). */
static enum ks_err tell_picture(struct konsil *k, struct ks_str bare, const char *was, struct ks_str picture)
{
    struct ks_ev_avatar_changed event = { .jid = bare, .avatar = picture };

    if (ks_str_eq(ks_jid_split(bare).domain, ks_str_z(k->domain))
        || (picture.len == 0 ? was[0] == 0 : ks_str_eq(ks_str(was, KS_PICTURE_ID_LEN), picture)))
        return KS_OK;
    return ks_tell(k, KS_EV_AVATAR_CHANGED, &event);
}

/* The id that a presence announces; empty: none, or that there is none. was: what it announced before. */
static struct ks_str picture_in(struct konsil *k, const struct ks_xml *presence, const char *was)
{
    const struct ks_xml *photo = ks_xml_child(ks_xml_child(presence, NS_VCARD_UPDATE, "x"), NS_VCARD_UPDATE, "photo");
    struct ks_str id = ks_xml_text(&k->arena, photo);

    if (!photo && was[0] != 0)
        return ks_str(was, KS_PICTURE_ID_LEN);
    return ks_picture_is_id(id) ? id : KS_STR_EMPTY;
}

static enum ks_err on_availability(struct konsil *k, const struct ks_stanza *presence, struct ks_str bare)
{
    const struct ks_xml *xml = presence->xml;
    char was[KS_PICTURE_ID_LEN] = { 0 };
    struct ks_str full, status, picture;
    struct resource *known;
    enum ks_err err;

    if (ks_jid_eq_bare(presence->from, ks_jid_split(ks_own(k))))
        return KS_OK; /* our own, or a sibling's */
    if ((err = ks_jid_text(&k->arena, presence->from, &full)) != KS_OK)
        return err;
    if ((known = find(k, full))) {
        memcpy(was, known->picture, sizeof(was));
        forget(k, known);
    } else if (presence->type == KS_PRES_UNAVAILABLE)
        return KS_OK;
    if (presence->type == KS_TYPE_NONE) {
        status = ks_utf8_head(ks_xml_text(&k->arena, ks_xml_child(xml, NS_CLIENT, "status")), STATUS_BYTES_MAX);
        picture = picture_in(k, xml, was);
        err = remember(
            k, full, read_show(ks_xml_text(&k->arena, ks_xml_child(xml, NS_CLIENT, "show"))), 0, status, picture);
        if (err != KS_OK || (err = tell_picture(k, bare, was, picture)) != KS_OK)
            return err;
    }
    return tell_presence(k, bare);
}

/* --- subscriptions (RFC 6121 §3): the roster says what became of them; a request is all we must remember --- */

static enum ks_err on_subscription(struct konsil *k, const struct ks_stanza *presence, struct ks_str bare)
{
    struct ks_contact contact;
    enum ks_err err = ks_contact_get(k, bare, &contact);

    if (err != KS_OK)
        return err;
    if (presence->type == KS_PRES_SUBSCRIBE)
        contact.flags |= KS_CONTACT_WANTS;
    else if (presence->type == KS_PRES_UNSUBSCRIBE)
        contact.flags &= ~(unsigned)KS_CONTACT_WANTS;
    return ks_contact_put(k, &contact);
}

enum ks_err ks_people_presence(struct konsil *k, const struct ks_stanza *presence)
{
    struct ks_str bare;
    bool taken;
    enum ks_err err;

    if (!presence->has_from)
        return KS_OK;
    if ((err = ks_group_presence(k, presence, &taken)) != KS_OK || taken)
        return err;
    if ((err = ks_jid_text(&k->arena, ks_jid_bare(presence->from), &bare)) != KS_OK)
        return err;
    switch (presence->type) {
    case KS_TYPE_NONE:
    case KS_PRES_UNAVAILABLE:
        return on_availability(k, presence, bare);
    case KS_PRES_SUBSCRIBE:
    case KS_PRES_SUBSCRIBED:
    case KS_PRES_UNSUBSCRIBE:
    case KS_PRES_UNSUBSCRIBED:
        return on_subscription(k, presence, bare);
    case KS_PRES_ERROR:
    case KS_PRES_PROBE:
    case KS_MSG_CHAT:
    case KS_MSG_ERROR:
    case KS_MSG_GROUPCHAT:
    case KS_MSG_HEADLINE:
    case KS_MSG_NORMAL:
    case KS_IQ_GET:
    case KS_IQ_SET:
    case KS_IQ_RESULT:
    case KS_IQ_ERROR:
        break;
    }
    return KS_OK;
}

/* --- our own presence --- */

enum ks_err ks_people_send_presence(struct konsil *k, const char *type, struct ks_str to)
{
    return ks_send_stanza(k, ks_stanza_new(&k->arena, "presence", type, KS_STR_EMPTY, KS_STR_EMPTY, to), 0);
}

static enum ks_err broadcast(struct konsil *k)
{
    const struct ks_people *people = &k->people;
    struct ks_xml *presence;

    if (people->show == KS_JS_SHOW_OFFLINE)
        return ks_people_send_presence(k, "unavailable", KS_STR_EMPTY);
    presence = ks_stanza_new(&k->arena, "presence", NULL, KS_STR_EMPTY, KS_STR_EMPTY, KS_STR_EMPTY);
    if (shows[people->show].text
        && !ks_xml_add_text(&k->arena, presence, NS_CLIENT, "show", ks_str_z(shows[people->show].text)))
        return KS_ENOMEM;
    if (people->status && !ks_xml_add_text(&k->arena, presence, NS_CLIENT, "status", ks_str_z(people->status)))
        return KS_ENOMEM;
    if (!ks_disco_caps(k, presence))
        return KS_ENOMEM;
    return ks_send_stanza(k, presence, 0);
}

enum ks_err ks_people_set_presence(struct konsil *k, enum ks_js_show show, struct ks_str status)
{
    char *copy = NULL;

    if (status.len > 0 && !(copy = ks_str_dup(status)))
        return KS_ENOMEM;
    free(k->people.status);
    k->people.status = copy;
    k->people.show = show != KS_JS_SHOW_NONE_GIVEN ? show : KS_JS_SHOW_ONLINE;
    return ks_online(k) ? broadcast(k) : KS_OK;
}

/* --- a session begins and ends --- */

/* XEP-0280 §4: what our other devices send and get. */
static enum ks_err on_carbons(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    (void)iq;
    if (!ks_iq_ok(answer))
        ks_log(k->log, KS_WARNING, "client.carbons.refused", KS_OURS("condition", ks_iq_condition(answer)));
    return KS_OK;
}

enum ks_err ks_people_online(struct konsil *k)
{
    enum ks_err err;

    /* Carbons before presence: from the first message on that may come, each of our devices sees all. */
    if (!k->stream.carbons
        && (err = ks_iq_send(
                k, "set", KS_STR_EMPTY, ks_xml_new(&k->arena, NS_CARBONS, "enable"), on_carbons, KS_STR_EMPTY, 0))
            != KS_OK)
        return err;
    if ((err = ks_roster_ask(k)) != KS_OK || (err = ks_block_ask(k)) != KS_OK || (err = ks_directory_ask(k)) != KS_OK)
        return err;
    return broadcast(k);
}

enum ks_err ks_people_offline(struct konsil *k)
{
    while (!ks_list_empty(&k->people.resources)) {
        struct resource *resource = KS_CONTAINER(k->people.resources.next, struct resource, link);
        struct ks_ev_presence event = { .show = KS_JS_SHOW_OFFLINE };
        struct ks_str bare;
        enum ks_err err;

        if ((err = ks_jid_text(&k->arena, ks_jid_bare(ks_jid_split(resource->jid)), &bare)) != KS_OK)
            return err;
        forget(k, resource);
        event.jid = bare;
        ks_people_show(k, bare, &event.show, &event.status);
        if (event.show != KS_JS_SHOW_NONE_GIVEN)
            continue;
        event.show = KS_JS_SHOW_OFFLINE;
        if ((err = ks_tell(k, KS_EV_PRESENCE, &event)) != KS_OK)
            return err;
    }
    return KS_OK;
}
