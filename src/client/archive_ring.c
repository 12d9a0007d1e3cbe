/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "archive_ring.h"

#include "archive_ring_form.h"
#include "enc.h"
#include "hpke.h"
#include "statement.h"

#define PURPOSE "konsil/0 ring\n"
#define PURPOSE_SLOT KS_STR("konsil/0 ring slot\n")
#define PURPOSE_OFFICERS KS_STR("konsil/0 officers\n")
#define PURPOSE_WRAP KS_STR("konsil/0 ring wrap")
#define PURPOSE_MAC KS_STR("konsil/0 ring mac")
#define PURPOSE_ANCHOR KS_STR("konsil/0 ring anchor")

/* What data ends with; each covers all in front of it. */
#define PROOF ",\"proof\":\""
#define MAC "\",\"mac\":\""
#define END "\"}"
#define MAC_TEXT_LEN KS_BASE64_LEN(32)
#define MAC_TAIL (sizeof(MAC) - 1 + MAC_TEXT_LEN + sizeof(END) - 1)
#define PROOF_TAIL (sizeof(PROOF) - 1 + MAC_TEXT_LEN + MAC_TAIL)

#define ACCOUNT_MAX KS_ARCHIVE_ACCOUNT_MAX
#define CONTEXT_MAX (32 + 4 + ACCOUNT_MAX + 8 + 65 + 32)

static const char *const ring_names[] = { "acct", "v", "prev", "upon", "e", "anchor", "slots", "keys", "proof", "mac",
    NULL };
static const char *const device_names[] = { "kind", "cert", "key", "enc", "sealed", NULL };
static const char *const person_names[] = { "kind", "blob", "key", "enc", "sealed", NULL };
static const char *const officers_names[] = { "kind", "key", "enc", "sealed", "sig", NULL };
static const char *const key_names[] = { "class", "start", "sub", "wrap", NULL };

static const struct {
    const char *name;
    const char *const *names;
    size_t blob_len;
} kinds[] = {
    [KS_RING_DEVICE] = { "device", device_names, 0 },
    [KS_RING_PIN] = { "pin", person_names, KS_RING_PIN_BLOB_LEN },
    [KS_RING_RECOVERY] = { "recovery", person_names, KS_RING_RECOVERY_BLOB_LEN },
    [KS_RING_OFFICERS] = { "officers", officers_names, 0 },
};

size_t ks_ring_blob_len(enum ks_ring_kind kind)
{
    return kinds[kind].blob_len;
}

bool ks_ring_same_seat(const struct ks_ring_seat *a, const struct ks_ring_seat *b)
{
    return a->kind == b->kind && memcmp(a->key, b->key, sizeof(a->key)) == 0
        && memcmp(a->cert, b->cert, sizeof(a->cert)) == 0 && memcmp(a->blob, b->blob, sizeof(a->blob)) == 0;
}

int ks_ring_period_cmp(const struct ks_archive_period *a, const struct ks_archive_period *b)
{
    if (a->class != b->class)
        return a->class < b->class ? -1 : 1;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->sub < b->sub ? -1 : a->sub > b->sub;
}

const struct ks_ring_slot *ks_ring_find_slot(const struct ks_ring *ring, const uint8_t key[KS_P256_PUBLIC_LEN])
{
    for (size_t i = 0; i < ring->slot_count; i++)
        if (memcmp(ring->slots[i].seat.key, key, KS_P256_PUBLIC_LEN) == 0)
            return &ring->slots[i];
    return NULL;
}

const struct ks_ring_key *ks_ring_find_key(const struct ks_ring *ring, const struct ks_archive_period *period)
{
    for (size_t i = 0; i < ring->key_count; i++)
        if (ks_ring_period_cmp(&ring->keys[i].period, period) == 0)
            return &ring->keys[i];
    return NULL;
}

/* --- reading --- */

static bool has_exactly(const json_t *object, const char *const *names)
{
    size_t count = 0;

    for (; names[count]; count++)
        if (!json_object_get(object, names[count]))
            return false;
    return json_object_size(object) == count;
}

static enum ks_err take_bytes(
    struct ks_arena *arena, const json_t *object, const char *name, uint8_t *ret_bytes, size_t len)
{
    return ks_statement_bytes(arena, json_object_get(object, name), len, ret_bytes);
}

static enum ks_err take_number(const json_t *object, const char *name, uint64_t max, uint64_t *ret_number)
{
    return ks_statement_number(json_object_get(object, name), max, ret_number);
}

/* 0: there is no such kind. */
static enum ks_ring_kind kind_of(const json_t *value)
{
    const char *text = json_string_value(value);

    for (size_t i = 1; text && i < KS_COUNT(kinds); i++)
        if (ks_str_is(ks_str(text, json_string_length(value)), kinds[i].name))
            return (enum ks_ring_kind)i;
    return 0;
}

static enum ks_err read_slot(struct ks_arena *arena, const json_t *object, struct ks_ring_slot *slot)
{
    struct ks_ring_seat *seat = &slot->seat;
    enum ks_err err;

    seat->kind = kind_of(json_object_get(object, "kind"));
    if (!seat->kind || !has_exactly(object, kinds[seat->kind].names))
        return KS_ESYNTAX;
    if ((err = take_bytes(arena, object, "key", seat->key, sizeof(seat->key))) != KS_OK
        || (err = take_bytes(arena, object, "enc", slot->enc, sizeof(slot->enc))) != KS_OK
        || (err = take_bytes(arena, object, "sealed", slot->sealed, sizeof(slot->sealed))) != KS_OK)
        return err;
    if (seat->kind == KS_RING_DEVICE)
        return take_bytes(arena, object, "cert", seat->cert, sizeof(seat->cert));
    if (seat->kind == KS_RING_OFFICERS)
        return take_bytes(arena, object, "sig", slot->signature, sizeof(slot->signature));
    return take_bytes(arena, object, "blob", seat->blob, kinds[seat->kind].blob_len);
}

static enum ks_err read_slots(struct ks_arena *arena, const json_t *array, struct ks_ring *ring)
{
    size_t count = json_array_size(array);
    enum ks_err err;

    if (!json_is_array(array) || !count)
        return KS_ESYNTAX;
    if (count > KS_RING_SLOTS_MAX)
        return KS_ELIMIT;
    if (!(ring->slots = ks_arena_zero(arena, count * sizeof(*ring->slots))))
        return ks_arena_full(arena, count * sizeof(*ring->slots)) ? KS_ELIMIT : KS_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if ((err = read_slot(arena, json_array_get(array, i), &ring->slots[i])) != KS_OK)
            return err;
        if (ks_ring_find_slot(ring, ring->slots[i].seat.key)) /* among those before it */
            return KS_ESYNTAX;
        ring->slot_count = i + 1;
    }
    return KS_OK;
}

static enum ks_err read_key(struct ks_arena *arena, const json_t *object, struct ks_ring_key *key)
{
    struct ks_archive_period week;
    uint64_t class, start, sub;
    enum ks_err err;

    if (!has_exactly(object, key_names))
        return KS_ESYNTAX;
    if ((err = take_number(object, "class", KS_ARCHIVE_10_YEARS, &class)) != KS_OK
        || (err = take_number(object, "start", UINT32_MAX, &start)) != KS_OK
        || (err = take_number(object, "sub", UINT16_MAX, &sub)) != KS_OK
        || (err = take_bytes(arena, object, "wrap", key->wrap, sizeof(key->wrap))) != KS_OK)
        return err;
    if (class < KS_ARCHIVE_7_DAYS || ks_archive_period_of((enum ks_archive_class) class, (int64_t)start, &week) != KS_OK
        || week.start != start)
        return KS_ESYNTAX;
    key->period = (struct ks_archive_period) { week.class, week.start, (uint16_t)sub };
    return KS_OK;
}

static enum ks_err read_keys(struct ks_arena *arena, const json_t *array, struct ks_ring *ring)
{
    size_t count = json_array_size(array);
    enum ks_err err;

    if (!json_is_array(array))
        return KS_ESYNTAX;
    if (count > KS_RING_KEYS_MAX)
        return KS_ELIMIT;
    if (!(ring->keys = ks_arena_zero(arena, count * sizeof(*ring->keys))))
        return ks_arena_full(arena, count * sizeof(*ring->keys)) ? KS_ELIMIT : KS_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if ((err = read_key(arena, json_array_get(array, i), &ring->keys[i])) != KS_OK)
            return err;
        if (i > 0 && ks_ring_period_cmp(&ring->keys[i - 1].period, &ring->keys[i].period) >= 0)
            return KS_ESYNTAX;
    }
    ring->key_count = count;
    return KS_OK;
}

static enum ks_err read_object(struct ks_arena *arena, const json_t *object, struct ks_ring *ring)
{
    static const uint8_t zeroes[KS_RING_HASH_LEN];
    enum ks_err err;

    if ((err = ks_statement_jid(arena, json_object_get(object, "acct"), &ring->account)) != KS_OK
        || (err = take_number(object, "v", KS_STATEMENT_NUMBER_MAX, &ring->v)) != KS_OK
        || (err = take_number(object, "e", KS_STATEMENT_NUMBER_MAX, &ring->e)) != KS_OK
        || (err = take_bytes(arena, object, "prev", ring->prev, sizeof(ring->prev))) != KS_OK
        || (err = take_bytes(arena, object, "upon", ring->upon, sizeof(ring->upon))) != KS_OK
        || (err = take_bytes(arena, object, "anchor", ring->anchor, sizeof(ring->anchor))) != KS_OK
        || (err = read_slots(arena, json_object_get(object, "slots"), ring)) != KS_OK
        || (err = read_keys(arena, json_object_get(object, "keys"), ring)) != KS_OK
        || (err = take_bytes(arena, object, "proof", ring->proof, sizeof(ring->proof))) != KS_OK
        || (err = take_bytes(arena, object, "mac", ring->mac, sizeof(ring->mac))) != KS_OK)
        return err;
    if (!ring->v || !ring->e || ring->e > ring->v || ring->account.len > ACCOUNT_MAX)
        return KS_ESYNTAX;
    if ((ring->v == 1)
        != (memcmp(ring->prev, zeroes, sizeof(zeroes)) == 0 && memcmp(ring->upon, zeroes, sizeof(zeroes)) == 0))
        return KS_ESYNTAX;
    return KS_OK;
}

/* The MACs stand where they are looked for. */
static bool has_tail(struct ks_str data)
{
    return data.len > PROOF_TAIL && ks_str_starts(ks_str_from(data, data.len - PROOF_TAIL), KS_STR(PROOF))
        && ks_str_starts(ks_str_from(data, data.len - MAC_TAIL), KS_STR(MAC));
}

enum ks_err ks_ring_read(struct ks_arena *arena, struct ks_str data, struct ks_ring *ret_ring)
{
    struct ks_ring ring = { .data = data };
    json_t *object;
    enum ks_err err;

    if (data.len > KS_RING_DATA_MAX)
        return KS_ELIMIT;
    if (!has_tail(data))
        return KS_ESYNTAX;
    if ((err = ks_statement_open(data, PURPOSE, ring_names, &object)) != KS_OK)
        return err;
    err = read_object(arena, object, &ring);
    json_decref(object);
    if (err != KS_OK)
        return err;
    ks_hash(KS_SHA256, data, ring.hash);
    *ret_ring = ring;
    return KS_OK;
}

/* --- MACs --- */

static void tail_mac(const uint8_t secret[32], struct ks_str purpose, struct ks_str bytes, uint8_t ret_mac[32])
{
    uint8_t key[32];

    ks_hkdf(KS_SHA256, ks_str(secret, 32), KS_STR_EMPTY, purpose, key, sizeof(key));
    ks_hmac(KS_SHA256, ks_str(key, sizeof(key)), bytes, ret_mac);
    ks_wipe(key, sizeof(key));
}

enum ks_err ks_ring_check_mac(const struct ks_ring *ring, const uint8_t upon_ak[32])
{
    uint8_t mac[32];

    tail_mac(upon_ak, PURPOSE_MAC, ks_str_head(ring->data, ring->data.len - MAC_TAIL), mac);
    return ks_crypto_eq(ks_str(mac, sizeof(mac)), ks_str(ring->mac, sizeof(ring->mac))) ? KS_OK : KS_ECRYPTO;
}

bool ks_ring_proven(const struct ks_ring *ring, const uint8_t anchor[32])
{
    uint8_t mac[32];

    tail_mac(anchor, PURPOSE_ANCHOR, ks_str_head(ring->data, ring->data.len - PROOF_TAIL), mac);
    return ks_crypto_eq(ks_str(mac, sizeof(mac)), ks_str(ring->proof, sizeof(ring->proof)));
}

/* --- writing --- */

static void put(struct ks_buf *buf, const char *name, const uint8_t *bytes, size_t len)
{
    ks_buf_printf(buf, ",\"%s\":", name);
    ks_statement_put_bytes(buf, bytes, len);
}

static void write_slot(const struct ks_ring_slot *slot, struct ks_buf *buf)
{
    const struct ks_ring_seat *seat = &slot->seat;

    ks_buf_printf(buf, "{\"kind\":\"%s\"", kinds[seat->kind].name);
    if (seat->kind == KS_RING_DEVICE)
        put(buf, "cert", seat->cert, sizeof(seat->cert));
    if (kinds[seat->kind].blob_len)
        put(buf, "blob", seat->blob, kinds[seat->kind].blob_len);
    put(buf, "key", seat->key, sizeof(seat->key));
    put(buf, "enc", slot->enc, sizeof(slot->enc));
    put(buf, "sealed", slot->sealed, sizeof(slot->sealed));
    if (seat->kind == KS_RING_OFFICERS)
        put(buf, "sig", slot->signature, sizeof(slot->signature));
    ks_buf_byte(buf, '}');
}

static void write_key(const struct ks_ring_key *key, struct ks_buf *buf)
{
    ks_buf_printf(buf, "{\"class\":%d,\"start\":%u,\"sub\":%u", (int)key->period.class, (unsigned)key->period.start,
        (unsigned)key->period.sub);
    put(buf, "wrap", key->wrap, sizeof(key->wrap));
    ks_buf_byte(buf, '}');
}

void ks_ring_write(const struct ks_ring *ring, const uint8_t upon_ak[32], const uint8_t anchor[32], struct ks_buf *buf)
{
    size_t start = buf->len;
    uint8_t mac[32];

    ks_buf_z(buf, PURPOSE "{\"acct\":");
    ks_statement_put_text(buf, ring->account);
    ks_buf_printf(buf, ",\"v\":%llu", (unsigned long long)ring->v);
    put(buf, "prev", ring->prev, sizeof(ring->prev));
    put(buf, "upon", ring->upon, sizeof(ring->upon));
    ks_buf_printf(buf, ",\"e\":%llu", (unsigned long long)ring->e);
    put(buf, "anchor", ring->anchor, sizeof(ring->anchor));
    ks_buf_z(buf, ",\"slots\":[");
    for (size_t i = 0; i < ring->slot_count; i++) {
        ks_buf_z(buf, i ? "," : "");
        write_slot(&ring->slots[i], buf);
    }
    ks_buf_z(buf, "],\"keys\":[");
    for (size_t i = 0; i < ring->key_count; i++) {
        ks_buf_z(buf, i ? "," : "");
        write_key(&ring->keys[i], buf);
    }
    ks_buf_byte(buf, ']');
    tail_mac(anchor, PURPOSE_ANCHOR, ks_str_from(ks_buf_str(buf), start), mac);
    ks_buf_z(buf, PROOF);
    ks_base64_add(buf, ks_str(mac, sizeof(mac)));
    tail_mac(upon_ak, PURPOSE_MAC, ks_str_from(ks_buf_str(buf), start), mac);
    ks_buf_z(buf, MAC);
    ks_base64_add(buf, ks_str(mac, sizeof(mac)));
    ks_buf_z(buf, END);
}

/* --- wraps --- */

/* field(account) || u64 e || u8 class || u32 start || u16 sub */
static enum ks_err wrap_context(
    const struct ks_ring *ring, const struct ks_archive_period *period, struct ks_buf *ret_context)
{
    ks_buf_init(ret_context, CONTEXT_MAX);
    ks_buf_field(ret_context, ring->account);
    ks_buf_u64(ret_context, ring->e);
    ks_buf_byte(ret_context, period ? (uint8_t)period->class : 0);
    ks_buf_u32(ret_context, period ? period->start : 0);
    ks_buf_u16(ret_context, period ? period->sub : 0);
    return ks_buf_err(ret_context);
}

static void wrap_key(const uint8_t ak[32], uint8_t ret_key[KS_AEAD_KEY_LEN])
{
    ks_hkdf(KS_SHA256, ks_str(ak, 32), KS_STR_EMPTY, PURPOSE_WRAP, ret_key, KS_AEAD_KEY_LEN);
}

enum ks_err ks_ring_wrap(struct ks_prng *prng, const struct ks_ring *ring, const uint8_t ak[32],
    const struct ks_archive_period *period, const uint8_t key[32], uint8_t ret_wrap[KS_RING_WRAP_LEN])
{
    uint8_t with[KS_AEAD_KEY_LEN];
    struct ks_buf context;
    enum ks_err err = wrap_context(ring, period, &context);

    if (err == KS_OK) {
        wrap_key(ak, with);
        ks_prng_bytes(prng, ret_wrap, KS_AEAD_NONCE_LEN);
        ks_aead_seal(with, ret_wrap, ks_buf_str(&context), ks_str(key, 32), ret_wrap + KS_AEAD_NONCE_LEN);
        ks_wipe(with, sizeof(with));
    }
    ks_buf_done(&context);
    return err;
}

enum ks_err ks_ring_unwrap(const struct ks_ring *ring, const uint8_t ak[32], const struct ks_archive_period *period,
    const uint8_t wrap[KS_RING_WRAP_LEN], uint8_t ret_key[32])
{
    uint8_t with[KS_AEAD_KEY_LEN];
    struct ks_buf context;
    enum ks_err err = wrap_context(ring, period, &context);

    if (err == KS_OK) {
        wrap_key(ak, with);
        err = ks_aead_open(with, wrap, ks_buf_str(&context),
            ks_str(wrap + KS_AEAD_NONCE_LEN, KS_RING_WRAP_LEN - KS_AEAD_NONCE_LEN), ret_key);
        ks_wipe(with, sizeof(with));
    }
    ks_buf_done(&context);
    return err;
}

enum ks_err ks_ring_key(const struct ks_ring *ring, const struct ks_ring_secret *secret,
    const struct ks_archive_period *period, uint8_t ret_key[KS_ARCHIVE_KEY_LEN])
{
    const struct ks_ring_key *key = ks_ring_find_key(ring, period);

    return key ? ks_ring_unwrap(ring, secret->ak, &key->period, key->wrap, ret_key) : KS_ENOTFOUND;
}

bool ks_ring_newest(
    const struct ks_ring *ring, enum ks_archive_class class, uint32_t start, struct ks_archive_period *ret_period)
{
    bool found = false;

    for (size_t i = 0; i < ring->key_count; i++)
        if (ring->keys[i].period.class == class && ring->keys[i].period.start == start) {
            *ret_period = ring->keys[i].period; /* they rise */
            found = true;
        }
    return found;
}

/* --- slots --- */

/* purpose || field(account) || u64 e || u8 kind */
static enum ks_err slot_info(const struct ks_ring *ring, enum ks_ring_kind kind, struct ks_buf *ret_info)
{
    ks_buf_init(ret_info, CONTEXT_MAX);
    ks_buf_add(ret_info, PURPOSE_SLOT);
    ks_buf_field(ret_info, ring->account);
    ks_buf_u64(ret_info, ring->e);
    ks_buf_byte(ret_info, (uint8_t)kind);
    return ks_buf_err(ret_info);
}

/* SHA-256(purpose || field(account) || enc || SHA-256(sealed)) */
static enum ks_err officers_digest(const struct ks_ring *ring, const struct ks_ring_slot *slot, uint8_t ret_digest[32])
{
    struct ks_buf bytes;
    uint8_t sealed[32];
    enum ks_err err;

    ks_hash(KS_SHA256, ks_str(slot->sealed, sizeof(slot->sealed)), sealed);
    ks_buf_init(&bytes, CONTEXT_MAX);
    ks_buf_add(&bytes, PURPOSE_OFFICERS);
    ks_buf_field(&bytes, ring->account);
    ks_buf_add(&bytes, ks_str(slot->enc, sizeof(slot->enc)));
    ks_buf_add(&bytes, ks_str(sealed, sizeof(sealed)));
    if ((err = ks_buf_err(&bytes)) == KS_OK)
        ks_hash(KS_SHA256, ks_buf_str(&bytes), ret_digest);
    ks_buf_done(&bytes);
    return err;
}

bool ks_ring_officers_signed(const struct ks_ring *ring, const struct ks_ring_slot *slot)
{
    uint8_t digest[32];

    return slot->seat.kind != KS_RING_OFFICERS
        || (officers_digest(ring, slot, digest) == KS_OK
            && ks_p256_verify(slot->enc, digest, slot->signature) == KS_OK);
}

enum ks_err ks_ring_seal(
    struct ks_prng *prng, const struct ks_ring *ring, const uint8_t ak[32], struct ks_ring_slot *slot)
{
    uint8_t ephemeral[KS_P256_PRIVATE_LEN], digest[32];
    struct ks_buf info;
    enum ks_err err = slot_info(ring, slot->seat.kind, &info);

    ks_p256_generate(prng, ephemeral);
    if (err == KS_OK)
        err = ks_hpke_seal_with(
            ephemeral, slot->seat.key, ks_buf_str(&info), KS_STR_EMPTY, ks_str(ak, 32), slot->enc, slot->sealed);
    if (err == KS_OK && slot->seat.kind == KS_RING_OFFICERS && (err = officers_digest(ring, slot, digest)) == KS_OK)
        ks_p256_sign(ephemeral, digest, slot->signature);
    ks_wipe(ephemeral, sizeof(ephemeral));
    ks_buf_done(&info);
    return err;
}

/* By private_key, or by dh if that is NULL. */
static enum ks_err open_slot(const struct ks_ring *ring, const struct ks_ring_slot *slot, const uint8_t *private_key,
    const uint8_t *dh, struct ks_ring_secret *ret_secret)
{
    struct ks_str sealed = ks_str(slot->sealed, sizeof(slot->sealed));
    struct ks_ring_secret secret;
    struct ks_buf info;
    enum ks_err err = slot_info(ring, slot->seat.kind, &info);

    if (err == KS_OK)
        err = private_key
            ? ks_hpke_open(private_key, slot->enc, ks_buf_str(&info), KS_STR_EMPTY, sealed, secret.ak)
            : ks_hpke_open_shared(dh, slot->seat.key, slot->enc, ks_buf_str(&info), KS_STR_EMPTY, sealed, secret.ak);
    if (err == KS_OK)
        err = ks_ring_unwrap(ring, secret.ak, NULL, ring->anchor, secret.anchor);
    if (err == KS_OK)
        *ret_secret = secret;
    ks_wipe(&secret, sizeof(secret));
    ks_buf_done(&info);
    return err;
}

enum ks_err ks_ring_open(
    const struct ks_ring *ring, const uint8_t private_key[KS_P256_PRIVATE_LEN], struct ks_ring_secret *ret_secret)
{
    uint8_t key[KS_P256_PUBLIC_LEN];
    const struct ks_ring_slot *slot;
    enum ks_err err = ks_p256_public(private_key, key);

    if (err != KS_OK)
        return err;
    slot = ks_ring_find_slot(ring, key);
    return slot ? open_slot(ring, slot, private_key, NULL, ret_secret) : KS_ENOTFOUND;
}

enum ks_err ks_ring_open_shared(const struct ks_ring *ring, const struct ks_ring_slot *slot, const uint8_t dh[32],
    struct ks_ring_secret *ret_secret)
{
    return open_slot(ring, slot, NULL, dh, ret_secret);
}
