/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web.h -- konsild's web access: its handlers (web_handlers.c), and what they know.
 *
 * A handler is a file with one descriptor (http_handler.h), declared in web_handlers.h and listed in web_handlers.c. It
 * runs in the threads of the reactors and finds what is here with ks_web_of; nothing here changes while konsild runs,
 * but for what is named so. What belongs to one thread it finds with ks_conn_host_of(ks_http_edge(x)): the core, the
 * timers, the index for ks_reactors_run. */
#ifndef KS_WEB_H
#define KS_WEB_H

#include "connection.h"
#include "crowd.h"
#include "figures.h"
#include "http_handler.h"

#define KS_WEB_SOCKET_PATH "/xmpp-websocket"

/* A handler's ports are bits of enum ks_listen_for. */
#define KS_WEB_PUBLIC KS_LISTEN_HTTPS

struct ks_web_files;

struct ks_web_domain {
    struct ks_str name;
    struct ks_str origin;    /* as struct ks_domain has it (config.h) */
    struct ks_str addresses; /* IP addresses, with blanks between them; may be empty */
};

struct ks_web_setup {
    const struct ks_web_domain *domains; /* their texts are copied */
    size_t domain_count;
    uint16_t direct_tls_port;         /* the first; 0: none */
    struct ks_str origins;            /* web.origins */
    const struct ks_web_files *files; /* NULL: none; ks_web_set_files */
    int root;                         /* web.root, a directory, which becomes ours to close; -1: there is none */
};

struct ks_web;

/* Texts are copied. NULL without memory. */
KS_CHECK struct ks_web *ks_web_new(const struct ks_web_setup *setup);
void ks_web_free(struct ks_web *web); /* accepts NULL */
/* Where files are (web_files.h): before anything is served; files lives as long as web. */
void ks_web_set_files(struct ks_web *web, const struct ks_web_files *files);
/* Whom to ask for figures, and whether what clients send can be stored, from any thread; before the threads start. The
 * second is asked on behalf of strangers: it costs next to nothing. */
void ks_web_watch(struct ks_web *web, void (*take)(struct ks_figures *ret_figures, void *user),
    bool (*ready)(void *user), void *user);
/* For ks_reactors_setup; lives as long as web. */
const struct ks_http_site *ks_web_site(const struct ks_web *web);

/* --- for handlers --- */

const struct ks_web_setup *ks_web_of(const struct ks_http_exchange *x);
/* The domain that a request means: by its name, or by that of its web.url. NULL: none of ours. */
const struct ks_web_domain *ks_web_domain(const struct ks_http_exchange *x, const struct ks_http_request *request);
/* False: there are none yet. */
bool ks_web_figures(const struct ks_http_exchange *x, struct ks_figures *ret_figures);
/* What clients send can be stored. */
bool ks_web_ready(const struct ks_http_exchange *x);
/* What may be told of people's counters. */
struct ks_crowd *ks_web_crowd(const struct ks_http_exchange *x);
/* Answers with a text of this media type, and more fields, at most 8; to GET it has an ETag, and If-None-Match is
 * minded. */
void ks_web_answer_text(struct ks_http_exchange *x, const struct ks_http_request *request, const char *media_type,
    struct ks_str text, const struct ks_http_field *fields, size_t field_count);

#endif
