/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_pair.h -- two devices for fuzz targets: Jonas's, which reads what is fuzzed, and Anna's, which has a session
 * with it in both versions and whose next messages are at hand. Made once. */
#ifndef OMEMO_PAIR_H
#define OMEMO_PAIR_H

#include <stdlib.h>

#include "crypto.h"
#include "omemo.h"
#include "xml_reader.h"

#define ANNA KS_STR("anna@example.org")
#define JONAS KS_STR("jonas@example.org")

struct omemo_pair {
    struct ks_engine_store *store; /* Jonas's */
    struct ks_omemo *jonas, *anna;
    struct ks_arena arena;     /* of the genuine elements */
    struct ks_xml *genuine[2]; /* not yet opened, by version */
};

static inline void pair_must(enum ks_err err)
{
    if (err != KS_OK)
        abort();
}

static inline struct ks_xml *pair_sealed(struct ks_omemo *from, struct ks_str to, struct ks_omemo *to_omemo,
    enum ks_omemo_version version, struct ks_arena *arena)
{
    struct ks_omemo_recipient recipient = { .jid = to, .device = ks_omemo_device(to_omemo) };
    struct ks_xml *xml = NULL;

    pair_must(ks_omemo_seal(from, arena, version, KS_STR("genuine"), &recipient, 1, &xml));
    return xml;
}

static inline struct omemo_pair *omemo_pair(void)
{
    static struct omemo_pair pair;
    static struct ks_prng chance[2];
    struct ks_engine_store *annas = NULL;

    if (pair.store)
        return &pair;
    pair_must(ks_crypto_init());
    pair.store = ks_memory_engine_store_new();
    annas = ks_memory_engine_store_new();
    if (!pair.store || !annas)
        abort();
    ks_arena_init(&pair.arena, 4 * 1024 * 1024);
    ks_prng_init_number(&chance[0], 1);
    ks_prng_init_number(&chance[1], 2);
    pair_must(ks_omemo_new(pair.store, &chance[0], JONAS, NULL, NULL, &pair.jonas));
    pair_must(ks_omemo_new(annas, &chance[1], ANNA, NULL, NULL, &pair.anna));
    pair_must(ks_omemo_create(pair.jonas, 0));
    pair_must(ks_omemo_create(pair.anna, 0));
    for (enum ks_omemo_version v = KS_OMEMO_2; v <= KS_OMEMO_1; v++) {
        struct ks_omemo_bundle bundle;
        struct ks_omemo_opened opened;
        struct ks_xml *xml;

        pair_must(ks_omemo_bundle_write(pair.jonas, &pair.arena, v, &xml));
        pair_must(ks_omemo_bundle_read(&pair.arena, v, xml, &bundle));
        pair_must(ks_omemo_session_begin(pair.anna, v, JONAS, ks_omemo_device(pair.jonas), &bundle));
        xml = pair_sealed(pair.anna, JONAS, pair.jonas, v, &pair.arena);
        pair_must(ks_omemo_open(pair.jonas, &pair.arena, xml, ANNA, &opened));
        xml = pair_sealed(pair.jonas, ANNA, pair.anna, v, &pair.arena);
        pair_must(ks_omemo_open(pair.anna, &pair.arena, xml, JONAS, &opened));
        pair.genuine[v] = pair_sealed(pair.anna, JONAS, pair.jonas, v, &pair.arena);
    }
    return &pair;
}

#endif
