/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* later.c -- a program whose wall clock is ahead, for tests of what is deleted when its time is up: LD_PRELOAD of this
 * library, LATER_SECONDS=NUMBER. Clocks that only measure go on as they are; those go on, too, by what stands in the
 * file LATER_FILE, eight bytes as the machine has numbers, which may change while the program runs. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int (*real)(clockid_t, struct timespec *);
static time_t ahead;
static const volatile int64_t *leap; /* seconds; NULL: none */

__attribute__((constructor)) static void find(void)
{
    const char *seconds = getenv("LATER_SECONDS"), *file = getenv("LATER_FILE");
    int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = fd >= 0 ? mmap(NULL, sizeof *leap, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    ahead = seconds ? (time_t)strtoll(seconds, NULL, 10) : 0;
    leap = mapped != MAP_FAILED ? mapped : NULL;
    if (fd >= 0)
        close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    int result =
        real ? real(clock, at) : (int)syscall(SYS_clock_gettime, clock, at); /* others' constructors ask, too */

    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        at->tv_sec += ahead;
    if (result == 0 && leap)
        at->tv_sec += *leap;
    return result;
}

time_t time(time_t *ret)
{
    struct timespec at = { 0 };

    (void)clock_gettime(CLOCK_REALTIME, &at);
    if (ret)
        *ret = at.tv_sec;
    return at.tv_sec;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now = { 0 };

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *at = (struct timeval) { .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
    return 0;
}
