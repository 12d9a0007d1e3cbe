/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_handlers.h -- all handlers of konsild's web access (web.h). */
#ifndef KS_WEB_HANDLERS_H
#define KS_WEB_HANDLERS_H

#include "http_handler.h"

extern const struct ks_http_handler *const ks_web_handlers[]; /* NULL-ended */

extern const struct ks_http_handler ks_web_host_meta, ks_web_host_meta_json; /* web_host_meta.c */
extern const struct ks_http_handler ks_web_invite;                           /* web_invite.c */
extern const struct ks_http_handler ks_web_socket;                           /* web_socket.c */
extern const struct ks_http_handler ks_web_metrics, ks_web_health;           /* web_metrics.c */
extern const struct ks_http_handler ks_web_redirect;                         /* web_redirect.c */
extern const struct ks_http_handler ks_web_app;                              /* web_app.c */

/* web_front.c: answers where there is no web app. */
void ks_web_front(struct ks_http_exchange *x, const struct ks_http_request *request);

extern const struct ks_http_handler ks_web_vault;         /* web_vault.c */
extern const struct ks_http_handler ks_web_files_handler; /* web_files.c */

#endif
