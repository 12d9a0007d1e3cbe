/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* iq_client.h -- requests of ours and their answers (RFC 6120 §8.2.3).
 *
 * An answer counts only if it comes from whom was asked. What has no answer after KS_IQ_MS, or when the session is
 * gone, is answered with nothing; a resumed session keeps its requests. */
#ifndef KS_IQ_CLIENT_H
#define KS_IQ_CLIENT_H

#include "list.h"
#include "stanza.h"

#define KS_IQ_MS 60000
#define KS_IQ_MAX 512 /* at once; more wait with their askers */

struct konsil;
struct ks_iq;

/* In a step. answer NULL: there is none, and will be none. */
typedef enum ks_err ks_iq_done_fn(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer);

struct ks_iq {
    struct ks_list link;
    char id[20];
    int64_t until_ms;
    ks_iq_done_fn *done;
    uint64_t number;    /* whatever the asker wants to remember */
    struct ks_str to;   /* empty: the own account */
    struct ks_str text; /* likewise; both behind this struct */
};

struct ks_iqs {
    struct ks_list open;
    size_t count;
};

void ks_iq_init(struct ks_iqs *iqs);
void ks_iq_free_all(struct ks_iqs *iqs);

/* In a step. type "get" or "set"; to may be empty; payload is in the step's arena; text is copied. KS_EAGAIN: not
 * online, or too many under way. */
KS_CHECK enum ks_err ks_iq_send(struct konsil *k, const char *type, struct ks_str to, struct ks_xml *payload,
    ks_iq_done_fn *done, struct ks_str text, uint64_t number);

/* Outside of steps. An answer that nobody waits for is ignored. */
void ks_iq_answer(struct konsil *k, const struct ks_stanza *answer);
void ks_iq_lost(struct konsil *k); /* the session is gone */
void ks_iq_late(struct konsil *k); /* KS_WAIT_IQ */

static inline bool ks_iq_ok(const struct ks_stanza *answer)
{
    return answer && answer->type == KS_IQ_RESULT;
}
/* The condition of an error answer: "item-not-found"; "no-answer" when there is none. A literal of ours or
 * "undefined-condition". */
const char *ks_iq_condition(const struct ks_stanza *answer);

#endif
