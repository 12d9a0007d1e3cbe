/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* c2s_register.c -- who was invited sets a password (XEP-0445, with what it needs of XEP-0077), and nobody else does.
 *
 * <preauth/> takes the stream to the home of the account that the token names, as a login would. If it is good, this
 * stream may register that account, until it begins to log in. In one transaction the account becomes active, has keys,
 * and has no invitation any more. */
#include "c2s_login.h"
#include "credentials.h"
#include "enc.h"
#include "invite.h"
#include "unicode.h"

#define CHARACTERS_MIN 8 /* wire.password names it */

void ks_register_features(struct ks_arena *arena, struct ks_xml *features)
{
    ks_xml_add(arena, features, NS_IBR_TOKEN, "register");
}

static void fail(struct ks_c2s *c, struct ks_parcel *parcel, enum ks_cond cond, const char *text)
{
    ks_c2s_write_xml(c, ks_stanza_error(&parcel->arena, &parcel->stanza, cond, text));
}

static void succeed(struct ks_c2s *c, struct ks_parcel *parcel)
{
    ks_c2s_write_xml(c, ks_stanza_result(&parcel->arena, &parcel->stanza));
}

/* --- the token --- */

#define BAD_TOKEN KS_WIRE("wire.token", "The invitation is not valid, or not any more. Ask for a new one.")

static void on_preauth(struct ks_c2s *c, struct ks_parcel *parcel)
{
    struct ks_c2s_login *login = c->login;
    struct ks_jid jid = { .domain = ks_c2s_domain(c)->name };
    struct ks_str local, text;

    login->invited = false;
    ks_arena_reset(&login->arena);
    if (ks_invite_local(&login->arena, ks_xml_attr(parcel->stanza.payload, "token"), &local) != KS_OK
        || ks_unicode_localpart(&login->arena, local, &jid.local) != KS_OK
        || ks_jid_text(&login->arena, jid, &text) != KS_OK
        || ks_arena_copy(&login->arena, ks_xml_attr(parcel->stanza.payload, "token"), &login->invite_token) != KS_OK) {
        fail(c, parcel, KS_ITEM_NOT_FOUND, BAD_TOKEN);
        return;
    }
    login->invitation = ks_parcel_ref(parcel);
    ks_login_go_home(c, text);
}

void ks_register_looked_up(struct ks_ctx *ctx, struct ks_c2s *c)
{
    struct ks_c2s_login *login = c->login;
    struct ks_parcel *parcel = login->invitation;
    struct ks_reactor *r = ctx->reactor;

    login->invitation = NULL;
    login->invited = ks_invite_opens(ctx->arena, ctx->user, login->invite_token)
        && ctx->now.wall_ms < ks_invite_expires_ms(ctx->user);
    if (login->invited) {
        succeed(c, parcel);
    } else {
        ks_guard_token_failed(r->addresses, c->address_hash, r->now);
        fail(c, parcel, KS_ITEM_NOT_FOUND, BAD_TOKEN);
    }
    ks_parcel_unref(r, parcel);
    ks_c2s_release(c);
}

bool ks_register_refused(struct ks_c2s *c, struct ks_parcel *parcel)
{
    struct ks_parcel *invitation = c->login->invitation;

    c->login->invitation = NULL;
    c->login->waiting = false;
    if (!invitation && !parcel->stanza.payload)
        return false;
    fail(c, invitation ? invitation : parcel, KS_RESOURCE_CONSTRAINT, NULL);
    ks_parcel_unref(c->reactor, invitation);
    return true;
}

/* --- the password --- */

/* XEP-0077 §3.1.1, with what is known already. */
static void on_ask(struct ks_c2s *c, struct ks_parcel *parcel)
{
    struct ks_arena *arena = &parcel->arena;
    struct ks_xml *result = ks_stanza_result(arena, &parcel->stanza);
    struct ks_xml *query = ks_xml_add(arena, result, NS_REGISTER, "query");

    ks_xml_add_text(arena, query, NS_REGISTER, "instructions",
        ks_str_z(KS_WIRE("wire.register",
            "Ein Passwort mit mindestens 8 Zeichen wählen. / "
            "Choose a password of at least 8 characters.")));
    ks_xml_add_text(arena, query, NS_REGISTER, "username", ks_jid_split(c->login->bare).local);
    ks_xml_add(arena, query, NS_REGISTER, "password");
    ks_c2s_write_xml(c, result);
}

static void put_keys(struct ks_ctx *ctx, enum ks_hash hash, struct ks_str password)
{
    uint8_t salt[KS_SCRAM_SALT_LEN];
    struct ks_scram_keys keys;
    struct ks_buf record;
    struct ks_store_req *txn = ks_ctx_txn(ctx);

    ks_prng_bytes(&ctx->reactor->prng, salt, sizeof salt);
    ks_scram_keys_make(hash, password, salt, KS_SCRAM_ITERATIONS_MIN, &keys);
    ks_buf_init_secret(&record, 1024);
    ks_scram_keys_write(&record, &keys);
    if (txn && ks_buf_err(&record) == KS_OK)
        ks_store_txn_kv_put(txn, ks_user_row(ctx->user)->id, KS_STR(KS_STORE_CREDENTIALS), ks_credentials_key(hash),
            ks_buf_str(&record));
    ks_buf_done(&record);
    ks_wipe(&keys, sizeof keys);
}

static void registered(struct ks_ctx *ctx)
{
    struct ks_c2s *c = ks_login_called(ctx->parcel);

    ks_user_reload(ctx->user);
    ks_log(ctx->reactor->log, KS_INFO, "account.registered");
    if (!c)
        return;
    succeed(c, ctx->parcel);
    ks_c2s_release(c);
}

/* At home. That somebody else was quicker with the same token, or that it was taken back or another one was made, is
 * seen here; not that its time is up (XEP-0445 §4: it "MUST only be checked" when the token is given). Deriving the
 * keys takes some milliseconds of this thread: once for each account in its life, and only for those who were invited.
 */
static void register_run(struct ks_ctx *ctx)
{
    struct ks_c2s *c = ks_login_called(ctx->parcel);
    const struct ks_stanza *iq = &ctx->parcel->stanza;
    struct ks_str name = ks_xml_text(ctx->arena, ks_xml_child(iq->payload, NS_REGISTER, "username")), local;
    struct ks_str text = ks_xml_text(ctx->arena, ks_xml_child(iq->payload, NS_REGISTER, "password")), password;
    struct ks_account_row row = *ks_user_row(ctx->user);
    struct ks_audit_row audit = { .actor = KS_STR("invite"), .action = KS_STR("user.register") };
    struct ks_store_req *txn;

    if (!c || c->state != C2S_SECURE)
        return;
    if (!ks_invite_opens(ctx->arena, ctx->user, c->login->invite_token)) {
        c->login->invited = false;
        fail(c, ctx->parcel, KS_CONFLICT, BAD_TOKEN);
        ks_c2s_release(c);
        return;
    }
    if (ks_unicode_localpart(ctx->arena, name, &local) != KS_OK || !ks_str_eq(local, row.local)) {
        fail(c, ctx->parcel, KS_NOT_ACCEPTABLE,
            KS_WIRE("wire.username", "The invitation is for another address. It cannot be changed."));
        ks_c2s_release(c);
        return;
    }
    if (ks_unicode_password(ctx->arena, text, &password) != KS_OK || ks_unicode_count(password) < CHARACTERS_MIN) {
        fail(c, ctx->parcel, KS_NOT_ACCEPTABLE,
            KS_WIRE("wire.password", "The password needs at least 8 characters, and none that cannot be typed."));
        ks_c2s_release(c);
        return;
    }
    row.state = KS_ACCOUNT_ACTIVE;
    audit.subject = ctx->user->bare;
    txn = ks_ctx_txn(ctx);
    if (txn) {
        ks_store_txn_account_update(txn, &row);
        ks_store_txn_kv_del(txn, row.id, KS_STR(KS_STORE_INVITE), KS_STR_EMPTY);
        put_keys(ctx, KS_SHA256, password);
        put_keys(ctx, KS_SHA1, password);
        ks_store_txn_audit(txn, &audit);
    }
    ks_wipe((char *)(uintptr_t)text.ptr, text.len);
    if (password.ptr != text.ptr)
        ks_wipe((char *)(uintptr_t)password.ptr, password.len);
    ks_login_keep(c, ctx->parcel);
    c->login->invited = false;
    ctx->committed = registered;
}

void ks_c2s_on_register(struct ks_c2s *c, struct ks_parcel *parcel)
{
    const struct ks_stanza *iq = &parcel->stanza;
    struct ks_c2s_login *login = c->login;
    enum ks_cond cond;

    /* RFC 6120 §7.1: before the login nothing else is said. */
    if (!ks_c2s_domain(c) || !c->header_seen || login->request || login->exchanging
        || ks_stanza_read(&parcel->arena, parcel->stanza.xml, &parcel->stanza, &cond) != KS_OK
        || !(ks_xml_is(iq->payload, NS_PARS, "preauth") || ks_xml_is(iq->payload, NS_REGISTER, "query")))
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL);
    else if (ks_xml_is(iq->payload, NS_PARS, "preauth") && iq->type == KS_IQ_SET)
        on_preauth(c, parcel);
    else if (!login->invited || ks_xml_child(iq->payload, NS_REGISTER, "remove"))
        fail(c, parcel, KS_NOT_ALLOWED, KS_WIRE("wire.closed", "Accounts are made by invitation alone."));
    else if (iq->type == KS_IQ_GET)
        on_ask(c, parcel);
    else
        ks_login_call(c, ks_parcel_ref(parcel), register_run);
}
