/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vault_pin.h"

#include <stdlib.h>

#include "enc.h"
#include "vault_wrap.h"

/* Purposes of doc/PROTOCOL.md §2. */
#define PURPOSE_KEY KS_STR("konsil/0 pin")
#define PURPOSE_INPUT KS_STR("konsil/0 vault\n")
#define PURPOSE_CONFIRM KS_STR("konsil/0 confirm\n")

#define PW_LEN 32
#define INPUT_LEN (sizeof "konsil/0 vault\n" - 1 + 2 + KS_PIN_SLOT_LEN + 2 + PW_LEN)
#define CONFIRM_LEN (sizeof "konsil/0 confirm\n" - 1 + 2 + KS_PIN_SLOT_LEN + 2 + KS_PIN_NONCE_LEN + 8)
#define PARAMS_LEN (KS_SLOT_ARGON_LEN + KS_PIN_TOKEN_LEN + KS_OPRF_KEY_ID_LEN + 8)
_Static_assert(KS_ED25519_SEED_LEN <= KS_SLOT_MORE_MAX, "beside DK");

/* What stands in a slot's id and params. */
struct parts {
    uint8_t id[KS_PIN_SLOT_LEN];
    struct ks_slot_argon argon;
    uint8_t token[KS_PIN_TOKEN_LEN];
    uint8_t keyid[KS_OPRF_KEY_ID_LEN];
    uint64_t gen;
};

struct ks_pin_try {
    enum { ASKING, RIGHT } stage; /* a new one, or konsild evaluated and the wrap is open */
    bool is_new;
    uint8_t kind;
    uint32_t number;
    struct parts parts;
    uint8_t input[INPUT_LEN], blind[KS_OPRF_SCALAR_LEN], blinded[KS_OPRF_ELEMENT_LEN];
    uint8_t kek[KS_AEAD_KEY_LEN], seed[KS_ED25519_SEED_LEN]; /* once RIGHT; the seed of a new one from its beginning */
    uint8_t nonce[KS_PIN_NONCE_LEN];
};

void ks_pin_free(struct ks_pin_try *t)
{
    if (t) {
        ks_wipe(t, sizeof *t);
        free(t);
    }
}

/* --- a slot's bytes --- */

static bool is_ours(uint8_t kind)
{
    return kind == KS_SLOT_PIN || kind == KS_SLOT_SERVICE;
}

static enum ks_err take(struct ks_cursor *at, uint8_t *ret_bytes, size_t len)
{
    struct ks_str bytes;
    enum ks_err err = ks_cursor_take(at, len, &bytes);

    if (err == KS_OK)
        memcpy(ret_bytes, bytes.ptr, len);
    return err;
}

static enum ks_err parts_read(const struct ks_slot *slot, struct parts *ret_parts)
{
    struct ks_cursor at = ks_cursor(ks_slot_field_str(&slot->params));

    if (slot->id.len != sizeof ret_parts->id || ks_slot_argon_read(&at, &ret_parts->argon) != KS_OK
        || take(&at, ret_parts->token, sizeof ret_parts->token) != KS_OK
        || take(&at, ret_parts->keyid, sizeof ret_parts->keyid) != KS_OK || ks_cursor_u64(&at, &ret_parts->gen) != KS_OK
        || ret_parts->gen > KS_PIN_GEN_MAX || !ks_cursor_done(&at))
        return KS_ECRYPTO;
    memcpy(ret_parts->id, slot->id.bytes, sizeof ret_parts->id);
    return KS_OK;
}

static enum ks_err parts_write(const struct parts *parts, struct ks_slot *slot)
{
    struct ks_buf params;
    enum ks_err err;

    ks_buf_init_secret(&params, PARAMS_LEN);
    ks_slot_argon_write(&parts->argon, &params);
    ks_buf_add(&params, ks_str(parts->token, sizeof parts->token));
    ks_buf_add(&params, ks_str(parts->keyid, sizeof parts->keyid));
    ks_buf_u64(&params, parts->gen);
    if ((err = ks_buf_err(&params)) == KS_OK) {
        ks_slot_field_set(&slot->id, ks_str(parts->id, sizeof parts->id));
        ks_slot_field_set(&slot->params, ks_buf_str(&params));
    }
    ks_buf_done(&params);
    return err;
}

/* Of the number and of our kinds. */
static enum ks_err find(const struct ks_vault *v, uint32_t number, uint8_t *ret_kind, struct parts *ret_parts)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->slots[i].number == number && is_ours(v->slots[i].kind)) {
            *ret_kind = v->slots[i].kind;
            return parts_read(&v->slots[i], ret_parts);
        }
    return KS_ENOTFOUND;
}

/* Writes the slot anew, under the try's key and with the generation of its parts; unchanged after a failure. */
static enum ks_err rewrap(struct ks_vault *v, struct ks_prng *prng, const struct ks_pin_try *t)
{
    struct ks_slot *slot = ks_slot_find(v, t->number), made;
    enum ks_err err;

    if (!v->open)
        return KS_ESTATE;
    if (!slot || slot->kind != t->kind
        || !ks_str_eq(ks_slot_field_str(&slot->id), ks_str(t->parts.id, sizeof t->parts.id)))
        return KS_ENOTFOUND;
    made = *slot;
    if ((err = parts_write(&t->parts, &made)) == KS_OK
        && (err = ks_slot_seal(v, prng, t->kek, ks_str(t->seed, sizeof t->seed), &made)) == KS_OK)
        *slot = made;
    return err;
}

/* --- asking --- */

static uint8_t *put(uint8_t *at, struct ks_str bytes)
{
    memcpy(at, bytes.ptr, bytes.len);
    return at + bytes.len;
}

/* A u16 length, then the bytes. */
static uint8_t *put_part(uint8_t *at, const uint8_t *bytes, size_t len)
{
    *at++ = (uint8_t)(len >> 8);
    *at++ = (uint8_t)len;
    return put(at, ks_str(bytes, len));
}

/* From the PIN to a point for the server. */
static enum ks_err prepare(const struct ks_vault *v, struct ks_prng *prng, struct ks_str pin, struct ks_pin_try *t)
{
    uint8_t pw[PW_LEN];
    uint8_t *end;
    enum ks_err err;

    if (pin.len == 0 || pin.len > KS_PIN_BYTES_MAX)
        return KS_ELIMIT;
    if ((err = ks_slot_argon_run(v, &t->parts.argon, pin, pw)) == KS_OK) {
        end = put(t->input, PURPOSE_INPUT);
        end = put_part(end, t->parts.id, sizeof t->parts.id);
        end = put_part(end, pw, sizeof pw);
        assert(end == t->input + sizeof t->input);
        err = ks_oprf_blind(prng, ks_str(t->input, sizeof t->input), t->blind, t->blinded);
    }
    ks_wipe(pw, sizeof pw);
    return err;
}

enum ks_err ks_pin_begin(
    struct ks_vault *v, struct ks_prng *prng, uint32_t number, struct ks_str pin, struct ks_pin_try **ret_try)
{
    KS_AUTO(ks_pin_free) struct ks_pin_try *t = calloc(1, sizeof *t);
    enum ks_err err;

    if (!t)
        return KS_ENOMEM;
    t->number = number;
    if ((err = find(v, number, &t->kind, &t->parts)) != KS_OK || (err = prepare(v, prng, pin, t)) != KS_OK)
        return err;
    *ret_try = KS_TAKE(t);
    return KS_OK;
}

enum ks_err ks_pin_make(struct ks_vault *v, struct ks_prng *prng, enum ks_vault_kind kind, struct ks_str pin,
    struct ks_vault_cost cost, struct ks_pin_try **ret_try)
{
    KS_AUTO(ks_pin_free) struct ks_pin_try *t = calloc(1, sizeof *t);
    struct ks_slot *slot;
    enum ks_err err;

    assert(is_ours((uint8_t)kind));
    if (!t)
        return KS_ENOMEM;
    if ((err = ks_slot_new(v, (uint8_t)kind, &slot)) != KS_OK) /* while there is nothing to undo at the server */
        return err;
    t->is_new = true;
    t->kind = (uint8_t)kind;
    t->parts.argon = ks_slot_argon_new(prng, cost);
    ks_prng_bytes(prng, t->parts.id, sizeof t->parts.id);
    ks_prng_bytes(prng, t->parts.token, sizeof t->parts.token);
    ks_prng_bytes(prng, t->seed, sizeof t->seed);
    if ((err = prepare(v, prng, pin, t)) != KS_OK)
        return err;
    *ret_try = KS_TAKE(t);
    return KS_OK;
}

void ks_pin_new(const struct ks_pin_try *t, struct ks_pin_new *ret_new)
{
    assert(t->is_new);
    memcpy(ret_new->slot, t->parts.id, sizeof ret_new->slot);
    ks_hash(KS_SHA256, ks_str(t->parts.token, sizeof t->parts.token), ret_new->token_hash);
    ks_ed25519_public(t->seed, ret_new->confirm);
}

void ks_pin_made(struct ks_pin_try *t, const uint8_t keyid[KS_OPRF_KEY_ID_LEN])
{
    assert(t->is_new);
    memcpy(t->parts.keyid, keyid, sizeof t->parts.keyid);
}

/* --- bodies --- */

static void add_bytes(struct ks_buf *buf, const char *name, const uint8_t *bytes, size_t len)
{
    ks_buf_printf(buf, "\"%s\":\"", name);
    ks_base64_add(buf, ks_str(bytes, len));
    ks_buf_z(buf, "\"");
}

/* The two names with which each request begins. */
static void add_slot(struct ks_buf *buf, const struct parts *parts)
{
    ks_buf_z(buf, "{");
    add_bytes(buf, "slot", parts->id, sizeof parts->id);
    ks_buf_z(buf, ",");
    add_bytes(buf, "token", parts->token, sizeof parts->token);
}

void ks_pin_eval_body(const struct ks_pin_try *t, struct ks_buf *buf)
{
    assert(t->stage == ASKING);
    add_slot(buf, &t->parts);
    ks_buf_z(buf, ",");
    add_bytes(buf, "blinded", t->blinded, sizeof t->blinded);
    ks_buf_z(buf, "}");
}

void ks_pin_confirm_body(const struct ks_pin_try *t, struct ks_buf *buf)
{
    uint8_t bytes[CONFIRM_LEN], signature[KS_ED25519_SIGNATURE_LEN], *end = put(bytes, PURPOSE_CONFIRM);

    assert(t->stage == RIGHT);
    end = put_part(end, t->parts.id, sizeof t->parts.id);
    end = put_part(end, t->nonce, sizeof t->nonce);
    for (int shift = 56; shift >= 0; shift -= 8)
        *end++ = (uint8_t)(t->parts.gen >> shift);
    assert(end == bytes + sizeof bytes);
    ks_ed25519_sign(t->seed, ks_str(bytes, sizeof bytes), signature);
    add_slot(buf, &t->parts);
    ks_buf_printf(buf, ",\"gen\":%llu,", (unsigned long long)t->parts.gen);
    add_bytes(buf, "sig", signature, sizeof signature);
    ks_buf_z(buf, "}");
}

/* --- answers --- */

/* From the server's point to the key of the wrap. KS_ECRYPTO: it is none that a server of ours gives. */
static enum ks_err derive(struct ks_pin_try *t, const struct ks_pin_answer *answer)
{
    uint8_t output[KS_OPRF_OUTPUT_LEN];
    enum ks_err err = KS_ECRYPTO;

    if (memcmp(answer->keyid, t->parts.keyid, sizeof t->parts.keyid) == 0
        && (err = ks_oprf_finalize(ks_str(t->input, sizeof t->input), t->blind, answer->z, output)) == KS_OK)
        ks_hkdf(KS_SHA256, ks_str(output, sizeof output), ks_str(t->parts.id, sizeof t->parts.id), PURPOSE_KEY, t->kek,
            sizeof t->kek);
    ks_wipe(output, sizeof output);
    ks_wipe(t->input, sizeof t->input);
    ks_wipe(t->blind, sizeof t->blind);
    return err;
}

static enum ks_err add_slot_of(struct ks_vault *v, struct ks_prng *prng, struct ks_pin_try *t)
{
    struct ks_slot *slot;
    enum ks_err err;

    if ((err = ks_slot_new(v, t->kind, &slot)) != KS_OK)
        return err;
    t->parts.gen = 1;
    if ((err = parts_write(&t->parts, slot)) != KS_OK
        || (err = ks_slot_seal(v, prng, t->kek, ks_str(t->seed, sizeof t->seed), slot)) != KS_OK)
        return err;
    t->number = slot->number;
    ks_slot_append(v);
    return KS_OK;
}

/* KS_ECRYPTO: the wrap does not open, so the PIN is another one. */
static enum ks_err open_slot(struct ks_vault *v, struct ks_prng *prng, struct ks_pin_try *t)
{
    struct ks_slot *slot = ks_slot_find(v, t->number);
    uint8_t key[KS_VAULT_KEY_LEN];
    bool was_open = v->open;
    enum ks_err err;

    if (!slot)
        return KS_ENOTFOUND;
    if ((err = ks_slot_open(v, slot, t->kek, key, t->seed, sizeof t->seed)) == KS_OK) {
        ks_vault_opened(v, key);
        t->parts.gen += t->parts.gen < KS_PIN_GEN_MAX;
        if ((err = rewrap(v, prng, t)) != KS_OK && !was_open)
            ks_vault_lock(v);
    }
    ks_wipe(key, sizeof key);
    return err;
}

enum ks_err ks_pin_evaluated(struct ks_vault *v, struct ks_prng *prng, struct ks_pin_try *t, unsigned status,
    struct ks_str body, struct ks_pin_said *ret_said)
{
    struct ks_pin_answer answer;
    enum ks_err err;

    assert(t->stage == ASKING);
    if ((err = ks_pin_answer_read(KS_PIN_EVAL, status, body, &answer)) != KS_OK)
        return err;
    *ret_said = (struct ks_pin_said) { .told = answer.told, .left = answer.left, .seconds = answer.seconds };
    if (answer.told != KS_PIN_YES)
        return KS_OK;
    if (derive(t, &answer) != KS_OK) {
        *ret_said = (struct ks_pin_said) { .told = KS_PIN_WRONG_ANSWER };
        return KS_OK;
    }
    memcpy(t->nonce, answer.nonce, sizeof t->nonce);
    err = t->is_new ? add_slot_of(v, prng, t) : open_slot(v, prng, t);
    if (err == KS_OK)
        t->stage = RIGHT;
    if (err != KS_ECRYPTO)
        return err;
    ret_said->told = KS_PIN_WRONG;
    return KS_OK;
}

enum ks_err ks_pin_confirmed(struct ks_vault *v, struct ks_prng *prng, struct ks_pin_try *t, unsigned status,
    struct ks_str body, struct ks_pin_said *ret_said)
{
    struct ks_pin_answer answer;
    enum ks_err err;

    assert(t->stage == RIGHT);
    if ((err = ks_pin_answer_read(KS_PIN_CONFIRM, status, body, &answer)) != KS_OK)
        return err;
    *ret_said = (struct ks_pin_said) { .told = answer.told, .seconds = answer.seconds };
    if (answer.told == KS_PIN_YES && answer.gen < t->parts.gen)
        ret_said->told = KS_PIN_WRONG_ANSWER; /* ours is among those that it counts */
    if (ret_said->told == KS_PIN_YES) {
        ret_said->another = answer.gen > t->parts.gen;
        ret_said->has_ticket = answer.has_ticket;
        memcpy(ret_said->ticket, answer.ticket, sizeof ret_said->ticket);
        if (ret_said->another) {
            t->parts.gen = answer.gen;
            err = rewrap(v, prng, t);
        }
    }
    ks_wipe(&answer, sizeof answer);
    return err;
}

uint32_t ks_pin_number(const struct ks_pin_try *t)
{
    assert(t->stage == RIGHT);
    return t->number;
}

enum ks_err ks_pin_slot(const struct ks_vault *v, uint32_t number, uint8_t ret_slot[KS_PIN_SLOT_LEN])
{
    struct parts parts;
    uint8_t kind;
    enum ks_err err = find(v, number, &kind, &parts);

    if (err == KS_OK)
        memcpy(ret_slot, parts.id, sizeof parts.id);
    return err;
}

enum ks_err ks_pin_ticket_body(const struct ks_vault *v, uint32_t number, struct ks_buf *buf)
{
    struct parts parts;
    uint8_t kind;
    enum ks_err err = find(v, number, &kind, &parts);

    if (err == KS_OK) {
        add_slot(buf, &parts);
        ks_buf_z(buf, "}");
    }
    return err;
}
