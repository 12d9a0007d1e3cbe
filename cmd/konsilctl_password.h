/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_password.h -- a password becomes SCRAM keys, and goes no further. */
#ifndef KONSILCTL_PASSWORD_H
#define KONSILCTL_PASSWORD_H

#include "konsilctl.h"
#include "str.h"

/* The argument "keys" of user.add and user.passwd. NULL: no memory, or this is no password (RFC 8265 §4.2), or too
 * short a one (NIST SP 800-63B §5.1.1.2: at least 8 characters); *ret_wrong is then the catalogue's id of the reason.
 * The server cannot ask for this: it never sees a password. */
KS_CHECK json_t *ctl_password_keys(struct ks_str password, const char **ret_wrong);
/* Asks for it twice, or reads a line of stdin (--password-stdin). NULL: said why. */
KS_CHECK json_t *ctl_password_ask(struct ctl *ctl);

#define CTL_PASSWORD_MAX 1024
/* Asks for what opens a key, once or twice, or reads a line of stdin (--password-stdin). False: said why; there are not
 * so many characters as characters_min, or the two differ. The caller wipes it. */
KS_CHECK bool ctl_passphrase_ask(
    struct ctl *ctl, bool twice, size_t characters_min, char ret_passphrase[CTL_PASSWORD_MAX]);

#endif
