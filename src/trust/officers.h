/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* officers.h -- a hospital's officers open an account's archive for one device, some of them together, and nobody ever
 * has the key that it was sealed to (doc/PROTOCOL.md §19): Shamir's shares of it over the order of P-256 with Feldman's
 * commitments, and of what was sealed a partial decryption by each officer with a proof that it is one.
 *
 * Pure functions; chance is an argument. Shares and what they make are secret: the caller wipes them. Everything else
 * may come from anybody, and is looked at where it is used. */
#ifndef KS_OFFICERS_H
#define KS_OFFICERS_H

#include "p256_group.h"

#define KS_OFFICERS_MAX 16
#define KS_OFFICERS_THRESHOLD_MIN 2
#define KS_OFFICERS_PROOF_LEN 64     /* challenge, answer */
#define KS_OFFICERS_ACCOUNT_MAX 2047 /* bytes of a bare JID (RFC 7622 §3.1) */
#define KS_OFFICERS_NONCE_LEN 32

/* What everybody may know: the coefficients of the polynomial, times the generator. The first one is the key that is
 * sealed to. Officers have numbers from 1 to count. */
struct ks_officers {
    uint8_t threshold, count;                                /* how many are needed, of how many */
    uint8_t commitments[KS_OFFICERS_MAX][KS_P256_POINT_LEN]; /* as many as threshold */
};

/* Draws a key and shares it out. KS_ELIMIT: not 2 <= threshold <= count <= KS_OFFICERS_MAX. */
KS_CHECK enum ks_err ks_officers_deal(struct ks_prng *prng, unsigned threshold, unsigned count,
    struct ks_officers *ret_officers, uint8_t (*ret_shares)[KS_P256_SCALAR_LEN]);
/* The same with coefficients of the caller's, as many as threshold, the key first: known answers. KS_ECRYPTO: one of
 * them, or a share, is 0, or not below the order; nothing was written. */
KS_CHECK enum ks_err ks_officers_deal_with(const uint8_t (*coefficients)[KS_P256_SCALAR_LEN], unsigned threshold,
    unsigned count, struct ks_officers *ret_officers, uint8_t (*ret_shares)[KS_P256_SCALAR_LEN]);
/* Of what was read: KS_ELIMIT as above; KS_ECRYPTO: a commitment is no point, or a share's key would be none. */
KS_CHECK enum ks_err ks_officers_check(const struct ks_officers *officers);

/* A share times the generator, out of the commitments. KS_ESYNTAX: there is no such officer; KS_ECRYPTO. */
KS_CHECK enum ks_err ks_officers_share_key(
    const struct ks_officers *officers, unsigned officer, uint8_t ret_key[KS_P256_POINT_LEN]);
/* Whether a share is that officer's (Feldman). KS_ECRYPTO: it is not; KS_ESYNTAX. */
KS_CHECK enum ks_err ks_officers_share_check(
    const struct ks_officers *officers, unsigned officer, const uint8_t share[KS_P256_SCALAR_LEN]);

/* --- the slot in an account's key ring --- */

/* HPKE to the key, whose enc is made for this slot alone; who made it signs with the private half of enc that it is for
 * this account, so that nobody makes one of another account's enc. */
struct ks_officers_slot {
    uint8_t enc[KS_P256_POINT_LEN];
    struct ks_str sealed;
    uint8_t signature[KS_P256_SIGNATURE_LEN];
};
/* Fills in the signature. KS_ECRYPTO: ephemeral is not enc's private half; KS_ELIMIT: the account is too long. */
KS_CHECK enum ks_err ks_officers_slot_sign(
    const uint8_t ephemeral[KS_P256_PRIVATE_LEN], struct ks_str account, struct ks_officers_slot *slot);
/* KS_ECRYPTO: it was not made for this account; KS_ELIMIT. */
KS_CHECK enum ks_err ks_officers_slot_check(struct ks_str account, const struct ks_officers_slot *slot);

/* --- opening it --- */

/* What one recovery is about; each proof is about one. */
struct ks_officers_case {
    struct ks_str account;
    uint8_t request[32]; /* SHA-256 of the request */
    struct ks_officers_slot slot;
};
/* An officer's part: share times enc, and a proof that the factor is his share. The point is secret: as many as
 * threshold open the slot. */
struct ks_officers_partial {
    uint8_t officer;
    uint8_t point[KS_P256_POINT_LEN];
    uint8_t proof[KS_OFFICERS_PROOF_LEN];
};
/* KS_EDENIED: the slot was not made for this account; KS_ECRYPTO: the share is not that officer's; KS_ESYNTAX;
 * KS_ELIMIT: the account is too long. */
KS_CHECK enum ks_err ks_officers_partial(struct ks_prng *prng, const struct ks_officers *officers, unsigned officer,
    const uint8_t share[KS_P256_SCALAR_LEN], const struct ks_officers_case *about,
    struct ks_officers_partial *ret_partial);
/* KS_ECRYPTO: it is not what that officer's share makes of this case; KS_ESYNTAX, KS_ELIMIT. */
KS_CHECK enum ks_err ks_officers_partial_check(const struct ks_officers *officers, const struct ks_officers_case *about,
    const struct ks_officers_partial *partial);
/* What ks_hpke_open_shared takes: the x coordinate of key times enc, of the first threshold of the partials. KS_EAGAIN:
 * more of them are needed; KS_ESYNTAX: an officer twice, or there is none of that number; KS_ECRYPTO: *ret_wrong is the
 * officer whose part is wrong (0: none of them alone). */
KS_CHECK enum ks_err ks_officers_combine(const struct ks_officers *officers, const struct ks_officers_case *about,
    const struct ks_officers_partial *partials, size_t count, unsigned *ret_wrong, uint8_t ret_dh[32]);

/* --- that a share is still there --- */

/* Over a nonce of whoever asks. Errors as above. */
KS_CHECK enum ks_err ks_officers_prove(struct ks_prng *prng, const struct ks_officers *officers, unsigned officer,
    const uint8_t share[KS_P256_SCALAR_LEN], const uint8_t nonce[KS_OFFICERS_NONCE_LEN],
    uint8_t ret_proof[KS_OFFICERS_PROOF_LEN]);
KS_CHECK enum ks_err ks_officers_prove_check(const struct ks_officers *officers, unsigned officer,
    const uint8_t nonce[KS_OFFICERS_NONCE_LEN], const uint8_t proof[KS_OFFICERS_PROOF_LEN]);

#endif
