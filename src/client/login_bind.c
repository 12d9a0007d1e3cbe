/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* login_bind.c -- from who we are to a session: resuming and binding (XEP-0198 §5, RFC 6120 §7), and what the server
 * says of the session in its features. */
#include "codes.h"
#include "jid.h"
#include "login_step.h"
#include "ns.h"

#define BIND_ID "bind"
#define STANZA_BYTES_LEAST 10000 /* RFC 6120 §13.12 */

static enum ks_err write_bind(const struct ks_login_step *at)
{
    struct ks_arena *scratch = at->scratch;
    struct ks_xml *iq = ks_xml_new(scratch, NS_CLIENT, "iq"), *bind;

    iq = ks_xml_set(scratch, ks_xml_set(scratch, iq, "type", KS_STR("set")), "id", KS_STR(BIND_ID));
    bind = ks_xml_add(scratch, iq, NS_BIND, "bind");
    if (!ks_xml_add_text(scratch, bind, NS_BIND, "resource", at->login->setup.resource))
        return KS_ENOMEM;
    ks_login_step_enter(at->login, KS_LOGIN_BINDING);
    return ks_login_step_write(at, iq);
}

/* XEP-0478 §3.1. What is no number, or below what RFC 6120 §13.12 lets a server ask for, was not said. */
static uint64_t read_limit(const struct ks_login_step *at, const char *name, uint64_t least)
{
    const struct ks_xml *limits = ks_xml_child(at->element, NS_STREAM_LIMITS, "limits");
    struct ks_str text = ks_str_trim(ks_xml_text(at->scratch, ks_xml_child(limits, NS_STREAM_LIMITS, name)));
    uint64_t value;

    return ks_str_u64(text, UINT32_MAX, &value) == KS_OK && value >= least ? value : 0;
}

void ks_login_take_features(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;

    login->featured = true;
    login->bytes_max = read_limit(at, "max-bytes", STANZA_BYTES_LEAST);
    login->idle_ms = (int64_t)read_limit(at, "idle-seconds", 1) * 1000;
    login->csi = ks_xml_child(at->element, NS_CSI, "csi") != NULL;
    login->sm_offered = ks_xml_child(at->element, NS_SM, "sm") != NULL;
    login->rosterver = ks_xml_child(at->element, NS_ROSTERVER, "ver") != NULL;
}

enum ks_err ks_login_on_authed_features(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;
    struct ks_xml *resume;

    ks_login_take_features(at);
    if (!login->sm_offered || !login->setup.sm->id) {
        if (!ks_xml_child(at->element, NS_BIND, "bind"))
            return ks_login_step_broken(login);
        return write_bind(at);
    }
    resume = ks_xml_new(at->scratch, NS_SM, "resume");
    resume = ks_xml_set_u64(at->scratch, resume, "h", login->setup.sm->handled);
    resume = ks_xml_set(at->scratch, resume, "previd", ks_str_z(login->setup.sm->id));
    ks_login_step_enter(login, KS_LOGIN_RESUMING);
    return ks_login_step_write(at, resume);
}

bool ks_login_take_h(const struct ks_login_step *at, const struct ks_xml *element, bool needed)
{
    struct ks_str text = ks_xml_attr(element, "h");
    uint64_t h;

    if (!text.ptr)
        return !needed;
    return ks_str_u64(text, UINT32_MAX, &h) == KS_OK
        && ks_sm_acked(at->login->setup.sm, (uint32_t)h, at->acked, at->user) == KS_OK;
}

enum ks_err ks_login_on_resumed(const struct ks_login_step *at)
{
    if (!ks_login_take_h(at, at->element, true))
        return ks_login_step_broken(at->login);
    ks_login_step_enter(at->login, KS_LOGIN_RESUMED);
    return KS_OK;
}

enum ks_err ks_login_on_resume_failed(const struct ks_login_step *at)
{
    if (!ks_login_take_h(at, at->element, false))
        return ks_login_step_broken(at->login);
    ks_sm_reset(at->login->setup.sm);
    return write_bind(at);
}

enum ks_err ks_login_take_jid(struct ks_login *login, struct ks_str text)
{
    struct ks_jid jid;
    enum ks_err err;

    if ((err = ks_jid_parse(&login->arena, text, &jid)) != KS_OK)
        return err <= KS_FATAL ? err : ks_login_step_broken(login);
    if (!ks_str_eq(jid.local, login->setup.local) || !ks_str_eq(jid.domain, login->setup.domain)
        || jid.resource.len == 0)
        return ks_login_step_broken(login);
    return ks_jid_text(&login->arena, jid, &login->jid);
}

enum ks_err ks_login_on_bind(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;
    const struct ks_xml *bind = ks_xml_child(at->element, NS_BIND, "bind");
    struct ks_str text = ks_xml_text(at->scratch, ks_xml_child(bind, NS_BIND, "jid"));
    enum ks_err err;

    if (!ks_str_is(ks_xml_attr(at->element, "id"), BIND_ID))
        return KS_OK;
    if (!ks_str_is(ks_xml_attr(at->element, "type"), "result"))
        return ks_login_step_fail(login, KS_CODE_REFUSED, false);
    if ((err = ks_login_take_jid(login, text)) != KS_OK || login->state == KS_LOGIN_FAILED)
        return err;
    ks_sm_reset(login->setup.sm);
    if (!login->sm_offered) {
        ks_login_step_enter(login, KS_LOGIN_BOUND);
        return KS_OK;
    }
    ks_login_step_enter(login, KS_LOGIN_ENABLING);
    return ks_login_step_write(
        at, ks_xml_set(at->scratch, ks_xml_new(at->scratch, NS_SM, "enable"), "resume", KS_STR("true")));
}

enum ks_err ks_login_take_enabled(struct ks_login *login, const struct ks_xml *enabled)
{
    struct ks_str resume = ks_xml_attr(enabled, "resume");

    return ks_sm_enabled(
        login->setup.sm, ks_xml_attr(enabled, "id"), ks_str_is(resume, "true") || ks_str_is(resume, "1"));
}

enum ks_err ks_login_on_enabled(const struct ks_login_step *at)
{
    enum ks_err err = ks_login_take_enabled(at->login, at->element);

    if (err == KS_OK)
        ks_login_step_enter(at->login, KS_LOGIN_BOUND);
    return err;
}

enum ks_err ks_login_on_enable_failed(const struct ks_login_step *at)
{
    ks_login_step_enter(at->login, KS_LOGIN_BOUND);
    return KS_OK;
}
