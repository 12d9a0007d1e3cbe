/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* login_step.h -- one step of a login, for the files that make it up: login.c and login_register.c. */
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
/* NULL, for want of memory, is KS_ENOMEM. */
KS_CHECK enum ks_err ks_login_step_write(const struct ks_login_step *at, const struct ks_xml *element);
/* Features of a stream under TLS: how we show who we are. */
KS_CHECK enum ks_err ks_login_step_mechanisms(const struct ks_login_step *at);

/* --- login_register.c --- */

/* The features, with an invitation of ours: its token goes. */
KS_CHECK enum ks_err ks_login_invited(const struct ks_login_step *at);
KS_CHECK enum ks_err ks_login_on_preauth(const struct ks_login_step *at);
KS_CHECK enum ks_err ks_login_on_registered(const struct ks_login_step *at);

#endif
