/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "transfer.h"

#include <stdlib.h>

#include "engine.h"
#include "history.h"

#define NUMBER_KEY "transfer" /* the last one that was given */
#define NUMBERS_FROM (1ULL << 40)
#define RECORD_MAX (KS_FILES_RECORD_MAX + 65536)

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

enum ks_err ks_transfer_load(struct konsil *k, uint64_t number, struct ks_transfer *ret_transfer)
{
    struct number_key key;
    struct ks_str record;
    enum ks_err err = ks_store_get(k, KS_T_TRANSFER, number_key(&key, number), &record);

    ret_transfer->number = number;
    return err == KS_OK ? ks_transfer_decode(&k->arena, record, ret_transfer) : err;
}

enum ks_err ks_transfer_save(struct konsil *k, const struct ks_transfer *transfer)
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
enum ks_err ks_transfer_all(struct konsil *k, struct ks_transfer **ret_items, size_t *ret_count)
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

enum ks_err ks_transfer_new_number(struct konsil *k, uint64_t *ret_number)
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
    enum ks_err err = ks_transfer_all(k, &items, &count);

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
    move->reached = 0;
    move->retry_ms = move->told_ms = 0;
}

void ks_transfers_init(struct konsil *k)
{
    ks_list_init(&k->transfers.stops);
}

void ks_transfer_free_stop(struct ks_transfer_stop_note *stop)
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
        ks_transfer_free_stop(KS_CONTAINER(at, struct ks_transfer_stop_note, link));
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

enum ks_err ks_transfer_event(struct konsil *k, const struct ks_transfer *transfer, struct ks_js_transfer *event)
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

enum ks_err ks_transfer_tell(struct konsil *k, const struct ks_transfer *transfer, enum ks_js_transfer_state state,
    const char *reason, struct ks_str detail)
{
    struct ks_js_transfer shown;
    struct ks_ev_transfer event = { .transfer = &shown };
    enum ks_err err = ks_transfer_event(k, transfer, &shown);

    shown.state = state;
    shown.reason = ks_str_z(reason);
    shown.detail = detail.len ? detail : KS_STR_EMPTY;
    return err == KS_OK ? ks_tell(k, KS_EV_TRANSFER, &event) : err;
}

/* --- ends --- */

/* The host forgets it, whether it has it or left something in an earlier life. */
enum ks_err ks_transfer_stop(struct konsil *k, const struct ks_transfer *transfer)
{
    struct ks_transfer_stop_note *stop = calloc(1, sizeof *stop);

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
enum ks_err ks_transfer_end(struct konsil *k, const struct ks_transfer *transfer, enum ks_js_transfer_state state,
    const char *reason, struct ks_str detail)
{
    struct ks_move *move = move_of(k, transfer);
    enum ks_err err;

    if ((err = ks_transfer_tell(k, transfer, state, reason, detail)) != KS_OK
        || (err = drop(k, transfer->number)) != KS_OK)
        return err;
    if (move)
        clear_move(move);
    ks_transfers_wake(k);
    return KS_OK;
}

enum ks_err ks_transfer_fail(
    struct konsil *k, const struct ks_transfer *transfer, const char *code, struct ks_str detail)
{
    return ks_transfer_end(k, transfer, KS_JS_TRANSFER_STATE_FAILED, code, detail);
}

/* Anew, after a while. */
enum ks_err ks_transfer_again(struct konsil *k, const struct ks_transfer *transfer, const char *code)
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
    return ks_transfer_tell(k, transfer, KS_JS_TRANSFER_STATE_WAITING, code, KS_STR_EMPTY);
}

/* --- beginning a try --- */

static enum ks_err put_z(char **at, struct ks_str text)
{
    free_wiped(at);
    return (*at = ks_str_dup(text)) ? KS_OK : KS_ENOMEM;
}

static enum ks_err begin_up(struct konsil *k, struct ks_move *move, const struct ks_transfer *transfer)
{
    const char *closed;
    enum ks_err err = ks_group_closed_to_us(k, transfer->conversation, &closed);

    if (err != KS_OK || closed)
        return err == KS_OK ? ks_transfer_fail(k, transfer, closed, KS_STR_EMPTY) : err;
    switch (k->transfers.service.state) {
    case KS_SERVICE_UNASKED:
        err = ks_upload_find(k);
        return err == KS_EAGAIN ? KS_OK : err;
    case KS_SERVICE_ASKING:
        return KS_OK;
    case KS_SERVICE_NONE:
        return ks_transfer_fail(k, transfer, KS_CODE_FILE_NO_SERVICE, KS_STR_EMPTY);
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

    if (err == KS_ENOTFOUND || (err == KS_OK && !(message.flags & KS_MSG_FILES))) {
        err = ks_transfer_stop(k, transfer); /* what an earlier try left goes with the message */
        return err == KS_OK ? ks_transfer_fail(k, transfer, KS_CODE_RETRACTED, KS_STR_EMPTY) : err;
    }
    if (err != KS_OK || (err = ks_files_decode(&k->arena, message.files, &files)) != KS_OK)
        return err;
    if (transfer->file >= files.count)
        return ks_transfer_fail(k, transfer, KS_CODE_FILE_NONE, KS_STR_EMPTY);
    file = &files.items[transfer->file];
    if (!may_be_fetched(k, file->url, message.author))
        return ks_transfer_fail(k, transfer, KS_CODE_FILE_ADDRESS, ks_file_url_host(file->url));
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
    return ks_transfer_tell(k, transfer, KS_JS_TRANSFER_STATE_MOVING, NULL, KS_STR_EMPTY);
}

static enum ks_err choose(struct konsil *k, enum ks_direction direction, struct ks_transfer *ret_transfer)
{
    struct ks_transfer *items;
    size_t count;
    enum ks_err err = ks_transfer_all(k, &items, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++)
        if (items[i].direction == direction) {
            *ret_transfer = items[i];
            return KS_OK;
        }
    return err == KS_OK ? KS_ENOTFOUND : err;
}

/* What failed at once makes place for the next: woken by ks_transfer_end(). */
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
    if ((err = ks_transfer_load(k, number, &transfer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    if (slot->code)
        return slot->later ? ks_transfer_again(k, &transfer, slot->code)
                           : ks_transfer_fail(k, &transfer, slot->code, slot->detail);
    if ((err = put_z(&move->url, slot->put)) != KS_OK || (err = put_z(&move->get, slot->get)) != KS_OK
        || (err = put_z(&move->headers, slot->headers)) != KS_OK)
        return err;
    ks_file_secret_make(&k->prng, &move->secret);
    if (!(move->sealer = ks_file_sealer_new(&move->secret)))
        return KS_ENOMEM;
    move->phase = KS_MOVE_MOVING;
    move->give = true;
    return ks_transfer_tell(k, &transfer, KS_JS_TRANSFER_STATE_MOVING, NULL, KS_STR_EMPTY);
}

enum ks_err ks_transfers_erased(struct konsil *k, struct ks_str conversation, int64_t order, const char *code)
{
    struct ks_transfer *items;
    size_t count;
    enum ks_err err = ks_transfer_all(k, &items, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++)
        if (items[i].direction == KS_DOWN && items[i].order == order && ks_str_eq(items[i].conversation, conversation)
            && (err = ks_transfer_stop(k, &items[i])) == KS_OK)
            err = ks_transfer_fail(k, &items[i], code, KS_STR_EMPTY);
    return err;
}
