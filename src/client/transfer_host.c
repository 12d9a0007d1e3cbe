/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* transfer_host.c -- files on their way: what the host is given, what it says, and the bytes (transfer.h, konsil.h). */
#include <stdlib.h>

#include "engine.h"
#include "peers.h"

#define TELL_MS 500 /* how often people are told how far it came */

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
    if ((err = ks_transfer_load(k, said->number, &transfer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    if (!max || max > KS_FILE_BYTES_MAX)
        max = KS_FILE_BYTES_MAX;
    if (said->bytes > max || said->bytes + KS_FILE_TAG_LEN > max) {
        err = ks_upload_size_text(k, max, &text);
        return err == KS_OK ? ks_transfer_fail(k, &transfer, KS_CODE_FILE_TOO_BIG, text) : err;
    }
    move->marks.bytes = said->bytes;
    move->bytes = said->bytes + KS_FILE_TAG_LEN;
    move->phase = KS_MOVE_ASKING;
    err = k->transfers.service.jid ? ks_upload_ask(k, move->bytes, said->number) : KS_EAGAIN;
    return err == KS_EAGAIN ? ks_transfer_again(k, &transfer, KS_CODE_FILE_NETWORK) : err;
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
    if ((err = ks_transfer_load(k, said->number, &transfer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    if ((err = say_it(k, &transfer, &transfer.message)) != KS_OK)
        return err;
    return ks_transfer_end(k, &transfer, KS_JS_TRANSFER_STATE_DONE, NULL, KS_STR_EMPTY);
}

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
    enum ks_err err = ks_transfer_load(k, said->number, &transfer);

    return err == KS_OK ? ks_transfer_tell(k, &transfer, KS_JS_TRANSFER_STATE_MOVING, NULL, KS_STR_EMPTY) : err;
}

static enum ks_err take_saved(struct konsil *k, void *arg)
{
    const struct said *said = arg;
    struct ks_move *move = &k->transfers.down;
    struct ks_transfer transfer;
    enum ks_err err;

    if (move->number != said->number || move->phase != KS_MOVE_MOVING)
        return KS_OK;
    if ((err = ks_transfer_load(k, said->number, &transfer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    transfer.path = ks_str_z(said->path);
    return ks_transfer_end(k, &transfer, KS_JS_TRANSFER_STATE_DONE, NULL, KS_STR_EMPTY);
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
    if ((err = ks_transfer_load(k, said->number, &transfer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    /* A slot's time may have run out while its turn came; a new one is asked for. */
    if (said->why == KONSIL_FILE_NETWORK || said->why == KONSIL_FILE_CHANGED
        || (transfer.direction == KS_UP && (said->why == KONSIL_FILE_REFUSED || said->why == KONSIL_FILE_GONE)
            && move->tries < KS_TRANSFER_SLOTS_MAX))
        return ks_transfer_again(k, &transfer, code);
    if (said->why == KONSIL_FILE_TOO_BIG && transfer.direction == KS_DOWN)
        code = move->bytes ? KS_CODE_FILE_NOT_GENUINE : KS_CODE_FILE_ENDLESS;
    if (said->status) {
        ks_buf_init(&text, 16);
        ks_buf_u64_dec(&text, said->status);
        if ((err = ks_buf_err(&text)) == KS_OK)
            err = ks_arena_copy(&k->arena, ks_buf_str(&text), &detail);
        ks_buf_done(&text);
    }
    return err == KS_OK ? ks_transfer_fail(k, &transfer, code, detail) : err;
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
        struct ks_transfer_stop_note *stop = KS_CONTAINER(all->stops.next, struct ks_transfer_stop_note, link);
        free(all->given);
        all->given = stop->path;
        stop->path = NULL;
        *ret_file = (struct konsil_file) {
            .kind = KONSIL_FILE_STOP, .transfer = stop->number, .path = all->given, .name = "", .url = "", .headers = ""
        };
        ks_transfer_free_stop(stop);
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
    /* A download goes on from where it broke: what comes further than ever before is no failure without end. */
    if (move == &k->transfers.down && bytes > move->reached) {
        move->reached = bytes;
        move->tries = 0;
    }
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
