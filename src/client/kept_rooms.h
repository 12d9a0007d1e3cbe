/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* kept_rooms.h -- the rooms that a person keeps, for all of her programs (XEP-0402).
 *
 * A record for each in KS_T_META, "bookmark " and the room's bare JID: the element as it was published, so that what
 * other programs put into it stays. In a step; views belong to its arena. */
#ifndef KS_KEPT_ROOMS_H
#define KS_KEPT_ROOMS_H

#include "schema.h"
#include "xml.h"

#define KS_BOOKMARKS_MAX 1000

struct konsil;

struct ks_bookmark {
    struct ks_str room, name, nick;
    bool autojoin;
};

/* KS_ENOTFOUND */
KS_CHECK enum ks_err ks_bookmark_get(struct konsil *k, struct ks_str room, struct ks_bookmark *ret_bookmark);
/* All, in an array of the arena. */
KS_CHECK enum ks_err ks_bookmark_all(struct konsil *k, struct ks_bookmark **ret_bookmarks, size_t *ret_count);

/* A new session: asks for them. What is new, changed or gone is told. */
KS_CHECK enum ks_err ks_bookmarks_online(struct konsil *k);
/* <items/> of our own node, as an event. */
KS_CHECK enum ks_err ks_bookmarks_event(struct konsil *k, const struct ks_xml *items);

/* A room is ours, and is to be joined at login by all of our programs; or it is ours no more. In a step; nothing
 * happens if that is how it stands, or without a connection: then the next session does it. */
KS_CHECK enum ks_err ks_bookmark_keep(struct konsil *k, struct ks_str room, bool ours);

/* Commands: bookmarks, bookmark_set, bookmark_remove. */
KS_CHECK enum ks_err ks_bookmarks_list(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_bookmarks_set(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_bookmarks_remove(struct konsil *k, const struct ks_cmd *cmd);

#endif
