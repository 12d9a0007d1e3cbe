/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "occupants.h"

#include <stdlib.h>
#include <string.h>

#include "ns.h"
#include "utf8.h"

/* Names of XEP-0045 §5.1 and §5.2, in the order of the enums. */
static const char *const roles[] = { "visitor", "participant", "moderator" };
static const char *const affiliations[] = { "outcast", "none", "member", "admin", "owner" };

/* 0: none of them. */
static int choice(struct ks_str text, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ks_str_is(text, names[i]))
            return (int)i + 1;
    return 0;
}

void ks_occupants_init(struct ks_occupants *occupants)
{
    ks_list_init(&occupants->list);
    occupants->count = 0;
    occupants->ids = occupants->stale = false;
}

void ks_occupants_forget(struct ks_occupants *occupants, struct ks_occupant *occupant)
{
    ks_list_leave(&occupant->link);
    occupants->count--;
    free(occupant);
}

void ks_occupants_forget_all(struct ks_occupants *occupants)
{
    for (KS_LIST_EACH_SAFE(&occupants->list, at))
        ks_occupants_forget(occupants, KS_CONTAINER(at, struct ks_occupant, link));
}

struct ks_occupant *ks_occupants_find(const struct ks_occupants *occupants, struct ks_str nick)
{
    for (KS_LIST_EACH(&occupants->list, at)) {
        struct ks_occupant *occupant = KS_CONTAINER(at, struct ks_occupant, link);

        if (ks_str_eq(occupant->nick, nick))
            return occupant;
    }
    return NULL;
}

struct ks_occupant *ks_occupants_own(const struct ks_occupants *occupants)
{
    for (KS_LIST_EACH(&occupants->list, at)) {
        struct ks_occupant *occupant = KS_CONTAINER(at, struct ks_occupant, link);

        if (occupant->own)
            return occupant;
    }
    return NULL;
}

static void read_hats(struct ks_occupant *said, const struct ks_xml *presence)
{
    const struct ks_xml *hats = ks_xml_child(presence, NS_HATS, "hats");

    for (const struct ks_xml *hat = ks_xml_child(hats, NS_HATS, "hat"); hat && said->hat_count < KS_HATS_MAX;
         hat = ks_xml_next(hat, NS_HATS, "hat")) {
        struct ks_str title = ks_utf8_head(ks_xml_attr(hat, "title"), KS_HAT_MAX);

        if (title.len > 0)
            said->hats[said->hat_count++] = title;
    }
}

static void read_presence(struct ks_occupant *said, bool ids, const struct ks_xml *presence)
{
    const struct ks_xml *item = ks_xml_child(ks_xml_child(presence, NS_MUC_USER, "x"), NS_MUC_USER, "item");

    said->role = (enum ks_js_room_role)choice(ks_xml_attr(item, "role"), roles, KS_COUNT(roles));
    said->affiliation =
        (enum ks_js_room_affiliation)choice(ks_xml_attr(item, "affiliation"), affiliations, KS_COUNT(affiliations));
    said->id = ks_xml_attr(ks_xml_child(presence, NS_OCCUPANT_ID, "occupant-id"), "id");
    if (!ids || said->id.len > KS_OCCUPANT_ID_MAX)
        said->id = KS_STR_EMPTY;
    read_hats(said, presence);
}

static void move(char **to, struct ks_str *text)
{
    if (text->len > 0)
        memcpy(*to, text->ptr, text->len);
    *text = text->len > 0 ? ks_str(*to, text->len) : KS_STR_EMPTY;
    *to += text->len;
}

enum ks_err ks_occupants_note(
    struct ks_occupants *occupants, struct ks_str nick, struct ks_str jid, bool own, const struct ks_xml *presence)
{
    struct ks_occupant said = { .nick = nick, .jid = jid, .own = own }, *occupant = ks_occupants_find(occupants, nick);
    size_t len;
    char *to;

    if (occupant)
        ks_occupants_forget(occupants, occupant);
    if (occupants->count >= KS_OCCUPANTS_MAX)
        return KS_OK; /* whose keys open its messages is found by the device's id then */
    read_presence(&said, occupants->ids, presence);
    len = nick.len + jid.len + said.id.len;
    for (size_t i = 0; i < said.hat_count; i++)
        len += said.hats[i].len;
    if (!(occupant = malloc(sizeof(*occupant) + len)))
        return KS_ENOMEM;
    to = (char *)(occupant + 1);
    move(&to, &said.nick);
    move(&to, &said.jid);
    move(&to, &said.id);
    for (size_t i = 0; i < said.hat_count; i++)
        move(&to, &said.hats[i]);
    *occupant = said;
    ks_list_append(&occupants->list, &occupant->link);
    occupants->count++;
    return KS_OK;
}

struct ks_js_texts ks_occupants_hats(const struct ks_occupants *occupants, struct ks_str jid)
{
    for (KS_LIST_EACH(&occupants->list, at)) {
        const struct ks_occupant *occupant = KS_CONTAINER(at, struct ks_occupant, link);

        if (occupant->hat_count > 0 && ks_str_eq(occupant->jid, jid))
            return (struct ks_js_texts) { occupant->hats, occupant->hat_count };
    }
    return (struct ks_js_texts) { NULL, 0 };
}
