/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "enc.h"
#include "sasl_ht.h"

#define TOKEN KS_STR("WXZzciBwYmFmdmZnZiBqdmd1IGp2eXFhcmZm")
#define CHANNEL KS_STR("thirty-two bytes of tls-exporter")

static struct ks_arena arena;

/* Computed by another program from the formulas of the draft's §3.1 and §3.2. */
static const struct {
    const char *name;
    enum ks_ht_end end;
    bool bound;
    const char *want;
} proofs[] = {
    { "draft-schmaus-kitten-sasl-ht §3.1: what the initiator proves", KS_HT_INITIATOR, true,
        "13d8b61bfb1b835d2f3629bd9581e52aa5c9a9eebae30772d3fcb65edf47a46d" },
    { "§3.1: without a channel", KS_HT_INITIATOR, false,
        "9097787461a184e0fa84ec00c1381190b6c4d16a8ec4453c7b2ac5e7fcf935ed" },
    { "§3.2: what the responder proves", KS_HT_RESPONDER, true,
        "db483c36ea13a97fa544db7f6b9ded83796c3a9b1d537be7abc3afcefb66b1f5" },
    { "§3.2: without a channel", KS_HT_RESPONDER, false,
        "4e513409631474863b986c9f3e8c1e27ca29d1d7ab9ed4097e7afd6007bf9c62" },
};

static struct ks_str hex(const uint8_t *bytes, size_t len)
{
    static char text[256];
    struct ks_buf buf;

    ks_buf_init(&buf, sizeof text);
    ks_hex_add(&buf, ks_str(bytes, len));
    memcpy(text, buf.ptr, buf.len);
    ks_buf_done(&buf);
    return ks_str(text, 2 * len);
}

static void test_proofs(void)
{
    for (size_t i = 0; i < KS_COUNT(proofs); i++) {
        uint8_t proof[KS_HT_PROOF_LEN];
        ks_ht_proof(TOKEN, proofs[i].end, proofs[i].bound ? CHANNEL : KS_STR_EMPTY, proof);
        check_str(proofs[i].name, hex(proof, sizeof proof), ks_str_z(proofs[i].want));
    }
}

#define P "12345678901234567890123456789012"
static void test_messages(void)
{
    const struct {
        const char *name;
        struct ks_str message;
        enum ks_err err;
        const char *who;
    } messages[] = {
        { "§3.1: a name, a zero, and the proof", KS_STR("anna\0" P), KS_OK, "anna" },
        { "RFC 7622 §3.3: the name is normalised", KS_STR("Anna\0" P), KS_OK, "anna" },
        { "a name that nobody can have is given as it is", KS_STR("an@na\0" P), KS_OK, "an@na" },
        { "§3.1: without a name", KS_STR("\0" P), KS_ESYNTAX, NULL },
        { "§3.1: without a zero", KS_STR("anna" P), KS_ESYNTAX, NULL },
        { "§3.1: a proof that is too short",
            KS_STR("anna\0"
                   "1"),
            KS_ESYNTAX, NULL },
        { "§3.1: one that is too long", KS_STR("anna\0" P "1"), KS_ESYNTAX, NULL },
        { "§3.1: nothing", KS_STR(""), KS_ESYNTAX, NULL },
    };
    struct ks_str message, name, proof;

    for (size_t i = 0; i < KS_COUNT(messages); i++) {
        enum ks_err err = ks_ht_read_first(&arena, messages[i].message, &name, &proof);
        check_row(err == messages[i].err && (err != KS_OK || (ks_str_is(name, messages[i].who) && ks_str_is(proof, P))),
            messages[i].name, "%d", err);
    }
    check_row(ks_ht_first(&arena, KS_STR("anna"), TOKEN, CHANNEL, &message) == KS_OK
            && ks_ht_read_first(&arena, message, &name, &proof) == KS_OK && ks_str_is(name, "anna")
            && ks_str_eq(hex((const uint8_t *)proof.ptr, proof.len), ks_str_z(proofs[0].want)),
        "what one end writes, the other reads", "%zu bytes", message.len);
}

int main(void)
{
    ks_arena_init(&arena, 1 << 20);
    if (ks_crypto_init() != KS_OK)
        return 1;
    test_proofs();
    test_messages();
    check_row(ks_ht_mechanism(KS_STR("HT-SHA-256-EXPR")) == &ks_ht_mechanisms[0]
            && !ks_ht_mechanism(KS_STR("HT-SHA-256-UNIQ")) && !ks_ht_mechanism(KS_STR("ht-sha-256-expr")),
        "RFC 9266 §3: not by tls-unique, which TLS 1.3 has not", "it is there");
    ks_arena_done(&arena);
    return check_done();
}
