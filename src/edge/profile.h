/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* profile.h -- an account's directory on this computer: the vault's header and the store that it opens.
 *
 *     DIR/vault      vault.h: one data key, wrapped by a passphrase
 *     DIR/store.db   sqlite_engine_store.h, under the key that the vault gives
 *     DIR/certificate    where the person's certificate and its key are: a path each in a line; missing: nowhere
 *
 * DIR and what is above it are made when they are missing, for nobody else to read (0700). Blocks: files, and Argon2id.
 */
#ifndef KS_PROFILE_H
#define KS_PROFILE_H

#include "engine_store.h"
#include "prng.h"

/* ${XDG_DATA_HOME:-~/.local/share}/konsil/JID. False when there is neither variable, or it does not fit. */
bool ks_profile_path(struct ks_str jid, char *path, size_t cap);
/* True if there is a vault: its passphrase is to be asked for once, and not for a new one. */
bool ks_profile_exists(const char *dir);

/* Opens it; makes a new one when there is none. KS_ECRYPTO: the passphrase is wrong; KS_EAGAIN: another process has it
 * open; KS_EVERSION: written by a newer version; KS_ESYNTAX, KS_ESTORE: damaged; KS_ELIMIT: the passphrase is empty or
 * too long, or the vault asks for more work than is sane; KS_EIO: a file cannot be read or written; KS_EFULL;
 * KS_ENOMEM. */
KS_CHECK enum ks_err ks_profile_open(
    const char *dir, struct ks_str passphrase, struct ks_prng *prng, struct ks_engine_store **ret_store);

#define KS_PROFILE_PATH_MAX 4096
/* Where the certificate and its key are (client_key.h); key empty: in the same file. False: nowhere, as far as is
 * known.
 */
bool ks_profile_certificate(const char *dir, char certificate[KS_PROFILE_PATH_MAX], char key[KS_PROFILE_PATH_MAX]);
/* Remembers it, or with NULL forgets it. The directory is there. KS_EIO: the paths do not fit or the file cannot be
 * written; KS_EFULL. */
KS_CHECK enum ks_err ks_profile_set_certificate(const char *dir, const char *certificate, const char *key);

#endif
