/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "catchup.h"

#include <stdio.h>

#include "engine.h"
#include "group.h"
#include "inbox.h"
#include "xml_writer.h"

#define LAST_KEY "archive_id"   /* up to here everything is durable here */
#define STAMP_KEY "archive_ms"  /* of the newest that came */
#define NEXT_KEY "archive_next" /* what LAST_KEY becomes when it is OVERLAP_MS old */
#define NEXT_MS_KEY "archive_next_ms"
#define OVERLAP_MS 60000
#define BACK_MS 3600000
#define BEFORE_BIRTH_MS 300000 /* our clock and the server's may differ by so much */

#define NAME_BYTES_MAX (32 + KS_JID_MAX)

static enum ks_err ask(struct konsil *k, struct ks_catchup *c, struct ks_str after, int64_t start_ms);

void ks_catchup_lost(struct ks_catchup *c)
{
    c->recheck = c->twice = false;
    c->running = c->done = c->ended = c->waits = c->heard = c->again = c->unasked = false;
    c->query[0] = 0;
    ks_buf_done(&c->held);
}

/* What is kept of an archive: of a room's with its name behind it. */
static const char *name(char text[NAME_BYTES_MAX], const struct ks_catchup *c, const char *key)
{
    snprintf(text, NAME_BYTES_MAX, "%s%s%.*s", key, c->archive.len > 0 ? " " : "", KS_STR_FMT(c->archive));
    return text;
}

static enum ks_err get_u64(struct konsil *k, const struct ks_catchup *c, const char *key, uint64_t *ret_value)
{
    char text[NAME_BYTES_MAX];

    return ks_meta_get_u64(k, name(text, c, key), ret_value);
}

static enum ks_err put_u64(struct konsil *k, const struct ks_catchup *c, const char *key, uint64_t value)
{
    char text[NAME_BYTES_MAX];

    return ks_meta_put_u64(k, name(text, c, key), value);
}

static enum ks_err get(struct konsil *k, const struct ks_catchup *c, const char *key, struct ks_str *ret_value)
{
    char text[NAME_BYTES_MAX];

    return ks_meta_get(k, name(text, c, key), ret_value);
}

static enum ks_err put(struct konsil *k, const struct ks_catchup *c, const char *key, struct ks_str value)
{
    char text[NAME_BYTES_MAX];

    return ks_meta_put(k, name(text, c, key), value);
}

static enum ks_err del(struct konsil *k, const struct ks_catchup *c, const char *key)
{
    char text[NAME_BYTES_MAX];

    return ks_meta_del(k, name(text, c, key));
}

bool ks_catchup_done(const struct konsil *k)
{
    return k->catchup.done;
}

enum ks_err ks_catchup_note(struct konsil *k, struct ks_catchup *c, struct ks_str archive_id, int64_t stamp_ms)
{
    struct ks_str next;
    uint64_t next_ms = 0;
    enum ks_err err;

    if (c->recheck) /* older ones, read again: where we are does not change */
        return KS_OK;
    if ((err = put_u64(k, c, STAMP_KEY, (uint64_t)stamp_ms)) != KS_OK)
        return err;
    if ((err = get_u64(k, c, NEXT_MS_KEY, &next_ms)) != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (err == KS_OK && stamp_ms < (int64_t)next_ms + OVERLAP_MS)
        return KS_OK;
    if (err == KS_OK && ((err = get(k, c, NEXT_KEY, &next)) != KS_OK || (err = put(k, c, LAST_KEY, next)) != KS_OK))
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    if ((err = put(k, c, NEXT_KEY, archive_id)) != KS_OK)
        return err;
    return put_u64(k, c, NEXT_MS_KEY, (uint64_t)stamp_ms);
}

/* A page is complete: nothing was overtaken in it. */
static enum ks_err note_page(struct konsil *k, struct ks_catchup *c, struct ks_str last)
{
    enum ks_err err;

    if (c->recheck || last.len == 0)
        return KS_OK;
    if ((err = put(k, c, LAST_KEY, last)) != KS_OK || (err = del(k, c, NEXT_KEY)) != KS_OK)
        return err;
    return del(k, c, NEXT_MS_KEY);
}

/* --- the end --- */

static enum ks_err finish(struct konsil *k, void *arg)
{
    struct ks_catchup *c = arg;

    c->running = c->waits; /* for something that was held back anew */
    c->done = true;
    if (!c->recheck)
        return c->archive.len > 0 ? ks_group_caught_up(k, c) : ks_engine_caught_up(k, false);
    c->recheck = false;
    ks_heal_wake(k);
    ks_acks_wake(k);
    return KS_OK;
}

/* What came meanwhile follows what was before it. */
static void release(struct konsil *k, struct ks_catchup *c)
{
    struct ks_buf held = c->held;
    struct ks_cursor at = ks_cursor(ks_buf_str(&held));
    struct ks_str stanza;

    c->running = c->twice = false;
    ks_buf_init(&c->held, KS_CATCHUP_HELD_MAX);
    while (k->failed == KS_OK && ks_cursor_field(&at, &stanza) == KS_OK)
        ks_inbox_held(k, stanza);
    ks_buf_done(&held);
    c->heard = false;
    (void)ks_step(k, finish, c);
}

void ks_catchup_release_due(struct konsil *k, struct ks_catchup *c)
{
    if (c->ended) {
        c->ended = false;
        release(k, c);
    }
}

/* --- pages --- */

/* Where to begin when the server does not know our last id. */
static enum ks_err ask_by_time(struct konsil *k, struct ks_catchup *c, bool went_back)
{
    uint64_t stamp = 0;
    enum ks_err err = get_u64(k, c, STAMP_KEY, &stamp);

    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (went_back && (err = ks_tell_warning(k, KS_CODE_ARCHIVE_WENT_BACK, KS_STR_EMPTY)) != KS_OK)
        return err;
    if (stamp > 0) {
        c->twice = true;
        return ask(k, c, KS_STR_EMPTY, (int64_t)stamp - BACK_MS);
    }
    /* A new device: what is older than itself it could not read. */
    return ask(k, c, KS_STR_EMPTY, k->born_ms - BEFORE_BIRTH_MS);
}

/* The archive that a query was sent to. */
static struct ks_catchup *find(struct konsil *k, struct ks_str query)
{
    if (k->catchup.running && ks_str_eq(query, ks_str_z(k->catchup.query)))
        return &k->catchup;
    for (KS_LIST_EACH(&k->groups.live, at)) {
        struct ks_catchup *c = &KS_CONTAINER(at, struct ks_group_live, link)->catchup;

        if (c->running && ks_str_eq(query, ks_str_z(c->query)))
            return c;
    }
    return NULL;
}

static enum ks_err on_page(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_catchup *c = find(k, iq->text);
    const struct ks_xml *fin = answer ? ks_xml_child(answer->xml, NS_MAM, "fin") : NULL;
    struct ks_str complete = ks_xml_attr(fin, "complete"), last;
    enum ks_err err;

    if (!c)
        return KS_OK;
    if (!answer) {
        c->unasked = !ks_online(k);
        return c->unasked ? KS_OK : ks_catchup_begin(k, c);
    }
    if (!ks_iq_ok(answer) && ks_str_is(ks_str_z(ks_iq_condition(answer)), "item-not-found") && iq->number == 0)
        return ask_by_time(k, c, true);
    last = ks_xml_text(&k->arena, ks_xml_child(ks_xml_child(fin, NS_RSM, "set"), NS_RSM, "last"));
    if (ks_iq_ok(answer) && (err = note_page(k, c, last)) != KS_OK)
        return err;
    if (ks_iq_ok(answer) && !ks_str_is(complete, "true") && !ks_str_is(complete, "1") && last.len > 0)
        return ask(k, c, last, 0);
    if (c->again) {
        c->again = false;
        return last.len > 0 ? ask(k, c, last, 0) : ask_by_time(k, c, false);
    }
    c->query[0] = 0;
    c->ended = !c->waits; /* what was held back is taken in after this step */
    return KS_OK;
}

static struct ks_xml *add_start(struct konsil *k, struct ks_xml *query, int64_t start_ms)
{
    struct ks_xml *form = ks_xml_add(&k->arena, query, NS_DATA, "x"), *field;
    char text[KS_STAMP_LEN + 1];
    struct ks_str stamp;

    if (ks_arena_copy(&k->arena, ks_stamp_write(start_ms > 0 ? start_ms : 0, text), &stamp) != KS_OK)
        return NULL;
    form = ks_xml_set(&k->arena, form, "type", KS_STR("submit"));
    field = ks_xml_set(&k->arena, ks_xml_add(&k->arena, form, NS_DATA, "field"), "var", KS_STR("FORM_TYPE"));
    if (!ks_xml_add_text(&k->arena, field, NS_DATA, "value", KS_STR(NS_MAM)))
        return NULL;
    field = ks_xml_set(&k->arena, ks_xml_add(&k->arena, form, NS_DATA, "field"), "var", KS_STR("start"));
    return ks_xml_add_text(&k->arena, field, NS_DATA, "value", stamp);
}

/* The page after an id, or from a time on. */
static enum ks_err ask(struct konsil *k, struct ks_catchup *c, struct ks_str after, int64_t start_ms)
{
    struct ks_xml *query = ks_xml_new(&k->arena, NS_MAM, "query"), *set;

    snprintf(c->query, sizeof(c->query), "%016llx", (unsigned long long)ks_prng_u64(&k->prng));
    query = ks_xml_set(&k->arena, query, "queryid", ks_str_z(c->query));
    if (after.len == 0 && !add_start(k, query, start_ms))
        return KS_ENOMEM;
    set = ks_xml_add(&k->arena, query, NS_RSM, "set");
    if (!ks_xml_add_text(&k->arena, set, NS_RSM, "max", KS_STR("100")))
        return KS_ENOMEM;
    if (after.len > 0 && !ks_xml_add_text(&k->arena, set, NS_RSM, "after", after))
        return KS_ENOMEM;
    return ks_iq_send(k, "set", c->archive, query, on_page, ks_str_z(c->query), after.len == 0);
}

enum ks_err ks_catchup_begin(struct konsil *k, struct ks_catchup *c)
{
    struct ks_str last;
    enum ks_err err = get(k, c, LAST_KEY, &last);

    c->running = true;
    if (err == KS_ENOTFOUND)
        return ask_by_time(k, c, false);
    if (err != KS_OK)
        return err;
    c->twice = true;
    return ask(k, c, last, 0);
}

enum ks_err ks_catchup_resumed(struct konsil *k, struct ks_catchup *c)
{
    if (!c->unasked)
        return KS_OK;
    c->unasked = false;
    return c->recheck ? ask_by_time(k, c, false) : ks_catchup_begin(k, c);
}

enum ks_err ks_catchup_recheck(struct konsil *k, struct ks_catchup *c)
{
    if (c->running || !ks_online(k))
        return KS_OK;
    c->running = c->recheck = true;
    return ask_by_time(k, c, false);
}

/* --- results, and what comes meanwhile --- */

bool ks_catchup_result(struct konsil *k, struct ks_catchup *c, const struct ks_xml *result)
{
    if (!c->running || !c->query[0] || !ks_str_eq(ks_xml_attr(result, "queryid"), ks_str_z(c->query)))
        return false;
    ks_inbox_archived(k, c, ks_xml_child(result, NS_FORWARD, "forwarded"), ks_xml_attr(result, "id"));
    return true;
}

bool ks_catchup_hold(struct ks_catchup *c, const struct ks_xml *message)
{
    struct ks_buf bytes;

    if (!c->running)
        return false;
    if (c->held.bytes_max == 0)
        ks_buf_init(&c->held, KS_CATCHUP_HELD_MAX);
    ks_buf_init(&bytes, KS_STANZA_READ_MAX);
    ks_xml_write(&bytes, message, KS_STR_EMPTY);
    if (ks_buf_err(&bytes) == KS_OK && c->held.len + bytes.len + 4 <= KS_CATCHUP_HELD_MAX)
        ks_buf_field(&c->held, ks_buf_str(&bytes));
    else
        c->again = true;
    ks_buf_done(&bytes);
    return true;
}

bool ks_catchup_hold_until_heard(struct ks_catchup *c, const struct ks_xml *message)
{
    if (c->heard)
        return false;
    if (!c->running)
        c->query[0] = 0;
    c->running = c->waits = true;
    return ks_catchup_hold(c, message);
}

void ks_catchup_heard(struct ks_catchup *c)
{
    c->heard = c->waits;
    c->ended = c->ended || (c->waits && !c->query[0]);
    c->waits = false;
}
