/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0357_push.c -- XEP-0357 Push Notifications, version 0.4.1, and what wakes a device at all (push.h).
 *
 * A registration belongs to the device whose client made it, and goes with it. What is published says nothing but that
 * there is something (§9: "servers SHOULD allow users to limit the information sent"; here nobody can raise it): no
 * sender, no text, no count. Federation is closed, so a service is an address of one of our domains. */
#include "dataform.h"
#include "feature_list.h"
#include "message.h"
#include "push.h"
#include "reactor.h"
#include "session.h"
#include "user.h"

#define STORE "push"
#define OPTIONS_MAX 16 /* fields of publish-options that are kept */
#define VALUE_MAX 2048 /* bytes of a stored registration */
#define NODE_MAX 1024

/* --- registrations: key is device, jid, line feed, node; value is a version, since when, then var and value of each
 * option --- */

#define VERSION 1 /* 0 did not say since when */

struct registration {
    struct ks_str jid, node, options;
    int64_t since_ms; /* 0: it does not say */
};

static bool key_read(struct ks_str key, struct registration *ret)
{
    struct ks_str rest = ks_str_from(key, KS_PUSH_DEVICE_LEN);

    return ks_push_device_read(key) && ks_str_cut(&rest, '\n', &ret->jid) && ret->jid.len && ((ret->node = rest), true);
}

static bool registration_read(const struct ks_kv *row, struct registration *ret)
{
    struct ks_cursor at = ks_cursor(row->value);
    uint64_t since = 0;
    uint8_t version;

    if (!key_read(row->key, ret) || ks_cursor_u8(&at, &version) != KS_OK || version > VERSION
        || (version && ks_cursor_u64(&at, &since) != KS_OK))
        return false;
    ret->since_ms = (int64_t)since;
    ret->options = at.left;
    return true;
}

static const struct ks_kv *next_row(const struct ks_user *user, const struct ks_kv *after, struct registration *ret)
{
    const struct ks_kv *row = after;

    while ((row = ks_kv_next(user, STORE, row)))
        if (registration_read(row, ret))
            return row;
    return NULL;
}

static bool is_of(const struct registration *registration, struct ks_str jid, struct ks_str node)
{
    return ks_str_eq(registration->jid, jid) && (!node.ptr || ks_str_eq(registration->node, node));
}

/* All of a service (node.ptr NULL), or one; true if there was any. Rows move when one goes, so each time from the
 * start. */
static bool delete_of(struct ks_ctx *ctx, struct ks_str jid, struct ks_str node)
{
    struct registration at;
    const struct ks_kv *row = NULL;
    struct ks_str key;
    bool any = false;

    while ((row = next_row(ctx->user, row, &at)))
        if (is_of(&at, jid, node) && ks_arena_copy(ctx->arena, row->key, &key) == KS_OK) {
            ks_kv_del(ctx, STORE, key);
            any = true;
            row = NULL;
        }
    return any;
}

/* --- enabling and disabling (§5, §6) --- */

/* The fields of the form, but its type. Empty without a form. False: too much, or a field that is none. */
static bool options_write(struct ks_ctx *ctx, const struct ks_xml *enable, struct ks_buf *value)
{
    const struct ks_xml *form = ks_form_find(ctx->arena, enable, NS_PUBLISH_OPTIONS);
    size_t count = 0;

    for (const struct ks_xml *field = ks_xml_child(form, NS_DATA, "field"); field;
         field = ks_xml_next(field, NS_DATA, "field")) {
        struct ks_str var = ks_xml_attr(field, "var");
        if (ks_str_is(var, "FORM_TYPE"))
            continue;
        if (!var.len || ++count > OPTIONS_MAX)
            return false;
        ks_buf_field(value, var);
        ks_buf_field(value, ks_xml_text(ctx->arena, ks_xml_child(field, NS_DATA, "value")));
    }
    return ks_buf_err(value) == KS_OK;
}

/* The service's address, normalised; answers when it is none. */
static bool read_service(struct ks_ctx *ctx, const struct ks_xml *payload, struct ks_str *ret_jid)
{
    struct ks_jid jid;

    if (ks_jid_parse(ctx->arena, ks_xml_attr(payload, "jid"), &jid) != KS_OK
        || ks_jid_text(ctx->arena, jid, ret_jid) != KS_OK || ks_xml_attr(payload, "node").len > NODE_MAX) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return false;
    }
    return true;
}

static size_t count_rows(const struct ks_user *user)
{
    const struct ks_kv *row = NULL;
    size_t count = 0;

    while ((row = ks_kv_next(user, STORE, row)))
        count++;
    return count;
}

static void on_enable(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str jid, key, node = ks_xml_attr(iq->payload, "node");
    char device[KS_PUSH_DEVICE_LEN];
    const struct ks_domain *host;
    struct ks_buf value;

    if (!ctx->session || !read_service(ctx, iq->payload, &jid))
        return;
    if (!ks_domain_number(ctx->domain, "push.enabled")) {
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    host = ks_config_host(ctx->reactor->config, ks_jid_split(jid).domain);
    if (!host || host->parent) { /* an account of ours, or a component */
        ks_reply_error(ctx, KS_REMOTE_SERVER_NOT_FOUND, NULL);
        return;
    }
    const struct ks_str parts[] = { ks_push_device_write(ks_session_device(ctx->session), device), jid, KS_STR("\n"),
        node };
    ks_buf_init_secret(&value, VALUE_MAX);
    ks_buf_byte(&value, VERSION);
    ks_buf_u64(&value, (uint64_t)ctx->now.wall_ms);
    if (ks_arena_join(ctx->arena, parts, KS_COUNT(parts), &key) != KS_OK || !options_write(ctx, iq->payload, &value)) {
        ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL);
    } else {
        /* §5: "the server SHOULD use the last received request for any publish options"; whichever device made it. */
        delete_of(ctx, jid, node.ptr ? node : KS_STR(""));
        if (count_rows(ctx->user) >= (size_t)ks_domain_number(ctx->domain, "push.devices_max")) {
            ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        } else {
            ks_kv_put(ctx, STORE, key, ks_buf_str(&value));
            ks_push_forget(ctx, ks_session_device(ctx->session));
            ks_reply_result(ctx, NULL);
        }
    }
    ks_buf_done(&value);
}

static void on_disable(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str jid;

    if (!read_service(ctx, iq->payload, &jid))
        return;
    delete_of(ctx, jid, ks_xml_attr(iq->payload, "node"));
    ks_reply_result(ctx, NULL);
}

/* --- publishing (§7) --- */

static void add_options(struct ks_arena *arena, struct ks_xml *pubsub, struct ks_str options)
{
    struct ks_cursor at = ks_cursor(options);
    struct ks_xml *form = ks_form_new(arena, "submit", NS_PUBLISH_OPTIONS);
    struct ks_str var, value;

    while (!ks_cursor_done(&at) && ks_cursor_field(&at, &var) == KS_OK && ks_cursor_field(&at, &value) == KS_OK) {
        struct ks_xml *field = ks_xml_add(arena, form, NS_DATA, "field");
        if (ks_arena_copy(arena, var, &var) == KS_OK && ks_arena_copy(arena, value, &value) == KS_OK) {
            ks_xml_set(arena, field, "var", var);
            ks_xml_add_text(arena, field, NS_DATA, "value", value);
        }
    }
    struct ks_xml *element = ks_xml_add(arena, pubsub, NS_PUBSUB, "publish-options");
    if (element && form)
        ks_xml_graft(element, form);
}

/* What an error names its registration by; its service, which sends it, knows the node anyway. */
#define ID_PREFIX "push-"

static void publish(struct ks_ctx *ctx, const struct registration *to)
{
    struct ks_str jid, node, id;
    const struct ks_str parts[] = { KS_STR(ID_PREFIX), to->node };

    if (ks_arena_copy(ctx->arena, to->jid, &jid) != KS_OK || ks_arena_copy(ctx->arena, to->node, &node) != KS_OK
        || ks_arena_join(ctx->arena, parts, KS_COUNT(parts), &id) != KS_OK)
        return;
    struct ks_xml *iq = ks_stanza_new(ctx->arena, "iq", "set", id, KS_STR_EMPTY, jid);
    struct ks_xml *pubsub = ks_xml_add(ctx->arena, iq, NS_PUBSUB, "pubsub");
    struct ks_xml *element = ks_xml_add(ctx->arena, pubsub, NS_PUBSUB, "publish");
    if (node.len)
        ks_xml_set(ctx->arena, element, "node", node);
    ks_xml_add(ctx->arena, ks_xml_add(ctx->arena, element, NS_PUBSUB, "item"), NS_PUSH, "notification");
    if (to->options.len)
        add_options(ctx->arena, pubsub, to->options);
    ks_send(ctx, iq);
}

void ks_push_publish(struct ks_ctx *ctx, uint64_t device)
{
    struct registration at;
    const struct ks_kv *row = NULL;

    while ((row = next_row(ctx->user, row, &at)))
        if (ks_push_device_read(row->key) == device)
            publish(ctx, &at);
}

/* §7.1: "If a publish request is returned with an IQ-error, then the server SHOULD consider the particular JID and node
 * combination to be disabled. However, a server MAY choose to keep a service enabled if the error is deemed
 * recoverable": those of type wait (RFC 6120 §8.3.2). Only the service itself can say so. */
static enum ks_pass on_answer(struct ks_ctx *ctx, struct ks_stanza *iq)
{
    struct ks_str id = ks_xml_attr(iq->xml, "id"), jid;
    const struct ks_xml *error = ks_xml_child(iq->xml, NS_CLIENT, "error");

    if (iq->type != KS_IQ_ERROR || !ks_jid_is_bare(iq->to) || !ks_str_starts(id, KS_STR(ID_PREFIX))
        || !ks_user_exists(ctx->user))
        return KS_PASS_ON;
    if (!ks_str_is(ks_xml_attr(error, "type"), "wait") && ks_jid_text(ctx->arena, iq->from, &jid) == KS_OK)
        delete_of(ctx, jid, ks_str_from(id, strlen(ID_PREFIX)).len ? ks_str_from(id, strlen(ID_PREFIX)) : KS_STR(""));
    return KS_PASS_STOP;
}

/* §8: the service takes back the right to publish. The person sees nothing of it. */
static enum ks_pass on_affiliation(struct ks_ctx *ctx, struct ks_stanza *message)
{
    const struct ks_xml *pubsub = ks_xml_child(message->xml, NS_PUBSUB, "pubsub");
    const struct ks_xml *affiliation = ks_xml_child(pubsub, NS_PUBSUB, "affiliation");
    struct ks_str jid;

    if (!ks_str_is(ks_xml_attr(affiliation, "affiliation"), "none") || !ks_user_exists(ctx->user)
        || ks_jid_text(ctx->arena, message->from, &jid) != KS_OK)
        return KS_PASS_ON;
    return delete_of(ctx, jid, ks_xml_attr(pubsub, "node")) ? KS_PASS_STOP : KS_PASS_ON;
}

/* --- what wakes (doc/PROTOCOL.md §3.3) --- */

/* For one account, if the author says another level for it than for all. */
static struct ks_str level_for(const struct ks_xml *wake, struct ks_str bare)
{
    const struct ks_xml *at = ks_xml_child(wake, NS_KONSIL_WAKE, "for");

    while (at && !ks_str_eq(ks_xml_attr(at, "jid"), bare))
        at = ks_xml_next(at, NS_KONSIL_WAKE, "for");
    return ks_xml_attr(at ? at : wake, "level");
}

bool ks_wake_has_for(const struct ks_xml *wake)
{
    return ks_xml_child(wake, NS_KONSIL_WAKE, "for");
}

struct ks_xml *ks_wake_for(struct ks_arena *arena, const struct ks_xml *wake, struct ks_str bare)
{
    struct ks_str level = level_for(wake, bare);
    struct ks_xml *plain = ks_xml_new(arena, NS_KONSIL_WAKE, "wake");

    return level.ptr ? ks_xml_set(arena, plain, "level", level) : plain;
}

static enum ks_wake wake_of(const struct ks_stanza *message, struct ks_str bare)
{
    const struct ks_xml *xml = message->xml, *wake = ks_xml_child(xml, NS_KONSIL_WAKE, "wake");
    struct ks_str level = level_for(wake, bare);

    if (message->type == KS_MSG_ERROR || message->type == KS_MSG_HEADLINE)
        return KS_WAKE_NONE;
    if (wake)
        return ks_str_is(level, "none") ? KS_WAKE_NONE : ks_str_is(level, "high") ? KS_WAKE_HIGH : KS_WAKE_NORMAL;
    if (ks_xml_child(xml, NS_JINGLE_MESSAGE, "propose")) /* XEP-0353 §3.1: a call is no call an hour later */
        return KS_WAKE_HIGH;
    if (ks_xml_child(xml, NS_CLIENT, "body") || ks_xml_child(xml, NS_OMEMO, "encrypted")
        || ks_xml_child(xml, NS_AXOLOTL, "encrypted") || ks_xml_child(xml, NS_CONFERENCE, "x")
        || ks_xml_child(ks_xml_child(xml, NS_MUC_USER, "x"), NS_MUC_USER, "invite"))
        return KS_WAKE_NORMAL;
    return KS_WAKE_NONE; /* receipts, chat states, marks of having read */
}

/* Each device with a registration in a store; keys of one device follow each other. */
static void want_all(struct ks_ctx *ctx, const char *store, enum ks_wake wake)
{
    const struct ks_kv *row = NULL;
    uint64_t before = 0;

    while ((row = ks_kv_next(ctx->user, store, row))) {
        uint64_t device = ks_push_device_read(row->key);
        if (device && device != before)
            ks_push_want(ctx, device, wake);
        before = device;
    }
}

static void wake_devices(struct ks_ctx *ctx, const struct ks_stanza *message)
{
    enum ks_wake wake = wake_of(message, ks_user_bare(ctx->user));

    if (!wake || !ks_user_exists(ctx->user))
        return;
    want_all(ctx, STORE, wake);
    want_all(ctx, KS_STORE_WEBPUSH, wake);
}

/* Never the author's own devices. */
static enum ks_pass delivered(struct ks_ctx *ctx, struct ks_stanza *message)
{
    if (!ks_jid_eq_bare(message->from, ks_user_jid(ctx->user)))
        wake_devices(ctx, message);
    return KS_PASS_ON;
}

/* Each costs every account of a room a look. */
static enum ks_pass limit_levels(struct ks_ctx *ctx, struct ks_stanza *message)
{
    const struct ks_xml *wake = ks_xml_child(message->xml, NS_KONSIL_WAKE, "wake");
    size_t count = 0;

    for (const struct ks_xml *at = ks_xml_child(wake, NS_KONSIL_WAKE, "for"); at;
         at = ks_xml_next(at, NS_KONSIL_WAKE, "for"))
        count++;
    if (count <= KS_WAKE_FOR_MAX)
        return KS_PASS_ON;
    ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
    return KS_PASS_STOP;
}

/* A message between accounts has one level, that of whom it is for: the author's other words are nobody's business. */
static enum ks_pass settle_level(struct ks_ctx *ctx, struct ks_stanza *message)
{
    struct ks_xml *wake = ks_xml_child(message->xml, NS_KONSIL_WAKE, "wake"), *plain;

    if (message->type == KS_MSG_GROUPCHAT || !ks_wake_has_for(wake))
        return KS_PASS_ON; /* a room sees to it itself */
    if (!(plain = ks_wake_for(ctx->arena, wake, ks_user_bare(ctx->user))))
        return KS_PASS_ON; /* ks_ctx_end sees to it */
    ks_xml_remove(message->xml, wake);
    ks_xml_graft(message->xml, plain);
    return KS_PASS_ON;
}

/* PROTOCOL §11.7: a room of hers has a message. */
static void room_missed(struct ks_ctx *ctx, const struct ks_stanza *message)
{
    wake_devices(ctx, message);
}

static bool room_wakes(const struct ks_user *user)
{
    return ks_kv_next(user, STORE, NULL) || ks_kv_next(user, KS_STORE_WEBPUSH, NULL);
}

static void bound(struct ks_ctx *ctx, struct ks_session *session)
{
    (void)ctx;
    ks_push_back(session);
}

void ks_push_each(const struct ks_user *account, ks_push_seen_fn *each, void *user)
{
    const struct ks_kv *row = NULL;
    struct registration at;

    while ((row = next_row(account, row, &at))) {
        struct ks_push_seen seen = { ks_push_device_read(row->key), "xmpp", ks_jid_split(at.jid).domain, at.since_ms };
        each(user, &seen);
    }
}

void ks_push_remove(struct ks_ctx *ctx, uint64_t device)
{
    const struct ks_kv *row = NULL;
    struct ks_str key;

    while ((row = ks_kv_next(ctx->user, STORE, row)))
        if ((device == KS_DEVICES_ALL || ks_push_device_read(row->key) == device)
            && ks_arena_copy(ctx->arena, row->key, &key) == KS_OK) {
            ks_push_forget(ctx, ks_push_device_read(key));
            ks_kv_del(ctx, STORE, key);
            row = NULL;
        }
}

const struct ks_feature ks_feature_push = {
    .name = "push",
    .disco_account = (const char *const[]) { NS_PUSH, NULL },
    .disco_if = "push.enabled",
    .iq = { { KS_IQ_SET, NS_PUSH, "enable", KS_TO_SELF, on_enable },
        { KS_IQ_SET, NS_PUSH, "disable", KS_TO_SELF, on_disable } },
    .pass = { { KS_STAGE_RECEIVE, 1U << KS_IQ, on_answer }, { KS_STAGE_RECEIVE, 1U << KS_MESSAGE, on_affiliation },
        { KS_STAGE_SEND, 1U << KS_MESSAGE, limit_levels }, { KS_STAGE_RECEIVE, 1U << KS_MESSAGE, settle_level },
        { KS_STAGE_DELIVERED, 1U << KS_MESSAGE, delivered } },
    .stores = { { STORE, KS_DATA_SETTINGS, KS_KEEP_SESSION, 0,
        "Which XMPP push services wake a device when its program is closed, and since when; deleted when the device "
        "logs out.",
        KS_READ_ADMINS } },
    .options = { { "push.enabled", KS_OPT_BOOL, .init = 1, .min = 0, .max = 1,
                     .doc =
                         "Devices whose program is closed are woken through push services (XEP-0357, Web Push); what "
                         "they are sent says that there is something, and nothing else." },
        { "push.devices_max", KS_OPT_COUNT, .init = 20, .min = 1, .max = 1000,
            .doc = "Registrations for push of each kind that one account may have." },
        { "push.ttl", KS_OPT_DURATION, .init = 86400, .min = 60, .max = 2419200,
            .doc = "How long a push service keeps a wake-up for a device that it does not reach." } },
    .bound = bound,
    .device_out = ks_push_remove,
    .room_missed = room_missed,
    .room_wakes = room_wakes,
};
