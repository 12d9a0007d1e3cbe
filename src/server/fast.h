/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* fast.h -- tokens in place of passwords (XEP-0484): what the login asks of xep_0484_fast.c.
 *
 * A token belongs to one device of one account (user_device.h) and to one mechanism. Of the device's id the client says
 * what it likes; only with the token does it prove something. */
#ifndef KS_FAST_H
#define KS_FAST_H

#include "sasl_ht.h"
#include "token_record.h"

#include "feature.h"

/* The mechanism of this name, if it is offered in this domain to a connection with these channels; or NULL. */
const struct ks_ht_mechanism *ks_fast_mechanism(
    const struct ks_domain *domain, const struct ks_scram_bindings *channels, struct ks_str name);
/* Adds <fast/> to what can be asked for inline (§3.1); nothing when no mechanism is offered. */
void ks_fast_offer(struct ks_arena *arena, const struct ks_domain *domain, const struct ks_scram_bindings *channels,
    struct ks_xml *offer);

/* What a client proves with. */
struct ks_fast_try {
    const struct ks_ht_mechanism *mechanism;
    uint64_t device;
    struct ks_str channel, proof;
    bool counted;
    uint64_t count;
};
enum ks_fast_verdict {
    KS_FAST_WRONG,   /* <not-authorized/> */
    KS_FAST_EXPIRED, /* <credentials-expired/>: it was right once */
    KS_FAST_RIGHT,
};
/* The user's data is there; it may be that of no account, and then takes as long. On KS_FAST_RIGHT, *ret_token is what
 * was used, and ret_answer the server's proof. */
enum ks_fast_verdict ks_fast_check(const struct ks_user *user, const struct ks_fast_try *attempt,
    struct ks_token *ret_token, uint8_t ret_answer[KS_HT_PROOF_LEN]);

/* In ctx's transaction: the token was used; fast is the client's element (§3.4 to §3.6). False: it is not there any
 * more. *ret_due: it is time for another one. */
bool ks_fast_used(
    struct ks_ctx *ctx, uint64_t device, const struct ks_token *token, const struct ks_xml *fast, bool *ret_due);
/* In ctx's transaction: another token for the device, which success says (§3.3). name: what the person calls the
 * device. */
void ks_fast_issue(struct ks_ctx *ctx, uint64_t device, const struct ks_ht_mechanism *mechanism, struct ks_str name,
    struct ks_xml *success);

/* The devices that have tokens: uint64_t device = 0; while (ks_fast_next(user, &device, …)). Views are good until the
 * next write. */
struct ks_fast_device {
    uint64_t device;
    int64_t expiry_ms; /* of the token that is good for longest */
    struct ks_str name;
};
bool ks_fast_next(const struct ks_user *user, struct ks_fast_device *at);

#endif
