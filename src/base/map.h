/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* map.h -- a hash table from text to a pointer.
 *
 * The map keeps neither key bytes nor values: a key must live as long as its entry, which it does when it is a
 * field of the value. Keys are hashed with a secret, so strangers cannot choose collisions. Order is arbitrary
 * but the same for the same history and secret (the simulator relies on it). Not thread-safe. */
#ifndef KS_MAP_H
#define KS_MAP_H

#include "str.h"

struct ks_map_slot;

struct ks_map {
    struct ks_map_slot *slots;
    size_t count, cap;
    uint64_t key[2];
};

/* key: 128 random bits of this process. Takes no memory yet. */
void ks_map_init(struct ks_map *map, const uint64_t key[2]);
/* Frees the table, not the values. Accepts zeroes. */
void ks_map_done(struct ks_map *map);

/* The value, or NULL. */
void *ks_map_get(const struct ks_map *map, struct ks_str key);
/* value is not NULL. KS_OK; KS_EEXISTS if the key is there; KS_ENOMEM. */
KS_CHECK enum ks_err ks_map_add(struct ks_map *map, struct ks_str key, void *value);
/* Removes and returns the value; NULL if the key is not there. */
void *ks_map_remove(struct ks_map *map, struct ks_str key);

/* Visits all: size_t at = 0; while ((v = ks_map_next(map, &at))). Nothing may be added or removed meanwhile. */
void *ks_map_next(const struct ks_map *map, size_t *at);

#endif
