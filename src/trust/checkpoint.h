/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* checkpoint.h -- what the hospital signs of its key log, every hour (doc/PROTOCOL.md §15.3; after C2SP
 * tlog-checkpoint):
 *
 *     konsil/0 checkpoint
 *     klinik.example                                  the domain
 *     184233                                          leaves
 *     6zVqGkZ2bXhYJ8cN4o7v2e1M5r9sT0uWqLxPdKfHgAY=    root
 *     t=1795312800                                    when, since 1970
 *     crl=12                                          number of the newest list of revoked certificates
 *     min=0                                           oldest envelope version that is used
 *
 * Signature and key travel beside it, and the bytes are signed as sent. Whether the key is one that may sign, a
 * certificate says, which the caller has judged. Pure functions; nothing allocates but the buffer written to. */
#ifndef KS_CHECKPOINT_H
#define KS_CHECKPOINT_H

#include "crypto.h"
#include "merkle.h"

#define KS_CHECKPOINT_BYTES_MAX 512
#define KS_CHECKPOINT_DOMAIN_MAX 255
#define KS_CHECKPOINT_TIME_MAX_S 253402300799 /* the end of the year 9999 */
#define KS_CHECKPOINT_CRL_MAX 9007199254740991u

struct ks_checkpoint {
    uint64_t size; /* at least 1 */
    struct ks_merkle_hash root;
    int64_t t_s;
    uint64_t crl;
    uint32_t envelope_min;
};

struct ks_signed_checkpoint {
    struct ks_str bytes;
    uint8_t signature[KS_P256_SIGNATURE_LEN];
    uint8_t signer[KS_P256_PUBLIC_LEN];
};

/* KS_ESYNTAX: a domain or a number that no reader takes; nothing is written. Memory: see the buffer. */
KS_CHECK enum ks_err ks_checkpoint_write(
    const struct ks_checkpoint *checkpoint, struct ks_str domain, struct ks_buf *buf);
/* Over SHA-256 of the bytes. */
void ks_checkpoint_sign(
    const uint8_t private_key[KS_P256_PRIVATE_LEN], struct ks_str bytes, uint8_t ret_signature[KS_P256_SIGNATURE_LEN]);

/* Exactly these lines, each as it is written. KS_ESYNTAX; KS_EDENIED: another domain's. Nothing is verified. */
KS_CHECK enum ks_err ks_checkpoint_read(
    struct ks_str bytes, struct ks_str domain, struct ks_checkpoint *ret_checkpoint);
/* The same, and KS_ECRYPTO: not signed by that key. */
KS_CHECK enum ks_err ks_checkpoint_open(
    const struct ks_signed_checkpoint *from, struct ks_str domain, struct ks_checkpoint *ret_checkpoint);

#endif
