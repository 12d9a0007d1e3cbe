/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "archive_body.h"

#include <stdio.h>

#include "crypto.h"
#include "enc.h"

#define FORM 1
#define PURPOSE KS_STR("konsil/0 archived\n")
#define NUMBER_MAX ((1ull << 53) - 1)
#define DEVICE_MAX 0x7FFFFFFF
#define FLAG_READ 1
#define SIGNED_BY_LEN (4 + 32)
#define TAIL (SIGNED_BY_LEN + KS_P256_SIGNATURE_LEN)
/* What is signed in front of a body: purpose, account, period and rid. */
#define PLACE_MAX (32 + 4 + KS_ARCHIVE_ACCOUNT_MAX + 7 + KS_ARCHIVE_RID_LEN)

/* --- what both kinds are made of --- */

static enum ks_err read_number(struct ks_cursor *at, uint64_t max, uint64_t *ret_number)
{
    enum ks_err err = ks_cursor_u64(at, ret_number);

    return err == KS_OK && *ret_number > max ? KS_ESYNTAX : err;
}

static enum ks_err read_time(struct ks_cursor *at, int64_t *ret_ms)
{
    uint64_t ms;
    enum ks_err err = read_number(at, NUMBER_MAX, &ms);

    if (err == KS_OK)
        *ret_ms = (int64_t)ms;
    return err;
}

static enum ks_err read_name(struct ks_cursor *at, struct ks_str *ret_name)
{
    enum ks_err err = ks_cursor_field(at, ret_name);

    return err == KS_OK && (!ret_name->len || ret_name->len > KS_ARCHIVE_NAME_MAX) ? KS_ESYNTAX : err;
}

static enum ks_err read_bytes(struct ks_cursor *at, uint8_t *ret_bytes, size_t len)
{
    struct ks_str bytes;
    enum ks_err err = ks_cursor_take(at, len, &bytes);

    if (err == KS_OK)
        memcpy(ret_bytes, bytes.ptr, len);
    return err;
}

static enum ks_err no_room(const struct ks_arena *arena, size_t len)
{
    return ks_arena_full(arena, len) ? KS_ELIMIT : KS_ENOMEM;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return !any;
}

/* An epoch as rids have it (§6): 16 hexadecimal digits. */
static enum ks_err epoch_text(struct ks_arena *arena, uint64_t epoch, struct ks_str *ret_text)
{
    char text[17];

    snprintf(text, sizeof(text), "%016llx", (unsigned long long)epoch);
    return ks_arena_copy(arena, ks_str(text, 16), ret_text);
}

/* --- messages --- */

/* What the envelope says, and whether the rest fits it; then what the message is called. */
static enum ks_err understand(struct ks_arena *arena, struct ks_str account, enum ks_archive_kind kind,
    struct ks_archive_message *message, struct ks_archive_name *ret_name)
{
    struct ks_archive_name name = message->name;
    struct ks_str conv;
    struct ks_sce sce;
    enum ks_err err;

    if (!message->envelope.len || message->envelope.len > KS_SCE_MAX)
        return KS_ESYNTAX;
    if ((err = ks_sce_read(arena, message->envelope, &sce)) == KS_OK)
        err = ks_content_read(arena, sce.content, &message->content);
    if (err != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESYNTAX;
    conv = ks_str_eq(sce.to, account) && sce.from.ptr ? sce.from : sce.to;
    if (message->how == KS_ARCHIVE_PLAIN
        && (message->trust != KS_ARCHIVE_UNDECIDED || !is_zero(message->by, sizeof(message->by))))
        return KS_ESYNTAX;
    if ((message->how != KS_ARCHIVE_OMEMO2 && message->content.ours) || message->content.rejected
        || (kind == KS_ARCHIVE_NUMBERED) != (message->content.k.number > 0))
        return KS_ESYNTAX;
    name.kind = (uint8_t)kind;
    name.device = 0;
    name.n = 0;
    if (kind == KS_ARCHIVE_NUMBERED) {
        if (!sce.from.len || !sce.to.len || !sce.has_time || sce.wall_ms < 0)
            return KS_ESYNTAX;
        name = (struct ks_archive_name) { conv, sce.from, message->content.k.device, KS_STR_EMPTY,
            message->content.k.number, (uint8_t)kind };
        message->time_ms = sce.wall_ms;
        if ((err = epoch_text(arena, message->content.k.epoch, &name.ep)) != KS_OK)
            return err;
    } else if ((sce.from.ptr && !ks_str_eq(sce.from, name.author)) || (sce.to.ptr && !ks_str_eq(conv, name.conv))) {
        return KS_ESYNTAX;
    }
    if (!message->stamp_ms && !ks_str_eq(name.author, account))
        return KS_ESYNTAX;
    ks_sce_hash(message->envelope, message->hash);
    message->name = *ret_name = name;
    return KS_OK;
}

static void write_message(const struct ks_archive_message *message, enum ks_archive_kind kind, struct ks_buf *buf)
{
    ks_buf_byte(buf, FORM);
    ks_buf_byte(buf, (uint8_t)kind);
    ks_buf_byte(buf, (uint8_t)message->how);
    ks_buf_byte(buf, (uint8_t)message->trust);
    ks_buf_byte(buf, message->read ? FLAG_READ : 0);
    ks_buf_add(buf, ks_str(message->by, sizeof(message->by)));
    ks_buf_u64(buf, (uint64_t)message->stamp_ms);
    if (kind == KS_ARCHIVE_UNNUMBERED) {
        ks_buf_u64(buf, (uint64_t)message->time_ms);
        ks_buf_field(buf, message->name.conv);
        ks_buf_field(buf, message->name.author);
        ks_buf_field(buf, message->name.ep);
    }
    ks_buf_field(buf, message->envelope);
}

static enum ks_err read_message(
    struct ks_arena *arena, struct ks_str account, struct ks_cursor *at, struct ks_archive_body *body)
{
    struct ks_archive_message *message = &body->message;
    uint8_t how, trust, flags;
    enum ks_err err;

    if ((err = ks_cursor_u8(at, &how)) != KS_OK || (err = ks_cursor_u8(at, &trust)) != KS_OK
        || (err = ks_cursor_u8(at, &flags)) != KS_OK
        || (err = read_bytes(at, message->by, sizeof(message->by))) != KS_OK
        || (err = read_time(at, &message->stamp_ms)) != KS_OK)
        return err;
    if (how > KS_ARCHIVE_OMEMO2 || trust > KS_ARCHIVE_CERTIFIED || flags & ~FLAG_READ)
        return KS_ESYNTAX;
    message->how = (enum ks_archive_how)how;
    message->trust = (enum ks_archive_trust)trust;
    message->read = flags & FLAG_READ;
    if (body->kind == KS_ARCHIVE_UNNUMBERED
        && ((err = read_time(at, &message->time_ms)) != KS_OK || (err = read_name(at, &message->name.conv)) != KS_OK
            || (err = read_name(at, &message->name.author)) != KS_OK
            || (err = read_name(at, &message->name.ep)) != KS_OK))
        return err;
    if ((err = ks_cursor_field(at, &message->envelope)) != KS_OK)
        return err;
    return understand(arena, account, body->kind, message, &body->name);
}

/* --- states --- */

static void write_chain(const struct ks_archive_chain *chain, struct ks_buf *buf)
{
    ks_buf_field(buf, chain->conv);
    ks_buf_field(buf, chain->author);
    ks_buf_u32(buf, chain->device);
    ks_buf_u64(buf, chain->epoch);
    ks_buf_u64(buf, chain->base);
    ks_buf_u64(buf, chain->top);
    ks_buf_add(buf, ks_str(chain->hash, sizeof(chain->hash)));
    ks_buf_u64(buf, chain->stored);
    ks_buf_u64(buf, chain->read);
    ks_buf_byte(buf, (uint8_t)chain->gone_count);
    for (size_t i = 0; i < chain->gone_count; i++) {
        ks_buf_u64(buf, chain->gone[i].from);
        ks_buf_u64(buf, chain->gone[i].to);
        ks_buf_add(buf, ks_str(chain->gone[i].hash, sizeof(chain->gone[i].hash)));
    }
}

static void write_state(const struct ks_archive_state *state, struct ks_buf *buf)
{
    ks_buf_byte(buf, FORM);
    ks_buf_byte(buf, KS_ARCHIVE_STATE);
    ks_buf_u64(buf, (uint64_t)state->time_ms);
    ks_buf_u16(buf, state->part);
    ks_buf_u16(buf, state->parts);
    ks_buf_u64(buf, state->ring_v);
    ks_buf_add(buf, ks_str(state->ring_hash, sizeof(state->ring_hash)));
    ks_buf_u64(buf, state->log_size);
    ks_buf_add(buf, ks_str(state->log_root, sizeof(state->log_root)));
    ks_buf_u16(buf, (uint16_t)state->chain_count);
    for (size_t i = 0; i < state->chain_count; i++)
        write_chain(&state->chains[i], buf);
    ks_buf_u16(buf, (uint16_t)state->room_count);
    for (size_t i = 0; i < state->room_count; i++) {
        ks_buf_field(buf, state->rooms[i].room);
        ks_buf_u64(buf, state->rooms[i].v);
        ks_buf_add(buf, ks_str(state->rooms[i].hash, sizeof(state->rooms[i].hash)));
    }
}

static enum ks_err read_gone(struct ks_arena *arena, struct ks_cursor *at, struct ks_archive_chain *chain)
{
    uint64_t before = chain->base; /* which is not gone itself */
    uint8_t count;
    enum ks_err err;

    if ((err = ks_cursor_u8(at, &count)) != KS_OK)
        return err;
    if (count > KS_CHAIN_GAPS_MAX)
        return KS_ESYNTAX;
    if (count && !(chain->gone = ks_arena_zero(arena, count * sizeof(*chain->gone))))
        return no_room(arena, count * sizeof(*chain->gone));
    for (size_t i = 0; i < count; i++) {
        struct ks_archive_gone *gone = &chain->gone[i];

        if ((err = ks_cursor_u64(at, &gone->from)) != KS_OK || (err = ks_cursor_u64(at, &gone->to)) != KS_OK
            || (err = read_bytes(at, gone->hash, sizeof(gone->hash))) != KS_OK)
            return err;
        if (gone->from <= before || (i && gone->from == before + 1) || gone->from > gone->to || gone->to > chain->top
            || (gone->to == chain->top && memcmp(gone->hash, chain->hash, sizeof(chain->hash)) != 0))
            return KS_ESYNTAX;
        before = gone->to;
    }
    chain->gone_count = count;
    return KS_OK;
}

static enum ks_err read_chain(struct ks_arena *arena, struct ks_cursor *at, struct ks_archive_chain *chain)
{
    enum ks_err err;

    if ((err = read_name(at, &chain->conv)) != KS_OK || (err = read_name(at, &chain->author)) != KS_OK
        || (err = ks_cursor_u32(at, &chain->device)) != KS_OK || (err = ks_cursor_u64(at, &chain->epoch)) != KS_OK
        || (err = ks_cursor_u64(at, &chain->base)) != KS_OK || (err = read_number(at, NUMBER_MAX, &chain->top)) != KS_OK
        || (err = read_bytes(at, chain->hash, sizeof(chain->hash))) != KS_OK
        || (err = read_number(at, chain->top, &chain->stored)) != KS_OK
        || (err = read_number(at, chain->top, &chain->read)) != KS_OK)
        return err;
    if (!chain->device || chain->device > DEVICE_MAX || !chain->base || chain->base > chain->top)
        return KS_ESYNTAX;
    return read_gone(arena, at, chain);
}

static int chain_cmp(const struct ks_archive_chain *a, const struct ks_archive_chain *b)
{
    int cmp = ks_str_cmp(a->conv, b->conv);

    if (!cmp)
        cmp = ks_str_cmp(a->author, b->author);
    if (!cmp)
        cmp = a->device < b->device ? -1 : a->device > b->device;
    if (!cmp)
        cmp = a->epoch < b->epoch ? -1 : a->epoch > b->epoch;
    return cmp;
}

static enum ks_err read_chains(struct ks_arena *arena, struct ks_cursor *at, struct ks_archive_state *state)
{
    uint16_t count;
    enum ks_err err;

    if ((err = ks_cursor_u16(at, &count)) != KS_OK)
        return err;
    if (count > KS_ARCHIVE_CHAINS_MAX)
        return KS_ESYNTAX;
    if (count && !(state->chains = ks_arena_zero(arena, count * sizeof(*state->chains))))
        return no_room(arena, count * sizeof(*state->chains));
    for (size_t i = 0; i < count; i++) {
        if ((err = read_chain(arena, at, &state->chains[i])) != KS_OK)
            return err;
        if (i && chain_cmp(&state->chains[i - 1], &state->chains[i]) >= 0)
            return KS_ESYNTAX;
    }
    state->chain_count = count;
    return KS_OK;
}

static enum ks_err read_rooms(struct ks_arena *arena, struct ks_cursor *at, struct ks_archive_state *state)
{
    uint16_t count;
    enum ks_err err;

    if ((err = ks_cursor_u16(at, &count)) != KS_OK)
        return err;
    if (count > KS_ARCHIVE_ROOMS_MAX)
        return KS_ESYNTAX;
    if (count && !(state->rooms = ks_arena_zero(arena, count * sizeof(*state->rooms))))
        return no_room(arena, count * sizeof(*state->rooms));
    for (size_t i = 0; i < count; i++) {
        struct ks_archive_room *room = &state->rooms[i];

        if ((err = read_name(at, &room->room)) != KS_OK || (err = read_number(at, NUMBER_MAX, &room->v)) != KS_OK
            || (err = read_bytes(at, room->hash, sizeof(room->hash))) != KS_OK)
            return err;
        if (i && ks_str_cmp(state->rooms[i - 1].room, room->room) >= 0)
            return KS_ESYNTAX;
    }
    state->room_count = count;
    return KS_OK;
}

static enum ks_err read_state(
    struct ks_arena *arena, struct ks_str account, struct ks_cursor *at, struct ks_archive_body *body)
{
    struct ks_archive_state *state = &body->state;
    enum ks_err err;

    if ((err = read_time(at, &state->time_ms)) != KS_OK || (err = ks_cursor_u16(at, &state->part)) != KS_OK
        || (err = ks_cursor_u16(at, &state->parts)) != KS_OK
        || (err = read_number(at, NUMBER_MAX, &state->ring_v)) != KS_OK
        || (err = read_bytes(at, state->ring_hash, sizeof(state->ring_hash))) != KS_OK
        || (err = read_number(at, NUMBER_MAX, &state->log_size)) != KS_OK
        || (err = read_bytes(at, state->log_root, sizeof(state->log_root))) != KS_OK
        || (err = read_chains(arena, at, state)) != KS_OK || (err = read_rooms(arena, at, state)) != KS_OK)
        return err;
    if (!state->part || state->part > state->parts || state->parts > KS_ARCHIVE_PARTS_MAX)
        return KS_ESYNTAX;
    body->name = (struct ks_archive_name) { account, account, 0, KS_STR_EMPTY, state->part, KS_ARCHIVE_STATE };
    return epoch_text(arena, (uint64_t)state->time_ms, &body->name.ep);
}

/* --- certificates --- */

static void write_certificates(const struct ks_archive_certificates *certificates, struct ks_buf *buf)
{
    ks_buf_byte(buf, FORM);
    ks_buf_byte(buf, KS_ARCHIVE_CERTIFICATES);
    ks_buf_u64(buf, (uint64_t)certificates->time_ms);
    ks_buf_byte(buf, (uint8_t)certificates->count);
    for (size_t i = 0; i < certificates->count; i++)
        ks_buf_field(buf, certificates->chain[i]);
}

static enum ks_err read_certificates(
    struct ks_arena *arena, struct ks_str account, struct ks_cursor *at, struct ks_archive_body *body)
{
    struct ks_archive_certificates *certificates = &body->certificates;
    uint8_t count, hash[32];
    struct ks_buf hex;
    enum ks_err err;

    if ((err = read_time(at, &certificates->time_ms)) != KS_OK || (err = ks_cursor_u8(at, &count)) != KS_OK)
        return err;
    if (!count || count > KS_ARCHIVE_CHAIN_MAX)
        return KS_ESYNTAX;
    certificates->count = count;
    for (size_t i = 0; i < count; i++) {
        struct ks_str *der = &certificates->chain[i];

        if ((err = ks_cursor_field(at, der)) != KS_OK)
            return err;
        if (!der->len || der->len > KS_ARCHIVE_CERT_MAX)
            return KS_ESYNTAX;
    }
    ks_hash(KS_SHA256, certificates->chain[0], hash);
    body->name = (struct ks_archive_name) { account, account, 0, KS_STR_EMPTY, 0, KS_ARCHIVE_CERTIFICATES };
    ks_buf_init(&hex, 2 * sizeof(hash));
    ks_hex_add(&hex, ks_str(hash, sizeof(hash)));
    if ((err = ks_buf_err(&hex)) == KS_OK)
        err = ks_arena_copy(arena, ks_buf_str(&hex), &body->name.ep);
    ks_buf_done(&hex);
    return err;
}

/* --- reading --- */

static enum ks_err read_content(
    struct ks_arena *arena, struct ks_str account, struct ks_cursor *at, struct ks_archive_body *body)
{
    if (body->kind == KS_ARCHIVE_STATE)
        return read_state(arena, account, at, body);
    if (body->kind == KS_ARCHIVE_CERTIFICATES)
        return read_certificates(arena, account, at, body);
    return read_message(arena, account, at, body);
}

enum ks_err ks_archive_body_read(
    struct ks_arena *arena, struct ks_str account, struct ks_str bytes, struct ks_archive_body *ret_body)
{
    struct ks_archive_body body = { .bytes = bytes };
    struct ks_cursor at, tail;
    uint8_t form, kind;
    enum ks_err err;

    if (bytes.len > KS_ARCHIVE_BODY_MAX)
        return KS_ELIMIT;
    if (!bytes.len)
        return KS_ESYNTAX;
    if ((uint8_t)bytes.ptr[0] > FORM)
        return KS_EVERSION;
    if (bytes.len < TAIL)
        return KS_ESYNTAX;
    at = ks_cursor(ks_str_head(bytes, bytes.len - TAIL));
    tail = ks_cursor(ks_str_from(bytes, bytes.len - TAIL));
    if ((err = ks_cursor_u8(&at, &form)) != KS_OK || (err = ks_cursor_u8(&at, &kind)) != KS_OK
        || (err = ks_cursor_u32(&tail, &body.writer.device)) != KS_OK
        || (err = read_bytes(&tail, body.writer.cert, sizeof(body.writer.cert))) != KS_OK)
        return err;
    if (form != FORM || kind < KS_ARCHIVE_NUMBERED || kind > KS_ARCHIVE_CERTIFICATES || !body.writer.device
        || body.writer.device > DEVICE_MAX)
        return KS_ESYNTAX;
    body.kind = (enum ks_archive_kind)kind;
    if ((err = read_content(arena, account, &at, &body)) != KS_OK)
        return err;
    if (!ks_cursor_done(&at))
        return KS_ESYNTAX;
    if (kind == KS_ARCHIVE_STATE)
        body.name.device = body.writer.device;
    *ret_body = body;
    return KS_OK;
}

/* By which its week is found: what the account sent is of that in which its device sent it; else konsild's stamp
 * decides (§17.2). */
static int64_t time_of(struct ks_str account, const struct ks_archive_body *body)
{
    if (body->kind == KS_ARCHIVE_STATE)
        return body->state.time_ms;
    if (body->kind == KS_ARCHIVE_CERTIFICATES)
        return body->certificates.time_ms;
    return ks_str_eq(body->name.author, account) ? body->message.time_ms : body->message.stamp_ms;
}

static bool is_of_week(const struct ks_archive_place *place, const struct ks_archive_body *body)
{
    const struct ks_archive_period *period = &place->header.period;
    struct ks_archive_period week;

    return ks_archive_period_of(period->class, time_of(place->account, body) / 1000, &week) == KS_OK
        && week.start == period->start;
}

enum ks_err ks_archive_body_fits(const struct ks_archive_place *place, const struct ks_archive_body *body)
{
    uint8_t rid[KS_ARCHIVE_RID_LEN];
    enum ks_err err;

    if (!is_of_week(place, body))
        return KS_ECRYPTO;
    if ((err = ks_archive_rid(place->period_key, &body->name, rid)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_ECRYPTO;
    return ks_crypto_eq(ks_str(rid, sizeof(rid)), ks_str(place->header.rid, sizeof(rid))) ? KS_OK : KS_ECRYPTO;
}

/* SHA-256(purpose || field(account) || u8 class || u32 start || u16 sub || rid || the body before its signature) */
static enum ks_err digest_of(const struct ks_archive_place *place, struct ks_str unsigned_body, uint8_t ret_digest[32])
{
    struct ks_str parts[2];
    struct ks_buf front;
    enum ks_err err;

    ks_buf_init(&front, PLACE_MAX);
    ks_buf_add(&front, PURPOSE);
    ks_buf_field(&front, place->account);
    ks_buf_byte(&front, (uint8_t)place->header.period.class);
    ks_buf_u32(&front, place->header.period.start);
    ks_buf_u16(&front, place->header.period.sub);
    ks_buf_add(&front, ks_str(place->header.rid, sizeof(place->header.rid)));
    if ((err = ks_buf_err(&front)) == KS_OK) {
        parts[0] = ks_buf_str(&front);
        parts[1] = unsigned_body;
        ks_hash_parts(KS_SHA256, parts, KS_COUNT(parts), ret_digest);
    }
    ks_buf_done(&front);
    return err;
}

enum ks_err ks_archive_body_signed(const struct ks_archive_place *place, const struct ks_archive_body *body,
    const uint8_t signing_key[KS_P256_PUBLIC_LEN])
{
    size_t before = body->bytes.len - KS_P256_SIGNATURE_LEN;
    uint8_t digest[32];
    enum ks_err err = digest_of(place, ks_str_head(body->bytes, before), digest);

    return err == KS_OK ? ks_p256_verify(signing_key, digest, (const uint8_t *)body->bytes.ptr + before) : err;
}

bool ks_archive_expects(const struct ks_archive_chain *chain, uint64_t n)
{
    for (size_t i = 0; i < chain->gone_count; i++)
        if (n >= chain->gone[i].from && n <= chain->gone[i].to)
            return false;
    return n >= chain->base && n <= chain->top;
}

/* --- writing --- */

/* Signs what was written into bytes for the place that it has, after reading it as anybody will. */
static enum ks_err finish(struct ks_arena *arena, const struct ks_archive_writer *writer,
    const uint8_t signing_key[KS_P256_PRIVATE_LEN], struct ks_archive_place *place, struct ks_buf *bytes)
{
    static const uint8_t unsigned_yet[KS_P256_SIGNATURE_LEN];
    struct ks_archive_body body;
    uint8_t digest[32];
    size_t before;
    enum ks_err err;

    ks_buf_u32(bytes, writer->device);
    ks_buf_add(bytes, ks_str(writer->cert, sizeof(writer->cert)));
    before = bytes->len;
    ks_buf_add(bytes, ks_str(unsigned_yet, sizeof(unsigned_yet)));
    if ((err = ks_buf_err(bytes)) != KS_OK
        || (err = ks_archive_body_read(arena, place->account, ks_buf_str(bytes), &body)) != KS_OK
        || (err = ks_archive_rid(place->period_key, &body.name, place->header.rid)) != KS_OK
        || (err = ks_archive_body_fits(place, &body)) != KS_OK
        || (err = digest_of(place, ks_str_head(ks_buf_str(bytes), before), digest)) != KS_OK)
        return err;
    ks_p256_sign(signing_key, digest, (uint8_t *)bytes->ptr + before);
    return KS_OK;
}

enum ks_err ks_archive_message_write(struct ks_arena *arena, const struct ks_archive_message *message,
    const struct ks_archive_writer *writer, const uint8_t signing_key[KS_P256_PRIVATE_LEN],
    struct ks_archive_place *place, struct ks_buf *buf)
{
    struct ks_archive_message own = *message;
    struct ks_archive_name name;
    struct ks_buf bytes;
    enum ks_err err = understand(arena, place->account, KS_ARCHIVE_NUMBERED, &own, &name);
    enum ks_archive_kind kind = err == KS_OK ? KS_ARCHIVE_NUMBERED : KS_ARCHIVE_UNNUMBERED;

    if (err == KS_ENOMEM)
        return err;
    ks_buf_init_secret(&bytes, KS_ARCHIVE_BODY_MAX);
    write_message(message, kind, &bytes);
    if ((err = finish(arena, writer, signing_key, place, &bytes)) == KS_OK)
        ks_buf_add(buf, ks_buf_str(&bytes));
    ks_buf_done(&bytes);
    return err;
}

enum ks_err ks_archive_state_write(struct ks_arena *arena, const struct ks_archive_state *state,
    const struct ks_archive_writer *writer, const uint8_t signing_key[KS_P256_PRIVATE_LEN],
    struct ks_archive_place *place, struct ks_buf *buf)
{
    struct ks_buf bytes;
    enum ks_err err;

    ks_buf_init_secret(&bytes, KS_ARCHIVE_BODY_MAX);
    write_state(state, &bytes);
    if ((err = finish(arena, writer, signing_key, place, &bytes)) == KS_OK)
        ks_buf_add(buf, ks_buf_str(&bytes));
    ks_buf_done(&bytes);
    return err;
}

enum ks_err ks_archive_certificates_write(struct ks_arena *arena, const struct ks_archive_certificates *certificates,
    const struct ks_archive_writer *writer, const uint8_t signing_key[KS_P256_PRIVATE_LEN],
    struct ks_archive_place *place, struct ks_buf *buf)
{
    struct ks_buf bytes;
    enum ks_err err;

    assert(certificates->count <= KS_ARCHIVE_CHAIN_MAX);
    ks_buf_init_secret(&bytes, KS_ARCHIVE_BODY_MAX);
    write_certificates(certificates, &bytes);
    if ((err = finish(arena, writer, signing_key, place, &bytes)) == KS_OK)
        ks_buf_add(buf, ks_buf_str(&bytes));
    ks_buf_done(&bytes);
    return err;
}
