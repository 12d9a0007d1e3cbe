/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* device_plain.c -- a small client without encryption: SCRAM, stream management with resumption, carbons, and catching
 * up from the archive (RFC 6120, XEP-0198, XEP-0280, XEP-0313). It shows messages in the order of the archive, and
 * knows again what it has by author and id. */
#include <stdio.h>
#include <stdlib.h>

#include "device.h"
#include "enc.h"
#include "ns.h"
#include "scram.h"
#include "xml_framer.h"
#include "xml_reader.h"

#define SHOWN_MAX 1000
#define UNACKED_MAX 1000
#define QUIET_MS 60000 /* silence after which it asks */
#define DEAD_MS 30000  /* and after that, it gives up */

enum phase { GONE, CLEAR, SECURED, AUTHENTICATED, BOUND };

struct shown {
    char with[64], from[64], id[48], body[96];
};
struct draft { /* what was written; the server has it when done */
    char id[48], to[64], body[96];
    bool done;
};
struct unacked {
    char *bytes;
    struct draft *draft; /* NULL: no message */
};

struct plain {
    struct device base;
    /* Its disk. */
    struct shown shown[SHOWN_MAX];
    size_t shown_count;
    struct draft drafts[TOWN_MESSAGES_MAX];
    size_t draft_count;
    char last[64]; /* archive id up to which everything is shown: of pages, since what comes live is overtaken */
    /* Its memory. */
    enum phase phase;
    int64_t wake_ms, heard_ms;
    bool asked;
    struct ks_framer framer;
    struct ks_buf in;
    size_t seen;
    struct ks_arena scram_arena;
    struct ks_scram_client scram;
    char sm_id[64];
    bool counts;
    uint32_t received;
    uint32_t acked;
    struct unacked unacked[UNACKED_MAX];
    size_t unacked_count;
    bool resuming; /* what the server still has to say of what was sent is under way */
    bool catching_up, missed;
};

static struct plain *self(struct device *device)
{
    return KS_CONTAINER(device, struct plain, base);
}

static int64_t now_ms(const struct plain *p)
{
    return p->base.town->now.mono_ms;
}

static void copy(char *to, size_t size, struct ks_str text)
{
    if (text.len >= size)
        abort();
    memcpy(to, text.ptr, text.len);
    to[text.len] = 0;
}

/* --- sending --- */

__attribute__((format(printf, 2, 3))) static void say_raw(struct plain *p, const char *format, ...)
{
    char text[4096];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    device_send(&p->base, ks_str(text, (size_t)len));
}

/* A stanza: counted and kept until it is acknowledged. */
__attribute__((format(printf, 3, 4))) static void say_stanza(
    struct plain *p, struct draft *draft, const char *format, ...)
{
    char text[4096];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (p->unacked_count == UNACKED_MAX)
        abort();
    if (p->counts)
        p->unacked[p->unacked_count++] = (struct unacked) { strdup(text), draft };
    device_send(&p->base, ks_str(text, (size_t)len));
}

/* One at a time, so that one that is refused for want of room is not overtaken. */
static void send_next(struct plain *p)
{
    if (p->resuming)
        return;
    for (size_t i = 0; i < p->unacked_count; i++)
        if (p->unacked[i].draft)
            return;
    for (size_t i = 0; i < p->draft_count; i++) {
        struct draft *draft = &p->drafts[i];
        if (!draft->done) {
            say_stanza(p, draft, "<message to='%s' type='chat' id='%s'><body>%s</body></message>", draft->to, draft->id,
                draft->body);
            return;
        }
    }
}

static void handled(struct plain *p, uint32_t h)
{
    if (h - p->acked > p->unacked_count)
        town_wrong(p->base.town, "konsild acknowledged to %s what was not sent", p->base.name);
    while (p->acked != h && p->unacked_count) {
        if (p->unacked[0].draft)
            p->unacked[0].draft->done = true;
        free(p->unacked[0].bytes);
        memmove(p->unacked, p->unacked + 1, --p->unacked_count * sizeof p->unacked[0]);
        p->acked++;
    }
}

static void forget_session(struct plain *p)
{
    while (p->unacked_count)
        free(p->unacked[--p->unacked_count].bytes);
    p->sm_id[0] = 0;
    p->counts = p->resuming = p->catching_up = false;
}

/* --- showing --- */

static void show(struct plain *p, struct ks_str with, struct ks_str from, struct ks_str id, struct ks_str body)
{
    struct shown *place = &p->shown[p->shown_count];

    for (size_t i = 0; i < p->shown_count; i++)
        if (ks_str_is(from, p->shown[i].from) && ks_str_is(id, p->shown[i].id)
            && p->base.town->mutant != MUTANT_NO_DEDUP)
            return;
    if (p->shown_count == SHOWN_MAX)
        abort();
    copy(place->with, sizeof place->with, with);
    copy(place->from, sizeof place->from, from);
    copy(place->id, sizeof place->id, id);
    copy(place->body, sizeof place->body, body);
    p->shown_count++;
}

static struct ks_str bare(struct ks_str jid)
{
    return ks_str_head(jid, ks_str_find_byte(jid, '/'));
}

/* A chat message of the archive: live, forwarded in a carbon, or in a page. */
static void on_archived(struct plain *p, struct ks_arena *arena, const struct ks_xml *message)
{
    struct ks_str body = ks_xml_text(arena, ks_xml_child(message, NS_CLIENT, "body"));
    struct ks_str from = bare(ks_xml_attr(message, "from")), to = bare(ks_xml_attr(message, "to"));

    if (body.len)
        show(p, ks_str_is(from, p->base.jid) ? to : from, from, ks_xml_attr(message, "id"), body);
}

static void ask_page(struct plain *p)
{
    p->missed = false;
    p->catching_up = true;
    if (p->last[0])
        say_stanza(p, NULL,
            "<iq type='set' id='mam'><query xmlns='" NS_MAM "'><set xmlns='" NS_RSM
            "'><max>20</max><after>%s</after></set></query></iq>",
            p->last);
    else
        say_stanza(p, NULL,
            "<iq type='set' id='mam'><query xmlns='" NS_MAM "'><set xmlns='" NS_RSM
            "'><max>20</max></set></query></iq>");
}

static void on_fin(struct plain *p, const struct ks_xml *iq)
{
    const struct ks_xml *fin = ks_xml_child(iq, NS_MAM, "fin");

    p->catching_up = false;
    if (!fin)
        p->last[0] = 0; /* what it had is not there any more: from the beginning */
    if (!fin || !ks_str_is(ks_xml_attr(fin, "complete"), "true") || p->missed)
        ask_page(p);
}

static void on_message(struct plain *p, struct ks_arena *arena, const struct ks_xml *message)
{
    const struct ks_xml *result = ks_xml_child(message, NS_MAM, "result"), *inner = message, *sid;
    const struct ks_xml *carbon = ks_xml_child(message, NS_CARBONS, NULL);

    if (result) {
        inner = ks_xml_child(ks_xml_child(result, NS_FORWARD, "forwarded"), NS_CLIENT, "message");
        on_archived(p, arena, inner);
        copy(p->last, sizeof p->last, ks_xml_attr(result, "id"));
        return;
    }
    if (carbon && ks_str_is(bare(ks_xml_attr(message, "from")), p->base.jid))
        inner = ks_xml_child(ks_xml_child(carbon, NS_FORWARD, "forwarded"), NS_CLIENT, "message");
    sid = ks_xml_child(inner, NS_SID, "stanza-id");
    if (!sid)
        return;
    if (p->catching_up)
        p->missed = true; /* it comes with a page, in its place */
    else
        on_archived(p, arena, inner);
}

/* --- the stream --- */

static void send_header(struct plain *p)
{
    ks_framer_restart(&p->framer);
    say_raw(
        p, "<stream:stream to='%s' version='1.0' xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'>", p->base.domain);
}

static void send_base64(struct plain *p, const char *open, struct ks_str data, const char *close)
{
    struct ks_buf text;

    ks_buf_init(&text, 65536);
    ks_buf_z(&text, open);
    ks_base64_add(&text, data);
    ks_buf_z(&text, close);
    device_send(&p->base, ks_buf_str(&text));
    ks_buf_done(&text);
}

static void hang_up(struct plain *p)
{
    device_hang_up(&p->base);
    p->phase = GONE;
    p->wake_ms = now_ms(p) + town_between(p->base.town, 500, 8000);
}

static void log_in(struct plain *p)
{
    struct ks_str message;

    ks_arena_reset(&p->scram_arena);
    if (ks_scram_client_first(&p->scram, &p->scram_arena, KS_SHA256, KS_BIND_TLS_EXPORTER, true,
            ks_str_z(p->base.local), ks_str_z(p->base.password), &p->base.town->prng, &message)
        != KS_OK)
        abort();
    send_base64(p, "<auth xmlns='" NS_SASL "' mechanism='SCRAM-SHA-256-PLUS'>", message, "</auth>");
}

static void on_challenge(struct plain *p, struct ks_arena *arena, const struct ks_xml *challenge)
{
    struct ks_scram_bindings bindings = { 0 };
    struct ks_str data, message;

    bindings.data[KS_BIND_TLS_EXPORTER] = ks_str(host_tls_facts.exporter, sizeof host_tls_facts.exporter);
    if (ks_base64_read(&p->scram_arena, ks_xml_text(arena, challenge), &data) != KS_OK
        || ks_scram_client_final(&p->scram, &bindings, KS_STR_EMPTY, data, &message) != KS_OK)
        abort();
    send_base64(p, "<response xmlns='" NS_SASL "'>", message, "</response>");
}

static void bind(struct plain *p)
{
    forget_session(p);
    say_raw(p, "<iq type='set' id='bind'><bind xmlns='" NS_BIND "'><resource>%s</resource></bind></iq>",
        p->base.name + strlen(p->base.local) + 1);
}

/* A new session: what the server may not have is sent again. */
static void begin_session(struct plain *p)
{
    say_stanza(p, NULL, "<iq type='set' id='carbons'><enable xmlns='" NS_CARBONS "'/></iq>");
    ask_page(p);
    say_stanza(p, NULL, "<presence/>");
    for (size_t i = 0; i < p->draft_count && p->base.town->mutant == MUTANT_NO_RESEND; i++)
        p->drafts[i].done = true;
    send_next(p);
}

static void on_features(struct plain *p, const struct ks_xml *features)
{
    if (ks_xml_child(features, NS_TLS, "starttls"))
        say_raw(p, "<starttls xmlns='" NS_TLS "'/>");
    else if (ks_xml_child(features, NS_SASL, "mechanisms"))
        log_in(p);
    else if (p->sm_id[0])
        say_raw(p, "<resume xmlns='" NS_SM "' previd='%s' h='%u'/>", p->sm_id, p->received);
    else
        bind(p);
}

static uint32_t h_of(const struct ks_xml *element)
{
    uint64_t h = 0;

    if (ks_str_u64(ks_xml_attr(element, "h"), UINT32_MAX, &h) != KS_OK)
        abort();
    return (uint32_t)h;
}

static void on_sm(struct plain *p, const struct ks_xml *element)
{
    if (ks_str_is(element->name, "enabled")) {
        copy(p->sm_id, sizeof p->sm_id, ks_xml_attr(element, "id"));
        p->received = 0;
        begin_session(p);
    } else if (ks_str_is(element->name, "resumed")) {
        p->phase = BOUND;
        handled(p, h_of(element));
        for (size_t i = 0; i < p->unacked_count; i++)
            device_send(&p->base, ks_str_z(p->unacked[i].bytes));
        p->resuming = true;
        say_raw(p, "<r xmlns='" NS_SM "'/>");
    } else if (ks_str_is(element->name, "failed")) {
        bind(p);
    } else if (ks_str_is(element->name, "r")) {
        say_raw(p, "<a xmlns='" NS_SM "' h='%u'/>", p->received);
    } else {
        p->resuming = false;
        handled(p, h_of(element));
        send_next(p);
    }
}

static void on_iq(struct plain *p, const struct ks_xml *iq)
{
    struct ks_str id = ks_xml_attr(iq, "id");

    if (ks_str_is(id, "bind")) {
        p->phase = BOUND;
        p->counts = true;
        p->acked = 0;
        say_raw(p, "<enable xmlns='" NS_SM "' resume='true'/>");
    } else if (ks_str_is(id, "mam")) {
        on_fin(p, iq);
    }
}

static void on_element(struct plain *p, struct ks_arena *arena, const struct ks_xml *element)
{
    bool counted = ks_str_is(element->ns, NS_CLIENT) && p->sm_id[0] && p->phase == BOUND;

    p->received += counted;
    if (ks_str_is(element->ns, NS_SM)) {
        on_sm(p, element);
    } else if (ks_xml_is(element, NS_STREAM, "features")) {
        on_features(p, element);
    } else if (ks_xml_is(element, NS_TLS, "proceed")) {
        device_start_tls(&p->base);
    } else if (ks_xml_is(element, NS_SASL, "challenge")) {
        on_challenge(p, arena, element);
    } else if (ks_xml_is(element, NS_SASL, "success")) {
        p->phase = AUTHENTICATED;
        send_header(p);
    } else if (ks_xml_is(element, NS_SASL, "failure")) {
        hang_up(p);
    } else if (ks_xml_is(element, NS_CLIENT, "iq")) {
        on_iq(p, element);
    } else if (ks_xml_is(element, NS_CLIENT, "message")) {
        on_message(p, arena, element);
    }
}

/* A message that was refused for want of room is tried again, in a new session. */
static bool is_refusal(const struct ks_xml *element)
{
    return ks_str_is(ks_xml_attr(element, "type"), "error") && ks_xml_is(element, NS_CLIENT, "message");
}

static void on_refusal(struct plain *p, struct ks_str id)
{
    for (size_t i = 0; i < p->draft_count; i++)
        if (ks_str_is(id, p->drafts[i].id))
            p->drafts[i].done = false;
    forget_session(p);
    hang_up(p);
}

static void feed(struct device *device, struct ks_str bytes)
{
    struct plain *p = self(device);
    size_t len;

    p->heard_ms = now_ms(p);
    p->asked = false;
    ks_buf_add(&p->in, bytes);
    for (;;) {
        enum ks_frame frame = ks_framer_next(&p->framer, ks_str_from(ks_buf_str(&p->in), p->seen), &len);
        struct ks_arena arena;
        struct ks_xml *element;
        p->seen += len;
        if (frame == KS_FRAME_MORE)
            return;
        ks_arena_init(&arena, 4u << 20);
        if (frame == KS_FRAME_STANZA
            && ks_xml_read(&arena, ks_str_head(ks_buf_str(&p->in), p->seen), KS_STR(NS_CLIENT), KS_STR_EMPTY, &element)
                != KS_OK)
            abort();
        ks_buf_drop(&p->in, p->seen);
        p->seen = 0;
        if (frame == KS_FRAME_STANZA && is_refusal(element)) {
            on_refusal(p, ks_xml_attr(element, "id"));
        } else if (frame == KS_FRAME_STANZA) {
            on_element(p, &arena, element);
        } else if (frame != KS_FRAME_OPEN && frame != KS_FRAME_BLANK) {
            hang_up(p);
        }
        ks_arena_done(&arena);
        if (p->phase == GONE)
            return;
    }
}

/* --- its life --- */

static void start(struct device *device)
{
    struct plain *p = self(device);

    p->phase = GONE;
    p->wake_ms = now_ms(p);
}

static void die(struct device *device)
{
    struct plain *p = self(device);

    forget_session(p);
    p->phase = GONE;
}

static void opened(struct device *device)
{
    struct plain *p = self(device);

    p->phase = CLEAR;
    p->heard_ms = now_ms(p);
    ks_framer_init(&p->framer, UINT32_MAX, 1000);
    ks_buf_reset(&p->in);
    p->seen = 0;
    send_header(p);
}

static void secured(struct device *device)
{
    self(device)->phase = SECURED;
    ks_buf_reset(&self(device)->in);
    self(device)->seen = 0;
    send_header(self(device));
}

static void closed(struct device *device)
{
    hang_up(self(device));
}

static int64_t deadline_ms(struct device *device)
{
    const struct plain *p = self(device);

    if (p->phase == GONE)
        return p->wake_ms;
    return p->heard_ms + (p->asked || p->phase != BOUND ? QUIET_MS + DEAD_MS : QUIET_MS);
}

static void tick(struct device *device)
{
    struct plain *p = self(device);

    if (now_ms(p) < deadline_ms(device))
        return;
    if (p->phase == GONE) {
        p->wake_ms = now_ms(p) + 60000; /* for an answer to it */
        device_connect(device);
    } else if (p->phase != BOUND || p->asked) {
        hang_up(p);
    } else {
        p->asked = true;
        say_raw(p, "<r xmlns='" NS_SM "'/>");
    }
}

static enum said say(struct device *device, const char *to, const char *body)
{
    struct plain *p = self(device);
    struct draft *draft = &p->drafts[p->draft_count++];

    snprintf(draft->id, sizeof draft->id, "%s-%u", device->name, ++device->said);
    snprintf(draft->to, sizeof draft->to, "%s", to);
    snprintf(draft->body, sizeof draft->body, "%s", body);
    show(p, ks_str_z(to), ks_str_z(device->jid), ks_str_z(draft->id), ks_str_z(body));
    if (p->phase == BOUND && p->sm_id[0])
        send_next(p);
    return SAID_YES;
}

static void shown(struct device *device, const char *with, shown_fn *visit, void *user)
{
    const struct plain *p = self(device);

    for (size_t i = 0; i < p->shown_count; i++)
        if (!strcmp(p->shown[i].with, with))
            visit(user, &(struct sight) { .from = p->shown[i].from, .body = p->shown[i].body });
}

static void free_device(struct device *device)
{
    struct plain *p = self(device);

    forget_session(p);
    ks_arena_done(&p->scram_arena);
    ks_buf_done(&p->in);
    free(p);
}

struct device *device_plain_new(struct town *town, const char *name, const char *local, const char *domain)
{
    static const struct device_ops ops = { .start = start,
        .die = die,
        .opened = opened,
        .secured = secured,
        .feed = feed,
        .closed = closed,
        .tick = tick,
        .deadline_ms = deadline_ms,
        .say = say,
        .shown = shown,
        .free = free_device };
    struct plain *p = calloc(1, sizeof *p);

    if (!p)
        abort();
    device_init(&p->base, &ops, town, name, local, domain);
    ks_buf_init(&p->in, SIZE_MAX);
    ks_arena_init(&p->scram_arena, 65536);
    return &p->base;
}
