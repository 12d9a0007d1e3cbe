/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The known answers of both drivers: this file is built once with each. Where no row of ours says otherwise, the
 * answers are the ones printed in the document a row's name begins with. */
#include "check.h"
#include "crypto.h"
#include "enc.h"

static struct ks_arena arena;

/* Hexadecimal as bytes; "61*1000" is a byte so many times. */
static struct ks_str unhex(const char *hex)
{
    struct ks_str text = ks_str_z(hex), bytes;
    size_t star = ks_str_find_byte(text, '*');
    uint64_t times;

    if (star == text.len) {
        if (ks_hex_read(&arena, text, &bytes) != KS_OK)
            abort();
        return bytes;
    }
    if (ks_hex_read(&arena, ks_str_head(text, star), &bytes) != KS_OK
        || ks_str_u64(ks_str_from(text, star + 1), 10000000, &times) != KS_OK)
        abort();
    char *many = ks_arena_alloc(&arena, times);
    memset(many, bytes.ptr[0], times);
    return ks_str(many, times);
}

static void check_hex(const char *name, const uint8_t *got, size_t len, const char *want)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1 << 20);
    ks_hex_add(&buf, ks_str(got, len));
    check_str(name, ks_buf_str(&buf), ks_str_z(want));
    ks_buf_done(&buf);
}

/* --- hashes --- */

#define TWO_BLOCKS "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
#define TWO_BLOCKS_512                                        \
    "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklm" \
    "nhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"

static const struct {
    const char *name;
    enum ks_hash hash;
    const char *text; /* NULL: a million times "a" */
    const char *want;
} hash_rows[] = {
    { "FIPS 180: SHA-1 of nothing", KS_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
    { "FIPS 180: SHA-1 of one block", KS_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { "FIPS 180: SHA-1 of two blocks", KS_SHA1, TWO_BLOCKS, "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
    { "FIPS 180: SHA-1 of a million a", KS_SHA1, NULL, "34aa973cd4c4daa4f61eeb2bdbad27316534016f" },
    { "FIPS 180: SHA-256 of nothing", KS_SHA256, "",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "FIPS 180: SHA-256 of one block", KS_SHA256, "abc",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "FIPS 180: SHA-256 of two blocks", KS_SHA256, TWO_BLOCKS,
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "FIPS 180: SHA-256 of a million a", KS_SHA256, NULL,
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
    { "FIPS 180: SHA-512 of nothing", KS_SHA512, "",
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
        "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e" },
    { "FIPS 180: SHA-512 of one block", KS_SHA512, "abc",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
    { "FIPS 180: SHA-512 of two blocks", KS_SHA512, TWO_BLOCKS_512,
        "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
        "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909" },
    { "FIPS 180: SHA-512 of a million a", KS_SHA512, NULL,
        "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
        "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b" },
};

static void hashes(void)
{
    uint8_t digest[KS_HASH_MAX], again[KS_HASH_MAX];

    for (size_t i = 0; i < KS_COUNT(hash_rows); i++) {
        struct ks_str text = hash_rows[i].text ? ks_str_z(hash_rows[i].text) : unhex("61*1000000");
        ks_hash(hash_rows[i].hash, text, digest);
        check_hex(hash_rows[i].name, digest, ks_hash_len(hash_rows[i].hash), hash_rows[i].want);

        /* The same in pieces, twice with one hasher. */
        struct ks_hasher *hasher = ks_hasher_new(hash_rows[i].hash);
        bool same = hasher != NULL;
        for (int round = 0; round < 2 && same; round++) {
            for (size_t at = 0, step = 1; at < text.len; at += step, step = step * 3 % 1009)
                ks_hasher_add(hasher, ks_str_head(ks_str_from(text, at), step));
            ks_hasher_end(hasher, again);
            same = memcmp(digest, again, ks_hash_len(hash_rows[i].hash)) == 0;
        }
        check_row(same, "a hasher gives the same for bytes in pieces, and again", "%s", hash_rows[i].name);
        ks_hasher_free(hasher);
    }
    const struct ks_str parts[] = { KS_STR("a"), KS_STR_EMPTY, KS_STR("bc") };
    ks_hash_parts(KS_SHA256, parts, KS_COUNT(parts), digest);
    check_hex("the hash of parts is that of the parts joined", digest, 32, hash_rows[5].want);
    ks_hash_parts(KS_SHA256, NULL, 0, digest);
    check_hex("no parts are the empty text", digest, 32, hash_rows[4].want);
    ks_hasher_free(NULL);
}

static void equality(void)
{
    check_row(ks_crypto_eq(KS_STR("secret"), KS_STR("secret")), "equal bytes are equal", "not");
    check_row(ks_crypto_eq(KS_STR_EMPTY, KS_STR("")), "two empty views are equal", "not");
    check_row(!ks_crypto_eq(KS_STR("secret"), KS_STR("secre")), "another length is not equal", "equal");
    check_row(!ks_crypto_eq(KS_STR("secret"), KS_STR("Secret")), "another first byte is not equal", "equal");
    check_row(!ks_crypto_eq(KS_STR("secret"), KS_STR("secreu")), "another last byte is not equal", "equal");
}

/* --- MAC and key derivation --- */

#define BLOCK_KEY_TEXT \
    "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374"
#define LARGER_TEXT                                                                                              \
    "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b657920616e64" \
    "2061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565647320746f2062652068" \
    "6173686564206265666f7265206265696e6720757365642062792074686520484d414320616c676f726974686d2e"
#define COUNTED_KEY "0102030405060708090a0b0c0d0e0f10111213141516171819"
#define JEFE "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f"

static const struct {
    const char *name;
    enum ks_hash hash;
    const char *key, *text, *want;
} hmac_rows[] = {
    { "RFC 2202 §3: case 1", KS_SHA1, "0b*20", "4869205468657265", "b617318655057264e28bc0b6fb378c8ef146be00" },
    { "RFC 2202 §3: case 2, a short key", KS_SHA1, JEFE, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
    { "RFC 2202 §3: case 3", KS_SHA1, "aa*20", "dd*50", "125d7342b9ac11cd91a39af48aa17b4f63f175d3" },
    { "RFC 2202 §3: case 4", KS_SHA1, COUNTED_KEY, "cd*50", "4c9007f4026250c6bc8414f9bf50c86c2d7235da" },
    { "RFC 2202 §3: case 6, a key longer than a block", KS_SHA1, "aa*80", BLOCK_KEY_TEXT,
        "aa4ae5e15272d00e95705637ce8a3b55ed402112" },
    { "RFC 4231 §4.2: SHA-256", KS_SHA256, "0b*20", "4869205468657265",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "RFC 4231 §4.2: SHA-512", KS_SHA512, "0b*20", "4869205468657265",
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
        "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
    { "RFC 4231 §4.3: SHA-256, a short key", KS_SHA256, JEFE,
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { "RFC 4231 §4.3: SHA-512, a short key", KS_SHA512, JEFE,
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
    { "RFC 4231 §4.4: SHA-256", KS_SHA256, "aa*20", "dd*50",
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
    { "RFC 4231 §4.4: SHA-512", KS_SHA512, "aa*20", "dd*50",
        "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
        "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb" },
    { "RFC 4231 §4.5: SHA-256", KS_SHA256, COUNTED_KEY, "cd*50",
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
    { "RFC 4231 §4.7: SHA-256, a key longer than a block", KS_SHA256, "aa*131", BLOCK_KEY_TEXT,
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
    { "RFC 4231 §4.7: SHA-512, a key longer than a block", KS_SHA512, "aa*131", BLOCK_KEY_TEXT,
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
        "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },
    { "RFC 4231 §4.8: SHA-256, key and text longer than a block", KS_SHA256, "aa*131", LARGER_TEXT,
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
    { "RFC 4231 §4.8: SHA-512, key and text longer than a block", KS_SHA512, "aa*131", LARGER_TEXT,
        "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
        "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58" },
};

static void macs(void)
{
    uint8_t mac[KS_HASH_MAX];

    for (size_t i = 0; i < KS_COUNT(hmac_rows); i++) {
        ks_hmac(hmac_rows[i].hash, unhex(hmac_rows[i].key), unhex(hmac_rows[i].text), mac);
        check_hex(hmac_rows[i].name, mac, ks_hash_len(hmac_rows[i].hash), hmac_rows[i].want);
    }
}

static const struct {
    const char *name;
    enum ks_hash hash;
    const char *secret, *salt, *info, *want;
} hkdf_rows[] = {
    { "RFC 5869 §A.1: SHA-256", KS_SHA256, "0b*22", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865" },
    { "RFC 5869 §A.2: longer inputs and output", KS_SHA256,
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
        "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
        "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f"
        "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
        "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
        "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87" },
    { "RFC 5869 §A.3: no salt, no info", KS_SHA256, "0b*22", "", "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
    { "RFC 5869 §A.4: SHA-1", KS_SHA1, "0b*11", "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
        "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896" },
    { "RFC 5869 §A.7: SHA-1, no salt, no info", KS_SHA1, "0c*22", "", "",
        "2c91117204d745f3500d636a62f64f0ab3bae548aa53d423b0d1f27ebba6f5e5673a081d70cce7acfc48" },
};

static const struct {
    const char *name;
    enum ks_hash hash;
    const char *password, *salt;
    uint32_t iterations;
    const char *want;
} pbkdf2_rows[] = {
    { "RFC 6070 §2: one iteration", KS_SHA1, "password", "salt", 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6" },
    { "RFC 6070 §2: two iterations", KS_SHA1, "password", "salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957" },
    { "RFC 6070 §2: 4096 iterations", KS_SHA1, "password", "salt", 4096, "4b007901b765489abead49d926f721d065a429c1" },
    { "PBKDF2: an empty password and salt", KS_SHA1, "", "", 3, "96f442c6542b98b29405f5b5d230e3539e1b9dfd" },
    { "PBKDF2-SHA-256: one iteration", KS_SHA256, "password", "salt", 1,
        "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b" },
    { "PBKDF2-SHA-256: 4096 iterations", KS_SHA256, "password", "salt", 4096,
        "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a" },
    { "PBKDF2-SHA-256: a password longer than a block", KS_SHA256,
        "passwordPASSWORDpasswordpasswordPASSWORDpasswordpasswordPASSWORDpassword",
        "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096,
        "54f1e83aac97884547137ccb9fd85c512913cc2ab466a16572d9b23ca6c99f5b" },
    { "PBKDF2-SHA-512: a thousand iterations", KS_SHA512, "password", "salt", 1000,
        "afe6c5530785b6cc6b1c6453384731bd5ee432ee549fd42fb6695779ad8a1c5b"
        "f59de69c48f774efc4007d5298f9033c0241d5ab69305e7b64eceeb8d834cfec" },
};

static void derivation(void)
{
    uint8_t key[255 * 20];

    for (size_t i = 0; i < KS_COUNT(hkdf_rows); i++) {
        size_t len = strlen(hkdf_rows[i].want) / 2;
        ks_hkdf(hkdf_rows[i].hash, unhex(hkdf_rows[i].secret), unhex(hkdf_rows[i].salt), unhex(hkdf_rows[i].info), key,
            len);
        check_hex(hkdf_rows[i].name, key, len, hkdf_rows[i].want);
    }
    ks_hkdf(KS_SHA1, KS_STR("secret"), KS_STR("salt"), KS_STR("info"), key, sizeof key);
    struct ks_str last = ks_str(key + sizeof key - 20, 20);
    check_row(
        !ks_str_eq(last, ks_str(key, 20)), "RFC 5869 §2.3: 255 blocks, the longest output, do not repeat", "they do");
    for (size_t i = 0; i < KS_COUNT(pbkdf2_rows); i++) {
        ks_pbkdf2(pbkdf2_rows[i].hash, ks_str_z(pbkdf2_rows[i].password), ks_str_z(pbkdf2_rows[i].salt),
            pbkdf2_rows[i].iterations, key);
        check_hex(pbkdf2_rows[i].name, key, ks_hash_len(pbkdf2_rows[i].hash), pbkdf2_rows[i].want);
    }
}

/* --- AEAD --- */

#define SUNSCREEN                                                                                                      \
    "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666" \
    "657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069" \
    "742e"

static void xchacha(void)
{
    struct ks_str key = unhex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    struct ks_str nonce = unhex("404142434445464748494a4b4c4d4e4f5051525354555657");
    struct ks_str extra = unhex("50515253c0c1c2c3c4c5c6c7"), bytes = unhex(SUNSCREEN);
    uint8_t sealed[200], opened[200];
    const uint8_t *key_at = (const uint8_t *)key.ptr, *nonce_at = (const uint8_t *)nonce.ptr;

    ks_aead_seal(key_at, nonce_at, extra, bytes, sealed);
    check_hex("draft-irtf-cfrg-xchacha §A.3.1: XChaCha20-Poly1305", sealed, bytes.len + KS_AEAD_TAG_LEN,
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54"
        "c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f6"
        "15c68b13b52ec0875924c1c7987947deafd8780acf49");
    enum ks_err err = ks_aead_open(key_at, nonce_at, extra, ks_str(sealed, bytes.len + KS_AEAD_TAG_LEN), opened);
    check_row(
        err == KS_OK && memcmp(opened, bytes.ptr, bytes.len) == 0, "what was sealed opens", "%s", ks_err_name(err));
    ks_aead_seal(key_at, nonce_at, extra, KS_STR_EMPTY, sealed);
    check_err("nothing, sealed, opens", ks_aead_open(key_at, nonce_at, extra, ks_str(sealed, 16), NULL), KS_OK);
    check_err(
        "shorter than a tag is refused", ks_aead_open(key_at, nonce_at, extra, ks_str(sealed, 15), NULL), KS_ECRYPTO);
    check_err("an empty text is refused", ks_aead_open(key_at, nonce_at, extra, KS_STR_EMPTY, NULL), KS_ECRYPTO);
}

/* Long enough for every inner buffer, and then a few bytes. */
#define LONG_LEN (3 * 4096 + 5)

/* Every byte that goes into opening, flipped once: refused, and the output as before. */
static void xchacha_tampered(size_t len)
{
    uint8_t key[KS_AEAD_KEY_LEN], nonce[KS_AEAD_NONCE_LEN], extra[7], *plain = ks_arena_alloc(&arena, len + 1);
    uint8_t *sealed = ks_arena_alloc(&arena, len + 16), *opened = ks_arena_alloc(&arena, len + 1);
    struct ks_prng prng;
    struct {
        uint8_t *at;
        size_t len;
    } inputs[] = { { key, sizeof key }, { nonce, sizeof nonce }, { extra, sizeof extra }, { sealed, len + 16 } };
    size_t accepted = 0, touched = 0, tries = 0;

    ks_prng_init_number(&prng, len);
    ks_prng_bytes(&prng, key, sizeof key);
    ks_prng_bytes(&prng, nonce, sizeof nonce);
    ks_prng_bytes(&prng, extra, sizeof extra);
    ks_prng_bytes(&prng, plain, len);
    ks_aead_seal(key, nonce, ks_str(extra, sizeof extra), ks_str(plain, len), sealed);
    memset(opened, 0xa5, len + 1);
    for (size_t part = 0; part < KS_COUNT(inputs); part++)
        for (size_t i = 0; i<inputs[part].len; i += inputs[part].len> 1000 ? 61 : 1, tries++) {
            inputs[part].at[i] ^= (uint8_t)(1U << i % 8);
            accepted +=
                ks_aead_open(key, nonce, ks_str(extra, sizeof extra), ks_str(sealed, len + 16), opened) == KS_OK;
            inputs[part].at[i] ^= (uint8_t)(1U << i % 8);
        }
    for (size_t i = 0; i <= len; i++)
        touched += opened[i] != 0xa5;
    check_row(
        accepted == 0, "XChaCha20-Poly1305: a flipped bit anywhere is refused", "%zu of %zu accepted", accepted, tries);
    check_row(touched == 0, "XChaCha20-Poly1305: a refusal leaves the output as it was", "%zu bytes differ", touched);
    enum ks_err err = ks_aead_open(key, nonce, ks_str(extra, sizeof extra), ks_str(sealed, len + 16), opened);
    check_row(err == KS_OK && memcmp(plain, opened, len) == 0 && opened[len] == 0xa5,
        "XChaCha20-Poly1305: unflipped it opens, and nothing is written past the end", "%s", ks_err_name(err));
    uint8_t *both = ks_arena_alloc(&arena, len + 16);
    memcpy(both, plain, len);
    ks_aead_seal(key, nonce, ks_str(extra, sizeof extra), ks_str(both, len), both);
    check_row(memcmp(both, sealed, len + 16) == 0, "XChaCha20-Poly1305: seals in place", "%zu bytes", len);
    err = ks_aead_open(key, nonce, ks_str(extra, sizeof extra), ks_str(sealed, len + 16), sealed);
    check_row(
        err == KS_OK && memcmp(plain, sealed, len) == 0, "XChaCha20-Poly1305: opens in place", "%s", ks_err_name(err));
}

/* RFC 8439 §2.8.2 and §A.5 as printed; the edges are from the AEAD of Python's cryptography, which also gave those. */
static const struct {
    const char *name, *key, *nonce, *extra, *bytes, *want;
} chacha_rows[] = {
    { "RFC 8439 §2.8.2: ChaCha20-Poly1305", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7", SUNSCREEN,
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a"
        "9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9d"
        "e576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691" },
    { "RFC 8439 §A.5: ChaCha20-Poly1305", "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
        "000000000102030405060708", "f33388860000000000004e91",
        "496e7465726e65742d4472616674732061726520647261667420646f63756d656e74732076616c696420666f722061206d617869"
        "6d756d206f6620736978206d6f6e74687320616e64206d617920626520757064617465642c207265706c616365642c206f72206f"
        "62736f6c65746564206279206f7468657220646f63756d656e747320617420616e792074696d652e20497420697320696e617070"
        "726f70726961746520746f2075736520496e7465726e65742d447261667473206173207265666572656e6365206d617465726961"
        "6c206f7220746f2063697465207468656d206f74686572207468616e206173202fe2809c776f726b20696e2070726f6772657373"
        "2e2fe2809d",
        "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0bdb7b73c"
        "321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61"
        "c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0"
        "a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434e"
        "cebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4"
        "022b02709beead9d67890cbb22392336fea1851f38" },
    { "RFC 8439 §2.8: an empty text", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7", "", "e622e5647a38d967a7ecbcb46c7f675c" },
    { "RFC 8439 §2.8: no extra bytes", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "070000004041424344454647", "", SUNSCREEN,
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a"
        "9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9d"
        "e576d26586cec64b61166a23a4681fd59456aea1d29f82477216" },
    { "RFC 8439 §2.8: nothing at all", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "070000004041424344454647", "", "", "a0784d7a4716f3feb4f64e7f4b39bf04" },
    { "RFC 8439 §2.8: one whole block of both", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "070000004041424344454647", "4c616469657320616e642047656e746c",
        "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64"
        "206f6666657220796f75206f",
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a"
        "9e060b2905d6a5b67ecd3b36bf4c464ec3de13fa08d4b4e0fd43ae5a" },
};

/* Opens what has to be refused; what it wrote, or let pass, counts. */
static size_t chacha_refuses(const uint8_t key[32], const uint8_t nonce[12], struct ks_str extra, struct ks_str sealed)
{
    static uint8_t opened[400];
    size_t wrong = 0;

    memset(opened, 0xa5, sizeof opened);
    wrong += ks_chacha_open(key, nonce, extra, sealed, opened) != KS_ECRYPTO;
    for (size_t i = 0; i < sizeof opened; i++)
        wrong += opened[i] != 0xa5;
    return wrong;
}

static void chacha(void)
{
    static uint8_t key[32], nonce[12], extra[32], sealed[400], opened[400];
    const struct {
        uint8_t *at;
        size_t len;
    } fixed[] = { { key, sizeof key }, { nonce, sizeof nonce } };

    for (size_t i = 0; i < KS_COUNT(chacha_rows); i++) {
        struct ks_str plain = unhex(chacha_rows[i].bytes), want = unhex(chacha_rows[i].want);
        struct ks_str extra_row = unhex(chacha_rows[i].extra), extra_text = ks_str(extra, extra_row.len);
        size_t len = plain.len + KS_AEAD_TAG_LEN, wrong = 0, tries = 0;

        memcpy(key, unhex(chacha_rows[i].key).ptr, sizeof key);
        memcpy(nonce, unhex(chacha_rows[i].nonce).ptr, sizeof nonce);
        memcpy(extra, extra_row.len ? extra_row.ptr : "", extra_row.len);
        ks_chacha_seal(key, nonce, extra_text, plain, sealed);
        check_hex(chacha_rows[i].name, sealed, len, chacha_rows[i].want);
        memset(opened, 0xa5, sizeof opened);
        enum ks_err err = ks_chacha_open(key, nonce, extra_text, want, opened);
        check_row(
            err == KS_OK && memcmp(opened, plain.len ? plain.ptr : "", plain.len) == 0 && opened[plain.len] == 0xa5,
            "ChaCha20-Poly1305: and back, and nothing is written past the end", "%s", chacha_rows[i].name);
        memcpy(opened, plain.len ? plain.ptr : "", plain.len);
        ks_chacha_seal(key, nonce, extra_text, ks_str(opened, plain.len), opened);
        check_hex("ChaCha20-Poly1305: the same in place", opened, len, chacha_rows[i].want);
        err = ks_chacha_open(key, nonce, extra_text, ks_str(opened, len), opened);
        check_row(err == KS_OK && memcmp(opened, plain.len ? plain.ptr : "", plain.len) == 0,
            "ChaCha20-Poly1305: and back in place", "%s", chacha_rows[i].name);

        for (size_t at = 0; at < len; at++, tries++) { /* the text, and each byte of the tag */
            sealed[at] ^= (uint8_t)(1U << at % 8);
            wrong += chacha_refuses(key, nonce, extra_text, ks_str(sealed, len));
            sealed[at] ^= (uint8_t)(1U << at % 8);
        }
        for (size_t at = 0; at < extra_text.len; at++, tries++) {
            extra[at] ^= (uint8_t)(1U << at % 8);
            wrong += chacha_refuses(key, nonce, extra_text, ks_str(sealed, len));
            extra[at] ^= (uint8_t)(1U << at % 8);
        }
        for (size_t part = 0; part < KS_COUNT(fixed); part++)
            for (size_t at = 0; at < fixed[part].len; at++, tries++) {
                fixed[part].at[at] ^= (uint8_t)(1U << at % 8);
                wrong += chacha_refuses(key, nonce, extra_text, ks_str(sealed, len));
                fixed[part].at[at] ^= (uint8_t)(1U << at % 8);
            }
        check_row(wrong == 0 && tries >= 60, "ChaCha20-Poly1305: a flipped bit anywhere is refused, nothing written",
            "%zu wrong in %zu", wrong, tries);
        wrong = 0;
        for (size_t cut = 0; cut < len; cut++)
            wrong += chacha_refuses(key, nonce, extra_text, ks_str(sealed, cut));
        sealed[len] = 0;
        wrong += chacha_refuses(key, nonce, extra_text, ks_str(sealed, len + 1));
        check_row(wrong == 0, "ChaCha20-Poly1305: cut anywhere, or longer by a byte, is refused", "%zu wrong", wrong);
        err = ks_chacha_open(key, nonce, extra_text, ks_str(sealed, len), opened);
        check_err("ChaCha20-Poly1305: and unchanged it opens", err, KS_OK);
    }
}

/* --- AES --- */

#define NIST_TEXT                                                      \
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" \
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
#define NIST_KEY_128 "2b7e151628aed2a6abf7158809cf4f3c"
#define NIST_KEY_256 "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
#define NIST_IV "000102030405060708090a0b0c0d0e0f"

/* The last block of each answer is the padding, computed with Python's cryptography package. */
static const struct {
    const char *name, *key, *bytes, *want;
} cbc_rows[] = {
    { "SP 800-38A §F.2.1: AES-128-CBC, and a block of padding", NIST_KEY_128, NIST_TEXT,
        "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
        "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
        "8cb82807230e1321d3fae00d18cc2012" },
    { "SP 800-38A §F.2.5: AES-256-CBC, and a block of padding", NIST_KEY_256, NIST_TEXT,
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
        "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"
        "3f461796d6b0d6b2e0c2a72b4d80e644" },
    { "RFC 5652 §6.3: a block and a part are filled up", NIST_KEY_256, "6bc1bee22e409f96e93d7e117393172aae2d8a57",
        "f58c4c04d6e5f1ba779eabfb5f7bfbd684354e280bfa27ef071b563dc89d0364" },
    { "RFC 5652 §6.3: nothing becomes a block of padding", NIST_KEY_128, "", "c84af0b613435d5d9182801a9bd9320b" },
};

static void cbc(void)
{
    const uint8_t *iv = (const uint8_t *)unhex(NIST_IV).ptr;
    uint8_t sealed[96], opened[96], before[96];
    size_t len, again;

    for (size_t i = 0; i < KS_COUNT(cbc_rows); i++) {
        struct ks_str key = unhex(cbc_rows[i].key), bytes = unhex(cbc_rows[i].bytes);
        ks_aes_cbc_encrypt(key, iv, bytes, sealed, &len);
        check_hex(cbc_rows[i].name, sealed, len, cbc_rows[i].want);
        enum ks_err err = ks_aes_cbc_decrypt(key, iv, ks_str(sealed, len), opened, &again);
        check_row(err == KS_OK && again == bytes.len && memcmp(opened, bytes.ptr ? bytes.ptr : "", again) == 0,
            "AES-CBC: and back", "%s", cbc_rows[i].name);
        err = ks_aes_cbc_decrypt(key, iv, ks_str(sealed, len), sealed, &again);
        check_row(err == KS_OK && again == bytes.len && memcmp(sealed, opened, again) == 0,
            "AES-CBC: and back in place", "%s", cbc_rows[i].name);
    }
    struct ks_str key = unhex(NIST_KEY_256), bytes = unhex(NIST_TEXT);
    memcpy(sealed, bytes.ptr, bytes.len);
    ks_aes_cbc_encrypt(key, iv, ks_str(sealed, bytes.len), sealed, &len);
    check_hex("AES-CBC: encrypts in place", sealed, len, cbc_rows[1].want);

    check_err(
        "AES-CBC: no ciphertext is refused", ks_aes_cbc_decrypt(key, iv, KS_STR_EMPTY, opened, &again), KS_ECRYPTO);
    check_err("AES-CBC: half a block is refused", ks_aes_cbc_decrypt(key, iv, ks_str(sealed, 24), opened, &again),
        KS_ECRYPTO);

    /* All 256 last bytes of a padding block: of them just "01" is right after a text block, as the 15 before are 0x10.
     */
    memset(before, 0xa5, sizeof before);
    memcpy(opened, before, sizeof opened);
    size_t accepted = 0, touched = 0;
    for (unsigned flip = 1; flip < 256; flip++) {
        sealed[len - 17] ^= (uint8_t)flip; /* flips the last byte of the padding */
        memcpy(opened, before, sizeof opened);
        if (ks_aes_cbc_decrypt(key, iv, ks_str(sealed, len), opened, &again) == KS_OK) {
            accepted++;
            check_row((0x10 ^ flip) == 0x01 && again == len - 1, "RFC 5652 §6.3: padding 01 is one byte",
                "flip %02x, %zu", flip, again);
        } else
            touched += memcmp(opened, before, sizeof opened) != 0;
        sealed[len - 17] ^= (uint8_t)flip;
    }
    check_row(accepted == 1, "RFC 5652 §6.3: any other last byte is bad padding", "%zu accepted", accepted);
    check_row(touched == 0, "AES-CBC: bad padding leaves the output as it was", "%zu times", touched);
    sealed[len - 18] ^= 1;
    check_err("RFC 5652 §6.3: a padding byte that differs is bad padding",
        ks_aes_cbc_decrypt(key, iv, ks_str(sealed, len), opened, &again), KS_ECRYPTO);
}

#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_EXTRA "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_TEXT                                                       \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" \
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"

/* McGrew and Viega print no case with 16 bytes of nonce: those answers are from a bit-by-bit reading of SP 800-38D
 * §6.3 and §7.1 in Python, which also gave the printed cases 4 and 16. */
static const struct {
    const char *name, *key, *nonce, *extra, *bytes, *want, *tag;
} gcm_rows[] = {
    { "McGrew and Viega, case 1: nothing", "00*16", "00*12", "", "", "", "58e2fccefa7e3061367f1d57a4e7455a" },
    { "McGrew and Viega, case 2: one block", "00*16", "00*12", "", "00*16", "0388dace60b6a392f328c2b971b2fe78",
        "ab6e47d42cec13bdf53a67b21257bddf" },
    { "McGrew and Viega, case 4: AES-128-GCM", GCM_KEY, "cafebabefacedbaddecaf888", GCM_EXTRA, GCM_TEXT,
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
        "5bc94fbc3221a5db94fae95ae7121a47" },
    { "McGrew and Viega, case 16: AES-256-GCM", GCM_KEY GCM_KEY, "cafebabefacedbaddecaf888", GCM_EXTRA, GCM_TEXT,
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        "76fc6ece0f4e1768cddf8853bb2d551b" },
    { "SP 800-38D §7.1: AES-128-GCM, 16 bytes of nonce", GCM_KEY, "cafebabefacedbaddecaf88800010203", GCM_EXTRA,
        GCM_TEXT,
        "9b5f747b9309412b963b3ddfa6c704659ab8b10b58e5f8160cf09d96f9f640cf"
        "90a7f2b83603761d85bf6b569121339f0bbde447bfd0aad950ea347a",
        "deb20c3627355e1fb963d77bcb849fb1" },
    { "SP 800-38D §7.1: AES-256-GCM, 16 bytes of nonce", GCM_KEY GCM_KEY, "cafebabefacedbaddecaf88800010203", GCM_EXTRA,
        GCM_TEXT,
        "907d9197b696b425f215ba6c98a84553ba16d317bf2ecea51eea923f071a41bf"
        "9e89ca072a43e2941bab05c195030733108661ac3597f9c1d01df45e",
        "77a9efc1dd51ff6563e1ed5487450346" },
    { "SP 800-38D §7.1: 16 bytes of nonce, nothing else", GCM_KEY, "cafebabefacedbaddecaf88800010203", "", "", "",
        "8a475fdafd33c02e0d0db186eeae0e0a" },
};

static void gcm(void)
{
    uint8_t bytes[64], tag[16], opened[64];

    for (size_t i = 0; i < KS_COUNT(gcm_rows); i++) {
        struct ks_str key = unhex(gcm_rows[i].key), nonce = unhex(gcm_rows[i].nonce), extra = unhex(gcm_rows[i].extra);
        struct ks_str plain = unhex(gcm_rows[i].bytes);
        ks_aes_gcm_seal(key, nonce, extra, plain, bytes, tag);
        check_hex(gcm_rows[i].name, bytes, plain.len, gcm_rows[i].want);
        check_hex("AES-GCM: and its tag", tag, 16, gcm_rows[i].tag);
        enum ks_err err = ks_aes_gcm_open(key, nonce, extra, ks_str(bytes, plain.len), tag, opened);
        check_row(err == KS_OK && memcmp(opened, plain.ptr ? plain.ptr : "", plain.len) == 0, "AES-GCM: and back", "%s",
            gcm_rows[i].name);
        memcpy(bytes, plain.ptr ? plain.ptr : "", plain.len);
        ks_aes_gcm_seal(key, nonce, extra, ks_str(bytes, plain.len), bytes, tag);
        check_hex("AES-GCM: the same in place", bytes, plain.len, gcm_rows[i].want);
        err = ks_aes_gcm_open(key, nonce, extra, ks_str(bytes, plain.len), tag, bytes);
        check_row(err == KS_OK && memcmp(bytes, opened, plain.len) == 0, "AES-GCM: and back in place", "%s",
            gcm_rows[i].name);
    }
}

/* The same answers, in two pieces, cut at each place. */
static void gcm_in_pieces(void)
{
    uint8_t bytes[64], opened[64], tag[16];
    size_t wrong = 0, refused = 0, accepted = 0, cuts = 0;

    for (size_t i = 0; i < KS_COUNT(gcm_rows); i++) {
        struct ks_str key = unhex(gcm_rows[i].key), nonce = unhex(gcm_rows[i].nonce), plain = unhex(gcm_rows[i].bytes);
        struct ks_str want = unhex(gcm_rows[i].want), want_tag = unhex(gcm_rows[i].tag);
        if (*gcm_rows[i].extra)
            continue;
        for (size_t cut = 0; cut <= plain.len; cut++, cuts++) {
            struct ks_gcm *seal = ks_gcm_new(true, key, nonce), *open = ks_gcm_new(false, key, nonce);
            struct ks_gcm *again = ks_gcm_new(false, key, nonce);
            ks_gcm_add(seal, ks_str_head(plain, cut), bytes);
            ks_gcm_add(seal, ks_str_from(plain, cut), bytes + cut);
            ks_gcm_seal_end(seal, tag);
            wrong += memcmp(bytes, want.ptr ? want.ptr : "", want.len) != 0 || memcmp(tag, want_tag.ptr, 16) != 0;
            ks_gcm_add(open, ks_str(bytes, cut), opened);
            ks_gcm_add(open, ks_str(bytes + cut, plain.len - cut), opened + cut);
            refused +=
                ks_gcm_open_end(open, tag) != KS_OK || memcmp(opened, plain.ptr ? plain.ptr : "", plain.len) != 0;
            tag[cut % 16] ^= 1;
            ks_gcm_add(again, ks_str(bytes, plain.len), opened);
            accepted += ks_gcm_open_end(again, tag) == KS_OK;
            ks_gcm_free(seal);
            ks_gcm_free(open);
            ks_gcm_free(again);
        }
    }
    check_row(
        wrong == 0 && cuts > 17, "AES-GCM in pieces: the same answers, wherever it is cut", "%zu of %zu", wrong, cuts);
    check_row(refused == 0, "AES-GCM in pieces: and back", "%zu", refused);
    check_row(accepted == 0, "AES-GCM in pieces: another tag is refused", "%zu", accepted);
}

static void gcm_tampered(size_t len, size_t nonce_len)
{
    uint8_t key[16], nonce[16], extra[7], tag[16], *plain = ks_arena_alloc(&arena, len + 1);
    uint8_t *sealed = ks_arena_alloc(&arena, len + 1), *opened = ks_arena_alloc(&arena, len + 1);
    struct ks_prng prng;
    struct {
        uint8_t *at;
        size_t len;
    } inputs[] = { { key, 16 }, { nonce, nonce_len }, { extra, sizeof extra }, { sealed, len }, { tag, 16 } };
    struct ks_str key_text = ks_str(key, 16), nonce_text = ks_str(nonce, nonce_len);
    struct ks_str extra_text = ks_str(extra, sizeof extra);
    size_t accepted = 0, touched = 0;

    ks_prng_init_number(&prng, len + nonce_len);
    ks_prng_bytes(&prng, key, sizeof key);
    ks_prng_bytes(&prng, nonce, sizeof nonce);
    ks_prng_bytes(&prng, extra, sizeof extra);
    ks_prng_bytes(&prng, plain, len);
    ks_aes_gcm_seal(key_text, nonce_text, extra_text, ks_str(plain, len), sealed, tag);
    memset(opened, 0xa5, len + 1);
    for (size_t part = 0; part < KS_COUNT(inputs); part++)
        for (size_t i = 0; i<inputs[part].len; i += inputs[part].len> 1000 ? 61 : 1) {
            inputs[part].at[i] ^= (uint8_t)(1U << i % 8);
            accepted += ks_aes_gcm_open(key_text, nonce_text, extra_text, ks_str(sealed, len), tag, opened) == KS_OK;
            inputs[part].at[i] ^= (uint8_t)(1U << i % 8);
        }
    for (size_t i = 0; i <= len; i++)
        touched += opened[i] != 0xa5;
    check_row(accepted == 0, "AES-GCM: a flipped bit anywhere is refused", "%zu accepted", accepted);
    check_row(touched == 0, "AES-GCM: a refusal leaves the output as it was", "%zu bytes differ", touched);
    enum ks_err err = ks_aes_gcm_open(key_text, nonce_text, extra_text, ks_str(sealed, len), tag, opened);
    check_row(err == KS_OK && memcmp(plain, opened, len) == 0 && opened[len] == 0xa5,
        "AES-GCM: unflipped it opens, and nothing is written past the end", "%s", ks_err_name(err));
}

/* --- Argon2id --- */

#ifdef TEST_ARGON2ID
/* RFC 9106 §5.3 prints one answer, with four lanes; libsodium has one lane. These are from the reference
 * implementation: printf PASSWORD | argon2 SALT -id -t PASSES -k KIB -p 1 -l 32 -r */
static const struct {
    const char *name, *password, *salt;
    uint32_t kib, passes;
    const char *want;
} argon2id_rows[] = {
    { "RFC 9106: Argon2id, 64 MiB, 3 passes", "password", "0123456789abcdef", 65536, 3,
        "daf16780dcb73e862146297fa17b81b86b480f33c0b67daef0f2c7c809c5797b" },
    { "RFC 9106: Argon2id, 19 MiB, 2 passes", "password", "0123456789abcdef", 19456, 2,
        "d2ab07b39ef7f8b806227cd86fbb11aa5393066a98e17eacacd126eb26e9276d" },
    { "RFC 9106: Argon2id, a PIN", "1234", "saltsaltsaltsalt", 19456, 2,
        "a26796ea48e843bc4cedd6957dcc3ba6c88be5290438d59368ae7f98685c8d94" },
    { "RFC 9106: Argon2id, 1 MiB, one pass", "password", "0123456789abcdef", 1024, 1,
        "93f087c081d637f0cc148a445aa00a686d100cacab6f7b7c39f1aa4e22e70b71" },
    { "RFC 9106: Argon2id, as little memory as there may be", "password", "0123456789abcdef", 8, 1,
        "771338d819573c67116b39e1788ae8e04b0eb0cf9dfbbfe2e6d746cf3e464fc7" },
};

static void argon2id(void)
{
    static const struct {
        const char *name;
        uint32_t kib, passes;
    } limits[] = {
        { "Argon2id: less than 8 KiB is refused", 7, 1 },
        { "Argon2id: more than 1 GiB is refused", (1 << 20) + 1, 1 },
        { "Argon2id: no pass is refused", 8, 0 },
        { "Argon2id: 65 passes are refused", 8, 65 },
    };
    uint8_t key[32];

    for (size_t i = 0; i < KS_COUNT(argon2id_rows); i++) {
        enum ks_err err = ks_argon2id(ks_str_z(argon2id_rows[i].password), (const uint8_t *)argon2id_rows[i].salt,
            argon2id_rows[i].kib, argon2id_rows[i].passes, key);
        check_err("Argon2id answers", err, KS_OK);
        check_hex(argon2id_rows[i].name, key, sizeof key, argon2id_rows[i].want);
    }
    for (size_t i = 0; i < KS_COUNT(limits); i++)
        check_err(limits[i].name,
            ks_argon2id(KS_STR("1234"), (const uint8_t *)"0123456789abcdef", limits[i].kib, limits[i].passes, key),
            KS_ELIMIT);
}
#else
static void argon2id(void)
{
    uint8_t key[32];

    check_err("the OpenSSL driver has no Argon2id and says so",
        ks_argon2id(KS_STR("1234"), (const uint8_t *)"0123456789abcdef", 64, 1, key), KS_ESTATE);
}
#endif

/* --- agreement --- */

static struct ks_str some_bytes(struct ks_prng *prng, uint8_t *room, size_t len)
{
    ks_prng_bytes(prng, room, len);
    return ks_str(room, len);
}

/* One program cannot hold both drivers, so each has to come to this digest of what it answers to the same chance. */
#define AGREED "02045aa116e40f8932f7e2fde5b744538985d54fbcb757f66534675d355f75bf"
static void agreement(void)
{
    static uint8_t rooms[4][700], out[800];
    struct ks_hasher *all = ks_hasher_new(KS_SHA256);
    struct ks_prng prng;
    uint8_t digest[32];
    size_t len;

    ks_prng_init_number(&prng, 7);
    for (int i = 0; i < 3000; i++) {
        enum ks_hash hash = (enum ks_hash)ks_prng_below(&prng, 3);
        struct ks_str a = some_bytes(&prng, rooms[0], ks_prng_below(&prng, 300));
        struct ks_str b = some_bytes(&prng, rooms[1], ks_prng_below(&prng, 700));
        struct ks_str key = some_bytes(&prng, rooms[2], i % 2 ? 16 : 32), nonce = some_bytes(&prng, rooms[3], 24);
        const uint8_t *nonce_at = rooms[3];

        ks_hash(hash, b, out);
        ks_hasher_add(all, ks_str(out, ks_hash_len(hash)));
        ks_hmac(hash, a, b, out);
        ks_hasher_add(all, ks_str(out, ks_hash_len(hash)));
        len = ks_prng_below(&prng, 200);
        ks_hkdf(hash, a, key, b, out, len);
        ks_hasher_add(all, ks_str(out, len));
        if (i % 100 == 0) {
            ks_pbkdf2(hash, a, b, 1 + (uint32_t)ks_prng_below(&prng, 50), out);
            ks_hasher_add(all, ks_str(out, ks_hash_len(hash)));
        }
        ks_aead_seal(nonce_at, nonce_at, a, b, out + 8);
        ks_hasher_add(all, ks_str(out + 8, b.len + KS_AEAD_TAG_LEN));
        ks_chacha_seal(rooms[2], nonce_at, a, b, out + 8);
        ks_hasher_add(all, ks_str(out + 8, b.len + KS_AEAD_TAG_LEN));
        ks_aes_cbc_encrypt(key, nonce_at, b, out, &len);
        ks_hasher_add(all, ks_str(out, len));
        ks_aes_gcm_seal(key, ks_str_head(nonce, i % 3 ? 12 : 16), a, b, out + 16, out);
        ks_hasher_add(all, ks_str(out, b.len + 16));
    }
    ks_hasher_end(all, digest);
    check_hex("both drivers answer alike to 3000 times chance", digest, sizeof digest, AGREED);
    ks_hasher_free(all);
}

int main(void)
{
    check_err("the library starts", ks_crypto_init(), KS_OK);
    check_err("and may be started again", ks_crypto_init(), KS_OK);
    ks_arena_init(&arena, 64 << 20);
    hashes();
    equality();
    macs();
    derivation();
    xchacha();
    xchacha_tampered(0);
    xchacha_tampered(33);
    xchacha_tampered(LONG_LEN);
    chacha();
    cbc();
    gcm();
    gcm_in_pieces();
    gcm_tampered(33, 12);
    gcm_tampered(LONG_LEN, 16);
    argon2id();
    agreement();
    check_row(check_failed == 0,
        "DSK II.1-h: hashes, MACs, key derivation and ciphers give the known answers of their standards", "%d do not",
        check_failed);
    ks_arena_done(&arena);
    return check_done();
}
