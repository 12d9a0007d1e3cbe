/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* enrolment.h -- what makes this device one of the hospital's: the root that it trusts, its own certificate, and how it
 * comes to both (doc/PROTOCOL.md §21).
 *
 * A link names the root and carries a code that is good once. The request is kept until it is answered, because only
 * the same request is answered a second time. Renewal needs nobody: from four fifths of its life on a certificate is
 * replaced by one for new keys, which the old key signs for. */
#ifndef KS_ENROLMENT_H
#define KS_ENROLMENT_H

#include "crypto.h"
#include "log_leaf.h"
#include "str.h"

struct konsil;
struct ks_cmd;

#define KS_SHARE_LEN 32

struct ks_enrolment {
    bool certified;
    char *root; /* its certificate, DER */
    size_t root_len;
    uint8_t pin[32], salt[KS_LOG_SALT_LEN], share[KS_SHARE_LEN]; /* share: of the account, for its archive */
    uint8_t hash[32];                                            /* of the own certificate */
    uint8_t seal_secret[KS_P256_PRIVATE_LEN];
    uint64_t leaf;
    int64_t not_before_s, not_after_s;
    bool asking;
    unsigned tries;
};

/* Whether this device belongs to a hospital: it has its root, and a certificate, be it ended or revoked. */
bool ks_enrolled(const struct konsil *k);
struct ks_str ks_enrolment_root(const struct konsil *k);

void ks_enrolment_done(struct konsil *k); /* wipes */

/* --- in a step --- */

KS_CHECK enum ks_err ks_enrolment_load(struct konsil *k);
/* Asks for what is pending, publishes what was not yet. */
KS_CHECK enum ks_err ks_enrolment_online(struct konsil *k);
KS_CHECK enum ks_err ks_enrolment_published(struct konsil *k, bool good);
/* The command: a link. Answered when there is a certificate, or none to be had. */
KS_CHECK enum ks_err ks_cmd_on_enrol(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_enrolment(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_mixed(struct konsil *k, const struct ks_cmd *cmd);
/* The own chain: the device's certificate, then authorities; in the step's arena. */
KS_CHECK enum ks_err ks_enrolment_chain(struct konsil *k, struct ks_str ret_chain[4], size_t *ret_count);

/* KS_WAIT_ENROL: another try, or a renewal. Outside of steps. */
void ks_enrolment_due(struct konsil *k);

#endif
