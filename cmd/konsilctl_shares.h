/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_shares.h -- what opens a root's key: a passphrase that a person knows, or shares on paper (slip39.h), of
 * which some are needed. The talk is on stderr, so that stdout has the result alone. */
#ifndef KONSILCTL_SHARES_H
#define KONSILCTL_SHARES_H

#include "authority_file.h"
#include "konsilctl_password.h"

struct ctl_lock {
    char passphrase[CTL_PASSWORD_MAX]; /* of shares: their secret in hexadecimal */
    struct ks_key_shares shares;
};

/* Draws a secret and tells its shares, one after the other; each goes on when what stands on its paper was typed. On a
 * terminal the screen is cleared behind each. False: said why. The caller wipes the lock. */
KS_CHECK bool ctl_shares_deal(struct ctl *ctl, struct ctl_lock *ret_lock);
/* What opens this key: asks for the passphrase, or for as many shares as it needs. False: said why. */
KS_CHECK bool ctl_lock_ask(struct ctl *ctl, const char *path, struct ctl_lock *ret_lock);

/* Says what went wrong with a file of a key or a certificate. Returns EXIT_FAILURE. */
int ctl_fail_at(const struct ctl *ctl, enum ks_err err, const char *path);

#endif
