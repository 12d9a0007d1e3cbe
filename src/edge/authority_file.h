/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* authority_file.h -- keys and certificates of authorities as files that other tools read: PEM; a key as PKCS#8, in
 * clear for a service that starts by itself, or encrypted under a passphrase (PBES2 of RFC 8018 with AES-256-CBC and
 * scrypt of RFC 7914) for a root that lies in a safe. Over OpenSSL. Blocks: scrypt takes a second. */
#ifndef KS_AUTHORITY_FILE_H
#define KS_AUTHORITY_FILE_H

#include <openssl/types.h>

#include "arena.h"

#define KS_PASSPHRASE_CHARACTERS_MIN 12 /* of a root's */

/* What a key's passphrase is in: shares (slip39.h), so many needed of so many. All 0: a person knows it. */
struct ks_key_shares {
    unsigned needed, count, set;
};

/* Writes a new file, mode 0600, on the disk when this returns. passphrase NULL: in clear. Of shares the file says so in
 * front of its PEM (RFC 7468 §2 lets text stand there). KS_OK; KS_EEXISTS; KS_EIO, errno tells; KS_ENOMEM. Nothing is
 * left of one that failed. */
KS_CHECK enum ks_err ks_authority_key_write(
    const char *path, EVP_PKEY *key, const char *passphrase, const struct ks_key_shares *shares);
/* The same in the place of a file that is there, which stays as it was if this fails. */
KS_CHECK enum ks_err ks_authority_key_replace(
    const char *path, EVP_PKEY *key, const char *passphrase, const struct ks_key_shares *shares);
/* Errors as below, but for KS_ECRYPTO. */
KS_CHECK enum ks_err ks_authority_key_shares(const char *path, struct ks_key_shares *ret_shares);
/* KS_OK: *ret_key is the caller's (EVP_PKEY_free). KS_ENOTFOUND; KS_EDENIED: others may read it, or we may not;
 * KS_ECRYPTO: another passphrase; KS_ESYNTAX: it holds something else; KS_EIO. */
KS_CHECK enum ks_err ks_authority_key_read(const char *path, const char *passphrase, EVP_PKEY **ret_key);

/* The same for a certificate, mode 0644. The DER belongs to arena. */
KS_CHECK enum ks_err ks_certificate_write(const char *path, struct ks_str der);
KS_CHECK enum ks_err ks_certificate_read(struct ks_arena *arena, const char *path, struct ks_str *ret_der);

#endif
