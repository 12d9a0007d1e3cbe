/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* rfc6121_roster.c -- managing the roster (RFC 6121 §2), with versioning (§2.6). */
#include "roster.h"

#include "enc.h"
#include "feature_list.h"
#include "session.h"

#define RECORD_VERSION 1
#define NAME_MAX 1023
#define META_STORE "roster-version"
#define META_KEY KS_STR("ver")

enum { FLAG_TO = 1, FLAG_FROM = 2, FLAG_ASK = 4, FLAG_PENDING_IN = 8, FLAG_APPROVED = 16, FLAG_LISTED = 32 };

struct slot {
    bool interested; /* asked for the roster: gets pushes (§2.1.6) */
};

enum ks_err ks_roster_decode(struct ks_str record, struct ks_contact *ret_contact)
{
    struct ks_cursor at = ks_cursor(record);
    struct ks_contact contact = { 0 };
    uint8_t version, flags;
    enum ks_err err;

    if ((err = ks_cursor_u8(&at, &version)) != KS_OK)
        return err;
    if (version != RECORD_VERSION)
        return KS_EVERSION;
    if ((err = ks_cursor_u8(&at, &flags)) != KS_OK || (err = ks_cursor_field(&at, &contact.name)) != KS_OK)
        return err;
    while (!ks_cursor_done(&at)) {
        if (contact.group_count == KS_ROSTER_GROUPS_MAX)
            return KS_ESYNTAX;
        if ((err = ks_cursor_field(&at, &contact.groups[contact.group_count++])) != KS_OK)
            return err;
    }
    contact.to = flags & FLAG_TO;
    contact.from = flags & FLAG_FROM;
    contact.ask = flags & FLAG_ASK;
    contact.pending_in = flags & FLAG_PENDING_IN;
    contact.approved = flags & FLAG_APPROVED;
    contact.listed = flags & FLAG_LISTED;
    *ret_contact = contact;
    return KS_OK;
}

static void encode(struct ks_buf *buf, const struct ks_contact *contact)
{
    ks_buf_byte(buf, RECORD_VERSION);
    ks_buf_byte(buf,
        (uint8_t)((contact->to ? FLAG_TO : 0) | (contact->from ? FLAG_FROM : 0) | (contact->ask ? FLAG_ASK : 0)
            | (contact->pending_in ? FLAG_PENDING_IN : 0) | (contact->approved ? FLAG_APPROVED : 0)
            | (contact->listed ? FLAG_LISTED : 0)));
    ks_buf_field(buf, contact->name);
    for (size_t i = 0; i < contact->group_count; i++)
        ks_buf_field(buf, contact->groups[i]);
}

bool ks_roster_get(const struct ks_user *user, struct ks_str bare, struct ks_contact *ret_contact)
{
    struct ks_str record = ks_kv_get(user, KS_STORE_ROSTER, bare);

    if (record.ptr && ks_roster_decode(record, ret_contact) == KS_OK)
        return true;
    *ret_contact = (struct ks_contact) { 0 };
    return false;
}

bool ks_roster_from(const struct ks_user *user, struct ks_str bare)
{
    struct ks_contact contact;

    return ks_str_eq(ks_user_bare(user), bare) || (ks_roster_get(user, bare, &contact) && contact.from);
}

/* --- versions: a number that grows with each change --- */

static uint64_t version(const struct ks_user *user)
{
    uint64_t value = 0;

    return ks_str_u64(ks_kv_get(user, META_STORE, META_KEY), UINT64_MAX - 1, &value) == KS_OK ? value : 0;
}

static struct ks_str version_text(struct ks_ctx *ctx)
{
    struct ks_str text = KS_STR_EMPTY, copy = KS_STR_EMPTY;
    struct ks_buf buf;

    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, version(ctx->user));
    text = ks_buf_str(&buf);
    if (ks_arena_copy(ctx->arena, text, &copy) != KS_OK)
        copy = KS_STR_EMPTY;
    ks_buf_done(&buf);
    return copy;
}

static void next_version(struct ks_ctx *ctx)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, version(ctx->user) + 1);
    ks_kv_put(ctx, META_STORE, META_KEY, ks_buf_str(&buf));
    ks_buf_done(&buf);
}

/* --- items --- */

/* contact NULL: removed. Texts are copied, because a row may change before the stanza is written. */
static struct ks_xml *add_item(
    struct ks_arena *arena, struct ks_xml *query, struct ks_str bare, const struct ks_contact *contact)
{
    struct ks_xml *item = ks_xml_add(arena, query, NS_ROSTER, "item");
    struct ks_str text;

    if (ks_arena_copy(arena, bare, &text) != KS_OK)
        return NULL;
    ks_xml_set(arena, item, "jid", text);
    if (!contact)
        return ks_xml_set(arena, item, "subscription", KS_STR("remove"));
    ks_xml_set(arena, item, "subscription",
        contact->to && contact->from ? KS_STR("both")
            : contact->to            ? KS_STR("to")
            : contact->from          ? KS_STR("from")
                                     : KS_STR("none"));
    if (contact->ask)
        ks_xml_set(arena, item, "ask", KS_STR("subscribe"));
    if (contact->approved)
        ks_xml_set(arena, item, "approved", KS_STR("true"));
    if (contact->name.len && ks_arena_copy(arena, contact->name, &text) == KS_OK)
        ks_xml_set(arena, item, "name", text);
    for (size_t i = 0; i < contact->group_count; i++)
        if (ks_arena_copy(arena, contact->groups[i], &text) == KS_OK)
            ks_xml_add_text(arena, item, NS_ROSTER, "group", text);
    return item;
}

/* §2.1.6 */
static void push(struct ks_ctx *ctx, struct ks_str bare, const struct ks_contact *contact)
{
    struct ks_session *s = NULL;

    next_version(ctx);
    while ((s = ks_user_session(ctx->user, s))) {
        struct slot *slot = ks_session_slot(s, &ks_feature_roster);
        char *id = ks_arena_alloc(ctx->arena, 16);
        if (!slot->interested || !id)
            continue;
        for (size_t i = 0; i < 16; i++)
            id[i] = "abcdefghijklmnop"[ks_prng_below(&ctx->reactor->prng, 16)];
        struct ks_xml *iq =
            ks_stanza_new(ctx->arena, "iq", "set", ks_str(id, 16), ks_user_bare(ctx->user), ks_session_jid(s));
        struct ks_xml *query = ks_xml_add(ctx->arena, iq, NS_ROSTER, "query");
        ks_xml_set(ctx->arena, query, "ver", version_text(ctx));
        if (add_item(ctx->arena, query, bare, contact))
            ks_send_session(ctx, s, iq);
    }
}

static bool shows_the_same(const struct ks_contact *a, const struct ks_contact *b)
{
    bool same = a->to == b->to && a->from == b->from && a->ask == b->ask && a->approved == b->approved
        && a->listed == b->listed && ks_str_eq(a->name, b->name) && a->group_count == b->group_count;

    for (size_t i = 0; same && i < a->group_count; i++)
        same = ks_str_eq(a->groups[i], b->groups[i]);
    return same;
}

void ks_roster_set(struct ks_ctx *ctx, struct ks_str bare, const struct ks_contact *contact)
{
    struct ks_contact before;
    struct ks_buf buf;
    bool shown = ks_roster_get(ctx->user, bare, &before) && before.listed;
    bool changed = contact->listed ? !shown || !shows_the_same(&before, contact) : shown;

    /* The new row may have views into the old one: written before that goes. */
    ks_buf_init(&buf, 65536);
    encode(&buf, contact);
    if (ks_buf_err(&buf) == KS_OK) {
        if (contact->listed || contact->pending_in || contact->approved)
            ks_kv_put(ctx, KS_STORE_ROSTER, bare, ks_buf_str(&buf));
        else
            ks_kv_del(ctx, KS_STORE_ROSTER, bare);
        if (changed) {
            struct ks_contact now;
            if (contact->listed && ks_roster_decode(ks_buf_str(&buf), &now) == KS_OK)
                push(ctx, bare, &now);
            else
                push(ctx, bare, NULL);
        }
    }
    ks_buf_done(&buf);
}

void ks_roster_remove(struct ks_ctx *ctx, struct ks_str bare)
{
    struct ks_contact contact;
    bool listed = ks_roster_get(ctx->user, bare, &contact) && contact.listed;

    ks_kv_del(ctx, KS_STORE_ROSTER, bare);
    if (listed)
        push(ctx, bare, NULL);
}

/* --- requests --- */

/* §2.1.3, §2.2, §2.6.2: an empty result tells a client that it has the newest. */
static void on_get(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_kv *row = NULL;
    struct ks_str known = ks_xml_attr(iq->payload, "ver");
    struct ks_xml *query;

    if (ctx->session)
        ((struct slot *)ks_session_slot(ctx->session, &ks_feature_roster))->interested = true;
    if (known.ptr && ks_str_eq(known, version_text(ctx))) {
        ks_reply_result(ctx, NULL);
        return;
    }
    query = ks_xml_new(ctx->arena, NS_ROSTER, "query");
    ks_xml_set(ctx->arena, query, "ver", version_text(ctx));
    while ((row = ks_kv_next(ctx->user, KS_STORE_ROSTER, row))) {
        struct ks_contact contact;
        if (ks_roster_decode(row->value, &contact) == KS_OK && contact.listed
            && !add_item(ctx->arena, query, row->key, &contact)) {
            ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
            return;
        }
    }
    ks_reply_result(ctx, query);
}

bool ks_roster_full(const struct ks_ctx *ctx)
{
    const struct ks_kv *row = NULL;
    int64_t count = 0;

    while ((row = ks_kv_next(ctx->user, KS_STORE_ROSTER, row)))
        count++;
    return count >= ks_domain_number(ctx->domain, "roster.items_max");
}

/* §2.3.3: what is wrong with an item, or KS_COND_COUNT. */
static enum ks_cond read_item(struct ks_ctx *ctx, const struct ks_xml *item, struct ks_contact *contact)
{
    contact->name = ks_xml_attr(item, "name");
    contact->group_count = 0;
    if (contact->name.len > NAME_MAX)
        return KS_NOT_ACCEPTABLE;
    for (struct ks_xml *at = ks_xml_child(item, NS_ROSTER, "group"); at; at = ks_xml_next(at, NS_ROSTER, "group")) {
        struct ks_str group = ks_xml_text(ctx->arena, at);
        if (!group.len || group.len > NAME_MAX || contact->group_count == KS_ROSTER_GROUPS_MAX)
            return KS_NOT_ACCEPTABLE;
        for (size_t i = 0; i < contact->group_count; i++)
            if (ks_str_eq(contact->groups[i], group))
                return KS_BAD_REQUEST;
        contact->groups[contact->group_count++] = group;
    }
    return KS_COND_COUNT;
}

static void on_set(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *item = ks_xml_child(iq->payload, NS_ROSTER, "item");
    struct ks_contact contact;
    struct ks_jid jid;
    struct ks_str bare;
    enum ks_cond cond;

    /* §2.3.3: exactly one item. */
    if (!item || ks_xml_next(item, NULL, NULL) || !ks_xml_attr(item, "jid").len) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (ks_jid_parse(ctx->arena, ks_xml_attr(item, "jid"), &jid) != KS_OK) {
        ks_reply_error(ctx, KS_JID_MALFORMED, NULL);
        return;
    }
    if (ks_jid_text(ctx->arena, ks_jid_bare(jid), &bare) != KS_OK) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    if (ks_str_eq(bare, ks_user_bare(ctx->user))) {
        ks_reply_error(ctx, KS_NOT_ALLOWED, NULL); /* §2.3.3: "the user's own bare JID" may be refused */
        return;
    }
    bool there = ks_roster_get(ctx->user, bare, &contact) && contact.listed;
    if (ks_str_is(ks_xml_attr(item, "subscription"), "remove")) {
        if (!there) {
            ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL); /* §2.5.3 */
            return;
        }
        ks_presence_end_subscriptions(ctx, bare, &contact);
        ks_roster_remove(ctx, bare);
        ks_reply_result(ctx, NULL);
        return;
    }
    cond = read_item(ctx, item, &contact);
    if (cond != KS_COND_COUNT) {
        ks_reply_error(ctx, cond, NULL);
        return;
    }
    if (!there && ks_roster_full(ctx)) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    contact.listed = true;
    ks_roster_set(ctx, bare, &contact);
    ks_reply_result(ctx, NULL);
}

static void stream_features(
    struct ks_arena *arena, const struct ks_reactor *r, const struct ks_domain *domain, struct ks_xml *features)
{
    (void)r;
    (void)domain;
    ks_xml_add(arena, features, NS_ROSTERVER, "ver");
    ks_xml_add(arena, features, NS_PREAPPROVAL, "sub");
}

const struct ks_feature ks_feature_roster = {
    .name = "roster",
    .disco = (const char *const[]) { NS_ROSTER, NULL },
    .iq = { { KS_IQ_GET, NS_ROSTER, "query", KS_TO_SELF, on_get },
        { KS_IQ_SET, NS_ROSTER, "query", KS_TO_SELF, on_set } },
    .stores = { { KS_STORE_ROSTER, KS_DATA_CONTACTS, KS_KEEP_WITH_ACCOUNT, 0,
                    "Contacts that a person pinned, and who may see whose presence.", KS_READ_OWNER },
        { META_STORE, KS_DATA_SETTINGS, KS_KEEP_WITH_ACCOUNT, 0,
            "A number, so that an unchanged contact list is not sent again.", KS_READ_OWNER } },
    .options = { { "roster.items_max", KS_OPT_COUNT, .init = 2000, .min = 10, .max = 100000,
        .doc = "Contacts one account may pin." } },
    .stream_features = stream_features,
    .session_size = sizeof(struct slot),
};
