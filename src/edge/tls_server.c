/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tls_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "tls_client_cert.h"
#include "tls_policy.h"

/* What SSL_get_error() says is true only if the thread's queue of errors was empty before the call. It nearly always
 * is, and looking costs a tenth of emptying it unseen. */
static void forget_errors(void)
{
    if (ERR_peek_error())
        ERR_clear_error();
}

/* --- certificates --- */

struct cert {
    SSL_CTX *ctx;
    char *domain;
    uint8_t end_point[sizeof((struct ks_tls_facts *)0)->server_end_point];
    uint8_t end_point_len; /* 0: not defined for it */
    bool asks;             /* clients for theirs */
    struct ks_tls_revoked *revoked;
};

struct ks_tls_certs {
    atomic_uint refs;
    size_t count;
    int64_t end_ms;
    struct cert cert[];
};

static void ask_client(SSL *tls, const struct cert *cert)
{
    const struct ks_tls_io *io = BIO_get_data(SSL_get_rbio(tls));

    ks_tls_ask_client(tls, cert->asks && io->protocols & KS_TLS_XMPP);
}

/* RFC 6066 §3: the client says which domain it wants; the certificate of that domain answers. An unknown name gets the
 * one that ks_tls_new was told, because clients reach a domain by the names of its SRV records too and judge the
 * certificate themselves. Called without a name, too. */
static int choose_cert(SSL *tls, int *alert, void *user)
{
    const struct ks_tls_certs *certs = user;
    const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    for (size_t i = 0; name && i < certs->count; i++)
        if (strcasecmp(name, certs->cert[i].domain) == 0) {
            SSL_set_SSL_CTX(tls, certs->cert[i].ctx);
            ask_client(tls, &certs->cert[i]);
            return SSL_TLSEXT_ERR_OK;
        }
    for (size_t i = 0; i < certs->count; i++)
        if (certs->cert[i].ctx == SSL_get_SSL_CTX(tls))
            ask_client(tls, &certs->cert[i]);
    return SSL_TLSEXT_ERR_NOACK;
}

static const struct {
    enum ks_tls_protocol protocol;
    unsigned char len;
    char name[12];
} protocols[] = { { KS_TLS_XMPP, 11, "xmpp-client" }, { KS_TLS_HTTP, 8, "http/1.1" } };

/* RFC 7301 §3.2, XEP-0368: a client that speaks ALPN must mean us. One that does not is taken at its word. Called after
 * choose_cert, and before anybody is asked for a certificate. */
static int choose_protocol(SSL *tls, const unsigned char **protocol, unsigned char *protocol_len,
    const unsigned char *offered, unsigned offered_len, void *user)
{
    const struct ks_tls_io *io = BIO_get_data(SSL_get_rbio(tls));

    (void)user;
    for (size_t i = 0; i < KS_COUNT(protocols); i++)
        for (unsigned at = 0; (io->protocols & protocols[i].protocol) && at < offered_len; at += 1u + offered[at])
            if (offered[at] == protocols[i].len && offered_len - at > protocols[i].len
                && memcmp(offered + at + 1, protocols[i].name, protocols[i].len) == 0) {
                *protocol = (const unsigned char *)protocols[i].name;
                *protocol_len = protocols[i].len;
                if (protocols[i].protocol == KS_TLS_HTTP)
                    ks_tls_ask_client(tls, false);
                return SSL_TLSEXT_ERR_OK;
            }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* An encrypted key would ask for its password on the terminal: it is refused instead. */
static int no_password(char *password, int size, int writing, void *user)
{
    (void)password;
    (void)size;
    (void)writing;
    (void)user;
    return 0;
}

static SSL_CTX *new_ctx(struct ks_tls_certs *certs)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!ctx)
        return NULL;
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* We send the chain that the file has, and do not look for one at each handshake. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    SSL_CTX_set_tlsext_servername_callback(ctx, choose_cert);
    SSL_CTX_set_tlsext_servername_arg(ctx, certs);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    if (ks_tls_restrict(ctx) == KS_OK && SSL_CTX_set_num_tickets(ctx, 0))
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

/* Which file is at fault: OpenSSL says only that one is. */
static enum ks_err load_pair(SSL_CTX *ctx, const struct ks_tls_cert_files *files, const char **ret_file)
{
    *ret_file = files->certificate;
    bool good = SSL_CTX_use_certificate_chain_file(ctx, files->certificate) == 1;
    if (good) {
        *ret_file = files->key;
        good =
            SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    }
    ERR_clear_error();
    return good ? KS_OK : access(*ret_file, R_OK) < 0 ? KS_EIO : KS_ECRYPTO;
}

static int64_t end_of_validity_ms(SSL_CTX *ctx)
{
    struct tm end;

    if (!ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(ctx)), &end))
        return 0;
    return (int64_t)timegm(&end) * 1000;
}

/* RFC 5929 §4.1: the hash of the certificate's signature; SHA-256 in place of MD5 and SHA-1. Where the signature names
 * no hash (Ed25519) the binding is not defined. */
static void set_end_point(struct cert *cert)
{
    X509 *x509 = SSL_CTX_get0_certificate(cert->ctx);
    int hash = NID_undef;
    unsigned len = 0;

    if (!X509_get_signature_info(x509, &hash, NULL, NULL, NULL) || hash == NID_undef)
        return;
    if (hash == NID_md5 || hash == NID_sha1)
        hash = NID_sha256;
    const EVP_MD *md = EVP_get_digestbynid(hash);
    if (md && (size_t)EVP_MD_get_size(md) <= sizeof cert->end_point && X509_digest(x509, md, cert->end_point, &len))
        cert->end_point_len = (uint8_t)len;
    ERR_clear_error();
}

/* Of the last one. */
static enum ks_err trust_clients(
    struct ks_tls_certs *certs, const struct ks_tls_cert_files *files, const char **ret_file)
{
    struct cert *cert = &certs->cert[certs->count - 1];

    cert->asks = files->client_ca && *files->client_ca;
    if (!cert->asks)
        return KS_OK;
    return ks_tls_trust_clients(cert->ctx, (uint16_t)(certs->count - 1), files->client_ca,
        files->client_crl ? files->client_crl : "", &cert->revoked, ret_file);
}

enum ks_err ks_tls_certs_load(
    const struct ks_tls_cert_files *files, size_t count, struct ks_tls_certs **ret_certs, const char **ret_file)
{
    struct ks_tls_certs *certs = calloc(1, sizeof *certs + count * sizeof certs->cert[0]);
    enum ks_err err = KS_OK;

    assert(count > 0);
    *ret_file = files[0].certificate;
    if (!certs)
        return KS_ENOMEM;
    atomic_init(&certs->refs, 1);
    certs->end_ms = INT64_MAX;
    while (err == KS_OK && certs->count < count) {
        struct cert *cert = &certs->cert[certs->count];
        *cert = (struct cert) { .ctx = new_ctx(certs), .domain = ks_str_dup(files[certs->count].domain) };
        err = cert->ctx && cert->domain ? load_pair(cert->ctx, &files[certs->count], ret_file) : KS_ENOMEM;
        certs->count++;
        if (err == KS_OK)
            err = trust_clients(certs, &files[certs->count - 1], ret_file);
        if (err)
            break;
        int64_t end_ms = end_of_validity_ms(cert->ctx);
        certs->end_ms = end_ms < certs->end_ms ? end_ms : certs->end_ms;
        set_end_point(cert);
    }
    if (err) {
        ks_tls_certs_unref(certs);
        return err;
    }
    *ret_certs = certs;
    return KS_OK;
}

struct ks_tls_certs *ks_tls_certs_ref(struct ks_tls_certs *certs)
{
    atomic_fetch_add(&certs->refs, 1);
    return certs;
}

void ks_tls_certs_unref(struct ks_tls_certs *certs)
{
    if (!certs || atomic_fetch_sub(&certs->refs, 1) > 1)
        return;
    for (size_t i = 0; i < certs->count; i++) {
        SSL_CTX_free(certs->cert[i].ctx);
        ks_tls_revoked_free(certs->cert[i].revoked);
        free(certs->cert[i].domain);
    }
    free(certs);
}

int64_t ks_tls_certs_end_ms(const struct ks_tls_certs *certs)
{
    return certs->end_ms;
}

int64_t ks_tls_certs_crl_end_ms(const struct ks_tls_certs *certs)
{
    int64_t end_ms = INT64_MAX;

    for (size_t i = 0; i < certs->count; i++) {
        int64_t one_ms = ks_tls_revoked_end_ms(certs->cert[i].revoked);
        end_ms = one_ms < end_ms ? one_ms : end_ms;
    }
    return end_ms;
}

/* RFC 6120 §13.7.1.4: an address of XMPP among the alternative names. */
static bool has_xmpp_addr(X509 *x509, const char *domain)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_OTHERNAME || OBJ_obj2nid(name->d.otherName->type_id) != NID_XmppAddr
            || name->d.otherName->value->type != V_ASN1_UTF8STRING)
            continue;
        const ASN1_STRING *text = name->d.otherName->value->value.utf8string;
        size_t len = (size_t)ASN1_STRING_length(text);
        found = len == strlen(domain) && strncasecmp((const char *)ASN1_STRING_get0_data(text), domain, len) == 0;
    }
    GENERAL_NAMES_free(names);
    return found;
}

bool ks_tls_certs_named(const struct ks_tls_certs *certs, size_t index)
{
    assert(index < certs->count);
    X509 *x509 = SSL_CTX_get0_certificate(certs->cert[index].ctx);
    const char *domain = certs->cert[index].domain;
    bool ascii = true;

    for (const char *at = domain; *at; at++)
        ascii = ascii && (unsigned char)*at < 0x80;
    bool named = !ascii || X509_check_host(x509, domain, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1
        || has_xmpp_addr(x509, domain);
    ERR_clear_error();
    return named;
}

bool ks_tls_certs_all_named(const struct ks_tls_certs *certs)
{
    bool named = true;

    for (size_t i = 0; i < certs->count; i++)
        named = named && ks_tls_certs_named(certs, i);
    return named;
}

/* --- a thread's buffers, as a BIO --- */

static int bio_read(BIO *bio, char *bytes, size_t len, size_t *ret_len)
{
    struct ks_tls_io *io = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    *ret_len = len < io->in.len ? len : io->in.len;
    if (!*ret_len) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(bytes, io->in.ptr, *ret_len);
    io->in = ks_str_from(io->in, *ret_len);
    return 1;
}

static int bio_write(BIO *bio, const char *bytes, size_t len, size_t *ret_len)
{
    struct ks_tls_io *io = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (len > sizeof io->out - io->out_len)
        return 0; /* no retry: who has so much to answer to one turn's bytes is at no good */
    memcpy(io->out + io->out_len, bytes, len);
    io->out_len += len;
    *ret_len = len;
    return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
    (void)bio;
    (void)number;
    (void)ptr;
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *method; /* made once, kept for good: OpenSSL has room for 127 types */

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "konsil thread buffers");
    if (method
        && !(BIO_meth_set_read_ex(method, bio_read) && BIO_meth_set_write_ex(method, bio_write)
            && BIO_meth_set_ctrl(method, bio_ctrl) && BIO_meth_set_create(method, bio_create))) {
        BIO_meth_free(method);
        method = NULL;
    }
}

struct ks_tls_io *ks_tls_io_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct ks_tls_io *io = calloc(1, sizeof *io);

    pthread_once(&once, make_method);
    if (!io || !method || !(io->bio = BIO_new(method))) {
        free(io);
        return NULL;
    }
    BIO_set_data(io->bio, io);
    return io;
}

void ks_tls_io_free(struct ks_tls_io *io)
{
    if (!io)
        return;
    BIO_free(io->bio);
    free(io);
}

/* --- connections --- */

SSL *ks_tls_new(struct ks_tls_certs *certs, uint16_t domain, struct ks_tls_io *io)
{
    SSL *tls = SSL_new(certs->cert[domain < certs->count ? domain : 0].ctx);

    if (!tls)
        return NULL;
    SSL_set_accept_state(tls);
    ks_tls_use_io(tls, io);
    return tls;
}

/* One BIO serves all connections of a thread; each holds references. (During its handshake OpenSSL chains a buffering
 * BIO of the connection before it, and never looks from ours back to that one.) */
void ks_tls_use_io(SSL *tls, struct ks_tls_io *io)
{
    BIO_up_ref(io->bio);
    BIO_up_ref(io->bio);
    SSL_set0_rbio(tls, io->bio);
    SSL_set0_wbio(tls, io->bio);
}

void ks_tls_free(SSL *tls)
{
    SSL_free(tls);
}

enum ks_err ks_tls_handshake(SSL *tls, struct ks_tls_io *io, unsigned protocols_served)
{
    forget_errors();
    io->protocols = protocols_served;
    int done = SSL_do_handshake(tls);
    if (done == 1)
        return KS_OK;
    int why = SSL_get_error(tls, done);
    forget_errors();
    return why == SSL_ERROR_WANT_READ ? KS_EAGAIN : KS_ECRYPTO;
}

unsigned ks_tls_protocol(SSL *tls)
{
    const unsigned char *name;
    unsigned len;

    SSL_get0_alpn_selected(tls, &name, &len);
    for (size_t i = 0; i < KS_COUNT(protocols); i++)
        if (len == protocols[i].len && memcmp(name, protocols[i].name, len) == 0)
            return protocols[i].protocol;
    return 0;
}

void ks_tls_facts(SSL *tls, const struct ks_tls_certs *certs, struct ks_tls_facts *ret_facts)
{
    static const char label[] = "EXPORTER-Channel-Binding";

    *ret_facts = (struct ks_tls_facts) { 0 };
    for (size_t i = 0; i < certs->count; i++)
        if (certs->cert[i].ctx == SSL_get_SSL_CTX(tls)) {
            memcpy(ret_facts->server_end_point, certs->cert[i].end_point, certs->cert[i].end_point_len);
            ret_facts->server_end_point_len = certs->cert[i].end_point_len;
        }
    /* RFC 9266 §4.2: under TLS 1.2 only with the extended master secret (RFC 7627). */
    if (SSL_version(tls) >= TLS1_3_VERSION || SSL_get_extms_support(tls) == 1)
        ret_facts->has_exporter = SSL_export_keying_material(tls, ret_facts->exporter, sizeof ret_facts->exporter,
                                      label, sizeof label - 1, (const unsigned char *)"", 0, 1)
            == 1;
    forget_errors();
}

bool ks_tls_revoked(const struct ks_tls_certs *certs, SSL *tls)
{
    uint16_t domain = ks_tls_client_domain(tls);

    return domain < certs->count && ks_tls_client_revoked(tls, certs->cert[domain].revoked);
}

enum ks_err ks_tls_read(SSL *tls, struct ks_tls_io *io, struct ks_str *ret_plain)
{
    size_t len;

    forget_errors();
    if (SSL_read_ex(tls, io->plain, sizeof io->plain, &len)) {
        *ret_plain = ks_str(io->plain, len);
        return KS_OK;
    }
    int why = SSL_get_error(tls, 0);
    forget_errors();
    return why == SSL_ERROR_WANT_READ ? KS_EAGAIN : why == SSL_ERROR_ZERO_RETURN ? KS_ENOTFOUND : KS_ECRYPTO;
}

enum ks_err ks_tls_write(SSL *tls, struct ks_str plain)
{
    size_t len;

    assert(plain.len > 0);
    forget_errors();
    bool written = SSL_write_ex(tls, plain.ptr, plain.len, &len) == 1;
    return written && len == plain.len ? KS_OK : KS_ECRYPTO;
}

void ks_tls_close(SSL *tls)
{
    forget_errors();
    if (SSL_is_init_finished(tls) && !(SSL_get_shutdown(tls) & SSL_SENT_SHUTDOWN))
        SSL_shutdown(tls);
    forget_errors();
}
