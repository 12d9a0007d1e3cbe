/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The ring's slots for a PIN and a recovery key: what opens them, and that konsild's databases do not. */
#include "archive_account.h"

#include "archive_account_known.h"
#include "check.h"
#include "enc.h"
#include "oprf.h"

#define ANNA KS_STR("anna@klinik.example")
#define TRIED 2000 /* PINs of six digits, the right one among them */

static struct ks_arena arena;
static struct ks_prng prng;

static bool is_filled(const uint8_t *bytes, size_t len, uint8_t with)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != with)
            return false;
    return true;
}

static struct ks_ring_seat seat_of(enum ks_ring_kind kind, const char *hex)
{
    uint8_t private_key[KS_P256_PRIVATE_LEN];
    struct ks_ring_seat seat = { .kind = kind };
    struct ks_str blob;

    memset(private_key, 3, sizeof(private_key));
    if (ks_p256_public(private_key, seat.key) != KS_OK || ks_hex_read(&arena, ks_str_z(hex), &blob) != KS_OK)
        exit(2);
    memcpy(seat.blob, blob.ptr, blob.len);
    return seat;
}

static enum ks_err new_seat(
    const struct ks_account_pin *pin, const uint8_t key[32], const uint8_t anchor[32], struct ks_ring_seat *ret_seat)
{
    uint8_t private_key[KS_P256_PRIVATE_LEN];

    ks_p256_generate(&prng, private_key);
    return ks_account_seat(&prng, ANNA, pin, private_key, key, anchor, ret_seat);
}

static void known_key(const struct ks_account_pin *pin, uint8_t ret_key[32])
{
    uint8_t output[KS_ACCOUNT_OUTPUT_LEN], share[32];

    memset(output, 0x31, sizeof(output));
    memset(share, 0x32, sizeof(share));
    ks_account_key(pin, output, share, ret_key);
}

static void test_known(void)
{
    struct ks_ring_seat pin = seat_of(KS_RING_PIN, BLOB_PIN), recovery = seat_of(KS_RING_RECOVERY, BLOB_RECOVERY);
    struct ks_account_opened opened;
    struct ks_account_pin head;
    uint8_t key[32], code[KS_RECOVERY_KEY_LEN];
    char text[KS_RECOVERY_TEXT_LEN + 1];
    bool good = true;

    check_err("§17.11: another program's slot of a PIN", ks_account_pin_read(&pin, &head), KS_OK);
    check_row(is_filled(head.id, 16, 0x21) && is_filled(head.salt, 16, 0x22) && head.kib == 19456 && head.passes == 2,
        "§17.11: its head", "%u KiB", (unsigned)head.kib);
    known_key(&head, key);
    check_err("§17.11: opens", ks_account_open(&pin, ANNA, key, &opened), KS_OK);
    check_row(is_filled(opened.private_key, 32, 3) && is_filled(opened.anchor, 32, 0xA0), "§17.11: to key and anchor",
        "others");
    check_err("§17.11: a recovery key is read", ks_recovery_read(KS_STR(RECOVERY_TEXT), code), KS_OK);
    for (size_t i = 0; i < sizeof(code); i++)
        good = good && code[i] == i;
    check_row(good, "§17.11: to its bytes", "others");
    ks_recovery_write(code, text);
    check_str("§17.11: and written", ks_str_z(text), KS_STR(RECOVERY_TEXT));
    ks_recovery_key(code, key);
    check_err("§17.11: and opens its slot", ks_account_open(&recovery, ANNA, key, &opened), KS_OK);
    check_row(is_filled(opened.private_key, 32, 3) && is_filled(opened.anchor, 32, 0xA0), "§17.11: to key and anchor",
        "others");
}

static void test_altered(void)
{
    struct ks_ring_seat pin = seat_of(KS_RING_PIN, BLOB_PIN), other;
    struct ks_account_opened opened;
    struct ks_account_pin head;
    size_t opens = 0;
    uint8_t key[32];

    if (ks_account_pin_read(&pin, &head) != KS_OK)
        exit(2);
    known_key(&head, key);
    check_err("§17.11: of another account it does not open",
        ks_account_open(&pin, KS_STR("jonas@klinik.example"), key, &opened), KS_ECRYPTO);
    for (size_t i = 0; i < KS_RING_PIN_BLOB_LEN; i++) {
        other = pin;
        other.blob[i] ^= 1;
        opens += ks_account_open(&other, ANNA, key, &opened) == KS_OK;
    }
    check_row(!opens, "§17.11: with any byte of the blob altered it does not open", "%zu open", opens);
    other = pin;
    other.key[40] ^= 1;
    check_err("§17.11: with another public half", ks_account_open(&other, ANNA, key, &opened), KS_ECRYPTO);
    key[0] ^= 1;
    check_err("§17.11: with another key", ks_account_open(&pin, ANNA, key, &opened), KS_ECRYPTO);
}

static void test_cost(void)
{
    static const struct {
        const char *name;
        uint32_t kib, passes;
        enum ks_err want;
    } rows[] = {
        { "§10: the least cost", 19456, 2, KS_OK },
        { "§10: a KiB less", 19455, 2, KS_ELIMIT },
        { "§10: a pass less", 19456, 1, KS_ELIMIT },
        { "§10: the greatest", 262144, 16, KS_OK },
        { "§10: a KiB more", 262145, 16, KS_ELIMIT },
        { "§10: a pass more", 262144, 17, KS_ELIMIT },
    };
    static char text[KS_ACCOUNT_PIN_MAX + 1];
    struct ks_account_pin cheap = { .kib = 8, .passes = 1 };
    uint8_t key[32] = { 1 }, anchor[32] = { 2 }, input[KS_ACCOUNT_INPUT_LEN];

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_account_pin pin = { .kib = rows[i].kib, .passes = rows[i].passes }, got;
        struct ks_ring_seat seat;

        if (new_seat(&pin, key, anchor, &seat) != KS_OK)
            exit(2);
        check_err(rows[i].name, ks_account_pin_read(&seat, &got), rows[i].want);
    }
    check_err("§17.11: an empty PIN", ks_account_input(&cheap, KS_STR_EMPTY, input), KS_ELIMIT);
    check_err("§17.11: one of 1024 bytes", ks_account_input(&cheap, ks_str(text, KS_ACCOUNT_PIN_MAX), input), KS_OK);
    check_err("§17.11: and one more", ks_account_input(&cheap, ks_str(text, KS_ACCOUNT_PIN_MAX + 1), input), KS_ELIMIT);
}

static void test_letters(void)
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    static const struct {
        const char *name, *text;
    } rows[] = {
        { "§17.11: nothing", "" },
        { "§17.11: a letter less", "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-A" },
        { "§17.11: a letter more", "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAA" },
        { "§17.11: a letter that is none of ours", "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AO" },
        { "§17.11: nor a digit", "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-A1" },
    };
    uint8_t code[KS_RECOVERY_KEY_LEN];
    size_t seen = 0, tried = 0;
    char text[] = RECOVERY_TEXT;

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(rows[i].name, ks_recovery_read(ks_str_z(rows[i].text), code), KS_ESYNTAX);
    check_err(
        "the positive control: 26 of them", ks_recovery_read(KS_STR("AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AA"), code), KS_OK);
    for (size_t i = 0; text[i]; i++)
        text[i] = (char)(text[i] >= 'A' ? text[i] - 'A' + 'a' : text[i] == '-' ? ' ' : text[i]);
    check_err("§17.11: in small letters, with blanks", ks_recovery_read(ks_str_z(text), code), KS_OK);
    for (size_t i = 0; i < KS_RECOVERY_TEXT_LEN; i++)
        for (size_t j = i; j < KS_RECOVERY_TEXT_LEN; j++)
            for (size_t a = 0; a < 32; a += 5) {
                char wrong[] = RECOVERY_TEXT;

                if (wrong[i] == '-' || wrong[j] == '-' || (wrong[i] == letters[a] && i == j))
                    continue;
                if (i != j)
                    wrong[i] = letters[(a + i) % 32];
                wrong[j] = letters[a];
                if (strcmp(wrong, RECOVERY_TEXT) == 0)
                    continue;
                tried++;
                seen += ks_recovery_read(ks_str_z(wrong), code) == KS_ESYNTAX;
            }
    check_row(seen == tried && tried > 2000, "§17.11: one or two wrong letters are seen", "%zu of %zu", seen, tried);
}

/* --- attack 48 --- */

/* As who has konsild's databases does it: the blob, and k. */
static enum ks_err try_pin(const struct ks_ring_seat *seat, const struct ks_account_pin *pin,
    const uint8_t k[KS_OPRF_SCALAR_LEN], const char *text, const uint8_t share[32],
    struct ks_account_opened *ret_opened)
{
    static const uint8_t one[KS_OPRF_SCALAR_LEN] = { 1 };
    uint8_t input[KS_ACCOUNT_INPUT_LEN], point[KS_OPRF_ELEMENT_LEN], output[KS_OPRF_OUTPUT_LEN], key[32];
    struct ks_str in = ks_str(input, sizeof(input));

    if (ks_account_input(pin, ks_str_z(text), input) != KS_OK || ks_oprf_blind_with(one, in, point) != KS_OK
        || ks_oprf_evaluate(k, point, point) != KS_OK || ks_oprf_finalize(in, one, point, output) != KS_OK)
        exit(2);
    ks_account_key(pin, output, share, key);
    return ks_account_open(seat, ANNA, key, ret_opened);
}

static void test_attack(void)
{
    static const uint8_t none[32];
    struct ks_account_pin pin = { .id = { 1 }, .salt = { 2 }, .kib = 8, .passes = 1 };
    uint8_t k[KS_OPRF_SCALAR_LEN], share[32], anchor[32] = { 5 }, key[32];
    uint8_t input[KS_ACCOUNT_INPUT_LEN], blind[KS_OPRF_SCALAR_LEN], point[KS_OPRF_ELEMENT_LEN],
        output[KS_OPRF_OUTPUT_LEN];
    size_t found = 0, found_with = 0;
    struct ks_account_opened opened;
    struct ks_ring_seat seat;
    char text[8];

    ks_oprf_generate(&prng, k);
    ks_prng_bytes(&prng, share, sizeof(share));
    if (ks_account_input(&pin, KS_STR("481516"), input) != KS_OK
        || ks_oprf_blind(&prng, ks_str(input, sizeof(input)), blind, point) != KS_OK
        || ks_oprf_evaluate(k, point, point) != KS_OK
        || ks_oprf_finalize(ks_str(input, sizeof(input)), blind, point, output) != KS_OK)
        exit(2);
    ks_account_key(&pin, output, share, key);
    if (new_seat(&pin, key, anchor, &seat) != KS_OK)
        exit(2);
    for (int i = 481516 - TRIED / 2; i < 481516 + TRIED / 2; i++) {
        snprintf(text, sizeof(text), "%06d", i);
        found += try_pin(&seat, &pin, k, text, none, &opened) == KS_OK;
        found_with += try_pin(&seat, &pin, k, text, share, &opened) == KS_OK;
    }
    check_row(!found, "attack 48: konsild's databases alone open nothing, with the right PIN among those tried", "%zu",
        found);
    check_row(found_with == 1, "the positive control: with the registrar's share the PIN is found", "%zu", found_with);
}

/* --- in a ring --- */

static void test_in_ring(void)
{
    struct ks_ring_seat seats[2] = { { .kind = KS_RING_DEVICE } };
    uint8_t device[KS_P256_PRIVATE_LEN] = { 9 }, code[KS_RECOVERY_KEY_LEN] = { 4 }, key[32];
    struct ks_ring_secret secret, got;
    struct ks_account_opened opened;
    struct ks_ring ring, next;
    struct ks_buf first, second;

    ks_buf_init(&first, KS_RING_DATA_MAX);
    ks_buf_init(&second, KS_RING_DATA_MAX);
    ks_recovery_key(code, key);
    if (ks_p256_public(device, seats[0].key) != KS_OK
        || ks_ring_found(&arena, &prng, ANNA, seats, 1, &secret, &first) != KS_OK
        || ks_ring_read(&arena, ks_buf_str(&first), &ring) != KS_OK
        || new_seat(NULL, key, secret.anchor, &seats[1]) != KS_OK)
        exit(2);
    check_err("§17.11: the second version has its slot",
        ks_ring_next(&arena, &prng, &(struct ks_ring_known) { &ring, &secret },
            &(struct ks_ring_change) { .add = &seats[1], .add_count = 1 }, &got, &second),
        KS_OK);
    check_err("§17.5: which reads", ks_ring_read(&arena, ks_buf_str(&second), &next), KS_OK);
    check_err("§17.11: who has nothing but the letters opens it",
        ks_account_open(&next.slots[1].seat, ANNA, key, &opened), KS_OK);
    check_err("§17.6: and with it the ring", ks_ring_open(&next, opened.private_key, &got), KS_OK);
    check_row(memcmp(got.ak, secret.ak, 32) == 0 && ks_ring_proven(&next, opened.anchor),
        "§17.7: whose anchor he knew before", "another");
    ks_buf_done(&first);
    ks_buf_done(&second);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 2;
    ks_prng_init_number(&prng, 19);
    ks_arena_init(&arena, 1u << 24);
    test_known();
    test_altered();
    test_cost();
    test_letters();
    test_attack();
    test_in_ring();
    ks_arena_done(&arena);
    ks_prng_done(&prng);
    return check_done();
}
