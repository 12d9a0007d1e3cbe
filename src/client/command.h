/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* command.h -- what handlers of commands outside of commands.c answer with. In a step. */
#ifndef KS_COMMAND_H
#define KS_COMMAND_H

#include "iq_client.h"
#include "schema.h"

struct konsil;

/* event `result`; event `error`. detail may be empty. */
KS_CHECK enum ks_err ks_cmd_done(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_refuse(struct konsil *k, const struct ks_cmd *cmd, const char *code, struct ks_str detail);

/* Leaves the answer to the server: text goes with the request, and ks_cmd_answered is (or is called by) its `done`,
 * whose iq->text is that text. */
KS_CHECK enum ks_err ks_cmd_text(struct konsil *k, const struct ks_cmd *cmd, struct ks_str *ret_text);
KS_CHECK enum ks_err ks_cmd_answered(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer);
KS_CHECK enum ks_err ks_cmd_answered_text(struct konsil *k, struct ks_str text, const struct ks_stanza *answer);
/* The command's id in such a text; empty when it had none. */
struct ks_str ks_cmd_text_id(struct ks_str text);
/* Of ks_iq_send: KS_EAGAIN is answered with connection.needed. */
KS_CHECK enum ks_err ks_cmd_sent(struct konsil *k, const struct ks_cmd *cmd, enum ks_err err);

#endif
