/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* occupants.h -- who is in a room, as its server says (XEP-0045 §7.2.3; XEP-0317; XEP-0421).
 *
 * All of it is a hint and is shown as one: whose keys open a message is tried by it first, and nobody is trusted, given
 * a key or let write by it. It lasts as long as we are in the room and is stored nowhere. Nothing here blocks or logs.
 */
#ifndef KS_OCCUPANTS_H
#define KS_OCCUPANTS_H

#include "list.h"
#include "schema.h"
#include "xml.h"

#define KS_OCCUPANTS_MAX 4096
#define KS_HATS_MAX 4          /* of one occupant; more are passed over */
#define KS_HAT_MAX 128         /* bytes of a title, which is cut */
#define KS_OCCUPANT_ID_MAX 128 /* XEP-0421 §4.1: "maximum length of 128 characters"; a longer one is none */

struct ks_occupant {
    struct ks_list link;
    enum ks_js_room_role role; /* 0: not said */
    enum ks_js_room_affiliation affiliation;
    struct ks_str nick, jid, id;     /* jid: bare; jid and id may be empty; all behind this struct */
    struct ks_str hats[KS_HATS_MAX]; /* titles, likewise */
    size_t hat_count;
    bool own; /* of this account */
};

struct ks_occupants {
    struct ks_list list;
    size_t count;
    /* The room gives ids. XEP-0421 §3.2: the element "MUST be ignored if support for the feature is not advertised". */
    bool ids;
    bool stale; /* the person was told that they are others than were asked for, and did not ask since */
};

void ks_occupants_init(struct ks_occupants *occupants);
void ks_occupants_forget_all(struct ks_occupants *occupants);
/* NULL: nobody is known by it. */
struct ks_occupant *ks_occupants_find(const struct ks_occupants *occupants, struct ks_str nick);
struct ks_occupant *ks_occupants_own(const struct ks_occupants *occupants); /* NULL: we are not there */
void ks_occupants_forget(struct ks_occupants *occupants, struct ks_occupant *occupant);
/* What available presence says, in the place of what it said before; jid and own are what was read of it. Of more than
 * KS_OCCUPANTS_MAX none is noted. KS_ENOMEM. */
KS_CHECK enum ks_err ks_occupants_note(
    struct ks_occupants *occupants, struct ks_str nick, struct ks_str jid, bool own, const struct ks_xml *presence);
/* The titles of an account's hats; views, until the next presence. */
struct ks_js_texts ks_occupants_hats(const struct ks_occupants *occupants, struct ks_str jid);

#endif
