/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "restore.h"

#include <stdlib.h>

#include "archive_body.h"
#include "command.h"
#include "enc.h"
#include "engine.h"
#include "inbox.h"

#define META_RESTORE "restore"
#define VERSION 1
#define TELL_MS 1000

struct ks_restore_writer {
    uint8_t hash[32], key[KS_P256_PUBLIC_LEN];
    uint32_t device;
    int64_t not_before_s;
};

/* --- how far --- */

enum ks_err ks_restore_load(struct konsil *k)
{
    struct ks_restore *restore = &k->restore;
    struct ks_str record;
    struct ks_cursor at;
    uint8_t version;
    enum ks_err err = ks_meta_get(k, META_RESTORE, &record);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    at = ks_cursor(record);
    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_u64(&at, &restore->after) != KS_OK || ks_cursor_u64(&at, &restore->messages) != KS_OK
        || ks_cursor_u64(&at, &restore->refused) != KS_OK || ks_cursor_u64(&at, &restore->damaged) != KS_OK
        || ks_cursor_u64(&at, &restore->later) != KS_OK)
        return KS_ESTORE;
    restore->wanted = true;
    return KS_OK;
}

static enum ks_err keep(struct konsil *k)
{
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init(&record, 64);
    ks_buf_byte(&record, VERSION);
    ks_buf_u64(&record, k->restore.after);
    ks_buf_u64(&record, k->restore.messages);
    ks_buf_u64(&record, k->restore.refused);
    ks_buf_u64(&record, k->restore.damaged);
    ks_buf_u64(&record, k->restore.later);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = ks_meta_put(k, META_RESTORE, ks_buf_str(&record));
    ks_buf_done(&record);
    return err;
}

enum ks_err ks_restore_tell(struct konsil *k, struct ks_str re)
{
    static const enum ks_js_archive_state states[] = { [KS_RING_STATE_NONE] = KS_JS_ARCHIVE_STATE_NONE,
        [KS_RING_STATE_ASKING] = KS_JS_ARCHIVE_STATE_UNKNOWN,
        [KS_RING_STATE_OPEN] = KS_JS_ARCHIVE_STATE_OPEN,
        [KS_RING_STATE_SHUT] = KS_JS_ARCHIVE_STATE_SHUT,
        [KS_RING_STATE_DOUBT] = KS_JS_ARCHIVE_STATE_DOUBT };
    struct ks_ev_archive event = { .re = re,
        .state = states[k->ring.state],
        .restoring = k->restore.wanted,
        .restored = (int64_t)k->restore.messages,
        .refused = (int64_t)k->restore.refused,
        .damaged = (int64_t)k->restore.damaged,
        .later = (int64_t)k->restore.later };
    struct ks_ring ring;
    size_t waiting;
    enum ks_err err = ks_ring_believed(k, &ring);

    for (size_t i = 0; err == KS_OK && i < ring.slot_count; i++) {
        event.pin |= ring.slots[i].seat.kind == KS_RING_PIN;
        event.recovery |= ring.slots[i].seat.kind == KS_RING_RECOVERY;
    }
    if ((err != KS_OK && err != KS_ENOTFOUND) || (err = ks_archive_waiting(k, &waiting)) != KS_OK)
        return err;
    event.waiting = (int64_t)waiting;
    k->restore.told_ms = k->now.mono_ms;
    return ks_tell(k, KS_EV_ARCHIVE, &event);
}

enum ks_err ks_cmd_on_archive(struct konsil *k, const struct ks_cmd *cmd)
{
    return ks_restore_tell(k, cmd->id);
}

void ks_restore_done(struct konsil *k)
{
    free(k->restore.writers);
    k->restore.writers = NULL;
    k->restore.writer_count = 0;
}

void ks_restore_lost(struct konsil *k)
{
    k->restore.asking = false;
}

/* --- who wrote --- */

static struct ks_restore_writer *find_writer(struct konsil *k, const uint8_t hash[32])
{
    for (unsigned i = 0; i < k->restore.writer_count; i++)
        if (memcmp(k->restore.writers[i].hash, hash, 32) == 0)
            return &k->restore.writers[i];
    return NULL;
}

static enum ks_err note_writer(struct konsil *k, const uint8_t hash[32], const uint8_t key[KS_P256_PUBLIC_LEN],
    uint32_t device, int64_t not_before_s)
{
    struct ks_restore *restore = &k->restore;
    struct ks_restore_writer *writer;

    if (find_writer(k, hash))
        return KS_OK;
    if (!restore->writers && !(restore->writers = calloc(KS_RESTORE_WRITERS_MAX, sizeof *restore->writers)))
        return KS_ENOMEM;
    if (restore->writer_count == KS_RESTORE_WRITERS_MAX)
        return KS_OK; /* more devices than an account has in ten years: what they wrote is refused */
    writer = &restore->writers[restore->writer_count++];
    memcpy(writer->hash, hash, 32);
    memcpy(writer->key, key, KS_P256_PUBLIC_LEN);
    writer->device = device;
    writer->not_before_s = not_before_s;
    return KS_OK;
}

static bool note_published(void *user, const struct ks_cert *cert)
{
    struct konsil *k = user;

    return note_writer(k, cert->hash, cert->key, 0, cert->not_before_s) == KS_OK;
}

/* A chain out of a record: its writer's, by our hospital's authorities. Messages that he signed come after it. */
static enum ks_err take_chain(struct konsil *k, const struct ks_archive_body *body)
{
    enum ks_log_verdict verdict;
    struct ks_device_cert cert;
    uint64_t number;
    uint32_t device;
    enum ks_err err = ks_ring_certificate(k, body->certificates.chain[0], &cert);

    if (err == KS_ESYNTAX || (err == KS_OK && memcmp(cert.hash, body->writer.cert, sizeof cert.hash) != 0))
        return KS_ECRYPTO;
    if (err == KS_OK && memcmp(cert.hash, k->enrolment.hash, sizeof cert.hash) != 0) {
        verdict = ks_ring_look_up(k, cert.hash, &device, &number);
        /* Issued, and nobody wrote it into the log: by who has the authority's key. */
        if (verdict == KS_LOG_ABSENT && !ks_log_view_skipped(k->log_follow.view))
            return KS_ECRYPTO;
        if (verdict != KS_LOG_ABSENT)
            err = ks_cert_recall(k, &cert, body->certificates.chain[0], number);
    }
    return err == KS_OK ? note_writer(k, cert.hash, cert.key, cert.claims.device, cert.not_before_s) : err;
}

/* KS_ECRYPTO: by nobody of the account, or his signature is another's. */
static enum ks_err check_writer(
    struct konsil *k, const struct ks_archive_place *place, const struct ks_archive_body *body)
{
    const struct ks_restore_writer *writer;
    enum ks_err err;

    if (body->kind == KS_ARCHIVE_CERTIFICATES && (err = take_chain(k, body)) != KS_OK)
        return err;
    if (!(writer = find_writer(k, body->writer.cert))) {
        if ((err = ks_cert_each(k, ks_own(k), body->writer.device, note_published, k)) != KS_OK)
            return err;
        if (!(writer = find_writer(k, body->writer.cert)))
            return KS_ECRYPTO;
    }
    if (writer->device && writer->device != body->writer.device)
        return KS_ECRYPTO;
    return ks_archive_body_signed(place, body, writer->key);
}

/* --- a record --- */

static enum ks_err take_message(struct konsil *k, const struct ks_archive_body *body)
{
    const struct ks_archive_message *message = &body->message;
    struct ks_inbound in = { .from = body->name.author,
        .to = body->name.conv,
        .peer = body->name.conv,
        .id = message->content.k.number ? message->content.k.id : body->name.ep,
        .stamp_ms = message->stamp_ms ? message->stamp_ms : message->time_ms,
        .mine = ks_str_eq(body->name.author, ks_own(k)),
        .restored = true,
        .read = message->read,
        .envelope = message->envelope,
        .opened = {
            .version = message->how == KS_ARCHIVE_OMEMO2 ? KS_OMEMO_2 : KS_OMEMO_1, .device = body->name.device } };
    struct ks_content content = message->content;
    enum ks_err err = ks_intake_restored(k, &in, &content, message->time_ms);

    k->restore.messages += err == KS_OK;
    return err;
}

struct opening {
    struct ks_ring ring;
    const struct ks_xml *records;
};

/* KS_ECRYPTO: damaged; KS_ESYNTAX: no record; KS_EDENIED: refused; KS_EVERSION. */
static enum ks_err take_record(struct konsil *k, const struct ks_ring *ring, const struct ks_xml *r)
{
    struct ks_archive_place place = { .account = ks_own(k) };
    struct ks_archive_header header;
    struct ks_str rid, salt, record;
    uint8_t key[KS_ARCHIVE_KEY_LEN];
    struct ks_archive_body body;
    struct ks_buf plain;
    struct ks_str copy;
    enum ks_err err;

    if ((err = ks_base64_read(&k->arena, ks_xml_attr(r, "rid"), &rid)) != KS_OK
        || (err = ks_base64_read(&k->arena, ks_xml_attr(r, "salt"), &salt)) != KS_OK
        || (err = ks_base64_read(&k->arena, ks_xml_text(&k->arena, r), &record)) != KS_OK
        || (err = ks_archive_header_read(record, &header)) != KS_OK)
        return err;
    if (salt.len != KS_ARCHIVE_SALT_LEN || rid.len != KS_ARCHIVE_RID_LEN || memcmp(rid.ptr, header.rid, rid.len) != 0)
        return KS_ESYNTAX;
    if ((err = ks_ring_key(ring, &k->ring.secret, &header.period, key)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ECRYPTO : err;
    ks_buf_init_secret(&plain, KS_ARCHIVE_BODY_MAX + 1);
    err = ks_archive_open(key, ks_own(k), (const uint8_t *)salt.ptr, record, &header, &plain);
    if (err == KS_OK && (err = ks_buf_err(&plain)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&plain), &copy);
    ks_buf_done(&plain);
    if (err == KS_OK)
        err = ks_archive_body_read(&k->arena, ks_own(k), copy, &body);
    place.period_key = key;
    place.header = header;
    if (err == KS_OK
        && ((err = ks_archive_body_fits(&place, &body)) == KS_ECRYPTO
            || (err == KS_OK && (err = check_writer(k, &place, &body)) == KS_ECRYPTO)))
        err = KS_EDENIED;
    ks_wipe(key, sizeof key);
    if (err != KS_OK || (body.kind != KS_ARCHIVE_NUMBERED && body.kind != KS_ARCHIVE_UNNUMBERED))
        return err;
    return take_message(k, &body);
}

static enum ks_err take_page(struct konsil *k, const struct ks_ring *ring, const struct ks_xml *records)
{
    uint64_t aseq;

    for (const struct ks_xml *r = ks_xml_child(records, NS_KONSIL_ARCHIVE, "r"); r;
         r = ks_xml_next(r, NS_KONSIL_ARCHIVE, "r")) {
        enum ks_err err = take_record(k, ring, r);

        if (err != KS_OK && err <= KS_FATAL)
            return err;
        k->restore.later += err == KS_EVERSION;
        k->restore.refused += err == KS_EDENIED;
        k->restore.damaged += err == KS_ECRYPTO || err == KS_ESYNTAX || err == KS_ELIMIT;
        if (ks_str_u64(ks_xml_attr(r, "aseq"), INT64_MAX, &aseq) == KS_OK && aseq > k->restore.after)
            k->restore.after = aseq;
    }
    return KS_OK;
}

static enum ks_err finish(struct konsil *k)
{
    enum ks_err err;

    k->restore.wanted = false;
    ks_restore_done(k);
    if ((err = ks_meta_del(k, META_RESTORE)) != KS_OK || (err = ks_restore_tell(k, KS_STR_EMPTY)) != KS_OK)
        return err;
    return k->restore.refused ? ks_tell_warning(k, KS_CODE_ARCHIVE_FORGED, ks_own(k)) : KS_OK;
}

static enum ks_err on_records(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *records = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_ARCHIVE, "records") : NULL;
    uint64_t before = k->restore.after;
    struct ks_ring ring;
    enum ks_err err;

    (void)iq;
    k->restore.asking = false;
    if (!records) {
        if (answer)
            ks_log(k->log, KS_WARNING, "client.restore.page", KS_OURS("condition", ks_iq_condition(answer)));
        return KS_OK; /* at the next login */
    }
    if ((err = ks_ring_believed(k, &ring)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if ((err = take_page(k, &ring, records)) != KS_OK)
        return err;
    if (ks_str_is(ks_xml_attr(records, "complete"), "true") || k->restore.after == before)
        return finish(k);
    if ((err = keep(k)) != KS_OK)
        return err;
    if (k->now.mono_ms - k->restore.told_ms >= TELL_MS && (err = ks_restore_tell(k, KS_STR_EMPTY)) != KS_OK)
        return err;
    return ks_restore_go_on(k);
}

enum ks_err ks_restore_go_on(struct konsil *k)
{
    struct ks_xml *get = ks_xml_new(&k->arena, NS_KONSIL_ARCHIVE, "get");
    bool ready;
    enum ks_err err;

    if (!k->restore.wanted || k->restore.asking || k->ring.state != KS_RING_STATE_OPEN || !ks_online(k))
        return KS_OK;
    /* Who wrote: the account's other devices. */
    if ((err = ks_certs_ready(k, ks_own(k), &ready)) != KS_OK || !ready)
        return err;
    if (!ks_xml_set_u64(&k->arena, get, "after", k->restore.after)
        || !ks_xml_set_u64(&k->arena, get, "max", KS_RESTORE_PAGE))
        return KS_ENOMEM;
    err = ks_iq_send(k, "get", KS_STR_EMPTY, get, on_records, KS_STR_EMPTY, 0);
    k->restore.asking = err == KS_OK;
    return err == KS_EAGAIN ? KS_OK : err;
}

enum ks_err ks_restore_begin(struct konsil *k)
{
    enum ks_err err;

    k->restore =
        (struct ks_restore) { .wanted = true, .writers = k->restore.writers, .writer_count = k->restore.writer_count };
    if ((err = keep(k)) != KS_OK)
        return err;
    return ks_restore_go_on(k);
}
