/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_ask.h -- what the edge asks the vault for a device that is not logged in (vault_json.h has its words). */
#ifndef KS_VAULT_ASK_H
#define KS_VAULT_ASK_H

#include "list.h"
#include "server.h"
#include "vault_keeper.h"

/* One question; the edge's memory until it is answered. Who gave up on the answer takes it all the same. */
struct ks_vault_ask {
    struct ks_list link; /* the core's */
    void *edge;
    void (*answered)(struct ks_vault_ask *ask); /* the edge's, for itself: the core does not call it */
    struct ks_vault_call call;                  /* window_ms is the core's */
};
/* Answered by the event KS_EV_VAULT of this reactor. link need not be set. */
void ks_vault_asked(struct ks_reactor *r, struct ks_vault_ask *ask, struct ks_now now);
/* The next answered question, for ks_reactor_next_event. */
bool ks_vault_next_event(struct ks_reactor *r, struct ks_event *ret_event);

#endif
