/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* external_services.h -- servers for calls, STUN and TURN, with what they want to know of whom they help (XEP-0215).
 *
 * Asked for when a person wants to call; from then on, while the session lasts, they are asked for anew before a
 * password expires and when the server says that something changed. What is restricted and came without a password gets
 * one asked for. Credentials are in memory and in events, never in the store or a log. */
#ifndef KS_EXTERNAL_SERVICES_H
#define KS_EXTERNAL_SERVICES_H

#include "iq_client.h"
#include "schema.h"

#define KS_SERVICES_MAX 32          /* further ones are left out */
#define KS_SERVICES_EARLY_MS 300000 /* before they expire; of short ones half their time */
#define KS_SERVICES_LEAST_MS 30000  /* so often at most are they asked for by themselves */

struct ks_services {
    bool wanted;
    bool asking;           /* answers are awaited */
    int64_t asked_ms;      /* mono; last */
    unsigned open;         /* of requests for credentials */
    uint64_t round;        /* answers of an earlier one are nobody's */
    struct ks_arena arena; /* of the list below */
    struct ks_js_service *items;
    size_t count;
    struct ks_str text; /* of the command that asked; empty: nobody did */
};

void ks_services_init(struct konsil *k);
void ks_services_done(struct konsil *k);
/* The session is gone for good. */
void ks_services_lost(struct konsil *k);
void ks_services_due(struct konsil *k); /* KS_WAIT_SERVICES */

/* In a step: command services; an iq set that says that they changed (§3.2), which only our server may say. */
KS_CHECK enum ks_err ks_services_ask(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_services_push(struct konsil *k, const struct ks_stanza *iq);

#endif
