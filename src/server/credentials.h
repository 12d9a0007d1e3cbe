/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* credentials.h -- SCRAM keys of an account, in its store "credentials": never a password. */
#ifndef KS_CREDENTIALS_H
#define KS_CREDENTIALS_H

#include "feature.h"
#include "scram.h"

#define KS_STORE_CREDENTIALS "credentials"

/* The keys of a mechanism's hash; made-up ones that open nothing when the account does not exist, is not active, or has
 * none. */
void ks_credentials_get(const struct ks_user *user, enum ks_hash hash, struct ks_scram_keys *ret_keys);
/* Key and value of the stored row for one hash, for whoever makes accounts (control). value: ks_scram_keys_write. */
struct ks_str ks_credentials_key(enum ks_hash hash);

#endif
