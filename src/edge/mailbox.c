/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void make_room(struct ks_letters *letters, size_t more)
{
    size_t cap = letters->cap ? letters->cap : 64;

    while (cap < letters->count + more)
        cap *= 2;
    if (cap == letters->cap)
        return;
    letters->letter = realloc(letters->letter, cap * sizeof letters->letter[0]);
    if (!letters->letter)
        abort();
    letters->cap = cap;
}

void ks_letters_add(struct ks_letters *letters, int kind, void *ptr)
{
    make_room(letters, 1);
    letters->letter[letters->count++] = (struct ks_letter) { kind, ptr };
}

void ks_letters_done(struct ks_letters *letters)
{
    free(letters->letter);
    *letters = (struct ks_letters) { 0 };
}

enum ks_err ks_mailbox_init(struct ks_mailbox *box)
{
    *box = (struct ks_mailbox) { .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    pthread_mutex_init(&box->lock, NULL);
    return box->wake < 0 ? KS_EIO : KS_OK;
}

void ks_mailbox_done(struct ks_mailbox *box)
{
    if (box->wake >= 0)
        close(box->wake);
    box->wake = -1;
    pthread_mutex_destroy(&box->lock);
    ks_letters_done(&box->in);
}

/* With the lock held, which it gives back. */
static void unlock_and_wake(struct ks_mailbox *box)
{
    static const uint64_t one = 1;
    bool asleep = box->asleep;

    box->asleep = false;
    pthread_mutex_unlock(&box->lock);
    if (asleep) {
        ssize_t written = write(box->wake, &one, sizeof one);
        assert(written == sizeof one); /* the counter is far from full: one wake-up for each sleep */
    }
}

bool ks_mailbox_post(struct ks_mailbox *box, struct ks_letters *letters)
{
    if (!letters->count)
        return true;
    pthread_mutex_lock(&box->lock);
    if (box->in.count >= KS_MAILBOX_MAX) {
        pthread_mutex_unlock(&box->lock);
        return false;
    }
    make_room(&box->in, letters->count);
    memcpy(box->in.letter + box->in.count, letters->letter, letters->count * sizeof letters->letter[0]);
    box->in.count += letters->count;
    letters->count = 0;
    unlock_and_wake(box);
    return true;
}

void ks_mailbox_order(struct ks_mailbox *box, int kind, void *ptr)
{
    pthread_mutex_lock(&box->lock);
    ks_letters_add(&box->in, kind, ptr);
    unlock_and_wake(box);
}

bool ks_mailbox_may_sleep(struct ks_mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    bool may = box->in.count == 0;
    box->asleep = may;
    pthread_mutex_unlock(&box->lock);
    return may;
}

void ks_mailbox_woken(struct ks_mailbox *box)
{
    uint64_t wakes;

    if (read(box->wake, &wakes, sizeof wakes) < 0)
        assert(errno == EAGAIN); /* somebody posted while we were on the way to sleep: nothing to read off */
}

void ks_mailbox_wait(struct ks_mailbox *box)
{
    struct pollfd wake = { .fd = box->wake, .events = POLLIN };

    if (ks_mailbox_may_sleep(box) && poll(&wake, 1, -1) > 0)
        ks_mailbox_woken(box);
}

void ks_mailbox_take(struct ks_mailbox *box, struct ks_letters *letters)
{
    struct ks_letters empty = *letters;

    assert(empty.count == 0);
    pthread_mutex_lock(&box->lock);
    *letters = box->in;
    box->in = empty;
    box->asleep = false;
    pthread_mutex_unlock(&box->lock);
}
