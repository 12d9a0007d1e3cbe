/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* c2s_login.c -- SASL (RFC 6120 §6), and what XEP-0388's profile of it has in common with that.
 *
 * As soon as the client names an account, the stream moves to that account's home, where its keys are and where wrong
 * passwords are counted. Unknown, disabled and deleted accounts get keys made up from the name (ks_scram_fake): same
 * messages, same time. */
#include <stdlib.h>

#include "c2s_login.h"
#include "credentials.h"
#include "enc.h"
#include "stream_limits.h"
#include "user_device.h"

#define EXTERNAL "EXTERNAL" /* RFC 4422 appendix A, XEP-0178 */

static void look_up(struct ks_c2s *c);

struct ks_c2s *ks_login_called(struct ks_parcel *parcel)
{
    struct ks_c2s *c = parcel->user;

    parcel->user = NULL;
    if (c)
        c->call = NULL;
    return c;
}

void ks_login_keep(struct ks_c2s *c, struct ks_parcel *parcel)
{
    assert(!c->call);
    parcel->user = c;
    c->call = parcel;
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
    c->login->facts.certificate = NULL; /* it was the edge's */
    c->login->c = c;
    c->login->delay.fire = delayed;
    ks_arena_init(&c->login->arena, KS_LOGIN_BYTES_MAX);
    return facts->certificate ? ks_client_cert_new(c->reactor->config, facts->certificate, &c->login->cert) : KS_OK;
}

void ks_c2s_login_free(struct ks_c2s *c)
{
    if (!c->login)
        return;
    ks_timer_clear(&c->reactor->timers, &c->login->delay);
    ks_arena_done(&c->login->arena);
    ks_parcel_unref(c->reactor, c->login->request);
    ks_parcel_unref(c->reactor, c->login->invitation);
    ks_client_cert_free(c->login->cert);
    free(c->login->from);
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

struct ks_scram_bindings ks_login_channels(const struct ks_c2s_login *login)
{
    const struct ks_tls_facts *facts = &login->facts;
    struct ks_scram_bindings data = { 0 };

    if (facts->has_exporter)
        data.data[KS_BIND_TLS_EXPORTER] = ks_str(facts->exporter, sizeof facts->exporter);
    if (facts->server_end_point_len)
        data.data[KS_BIND_TLS_SERVER_END_POINT] = ks_str(facts->server_end_point, facts->server_end_point_len);
    return data;
}

/* --- the certificate of the client (client_cert.h) --- */

static bool is_certified(const struct ks_c2s *c)
{
    return ks_client_cert_good(c->login->cert, c->domain, c->reactor->now);
}

static bool certificate_required(const struct ks_c2s *c)
{
    return ks_domain_number(ks_c2s_domain(c), "tls.client_required") != 0;
}

bool ks_c2s_login_admitted(const struct ks_c2s *c)
{
    return !certificate_required(c) || is_certified(c);
}

/* Where a certificate is required (perhaps since a moment ago), one person's does not let in another. */
static bool lets_in(const struct ks_c2s *c)
{
    const struct ks_client_cert *cert = c->login->cert;

    return !certificate_required(c)
        || (is_certified(c) && (!cert->count || ks_client_cert_names(cert, c->login->bare)));
}

bool ks_c2s_login_external(const struct ks_c2s *c)
{
    return c->login && c->login->external;
}

int64_t ks_c2s_login_end_ms(const struct ks_c2s *c)
{
    const struct ks_client_cert *cert = c->login ? c->login->cert : NULL;
    struct ks_now now = c->reactor->now;

    if (!cert || (!c->login->external && !certificate_required(c)))
        return KS_NEVER;
    return cert->end_ms > now.wall_ms ? now.mono_ms + (cert->end_ms - now.wall_ms) : now.mono_ms;
}

/* XEP-0388 §2.1: only what the server can offer to whom the header names. */
static bool offers_external(const struct ks_c2s_login *login)
{
    return is_certified(login->c) && login->cert->count
        && (!login->from || ks_client_cert_names(login->cert, ks_str_z(login->from)));
}

size_t ks_login_offered(const struct ks_c2s_login *login, struct ks_str names[KS_LOGIN_MECHANISMS],
    struct ks_str types[KS_BIND_COUNT], size_t *ret_types)
{
    const struct ks_tls_facts *facts = &login->facts;
    size_t count = 0;

    if (offers_external(login))
        names[count++] = KS_STR(EXTERNAL);
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
    struct ks_str names[KS_LOGIN_MECHANISMS], types[KS_BIND_COUNT];
    size_t type_count, count = ks_login_offered(c->login, names, types, &type_count);
    struct ks_xml *list = ks_xml_add(arena, features, NS_SASL, "mechanisms");

    for (size_t i = 0; i < count; i++)
        ks_xml_add_text(arena, list, NS_SASL, "mechanism", names[i]);
    if (type_count) { /* XEP-0440 §3 */
        list = ks_xml_add(arena, features, NS_SASL_CB, "sasl-channel-binding");
        for (size_t i = 0; i < type_count; i++)
            ks_xml_set(arena, ks_xml_add(arena, list, NS_SASL_CB, "channel-binding"), "type", types[i]);
    }
    ks_sasl2_features(c, arena, features);
    ks_register_features(arena, features);
    ks_limits_add(arena, features, ks_config_number(c->reactor->config, "stream.bytes_before_login"));
}

/* Of the profile at hand (RFC 6120 §6.4, XEP-0388 §2). */
static const char *profile(const struct ks_c2s_login *login)
{
    return login->request ? NS_SASL2 : NS_SASL;
}

void ks_login_fail(struct ks_c2s *c, const char *condition)
{
    struct ks_c2s_login *login = c->login;
    char text[200];
    struct ks_buf buf;

    ks_buf_init(&buf, sizeof text);
    ks_buf_printf(&buf, "<failure xmlns='%s'><%s xmlns='" NS_SASL "'/></failure>", profile(login), condition);
    ks_c2s_write(c, ks_buf_str(&buf));
    ks_buf_done(&buf);
    login->exchanging = login->waiting = login->invited = false; /* whose names are in the arena */
    ks_arena_reset(&login->arena);
    ks_parcel_unref(c->reactor, login->request);
    login->request = NULL;
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

    ks_buf_init(&buf, KS_LOGIN_BYTES_MAX);
    ks_buf_printf(&buf, "<%s xmlns='%s'>", name, profile(c->login));
    ks_base64_add(&buf, data);
    ks_buf_printf(&buf, "</%s>", name);
    if (ks_buf_err(&buf) == KS_OK)
        ks_c2s_write(c, ks_buf_str(&buf));
    ks_buf_done(&buf);
}

/* The account that the client names. A name with @ or / would be read as another address: it gets blanks there, which
 * no account has, and so goes the way of all unknown names (scram.h). */
static enum ks_err account_named(struct ks_c2s_login *login, const struct ks_domain *domain, struct ks_str name)
{
    char *text = ks_arena_alloc(&login->arena, name.len);

    if (!text)
        return KS_ENOMEM;
    for (size_t i = 0; i < name.len; i++)
        text[i] = strchr("@/", name.ptr[i]) ? ' ' : name.ptr[i];
    return ks_jid_text(
        &login->arena, (struct ks_jid) { ks_str(text, name.len), domain->name, KS_STR_EMPTY }, &login->bare);
}

/* SCRAM's first message. */
static enum ks_err begin_scram(struct ks_c2s *c, const struct ks_scram_mechanism *chosen, struct ks_str data)
{
    const struct ks_domain *domain = ks_c2s_domain(c);
    struct ks_c2s_login *login = c->login;
    struct ks_scram_bindings known = ks_login_channels(login);
    enum ks_err err = ks_scram_server_first(&login->scram, &login->arena, chosen->hash, chosen->plus,
        has_bindings(&login->facts), domain->name, &known, data);

    return err == KS_OK ? account_named(login, domain, login->scram.username) : err;
}

/* A token's only message. XEP-0484 §4.1: the client says which installation it is, and that this is a token. */
static enum ks_err begin_token(struct ks_c2s *c, struct ks_str data)
{
    struct ks_c2s_login *login = c->login;
    struct ks_str name;
    enum ks_err err;

    if (!login->agent.len || !ks_xml_child(login->request->stanza.xml, NS_FAST, "fast"))
        return KS_ESYNTAX;
    err = ks_ht_read_first(&login->arena, data, &name, &login->proof);
    return err == KS_OK ? account_named(login, ks_c2s_domain(c), name) : err;
}

/* The client says as whom its certificate is to let it in, or nothing. */
static enum ks_err begin_external(struct ks_c2s *c, struct ks_str data)
{
    struct ks_c2s_login *login = c->login;
    struct ks_str bare;
    enum ks_err err = ks_client_cert_authorize(login->cert, &login->arena, data, &bare);

    return err == KS_OK ? ks_arena_copy(&login->arena, bare, &login->bare) : err;
}

static const struct ks_scram_mechanism *scram_mechanism(const struct ks_c2s_login *login, struct ks_str name)
{
    for (size_t i = 0; i < KS_SCRAM_MECHANISMS; i++)
        if (ks_str_is(name, ks_scram_mechanisms[i].name)
            && (!ks_scram_mechanisms[i].plus || has_bindings(&login->facts)))
            return &ks_scram_mechanisms[i];
    return NULL;
}

void ks_login_go_home(struct ks_c2s *c, struct ks_str bare)
{
    c->login->bare = bare;
    c->login->waiting = true;
    ks_c2s_move(c, ks_home_of(c->reactor->server, bare));
}

/* The client's first message: it says who logs in. scram: by that, if it is not by the certificate or by a token. */
static void take_first(struct ks_c2s *c, const struct ks_scram_mechanism *scram, struct ks_str text)
{
    struct ks_c2s_login *login = c->login;
    struct ks_str data;
    enum ks_err err;

    if (ks_base64_read(&login->arena, text, &data) != KS_OK) {
        ks_login_fail(c, "incorrect-encoding");
        return;
    }
    login->exchanging = true;
    err = login->external ? begin_external(c, data) : login->ht ? begin_token(c, data) : begin_scram(c, scram, data);
    /* XEP-0388 §2.3: whoever the stream header names is the one who logs in. */
    if (err == KS_OK && login->request && login->from && !ks_str_is(login->bare, login->from))
        err = KS_EDENIED;
    if (err == KS_OK && !lets_in(c))
        err = KS_ECRYPTO;
    switch ((int)err) {
    case KS_OK:
        break;
    case KS_EDENIED:
        ks_login_fail(c, "invalid-authzid");
        return;
    case KS_ECRYPTO:
        ks_login_fail(c, "not-authorized");
        return;
    case KS_ENOMEM:
        ks_login_fail(c, "temporary-auth-failure");
        return;
    default:
        ks_login_fail(c, "malformed-request");
        return;
    }
    ks_login_go_home(c, login->bare);
}

void ks_login_begin(struct ks_c2s *c, struct ks_str mechanism, struct ks_str text)
{
    struct ks_c2s_login *login = c->login;
    struct ks_scram_bindings known = ks_login_channels(login);
    const struct ks_scram_mechanism *scram = scram_mechanism(login, mechanism);

    login->invited = false;
    login->external = ks_str_is(mechanism, EXTERNAL) && offers_external(login);
    login->ht = login->request ? ks_fast_mechanism(ks_c2s_domain(c), &known, mechanism) : NULL;
    if (!scram && !login->ht && !login->external) {
        ks_login_fail(c, "invalid-mechanism");
    } else if (login->external && !text.ptr) { /* RFC 4422 §3: it asks for a challenge, which has nothing to say */
        login->exchanging = true;
        write_sasl(c, "challenge", KS_STR_EMPTY);
    } else {
        take_first(c, scram, text);
    }
}

/* "=" is an empty message (RFC 6120 §6.4.2); none at all has no ptr. */
static struct ks_str text_of(struct ks_parcel *parcel)
{
    struct ks_str text = ks_xml_text(&parcel->arena, parcel->stanza.xml);

    return ks_str_is(text, "=") ? KS_STR("") : text;
}

void ks_c2s_on_auth(struct ks_c2s *c, struct ks_parcel *parcel)
{
    if (!ks_c2s_domain(c) || !c->header_seen || c->login->request)
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL);
    else if (c->login->exchanging)
        ks_login_fail(c, "malformed-request");
    else
        ks_login_begin(c, ks_xml_attr(parcel->stanza.xml, "mechanism"), text_of(parcel));
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
        ks_login_fail(c, "temporary-auth-failure");
        ks_c2s_release(c);
        return;
    }
    when = c->login->ht || c->login->external || c->login->invitation
        ? ks_guard_token_when(r->addresses, c->address_hash, r->now)
        : ks_guard_when(&user->guard, r->addresses, c->address_hash, r->now);
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
    struct ks_c2s *c = ks_login_called(parcel);

    (void)r;
    if (c && c->state == C2S_SECURE) {
        if (!ks_register_refused(c, parcel))
            ks_login_fail(c, "temporary-auth-failure"); /* RFC 6120 §6.5.9 */
        ks_c2s_release(c);
    } else if (c) {
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
    }
}

void ks_login_call(struct ks_c2s *c, struct ks_parcel *parcel, void (*run)(struct ks_ctx *))
{
    parcel->run = run;
    parcel->refused = call_refused;
    if (ks_arena_copy(&parcel->arena, c->login->bare, &parcel->home) != KS_OK) {
        ks_parcel_unref(c->reactor, parcel);
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    c->held = true;
    ks_login_keep(c, parcel);
    ks_post(c->reactor, parcel);
}

/* It is proven who this is. */
static void prove(struct ks_c2s *c, struct ks_user *user)
{
    struct ks_reactor *r = c->reactor;

    ks_guard_passed(&user->guard, r->addresses, c->address_hash, r->now);
    c->login->proven_at = r->outs;
    r->stats.logins++;
}

bool ks_login_stands(const struct ks_c2s *c, const struct ks_user *user)
{
    return ks_user_exists(user) && user->out_at <= c->login->proven_at;
}

static void challenge(struct ks_c2s *c, const struct ks_user *user)
{
    struct ks_c2s_login *login = c->login;
    struct ks_str names[KS_LOGIN_MECHANISMS], types[KS_BIND_COUNT], downgrade, message;
    size_t type_count, count = ks_login_offered(login, names, types, &type_count);
    struct ks_scram_keys keys;

    ks_credentials_get(user, login->scram.hash, &keys);
    if (ks_scram_downgrade(&login->arena, login->scram.hash, names, count, types, type_count, &downgrade) != KS_OK
        || ks_scram_server_challenge(&login->scram, &keys, &c->reactor->prng, downgrade, &message) != KS_OK)
        ks_login_fail(c, "temporary-auth-failure");
    else
        write_sasl(c, "challenge", message);
    ks_wipe(&keys, sizeof keys);
    ks_c2s_release(c);
}

/* It was proven who this is; message is the mechanism's last word, or its ptr is NULL. */
static void succeed(struct ks_c2s *c, struct ks_user *user, struct ks_str message)
{
    if (!lets_in(c)) { /* no more: a password's proof takes as long as the client wants */
        ks_login_fail(c, "not-authorized");
        ks_c2s_release(c);
        return;
    }
    prove(c, user);
    if (c->login->request) {
        ks_sasl2_succeed(c, message);
        return;
    }
    c->login->exchanging = false;
    ks_c2s_authed(c, true);
    write_sasl(c, "success", message);
}

/* TLS proved that the client has the certificate's key. */
static void check_certificate(struct ks_c2s *c, struct ks_user *user)
{
    struct ks_reactor *r = c->reactor;

    if (ks_user_exists(user) && is_certified(c)) {
        succeed(c, user, KS_STR_EMPTY);
        if (c->state == C2S_AUTHED)
            ks_c2s_release(c);
        return;
    }
    ks_guard_token_failed(r->addresses, c->address_hash, r->now);
    ks_login_fail(c, "not-authorized");
    ks_c2s_release(c);
}

static void check_token(struct ks_c2s *c, struct ks_user *user)
{
    struct ks_c2s_login *login = c->login;
    const struct ks_xml *fast = ks_xml_child(login->request->stanza.xml, NS_FAST, "fast");
    struct ks_scram_bindings known = ks_login_channels(login);
    struct ks_fast_try attempt = { .mechanism = login->ht,
        .device = ks_device_of(user->bare, login->agent, true),
        .channel = known.data[login->ht->binding],
        .proof = login->proof,
        .counted = ks_xml_attr(fast, "count").ptr };
    enum ks_fast_verdict verdict = KS_FAST_WRONG;
    uint8_t answer[KS_HT_PROOF_LEN];

    if (!attempt.counted || ks_str_u64(ks_xml_attr(fast, "count"), UINT32_MAX, &attempt.count) == KS_OK)
        verdict = ks_fast_check(user, &attempt, &login->token, answer);
    if (verdict == KS_FAST_RIGHT) {
        succeed(c, user, ks_str(answer, sizeof answer));
        return;
    }
    ks_guard_token_failed(c->reactor->addresses, c->address_hash, c->reactor->now);
    ks_login_fail(c, verdict == KS_FAST_EXPIRED ? "credentials-expired" : "not-authorized");
    ks_c2s_release(c);
}

/* At the account's home, with its data there. */
static void keys_run(struct ks_ctx *ctx)
{
    struct ks_c2s *c = ks_login_called(ctx->parcel);

    if (!c || c->state != C2S_SECURE)
        return;
    c->login->waiting = false;
    if (c->login->invitation)
        ks_register_looked_up(ctx, c);
    else if (c->login->external)
        check_certificate(c, ctx->user);
    else if (c->login->ht)
        check_token(c, ctx->user);
    else
        challenge(c, ctx->user);
}

static void look_up(struct ks_c2s *c)
{
    struct ks_parcel *parcel = ks_parcel_new(65536);

    if (parcel)
        ks_login_call(c, parcel, keys_run);
    else
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
}

void ks_login_respond(struct ks_c2s *c, struct ks_str text)
{
    struct ks_c2s_login *login = c->login;
    struct ks_reactor *r = c->reactor;
    struct ks_scram_bindings known = ks_login_channels(login);
    struct ks_str data, message, bare = login->bare;
    struct ks_user *user;
    enum ks_err err;

    if (!login->exchanging || login->waiting || login->ht) {
        ks_login_fail(c, "malformed-request");
        return;
    }
    if (login->external) {
        take_first(c, NULL, text);
        return;
    }
    user = ks_user_at(r, bare);
    /* Many streams may have had their challenge before the first of them failed: the others' proofs are not looked at,
     * or each would be a guess without a wait (RFC 6120 §6.5.11). */
    if (!user || ks_guard_when(&user->guard, r->addresses, c->address_hash, r->now) > r->now.mono_ms) {
        ks_login_fail(c, "temporary-auth-failure");
        return;
    }
    err = ks_base64_read(&login->arena, text, &data);
    if (err == KS_OK)
        err = ks_scram_server_final(&login->scram, &known, data, &message);
    /* Right keys do not open an account that was disabled meanwhile. */
    if (err == KS_OK && user->state == KS_USER_LOADED && !ks_user_exists(user))
        err = KS_ECRYPTO;
    if (err == KS_ECRYPTO) {
        ks_guard_failed(&user->guard, r->addresses, c->address_hash, r->now);
        ks_login_fail(c, "not-authorized");
        return;
    }
    if (err != KS_OK) {
        ks_login_fail(c, "malformed-request");
        return;
    }
    succeed(c, user, message);
}

void ks_c2s_on_response(struct ks_c2s *c, struct ks_parcel *parcel)
{
    if (c->login->request)
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL);
    else
        ks_login_respond(c, text_of(parcel));
}

void ks_c2s_on_abort(struct ks_c2s *c, struct ks_parcel *parcel)
{
    (void)parcel;
    if (c->login->request)
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL);
    else
        ks_login_fail(c, "aborted");
}
