/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* system.h -- what the kernel knows and the cores are told: the time, and chance. */
#ifndef KS_SYSTEM_H
#define KS_SYSTEM_H

#include "clock.h"

/* CLOCK_MONOTONIC and CLOCK_REALTIME, now. */
struct ks_now ks_system_now(void);

/* Fresh random bytes. Ends the process when the kernel has none to give: nobody could go on safely without. */
void ks_system_entropy(void *ret_bytes, size_t len);

#endif
