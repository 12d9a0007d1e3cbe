/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0352_csi.c -- XEP-0352 Client State Indication, version 1.0.0 (csi.h). The client's two words are in c2s.c.
 *
 * A radio that wakes for every contact's presence empties a battery by noon. While a client is inactive, what its
 * person need not see at once waits: presence, chat states, marks of having read, and items of nodes. Anything else is
 * written with what waits in front of it. Nobody else learns of it (§6). */
#include "csi.h"

#include <stdlib.h>

#include "feature_list.h"
#include "user.h"

#define HOLD_BYTES_MAX (256u << 10) /* of one session; a stanza that is longer does not wait */
#define KEY_MAX 8192                /* two addresses, a node, an item: more than that does not wait */

/* A stanza that waits. The key says what it is the last word of; without one nothing takes its place. */
struct waiting {
    struct ks_list link;
    struct ks_bytes *bytes;
    size_t key_len;
    char key[];
};

struct hold {
    struct ks_list list; /* oldest first */
    uint32_t count;
    size_t bytes;
};

struct slot {
    struct hold *hold; /* NULL: nothing waits */
};

static struct slot *slot(struct ks_session *s)
{
    return ks_session_slot(s, &ks_feature_csi);
}

/* --- what can wait --- */

/* What a client acts on and a person does not: of the list of devices it must not be ignorant, or what it says from a
 * notification goes to a device that was taken back. */
static bool is_urgent_node(struct ks_str node)
{
    return ks_str_is(node, NS_OMEMO_DEVICES) || ks_str_is(node, NS_AXOLOTL_DEVICES);
}

/* What may stand beside something that waits. */
static bool is_beside(const struct ks_xml *child)
{
    static const char *const spaces[] = { NS_HINTS, NS_SID, NS_DELAY };

    for (size_t i = 0; i < KS_COUNT(spaces); i++)
        if (ks_str_is(child->ns, spaces[i]))
            return true;
    return ks_xml_is(child, NS_CLIENT, "thread");
}

/* An event about one item is put out of date by the next about the same one; about all of a node, or several, by none.
 */
static bool event_waits(const struct ks_xml *event, struct ks_buf *key)
{
    const struct ks_xml *what = ks_xml_child(event, NULL, NULL), *item = ks_xml_child(what, NULL, NULL);
    struct ks_str node = ks_xml_attr(what, "node"), id = ks_xml_attr(item, "id");

    if (!what || is_urgent_node(node))
        return false;
    if (ks_xml_is(what, NS_PUBSUB_EVENT, "items") && id.ptr && !ks_xml_next(item, NULL, NULL)) {
        ks_buf_z(key, "item");
        ks_buf_field(key, node);
        ks_buf_field(key, id);
    }
    return true;
}

/* The message inside a copy for this device (XEP-0280), else the message itself. */
static const struct ks_xml *inner(const struct ks_xml *message)
{
    const struct ks_xml *carbon = ks_xml_child(message, NS_CARBONS, "received");

    if (!carbon)
        carbon = ks_xml_child(message, NS_CARBONS, "sent");
    return carbon ? ks_xml_child(ks_xml_child(carbon, NS_FORWARD, "forwarded"), NS_CLIENT, "message") : message;
}

/* The list is of what waits, so that what is new to us does not. */
static bool message_waits(const struct ks_xml *outer, struct ks_buf *key)
{
    const struct ks_xml *message = inner(outer), *event = NULL;
    bool states = false, marks = false;

    if (ks_str_is(ks_xml_attr(message, "type"), "error"))
        return false;
    for (const struct ks_xml *at = ks_xml_child(message, NULL, NULL); at; at = ks_xml_next(at, NULL, NULL)) {
        if (ks_str_is(at->ns, NS_CHAT_STATES))
            states = true;
        else if (ks_str_is(at->ns, NS_CHAT_MARKERS))
            marks = true;
        else if (ks_xml_is(at, NS_PUBSUB_EVENT, "event") && !event)
            event = at;
        else if (!is_beside(at))
            return false;
    }
    if (event)
        return !states && !marks && event_waits(event, key);
    if (states && !marks)
        ks_buf_z(key, "state");
    return states || marks;
}

/* RFC 6121 §4: who is there. Requests and their answers, and errors, are for a person. */
static bool presence_waits(const struct ks_xml *presence, struct ks_buf *key)
{
    struct ks_str type = ks_xml_attr(presence, "type");

    ks_buf_z(key, "presence");
    return !type.ptr || ks_str_is(type, "unavailable");
}

/* The key of what waits: its kind, then whose it is. Empty: nothing takes its place. */
static bool waits(const struct ks_xml *stanza, struct ks_buf *key)
{
    const struct ks_xml *of = stanza;

    if (ks_xml_is(stanza, NS_CLIENT, "presence")) {
        if (!presence_waits(stanza, key))
            return false;
    } else if (ks_xml_is(stanza, NS_CLIENT, "message")) {
        if (!message_waits(stanza, key))
            return false;
        of = inner(stanza);
    } else {
        return false;
    }
    if (key->len) {
        ks_buf_field(key, ks_xml_attr(of, "from"));
        if (of != stanza) /* a person's own devices write to many */
            ks_buf_field(key, ks_xml_attr(of, "to"));
    }
    return ks_buf_err(key) == KS_OK;
}

/* --- what waits --- */

static void drop(struct hold *hold, struct waiting *waiting)
{
    ks_list_leave(&waiting->link);
    hold->count--;
    hold->bytes -= waiting->bytes->len;
    ks_bytes_unref(waiting->bytes);
    free(waiting);
}

static void drop_same(struct hold *hold, struct ks_str key)
{
    for (KS_LIST_EACH_SAFE(&hold->list, at)) {
        struct waiting *waiting = KS_CONTAINER(at, struct waiting, link);
        if (key.len && ks_str_eq(ks_str(waiting->key, waiting->key_len), key))
            drop(hold, waiting);
    }
}

static struct hold *hold_of(struct ks_session *s)
{
    struct slot *own = slot(s);

    if (!own->hold && (own->hold = calloc(1, sizeof *own->hold)))
        ks_list_init(&own->hold->list);
    return own->hold;
}

static bool keep(struct ks_session *s, struct ks_str key, struct ks_bytes *bytes)
{
    const struct ks_domain *domain = ks_config_domain_at(s->user->reactor->config, s->user->domain);
    uint32_t max = (uint32_t)ks_domain_number(domain, "csi.hold_max");
    struct hold *hold = max ? hold_of(s) : NULL;
    struct waiting *waiting;

    if (!hold)
        return false;
    drop_same(hold, key); /* even if there is no room: it is out of date */
    if (hold->count >= max || hold->bytes + bytes->len > HOLD_BYTES_MAX
        || !(waiting = malloc(sizeof *waiting + key.len)))
        return false;
    waiting->bytes = ks_bytes_ref(bytes);
    waiting->key_len = key.len;
    if (key.len)
        memcpy(waiting->key, key.ptr, key.len);
    ks_list_init(&waiting->link);
    ks_list_append(&hold->list, &waiting->link);
    hold->count++;
    hold->bytes += bytes->len;
    return true;
}

bool ks_csi_hold(struct ks_session *s, const struct ks_xml *stanza, struct ks_bytes *bytes)
{
    struct ks_buf key;
    bool held;

    ks_buf_init(&key, KEY_MAX);
    held = waits(stanza, &key) && keep(s, ks_buf_str(&key), bytes);
    ks_buf_done(&key);
    return held;
}

void ks_csi_flush(struct ks_session *s)
{
    struct hold *hold = slot(s)->hold;

    if (!hold)
        return;
    slot(s)->hold = NULL; /* ks_session_write comes back here */
    while (!ks_list_empty(&hold->list)) {
        struct waiting *waiting = KS_CONTAINER(hold->list.next, struct waiting, link);
        ks_session_write(s, waiting->bytes, 0);
        drop(hold, waiting);
    }
    free(hold);
}

void ks_csi_set(struct ks_session *s, bool inactive)
{
    if (!inactive)
        ks_csi_flush(s);
    s->inactive = inactive;
}

static void slot_done(void *memory)
{
    struct hold *hold = ((struct slot *)memory)->hold;

    while (hold && !ks_list_empty(&hold->list))
        drop(hold, KS_CONTAINER(hold->list.next, struct waiting, link));
    free(hold);
}

static void stream_features(
    struct ks_arena *arena, const struct ks_reactor *r, const struct ks_domain *domain, struct ks_xml *features)
{
    (void)r;
    (void)domain;
    ks_xml_add(arena, features, NS_CSI, "csi"); /* §4.1 */
}

/* XEP-0386 §3.2: "the session must begin in that state". */
static void on_bind(struct ks_ctx *ctx, struct ks_session *session, const struct ks_xml *state)
{
    (void)ctx;
    ks_csi_set(session, ks_str_is(state->name, "inactive"));
}

const struct ks_feature ks_feature_csi = {
    .name = "csi",
    .options = { { "csi.hold_max", KS_OPT_COUNT, .init = 200, .min = 0, .max = 10000,
        .doc = "Stanzas that wait while a client says that nobody looks at it (XEP-0352); with 0 none do." } },
    .binds = (const struct ks_feature_bind[]) { { NS_CSI, "active", on_bind }, { NS_CSI, "inactive", on_bind }, { 0 } },
    .stream_features = stream_features,
    .slot_done = slot_done,
    .session_size = sizeof(struct slot),
};
