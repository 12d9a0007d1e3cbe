/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "merkle.h"

#include "crypto.h"

static struct ks_str view(const struct ks_merkle_hash *hash)
{
    return ks_str(hash->bytes, sizeof hash->bytes);
}

bool ks_merkle_eq(const struct ks_merkle_hash *a, const struct ks_merkle_hash *b)
{
    return ks_str_eq(view(a), view(b));
}

void ks_merkle_leaf(struct ks_str leaf, struct ks_merkle_hash *ret_hash)
{
    const struct ks_str parts[] = { KS_STR("\0"), leaf };

    ks_hash_parts(KS_SHA256, parts, KS_COUNT(parts), ret_hash->bytes);
}

void ks_merkle_node(
    const struct ks_merkle_hash *left, const struct ks_merkle_hash *right, struct ks_merkle_hash *ret_hash)
{
    const struct ks_str parts[] = { KS_STR("\1"), view(left), view(right) };
    struct ks_merkle_hash hash; /* which may be one of them */

    ks_hash_parts(KS_SHA256, parts, KS_COUNT(parts), hash.bytes);
    *ret_hash = hash;
}

/* --- the frontier --- */

enum ks_err ks_merkle_append(
    struct ks_merkle_frontier *frontier, const struct ks_merkle_hash *leaf, ks_merkle_tell *tell, void *arg)
{
    struct ks_merkle_hash hash = *leaf;
    uint64_t index = frontier->size;
    unsigned level = 0;

    if (frontier->size >= KS_MERKLE_SIZE_MAX)
        return KS_ELIMIT;
    for (;; level++, index >>= 1) {
        if (tell)
            tell(arg, level, index, &hash);
        if (!(index & 1))
            break;
        ks_merkle_node(&frontier->peaks[level], &hash, &hash);
    }
    frontier->peaks[level] = hash;
    frontier->size++;
    return KS_OK;
}

void ks_merkle_root(const struct ks_merkle_frontier *frontier, struct ks_merkle_hash *ret_root)
{
    struct ks_merkle_hash root;
    bool any = false;

    for (unsigned level = 0; level < KS_MERKLE_LEVELS; level++) {
        if (!(frontier->size >> level & 1))
            continue;
        if (any)
            ks_merkle_node(&frontier->peaks[level], &root, &root);
        else
            root = frontier->peaks[level];
        any = true;
    }
    if (!any)
        ks_hash(KS_SHA256, KS_STR_EMPTY, root.bytes);
    *ret_root = root;
}

void ks_merkle_frontier_write(const struct ks_merkle_frontier *frontier, struct ks_buf *buf)
{
    ks_buf_u64(buf, frontier->size);
    for (unsigned level = KS_MERKLE_LEVELS; level-- > 0;)
        if (frontier->size >> level & 1)
            ks_buf_add(buf, view(&frontier->peaks[level]));
}

enum ks_err ks_merkle_frontier_read(struct ks_cursor *at, struct ks_merkle_frontier *ret_frontier)
{
    struct ks_merkle_frontier frontier = { 0 };
    struct ks_cursor left = *at;
    struct ks_str hash;

    if (ks_cursor_u64(&left, &frontier.size) != KS_OK)
        return KS_ESYNTAX;
    if (frontier.size > KS_MERKLE_SIZE_MAX)
        return KS_ELIMIT;
    for (unsigned level = KS_MERKLE_LEVELS; level-- > 0;)
        if (frontier.size >> level & 1) {
            if (ks_cursor_take(&left, KS_MERKLE_HASH_LEN, &hash) != KS_OK)
                return KS_ESYNTAX;
            memcpy(frontier.peaks[level].bytes, hash.ptr, hash.len);
        }
    *at = left;
    *ret_frontier = frontier;
    return KS_OK;
}

/* --- making proofs --- */

/* The largest power of two below count, which is at least 2: where RFC 9162 §2.1.1 divides a tree. */
static uint64_t half(uint64_t count)
{
    return (uint64_t)1 << (63 - __builtin_clzll(count - 1));
}

/* MTH of the leaves from begin to end, as the tree divides them: begin is a multiple of the power of two that end -
 * begin does not pass, so they are complete subtrees, the largest first. */
static enum ks_err range_hash(
    uint64_t begin, uint64_t end, ks_merkle_read *read, void *arg, struct ks_merkle_hash *ret_hash)
{
    struct ks_merkle_hash hash, left;
    uint64_t count = end - begin;
    bool any = false;
    enum ks_err err;

    for (unsigned level = 0; level < KS_MERKLE_LEVELS; level++) {
        if (!(count >> level & 1))
            continue;
        end -= (uint64_t)1 << level;
        if ((err = read(arg, level, end >> level, any ? &left : &hash)) != KS_OK)
            return err;
        if (any)
            ks_merkle_node(&left, &hash, &hash);
        any = true;
    }
    assert(any && end == begin);
    *ret_hash = hash;
    return KS_OK;
}

static enum ks_err prove_range(
    struct ks_merkle_proof *proof, uint64_t begin, uint64_t end, ks_merkle_read *read, void *arg)
{
    assert(proof->count < KS_MERKLE_PROOF_MAX);
    return range_hash(begin, end, read, arg, &proof->hashes[proof->count++]);
}

/* Hashes were gathered from the root down; they are given from the leaf up. */
static void turn(struct ks_merkle_proof *proof)
{
    for (size_t i = 0, k = proof->count; i + 1 < k; i++) {
        struct ks_merkle_hash hash = proof->hashes[i];

        proof->hashes[i] = proof->hashes[--k];
        proof->hashes[k] = hash;
    }
}

enum ks_err ks_merkle_prove_leaf(
    uint64_t index, uint64_t size, ks_merkle_read *read, void *arg, struct ks_merkle_proof *ret_proof)
{
    uint64_t begin = 0, end = size, middle;
    enum ks_err err = KS_OK;

    if (size > KS_MERKLE_SIZE_MAX || index >= size)
        return KS_ELIMIT;
    for (ret_proof->count = 0; err == KS_OK && end - begin > 1;) {
        middle = begin + half(end - begin);
        if (index < middle) {
            err = prove_range(ret_proof, middle, end, read, arg);
            end = middle;
        } else {
            err = prove_range(ret_proof, begin, middle, read, arg);
            begin = middle;
        }
    }
    turn(ret_proof);
    return err;
}

enum ks_err ks_merkle_prove_growth(
    uint64_t first, uint64_t size, ks_merkle_read *read, void *arg, struct ks_merkle_proof *ret_proof)
{
    uint64_t begin = 0, end = size, middle;
    enum ks_err err = KS_OK;

    if (!first || size > KS_MERKLE_SIZE_MAX || first > size)
        return KS_ELIMIT;
    for (ret_proof->count = 0; err == KS_OK && end != first;) {
        middle = begin + half(end - begin);
        if (first <= middle) {
            err = prove_range(ret_proof, middle, end, read, arg);
            end = middle;
        } else {
            err = prove_range(ret_proof, begin, middle, read, arg);
            begin = middle;
        }
    }
    if (err == KS_OK && begin) /* the subtree that ends with them is not all of them, so its hash is not known */
        err = prove_range(ret_proof, begin, end, read, arg);
    turn(ret_proof);
    return err;
}

/* --- verifying them --- */

enum ks_err ks_merkle_proof_read(struct ks_str bytes, struct ks_merkle_proof *ret_proof)
{
    if (bytes.len % KS_MERKLE_HASH_LEN || bytes.len > sizeof ret_proof->hashes)
        return KS_ESYNTAX;
    ret_proof->count = bytes.len / KS_MERKLE_HASH_LEN;
    if (bytes.len)
        memcpy(ret_proof->hashes, bytes.ptr, bytes.len);
    return KS_OK;
}

/* Where a proof has got to: the node on the way of the last leaf that counts, and the last of the tree, at one level.
 */
struct way {
    uint64_t at, last;
};

/* True if the next hash stands left of the node. Then, where the node has no right neighbour, levels without one are
 * stepped over; then one up. */
static bool step(struct way *way)
{
    bool left = way->at & 1 || way->at == way->last;

    while (left && !(way->at & 1) && way->at) {
        way->at >>= 1;
        way->last >>= 1;
    }
    way->at >>= 1;
    way->last >>= 1;
    return left;
}

enum ks_err ks_merkle_verify_leaf(const struct ks_merkle_hash *leaf, uint64_t index, uint64_t size,
    const struct ks_merkle_proof *proof, const struct ks_merkle_hash *root)
{
    struct way way = { index, size - 1 };
    struct ks_merkle_hash hash = *leaf;

    if (size > KS_MERKLE_SIZE_MAX || index >= size || proof->count > KS_MERKLE_PROOF_MAX)
        return KS_ECRYPTO;
    for (size_t i = 0; i < proof->count; i++) {
        if (!way.last)
            return KS_ECRYPTO;
        if (step(&way))
            ks_merkle_node(&proof->hashes[i], &hash, &hash);
        else
            ks_merkle_node(&hash, &proof->hashes[i], &hash);
    }
    return !way.last && ks_merkle_eq(&hash, root) ? KS_OK : KS_ECRYPTO;
}

enum ks_err ks_merkle_verify_growth(uint64_t first, const struct ks_merkle_hash *first_root, uint64_t size,
    const struct ks_merkle_hash *root, const struct ks_merkle_proof *proof)
{
    struct way way = { first - 1, size - 1 };
    struct ks_merkle_hash old, now;
    size_t i = 0;

    if (!first || first > size || size > KS_MERKLE_SIZE_MAX || proof->count > KS_MERKLE_PROOF_MAX)
        return KS_ECRYPTO;
    if (first == size)
        return !proof->count && ks_merkle_eq(first_root, root) ? KS_OK : KS_ECRYPTO;
    if (!proof->count)
        return KS_ECRYPTO;
    /* §2.1.4.2, 2: a complete tree is a node of the larger one, so its own root stands at the beginning. */
    old = now = first & (first - 1) ? proof->hashes[i++] : *first_root;
    for (; way.at & 1; way.at >>= 1)
        way.last >>= 1;
    for (; i < proof->count; i++) {
        if (!way.last)
            return KS_ECRYPTO;
        if (step(&way)) {
            ks_merkle_node(&proof->hashes[i], &old, &old);
            ks_merkle_node(&proof->hashes[i], &now, &now);
        } else {
            ks_merkle_node(&now, &proof->hashes[i], &now);
        }
    }
    return !way.last && ks_merkle_eq(&old, first_root) && ks_merkle_eq(&now, root) ? KS_OK : KS_ECRYPTO;
}
