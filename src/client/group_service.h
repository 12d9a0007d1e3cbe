/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_service.h -- where rooms are made: the service of our server that has rooms with statements (XEP-0045 §6.1).
 *
 * It is looked for after each login. Whoever wants a room before it is found waits for it; if it was not found it is
 * looked for once more. A command that waits is answered, whatever comes: also when the connection goes. */
#ifndef KS_GROUP_SERVICE_H
#define KS_GROUP_SERVICE_H

#include "list.h"
#include "str.h"

#define KS_GROUP_FOUNDINGS_MAX 16 /* rooms that wait for it */

struct konsil;
struct ks_group_change;

struct ks_group_service {
    char *jid;                /* NULL: not known */
    unsigned asked;           /* questions that are not answered */
    bool unanswered;          /* one of this search was not */
    struct ks_list foundings; /* rooms that wait */
};

void ks_group_service_init(struct konsil *k);
void ks_group_service_done(struct konsil *k);
void ks_group_service_lost(struct konsil *k); /* the session is gone */

/* In a step. Unless it is looked for already. */
KS_CHECK enum ks_err ks_group_service_find(struct konsil *k);
/* In a step: ks_group_found, when it is found; answer is answered then. *ret_code as there. */
KS_CHECK enum ks_err ks_group_service_wait(
    struct konsil *k, const struct ks_group_change *change, struct ks_str answer, const char **ret_code);

#endif
