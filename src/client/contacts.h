/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* contacts.h -- what is kept of a person (KS_T_CONTACT, by bare JID): from the directory, the roster and the block
 * list.
 *
 * In a step. Views belong to the step's arena. */
#ifndef KS_CONTACTS_H
#define KS_CONTACTS_H

#include "str.h"

struct konsil;

enum {
    KS_CONTACT_COLLEAGUE = 1, /* in the directory of the domain */
    KS_CONTACT_PINNED = 2,    /* in the roster */
    KS_CONTACT_ASKED = 4,     /* roster: ask='subscribe' */
    KS_CONTACT_WANTS = 8,     /* asks to see our presence */
    KS_CONTACT_BLOCKED = 16,
    KS_CONTACT_SEES_US = 32, /* roster: subscription from or both */
    KS_CONTACT_SEEN = 64,    /* roster: subscription to or both */
};

struct ks_contact {
    struct ks_str jid, name, directory_name, department, profession; /* name: of the roster */
    unsigned flags;
};

/* An account nobody told us of is a contact without flags. */
KS_CHECK enum ks_err ks_contact_get(struct konsil *k, struct ks_str jid, struct ks_contact *ret_contact);
/* Keeps it, and tells "contact" when something changed. Without flags it is forgotten. */
KS_CHECK enum ks_err ks_contact_put(struct konsil *k, const struct ks_contact *contact);
/* All, in an array of the step's arena. */
KS_CHECK enum ks_err ks_contact_all(struct konsil *k, struct ks_contact **ret_contacts, size_t *ret_count);
/* The name to show; the JID's local part when nobody gave one. */
struct ks_str ks_contact_name(const struct ks_contact *contact);

struct ks_js_contact;
/* As an event has it, with the presence of the moment. */
void ks_contact_event(struct konsil *k, const struct ks_contact *contact, struct ks_js_contact *ret_event);

#endif
