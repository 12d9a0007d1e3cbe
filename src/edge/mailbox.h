/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* mailbox.h -- letters from any thread to one thread, in each sender's order.
 *
 * A sender collects the letters of a turn in a ks_letters of its own and posts them together, so that a turn costs one
 * lock for each receiver. The receiver takes all that came by exchanging memory with the box. Only a receiver that said
 * it may sleep is woken, through an eventfd.
 *
 * A box that holds KS_MAILBOX_MAX letters takes no more: the sender keeps its letters, and stops reading from its
 * sockets until they are gone. It goes on emptying its own box meanwhile, so two full boxes cannot wait for each other.
 */
#ifndef KS_MAILBOX_H
#define KS_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

#define KS_MAILBOX_MAX 16384

struct ks_letter {
    int kind; /* the receiver's */
    void *ptr;
};

struct ks_letters {
    struct ks_letter *letter;
    size_t count, cap;
};

/* A letter carries what nobody else remembers (a stanza, an answer), so there is no way on without memory for it: the
 * process ends, and its clients, who were not told anything that is not durable, come again. */
void ks_letters_add(struct ks_letters *letters, int kind, void *ptr);
void ks_letters_done(struct ks_letters *letters);

struct ks_mailbox {
    pthread_mutex_t lock;
    struct ks_letters in;
    bool asleep; /* the receiver may be, and is to be woken */
    int wake;    /* eventfd: readable after a wake-up */
};

/* KS_OK; KS_EIO without descriptors. */
KS_CHECK enum ks_err ks_mailbox_init(struct ks_mailbox *box);
void ks_mailbox_done(struct ks_mailbox *box);

/* Moves all letters into the box. False: it is full, nothing was moved. No letters is true. */
bool ks_mailbox_post(struct ks_mailbox *box, struct ks_letters *letters);
/* One letter past the limit, for orders from the process's own main thread. */
void ks_mailbox_order(struct ks_mailbox *box, int kind, void *ptr);

/* The receiver's part. Before sleeping on box->wake: false means that letters are there, so it must not. */
bool ks_mailbox_may_sleep(struct ks_mailbox *box);
/* After box->wake became readable: makes it unreadable again. */
void ks_mailbox_woken(struct ks_mailbox *box);
/* Sleeps until there are letters, for a thread that waits for nothing else. */
void ks_mailbox_wait(struct ks_mailbox *box);
/* Exchanges all that came for *letters, which is empty. */
void ks_mailbox_take(struct ks_mailbox *box, struct ks_letters *letters);

#endif
