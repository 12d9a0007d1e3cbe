/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "stream.h"

#include <stdlib.h>

#include "engine.h"
#include "utf8.h"
#include "xml_writer.h"

#define OUT_BYTES_MAX (64u * 1024 * 1024)
#define HEADER_BYTES_MAX 8192
#define ELEMENT_BYTES_MAX (16u * 1024 * 1024)

/* --- telling --- */

static enum ks_err tell_connection(struct konsil *k, void *arg)
{
    return ks_tell(k, KS_EV_CONNECTION, arg);
}

static void tell(struct konsil *k, enum ks_js_connection state)
{
    struct ks_ev_connection event = { .state = state };

    if (k->stream.jid)
        event.jid = ks_str_z(k->stream.jid);
    (void)ks_step(k, tell_connection, &event);
}

static void tell_offline(struct konsil *k, const char *code, struct ks_str detail, int64_t retry_ms)
{
    struct ks_ev_connection event = { .state = KS_JS_CONNECTION_OFFLINE,
        .reason = ks_str_z(code),
        .detail = detail.len > 0 ? detail : KS_STR_EMPTY,
        .retry_ms = retry_ms };

    (void)ks_step(k, tell_connection, &event);
}

/* --- asking the driver --- */

static void request(struct konsil *k, enum konsil_request_kind kind)
{
    struct ks_stream *s = &k->stream;

    /* A driver that takes requests after each call never lets three gather. */
    if (s->request_count == KS_COUNT(s->requests)) {
        memmove(s->requests, s->requests + 1, (KS_COUNT(s->requests) - 1) * sizeof(s->requests[0]));
        s->request_count--;
    }
    s->requests[s->request_count++] = (struct konsil_request) { .kind = kind,
        .host = k->host ? k->host : k->domain,
        .domain = k->domain,
        .port = k->port,
        .direct_tls = k->direct_tls,
        .url = s->url };
}

bool konsil_next_request(struct konsil *k, struct konsil_request *ret_request)
{
    struct ks_stream *s = &k->stream;

    if (s->request_count == 0)
        return false;
    *ret_request = s->requests[0];
    memmove(s->requests, s->requests + 1, --s->request_count * sizeof(s->requests[0]));
    return true;
}

static void connect_now(struct konsil *k)
{
    struct ks_stream *s = &k->stream;

    k->wait_ms[KS_WAIT_CONNECT] = KS_NEVER;
    k->wait_ms[KS_WAIT_LOGIN] = k->now.mono_ms + KS_STREAM_LOGIN_MS;
    s->state = KS_STREAM_CONNECTING;
    s->generation++;
    s->tls_known = s->messages = false;
    free(s->url);
    s->url = s->see_other; /* once */
    s->see_other = NULL;
    ks_buf_reset(&s->out);
    ks_buf_reset(&s->in);
    s->in_seen = 0;
    request(k, KONSIL_CONNECT);
    tell(k, KS_JS_CONNECTION_CONNECTING);
}

/* --- losing the connection --- */

static int64_t retry_delay(struct konsil *k)
{
    struct ks_stream *s = &k->stream;
    int64_t delay = 1000;

    for (uint32_t i = 0; i < s->tries && delay < KS_STREAM_RETRY_MAX_MS; i++)
        delay *= 2;
    delay = ks_sooner(delay, KS_STREAM_RETRY_MAX_MS);
    s->tries++;
    return delay - (int64_t)ks_prng_below(&k->prng, (uint64_t)delay / 2 + 1);
}

/* The connection is no more. code NULL: nothing is told. again: it is tried again. */
static void lose(struct konsil *k, const char *code, struct ks_str detail, bool again)
{
    struct ks_stream *s = &k->stream;
    int64_t delay = 0;

    if (s->state == KS_STREAM_OFF)
        return;
    s->state = KS_STREAM_OFF;
    s->sm_asked = false;
    ks_buf_reset(&s->in);
    s->in_seen = 0;
    k->wait_ms[KS_WAIT_LOGIN] = k->wait_ms[KS_WAIT_PING] = KS_NEVER;
    s->wanted = s->wanted && again;
    if (!s->wanted)
        ks_sm_reset(&s->sm);
    if (s->wanted) {
        delay = retry_delay(k);
        k->wait_ms[KS_WAIT_CONNECT] = k->now.mono_ms + delay;
    }
    if (code)
        tell_offline(k, code, detail, delay);
    ks_login_done(&s->login);
    ks_engine_lost(k);
}

/* Says goodbye as far as the stream stands, and closes. */
static void close_stream(struct konsil *k)
{
    struct ks_stream *s = &k->stream;

    if (s->state == KS_STREAM_ONLINE || (s->state == KS_STREAM_LOGIN && s->login.state != KS_LOGIN_HANDSHAKE))
        ks_buf_z(&s->out, s->messages ? "<close xmlns='" NS_FRAMING "'/>" : "</stream:stream>");
    request(k, KONSIL_CLOSE);
}

static void give_up(struct konsil *k, const char *code, struct ks_str detail, bool again)
{
    close_stream(k);
    lose(k, code, detail, again);
}

/* The password is not the account's, or no more: whoever connects next has to know the new one. */
static void refused(struct konsil *k, struct ks_str detail)
{
    give_up(k, KS_CODE_LOGIN_REFUSED, detail, false);
    ks_engine_forget_password(k);
}

void ks_stream_error(struct konsil *k, const char *condition)
{
    ks_buf_printf(
        &k->stream.out, "<stream:error><%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", condition);
    give_up(k, KS_CODE_PROTOCOL, ks_str_z(condition), true);
}

void ks_stream_ended(struct konsil *k)
{
    give_up(k, KS_CODE_NETWORK, KS_STR_EMPTY, true);
}

void ks_stream_drop(struct konsil *k, const char *code)
{
    if (k->stream.state != KS_STREAM_OFF) {
        /* Without </stream:stream>, so that the server keeps the session for resumption (XEP-0198 §5). */
        request(k, KONSIL_CLOSE);
        lose(k, code, KS_STR_EMPTY, true);
    }
}

void ks_stream_want(struct konsil *k)
{
    k->stream.wanted = true;
    if (k->stream.state == KS_STREAM_OFF)
        connect_now(k);
}

void ks_stream_unwant(struct konsil *k, const char *code)
{
    struct ks_stream *s = &k->stream;

    s->wanted = false;
    k->wait_ms[KS_WAIT_CONNECT] = KS_NEVER;
    if (s->state == KS_STREAM_OFF) {
        ks_sm_reset(&s->sm);
        tell_offline(k, code, KS_STR_EMPTY, 0);
        return;
    }
    if (s->state == KS_STREAM_ONLINE)
        ks_buf_z(&s->out, "<presence type='unavailable'/>");
    give_up(k, code, KS_STR_EMPTY, false);
}

void ks_stream_retry(struct konsil *k)
{
    k->wait_ms[KS_WAIT_CONNECT] = KS_NEVER;
    if (k->stream.wanted && k->stream.state == KS_STREAM_OFF)
        connect_now(k);
}

void ks_stream_late(struct konsil *k)
{
    k->wait_ms[KS_WAIT_LOGIN] = KS_NEVER;
    ks_stream_drop(k, KS_CODE_TIMEOUT);
}

/* --- sending --- */

/* A write that fails for want of memory leaves the engine without a way to go on. */
static bool out_ok(struct konsil *k)
{
    enum ks_err err = ks_buf_err(&k->stream.out);

    if (err == KS_ENOMEM)
        k->failed = err;
    else if (err != KS_OK)
        ks_stream_drop(k, KS_CODE_NETWORK);
    return err == KS_OK;
}

/* When something has to be said next: because the server is silent, or because we are (XEP-0478 §3.1). */
static void set_ping(struct konsil *k)
{
    struct ks_stream *s = &k->stream;

    k->wait_ms[KS_WAIT_PING] = s->quiet_ms;
    if (s->idle_ms > 0)
        k->wait_ms[KS_WAIT_PING] = ks_sooner(s->quiet_ms, s->spoke_ms + s->idle_ms * KS_STREAM_IDLE_PERCENT / 100);
}

static void spoke(struct konsil *k)
{
    k->stream.spoke_ms = k->now.mono_ms;
    if (k->stream.idle_ms > 0)
        set_ping(k);
}

void ks_stream_send(struct konsil *k, struct ks_str stanza, uint64_t tag)
{
    struct ks_stream *s = &k->stream;
    enum ks_err err;

    if (s->state != KS_STREAM_ONLINE)
        return;
    if (stanza.len > s->stanza_max) {
        ks_log(k->log, KS_WARNING, "client.stanza.too_big", KS_NUM("bytes", stanza.len));
        return;
    }
    if (s->sm.enabled && (err = ks_sm_sent(&s->sm, stanza, tag)) != KS_OK) {
        if (err == KS_ENOMEM)
            k->failed = err;
        else
            ks_stream_drop(k, KS_CODE_TIMEOUT);
        return;
    }
    s->sm_fresh = true;
    ks_buf_add(&s->out, stanza);
    spoke(k);
    (void)out_ok(k);
}

/* Once for all that was sent since the last time. A server that answers before everything is durable tells the rest
 * unasked; to ask again and again would only keep both awake. */
static void ask(struct ks_stream *s)
{
    ks_buf_z(&s->out, "<r xmlns='urn:xmpp:sm:3'/>");
    s->sm_asked = true;
    s->sm_fresh = false;
}

void ks_stream_flush(struct konsil *k)
{
    struct ks_stream *s = &k->stream;

    if (s->state != KS_STREAM_ONLINE || !s->sm.enabled || s->sm_asked || !s->sm_fresh)
        return;
    ask(s);
    (void)out_ok(k);
}

void konsil_output(const struct konsil *k, const char **ret_bytes, size_t *ret_len)
{
    *ret_bytes = k->stream.out.ptr;
    *ret_len = k->failed == KS_OK ? k->stream.out.len : 0;
}

void konsil_output_sent(struct konsil *k, size_t len)
{
    ks_buf_drop(&k->stream.out, len);
}

/* Something that means nothing, so that both know that the other is there. RFC 7395 §3.8: "white space keepalives" are
 * nothing for a WebSocket; there it is a question. */
static void say_nothing(struct ks_stream *s)
{
    ks_buf_z(&s->out,
        !s->messages        ? " "
            : s->sm.enabled ? "<r xmlns='" NS_SM "'/>"
                            : "<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>");
}

/* The server is silent: first it is asked, then it is given up. */
static void probe(struct konsil *k)
{
    struct ks_stream *s = &k->stream;

    if (s->sm_asked) {
        ks_stream_drop(k, KS_CODE_TIMEOUT);
        return;
    }
    if (s->sm.enabled)
        ask(s);
    else
        say_nothing(s);
    s->quiet_ms = k->now.mono_ms + (s->sm.enabled ? KS_STREAM_DEAD_MS : KS_STREAM_QUIET_MS);
    s->spoke_ms = k->now.mono_ms;
    if (out_ok(k))
        set_ping(k);
}

void ks_stream_ping(struct konsil *k)
{
    struct ks_stream *s = &k->stream;

    k->wait_ms[KS_WAIT_PING] = KS_NEVER;
    if (s->state != KS_STREAM_ONLINE)
        return;
    if (k->now.mono_ms >= s->quiet_ms) {
        probe(k);
        return;
    }
    say_nothing(s); /* only we were silent */
    spoke(k);
    (void)out_ok(k);
}

/* --- whether somebody looks (XEP-0352 §4.2) --- */

static void tell_attention(struct konsil *k)
{
    struct ks_stream *s = &k->stream;

    if (s->state != KS_STREAM_ONLINE || !s->csi)
        return;
    ks_buf_printf(&s->out, "<%s xmlns='" NS_CSI "'/>", s->unattended ? "inactive" : "active");
    spoke(k);
    (void)out_ok(k);
}

void ks_stream_attend(struct konsil *k, bool attended)
{
    if (k->stream.unattended == !attended)
        return;
    k->stream.unattended = !attended;
    tell_attention(k);
}

/* --- stream management while online (XEP-0198 §4) --- */

struct tags {
    struct ks_buf list;
};

static void collect(void *user, uint64_t tag)
{
    struct tags *tags = user;

    ks_buf_add(&tags->list, ks_str(&tag, sizeof(tag)));
}

/* Tells the engine what the server has now. */
static void hand_over(struct konsil *k, struct tags *tags)
{
    if (ks_buf_err(&tags->list) != KS_OK)
        k->failed = KS_ENOMEM;
    else if (tags->list.len > 0)
        ks_engine_acked(k, (const uint64_t *)(const void *)tags->list.ptr, tags->list.len / sizeof(uint64_t));
    ks_buf_done(&tags->list);
}

static void tags_init(struct tags *tags)
{
    ks_buf_init(&tags->list, KS_SM_UNACKED_MAX * sizeof(uint64_t));
}

static void on_sm(struct konsil *k, const struct ks_xml *element)
{
    struct ks_stream *s = &k->stream;
    struct tags tags;
    uint64_t h;

    if (ks_xml_is(element, NS_SM, "r") && s->sm.enabled) {
        /* Everything before it is handled and durable: steps end before the next element is looked at. */
        ks_buf_printf(&s->out, "<a xmlns='urn:xmpp:sm:3' h='%u'/>", s->sm.handled);
        (void)out_ok(k);
        return;
    }
    if (!ks_xml_is(element, NS_SM, "a") || !s->sm.enabled) {
        ks_stream_error(k, "unsupported-stanza-type");
        return;
    }
    tags_init(&tags);
    s->sm_asked = false;
    if (ks_str_u64(ks_xml_attr(element, "h"), UINT32_MAX, &h) != KS_OK
        || ks_sm_acked(&s->sm, (uint32_t)h, collect, &tags) != KS_OK) {
        ks_buf_done(&tags.list);
        /* XEP-0198 §4 wants undefined-condition with its own element; the plain condition says enough. */
        ks_sm_reset(&s->sm);
        ks_stream_error(k, "undefined-condition");
        return;
    }
    hand_over(k, &tags);
    ks_stream_flush(k);
}

/* --- login --- */

static void send_again(struct konsil *k)
{
    struct ks_stream *s = &k->stream;
    const struct ks_sm_item *item = NULL;
    struct ks_str bytes;

    while ((item = ks_sm_next(&s->sm, item, &bytes))) {
        ks_buf_add(&s->out, bytes);
        s->sm_fresh = true;
    }
}

static void went_online(struct konsil *k, bool resumed)
{
    struct ks_stream *s = &k->stream;

    if (!resumed) {
        free(s->jid);
        if (!(s->jid = ks_str_dup(s->login.jid))) {
            k->failed = KS_ENOMEM;
            return;
        }
        s->rosterver = s->login.rosterver;
        s->carbons = s->login.carbons;
    }
    if (s->login.featured) { /* else it is what the session began with (XEP-0198 §9.2) */
        s->csi = s->login.csi;
        s->idle_ms = s->login.idle_ms;
        s->stanza_max = s->login.bytes_max > 0 && s->login.bytes_max < KS_STANZA_SENT_MAX ? (size_t)s->login.bytes_max
                                                                                          : KS_STANZA_SENT_MAX;
    }
    s->quiet_ms = k->now.mono_ms + KS_STREAM_QUIET_MS;
    s->state = KS_STREAM_ONLINE;
    k->wait_ms[KS_WAIT_LOGIN] = KS_NEVER;
    if (s->unattended) /* §5.1: each stream begins as active, a resumed one too */
        tell_attention(k);
    if (resumed)
        send_again(k);
    ks_engine_online(k, resumed);
    ks_stream_flush(k);
}

static void after_login_step(struct konsil *k, enum ks_login_state before)
{
    struct ks_stream *s = &k->stream;
    enum ks_login_state state = s->login.state;

    if (s->login.restart) {
        s->login.restart = false;
        s->header_due = true;
        ks_framer_restart(&s->framer);
    }
    if (state == before)
        return;
    if (s->login.token_refused)
        ks_engine_forget_token(k);
    k->invite_tried = k->invite_tried || s->login.registering;
    if (before == KS_LOGIN_REGISTER && !s->login.registering)
        k->invite_tried = false;
    if (s->login.registered || (state == KS_LOGIN_FAILED && s->login.final))
        ks_engine_forget_invite(k);
    if (state == KS_LOGIN_HANDSHAKE)
        request(k, KONSIL_START_TLS);
    else if (state == KS_LOGIN_AUTHED || state == KS_LOGIN_WELCOME)
        tell(k, KS_JS_CONNECTION_AUTHENTICATED);
    else if (state == KS_LOGIN_BOUND || state == KS_LOGIN_RESUMED)
        went_online(k, state == KS_LOGIN_RESUMED);
    else if (state == KS_LOGIN_FAILED && strcmp(s->login.code, KS_CODE_LOGIN_REFUSED) == 0)
        refused(k, s->login.detail);
    else if (state == KS_LOGIN_FAILED)
        give_up(k, s->login.code, s->login.detail, !s->login.final);
}

static void on_login_element(struct konsil *k, const struct ks_xml *element)
{
    struct ks_stream *s = &k->stream;
    enum ks_login_state before = s->login.state;
    uint32_t generation = s->generation;
    struct tags tags;
    enum ks_err err;

    tags_init(&tags);
    err = ks_login_element(&s->login, &s->element, element, &s->out, collect, &tags);
    if (err != KS_OK)
        k->failed = err;
    else if (s->generation == generation)
        after_login_step(k, before);
    hand_over(k, &tags);
}

static void login_setup(struct konsil *k, bool direct)
{
    struct ks_stream *s = &k->stream;
    struct ks_login_setup setup = { .local = ks_str_z(k->local),
        .domain = ks_str_z(k->domain),
        .password = k->password ? ks_str_z(k->password) : KS_STR_EMPTY,
        .resource = ks_str_z(k->resource),
        .agent = ks_str_z(k->agent),
        .device = ks_str_z(k->device_name),
        .token = k->token ? ks_str_z(k->token) : KS_STR_EMPTY,
        .mechanism = k->token ? ks_str_z(k->token_mechanism) : KS_STR_EMPTY,
        .invite = k->invite ? ks_str_z(k->invite) : KS_STR_EMPTY,
        .messages = s->messages,
        .invite_tried = k->invite_tried,
        .prng = &k->prng,
        .sm = &s->sm };

    s->state = KS_STREAM_LOGIN;
    s->sm_asked = false;
    ks_framer_init(&s->framer, KS_STANZA_READ_MAX, KS_STREAM_DEPTH_MAX);
    /* What a lost session of ours still counts stays in sm until the server says whether it resumes. */
    k->failed = ks_login_init(&s->login, &setup, direct, &s->out);
    s->login.restart = false;
}

static void login_secured(struct konsil *k)
{
    struct ks_stream *s = &k->stream;
    enum ks_err err = ks_login_secured(&s->login,
        s->tls.has_exporter ? ks_str(s->tls.exporter, sizeof(s->tls.exporter)) : KS_STR_EMPTY,
        ks_str(s->tls.server_end_point, s->tls.server_end_point_len), s->tls.certified, &s->out);

    if (err != KS_OK) {
        k->failed = err;
        return;
    }
    s->login.restart = false;
    s->header_due = true;
    ks_framer_restart(&s->framer);
    ks_buf_reset(&s->in); /* RFC 6120 §5.4.3.3: what was said in clear is forgotten */
    s->in_seen = 0;
    tell(k, KS_JS_CONNECTION_SECURED);
}

static void opened(struct konsil *k, bool secure)
{
    login_setup(k, secure);
    if (k->failed == KS_OK && secure)
        login_secured(k);
    if (k->failed == KS_OK)
        (void)out_ok(k);
}

void konsil_opened(struct konsil *k, struct konsil_now now)
{
    struct ks_stream *s = &k->stream;

    k->now = (struct ks_now) { now.mono_ms, now.wall_ms };
    if (k->failed == KS_OK && s->state == KS_STREAM_CONNECTING && k->direct_tls == s->tls_known)
        opened(k, k->direct_tls);
}

void konsil_opened_messages(struct konsil *k, struct konsil_now now)
{
    struct ks_stream *s = &k->stream;

    k->now = (struct ks_now) { now.mono_ms, now.wall_ms };
    if (k->failed != KS_OK || s->state != KS_STREAM_CONNECTING)
        return;
    if (!s->tls_known) /* a browser does not tell */
        s->tls = (struct konsil_tls) { .has_exporter = false };
    s->messages = true;
    opened(k, true);
}

void konsil_secured(struct konsil *k, const struct konsil_tls *tls, struct konsil_now now)
{
    struct ks_stream *s = &k->stream;

    k->now = (struct ks_now) { now.mono_ms, now.wall_ms };
    if (k->failed != KS_OK)
        return;
    if (s->state == KS_STREAM_CONNECTING) {
        s->tls = *tls;
        s->tls_known = true;
    } else if (s->state == KS_STREAM_LOGIN && s->login.state == KS_LOGIN_HANDSHAKE) {
        s->tls = *tls;
        login_secured(k);
    }
}

void konsil_closed(struct konsil *k, enum konsil_lost why, struct konsil_now now)
{
    static const char *const codes[] = { [KONSIL_LOST_NETWORK] = KS_CODE_NETWORK,
        [KONSIL_LOST_TLS] = KS_CODE_TLS,
        [KONSIL_LOST_CERTIFICATE] = KS_CODE_CERTIFICATE,
        [KONSIL_LOST_NAME] = KS_CODE_NAME };

    k->now = (struct ks_now) { now.mono_ms, now.wall_ms };
    if (k->failed == KS_OK)
        lose(k, codes[why >= KONSIL_LOST_NETWORK && why <= KONSIL_LOST_NAME ? why : KONSIL_LOST_NETWORK], KS_STR_EMPTY,
            why != KONSIL_LOST_CERTIFICATE);
}

void konsil_try_now(struct konsil *k, struct konsil_now now)
{
    k->now = (struct ks_now) { now.mono_ms, now.wall_ms };
    k->stream.tries = 0;
    if (k->failed != KS_OK)
        return;
    if (k->stream.state == KS_STREAM_ONLINE && !k->stream.sm_asked)
        probe(k);
    else
        ks_stream_retry(k);
}

/* --- reading --- */

/* A reading that failed: who was wrong? */
void ks_stream_unreadable(struct konsil *k, enum ks_err err)
{
    if (err == KS_ENOMEM)
        k->failed = err;
    else
        ks_stream_error(k, err == KS_ELIMIT ? "policy-violation" : "not-well-formed");
}

static void on_stream_error(struct konsil *k, const struct ks_xml *error)
{
    const struct ks_xml *condition = ks_xml_child(error, NS_STREAMS, NULL);
    struct ks_str name = condition ? ks_utf8_head(condition->name, 64) : KS_STR_EMPTY;

    /* Replaced by a session of the same name: to come back would make the two fight. */
    if (ks_str_is(name, "conflict"))
        give_up(k, KS_CODE_REPLACED, name, false);
    else if (ks_str_is(name, "not-authorized"))
        refused(k, name);
    else
        give_up(k, KS_CODE_STREAM_ERROR, name, true);
}

void ks_stream_element(struct konsil *k, struct ks_xml *element)
{
    struct ks_stream *s = &k->stream;

    if (ks_xml_is(element, NS_STREAM, "error")) {
        on_stream_error(k, element);
    } else if (s->state == KS_STREAM_LOGIN) {
        on_login_element(k, element);
    } else if (ks_str_is(element->ns, NS_SM)) {
        on_sm(k, element);
    } else if (ks_str_is(element->ns, NS_CLIENT)) {
        uint32_t generation = s->generation;

        ks_engine_stanza(k, element);
        /* Not counted if its step failed: then the connection is gone, and the server gives it again. */
        if (k->failed == KS_OK && s->generation == generation && s->state == KS_STREAM_ONLINE)
            s->sm.handled++;
    } else {
        ks_stream_error(k, "unsupported-stanza-type");
    }
}

/* True while bytes of this connection may be read: not while TLS is about to start, when more would be an attack by
 * somebody between (RFC 6120 §5.4.3.3). */
bool ks_stream_reading(const struct konsil *k)
{
    const struct ks_stream *s = &k->stream;

    return k->failed == KS_OK
        && (s->state == KS_STREAM_ONLINE || (s->state == KS_STREAM_LOGIN && s->login.state != KS_LOGIN_HANDSHAKE));
}

void ks_stream_heard(struct konsil *k)
{
    struct ks_stream *s = &k->stream;

    if (s->state == KS_STREAM_ONLINE) {
        s->quiet_ms = k->now.mono_ms + KS_STREAM_QUIET_MS;
        set_ping(k);
    }
}

/* --- beginning and end --- */

void ks_stream_init(struct konsil *k)
{
    struct ks_stream *s = &k->stream;

    ks_buf_init(&s->in, 2 * KS_STANZA_READ_MAX + 65536);
    ks_buf_init(&s->out, OUT_BYTES_MAX);
    ks_buf_init(&s->header, HEADER_BYTES_MAX);
    ks_buf_init(&s->message, OUT_BYTES_MAX);
    ks_arena_init(&s->element, ELEMENT_BYTES_MAX);
    ks_sm_init(&s->sm);
}

void ks_stream_done(struct konsil *k)
{
    struct ks_stream *s = &k->stream;

    ks_login_done(&s->login);
    ks_sm_done(&s->sm);
    ks_buf_done(&s->in);
    ks_buf_done(&s->out);
    ks_buf_done(&s->header);
    ks_buf_done(&s->message);
    free(s->see_other);
    free(s->url);
    ks_arena_done(&s->element);
    free(s->jid);
}
