/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "session.h"

#include <stdlib.h>

#include "c2s.h"
#include "csi.h"
#include "offline.h"
#include "xml_writer.h"

static void expired(struct ks_timer *timer, struct ks_now now);
static void let_resume(struct ks_session *s);

/* A person's first session came, or the last one went. */
static void person_came(struct ks_reactor *r)
{
    r->stats.people++;
    atomic_fetch_add(&r->server->people, 1);
}

static void person_went(struct ks_reactor *r)
{
    r->stats.people--;
    if (atomic_fetch_sub(&r->server->people, 1) == KS_PEOPLE_MANY)
        atomic_fetch_add(&r->server->people_fell, 1);
}

struct ks_session *ks_session_new(struct ks_user *user, struct ks_str resource)
{
    struct ks_reactor *r = user->reactor;
    size_t slots = r->server->slots_bytes;
    size_t len = user->bare.len + 1 + resource.len;
    struct ks_session *s = calloc(1, sizeof *s + slots + len);

    if (!s)
        return NULL;
    char *text = s->slots + slots;
    memcpy(text, user->bare.ptr, user->bare.len);
    text[user->bare.len] = '/';
    memcpy(text + user->bare.len + 1, resource.ptr, resource.len);
    s->user = user;
    s->jid = ks_str(text, len);
    s->expiry.fire = expired;
    do
        s->id = ks_prng_u64(&r->prng);
    while (s->id == 0);
    if (ks_map_add(&r->sessions, ks_str(&s->id, sizeof s->id), s) != KS_OK) {
        free(s);
        return NULL;
    }
    ks_list_init(&s->link);
    ks_list_append(&user->sessions, &s->link);
    if (user->session_count++ == 0)
        person_came(r);
    return s;
}

/* Forgets the first count of what was sent. */
static void drop_sent(struct ks_session *s, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct ks_bytes *bytes = s->sent[(s->sent_first + i) % s->sent_cap].bytes;
        s->sent_bytes -= bytes->len;
        ks_bytes_unref(bytes);
    }
    s->sent_count -= count;
    if (s->sent_count) {
        s->sent_first = (s->sent_first + count) % s->sent_cap;
    } else {
        free(s->sent);
        s->sent = NULL;
        s->sent_first = s->sent_cap = 0;
    }
}

void ks_session_free(struct ks_session *s)
{
    struct ks_reactor *r = s->user->reactor;
    char *slot = s->slots;

    for (size_t i = 0; ks_features[i]; i++) {
        if (ks_features[i]->slot_done)
            ks_features[i]->slot_done(slot);
        slot += ks_session_slot_room(ks_features[i]);
    }
    let_resume(s); /* to learn that there is nothing to resume */
    if (s->stream)
        s->stream->session = NULL;
    ks_timer_clear(&r->timers, &s->expiry);
    ks_list_leave(&s->link);
    if (--s->user->session_count == 0)
        person_went(r);
    ks_map_remove(&r->sessions, ks_str(&s->id, sizeof s->id));
    drop_sent(s, s->sent_count);
    ks_bytes_unref(s->presence);
    ks_wipe(s->sm_token, sizeof s->sm_token);
    free(s);
}

struct ks_session *ks_session_find(struct ks_user *user, uint64_t id)
{
    struct ks_session *s = user && id ? ks_map_get(&user->reactor->sessions, ks_str(&id, sizeof id)) : NULL;

    return s && s->user == user && !s->ending ? s : NULL;
}

uint64_t ks_session_id(const struct ks_session *s)
{
    return s->id;
}

uint64_t ks_session_device(const struct ks_session *s)
{
    return s->device;
}

struct ks_str ks_session_jid(const struct ks_session *s)
{
    return s->jid;
}

struct ks_jid ks_session_jid_parts(const struct ks_session *s)
{
    return ks_jid_split(s->jid);
}

struct ks_str ks_session_presence(const struct ks_session *s)
{
    return s->presence ? ks_bytes_str(s->presence) : KS_STR_EMPTY;
}

bool ks_session_available(const struct ks_session *s)
{
    return s->presence != NULL;
}

int ks_session_priority(const struct ks_session *s)
{
    return s->priority;
}

void *ks_session_slot(struct ks_session *s, const struct ks_feature *feature)
{
    char *slot = s->slots;

    for (size_t i = 0; ks_features[i] != feature; i++)
        slot += ks_session_slot_room(ks_features[i]);
    return slot;
}

/* --- from the client: what is handled --- */

bool ks_session_window_full(const struct ks_session *s)
{
    return s->in_count - s->in_handled >= KS_SM_WINDOW;
}

void ks_session_received(struct ks_session *s, struct ks_parcel *parcel)
{
    assert(!ks_session_window_full(s));
    s->in_count++;
    parcel->session = s->id;
    parcel->origin.session = s->id;
    parcel->origin.number = s->in_count;
    parcel->origin.reactor = s->user->reactor->index;
}

static void let_resume(struct ks_session *s)
{
    struct ks_parcel *parcel = s->resume_waiting;

    s->resume_waiting = NULL;
    if (parcel)
        ks_post(s->user->reactor, parcel);
}

void ks_session_handled(struct ks_reactor *r, uint64_t id, uint64_t number)
{
    struct ks_session *s = ks_map_get(&r->sessions, ks_str(&id, sizeof id));

    if (!s)
        return;
    assert(number > s->in_handled && number <= s->in_count);
    bool was_full = ks_session_window_full(s);
    s->in_done[number % KS_SM_WINDOW / 8] |= (uint8_t)(1 << number % 8);
    for (;;) {
        uint64_t next = s->in_handled + 1;
        uint8_t *byte = &s->in_done[next % KS_SM_WINDOW / 8], bit = (uint8_t)(1 << next % 8);
        if (s->in_handled == s->in_count || !(*byte & bit))
            break;
        *byte &= (uint8_t)~bit;
        s->in_handled = next;
    }
    if (s->in_handled == s->in_count)
        let_resume(s);
    if (s->stream) {
        if (was_full && !ks_session_window_full(s))
            ks_c2s_release(s->stream);
        if (s->sm)
            ks_c2s_dirty(s->stream);
    }
}

void ks_session_handled_run(struct ks_ctx *ctx)
{
    ks_session_handled(ctx->reactor, ctx->parcel->session, ctx->parcel->number);
}

/* --- to the client: what it has --- */

static bool keep(struct ks_session *s, struct ks_bytes *bytes, int64_t stamp_ms)
{
    if (s->sent_count == s->sent_cap) {
        uint32_t cap = s->sent_cap ? s->sent_cap * 2 : 4;
        struct ks_sent *sent = calloc(cap, sizeof *sent);
        if (!sent)
            return false;
        for (uint32_t i = 0; i < s->sent_count; i++)
            sent[i] = s->sent[(s->sent_first + i) % s->sent_cap];
        free(s->sent);
        s->sent = sent;
        s->sent_cap = cap;
        s->sent_first = 0;
    }
    s->sent[(s->sent_first + s->sent_count++) % s->sent_cap] = (struct ks_sent) { ks_bytes_ref(bytes), stamp_ms };
    s->sent_bytes += bytes->len;
    return true;
}

static bool queue_full(const struct ks_session *s, const struct ks_bytes *bytes)
{
    const struct ks_domain *domain;

    if (s->sent_count < KS_SESSION_QUEUE_MIN && s->sent_bytes + bytes->len <= KS_SESSION_QUEUE_BYTES_MIN)
        return false; /* nearly always: nothing is looked up */
    domain = ks_config_domain_at(s->user->reactor->config, s->user->domain);
    return s->sent_count >= (uint32_t)ks_domain_number(domain, "session.queue_max")
        || s->sent_bytes + bytes->len > (size_t)ks_domain_number(domain, "session.queue_bytes");
}

void ks_session_write(struct ks_session *s, struct ks_bytes *bytes, int64_t stamp_ms)
{
    struct ks_reactor *r = s->user->reactor;

    if (s->inactive)
        ks_csi_flush(s);
    if (s->ending) {
        ks_offline_missed(s->user, stamp_ms);
        return;
    }
    r->stats.stanzas_out++;
    if (s->sm && (queue_full(s, bytes) || !keep(s, bytes, stamp_ms))) {
        /* It stays in the archive, and the end of the session leaves a mark there (offline.h). */
        ks_offline_missed(s->user, stamp_ms);
        ks_log(r->log, KS_INFO, "session.queue.full", KS_ID("session", s->id), KS_NUM("stanzas", s->sent_count));
        ks_session_end(s, KS_STREAM_POLICY_VIOLATION);
        return;
    }
    s->ask = s->sm;
    if (s->stream)
        ks_c2s_write(s->stream, ks_bytes_str(bytes));
    else if (!s->sm)
        ks_offline_missed(s->user, stamp_ms);
}

void ks_session_deliver(struct ks_session *s, const struct ks_xml *stanza, struct ks_bytes *bytes, int64_t stamp_ms)
{
    if (!s->inactive || stamp_ms || !ks_csi_hold(s, stanza, bytes))
        ks_session_write(s, bytes, stamp_ms);
}

void ks_session_deliver_room(struct ks_session *s, const struct ks_xml *stanza, struct ks_bytes *bytes)
{
    if (s->inactive && ks_csi_hold(s, stanza, bytes))
        return;
    if (s->inactive)
        ks_csi_flush(s); /* which asks for what waited; that it goes with this is no reason not to */
    bool ask = s->ask;
    ks_session_write(s, bytes, 0);
    s->ask = ask || s->sent_count >= KS_SM_ROOM_STANZAS || s->sent_bytes >= KS_SM_ROOM_BYTES;
}

struct ks_bytes *ks_stanza_bytes(struct ks_reactor *r, const struct ks_xml *stanza)
{
    struct ks_str text = ks_reactor_write(r, stanza, KS_STR(NS_CLIENT));
    struct ks_bytes *bytes = text.ptr ? ks_bytes_new(text) : NULL;

    if (!bytes)
        ks_log(r->log, KS_ERROR, "stanza.write", KS_ERR(r->written.err ? r->written.err : KS_ENOMEM));
    return bytes;
}

void ks_session_write_xml(struct ks_session *s, const struct ks_xml *stanza, int64_t stamp_ms)
{
    struct ks_bytes *bytes = ks_stanza_bytes(s->user->reactor, stanza);

    if (bytes)
        ks_session_deliver(s, stanza, bytes, stamp_ms);
    ks_bytes_unref(bytes);
}

enum ks_err ks_session_acked(struct ks_session *s, uint32_t h)
{
    uint32_t count = h - s->out_acked;

    if (count > s->sent_count)
        return KS_ESYNTAX;
    drop_sent(s, count);
    s->out_acked = h;
    if (s->asked && h - s->asked_at < UINT32_MAX / 2)
        s->asked = false;
    return KS_OK;
}

/* --- the end --- */

static void expired(struct ks_timer *timer, struct ks_now now)
{
    (void)now;
    ks_session_end(KS_CONTAINER(timer, struct ks_session, expiry), KS_STREAM_COND_COUNT);
}

void ks_session_detach(struct ks_session *s)
{
    struct ks_reactor *r = s->user->reactor;
    const struct ks_domain *domain = ks_config_domain_at(r->config, s->user->domain);
    int64_t wait_ms = ks_domain_number(domain, "session.resume") * 1000;

    s->stream = NULL;
    s->asked = false;
    if (!s->sm_resume || r->shutting_down || wait_ms == 0
        || ks_timer_set(&r->timers, &s->expiry, r->now.mono_ms + wait_ms) != KS_OK)
        ks_session_end(s, KS_STREAM_COND_COUNT);
}

/* At the user's home, with the data there: says that the session is gone. */
static void end_run(struct ks_ctx *ctx)
{
    uint64_t id = ctx->parcel->number;
    struct ks_session *s = ks_map_get(&ctx->reactor->sessions, ks_str(&id, sizeof id));

    if (!s)
        return;
    for (uint32_t i = 0; i < s->sent_count; i++)
        ks_offline_missed(s->user, s->sent[(s->sent_first + i) % s->sent_cap].stamp_ms);
    ks_offline_note(ctx);
    ks_session_set_presence(ctx, s, NULL, 0);
    ks_session_free(s);
}

/* The account's data cannot be read: it goes without a word. Its contacts learn it from the next presence. */
static void end_refused(struct ks_reactor *r, struct ks_parcel *parcel)
{
    struct ks_session *s = ks_map_get(&r->sessions, ks_str(&parcel->number, sizeof parcel->number));

    if (s)
        ks_session_free(s);
}

bool ks_session_leave(struct ks_session *s)
{
    struct ks_parcel *parcel;

    if (!s->ending || s->leaving || !(parcel = ks_parcel_new(KS_PARCEL_BYTES_MAX)))
        return false;
    parcel->home = s->user->bare; /* which lives as long as it has a session */
    parcel->run = end_run;
    parcel->refused = end_refused;
    parcel->number = s->id;
    s->leaving = true;
    ks_post(s->user->reactor, parcel);
    return true;
}

void ks_session_end(struct ks_session *s, enum ks_stream_cond cond)
{
    struct ks_reactor *r = s->user->reactor;

    if (s->ending)
        return;
    if (s->stream) {
        struct ks_c2s *stream = s->stream;
        s->stream = NULL;
        stream->session = NULL;
        ks_c2s_close(stream, cond, NULL);
    }
    s->ending = true;
    ks_timer_clear(&r->timers, &s->expiry);
    if (!ks_session_leave(s)) {
        ks_log(r->log, KS_WARNING, "session.end.late", KS_ID("session", s->id), KS_ERR(KS_ENOMEM));
        ks_user_touch(s->user); /* which will try again */
    }
}
