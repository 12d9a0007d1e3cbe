/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* early.h -- edits, reactions and retractions that came before their target (doc/PROTOCOL.md §5.1).
 *
 * Anybody may refer to what never comes. So each waits for its time, and of one account no more than its share in a
 * conversation, in which only its own displace each other. A retraction takes away the edits that wait for the same
 * target, and no edit waits beside one. In a step. Table:
 *
 *   KS_T_MESSAGE_ID   p conversation 0 target 0 kind author [0 target's author]   version, since when, what it says */
#ifndef KS_EARLY_H
#define KS_EARLY_H

#include "refer.h"

#define KS_EARLY_WORDS_MAX 64         /* edits and reactions of one account in one conversation */
#define KS_EARLY_RETRACTIONS_MAX 1000 /* likewise: they hold no words but a reason */
#define KS_EARLY_WORDS_MS 2592000000  /* 30 days: so long an author sends again what did not come (§8.4) */
#define KS_EARLY_RETRACTIONS_MS 31536000000

enum ks_early_kind {
    KS_EARLY_EDIT = 'e',
    KS_EARLY_REACTIONS = 'r',
    KS_EARLY_RETRACT = 'x',
    KS_EARLY_MODERATE = 'm', /* another's, in a room: content->target_author's */
};

struct ks_early {
    enum ks_early_kind kind;
    struct ks_reference reference;
};

/* Lets it wait; of two of one account about one target the newer one. */
KS_CHECK enum ks_err ks_early_keep(struct konsil *k, const struct ks_early *early);
/* Those of a kind that may concern the message: edits and retractions of its author, moderations of his messages, and
 * everybody's reactions. An array in the arena. They stay until ks_early_over. */
KS_CHECK enum ks_err ks_early_find(struct konsil *k, const struct ks_message *message, enum ks_early_kind kind,
    struct ks_early **ret_early, size_t *ret_count);
KS_CHECK enum ks_err ks_early_over(struct konsil *k, const struct ks_early *early);

/* When its author wrote what waits, out of its row. KS_ESTORE, KS_EVERSION. */
KS_CHECK enum ks_err ks_early_time(struct ks_str row, int64_t *ret_time_ms);

/* Drops what waited for its time: once a day, outside of steps. False: as ks_step. */
bool ks_early_upkeep(struct konsil *k);

#endif
