/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "authority.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto.h"
#include "der.h"

#define NAME_BYTES_MAX 200
#define DOMAINS_BYTES_MAX 8192
/* SubjectPublicKeyInfo of a P-256 key up to its point (RFC 5480 §2.1.1.1). */
#define KS_P256_SPKI \
    KS_STR("\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00")
#define SIGNS_CERTIFICATES "critical,keyCertSign,cRLSign"
#define ARC "2.25.179182224142705796714361420395769147229." /* KS_OID_KONSIL, in words */

/* --- keys --- */

EVP_PKEY *ks_authority_key(void)
{
    return EVP_EC_gen("P-256");
}

/* --- parts of a certificate --- */

static ASN1_OBJECT *object(struct ks_str oid)
{
    unsigned char der[64] = { V_ASN1_OBJECT, (unsigned char)oid.len };
    const unsigned char *at = der;

    assert(oid.len < 60);
    memcpy(der + 2, oid.ptr, oid.len);
    return d2i_ASN1_OBJECT(NULL, &at, (long)oid.len + 2);
}

/* OpenSSL copies. */
static bool add_extension(X509 *cert, X509_EXTENSION *extension)
{
    bool good = extension && X509_add_ext(cert, extension, -1);

    X509_EXTENSION_free(extension);
    return good;
}

static X509_EXTENSION *raw_extension(struct ks_str oid, struct ks_str value)
{
    ASN1_OBJECT *name = object(oid);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;

    if (name && octets && ASN1_OCTET_STRING_set(octets, (const unsigned char *)value.ptr, (int)value.len))
        extension = X509_EXTENSION_create_by_OBJ(NULL, name, 0, octets);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(name);
    return extension;
}

/* One that OpenSSL has words for. */
static bool add_worded(X509 *cert, X509 *issuer, int nid, const char *words)
{
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    return add_extension(cert, X509V3_EXT_conf_nid(NULL, &ctx, nid, words));
}

static bool add_attribute(X509_NAME *name, int nid, struct ks_str text)
{
    return !text.len
        || X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text.ptr, (int)text.len, -1, 0);
}

static bool set_serial(X509 *cert, const uint8_t serial[KS_SERIAL_LEN])
{
    uint8_t positive[KS_SERIAL_LEN];
    BIGNUM *number;
    bool good;

    memcpy(positive, serial, sizeof positive);
    positive[0] = (uint8_t)((positive[0] & 0x7f) | 0x40); /* positive, and always as long */
    number = BN_bin2bn(positive, sizeof positive, NULL);
    good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    return good;
}

static bool set_validity(X509 *cert, const struct ks_validity *validity)
{
    return ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)validity->from_s)
        && ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)validity->until_s);
}

static enum ks_err give_der(struct ks_arena *arena, int len, unsigned char *bytes, struct ks_str *ret_der)
{
    enum ks_err err = len > 0 ? ks_arena_copy(arena, ks_str((char *)bytes, (size_t)len), ret_der) : KS_ENOMEM;

    OPENSSL_free(bytes);
    return err;
}

static enum ks_err sign(struct ks_arena *arena, X509 *cert, EVP_PKEY *key, struct ks_str *ret_der)
{
    unsigned char *bytes = NULL;
    int len;

    if (!X509_sign(cert, key, EVP_sha256()))
        return KS_ECRYPTO;
    len = i2d_X509(cert, &bytes);
    return give_der(arena, len, bytes, ret_der);
}

/* A certificate in DER, and nothing behind it. NULL: it is none. */
static X509 *read_certificate(struct ks_str der)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    X509 *cert = der.len <= INT32_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;

    if (cert && at != (const unsigned char *)der.ptr + der.len) {
        X509_free(cert);
        cert = NULL;
    }
    return cert;
}

/* An authority's, with its key. NULL: it is not that. */
static X509 *read_authority(struct ks_str der, EVP_PKEY *key)
{
    X509 *cert = read_certificate(der);

    if (cert && X509_check_ca(cert) == 1 && X509_check_private_key(cert, key) == 1)
        return cert;
    X509_free(cert);
    return NULL;
}

bool ks_authority_has_key(struct ks_str certificate, EVP_PKEY *key)
{
    X509 *cert = read_authority(certificate, key);
    bool has = cert;

    X509_free(cert);
    return has;
}

/* --- authorities --- */

/* "DNS:a,DNS:b"; domains are letters, digits, dots and hyphens, so nothing in them is a word of OpenSSL's. */
static enum ks_err domain_words(const struct ks_authority_names *names, const char *jid, struct ks_buf *words)
{
    static const char others[] = ".-";

    /* A comma would end the name, and begin another. */
    if (jid && (strchr(jid, ',') || strchr(jid, '\n')))
        return KS_ESYNTAX;

    for (size_t i = 0; i < names->domain_count; i++) {
        for (const char *at = names->domains[i]; *at; at++)
            if (!((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || strchr(others, *at)))
                return KS_ESYNTAX;
        ks_buf_printf(words, "%sDNS:%s", i ? "," : "", names->domains[i]);
    }
    if (jid)
        ks_buf_printf(words, "%sotherName:id-on-xmppAddr;UTF8:%s", names->domain_count ? "," : "", jid);
    ks_buf_byte(words, 0);
    return ks_buf_err(words);
}

static enum ks_err name_authority(X509 *cert, const struct ks_authority_names *names)
{
    X509_NAME *subject = X509_get_subject_name(cert);

    if (strlen(names->organisation) > NAME_BYTES_MAX || !*names->name || strlen(names->name) > NAME_BYTES_MAX)
        return KS_ELIMIT;
    return add_attribute(subject, NID_organizationName, ks_str_z(names->organisation))
            && add_attribute(subject, NID_commonName, ks_str_z(names->name))
        ? KS_OK
        : KS_ELIMIT; /* OpenSSL's own bounds (RFC 5280 appendix A.1): 64 characters */
}

struct new_authority {
    X509 *issuer; /* NULL: it signs itself */
    EVP_PKEY *issuer_key, *key;
    const char *constraints, *key_usage, *extended; /* extended: or NULL */
    const char *jid;                                /* a name beside the domains, or NULL */
    struct ks_str dealing;                          /* of officers, in DER, or empty */
};

static enum ks_err fill_authority(X509 *cert, const struct new_authority *what, const struct ks_authority_names *names,
    const struct ks_validity *validity, const char *domains)
{
    X509 *issuer = what->issuer ? what->issuer : cert;
    uint8_t serial[32];
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(what->key, &spki);
    enum ks_err err;

    if (len <= 0)
        return KS_ECRYPTO;
    ks_hash(KS_SHA256, ks_str((char *)spki, (size_t)len), serial); /* one authority of a key: one number */
    OPENSSL_free(spki);
    if ((err = name_authority(cert, names)) != KS_OK)
        return err;
    return X509_set_version(cert, X509_VERSION_3) && set_serial(cert, serial) && set_validity(cert, validity)
            && X509_set_issuer_name(cert, X509_get_subject_name(issuer)) && X509_set_pubkey(cert, what->key)
            && add_worded(cert, issuer, NID_basic_constraints, what->constraints)
            && add_worded(cert, issuer, NID_key_usage, what->key_usage)
            && (!what->extended || add_worded(cert, issuer, NID_ext_key_usage, what->extended))
            && add_worded(cert, issuer, NID_subject_key_identifier, "hash")
            && (!what->issuer || add_worded(cert, issuer, NID_authority_key_identifier, "keyid:always"))
            && (!names->domain_count || add_worded(cert, issuer, NID_subject_alt_name, domains))
            && (!what->dealing.len || add_extension(cert, raw_extension(KS_OID_DEALING, what->dealing)))
        ? KS_OK
        : KS_ENOMEM;
}

static enum ks_err make_authority(struct ks_arena *arena, const struct new_authority *what,
    const struct ks_authority_names *names, const struct ks_validity *validity, struct ks_str *ret_certificate)
{
    X509 *cert = X509_new();
    struct ks_buf domains;
    enum ks_err err;

    ks_buf_init(&domains, DOMAINS_BYTES_MAX);
    err = cert ? domain_words(names, what->jid, &domains) : KS_ENOMEM;
    if (err == KS_OK)
        err = fill_authority(cert, what, names, validity, domains.ptr);
    if (err == KS_OK)
        err = sign(arena, cert, what->issuer_key, ret_certificate);
    ks_buf_done(&domains);
    X509_free(cert);
    return err;
}

enum ks_err ks_authority_root(struct ks_arena *arena, EVP_PKEY *key, const struct ks_authority_names *names,
    const struct ks_validity *validity, struct ks_str *ret_certificate)
{
    const struct new_authority what = { NULL, key, key, "critical,CA:TRUE", SIGNS_CERTIFICATES, NULL, NULL };

    return make_authority(arena, &what, names, validity, ret_certificate);
}

enum ks_err ks_authority_issuing(struct ks_arena *arena, struct ks_str root, EVP_PKEY *root_key, EVP_PKEY *key,
    const struct ks_authority_names *names, const struct ks_validity *validity, struct ks_str *ret_certificate)
{
    X509 *issuer = read_authority(root, root_key);
    const struct new_authority what = { issuer, root_key, key, "critical,CA:TRUE,pathlen:0", SIGNS_CERTIFICATES, NULL,
        NULL };
    enum ks_err err = issuer ? make_authority(arena, &what, names, validity, ret_certificate) : KS_ESYNTAX;

    X509_free(issuer);
    return err;
}

enum ks_err ks_signer_issue(struct ks_arena *arena, struct ks_str root, EVP_PKEY *root_key, EVP_PKEY *key,
    const struct ks_authority_names *names, const char *jid, const struct ks_validity *validity,
    struct ks_str *ret_certificate)
{
    X509 *issuer = read_authority(root, root_key);
    const struct new_authority what = { issuer, root_key, key, "critical,CA:FALSE", "critical,digitalSignature",
        "clientAuth," ARC "2.2," ARC "2.3", jid };
    enum ks_err err = issuer ? make_authority(arena, &what, names, validity, ret_certificate) : KS_ESYNTAX;

    X509_free(issuer);
    return err;
}

/* --- officers --- */

/* NULL: the point is none. */
static EVP_PKEY *key_of(const uint8_t point[KS_SEAL_KEY_LEN])
{
    const struct ks_str front = KS_P256_SPKI;
    unsigned char spki[26 + KS_SEAL_KEY_LEN];
    const unsigned char *at = spki;

    assert(front.len + KS_SEAL_KEY_LEN == sizeof spki);
    memcpy(spki, front.ptr, front.len);
    memcpy(spki + front.len, point, KS_SEAL_KEY_LEN);
    return d2i_PUBKEY(NULL, &at, sizeof spki);
}

enum ks_err ks_officers_certify(struct ks_arena *arena, struct ks_str root, EVP_PKEY *root_key,
    const uint8_t key[KS_SEAL_KEY_LEN], const uint8_t dealing[32], const struct ks_authority_names *names,
    const struct ks_validity *validity, struct ks_str *ret_certificate)
{
    unsigned char octets[2 + 32] = { V_ASN1_OCTET_STRING, 32 };
    EVP_PKEY *public = key_of(key);
    X509 *issuer = read_authority(root, root_key);
    const struct new_authority what = { issuer, root_key, public, "critical,CA:FALSE", "critical,keyAgreement",
        ARC "2.5", NULL, ks_str(octets, sizeof octets) };
    enum ks_err err = !public ? KS_ECRYPTO : issuer ? KS_OK : KS_ESYNTAX;

    memcpy(octets + 2, dealing, 32);
    if (err == KS_OK)
        err = make_authority(arena, &what, names, validity, ret_certificate);
    X509_free(issuer);
    EVP_PKEY_free(public);
    return err;
}

/* --- what one says --- */

static void read_attribute(const X509_NAME *name, int nid, char to[201])
{
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    unsigned char *text = NULL;
    int len = at >= 0 ? ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at))) : -1;

    *to = 0;
    if (len >= 0 && len <= 200 && !memchr(text, 0, (size_t)len)) {
        memcpy(to, text, (size_t)len);
        to[len] = 0;
    }
    OPENSSL_free(text);
}

static enum ks_err read_domains(struct ks_arena *arena, const X509 *cert, struct ks_str *ret_domains)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    struct ks_buf list;
    enum ks_err err;

    ks_buf_init(&list, DOMAINS_BYTES_MAX);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int kind;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);
        if (kind != GEN_DNS)
            continue;
        if (list.len)
            ks_buf_byte(&list, ' ');
        ks_buf_add(&list, ks_str((const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)));
    }
    if ((err = ks_buf_err(&list)) == KS_OK)
        err = ks_arena_copy(arena, list.len ? ks_buf_str(&list) : KS_STR(""), ret_domains);
    ks_buf_done(&list);
    GENERAL_NAMES_free(names);
    return err;
}

static bool read_time(const ASN1_TIME *time, int64_t *ret_s)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days, seconds;
    bool good = epoch && ASN1_TIME_diff(&days, &seconds, epoch, time);

    if (good)
        *ret_s = (int64_t)days * 86400 + seconds;
    ASN1_TIME_free(epoch);
    return good;
}

enum ks_err ks_authority_read(struct ks_arena *arena, struct ks_str certificate, struct ks_authority_facts *ret_facts)
{
    X509 *cert = read_certificate(certificate);
    struct ks_authority_facts facts = { .root = false };
    unsigned char *spki = NULL;
    enum ks_err err = KS_ESYNTAX;
    int len = cert ? i2d_PUBKEY(X509_get0_pubkey(cert), &spki) : 0;

    if (len > 0 && X509_check_ca(cert) == 1 && read_time(X509_get0_notBefore(cert), &facts.validity.from_s)
        && read_time(X509_get0_notAfter(cert), &facts.validity.until_s)) {
        read_attribute(X509_get_subject_name(cert), NID_organizationName, facts.organisation);
        read_attribute(X509_get_subject_name(cert), NID_commonName, facts.name);
        facts.root = X509_self_signed(cert, 1) == 1;
        ks_hash(KS_SHA256, ks_str((char *)spki, (size_t)len), facts.key_hash);
        err = read_domains(arena, cert, &facts.domains);
    }
    if (err == KS_OK)
        *ret_facts = facts;
    OPENSSL_free(spki);
    X509_free(cert);
    return err;
}

/* --- requests --- */

/* The one extension with this name. Empty: none, or more. */
static struct ks_str extension_value(STACK_OF(X509_EXTENSION) * extensions, const ASN1_OBJECT *name)
{
    int at = X509v3_get_ext_by_OBJ(extensions, name, -1);
    const ASN1_OCTET_STRING *value;

    if (at < 0 || X509v3_get_ext_by_OBJ(extensions, name, at) >= 0)
        return KS_STR_EMPTY;
    value = X509_EXTENSION_get_data(X509v3_get_ext(extensions, at));
    return ks_str((const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
}

static enum ks_err read_extensions(struct ks_arena *arena, X509_REQ *req, struct ks_device_request *ret_request)
{
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
    ASN1_OBJECT *claims = object(KS_OID_CLAIMS);
    struct ks_str names = KS_STR_EMPTY;
    enum ks_err err = claims ? KS_ESYNTAX : KS_ENOMEM;

    if (claims && extensions && X509v3_get_ext_count(extensions) == 2
        && ks_device_claims_read(extension_value(extensions, claims), &ret_request->claims) == KS_OK)
        err = ks_arena_copy(arena, extension_value(extensions, OBJ_nid2obj(NID_subject_alt_name)), &names);
    if (err == KS_OK)
        err = ks_device_names_read(names, &ret_request->names);
    ASN1_OBJECT_free(claims);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return err;
}

static enum ks_err read_request(struct ks_arena *arena, X509_REQ *req, struct ks_device_request *ret_request)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(req);
    unsigned char *spki = NULL;
    enum ks_err err;
    int len;

    if (!key || EVP_PKEY_get_id(key) != EVP_PKEY_EC || EVP_PKEY_get_bits(key) != 256)
        return KS_ESYNTAX;
    if (X509_REQ_get_signature_nid(req) != NID_ecdsa_with_SHA256 || X509_REQ_verify(req, key) != 1)
        return KS_ECRYPTO;
    if ((err = read_extensions(arena, req, ret_request)) != KS_OK)
        return err;
    len = i2d_PUBKEY(key, &spki);
    if ((err = give_der(arena, len, spki, &ret_request->key)) != KS_OK)
        return err;
    /* A curve has one name, and a key one form: others of 256 bits, or half a point, would pass until here. */
    if (ret_request->key.len != KS_P256_SPKI.len + sizeof ret_request->point
        || !ks_str_starts(ret_request->key, KS_P256_SPKI))
        return KS_ESYNTAX;
    memcpy(ret_request->point, ret_request->key.ptr + KS_P256_SPKI.len, sizeof ret_request->point);
    ks_hash(KS_SHA256, ret_request->key, ret_request->key_hash);
    return KS_OK;
}

enum ks_err ks_device_request_read(struct ks_arena *arena, struct ks_str der, struct ks_device_request *ret_request)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    X509_REQ *req = der.len && der.len <= 4096 ? d2i_X509_REQ(NULL, &at, (long)der.len) : NULL;
    struct ks_device_request request = { .claims = { .device = 0 } };
    enum ks_err err = KS_ESYNTAX;

    if (req && at == (const unsigned char *)der.ptr + der.len)
        err = read_request(arena, req, &request);
    if (err == KS_OK)
        *ret_request = request;
    X509_REQ_free(req);
    return err;
}

/* --- certificates of devices --- */

static enum ks_err name_person(X509 *cert, const struct ks_device_person *person)
{
    X509_NAME *subject = X509_get_subject_name(cert);
    const struct ks_str texts[] = { person->name, person->profession, person->department, person->organisation,
        person->person };

    for (size_t i = 0; i < KS_COUNT(texts); i++)
        if (texts[i].len > NAME_BYTES_MAX)
            return KS_ELIMIT;
    return person->name.len && add_attribute(subject, NID_organizationName, person->organisation)
            && add_attribute(subject, NID_organizationalUnitName, person->department)
            && add_attribute(subject, NID_title, person->profession)
            && add_attribute(subject, NID_commonName, person->name)
            && add_attribute(subject, NID_serialNumber, person->person)
        ? KS_OK
        : KS_ELIMIT;
}

enum ks_err ks_device_person_check(const struct ks_device_person *person)
{
    X509 *cert = X509_new();
    enum ks_err err = cert ? name_person(cert, person) : KS_ENOMEM;

    X509_free(cert);
    return err;
}

static bool add_usages(X509 *cert)
{
    EXTENDED_KEY_USAGE *usages = sk_ASN1_OBJECT_new_null();
    ASN1_OBJECT *device = object(KS_OID_DEVICE);
    bool good = usages && device && sk_ASN1_OBJECT_push(usages, OBJ_nid2obj(NID_client_auth))
        && sk_ASN1_OBJECT_push(usages, device);

    if (good)
        device = NULL; /* the list's */
    good = good && X509_add1_ext_i2d(cert, NID_ext_key_usage, usages, 0, X509V3_ADD_APPEND) == 1;
    ASN1_OBJECT_free(device);
    sk_ASN1_OBJECT_pop_free(usages, ASN1_OBJECT_free);
    return good;
}

static bool add_names(X509 *cert, const struct ks_device_request *request)
{
    struct ks_buf names, claims;
    bool good;

    ks_buf_init(&names, KS_NAMES_BYTES_MAX + 8);
    ks_buf_init(&claims, KS_CLAIMS_BYTES_MAX);
    ks_device_names_write(&names, &request->names);
    ks_device_claims_write(&claims, &request->claims);
    good = ks_buf_err(&names) == KS_OK && ks_buf_err(&claims) == KS_OK
        && add_extension(cert, raw_extension(KS_STR("\x55\x1d\x11"), ks_buf_str(&names)))
        && add_extension(cert, raw_extension(KS_OID_CLAIMS, ks_buf_str(&claims)));
    ks_buf_done(&claims);
    ks_buf_done(&names);
    return good;
}

static enum ks_err fill_device(X509 *cert, X509 *issuer, const struct ks_device_request *request,
    const struct ks_device_person *person, const uint8_t serial[KS_SERIAL_LEN], const struct ks_validity *validity)
{
    const unsigned char *at = (const unsigned char *)request->key.ptr;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)request->key.len);
    enum ks_err err = key ? name_person(cert, person) : KS_ESYNTAX;

    if (err == KS_OK
        && !(X509_set_version(cert, X509_VERSION_3) && set_serial(cert, serial) && set_validity(cert, validity)
            && X509_set_issuer_name(cert, X509_get_subject_name(issuer)) && X509_set_pubkey(cert, key)
            && add_worded(cert, issuer, NID_basic_constraints, "critical,CA:FALSE")
            && add_worded(cert, issuer, NID_key_usage, "critical,digitalSignature") && add_usages(cert)
            && add_worded(cert, issuer, NID_subject_key_identifier, "hash")
            && add_worded(cert, issuer, NID_authority_key_identifier, "keyid:always") && add_names(cert, request)))
        err = KS_ENOMEM;
    EVP_PKEY_free(key);
    return err;
}

enum ks_err ks_device_issue(struct ks_arena *arena, struct ks_str issuing, EVP_PKEY *issuing_key,
    const struct ks_device_request *request, const struct ks_device_person *person, const uint8_t serial[KS_SERIAL_LEN],
    const struct ks_validity *validity, struct ks_str *ret_certificate)
{
    X509 *issuer = read_authority(issuing, issuing_key), *cert = X509_new();
    enum ks_err err = !cert ? KS_ENOMEM : !issuer ? KS_ESYNTAX : KS_OK;

    if (err == KS_OK)
        err = fill_device(cert, issuer, request, person, serial, validity);
    if (err == KS_OK)
        err = sign(arena, cert, issuing_key, ret_certificate);
    X509_free(cert);
    X509_free(issuer);
    return err;
}

/* --- lists of revoked ones --- */

static bool add_revoked(X509_CRL *crl, const struct ks_revoked *what)
{
    X509_REVOKED *one = X509_REVOKED_new();
    BIGNUM *serial = BN_bin2bn((const unsigned char *)what->serial.ptr, (int)what->serial.len, NULL);
    ASN1_INTEGER *number = serial ? BN_to_ASN1_INTEGER(serial, NULL) : NULL;
    ASN1_TIME *since = ASN1_TIME_set(NULL, (time_t)what->since_s);
    bool good = one && number && since && X509_REVOKED_set_serialNumber(one, number)
        && X509_REVOKED_set_revocationDate(one, since) && X509_CRL_add0_revoked(crl, one);

    if (!good)
        X509_REVOKED_free(one);
    ASN1_TIME_free(since);
    ASN1_INTEGER_free(number);
    BN_free(serial);
    return good;
}

static bool set_times(X509_CRL *crl, const struct ks_validity *validity)
{
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)validity->from_s);
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)validity->until_s);
    bool good = from && until && X509_CRL_set1_lastUpdate(crl, from) && X509_CRL_set1_nextUpdate(crl, until);

    ASN1_TIME_free(until);
    ASN1_TIME_free(from);
    return good;
}

static bool number_crl(X509_CRL *crl, X509 *issuer, uint64_t number)
{
    ASN1_INTEGER *value = ASN1_INTEGER_new();
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);
    AUTHORITY_KEYID *key = AUTHORITY_KEYID_new();
    bool good = value && key && ASN1_INTEGER_set_uint64(value, number)
        && X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, X509V3_ADD_APPEND) == 1;

    if (good && id) {
        key->keyid = ASN1_OCTET_STRING_dup(id);
        good = key->keyid && X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, key, 0, X509V3_ADD_APPEND) == 1;
    }
    AUTHORITY_KEYID_free(key);
    ASN1_INTEGER_free(value);
    return good;
}

/* K.3: SEQUENCE { size INTEGER, root OCTET STRING }. */
static bool name_log(X509_CRL *crl, const struct ks_crl_facts *facts)
{
    struct ks_buf in, der;
    X509_EXTENSION *extension = NULL;
    bool good;

    ks_buf_init(&in, 64);
    ks_buf_init(&der, 64);
    ks_der_put_number(&in, KS_DER_INTEGER, facts->size);
    ks_der_put(&in, KS_DER_OCTETS, ks_str(facts->root, sizeof facts->root));
    ks_der_put(&der, KS_DER_SEQUENCE, ks_buf_str(&in));
    if (ks_buf_err(&in) == KS_OK && ks_buf_err(&der) == KS_OK)
        extension = raw_extension(KS_OID_LOG, ks_buf_str(&der));
    good = extension && X509_CRL_add_ext(crl, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    ks_buf_done(&der);
    ks_buf_done(&in);
    return good;
}

enum ks_err ks_authority_crl(struct ks_arena *arena, struct ks_str issuing, EVP_PKEY *issuing_key,
    const struct ks_revoked *revoked, size_t count, const struct ks_crl_facts *facts, struct ks_str *ret_crl)
{
    X509 *issuer = read_authority(issuing, issuing_key);
    X509_CRL *crl = X509_CRL_new();
    unsigned char *bytes = NULL;
    int len;
    enum ks_err err = !crl ? KS_ENOMEM : !issuer ? KS_ESYNTAX : KS_OK;

    if (err == KS_OK
        && !(X509_CRL_set_version(crl, X509_CRL_VERSION_2)
            && X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) && set_times(crl, &facts->validity)
            && number_crl(crl, issuer, facts->number) && name_log(crl, facts)))
        err = KS_ENOMEM;
    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = add_revoked(crl, &revoked[i]) ? KS_OK : KS_ENOMEM;
    if (err == KS_OK && (!X509_CRL_sort(crl) || !X509_CRL_sign(crl, issuing_key, EVP_sha256())))
        err = KS_ECRYPTO;
    if (err == KS_OK) {
        len = i2d_X509_CRL(crl, &bytes);
        err = give_der(arena, len, bytes, ret_crl);
    }
    X509_CRL_free(crl);
    X509_free(issuer);
    return err;
}
