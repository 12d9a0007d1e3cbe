/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sandbox.h -- what konsild gives up once it has what it needs.
 *
 * Two steps, because the kernel has two kinds of locks: the user, capabilities, no_new_privs and Landlock hold for the
 * calling thread and those it starts, so ks_sandbox_enter comes before the threads; the filter of system calls can be
 * put on all threads at once, and leaves out the calls that start threads, so ks_sandbox_seal comes after them. */
#ifndef KS_SANDBOX_H
#define KS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "err.h"

struct ks_sandbox_path {
    const char *path; /* a directory, with all below it, or a file */
    bool writable;
};

struct ks_sandbox_setup {
    bool user_only;   /* no more than the user and the capabilities: for debuggers and sanitizers */
    bool change_user; /* to uid and gid; only root can */
    uid_t uid;
    gid_t gid;
    const struct ks_sandbox_path *paths; /* those that do not exist are left out */
    size_t count;
    bool connects; /* to others, by TCP: the courier's business (courier.h) */
};

/* NULL when this build can be locked up; else why not: sanitizers need calls that the sandbox refuses. */
const char *ks_sandbox_unfit(void);

/* KS_OK; KS_EDENIED: the user cannot be changed; KS_EIO. *ret_landlock: the version of Landlock in force, 0 when this
 * kernel has none (then files are guarded by their owners and modes alone). */
KS_CHECK enum ks_err ks_sandbox_enter(const struct ks_sandbox_setup *setup, int *ret_landlock);
/* KS_OK, KS_EIO. */
KS_CHECK enum ks_err ks_sandbox_seal(void);
/* The same for the courier, which asks others: with sockets, and with threads that look names up. */
KS_CHECK enum ks_err ks_sandbox_seal_courier(void);

/* Tries what a burglar would: reads /etc/shadow, writes outside of its directories, runs a program, traces a process,
 * starts a process, opens a network connection, makes memory executable. Prints a line for each, and returns how many
 * were allowed. May be called from any thread; thread is what the lines say. */
int ks_sandbox_probe(FILE *out, const char *thread);

#endif
