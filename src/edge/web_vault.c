/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_vault.c -- where a device tries its PIN before it can log in (doc/PROTOCOL.md §16.3): POST /vault/eval, /confirm,
 * /ticket. Whose slot it is neither is asked for nor told: the token is all there is to show. */
#include <stdlib.h>

#include "vault_ask.h"
#include "vault_json.h"
#include "web.h"
#include "web_handlers.h"

#define PATH "/vault/"
#define MEDIA_TYPE "application/json"

/* What an exchange is at. */
struct trial {
    struct ks_http_exchange *x; /* NULL: the connection is gone */
    struct ks_vault_ask ask;
    bool waiting; /* the core has it */
    struct ks_buf body;
};

static void trial_free(struct trial *t)
{
    ks_buf_done(&t->body);
    ks_wipe(t, sizeof *t);
    free(t);
}

static void on_gone(struct ks_http_exchange *x)
{
    struct trial *t = *ks_http_state(x);

    if (!t)
        return;
    t->x = NULL;
    if (!t->waiting)
        trial_free(t);
}

static void answer(struct ks_http_exchange *x, const struct ks_vault_call *call)
{
    static const struct ks_http_field fields[] = { { "Content-Type", KS_STR_INIT(MEDIA_TYPE) },
        { "Cache-Control", KS_STR_INIT("no-store") } };
    struct ks_buf buf;
    unsigned status;

    ks_buf_init_secret(&buf, KS_VAULT_BODY_MAX);
    status = ks_vault_answer_write(&buf, call);
    if (ks_buf_err(&buf) == KS_OK)
        ks_http_answer(x,
            &(struct ks_http_answer) {
                .status = status, .fields = fields, .field_count = KS_COUNT(fields), .body = ks_buf_str(&buf) });
    else
        ks_http_fail(x, 503, NULL, 0);
    ks_buf_done(&buf);
}

static void on_answered(struct ks_vault_ask *ask)
{
    struct trial *t = ask->edge;

    t->waiting = false;
    if (t->x)
        answer(t->x, &ask->call);
    else
        trial_free(t);
}

static void refuse(struct ks_http_exchange *x)
{
    answer(x, &(struct ks_vault_call) { .answer = KS_VAULT_MALFORMED });
}

static void on_whole(struct ks_http_exchange *x)
{
    struct trial *t = *ks_http_state(x);
    enum ks_err err = ks_buf_err(&t->body);

    if (err == KS_OK)
        err = ks_vault_request_read(t->ask.call.want, ks_buf_str(&t->body), &t->ask.call);
    if (err == KS_ENOMEM) {
        ks_http_fail(x, 503, NULL, 0);
    } else if (err != KS_OK) {
        refuse(x);
    } else {
        t->ask.edge = t;
        t->ask.answered = on_answered;
        t->waiting = true;
        ks_vault_asked(ks_conn_host_of(ks_http_edge(x))->core, &t->ask, ks_http_now(x));
    }
}

static void on_body(struct ks_http_exchange *x, struct ks_str bytes)
{
    struct trial *t = *ks_http_state(x);

    ks_buf_add(&t->body, bytes);
}

static bool is_json(const struct ks_http_request *request)
{
    struct ks_str type;

    return ks_http_field(request, KS_STR("Content-Type"), &type) == KS_OK
        && ks_str_is(ks_str_trim(ks_str_head(type, ks_str_find_byte(type, ';'))), MEDIA_TYPE);
}

static void on_head(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    static const struct {
        const char *path;
        enum ks_vault_want want;
    } paths[] = { { PATH "eval", KS_VAULT_EVAL }, { PATH "confirm", KS_VAULT_CONFIRM },
        { PATH "ticket", KS_VAULT_TICKET } };
    struct trial *t;

    for (size_t i = 0; i < KS_COUNT(paths); i++)
        if (ks_str_is(request->path, paths[i].path)) {
            if (!request->body_bytes || !is_json(request)) {
                refuse(x);
                return;
            }
            t = calloc(1, sizeof *t);
            if (!t) {
                ks_http_fail(x, 503, NULL, 0);
                return;
            }
            t->x = x;
            t->ask.call.want = paths[i].want;
            ks_buf_init_secret(&t->body, KS_VAULT_BODY_MAX);
            *ks_http_state(x) = t;
            return;
        }
    ks_http_fail(x, 404, NULL, 0);
}

const struct ks_http_handler ks_web_vault = {
    .path = PATH,
    .ports = KS_WEB_PUBLIC,
    .methods = KS_HTTP_CAN(KS_HTTP_POST),
    .body_max = KS_VAULT_BODY_MAX,
    .cors = "Content-Type", /* no cookies: who has the token may */
    .head = on_head,
    .body = on_body,
    .whole = on_whole,
    .gone = on_gone,
};
