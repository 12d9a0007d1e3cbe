/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "transfer.h"

#include <stdlib.h>

#include "enc.h"
#include "engine.h"
#include "history.h"
#include "peers.h"

#define NUMBER_KEY "transfer" /* the last one that was given */
#define NUMBERS_FROM (1ULL << 40)
#define RECORD_MAX (KS_FILES_RECORD_MAX + 65536)
#define TELL_MS 500 /* how often people are told how far it came */

struct stop {
    struct ks_list link;
    uint64_t number;
    char *path;
};

/* --- records --- */

struct number_key {
    char bytes[8];
};

static struct ks_str number_key(struct number_key *key, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        key->bytes[i] = (char)(number >> (56 - 8 * i));
    return ks_str(key->bytes, sizeof key->bytes);
}

static enum ks_err load(struct konsil *k, uint64_t number, struct ks_transfer *ret_transfer)
{
    struct number_key key;
    struct ks_str record;
    enum ks_err err = ks_store_get(k, KS_T_TRANSFER, number_key(&key, number), &record);

    ret_transfer->number = number;
    return err == KS_OK ? ks_transfer_decode(&k->arena, record, ret_transfer) : err;
}

static enum ks_err save(struct konsil *k, const struct ks_transfer *transfer)
{
    struct number_key key;
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init(&record, RECORD_MAX);
    ks_transfer_encode(&record, transfer);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_TRANSFER, number_key(&key, transfer->number), ks_buf_str(&record));
    ks_buf_done(&record);
    return err;
}

static enum ks_err drop(struct konsil *k, uint64_t number)
{
    struct number_key key;

    return k->store->ops->del(k->store, KS_T_TRANSFER, number_key(&key, number));
}

struct all {
    struct konsil *k;
    struct ks_transfer *items;
    size_t count;
    enum ks_err err;
};

static bool take(void *user, struct ks_str key, struct ks_str value)
{
    struct all *all = user;
    struct ks_cursor at = ks_cursor(key);
    struct ks_transfer *transfer = &all->items[all->count];
    struct ks_str record;

    if ((all->err = ks_cursor_u64(&at, &transfer->number)) == KS_OK
        && (all->err = ks_arena_copy(&all->k->arena, value, &record)) == KS_OK)
        all->err = ks_transfer_decode(&all->k->arena, record, transfer);
    return all->err == KS_OK && ++all->count < KS_TRANSFERS_MAX;
}

/* Oldest first. */
static enum ks_err load_all(struct konsil *k, struct ks_transfer **ret_items, size_t *ret_count)
{
    struct all all = { .k = k, .items = ks_arena_zero(&k->arena, KS_TRANSFERS_MAX * sizeof(*all.items)) };
    enum ks_err err;

    if (!all.items)
        return KS_ENOMEM;
    err = k->store->ops->scan(k->store, KS_T_TRANSFER, KS_STR_EMPTY, KS_STR_EMPTY, false, take, &all);
    *ret_items = all.items;
    *ret_count = all.count;
    return err == KS_OK ? all.err : err;
}

static enum ks_err new_number(struct konsil *k, uint64_t *ret_number)
{
    enum ks_err err = ks_meta_get_u64(k, NUMBER_KEY, ret_number);

    /* Half-done files of several accounts may lie in one directory, and are named by it. */
    if (err == KS_ENOTFOUND)
        *ret_number = ks_prng_below(&k->prng, NUMBERS_FROM);
    else if (err != KS_OK)
        return err;
    return ks_meta_put_u64(k, NUMBER_KEY, ++*ret_number);
}

enum ks_err ks_transfers_count(struct konsil *k, uint64_t *ret_count)
{
    struct ks_transfer *items;
    size_t count = 0;
    enum ks_err err = load_all(k, &items, &count);

    *ret_count = count;
    return err;
}

/* --- the one at work --- */

static struct ks_move *move_of(struct konsil *k, const struct ks_transfer *transfer)
{
    struct ks_move *move = transfer->direction == KS_UP ? &k->transfers.up : &k->transfers.down;

    return move->number == transfer->number ? move : NULL;
}

static void free_wiped(char **text)
{
    if (*text)
        ks_wipe(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

/* Ends a try. Its number stays, with how often it was tried. */
static void clear_try(struct ks_move *move)
{
    move->phase = KS_MOVE_IDLE;
    move->give = move->sealed_all = false;
    move->bytes = move->moved = move->sealed = 0;
    free_wiped(&move->path);
    free_wiped(&move->name);
    free_wiped(&move->url);
    free_wiped(&move->headers);
    free_wiped(&move->get);
    ks_file_sealer_free(move->sealer);
    ks_file_opener_free(move->opener);
    move->sealer = NULL;
    move->opener = NULL;
    ks_wipe(&move->secret, sizeof move->secret);
    ks_wipe(&move->marks, sizeof move->marks);
}

static void clear_move(struct ks_move *move)
{
    clear_try(move);
    move->number = 0;
    move->tries = 0;
    move->retry_ms = move->told_ms = 0;
}

void ks_transfers_init(struct konsil *k)
{
    ks_list_init(&k->transfers.stops);
}

static void free_stop(struct stop *stop)
{
    ks_list_leave(&stop->link);
    free(stop->path);
    free(stop);
}

void ks_transfers_done(struct konsil *k)
{
    clear_move(&k->transfers.up);
    clear_move(&k->transfers.down);
    ks_upload_service_lost(&k->transfers.service);
    free_wiped(&k->transfers.given);
    for (KS_LIST_EACH_SAFE(&k->transfers.stops, at))
        free_stop(KS_CONTAINER(at, struct stop, link));
}

void ks_transfers_wake(struct konsil *k)
{
    k->wait_ms[KS_WAIT_TRANSFER] = k->now.mono_ms;
}

void ks_transfers_retry(struct konsil *k)
{
    k->transfers.up.retry_ms = k->transfers.down.retry_ms = 0;
    ks_transfers_wake(k);
}

void ks_transfers_lost(struct konsil *k)
{
    ks_upload_service_lost(&k->transfers.service);
}

/* --- telling --- */

static enum ks_err event_of(struct konsil *k, const struct ks_transfer *transfer, struct ks_js_transfer *event)
{
    const struct ks_move *move = move_of(k, transfer);
    struct ks_files files = transfer->files;
    struct ks_message message;
    enum ks_err err = KS_OK;

    *event = (struct ks_js_transfer) { .transfer = (int64_t)transfer->number,
        .direction = transfer->direction == KS_UP ? KS_JS_DIRECTION_UP : KS_JS_DIRECTION_DOWN,
        .state = move && move->phase == KS_MOVE_MOVING ? KS_JS_TRANSFER_STATE_MOVING : KS_JS_TRANSFER_STATE_WAITING,
        .conversation = transfer->conversation,
        .message = transfer->message,
        .path = transfer->path };
    if (move) {
        event->moved = (int64_t)move->moved;
        event->size = (int64_t)move->bytes;
    }
    if (transfer->direction == KS_DOWN) {
        err = ks_history_get(k, transfer->conversation, transfer->order, &message);
        if (err == KS_OK && message.flags & KS_MSG_FILES)
            err = ks_files_decode(&k->arena, message.files, &files);
        if (err == KS_ENOTFOUND)
            err = KS_OK;
    }
    if (transfer->file < files.count && files.items[transfer->file].name.len)
        event->name = files.items[transfer->file].name;
    return err;
}

static enum ks_err tell(struct konsil *k, const struct ks_transfer *transfer, enum ks_js_transfer_state state,
    const char *reason, struct ks_str detail)
{
    struct ks_js_transfer shown;
    struct ks_ev_transfer event = { .transfer = &shown };
    enum ks_err err = event_of(k, transfer, &shown);

    shown.state = state;
    shown.reason = ks_str_z(reason);
    shown.detail = detail.len ? detail : KS_STR_EMPTY;
    return err == KS_OK ? ks_tell(k, KS_EV_TRANSFER, &event) : err;
}

/* --- ends --- */

/* The host forgets it, whether it has it or left something in an earlier life. */
static enum ks_err stop_host(struct konsil *k, const struct ks_transfer *transfer)
{
    struct stop *stop = calloc(1, sizeof *stop);

    if (!stop || !(stop->path = ks_str_dup(transfer->path))) {
        free(stop);
        return KS_ENOMEM;
    }
    stop->number = transfer->number;
    ks_list_init(&stop->link);
    ks_list_append(&k->transfers.stops, &stop->link);
    return KS_OK;
}

/* It is over. */
static enum ks_err end(struct konsil *k, const struct ks_transfer *transfer, enum ks_js_transfer_state state,
    const char *reason, struct ks_str detail)
{
    struct ks_move *move = move_of(k, transfer);
    enum ks_err err;

    if ((err = tell(k, transfer, state, reason, detail)) != KS_OK || (err = drop(k, transfer->number)) != KS_OK)
        return err;
    if (move)
        clear_move(move);
    ks_transfers_wake(k);
    return KS_OK;
}

static enum ks_err fail(struct konsil *k, const struct ks_transfer *transfer, const char *code, struct ks_str detail)
{
    return end(k, transfer, KS_JS_TRANSFER_STATE_FAILED, code, detail);
}

/* Anew, after a while. */
static enum ks_err again(struct konsil *k, const struct ks_transfer *transfer, const char *code)
{
    struct ks_move *move = move_of(k, transfer);
    int64_t pause = KS_TRANSFER_RETRY_MS;

    if (!move)
        return KS_OK;
    for (unsigned i = 0; i < move->tries && pause < KS_TRANSFER_RETRY_MAX_MS; i++)
        pause *= 2;
    clear_try(move);
    move->tries++;
    move->retry_ms = k->now.mono_ms + (pause < KS_TRANSFER_RETRY_MAX_MS ? pause : KS_TRANSFER_RETRY_MAX_MS);
    ks_transfers_wake(k);
    return tell(k, transfer, KS_JS_TRANSFER_STATE_WAITING, code, KS_STR_EMPTY);
}

/* --- beginning a try --- */

static enum ks_err put_z(char **at, struct ks_str text)
{
    free_wiped(at);
    return (*at = ks_str_dup(text)) ? KS_OK : KS_ENOMEM;
}

static enum ks_err begin_up(struct konsil *k, struct ks_move *move, const struct ks_transfer *transfer)
{
    enum ks_err err;

    switch (k->transfers.service.state) {
    case KS_SERVICE_UNASKED:
        err = ks_upload_find(k);
        return err == KS_EAGAIN ? KS_OK : err;
    case KS_SERVICE_ASKING:
        return KS_OK;
    case KS_SERVICE_NONE:
        return fail(k, transfer, KS_CODE_FILE_NO_SERVICE, KS_STR_EMPTY);
    case KS_SERVICE_THERE:
        break;
    }
    if ((err = put_z(&move->path, transfer->path)) != KS_OK)
        return err;
    move->phase = KS_MOVE_LOOKING;
    move->give = true;
    return KS_OK;
}

/* doc/PROTOCOL.md §5.8: nobody can make us ask anybody else. */
static bool may_be_fetched(struct konsil *k, struct ks_str url, struct ks_str author)
{
    struct ks_str host = ks_file_url_host(url);

    return ks_file_host_of_domain(host, ks_str_z(k->domain))
        || ks_file_host_of_domain(host, ks_jid_split(author).domain);
}

static enum ks_err begin_down(struct konsil *k, struct ks_move *move, const struct ks_transfer *transfer)
{
    const struct ks_file_share *file;
    struct ks_message message;
    struct ks_files files;
    struct ks_str name;
    enum ks_err err = ks_history_get(k, transfer->conversation, transfer->order, &message);

    if (err == KS_ENOTFOUND || (err == KS_OK && !(message.flags & KS_MSG_FILES)))
        return fail(k, transfer, KS_CODE_RETRACTED, KS_STR_EMPTY);
    if (err != KS_OK || (err = ks_files_decode(&k->arena, message.files, &files)) != KS_OK)
        return err;
    if (transfer->file >= files.count)
        return fail(k, transfer, KS_CODE_FILE_NONE, KS_STR_EMPTY);
    file = &files.items[transfer->file];
    if (!may_be_fetched(k, file->url, message.author))
        return fail(k, transfer, KS_CODE_FILE_ADDRESS, ks_file_url_host(file->url));
    if ((err = ks_file_name_harmless(&k->arena, file->name, &name)) != KS_OK
        || (err = put_z(&move->name, name)) != KS_OK || (err = put_z(&move->path, transfer->path)) != KS_OK
        || (err = put_z(&move->url, file->url)) != KS_OK)
        return err;
    move->secret = file->secret;
    move->marks = file->marks;
    /* Of a file whose size its message does not tell there are no hashes, either (XEP-0454). */
    move->bytes = file->marks.has_sha256 || file->marks.has_sealed_sha256 ? file->marks.bytes + KS_FILE_TAG_LEN : 0;
    move->phase = KS_MOVE_MOVING;
    move->give = true;
    return tell(k, transfer, KS_JS_TRANSFER_STATE_MOVING, NULL, KS_STR_EMPTY);
}

static enum ks_err choose(struct konsil *k, enum ks_direction direction, struct ks_transfer *ret_transfer)
{
    struct ks_transfer *items;
    size_t count;
    enum ks_err err = load_all(k, &items, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++)
        if (items[i].direction == direction) {
            *ret_transfer = items[i];
            return KS_OK;
        }
    return err == KS_OK ? KS_ENOTFOUND : err;
}

/* What failed at once makes place for the next: woken by end(). */
static enum ks_err advance(struct konsil *k, struct ks_move *move, enum ks_direction direction)
{
    struct ks_transfer transfer;
    enum ks_err err;

    if (move->phase != KS_MOVE_IDLE || !ks_online(k) || !k->outbox.open)
        return KS_OK;
    if (move->number && move->retry_ms > k->now.mono_ms) {
        k->wait_ms[KS_WAIT_TRANSFER] = ks_sooner(k->wait_ms[KS_WAIT_TRANSFER], move->retry_ms);
        return KS_OK;
    }
    if ((err = choose(k, direction, &transfer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (move->number != transfer.number)
        clear_move(move);
    move->number = transfer.number;
    return direction == KS_UP ? begin_up(k, move, &transfer) : begin_down(k, move, &transfer);
}

static enum ks_err advance_all(struct konsil *k, void *arg)
{
    enum ks_err err = advance(k, &k->transfers.up, KS_UP);

    (void)arg;
    return err == KS_OK ? advance(k, &k->transfers.down, KS_DOWN) : err;
}

void ks_transfers_due(struct konsil *k)
{
    k->wait_ms[KS_WAIT_TRANSFER] = KS_NEVER;
    if (k->omemo)
        (void)ks_step(k, advance_all, NULL);
}

/* --- up --- */

enum ks_err ks_transfers_slot(struct konsil *k, uint64_t number, const struct ks_upload_slot *slot)
{
    struct ks_move *move = &k->transfers.up;
    struct ks_transfer transfer;
    enum ks_err err;

    if (move->number != number || move->phase != KS_MOVE_ASKING)
        return KS_OK;
    if ((err = load(k, number, &transfer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    if (slot->code)
        return slot->later ? again(k, &transfer, slot->code) : fail(k, &transfer, slot->code, slot->detail);
    if ((err = put_z(&move->url, slot->put)) != KS_OK || (err = put_z(&move->get, slot->get)) != KS_OK
        || (err = put_z(&move->headers, slot->headers)) != KS_OK)
        return err;
    ks_file_secret_make(&k->prng, &move->secret);
    if (!(move->sealer = ks_file_sealer_new(&move->secret)))
        return KS_ENOMEM;
    move->phase = KS_MOVE_MOVING;
    move->give = true;
    return tell(k, &transfer, KS_JS_TRANSFER_STATE_MOVING, NULL, KS_STR_EMPTY);
}

/* What the host says, for a step. */
struct said {
    uint64_t number, bytes;
    enum konsil_file_why why;
    unsigned status;
    const char *path;
};

static enum ks_err take_size(struct konsil *k, void *arg)
{
    const struct said *said = arg;
    struct ks_move *move = &k->transfers.up;
    uint64_t max = k->transfers.service.bytes_max;
    struct ks_transfer transfer;
    struct ks_str text = KS_STR_EMPTY;
    enum ks_err err;

    if (move->number != said->number || move->phase != KS_MOVE_LOOKING)
        return KS_OK;
    if ((err = load(k, said->number, &transfer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    if (!max || max > KS_FILE_BYTES_MAX)
        max = KS_FILE_BYTES_MAX;
    if (said->bytes > max || said->bytes + KS_FILE_TAG_LEN > max) {
        err = ks_upload_size_text(k, max, &text);
        return err == KS_OK ? fail(k, &transfer, KS_CODE_FILE_TOO_BIG, text) : err;
    }
    move->marks.bytes = said->bytes;
    move->bytes = said->bytes + KS_FILE_TAG_LEN;
    move->phase = KS_MOVE_ASKING;
    err = k->transfers.service.jid ? ks_upload_ask(k, move->bytes, said->number) : KS_EAGAIN;
    return err == KS_EAGAIN ? again(k, &transfer, KS_CODE_FILE_NETWORK) : err;
}

/* The file as the message names it, and its text: programs that know no files get that in a message of its own. */
static enum ks_err say_it(struct konsil *k, struct ks_transfer *transfer, struct ks_str *ret_id)
{
    const struct ks_move *move = &k->transfers.up;
    struct ks_file_share *file = &transfer->files.items[0];
    struct ks_content content = { .says = KS_SAYS_TEXT, .k.urgency = transfer->urgency },
                      caption = { .says = KS_SAYS_TEXT, .body = transfer->caption, .k.urgency = transfer->urgency };
    struct ks_peer peer;
    struct ks_str id;
    bool room;
    enum ks_err err;

    file->url = ks_str_z(move->get);
    file->secret = move->secret;
    file->marks = move->marks;
    content.files = transfer->files;
    if ((err = ks_group_is(k, transfer->conversation, &room)) != KS_OK
        || (err = ks_peer_load(k, transfer->conversation, &peer)) != KS_OK)
        return err;
    if (room || peer.konsil)
        content.body = transfer->caption;
    if ((err = ks_outbox_add(k, transfer->conversation, &content, ret_id)) != KS_OK)
        return err;
    return content.body.len || !caption.body.len ? KS_OK : ks_outbox_add(k, transfer->conversation, &caption, &id);
}

static enum ks_err take_stored(struct konsil *k, void *arg)
{
    const struct said *said = arg;
    struct ks_move *move = &k->transfers.up;
    struct ks_transfer transfer = { .number = 0 };
    enum ks_err err;

    if (move->number != said->number || move->phase != KS_MOVE_MOVING || !move->sealed_all)
        return KS_OK;
    if ((err = load(k, said->number, &transfer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    if ((err = say_it(k, &transfer, &transfer.message)) != KS_OK)
        return err;
    return end(k, &transfer, KS_JS_TRANSFER_STATE_DONE, NULL, KS_STR_EMPTY);
}

/* --- both ways --- */

static struct ks_move *find_move(struct konsil *k, uint64_t number)
{
    return number == 0                       ? NULL
        : k->transfers.up.number == number   ? &k->transfers.up
        : k->transfers.down.number == number ? &k->transfers.down
                                             : NULL;
}

static enum ks_err take_moved(struct konsil *k, void *arg)
{
    const struct said *said = arg;
    struct ks_transfer transfer;
    enum ks_err err = load(k, said->number, &transfer);

    return err == KS_OK ? tell(k, &transfer, KS_JS_TRANSFER_STATE_MOVING, NULL, KS_STR_EMPTY) : err;
}

static enum ks_err take_saved(struct konsil *k, void *arg)
{
    const struct said *said = arg;
    struct ks_move *move = &k->transfers.down;
    struct ks_transfer transfer;
    enum ks_err err;

    if (move->number != said->number || move->phase != KS_MOVE_MOVING)
        return KS_OK;
    if ((err = load(k, said->number, &transfer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    transfer.path = ks_str_z(said->path);
    return end(k, &transfer, KS_JS_TRANSFER_STATE_DONE, NULL, KS_STR_EMPTY);
}

static const char *const codes[] = { [KONSIL_FILE_NETWORK] = KS_CODE_FILE_NETWORK,
    [KONSIL_FILE_REFUSED] = KS_CODE_FILE_REFUSED,
    [KONSIL_FILE_GONE] = KS_CODE_FILE_GONE,
    [KONSIL_FILE_TOO_BIG] = KS_CODE_FILE_TOO_BIG,
    [KONSIL_FILE_NO_ROOM] = KS_CODE_FILE_NO_ROOM,
    [KONSIL_FILE_UNREADABLE] = KS_CODE_FILE_UNREADABLE,
    [KONSIL_FILE_UNWRITABLE] = KS_CODE_FILE_UNWRITABLE,
    [KONSIL_FILE_CHANGED] = KS_CODE_FILE_CHANGED,
    [KONSIL_FILE_CERTIFICATE] = KS_CODE_CERTIFICATE,
    [KONSIL_FILE_NOT_GENUINE] = KS_CODE_FILE_NOT_GENUINE };

static enum ks_err take_failed(struct konsil *k, void *arg)
{
    const struct said *said = arg;
    const struct ks_move *move = find_move(k, said->number);
    struct ks_transfer transfer;
    const char *code = codes[said->why];
    struct ks_buf text;
    struct ks_str detail = KS_STR_EMPTY;
    enum ks_err err;

    if (!move || (move->phase != KS_MOVE_MOVING && move->phase != KS_MOVE_LOOKING))
        return KS_OK;
    if ((err = load(k, said->number, &transfer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    /* A slot's time may have run out while its turn came; a new one is asked for. */
    if (said->why == KONSIL_FILE_NETWORK || said->why == KONSIL_FILE_CHANGED
        || (transfer.direction == KS_UP && (said->why == KONSIL_FILE_REFUSED || said->why == KONSIL_FILE_GONE)
            && move->tries < KS_TRANSFER_SLOTS_MAX))
        return again(k, &transfer, code);
    if (said->why == KONSIL_FILE_TOO_BIG && transfer.direction == KS_DOWN)
        code = KS_CODE_FILE_NOT_GENUINE;
    if (said->status) {
        ks_buf_init(&text, 16);
        ks_buf_u64_dec(&text, said->status);
        if ((err = ks_buf_err(&text)) == KS_OK)
            err = ks_arena_copy(&k->arena, ks_buf_str(&text), &detail);
        ks_buf_done(&text);
    }
    return err == KS_OK ? fail(k, &transfer, code, detail) : err;
}

enum ks_err ks_transfers_erased(struct konsil *k, struct ks_str conversation, int64_t order)
{
    struct ks_transfer *items;
    size_t count;
    enum ks_err err = load_all(k, &items, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++)
        if (items[i].direction == KS_DOWN && items[i].order == order && ks_str_eq(items[i].conversation, conversation)
            && (err = stop_host(k, &items[i])) == KS_OK)
            err = fail(k, &items[i], KS_CODE_RETRACTED, KS_STR_EMPTY);
    return err;
}

/* --- people's door --- */

static enum ks_err taken(struct konsil *k, const struct ks_cmd *cmd, const struct ks_transfer *transfer)
{
    struct ks_ev_result event = {
        .re = cmd->id, .cmd = ks_str_z(ks_cmd_shapes[cmd->kind].name), .transfer = (int64_t)transfer->number
    };
    enum ks_err err;

    ks_transfers_wake(k);
    if ((err = ks_tell(k, KS_EV_RESULT, &event)) != KS_OK)
        return err;
    return tell(k, transfer, KS_JS_TRANSFER_STATE_WAITING, ks_online(k) ? NULL : KS_CODE_WAIT_CONNECTION, KS_STR_EMPTY);
}

/* KS_ELIMIT: there are too many. */
static enum ks_err add(struct konsil *k, struct ks_transfer *transfer)
{
    uint64_t count;
    enum ks_err err = ks_transfers_count(k, &count);

    if (err == KS_OK && count >= KS_TRANSFERS_MAX - 1)
        return KS_ELIMIT;
    if (err != KS_OK || (err = new_number(k, &transfer->number)) != KS_OK)
        return err;
    transfer->made_ms = k->now.wall_ms;
    return save(k, transfer);
}

static bool has_controls(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return true;
    return false;
}

/* NULL, or the member that is wrong. */
static const char *read_file(struct konsil *k, const struct ks_cmd_file_send *send, struct ks_files *files)
{
    struct ks_file_share *file = files->items;

    file->name = send->name;
    file->type = send->type.len ? send->type : KS_STR("application/octet-stream");
    file->width = (uint64_t)send->width;
    file->height = (uint64_t)send->height;
    if (has_controls(send->name))
        return "name";
    if (!ks_file_type_good(file->type))
        return "type";
    if (send->thumbnail.len
        && (ks_base64_read(&k->arena, send->thumbnail, &file->thumbnail) != KS_OK
            || file->thumbnail.len > KS_FILE_THUMBNAIL_MAX || !ks_file_type_good(send->thumbnail_type)))
        return "thumbnail";
    file->thumbnail_type = send->thumbnail_type;
    files->set = send->set;
    files->part = (uint32_t)send->part;
    files->of = (uint32_t)send->of;
    if (files->of ? !files->set.len || !files->part || files->part > files->of : files->set.len || files->part)
        return "part";
    return NULL;
}

enum ks_err ks_transfer_send(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_file_send *send = &cmd->file_send;
    struct ks_file_share file = { .width = 0 };
    struct ks_transfer transfer = { .direction = KS_UP,
        .conversation = send->to,
        .path = send->path,
        .caption = send->caption,
        .urgency = send->wake == KS_JS_WAKE_HIGH ? KS_URGENCY_HIGH
            : send->wake == KS_JS_WAKE_NONE      ? KS_URGENCY_NONE
                                                 : KS_URGENCY_NORMAL,
        .files = { .items = &file, .count = 1 } };
    const char *wrong = read_file(k, send, &transfer.files);
    enum ks_err err;

    if (ks_str_eq(send->to, ks_own(k)))
        return ks_cmd_refuse(k, cmd, KS_CODE_TO_SELF, KS_STR_EMPTY);
    if (wrong)
        return ks_cmd_refuse(k, cmd, KS_CODE_COMMAND_MEMBER_WRONG, ks_str_z(wrong));
    if ((err = add(k, &transfer)) == KS_ELIMIT)
        return ks_cmd_refuse(k, cmd, KS_CODE_FILE_TOO_MANY, KS_STR_EMPTY);
    return err == KS_OK ? taken(k, cmd, &transfer) : err;
}

enum ks_err ks_transfer_get(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_file_get *get = &cmd->file_get;
    struct ks_transfer transfer = { .direction = KS_DOWN,
        .conversation = get->conversation,
        .path = get->path,
        .message = get->message,
        .file = (uint32_t)get->file };
    struct ks_files files = { .count = 0 };
    struct ks_message message;
    enum ks_err err = ks_history_find(k, get->conversation, get->message, KS_STR_EMPTY, &message);

    if (err == KS_ENOTFOUND)
        return ks_cmd_refuse(k, cmd, KS_CODE_NO_MESSAGE, KS_STR_EMPTY);
    if (err == KS_OK && message.flags & KS_MSG_FILES)
        err = ks_files_decode(&k->arena, message.files, &files);
    if (err != KS_OK)
        return err;
    if (message.flags & KS_MSG_RETRACTED || transfer.file >= files.count)
        return ks_cmd_refuse(
            k, cmd, message.flags & KS_MSG_RETRACTED ? KS_CODE_RETRACTED : KS_CODE_FILE_NONE, KS_STR_EMPTY);
    transfer.order = message.order;
    if ((err = add(k, &transfer)) == KS_ELIMIT)
        return ks_cmd_refuse(k, cmd, KS_CODE_FILE_TOO_MANY, KS_STR_EMPTY);
    return err == KS_OK ? taken(k, cmd, &transfer) : err;
}

enum ks_err ks_transfer_cancel(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_transfer transfer;
    enum ks_err err = load(k, (uint64_t)cmd->file_cancel.transfer, &transfer);

    if (err == KS_ENOTFOUND)
        return ks_cmd_refuse(k, cmd, KS_CODE_FILE_NO_TRANSFER, KS_STR_EMPTY);
    if (err != KS_OK || (err = ks_cmd_done(k, cmd)) != KS_OK || (err = stop_host(k, &transfer)) != KS_OK)
        return err;
    return fail(k, &transfer, KS_CODE_FILE_CANCELLED, KS_STR_EMPTY);
}

enum ks_err ks_transfer_list(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_ev_transfers event = { .re = cmd->id };
    struct ks_js_transfer *shown;
    struct ks_transfer *items;
    size_t count;
    enum ks_err err = load_all(k, &items, &count);

    if (err != KS_OK)
        return err;
    if (!(shown = ks_arena_zero(&k->arena, (count + 1) * sizeof(*shown))))
        return KS_ENOMEM;
    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = event_of(k, &items[i], &shown[i]);
    event.transfers.items = shown;
    event.transfers.count = count;
    return err == KS_OK ? ks_tell(k, KS_EV_TRANSFERS, &event) : err;
}

/* --- the host's door --- */

static void give(struct konsil *k, const struct ks_move *move, enum konsil_file_kind kind, struct konsil_file *ret_file)
{
    (void)k;
    *ret_file = (struct konsil_file) { .kind = kind,
        .transfer = move->number,
        .path = move->path,
        .name = move->name ? move->name : "",
        .url = move->url ? move->url : "",
        .headers = move->headers ? move->headers : "",
        .bytes = move->bytes };
}

bool konsil_next_file(struct konsil *k, struct konsil_file *ret_file)
{
    struct ks_transfers *all = &k->transfers;

    if (k->failed != KS_OK)
        return false;
    if (!ks_list_empty(&all->stops)) {
        struct stop *stop = KS_CONTAINER(all->stops.next, struct stop, link);
        free_wiped(&all->given);
        all->given = stop->path;
        stop->path = NULL;
        *ret_file = (struct konsil_file) {
            .kind = KONSIL_FILE_STOP, .transfer = stop->number, .path = all->given, .name = "", .url = "", .headers = ""
        };
        free_stop(stop);
        return true;
    }
    if (all->up.give)
        give(k, &all->up, all->up.phase == KS_MOVE_LOOKING ? KONSIL_FILE_LOOK : KONSIL_FILE_PUT, ret_file);
    else if (all->down.give)
        give(k, &all->down, KONSIL_FILE_GET, ret_file);
    else
        return false;
    *(all->up.give ? &all->up.give : &all->down.give) = false;
    return true;
}

static void hear(struct konsil *k, ks_step_fn *step, struct said said, struct konsil_now now)
{
    k->now = (struct ks_now) { now.mono_ms, now.wall_ms };
    if (k->failed == KS_OK)
        (void)ks_step(k, step, &said);
    ks_engine_due(k);
}

void konsil_file_size(struct konsil *k, uint64_t transfer, uint64_t bytes, struct konsil_now now)
{
    hear(k, take_size, (struct said) { .number = transfer, .bytes = bytes }, now);
}

void konsil_file_moved(struct konsil *k, uint64_t transfer, uint64_t bytes, struct konsil_now now)
{
    struct ks_move *move = find_move(k, transfer);

    if (!move || move->phase != KS_MOVE_MOVING)
        return;
    /* A download goes on from where it broke: what comes further is no failure without end. */
    if (move == &k->transfers.down && bytes > move->moved)
        move->tries = 0;
    move->moved = bytes;
    if (now.mono_ms < move->told_ms + TELL_MS)
        return;
    move->told_ms = now.mono_ms;
    hear(k, take_moved, (struct said) { .number = transfer }, now);
}

void konsil_file_stored(struct konsil *k, uint64_t transfer, struct konsil_now now)
{
    hear(k, take_stored, (struct said) { .number = transfer }, now);
}

void konsil_file_saved(struct konsil *k, uint64_t transfer, const char *path, struct konsil_now now)
{
    hear(k, take_saved, (struct said) { .number = transfer, .path = path }, now);
}

void konsil_file_failed(
    struct konsil *k, uint64_t transfer, enum konsil_file_why why, unsigned status, struct konsil_now now)
{
    assert(why >= KONSIL_FILE_NETWORK && why <= KONSIL_FILE_NOT_GENUINE);
    hear(k, take_failed, (struct said) { .number = transfer, .why = why, .status = status }, now);
}

/* --- bytes: nothing of it is kept, so there is no step --- */

bool konsil_file_seal(struct konsil *k, uint64_t transfer, const uint8_t *bytes, size_t len, uint8_t *ret_sealed)
{
    struct ks_move *move = &k->transfers.up;

    if (find_move(k, transfer) != move || !move->sealer || move->sealed_all || len > move->marks.bytes - move->sealed)
        return false;
    move->sealed += len;
    return ks_file_seal(move->sealer, ks_str(bytes, len), ret_sealed) == KS_OK;
}

bool konsil_file_seal_end(struct konsil *k, uint64_t transfer, uint8_t ret_tag[16])
{
    struct ks_move *move = &k->transfers.up;

    if (find_move(k, transfer) != move || !move->sealer || move->sealed_all || move->sealed != move->marks.bytes)
        return false;
    ks_file_seal_end(move->sealer, ret_tag, &move->marks);
    move->sealed_all = true;
    return true;
}

static struct ks_move *opening(struct konsil *k, uint64_t transfer)
{
    struct ks_move *move = &k->transfers.down;

    return find_move(k, transfer) == move && move->phase == KS_MOVE_MOVING ? move : NULL;
}

bool konsil_file_check_begin(struct konsil *k, uint64_t transfer, uint64_t sealed_bytes)
{
    struct ks_move *move = opening(k, transfer);

    if (!move || sealed_bytes < KS_FILE_TAG_LEN || sealed_bytes - KS_FILE_TAG_LEN > KS_FILE_BYTES_MAX
        || (move->bytes && move->bytes != sealed_bytes))
        return false;
    move->marks.bytes = sealed_bytes - KS_FILE_TAG_LEN;
    ks_file_opener_free(move->opener);
    move->opener = ks_file_opener_new(&move->secret, &move->marks);
    move->sealed_all = false;
    return move->opener != NULL;
}

bool konsil_file_check(struct konsil *k, uint64_t transfer, const uint8_t *sealed, size_t len)
{
    struct ks_move *move = opening(k, transfer);

    return move && move->opener && ks_file_open(move->opener, ks_str(sealed, len), NULL, NULL) == KS_OK;
}

bool konsil_file_check_end(struct konsil *k, uint64_t transfer)
{
    struct ks_move *move = opening(k, transfer);

    if (!move || !move->opener)
        return false;
    move->sealed_all = ks_file_open_end(move->opener) == KS_OK;
    return move->sealed_all;
}

bool konsil_file_open(
    struct konsil *k, uint64_t transfer, const uint8_t *sealed, size_t len, uint8_t *ret_bytes, size_t *ret_len)
{
    struct ks_move *move = opening(k, transfer);

    *ret_len = 0;
    return move && move->sealed_all && ks_file_open(move->opener, ks_str(sealed, len), ret_bytes, ret_len) == KS_OK;
}

bool konsil_file_open_end(struct konsil *k, uint64_t transfer)
{
    struct ks_move *move = opening(k, transfer);

    return move && move->sealed_all && ks_file_open_end(move->opener) == KS_OK;
}
