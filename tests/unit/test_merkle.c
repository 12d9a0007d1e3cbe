/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The tree of the key log: known answers of Certificate Transparency's reference, and every proof of every tree up to a
 * size, each with everything that may be wrong in it. */
#include "merkle.h"

#include "check.h"
#include "enc.h"

#define SIZES 70

static struct ks_arena arena;
static uint8_t leaves[SIZES][KS_MERKLE_HASH_LEN], roots[SIZES + 1][KS_MERKLE_HASH_LEN];

static struct ks_str hex(const char *text)
{
    struct ks_str bytes;

    if (ks_hex_read(&arena, ks_str_z(text), &bytes) != KS_OK)
        exit(1);
    return bytes;
}

static void test_known(void)
{
    static const char *const entries[] = { "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f" };
    static const char *const want[] = { "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" };
    struct ks_merkle tree = { 0 };
    uint8_t root[KS_MERKLE_HASH_LEN], leaf[KS_MERKLE_HASH_LEN];
    char name[80];

    for (size_t i = 0; i < KS_COUNT(want); i++) {
        ks_merkle_root(&tree, root);
        snprintf(name, sizeof name, "RFC 9162 §2.1.1: the root of the reference's first %zu entries", i);
        check_str(name, ks_str((char *)root, sizeof root), hex(want[i]));
        if (i == KS_COUNT(entries))
            break;
        ks_merkle_leaf(hex(entries[i]), leaf);
        if (ks_merkle_append(&tree, leaf) != KS_OK)
            exit(1);
    }
}

/* --- all trees of some sizes --- */

/* By the definition, as slowly as it stands there. */
static void slow(size_t begin, size_t count, uint8_t ret[KS_MERKLE_HASH_LEN])
{
    uint8_t both[1 + 2 * KS_MERKLE_HASH_LEN] = { 1 };
    size_t half = 1;

    if (count == 1) {
        memcpy(ret, leaves[begin], KS_MERKLE_HASH_LEN);
        return;
    }
    while (2 * half < count)
        half *= 2;
    slow(begin, half, both + 1);
    slow(begin + half, count - half, both + 1 + KS_MERKLE_HASH_LEN);
    ks_hash(KS_SHA256, ks_str((char *)both, sizeof both), ret);
}

static size_t asked;

static enum ks_err node(void *user, unsigned level, uint64_t index, uint8_t ret_hash[KS_MERKLE_HASH_LEN])
{
    size_t size = *(size_t *)user, count = (size_t)1 << level, begin = (size_t)index << level;

    asked++;
    if (begin + count > size) /* nobody has that */
        return KS_ESTATE;
    slow(begin, count, ret_hash);
    return KS_OK;
}

static void grow(void)
{
    struct ks_merkle tree = { 0 }, again;
    size_t wrong = 0, unread = 0;
    struct ks_buf buf;
    uint8_t root[KS_MERKLE_HASH_LEN];

    for (size_t i = 0; i < SIZES; i++) {
        char entry[20];
        int len = snprintf(entry, sizeof entry, "entry %zu", i);
        ks_merkle_leaf(ks_str(entry, (size_t)len), leaves[i]);
    }
    ks_buf_init(&buf, KS_MERKLE_BYTES_MAX);
    for (size_t i = 0; i < SIZES; i++) {
        if (ks_merkle_append(&tree, leaves[i]) != KS_OK)
            exit(1);
        ks_merkle_root(&tree, roots[i + 1]);
        slow(0, i + 1, root);
        wrong += memcmp(root, roots[i + 1], sizeof root) != 0;
        /* Kept, and read again: it goes on from there. */
        ks_buf_reset(&buf);
        ks_merkle_write(&buf, &tree);
        unread += ks_merkle_read(ks_buf_str(&buf), &again) != KS_OK;
        for (size_t len = 0; len < buf.len; len++)
            unread += ks_merkle_read(ks_str_head(ks_buf_str(&buf), len), &again) == KS_OK;
        ks_buf_byte(&buf, 0);
        unread += ks_merkle_read(ks_buf_str(&buf), &again) == KS_OK;
        tree = again;
    }
    check_row(wrong == 0, "RFC 9162 §2.1.1: the frontier has the root of each tree", "%zu are others", wrong);
    check_row(unread == 0, "what is kept of it reads as written, and no beginning of it or more does", "%zu times not",
        unread);
    ks_buf_done(&buf);
    tree.size = KS_MERKLE_SIZE_MAX;
    check_err("a tree is full at 2^53 - 1", ks_merkle_append(&tree, leaves[0]), KS_ELIMIT);
}

/* --- proofs --- */

struct tally {
    size_t proofs, refused, mutants, taken;
};

/* Each hash changed in a bit, one fewer, one more, two exchanged: none of that proves anything. */
static void mutate(struct ks_merkle_proof proof, bool (*proves)(const struct ks_merkle_proof *, const size_t *),
    const size_t *of, struct tally *tally)
{
    struct ks_merkle_proof other;

    for (size_t i = 0; i < proof.count; i++) {
        other = proof;
        other.hashes[i][i % KS_MERKLE_HASH_LEN] ^= 1;
        tally->mutants++;
        tally->taken += proves(&other, of);
    }
    if (proof.count) {
        other = proof;
        other.count--;
        tally->mutants++;
        tally->taken += proves(&other, of);
    }
    other = proof;
    memcpy(other.hashes[other.count++], leaves[0], KS_MERKLE_HASH_LEN);
    tally->mutants++;
    tally->taken += proves(&other, of);
    if (proof.count > 1) {
        other = proof;
        memcpy(other.hashes[0], proof.hashes[1], KS_MERKLE_HASH_LEN);
        memcpy(other.hashes[1], proof.hashes[0], KS_MERKLE_HASH_LEN);
        tally->mutants++;
        tally->taken += proves(&other, of);
    }
}

/* of: entry, size, and which entry and root are shown */
static bool included(const struct ks_merkle_proof *proof, const size_t *of)
{
    return ks_merkle_included(leaves[of[2]], of[0], of[1], proof, roots[of[3]]);
}

static void test_inclusion(void)
{
    struct tally tally = { 0 };
    struct ks_merkle_proof proof;
    size_t most = 0, elsewhere = 0;

    for (size_t size = 1; size <= SIZES; size++)
        for (size_t i = 0; i < size; i++) {
            const struct ks_merkle_source source = { node, &size };
            const size_t of[] = { i, size, i, size };
            asked = 0;
            if (ks_merkle_inclusion(&source, i, size, &proof) != KS_OK)
                exit(1);
            most = asked > most ? asked : most;
            tally.proofs++;
            tally.refused += !included(&proof, of);
            mutate(proof, included, of, &tally);
            for (size_t j = 0; j < size; j++) {
                elsewhere += j != i && included(&proof, (size_t[]) { j, size, i, size });
                elsewhere += j != i && included(&proof, (size_t[]) { i, size, j, size });
            }
            for (size_t other = 1; other <= SIZES; other++)
                elsewhere += other != size && included(&proof, (size_t[]) { i, size, i, other });
        }
    check_row(tally.refused == 0, "RFC 9162 §2.1.3: each entry of each tree is proven to be in it",
        "%zu of %zu are not", tally.refused, tally.proofs);
    check_row(tally.taken == 0, "and nothing is by a proof that was altered, cut, made longer or turned",
        "%zu of %zu are", tally.taken, tally.mutants);
    check_row(
        elsewhere == 0, "nor elsewhere, nor another one there, nor in another tree", "%zu times it is", elsewhere);
    check_row(most <= 14, "a proof asks for few hashes, whatever the tree has", "%zu", most);
}

static bool consistent(const struct ks_merkle_proof *proof, const size_t *of)
{
    return ks_merkle_consistent(of[0], roots[of[2]], of[1], roots[of[3]], proof);
}

static void test_consistency(void)
{
    struct tally tally = { 0 };
    struct ks_merkle_proof proof;
    size_t other = 0;

    for (size_t size = 1; size <= SIZES; size++)
        for (size_t old = 1; old <= size; old++) {
            const struct ks_merkle_source source = { node, &size };
            const size_t of[] = { old, size, old, size };
            if (ks_merkle_consistency(&source, old, size, &proof) != KS_OK)
                exit(1);
            tally.proofs++;
            tally.refused += !consistent(&proof, of);
            mutate(proof, consistent, of, &tally);
            for (size_t j = 1; j <= SIZES; j++) {
                other += j != old && consistent(&proof, (size_t[]) { old, size, j, size });
                other += j != size && consistent(&proof, (size_t[]) { old, size, old, j });
            }
        }
    check_row(tally.refused == 0, "RFC 9162 §2.1.4: each tree is proven to be the beginning of each later one",
        "%zu of %zu are not", tally.refused, tally.proofs);
    check_row(tally.taken == 0, "and nothing is by a proof that was altered, cut, made longer or turned",
        "%zu of %zu are", tally.taken, tally.mutants);
    check_row(other == 0, "attack 7: a changed tree is no later one", "%zu times it is", other);
}

static void test_limits(void)
{
    size_t size = 5;
    const struct ks_merkle_source source = { node, &size };
    struct ks_merkle_proof proof = { .count = 0 };

    check_err("an entry that is not there", ks_merkle_inclusion(&source, 5, 5, &proof), KS_ENOTFOUND);
    check_err("an empty beginning", ks_merkle_consistency(&source, 0, 5, &proof), KS_ENOTFOUND);
    check_err("a beginning that is longer", ks_merkle_consistency(&source, 6, 5, &proof), KS_ENOTFOUND);
    proof.count = 0;
    check_row(!ks_merkle_included(leaves[0], 0, 0, &proof, roots[1])
            && !ks_merkle_consistent(0, roots[1], 5, roots[5], &proof)
            && !ks_merkle_consistent(6, roots[6], 5, roots[5], &proof),
        "nor is any of that proven by nothing", "it is");
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 2;
    ks_arena_init(&arena, 1u << 20);
    test_known();
    grow();
    test_inclusion();
    test_consistency();
    test_limits();
    ks_arena_done(&arena);
    return check_done();
}
