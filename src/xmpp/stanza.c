/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "stanza.h"

/* RFC 6120 §8.3.3: name and usual type, in the order of enum ks_cond. */
static const struct {
    const char *name, *type;
} conditions[] = {
    [KS_BAD_REQUEST] = { "bad-request", "modify" },
    [KS_CONFLICT] = { "conflict", "cancel" },
    [KS_FEATURE_NOT_IMPLEMENTED] = { "feature-not-implemented", "cancel" },
    [KS_FORBIDDEN] = { "forbidden", "auth" },
    [KS_GONE] = { "gone", "cancel" },
    [KS_INTERNAL_SERVER_ERROR] = { "internal-server-error", "cancel" },
    [KS_ITEM_NOT_FOUND] = { "item-not-found", "cancel" },
    [KS_JID_MALFORMED] = { "jid-malformed", "modify" },
    [KS_NOT_ACCEPTABLE] = { "not-acceptable", "modify" },
    [KS_NOT_ALLOWED] = { "not-allowed", "cancel" },
    [KS_NOT_AUTHORIZED] = { "not-authorized", "auth" },
    [KS_POLICY_VIOLATION] = { "policy-violation", "modify" },
    [KS_RECIPIENT_UNAVAILABLE] = { "recipient-unavailable", "wait" },
    [KS_REDIRECT] = { "redirect", "modify" },
    [KS_REGISTRATION_REQUIRED] = { "registration-required", "auth" },
    [KS_REMOTE_SERVER_NOT_FOUND] = { "remote-server-not-found", "cancel" },
    [KS_REMOTE_SERVER_TIMEOUT] = { "remote-server-timeout", "wait" },
    [KS_RESOURCE_CONSTRAINT] = { "resource-constraint", "wait" },
    [KS_SERVICE_UNAVAILABLE] = { "service-unavailable", "cancel" },
    [KS_SUBSCRIPTION_REQUIRED] = { "subscription-required", "auth" },
    [KS_UNDEFINED_CONDITION] = { "undefined-condition", "cancel" },
    [KS_UNEXPECTED_REQUEST] = { "unexpected-request", "wait" },
};
_Static_assert(KS_COUNT(conditions) == KS_COND_COUNT, "a condition without a name");

static const char *const stream_conditions[] = {
    [KS_STREAM_BAD_FORMAT] = "bad-format",
    [KS_STREAM_BAD_NAMESPACE_PREFIX] = "bad-namespace-prefix",
    [KS_STREAM_CONFLICT] = "conflict",
    [KS_STREAM_CONNECTION_TIMEOUT] = "connection-timeout",
    [KS_STREAM_HOST_GONE] = "host-gone",
    [KS_STREAM_HOST_UNKNOWN] = "host-unknown",
    [KS_STREAM_IMPROPER_ADDRESSING] = "improper-addressing",
    [KS_STREAM_INTERNAL_SERVER_ERROR] = "internal-server-error",
    [KS_STREAM_INVALID_FROM] = "invalid-from",
    [KS_STREAM_INVALID_NAMESPACE] = "invalid-namespace",
    [KS_STREAM_INVALID_XML] = "invalid-xml",
    [KS_STREAM_NOT_AUTHORIZED] = "not-authorized",
    [KS_STREAM_NOT_WELL_FORMED] = "not-well-formed",
    [KS_STREAM_POLICY_VIOLATION] = "policy-violation",
    [KS_STREAM_REMOTE_CONNECTION_FAILED] = "remote-connection-failed",
    [KS_STREAM_RESET] = "reset",
    [KS_STREAM_RESOURCE_CONSTRAINT] = "resource-constraint",
    [KS_STREAM_RESTRICTED_XML] = "restricted-xml",
    [KS_STREAM_SEE_OTHER_HOST] = "see-other-host",
    [KS_STREAM_SYSTEM_SHUTDOWN] = "system-shutdown",
    [KS_STREAM_UNDEFINED_CONDITION] = "undefined-condition",
    [KS_STREAM_UNSUPPORTED_ENCODING] = "unsupported-encoding",
    [KS_STREAM_UNSUPPORTED_FEATURE] = "unsupported-feature",
    [KS_STREAM_UNSUPPORTED_STANZA_TYPE] = "unsupported-stanza-type",
    [KS_STREAM_UNSUPPORTED_VERSION] = "unsupported-version",
};
_Static_assert(KS_COUNT(stream_conditions) == KS_STREAM_COND_COUNT, "a stream condition without a name");

const char *ks_cond_name(enum ks_cond cond)
{
    assert(cond < KS_COND_COUNT);
    return conditions[cond].name;
}

const char *ks_cond_type(enum ks_cond cond)
{
    assert(cond < KS_COND_COUNT);
    return conditions[cond].type;
}

bool ks_cond_from_name(struct ks_str name, enum ks_cond *ret_cond)
{
    for (enum ks_cond cond = 0; cond < KS_COND_COUNT; cond++)
        if (ks_str_is(name, conditions[cond].name)) {
            *ret_cond = cond;
            return true;
        }
    return false;
}

const char *ks_stream_cond_name(enum ks_stream_cond cond)
{
    assert(cond < KS_STREAM_COND_COUNT);
    return stream_conditions[cond];
}

/* RFC 6121 §5.2.2, §4.7.1; RFC 6120 §8.2.3 */
static const struct {
    enum ks_stanza_kind kind;
    const char *name;
    enum ks_stanza_type type;
} types[] = {
    { KS_MESSAGE, "chat", KS_MSG_CHAT },
    { KS_MESSAGE, "error", KS_MSG_ERROR },
    { KS_MESSAGE, "groupchat", KS_MSG_GROUPCHAT },
    { KS_MESSAGE, "headline", KS_MSG_HEADLINE },
    { KS_MESSAGE, "normal", KS_MSG_NORMAL },
    { KS_PRESENCE, "error", KS_PRES_ERROR },
    { KS_PRESENCE, "probe", KS_PRES_PROBE },
    { KS_PRESENCE, "subscribe", KS_PRES_SUBSCRIBE },
    { KS_PRESENCE, "subscribed", KS_PRES_SUBSCRIBED },
    { KS_PRESENCE, "unavailable", KS_PRES_UNAVAILABLE },
    { KS_PRESENCE, "unsubscribe", KS_PRES_UNSUBSCRIBE },
    { KS_PRESENCE, "unsubscribed", KS_PRES_UNSUBSCRIBED },
    { KS_IQ, "get", KS_IQ_GET },
    { KS_IQ, "set", KS_IQ_SET },
    { KS_IQ, "result", KS_IQ_RESULT },
    { KS_IQ, "error", KS_IQ_ERROR },
};

static bool read_kind(const struct ks_xml *xml, enum ks_stanza_kind *ret_kind)
{
    static const char *const names[] = { [KS_MESSAGE] = "message", [KS_PRESENCE] = "presence", [KS_IQ] = "iq" };

    if (ks_str_is(xml->ns, NS_CLIENT) || ks_str_is(xml->ns, NS_SERVER))
        for (enum ks_stanza_kind kind = 0; kind < KS_COUNT(names); kind++)
            if (ks_str_is(xml->name, names[kind])) {
                *ret_kind = kind;
                return true;
            }
    return false;
}

/* False if the kind has no such type. */
static bool read_type(enum ks_stanza_kind kind, const struct ks_xml *xml, enum ks_stanza_type *ret_type)
{
    struct ks_str name = ks_xml_attr(xml, "type");

    for (size_t i = 0; i < KS_COUNT(types); i++)
        if (types[i].kind == kind && ks_str_is(name, types[i].name)) {
            *ret_type = types[i].type;
            return true;
        }
    /* RFC 6121 §5.2.2: "If an application receives a message with no 'type' attribute or the application does not
     * understand the value of the 'type' attribute provided, it MUST consider the message to be of type "normal"". */
    *ret_type = kind == KS_MESSAGE ? KS_MSG_NORMAL : KS_TYPE_NONE;
    return kind == KS_MESSAGE || (kind == KS_PRESENCE && !name.ptr);
}

/* RFC 6120 §8.2.3: an iq has an id, and a request "MUST contain exactly one child element". */
static bool read_payload(struct ks_stanza *stanza)
{
    struct ks_xml *child = ks_xml_child(stanza->xml, NULL, NULL);

    if (stanza->kind != KS_IQ)
        return true;
    if (stanza->id.len == 0)
        return false;
    if (stanza->type != KS_IQ_GET && stanza->type != KS_IQ_SET)
        return true;
    stanza->payload = child && !ks_xml_next(child, NULL, NULL) ? child : NULL;
    return stanza->payload != NULL;
}

static bool attrs_fit(const struct ks_xml *xml)
{
    unsigned count = 0;

    for (const struct ks_xml_attr *attr = xml->attrs; attr; attr = attr->next)
        count += attr->ns.len || !(ks_str_is(attr->name, "from") || ks_str_is(attr->name, "to"));
    return count <= KS_STANZA_ATTRS_MAX;
}

static enum ks_err read_address(
    struct ks_arena *arena, const struct ks_xml *xml, const char *name, bool *ret_has, struct ks_jid *ret_jid)
{
    struct ks_str text = ks_xml_attr(xml, name);
    enum ks_err err = text.ptr ? ks_jid_parse(arena, text, ret_jid) : KS_OK;

    *ret_has = text.ptr && !err;
    return err;
}

enum ks_err ks_stanza_read(
    struct ks_arena *arena, struct ks_xml *xml, struct ks_stanza *ret_stanza, enum ks_cond *ret_cond)
{
    struct ks_stanza stanza = { .xml = xml, .id = ks_xml_attr(xml, "id") };
    enum ks_err err;

    if (!read_kind(xml, &stanza.kind))
        return KS_ESTATE;
    bool good = read_type(stanza.kind, xml, &stanza.type);
    good = read_payload(&stanza) && attrs_fit(xml) && good;
    *ret_cond = good ? KS_JID_MALFORMED : KS_BAD_REQUEST;
    err = read_address(arena, xml, "from", &stanza.has_from, &stanza.from);
    if (err == KS_OK || err == KS_ESYNTAX) {
        enum ks_err to_err = read_address(arena, xml, "to", &stanza.has_to, &stanza.to);
        err = to_err ? to_err : err;
    }
    if (!err && !good)
        err = KS_ESYNTAX;
    if (!err || err == KS_ESYNTAX)
        *ret_stanza = stanza;
    return err;
}

struct ks_xml *ks_stanza_new(
    struct ks_arena *arena, const char *name, const char *type, struct ks_str id, struct ks_str from, struct ks_str to)
{
    const struct {
        const char *name;
        struct ks_str value;
    } attrs[] = { { "type", ks_str_z(type) }, { "id", id }, { "from", from }, { "to", to } };
    struct ks_xml *node = ks_xml_new(arena, NS_CLIENT, name);

    for (size_t i = 0; i < KS_COUNT(attrs); i++)
        if (attrs[i].value.len)
            node = ks_xml_set(arena, node, attrs[i].name, attrs[i].value);
    return node;
}

static struct ks_xml *reply(struct ks_arena *arena, const struct ks_stanza *stanza, const char *name, const char *type)
{
    struct ks_xml *node =
        ks_stanza_new(arena, name, type, stanza->id, ks_xml_attr(stanza->xml, "to"), ks_xml_attr(stanza->xml, "from"));

    if (node)
        node->ns = stanza->xml->ns;
    return node;
}

struct ks_xml *ks_stanza_result(struct ks_arena *arena, const struct ks_stanza *iq)
{
    return reply(arena, iq, "iq", "result");
}

struct ks_xml *ks_stanza_error(
    struct ks_arena *arena, const struct ks_stanza *stanza, enum ks_cond cond, const char *text_z)
{
    static const char *const names[] = { [KS_MESSAGE] = "message", [KS_PRESENCE] = "presence", [KS_IQ] = "iq" };
    struct ks_xml *node = reply(arena, stanza, names[stanza->kind], "error");
    struct ks_xml *error = node ? ks_xml_new(arena, "", "error") : NULL;

    if (!error)
        return NULL;
    error->ns = node->ns;
    error = ks_xml_graft(node, ks_xml_set(arena, error, "type", ks_str_z(ks_cond_type(cond))));
    struct ks_xml *last = ks_xml_add(arena, error, NS_STANZAS, ks_cond_name(cond));
    if (text_z && last) {
        last = ks_xml_add_text(arena, error, NS_STANZAS, "text", ks_str_z(text_z));
        last = ks_xml_set_ns(arena, last, KS_NS_XML, "lang", KS_STR("en"));
    }
    return last ? node : NULL;
}
