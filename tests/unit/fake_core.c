/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fake_core.h"

#include <stdio.h>
#include <stdlib.h>

#include "list.h"

struct ks_server {
    uint16_t reactors;
};

struct ks_c2s {
    struct ks_reactor *reactor;
    struct ks_list link;
    void *edge;
    struct ks_buf in, out;
    bool secure, deaf, paused;
    struct ks_tls_facts facts;
};

struct ks_mail {
    struct ks_c2s *stream;
    uint16_t home; /* the stream's reactor */
    bool back;
    char text[100];
};

struct ks_reactor {
    struct ks_server *server;
    uint16_t index;
    struct ks_list streams;
    struct ks_event events[4096];
    size_t first, count;
    bool shutting_down;
};

atomic_uint fake_streams, fake_pauses;

struct ks_server *fake_server_new(uint16_t reactors)
{
    struct ks_server *server = calloc(1, sizeof *server);

    if (server)
        server->reactors = reactors;
    return server;
}

void ks_push_request_free(struct ks_push_request *request)
{
    free(request);
}

void ks_reactor_pushed(
    struct ks_reactor *r, const struct ks_push_id *id, int status, int64_t retry_after, struct ks_now now)
{
    (void)r, (void)id, (void)status, (void)retry_after, (void)now;
}

void ks_server_free(struct ks_server *server)
{
    free(server);
}

struct ks_reactor *ks_reactor_new(
    struct ks_server *server, uint16_t index, const uint8_t seed[KS_PRNG_SEED_LEN], struct ks_now now)
{
    struct ks_reactor *r = calloc(1, sizeof *r);

    (void)seed;
    (void)now;
    if (!r)
        return NULL;
    r->server = server;
    r->index = index;
    ks_list_init(&r->streams);
    return r;
}

void ks_reactor_free(struct ks_reactor *r)
{
    free(r);
}

static void tell(struct ks_reactor *r, struct ks_event event)
{
    assert(r->first + r->count < KS_COUNT(r->events));
    r->events[r->first + r->count++] = event;
}

static void tell_of(struct ks_c2s *c, enum ks_event_kind kind)
{
    tell(c->reactor, (struct ks_event) { .kind = kind, .stream = c, .edge = c->edge });
}

bool ks_reactor_next_event(struct ks_reactor *r, struct ks_event *ret_event)
{
    if (!r->count) {
        r->first = 0;
        return false;
    }
    *ret_event = r->events[r->first++];
    r->count--;
    return true;
}

static void say(struct ks_c2s *c, const char *text)
{
    ks_buf_z(&c->out, text);
    ks_buf_byte(&c->out, '\n');
    tell_of(c, KS_EV_OUTPUT);
}

static void process(struct ks_c2s *c);

void ks_reactor_mail(struct ks_reactor *r, struct ks_mail *mail, struct ks_now now)
{
    (void)now;
    if (mail->back) {
        say(mail->stream, mail->text);
        free(mail);
        return;
    }
    mail->back = true;
    tell(r, (struct ks_event) { .kind = KS_EV_MAIL, .to = mail->home, .mail = mail });
}

void ks_reactor_answer(struct ks_reactor *r, struct ks_store_req *req, struct ks_now now)
{
    struct ks_c2s *c = req->user;

    (void)r;
    (void)now;
    free(req);
    say(c, "stored");
}

int64_t ks_reactor_deadline_ms(const struct ks_reactor *r)
{
    (void)r;
    return KS_NEVER;
}

void ks_reactor_tick(struct ks_reactor *r, struct ks_now now)
{
    (void)r;
    (void)now;
}

void ks_reactor_configure(struct ks_reactor *r, struct ks_config *config, struct ks_now now)
{
    (void)r;
    (void)config;
    (void)now;
}

struct ks_config *ks_config_ref(struct ks_config *config)
{
    return config;
}

void ks_config_unref(struct ks_config *config)
{
    (void)config;
}

static void end(struct ks_c2s *c)
{
    c->deaf = true;
    say(c, "bye");
    tell_of(c, KS_EV_CLOSE);
}

void ks_reactor_shutdown(struct ks_reactor *r, struct ks_now now)
{
    (void)now;
    r->shutting_down = true;
    for (KS_LIST_EACH(&r->streams, at))
        end(KS_CONTAINER(at, struct ks_c2s, link));
}

void ks_reactor_stats(const struct ks_reactor *r, struct ks_reactor_stats *ret_stats)
{
    (void)r;
    *ret_stats = (struct ks_reactor_stats) { .streams = atomic_load(&fake_streams) };
}

bool ks_reactor_idle(const struct ks_reactor *r)
{
    return ks_list_empty(&r->streams) && !r->count;
}

struct ks_c2s *ks_reactor_open(struct ks_reactor *r, const struct ks_c2s_setup *setup, struct ks_now now)
{
    struct ks_c2s *c = r->shutting_down ? NULL : calloc(1, sizeof *c);

    (void)now;
    if (!c)
        return NULL;
    c->reactor = r;
    c->edge = setup->edge;
    ks_list_append(&r->streams, &c->link);
    ks_buf_init(&c->in, SIZE_MAX);
    ks_buf_init(&c->out, SIZE_MAX);
    atomic_fetch_add(&fake_streams, 1);
    return c;
}

void ks_reactor_adopt(struct ks_reactor *r, struct ks_c2s *c, struct ks_now now)
{
    (void)now;
    c->reactor = r;
    c->deaf = false;
    ks_list_append(&r->streams, &c->link);
    say(c, "moved");
    process(c);
}

void ks_c2s_secured(struct ks_c2s *c, const struct ks_tls_facts *facts, struct ks_now now)
{
    (void)now;
    c->secure = true;
    c->deaf = false;
    c->facts = *facts;
}

void ks_c2s_revoked(struct ks_c2s *c, struct ks_now now)
{
    (void)now;
    say(c, "revoked");
}

void ks_reactor_certify(struct ks_reactor *r, struct ks_now now)
{
    (void)r;
    (void)now;
}

static void do_line(struct ks_c2s *c, char *line)
{
    struct ks_reactor *r = c->reactor;
    unsigned number;
    char text[100], answer[200];

    if (strcmp(line, "starttls") == 0) {
        say(c, "proceed");
        c->deaf = true;
        ks_buf_reset(&c->in);
        tell_of(c, KS_EV_START_TLS);
    } else if (strncmp(line, "echo ", 5) == 0) {
        say(c, line + 5);
    } else if (strcmp(line, "where") == 0) {
        snprintf(answer, sizeof answer, "%u", r->index);
        say(c, answer);
    } else if (strcmp(line, "facts") == 0) {
        snprintf(answer, sizeof answer, "%s end-point:%u", c->facts.has_exporter ? "exporter" : "none",
            c->facts.server_end_point_len);
        say(c, c->secure ? answer : "clear");
    } else if (sscanf(line, "move %u", &number) == 1) {
        c->deaf = true;
        ks_list_leave(&c->link);
        tell(r, (struct ks_event) { .kind = KS_EV_MOVE, .stream = c, .edge = c->edge, .to = (uint16_t)number });
    } else if (sscanf(line, "flood %u", &number) == 1) {
        char *room = ks_buf_room(&c->out, number);
        assert(room);
        memset(room, 'x', number);
        say(c, "done");
    } else if (strcmp(line, "pause") == 0) {
        c->paused = true;
        atomic_fetch_add(&fake_pauses, 1);
        tell_of(c, KS_EV_PAUSE);
    } else if (strcmp(line, "resume") == 0) {
        for (KS_LIST_EACH(&r->streams, at)) {
            struct ks_c2s *other = KS_CONTAINER(at, struct ks_c2s, link);
            if (other->paused)
                tell_of(other, KS_EV_RESUME);
            other->paused = false;
        }
    } else if (sscanf(line, "mail %u %99s", &number, text) == 2) {
        struct ks_mail *mail = calloc(1, sizeof *mail);
        assert(mail);
        *mail = (struct ks_mail) { .stream = c, .home = r->index };
        memcpy(mail->text, text, sizeof text);
        tell(r, (struct ks_event) { .kind = KS_EV_MAIL, .to = (uint16_t)number, .mail = mail });
    } else if (strcmp(line, "store") == 0) {
        struct ks_store_req *req = calloc(1, sizeof *req);
        assert(req);
        req->submitter = r->index;
        req->user = c;
        tell(r, (struct ks_event) { .kind = KS_EV_STORE, .req = req });
    } else if (strcmp(line, "close") == 0) {
        end(c);
    } else {
        say(c, "what?");
    }
}

static void process(struct ks_c2s *c)
{
    size_t end_of_line;

    while (!c->deaf && (end_of_line = ks_str_find_byte(ks_buf_str(&c->in), '\n')) < c->in.len) {
        char *line = ks_str_dup(ks_str_head(ks_buf_str(&c->in), end_of_line));
        assert(line);
        ks_buf_drop(&c->in, end_of_line + 1);
        do_line(c, line);
        free(line);
    }
}

void ks_c2s_feed(struct ks_c2s *c, struct ks_str bytes, struct ks_now now)
{
    (void)now;
    assert(!c->deaf && !c->paused); /* src/edge must not feed after these events */
    ks_buf_add(&c->in, bytes);
    process(c);
}

struct ks_str ks_c2s_output(const struct ks_c2s *c)
{
    return ks_buf_str(&c->out);
}

void ks_c2s_output_sent(struct ks_c2s *c, size_t len, struct ks_now now)
{
    (void)now;
    ks_buf_drop(&c->out, len);
}

void ks_c2s_closed(struct ks_c2s *c, struct ks_now now)
{
    (void)now;
    ks_list_leave(&c->link);
}

void ks_c2s_free(struct ks_c2s *c)
{
    ks_buf_done(&c->in);
    ks_buf_done(&c->out);
    free(c);
    atomic_fetch_sub(&fake_streams, 1);
}
