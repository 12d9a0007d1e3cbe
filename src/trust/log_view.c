/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "log_view_state.h"

#define HOUR_MS 3600000ll
#define DAY_MS (24 * HOUR_MS)
#define CLOCK_OFF_MS (5 * 60000ll)

const char *ks_log_answer_name(enum ks_log_answer answer)
{
    static const char *const names[] = { [KS_LOG_TAKEN] = "taken",
        [KS_LOG_JOINED] = "joined",
        [KS_LOG_MALFORMED] = "malformed",
        [KS_LOG_DOMAIN] = "domain",
        [KS_LOG_UNSIGNED] = "unsigned",
        [KS_LOG_CLOCK] = "clock",
        [KS_LOG_OLD] = "old",
        [KS_LOG_BACK] = "back",
        [KS_LOG_MISSING] = "missing",
        [KS_LOG_ASTRAY] = "astray",
        [KS_LOG_VERSION] = "version",
        [KS_LOG_FULL] = "full",
        [KS_LOG_UNJOINED] = "unjoined",
        [KS_LOG_FORK] = "fork" };

    return names[answer];
}

enum ks_err ks_log_view_new(
    struct ks_str domain, const uint8_t account[KS_LOG_ACCOUNT_LEN], struct ks_log_view **ret_view)
{
    struct ks_log_view *view;

    if (!domain.len || domain.len > KS_CHECKPOINT_DOMAIN_MAX)
        return KS_ESYNTAX;
    if (!(view = calloc(1, sizeof *view)))
        return KS_ENOMEM;
    memcpy(view->domain, domain.ptr, domain.len);
    view->domain_len = domain.len;
    memcpy(view->account, account, sizeof view->account);
    *ret_view = view;
    return KS_OK;
}

void ks_log_view_free(struct ks_log_view *view)
{
    if (!view)
        return;
    free(view->revoked);
    free(view->own);
    free(view);
}

void ks_log_kept_set(
    struct ks_log_kept *to, const struct ks_signed_checkpoint *from, const struct ks_checkpoint *checkpoint)
{
    assert(from->bytes.len <= sizeof to->bytes);
    to->checkpoint = *checkpoint;
    to->len = from->bytes.len;
    memcpy(to->bytes, from->bytes.ptr, from->bytes.len);
    memcpy(to->signature, from->signature, sizeof to->signature);
    memcpy(to->signer, from->signer, sizeof to->signer);
}

struct ks_signed_checkpoint ks_log_kept_view(const struct ks_log_kept *kept)
{
    struct ks_signed_checkpoint from = { .bytes = ks_str(kept->bytes, kept->len) };

    memcpy(from.signature, kept->signature, sizeof from.signature);
    memcpy(from.signer, kept->signer, sizeof from.signer);
    return from;
}

static void *grown(void *array, size_t *cap, size_t count, size_t item)
{
    size_t want = *cap ? *cap : 16;
    void *more;

    if (count <= *cap)
        return array;
    while (want < count)
        want *= 2;
    if ((more = realloc(array, want * item)))
        *cap = want;
    return more;
}

enum ks_err ks_log_view_reserve(struct ks_log_view *view, size_t revoked, size_t own)
{
    void *more;

    if (revoked > view->revoked_cap) {
        if (!(more = grown(view->revoked, &view->revoked_cap, revoked, sizeof *view->revoked)))
            return KS_ENOMEM;
        view->revoked = more;
    }
    if (own > view->own_cap) {
        if (!(more = grown(view->own, &view->own_cap, own, sizeof *view->own)))
            return KS_ENOMEM;
        view->own = more;
    }
    return KS_OK;
}

/* --- who was revoked --- */

static int by_object(const void *a, const void *b)
{
    const struct ks_log_revoked *left = a, *right = b;
    int order = memcmp(left->object, right->object, sizeof left->object);

    return order ? order : (left->since_ms > right->since_ms) - (left->since_ms < right->since_ms);
}

/* Sorted; of two for one certificate, the earlier beginning and the later end. Who has ended by a time that the
 * hospital signed is forgotten: by then no date of the certificate is good either. */
static void tidy_revoked(struct ks_log_view *view, int64_t sure_ms)
{
    size_t count = 0;

    if (view->revoked_count)
        qsort(view->revoked, view->revoked_count, sizeof *view->revoked, by_object);
    for (size_t i = 0; i < view->revoked_count; i++) {
        struct ks_log_revoked *at = &view->revoked[i], *last = count ? &view->revoked[count - 1] : NULL;

        if (at->until_ms < sure_ms)
            continue;
        if (last && memcmp(last->object, at->object, sizeof at->object) == 0) {
            if (at->until_ms > last->until_ms)
                last->until_ms = at->until_ms;
        } else {
            view->revoked[count++] = *at;
        }
    }
    view->revoked_count = count;
}

static const struct ks_log_revoked *find_revoked(
    const struct ks_log_view *view, const uint8_t object[KS_LOG_OBJECT_LEN])
{
    size_t low = 0, high = view->revoked_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(object, view->revoked[middle].object, KS_LOG_OBJECT_LEN);

        if (!order)
            return &view->revoked[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Puts a leaf where it belongs; there is room. */
static void enter_leaf(struct ks_log_view *view, uint64_t number, const struct ks_log_leaf *leaf, const char *bytes)
{
    struct ks_log_revocation revocation;
    size_t at = view->own_count;

    if (leaf->type == KS_LOG_REVOKE) {
        struct ks_log_revoked *to = &view->revoked[view->revoked_count++];

        ks_log_revocation_read(leaf, &revocation);
        memcpy(to->object, leaf->object, sizeof to->object);
        to->since_ms = revocation.since_ms;
        to->until_ms = revocation.until_ms;
    }
    if (memcmp(leaf->account, view->account, sizeof view->account) != 0)
        return;
    while (at && view->own[at - 1].number >= number)
        at--;
    if (at < view->own_count && view->own[at].number == number)
        return;
    if (at < view->own_count)
        memmove(&view->own[at + 1], &view->own[at], (view->own_count - at) * sizeof *view->own);
    view->own[at].number = number;
    memcpy(view->own[at].bytes, bytes, KS_LOG_LEAF_LEN);
    view->own_count++;
}

/* --- checkpoints --- */

static const struct ks_log_kept *newest(const struct ks_log_view *view)
{
    return view->kept_count ? &view->kept[view->kept_count - 1] : NULL;
}

static int64_t newest_ms(const struct ks_log_view *view)
{
    return view->kept_count ? newest(view)->checkpoint.t_s * 1000 : 0;
}

static const struct ks_log_kept *find_size(const struct ks_log_view *view, uint64_t size)
{
    for (size_t i = view->kept_count; i-- > 0;)
        if (view->kept[i].checkpoint.size == size)
            return &view->kept[i];
    return NULL;
}

static void freeze(struct ks_log_view *view, const struct ks_log_kept *ours, const struct ks_log_kept *theirs)
{
    if (view->forked)
        return;
    view->forked = true;
    view->fork[0] = *ours;
    view->fork[1] = *theirs;
}

/* KS_LOG_TAKEN: as far as its own bytes go. */
static enum ks_log_answer open_checkpoint(
    const struct ks_log_view *view, const struct ks_signed_checkpoint *from, struct ks_log_kept *ret_kept)
{
    struct ks_checkpoint checkpoint;

    switch ((int)ks_checkpoint_open(from, ks_log_view_domain(view), &checkpoint)) {
    case KS_OK:
        ks_log_kept_set(ret_kept, from, &checkpoint);
        return KS_LOG_TAKEN;
    case KS_EDENIED:
        return KS_LOG_DOMAIN;
    case KS_ECRYPTO:
        return KS_LOG_UNSIGNED;
    default:
        return KS_LOG_MALFORMED;
    }
}

/* Two signatures over one size with different roots: the one thing that proves a second log. */
static bool is_fork(struct ks_log_view *view, const struct ks_log_kept *shown)
{
    const struct ks_log_kept *ours = find_size(view, shown->checkpoint.size);

    if (!ours && view->unjoined && view->shown.checkpoint.size == shown->checkpoint.size)
        ours = &view->shown;
    if (!ours || ks_merkle_eq(&ours->checkpoint.root, &shown->checkpoint.root))
        return false;
    freeze(view, ours, shown);
    return true;
}

static int64_t in_time(int64_t ms)
{
    return ms < 0 ? 0 : ms > KS_LOG_TIME_MAX_MS ? KS_LOG_TIME_MAX_MS : ms;
}

static enum ks_log_answer judge(const struct ks_log_view *view, const struct ks_checkpoint *next, int64_t clock_ms)
{
    const struct ks_checkpoint *last = view->kept_count ? &newest(view)->checkpoint : NULL;

    if (next->t_s * 1000 > clock_ms + KS_LOG_AHEAD_MAX_MS)
        return KS_LOG_CLOCK;
    if (!last)
        return KS_LOG_TAKEN;
    if (next->size < last->size)
        return KS_LOG_OLD;
    if (next->t_s < last->t_s || next->crl < last->crl)
        return KS_LOG_BACK;
    return next->size == last->size && next->t_s == last->t_s && next->crl == last->crl ? KS_LOG_OLD : KS_LOG_TAKEN;
}

/* --- updates --- */

/* What an update makes of a view, before it does. */
struct step {
    struct ks_log_kept next;
    struct ks_merkle_frontier frontier;
    struct ks_str leaves; /* from the view's size to the checkpoint's */
    bool jump;
    bool passes; /* the size of what a peer showed, with this root: */
    struct ks_merkle_hash root_there;
};

static enum ks_log_answer by_jump(const struct ks_log_view *view, const struct ks_log_update *update, struct step *step)
{
    const struct ks_checkpoint *next = &step->next.checkpoint;
    struct ks_merkle_hash root;

    step->jump = true;
    if (update->frontier->size != next->size)
        return KS_LOG_ASTRAY;
    ks_merkle_root(update->frontier, &root);
    if (!ks_merkle_eq(&root, &next->root))
        return KS_LOG_ASTRAY;
    if (view->frontier.size
        && (!update->growth
            || ks_merkle_verify_growth(
                   view->frontier.size, &newest(view)->checkpoint.root, next->size, &next->root, update->growth)
                != KS_OK))
        return KS_LOG_ASTRAY;
    step->frontier = *update->frontier;
    return KS_LOG_TAKEN;
}

static enum ks_log_answer by_leaves(
    const struct ks_log_view *view, const struct ks_log_update *update, struct step *step)
{
    const struct ks_checkpoint *next = &step->next.checkpoint;
    uint64_t size = view->frontier.size, count = update->leaves.len / KS_LOG_LEAF_LEN;
    struct ks_merkle_hash hash;

    step->frontier = view->frontier;
    if (next->size == size)
        return KS_LOG_TAKEN;
    if (update->leaves.len % KS_LOG_LEAF_LEN || update->first > size || count < next->size - update->first)
        return KS_LOG_MISSING;
    if (next->size - size > KS_LOG_LEAVES_MAX)
        return KS_LOG_FULL;
    step->leaves = ks_str_head(ks_str_from(update->leaves, (size_t)(size - update->first) * KS_LOG_LEAF_LEN),
        (size_t)(next->size - size) * KS_LOG_LEAF_LEN);
    for (size_t at = 0; at < step->leaves.len; at += KS_LOG_LEAF_LEN) {
        ks_merkle_leaf(ks_str(step->leaves.ptr + at, KS_LOG_LEAF_LEN), &hash);
        if (ks_merkle_append(&step->frontier, &hash, NULL, NULL) != KS_OK)
            return KS_LOG_FULL;
        if (view->unjoined && step->frontier.size == view->shown.checkpoint.size) {
            step->passes = true;
            ks_merkle_root(&step->frontier, &step->root_there);
        }
    }
    ks_merkle_root(&step->frontier, &hash);
    return ks_merkle_eq(&hash, &next->root) ? KS_LOG_TAKEN : KS_LOG_ASTRAY;
}

/* Leaves that are proven to be the log's: how many of each kind there are. */
static enum ks_log_answer count_leaves(
    const struct ks_log_view *view, struct ks_str leaves, size_t *ret_revoked, size_t *ret_own)
{
    struct ks_log_leaf leaf;
    enum ks_err err;

    *ret_revoked = view->revoked_count;
    *ret_own = view->own_count;
    for (size_t at = 0; at < leaves.len; at += KS_LOG_LEAF_LEN) {
        if ((err = ks_log_leaf_read(ks_str(leaves.ptr + at, KS_LOG_LEAF_LEN), &leaf)) != KS_OK)
            return err == KS_EVERSION ? KS_LOG_VERSION : KS_LOG_MALFORMED;
        *ret_revoked += leaf.type == KS_LOG_REVOKE;
        *ret_own += memcmp(leaf.account, view->account, sizeof view->account) == 0;
    }
    return *ret_revoked > KS_LOG_REVOKED_MAX || *ret_own > KS_LOG_OWN_MAX ? KS_LOG_FULL : KS_LOG_TAKEN;
}

static void keep_checkpoint(struct ks_log_view *view, const struct ks_log_kept *next)
{
    if (view->kept_count && newest(view)->checkpoint.size == next->checkpoint.size)
        view->kept_count--;
    else if (view->kept_count == KS_LOG_KEPT_MAX)
        memmove(view->kept, view->kept + 1, --view->kept_count * sizeof *view->kept);
    view->kept[view->kept_count++] = *next;
    if (next->checkpoint.envelope_min > view->envelope_min)
        view->envelope_min = next->checkpoint.envelope_min;
}

/* What a peer showed, when the own log gets there: the same, or proof of another log. The larger checkpoint's signature
 * stands for the tree that it has at that size. */
static enum ks_log_answer meet_shown(struct ks_log_view *view, const struct step *step)
{
    const struct ks_merkle_hash *root = step->passes ? &step->root_there : NULL;

    if (!view->unjoined)
        return KS_LOG_TAKEN;
    if (step->next.checkpoint.size == view->shown.checkpoint.size)
        root = &step->next.checkpoint.root;
    if (!root)
        return KS_LOG_TAKEN;
    view->unjoined = false;
    if (ks_merkle_eq(root, &view->shown.checkpoint.root))
        return KS_LOG_TAKEN;
    freeze(view, &step->next, &view->shown);
    return KS_LOG_FORK;
}

enum ks_err ks_log_view_take(
    struct ks_log_view *view, const struct ks_log_update *update, int64_t clock_ms, enum ks_log_answer *ret_answer)
{
    uint64_t number = view->frontier.size;
    struct step step = { 0 };
    size_t revoked, own;
    int64_t t_ms;

    clock_ms = in_time(clock_ms);
    if ((*ret_answer = open_checkpoint(view, &update->checkpoint, &step.next)) != KS_LOG_TAKEN)
        return KS_OK;
    if (is_fork(view, &step.next)) {
        *ret_answer = KS_LOG_FORK;
        return KS_OK;
    }
    if ((*ret_answer = judge(view, &step.next.checkpoint, clock_ms)) != KS_LOG_TAKEN)
        return KS_OK;
    if (update->frontier && step.next.checkpoint.size > number)
        *ret_answer = by_jump(view, update, &step);
    else
        *ret_answer = by_leaves(view, update, &step);
    if (*ret_answer != KS_LOG_TAKEN || (*ret_answer = count_leaves(view, step.leaves, &revoked, &own)) != KS_LOG_TAKEN)
        return KS_OK;
    if (ks_log_view_reserve(view, revoked, own) != KS_OK)
        return KS_ENOMEM;

    for (size_t at = 0; at < step.leaves.len; at += KS_LOG_LEAF_LEN, number++) {
        struct ks_log_leaf leaf;
        enum ks_err err = ks_log_leaf_read(ks_str(step.leaves.ptr + at, KS_LOG_LEAF_LEN), &leaf);

        assert(err == KS_OK); /* they were counted */
        enter_leaf(view, number, &leaf, step.leaves.ptr + at);
    }
    view->frontier = step.frontier;
    if (step.jump)
        view->skipped = step.frontier.size;
    keep_checkpoint(view, &step.next);
    t_ms = newest_ms(view);
    tidy_revoked(view, t_ms);
    view->lag_ms = t_ms > clock_ms ? t_ms - clock_ms : 0;
    if (update->live)
        view->off_ms = clock_ms - t_ms;
    *ret_answer = meet_shown(view, &step);
    return KS_OK;
}

/* --- others' words --- */

enum ks_log_claim ks_log_view_compare(const struct ks_log_view *view, uint64_t size, const uint8_t half_root[16])
{
    const struct ks_log_kept *ours = find_size(view, size);

    if (!ours)
        return KS_LOG_UNHEARD;
    return memcmp(ours->checkpoint.root.bytes, half_root, 16) == 0 ? KS_LOG_SAME : KS_LOG_OTHER;
}

/* True if one of the two is the beginning of the other. */
static bool joins(
    const struct ks_checkpoint *ours, const struct ks_checkpoint *shown, const struct ks_merkle_proof *proof)
{
    const struct ks_checkpoint *first = ours->size < shown->size ? ours : shown;
    const struct ks_checkpoint *second = first == ours ? shown : ours;

    return ks_merkle_verify_growth(first->size, &first->root, second->size, &second->root, proof) == KS_OK;
}

enum ks_log_answer ks_log_view_evidence(struct ks_log_view *view, const struct ks_signed_checkpoint *shown,
    const struct ks_merkle_proof *proof, int64_t clock_ms)
{
    struct ks_log_time time;
    struct ks_log_kept theirs;
    enum ks_log_answer answer = open_checkpoint(view, shown, &theirs);

    if (answer != KS_LOG_TAKEN)
        return answer;
    if (is_fork(view, &theirs))
        return KS_LOG_FORK;
    if (!find_size(view, theirs.checkpoint.size)
        && (!view->kept_count || !proof || !joins(&newest(view)->checkpoint, &theirs.checkpoint, proof))) {
        if (!view->unjoined) { /* the first one stays, so that a second one does not begin the day anew */
            ks_log_view_time(view, clock_ms, 0, 0, &time);
            view->unjoined = true;
            view->shown = theirs;
            view->shown_ms = time.now_ms;
        }
        return KS_LOG_UNJOINED;
    }
    if (view->unjoined && view->shown.checkpoint.size == theirs.checkpoint.size
        && ks_merkle_eq(&view->shown.checkpoint.root, &theirs.checkpoint.root))
        view->unjoined = false;
    return KS_LOG_JOINED;
}

bool ks_log_view_fork(const struct ks_log_view *view, struct ks_signed_checkpoint ret_evidence[2])
{
    if (!view->forked)
        return false;
    for (size_t i = 0; i < 2; i++)
        ret_evidence[i] = ks_log_kept_view(&view->fork[i]);
    return true;
}

/* --- what it says --- */

uint64_t ks_log_view_size(const struct ks_log_view *view)
{
    return view->frontier.size;
}

bool ks_log_view_newest(
    const struct ks_log_view *view, struct ks_checkpoint *ret_checkpoint, struct ks_signed_checkpoint *ret_signed)
{
    if (!view->kept_count)
        return false;
    *ret_checkpoint = newest(view)->checkpoint;
    ret_checkpoint->envelope_min = view->envelope_min;
    if (ret_signed)
        *ret_signed = ks_log_kept_view(newest(view));
    return true;
}

bool ks_log_view_at(const struct ks_log_view *view, uint64_t size, struct ks_signed_checkpoint *ret_signed)
{
    const struct ks_log_kept *kept = find_size(view, size);

    if (kept)
        *ret_signed = ks_log_kept_view(kept);
    return kept;
}

const struct ks_merkle_frontier *ks_log_view_frontier(const struct ks_log_view *view)
{
    return &view->frontier;
}

uint64_t ks_log_view_skipped(const struct ks_log_view *view)
{
    return view->skipped;
}

size_t ks_log_view_own_count(const struct ks_log_view *view)
{
    return view->own_count;
}

void ks_log_view_own(
    const struct ks_log_view *view, size_t position, uint64_t *ret_number, struct ks_log_leaf *ret_leaf)
{
    enum ks_err err;

    assert(position < view->own_count);
    *ret_number = view->own[position].number;
    err = ks_log_leaf_read(ks_str(view->own[position].bytes, KS_LOG_LEAF_LEN), ret_leaf);
    assert(err == KS_OK); /* as when it was taken */
}

enum ks_err ks_log_view_learn(
    struct ks_log_view *view, uint64_t number, struct ks_str leaf, const struct ks_merkle_proof *proof)
{
    struct ks_merkle_hash hash;
    struct ks_log_leaf read;
    size_t revoked, own;
    enum ks_err err;

    if (!view->kept_count)
        return KS_ECRYPTO;
    ks_merkle_leaf(leaf, &hash);
    if (ks_merkle_verify_leaf(&hash, number, view->frontier.size, proof, &newest(view)->checkpoint.root) != KS_OK)
        return KS_ECRYPTO;
    if ((err = ks_log_leaf_read(leaf, &read)) != KS_OK)
        return err;
    if (count_leaves(view, leaf, &revoked, &own) != KS_LOG_TAKEN)
        return KS_ELIMIT;
    if (ks_log_view_reserve(view, revoked, own) != KS_OK)
        return KS_ENOMEM;
    enter_leaf(view, number, &read, leaf.ptr);
    tidy_revoked(view, newest_ms(view));
    return KS_OK;
}

enum ks_log_verdict ks_log_view_revoked(
    const struct ks_log_view *view, const uint8_t object[KS_LOG_OBJECT_LEN], uint64_t number, int64_t *ret_since_ms)
{
    const struct ks_log_revoked *found = find_revoked(view, object);

    if (found && ret_since_ms)
        *ret_since_ms = found->since_ms;
    if (found)
        return KS_LOG_REVOKED;
    return number < view->skipped ? KS_LOG_UNCERTAIN : KS_LOG_LISTED;
}

enum ks_log_verdict ks_log_view_certificate(const struct ks_log_view *view, const uint8_t object[KS_LOG_OBJECT_LEN],
    const uint8_t account[KS_LOG_ACCOUNT_LEN], uint32_t device, uint64_t number, struct ks_str leaf, uint64_t size,
    const struct ks_merkle_proof *proof)
{
    const struct ks_log_kept *kept = find_size(view, size);
    struct ks_merkle_hash hash;
    struct ks_log_leaf read;

    if (!kept)
        return KS_LOG_ABSENT;
    ks_merkle_leaf(leaf, &hash);
    if (ks_merkle_verify_leaf(&hash, number, size, proof, &kept->checkpoint.root) != KS_OK)
        return KS_LOG_ABSENT;
    if (ks_log_leaf_read(leaf, &read) != KS_OK || read.type != KS_LOG_ISSUE || read.device != device
        || memcmp(read.account, account, sizeof read.account) != 0
        || memcmp(read.object, object, sizeof read.object) != 0)
        return KS_LOG_NOT_IT;
    return ks_log_view_revoked(view, object, number, NULL);
}

/* --- age and time --- */

void ks_log_view_time(const struct ks_log_view *view, int64_t clock_ms, int64_t not_before_ms, unsigned days,
    struct ks_log_time *ret_time)
{
    struct ks_log_time time = { .clock = KS_CLOCK_GOOD };
    int64_t newest = newest_ms(view), corrected = in_time(clock_ms) + view->lag_ms, behind = newest - corrected, age;

    not_before_ms = in_time(not_before_ms);
    days = days ? days : KS_LOG_DAYS_DEFAULT;
    days = days < KS_LOG_DAYS_MIN ? KS_LOG_DAYS_MIN : days > KS_LOG_DAYS_MAX ? KS_LOG_DAYS_MAX : days;
    time.sure_ms = newest > not_before_ms ? newest : not_before_ms;
    time.now_ms = corrected > time.sure_ms ? corrected : time.sure_ms;
    age = time.now_ms - newest;
    time.age = age > days * DAY_MS ? KS_LOG_DEAD
        : age > 72 * HOUR_MS       ? KS_LOG_STALE
        : age > 25 * HOUR_MS       ? KS_LOG_AGEING
                                   : KS_LOG_FRESH;
    if (view->off_ms > CLOCK_OFF_MS)
        time.clock = KS_CLOCK_AHEAD;
    else if (view->off_ms < -CLOCK_OFF_MS || behind > CLOCK_OFF_MS)
        time.clock = KS_CLOCK_BEHIND;
    /* Put back since the newest checkpoint came: how old that is, nobody can say. */
    if (behind > KS_LOG_AHEAD_MAX_MS)
        time.age = KS_LOG_DEAD;
    else if (behind > CLOCK_OFF_MS && time.age < KS_LOG_STALE)
        time.age = KS_LOG_STALE;
    if (view->unjoined && time.now_ms - view->shown_ms > 24 * HOUR_MS && time.age < KS_LOG_STALE)
        time.age = KS_LOG_STALE;
    if (!view->kept_count)
        time.age = KS_LOG_DEAD;
    time.may_send = time.age < KS_LOG_DEAD;
    time.may_meet = time.age < KS_LOG_STALE && !view->forked;
    *ret_time = time;
}
