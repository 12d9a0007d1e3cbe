/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* c2s.h -- one client stream: framing, login, binding, acknowledgements (RFC 6120 §4 to §7, XEP-0198). */
#ifndef KS_C2S_H
#define KS_C2S_H

#include "c2s_framing.h"
#include "scram.h"
#include "session.h"

enum c2s_state { C2S_PLAIN, C2S_SECURE, C2S_AUTHED, C2S_BOUND, C2S_STRANGER, C2S_COMPONENT, C2S_CLOSED };

#define KS_C2S_OUT_MAX (8u << 20) /* unsent bytes; a client that reads so slowly is cut off and resumes or fetches */

struct ks_c2s_login; /* c2s_login.h: exists until the resource is bound */

struct ks_c2s {
    struct ks_reactor *reactor;
    void *edge;
    struct ks_list link;  /* in r->streams */
    struct ks_list dirty; /* in r->dirty */
    enum c2s_state state;
    bool header_seen; /* in the stream at hand */
    bool header_sent;
    bool tls_wanted, closing, close_told, move_wanted, paused, pause_told;
    bool held;     /* an answer is awaited: what comes in stays in `in` */
    bool detached; /* the edge said ks_c2s_closed */
    bool websocket, component;
    uint16_t close_code; /* of WebSocket, where a frame was at fault; 0: what the stream's end asks for */
    uint16_t move_to;
    uint64_t address_hash; /* keyed by this process: the log names it, and it tells nobody an address */
    union ks_framing framing;
    struct ks_buf in, out; /* hold memory only while they hold bytes */
    size_t seen;           /* of the first bytes of `in`: what ks_framing_take looked at */
    struct ks_c2s_login *login;
    struct ks_session *session;
    struct ks_parcel *call; /* under way to a home, with user pointing to this stream; or NULL */
    struct ks_timer timer;  /* login timeout */
    uint16_t domain;        /* of the stream header; UINT16_MAX before */
    char *declarations;     /* prefixes beyond the usual in the header, or NULL */
    char *proof;            /* what a component's <handshake/> is to say, or NULL */
};

/* Appends to the output and tells the edge. */
void ks_c2s_write(struct ks_c2s *c, struct ks_str bytes);
void ks_c2s_write_xml(struct ks_c2s *c, const struct ks_xml *element);
/* Ends the stream with an error (RFC 6120 §4.9); KS_STREAM_COND_COUNT: without one. */
void ks_c2s_close(struct ks_c2s *c, enum ks_stream_cond cond, const char *text_z);
/* The awaited answer came: goes on with the input. */
void ks_c2s_release(struct ks_c2s *c);
/* After something changed that the edge or the client is to be told at the next event. */
void ks_c2s_dirty(struct ks_c2s *c);
/* The next thing the edge has to do for this stream; false when there is none. */
bool ks_c2s_next_event(struct ks_c2s *c, struct ks_event *ret_event);
/* Before the output is taken: <a h=…/> and <r/>. */
void ks_c2s_before_flush(struct ks_c2s *c);
static inline const struct ks_domain *ks_c2s_domain(const struct ks_c2s *c)
{
    return ks_config_domain_at(c->reactor->config, c->domain);
}

/* --- what c2s_framing.c finds in the bytes --- */

/* A stream header: <stream:stream> or <open/>. wrong: what is wrong with its form; KS_STREAM_COND_COUNT: nothing. */
void ks_c2s_on_header(struct ks_c2s *c, struct ks_arena *arena, const struct ks_xml *header, struct ks_str declarations,
    enum ks_stream_cond wrong);
/* The bytes of an element. */
void ks_c2s_on_bytes(struct ks_c2s *c, struct ks_str bytes);
/* What cannot be read as XML. */
void ks_c2s_on_unreadable(struct ks_c2s *c, enum ks_err err, struct ks_str bytes);
/* A ping of WebSocket. */
void ks_c2s_pong(struct ks_c2s *c, struct ks_str payload);
/* The client ends the connection, but not the stream: what is written goes, and the session may be resumed. */
void ks_c2s_hang_up(struct ks_c2s *c);

/* Login succeeded. restart: a new stream is expected (RFC 6120 §6.4.6), else this one goes on (XEP-0388 §2.6.1). */
void ks_c2s_authed(struct ks_c2s *c, bool restart);
/* <stream:features/> of the state at hand. */
void ks_c2s_write_features(struct ks_c2s *c);
/* The header was good: ours, and what there is to choose from. */
void ks_c2s_greet(struct ks_c2s *c, struct ks_str declarations);
/* Goes on in another reactor, or here at once: ks_c2s_login_go_on, ks_component_go_on. */
void ks_c2s_move(struct ks_c2s *c, uint16_t to);
/* The session is this stream's now. */
void ks_c2s_bound(struct ks_c2s *c, struct ks_session *session);
/* A stanza that waited for the data of its sender's account. */
void ks_c2s_sent_run(struct ks_ctx *ctx);

/* --- c2s_stanza.c --- */
void ks_c2s_on_stanza(struct ks_c2s *c, struct ks_parcel *parcel);
/* Whether whoever gets ctx's stanza will be able to read it, as it is written for her (KS_STANZA_PASSED_MAX); if not,
 * its sender is told. An answer too long is the business of iq.c: its sender can be told nothing, but whoever asked
 * can. */
bool ks_c2s_passes(struct ks_c2s *c, struct ks_ctx *ctx);
void ks_c2s_on_r(struct ks_c2s *c, struct ks_parcel *parcel);
void ks_c2s_on_a(struct ks_c2s *c, struct ks_parcel *parcel);
void ks_c2s_on_csi(struct ks_c2s *c, struct ks_parcel *parcel);

/* --- c2s_login.c, c2s_sasl2.c, c2s_bind.c --- */
void ks_c2s_login_free(struct ks_c2s *c);
/* KS_OK; KS_ENOMEM. */
KS_CHECK enum ks_err ks_c2s_login_secured(struct ks_c2s *c, const struct ks_tls_facts *facts);
/* Whether the domain takes clients on this connection at all (tls.client_required). */
bool ks_c2s_login_admitted(const struct ks_c2s *c);
/* When the certificate ends that admitted this session, as mono_ms; KS_NEVER: none did. */
int64_t ks_c2s_login_end_ms(const struct ks_c2s *c);
bool ks_c2s_login_external(const struct ks_c2s *c);
/* The stream header under TLS says who is going to log in, or nobody. */
void ks_c2s_login_from(struct ks_c2s *c, struct ks_arena *arena, struct ks_str from);
/* <mechanisms/>, <authentication/>, <sasl-channel-binding/>, and <limits/>. */
void ks_c2s_login_features(struct ks_c2s *c, struct ks_arena *arena, struct ks_xml *features);
void ks_c2s_on_auth(struct ks_c2s *c, struct ks_parcel *parcel);
void ks_c2s_on_register(struct ks_c2s *c, struct ks_parcel *parcel); /* c2s_register.c */
void ks_c2s_on_response(struct ks_c2s *c, struct ks_parcel *parcel);
void ks_c2s_on_abort(struct ks_c2s *c, struct ks_parcel *parcel);
void ks_c2s_on_authenticate(struct ks_c2s *c, struct ks_parcel *parcel);
void ks_c2s_on_response2(struct ks_c2s *c, struct ks_parcel *parcel);
void ks_c2s_on_abort2(struct ks_c2s *c, struct ks_parcel *parcel);
/* After a move that login asked for. */
void ks_c2s_login_go_on(struct ks_c2s *c);
/* The bare JID that logged in; empty before. */
struct ks_str ks_c2s_login_bare(const struct ks_c2s *c);
void ks_c2s_on_bind(struct ks_c2s *c, struct ks_parcel *parcel);
void ks_c2s_on_resume(struct ks_c2s *c, struct ks_parcel *parcel);
void ks_c2s_on_enable(struct ks_c2s *c, struct ks_parcel *parcel);
void ks_c2s_on_early_enable(struct ks_c2s *c, struct ks_parcel *parcel);

#endif
