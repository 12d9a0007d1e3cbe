/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* parcel.h -- a stanza on its way through the server.
 *
 * A parcel owns the arena in which its stanza lives. It goes from reactor to reactor by its pointer; whoever holds it
 * last frees it. A stanza that a session sent is `handled` (XEP-0198 §4) when its parcel is freed: answers, deliveries
 * and commits it caused hold references, so that <a h='…'/> never counts a stanza whose effects are not durable.
 *
 * Threads: a parcel's arena and the top of its tree (its attributes and its list of children) belong to the reactor
 * where the parcel is, and nobody else touches them once it was posted; so a child has an arena of its own. What is
 * below the top is shared with parents and siblings that are elsewhere, and never changes once it was posted:
 * ks_xml_copy_top, and then change the copy. */
#ifndef KS_PARCEL_H
#define KS_PARCEL_H

#include <stdatomic.h>

#include "list.h"
#include "stanza.h"

struct ks_ctx;
struct ks_reactor;

struct ks_parcel {
    struct ks_list link; /* in one queue at a time */
    atomic_uint refs;
    struct ks_parcel *parent; /* kept alive, because the stanza points into its arena; or NULL */
    struct ks_arena arena;
    struct ks_stanza stanza;         /* zeroes in a call without one */
    struct ks_str home;              /* the bare JID at whose home it is to run; empty: see reactor */
    void (*run)(struct ks_ctx *ctx); /* what is to be done there; NULL: the stanza is for this account */
    uint16_t reactor;                /* where it is to run when home is empty */
    uint64_t from_account;           /* the sender's account when it is one of ours, else 0 */
    uint64_t session;                /* the sending session's id; 0: none */
    /* The stanza's count in the stream it came from, reported back when the parcel is freed. */
    struct {
        uint64_t session; /* 0: nothing to report */
        uint64_t number;
        uint16_t reactor;
    } origin;
    /* It cannot be run, or what it wrote was not stored. NULL: its stanza's sender gets <resource-constraint/>. */
    void (*refused)(struct ks_reactor *r, struct ks_parcel *parcel);
    uint64_t number;          /* for run: whatever the poster wants to hand over */
    void *user;               /* likewise; not owned */
    _Alignas(16) char room[]; /* an address, or one <r/>, takes no more memory */
};

/* What handling a stanza may take in its parcel's arena, beyond the stanza itself: a roster, a page of items. */
#define KS_PARCEL_BYTES_MAX (16u << 20)

/* One reference, an empty arena; NULL without memory. */
KS_CHECK struct ks_parcel *ks_parcel_new(size_t bytes_max);
/* A parcel whose stanza may point into parent's arena (a reference is taken). */
KS_CHECK struct ks_parcel *ks_parcel_child(struct ks_parcel *parent, size_t bytes_max);
struct ks_parcel *ks_parcel_ref(struct ks_parcel *parcel);
/* As `refused` of what nobody waits for: the stanza that caused it went its way already. */
void ks_parcel_ignore(struct ks_reactor *r, struct ks_parcel *parcel);
/* Gives a reference back, in the thread of r: the last one reports to the origin and frees. parcel may be NULL. */
void ks_parcel_unref(struct ks_reactor *r, struct ks_parcel *parcel);

/* Bytes that several output queues share. */
struct ks_bytes {
    atomic_uint refs;
    uint32_t len;
    char data[];
};
/* NULL without memory. */
KS_CHECK struct ks_bytes *ks_bytes_new(struct ks_str text);
KS_CHECK struct ks_bytes *ks_bytes_join(const struct ks_str *texts, size_t count);
struct ks_bytes *ks_bytes_ref(struct ks_bytes *bytes);
void ks_bytes_unref(struct ks_bytes *bytes);
static inline struct ks_str ks_bytes_str(const struct ks_bytes *bytes)
{
    return ks_str(bytes->data, bytes->len);
}

#endif
