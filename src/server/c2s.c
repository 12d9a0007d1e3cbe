/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "c2s.h"

#include <stdlib.h>

#include "c2s_component.h"
#include "enc.h"
#include "ws_writer.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define ON(state) (1U << (state))
#define HELD_BYTES_MAX 65536 /* what may come in while an answer is awaited, before reading stops */

static void process(struct ks_c2s *c);
static void timed_out(struct ks_timer *timer, struct ks_now now);

/* --- states --- */

static void enter(struct ks_c2s *c, enum c2s_state to)
{
    static const unsigned steps[] = {
        [C2S_STRANGER] = ON(C2S_COMPONENT) | ON(C2S_CLOSED),
        [C2S_COMPONENT] = ON(C2S_CLOSED),
        [C2S_PLAIN] = ON(C2S_SECURE) | ON(C2S_CLOSED),
        [C2S_SECURE] = ON(C2S_AUTHED) | ON(C2S_CLOSED),
        [C2S_AUTHED] = ON(C2S_BOUND) | ON(C2S_CLOSED),
        [C2S_BOUND] = ON(C2S_CLOSED),
        [C2S_CLOSED] = 0,
    };

    assert(steps[c->state] & ON(to));
    c->state = to;
}

struct ks_c2s *ks_reactor_open(struct ks_reactor *r, const struct ks_c2s_setup *setup, struct ks_now now)
{
    struct ks_c2s *c;

    r->now = now;
    if (r->shutting_down || r->stats.streams >= (uint64_t)ks_config_number(r->config, "server.streams_max"))
        return NULL;
    c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->reactor = r;
    c->edge = setup->edge;
    c->address_hash = setup->address_hash;
    c->domain = UINT16_MAX;
    c->timer.fire = timed_out;
    ks_list_init(&c->dirty);
    ks_list_init(&c->link);
    c->websocket = setup->websocket;
    c->component = setup->component;
    c->state = setup->component ? C2S_STRANGER : C2S_PLAIN;
    ks_framing_init(c, (uint32_t)ks_config_number(r->config, "stream.bytes_before_login"));
    ks_buf_init(&c->in, SIZE_MAX);
    ks_buf_init(&c->out, SIZE_MAX);
    if (ks_timer_set(&r->timers, &c->timer, now.mono_ms + ks_config_number(r->config, "stream.login_timeout") * 1000)) {
        free(c);
        return NULL;
    }
    ks_list_append(&r->streams, &c->link);
    r->stats.streams++;
    return c;
}

/* The login took too long, or the certificate ended that the session hangs on. RFC 6120 §4.9.3.16: <reset/> is for
 * "keys or certificates used to establish a secure context for the stream" that "have expired or have been revoked
 * during the life of the stream". The session stays, for whoever logs in to resume it. */
static void timed_out(struct ks_timer *timer, struct ks_now now)
{
    struct ks_c2s *c = KS_CONTAINER(timer, struct ks_c2s, timer);

    (void)now;
    if (c->state == C2S_BOUND)
        ks_c2s_close(
            c, KS_STREAM_RESET, KS_WIRE("wire.certificate-ended", "This client's certificate is not valid any more."));
    else
        ks_c2s_close(c, KS_STREAM_CONNECTION_TIMEOUT, NULL);
}

void ks_c2s_secured(struct ks_c2s *c, const struct ks_tls_facts *facts, struct ks_now now)
{
    c->reactor->now = now;
    if (c->state != C2S_PLAIN)
        return;
    if (ks_c2s_login_secured(c, facts) != KS_OK) {
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    enter(c, C2S_SECURE);
    /* RFC 6120 §5.3.3: nothing that was said in clear counts; bytes that came behind <starttls/> in clear are not ours.
     */
    ks_buf_done(&c->in);
    ks_framing_restart(c);
    c->header_seen = c->header_sent = false;
    c->held = false;
}

/* Whoever is in this session had to show one. */
static bool needed_certificate(const struct ks_session *s)
{
    return s->by_certificate
        || ks_domain_number(ks_config_domain_at(s->user->reactor->config, s->user->domain), "tls.client_required");
}

void ks_c2s_revoked(struct ks_c2s *c, struct ks_now now)
{
    struct ks_session *s = c->session;

    c->reactor->now = now;
    if (s && !needed_certificate(s))
        return;
    if (s)
        s->sm_resume = false; /* it ends with its stream */
    ks_c2s_close(c, KS_STREAM_RESET, KS_WIRE("wire.certificate-revoked", "This client's certificate was revoked."));
    ks_reactor_run(c->reactor);
}

void ks_reactor_certify(struct ks_reactor *r, struct ks_now now)
{
    struct ks_session *s;

    r->now = now;
    for (size_t at = 0; (s = ks_map_next(&r->sessions, &at));) /* it leaves the map later (ks_session_leave) */
        if (!s->stream && needed_certificate(s))
            ks_session_end(s, KS_STREAM_COND_COUNT);
    ks_reactor_run(r);
}

void ks_c2s_free(struct ks_c2s *c)
{
    struct ks_reactor *r;

    if (!c)
        return;
    r = c->reactor;
    if (c->session) {
        struct ks_session *s = c->session;
        c->session = NULL;
        ks_session_detach(s);
    }
    if (c->call)
        c->call->user = NULL;
    ks_c2s_login_free(c);
    ks_timer_clear(&r->timers, &c->timer);
    ks_list_leave(&c->link);
    ks_list_leave(&c->dirty);
    ks_buf_done(&c->in);
    ks_buf_done(&c->out);
    free(c->declarations);
    ks_component_forget(c);
    r->stats.streams--;
    free(c);
}

void ks_c2s_closed(struct ks_c2s *c, struct ks_now now)
{
    struct ks_reactor *r = c->reactor;

    r->now = now;
    c->detached = true;
    ks_list_leave(&c->dirty);
    if (c->session) {
        struct ks_session *s = c->session;
        c->session = NULL;
        ks_session_detach(s);
    }
    if (c->state != C2S_CLOSED)
        enter(c, C2S_CLOSED);
    ks_reactor_run(r);
}

/* --- what the edge is told --- */

void ks_c2s_dirty(struct ks_c2s *c)
{
    if (!c->detached && ks_list_empty(&c->dirty))
        ks_list_append(&c->reactor->dirty, &c->dirty);
}

bool ks_c2s_next_event(struct ks_c2s *c, struct ks_event *ret_event)
{
    *ret_event = (struct ks_event) { .stream = c, .edge = c->edge };
    ks_c2s_before_flush(c);
    if (c->tls_wanted) {
        c->tls_wanted = false;
        ret_event->kind = KS_EV_START_TLS;
        ret_event->to = c->domain;
    } else if (c->move_wanted) {
        struct ks_reactor *r = c->reactor;
        /* The reactor forgets it; the other one adopts it. */
        c->move_wanted = false;
        ks_list_leave(&c->dirty);
        ks_list_leave(&c->link);
        ks_timer_clear(&r->timers, &c->timer);
        r->stats.streams--;
        ret_event->kind = KS_EV_MOVE;
        ret_event->to = c->move_to;
    } else if (c->closing && !c->close_told) {
        c->close_told = true;
        ret_event->kind = KS_EV_CLOSE;
    } else if (c->out.len && !c->close_told) {
        /* One event however much was written; the edge takes all the output there is. */
        ks_list_leave(&c->dirty);
        ret_event->kind = KS_EV_OUTPUT;
    } else if (c->paused != c->pause_told) {
        c->pause_told = c->paused;
        ret_event->kind = c->paused ? KS_EV_PAUSE : KS_EV_RESUME;
    } else {
        return false;
    }
    return true;
}

static void arrive(struct ks_c2s *c)
{
    if (c->component)
        ks_component_go_on(c);
    else
        ks_c2s_login_go_on(c);
}

void ks_c2s_move(struct ks_c2s *c, uint16_t to)
{
    c->held = true;
    c->move_to = to;
    if (to != c->reactor->index) {
        c->move_wanted = true;
        ks_c2s_dirty(c);
    } else {
        arrive(c);
    }
}

void ks_reactor_adopt(struct ks_reactor *r, struct ks_c2s *c, struct ks_now now)
{
    r->now = now;
    c->reactor = r;
    ks_list_append(&r->streams, &c->link);
    r->stats.streams++;
    if (r->shutting_down)
        ks_c2s_close(c, KS_STREAM_SYSTEM_SHUTDOWN, NULL);
    else if (ks_timer_set(
                 &r->timers, &c->timer, now.mono_ms + ks_config_number(r->config, "stream.login_timeout") * 1000))
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
    else
        arrive(c);
    ks_reactor_run(r);
}

struct ks_str ks_c2s_output(const struct ks_c2s *c)
{
    return ks_buf_str(&c->out);
}

void ks_c2s_output_sent(struct ks_c2s *c, size_t len, struct ks_now now)
{
    c->reactor->now = now;
    ks_buf_drop(&c->out, len);
    if (!c->out.len)
        ks_buf_done(&c->out); /* an idle stream owns no buffer */
}

/* Nothing more goes either way. The session is the caller's to end or detach. */
static struct ks_session *shut(struct ks_c2s *c)
{
    struct ks_session *s = c->session;

    enter(c, C2S_CLOSED);
    c->closing = true;
    c->held = c->tls_wanted = c->move_wanted = false;
    c->session = NULL;
    if (s)
        s->stream = NULL;
    ks_buf_done(&c->in);
    ks_timer_clear(&c->reactor->timers, &c->timer);
    ks_c2s_dirty(c);
    return s;
}

void ks_c2s_hang_up(struct ks_c2s *c)
{
    struct ks_session *s = shut(c);

    if (s)
        ks_session_detach(s);
}

/* After bytes were added to the output. */
static void wrote(struct ks_c2s *c)
{
    if (ks_buf_err(&c->out) != KS_OK || c->out.len > KS_C2S_OUT_MAX) {
        ks_log(c->reactor->log, KS_INFO, "c2s.slow", KS_NUM("unsent", c->out.len));
        ks_buf_done(&c->out);
        ks_c2s_hang_up(c);
    }
    ks_c2s_dirty(c);
}

void ks_c2s_write(struct ks_c2s *c, struct ks_str bytes)
{
    if (c->detached || c->state == C2S_CLOSED)
        return;
    ks_framing_write(c, bytes);
    wrote(c);
}

void ks_c2s_pong(struct ks_c2s *c, struct ks_str payload)
{
    ks_ws_write(&c->out, KS_WS_OP_PONG, payload);
    wrote(c);
}

void ks_c2s_write_xml(struct ks_c2s *c, const struct ks_xml *element)
{
    struct ks_str text = ks_reactor_write(c->reactor, element, KS_STR(NS_CLIENT));

    if (text.ptr)
        ks_c2s_write(c, text);
}

/* RFC 6120 §4.7: our stream header, with the client's domain as 'from', or with the first of ours (§4.9.1.3). */
static void write_header(struct ks_c2s *c)
{
    const struct ks_domain *own = ks_c2s_domain(c), *domain = own ? own : ks_config_domain_at(c->reactor->config, 0);
    uint8_t id[16];

    ks_prng_bytes(&c->reactor->prng, id, sizeof id);
    if (c->component)
        ks_component_expect(c, ks_str(id, sizeof id));
    if (!c->detached) {
        ks_framing_write_header(c, domain ? domain->name : KS_STR_EMPTY, ks_str(id, sizeof id));
        wrote(c);
    }
    c->header_sent = true;
}

static void write_error(struct ks_c2s *c, enum ks_stream_cond cond, const char *text_z)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 8192);
    ks_buf_printf(&buf, "<stream:error><%s xmlns='" NS_STREAMS "'/>", ks_stream_cond_name(cond));
    if (text_z) {
        ks_buf_z(&buf, "<text xmlns='" NS_STREAMS "' xml:lang='en'>");
        ks_xml_escape(&buf, ks_str_z(text_z));
        ks_buf_z(&buf, "</text>");
    }
    ks_buf_z(&buf, "</stream:error>");
    if (ks_buf_err(&buf) == KS_OK)
        ks_c2s_write(c, ks_buf_str(&buf));
    ks_buf_done(&buf);
    ks_log(c->reactor->log, KS_INFO, "c2s.error", KS_ID("address", c->address_hash),
        KS_OURS("condition", ks_stream_cond_name(cond)));
}

void ks_c2s_close(struct ks_c2s *c, enum ks_stream_cond cond, const char *text_z)
{
    struct ks_session *s;

    if (c->state == C2S_CLOSED)
        return;
    /* RFC 6120 §4.9.1.2: an error before our header needs the header first. */
    if (!c->header_sent)
        write_header(c);
    if (cond != KS_STREAM_COND_COUNT)
        write_error(c, cond, text_z);
    if (c->state == C2S_CLOSED)
        return; /* that was too much for it */
    if (!c->detached)
        ks_framing_write_end(c, cond == KS_STREAM_SYSTEM_SHUTDOWN);
    s = shut(c);
    /* RFC 6120 §4.4: a closed stream ends its session; a broken connection does not (ks_c2s_closed). */
    if (s && cond == KS_STREAM_COND_COUNT)
        ks_session_end(s, cond);
    else if (s)
        ks_session_detach(s);
}

/* --- elements --- */

static void on_starttls(struct ks_c2s *c, struct ks_parcel *parcel)
{
    (void)parcel;
    ks_c2s_write(c, KS_STR("<proceed xmlns='" NS_TLS "'/>"));
    c->tls_wanted = true;
    c->held = true; /* until the handshake is done */
    ks_c2s_dirty(c);
}

/* RFC 6120 §4.9.3.12: a stanza before login or binding is <not-authorized/>. §4.9.3.24: any other element is
 * <unsupported-stanza-type/>, "either because the receiving entity does not understand the namespace or because the
 * receiving entity does not understand the element name for the applicable namespace". */
static void refuse(struct ks_c2s *c, const struct ks_xml *element)
{
    bool early = ks_str_is(element->ns, NS_CLIENT) && c->state != C2S_BOUND && c->state != C2S_COMPONENT;

    ks_c2s_close(c, early ? KS_STREAM_NOT_AUTHORIZED : KS_STREAM_UNSUPPORTED_STANZA_TYPE, NULL);
}

/* RFC 7395 §3.4, §3.7. A second one in one stream is as much out of place as in one document. */
static void on_open(struct ks_c2s *c, struct ks_parcel *parcel)
{
    if (c->websocket && !c->header_seen)
        ks_c2s_on_header(c, &parcel->arena, parcel->stanza.xml, KS_STR_EMPTY, KS_STREAM_COND_COUNT);
    else
        refuse(c, parcel->stanza.xml);
}

/* RFC 7395 §3.6 */
static void on_close(struct ks_c2s *c, struct ks_parcel *parcel)
{
    if (c->websocket)
        ks_c2s_close(c, KS_STREAM_COND_COUNT, NULL);
    else
        refuse(c, parcel->stanza.xml);
}

/* All that a stranger can reach before login, and a client after it. */
static const struct rule {
    unsigned in;
    const char *ns, *name;
    void (*handle)(struct ks_c2s *, struct ks_parcel *);
} rules[] = {
    { ON(C2S_SECURE) | ON(C2S_AUTHED), NS_FRAMING, "open", on_open }, /* RFC 7395 §3.4; over WebSocket alone */
    { ON(C2S_SECURE) | ON(C2S_AUTHED) | ON(C2S_BOUND), NS_FRAMING, "close", on_close },
    { ON(C2S_PLAIN), NS_TLS, "starttls", on_starttls },  /* RFC 6120 §5.4.2.1 */
    { ON(C2S_SECURE), NS_SASL, "auth", ks_c2s_on_auth }, /* RFC 6120 §6.4.2 */
    { ON(C2S_SECURE), NS_SASL, "response", ks_c2s_on_response },
    { ON(C2S_SECURE), NS_SASL, "abort", ks_c2s_on_abort },                /* RFC 6120 §6.4.4 */
    { ON(C2S_SECURE), NS_SASL2, "authenticate", ks_c2s_on_authenticate }, /* XEP-0388 §2.3 */
    { ON(C2S_SECURE), NS_SASL2, "response", ks_c2s_on_response2 },
    { ON(C2S_SECURE), NS_SASL2, "abort", ks_c2s_on_abort2 },
    { ON(C2S_SECURE), NS_CLIENT, "iq", ks_c2s_on_register },     /* XEP-0445 §4 */
    { ON(C2S_AUTHED), NS_CLIENT, "iq", ks_c2s_on_bind },         /* RFC 6120 §7.6 */
    { ON(C2S_AUTHED), NS_SM, "resume", ks_c2s_on_resume },       /* XEP-0198 §5 */
    { ON(C2S_AUTHED), NS_SM, "enable", ks_c2s_on_early_enable }, /* XEP-0198 §3 */
    { ON(C2S_BOUND), NS_CLIENT, "message", ks_c2s_on_stanza },
    { ON(C2S_BOUND), NS_CLIENT, "presence", ks_c2s_on_stanza },
    { ON(C2S_BOUND), NS_CLIENT, "iq", ks_c2s_on_stanza },
    { ON(C2S_BOUND), NS_SM, "enable", ks_c2s_on_enable },
    { ON(C2S_BOUND), NS_SM, "r", ks_c2s_on_r },
    { ON(C2S_BOUND), NS_SM, "a", ks_c2s_on_a },
    { ON(C2S_BOUND), NS_CSI, "active", ks_c2s_on_csi },
    { ON(C2S_BOUND), NS_CSI, "inactive", ks_c2s_on_csi },
    { ON(C2S_STRANGER), NS_CLIENT, "handshake", ks_component_on_handshake }, /* XEP-0114 §3 */
    { ON(C2S_COMPONENT), NS_CLIENT, "message", ks_component_on_stanza },
    { ON(C2S_COMPONENT), NS_CLIENT, "presence", ks_component_on_stanza },
    { ON(C2S_COMPONENT), NS_CLIENT, "iq", ks_component_on_stanza },
};

static void on_element(struct ks_c2s *c, struct ks_parcel *parcel)
{
    const struct ks_xml *element = parcel->stanza.xml;

    if (!c->header_seen && !ks_str_is(element->ns, NS_FRAMING)) { /* over TCP the framer finds the header */
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL);
        return;
    }
    for (size_t i = 0; i < KS_COUNT(rules); i++)
        if ((rules[i].in & ON(c->state)) && ks_xml_is(element, rules[i].ns, rules[i].name)) {
            rules[i].handle(c, parcel);
            return;
        }
    refuse(c, element);
}

/* What cannot be read as XML. RFC 6120 §4.9.3.22: <unsupported-encoding/> is for another encoding, and for what
 * violates the rules of UTF-8. */
void ks_c2s_on_unreadable(struct ks_c2s *c, enum ks_err err, struct ks_str bytes)
{
    if (err == KS_EVERSION || (err == KS_ESYNTAX && !ks_xml_text_ok(bytes)))
        ks_c2s_close(c, KS_STREAM_UNSUPPORTED_ENCODING, NULL);
    else if (err == KS_ESYNTAX)
        ks_c2s_close(c, KS_STREAM_NOT_WELL_FORMED, NULL);
    else if (err == KS_ELIMIT)
        ks_c2s_close(c, KS_STREAM_POLICY_VIOLATION, NULL);
    else
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
}

/* --- stream headers --- */

void ks_c2s_write_features(struct ks_c2s *c)
{
    struct ks_arena arena;
    struct ks_xml *features;

    ks_arena_init(&arena, 65536);
    features = ks_xml_new(&arena, NS_STREAM, "features");
    if (c->state == C2S_PLAIN) {
        struct ks_xml *tls = ks_xml_add(&arena, features, NS_TLS, "starttls");
        ks_xml_add(&arena, tls, NS_TLS, "required"); /* RFC 6120 §5.4.1 */
    } else if (c->state == C2S_SECURE) {
        ks_c2s_login_features(c, &arena, features);
    } else {
        if (c->state == C2S_AUTHED) /* bound by XEP-0386, it is past that */
            ks_xml_add(&arena, features, NS_BIND, "bind");
        if (!c->session || !c->session->sm) /* COMPAT(@xmpp/client, 0.14): what is on and offered is asked for again */
            ks_xml_add(&arena, features, NS_SM, "sm");
        ks_xml_add(&arena, ks_xml_add(&arena, features, NS_SESSION, "session"), NS_SESSION, "optional");
        for (size_t i = 0; ks_features[i]; i++)
            if (ks_features[i]->stream_features)
                ks_features[i]->stream_features(&arena, c->reactor, ks_c2s_domain(c), features);
    }
    ks_c2s_write_xml(c, features);
    ks_arena_done(&arena);
}

/* RFC 6120 §4.7.5: 1.0 or higher. Both numbers are compared as such, so "01.0" is one, and "0.9" is not. */
static bool is_xmpp(struct ks_str version)
{
    struct ks_str major, rest = version;

    if (!ks_str_cut(&rest, '.', &major) || !rest.len)
        return false;
    bool positive = false;
    for (size_t i = 0; i < version.len; i++) {
        if (i != major.len && (version.ptr[i] < '0' || version.ptr[i] > '9'))
            return false;
        positive |= i < major.len && version.ptr[i] != '0';
    }
    return positive;
}

void ks_c2s_on_header(struct ks_c2s *c, struct ks_arena *arena, const struct ks_xml *header, struct ks_str declarations,
    enum ks_stream_cond wrong)
{
    struct ks_str text = ks_xml_attr(header, "to");
    const struct ks_domain *domain = NULL;
    struct ks_jid to = { 0 };

    if (c->component) {
        ks_component_on_header(c, arena, header, declarations, wrong);
        return;
    }
    if (text.len && ks_jid_parse(arena, text, &to) == KS_OK)
        domain = ks_config_domain(c->reactor->config, to.domain);
    if (domain && c->state < C2S_AUTHED)
        c->domain = domain->index;
    if (c->state == C2S_SECURE)
        ks_c2s_login_from(c, arena, ks_xml_attr(header, "from"));
    /* RFC 6120 §4.9.3.6, §4.9.3.25: in the order in which a peer would want to know. */
    if (wrong != KS_STREAM_COND_COUNT)
        ks_c2s_close(c, wrong, NULL);
    else if (!domain)
        ks_c2s_close(c, text.len ? KS_STREAM_HOST_UNKNOWN : KS_STREAM_IMPROPER_ADDRESSING, NULL);
    else if (c->domain != domain->index)
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL); /* logged in to another domain */
    else if (!is_xmpp(ks_xml_attr(header, "version")))
        ks_c2s_close(c, KS_STREAM_UNSUPPORTED_VERSION, NULL);
    else if (c->state == C2S_SECURE && !ks_c2s_login_admitted(c))
        ks_c2s_close(c, KS_STREAM_POLICY_VIOLATION,
            KS_WIRE("wire.certificate-missing", "This domain takes clients with a certificate of its own only."));
    else
        ks_c2s_greet(c, declarations);
}

void ks_c2s_greet(struct ks_c2s *c, struct ks_str declarations)
{
    free(c->declarations);
    c->declarations = declarations.len ? ks_str_dup(declarations) : NULL;
    c->header_seen = true;
    write_header(c);
    if (!c->component)
        ks_c2s_write_features(c);
}

/* --- bytes --- */

/* What stands in a component's namespace is what stands in a client's. */
static void as_client(struct ks_xml *xml)
{
    if (ks_str_is(xml->ns, NS_COMPONENT))
        xml->ns = KS_STR(NS_CLIENT);
    for (struct ks_xml *child = ks_xml_child(xml, NULL, NULL); child; child = ks_xml_next(child, NULL, NULL))
        as_client(child);
}

void ks_c2s_on_bytes(struct ks_c2s *c, struct ks_str bytes)
{
    struct ks_reactor *r = c->reactor;
    /* What is densest of what has a use is <a b=''/>, 17 bytes a byte with the copy; elements between single letters
     * are denser, and refused. An end that reads it as it is written (KS_STANZA_READ_MAX) has room for so much, too. */
    struct ks_parcel *parcel = ks_parcel_new(bytes.len * 18 + 32768);
    enum ks_err err;

    if (!parcel) {
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    err = ks_xml_read(&parcel->arena, bytes, KS_STR(NS_CLIENT), ks_str_z(c->declarations), &parcel->stanza.xml);
    parcel->arena.bytes_max = parcel->arena.bytes + KS_PARCEL_BYTES_MAX;
    if (err == KS_OK && c->component)
        as_client(parcel->stanza.xml);
    if (err == KS_OK)
        on_element(c, parcel);
    else
        ks_c2s_on_unreadable(c, err, bytes);
    ks_parcel_unref(r, parcel);
}

/* What waits in c->in. */
static void process(struct ks_c2s *c)
{
    struct ks_buf in = c->in;
    size_t used;

    if (!in.len)
        return;
    /* What follows may come back here through ks_c2s_release; what it works on is its own. */
    ks_buf_init(&c->in, SIZE_MAX);
    used = c->websocket ? ks_framing_take_messages(c, &in) : ks_framing_take(c, ks_buf_str(&in), c->seen);
    if (c->state != C2S_CLOSED && used < in.len) {
        struct ks_buf later = c->in;
        ks_buf_drop(&in, used);
        c->in = in;
        ks_buf_add(&c->in, ks_buf_str(&later));
        ks_buf_done(&later);
    } else {
        ks_buf_done(&in);
    }
}

/* Short waits cost the edge nothing; a client that goes on sending meanwhile is not read from. */
static void mind_pause(struct ks_c2s *c)
{
    bool paused = c->held && c->in.len > HELD_BYTES_MAX;

    if (paused != c->paused && c->state != C2S_CLOSED) {
        c->paused = paused;
        ks_c2s_dirty(c);
    }
}

void ks_c2s_feed(struct ks_c2s *c, struct ks_str bytes, struct ks_now now)
{
    struct ks_reactor *r = c->reactor;

    r->now = now;
    if (c->state == C2S_CLOSED || c->detached)
        return;
    if (c->held || c->in.len || c->websocket) {
        ks_buf_add(&c->in, bytes);
        if (ks_buf_err(&c->in) != KS_OK)
            ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
        else if (!c->held)
            process(c);
    } else {
        size_t used = ks_framing_take(c, bytes, 0);
        if (c->state != C2S_CLOSED && used < bytes.len)
            ks_buf_add(&c->in, ks_str_from(bytes, used));
    }
    mind_pause(c);
    ks_reactor_run(r);
}

void ks_c2s_release(struct ks_c2s *c)
{
    if (!c->held || c->state == C2S_CLOSED)
        return;
    c->held = false;
    process(c);
    mind_pause(c);
}

/* There is room for real stanzas now. */
void ks_c2s_authed(struct ks_c2s *c, bool restart)
{
    enter(c, C2S_AUTHED);
    ks_framing_limit(c, (uint32_t)ks_config_number(c->reactor->config, "stream.bytes"));
    if (restart) {
        ks_framing_restart(c);
        c->header_seen = c->header_sent = false;
    }
}

void ks_c2s_bound(struct ks_c2s *c, struct ks_session *session)
{
    int64_t end_ms = ks_c2s_login_end_ms(c);

    enter(c, c->component ? C2S_COMPONENT : C2S_BOUND);
    if (end_ms == KS_NEVER)
        ks_timer_clear(&c->reactor->timers, &c->timer);
    else if (ks_timer_set(&c->reactor->timers, &c->timer, end_ms) != KS_OK)
        assert(!"a timer that is set can be moved");
    c->session = session;
    session->stream = c;
    session->by_certificate = ks_c2s_login_external(c);
    ks_c2s_login_free(c);
}
