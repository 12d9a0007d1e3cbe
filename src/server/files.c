/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "files.h"

#include "crypto.h"
#include "enc.h"
#include "reactor.h"
#include "user.h"

#define ROW_VERSION 1
#define ID_BYTES (KS_FILE_ID_LEN / 2)

/* --- names --- */

static bool is_hex(struct ks_str text, size_t len)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.ptr[i] >= '0' && text.ptr[i] <= '9') || (text.ptr[i] >= 'a' && text.ptr[i] <= 'f')))
            return false;
    return text.len == len;
}

static void hex_write(const uint8_t *bytes, size_t len, char *to)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        to[2 * i] = digits[bytes[i] >> 4];
        to[2 * i + 1] = digits[bytes[i] & 15];
    }
}

bool ks_file_id_of(struct ks_str url, struct ks_str *ret_id)
{
    struct ks_str segment;

    while (url.len && ks_str_cut(&url, '/', &segment))
        if (is_hex(segment, KS_FILE_ID_LEN)) {
            *ret_id = segment;
            return true;
        }
    return false;
}

void ks_file_name_of(struct ks_str id, char ret_name[KS_FILE_NAME_LEN])
{
    const struct ks_str parts[] = { KS_STR("konsil file name\n"), id };
    uint8_t digest[KS_HASH_MAX];

    ks_hash_parts(KS_SHA256, parts, KS_COUNT(parts), digest);
    hex_write(digest, KS_FILE_NAME_LEN / 2, ret_name);
}

/* --- rows --- */

struct ks_str ks_file_row_write(const struct ks_file *file, char text[KS_FILE_ROW_MAX])
{
    struct ks_buf buf;
    struct ks_str row;

    ks_buf_init(&buf, KS_FILE_ROW_MAX);
    ks_buf_byte(&buf, ROW_VERSION);
    ks_buf_byte(&buf, (char)file->state);
    ks_buf_u64(&buf, file->bytes);
    ks_buf_u64(&buf, (uint64_t)file->made_ms);
    ks_buf_u64(&buf, (uint64_t)file->until_ms);
    if (file->state == KS_FILE_SLOT) {
        ks_buf_u64(&buf, (uint64_t)file->keep_ms);
        ks_buf_u64(&buf, file->device);
        ks_buf_add(&buf, ks_str(file->token, sizeof file->token));
    }
    row = ks_buf_err(&buf) == KS_OK ? ks_str(memcpy(text, buf.ptr, buf.len), buf.len) : KS_STR_EMPTY;
    ks_buf_done(&buf);
    return row;
}

bool ks_file_row_read(struct ks_str row, struct ks_file *ret_file)
{
    struct ks_cursor at = ks_cursor(row);
    struct ks_str head, token = KS_STR_EMPTY;
    uint64_t numbers[5] = { 0 };
    bool slot;

    if (ks_cursor_take(&at, 2, &head) != KS_OK || head.ptr[0] != ROW_VERSION)
        return false;
    slot = head.ptr[1] == KS_FILE_SLOT;
    if (!slot && head.ptr[1] != KS_FILE_STORED)
        return false;
    for (size_t i = 0; i < (slot ? 5U : 3U); i++)
        if (ks_cursor_u64(&at, &numbers[i]) != KS_OK)
            return false;
    if ((slot && ks_cursor_take(&at, KS_FILE_TOKEN_LEN, &token) != KS_OK) || !ks_cursor_done(&at))
        return false;
    *ret_file = (struct ks_file) { .state = (enum ks_file_state)head.ptr[1],
        .bytes = numbers[0],
        .made_ms = (int64_t)numbers[1],
        .until_ms = (int64_t)numbers[2],
        .keep_ms = (int64_t)numbers[3],
        .device = numbers[4] };
    if (slot)
        memcpy(ret_file->token, token.ptr, token.len);
    return true;
}

static bool find(const struct ks_user *user, struct ks_str name, struct ks_file *ret_file)
{
    struct ks_str row = ks_kv_get(user, KS_STORE_FILES, name);

    return row.ptr && ks_file_row_read(row, ret_file);
}

static void put(struct ks_ctx *ctx, struct ks_str name, const struct ks_file *file)
{
    char text[KS_FILE_ROW_MAX];
    struct ks_str row = ks_file_row_write(file, text);

    if (row.len)
        ks_kv_put(ctx, KS_STORE_FILES, name, row);
    else
        ctx->arena->failed = true;
}

void ks_files_add_slot(
    struct ks_ctx *ctx, const struct ks_file *slot, char ret_id[KS_FILE_ID_LEN], char ret_token[KS_FILE_TOKEN_LEN])
{
    uint8_t id[ID_BYTES], token[KS_FILE_TOKEN_LEN / 2];
    char name[KS_FILE_NAME_LEN];
    struct ks_file file = *slot;

    ks_prng_bytes(&ctx->reactor->prng, id, sizeof id);
    ks_prng_bytes(&ctx->reactor->prng, token, sizeof token);
    hex_write(id, sizeof id, ret_id);
    hex_write(token, sizeof token, ret_token);
    memcpy(file.token, ret_token, sizeof file.token);
    ks_file_name_of(ks_str(ret_id, KS_FILE_ID_LEN), name);
    put(ctx, ks_str(name, sizeof name), &file);
}

static bool take_away(struct ks_ctx *ctx, struct ks_str name, uint64_t *files)
{
    struct ks_store_req *txn;
    struct ks_file file;
    struct ks_str own, row = ks_kv_get(ctx->user, KS_STORE_FILES, name);

    if (!row.ptr)
        return false;
    *files += !ks_file_row_read(row, &file) || file.state == KS_FILE_STORED;
    /* The name may be a view into the row that goes. */
    if (ks_arena_copy(ctx->arena, name, &own) != KS_OK || !(txn = ks_ctx_txn(ctx))) {
        ctx->arena->failed = true;
        return true;
    }
    ks_store_txn_file_remove(txn, own);
    ks_kv_del(ctx, KS_STORE_FILES, own);
    return true;
}

bool ks_files_remove_url(struct ks_ctx *ctx, struct ks_str url, uint64_t *files)
{
    char name[KS_FILE_NAME_LEN];
    struct ks_str id;

    if (!ks_file_id_of(url, &id))
        return false;
    ks_file_name_of(id, name);
    return take_away(ctx, ks_str(name, sizeof name), files);
}

/* All rows that go says yes to; returns how many of them were more than a slot. */
static uint64_t remove_some(
    struct ks_ctx *ctx, bool (*go)(const struct ks_file *file, uint64_t number), uint64_t number)
{
    const struct ks_kv *row = NULL, *next = ks_kv_next(ctx->user, KS_STORE_FILES, NULL);
    struct ks_file file;
    uint64_t files = 0;

    while ((row = next)) {
        next = ks_kv_next(ctx->user, KS_STORE_FILES, row);
        if (row->key.len == KS_FILE_NAME_LEN && ks_file_row_read(row->value, &file) && go(&file, number))
            take_away(ctx, row->key, &files);
    }
    return files;
}

static bool is_any(const struct ks_file *file, uint64_t number)
{
    (void)file;
    (void)number;
    return true;
}

void ks_files_remove_all(struct ks_ctx *ctx, struct ks_str actor)
{
    ks_deletion_log(
        ctx, &(struct ks_deletion) { actor, "administrator" }, KS_FILES_CATEGORY, remove_some(ctx, is_any, 0));
}

static bool is_expired(const struct ks_file *file, uint64_t wall_ms)
{
    return file->until_ms <= (int64_t)wall_ms;
}

void ks_files_remove_expired(struct ks_ctx *ctx)
{
    uint64_t files = remove_some(ctx, is_expired, (uint64_t)ctx->now.wall_ms);

    ks_deletion_log(ctx, &(struct ks_deletion) { KS_STR("konsild"), "period" }, KS_FILES_CATEGORY, files);
}

static bool is_slot_of(const struct ks_file *file, uint64_t device)
{
    return file->state == KS_FILE_SLOT && (device == KS_DEVICES_ALL || file->device == device);
}

void ks_files_device_out(struct ks_ctx *ctx, uint64_t device)
{
    remove_some(ctx, is_slot_of, device);
}

/* --- questions of the edge --- */

static void answer_run(struct ks_ctx *ctx)
{
    struct ks_file_ask *ask = ctx->parcel->user;

    ks_list_append(&ctx->reactor->files, &ask->link);
}

static void answer(struct ks_reactor *r, struct ks_file_ask *ask, enum ks_file_answer what)
{
    struct ks_parcel *back = KS_TAKE(ask->back);

    if (!back)
        return; /* it is on its way: want of memory behind an answer changes nothing */
    ask->answer = what;
    ks_post(r, back);
}

static void refused(struct ks_reactor *r, struct ks_parcel *parcel)
{
    answer(r, parcel->user, KS_FILE_LATER);
}

static void recorded(struct ks_ctx *ctx)
{
    answer(ctx->reactor, ctx->parcel->user, KS_FILE_YES);
}

static void begin_run(struct ks_ctx *ctx)
{
    struct ks_file_ask *ask = ctx->parcel->user;
    struct ks_file slot;

    ask->sealed = ctx->domain->protected;
    if (!ks_user_account(ctx->user) || !find(ctx->user, ks_str(ask->name, sizeof ask->name), &slot)
        || slot.state != KS_FILE_SLOT || slot.until_ms <= ctx->now.wall_ms
        || !ks_crypto_eq(ks_str(slot.token, sizeof slot.token), ks_str(ask->token, sizeof ask->token))) {
        answer(ctx->reactor, ask, KS_FILE_NO);
        return;
    }
    ask->until_ms = ctx->now.wall_ms + slot.keep_ms;
    answer(ctx->reactor, ask, slot.bytes == ask->bytes ? KS_FILE_YES : KS_FILE_WRONG_LEN);
}

/* The slot may have gone meanwhile: its owner, or an administrator, took it away. That its time is up does no harm to
 * bytes that were on their way before. */
static void end_run(struct ks_ctx *ctx)
{
    struct ks_file_ask *ask = ctx->parcel->user;
    struct ks_str name = ks_str(ask->name, sizeof ask->name);
    struct ks_file file;

    if (!ks_user_account(ctx->user) || !find(ctx->user, name, &file) || file.state != KS_FILE_SLOT
        || file.bytes != ask->bytes) {
        answer(ctx->reactor, ask, KS_FILE_NO);
        return;
    }
    put(ctx, name,
        &(struct ks_file) {
            .state = KS_FILE_STORED, .bytes = file.bytes, .made_ms = ctx->now.wall_ms, .until_ms = ask->until_ms });
    ctx->committed = recorded;
}

void ks_files_ask(struct ks_reactor *r, struct ks_file_ask *ask, struct ks_now now)
{
    struct ks_parcel *there = ks_parcel_new(65536), *back = ks_parcel_new(4096);
    struct ks_jid jid;

    r->now = now;
    ks_list_init(&ask->link);
    ask->answer = there && back ? KS_FILE_NO : KS_FILE_LATER;
    if (!there || !back || ks_jid_parse(&there->arena, ask->account, &jid) != KS_OK || !jid.local.len
        || jid.resource.len || !ks_config_domain(r->config, jid.domain)
        || ks_jid_text(&there->arena, jid, &there->home) != KS_OK) {
        ks_parcel_unref(r, there);
        ks_parcel_unref(r, back);
        ks_list_append(&r->files, &ask->link);
        return;
    }
    back->run = answer_run;
    back->user = ask;
    back->reactor = r->index;
    back->refused = ks_parcel_ignore;
    ask->back = back;
    there->run = ask->want == KS_FILE_WANT_BEGIN ? begin_run : end_run;
    there->user = ask;
    there->refused = refused;
    ks_post(r, there);
    ks_reactor_run(r);
}

bool ks_files_next_event(struct ks_reactor *r, struct ks_event *ret_event)
{
    struct ks_file_ask *ask;

    if (ks_list_empty(&r->files))
        return false;
    ask = KS_CONTAINER(r->files.next, struct ks_file_ask, link);
    ks_list_leave(&ask->link);
    *ret_event = (struct ks_event) { .kind = KS_EV_FILE, .file = ask, .edge = ask->edge };
    return true;
}

/* --- what a PUT shows --- */

#define SCHEME "Basic "

struct ks_str ks_file_authorization(struct ks_arena *arena, struct ks_str bare, struct ks_str token)
{
    const struct ks_str credentials[] = { bare, KS_STR(":"), token };
    struct ks_str joined, coded, text = KS_STR_EMPTY;

    if (ks_arena_join(arena, credentials, KS_COUNT(credentials), &joined) != KS_OK
        || ks_base64(arena, joined, &coded) != KS_OK
        || ks_arena_join(arena, (const struct ks_str[]) { KS_STR(SCHEME), coded }, 2, &text) != KS_OK)
        return KS_STR_EMPTY;
    return text;
}

bool ks_file_authorization_read(
    struct ks_arena *arena, struct ks_str value, struct ks_str *ret_bare, struct ks_str *ret_token)
{
    struct ks_str text;

    if (!ks_str_starts(value, KS_STR(SCHEME))
        || ks_base64_read(arena, ks_str_from(value, strlen(SCHEME)), &text) != KS_OK || text.len < KS_FILE_TOKEN_LEN + 2
        || text.ptr[text.len - KS_FILE_TOKEN_LEN - 1] != ':')
        return false;
    *ret_bare = ks_str_head(text, text.len - KS_FILE_TOKEN_LEN - 1);
    *ret_token = ks_str_from(text, text.len - KS_FILE_TOKEN_LEN);
    return is_hex(*ret_token, KS_FILE_TOKEN_LEN);
}

bool ks_file_looks_plain(struct ks_str head)
{
    static const struct {
        uint8_t at, len;
        const char *bytes;
    } magics[] = {
        { 0, 4, "\xff\xd8\xff\xe0" }, { 0, 4, "\xff\xd8\xff\xe1" }, { 0, 4, "\xff\xd8\xff\xdb" }, /* JPEG */
        { 0, 4, "\x89PNG" }, { 0, 4, "GIF8" }, { 0, 4, "RIFF" }, { 4, 4, "ftyp" },                /* pictures, films */
        { 0, 4, "II*\0" }, { 0, 4, "MM\0*" }, { 0, 4, "OggS" }, { 0, 4, "fLaC" }, { 0, 4, "\x1a\x45\xdf\xa3" },
        { 0, 4, "%PDF" }, { 0, 4, "{\\rt" }, { 0, 4, "\xd0\xcf\x11\xe0" }, /* documents */
        { 0, 4, "PK\3\4" }, { 0, 4, "Rar!" }, { 0, 6, "7z\xbc\xaf\x27\x1c" }, { 0, 4, "\x1f\x8b\x08\0" },
        { 0, 4, "<htm" }, { 0, 4, "<!DO" }, { 0, 5, "<?xml" }, { 0, 5, "BEGIN" }, /* texts */
    };

    for (size_t i = 0; i < KS_COUNT(magics); i++)
        if (head.len >= (size_t)magics[i].at + magics[i].len
            && memcmp(head.ptr + magics[i].at, magics[i].bytes, magics[i].len) == 0)
            return true;
    return false;
}
