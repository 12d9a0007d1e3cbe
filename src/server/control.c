/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "control.h"
#include "say.h"

#include <stdio.h>
#include <stdlib.h>

#include "reactor.h"
#include "user.h"

struct ks_control {
    struct ks_reactor *reactor;
    struct ks_list link; /* in r->controls while it has output */
    void *edge;
    char actor[64];
    unsigned rights;
    struct ks_buf in, out;
    struct ks_list calls; /* at most one: requests are answered in order */
    bool busy, broken;
};

static void take_lines(struct ks_control *control);

struct ks_control *ks_control_open(struct ks_reactor *r, const struct ks_control_setup *setup, struct ks_now now)
{
    struct ks_control *control = calloc(1, sizeof *control);

    if (!control)
        return NULL;
    r->now = now;
    control->reactor = r;
    control->edge = setup->edge;
    control->rights = setup->rights;
    snprintf(control->actor, sizeof control->actor, "%s", setup->actor);
    ks_buf_init(&control->in, 2 * KS_CONTROL_LINE_MAX);
    ks_buf_init(&control->out, SIZE_MAX);
    ks_list_init(&control->calls);
    ks_list_init(&control->link);
    return control;
}

void ks_control_close(struct ks_control *control)
{
    if (!control)
        return;
    for (KS_LIST_EACH_SAFE(&control->calls, at)) {
        KS_CONTAINER(at, struct ks_control_call, link)->control = NULL;
        ks_list_leave(at);
    }
    ks_list_leave(&control->link);
    ks_buf_done(&control->in);
    ks_buf_done(&control->out);
    free(control);
}

struct ks_str ks_control_output(const struct ks_control *control)
{
    return ks_buf_str(&control->out);
}

void ks_control_output_sent(struct ks_control *control, size_t len)
{
    ks_buf_drop(&control->out, len);
}

bool ks_control_broken(const struct ks_control *control)
{
    return control->broken;
}

/* --- answers --- */

static void write_answer(struct ks_control *control, const char *error, json_t *result)
{
    json_t *answer = json_pack("{s:b}", "ok", error == NULL);
    char *text;

    if (error)
        json_object_set_new(answer, "error", json_string(error));
    if (result || !error)
        json_object_set_new(answer, "result", result ? json_incref(result) : json_object());
    text = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(answer);
    if (text) {
        ks_buf_z(&control->out, text);
        ks_buf_byte(&control->out, '\n');
        free(text);
    } else {
        control->broken = true; /* no memory to say so */
    }
    if (ks_list_empty(&control->link))
        ks_list_append(&control->reactor->controls, &control->link);
}

static void call_free(struct ks_control_call *call)
{
    ks_list_leave(&call->link);
    ks_list_leave(&call->work_link);
    json_decref(call->args);
    json_decref(call->result);
    free(call);
}

/* At the home of the account that asked. */
static void asker_run(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;
    struct ks_parcel *asker = call->asker;

    call->done(ctx, call->error, call->result, call->text);
    call_free(call);
    ks_parcel_unref(ctx->reactor, asker);
}

/* The account's data cannot be read any more, or there is no memory: nobody is told, and what was done is in the log.
 */
static void asker_lost(struct ks_reactor *r, struct ks_parcel *parcel)
{
    struct ks_control_call *call = parcel->user;

    ks_parcel_unref(r, call->asker);
    call_free(call);
}

static void tell_asker(struct ks_control_call *call)
{
    struct ks_parcel *parcel = ks_parcel_child(call->asker, KS_PARCEL_BYTES_MAX);

    if (!parcel) {
        ks_parcel_unref(call->reactor, call->asker);
        call_free(call);
        return;
    }
    parcel->stanza = call->asker->stanza;
    parcel->session = call->asker->session;
    parcel->home = call->home;
    parcel->run = asker_run;
    parcel->refused = asker_lost;
    parcel->user = call;
    ks_post(call->reactor, parcel);
}

/* On reactor 0. */
static void finish(struct ks_control_call *call)
{
    struct ks_control *control = call->control;

    if (call->asker) {
        tell_asker(call);
        return;
    }
    if (control) {
        write_answer(control, call->error, call->result);
        control->busy = false;
    }
    call_free(call);
    if (control)
        take_lines(control);
}

static void answer_run(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;

    call->reactor = ctx->reactor;
    finish(call);
}

void ks_control_answer(struct ks_control_call *call, const char *error, json_t *result)
{
    struct ks_parcel *parcel;

    json_decref(call->result);
    call->error = error;
    call->result = result;
    if (call->reactor->index == 0) {
        finish(call);
        return;
    }
    parcel = ks_parcel_new(256);
    if (!parcel)
        return; /* the connection waits until it is closed, which frees nothing but the call's place */
    parcel->run = answer_run;
    parcel->user = call;
    ks_post(call->reactor, parcel);
}

/* --- requests --- */

struct ks_str ks_control_text(const struct ks_control_call *call, const char *name)
{
    return ks_str_z(json_string_value(json_object_get(call->args, name)));
}

static bool named_in(const char *list, const char *name, bool *ret_any_value)
{
    struct ks_str left = ks_str_z(list), word;

    while (left.len && ks_str_cut(&left, ' ', &word)) {
        *ret_any_value = ks_str_ends(word, KS_STR(":"));
        if (*ret_any_value)
            word.len--;
        if (ks_str_is(word, name))
            return true;
    }
    return false;
}

/* Every argument is known and of its kind; none that is needed is missing, or blank: an empty reason gives none. */
static bool arguments_fit(const struct ks_control_command *command, json_t *args)
{
    struct ks_str left = ks_str_z(command->needs), word;
    const char *name;
    json_t *value;
    bool any;

    json_object_foreach(
        args, name, value) if (!(named_in(command->needs, name, &any) || named_in(command->may, name, &any))
        || (!any && !json_is_string(value))) return false;
    while (left.len && ks_str_cut(&left, ' ', &word)) {
        bool there = false;
        json_object_foreach(args, name, value) there = there
            || (ks_str_is(ks_str_head(word, word.len - ks_str_ends(word, KS_STR(":"))), name)
                && (!json_is_string(value) || ks_str_trim(ks_str_z(json_string_value(value))).len));
        if (!there)
            return false;
    }
    return true;
}

static const struct ks_control_command *find(struct ks_str name)
{
    const struct ks_control_command *lists[] = { ks_control_users, ks_control_invites, ks_control_push,
        ks_control_rooms, ks_control_files, ks_control_reports, ks_control_retention, ks_control_evidence,
        ks_control_vault };

    for (size_t i = 0; i < KS_COUNT(lists); i++)
        for (const struct ks_control_command *at = lists[i]; at->name; at++)
            if (ks_str_is(name, at->name))
                return at;
    return NULL;
}

static void asked_run(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;

    call->reactor = ctx->reactor;
    if (!arguments_fit(call->command, call->args))
        ks_control_answer(call, SAY("control.arguments"), NULL);
    else
        call->command->run(call);
}

void ks_control_ask_for(struct ks_ctx *ctx, const char *command, json_t *args, unsigned rights, struct ks_str text,
    void (*done)(struct ks_ctx *ctx, const char *error, json_t *result, struct ks_str text))
{
    struct ks_control_call *call = calloc(1, sizeof *call);
    struct ks_parcel *parcel = call ? ks_parcel_new(256) : NULL;
    struct ks_str bare = ks_user_bare(ctx->user);

    if (!parcel || ks_arena_copy(ctx->arena, bare, &call->home) != KS_OK) {
        ks_parcel_unref(ctx->reactor, parcel);
        free(call);
        json_decref(args);
        done(ctx, SAY("control.memory"), NULL, text);
        return;
    }
    ks_list_init(&call->link);
    ks_list_init(&call->work_link);
    call->command = find(ks_str_z(command));
    assert(call->command && call->command->right & rights);
    call->args = args;
    call->text = text;
    call->done = done;
    call->asker = ks_parcel_ref(ctx->parcel);
    call->reactor = ctx->reactor;
    /* An address that is too long for the log has a number that is not. */
    if (bare.len < sizeof call->actor - 5)
        snprintf(call->actor, sizeof call->actor, "jid:%.*s", KS_STR_FMT(bare));
    else
        snprintf(call->actor, sizeof call->actor, "account:%llu", (unsigned long long)ks_user_account(ctx->user));
    parcel->run = asked_run;
    parcel->user = call;
    ks_ctx_post(ctx, parcel);
}

static void on_line(struct ks_control *control, struct ks_str line)
{
    json_error_t error;
    json_t *request = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &error);
    const struct ks_control_command *command;
    struct ks_control_call *call;
    json_t *args;

    if (!json_is_object(request) || json_integer_value(json_object_get(request, "v")) != 1) {
        write_answer(control, SAY("control.malformed"), NULL);
        json_decref(request);
        return;
    }
    command = find(ks_str_z(json_string_value(json_object_get(request, "command"))));
    args = json_object_get(request, "args");
    call = NULL;
    if (!command)
        write_answer(control, SAY("control.unknown-command"), NULL);
    else if (!(control->rights & command->right))
        write_answer(control, SAY("control.denied"), NULL);
    else if ((args && !json_is_object(args)) || (args && !arguments_fit(command, args)) || (!args && *command->needs))
        write_answer(control, SAY("control.arguments"), NULL);
    else if (!(call = calloc(1, sizeof *call)))
        write_answer(control, SAY("control.memory"), NULL);
    if (call) {
        ks_list_init(&call->link);
        ks_list_init(&call->work_link);
        ks_list_append(&control->calls, &call->link);
        call->control = control;
        call->reactor = control->reactor;
        call->command = command;
        call->args = args ? json_incref(args) : json_object();
        call->dry_run = json_is_true(json_object_get(request, "dry_run"));
        memcpy(call->actor, control->actor, sizeof call->actor);
        control->busy = true;
        command->run(call);
    }
    json_decref(request);
}

static void take_lines(struct ks_control *control)
{
    while (!control->busy && !control->broken) {
        struct ks_str in = ks_buf_str(&control->in);
        size_t end = ks_str_find_byte(in, '\n');
        struct ks_buf line;
        if (end == in.len) {
            control->broken = control->broken || in.len >= KS_CONTROL_LINE_MAX;
            break;
        }
        ks_buf_init_secret(&line, KS_CONTROL_LINE_MAX + 1); /* it may hold keys */
        ks_buf_add(&line, ks_str_head(in, end));
        ks_buf_drop(&control->in, end + 1);
        if (ks_buf_err(&line) == KS_OK)
            on_line(control, ks_buf_str(&line));
        else
            control->broken = true;
        ks_buf_done(&line);
    }
}

void ks_control_feed(struct ks_control *control, struct ks_str bytes, struct ks_now now)
{
    control->reactor->now = now;
    ks_buf_add(&control->in, bytes);
    if (ks_buf_err(&control->in) != KS_OK)
        control->broken = true;
    take_lines(control);
    ks_reactor_run(control->reactor);
}

/* --- at an account's home --- */

/* The store failed under it. */
static void refused(struct ks_reactor *r, struct ks_parcel *parcel)
{
    struct ks_control_call *call = parcel->user;

    call->reactor = r;
    ks_control_answer(call, SAY("control.store"), NULL);
}

static void home_run(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;

    call->reactor = ctx->reactor;
    call->at_home(ctx, call);
}

static bool is_on_rooms(const struct ks_control_call *call)
{
    return ks_str_starts(ks_str_z(call->command->name), KS_STR("room."));
}

/* Accounts are of domains, and rooms of their services. */
static const struct ks_domain *host_of(const struct ks_control_call *call, struct ks_str name)
{
    const struct ks_domain *host = ks_config_host(call->reactor->config, name);

    return host && !host->component && (host->parent != NULL) == is_on_rooms(call) ? host : NULL;
}

void ks_control_at_home(struct ks_control_call *call, void (*run)(struct ks_ctx *ctx, struct ks_control_call *call))
{
    struct ks_parcel *parcel = ks_parcel_new(1u << 20);
    struct ks_jid jid;

    if (!parcel || ks_jid_parse(&parcel->arena, ks_control_text(call, "jid"), &jid) != KS_OK || !jid.local.len
        || jid.resource.len || !host_of(call, jid.domain) || ks_jid_text(&parcel->arena, jid, &parcel->home) != KS_OK) {
        ks_parcel_unref(call->reactor, parcel);
        ks_control_answer(call, is_on_rooms(call) ? SAY("control.no-room") : SAY("control.jid"), NULL);
        return;
    }
    parcel->run = home_run;
    parcel->user = call;
    parcel->refused = refused;
    call->at_home = run;
    ks_post(call->reactor, parcel);
}

/* What the audit row says beside who did what to whom. */
static struct ks_str detail_of(const struct ks_control_call *call)
{
    return call->command->detail ? ks_control_text(call, call->command->detail) : KS_STR_EMPTY;
}

void ks_control_audit(struct ks_ctx *ctx, const struct ks_control_call *call)
{
    struct ks_store_req *txn = ks_ctx_txn(ctx);
    struct ks_audit_row row = { .actor = ks_str_z(call->actor),
        .action = ks_str_z(call->command->name),
        .subject = ks_control_text(call, "jid"),
        .detail = detail_of(call) };

    if (txn)
        ks_store_txn_audit(txn, &row);
}

static void durable(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;
    json_t *result = call->result;

    call->result = NULL;
    ks_control_answer(call, NULL, result);
}

void ks_control_answer_durable(struct ks_ctx *ctx, struct ks_control_call *call, json_t *result)
{
    json_decref(call->result);
    call->result = result;
    if (!ctx->committed)
        ctx->committed = durable;
}

/* --- questions to the committer --- */

static void ask_answered(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_control_call *call = ctx->parcel->user;

    call->answered(call, req);
}

void ks_control_ask(struct ks_control_call *call, struct ks_store_req *req,
    void (*answered)(struct ks_control_call *call, struct ks_store_req *req))
{
    struct ks_parcel *parcel = ks_parcel_new(256);
    struct ks_ctx ctx;

    if (!parcel || !req) {
        ks_parcel_unref(call->reactor, parcel);
        ks_store_req_free(req);
        ks_control_answer(call, SAY("control.memory"), NULL);
        return;
    }
    parcel->user = call;
    parcel->refused = refused;
    call->answered = answered;
    ks_ctx_begin(&ctx, call->reactor, NULL, NULL, parcel);
    ks_ask(&ctx, req, ask_answered);
    ks_ctx_end(&ctx);
    ks_parcel_unref(call->reactor, parcel);
}

/* --- work for the edge --- */

const char *ks_control_call_name(const struct ks_control_call *call)
{
    return call->command->name;
}

static void hand_over(struct ks_control_call *call)
{
    ks_list_append(&call->reactor->works, &call->work_link);
}

void ks_control_record(struct ks_control_call *call, struct ks_str detail,
    void (*recorded)(struct ks_control_call *call, struct ks_store_req *req))
{
    struct ks_audit_row row = {
        .actor = ks_str_z(call->actor), .action = ks_str_z(call->command->name), .detail = detail
    };
    struct ks_store_req *txn = ks_store_txn_new();

    if (txn)
        ks_store_txn_audit(txn, &row);
    ks_control_ask(call, txn, recorded);
}

static void asked(struct ks_control_call *call, struct ks_store_req *req)
{
    if (req->result == KS_OK)
        hand_over(call);
    else
        ks_control_answer(call, SAY("control.store"), NULL);
}

void ks_control_changed(struct ks_ctx *ctx)
{
    struct ks_control_call *call = ctx->parcel->user;
    json_t *result = call->result;

    call->result = NULL;
    ks_user_reload(ctx->user);
    ks_control_answer(call, NULL, result);
}

void ks_control_drop(struct ks_ctx *ctx)
{
    ks_store_req_free(ctx->txn);
    ctx->txn = NULL;
}

void ks_control_hand_over(struct ks_control_call *call)
{
    if (call->command->audited && !call->dry_run)
        ks_control_record(call, detail_of(call), asked);
    else
        hand_over(call);
}

/* Whether this row could be stored changes nothing in the answer: the act failed. */
static void failed(struct ks_control_call *call, struct ks_store_req *req)
{
    (void)req;
    ks_control_answer(call, call->error, NULL);
}

void ks_control_worked(struct ks_control_call *call, const char *error, json_t *result, struct ks_now now)
{
    struct ks_reactor *r = call->reactor;

    r->now = now;
    if (error && call->command->audited && !call->dry_run) {
        struct ks_buf detail;
        call->error = error;
        json_decref(result);
        ks_buf_init(&detail, 2 * KS_CONTROL_LINE_MAX);
        ks_buf_z(&detail, "failed");
        ks_buf_z(&detail, detail_of(call).len ? ": " : "");
        ks_buf_add(&detail, detail_of(call));
        ks_control_record(call, ks_buf_err(&detail) == KS_OK ? ks_buf_str(&detail) : KS_STR("failed"), failed);
        ks_buf_done(&detail);
    } else {
        ks_control_answer(call, error, result);
    }
    ks_reactor_run(r);
}

static void noted(struct ks_ctx *ctx, struct ks_store_req *req)
{
    if (req->result != KS_OK)
        ks_log(ctx->reactor->log, KS_ERROR, "audit.failed", KS_ERR(req->result));
}

void ks_control_note(struct ks_reactor *r, const struct ks_audit_row *row, struct ks_now now)
{
    struct ks_store_req *txn = ks_store_txn_new();
    struct ks_parcel *parcel = ks_parcel_new(256);
    struct ks_ctx ctx;

    r->now = now;
    if (txn && parcel) {
        ks_store_txn_audit(txn, row);
        parcel->refused = ks_parcel_ignore;
        ks_ctx_begin(&ctx, r, NULL, NULL, parcel);
        ks_ask(&ctx, txn, noted);
        ks_ctx_end(&ctx);
    } else {
        ks_store_req_free(txn);
        ks_log(r->log, KS_ERROR, "audit.failed", KS_ERR(KS_ENOMEM));
    }
    ks_parcel_unref(r, parcel);
    ks_reactor_run(r);
}

bool ks_control_next_event(struct ks_reactor *r, struct ks_event *ret_event)
{
    if (!ks_list_empty(&r->works)) {
        struct ks_control_call *call = KS_CONTAINER(r->works.next, struct ks_control_call, work_link);
        ks_list_leave(&call->work_link);
        *ret_event = (struct ks_event) { .kind = KS_EV_WORK, .work = call };
        return true;
    }
    if (!ks_list_empty(&r->controls)) {
        struct ks_control *control = KS_CONTAINER(r->controls.next, struct ks_control, link);
        ks_list_leave(&control->link);
        *ret_event = (struct ks_event) { .kind = KS_EV_CONTROL, .control = control, .edge = control->edge };
        return true;
    }
    return false;
}
