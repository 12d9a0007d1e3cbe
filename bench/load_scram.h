/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load_scram.h -- the client's end of SCRAM-SHA-256 (RFC 5802, RFC 7677) for ten thousand logins with one password.
 *
 * Unlike src/xmpp/scram.h it remembers the keys of each salt it has seen, as RFC 5802 §5.1 allows a client to do, so
 * that a measured login does not pay for PBKDF2 on the machine that is being measured. */
#ifndef KS_LOAD_SCRAM_H
#define KS_LOAD_SCRAM_H

#include "arena.h"
#include "crypto.h"
#include "map.h"

#define LOAD_SCRAM_KEY_LEN 32

struct load_scram_keys {
    uint8_t client_key[LOAD_SCRAM_KEY_LEN], stored_key[LOAD_SCRAM_KEY_LEN], server_key[LOAD_SCRAM_KEY_LEN];
};

/* Blocks for PBKDF2. */
void load_scram_keys_make(
    struct ks_str password, struct ks_str salt, uint32_t iterations, struct load_scram_keys *ret_keys);

/* The keys of one password under the salts and counts that servers named. */
struct load_scram_cache {
    struct ks_str password;
    struct ks_map map;
};

/* password must outlive the cache. */
void load_scram_cache_init(struct load_scram_cache *cache, struct ks_str password, struct ks_prng *prng);
void load_scram_cache_done(struct load_scram_cache *cache);

/* One login. Everything it keeps lives in arena. */
struct load_scram {
    struct ks_arena *arena;
    struct ks_str gs2, binding; /* binding: data of tls-exporter (RFC 9266); empty: none is used */
    struct ks_str first_bare;
    uint8_t server_signature[LOAD_SCRAM_KEY_LEN];
};

/* username needs no escaping. exporter is empty for SCRAM-SHA-256, 32 bytes for SCRAM-SHA-256-PLUS. */
KS_CHECK enum ks_err load_scram_first(struct load_scram *scram, struct ks_arena *arena, struct ks_str username,
    struct ks_str exporter, struct ks_prng *prng, struct ks_str *ret_message);
KS_CHECK enum ks_err load_scram_final(
    struct load_scram *scram, struct load_scram_cache *cache, struct ks_str server_first, struct ks_str *ret_message);
/* KS_ECRYPTO: the server does not know the password. */
KS_CHECK enum ks_err load_scram_done(struct load_scram *scram, struct ks_str server_final);

#endif
