/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* login_register.c -- an invitation: <preauth/>, then the account's name and password (XEP-0445 §4, XEP-0077 §3.1),
 * then a login over the same stream. */
#include "codes.h"
#include "login_step.h"
#include "ns.h"

#define PREAUTH_ID "preauth"
#define REGISTER_ID "register"

static enum ks_err write_request(const struct ks_login_step *at, const char *id, struct ks_xml *payload)
{
    struct ks_xml *iq = ks_xml_new(at->scratch, NS_CLIENT, "iq");

    iq = ks_xml_set(at->scratch, ks_xml_set(at->scratch, iq, "type", KS_STR("set")), "id", ks_str_z(id));
    return iq && payload && ks_xml_graft(iq, payload) ? ks_login_step_write(at, iq) : KS_ENOMEM;
}

enum ks_err ks_login_invited(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;
    enum ks_err err;

    if (!ks_xml_child(at->element, NS_IBR_TOKEN, "register"))
        return ks_login_step_fail(login, KS_CODE_INVITE_NONE, true);
    if ((err = ks_login_step_keep(at)) != KS_OK)
        return err;
    ks_login_step_enter(login, KS_LOGIN_PREAUTH);
    return write_request(at, PREAUTH_ID,
        ks_xml_set(at->scratch, ks_xml_new(at->scratch, NS_PARS, "preauth"), "token", login->setup.invite));
}

/* The login goes on as if the features had just come. */
static enum ks_err log_in(const struct ks_login_step *at)
{
    struct ks_login_step again = *at;

    again.element = at->login->features;
    ks_login_step_enter(at->login, KS_LOGIN_SECURED);
    return ks_login_step_mechanisms(&again);
}

static bool has_condition(const struct ks_xml *iq, const char *condition)
{
    return ks_xml_child(ks_xml_child(iq, NS_CLIENT, "error"), NS_STANZAS, condition) != NULL;
}

static bool is_result(const struct ks_xml *iq)
{
    return ks_str_is(ks_xml_attr(iq, "type"), "result");
}

enum ks_err ks_login_on_preauth(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;
    struct ks_xml *query;

    if (!ks_str_is(ks_xml_attr(at->element, "id"), PREAUTH_ID))
        return KS_OK;
    if (has_condition(at->element, "item-not-found")) {
        login->registered = login->setup.invite_tried; /* by us, perhaps: then the password is the account's */
        return login->registered ? log_in(at) : ks_login_step_fail(login, KS_CODE_INVITE_OVER, true);
    }
    if (!is_result(at->element))
        return ks_login_step_fail(login, KS_CODE_REFUSED, false);
    query = ks_xml_new(at->scratch, NS_REGISTER, "query");
    ks_xml_add_text(at->scratch, query, NS_REGISTER, "username", login->setup.local);
    if (!ks_xml_add_text(at->scratch, query, NS_REGISTER, "password", login->setup.password))
        return KS_ENOMEM;
    ks_login_step_enter(login, KS_LOGIN_REGISTER);
    login->registering = true;
    return write_request(at, REGISTER_ID, query);
}

enum ks_err ks_login_on_registered(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;

    if (!ks_str_is(ks_xml_attr(at->element, "id"), REGISTER_ID))
        return KS_OK;
    if (is_result(at->element)) {
        login->registered = true;
        return log_in(at);
    }
    login->registering = false; /* nothing happened */
    if (has_condition(at->element, "not-acceptable"))
        return ks_login_step_fail(login, KS_CODE_INVITE_PASSWORD, true);
    if (has_condition(at->element, "conflict") || has_condition(at->element, "not-allowed"))
        return ks_login_step_fail(login, KS_CODE_INVITE_OVER, true);
    return ks_login_step_fail(login, KS_CODE_REFUSED, false);
}
