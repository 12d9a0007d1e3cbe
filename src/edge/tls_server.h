/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tls_server.h -- the server's end of TLS (RFC 8446, RFC 5246 with AEAD suites only), over OpenSSL 3, without sockets.
 *
 * Ciphertext is fed in and taken out of buffers that all connections of a thread share (ks_tls_io), so that an idle
 * connection owns nothing but its SSL object: with SSL_MODE_RELEASE_BUFFERS about 13 KB. No tickets, no session cache,
 * no compression, no renegotiation. Nothing here blocks or logs. */
#ifndef KS_TLS_SERVER_H
#define KS_TLS_SERVER_H

#include <openssl/types.h>

#include "buf.h"
#include "server.h"

/* --- certificates: of all domains, never changed once loaded, shared by all threads --- */

struct ks_tls_certs;

struct ks_tls_cert_files {
    struct ks_str domain;
    const char *certificate; /* PEM: the certificate, then the chain */
    const char *key;         /* PEM */
    const char *client_ca;   /* tls_client_cert.h; NULL or empty: nobody is asked for a certificate */
    const char *client_crl;  /* likewise; NULL or empty: nothing is revoked */
};

/* Loads them; a domain's index is its place. One reference. On KS_EIO (a file cannot be read), KS_ECRYPTO (no key pair,
 * or the key does not fit; no certificates of authorities; no list) or KS_ENOMEM: *ret_file is the file at fault, and
 * nothing else is written. */
KS_CHECK enum ks_err ks_tls_certs_load(
    const struct ks_tls_cert_files *files, size_t count, struct ks_tls_certs **ret_certs, const char **ret_file);
struct ks_tls_certs *ks_tls_certs_ref(struct ks_tls_certs *certs);
void ks_tls_certs_unref(struct ks_tls_certs *certs);
/* The soonest end of validity among them, as milliseconds since 1970: a reason to warn. */
int64_t ks_tls_certs_end_ms(const struct ks_tls_certs *certs);
/* The soonest end of a list of revoked certificates; INT64_MAX: there is none. */
int64_t ks_tls_certs_crl_end_ms(const struct ks_tls_certs *certs);
/* Whether the certificate at that place among the files names its domain (RFC 6120 §13.7.1.2, RFC 6125): otherwise
 * clients will not connect. Of a domain beyond ASCII that is not known, as certificates write it otherwise: true. */
bool ks_tls_certs_named(const struct ks_tls_certs *certs, size_t index);
bool ks_tls_certs_all_named(const struct ks_tls_certs *certs);

/* --- the buffers of one thread --- */

#define KS_TLS_RECORD_MAX 16384 /* plaintext of one record (RFC 8446 §5.1) */
#define KS_TLS_IN_MAX 65536     /* read from a socket at once: a connection's budget for one turn */
#define KS_TLS_OUT_MAX (160 * 1024)

/* What the peer may mean to speak (RFC 7301). */
enum ks_tls_protocol {
    KS_TLS_XMPP = 1, /* xmpp-client (XEP-0368) */
    KS_TLS_HTTP = 2, /* http/1.1 */
};

struct ks_tls_io {
    struct ks_str in; /* ciphertext to read; what is used is cut off */
    BIO *bio;
    size_t out_len;
    unsigned protocols;           /* what the handshake at hand may agree on */
    char in_bytes[KS_TLS_IN_MAX]; /* for the caller to receive into */
    char plain[KS_TLS_RECORD_MAX];
    char out[KS_TLS_OUT_MAX]; /* ciphertext to send: out_len bytes, which the caller takes after each call */
};

KS_CHECK struct ks_tls_io *ks_tls_io_new(void); /* NULL without memory */
void ks_tls_io_free(struct ks_tls_io *io);

/* --- one connection --- */

/* NULL without memory. domain: as which we answer a client that names none in TLS (RFC 6066 §3), or one that is not
 * ours; what is no index stands for the first. certs is the caller's to keep until the handshake is over and its facts
 * are taken: one is chosen during it, and whoever is here afterwards needs none. Reads and writes the buffers of io,
 * until it moves to another thread (ks_tls_use_io). */
KS_CHECK SSL *ks_tls_new(struct ks_tls_certs *certs, uint16_t domain, struct ks_tls_io *io);
void ks_tls_use_io(SSL *tls, struct ks_tls_io *io);
void ks_tls_free(SSL *tls);

/* Goes on with the handshake with what is in io->in. protocols: which the listener serves, of enum ks_tls_protocol; a
 * client that names none of them with ALPN is refused, one that does not use ALPN is not. Who means XMPP is asked for a
 * certificate if its domain has authorities; browsers never are, because they show a dialog for it. KS_OK: done, and
 * what is left in io->in is for ks_tls_read; KS_EAGAIN: more is needed; KS_ECRYPTO: it failed. In each case io->out may
 * hold bytes to send (an alert). */
KS_CHECK enum ks_err ks_tls_handshake(SSL *tls, struct ks_tls_io *io, unsigned protocols);
/* After the handshake: what ALPN agreed on; 0 without ALPN. */
unsigned ks_tls_protocol(SSL *tls);
/* What SASL binds to; after the handshake. certs as given to ks_tls_new. The client's certificate is for
 * ks_tls_client_certificate. */
void ks_tls_facts(SSL *tls, const struct ks_tls_certs *certs, struct ks_tls_facts *ret_facts);

/* Whether the certificate that the client showed, good at its handshake, is on a list of certs, which may be later than
 * those of the handshake. */
bool ks_tls_revoked(const struct ks_tls_certs *certs, SSL *tls);

/* Opens one record of io->in into io->plain. KS_OK; KS_EAGAIN: io->in is used up; KS_ENOTFOUND: the peer said
 * close_notify; KS_ECRYPTO: a bad record or an alert. io->out may hold an answer (KeyUpdate, an alert). */
KS_CHECK enum ks_err ks_tls_read(SSL *tls, struct ks_tls_io *io, struct ks_str *ret_plain);
/* Seals plain, at most KS_TLS_RECORD_MAX bytes of it in one record, onto io->out. KS_OK; KS_ECRYPTO: the connection
 * is of no use any more. */
KS_CHECK enum ks_err ks_tls_write(SSL *tls, struct ks_str plain);
/* Puts close_notify onto io->out (RFC 8446 §6.1), once. */
void ks_tls_close(SSL *tls);

#endif
