/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "login.h"

#include "codes.h"
#include "enc.h"
#include "jid.h"
#include "konsil/konsil.h"
#include "login_step.h"
#include "ns.h"
#include "sasl_offer.h"
#include "unicode.h"
#include "utf8.h"
#include "xml_writer.h"

#define ARENA_BYTES_MAX (KONSIL_COMMAND_MAX + 64 * 1024) /* what a person said, and what becomes of it */
#define FEATURES_BYTES_MAX (64 * 1024)
#define EXTERNAL "EXTERNAL" /* RFC 4422 appendix A, XEP-0178 */

/* --- states --- */

#define TO(state) (1u << (state))
static const struct {
    const char *name;
    unsigned next; /* KS_LOGIN_FAILED follows on every state that is not an end */
} states[KS_LOGIN_STATES] = {
    [KS_LOGIN_CLEAR] = { "clear", TO(KS_LOGIN_PROCEED) | TO(KS_LOGIN_HANDSHAKE) },
    [KS_LOGIN_PROCEED] = { "proceed", TO(KS_LOGIN_HANDSHAKE) },
    [KS_LOGIN_HANDSHAKE] = { "handshake", TO(KS_LOGIN_SECURED) },
    [KS_LOGIN_SECURED] = { "secured",
        TO(KS_LOGIN_CHALLENGE) | TO(KS_LOGIN_CHALLENGE2) | TO(KS_LOGIN_TOKEN) | TO(KS_LOGIN_EXTERNAL)
            | TO(KS_LOGIN_EXTERNAL2) | TO(KS_LOGIN_PREAUTH) },
    [KS_LOGIN_PREAUTH] = { "preauth", TO(KS_LOGIN_REGISTER) | TO(KS_LOGIN_SECURED) },
    [KS_LOGIN_REGISTER] = { "register", TO(KS_LOGIN_SECURED) },
    [KS_LOGIN_EXTERNAL] = { "external", TO(KS_LOGIN_AUTHED) | TO(KS_LOGIN_CHALLENGE) },
    [KS_LOGIN_EXTERNAL2] = { "external2",
        TO(KS_LOGIN_TOKEN) | TO(KS_LOGIN_CHALLENGE2) | TO(KS_LOGIN_WELCOME) | TO(KS_LOGIN_AUTHED)
            | TO(KS_LOGIN_RESUMED) },
    [KS_LOGIN_TOKEN] = { "token",
        TO(KS_LOGIN_CHALLENGE2) | TO(KS_LOGIN_WELCOME) | TO(KS_LOGIN_AUTHED) | TO(KS_LOGIN_RESUMED) },
    [KS_LOGIN_CHALLENGE2] = { "challenge2", TO(KS_LOGIN_PROOF2) },
    [KS_LOGIN_PROOF2] = { "proof2", TO(KS_LOGIN_WELCOME) | TO(KS_LOGIN_AUTHED) | TO(KS_LOGIN_RESUMED) },
    [KS_LOGIN_WELCOME] = { "welcome", TO(KS_LOGIN_BOUND) },
    [KS_LOGIN_CHALLENGE] = { "challenge", TO(KS_LOGIN_PROOF) },
    [KS_LOGIN_PROOF] = { "proof", TO(KS_LOGIN_PROVEN) | TO(KS_LOGIN_AUTHED) },
    [KS_LOGIN_PROVEN] = { "proven", TO(KS_LOGIN_AUTHED) },
    [KS_LOGIN_AUTHED] = { "authed", TO(KS_LOGIN_RESUMING) | TO(KS_LOGIN_BINDING) },
    [KS_LOGIN_RESUMING] = { "resuming", TO(KS_LOGIN_RESUMED) | TO(KS_LOGIN_BINDING) },
    [KS_LOGIN_BINDING] = { "binding", TO(KS_LOGIN_ENABLING) | TO(KS_LOGIN_BOUND) },
    [KS_LOGIN_ENABLING] = { "enabling", TO(KS_LOGIN_BOUND) },
    [KS_LOGIN_RESUMED] = { "resumed", 0 },
    [KS_LOGIN_BOUND] = { "bound", 0 },
    [KS_LOGIN_FAILED] = { "failed", 0 },
};

const char *ks_login_state_name(enum ks_login_state state)
{
    return states[state].name;
}

void ks_login_step_enter(struct ks_login *login, enum ks_login_state state)
{
    assert(states[login->state].next & TO(state) || (state == KS_LOGIN_FAILED && states[login->state].next != 0));
    login->state = state;
}

enum ks_err ks_login_step_fail(struct ks_login *login, const char *code, bool final)
{
    ks_login_step_enter(login, KS_LOGIN_FAILED);
    login->code = code;
    login->final = final;
    return KS_OK;
}

enum ks_err ks_login_step_broken(struct ks_login *login)
{
    return ks_login_step_fail(login, KS_CODE_PROTOCOL, false);
}

/* --- writing --- */

static void write_header(struct ks_login *login, struct ks_buf *out)
{
    ks_buf_z(out,
        login->setup.messages ? "<open xmlns='" NS_FRAMING "' version='1.0' to='" /* RFC 7395 §3.4 */
                              : "<?xml version='1.0'?><stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM
                                "' version='1.0' to='");
    ks_xml_escape(out, login->setup.domain);
    /* RFC 6120 §4.7.1: 'from' only once nobody between can read it. */
    if (login->state != KS_LOGIN_CLEAR) {
        ks_buf_z(out, "' from='");
        ks_xml_escape(out, login->setup.local);
        ks_buf_byte(out, '@');
        ks_xml_escape(out, login->setup.domain);
    }
    ks_buf_z(out, login->setup.messages ? "'/>" : "'>");
    login->restart = true;
}

enum ks_err ks_login_step_keep(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;

    ks_arena_reset(&login->kept);
    if ((login->features = ks_xml_copy(&login->kept, at->element)))
        return KS_OK;
    return login->kept.failed && !login->kept.limited ? KS_ENOMEM : KS_ELIMIT;
}

enum ks_err ks_login_step_write(const struct ks_login_step *at, const struct ks_xml *element)
{
    if (!element)
        return KS_ENOMEM;
    ks_xml_write(at->out, element, KS_STR(NS_CLIENT));
    return KS_OK;
}

/* <name xmlns='…'>base64 of text</name> */
static enum ks_err write_sasl(
    const struct ks_login_step *at, const char *ns, const char *name, const char *mechanism, struct ks_str text)
{
    struct ks_xml *element = ks_xml_new(at->scratch, ns, name);
    struct ks_str encoded;
    enum ks_err err;

    if ((err = ks_base64(at->scratch, text, &encoded)) != KS_OK)
        return err;
    if (mechanism)
        element = ks_xml_set(at->scratch, element, "mechanism", ks_str_z(mechanism));
    if (!ks_xml_put_text(at->scratch, element, encoded))
        return KS_ENOMEM;
    return ks_login_step_write(at, element);
}

static enum ks_err send_token(struct ks_login *login, const struct ks_xml *features, struct ks_buf *out);
static struct ks_xml *authenticate_new(struct ks_login *login, struct ks_arena *scratch, const struct ks_xml *features,
    const char *mechanism, struct ks_str first);
static enum ks_err authenticate(const struct ks_login_step *at, const struct ks_xml *features);
static enum ks_err without_token(const struct ks_login_step *at);

/* --- TLS (RFC 6120 §5) --- */

static enum ks_err on_clear_features(const struct ks_login_step *at)
{
    if (!ks_xml_child(at->element, NS_TLS, "starttls"))
        return ks_login_step_fail(at->login, KS_CODE_NO_TLS, false);
    ks_login_step_enter(at->login, KS_LOGIN_PROCEED);
    return ks_login_step_write(at, ks_xml_new(at->scratch, NS_TLS, "starttls"));
}

static enum ks_err on_proceed(const struct ks_login_step *at)
{
    ks_login_step_enter(at->login, KS_LOGIN_HANDSHAKE);
    return KS_OK;
}

static enum ks_err on_tls_failure(const struct ks_login_step *at)
{
    return ks_login_step_fail(at->login, KS_CODE_TLS, false);
}

enum ks_err ks_login_secured(
    struct ks_login *login, struct ks_str exporter, struct ks_str end_point, bool certified, struct ks_buf *out)
{
    struct ks_str *data = login->bindings.data;
    enum ks_err err;

    assert(login->state == KS_LOGIN_HANDSHAKE);
    if (exporter.len > 0 && (err = ks_arena_copy(&login->arena, exporter, &data[KS_BIND_TLS_EXPORTER])) != KS_OK)
        return err;
    if (end_point.len > 0
        && (err = ks_arena_copy(&login->arena, end_point, &data[KS_BIND_TLS_SERVER_END_POINT])) != KS_OK)
        return err;
    ks_login_step_enter(login, KS_LOGIN_SECURED);
    login->certified = certified;
    write_header(login, out);
    if (login->setup.token.len && !certified && (err = send_token(login, NULL, out)) != KS_OK)
        return err;
    return ks_buf_err(out);
}

/* --- SASL (RFC 6120 §6) --- */

/* SCRAM's first message by what features offer. Without a mechanism that is ours, *ret_mechanism is NULL; when the
 * login failed, too. */
static enum ks_err begin_scram(const struct ks_login_step *at, const struct ks_xml *features, bool sasl2,
    const struct ks_scram_mechanism **ret_mechanism, struct ks_str *ret_message)
{
    struct ks_login *login = at->login;
    const struct ks_scram_mechanism *mechanism;
    enum ks_scram_binding binding;
    struct ks_str password;
    struct ks_sasl_offer offer;
    bool have;
    enum ks_err err;

    *ret_mechanism = NULL;
    ks_sasl_offer_read(at->scratch, features, sasl2, &offer);
    binding = ks_sasl_offer_binding(&offer, &login->bindings);
    if (!(mechanism = ks_sasl_offer_scram(&offer, binding != KS_BIND_NONE)))
        return KS_OK;
    if (!mechanism->plus)
        binding = KS_BIND_NONE;
    /* RFC 5802 §6: 'y' says "I could, but you did not offer it". When the server offers -PLUS with bindings that we
     * lack, that would be a lie which it had to refuse, so then we say that we cannot. */
    have = !offer.plus
        && (login->bindings.data[KS_BIND_TLS_EXPORTER].len > 0
            || login->bindings.data[KS_BIND_TLS_SERVER_END_POINT].len > 0);
    err = ks_scram_downgrade(&login->arena, mechanism->hash, offer.names, offer.name_count, offer.bindings,
        offer.binding_count, &login->downgrade);
    if (err != KS_OK)
        return err;
    err = ks_unicode_password(&login->arena, login->setup.password, &password);
    if (err == KS_ESYNTAX || err == KS_ELIMIT) /* nobody can have such a password */
        return ks_login_step_fail(login, KS_CODE_LOGIN_REFUSED, true);
    if (err != KS_OK)
        return err;
    err = ks_scram_client_first(&login->scram, &login->arena, mechanism->hash, binding, have, login->setup.local,
        password, login->setup.prng, ret_message);
    if (err == KS_OK)
        *ret_mechanism = mechanism;
    return err;
}

/* --- who we are --- */

/* Without the password: why there is no other way. */
static enum ks_err without_password(struct ks_login *login)
{
    /* There was a token, and this channel is not the one that it is for; or a certificate that the server does not
     * take. */
    return ks_login_step_fail(login, login->setup.token.len ? KS_CODE_LOGIN_AGAIN : KS_CODE_LOGIN_CERTIFICATE, true);
}

/* By the certificate, in the profile that the server has. Where it does not offer that, nothing happens. We say who we
 * are, though a certificate that names one person needs no such word (RFC 6120 §6.3.8): if it names somebody else, that
 * is no login of ours. */
static enum ks_err authenticate_external(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;
    const struct ks_str parts[] = { login->setup.local, KS_STR("@"), login->setup.domain };
    struct ks_str bare;
    struct ks_sasl_offer offer;
    enum ks_err err = ks_arena_join(at->scratch, parts, KS_COUNT(parts), &bare);

    if (err != KS_OK || (err = ks_login_step_keep(at)) != KS_OK)
        return err;
    ks_sasl_offer_read(at->scratch, at->element, true, &offer);
    if (ks_sasl_offer_has(&offer, EXTERNAL)) {
        ks_login_step_enter(login, KS_LOGIN_EXTERNAL2);
        return ks_login_step_write(at, authenticate_new(login, at->scratch, at->element, EXTERNAL, bare));
    }
    ks_sasl_offer_read(at->scratch, at->element, false, &offer);
    if (!ks_sasl_offer_has(&offer, EXTERNAL))
        return KS_OK;
    ks_login_step_enter(login, KS_LOGIN_EXTERNAL);
    return write_sasl(at, NS_SASL, "auth", EXTERNAL, bare);
}

/* By the password, in the profile that the server has. */
static enum ks_err authenticate_password(const struct ks_login_step *at, const struct ks_xml *features)
{
    struct ks_login *login = at->login;
    enum ks_login_state before = login->state;
    const struct ks_scram_mechanism *mechanism;
    struct ks_str message;
    enum ks_err err;

    if (!login->setup.password.len)
        return without_password(login);
    if (before != KS_LOGIN_EXTERNAL && ((err = authenticate(at, features)) != KS_OK || login->state != before))
        return err;
    if (before == KS_LOGIN_EXTERNAL2)
        return ks_login_step_fail(login, KS_CODE_NO_MECHANISM, true);
    if ((err = begin_scram(at, features, false, &mechanism, &message)) != KS_OK)
        return err;
    if (!mechanism)
        return login->state == KS_LOGIN_FAILED ? KS_OK : ks_login_step_fail(login, KS_CODE_NO_MECHANISM, true);
    ks_login_step_enter(login, KS_LOGIN_CHALLENGE);
    return write_sasl(at, NS_SASL, "auth", mechanism->name, message);
}

enum ks_err ks_login_step_mechanisms(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;
    enum ks_err err;

    if (login->setup.invite.len > 0 && !login->registered)
        return ks_login_invited(at);
    if (login->certified && ((err = authenticate_external(at)) != KS_OK || login->state != KS_LOGIN_SECURED))
        return err;
    if (login->certified && login->setup.token.len && ks_xml_child(at->element, NS_SASL2, "authentication")
        && ((err = send_token(login, at->element, at->out)) != KS_OK || login->state != KS_LOGIN_SECURED))
        return err;
    return authenticate_password(at, at->element);
}

/* What an element of SASL carries: KS_ESYNTAX if it is no base64. "=" is the empty text (RFC 6120 §6.4.2). */
static enum ks_err read_sasl(const struct ks_login_step *at, struct ks_str *ret_text)
{
    struct ks_str text = ks_str_trim(ks_xml_text(at->scratch, at->element));

    if (text.len == 0 || ks_str_is(text, "=")) {
        *ret_text = KS_STR_EMPTY;
        return KS_OK;
    }
    return ks_base64_read(at->scratch, text, ret_text);
}

/* Of a peer's message: what is no failure of ours ends the login. */
static enum ks_err judge(struct ks_login *login, enum ks_err err)
{
    if (err == KS_OK || err <= KS_FATAL)
        return err;
    return ks_login_step_fail(login, err == KS_ECRYPTO ? KS_CODE_SERVER_UNPROVEN : KS_CODE_PROTOCOL, err == KS_ECRYPTO);
}

static enum ks_err on_challenge(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;
    struct ks_str message, answer;
    enum ks_err err;

    if ((err = read_sasl(at, &message)) == KS_OK)
        err = ks_scram_client_final(&login->scram, &login->bindings, login->downgrade, message, &answer);
    if (err != KS_OK)
        return judge(login, err);
    ks_login_step_enter(login, login->state == KS_LOGIN_CHALLENGE2 ? KS_LOGIN_PROOF2 : KS_LOGIN_PROOF);
    return write_sasl(at, login->state == KS_LOGIN_PROOF2 ? NS_SASL2 : NS_SASL, "response", NULL, answer);
}

static enum ks_err check_proof(const struct ks_login_step *at)
{
    struct ks_str message;
    enum ks_err err;

    if ((err = read_sasl(at, &message)) == KS_OK)
        err = ks_scram_client_done(&at->login->scram, message);
    return err;
}

/* RFC 6120 §6.3.10: a server may give its last word in a challenge of its own, which is answered with nothing. */
static enum ks_err on_proof(const struct ks_login_step *at)
{
    enum ks_err err = check_proof(at);

    if (err != KS_OK)
        return judge(at->login, err);
    ks_login_step_enter(at->login, KS_LOGIN_PROVEN);
    return ks_login_step_write(at, ks_xml_new(at->scratch, NS_SASL, "response"));
}

static enum ks_err on_success(const struct ks_login_step *at)
{
    enum ks_err err;

    if (at->login->state == KS_LOGIN_PROOF && (err = check_proof(at)) != KS_OK)
        return err <= KS_FATAL ? err : ks_login_step_fail(at->login, KS_CODE_SERVER_UNPROVEN, true);
    ks_login_step_enter(at->login, KS_LOGIN_AUTHED);
    write_header(at->login, at->out);
    return KS_OK;
}

static bool is_external(const struct ks_login *login)
{
    return login->state == KS_LOGIN_EXTERNAL || login->state == KS_LOGIN_EXTERNAL2;
}

/* The certificate is not taken: a token where the profile has tokens, or the password, if there is one. */
static enum ks_err after_external(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;
    enum ks_err err;

    if (login->state == KS_LOGIN_EXTERNAL2 && login->setup.token.len
        && ((err = send_token(login, login->features, at->out)) != KS_OK || login->state == KS_LOGIN_TOKEN))
        return err;
    return login->setup.password.len ? authenticate_password(at, login->features) : KS_OK;
}

static enum ks_err on_failure(const struct ks_login_step *at)
{
    static const struct {
        const char *condition, *code;
        bool final;
    } conditions[] = {
        { "not-authorized", KS_CODE_LOGIN_REFUSED, true },
        { "account-disabled", KS_CODE_LOGIN_DISABLED, true },
        { "credentials-expired", KS_CODE_LOGIN_DISABLED, true },
        { "temporary-auth-failure", KS_CODE_LOGIN_DELAYED, false },
    };
    const struct ks_xml *condition = ks_xml_child(at->element, NS_SASL, NULL);
    bool later = ks_xml_is(condition, NS_SASL, "temporary-auth-failure"), external = is_external(at->login);
    enum ks_login_state before = at->login->state;
    enum ks_err err;

    if (at->login->state == KS_LOGIN_TOKEN && !later)
        return without_token(at);
    if (external && !later && (err = after_external(at)) != KS_OK)
        return err;
    if (external && at->login->state != before)
        return KS_OK;
    if (condition
        && (err = ks_arena_copy(&at->login->arena, ks_utf8_head(condition->name, 64), &at->login->detail)) != KS_OK)
        return err;
    if (external && !later)
        return ks_login_step_fail(at->login, KS_CODE_LOGIN_CERTIFICATE, true);
    for (size_t i = 0; condition && i < KS_COUNT(conditions); i++)
        if (ks_str_is(condition->name, conditions[i].condition))
            return ks_login_step_fail(at->login, conditions[i].code, conditions[i].final);
    return ks_login_step_fail(at->login, KS_CODE_LOGIN_REFUSED, true);
}

/* --- all in one exchange (XEP-0388, XEP-0386, XEP-0484) --- */

/* XEP-0386 §3.1; without features everything is asked for, because a server leaves out what it does not know. */
static bool is_inline(const struct ks_xml *features, const char *ns)
{
    const struct ks_xml *list = ks_xml_child(features, NS_SASL2, "authentication"), *c;

    list = ks_xml_child(ks_xml_child(ks_xml_child(list, NS_SASL2, "inline"), NS_BIND2, "bind"), NS_BIND2, "inline");
    for (c = ks_xml_child(list, NS_BIND2, "feature"); c; c = ks_xml_next(c, NS_BIND2, "feature"))
        if (ks_str_is(ks_xml_attr(c, "var"), ns))
            return true;
    return !features;
}

/* <authenticate/> with all that follows a login. features NULL: they are not here yet. */
static struct ks_xml *authenticate_new(struct ks_login *login, struct ks_arena *scratch, const struct ks_xml *features,
    const char *mechanism, struct ks_str first)
{
    const struct ks_login_setup *setup = &login->setup;
    const struct ks_xml *offer = ks_xml_child(features, NS_SASL2, "authentication");
    struct ks_xml *element = ks_xml_new(scratch, NS_SASL2, "authenticate"), *child;
    struct ks_str encoded;

    offer = ks_xml_child(offer, NS_SASL2, "inline");
    if (ks_base64(scratch, first, &encoded) != KS_OK)
        return NULL;
    ks_xml_set(scratch, element, "mechanism", ks_str_z(mechanism));
    ks_xml_add_text(scratch, element, NS_SASL2, "initial-response", encoded);
    child = ks_xml_add(scratch, element, NS_SASL2, "user-agent");
    ks_xml_set(scratch, child, "id", setup->agent);
    ks_xml_add_text(scratch, child, NS_SASL2, "software", KS_STR("konsil"));
    if (setup->device.len)
        ks_xml_add_text(scratch, child, NS_SASL2, "device", setup->device);
    if (setup->sm->id && (!features || ks_xml_child(offer, NS_SM, "sm"))) {
        child = ks_xml_add(scratch, element, NS_SM, "resume");
        ks_xml_set_u64(scratch, child, "h", setup->sm->handled);
        ks_xml_set(scratch, child, "previd", ks_str_z(setup->sm->id));
    }
    if (features && !ks_xml_child(offer, NS_BIND2, "bind"))
        return element;
    child = ks_xml_add(scratch, element, NS_BIND2, "bind");
    ks_xml_add_text(scratch, child, NS_BIND2, "tag", setup->resource);
    if (is_inline(features, NS_SM))
        ks_xml_set(scratch, ks_xml_add(scratch, child, NS_SM, "enable"), "resume", KS_STR("true"));
    if (is_inline(features, NS_CARBONS) && (login->carbons = true))
        ks_xml_add(scratch, child, NS_CARBONS, "enable");
    return element;
}

/* With the header, before anything came (features NULL): what a token proves needs no word of the server. On a channel
 * that it is not for it stays at home. */
static enum ks_err send_token(struct ks_login *login, const struct ks_xml *features, struct ks_buf *out)
{
    const struct ks_ht_mechanism *ht = ks_ht_mechanism(login->setup.mechanism);
    struct ks_arena *arena = &login->arena;
    struct ks_xml *element;
    struct ks_str channel, first;
    enum ks_err err;

    if (!ht || (ht->binding != KS_BIND_NONE && !login->bindings.data[ht->binding].len))
        return KS_OK;
    channel = login->bindings.data[ht->binding];
    if ((err = ks_ht_first(arena, login->setup.local, login->setup.token, channel, &first)) != KS_OK)
        return err;
    element = authenticate_new(login, arena, features, ht->name, first);
    if (!ks_xml_add(arena, element, NS_FAST, "fast"))
        return KS_ENOMEM;
    login->ht = ht;
    ks_login_step_enter(login, KS_LOGIN_TOKEN);
    ks_xml_write(out, element, KS_STR(NS_CLIENT));
    return KS_OK;
}

/* The best mechanism for a token that the server offers and this channel has (XEP-0484 §3.2); empty: none. */
static struct ks_str wanted_token(const struct ks_login *login, struct ks_arena *scratch, const struct ks_xml *features)
{
    const struct ks_xml *offer = ks_xml_child(features, NS_SASL2, "authentication"), *c;

    offer = ks_xml_child(ks_xml_child(offer, NS_SASL2, "inline"), NS_FAST, "fast");
    for (size_t i = 0; i < KS_HT_MECHANISMS; i++)
        for (c = ks_xml_child(offer, NS_FAST, "mechanism"); c; c = ks_xml_next(c, NS_FAST, "mechanism"))
            if (ks_str_is(ks_str_trim(ks_xml_text(scratch, c)), ks_ht_mechanisms[i].name)
                && (ks_ht_mechanisms[i].binding == KS_BIND_NONE
                    || login->bindings.data[ks_ht_mechanisms[i].binding].len))
                return ks_str_z(ks_ht_mechanisms[i].name);
    return KS_STR_EMPTY;
}

/* By the password. Where the server does not speak XEP-0388, nothing happens. */
static enum ks_err authenticate(const struct ks_login_step *at, const struct ks_xml *features)
{
    struct ks_login *login = at->login;
    const struct ks_scram_mechanism *mechanism;
    struct ks_xml *element;
    struct ks_str message;
    enum ks_err err;

    if (!ks_xml_child(features, NS_SASL2, "authentication"))
        return KS_OK;
    if ((err = begin_scram(at, features, true, &mechanism, &message)) != KS_OK || !mechanism)
        return err;
    element = authenticate_new(login, at->scratch, features, mechanism->name, message);
    login->wanted = wanted_token(login, at->scratch, features);
    if (login->wanted.len)
        ks_xml_set(at->scratch, ks_xml_add(at->scratch, element, NS_FAST, "request-token"), "mechanism", login->wanted);
    ks_login_step_enter(login, KS_LOGIN_CHALLENGE2);
    return ks_login_step_write(at, element);
}

/* They come before the outcome, and are needed if that is a failure. */
static enum ks_err on_token_features(const struct ks_login_step *at)
{
    return ks_login_step_keep(at);
}

/* XEP-0484 §4.1: "the client SHOULD discard the token and automatically fall back to alternative authentication". */
static enum ks_err without_token(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;
    enum ks_err err;

    login->token_refused = true;
    if (!login->setup.password.len)
        return ks_login_step_fail(login, KS_CODE_LOGIN_AGAIN, true);
    if ((err = authenticate(at, login->features)) != KS_OK || login->state != KS_LOGIN_TOKEN)
        return err;
    return ks_login_step_fail(login, KS_CODE_NO_MECHANISM, true);
}

/* The server's proof. */
static enum ks_err check_proof2(const struct ks_login_step *at)
{
    const struct ks_xml *data = ks_xml_child(at->element, NS_SASL2, "additional-data");
    struct ks_login *login = at->login;
    uint8_t want[KS_HT_PROOF_LEN];
    struct ks_str message;
    enum ks_err err = ks_base64_read(at->scratch, ks_str_trim(ks_xml_text(at->scratch, data)), &message);

    if (err != KS_OK)
        return err;
    if (login->state == KS_LOGIN_PROOF2)
        return ks_scram_client_done(&login->scram, message);
    ks_ht_proof(login->setup.token, KS_HT_RESPONDER, login->bindings.data[login->ht->binding], want);
    return ks_crypto_eq(message, ks_str(want, sizeof want)) ? KS_OK : KS_ECRYPTO;
}

static enum ks_err take_token(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;
    struct ks_str token = ks_xml_attr(ks_xml_child(at->element, NS_FAST, "token"), "token");

    if (!token.len || token.len > KS_HT_TOKEN_MAX)
        return KS_OK;
    login->new_mechanism = login->state == KS_LOGIN_TOKEN ? ks_str_z(login->ht->name) : login->wanted;
    return login->new_mechanism.len ? ks_arena_copy(&login->arena, token, &login->new_token) : KS_OK;
}

static enum ks_err on_success2(const struct ks_login_step *at)
{
    struct ks_login *login = at->login;
    const struct ks_xml *resumed = ks_xml_child(at->element, NS_SM, "resumed");
    const struct ks_xml *failed = ks_xml_child(at->element, NS_SM, "failed");
    const struct ks_xml *bound = ks_xml_child(at->element, NS_BIND2, "bound"), *enabled;
    const struct ks_xml *who = ks_xml_child(at->element, NS_SASL2, "authorization-identifier");
    enum ks_err err;

    /* By a certificate there is nothing that the server could prove but what TLS did. */
    if (login->state != KS_LOGIN_EXTERNAL2 && (err = check_proof2(at)) != KS_OK)
        return err <= KS_FATAL ? err : ks_login_step_fail(login, KS_CODE_SERVER_UNPROVEN, true);
    if ((err = take_token(at)) != KS_OK)
        return err;
    if (resumed) {
        if (!login->setup.sm->id || !ks_login_take_h(at, resumed, true))
            return ks_login_step_broken(login);
        ks_login_step_enter(login, KS_LOGIN_RESUMED);
        return KS_OK;
    }
    if (failed && !ks_login_take_h(at, failed, false))
        return ks_login_step_broken(login);
    if (!bound) { /* it is bound as RFC 6120 has it */
        login->carbons = false;
        if (failed)
            ks_sm_reset(login->setup.sm);
        ks_login_step_enter(login, KS_LOGIN_AUTHED);
        return KS_OK;
    }
    if ((err = ks_login_take_jid(login, ks_str_trim(ks_xml_text(at->scratch, who)))) != KS_OK
        || login->state == KS_LOGIN_FAILED)
        return err;
    ks_sm_reset(login->setup.sm);
    if ((enabled = ks_xml_child(bound, NS_SM, "enabled")) && (err = ks_login_take_enabled(login, enabled)) != KS_OK)
        return err;
    ks_login_step_enter(login, KS_LOGIN_WELCOME);
    return KS_OK;
}

static enum ks_err on_welcome_features(const struct ks_login_step *at)
{
    ks_login_take_features(at);
    ks_login_step_enter(at->login, KS_LOGIN_BOUND);
    return KS_OK;
}

/* --- the table: all that a server can say before a session --- */

#define ON(state) (1u << (state))
static const struct rule {
    unsigned in;
    const char *ns, *name;
    enum ks_err (*handle)(const struct ks_login_step *at);
} rules[] = {
    { ON(KS_LOGIN_CLEAR), NS_STREAM, "features", on_clear_features },          /* RFC 6120 §5.4.1 */
    { ON(KS_LOGIN_PROCEED), NS_TLS, "proceed", on_proceed },                   /* RFC 6120 §5.4.2.3 */
    { ON(KS_LOGIN_PROCEED), NS_TLS, "failure", on_tls_failure },               /* RFC 6120 §5.4.2.2 */
    { ON(KS_LOGIN_SECURED), NS_STREAM, "features", ks_login_step_mechanisms }, /* RFC 6120 §6.4.1 */
    { ON(KS_LOGIN_PREAUTH), NS_CLIENT, "iq", ks_login_on_preauth },            /* XEP-0445 §4 */
    { ON(KS_LOGIN_REGISTER), NS_CLIENT, "iq", ks_login_on_registered },        /* XEP-0077 §3.1 */
    { ON(KS_LOGIN_CHALLENGE), NS_SASL, "challenge", on_challenge },            /* RFC 6120 §6.4.3 */
    { ON(KS_LOGIN_PROOF), NS_SASL, "challenge", on_proof },                    /* RFC 6120 §6.3.10 */
    { ON(KS_LOGIN_EXTERNAL) | ON(KS_LOGIN_PROOF) | ON(KS_LOGIN_PROVEN), NS_SASL, "success",
        on_success }, /* RFC 6120 §6.4.6 */
    { ON(KS_LOGIN_EXTERNAL) | ON(KS_LOGIN_CHALLENGE) | ON(KS_LOGIN_PROOF), NS_SASL, "failure",
        on_failure }, /* RFC 6120 §6.4.5 */
    { ON(KS_LOGIN_TOKEN), NS_STREAM, "features", on_token_features },
    { ON(KS_LOGIN_CHALLENGE2), NS_SASL2, "challenge", on_challenge }, /* XEP-0388 §2.5 */
    { ON(KS_LOGIN_EXTERNAL2) | ON(KS_LOGIN_TOKEN) | ON(KS_LOGIN_PROOF2), NS_SASL2, "success",
        on_success2 }, /* XEP-0388 §2.6.1 */
    { ON(KS_LOGIN_EXTERNAL2) | ON(KS_LOGIN_TOKEN) | ON(KS_LOGIN_CHALLENGE2) | ON(KS_LOGIN_PROOF2), NS_SASL2, "failure",
        on_failure },
    { ON(KS_LOGIN_WELCOME), NS_STREAM, "features", on_welcome_features },
    { ON(KS_LOGIN_AUTHED), NS_STREAM, "features", ks_login_on_authed_features }, /* RFC 6120 §7.4 */
    { ON(KS_LOGIN_RESUMING), NS_SM, "resumed", ks_login_on_resumed },            /* XEP-0198 §5 */
    { ON(KS_LOGIN_RESUMING), NS_SM, "failed", ks_login_on_resume_failed },       /* XEP-0198 §5 */
    { ON(KS_LOGIN_BINDING), NS_CLIENT, "iq", ks_login_on_bind },                 /* RFC 6120 §7.6 */
    { ON(KS_LOGIN_ENABLING), NS_SM, "enabled", ks_login_on_enabled },            /* XEP-0198 §3 */
    { ON(KS_LOGIN_ENABLING), NS_SM, "failed", ks_login_on_enable_failed },       /* XEP-0198 §3 */
};

enum ks_err ks_login_element(struct ks_login *login, struct ks_arena *scratch, const struct ks_xml *element,
    struct ks_buf *out, void (*acked)(void *user, uint64_t tag), void *user)
{
    struct ks_login_step at = { login, scratch, element, out, acked, user };

    assert(states[login->state].next != 0);
    for (size_t i = 0; i < KS_COUNT(rules); i++)
        if (rules[i].in & ON(login->state) && ks_xml_is(element, rules[i].ns, rules[i].name)) {
            enum ks_err err = rules[i].handle(&at);

            if (err == KS_OK)
                err = ks_buf_err(out);
            /* Our own arenas have room for everything that a sane server says. */
            return err == KS_ELIMIT ? ks_login_step_broken(login) : err;
        }
    return ks_login_step_broken(login);
}

/* The person may say something else while a login is under way (on_connect). */
static enum ks_err copy_setup(struct ks_login *login)
{
    struct ks_login_setup *setup = &login->setup;
    struct ks_str *texts[] = { &setup->local, &setup->domain, &setup->resource, &setup->password, &setup->agent,
        &setup->device, &setup->token, &setup->mechanism, &setup->invite };

    for (size_t i = 0; i < KS_COUNT(texts); i++)
        if (ks_arena_copy(&login->arena, *texts[i], texts[i]) != KS_OK)
            return KS_ENOMEM;
    return KS_OK;
}

enum ks_err ks_login_init(struct ks_login *login, const struct ks_login_setup *setup, bool direct, struct ks_buf *out)
{
    enum ks_err err;

    *login = (struct ks_login) { .setup = *setup };
    ks_arena_init(&login->arena, ARENA_BYTES_MAX);
    ks_arena_init(&login->kept, FEATURES_BYTES_MAX);
    if ((err = copy_setup(login)) != KS_OK)
        return err;
    if (direct)
        ks_login_step_enter(login, KS_LOGIN_HANDSHAKE);
    else
        write_header(login, out);
    return KS_OK;
}

void ks_login_done(struct ks_login *login)
{
    ks_arena_done(&login->arena);
    ks_arena_done(&login->kept);
    ks_wipe(login, sizeof(*login));
}
