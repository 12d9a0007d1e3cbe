/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_picture.h -- a room's picture (doc/PROTOCOL.md §9.2): a part of its look, which travels in envelopes alone and
 * is bound by the signed statement. XEP-0486 is not used for it, since a server would see it.
 *
 * An owner's program gives one of at most KS_GROUP_PICTURE_MAX, so that it fits an envelope beside a statement and
 * heads; readers take KS_AVATAR_MAX (group_look.h). As with people's it is told only if its first bytes are those of a
 * format that programs may be given. In a step. */
#ifndef KS_GROUP_PICTURE_H
#define KS_GROUP_PICTURE_H

#include "group.h"

#define KS_GROUP_PICTURE_MAX 8192

/* Its id; empty: none that may be shown. */
KS_CHECK enum ks_err ks_group_picture_id(struct konsil *k, struct ks_str avatar, struct ks_str *ret_id);
/* What becomes of the look with pending_look in the place of look: a line that says so, if anything that people see is
 * another. */
KS_CHECK enum ks_err ks_group_look_notice(
    struct konsil *k, const struct ks_group *group, bool *ret_changed, enum ks_js_notice *ret_notice);

/* Commands: room_picture, room_picture_set, room_picture_remove. */
KS_CHECK enum ks_err ks_group_picture_ask(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_group_picture_set(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_group_picture_remove(struct konsil *k, const struct ks_cmd *cmd);

#endif
