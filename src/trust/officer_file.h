/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* officer_file.h -- what officers keep and give away (doc/PROTOCOL.md §19.6): the public file of a dealing, each
 * officer's share under a passphrase, and an officer's part sealed for the device that asked.
 *
 * Bytes in memory; nothing here reads files or asks anybody. Over libsodium's Argon2id, which blocks for its cost,
 * whichever driver a program links. */
#ifndef KS_OFFICER_FILE_H
#define KS_OFFICER_FILE_H

#include "officers.h"

#define KS_OFFICER_ROOT_MAX 4096 /* bytes of a certificate */
#define KS_OFFICER_FILE_MAX 8192
#define KS_OFFICER_PART_LEN (22 + 32 + KS_P256_POINT_LEN + 130 + 16)
#define KS_OFFICER_KIB_MAX (1u << 20)
#define KS_OFFICER_PASSES_MAX 16

struct ks_officer_cost {
    uint32_t kib, passes;
};
#define KS_OFFICER_COST ((struct ks_officer_cost) { 256 * 1024, 3 })

/* What everybody may know of a dealing. */
struct ks_officer_public {
    struct ks_str root; /* the hospital's root certificate, DER: whom the officers believe */
    struct ks_officers officers;
};
/* KS_ELIMIT: the root is longer than above, or none. */
KS_CHECK enum ks_err ks_officer_public_write(struct ks_buf *buf, const struct ks_officer_public *public);
/* ret_public->root is a view. KS_ESYNTAX: not of this form; KS_ELIMIT; KS_ECRYPTO: ks_officers_check. */
KS_CHECK enum ks_err ks_officer_public_read(struct ks_str bytes, struct ks_officer_public *ret_public);

/* KS_ENOMEM: not so much memory as the cost has; errors as above. */
KS_CHECK enum ks_err ks_officer_share_write(struct ks_buf *buf, struct ks_prng *prng,
    const struct ks_officer_public *public, unsigned officer, const uint8_t share[KS_P256_SCALAR_LEN],
    struct ks_str passphrase, struct ks_officer_cost cost);
/* What stands outside. KS_ESYNTAX: not of this form, or a cost above the largest; KS_ELIMIT; KS_ECRYPTO as above. */
KS_CHECK enum ks_err ks_officer_share_read(
    struct ks_str bytes, struct ks_officer_public *ret_public, unsigned *ret_officer);
/* The share, which is that officer's. KS_ECRYPTO: another passphrase, or the file was altered. */
KS_CHECK enum ks_err ks_officer_share_open(
    struct ks_str bytes, struct ks_str passphrase, uint8_t ret_share[KS_P256_SCALAR_LEN]);

/* A part for the device alone, whose sealing key its certificate names. KS_ECRYPTO: that is no key. */
KS_CHECK enum ks_err ks_officer_part_seal(struct ks_buf *buf, struct ks_prng *prng,
    const struct ks_officers_partial *partial, const uint8_t request[32], const uint8_t seal_key[KS_P256_PUBLIC_LEN]);
/* At the device. KS_ESYNTAX: not of this form; KS_ENOTFOUND: of another request; KS_ECRYPTO: not sealed for it, or
 * altered. Its proof was not looked at. */
KS_CHECK enum ks_err ks_officer_part_open(const uint8_t seal_private[KS_P256_PRIVATE_LEN], const uint8_t request[32],
    struct ks_str bytes, struct ks_officers_partial *ret_partial);

#endif
