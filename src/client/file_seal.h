/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* file_seal.h -- a file's bytes as they lie on a server, and back (XEP-0448, doc/PROTOCOL.md §5.8).
 *
 * Sealed bytes are AES-256-GCM with 12 bytes of nonce, and its tag of 16 bytes at their end: what other programs make
 * and read, too. Key and nonce are random for each sealing, and never used for another, not even of the same file: it
 * may have changed in between.
 *
 * Opening goes over the sealed bytes twice. The first pass gives nothing and says whether they are genuine: tag, both
 * lengths, and the hashes that the message names. The second gives the bytes, and says it again at its end, because
 * where they lay they may have changed in between. So nothing of a file is seen, played or saved before all of it is
 * known to be its author's. Memory does not grow with the file. Pure, but for the memory of an object. */
#ifndef KS_FILE_SEAL_H
#define KS_FILE_SEAL_H

#include "crypto.h"

#define KS_FILE_KEY_LEN 32
#define KS_FILE_NONCE_LEN 12
#define KS_FILE_TAG_LEN 16
#define KS_FILE_BYTES_MAX ((1ULL << 36) - 32) /* of one file: what SP 800-38D §5.2.1.1 allows GCM */

struct ks_file_secret {
    uint8_t key[KS_FILE_KEY_LEN], nonce[KS_FILE_NONCE_LEN];
};
/* What a message says of a file. */
struct ks_file_marks {
    uint64_t bytes; /* of the file; sealed they are KS_FILE_TAG_LEN more */
    uint8_t sha256[32], sealed_sha256[32];
    bool has_sha256, has_sealed_sha256; /* of others' files one may be missing */
};

/* Random ones, for one sealing. */
void ks_file_secret_make(struct ks_prng *prng, struct ks_file_secret *ret_secret);

struct ks_file_sealer;
/* NULL without memory. */
KS_CHECK struct ks_file_sealer *ks_file_sealer_new(const struct ks_file_secret *secret);
/* Writes as many bytes as it is given. KS_OK; KS_ELIMIT past KS_FILE_BYTES_MAX. */
KS_CHECK enum ks_err ks_file_seal(struct ks_file_sealer *sealer, struct ks_str bytes, uint8_t *ret_sealed);
/* The last of the sealed bytes, and what the message is to say. Once. */
void ks_file_seal_end(struct ks_file_sealer *sealer, uint8_t ret_tag[KS_FILE_TAG_LEN], struct ks_file_marks *ret_marks);
void ks_file_sealer_free(struct ks_file_sealer *sealer); /* accepts NULL */

struct ks_file_opener;
/* NULL without memory. */
KS_CHECK struct ks_file_opener *ks_file_opener_new(
    const struct ks_file_secret *secret, const struct ks_file_marks *marks);
/* A piece of the sealed bytes. In the first pass ret_bytes is NULL; in the second it has room for as many, and *ret_len
 * of them are the file's. KS_OK; KS_ECRYPTO: more than there should be. */
KS_CHECK enum ks_err ks_file_open(
    struct ks_file_opener *opener, struct ks_str sealed, uint8_t *ret_bytes, size_t *ret_len);
/* The end of a pass. KS_OK: all of it is genuine; the next pass may begin, from the first byte on. KS_ECRYPTO. Giving
 * bytes before a first pass ended with KS_OK is our mistake (assert). KS_ENOMEM. */
KS_CHECK enum ks_err ks_file_open_end(struct ks_file_opener *opener);
void ks_file_opener_free(struct ks_file_opener *opener); /* accepts NULL */

#endif
