/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "crowd.h"

int main(void)
{
    /* One look after another: how many people, how often they had become few, and what the counter had come to. */
    static const struct {
        const char *name;
        uint64_t people, fell, counter, told;
        bool many;
    } looks[] = {
        { "crowd.h: of one person nothing is told", 1, 0, 500, 0, false },
        { "nor of nine", 9, 0, 600, 0, false },
        { "of ten it is told what they do from there on, and not what fewer did", 10, 0, 700, 0, true },
        { "(control: what ten do counts)", 10, 0, 730, 30, true },
        { "what eleven do, too", 11, 0, 731, 31, true },
        { "DSK I.8-d: nine again: nothing is told", 9, 1, 800, 31, false },
        { "DSK I.8-d: and what they did is not in the difference when others come", 10, 1, 900, 31, true },
        { "and it goes on from there", 10, 1, 901, 32, true },
        { "DSK I.8-d: what fewer did between two looks does not count either", 10, 2, 1000, 32, true },
        { "an older figure takes nothing back", 10, 2, 990, 32, true },
        { "and counts nothing twice", 10, 2, 1001, 33, true },
    };
    struct ks_crowd crowd;

    ks_crowd_init(&crowd);
    for (size_t i = 0; i < KS_COUNT(looks); i++) {
        const struct ks_reactor_stats people = { .people = looks[i].people, .people_fell = looks[i].fell };
        uint64_t counter = looks[i].counter;
        bool many = ks_crowd_look(&crowd, &people, &counter, 1);

        check_row(many == looks[i].many && counter == looks[i].told, looks[i].name, "%d, %llu", many,
            (unsigned long long)counter);
    }
    ks_crowd_done(&crowd);
    return check_done();
}
