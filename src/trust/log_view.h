/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* log_view.h -- what a device keeps of the key log, and what it believes (doc/PROTOCOL.md §15.4 to §15.6).
 *
 * A view follows one domain's log for one account: the newest signed checkpoint and the sixty before it, a frontier,
 * who was revoked, and every leaf of the own account. An update is taken whole or ignored, with the reason; what is
 * ignored leaves everything as it is, so the view grows older, and what may be done depends on that. Two signed
 * checkpoints that cannot be of one log freeze it, and are kept as the evidence. A freeze has no end here: who begins
 * anew, by a profile that the root signed, begins with a new view.
 *
 * Whether a checkpoint's key may sign is the caller's business. The clock is an argument, in milliseconds since 1970.
 * Nothing here does IO; verifying a signature takes its time. */
#ifndef KS_LOG_VIEW_H
#define KS_LOG_VIEW_H

#include "checkpoint.h"
#include "log_leaf.h"

#define KS_LOG_KEPT_MAX 64       /* checkpoints */
#define KS_LOG_LEAVES_MAX 100000 /* in one update; who is further behind jumps */
#define KS_LOG_REVOKED_MAX 65536 /* certificates that were revoked and would still be valid */
#define KS_LOG_OWN_MAX 1024      /* leaves of the own account */
#define KS_LOG_VIEW_BYTES_MAX (4u << 20)
#define KS_LOG_AHEAD_MAX_MS (48 * 3600000ll) /* of the device's clock */

struct ks_log_view;

/* Of nothing yet. KS_ESYNTAX: the domain is none; KS_ENOMEM. */
KS_CHECK enum ks_err ks_log_view_new(
    struct ks_str domain, const uint8_t account[KS_LOG_ACCOUNT_LEN], struct ks_log_view **ret_view);
void ks_log_view_free(struct ks_log_view *view);
KS_AUTO_DEFINE(struct ks_log_view, ks_log_view_free)
/* For the store, which keeps it secret and whole: signatures are not verified again. Read: KS_ESYNTAX, KS_EVERSION,
 * KS_ENOMEM. */
void ks_log_view_write(const struct ks_log_view *view, struct ks_buf *buf);
KS_CHECK enum ks_err ks_log_view_read(struct ks_str bytes, struct ks_log_view **ret_view);

enum ks_log_answer {
    KS_LOG_TAKEN,  /* the view is as the update says */
    KS_LOG_JOINED, /* evidence: it is of this log */
    /* Ignored: */
    KS_LOG_MALFORMED, /* the checkpoint, or a leaf that the log has, is not of the form */
    KS_LOG_DOMAIN,    /* another domain's */
    KS_LOG_UNSIGNED,  /* the signature is not the key's */
    KS_LOG_CLOCK,     /* more than 48 hours ahead: the device's clock has to be looked at */
    KS_LOG_OLD,       /* a smaller log than the view's, or the same checkpoint */
    KS_LOG_BACK,      /* its time or its number of revocations goes back */
    KS_LOG_MISSING,   /* leaves from ks_log_view_size on have to come with it */
    KS_LOG_ASTRAY,    /* leaves, proof or frontier do not lead to its root */
    KS_LOG_VERSION,   /* the log has a leaf of a newer version: this program has to be renewed */
    KS_LOG_FULL,      /* a limit was reached */
    KS_LOG_UNJOINED,  /* evidence: nobody has shown yet that it is of this log */
    /* The view is frozen, now or since before, and ks_log_view_fork has the evidence: */
    KS_LOG_FORK,
};

struct ks_log_update {
    struct ks_signed_checkpoint checkpoint;
    bool live; /* asked for, or pushed, just now: tells whether the device's clock is right */
    /* Either leaves, one behind the other, from number `first` (at most the view's size) to the checkpoint's at least;
     */
    uint64_t first;
    struct ks_str leaves;
    /* or, with frontier, a jump: its peaks, and that the view's log is its beginning. A view of nothing needs no proof.
     */
    const struct ks_merkle_frontier *frontier;
    const struct ks_merkle_proof *growth;
};

/* KS_OK: *ret_answer says what came of it; KS_ENOMEM: nothing did. A frozen view goes on with the log that it had, so
 * that revocations reach it. */
KS_CHECK enum ks_err ks_log_view_take(
    struct ks_log_view *view, const struct ks_log_update *update, int64_t clock_ms, enum ks_log_answer *ret_answer);

/* --- others' words (gossip) --- */

enum ks_log_claim { KS_LOG_SAME, KS_LOG_OTHER, KS_LOG_UNHEARD };
/* A bare claim of a size and the first half of a root. SAME: a checkpoint of ours; else the other one is asked for the
 * signed checkpoint, and nothing happens before that. */
enum ks_log_claim ks_log_view_compare(const struct ks_log_view *view, uint64_t size, const uint8_t half_root[16]);
/* The signed checkpoint that a peer showed; proof (may be NULL) joins it with our newest one, whichever is larger.
 * KS_LOG_UNJOINED is remembered, and after 24 hours counts as a log that is 72 hours old. */
enum ks_log_answer ks_log_view_evidence(struct ks_log_view *view, const struct ks_signed_checkpoint *shown,
    const struct ks_merkle_proof *proof, int64_t clock_ms);
/* True if frozen. Two signed checkpoints: of one size with different roots; or the first is of the log that the view
 * follows, the second is smaller, and the view saw that the first one's tree has another root at that size. */
bool ks_log_view_fork(const struct ks_log_view *view, struct ks_signed_checkpoint ret_evidence[2]);

/* --- what it says --- */

uint64_t ks_log_view_size(const struct ks_log_view *view); /* 0: nothing yet */
/* False if nothing yet. ret_signed (may be NULL) is good until the next update. envelope_min is the highest that was
 * ever signed. */
bool ks_log_view_newest(
    const struct ks_log_view *view, struct ks_checkpoint *ret_checkpoint, struct ks_signed_checkpoint *ret_signed);
/* The checkpoint of that size, if it is kept; the same lifetime. */
bool ks_log_view_at(const struct ks_log_view *view, uint64_t size, struct ks_signed_checkpoint *ret_signed);
const struct ks_merkle_frontier *ks_log_view_frontier(const struct ks_log_view *view);
/* Leaves before this number were jumped over, all or in part; 0: every leaf was read. */
uint64_t ks_log_view_skipped(const struct ks_log_view *view);

/* Leaves of the own account by their place in the log; count, then each by its position. After an update the new ones
 * are those with a number from the former size on: an issue that nobody told this device of is shown as an alarm. */
size_t ks_log_view_own_count(const struct ks_log_view *view);
void ks_log_view_own(
    const struct ks_log_view *view, size_t position, uint64_t *ret_number, struct ks_log_leaf *ret_leaf);

/* A leaf of what was jumped over, proven to be in the newest checkpoint's tree: one of the own account is kept, and a
 * revocation counts from now on. KS_ECRYPTO: not proven; KS_ESYNTAX, KS_EVERSION: the leaf; KS_ELIMIT; KS_ENOMEM. */
KS_CHECK enum ks_err ks_log_view_learn(
    struct ks_log_view *view, uint64_t number, struct ks_str leaf, const struct ks_merkle_proof *proof);

enum ks_log_verdict {
    KS_LOG_LISTED,    /* issued, and not revoked; of a certificate that has ended nothing is known any more */
    KS_LOG_ABSENT,    /* the proof does not show that its leaf is in a tree that we know */
    KS_LOG_NOT_IT,    /* the leaf is about something else */
    KS_LOG_REVOKED,   /* no key any more */
    KS_LOG_UNCERTAIN, /* issued; whether it was revoked is in leaves that were jumped over: the list that the newest
                         checkpoint names (crl) decides */
};
/* A certificate of a device: object is its SHA-256, leaf and number the issue's, proof for the tree of size leaves, of
 * which a checkpoint is kept. Only KS_LOG_LISTED is genuine; the rest raises the alarm. */
enum ks_log_verdict ks_log_view_certificate(const struct ks_log_view *view, const uint8_t object[KS_LOG_OBJECT_LEN],
    const uint8_t account[KS_LOG_ACCOUNT_LEN], uint32_t device, uint64_t number, struct ks_str leaf, uint64_t size,
    const struct ks_merkle_proof *proof);
/* The same without proof, for a certificate whose leaf was proven before: LISTED, REVOKED or UNCERTAIN. since (may be
 * NULL) is written when it was revoked. */
enum ks_log_verdict ks_log_view_revoked(
    const struct ks_log_view *view, const uint8_t object[KS_LOG_OBJECT_LEN], uint64_t number, int64_t *ret_since_ms);

/* --- age and time --- */

enum ks_log_age {
    KS_LOG_FRESH,  /* up to 25 hours */
    KS_LOG_AGEING, /* a warning is shown */
    KS_LOG_STALE,  /* over 72 hours: no first contact, no new device */
    KS_LOG_DEAD,   /* over the policy's days: nothing is sent. Reading always works */
};
enum ks_log_clock { KS_CLOCK_GOOD, KS_CLOCK_BEHIND, KS_CLOCK_AHEAD };

struct ks_log_time {
    int64_t now_ms;  /* for judging certificates */
    int64_t sure_ms; /* has passed, whatever the device's clock says: what ended between the two is not used, but not
                        deleted nor called expired while the clock is not good */
    enum ks_log_age age;
    enum ks_log_clock clock; /* the device's, off by more than 5 minutes */
    bool may_send, may_meet; /* to devices that are known; to new ones */
};

#define KS_LOG_DAYS_MIN 3
#define KS_LOG_DAYS_MAX 30
#define KS_LOG_DAYS_DEFAULT 14
/* not_before_ms: of the own certificate, 0 without one. days is brought into its bounds. */
void ks_log_view_time(const struct ks_log_view *view, int64_t clock_ms, int64_t not_before_ms, unsigned days,
    struct ks_log_time *ret_time);

/* For tests and reports: "taken" and so on. A literal. */
const char *ks_log_answer_name(enum ks_log_answer answer);

#endif
