/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* merkle.h -- an append-only list as a Merkle tree over SHA-256 (RFC 9162 §2.1): its root, and proofs that an entry is
 * in it and that one tree is the beginning of another.
 *
 * Who follows a tree keeps its frontier, at most 64 hashes whatever its size; who serves proofs answers which hash a
 * complete subtree has, and is asked for at most two a level. Pure functions. */
#ifndef KS_MERKLE_H
#define KS_MERKLE_H

#include "crypto.h"

#define KS_MERKLE_HASH_LEN 32
#define KS_MERKLE_SIZE_MAX 9007199254740991 /* 2^53 - 1 */
#define KS_MERKLE_PROOF_MAX 64
#define KS_MERKLE_BYTES_MAX (8 + 64 * KS_MERKLE_HASH_LEN)

struct ks_merkle {
    uint64_t size;
    uint8_t nodes[64][KS_MERKLE_HASH_LEN]; /* of the complete subtree of 2^i entries, where size has bit i */
};

/* Of an entry: the hash that stands at the bottom of the tree. */
void ks_merkle_leaf(struct ks_str entry, uint8_t ret_hash[KS_MERKLE_HASH_LEN]);
/* Zeroes are the empty tree. KS_ELIMIT: it is full. */
KS_CHECK enum ks_err ks_merkle_append(struct ks_merkle *tree, const uint8_t leaf[KS_MERKLE_HASH_LEN]);
void ks_merkle_root(const struct ks_merkle *tree, uint8_t ret_root[KS_MERKLE_HASH_LEN]);
/* For a store: the size, then the hashes that it has, the largest subtree first. KS_ESYNTAX. */
void ks_merkle_write(struct ks_buf *buf, const struct ks_merkle *tree);
KS_CHECK enum ks_err ks_merkle_read(struct ks_str record, struct ks_merkle *ret_tree);

/* The hash of the complete subtree that has entries index * 2^level and the 2^level - 1 behind it. */
typedef enum ks_err ks_merkle_node_fn(void *user, unsigned level, uint64_t index, uint8_t ret_hash[KS_MERKLE_HASH_LEN]);
struct ks_merkle_source {
    ks_merkle_node_fn *node;
    void *user;
};
struct ks_merkle_proof {
    size_t count;
    uint8_t hashes[KS_MERKLE_PROOF_MAX][KS_MERKLE_HASH_LEN];
};
/* §2.1.3.1: that entry number index is in the tree of size entries. KS_ENOTFOUND: it has no such entry; and what the
 * source says. */
KS_CHECK enum ks_err ks_merkle_inclusion(
    const struct ks_merkle_source *source, uint64_t index, uint64_t size, struct ks_merkle_proof *ret_proof);
/* §2.1.4.1: that the tree of old entries is the beginning of that of size. KS_ENOTFOUND: old is 0 or above size. */
KS_CHECK enum ks_err ks_merkle_consistency(
    const struct ks_merkle_source *source, uint64_t old, uint64_t size, struct ks_merkle_proof *ret_proof);

/* §2.1.3.2 and §2.1.4.2: whether a proof proves it. */
bool ks_merkle_included(const uint8_t leaf[KS_MERKLE_HASH_LEN], uint64_t index, uint64_t size,
    const struct ks_merkle_proof *proof, const uint8_t root[KS_MERKLE_HASH_LEN]);
bool ks_merkle_consistent(uint64_t old, const uint8_t old_root[KS_MERKLE_HASH_LEN], uint64_t size,
    const uint8_t root[KS_MERKLE_HASH_LEN], const struct ks_merkle_proof *proof);

#endif
