/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "failmalloc.h"
#include "map.h"
#include "prng.h"

static const uint64_t secret[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

static void one_by_one(void)
{
    struct ks_map map;
    int a = 1, b = 2;
    size_t at = 0;

    ks_map_init(&map, secret);
    check_row(!ks_map_get(&map, KS_STR("a")) && !ks_map_remove(&map, KS_STR("a")) && !ks_map_next(&map, &at),
        "map.h: an empty map has nothing", "it has");
    check_err("map.h: a key is added", ks_map_add(&map, KS_STR("a"), &a), KS_OK);
    check_err("map.h: once", ks_map_add(&map, KS_STR("a"), &b), KS_EEXISTS);
    check_row(ks_map_get(&map, KS_STR("a")) == &a, "map.h: the first value stays", "another one is there");
    check_err("map.h: the empty text is a key", ks_map_add(&map, KS_STR_EMPTY, &b), KS_OK);
    check_row(ks_map_get(&map, KS_STR("")) == &b, "map.h: with or without pointer", "it is not found");
    check_err("map.h: a zero ends no key", ks_map_add(&map, KS_STR("a\0"), &b), KS_OK);
    check_row(ks_map_get(&map, KS_STR("a")) == &a && map.count == 3, "map.h: three keys", "%zu", map.count);
    check_row(ks_map_remove(&map, KS_STR("a")) == &a && !ks_map_get(&map, KS_STR("a")),
        "map.h: what is removed is gone", "it is there");
    check_row(!ks_map_remove(&map, KS_STR("a")), "map.h: and cannot be removed again", "it can");
    check_err("map.h: it can be added again", ks_map_add(&map, KS_STR("a"), &b), KS_OK);
    ks_map_done(&map);
    check_row(!ks_map_get(&map, KS_STR("a")), "map.h: after done nothing is left", "something is");
    struct ks_map zeroes = { 0 };
    ks_map_done(&zeroes);
}

/* What the map must be: an array in which key i is there or not. */
#define KEYS 300

struct model {
    char text[KEYS][8];
    bool there[KEYS];
    size_t count;
};

static bool same(const struct ks_map *map, struct model *m)
{
    size_t seen[KEYS] = { 0 }, at = 0, visited = 0;
    char *value;

    while ((value = ks_map_next(map, &at))) {
        seen[(size_t)(value - m->text[0]) / sizeof m->text[0]]++;
        visited++;
    }
    for (size_t i = 0; i < KEYS; i++) {
        void *want = m->there[i] ? m->text[i] : NULL;
        if (ks_map_get(map, ks_str_z(m->text[i])) != want || seen[i] != m->there[i])
            return false;
    }
    return visited == m->count && map->count == m->count;
}

/* Random histories with the number of keys going up and down, so that the table is at times full to its limit and
 * every home slot collides with others; after each step the map is what the model is. */
static void like_the_model(void)
{
    struct ks_prng prng;
    struct model m = { .count = 0 };
    struct ks_map map;
    int bad_steps = 0, adds = 0, removes = 0, refused = 0;

    for (int i = 0; i < KEYS; i++)
        snprintf(m.text[i], sizeof m.text[i], "k%d", i);
    ks_prng_init_number(&prng, 0x69da9442);
    ks_map_init(&map, secret);
    for (int step = 0; step < 6000; step++) {
        size_t key = ks_prng_below(&prng, step % 2000 < 200 ? 8 : KEYS);
        struct ks_str text = ks_str_z(m.text[key]);
        bool add = ks_prng_below(&prng, 100) < (step / 500 % 2 ? 25U : 75U);

        if (add) {
            enum ks_err err = ks_map_add(&map, text, m.text[key]), want = m.there[key] ? KS_EEXISTS : KS_OK;
            bad_steps += err != want;
            adds += err == KS_OK;
            refused += err == KS_EEXISTS;
            m.count += !m.there[key];
        } else {
            void *value = ks_map_remove(&map, text), *want = m.there[key] ? m.text[key] : NULL;
            bad_steps += value != want;
            removes += value != NULL;
            m.count -= m.there[key];
        }
        m.there[key] = add;
        bad_steps += !same(&map, &m);
    }
    check_row(bad_steps == 0, "map.h: after every step of a random history it holds what a plain array holds",
        "%d of 6000 steps differ", bad_steps);
    check_row(adds > 1000 && removes > 1000 && refused > 500, "map.h: the history adds, refuses and removes (control)",
        "%d adds, %d refused, %d removes", adds, refused, removes);
    ks_map_done(&map);
    ks_prng_done(&prng);
}

static void order(void)
{
    static const uint64_t other[2] = { 1, 2 };
    char text[3][200][8];
    struct ks_map maps[3];
    bool same_order = true, other_order = false;
    size_t at[3] = { 0 };

    for (int which = 0; which < 3; which++) {
        ks_map_init(&maps[which], which == 2 ? other : secret);
        for (int i = 0; i < 200; i++) {
            snprintf(text[which][i], sizeof text[which][i], "k%d", i);
            check_failed += ks_map_add(&maps[which], ks_str_z(text[which][i]), text[which][i]) != KS_OK;
        }
    }
    for (int i = 0; i < 200; i++) {
        char *values[3];
        for (int which = 0; which < 3; which++)
            values[which] = ks_map_next(&maps[which], &at[which]);
        same_order = same_order && strcmp(values[0], values[1]) == 0;
        other_order = other_order || strcmp(values[0], values[2]) != 0;
    }
    check_row(same_order, "map.h: the same history and secret give the same order", "they do not");
    check_row(other_order, "map.h: another secret gives another one", "it does not");
    for (int which = 0; which < 3; which++)
        ks_map_done(&maps[which]);
}

static void no_memory(void)
{
    char text[100][8];
    int rounds = 0;

    for (int i = 0; i < 100; i++)
        snprintf(text[i], sizeof text[i], "k%d", i);
    for (int n = 1; fail_nth(n); n++) {
        struct ks_map map;
        int added = 0;
        enum ks_err err = KS_OK;

        ks_map_init(&map, secret);
        while (added < 100 && (err = ks_map_add(&map, ks_str_z(text[added]), text[added])) == KS_OK)
            added++;
        bool struck = fail_stop(), kept = true;
        for (int i = 0; i < 100; i++)
            kept = kept && ks_map_get(&map, ks_str_z(text[i])) == (i < added ? text[i] : NULL);
        check_row(err == (struck ? KS_ENOMEM : KS_OK) && kept, "map.h: without memory for more it keeps what it has",
            "%s after %d keys", ks_err_name(err), added);
        rounds += struck;
        ks_map_done(&map);
    }
    check_row(rounds >= 4, "map.h: each of its allocations failed once", "%d did", rounds);
}

int main(void)
{
    one_by_one();
    like_the_model();
    order();
    no_memory();
    return check_done();
}
