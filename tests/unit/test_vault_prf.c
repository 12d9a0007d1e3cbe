/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Slots that open with an authenticator's bytes: biometric and offline. */
#include "vault_prf.h"

#include "crypto.h"
#include "failmalloc.h"
#include "vault_known.h"
#include "vault_stand.h"
#include "vault_wrap.h"
#include "wiped.h"

static const struct ks_vault_cost cheap = { 8, 1 };
#define PIN KS_STR("839215")
#define NOW 1800000000
#define HINT KS_STR("credential")

static struct ks_prng prng;
static struct ks_arena arena;
static struct ks_buf file;
static const uint8_t prf[KS_PRF_LEN] = { 0x88, 1 }, ticket[KS_PIN_TICKET_LEN] = { 0x99, 1 }, other[32] = { 0x77, 1 };

static struct ks_str hex(const char *text)
{
    struct ks_str bytes;

    if (ks_hex_read(&arena, ks_str_z(text), &bytes) != KS_OK)
        exit(1);
    return bytes;
}

static struct ks_vault *copy(const struct ks_vault *v)
{
    struct ks_vault *again = NULL;

    ks_buf_reset(&file);
    ks_vault_write(v, &file);
    if (ks_vault_read(ks_buf_str(&file), cheap, &again) != KS_OK)
        exit(1);
    return again;
}

/* An open vault with a PIN's slot. */
static struct ks_vault *vault_new(uint32_t *ret_number)
{
    KS_AUTO(ks_pin_free) struct ks_pin_try *t = NULL;
    struct ks_vault *v = NULL;
    struct ks_pin_said said;
    struct ks_buf body;
    struct stand s;

    stand_init(&s, &prng);
    ks_buf_init(&body, KS_PIN_BODY_MAX);
    if (ks_vault_new(&prng, cheap, &v) != KS_OK || ks_pin_make(v, &prng, KS_SLOT_PIN, PIN, cheap, &t) != KS_OK)
        exit(1);
    ks_pin_made(t, s.keyid);
    ks_pin_eval_body(t, &body);
    if (ks_pin_evaluated(v, &prng, t, 200, stand_eval(&s, ks_buf_str(&body)), &said) != KS_OK)
        exit(1);
    *ret_number = ks_pin_number(t);
    ks_buf_done(&body);
    stand_done(&s);
    return v;
}

static void test_known(void)
{
    uint8_t bytes[32], key[KS_VAULT_KEY_LEN];
    struct ks_vault *v = NULL;

    for (int kind = 2; kind <= 3; kind++) {
        if (ks_vault_read(hex(KNOWN_FILE), cheap, &v) != KS_OK)
            exit(1);
        memset(bytes, 0x88, sizeof bytes);
        memset(key, 0x99, sizeof key);
        check_err(kind == 2 ? "§10.3: the known biometric slot opens" : "§10.4: the known offline slot opens",
            kind == 2 ? ks_vault_open_biometric(v, 2, bytes, key)
                      : ks_vault_open_offline(v, 3, bytes, KNOWN_PIN, KNOWN_FROM),
            KS_OK);
        if (ks_vault_store_key(v, key) != KS_OK)
            exit(1);
        check_str("§10: and gives the known key of the store", ks_str(key, sizeof key), hex(KNOWN_STORE_KEY));
        ks_vault_free(v);
        v = NULL;
    }
}

static void test_biometric(void)
{
    uint32_t pin, number = 0, again_number = 0;
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new(&pin);
    KS_AUTO(ks_vault_free) struct ks_vault *locked = NULL;
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    char hint[KS_PRF_HINT_MAX + 1] = { 0 };
    struct ks_str text;

    check_err("a biometric slot is of a PIN's slot that is there",
        ks_vault_set_biometric(v, &prng, pin + 1, prf, ticket, HINT, &number), KS_ENOTFOUND);
    check_err("a hint of 513 bytes is too long",
        ks_vault_set_biometric(v, &prng, pin, prf, ticket, ks_str(hint, 513), &number), KS_ELIMIT);
    check_err(
        "one of 512 is not", ks_vault_set_biometric(v, &prng, pin, prf, ticket, ks_str(hint, 512), &number), KS_OK);
    check_err("it is set again", ks_vault_set_biometric(v, &prng, pin, prf, ticket, HINT, &again_number), KS_OK);
    check_row(number == again_number && ks_vault_slots(v, slots) == 2 && slots[1].kind == KS_SLOT_BIOMETRIC,
        "in its place", "%u", again_number);
    locked = copy(v);
    check_err("its hint is there", ks_vault_hint(locked, number, &text), KS_OK);
    check_str("and is what was given", text, HINT);
    check_err("attack 47: with another ticket it does not open", ks_vault_open_biometric(locked, number, prf, other),
        KS_ECRYPTO);
    check_err("nor with another authenticator", ks_vault_open_biometric(locked, number, other, ticket), KS_ECRYPTO);
    check_row(!ks_vault_is_open(locked), "it stays locked", "open");
    check_err("with both it does", ks_vault_open_biometric(locked, number, prf, ticket), KS_OK);
    check_err("a PIN's slot is no biometric one", ks_vault_open_biometric(locked, pin, prf, ticket), KS_ENOTFOUND);
    check_err("attack 47: after a new PIN the old ticket opens nothing",
        ks_vault_set_biometric(v, &prng, pin, prf, other, HINT, &number), KS_OK);
    ks_vault_free(KS_TAKE(locked));
    locked = copy(v);
    check_err("(the old one)", ks_vault_open_biometric(locked, number, prf, ticket), KS_ECRYPTO);
    check_err("(control: the new one)", ks_vault_open_biometric(locked, number, prf, other), KS_OK);
    ks_vault_lock(locked);
    check_err(
        "a locked vault takes none", ks_vault_set_biometric(locked, &prng, pin, prf, ticket, HINT, &number), KS_ESTATE);
    check_err("the PIN's slot stays while only a biometric one is beside it", ks_vault_remove(v, pin), KS_ESTATE);
    check_err("the biometric one may go", ks_vault_remove(v, number), KS_OK);
}

static void test_offline(void)
{
    static const struct {
        const char *name;
        int64_t now_s;
        enum ks_err want;
    } times[] = {
        { "§10.4: at its beginning it opens", NOW, KS_OK },
        { "a second before it does not: the clock was set back", NOW - 1, KS_EDENIED },
        { "at its last second it opens", NOW + 24 * 3600 - 1, KS_OK },
        { "at its end it does not", NOW + 24 * 3600, KS_EDENIED },
        { "nor with a clock without sense", -1, KS_EDENIED },
    };
    uint32_t pin, number = 0, again_number = 0;
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new(&pin);
    char hint[KS_PRF_HINT_MAX + 1] = { 0 };
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    size_t len, from, opened = 0;
    char bytes[1024];

    check_err("for no hours there is none", ks_vault_set_offline(v, &prng, prf, PIN, cheap, NOW, 0, HINT, &number),
        KS_ELIMIT);
    check_err("nor for 25", ks_vault_set_offline(v, &prng, prf, PIN, cheap, NOW, 25, HINT, &number), KS_ELIMIT);
    check_err("nor without a PIN", ks_vault_set_offline(v, &prng, prf, KS_STR_EMPTY, cheap, NOW, 8, HINT, &number),
        KS_ELIMIT);
    check_err("nor below the floor",
        ks_vault_set_offline(v, &prng, prf, PIN, (struct ks_vault_cost) { 8, 0 }, NOW, 8, HINT, &number), KS_ELIMIT);
    check_err("nor with a hint of 513 bytes",
        ks_vault_set_offline(v, &prng, prf, PIN, cheap, NOW, 8, ks_str(hint, 513), &number), KS_ELIMIT);
    check_err("for 24 there is", ks_vault_set_offline(v, &prng, prf, PIN, cheap, NOW, 24, HINT, &number), KS_OK);
    check_err("it is set again", ks_vault_set_offline(v, &prng, prf, PIN, cheap, NOW, 24, HINT, &again_number), KS_OK);
    check_row(number == again_number && ks_vault_slots(v, slots) == 2, "in its place", "%u", again_number);
    for (size_t i = 0; i < KS_COUNT(times); i++) {
        KS_AUTO(ks_vault_free) struct ks_vault *locked = copy(v);

        check_err(times[i].name, ks_vault_open_offline(locked, number, prf, PIN, times[i].now_s), times[i].want);
    }
    {
        KS_AUTO(ks_vault_free) struct ks_vault *locked = copy(v);

        check_err("a copied profile with the right PIN, but without the authenticator, does not open",
            ks_vault_open_offline(locked, number, other, PIN, NOW), KS_ECRYPTO);
        check_err("nor the authenticator with another PIN",
            ks_vault_open_offline(locked, number, prf, KS_STR("839216"), NOW), KS_ECRYPTO);
        check_err("a slot that is not there is none", ks_vault_open_offline(locked, pin, prf, PIN, NOW), KS_ENOTFOUND);
    }
    ks_buf_reset(&file);
    ks_vault_write(v, &file);
    len = file.len;
    memcpy(bytes, file.ptr, len);
    from = len - (4 + 72) - (4 + 10) - 8 - 8; /* where its hours stand: a later end is not taken */
    for (size_t at = from; at < len; at++) {
        KS_AUTO(ks_vault_free) struct ks_vault *altered = NULL;

        bytes[at] ^= 1;
        opened += ks_vault_read(ks_str(bytes, len), cheap, &altered) == KS_OK
            && ks_vault_open_offline(altered, number, prf, PIN, NOW) == KS_OK;
        bytes[at] ^= 1;
    }
    check_row(opened == 0, "§10.4: its hours cannot be altered, nor what follows", "%zu did", opened);
}

/* With a PIN goes what was set beside it: an offline slot would take the old PIN until its end. */
static void test_removed(void)
{
    uint32_t pin, second = 0, number = 0;
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new(&pin);
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];

    if (ks_vault_add(v, &prng, KS_STR("Kastanie"), cheap, &second) != KS_OK
        || ks_vault_set_biometric(v, &prng, pin, prf, ticket, HINT, &number) != KS_OK
        || ks_vault_set_offline(v, &prng, prf, PIN, cheap, NOW, 8, HINT, &number) != KS_OK)
        exit(1);
    check_row(ks_vault_slots(v, slots) == 4, "(control: four slots)", "not");
    check_err("§10.6: a PIN's slot is removed", ks_vault_remove(v, pin), KS_OK);
    check_row(ks_vault_slots(v, slots) == 1 && slots[0].number == second,
        "§10.6: and with it the biometric and the offline slot", "%zu are left", ks_vault_slots(v, slots));
    check_err("the other one stays", ks_vault_remove(v, second), KS_ESTATE);
}

static void test_wiped(void)
{
    uint32_t pin, number = 0;
    struct ks_vault *v = vault_new(&pin), *locked;
    uint8_t key[KS_VAULT_KEY_LEN];

    memcpy(key, v->data_key, sizeof key);
    wiped_watch(ks_str(key, sizeof key));
    free(ks_str_dup(ks_str(key, sizeof key)));
    check_row(wiped_found() == 1, "(control: a key that is given back as it is is seen)", "not");
    if (ks_vault_set_biometric(v, &prng, pin, prf, ticket, HINT, &number) != KS_OK)
        exit(1);
    locked = copy(v);
    if (ks_vault_open_biometric(locked, number, prf, ticket) != KS_OK)
        exit(1);
    ks_vault_free(locked);
    ks_vault_free(v);
    check_row(wiped_found() == 0, "setting, opening and freeing leave none", "they do");
    wiped_forget();
}

static void test_no_memory(void)
{
    uint32_t pin, number = 0;
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new(&pin);
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    int rounds = 0;
    bool ok = true;

    for (int n = 1; fail_nth(n); n++, rounds++) {
        enum ks_err err = ks_vault_set_offline(v, &prng, prf, PIN, cheap, NOW, 8, HINT, &number);
        bool struck = fail_stop();

        ok = ok && err == (struck ? KS_ENOMEM : KS_OK) && ks_vault_slots(v, slots) == (struck ? 1 : 2);
    }
    check_row(ok && rounds > 1, "without memory no slot is set", "after %d", rounds);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_prng_init_number(&prng, 2);
    ks_arena_init(&arena, 1 << 16);
    ks_buf_init(&file, KS_VAULT_BYTES_MAX);
    test_known();
    test_biometric();
    test_offline();
    test_removed();
    test_wiped();
    test_no_memory();
    ks_buf_done(&file);
    ks_arena_done(&arena);
    return check_done();
}
