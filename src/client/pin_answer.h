/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* pin_answer.h -- what konsild answers to a try of a PIN (doc/PROTOCOL.md §16.3), from its status and its JSON.
 *
 * A server in wrong hands may answer anything. What is not one of the answers is KS_PIN_WRONG_ANSWER, and nothing
 * follows from any of them but a sentence: no answer makes a device erase something. Names that are not known are
 * passed over. */
#ifndef KS_PIN_ANSWER_H
#define KS_PIN_ANSWER_H

#include "buf.h"
#include "oprf.h"

#define KS_PIN_ANSWER_MAX 4096 /* bytes of an answer */
#define KS_PIN_NONCE_LEN 16
#define KS_PIN_TICKET_LEN 32
#define KS_PIN_GEN_MAX ((1ULL << 53) - 1)
#define KS_PIN_SECONDS_MAX 86400 /* of a wait; a longer one is told as this */

enum ks_pin_told {
    KS_PIN_YES,
    KS_PIN_WRONG,        /* the PIN; left: tries after it */
    KS_PIN_WAIT,         /* seconds, until konsild takes another try */
    KS_PIN_LOCKED,       /* all tries are used up */
    KS_PIN_GONE,         /* the server's key was destroyed */
    KS_PIN_UNKNOWN,      /* the server does not have the slot */
    KS_PIN_OVER,         /* of a ticket: its window */
    KS_PIN_LATER,        /* no answer, or the server cannot now */
    KS_PIN_WRONG_ANSWER, /* "Server antwortet falsch" (attack 43) */
};

enum ks_pin_request { KS_PIN_EVAL, KS_PIN_CONFIRM, KS_PIN_TICKET };
/* The path at the domain's web access; always a POST of JSON. */
const char *ks_pin_path(enum ks_pin_request request);

struct ks_pin_answer {
    enum ks_pin_told told; /* never KS_PIN_WRONG: that is for who opens the wrap */
    uint32_t left, seconds;
    uint64_t gen;
    uint8_t z[KS_OPRF_ELEMENT_LEN], keyid[KS_OPRF_KEY_ID_LEN], nonce[KS_PIN_NONCE_LEN];
    bool has_ticket;
    uint8_t ticket[KS_PIN_TICKET_LEN]; /* a secret */
};

/* status: of HTTP, 0 when nothing came. What the request has, and only with KS_PIN_YES, is filled in. KS_ENOMEM; where
 * jansson calls that bad syntax it is KS_PIN_WRONG_ANSWER, and never anything else. */
KS_CHECK enum ks_err ks_pin_answer_read(
    enum ks_pin_request request, unsigned status, struct ks_str body, struct ks_pin_answer *ret_answer);

#endif
