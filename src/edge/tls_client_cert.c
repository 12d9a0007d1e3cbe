/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tls_client_cert.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CHAIN_BYTES_MAX 32768 /* what a stranger may send as certificates */
#define CHAIN_DEPTH_MAX 4     /* authorities between a client's and ours */

struct ks_tls_revoked {
    size_t count;
    X509_CRL *list[];
};

/* --- files --- */

/* Reading PEM ended because there is no more of it, and not at something broken. */
static bool ended_well(void)
{
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

static enum ks_err read_authorities(SSL_CTX *ctx, BIO *file)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    size_t count = 0;
    bool good = true;
    X509 *x509;

    while (good && (x509 = PEM_read_bio_X509(file, NULL, NULL, NULL))) {
        /* RFC 8446 §4.2.4: the names say to the client which of its certificates to show. */
        good = X509_STORE_add_cert(store, x509) == 1 && SSL_CTX_add_client_CA(ctx, x509) == 1;
        X509_free(x509);
        count++;
    }
    return good && count && ended_well() ? KS_OK : KS_ECRYPTO;
}

/* Takes the list. */
static enum ks_err add_list(STACK_OF(X509_CRL) * lists, X509_CRL *list)
{
    if (sk_X509_CRL_push(lists, list))
        return KS_OK;
    X509_CRL_free(list);
    return KS_ENOMEM;
}

/* PEM, or when there is none of it, one in DER. */
static enum ks_err parse_lists(BIO *file, STACK_OF(X509_CRL) * lists)
{
    enum ks_err err = KS_OK;
    X509_CRL *list;

    while (err == KS_OK && (list = PEM_read_bio_X509_CRL(file, NULL, NULL, NULL)))
        err = add_list(lists, list);
    if (err == KS_OK && !ended_well())
        return KS_ECRYPTO;
    if (err == KS_OK && !sk_X509_CRL_num(lists) && BIO_seek(file, 0) == 0 && (list = d2i_X509_CRL_bio(file, NULL)))
        err = add_list(lists, list);
    return err != KS_OK || sk_X509_CRL_num(lists) ? err : KS_ECRYPTO;
}

static enum ks_err read_lists(X509_STORE *store, BIO *file, struct ks_tls_revoked **ret_revoked)
{
    STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
    struct ks_tls_revoked *revoked = NULL;
    enum ks_err err = lists ? parse_lists(file, lists) : KS_ENOMEM;
    int count = err == KS_OK ? sk_X509_CRL_num(lists) : 0;

    if (err == KS_OK && !(revoked = calloc(1, sizeof *revoked + (size_t)count * sizeof revoked->list[0])))
        err = KS_ENOMEM;
    for (int i = 0; err == KS_OK && i < count; i++) {
        if (X509_STORE_add_crl(store, sk_X509_CRL_value(lists, i)) != 1)
            err = KS_ENOMEM;
        X509_CRL_up_ref(sk_X509_CRL_value(lists, i));
        revoked->list[revoked->count++] = sk_X509_CRL_value(lists, i);
    }
    sk_X509_CRL_pop_free(lists, X509_CRL_free);
    if (err == KS_OK)
        *ret_revoked = revoked;
    else
        ks_tls_revoked_free(revoked);
    return err;
}

void ks_tls_revoked_free(struct ks_tls_revoked *revoked)
{
    for (size_t i = 0; revoked && i < revoked->count; i++)
        X509_CRL_free(revoked->list[i]);
    free(revoked);
}

static int64_t time_ms(const ASN1_TIME *time)
{
    struct tm parts;

    return time && ASN1_TIME_to_tm(time, &parts) ? (int64_t)timegm(&parts) * 1000 : INT64_MAX;
}

int64_t ks_tls_revoked_end_ms(const struct ks_tls_revoked *revoked)
{
    int64_t end_ms = INT64_MAX;

    for (size_t i = 0; revoked && i < revoked->count; i++) {
        int64_t one_ms = time_ms(X509_CRL_get0_nextUpdate(revoked->list[i]));
        end_ms = one_ms < end_ms ? one_ms : end_ms;
    }
    return end_ms;
}

/* --- judging --- */

/* Only an authority's own revocation may go unknown; whatever else is wrong ends it at once. */
static int forgive(int good, X509_STORE_CTX *path)
{
    if (good || X509_STORE_CTX_get_error(path) != X509_V_ERR_UNABLE_TO_GET_CRL
        || X509_STORE_CTX_get_error_depth(path) == 0)
        return good;
    X509_STORE_CTX_set_error(path, X509_V_OK);
    return 1;
}

/* The handshake goes on in any case; SSL_get_verify_result says what came of it. */
static int judge(X509_STORE_CTX *path, void *user)
{
    (void)user;
    X509_STORE_CTX_set_verify_cb(path, forgive);
    if (X509_verify_cert(path) != 1 && X509_STORE_CTX_get_error(path) == X509_V_OK)
        X509_STORE_CTX_set_error(path, X509_V_ERR_UNSPECIFIED);
    ERR_clear_error();
    return 1;
}

static void set_domain(SSL_CTX *ctx, uint16_t domain)
{
    SSL_CTX_set_app_data(ctx, (void *)(uintptr_t)(domain + 1u));
}

uint16_t ks_tls_client_domain(SSL *tls)
{
    uintptr_t mark = (uintptr_t)SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));

    return mark ? (uint16_t)(mark - 1) : UINT16_MAX;
}

enum ks_err ks_tls_trust_clients(SSL_CTX *ctx, uint16_t domain, const char *ca_file, const char *crl_file,
    struct ks_tls_revoked **ret_revoked, const char **ret_file)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN; /* an issuing authority may stand there without its root */
    BIO *file = BIO_new_file(*ret_file = ca_file, "r");
    enum ks_err err = file ? read_authorities(ctx, file) : KS_EIO;

    *ret_revoked = NULL;
    BIO_free(file);
    if (err == KS_OK && *crl_file) {
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
        file = BIO_new_file(*ret_file = crl_file, "r");
        err = file ? read_lists(store, file, ret_revoked) : KS_EIO;
        BIO_free(file);
    }
    ERR_clear_error();
    if (err != KS_OK)
        return err;
    set_domain(ctx, domain);
    X509_STORE_set_flags(store, flags);
    SSL_CTX_set_cert_verify_callback(ctx, judge, NULL);
    return KS_OK;
}

void ks_tls_ask_client(SSL *tls, bool ask)
{
    /* Not in the context: what it says of these is copied when a connection begins, and it is chosen only then. */
    SSL_set_verify_depth(tls, CHAIN_DEPTH_MAX);
    SSL_set_max_cert_list(tls, CHAIN_BYTES_MAX);
    SSL_set_verify(tls, ask ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
}

/* --- what it says --- */

static X509 *good_certificate(SSL *tls)
{
    return ks_tls_client_domain(tls) != UINT16_MAX && SSL_get_verify_result(tls) == X509_V_OK
        ? SSL_get0_peer_certificate(tls)
        : NULL;
}

/* A view; empty if it is no text. */
static struct ks_str address_of(const OTHERNAME *name)
{
    if (name->value->type != V_ASN1_UTF8STRING)
        return KS_STR_EMPTY;
    const ASN1_STRING *text = name->value->value.utf8string;
    return ks_str(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text));
}

/* RFC 6120 §13.7.1.4: addresses of XMPP among the alternative names. Names of hosts and of mail are not looked at. */
static void read_addresses(X509 *x509, struct ks_arena *arena, struct ks_tls_certificate *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && certificate->count <= KS_TLS_ADDRESSES_MAX; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_OTHERNAME || OBJ_obj2nid(name->d.otherName->type_id) != NID_XmppAddr)
            continue;
        size_t at = certificate->count++;
        if (at < KS_TLS_ADDRESSES_MAX
            && ks_arena_copy(arena, address_of(name->d.otherName), &certificate->addresses[at]) != KS_OK)
            certificate->addresses[at] = KS_STR_EMPTY;
    }
    GENERAL_NAMES_free(names);
}

bool ks_tls_client_certificate(SSL *tls, struct ks_arena *arena, struct ks_tls_certificate *ret_certificate)
{
    X509 *x509 = good_certificate(tls);
    STACK_OF(X509) *path = SSL_get0_verified_chain(tls);

    if (!x509)
        return false;
    *ret_certificate = (struct ks_tls_certificate) { .domain = ks_tls_client_domain(tls), .end_ms = INT64_MAX };
    for (int i = 0; i < sk_X509_num(path); i++) { /* it is no better than what vouches for it */
        int64_t end_ms = time_ms(X509_get0_notAfter(sk_X509_value(path, i)));
        ret_certificate->end_ms = end_ms < ret_certificate->end_ms ? end_ms : ret_certificate->end_ms;
    }
    read_addresses(x509, arena, ret_certificate);
    ERR_clear_error();
    return true;
}

static bool is_on(X509_CRL *list, X509 *x509)
{
    X509_REVOKED *entry;

    return X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_issuer_name(x509)) == 0
        && X509_CRL_get0_by_cert(list, &entry, x509) == 1;
}

bool ks_tls_client_revoked(SSL *tls, const struct ks_tls_revoked *revoked)
{
    STACK_OF(X509) *path = good_certificate(tls) ? SSL_get0_verified_chain(tls) : NULL;

    for (int i = 0; revoked && i < sk_X509_num(path); i++)
        for (size_t j = 0; j < revoked->count; j++)
            if (is_on(revoked->list[j], sk_X509_value(path, i)))
                return true;
    return false;
}
