/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* scram.h -- SCRAM (RFC 5802, RFC 7677), both ends, with channel binding (RFC 5929, RFC 9266) and downgrade protection
 * (XEP-0474, version 0.5.0: attribute h).
 *
 * Pure message logic over ks_crypto: no IO, no logging. A peer's messages are at most KS_SCRAM_MESSAGE_MAX bytes, plain
 * (the base64 of SASL in XMPP is taken off by the caller). Nothing is lenient: attributes come in the order of RFC 5802
 * §7, base64 is strict, and the mandatory-extension attribute m fails wherever it stands (§5.1).
 *
 * Stored: only salt, iteration count, StoredKey and ServerKey. For unknown users the server end is given made-up keys
 * (ks_scram_fake), so that answers and timing do not tell them from known ones. A name that is not a localpart at all
 * goes the same way: it is given back as it came, no account can have it (stored localparts are normalised), and the
 * client hears <not-authorized/> after its final message and learns nothing of the grammar of our names. */
#ifndef KS_SCRAM_H
#define KS_SCRAM_H

#include "arena.h"
#include "crypto.h"

#define KS_SCRAM_MESSAGE_MAX 4096
#define KS_SCRAM_ITERATIONS_MIN 10000    /* what we store */
#define KS_SCRAM_ITERATIONS_FOREIGN 4096 /* what a client accepts: the least that RFC 7677 §4 allows a server */
#define KS_SCRAM_ITERATIONS_MAX 10000000 /* a client refuses to be worn out */
#define KS_SCRAM_SALT_LEN 16             /* of our own; */
#define KS_SCRAM_SALT_MAX 64             /* records brought from elsewhere may have other lengths */

enum ks_scram_binding { KS_BIND_NONE, KS_BIND_TLS_EXPORTER, KS_BIND_TLS_SERVER_END_POINT, KS_BIND_COUNT };
const char *ks_scram_binding_name(enum ks_scram_binding binding); /* "tls-exporter"; "" for none */

/* The SASL mechanisms, best first: being bound to the channel is worth more than a longer hash (RFC 7677 §4 leaves both
 * sound). */
#define KS_SCRAM_MECHANISMS 4
struct ks_scram_mechanism {
    const char *name;
    enum ks_hash hash;
    bool plus;
};
extern const struct ks_scram_mechanism ks_scram_mechanisms[KS_SCRAM_MECHANISMS];

struct ks_scram_keys {
    enum ks_hash hash;
    uint32_t iterations;
    uint8_t salt[KS_SCRAM_SALT_MAX], salt_len;
    uint8_t stored_key[KS_HASH_MAX], server_key[KS_HASH_MAX]; /* the first ks_hash_len(hash) bytes */
};

/* Derives the keys from a password that went through ks_unicode_password. Blocks for the cost of PBKDF2. iterations is
 * at least KS_SCRAM_ITERATIONS_MIN. */
void ks_scram_keys_make(enum ks_hash hash, struct ks_str password, const uint8_t salt[KS_SCRAM_SALT_LEN],
    uint32_t iterations, struct ks_scram_keys *ret_keys);
/* Keys nobody can log in with; all of them follow from secret and username, so they are the same at every try. Costs a
 * few microseconds: call it at every login, before looking the user up, so that known and unknown names take the same
 * time. An account whose stored iterations are not the configured ones can still be told from an unknown name. */
void ks_scram_fake(enum ks_hash hash, struct ks_str secret, struct ks_str username, uint32_t iterations,
    struct ks_scram_keys *ret_keys);
/* As a stored record, versioned. Reading: KS_ESYNTAX (also for fewer iterations than KS_SCRAM_ITERATIONS_FOREIGN),
 * KS_EVERSION. */
void ks_scram_keys_write(struct ks_buf *buf, const struct ks_scram_keys *keys);
KS_CHECK enum ks_err ks_scram_keys_read(struct ks_str record, struct ks_scram_keys *ret_keys);

/* What the TLS layer knows; a view is empty when there is none. */
struct ks_scram_bindings {
    struct ks_str data[KS_BIND_COUNT]; /* [KS_BIND_NONE] is not used */
};

/* Where an exchange is: zeroes before it began, and again when it is over or failed, with all secrets wiped. */
enum ks_scram_step { KS_SCRAM_IDLE, KS_SCRAM_FIRST, KS_SCRAM_CHALLENGE, KS_SCRAM_FINAL };

/* --- the server's end: first -> (look up keys) -> challenge -> final --- */
struct ks_scram_server {
    enum ks_scram_step step;
    enum ks_hash hash;
    bool plus;              /* the mechanism was SCRAM-…-PLUS */
    struct ks_str username; /* after first: the normalised localpart (saslname decoded), or a name nobody can have */
    struct ks_str gs2, first_bare, server_first;
    struct ks_str nonce;
    enum ks_scram_binding binding;
    struct ks_scram_keys keys;
    struct ks_arena *arena;
};

/* Reads client-first-message. hash, plus: of the chosen mechanism; plus_offered: whether we offered any -PLUS (for the
 * 'y' flag, RFC 5802 §6). Everything kept lives in arena, which must last until final. KS_OK: look up username;
 * KS_ESYNTAX: <malformed-request/>; KS_ECRYPTO: <not-authorized/> (downgrade seen; -PLUS without channel binding, or
 * the other way round; a binding that is not known or that this connection has not); KS_EDENIED: an authzid other than
 * the user's own bare JID at domain (ours, normalised): <invalid-authzid/>; KS_ELIMIT; KS_ENOMEM. */
KS_CHECK enum ks_err ks_scram_server_first(struct ks_scram_server *scram, struct ks_arena *arena, enum ks_hash hash,
    bool plus, bool plus_offered, struct ks_str domain, const struct ks_scram_bindings *bindings,
    struct ks_str message);
/* Makes server-first-message. keys are copied. downgrade: the text of ks_scram_downgrade over the mechanisms and
 * bindings that were offered, sent as attribute h; empty: no h. KS_ELIMIT and KS_ENOMEM of the arena. */
KS_CHECK enum ks_err ks_scram_server_challenge(struct ks_scram_server *scram, const struct ks_scram_keys *keys,
    struct ks_prng *prng, struct ks_str downgrade, struct ks_str *ret_message);
/* Reads client-final-message, makes server-final-message. KS_OK: the client is who it says. KS_ECRYPTO: wrong password,
 * nonce or channel binding, or another GS2 header than in the first message. KS_ESYNTAX; KS_ESTATE before a challenge
 * or a second time. Wipes what it kept, whatever it says. */
KS_CHECK enum ks_err ks_scram_server_final(struct ks_scram_server *scram, const struct ks_scram_bindings *bindings,
    struct ks_str message, struct ks_str *ret_message);

/* The hash of XEP-0474 §5.1, base64: mechanism names sorted and joined by %x1E; if there are bindings (the server used
 * XEP-0440), %x1F and their names sorted and joined by %x1E. hash: of the mechanism in use. KS_ELIMIT: over
 * KS_SCRAM_OFFERS_MAX names in a list. */
#define KS_SCRAM_OFFERS_MAX 64
KS_CHECK enum ks_err ks_scram_downgrade(struct ks_arena *arena, enum ks_hash hash, const struct ks_str *mechanisms,
    size_t mechanism_count, const struct ks_str *bindings, size_t binding_count, struct ks_str *ret_text);

/* --- the client's end: first -> final -> done --- */
struct ks_scram_client {
    enum ks_scram_step step;
    enum ks_hash hash;
    enum ks_scram_binding binding;
    struct ks_str username, password, gs2, first_bare, nonce;
    uint8_t server_signature[KS_HASH_MAX];
    struct ks_arena *arena;
};
/* binding NONE with server_offers_plus: impossible for us (we would use it). Flag 'y' is sent when the server offered
 * no -PLUS though we have bindings, 'n' when we have none. username: a normalised localpart; password: through
 * ks_unicode_password; both views must live until final. KS_ELIMIT and KS_ENOMEM of the arena. */
KS_CHECK enum ks_err ks_scram_client_first(struct ks_scram_client *scram, struct ks_arena *arena, enum ks_hash hash,
    enum ks_scram_binding binding, bool have_bindings, struct ks_str username, struct ks_str password,
    struct ks_prng *prng, struct ks_str *ret_message);
/* Reads server-first, makes client-final. Blocks for PBKDF2. downgrade: what we expect by XEP-0474 from the offers we
 * saw; KS_ECRYPTO if attribute h is there and differs (empty: not compared). bindings has data for the binding chosen.
 * KS_ECRYPTO also for a nonce that is not ours continued. KS_ELIMIT: iterations below KS_SCRAM_ITERATIONS_FOREIGN or
 * above KS_SCRAM_ITERATIONS_MAX. KS_ESYNTAX; KS_ESTATE if not after first; KS_ENOMEM. */
KS_CHECK enum ks_err ks_scram_client_final(struct ks_scram_client *scram, const struct ks_scram_bindings *bindings,
    struct ks_str downgrade, struct ks_str message, struct ks_str *ret_message);
/* Verifies server-final. KS_OK is the only proof of the server: without it, disconnect. KS_ECRYPTO: the server does not
 * know the password, or says that it refuses (attribute e). KS_ESYNTAX; KS_ESTATE if not after final: a server that
 * announces success too early. */
KS_CHECK enum ks_err ks_scram_client_done(struct ks_scram_client *scram, struct ks_str message);

/* For known answers: the same as challenge and first, with our part of the nonce given (printable, no comma). */
KS_CHECK enum ks_err ks_scram_server_challenge_nonce(struct ks_scram_server *scram, const struct ks_scram_keys *keys,
    struct ks_str nonce, struct ks_str downgrade, struct ks_str *ret_message);
KS_CHECK enum ks_err ks_scram_client_first_nonce(struct ks_scram_client *scram, struct ks_arena *arena,
    enum ks_hash hash, enum ks_scram_binding binding, bool have_bindings, struct ks_str username,
    struct ks_str password, struct ks_str nonce, struct ks_str *ret_message);

#endif
