/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The server's end of SCRAM against a stranger who knows the password, so that his lies are all that can be wrong.
 *
 * The input is a byte of circumstances, a client-first-message, a line feed and a client-final-message, in which NONCE
 * and PROOF stand for what belongs there. What the server accepts repeats the GS2 header, the channel's data and the
 * nonce byte for byte; and an honest client is accepted after any first message that was. */
#include "enc.h"
#include "scram.h"
#include "unicode.h"

static const uint8_t client_key[KS_HASH_MAX] = "what PBKDF2 and HMAC would have made of the password";
static const struct ks_scram_bindings bindings = {
    { [KS_BIND_TLS_EXPORTER] = { "exporter", 8 }, [KS_BIND_TLS_SERVER_END_POINT] = { "certificate", 11 } },
};

/* final with ",p=" and the proof that is right for it. */
static void add_proof(struct ks_buf *final, const struct ks_scram_server *server)
{
    size_t len = ks_hash_len(server->hash);
    uint8_t proof[KS_HASH_MAX];
    struct ks_buf auth;

    ks_buf_init(&auth, 1 << 20);
    ks_buf_add(&auth, server->first_bare);
    ks_buf_byte(&auth, ',');
    ks_buf_add(&auth, server->server_first);
    ks_buf_byte(&auth, ',');
    ks_buf_add(&auth, ks_buf_str(final));
    ks_hmac(server->hash, ks_str(server->keys.stored_key, len), ks_buf_str(&auth), proof);
    for (size_t i = 0; i < len; i++)
        proof[i] ^= client_key[i];
    ks_buf_z(final, ",p=");
    ks_base64_add(final, ks_str(proof, len));
    assert(ks_buf_err(final) == KS_OK && ks_buf_err(&auth) == KS_OK);
    ks_buf_done(&auth);
}

/* "c=…,r=…" as it has to be. */
static void add_honest(struct ks_buf *final, const struct ks_scram_server *server)
{
    struct ks_buf channel;

    ks_buf_init(&channel, 1 << 20);
    ks_buf_add(&channel, server->gs2);
    ks_buf_add(&channel, bindings.data[server->binding]);
    ks_buf_z(final, "c=");
    ks_base64_add(final, ks_buf_str(&channel));
    ks_buf_z(final, ",r=");
    ks_buf_add(final, server->nonce);
    ks_buf_done(&channel);
}

static void add_stranger(struct ks_buf *final, const struct ks_scram_server *server, struct ks_str text)
{
    while (text.len) {
        if (ks_str_is(text, ",p=PROOF")) {
            add_proof(final, server);
            return;
        }
        bool nonce = ks_str_starts(text, KS_STR("NONCE"));
        ks_buf_add(final, nonce ? server->nonce : ks_str_head(text, 1));
        text = ks_str_from(text, nonce ? 5 : 1);
    }
}

static void finals(const struct ks_scram_server *asked, struct ks_str stranger)
{
    struct ks_scram_server server = *asked;
    struct ks_buf honest, final;
    struct ks_str done;

    ks_buf_init(&honest, 1 << 20);
    ks_buf_init(&final, 1 << 20);
    add_honest(&honest, asked);
    add_stranger(&final, asked, stranger);
    if (ks_scram_server_final(&server, &bindings, ks_buf_str(&final), &done) == KS_OK) {
        struct ks_str rest = ks_str_from(ks_buf_str(&final), honest.len);
        assert(ks_str_starts(ks_buf_str(&final), ks_buf_str(&honest)) && ks_str_starts(rest, KS_STR(",")));
        assert(ks_str_starts(done, KS_STR("v=")));
    }
    server = *asked;
    add_proof(&honest, asked);
    if (honest.len <= KS_SCRAM_MESSAGE_MAX)
        assert(ks_scram_server_final(&server, &bindings, ks_buf_str(&honest), &done) == KS_OK);
    assert(ks_scram_server_final(&server, &bindings, ks_buf_str(&honest), &done) != KS_OK); /* over */
    ks_buf_done(&honest);
    ks_buf_done(&final);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str text = ks_str(data, len), first, challenge, name;
    struct ks_scram_keys keys = { .hash = KS_SHA256, .iterations = KS_SCRAM_ITERATIONS_MIN, .salt_len = 16 };
    struct ks_scram_server server;
    struct ks_arena arena;

    if (ks_crypto_init() != KS_OK || len < 1)
        return 0;
    bool plus = data[0] & 1, plus_offered = data[0] & 2;
    keys.hash = data[0] & 4 ? KS_SHA1 : KS_SHA256;
    ks_hash(keys.hash, ks_str(client_key, ks_hash_len(keys.hash)), keys.stored_key);
    text = ks_str_from(text, 1);
    first = ks_str_head(text, ks_str_find_byte(text, '\n'));
    ks_arena_init(&arena, 1 << 20);
    enum ks_err err =
        ks_scram_server_first(&server, &arena, keys.hash, plus, plus_offered, KS_STR("example.org"), &bindings, first);
    if (err == KS_OK) {
        assert(server.gs2.len + server.first_bare.len == first.len && ks_str_starts(first, server.gs2));
        assert((server.binding != KS_BIND_NONE) == plus);
        assert(!(plus_offered && first.ptr[0] == 'y'));
        if (ks_unicode_localpart(&arena, server.username, &name) == KS_OK)
            assert(ks_str_eq(server.username, name)); /* what may be an account's name is in its normal form */
        assert(ks_scram_server_challenge_nonce(&server, &keys, KS_STR("server"), KS_STR_EMPTY, &challenge) == KS_OK);
        finals(&server, ks_str_from(text, first.len + 1));
    }
    ks_arena_done(&arena);
    return 0;
}
