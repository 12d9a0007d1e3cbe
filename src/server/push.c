/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "push.h"

#include <stdlib.h>

#include "session.h"
#include "user.h"

#define UNDER_WAY_MAX 512             /* requests at the edge, of one reactor */
#define WATCH_MS ((int64_t)20 * 1000) /* a client has so long to acknowledge */
#define PAUSE_MS ((int64_t)30 * 1000) /* before the second try; doubled for each further one */
#define PAUSE_MAX_MS ((int64_t)3600 * 1000)
#define RETRY_AFTER_MAX ((int64_t)24 * 3600) /* seconds that a push service may ask for */
#define ANSWER_MS ((int64_t)120 * 1000)      /* the edge answers earlier */

enum entry_state {
    WATCHED, /* its client is connected: until the timer fires */
    QUEUED,  /* a parcel is on its way to the account's data; the timer is for when it is lost */
    ASKED,   /* a request is at the edge; likewise */
    PAUSED,  /* until the next try */
    SENT,    /* until its time is over */
};

struct entry {
    struct ks_push_id id; /* its key; the serial is not part of it */
    struct ks_timer timer;
    struct ks_pushes *pushes;
    enum entry_state state;
    enum ks_wake wake;
    bool published; /* to XMPP services, which answer by error or not at all */
    uint32_t tries;
    uint32_t mark;    /* of the session: it has what it was sent when it acknowledged so many */
    uint64_t session; /* that was there; 0: none */
    int64_t end_ms;   /* of the wake-up; monotonic */
    size_t bare_len;
    char bare[];
};

struct ks_pushes {
    struct ks_reactor *r;
    struct ks_map entries;
    struct ks_list ready; /* struct ks_push_request for the edge */
    uint32_t under_way;
    uint64_t serial;
};

/* --- entries --- */

static struct ks_str key_of(const struct ks_push_id *id)
{
    return ks_str(id, offsetof(struct ks_push_id, serial));
}

static struct entry *find(struct ks_pushes *pushes, uint64_t account, uint64_t device)
{
    struct ks_push_id id = { account, device, 0 };

    return ks_map_get(&pushes->entries, key_of(&id));
}

static void enter(struct entry *e, enum entry_state state, int64_t at_ms)
{
    struct ks_pushes *pushes = e->pushes;

    pushes->under_way += (state == ASKED) - (e->state == ASKED);
    e->state = state;
    e->id.serial = ++pushes->serial; /* an answer to an earlier request does not count */
    /* Without memory it stays until something else comes for the device. */
    if (ks_timer_set(&pushes->r->timers, &e->timer, at_ms) != KS_OK)
        ks_log(pushes->r->log, KS_WARNING, "push.timer", KS_ERR(KS_ENOMEM));
}

static void drop(struct entry *e)
{
    struct ks_pushes *pushes = e->pushes;

    pushes->under_way -= e->state == ASKED;
    ks_timer_clear(&pushes->r->timers, &e->timer);
    ks_map_remove(&pushes->entries, key_of(&e->id));
    free(e);
}

static void fired(struct ks_timer *timer, struct ks_now now);

static struct entry *entry_new(struct ks_pushes *pushes, const struct ks_user *user, uint64_t device)
{
    struct ks_str bare = ks_user_bare(user);
    struct entry *e = calloc(1, sizeof *e + bare.len);

    if (!e)
        return NULL;
    *e = (struct entry) {
        .id = { ks_user_account(user), device, 0 }, .timer.fire = fired, .pushes = pushes, .bare_len = bare.len
    };
    memcpy(e->bare, bare.ptr, bare.len);
    if (ks_map_add(&pushes->entries, key_of(&e->id), e) == KS_OK)
        return e;
    free(e);
    return NULL;
}

/* --- sending --- */

static void pause_for(struct entry *e, int64_t ms)
{
    struct ks_reactor *r = e->pushes->r;
    int64_t at_ms = r->now.mono_ms + ms;

    if (at_ms < e->end_ms) {
        enter(e, PAUSED, at_ms);
    } else {
        ks_log(r->log, KS_WARNING, "push.given_up", KS_NUM("tries", e->tries));
        drop(e);
    }
}

/* Each time about twice as long, and no two devices at once. */
static int64_t next_pause(struct entry *e)
{
    uint32_t doubled = e->tries > 1 ? e->tries - 1 : 0;
    int64_t ms = PAUSE_MS << (doubled < 8 ? doubled : 8);

    if (ms > PAUSE_MAX_MS)
        ms = PAUSE_MAX_MS;
    return ms + (int64_t)ks_prng_below(&e->pushes->r->prng, (uint64_t)ms / 4);
}

/* At the account's home, with its data there. */
static void push_run(struct ks_ctx *ctx)
{
    struct ks_pushes *pushes = ctx->reactor->pushes;
    uint64_t device = ctx->parcel->number;
    struct entry *e = find(pushes, ks_user_account(ctx->user), device);
    struct ks_push_request *request;

    if (!e || e->state != QUEUED)
        return;
    if (!ks_domain_number(ctx->domain, "push.enabled")) {
        drop(e);
        return;
    }
    if (!e->published)
        ks_push_publish(ctx, device);
    e->published = true;
    if (pushes->under_way >= UNDER_WAY_MAX) {
        pause_for(e, next_pause(e));
        return;
    }
    request = ks_webpush_request(ctx, device, e->wake);
    if (!request) {
        enter(e, SENT, e->end_ms);
        return;
    }
    enter(e, ASKED, ctx->now.mono_ms + ANSWER_MS);
    request->id = e->id;
    ks_list_append(&pushes->ready, &request->link);
}

static void queue(struct entry *e)
{
    struct ks_parcel *parcel = ks_parcel_new(KS_PARCEL_BYTES_MAX);

    enter(e, QUEUED, e->pushes->r->now.mono_ms + PAUSE_MS);
    if (!parcel || ks_arena_copy(&parcel->arena, ks_str(e->bare, e->bare_len), &parcel->home) != KS_OK) {
        ks_parcel_unref(e->pushes->r, parcel); /* the timer will try again */
        return;
    }
    parcel->run = push_run;
    parcel->refused = ks_parcel_ignore;
    parcel->number = e->id.device;
    ks_post(e->pushes->r, parcel);
}

static void begin(struct entry *e, const struct ks_domain *domain)
{
    e->end_ms = e->pushes->r->now.mono_ms + ks_domain_number(domain, "push.ttl") * 1000;
    e->tries = 0;
    e->published = false;
    queue(e);
}

/* --- who is there --- */

static struct ks_session *session_of(const struct ks_user *user, uint64_t device)
{
    struct ks_session *s = NULL, *waiting = NULL;

    while ((s = ks_user_session(user, s)))
        if (ks_session_device(s) == device) {
            if (s->stream)
                return s;
            waiting = s;
        }
    return waiting;
}

/* Its client has what it had been sent by mark; one that cannot say so is believed while somebody looks at it. */
static bool has_seen(const struct ks_session *s, uint32_t mark)
{
    return s && s->stream && (s->sm ? s->out_acked - mark < UINT32_MAX / 2 : !s->inactive);
}

static void fired(struct ks_timer *timer, struct ks_now now)
{
    struct entry *e = KS_CONTAINER(timer, struct entry, timer);
    struct ks_reactor *r = e->pushes->r;
    const struct ks_domain *domain = ks_config_domain(r->config, ks_jid_split(ks_str(e->bare, e->bare_len)).domain);

    if (e->state == WATCHED && !has_seen(ks_map_get(&r->sessions, ks_str(&e->session, sizeof e->session)), e->mark))
        begin(e, domain);
    else if (e->state == WATCHED || e->state == SENT || now.mono_ms >= e->end_ms)
        drop(e);
    else
        queue(e);
}

void ks_push_want(struct ks_ctx *ctx, uint64_t device, enum ks_wake wake)
{
    struct ks_pushes *pushes = ctx->reactor->pushes;
    struct entry *e = find(pushes, ks_user_account(ctx->user), device);
    const struct ks_session *s = session_of(ctx->user, device);
    bool there = s && s->stream;

    if (!ks_domain_number(ctx->domain, "push.enabled"))
        return;
    if (e && e->state != WATCHED && e->session && has_seen(s, e->mark)) { /* it woke up, and has what it woke for */
        drop(e);
        e = NULL;
    }
    if (e && e->wake >= wake)
        return;
    if (!e && !(e = entry_new(pushes, ctx->user, device))) {
        ks_log(ctx->reactor->log, KS_ERROR, "push.entry", KS_ERR(KS_ENOMEM));
        return;
    }
    bool was_watched = e->state == WATCHED && e->wake;
    e->wake = wake;
    e->session = s ? s->id : 0;
    if (s && !was_watched)
        e->mark = ks_session_out_count(s);
    if (!there || (s->inactive && wake == KS_WAKE_HIGH))
        begin(e, ctx->domain);
    else if (!was_watched)
        enter(e, WATCHED, ctx->now.mono_ms + WATCH_MS);
}

void ks_push_back(const struct ks_session *s)
{
    struct entry *e = find(s->user->reactor->pushes, s->user->row.id, ks_session_device(s));

    if (e)
        drop(e);
}

void ks_push_forget(const struct ks_ctx *ctx, uint64_t device)
{
    struct entry *e = find(ctx->reactor->pushes, ks_user_account(ctx->user), device);

    if (e)
        drop(e);
}

/* --- the answer of a push service --- */

static void gone_run(struct ks_ctx *ctx)
{
    if (ks_user_exists(ctx->user))
        ks_webpush_gone(ctx, ctx->parcel->number);
}

/* RFC 8030 §7.3: "If the push service responds with a 404 … the application server MUST cease". Without memory the
 * next try will tell again. */
static void gone(struct entry *e)
{
    struct ks_parcel *parcel = ks_parcel_new(KS_PARCEL_BYTES_MAX);

    if (parcel && ks_arena_copy(&parcel->arena, ks_str(e->bare, e->bare_len), &parcel->home) == KS_OK) {
        parcel->run = gone_run;
        parcel->refused = ks_parcel_ignore;
        parcel->number = e->id.device;
        ks_post(e->pushes->r, parcel);
    } else {
        ks_parcel_unref(e->pushes->r, parcel);
    }
    drop(e);
}

void ks_reactor_pushed(
    struct ks_reactor *r, const struct ks_push_id *id, int status, int64_t retry_after, struct ks_now now)
{
    struct entry *e = find(r->pushes, id->account, id->device);

    r->now = now;
    if (!e || e->state != ASKED || e->id.serial != id->serial)
        return; /* it is back, or was called anew */
    e->tries++;
    if (status >= 200 && status < 300) {
        enter(e, SENT, e->end_ms);
    } else if (status == 404 || status == 410) {
        ks_log(r->log, KS_INFO, "push.gone", KS_NUM("status", status));
        gone(e);
    } else if (status == 0 || status == 408 || status == 429 || status >= 500) {
        int64_t wait_ms = next_pause(e), asked_ms;
        asked_ms = (retry_after < RETRY_AFTER_MAX ? retry_after : RETRY_AFTER_MAX) * 1000;
        ks_log(r->log, KS_INFO, "push.later", KS_NUM("status", status), KS_NUM("tries", e->tries));
        pause_for(e, asked_ms > wait_ms ? asked_ms : wait_ms);
    } else {
        /* Ours to mend: the key, the clock, the size. The device is not to blame, and the next message tries again. */
        ks_log(r->log, KS_WARNING, "push.refused", KS_NUM("status", status));
        drop(e);
    }
    ks_reactor_run(r);
}

/* --- the rest --- */

struct ks_pushes *ks_pushes_new(struct ks_reactor *r)
{
    struct ks_pushes *pushes = calloc(1, sizeof *pushes);
    uint64_t key[2];

    if (!pushes)
        return NULL;
    memcpy(key, r->server->home_key, sizeof key);
    pushes->r = r;
    ks_map_init(&pushes->entries, key);
    ks_list_init(&pushes->ready);
    return pushes;
}

void ks_pushes_free(struct ks_pushes *pushes)
{
    struct ks_push_request *request;
    struct entry *e;

    if (!pushes)
        return;
    while ((request = ks_pushes_next(pushes)))
        ks_push_request_free(request);
    for (size_t at = 0; (e = ks_map_next(&pushes->entries, &at)); at = 0)
        drop(e);
    ks_map_done(&pushes->entries);
    free(pushes);
}

struct ks_push_request *ks_pushes_next(struct ks_pushes *pushes)
{
    struct ks_list *at = pushes->ready.next;

    if (ks_list_empty(&pushes->ready))
        return NULL;
    ks_list_leave(at);
    return KS_CONTAINER(at, struct ks_push_request, link);
}

struct ks_push_request *ks_push_request_new(size_t room_len)
{
    struct ks_push_request *request = calloc(1, sizeof *request + room_len);

    if (request)
        ks_list_init(&request->link);
    return request;
}

void ks_push_request_free(struct ks_push_request *request)
{
    free(request);
}

static const char hex_digits[] = "0123456789abcdef";

struct ks_str ks_push_device_write(uint64_t device, char room[KS_PUSH_DEVICE_LEN])
{
    for (int i = 0; i < KS_PUSH_DEVICE_LEN; i++)
        room[i] = hex_digits[device >> (60 - 4 * i) & 15];
    return ks_str(room, KS_PUSH_DEVICE_LEN);
}

uint64_t ks_push_device_read(struct ks_str key)
{
    uint64_t device = 0;

    if (key.len < KS_PUSH_DEVICE_LEN)
        return 0;
    for (size_t i = 0; i < KS_PUSH_DEVICE_LEN; i++) {
        const char *digit = key.ptr[i] ? strchr(hex_digits, key.ptr[i]) : NULL;
        if (!digit)
            return 0;
        device = device << 4 | (uint64_t)(digit - hex_digits);
    }
    return device;
}
