/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* retraction.h -- messages that are taken back (XEP-0424 §5, doc/PROTOCOL.md §3.4): the archives of both sides keep
 * that there was one, and nothing of what it said. */
#ifndef KS_RETRACTION_H
#define KS_RETRACTION_H

#include "feature.h"

#define KS_RETRACT_IDS_MAX 64
#define KS_RETRACT_ID_MAX 1023
#define KS_RETRACT_LOOKS_MAX 10000 /* messages of the conversation, newest first: what is older is not looked for */

/* Looks in an account's archive for messages that author (a bare JID) wrote in the conversation with `with` (likewise)
 * under one of these ids, in rows before before_id (0: in all). Asked as by ks_ask; in answered, ks_retraction_names
 * says which row is which. All texts live as long as the parcel at hand. False: not asked, for want of memory. */
struct ks_retraction {
    uint64_t account;
    struct ks_str author, with;
    const struct ks_str *ids;
    size_t count;
    uint64_t before_id;
};
bool ks_retraction_find(
    struct ks_ctx *ctx, const struct ks_retraction *what, void (*answered)(struct ks_ctx *, struct ks_store_req *));
/* True if the row is a message that was not taken back yet, and does not itself take one back: those the archive has to
 * keep. */
bool ks_retraction_stands(const struct ks_archive_row *row);
/* True if it is such a one, of author's (a bare JID), with this id (of the stanza, or XEP-0359's origin-id). */
bool ks_retraction_names(struct ks_str author, const struct ks_archive_row *row, struct ks_str id);

/* Puts a tombstone in the place of a row, for all its owners, in ctx's transaction: sender, recipient, type and id of
 * the message stay. A row that was buried meanwhile stays as that left it. retraction: the id of the message that says
 * so; by: who moderated it (XEP-0425), or empty. */
void ks_retraction_bury(
    struct ks_ctx *ctx, const struct ks_archive_row *row, struct ks_str retraction, struct ks_str by);

#endif
