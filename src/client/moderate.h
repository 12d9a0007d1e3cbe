/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* moderate.h -- an owner takes another's message out of a room (doc/PROTOCOL.md §5.5; XEP-0425).
 *
 * What counts is the owner's word inside an envelope, and that the signed state makes him one: a server alone takes
 * nothing away, and what it says of moderation is not read. When it has the word, the room is asked to delete its copy,
 * too; until it answers, that is owed (KS_T_OUTBOX, row 'm' of the word: the archive's id). Files, and the stanzas of
 * edits, go by the hand of the device that sent them, which hears the word as all do. In a step. */
#ifndef KS_MODERATE_H
#define KS_MODERATE_H

#include "outbox.h"
#include "refer.h"

struct ks_cmd;
struct ks_inbound;

/* Command `moderate`. */
KS_CHECK enum ks_err ks_moderate_ask(struct konsil *k, const struct ks_cmd *cmd);
/* Somebody's word of it came: content has a target_author. */
KS_CHECK enum ks_err ks_moderate_take(
    struct konsil *k, const struct ks_inbound *in, const struct ks_reference *reference);
/* The server has this message of ours: if it is such a word, its room can be asked. */
KS_CHECK enum ks_err ks_moderate_on_server(struct konsil *k, const struct ks_out *out);
/* We are in a room: what is still owed there. */
KS_CHECK enum ks_err ks_moderate_entered(struct konsil *k, struct ks_str room);
/* Does the word with this seq still owe its room something? Then it is kept, as ks_erase_owes. */
KS_CHECK enum ks_err ks_moderate_owes(struct konsil *k, uint64_t seq, bool *ret_owes);

#endif
