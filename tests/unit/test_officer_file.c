/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What officers keep and give away, as bytes. */
#include "officer_file.h"

#include "check.h"

#define CHEAP ((struct ks_officer_cost) { 8, 1 })
#define PASSPHRASE KS_STR("vier zufällige Wörter hier")

struct world {
    char root[KS_OFFICER_ROOT_MAX + 1];
    struct ks_officer_public public;
    uint8_t shares[KS_OFFICERS_MAX][KS_P256_SCALAR_LEN];
    struct ks_prng prng;
    struct ks_buf file;
};

static void world_init(struct world *w, unsigned needed, unsigned count, size_t root_len)
{
    memset(w->root, 'r', sizeof w->root);
    w->public.root = ks_str(w->root, root_len);
    ks_prng_init_number(&w->prng, 196);
    ks_buf_init(&w->file, KS_OFFICER_FILE_MAX);
    if (ks_officers_deal(&w->prng, needed, count, &w->public.officers, w->shares) != KS_OK)
        abort();
}

static bool same(const struct ks_officer_public *a, const struct ks_officer_public *b)
{
    return ks_str_eq(a->root, b->root) && memcmp(&a->officers, &b->officers, sizeof a->officers) == 0;
}

static void publics(void)
{
    struct ks_officer_public got;
    struct ks_buf again;
    struct world w;
    bool refused = true;

    world_init(&w, 16, 16, KS_OFFICER_ROOT_MAX);
    check_row(ks_officer_public_write(&w.file, &w.public) == KS_OK
            && ks_officer_public_read(ks_buf_str(&w.file), &got) == KS_OK && same(&got, &w.public),
        "PROTOCOL §19.6: the public file, at its largest", "not");
    ks_buf_done(&w.file);
    world_init(&w, 2, 3, KS_OFFICER_ROOT_MAX + 1);
    check_err("a root longer than a certificate is", ks_officer_public_write(&w.file, &w.public), KS_ELIMIT);
    ks_buf_done(&w.file);
    world_init(&w, 2, 3, 0);
    check_err("no root", ks_officer_public_write(&w.file, &w.public), KS_ELIMIT);
    ks_buf_done(&w.file);
    world_init(&w, 2, 3, 50);
    if (ks_officer_public_write(&w.file, &w.public) != KS_OK)
        return;
    for (size_t len = 0; len < w.file.len; len++)
        refused = refused && ks_officer_public_read(ks_str(w.file.ptr, len), &got) != KS_OK;
    check_row(refused, "a file that was cut off, wherever", "is read");
    ks_buf_init(&again, KS_OFFICER_FILE_MAX);
    ks_buf_add(&again, ks_buf_str(&w.file));
    ks_buf_byte(&again, 0);
    check_err("a byte behind it", ks_officer_public_read(ks_buf_str(&again), &got), KS_ESYNTAX);
    ks_buf_done(&again);
    w.file.ptr[22 + 4 + 50] = 1;
    check_err("1 of 3", ks_officer_public_read(ks_buf_str(&w.file), &got), KS_ELIMIT);
    w.file.ptr[22 + 4 + 50] = 17;
    check_err("17 needed", ks_officer_public_read(ks_buf_str(&w.file), &got), KS_ELIMIT);
    w.file.ptr[22 + 4 + 50] = 2;
    w.file.ptr[w.file.len - 1] ^= 1;
    check_err("a commitment that is no point", ks_officer_public_read(ks_buf_str(&w.file), &got), KS_ECRYPTO);
    ks_buf_done(&w.file);
}

/* Offsets of a share's file of 2 of 3 with a root of 50 bytes. */
enum { AT_OFFICER = 23 + 4 + 50 + 2 + 130, AT_KIB = AT_OFFICER + 1, AT_PASSES = AT_KIB + 4, AT_NONCE = AT_PASSES + 20 };

static void put_u32(char *at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++)
        at[i] = (char)(value >> (24 - 8 * i));
}

static void shares(void)
{
    static const struct {
        const char *name;
        size_t at;
        uint32_t value;
        enum ks_err want;
    } costs[] = {
        { "the largest memory is read", AT_KIB, KS_OFFICER_KIB_MAX, KS_OK },
        { "more is not asked for", AT_KIB, KS_OFFICER_KIB_MAX + 1, KS_ESYNTAX },
        { "less than Argon2 has", AT_KIB, 7, KS_ESYNTAX },
        { "the most passes", AT_PASSES, KS_OFFICER_PASSES_MAX, KS_OK },
        { "more of them", AT_PASSES, KS_OFFICER_PASSES_MAX + 1, KS_ESYNTAX },
        { "none", AT_PASSES, 0, KS_ESYNTAX },
    };
    uint8_t share[KS_P256_SCALAR_LEN];
    struct ks_officer_public got;
    bool refused = true;
    unsigned officer;
    struct world w;

    world_init(&w, 2, 3, 50);
    check_row(ks_officer_share_write(&w.file, &w.prng, &w.public, 2, w.shares[1], PASSPHRASE, CHEAP) == KS_OK
            && w.file.len == AT_NONCE + 24 + 48 && ks_officer_share_read(ks_buf_str(&w.file), &got, &officer) == KS_OK
            && officer == 2 && same(&got, &w.public),
        "PROTOCOL §19.6: whose share it is, and of what, stands outside", "not");
    check_row(ks_officer_share_open(ks_buf_str(&w.file), PASSPHRASE, share) == KS_OK
            && memcmp(share, w.shares[1], sizeof share) == 0,
        "and the passphrase opens it", "not");
    check_err("another one does not", ks_officer_share_open(ks_buf_str(&w.file), KS_STR("vier"), share), KS_ECRYPTO);
    for (size_t len = 0; len < w.file.len; len++)
        refused = refused && ks_officer_share_read(ks_str(w.file.ptr, len), &got, &officer) != KS_OK;
    check_row(refused, "a file that was cut off, wherever", "is read");
    refused = true;
    for (size_t at = 0; at < w.file.len; at += at < AT_KIB - 1 ? 16 : at == AT_KIB - 1 ? 8 : 1) { /* not its cost */
        w.file.ptr[at] ^= 1;
        refused = refused && ks_officer_share_open(ks_buf_str(&w.file), PASSPHRASE, share) != KS_OK;
        w.file.ptr[at] ^= 1;
    }
    check_row(refused, "a bit turned anywhere", "opens");
    w.file.ptr[AT_OFFICER] = 3;
    check_err("another officer's number", ks_officer_share_open(ks_buf_str(&w.file), PASSPHRASE, share), KS_ECRYPTO);
    w.file.ptr[AT_OFFICER] = 4;
    check_err("nobody's", ks_officer_share_read(ks_buf_str(&w.file), &got, &officer), KS_ESYNTAX);
    w.file.ptr[AT_OFFICER] = 2;
    for (size_t i = 0; i < KS_COUNT(costs); i++) {
        char old[4];
        memcpy(old, w.file.ptr + costs[i].at, 4);
        put_u32(w.file.ptr + costs[i].at, costs[i].value);
        check_err(costs[i].name, ks_officer_share_read(ks_buf_str(&w.file), &got, &officer), costs[i].want);
        memcpy(w.file.ptr + costs[i].at, old, 4);
    }
    put_u32(w.file.ptr + AT_PASSES, 2);
    check_err("another cost than it was written with", ks_officer_share_open(ks_buf_str(&w.file), PASSPHRASE, share),
        KS_ECRYPTO);
    ks_buf_reset(&w.file);
    check_err("a share that is not that officer's is not written",
        ks_officer_share_write(&w.file, &w.prng, &w.public, 1, w.shares[1], PASSPHRASE, CHEAP), KS_ECRYPTO);
    ks_buf_done(&w.file);
}

static void parts(void)
{
    uint8_t key[KS_P256_PRIVATE_LEN], other[KS_P256_PRIVATE_LEN], seal_key[KS_P256_PUBLIC_LEN], request[32] = { 1 };
    struct ks_officers_partial partial = { .officer = 3 }, got = { 0 };
    bool refused = true;
    struct world w;

    world_init(&w, 2, 3, 50);
    ks_p256_generate(&w.prng, key);
    ks_p256_generate(&w.prng, other);
    if (ks_p256_public(key, seal_key) != KS_OK)
        abort();
    memset(partial.point, 5, sizeof partial.point);
    memset(partial.proof, 6, sizeof partial.proof);
    check_row(ks_officer_part_seal(&w.file, &w.prng, &partial, request, seal_key) == KS_OK
            && w.file.len == KS_OFFICER_PART_LEN
            && ks_officer_part_open(key, request, ks_buf_str(&w.file), &got) == KS_OK
            && memcmp(&got, &partial, sizeof got) == 0,
        "PROTOCOL §19.6: a part reaches the device", "not");
    check_err("and no other", ks_officer_part_open(other, request, ks_buf_str(&w.file), &got), KS_ECRYPTO);
    request[31] = 1;
    check_err("nor an answer to another request", ks_officer_part_open(key, request, ks_buf_str(&w.file), &got),
        KS_ENOTFOUND);
    w.file.ptr[22 + 31] = 1;
    check_err("nor one that was made to look like it", ks_officer_part_open(key, request, ks_buf_str(&w.file), &got),
        KS_ECRYPTO);
    w.file.ptr[22 + 31] = 0;
    request[31] = 0;
    for (size_t at = 0; at < w.file.len; at += 7) {
        w.file.ptr[at] ^= 1;
        refused = refused && ks_officer_part_open(key, request, ks_buf_str(&w.file), &got) != KS_OK;
        w.file.ptr[at] ^= 1;
    }
    check_row(refused, "a bit turned anywhere", "opens");
    check_err(
        "one byte less", ks_officer_part_open(key, request, ks_str(w.file.ptr, w.file.len - 1), &got), KS_ESYNTAX);
    check_err(
        "one byte more", ks_officer_part_open(key, request, ks_str(w.file.ptr, w.file.len + 1), &got), KS_ESYNTAX);
    memset(seal_key, 4, sizeof seal_key);
    check_err(
        "a sealing key that is none", ks_officer_part_seal(&w.file, &w.prng, &partial, request, seal_key), KS_ECRYPTO);
    ks_buf_done(&w.file);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    publics();
    shares();
    parts();
    return check_done();
}
