/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_register.h -- registering with a room of other programs (XEP-0045 §7.10): it keeps the nick that we are known
 * by for this account, which becomes a member if it was none; or gives it up. Into rooms with statements owners add
 * members (doc/PROTOCOL.md §9.3). In a step. */
#ifndef KS_GROUP_REGISTER_H
#define KS_GROUP_REGISTER_H

#include "schema.h"

struct konsil;

/* Commands: room_register, room_unregister. Answered by the room's server. */
KS_CHECK enum ks_err ks_group_register(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_group_unregister(struct konsil *k, const struct ks_cmd *cmd);

#endif
