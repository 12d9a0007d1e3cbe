/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_ca_admin.c -- what operators ask of konsil-ca by konsilctl. Every act is a line of its log, with who it was.
 */
#include <jansson.h>
#include <stdio.h>

#include "arena.h"
#include "enc.h"
#include "jid.h"
#include "konsil_ca.h"
#include "say.h"

#define ARENA_BYTES_MAX (8u << 20)
#define HOURS_DEFAULT 72

struct request {
    struct ca *ca;
    struct ks_arena *arena;
    json_t *args;
    char actor[32];
    int64_t now_ms;
    const char *error; /* a catalogue id */
    json_t *result;
};

static struct ks_str text_of(const struct request *r, const char *name)
{
    const char *text = json_string_value(json_object_get(r->args, name));

    return text ? ks_str_z(text) : KS_STR_EMPTY;
}

static const char *why(enum ks_err err)
{
    return err == KS_ELIMIT || err == KS_ESYNTAX ? SAY("ca.text")
        : err == KS_EDENIED                      ? SAY("ca.domain")
        : err == KS_ENOTFOUND                    ? SAY("control.not-found")
        : err == KS_ENOMEM                       ? SAY("control.memory")
                                                 : SAY("ca.store");
}

/* The account, bare and normalised. Empty: an error was set. */
static struct ks_str account_of(struct request *r)
{
    struct ks_str text = text_of(r, "jid"), bare = KS_STR_EMPTY;
    struct ks_jid jid;

    if (ks_jid_parse(r->arena, text, &jid) != KS_OK || !jid.local.len || jid.resource.len
        || ks_jid_text(r->arena, jid, &bare) != KS_OK) {
        r->error = SAY("control.arguments");
        return KS_STR_EMPTY;
    }
    return bare;
}

static uint32_t device_of(struct request *r)
{
    uint64_t device = 0;
    struct ks_str text = text_of(r, "device");

    if (text.len && (ks_str_u64(text, INT32_MAX, &device) != KS_OK || !device))
        r->error = SAY("control.arguments");
    return (uint32_t)device;
}

static void invite(struct request *r)
{
    struct ks_enrol_link link = { .host = ks_str_z(r->ca->host), .token = text_of(r, "token") };
    struct ks_invited invited = { .person = { .name = text_of(r, "name"),
                                      .profession = text_of(r, "profession"),
                                      .department = text_of(r, "department"),
                                      .organisation = text_of(r, "hospital"),
                                      .person = text_of(r, "person") },
        .hours = HOURS_DEFAULT,
        .actor = ks_str_z(r->actor) };
    struct ks_str text;
    bool waits = false;
    enum ks_err err;

    invited.jid = link.jid = account_of(r);
    if (r->error)
        return;
    memcpy(link.pin, r->ca->pin, sizeof link.pin);
    link.expires_s = r->now_ms / 1000 + invited.hours * 3600;
    err = ks_registrar_invite(r->ca->registrar, &invited, r->now_ms, link.code, &waits);
    if (err == KS_OK)
        err = ks_enrol_link_write(r->arena, &link, &text);
    ks_wipe(link.code, sizeof link.code);
    if (err != KS_OK) {
        r->error = why(err);
        return;
    }
    r->result = json_pack(
        "{s:s%,s:b,s:I}", "link", text.ptr, text.len, "waits", waits, "expires_ms", (json_int_t)link.expires_s * 1000);
}

static void approve(struct request *r)
{
    struct ks_str jid = account_of(r);
    enum ks_err err = r->error ? KS_OK : ks_registrar_approve(r->ca->registrar, jid, ks_str_z(r->actor), r->now_ms);

    if (err != KS_OK)
        r->error = err == KS_EDENIED ? SAY("ca.same-operator") : why(err);
}

static void uninvite(struct request *r)
{
    struct ks_str jid = account_of(r);
    enum ks_err err = r->error ? KS_OK : ks_registrar_uninvite(r->ca->registrar, jid);

    if (err != KS_OK)
        r->error = why(err);
}

static bool list_invite(void *user, const struct ks_open_invite *invite)
{
    json_array_append_new(user,
        json_pack("{s:s%,s:s%,s:s%,s:I,s:b,s:b}", "jid", invite->jid.ptr, invite->jid.len, "name", invite->name.ptr,
            invite->name.len, "actor", invite->actor.ptr, invite->actor.len, "expires_ms",
            (json_int_t)invite->expires_ms, "waits", invite->waits, "used", invite->used));
    return true;
}

static void invites(struct request *r)
{
    json_t *list = json_array();
    enum ks_err err = ks_registrar_invites(r->ca->registrar, list_invite, list);

    if (err != KS_OK)
        r->error = why(err);
    r->result = json_pack("{s:o}", "invites", list);
}

struct listing {
    struct request *r;
    json_t *list;
};

static bool list_issued(void *user, const struct ks_issued *issued)
{
    const struct listing *listing = user;
    const char *state = issued->revoked_ms ? "revoked" : issued->until_s < listing->r->now_ms / 1000 ? "ended" : "good";

    json_array_append_new(listing->list,
        json_pack("{s:s%,s:I,s:s%,s:s%,s:s%,s:I,s:I,s:s}", "jid", issued->jid.ptr, issued->jid.len, "device",
            (json_int_t)issued->device, "name", issued->name.ptr, issued->name.len, "profession",
            issued->profession.ptr ? issued->profession.ptr : "", issued->profession.len, "department",
            issued->department.ptr ? issued->department.ptr : "", issued->department.len, "until_ms",
            (json_int_t)issued->until_s * 1000, "entry", (json_int_t)issued->leaf, "state", state));
    return true;
}

static void devices(struct request *r)
{
    struct listing listing = { r, json_array() };
    struct ks_str jid = text_of(r, "jid").len ? account_of(r) : KS_STR_EMPTY;
    enum ks_err err = r->error ? KS_OK : ks_registrar_issued(r->ca->registrar, jid, list_issued, &listing);

    if (err != KS_OK)
        r->error = why(err);
    r->result = json_pack("{s:o}", "devices", listing.list);
}

static void revoke(struct request *r)
{
    struct ks_str jid = account_of(r);
    uint32_t device = r->error ? 0 : device_of(r);
    size_t count = 0;
    enum ks_err err = r->error
        ? KS_OK
        : ks_registrar_revoke(r->ca->registrar, jid, device, 1 /* keyCompromise */, r->now_ms, r->now_ms, &count);

    if (err != KS_OK)
        r->error = why(err);
    r->result = json_pack("{s:I}", "revoked", (json_int_t)count);
}

static void crl(struct request *r)
{
    struct ks_str der, text;
    enum ks_err err = ks_registrar_crl(r->ca->registrar, r->arena, &der);

    if (err == KS_OK)
        err = ks_base64(r->arena, der, &text);
    if (err != KS_OK)
        r->error = why(err);
    else
        r->result = json_pack("{s:s%}", "crl", text.ptr, text.len);
}

static const struct {
    const char *name;
    void (*run)(struct request *r);
    bool logged;
} commands[] = {
    { "ca.invite", invite, true },
    { "ca.approve", approve, true },
    { "ca.uninvite", uninvite, true },
    { "ca.invites", invites, false },
    { "ca.devices", devices, false },
    { "ca.revoke", revoke, true },
    { "ca.crl", crl, false },
};

static void run(struct request *r, const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "command"));

    r->args = json_object_get(object, "args");
    r->error = SAY("control.arguments");
    for (size_t i = 0; name && i < KS_COUNT(commands); i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        r->error = NULL;
        commands[i].run(r);
        if (commands[i].logged)
            ks_log(r->ca->log, KS_INFO, "ca.command", KS_OURS("command", commands[i].name),
                KS_OURS("error", r->error ? r->error : "none"), KS_OURS("actor", r->actor));
    }
}

void ca_admin(struct ca *ca, uid_t uid, struct ks_str line, int64_t now_ms, struct ks_buf *answer)
{
    json_t *object = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL), *said;
    struct request r = { .ca = ca, .now_ms = now_ms };
    struct ks_arena arena;
    char *text;

    ks_arena_init(&arena, ARENA_BYTES_MAX);
    r.arena = &arena;
    snprintf(r.actor, sizeof r.actor, "uid:%u", (unsigned)uid);
    run(&r, object);
    said = json_pack("{s:b}", "ok", r.error == NULL);
    if (r.error)
        json_object_set_new(said, "error", json_string(r.error));
    else if (r.result)
        json_object_set(said, "result", r.result);
    text = json_dumps(said, JSON_COMPACT);
    ks_buf_z(answer, text ? text : "{\"ok\":false,\"error\":\"control.memory\"}");
    ks_buf_byte(answer, '\n');
    free(text);
    json_decref(said);
    json_decref(r.result);
    json_decref(object);
    ks_arena_done(&arena);
}
