/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_verify.h -- konsil verify: whether a signed message in a file may be believed, without a network and without
 * an account (doc/konsil-verify.1). */
#ifndef KONSIL_VERIFY_H
#define KONSIL_VERIFY_H

#include "sentence.h"

/* argv[0] is "verify". Returns the exit status: 0 if the message is validly signed, 1 if not, 64 for wrong usage. */
int konsil_verify(enum ks_language language, int argc, char **argv);

#endif
