/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "outbox_record.h"

#include "engine.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define VERSION 1
#define KEY_BYTES_MAX 8192

/* --- records --- */

void ks_out_encode(struct ks_buf *buf, const struct ks_out *out)
{
    ks_buf_byte(buf, VERSION);
    ks_buf_field(buf, out->conversation);
    ks_buf_field(buf, out->id);
    ks_buf_byte(buf, (uint8_t)out->says);
    ks_buf_byte(buf, (uint8_t)out->state);
    ks_buf_u64(buf, out->epoch);
    ks_buf_u64(buf, out->number);
    ks_buf_add(buf, ks_str(out->hash, sizeof(out->hash)));
    ks_buf_u64(buf, (uint64_t)out->made_ms);
    ks_buf_u64(buf, (uint64_t)out->order);
    if (out->in_room)
        ks_buf_u64(buf, out->room_v);
}

enum ks_err ks_out_decode(struct ks_str record, struct ks_out *ret_out)
{
    struct ks_cursor at = ks_cursor(record);
    struct ks_str hash;
    uint64_t made, order;
    uint8_t version, says, state;

    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_field(&at, &ret_out->conversation) != KS_OK || ks_cursor_field(&at, &ret_out->id) != KS_OK
        || ks_cursor_u8(&at, &says) != KS_OK || ks_cursor_u8(&at, &state) != KS_OK
        || ks_cursor_u64(&at, &ret_out->epoch) != KS_OK || ks_cursor_u64(&at, &ret_out->number) != KS_OK
        || ks_cursor_take(&at, sizeof(ret_out->hash), &hash) != KS_OK || ks_cursor_u64(&at, &made) != KS_OK
        || ks_cursor_u64(&at, &order) != KS_OK || says > KS_SAYS_ROOM || state < KS_OUT_WAITING
        || state > KS_OUT_FAILED)
        return KS_ESTORE;
    ret_out->says = (enum ks_says)says;
    ret_out->state = (enum ks_out_state)state;
    memcpy(ret_out->hash, hash.ptr, sizeof(ret_out->hash));
    ret_out->made_ms = (int64_t)made;
    ret_out->order = (int64_t)order;
    ret_out->in_room = !ks_cursor_done(&at);
    if (ret_out->in_room && ks_cursor_u64(&at, &ret_out->room_v) != KS_OK)
        return KS_ESTORE;
    return KS_OK;
}

/* What is said of a room: nobody sends it by hand, and it is made when it is queued. */
static void encode_room(struct ks_buf *buf, const struct ks_content *content)
{
    struct ks_buf statement;

    ks_buf_init(&statement, 256 * 1024);
    if (content->room_statement)
        ks_xml_write(&statement, content->room_statement, KS_STR_EMPTY);
    ks_buf_field(buf, content->room);
    ks_buf_byte(buf, content->room_leave);
    ks_buf_u64(buf, content->room_v);
    ks_buf_add(buf, ks_str(content->room_hash, sizeof(content->room_hash)));
    ks_buf_field(buf, content->room_look);
    ks_buf_field(buf, ks_buf_str(&statement));
    if (ks_buf_err(&statement) != KS_OK && ks_buf_err(buf) == KS_OK)
        buf->err = ks_buf_err(&statement);
    ks_buf_done(&statement);
    ks_buf_u32(buf, (uint32_t)content->range_count);
    for (size_t i = 0; i < content->range_count; i++) {
        ks_buf_field(buf, content->ranges[i].jid);
        ks_buf_u32(buf, content->ranges[i].device);
        ks_buf_u64(buf, content->ranges[i].epoch);
        ks_buf_u64(buf, content->ranges[i].to);
        ks_buf_add(buf, ks_str(content->ranges[i].hash, sizeof(content->ranges[i].hash)));
    }
}

void ks_draft_encode(struct ks_buf *buf, const struct ks_content *content)
{
    ks_buf_byte(buf, VERSION);
    ks_buf_byte(buf, (uint8_t)content->says);
    ks_buf_byte(buf, (uint8_t)content->k.urgency);
    ks_buf_field(buf, content->body);
    ks_buf_field(buf, content->reply_to);
    ks_buf_field(buf, content->target_author);
    ks_buf_field(buf, content->target);
    ks_buf_byte(buf, (uint8_t)(content->has_ref | (content->signed_one.data.len > 0) << 1));
    ks_buf_add(buf, ks_str(content->ref_hash, sizeof(content->ref_hash)));
    ks_buf_u32(buf, (uint32_t)content->emoji_count);
    for (size_t i = 0; i < content->emoji_count; i++)
        ks_buf_field(buf, content->emoji[i]);
    if (content->signed_one.data.len > 0)
        ks_signed_encode(buf, &content->signed_one);
    if (content->says == KS_SAYS_ROOM)
        encode_room(buf, content);
    else if (content->files.count)
        ks_files_encode(buf, &content->files);
}

static enum ks_err read_heads(struct ks_arena *arena, struct ks_cursor *at, struct ks_content *content)
{
    uint32_t count;

    if (ks_cursor_u32(at, &count) != KS_OK || count > KS_ACK_RANGES_MAX)
        return KS_ESTORE;
    if (!(content->ranges = ks_arena_zero(arena, (count + 1) * sizeof(*content->ranges))))
        return KS_ENOMEM;
    for (content->range_count = 0; content->range_count < count; content->range_count++) {
        struct ks_ack_range *head = &content->ranges[content->range_count];
        struct ks_str hash;

        if (ks_cursor_field(at, &head->jid) != KS_OK || ks_cursor_u32(at, &head->device) != KS_OK
            || ks_cursor_u64(at, &head->epoch) != KS_OK || ks_cursor_u64(at, &head->to) != KS_OK
            || ks_cursor_take(at, sizeof(head->hash), &hash) != KS_OK)
            return KS_ESTORE;
        memcpy(head->hash, hash.ptr, hash.len);
        head->from = head->to;
    }
    return KS_OK;
}

static enum ks_err read_room(struct ks_arena *arena, struct ks_cursor *at, struct ks_content *content)
{
    struct ks_str hash, statement;
    uint8_t leave;
    enum ks_err err;

    if (ks_cursor_field(at, &content->room) != KS_OK || ks_cursor_u8(at, &leave) != KS_OK
        || ks_cursor_u64(at, &content->room_v) != KS_OK
        || ks_cursor_take(at, sizeof(content->room_hash), &hash) != KS_OK
        || ks_cursor_field(at, &content->room_look) != KS_OK || ks_cursor_field(at, &statement) != KS_OK)
        return KS_ESTORE;
    content->room_leave = leave;
    memcpy(content->room_hash, hash.ptr, hash.len);
    if (statement.len > 0
        && (err = ks_xml_read(arena, statement, KS_STR_EMPTY, KS_STR_EMPTY, &content->room_statement)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESTORE;
    return read_heads(arena, at, content);
}

static enum ks_err read_emoji(struct ks_arena *arena, struct ks_cursor *at, struct ks_content *content)
{
    uint32_t count;

    if (ks_cursor_u32(at, &count) != KS_OK || count > KS_EMOJI_READ_MAX)
        return KS_ESTORE;
    content->emoji_count = count;
    if (!(content->emoji = ks_arena_zero(arena, count * sizeof(*content->emoji))))
        return KS_ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        if (ks_cursor_field(at, &content->emoji[i]) != KS_OK)
            return KS_ESTORE;
    return KS_OK;
}

enum ks_err ks_draft_decode(struct ks_arena *arena, struct ks_str record, struct ks_content *ret_content)
{
    struct ks_cursor at = ks_cursor(record);
    struct ks_str hash;
    uint8_t version, says, urgency, has_ref;
    enum ks_err err;

    *ret_content = (struct ks_content) { .ours = true };
    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_u8(&at, &says) != KS_OK || ks_cursor_u8(&at, &urgency) != KS_OK
        || ks_cursor_field(&at, &ret_content->body) != KS_OK || ks_cursor_field(&at, &ret_content->reply_to) != KS_OK
        || ks_cursor_field(&at, &ret_content->target_author) != KS_OK
        || ks_cursor_field(&at, &ret_content->target) != KS_OK || ks_cursor_u8(&at, &has_ref) != KS_OK
        || ks_cursor_take(&at, sizeof(ret_content->ref_hash), &hash) != KS_OK
        || (says > KS_SAYS_RETRACT && says != KS_SAYS_ROOM) || urgency > KS_URGENCY_HIGH)
        return KS_ESTORE;
    ret_content->says = (enum ks_says)says;
    ret_content->k.urgency = (enum ks_urgency)urgency;
    ret_content->has_ref = has_ref & 1;
    memcpy(ret_content->ref_hash, hash.ptr, sizeof(ret_content->ref_hash));
    if ((err = read_emoji(arena, &at, ret_content)) != KS_OK)
        return err;
    if (has_ref & 2 && (err = ks_signed_decode(&at, &ret_content->signed_one)) != KS_OK)
        return err;
    if (says == KS_SAYS_ROOM)
        return read_room(arena, &at, ret_content);
    return ks_cursor_done(&at) ? KS_OK : ks_files_decode(arena, at.left, &ret_content->files);
}

/* --- rows --- */

struct row_key {
    char bytes[9];
};

static struct ks_str row_key(struct row_key *key, char kind, uint64_t seq)
{
    key->bytes[0] = kind;
    for (int i = 0; i < 8; i++)
        key->bytes[1 + i] = (char)(seq >> (56 - 8 * i));
    return ks_str(key->bytes, sizeof(key->bytes));
}

enum ks_err ks_out_get_row(struct konsil *k, char kind, uint64_t seq, struct ks_str *ret_value)
{
    struct row_key key;

    return ks_store_get(k, KS_T_OUTBOX, row_key(&key, kind, seq), ret_value);
}

enum ks_err ks_out_put_row(struct konsil *k, char kind, uint64_t seq, struct ks_str value)
{
    struct row_key key;

    return k->store->ops->put(k->store, KS_T_OUTBOX, row_key(&key, kind, seq), value);
}

enum ks_err ks_out_del_row(struct konsil *k, char kind, uint64_t seq)
{
    struct row_key key;

    return k->store->ops->del(k->store, KS_T_OUTBOX, row_key(&key, kind, seq));
}

enum ks_err ks_out_load(struct konsil *k, uint64_t seq, struct ks_out *ret_out)
{
    struct ks_str record;
    enum ks_err err = ks_out_get_row(k, 'h', seq, &record);

    *ret_out = (struct ks_out) { .seq = seq };
    return err == KS_OK ? ks_out_decode(record, ret_out) : err;
}

enum ks_err ks_out_save(struct konsil *k, const struct ks_out *out)
{
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init(&record, KEY_BYTES_MAX);
    ks_out_encode(&record, out);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = ks_out_put_row(k, 'h', out->seq, ks_buf_str(&record));
    ks_buf_done(&record);
    return err;
}

/* --- names --- */

static void id_key(struct ks_buf *key, struct ks_str id)
{
    ks_buf_init(key, KEY_BYTES_MAX);
    ks_buf_byte(key, 'i');
    ks_buf_add(key, id);
}

static void number_key(struct ks_buf *key, struct ks_str conversation, uint64_t epoch, uint64_t number)
{
    ks_buf_init(key, KEY_BYTES_MAX);
    ks_buf_byte(key, 'n');
    ks_buf_add(key, conversation);
    ks_buf_byte(key, 0);
    ks_buf_u64(key, epoch);
    ks_buf_u64(key, number);
}

/* Writes the name of a row, or takes it away (seq 0). Frees key. */
static enum ks_err set_name(struct konsil *k, struct ks_buf *key, uint64_t seq)
{
    struct row_key value;
    enum ks_err err = ks_buf_err(key);

    if (err == KS_OK && seq == 0)
        err = k->store->ops->del(k->store, KS_T_OUTBOX, ks_buf_str(key));
    else if (err == KS_OK)
        err = k->store->ops->put(k->store, KS_T_OUTBOX, ks_buf_str(key), ks_str_from(row_key(&value, 'h', seq), 1));
    ks_buf_done(key);
    return err;
}

static enum ks_err get_name(struct konsil *k, struct ks_buf *key, uint64_t *ret_seq)
{
    struct ks_str value;
    struct ks_cursor at;
    enum ks_err err = ks_buf_err(key);

    if (err == KS_OK)
        err = ks_store_get(k, KS_T_OUTBOX, ks_buf_str(key), &value);
    ks_buf_done(key);
    if (err != KS_OK)
        return err;
    at = ks_cursor(value);
    return ks_cursor_u64(&at, ret_seq) == KS_OK ? KS_OK : KS_ESTORE;
}

static enum ks_err set_names(struct konsil *k, const struct ks_out *out, uint64_t seq)
{
    struct ks_buf key;
    enum ks_err err;

    id_key(&key, out->id);
    if ((err = set_name(k, &key, seq)) != KS_OK || out->number == 0)
        return err;
    number_key(&key, out->conversation, out->epoch, out->number);
    return set_name(k, &key, seq);
}

enum ks_err ks_out_index(struct konsil *k, const struct ks_out *out)
{
    return set_names(k, out, out->seq);
}

enum ks_err ks_out_drop(struct konsil *k, const struct ks_out *out)
{
    static const char kinds[] = { 'h', 'd', 'e', 's', 'q', 'w', 'x', 'z', 'm' };
    enum ks_err err = set_names(k, out, 0);

    for (size_t i = 0; i < KS_COUNT(kinds) && err == KS_OK; i++)
        err = ks_out_del_row(k, kinds[i], out->seq);
    return err;
}

enum ks_err ks_out_by_id(struct konsil *k, struct ks_str id, uint64_t *ret_seq)
{
    struct ks_buf key;

    id_key(&key, id);
    return get_name(k, &key, ret_seq);
}

enum ks_err ks_out_by_number(
    struct konsil *k, struct ks_str conversation, uint64_t epoch, uint64_t number, uint64_t *ret_seq)
{
    struct ks_buf key;

    number_key(&key, conversation, epoch, number);
    return get_name(k, &key, ret_seq);
}

struct list {
    struct ks_arena *arena;
    uint64_t *seqs;
    size_t count, cap, max;
    enum ks_err err;
};

static bool take(void *user, struct ks_str key, struct ks_str value)
{
    struct list *list = user;
    struct ks_cursor at = ks_cursor(ks_str_from(key, 1));

    (void)value;
    if (list->count == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 64;
        uint64_t *seqs = ks_arena_alloc(list->arena, cap * sizeof(*seqs));

        if (!seqs) {
            list->err = KS_ENOMEM;
            return false;
        }
        if (list->count > 0)
            memcpy(seqs, list->seqs, list->count * sizeof(*seqs));
        list->seqs = seqs;
        list->cap = cap;
    }
    if (ks_cursor_u64(&at, &list->seqs[list->count]) != KS_OK) {
        list->err = KS_ESTORE;
        return false;
    }
    return ++list->count < list->max;
}

enum ks_err ks_out_list(struct konsil *k, char kind, size_t max, uint64_t **ret_seqs, size_t *ret_count)
{
    struct list list = { .arena = &k->arena, .max = max };
    enum ks_err err = k->store->ops->scan(k->store, KS_T_OUTBOX, ks_str(&kind, 1), KS_STR_EMPTY, false, take, &list);

    *ret_seqs = list.seqs;
    *ret_count = list.count;
    return err == KS_OK ? list.err : err;
}
