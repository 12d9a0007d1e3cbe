/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_certificate.h -- the person's certificate: out of the files that options name, or that were named before. */
#ifndef KONSIL_CERTIFICATE_H
#define KONSIL_CERTIFICATE_H

#include "konsil_program.h"

struct certificate_options {
    const char *certificate, *key, *passphrase_file; /* NULL: not given */
    bool forget;
};

/* Gives it to the link, and remembers in the profile dir where it is; asks for the passphrase of its key. Without any
 * nothing happens. Returns the exit status; what is wrong is said. */
int konsil_certificate(struct program *program, const char *dir, const struct certificate_options *options);

#endif
