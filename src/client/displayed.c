/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "displayed.h"

#include "engine.h"
#include "history.h"
#include "inbox.h"
#include "pep_client.h"

#define KEY_BYTES_MAX 8192
#define VERSION 1

/* How far the node is, as far as we know. */
struct mark {
    int64_t order;         /* of the message it names; 0: of none that is here */
    struct ks_str waiting; /* the archive's id of a message that is not here yet */
};

/* --- records --- */

static void mark_key(struct ks_buf *key, struct ks_str conversation)
{
    ks_buf_init(key, KEY_BYTES_MAX);
    ks_buf_z(key, "displayed ");
    ks_buf_add(key, conversation);
}

static enum ks_err mark_get(struct konsil *k, struct ks_str conversation, struct mark *ret_mark)
{
    struct ks_str record;
    struct ks_cursor at;
    struct ks_buf key;
    uint64_t order;
    uint8_t version;
    enum ks_err err;

    *ret_mark = (struct mark) { 0 };
    mark_key(&key, conversation);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = ks_store_get(k, KS_T_META, ks_buf_str(&key), &record);
    ks_buf_done(&key);
    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    at = ks_cursor(record);
    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_u64(&at, &order) != KS_OK || ks_cursor_field(&at, &ret_mark->waiting) != KS_OK)
        return KS_ESTORE;
    ret_mark->order = (int64_t)order;
    return KS_OK;
}

static enum ks_err mark_put(struct konsil *k, struct ks_str conversation, const struct mark *mark)
{
    struct ks_buf key, record;
    enum ks_err err;

    mark_key(&key, conversation);
    ks_buf_init(&record, KEY_BYTES_MAX);
    ks_buf_byte(&record, VERSION);
    ks_buf_u64(&record, (uint64_t)mark->order);
    ks_buf_field(&record, mark->waiting);
    if ((err = ks_buf_err(&key)) == KS_OK && (err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_META, ks_buf_str(&key), ks_buf_str(&record));
    ks_buf_done(&record);
    ks_buf_done(&key);
    return err;
}

/* --- archive ids and orders --- */

static void id_key(struct ks_buf *key, struct ks_str conversation, struct ks_str archive_id)
{
    ks_buf_init(key, KEY_BYTES_MAX);
    ks_buf_byte(key, 'a');
    ks_buf_add(key, conversation);
    ks_buf_byte(key, 0);
    ks_buf_add(key, archive_id);
}

static void order_key(struct ks_buf *key, struct ks_str conversation, int64_t order)
{
    ks_buf_init(key, KEY_BYTES_MAX);
    ks_buf_byte(key, 's');
    ks_buf_add(key, conversation);
    ks_buf_byte(key, 0);
    ks_buf_u64(key, (uint64_t)order);
}

/* KS_ENOTFOUND */
static enum ks_err order_of(struct konsil *k, struct ks_str conversation, struct ks_str archive_id, int64_t *ret_order)
{
    struct ks_str value;
    struct ks_cursor at;
    struct ks_buf key;
    uint64_t order;
    enum ks_err err;

    id_key(&key, conversation, archive_id);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = ks_store_get(k, KS_T_MESSAGE_ID, ks_buf_str(&key), &value);
    ks_buf_done(&key);
    if (err != KS_OK)
        return err;
    at = ks_cursor(value);
    if (ks_cursor_u64(&at, &order) != KS_OK)
        return KS_ESTORE;
    *ret_order = (int64_t)order;
    return KS_OK;
}

enum ks_err ks_displayed_archive_id(struct konsil *k, struct ks_str conversation, int64_t order, struct ks_str *ret_id)
{
    struct ks_buf key;
    enum ks_err err;

    order_key(&key, conversation, order);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = ks_store_get(k, KS_T_MESSAGE_ID, ks_buf_str(&key), ret_id);
    ks_buf_done(&key);
    return err;
}

struct newest {
    struct konsil *k;
    int64_t order;
    struct ks_str archive_id;
    enum ks_err err;
};

static bool take_newest(void *user, struct ks_str key, struct ks_str value)
{
    struct newest *newest = user;
    struct ks_cursor at = ks_cursor(ks_str_from(key, key.len - 8));
    uint64_t order = 0;

    if ((newest->err = ks_cursor_u64(&at, &order)) == KS_OK)
        newest->err = ks_arena_copy(&newest->k->arena, value, &newest->archive_id);
    newest->order = (int64_t)order;
    return false;
}

/* The newest message up to an order that has an archive id; order 0: none. */
static enum ks_err newest_upto(struct konsil *k, struct ks_str conversation, int64_t order, struct newest *ret_newest)
{
    struct ks_buf key;
    enum ks_err err;

    *ret_newest = (struct newest) { .k = k };
    order_key(&key, conversation, order + 1); /* a scan ends before it */
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->scan(k->store, KS_T_MESSAGE_ID, ks_str_head(ks_buf_str(&key), key.len - 8),
            ks_buf_str(&key), true, take_newest, ret_newest);
    ks_buf_done(&key);
    return err == KS_OK ? ret_newest->err : err;
}

/* --- ours, to the node --- */

static enum ks_err publish(struct konsil *k, struct ks_str conversation);

static enum ks_err on_published(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct mark mark;
    enum ks_err err;

    if (!ks_iq_ok(answer))
        return KS_OK; /* the next session tries again */
    if ((err = mark_get(k, iq->text, &mark)) != KS_OK)
        return err;
    if ((int64_t)iq->number > mark.order) {
        mark.order = (int64_t)iq->number;
        if ((err = mark_put(k, iq->text, &mark)) != KS_OK)
            return err;
    }
    return publish(k, iq->text); /* more may have been read meanwhile */
}

static bool is_flying(const struct konsil *k, struct ks_str conversation)
{
    for (KS_LIST_EACH(&k->iqs.open, at)) {
        const struct ks_iq *iq = KS_CONTAINER(at, struct ks_iq, link);

        if (iq->done == on_published && ks_str_eq(iq->text, conversation))
            return true;
    }
    return false;
}

/* Puts the mark of a conversation where it has been read to, if the node is not there yet. */
static enum ks_err publish(struct konsil *k, struct ks_str conversation)
{
    struct ks_conversation known;
    struct ks_xml *displayed, *id;
    struct newest newest;
    struct mark mark;
    enum ks_err err;

    if (!ks_online(k) || !k->displayed.known || !ks_catchup_done(k) || is_flying(k, conversation))
        return KS_OK;
    if ((err = ks_conversation_get(k, conversation, &known)) != KS_OK
        || (err = mark_get(k, conversation, &mark)) != KS_OK
        || (err = newest_upto(k, conversation, known.read_order, &newest)) != KS_OK)
        return err;
    if (newest.order <= mark.order)
        return KS_OK;
    displayed = ks_xml_new(&k->arena, NS_MDS, "displayed");
    id = ks_xml_set(&k->arena, ks_xml_add(&k->arena, displayed, NS_SID, "stanza-id"), "by", ks_own(k));
    if (!ks_xml_set(&k->arena, id, "id", newest.archive_id))
        return KS_ENOMEM;
    err = ks_pep_publish_own(k, NS_MDS, conversation, displayed, on_published, conversation, (uint64_t)newest.order);
    return err == KS_EAGAIN ? KS_OK : err;
}

enum ks_err ks_displayed_caught_up(struct konsil *k)
{
    struct ks_conversation *conversations;
    size_t count;
    enum ks_err err;

    if (!k->displayed.known || !ks_catchup_done(k))
        return KS_OK;
    err = ks_conversation_all(k, &conversations, &count);
    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = publish(k, conversations[i].with);
    return err;
}

enum ks_err ks_displayed_read(struct konsil *k, struct ks_str conversation)
{
    return publish(k, conversation);
}

/* --- the node's, to us --- */

static enum ks_err take_order(struct konsil *k, struct ks_str conversation, struct mark *mark, int64_t order)
{
    enum ks_err err;

    mark->waiting = KS_STR_EMPTY;
    if (order > mark->order)
        mark->order = order;
    if ((err = mark_put(k, conversation, mark)) != KS_OK)
        return err;
    return ks_conversation_read(k, conversation, order); /* which never goes back */
}

static enum ks_err take_mark(struct konsil *k, struct ks_str conversation, struct ks_str archive_id)
{
    struct mark mark;
    int64_t order;
    enum ks_err err = mark_get(k, conversation, &mark);

    if (err != KS_OK)
        return err;
    err = order_of(k, conversation, archive_id, &order);
    if (err == KS_OK)
        return take_order(k, conversation, &mark, order);
    if (err != KS_ENOTFOUND)
        return err;
    mark.waiting = archive_id;
    return mark_put(k, conversation, &mark);
}

static enum ks_err take_item(struct konsil *k, const struct ks_xml *item)
{
    const struct ks_xml *id = ks_xml_child(ks_xml_child(item, NS_MDS, "displayed"), NS_SID, "stanza-id");
    struct ks_str archive_id = ks_xml_attr(id, "id"), conversation;
    struct ks_jid jid;
    enum ks_err err = ks_jid_parse(&k->arena, ks_xml_attr(item, "id"), &jid);

    /* XEP-0490 §4.2: in conversations of two it is the id that our own server gave. */
    if (err == KS_ENOMEM)
        return err;
    if (err != KS_OK || archive_id.len == 0 || archive_id.len > KS_ID_MAX
        || !ks_str_eq(ks_xml_attr(id, "by"), ks_own(k)))
        return KS_OK;
    if ((err = ks_jid_text(&k->arena, ks_jid_bare(jid), &conversation)) != KS_OK)
        return err;
    return take_mark(k, conversation, archive_id);
}

static enum ks_err take_items(struct konsil *k, const struct ks_xml *items, const char *ns)
{
    enum ks_err err = KS_OK;

    for (const struct ks_xml *item = ks_xml_child(items, ns, "item"); item && err == KS_OK;
         item = ks_xml_next(item, ns, "item"))
        err = take_item(k, item);
    return err;
}

enum ks_err ks_displayed_event(struct konsil *k, const struct ks_xml *items)
{
    return take_items(k, items, NS_PUBSUB_EVENT);
}

static enum ks_err on_marks(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *pubsub = answer ? ks_xml_child(answer->xml, NS_PUBSUB, "pubsub") : NULL;
    enum ks_err err;

    (void)iq;
    if (!answer)
        return KS_OK;
    if (ks_iq_ok(answer) && (err = take_items(k, ks_xml_child(pubsub, NS_PUBSUB, "items"), NS_PUBSUB)) != KS_OK)
        return err;
    k->displayed.known = true; /* or there is no node yet: the first publication makes it */
    return ks_displayed_caught_up(k);
}

enum ks_err ks_displayed_online(struct konsil *k)
{
    enum ks_err err;

    k->displayed.known = false;
    err = ks_pep_fetch_items(k, KS_STR_EMPTY, NS_MDS, on_marks, KS_STR_EMPTY);
    return err == KS_EAGAIN ? KS_OK : err;
}

/* --- messages --- */

enum ks_err ks_displayed_note(struct konsil *k, const struct ks_inbound *in)
{
    struct ks_message message;
    char order[8];
    struct ks_buf key;
    struct mark mark;
    enum ks_err err;

    if (in->archive_id.len == 0 || in->archive_id.len > KS_ID_MAX || in->id.len == 0)
        return KS_OK;
    if ((err = ks_history_find(k, in->peer, in->id, in->from, &message)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    for (int i = 0; i < 8; i++)
        order[i] = (char)((uint64_t)message.order >> (56 - 8 * i));
    id_key(&key, in->peer, in->archive_id);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_MESSAGE_ID, ks_buf_str(&key), ks_str(order, sizeof(order)));
    ks_buf_done(&key);
    if (err != KS_OK)
        return err;
    order_key(&key, in->peer, message.order);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_MESSAGE_ID, ks_buf_str(&key), in->archive_id);
    ks_buf_done(&key);
    if (err != KS_OK || (err = mark_get(k, in->peer, &mark)) != KS_OK)
        return err;
    return ks_str_eq(mark.waiting, in->archive_id) ? take_order(k, in->peer, &mark, message.order) : KS_OK;
}
