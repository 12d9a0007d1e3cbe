/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_commands.h -- commands about rooms, for commands.c. In a step. */
#ifndef KS_GROUP_COMMANDS_H
#define KS_GROUP_COMMANDS_H

#include "engine.h"
#include "group.h"

KS_CHECK enum ks_err ks_group_rooms(struct konsil *k, struct ks_js_room_list *ret_rooms);
/* *ret_code: why not, or NULL. */
KS_CHECK enum ks_err ks_group_members(
    struct konsil *k, struct ks_str room, const char **ret_code, struct ks_js_member_list *ret_members);
/* Command `room_occupants`: what the server says, of rooms without statements, too. */
KS_CHECK enum ks_err ks_group_occupants_ask(struct konsil *k, const struct ks_cmd *cmd);
/* What makes a new statement. *ret_code: why not, or NULL: answered (ks_command_answer) when the server decided. */
KS_CHECK enum ks_err ks_group_command(
    struct konsil *k, const struct ks_cmd *cmd, struct ks_str answer, const char **ret_code);

#endif
