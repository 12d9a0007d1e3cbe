/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "archive_pin.h"

#include <stdio.h>

#include "archiving.h"
#include "command.h"
#include "ed25519.h"
#include "enc.h"
#include "engine.h"
#include "pin_rules.h"
#include "unicode.h"

#define KIB 65536
#define PASSES 3
#define NONCE_LEN 16
#define PURPOSE_CONFIRM KS_STR("konsil/0 confirm\n")
#define CONFIRM_MAX 64

static const uint8_t *share_of(const struct konsil *k)
{
    return k->enrolment.share;
}

void ks_archive_pin_end(struct konsil *k)
{
    uint32_t kib = k->archive_pin.kib, passes = k->archive_pin.passes;

    ks_wipe(&k->archive_pin, sizeof k->archive_pin);
    k->archive_pin.kib = kib;
    k->archive_pin.passes = passes;
}

static enum ks_err put(struct konsil *k, struct ks_xml *xml, const char *name, const uint8_t *bytes, size_t len)
{
    struct ks_str text;
    enum ks_err err = ks_base64(&k->arena, ks_str((const char *)bytes, len), &text);

    if (err != KS_OK)
        return err;
    return ks_xml_set(&k->arena, xml, name, text) ? KS_OK : KS_ENOMEM;
}

static bool read(struct konsil *k, const struct ks_xml *xml, const char *name, uint8_t *ret_bytes, size_t len)
{
    struct ks_str bytes;

    if (ks_base64_read(&k->arena, ks_xml_attr(xml, name), &bytes) != KS_OK || bytes.len != len)
        return false;
    memcpy(ret_bytes, bytes.ptr, len);
    return true;
}

/* A request about a slot; KS_EAGAIN, when there is no session, ends the command. */
static enum ks_err send(struct konsil *k, struct ks_xml *xml, ks_iq_done_fn *done)
{
    enum ks_err err = ks_iq_send(k, "set", KS_STR_EMPTY, xml, done, KS_STR_EMPTY, 0);

    return err == KS_EAGAIN ? ks_ring_refuse(k, KS_CODE_OFFLINE, KS_STR_EMPTY) : err;
}

static enum ks_err ignore(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    (void)k;
    (void)iq;
    (void)answer;
    return KS_OK;
}

static enum ks_err drop(struct konsil *k, const uint8_t id[KS_ACCOUNT_ID_LEN])
{
    struct ks_xml *xml = ks_xml_new(&k->arena, NS_KONSIL_VAULT, "drop");
    struct ks_account_pin head;
    uint8_t token[32];
    enum ks_err err;

    memcpy(head.id, id, sizeof head.id);
    ks_account_token(&head, share_of(k), token);
    if ((err = put(k, xml, "slot", id, KS_ACCOUNT_ID_LEN)) == KS_OK
        && (err = put(k, xml, "token", token, sizeof token)) == KS_OK)
        err = ks_iq_send(k, "set", KS_STR_EMPTY, xml, ignore, KS_STR_EMPTY, 0);
    return err == KS_EAGAIN ? KS_OK : err; /* the next new PIN's does it */
}

/* --- a try --- */

static enum ks_err not_tried(struct konsil *k, const struct ks_stanza *answer)
{
    const struct ks_xml *error = answer ? ks_xml_child(answer->xml, NS_CLIENT, "error") : NULL;
    const struct ks_xml *wait = ks_xml_child(error, NS_KONSIL_VAULT, "wait");
    const char *condition = ks_iq_condition(answer);
    uint64_t seconds;

    if (!answer)
        return ks_ring_refuse(k, KS_CODE_OFFLINE, KS_STR_EMPTY);
    if (wait && ks_str_u64(ks_xml_attr(wait, "seconds"), 86400, &seconds) == KS_OK)
        return ks_ring_refuse(k, KS_CODE_ARCHIVE_PIN_WAIT, ks_xml_attr(wait, "seconds"));
    if (ks_xml_child(error, NS_KONSIL_VAULT, "locked"))
        return ks_ring_refuse(k, KS_CODE_ARCHIVE_PIN_LOCKED, KS_STR_EMPTY);
    if (strcmp(condition, "gone") == 0 || strcmp(condition, "item-not-found") == 0)
        return ks_ring_refuse(k, KS_CODE_ARCHIVE_PIN_NONE, KS_STR_EMPTY);
    return ks_ring_refuse(k, KS_CODE_REFUSED, ks_str_z(condition));
}

/* What konsild's part comes to: the key. KS_ECRYPTO: konsild answers wrongly. */
static enum ks_err finish(struct konsil *k, const struct ks_xml *evaluated, uint8_t ret_key[32])
{
    struct ks_archive_pin *try = &k->archive_pin;
    uint8_t z[KS_OPRF_ELEMENT_LEN], keyid[KS_OPRF_KEY_ID_LEN], output[KS_OPRF_OUTPUT_LEN];
    uint64_t left;
    enum ks_err err;

    if (!read(k, evaluated, "z", z, sizeof z) || !read(k, evaluated, "keyid", keyid, sizeof keyid)
        || !read(k, evaluated, "nonce", try->nonce, sizeof try->nonce)
        || ks_str_u64(ks_xml_attr(evaluated, "left"), 10, &left) != KS_OK)
        return KS_ECRYPTO;
    if (k->ring.opening == KS_RING_OPENING_NOT && memcmp(keyid, try->keyid, sizeof keyid) != 0)
        return KS_ECRYPTO;
    try->left = (uint32_t)left;
    err = ks_oprf_finalize(ks_str((const char *)try->input, sizeof try->input), try->blind, z, output);
    if (err == KS_OK)
        ks_account_key(&try->head, output, share_of(k), ret_key);
    ks_wipe(output, sizeof output);
    ks_wipe(try->blind, sizeof try->blind);
    return err;
}

static enum ks_err add_seat(struct konsil *k, const uint8_t key[32])
{
    struct ks_archive_pin *try = &k->archive_pin;
    enum ks_err err =
        ks_account_seat(&k->prng, ks_own(k), &try->head, try->private_key, key, k->ring.secret.anchor, &k->ring.add[0]);

    if (err == KS_OK) {
        k->ring.add_count = 1;
        ks_archive_wake(k);
    }
    return err;
}

static enum ks_err on_eval(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *evaluated = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_VAULT, "evaluated") : NULL;
    uint8_t key[32];
    enum ks_err err;

    (void)iq;
    if (!k->ring.command)
        return KS_OK;
    if (!evaluated)
        return not_tried(k, answer);
    err = finish(k, evaluated, key);
    if (err == KS_OK)
        err = k->ring.opening == KS_RING_OPENING_NOT ? add_seat(k, key) : ks_ring_open_with(k, KS_RING_PIN, key);
    ks_wipe(key, sizeof key);
    return err == KS_OK || err <= KS_FATAL ? err : ks_ring_refuse(k, KS_CODE_ARCHIVE_PIN_ANSWER, KS_STR_EMPTY);
}

/* Asks konsild for its part. input is there. */
static enum ks_err ask(struct konsil *k)
{
    struct ks_archive_pin *try = &k->archive_pin;
    struct ks_xml *eval = ks_xml_new(&k->arena, NS_KONSIL_VAULT, "eval");
    uint8_t token[32], blinded[KS_OPRF_ELEMENT_LEN];
    enum ks_err err = ks_oprf_blind(&k->prng, ks_str((const char *)try->input, sizeof try->input), try->blind, blinded);

    if (err != KS_OK)
        return err <= KS_FATAL ? err : ks_ring_refuse(k, KS_CODE_ARCHIVE_PIN_ANSWER, KS_STR_EMPTY);
    ks_account_token(&try->head, share_of(k), token);
    if ((err = put(k, eval, "slot", try->head.id, sizeof try->head.id)) == KS_OK
        && (err = put(k, eval, "token", token, sizeof token)) == KS_OK
        && (err = put(k, eval, "blinded", blinded, sizeof blinded)) == KS_OK)
        err = send(k, eval, on_eval);
    ks_wipe(token, sizeof token);
    return err;
}

/* The PIN was right: konsild gives the tries back. Nobody waits for it. */
static enum ks_err confirm(struct konsil *k, const uint8_t private_key[KS_P256_PRIVATE_LEN])
{
    struct ks_archive_pin *try = &k->archive_pin;
    struct ks_xml *xml = ks_xml_new(&k->arena, NS_KONSIL_VAULT, "confirm");
    uint8_t token[32], seed[KS_ED25519_SEED_LEN], signature[KS_ED25519_SIGNATURE_LEN];
    struct ks_buf bytes;
    enum ks_err err;

    ks_buf_init(&bytes, CONFIRM_MAX);
    ks_buf_add(&bytes, PURPOSE_CONFIRM);
    ks_buf_u16(&bytes, sizeof try->head.id);
    ks_buf_add(&bytes, ks_str((const char *)try->head.id, sizeof try->head.id));
    ks_buf_u16(&bytes, NONCE_LEN);
    ks_buf_add(&bytes, ks_str((const char *)try->nonce, NONCE_LEN));
    ks_buf_u64(&bytes, 0);
    if ((err = ks_buf_err(&bytes)) == KS_OK) {
        ks_account_seed(&try->head, private_key, seed);
        ks_ed25519_sign(seed, ks_buf_str(&bytes), signature);
        ks_account_token(&try->head, share_of(k), token);
        if ((err = put(k, xml, "slot", try->head.id, sizeof try->head.id)) == KS_OK
            && (err = put(k, xml, "token", token, sizeof token)) == KS_OK
            && (err = put(k, xml, "sig", signature, sizeof signature)) == KS_OK)
            err = ks_xml_set_u64(&k->arena, xml, "gen", 0)
                ? ks_iq_send(k, "set", KS_STR_EMPTY, xml, ignore, KS_STR_EMPTY, 0)
                : KS_ENOMEM;
    }
    ks_wipe(seed, sizeof seed);
    ks_wipe(token, sizeof token);
    ks_buf_done(&bytes);
    return err == KS_EAGAIN ? KS_OK : err;
}

/* --- making one --- */

static enum ks_err on_made(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *made = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_VAULT, "made") : NULL;
    const char *condition = ks_iq_condition(answer);

    (void)iq;
    if (!k->ring.command)
        return KS_OK;
    if (made && read(k, made, "keyid", k->archive_pin.keyid, sizeof k->archive_pin.keyid))
        return ask(k);
    if (answer && strcmp(condition, "not-allowed") == 0)
        return ks_ring_refuse(k, KS_CODE_VAULT_PIN, KS_STR_EMPTY);
    if (answer && strcmp(condition, "policy-violation") == 0)
        return ks_ring_refuse(k, KS_CODE_VAULT_FULL, KS_STR_EMPTY);
    return ks_ring_refuse(k, answer ? KS_CODE_REFUSED : KS_CODE_OFFLINE, ks_str_z(condition));
}

static enum ks_err make(struct konsil *k)
{
    struct ks_archive_pin *try = &k->archive_pin;
    struct ks_xml *xml = ks_xml_new(&k->arena, NS_KONSIL_VAULT, "make");
    uint8_t token[32], hash[KS_HASH_MAX], seed[KS_ED25519_SEED_LEN], confirm_key[KS_ED25519_PUBLIC_LEN];
    enum ks_err err;

    ks_account_token(&try->head, share_of(k), token);
    ks_hash(KS_SHA256, ks_str((const char *)token, sizeof token), hash);
    ks_account_seed(&try->head, try->private_key, seed);
    ks_ed25519_public(seed, confirm_key);
    ks_wipe(token, sizeof token);
    ks_wipe(seed, sizeof seed);
    if (!(xml = ks_xml_set(&k->arena, xml, "kind", KS_STR("account"))))
        return KS_ENOMEM;
    if ((err = put(k, xml, "slot", try->head.id, sizeof try->head.id)) != KS_OK
        || (err = put(k, xml, "token", hash, 32)) != KS_OK
        || (err = put(k, xml, "confirm", confirm_key, sizeof confirm_key)) != KS_OK)
        return err;
    return send(k, xml, on_made);
}

static bool is_in_ring(const struct ks_ring *ring, const uint8_t id[KS_ACCOUNT_ID_LEN])
{
    for (size_t i = 0; i < ring->slot_count; i++)
        if (ring->slots[i].seat.kind == KS_RING_PIN && memcmp(ring->slots[i].seat.blob, id, KS_ACCOUNT_ID_LEN) == 0)
            return true;
    return false;
}

/* konsild has two account slots at most: what the ring does not have goes now, and what it has when the new one is in
 * it. So at each moment one of them opens. */
static enum ks_err on_slots(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *slots = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_VAULT, "slots") : NULL;
    struct ks_archive_pin *try = &k->archive_pin;
    uint8_t id[KS_ACCOUNT_ID_LEN];
    struct ks_ring ring;
    enum ks_err err;

    (void)iq;
    if (!k->ring.command)
        return KS_OK;
    if (!slots)
        return ks_ring_refuse(k, answer ? KS_CODE_REFUSED : KS_CODE_OFFLINE, ks_str_z(ks_iq_condition(answer)));
    if ((err = ks_ring_believed(k, &ring)) != KS_OK)
        return err == KS_ENOTFOUND ? ks_ring_refuse(k, KS_CODE_ARCHIVE_BUSY, KS_STR_EMPTY) : err;
    for (const struct ks_xml *slot = ks_xml_child(slots, NS_KONSIL_VAULT, "slot"); slot;
         slot = ks_xml_next(slot, NS_KONSIL_VAULT, "slot")) {
        if (!ks_str_is(ks_xml_attr(slot, "kind"), "account") || ks_str_is(ks_xml_attr(slot, "state"), "gone")
            || !read(k, slot, "id", id, sizeof id))
            continue;
        if (is_in_ring(&ring, id) && try->old_count < KS_ARCHIVE_PIN_OLD_MAX)
            memcpy(try->old[try->old_count++], id, sizeof id);
        else if ((err = drop(k, id)) != KS_OK)
            return err;
    }
    return make(k);
}

/* In the form in which it is computed with; a view into the arena, to be wiped. KS_ESYNTAX, KS_ELIMIT: it is none. */
static enum ks_err normal(struct konsil *k, struct ks_str typed, struct ks_str *ret_pin)
{
    enum ks_err err = ks_unicode_password(&k->arena, typed, ret_pin);

    return err == KS_OK && (!ret_pin->len || ret_pin->len > KS_ARCHIVE_PIN_BYTES_MAX) ? KS_ELIMIT : err;
}

enum ks_err ks_cmd_on_archive_pin(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_archive_pin *try = &k->archive_pin;
    struct ks_str pin;
    bool begun;
    enum ks_err err = normal(k, cmd->archive_pin.pin, &pin);

    if (err != KS_OK && err <= KS_FATAL)
        return err;
    if (err != KS_OK || ks_pin_check(KS_PIN_RULES_USUAL, pin, ks_own(k)) != KS_PIN_GOOD)
        return ks_cmd_refuse(k, cmd, KS_CODE_ARCHIVE_PIN_WEAK, KS_STR_EMPTY);
    if ((err = ks_ring_begin(k, cmd, KS_RING_STATE_OPEN, &begun)) != KS_OK || !begun)
        return err;
    ks_prng_bytes(&k->prng, try->head.id, sizeof try->head.id);
    ks_prng_bytes(&k->prng, try->head.salt, sizeof try->head.salt);
    ks_p256_generate(&k->prng, try->private_key);
    try->head.kib = try->kib ? try->kib : KIB;
    try->head.passes = try->passes ? try->passes : PASSES;
    if ((err = ks_account_input(&try->head, pin, try->input)) != KS_OK)
        return err;
    err =
        ks_iq_send(k, "get", KS_STR_EMPTY, ks_xml_new(&k->arena, NS_KONSIL_VAULT, "slots"), on_slots, KS_STR_EMPTY, 0);
    return err == KS_EAGAIN ? ks_ring_refuse(k, KS_CODE_OFFLINE, KS_STR_EMPTY) : err;
}

enum ks_err ks_archive_pin_added(struct konsil *k)
{
    struct ks_archive_pin *try = &k->archive_pin;
    enum ks_err err = confirm(k, try->private_key);

    for (size_t i = 0; err == KS_OK && i < try->old_count; i++)
        err = drop(k, try->old[i]);
    ks_archive_pin_end(k);
    return err == KS_OK ? ks_ring_done_for(k) : err;
}

/* --- opening with one --- */

enum ks_err ks_archive_pin_open(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_archive_pin *try = &k->archive_pin;
    struct ks_str pin;
    bool begun;
    enum ks_err err = normal(k, cmd->archive_open.pin, &pin);

    if (err != KS_OK && err <= KS_FATAL)
        return err;
    if (err != KS_OK)
        return ks_cmd_refuse(k, cmd, KS_CODE_ARCHIVE_PIN_WEAK, KS_STR_EMPTY);
    if ((err = ks_ring_begin(k, cmd, KS_RING_STATE_SHUT, &begun)) != KS_OK || !begun)
        return err;
    memcpy(try->word, pin.ptr, pin.len);
    try->word_len = pin.len;
    return ks_ring_look(k);
}

enum ks_err ks_archive_pin_look(struct konsil *k, const struct ks_ring *ring)
{
    struct ks_archive_pin *try = &k->archive_pin;
    enum ks_err err = KS_ENOTFOUND;

    for (size_t i = 0; err != KS_OK && i < ring->slot_count; i++)
        if (ring->slots[i].seat.kind == KS_RING_PIN)
            err = ks_account_pin_read(&ring->slots[i].seat, &try->head);
    if (err != KS_OK)
        return ks_ring_refuse(k, KS_CODE_ARCHIVE_PIN_NONE, KS_STR_EMPTY);
    err = ks_account_input(&try->head, ks_str((const char *)try->word, try->word_len), try->input);
    ks_wipe(try->word, sizeof try->word);
    return err == KS_OK ? ask(k) : err;
}

enum ks_err ks_archive_pin_right(struct konsil *k, const uint8_t private_key[KS_P256_PRIVATE_LEN])
{
    enum ks_err err = confirm(k, private_key);

    ks_archive_pin_end(k);
    return err;
}

enum ks_err ks_archive_pin_wrong(struct konsil *k)
{
    char left[12];

    snprintf(left, sizeof left, "%u", (unsigned)k->archive_pin.left);
    return ks_ring_refuse(k, KS_CODE_ARCHIVE_PIN_WRONG, ks_str_z(left));
}
