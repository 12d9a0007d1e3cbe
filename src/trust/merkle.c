/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "merkle.h"

typedef uint8_t hash[KS_MERKLE_HASH_LEN];

static struct ks_str view(const uint8_t bytes[KS_MERKLE_HASH_LEN])
{
    return ks_str((const char *)bytes, KS_MERKLE_HASH_LEN);
}

/* --- the tree --- */

void ks_merkle_leaf(struct ks_str entry, uint8_t ret_hash[KS_MERKLE_HASH_LEN])
{
    ks_hash_parts(KS_SHA256, (struct ks_str[]) { ks_str("\x00", 1), entry }, 2, ret_hash);
}

/* ret may be one of the two. */
static void join(const uint8_t left[KS_MERKLE_HASH_LEN], const uint8_t right[KS_MERKLE_HASH_LEN], hash ret)
{
    ks_hash_parts(KS_SHA256, (struct ks_str[]) { ks_str("\x01", 1), view(left), view(right) }, 3, ret);
}

enum ks_err ks_merkle_append(struct ks_merkle *tree, const uint8_t leaf[KS_MERKLE_HASH_LEN])
{
    unsigned level = 0;
    hash node;

    if (tree->size >= KS_MERKLE_SIZE_MAX)
        return KS_ELIMIT;
    memcpy(node, leaf, sizeof node);
    for (; tree->size >> level & 1; level++)
        join(tree->nodes[level], node, node);
    memcpy(tree->nodes[level], node, sizeof node);
    tree->size++;
    return KS_OK;
}

void ks_merkle_root(const struct ks_merkle *tree, uint8_t ret_root[KS_MERKLE_HASH_LEN])
{
    bool any = false;

    if (!tree->size)
        ks_hash(KS_SHA256, KS_STR_EMPTY, ret_root);
    for (unsigned level = 0; level < 64; level++) {
        if (!(tree->size >> level & 1))
            continue;
        if (any)
            join(tree->nodes[level], ret_root, ret_root);
        else
            memcpy(ret_root, tree->nodes[level], KS_MERKLE_HASH_LEN);
        any = true;
    }
}

void ks_merkle_write(struct ks_buf *buf, const struct ks_merkle *tree)
{
    ks_buf_u64(buf, tree->size);
    for (int level = 63; level >= 0; level--)
        if (tree->size >> level & 1)
            ks_buf_add(buf, view(tree->nodes[level]));
}

enum ks_err ks_merkle_read(struct ks_str record, struct ks_merkle *ret_tree)
{
    struct ks_cursor at = ks_cursor(record);
    struct ks_merkle tree = { 0 };
    struct ks_str node;

    if (ks_cursor_u64(&at, &tree.size) != KS_OK || tree.size > KS_MERKLE_SIZE_MAX)
        return KS_ESYNTAX;
    for (int level = 63; level >= 0; level--) {
        if (!(tree.size >> level & 1))
            continue;
        if (ks_cursor_take(&at, KS_MERKLE_HASH_LEN, &node) != KS_OK)
            return KS_ESYNTAX;
        memcpy(tree.nodes[level], node.ptr, node.len);
    }
    if (!ks_cursor_done(&at))
        return KS_ESYNTAX;
    *ret_tree = tree;
    return KS_OK;
}

/* --- making proofs --- */

/* The largest power of two below count, which is at least 2. */
static unsigned split_level(uint64_t count)
{
    unsigned level = 0;

    while (UINT64_C(2) << level < count)
        level++;
    return level;
}

/* Of count entries from begin on; begin is a multiple of the power of two at or above count. */
static enum ks_err subtree(const struct ks_merkle_source *source, uint64_t begin, uint64_t count, hash ret)
{
    hash left, right;
    enum ks_err err;

    if ((count & (count - 1)) == 0) {
        unsigned level = count == 1 ? 0 : split_level(count) + 1;
        return source->node(source->user, level, begin >> level, ret);
    }
    unsigned level = split_level(count);
    uint64_t half = UINT64_C(1) << level;
    if ((err = source->node(source->user, level, begin >> level, left)) != KS_OK
        || (err = subtree(source, begin + half, count - half, right)) != KS_OK)
        return err;
    join(left, right, ret);
    return KS_OK;
}

/* From the bottom up, as the RFC has them: what is found first, from the top, stands last. */
static void turn(struct ks_merkle_proof *proof)
{
    for (size_t i = 0; i < proof->count / 2; i++) {
        hash kept;
        memcpy(kept, proof->hashes[i], sizeof kept);
        memcpy(proof->hashes[i], proof->hashes[proof->count - 1 - i], sizeof kept);
        memcpy(proof->hashes[proof->count - 1 - i], kept, sizeof kept);
    }
}

enum ks_err ks_merkle_inclusion(
    const struct ks_merkle_source *source, uint64_t index, uint64_t size, struct ks_merkle_proof *ret_proof)
{
    uint64_t begin = 0, count = size;
    enum ks_err err = KS_OK;

    if (index >= size || size > KS_MERKLE_SIZE_MAX)
        return KS_ENOTFOUND;
    ret_proof->count = 0;
    while (count > 1 && err == KS_OK) {
        uint64_t half = UINT64_C(1) << split_level(count);
        bool left = index < begin + half;
        err = left ? subtree(source, begin + half, count - half, ret_proof->hashes[ret_proof->count])
                   : subtree(source, begin, half, ret_proof->hashes[ret_proof->count]);
        ret_proof->count++;
        begin += left ? 0 : half;
        count = left ? half : count - half;
    }
    turn(ret_proof);
    return err;
}

enum ks_err ks_merkle_consistency(
    const struct ks_merkle_source *source, uint64_t old, uint64_t size, struct ks_merkle_proof *ret_proof)
{
    uint64_t begin = 0, count = size;
    bool whole = true; /* what is left of the old tree begins where it began: its root is known */
    enum ks_err err = KS_OK;

    if (!old || old > size || size > KS_MERKLE_SIZE_MAX)
        return KS_ENOTFOUND;
    ret_proof->count = 0;
    while (old != count && err == KS_OK) {
        uint64_t half = UINT64_C(1) << split_level(count);
        if (old <= half) {
            err = subtree(source, begin + half, count - half, ret_proof->hashes[ret_proof->count]);
            count = half;
        } else {
            err = subtree(source, begin, half, ret_proof->hashes[ret_proof->count]);
            begin += half;
            count -= half;
            old -= half;
            whole = false;
        }
        ret_proof->count++;
    }
    if (err == KS_OK && !whole)
        err = subtree(source, begin, count, ret_proof->hashes[ret_proof->count++]);
    turn(ret_proof);
    return err;
}

/* --- checking them --- */

bool ks_merkle_included(const uint8_t leaf[KS_MERKLE_HASH_LEN], uint64_t index, uint64_t size,
    const struct ks_merkle_proof *proof, const uint8_t root[KS_MERKLE_HASH_LEN])
{
    uint64_t fn = index, sn = size - 1;
    hash r;

    if (index >= size || size > KS_MERKLE_SIZE_MAX || proof->count > KS_MERKLE_PROOF_MAX)
        return false;
    memcpy(r, leaf, sizeof r);
    for (size_t i = 0; i < proof->count; i++) {
        if (sn == 0)
            return false;
        if (fn & 1 || fn == sn) {
            join(proof->hashes[i], r, r);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            join(r, proof->hashes[i], r);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && memcmp(r, root, sizeof r) == 0;
}

bool ks_merkle_consistent(uint64_t old, const uint8_t old_root[KS_MERKLE_HASH_LEN], uint64_t size,
    const uint8_t root[KS_MERKLE_HASH_LEN], const struct ks_merkle_proof *proof)
{
    uint64_t fn = old - 1, sn = size - 1;
    size_t at = 0;
    hash fr, sr;

    if (!old || old > size || size > KS_MERKLE_SIZE_MAX || proof->count > KS_MERKLE_PROOF_MAX)
        return false;
    if (old == size)
        return proof->count == 0 && memcmp(old_root, root, KS_MERKLE_HASH_LEN) == 0;
    if (!proof->count)
        return false;
    /* A tree of 2^n is complete: the proof begins with what it does not say, its own root. */
    memcpy(fr, (old & (old - 1)) == 0 ? old_root : proof->hashes[at++], sizeof fr);
    memcpy(sr, fr, sizeof sr);
    for (; fn & 1; fn >>= 1)
        sn >>= 1;
    for (; at < proof->count; at++) {
        if (sn == 0)
            return false;
        if (fn & 1 || fn == sn) {
            join(proof->hashes[at], fr, fr);
            join(proof->hashes[at], sr, sr);
            while (!(fn & 1) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            join(sr, proof->hashes[at], sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && memcmp(fr, old_root, sizeof fr) == 0 && memcmp(sr, root, sizeof sr) == 0;
}
