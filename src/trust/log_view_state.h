/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* log_view_state.h -- the fields of a view of the key log, for log_view.c and log_view_store.c alone. */
#ifndef KS_LOG_VIEW_STATE_H
#define KS_LOG_VIEW_STATE_H

#include "log_view.h"

struct ks_log_kept {
    struct ks_checkpoint checkpoint;
    size_t len;
    char bytes[KS_CHECKPOINT_BYTES_MAX];
    uint8_t signature[KS_P256_SIGNATURE_LEN], signer[KS_P256_PUBLIC_LEN];
};

struct ks_log_revoked {
    uint8_t object[KS_LOG_OBJECT_LEN];
    int64_t since_ms, until_ms;
};

struct ks_log_own {
    uint64_t number;
    uint8_t bytes[KS_LOG_LEAF_LEN];
};

struct ks_log_view {
    char domain[KS_CHECKPOINT_DOMAIN_MAX];
    size_t domain_len;
    uint8_t account[KS_LOG_ACCOUNT_LEN];

    struct ks_merkle_frontier frontier; /* that of the newest checkpoint */
    uint64_t skipped;                   /* ks_log_view_skipped */
    uint32_t envelope_min;              /* the highest ever */
    int64_t lag_ms;                     /* how far the device's clock was behind the newest checkpoint */
    int64_t off_ms;                     /* device's clock less checkpoint's time, when one last came live */

    struct ks_log_kept kept[KS_LOG_KEPT_MAX]; /* sizes ascend */
    size_t kept_count;

    bool forked;
    struct ks_log_kept fork[2];

    bool unjoined; /* what a peer showed, and nobody has joined to our log */
    struct ks_log_kept shown;
    int64_t shown_ms;

    struct ks_log_revoked *revoked; /* by object */
    size_t revoked_count, revoked_cap;
    struct ks_log_own *own; /* by number */
    size_t own_count, own_cap;
};

static inline struct ks_str ks_log_view_domain(const struct ks_log_view *view)
{
    return ks_str(view->domain, view->domain_len);
}

/* Room for so many; KS_ENOMEM leaves what is there. */
KS_CHECK enum ks_err ks_log_view_reserve(struct ks_log_view *view, size_t revoked, size_t own);
void ks_log_kept_set(
    struct ks_log_kept *to, const struct ks_signed_checkpoint *from, const struct ks_checkpoint *checkpoint);
struct ks_signed_checkpoint ks_log_kept_view(const struct ks_log_kept *kept);

#endif
