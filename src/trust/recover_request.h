/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* recover_request.h -- a device asks the hospital's officers to open an account's archive for it (doc/PROTOCOL.md
 * §19.7): a statement that it signs, with its certificates, and the account's key ring as another device of it signed
 * it.
 *
 * Pure functions over bytes in memory. Whether a certificate was revoked stands in the key log, and nobody asks that
 * here. */
#ifndef KS_RECOVER_REQUEST_H
#define KS_RECOVER_REQUEST_H

#include "device_cert.h"
#include "officer_file.h"

#define KS_RECOVER_FILE_MAX (512 * 1024)
#define KS_RECOVER_REASON_MAX 500
#define KS_RECOVER_RING_MAX 262144
#define KS_RECOVER_SEALED_LEN 48 /* the account's key and a tag */
#define KS_RECOVER_AHEAD_S (48 * INT64_C(3600))
#define KS_RECOVER_AGE_MAX_S (14 * INT64_C(86400))

/* The dealing to whose key a device seals, out of its file, and the certificate beside it (§19.8). root: the one that
 * the device has pinned. KS_OK: *ret_verdict says it, and *ret_public is filled if it is KS_CERT_GOOD; it is
 * KS_CERT_FORM, too, when certificate and file are not of one dealing or the file names another root; KS_ENOMEM. */
KS_CHECK enum ks_err ks_recover_dealing_check(struct ks_str file, struct ks_str certificate, struct ks_str root,
    struct ks_str domain, int64_t now_s, struct ks_officer_public *ret_public, enum ks_cert_verdict *ret_verdict);

struct ks_recover_request {
    struct ks_str account, reason; /* a bare JID; what the person says, one line */
    int64_t t_s;
    struct ks_str chain[KS_CHAIN_MAX]; /* of the device that asks, as ks_device_chain_check takes it */
    size_t chain_count;
    struct ks_str ring; /* the statement of the key ring, as it was signed */
    uint8_t ring_signature[KS_P256_SIGNATURE_LEN];
    struct ks_str ring_chain[KS_CHAIN_MAX]; /* of the device that signed it */
    size_t ring_chain_count;
};
/* KS_ELIMIT: something is longer than above. The first failure of buf stays in it. */
KS_CHECK enum ks_err ks_recover_request_write(
    struct ks_buf *buf, const struct ks_recover_request *request, const uint8_t private_key[KS_P256_PRIVATE_LEN]);

enum ks_recover_verdict {
    KS_RECOVER_GOOD,
    KS_RECOVER_MALFORMED, /* it has not the form */
    KS_RECOVER_DEVICE,    /* the device that asks is not certified by this hospital now (facts.why) */
    KS_RECOVER_ACCOUNT,   /* it is not a device of the account that it asks for, or the ring is another account's */
    KS_RECOVER_SIGNATURE, /* it did not sign this */
    KS_RECOVER_TIME,      /* of the future, or too old */
    KS_RECOVER_RING,      /* the ring was not signed by a device of the account */
    KS_RECOVER_KEY,       /* the ring has no slot for these officers' key, or two */
    KS_RECOVER_SLOT,      /* its slot was made for another account (attack 52) */
};
/* Filled as far as the verdict came, in the order above. */
struct ks_recover_facts {
    struct ks_recover_request request;
    struct ks_device_cert device; /* that asks: who gets the account's archive */
    enum ks_cert_verdict why;
    struct ks_officers_case about; /* for ks_officers_partial, with KS_RECOVER_GOOD */
};
/* What an officer has to know before he answers; the views belong to arena, which takes 2 MiB. KS_OK: *ret_verdict says
 * it; KS_ENOMEM. */
KS_CHECK enum ks_err ks_recover_request_check(struct ks_arena *arena, struct ks_str bytes,
    const struct ks_officer_public *public, int64_t now_s, struct ks_recover_facts *ret_facts,
    enum ks_recover_verdict *ret_verdict);

/* The slot for this key in the statement of an account's ring; sealed belongs to arena. The rest of the ring is its
 * readers' to judge (§17). KS_ESYNTAX: it is no such statement; KS_EDENIED: it is another account's; KS_ENOTFOUND: it
 * has none, or two; KS_ENOMEM, KS_ELIMIT: the arena's. */
KS_CHECK enum ks_err ks_recover_slot_find(struct ks_arena *arena, struct ks_str ring, struct ks_str account,
    const uint8_t key[KS_P256_PUBLIC_LEN], struct ks_officers_slot *ret_slot);

#endif
