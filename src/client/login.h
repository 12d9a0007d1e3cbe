/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* login.h -- from an open connection to a session: TLS, SASL, then a resumed or a bound session (RFC 6120 §5 to §7,
 * XEP-0198 §3 and §5, XEP-0440, XEP-0474); in one exchange where the server can (XEP-0388, XEP-0386), and with a token
 * in place of the password where there is one (XEP-0484): then nothing of the server is waited for, and who comes back
 * is there after one round trip. Who showed a certificate in TLS logs in by it where the server lets (XEP-0178), before
 * anything else, and by a token or the password where it does not.
 *
 * Who was invited creates the account first, over the same stream, with the password that was chosen (XEP-0445).
 *
 * A state machine over elements: each goes in, what is to be sent comes out, and the state says what is next. Nothing
 * about the account leaves before TLS, and nothing but SCRAM proves the password, bound to the TLS channel whenever the
 * server can. One object serves one connection. Allocates from its own arena; does not log. */
#ifndef KS_LOGIN_H
#define KS_LOGIN_H

#include "sasl_ht.h"
#include "scram.h"
#include "sm.h"
#include "xml.h"

enum ks_login_state {
    KS_LOGIN_CLEAR,      /* header sent without TLS: features with starttls are expected */
    KS_LOGIN_PROCEED,    /* <starttls/> sent */
    KS_LOGIN_HANDSHAKE,  /* the caller starts TLS, then calls ks_login_secured */
    KS_LOGIN_SECURED,    /* header sent: features with mechanisms are expected */
    KS_LOGIN_EXTERNAL,   /* <auth/> by the certificate sent */
    KS_LOGIN_EXTERNAL2,  /* <authenticate/> by it */
    KS_LOGIN_PREAUTH,    /* the invitation's token sent */
    KS_LOGIN_REGISTER,   /* the password for the new account sent */
    KS_LOGIN_CHALLENGE,  /* <auth/> sent */
    KS_LOGIN_PROOF,      /* <response/> sent */
    KS_LOGIN_TOKEN,      /* <authenticate/> by a token sent, most often with the header: features and the outcome are
                          * expected */
    KS_LOGIN_CHALLENGE2, /* <authenticate/> by the password sent */
    KS_LOGIN_PROOF2,     /* <response/> of XEP-0388 sent */
    KS_LOGIN_WELCOME,    /* bound inline: features are expected */
    KS_LOGIN_PROVEN,     /* the server's proof came in a <challenge/>: only <success/> is missing */
    KS_LOGIN_AUTHED,     /* header sent: features with bind are expected */
    KS_LOGIN_RESUMING,   /* <resume/> sent */
    KS_LOGIN_BINDING,    /* bind sent */
    KS_LOGIN_ENABLING,   /* <enable/> sent */
    KS_LOGIN_RESUMED,    /* done: the former session goes on */
    KS_LOGIN_BOUND,      /* done: a new session */
    KS_LOGIN_FAILED,     /* code says why; close the connection */
    KS_LOGIN_STATES,
};
const char *ks_login_state_name(enum ks_login_state state);

struct ks_login_setup {
    /* Copied. local and domain are normal (jid.h); password as a person typed it. */
    struct ks_str local, domain, resource;
    struct ks_str password; /* may be empty when there is a token or a certificate */
    struct ks_str agent;    /* a UUID that stays the same: the installation (XEP-0388 §2.3) */
    struct ks_str device;   /* what to call it; may be empty */
    struct ks_str token;    /* with the name of its mechanism; or empty */
    struct ks_str mechanism;
    struct ks_str invite; /* the token of an invitation by which the account is created; or empty */
    bool messages;        /* over a WebSocket (RFC 7395) */
    bool invite_tried;    /* the password was sent with it before, and what became of it is not known */
    struct ks_prng *prng;
    struct ks_sm *sm; /* with an id: that session is resumed if the server still has it */
};

struct ks_login {
    struct ks_login_setup setup;
    enum ks_login_state state;
    bool restart;         /* set when a new header was written: the reader starts anew; the caller clears it */
    const char *code;     /* in KS_LOGIN_FAILED: an id of codes.h */
    bool final;           /* trying again would not help */
    struct ks_str detail; /* the condition the server gave, or empty; in arena */
    struct ks_str jid;    /* in KS_LOGIN_BOUND: the full address, in arena */
    bool rosterver;       /* the server keeps versions of rosters */
    bool carbons;         /* they are on already */
    bool token_refused;   /* the one that was given is of no use any more */
    struct ks_str new_token, new_mechanism; /* to be used from now on, or empty; in arena */
    bool registering;                       /* the password for the new account was sent */
    bool registered;                        /* and taken: the invitation is used up */
    bool featured;                          /* the server said what it can for a session: the next four */
    bool csi;                               /* it wants to know whether somebody looks (XEP-0352) */
    uint64_t bytes_max;                     /* the longest stanza that it takes (XEP-0478); 0: it does not say */
    int64_t idle_ms;                        /* after so much silence of ours it may hang up; 0: it does not say */
    /* private */
    struct ks_arena arena, kept;
    struct ks_scram_client scram;
    struct ks_scram_bindings bindings;
    struct ks_str downgrade;
    bool sm_offered;
    bool certified;                   /* TLS showed a certificate of ours */
    const struct ks_ht_mechanism *ht; /* of the token that was sent */
    struct ks_xml *features; /* while the outcome of a token, a certificate or an invitation is awaited; in kept */
    struct ks_str wanted;    /* the mechanism for which a token was asked for */
};

/* Writes the first header. direct: TLS is there already, ks_login_secured was not called yet but will be at once, so
 * nothing is written. Failures of writing stay in out. KS_ENOMEM. */
KS_CHECK enum ks_err ks_login_init(
    struct ks_login *login, const struct ks_login_setup *setup, bool direct, struct ks_buf *out);
void ks_login_done(struct ks_login *login); /* accepts zeroes; wipes */

/* TLS stands; its certificate was checked. A view may be empty when there is no such binding; they are copied.
 * certified: the server asked for a certificate of ours and has it. KS_ENOMEM. */
KS_CHECK enum ks_err ks_login_secured(
    struct ks_login *login, struct ks_str exporter, struct ks_str end_point, bool certified, struct ks_buf *out);

/* A child of the stream, until a state of "done" or KS_LOGIN_FAILED; scratch lives as long as the element. Blocks for
 * PBKDF2 once. KS_ENOMEM. What a server says wrongly is KS_LOGIN_FAILED and KS_OK. acked: as in ks_sm_acked. */
KS_CHECK enum ks_err ks_login_element(struct ks_login *login, struct ks_arena *scratch, const struct ks_xml *element,
    struct ks_buf *out, void (*acked)(void *user, uint64_t tag), void *user);

#endif
