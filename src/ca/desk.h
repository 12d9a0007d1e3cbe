/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* desk.h -- what the registrar and konsild say to each other (doc/PROTOCOL.md §22.1): requests of devices and their
 * answers, and the log. Elements go in and out as XML; who carries them, and when, is the caller's.
 *
 * konsild says how many entries it has, and gets the rest: so one that was restored from a backup is given again what
 * it lost. Everything is asked and answered in any order, again and again, without harm. */
#ifndef KS_DESK_H
#define KS_DESK_H

#include "registrar.h"

struct ks_desk {
    struct ks_registrar *registrar;
    struct ks_str domain;
    struct ks_str signer;               /* the certificate of who signs checkpoints */
    bool told_size;                     /* konsild said how many entries it has */
    uint64_t size;                      /* so many */
    bool waiting;                       /* for an answer */
    char told[KS_CHECKPOINT_BYTES_MAX]; /* the newest checkpoint that konsild has; told_len 0: none */
    size_t told_len;
};

/* A new connection: nothing is known of konsild. */
void ks_desk_connected(struct ks_desk *desk);

/* What konsild asks, <ask/>. *ret_answer is for its domain, as a set, or empty when it was no such request;
 * *ret_enrolled tells the caller what happened. Texts belong to arena. Errors are the registrar's. */
KS_CHECK enum ks_err ks_desk_ask(struct ks_desk *desk, struct ks_arena *arena, struct ks_str xml, int64_t now_ms,
    struct ks_str *ret_answer, struct ks_enrolled *ret_enrolled);

/* What konsild is to be told next. Empty: nothing, or its answer is being waited for. *ret_set: as a set, else a get.
 */
KS_CHECK enum ks_err ks_desk_next(struct ks_desk *desk, struct ks_arena *arena, struct ks_str *ret_xml, bool *ret_set);
/* Its answer to that: condition is empty, or an error's. KS_EAGAIN: it cannot now; after a pause it is asked again.
 * KS_EDENIED: konsild has another log, and people have to look. */
KS_CHECK enum ks_err ks_desk_answer(
    struct ks_desk *desk, struct ks_arena *arena, struct ks_str condition, struct ks_str xml);

#endif
