/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "failmalloc.h"
#include "hospital_log.h"

#define ANNA 1
#define HOUR_S 3600
#define CLOCK(after_s) ((LOG_T + (after_s)) * 1000ll)

static struct ks_log_view *view_of(uint8_t who)
{
    uint8_t account[KS_LOG_ACCOUNT_LEN];
    struct ks_log_view *view = NULL;

    account_of(who, account);
    must(ks_log_view_new(LOG_DOMAIN, account, &view));
    return view;
}

static enum ks_log_answer give_at(struct ks_log_view *view, const struct ks_log_update *update, int64_t clock_ms)
{
    enum ks_log_answer answer = KS_LOG_FULL;

    must(ks_log_view_take(view, update, clock_ms, &answer));
    return answer;
}

/* By leaves, as its clock is right. */
static enum ks_log_answer give(struct ks_log_view *view, const struct hospital *h, const struct signed_log *log)
{
    struct ks_log_update update = by_leaves_from(h, log, ks_log_view_size(view));

    return give_at(view, &update, log->checkpoint.t_s * 1000);
}

static bool check_answer(const char *name, enum ks_log_answer got, enum ks_log_answer want)
{
    return check_row(got == want, name, "got %s, want %s", ks_log_answer_name(got), ks_log_answer_name(want));
}

static struct ks_buf record_of(const struct ks_log_view *view)
{
    struct ks_buf buf;

    ks_buf_init(&buf, KS_LOG_VIEW_BYTES_MAX);
    ks_log_view_write(view, &buf);
    must(ks_buf_err(&buf));
    return buf;
}

/* Another view with the same record, as after a restart. */
static void restart(struct ks_log_view **view)
{
    struct ks_buf buf = record_of(*view), again;
    struct ks_log_view *other = NULL;

    must(ks_log_view_read(ks_buf_str(&buf), &other));
    again = record_of(other);
    if (!ks_str_eq(ks_buf_str(&buf), ks_buf_str(&again))) {
        printf("Bail out! a view is not what was written\n");
        exit(1);
    }
    ks_buf_done(&buf);
    ks_buf_done(&again);
    ks_log_view_free(*view);
    *view = other;
}

static struct ks_log_time time_of(const struct ks_log_view *view, int64_t clock_ms)
{
    struct ks_log_time time;

    ks_log_view_time(view, clock_ms, 0, 0, &time);
    return time;
}

static enum ks_log_verdict verdict(struct hospital *h, const struct ks_log_view *view, uint8_t who,
    uint32_t certificate, uint64_t number, uint64_t size)
{
    uint8_t account[KS_LOG_ACCOUNT_LEN], object[KS_LOG_OBJECT_LEN];
    struct ks_merkle_proof proof = leaf_proof(h, number, size);

    account_of(who, account);
    object_of(certificate, object);
    return ks_log_view_certificate(view, object, account, 100 + certificate, number, leaf_at(h, number), size, &proof);
}

static enum ks_log_verdict revoked(const struct ks_log_view *view, uint32_t certificate, uint64_t number)
{
    uint8_t object[KS_LOG_OBJECT_LEN];

    object_of(certificate, object);
    return ks_log_view_revoked(view, object, number, NULL);
}

/* --- what is taken, what is ignored --- */

static void test_updates(void)
{
    struct hospital *h = hospital_new();
    KS_AUTO(ks_log_view_free) struct ks_log_view *view = view_of(ANNA);
    struct signed_log *one, *two, *three, *odd;
    struct ks_log_update update;
    struct ks_checkpoint newest;
    struct ks_log_leaf leaf;
    struct ks_buf before, after;
    uint64_t number;
    uint8_t *bytes;

    hospital_issue(h, ANNA, 1);
    hospital_issue(h, 2, 2);
    one = hospital_sign(h, 0);
    check_row(!ks_log_view_newest(view, &newest, NULL) && !time_of(view, CLOCK(0)).may_send,
        "PROTOCOL §15.4: of nothing, nothing is sent", "it is");
    check_answer("PROTOCOL §15.4: leaves that lead to a signed root are taken", give(view, h, one), KS_LOG_TAKEN);
    check_row(ks_log_view_size(view) == 2 && ks_log_view_newest(view, &newest, NULL) && newest.t_s == LOG_T,
        "the view is as it says", "%d", (int)ks_log_view_size(view));
    ks_log_view_own(view, 0, &number, &leaf);
    check_row(ks_log_view_own_count(view) == 1 && number == 0 && leaf.type == KS_LOG_ISSUE,
        "leaves of the own account are kept", "%zu", ks_log_view_own_count(view));

    hospital_revoke(h, 2, 2);
    two = hospital_sign(h, HOUR_S);
    for (int i = 0; i < 5; i++)
        hospital_issue(h, 3, (uint32_t)(10 + i));
    three = hospital_sign(h, 2 * HOUR_S);
    before = record_of(view);

    update = by_leaves_from(h, two, 2);
    update.checkpoint.signature[5] ^= 1;
    check_answer("one that is not signed is ignored", give_at(view, &update, CLOCK(0)), KS_LOG_UNSIGNED);
    update = by_leaves_from(h, two, 2);
    update.checkpoint.bytes.len--;
    check_answer("one that is cut off, too", give_at(view, &update, CLOCK(0)), KS_LOG_MALFORMED);
    update = by_leaves_from(h, two, 2);
    update.leaves.len -= KS_LOG_LEAF_LEN;
    check_answer("one whose leaves are missing, too", give_at(view, &update, CLOCK(0)), KS_LOG_MISSING);
    update = by_leaves_from(h, three, 3);
    check_answer("one whose leaves begin later, too", give_at(view, &update, CLOCK(0)), KS_LOG_MISSING);
    update = by_leaves_from(h, two, 2);
    update.leaves.len--;
    check_answer("one with a piece of a leaf, too", give_at(view, &update, CLOCK(0)), KS_LOG_MISSING);
    update = by_leaves_from(h, two, 2);
    check_answer("PROTOCOL §15.6: one that is 48 hours ahead of the clock, too",
        give_at(view, &update, CLOCK(HOUR_S - 48 * HOUR_S) - 1), KS_LOG_CLOCK);
    odd = hospital_sign(h, 2 * HOUR_S);
    odd->checkpoint.size = 100001 + 2;
    sign_again(h, odd);
    update = by_leaves_from(h, odd, 2);
    if (!(bytes = calloc(KS_LOG_LEAVES_MAX + 1, KS_LOG_LEAF_LEN)))
        exit(1);
    update.leaves = ks_str(bytes, (KS_LOG_LEAVES_MAX + 1) * (size_t)KS_LOG_LEAF_LEN);
    check_answer("one with more than 100,000 leaves, too", give_at(view, &update, CLOCK(2 * HOUR_S)), KS_LOG_FULL);
    free(bytes);
    after = record_of(view);
    check_row(ks_str_eq(ks_buf_str(&before), ks_buf_str(&after)), "what is ignored changes nothing", "it does");

    check_answer("the update itself is taken", give(view, h, two), KS_LOG_TAKEN);
    check_answer("PROTOCOL §15.4: the same again is old", give(view, h, two), KS_LOG_OLD);
    check_answer("the one before is, too", give(view, h, one), KS_LOG_OLD);
    update = by_leaves_from(h, three, 0);
    check_answer(
        "leaves that are known already are stepped over", give_at(view, &update, CLOCK(2 * HOUR_S)), KS_LOG_TAKEN);
    odd = hospital_sign(h, 3 * HOUR_S);
    check_answer("an hour without a leaf is taken without one", give(view, h, odd), KS_LOG_TAKEN);
    hospital_issue(h, 3, 20);
    odd = hospital_sign(h, 2 * HOUR_S);
    check_answer("a larger log whose time goes back is ignored", give(view, h, odd), KS_LOG_BACK);
    odd = hospital_sign(h, 4 * HOUR_S);
    odd->checkpoint.crl = 3;
    odd->checkpoint.envelope_min = 2;
    sign_again(h, odd);
    check_answer("one with a newer list is taken", give(view, h, odd), KS_LOG_TAKEN);
    odd = hospital_sign(h, 5 * HOUR_S);
    odd->checkpoint.crl = 2;
    sign_again(h, odd);
    check_answer("one whose list goes back is ignored", give(view, h, odd), KS_LOG_BACK);
    odd = hospital_sign(h, 6 * HOUR_S);
    odd->checkpoint.crl = 3;
    sign_again(h, odd);
    check_row(give(view, h, odd) == KS_LOG_TAKEN && ks_log_view_newest(view, &newest, NULL) && newest.envelope_min == 2,
        "PROTOCOL §15.3: the oldest envelope version that is used never goes back", "%u", newest.envelope_min);
    ks_buf_done(&before);
    ks_buf_done(&after);
    hospital_free(h);
}

static void test_leaves(void)
{
    struct hospital *h = hospital_new();
    KS_AUTO(ks_log_view_free) struct ks_log_view *view = view_of(ANNA);
    KS_AUTO(ks_log_view_free) struct ks_log_view *other = view_of(ANNA);
    uint8_t bytes[KS_LOG_LEAF_LEN];
    uint64_t number;

    hospital_issue(h, 2, 1);
    check_answer("a log begins", give(view, h, hospital_sign(h, 0)), KS_LOG_TAKEN);
    memcpy(bytes, h->leaves, sizeof bytes);
    bytes[1] = 77;
    account_of(ANNA, bytes + 16);
    hospital_append(h, bytes);
    check_answer(
        "PROTOCOL §15.1: a type that we do not know stops nobody", give(view, h, hospital_sign(h, 1)), KS_LOG_TAKEN);
    check_row(ks_log_view_own_count(view) == 1, "and is kept if it is about the own account", "%zu",
        ks_log_view_own_count(view));
    restart(&view);
    hospital_revoke(h, 2, 1);
    hospital_leaf(h, KS_LOG_REVOKE, 2, 9, CLOCK(200 * HOUR_S));
    check_answer("revocations are taken", give(view, h, hospital_sign(h, 2)), KS_LOG_TAKEN);
    check_row(revoked(view, 1, 0) == KS_LOG_REVOKED && revoked(view, 9, 0) == KS_LOG_REVOKED
            && revoked(view, 8, 0) == KS_LOG_LISTED,
        "PROTOCOL §15.4: who is revoked has no key any more, and nobody else", "other");
    int64_t since = 0;
    uint8_t object[KS_LOG_OBJECT_LEN];
    struct ks_log_leaf again;
    struct ks_log_revocation earlier = { 1, 1000, CLOCK(300 * HOUR_S) };
    must(ks_log_leaf_read(leaf_at(h, 2), &again));
    ks_log_revocation_write(&again, &earlier);
    must(ks_log_leaf_write(&again, bytes));
    hospital_append(h, bytes);
    object_of(1, object);
    check_row(give(view, h, hospital_sign(h, 3)) == KS_LOG_TAKEN
            && ks_log_view_revoked(view, object, 0, &since) == KS_LOG_REVOKED && since == 1000,
        "of two revocations of one certificate the earlier beginning counts", "%lld", (long long)since);
    memcpy(bytes, leaf_at(h, 1).ptr, sizeof bytes);
    check_answer("a checkpoint at the end of one of them", give(view, h, hospital_sign(h, 200 * HOUR_S)), KS_LOG_TAKEN);
    check_row(revoked(view, 9, 0) == KS_LOG_REVOKED, "keeps it", "gone");
    check_answer("a second later", give(view, h, hospital_sign(h, 200 * HOUR_S + 1)), KS_LOG_TAKEN);
    check_row(revoked(view, 9, 0) == KS_LOG_LISTED && revoked(view, 1, 0) == KS_LOG_REVOKED,
        "it is forgotten with its certificate, and others are not", "other");

    bytes[0] = 2;
    number = hospital_append(h, bytes);
    check_answer("PROTOCOL §15.1: a leaf of a newer version stops who does not know it",
        give(view, h, hospital_sign(h, 201 * HOUR_S)), KS_LOG_VERSION);
    check_row(ks_log_view_size(view) == number, "before it", "%d", (int)ks_log_view_size(view));
    bytes[0] = 1;
    bytes[2] = 1;
    h->frontier = h->logs[0].frontier;
    hospital_append(h, bytes);
    check_answer("a leaf that is none stops everybody", give(other, h, hospital_sign(h, 1)), KS_LOG_MALFORMED);
    hospital_free(h);
}

static void test_limits(void)
{
    struct hospital *h = hospital_new();
    KS_AUTO(ks_log_view_free) struct ks_log_view *view = view_of(ANNA);
    KS_AUTO(ks_log_view_free) struct ks_log_view *other = view_of(9);
    struct ks_signed_checkpoint kept;
    struct ks_checkpoint newest;
    bool good = true;

    for (uint32_t i = 0; i < KS_LOG_OWN_MAX; i++)
        hospital_issue(h, ANNA, i);
    check_answer("1,024 leaves of the own account are taken", give(view, h, hospital_sign(h, 0)), KS_LOG_TAKEN);
    restart(&view);
    hospital_issue(h, ANNA, 5000);
    check_answer("one more is not", give(view, h, hospital_sign(h, 1)), KS_LOG_FULL);
    check_answer("for others that is no matter", give(other, h, hospital_sign(h, 1)), KS_LOG_TAKEN);
    for (int i = 0; i < 2 * KS_LOG_KEPT_MAX; i++) {
        hospital_issue(h, 2, (uint32_t)(6000 + i));
        good = give(other, h, hospital_sign(h, 2 + i)) == KS_LOG_TAKEN && good;
    }
    check_row(good && ks_log_view_newest(other, &newest, &kept)
            && ks_str_eq(kept.bytes, h->logs[h->log_count - 1].from.bytes)
            && ks_log_view_compare(other, newest.size - 63, h->logs[h->log_count - 64].checkpoint.root.bytes)
                == KS_LOG_SAME
            && ks_log_view_compare(other, newest.size - 64, h->logs[h->log_count - 65].checkpoint.root.bytes)
                == KS_LOG_UNHEARD,
        "64 checkpoints are kept, the newest", "other");
    restart(&other);
    for (uint32_t i = 0; i < KS_LOG_REVOKED_MAX; i++)
        hospital_revoke(h, 3, 10000 + i);
    check_answer("65,536 revocations are taken", give(other, h, hospital_sign(h, 1000)), KS_LOG_TAKEN);
    check_row(revoked(other, 10000, 0) == KS_LOG_REVOKED
            && revoked(other, 10000 + KS_LOG_REVOKED_MAX - 1, 0) == KS_LOG_REVOKED
            && revoked(other, 9999, 0) == KS_LOG_LISTED,
        "and each is found", "other");
    restart(&other);
    hospital_revoke(h, 3, 9000);
    check_answer("one more is not", give(other, h, hospital_sign(h, 1001)), KS_LOG_FULL);
    hospital_free(h);
}

/* --- rows 6 to 10 of the table of attacks --- */

static void test_row_6(void)
{
    struct hospital *h = hospital_new();
    KS_AUTO(ks_log_view_free) struct ks_log_view *view = view_of(ANNA);
    uint8_t account[KS_LOG_ACCOUNT_LEN], object[KS_LOG_OBJECT_LEN];
    struct ks_merkle_proof proof;
    uint64_t first, second;

    hospital_issue(h, ANNA, 1);
    first = hospital_issue(h, 2, 2);
    second = hospital_issue(h, 3, 3);
    check_answer("attack 6: a log", give(view, h, hospital_sign(h, 0)), KS_LOG_TAKEN);
    hospital_issue(h, 2, 4);
    check_answer("attack 6: it grows", give(view, h, hospital_sign(h, 1)), KS_LOG_TAKEN);
    check_row(verdict(h, view, 2, 2, first, 4) == KS_LOG_LISTED,
        "attack 6: a certificate whose leaf is in the log is good", "other");
    check_row(verdict(h, view, 2, 2, first, 3) == KS_LOG_LISTED,
        "attack 6: so it is by a proof for a checkpoint before the newest", "other");
    check_row(verdict(h, view, 2, 99, first, 4) == KS_LOG_NOT_IT,
        "attack 6: a valid certificate without a leaf is refused with the leaf of another one", "other");
    check_row(
        verdict(h, view, 3, 2, first, 4) == KS_LOG_NOT_IT, "attack 6: and with the leaf of another account", "other");
    account_of(2, account);
    object_of(99, object);
    proof = leaf_proof(h, first, 4);
    struct ks_log_leaf invented = { .type = KS_LOG_ISSUE, .device = 199, .time_ms = CLOCK(0) };
    uint8_t bytes[KS_LOG_LEAF_LEN];
    memcpy(invented.account, account, sizeof account);
    memcpy(invented.object, object, sizeof object);
    must(ks_log_leaf_write(&invented, bytes));
    check_row(ks_log_view_certificate(view, object, account, 199, first, ks_str(bytes, sizeof bytes), 4, &proof)
            == KS_LOG_ABSENT,
        "attack 6: an invented leaf is not in the log", "other");
    object_of(2, object);
    check_row(ks_log_view_certificate(view, object, account, 102, first, leaf_at(h, first), 5, &proof) == KS_LOG_ABSENT,
        "attack 6: a proof for a checkpoint that nobody signed is none", "other");
    check_row(ks_log_view_certificate(view, object, account, 103, first, leaf_at(h, first), 4, &proof) == KS_LOG_NOT_IT,
        "attack 6: the leaf of another device is none", "other");
    object_of(98, object);
    check_row(ks_log_view_certificate(view, object, account, 102, first, leaf_at(h, first), 4, &proof) == KS_LOG_NOT_IT,
        "attack 6: a second certificate of the device is none with the leaf of the first", "other");
    hospital_revoke(h, 3, 3);
    check_answer("attack 6: one is revoked", give(view, h, hospital_sign(h, 2)), KS_LOG_TAKEN);
    check_row(verdict(h, view, 3, 3, second, 5) == KS_LOG_REVOKED && verdict(h, view, 2, 2, first, 5) == KS_LOG_LISTED,
        "attack 6: whoever is in the log and was revoked is refused, and nobody else", "other");
    object_of(3, object);
    account_of(3, account);
    proof = leaf_proof(h, 4, 5);
    check_row(ks_log_view_certificate(view, object, account, 103, 4, leaf_at(h, 4), 5, &proof) == KS_LOG_NOT_IT,
        "attack 6: a revocation's leaf shows no issue", "other");
    hospital_free(h);
}

static bool evidence_good(const struct ks_log_view *view)
{
    struct ks_signed_checkpoint pair[2];
    struct ks_checkpoint a, b;

    return ks_log_view_fork(view, pair) && ks_checkpoint_open(&pair[0], LOG_DOMAIN, &a) == KS_OK
        && ks_checkpoint_open(&pair[1], LOG_DOMAIN, &b) == KS_OK && b.size <= a.size && !ks_merkle_eq(&a.root, &b.root);
}

/* Two logs by one key: the same up to some leaf, then different ones. */
static struct hospital *twin(const struct hospital *h, uint64_t size)
{
    struct hospital *other = hospital_new();

    for (uint64_t i = 0; i < size; i++)
        hospital_append(other, h->leaves + i * KS_LOG_LEAF_LEN);
    return other;
}

static void test_row_7(void)
{
    struct hospital *h = hospital_new(), *other;
    KS_AUTO(ks_log_view_free) struct ks_log_view *view = view_of(ANNA);
    struct signed_log *small, *large, *fork;
    struct ks_signed_checkpoint pair[2];
    struct ks_log_update update;
    struct ks_log_time time;
    uint8_t *leaves;

    for (uint32_t i = 0; i < 6; i++)
        hospital_issue(h, 2, i);
    small = hospital_sign(h, 0);
    check_answer("attack 7: a log", give(view, h, small), KS_LOG_TAKEN);
    hospital_issue(h, 2, 7);
    hospital_issue(h, 2, 8);
    large = hospital_sign(h, 1);
    update = by_leaves_from(h, large, 6);
    if (!(leaves = malloc(update.leaves.len)))
        exit(1);
    memcpy(leaves, update.leaves.ptr, update.leaves.len);
    leaves[40] ^= 1;
    update.leaves.ptr = (const char *)leaves;
    check_answer("attack 7: a leaf that was changed on the way does not lead to the root",
        give_at(view, &update, CLOCK(1)), KS_LOG_ASTRAY);
    check_row(!ks_log_view_fork(view, pair) && ks_log_view_size(view) == 6,
        "attack 7: it is ignored, and proves nothing against the hospital", "frozen");
    free(leaves);
    check_answer("attack 7: the true one is taken", give(view, h, large), KS_LOG_TAKEN);
    check_answer("attack 7: a smaller size that was true once is ignored", give(view, h, small), KS_LOG_OLD);
    check_row(!ks_log_view_fork(view, pair), "attack 7: and freezes nothing", "frozen");

    other = twin(h, 7);
    hospital_issue(other, 2, 66);
    fork = hospital_sign(other, 2);
    check_answer("attack 7: another root for the size that we have is a fork", give(view, other, fork), KS_LOG_FORK);
    time = time_of(view, CLOCK(1));
    check_row(!time.may_meet && time.may_send && time.age == KS_LOG_FRESH,
        "attack 7: then there are no new keys, and sending to devices that are known goes on", "other");
    check_row(evidence_good(view) && ks_log_view_fork(view, pair) && ks_str_eq(pair[0].bytes, large->from.bytes)
            && ks_str_eq(pair[1].bytes, fork->from.bytes),
        "attack 7: both signed checkpoints are there as the evidence", "not");
    restart(&view);
    check_row(evidence_good(view) && !time_of(view, CLOCK(1)).may_meet, "attack 7: after a restart, too", "not");
    check_answer("attack 7: the other log is not followed", give(view, other, fork), KS_LOG_FORK);
    hospital_revoke(h, 2, 8);
    check_row(give(view, h, hospital_sign(h, 3)) == KS_LOG_TAKEN && revoked(view, 8, 7) == KS_LOG_REVOKED,
        "attack 7: revocations still reach who is frozen", "not");
    check_row(!time_of(view, CLOCK(3)).may_meet, "attack 7: and nothing ends the freeze", "ended");
    hospital_free(other);

    KS_AUTO(ks_log_view_free) struct ks_log_view *late = view_of(ANNA);
    check_answer("attack 7: another device", give(late, h, small), KS_LOG_TAKEN);
    check_answer("attack 7: goes on", give(late, h, large), KS_LOG_TAKEN);
    other = twin(h, 5);
    hospital_issue(other, 2, 67);
    check_answer("attack 7: another root for a smaller size that we had is a fork, too",
        give(late, other, hospital_sign(other, 4)), KS_LOG_FORK);
    check_row(evidence_good(late), "attack 7: with its evidence", "without");
    hospital_free(other);
    hospital_free(h);
}

static void test_row_8(void)
{
    struct hospital *a = hospital_new(), *b, *key = hospital_new();
    KS_AUTO(ks_log_view_free) struct ks_log_view *anna = view_of(ANNA);
    KS_AUTO(ks_log_view_free) struct ks_log_view *jonas = view_of(2);
    KS_AUTO(ks_log_view_free) struct ks_log_view *mira = view_of(3);
    struct signed_log *log_a, *log_b, *begin, *next;
    struct ks_signed_checkpoint shown, pair[2];
    struct ks_merkle_proof proof;

    for (uint32_t i = 0; i < 6; i++)
        hospital_issue(a, 5, i);
    begin = hospital_sign(a, 0);
    b = twin(a, 6);
    check_row(give(anna, a, begin) == KS_LOG_TAKEN && give(jonas, a, begin) == KS_LOG_TAKEN
            && give(mira, a, begin) == KS_LOG_TAKEN,
        "attack 8: three devices begin with one log", "not");
    check_row(ks_log_view_compare(anna, 6, begin->checkpoint.root.bytes) == KS_LOG_SAME,
        "attack 8: what colleagues claim of it is the same", "other");

    /* An insider invents a root. */
    uint8_t invented[16] = { 1 };
    check_row(ks_log_view_compare(anna, 6, invented) == KS_LOG_OTHER
            && ks_log_view_compare(anna, 9, invented) == KS_LOG_UNHEARD,
        "attack 8: another root, or a size that we do not know, is asked about", "not");
    check_row(!ks_log_view_fork(anna, pair) && time_of(anna, CLOCK(1)).may_meet,
        "attack 8: a bare claim freezes nothing", "frozen");
    key->key[0] = 9;
    hospital_issue(key, 5, 1);
    shown = hospital_sign(key, 0)->from;
    memcpy(shown.signer, begin->from.signer, sizeof shown.signer);
    check_answer("attack 8: what somebody else signed is no evidence",
        ks_log_view_evidence(anna, &shown, NULL, CLOCK(1)), KS_LOG_UNSIGNED);
    check_row(!ks_log_view_fork(anna, pair) && time_of(anna, CLOCK(30 * HOUR_S)).age == KS_LOG_AGEING,
        "attack 8: without two signatures there is no freeze", "frozen");

    /* Who is ahead of us is not another log. */
    hospital_issue(a, 5, 10);
    hospital_issue(a, 5, 11);
    log_a = hospital_sign(a, 60);
    proof = growth_of(a, 6, 8);
    check_answer("attack 8: a checkpoint that grew out of ours is joined",
        ks_log_view_evidence(mira, &log_a->from, &proof, CLOCK(60)), KS_LOG_JOINED);
    proof.hashes[0].bytes[0] ^= 1;
    check_answer(
        "attack 8: not by a wrong proof", ks_log_view_evidence(mira, &log_a->from, &proof, CLOCK(60)), KS_LOG_UNJOINED);
    check_row(time_of(mira, CLOCK(60)).may_meet, "attack 8: nobody could join it yet, and that has a day", "not");
    restart(&mira);
    check_row(
        !time_of(mira, CLOCK(60 + 24 * HOUR_S) + 1).may_meet, "attack 8: after a day it counts as 72 hours", "not");
    check_answer("attack 8: when our own log gets there", give(mira, a, log_a), KS_LOG_TAKEN);
    check_row(time_of(mira, CLOCK(60 + 24 * HOUR_S) + 1).may_meet && !ks_log_view_fork(mira, pair),
        "attack 8: it is joined, and all is well", "not");

    /* Two groups, two logs, one message that crosses. */
    hospital_issue(b, 5, 20);
    hospital_issue(b, 5, 21);
    log_b = hospital_sign(b, 60);
    check_row(give(anna, a, log_a) == KS_LOG_TAKEN && give(jonas, b, log_b) == KS_LOG_TAKEN,
        "attack 8: two devices are shown different logs", "not");
    check_row(ks_log_view_compare(anna, 8, log_b->checkpoint.root.bytes) == KS_LOG_OTHER
            && ks_log_view_compare(jonas, 8, log_a->checkpoint.root.bytes) == KS_LOG_OTHER,
        "attack 8: one message between them is enough to ask", "not");
    check_row(
        !ks_log_view_fork(anna, pair) && !ks_log_view_fork(jonas, pair), "attack 8: which freezes neither", "frozen");
    check_row(ks_log_view_evidence(anna, &log_b->from, NULL, CLOCK(60)) == KS_LOG_FORK
            && ks_log_view_evidence(jonas, &log_a->from, NULL, CLOCK(60)) == KS_LOG_FORK && evidence_good(anna)
            && evidence_good(jonas),
        "attack 8: both freeze after the evidence", "not");

    /* The logs have no size in common, until ours passes the other's. */
    hospital_issue(b, 5, 22);
    log_b = hospital_sign(b, 120);
    hospital_issue(a, 5, 12);
    hospital_issue(a, 5, 13);
    next = hospital_sign(a, 180);
    check_answer("attack 8: a checkpoint of another size cannot be compared",
        ks_log_view_evidence(mira, &log_b->from, NULL, CLOCK(120)), KS_LOG_UNJOINED);
    check_answer("attack 8: a second one does not take its place",
        ks_log_view_evidence(mira, &next->from, NULL, CLOCK(130)), KS_LOG_UNJOINED);
    check_answer("attack 8: our own log, as it passes that size with another root, proves the fork",
        give(mira, a, next), KS_LOG_FORK);
    check_row(evidence_good(mira) && ks_log_view_size(mira) == 10, "attack 8: with its evidence, and goes on", "not");
    restart(&mira);
    check_row(evidence_good(mira), "attack 8: after a restart, too", "not");

    /* Two peers show what is not ours, and differ. */
    KS_AUTO(ks_log_view_free) struct ks_log_view *last = view_of(4);
    check_answer("attack 8: a fourth device", give(last, a, begin), KS_LOG_TAKEN);
    hospital_issue(a, 5, 14);
    hospital_issue(b, 5, 23);
    hospital_issue(b, 5, 24);
    check_row(ks_log_view_evidence(last, &hospital_sign(a, 200)->from, NULL, CLOCK(200)) == KS_LOG_UNJOINED
            && ks_log_view_evidence(last, &hospital_sign(b, 200)->from, NULL, CLOCK(200)) == KS_LOG_FORK
            && evidence_good(last),
        "attack 8: two peers' checkpoints of one size prove the fork between them", "not");
    hospital_free(a);
    hospital_free(b);
    hospital_free(key);
}

static void test_row_9(void)
{
    static const struct {
        const char *name;
        int64_t after_s;
        unsigned days;
        enum ks_log_age age;
        bool may_meet, may_send;
    } rows[] = {
        { "attack 9: at once all is well", 0, 0, KS_LOG_FRESH, true, true },
        { "attack 9: 25 hours are", 25 * HOUR_S, 0, KS_LOG_FRESH, true, true },
        { "attack 9: 26 hours without a checkpoint are warned of", 26 * HOUR_S, 0, KS_LOG_AGEING, true, true },
        { "attack 9: after 72 hours still", 72 * HOUR_S, 0, KS_LOG_AGEING, true, true },
        { "attack 9: after 73 hours there is no first contact", 73 * HOUR_S, 0, KS_LOG_STALE, false, true },
        { "attack 9: after 14 days still not", 14 * 24 * HOUR_S, 0, KS_LOG_STALE, false, true },
        { "attack 9: after 15 days nothing is sent", 15 * 24 * HOUR_S, 0, KS_LOG_DEAD, false, false },
        { "attack 9: a policy of 30 days sends then", 15 * 24 * HOUR_S, 30, KS_LOG_STALE, false, true },
        { "attack 9: one of 4 days does not after 5", 5 * 24 * HOUR_S, 4, KS_LOG_DEAD, false, false },
        { "attack 9: no policy is below 3 days", 72 * HOUR_S, 1, KS_LOG_AGEING, true, true },
        { "attack 9: nor above 30", 31 * 24 * HOUR_S, 90, KS_LOG_DEAD, false, false },
    };
    struct hospital *h = hospital_new();
    KS_AUTO(ks_log_view_free) struct ks_log_view *view = view_of(ANNA);
    struct ks_log_time time;

    hospital_issue(h, 2, 1);
    check_answer("attack 9: a log", give(view, h, hospital_sign(h, 0)), KS_LOG_TAKEN);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        ks_log_view_time(view, CLOCK(rows[i].after_s), 0, rows[i].days, &time);
        check_row(time.age == rows[i].age && time.may_meet == rows[i].may_meet && time.may_send == rows[i].may_send,
            rows[i].name, "age %d", time.age);
    }
    check_answer("attack 9: when it comes", give(view, h, hospital_sign(h, 15 * 24 * HOUR_S)), KS_LOG_TAKEN);
    check_row(time_of(view, CLOCK(15 * 24 * HOUR_S)).age == KS_LOG_FRESH, "attack 9: all is well again", "not");
    hospital_free(h);
}

static void test_row_10(void)
{
    static const struct {
        const char *name;
        int64_t off_s; /* of the device's clock */
        enum ks_log_answer answer;
        enum ks_log_clock clock;
        enum ks_log_age then, later; /* when the checkpoint came; after 26 hours more without one */
    } rows[] = {
        { "attack 10: a clock that is right", 0, KS_LOG_TAKEN, KS_CLOCK_GOOD, KS_LOG_FRESH, KS_LOG_AGEING },
        { "attack 10: 4 minutes off are not spoken of", -240, KS_LOG_TAKEN, KS_CLOCK_GOOD, KS_LOG_FRESH,
            KS_LOG_AGEING },
        { "attack 10: 24 hours behind: works, told of, and hides no age", -24 * HOUR_S, KS_LOG_TAKEN, KS_CLOCK_BEHIND,
            KS_LOG_FRESH, KS_LOG_AGEING },
        { "attack 10: 24 hours ahead: a warning sooner", 24 * HOUR_S, KS_LOG_TAKEN, KS_CLOCK_AHEAD, KS_LOG_FRESH,
            KS_LOG_AGEING },
        { "attack 10: 26 hours ahead: a warning at once", 26 * HOUR_S, KS_LOG_TAKEN, KS_CLOCK_AHEAD, KS_LOG_AGEING,
            KS_LOG_AGEING },
        { "attack 10: 10 years ahead: stale, with the hint at the clock", 3650 * 24 * HOUR_S, KS_LOG_TAKEN,
            KS_CLOCK_AHEAD, KS_LOG_DEAD, KS_LOG_DEAD },
        { "attack 10: 48 hours behind still works", -48 * HOUR_S, KS_LOG_TAKEN, KS_CLOCK_BEHIND, KS_LOG_FRESH,
            KS_LOG_AGEING },
        { "attack 10: 49 hours behind: the clock has to be looked at", -49 * HOUR_S, KS_LOG_CLOCK, KS_CLOCK_GOOD,
            KS_LOG_DEAD, KS_LOG_DEAD },
    };
    struct hospital *h = hospital_new();
    struct signed_log *log;
    struct ks_log_time time, later;
    struct ks_log_update update;

    hospital_issue(h, 2, 1);
    log = hospital_sign(h, 0);
    update = by_leaves_from(h, log, 0);
    update.live = true;
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        KS_AUTO(ks_log_view_free) struct ks_log_view *view = view_of(ANNA);
        enum ks_log_answer answer = give_at(view, &update, CLOCK(rows[i].off_s));

        restart(&view);
        time = time_of(view, CLOCK(rows[i].off_s));
        later = time_of(view, CLOCK(rows[i].off_s + 26 * HOUR_S));
        check_row(answer == rows[i].answer && time.clock == rows[i].clock && time.age == rows[i].then
                && later.age == rows[i].later,
            rows[i].name, "%s, clock %d, age %d, %d", ks_log_answer_name(answer), time.clock, time.age, later.age);
        if (answer == KS_LOG_TAKEN && rows[i].off_s <= 0)
            check_row(time.now_ms == CLOCK(0),
                "attack 10: and now is the checkpoint's time, so nothing is valid too long", "%lld",
                (long long)time.now_ms);
        if (answer == KS_LOG_TAKEN)
            check_row(time.sure_ms == CLOCK(0), "attack 10: and no more has passed for sure, so nothing ends too early",
                "%lld", (long long)time.sure_ms);
    }

    KS_AUTO(ks_log_view_free) struct ks_log_view *view = view_of(ANNA);
    check_answer("attack 10: a right clock", give_at(view, &update, CLOCK(0)), KS_LOG_TAKEN);
    check_row(time_of(view, CLOCK(-60)).age == KS_LOG_FRESH,
        "attack 10: that is put back by a minute is none the worse", "is");
    time = time_of(view, CLOCK(-HOUR_S));
    check_row(time.clock == KS_CLOCK_BEHIND && !time.may_meet && time.may_send,
        "attack 10: put back by an hour: how old the log is cannot be known, so no first contact", "other");
    time = time_of(view, CLOCK(-49 * HOUR_S));
    check_row(
        time.clock == KS_CLOCK_BEHIND && !time.may_send, "attack 10: put back by 49 hours, nothing is sent", "other");
    ks_log_view_time(view, CLOCK(0), CLOCK(HOUR_S), 0, &time);
    check_row(time.now_ms == CLOCK(HOUR_S) && time.sure_ms == CLOCK(HOUR_S),
        "PROTOCOL §15.6: the own certificate's beginning has passed, too", "other");
    ks_log_view_time(view, INT64_MAX, INT64_MIN, 0, &time);
    check_row(time.age == KS_LOG_DEAD, "a clock beyond all bounds is only old", "other");
    ks_log_view_time(view, INT64_MIN, INT64_MAX, 0, &time);
    check_row(!time.may_send, "or far behind", "other");
    hospital_free(h);
}

/* --- jumps --- */

static void test_jump(void)
{
    struct hospital *h = hospital_new();
    KS_AUTO(ks_log_view_free) struct ks_log_view *view = view_of(ANNA);
    KS_AUTO(ks_log_view_free) struct ks_log_view *fresh = view_of(ANNA);
    struct signed_log *one, *two;
    struct ks_log_update update;
    struct ks_merkle_proof growth, proof;
    uint64_t own, gone;

    for (uint32_t i = 0; i < 11; i++)
        hospital_issue(h, 2, i);
    one = hospital_sign(h, 0);
    check_answer("a log", give(view, h, one), KS_LOG_TAKEN);
    own = hospital_issue(h, ANNA, 50);
    gone = hospital_revoke(h, 2, 3);
    for (uint32_t i = 0; i < 20; i++)
        hospital_issue(h, 2, 100 + i);
    two = hospital_sign(h, 10);
    growth = growth_of(h, 11, two->checkpoint.size);
    update = (struct ks_log_update) { .checkpoint = two->from, .frontier = &two->frontier };
    check_answer(
        "PROTOCOL §15.4: a jump without proof leads nowhere", give_at(view, &update, CLOCK(10)), KS_LOG_ASTRAY);
    growth.hashes[1].bytes[0] ^= 1;
    update.growth = &growth;
    check_answer("one with a wrong proof, too", give_at(view, &update, CLOCK(10)), KS_LOG_ASTRAY);
    growth.hashes[1].bytes[0] ^= 1;
    update.frontier = &one->frontier;
    check_answer("one with another frontier, too", give_at(view, &update, CLOCK(10)), KS_LOG_ASTRAY);
    struct ks_merkle_frontier wrong = two->frontier;
    wrong.peaks[0].bytes[0] ^= 1;
    update.frontier = &wrong;
    check_answer("one whose frontier has another root, too", give_at(view, &update, CLOCK(10)), KS_LOG_ASTRAY);
    update.frontier = &two->frontier;
    check_answer(
        "PROTOCOL §15.4: with proof and frontier it is taken", give_at(view, &update, CLOCK(10)), KS_LOG_TAKEN);
    check_row(ks_log_view_skipped(view) == two->checkpoint.size && ks_log_view_size(view) == two->checkpoint.size,
        "and says what was jumped over", "other");
    check_row(verdict(h, view, 2, 3, 3, two->checkpoint.size) == KS_LOG_UNCERTAIN,
        "whether somebody was revoked there is uncertain", "other");
    restart(&view);
    proof = leaf_proof(h, gone, two->checkpoint.size);
    check_err("a revocation that was not read is learned by its proof",
        ks_log_view_learn(view, gone, leaf_at(h, gone), &proof), KS_OK);
    check_row(verdict(h, view, 2, 3, 3, two->checkpoint.size) == KS_LOG_REVOKED, "and counts", "not");
    check_row(ks_log_view_own_count(view) == 0, "leaves of the own account are not there", "there");
    check_err("not by another leaf's proof", ks_log_view_learn(view, own, leaf_at(h, own), &proof), KS_ECRYPTO);
    proof = leaf_proof(h, own, two->checkpoint.size);
    check_err("they are learned, too", ks_log_view_learn(view, own, leaf_at(h, own), &proof), KS_OK);
    check_err("twice is once", ks_log_view_learn(view, own, leaf_at(h, own), &proof), KS_OK);
    check_row(ks_log_view_own_count(view) == 1, "and kept", "%zu", ks_log_view_own_count(view));
    uint64_t later = hospital_issue(h, 2, 200);
    check_answer("from there on leaves are read again", give(view, h, hospital_sign(h, 20)), KS_LOG_TAKEN);
    check_row(
        verdict(h, view, 2, 200, later, later + 1) == KS_LOG_LISTED, "and who was issued since is certain", "not");
    restart(&view);

    update.growth = NULL;
    check_answer("PROTOCOL §15.4: a new device begins with a checkpoint and its frontier",
        give_at(fresh, &update, CLOCK(10)), KS_LOG_TAKEN);
    check_answer("and goes on by leaves", give(fresh, h, hospital_sign(h, 30)), KS_LOG_TAKEN);
    hospital_free(h);
}

/* --- any order --- */

static bool same_view(const struct ks_log_view *a, const struct ks_log_view *b)
{
    struct ks_signed_checkpoint signed_a, signed_b;
    struct ks_checkpoint newest;
    struct ks_log_leaf leaf_a, leaf_b;
    struct ks_buf buf_a, buf_b;
    uint64_t number_a, number_b;
    bool same;

    ks_buf_init(&buf_a, KS_MERKLE_FRONTIER_BYTES_MAX);
    ks_buf_init(&buf_b, KS_MERKLE_FRONTIER_BYTES_MAX);
    ks_merkle_frontier_write(ks_log_view_frontier(a), &buf_a);
    ks_merkle_frontier_write(ks_log_view_frontier(b), &buf_b);
    same = ks_log_view_newest(a, &newest, &signed_a) && ks_log_view_newest(b, &newest, &signed_b)
        && ks_str_eq(signed_a.bytes, signed_b.bytes) && ks_str_eq(ks_buf_str(&buf_a), ks_buf_str(&buf_b))
        && ks_log_view_own_count(a) == ks_log_view_own_count(b) && ks_log_view_skipped(a) == ks_log_view_skipped(b);
    for (size_t i = 0; same && i < ks_log_view_own_count(a); i++) {
        ks_log_view_own(a, i, &number_a, &leaf_a);
        ks_log_view_own(b, i, &number_b, &leaf_b);
        same = number_a == number_b && leaf_a.type == leaf_b.type
            && memcmp(leaf_a.object, leaf_b.object, sizeof leaf_a.object) == 0;
    }
    for (uint32_t certificate = 0; same && certificate < 300; certificate++)
        same = revoked(a, certificate, 0) == revoked(b, certificate, 0);
    ks_buf_done(&buf_a);
    ks_buf_done(&buf_b);
    return same;
}

/* What a hostile server makes of an update: nothing of it may be taken. */
static struct ks_log_update forged(
    struct ks_prng *prng, struct ks_log_update update, char copy[KS_CHECKPOINT_BYTES_MAX])
{
    memcpy(copy, update.checkpoint.bytes.ptr, update.checkpoint.bytes.len);
    update.checkpoint.bytes.ptr = copy;
    if (ks_prng_below(prng, 2))
        copy[ks_prng_below(prng, update.checkpoint.bytes.len)] ^= (char)(1 << ks_prng_below(prng, 8));
    else
        update.checkpoint.signature[ks_prng_below(prng, sizeof update.checkpoint.signature)] ^= 1;
    return update;
}

static void test_any_order(void)
{
    size_t same = 0, rounds = 30, moved = 0, took = 0, restarts = 0;
    char copy[KS_CHECKPOINT_BYTES_MAX];
    struct ks_prng prng;

    ks_prng_init_number(&prng, 20261123);
    for (size_t round = 0; round < rounds; round++) {
        struct hospital *h = hospital_new();
        KS_AUTO(ks_log_view_free) struct ks_log_view *straight = view_of(ANNA);
        KS_AUTO(ks_log_view_free) struct ks_log_view *crooked = view_of(ANNA);
        size_t count = 2 + (size_t)ks_prng_below(&prng, 20);
        struct ks_log_update update;

        for (size_t i = 0; i < count; i++) {
            for (uint64_t k = ks_prng_below(&prng, 12) + !i; k > 0; k--) {
                uint8_t who = (uint8_t)ks_prng_below(&prng, 4);
                uint32_t certificate = (uint32_t)ks_prng_below(&prng, 300);

                if (ks_prng_below(&prng, 3))
                    hospital_issue(h, who, certificate);
                else
                    hospital_leaf(
                        h, KS_LOG_REVOKE, who, certificate, CLOCK((int64_t)ks_prng_below(&prng, 40) * HOUR_S));
            }
            if (give(straight, h, hospital_sign(h, (int64_t)i * HOUR_S)) != KS_LOG_TAKEN)
                exit(1);
        }
        for (size_t step = 0; step < 3 * count; step++) {
            const struct signed_log *log = &h->logs[ks_prng_below(&prng, count)];
            uint64_t first = h->logs[ks_prng_below(&prng, count)].checkpoint.size;

            update = by_leaves_from(h, log, ks_prng_below(&prng, 2) ? 0 : first < log->checkpoint.size ? first : 0);
            if (ks_prng_below(&prng, 4) == 0) {
                struct ks_log_update wrong = forged(&prng, update, copy);
                struct ks_buf before = record_of(crooked), after;

                if (give_at(crooked, &wrong, CLOCK((int64_t)count * HOUR_S)) == KS_LOG_TAKEN)
                    moved++;
                after = record_of(crooked);
                moved += !ks_str_eq(ks_buf_str(&before), ks_buf_str(&after));
                ks_buf_done(&before);
                ks_buf_done(&after);
            }
            took += give_at(crooked, &update, CLOCK((int64_t)count * HOUR_S)) == KS_LOG_TAKEN;
            if (ks_prng_below(&prng, 3) == 0) {
                restart(&crooked);
                restarts++;
            }
        }
        update = by_leaves_from(h, &h->logs[count - 1], 0); /* at last the newest, if it did not come by chance */
        took += give_at(crooked, &update, CLOCK((int64_t)count * HOUR_S)) == KS_LOG_TAKEN;
        same += same_view(straight, crooked);
        hospital_free(h);
    }
    check_row(same == rounds && took > rounds && restarts > rounds,
        "true updates in any order, with restarts between them, end in the same view",
        "%zu of %zu, %zu taken, %zu restarts", same, rounds, took, restarts);
    check_row(!moved, "and none that was forged moves it", "%zu", moved);
}

/* --- the record --- */

#define FRONTIER_AT                                                                                  \
    (1 + 4 + 14 + 16 + 1 + 8 + 4 + 8 + 8) /* behind what comes before it, with the domain's 14 bytes \
                                           */
#define REVOKED_LEN 48
#define OWN_LEN (8 + KS_LOG_LEAF_LEN)

static void test_record(void)
{
    struct hospital *h = hospital_new(), *other;
    KS_AUTO(ks_log_view_free) struct ks_log_view *view = view_of(ANNA);
    struct ks_log_view *again = NULL;
    size_t cut = 0, kept = 0;
    struct ks_buf buf, bytes;

    for (uint32_t i = 0; i < 4; i++)
        hospital_issue(h, ANNA, i);
    hospital_revoke(h, ANNA, 1);
    hospital_revoke(h, ANNA, 2);
    must(give(view, h, hospital_sign(h, 0)) == KS_LOG_TAKEN ? KS_OK : KS_ESTATE);
    restart(&view);
    other = twin(h, 4);
    hospital_issue(other, 2, 9);
    hospital_issue(other, 2, 8);
    must(ks_log_view_evidence(view, &hospital_sign(other, 0)->from, NULL, CLOCK(0)) == KS_LOG_FORK ? KS_OK : KS_ESTATE);
    hospital_issue(other, 2, 9);
    must(ks_log_view_evidence(view, &hospital_sign(other, 0)->from, NULL, CLOCK(0)) == KS_LOG_UNJOINED ? KS_OK
                                                                                                       : KS_ESTATE);
    restart(&view);
    check_row(evidence_good(view) && revoked(view, 1, 0) == KS_LOG_REVOKED && ks_log_view_own_count(view) == 6,
        "a view is read as it was written", "other");
    buf = record_of(view);
    for (size_t len = 0; len < buf.len; len++)
        cut += ks_log_view_read(ks_str(buf.ptr, len), &again) == KS_ESYNTAX;
    check_row(cut == buf.len, "a record that was cut off anywhere is refused", "%zu of %zu", cut, buf.len);
    ks_buf_init(&bytes, KS_LOG_VIEW_BYTES_MAX);
    ks_buf_add(&bytes, ks_buf_str(&buf));
    ks_buf_byte(&bytes, 0);
    check_err("one with a byte more, too", ks_log_view_read(ks_buf_str(&bytes), &again), KS_ESYNTAX);
    bytes.len--;
    bytes.ptr[0] = 2;
    check_err("one of a newer version says so", ks_log_view_read(ks_buf_str(&bytes), &again), KS_EVERSION);
    bytes.ptr[0] = 0;
    check_err("version 0 is none", ks_log_view_read(ks_buf_str(&bytes), &again), KS_ESYNTAX);
    bytes.ptr[0] = 1;
    bytes.ptr[FRONTIER_AT + 8] ^= 1;
    check_err(
        "a frontier that is not the checkpoint's is refused", ks_log_view_read(ks_buf_str(&bytes), &again), KS_ESYNTAX);
    bytes.ptr[FRONTIER_AT + 8] ^= 1;
    char *entries = bytes.ptr + bytes.len - 6 * OWN_LEN - 4 - 2 * REVOKED_LEN, first[REVOKED_LEN];
    memcpy(first, entries, REVOKED_LEN);
    memmove(entries, entries + REVOKED_LEN, REVOKED_LEN);
    check_err(
        "a certificate twice among the revoked is refused", ks_log_view_read(ks_buf_str(&bytes), &again), KS_ESYNTAX);
    memcpy(entries + REVOKED_LEN, first, REVOKED_LEN);
    check_err("the revoked in another order are refused", ks_log_view_read(ks_buf_str(&bytes), &again), KS_ESYNTAX);
    memmove(entries + REVOKED_LEN, entries, REVOKED_LEN);
    memcpy(entries, first, REVOKED_LEN);
    if (check_err("and as it was it is read", ks_log_view_read(ks_buf_str(&bytes), &again), KS_OK))
        ks_log_view_free(again);
    again = NULL;
    /* Any other change is refused, or is what a record may say: then it is written as it was read. */
    for (size_t at = 0; at < bytes.len; at++)
        for (int bit = 0; bit < 8; bit += 3) {
            bytes.ptr[at] ^= (char)(1 << bit);
            if (ks_log_view_read(ks_buf_str(&bytes), &again) == KS_OK) {
                struct ks_buf twice = record_of(again);

                kept += !ks_str_eq(ks_buf_str(&twice), ks_buf_str(&bytes));
                ks_buf_done(&twice);
                ks_log_view_free(again);
                again = NULL;
            }
            bytes.ptr[at] ^= (char)(1 << bit);
        }
    check_row(!kept, "whatever a record says, it is written as it was read", "%zu", kept);
    ks_buf_done(&bytes);
    ks_buf_done(&buf);
    hospital_free(other);
    hospital_free(h);
}

static void test_memory(void)
{
    struct hospital *h = hospital_new();
    KS_AUTO(ks_log_view_free) struct ks_log_view *view = NULL;
    uint8_t account[KS_LOG_ACCOUNT_LEN];
    struct ks_merkle_proof proof;
    struct ks_log_update update;
    struct ks_log_view *again;
    struct signed_log *log;
    enum ks_err err = KS_OK;
    struct ks_buf buf, after;
    size_t refused = 0;

    account_of(ANNA, account);
    for (int n = 1; fail_nth(n); n++) {
        err = ks_log_view_new(LOG_DOMAIN, account, &view);
        refused += fail_stop() && err == KS_ENOMEM;
    }
    check_row(err == KS_OK && refused == 1, "without memory there is no view", "%s %zu", ks_err_name(err), refused);
    for (uint32_t i = 0; i < 40; i++) {
        hospital_issue(h, ANNA, i);
        hospital_revoke(h, ANNA, i);
    }
    /* The library that verifies signatures has allocations of its own, so the update comes before. */
    log = hospital_sign(h, 0);
    update = (struct ks_log_update) { .checkpoint = log->from, .frontier = &log->frontier };
    check_answer("a jump over them", give_at(view, &update, CLOCK(0)), KS_LOG_TAKEN);
    proof = leaf_proof(h, 1, 80);
    buf = record_of(view);
    refused = 0;
    for (int n = 1; fail_nth(n); n++) {
        err = ks_log_view_learn(view, 1, leaf_at(h, 1), &proof);
        if (!fail_stop())
            continue;
        after = record_of(view);
        refused += err == KS_ENOMEM && ks_str_eq(ks_buf_str(&buf), ks_buf_str(&after));
        ks_buf_done(&after);
    }
    check_row(err == KS_OK && ks_log_view_own_count(view) == 1 && refused == 2,
        "without memory a leaf changes nothing, and with it it is learned", "%s %zu", ks_err_name(err), refused);
    ks_buf_done(&buf);
    buf = record_of(view);
    refused = 0;
    for (int n = 1; fail_nth(n); n++) {
        err = ks_log_view_read(ks_buf_str(&buf), &again);
        refused += fail_stop() && err == KS_ENOMEM;
        if (err == KS_OK)
            ks_log_view_free(again);
    }
    check_row(
        err == KS_OK && refused == 3, "reading a record without memory says so", "%s %zu", ks_err_name(err), refused);
    ks_buf_done(&buf);
    hospital_free(h);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    test_updates();
    test_leaves();
    test_limits();
    test_row_6();
    test_row_7();
    test_row_8();
    test_row_9();
    test_row_10();
    test_jump();
    test_any_order();
    test_record();
    test_memory();
    return check_done();
}
