/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* c2s_login.h -- a login from the inside: what c2s_login.c (SASL), c2s_sasl2.c (SASL2) and c2s_bind.c (resources and
 * resumption) share. It exists from TLS until a resource is bound. */
#ifndef KS_C2S_LOGIN_H
#define KS_C2S_LOGIN_H

#include "c2s.h"
#include "client_cert.h"
#include "fast.h"

#define KS_LOGIN_BYTES_MAX 65536
#define KS_LOGIN_MECHANISMS (KS_SCRAM_MECHANISMS + 1)

struct ks_c2s_login {
    struct ks_c2s *c;
    struct ks_tls_facts facts;
    struct ks_client_cert *cert; /* or NULL */
    char *from;                  /* the bare JID of the stream header's 'from', or NULL */
    struct ks_scram_server scram;
    struct ks_arena arena; /* of the exchange at hand */
    struct ks_str bare;    /* the account's JID; in arena */
    bool exchanging;       /* between <auth/> or <authenticate/> and its outcome */
    bool waiting;          /* first message read; keys are being looked for */
    bool external;         /* the exchange is by the certificate */
    unsigned tries;
    uint64_t proven_at; /* r->outs when it was proven who this is */
    struct ks_timer delay;
    /* SASL2 (XEP-0388): */
    struct ks_parcel *request; /* <authenticate/>, with what is asked for inline; NULL: the exchange is RFC 6120's */
    struct ks_str agent;       /* the id of its user agent, lower case; empty: none. In arena */
    const struct ks_ht_mechanism *ht; /* the exchange is by a token (XEP-0484); NULL: it is not */
    struct ks_str proof;              /* of the token; in arena */
    struct ks_token token;            /* that was right */
    struct ks_sasl2_answer *answer;
    /* XEP-0445: */
    struct ks_parcel *invitation; /* <preauth/> whose token is being looked at, or NULL */
    bool invited;                 /* the token was for `bare`, which may be registered */
    struct ks_str invite_token;   /* that was; in arena */
};

/* --- c2s_login.c --- */

/* RFC 6120 §6.5: condition is one of its names. Too many close the stream. */
void ks_login_fail(struct ks_c2s *c, const char *condition);
/* Begins an exchange; that it failed is said. text: the first message in base64; its ptr is NULL when there is none. */
void ks_login_begin(struct ks_c2s *c, struct ks_str mechanism, struct ks_str text);
/* Takes the stream to the home of that account, whose text is in login->arena; there the exchange goes on, not before
 * the guards allow it. */
void ks_login_go_home(struct ks_c2s *c, struct ks_str bare);
/* A message of the exchange at hand. */
void ks_login_respond(struct ks_c2s *c, struct ks_str text);
/* Names of mechanisms and types of channel binding as they are offered on this connection; the former are counted. */
size_t ks_login_offered(const struct ks_c2s_login *login, struct ks_str names[KS_LOGIN_MECHANISMS],
    struct ks_str types[KS_BIND_COUNT], size_t *ret_types);
struct ks_scram_bindings ks_login_channels(const struct ks_c2s_login *login);
/* Whether who logged in still may: the account is there, and nothing was locked out since. */
bool ks_login_stands(const struct ks_c2s *c, const struct ks_user *user);
/* Runs run at the home of the account that logs in, with this stream in parcel->user as long as it lives; takes the
 * reference. Nothing that comes in is looked at before ks_c2s_release. When the account's data cannot be read, the
 * login fails, or the stream is closed. */
void ks_login_call(struct ks_c2s *c, struct ks_parcel *parcel, void (*run)(struct ks_ctx *));
/* The stream that a parcel is about; NULL when it is gone. The two forget each other, */
struct ks_c2s *ks_login_called(struct ks_parcel *parcel);
/* and know each other again, for another step. */
void ks_login_keep(struct ks_c2s *c, struct ks_parcel *parcel);

/* --- c2s_sasl2.c --- */

void ks_sasl2_features(struct ks_c2s *c, struct ks_arena *arena, struct ks_xml *features);
/* The exchange succeeded; message is the mechanism's last word, or its ptr is NULL. */
void ks_sasl2_succeed(struct ks_c2s *c, struct ks_str message);

/* --- c2s_register.c --- */

void ks_register_features(struct ks_arena *arena, struct ks_xml *features);
/* At the home of the account that login->invitation is about, with its data there. */
void ks_register_looked_up(struct ks_ctx *ctx, struct ks_c2s *c);
/* The account's data cannot be read, or what parcel asked for was not stored. False: it is no matter of invitations. */
bool ks_register_refused(struct ks_c2s *c, struct ks_parcel *parcel);

/* --- c2s_bind.c --- */

/* Binds a resource at its account's home: a session that has it already ends (RFC 6120 §7.7.2.2), and the stream is the
 * new one's. NULL: there are too many, or no memory. */
struct ks_session *ks_bind(struct ks_ctx *ctx, struct ks_c2s *c, struct ks_str resource, uint64_t device);
/* A resource of ours that nobody can guess. */
KS_CHECK enum ks_err ks_bind_random(struct ks_reactor *r, struct ks_arena *arena, struct ks_str *ret_resource);
/* What is said of the new session to features and to the log. */
void ks_bind_tell(struct ks_ctx *ctx, struct ks_session *s);
/* XEP-0198 §3: counting begins, on both sides. <enabled/>; NULL without memory. */
struct ks_xml *ks_sm_enable(
    struct ks_arena *arena, struct ks_session *s, const struct ks_domain *domain, const struct ks_xml *enable);
/* XEP-0198 §5. The session that <resume/> names, which nobody has now: the caller answers with its h, makes it the
 * stream's, and calls ks_sm_resumed. NULL and *ret_waits: its last stanzas are on their way to the disk, and the parcel
 * will run once more. Otherwise NULL: there is none. */
struct ks_session *ks_sm_resume(struct ks_ctx *ctx, struct ks_c2s *c, const struct ks_xml *resume, bool *ret_waits);
/* <resumed/> and <failed/>. */
struct ks_xml *ks_sm_resumed_new(struct ks_arena *arena, struct ks_session *s, const struct ks_xml *resume);
struct ks_xml *ks_sm_failed_new(struct ks_arena *arena, const char *condition);
/* Sends what the client did not acknowledge once more. */
void ks_sm_resumed(struct ks_ctx *ctx, struct ks_session *s);

#endif
