/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "load_scram.h"

#include <stdio.h>
#include <stdlib.h>

#include "enc.h"

#define ITERATIONS_MAX 1000000

struct cached {
    struct load_scram_keys keys;
    char *name; /* "salt,iterations", as the server wrote them */
};

void load_scram_keys_make(
    struct ks_str password, struct ks_str salt, uint32_t iterations, struct load_scram_keys *ret_keys)
{
    uint8_t salted[LOAD_SCRAM_KEY_LEN];

    ks_pbkdf2(KS_SHA256, password, salt, iterations, salted);
    ks_hmac(KS_SHA256, ks_str(salted, sizeof(salted)), KS_STR("Client Key"), ret_keys->client_key);
    ks_hmac(KS_SHA256, ks_str(salted, sizeof(salted)), KS_STR("Server Key"), ret_keys->server_key);
    ks_hash(KS_SHA256, ks_str(ret_keys->client_key, LOAD_SCRAM_KEY_LEN), ret_keys->stored_key);
    ks_wipe(salted, sizeof(salted));
}

void load_scram_cache_init(struct load_scram_cache *cache, struct ks_str password, struct ks_prng *prng)
{
    uint64_t key[2] = { ks_prng_u64(prng), ks_prng_u64(prng) };

    cache->password = password;
    ks_map_init(&cache->map, key);
}

void load_scram_cache_done(struct load_scram_cache *cache)
{
    struct cached *at;

    for (size_t i = 0; (at = ks_map_next(&cache->map, &i));) {
        free(at->name);
        free(at);
    }
    ks_map_done(&cache->map);
}

static enum ks_err keys_of(struct load_scram_cache *cache, struct ks_arena *arena, struct ks_str salt_text,
    struct ks_str iterations_text, const struct load_scram_keys **ret_keys)
{
    struct ks_str name, salt;
    uint64_t iterations;
    struct cached *found;
    enum ks_err err;

    if ((err = ks_arena_join(arena, (struct ks_str[]) { salt_text, KS_STR(","), iterations_text }, 3, &name)) != KS_OK)
        return err;
    found = ks_map_get(&cache->map, name);
    if (!found) {
        if ((err = ks_base64_read(arena, salt_text, &salt)) != KS_OK
            || (err = ks_str_u64(iterations_text, ITERATIONS_MAX, &iterations)) != KS_OK)
            return err;
        found = calloc(1, sizeof(*found));
        if (!found)
            return KS_ENOMEM;
        found->name = ks_str_dup(name);
        if (!found->name || (err = ks_map_add(&cache->map, ks_str_z(found->name), found)) != KS_OK) {
            free(found->name);
            free(found);
            return KS_ENOMEM;
        }
        load_scram_keys_make(cache->password, salt, (uint32_t)iterations, &found->keys);
    }
    *ret_keys = &found->keys;
    return KS_OK;
}

enum ks_err load_scram_first(struct load_scram *scram, struct ks_arena *arena, struct ks_str username,
    struct ks_str exporter, struct ks_prng *prng, struct ks_str *ret_message)
{
    uint8_t random[18];
    struct ks_str nonce;
    enum ks_err err;

    ks_prng_bytes(prng, random, sizeof(random));
    *scram = (struct load_scram) {
        .arena = arena, .gs2 = exporter.len > 0 ? KS_STR("p=tls-exporter,,") : KS_STR("n,,"), .binding = exporter
    };
    if ((err = ks_base64(arena, ks_str(random, sizeof(random)), &nonce)) != KS_OK
        || (err = ks_arena_join(
                arena, (struct ks_str[]) { KS_STR("n="), username, KS_STR(",r="), nonce }, 4, &scram->first_bare))
            != KS_OK)
        return err;
    return ks_arena_join(arena, (struct ks_str[]) { scram->gs2, scram->first_bare }, 2, ret_message);
}

/* Attributes come in the order of RFC 5802 §7, but XEP-0474 may add one, so each is looked for by its letter. */
static struct ks_str attribute(struct ks_str message, char letter)
{
    struct ks_str piece;

    while (ks_str_cut(&message, ',', &piece))
        if (piece.len >= 2 && piece.ptr[0] == letter && piece.ptr[1] == '=')
            return ks_str_from(piece, 2);
    return KS_STR_EMPTY;
}

enum ks_err load_scram_final(
    struct load_scram *scram, struct load_scram_cache *cache, struct ks_str server_first, struct ks_str *ret_message)
{
    struct ks_arena *arena = scram->arena;
    const struct load_scram_keys *keys;
    struct ks_str header, header_text, without_proof, signed_text, proof_text;
    uint8_t proof[LOAD_SCRAM_KEY_LEN];
    enum ks_err err;

    if ((err = keys_of(cache, arena, attribute(server_first, 's'), attribute(server_first, 'i'), &keys)) != KS_OK
        || (err = ks_arena_join(arena, (struct ks_str[]) { scram->gs2, scram->binding }, 2, &header)) != KS_OK
        || (err = ks_base64(arena, header, &header_text)) != KS_OK
        || (err = ks_arena_join(arena,
                (struct ks_str[]) { KS_STR("c="), header_text, KS_STR(",r="), attribute(server_first, 'r') }, 4,
                &without_proof))
            != KS_OK
        || (err = ks_arena_join(arena,
                (struct ks_str[]) { scram->first_bare, KS_STR(","), server_first, KS_STR(","), without_proof }, 5,
                &signed_text))
            != KS_OK)
        return err;
    ks_hmac(KS_SHA256, ks_str(keys->stored_key, LOAD_SCRAM_KEY_LEN), signed_text, proof);
    for (size_t i = 0; i < LOAD_SCRAM_KEY_LEN; i++)
        proof[i] ^= keys->client_key[i];
    ks_hmac(KS_SHA256, ks_str(keys->server_key, LOAD_SCRAM_KEY_LEN), signed_text, scram->server_signature);
    if ((err = ks_base64(arena, ks_str(proof, sizeof(proof)), &proof_text)) != KS_OK)
        return err;
    return ks_arena_join(arena, (struct ks_str[]) { without_proof, KS_STR(",p="), proof_text }, 3, ret_message);
}

enum ks_err load_scram_done(struct load_scram *scram, struct ks_str server_final)
{
    struct ks_str signature;

    if (ks_base64_read(scram->arena, attribute(server_final, 'v'), &signature) != KS_OK
        || !ks_crypto_eq(signature, ks_str(scram->server_signature, LOAD_SCRAM_KEY_LEN)))
        return KS_ECRYPTO;
    return KS_OK;
}
