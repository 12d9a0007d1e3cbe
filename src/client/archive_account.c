/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "archive_account.h"

#define PURPOSE_BLOB KS_STR("konsil/0 ring blob\n")
#define PURPOSE_INPUT "konsil/0 account\n"
#define PURPOSE_KEY KS_STR("konsil/0 account key")
#define PURPOSE_TOKEN KS_STR("konsil/0 account token")
#define PURPOSE_CONFIRM KS_STR("konsil/0 account confirm")
#define PURPOSE_RECOVERY KS_STR("konsil/0 recovery")
#define PIN_HEAD (KS_ACCOUNT_ID_LEN + 16 + 4 + 4)
#define INSIDE (KS_P256_PRIVATE_LEN + 32)
#define AD_MAX (32 + 4 + KS_ARCHIVE_ACCOUNT_MAX + 1 + KS_P256_PUBLIC_LEN + PIN_HEAD)

static_assert(sizeof(PURPOSE_INPUT) - 1 + KS_ACCOUNT_ID_LEN + 32 == KS_ACCOUNT_INPUT_LEN, "purpose, id, password");
static_assert(PIN_HEAD + KS_AEAD_NONCE_LEN + INSIDE + KS_AEAD_TAG_LEN == KS_RING_PIN_BLOB_LEN, "the blob of a PIN");
static_assert(KS_AEAD_NONCE_LEN + INSIDE + KS_AEAD_TAG_LEN == KS_RING_RECOVERY_BLOB_LEN, "that of a recovery key");

/* --- PIN --- */

enum ks_err ks_account_pin_read(const struct ks_ring_seat *seat, struct ks_account_pin *ret_pin)
{
    struct ks_cursor at = ks_cursor(ks_str(seat->blob, PIN_HEAD));
    struct ks_account_pin pin;
    struct ks_str id, salt;
    enum ks_err err;

    assert(seat->kind == KS_RING_PIN);
    if ((err = ks_cursor_take(&at, sizeof(pin.id), &id)) != KS_OK
        || (err = ks_cursor_take(&at, sizeof(pin.salt), &salt)) != KS_OK
        || (err = ks_cursor_u32(&at, &pin.kib)) != KS_OK || (err = ks_cursor_u32(&at, &pin.passes)) != KS_OK)
        return err;
    if (pin.kib < KS_ACCOUNT_KIB_MIN || pin.kib > KS_ACCOUNT_KIB_MAX || pin.passes < KS_ACCOUNT_PASSES_MIN
        || pin.passes > KS_ACCOUNT_PASSES_MAX)
        return KS_ELIMIT;
    memcpy(pin.id, id.ptr, sizeof(pin.id));
    memcpy(pin.salt, salt.ptr, sizeof(pin.salt));
    *ret_pin = pin;
    return KS_OK;
}

enum ks_err ks_account_input(
    const struct ks_account_pin *pin, struct ks_str text, uint8_t ret_input[KS_ACCOUNT_INPUT_LEN])
{
    size_t front = sizeof(PURPOSE_INPUT) - 1;

    if (!text.len || text.len > KS_ACCOUNT_PIN_MAX)
        return KS_ELIMIT;
    memcpy(ret_input, PURPOSE_INPUT, front);
    memcpy(ret_input + front, pin->id, sizeof(pin->id));
    return ks_argon2id(text, pin->salt, pin->kib, pin->passes, ret_input + front + sizeof(pin->id));
}

void ks_account_key(const struct ks_account_pin *pin, const uint8_t output[KS_ACCOUNT_OUTPUT_LEN],
    const uint8_t share[32], uint8_t ret_key[32])
{
    uint8_t both[KS_ACCOUNT_OUTPUT_LEN + 32];

    memcpy(both, output, KS_ACCOUNT_OUTPUT_LEN);
    memcpy(both + KS_ACCOUNT_OUTPUT_LEN, share, 32);
    ks_hkdf(KS_SHA256, ks_str(both, sizeof(both)), ks_str(pin->id, sizeof(pin->id)), PURPOSE_KEY, ret_key, 32);
    ks_wipe(both, sizeof(both));
}

void ks_account_token(const struct ks_account_pin *pin, const uint8_t share[32], uint8_t ret_token[32])
{
    ks_hkdf(KS_SHA256, ks_str(share, 32), ks_str(pin->id, sizeof(pin->id)), PURPOSE_TOKEN, ret_token, 32);
}

void ks_account_seed(
    const struct ks_account_pin *pin, const uint8_t private_key[KS_P256_PRIVATE_LEN], uint8_t ret_seed[32])
{
    ks_hkdf(KS_SHA256, ks_str(private_key, KS_P256_PRIVATE_LEN), ks_str(pin->id, sizeof(pin->id)), PURPOSE_CONFIRM,
        ret_seed, 32);
}

/* --- recovery key --- */

/* No I, O, 0 and 1. Each letter is an element of GF(32), x^5 + x^2 + 1; the last two make the word a multiple of
 * (x + 1)(x + 2), so that no two wrong letters, nor two that changed places, go unseen. */
#define LETTERS "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
#define WORD 26

static uint8_t times_2(uint8_t a)
{
    return (uint8_t)(a & 16 ? (a << 1 & 31) ^ 5 : a << 1);
}

static void check_letters(const uint8_t word[WORD - 2], uint8_t ret_check[2])
{
    uint8_t high = 0, low = 0;

    for (size_t i = 0; i < WORD - 2; i++) {
        uint8_t first = word[i] ^ high;

        high = low ^ times_2(first) ^ first;
        low = times_2(first);
    }
    ret_check[0] = high;
    ret_check[1] = low;
}

void ks_recovery_write(const uint8_t key[KS_RECOVERY_KEY_LEN], char ret_text[KS_RECOVERY_TEXT_LEN + 1])
{
    uint8_t word[WORD];
    char *at = ret_text;

    for (size_t i = 0; i < WORD - 2; i++) {
        size_t bit = i * 5, byte = bit / 8;
        unsigned two = (unsigned)key[byte] << 8 | (byte + 1 < KS_RECOVERY_KEY_LEN ? key[byte + 1] : 0);

        word[i] = (uint8_t)(two >> (11 - bit % 8) & 31);
    }
    check_letters(word, word + WORD - 2);
    for (size_t i = 0; i < WORD; i++) {
        if (i && i % 4 == 0)
            *at++ = '-';
        *at++ = LETTERS[word[i]];
    }
    *at = 0;
    ks_wipe(word, sizeof(word));
}

/* 32: not one of ours. */
static uint8_t letter_of(char c)
{
    char upper = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    uint8_t value = 0;

    while (value < 32 && LETTERS[value] != upper)
        value++;
    return value;
}

enum ks_err ks_recovery_read(struct ks_str text, uint8_t ret_key[KS_RECOVERY_KEY_LEN])
{
    uint8_t word[WORD], check[2], key[KS_RECOVERY_KEY_LEN] = { 0 };
    enum ks_err err = KS_OK;
    size_t count = 0;

    for (size_t i = 0; err == KS_OK && i < text.len; i++) {
        if (text.ptr[i] == ' ' || text.ptr[i] == '-')
            continue;
        if (count == WORD || (word[count] = letter_of(text.ptr[i])) == 32)
            err = KS_ESYNTAX;
        count++;
    }
    if (err == KS_OK && count != WORD)
        err = KS_ESYNTAX;
    if (err == KS_OK) {
        check_letters(word, check);
        if (memcmp(check, word + WORD - 2, sizeof(check)) != 0)
            err = KS_ESYNTAX;
    }
    if (err == KS_OK) {
        for (size_t bit = 0; bit < 8 * sizeof(key); bit++)
            key[bit / 8] |= (uint8_t)((word[bit / 5] >> (4 - bit % 5) & 1) << (7 - bit % 8));
        memcpy(ret_key, key, sizeof(key));
    }
    ks_wipe(key, sizeof(key));
    ks_wipe(word, sizeof(word));
    return err;
}

void ks_recovery_key(const uint8_t recovery[KS_RECOVERY_KEY_LEN], uint8_t ret_key[32])
{
    ks_hkdf(KS_SHA256, ks_str(recovery, KS_RECOVERY_KEY_LEN), KS_STR_EMPTY, PURPOSE_RECOVERY, ret_key, 32);
}

/* --- blobs --- */

static size_t head_len(const struct ks_ring_seat *seat)
{
    return seat->kind == KS_RING_PIN ? PIN_HEAD : 0;
}

/* purpose || field(account) || u8 kind || key || the blob before the nonce */
static enum ks_err blob_ad(const struct ks_ring_seat *seat, struct ks_str account, struct ks_buf *ret_ad)
{
    ks_buf_init(ret_ad, AD_MAX);
    ks_buf_add(ret_ad, PURPOSE_BLOB);
    ks_buf_field(ret_ad, account);
    ks_buf_byte(ret_ad, (uint8_t)seat->kind);
    ks_buf_add(ret_ad, ks_str(seat->key, sizeof(seat->key)));
    ks_buf_add(ret_ad, ks_str(seat->blob, head_len(seat)));
    return ks_buf_err(ret_ad);
}

static enum ks_err write_head(const struct ks_account_pin *pin, struct ks_ring_seat *seat)
{
    struct ks_buf head;
    enum ks_err err;

    ks_buf_init(&head, PIN_HEAD);
    ks_buf_add(&head, ks_str(pin->id, sizeof(pin->id)));
    ks_buf_add(&head, ks_str(pin->salt, sizeof(pin->salt)));
    ks_buf_u32(&head, pin->kib);
    ks_buf_u32(&head, pin->passes);
    if ((err = ks_buf_err(&head)) == KS_OK)
        memcpy(seat->blob, head.ptr, head.len);
    ks_buf_done(&head);
    return err;
}

enum ks_err ks_account_seat(struct ks_prng *prng, struct ks_str account, const struct ks_account_pin *pin,
    const uint8_t private_key[KS_P256_PRIVATE_LEN], const uint8_t key[32], const uint8_t anchor[32],
    struct ks_ring_seat *ret_seat)
{
    struct ks_ring_seat seat = { .kind = pin ? KS_RING_PIN : KS_RING_RECOVERY };
    uint8_t inside[INSIDE], *nonce;
    struct ks_buf ad = { 0 };
    enum ks_err err;

    memcpy(inside, private_key, KS_P256_PRIVATE_LEN);
    memcpy(inside + KS_P256_PRIVATE_LEN, anchor, 32);
    err = ks_p256_public(inside, seat.key);
    if (err == KS_OK && pin)
        err = write_head(pin, &seat);
    if (err == KS_OK)
        err = blob_ad(&seat, account, &ad);
    if (err == KS_OK) {
        nonce = seat.blob + head_len(&seat);
        ks_prng_bytes(prng, nonce, KS_AEAD_NONCE_LEN);
        ks_aead_seal(key, nonce, ks_buf_str(&ad), ks_str(inside, sizeof(inside)), nonce + KS_AEAD_NONCE_LEN);
        *ret_seat = seat;
    }
    ks_wipe(inside, sizeof(inside));
    ks_buf_done(&ad);
    return err;
}

enum ks_err ks_account_open(
    const struct ks_ring_seat *seat, struct ks_str account, const uint8_t key[32], struct ks_account_opened *ret_opened)
{
    const uint8_t *nonce = seat->blob + head_len(seat);
    uint8_t inside[INSIDE], public_key[KS_P256_PUBLIC_LEN];
    struct ks_buf ad;
    enum ks_err err = blob_ad(seat, account, &ad);

    assert(seat->kind == KS_RING_PIN || seat->kind == KS_RING_RECOVERY);
    if (err == KS_OK)
        err = ks_aead_open(
            key, nonce, ks_buf_str(&ad), ks_str(nonce + KS_AEAD_NONCE_LEN, INSIDE + KS_AEAD_TAG_LEN), inside);
    if (err == KS_OK
        && (ks_p256_public(inside, public_key) != KS_OK || memcmp(public_key, seat->key, sizeof(public_key)) != 0))
        err = KS_ECRYPTO;
    if (err == KS_OK) {
        memcpy(ret_opened->private_key, inside, KS_P256_PRIVATE_LEN);
        memcpy(ret_opened->anchor, inside + KS_P256_PRIVATE_LEN, 32);
    }
    ks_wipe(inside, sizeof(inside));
    ks_buf_done(&ad);
    return err;
}
