/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "sm.h"

static uint64_t seen[16];
static size_t seen_count;

static void acked(void *user, uint64_t tag)
{
    (void)user;
    seen[seen_count++] = tag;
}

static void fill(struct ks_sm *sm, uint32_t before, size_t count)
{
    ks_sm_init(sm);
    if (ks_sm_enabled(sm, KS_STR("id1"), true) != KS_OK)
        exit(1);
    sm->acked = before;
    for (size_t i = 0; i < count; i++)
        if (ks_sm_sent(sm, KS_STR("<message/>"), i + 1) != KS_OK)
            exit(1);
    seen_count = 0;
}

static const struct {
    const char *name;
    uint32_t before;
    size_t sent;
    uint32_t h;
    enum ks_err err;
    size_t acked;
} rows[] = {
    { "XEP-0198 §4: h acknowledges what was sent up to it", 0, 3, 2, KS_OK, 2 },
    { "XEP-0198 §4: the same h again acknowledges nothing", 5, 3, 5, KS_OK, 0 },
    { "XEP-0198 §4: h of all", 0, 3, 3, KS_OK, 3 },
    { "XEP-0198 §4: h counts on modulo 2^32", UINT32_MAX - 1, 3, 1, KS_OK, 3 },
    { "XEP-0198 §4: h of more than was sent is an error", 0, 3, 4, KS_ESYNTAX, 0 },
    { "XEP-0198 §4: h that goes back is an error", 5, 3, 4, KS_ESYNTAX, 0 },
};

int main(void)
{
    struct ks_str bytes;
    struct ks_sm sm;

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        enum ks_err err;

        fill(&sm, rows[i].before, rows[i].sent);
        err = ks_sm_acked(&sm, rows[i].h, acked, NULL);
        check_row(err == rows[i].err && seen_count == rows[i].acked && sm.unacked == rows[i].sent - rows[i].acked,
            rows[i].name, "%s, %zu acknowledged, %zu left", ks_err_name(err), seen_count, sm.unacked);
        ks_sm_done(&sm);
    }
    fill(&sm, 0, 3);
    check_err("tags are told in order", ks_sm_acked(&sm, 2, acked, NULL), KS_OK);
    check_row(seen[0] == 1 && seen[1] == 2, "the first two", "%llu %llu", (unsigned long long)seen[0],
        (unsigned long long)seen[1]);
    check_row(ks_sm_next(&sm, NULL, &bytes) && ks_str_is(bytes, "<message/>"),
        "the third is sent again after a resumption", "\"%.*s\"", KS_STR_FMT(bytes));
    ks_sm_reset(&sm);
    check_row(
        !ks_sm_next(&sm, NULL, &bytes) && !sm.id && !sm.enabled, "a new session has nothing of the old one", "it has");
    check_err(
        "XEP-0198 §3: a session that may not be resumed has no id", ks_sm_enabled(&sm, KS_STR("x"), false), KS_OK);
    check_row(sm.enabled && !sm.resumable && !sm.id, "and counts all the same", "%d %d", sm.enabled, sm.resumable);
    for (size_t i = 0; i < KS_SM_UNACKED_MAX; i++)
        if (ks_sm_sent(&sm, KS_STR("x"), 0) != KS_OK)
            exit(1);
    check_err("a server that acknowledges nothing is not fed for ever", ks_sm_sent(&sm, KS_STR("x"), 0), KS_ELIMIT);
    ks_sm_done(&sm);
    return check_done();
}
