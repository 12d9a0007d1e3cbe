/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "codes.h"
#include "enc.h"
#include "login.h"
#include "ns.h"
#include "utf8.h"
#include "xml_reader.h"

static struct ks_arena arena;
static struct ks_prng prng;

/* A client at the beginning of a login, and a server's end of SCRAM for it. */
struct rig {
    struct ks_login login;
    struct ks_sm sm;
    struct ks_buf out;
    struct ks_scram_server scram;
    struct ks_scram_bindings bindings;
    struct ks_arena server_arena;
};

static void no_acks(void *user, uint64_t tag)
{
    (void)user;
    (void)tag;
}

static struct ks_xml *parse(struct ks_str text)
{
    struct ks_xml *xml = NULL;

    if (ks_xml_read(&arena, text, KS_STR(NS_CLIENT), KS_STR_EMPTY, &xml) != KS_OK) {
        printf("Bail out! cannot read %.*s\n", KS_STR_FMT(text));
        exit(1);
    }
    return xml;
}

/* What the client answers to an element. */
static struct ks_str say(struct rig *rig, const char *element)
{
    ks_buf_reset(&rig->out);
    if (ks_login_element(&rig->login, &arena, parse(ks_str_z(element)), &rig->out, no_acks, NULL) != KS_OK)
        exit(1);
    return ks_buf_str(&rig->out);
}

static struct ks_str token; /* that the client has, or empty */
static bool forgot;         /* its password */

static void begin(struct rig *rig, bool direct)
{
    struct ks_login_setup setup = { .local = KS_STR("anna"),
        .domain = KS_STR("klinik.example"),
        .password = forgot ? KS_STR_EMPTY : KS_STR("geheim"),
        .resource = KS_STR("r"),
        .agent = KS_STR("d4565fa7-4d72-4749-b3d3-740edbf87770"),
        .token = token,
        .mechanism = token.len ? KS_STR("HT-SHA-256-EXPR") : KS_STR_EMPTY,
        .prng = &prng,
        .sm = &rig->sm };

    memset(rig, 0, sizeof(*rig));
    ks_sm_init(&rig->sm);
    ks_buf_init(&rig->out, 65536);
    ks_arena_init(&rig->server_arena, 65536);
    if (ks_login_init(&rig->login, &setup, direct, &rig->out) != KS_OK)
        exit(1);
}

static void end(struct rig *rig)
{
    ks_login_done(&rig->login);
    ks_sm_done(&rig->sm);
    ks_buf_done(&rig->out);
    ks_arena_done(&rig->server_arena);
}

static bool certified; /* by TLS */

static void secure(struct rig *rig)
{
    ks_buf_reset(&rig->out);
    if (ks_login_secured(
            &rig->login, KS_STR("12345678901234567890123456789012"), KS_STR("end point"), certified, &rig->out)
        != KS_OK)
        exit(1);
    rig->bindings.data[KS_BIND_TLS_EXPORTER] = KS_STR("12345678901234567890123456789012");
    rig->bindings.data[KS_BIND_TLS_SERVER_END_POINT] = KS_STR("end point");
}

#define FEATURES(inner) "<features xmlns='" NS_STREAM "'>" inner "</features>"
#define MECHANISMS(names) FEATURES("<mechanisms xmlns='" NS_SASL "'>" names "</mechanisms>")
#define M(name) "<mechanism>" name "</mechanism>"
#define CB "<sasl-channel-binding xmlns='" NS_SASL_CB "'>"
#define EXPORTER CB "<channel-binding type='tls-exporter'/></sasl-channel-binding>"
#define ENDPOINT CB "<channel-binding type='tls-server-end-point'/></sasl-channel-binding>"
#define UNIQUE CB "<channel-binding type='tls-unique'/></sasl-channel-binding>"
#define BEST M("SCRAM-SHA-1") M("SCRAM-SHA-256") M("SCRAM-SHA-1-PLUS") M("SCRAM-SHA-256-PLUS")

/* --- which mechanism --- */

static const struct {
    const char *name, *features, *mechanism, *gs2; /* mechanism NULL: none is taken */
} offers[] = {
    { "RFC 9266: the exporter and SHA-256 are best",
        FEATURES("<mechanisms xmlns='" NS_SASL "'>" BEST "</mechanisms>" EXPORTER), "SCRAM-SHA-256-PLUS",
        "p=tls-exporter,," },
    { "XEP-0440: the binding that both have",
        FEATURES("<mechanisms xmlns='" NS_SASL "'>" BEST "</mechanisms>" ENDPOINT), "SCRAM-SHA-256-PLUS",
        "p=tls-server-end-point,," },
    { "XEP-0440: no binding in common, so none, and no lie about it",
        FEATURES("<mechanisms xmlns='" NS_SASL "'>" BEST "</mechanisms>" UNIQUE), "SCRAM-SHA-256", "n,," },
    { "RFC 5802 §6: 'y' when the server offers no -PLUS", MECHANISMS(M("SCRAM-SHA-256") M("SCRAM-SHA-1")),
        "SCRAM-SHA-256", "y,," },
    { "a bound SHA-1 is better than an unbound SHA-256",
        MECHANISMS(M("SCRAM-SHA-256") M("SCRAM-SHA-1") M("SCRAM-SHA-1-PLUS")), "SCRAM-SHA-1-PLUS", "p=tls-exporter,," },
    { "SHA-1 when there is nothing else", MECHANISMS(M("PLAIN") M("SCRAM-SHA-1")), "SCRAM-SHA-1", "y,," },
    { "the password is never sent", MECHANISMS(M("PLAIN") M("LOGIN") M("ANONYMOUS")), NULL, NULL },
};

static void test_offers(void)
{
    for (size_t i = 0; i < KS_COUNT(offers); i++) {
        struct ks_str out, mechanism, first = KS_STR_EMPTY;
        const struct ks_xml *auth;
        struct rig rig;

        begin(&rig, true);
        secure(&rig);
        out = say(&rig, offers[i].features);
        if (!offers[i].mechanism) {
            check_row(rig.login.state == KS_LOGIN_FAILED && rig.login.final && out.len == 0, offers[i].name,
                "%s, sent %.*s", ks_login_state_name(rig.login.state), KS_STR_FMT(out));
        } else {
            auth = parse(out);
            mechanism = ks_xml_attr(auth, "mechanism");
            if (ks_base64_read(&arena, ks_xml_text(&arena, auth), &first) != KS_OK)
                exit(1);
            check_row(ks_str_is(mechanism, offers[i].mechanism) && ks_str_starts(first, ks_str_z(offers[i].gs2)),
                offers[i].name, "%.*s, %.*s", KS_STR_FMT(mechanism), KS_STR_FMT(first));
        }
        end(&rig);
    }
}

/* --- a whole login --- */

static struct ks_str sasl_text(struct ks_str element)
{
    struct ks_str bytes = KS_STR_EMPTY;

    if (ks_base64_read(&arena, ks_xml_text(&arena, parse(element)), &bytes) != KS_OK)
        exit(1);
    return bytes;
}

static const char *sasl_element(const char *name, struct ks_str bytes)
{
    static char text[8192];
    struct ks_str encoded;

    if (ks_base64(&arena, bytes, &encoded) != KS_OK)
        exit(1);
    snprintf(text, sizeof(text), "<%s xmlns='" NS_SASL "'>%.*s</%s>", name, KS_STR_FMT(encoded), name);
    return text;
}

#define OFFER FEATURES("<mechanisms xmlns='" NS_SASL "'>" BEST "</mechanisms>" EXPORTER)

/* Up to the server's last word, which is given back. password: what the server knows. downgrade: of which offer. */
static struct ks_str prove(struct rig *rig, const char *password, bool other_offer)
{
    const struct ks_str names[] = { KS_STR("SCRAM-SHA-1"), KS_STR("SCRAM-SHA-256"), KS_STR("SCRAM-SHA-1-PLUS"),
        KS_STR("SCRAM-SHA-256-PLUS") };
    const struct ks_str bindings[] = { KS_STR("tls-exporter") };
    static const uint8_t salt[KS_SCRAM_SALT_LEN] = { 1 };
    struct ks_str first, challenge, final, downgrade, last = KS_STR_EMPTY;
    struct ks_scram_keys keys;
    enum ks_err err;

    secure(rig);
    first = sasl_text(say(rig, OFFER));
    ks_scram_keys_make(KS_SHA256, ks_str_z(password), salt, KS_SCRAM_ITERATIONS_MIN, &keys);
    if (ks_scram_downgrade(&arena, KS_SHA256, names, other_offer ? 3 : 4, bindings, 1, &downgrade) != KS_OK
        || ks_scram_server_first(
               &rig->scram, &rig->server_arena, KS_SHA256, true, true, KS_STR("klinik.example"), &rig->bindings, first)
            != KS_OK
        || ks_scram_server_challenge(&rig->scram, &keys, &prng, downgrade, &challenge) != KS_OK)
        exit(1);
    final = say(rig, sasl_element("challenge", challenge));
    if (rig->login.state != KS_LOGIN_PROOF)
        return KS_STR_EMPTY;
    err = ks_scram_server_final(&rig->scram, &rig->bindings, sasl_text(final), &last);
    return err == KS_OK ? last : KS_STR_EMPTY;
}

static void check_state(struct rig *rig, const char *name, enum ks_login_state want)
{
    check_row(rig->login.state == want, name, "%s, not %s (%s)", ks_login_state_name(rig->login.state),
        ks_login_state_name(want), rig->login.code ? rig->login.code : "");
}

static void check_contains(const char *name, struct ks_str text, const char *part)
{
    check_row(ks_str_find(text, ks_str_z(part)) < text.len, name, "%.*s", KS_STR_FMT(text));
}

#define AUTHED FEATURES("<bind xmlns='" NS_BIND "'/><sm xmlns='" NS_SM "'/><ver xmlns='" NS_ROSTERVER "'/>")

static void test_login(void)
{
    struct ks_str last, out;
    struct rig rig;

    begin(&rig, false);
    check_row(ks_str_find(ks_buf_str(&rig.out), KS_STR("anna")) == rig.out.len, "RFC 6120 §4.7.1: no account in clear",
        "%.*s", KS_STR_FMT(ks_buf_str(&rig.out)));
    check_contains("RFC 6120 §5.4.2.1: TLS is asked for",
        say(&rig, FEATURES("<starttls xmlns='" NS_TLS "'><required/></starttls>")), "<starttls");
    (void)say(&rig, "<proceed xmlns='" NS_TLS "'/>");
    check_state(&rig, "RFC 6120 §5.4.2.3: the handshake is next", KS_LOGIN_HANDSHAKE);
    last = prove(&rig, "geheim", false);
    check_row(last.len > 0, "RFC 5802: the server believes the client", "it does not");
    check_contains("RFC 6120 §6.4.6: a new stream after success", say(&rig, sasl_element("success", last)),
        "from='anna@klinik.example'");
    check_row(rig.login.restart, "and the reader starts anew", "it does not");
    check_contains("RFC 6120 §7.6: the resource is bound", say(&rig, AUTHED), "<resource>r</resource>");
    out = say(
        &rig, "<iq type='result' id='bind'><bind xmlns='" NS_BIND "'><jid>anna@klinik.example/r2</jid></bind></iq>");
    check_contains("XEP-0198 §3: management of the stream is enabled", out, "<enable");
    (void)say(&rig, "<enabled xmlns='" NS_SM "' id='s1' resume='true'/>");
    check_state(&rig, "the session is bound", KS_LOGIN_BOUND);
    check_str("under the address that the server gave", rig.login.jid, KS_STR("anna@klinik.example/r2"));
    check_row(
        rig.sm.id && rig.login.rosterver, "it can be resumed, and rosters have versions", "%d", rig.login.rosterver);
    end(&rig);
}

/* After a login that has a session to resume. */
static void resume(const char *answer, enum ks_login_state want, size_t left, const char *name)
{
    struct rig rig;
    struct ks_str last;

    begin(&rig, true);
    if (ks_sm_enabled(&rig.sm, KS_STR("s1"), true) != KS_OK || ks_sm_sent(&rig.sm, KS_STR("a"), 1) != KS_OK
        || ks_sm_sent(&rig.sm, KS_STR("b"), 2) != KS_OK)
        exit(1);
    rig.sm.handled = 9;
    last = prove(&rig, "geheim", false);
    (void)say(&rig, sasl_element("success", last));
    check_contains("XEP-0198 §5: what we handled is told", say(&rig, AUTHED), "h='9'");
    (void)say(&rig, answer);
    check_row(rig.login.state == want && rig.sm.unacked == left, name, "%s, %zu left",
        ks_login_state_name(rig.login.state), rig.sm.unacked);
    end(&rig);
}

static void test_wrong_servers(void)
{
    struct ks_str last;
    struct rig rig;

    begin(&rig, true);
    last = prove(&rig, "anders", false);
    check_row(last.len == 0, "a server that knows another password does not believe the client", "it does");
    (void)say(&rig, "<failure xmlns='" NS_SASL "'><not-authorized/></failure>");
    check_row(rig.login.state == KS_LOGIN_FAILED && rig.login.final
            && strcmp(rig.login.code, KS_CODE_LOGIN_REFUSED) == 0 && ks_str_is(rig.login.detail, "not-authorized"),
        "RFC 6120 §6.5.10: a wrong password is not tried again", "%s", rig.login.code);
    end(&rig);

    begin(&rig, true);
    (void)prove(&rig, "geheim", false);
    (void)say(&rig, sasl_element("success", KS_STR("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")));
    check_row(rig.login.state == KS_LOGIN_FAILED && strcmp(rig.login.code, KS_CODE_SERVER_UNPROVEN) == 0,
        "RFC 5802 §3: a server that does not know the password is left", "%s", ks_login_state_name(rig.login.state));
    end(&rig);

    begin(&rig, true);
    (void)prove(&rig, "geheim", false);
    (void)say(&rig, "<success xmlns='" NS_SASL "'/>");
    check_state(&rig, "RFC 5802 §3: success without a proof is none", KS_LOGIN_FAILED);
    end(&rig);

    begin(&rig, true);
    (void)prove(&rig, "geheim", true);
    check_row(rig.login.state == KS_LOGIN_FAILED && strcmp(rig.login.code, KS_CODE_SERVER_UNPROVEN) == 0,
        "XEP-0474: mechanisms that somebody took away are noticed", "%s", ks_login_state_name(rig.login.state));
    end(&rig);

    begin(&rig, false);
    (void)say(&rig, MECHANISMS(BEST));
    check_row(rig.login.state == KS_LOGIN_FAILED && strcmp(rig.login.code, KS_CODE_NO_TLS) == 0,
        "a server without TLS is told nothing", "%s", ks_login_state_name(rig.login.state));
    end(&rig);

    begin(&rig, true);
    last = prove(&rig, "geheim", false);
    (void)say(&rig, sasl_element("success", last));
    (void)say(&rig, AUTHED);
    (void)say(
        &rig, "<iq type='result' id='bind'><bind xmlns='" NS_BIND "'><jid>eve@klinik.example/r</jid></bind></iq>");
    check_state(&rig, "RFC 6120 §7.6: another account's address is not taken", KS_LOGIN_FAILED);
    end(&rig);
}

/* STYLE §6: every state with every element. What no row of the table allows ends the login. */
static void test_walk(void)
{
    static const char *const elements[] = { FEATURES("<starttls xmlns='" NS_TLS "'/>"), "<proceed xmlns='" NS_TLS "'/>",
        "<failure xmlns='" NS_TLS "'/>", "<challenge xmlns='" NS_SASL "'>AAAA</challenge>",
        "<success xmlns='" NS_SASL "'/>", "<failure xmlns='" NS_SASL "'/>", "<resumed xmlns='" NS_SM "' h='0'/>",
        "<failed xmlns='" NS_SM "'/>", "<enabled xmlns='" NS_SM "'/>", "<iq type='result' id='bind'/>", "<message/>",
        "<presence/>" };
    size_t left = 0, walked = 0;

    for (int state = 0; state < KS_LOGIN_RESUMED; state++)
        for (size_t i = 0; i < KS_COUNT(elements); i++) {
            struct rig rig;

            begin(&rig, false);
            rig.login.state = (enum ks_login_state)state;
            if (state == KS_LOGIN_CHALLENGE || state == KS_LOGIN_PROOF || state == KS_LOGIN_TOKEN
                || state == KS_LOGIN_CHALLENGE2 || state == KS_LOGIN_PROOF2) {
                end(&rig);
                continue; /* the exchange itself is tested above */
            }
            (void)say(&rig, elements[i]);
            left += rig.login.state == KS_LOGIN_FAILED;
            walked++;
            end(&rig);
        }
    /* Allowed and harmless: features in 4 states (one of which finds no mechanism, one no bind), proceed, success in
     * PROVEN and EXTERNAL, resumed, failed (resuming, enabling), enabled, a bind that fails, and an answer to something
     * else while an account is created (twice). */
    check_row(walked == 14 * KS_COUNT(elements) && left == walked - 11, "STYLE §6: every state with every element",
        "%zu walked, %zu left", walked, left);
}

/* --- all in one exchange (XEP-0388, XEP-0386, XEP-0484) --- */

#define INLINE                                                                                \
    "<inline><sm xmlns='" NS_SM "'/><fast xmlns='" NS_FAST "'>" M("HT-SHA-256-NONE")          \
        M("HT-SHA-256-EXPR") "</fast><bind xmlns='" NS_BIND2 "'><inline><feature var='" NS_SM \
                             "'/></inline></bind></inline>"
#define OFFER2                                                                                                   \
    FEATURES("<mechanisms xmlns='" NS_SASL "'>" M("SCRAM-SHA-1") "</mechanisms><authentication xmlns='" NS_SASL2 \
                                                                 "'>" BEST INLINE "</authentication>" EXPORTER)
#define WHO "<authorization-identifier>anna@klinik.example/r/x</authorization-identifier>"
#define BOUND "<bound xmlns='" NS_BIND2 "'><enabled xmlns='" NS_SM "' id='s2' resume='true'/></bound>"

/* <success/> with a proof and more. */
static const char *success2(struct ks_str proof, const char *more)
{
    static char text[4096];
    struct ks_str encoded;

    if (ks_base64(&arena, proof, &encoded) != KS_OK)
        exit(1);
    snprintf(text, sizeof(text), "<success xmlns='" NS_SASL2 "'><additional-data>%.*s</additional-data>%s</success>",
        KS_STR_FMT(encoded), more);
    return text;
}

/* From features on up to the server's proof, by the password. */
static struct ks_str prove2(struct rig *rig, struct ks_str authenticate)
{
    const struct ks_str names[] = { KS_STR("SCRAM-SHA-1"), KS_STR("SCRAM-SHA-256"), KS_STR("SCRAM-SHA-1-PLUS"),
        KS_STR("SCRAM-SHA-256-PLUS") };
    const struct ks_str bindings[] = { KS_STR("tls-exporter") };
    static const uint8_t salt[KS_SCRAM_SALT_LEN] = { 1 };
    struct ks_str first, challenge, downgrade, encoded, answer, last = KS_STR_EMPTY;
    struct ks_scram_keys keys;
    char text[4096];

    if (ks_base64_read(
            &arena, ks_xml_text(&arena, ks_xml_child(parse(authenticate), NS_SASL2, "initial-response")), &first)
        != KS_OK)
        exit(1);
    ks_scram_keys_make(KS_SHA256, KS_STR("geheim"), salt, KS_SCRAM_ITERATIONS_MIN, &keys);
    if (ks_scram_downgrade(&arena, KS_SHA256, names, 4, bindings, 1, &downgrade) != KS_OK
        || ks_scram_server_first(
               &rig->scram, &rig->server_arena, KS_SHA256, true, true, KS_STR("klinik.example"), &rig->bindings, first)
            != KS_OK
        || ks_scram_server_challenge(&rig->scram, &keys, &prng, downgrade, &challenge) != KS_OK
        || ks_base64(&arena, challenge, &encoded) != KS_OK)
        exit(1);
    snprintf(text, sizeof(text), "<challenge xmlns='" NS_SASL2 "'>%.*s</challenge>", KS_STR_FMT(encoded));
    answer = say(rig, text);
    if (!answer.len || ks_scram_server_final(&rig->scram, &rig->bindings, sasl_text(answer), &last) != KS_OK)
        return KS_STR_EMPTY;
    return last;
}

static void test_sasl2(void)
{
    struct ks_str out, last;
    struct rig rig;

    begin(&rig, true);
    secure(&rig);
    out = say(&rig, OFFER2);
    check_contains("XEP-0388 §2.3: the server's profile that can do more is taken", out,
        "<authenticate xmlns='" NS_SASL2 "' mechanism='SCRAM-SHA-256-PLUS'>");
    check_contains("XEP-0388 §2.3: with the installation's id", out, "<user-agent id='d4565fa7-");
    check_contains("XEP-0386 §3.2: with the resource, and stream management", out,
        "<tag>r</tag><enable xmlns='" NS_SM "' resume='true'/></bind>");
    check_row(ks_str_find(out, KS_STR(NS_CARBONS)) == out.len, "XEP-0386 §3.1: what is not offered is not asked for",
        "%.*s", KS_STR_FMT(out));
    check_contains("XEP-0484 §3.2: and a token is asked for, the best there is", out,
        "<request-token xmlns='" NS_FAST "' mechanism='HT-SHA-256-EXPR'/>");
    last = prove2(&rig, out);
    (void)say(
        &rig, success2(last, WHO BOUND "<token xmlns='" NS_FAST "' token='geheim2' expiry='2026-12-24T00:00:00Z'/>"));
    check_state(&rig, "XEP-0388 §2.6.1: features are awaited, and no new stream is begun", KS_LOGIN_WELCOME);
    check_row(rig.out.len == 0 && rig.sm.id && ks_str_is(rig.login.new_token, "geheim2")
            && ks_str_is(rig.login.new_mechanism, "HT-SHA-256-EXPR"),
        "the session can be resumed, and there is a token", "%.*s", KS_STR_FMT(rig.login.new_token));
    (void)say(&rig, FEATURES("<ver xmlns='" NS_ROSTERVER "'/>"));
    check_row(
        rig.login.state == KS_LOGIN_BOUND && ks_str_is(rig.login.jid, "anna@klinik.example/r/x") && rig.login.rosterver,
        "XEP-0386 §3.2: bound to what the server made of it", "%.*s", KS_STR_FMT(rig.login.jid));
    end(&rig);

    begin(&rig, true);
    secure(&rig);
    (void)prove2(&rig, say(&rig, OFFER2));
    (void)say(&rig, success2(KS_STR("v=AAAA"), WHO BOUND));
    check_row(rig.login.state == KS_LOGIN_FAILED && strcmp(rig.login.code, KS_CODE_SERVER_UNPROVEN) == 0,
        "RFC 5802 §3: a server without the proof is left here, too", "%s", ks_login_state_name(rig.login.state));
    end(&rig);

    begin(&rig, true);
    secure(&rig);
    out = say(&rig,
        FEATURES("<authentication xmlns='" NS_SASL2 "'>" M("SCRAM-SHA-256-PLUS") INLINE "</authentication>" EXPORTER));
    last = prove2(&rig, out);
    check_row(!last.len && rig.login.state == KS_LOGIN_FAILED && strcmp(rig.login.code, KS_CODE_SERVER_UNPROVEN) == 0,
        "XEP-0474 §5.2: mechanisms that somebody took away are noticed in this profile, too", "%s",
        ks_login_state_name(rig.login.state));
    end(&rig);

    begin(&rig, true);
    secure(&rig);
    last = prove2(&rig, say(&rig, OFFER2));
    (void)say(&rig, success2(last, "<authorization-identifier>eve@klinik.example/r</authorization-identifier>" BOUND));
    check_state(&rig, "another account's address is not taken", KS_LOGIN_FAILED);
    end(&rig);
}

/* What follows the header when there is a token, and the server's proof of it. */
static struct ks_str token_proof(void)
{
    static uint8_t proof[KS_HT_PROOF_LEN];

    ks_ht_proof(token, KS_HT_RESPONDER, KS_STR("12345678901234567890123456789012"), proof);
    return ks_str(proof, sizeof(proof));
}

static void test_token(void)
{
    struct ks_str out;
    struct rig rig;

    token = KS_STR("geheim2");
    begin(&rig, true);
    if (ks_sm_enabled(&rig.sm, KS_STR("s1"), true) != KS_OK)
        exit(1);
    secure(&rig);
    out = ks_buf_str(&rig.out);
    check_contains("XEP-0484 §3.4: a token goes with the header, before the server said a word", out,
        "mechanism='HT-SHA-256-EXPR'");
    check_contains("XEP-0198 §9.2: and the session to resume with it", out, "previd='s1'");
    (void)say(&rig, OFFER2);
    check_state(&rig, "the features are looked at later, if at all", KS_LOGIN_TOKEN);
    (void)say(&rig, success2(token_proof(), WHO "<resumed xmlns='" NS_SM "' h='0' previd='s1'/>"));
    check_row(rig.login.state == KS_LOGIN_RESUMED && !rig.login.featured,
        "XEP-0198 §9.2: so a session goes on after one round trip", "%s", ks_login_state_name(rig.login.state));
    end(&rig);

    begin(&rig, true);
    secure(&rig);
    (void)say(&rig, OFFER2);
    (void)say(&rig, success2(KS_STR("12345678901234567890123456789012"), WHO BOUND));
    check_row(rig.login.state == KS_LOGIN_FAILED && strcmp(rig.login.code, KS_CODE_SERVER_UNPROVEN) == 0,
        "draft-schmaus-kitten-sasl-ht §3.2: a server that does not know the token is left", "%s",
        ks_login_state_name(rig.login.state));
    end(&rig);

    begin(&rig, true);
    secure(&rig);
    (void)say(&rig, OFFER2);
    out = say(&rig, "<failure xmlns='" NS_SASL2 "'><credentials-expired xmlns='" NS_SASL "'/></failure>");
    check_contains("XEP-0484 §4.1: one that is refused is followed by the password, in the same stream", out,
        "mechanism='SCRAM-SHA-256-PLUS'");
    check_row(rig.login.token_refused && rig.login.state == KS_LOGIN_CHALLENGE2, "and is not used again", "%s",
        ks_login_state_name(rig.login.state));
    end(&rig);

    begin(&rig, true);
    secure(&rig);
    (void)say(&rig, OFFER2);
    (void)say(&rig, "<failure xmlns='" NS_SASL2 "'><temporary-auth-failure xmlns='" NS_SASL "'/></failure>");
    check_row(!rig.login.token_refused && rig.login.state == KS_LOGIN_FAILED && !rig.login.final,
        "RFC 6120 §6.5.9: a server that cannot tell now is asked again later, with it", "%s", rig.login.code);
    end(&rig);

    forgot = true;
    begin(&rig, true);
    secure(&rig);
    (void)say(&rig, OFFER2);
    (void)say(&rig, "<failure xmlns='" NS_SASL2 "'><not-authorized xmlns='" NS_SASL "'/></failure>");
    check_row(rig.login.state == KS_LOGIN_FAILED && rig.login.final && rig.login.token_refused
            && strcmp(rig.login.code, KS_CODE_LOGIN_AGAIN) == 0,
        "without a password the person is asked", "%s", rig.login.code);
    end(&rig);
    forgot = false;
    token = KS_STR_EMPTY;
}

#define EXTERNAL2(more)                                                                         \
    "<authentication xmlns='" NS_SASL2 "'>" M("EXTERNAL") more "<inline><bind xmlns='" NS_BIND2 \
                                                               "'/></inline></authentication>"
#define FAILURE(ns, condition) "<failure xmlns='" ns "'><" condition " xmlns='" NS_SASL "'/></failure>"

/* How a client answers that showed a certificate. */
static struct ks_str offered(struct rig *rig, const char *features)
{
    begin(rig, true);
    secure(rig);
    return say(rig, features);
}

static void test_certificate(void)
{
    struct rig rig;
    struct ks_str out;

    certified = true;
    out = offered(&rig, MECHANISMS(M("EXTERNAL") M("SCRAM-SHA-256")));
    check_contains("XEP-0178 §2: with a certificate EXTERNAL is preferred, and says who logs in", out,
        "mechanism='EXTERNAL'>YW5uYUBrbGluaWsuZXhhbXBsZQ==<");
    out = say(&rig, "<success xmlns='" NS_SASL "'/>");
    check_state(&rig, "RFC 6120 §6.4.6: and a stream begins anew", KS_LOGIN_AUTHED);
    end(&rig);

    out = offered(&rig, FEATURES("<mechanisms xmlns='" NS_SASL "'>" M("EXTERNAL") "</mechanisms>" EXTERNAL2("")));
    check_contains("XEP-0388 §2.3: in one exchange where there is one", out,
        "<authenticate xmlns='" NS_SASL2 "' mechanism='EXTERNAL'>");
    (void)say(&rig, "<success xmlns='" NS_SASL2 "'>" WHO BOUND "</success>");
    check_state(&rig, "with the resource", KS_LOGIN_WELCOME);
    end(&rig);

    (void)offered(&rig, FEATURES(EXTERNAL2("")));
    (void)say(&rig,
        "<success xmlns='" NS_SASL2 "'><authorization-identifier>eve@klinik.example/r</authorization-identifier>" BOUND
        "</success>");
    check_state(&rig, "another account's address is not taken", KS_LOGIN_FAILED);
    end(&rig);

    out = offered(&rig, MECHANISMS(M("SCRAM-SHA-256")));
    check_contains("XEP-0178 §2: where it is not offered, the password logs in", out, "mechanism='SCRAM-SHA-256'");
    end(&rig);

    (void)offered(&rig, MECHANISMS(M("EXTERNAL") M("SCRAM-SHA-256")));
    out = say(&rig, FAILURE(NS_SASL, "not-authorized"));
    check_contains(
        "RFC 6120 §6.4.5: where it is refused, the password does in the same stream", out, "mechanism='SCRAM-SHA-256'");
    end(&rig);

    (void)offered(&rig, FEATURES(EXTERNAL2(M("SCRAM-SHA-256"))));
    out = say(&rig, FAILURE(NS_SASL2, "invalid-authzid"));
    check_contains(
        "XEP-0388 §2.6.2: in this profile, too", out, "<authenticate xmlns='" NS_SASL2 "' mechanism='SCRAM-SHA-256'>");
    end(&rig);

    (void)offered(&rig, FEATURES(EXTERNAL2("")));
    (void)say(&rig, FAILURE(NS_SASL2, "not-authorized"));
    check_row(rig.login.state == KS_LOGIN_FAILED && strcmp(rig.login.code, KS_CODE_NO_MECHANISM) == 0,
        "which is never sent without SCRAM", "%s", rig.login.code);
    end(&rig);

    (void)offered(&rig, MECHANISMS(M("EXTERNAL") M("SCRAM-SHA-256")));
    (void)say(&rig, FAILURE(NS_SASL, "temporary-auth-failure"));
    check_row(
        rig.login.state == KS_LOGIN_FAILED && !rig.login.final && strcmp(rig.login.code, KS_CODE_LOGIN_DELAYED) == 0,
        "RFC 6120 §6.5.9: a server that cannot tell now is asked again later", "%s", rig.login.code);
    end(&rig);

    forgot = true;
    (void)offered(&rig, MECHANISMS(M("EXTERNAL") M("SCRAM-SHA-256")));
    (void)say(&rig, FAILURE(NS_SASL, "not-authorized"));
    check_row(
        rig.login.state == KS_LOGIN_FAILED && rig.login.final && strcmp(rig.login.code, KS_CODE_LOGIN_CERTIFICATE) == 0,
        "without a password the person is told that the certificate is not taken", "%s", rig.login.code);
    end(&rig);
    (void)offered(&rig, MECHANISMS(M("SCRAM-SHA-256")));
    check_row(rig.login.state == KS_LOGIN_FAILED && strcmp(rig.login.code, KS_CODE_LOGIN_CERTIFICATE) == 0,
        "and so when it is not even asked for", "%s", rig.login.code);
    end(&rig);
    forgot = false;

    token = KS_STR("geheim2");
    out = offered(&rig, FEATURES(EXTERNAL2("")));
    check_contains("a certificate goes before a token, which then waits for the features", out, "mechanism='EXTERNAL'");
    end(&rig);
    (void)offered(&rig, FEATURES(EXTERNAL2(M("SCRAM-SHA-256"))));
    out = say(&rig, FAILURE(NS_SASL2, "not-authorized"));
    check_contains("XEP-0388 §2.6.2: where the certificate is refused the token goes, before the password", out,
        "mechanism='HT-SHA-256-EXPR'");
    out = say(&rig, FAILURE(NS_SASL2, "not-authorized"));
    check_contains("and then the password", out, "mechanism='SCRAM-SHA-256'");
    end(&rig);
    out = offered(&rig, OFFER2);
    check_contains("and logs in where the certificate does not", out, "mechanism='HT-SHA-256-EXPR'");
    (void)say(&rig, success2(token_proof(), WHO BOUND));
    check_state(&rig, "which goes on as ever", KS_LOGIN_WELCOME);
    end(&rig);
    token = KS_STR_EMPTY;

    certified = false;
    out = offered(&rig, MECHANISMS(M("EXTERNAL") M("SCRAM-SHA-256")));
    check_contains("without a certificate EXTERNAL is not tried", out, "mechanism='SCRAM-SHA-256'");
    end(&rig);
}

/* A server that says too much, or what cannot be cut anywhere. */
static void test_hostile(void)
{
    static char features[200000], failure[400];
    struct rig rig;

    memset(features, 'x', sizeof features - 1);
    memcpy(features, "<features xmlns='" NS_STREAM "'>", strlen("<features xmlns='" NS_STREAM "'>"));
    memcpy(features + sizeof features - 1 - strlen("</features>"), "</features>", strlen("</features>"));
    token = KS_STR("geheim2");
    begin(&rig, true);
    secure(&rig);
    (void)say(&rig, features);
    check_row(rig.login.state == KS_LOGIN_FAILED && strcmp(rig.login.code, KS_CODE_PROTOCOL) == 0 && !rig.login.final,
        "features of 200 KB end the connection, and not the engine", "%s", ks_login_state_name(rig.login.state));
    end(&rig);
    begin(&rig, true);
    secure(&rig);
    for (int i = 0; i < 100; i++)
        (void)say(&rig, OFFER2);
    check_state(&rig, "features that come a hundred times take the room of one", KS_LOGIN_TOKEN);
    end(&rig);
    token = KS_STR_EMPTY;

    begin(&rig, true);
    secure(&rig);
    (void)say(&rig, OFFER);
    snprintf(failure, sizeof failure, "<failure xmlns='" NS_SASL "'><a%s/></failure>",
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
    (void)say(&rig, failure);
    check_row(rig.login.detail.len == 63 && ks_utf8_valid(rig.login.detail),
        "a long condition is not cut inside a character", "%zu", rig.login.detail.len);
    end(&rig);
}

int main(void)
{
    ks_arena_init(&arena, 64 << 20);
    ks_prng_init_number(&prng, 1);
    if (ks_crypto_init() != KS_OK)
        return 1;
    test_offers();
    test_login();
    resume("<resumed xmlns='" NS_SM "' h='1' previd='s1'/>", KS_LOGIN_RESUMED, 1,
        "XEP-0198 §5: a session is resumed, and what the server has is known");
    resume("<failed xmlns='" NS_SM "' h='2'/>", KS_LOGIN_BINDING, 0, "XEP-0198 §5: a session that is gone: a new one");
    resume("<resumed xmlns='" NS_SM "' h='7'/>", KS_LOGIN_FAILED, 2,
        "XEP-0198 §5: a server that has more than was sent is left");
    test_wrong_servers();
    test_sasl2();
    test_token();
    test_certificate();
    test_hostile();
    test_walk();
    ks_arena_done(&arena);
    return check_done();
}
