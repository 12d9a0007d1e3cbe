/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* erase.h -- what was taken back here is deleted everywhere else we can reach: envelopes in our outbox, and stanzas in
 * the archives of the server, and the files that it brought there (doc/PROTOCOL.md §3.4).
 *
 * The retraction itself goes to the devices, in an envelope (refer.h). When the server has it, who keeps the archive of
 * the conversation (the room, or our own account) is asked to delete the message and the edits of it that we know of,
 * and our account the files; until either answers, that is owed (KS_T_OUTBOX, rows 'x' and 'z' of the retraction). In a
 * step. */
#ifndef KS_ERASE_H
#define KS_ERASE_H

#include "outbox.h"

struct ks_message;

/* The outbox forgets what it holds of an own message: one that waits does not leave any more. */
KS_CHECK enum ks_err ks_erase_outbox(struct konsil *k, struct ks_str conversation, struct ks_str id);
/* An own message is about to be taken back, by a retraction that will have this seq. */
KS_CHECK enum ks_err ks_erase_want(struct konsil *k, const struct ks_message *target, uint64_t retraction);
/* The server has this message of ours: if it is a retraction, what it owes can be asked for. */
KS_CHECK enum ks_err ks_erase_on_server(struct konsil *k, const struct ks_out *out);
/* A new session: what is still owed. */
KS_CHECK enum ks_err ks_erase_online(struct konsil *k);
/* Does the retraction with this seq still owe something? Then it is kept. */
KS_CHECK enum ks_err ks_erase_owes(struct konsil *k, uint64_t seq, bool *ret_owes);

#endif
