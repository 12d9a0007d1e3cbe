/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The client's end of SCRAM against a server-first-message, a line feed and a server-final-message. It answers only a
 * nonce that continues its own, and believes nothing but the one signature it expects. */
#include "enc.h"
#include "scram.h"

/* More iterations are right, and too slow to be tried here. */
static bool is_slow(struct ks_str message)
{
    struct ks_str at = ks_str_from(message, ks_str_find(message, KS_STR(",i=")) + 3);
    uint64_t iterations;

    at = ks_str_head(at, ks_str_find_byte(at, ','));
    return ks_str_u64(at, UINT64_MAX, &iterations) == KS_OK && iterations > 4200;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct ks_scram_bindings none;
    struct ks_str text = ks_str(data, len), challenge = ks_str_head(text, ks_str_find_byte(text, '\n')), out;
    struct ks_str end = ks_str_from(text, challenge.len + 1);
    struct ks_scram_client client;
    struct ks_arena arena;
    struct ks_buf expected;

    if (ks_crypto_init() != KS_OK || is_slow(challenge))
        return 0;
    ks_arena_init(&arena, 1 << 20);
    ks_buf_init(&expected, 1000);
    enum ks_err err = ks_scram_client_first_nonce(
        &client, &arena, KS_SHA256, KS_BIND_NONE, false, KS_STR("anna"), KS_STR("pencil"), KS_STR("abc"), &out);
    assert(err == KS_OK);
    if (ks_scram_client_final(&client, &none, KS_STR("QUJD"), challenge, &out) == KS_OK) {
        assert(ks_str_starts(challenge, KS_STR("r=abc")) && !ks_str_starts(challenge, KS_STR("r=abc,")));
        assert(ks_str_starts(out, KS_STR("c=biws,r=abc")));
        size_t hash = ks_str_find(challenge, KS_STR(",h="));
        assert(hash == challenge.len || ks_str_starts(ks_str_from(challenge, hash + 3), KS_STR("QUJD")));
        ks_buf_z(&expected, "v=");
        ks_base64_add(&expected, ks_str(client.server_signature, 32));
        struct ks_scram_client again = client;
        if (ks_scram_client_done(&client, end) == KS_OK)
            assert(ks_str_starts(end, ks_buf_str(&expected)));
        assert(ks_scram_client_done(&again, ks_buf_str(&expected)) == KS_OK);
    } else
        assert(ks_scram_client_done(&client, end) == KS_ESTATE);
    ks_buf_done(&expected);
    ks_arena_done(&arena);
    return 0;
}
