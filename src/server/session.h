/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* session.h -- one bound resource: what it was sent, what it has acknowledged, and its features' slots.
 *
 * A session outlives its stream when stream management (XEP-0198) is on: it then waits to be resumed, and what comes
 * for it is queued. Both counts of XEP-0198 are kept here: stanzas from the client that are handled (a prefix: nothing
 * later passes one whose effects are not durable), and stanzas to the client that it acknowledged. */
#ifndef KS_SESSION_H
#define KS_SESSION_H

#include "user.h"

struct ks_c2s;

#define KS_SM_TOKEN_LEN 16
#define KS_SM_ROOM_STANZAS 8 /* of rooms, unacknowledged, until <r/> asks for them; or */
#define KS_SM_ROOM_BYTES 16384
#define KS_SM_WINDOW 512 /* stanzas of a client under way at once; then it is not read from */

struct ks_sent {
    struct ks_bytes *bytes;
    int64_t stamp_ms; /* of its row in the account's archive; 0: not archived */
};

/* An idle one costs memory by the ten thousand: large before small, and nothing that is told by the rest. */
struct ks_session {
    struct ks_list link; /* in user->sessions */
    struct ks_user *user;
    struct ks_c2s *stream;       /* NULL: waiting to be resumed, or ending */
    uint64_t id;                 /* random */
    uint64_t device;             /* user_device.h */
    struct ks_str jid;           /* full; in one block with the struct */
    struct ks_bytes *presence;   /* as last broadcast; NULL: not available */
    uint64_t fetched, passed_by; /* archive rows: the last it was given, the last that did not come to it directly */
    struct ks_timer expiry;      /* of the resumption */
    struct ks_parcel *resume_waiting; /* a resumption that waits until all of in_count is handled */
    uint64_t in_count;                /* stanzas received since bind */
    uint64_t in_handled;              /* the prefix of them that is handled */
    uint64_t in_base;                 /* how many came before <enable/>: h does not count them */
    struct ks_sent *sent;             /* ring of those after out_acked */
    size_t sent_bytes;
    uint32_t sent_first, sent_count, sent_cap;
    uint32_t out_acked;                /* what the client acknowledged */
    uint32_t asked_at;                 /* out count when we last sent <r/>; no second one before its answer */
    uint32_t in_told;                  /* the last h we sent */
    uint8_t in_done[KS_SM_WINDOW / 8]; /* those past the prefix, by number modulo the window */
    uint8_t sm_token[KS_SM_TOKEN_LEN];
    int8_t priority;
    bool catches_up; /* it fetches the archive itself (XEP-0313) */
    bool fetching;   /* it is being given what waited (offline.h): messages of the archive come to it that way only */
    bool ending, leaving; /* ended; and the parcel that says so is under way */
    bool inactive;        /* nobody looks at the client (csi.h) */
    bool sm, sm_resume;
    bool by_certificate; /* who is here showed one, and no password (client_cert.h) */
    bool ask;            /* what it has not acknowledged is to be asked for */
    bool asked;
    bool tell;                /* <r/> came: h is told even if it is the same as before */
    _Alignas(8) char slots[]; /* the features'; then the JID's text */
};

/* What a feature's slot takes: slots hold pointers and numbers of 64 bits, and follow each other. */
static inline size_t ks_session_slot_room(const struct ks_feature *feature)
{
    return (feature->session_size + 7) & ~(size_t)7;
}

/* Binds a resource; resource is normalised. The session belongs to user. NULL without memory. */
struct ks_session *ks_session_new(struct ks_user *user, struct ks_str resource);

static inline struct ks_str ks_session_resource(const struct ks_session *s)
{
    return ks_str_from(s->jid, s->user->bare.len + 1);
}

/* By id; NULL: gone, or not of this user. */
struct ks_session *ks_session_find(struct ks_user *user, uint64_t id);

/* A stanza arrived and gets its number. The window is not full. */
void ks_session_received(struct ks_session *s, struct ks_parcel *parcel);
bool ks_session_window_full(const struct ks_session *s);
/* XEP-0198 §4: how many of the client's stanzas are handled, since <enable/>. */
static inline uint32_t ks_session_h(const struct ks_session *s)
{
    return s->in_handled > s->in_base ? (uint32_t)(s->in_handled - s->in_base) : 0;
}
void ks_session_handled(struct ks_reactor *r, uint64_t id, uint64_t number);
void ks_session_handled_run(struct ks_ctx *ctx);

/* Writes a stanza to the session's stream and, with stream management, keeps it until acknowledged. stamp_ms: of its
 * row in the account's archive, 0 if it has none. */
void ks_session_write(struct ks_session *s, struct ks_bytes *bytes, int64_t stamp_ms);
/* The same, where the stanza is at hand: while nobody looks at the client it may wait (csi.h). */
void ks_session_deliver(struct ks_session *s, const struct ks_xml *stanza, struct ks_bytes *bytes, int64_t stamp_ms);
/* The same for what comes from a room: what is said there stands in its archive, and nothing of the session's account
 * waits for an acknowledgement. So it is asked for when some of it is unacknowledged, and not each alone: a message to
 * 500 people is else 500 questions and 500 answers more. */
void ks_session_deliver_room(struct ks_session *s, const struct ks_xml *stanza, struct ks_bytes *bytes);
/* As it stands in a client stream; NULL without memory, or when it is longer than KS_STANZA_READ_MAX. */
struct ks_bytes *ks_stanza_bytes(struct ks_reactor *r, const struct ks_xml *stanza);
void ks_session_write_xml(struct ks_session *s, const struct ks_xml *stanza, int64_t stamp_ms);
/* The client has h stanzas: KS_ESYNTAX if it cannot have as many (XEP-0198 §4: <handled-count-too-high/>). */
KS_CHECK enum ks_err ks_session_acked(struct ks_session *s, uint32_t h);
static inline uint32_t ks_session_out_count(const struct ks_session *s)
{
    return s->out_acked + s->sent_count;
}

/* The stream is gone: waits for resumption if it may, else ends. */
void ks_session_detach(struct ks_session *s);
/* Ends it: tells the features and the contacts, remembers what was not acknowledged, closes the stream if there is one
 * (with <conflict/>, <reset/> … by cond; KS_STREAM_COND_COUNT: without an error). Runs at the user's home, so what
 * follows may be later. Cannot fail: without memory nobody hears of it until its user is next looked after. */
void ks_session_end(struct ks_session *s, enum ks_stream_cond cond);
/* Tells again of a session that ended without memory for it. False: it did not, or there still is none. */
bool ks_session_leave(struct ks_session *s);
void ks_session_free(struct ks_session *s);

/* The session's presence changed to stanza (stamped with 'from'), or to NULL: unavailable. Calls the features' hooks.
 */
void ks_session_set_presence(struct ks_ctx *ctx, struct ks_session *s, struct ks_xml *stanza, int priority);

#endif
