/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "device_cert.h"

#include <mbedtls/oid.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>
#include <stdio.h>

#include "clock.h"
#include "der.h"
#include "jid.h"
#include "unicode.h"

#define SERIAL_BYTES_MAX 20 /* RFC 5280 §4.1.2.2 */

static struct ks_str view(const mbedtls_x509_buf *buf)
{
    return ks_str((const char *)buf->p, buf->len);
}

/* --- a request --- */

static int blinding(void *prng, unsigned char *ret_bytes, size_t len)
{
    ks_prng_bytes(prng, ret_bytes, len);
    return 0;
}

/* Arithmetic is blinded by chance that others do not know; it changes no result (p256_mbedtls.c). */
static void blinding_init(struct ks_prng *prng, const uint8_t private_key[KS_P256_PRIVATE_LEN])
{
    const struct ks_str parts[] = { KS_STR("konsil request blinding"),
        ks_str((const char *)private_key, KS_P256_PRIVATE_LEN) };
    uint8_t seed[KS_PRNG_SEED_LEN];

    ks_hash_parts(KS_SHA256, parts, KS_COUNT(parts), seed);
    ks_prng_init(prng, seed);
    ks_wipe(seed, sizeof seed);
}

static bool read_key(mbedtls_pk_context *pk, const uint8_t private_key[KS_P256_PRIVATE_LEN], struct ks_prng *prng)
{
    mbedtls_ecp_keypair *pair;

    if (mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) != 0)
        return false;
    pair = mbedtls_pk_ec(*pk);
    return mbedtls_ecp_read_key(MBEDTLS_ECP_DP_SECP256R1, pair, private_key, KS_P256_PRIVATE_LEN) == 0
        && mbedtls_ecp_keypair_calc_public(pair, blinding, prng) == 0;
}

static bool add_extension(mbedtls_x509write_csr *csr, struct ks_str oid, const struct ks_buf *value)
{
    return ks_buf_err(value) == KS_OK
        && mbedtls_x509write_csr_set_extension(csr, oid.ptr, oid.len, 0, (const unsigned char *)value->ptr, value->len)
        == 0;
}

static enum ks_err write_request(struct ks_arena *arena, mbedtls_x509write_csr *csr, mbedtls_pk_context *pk,
    struct ks_prng *prng, struct ks_str *ret_der)
{
    unsigned char bytes[KS_CSR_BYTES_MAX];
    int len;

    mbedtls_x509write_csr_set_md_alg(csr, MBEDTLS_MD_SHA256);
    mbedtls_x509write_csr_set_key(csr, pk);
    if (mbedtls_x509write_csr_set_subject_name(csr, "CN=device") != 0)
        return KS_ENOMEM;
    len = mbedtls_x509write_csr_der(csr, bytes, sizeof bytes, blinding, prng);
    if (len <= 0)
        return KS_ELIMIT;
    return ks_arena_copy(arena, ks_str((char *)bytes + sizeof bytes - len, (size_t)len), ret_der); /* from the end */
}

enum ks_err ks_device_request_write(struct ks_arena *arena, const uint8_t private_key[KS_P256_PRIVATE_LEN],
    const struct ks_device_names *names, const struct ks_device_claims *claims, struct ks_str *ret_der)
{
    static const char alt_name[] = MBEDTLS_OID_SUBJECT_ALT_NAME;
    struct ks_buf name_bytes, claim_bytes;
    mbedtls_x509write_csr csr;
    mbedtls_pk_context pk;
    struct ks_prng prng;
    enum ks_err err = KS_OK;

    ks_buf_init(&name_bytes, KS_NAMES_BYTES_MAX);
    ks_buf_init(&claim_bytes, KS_CLAIMS_BYTES_MAX);
    ks_device_names_write(&name_bytes, names);
    ks_device_claims_write(&claim_bytes, claims);
    mbedtls_x509write_csr_init(&csr);
    mbedtls_pk_init(&pk);
    blinding_init(&prng, private_key);
    if (ks_buf_err(&name_bytes) != KS_OK)
        err = ks_buf_err(&name_bytes);
    else if (!read_key(&pk, private_key, &prng))
        err = KS_ECRYPTO;
    else if (!add_extension(&csr, ks_str(alt_name, sizeof alt_name - 1), &name_bytes)
        || !add_extension(&csr, KS_OID_CLAIMS, &claim_bytes))
        err = KS_ENOMEM;
    else
        err = write_request(arena, &csr, &pk, &prng, ret_der);
    ks_prng_done(&prng);
    mbedtls_pk_free(&pk); /* wipes */
    mbedtls_x509write_csr_free(&csr);
    ks_buf_done(&claim_bytes);
    ks_buf_done(&name_bytes);
    return err;
}

/* --- reading --- */

/* The extensions that mbedTLS has no words for, or gives raw. */
struct extensions {
    struct ks_str claims, dealing;
    bool twice;
};

static int on_extension(void *user, const mbedtls_x509_crt *crt, const mbedtls_x509_buf *oid, int critical,
    const unsigned char *from, const unsigned char *end)
{
    struct extensions *found = user;
    struct ks_str *ours = ks_str_eq(view(oid), KS_OID_CLAIMS) ? &found->claims
        : ks_str_eq(view(oid), KS_OID_DEALING)                ? &found->dealing
                                                              : NULL;

    (void)crt;
    if (ours) {
        found->twice = found->twice || ours->ptr;
        *ours = ks_str((const char *)from, (size_t)(end - from));
        return 0;
    }
    return critical ? MBEDTLS_ERR_X509_INVALID_EXTENSIONS : 0; /* RFC 5280 §4.2 */
}

/* One more of a list. KS_OK; KS_ESYNTAX; KS_ENOMEM. crt is initialised, and to be freed in any case. */
static enum ks_err parse(mbedtls_x509_crt *crt, struct ks_str der, struct extensions *found)
{
    const mbedtls_x509_crt *last = crt;
    int result;

    if (!der.len || der.len > KS_CERT_BYTES_MAX)
        return KS_ESYNTAX;
    result =
        mbedtls_x509_crt_parse_der_with_ext_cb(crt, (const unsigned char *)der.ptr, der.len, 1, on_extension, found);
    if (result == MBEDTLS_ERR_X509_ALLOC_FAILED)
        return KS_ENOMEM;
    while (last->next)
        last = last->next;
    return result == 0 && last->raw.len == der.len ? KS_OK : KS_ESYNTAX;
}

/* mbedTLS has looked at the numbers. */
static int64_t seconds(const mbedtls_x509_time *t)
{
    char text[80];
    int64_t ms = 0;

    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", t->year, t->mon, t->day, t->hour, t->min, t->sec);
    return ks_stamp_read(ks_str_z(text), &ms) == KS_OK ? ms / 1000 : INT64_MIN;
}

/* What a person is to read in it: nothing that hides, moves the cursor, or turns the line around (RFC 8264 §9.13). */
static enum ks_err read_text(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text)
{
    enum ks_err err = text.len > KS_CERT_TEXT_MAX ? KS_ESYNTAX : ks_unicode_resource(arena, text, ret_text);

    return err == KS_OK ? ks_arena_copy(arena, *ret_text, ret_text) : err == KS_ENOMEM ? err : KS_ESYNTAX;
}

/* Each at most once, in a subject of single attributes. */
static enum ks_err read_subject(struct ks_arena *arena, const mbedtls_x509_crt *crt, struct ks_device_cert *cert)
{
    const struct {
        struct ks_str oid;
        struct ks_str *to;
    } attributes[] = {
        { KS_STR("\x55\x04\x03"), &cert->name },
        { KS_STR("\x55\x04\x0c"), &cert->profession },
        { KS_STR("\x55\x04\x0b"), &cert->department },
        { KS_STR("\x55\x04\x0a"), &cert->organisation },
        { KS_STR("\x55\x04\x05"), &cert->person },
    };

    for (const mbedtls_x509_name *at = &crt->subject; at && at->oid.p; at = at->next) {
        size_t i = 0;
        while (i < KS_COUNT(attributes) && !ks_str_eq(view(&at->oid), attributes[i].oid))
            i++;
        if (i == KS_COUNT(attributes))
            continue;
        if (attributes[i].to->ptr
            || (at->val.tag != MBEDTLS_ASN1_UTF8_STRING && at->val.tag != MBEDTLS_ASN1_PRINTABLE_STRING))
            return KS_ESYNTAX;
        enum ks_err err = read_text(arena, view(&at->val), attributes[i].to);
        if (err != KS_OK)
            return err;
    }
    return cert->name.len ? KS_OK : KS_ESYNTAX;
}

/* An account's address in its normal form: what is compared byte for byte has one spelling. */
static bool is_bare(struct ks_arena *arena, struct ks_str text)
{
    struct ks_jid jid;
    struct ks_str normal;

    return ks_jid_parse(arena, text, &jid) == KS_OK && jid.local.len && !jid.resource.len
        && ks_jid_text(arena, jid, &normal) == KS_OK && ks_str_eq(normal, text);
}

/* mbedTLS keeps the names apart; together they are the sequence again. */
static enum ks_err read_names(struct ks_arena *arena, const mbedtls_x509_crt *crt, struct ks_device_cert *cert)
{
    struct ks_buf in, der;
    struct ks_str copy;
    enum ks_err err;

    ks_buf_init(&in, KS_NAMES_BYTES_MAX);
    ks_buf_init(&der, KS_NAMES_BYTES_MAX + 8);
    for (const mbedtls_x509_sequence *at = &crt->subject_alt_names; at && at->buf.p; at = at->next)
        ks_der_put(&in, (uint8_t)at->buf.tag, view(&at->buf));
    ks_der_put(&der, KS_DER_SEQUENCE, ks_buf_str(&in));
    err = ks_buf_err(&in) != KS_OK || ks_buf_err(&der) != KS_OK ? KS_ESYNTAX : KS_OK;
    if (err == KS_OK)
        err = ks_arena_copy(arena, ks_buf_str(&der), &copy);
    if (err == KS_OK)
        err = ks_device_names_read(copy, &cert->names);
    if (err == KS_OK && !is_bare(arena, cert->names.jid))
        err = KS_ESYNTAX;
    ks_buf_done(&in);
    ks_buf_done(&der);
    return err;
}

static bool has_usage(const mbedtls_x509_crt *crt, struct ks_str oid)
{
    return mbedtls_x509_crt_check_extended_key_usage(crt, oid.ptr, oid.len) == 0;
}

/* An uncompressed point of P-256, and nothing else. */
static bool read_public(const mbedtls_x509_crt *crt, uint8_t ret_key[KS_P256_PUBLIC_LEN])
{
    size_t len = 0;
    const mbedtls_ecp_keypair *pair;

    if (mbedtls_pk_get_type(&crt->pk) != MBEDTLS_PK_ECKEY)
        return false;
    pair = mbedtls_pk_ec(crt->pk);
    return mbedtls_ecp_keypair_get_group_id(pair) == MBEDTLS_ECP_DP_SECP256R1
        && mbedtls_ecp_write_public_key(pair, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, ret_key, KS_P256_PUBLIC_LEN) == 0
        && len == KS_P256_PUBLIC_LEN;
}

/* KS_ESYNTAX: it has not the form of a device's. */
static enum ks_err read_device(
    struct ks_arena *arena, const mbedtls_x509_crt *crt, const struct extensions *found, struct ks_device_cert *cert)
{
    enum ks_err err;

    *cert =
        (struct ks_device_cert) { .not_before_s = seconds(&crt->valid_from), .not_after_s = seconds(&crt->valid_to) };
    ks_hash(KS_SHA256, view(&crt->raw), cert->hash);
    if (crt->version != 3 || !found->claims.ptr || found->twice || crt->serial.len > SERIAL_BYTES_MAX
        || ks_device_claims_read(found->claims, &cert->claims) != KS_OK || !read_public(crt, cert->key)
        || !mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_KEY_USAGE)
        || !mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_BASIC_CONSTRAINTS)
        || mbedtls_x509_crt_check_key_usage(crt, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) != 0
        || mbedtls_x509_crt_get_ca_istrue(crt) || !has_usage(crt, KS_OID_DEVICE)
        || !mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE))
        return KS_ESYNTAX;
    err = ks_arena_copy(arena, view(&crt->serial), &cert->serial);
    if (err == KS_OK)
        err = read_subject(arena, crt, cert);
    return err == KS_OK ? read_names(arena, crt, cert) : err;
}

/* --- the path --- */

/* mbedTLS is built without a clock: the dates are compared with the caller's. */
struct walk {
    int64_t now_s;
    bool early, expired;
};

static int on_certificate(void *user, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    struct walk *walk = user;

    (void)depth;
    walk->early = walk->early || walk->now_s < seconds(&crt->valid_from);
    walk->expired = walk->expired || walk->now_s > seconds(&crt->valid_to);
    (void)flags;
    return 0;
}

/* ECDSA, and RSA for a PKI that a hospital has already, with hashes of today. */
static const mbedtls_x509_crt_profile profile = {
    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384)
        | MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
    .allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA)
        | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSA) | MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSASSA_PSS),
    .allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) | MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1),
    .rsa_min_bitlen = 2048,
};

/* RFC 9525 §6.3: the whole name, without wildcards. */
static bool answers_for(const mbedtls_x509_crt *authority, struct ks_str domain)
{
    for (const mbedtls_x509_sequence *at = &authority->subject_alt_names; at && at->buf.p; at = at->next)
        if ((at->buf.tag & 0x1f) == MBEDTLS_X509_SAN_DNS_NAME && ks_str_eq(view(&at->buf), domain))
            return true;
    return false;
}

static enum ks_cert_verdict judge(
    mbedtls_x509_crt *chain, mbedtls_x509_crt *root, int64_t now_s, const struct ks_device_cert *cert)
{
    const mbedtls_x509_crt *authority = chain->next ? chain->next : root;
    struct walk walk = { .now_s = now_s };
    uint32_t flags = 0;

    if (mbedtls_x509_crt_verify_with_profile(chain, root, NULL, &profile, NULL, &flags, on_certificate, &walk) != 0
        || flags)
        return KS_CERT_PATH;
    if (!answers_for(authority, ks_jid_split(cert->names.jid).domain))
        return KS_CERT_DOMAIN;
    return walk.expired ? KS_CERT_EXPIRED : walk.early ? KS_CERT_EARLY : KS_CERT_GOOD;
}

static enum ks_err check(struct ks_arena *arena, const struct ks_str *chain, size_t count, mbedtls_x509_crt *crt,
    mbedtls_x509_crt *root, int64_t now_s, struct ks_device_cert *ret_cert, enum ks_cert_verdict *ret_verdict)
{
    struct extensions found = { { 0 } }, other = { { 0 } };
    enum ks_err err = KS_OK;

    *ret_verdict = KS_CERT_MALFORMED;
    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = parse(crt, chain[i], i ? &other : &found);
    if (err != KS_OK)
        return err;
    *ret_verdict = KS_CERT_FORM;
    err = read_device(arena, crt, &found, ret_cert);
    if (err == KS_OK)
        *ret_verdict = judge(crt, root, now_s, ret_cert);
    return err;
}

enum ks_err ks_device_chain_check(struct ks_arena *arena, const struct ks_str *chain, size_t count, struct ks_str root,
    int64_t now_s, struct ks_device_cert *ret_cert, enum ks_cert_verdict *ret_verdict)
{
    mbedtls_x509_crt crt, root_crt;
    struct extensions other = { { 0 } };
    enum ks_err err;

    *ret_cert = (struct ks_device_cert) { .not_after_s = 0 };
    *ret_verdict = KS_CERT_MALFORMED;
    if (!count || count > KS_CHAIN_MAX)
        return KS_OK;
    mbedtls_x509_crt_init(&crt);
    mbedtls_x509_crt_init(&root_crt);
    err = parse(&root_crt, root, &other);
    if (err == KS_OK)
        err = check(arena, chain, count, &crt, &root_crt, now_s, ret_cert, ret_verdict);
    mbedtls_x509_crt_free(&root_crt);
    mbedtls_x509_crt_free(&crt);
    return err == KS_ENOMEM ? err : KS_OK;
}

/* --- authorities --- */

static enum ks_cert_verdict judge_authorities(
    mbedtls_x509_crt *chain, mbedtls_x509_crt *root, struct ks_str domain, int64_t now_s)
{
    struct walk walk = { .now_s = now_s };
    uint32_t flags = 0;

    if (!mbedtls_x509_crt_get_ca_istrue(chain)
        || mbedtls_x509_crt_check_key_usage(chain, MBEDTLS_X509_KU_KEY_CERT_SIGN) != 0)
        return KS_CERT_FORM;
    if (mbedtls_x509_crt_verify_with_profile(chain, root, NULL, &profile, NULL, &flags, on_certificate, &walk) != 0
        || flags)
        return KS_CERT_PATH;
    if (!answers_for(chain, domain))
        return KS_CERT_DOMAIN;
    return walk.expired ? KS_CERT_EXPIRED : walk.early ? KS_CERT_EARLY : KS_CERT_GOOD;
}

enum ks_err ks_authorities_check(const struct ks_str *chain, size_t count, struct ks_str root, struct ks_str domain,
    int64_t now_s, enum ks_cert_verdict *ret_verdict)
{
    struct extensions other = { { 0 } };
    mbedtls_x509_crt crt, root_crt;
    enum ks_err err;

    *ret_verdict = KS_CERT_MALFORMED;
    if (!count || count >= KS_CHAIN_MAX)
        return KS_OK;
    mbedtls_x509_crt_init(&crt);
    mbedtls_x509_crt_init(&root_crt);
    err = parse(&root_crt, root, &other);
    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = parse(&crt, chain[i], &other);
    if (err == KS_OK)
        *ret_verdict = judge_authorities(&crt, &root_crt, domain, now_s);
    mbedtls_x509_crt_free(&root_crt);
    mbedtls_x509_crt_free(&crt);
    return err == KS_ENOMEM ? err : KS_OK;
}

/* --- signers --- */

/* usage is the extended one that it has, key_usage what its key does. */
static bool is_signer(
    const mbedtls_x509_crt *crt, struct ks_str usage, unsigned key_usage, uint8_t ret_key[KS_P256_PUBLIC_LEN])
{
    return crt->version == 3 && crt->serial.len <= SERIAL_BYTES_MAX && read_public(crt, ret_key)
        && mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_KEY_USAGE)
        && mbedtls_x509_crt_check_key_usage(crt, key_usage) == 0 && !mbedtls_x509_crt_get_ca_istrue(crt)
        && mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE) && has_usage(crt, usage);
}

static enum ks_cert_verdict judge_signer(mbedtls_x509_crt *crt, mbedtls_x509_crt *root, struct ks_str domain,
    struct ks_str usage, unsigned key_usage, int64_t now_s, struct ks_signer *signer)
{
    struct walk walk = { .now_s = now_s };
    uint32_t flags = 0;

    if (!is_signer(crt, usage, key_usage, signer->key))
        return KS_CERT_FORM;
    if (mbedtls_x509_crt_verify_with_profile(crt, root, NULL, &profile, NULL, &flags, on_certificate, &walk) != 0
        || flags)
        return KS_CERT_PATH;
    ks_hash(KS_SHA256, view(&crt->raw), signer->hash);
    signer->not_before_s = seconds(&crt->valid_from);
    signer->not_after_s = seconds(&crt->valid_to);
    if (!answers_for(crt, domain))
        return KS_CERT_DOMAIN;
    return walk.expired ? KS_CERT_EXPIRED : walk.early ? KS_CERT_EARLY : KS_CERT_GOOD;
}

enum ks_err ks_signer_check(struct ks_str certificate, struct ks_str root, struct ks_str domain, enum ks_signs signs,
    int64_t now_s, struct ks_signer *ret_signer, enum ks_cert_verdict *ret_verdict)
{
    struct ks_str usage = signs == KS_SIGNS_STATUS ? KS_OID_STATUS : KS_OID_POLICY;
    struct extensions other = { { 0 } };
    mbedtls_x509_crt crt, root_crt;
    struct ks_signer signer;
    enum ks_err err;

    *ret_verdict = KS_CERT_MALFORMED;
    mbedtls_x509_crt_init(&crt);
    mbedtls_x509_crt_init(&root_crt);
    if ((err = parse(&root_crt, root, &other)) == KS_OK && (err = parse(&crt, certificate, &other)) == KS_OK)
        *ret_verdict = judge_signer(&crt, &root_crt, domain, usage, MBEDTLS_X509_KU_DIGITAL_SIGNATURE, now_s, &signer);
    if (*ret_verdict == KS_CERT_GOOD)
        *ret_signer = signer;
    mbedtls_x509_crt_free(&root_crt);
    mbedtls_x509_crt_free(&crt);
    return err == KS_ENOMEM ? err : KS_OK;
}

/* --- officers --- */

enum ks_err ks_officers_cert_check(struct ks_str certificate, struct ks_str root, struct ks_str domain, int64_t now_s,
    struct ks_signer *ret_key, uint8_t ret_dealing[32], enum ks_cert_verdict *ret_verdict)
{
    struct extensions found = { { 0 } }, other = { { 0 } };
    mbedtls_x509_crt crt, root_crt;
    struct ks_signer key;
    enum ks_err err;

    *ret_verdict = KS_CERT_MALFORMED;
    mbedtls_x509_crt_init(&crt);
    mbedtls_x509_crt_init(&root_crt);
    if ((err = parse(&root_crt, root, &other)) == KS_OK && (err = parse(&crt, certificate, &found)) == KS_OK)
        *ret_verdict =
            judge_signer(&crt, &root_crt, domain, KS_OID_OFFICERS, MBEDTLS_X509_KU_KEY_AGREEMENT, now_s, &key);
    if (*ret_verdict != KS_CERT_MALFORMED
        && (found.twice || found.dealing.len != 34 || !ks_str_starts(found.dealing, KS_STR("\x04\x20"))))
        *ret_verdict = KS_CERT_FORM;
    if (*ret_verdict == KS_CERT_GOOD) {
        *ret_key = key;
        memcpy(ret_dealing, found.dealing.ptr + 2, 32);
    }
    mbedtls_x509_crt_free(&root_crt);
    mbedtls_x509_crt_free(&crt);
    return err == KS_ENOMEM ? err : KS_OK;
}

/* --- pins --- */

enum ks_err ks_cert_key_hash(struct ks_str certificate, uint8_t ret_hash[32])
{
    struct extensions other = { { 0 } };
    mbedtls_x509_crt crt;
    enum ks_err err;

    mbedtls_x509_crt_init(&crt);
    err = parse(&crt, certificate, &other);
    if (err == KS_OK)
        ks_hash(KS_SHA256, view(&crt.pk_raw), ret_hash);
    mbedtls_x509_crt_free(&crt);
    return err;
}

const char *ks_cert_verdict_name(enum ks_cert_verdict verdict)
{
    static const char *const names[] = { "good", "malformed", "form", "path", "early", "expired", "domain" };

    return names[verdict];
}
