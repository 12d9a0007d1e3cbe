/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0215_services.c -- XEP-0215 External Service Discovery, version 1.0.0: STUN and TURN for calls, with credentials
 * for TURN that are good for a while.
 *
 * What there is is configured as URIs of RFC 7064 and RFC 7065. Credentials are those of "A REST API For Access To TURN
 * Services" (draft-uberti-behave-turn-rest-00 §2.2), which coturn and others check without asking us: the user is a
 * time and a word, the password an HMAC over both with a secret that they share with us. The word is the session's id,
 * so the relay's log names nobody, and konsilctl tells whose it was while the session lives. Only accounts of the
 * domain get any. Neither secret nor password is ever logged. */
#include "crypto.h"
#include "enc.h"
#include "feature_list.h"
#include "say.h"

struct service {
    struct ks_str type, host, transport;
    uint64_t port;
    bool relays; /* takes credentials */
};

/* --- configuration --- */

/* RFC 3986 §3.2.2, as far as a host is a name or an address. */
static bool is_host(struct ks_str host)
{
    static const char others[] = "-.:";

    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if (!c || !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr(others, c)))
            return false;
    }
    return host.len > 0;
}

/* "[2001:db8::1]:3478" or "relay.klinik.example:3478"; the port may be left out. */
static bool read_place(struct ks_str text, struct service *service)
{
    bool bracket = ks_str_starts(text, KS_STR("["));
    size_t end = bracket ? ks_str_find_byte(text, ']') : ks_str_find_byte(text, ':');
    struct ks_str port = ks_str_from(text, end + bracket);

    if (bracket && end == text.len)
        return false;
    service->host = bracket ? ks_str_from(ks_str_head(text, end), 1) : ks_str_head(text, end);
    return is_host(service->host)
        && (!port.len
            || (port.ptr[0] == ':' && ks_str_u64(ks_str_from(port, 1), 65535, &service->port) == KS_OK
                && service->port > 0));
}

/* RFC 7064 §3.1, RFC 7065 §3.1 */
static bool read_service(struct ks_str uri, struct service *ret_service)
{
    static const struct {
        const char *scheme, *transport;
        uint64_t port;
        bool relays;
    } kinds[] = { { "stun", "udp", 3478, false }, { "stuns", "tcp", 5349, false }, { "turn", "udp", 3478, true },
        { "turns", "tcp", 5349, true } };
    const struct ks_str query = KS_STR("transport=");
    struct ks_str scheme, place;

    if (!ks_str_cut(&uri, ':', &scheme) || !ks_str_cut(&uri, '?', &place))
        return false;
    for (size_t i = 0; i < KS_COUNT(kinds); i++) {
        if (!ks_str_is(scheme, kinds[i].scheme))
            continue;
        *ret_service = (struct service) { scheme, .port = kinds[i].port, .relays = kinds[i].relays };
        ret_service->transport = ks_str_z(kinds[i].transport);
        if (uri.len) { /* behind the question mark */
            if (!kinds[i].relays || !ks_str_starts(uri, query))
                return false;
            ret_service->transport = ks_str_from(uri, query.len);
        }
        return (ks_str_is(ret_service->transport, "udp") || ks_str_is(ret_service->transport, "tcp"))
            && read_place(place, ret_service);
    }
    return false;
}

static bool are_services(struct ks_str text)
{
    struct service service;
    struct ks_str uri;

    while (text.len && ks_str_cut(&text, ' ', &uri))
        if (uri.len && !read_service(uri, &service))
            return false;
    return true;
}

/* The next one of the configured: struct ks_str left = ks_domain_text(…); while (next(&left, &service)) */
static bool next(struct ks_str *left, struct service *ret_service)
{
    struct ks_str uri;

    while (left->len && ks_str_cut(left, ' ', &uri))
        if (uri.len && read_service(uri, ret_service))
            return true;
    return false;
}

/* --- credentials --- */

/* draft-uberti-behave-turn-rest-00 §2.2: username "timestamp:userid", password base64(HMAC-SHA-1(secret, username)).
 * SHA-1 is what relays expect; of its collisions nothing follows for an HMAC. */
static void add_credentials(struct ks_ctx *ctx, struct ks_xml *element, struct ks_str secret)
{
    int64_t expires_s = ctx->now.wall_ms / 1000 + ks_domain_number(ctx->domain, "services.lifetime");
    char *stamp = ks_arena_alloc(ctx->arena, KS_STAMP_LEN + 1);
    struct ks_str username = KS_STR_EMPTY, password = KS_STR_EMPTY;
    uint8_t mac[KS_HASH_MAX];
    struct ks_buf buf;
    bool good;

    ks_buf_init(&buf, 100);
    ks_buf_printf(&buf, "%lld:%016llx", (long long)expires_s, (unsigned long long)ks_session_id(ctx->session));
    good = ks_buf_err(&buf) == KS_OK && ks_arena_copy(ctx->arena, ks_buf_str(&buf), &username) == KS_OK;
    ks_buf_done(&buf);
    if (!good || !stamp) {
        ctx->arena->failed = true;
        return;
    }
    ks_hmac(KS_SHA1, secret, username, mac);
    good = ks_base64(ctx->arena, ks_str(mac, ks_hash_len(KS_SHA1)), &password) == KS_OK;
    ks_wipe(mac, sizeof mac);
    if (!good)
        return; /* the arena knows */
    ks_xml_set(ctx->arena, element, "username", username);
    ks_xml_set(ctx->arena, element, "password", password);
    ks_xml_set(ctx->arena, element, "expires", ks_stamp_write(expires_s * 1000, stamp));
}

static void add_service(struct ks_ctx *ctx, struct ks_xml *list, const struct service *service)
{
    struct ks_xml *element = ks_xml_add(ctx->arena, list, NS_EXTDISCO, "service");
    struct ks_str secret = ks_domain_text(ctx->domain, "services.secret"), text;
    const struct {
        const char *name;
        struct ks_str value;
    } attrs[] = { { "type", service->type }, { "host", service->host }, { "transport", service->transport } };

    for (size_t i = 0; i < KS_COUNT(attrs); i++) /* a reload may take the settings away while this waits */
        if (ks_arena_copy(ctx->arena, attrs[i].value, &text) == KS_OK)
            ks_xml_set(ctx->arena, element, attrs[i].name, text);
    ks_xml_set_u64(ctx->arena, element, "port", service->port);
    if (service->relays && secret.len) {
        ks_xml_set(ctx->arena, element, "restricted", KS_STR("true"));
        add_credentials(ctx, element, secret);
    }
}

/* --- questions --- */

static bool may_ask(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    bool may = ctx->session && ks_str_eq(iq->to.domain, ks_user_jid(ctx->user).domain);

    if (!may)
        ks_reply_error(ctx, KS_FORBIDDEN, NULL); /* §2 */
    return may;
}

/* §3.1, §3.2 */
static void on_services(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str left = ks_domain_text(ctx->domain, "services.uris"), type = ks_xml_attr(iq->payload, "type");
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_EXTDISCO, "services");
    struct service service;

    if (!may_ask(ctx, iq))
        return;
    if (type.ptr)
        ks_xml_set(ctx->arena, answer, "type", type);
    while (next(&left, &service))
        if (!type.ptr || ks_str_eq(type, service.type))
            add_service(ctx, answer, &service);
    ks_reply_result(ctx, answer);
}

/* §3.3: those of "a <service/> element which MUST include the 'host' and 'type' attributes". */
static void on_credentials(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *wanted = ks_xml_child(iq->payload, NS_EXTDISCO, "service");
    struct ks_str left = ks_domain_text(ctx->domain, "services.uris"), port = ks_xml_attr(wanted, "port");
    struct ks_str host = ks_xml_attr(wanted, "host"), type = ks_xml_attr(wanted, "type");
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_EXTDISCO, "credentials");
    struct service service;
    uint64_t number = 0;
    bool any = false;

    if (!may_ask(ctx, iq))
        return;
    if (!host.len || !type.len || ks_xml_next(wanted, NULL, NULL) || ks_xml_child(iq->payload, NULL, NULL) != wanted
        || (port.ptr && ks_str_u64(port, 65535, &number) != KS_OK)) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    while (next(&left, &service))
        if (service.relays && ks_domain_text(ctx->domain, "services.secret").len && ks_str_eq(host, service.host)
            && ks_str_eq(type, service.type) && (!port.ptr || number == service.port)) {
            add_service(ctx, answer, &service);
            any = true;
        }
    if (any)
        ks_reply_result(ctx, answer);
    else
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
}

const struct ks_feature ks_feature_services = {
    .name = "services",
    .disco = (const char *const[]) { NS_EXTDISCO, NULL },
    .iq = { { KS_IQ_GET, NS_EXTDISCO, "services", KS_TO_DOMAIN, on_services },
        { KS_IQ_GET, NS_EXTDISCO, "credentials", KS_TO_DOMAIN, on_credentials } },
    .options = { { "services.uris", KS_OPT_TEXT, .max = 2000, .good = are_services, .wants = SAY("wants.services"),
                     .doc = "STUN and TURN servers for calls, as URIs of RFC 7064 and RFC 7065 (XEP-0215)." },
        { "services.secret", KS_OPT_TEXT, .max = 200, .secret = true,
            .doc = "What the TURN servers share with this one, to make credentials from; without it clients get none. "
                   "The file is then a secret." },
        { "services.lifetime", KS_OPT_DURATION, .init = 43200, .min = 60, .max = 604800,
            .doc = "How long such credentials are good." } },
};
