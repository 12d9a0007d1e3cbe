/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* client_link.h -- the engine's driver on a socket: what konsil.h asks of a transport, over OpenSSL and poll().
 *
 * One thread. The caller waits with poll() for what ks_client_link_poll asks, and then calls ks_client_link_run; both
 * together are the driver's loop of konsil.h. Looking up names blocks (getaddrinfo, and SRV records before it: RFC 6120
 * §3.2, XEP-0368; or host-meta: XEP-0156); nothing else does. The certificate must be valid for the domain (RFC 6120
 * §13.7.2), by the certificates of the system or of the given file alone. TLS 1.2 is the least. */
#ifndef KS_CLIENT_LINK_H
#define KS_CLIENT_LINK_H

#include <poll.h>

#include "client_key.h"
#include "clock.h"
#include "konsil/konsil.h"
#include "str.h"

struct ks_client_link;

/* ca_file: PEM, or NULL for those of the system. KS_EIO: it cannot be read, or holds none; KS_ENOMEM. */
KS_CHECK enum ks_err ks_client_link_new(const char *ca_file, struct ks_client_link **ret_link);
/* Logs in by this from now on, where a server asks for it. Results are those of ks_client_key_use. */
KS_CHECK enum ks_err ks_client_link_certify(
    struct ks_client_link *link, const struct ks_client_key_files *files, const char *passphrase, bool *ret_open);
/* From now on over a WebSocket (RFC 7395), for networks that let only HTTPS through. url: "wss://HOST[:PORT]/PATH",
 * which outlives the link; NULL: what the domain's host-meta says (XEP-0156), which is asked for anew with each
 * connection. The certificate is the domain's all the same. Host and port that a person gave are connected to in place
 * of either. */
void ks_client_link_websocket(struct ks_client_link *link, const char *url);
void ks_client_link_free(struct ks_client_link *link); /* closes at once */

/* What to wait for, and until when (mono_ms, KS_NEVER). False: there is no socket to wait for. */
bool ks_client_link_poll(
    const struct ks_client_link *link, const struct konsil *k, struct pollfd *ret_poll, int64_t *ret_until_ms);
/* Does what the engine asks for, moves bytes as far as they go, and tells it the time. revents: of the pollfd. */
void ks_client_link_run(struct ks_client_link *link, struct konsil *k, short revents);
/* False while there are bytes to send, or the closing of a connection is under way. */
bool ks_client_link_idle(const struct ks_client_link *link, const struct konsil *k);

#endif
