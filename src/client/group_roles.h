/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_roles.h -- putting people out of rooms, and their voice (XEP-0045 §7.13, §8.2 to §8.4, §8.6, §9.1, §9.2, §9.6,
 * §9.7).
 *
 * Roles are the server's: it decides who may change whose, and no role gives a key or takes one. Who belongs to a room
 * with statements stands in those alone (doc/PROTOCOL.md §9.3), so a ban there is a new statement, from which the
 * server derives the rest. In a step. */
#ifndef KS_GROUP_ROLES_H
#define KS_GROUP_ROLES_H

#include "group.h"

/* Commands: room_kick, room_voice, room_moderator, room_ask_voice; room_ban, room_unban. Answered by the server. */
KS_CHECK enum ks_err ks_group_kick(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_group_voice(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_group_moderator(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_group_ask_voice(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_group_ban(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_group_unban(struct konsil *k, const struct ks_cmd *cmd);

/* A message that nobody sealed: if the room that we are in passes on somebody's wish for a voice, that is told (§8.6).
 */
struct ks_inbound;
KS_CHECK enum ks_err ks_group_voice_asked(struct konsil *k, const struct ks_inbound *in);

/* The room says that we are not in it any more; x is its <x/>. If it put us out that is told, and a room without
 * statements is left: who was put out does not come back by itself. */
KS_CHECK enum ks_err ks_group_put_out(struct konsil *k, struct ks_str room, const struct ks_xml *x);

#endif
