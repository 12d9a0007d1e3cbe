/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* refer.h -- what refers to another message: answers, edits, reactions, retractions (doc/PROTOCOL.md §5.1 to §5.5).
 *
 * A reference names its target by id and hash, so that nobody can attach an approval to another text. What comes before
 * its target waits for it. The same rules hold for what others send and for what is done here. In a step. */
#ifndef KS_REFER_H
#define KS_REFER_H

#include "envelope.h"
#include "history.h"

struct ks_reference {
    struct ks_str conversation, author; /* of the reference, not of its target */
    struct ks_str id;                   /* its own */
    int64_t time_ms;
    const struct ks_content *content;
};

/* doc/PROTOCOL.md §5.3: the latest time wins, between equal times the greater id. */
bool ks_refer_newer(int64_t time_ms, struct ks_str id, int64_t than_ms, struct ks_str than_id);

/* Edits the target. *ret_applied false: it may not be (another's message, another text), so it is a message of its own.
 */
KS_CHECK enum ks_err ks_refer_edit(struct konsil *k, const struct ks_reference *reference, bool *ret_applied);
KS_CHECK enum ks_err ks_refer_reactions(struct konsil *k, const struct ks_reference *reference);
/* Of the own message; or, with target_author, of that author's in a room: then the caller has seen that it may be
 * (moderate.h). */
KS_CHECK enum ks_err ks_refer_retract(struct konsil *k, const struct ks_reference *reference);

/* Looks at what message answers: marks it as broken when that is another text here than its author saw. */
KS_CHECK enum ks_err ks_refer_reply(struct konsil *k, const struct ks_content *content, struct ks_message *message);
/* The message is here now: what waited for it takes effect, in its row and in *message, without being told. */
KS_CHECK enum ks_err ks_refer_early(struct konsil *k, struct ks_message *message);

#endif
