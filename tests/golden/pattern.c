/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pattern.h"

#include <stdlib.h>

#include "enc.h"
#include "ns.h"
#include "xml_writer.h"

static const struct {
    const char *name, *ns;
} namespaces[] = {
    { "axolotl", NS_AXOLOTL },
    { "bind", NS_BIND },
    { "bind2", NS_BIND2 },
    { "blocking", NS_BLOCKING },
    { "blocking-errors", NS_BLOCKING_ERRORS },
    { "caps", NS_CAPS },
    { "carbons", NS_CARBONS },
    { "chat-markers", NS_CHAT_MARKERS },
    { "chatstates", NS_CHAT_STATES },
    { "client", NS_CLIENT },
    { "csi", NS_CSI },
    { "data", NS_DATA },
    { "delay", NS_DELAY },
    { "directory", NS_KONSIL_DIRECTORY },
    { "disco-info", NS_DISCO_INFO },
    { "disco-items", NS_DISCO_ITEMS },
    { "eme", NS_EME },
    { "extdisco", NS_EXTDISCO },
    { "upload", NS_UPLOAD },
    { "fast", NS_FAST },
    { "forward", NS_FORWARD },
    { "hints", NS_HINTS },
    { "jingle-message", NS_JINGLE_MESSAGE },
    { "limits", NS_STREAM_LIMITS },
    { "mam", NS_MAM },
    { "mds", NS_MDS },
    { "muc-request", NS_MUC_REQUEST },
    { "roominfo", NS_MUC_ROOMINFO },
    { "hats", NS_HATS },
    { "moderate", NS_MODERATE },
    { "register", NS_REGISTER },
    { "conference", NS_CONFERENCE },
    { "occupant-id", NS_OCCUPANT_ID },
    { "roomconfig", NS_MUC_ROOMCONFIG },
    { "muc-owner", NS_MUC_OWNER },
    { "muc-admin", NS_MUC_ADMIN },
    { "muc-user", NS_MUC_USER },
    { "muc", NS_MUC },
    { "omemo", NS_OMEMO },
    { "ping", NS_PING },
    { "publish-options", NS_PUBLISH_OPTIONS },
    { "pubsub", NS_PUBSUB },
    { "pubsub-errors", NS_PUBSUB_ERRORS },
    { "pubsub-event", NS_PUBSUB_EVENT },
    { "pubsub-owner", NS_PUBSUB_OWNER },
    { "push-notifications", NS_PUSH },
    { "receipts", NS_RECEIPTS },
    { "roster", NS_ROSTER },
    { "rsm", NS_RSM },
    { "sasl", NS_SASL },
    { "sasl2", NS_SASL2 },
    { "session", NS_SESSION },
    { "sid", NS_SID },
    { "sm", NS_SM },
    { "stanza-errors", NS_STANZAS },
    { "stream-errors", NS_STREAMS },
    { "streams", NS_STREAM },
    { "time", NS_TIME },
    { "tls", NS_TLS },
    { "version", NS_VERSION },
    { "wake", NS_KONSIL_WAKE },
    { "webpush", NS_KONSIL_WEBPUSH },
};

void captures_done(struct captures *captures)
{
    for (size_t i = 0; i < captures->count; i++) {
        free(captures->all[i].name);
        free(captures->all[i].value);
    }
    free(captures->all);
    *captures = (struct captures) { 0 };
}

static const struct capture *find(const struct captures *captures, struct ks_str name)
{
    for (size_t i = 0; i < captures->count; i++)
        if (ks_str_is(name, captures->all[i].name))
            return &captures->all[i];
    return NULL;
}

static void remember(struct captures *captures, struct ks_str name, struct ks_str value)
{
    if (captures->count == captures->cap) {
        captures->cap = captures->cap ? 2 * captures->cap : 8;
        captures->all = realloc(captures->all, captures->cap * sizeof *captures->all);
    }
    captures->all[captures->count++] = (struct capture) { ks_str_dup(name), ks_str_dup(value), value.len };
}

void captures_set(struct captures *captures, struct ks_str name, struct ks_str value)
{
    for (size_t i = 0; i < captures->count; i++)
        if (ks_str_is(name, captures->all[i].name)) {
            free(captures->all[i].value);
            captures->all[i].value = ks_str_dup(value);
            captures->all[i].len = value.len;
            return;
        }
    remember(captures, name, value);
}

/* On a way that did not lead to a match. */
static void forget(struct captures *captures, size_t count)
{
    while (captures->count > count) {
        struct capture *last = &captures->all[--captures->count];
        free(last->name);
        free(last->value);
    }
}

/* text begins with '{': the inside of that placeholder, up to its own '}'. */
static bool placeholder(struct ks_str text, struct ks_str *ret_inside)
{
    size_t depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        depth += text.ptr[i] == '{';
        if (text.ptr[i] == '}' && --depth == 0) {
            *ret_inside = ks_str(text.ptr + 1, i - 1);
            return true;
        }
    }
    return false;
}

/* "{repeat 3 x}": the word, and what follows the blank. */
static struct ks_str word(struct ks_str *inside)
{
    struct ks_str first = ks_str_head(*inside, ks_str_find_byte(*inside, ' '));

    *inside = ks_str_from(*inside, first.len + 1);
    return first;
}

static bool fill_one(
    const struct captures *captures, struct ks_str inside, bool sent, struct ks_buf *out, struct ks_str *ret_what)
{
    struct ks_str rest = inside, name = word(&rest), number, byte;
    const struct capture *capture;
    uint64_t times;

    *ret_what = name;
    if (ks_str_is(name, "repeat")) {
        number = word(&rest);
        if (ks_str_u64(number, 10000000, &times) != KS_OK)
            return false;
        struct ks_buf once;
        ks_buf_init(&once, SIZE_MAX);
        bool good = pattern_fill(captures, rest, sent, &once, ret_what);
        for (uint64_t i = 0; good && i < times; i++)
            ks_buf_add(out, ks_buf_str(&once));
        ks_buf_done(&once);
        return good;
    }
    for (size_t i = 0; i < KS_COUNT(namespaces); i++)
        if (ks_str_is(name, namespaces[i].name)) {
            ks_buf_z(out, namespaces[i].ns);
            return true;
        }
    if (!sent) {
        ks_buf_byte(out, '{');
        ks_buf_add(out, inside);
        ks_buf_byte(out, '}');
        return true;
    }
    if (ks_str_is(name, "base64")) {
        struct ks_buf plain;
        ks_buf_init(&plain, SIZE_MAX);
        bool good = pattern_fill(captures, rest, sent, &plain, ret_what);
        ks_base64_add(out, ks_buf_str(&plain));
        ks_buf_done(&plain);
        return good;
    }
    if (ks_str_is(name, "bytes")) {
        while (ks_str_cut(&rest, ' ', &byte)) {
            char hex[3] = { byte.ptr[0], byte.len > 1 ? byte.ptr[1] : 0, 0 };
            ks_buf_byte(out, (uint8_t)strtoul(hex, NULL, 16));
        }
        return true;
    }
    capture = find(captures, name);
    if (capture)
        ks_xml_escape(out, ks_str(capture->value, capture->len));
    return capture != NULL;
}

bool pattern_fill(
    const struct captures *captures, struct ks_str text, bool sent, struct ks_buf *out, struct ks_str *ret_what)
{
    while (text.len) {
        struct ks_str plain = ks_str_head(text, ks_str_find_byte(text, '{')), inside;
        ks_buf_add(out, plain);
        text = ks_str_from(text, plain.len);
        if (!text.len)
            break;
        if (!placeholder(text, &inside)) {
            *ret_what = text;
            return false;
        }
        if (!fill_one(captures, inside, sent, out, ret_what))
            return false;
        text = ks_str_from(text, inside.len + 2);
    }
    return true;
}

/* --- matching --- */

static bool matches_base64(struct captures *captures, struct ks_str pattern, struct ks_str got)
{
    struct ks_arena arena;
    struct ks_str plain;
    bool same;

    ks_arena_init(&arena, got.len + 64);
    same = ks_base64_read(&arena, got, &plain) == KS_OK && pattern_matches_text(captures, pattern, plain);
    ks_arena_done(&arena);
    return same;
}

bool pattern_matches_text(struct captures *captures, struct ks_str pattern, struct ks_str got)
{
    struct ks_str plain = ks_str_head(pattern, ks_str_find_byte(pattern, '{')), inside, name;
    const struct capture *capture;
    size_t before = captures->count;

    if (!ks_str_starts(got, plain))
        return false;
    got = ks_str_from(got, plain.len);
    pattern = ks_str_from(pattern, plain.len);
    if (!pattern.len)
        return got.len == 0;
    if (!placeholder(pattern, &inside))
        return false;
    pattern = ks_str_from(pattern, inside.len + 2);
    name = ks_str_head(inside, ks_str_find_byte(inside, ' '));
    if (ks_str_is(name, "base64"))
        return pattern.len == 0 && matches_base64(captures, ks_str_from(inside, name.len + 1), got);
    capture = find(captures, inside);
    if (capture)
        return ks_str_starts(got, ks_str(capture->value, capture->len))
            && pattern_matches_text(captures, pattern, ks_str_from(got, capture->len));
    for (size_t len = 0; len <= got.len; len++) { /* the shortest that fits */
        if (!ks_str_is(inside, "any"))
            remember(captures, inside, ks_str_head(got, len));
        if (pattern_matches_text(captures, pattern, ks_str_from(got, len)))
            return true;
        forget(captures, before);
    }
    return false;
}

static bool is_blank(const struct ks_xml *node)
{
    return ks_xml_is_text(node) && ks_str_trim(node->text).len == 0;
}

static bool is_any(const struct ks_xml *node)
{
    return ks_xml_is_text(node) && ks_str_is(ks_str_trim(node->text), "{any}");
}

static bool has_elements(const struct ks_xml *node)
{
    for (const struct ks_xml *child = node; child; child = child->next)
        if (!ks_xml_is_text(child))
            return true;
    return false;
}

static bool matches_element(
    struct captures *captures, const struct ks_xml *pattern, const struct ks_xml *got, bool top);

/* Lists of siblings from here on. blanks: white space between elements stands for nothing. */
static bool matches_children(
    struct captures *captures, const struct ks_xml *pattern, const struct ks_xml *got, bool blanks)
{
    size_t before = captures->count;

    while (pattern && blanks && is_blank(pattern))
        pattern = pattern->next;
    while (got && blanks && is_blank(got))
        got = got->next;
    if (!pattern)
        return !got;
    if (is_any(pattern)) {
        for (;; got = got->next) {
            if (matches_children(captures, pattern->next, got, blanks))
                return true;
            forget(captures, before);
            if (!got)
                return false;
        }
    }
    if (ks_xml_is_text(pattern) && !got)
        return pattern_matches_text(captures, pattern->text, KS_STR_EMPTY)
            && matches_children(captures, pattern->next, NULL, blanks);
    if (!got || ks_xml_is_text(pattern) != ks_xml_is_text(got))
        return false;
    return (ks_xml_is_text(pattern) ? pattern_matches_text(captures, pattern->text, got->text)
                                    : matches_element(captures, pattern, got, false))
        && matches_children(captures, pattern->next, got->next, blanks);
}

static const struct ks_xml_attr *attr_of(const struct ks_xml *node, const struct ks_xml_attr *like)
{
    for (const struct ks_xml_attr *attr = node->attrs; attr; attr = attr->next)
        if (ks_str_eq(attr->ns, like->ns) && ks_str_eq(attr->name, like->name))
            return attr;
    return NULL;
}

static bool may_be_left_out(const struct ks_xml_attr *attr)
{
    return ks_str_is(attr->ns, KS_NS_XML) || ks_str_is(attr->name, "to") || ks_str_is(attr->name, "from")
        || ks_str_is(attr->name, "id");
}

static bool matches_attrs(struct captures *captures, const struct ks_xml *pattern, const struct ks_xml *got, bool top)
{
    for (const struct ks_xml_attr *want = pattern->attrs; want; want = want->next) {
        const struct ks_xml_attr *have = attr_of(got, want);
        if (ks_str_is(want->value, "{none}") ? have != NULL
                                             : !have || !pattern_matches_text(captures, want->value, have->value))
            return false;
    }
    for (const struct ks_xml_attr *have = got->attrs; have; have = have->next)
        if (!attr_of(pattern, have) && !(top && may_be_left_out(have)))
            return false;
    return true;
}

static bool matches_element(struct captures *captures, const struct ks_xml *pattern, const struct ks_xml *got, bool top)
{
    return ks_str_eq(pattern->ns, got->ns) && ks_str_eq(pattern->name, got->name)
        && matches_attrs(captures, pattern, got, top)
        && matches_children(
            captures, pattern->child, got->child, has_elements(pattern->child) || has_elements(got->child));
}

bool pattern_matches(struct captures *captures, const struct ks_xml *pattern, const struct ks_xml *got)
{
    size_t before = captures->count;

    if (matches_element(captures, pattern, got, true))
        return true;
    forget(captures, before);
    return false;
}
