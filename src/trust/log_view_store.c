/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The record of a view (log_view.h), in the order of the fields below. */
#include "log_view_state.h"

#define VERSION 1
#define HAS_FORK 1
#define HAS_SHOWN 2
#define REVOKED_LEN (KS_LOG_OBJECT_LEN + 16)
#define OWN_LEN (8 + KS_LOG_LEAF_LEN)

static void put_kept(struct ks_buf *buf, const struct ks_log_kept *kept)
{
    ks_buf_field(buf, ks_str(kept->bytes, kept->len));
    ks_buf_add(buf, ks_str(kept->signature, sizeof kept->signature));
    ks_buf_add(buf, ks_str(kept->signer, sizeof kept->signer));
}

void ks_log_view_write(const struct ks_log_view *view, struct ks_buf *buf)
{
    ks_buf_byte(buf, VERSION);
    ks_buf_field(buf, ks_log_view_domain(view));
    ks_buf_add(buf, ks_str(view->account, sizeof view->account));
    ks_buf_byte(buf, (uint8_t)((view->forked ? HAS_FORK : 0) | (view->unjoined ? HAS_SHOWN : 0)));
    ks_buf_u64(buf, view->skipped);
    ks_buf_u32(buf, view->envelope_min);
    ks_buf_u64(buf, (uint64_t)view->lag_ms);
    ks_buf_u64(buf,
        (uint64_t)(view->off_ms + KS_LOG_TIME_MAX_MS)); /* both of its ends are in bounds, so it is none below zero */
    ks_merkle_frontier_write(&view->frontier, buf);
    ks_buf_byte(buf, (uint8_t)view->kept_count);
    for (size_t i = 0; i < view->kept_count; i++)
        put_kept(buf, &view->kept[i]);
    for (size_t i = 0; view->forked && i < 2; i++)
        put_kept(buf, &view->fork[i]);
    if (view->unjoined) {
        put_kept(buf, &view->shown);
        ks_buf_u64(buf, (uint64_t)view->shown_ms);
    }
    ks_buf_u32(buf, (uint32_t)view->revoked_count);
    for (size_t i = 0; i < view->revoked_count; i++) {
        ks_buf_add(buf, ks_str(view->revoked[i].object, KS_LOG_OBJECT_LEN));
        ks_buf_u64(buf, (uint64_t)view->revoked[i].since_ms);
        ks_buf_u64(buf, (uint64_t)view->revoked[i].until_ms);
    }
    ks_buf_u32(buf, (uint32_t)view->own_count);
    for (size_t i = 0; i < view->own_count; i++) {
        ks_buf_u64(buf, view->own[i].number);
        ks_buf_add(buf, ks_str(view->own[i].bytes, KS_LOG_LEAF_LEN));
    }
}

static bool take(struct ks_cursor *at, void *to, size_t len)
{
    struct ks_str bytes;

    if (ks_cursor_take(at, len, &bytes) != KS_OK)
        return false;
    memcpy(to, bytes.ptr, len);
    return true;
}

static bool take_time(struct ks_cursor *at, int64_t max, int64_t *ret_ms)
{
    uint64_t number;

    if (ks_cursor_u64(at, &number) != KS_OK || number > (uint64_t)max)
        return false;
    *ret_ms = (int64_t)number;
    return true;
}

static bool take_kept(struct ks_cursor *at, struct ks_str domain, struct ks_log_kept *ret_kept)
{
    struct ks_signed_checkpoint from;
    struct ks_checkpoint checkpoint;

    if (ks_cursor_field(at, &from.bytes) != KS_OK || !take(at, from.signature, sizeof from.signature)
        || !take(at, from.signer, sizeof from.signer) || ks_checkpoint_read(from.bytes, domain, &checkpoint) != KS_OK)
        return false;
    ks_log_kept_set(ret_kept, &from, &checkpoint);
    return true;
}

static bool read_checkpoints(struct ks_cursor *at, struct ks_log_view *view, uint8_t flags)
{
    struct ks_str domain = ks_log_view_domain(view);
    struct ks_merkle_hash root;
    uint8_t count;

    if (ks_merkle_frontier_read(at, &view->frontier) != KS_OK || ks_cursor_u8(at, &count) != KS_OK
        || count > KS_LOG_KEPT_MAX)
        return false;
    for (; view->kept_count < count; view->kept_count++) {
        const struct ks_checkpoint *now = &view->kept[view->kept_count].checkpoint, *last = now;

        if (view->kept_count)
            last = &view->kept[view->kept_count - 1].checkpoint;
        if (!take_kept(at, domain, &view->kept[view->kept_count])
            || (last != now && (now->size <= last->size || now->t_s < last->t_s || now->crl < last->crl))
            || now->envelope_min > view->envelope_min)
            return false;
    }
    ks_merkle_root(&view->frontier, &root);
    if (count ? view->kept[count - 1].checkpoint.size != view->frontier.size
                || !ks_merkle_eq(&view->kept[count - 1].checkpoint.root, &root)
              : view->frontier.size > 0)
        return false;
    if (flags & HAS_FORK) {
        view->forked = true;
        for (size_t i = 0; i < 2; i++)
            if (!take_kept(at, domain, &view->fork[i]))
                return false;
    }
    if (flags & HAS_SHOWN) {
        view->unjoined = true;
        if (!take_kept(at, domain, &view->shown) || !take_time(at, 2 * KS_LOG_TIME_MAX_MS, &view->shown_ms))
            return false;
    }
    return view->skipped <= view->frontier.size;
}

/* How many follow, of which there are enough bytes for all. */
static bool take_count(struct ks_cursor *at, size_t max, size_t item, uint32_t *ret_count)
{
    return ks_cursor_u32(at, ret_count) == KS_OK && *ret_count <= max && *ret_count <= at->left.len / item;
}

static enum ks_err read_leaves(struct ks_cursor *at, struct ks_log_view *view)
{
    struct ks_log_leaf leaf;
    uint32_t count;

    if (!take_count(at, KS_LOG_REVOKED_MAX, REVOKED_LEN, &count))
        return KS_ESYNTAX;
    if (ks_log_view_reserve(view, count, 0) != KS_OK)
        return KS_ENOMEM;
    for (; view->revoked_count < count; view->revoked_count++) {
        struct ks_log_revoked *to = &view->revoked[view->revoked_count];

        if (!take(at, to->object, sizeof to->object) || !take_time(at, KS_LOG_TIME_MAX_MS, &to->until_ms))
            return KS_ESYNTAX;
        to->since_ms = to->until_ms;
        if (!take_time(at, KS_LOG_TIME_MAX_MS, &to->until_ms) || to->since_ms > to->until_ms
            || (view->revoked_count && memcmp(to[-1].object, to->object, sizeof to->object) >= 0))
            return KS_ESYNTAX;
    }
    if (!take_count(at, KS_LOG_OWN_MAX, OWN_LEN, &count))
        return KS_ESYNTAX;
    if (ks_log_view_reserve(view, 0, count) != KS_OK)
        return KS_ENOMEM;
    for (; view->own_count < count; view->own_count++) {
        struct ks_log_own *to = &view->own[view->own_count];

        if (ks_cursor_u64(at, &to->number) != KS_OK || to->number >= view->frontier.size
            || (view->own_count && to[-1].number >= to->number) || !take(at, to->bytes, sizeof to->bytes)
            || ks_log_leaf_read(ks_str(to->bytes, sizeof to->bytes), &leaf) != KS_OK
            || memcmp(leaf.account, view->account, sizeof leaf.account) != 0)
            return KS_ESYNTAX;
    }
    return ks_cursor_done(at) ? KS_OK : KS_ESYNTAX;
}

enum ks_err ks_log_view_read(struct ks_str bytes, struct ks_log_view **ret_view)
{
    KS_AUTO(ks_log_view_free) struct ks_log_view *view = NULL;
    struct ks_cursor at = ks_cursor(bytes);
    uint8_t version, account[KS_LOG_ACCOUNT_LEN], flags;
    struct ks_str domain;
    enum ks_err err;

    if (bytes.len > KS_LOG_VIEW_BYTES_MAX || ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESYNTAX;
    if (version != VERSION)
        return version > VERSION ? KS_EVERSION : KS_ESYNTAX;
    if (ks_cursor_field(&at, &domain) != KS_OK || !take(&at, account, sizeof account)
        || ks_cursor_u8(&at, &flags) != KS_OK || flags > (HAS_FORK | HAS_SHOWN))
        return KS_ESYNTAX;
    if ((err = ks_log_view_new(domain, account, &view)) != KS_OK)
        return err;
    if (ks_cursor_u64(&at, &view->skipped) != KS_OK || ks_cursor_u32(&at, &view->envelope_min) != KS_OK
        || !take_time(&at, KS_LOG_AHEAD_MAX_MS, &view->lag_ms) || !take_time(&at, 2 * KS_LOG_TIME_MAX_MS, &view->off_ms)
        || !read_checkpoints(&at, view, flags))
        return KS_ESYNTAX;
    view->off_ms -= KS_LOG_TIME_MAX_MS;
    if ((err = read_leaves(&at, view)) != KS_OK)
        return err;
    *ret_view = KS_TAKE(view);
    return KS_OK;
}
