/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "crypto.h"
#include "merkle.h"

#define LEAVES 64
#define WARD 300000 /* leaves of a university hospital */
#define LEVELS 20

/* Every complete subtree, as a server's table has them. */
static struct ks_merkle_hash *table[LEVELS];
static size_t told, reads;
static struct ks_merkle_hash roots[LEAVES + 1];

static void tell(void *arg, unsigned level, uint64_t index, const struct ks_merkle_hash *hash)
{
    (void)arg;
    table[level][index] = *hash;
    told++;
}

static enum ks_err look(void *arg, unsigned level, uint64_t index, struct ks_merkle_hash *ret_hash)
{
    (void)arg;
    *ret_hash = table[level][index];
    reads++;
    return KS_OK;
}

static void leaf_of(uint64_t number, struct ks_merkle_hash *ret_hash)
{
    char text[32];

    ks_merkle_leaf(
        ks_str(text, (size_t)snprintf(text, sizeof text, "leaf %llu", (unsigned long long)number)), ret_hash);
}

/* RFC 9162 §2.1.1, as it is written there. */
static void definition(const struct ks_merkle_hash *leaves, size_t count, struct ks_merkle_hash *ret_hash)
{
    struct ks_merkle_hash left, right;
    size_t half = 1;

    if (!count) {
        ks_hash(KS_SHA256, KS_STR_EMPTY, ret_hash->bytes);
    } else if (count == 1) {
        *ret_hash = *leaves;
    } else {
        while (half * 2 < count)
            half *= 2;
        definition(leaves, half, &left);
        definition(leaves + half, count - half, &right);
        ks_merkle_node(&left, &right, ret_hash);
    }
}

static const char *hex(const struct ks_merkle_hash *hash)
{
    static char text[2 * KS_MERKLE_HASH_LEN + 1];

    for (size_t i = 0; i < sizeof hash->bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", hash->bytes[i]);
    return text;
}

/* --- known answers --- */

/* The leaves, roots and nodes of the tests of certificate-transparency's merkletree. */
static const struct {
    struct ks_str leaf;
    const char *root; /* of the tree that ends with it */
} reference[] = {
    { KS_STR_INIT(""), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
    { KS_STR_INIT("\0"), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" },
    { KS_STR_INIT("\x10"), "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77" },
    { KS_STR_INIT("\x20\x21"), "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" },
    { KS_STR_INIT("\x30\x31"), "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4" },
    { KS_STR_INIT("\x40\x41\x42\x43"), "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef" },
    { KS_STR_INIT("\x50\x51\x52\x53\x54\x55\x56\x57"),
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c" },
    { KS_STR_INIT("\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"),
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328" },
};
#define LEAF_2 "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7"
#define LEAF_3 "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7"
#define LEAF_4 "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
#define LEAVES_0_1 "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
#define LEAVES_0_3 "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
#define LEAVES_4_5 "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
#define LEAVES_4_7 "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
#define LEAVES_6_7 "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"

static const struct {
    const char *name;
    bool growth;
    uint64_t number, size;
    const char *hashes[4];
} answers[] = {
    { "RFC 9162 §2.1.3: the reference's proof of leaf 5 in 8", false, 5, 8, { LEAF_4, LEAVES_6_7, LEAVES_0_3 } },
    { "RFC 9162 §2.1.3: the reference's proof of leaf 2 in 3", false, 2, 3, { LEAVES_0_1 } },
    { "RFC 9162 §2.1.3: the reference's proof of leaf 0 in 1 is empty", false, 0, 1, { NULL } },
    { "RFC 9162 §2.1.4: the reference's proof from 6 to 8", true, 6, 8, { LEAVES_4_5, LEAVES_6_7, LEAVES_0_3 } },
    { "RFC 9162 §2.1.4: the reference's proof from 4 to 8", true, 4, 8, { LEAVES_4_7 } },
    { "RFC 9162 §2.1.4: from 3 to 7 as the RFC's example has it", true, 3, 7, { LEAF_2, LEAF_3, LEAVES_0_1, "4-6" } },
};

static void test_known_answers(void)
{
    struct ks_merkle_frontier frontier = { 0 };
    struct ks_merkle_hash hash, right;
    struct ks_merkle_proof proof;
    char text[4][65];

    ks_merkle_root(&frontier, &hash);
    check_str("RFC 9162 §2.1.1: the root of nothing", ks_str_z(hex(&hash)),
        KS_STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    ks_merkle_leaf(KS_STR("L123456"), &hash);
    check_str("RFC 9162 §2.1.1: the hash of a leaf begins with 0", ks_str_z(hex(&hash)),
        KS_STR("395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"));
    for (size_t i = 0; i < KS_COUNT(reference); i++) {
        snprintf(text[0], sizeof text[0], "RFC 9162 §2.1.1: the reference's root of %zu leaves", i + 1);
        ks_merkle_leaf(reference[i].leaf, &hash);
        if (ks_merkle_append(&frontier, &hash, tell, NULL) != KS_OK)
            exit(1);
        ks_merkle_root(&frontier, &hash);
        check_str(text[0], ks_str_z(hex(&hash)), ks_str_z(reference[i].root));
    }
    for (size_t i = 0; i < KS_COUNT(answers); i++) {
        enum ks_err err = answers[i].growth
            ? ks_merkle_prove_growth(answers[i].number, answers[i].size, look, NULL, &proof)
            : ks_merkle_prove_leaf(answers[i].number, answers[i].size, look, NULL, &proof);
        size_t want = 0, same = 0;

        for (; want < 4 && answers[i].hashes[want]; want++) {
            if (want >= proof.count)
                continue;
            snprintf(text[want], sizeof text[want], "%s", hex(&proof.hashes[want]));
            if (strcmp(answers[i].hashes[want], "4-6") == 0) { /* the one node that is not complete */
                ks_merkle_node(&table[1][2], &table[0][6], &right);
                same += ks_merkle_eq(&proof.hashes[want], &right);
            } else {
                same += strcmp(text[want], answers[i].hashes[want]) == 0;
            }
        }
        check_row(err == KS_OK && proof.count == want && same == want, answers[i].name, "%s: %zu hashes, %zu as wanted",
            ks_err_name(err), proof.count, same);
    }
}

/* --- brute force --- */

static size_t refused, taken;

static void leaf_mutant(const struct ks_merkle_hash *leaf, uint64_t index, uint64_t size,
    const struct ks_merkle_proof *proof, const struct ks_merkle_hash *root)
{
    if (ks_merkle_verify_leaf(leaf, index, size, proof, root) == KS_ECRYPTO)
        refused++;
    else
        taken++;
}

static void growth_mutant(uint64_t first, const struct ks_merkle_hash *first_root, uint64_t size,
    const struct ks_merkle_hash *root, const struct ks_merkle_proof *proof)
{
    if (ks_merkle_verify_growth(first, first_root, size, root, proof) == KS_ECRYPTO)
        refused++;
    else
        taken++;
}

enum change { SHORTER, BEHEADED, LONGER, LED, FLIPPED, SWAPPED, CHANGES };

/* False: the proof is too short to be changed in this way. */
static bool change(struct ks_merkle_proof *proof, enum change how, size_t at)
{
    struct ks_merkle_hash *hashes = proof->hashes, kept;

    switch (how) {
    case SHORTER:
        return !at && proof->count && proof->count--;
    case BEHEADED:
        if (at || !proof->count)
            return false;
        memmove(hashes, hashes + 1, --proof->count * sizeof *hashes);
        return true;
    case LONGER:
    case LED:
        if (at)
            return false;
        memmove(hashes + (how == LED), hashes, proof->count * sizeof *hashes);
        leaf_of(999, &hashes[how == LED ? 0 : proof->count]);
        proof->count++;
        return true;
    case FLIPPED:
        if (at >= proof->count)
            return false;
        hashes[at].bytes[at % KS_MERKLE_HASH_LEN] ^= 8;
        return true;
    case SWAPPED:
        if (at + 1 >= proof->count)
            return false;
        kept = hashes[at];
        hashes[at] = hashes[at + 1];
        hashes[at + 1] = kept;
        return true;
    case CHANGES:
        break;
    }
    return false;
}

static void test_every_leaf(void)
{
    struct ks_merkle_proof proof, wrong;
    struct ks_merkle_hash other;
    size_t good = 0, all = 0;

    refused = taken = 0;
    leaf_of(999, &other);
    for (uint64_t size = 1; size <= LEAVES; size++)
        for (uint64_t index = 0; index < size; index++) {
            const struct ks_merkle_hash *leaf = &table[0][index];

            all++;
            good += ks_merkle_prove_leaf(index, size, look, NULL, &proof) == KS_OK
                && ks_merkle_verify_leaf(leaf, index, size, &proof, &roots[size]) == KS_OK;
            for (int how = 0; how < CHANGES; how++)
                for (size_t at = 0; wrong = proof, change(&wrong, (enum change)how, at); at++)
                    leaf_mutant(leaf, index, size, &wrong, &roots[size]);
            for (uint64_t k = 0; k <= size; k++)
                if (k != index)
                    leaf_mutant(leaf, k, size, &proof, &roots[size]);
            leaf_mutant(leaf, index, size * 2, &proof, &roots[size]);
            leaf_mutant(leaf, index, size / 2, &proof, &roots[size]);
            leaf_mutant(leaf, index, 0, &proof, &roots[size]);
            leaf_mutant(&other, index, size, &proof, &roots[size]);
            leaf_mutant(leaf, index, size, &proof, &roots[size - 1]);
            leaf_mutant(leaf, index, size, &proof, &other);
        }
    check_row(good == all && all == LEAVES * (LEAVES + 1) / 2,
        "RFC 9162 §2.1.3: each leaf of each tree of up to 64 is proven", "%zu of %zu", good, all);
    check_row(!taken && refused > 100000,
        "RFC 9162 §2.1.3.2: no proof that was changed, is too short or too long, or is for another leaf, place or "
        "root, "
        "proves it",
        "%zu taken, %zu refused", taken, refused);
}

static void test_every_growth(void)
{
    struct ks_merkle_proof proof, wrong;
    struct ks_merkle_hash other;
    size_t good = 0, all = 0;

    refused = taken = 0;
    leaf_of(999, &other);
    for (uint64_t size = 1; size <= LEAVES; size++)
        for (uint64_t first = 1; first <= size; first++) {
            all++;
            good += ks_merkle_prove_growth(first, size, look, NULL, &proof) == KS_OK
                && ks_merkle_verify_growth(first, &roots[first], size, &roots[size], &proof) == KS_OK;
            for (int how = 0; how < CHANGES; how++)
                for (size_t at = 0; wrong = proof, change(&wrong, (enum change)how, at); at++)
                    growth_mutant(first, &roots[first], size, &roots[size], &wrong);
            growth_mutant(first, &roots[first], size * 2, &roots[size], &proof);
            growth_mutant(0, &roots[0], size, &roots[size], &proof);
            growth_mutant(first, &other, size, &roots[size], &proof);
            growth_mutant(first, &roots[first], size, &other, &proof);
            if (first != size) {
                growth_mutant(first, &roots[size], size, &roots[first], &proof);
                growth_mutant(size, &roots[size], first, &roots[first], &proof);
            }
        }
    check_row(good == all, "RFC 9162 §2.1.4: each tree of up to 64 is proven to be the beginning of each larger one",
        "%zu of %zu", good, all);
    check_row(!taken && refused > 20000,
        "RFC 9162 §2.1.4.2: no proof that was changed, is too short or too long, or is for other roots, proves it",
        "%zu taken, %zu refused", taken, refused);
}

/* --- the frontier --- */

static void test_frontier(void)
{
    struct ks_merkle_frontier frontier = { 0 }, again;
    struct ks_merkle_hash root, hash;
    size_t same = 0, kept = 0, cut = 0;
    struct ks_cursor at;
    struct ks_buf buf;

    ks_buf_init(&buf, KS_MERKLE_FRONTIER_BYTES_MAX);
    told = 0;
    for (size_t i = 0; i <= LEAVES; i++) {
        definition(table[0], i, &roots[i]);
        ks_merkle_root(&frontier, &root);
        same += ks_merkle_eq(&root, &roots[i]);
        ks_buf_reset(&buf);
        ks_merkle_frontier_write(&frontier, &buf);
        for (size_t len = 0; len < buf.len; len++) {
            at = ks_cursor(ks_str(buf.ptr, len));
            cut += ks_merkle_frontier_read(&at, &again) == KS_ESYNTAX && at.left.len == len;
        }
        cut -= buf.len;
        at = ks_cursor(ks_buf_str(&buf));
        kept += ks_merkle_frontier_read(&at, &again) == KS_OK && ks_cursor_done(&at) && again.size == i;
        ks_merkle_root(&again, &root);
        kept -= !ks_merkle_eq(&root, &roots[i]);
        leaf_of(i, &hash);
        if (ks_merkle_append(&frontier, &hash, tell, NULL) != KS_OK)
            exit(1);
        table[0][i] = hash;
    }
    check_row(same == LEAVES + 1, "RFC 9162 §2.1.1: the frontier has the root that the definition says, at every size",
        "%zu", same);
    check_row(kept == LEAVES + 1, "a frontier that was written is read as it was", "%zu", kept);
    check_row(!cut, "one that was cut off is refused", "%zu", cut);
    check_row(told == 2 * (LEAVES + 1) - 2, "every complete subtree is told of once", "%zu", told);
    ks_buf_done(&buf);
}

/* --- limits --- */

/* A tree whose leaves are all the same: what a complete subtree has follows from its level. */
static struct ks_merkle_hash alike[KS_MERKLE_LEVELS];

static enum ks_err look_alike(void *arg, unsigned level, uint64_t index, struct ks_merkle_hash *ret_hash)
{
    (void)arg;
    (void)index;
    *ret_hash = alike[level];
    return KS_OK;
}

static enum ks_err look_away(void *arg, unsigned level, uint64_t index, struct ks_merkle_hash *ret_hash)
{
    (void)arg, (void)level, (void)index, (void)ret_hash;
    return KS_ESTORE;
}

static void test_limits(void)
{
    struct ks_merkle_frontier frontier = { .size = KS_MERKLE_SIZE_MAX };
    struct ks_merkle_proof proof;
    struct ks_merkle_hash root;
    struct ks_cursor at;

    ks_merkle_leaf(KS_STR("alike"), &alike[0]);
    for (unsigned level = 1; level < KS_MERKLE_LEVELS; level++)
        ks_merkle_node(&alike[level - 1], &alike[level - 1], &alike[level]);
    memcpy(frontier.peaks, alike, sizeof alike);
    ks_merkle_root(&frontier, &root);
    check_err("the largest tree takes no leaf more", ks_merkle_append(&frontier, &alike[0], tell, NULL), KS_ELIMIT);
    check_err("its first leaf has a proof", ks_merkle_prove_leaf(0, frontier.size, look_alike, NULL, &proof), KS_OK);
    check_row(proof.count <= KS_MERKLE_LEVELS + 1
            && ks_merkle_verify_leaf(&alike[0], 0, frontier.size, &proof, &root) == KS_OK,
        "which is good, and within the limit", "%zu", proof.count);
    check_err("a place in a larger one is not proven",
        ks_merkle_prove_leaf(0, KS_MERKLE_SIZE_MAX + 1ull, look_alike, NULL, &proof), KS_ELIMIT);
    check_err(
        "nor verified", ks_merkle_verify_leaf(&alike[0], 0, KS_MERKLE_SIZE_MAX + 1ull, &proof, &root), KS_ECRYPTO);
    check_err("a place behind the end is not proven", ks_merkle_prove_leaf(5, 5, look_alike, NULL, &proof), KS_ELIMIT);
    check_err("growth from nothing is not proven", ks_merkle_prove_growth(0, 5, look_alike, NULL, &proof), KS_ELIMIT);
    check_err("nor into less", ks_merkle_prove_growth(6, 5, look_alike, NULL, &proof), KS_ELIMIT);
    check_err("what the table's owner says goes back", ks_merkle_prove_leaf(0, 5, look_away, NULL, &proof), KS_ESTORE);
    proof.count = KS_MERKLE_PROOF_MAX + 1;
    check_err("a proof over the limit is refused", ks_merkle_verify_leaf(&alike[0], 0, frontier.size, &proof, &root),
        KS_ECRYPTO);
    check_err("a proof of growth over the limit, too",
        ks_merkle_verify_growth(1, &alike[0], frontier.size, &root, &proof), KS_ECRYPTO);
    at = ks_cursor(KS_STR("\x00\x20\x00\x00\x00\x00\x00\x00"));
    check_err("a frontier of 2^53 leaves is refused", ks_merkle_frontier_read(&at, &frontier), KS_ELIMIT);
}

static void test_cost(void)
{
    struct ks_merkle_frontier frontier = { 0 };
    struct ks_merkle_hash hash, root;
    struct ks_merkle_proof proof;
    size_t most = 0, good = 0, asked = 0;

    for (uint64_t i = 0; i < WARD; i++) {
        leaf_of(i, &hash);
        if (ks_merkle_append(&frontier, &hash, tell, NULL) != KS_OK)
            exit(1);
    }
    ks_merkle_root(&frontier, &root);
    for (uint64_t i = 0; i < WARD; i += 997, asked++) {
        reads = 0;
        good += ks_merkle_prove_leaf(i, WARD, look, NULL, &proof) == KS_OK
            && ks_merkle_verify_leaf(&table[0][i], i, WARD, &proof, &root) == KS_OK;
        most = reads > most ? reads : most;
        reads = 0;
        if (ks_merkle_prove_growth(i + 1, WARD, look, NULL, &proof) != KS_OK)
            exit(1);
        most = reads > most ? reads : most;
    }
    check_row(good == asked && most <= 2 * 19,
        "a proof in a log of 300,000 leaves reads no more than two hashes of each level", "%zu of %zu, %zu reads", good,
        asked, most);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    for (unsigned level = 0; level < LEVELS; level++)
        if (!(table[level] = calloc((WARD >> level) + 1, sizeof **table)))
            return 1;
    test_known_answers();
    for (size_t i = 0; i < LEAVES; i++)
        leaf_of(i, &table[0][i]);
    test_frontier();
    test_every_leaf();
    test_every_growth();
    test_limits();
    test_cost();
    for (unsigned level = 0; level < LEVELS; level++)
        free(table[level]);
    return check_done();
}
