/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* envelope_write.c -- what an envelope says, as we write it (envelope.h). */
#include <stdio.h>

#include "enc.h"
#include "envelope.h"
#include "ns.h"

static struct ks_xml *set_hex(struct ks_arena *arena, struct ks_xml *node, const char *name, uint64_t value)
{
    char *text = ks_arena_alloc(arena, 17);

    if (!text)
        return NULL;
    snprintf(text, 17, "%016llx", (unsigned long long)value);
    return ks_xml_set(arena, node, name, ks_str(text, 16));
}

static struct ks_xml *set_bytes(struct ks_arena *arena, struct ks_xml *node, const char *name, struct ks_str bytes)
{
    struct ks_str text;

    return ks_base64(arena, bytes, &text) == KS_OK ? ks_xml_set(arena, node, name, text) : NULL;
}

static struct ks_xml *set_hash(
    struct ks_arena *arena, struct ks_xml *node, const char *name, const uint8_t hash[KS_SCE_HASH_LEN])
{
    return set_bytes(arena, node, name, ks_str(hash, KS_SCE_HASH_LEN));
}

static struct ks_xml *write_k(struct ks_arena *arena, struct ks_xml *content, const struct ks_k *k)
{
    struct ks_xml *node = ks_xml_add(arena, content, NS_KONSIL_MSG, "k");

    node = ks_xml_set(arena, node, "id", k->id);
    node = ks_xml_set_u64(arena, node, "dev", k->device);
    node = set_hex(arena, node, "ep", k->epoch);
    if (k->number > 0) {
        node = ks_xml_set_u64(arena, node, "n", k->number);
        node = set_hash(arena, node, "prev", k->prev);
    }
    if (k->epoch_before) {
        node = set_hex(arena, node, "pep", k->epoch_before);
        node = ks_xml_set_u64(arena, node, "pn", k->number_before);
    }
    if (k->urgency != KS_URGENCY_NORMAL)
        node = ks_xml_set(arena, node, "u", ks_str_z(ks_urgency_name(k->urgency)));
    if (k->has_state) {
        node = ks_xml_set_u64(arena, node, "ms", k->state_version);
        node = set_hash(arena, node, "mh", k->state_hash);
    }
    if (k->log_size) {
        node = ks_xml_set_u64(arena, node, "cp", k->log_size);
        node = set_bytes(arena, node, "cr", ks_str(k->log_root, sizeof k->log_root));
    }
    return node;
}

static struct ks_xml *write_ref(struct ks_arena *arena, struct ks_xml *content, const struct ks_content *says)
{
    struct ks_xml *node = ks_xml_add(arena, content, NS_KONSIL_MSG, "ref");

    node = ks_xml_set(arena, node, "id", says->target.len > 0 ? says->target : says->reply_to);
    return set_hash(arena, node, "h", says->ref_hash);
}

static struct ks_xml *write_reactions(struct ks_arena *arena, struct ks_xml *content, const struct ks_content *says)
{
    struct ks_xml *node = ks_xml_add(arena, content, NS_REACTIONS, "reactions");

    node = ks_xml_set(arena, node, "id", says->target);
    for (size_t i = 0; i < says->emoji_count && node; i++)
        if (!ks_xml_add_text(arena, node, NS_REACTIONS, "reaction", says->emoji[i]))
            return NULL;
    return node;
}

/* jid and conv, where the envelope does not say them. */
static struct ks_xml *set_names(
    struct ks_arena *arena, struct ks_xml *node, struct ks_str jid, struct ks_str conversation)
{
    if (jid.len > 0)
        node = ks_xml_set(arena, node, "jid", jid);
    return conversation.len > 0 ? ks_xml_set(arena, node, "conv", conversation) : node;
}

/* "3 8-9" */
static struct ks_xml *set_not(struct ks_arena *arena, struct ks_xml *node, const struct ks_ack_range *range)
{
    struct ks_buf text;
    struct ks_str copy;
    enum ks_err err;

    ks_buf_init(&text, KS_ACK_EXCEPT_MAX * 48);
    for (size_t i = 0; i < range->except_count; i++) {
        const struct ks_ack_except *except = &range->except[i];

        ks_buf_z(&text, i > 0 ? " " : "");
        ks_buf_u64_dec(&text, except->from);
        if (except->to > except->from) {
            ks_buf_byte(&text, '-');
            ks_buf_u64_dec(&text, except->to);
        }
    }
    if ((err = ks_buf_err(&text)) == KS_OK)
        err = ks_arena_copy(arena, ks_buf_str(&text), &copy);
    ks_buf_done(&text);
    return err == KS_OK ? ks_xml_set(arena, node, "not", copy) : NULL;
}

static struct ks_xml *write_range(struct ks_arena *arena, struct ks_xml *ack, const struct ks_ack_range *range)
{
    struct ks_xml *node = ks_xml_add(arena, ack, NS_KONSIL_ACK, "r");

    assert(range->except_count <= KS_ACK_EXCEPT_MAX);
    node = set_names(arena, node, range->jid, range->conversation);
    node = ks_xml_set_u64(arena, node, "dev", range->device);
    node = set_hex(arena, node, "ep", range->epoch);
    node = ks_xml_set_u64(arena, node, "from", range->from);
    node = ks_xml_set_u64(arena, node, "to", range->to);
    node = set_hash(arena, node, "h", range->hash);
    node = ks_xml_set(arena, node, "s", range->displayed ? KS_STR("displayed") : KS_STR("stored"));
    return range->except_count > 0 ? set_not(arena, node, range) : node;
}

static struct ks_xml *write_ack(struct ks_arena *arena, struct ks_xml *content, const struct ks_content *says)
{
    struct ks_xml *node = ks_xml_add(arena, content, NS_KONSIL_ACK, "ack");

    assert(says->range_count > 0 && says->range_count <= KS_ACK_RANGES_MAX);
    for (size_t i = 0; i < says->range_count; i++)
        if (!write_range(arena, node, &says->ranges[i]))
            return NULL;
    return node;
}

static struct ks_xml *write_item(struct ks_arena *arena, struct ks_xml *list, const struct ks_heal_item *item)
{
    struct ks_xml *node;

    if (item->id.len > 0) {
        node = ks_xml_set(arena, ks_xml_add(arena, list, NS_KONSIL_HEAL, "lost"), "id", item->id);
        return ks_xml_set_u64(arena, node, "sid", item->device);
    }
    node = set_names(arena, ks_xml_add(arena, list, NS_KONSIL_HEAL, "want"), item->jid, item->conversation);
    node = ks_xml_set_u64(arena, node, "dev", item->device);
    node = set_hex(arena, node, "ep", item->epoch);
    node = ks_xml_set_u64(arena, node, "from", item->from);
    return ks_xml_set_u64(arena, node, "to", item->to);
}

static struct ks_xml *write_items(
    struct ks_arena *arena, struct ks_xml *content, const struct ks_content *says, const char *name)
{
    struct ks_xml *node = ks_xml_add(arena, content, NS_KONSIL_HEAL, name);

    assert(says->item_count > 0 && says->item_count <= KS_HEAL_ITEMS_MAX);
    for (size_t i = 0; i < says->item_count; i++)
        if (!write_item(arena, node, &says->items[i]))
            return NULL;
    return node;
}

/* doc/PROTOCOL.md §6.5, §9.2. */
static struct ks_xml *write_heads(struct ks_arena *arena, struct ks_xml *parent, const struct ks_content *says)
{
    struct ks_xml *heads = ks_xml_add(arena, parent, NS_KONSIL_MSG, "heads");

    for (size_t i = 0; i < says->range_count && heads; i++) {
        const struct ks_ack_range *range = &says->ranges[i];
        struct ks_xml *head = ks_xml_add(arena, heads, NS_KONSIL_MSG, "head");

        head = set_names(arena, head, range->jid, range->conversation);
        head = ks_xml_set_u64(arena, head, "dev", range->device);
        if (range->from < range->to && says->says == KS_SAYS_HEADS)
            head = ks_xml_set_u64(arena, head, "from", range->from);
        head = ks_xml_set_u64(arena, set_hex(arena, head, "ep", range->epoch), "n", range->to);
        if (!set_hash(arena, head, "h", range->hash))
            return NULL;
    }
    return heads;
}

static struct ks_xml *write_room(struct ks_arena *arena, struct ks_xml *content, const struct ks_content *says)
{
    struct ks_xml *room = ks_xml_add(arena, content, NS_KONSIL_ROOM, says->room_leave ? "leave" : "room");
    struct ks_str look;

    room = ks_xml_set(arena, room, "jid", says->room);
    if (says->room_leave)
        return room;
    room = set_hash(arena, ks_xml_set_u64(arena, room, "v", says->room_v), "h", says->room_hash);
    if (!room || (says->room_statement && !ks_xml_graft(room, says->room_statement)))
        return NULL;
    if (says->room_look.len > 0
        && (ks_base64(arena, says->room_look, &look) != KS_OK
            || !ks_xml_add_text(arena, room, NS_KONSIL_ROOM, "look", look)))
        return NULL;
    return says->range_count > 0 && !write_heads(arena, room, says) ? NULL : room;
}

/* doc/PROTOCOL.md §5.8. The files, then which part of how many this is. */
static struct ks_xml *write_files(struct ks_arena *arena, struct ks_xml *content, const struct ks_files *files)
{
    struct ks_xml *node = content;

    assert(files->count <= KS_FILES_MAX);
    for (size_t i = 0; i < files->count && node; i++)
        node = ks_file_share_write(arena, content, &files->items[i]);
    if (!node || !files->of)
        return node;
    node = ks_xml_set(arena, ks_xml_add(arena, content, NS_KONSIL_MSG, "set"), "id", files->set);
    return ks_xml_set_u64(arena, ks_xml_set_u64(arena, node, "n", files->part), "of", files->of);
}

static struct ks_xml *write_text(struct ks_arena *arena, struct ks_xml *content, const struct ks_content *says)
{
    struct ks_xml *node = content;

    assert(says->body.len || says->files.count);
    if (says->body.len)
        node = ks_xml_add_text(arena, content, NS_CLIENT, "body", says->body);
    return node && says->files.count ? write_files(arena, content, &says->files) : node;
}

/* XEP-0425 names who took it out; here that is the envelope's author, and whose it was is said, since ids are not
 * unique among authors (doc/PROTOCOL.md §5.5). */
static struct ks_xml *write_retract(struct ks_arena *arena, struct ks_xml *content, const struct ks_content *says)
{
    struct ks_xml *node = ks_xml_set(arena, ks_xml_add(arena, content, NS_RETRACT, "retract"), "id", says->target);

    assert(says->body.len <= KS_REASON_MAX);
    if (says->target_author.len == 0)
        return node;
    if (node && says->body.len && !ks_xml_add_text(arena, node, NS_RETRACT, "reason", says->body))
        return NULL;
    return ks_xml_set(arena, ks_xml_add(arena, node, NS_KONSIL_ROOM, "moderated"), "author", says->target_author);
}

static struct ks_xml *write_says(struct ks_arena *arena, struct ks_xml *content, const struct ks_content *says)
{
    struct ks_xml *node;
    struct ks_str text;

    switch (says->says) {
    case KS_SAYS_TEXT:
        return write_text(arena, content, says);
    case KS_SAYS_EDIT:
        node = ks_xml_add_text(arena, content, NS_CLIENT, "body", says->body);
        return node ? ks_xml_set(arena, ks_xml_add(arena, content, NS_CORRECT, "replace"), "id", says->target) : NULL;
    case KS_SAYS_REACTIONS:
        return write_reactions(arena, content, says);
    case KS_SAYS_RETRACT:
        return write_retract(arena, content, says);
    case KS_SAYS_ACK:
        return write_ack(arena, content, says);
    case KS_SAYS_RECEIVED:
        return ks_xml_set(arena, ks_xml_add(arena, content, NS_RECEIPTS, "received"), "id", says->target);
    case KS_SAYS_HEAL:
        return write_items(arena, content, says, "heal");
    case KS_SAYS_GONE:
        return write_items(arena, content, says, "gone");
    case KS_SAYS_RESEND:
        if (ks_base64(arena, says->resent, &text) != KS_OK)
            return NULL;
        return ks_xml_add_text(arena, content, NS_KONSIL_HEAL, "resend", text);
    case KS_SAYS_ROOM:
        return write_room(arena, content, says);
    case KS_SAYS_HEADS:
        return write_heads(arena, content, says);
    case KS_SAYS_EVIDENCE:
        return ks_evidence_write(arena, content, &says->evidence);
    case KS_SAYS_NOTHING:
    case KS_SAYS_UNKNOWN:
        break;
    }
    assert(!"nothing to be written");
    return NULL;
}

struct ks_xml *ks_content_write(struct ks_arena *arena, const struct ks_content *says)
{
    struct ks_xml *content = ks_sce_content(arena), *node = write_says(arena, content, says);

    if (node && says->reply_to.len > 0) {
        node = ks_xml_set(arena, ks_xml_add(arena, content, NS_REPLY, "reply"), "to", says->target_author);
        node = ks_xml_set(arena, node, "id", says->reply_to);
    }
    if (node && says->has_ref)
        node = write_ref(arena, content, says);
    if (node && says->signed_one.data.len > 0)
        node = ks_signed_write(arena, content, &says->signed_one);
    if (node && says->receipt_wanted)
        node = ks_xml_add(arena, content, NS_RECEIPTS, "request");
    if (node && says->ours)
        node = write_k(arena, content, &says->k);
    return node ? content : NULL;
}
