/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* authority.h -- the hospital's certificate authorities (doc/PROTOCOL.md §14.1): a root that stays offline, issuing
 * authorities below it, and what those issue: certificates of devices, and lists of revoked ones (RFC 5280).
 *
 * Over OpenSSL. Keys are EVP_PKEYs, of a file or of a token behind PKCS#11. Nothing here reads files, asks the clock or
 * decides who somebody is: whoever calls it has done so. Certificates and requests are DER. */
#ifndef KS_AUTHORITY_H
#define KS_AUTHORITY_H

#include <openssl/types.h>

#include "arena.h"
#include "device_claims.h"

#define KS_AUTHORITY_DOMAINS_MAX 16
#define KS_SERIAL_LEN 16

/* A fresh P-256 key. NULL without memory or chance; EVP_PKEY_free. */
KS_CHECK EVP_PKEY *ks_authority_key(void);

struct ks_authority_names {
    const char *organisation, *name;               /* O, CN; UTF-8 */
    const char *domains[KS_AUTHORITY_DOMAINS_MAX]; /* for whose addresses it answers; lower case */
    size_t domain_count;
};
struct ks_validity {
    int64_t from_s, until_s; /* since 1970 */
};

/* The root's certificate, signed by itself. KS_OK; KS_ELIMIT: a name too long; KS_ECRYPTO: the key cannot sign;
 * KS_ENOMEM. */
KS_CHECK enum ks_err ks_authority_root(struct ks_arena *arena, EVP_PKEY *key, const struct ks_authority_names *names,
    const struct ks_validity *validity, struct ks_str *ret_certificate);
/* One below it, which signs certificates of devices and no other authority's. KS_ESYNTAX: root is no certificate of an
 * authority, or not of root_key. */
KS_CHECK enum ks_err ks_authority_issuing(struct ks_arena *arena, struct ks_str root, EVP_PKEY *root_key, EVP_PKEY *key,
    const struct ks_authority_names *names, const struct ks_validity *validity, struct ks_str *ret_certificate);

/* What a certificate of an authority says. */
struct ks_authority_facts {
    char organisation[201], name[201];
    struct ks_str domains; /* separated by blanks; belongs to arena */
    bool root;             /* signed by itself */
    struct ks_validity validity;
    uint8_t key_hash[32]; /* SHA-256 of its SubjectPublicKeyInfo: the pin of a root */
};
/* KS_ESYNTAX: it is no certificate of an authority. */
KS_CHECK enum ks_err ks_authority_read(
    struct ks_arena *arena, struct ks_str certificate, struct ks_authority_facts *ret_facts);
/* Whether it is an authority's, and the key is its own. */
bool ks_authority_has_key(struct ks_str certificate, EVP_PKEY *key);

/* --- signers --- */

/* Who may sign checkpoints and state policies for a domain (doc/PROTOCOL.md §15.4), and log in as the registrar's
 * account (XEP-0178): a certificate by the root itself. names: one domain; jid: of the account. Errors as above. */
KS_CHECK enum ks_err ks_signer_issue(struct ks_arena *arena, struct ks_str root, EVP_PKEY *root_key, EVP_PKEY *key,
    const struct ks_authority_names *names, const char *jid, const struct ks_validity *validity,
    struct ks_str *ret_certificate);

/* --- officers --- */

/* The key that they have in shares (doc/PROTOCOL.md §19.8), by the root itself, for the addresses of these domains;
 * dealing: SHA-256 of the file that says the rest. KS_ECRYPTO: it is no key. Errors as above. */
KS_CHECK enum ks_err ks_officers_certify(struct ks_arena *arena, struct ks_str root, EVP_PKEY *root_key,
    const uint8_t key[KS_SEAL_KEY_LEN], const uint8_t dealing[32], const struct ks_authority_names *names,
    const struct ks_validity *validity, struct ks_str *ret_certificate);

/* --- devices --- */

/* What a device asks for (device_cert.h writes it), after its signature was found to be its key's. The texts and the
 * key belong to arena. */
struct ks_device_request {
    struct ks_device_names names;
    struct ks_device_claims claims;
    struct ks_str key; /* SubjectPublicKeyInfo, which ends with the point */
    uint8_t point[KS_SEAL_KEY_LEN];
    uint8_t key_hash[32]; /* SHA-256 of it */
};
/* KS_ESYNTAX: it is no request, has another form, or bytes behind; KS_ECRYPTO: not signed by the key that it names;
 * KS_ENOMEM. */
KS_CHECK enum ks_err ks_device_request_read(
    struct ks_arena *arena, struct ks_str der, struct ks_device_request *ret_request);

/* Who has the device, as the hospital's directory knows. Empty texts are left out; name must be there. UTF-8. */
struct ks_device_person {
    struct ks_str name, profession, department, organisation, person;
};
/* Whether a certificate can name them. KS_ELIMIT: a text too long, or no name; KS_ENOMEM. */
KS_CHECK enum ks_err ks_device_person_check(const struct ks_device_person *person);
/* Signs what was asked for, for that person. KS_ESYNTAX: issuing is no such authority, or not of its key; KS_ELIMIT: a
 * name too long. */
KS_CHECK enum ks_err ks_device_issue(struct ks_arena *arena, struct ks_str issuing, EVP_PKEY *issuing_key,
    const struct ks_device_request *request, const struct ks_device_person *person, const uint8_t serial[KS_SERIAL_LEN],
    const struct ks_validity *validity, struct ks_str *ret_certificate);

/* --- revocation, for other tools --- */

struct ks_revoked {
    struct ks_str serial; /* bytes, big-endian */
    int64_t since_s;
};
struct ks_crl_facts {
    uint64_t number; /* rises with each */
    uint64_t size;   /* of the key log that says the same (extension K.3, §15.3) */
    uint8_t root[32];
    struct ks_validity validity;
};
/* KS_ESYNTAX, KS_ENOMEM as above. */
KS_CHECK enum ks_err ks_authority_crl(struct ks_arena *arena, struct ks_str issuing, EVP_PKEY *issuing_key,
    const struct ks_revoked *revoked, size_t count, const struct ks_crl_facts *facts, struct ks_str *ret_crl);

#endif
