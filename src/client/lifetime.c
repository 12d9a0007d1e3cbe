/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "lifetime.h"

#include "command.h"
#include "early.h"
#include "engine.h"
#include "erase.h"
#include "history.h"
#include "history_record.h"
#include "iq_client.h"
#include "ns.h"
#include "transfer.h"

#define OWN_KEY "lifetime"   /* days, of the person */
#define SAID_KEY "lifetime " /* and the room's address, or nothing behind it */
#define SAID_VERSION 1
#define CLOCK_KEY "clock" /* the latest time that the server named, wall */
#define KEY_BYTES_MAX 8192
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

/* --- what was said --- */

struct said {
    uint64_t hours, since_ms; /* wall */
};

/* A setting's name for this room, in the arena. */
static enum ks_err said_key(struct konsil *k, struct ks_str room, const char **ret_name)
{
    struct ks_str name;
    enum ks_err err = ks_arena_join(&k->arena, (struct ks_str[]) { KS_STR(SAID_KEY), room, ks_str("", 1) }, 3, &name);

    *ret_name = name.ptr;
    return err;
}

/* All 0 if nothing was. */
static enum ks_err load(struct konsil *k, struct ks_str room, struct said *ret_said)
{
    const char *name;
    struct ks_str record;
    struct ks_cursor at;
    uint8_t version;
    enum ks_err err = said_key(k, room, &name);

    *ret_said = (struct said) { 0 };
    if (err != KS_OK || (err = ks_meta_get(k, name, &record)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    at = ks_cursor(record);
    if (ks_cursor_u8(&at, &version) != KS_OK || version != SAID_VERSION || ks_cursor_u64(&at, &ret_said->hours) != KS_OK
        || ks_cursor_u64(&at, &ret_said->since_ms) != KS_OK)
        return KS_ESTORE;
    return KS_OK;
}

enum ks_err ks_lifetime_said(struct konsil *k, struct ks_str room, int64_t hours)
{
    struct said said;
    struct ks_buf record;
    const char *name;
    enum ks_err err = load(k, room, &said);

    if (err != KS_OK || said.hours == (uint64_t)hours || (err = said_key(k, room, &name)) != KS_OK)
        return err;
    if (hours == 0)
        return ks_meta_del(k, name);
    ks_buf_init(&record, 32);
    ks_buf_byte(&record, SAID_VERSION);
    ks_buf_u64(&record, (uint64_t)hours);
    ks_buf_u64(&record, (uint64_t)k->now.wall_ms);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = ks_meta_put(k, name, ks_buf_str(&record));
    ks_buf_done(&record);
    return err;
}

enum ks_err ks_lifetime_days(struct konsil *k, struct ks_str room, int64_t *ret_days)
{
    struct said said;
    enum ks_err err = load(k, room, &said);

    *ret_days = (int64_t)(said.hours + 23) / 24;
    return err;
}

static enum ks_err own_days(struct konsil *k, uint64_t *ret_days)
{
    enum ks_err err = ks_meta_get_u64(k, OWN_KEY, ret_days);

    if (err == KS_ENOTFOUND)
        *ret_days = 0;
    return err == KS_ENOTFOUND ? KS_OK : err;
}

static int64_t shorter(int64_t one_ms, int64_t other_ms)
{
    return one_ms == 0 || (other_ms > 0 && other_ms < one_ms) ? other_ms : one_ms;
}

static int64_t in_force(const struct said *said, int64_t now_ms)
{
    return now_ms - (int64_t)said->since_ms < KS_LIFETIME_NOTICE_MS ? 0 : (int64_t)said->hours * HOUR_MS;
}

/* What is older than that at now_ms may go; 0: nothing. */
static enum ks_err period_of(struct konsil *k, struct ks_str conversation, int64_t now_ms, int64_t *ret_ms)
{
    struct said all, room;
    uint64_t days;
    enum ks_err err = own_days(k, &days);

    if (err != KS_OK || (err = load(k, KS_STR_EMPTY, &all)) != KS_OK || (err = load(k, conversation, &room)) != KS_OK)
        return err;
    *ret_ms = shorter((int64_t)days * DAY_MS, shorter(in_force(&all, now_ms), in_force(&room, now_ms)));
    return KS_OK;
}

/* --- a slice --- */

struct row {
    struct ks_str key;
    struct ks_message message; /* of one that waits for its target: conversation and stamp alone */
    bool waits;                /* ours, and no server has it */
};

struct slice {
    struct konsil *k;
    struct row rows[KS_LIFETIME_ROWS];
    size_t count;
    enum ks_err err;
};

bool ks_lifetime_waits(const struct ks_message *message)
{
    return message->flags & KS_MSG_MINE && message->outbox && ks_receipts_least(message) < KS_JS_STATE_SERVER;
}

/* What is needed of it to take it out. Its conversation stands in the key. */
static enum ks_err take_record(struct slice *slice, struct ks_str value, struct row *row)
{
    struct ks_arena *arena = &slice->k->arena;
    struct ks_message whole;
    enum ks_err err = ks_message_decode(arena, value, &whole);

    if (err != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESTORE;
    row->waits = ks_lifetime_waits(&whole);
    row->message = (struct ks_message) { .flags = whole.flags, .stamp_ms = whole.stamp_ms };
    if ((err = ks_arena_copy(arena, whole.id, &row->message.id)) != KS_OK)
        return err;
    return ks_arena_copy(arena, whole.author, &row->message.author);
}

static bool take_message(void *user, struct ks_str key, struct ks_str value)
{
    struct slice *slice = user;
    struct row *row = &slice->rows[slice->count];
    struct ks_cursor at;
    uint64_t order;

    if ((slice->err = ks_arena_copy(&slice->k->arena, key, &row->key)) != KS_OK
        || (slice->err = take_record(slice, value, row)) != KS_OK)
        return false;
    at = ks_cursor(ks_str_from(row->key, key.len - 8));
    slice->err = key.len > 9 && ks_cursor_u64(&at, &order) == KS_OK ? KS_OK : KS_ESTORE;
    if (slice->err != KS_OK)
        return false;
    row->message.order = (int64_t)order;
    row->message.conversation = ks_str_head(row->key, key.len - 9);
    return ++slice->count < KS_LIFETIME_ROWS;
}

static bool take_early(void *user, struct ks_str key, struct ks_str value)
{
    struct slice *slice = user;
    struct row *row = &slice->rows[slice->count];

    if ((slice->err = ks_arena_copy(&slice->k->arena, key, &row->key)) != KS_OK)
        return false;
    row->waits = false;
    row->message = (struct ks_message) { .conversation = ks_str_from(row->key, 1) };
    row->message.conversation =
        ks_str_head(row->message.conversation, ks_str_find_byte(row->message.conversation, '\0'));
    slice->err = ks_early_time(value, &row->message.stamp_ms);
    return slice->err == KS_OK && ++slice->count < KS_LIFETIME_ROWS;
}

enum ks_err ks_lifetime_forget(struct konsil *k, struct ks_message *message)
{
    enum ks_err err = KS_OK;

    if (message->flags & KS_MSG_MINE)
        err = ks_erase_outbox(k, message->conversation, message->id);
    if (err == KS_OK && message->flags & KS_MSG_FILES)
        err = ks_transfers_erased(k, message->conversation, message->order, KS_CODE_FILE_GONE);
    return err == KS_OK ? ks_history_expire(k, message) : err;
}

/* The earlier of two clocks; and this device's. */
struct clocks {
    int64_t sure_ms, own_ms;
};

/* The server's time, as it was at its last word and went on since: never later than it is. 0: it never said any. */
static enum ks_err server_now(struct konsil *k, int64_t *ret_ms)
{
    struct ks_lifetime *lifetime = &k->lifetime;
    uint64_t stored_ms;
    enum ks_err err;

    *ret_ms = 0;
    if (!lifetime->sure_ms) {
        err = ks_meta_get_u64(k, CLOCK_KEY, &stored_ms);
        if (err != KS_OK)
            return err == KS_ENOTFOUND ? KS_OK : err;
        lifetime->sure_ms = (int64_t)stored_ms;
        lifetime->sure_at_ms = k->now.mono_ms;
    }
    *ret_ms = lifetime->sure_ms + (k->now.mono_ms - lifetime->sure_at_ms);
    return KS_OK;
}

static enum ks_err read_clocks(struct konsil *k, struct clocks *ret_clocks)
{
    int64_t server_ms;
    enum ks_err err = server_now(k, &server_ms);

    *ret_clocks = (struct clocks) { ks_sooner(server_ms, k->now.wall_ms), k->now.wall_ms };
    return err;
}

/* Of one conversation, by each. */
struct periods {
    int64_t sure_ms, own_ms;
};

static bool is_young(const struct row *row, int64_t now_ms, int64_t period_ms)
{
    return period_ms == 0 || now_ms - row->message.stamp_ms <= period_ms;
}

static enum ks_err expire_rows(struct konsil *k, struct slice *slice)
{
    struct ks_str conversation = KS_STR_EMPTY;
    struct periods periods = { 0, 0 };
    struct clocks clocks;
    enum ks_err err = read_clocks(k, &clocks);

    for (size_t i = 0; i < slice->count && err == KS_OK; i++) {
        struct row *row = &slice->rows[i];

        if (i == 0 || !ks_str_eq(conversation, row->message.conversation))
            err = period_of(k, row->message.conversation, clocks.own_ms, &periods.own_ms);
        if (err == KS_OK && (i == 0 || !ks_str_eq(conversation, row->message.conversation)))
            err = period_of(k, row->message.conversation, clocks.sure_ms, &periods.sure_ms);
        conversation = row->message.conversation;
        k->lifetime.periods = k->lifetime.periods || periods.own_ms > 0;
        if (err != KS_OK || row->waits || is_young(row, clocks.own_ms, periods.own_ms)
            || is_young(row, clocks.sure_ms, periods.sure_ms))
            continue;
        err = k->lifetime.early ? k->store->ops->del(k->store, KS_T_MESSAGE_ID, row->key)
                                : ks_lifetime_forget(k, &row->message);
    }
    return err;
}

static enum ks_err look(struct konsil *k, void *arg)
{
    bool early = k->lifetime.early;
    struct slice *slice = ks_arena_zero(&k->arena, sizeof(*slice));
    enum ks_err err;

    if (!(*(struct slice **)arg = slice))
        return KS_ENOMEM;
    slice->k = k;
    err = k->store->ops->scan(k->store, early ? KS_T_MESSAGE_ID : KS_T_MESSAGE, early ? KS_STR("p") : KS_STR_EMPTY,
        ks_buf_str(&k->lifetime.after), false, early ? take_early : take_message, slice);
    if (err == KS_OK)
        err = slice->err;
    return err == KS_OK ? expire_rows(k, slice) : err;
}

/* --- the walk --- */

static void begin_anew(struct konsil *k)
{
    ks_buf_reset(&k->lifetime.after);
    k->lifetime.early = k->lifetime.periods = false;
    k->wait_ms[KS_WAIT_LIFETIME] = k->now.mono_ms + KS_LIFETIME_AGAIN_MS;
}

/* --- the server's clock --- */

static enum ks_err tell_difference(struct konsil *k, int64_t server_ms)
{
    int64_t ahead_ms = k->now.wall_ms - server_ms;

    if (ahead_ms < KS_LIFETIME_CLOCKS_MS && ahead_ms > -KS_LIFETIME_CLOCKS_MS)
        return KS_OK;
    return ks_tell(k, KS_EV_WARNING, &(struct ks_ev_warning) { .code = KS_STR(KS_CODE_CLOCK_DIFFERS) });
}

static enum ks_err keep_time(struct konsil *k, int64_t server_ms)
{
    k->lifetime.sure_ms = server_ms;
    k->lifetime.sure_at_ms = k->now.mono_ms;
    return ks_meta_put_u64(k, CLOCK_KEY, (uint64_t)server_ms);
}

static enum ks_err take_time(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *time = answer ? ks_xml_child(answer->xml, NS_TIME, "time") : NULL;
    int64_t server_ms;
    enum ks_err err;

    (void)iq;
    if (!ks_iq_ok(answer)
        || ks_stamp_read(ks_xml_text(&k->arena, ks_xml_child(time, NS_TIME, "utc")), &server_ms) != KS_OK
        || server_ms <= 0)
        return KS_OK;
    if ((err = keep_time(k, server_ms)) != KS_OK)
        return err;
    k->wait_ms[KS_WAIT_LIFETIME] = k->now.mono_ms; /* the walk that asked begins again */
    return tell_difference(k, server_ms);
}

/* At the end of a walk, for the next ones. */
static enum ks_err set_clocks(struct konsil *k, void *arg)
{
    struct ks_lifetime *lifetime = &k->lifetime;
    bool lately = lifetime->asked_ms && k->now.mono_ms - lifetime->asked_ms < KS_LIFETIME_AGAIN_MS / 2;
    int64_t server_ms;
    enum ks_err err = server_now(k, &server_ms);

    (void)arg;
    if (err != KS_OK || !lifetime->periods || lately)
        return err;
    if (!ks_online(k))
        return server_ms ? keep_time(k, server_ms) : KS_OK;
    lifetime->asked_ms = k->now.mono_ms;
    err = ks_iq_send(k, "get", ks_str_z(k->domain), ks_xml_new(&k->arena, NS_TIME, "time"), take_time, KS_STR_EMPTY, 0);
    return err == KS_EAGAIN ? KS_OK : err;
}

/* Behind the last row that was looked at; or with the other table. The slice is good until the next step. */
static void go_on(struct konsil *k, const struct slice *slice)
{
    struct ks_lifetime *lifetime = &k->lifetime;
    bool more = slice->count == KS_LIFETIME_ROWS;

    if (!more && lifetime->early) {
        (void)ks_step(k, set_clocks, NULL);
        begin_anew(k);
        return;
    }
    ks_buf_reset(&lifetime->after);
    if (more) {
        ks_buf_add(&lifetime->after, slice->rows[slice->count - 1].key);
        ks_buf_byte(&lifetime->after, 0);
    }
    lifetime->early = !more;
    k->wait_ms[KS_WAIT_LIFETIME] = k->now.mono_ms + KS_LIFETIME_PAUSE_MS;
}

void ks_lifetime_due(struct konsil *k)
{
    struct slice *slice;

    if (ks_step(k, look, &slice))
        go_on(k, slice);
    else
        begin_anew(k); /* no room in the store for what is deleted; or the engine failed */
}

void ks_lifetime_init(struct konsil *k)
{
    ks_buf_init(&k->lifetime.after, KEY_BYTES_MAX);
    k->wait_ms[KS_WAIT_LIFETIME] = k->now.mono_ms + KS_LIFETIME_FIRST_MS;
}

void ks_lifetime_done(struct konsil *k)
{
    ks_buf_done(&k->lifetime.after);
}

/* --- commands --- */

static enum ks_err tell(struct konsil *k, struct ks_str re)
{
    struct ks_ev_retention event = { .re = re };
    uint64_t days;
    enum ks_err err = own_days(k, &days);

    event.days = (int64_t)days;
    if (err == KS_OK)
        err = ks_lifetime_days(k, KS_STR_EMPTY, &event.server_days);
    return err == KS_OK ? ks_tell(k, KS_EV_RETENTION, &event) : err;
}

enum ks_err ks_lifetime_ask(struct konsil *k, const struct ks_cmd *cmd)
{
    return tell(k, cmd->id);
}

enum ks_err ks_lifetime_set(struct konsil *k, const struct ks_cmd *cmd)
{
    int64_t days = cmd->retention_set.days;
    enum ks_err err = days > 0 ? ks_meta_put_u64(k, OWN_KEY, (uint64_t)days) : ks_meta_del(k, OWN_KEY);

    if (err != KS_OK)
        return err;
    begin_anew(k);
    k->lifetime.asked_ms = 0;
    k->wait_ms[KS_WAIT_LIFETIME] = k->now.mono_ms; /* from the beginning, at once */
    return tell(k, cmd->id);
}
