/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* outage_fetch.h -- fetches what is announced about an outage (XEP-0455), when the engine asks for it.
 *
 * By https, as a guest: nothing is sent but the request (§4: "available without authentication"), no redirect is
 * followed, and the file is small and quick or there is none. The address was said by the server while it was there;
 * since the file lies elsewhere, the system's authorities are trusted beside the connection's own. What came is for the
 * engine to judge (outage.h). One thread, with poll(); nothing is kept. */
#ifndef KS_OUTAGE_FETCH_H
#define KS_OUTAGE_FETCH_H

#include <poll.h>

#include "clock.h"
#include "str.h"

#define KS_OUTAGE_BYTES_MAX 65536u /* of the command outage_status; a longer file is none */
#define KS_OUTAGE_SECONDS_MAX 30   /* for all of it */
#define KS_OUTAGE_FDS_MAX 8

struct ks_outage_fetch;

/* ca_file: PEM, or NULL; nothing is kept of it. KS_EIO: libcurl cannot do it; KS_ENOMEM. */
KS_CHECK enum ks_err ks_outage_fetch_new(const char *ca_file, struct ks_outage_fetch **ret_fetch);
void ks_outage_fetch_free(struct ks_outage_fetch *fetch);

/* Begins; one that is under way is given up. */
void ks_outage_fetch_begin(struct ks_outage_fetch *fetch, const char *url);
/* What to wait for, at most KS_OUTAGE_FDS_MAX, and until when (mono_ms, KS_NEVER). Returns how many. */
size_t ks_outage_fetch_poll(const struct ks_outage_fetch *fetch, struct pollfd *ret_fds, int64_t *ret_until_ms);
void ks_outage_fetch_run(struct ks_outage_fetch *fetch, const struct pollfd *fds, size_t count);
/* True once it is over: *ret_text is the file, until the next call, or empty when nothing came. */
bool ks_outage_fetch_take(struct ks_outage_fetch *fetch, struct ks_str *ret_text);

#endif
