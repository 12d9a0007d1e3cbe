/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* device_cert.h -- certificates of devices (doc/PROTOCOL.md §14.1): a request for one, what one says, and whether it
 * leads to the hospital's root (RFC 5280 §6).
 *
 * Over mbedTLS, natively and in WASM. The time is an argument; nothing here blocks but for the cost of signatures, and
 * nothing is asked of anybody: whether a certificate was revoked stands in the key log. */
#ifndef KS_DEVICE_CERT_H
#define KS_DEVICE_CERT_H

#include "crypto.h"
#include "device_claims.h"

#define KS_CERT_BYTES_MAX 4096
#define KS_CSR_BYTES_MAX 4096
#define KS_CHAIN_MAX 4 /* the device's, and authorities below the root */
#define KS_CERT_TEXT_MAX 200

/* A request (PKCS#10, RFC 2986) for the certificate of a key: subject CN=device, names and claims as extensions.
 * *ret_der belongs to arena. KS_ECRYPTO: the key is none; KS_ENOMEM; KS_ELIMIT: an address too long. */
KS_CHECK enum ks_err ks_device_request_write(struct ks_arena *arena, const uint8_t private_key[KS_P256_PRIVATE_LEN],
    const struct ks_device_names *names, const struct ks_device_claims *claims, struct ks_str *ret_der);

/* What a certificate says. Texts are views into the arena; empty when it does not have them. */
struct ks_device_cert {
    struct ks_str name, profession, department, organisation, person; /* CN, title, OU, O, serialNumber */
    struct ks_device_names names;                                     /* the address in its normal form */
    struct ks_device_claims claims;
    uint8_t key[KS_P256_PUBLIC_LEN];
    struct ks_str serial;              /* bytes, big-endian */
    int64_t not_before_s, not_after_s; /* since 1970 */
    uint8_t hash[32];                  /* SHA-256 of the certificate */
};

enum ks_cert_verdict {
    KS_CERT_GOOD,
    KS_CERT_MALFORMED, /* it, or one above it, cannot be read */
    KS_CERT_FORM,      /* it is not as a device's certificate is (doc/PROTOCOL.md §14.1) */
    KS_CERT_PATH,      /* no path of good signatures leads to the root */
    KS_CERT_EARLY,     /* a certificate of the path is not valid yet */
    KS_CERT_EXPIRED,   /* nor any more */
    KS_CERT_DOMAIN,    /* who signed it does not answer for the address's domain */
};

/* A chain: the device's own first, each signed by the next, the last by the root, which is not among them.
 * *ret_cert is filled when the device's own certificate could be read and has its form, so with
 * KS_CERT_GOOD and from KS_CERT_PATH on. KS_OK: *ret_verdict says it; KS_ENOMEM. */
KS_CHECK enum ks_err ks_device_chain_check(struct ks_arena *arena, const struct ks_str *chain, size_t count,
    struct ks_str root, int64_t now_s, struct ks_device_cert *ret_cert, enum ks_cert_verdict *ret_verdict);

/* The authorities of a chain alone, the one that issues first: whether they lead to the root, and whether the first
 * answers for a domain. KS_OK: *ret_verdict says it; KS_ENOMEM. */
KS_CHECK enum ks_err ks_authorities_check(const struct ks_str *chain, size_t count, struct ks_str root,
    struct ks_str domain, int64_t now_s, enum ks_cert_verdict *ret_verdict);

/* --- signers (§15.4) --- */

enum ks_signs { KS_SIGNS_STATUS, KS_SIGNS_POLICY };
struct ks_signer {
    uint8_t key[KS_P256_PUBLIC_LEN], hash[32]; /* hash: SHA-256 of the certificate */
    int64_t not_before_s, not_after_s;
};
/* One whom the root itself lets sign checkpoints or policies of a domain. KS_OK: *ret_verdict says it, and *ret_signer
 * is filled if it is KS_CERT_GOOD; KS_ENOMEM. */
KS_CHECK enum ks_err ks_signer_check(struct ks_str certificate, struct ks_str root, struct ks_str domain,
    enum ks_signs signs, int64_t now_s, struct ks_signer *ret_signer, enum ks_cert_verdict *ret_verdict);

/* The key that a domain's officers have in shares (§19.8), by the root itself. ret_dealing: SHA-256 of the file that
 * says the rest. Otherwise as ks_signer_check. */
KS_CHECK enum ks_err ks_officers_cert_check(struct ks_str certificate, struct ks_str root, struct ks_str domain,
    int64_t now_s, struct ks_signer *ret_key, uint8_t ret_dealing[32], enum ks_cert_verdict *ret_verdict);

/* SHA-256 of a certificate's public key with its algorithm (SubjectPublicKeyInfo): what a pin names. KS_ESYNTAX. */
KS_CHECK enum ks_err ks_cert_key_hash(struct ks_str certificate, uint8_t ret_hash[32]);
/* For an error that a person reads. A literal, "good" and so on. */
const char *ks_cert_verdict_name(enum ks_cert_verdict verdict);

#endif
