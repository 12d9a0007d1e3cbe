/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "enrol.h"

#include "enc.h"
#include "hpke.h"
#include "statement.h"

#define PURPOSE_MAC_KEY KS_STR("konsil/0 invite mac")
#define PURPOSE_ENROL KS_STR("konsil/0 enrol\n")
#define PURPOSE_POP KS_STR("konsil/0 pop-ik\n")
#define PURPOSE_RENEW KS_STR("konsil/0 renew\n")
#define PURPOSE_ENROLLED "konsil/0 enrolled\n"
#define CERT_BYTES_MAX 4096

/* --- the request --- */

void ks_enrol_mac_key(const uint8_t code[KS_ENROL_CODE_LEN], uint8_t ret_key[KS_ENROL_MAC_LEN])
{
    ks_hkdf(KS_SHA256, ks_str(code, KS_ENROL_CODE_LEN), KS_STR_EMPTY, PURPOSE_MAC_KEY, ret_key, KS_ENROL_MAC_LEN);
}

void ks_enrol_mac(
    const uint8_t key[KS_ENROL_MAC_LEN], struct ks_str csr, struct ks_str pop, uint8_t ret_mac[KS_ENROL_MAC_LEN])
{
    uint8_t bytes[16 + 2 * 32]; /* the purpose is shorter */
    size_t len = PURPOSE_ENROL.len;

    memcpy(bytes, PURPOSE_ENROL.ptr, len);
    ks_hash(KS_SHA256, csr, bytes + len);
    ks_hash(KS_SHA256, pop, bytes + len + 32);
    ks_hmac(KS_SHA256, ks_str(key, KS_ENROL_MAC_LEN), ks_str(bytes, len + 2 * 32), ret_mac);
}

static enum ks_err about(struct ks_arena *arena, struct ks_str purpose, struct ks_str csr, struct ks_str *ret_bytes)
{
    uint8_t hash[32];

    ks_hash(KS_SHA256, csr, hash);
    return ks_arena_join(arena, (struct ks_str[]) { purpose, ks_str(hash, sizeof hash) }, 2, ret_bytes);
}

enum ks_err ks_enrol_pop_bytes(struct ks_arena *arena, struct ks_str csr, struct ks_str *ret_bytes)
{
    return about(arena, PURPOSE_POP, csr, ret_bytes);
}

enum ks_err ks_enrol_renew_bytes(struct ks_arena *arena, struct ks_str csr, struct ks_str *ret_bytes)
{
    return about(arena, PURPOSE_RENEW, csr, ret_bytes);
}

/* --- the answer --- */

static const char *const names[] = { "root", "chain", "leaf", "salt", "share", "t", NULL };

static void write_facts(const struct ks_enrol_answer_facts *facts, struct ks_buf *json)
{
    ks_buf_z(json, PURPOSE_ENROLLED "{\"root\":");
    ks_statement_put_bytes(json, (const uint8_t *)facts->root.ptr, facts->root.len);
    ks_buf_z(json, ",\"chain\":[");
    for (size_t i = 0; i < facts->chain_count; i++) {
        ks_buf_z(json, i ? "," : "");
        ks_statement_put_bytes(json, (const uint8_t *)facts->chain[i].ptr, facts->chain[i].len);
    }
    ks_buf_printf(json, "],\"leaf\":%llu,\"salt\":", (unsigned long long)facts->leaf);
    ks_statement_put_bytes(json, facts->salt, sizeof facts->salt);
    ks_buf_z(json, ",\"share\":");
    ks_statement_put_bytes(json, facts->share, sizeof facts->share);
    ks_buf_printf(json, ",\"t\":%lld}", (long long)facts->t_s);
}

/* enc || sealed, and room for the MAC. */
static enum ks_err seal(struct ks_arena *arena, struct ks_prng *prng, struct ks_str json, struct ks_str csr,
    const uint8_t recipient[KS_P256_PUBLIC_LEN], uint8_t **ret_bytes, size_t *ret_len)
{
    struct ks_str info;
    enum ks_err err = about(arena, KS_STR(PURPOSE_ENROLLED), csr, &info);

    if (err != KS_OK)
        return err;
    *ret_len = KS_HPKE_ENC_LEN + json.len + KS_HPKE_TAG_LEN;
    if (!(*ret_bytes = ks_arena_alloc(arena, *ret_len + KS_ENROL_MAC_LEN)))
        return KS_ENOMEM;
    return ks_hpke_seal(prng, recipient, info, KS_STR_EMPTY, json, *ret_bytes, *ret_bytes + KS_HPKE_ENC_LEN);
}

static enum ks_err answer_mac(
    struct ks_arena *arena, const uint8_t *mac_key, struct ks_str sealed, uint8_t ret_mac[KS_ENROL_MAC_LEN])
{
    struct ks_str bytes;
    enum ks_err err = ks_arena_join(arena, (struct ks_str[]) { KS_STR(PURPOSE_ENROLLED), sealed }, 2, &bytes);

    if (err == KS_OK)
        ks_hmac(KS_SHA256, ks_str(mac_key, KS_ENROL_MAC_LEN), bytes, ret_mac);
    return err;
}

enum ks_err ks_enrol_answer_seal(struct ks_arena *arena, struct ks_prng *prng,
    const struct ks_enrol_answer_facts *facts, struct ks_str csr, const uint8_t recipient[KS_P256_PUBLIC_LEN],
    const uint8_t *mac_key, struct ks_str *ret_sealed)
{
    struct ks_buf json;
    uint8_t *bytes;
    size_t len;
    enum ks_err err;

    assert(facts->chain_count > 0 && facts->chain_count <= KS_ENROL_CHAIN_MAX);
    ks_buf_init_secret(&json, KS_ENROL_ANSWER_MAX - 1024);
    write_facts(facts, &json);
    if ((err = ks_buf_err(&json)) == KS_OK)
        err = seal(arena, prng, ks_buf_str(&json), csr, recipient, &bytes, &len);
    if (err == KS_OK && mac_key && (err = answer_mac(arena, mac_key, ks_str(bytes, len), bytes + len)) == KS_OK)
        len += KS_ENROL_MAC_LEN;
    if (err == KS_OK)
        *ret_sealed = ks_str(bytes, len);
    ks_buf_done(&json);
    return err;
}

/* Base64 of a certificate, of whatever length. */
static enum ks_err read_certificate(struct ks_arena *arena, const json_t *value, struct ks_str *ret_der)
{
    struct ks_str text;
    enum ks_err err = ks_statement_text(arena, value, CERT_BYTES_MAX / 3 * 4 + 4, &text);

    if (err == KS_OK)
        err = ks_base64_read(arena, text, ret_der);
    return err == KS_OK && (!ret_der->len || ret_der->len > CERT_BYTES_MAX) ? KS_ESYNTAX : err;
}

static enum ks_err read_chain(struct ks_arena *arena, const json_t *array, struct ks_enrol_answer_facts *facts)
{
    enum ks_err err = KS_OK;

    if (!json_is_array(array) || !json_array_size(array) || json_array_size(array) > KS_ENROL_CHAIN_MAX)
        return KS_ESYNTAX;
    for (facts->chain_count = 0; err == KS_OK && facts->chain_count < json_array_size(array); facts->chain_count++)
        err = read_certificate(arena, json_array_get(array, facts->chain_count), &facts->chain[facts->chain_count]);
    return err;
}

static enum ks_err read_facts(struct ks_arena *arena, struct ks_str json, struct ks_enrol_answer_facts *facts)
{
    uint64_t t;
    json_t *object;
    enum ks_err err = ks_statement_open(json, PURPOSE_ENROLLED, names, &object);

    if (err != KS_OK)
        return err;
    if ((err = read_certificate(arena, json_object_get(object, "root"), &facts->root)) == KS_OK
        && (err = read_chain(arena, json_object_get(object, "chain"), facts)) == KS_OK
        && (err = ks_statement_number(json_object_get(object, "leaf"), KS_STATEMENT_NUMBER_MAX, &facts->leaf)) == KS_OK
        && (err = ks_statement_bytes(arena, json_object_get(object, "salt"), sizeof facts->salt, facts->salt)) == KS_OK
        && (err = ks_statement_bytes(arena, json_object_get(object, "share"), sizeof facts->share, facts->share))
            == KS_OK
        && (err = ks_statement_number(json_object_get(object, "t"), 253402300799, &t)) == KS_OK)
        facts->t_s = (int64_t)t;
    json_decref(object);
    return err;
}

enum ks_err ks_enrol_answer_open(struct ks_arena *arena, struct ks_str sealed, struct ks_str csr,
    const uint8_t secret[KS_P256_PRIVATE_LEN], const uint8_t *mac_key, struct ks_enrol_answer_facts *ret_facts)
{
    size_t tail = mac_key ? KS_ENROL_MAC_LEN : 0, len;
    uint8_t mac[KS_ENROL_MAC_LEN], *bytes;
    struct ks_str info;
    enum ks_err err;

    if (sealed.len > KS_ENROL_ANSWER_MAX)
        return KS_ELIMIT;
    if (sealed.len < KS_HPKE_ENC_LEN + KS_HPKE_TAG_LEN + tail)
        return KS_ESYNTAX;
    sealed.len -= tail;
    if (mac_key) {
        if ((err = answer_mac(arena, mac_key, sealed, mac)) != KS_OK)
            return err;
        if (!ks_crypto_eq(ks_str(mac, sizeof mac), ks_str(sealed.ptr + sealed.len, tail)))
            return KS_ECRYPTO;
    }
    len = sealed.len - KS_HPKE_ENC_LEN - KS_HPKE_TAG_LEN;
    if (!(bytes = ks_arena_alloc(arena, len + 1)))
        return KS_ENOMEM;
    if ((err = about(arena, KS_STR(PURPOSE_ENROLLED), csr, &info)) != KS_OK
        || (err = ks_hpke_open(
                secret, (const uint8_t *)sealed.ptr, info, KS_STR_EMPTY, ks_str_from(sealed, KS_HPKE_ENC_LEN), bytes))
            != KS_OK)
        return err;
    err = read_facts(arena, ks_str(bytes, len), ret_facts);
    ks_wipe(bytes, len);
    return err;
}
