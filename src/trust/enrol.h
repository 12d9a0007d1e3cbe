/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* enrol.h -- what a device and the registrar say to each other so that the device gets its certificate (doc/PROTOCOL.md
 * §21): the link, what is signed and authenticated, the sealed answer. Both sides of each. Pure functions. */
#ifndef KS_ENROL_H
#define KS_ENROL_H

#include "arena.h"
#include "crypto.h"

#define KS_ENROL_CODE_LEN 16
#define KS_ENROL_MAC_LEN 32
#define KS_ENROL_PIN_LEN 32 /* of a root: SHA-256 of its SubjectPublicKeyInfo */
#define KS_ENROL_LINK_MAX 4096
#define KS_ENROL_CHAIN_MAX 4
#define KS_ENROL_ANSWER_MAX (32 * 1024)
#define KS_ENROL_SALT_LEN 32
#define KS_ENROL_SHARE_LEN 32

/* --- the link (§21.1) --- */

struct ks_enrol_link {
    struct ks_str host; /* of the web address, with a port if there is one */
    int64_t expires_s;  /* since 1970, below 2^32 */
    uint8_t pin[KS_ENROL_PIN_LEN], code[KS_ENROL_CODE_LEN];
    struct ks_str jid;   /* bare, normalised */
    struct ks_str token; /* creates the account (XEP-0445); empty: it is there */
};
/* Texts belong to arena. KS_ESYNTAX: it is no such link; KS_EVERSION: a newer program's; KS_ENOMEM. */
KS_CHECK enum ks_err ks_enrol_link_read(struct ks_arena *arena, struct ks_str text, struct ks_enrol_link *ret_link);
/* KS_ELIMIT: too long. */
KS_CHECK enum ks_err ks_enrol_link_write(
    struct ks_arena *arena, const struct ks_enrol_link *link, struct ks_str *ret_text);

/* --- the request (§21.2) --- */

/* Ki, which is all that the registrar keeps of a code. */
void ks_enrol_mac_key(const uint8_t code[KS_ENROL_CODE_LEN], uint8_t ret_key[KS_ENROL_MAC_LEN]);
void ks_enrol_mac(
    const uint8_t key[KS_ENROL_MAC_LEN], struct ks_str csr, struct ks_str pop, uint8_t ret_mac[KS_ENROL_MAC_LEN]);
/* What the OMEMO identity key signs; what a renewal's old key signs. In arena. KS_ENOMEM. */
KS_CHECK enum ks_err ks_enrol_pop_bytes(struct ks_arena *arena, struct ks_str csr, struct ks_str *ret_bytes);
KS_CHECK enum ks_err ks_enrol_renew_bytes(struct ks_arena *arena, struct ks_str csr, struct ks_str *ret_bytes);

/* --- the answer (§21.3) --- */

struct ks_enrol_answer_facts {
    struct ks_str root;                      /* its certificate */
    struct ks_str chain[KS_ENROL_CHAIN_MAX]; /* the device's first */
    size_t chain_count;
    uint64_t leaf; /* its entry's number in the log */
    uint8_t salt[KS_ENROL_SALT_LEN], share[KS_ENROL_SHARE_LEN];
    int64_t t_s;
};
/* mac_key: of the code; NULL: the request had none. *ret_sealed belongs to arena. KS_ECRYPTO: recipient is no key;
 * KS_ELIMIT; KS_ENOMEM. */
KS_CHECK enum ks_err ks_enrol_answer_seal(struct ks_arena *arena, struct ks_prng *prng,
    const struct ks_enrol_answer_facts *facts, struct ks_str csr, const uint8_t recipient[KS_P256_PUBLIC_LEN],
    const uint8_t *mac_key, struct ks_str *ret_sealed);
/* Certificates belong to arena; nothing of them was checked. KS_ECRYPTO: not for this request, or not by who knows the
 * code; KS_ESYNTAX; KS_ELIMIT; KS_ENOMEM. */
KS_CHECK enum ks_err ks_enrol_answer_open(struct ks_arena *arena, struct ks_str sealed, struct ks_str csr,
    const uint8_t secret[KS_P256_PRIVATE_LEN], const uint8_t *mac_key, struct ks_enrol_answer_facts *ret_facts);

#endif
