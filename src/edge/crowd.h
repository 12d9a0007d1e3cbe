/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crowd.h -- counters of what people do, as they may be told (DSK I.8-d): they count only while there are many people.
 *
 * A counter that is hidden at night and shown in the morning would tell, as a difference, what the one person on duty
 * did. So what happened between two looks counts if there were KS_PEOPLE_MANY accounts with a session at both, and
 * never fewer between them; otherwise it is dropped for good. Any thread; nothing here blocks for longer than a sum. */
#ifndef KS_CROWD_H
#define KS_CROWD_H

#include <pthread.h>

#include "server.h"

#define KS_CROWD_COUNTERS_MAX 16

struct ks_crowd {
    pthread_mutex_t lock;
    bool many;     /* at the last look */
    uint64_t fell; /* ks_reactor_stats.people_fell, then */
    uint64_t seen[KS_CROWD_COUNTERS_MAX], told[KS_CROWD_COUNTERS_MAX];
};

void ks_crowd_init(struct ks_crowd *crowd);
void ks_crowd_done(struct ks_crowd *crowd);
/* counters: as they are; becomes what may be told. count is the same in each call, and at most KS_CROWD_COUNTERS_MAX.
 * False: there are few people, and nothing of it is told. */
bool ks_crowd_look(struct ks_crowd *crowd, const struct ks_reactor_stats *people, uint64_t *counters, size_t count);

#endif
