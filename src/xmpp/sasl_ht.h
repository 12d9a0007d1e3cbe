/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sasl_ht.h -- the mechanisms HT-SHA-256-* (draft-schmaus-kitten-sasl-ht-09), both ends: login by a token that the
 * server gave out, in one message and one answer.
 *
 * Who logs in proves the token by a hash over the TLS channel, and the server proves it by another. Pure message logic:
 * no IO, no logging. The token is text; whoever has its bytes is the device. */
#ifndef KS_SASL_HT_H
#define KS_SASL_HT_H

#include "scram.h"

#define KS_HT_PROOF_LEN 32
#define KS_HT_TOKEN_MAX 256

/* Best first; tls-unique is none of TLS 1.3's. -NONE is bound to nothing: whoever reads it could use it elsewhere. */
#define KS_HT_MECHANISMS 3
struct ks_ht_mechanism {
    const char *name;
    enum ks_scram_binding binding;
    uint8_t code; /* in records; never 0 */
};
extern const struct ks_ht_mechanism ks_ht_mechanisms[KS_HT_MECHANISMS];
/* NULL: none of ours. */
const struct ks_ht_mechanism *ks_ht_mechanism(struct ks_str name);

/* What the client proves, or what the server does; channel is empty for -NONE. */
enum ks_ht_end { KS_HT_INITIATOR, KS_HT_RESPONDER };
void ks_ht_proof(struct ks_str token, enum ks_ht_end end, struct ks_str channel, uint8_t ret_proof[KS_HT_PROOF_LEN]);

/* The initiator's message. KS_ELIMIT, KS_ENOMEM: the arena's. */
KS_CHECK enum ks_err ks_ht_first(
    struct ks_arena *arena, struct ks_str name, struct ks_str token, struct ks_str channel, struct ks_str *ret_message);
/* Reads one: the localpart, normalised in arena, or as it is if that cannot be (no account has it then). KS_ESYNTAX:
 * not such a message. KS_ENOMEM. */
KS_CHECK enum ks_err ks_ht_read_first(
    struct ks_arena *arena, struct ks_str message, struct ks_str *ret_name, struct ks_str *ret_proof);

#endif
