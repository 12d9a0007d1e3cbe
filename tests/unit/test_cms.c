/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Signed messages as files (doc/PROTOCOL.md §20.4): OpenSSL takes what we write, we take what OpenSSL writes in that
 * form, and nothing that was changed or has another form. */
#include "cms.h"

#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/x509_vfy.h>

#include "clinic.h"
#include "der.h"
#include "failmalloc.h"

static X509 *certificate(struct ks_str der)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);

    must(x ? KS_OK : KS_ENOMEM, "OpenSSL's certificate");
    return x;
}

static EVP_PKEY *key_of(const struct member *m)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *secret = BN_bin2bn(m->secret, sizeof m->secret, NULL);
    uint8_t public[KS_P256_PUBLIC_LEN];
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    must(ks_p256_public(m->secret, public), "a public key");
    if (!OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0)
        || !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, secret)
        || !OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, public, sizeof public)
        || !(params = OSSL_PARAM_BLD_to_param(bld)) || EVP_PKEY_fromdata_init(ctx) <= 0
        || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) <= 0)
        must(KS_ECRYPTO, "OpenSSL's key");
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(secret);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* --- OpenSSL as reader --- */

static bool openssl_takes(struct ks_str root, struct ks_str der)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)der.len);
    X509_STORE *store = X509_STORE_new();
    X509 *top = certificate(root);
    bool good;

    X509_STORE_add_cert(store, top);
    X509_VERIFY_PARAM_set_purpose(X509_STORE_get0_param(store), X509_PURPOSE_ANY);
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), NOW);
    good = cms && at == (const unsigned char *)der.ptr + der.len
        && CMS_verify(cms, NULL, store, NULL, NULL, CMS_BINARY) == 1;
    X509_free(top);
    X509_STORE_free(store);
    CMS_ContentInfo_free(cms);
    return good;
}

/* --- OpenSSL as writer --- */

static struct ks_str openssl_bytes(CMS_ContentInfo *cms)
{
    unsigned char *bytes = NULL;
    int len = i2d_CMS_ContentInfo(cms, &bytes);
    struct ks_str copy;

    must(len > 0 ? KS_OK : KS_ENOMEM, "OpenSSL's bytes");
    must(ks_arena_copy(&arena, ks_str(bytes, (size_t)len), &copy), "a copy");
    OPENSSL_free(bytes);
    return copy;
}

/* digest NULL: SHA-256. second: signs, too, unless NULL. more: certificates, or NULL. */
static struct ks_str openssl_signs(const struct member *m, struct ks_str data, unsigned flags, const EVP_MD *digest,
    const struct member *second, const struct ks_str more[2])
{
    struct ks_str certificates[] = { m->chain[1], more ? more[0] : KS_STR_EMPTY, more ? more[1] : KS_STR_EMPTY };
    BIO *in = BIO_new_mem_buf(data.ptr, (int)data.len);
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags | CMS_BINARY | CMS_PARTIAL);
    const struct member *signers[] = { m, second };
    struct ks_str bytes;

    for (size_t i = 0; i < 2 && signers[i]; i++) {
        X509 *x = certificate(signers[i]->chain[0]);
        EVP_PKEY *key = key_of(signers[i]);

        if (!CMS_add1_signer(cms, x, key, digest ? digest : EVP_sha256(), flags | CMS_BINARY | CMS_PARTIAL))
            must(KS_ECRYPTO, "OpenSSL's signer");
        EVP_PKEY_free(key);
        X509_free(x);
    }
    for (size_t i = 0; i < KS_COUNT(certificates) && !(flags & CMS_NOCERTS); i++)
        if (certificates[i].len && !CMS_add0_cert(cms, certificate(certificates[i])))
            must(KS_ECRYPTO, "OpenSSL's certificate");
    if (!CMS_final(cms, in, NULL, flags | CMS_BINARY))
        must(KS_ECRYPTO, "OpenSSL's signature");
    bytes = openssl_bytes(cms);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
    return bytes;
}

/* --- rows --- */

static void check_verdict(const char *name, struct ks_str der, enum ks_cms_verdict want)
{
    struct ks_cms read;
    enum ks_cms_verdict got = ks_cms_read(der, &read);

    check_row(got == want, name, "%s, not %s", ks_cms_verdict_name(got), ks_cms_verdict_name(want));
}

static struct ks_str ours(const struct member *m, struct ks_str data)
{
    struct ks_cms cms = { .content = data, .chain = { m->chain[0], m->chain[1] }, .count = 2 };
    struct ks_str der;

    ks_clinical_sign(m->secret, data, cms.signature);
    must(ks_cms_write(&arena, &cms, &der), "writing");
    return der;
}

static bool we_take(const struct clinic *c, struct ks_str der)
{
    struct ks_clinical_report report;
    struct ks_arena own;
    struct ks_cms cms;
    bool good = false;

    ks_arena_init(&own, KS_CLINICAL_ARENA_MAX);
    if (ks_cms_read(der, &cms) == KS_CMS_GOOD) {
        must(ks_clinical_check(&own, cms.content, cms.signature, cms.chain, cms.count, c->root, NULL, &report),
            "checking");
        good = report.verdict == KS_CLINICAL_GOOD;
    }
    ks_arena_done(&own);
    return good;
}

static bool within(struct ks_str der, struct ks_str piece, size_t at)
{
    size_t from = ks_str_find(der, piece);

    return at >= from && at < from + piece.len;
}

/* OpenSSL does not mind other versions, nor other names of the content's type and of the algorithms. */
static bool matters(struct ks_str der, const struct ks_cms *cms, size_t at)
{
    return within(der, cms->content, at) || within(der, cms->chain[0], at) || within(der, cms->chain[1], at)
        || at >= der.len - 68; /* the shortest signature that is likely */
}

static void test_both(const struct clinic *c, const struct member *anna)
{
    struct ks_clinical order = an_order();
    struct ks_str data = written(&order), der = ours(anna, data), theirs, again;
    struct ks_cms cms;
    unsigned good = 0, there = 0, around = 0;

    check_row(we_take(c, der), "what we write, we take", "not so");
    check_row(openssl_takes(c->root, der), "and OpenSSL takes", "not so");
    must(ks_cms_read(der, &cms) == KS_CMS_GOOD ? KS_OK : KS_ESYNTAX, "reading");
    check_row(ks_str_eq(cms.content, data) && cms.count == 2 && ks_str_eq(cms.chain[0], anna->chain[0])
            && ks_str_eq(cms.chain[1], c->issuing),
        "it has the bytes that were signed, and the chain in its order", "others");
    for (size_t i = 0; i < der.len; i++) {
        struct ks_str changed = flipped(der, i);

        good += we_take(c, changed);
        there += matters(der, &cms, i) && openssl_takes(c->root, changed);
        around += matters(der, &cms, i);
    }
    check_row(!good, "attack 55: none of its bytes can be changed", "%u of %zu can", good, der.len);
    check_row(!there && around + 190 > der.len, "nor, for OpenSSL, any of content, certificates and signature",
        "%u of %u can", there, around);
    for (size_t i = 0; i < der.len; i++)
        good += we_take(c, ks_str_head(der, i));
    check_row(!good, "nor can it be cut", "%u", good);
    theirs = openssl_signs(anna, data, CMS_NOATTR, NULL, NULL, NULL);
    check_row(we_take(c, theirs), "what OpenSSL writes in that form, we take", "%s",
        ks_cms_verdict_name(ks_cms_read(theirs, &cms)));
    must(ks_cms_read(theirs, &cms) == KS_CMS_GOOD ? KS_OK : KS_ESYNTAX, "reading");
    must(ks_cms_write(&arena, &cms, &again), "writing it anew");
    check_row(ks_str_eq(again, theirs), "and would have written the same", "%zu and %zu bytes", again.len, theirs.len);
}

static struct ks_str joined(struct ks_str a, struct ks_str b)
{
    const struct ks_str parts[] = { a, b };
    struct ks_str made;

    must(ks_arena_join(&arena, parts, 2, &made), "joining");
    return made;
}

/* With one piece, which is there once, put in the place of another. */
static struct ks_str replaced(struct ks_str der, struct ks_str piece, struct ks_str other)
{
    size_t at = ks_str_find(der, piece);

    must(at < der.len && piece.len == other.len ? KS_OK : KS_ENOTFOUND, "a piece");
    return joined(joined(ks_str_head(der, at), other), ks_str_from(der, at + piece.len));
}

static void test_refused(const struct clinic *c, const struct member *anna)
{
    struct member jonas = new_member(c, JONAS, "Jonas Weber", "Kardiologie");
    struct clinic foreign = new_clinic("klinik.example");
    struct ks_clinical order = an_order();
    struct ks_str data = written(&order), der = ours(anna, data), more;
    const struct ks_str strange[2] = { jonas.chain[0] }, rooted[2] = { c->root }, both[2] = { c->root, jonas.chain[0] };
    struct ks_cms cms;

    check_verdict("attack 55: signed attributes", openssl_signs(anna, data, 0, NULL, NULL, NULL), KS_CMS_ATTRIBUTES);
    check_verdict(
        "attack 55: a second signer", openssl_signs(anna, data, CMS_NOATTR, NULL, &jonas, NULL), KS_CMS_SIGNERS);
    check_verdict("SHA-512", openssl_signs(anna, data, CMS_NOATTR, EVP_sha512(), NULL, NULL), KS_CMS_ALGORITHM);
    check_verdict("SHA-1", openssl_signs(anna, data, CMS_NOATTR, EVP_sha1(), NULL, NULL), KS_CMS_ALGORITHM);
    check_verdict(
        "without its content", openssl_signs(anna, data, CMS_NOATTR | CMS_DETACHED, NULL, NULL, NULL), KS_CMS_CONTENT);
    check_verdict("without certificates", openssl_signs(anna, data, CMS_NOATTR | CMS_NOCERTS, NULL, NULL, NULL),
        KS_CMS_CERTIFICATES);
    check_verdict("with one that does not belong to it", openssl_signs(anna, data, CMS_NOATTR, NULL, NULL, strange),
        KS_CMS_CERTIFICATES);
    check_verdict(
        "nor with the root, too", openssl_signs(anna, data, CMS_NOATTR, NULL, NULL, both), KS_CMS_CERTIFICATES);
    check_verdict("control: with the root", openssl_signs(anna, data, CMS_NOATTR, NULL, NULL, rooted), KS_CMS_GOOD);
    check_verdict("the signer named by its key",
        openssl_signs(anna, data, CMS_NOATTR | CMS_USE_KEYID, NULL, NULL, NULL), KS_CMS_MALFORMED);
    check_verdict("a byte behind it", joined(der, KS_STR("\0")), KS_CMS_MALFORMED);
    check_verdict("nothing", KS_STR_EMPTY, KS_CMS_MALFORMED);
    check_verdict("text", data, KS_CMS_MALFORMED);
    check_verdict("BER: a length that has no end",
        joined(joined(KS_STR("\x30\x80"), ks_str_from(der, 4)), KS_STR("\0\0")), KS_CMS_MALFORMED);
    check_verdict("BER: a length of five bytes where three suffice",
        joined(joined(KS_STR("\x30\x83\0"), ks_str_head(ks_str_from(der, 2), 2)), ks_str_from(der, 4)),
        KS_CMS_MALFORMED);
    check_verdict("control: those bytes, as they were",
        joined(joined(KS_STR("\x30\x82"), ks_str_head(ks_str_from(der, 2), 2)), ks_str_from(der, 4)), KS_CMS_GOOD);
    check_verdict("content of another kind",
        replaced(der, KS_STR("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"), KS_STR("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x05")),
        KS_CMS_CONTENT);
    check_verdict("another kind of CMS",
        replaced(der, KS_STR("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), KS_STR("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")),
        KS_CMS_MALFORMED);
    must(ks_cms_read(der, &cms) == KS_CMS_GOOD ? KS_OK : KS_ESYNTAX, "reading");
    check_verdict("its certificates in another order than DER's",
        replaced(der, joined(anna->chain[1], anna->chain[0]), joined(anna->chain[0], anna->chain[1])),
        KS_CMS_CERTIFICATES);
    cms.chain[1] = foreign.issuing;
    check_row(ks_cms_write(&arena, &cms, &more) == KS_OK && !openssl_takes(c->root, more) && !we_take(c, more),
        "an authority of the same name that did not sign it: neither takes it", "one does");
    cms.chain[1] = jonas.chain[0];
    check_err("a chain that is none is not written", ks_cms_write(&arena, &cms, &more), KS_ESYNTAX);
    cms.count = 0;
    check_err("nor is one of nobody", ks_cms_write(&arena, &cms, &more), KS_ESYNTAX);
    cms.count = KS_CHAIN_MAX + 1;
    check_err("nor one of five", ks_cms_write(&arena, &cms, &more), KS_ESYNTAX);
    clinic_done(&foreign);
}

/* The same elements, and one more at the end of the constructed one that *countdown comes to. */
static struct ks_str grown(struct ks_str elements, int *countdown)
{
    struct ks_cursor at = ks_cursor(elements);
    struct ks_str content, made = KS_STR_EMPTY;
    struct ks_buf buf;

    while (!ks_cursor_done(&at)) {
        uint8_t tag = (uint8_t)at.left.ptr[0];

        must(ks_der_take(&at, tag, &content), "an element");
        if (tag & 0x20)
            content = grown(content, countdown);
        ks_buf_init(&buf, 2 * KS_CMS_BYTES_MAX);
        ks_der_put(&buf, tag, content);
        made = joined(made, ks_buf_str(&buf));
        ks_buf_done(&buf);
    }
    return (*countdown)-- == 0 ? joined(made, KS_STR("\x05\x00")) : made;
}

/* That, at the end of the constructed element of that number; false: there are fewer. */
static bool grown_at(struct ks_str der, int place, struct ks_str *ret_more)
{
    int left = place;

    *ret_more = grown(der, &left);
    return left < 0;
}

static void test_more(const struct clinic *c, const struct member *anna)
{
    struct ks_clinical order = an_order();
    struct ks_str der = ours(anna, written(&order)), more, again;
    int good = 0, twice = 0, places = 0;

    for (; grown_at(der, places, &more); places++)
        if (we_take(c, more)) {
            good++;
            twice += !grown_at(more, places, &again) || we_take(c, again);
        }
    /* RFC 5754 §2: the two algorithms may have parameters, if they are NULL. */
    check_row(places > 60 && good == 2 && !twice,
        "nor is anything more in it, wherever it stands, but NULL behind SHA-256, once", "%d of %d are taken, %d twice",
        good, places, twice);
}

/* r and s of one byte, of 32, with the highest bit; and what is no shortest form. */
static void test_numbers(const struct member *anna)
{
    struct ks_cms cms = { .content = KS_STR("x"), .chain = { anna->chain[0], anna->chain[1] }, .count = 2 }, read;
    unsigned wrong = 0;
    struct ks_str der;

    for (unsigned first = 0; first < 256; first++)
        for (size_t zeroes = 0; zeroes < 32; zeroes += 31) {
            memset(cms.signature, 0x80, sizeof cms.signature);
            memset(cms.signature, 0, zeroes);
            cms.signature[zeroes] = (uint8_t)first;
            wrong += ks_cms_write(&arena, &cms, &der) != KS_OK || ks_cms_read(der, &read) != KS_CMS_GOOD
                || memcmp(read.signature, cms.signature, sizeof cms.signature) != 0;
        }
    check_row(!wrong, "numbers of every length are read as they were", "%u are not", wrong);
    memset(cms.signature, 1, sizeof cms.signature);
    cms.signature[0] = 0;
    must(ks_cms_write(&arena, &cms, &der), "writing");
    check_verdict("a number that is less than zero",
        replaced(der, KS_STR("\x02\x1f\x01\x01"), KS_STR("\x02\x1f\xff\x01")), KS_CMS_MALFORMED);
    check_verdict("one with a zero too many", replaced(der, KS_STR("\x02\x1f\x01\x01"), KS_STR("\x02\x1f\x00\x01")),
        KS_CMS_MALFORMED);
}

static void test_limits(const struct member *anna)
{
    struct ks_cms cms = { .chain = { anna->chain[0], anna->chain[1] }, .count = 2 }, read;
    char *text = ks_arena_alloc(&arena, KS_CMS_BYTES_MAX);
    struct ks_str der = KS_STR_EMPTY, small, more;
    size_t len = KS_CMS_BYTES_MAX - 4000;
    int place = 0;

    must(text ? KS_OK : KS_ENOMEM, "text");
    memset(text, 'x', KS_CMS_BYTES_MAX);
    for (cms.content = ks_str(text, len); ks_cms_write(&arena, &cms, &der) == KS_OK; cms.content.len++)
        len = der.len;
    check_row(len == KS_CMS_BYTES_MAX, "it is written up to its limit", "%zu", len);
    check_verdict("and read", der, KS_CMS_GOOD);
    must(ks_cms_write(&arena, &(struct ks_cms) { KS_STR("x"), { anna->chain[0], anna->chain[1] }, 2, { 1 } }, &small),
        "writing");
    while (grown_at(small, place, &more) && ks_cms_read(more, &read) != KS_CMS_GOOD)
        place++;
    check_row(grown_at(small, place, &more), "control: a short one may have a NULL more", "nowhere");
    check_verdict("one over the limit by that is refused", grown_at(der, place, &more) ? more : der, KS_CMS_MALFORMED);
    for (int n = 1, wrong = 0;; n++) {
        struct ks_arena own;
        bool on = fail_nth(n);
        enum ks_err err;

        ks_arena_init(&own, 1u << 20);
        cms.content = KS_STR("x");
        err = ks_cms_write(&own, &cms, &der);
        wrong += err == KS_OK ? ks_cms_read(der, &read) != KS_CMS_GOOD : err != KS_ENOMEM;
        on = on && fail_stop();
        ks_arena_done(&own);
        if (!on) {
            check_row(n > 10 && !wrong, "without memory it says so", "%d of %d", wrong, n);
            return;
        }
    }
}

/* tests/fixtures/clinical: made once by the openssl program, from a device's key and the same bytes. */
static struct ks_str fixture(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *bytes = ks_arena_alloc(&arena, KS_CMS_BYTES_MAX);
    size_t len;

    must(file && bytes ? KS_OK : KS_EIO, path);
    len = fread(bytes, 1, KS_CMS_BYTES_MAX, file);
    fclose(file);
    return ks_str(bytes, len);
}

static void test_known(void)
{
    struct ks_str der = fixture(FIXTURES "/openssl.p7m"), root = fixture(FIXTURES "/root.der"), again;
    struct ks_clinical_report report;
    struct ks_cms cms;

    check_verdict("known answer: a file of openssl's", der, KS_CMS_GOOD);
    must(ks_cms_read(der, &cms) == KS_CMS_GOOD ? KS_OK : KS_ESYNTAX, "reading");
    must(ks_cms_write(&arena, &cms, &again), "writing it anew");
    check_row(ks_str_eq(again, der), "we would have written the same", "%zu and %zu bytes", again.len, der.len);
    must(ks_clinical_check(&arena, cms.content, cms.signature, cms.chain, cms.count, root, NULL, &report), "checking");
    check_row(report.verdict == KS_CLINICAL_GOOD, "is signed by whom it says", "%s",
        ks_clinical_verdict_name(report.verdict));
    check_str("her name", report.signer.name, KS_STR("Dr. Jana Brandt"));
    check_str("and her words", report.clinical.text, an_order().text);
}

int main(void)
{
    uint8_t seed[KS_PRNG_SEED_LEN] = { 8 };
    struct member anna;
    struct clinic c;

    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_arena_init(&arena, 1u << 30);
    ks_prng_init(&chance, seed);
    c = new_clinic("klinik.example");
    anna = new_member(&c, ANNA, "Dr. Jana Brandt", "Kardiologie");
    test_both(&c, &anna);
    test_refused(&c, &anna);
    test_more(&c, &anna);
    test_numbers(&anna);
    test_limits(&anna);
    test_known();
    clinic_done(&c);
    ks_prng_done(&chance);
    ks_arena_done(&arena);
    return check_done();
}
