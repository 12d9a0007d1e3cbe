/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Archive ids, and pages of archives over both stores, against a plain model. */
#include <limits.h>

#include "archive_settings.h"
#include "committer_rig.h"
#include "crypto.h"
#include "scratch.h"
#include "sqlite_server_store.h"

/* --- archive ids --- */

static void ids(void)
{
    const struct ks_archive_ids *ids;
    char text[KS_ARCHIVE_ID_LEN], next[KS_ARCHIVE_ID_LEN], lost[KS_ARCHIVE_ID_LEN];
    uint64_t row = 0;
    int read = 0, same = 0;

    start_new();
    for (int i = 0; i < 10; i++)
        free_all(done(message(1, 2, "x")));
    ids = ks_committer_archive_ids(c);
    ks_archive_id_write(ids, 10, text);
    ks_archive_id_write(ids, 11, lost);
    check_row(ks_archive_id_read(ids, ks_str(text, sizeof text), &row) == KS_OK && row == 10,
        "XEP-0359 §3: an id is read as the row it was written for", "row %llu", (unsigned long long)row);
    ks_archive_id_write(ids, 9, next);
    for (int i = 0; i < KS_ARCHIVE_ID_LEN; i++)
        same += text[i] == next[i];
    check_row(same < 12, "ids of neighbours have nothing in common", "%d characters are the same", same);
    for (int i = 0; i < KS_ARCHIVE_ID_LEN; i++) {
        char forged[KS_ARCHIVE_ID_LEN];
        memcpy(forged, text, sizeof forged);
        forged[i] = forged[i] == '0' ? '1' : '0';
        read += ks_archive_id_read(ids, ks_str(forged, sizeof forged), &row) == KS_OK;
    }
    check_row(read == 0, "no id with another character is read", "%d were", read);
    check_err("nor one of another length", ks_archive_id_read(ids, ks_str(text, 31), &row), KS_ENOTFOUND);
    check_err("nor one in upper case", ks_archive_id_read(ids, KS_STR("ABCDEFABCDEFABCDEFABCDEFABCDEFAB"), &row),
        KS_ENOTFOUND);

    /* A backup of these ten rows is restored: row 11 was given before, and will be given again. */
    ks_committer_free(c);
    must(ks_archive_new_epoch(store, &chance), "a new epoch");
    must(ks_archive_new_epoch(store, &chance), "and another, before any row");
    start();
    ids = ks_committer_archive_ids(c);
    free_all(done(message(1, 2, "another eleventh")));
    check_row(ids->epochs_count == 2, "an epoch that came to no row is forgotten", "%u epochs", ids->epochs_count);
    check_row(ks_archive_id_read(ids, ks_str(text, sizeof text), &row) == KS_OK && row == 10,
        "XEP-0313 §4.3.3: after a restore the ids of restored rows are good", "row %llu", (unsigned long long)row);
    check_err("and ids of rows that the backup lacks are not found, though a new row has their number",
        ks_archive_id_read(ids, ks_str(lost, sizeof lost), &row), KS_ENOTFOUND);
    ks_archive_id_write(ids, 11, next);
    check_row(ks_archive_id_read(ids, ks_str(next, sizeof next), &row) == KS_OK && row == 11,
        "while that row's own id is", "row %llu", (unsigned long long)row);
}

/* --- pages, against a plain model --- */

#define MODEL_ROWS 3000
#define PEOPLE 6

static struct {
    uint64_t owner[2];
    int64_t stamp_ms;
} model[MODEL_ROWS + 1];
static uint64_t model_last;

/* The other side's address, seen from owner. */
static struct ks_str with_of(uint64_t row, uint64_t owner)
{
    static const char *const names[] = { "", "a@x", "b@x", "c@x", "d@x", "e@x", "f@x" };

    return ks_str_z(names[model[row].owner[model[row].owner[0] == owner]]);
}

static bool keep_even(const void *user, const struct ks_archive_row *row)
{
    (void)user;
    return row->id % 2 == 0;
}

static bool model_matches(const struct ks_page_query *q, uint64_t row)
{
    return (model[row].owner[0] == q->account || model[row].owner[1] == q->account)
        && (!q->with.len || ks_str_eq(q->with, with_of(row, q->account)))
        && (!q->start_ms || model[row].stamp_ms >= q->start_ms) && (!q->end_ms || model[row].stamp_ms <= q->end_ms)
        && (!q->keep || q->keep(NULL, &(struct ks_archive_row) { .id = row }));
}

static void model_append(void)
{
    struct ks_store_req *req;
    uint64_t a = 1 + ks_prng_below(&chance, PEOPLE), b = 1 + ks_prng_below(&chance, PEOPLE);

    if (a == b)
        b = 0;
    model[++model_last].owner[0] = a;
    model[model_last].owner[1] = b;
    now.wall_ms += (int64_t)ks_prng_below(&chance, 3) * 10;
    model[model_last].stamp_ms = now.wall_ms;
    req = ks_store_txn_new();
    ks_store_txn_archive(req,
        &(struct ks_archive_row) { .owner = { a, b },
            .with = { with_of(model_last, a), b ? with_of(model_last, b) : KS_STR_EMPTY },
            .stanza = KS_STR("<message/>") });
    free_all(done(req));
}

static bool page_is_right(void)
{
    struct ks_page_query q = { .account = 1 + ks_prng_below(&chance, PEOPLE) };
    uint64_t want[KS_PAGE_ROWS_MAX], count = 0, left = 0, matching = 0;
    struct ks_store_req *req;
    bool right;

    if (ks_prng_below(&chance, 2))
        q.with = ks_str_z((const char *const[]) { "a@x", "b@x", "c@x", "nobody@x" }[ks_prng_below(&chance, 4)]);
    if (ks_prng_below(&chance, 3) == 0)
        q.start_ms = model[1].stamp_ms + (int64_t)ks_prng_below(&chance, 30 * model_last) - 50;
    if (ks_prng_below(&chance, 3) == 0)
        q.end_ms = model[1].stamp_ms + (int64_t)ks_prng_below(&chance, 30 * model_last) - 50;
    if (ks_prng_below(&chance, 3) == 0)
        q.after_id = ks_prng_below(&chance, model_last + 3);
    if (ks_prng_below(&chance, 3) == 0)
        q.before_id = ks_prng_below(&chance, model_last + 3);
    if (ks_prng_below(&chance, 4) == 0)
        q.keep = keep_even;
    q.last = ks_prng_below(&chance, 2);
    q.rows_max = (uint32_t)ks_prng_below(&chance, 4) ? (uint32_t)ks_prng_below(&chance, 12) : KS_PAGE_ROWS_MAX;

    for (uint64_t i = 0; i < model_last; i++) {
        uint64_t row = q.last ? model_last - i : i + 1;
        if (!model_matches(&q, row))
            continue;
        matching++;
        if (row <= q.after_id || (q.before_id && row >= q.before_id))
            continue;
        if (count < q.rows_max)
            want[count++] = row;
        else
            left++;
    }
    req = done(ks_store_page_new(&q));
    right = req->result == KS_OK && req->rows_count == count && req->complete == (left == 0)
        && (req->count == matching || req->count == KS_COUNT_UNKNOWN) && (q.keep || req->count == matching);
    for (uint64_t i = 0; i < count && right; i++)
        right = req->rows[i].id == want[q.last ? count - 1 - i : i]
            && req->rows[i].stamp_ms == model[req->rows[i].id].stamp_ms;
    if (!right)
        printf("# account %llu with %.*s after %llu before %llu last %d max %u: %zu rows, want %llu; count %lld, want "
               "%llu\n",
            (unsigned long long)q.account, KS_STR_FMT(q.with), (unsigned long long)q.after_id,
            (unsigned long long)q.before_id, q.last, q.rows_max, req->rows_count, (unsigned long long)count,
            (long long)req->count, (unsigned long long)matching);
    ks_store_req_free(req);
    return right;
}

static struct ks_server_store *(*reopen)(struct ks_server_store *s);
static char path[PATH_MAX];

static struct ks_server_store *reopen_memory(struct ks_server_store *s)
{
    if (!s)
        return ks_memory_server_store_new();
    ks_memory_server_store_crash(s);
    return s;
}

static struct ks_server_store *reopen_sqlite(struct ks_server_store *s)
{
    static const uint8_t key[KS_STORE_KEY_LEN] = { 7 };
    struct ks_sqlite_setup setup = { .path = path, .key = key };

    ks_server_store_free(s);
    must(ks_sqlite_server_store_open(&setup, &s), "open");
    return s;
}

/* Appends, moves of the tail in slices, crashes in the middle of them, and after each step a page. */
static void pages(const char *name)
{
    struct ks_committer_stats stats;
    int wrong = 0, looked = 0, crashes = 0, slices = 0;
    char text[200];

    ks_committer_free(c);
    ks_server_store_free(store);
    scratch_clear(path);
    store = reopen(NULL);
    start();
    model_last = 0;
    for (int step = 0; step < 2000 && wrong < 5; step++) {
        switch (ks_prng_below(&chance, 12)) {
        case 0:
            ks_committer_set_tail_max(c, ks_prng_below(&chance, 60) + 1);
            slices += ks_committer_tidy(c);
            break;
        case 1:
            if (ks_prng_below(&chance, 10) == 0) {
                ks_committer_free(c);
                store = reopen(store);
                start();
                crashes++;
            }
            break;
        default:
            for (uint64_t n = ks_prng_below(&chance, 4); n > 0 && model_last < MODEL_ROWS; n--)
                model_append();
        }
        if (model_last) {
            wrong += !page_is_right();
            looked++;
        }
    }
    ks_committer_stats(c, &stats);
    snprintf(text, sizeof text, "%s: every page is what a plain search finds, wherever the index was left", name);
    check_row(wrong == 0 && looked > 1900 && crashes > 5 && stats.tail_entries < 500, text,
        "%d wrong of %d, %d crashes, %d slices, %llu in the tail", wrong, looked, crashes, slices,
        (unsigned long long)stats.tail_entries);
}

/* A move that takes several slices, with messages between them. */
static void slices(void)
{
    struct ks_committer_stats stats;
    int moved = 0, wrong = 0;

    start_new();
    model_last = 0;
    while (model_last < MODEL_ROWS - 100)
        model_append();
    for (int i = 0; i < 4; i++) { /* more than a slice */
        struct ks_store_req *req = ks_store_txn_new();
        for (int n = 0; n < 1000; n++)
            ks_store_txn_archive(
                req, &(struct ks_archive_row) { .owner = { 100 + (uint64_t)n % 7, 0 }, .with = { KS_STR("z@x") } });
        free_all(done(req));
    }
    ks_committer_set_tail_max(c, 1000);
    check_row(ks_committer_tidy(c), "a long tail is moved in slices", "it was moved at once");
    ks_committer_free(c); /* dies with half of it moved */
    ks_memory_server_store_crash(store);
    start();
    for (int i = 0; i < 200; i++)
        wrong += !page_is_right();
    check_row(wrong == 0, "after a crash between slices every page is right", "%d are wrong", wrong);
    ks_committer_set_tail_max(c, 1000);
    for (moved = 1; ks_committer_tidy(c); moved++)
        for (int i = 0; i < 100; i++)
            wrong += !page_is_right();
    ks_committer_stats(c, &stats);
    check_row(wrong == 0 && moved == 3 && stats.tail_entries == 0, "and while and after it is moved again",
        "%d are wrong, %d slices, %llu in the tail", wrong, moved, (unsigned long long)stats.tail_entries);
    must(ks_committer_flush(c), "flush");
    restart();
    ks_committer_stats(c, &stats);
    check_row(stats.tail_entries == 0, "what was moved is not read at the next start", "%llu in the tail",
        (unsigned long long)stats.tail_entries);
}

static void rows_by_id(void)
{
    struct ks_store_req *req;

    start_new();
    free_all(done(message(1, 2, "one")));
    free_all(done(message(3, 2, "two")));
    free_all(done(message(2, 1, "three")));
    req = done(ks_store_rows_new(1, (const uint64_t[]) { 3, 1, 3 }, 3));
    check_row(req->result == KS_OK && req->rows_count == 2 && ks_str_is(req->rows[0].stanza, "one")
            && ks_str_is(req->rows[1].stanza, "three"),
        "XEP-0313 §4.1.4: rows come by their ids, in archive order, each once", "%s, %zu rows",
        ks_err_name(req->result), req->rows_count);
    ks_store_req_free(req);
    check_err("XEP-0313 §4.1.4: one id of somebody else's archive, and nothing is found",
        result_of(ks_store_rows_new(1, (const uint64_t[]) { 1, 2 }, 2)), KS_ENOTFOUND);
    check_err("an id that was never given is not found", result_of(ks_store_rows_new(1, (const uint64_t[]) { 9 }, 1)),
        KS_ENOTFOUND);
}

static bool keep_none(const void *user, const struct ks_archive_row *row)
{
    (void)row;
    ++*(int *)(uintptr_t)user;
    return false;
}

static bool keep_x(const void *user, const struct ks_archive_row *row)
{
    (void)user;
    return ks_str_is(row->stanza, "<x/>");
}

static bool keep_second(const void *user, const struct ks_archive_row *row)
{
    (void)user;
    return ks_str_is(row->stanza, "<second/>");
}

static void replacing(void)
{
    static int looks;
    struct ks_page_query q = { .account = 1, .last = true, .rows_max = 10, .keep = keep_none, .keep_user = &looks };
    struct ks_archive_row x = { .id = 4, .stanza = KS_STR("<x/>") };
    const struct ks_audit_row one = {
        .actor = KS_STR("author"), .action = KS_STR("delete"), .detail = KS_STR("reason=retraction archive=1")
    };
    struct ks_store_req *req;

    start_new();
    for (int i = 0; i < 20; i++)
        free_all(done(message(1, 2, i == 3 ? "<x/>" : "<y/>")));
    req = done(ks_store_page_new(&q));
    check_row(looks == 20 && req->complete, "without looks_max a filter sees all rows", "%d", looks);
    ks_store_req_free(req);
    looks = 0;
    q.looks_max = 5;
    req = done(ks_store_page_new(&q));
    check_row(looks == 5 && !req->complete,
        "with looks_max it sees so many, and the page does not say that it is complete", "%d", looks);
    ks_store_req_free(req);
    req = ks_store_txn_new();
    ks_store_txn_archive_replace(req, &x, KS_STR("<z/>"), &one);
    x.id = 99;
    ks_store_txn_archive_replace(req, &x, KS_STR("<z/>"), &one);
    check_err("a row is replaced; one that is gone meanwhile is no error", result_of(req), KS_OK);
    req = ks_store_txn_new();
    x.id = 4;
    ks_store_txn_archive_replace(req, &x, KS_STR("<second/>"), &one);
    check_err("nor is one that another request replaced first", result_of(req), KS_OK);
    req = done(ks_store_audit_new(0, KS_AUDIT_ROWS_MAX));
    check_row(req->audit_count == 1 && ks_str_is(req->audit[0].detail, "reason=retraction archive=1"),
        "DSK I.7-f: the log has one row of it, and none of what did not happen", "%zu", req->audit_count);
    ks_store_req_free(req);
    q = (struct ks_page_query) { .account = 1, .rows_max = 10, .keep = keep_second };
    req = done(ks_store_page_new(&q));
    check_row(!req->rows_count, "the first one's word stays", "%zu rows", req->rows_count);
    ks_store_req_free(req);
    q = (struct ks_page_query) { .account = 2, .rows_max = 10, .keep = keep_x };
    req = done(ks_store_page_new(&q));
    check_row(
        req->rows_count == 0, "XEP-0424 §5: for both of its owners what it held is gone", "%zu rows", req->rows_count);
    ks_store_req_free(req);
    restart();
    req = done(ks_store_page_new(&q));
    check_row(req->rows_count == 0, "and it is after a restart", "%zu rows", req->rows_count);
    ks_store_req_free(req);
}

int main(void)
{
    must(ks_crypto_init(), "crypto");
    ks_prng_init_number(&chance, 1);
    ids();
    replacing();
    rows_by_id();
    slices();
    scratch_path(path, sizeof path, "server.db");
    reopen = reopen_memory;
    pages("memory");
    reopen = reopen_sqlite;
    pages("sqlite");
    ks_committer_free(c);
    ks_server_store_free(store);
    scratch_done();
    return check_done();
}
