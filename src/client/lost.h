/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* lost.h -- messages that could not be read, until they were handed in again: a record in KS_T_META under "lost ", the
 * author's account, and the stanza's id. In a step. */
#ifndef KS_LOST_H
#define KS_LOST_H

#include "str.h"

struct konsil;

struct ks_lost {
    struct ks_str jid, id;
    uint32_t device; /* who wrote it */
    bool renew;      /* its session is to be replaced first */
    uint8_t tries;
};

KS_CHECK enum ks_err ks_lost_put(struct konsil *k, const struct ks_lost *lost);
KS_CHECK enum ks_err ks_lost_del(struct konsil *k, struct ks_str jid, struct ks_str id);
/* Those of an account, or with an empty one all; false stops. Nothing may be written in the call. */
typedef bool ks_visit_lost(void *user, const struct ks_lost *lost);
KS_CHECK enum ks_err ks_lost_visit(struct konsil *k, struct ks_str jid, ks_visit_lost *visit, void *user);

#endif
