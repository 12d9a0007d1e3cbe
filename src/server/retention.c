/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "retention.h"

#include <stdio.h>
#include <stdlib.h>

#include "expire.h"
#include "feature_list.h"
#include "reactor.h"
#include "say.h"
#include "user.h"

#define DAY_MS 86400000
#define LOOK_MS 600000 /* the clock may be set */
#define FIRST_MS 60000 /* after the start, when the clients that came back are served */
#define ACTOR "konsild"

/* One way through all domains. */
struct run {
    struct ks_list link; /* in retention->runs */
    struct ks_retention *retention;
    struct ks_timer pause;
    struct ks_control_call *call; /* who waits for the end, or NULL */
    bool dry_run;
    size_t domain;                                    /* its index; behind the last: the server */
    struct ks_buf after;                              /* the localpart */
    uint64_t rows;                                    /* so far */
    struct ks_expired sums[KS_EXPIRE_CATEGORIES_MAX]; /* of the domain at hand */
    json_t *found;
};

struct ks_retention {
    struct ks_reactor *reactor;
    struct ks_timer look;
    struct ks_list runs;
    struct run *deleting; /* the one that deletes, or NULL */
    bool knows_last;
    int64_t last_ms;  /* wall; of the store; 0: never */
    int64_t start_ms; /* wall: of this process */
};

/* --- periods --- */

bool ks_retention_has_period(const struct ks_feature_store *store)
{
    return store->keep == KS_KEEP_DAYS || (store->keep == KS_KEEP_ARCHIVE && store->period);
}

int64_t ks_retention_seconds(
    const struct ks_config *config, const struct ks_domain *domain, const struct ks_feature_store *store)
{
    const struct ks_option *option = store->period ? ks_option_find(ks_str_z(store->period)) : NULL;

    if (!option)
        return (int64_t)store->days * 86400;
    return option->scope == KS_OPT_SERVER ? ks_config_number(config, store->period)
                                          : ks_domain_number(domain, store->period);
}

static bool kind_of(const struct ks_feature_store *store, bool server, enum ks_expire_kind *ret_kind)
{
    *ret_kind = store->where == KS_IN_ARCHIVE ? KS_EXPIRE_ARCHIVE
        : store->where == KS_IN_AUDIT         ? KS_EXPIRE_AUDIT
        : store->where == KS_IN_RECORDS       ? KS_EXPIRE_RECORDS
        : store->where == KS_IN_RINGS         ? KS_EXPIRE_RINGS
                                              : KS_EXPIRE_VALUES;
    return ks_retention_has_period(store) && server == (store->where == KS_IN_AUDIT)
        && (store->where == KS_IN_ARCHIVE || store->where == KS_IN_AUDIT || store->where == KS_IN_RECORDS
            || store->where == KS_IN_RINGS || (store->where == KS_IN_VALUES && store->stamp_ms));
}

/* What the committer deletes of this domain, or of the server (NULL). */
static void list_categories(const struct ks_config *config, const struct ks_domain *domain, struct ks_expiry *x)
{
    enum ks_expire_kind kind;

    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_feature_store *at = ks_features[i]->stores; at->store; at++)
            if (kind_of(at, !domain, &kind)) {
                assert(x->categories_count < KS_EXPIRE_CATEGORIES_MAX);
                x->categories[x->categories_count++] = (struct ks_expire_category) { ks_str_z(at->store), kind,
                    ks_retention_seconds(config, domain, at) * 1000, at->stamp_ms };
            }
}

/* --- a run --- */

static void next_slice(struct run *run);

static void run_free(struct run *run)
{
    struct ks_retention *retention = run->retention;

    if (retention->deleting == run)
        retention->deleting = NULL;
    ks_timer_clear(&retention->reactor->timers, &run->pause);
    ks_list_leave(&run->link);
    ks_buf_done(&run->after);
    json_decref(run->found);
    free(run);
}

static void end(struct run *run, const char *error)
{
    struct ks_retention *retention = run->retention;
    struct ks_reactor *r = retention->reactor;
    struct ks_control_call *call = run->call;
    json_t *found = json_incref(run->found);

    if (!error && !run->dry_run)
        retention->last_ms = r->now.wall_ms;
    ks_log(r->log, error ? KS_WARNING : KS_INFO, "retention.ended", KS_NUM("rows", run->rows),
        KS_NUM("dry", run->dry_run), KS_NUM("complete", !error));
    run_free(run);
    if (call)
        ks_control_answer(call, error, error ? NULL : json_pack("{s:O}", "rows", found));
    json_decref(found);
}

static const struct ks_domain *domain_of(const struct run *run)
{
    return ks_config_domain_at(run->retention->reactor->config, run->domain);
}

static void find_one(struct run *run, struct ks_str category, const struct ks_expired *e)
{
    const struct ks_domain *domain = domain_of(run);
    char oldest[KS_STAMP_LEN + 1] = "";

    if (!e->rows)
        return;
    if (e->oldest_ms)
        ks_stamp_write(e->oldest_ms, oldest);
    json_array_append_new(run->found,
        json_pack("{s:s%, s:s%, s:I, s:s}", "domain", domain ? domain->name.ptr : "", domain ? domain->name.len : 0,
            "category", category.ptr, category.len, "rows", (json_int_t)e->rows, "oldest", oldest));
}

static void pause_before(struct run *run)
{
    struct ks_reactor *r = run->retention->reactor;

    if (ks_timer_set(&r->timers, &run->pause, r->now.mono_ms + KS_RETENTION_PAUSE_MS) != KS_OK)
        end(run, SAY("control.memory"));
}

static void go_on(struct ks_timer *timer, struct ks_now now)
{
    (void)now;
    next_slice(KS_CONTAINER(timer, struct run, pause));
}

/* Its data in memory is older than what is stored. */
static void reload(struct ks_ctx *ctx)
{
    ks_user_reload(ctx->user);
}

static void reload_touched(struct ks_ctx *ctx, const struct ks_expiry *x)
{
    for (size_t i = 0; i < x->touched_count; i++)
        ks_call(ctx, (struct ks_jid) { .local = x->touched[i], .domain = x->domain }, reload, NULL, 0);
}

/* Each domain, behind it its rooms, whose archives are accounts of a host of their own, and at last the server. */
static void next_domain(struct run *run)
{
    const struct ks_domain *domain = domain_of(run);
    bool was_server = !domain;

    if (domain && !domain->parent && ks_config_rooms(run->retention->reactor->config, domain))
        run->domain |= KS_DOMAIN_ROOMS;
    else
        run->domain = (run->domain & ~(size_t)KS_DOMAIN_ROOMS) + 1;
    ks_buf_reset(&run->after);
    memset(run->sums, 0, sizeof run->sums);
    if (was_server)
        end(run, NULL);
    else
        pause_before(run);
}

static void refused(struct ks_reactor *r, struct ks_parcel *parcel)
{
    (void)r;
    end(parcel->user, SAY("control.store"));
}

/* Asks the committer on behalf of a run; takes req, which may be NULL. */
static void ask(struct run *run, struct ks_store_req *req, void (*answered)(struct ks_ctx *, struct ks_store_req *))
{
    struct ks_reactor *r = run->retention->reactor;
    struct ks_parcel *parcel = ks_parcel_new(1u << 20);
    struct ks_ctx ctx;

    if (!parcel || !req) {
        ks_parcel_unref(r, parcel);
        ks_store_req_free(req);
        end(run, SAY("control.memory"));
        return;
    }
    parcel->user = run;
    parcel->refused = refused;
    ks_ctx_begin(&ctx, r, NULL, NULL, parcel);
    ks_ask(&ctx, req, answered);
    ks_ctx_end(&ctx);
    ks_parcel_unref(r, parcel);
}

/* --- slices --- */

static void sliced(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct run *run = ctx->parcel->user;
    const struct ks_expiry *x = req->expiry;

    if (req->result != KS_OK) {
        end(run, SAY("control.store"));
        return;
    }
    for (size_t i = 0; i < x->categories_count; i++) {
        run->rows += x->expired[i].rows;
        run->sums[i].rows += x->expired[i].rows;
        if (x->expired[i].oldest_ms && (!run->sums[i].oldest_ms || x->expired[i].oldest_ms < run->sums[i].oldest_ms))
            run->sums[i].oldest_ms = x->expired[i].oldest_ms;
    }
    if (!run->dry_run)
        reload_touched(ctx, x);
    ks_buf_reset(&run->after);
    ks_buf_add(&run->after, x->next);
    if (!x->complete) {
        pause_before(run);
        return;
    }
    for (size_t i = 0; i < x->categories_count; i++)
        find_one(run, x->categories[i].name, &run->sums[i]);
    next_domain(run);
}

static void next_slice(struct run *run)
{
    struct ks_reactor *r = run->retention->reactor;
    const struct ks_domain *domain = domain_of(run);
    struct ks_expiry x = { .domain = domain ? domain->name : KS_STR_EMPTY,
        .after = ks_buf_str(&run->after),
        .now_ms = r->now.wall_ms,
        .actor = run->call ? ks_str_z(run->call->actor) : KS_STR(ACTOR),
        .last = !domain };
    struct ks_store_req *req;

    list_categories(r->config, domain, &x);
    if (run->dry_run) {
        req = ks_store_expirable_new(&x);
    } else {
        req = ks_store_txn_new();
        if (req)
            ks_store_txn_expire(req, &x);
    }
    ask(run, req, sliced);
}

static struct run *run_new(struct ks_retention *retention, struct ks_control_call *call, bool dry_run)
{
    struct run *run = calloc(1, sizeof *run);

    if (!run)
        return NULL;
    run->retention = retention;
    run->call = call;
    run->dry_run = dry_run;
    run->pause.fire = go_on;
    run->found = json_array();
    ks_list_init(&run->link);
    ks_list_append(&retention->runs, &run->link);
    ks_buf_init(&run->after, 4096);
    if (!dry_run)
        retention->deleting = run;
    ks_log(retention->reactor->log, KS_INFO, "retention.began", KS_NUM("dry", dry_run));
    return run;
}

void ks_retention_run(struct ks_control_call *call)
{
    struct ks_retention *retention = call->reactor->retention;
    struct run *run = NULL;

    if (!call->dry_run && retention->deleting)
        ks_control_answer(call, SAY("control.retention-running"), NULL);
    else if (!(run = run_new(retention, call, call->dry_run)))
        ks_control_answer(call, SAY("control.memory"), NULL);
    else
        next_slice(run);
}

/* --- every day --- */

/* The newest time at which a run was to begin. */
static int64_t last_start(const struct ks_retention *retention)
{
    int64_t now_ms = retention->reactor->now.wall_ms;
    int64_t start_ms = ks_config_number(retention->reactor->config, "retention.start") * 1000;
    int64_t at_ms = now_ms - now_ms % DAY_MS + start_ms;

    return at_ms <= now_ms ? at_ms : at_ms - DAY_MS;
}

static void look_again(struct ks_retention *retention)
{
    struct ks_reactor *r = retention->reactor;
    int64_t wait_ms = ks_sooner(last_start(retention) + DAY_MS - r->now.wall_ms, LOOK_MS);

    if (ks_timer_set(&r->timers, &retention->look, r->now.mono_ms + wait_ms) != KS_OK)
        ks_log(r->log, KS_ERROR, "retention.timer", KS_ERR(KS_ENOMEM));
}

static void begin_if_due(struct ks_retention *retention)
{
    int64_t since_ms = retention->last_ms ? retention->last_ms : retention->start_ms;
    struct run *run = NULL;

    if (!retention->deleting && since_ms < last_start(retention) && (run = run_new(retention, NULL, false)))
        next_slice(run);
    look_again(retention);
}

static void know_last(struct ks_ctx *ctx, struct ks_store_req *req)
{
    struct ks_retention *retention = ctx->reactor->retention;

    if (req->result == KS_OK)
        retention->last_ms = ks_expire_last_read(req->value);
    retention->knows_last = req->result == KS_OK || req->result == KS_ENOTFOUND;
    begin_if_due(retention);
}

static void ask_last(struct ks_retention *retention)
{
    struct ks_reactor *r = retention->reactor;
    struct ks_parcel *parcel = ks_parcel_new(256);
    struct ks_store_req *req = parcel ? ks_store_meta_new(KS_EXPIRE_LAST) : NULL;
    struct ks_ctx ctx;

    if (!req) {
        ks_parcel_unref(r, parcel);
        look_again(retention);
        return;
    }
    parcel->refused = ks_parcel_ignore;
    ks_ctx_begin(&ctx, r, NULL, NULL, parcel);
    ks_ask(&ctx, req, know_last);
    ks_ctx_end(&ctx);
    ks_parcel_unref(r, parcel);
}

static void look(struct ks_timer *timer, struct ks_now now)
{
    struct ks_retention *retention = KS_CONTAINER(timer, struct ks_retention, look);

    (void)now;
    if (retention->knows_last)
        begin_if_due(retention);
    else
        ask_last(retention);
}

struct ks_retention *ks_retention_new(struct ks_reactor *r)
{
    struct ks_retention *retention = calloc(1, sizeof *retention);

    if (!retention)
        return NULL;
    retention->reactor = r;
    retention->look.fire = look;
    retention->start_ms = r->now.wall_ms;
    ks_list_init(&retention->runs);
    if (ks_timer_set(&r->timers, &retention->look, r->now.mono_ms + FIRST_MS) == KS_OK)
        return retention;
    free(retention);
    return NULL;
}

void ks_retention_free(struct ks_retention *retention)
{
    if (!retention)
        return;
    for (KS_LIST_EACH_SAFE(&retention->runs, at)) {
        struct run *run = KS_CONTAINER(at, struct run, link);
        struct ks_control_call *call = run->call;
        run_free(run);
        if (call)
            ks_control_answer(call, SAY("control.store"), NULL);
    }
    ks_timer_clear(&retention->reactor->timers, &retention->look);
    free(retention);
}

json_t *ks_retention_state(const struct ks_reactor *r)
{
    const struct ks_retention *retention = r->retention;
    char last[KS_STAMP_LEN + 1] = "", next[KS_STAMP_LEN + 1];

    if (retention->last_ms)
        ks_stamp_write(retention->last_ms, last);
    ks_stamp_write(last_start(retention) + DAY_MS, next);
    return json_pack("{s:b, s:I, s:s, s:s}", "running", retention->deleting != NULL, "rows",
        (json_int_t)(retention->deleting ? retention->deleting->rows : 0), "last", last, "next", next);
}

const struct ks_feature ks_feature_retention = {
    .name = "retention",
    .stores = { { KS_STORE_RETENTION, KS_DATA_SETTINGS, KS_KEEP_WITH_ACCOUNT, 0,
        "How long this account or room keeps what it has, if shorter than its domain says.", KS_READ_OWNER } },
    .options = { { "retention.archive", KS_OPT_DURATION, .init = 15552000, .min = 86400, .max = 315360000,
                     .doc = "How long messages are kept, at most: accounts and rooms may have shorter periods, not "
                            "longer ones." },
        { "retention.audit", KS_OPT_DURATION, .init = 31536000, .min = 2592000, .max = 315360000,
            .scope = KS_OPT_SERVER,
            .doc = "How long the audit log keeps its rows. What remains can still be verified." },
        { "retention.log", KS_OPT_DURATION, .init = 604800, .min = 86400, .max = 31536000, .scope = KS_OPT_SERVER,
            .doc = "How long konsild keeps its own log files. What goes to stderr, the journal keeps as it is set." },
        { "retention.start", KS_OPT_DURATION, .init = 7200, .min = 0, .max = 86340, .scope = KS_OPT_SERVER,
            .doc = "When each day deleting begins: so long after midnight, UTC." } },
};
