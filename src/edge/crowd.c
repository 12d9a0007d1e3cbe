/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "crowd.h"

#include <assert.h>

void ks_crowd_init(struct ks_crowd *crowd)
{
    *crowd = (struct ks_crowd) { .lock = PTHREAD_MUTEX_INITIALIZER };
}

void ks_crowd_done(struct ks_crowd *crowd)
{
    pthread_mutex_destroy(&crowd->lock);
}

bool ks_crowd_look(struct ks_crowd *crowd, const struct ks_reactor_stats *people, uint64_t *counters, size_t count)
{
    bool many = people->people >= KS_PEOPLE_MANY;

    assert(count <= KS_CROWD_COUNTERS_MAX);
    pthread_mutex_lock(&crowd->lock);
    bool stayed = many && crowd->many && crowd->fell == people->people_fell;
    for (size_t i = 0; i < count; i++) {
        /* Another thread may have looked with newer figures meanwhile. */
        if (stayed && counters[i] > crowd->seen[i])
            crowd->told[i] += counters[i] - crowd->seen[i];
        if (!stayed || counters[i] > crowd->seen[i])
            crowd->seen[i] = counters[i];
        counters[i] = crowd->told[i];
    }
    crowd->many = many;
    crowd->fell = people->people_fell;
    pthread_mutex_unlock(&crowd->lock);
    return many;
}
