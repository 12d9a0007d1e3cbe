/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Attack 39: a copied profile, and all 10^6 PINs. Argon2id is as cheap as it goes here; a thief has it at its price. */
#include "crypto.h"
#include "vault_stand.h"
#include "vault_wrap.h"

static const struct ks_vault_cost cheap = { 8, 1 };
#define PIN 839215

static struct ks_prng prng;

/* A slot's params, and what the OPRF is asked with. */
struct loot {
    const struct ks_vault *v;
    const struct ks_slot *slot;
    struct ks_slot_argon argon;
    uint8_t pw[32], input[67];
};

static bool key_opens(const struct loot *loot, struct ks_str secret)
{
    uint8_t kek[32], key[32], seed[32];

    ks_hkdf(KS_SHA256, secret, ks_slot_field_str(&loot->slot->id), KS_STR("konsil/0 pin"), kek, sizeof kek);
    return ks_slot_open(loot->v, loot->slot, kek, key, seed, sizeof seed) == KS_OK;
}

/* Everything that a PIN gives without the server: Argon2id's bytes as the key, and a key of them, and of the OPRF's
 * input. */
static bool without_server(struct loot *loot, struct ks_str pin)
{
    uint8_t key[32], seed[32];

    if (ks_slot_argon_run(loot->v, &loot->argon, pin, loot->pw) != KS_OK)
        exit(1);
    memcpy(loot->input, "konsil/0 vault\n\0\20", 17);
    memcpy(loot->input + 17, loot->slot->id.bytes, 16);
    memcpy(loot->input + 33, "\0\40", 2);
    memcpy(loot->input + 35, loot->pw, 32);
    return ks_slot_open(loot->v, loot->slot, loot->pw, key, seed, sizeof seed) == KS_OK
        || key_opens(loot, ks_str(loot->pw, sizeof loot->pw))
        || key_opens(loot, ks_str(loot->input, sizeof loot->input));
}

/* The OPRF with a key of the thief's; with the server's it is the positive control. */
static bool with_key(struct loot *loot, const uint8_t key[32], struct ks_str pin)
{
    uint8_t blind[32] = { 1 }, point[32], output[64]; /* blinded with 1 it is the point itself */
    struct ks_str input = ks_str(loot->input, sizeof loot->input);

    (void)without_server(loot, pin);
    if (ks_oprf_blind_with(blind, input, point) != KS_OK || ks_oprf_evaluate(key, point, point) != KS_OK
        || ks_oprf_finalize(input, blind, point, output) != KS_OK)
        exit(1);
    return key_opens(loot, ks_str(output, sizeof output));
}

static struct ks_str digits(unsigned pin, char text[8])
{
    snprintf(text, 8, "%06u", pin);
    return ks_str(text, 6);
}

/* A profile with that PIN, copied: locked. */
static struct ks_vault *steal(struct stand *s)
{
    KS_AUTO(ks_vault_free) struct ks_vault *v = NULL;
    KS_AUTO(ks_pin_free) struct ks_pin_try *t = NULL;
    struct ks_vault *stolen = NULL;
    struct ks_pin_said said;
    struct ks_buf bytes;
    char text[8];

    ks_buf_init(&bytes, KS_VAULT_BYTES_MAX);
    if (ks_vault_new(&prng, cheap, &v) != KS_OK
        || ks_pin_make(v, &prng, KS_SLOT_PIN, digits(PIN, text), cheap, &t) != KS_OK)
        exit(1);
    ks_pin_made(t, s->keyid);
    ks_pin_eval_body(t, &bytes);
    if (ks_pin_evaluated(v, &prng, t, 200, stand_eval(s, ks_buf_str(&bytes)), &said) != KS_OK
        || said.told != KS_PIN_YES)
        exit(1);
    ks_buf_reset(&bytes);
    ks_vault_write(v, &bytes);
    if (ks_vault_read(ks_buf_str(&bytes), cheap, &stolen) != KS_OK)
        exit(1);
    ks_buf_done(&bytes);
    return stolen;
}

int main(void)
{
    static const uint8_t own[32] = { 1 };
    KS_AUTO(ks_vault_free) struct ks_vault *stolen = NULL;
    unsigned opened = 0, tried = 0, found = 0, many = 0;
    struct stand s;
    struct loot loot;
    struct ks_cursor at;
    char text[8];

    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_prng_init_number(&prng, 3);
    stand_init(&s, &prng);
    stolen = steal(&s);
    loot = (struct loot) { .v = stolen, .slot = &stolen->slots[0] };
    at = ks_cursor(ks_slot_field_str(&loot.slot->params));
    if (ks_slot_argon_read(&at, &loot.argon) != KS_OK)
        return 1;
    for (unsigned pin = 0; pin < 1000000; pin++, tried++)
        opened += without_server(&loot, digits(pin, text));
    check_row(opened == 0 && tried == 1000000,
        "attack 39: a copied profile and all 10^6 PINs, without the server: none opens", "%u of %u", opened, tried);
    opened = 0;
    for (unsigned pin = PIN - 500; pin < PIN + 500; pin++)
        opened += with_key(&loot, own, digits(pin, text));
    check_row(opened == 0, "attack 39: nor with a key of the thief's own", "%u", opened);
    for (unsigned pin = PIN - 500; pin < PIN + 500; pin++)
        if (with_key(&loot, s.key, digits(pin, text))) {
            found = pin;
            many++;
        }
    check_row(found == PIN && many == 1, "attack 39: (control: with the server's key it is found, and it alone)",
        "%u, %u", found, many);
    stand_done(&s);
    return check_done();
}
