/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "web_files.h"

#include <stdlib.h>
#include <unistd.h>

#include "file_ask.h"
#include "http_conditions.h"
#include "system.h"
#include "web.h"
#include "web_handlers.h"

#define ACCOUNT_MAX 2048 /* bytes of a bare JID, with room */

/* What an exchange is at. */
struct transfer {
    struct ks_http_exchange *x; /* NULL: the connection is gone */
    const struct ks_web_files *files;
    size_t thread; /* index of the connection's */
    struct ks_reactor *core;
    bool waiting; /* for the core, or for the worker: it is theirs until they answer */
    bool sealed;  /* the domain is protected */
    /* of a PUT */
    struct ks_file_ask ask;
    struct ks_file_upload upload;
    char account[ACCOUNT_MAX], head[KS_FILE_HEAD_LEN];
    size_t head_len;
    struct ks_task task;
    struct ks_reactors_call letter;
    enum ks_err err; /* of the worker's part */
    /* of a GET */
    int fd;
    uint64_t at;
};

static struct transfer *transfer_new(struct ks_http_exchange *x)
{
    struct transfer *t = calloc(1, sizeof *t);
    struct ks_conn_host *host = ks_conn_host_of(ks_http_edge(x));

    if (!t)
        return NULL;
    t->x = x;
    t->files = ks_web_of(x)->files;
    t->thread = host->index;
    t->core = host->core;
    t->fd = -1;
    *ks_http_state(x) = t;
    return t;
}

static void transfer_free(struct transfer *t)
{
    ks_file_upload_drop(&t->upload);
    if (t->fd >= 0)
        close(t->fd);
    ks_wipe(t, sizeof *t);
    free(t);
}

static void on_gone(struct ks_http_exchange *x)
{
    struct transfer *t = *ks_http_state(x);

    if (!t)
        return;
    t->x = NULL;
    if (!t->waiting)
        transfer_free(t);
}

/* --- answers --- */

/* The site's fields say what pages from here may do; a file may not even be one. */
static const struct ks_http_field file_fields[] = {
    { "Content-Type", KS_STR_INIT("application/octet-stream") },
    { "Content-Disposition", KS_STR_INIT("attachment") },
    { "Content-Security-Policy", KS_STR_INIT("default-src 'none'; sandbox") },
    { "Cache-Control", KS_STR_INIT("no-store, no-transform") }, /* what is deleted is nowhere else */
    { "Accept-Ranges", KS_STR_INIT("bytes") },
    { "Access-Control-Expose-Headers", KS_STR_INIT("Accept-Ranges, Content-Range, ETag") },
};

static void fail(struct transfer *t, unsigned status)
{
    if (t->x)
        ks_http_fail(t->x, status, NULL, 0);
}

static unsigned status_of(enum ks_err err)
{
    switch ((int)err) {
    case KS_EFULL:
        return 507; /* RFC 4918 §11.5 */
    case KS_EEXISTS:
        return 409;
    case KS_ELIMIT:
        return 400;
    default:
        return 500;
    }
}

/* --- GET and HEAD --- */

static size_t on_fill(struct ks_http_exchange *x, char *room, size_t len)
{
    struct transfer *t = *ks_http_state(x);
    ssize_t n = pread(t->fd, room, len, (off_t)t->at);

    if (n <= 0)
        return KS_HTTP_FILL_BROKEN;
    t->at += (uint64_t)n;
    return (size_t)n;
}

static void get(struct ks_http_exchange *x, const struct ks_http_request *request, struct ks_str name)
{
    struct ks_http_field fields[KS_HTTP_FIELDS_OWN_MAX];
    char range_text[KS_HTTP_CONTENT_RANGE_MAX], etag_text[KS_FILE_NAME_LEN / 2 + 2];
    struct ks_str etag = ks_str(etag_text, sizeof etag_text);
    struct ks_http_answer answer = { .status = 200, .fields = fields };
    struct transfer *t = transfer_new(x);
    struct ks_http_range range;
    uint64_t bytes = 0;
    enum ks_err err = t ? ks_file_store_read(t->files->store, name, ks_http_now(x).wall_ms, &t->fd, &bytes) : KS_ENOMEM;

    if (err != KS_OK) {
        ks_http_fail(x, err == KS_ENOTFOUND ? 404 : 500, NULL, 0);
        return;
    }
    /* A name has one content for ever; of the name, which is the one on the disk, a half is enough. */
    etag_text[0] = etag_text[sizeof etag_text - 1] = '"';
    memcpy(etag_text + 1, name.ptr, sizeof etag_text - 2);
    for (; answer.field_count < KS_COUNT(file_fields); answer.field_count++)
        fields[answer.field_count] = file_fields[answer.field_count];
    fields[answer.field_count++] = (struct ks_http_field) { "ETag", etag };
    answer.fill_bytes = bytes;
    if (ks_http_is_known(request, etag)) {
        answer.status = 304;
        answer.fill_bytes = 0;
    } else {
        switch (ks_http_range(request, bytes, etag, &range)) {
        case KS_HTTP_WHOLE:
            break;
        case KS_HTTP_PART:
            answer.status = 206;
            answer.fill_bytes = range.last - range.first + 1;
            t->at = range.first;
            fields[answer.field_count++] =
                (struct ks_http_field) { "Content-Range", ks_http_content_range(&range, bytes, range_text) };
            break;
        case KS_HTTP_NO_PART:
            answer.status = 416;
            answer.fill_bytes = 0;
            fields[answer.field_count++] =
                (struct ks_http_field) { "Content-Range", ks_http_content_range(NULL, bytes, range_text) };
            break;
        }
    }
    ks_http_answer(x, &answer);
}

/* --- PUT --- */

/* The core has it on record, or does not want it; then its bytes go. */
static void on_recorded(struct ks_file_ask *ask)
{
    struct transfer *t = ask->edge;

    t->waiting = false;
    if (ask->answer != KS_FILE_YES) {
        (void)!ks_file_store_remove(t->files->store, ks_str(ask->name, sizeof ask->name));
        fail(t, ask->answer == KS_FILE_LATER ? 503 : 403);
    } else if (t->x) {
        ks_http_answer(t->x, &(struct ks_http_answer) { .status = 201 });
    }
    if (!t->x)
        transfer_free(t);
}

/* In the connection's thread: the bytes are on the disk, or cannot be. Whether anybody still waits or not: a client
 * that sent all of it may have been cut off from the answer alone. */
static void on_synced(void *user)
{
    struct transfer *t = user;

    if (t->err == KS_OK) {
        t->ask.want = KS_FILE_WANT_END;
        t->ask.answered = on_recorded;
        ks_files_ask(t->core, &t->ask, ks_system_now());
        return;
    }
    t->waiting = false;
    fail(t, status_of(t->err));
    if (!t->x)
        transfer_free(t);
}

/* In the worker's. */
static void sync_it(void *user)
{
    struct transfer *t = user;

    t->err = ks_file_upload_end(&t->upload, t->ask.until_ms);
    t->letter = (struct ks_reactors_call) { on_synced, t };
    ks_reactors_run(t->files->reactors, t->thread, &t->letter);
}

static void on_whole(struct ks_http_exchange *x)
{
    struct transfer *t = *ks_http_state(x);

    t->waiting = true;
    t->task = (struct ks_task) { sync_it, t };
    ks_worker_do(t->files->worker, &t->task);
}

/* doc/PROTOCOL.md §11.6: in a protected domain content comes encrypted. */
static bool looks_plain(struct transfer *t, struct ks_str bytes)
{
    size_t room = sizeof t->head - t->head_len, len = bytes.len < room ? bytes.len : room;

    if (!t->sealed || !len)
        return false;
    memcpy(t->head + t->head_len, bytes.ptr, len);
    t->head_len += len;
    return ks_file_looks_plain(ks_str(t->head, t->head_len));
}

static void on_body(struct ks_http_exchange *x, struct ks_str bytes)
{
    struct transfer *t = *ks_http_state(x);
    enum ks_err err;

    if (looks_plain(t, bytes)) {
        fail(t, 415);
        return;
    }
    err = ks_file_upload_write(&t->upload, bytes);
    if (err != KS_OK)
        fail(t, status_of(err));
}

static void on_allowed(struct ks_file_ask *ask)
{
    static const unsigned statuses[] = { [KS_FILE_NO] = 403, [KS_FILE_WRONG_LEN] = 400, [KS_FILE_LATER] = 503 };
    struct transfer *t = ask->edge;
    enum ks_err err = KS_OK;

    t->waiting = false;
    if (!t->x) {
        transfer_free(t);
        return;
    }
    t->sealed = ask->sealed;
    if (ask->answer == KS_FILE_YES)
        err = ks_file_upload_begin(t->files->store, ks_str(ask->name, sizeof ask->name), ask->bytes, &t->upload);
    if (ask->answer != KS_FILE_YES || err != KS_OK)
        fail(t, err != KS_OK ? status_of(err) : statuses[ask->answer]);
    else
        ks_http_release(t->x);
}

/* False: what it shows is no authorization of ours. */
static bool read_authorization(struct transfer *t, const struct ks_http_request *request)
{
    struct ks_str value, bare, token;
    struct ks_arena arena;
    bool good;

    ks_arena_init(&arena, 65536);
    good = ks_http_field(request, KS_STR("Authorization"), &value) == KS_OK
        && ks_file_authorization_read(&arena, value, &bare, &token) && bare.len <= sizeof t->account;
    if (good) {
        t->ask.account = ks_str(memcpy(t->account, bare.ptr, bare.len), bare.len);
        memcpy(t->ask.token, token.ptr, sizeof t->ask.token);
    }
    ks_arena_done(&arena);
    return good;
}

static void put(struct ks_http_exchange *x, const struct ks_http_request *request, struct ks_str name)
{
    static const struct ks_http_field as_it_is = { "Accept-Encoding", KS_STR_INIT("identity") };
    struct ks_str coding;
    struct transfer *t;

    /* RFC 9110 §15.5.16. What lies here is given as it came: it would be another file, and one that grows when it is
     * unpacked. */
    if (ks_http_field(request, KS_STR("Content-Encoding"), &coding) != KS_ENOTFOUND) {
        ks_http_fail(x, 415, &as_it_is, 1);
        return;
    }
    t = transfer_new(x);
    if (!t || !request->body_bytes || !read_authorization(t, request)) {
        ks_http_fail(x, !t ? 503 : !request->body_bytes ? 400 : 403, NULL, 0);
        return;
    }
    memcpy(t->ask.name, name.ptr, sizeof t->ask.name);
    t->ask.edge = t;
    t->ask.want = KS_FILE_WANT_BEGIN;
    t->ask.answered = on_allowed;
    t->ask.bytes = request->body_bytes;
    t->waiting = true;
    ks_http_hold(x);
    ks_files_ask(t->core, &t->ask, ks_http_now(x));
}

/* --- both --- */

static void on_head(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    char name[KS_FILE_NAME_LEN];
    struct ks_str id;

    if (!ks_web_of(x)->files || !ks_file_id_of(request->path, &id)) {
        ks_http_fail(x, 404, NULL, 0);
        return;
    }
    ks_file_name_of(id, name);
    if (request->method == KS_HTTP_PUT)
        put(x, request, ks_str(name, sizeof name));
    else
        get(x, request, ks_str(name, sizeof name));
}

const struct ks_http_handler ks_web_files_handler = {
    .path = KS_FILES_PATH "/",
    .ports = KS_WEB_PUBLIC,
    .methods = KS_HTTP_CAN(KS_HTTP_GET) | KS_HTTP_CAN(KS_HTTP_PUT),
    .body_max = 1ULL << 50,                                 /* the slot says how much */
    .cors = "Authorization, Content-Type, If-Range, Range", /* no cookies: who has the URL, or the slot, may */
    .head = on_head,
    .body = on_body,
    .whole = on_whole,
    .fill = on_fill,
    .gone = on_gone,
};
