/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar_invite.c -- codes that are good once (registrar.h; doc/PROTOCOL.md §21.1). */
#include "registrar_state.h"

#define HOUR_MS INT64_C(3600000)

static enum ks_err invite_key(struct ks_registrar *r, struct ks_str jid, struct ks_str *ret_key)
{
    return ks_registrar_key(r, 'i', &jid, 1, ret_key);
}

static enum ks_err invite_read(struct ks_str record, struct ks_invite_record *invite)
{
    struct ks_cursor at;
    uint64_t expires;
    uint8_t waits, kind;
    enum ks_err err = ks_registrar_begin(record, &at);

    if (err != KS_OK)
        return err;
    if (ks_registrar_bytes(&at, invite->mac_key, sizeof invite->mac_key) != KS_OK
        || ks_registrar_bytes(&at, invite->used, sizeof invite->used) != KS_OK || ks_cursor_u64(&at, &expires) != KS_OK
        || ks_cursor_u8(&at, &waits) != KS_OK || ks_cursor_u8(&at, &kind) != KS_OK
        || ks_cursor_field(&at, &invite->name) != KS_OK || ks_cursor_field(&at, &invite->profession) != KS_OK
        || ks_cursor_field(&at, &invite->department) != KS_OK || ks_cursor_field(&at, &invite->organisation) != KS_OK
        || ks_cursor_field(&at, &invite->person) != KS_OK || ks_cursor_field(&at, &invite->actor) != KS_OK)
        return KS_ESTORE;
    invite->expires_ms = (int64_t)expires;
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

/* --- inviting --- */

struct inviting {
    const struct ks_invited *invited;
    int64_t now_ms;
    uint8_t *code;
    bool waits;
};

static bool fits(struct ks_str text)
{
    return text.len <= KS_REGISTRAR_TEXT_MAX;
}

static enum ks_err invite(struct ks_registrar *r, void *arg)
{
    struct inviting *inviting = arg;
    const struct ks_invited *invited = inviting->invited;
    struct ks_invite_record record = { .expires_ms = inviting->now_ms + invited->hours * HOUR_MS,
        .kind = invited->kind,
        .name = invited->person.name,
        .profession = invited->person.profession,
        .department = invited->person.department,
        .organisation = invited->person.organisation,
        .person = invited->person.person,
        .actor = invited->actor };
    size_t count;
    enum ks_err err = ks_cert_count(r, invited->jid, inviting->now_ms, &count, &record.waits);

    if (err != KS_OK)
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
    const struct ks_device_person *person = &invited->person;
    struct inviting inviting = { invited, now_ms, ret_code, false };
    struct ks_str domain = invited->jid, local;
    enum ks_err err;

    ks_arena_reset(&r->arena);
    if (!person->name.len || !fits(person->name) || !fits(person->profession) || !fits(person->department)
        || !fits(person->organisation) || !fits(person->person) || !invited->actor.len || !fits(invited->actor)
        || invited->hours < 1 || invited->hours > KS_INVITE_HOURS_MAX || invited->jid.len > KS_LOG_JID_MAX)
        return KS_ELIMIT;
    if (!ks_str_cut(&domain, '@', &local) || !local.len || !ks_str_eq(domain, r->setup.domain))
        return KS_EDENIED;
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
    if (ks_str_eq(record.actor, approving->actor))
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
    const struct ks_str *jid = arg;
    struct ks_invite_record record;
    struct ks_str key;
    enum ks_err err = ks_invite_get(r, *jid, &record);

    if (err != KS_OK || (err = invite_key(r, *jid, &key)) != KS_OK)
        return err;
    return r->setup.store->ops->del(r->setup.store, KS_T_REGISTRAR, key);
}

enum ks_err ks_registrar_uninvite(struct ks_registrar *r, struct ks_str jid)
{
    ks_arena_reset(&r->arena);
    return ks_registrar_do(r, uninvite, &jid);
}

/* --- looking --- */

struct looking {
    ks_visit_invite *visit;
    void *user;
    enum ks_err err;
};

static bool look_at(void *user, struct ks_str key, struct ks_str value)
{
    static const uint8_t none[32] = { 0 };
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
        .used = memcmp(record.used, none, sizeof none) != 0 };
    return looking->visit(looking->user, &invite);
}

enum ks_err ks_registrar_invites(struct ks_registrar *r, ks_visit_invite *visit, void *user)
{
    struct looking looking = { visit, user, KS_OK };
    enum ks_err err =
        r->setup.store->ops->scan(r->setup.store, KS_T_REGISTRAR, KS_STR("i"), KS_STR_EMPTY, false, look_at, &looking);

    return err == KS_OK ? looking.err : err;
}
