/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "scram.h"

#include <stdio.h>

#include "enc.h"
#include "jid.h"
#include "unicode.h"
#include "utf8.h"

#define NONCE_BYTES 18 /* of chance: 24 characters of base64, without padding */

static const char *const binding_names[KS_BIND_COUNT] = {
    [KS_BIND_NONE] = "",
    [KS_BIND_TLS_EXPORTER] = "tls-exporter",                 /* RFC 9266 */
    [KS_BIND_TLS_SERVER_END_POINT] = "tls-server-end-point", /* RFC 5929 §4 */
};

const struct ks_scram_mechanism ks_scram_mechanisms[KS_SCRAM_MECHANISMS] = {
    { "SCRAM-SHA-256-PLUS", KS_SHA256, true },
    { "SCRAM-SHA-1-PLUS", KS_SHA1, true },
    { "SCRAM-SHA-256", KS_SHA256, false },
    { "SCRAM-SHA-1", KS_SHA1, false },
};

const char *ks_scram_binding_name(enum ks_scram_binding binding)
{
    assert((size_t)binding < KS_COUNT(binding_names));
    return binding_names[binding];
}

/* --- the grammar of RFC 5802 §7 --- */

/* A message's attributes, in their order. A final comma leaves an empty attribute, which is an error. */
struct attributes {
    struct ks_str left;
    bool done;
};

/* Cuts the next attribute off: a letter, "=" and at least one byte. "m" is the mandatory extension nobody has defined:
 * "its presence in a client or a server message MUST cause authentication failure" (§5.1). */
static enum ks_err next_attribute(struct attributes *at, char *ret_name, struct ks_str *ret_value)
{
    if (at->done)
        return KS_ESYNTAX;
    size_t comma = ks_str_find_byte(at->left, ',');
    struct ks_str piece = ks_str_head(at->left, comma);
    at->done = comma == at->left.len;
    at->left = ks_str_from(at->left, comma + 1);
    if (piece.len < 3 || piece.ptr[1] != '=' || piece.ptr[0] == 'm')
        return KS_ESYNTAX;
    if (!((piece.ptr[0] >= 'a' && piece.ptr[0] <= 'z') || (piece.ptr[0] >= 'A' && piece.ptr[0] <= 'Z')))
        return KS_ESYNTAX;
    *ret_name = piece.ptr[0];
    *ret_value = ks_str_from(piece, 2);
    return KS_OK;
}

static enum ks_err expect_attribute(struct attributes *at, char name, struct ks_str *ret_value)
{
    char found;
    enum ks_err err = next_attribute(at, &found, ret_value);

    return err == KS_OK && found != name ? KS_ESYNTAX : err;
}

/* Keeps a peer's message for as long as the exchange. Values are UTF-8 without NUL (§7, value-char). */
static enum ks_err keep_message(struct ks_arena *arena, struct ks_str message, struct ks_str *ret_message)
{
    if (message.len > KS_SCRAM_MESSAGE_MAX)
        return KS_ELIMIT;
    if (ks_str_find_byte(message, '\0') != message.len || !ks_utf8_valid(message))
        return KS_ESYNTAX;
    return ks_arena_copy(arena, message, ret_message);
}

/* §7, printable. */
static bool is_nonce(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x21 || text.ptr[i] > 0x7e || text.ptr[i] == ',')
            return false;
    return text.len > 0;
}

/* §5.1: "=2C" is a comma and "=3D" an equals sign; "if the server receives a username that contains '=' not followed by
 * either '2C' or '3D', then the server MUST fail the authentication". */
static enum ks_err read_saslname(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_name)
{
    char *name = ks_arena_alloc(arena, text.len);
    size_t len = 0;

    if (!name)
        return ks_arena_full(arena, text.len) ? KS_ELIMIT : KS_ENOMEM;
    while (text.len) {
        size_t step = 1;
        char c = text.ptr[0];
        if (c == '=') {
            step = 3;
            if (ks_str_starts(text, KS_STR("=2C")))
                c = ',';
            else if (!ks_str_starts(text, KS_STR("=3D")))
                return KS_ESYNTAX;
        }
        name[len++] = c;
        text = ks_str_from(text, step);
    }
    *ret_name = ks_str(name, len);
    return KS_OK;
}

static enum ks_err write_saslname(struct ks_arena *arena, struct ks_str name, struct ks_str *ret_text)
{
    char *text = ks_arena_alloc(arena, 3 * name.len);
    size_t len = 0;

    if (!text)
        return ks_arena_full(arena, 3 * name.len) ? KS_ELIMIT : KS_ENOMEM;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == ',' || name.ptr[i] == '=') {
            memcpy(text + len, name.ptr[i] == ',' ? "=2C" : "=3D", 3);
            len += 3;
        } else
            text[len++] = name.ptr[i];
    }
    *ret_text = ks_str(text, len);
    return KS_OK;
}

#define JOIN(arena, ret_text, ...)                                  \
    ks_arena_join((arena), (const struct ks_str[]) { __VA_ARGS__ }, \
        sizeof((const struct ks_str[]) { __VA_ARGS__ }) / sizeof(struct ks_str), (ret_text))

static enum ks_err make_nonce(struct ks_arena *arena, struct ks_prng *prng, struct ks_str *ret_nonce)
{
    uint8_t bytes[NONCE_BYTES];

    ks_prng_bytes(prng, bytes, sizeof bytes);
    return ks_base64(arena, ks_str(bytes, sizeof bytes), ret_nonce);
}

/* --- what both ends compute (§3) --- */

/* AuthMessage = client-first-message-bare "," server-first-message "," client-final-message-without-proof */
static enum ks_err auth_message(struct ks_arena *arena, struct ks_str first_bare, struct ks_str server_first,
    struct ks_str final_bare, struct ks_str *ret_text)
{
    return JOIN(arena, ret_text, first_bare, KS_STR(","), server_first, KS_STR(","), final_bare);
}

/* The c= attribute says what the client believes about the channel: its GS2 header and, with p=, the binding's data. */
static enum ks_err channel(struct ks_arena *arena, struct ks_str gs2, enum ks_scram_binding binding,
    const struct ks_scram_bindings *bindings, struct ks_str *ret_bytes)
{
    return JOIN(arena, ret_bytes, gs2, binding == KS_BIND_NONE ? KS_STR_EMPTY : bindings->data[binding]);
}

static void mix(uint8_t *bytes, const uint8_t *with, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] ^= with[i];
}

/* --- the server's end --- */

/* gs2-cbind-flag: §6 lists what fits together. */
static enum ks_err read_binding_flag(
    struct ks_scram_server *scram, struct ks_str flag, bool plus_offered, const struct ks_scram_bindings *bindings)
{
    if (ks_str_is(flag, "n"))
        return scram->plus ? KS_ECRYPTO : KS_OK;
    /* "If the flag is set to 'y' and the server supports channel binding, the server MUST fail authentication":
     * somebody took our -PLUS mechanisms out of the list that the client saw. */
    if (ks_str_is(flag, "y"))
        return scram->plus || plus_offered ? KS_ECRYPTO : KS_OK;
    if (!ks_str_starts(flag, KS_STR("p=")) || flag.len == 2)
        return KS_ESYNTAX;
    if (!scram->plus)
        return KS_ECRYPTO;
    for (int i = KS_BIND_NONE + 1; i < KS_BIND_COUNT; i++)
        if (ks_str_is(ks_str_from(flag, 2), binding_names[i]) && bindings->data[i].len) {
            scram->binding = (enum ks_scram_binding)i;
            return KS_OK;
        }
    return KS_ECRYPTO;
}

static enum ks_err read_username(struct ks_scram_server *scram, struct ks_str text)
{
    struct ks_str name;
    enum ks_err err = read_saslname(scram->arena, text, &name);

    if (err != KS_OK)
        return err;
    err = ks_unicode_localpart(scram->arena, name, &scram->username);
    if (err == KS_ESYNTAX || err == KS_ELIMIT) /* not a localpart, or too long for one: a name that nobody has */
        scram->username = name;
    return err == KS_ENOMEM ? err : KS_OK;
}

/* RFC 6120 §6.3.8: an authorization identity is a bare JID; nobody acts for another here. */
static enum ks_err read_authzid(struct ks_scram_server *scram, struct ks_str text, struct ks_str domain)
{
    struct ks_str name;
    struct ks_jid jid;
    enum ks_err err = read_saslname(scram->arena, text, &name);

    if (err != KS_OK)
        return err;
    err = ks_jid_parse(scram->arena, name, &jid);
    if (err == KS_ENOMEM || err == KS_ELIMIT)
        return err;
    if (err != KS_OK || jid.resource.len || !ks_str_eq(jid.local, scram->username) || !ks_str_eq(jid.domain, domain))
        return KS_EDENIED;
    return KS_OK;
}

static enum ks_err read_client_first(struct ks_scram_server *scram, bool plus_offered, struct ks_str domain,
    const struct ks_scram_bindings *bindings, struct ks_str message)
{
    struct ks_str rest = message, flag, authzid, name, ignored;
    char letter;
    enum ks_err err;

    if (!ks_str_cut(&rest, ',', &flag) || !ks_str_cut(&rest, ',', &authzid))
        return KS_ESYNTAX;
    scram->gs2 = ks_str_head(message, message.len - rest.len);
    scram->first_bare = rest;
    if (authzid.len && (authzid.len < 3 || !ks_str_starts(authzid, KS_STR("a="))))
        return KS_ESYNTAX;
    struct attributes at = { rest, false };
    if ((err = expect_attribute(&at, 'n', &name)) != KS_OK
        || (err = expect_attribute(&at, 'r', &scram->nonce)) != KS_OK)
        return err;
    if (!is_nonce(scram->nonce))
        return KS_ESYNTAX;
    while (!at.done) /* extensions, which we know none of: "unknown optional extensions" are ignored (§5.1) */
        if ((err = next_attribute(&at, &letter, &ignored)) != KS_OK)
            return err;
    if ((err = read_binding_flag(scram, flag, plus_offered, bindings)) != KS_OK
        || (err = read_username(scram, name)) != KS_OK)
        return err;
    return authzid.len ? read_authzid(scram, ks_str_from(authzid, 2), domain) : KS_OK;
}

enum ks_err ks_scram_server_first(struct ks_scram_server *scram, struct ks_arena *arena, enum ks_hash hash, bool plus,
    bool plus_offered, struct ks_str domain, const struct ks_scram_bindings *bindings, struct ks_str message)
{
    struct ks_str kept;
    enum ks_err err;

    *scram = (struct ks_scram_server) { .hash = hash, .plus = plus, .arena = arena };
    if ((err = keep_message(arena, message, &kept)) != KS_OK
        || (err = read_client_first(scram, plus_offered, domain, bindings, kept)) != KS_OK) {
        *scram = (struct ks_scram_server) { 0 };
        return err;
    }
    scram->step = KS_SCRAM_FIRST;
    return KS_OK;
}

enum ks_err ks_scram_server_challenge_nonce(struct ks_scram_server *scram, const struct ks_scram_keys *keys,
    struct ks_str nonce, struct ks_str downgrade, struct ks_str *ret_message)
{
    char digits[16];
    struct ks_str salt, number;
    enum ks_err err;

    assert(scram->step == KS_SCRAM_FIRST && keys->hash == scram->hash && is_nonce(nonce));
    number = ks_str(digits, (size_t)snprintf(digits, sizeof digits, "%u", (unsigned)keys->iterations));
    if ((err = JOIN(scram->arena, &scram->nonce, scram->nonce, nonce)) != KS_OK
        || (err = ks_base64(scram->arena, ks_str(keys->salt, keys->salt_len), &salt)) != KS_OK
        || (err = JOIN(scram->arena, &scram->server_first, KS_STR("r="), scram->nonce, KS_STR(",s="), salt,
                KS_STR(",i="), number, downgrade.len ? KS_STR(",h=") : KS_STR_EMPTY, downgrade))
            != KS_OK)
        return err;
    scram->keys = *keys;
    scram->step = KS_SCRAM_CHALLENGE;
    *ret_message = scram->server_first;
    return KS_OK;
}

enum ks_err ks_scram_server_challenge(struct ks_scram_server *scram, const struct ks_scram_keys *keys,
    struct ks_prng *prng, struct ks_str downgrade, struct ks_str *ret_message)
{
    struct ks_str nonce;
    enum ks_err err = make_nonce(scram->arena, prng, &nonce);

    return err == KS_OK ? ks_scram_server_challenge_nonce(scram, keys, nonce, downgrade, ret_message) : err;
}

/* §3: ClientKey = ClientProof XOR ClientSignature, and its hash has to be the StoredKey. */
static bool proof_fits(const struct ks_scram_keys *keys, struct ks_str auth, struct ks_str proof)
{
    size_t len = ks_hash_len(keys->hash);
    uint8_t client_key[KS_HASH_MAX], hashed[KS_HASH_MAX];

    ks_hmac(keys->hash, ks_str(keys->stored_key, len), auth, client_key);
    mix(client_key, (const uint8_t *)proof.ptr, len);
    ks_hash(keys->hash, ks_str(client_key, len), hashed);
    bool fits = ks_crypto_eq(ks_str(hashed, len), ks_str(keys->stored_key, len));
    ks_wipe(client_key, sizeof client_key);
    ks_wipe(hashed, sizeof hashed);
    return fits;
}

static enum ks_err read_client_final(struct ks_scram_server *scram, const struct ks_scram_bindings *bindings,
    struct ks_str message, struct ks_str *ret_message)
{
    struct attributes at = { message, false };
    struct ks_str encoded, seen, expected, nonce, value, proof, auth, text;
    uint8_t signature[KS_HASH_MAX];
    size_t len = ks_hash_len(scram->hash), bare_len;
    char letter;
    enum ks_err err;

    if ((err = expect_attribute(&at, 'c', &encoded)) != KS_OK || (err = expect_attribute(&at, 'r', &nonce)) != KS_OK)
        return err;
    do { /* extensions, then the proof, which is last */
        bare_len = message.len - at.left.len - 1;
        if ((err = next_attribute(&at, &letter, &value)) != KS_OK)
            return err;
    } while (letter != 'p');
    if (!at.done)
        return KS_ESYNTAX;
    if ((err = ks_base64_read(scram->arena, encoded, &seen)) != KS_OK
        || (err = ks_base64_read(scram->arena, value, &proof)) != KS_OK
        || (err = channel(scram->arena, scram->gs2, scram->binding, bindings, &expected)) != KS_OK
        || (err = auth_message(
                scram->arena, scram->first_bare, scram->server_first, ks_str_head(message, bare_len), &auth))
            != KS_OK)
        return err;
    if (proof.len != len)
        return KS_ESYNTAX;
    /* All three are computed, so the time does not tell which was wrong. */
    bool fits = proof_fits(&scram->keys, auth, proof);
    fits &= ks_crypto_eq(seen, expected);
    fits &= ks_crypto_eq(nonce, scram->nonce);
    if (!fits)
        return KS_ECRYPTO;
    ks_hmac(scram->hash, ks_str(scram->keys.server_key, len), auth, signature);
    if ((err = ks_base64(scram->arena, ks_str(signature, len), &text)) != KS_OK)
        return err;
    return JOIN(scram->arena, ret_message, KS_STR("v="), text);
}

enum ks_err ks_scram_server_final(struct ks_scram_server *scram, const struct ks_scram_bindings *bindings,
    struct ks_str message, struct ks_str *ret_message)
{
    struct ks_str kept, answer;
    enum ks_err err;

    if (scram->step != KS_SCRAM_CHALLENGE)
        return KS_ESTATE;
    if ((err = keep_message(scram->arena, message, &kept)) == KS_OK)
        err = read_client_final(scram, bindings, kept, &answer);
    ks_wipe(&scram->keys, sizeof scram->keys);
    scram->step = KS_SCRAM_IDLE;
    if (err == KS_OK)
        *ret_message = answer;
    return err;
}

/* --- the client's end --- */

enum ks_err ks_scram_client_first_nonce(struct ks_scram_client *scram, struct ks_arena *arena, enum ks_hash hash,
    enum ks_scram_binding binding, bool have_bindings, struct ks_str username, struct ks_str password,
    struct ks_str nonce, struct ks_str *ret_message)
{
    struct ks_str name;
    enum ks_err err;

    assert(is_nonce(nonce));
    *scram = (struct ks_scram_client) { .hash = hash, .binding = binding, .arena = arena };
    if (binding != KS_BIND_NONE)
        err = JOIN(arena, &scram->gs2, KS_STR("p="), ks_str_z(ks_scram_binding_name(binding)), KS_STR(",,"));
    else
        err = ks_arena_copy(arena, have_bindings ? KS_STR("y,,") : KS_STR("n,,"), &scram->gs2);
    if (err != KS_OK || (err = ks_arena_copy(arena, nonce, &scram->nonce)) != KS_OK
        || (err = write_saslname(arena, username, &name)) != KS_OK
        || (err = JOIN(arena, &scram->first_bare, KS_STR("n="), name, KS_STR(",r="), scram->nonce)) != KS_OK
        || (err = JOIN(arena, ret_message, scram->gs2, scram->first_bare)) != KS_OK)
        return err;
    scram->username = username;
    scram->password = password;
    scram->step = KS_SCRAM_FIRST;
    return KS_OK;
}

enum ks_err ks_scram_client_first(struct ks_scram_client *scram, struct ks_arena *arena, enum ks_hash hash,
    enum ks_scram_binding binding, bool have_bindings, struct ks_str username, struct ks_str password,
    struct ks_prng *prng, struct ks_str *ret_message)
{
    struct ks_str nonce;
    enum ks_err err = make_nonce(arena, prng, &nonce);

    return err == KS_OK ? ks_scram_client_first_nonce(
               scram, arena, hash, binding, have_bindings, username, password, nonce, ret_message)
                        : err;
}

struct server_first {
    struct ks_str text, nonce, salt;
    uint64_t iterations;
};

static enum ks_err read_server_first(
    struct ks_scram_client *scram, struct ks_str downgrade, struct ks_str message, struct server_first *ret_first)
{
    struct attributes at;
    struct ks_str salt, number, value;
    char letter;
    bool protected = false;
    enum ks_err err;

    if ((err = keep_message(scram->arena, message, &ret_first->text)) != KS_OK)
        return err;
    at = (struct attributes) { ret_first->text, false };
    if ((err = expect_attribute(&at, 'r', &ret_first->nonce)) != KS_OK
        || (err = expect_attribute(&at, 's', &salt)) != KS_OK || (err = expect_attribute(&at, 'i', &number)) != KS_OK
        || (err = ks_base64_read(scram->arena, salt, &ret_first->salt)) != KS_OK)
        return err;
    if (!is_nonce(ret_first->nonce) || number.ptr[0] == '0') /* posit-number */
        return KS_ESYNTAX;
    if ((err = ks_str_u64(number, KS_SCRAM_ITERATIONS_MAX, &ret_first->iterations)) != KS_OK)
        return err;
    while (!at.done) {
        if ((err = next_attribute(&at, &letter, &value)) != KS_OK)
            return err;
        if (letter != 'h')
            continue;
        if (protected)
            return KS_ESYNTAX;
        protected = true;
        if (downgrade.len && !ks_str_eq(value, downgrade)) /* XEP-0474 §5.2: somebody changed the offers we saw */
            return KS_ECRYPTO;
    }
    /* §5: "The client MUST verify that the initial part of the nonce used in subsequent messages is the same as the
     * nonce it initially specified"; a server that added nothing would let an old exchange be played again. */
    if (!ks_str_starts(ret_first->nonce, scram->nonce) || ret_first->nonce.len == scram->nonce.len)
        return KS_ECRYPTO;
    return ret_first->iterations < KS_SCRAM_ITERATIONS_FOREIGN ? KS_ELIMIT : KS_OK;
}

/* §3: the proof that goes out, and the signature that has to come back. */
static void prove(
    struct ks_scram_client *scram, const struct server_first *first, struct ks_str auth, uint8_t *ret_proof)
{
    size_t len = ks_hash_len(scram->hash);
    uint8_t salted[KS_HASH_MAX], client_key[KS_HASH_MAX], key[KS_HASH_MAX];

    ks_pbkdf2(scram->hash, scram->password, first->salt, (uint32_t)first->iterations, salted);
    ks_hmac(scram->hash, ks_str(salted, len), KS_STR("Client Key"), client_key);
    ks_hash(scram->hash, ks_str(client_key, len), key); /* StoredKey */
    ks_hmac(scram->hash, ks_str(key, len), auth, ret_proof);
    mix(ret_proof, client_key, len);
    ks_hmac(scram->hash, ks_str(salted, len), KS_STR("Server Key"), key);
    ks_hmac(scram->hash, ks_str(key, len), auth, scram->server_signature);
    ks_wipe(salted, sizeof salted);
    ks_wipe(client_key, sizeof client_key);
    ks_wipe(key, sizeof key);
}

static enum ks_err make_client_final(struct ks_scram_client *scram, const struct ks_scram_bindings *bindings,
    struct ks_str downgrade, struct ks_str message, struct ks_str *ret_message)
{
    struct server_first first = { 0 };
    struct ks_str bytes, encoded, bare, auth, text;
    uint8_t proof[KS_HASH_MAX];
    enum ks_err err;

    if ((err = read_server_first(scram, downgrade, message, &first)) != KS_OK
        || (err = channel(scram->arena, scram->gs2, scram->binding, bindings, &bytes)) != KS_OK
        || (err = ks_base64(scram->arena, bytes, &encoded)) != KS_OK
        || (err = JOIN(scram->arena, &bare, KS_STR("c="), encoded, KS_STR(",r="), first.nonce)) != KS_OK
        || (err = auth_message(scram->arena, scram->first_bare, first.text, bare, &auth)) != KS_OK)
        return err;
    prove(scram, &first, auth, proof);
    if ((err = ks_base64(scram->arena, ks_str(proof, ks_hash_len(scram->hash)), &text)) != KS_OK)
        return err;
    return JOIN(scram->arena, ret_message, bare, KS_STR(",p="), text);
}

enum ks_err ks_scram_client_final(struct ks_scram_client *scram, const struct ks_scram_bindings *bindings,
    struct ks_str downgrade, struct ks_str message, struct ks_str *ret_message)
{
    enum ks_err err;

    if (scram->step != KS_SCRAM_FIRST)
        return KS_ESTATE;
    assert(scram->binding == KS_BIND_NONE || bindings->data[scram->binding].len);
    err = make_client_final(scram, bindings, downgrade, message, ret_message);
    scram->step = err == KS_OK ? KS_SCRAM_FINAL : KS_SCRAM_IDLE;
    scram->password = KS_STR_EMPTY;
    if (err != KS_OK)
        ks_wipe(scram->server_signature, sizeof scram->server_signature);
    return err;
}

static enum ks_err read_server_final(struct ks_scram_client *scram, struct ks_str message)
{
    struct attributes at;
    struct ks_str kept, value, ignored, signature;
    char letter, skipped;
    enum ks_err err;

    if ((err = keep_message(scram->arena, message, &kept)) != KS_OK)
        return err;
    at = (struct attributes) { kept, false };
    if ((err = next_attribute(&at, &letter, &value)) != KS_OK)
        return err;
    while (!at.done)
        if ((err = next_attribute(&at, &skipped, &ignored)) != KS_OK)
            return err;
    if (letter != 'v')
        return letter == 'e' ? KS_ECRYPTO : KS_ESYNTAX;
    if ((err = ks_base64_read(scram->arena, value, &signature)) != KS_OK)
        return err;
    return ks_crypto_eq(signature, ks_str(scram->server_signature, ks_hash_len(scram->hash))) ? KS_OK : KS_ECRYPTO;
}

enum ks_err ks_scram_client_done(struct ks_scram_client *scram, struct ks_str message)
{
    enum ks_err err = KS_ESTATE;

    if (scram->step == KS_SCRAM_FINAL)
        err = read_server_final(scram, message);
    ks_wipe(scram->server_signature, sizeof scram->server_signature);
    scram->step = KS_SCRAM_IDLE;
    return err;
}
