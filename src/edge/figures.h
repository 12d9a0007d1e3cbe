/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* figures.h -- how the server is, in numbers: for konsilctl health, and for machines that watch (web_metrics.c). Sums
 * over all who are here; none is about a person. */
#ifndef KS_FIGURES_H
#define KS_FIGURES_H

#include "committer.h"
#include "server.h"

struct ks_figures {
    struct ks_reactor_stats clients; /* of all reactors together */
    struct ks_committer_stats store;
    uint64_t uptime_s, heap_bytes, disk_free_bytes, connections_max;
    int64_t certificates_end_ms; /* the soonest, since 1970 */
};

#endif
