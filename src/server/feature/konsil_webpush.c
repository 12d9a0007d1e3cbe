/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_webpush.c -- urn:konsil:webpush:0 (doc/PROTOCOL.md §11.7): a browser's own push service wakes it, without a
 * service of ours between (RFC 8030, RFC 8291, RFC 8292).
 *
 * The endpoint is a URL that a client names and this server asks, so its host has to be on a list. Every wake-up has
 * the same bytes inside and the same length outside. */
#include "enc.h"
#include "feature_list.h"
#include "push.h"
#include "reactor.h"
#include "say.h"
#include "session.h"
#include "user.h"
#include "webpush.h"
#include "webpush_endpoint.h"

#define WAKE_UP KS_STR("{\"konsil\":\"wake\"}")
#define BODY_LEN 256
#define TOKEN_SECONDS ((int64_t)12 * 3600) /* RFC 8292 §2: at most 24 hours */
#define VALUE_MAX (KS_WEBPUSH_URL_MAX + 128)

/* --- registrations: key is the device; value is a version, since when, p256dh, auth, endpoint --- */

#define VERSION 1 /* 0 did not say since when */

struct registration {
    struct ks_webpush_keys keys;
    struct ks_str endpoint;
    int64_t since_ms; /* 0: it does not say */
};

static bool registration_read(struct ks_str value, struct registration *ret)
{
    struct ks_cursor at = ks_cursor(value);
    struct ks_str p256dh, auth;
    uint64_t since = 0;
    uint8_t version;

    if (ks_cursor_u8(&at, &version) != KS_OK || version > VERSION || (version && ks_cursor_u64(&at, &since) != KS_OK)
        || ks_cursor_take(&at, KS_P256_PUBLIC_LEN, &p256dh) != KS_OK
        || ks_cursor_take(&at, KS_WEBPUSH_AUTH_LEN, &auth) != KS_OK)
        return false;
    memcpy(ret->keys.p256dh, p256dh.ptr, p256dh.len);
    memcpy(ret->keys.auth, auth.ptr, auth.len);
    ret->endpoint = at.left;
    ret->since_ms = (int64_t)since;
    return true;
}

static struct ks_str key_of(uint64_t device, char room[KS_PUSH_DEVICE_LEN])
{
    return ks_push_device_write(device, room);
}

static void delete_of(struct ks_ctx *ctx, uint64_t device)
{
    char room[KS_PUSH_DEVICE_LEN];

    ks_kv_del(ctx, KS_STORE_WEBPUSH, key_of(device, room));
    ks_push_forget(ctx, device);
}

void ks_webpush_gone(struct ks_ctx *ctx, uint64_t device)
{
    delete_of(ctx, device);
}

static bool has_room(struct ks_ctx *ctx, struct ks_str key)
{
    const struct ks_kv *row = NULL;
    int64_t count = 0;

    while ((row = ks_kv_next(ctx->user, KS_STORE_WEBPUSH, row)))
        count += !ks_str_eq(row->key, key);
    return count < ks_domain_number(ctx->domain, "push.devices_max");
}

/* --- what clients ask --- */

static bool is_enabled(struct ks_ctx *ctx)
{
    if (!ctx->session)
        return false;
    if (!ks_domain_number(ctx->domain, "push.enabled"))
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
    return ks_domain_number(ctx->domain, "push.enabled") != 0;
}

static void on_get(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    uint8_t public_key[KS_P256_PUBLIC_LEN];
    char room[KS_PUSH_DEVICE_LEN];
    struct ks_str key = KS_STR_EMPTY;
    struct ks_buf text;

    (void)iq;
    if (!is_enabled(ctx))
        return;
    ks_buf_init(&text, 128);
    if (ks_p256_public(ctx->reactor->server->push_key, public_key) == KS_OK)
        ks_base64url_add(&text, ks_str(public_key, sizeof public_key));
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_KONSIL_WEBPUSH, "webpush");
    if (ks_buf_err(&text) == KS_OK && ks_arena_copy(ctx->arena, ks_buf_str(&text), &key) == KS_OK)
        ks_xml_set(ctx->arena, answer, "key", key);
    bool registered = ks_kv_get(ctx->user, KS_STORE_WEBPUSH, key_of(ks_session_device(ctx->session), room)).ptr;
    ks_xml_set(ctx->arena, answer, "registered", registered ? KS_STR("true") : KS_STR("false"));
    ks_reply_result(ctx, answer);
    ks_buf_done(&text);
}

static void on_subscribe(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str url = ks_xml_attr(iq->payload, "endpoint");
    struct ks_webpush_endpoint endpoint;
    struct ks_webpush_keys keys;
    char room[KS_PUSH_DEVICE_LEN];
    struct ks_buf value;

    if (!is_enabled(ctx))
        return;
    if (ks_webpush_endpoint_read(url, &endpoint) != KS_OK
        || ks_webpush_keys_read(ks_xml_attr(iq->payload, "p256dh"), ks_xml_attr(iq->payload, "auth"), &keys) != KS_OK) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (!ks_webpush_endpoint_listed(&endpoint, ks_domain_text(ctx->domain, "push.hosts"))) {
        ks_reply_error(ctx, KS_NOT_ALLOWED, NULL);
        return;
    }
    struct ks_str key = key_of(ks_session_device(ctx->session), room);
    if (!has_room(ctx, key)) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    ks_buf_init_secret(&value, VALUE_MAX);
    ks_buf_byte(&value, VERSION);
    ks_buf_u64(&value, (uint64_t)ctx->now.wall_ms);
    ks_buf_add(&value, ks_str(keys.p256dh, sizeof keys.p256dh));
    ks_buf_add(&value, ks_str(keys.auth, sizeof keys.auth));
    ks_buf_add(&value, url);
    if (ks_buf_err(&value) == KS_OK) {
        ks_kv_put(ctx, KS_STORE_WEBPUSH, key, ks_buf_str(&value));
        ks_push_forget(ctx, ks_session_device(ctx->session));
        ks_reply_result(ctx, NULL);
    } else {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
    }
    ks_buf_done(&value);
}

static void on_unsubscribe(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)iq;
    if (!ctx->session)
        return;
    delete_of(ctx, ks_session_device(ctx->session));
    ks_reply_result(ctx, NULL);
}

void ks_webpush_each(const struct ks_user *account, ks_push_seen_fn *each, void *user)
{
    const struct ks_kv *row = NULL;

    while ((row = ks_kv_next(account, KS_STORE_WEBPUSH, row))) {
        struct ks_push_seen seen = { .device = ks_push_device_read(row->key), .kind = "web" };
        struct ks_webpush_endpoint endpoint;
        struct registration at;
        if (!seen.device || !registration_read(row->value, &at)
            || ks_webpush_endpoint_read(at.endpoint, &endpoint) != KS_OK)
            continue;
        seen.service = endpoint.host;
        seen.since_ms = at.since_ms;
        each(user, &seen);
    }
}

void ks_webpush_remove(struct ks_ctx *ctx, uint64_t device)
{
    const struct ks_kv *row;

    if (device != KS_DEVICES_ALL)
        delete_of(ctx, device);
    else
        while ((row = ks_kv_next(ctx->user, KS_STORE_WEBPUSH, NULL)) && ks_push_device_read(row->key))
            delete_of(ctx, ks_push_device_read(row->key));
}

/* --- sending --- */

/* RFC 8030 §5.2 to §5.4. All wake-ups of a device have one topic, so a newer one takes the place of one that waits. */
static void add_headers(struct ks_buf *headers, struct ks_ctx *ctx, enum ks_wake wake, const struct registration *to)
{
    struct ks_str relay = ks_domain_text(ctx->domain, "push.relay");
    struct ks_webpush_endpoint endpoint;
    struct ks_webpush_claim claim = { .subject = ks_domain_text(ctx->domain, "push.subject"),
        .expires = ctx->now.wall_ms / 1000 + TOKEN_SECONDS };

    if (ks_webpush_endpoint_read(to->endpoint, &endpoint) == KS_OK)
        claim.origin = endpoint.origin;
    ks_buf_z(headers, "Authorization: ");
    ks_webpush_vapid_add(headers, ctx->reactor->server->push_key, &claim);
    ks_buf_printf(headers,
        "\nContent-Encoding: aes128gcm\nContent-Type: application/octet-stream\nTTL: %lld\nTopic: konsil\n"
        "Urgency: %s\n",
        (long long)ks_domain_number(ctx->domain, "push.ttl"), wake == KS_WAKE_HIGH ? "high" : "normal");
    if (relay.len)
        ks_buf_printf(headers, "Konsil-Endpoint: %.*s\n", KS_STR_FMT(to->endpoint));
}

static struct ks_push_request *request_new(struct ks_str url, struct ks_str headers, struct ks_str body)
{
    struct ks_push_request *request = ks_push_request_new(url.len + headers.len + body.len);

    if (!request)
        return NULL;
    char *at = request->room;
    struct ks_str *fields[] = { &request->url, &request->headers, &request->body };
    const struct ks_str from[] = { url, headers, body };
    for (size_t i = 0; i < KS_COUNT(fields); i++) {
        *fields[i] = ks_str(memcpy(at, from[i].ptr, from[i].len), from[i].len);
        at += from[i].len;
    }
    return request;
}

struct ks_push_request *ks_webpush_request(struct ks_ctx *ctx, uint64_t device, enum ks_wake wake)
{
    char room[KS_PUSH_DEVICE_LEN];
    uint8_t private_key[KS_P256_PRIVATE_LEN], salt[16];
    struct ks_str value = ks_kv_get(ctx->user, KS_STORE_WEBPUSH, key_of(device, room));
    struct ks_str relay = ks_domain_text(ctx->domain, "push.relay");
    struct ks_push_request *request = NULL;
    struct registration to;
    struct ks_webpush_endpoint endpoint;
    struct ks_buf headers, body;

    /* The list may have changed since. */
    if (!value.ptr || !registration_read(value, &to) || ks_webpush_endpoint_read(to.endpoint, &endpoint) != KS_OK
        || !ks_webpush_endpoint_listed(&endpoint, ks_domain_text(ctx->domain, "push.hosts")))
        return NULL;
    ks_buf_init(&headers, 8192);
    ks_buf_init(&body, KS_WEBPUSH_BODY_MAX);
    ks_p256_generate(&ctx->reactor->prng, private_key);
    ks_prng_bytes(&ctx->reactor->prng, salt, sizeof salt);
    add_headers(&headers, ctx, wake, &to);
    if (ks_webpush_encrypt(&body, &to.keys, private_key, salt, WAKE_UP, BODY_LEN) == KS_OK
        && ks_buf_err(&headers) == KS_OK && ks_buf_err(&body) == KS_OK)
        request = request_new(relay.len ? relay : to.endpoint, ks_buf_str(&headers), ks_buf_str(&body));
    ks_wipe(private_key, sizeof private_key);
    ks_buf_done(&headers);
    ks_buf_done(&body);
    return request;
}

/* --- options --- */

static bool is_relay(struct ks_str text)
{
    struct ks_webpush_endpoint endpoint;

    return !text.len || ks_webpush_endpoint_read(text, &endpoint) == KS_OK;
}

/* RFC 8292 §2.1; and nothing that JSON would escape. */
static bool is_subject(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '"' || text.ptr[i] == '\\')
            return false;
    return !text.len || ks_str_starts(text, KS_STR("mailto:")) || ks_str_starts(text, KS_STR("https:"));
}

const struct ks_feature ks_feature_webpush = {
    .name = "webpush",
    .disco_account = (const char *const[]) { NS_KONSIL_WEBPUSH, NULL },
    .disco_if = "push.enabled",
    .iq = { { KS_IQ_GET, NS_KONSIL_WEBPUSH, "webpush", KS_TO_SELF, on_get },
        { KS_IQ_SET, NS_KONSIL_WEBPUSH, "subscribe", KS_TO_SELF, on_subscribe },
        { KS_IQ_SET, NS_KONSIL_WEBPUSH, "unsubscribe", KS_TO_SELF, on_unsubscribe } },
    .stores = { { KS_STORE_WEBPUSH, KS_DATA_SETTINGS, KS_KEEP_SESSION, 0,
        "Where a browser can be woken when its page is closed, since when, and the keys for that; deleted when the "
        "device logs out, or when its push service says that it is gone.",
        KS_READ_ADMINS } },
    .options = { { "push.hosts", KS_OPT_TEXT, .max = 4000, .good = ks_webpush_list_good, .wants = SAY("wants.hosts"),
                     .init_text = "fcm.googleapis.com updates.push.services.mozilla.com *.push.apple.com "
                                  "*.notify.windows.com",
                     .doc = "Hosts of push services that devices may name, separated by blanks; *.NAME for all below a "
                            "name, NAME:PORT for another port than 443." },
        { "push.relay", KS_OPT_TEXT, .max = 1000, .good = is_relay, .wants = SAY("wants.https"),
            .doc =
                "An https URL of a relay of one's own: every wake-up goes there and nowhere else, with the address of "
                "the push service in the header Konsil-Endpoint." },
        { "push.subject", KS_OPT_TEXT, .max = 300, .good = is_subject, .wants = SAY("wants.subject"),
            .doc = "Whom a push service may write to when something is wrong: a mailto: or https: URI." } },
    .device_out = ks_webpush_remove,
};
