/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* list.h -- a doubly linked ring inside the things it links.
 *
 * A head and its members are both ks_list. A member knows nothing of its head, so leaving costs nothing.
 * Initialise every head and every member with ks_list_init; leaving twice is then harmless. Whoever is put on a list
 * has left the one before: that is our own state, and asserted. */
#ifndef KS_LIST_H
#define KS_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct ks_list {
    struct ks_list *prev, *next;
};

static inline void ks_list_init(struct ks_list *at)
{
    at->prev = at->next = at;
}

static inline bool ks_list_empty(const struct ks_list *head)
{
    return head->next == head;
}

/* Whether it is on no list: as ks_list_init leaves it, or all zeroes. */
static inline bool ks_list_unlinked(const struct ks_list *member)
{
    return !member->next || member->next == member;
}

/* Puts member in front of at; in front of the head is last. It must be on no list: two would run into each other. */
static inline void ks_list_before(struct ks_list *at, struct ks_list *member)
{
    assert(ks_list_unlinked(member));
    member->prev = at->prev;
    member->next = at;
    at->prev->next = member;
    at->prev = member;
}

static inline void ks_list_append(struct ks_list *head, struct ks_list *member)
{
    ks_list_before(head, member);
}

static inline void ks_list_leave(struct ks_list *member)
{
    member->prev->next = member->next;
    member->next->prev = member->prev;
    ks_list_init(member);
}

/* for (KS_LIST_EACH(head, at)) may not remove at; KS_LIST_EACH_SAFE may. */
#define KS_LIST_EACH(head, at)         \
    struct ks_list *at = (head)->next; \
    (at) != (head);                    \
    (at) = (at)->next
#define KS_LIST_EACH_SAFE(head, at)                           \
    struct ks_list *at = (head)->next, *at##_next = at->next; \
    (at) != (head);                                           \
    (at) = at##_next, at##_next = (at)->next

#endif
