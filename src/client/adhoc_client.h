/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* adhoc_client.h -- what a server lets people do by forms (XEP-0050): commands `tasks` and `task`.
 *
 * A task goes step by step: each answer of the server is one event, with the form and the session that the next `task`
 * names. Nothing is kept here between them. An answer counts only if it is about the task and the session that were
 * asked for. What is answered, passwords among it, goes to the server and nowhere else. In a step. */
#ifndef KS_ADHOC_CLIENT_H
#define KS_ADHOC_CLIENT_H

#include "schema.h"

#define KS_TASKS_MAX 256

struct konsil;

KS_CHECK enum ks_err ks_tasks_ask(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_task_do(struct konsil *k, const struct ks_cmd *cmd);

#endif
