/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* curl_loop.h -- requests of libcurl among what poll() waits for, and what all of ours have in common.
 *
 * Only https, TLS as tls_policy.h has it, no redirects, no proxy, a connection for each. One thread; nothing blocks but
 * names that are looked up without a thread. */
#ifndef KS_CURL_LOOP_H
#define KS_CURL_LOOP_H

#include <curl/curl.h>
#include <poll.h>

#include "clock.h"

#define KS_CURL_FDS_MAX 8 /* so many sockets at once; a request beyond fails */

struct ks_curl_loop {
    CURLM *multi;
    struct pollfd fds[KS_CURL_FDS_MAX];
    size_t fd_count;
    int64_t timer_ms; /* of libcurl */
};

/* Stays where it is until done. KS_EIO: libcurl cannot do it. */
KS_CHECK enum ks_err ks_curl_loop_init(struct ks_curl_loop *loop);
void ks_curl_loop_done(struct ks_curl_loop *loop); /* also of zeroes; its requests are gone before */

/* What to wait for, at most KS_CURL_FDS_MAX, and until when (mono_ms, KS_NEVER). Returns how many. */
size_t ks_curl_loop_poll(const struct ks_curl_loop *loop, struct pollfd *ret_fds, int64_t *ret_until_ms);
/* Moves bytes by what poll() found; finish gets each request that is over. */
void ks_curl_loop_run(
    struct ks_curl_loop *loop, const struct pollfd *fds, size_t count, void (*finish)(CURL *easy, CURLcode code));

/* Sets what every request has. ca_file: the authorities to be trusted alone, PEM; NULL: those of the system. */
CURLcode ks_curl_request(CURL *easy, const char *url, const char *ca_file);

#endif
