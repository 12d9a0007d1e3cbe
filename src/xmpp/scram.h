/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* scram.h -- SCRAM (RFC 5802, RFC 7677), both ends, with channel binding (RFC 5929, RFC 9266) and downgrade protection
 * (XEP-0474).
 *
 * Pure message logic over ks_crypto: no IO, no logging. A peer's messages are at most KS_SCRAM_MESSAGE_MAX bytes.
 * Stored: only salt, iteration count, StoredKey and ServerKey. For unknown users the server end is given made-up keys
 * (ks_scram_fake), so that answers and timing do not tell them from known ones. */
#ifndef KS_SCRAM_H
#define KS_SCRAM_H

#include "arena.h"
#include "crypto.h"

#define KS_SCRAM_MESSAGE_MAX 4096
#define KS_SCRAM_ITERATIONS_MIN 10000    /* we store and accept no less */
#define KS_SCRAM_ITERATIONS_MAX 10000000 /* a client refuses to be worn out */
#define KS_SCRAM_SALT_LEN 16

enum ks_scram_binding { KS_BIND_NONE, KS_BIND_TLS_EXPORTER, KS_BIND_TLS_SERVER_END_POINT, KS_BIND_COUNT };
const char *ks_scram_binding_name(enum ks_scram_binding binding); /* "tls-exporter" */

struct ks_scram_keys {
    enum ks_hash hash;
    uint32_t iterations;
    uint8_t salt[KS_SCRAM_SALT_LEN];
    uint8_t stored_key[32], server_key[32]; /* the first ks_hash_len(hash) bytes */
};

/* Derives the keys from a password that went through ks_unicode_password. Blocks for the cost of PBKDF2. */
void ks_scram_keys_make(enum ks_hash hash, struct ks_str password, const uint8_t salt[KS_SCRAM_SALT_LEN],
    uint32_t iterations, struct ks_scram_keys *ret_keys);
/* Keys nobody can log in with; the salt follows from secret and username, so it is the same at every try. */
void ks_scram_fake(enum ks_hash hash, struct ks_str secret, struct ks_str username, uint32_t iterations,
    struct ks_scram_keys *ret_keys);
/* As a stored record, versioned. Reading: KS_ESYNTAX, KS_EVERSION. */
void ks_scram_keys_write(struct ks_buf *buf, const struct ks_scram_keys *keys);
KS_CHECK enum ks_err ks_scram_keys_read(struct ks_str record, struct ks_scram_keys *ret_keys);

/* What the TLS layer knows; a view is empty when there is none. */
struct ks_scram_bindings {
    struct ks_str data[KS_BIND_COUNT]; /* [KS_BIND_NONE] is not used */
};

/* --- the server's end: first -> (look up keys) -> challenge -> final --- */
struct ks_scram_server {
    enum ks_hash hash;
    bool plus;              /* the mechanism was SCRAM-…-PLUS */
    struct ks_str username; /* after first: normalised localpart as the client sent it (saslname decoded) */
    struct ks_str gs2, first_bare, server_first;
    struct ks_str nonce;
    enum ks_scram_binding binding;
    struct ks_scram_keys keys;
    struct ks_arena *arena;
};

/* Reads client-first-message. hash, plus: of the chosen mechanism; plus_offered: whether we offered any -PLUS (for the
 * 'y' flag, RFC 5802 §6). Everything kept lives in arena, which must last until final. KS_OK: look up username;
 * KS_ESYNTAX: <malformed-request/>; KS_ECRYPTO: <not-authorized/> (downgrade seen, channel binding missing or not
 * known); KS_EDENIED: an authzid other than the user itself: <invalid-authzid/> (domain: ours, so that user@domain may
 * be named); KS_ELIMIT; KS_ENOMEM. */
KS_CHECK enum ks_err ks_scram_server_first(struct ks_scram_server *scram, struct ks_arena *arena, enum ks_hash hash,
    bool plus, bool plus_offered, struct ks_str domain, const struct ks_scram_bindings *bindings,
    struct ks_str message);
/* Makes server-first-message. downgrade: the string of XEP-0474 over mechanisms and bindings that were offered
 * (ks_scram_downgrade), sent as attribute h. */
KS_CHECK enum ks_err ks_scram_server_challenge(struct ks_scram_server *scram, const struct ks_scram_keys *keys,
    struct ks_prng *prng, struct ks_str downgrade, struct ks_str *ret_message);
/* Reads client-final-message, makes server-final-message. KS_OK: the client is who it says. KS_ECRYPTO: wrong password
 * or channel binding. KS_ESYNTAX. Wipes what it kept. */
KS_CHECK enum ks_err ks_scram_server_final(struct ks_scram_server *scram, const struct ks_scram_bindings *bindings,
    struct ks_str message, struct ks_str *ret_message);

/* The hash of XEP-0474 §3 over sorted mechanism names and sorted channel-binding names, base64. */
KS_CHECK enum ks_err ks_scram_downgrade(struct ks_arena *arena, enum ks_hash hash, const struct ks_str *mechanisms,
    size_t mechanism_count, const struct ks_str *bindings, size_t binding_count, struct ks_str *ret_text);

/* --- the client's end: first -> final -> done --- */
struct ks_scram_client {
    enum ks_hash hash;
    enum ks_scram_binding binding;
    struct ks_str username, password, gs2, first_bare, nonce;
    uint8_t server_signature[32];
    struct ks_arena *arena;
};
/* binding NONE with server_offers_plus: impossible for us (we would use it). Flag 'y' is sent when the server offered
 * no -PLUS though we have bindings, 'n' when we have none. password: through ks_unicode_password; both views must live
 * until final. */
KS_CHECK enum ks_err ks_scram_client_first(struct ks_scram_client *scram, struct ks_arena *arena, enum ks_hash hash,
    enum ks_scram_binding binding, bool have_bindings, struct ks_str username, struct ks_str password,
    struct ks_prng *prng, struct ks_str *ret_message);
/* Reads server-first, makes client-final. Blocks for PBKDF2. downgrade: what we expect by XEP-0474 from the offers we
 * saw; KS_ECRYPTO if attribute h is there and differs. KS_ELIMIT: iterations outside MIN (4096 from foreign servers)
 * and MAX. */
KS_CHECK enum ks_err ks_scram_client_final(struct ks_scram_client *scram, const struct ks_scram_bindings *bindings,
    struct ks_str downgrade, struct ks_str message, struct ks_str *ret_message);
/* Verifies server-final. KS_ECRYPTO: the server does not know the password: disconnect. */
KS_CHECK enum ks_err ks_scram_client_done(struct ks_scram_client *scram, struct ks_str message);

#endif
