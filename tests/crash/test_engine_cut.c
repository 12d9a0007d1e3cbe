/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The engine's store over a disk whose power is cut (cut_vfs.h): what libkonsil committed, ratchet and text together,
 * is there afterwards, whole, and nothing else but perhaps the whole of the transaction that was under way.
 *
 * The same transactions go to the memory driver, which is the model: after each cut both must hold the same. The mutant
 * is a disk that lies about syncs.
 *
 *     test_engine_cut [--cuts N] [--seed S]     N cuts (200) */
#include <inttypes.h>
#include <sqlite3.h>

#include "check.h"
#include "cut_vfs.h"
#include "sqlite_engine_store.h"

#define LIVES 10 /* cuts that one store survives, before the next begins with a new one */
#define TXNS_MAX 100
#define OPS_MAX 12
#define VALUE_MAX 6000

static const uint8_t key[32] = { 42 };
static struct ks_prng chance;
static struct ks_engine_store *disk, *model;
static struct {
    uint64_t cuts, in_opening, txns, kept, lost;
} tally;

struct op {
    enum { OP_PUT, OP_DEL, OP_TEXT } kind;
    enum ks_table table;
    uint64_t key, number;
    size_t bytes;
};

struct txn {
    struct op ops[OPS_MAX];
    size_t count;
};

static void draw_txn(struct txn *txn)
{
    static const enum ks_table tables[] = { KS_T_META, KS_T_SESSION2, KS_T_MESSAGE, KS_T_OUTBOX, KS_T_CHAIN };
    static const size_t sizes[] = { 8, 40, 700, 700, VALUE_MAX };
    static uint64_t number;

    txn->count = 1 + (size_t)ks_prng_below(&chance, OPS_MAX);
    for (size_t i = 0; i < txn->count; i++)
        txn->ops[i] = (struct op) { .kind = ks_prng_below(&chance, 8) ? OP_PUT
                : ks_prng_below(&chance, 2)                           ? OP_DEL
                                                                      : OP_TEXT,
            .table = tables[ks_prng_below(&chance, KS_COUNT(tables))],
            .key = ks_prng_below(&chance, 60),
            .number = ++number,
            .bytes = sizes[ks_prng_below(&chance, KS_COUNT(sizes))] };
}

/* Some bytes that say which op they come from, so that torn ones would show. */
static struct ks_str value_of(const struct op *op)
{
    static char text[VALUE_MAX + 64];
    size_t len = 0;

    while (len < op->bytes)
        len += (size_t)snprintf(text + len, 64, "wert%" PRIu64 " at %zu ", op->number, len);
    return ks_str(text, op->bytes);
}

/* KS_OK: durable. */
static enum ks_err do_txn(struct ks_engine_store *s, const struct txn *txn)
{
    enum ks_err err = s->ops->begin(s);
    char text[32];

    for (size_t i = 0; i < txn->count && err == KS_OK; i++) {
        const struct op *op = &txn->ops[i];
        struct ks_str at = ks_str(text, (size_t)snprintf(text, sizeof text, "k%03" PRIu64, op->key));

        err = op->kind == OP_PUT ? s->ops->put(s, op->table, at, value_of(op))
            : op->kind == OP_DEL ? s->ops->del(s, op->table, at)
                                 : s->ops->index_text(s, at, value_of(op));
    }
    if (err == KS_OK)
        return s->ops->commit(s);
    s->ops->rollback(s);
    return err;
}

/* --- what is there --- */

static bool note(void *user, struct ks_str at, struct ks_str value)
{
    ks_buf_field(user, at);
    ks_buf_field(user, value);
    return true;
}

static enum ks_err dump(struct ks_engine_store *s, struct ks_buf *ret)
{
    enum ks_err err = KS_OK;

    ks_buf_reset(ret);
    for (int table = KS_T_META; table < KS_T_COUNT && err == KS_OK; table++) {
        ks_buf_byte(ret, (uint8_t)table);
        err = s->ops->scan(s, (enum ks_table)table, KS_STR_EMPTY, KS_STR_EMPTY, false, note, ret);
    }
    for (char digit = '1'; digit <= '9' && err == KS_OK; digit++) {
        char word[] = { 'w', 'e', 'r', 't', digit };
        err = s->ops->search(s, ks_str(word, sizeof word), 1000, note, ret);
    }
    return err == KS_OK ? ks_buf_err(ret) : err;
}

static bool same(void)
{
    struct ks_buf a, b;
    bool is;

    ks_buf_init(&a, 16 << 20);
    ks_buf_init(&b, 16 << 20);
    is = dump(disk, &a) == KS_OK && dump(model, &b) == KS_OK && ks_str_eq(ks_buf_str(&a), ks_buf_str(&b));
    ks_buf_done(&a);
    ks_buf_done(&b);
    return is;
}

/* --- lives --- */

static enum ks_err open_disk(void)
{
    return ks_sqlite_engine_store_open("engine.db", "multipleciphers-cut", key, true, &disk);
}

static void close_disk(void)
{
    ks_engine_store_free(disk);
    disk = NULL;
}

/* One life: until the cut, and a look at what is there. What is wrong, or NULL. */
static const char *live(void)
{
    enum ks_err err;
    struct txn txn;
    bool under_way = false;

    cut_vfs_arm(
        1 + ks_prng_below(&chance, ks_prng_below(&chance, 4) ? 300 : 6), ks_prng_below(&chance, 3) == 0, &chance);
    err = open_disk();
    if (err != KS_OK && !cut_vfs_off())
        return "the store does not open";
    tally.in_opening += err != KS_OK;
    for (int i = 0; err == KS_OK && !cut_vfs_off(); i++) {
        if (i == TXNS_MAX) { /* the cut waits for a sync that never comes */
            cut_vfs_cut(&chance);
            break;
        }
        draw_txn(&txn);
        err = do_txn(disk, &txn);
        under_way = err != KS_OK;
        if (err == KS_OK && do_txn(model, &txn) != KS_OK)
            return "the model has no memory";
        tally.txns += err == KS_OK;
        if (err != KS_OK && !cut_vfs_off())
            return "a transaction fails while there is power";
    }
    close_disk();
    cut_vfs_on();
    tally.cuts++;
    if (open_disk() != KS_OK)
        return "the store does not open after the cut";
    if (!same()) {
        if (!under_way)
            return "something committed is missing, or something else is there";
        if (do_txn(model, &txn) != KS_OK || !same())
            return "something committed is missing, or a transaction is there in part";
        tally.kept++;
    } else {
        tally.lost += under_way;
    }
    close_disk();
    return NULL;
}

/* Returns how many cuts went wrong. */
static uint64_t cuts(uint64_t count, uint64_t seed, bool complain)
{
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < count; i++) {
        const char *trouble;

        if (i % LIVES == 0) {
            ks_prng_init_number(&chance, seed + i / LIVES);
            cut_vfs_format();
            ks_engine_store_free(model);
            if (!(model = ks_memory_engine_store_new()))
                return UINT64_MAX;
        }
        if (!(trouble = live()))
            continue;
        wrong++;
        if (complain)
            printf("# power cut: FAIL cut=%" PRIu64 ": %s\n# replay: test_engine_cut --seed %" PRIu64 " --cuts %d\n",
                i % LIVES + 1, trouble, seed + i / LIVES, LIVES);
        close_disk();
        i += LIVES - 1 - i % LIVES; /* this store is spoilt */
    }
    ks_engine_store_free(model);
    model = NULL;
    return wrong;
}

int main(int argc, char **argv)
{
    uint64_t count = 200, seed = 1, wrong;
    struct cut_counts counts;

    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t *to = strcmp(argv[i], "--cuts") == 0 ? &count : strcmp(argv[i], "--seed") == 0 ? &seed : NULL;
        if (!to || ks_str_u64(ks_str_z(argv[i + 1]), UINT64_MAX, to) != KS_OK) {
            fprintf(stderr, "usage: test_engine_cut [--cuts N] [--seed S]\n");
            return 2;
        }
    }
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)seed + 1, NULL);
    cut_vfs_register();
    wrong = cuts(count, seed, true);
    counts = cut_vfs_counts();
    printf("# %" PRIu64 " cuts, %" PRIu64 " of them while opening; %" PRIu64
           " transactions committed; of those under way %" PRIu64 " were kept and %" PRIu64
           " lost; writes dropped %" PRIu64 ", torn %" PRIu64 ", reordered %" PRIu64 "\n",
        tally.cuts, tally.in_opening, tally.txns, tally.kept, tally.lost, counts.dropped, counts.torn,
        counts.reordered);
    check_row(wrong == 0, "DESIGN §3: after a power cut ratchet and text are there as they were committed, together",
        "%" PRIu64 " went wrong", wrong);
    if (count >= 100)
        check_row(counts.dropped > count && counts.torn > count / 4 && tally.in_opening > 0 && tally.lost > count / 20
                && tally.txns > 5 * count,
            "the cuts struck: writes were dropped and torn, while opening and while committing", "see above");
    cut_vfs_lie(true);
    wrong = cuts(60, seed, false);
    check_row(wrong > 0, "on a disk that lies about syncs the same test finds losses", "it found none in 60 cuts");
    cut_vfs_format();
    return check_done();
}
