/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "ring_keeper.h"

#include <stdlib.h>

#include "archive_pin.h"
#include "archiving.h"
#include "command.h"
#include "enc.h"
#include "engine.h"
#include "restore.h"

#define META_RING "ring"
#define META_REFUSED "ring refused" /* the hash of what we stated anew after */
#define VERSION 1
#define RECORD_BYTES_MAX (KS_RING_DATA_MAX + 128)

/* --- what is believed --- */

static struct ks_str bytes_of(const uint8_t *bytes, size_t len)
{
    return ks_str(bytes, len);
}

static enum ks_err own_copy(struct ks_str *owned, struct ks_str text)
{
    char *copy = malloc(text.len ? text.len : 1);

    if (!copy)
        return KS_ENOMEM;
    memcpy(copy, text.ptr, text.len);
    free((char *)(uintptr_t)owned->ptr);
    *owned = ks_str(copy, text.len);
    return KS_OK;
}

static void own_free(struct ks_str *owned)
{
    free((char *)(uintptr_t)owned->ptr);
    *owned = KS_STR_EMPTY;
}

static enum ks_err keep(struct konsil *k)
{
    struct ks_ring_keeper *keeper = &k->ring;
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init_secret(&record, RECORD_BYTES_MAX);
    ks_buf_byte(&record, VERSION);
    ks_buf_byte(&record, keeper->stored);
    ks_buf_add(&record, bytes_of(keeper->secret.ak, sizeof keeper->secret.ak));
    ks_buf_add(&record, bytes_of(keeper->secret.anchor, sizeof keeper->secret.anchor));
    ks_buf_field(&record, keeper->data);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = ks_meta_put(k, META_RING, ks_buf_str(&record));
    ks_buf_done(&record);
    return err;
}

/* From now on this one is believed. */
static enum ks_err adopt(struct konsil *k, const struct ks_ring *ring, const struct ks_ring_secret *secret, bool stored)
{
    struct ks_ring_keeper *keeper = &k->ring;
    enum ks_err err = own_copy(&keeper->data, ring->data);

    if (err != KS_OK)
        return err;
    keeper->v = ring->v;
    memcpy(keeper->hash, ring->hash, sizeof keeper->hash);
    keeper->secret = *secret;
    keeper->stored = stored;
    keeper->after_v = 0;
    if (stored)
        keeper->state = KS_RING_STATE_OPEN;
    ks_archive_wake(k);
    return keep(k);
}

enum ks_err ks_ring_load(struct konsil *k)
{
    struct ks_ring_keeper *keeper = &k->ring;
    struct ks_str record, ak, anchor, data;
    struct ks_cursor at;
    struct ks_ring ring;
    uint8_t version, stored;
    enum ks_err err = ks_meta_get(k, META_RING, &record);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    at = ks_cursor(record);
    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_u8(&at, &stored) != KS_OK || ks_cursor_take(&at, sizeof keeper->secret.ak, &ak) != KS_OK
        || ks_cursor_take(&at, sizeof keeper->secret.anchor, &anchor) != KS_OK || ks_cursor_field(&at, &data) != KS_OK
        || (err = ks_ring_read(&k->arena, data, &ring)) == KS_ESYNTAX)
        return KS_ESTORE;
    if (err != KS_OK || (err = own_copy(&keeper->data, data)) != KS_OK)
        return err;
    memcpy(keeper->secret.ak, ak.ptr, ak.len);
    memcpy(keeper->secret.anchor, anchor.ptr, anchor.len);
    keeper->v = ring.v;
    memcpy(keeper->hash, ring.hash, sizeof keeper->hash);
    keeper->stored = stored;
    return KS_OK;
}

enum ks_err ks_ring_believed(struct konsil *k, struct ks_ring *ret_ring)
{
    return k->ring.state == KS_RING_STATE_OPEN && k->ring.stored ? ks_ring_read(&k->arena, k->ring.data, ret_ring)
                                                                 : KS_ENOTFOUND;
}

static enum ks_err read_known(struct konsil *k, struct ks_ring *ret_ring)
{
    return ks_ring_read(&k->arena, k->ring.data, ret_ring);
}

static void forget_put(struct konsil *k)
{
    own_free(&k->ring.put);
    ks_wipe(&k->ring.put_secret, sizeof k->ring.put_secret);
    k->ring.putting = false;
}

void ks_ring_lost(struct konsil *k)
{
    struct ks_ring_keeper *keeper = &k->ring;

    forget_put(k);
    keeper->asking = false;
    keeper->opening = KS_RING_OPENING_NOT;
    keeper->wanted_count = keeper->add_count = 0;
    keeper->after_v = 0;
    ks_wipe(keeper->recovery, sizeof keeper->recovery);
    ks_wipe(keeper->open_key, sizeof keeper->open_key);
    if (keeper->state != KS_RING_STATE_NONE)
        keeper->state = KS_RING_STATE_ASKING;
}

void ks_ring_done(struct konsil *k)
{
    ks_ring_lost(k);
    free(k->ring.command);
    own_free(&k->ring.data);
    ks_wipe(&k->ring, sizeof k->ring);
}

/* --- who signed it --- */

static bool is_genuine(struct konsil *k, const uint8_t cert[32])
{
    uint64_t number;
    uint32_t device;

    return memcmp(cert, k->enrolment.hash, sizeof k->enrolment.hash) == 0
        || ks_ring_look_up(k, cert, &device, &number) == KS_LOG_LISTED;
}

/* What konsild gave. */
struct given {
    struct ks_ring ring;
    struct ks_ring_signer signer;
    bool signed_once; /* by a device of the account that was revoked since */
    struct ks_ring_secret secret;
    bool opens;
};

static enum ks_err read_base64(
    struct konsil *k, const struct ks_xml *parent, const char *name, struct ks_str *ret_bytes)
{
    return ks_base64_read(&k->arena, ks_xml_text(&k->arena, ks_xml_child(parent, NS_KONSIL_ARCHIVE, name)), ret_bytes);
}

/* KS_ESYNTAX: not even a ring. */
static enum ks_err read_given(struct konsil *k, const struct ks_xml *xml, struct given *given)
{
    struct ks_str data, signature, der;
    struct ks_device_cert cert;
    uint8_t digest[32];
    enum ks_err err;

    *given = (struct given) { .opens = false };
    if ((err = read_base64(k, xml, "data", &data)) != KS_OK || (err = read_base64(k, xml, "sig", &signature)) != KS_OK
        || (err = read_base64(k, xml, "cert", &der)) != KS_OK
        || (err = ks_ring_read(&k->arena, data, &given->ring)) != KS_OK)
        return err <= KS_FATAL ? err : KS_ESYNTAX;
    if ((err = ks_ring_certificate(k, der, &cert)) <= KS_FATAL)
        return err;
    if (err == KS_OK && signature.len == KS_P256_SIGNATURE_LEN) {
        ks_hash(KS_SHA256, data, digest);
        memcpy(given->signer.cert, cert.hash, sizeof cert.hash);
        if (ks_p256_verify(cert.key, digest, (const uint8_t *)signature.ptr) == KS_OK) {
            given->signer.genuine = is_genuine(k, cert.hash);
            given->signed_once = true;
        }
    }
    err = ks_ring_open(&given->ring, k->enrolment.seal_secret, &given->secret);
    given->opens = err == KS_OK;
    return err <= KS_FATAL ? err : KS_OK;
}

/* --- asking --- */

static enum ks_err on_ring(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer);

/* number 0: the newest. */
static enum ks_err ask(struct konsil *k, uint64_t number)
{
    struct ks_xml *ring = ks_xml_new(&k->arena, NS_KONSIL_ARCHIVE, "ring");
    enum ks_err err;

    if (number)
        ring = ks_xml_set_u64(&k->arena, ring, "v", number);
    if (!ring)
        return KS_ENOMEM;
    err = ks_iq_send(k, "get", KS_STR_EMPTY, ring, on_ring, KS_STR_EMPTY, number);
    k->ring.asking = err == KS_OK;
    return err == KS_EAGAIN ? KS_OK : err;
}

enum ks_err ks_ring_ask(struct konsil *k)
{
    return ask(k, 0);
}

enum ks_err ks_ring_online(struct konsil *k)
{
    enum ks_err err;

    /* Whoever waited for something when the connection was lost. */
    if (k->ring.command && (err = ks_ring_refuse(k, KS_CODE_OFFLINE, KS_STR_EMPTY)) != KS_OK)
        return err;
    if (!ks_enrolled(k) || k->ring.asking)
        return KS_OK;
    if (k->ring.state == KS_RING_STATE_NONE)
        k->ring.state = KS_RING_STATE_ASKING;
    return ask(k, 0);
}

enum ks_err ks_ring_told(struct konsil *k, const struct ks_xml *ring)
{
    uint64_t v;

    if (!ks_enrolled(k) || k->ring.asking || k->ring.putting
        || ks_str_u64(ks_xml_attr(ring, "v"), INT64_MAX, &v) != KS_OK
        || (k->ring.state == KS_RING_STATE_OPEN && v == k->ring.v))
        return KS_OK;
    return ask(k, 0);
}

/* --- judging --- */

static enum ks_err tell(struct konsil *k, const char *code)
{
    struct ks_ev_warning event = { .code = ks_str_z(code), .jid = ks_own(k) };

    return ks_tell(k, KS_EV_WARNING, &event);
}

/* Each slot that came or went is told: a ring that somebody else reads is not to grow in silence. */
static enum ks_err tell_changes(struct konsil *k, const struct ks_ring *ring, const struct ks_ring_facts *facts)
{
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < facts->added_count && err == KS_OK; i++) {
        const struct ks_ring_seat *seat = &ring->slots[facts->added[i]].seat;
        struct ks_ev_warning event = { .code = KS_STR(KS_CODE_ARCHIVE_SLOT), .jid = ks_own(k) };
        uint32_t device = 0;
        uint64_t number;

        if (seat->kind == KS_RING_DEVICE && ks_ring_look_up(k, seat->cert, &device, &number) != KS_LOG_ABSENT)
            event.device = device;
        err = ks_tell(k, KS_EV_WARNING, &event);
    }
    return err == KS_OK && facts->keys_gone_early ? tell(k, KS_CODE_ARCHIVE_KEYS_GONE) : err;
}

/* What is believed is stated anew after one that was refused, once for each. */
static enum ks_err state_anew(struct konsil *k, const struct ks_ring *refused)
{
    struct ks_str before, hash = bytes_of(refused->hash, sizeof refused->hash);
    enum ks_err err = ks_meta_get(k, META_REFUSED, &before);

    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (err == KS_OK && ks_str_eq(before, hash)) {
        k->ring.state = KS_RING_STATE_DOUBT;
        return KS_OK;
    }
    k->ring.after_v = refused->v;
    memcpy(k->ring.after_hash, refused->hash, sizeof k->ring.after_hash);
    k->ring.state = KS_RING_STATE_OPEN;
    ks_archive_wake(k);
    err = ks_meta_put(k, META_REFUSED, hash);
    return err == KS_OK ? tell(k, KS_CODE_ARCHIVE_REFUSED) : err;
}

static enum ks_err judge_next(struct konsil *k, const struct given *given, bool between_gone)
{
    struct ks_ring believed;
    struct ks_ring_known known = { &believed, &k->ring.secret };
    struct ks_ring_facts facts = { .added_count = 0 };
    int64_t now_s = k->now.wall_ms / 1000;
    enum ks_err err = read_known(k, &believed);

    if (err != KS_OK)
        return err;
    switch (ks_ring_judge(&known, &given->ring, given->opens ? &given->secret : NULL, &given->signer, now_s, &facts)) {
    case KS_RING_SAME:
        k->ring.stored = true;
        k->ring.state = KS_RING_STATE_OPEN;
        ks_archive_wake(k);
        return keep(k);
    case KS_RING_NEXT:
        err = adopt(k, &given->ring, &given->secret, true);
        return err == KS_OK ? tell_changes(k, &given->ring, &facts) : err;
    case KS_RING_WITHOUT_US:
        k->ring.state = KS_RING_STATE_SHUT;
        own_free(&k->ring.data);
        ks_wipe(&k->ring.secret, sizeof k->ring.secret);
        err = ks_meta_del(k, META_RING);
        return err == KS_OK ? tell(k, KS_CODE_ARCHIVE_REMOVED) : err;
    case KS_RING_AHEAD:
        if (!between_gone)
            return ask(k, k->ring.v + 1);
        if (given->opens
            && ks_ring_judge_far(
                ks_own(k), k->ring.v, k->ring.secret.anchor, &given->ring, &given->secret, &given->signer))
            return adopt(k, &given->ring, &given->secret, true);
        return state_anew(k, &given->ring);
    case KS_RING_REFUSED:
        return state_anew(k, &given->ring);
    case KS_RING_OLD:
    case KS_RING_FORK:
        k->ring.state = KS_RING_STATE_DOUBT;
        return tell(k, KS_CODE_ARCHIVE_DOUBT);
    }
    return KS_OK;
}

/* --- the first one --- */

static enum ks_err own_seat(struct konsil *k, struct ks_ring_seat *ret_seat)
{
    *ret_seat = (struct ks_ring_seat) { .kind = KS_RING_DEVICE };
    memcpy(ret_seat->cert, k->enrolment.hash, sizeof ret_seat->cert);
    return ks_p256_public(k->enrolment.seal_secret, ret_seat->key);
}

static enum ks_err put(struct konsil *k, struct ks_str data, const struct ks_ring *ring);

static enum ks_err found(struct konsil *k)
{
    struct ks_ring_secret secret;
    struct ks_ring_seat seat;
    struct ks_ring ring;
    struct ks_str copy;
    struct ks_buf data;
    enum ks_err err = own_seat(k, &seat);

    if (err != KS_OK)
        return err;
    ks_buf_init(&data, KS_RING_DATA_MAX);
    if ((err = ks_ring_found(&k->arena, &k->prng, ks_own(k), &seat, 1, &secret, &data)) == KS_OK
        && (err = ks_buf_err(&data)) == KS_OK && (err = ks_arena_copy(&k->arena, ks_buf_str(&data), &copy)) == KS_OK
        && (err = ks_ring_read(&k->arena, copy, &ring)) == KS_OK)
        err = adopt(k, &ring, &secret, false);
    ks_wipe(&secret, sizeof secret);
    ks_buf_done(&data);
    return err;
}

static enum ks_err put_first(struct konsil *k)
{
    struct ks_ring ring;
    enum ks_err err;

    if (!k->ring.data.len && (err = found(k)) != KS_OK)
        return err;
    if ((err = read_known(k, &ring)) != KS_OK)
        return err;
    k->ring.put_secret = k->ring.secret;
    return put(k, k->ring.data, &ring);
}

/* --- opening --- */

static enum ks_err wrong_key(struct konsil *k)
{
    return k->ring.open_kind == KS_RING_PIN ? ks_archive_pin_wrong(k)
                                            : ks_ring_refuse(k, KS_CODE_ARCHIVE_KEY_WRONG, KS_STR_EMPTY);
}

/* Of who has nothing but a recovery key, or a PIN. Its slot's private half opens AK, and the anchor that lies beside it
 * says that who made this version had been in the ring. That device may have been revoked since, and often was: then it
 * is what the person lost. So nothing is sealed under this epoch: the next one is begun, with the slots of genuine
 * devices. */
static enum ks_err open_by_key(struct konsil *k, struct given *given)
{
    struct ks_account_opened opened;
    struct ks_ring_secret secret;
    bool good = false;
    enum ks_err err = KS_ECRYPTO;

    for (size_t i = 0; i < given->ring.slot_count && !good; i++) {
        const struct ks_ring_seat *seat = &given->ring.slots[i].seat;

        if (seat->kind != k->ring.open_kind)
            continue;
        if ((err = ks_account_open(seat, ks_own(k), k->ring.open_key, &opened)) == KS_OK
            && (err = ks_ring_open(&given->ring, opened.private_key, &secret)) == KS_OK) {
            struct ks_ring_signer signer = given->signer;

            signer.genuine = given->signed_once;
            good = ks_ring_judge_far(ks_own(k), 0, opened.anchor, &given->ring, &secret, &signer);
        }
        if (err <= KS_FATAL && err != KS_OK)
            break;
    }
    if (good && k->ring.open_kind == KS_RING_PIN)
        err = ks_archive_pin_right(k, opened.private_key);
    ks_wipe(&opened, sizeof opened);
    if (err != KS_OK && err <= KS_FATAL)
        return err;
    if (!good)
        return wrong_key(k);
    if ((err = adopt(k, &given->ring, &secret, true)) != KS_OK)
        return err;
    ks_wipe(&secret, sizeof secret);
    k->ring.tidy = true;
    k->ring.opening = KS_RING_OPENING_NOT;
    ks_wipe(k->ring.open_key, sizeof k->ring.open_key);
    if ((err = ks_restore_begin(k)) != KS_OK)
        return err;
    return ks_ring_done_for(k);
}

static enum ks_err take_given(struct konsil *k, const struct ks_xml *xml, bool between_gone)
{
    struct given given;
    enum ks_err err = read_given(k, xml, &given);

    if (err == KS_ESYNTAX) {
        k->ring.state = k->ring.data.len ? KS_RING_STATE_DOUBT : KS_RING_STATE_SHUT;
        return k->ring.opening ? wrong_key(k) : tell(k, KS_CODE_ARCHIVE_DOUBT);
    }
    if (err == KS_OK && k->ring.data.len && !k->ring.stored
        && memcmp(given.ring.hash, k->ring.hash, sizeof k->ring.hash) != 0) {
        own_free(&k->ring.data); /* another device was first: ours never was one */
        ks_wipe(&k->ring.secret, sizeof k->ring.secret);
        err = ks_meta_del(k, META_RING);
    }
    if (err == KS_OK && k->ring.data.len)
        err = judge_next(k, &given, between_gone);
    else if (err == KS_OK && k->ring.opening == KS_RING_OPENING_KEY)
        err = open_by_key(k, &given);
    else if (err == KS_OK)
        k->ring.state = KS_RING_STATE_SHUT;
    if (err == KS_OK && k->ring.state == KS_RING_STATE_SHUT && k->ring.opening == KS_RING_OPENING_LOOK)
        err = ks_archive_pin_look(k, &given.ring);
    ks_wipe(&given.secret, sizeof given.secret);
    return err;
}

static enum ks_err take_answer(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *ring = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_ARCHIVE, "ring") : NULL;
    const char *condition = ks_iq_condition(answer);
    enum ks_err err;

    k->ring.asking = false;
    if (ring) {
        bool far = k->ring.far;
        uint64_t v = k->ring.v;

        k->ring.far = false;
        err = take_given(k, ring, far);
        return err == KS_OK && iq->number && k->ring.v > v && !k->ring.asking ? ask(k, 0) : err;
    }
    if (!answer)
        return k->ring.opening ? ks_ring_refuse(k, KS_CODE_OFFLINE, KS_STR_EMPTY) : KS_OK;
    if (k->ring.opening)
        return ks_ring_refuse(k, KS_CODE_ARCHIVE_NONE, KS_STR_EMPTY);
    if (strcmp(condition, "item-not-found") != 0) {
        k->ring.state = KS_RING_STATE_NONE;
        return KS_OK;
    }
    if (iq->number) { /* a version between is not kept any more: the newest alone has to be enough */
        k->ring.far = true;
        return ask(k, 0);
    }
    if (k->ring.data.len && k->ring.stored) {
        k->ring.state = KS_RING_STATE_DOUBT;
        return tell(k, KS_CODE_ARCHIVE_DOUBT);
    }
    return put_first(k);
}

/* How it stands is told when that has changed. */
static enum ks_err settle(struct konsil *k)
{
    struct ks_ring_keeper *keeper = &k->ring;

    if (keeper->state == KS_RING_STATE_ASKING || keeper->state == keeper->told)
        return KS_OK;
    keeper->told = keeper->state;
    return ks_restore_tell(k, KS_STR_EMPTY);
}

static enum ks_err on_ring(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    enum ks_err err = take_answer(k, iq, answer);

    return err == KS_OK ? settle(k) : err;
}

/* --- changing --- */

/* konsild has it: who made a recovery key is told it, once; a PIN's try is confirmed. */
static enum ks_err slots_added(struct konsil *k)
{
    struct ks_ring_keeper *keeper = &k->ring;
    char text[KS_RECOVERY_TEXT_LEN + 1];
    struct ks_ev_archive_recovery event = { .text = KS_STR_EMPTY };
    enum ks_err err;

    if (!keeper->add_count || !keeper->command)
        return KS_OK;
    keeper->add_count = 0;
    if (keeper->add[0].kind == KS_RING_PIN)
        return ks_archive_pin_added(k);
    ks_recovery_write(keeper->recovery, text);
    event.re = ks_cmd_text_id(ks_str_z(keeper->command));
    event.text = ks_str_z(text);
    err = ks_tell(k, KS_EV_ARCHIVE_RECOVERY, &event);
    ks_wipe(text, sizeof text);
    ks_wipe(keeper->recovery, sizeof keeper->recovery);
    free(keeper->command);
    keeper->command = NULL;
    return err;
}

static enum ks_err on_put(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *error = answer ? ks_xml_child(answer->xml, NS_CLIENT, "error") : NULL;
    struct ks_ring ring;
    enum ks_err err;

    (void)iq;
    if (!k->ring.putting)
        return KS_OK;
    if (ks_iq_ok(answer)) {
        if ((err = ks_ring_read(&k->arena, k->ring.put, &ring)) == KS_OK)
            err = adopt(k, &ring, &k->ring.put_secret, true);
        forget_put(k);
        k->ring.tidy = false;
        if (err == KS_OK)
            err = settle(k);
        return err == KS_OK ? slots_added(k) : err;
    }
    forget_put(k);
    if (ks_xml_child(error, NS_KONSIL_ARCHIVE, "ring"))
        return (err = take_given(k, ks_xml_child(error, NS_KONSIL_ARCHIVE, "ring"), false)) == KS_OK ? settle(k) : err;
    return answer ? ask(k, 0) : KS_OK; /* it may have been stored */
}

static enum ks_err add_base64(struct konsil *k, struct ks_xml *parent, const char *name, struct ks_str bytes)
{
    struct ks_str text;
    enum ks_err err = ks_base64(&k->arena, bytes, &text);

    if (err != KS_OK)
        return err;
    return ks_xml_put_text(&k->arena, ks_xml_add(&k->arena, parent, NS_KONSIL_ARCHIVE, name), text) ? KS_OK : KS_ENOMEM;
}

static enum ks_err put(struct konsil *k, struct ks_str data, const struct ks_ring *ring)
{
    struct ks_xml *xml = ks_xml_set_u64(&k->arena, ks_xml_new(&k->arena, NS_KONSIL_ARCHIVE, "ring"), "v", ring->v);
    struct ks_str chain[KS_CHAIN_MAX], prev;
    uint8_t signature[KS_P256_SIGNATURE_LEN];
    size_t count;
    enum ks_err err = ks_enrolment_chain(k, chain, &count);

    if (err != KS_OK)
        return err;
    ks_device_sign(k, data, signature);
    if (ring->v > 1
        && ((err = ks_base64(&k->arena, bytes_of(ring->prev, sizeof ring->prev), &prev)) != KS_OK
            || !(xml = ks_xml_set(&k->arena, xml, "prev", prev))))
        return err == KS_OK ? KS_ENOMEM : err;
    if ((err = add_base64(k, xml, "data", data)) != KS_OK
        || (err = add_base64(k, xml, "sig", bytes_of(signature, sizeof signature))) != KS_OK
        || (err = add_base64(k, xml, "cert", chain[0])) != KS_OK || (err = own_copy(&k->ring.put, data)) != KS_OK)
        return err;
    err = ks_iq_send(k, "set", KS_STR_EMPTY, xml, on_put, KS_STR_EMPTY, 0);
    k->ring.putting = err == KS_OK;
    return err == KS_EAGAIN ? KS_OK : err;
}

void ks_ring_want(struct konsil *k, const struct ks_archive_period *period)
{
    struct ks_ring_keeper *keeper = &k->ring;

    for (size_t i = 0; i < keeper->wanted_count; i++)
        if (keeper->wanted[i].class == period->class && keeper->wanted[i].start == period->start)
            return;
    if (keeper->wanted_count < KS_RING_WANTED_MAX)
        keeper->wanted[keeper->wanted_count++] = *period;
}

/* Whose slot is to go: a device that was revoked; our own former ones; and when who lost a device opened the ring, each
 * of which nobody says that it is genuine. */
static bool is_to_go(struct konsil *k, const struct ks_ring_seat *seat)
{
    uint32_t device = 0;
    uint64_t number;
    enum ks_log_verdict verdict;

    if (seat->kind == KS_RING_RECOVERY || seat->kind == KS_RING_PIN)
        return k->ring.add_count > 0 && k->ring.add[0].kind == seat->kind; /* another takes its place */
    if (seat->kind != KS_RING_DEVICE || memcmp(seat->cert, k->enrolment.hash, sizeof seat->cert) == 0)
        return false;
    verdict = ks_ring_look_up(k, seat->cert, &device, &number);
    return verdict == KS_LOG_REVOKED || (verdict == KS_LOG_LISTED && device == ks_omemo_device(k->omemo))
        || (k->ring.tidy && verdict != KS_LOG_LISTED);
}

static bool has_seat(const struct ks_ring *ring, const struct ks_ring_seat *seat)
{
    for (size_t i = 0; i < ring->slot_count; i++)
        if (memcmp(ring->slots[i].seat.key, seat->key, sizeof seat->key) == 0)
            return true;
    return false;
}

enum ks_err ks_ring_tend(struct konsil *k)
{
    struct ks_ring_keeper *keeper = &k->ring;
    struct ks_ring_seat seats[KS_RING_ADD_MAX + 1];
    uint8_t gone[KS_RING_SLOTS_MAX][KS_P256_PUBLIC_LEN];
    struct ks_ring_change change = {
        .add = seats, .remove = (const uint8_t(*)[KS_P256_PUBLIC_LEN])gone, .begin = keeper->wanted
    };
    struct ks_ring believed, next;
    struct ks_ring_known known = { &believed, &keeper->secret };
    struct ks_log_time time;
    struct ks_str copy;
    struct ks_buf data;
    enum ks_err err;

    if (keeper->state != KS_RING_STATE_OPEN || keeper->asking || keeper->putting || !ks_online(k) || !ks_enrolled(k)
        || !k->log_follow.view)
        return KS_OK;
    if ((err = read_known(k, &believed)) != KS_OK)
        return err;
    if ((err = own_seat(k, &seats[0])) != KS_OK)
        return err;
    change.add_count = !has_seat(&believed, &seats[0]);
    for (size_t i = 0; i < keeper->add_count; i++)
        seats[change.add_count++] = keeper->add[i];
    for (size_t i = 0; i < believed.slot_count; i++)
        if (is_to_go(k, &believed.slots[i].seat))
            memcpy(gone[change.remove_count++], believed.slots[i].seat.key, KS_P256_PUBLIC_LEN);
    ks_log_follow_time(k, &time);
    change.begin_count = keeper->wanted_count;
    change.renew = keeper->tidy;
    change.now_s = (time.sure_ms < k->now.wall_ms ? time.sure_ms : k->now.wall_ms) / 1000;
    change.after_v = keeper->after_v;
    memcpy(change.after_hash, keeper->after_hash, sizeof change.after_hash);
    ks_buf_init(&data, KS_RING_DATA_MAX);
    err = ks_ring_next(&k->arena, &k->prng, &known, &change, &keeper->put_secret, &data);
    if (err == KS_OK && (err = ks_buf_err(&data)) == KS_OK
        && (err = ks_arena_copy(&k->arena, ks_buf_str(&data), &copy)) == KS_OK
        && (err = ks_ring_read(&k->arena, copy, &next)) == KS_OK)
        err = put(k, copy, &next);
    ks_buf_done(&data);
    keeper->wanted_count = 0; /* what is still wanted is said again */
    if (err == KS_EEXISTS)
        return KS_OK;
    if (err != KS_OK && err > KS_FATAL) {
        ks_log(k->log, KS_WARNING, "client.ring.change", KS_ERR(err));
        return KS_OK;
    }
    return err;
}
