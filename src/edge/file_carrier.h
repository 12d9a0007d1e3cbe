/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* file_carrier.h -- moves the bytes of files for the engine (konsil.h, "files"), with libcurl and poll().
 *
 * Only https, only certificates that are valid for the host by the same authorities as the connection's
 * (client_link.h), TLS as tls_policy.h has it, no redirects, no proxy. One thread; disk and network by pieces of 64
 * KiB, so memory does not grow with a file. What is half done lies beside the place of the file, as .konsil-NUMBER.part
 * (as the server has it) and .konsil-NUMBER.open (before it was found genuine), for its owner alone. A file gets its
 * name when it is whole and on the disk, and never in place of another one. */
#ifndef KS_FILE_CARRIER_H
#define KS_FILE_CARRIER_H

#include <poll.h>

#include "clock.h"
#include "konsil/konsil.h"
#include "str.h"

#define KS_CARRIER_FDS_MAX 8 /* KS_CURL_FDS_MAX */

struct ks_file_carrier;

struct ks_file_carrier_setup {
    const char *ca_file;       /* PEM, or NULL for those of the system */
    const char *domain, *host; /* addresses at the domain are connected to at this host; NULL: where their name leads */
};
/* Keeps no pointer. KS_EIO: libcurl cannot do it; KS_ENOMEM. */
KS_CHECK enum ks_err ks_file_carrier_new(
    const struct ks_file_carrier_setup *setup, struct ks_file_carrier **ret_carrier);
void ks_file_carrier_free(
    struct ks_file_carrier *carrier); /* what is under way stays half done, and goes on next time */

/* What to wait for, at most KS_CARRIER_FDS_MAX, and until when (mono_ms, KS_NEVER). Returns how many. */
size_t ks_file_carrier_poll(const struct ks_file_carrier *carrier, struct pollfd *ret_fds, int64_t *ret_until_ms);
/* Takes what the engine has to be moved, and moves some of it. fds: of ks_file_carrier_poll, as poll() left them. */
void ks_file_carrier_run(struct ks_file_carrier *carrier, struct konsil *k, const struct pollfd *fds, size_t count);

#endif
