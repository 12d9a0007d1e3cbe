/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "revocation_list.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

static X509_CRL *read_list(struct ks_str list)
{
    const unsigned char *at = (const unsigned char *)list.ptr;
    X509_CRL *crl = NULL;
    BIO *bio;

    if (list.len > KS_REVOCATION_LIST_MAX || !list.len)
        return NULL;
    if (list.ptr[0] == 0x30) {
        crl = d2i_X509_CRL(NULL, &at, (long)list.len);
        if (crl && at == (const unsigned char *)list.ptr + list.len)
            return crl;
        X509_CRL_free(crl);
        return NULL;
    }
    if ((bio = BIO_new_mem_buf(list.ptr, (int)list.len)))
        crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return crl;
}

static bool read_time(const ASN1_TIME *time, int64_t *ret_s)
{
    struct tm tm;

    if (!time || !ASN1_TIME_to_tm(time, &tm))
        return false;
    *ret_s = timegm(&tm);
    return true;
}

static bool has_critical(const STACK_OF(X509_EXTENSION) * extensions)
{
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++)
        if (X509_EXTENSION_get_critical(sk_X509_EXTENSION_value(extensions, i)))
            return true;
    return false;
}

static bool is_signed_by(X509_CRL *crl, X509 *authority)
{
    EVP_PKEY *key = X509_get0_pubkey(authority);

    return key && X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(authority)) == 0
        && X509_CRL_verify(crl, key) == 1;
}

static enum ks_err find_serial(X509_CRL *crl, struct ks_str serial, struct ks_revocation *revocation)
{
    ASN1_INTEGER *number = NULL;
    BIGNUM *bn = BN_bin2bn((const unsigned char *)serial.ptr, (int)serial.len, NULL);
    X509_REVOKED *found = NULL;
    enum ks_err err = KS_OK;

    if (!bn || !(number = BN_to_ASN1_INTEGER(bn, NULL)))
        err = KS_ENOMEM;
    else if ((revocation->revoked = X509_CRL_get0_by_serial(crl, &found, number) != 0)
        && (has_critical(X509_REVOKED_get0_extensions(found))
            || !read_time(X509_REVOKED_get0_revocationDate(found), &revocation->since_s)))
        err = KS_ESYNTAX;
    ASN1_INTEGER_free(number);
    BN_free(bn);
    return err;
}

enum ks_err ks_revocation_list_ask(
    struct ks_str list, struct ks_str authority, struct ks_str serial, struct ks_revocation *ret_revocation)
{
    const unsigned char *at = (const unsigned char *)authority.ptr;
    struct ks_revocation revocation = { .revoked = false };
    X509_CRL *crl = read_list(list);
    X509 *by = d2i_X509(NULL, &at, (long)authority.len);
    enum ks_err err = KS_OK;

    /* RFC 5280 §5.2: a critical extension that we do not know may change what the list means. */
    if (!crl || !by || serial.len > INT_MAX || has_critical(X509_CRL_get0_extensions(crl))
        || !read_time(X509_CRL_get0_lastUpdate(crl), &revocation.this_update_s))
        err = KS_ESYNTAX;
    else if (!is_signed_by(crl, by))
        err = KS_ECRYPTO;
    else
        err = find_serial(crl, serial, &revocation);
    if (err == KS_OK)
        *ret_revocation = revocation;
    X509_free(by);
    X509_CRL_free(crl);
    ERR_clear_error();
    return err;
}
