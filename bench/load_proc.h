/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load_proc.h -- what a server costs: CPU and memory of a process and all its descendants, from /proc.
 *
 * CPU is user and system time with the resolution of the kernel's clock tick (10 ms), children that ended included.
 * Memory is user memory; what the kernel keeps for sockets is not in it. Reading smaps_rollup of another user's
 * process needs root. */
#ifndef KS_LOAD_PROC_H
#define KS_LOAD_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

struct load_usage {
    int64_t user_us, system_us;
    int64_t pss_bytes;     /* its share of what it shares, and all that it does not */
    int64_t private_bytes; /* pages that no other process has */
    unsigned processes;
};

/* False if the process is gone. Memory is read only when asked for: it stops the server for some milliseconds. */
KS_CHECK bool load_proc_usage(pid_t root, bool memory, struct load_usage *ret_usage);

/* CPU of this process, microseconds. */
int64_t load_proc_own_us(void);

#endif
