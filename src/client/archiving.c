/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "archiving.h"

#include <stdio.h>

#include "archive_body.h"
#include "chain.h"
#include "enc.h"
#include "engine.h"
#include "history.h"
#include "inbox.h"
#include "outbox_record.h"
#include "peers.h"
#include "restore.h"

#define VERSION 1
#define META_NEXT "archive next"
#define META_CHAIN "archive chain" /* the certificate whose record was written, in which class, for which week */
#define PUT_MAX 32                 /* records of one put: in one step, so that nobody waits */
#define PUT_BYTES_MAX 327680
#define ROW_BYTES_MAX (KS_SCE_MAX + 16384)
#define DAY_S 86400
#define ROWS_COUNTED 10000

/* --- rows --- */

/* How a message with a number is called (§17.3). */
static void name_number(struct ks_archive_name *name, uint32_t device, uint64_t epoch, uint64_t n, char ep[17])
{
    snprintf(ep, 17, "%016llx", (unsigned long long)epoch);
    name->ep = ks_str_z(ep);
    name->device = device;
    name->n = n;
    name->kind = KS_ARCHIVE_NUMBERED;
}

struct row {
    uint64_t seq;
    uint8_t class;
    int64_t week_s; /* a time in its week */
    struct ks_archive_message message;
};

static struct ks_str row_key(char kind, uint64_t seq, char key[9])
{
    key[0] = kind;
    for (int i = 0; i < 8; i++)
        key[1 + i] = (char)(seq >> (56 - 8 * i));
    return ks_str(key, 9);
}

static void row_write(const struct row *row, struct ks_buf *buf)
{
    const struct ks_archive_message *message = &row->message;

    ks_buf_byte(buf, VERSION);
    ks_buf_byte(buf, row->class);
    ks_buf_u64(buf, (uint64_t)row->week_s);
    ks_buf_byte(buf, (uint8_t)message->how);
    ks_buf_byte(buf, (uint8_t)message->trust);
    ks_buf_add(buf, ks_str((const char *)message->by, sizeof message->by));
    ks_buf_u64(buf, (uint64_t)message->stamp_ms);
    ks_buf_u64(buf, (uint64_t)message->time_ms);
    ks_buf_field(buf, message->name.conv);
    ks_buf_field(buf, message->name.author);
    ks_buf_field(buf, message->name.ep);
    ks_buf_u32(buf, message->name.device);
    ks_buf_u64(buf, message->name.n);
    ks_buf_byte(buf, message->name.kind);
    ks_buf_field(buf, message->envelope);
}

static enum ks_err row_read(struct ks_str record, struct row *row)
{
    struct ks_archive_message *message = &row->message;
    struct ks_cursor at = ks_cursor(record);
    uint64_t week, stamp, time;
    uint8_t version, how, trust;
    struct ks_str by;

    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    *message = (struct ks_archive_message) { .read = false };
    if (ks_cursor_u8(&at, &row->class) != KS_OK || ks_cursor_u64(&at, &week) != KS_OK
        || ks_cursor_u8(&at, &how) != KS_OK || ks_cursor_u8(&at, &trust) != KS_OK
        || ks_cursor_take(&at, sizeof message->by, &by) != KS_OK || ks_cursor_u64(&at, &stamp) != KS_OK
        || ks_cursor_u64(&at, &time) != KS_OK || ks_cursor_field(&at, &message->name.conv) != KS_OK
        || ks_cursor_field(&at, &message->name.author) != KS_OK || ks_cursor_field(&at, &message->name.ep) != KS_OK
        || ks_cursor_u32(&at, &message->name.device) != KS_OK || ks_cursor_u64(&at, &message->name.n) != KS_OK
        || ks_cursor_u8(&at, &message->name.kind) != KS_OK || ks_cursor_field(&at, &message->envelope) != KS_OK)
        return KS_ESTORE;
    row->week_s = (int64_t)week;
    message->how = (enum ks_archive_how)how;
    message->trust = (enum ks_archive_trust)trust;
    memcpy(message->by, by.ptr, by.len);
    message->stamp_ms = (int64_t)stamp;
    message->time_ms = (int64_t)time;
    return KS_OK;
}

static enum ks_err row_add(struct konsil *k, char kind, const struct row *row)
{
    struct ks_buf record;
    char key[9];
    enum ks_err err;

    ks_buf_init_secret(&record, ROW_BYTES_MAX);
    row_write(row, &record);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_ARCHIVE, row_key(kind, k->archive.next, key), ks_buf_str(&record));
    ks_buf_done(&record);
    if (err == KS_OK)
        err = ks_meta_put_u64(k, META_NEXT, ++k->archive.next);
    ks_archive_wake(k);
    return err;
}

static enum ks_err row_drop(struct konsil *k, char kind, uint64_t seq)
{
    char key[9];

    return k->store->ops->del(k->store, KS_T_ARCHIVE, row_key(kind, seq, key));
}

struct rows {
    struct konsil *k;
    uint64_t seqs[ROWS_COUNTED];
    size_t count, max;
};

static bool note_row(void *user, struct ks_str key, struct ks_str value)
{
    struct rows *rows = user;
    struct ks_cursor at = ks_cursor(ks_str_from(key, 1));

    (void)value;
    return rows->count < rows->max && ks_cursor_u64(&at, &rows->seqs[rows->count++]) == KS_OK;
}

/* The oldest rows of a kind; *ret_rows belongs to the step. */
static enum ks_err rows_list(struct konsil *k, char kind, size_t max, struct rows **ret_rows)
{
    struct rows *rows = KS_NEW(&k->arena, struct rows);

    if (!(*ret_rows = rows))
        return KS_ENOMEM;
    rows->max = max;
    return k->store->ops->scan(k->store, KS_T_ARCHIVE, ks_str(&kind, 1), KS_STR_EMPTY, false, note_row, rows);
}

static enum ks_err row_get(struct konsil *k, char kind, uint64_t seq, struct row *ret_row)
{
    struct ks_str record;
    char key[9];
    enum ks_err err = ks_store_get(k, KS_T_ARCHIVE, row_key(kind, seq, key), &record);

    ret_row->seq = seq;
    return err == KS_OK ? row_read(record, ret_row) : err;
}

enum ks_err ks_archive_waiting(struct konsil *k, size_t *ret_count)
{
    struct rows *rows;
    enum ks_err err = rows_list(k, 'q', ROWS_COUNTED, &rows);

    *ret_count = err == KS_OK ? rows->count : 0;
    return err;
}

enum ks_err ks_archive_load(struct konsil *k)
{
    enum ks_err err = ks_meta_get_u64(k, META_NEXT, &k->archive.next);

    k->archive.next = err == KS_OK ? k->archive.next : 1;
    return err == KS_ENOTFOUND ? KS_OK : err;
}

/* --- what is to be archived --- */

/* As long as the hospital and the room's server keep it; nobody said anything: for the longest time. false: so short
 * that no period has it. */
static enum ks_err class_of(struct konsil *k, struct ks_str conversation, uint8_t *ret_class, bool *ret_kept)
{
    enum ks_archive_class class = KS_ARCHIVE_10_YEARS;
    int64_t all, room, days;
    enum ks_err err = ks_lifetime_days(k, KS_STR_EMPTY, &all);

    if (err != KS_OK || (err = ks_lifetime_days(k, conversation, &room)) != KS_OK)
        return err;
    days = all && room ? (all < room ? all : room) : all ? all : room;
    *ret_kept = !days || ks_archive_class_of((uint64_t)days * DAY_S, &class);
    *ret_class = (uint8_t) class;
    return KS_OK;
}

static enum ks_err verdict_of(
    struct konsil *k, struct ks_str from, const struct ks_omemo_opened *opened, struct ks_archive_message *message)
{
    struct ks_cert cert;
    enum ks_genuine genuine;
    enum ks_err err = ks_certs_genuine(k, from, opened->device, opened->identity, &genuine);

    if (err == KS_OK && genuine == KS_GENUINE && (err = ks_cert_get(k, from, opened->device, &cert)) == KS_OK) {
        message->trust = KS_ARCHIVE_CERTIFIED;
        memcpy(message->by, cert.hash, sizeof message->by);
        return KS_OK;
    }
    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    message->trust = opened->trust == KS_TRUST_VERIFIED ? KS_ARCHIVE_CONFIRMED
        : opened->trust == KS_TRUST_FIRST               ? KS_ARCHIVE_FIRST_USE
                                                        : KS_ARCHIVE_UNDECIDED;
    memcpy(message->by, opened->identity, sizeof message->by);
    return KS_OK;
}

/* Of what came without an envelope: one that says the same. */
static enum ks_err envelope_of(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content,
    int64_t time_ms, struct ks_str *ret_envelope)
{
    struct ks_sce sce = {
        .content = ks_sce_content(&k->arena), .has_time = true, .wall_ms = time_ms, .from = in->from, .to = in->to
    };
    struct ks_buf buf;
    enum ks_err err;

    if (!ks_xml_put_text(&k->arena, ks_xml_add(&k->arena, sce.content, NS_CLIENT, "body"), content->body))
        return KS_ENOMEM;
    ks_buf_init_secret(&buf, KS_SCE_MAX);
    if ((err = ks_sce_write(&sce, &k->prng, &buf)) == KS_OK && (err = ks_buf_err(&buf)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&buf), ret_envelope);
    ks_buf_done(&buf);
    return err;
}

static bool is_to_be_kept(const struct ks_content *content)
{
    return content->k.number || content->says == KS_SAYS_TEXT || content->says == KS_SAYS_EDIT
        || content->says == KS_SAYS_RETRACT || content->says == KS_SAYS_REACTIONS;
}

enum ks_err ks_archive_taken(
    struct konsil *k, const struct ks_inbound *in, const struct ks_content *content, int64_t time_ms)
{
    struct row row = { .week_s = (in->mine ? time_ms : in->stamp_ms) / 1000,
        .message = { .how = in->opened.version == KS_OMEMO_2 ? KS_ARCHIVE_OMEMO2 : KS_ARCHIVE_OMEMO1,
            .stamp_ms = in->stamp_ms,
            .time_ms = time_ms,
            .envelope = in->envelope,
            .name = { .conv = in->peer, .author = in->from, .ep = in->id } } };
    bool kept;
    enum ks_err err;

    if (!ks_enrolled(k) || in->restored || !is_to_be_kept(content))
        return KS_OK;
    if ((err = class_of(k, in->peer, &row.class, &kept)) != KS_OK || !kept
        || (err = verdict_of(k, in->from, &in->opened, &row.message)) != KS_OK)
        return err;
    if (!row.message.envelope.len && (err = envelope_of(k, in, content, time_ms, &row.message.envelope)) != KS_OK)
        return err == KS_ELIMIT ? KS_OK : err;
    return row_add(k, 'q', &row);
}

enum ks_err ks_archive_sent(struct konsil *k, const struct ks_out *out)
{
    struct row row = { .week_s = out->made_ms / 1000,
        .message = { .how = KS_ARCHIVE_OMEMO2,
            .trust = KS_ARCHIVE_CERTIFIED,
            .time_ms = out->made_ms,
            .name = { .conv = out->conversation, .author = ks_own(k), .ep = out->id } } };
    bool kept;
    enum ks_err err;

    if (!ks_enrolled(k) || !out->number || ks_str_eq(out->conversation, ks_own(k)))
        return KS_OK;
    memcpy(row.message.by, k->enrolment.hash, sizeof row.message.by);
    if ((err = class_of(k, out->conversation, &row.class, &kept)) != KS_OK || !kept
        || (err = ks_out_get_row(k, 'e', out->seq, &row.message.envelope)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err; /* taken back already */
    return row_add(k, 'q', &row);
}

/* --- what is to go --- */

/* One that waits does not leave any more. */
static enum ks_err forget_waiting(struct konsil *k, const struct ks_message *message)
{
    struct rows *rows;
    struct row row;
    enum ks_err err = rows_list(k, 'q', ROWS_COUNTED, &rows);

    for (size_t i = 0; err == KS_OK && i < rows->count; i++) {
        struct ks_content content;
        struct ks_sce sce;

        if ((err = row_get(k, 'q', rows->seqs[i], &row)) != KS_OK)
            return err;
        if (!ks_str_eq(row.message.name.conv, message->conversation)
            || !ks_str_eq(row.message.name.author, message->author))
            continue;
        if (ks_sce_read(&k->arena, row.message.envelope, &sce) == KS_OK
            && ks_content_read(&k->arena, sce.content, &content) == KS_OK
            && (message->number ? content.k.number == message->number && content.k.epoch == message->epoch
                                : !content.k.number && ks_str_eq(row.message.name.ep, message->id)))
            err = row_drop(k, 'q', row.seq);
    }
    return err;
}

enum ks_err ks_archive_forget(struct konsil *k, const struct ks_message *message)
{
    bool mine = message->flags & KS_MSG_MINE;
    struct row row = { .week_s = (mine ? message->time_ms : message->stamp_ms) / 1000,
        .message.name = { .conv = message->conversation,
            .author = message->author,
            .ep = message->id,
            .kind = KS_ARCHIVE_UNNUMBERED } };
    char ep[17];
    enum ks_err err;

    if (!ks_enrolled(k))
        return KS_OK;
    if ((err = forget_waiting(k, message)) != KS_OK)
        return err;
    if (message->number)
        name_number(&row.message.name, message->device, message->epoch, message->number, ep);
    return row_add(k, 'x', &row);
}

/* --- sending --- */

struct batch {
    struct ks_ring ring;
    struct ks_xml *xml;
    size_t count, bytes;
    uint64_t seqs[PUT_MAX + 1]; /* 0: of no row */
    bool more, wants;           /* rows are left; for some the ring has no key yet */
};

static enum ks_err attr_base64(struct konsil *k, struct ks_xml *xml, const char *name, const uint8_t *bytes, size_t len)
{
    struct ks_str text;
    enum ks_err err = ks_base64(&k->arena, ks_str((const char *)bytes, len), &text);

    if (err != KS_OK)
        return err;
    return ks_xml_set(&k->arena, xml, name, text) ? KS_OK : KS_ENOMEM;
}

/* The period that a row's record is sealed for. KS_ENOTFOUND: the ring has no key for it, and one was asked for;
 * KS_ELIMIT: it is over, or no period's. */
static enum ks_err place_of(struct konsil *k, struct batch *batch, uint8_t class, int64_t week_s,
    struct ks_archive_place *place, uint8_t key[KS_ARCHIVE_KEY_LEN])
{
    struct ks_archive_period period;
    enum ks_err err;

    if (k->archive.class_max && class > k->archive.class_max)
        class = (uint8_t)k->archive.class_max;
    if ((err = ks_archive_period_of((enum ks_archive_class) class, week_s, &period)) != KS_OK)
        return err;
    if (ks_archive_period_end(&period) * 1000 <= k->now.wall_ms)
        return KS_ELIMIT;
    *place = (struct ks_archive_place) { .account = ks_own(k), .period_key = key, .header.period = period };
    if (!ks_ring_newest(&batch->ring, period.class, period.start, &place->header.period)) {
        ks_ring_want(k, &period);
        batch->wants = true;
        return KS_ENOTFOUND;
    }
    return ks_ring_key(&batch->ring, &k->ring.secret, &place->header.period, key);
}

static enum ks_err add_record(
    struct konsil *k, struct batch *batch, const struct ks_archive_place *place, struct ks_str body, uint64_t seq)
{
    struct ks_xml *r = ks_xml_add(&k->arena, batch->xml, NS_KONSIL_ARCHIVE, "r");
    uint8_t salt[KS_ARCHIVE_SALT_LEN];
    struct ks_buf record;
    struct ks_str text;
    enum ks_err err;

    ks_buf_init(&record, KS_ARCHIVE_RECORD_MAX);
    if ((err = ks_archive_seal(&k->prng, place->period_key, place->account, &place->header, body, salt, &record))
            == KS_OK
        && (err = ks_buf_err(&record)) == KS_OK && (err = ks_base64(&k->arena, ks_buf_str(&record), &text)) == KS_OK
        && (err = attr_base64(k, r, "rid", place->header.rid, sizeof place->header.rid)) == KS_OK
        && (err = attr_base64(k, r, "salt", salt, sizeof salt)) == KS_OK)
        err = ks_xml_set_u64(&k->arena, r, "until", (uint64_t)ks_archive_period_end(&place->header.period))
                && ks_xml_put_text(&k->arena, r, text)
            ? KS_OK
            : KS_ENOMEM;
    batch->bytes += record.len;
    batch->seqs[batch->count++] = seq;
    ks_buf_done(&record);
    return err;
}

static struct ks_archive_writer ourselves(const struct konsil *k)
{
    struct ks_archive_writer writer = { .device = ks_omemo_device(k->omemo) };

    memcpy(writer.cert, k->enrolment.hash, sizeof writer.cert);
    return writer;
}

/* Our own chain, before the first record of each class that is longer than those before, and again in the last week of
 * its period: without it nobody could tell later who wrote. */
static enum ks_err add_chain(struct konsil *k, struct batch *batch, uint8_t class)
{
    struct ks_archive_certificates chain = { .time_ms = k->now.wall_ms };
    const struct ks_archive_writer writer = ourselves(k);
    struct ks_archive_place place;
    uint8_t key[KS_ARCHIVE_KEY_LEN];
    struct ks_buf body, note;
    struct ks_str before;
    enum ks_err err = ks_meta_get(k, META_CHAIN, &before);

    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (k->archive.class_max && class > k->archive.class_max)
        class = (uint8_t)k->archive.class_max;
    if (err == KS_OK && before.len == 41 && memcmp(before.ptr, k->enrolment.hash, 32) == 0
        && (uint8_t)before.ptr[32] >= class) {
        struct ks_cursor at = ks_cursor(ks_str_from(before, 33));
        uint64_t end;

        if (ks_cursor_u64(&at, &end) == KS_OK && k->now.wall_ms / 1000 < (int64_t)end - KS_ARCHIVE_WEEK_S)
            return KS_OK;
    }
    if ((err = ks_enrolment_chain(k, chain.chain, &chain.count)) != KS_OK
        || (err = place_of(k, batch, class, k->now.wall_ms / 1000, &place, key)) != KS_OK)
        return err;
    ks_buf_init(&body, KS_ARCHIVE_BODY_MAX);
    err = ks_archive_certificates_write(&k->arena, &chain, &writer, k->device_key.secret, &place, &body);
    if (err == KS_OK)
        err = add_record(k, batch, &place, ks_buf_str(&body), 0);
    ks_wipe(key, sizeof key);
    ks_buf_done(&body);
    if (err != KS_OK)
        return err;
    ks_buf_init(&note, sizeof k->archive.chain);
    ks_buf_add(&note, ks_str((const char *)k->enrolment.hash, 32));
    ks_buf_byte(&note, class);
    ks_buf_u64(&note, (uint64_t)ks_archive_period_end(&place.header.period));
    if ((err = ks_buf_err(&note)) == KS_OK) {
        memcpy(k->archive.chain, note.ptr, note.len);
        k->archive.chain_len = note.len;
    }
    ks_buf_done(&note);
    return err;
}

/* Packs what an answer will be about. */
static enum ks_err send_batch(struct konsil *k, const struct batch *batch, const char *type, ks_iq_done_fn *done)
{
    struct ks_str seqs = ks_str((const char *)batch->seqs, batch->count * sizeof batch->seqs[0]);
    enum ks_err err = ks_iq_send(k, type, KS_STR_EMPTY, batch->xml, done, seqs, batch->count);

    k->archive.busy = err == KS_OK;
    return err == KS_EAGAIN ? KS_OK : err;
}

static uint64_t seq_of(const struct ks_iq *iq, size_t i)
{
    uint64_t seq;

    memcpy(&seq, iq->text.ptr + i * sizeof seq, sizeof seq);
    return seq;
}

static void later(struct konsil *k)
{
    k->wait_ms[KS_WAIT_ARCHIVE] = k->now.mono_ms + KS_ARCHIVE_AGAIN_MS;
}

/* konsild did not take it. */
static enum ks_err put_failed(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *error = ks_xml_child(answer->xml, NS_CLIENT, "error");
    unsigned class = k->archive.class_max ? k->archive.class_max : KS_ARCHIVE_10_YEARS;
    enum ks_err err = KS_OK;

    if (ks_xml_child(error, NS_KONSIL_ARCHIVE, "until") && class > KS_ARCHIVE_7_DAYS) {
        k->archive.class_max = class - 1; /* so long it keeps nothing */
        ks_archive_wake(k);
        return KS_OK;
    }
    ks_log(k->log, KS_WARNING, "client.archive.put", KS_OURS("condition", ks_iq_condition(answer)));
    later(k);
    if (ks_xml_child(error, NS_KONSIL_ARCHIVE, "quota"))
        return ks_tell_warning(k, KS_CODE_ARCHIVE_FULL, ks_own(k));
    if (strcmp(ks_iq_condition(answer), "bad-request") == 0 || strcmp(ks_iq_condition(answer), "policy-violation") == 0)
        for (size_t i = 0; err == KS_OK && i < iq->number; i++)
            err = row_drop(k, 'q', seq_of(iq, i)); /* never will it */
    return err;
}

static enum ks_err on_stored(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    enum ks_err err = KS_OK;

    k->archive.busy = false;
    if (!ks_iq_ok(answer)) {
        k->archive.chain_len = 0;
        return answer ? put_failed(k, iq, answer) : KS_OK;
    }
    for (size_t i = 0; err == KS_OK && i < iq->number; i++)
        if (seq_of(iq, i))
            err = row_drop(k, 'q', seq_of(iq, i));
    if (err == KS_OK && k->archive.chain_len)
        err = ks_meta_put(k, META_CHAIN, ks_str((const char *)k->archive.chain, k->archive.chain_len));
    k->archive.chain_len = 0;
    ks_archive_wake(k);
    return err;
}

/* One row's record. KS_OK also when there is none to be had: then the row is gone, or waits for a key. */
static enum ks_err put_row(struct konsil *k, struct batch *batch, uint64_t seq)
{
    const struct ks_archive_writer writer = ourselves(k);
    struct ks_archive_place place;
    uint8_t key[KS_ARCHIVE_KEY_LEN];
    struct ks_buf body;
    struct row row;
    enum ks_err err = row_get(k, 'q', seq, &row);

    if (err == KS_OK && !batch->count)
        err = add_chain(k, batch, row.class);
    if (err == KS_OK)
        err = place_of(k, batch, row.class, row.week_s, &place, key);
    if (err == KS_ENOTFOUND)
        return KS_OK;
    if (err == KS_ELIMIT)
        return row_drop(k, 'q', seq);
    if (err != KS_OK)
        return err;
    ks_buf_init_secret(&body, KS_ARCHIVE_BODY_MAX);
    err = ks_archive_message_write(&k->arena, &row.message, &writer, k->device_key.secret, &place, &body);
    if (err == KS_OK && (err = ks_buf_err(&body)) == KS_OK)
        err = add_record(k, batch, &place, ks_buf_str(&body), seq);
    ks_buf_done(&body);
    ks_wipe(key, sizeof key);
    if (err != KS_OK && err > KS_FATAL) {
        ks_log(k->log, KS_WARNING, "client.archive.body", KS_ERR(err));
        return row_drop(k, 'q', seq);
    }
    return err;
}

static enum ks_err put_rows(struct konsil *k, struct batch *batch, const struct rows *rows)
{
    enum ks_err err = KS_OK;

    for (size_t i = 0; err == KS_OK && i < rows->count && batch->count < PUT_MAX && batch->bytes < PUT_BYTES_MAX; i++)
        err = put_row(k, batch, rows->seqs[i]);
    return err != KS_OK || !batch->count ? err : send_batch(k, batch, "set", on_stored);
}

/* --- what others wrote already --- */

struct asked {
    uint64_t seq;
    uint8_t rid[KS_ARCHIVE_RID_LEN];
};

static enum ks_err on_had(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *have = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_ARCHIVE, "have") : NULL;
    const struct ks_xml *r = ks_xml_child(have, NS_KONSIL_ARCHIVE, "r");
    struct asked asked;
    struct ks_str rid;
    enum ks_err err = KS_OK;

    k->archive.busy = false;
    if (!ks_iq_ok(answer)) {
        later(k);
        return KS_OK;
    }
    for (size_t i = 0; err == KS_OK && i < iq->number; i++) { /* in the order asked */
        memcpy(&asked, iq->text.ptr + i * sizeof asked, sizeof asked);
        if (asked.seq > k->archive.asked)
            k->archive.asked = asked.seq;
        if (!r || (err = ks_base64(&k->arena, ks_str((const char *)asked.rid, sizeof asked.rid), &rid)) != KS_OK
            || !ks_str_eq(rid, ks_xml_attr(r, "rid")))
            continue;
        err = row_drop(k, 'q', asked.seq);
        r = ks_xml_next(r, NS_KONSIL_ARCHIVE, "r");
    }
    ks_archive_wake(k);
    return err;
}

/* KS_ENOTFOUND: there is no key for it yet, so nobody wrote it. */
static enum ks_err rid_of(struct konsil *k, struct batch *batch, const struct row *row, struct asked *asked)
{
    struct ks_archive_name name = row->message.name;
    struct ks_archive_place place;
    uint8_t key[KS_ARCHIVE_KEY_LEN];
    struct ks_content content;
    struct ks_sce sce;
    char ep[17];
    enum ks_err err;

    if ((err = place_of(k, batch, row->class, row->week_s, &place, key)) != KS_OK)
        return err == KS_ELIMIT ? KS_ENOTFOUND : err;
    if ((err = ks_sce_read(&k->arena, row->message.envelope, &sce)) == KS_OK)
        err = ks_content_read(&k->arena, sce.content, &content);
    name.kind = KS_ARCHIVE_UNNUMBERED;
    if (err == KS_OK && content.k.number)
        name_number(&name, content.k.device, content.k.epoch, content.k.number, ep);
    if (err == KS_OK)
        err = ks_archive_rid(key, &name, asked->rid);
    ks_wipe(key, sizeof key);
    asked->seq = row->seq;
    return err == KS_ESYNTAX || err == KS_ELIMIT ? KS_ENOTFOUND : err;
}

static enum ks_err ask_rows(struct konsil *k, struct batch *batch, const struct rows *rows)
{
    struct asked asked[PUT_MAX];
    struct row row;
    size_t count = 0;
    enum ks_err err = KS_OK;

    batch->xml = ks_xml_new(&k->arena, NS_KONSIL_ARCHIVE, "have");
    for (size_t i = 0; i < rows->count; i++) {
        if ((err = row_get(k, 'q', rows->seqs[i], &row)) == KS_OK)
            err = rid_of(k, batch, &row, &asked[count]);
        if (err == KS_ENOTFOUND)
            continue;
        if (err != KS_OK
            || (err = attr_base64(k, ks_xml_add(&k->arena, batch->xml, NS_KONSIL_ARCHIVE, "r"), "rid", asked[count].rid,
                    sizeof asked[count].rid))
                != KS_OK)
            return err;
        count++;
    }
    k->archive.asked = rows->seqs[rows->count - 1];
    if (!count) {
        ks_archive_wake(k);
        return KS_OK;
    }
    err = ks_iq_send(
        k, "get", KS_STR_EMPTY, batch->xml, on_had, ks_str((const char *)asked, count * sizeof asked[0]), count);
    k->archive.busy = err == KS_OK;
    return err == KS_EAGAIN ? KS_OK : err;
}

/* --- dropping --- */

static enum ks_err on_dropped(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    k->archive.busy = false;
    if (!ks_iq_ok(answer)) {
        later(k);
        return KS_OK;
    }
    ks_archive_wake(k);
    return row_drop(k, 'x', iq->number);
}

/* Under every key of its week: in which class it was sealed, and whether before or after somebody was removed, is not
 * remembered. */
static enum ks_err drop_row(struct konsil *k, struct batch *batch, uint64_t seq)
{
    struct ks_archive_period period;
    struct row row;
    enum ks_err err = row_get(k, 'x', seq, &row);

    if (err != KS_OK)
        return err;
    batch->xml = ks_xml_new(&k->arena, NS_KONSIL_ARCHIVE, "drop");
    if ((err = ks_archive_period_of(KS_ARCHIVE_7_DAYS, row.week_s, &period)) != KS_OK)
        return row_drop(k, 'x', seq);
    for (size_t i = 0; err == KS_OK && i < batch->ring.key_count && batch->count < PUT_MAX; i++) {
        const struct ks_archive_period *of = &batch->ring.keys[i].period;
        uint8_t key[KS_ARCHIVE_KEY_LEN], rid[KS_ARCHIVE_RID_LEN];

        if (of->start != period.start)
            continue;
        if ((err = ks_ring_key(&batch->ring, &k->ring.secret, of, key)) == KS_OK
            && (err = ks_archive_rid(key, &row.message.name, rid)) == KS_OK)
            err = attr_base64(k, ks_xml_add(&k->arena, batch->xml, NS_KONSIL_ARCHIVE, "r"), "rid", rid, sizeof rid);
        ks_wipe(key, sizeof key);
        batch->count++;
    }
    if (err != KS_OK)
        return err;
    if (!batch->count)
        return row_drop(k, 'x', seq); /* no period of that week is left */
    err = ks_iq_send(k, "set", KS_STR_EMPTY, batch->xml, on_dropped, KS_STR_EMPTY, seq);
    k->archive.busy = err == KS_OK;
    return err == KS_EAGAIN ? KS_OK : err;
}

/* --- turns --- */

/* How many devices of the account come before this one. */
static enum ks_err find_rank(struct konsil *k)
{
    struct ks_peer own;
    enum ks_err err = ks_peer_load(k, ks_own(k), &own);

    k->archive.rank = 0;
    for (size_t i = 0; err == KS_OK && i < own.count; i++)
        k->archive.rank += own.devices[i].id < ks_omemo_device(k->omemo);
    return err;
}

static enum ks_err work(struct konsil *k, void *arg)
{
    struct batch *batch = arg;
    struct rows *rows;
    enum ks_err err;

    if (!k->archive.tended_ms || k->now.mono_ms - k->archive.tended_ms >= KS_ARCHIVE_TEND_MS || k->ring.add_count
        || k->ring.tidy || k->ring.wanted_count) {
        k->archive.tended_ms = k->now.mono_ms;
        if ((err = find_rank(k)) != KS_OK || (err = ks_ring_tend(k)) != KS_OK || k->ring.putting)
            return err;
    }
    if ((err = ks_restore_go_on(k)) != KS_OK)
        return err;
    if ((err = ks_ring_believed(k, &batch->ring)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if ((err = rows_list(k, 'x', 1, &rows)) != KS_OK)
        return err;
    if (rows->count)
        return drop_row(k, batch, rows->seqs[0]);
    if ((err = rows_list(k, 'q', PUT_MAX, &rows)) != KS_OK || !rows->count)
        return err;
    if (k->archive.rank && rows->seqs[0] > k->archive.asked)
        return ask_rows(k, batch, rows);
    batch->xml = ks_xml_new(&k->arena, NS_KONSIL_ARCHIVE, "put");
    if ((err = put_rows(k, batch, rows)) == KS_OK && batch->wants && !k->archive.busy)
        err = ks_ring_tend(k);
    return err;
}

void ks_archive_wake(struct konsil *k)
{
    int64_t pause_ms = k->restore.wanted || k->ring.command
        ? 0 /* somebody waits for it */
        : KS_ARCHIVE_GATHER_MS + k->archive.rank * KS_ARCHIVE_TURN_MS;

    if (k->ring.state != KS_RING_STATE_NONE)
        k->wait_ms[KS_WAIT_ARCHIVE] = ks_sooner(k->wait_ms[KS_WAIT_ARCHIVE], k->now.mono_ms + pause_ms);
}

void ks_archive_tend(struct konsil *k)
{
    k->archive.tended_ms = 0;
    ks_archive_wake(k);
}

void ks_archive_lost(struct konsil *k)
{
    k->archive.busy = false;
    k->archive.tended_ms = 0;
    k->wait_ms[KS_WAIT_ARCHIVE] = KS_NEVER;
}

void ks_archive_due(struct konsil *k)
{
    struct batch batch = { .count = 0 };

    k->wait_ms[KS_WAIT_ARCHIVE] = k->now.mono_ms + KS_ARCHIVE_TEND_MS;
    if (ks_online(k) && ks_enrolled(k) && !k->archive.busy && !k->ring.putting)
        (void)ks_step(k, work, &batch);
}
