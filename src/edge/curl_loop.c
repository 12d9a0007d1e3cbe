/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "curl_loop.h"

#include <openssl/ssl.h>

#include "system.h"
#include "tls_policy.h"

#define CONNECT_SECONDS 20L
#define SILENCE_SECONDS 60L

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *mark)
{
    struct ks_curl_loop *loop = user;
    size_t i = 0;

    (void)easy;
    (void)mark;
    while (i < loop->fd_count && loop->fds[i].fd != fd)
        i++;
    if (what == CURL_POLL_REMOVE) {
        if (i < loop->fd_count)
            loop->fds[i] = loop->fds[--loop->fd_count];
        return 0;
    }
    if (i == KS_CURL_FDS_MAX)
        return -1;
    if (i == loop->fd_count)
        loop->fd_count++;
    loop->fds[i] = (struct pollfd) { .fd = fd,
        .events = (short)((what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0)) };
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct ks_curl_loop *loop = user;

    (void)multi;
    loop->timer_ms = timeout_ms < 0 ? KS_NEVER : ks_system_now().mono_ms + timeout_ms;
    return 0;
}

static CURLcode on_context(CURL *easy, void *context, void *user)
{
    (void)easy;
    (void)user;
    return ks_tls_restrict(context) == KS_OK ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

enum ks_err ks_curl_loop_init(struct ks_curl_loop *loop)
{
    *loop = (struct ks_curl_loop) { .timer_ms = KS_NEVER };
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(loop->multi = curl_multi_init()))
        return KS_EIO;
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
    return KS_OK;
}

void ks_curl_loop_done(struct ks_curl_loop *loop)
{
    curl_multi_cleanup(loop->multi);
    loop->multi = NULL;
}

size_t ks_curl_loop_poll(const struct ks_curl_loop *loop, struct pollfd *ret_fds, int64_t *ret_until_ms)
{
    memcpy(ret_fds, loop->fds, loop->fd_count * sizeof *ret_fds);
    *ret_until_ms = loop->timer_ms;
    return loop->fd_count;
}

void ks_curl_loop_run(
    struct ks_curl_loop *loop, const struct pollfd *fds, size_t count, void (*finish)(CURL *easy, CURLcode code))
{
    CURLMsg *message;
    int running, left;

    for (size_t i = 0; i < count; i++)
        if (fds[i].revents)
            curl_multi_socket_action(loop->multi, fds[i].fd,
                (fds[i].revents & POLLIN ? CURL_CSELECT_IN : 0) | (fds[i].revents & POLLOUT ? CURL_CSELECT_OUT : 0)
                    | (fds[i].revents & (POLLERR | POLLHUP | POLLNVAL) ? CURL_CSELECT_ERR : 0),
                &running);
    if (loop->timer_ms <= ks_system_now().mono_ms) {
        loop->timer_ms = KS_NEVER;
        curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    while ((message = curl_multi_info_read(loop->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            finish(message->easy_handle, message->data.result);
}

CURLcode ks_curl_request(CURL *easy, const char *url, const char *ca_file)
{
    CURLcode code = CURLE_OK;

#define SET(option, value) code = code ? code : curl_easy_setopt(easy, option, value)
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_FAILONERROR, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FRESH_CONNECT, 1L); /* one that died meanwhile would ask for sealed bytes again */
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, SILENCE_SECONDS);
    SET(CURLOPT_SSL_CTX_FUNCTION, on_context);
    if (ca_file) {
        SET(CURLOPT_CAINFO, ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
#undef SET
    return code;
}
