/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* c2s_login.c -- SASL (RFC 6120 §6), binding (§7) and resumption (XEP-0198 §5).
 *
 * As soon as the client names an account, the stream moves to that account's home, where its keys are and where wrong
 * passwords are counted. Unknown, disabled and deleted accounts get keys made up from the name (ks_scram_fake): same
 * messages, same time. */
#include <stdlib.h>

#include "c2s.h"
#include "credentials.h"
#include "csi.h"
#include "device.h"
#include "enc.h"
#include "stream_limits.h"
#include "unicode.h"
#include "xml_writer.h"

#define LOGIN_BYTES_MAX 65536

struct ks_c2s_login {
    struct ks_tls_facts facts;
    struct ks_scram_server scram;
    struct ks_arena arena; /* of the exchange at hand */
    struct ks_str bare;    /* the account's JID; in arena */
    bool exchanging;       /* between <auth/> and its outcome */
    bool waiting;          /* first message read; keys are being looked for */
    unsigned tries;
    struct ks_timer delay;
    struct ks_c2s *c;
};

static void look_up(struct ks_c2s *c);

/* The stream that a parcel of call() is about; NULL when it is gone. The two forget each other. */
static struct ks_c2s *called(struct ks_parcel *parcel)
{
    struct ks_c2s *c = parcel->user;

    parcel->user = NULL;
    if (c)
        c->call = NULL;
    return c;
}

static void delayed(struct ks_timer *timer, struct ks_now now)
{
    (void)now;
    look_up(KS_CONTAINER(timer, struct ks_c2s_login, delay)->c);
}

enum ks_err ks_c2s_login_secured(struct ks_c2s *c, const struct ks_tls_facts *facts)
{
    c->login = calloc(1, sizeof *c->login);
    if (!c->login)
        return KS_ENOMEM;
    c->login->facts = *facts;
    c->login->c = c;
    c->login->delay.fire = delayed;
    ks_arena_init(&c->login->arena, LOGIN_BYTES_MAX);
    return KS_OK;
}

void ks_c2s_login_free(struct ks_c2s *c)
{
    if (!c->login)
        return;
    ks_timer_clear(&c->reactor->timers, &c->login->delay);
    ks_arena_done(&c->login->arena);
    ks_wipe(c->login, sizeof *c->login);
    free(c->login);
    c->login = NULL;
}

struct ks_str ks_c2s_login_bare(const struct ks_c2s *c)
{
    return c->login->bare;
}

static bool has_bindings(const struct ks_tls_facts *facts)
{
    return facts->has_exporter || facts->server_end_point_len;
}

static struct ks_scram_bindings bindings(const struct ks_tls_facts *facts)
{
    struct ks_scram_bindings data = { 0 };

    if (facts->has_exporter)
        data.data[KS_BIND_TLS_EXPORTER] = ks_str(facts->exporter, sizeof facts->exporter);
    if (facts->server_end_point_len)
        data.data[KS_BIND_TLS_SERVER_END_POINT] = ks_str(facts->server_end_point, facts->server_end_point_len);
    return data;
}

/* Both lists as they are offered; the counts are returned. */
static size_t offered(const struct ks_tls_facts *facts, struct ks_str names[], struct ks_str types[], size_t *ret_types)
{
    size_t count = 0;

    for (size_t i = 0; i < KS_SCRAM_MECHANISMS; i++)
        if (!ks_scram_mechanisms[i].plus || has_bindings(facts))
            names[count++] = ks_str_z(ks_scram_mechanisms[i].name);
    *ret_types = 0;
    if (facts->has_exporter)
        types[(*ret_types)++] = ks_str_z(ks_scram_binding_name(KS_BIND_TLS_EXPORTER));
    if (facts->server_end_point_len)
        types[(*ret_types)++] = ks_str_z(ks_scram_binding_name(KS_BIND_TLS_SERVER_END_POINT));
    return count;
}

void ks_c2s_login_features(struct ks_c2s *c, struct ks_arena *arena, struct ks_xml *features)
{
    struct ks_str names[KS_SCRAM_MECHANISMS], types[KS_BIND_COUNT];
    size_t type_count, count = offered(&c->login->facts, names, types, &type_count);
    struct ks_xml *list = ks_xml_add(arena, features, NS_SASL, "mechanisms");

    for (size_t i = 0; i < count; i++)
        ks_xml_add_text(arena, list, NS_SASL, "mechanism", names[i]);
    if (type_count) { /* XEP-0440 §3 */
        list = ks_xml_add(arena, features, NS_SASL_CB, "sasl-channel-binding");
        for (size_t i = 0; i < type_count; i++)
            ks_xml_set(arena, ks_xml_add(arena, list, NS_SASL_CB, "channel-binding"), "type", types[i]);
    }
    ks_limits_add(arena, features, ks_config_number(c->reactor->config, "stream.bytes_before_login"));
}

/* RFC 6120 §6.5 */
static void fail(struct ks_c2s *c, const char *condition)
{
    struct ks_c2s_login *login = c->login;
    char text[200];
    struct ks_buf buf;

    ks_buf_init(&buf, sizeof text);
    ks_buf_printf(&buf, "<failure xmlns='" NS_SASL "'><%s/></failure>", condition);
    ks_c2s_write(c, ks_buf_str(&buf));
    ks_buf_done(&buf);
    login->exchanging = login->waiting = false;
    ks_arena_reset(&login->arena);
    login->scram = (struct ks_scram_server) { 0 };
    c->reactor->stats.logins_refused++;
    ks_log(c->reactor->log, KS_INFO, "c2s.auth.refused", KS_ID("address", c->address_hash),
        KS_OURS("reason", condition), KS_NUM("tries", login->tries));
    if (++login->tries >= (unsigned)ks_config_number(c->reactor->config, "login.tries"))
        ks_c2s_close(c, KS_STREAM_POLICY_VIOLATION, KS_WIRE("wire.logins", "Too many failed logins."));
}

static void write_sasl(struct ks_c2s *c, const char *name, struct ks_str data)
{
    struct ks_buf buf;

    ks_buf_init(&buf, LOGIN_BYTES_MAX);
    ks_buf_printf(&buf, "<%s xmlns='" NS_SASL "'>", name);
    ks_base64_add(&buf, data);
    ks_buf_printf(&buf, "</%s>", name);
    if (ks_buf_err(&buf) == KS_OK)
        ks_c2s_write(c, ks_buf_str(&buf));
    ks_buf_done(&buf);
}

/* The decoded data of <auth/> or <response/>; "=" is an empty message (RFC 6120 §6.4.2). */
static enum ks_err sasl_data(struct ks_c2s *c, struct ks_parcel *parcel, struct ks_str *ret_data)
{
    struct ks_str text = ks_xml_text(&parcel->arena, parcel->stanza.xml);

    if (ks_str_is(text, "="))
        text = KS_STR_EMPTY;
    return ks_base64_read(&c->login->arena, text, ret_data);
}

/* The account that the client names. A name with @ or / would be read as another address: it gets blanks there, which
 * no account has, and so goes the way of all unknown names (scram.h). */
static enum ks_err account_named(struct ks_c2s_login *login, const struct ks_domain *domain)
{
    struct ks_str name = login->scram.username;
    char *text = ks_arena_alloc(&login->arena, name.len);

    if (!text)
        return KS_ENOMEM;
    for (size_t i = 0; i < name.len; i++)
        text[i] = strchr("@/", name.ptr[i]) ? ' ' : name.ptr[i];
    return ks_jid_text(
        &login->arena, (struct ks_jid) { ks_str(text, name.len), domain->name, KS_STR_EMPTY }, &login->bare);
}

void ks_c2s_on_auth(struct ks_c2s *c, struct ks_parcel *parcel)
{
    struct ks_c2s_login *login = c->login;
    struct ks_str name = ks_xml_attr(parcel->stanza.xml, "mechanism"), data;
    const struct ks_domain *domain = ks_c2s_domain(c);
    struct ks_scram_bindings known = bindings(&login->facts);
    const struct ks_scram_mechanism *chosen = NULL;
    enum ks_err err;

    if (!domain || !c->header_seen) {
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL);
        return;
    }
    if (login->exchanging) {
        fail(c, "malformed-request");
        return;
    }
    for (size_t i = 0; i < KS_SCRAM_MECHANISMS; i++)
        if (ks_str_is(name, ks_scram_mechanisms[i].name)
            && (!ks_scram_mechanisms[i].plus || has_bindings(&login->facts)))
            chosen = &ks_scram_mechanisms[i];
    if (!chosen) {
        fail(c, "invalid-mechanism");
        return;
    }
    if (sasl_data(c, parcel, &data) != KS_OK) {
        fail(c, "incorrect-encoding");
        return;
    }
    login->exchanging = true;
    err = ks_scram_server_first(&login->scram, &login->arena, chosen->hash, chosen->plus, has_bindings(&login->facts),
        domain->name, &known, data);
    if (err == KS_OK)
        err = account_named(login, domain);
    switch ((int)err) {
    case KS_OK:
        break;
    case KS_EDENIED:
        fail(c, "invalid-authzid");
        return;
    case KS_ECRYPTO:
        fail(c, "not-authorized");
        return;
    case KS_ENOMEM:
        fail(c, "temporary-auth-failure");
        return;
    default:
        fail(c, "malformed-request");
        return;
    }
    login->waiting = true;
    c->held = true;
    c->move_to = ks_home_of(c->reactor->server, login->bare);
    if (c->move_to != c->reactor->index) {
        c->move_wanted = true;
        ks_c2s_dirty(c);
    } else {
        ks_c2s_login_go_on(c);
    }
}

/* At the account's home: not before the guard allows it. */
void ks_c2s_login_go_on(struct ks_c2s *c)
{
    struct ks_reactor *r = c->reactor;
    struct ks_user *user;
    int64_t when;

    if (!c->login || !c->login->waiting)
        return;
    user = ks_user_at(r, c->login->bare);
    if (!user) {
        fail(c, "temporary-auth-failure");
        ks_c2s_release(c);
        return;
    }
    when = ks_guard_when(&user->guard, r->addresses, c->address_hash, r->now);
    if (when > r->now.mono_ms && ks_timer_set(&r->timers, &c->login->delay, when) == KS_OK) {
        /* The wait must not become a timeout of the stream. */
        if (ks_timer_set(&r->timers, &c->timer, when + ks_config_number(r->config, "stream.login_timeout") * 1000)
            != KS_OK)
            ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    look_up(c);
}

/* The account's data cannot be read. */
static void call_refused(struct ks_reactor *r, struct ks_parcel *parcel)
{
    struct ks_c2s *c = called(parcel);

    (void)r;
    if (c && c->state == C2S_SECURE) {
        fail(c, "temporary-auth-failure"); /* RFC 6120 §6.5.9 */
        ks_c2s_release(c);
    } else if (c) {
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
    }
}

/* Runs run at the home of the account, with this stream in parcel->user as long as it lives. */
static void call(struct ks_c2s *c, struct ks_parcel *parcel, struct ks_str bare, void (*run)(struct ks_ctx *))
{
    assert(!c->call);
    parcel->run = run;
    parcel->refused = call_refused;
    parcel->user = c;
    if (ks_arena_copy(&parcel->arena, bare, &parcel->home) != KS_OK) {
        ks_parcel_unref(c->reactor, parcel);
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    c->held = true;
    c->call = parcel;
    ks_post(c->reactor, parcel);
}

static void keys_run(struct ks_ctx *ctx)
{
    struct ks_c2s *c = called(ctx->parcel);
    struct ks_reactor *r = ctx->reactor;
    struct ks_str names[KS_SCRAM_MECHANISMS], types[KS_BIND_COUNT], downgrade, message;
    struct ks_scram_keys keys;
    struct ks_c2s_login *login;
    size_t count, type_count;

    if (!c || c->state != C2S_SECURE)
        return;
    login = c->login;
    login->waiting = false;
    ks_credentials_get(ctx->user, login->scram.hash, &keys);
    count = offered(&login->facts, names, types, &type_count);
    if (ks_scram_downgrade(&login->arena, login->scram.hash, names, count, types, type_count, &downgrade) != KS_OK
        || ks_scram_server_challenge(&login->scram, &keys, &r->prng, downgrade, &message) != KS_OK)
        fail(c, "temporary-auth-failure");
    else
        write_sasl(c, "challenge", message);
    ks_wipe(&keys, sizeof keys);
    ks_c2s_release(c);
}

static void look_up(struct ks_c2s *c)
{
    struct ks_parcel *parcel = ks_parcel_new(65536);

    if (parcel)
        call(c, parcel, c->login->bare, keys_run);
    else
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
}

void ks_c2s_on_response(struct ks_c2s *c, struct ks_parcel *parcel)
{
    struct ks_c2s_login *login = c->login;
    struct ks_reactor *r = c->reactor;
    struct ks_scram_bindings known = bindings(&login->facts);
    struct ks_str data, message, bare = login->bare;
    struct ks_user *user;
    enum ks_err err;

    if (!login->exchanging || login->waiting) {
        fail(c, "malformed-request");
        return;
    }
    user = ks_user_at(r, bare);
    /* Many streams may have had their challenge before the first of them failed: the others' proofs are not looked at,
     * or each would be a guess without a wait (RFC 6120 §6.5.11). */
    if (!user || ks_guard_when(&user->guard, r->addresses, c->address_hash, r->now) > r->now.mono_ms) {
        fail(c, "temporary-auth-failure");
        return;
    }
    err = sasl_data(c, parcel, &data);
    if (err == KS_OK)
        err = ks_scram_server_final(&login->scram, &known, data, &message);
    /* Right keys do not open an account that was disabled meanwhile. */
    if (err == KS_OK && user->state == KS_USER_LOADED && !ks_user_exists(user))
        err = KS_ECRYPTO;
    if (err == KS_ECRYPTO) {
        ks_guard_failed(&user->guard, r->addresses, c->address_hash, r->now);
        fail(c, "not-authorized");
        return;
    }
    if (err != KS_OK) {
        fail(c, "malformed-request");
        return;
    }
    ks_guard_passed(&user->guard, r->addresses, c->address_hash, r->now);
    r->stats.logins++;
    login->exchanging = false;
    ks_c2s_authed(c);
    write_sasl(c, "success", message);
}

void ks_c2s_on_abort(struct ks_c2s *c, struct ks_parcel *parcel)
{
    (void)parcel;
    fail(c, "aborted");
}

/* --- binding --- */

/* A resource of ours: 59 bits that nobody can guess. */
static enum ks_err make_resource(struct ks_reactor *r, struct ks_arena *arena, struct ks_str *ret_resource)
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
    char *text = ks_arena_alloc(arena, 12);

    if (!text)
        return KS_ENOMEM;
    for (size_t i = 0; i < 12; i++)
        text[i] = letters[ks_prng_below(&r->prng, sizeof letters - 1)];
    *ret_resource = ks_str(text, 12);
    return KS_OK;
}

static void bind_run(struct ks_ctx *ctx)
{
    struct ks_c2s *c = called(ctx->parcel);
    struct ks_reactor *r = ctx->reactor;
    struct ks_user *user = ctx->user;
    struct ks_stanza *iq = &ctx->parcel->stanza;
    struct ks_str wish = ks_xml_text(ctx->arena, ks_xml_child(iq->payload, NS_BIND, "resource")), resource;
    struct ks_session *s, *old;
    struct ks_xml *answer, *bind;

    if (!c || c->state != C2S_AUTHED)
        return;
    if (!ks_user_exists(user)) {
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL);
        return;
    }
    if (wish.len ? ks_unicode_resource(ctx->arena, wish, &resource) != KS_OK
                 : make_resource(r, ctx->arena, &resource) != KS_OK) {
        ks_c2s_write_xml(c, ks_stanza_error(ctx->arena, iq, KS_BAD_REQUEST, NULL)); /* RFC 6120 §7.7.2.1 */
        ks_c2s_release(c);
        return;
    }
    /* RFC 6120 §7.7.2.2: of three ways with a conflict we take the second, closing the old stream, because it is
     * mostly the same client come back. */
    old = ks_user_resource(user, resource);
    if (old)
        ks_session_end(old, KS_STREAM_CONFLICT);
    else if (user->session_count >= (uint16_t)ks_domain_number(ctx->domain, "session.per_account")) {
        ks_c2s_write_xml(c, ks_stanza_error(ctx->arena, iq, KS_RESOURCE_CONSTRAINT, NULL)); /* §7.6.2.1 */
        ks_c2s_release(c);
        return;
    }
    s = ks_session_new(user, resource);
    if (!s) {
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    s->device = ks_device_of(user->bare, resource, false);
    answer = ks_stanza_new(ctx->arena, "iq", "result", iq->id, KS_STR_EMPTY, KS_STR_EMPTY);
    bind = ks_xml_add(ctx->arena, answer, NS_BIND, "bind");
    ks_xml_add_text(ctx->arena, bind, NS_BIND, "jid", s->jid);
    ks_c2s_bound(c, s);
    ks_c2s_write_xml(c, answer);
    for (size_t i = 0; ks_features[i]; i++)
        if (ks_features[i]->bound)
            ks_features[i]->bound(ctx, s);
    ks_log(r->log, KS_INFO, "session.bound", KS_ID("session", s->id));
    ks_c2s_release(c);
}

void ks_c2s_on_bind(struct ks_c2s *c, struct ks_parcel *parcel)
{
    enum ks_cond cond;
    enum ks_err err = ks_stanza_read(&parcel->arena, parcel->stanza.xml, &parcel->stanza, &cond);

    if (err != KS_OK || parcel->stanza.type != KS_IQ_SET || !ks_xml_is(parcel->stanza.payload, NS_BIND, "bind")) {
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL); /* RFC 6120 §7.1 */
        return;
    }
    call(c, ks_parcel_ref(parcel), c->login->bare, bind_run);
}

/* --- resumption --- */

static void resume_failed(struct ks_c2s *c)
{
    ks_c2s_write(c, KS_STR("<failed xmlns='" NS_SM "'><item-not-found xmlns='" NS_STANZAS "'/></failed>"));
    ks_c2s_release(c);
}

static void resume_run(struct ks_ctx *ctx)
{
    struct ks_c2s *c = called(ctx->parcel);
    const struct ks_xml *element = ctx->parcel->stanza.xml;
    struct ks_str text = ks_xml_attr(element, "previd"), token;
    struct ks_session *s = NULL;
    uint64_t h, id = 0;
    struct ks_buf buf;

    if (!c || c->state != C2S_AUTHED)
        return;
    if (text.len == 2 * (8 + KS_SM_TOKEN_LEN) && ks_hex_read(ctx->arena, text, &token) == KS_OK) {
        for (int i = 0; i < 8; i++)
            id = id << 8 | (unsigned char)token.ptr[i];
        s = ks_session_find(ctx->user, id);
    }
    if (!s || !s->sm_resume || !ks_user_exists(ctx->user)
        || !ks_crypto_eq(ks_str_from(token, 8), ks_str(s->sm_token, sizeof s->sm_token))
        || ks_str_u64(ks_xml_attr(element, "h"), UINT32_MAX, &h) != KS_OK
        || ks_session_acked(s, (uint32_t)h) != KS_OK) {
        resume_failed(c);
        return;
    }
    if (s->stream) { /* the old connection is dead, or nearly */
        struct ks_c2s *old = s->stream;
        s->stream = NULL;
        old->session = NULL;
        ks_c2s_close(old, KS_STREAM_CONFLICT, NULL);
    }
    if (s->resume_waiting) { /* that one gave up, or nearly */
        struct ks_c2s *old = called(s->resume_waiting);
        ks_parcel_unref(ctx->reactor, s->resume_waiting);
        s->resume_waiting = NULL;
        if (old)
            ks_c2s_close(old, KS_STREAM_CONFLICT, NULL);
    }
    if (s->in_handled != s->in_count) {
        /* Stanzas of the broken connection are on their way to the disk. The client will send again whatever is not in
         * h, so h has to wait for them, or they would come twice. */
        s->resume_waiting = ks_parcel_ref(ctx->parcel);
        ctx->parcel->user = c;
        c->call = ctx->parcel;
        return;
    }
    ks_timer_clear(&ctx->reactor->timers, &s->expiry);
    s->asked = false;
    ks_csi_set(s, false); /* XEP-0352 §5; before there is a stream, so that what waited goes behind what was sent */
    if (s->ending) {      /* it was too much for its queue */
        resume_failed(c);
        return;
    }
    ks_buf_init(&buf, 1024);
    ks_buf_printf(&buf, "<resumed xmlns='" NS_SM "' h='%u' previd='%.*s'/>", ks_session_h(s), KS_STR_FMT(text));
    s->in_told = ks_session_h(s);
    ks_c2s_bound(c, s);
    ks_c2s_write(c, ks_buf_str(&buf));
    ks_buf_done(&buf);
    for (uint32_t i = 0; i < s->sent_count; i++)
        ks_c2s_write(c, ks_bytes_str(s->sent[(s->sent_first + i) % s->sent_cap].bytes));
    ks_log(ctx->reactor->log, KS_INFO, "session.resumed", KS_ID("session", s->id), KS_NUM("again", s->sent_count));
    ks_c2s_release(c);
}

void ks_c2s_on_resume(struct ks_c2s *c, struct ks_parcel *parcel)
{
    call(c, ks_parcel_ref(parcel), c->login->bare, resume_run);
}
