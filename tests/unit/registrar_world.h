/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar_world.h -- a hospital with a registrar, and devices that want certificates: for its tests. The store can be
 * made to fail at any of its calls. */
#ifndef REGISTRAR_WORLD_H
#define REGISTRAR_WORLD_H

#include <openssl/evp.h>
#include <sodium.h>

#include "check.h"
#include "device_cert.h"
#include "enc.h"
#include "log_view.h"
#include "registrar.h"

#define DOMAIN "klinik.example"
#define ANNA "anna@" DOMAIN
#define JONAS "jonas@" DOMAIN
#define START_S INT64_C(1795312800) /* 2026-11-22 */
#define DAY_S INT64_C(86400)
#define HOUR_MS INT64_C(3600000)
#define ALICE_OP KS_STR("uid:1000")
#define BOB_OP KS_STR("uid:1001")

static struct ks_arena arena;
static struct ks_prng chance;

static void must(enum ks_err err, const char *what)
{
    if (err == KS_OK)
        return;
    printf("Bail out! %s: %s\n", what, ks_err_name(err));
    exit(1);
}

/* --- a store that fails --- */

struct flaky {
    struct ks_engine_store base;
    struct ks_engine_store *inner;
    uint32_t left; /* calls until one fails; 0: none does */
    bool struck;
    enum ks_err err;
};

static struct flaky *flaky_of(struct ks_engine_store *s)
{
    return KS_CONTAINER(s, struct flaky, base);
}

static bool strikes(struct ks_engine_store *s)
{
    struct flaky *f = flaky_of(s);

    if (!f->left || --f->left)
        return false;
    f->struck = true;
    return true;
}

static void flaky_free(struct ks_engine_store *s)
{
    ks_engine_store_free(flaky_of(s)->inner);
    free(flaky_of(s));
}

static enum ks_err flaky_begin(struct ks_engine_store *s)
{
    struct ks_engine_store *inner = flaky_of(s)->inner;

    return strikes(s) ? flaky_of(s)->err : inner->ops->begin(inner);
}

static enum ks_err flaky_commit(struct ks_engine_store *s)
{
    struct ks_engine_store *inner = flaky_of(s)->inner;

    if (!strikes(s))
        return inner->ops->commit(inner);
    inner->ops->rollback(inner);
    return flaky_of(s)->err;
}

static void flaky_rollback(struct ks_engine_store *s)
{
    struct ks_engine_store *inner = flaky_of(s)->inner;

    inner->ops->rollback(inner);
}

static enum ks_err flaky_get(
    struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_buf *ret_value)
{
    struct ks_engine_store *inner = flaky_of(s)->inner;

    return strikes(s) ? flaky_of(s)->err : inner->ops->get(inner, table, key, ret_value);
}

static enum ks_err flaky_put(struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_str value)
{
    struct ks_engine_store *inner = flaky_of(s)->inner;

    return strikes(s) ? flaky_of(s)->err : inner->ops->put(inner, table, key, value);
}

static enum ks_err flaky_del(struct ks_engine_store *s, enum ks_table table, struct ks_str key)
{
    struct ks_engine_store *inner = flaky_of(s)->inner;

    return strikes(s) ? flaky_of(s)->err : inner->ops->del(inner, table, key);
}

static enum ks_err flaky_scan(struct ks_engine_store *s, enum ks_table table, struct ks_str prefix, struct ks_str from,
    bool falling, ks_visit_record *visit, void *user)
{
    struct ks_engine_store *inner = flaky_of(s)->inner;

    return strikes(s) ? flaky_of(s)->err : inner->ops->scan(inner, table, prefix, from, falling, visit, user);
}

static const struct ks_engine_store_ops flaky_ops = {
    .free = flaky_free,
    .begin = flaky_begin,
    .commit = flaky_commit,
    .rollback = flaky_rollback,
    .get = flaky_get,
    .put = flaky_put,
    .del = flaky_del,
    .scan = flaky_scan,
};

static struct flaky *flaky_new(void)
{
    struct flaky *f = calloc(1, sizeof *f);

    must(f && (f->inner = ks_memory_engine_store_new()) ? KS_OK : KS_ENOMEM, "a store");
    f->base.ops = &flaky_ops;
    f->err = KS_EFULL;
    return f;
}

/* --- the hospital --- */

struct world {
    EVP_PKEY *root_key, *issuing_key;
    uint8_t pin[KS_ENROL_PIN_LEN];
    struct ks_registrar_setup setup;
    struct flaky *store;
    struct ks_registrar *r;
    int64_t now_ms;
};

static int64_t now_s(const struct world *w)
{
    return w->now_ms / 1000;
}

/* XEdDSA is verified as Ed25519, with the point whose sign bit the signer took: OMEMO's key has none. */
static bool verify_pop(const uint8_t identity[32], struct ks_str bytes, struct ks_str signature)
{
    uint8_t other[32];

    if (signature.len != 64)
        return false;
    memcpy(other, identity, 32);
    other[31] ^= 0x80;
    return crypto_sign_verify_detached((const uint8_t *)signature.ptr, (const uint8_t *)bytes.ptr, bytes.len, identity)
        == 0
        || crypto_sign_verify_detached((const uint8_t *)signature.ptr, (const uint8_t *)bytes.ptr, bytes.len, other)
        == 0;
}

/* An EVP_PKEY of a key that the contract knows. */
static EVP_PKEY *evp_of(const uint8_t secret[KS_P256_PRIVATE_LEN])
{
    static const char head[] = "\x30\x31\x02\x01\x01\x04\x20",
                      tail[] = "\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    unsigned char der[51]; /* RFC 5915 */
    const unsigned char *at = der;

    memcpy(der, head, 7);
    memcpy(der + 7, secret, 32);
    memcpy(der + 39, tail, 12);
    return d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, sizeof der);
}

static struct ks_str new_signer(struct world *w, uint8_t ret_secret[KS_P256_PRIVATE_LEN])
{
    const struct ks_authority_names names = { "Klinikum Beispiel", "Registrar", { DOMAIN }, 1 };
    const struct ks_validity validity = { START_S - DAY_S, START_S + 1000 * DAY_S };
    struct ks_str certificate;
    EVP_PKEY *key;

    ks_p256_generate(&chance, ret_secret);
    must((key = evp_of(ret_secret)) ? KS_OK : KS_ECRYPTO, "a signer's key");
    must(ks_signer_issue(&arena, w->setup.root, w->root_key, key, &names, "registrar@" DOMAIN, &validity, &certificate),
        "a signer");
    EVP_PKEY_free(key);
    return certificate;
}

static void world_init(struct world *w)
{
    const struct ks_authority_names root = { "Klinikum Beispiel", "Wurzel", { DOMAIN }, 1 };
    const struct ks_authority_names issuing = { "Klinikum Beispiel", "Ausstellende CA", { DOMAIN }, 1 };
    const struct ks_validity long_time = { START_S - DAY_S, START_S + 7300 * DAY_S };

    *w = (struct world) { .now_ms = START_S * 1000, .store = flaky_new() };
    w->setup = (struct ks_registrar_setup) { .store = &w->store->base,
        .prng = &chance,
        .domain = KS_STR(DOMAIN),
        .valid_days = 180,
        .checkpoint_s = 3600,
        .verify_pop = verify_pop };
    must((w->root_key = ks_authority_key()) && (w->issuing_key = ks_authority_key()) ? KS_OK : KS_ENOMEM, "keys");
    must(ks_authority_root(&arena, w->root_key, &root, &long_time, &w->setup.root), "a root");
    must(ks_authority_issuing(
             &arena, w->setup.root, w->root_key, w->issuing_key, &issuing, &long_time, &w->setup.issuing),
        "an issuing authority");
    w->setup.issuing_key = w->issuing_key;
    w->setup.signer = new_signer(w, w->setup.signer_key);
    must(ks_cert_key_hash(w->setup.root, w->pin), "a pin");
}

static void world_open(struct world *w)
{
    must(ks_registrar_open(&w->setup, w->now_ms, &w->r), "the registrar opens");
}

__attribute__((unused)) static void world_reopen(struct world *w)
{
    ks_registrar_free(w->r);
    w->r = NULL;
    w->store->left = 0;
    ks_memory_engine_store_crash(w->store->inner);
    world_open(w);
}

static void world_done(struct world *w)
{
    ks_registrar_free(w->r);
    ks_engine_store_free(&w->store->base);
    EVP_PKEY_free(w->root_key);
    EVP_PKEY_free(w->issuing_key);
}

static struct world new_world(void)
{
    struct world w;

    world_init(&w);
    world_open(&w);
    return w;
}

/* --- a device --- */

struct device {
    uint8_t secret[KS_P256_PRIVATE_LEN], key[KS_P256_PUBLIC_LEN], seal_secret[KS_P256_PRIVATE_LEN];
    uint8_t identity_secret[64];
    struct ks_device_names names;
    struct ks_device_claims claims;
    struct ks_str csr, certificate; /* certificate: the newest that it got */
    uint8_t pop[64], mac[KS_ENROL_MAC_LEN], mac_key[KS_ENROL_MAC_LEN];
    uint8_t signature[KS_P256_SIGNATURE_LEN]; /* of a renewal, or of a vouch */
};

static void sign_pop(struct device *d)
{
    struct ks_str bytes;

    must(ks_enrol_pop_bytes(&arena, d->csr, &bytes), "bytes");
    crypto_sign_detached(d->pop, NULL, (const uint8_t *)bytes.ptr, bytes.len, d->identity_secret);
}

static void write_csr(struct device *d)
{
    must(ks_device_request_write(&arena, d->secret, &d->names, &d->claims, &d->csr), "a request");
    sign_pop(d);
}

/* New keys, and a request for them. */
static void rekey(struct device *d)
{
    ks_p256_generate(&chance, d->secret);
    ks_p256_generate(&chance, d->seal_secret);
    must(ks_p256_public(d->secret, d->key), "a key");
    must(ks_p256_public(d->seal_secret, d->claims.seal_key), "a key");
    write_csr(d);
}

static struct device new_device(const char *jid, uint32_t number)
{
    struct device d = { .names = { .jid = ks_str_z(jid) }, .claims = { .device = number } };
    uint8_t seed[32];

    ks_prng_bytes(&chance, d.names.uuid, sizeof d.names.uuid);
    ks_prng_bytes(&chance, seed, sizeof seed);
    crypto_sign_seed_keypair(d.claims.identity, d.identity_secret, seed);
    rekey(&d);
    return d;
}

static struct ks_str bytes_of(const uint8_t *bytes, size_t len)
{
    struct ks_str copy;

    must(ks_arena_copy(&arena, ks_str(bytes, len), &copy), "a copy");
    return copy;
}

static struct ks_enrol_request by_code(struct device *d, const uint8_t code[KS_ENROL_CODE_LEN])
{
    struct ks_enrol_request request = { .csr = d->csr, .pop = bytes_of(d->pop, sizeof d->pop) };

    ks_enrol_mac_key(code, d->mac_key);
    ks_enrol_mac(d->mac_key, d->csr, request.pop, d->mac);
    request.mac = bytes_of(d->mac, sizeof d->mac);
    return request;
}

static struct ks_str p256_signature(const uint8_t secret[KS_P256_PRIVATE_LEN], struct ks_str bytes)
{
    uint8_t digest[32], signature[KS_P256_SIGNATURE_LEN];

    ks_hash(KS_SHA256, bytes, digest);
    ks_p256_sign(secret, digest, signature);
    return bytes_of(signature, sizeof signature);
}

__attribute__((unused)) static struct ks_enrol_request by_renewal(
    const struct device *d, const uint8_t old_secret[KS_P256_PRIVATE_LEN])
{
    struct ks_enrol_request request = { .csr = d->csr, .pop = bytes_of(d->pop, sizeof d->pop) };
    struct ks_str bytes;

    must(ks_enrol_renew_bytes(&arena, d->csr, &bytes), "bytes");
    request.renewal = p256_signature(old_secret, bytes);
    return request;
}

/* What the answer of one call was, with its facts. */
struct outcome {
    struct ks_enrolled answer;
    enum ks_err open; /* how its seal opened */
    struct ks_enrol_answer_facts facts;
};

static struct outcome enrol(struct world *w, const struct device *d, const struct ks_enrol_request *request)
{
    struct outcome out = { .open = KS_ESTATE };

    must(ks_registrar_enrol(w->r, &arena, request, w->now_ms, &out.answer), "enrolling");
    if (out.answer.refusal == KS_REFUSE_NONE)
        out.open = ks_enrol_answer_open(
            &arena, out.answer.sealed, d->csr, d->seal_secret, request->mac.len ? d->mac_key : NULL, &out.facts);
    return out;
}

static struct ks_invited invitation(const char *jid, struct ks_str actor)
{
    return (struct ks_invited) { .jid = ks_str_z(jid),
        .person = { KS_STR("Dr. Anna Beispiel"), KS_STR("Ärztin"), KS_STR("Kardiologie"), KS_STR("Klinikum Beispiel"),
            KS_STR("4711") },
        .kind = KS_DEVICE_PERSONAL,
        .hours = 72,
        .actor = actor };
}

/* Invited by one, and where need be agreed to by another. */
static void invite(struct world *w, const char *jid, uint8_t ret_code[KS_ENROL_CODE_LEN])
{
    const struct ks_invited invited = invitation(jid, ALICE_OP);
    bool waits;

    must(ks_registrar_invite(w->r, &invited, w->now_ms, ret_code, &waits), "inviting");
    if (waits)
        must(ks_registrar_approve(w->r, ks_str_z(jid), BOB_OP, w->now_ms), "approving");
}

/* A device that has its certificate. */
static struct device enrolled(struct world *w, const char *jid, uint32_t number)
{
    struct device d = new_device(jid, number);
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;
    struct outcome out;

    invite(w, jid, code);
    request = by_code(&d, code);
    out = enrol(w, &d, &request);
    must(out.answer.refusal == KS_REFUSE_NONE ? out.open : KS_EDENIED, "a device enrols");
    d.certificate = out.facts.chain[0];
    return d;
}

static void cert_hash(const struct device *d, uint8_t ret_hash[32])
{
    ks_hash(KS_SHA256, d->certificate, ret_hash);
}

__attribute__((unused)) static struct ks_enrol_request by_vouch_at(
    const struct device *d, const struct device *by, const char *jid, int64_t t_s)
{
    struct ks_enrol_request request = { .csr = d->csr, .pop = bytes_of(d->pop, sizeof d->pop) };
    uint8_t csr_hash[32], by_hash[32];
    char csr_text[KS_BASE64_LEN(32)], by_text[KS_BASE64_LEN(32)];
    struct ks_buf text;

    ks_hash(KS_SHA256, d->csr, csr_hash);
    cert_hash(by, by_hash);
    ks_base64_write(ks_str(csr_hash, 32), csr_text);
    ks_base64_write(ks_str(by_hash, 32), by_text);
    ks_buf_init(&text, 4096);
    ks_buf_printf(&text, "konsil/0 vouch\n{\"jid\":\"%s\",\"csr\":\"%.*s\",\"by\":\"%.*s\",\"t\":%lld}", jid,
        (int)sizeof csr_text, csr_text, (int)sizeof by_text, by_text, (long long)t_s);
    request.vouch = bytes_of((const uint8_t *)text.ptr, text.len);
    ks_buf_done(&text);
    request.vouch_sig = p256_signature(by->secret, request.vouch);
    return request;
}

/* --- looking --- */

__attribute__((unused)) static bool is_good(struct world *w, const struct outcome *out)
{
    enum ks_cert_verdict verdict = KS_CERT_MALFORMED;
    struct ks_device_cert cert;

    return out->answer.refusal == KS_REFUSE_NONE && out->open == KS_OK
        && ks_device_chain_check(
               &arena, out->facts.chain, out->facts.chain_count, w->setup.root, now_s(w), &cert, &verdict)
        == KS_OK
        && verdict == KS_CERT_GOOD;
}

/* The whole log, as a reader gets it: page by page. */
static struct ks_str read_log(struct world *w, struct ks_signed_checkpoint *ret_checkpoint)
{
    struct ks_buf leaves;
    struct ks_log_page page;
    struct ks_str all;
    uint64_t from = 0;

    ks_buf_init(&leaves, 64u << 20);
    do {
        must(ks_registrar_page(w->r, &arena, from, &page), "a page");
        ks_buf_add(&leaves, page.leaves);
        from += page.leaves.len / KS_LOG_LEAF_LEN;
    } while (page.leaves.len && from < page.size);
    *ret_checkpoint = page.checkpoint;
    must(ks_buf_err(&leaves), "pages");
    must(ks_arena_copy(&arena, leaves.len ? ks_buf_str(&leaves) : KS_STR(""), &all), "pages");
    ks_buf_done(&leaves);
    return all;
}

/* What a device of an account makes of it. */
__attribute__((unused)) static struct ks_log_view *follow(
    struct world *w, const uint8_t salt[KS_LOG_SALT_LEN], const char *jid)
{
    uint8_t account[KS_LOG_ACCOUNT_LEN];
    enum ks_log_answer answer = KS_LOG_MALFORMED;
    struct ks_log_update update = { .live = true };
    struct ks_log_view *view = NULL;

    ks_log_account(salt, ks_str_z(jid), account);
    update.leaves = read_log(w, &update.checkpoint);
    must(ks_log_view_new(KS_STR(DOMAIN), account, &view), "a view");
    must(ks_log_view_take(view, &update, w->now_ms, &answer), "the log");
    if (answer != KS_LOG_TAKEN) {
        check_row(false, "the log's pages lead to its checkpoint", "%s", ks_log_answer_name(answer));
        ks_log_view_free(view);
        return NULL;
    }
    return view;
}

#endif
