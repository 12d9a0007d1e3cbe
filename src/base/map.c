/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "map.h"

#include <stdlib.h>

/* Open addressing with linear probing; removal shifts the run back, so there are no tombstones. */
struct ks_map_slot {
    struct ks_str key;
    void *value; /* NULL: free */
    uint64_t hash;
};

void ks_map_init(struct ks_map *map, const uint64_t key[2])
{
    *map = (struct ks_map) { .key = { key[0], key[1] } };
}

void ks_map_done(struct ks_map *map)
{
    free(map->slots);
    map->slots = NULL;
    map->count = map->cap = 0;
}

static size_t find(const struct ks_map *map, struct ks_str key, uint64_t hash)
{
    size_t at = hash & (map->cap - 1);

    while (map->slots[at].value && !(map->slots[at].hash == hash && ks_str_eq(map->slots[at].key, key)))
        at = (at + 1) & (map->cap - 1);
    return at;
}

void *ks_map_get(const struct ks_map *map, struct ks_str key)
{
    if (!map->cap)
        return NULL;
    return map->slots[find(map, key, ks_str_hash(key, map->key))].value;
}

static enum ks_err resize(struct ks_map *map, size_t cap)
{
    struct ks_map bigger = { .cap = cap, .key = { map->key[0], map->key[1] }, .count = map->count };

    bigger.slots = calloc(cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return KS_ENOMEM;
    for (size_t i = 0; i < map->cap; i++)
        if (map->slots[i].value)
            bigger.slots[find(&bigger, map->slots[i].key, map->slots[i].hash)] = map->slots[i];
    free(map->slots);
    *map = bigger;
    return KS_OK;
}

enum ks_err ks_map_add(struct ks_map *map, struct ks_str key, void *value)
{
    uint64_t hash = ks_str_hash(key, map->key);
    enum ks_err err;

    assert(value);
    if (map->count * 4 >= map->cap * 3 && (err = resize(map, map->cap ? map->cap * 2 : 8)) != KS_OK)
        return err;
    size_t at = find(map, key, hash);
    if (map->slots[at].value)
        return KS_EEXISTS;
    map->slots[at] = (struct ks_map_slot) { key, value, hash };
    map->count++;
    return KS_OK;
}

void *ks_map_remove(struct ks_map *map, struct ks_str key)
{
    if (!map->cap)
        return NULL;
    size_t hole = find(map, key, ks_str_hash(key, map->key));
    void *value = map->slots[hole].value;
    if (!value)
        return NULL;
    map->count--;
    for (size_t at = hole;;) {
        at = (at + 1) & (map->cap - 1);
        if (!map->slots[at].value)
            break;
        size_t home = map->slots[at].hash & (map->cap - 1);
        /* May move back if its home does not lie between the hole and it. */
        if (((at - home) & (map->cap - 1)) >= ((at - hole) & (map->cap - 1))) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole] = (struct ks_map_slot) { 0 };
    return value;
}

void *ks_map_next(const struct ks_map *map, size_t *at)
{
    while (*at < map->cap) {
        void *value = map->slots[(*at)++].value;
        if (value)
            return value;
    }
    return NULL;
}
