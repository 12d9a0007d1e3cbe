/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cms.h"

#include "der.h"

#define OID_SIGNED_DATA KS_STR("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")
#define OID_DATA KS_STR("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
#define OID_SHA256 KS_STR("\x60\x86\x48\x01\x65\x03\x04\x02\x01")
#define OID_ECDSA_SHA256 KS_STR("\x2a\x86\x48\xce\x3d\x04\x03\x02")
#define VERSION 1 /* of both: RFC 5652 §5.1, §5.3 */
#define EXPLICIT (KS_DER_CONSTRUCTED | 0)
#define COORDINATE 32

/* --- pieces --- */

/* The next element with its tag and length. */
static enum ks_err take_whole(struct ks_cursor *at, uint8_t tag, struct ks_str *ret_whole)
{
    struct ks_str before = at->left, content;
    enum ks_err err = ks_der_take(at, tag, &content);

    if (err == KS_OK)
        *ret_whole = ks_str_head(before, before.len - at->left.len);
    return err;
}

/* The only element of a text. */
static enum ks_err take_only(struct ks_str text, uint8_t tag, struct ks_str *ret_content)
{
    struct ks_cursor at = ks_cursor(text);

    return ks_der_take(&at, tag, ret_content) == KS_OK && ks_cursor_done(&at) ? KS_OK : KS_ESYNTAX;
}

/* What a certificate is called by (RFC 5280 §4.1). Names with tag and length; the serial number without. */
struct names {
    struct ks_str serial, issuer, subject;
};

static enum ks_err read_names(struct ks_str certificate, struct names *ret_names)
{
    struct ks_str whole, tbs, skipped;
    struct ks_cursor at;

    if (take_only(certificate, KS_DER_SEQUENCE, &whole) != KS_OK)
        return KS_ESYNTAX;
    at = ks_cursor(whole);
    if (ks_der_take(&at, KS_DER_SEQUENCE, &tbs) != KS_OK)
        return KS_ESYNTAX;
    at = ks_cursor(tbs);
    if (ks_der_take(&at, EXPLICIT, &skipped) != KS_OK /* version */
        || ks_der_take(&at, KS_DER_INTEGER, &ret_names->serial) != KS_OK
        || ks_der_take(&at, KS_DER_SEQUENCE, &skipped) != KS_OK /* algorithm */
        || take_whole(&at, KS_DER_SEQUENCE, &ret_names->issuer) != KS_OK
        || ks_der_take(&at, KS_DER_SEQUENCE, &skipped) != KS_OK /* validity */
        || take_whole(&at, KS_DER_SEQUENCE, &ret_names->subject) != KS_OK)
        return KS_ESYNTAX;
    return KS_OK;
}

/* --- reading --- */

/* RFC 5754 §2: parameters of SHA-256 are absent, or NULL. */
static bool is_sha256(struct ks_str algorithm)
{
    struct ks_cursor at = ks_cursor(algorithm);
    struct ks_str oid, null;

    if (ks_der_take(&at, KS_DER_OID, &oid) != KS_OK || !ks_str_eq(oid, OID_SHA256))
        return false;
    return ks_cursor_done(&at) || (ks_der_take(&at, KS_DER_NULL, &null) == KS_OK && !null.len && ks_cursor_done(&at));
}

/* RFC 5758 §3.2: without parameters. */
static bool is_ecdsa(struct ks_str algorithm)
{
    struct ks_str oid;

    return take_only(algorithm, KS_DER_OID, &oid) == KS_OK && ks_str_eq(oid, OID_ECDSA_SHA256);
}

/* One of the two numbers of a signature, in its shortest form. */
static enum ks_err take_coordinate(struct ks_cursor *at, uint8_t ret_bytes[COORDINATE])
{
    struct ks_str number;

    if (ks_der_take(at, KS_DER_INTEGER, &number) != KS_OK || !number.len || number.ptr[0] & 0x80)
        return KS_ESYNTAX;
    if (number.len > 1 && !number.ptr[0]) {
        number = ks_str_from(number, 1);
        if (!(number.ptr[0] & 0x80))
            return KS_ESYNTAX;
    }
    if (number.len > COORDINATE)
        return KS_ESYNTAX;
    memset(ret_bytes, 0, COORDINATE);
    memcpy(ret_bytes + COORDINATE - number.len, number.ptr, number.len);
    return KS_OK;
}

static enum ks_err read_signature(struct ks_str der, uint8_t ret_signature[KS_P256_SIGNATURE_LEN])
{
    struct ks_str sequence;
    struct ks_cursor at;

    if (take_only(der, KS_DER_SEQUENCE, &sequence) != KS_OK)
        return KS_ESYNTAX;
    at = ks_cursor(sequence);
    return take_coordinate(&at, ret_signature) == KS_OK && take_coordinate(&at, ret_signature + COORDINATE) == KS_OK
            && ks_cursor_done(&at)
        ? KS_OK
        : KS_ESYNTAX;
}

/* SignerInfo (RFC 5652 §5.3). issuer and serial: of the signer's certificate. */
static enum ks_cms_verdict read_signer(struct ks_str info, struct names *ret_by, uint8_t *ret_signature)
{
    struct ks_cursor at = ks_cursor(info), in;
    struct ks_str by, digest, algorithm, signature, attributes;
    uint64_t version;

    if (ks_der_take_number(&at, KS_DER_INTEGER, VERSION, &version) != KS_OK || version != VERSION
        || ks_der_take(&at, KS_DER_SEQUENCE, &by) != KS_OK || ks_der_take(&at, KS_DER_SEQUENCE, &digest) != KS_OK)
        return KS_CMS_MALFORMED;
    in = ks_cursor(by);
    if (take_whole(&in, KS_DER_SEQUENCE, &ret_by->issuer) != KS_OK
        || ks_der_take(&in, KS_DER_INTEGER, &ret_by->serial) != KS_OK || !ks_cursor_done(&in))
        return KS_CMS_MALFORMED;
    if (ks_der_take(&at, EXPLICIT, &attributes) == KS_OK)
        return KS_CMS_ATTRIBUTES;
    if (ks_der_take(&at, KS_DER_SEQUENCE, &algorithm) != KS_OK || ks_der_take(&at, KS_DER_OCTETS, &signature) != KS_OK)
        return KS_CMS_MALFORMED;
    if (!ks_cursor_done(&at))
        return ks_der_take(&at, KS_DER_CONSTRUCTED | 1, &attributes) == KS_OK ? KS_CMS_ATTRIBUTES : KS_CMS_MALFORMED;
    if (!is_sha256(digest) || !is_ecdsa(algorithm))
        return KS_CMS_ALGORITHM;
    return read_signature(signature, ret_signature) == KS_OK ? KS_CMS_GOOD : KS_CMS_MALFORMED;
}

static enum ks_cms_verdict read_signers(struct ks_str infos, struct names *ret_by, uint8_t *ret_signature)
{
    struct ks_cursor at = ks_cursor(infos);
    struct ks_str info;

    if (ks_cursor_done(&at))
        return KS_CMS_SIGNERS;
    if (ks_der_take(&at, KS_DER_SEQUENCE, &info) != KS_OK)
        return KS_CMS_MALFORMED;
    return ks_cursor_done(&at) ? read_signer(info, ret_by, ret_signature) : KS_CMS_SIGNERS;
}

/* Puts the certificates in the order of their chain, each of them used: a stranger's is not to be carried along. */
static enum ks_cms_verdict read_chain(struct ks_str set, const struct names *by, struct ks_cms *cms)
{
    struct ks_str all[KS_CHAIN_MAX];
    struct names names[KS_CHAIN_MAX], *last = NULL;
    struct ks_cursor at = ks_cursor(set);
    bool used[KS_CHAIN_MAX] = { false };
    size_t count = 0;

    for (; !ks_cursor_done(&at); count++)
        if (count == KS_CHAIN_MAX || take_whole(&at, KS_DER_SEQUENCE, &all[count]) != KS_OK
            || read_names(all[count], &names[count]) != KS_OK
            || (count && ks_str_cmp(all[count - 1], all[count]) >= 0)) /* X.690 §11.6 */
            return KS_CMS_CERTIFICATES;
    for (cms->count = 0; cms->count < count; cms->count++) {
        size_t i = 0;

        while (i < count
            && (used[i]
                || (last ? !ks_str_eq(names[i].subject, last->issuer)
                         : !ks_str_eq(names[i].issuer, by->issuer) || !ks_str_eq(names[i].serial, by->serial))))
            i++;
        if (i == count)
            return KS_CMS_CERTIFICATES;
        used[i] = true;
        last = &names[i];
        cms->chain[cms->count] = all[i];
    }
    return cms->count ? KS_CMS_GOOD : KS_CMS_CERTIFICATES;
}

static enum ks_cms_verdict read_content(struct ks_str encapsulated, struct ks_str *ret_content)
{
    struct ks_cursor at = ks_cursor(encapsulated);
    struct ks_str oid, explicit;

    if (ks_der_take(&at, KS_DER_OID, &oid) != KS_OK || !ks_str_eq(oid, OID_DATA)
        || ks_der_take(&at, EXPLICIT, &explicit) != KS_OK || !ks_cursor_done(&at)
        || take_only(explicit, KS_DER_OCTETS, ret_content) != KS_OK)
        return KS_CMS_CONTENT;
    return KS_CMS_GOOD;
}

/* SignedData (RFC 5652 §5.1), without lists of revoked certificates. */
static enum ks_cms_verdict read_signed_data(struct ks_str data, struct ks_cms *cms)
{
    struct ks_cursor at = ks_cursor(data);
    struct ks_str digests, digest, content, certificates, signers;
    enum ks_cms_verdict verdict;
    struct names by;
    uint64_t version;

    if (ks_der_take_number(&at, KS_DER_INTEGER, VERSION, &version) != KS_OK || version != VERSION
        || ks_der_take(&at, KS_DER_SET, &digests) != KS_OK || ks_der_take(&at, KS_DER_SEQUENCE, &content) != KS_OK)
        return KS_CMS_MALFORMED;
    if ((verdict = read_content(content, &cms->content)) != KS_CMS_GOOD)
        return verdict;
    if (ks_der_take(&at, EXPLICIT, &certificates) != KS_OK)
        return KS_CMS_CERTIFICATES;
    if (ks_der_take(&at, KS_DER_SET, &signers) != KS_OK || !ks_cursor_done(&at))
        return KS_CMS_MALFORMED;
    if ((verdict = read_signers(signers, &by, cms->signature)) != KS_CMS_GOOD)
        return verdict;
    if (take_only(digests, KS_DER_SEQUENCE, &digest) != KS_OK || !is_sha256(digest))
        return KS_CMS_ALGORITHM;
    return read_chain(certificates, &by, cms);
}

enum ks_cms_verdict ks_cms_read(struct ks_str der, struct ks_cms *ret_cms)
{
    struct ks_cms cms = { .count = 0 };
    struct ks_str info, oid, explicit, data;
    enum ks_cms_verdict verdict;
    struct ks_cursor at;

    if (der.len > KS_CMS_BYTES_MAX || take_only(der, KS_DER_SEQUENCE, &info) != KS_OK)
        return KS_CMS_MALFORMED;
    at = ks_cursor(info);
    if (ks_der_take(&at, KS_DER_OID, &oid) != KS_OK || !ks_str_eq(oid, OID_SIGNED_DATA)
        || ks_der_take(&at, EXPLICIT, &explicit) != KS_OK || !ks_cursor_done(&at)
        || take_only(explicit, KS_DER_SEQUENCE, &data) != KS_OK)
        return KS_CMS_MALFORMED;
    if ((verdict = read_signed_data(data, &cms)) == KS_CMS_GOOD)
        *ret_cms = cms;
    return verdict;
}

const char *ks_cms_verdict_name(enum ks_cms_verdict verdict)
{
    static const char *const names[KS_CMS_VERDICTS] = { "good", "malformed", "content", "signers", "attributes",
        "algorithm", "certificates" };

    return names[verdict];
}

/* --- writing --- */

/* The first failure stays; what is made after it is empty. */
struct writer {
    struct ks_arena *arena;
    enum ks_err err;
};

static struct ks_str wrap(struct writer *w, uint8_t tag, const struct ks_str *parts, size_t count)
{
    struct ks_str content = KS_STR_EMPTY, made = KS_STR_EMPTY;
    struct ks_buf buf;

    if (w->err == KS_OK)
        w->err = ks_arena_join(w->arena, parts, count, &content);
    ks_buf_init(&buf, KS_CMS_BYTES_MAX);
    ks_der_put(&buf, tag, content);
    if (w->err == KS_OK)
        w->err = ks_buf_err(&buf);
    if (w->err == KS_OK)
        w->err = ks_arena_copy(w->arena, ks_buf_str(&buf), &made);
    ks_buf_done(&buf);
    return made;
}
#define WRAP(w, tag, ...)                                     \
    wrap((w), (tag), (const struct ks_str[]) { __VA_ARGS__ }, \
        sizeof((const struct ks_str[]) { __VA_ARGS__ }) / sizeof(struct ks_str))

static struct ks_str write_coordinate(struct writer *w, const uint8_t bytes[COORDINATE])
{
    struct ks_str number = ks_str(bytes, COORDINATE);

    while (number.len > 1 && !number.ptr[0])
        number = ks_str_from(number, 1);
    return WRAP(w, KS_DER_INTEGER, ks_str("", number.ptr[0] & 0x80 ? 1 : 0), number);
}

static struct ks_str write_signer(
    struct writer *w, const struct ks_cms *cms, struct ks_str version, struct ks_str digest)
{
    struct ks_str signature =
        WRAP(w, KS_DER_SEQUENCE, write_coordinate(w, cms->signature), write_coordinate(w, cms->signature + COORDINATE));
    struct names names = { .serial = KS_STR_EMPTY };

    if (w->err == KS_OK)
        w->err = read_names(cms->chain[0], &names);
    return WRAP(w, KS_DER_SEQUENCE, version,
        WRAP(w, KS_DER_SEQUENCE, names.issuer, WRAP(w, KS_DER_INTEGER, names.serial)), digest,
        WRAP(w, KS_DER_SEQUENCE, WRAP(w, KS_DER_OID, OID_ECDSA_SHA256)), WRAP(w, KS_DER_OCTETS, signature));
}

/* X.690 §11.6: a set's elements in the order of their bytes. */
static struct ks_str write_certificates(struct writer *w, const struct ks_cms *cms)
{
    struct ks_str sorted[KS_CHAIN_MAX];

    for (size_t i = 0; i < cms->count; i++) {
        size_t at = i;

        for (; at && ks_str_cmp(sorted[at - 1], cms->chain[i]) > 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = cms->chain[i];
    }
    return wrap(w, EXPLICIT, sorted, cms->count);
}

enum ks_err ks_cms_write(struct ks_arena *arena, const struct ks_cms *cms, struct ks_str *ret_der)
{
    struct writer w = { arena, KS_OK };
    struct ks_str version, digest, signed_data, der;
    struct ks_cms read;

    if (!cms->count || cms->count > KS_CHAIN_MAX)
        return KS_ESYNTAX;
    version = WRAP(&w, KS_DER_INTEGER, KS_STR("\x01"));
    digest = WRAP(&w, KS_DER_SEQUENCE, WRAP(&w, KS_DER_OID, OID_SHA256));
    signed_data = WRAP(&w, KS_DER_SEQUENCE, version, WRAP(&w, KS_DER_SET, digest),
        WRAP(&w, KS_DER_SEQUENCE, WRAP(&w, KS_DER_OID, OID_DATA),
            WRAP(&w, EXPLICIT, WRAP(&w, KS_DER_OCTETS, cms->content))),
        write_certificates(&w, cms), WRAP(&w, KS_DER_SET, write_signer(&w, cms, version, digest)));
    der = WRAP(&w, KS_DER_SEQUENCE, WRAP(&w, KS_DER_OID, OID_SIGNED_DATA), WRAP(&w, EXPLICIT, signed_data));
    if (w.err == KS_OK && ks_cms_read(der, &read) != KS_CMS_GOOD)
        w.err = KS_ESYNTAX;
    if (w.err == KS_OK)
        *ret_der = der;
    return w.err;
}
