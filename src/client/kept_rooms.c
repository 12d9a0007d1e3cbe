/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "kept_rooms.h"

#include "command.h"
#include "engine.h"
#include "group.h"
#include "pep_client.h"
#include "utf8.h"
#include "xml_writer.h"

#define PREFIX "bookmark "
#define RECORD_BYTES_MAX 65536
#define TEXT_BYTES_MAX 1024 /* of a name or nick, as it is shown */

static void key_of(struct ks_buf *key, struct ks_str room)
{
    ks_buf_init(key, 8192);
    ks_buf_z(key, PREFIX);
    ks_buf_add(key, room);
}

/* --- records --- */

/* The element as it was published; an empty one when there is none. */
static enum ks_err load(struct konsil *k, struct ks_str room, struct ks_str *ret_bytes, struct ks_xml **ret_element)
{
    struct ks_buf key;
    enum ks_err err;

    key_of(&key, room);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = ks_store_get(k, KS_T_META, ks_buf_str(&key), ret_bytes);
    ks_buf_done(&key);
    if (err != KS_OK)
        return err;
    err = ks_xml_read(&k->arena, *ret_bytes, KS_STR_EMPTY, KS_STR_EMPTY, ret_element);
    return err == KS_OK || err == KS_ENOMEM ? err : KS_ESTORE;
}

static void describe(
    struct konsil *k, struct ks_str room, const struct ks_xml *element, struct ks_bookmark *ret_bookmark)
{
    struct ks_str autojoin = ks_xml_attr(element, "autojoin");

    *ret_bookmark = (struct ks_bookmark) { .room = room,
        .name = ks_utf8_head(ks_xml_attr(element, "name"), TEXT_BYTES_MAX),
        .nick = ks_utf8_head(ks_xml_text(&k->arena, ks_xml_child(element, NS_BOOKMARKS, "nick")), TEXT_BYTES_MAX),
        .autojoin = ks_str_is(autojoin, "true") || ks_str_is(autojoin, "1") };
}

enum ks_err ks_bookmark_get(struct konsil *k, struct ks_str room, struct ks_bookmark *ret_bookmark)
{
    struct ks_xml *element;
    struct ks_str bytes;
    enum ks_err err = load(k, room, &bytes, &element);

    if (err == KS_OK)
        describe(k, room, element, ret_bookmark);
    return err;
}

struct all {
    struct konsil *k;
    struct ks_str rooms[KS_BOOKMARKS_MAX];
    size_t count;
    enum ks_err err;
};

static bool take_room(void *user, struct ks_str key, struct ks_str value)
{
    struct all *all = user;

    (void)value;
    all->err = ks_arena_copy(&all->k->arena, ks_str_from(key, sizeof(PREFIX) - 1), &all->rooms[all->count]);
    return all->err == KS_OK && ++all->count < KS_BOOKMARKS_MAX;
}

static enum ks_err all_rooms(struct konsil *k, struct all **ret_all)
{
    struct all *all = ks_arena_zero(&k->arena, sizeof(*all));
    enum ks_err err;

    if (!all)
        return KS_ENOMEM;
    all->k = k;
    *ret_all = all;
    err = k->store->ops->scan(k->store, KS_T_META, KS_STR(PREFIX), KS_STR_EMPTY, false, take_room, all);
    return err == KS_OK ? all->err : err;
}

enum ks_err ks_bookmark_all(struct konsil *k, struct ks_bookmark **ret_bookmarks, size_t *ret_count)
{
    struct all *all;
    enum ks_err err = all_rooms(k, &all);

    *ret_count = 0;
    if (err == KS_OK && !(*ret_bookmarks = ks_arena_zero(&k->arena, (all->count + 1) * sizeof(**ret_bookmarks))))
        err = KS_ENOMEM;
    for (size_t i = 0; err == KS_OK && i < all->count; i++)
        err = ks_bookmark_get(k, all->rooms[i], &(*ret_bookmarks)[(*ret_count)++]);
    return err;
}

/* --- telling --- */

static struct ks_str given(struct ks_str text)
{
    return text.len > 0 && ks_xml_text_ok(text) ? text : KS_STR_EMPTY;
}

static struct ks_js_bookmark shown(const struct ks_bookmark *bookmark)
{
    return (struct ks_js_bookmark) { bookmark->room, given(bookmark->name), given(bookmark->nick), bookmark->autojoin };
}

static enum ks_err tell(struct konsil *k, const struct ks_bookmark *bookmark, bool removed)
{
    struct ks_js_bookmark js = shown(bookmark);
    struct ks_ev_bookmark event = { .bookmark = &js, .removed = removed };

    return ks_tell(k, KS_EV_BOOKMARK, &event);
}

/* --- the node's, to us --- */

static enum ks_err keep(struct konsil *k, struct ks_str room, const struct ks_xml *element)
{
    struct ks_bookmark bookmark;
    struct ks_xml *known;
    struct ks_str before = KS_STR_EMPTY;
    struct ks_buf key, bytes;
    enum ks_err err = load(k, room, &before, &known);

    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    ks_buf_init(&bytes, RECORD_BYTES_MAX);
    ks_xml_write(&bytes, element, KS_STR_EMPTY);
    key_of(&key, room);
    if (ks_buf_err(&bytes) == KS_ELIMIT) {
        err = KS_OK; /* a page of somebody's, and no bookmark: as if it were not there */
    } else if ((err = ks_buf_err(&bytes)) == KS_OK && (err = ks_buf_err(&key)) == KS_OK
        && !ks_str_eq(before, ks_buf_str(&bytes))) {
        describe(k, room, element, &bookmark);
        if ((err = k->store->ops->put(k->store, KS_T_META, ks_buf_str(&key), ks_buf_str(&bytes))) == KS_OK
            && (err = tell(k, &bookmark, false)) == KS_OK)
            err = bookmark.autojoin ? ks_group_kept(k, room) : ks_group_kept_no_more(k, room);
    }
    ks_buf_done(&key);
    ks_buf_done(&bytes);
    return err;
}

static enum ks_err forget(struct konsil *k, struct ks_str room)
{
    struct ks_bookmark bookmark;
    struct ks_buf key;
    enum ks_err err = ks_bookmark_get(k, room, &bookmark);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    key_of(&key, room);
    if ((err = ks_buf_err(&key)) == KS_OK)
        err = k->store->ops->del(k->store, KS_T_META, ks_buf_str(&key));
    ks_buf_done(&key);
    bookmark.name = bookmark.nick = KS_STR_EMPTY;
    if (err == KS_OK)
        err = tell(k, &bookmark, true);
    return err == KS_OK ? ks_group_kept_no_more(k, room) : err;
}

/* KS_ENOTFOUND: an item that names no room. */
static enum ks_err room_of(struct konsil *k, const struct ks_xml *item, struct ks_str *ret_room)
{
    struct ks_jid jid;
    enum ks_err err = ks_jid_parse(&k->arena, ks_xml_attr(item, "id"), &jid);

    if (err == KS_OK && jid.local.len == 0)
        return KS_ENOTFOUND;
    if (err == KS_OK)
        return ks_jid_text(&k->arena, ks_jid_bare(jid), ret_room);
    return err == KS_ENOMEM ? err : KS_ENOTFOUND;
}

static enum ks_err take_item(struct konsil *k, const struct ks_xml *item, struct ks_str *ret_room)
{
    const struct ks_xml *element = ks_xml_child(item, NS_BOOKMARKS, "conference");
    enum ks_err err = element ? room_of(k, item, ret_room) : KS_ENOTFOUND;

    return err == KS_OK ? keep(k, *ret_room, element) : err;
}

enum ks_err ks_bookmarks_event(struct konsil *k, const struct ks_xml *items)
{
    struct ks_str room;
    enum ks_err err;

    for (const struct ks_xml *at = ks_xml_child(items, NS_PUBSUB_EVENT, NULL); at;
         at = ks_xml_next(at, NS_PUBSUB_EVENT, NULL)) {
        if (ks_str_is(at->name, "item"))
            err = take_item(k, at, &room);
        else if (ks_str_is(at->name, "retract") && (err = room_of(k, at, &room)) == KS_OK)
            err = forget(k, room);
        else
            continue;
        if (err != KS_OK && err != KS_ENOTFOUND)
            return err;
    }
    return KS_OK;
}

/* What is not there any more is forgotten. */
static enum ks_err on_bookmarks(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *items;
    struct ks_str room;
    struct all *all;
    enum ks_err err;

    (void)iq;
    if (!answer || (!ks_iq_ok(answer) && !ks_str_is(ks_str_z(ks_iq_condition(answer)), "item-not-found")))
        return KS_OK;
    items = ks_xml_child(ks_xml_child(answer->xml, NS_PUBSUB, "pubsub"), NS_PUBSUB, "items");
    if ((err = all_rooms(k, &all)) != KS_OK)
        return err;
    for (const struct ks_xml *item = ks_xml_child(items, NS_PUBSUB, "item"); item;
         item = ks_xml_next(item, NS_PUBSUB, "item")) {
        if ((err = take_item(k, item, &room)) != KS_OK && err != KS_ENOTFOUND)
            return err;
        for (size_t i = 0; err == KS_OK && i < all->count; i++)
            if (ks_str_eq(all->rooms[i], room))
                all->rooms[i] = KS_STR_EMPTY;
    }
    for (size_t i = 0; i < all->count; i++)
        if (all->rooms[i].len > 0 && (err = forget(k, all->rooms[i])) != KS_OK)
            return err;
    return ks_groups_keep(k);
}

enum ks_err ks_bookmarks_online(struct konsil *k)
{
    enum ks_err err = ks_pep_fetch_items(k, KS_STR_EMPTY, NS_BOOKMARKS, on_bookmarks, KS_STR_EMPTY);

    return err == KS_EAGAIN ? KS_OK : err;
}

/* --- rooms of ours --- */

static enum ks_err on_kept(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    (void)k;
    (void)iq;
    (void)answer; /* what did not succeed is seen when the node is read again */
    return KS_OK;
}

enum ks_err ks_bookmark_keep(struct konsil *k, struct ks_str room, bool ours)
{
    struct ks_bookmark bookmark;
    struct ks_xml *element;
    struct ks_str bytes;
    enum ks_err err = ks_bookmark_get(k, room, &bookmark);

    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    /* One that leads into no room is another program's. */
    if (ours ? err == KS_OK && bookmark.autojoin : err == KS_ENOTFOUND || !bookmark.autojoin)
        return KS_OK;
    if (!ours) {
        err = ks_pep_retract(k, NS_BOOKMARKS, room, on_kept, KS_STR_EMPTY);
        return err == KS_EAGAIN ? KS_OK : err;
    }
    if (err == KS_ENOTFOUND)
        element = ks_xml_new(&k->arena, NS_BOOKMARKS, "conference");
    else if ((err = load(k, room, &bytes, &element)) != KS_OK)
        return err;
    if (!ks_xml_set(&k->arena, element, "autojoin", KS_STR("true")))
        return KS_ENOMEM;
    err = ks_pep_publish_own(k, NS_BOOKMARKS, room, element, on_kept, KS_STR_EMPTY, 0);
    return err == KS_EAGAIN ? KS_OK : err;
}

/* --- commands --- */

enum ks_err ks_bookmarks_list(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_bookmarks event = { .re = cmd->id };
    struct ks_bookmark *bookmarks;
    struct ks_js_bookmark *items;
    enum ks_err err = ks_bookmark_all(k, &bookmarks, &event.bookmarks.count);

    if (err != KS_OK)
        return err;
    if (!(items = ks_arena_zero(&k->arena, (event.bookmarks.count + 1) * sizeof(*items))))
        return KS_ENOMEM;
    for (size_t i = 0; i < event.bookmarks.count; i++)
        items[i] = shown(&bookmarks[i]);
    event.bookmarks.items = items;
    return ks_tell(k, KS_EV_BOOKMARKS, &event);
}

enum ks_err ks_bookmarks_set(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_bookmark_set *set = &cmd->bookmark_set;
    struct ks_xml *element, *nick;
    struct ks_str bytes, text;
    enum ks_err err = load(k, set->room, &bytes, &element);

    if (err == KS_ENOTFOUND) {
        element = ks_xml_new(&k->arena, NS_BOOKMARKS, "conference");
        err = element ? KS_OK : KS_ENOMEM;
    }
    if (err != KS_OK || (err = ks_cmd_text(k, cmd, &text)) != KS_OK)
        return err;
    ks_xml_unset(element, "name");
    if (set->name.len > 0 && !ks_xml_set(&k->arena, element, "name", set->name))
        return KS_ENOMEM;
    if ((nick = ks_xml_child(element, NS_BOOKMARKS, "nick")))
        ks_xml_remove(element, nick);
    if (set->nick.len > 0) {
        nick = ks_xml_new(&k->arena, NS_BOOKMARKS, "nick");
        if (!ks_xml_put_text(&k->arena, nick, set->nick) || !ks_xml_prepend(element, nick))
            return KS_ENOMEM;
    }
    if (!ks_xml_set(&k->arena, element, "autojoin", set->autojoin ? KS_STR("true") : KS_STR("false")))
        return KS_ENOMEM;
    return ks_cmd_sent(k, cmd, ks_pep_publish_own(k, NS_BOOKMARKS, set->room, element, ks_cmd_answered, text, 0));
}

enum ks_err ks_bookmarks_remove(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err != KS_OK)
        return err;
    return ks_cmd_sent(k, cmd, ks_pep_retract(k, NS_BOOKMARKS, cmd->bookmark_remove.room, ks_cmd_answered, text));
}
