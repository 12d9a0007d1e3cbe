/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar_invite.c -- codes that are good once (registrar.h; doc/PROTOCOL.md §21.1). */
#include "jid.h"
#include "registrar_state.h"
#include "unicode.h"

#define HOUR_MS INT64_C(3600000)

static enum ks_err invite_key(struct ks_registrar *r, struct ks_str jid, struct ks_str *ret_key)
{
    return ks_registrar_key(r, 'i', &jid, 1, ret_key);
}

static enum ks_err invite_read(struct ks_str record, struct ks_invite_record *invite)
{
    struct ks_cursor at;
    uint64_t expires, alarm;
    uint8_t waits, kind;
    enum ks_err err = ks_registrar_begin(record, &at);

    if (err != KS_OK)
        return err;
    if (ks_registrar_bytes(&at, invite->mac_key, sizeof invite->mac_key) != KS_OK
        || ks_registrar_bytes(&at, invite->used, sizeof invite->used) != KS_OK || ks_cursor_u64(&at, &expires) != KS_OK
        || ks_cursor_u64(&at, &alarm) != KS_OK || ks_cursor_u8(&at, &waits) != KS_OK
        || ks_cursor_u8(&at, &kind) != KS_OK || ks_cursor_field(&at, &invite->name) != KS_OK
        || ks_cursor_field(&at, &invite->profession) != KS_OK || ks_cursor_field(&at, &invite->department) != KS_OK
        || ks_cursor_field(&at, &invite->organisation) != KS_OK || ks_cursor_field(&at, &invite->person) != KS_OK
        || ks_cursor_field(&at, &invite->actor) != KS_OK)
        return KS_ESTORE;
    invite->expires_ms = (int64_t)expires;
    invite->alarm_ms = (int64_t)alarm;
    invite->waits = waits;
    invite->kind = (enum ks_device_kind)kind;
    return KS_OK;
}

enum ks_err ks_invite_get(struct ks_registrar *r, struct ks_str jid, struct ks_invite_record *ret_invite)
{
    struct ks_str key, record;
    enum ks_err err = invite_key(r, jid, &key);

    if (err != KS_OK || (err = ks_registrar_get(r, key, &record)) != KS_OK)
        return err;
    return invite_read(record, ret_invite);
}

enum ks_err ks_invite_put(struct ks_registrar *r, struct ks_str jid, const struct ks_invite_record *invite)
{
    struct ks_buf record;
    struct ks_str key;
    enum ks_err err = invite_key(r, jid, &key);

    if (err != KS_OK)
        return err;
    ks_buf_init_secret(&record, KS_RECORD_BYTES_MAX);
    ks_buf_byte(&record, KS_RECORD_VERSION);
    ks_buf_add(&record, ks_str(invite->mac_key, sizeof invite->mac_key));
    ks_buf_add(&record, ks_str(invite->used, sizeof invite->used));
    ks_buf_u64(&record, (uint64_t)invite->expires_ms);
    ks_buf_u64(&record, (uint64_t)invite->alarm_ms);
    ks_buf_byte(&record, invite->waits);
    ks_buf_byte(&record, (uint8_t)invite->kind);
    ks_buf_field(&record, invite->name);
    ks_buf_field(&record, invite->profession);
    ks_buf_field(&record, invite->department);
    ks_buf_field(&record, invite->organisation);
    ks_buf_field(&record, invite->person);
    ks_buf_field(&record, invite->actor);
    err = ks_registrar_put(r, key, &record);
    ks_buf_done(&record);
    return err;
}

bool ks_invite_used(const struct ks_invite_record *invite)
{
    static const uint8_t none[32] = { 0 };

    return memcmp(invite->used, none, sizeof none) != 0;
}

enum ks_err ks_invite_del(struct ks_registrar *r, struct ks_str jid)
{
    struct ks_str key, record;
    enum ks_err err = invite_key(r, jid, &key);

    if (err != KS_OK || (err = ks_registrar_get(r, key, &record)) != KS_OK
        || (err = r->setup.store->ops->del(r->setup.store, KS_T_REGISTRAR, key)) != KS_OK)
        return err;
    r->invites--;
    return ks_registrar_save(r);
}

/* --- inviting --- */

enum ks_err ks_registrar_account(struct ks_registrar *r, struct ks_str jid)
{
    struct ks_jid parts;
    struct ks_str normal;
    enum ks_err err = jid.len > KS_LOG_JID_MAX ? KS_ELIMIT : ks_jid_parse(&r->arena, jid, &parts);

    if (err == KS_OK)
        err = ks_jid_text(&r->arena, parts, &normal);
    if (err != KS_OK)
        return err == KS_ENOMEM ? err : KS_EDENIED;
    return parts.local.len && !parts.resource.len && ks_str_eq(parts.domain, r->setup.domain) && ks_str_eq(normal, jid)
        ? KS_OK
        : KS_EDENIED;
}

struct inviting {
    const struct ks_invited *invited;
    struct ks_device_person person; /* as it is kept */
    int64_t now_ms;
    uint8_t *code;
    bool waits;
};

/* Nothing that hides, moves the cursor, or turns the line around: devices take no certificate with that. */
static enum ks_err take_text(struct ks_registrar *r, struct ks_str text, struct ks_str *ret_text)
{
    enum ks_err err;

    *ret_text = KS_STR_EMPTY;
    if (text.len > KS_REGISTRAR_TEXT_MAX)
        return KS_ELIMIT;
    if (!text.len)
        return KS_OK;
    err = ks_unicode_resource(&r->arena, text, ret_text);
    return err == KS_OK || err == KS_ENOMEM ? err : KS_ESYNTAX;
}

static enum ks_err take_person(
    struct ks_registrar *r, const struct ks_device_person *person, struct ks_device_person *ret_person)
{
    enum ks_err err;

    if ((err = take_text(r, person->name, &ret_person->name)) != KS_OK
        || (err = take_text(r, person->profession, &ret_person->profession)) != KS_OK
        || (err = take_text(r, person->department, &ret_person->department)) != KS_OK
        || (err = take_text(r, person->organisation, &ret_person->organisation)) != KS_OK
        || (err = take_text(r, person->person, &ret_person->person)) != KS_OK)
        return err;
    return ks_device_person_check(ret_person);
}

static bool is_one(void *user, uint32_t device, const struct ks_cert_record *cert)
{
    (void)device;
    (void)cert;
    *(bool *)user = true;
    return false;
}

static enum ks_err invite(struct ks_registrar *r, void *arg)
{
    struct inviting *inviting = arg;
    const struct ks_invited *invited = inviting->invited;
    struct ks_invite_record record = { .expires_ms = inviting->now_ms + invited->hours * HOUR_MS,
        .kind = invited->kind,
        .name = inviting->person.name,
        .profession = inviting->person.profession,
        .department = inviting->person.department,
        .organisation = inviting->person.organisation,
        .person = inviting->person.person,
        .actor = invited->actor };
    enum ks_err err = ks_cert_walk(r, invited->jid, 0, is_one, &record.waits);

    if (err == KS_OK)
        err = ks_invite_del(r, invited->jid);
    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (r->invites >= KS_REGISTRAR_INVITES)
        return KS_ELIMIT;
    r->invites++;
    if ((err = ks_registrar_save(r)) != KS_OK)
        return err;
    ks_prng_bytes(r->setup.prng, inviting->code, KS_ENROL_CODE_LEN);
    ks_enrol_mac_key(inviting->code, record.mac_key);
    inviting->waits = record.waits;
    err = ks_invite_put(r, invited->jid, &record);
    ks_wipe(record.mac_key, sizeof record.mac_key);
    return err;
}

enum ks_err ks_registrar_invite(struct ks_registrar *r, const struct ks_invited *invited, int64_t now_ms,
    uint8_t ret_code[KS_ENROL_CODE_LEN], bool *ret_waits)
{
    struct inviting inviting = { .invited = invited, .now_ms = now_ms, .code = ret_code };
    enum ks_err err;

    assert(invited->kind < KS_DEVICE_KINDS);
    ks_arena_reset(&r->arena);
    if (!invited->actor.len || invited->actor.len > KS_REGISTRAR_TEXT_MAX || invited->hours < 1
        || invited->hours > KS_INVITE_HOURS_MAX)
        return KS_ELIMIT;
    if ((err = ks_registrar_account(r, invited->jid)) != KS_OK
        || (err = take_person(r, &invited->person, &inviting.person)) != KS_OK)
        return err;
    err = ks_registrar_do(r, invite, &inviting);
    *ret_waits = inviting.waits;
    return err;
}

/* --- the second operator --- */

struct approving {
    struct ks_str jid, actor;
    int64_t now_ms;
};

static enum ks_err approve(struct ks_registrar *r, void *arg)
{
    const struct approving *approving = arg;
    struct ks_invite_record record;
    enum ks_err err = ks_invite_get(r, approving->jid, &record);

    if (err != KS_OK)
        return err;
    if (!record.waits || approving->now_ms > record.expires_ms)
        return KS_ENOTFOUND;
    if (!approving->actor.len || ks_str_eq(record.actor, approving->actor))
        return KS_EDENIED;
    record.waits = false;
    return ks_invite_put(r, approving->jid, &record);
}

enum ks_err ks_registrar_approve(struct ks_registrar *r, struct ks_str jid, struct ks_str actor, int64_t now_ms)
{
    struct approving approving = { jid, actor, now_ms };

    ks_arena_reset(&r->arena);
    return ks_registrar_do(r, approve, &approving);
}

static enum ks_err uninvite(struct ks_registrar *r, void *arg)
{
    return ks_invite_del(r, *(struct ks_str *)arg);
}

enum ks_err ks_registrar_uninvite(struct ks_registrar *r, struct ks_str jid)
{
    ks_arena_reset(&r->arena);
    return ks_registrar_do(r, uninvite, &jid);
}

/* --- the end of old ones --- */

#define FORGET_AT_ONCE 256

struct forgetting {
    struct ks_registrar *r;
    int64_t now_ms;
    struct ks_str *jids;
    size_t count;
    enum ks_err err;
};

static bool note_old(void *user, struct ks_str key, struct ks_str value)
{
    struct forgetting *forgetting = user;
    struct ks_invite_record record;

    if ((forgetting->err = invite_read(value, &record)) == KS_OK
        && forgetting->now_ms > record.expires_ms + KS_INVITE_KEPT_MS)
        forgetting->err =
            ks_arena_copy(&forgetting->r->arena, ks_str_from(key, 1), &forgetting->jids[forgetting->count++]);
    return forgetting->err == KS_OK && forgetting->count < FORGET_AT_ONCE;
}

enum ks_err ks_invite_forget(struct ks_registrar *r, int64_t now_ms)
{
    struct forgetting forgetting = { .r = r, .now_ms = now_ms };
    enum ks_err err;

    if (!(forgetting.jids = ks_arena_alloc(&r->arena, FORGET_AT_ONCE * sizeof *forgetting.jids)))
        return KS_ENOMEM;
    err = r->setup.store->ops->scan(
        r->setup.store, KS_T_REGISTRAR, KS_STR("i"), KS_STR_EMPTY, false, note_old, &forgetting);
    if (err == KS_OK)
        err = forgetting.err;
    for (size_t i = 0; i < forgetting.count && err == KS_OK; i++)
        err = ks_invite_del(r, forgetting.jids[i]);
    return err;
}

/* --- looking --- */

struct looking {
    ks_visit_invite *visit;
    void *user;
    enum ks_err err;
};

static bool look_at(void *user, struct ks_str key, struct ks_str value)
{
    struct looking *looking = user;
    struct ks_invite_record record;
    struct ks_open_invite invite;

    if ((looking->err = invite_read(value, &record)) != KS_OK)
        return false;
    invite = (struct ks_open_invite) { .jid = ks_str_from(key, 1),
        .name = record.name,
        .actor = record.actor,
        .expires_ms = record.expires_ms,
        .waits = record.waits,
        .used = ks_invite_used(&record),
        .alarm_ms = record.alarm_ms };
    return looking->visit(looking->user, &invite);
}

enum ks_err ks_registrar_invites(struct ks_registrar *r, ks_visit_invite *visit, void *user)
{
    struct looking looking = { visit, user, KS_OK };
    enum ks_err err =
        r->setup.store->ops->scan(r->setup.store, KS_T_REGISTRAR, KS_STR("i"), KS_STR_EMPTY, false, look_at, &looking);

    return err == KS_OK ? looking.err : err;
}
