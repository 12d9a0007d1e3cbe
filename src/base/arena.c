/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "arena.h"

#include <stdlib.h>

#define ALIGN 16
#define CHUNK_BYTES (4096 - sizeof(struct ks_arena_chunk)) /* as malloc likes it */

struct ks_arena_chunk {
    struct ks_arena_chunk *next;
    size_t bytes;
    _Alignas(ALIGN) char data[];
};

/* What a block of len bytes takes; an empty one takes room too, so that its pointer is its own. */
static size_t rounded(size_t len)
{
    return len ? (len + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
}

void ks_arena_init(struct ks_arena *arena, size_t bytes_max)
{
    *arena = (struct ks_arena) { .bytes_max = bytes_max };
}

void ks_arena_init_room(struct ks_arena *arena, size_t bytes_max, void *room, size_t len)
{
    assert((uintptr_t)room % ALIGN == 0);
    *arena = (struct ks_arena) { .bytes_max = bytes_max, .at = room, .end = (char *)room + len };
}

void ks_arena_done(struct ks_arena *arena)
{
    while (arena->chunks) {
        struct ks_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free(chunk);
    }
    arena->at = arena->end = NULL;
    arena->bytes = 0;
    arena->failed = arena->limited = false;
}

void ks_arena_reset(struct ks_arena *arena)
{
    struct ks_arena_chunk *keep = NULL;

    while (arena->chunks) {
        struct ks_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        if (!keep && chunk->bytes == CHUNK_BYTES)
            keep = chunk;
        else
            free(chunk);
    }
    arena->bytes = 0;
    arena->failed = arena->limited = false;
    arena->at = arena->end = NULL;
    if (keep) {
        keep->next = NULL;
        arena->chunks = keep;
        arena->at = keep->data;
        arena->end = keep->data + keep->bytes;
    }
}

bool ks_arena_full(const struct ks_arena *arena, size_t len)
{
    return len > arena->bytes_max || rounded(len) > arena->bytes_max - arena->bytes;
}

void *ks_arena_alloc(struct ks_arena *arena, size_t len)
{
    if (ks_arena_full(arena, len)) {
        arena->failed = arena->limited = true;
        return NULL;
    }
    len = rounded(len);
    if ((size_t)(arena->end - arena->at) < len) {
        size_t bytes = len > CHUNK_BYTES / 4 ? len : CHUNK_BYTES;
        struct ks_arena_chunk *chunk = malloc(sizeof *chunk + bytes);
        if (!chunk) {
            arena->failed = true;
            return NULL;
        }
        chunk->bytes = bytes;
        /* A big block gets a chunk of its own, behind the one being filled. */
        struct ks_arena_chunk **place = bytes != CHUNK_BYTES && arena->chunks ? &arena->chunks->next : &arena->chunks;
        chunk->next = *place;
        *place = chunk;
        if (bytes != CHUNK_BYTES) {
            arena->bytes += len;
            return chunk->data;
        }
        arena->at = chunk->data;
        arena->end = chunk->data + bytes;
    }
    void *block = arena->at;
    arena->at += len;
    arena->bytes += len;
    return block;
}

void *ks_arena_zero(struct ks_arena *arena, size_t len)
{
    void *block = ks_arena_alloc(arena, len);

    return block ? memset(block, 0, len) : NULL;
}

enum ks_err ks_arena_copy(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_copy)
{
    return ks_arena_join(arena, &text, 1, ret_copy);
}

enum ks_err ks_arena_join(struct ks_arena *arena, const struct ks_str *texts, size_t count, struct ks_str *ret_text)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += texts[i].len;
    char *copy = ks_arena_alloc(arena, len);
    if (!copy)
        return ks_arena_full(arena, len) ? KS_ELIMIT : KS_ENOMEM;
    *ret_text = ks_str(copy, len);
    for (size_t i = 0; i < count; i++) {
        if (texts[i].len)
            memcpy(copy, texts[i].ptr, texts[i].len);
        copy += texts[i].len;
    }
    return KS_OK;
}
