/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Files sealed for a server, and opened again: any altered bit is noticed before the first byte is given out. */
#include "file_seal.h"

#include "check.h"
#include "failmalloc.h"
#include "prng.h"

#define SIZE 70000

static struct ks_prng prng;
static uint8_t plain[SIZE], sealed[SIZE + KS_FILE_TAG_LEN], opened[SIZE + KS_FILE_TAG_LEN];

/* Seals `bytes` of plain in pieces of that size. */
static void seal(const struct ks_file_secret *secret, size_t bytes, size_t piece, struct ks_file_marks *ret_marks)
{
    struct ks_file_sealer *s = ks_file_sealer_new(secret);

    if (!s)
        exit(1);
    for (size_t at = 0; at < bytes; at += piece) {
        size_t len = bytes - at < piece ? bytes - at : piece;
        if (ks_file_seal(s, ks_str(plain + at, len), sealed + at) != KS_OK)
            exit(1);
    }
    ks_file_seal_end(s, sealed + bytes, ret_marks);
    ks_file_sealer_free(s);
}

/* One pass over len sealed bytes in pieces. */
static enum ks_err pass(struct ks_file_opener *o, size_t len, size_t piece, bool give, size_t *ret_given)
{
    enum ks_err err = KS_OK;

    *ret_given = 0;
    for (size_t at = 0; at < len && err == KS_OK; at += piece) {
        size_t given = 0;
        err = ks_file_open(
            o, ks_str(sealed + at, len - at < piece ? len - at : piece), give ? opened + *ret_given : NULL, &given);
        *ret_given += give ? given : 0;
    }
    return err == KS_OK ? ks_file_open_end(o) : err;
}

static enum ks_err check(const struct ks_file_secret *secret, const struct ks_file_marks *marks, size_t len)
{
    struct ks_file_opener *o = ks_file_opener_new(secret, marks);
    size_t given;
    enum ks_err err = o ? pass(o, len, 4096, false, &given) : KS_ENOMEM;

    ks_file_opener_free(o);
    return err;
}

static void test_there_and_back(const struct ks_file_secret *secret)
{
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 4096, SIZE }, pieces[] = { 1, 7, 16, 4096, SIZE + 16 };
    size_t wrong = 0, count = 0;

    for (size_t i = 0; i < KS_COUNT(sizes); i++)
        for (size_t j = 0; j < KS_COUNT(pieces); j++, count++) {
            struct ks_file_marks marks;
            struct ks_file_opener *o;
            size_t given;
            seal(secret, sizes[i], pieces[j], &marks);
            o = ks_file_opener_new(secret, &marks);
            memset(opened, 0, sizeof opened);
            wrong += !o || pass(o, sizes[i] + KS_FILE_TAG_LEN, pieces[j], false, &given) != KS_OK
                || pass(o, sizes[i] + KS_FILE_TAG_LEN, pieces[KS_COUNT(pieces) - 1 - j], true, &given) != KS_OK
                || given != sizes[i] || memcmp(opened, plain, sizes[i]) != 0;
            ks_file_opener_free(o);
        }
    check_row(
        wrong == 0, "XEP-0448 §3.1: a file is opened as it was sealed, in whatever pieces", "%zu of %zu", wrong, count);
}

static void test_standard(const struct ks_file_secret *secret)
{
    struct ks_file_marks marks;
    uint8_t want[1000], tag[16], digest[32];

    seal(secret, 1000, 100, &marks);
    ks_aes_gcm_seal(ks_str(secret->key, 32), ks_str(secret->nonce, 12), KS_STR_EMPTY, ks_str(plain, 1000), want, tag);
    check_row(memcmp(sealed, want, 1000) == 0 && memcmp(sealed + 1000, tag, 16) == 0,
        "XEP-0448 §4: sealed bytes are AES-256-GCM of the whole, with the tag at their end", "they differ");
    ks_hash(KS_SHA256, ks_str(sealed, 1016), digest);
    check_row(
        memcmp(digest, marks.sealed_sha256, 32) == 0, "XEP-0448 §3.1: their hash is of all of them", "it differs");
    ks_hash(KS_SHA256, ks_str(plain, 1000), digest);
    check_row(memcmp(digest, marks.sha256, 32) == 0 && marks.bytes == 1000,
        "XEP-0448 §3.1: size and hash of the file are those of the original", "they differ");
}

static void test_altered(const struct ks_file_secret *secret)
{
    struct ks_file_secret other = *secret;
    struct ks_file_marks marks, none, false_marks;
    size_t accepted = 0;

    seal(secret, 5000, 5000, &marks);
    none = marks;
    none.has_sha256 = none.has_sealed_sha256 = false;
    for (size_t i = 0; i < 5000 + KS_FILE_TAG_LEN; i += i < 4990 ? 13 : 1) {
        sealed[i] ^= (uint8_t)(1U << i % 8);
        accepted += check(secret, &marks, 5016) == KS_OK;
        accepted += check(secret, &none, 5016) == KS_OK;
        sealed[i] ^= (uint8_t)(1U << i % 8);
    }
    check_row(accepted == 0, "a flipped bit anywhere is noticed, by the tag alone, too", "%zu", accepted);
    check_err("control: unflipped it is genuine", check(secret, &none, 5016), KS_OK);
    for (size_t len = 0; len < 5016; len += len < 4990 ? 97 : 1)
        accepted += check(secret, &none, len) == KS_OK;
    check_row(accepted == 0, "so is one that ends early", "%zu", accepted);
    check_err("and one that goes on", check(secret, &none, 5017), KS_ECRYPTO);
    other.key[31] ^= 1;
    check_err("DSK II.1-c: with another key it does not open", check(&other, &marks, 5016), KS_ECRYPTO);
    other = *secret;
    other.nonce[0] ^= 1;
    check_err("nor with another nonce", check(&other, &marks, 5016), KS_ECRYPTO);
    false_marks = marks;
    false_marks.sha256[5] ^= 1;
    check_err("a hash of the file that is another's is noticed", check(secret, &false_marks, 5016), KS_ECRYPTO);
    false_marks = marks;
    false_marks.sealed_sha256[5] ^= 1;
    check_err("so is one of the sealed bytes", check(secret, &false_marks, 5016), KS_ECRYPTO);
    false_marks = marks;
    false_marks.bytes--;
    check_err("and another size", check(secret, &false_marks, 5016), KS_ECRYPTO);
}

static void test_swapped(const struct ks_file_secret *secret)
{
    struct ks_file_marks marks;
    struct ks_file_opener *o;
    size_t given;

    seal(secret, 5000, 5000, &marks);
    o = ks_file_opener_new(secret, &marks);
    check_row(o && pass(o, 5016, 1000, false, &given) == KS_OK, "the first pass is good", "it is not");
    sealed[77] ^= 1;
    check_err("bytes that are swapped between the passes are noticed at the end of the second",
        pass(o, 5016, 1000, true, &given), KS_ECRYPTO);
    ks_file_opener_free(o);
}

/* Chi-square against evenly spread bytes, with 255 degrees of freedom: of random ones, between 150 and 400. */
static double unevenness(const uint8_t *bytes, size_t len)
{
    double counts[256] = { 0 }, even = (double)len / 256, sum = 0;

    for (size_t i = 0; i < len; i++)
        counts[bytes[i]]++;
    for (size_t i = 0; i < 256; i++)
        sum += (counts[i] - even) * (counts[i] - even) / even;
    return sum;
}

static void test_entropy(const struct ks_file_secret *secret)
{
    static const char word[] = "KANARIENVOGEL-BETT-ZWOELF ";
    struct ks_file_marks marks;

    for (size_t i = 0; i < SIZE; i++)
        plain[i] = (uint8_t)word[i % (sizeof word - 1)];
    seal(secret, SIZE, 4096, &marks);
    check_row(unevenness(sealed, sizeof sealed) < 400 && unevenness(plain, SIZE) > 10000,
        "DSK II.1-c: sealed bytes look random (control: the file itself does not)", "%f and %f",
        unevenness(sealed, sizeof sealed), unevenness(plain, SIZE));
    check_row(!memmem(sealed, sizeof sealed, "KANARIENVOGEL", 13) && memmem(plain, SIZE, "KANARIENVOGEL", 13),
        "DSK II.1-c: and no word of the file stands in them (control: in the file it does)", "it does");
}

static void test_memory(const struct ks_file_secret *secret)
{
    struct ks_file_marks marks = { .bytes = 1 };
    size_t failed = 0;

    for (int n = 1; fail_nth(n); n++) {
        struct ks_file_sealer *s = ks_file_sealer_new(secret);
        struct ks_file_opener *o = ks_file_opener_new(secret, &marks);
        fail_stop();
        failed += !s + !o;
        ks_file_sealer_free(s);
        ks_file_opener_free(o);
    }
    check_row(failed > 4, "without memory there is no sealer and no opener, and nothing leaks", "%zu", failed);
}

int main(void)
{
    struct ks_file_secret secret, second;

    if (ks_crypto_init() != KS_OK)
        return 2;
    ks_prng_init_number(&prng, 7);
    ks_prng_bytes(&prng, plain, sizeof plain);
    ks_file_secret_make(&prng, &secret);
    ks_file_secret_make(&prng, &second);
    check_row(
        memcmp(&secret, &second, sizeof secret) != 0, "each sealing has a key and a nonce of its own", "the same");
    test_there_and_back(&secret);
    test_standard(&secret);
    test_altered(&secret);
    test_swapped(&secret);
    test_entropy(&secret);
    test_memory(&secret);
    return check_done();
}
