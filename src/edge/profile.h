/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* profile.h -- an account's directory on this computer: the vault's header and the store that it opens.
 *
 *     DIR/vault      vault.h: one data key, wrapped by a passphrase or a PIN
 *     DIR/store.db   sqlite_engine_store.h, under the key that the vault gives
 *     DIR/certificate    where the person's certificate and its key are: a path each in a line; missing: nowhere
 *
 * DIR and what is above it are made when they are missing, for nobody else to read (0700). Blocks: files, and Argon2id.
 */
#ifndef KS_PROFILE_H
#define KS_PROFILE_H

#include "arena.h"
#include "engine_store.h"
#include "prng.h"
#include "vault.h"

/* ${XDG_DATA_HOME:-~/.local/share}/konsil/JID. False when there is neither variable, or it does not fit. */
bool ks_profile_path(struct ks_str jid, char *path, size_t cap);
/* The vault as it lies there, locked, or none when it is new: then nothing is made yet. While it is held no other
 * process has it. prng stays the caller's. KS_EAGAIN: another process has it; KS_EVERSION: written by a newer version;
 * KS_ESYNTAX: damaged; KS_ELIMIT; KS_EIO: a file cannot be read or written; KS_ENOMEM. */
struct ks_profile;
KS_CHECK enum ks_err ks_profile_load(const char *dir, struct ks_prng *prng, struct ks_profile **ret_profile);
void ks_profile_free(struct ks_profile *profile); /* wipes; accepts NULL */
KS_AUTO_DEFINE(struct ks_profile, ks_profile_free)
/* NULL: there is none, and its passphrase is to be asked for twice. */
struct ks_vault *ks_profile_vault(struct ks_profile *profile);

/* What a person typed as a passphrase or PIN, as everybody's keyboard would give it (RFC 8265 §4.2): a copy in the
 * arena, for the caller to wipe.
 * KS_ELIMIT: empty, or not to be used; KS_ENOMEM. */
KS_CHECK enum ks_err ks_profile_secret(struct ks_arena *arena, struct ks_str typed, struct ks_str *ret_secret);
/* Opens the vault by a passphrase; makes a new one, and its directory, when there is none (KS_EAGAIN: another process
 * was faster). KS_ECRYPTO: it is wrong; KS_ENOTFOUND: the vault has no passphrase's slot; KS_ELIMIT: it is empty or too
 * long, or the vault asks for more work than is sane; KS_EIO, KS_EFULL, KS_ENOMEM. */
KS_CHECK enum ks_err ks_profile_unlock(struct ks_profile *profile, struct ks_str passphrase);
/* Writes the vault as it is now; durable when it returns KS_OK. KS_EIO, KS_EFULL, KS_ENOMEM. */
KS_CHECK enum ks_err ks_profile_save(struct ks_profile *profile);
/* The store of an open vault. KS_EAGAIN, KS_EVERSION, KS_ESTORE: damaged, KS_EIO, KS_EFULL, KS_ENOMEM. */
KS_CHECK enum ks_err ks_profile_store(struct ks_profile *profile, struct ks_engine_store **ret_store);

#define KS_PROFILE_PATH_MAX 4096
/* Where the certificate and its key are (client_key.h); key empty: in the same file. False: nowhere, as far as is
 * known.
 */
bool ks_profile_certificate(const char *dir, char certificate[KS_PROFILE_PATH_MAX], char key[KS_PROFILE_PATH_MAX]);
/* Remembers it, or with NULL forgets it. The directory is there. KS_EIO: the paths do not fit or the file cannot be
 * written; KS_EFULL. */
KS_CHECK enum ks_err ks_profile_set_certificate(const char *dir, const char *certificate, const char *key);

#endif
