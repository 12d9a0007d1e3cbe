/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* chain.h -- a numbering: what one device wrote in one conversation, and what of it is here (doc/PROTOCOL.md §6).
 *
 * For others' devices it says what came, what is missing, and how far our receipts went; for our own what was sent
 * last, and how far the receipts of the other account came. Hashes are kept number by number (ks_number). In a step. */
#ifndef KS_CHAIN_H
#define KS_CHAIN_H

#include "buf.h"
#include "sce.h"

#define KS_CHAIN_GAPS_MAX 64

struct konsil;

struct ks_range {
    uint64_t from, to;
};

struct ks_chain {
    struct ks_str conversation, author; /* conversation: named by the other account, as in history.h */
    uint32_t device;
    uint64_t epoch;

    uint64_t base, top; /* the first and the greatest number we know of; 0: none yet */
    uint64_t stored;    /* others': up to here the server has our receipt. ours: up to here the account has it */
    uint64_t displayed; /* the same for what was read */
    uint64_t read;      /* others': up to here it was read, on whatever device */
    bool owed;          /* others': something changed below `stored` that our receipt did not say yet */
    bool asked;         /* others': its gaps were told and are being asked for */
    /* Both rising, each apart in itself. others': missing here. ours: below `stored` and in no receipt. */
    struct ks_range gaps[KS_CHAIN_GAPS_MAX];
    size_t gap_count;
    struct ks_range gone[KS_CHAIN_GAPS_MAX]; /* others': not here, and not missed any more: no receipt names them */
    size_t gone_count;
};

enum ks_chain_verdict {
    KS_CHAIN_NEXT,      /* follows what we have */
    KS_CHAIN_AHEAD,     /* something before it is missing: a gap was opened */
    KS_CHAIN_FILLS,     /* was missing, or given up, or is below base */
    KS_CHAIN_DUPLICATE, /* is here already */
};

/* Takes number n (> 0). When all gaps are in use the oldest is given up as by ks_chain_close. */
enum ks_chain_verdict ks_chain_take(struct ks_chain *chain, uint64_t n);
/* What is missing of these will not come: it is no gap any more, and never counts as here. When there is no place for
 * it, what lies between the two oldest that are gone is not said to be here either. */
void ks_chain_close(struct ks_chain *chain, struct ks_range range);
/* from..to are known to exist, and are missing unless they are here. */
void ks_chain_expect(struct ks_chain *chain, struct ks_range range);
bool ks_chain_has(const struct ks_chain *chain, uint64_t n);
/* The greatest number that is here; 0: none. */
uint64_t ks_chain_greatest(const struct ks_chain *chain);
/* What a receipt says up to number `to`: from *ret_from on everything but these, rising and apart, at most `max`. */
size_t ks_chain_except(
    const struct ks_chain *chain, uint64_t to, struct ks_range *ret_except, size_t max, uint64_t *ret_from);
uint64_t ks_chain_missing(const struct ks_chain *chain);

/* One that is not there yet has all its numbers 0. */
KS_CHECK enum ks_err ks_chain_get(struct konsil *k, struct ks_str conversation, struct ks_str author, uint32_t device,
    uint64_t epoch, struct ks_chain *ret_chain);
KS_CHECK enum ks_err ks_chain_put(struct konsil *k, const struct ks_chain *chain);
/* Those of a conversation, or with an empty one all; false stops. The chain and its views are good in the call only,
 * and nothing may be written in it. */
typedef bool ks_visit_chain(void *user, const struct ks_chain *chain);
KS_CHECK enum ks_err ks_chain_visit(struct konsil *k, struct ks_str conversation, ks_visit_chain *visit, void *user);

/* How many of others' messages are missing in a conversation, as far as it was told. */
KS_CHECK enum ks_err ks_chain_total_missing(struct konsil *k, struct ks_str conversation, int64_t *ret_missing);

#define KS_NUMBER_HEAD (-1) /* it is not here: only its hash is known, from heads */

/* What is known of one number. */
struct ks_number {
    int64_t order; /* of its message in the history; 0: it made none (an edit, a reaction); or KS_NUMBER_HEAD */
    uint8_t hash[KS_SCE_HASH_LEN], prev[KS_SCE_HASH_LEN];
};
/* KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_number_get(
    struct konsil *k, const struct ks_chain *chain, uint64_t n, struct ks_number *ret_number);
KS_CHECK enum ks_err ks_number_put(
    struct konsil *k, const struct ks_chain *chain, uint64_t n, const struct ks_number *number);
/* The first that is known at or after n. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_number_from(
    struct konsil *k, const struct ks_chain *chain, uint64_t n, uint64_t *ret_n, struct ks_number *ret_number);

/* The place of the last message that is shown among the numbers after `after` and up to `upto`; reads what is kept of
 * them, however far apart they are. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_number_shown(
    struct konsil *k, const struct ks_chain *chain, uint64_t after, uint64_t upto, int64_t *ret_order);

/* As a record; reading is fuzzed. */
void ks_chain_encode(struct ks_buf *buf, const struct ks_chain *chain);
KS_CHECK enum ks_err ks_chain_decode(struct ks_str record, struct ks_chain *ret_chain);

#endif
