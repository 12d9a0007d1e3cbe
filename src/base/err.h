/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* err.h -- what can go wrong, and whose fault it was.
 *
 * We were wrong: assert, in release builds too; an assert speaks of our own state and never of a peer's bytes.
 * The peer was wrong: a stanza or stream error, sent back as a value of its own. The world was wrong (memory,
 * disk, a key that does not fit): one of these, looked at on the next line. */
#ifndef KS_ERR_H
#define KS_ERR_H

#include <assert.h>

enum ks_err {
    KS_OK = 0,
    KS_ESYNTAX = -1,   /* bytes outside the grammar */
    KS_ELIMIT = -2,    /* a limit that the header states was reached */
    KS_ECRYPTO = -3,   /* did not verify; say no more than that */
    KS_ENOTFOUND = -4, /* what was asked for does not exist */
    KS_EEXISTS = -5,   /* it exists already, or changed since it was read */
    KS_ESTATE = -6,    /* not possible in this state */
    KS_EVERSION = -7,  /* written by a newer version than this one */
    KS_EAGAIN = -8,    /* not yet: more bytes, or an answer, are needed */
    KS_EDENIED = -9,   /* the caller has no right to it */

    KS_FATAL = -100, /* never returned: below it, the object can only be freed */
    KS_ENOMEM = -101,
    KS_ESTORE = -102, /* the store failed or is damaged */
    KS_EFULL = -103,  /* no room on the disk */
    KS_EIO = -104,    /* the system refused a call */
};

/* The constant's name, for logs and tests: "KS_ESYNTAX". Never NULL. */
const char *ks_err_name(enum ks_err err);

#define KS_CHECK __attribute__((warn_unused_result))
#define KS_PRINTF(format_index, first_index) __attribute__((format(printf, format_index, first_index)))

/* KS_AUTO(ks_roster_free) struct ks_roster *r = ks_roster_new(); frees r on every way out of the scope;
 * KS_TAKE(r) gives the pointer away and leaves NULL behind. */
#define KS_AUTO(free_function) __attribute__((cleanup(free_function##_ptr)))
#define KS_AUTO_DEFINE(type, free_function)            \
    static inline void free_function##_ptr(type **ptr) \
    {                                                  \
        free_function(*ptr);                           \
    }
#define KS_TAKE(ptr)                    \
    __extension__({                     \
        __typeof__(ptr) taken_ = (ptr); \
        (ptr) = NULL;                   \
        taken_;                         \
    })

#define KS_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KS_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
