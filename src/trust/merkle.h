/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* merkle.h -- the Merkle tree of RFC 9162 §2.1 over SHA-256: roots, and proofs that a leaf is in a tree and that a tree
 * is the beginning of another.
 *
 * Who appends keeps a frontier, which is the hash of each complete subtree that has no complete one above it. Who makes
 * proofs keeps the hash of every complete subtree: ks_merkle_append tells each once, and it never changes, so a row
 * (level, index) of a table holds it for ever. Pure functions: nothing here allocates, but for the buffer written to.
 */
#ifndef KS_MERKLE_H
#define KS_MERKLE_H

#include "buf.h"

#define KS_MERKLE_HASH_LEN 32
#define KS_MERKLE_SIZE_MAX 9007199254740991u /* 2^53 - 1 leaves */
#define KS_MERKLE_LEVELS 53
#define KS_MERKLE_PROOF_MAX 64 /* hashes; a tree within the limit needs at most 54 */
#define KS_MERKLE_FRONTIER_BYTES_MAX (8 + KS_MERKLE_LEVELS * KS_MERKLE_HASH_LEN)

struct ks_merkle_hash {
    uint8_t bytes[KS_MERKLE_HASH_LEN];
};

bool ks_merkle_eq(const struct ks_merkle_hash *a, const struct ks_merkle_hash *b);
/* RFC 9162 §2.1.1: SHA-256 of 0x00 and the leaf; of 0x01 and both hashes. */
void ks_merkle_leaf(struct ks_str leaf, struct ks_merkle_hash *ret_hash);
void ks_merkle_node(
    const struct ks_merkle_hash *left, const struct ks_merkle_hash *right, struct ks_merkle_hash *ret_hash);

/* The hash of the complete subtree of 2^level leaves that begins at leaf index * 2^level. */
typedef void ks_merkle_tell(void *arg, unsigned level, uint64_t index, const struct ks_merkle_hash *hash);
/* Any failure ends the call that asks, which returns it. */
typedef enum ks_err ks_merkle_read(void *arg, unsigned level, uint64_t index, struct ks_merkle_hash *ret_hash);

struct ks_merkle_frontier {
    uint64_t size;                                 /* leaves */
    struct ks_merkle_hash peaks[KS_MERKLE_LEVELS]; /* [level] counts where that bit of size is set */
};

/* A frontier of zeroes is that of the empty tree. Appends the hash of a leaf; tell (may be NULL) hears of each complete
 * subtree that this makes, the leaf's own first. KS_ELIMIT: the tree is full, and stays as it is. */
KS_CHECK enum ks_err ks_merkle_append(
    struct ks_merkle_frontier *frontier, const struct ks_merkle_hash *leaf, ks_merkle_tell *tell, void *arg);
/* Of the empty tree: SHA-256 of nothing. */
void ks_merkle_root(const struct ks_merkle_frontier *frontier, struct ks_merkle_hash *ret_root);
/* u64 size, then the peaks, the largest first. */
void ks_merkle_frontier_write(const struct ks_merkle_frontier *frontier, struct ks_buf *buf);
/* Steps behind it. KS_ESYNTAX: too short; KS_ELIMIT: a size over the limit. */
KS_CHECK enum ks_err ks_merkle_frontier_read(struct ks_cursor *at, struct ks_merkle_frontier *ret_frontier);

struct ks_merkle_proof {
    size_t count;
    struct ks_merkle_hash hashes[KS_MERKLE_PROOF_MAX];
};

/* Proofs, by at most two reads for each level. Inclusion (§2.1.3.1): of the leaf at index, in the tree of size leaves;
 * index < size. Consistency (§2.1.4.1): of the first leaves with all; 0 < first <= size. KS_ELIMIT: other numbers; else
 * what read says. */
KS_CHECK enum ks_err ks_merkle_prove_leaf(
    uint64_t index, uint64_t size, ks_merkle_read *read, void *arg, struct ks_merkle_proof *ret_proof);
KS_CHECK enum ks_err ks_merkle_prove_growth(
    uint64_t first, uint64_t size, ks_merkle_read *read, void *arg, struct ks_merkle_proof *ret_proof);

/* Hashes, one behind the other. KS_ESYNTAX: no whole ones, or too many. */
KS_CHECK enum ks_err ks_merkle_proof_read(struct ks_str bytes, struct ks_merkle_proof *ret_proof);

/* §2.1.3.2, §2.1.4.2. KS_OK, or KS_ECRYPTO: not proven, whatever the reason. Two trees of one size are consistent by an
 * empty proof if their roots are equal. */
KS_CHECK enum ks_err ks_merkle_verify_leaf(const struct ks_merkle_hash *leaf, uint64_t index, uint64_t size,
    const struct ks_merkle_proof *proof, const struct ks_merkle_hash *root);
KS_CHECK enum ks_err ks_merkle_verify_growth(uint64_t first, const struct ks_merkle_hash *first_root, uint64_t size,
    const struct ks_merkle_hash *root, const struct ks_merkle_proof *proof);

#endif
