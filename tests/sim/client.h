/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* client.h -- the least of a client, for tests that speak to a host by hand. */
#ifndef CLIENT_H
#define CLIENT_H

#include "host.h"

/* Sends, and lets the host do all that follows. */
void client_say(struct host_conn *conn, const char *text);
/* A stream header to domain. */
void client_header(struct host_conn *conn, const char *domain);
/* The same, then STARTTLS, then a header under TLS. */
void client_secure(struct host_conn *conn, const char *domain);
/* SCRAM-SHA-256 with tls-exporter, after the header under TLS; what the server says besides is forgotten. Ends the test
 * when the server refuses. */
void client_login(struct host_conn *conn, const char *user, const char *password);
/* The same, and then a resource "r" of domain is bound. */
void client_bind(struct host_conn *conn, const char *domain, const char *user, const char *password);
/* client_login by XEP-0388, with this inside; from <success/> on, what the server says is there to look at. */
void client_authenticate(struct host_conn *conn, const char *user, const char *password, const char *inlines);

#endif
