/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The hospital's authorities and what they sign, made by OpenSSL and judged by mbedTLS as a device does it
 * (doc/PROTOCOL.md §14.1), with what attackers would like to be taken for. */
#include "authority.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "check.h"
#include "device_cert.h"

#define NOW INT64_C(1795312800) /* 2026-11-22 */
#define DAY INT64_C(86400)
#define ANNA "p-4711@klinik.example"

static struct ks_arena arena;
static struct ks_prng chance;

struct authority {
    EVP_PKEY *key;
    struct ks_str certificate;
};

static const struct ks_validity ten_years = { NOW - DAY, NOW + 3650 * DAY }, one_year = { NOW - DAY, NOW + 365 * DAY };
static const struct ks_validity half_year = { NOW - 3600, NOW + 180 * DAY };

static void must(enum ks_err err, const char *what)
{
    if (err == KS_OK)
        return;
    printf("Bail out! %s: %s\n", what, ks_err_name(err));
    exit(1);
}

static struct authority root(const char *name, const char *domain)
{
    struct authority made = { .key = ks_authority_key() };
    const struct ks_authority_names names = { "Klinikum Beispiel", name, { domain }, 1 };

    must(made.key ? KS_OK : KS_ENOMEM, "a key");
    must(ks_authority_root(&arena, made.key, &names, &ten_years, &made.certificate), "a root");
    return made;
}

static struct authority below(const struct authority *above, const char *domain, const struct ks_validity *validity)
{
    struct authority made = { .key = ks_authority_key() };
    const struct ks_authority_names names = { "Klinikum Beispiel", "Ausstellende CA", { domain }, 1 };

    must(made.key ? KS_OK : KS_ENOMEM, "a key");
    must(ks_authority_issuing(&arena, above->certificate, above->key, made.key, &names, validity, &made.certificate),
        "an issuing authority");
    return made;
}

/* --- a device --- */

struct device {
    uint8_t secret[KS_P256_PRIVATE_LEN], key[KS_P256_PUBLIC_LEN];
    struct ks_device_names names;
    struct ks_device_claims claims;
    struct ks_str request;
};

static struct device new_device(const char *jid)
{
    struct device d = { .names = { .jid = ks_str_z(jid) },
        .claims = { .device = 27183, .envelope_min = 1, .kind = KS_DEVICE_CLI } };

    ks_p256_generate(&chance, d.secret);
    must(ks_p256_public(d.secret, d.key), "a key");
    ks_prng_bytes(&chance, d.names.uuid, sizeof d.names.uuid);
    ks_prng_bytes(&chance, d.claims.identity, sizeof d.claims.identity);
    memcpy(d.claims.seal_key, d.key, sizeof d.claims.seal_key);
    must(ks_device_request_write(&arena, d.secret, &d.names, &d.claims, &d.request), "a request");
    return d;
}

static struct ks_device_person jana;

static struct ks_str issue(const struct authority *by, const struct device *device,
    const struct ks_device_person *person, const struct ks_validity *validity)
{
    struct ks_device_request request;
    uint8_t serial[KS_SERIAL_LEN];
    struct ks_str certificate;

    ks_prng_bytes(&chance, serial, sizeof serial);
    must(ks_device_request_read(&arena, device->request, &request), "reading a request");
    must(
        ks_device_issue(&arena, by->certificate, by->key, &request, person, serial, validity, &certificate), "issuing");
    return certificate;
}

static enum ks_cert_verdict judge(
    struct ks_str leaf, const struct authority *issuing, const struct authority *top, int64_t now_s)
{
    const struct ks_str chain[] = { leaf, issuing->certificate };
    enum ks_cert_verdict verdict;
    struct ks_device_cert cert;

    must(ks_device_chain_check(&arena, chain, issuing == top ? 1 : 2, top->certificate, now_s, &cert, &verdict),
        "checking");
    return verdict;
}

/* With one bit of a byte changed. */
static struct ks_str flipped(struct ks_str bytes, size_t at)
{
    char *copy = ks_arena_alloc(&arena, bytes.len);

    must(copy ? KS_OK : KS_ENOMEM, "a copy");
    memcpy(copy, bytes.ptr, bytes.len);
    copy[at] ^= 1;
    return ks_str(copy, bytes.len);
}

static void check_verdict(const char *name, enum ks_cert_verdict got, enum ks_cert_verdict want)
{
    check_row(got == want, name, "%s, not %s", ks_cert_verdict_name(got), ks_cert_verdict_name(want));
}

/* --- what is there --- */

static void test_fields(const struct authority *top, const struct authority *ca)
{
    struct device d = new_device(ANNA);
    const struct ks_str chain[] = { issue(ca, &d, &jana, &half_year), ca->certificate };
    enum ks_cert_verdict verdict;
    struct ks_device_cert cert;
    uint8_t hash[32];

    must(ks_device_chain_check(&arena, chain, 2, top->certificate, NOW, &cert, &verdict), "checking");
    check_verdict("what OpenSSL signs, mbedTLS takes", verdict, KS_CERT_GOOD);
    check_str("the name", cert.name, jana.name);
    check_str("the profession, in UTF-8", cert.profession, jana.profession);
    check_str("the department", cert.department, jana.department);
    check_str("the hospital", cert.organisation, jana.organisation);
    check_str("the person's number", cert.person, jana.person);
    check_str("the account", cert.names.jid, KS_STR(ANNA));
    check_row(memcmp(cert.names.uuid, d.names.uuid, sizeof d.names.uuid) == 0, "the installation", "another one");
    check_row(cert.claims.device == 27183 && cert.claims.kind == KS_DEVICE_CLI && cert.claims.envelope_min == 1
            && memcmp(cert.claims.identity, d.claims.identity, 32) == 0
            && memcmp(cert.claims.seal_key, d.key, sizeof d.key) == 0,
        "the OMEMO device, its identity key and its sealing key", "others");
    check_row(memcmp(cert.key, d.key, sizeof d.key) == 0, "the signing key", "another one");
    check_row(cert.not_before_s == half_year.from_s && cert.not_after_s == half_year.until_s, "and its time", "%lld",
        (long long)cert.not_after_s);
    ks_hash(KS_SHA256, chain[0], hash);
    check_row(memcmp(hash, cert.hash, 32) == 0, "its hash is that of its bytes", "it is not");
}

static void test_time(const struct authority *top, const struct authority *ca)
{
    struct device d = new_device(ANNA);
    struct ks_str leaf = issue(ca, &d, &jana, &half_year);
    struct authority old = below(top, "klinik.example", &(struct ks_validity) { NOW - 400 * DAY, NOW - 35 * DAY });

    check_verdict("a second before it begins", judge(leaf, ca, top, half_year.from_s - 1), KS_CERT_EARLY);
    check_verdict("in its last second", judge(leaf, ca, top, half_year.until_s), KS_CERT_GOOD);
    check_verdict("and in the next", judge(leaf, ca, top, half_year.until_s + 1), KS_CERT_EXPIRED);
    check_verdict("by an authority whose own time is over", judge(issue(&old, &d, &jana, &half_year), &old, top, NOW),
        KS_CERT_EXPIRED);
    check_verdict("the machine's clock has no say: 2001 is too early", judge(leaf, ca, top, 1000000000), KS_CERT_EARLY);
    EVP_PKEY_free(old.key);
}

static void test_paths(const struct authority *top, const struct authority *ca)
{
    struct authority stranger = root("Fremde CA", "klinik.example"),
                     foreign = below(&stranger, "klinik.example", &one_year);
    struct authority partner = below(top, "partner.example", &one_year);
    struct authority impostor;
    struct device d = new_device(ANNA), theirs = new_device("x-1@partner.example");
    const struct ks_authority_names names = { "Klinikum Beispiel", "Unter der ausstellenden", { "klinik.example" }, 1 };
    struct ks_str leaf = issue(ca, &d, &jana, &half_year);
    enum ks_cert_verdict verdict;
    struct ks_device_cert cert;
    uint32_t wrong = 0;

    check_verdict("attack 15: signed by another hospital's authority",
        judge(issue(&foreign, &d, &jana, &half_year), &foreign, top, NOW), KS_CERT_PATH);
    check_verdict("shown with our authority, which did not sign it",
        judge(issue(&foreign, &d, &jana, &half_year), ca, top, NOW), KS_CERT_PATH);
    check_verdict("attack 5: a partner's authority, under our root, signs for our domain",
        judge(issue(&partner, &d, &jana, &half_year), &partner, top, NOW), KS_CERT_DOMAIN);
    check_verdict("control: for its own it may", judge(issue(&partner, &theirs, &jana, &half_year), &partner, top, NOW),
        KS_CERT_GOOD);
    impostor.key = ks_authority_key();
    must(ks_authority_issuing(&arena, ca->certificate, ca->key, impostor.key, &names, &one_year, &impostor.certificate),
        "a third tier");
    const struct ks_str three[] = { issue(&impostor, &d, &jana, &half_year), impostor.certificate, ca->certificate };
    must(ks_device_chain_check(&arena, three, 3, top->certificate, NOW, &cert, &verdict), "checking");
    check_verdict("an issuing authority makes no other one (pathLenConstraint 0)", verdict, KS_CERT_PATH);
    check_verdict("a device certifies nobody", judge(leaf, &(struct authority) { NULL, leaf }, top, NOW), KS_CERT_PATH);
    for (size_t i = 0; i < leaf.len; i++)
        wrong += judge(flipped(leaf, i), ca, top, NOW) == KS_CERT_GOOD;
    check_row(wrong == 0, "one bit changed in any byte, and it is not good", "%u of %zu are", wrong, leaf.len);
    wrong = 0;
    for (size_t len = 0; len < leaf.len; len++)
        wrong += judge(ks_str_head(leaf, len), ca, top, NOW) != KS_CERT_MALFORMED;
    check_row(wrong == 0, "nor is any beginning of it", "%u are read", wrong);
    must(ks_device_chain_check(&arena, three, 0, top->certificate, NOW, &cert, &verdict), "checking");
    check_verdict("no certificate at all", verdict, KS_CERT_MALFORMED);
    EVP_PKEY_free(stranger.key);
    EVP_PKEY_free(foreign.key);
    EVP_PKEY_free(partner.key);
    EVP_PKEY_free(impostor.key);
}

static void test_forms(const struct authority *top, const struct authority *ca)
{
    const struct {
        const char *name, *jid;
        struct ks_device_person person;
        enum ks_cert_verdict verdict;
    } rows[] = {
        { "one that names no more than a person", ANNA, { .name = KS_STR("Jana") }, KS_CERT_GOOD },
        { "an address with a resource", ANNA "/x", { .name = KS_STR("Jana") }, KS_CERT_FORM },
        { "a domain alone", "klinik.example", { .name = KS_STR("Jana") }, KS_CERT_FORM },
        { "an address that is not in its normal form", "P-4711@klinik.example", { .name = KS_STR("Jana") },
            KS_CERT_FORM },
        { "a name that turns the line around (U+202E)", ANNA, { .name = KS_STR("Jana\xe2\x80\xae") }, KS_CERT_FORM },
        { "a name with a line feed", ANNA, { .name = KS_STR("Jana\nAdmin") }, KS_CERT_FORM },
        { "another domain", "p-1@fremd.example", { .name = KS_STR("Jana") }, KS_CERT_DOMAIN },
        { "a domain that ends as ours", "p-1@x-klinik.example", { .name = KS_STR("Jana") }, KS_CERT_DOMAIN },
        { "a domain below ours", "p-1@a.klinik.example", { .name = KS_STR("Jana") }, KS_CERT_DOMAIN },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct device d = new_device(rows[i].jid);
        check_verdict(rows[i].name, judge(issue(ca, &d, &rows[i].person, &half_year), ca, top, NOW), rows[i].verdict);
    }
}

/* --- requests --- */

static void test_requests(void)
{
    struct device d = new_device(ANNA);
    struct ks_device_request request;
    struct ks_str altered;
    uint32_t wrong = 0;

    must(ks_device_request_read(&arena, d.request, &request), "a request");
    check_row(ks_str_is(request.names.jid, ANNA) && request.claims.device == 27183
            && memcmp(request.names.uuid, d.names.uuid, sizeof d.names.uuid) == 0,
        "what mbedTLS writes, OpenSSL reads", "it does not");
    for (size_t i = 0; i < d.request.len; i++)
        wrong += ks_device_request_read(&arena, flipped(d.request, i), &request) == KS_OK;
    check_row(wrong == 0, "attack 13: one bit changed in any byte, and it is none", "%u are", wrong);
    for (size_t len = 0; len < d.request.len; len++)
        wrong += ks_device_request_read(&arena, ks_str_head(d.request, len), &request) == KS_OK;
    check_row(wrong == 0, "nor is any beginning of it", "%u are", wrong);
    must(ks_arena_join(&arena, (struct ks_str[]) { d.request, KS_STR("x") }, 2, &altered), "a copy");
    check_err("nor one with a byte behind", ks_device_request_read(&arena, altered, &request), KS_ESYNTAX);
}

static X509 *parsed(struct ks_str der)
{
    const unsigned char *at = (const unsigned char *)der.ptr;

    return d2i_X509(NULL, &at, (long)der.len);
}

/* The same request for another key, which signs it. */
static struct ks_str request_of(const struct device *d, EVP_PKEY *key)
{
    const unsigned char *at = (const unsigned char *)d->request.ptr;
    X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)d->request.len);
    unsigned char *bytes = NULL;
    struct ks_str der = KS_STR_EMPTY;
    int len = 0;

    if (req && key && X509_REQ_set_pubkey(req, key) && X509_REQ_sign(req, key, EVP_sha256()))
        len = i2d_X509_REQ(req, &bytes);
    must(len > 0 ? ks_arena_copy(&arena, ks_str(bytes, (size_t)len), &der) : KS_ECRYPTO, "a request");
    OPENSSL_free(bytes);
    X509_REQ_free(req);
    return der;
}

static void test_curves(void)
{
    struct device d = new_device(ANNA);
    EVP_PKEY *good = ks_authority_key(), *half = ks_authority_key(), *other = EVP_EC_gen("secp256k1");
    EVP_PKEY *brainpool = EVP_EC_gen("brainpoolP256r1");
    struct ks_device_request request;

    must(EVP_PKEY_set_utf8_string_param(half, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed") == 1
            ? KS_OK
            : KS_ECRYPTO,
        "half a point");
    check_err("control: a P-256 key", ks_device_request_read(&arena, request_of(&d, good), &request), KS_OK);
    check_err("§14.2: half a point, which would be a second form of a key",
        ks_device_request_read(&arena, request_of(&d, half), &request), KS_ESYNTAX);
    check_err("§14.2: another curve of 256 bits", ks_device_request_read(&arena, request_of(&d, other), &request),
        KS_ESYNTAX);
    check_err("§14.2: and another", ks_device_request_read(&arena, request_of(&d, brainpool), &request), KS_ESYNTAX);
    EVP_PKEY_free(good);
    EVP_PKEY_free(half);
    EVP_PKEY_free(other);
    EVP_PKEY_free(brainpool);
}

/* --- signers, and authorities alone --- */

static struct ks_str signer_by(const struct authority *by, const char *domain, EVP_PKEY *key)
{
    const struct ks_authority_names names = { "Klinikum Beispiel", "Registrar", { domain }, 1 };
    struct ks_str certificate;

    must(ks_signer_issue(
             &arena, by->certificate, by->key, key, &names, "registrar@klinik.example", &one_year, &certificate),
        "a signer");
    return certificate;
}

/* The same certificate, which the root signed as an authority's by mistake. */
static struct ks_str as_authority(struct ks_str certificate, EVP_PKEY *root_key)
{
    X509 *cert = parsed(certificate);
    X509_EXTENSION *constraints = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    unsigned char *bytes = NULL;
    struct ks_str der = KS_STR_EMPTY;
    int len = 0;

    X509_EXTENSION_free(X509_delete_ext(cert, X509_get_ext_by_NID(cert, NID_basic_constraints, -1)));
    if (constraints && X509_add_ext(cert, constraints, 0) && X509_sign(cert, root_key, EVP_sha256()))
        len = i2d_X509(cert, &bytes);
    must(len > 0 ? ks_arena_copy(&arena, ks_str(bytes, (size_t)len), &der) : KS_ECRYPTO, "an authority");
    OPENSSL_free(bytes);
    X509_EXTENSION_free(constraints);
    X509_free(cert);
    return der;
}

static void check_signer(
    const char *name, struct ks_str certificate, const struct authority *top, int64_t now_s, enum ks_cert_verdict want)
{
    enum ks_cert_verdict status, policy;
    struct ks_signer signer;

    must(ks_signer_check(
             certificate, top->certificate, KS_STR("klinik.example"), KS_SIGNS_STATUS, now_s, &signer, &status),
        "checking");
    must(ks_signer_check(
             certificate, top->certificate, KS_STR("klinik.example"), KS_SIGNS_POLICY, now_s, &signer, &policy),
        "checking");
    check_row(status == want && policy == want, name, "%s and %s, not %s", ks_cert_verdict_name(status),
        ks_cert_verdict_name(policy), ks_cert_verdict_name(want));
}

static void test_signers(const struct authority *top, const struct authority *ca)
{
    const struct ks_authority_names names = { "Klinikum", "Registrar", { "klinik.example" }, 1 };
    struct authority stranger = root("Fremde", "klinik.example");
    EVP_PKEY *key = ks_authority_key();
    struct ks_str good = signer_by(top, "klinik.example", key), der;
    struct device d = new_device(ANNA);
    struct ks_signer signer;
    enum ks_cert_verdict verdict;
    uint8_t hash[32];
    uint32_t wrong = 0;

    check_signer("§15.4: whom the root lets sign", good, top, NOW, KS_CERT_GOOD);
    must(ks_signer_check(good, top->certificate, KS_STR("klinik.example"), KS_SIGNS_STATUS, NOW, &signer, &verdict),
        "checking");
    ks_hash(KS_SHA256, good, hash);
    check_row(
        memcmp(signer.hash, hash, 32) == 0 && signer.not_after_s == one_year.until_s, "with hash and end", "others");
    check_signer("§15.4: an issuing authority's word does not make one", signer_by(ca, "klinik.example", key), top, NOW,
        KS_CERT_PATH);
    check_signer("nor another root's", signer_by(&stranger, "klinik.example", key), top, NOW, KS_CERT_PATH);
    check_signer("one of another domain", signer_by(top, "partner.example", key), top, NOW, KS_CERT_DOMAIN);
    check_signer("too early", good, top, one_year.from_s - 1, KS_CERT_EARLY);
    check_signer("in the last second", good, top, one_year.until_s, KS_CERT_GOOD);
    check_signer("too late", good, top, one_year.until_s + 1, KS_CERT_EXPIRED);
    check_signer("§15.4: the issuing authority itself may not", ca->certificate, top, NOW, KS_CERT_FORM);
    check_signer("nor may a device", issue(ca, &d, &jana, &half_year), top, NOW, KS_CERT_FORM);
    check_signer("nor the root", top->certificate, top, NOW, KS_CERT_FORM);
    check_signer(
        "§15.4: nor what is an authority, whatever else it may", as_authority(good, top->key), top, NOW, KS_CERT_FORM);
    check_signer("what is none", KS_STR("x"), top, NOW, KS_CERT_MALFORMED);
    check_verdict("and a signer is no device", judge(good, top, top, NOW), KS_CERT_FORM);
    for (size_t i = 0; i < good.len; i++) {
        must(ks_signer_check(
                 flipped(good, i), top->certificate, KS_STR("klinik.example"), KS_SIGNS_STATUS, NOW, &signer, &verdict),
            "checking");
        wrong += verdict == KS_CERT_GOOD;
    }
    check_row(wrong == 0, "one bit changed in any byte, and it is none", "%u are", wrong);
    check_err("an address that would begin another name",
        ks_signer_issue(&arena, top->certificate, top->key, key, &names, "a@b,DNS:fremd.example", &one_year, &der),
        KS_ESYNTAX);
    EVP_PKEY_free(key);
    EVP_PKEY_free(stranger.key);
}

static enum ks_cert_verdict judge_authorities(
    const struct ks_str *chain, size_t count, const struct authority *top, const char *domain, int64_t now_s)
{
    enum ks_cert_verdict verdict;

    must(ks_authorities_check(chain, count, top->certificate, ks_str_z(domain), now_s, &verdict), "checking");
    return verdict;
}

static void test_authorities(const struct authority *top, const struct authority *ca)
{
    struct authority stranger = root("Fremde", "klinik.example"),
                     foreign = below(&stranger, "klinik.example", &one_year);
    struct device d = new_device(ANNA);
    struct ks_str device = issue(ca, &d, &jana, &half_year);
    const struct ks_str four[] = { ca->certificate, ca->certificate, ca->certificate, ca->certificate };

    check_verdict("an authority that the root signed",
        judge_authorities(&ca->certificate, 1, top, "klinik.example", NOW), KS_CERT_GOOD);
    check_verdict("for a domain that it does not name",
        judge_authorities(&ca->certificate, 1, top, "fremd.example", NOW), KS_CERT_DOMAIN);
    check_verdict("one that another root signed",
        judge_authorities(&foreign.certificate, 1, top, "klinik.example", NOW), KS_CERT_PATH);
    check_verdict("a device is none", judge_authorities(&device, 1, top, "klinik.example", NOW), KS_CERT_FORM);
    check_verdict("in the last second", judge_authorities(&ca->certificate, 1, top, "klinik.example", one_year.until_s),
        KS_CERT_GOOD);
    check_verdict("too late", judge_authorities(&ca->certificate, 1, top, "klinik.example", one_year.until_s + 1),
        KS_CERT_EXPIRED);
    check_verdict("none", judge_authorities(four, 0, top, "klinik.example", NOW), KS_CERT_MALFORMED);
    check_verdict(
        "more than a chain has room for", judge_authorities(four, 4, top, "klinik.example", NOW), KS_CERT_MALFORMED);
    check_row(ks_authority_has_key(ca->certificate, ca->key), "an authority's key", "it is not");
    check_row(!ks_authority_has_key(ca->certificate, top->key), "is not another's", "it is");
    check_row(!ks_authority_has_key(device, ca->key), "nor a device's", "it is");
    EVP_PKEY_free(stranger.key);
    EVP_PKEY_free(foreign.key);
}

static void test_persons(void)
{
    static char text[80];

    memset(text, 'x', sizeof text - 1);
    check_err("RFC 5280 A.1: a name of 64 characters",
        ks_device_person_check(&(struct ks_device_person) { .name = ks_str(text, 64) }), KS_OK);
    check_err("one more", ks_device_person_check(&(struct ks_device_person) { .name = ks_str(text, 65) }), KS_ELIMIT);
    check_err("none", ks_device_person_check(&(struct ks_device_person) { .name = KS_STR_EMPTY }), KS_ELIMIT);
}

/* --- OpenSSL's own view --- */

static int openssl_verify(
    struct ks_str leaf, const struct authority *ca, const struct authority *top, struct ks_str crl_der)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *between = sk_X509_new_null();
    X509 *cert = parsed(leaf), *root_cert = parsed(top->certificate), *ca_cert = parsed(ca->certificate);
    const unsigned char *at = (const unsigned char *)crl_der.ptr;
    X509_CRL *crl = crl_der.len ? d2i_X509_CRL(NULL, &at, (long)crl_der.len) : NULL;
    int result;

    X509_STORE_add_cert(store, root_cert);
    if (crl) {
        X509_STORE_add_crl(store, crl);
        X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    }
    sk_X509_push(between, ca_cert);
    X509_STORE_CTX_init(ctx, store, cert, between);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)NOW);
    X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT);
    result = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    sk_X509_free(between);
    X509_STORE_free(store);
    X509_free(cert);
    X509_free(root_cert);
    X509_free(ca_cert);
    X509_CRL_free(crl);
    return result;
}

static void test_lists(const struct authority *top, const struct authority *ca)
{
    struct device d = new_device(ANNA), other = new_device(ANNA);
    struct ks_str leaf = issue(ca, &d, &jana, &half_year), good = issue(ca, &other, &jana, &half_year), crl;
    struct ks_crl_facts facts = { .number = 1, .size = 300, .validity = { NOW - 60, NOW + 25 * 3600 } };
    enum ks_cert_verdict verdict;
    struct ks_device_cert cert;

    must(ks_device_chain_check(
             &arena, (struct ks_str[]) { leaf, ca->certificate }, 2, top->certificate, NOW, &cert, &verdict),
        "checking");
    must(ks_authority_crl(&arena, ca->certificate, ca->key, NULL, 0, &facts, &crl), "an empty list");
    check_row(openssl_verify(leaf, ca, top, KS_STR_EMPTY) == X509_V_OK, "openssl takes it for a client's (clientAuth)",
        "%d", openssl_verify(leaf, ca, top, KS_STR_EMPTY));
    check_row(openssl_verify(leaf, ca, top, crl) == X509_V_OK, "also with a list that does not name it", "%d",
        openssl_verify(leaf, ca, top, crl));
    facts.number = 2;
    must(ks_authority_crl(
             &arena, ca->certificate, ca->key, &(struct ks_revoked) { cert.serial, NOW - 30 }, 1, &facts, &crl),
        "a list");
    check_row(openssl_verify(leaf, ca, top, crl) == X509_V_ERR_CERT_REVOKED, "and with one that does, not", "%d",
        openssl_verify(leaf, ca, top, crl));
    check_row(openssl_verify(good, ca, top, crl) == X509_V_OK, "control: another one is good", "%d",
        openssl_verify(good, ca, top, crl));
}

/* --- what authorities refuse --- */

static void test_refusals(const struct authority *top, const struct authority *ca)
{
    const struct ks_authority_names bad = { "Klinikum", "CA", { "klinik.example,URI:x" }, 1 };
    const struct ks_authority_names fine = { "Klinikum", "CA", { "klinik.example" }, 1 };
    struct device d = new_device(ANNA);
    struct ks_device_request request;
    uint8_t serial[KS_SERIAL_LEN] = { 1 }, one[32], two[32];
    struct ks_str der;

    check_err("a domain that would be words of OpenSSL's", ks_authority_root(&arena, top->key, &bad, &ten_years, &der),
        KS_ESYNTAX);
    check_err("a root that is not of the key",
        ks_authority_issuing(&arena, top->certificate, ca->key, ca->key, &fine, &one_year, &der), KS_ESYNTAX);
    must(ks_device_request_read(&arena, d.request, &request), "a request");
    check_err("a device signs no other one",
        ks_device_issue(&arena, issue(ca, &d, &jana, &half_year), ca->key, &request, &jana, serial, &half_year, &der),
        KS_ESYNTAX);
    check_err("nobody without a name",
        ks_device_issue(
            &arena, ca->certificate, ca->key, &request, &(struct ks_device_person) { 0 }, serial, &half_year, &der),
        KS_ELIMIT);
    must(ks_cert_key_hash(top->certificate, one), "a pin");
    must(ks_cert_key_hash(ca->certificate, two), "a pin");
    check_row(memcmp(one, two, 32) != 0, "two authorities have two pins", "one");
    check_err("what is no certificate has none", ks_cert_key_hash(KS_STR("x"), one), KS_ESYNTAX);
}

/* --- seeds for fuzzers: a certificate of each kind, a request, an extension --- */

static void write_file(const char *dir, const char *name, struct ks_str bytes)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "wb");
    if (!file || fwrite(bytes.ptr, 1, bytes.len, file) != bytes.len || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_seeds(const char *dir, const struct authority *top, const struct authority *ca)
{
    struct device d = new_device(ANNA);
    struct ks_buf buf;

    write_file(dir, "root", top->certificate);
    write_file(dir, "issuing", ca->certificate);
    write_file(dir, "device", issue(ca, &d, &jana, &half_year));
    write_file(dir, "request", d.request);
    ks_buf_init(&buf, KS_CLAIMS_BYTES_MAX);
    ks_device_claims_write(&buf, &d.claims);
    write_file(dir, "claims", ks_buf_str(&buf));
    ks_buf_done(&buf);
    ks_buf_init(&buf, KS_NAMES_BYTES_MAX);
    ks_device_names_write(&buf, &d.names);
    write_file(dir, "names", ks_buf_str(&buf));
    ks_buf_done(&buf);
}

/* test_authority [--seeds DIR]: writes them there, and tests nothing. */
int main(int argc, char **argv)
{
    static const uint8_t seed[KS_PRNG_SEED_LEN] = { 4, 7, 1, 1 };
    struct authority top, ca;

    if (ks_crypto_init() != KS_OK)
        return 2;
    ks_arena_init(&arena, 256u << 20);
    ks_prng_init(&chance, seed);
    jana = (struct ks_device_person) { KS_STR("Dr. Jana Brandt"), KS_STR("Ärztin"), KS_STR("Kardiologie"),
        KS_STR("Klinikum Beispiel"), KS_STR("4711") };
    top = root("Wurzel", "klinik.example");
    ca = below(&top, "klinik.example", &one_year);
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        write_seeds(argv[2], &top, &ca);
    } else {
        test_fields(&top, &ca);
        test_time(&top, &ca);
        test_paths(&top, &ca);
        test_forms(&top, &ca);
        test_requests();
        test_curves();
        test_signers(&top, &ca);
        test_authorities(&top, &ca);
        test_persons();
        test_lists(&top, &ca);
        test_refusals(&top, &ca);
    }
    EVP_PKEY_free(top.key);
    EVP_PKEY_free(ca.key);
    ks_prng_done(&chance);
    ks_arena_done(&arena);
    return check_rows ? check_done() : 0;
}
