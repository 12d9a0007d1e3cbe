/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* command.h -- commands: how handlers answer, and the handlers that stand in files without a header of their own.
 *
 * A handler answers with one event, or leaves that to the server's answer; what may not happen in a step, it sets as
 * k->after. In a step. */
#ifndef KS_COMMAND_H
#define KS_COMMAND_H

#include "iq_client.h"
#include "schema.h"

struct konsil;

/* event `result`, with the id of a message or a room; event `error`: detail may be empty. */
KS_CHECK enum ks_err ks_cmd_done(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_done_message(struct konsil *k, const struct ks_cmd *cmd, struct ks_str message);
KS_CHECK enum ks_err ks_cmd_done_room(struct konsil *k, const struct ks_cmd *cmd, struct ks_str room);
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

/* message_commands.c */
KS_CHECK enum ks_err ks_cmd_on_send(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_edit(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_retract(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_forget(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_react(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_mark_read(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_history(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_search(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_conversations(struct konsil *k, const struct ks_cmd *cmd);

/* people_commands.c */
KS_CHECK enum ks_err ks_cmd_on_contacts(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_presence(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_contact_add(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_contact_remove(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_subscribe(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_block(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_unblock(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_devices(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_trust(struct konsil *k, const struct ks_cmd *cmd);

/* push_commands.c */
KS_CHECK enum ks_err ks_cmd_on_push(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_push_subscribe(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_push_unsubscribe(struct konsil *k, const struct ks_cmd *cmd);

/* signed.c */
KS_CHECK enum ks_err ks_cmd_on_sign(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_signed_file(struct konsil *k, const struct ks_cmd *cmd);
/* vault_slots.c */
KS_CHECK enum ks_err ks_cmd_on_vault_make(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_vault_drop(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_vault_slots(struct konsil *k, const struct ks_cmd *cmd);

/* push_service.c */
KS_CHECK enum ks_err ks_cmd_on_push_service_set(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_push_service_remove(struct konsil *k, const struct ks_cmd *cmd);

#endif
