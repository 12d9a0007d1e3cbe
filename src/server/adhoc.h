/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* adhoc.h -- commands that people give the server from their clients (XEP-0050): a feature says which it has.
 *
 * A command is a form and what is done with it. Between the form and its return there is a session, for whoever was
 * given the form and for nobody else: KS_ADHOC_SESSION_MS long, KS_ADHOC_SESSIONS_MAX of them for one client, and
 * KS_ADHOC_SESSIONS_ALL in a reactor, where a new one takes the place of the oldest. */
#ifndef KS_ADHOC_H
#define KS_ADHOC_H

#include "feature.h"

#define KS_ADHOC_SESSION_MS 600000
#define KS_ADHOC_SESSIONS_MAX 8
#define KS_ADHOC_SESSIONS_ALL 1024
#define KS_ADHOC_FIELDS_MAX 64

struct ks_adhoc_command {
    const char *node; /* NULL ends a list */
    const char *name; /* English */
    /* Whether ctx->user may give it: who may not does not see it. */
    bool (*may)(const struct ks_ctx *ctx);
    /* Adds its fields to a form; NULL: it needs none. */
    void (*fill)(struct ks_ctx *ctx, struct ks_xml *form);
    const char *form_type;
    /* Does it. form is what was filled in, or NULL. Answers once, by ks_adhoc_done, here or later, in a context whose
     * parcel has the request's stanza. */
    void (*run)(struct ks_ctx *ctx, const struct ks_xml *form);
    /* In place of run: it is known and not done, for this reason (KS_WIRE). */
    const char *never;
};

/* The command is completed. note_type: "info" or "error", with text; or NULL. result: a form of type result, or NULL.
 */
void ks_adhoc_done(struct ks_ctx *ctx, const char *note_type, const char *text, struct ks_xml *result);

/* xep_0133_admin.c: whether ctx->user administers its domain (admin.accounts); and ks_adhoc_done with what control.h
 * says went wrong, in konsilctl's words. */
bool ks_admin_may(const struct ks_ctx *ctx);
void ks_admin_failed(struct ks_ctx *ctx, const char *id);

/* xep_0030_disco.c: nodes of a domain. False: not one of these, nothing was answered. */
bool ks_adhoc_disco_info(struct ks_ctx *ctx, struct ks_str node);
bool ks_adhoc_disco_items(struct ks_ctx *ctx, struct ks_str node);

struct ks_adhoc_sessions; /* of a reactor; NULL: none */
void ks_adhoc_sessions_free(struct ks_adhoc_sessions *sessions);

#endif
