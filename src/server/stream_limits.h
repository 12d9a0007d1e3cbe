/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* stream_limits.h -- what c2s_login.c asks of xep_0478_limits.c. */
#ifndef KS_STREAM_LIMITS_H
#define KS_STREAM_LIMITS_H

#include "feature.h"

/* Adds <limits/> to <stream:features/>: the longest stanza that is taken (XEP-0478 §3.1). */
void ks_limits_add(struct ks_arena *arena, struct ks_xml *features, int64_t bytes_max);

#endif
