/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* login_step.h -- one step of a login, for the files that make it up: login.c, login_bind.c and login_register.c. */
#ifndef KS_LOGIN_STEP_H
#define KS_LOGIN_STEP_H

#include "login.h"

/* An element that came, and where the answer goes. */
struct ks_login_step {
    struct ks_login *login;
    struct ks_arena *scratch;
    const struct ks_xml *element;
    struct ks_buf *out;
    void (*acked)(void *user, uint64_t tag);
    void *user;
};

/* To a state that the table of login.c lets follow. */
void ks_login_step_enter(struct ks_login *login, enum ks_login_state state);
/* Ends it: code and final as in struct ks_login. Always KS_OK: the login failed, and nothing of ours did. */
KS_CHECK enum ks_err ks_login_step_fail(struct ks_login *login, const char *code, bool final);
/* The server broke the rules of its protocol. */
KS_CHECK enum ks_err ks_login_step_broken(struct ks_login *login);
/* NULL, for want of memory, is KS_ENOMEM. */
KS_CHECK enum ks_err ks_login_step_write(const struct ks_login_step *at, const struct ks_xml *element);
/* The features at hand are needed again when an outcome is there. KS_ELIMIT, KS_ENOMEM. */
KS_CHECK enum ks_err ks_login_step_keep(const struct ks_login_step *at);
/* Features of a stream under TLS: how we show who we are. */
KS_CHECK enum ks_err ks_login_step_mechanisms(const struct ks_login_step *at);

/* --- login_bind.c --- */

/* Features of a stream that is ours: a session is resumed, or a resource bound. */
KS_CHECK enum ks_err ks_login_on_authed_features(const struct ks_login_step *at);
KS_CHECK enum ks_err ks_login_on_resumed(const struct ks_login_step *at);
KS_CHECK enum ks_err ks_login_on_resume_failed(const struct ks_login_step *at);
KS_CHECK enum ks_err ks_login_on_bind(const struct ks_login_step *at);
KS_CHECK enum ks_err ks_login_on_enabled(const struct ks_login_step *at);
KS_CHECK enum ks_err ks_login_on_enable_failed(const struct ks_login_step *at);
/* What the server can for a session. */
void ks_login_take_features(const struct ks_login_step *at);
/* What the server says of our stanzas in h. False: it claims more than we sent. */
bool ks_login_take_h(const struct ks_login_step *at, const struct ks_xml *element, bool needed);
/* The full address that the server gave, of this account. When it is none, the login failed. */
KS_CHECK enum ks_err ks_login_take_jid(struct ks_login *login, struct ks_str text);
KS_CHECK enum ks_err ks_login_take_enabled(struct ks_login *login, const struct ks_xml *enabled);

/* --- login_register.c --- */

/* The features, with an invitation of ours: its token goes. */
KS_CHECK enum ks_err ks_login_invited(const struct ks_login_step *at);
KS_CHECK enum ks_err ks_login_on_preauth(const struct ks_login_step *at);
KS_CHECK enum ks_err ks_login_on_registered(const struct ks_login_step *at);

#endif
