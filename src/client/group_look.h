/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group_look.h -- title, subject and picture of a room, which no server sees (doc/PROTOCOL.md §9.2).
 *
 * JSON that travels in envelopes only. A statement holds its hash; a salt makes sure that nobody finds a title by
 * trying likely ones. Pure functions; views belong to the arena. */
#ifndef KS_GROUP_LOOK_H
#define KS_GROUP_LOOK_H

#include "arena.h"
#include "crypto.h"

#define KS_TITLE_MAX 256
#define KS_SUBJECT_MAX 1024
#define KS_AVATAR_MAX 16384
#define KS_SALT_LEN 16

struct ks_look {
    struct ks_str title, subject;
    struct ks_str avatar; /* bytes of an image, or empty */
    uint8_t salt[KS_SALT_LEN];
};

/* KS_ESYNTAX, also over a limit; KS_ENOMEM. */
KS_CHECK enum ks_err ks_look_read(struct ks_arena *arena, struct ks_str json, struct ks_look *ret_look);
KS_CHECK enum ks_err ks_look_write(struct ks_arena *arena, const struct ks_look *look, struct ks_str *ret_json);
void ks_look_hash(struct ks_str json, uint8_t ret_hash[32]);

#endif
