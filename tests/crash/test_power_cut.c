/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The committer and the SQLite store over a disk whose power is cut (cut_vfs.h): whatever was acknowledged is there
 * afterwards, whole, and nothing else but perhaps the whole of the turn that was under way.
 *
 * The same requests go to the memory store, which is the model: after each cut both must hold the same. Also: a full
 * disk, a cut during the migration of an older store, and the mutant that must be caught (synchronous=OFF).
 *
 *     test_power_cut [--cuts N] [--seed S]     N cuts (500) */
#include <inttypes.h>
#include <sqlite3.h>

#include "audit_chain.h"
#include "check.h"
#include "committer.h"
#include "crypto.h"
#include "cut_vfs.h"
#include "scratch.h"
#include "sqlite_schema.h"
#include "sqlite_server_store.h"

#define LIVES 10 /* cuts that one store survives, before the next begins with a new one */
#define TURNS_MAX 100
#define OPS_MAX 24

static const uint8_t key[KS_STORE_KEY_LEN] = { 42 };
static const struct ks_str domain = { "klinik.example", 14 };

/* --- what is done, as data, so that it can be done to both --- */

struct op {
    enum { OP_MESSAGE, OP_RETRACT, OP_PUT, OP_DEL, OP_ADD, OP_DELETE, OP_AUDIT, OP_META, OP_EXPIRE } kind;
    uint64_t a, b, number;
    size_t bytes;
    int64_t wall_ms;
};

struct batch {
    struct op ops[OPS_MAX];
    size_t count;
    int64_t wall_ms;
};

struct side {
    struct ks_server_store *store;
    struct ks_committer *committer;
    uint64_t epoch;
};

static struct ks_prng chance, keys;
static struct side disk, model;
static uint64_t ops_done, people;
static int64_t wall_ms;

static void fatal(const char *what, enum ks_err err)
{
    printf("Bail out! %s: %s\n", what, ks_err_name(err));
    exit(1);
}

static struct ks_str local_of(uint64_t number, char text[32])
{
    return ks_str(text, (size_t)snprintf(text, 32, "m%" PRIu64, number));
}

/* Some bytes that say which op they come from, so that torn ones would show. */
static struct ks_str text_of(const struct op *op)
{
    static char text[40000];
    size_t len = 0;

    while (len < op->bytes)
        len += (size_t)snprintf(text + len, sizeof text - len, "<message n='%" PRIu64 "' at='%zu'/>", op->number, len);
    return ks_str(text, op->bytes);
}

static int64_t stamp_of(struct ks_str name, struct ks_str value)
{
    (void)name;
    (void)value;
    return 1;
}

/* A slice: of messages and values, or of the audit log. */
static void expire(struct ks_store_req *req, const struct op *op, struct ks_str after)
{
    int64_t period_ms = (int64_t)op->bytes * 2;
    struct ks_expiry x = { .now_ms = op->wall_ms, .actor = KS_STR("konsild"), .last = true };

    if (op->b % 3) {
        x.domain = domain;
        x.after = op->b % 3 == 1 ? KS_STR_EMPTY : after;
        x.categories[x.categories_count++] =
            (struct ks_expire_category) { KS_STR("archive"), KS_EXPIRE_ARCHIVE, period_ms, NULL };
        x.categories[x.categories_count++] =
            (struct ks_expire_category) { KS_STR("read"), KS_EXPIRE_VALUES, period_ms, stamp_of };
    } else {
        x.categories[x.categories_count++] =
            (struct ks_expire_category) { KS_STR("audit"), KS_EXPIRE_AUDIT, period_ms, NULL };
    }
    ks_store_txn_expire(req, &x);
}

static bool see(void *user, const struct ks_archive_row *row)
{
    static char text[40000];
    struct ks_archive_row *seen = user;

    seen->stanza = ks_str(memcpy(text, row->stanza.ptr, row->stanza.len), row->stanza.len);
    return false;
}

/* A tombstone, in the place of what stands in a row before the turn. */
static void retract(struct ks_store_req *req, const struct side *side, const struct op *op)
{
    struct ks_archive_row seen = { .id = 1 + (uint64_t)op->wall_ms % op->number, .stanza = KS_STR("<none/>") };
    enum ks_err err = side->store->ops->archive_get(side->store, seen.id, see, &seen);

    if (err != KS_OK && err != KS_ENOTFOUND)
        fatal("a row", err);
    ks_store_txn_archive_replace(req, &seen, KS_STR("<message n='tombstone'/>"),
        &(struct ks_audit_row) { .actor = KS_STR("author"), .action = KS_STR("delete"), .subject = domain });
}

static struct ks_store_req *req_of(const struct side *side, const struct op *op)
{
    struct ks_store_req *req = ks_store_txn_new();
    char text[32];
    struct ks_str text_a = local_of(op->a, text);

    assert(req);
    switch (op->kind) {
    case OP_MESSAGE:
        ks_store_txn_archive(req,
            &(struct ks_archive_row) { .owner = { op->a, op->a == op->b ? 0 : op->b },
                .with = { KS_STR("b@klinik.example"), op->a == op->b ? KS_STR_EMPTY : KS_STR("a@klinik.example") },
                .stanza = text_of(op) });
        ks_store_txn_kv_put(req, op->a, KS_STR("read"), text_a, text_a); /* two writes that belong together */
        break;
    case OP_RETRACT: /* a message, and the tombstone of an earlier one */
        ks_store_txn_archive(req,
            &(struct ks_archive_row) {
                .owner = { op->a }, .with = { KS_STR("b@klinik.example") }, .stanza = text_of(op) });
        retract(req, side, op);
        break;
    case OP_PUT:
        ks_store_txn_kv_put(req, op->a, KS_STR("roster"), local_of(op->b, text), text_of(op));
        break;
    case OP_DEL:
        ks_store_txn_kv_del(req, op->a, KS_STR("roster"), local_of(op->b, text));
        break;
    case OP_ADD:
        ks_store_txn_account_add(
            req, &(struct ks_account_row) { .state = KS_ACCOUNT_ACTIVE, .domain = domain, .local = text_a });
        ks_store_txn_kv_put(req, KS_ACCOUNT_NEW, KS_STR("scram"), KS_STR("SCRAM-SHA-256"), text_of(op));
        break;
    case OP_DELETE:
        ks_store_txn_account_delete(req, domain, text_a);
        break;
    case OP_AUDIT:
        ks_store_txn_audit(
            req, &(struct ks_audit_row) { .actor = KS_STR("uid:0"), .action = KS_STR("x"), .subject = text_a });
        break;
    case OP_META:
        ks_store_txn_meta(req, KS_STR("test.setting"), text_of(op));
        break;
    case OP_EXPIRE:
        expire(req, op, text_a);
        break;
    }
    return req;
}

static void draw_batch(struct batch *batch)
{
    static const size_t sizes[] = { 40, 200, 1300, 1300, 1300, 5000, 30000 };

    batch->count = 1 + (size_t)ks_prng_below(&chance, ks_prng_below(&chance, 3) ? 4 : OPS_MAX);
    batch->wall_ms = wall_ms += (int64_t)ks_prng_below(&chance, 1000);
    for (size_t i = 0; i < batch->count; i++) {
        struct op *op = &batch->ops[i];
        uint64_t dice = ks_prng_below(&chance, 40);
        op->kind = people < 3 || dice == 0 ? OP_ADD
            : dice < 23                    ? OP_MESSAGE
            : dice < 26                    ? OP_RETRACT
            : dice < 32                    ? OP_PUT
            : dice < 35                    ? OP_DEL
            : dice < 38                    ? OP_AUDIT
            : dice < 39                    ? OP_META
                                           : OP_DELETE;
        op->number = ++ops_done;
        op->bytes = sizes[ks_prng_below(&chance, KS_COUNT(sizes))];
        op->a = op->kind == OP_ADD ? ++people : 1 + ks_prng_below(&chance, people);
        op->b = 1 + ks_prng_below(&chance, people);
        op->wall_ms = wall_ms;
        if (op->kind == OP_DELETE && ks_prng_below(&chance, 2))
            op->kind = OP_MESSAGE;
        if (op->kind == OP_MESSAGE && i == 0 && ks_prng_below(&chance, 3) == 0)
            op->kind = OP_EXPIRE; /* one in a turn */
    }
}

static void submit(struct side *side, struct ks_store_req *req)
{
    req->epoch = side->epoch ? side->epoch : 1;
    ks_committer_submit(side->committer, req);
}

/* One turn of one side. True when the store took it; single refusals (a deleted account) do not count. */
static bool do_batch(struct side *side, const struct batch *batch, enum ks_err *ret_err)
{
    struct ks_store_req *req, *next;
    bool well = true;

    for (size_t i = 0; i < batch->count; i++)
        submit(side, req_of(side, &batch->ops[i]));
    for (req = ks_committer_turn(side->committer, (struct ks_now) { 0, batch->wall_ms }); req; req = next) {
        next = req->next;
        side->epoch = req->epoch;
        if (req->result == KS_EFULL || req->result == KS_ESTORE || req->result == KS_ENOMEM) {
            well = false;
            *ret_err = req->result;
        }
        ks_store_req_free(req);
    }
    return well;
}

/* --- what a store holds, as one text --- */

static bool dump_kv(void *user, const struct ks_kv_row *row)
{
    ks_buf_printf(user, "kv %" PRIu64 " ", row->account);
    ks_buf_field(user, row->store);
    ks_buf_field(user, row->key);
    ks_buf_field(user, row->value);
    return true;
}

static bool dump_account(void *user, const struct ks_account_row *row)
{
    ks_buf_printf(user, "account %" PRIu64 " %d ", row->id, (int)row->state);
    ks_buf_field(user, row->local);
    return true;
}

static bool dump_archive(void *user, const struct ks_archive_row *row)
{
    ks_buf_printf(user, "archive %" PRIu64 " %" PRId64 " %" PRIu64 " %" PRIu64 " ", row->id, row->stamp_ms,
        row->owner[0], row->owner[1]);
    ks_buf_field(user, row->with[0]);
    ks_buf_field(user, row->with[1]);
    ks_buf_field(user, row->stanza);
    return true;
}

static bool dump_audit(void *user, const struct ks_audit_row *row)
{
    ks_buf_printf(user, "audit %" PRIu64 " ", row->seq);
    ks_buf_field(user, row->subject);
    ks_buf_add(user, ks_str(row->hash, sizeof row->hash));
    return true;
}

/* The archive as its owner sees it, by index and tail. */
static void dump_pages(struct ks_buf *buf, struct ks_committer *c, uint64_t account)
{
    struct ks_page_query query = { .account = account, .rows_max = KS_PAGE_ROWS_MAX };
    bool complete = false;

    while (!complete) {
        struct ks_store_req *req = ks_store_page_new(&query);
        ks_committer_submit(c, req);
        ks_committer_turn(c, (struct ks_now) { 0 });
        if (req->result != KS_OK)
            ks_buf_printf(buf, "%s", ks_err_name(req->result));
        for (size_t i = 0; i < req->rows_count; i++) {
            ks_buf_printf(buf, " %" PRIu64, req->rows[i].id);
            query.after_id = req->rows[i].id;
        }
        complete = req->complete || req->result != KS_OK;
        ks_store_req_free(req);
    }
}

static void dump(struct ks_buf *buf, const struct side *side)
{
    const struct ks_server_store_ops *ops = side->store->ops;
    struct ks_server_store *s = side->store;
    enum ks_err err[5] = { KS_OK };
    uint64_t good = 0, gone = 0;

    ks_buf_reset(buf);
    err[0] = ops->account_list(s, domain, KS_STR_EMPTY, UINT32_MAX, dump_account, buf);
    for (uint64_t account = 1; account <= people; account++) {
        err[1] |= ops->kv_load(s, account, KS_STR_EMPTY, dump_kv, buf);
        ks_buf_printf(buf, "pages of %" PRIu64 ":", account);
        dump_pages(buf, side->committer, account);
    }
    err[2] = ops->archive_scan(s, 0, dump_archive, buf);
    err[3] = ops->audit_scan(s, 0, dump_audit, buf);
    ks_buf_z(buf, "setting ");
    err[4] = ops->meta_get(s, KS_STR("test.setting"), buf);
    err[3] |= ks_audit_verify(s, &good, &gone);
    ks_buf_printf(buf, " %" PRIu64 " rows behind %" PRIu64, good, gone);
    for (int i = 0; i < 4; i++)
        if (err[i] != KS_OK)
            ks_buf_printf(buf, "%s", ks_err_name(err[i]));
    if (ks_buf_err(buf) != KS_OK)
        fatal("dump", ks_buf_err(buf));
}

static bool same(void)
{
    static struct ks_buf a, b;
    bool same;

    ks_buf_init(&a, SIZE_MAX / 2);
    ks_buf_init(&b, SIZE_MAX / 2);
    dump(&a, &disk);
    dump(&b, &model);
    same = ks_str_eq(ks_buf_str(&a), ks_buf_str(&b));
    ks_buf_done(&a);
    ks_buf_done(&b);
    return same;
}

/* --- the two sides --- */

static bool forgetful;

static enum ks_err open_disk(void)
{
    struct ks_sqlite_setup setup = {
        .path = "server.db", .key = key, .vfs = "multipleciphers-cut", .forgetful = forgetful
    };
    enum ks_err err = ks_sqlite_server_store_open(&setup, &disk.store);
    char pragma[64];

    if (err != KS_OK)
        return err;
    /* Checkpoints come as often as they do in a year, so that cuts meet them. */
    snprintf(pragma, sizeof pragma, "PRAGMA wal_autocheckpoint = %d", 2 + (int)ks_prng_below(&chance, 40));
    err = ks_sqlite_exec(ks_sqlite_server_store_db(disk.store), pragma);
    if (err == KS_OK)
        err = ks_committer_new(disk.store, &keys, &disk.committer);
    if (err == KS_OK)
        ks_committer_set_tail_max(disk.committer, 1 + ks_prng_below(&chance, 100));
    return err;
}

static void close_side(struct side *side)
{
    ks_committer_free(side->committer);
    ks_server_store_free(side->store);
    *side = (struct side) { 0 };
}

/* The model's process begins anew too, when the disk's does. */
static void restart_model(void)
{
    enum ks_err err;

    ks_committer_free(model.committer);
    err = ks_committer_new(model.store, &keys, &model.committer);
    if (err != KS_OK)
        fatal("model", err);
    model.epoch = 0;
}

static void open_model(void)
{
    close_side(&model);
    model.store = ks_memory_server_store_new();
    restart_model();
    people = ops_done = 0;
    wall_ms = 1700000000000;
}

/* --- one life: from power on to the cut --- */

static struct {
    uint64_t cuts, turns, in_opening, under_way_kept, under_way_lost;
} tally;

/* Returns what is wrong, or NULL. */
static const char *live(void)
{
    struct batch batch;
    bool under_way = false;
    enum ks_err err;

    switch (ks_prng_below(&chance, 5)) {
    case 0:
        cut_vfs_arm(1 + ks_prng_below(&chance, 12), false, &chance); /* while it opens */
        break;
    case 1:
        cut_vfs_arm(1 + ks_prng_below(&chance, 30), true, &chance); /* when all is written, and a turn may survive */
        break;
    default:
        cut_vfs_arm(1 + ks_prng_below(&chance, 600), false, &chance);
    }
    err = open_disk();
    if (err != KS_OK && !cut_vfs_off())
        return "the store does not open";
    tally.in_opening += err != KS_OK;
    for (int turn = 0; !cut_vfs_off(); turn++) {
        if (turn == TURNS_MAX) { /* the cut waits for a sync that never comes */
            cut_vfs_cut(&chance);
            break;
        }
        draw_batch(&batch);
        if (do_batch(&disk, &batch, &err)) {
            do_batch(&model, &batch, &err);
            tally.turns++;
        } else if (cut_vfs_off()) {
            under_way = true;
            break;
        } else {
            return "a turn fails while there is power";
        }
        if (!cut_vfs_off() && ks_prng_below(&chance, 2))
            ks_committer_tidy(disk.committer);
    }
    close_side(&disk);
    cut_vfs_on();
    tally.cuts++;

    if (open_disk() != KS_OK)
        return "the store does not open after the cut";
    if (!ks_sqlite_says(ks_sqlite_server_store_db(disk.store), "PRAGMA integrity_check", "ok"))
        return "integrity_check fails";
    if (!same()) {
        if (!under_way)
            return "something acknowledged is missing, or something else is there";
        do_batch(&model, &batch, &err);
        tally.under_way_kept++;
        if (!same())
            return "something acknowledged is missing, or a turn is there in part";
    } else {
        tally.under_way_lost += under_way;
    }
    close_side(&disk);
    restart_model();
    return NULL;
}

/* Lives of stores until there were so many cuts; returns how many went wrong. */
static uint64_t cuts(uint64_t count, uint64_t seed, bool complain)
{
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t life_seed = seed + i / LIVES;
        const char *trouble;
        if (i % LIVES == 0) {
            ks_prng_init_number(&chance, life_seed);
            close_side(&disk);
            cut_vfs_format();
            open_model();
        }
        trouble = live();
        if (!trouble)
            continue;
        wrong++;
        if (complain)
            printf("# power cut: FAIL seed=%" PRIu64 " cut=%" PRIu64 ": %s\n# replay: test_power_cut --seed %" PRIu64
                   " --cuts %d\n",
                life_seed, i % LIVES + 1, trouble, life_seed, LIVES);
        close_side(&disk);
        i += LIVES - 1 - i % LIVES; /* this store is spoilt */
    }
    close_side(&disk);
    return wrong;
}

static void power_cuts(uint64_t count, uint64_t seed)
{
    struct cut_counts before, after;
    uint64_t wrong;

    before = cut_vfs_counts();
    wrong = cuts(count, seed, true);
    after = cut_vfs_counts();
    printf("# %" PRIu64 " cuts, %" PRIu64 " of them while opening; %" PRIu64
           " turns acknowledged; of the turns under way %" PRIu64 " were kept and %" PRIu64
           " lost; writes dropped %" PRIu64 ", torn %" PRIu64 ", reordered %" PRIu64 "\n",
        tally.cuts, tally.in_opening, tally.turns, tally.under_way_kept, tally.under_way_lost,
        after.dropped - before.dropped, after.torn - before.torn, after.reordered - before.reordered);
    check_row(wrong == 0, "DESIGN §3: after a power cut everything acknowledged is there, whole",
        "%" PRIu64 " went wrong", wrong);
    if (count >= 100)
        check_row(after.dropped - before.dropped > count && after.torn - before.torn > count / 4
                && after.reordered - before.reordered > count && tally.in_opening > count / 50
                && tally.under_way_lost > count / 20 && tally.under_way_kept > count / 50 && tally.turns > 5 * count,
            "the cuts struck: writes were dropped, torn and reordered, while opening and while committing",
            "see above");
}

static void mutant(uint64_t seed)
{
    uint64_t wrong;

    forgetful = true;
    wrong = cuts(60, seed, false);
    forgetful = false;
    check_row(wrong > 0, "with synchronous=OFF the same test finds losses", "it found none in 60 cuts");
}

/* --- a full disk --- */

static const char *fill_up(void)
{
    struct batch batch;
    enum ks_err err = open_disk();

    if (err != KS_OK)
        return "the store does not open";
    for (int round = 0; round < 5; round++) {
        bool refused = false;
        cut_vfs_room((size_t)ks_prng_below(&chance, 300000));
        for (int turn = 0; turn < 2000 && !refused; turn++) {
            draw_batch(&batch);
            refused = !do_batch(&disk, &batch, &err);
            if (!refused)
                do_batch(&model, &batch, &err);
            ks_committer_tidy(disk.committer);
        }
        if (!refused)
            return "the disk was never full";
        if (err != KS_EFULL)
            return "a full disk is another failure than KS_EFULL";
        if (!same())
            return "on the full disk what was refused is there, or something acknowledged is missing";
        cut_vfs_room(SIZE_MAX);
        draw_batch(&batch);
        if (!do_batch(&disk, &batch, &err))
            return "there is room again, and a turn fails";
        do_batch(&model, &batch, &err);
    }
    close_side(&disk);
    restart_model();
    if (open_disk() != KS_OK)
        return "the store does not open again";
    return same() ? NULL : "after a new start something acknowledged is missing";
}

static void full_disks(uint64_t seed)
{
    int wrong = 0;

    for (uint64_t i = 0; i < 20; i++) {
        const char *trouble;
        ks_prng_init_number(&chance, seed + i);
        cut_vfs_format();
        open_model();
        trouble = fill_up();
        if (trouble)
            printf("# full disk: FAIL seed=%" PRIu64 ": %s\n", seed + i, trouble);
        wrong += trouble != NULL;
        close_side(&disk);
    }
    check_row(wrong == 0, "a full disk: refused with KS_EFULL, nothing acknowledged lost, well when there is room",
        "%d of 20 went wrong", wrong);
}

/* --- a cut during a migration --- */

static bool see_name(void *user, const struct ks_account_row *row)
{
    ks_buf_printf(
        user, "%.*s '%.*s' '%.*s';", KS_STR_FMT(row->local), KS_STR_FMT(row->name), KS_STR_FMT(row->department));
    return true;
}

static bool migrated_whole(void)
{
    struct ks_buf seen;
    struct ks_server_store *s = NULL;
    struct ks_sqlite_setup setup = { .path = "server.db", .key = key, .vfs = "multipleciphers-cut" };
    bool whole;

    if (ks_sqlite_server_store_open(&setup, &s) != KS_OK)
        return false;
    ks_buf_init(&seen, 100000);
    whole = s->ops->account_list(s, domain, KS_STR_EMPTY, 10, see_name, &seen) == KS_OK
        && s->ops->kv_load(s, 1, KS_STR_EMPTY, dump_kv, &seen) == KS_OK
        && s->ops->archive_get(s, 1, dump_archive, &seen) == KS_OK && ks_buf_err(&seen) == KS_OK
        && ks_str_starts(ks_buf_str(&seen), KS_STR("m1 'Dr. Jana Brandt' '';m2 '' '';kv 1 "))
        && ks_sqlite_says(ks_sqlite_server_store_db(s), "PRAGMA integrity_check", "ok");
    ks_buf_done(&seen);
    ks_server_store_free(s);
    return whole;
}

static void migrations(uint64_t seed)
{
    char *sql = scratch_read(FIXTURES "/server_store_v1.sql");
    struct ks_sqlite_setup setup = { .path = "server.db", .key = key, .vfs = "multipleciphers-cut" };
    uint64_t n = 0, wrong = 0, half = 0;
    bool cut = true;

    ks_prng_init_number(&chance, seed);
    for (n = 1; cut && n < 1000; n++) {
        struct ks_server_store *s = NULL;
        struct sqlite3 *db = NULL;
        int64_t version = 0;

        cut_vfs_format();
        if (ks_sqlite_connect(&setup, &db) != KS_OK || ks_sqlite_exec(db, sql) != KS_OK)
            fatal("fixture", KS_ESTORE);
        sqlite3_close(db);
        cut_vfs_arm(n, false, &chance);
        if (ks_sqlite_server_store_open(&setup, &s) != KS_OK && !cut_vfs_off())
            wrong++;
        cut = cut_vfs_off();
        ks_server_store_free(s);
        cut_vfs_on();
        if (ks_sqlite_connect(&setup, &db) != KS_OK || ks_sqlite_number(db, "PRAGMA user_version", &version) != KS_OK)
            wrong++;
        half += version == 1;
        wrong += version < 1 || version > KS_SCHEMA_VERSION;
        sqlite3_close(db);
        wrong += !migrated_whole();
    }
    free(sql);
    printf("# the migration has %" PRIu64 " places for a cut; %" PRIu64 " left the older store\n", n - 2, half);
    check_row(wrong == 0 && n > 5 && half > 0 && half < n,
        "a store whose migration was cut is of one schema or the next, and goes on from there",
        "%" PRIu64 " went wrong of %" PRIu64, wrong, n);
}

int main(int argc, char **argv)
{
    uint64_t count = 500, seed = 1;

    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t *to = strcmp(argv[i], "--cuts") == 0 ? &count : strcmp(argv[i], "--seed") == 0 ? &seed : NULL;
        if (!to || ks_str_u64(ks_str_z(argv[i + 1]), UINT64_MAX, to) != KS_OK) {
            fprintf(stderr, "usage: test_power_cut [--cuts N] [--seed S]\n");
            return 2;
        }
    }
    if (ks_crypto_init() != KS_OK)
        fatal("crypto", KS_ECRYPTO);
    ks_prng_init_number(&keys, 1);
    /* SQLite's own chance from the seed as well. */
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)seed + 1, NULL);
    cut_vfs_register();
    power_cuts(count, seed);
    mutant(seed);
    full_disks(seed);
    migrations(seed);
    close_side(&model);
    cut_vfs_format();
    return check_done();
}
