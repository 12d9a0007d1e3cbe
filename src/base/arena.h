/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* arena.h -- memory that goes all at once.
 *
 * A stanza and everything that parsing and routing needs lives in one arena. It has a byte limit, so a peer
 * cannot make us take more. Blocks are aligned for any type and never move. Not thread-safe. */
#ifndef KS_ARENA_H
#define KS_ARENA_H

#include "str.h"

struct ks_arena_chunk;

struct ks_arena {
    struct ks_arena_chunk *chunks; /* newest first */
    char *at, *end;                /* what is free in the newest */
    size_t bytes, bytes_max;       /* given out; the limit */
    bool failed;                   /* a block was refused: what is being built in it is not whole */
    bool limited;                  /* and one of them by the limit */
};

/* Takes no memory yet. bytes_max counts what is given out, rounded up to 16 bytes a block. */
void ks_arena_init(struct ks_arena *arena, size_t bytes_max);
/* Likewise; the first blocks are in room, len bytes at an address that is a multiple of 16, which stays the caller's
 * and outlives the arena. ks_arena_reset and ks_arena_done forget it. */
void ks_arena_init_room(struct ks_arena *arena, size_t bytes_max, void *room, size_t len);
/* Frees everything; accepts zeroes. */
void ks_arena_done(struct ks_arena *arena);
/* Forgets everything but keeps one chunk for the next stanza. */
void ks_arena_reset(struct ks_arena *arena);

/* len bytes, not cleared; NULL when the limit or the memory is reached (ks_arena_full tells which: a limit is the
 * peer's fault), which arena->failed and arena->limited remember. len 0 gives a valid pointer. */
KS_CHECK void *ks_arena_alloc(struct ks_arena *arena, size_t len);
KS_CHECK void *ks_arena_zero(struct ks_arena *arena, size_t len);
/* True if a block of len bytes would pass the limit. */
bool ks_arena_full(const struct ks_arena *arena, size_t len);

/* Copies text. On failure KS_ELIMIT or KS_ENOMEM. */
KS_CHECK enum ks_err ks_arena_copy(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_copy);
/* Joins the texts. */
KS_CHECK enum ks_err ks_arena_join(
    struct ks_arena *arena, const struct ks_str *texts, size_t count, struct ks_str *ret_text);

#define KS_NEW(arena, type) ((type *)ks_arena_zero((arena), sizeof(type)))

#endif
