/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "arena.h"
#include "check.h"
#include "failmalloc.h"

#include <stdalign.h>

static void limits(void)
{
    static const struct {
        const char *name;
        size_t bytes_max, blocks[4]; /* all but the last fit; SIZE_MAX ends the list */
        bool last_fits;
    } table[] = {
        { "arena.h: a block as big as the limit fits", 64, { 64, SIZE_MAX }, true },
        { "arena.h: a block bigger than the limit does not", 64, { 65, SIZE_MAX }, false },
        { "arena.h: the limit counts blocks rounded up to 16 bytes", 64, { 1, 1, 33, SIZE_MAX }, false },
        { "arena.h: what the rounding leaves may be used", 64, { 1, 1, 32, SIZE_MAX }, true },
        { "arena.h: a limit that is no multiple of 16 is not passed", 100, { 96, 1, SIZE_MAX }, false },
        { "arena.h: an empty block counts too", 32, { 0, 0, 0, SIZE_MAX }, false },
        { "arena.h: with no room at all nothing fits", 0, { 1, SIZE_MAX }, false },
        { "arena.h: a length near the end of size_t is over the limit", 64, { SIZE_MAX - 1, SIZE_MAX }, false },
        { "arena.h: blocks bigger than a chunk fit", 1 << 20, { 100000, 8192, 300000, SIZE_MAX }, true },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        struct ks_arena arena;
        void *block = &arena;
        bool full = false;
        size_t at = 0;

        ks_arena_init(&arena, table[i].bytes_max);
        for (; block && at < 4 && table[i].blocks[at] != SIZE_MAX; at++) {
            full = ks_arena_full(&arena, table[i].blocks[at]);
            block = ks_arena_alloc(&arena, table[i].blocks[at]);
        }
        bool was_last = at == 4 || table[i].blocks[at] == SIZE_MAX;
        check_row(was_last && (block != NULL) == table[i].last_fits && full == !block, table[i].name,
            "stopped at block %zu, %s", at, block ? "which fits" : "which does not fit");
        check_row(arena.bytes <= arena.bytes_max, "arena.h: never more is given out than the limit",
            "%zu of %zu in: %s", arena.bytes, arena.bytes_max, table[i].name);
        ks_arena_done(&arena);
    }
}

/* Blocks of many sizes, each filled with its own byte: none moves, none overlaps another. */
static void blocks_stay(void)
{
    static const size_t sizes[] = { 1, 16, 17, 0, 2000, 2048, 2049, 8192, 9000, 3, 40000, 5 };
    unsigned char *blocks[KS_COUNT(sizes) * 20];
    struct ks_arena arena;
    bool aligned = true, kept = true;

    ks_arena_init(&arena, 4 << 20);
    for (size_t i = 0; i < KS_COUNT(blocks); i++) {
        size_t len = sizes[i % KS_COUNT(sizes)];
        blocks[i] = ks_arena_alloc(&arena, len);
        aligned = aligned && blocks[i] && (uintptr_t)blocks[i] % alignof(max_align_t) == 0;
        memset(blocks[i], (int)(i & 255), len);
    }
    for (size_t i = 0; i < KS_COUNT(blocks); i++)
        for (size_t at = 0; at < sizes[i % KS_COUNT(sizes)]; at++)
            kept = kept && blocks[i][at] == (i & 255);
    check_row(aligned, "arena.h: blocks are aligned for any type", "one is not");
    check_row(kept, "arena.h: blocks do not overlap and do not move", "one was overwritten");
    ks_arena_done(&arena);
    check_row(arena.bytes == 0 && !arena.chunks, "arena.h: done gives everything back", "%zu bytes", arena.bytes);
    ks_arena_done(&arena);
    struct ks_arena zeroes = { 0 };
    ks_arena_done(&zeroes);
    check_row(true, "arena.h: done accepts zeroes, also twice", "-");
}

static void reset(void)
{
    struct ks_arena arena;

    ks_arena_init(&arena, 100000);
    void *first = ks_arena_alloc(&arena, 100);
    void *big = ks_arena_alloc(&arena, 50000);
    ks_arena_reset(&arena);
    check_row(arena.bytes == 0 && !ks_arena_full(&arena, 100000), "arena.h: after a reset the whole limit is free",
        "%zu bytes are in use", arena.bytes);
    check_row(big && ks_arena_alloc(&arena, 100) == first, "arena.h: a reset keeps a chunk for the next stanza",
        "the next block lies elsewhere");
    ks_arena_done(&arena);

    ks_arena_init(&arena, 100000);
    big = ks_arena_alloc(&arena, 50000);
    ks_arena_reset(&arena);
    check_row(big && !arena.chunks, "arena.h: a reset gives a big block's memory back", "it is kept");
    ks_arena_reset(&arena);
    ks_arena_done(&arena);
}

static void room(void)
{
    _Alignas(16) char bytes[64];
    struct ks_arena arena;

    ks_arena_init_room(&arena, 100000, bytes, sizeof bytes);
    char *first = ks_arena_alloc(&arena, 10), *big = ks_arena_alloc(&arena, 50000),
         *second = ks_arena_alloc(&arena, 48);
    check_row(first == bytes && second == bytes + 16, "arena.h: the first blocks are in the room",
        "%td and %td bytes into it", first - bytes, second - bytes);
    check_row(big && (big < bytes || big >= bytes + sizeof bytes), "arena.h: a big one is not", "it is");
    char *third = ks_arena_alloc(&arena, 1);
    check_row(third && (third < bytes || third >= bytes + sizeof bytes), "arena.h: nor is what comes when it is full",
        "it is");
    check_row(arena.bytes == 16 + 50000 + 48 + 16, "arena.h: what is in the room counts as all", "%zu", arena.bytes);
    ks_arena_reset(&arena);
    void *again = ks_arena_alloc(&arena, 1);
    check_row(again && again != bytes, "arena.h: a reset forgets the room", "it is used again");
    ks_arena_done(&arena);
}

static void texts(void)
{
    struct ks_str parts[] = { KS_STR("an"), KS_STR_EMPTY, KS_STR("na"), KS_STR("@example.org") }, text;
    struct ks_arena arena;

    ks_arena_init(&arena, 64);
    check_err("arena.h: texts are joined", ks_arena_join(&arena, parts, KS_COUNT(parts), &text), KS_OK);
    check_str("arena.h: in their order", text, KS_STR("anna@example.org"));
    check_err("arena.h: no texts give an empty text", ks_arena_join(&arena, parts, 0, &text), KS_OK);
    check_row(text.len == 0 && text.ptr, "arena.h: which points somewhere", "len %zu", text.len);
    text = KS_STR("untouched");
    check_err("arena.h: a copy over the limit is refused",
        ks_arena_copy(&arena, ks_str("0123456789012345678901234567890123456789", 40), &text), KS_ELIMIT);
    check_str("arena.h: and leaves the result alone", text, KS_STR("untouched"));
    struct ks_str copy = KS_STR_EMPTY;
    check_err("arena.h: a copy that fits is made", ks_arena_copy(&arena, text, &copy), KS_OK);
    check_row(ks_str_eq(copy, text) && copy.ptr != text.ptr, "arena.h: a copy has bytes of its own", "it shares them");
    ks_arena_done(&arena);

    ks_arena_init(&arena, 64);
    uint8_t *zeroes = ks_arena_zero(&arena, 48);
    size_t set = 0;
    for (size_t i = 0; i < 48; i++)
        set += zeroes[i] != 0;
    check_row(set == 0, "arena.h: ks_arena_zero clears", "%zu bytes are not 0", set);
    ks_arena_done(&arena);
}

static void no_memory(void)
{
    int rounds = 0;

    for (int n = 1; fail_nth(n); n++) {
        struct ks_str long_text, text = KS_STR("untouched");
        struct ks_arena arena;
        char bytes[3000];
        enum ks_err err = KS_OK;

        memset(bytes, 'x', sizeof bytes);
        long_text = ks_str(bytes, sizeof bytes);
        ks_arena_init(&arena, 1 << 20);
        for (int i = 0; i < 5 && err == KS_OK; i++)
            err = ks_arena_copy(&arena, i % 2 ? long_text : ks_str(bytes, 2000), &text);
        if (!fail_stop()) {
            check_err("arena.h: with memory all copies are made", err, KS_OK);
        } else {
            check_err("arena.h: without memory it is KS_ENOMEM, and not the peer's KS_ELIMIT", err, KS_ENOMEM);
            rounds++;
        }
        ks_arena_done(&arena);
    }
    check_row(rounds >= 3, "arena.h: each of its allocations failed once", "%d did", rounds);
}

int main(void)
{
    limits();
    blocks_stay();
    reset();
    room();
    texts();
    no_memory();
    return check_done();
}
