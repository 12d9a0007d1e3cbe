/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* envelope.c -- what an envelope says, as it is read (envelope.h). */
#include "envelope.h"

#include "enc.h"
#include "ns.h"

#define NS_MARKERS "urn:xmpp:chat-markers:0"
#define NS_CHATSTATES "http://jabber.org/protocol/chatstates"

bool ks_says_numbered(enum ks_says says)
{
    return says == KS_SAYS_TEXT || says == KS_SAYS_EDIT || says == KS_SAYS_REACTIONS || says == KS_SAYS_RETRACT
        || says == KS_SAYS_ROOM;
}

static const char *const urgencies[] = {
    [KS_URGENCY_NORMAL] = "normal", [KS_URGENCY_NONE] = "none", [KS_URGENCY_HIGH] = "high"
};

const char *ks_urgency_name(enum ks_urgency urgency)
{
    return urgencies[urgency];
}

#define NUMBER_MAX 9007199254740991 /* doc/PROTOCOL.md §1.1 */
#define ID_LEN 32

/* Decimal without leading zeros. */
static bool read_decimal(struct ks_str text, uint64_t max, uint64_t *ret_value)
{
    return (text.len == 1 || (text.len > 1 && text.ptr[0] != '0')) && ks_str_u64(text, max, ret_value) == KS_OK;
}

static bool read_u64(const struct ks_xml *node, const char *name, uint64_t max, uint64_t *ret_value)
{
    return read_decimal(ks_xml_attr(node, name), max, ret_value);
}

static bool read_device(const struct ks_xml *node, const char *name, uint32_t *ret_device)
{
    uint64_t value;

    if (!read_u64(node, name, INT32_MAX, &value) || value == 0)
        return false;
    *ret_device = (uint32_t)value;
    return true;
}

static bool is_hex(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.ptr[i] >= '0' && text.ptr[i] <= '9') || (text.ptr[i] >= 'a' && text.ptr[i] <= 'f')))
            return false;
    return true;
}

static bool read_epoch(const struct ks_xml *node, const char *name, uint64_t *ret_epoch)
{
    struct ks_str text = ks_xml_attr(node, name);
    uint64_t value = 0;

    if (text.len != 16 || !is_hex(text))
        return false;
    for (size_t i = 0; i < text.len; i++)
        value = value << 4 | (uint64_t)(text.ptr[i] <= '9' ? text.ptr[i] - '0' : text.ptr[i] - 'a' + 10);
    *ret_epoch = value;
    return value != 0; /* 0 is "none" in our records; nobody draws it */
}

static enum ks_err read_bytes(
    struct ks_arena *arena, const struct ks_xml *node, const char *name, uint8_t *ret_bytes, size_t len)
{
    struct ks_str bytes;
    enum ks_err err = ks_base64_read(arena, ks_xml_attr(node, name), &bytes);

    if (err != KS_OK)
        return err;
    if (bytes.len != len)
        return KS_ESYNTAX;
    memcpy(ret_bytes, bytes.ptr, len);
    return KS_OK;
}

static enum ks_err read_hash(
    struct ks_arena *arena, const struct ks_xml *node, const char *name, uint8_t ret_hash[KS_SCE_HASH_LEN])
{
    return read_bytes(arena, node, name, ret_hash, KS_SCE_HASH_LEN);
}

static enum ks_urgency read_urgency(struct ks_str text)
{
    for (size_t i = 0; i < KS_COUNT(urgencies); i++)
        if (ks_str_is(text, urgencies[i]))
            return (enum ks_urgency)i;
    return KS_URGENCY_NORMAL;
}

static enum ks_err read_k(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    struct ks_k *k = &content->k;
    bool numbered = ks_xml_attr(node, "n").ptr || ks_xml_attr(node, "prev").ptr;
    enum ks_err err = KS_OK;

    content->rejected = true; /* until all of it was read */
    if (content->ours)
        return KS_OK;
    content->ours = true;
    k->id = ks_xml_attr(node, "id");
    if (k->id.len != ID_LEN || !is_hex(k->id) || !read_device(node, "dev", &k->device)
        || !read_epoch(node, "ep", &k->epoch))
        return KS_OK;
    if (numbered && (!read_u64(node, "n", NUMBER_MAX, &k->number) || k->number == 0))
        return KS_OK;
    if (numbered && (err = read_hash(arena, node, "prev", k->prev)) != KS_OK)
        return err == KS_ESYNTAX ? KS_OK : err;
    if (ks_xml_attr(node, "pep").ptr
        && (!read_epoch(node, "pep", &k->epoch_before) || !read_u64(node, "pn", NUMBER_MAX, &k->number_before)))
        return KS_OK;
    if (ks_xml_attr(node, "ms").ptr || ks_xml_attr(node, "mh").ptr) {
        if (!read_u64(node, "ms", NUMBER_MAX, &k->state_version))
            return KS_OK;
        if ((err = read_hash(arena, node, "mh", k->state_hash)) != KS_OK)
            return err == KS_ESYNTAX ? KS_OK : err;
        k->has_state = true;
    }
    if (ks_xml_attr(node, "cp").ptr || ks_xml_attr(node, "cr").ptr) {
        if (!read_u64(node, "cp", NUMBER_MAX, &k->log_size) || k->log_size == 0)
            return KS_OK;
        if ((err = read_bytes(arena, node, "cr", k->log_root, sizeof k->log_root)) != KS_OK)
            return err == KS_ESYNTAX ? KS_OK : err;
    }
    k->urgency = read_urgency(ks_xml_attr(node, "u"));
    content->rejected = false;
    return KS_OK;
}

static enum ks_err read_ref(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    enum ks_err err = read_hash(arena, node, "h", content->ref_hash);

    content->has_ref = err == KS_OK;
    return err;
}

static enum ks_err read_body(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    /* A second body is one in another language (RFC 6121 §5.2.3): the first is shown. */
    if (!content->body.ptr)
        content->body = ks_xml_text(arena, node);
    if (content->says == KS_SAYS_NOTHING)
        content->says = KS_SAYS_TEXT;
    return KS_OK;
}

static enum ks_err read_file(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    struct ks_files *files = &content->files;
    enum ks_err err;

    if (!files->items && !(files->items = ks_arena_zero(arena, KS_FILES_MAX * sizeof *files->items)))
        return KS_ENOMEM;
    if (files->count == KS_FILES_MAX)
        return KS_ESYNTAX;
    if ((err = ks_file_share_read(arena, node, &files->items[files->count])) != KS_OK)
        return err;
    files->count++;
    if (content->says == KS_SAYS_NOTHING)
        content->says = KS_SAYS_TEXT;
    return KS_OK;
}

static enum ks_err read_set(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    struct ks_str id = ks_xml_attr(node, "id");
    uint64_t part, of;

    (void)arena;
    if (!id.len || id.len > KS_FILE_SET_MAX || !read_u64(node, "of", KS_FILE_PARTS_MAX, &of)
        || !read_u64(node, "n", of, &part) || !part)
        return KS_ESYNTAX;
    content->files.set = id;
    content->files.part = (uint32_t)part;
    content->files.of = (uint32_t)of;
    return KS_OK;
}

/* XEP-0447 §4.1: the body may be there for programs that know no files. */
static enum ks_err read_fallback(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    const struct ks_xml *body = ks_xml_child(node, NS_FALLBACK, "body");

    (void)arena;
    content->fallback |= ks_str_is(ks_xml_attr(node, "for"), NS_SFS) && (!body || !ks_xml_attr(body, "start").ptr);
    return KS_OK;
}

static enum ks_err read_target(struct ks_content *content, const struct ks_xml *node, enum ks_says says)
{
    content->target = ks_xml_attr(node, "id");
    if (content->target.len == 0)
        return KS_ESYNTAX;
    content->says = says;
    return KS_OK;
}

static enum ks_err read_replace(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    (void)arena;
    return read_target(content, node, KS_SAYS_EDIT);
}

static enum ks_err read_retract(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    const struct ks_xml *moderated = ks_xml_child(node, NS_KONSIL_ROOM, "moderated");
    enum ks_err err = read_target(content, node, KS_SAYS_RETRACT);

    if (err != KS_OK || !moderated)
        return err;
    content->target_author = ks_xml_attr(moderated, "author");
    content->body = ks_xml_text(arena, ks_xml_child(node, NS_RETRACT, "reason"));
    return content->target_author.len > 0 && content->body.len <= KS_REASON_MAX ? KS_OK : KS_ESYNTAX;
}

static enum ks_err read_received(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    (void)arena;
    return content->says == KS_SAYS_NOTHING ? read_target(content, node, KS_SAYS_RECEIVED) : KS_OK;
}

static enum ks_err read_reactions(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    if (!(content->emoji = ks_arena_zero(arena, KS_EMOJI_READ_MAX * sizeof(*content->emoji))))
        return KS_ENOMEM;
    for (const struct ks_xml *c = ks_xml_child(node, NS_REACTIONS, "reaction");
         c && content->emoji_count < KS_EMOJI_READ_MAX; c = ks_xml_next(c, NS_REACTIONS, "reaction")) {
        struct ks_str emoji = ks_str_trim(ks_xml_text(arena, c));

        if (emoji.len > 0 && emoji.len <= 64)
            content->emoji[content->emoji_count++] = emoji;
    }
    return read_target(content, node, KS_SAYS_REACTIONS);
}

static enum ks_err read_reply(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    (void)arena;
    content->reply_to = ks_xml_attr(node, "id");
    content->target_author = ks_xml_attr(node, "to");
    return KS_OK;
}

static enum ks_err read_request(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    (void)arena;
    (void)node;
    content->receipt_wanted = true;
    return KS_OK;
}

static enum ks_err read_hint(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    (void)arena;
    (void)node;
    (void)content;
    return KS_OK;
}

static enum ks_err read_not(struct ks_arena *arena, struct ks_str text, struct ks_ack_range *range)
{
    struct ks_str piece;
    uint64_t before = 0;

    if (!text.ptr)
        return KS_OK;
    if (!(range->except = ks_arena_zero(arena, KS_ACK_EXCEPT_MAX * sizeof(*range->except))))
        return KS_ENOMEM;
    while (ks_str_cut(&text, ' ', &piece)) {
        struct ks_ack_except *except = &range->except[range->except_count];
        size_t dash = ks_str_find_byte(piece, '-');

        if (range->except_count == KS_ACK_EXCEPT_MAX
            || !read_decimal(ks_str_head(piece, dash), NUMBER_MAX, &except->from))
            return KS_ESYNTAX;
        except->to = except->from;
        if (dash < piece.len && !read_decimal(ks_str_from(piece, dash + 1), NUMBER_MAX, &except->to))
            return KS_ESYNTAX;
        if (except->from <= before || except->to < except->from || except->to >= range->to)
            return KS_ESYNTAX;
        before = except->to;
        range->except_count++;
    }
    return KS_OK;
}

static enum ks_err read_range(struct ks_arena *arena, const struct ks_xml *node, struct ks_ack_range *range)
{
    struct ks_str state = ks_xml_attr(node, "s");
    enum ks_err err;

    range->jid = ks_xml_attr(node, "jid");
    range->conversation = ks_xml_attr(node, "conv");
    if (!read_device(node, "dev", &range->device) || !read_epoch(node, "ep", &range->epoch)
        || !read_u64(node, "from", NUMBER_MAX, &range->from) || range->from == 0
        || !read_u64(node, "to", NUMBER_MAX, &range->to) || range->to < range->from)
        return KS_ESYNTAX;
    range->displayed = ks_str_is(state, "displayed");
    if ((err = read_not(arena, ks_xml_attr(node, "not"), range)) != KS_OK)
        return err;
    return read_hash(arena, node, "h", range->hash);
}

static size_t count_children(const struct ks_xml *node, const char *ns, const char *name)
{
    size_t count = 0;

    for (const struct ks_xml *c = ks_xml_child(node, ns, name); c; c = ks_xml_next(c, ns, name))
        count++;
    return count;
}

static enum ks_err read_ack(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    size_t count = count_children(node, NS_KONSIL_ACK, "r");
    enum ks_err err;

    if (count == 0 || count > KS_ACK_RANGES_MAX || content->ranges)
        return KS_ESYNTAX;
    if (!(content->ranges = ks_arena_zero(arena, count * sizeof(*content->ranges))))
        return KS_ENOMEM;
    for (const struct ks_xml *c = ks_xml_child(node, NS_KONSIL_ACK, "r"); c; c = ks_xml_next(c, NS_KONSIL_ACK, "r"))
        if ((err = read_range(arena, c, &content->ranges[content->range_count++])) != KS_OK)
            return err;
    content->says = KS_SAYS_ACK;
    return KS_OK;
}

static enum ks_err read_item(const struct ks_xml *node, struct ks_heal_item *item)
{
    if (ks_xml_is(node, NS_KONSIL_HEAL, "lost")) {
        item->id = ks_xml_attr(node, "id");
        return item->id.len > 0 && read_device(node, "sid", &item->device) ? KS_OK : KS_ESYNTAX;
    }
    item->jid = ks_xml_attr(node, "jid");
    item->conversation = ks_xml_attr(node, "conv");
    if (!ks_xml_is(node, NS_KONSIL_HEAL, "want") || !read_device(node, "dev", &item->device)
        || !read_epoch(node, "ep", &item->epoch) || !read_u64(node, "from", NUMBER_MAX, &item->from)
        || !read_u64(node, "to", NUMBER_MAX, &item->to) || item->from == 0 || item->from > item->to
        || item->to - item->from >= KS_WANT_MAX)
        return KS_ESYNTAX;
    return KS_OK;
}

static enum ks_err read_items(
    struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content, enum ks_says says)
{
    size_t count = count_children(node, NULL, NULL);
    enum ks_err err;

    if (count == 0 || count > KS_HEAL_ITEMS_MAX || content->items)
        return KS_ESYNTAX;
    if (!(content->items = ks_arena_zero(arena, count * sizeof(*content->items))))
        return KS_ENOMEM;
    for (const struct ks_xml *c = ks_xml_child(node, NULL, NULL); c; c = ks_xml_next(c, NULL, NULL))
        if ((err = read_item(c, &content->items[content->item_count++])) != KS_OK)
            return err;
    content->says = says;
    return KS_OK;
}

static enum ks_err read_heal(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    return read_items(arena, node, content, KS_SAYS_HEAL);
}

static enum ks_err read_gone(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    return read_items(arena, node, content, KS_SAYS_GONE);
}

static enum ks_err read_resend(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    enum ks_err err = ks_base64_read(arena, ks_str_trim(ks_xml_text(arena, node)), &content->resent);

    if (err == KS_OK && content->resent.len == 0)
        err = KS_ESYNTAX;
    if (err == KS_OK)
        content->says = KS_SAYS_RESEND;
    return err;
}

static enum ks_err read_head(struct ks_arena *arena, const struct ks_xml *node, struct ks_ack_range *head)
{
    head->jid = ks_xml_attr(node, "jid");
    head->conversation = ks_xml_attr(node, "conv");
    if (!read_device(node, "dev", &head->device) || !read_epoch(node, "ep", &head->epoch)
        || !read_u64(node, "n", NUMBER_MAX, &head->to) || head->to == 0)
        return KS_ESYNTAX;
    head->from = head->to;
    if (ks_xml_attr(node, "from").ptr && (!read_u64(node, "from", head->to, &head->from) || head->from == 0))
        return KS_ESYNTAX;
    return read_hash(arena, node, "h", head->hash);
}

static enum ks_err read_heads(struct ks_arena *arena, const struct ks_xml *heads, struct ks_content *content)
{
    size_t count = count_children(heads, NS_KONSIL_MSG, "head");
    enum ks_err err;

    if (count > KS_ACK_RANGES_MAX || content->ranges)
        return KS_ESYNTAX;
    if (!(content->ranges = ks_arena_zero(arena, (count + 1) * sizeof(*content->ranges))))
        return KS_ENOMEM;
    for (const struct ks_xml *c = ks_xml_child(heads, NS_KONSIL_MSG, "head"); c;
         c = ks_xml_next(c, NS_KONSIL_MSG, "head"))
        if ((err = read_head(arena, c, &content->ranges[content->range_count++])) != KS_OK)
            return err;
    return KS_OK;
}

static enum ks_err read_own_heads(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    enum ks_err err = read_heads(arena, node, content);

    if (err == KS_OK)
        content->says = KS_SAYS_HEADS;
    return err;
}

static enum ks_err read_room(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    const struct ks_xml *look = ks_xml_child(node, NS_KONSIL_ROOM, "look"),
                        *heads = ks_xml_child(node, NS_KONSIL_MSG, "heads");
    enum ks_err err;

    content->room = ks_xml_attr(node, "jid");
    if (content->room.len == 0 || !read_u64(node, "v", NUMBER_MAX, &content->room_v))
        return KS_ESYNTAX;
    if ((err = read_hash(arena, node, "h", content->room_hash)) != KS_OK
        || (look && (err = ks_base64_read(arena, ks_xml_text(arena, look), &content->room_look)) != KS_OK)
        || (heads && (err = read_heads(arena, heads, content)) != KS_OK))
        return err;
    for (size_t i = 0; i < content->range_count; i++)
        if (content->ranges[i].jid.len == 0)
            return KS_ESYNTAX; /* they are others' */
    content->room_statement = ks_xml_child(node, NS_KONSIL_ROOM, "statement");
    content->says = KS_SAYS_ROOM;
    return KS_OK;
}

static enum ks_err read_leave(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    (void)arena;
    content->room = ks_xml_attr(node, "jid");
    content->room_leave = true;
    content->says = KS_SAYS_ROOM;
    return content->room.len > 0 ? KS_OK : KS_ESYNTAX;
}

static enum ks_err read_evidence(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    enum ks_err err = ks_evidence_read(arena, node, &content->evidence);

    if (err == KS_OK)
        content->says = KS_SAYS_EVIDENCE;
    return err;
}

static enum ks_err read_signed(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    return content->signed_one.data.len > 0 ? KS_ESYNTAX : ks_signed_read(arena, node, &content->signed_one);
}

/* doc/PROTOCOL.md §4.6: these carry nothing that a person would miss. name NULL: all of the namespace. */
static const struct {
    const char *ns, *name;
    enum ks_err (*read)(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content);
} elements[] = {
    { NS_KONSIL_MSG, "k", read_k },
    { NS_KONSIL_MSG, "ref", read_ref },
    { NS_CLIENT, "body", read_body },
    { NS_SFS, "file-sharing", read_file },
    { NS_KONSIL_MSG, "set", read_set },
    { NS_CORRECT, "replace", read_replace },
    { NS_RETRACT, "retract", read_retract },
    { NS_REACTIONS, "reactions", read_reactions },
    { NS_REPLY, "reply", read_reply },
    { NS_RECEIPTS, "received", read_received },
    { NS_RECEIPTS, "request", read_request },
    { NS_KONSIL_ACK, "ack", read_ack },
    { NS_KONSIL_HEAL, "heal", read_heal },
    { NS_KONSIL_HEAL, "gone", read_gone },
    { NS_KONSIL_HEAL, "resend", read_resend },
    { NS_KONSIL_MSG, "heads", read_own_heads },
    { NS_KONSIL_LOG, "evidence", read_evidence },
    { NS_KONSIL_SIGNED, "signed", read_signed },
    { NS_KONSIL_ROOM, "room", read_room },
    { NS_KONSIL_ROOM, "leave", read_leave },
    { NS_FALLBACK, NULL, read_fallback },
    { NS_CHATSTATES, NULL, read_hint },
    { NS_MARKERS, NULL, read_hint },
    { NS_HINTS, NULL, read_hint },
    { NS_SID, "origin-id", read_hint },
    { NS_CLIENT, "thread", read_hint },
};

static enum ks_err read_element(struct ks_arena *arena, const struct ks_xml *node, struct ks_content *content)
{
    for (size_t i = 0; i < KS_COUNT(elements); i++)
        if (ks_str_is(node->ns, elements[i].ns) && (!elements[i].name || ks_str_is(node->name, elements[i].name)))
            return elements[i].read(arena, node, content);
    return KS_ESYNTAX;
}

/* "every element of namespaces urn:konsil:* in an envelope without n" */
static bool may_be_missed(const struct ks_xml *node, const struct ks_content *content)
{
    return content->k.number == 0 && ks_str_starts(node->ns, KS_STR("urn:konsil:"));
}

enum ks_err ks_content_read(struct ks_arena *arena, const struct ks_xml *xml, struct ks_content *ret_content)
{
    const struct ks_xml *k = ks_xml_child(xml, NS_KONSIL_MSG, "k");
    bool strange = false;
    enum ks_err err;

    *ret_content = (struct ks_content) { .says = KS_SAYS_NOTHING };
    /* First, since the number decides what may be passed over. */
    if (k && (err = read_k(arena, k, ret_content)) != KS_OK)
        return err;
    for (const struct ks_xml *c = ks_xml_child(xml, NULL, NULL); c; c = ks_xml_next(c, NULL, NULL)) {
        if (c == k)
            continue;
        err = read_element(arena, c, ret_content);
        if (err <= KS_FATAL || err == KS_ELIMIT)
            return err;
        strange = strange || (err != KS_OK && !may_be_missed(c, ret_content));
    }
    if (ret_content->fallback && ret_content->files.count)
        ret_content->body = KS_STR_EMPTY;
    /* An edit needs its text. */
    if (ret_content->says == KS_SAYS_EDIT && !ret_content->body.ptr)
        ret_content->says = KS_SAYS_UNKNOWN;
    if (strange && (ret_content->says == KS_SAYS_TEXT || ret_content->says == KS_SAYS_EDIT))
        ret_content->more = true;
    else if (strange || (ret_content->says == KS_SAYS_NOTHING && ret_content->k.number > 0))
        ret_content->says = KS_SAYS_UNKNOWN;
    return KS_OK;
}
