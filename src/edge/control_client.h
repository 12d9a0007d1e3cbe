/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_client.h -- one request to konsild's control socket, and its answer (src/server/control.h). Blocks. */
#ifndef KS_CONTROL_CLIENT_H
#define KS_CONTROL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "err.h"

struct ks_control_client;

/* KS_OK; KS_ENOTFOUND: nobody listens there; KS_EDENIED: the socket is not for this user; KS_EIO; KS_ENOMEM. */
KS_CHECK enum ks_err ks_control_client_open(const char *path, struct ks_control_client **ret_client);
void ks_control_client_free(struct ks_control_client *client);
/* Sends {"v":1,"command":…,"args":…}; args is borrowed and may be NULL. *ret_answer is an object with "ok". KS_OK;
 * KS_EIO: the connection broke, or what came is no answer; KS_ENOMEM. */
KS_CHECK enum ks_err ks_control_client_ask(
    struct ks_control_client *client, const char *command, json_t *args, bool dry_run, json_t **ret_answer);
/* The two halves of it, for who wants to do something meanwhile. */
KS_CHECK enum ks_err ks_control_client_send(
    struct ks_control_client *client, const char *command, json_t *args, bool dry_run);
KS_CHECK enum ks_err ks_control_client_receive(struct ks_control_client *client, json_t **ret_answer);
/* Waits so long; true: the answer begins to come, or the connection broke. */
bool ks_control_client_answers(struct ks_control_client *client, int timeout_ms);

#endif
