/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* client_key.h -- a person's certificate and its private key, out of files.
 *
 * The certificate's file is PEM, with the authorities between it and the hospital's behind it, and the key's is PEM
 * (PKCS#8, encrypted or not), the same file or one of its own; or both are in one of PKCS#12. Blocks: files, and the
 * derivation of keys. */
#ifndef KS_CLIENT_KEY_H
#define KS_CLIENT_KEY_H

#include <openssl/types.h>
#include <stdbool.h>

#include "err.h"

#define KS_CLIENT_KEY_PASSPHRASE_MAX 1024

struct ks_client_key_files {
    const char *certificate, *key; /* key NULL: in the certificate's file */
};

/* Gives them to a context. passphrase NULL: there is none. KS_OK; KS_EDENIED: the key needs another passphrase, or one;
 * KS_EIO: a file cannot be read; KS_ECRYPTO: they do not hold a certificate and its key, or in a form that is too weak
 * or too old; KS_ENOMEM. *ret_open: the key is not encrypted, and others may read its file. */
KS_CHECK enum ks_err ks_client_key_use(
    SSL_CTX *context, const struct ks_client_key_files *files, const char *passphrase, bool *ret_open);

#endif
