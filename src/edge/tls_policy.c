/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tls_policy.h"

#include <openssl/ssl.h>

/* Each suite has forward secrecy and an AEAD. AES comes first for BSI TR-02102-2; the server lets a client that has no
 * AES hardware choose ChaCha20 (SSL_OP_PRIORITIZE_CHACHA). */
#define SUITES_1_3 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define SUITES_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS "X25519:P-256:P-384"
/* RSA+: PKCS #1, which TLS 1.3 takes for certificates only (RFC 8446 §4.2.3). */
#define SIGNATURES                                                                                 \
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:" \
    "RSA+SHA256:RSA+SHA384:RSA+SHA512"
#define SECURITY_LEVEL 2

enum ks_err ks_tls_restrict(SSL_CTX *ctx)
{
    SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) && SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION)
            && SSL_CTX_set_ciphersuites(ctx, SUITES_1_3) && SSL_CTX_set_cipher_list(ctx, SUITES_1_2)
            && SSL_CTX_set1_groups_list(ctx, GROUPS) && SSL_CTX_set1_sigalgs_list(ctx, SIGNATURES)
        ? KS_OK
        : KS_ENOMEM;
}
