/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* roster.h -- contacts of an account and who may see whose presence (RFC 6121 §2, §3, Appendix A).
 *
 * Kept in the store "roster": one row for each contact, by its bare JID. Contacts of the hospital come from the
 * directory (konsil_directory.c); the roster holds what a person pins, and presence subscriptions. */
#ifndef KS_ROSTER_H
#define KS_ROSTER_H

#include "feature.h"

#define KS_STORE_ROSTER "roster"
#define KS_ROSTER_GROUPS_MAX 32

/* The nine states of Appendix A are the combinations of these, without those that exclude each other. */
struct ks_contact {
    bool to, from;      /* subscription='to' | 'from' | 'both' */
    bool ask;           /* our request is pending (Pending Out) */
    bool pending_in;    /* their request is pending (Pending In); not shown in the roster */
    bool approved;      /* pre-approval (RFC 6121 §3.4) */
    bool listed;        /* in the roster, not only a pending request */
    struct ks_str name; /* views into the stored row or the request */
    struct ks_str groups[KS_ROSTER_GROUPS_MAX];
    size_t group_count;
};

/* False (and zeroes) when there is none. */
bool ks_roster_get(const struct ks_user *user, struct ks_str bare, struct ks_contact *ret_contact);
/* KS_ESYNTAX, KS_EVERSION: a row that we did not write. */
KS_CHECK enum ks_err ks_roster_decode(struct ks_str record, struct ks_contact *ret_contact);
/* Writes the row, or deletes it when nothing is left in it, and pushes it to interested sessions if the roster as a
 * client sees it changed (RFC 6121 §2.1.6). bare lives as long as ctx. */
void ks_roster_set(struct ks_ctx *ctx, struct ks_str bare, const struct ks_contact *contact);
/* The contact leaves the roster (RFC 6121 §2.5). */
void ks_roster_remove(struct ks_ctx *ctx, struct ks_str bare);
/* True if user lets bare see its presence, or is the same account. */
bool ks_roster_from(const struct ks_user *user, struct ks_str bare);

/* True when the account holds roster.items_max rows. */
bool ks_roster_full(const struct ks_ctx *ctx);
/* rfc6121_presence.c: the session's presence addressed to `to`, or the word that it is unavailable; NULL without
 * memory. */
struct ks_xml *ks_presence_of(struct ks_ctx *ctx, const struct ks_session *s, struct ks_str to, bool available);
/* rfc6121_presence.c: tells the contact that both directions end (RFC 6121 §2.5.2). */
void ks_presence_end_subscriptions(struct ks_ctx *ctx, struct ks_str bare, const struct ks_contact *contact);

#endif
