/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "failmalloc.h"
#include "prng.h"
#include "timer.h"

static struct ks_timers timers;

/* A timer that writes down when it fired, and may set itself again or clear another one. */
struct thing {
    struct ks_timer timer;
    int id;
    int64_t again_ms; /* 0: not again */
    struct ks_timer *clears;
};

static int fired[2000], fired_count;

static void fire(struct ks_timer *timer, struct ks_now now)
{
    struct thing *thing = KS_CONTAINER(timer, struct thing, timer);

    (void)now;
    if (fired_count < (int)KS_COUNT(fired))
        fired[fired_count++] = thing->id;
    if (thing->clears)
        ks_timer_clear(&timers, thing->clears);
    if (thing->again_ms && ks_timer_set(&timers, timer, thing->again_ms) != KS_OK)
        check_failed++;
}

static struct thing thing(int id)
{
    return (struct thing) { .timer.fire = fire, .id = id };
}

static void set(struct thing *thing, int64_t at_ms)
{
    check_failed += ks_timer_set(&timers, &thing->timer, at_ms) != KS_OK;
}

static int run(int64_t mono_ms)
{
    fired_count = 0;
    ks_timers_run(&timers, (struct ks_now) { .mono_ms = mono_ms });
    return fired_count;
}

static void one_by_one(void)
{
    struct thing a = thing(1), b = thing(2), c = thing(3);

    check_row(ks_timers_next(&timers) == KS_NEVER && run(1000) == 0, "timer.h: without timers nothing is due",
        "something is");
    set(&a, 30);
    set(&b, 10);
    set(&c, 20);
    check_row(ks_timers_next(&timers) == 10, "timer.h: the next deadline is the soonest", "%lld",
        (long long)ks_timers_next(&timers));
    check_row(run(9) == 0, "timer.h: a millisecond before it nothing fires", "%d did", fired_count);
    check_row(run(20) == 2 && fired[0] == 2 && fired[1] == 3, "timer.h: what is due fires in order of deadline",
        "%d did", fired_count);
    check_row(run(20) == 0, "timer.h: each once", "%d again", fired_count);
    set(&a, 50);
    check_row(run(49) == 0 && run(50) == 1, "timer.h: set again it moves", "%d fired", fired_count);
    set(&a, 60);
    ks_timer_clear(&timers, &a.timer);
    ks_timer_clear(&timers, &a.timer);
    check_row(run(100) == 0 && ks_timers_next(&timers) == KS_NEVER, "timer.h: what is cleared does not fire", "%d did",
        fired_count);

    set(&a, 10);
    set(&b, 20);
    a.clears = &b.timer;
    check_row(run(100) == 1, "timer.h: one may clear another that is due", "%d fired", fired_count);
    a.clears = NULL;
    a.again_ms = 110;
    set(&a, 10);
    check_row(run(100) == 1 && run(110) == 1, "timer.h: one may set itself again", "%d fired", fired_count);
    set(&a, 10);
    check_row(run(200) == 1 && run(200) == 0 && run(201) == 1,
        "timer.h: even to a time that is due: then it fires in the next millisecond", "%d fired", fired_count);
    ks_timers_done(&timers);
    check_row(ks_timers_next(&timers) == KS_NEVER, "timer.h: done forgets all", "one is left");
    ks_timers_done(&timers);
}

/* A random history of 300 timers, against looking at all of them. */
static void like_the_model(void)
{
    static struct thing things[300];
    int64_t at_ms[300], now_ms = 0;
    int wrong = 0, total = 0, cleared = 0;
    struct ks_prng prng;

    ks_prng_init_number(&prng, 7);
    for (int i = 0; i < 300; i++) {
        things[i] = thing(i);
        at_ms[i] = KS_NEVER;
    }
    for (int step = 0; step < 4000; step++) {
        size_t i = ks_prng_below(&prng, 300);
        uint64_t dice = ks_prng_below(&prng, 10);
        int64_t next = KS_NEVER;
        int due = 0;

        if (dice < 6) {
            at_ms[i] = now_ms + 1 + (int64_t)ks_prng_below(&prng, 500);
            set(&things[i], at_ms[i]);
        } else if (dice < 8) {
            cleared += at_ms[i] != KS_NEVER;
            at_ms[i] = KS_NEVER;
            ks_timer_clear(&timers, &things[i].timer);
        } else {
            now_ms += (int64_t)ks_prng_below(&prng, 20);
            run(now_ms);
            for (int f = 0; f < fired_count; f++) {
                wrong += at_ms[fired[f]] > now_ms || (f > 0 && at_ms[fired[f]] < at_ms[fired[f - 1]]);
            }
            for (int f = 0; f < fired_count; f++)
                at_ms[fired[f]] = KS_NEVER;
            total += fired_count;
        }
        for (int t = 0; t < 300; t++) {
            next = ks_sooner(next, at_ms[t]);
            due += at_ms[t] <= now_ms;
        }
        wrong += due != 0 || next != ks_timers_next(&timers);
    }
    check_row(
        wrong == 0, "timer.h: a random history fires what a plain list says, in order", "%d steps are wrong", wrong);
    check_row(total > 500 && cleared > 100, "timer.h: it fires and clears many (control)", "%d, %d", total, cleared);
    ks_timers_done(&timers);
    ks_prng_done(&prng);
}

static void no_memory(void)
{
    struct thing things[40];
    int rounds = 0;

    for (int n = 1; fail_nth(n); n++) {
        enum ks_err err = KS_OK;
        int count = 0;

        for (; count < 40 && err == KS_OK; count++) {
            things[count] = thing(count);
            err = ks_timer_set(&timers, &things[count].timer, 40 - count);
        }
        bool struck = fail_stop();
        if (struck)
            check_row(err == KS_ENOMEM && !things[count - 1].timer.slot && run(100) == count - 1,
                "timer.h: without memory a timer is not set, and the others stay", "%s, %d fired", ks_err_name(err),
                fired_count);
        rounds += struck;
        ks_timers_done(&timers);
    }
    check_row(rounds >= 2, "timer.h: each of its allocations failed once", "%d did", rounds);
}

int main(void)
{
    one_by_one();
    like_the_model();
    no_memory();
    return check_done();
}
