/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a core must not do, one call of each kind: tools/check-layers has to name every one of them. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int mutant_core(void *byte);

int mutant_core(void *byte)
{
    struct timespec now;

    return open("/dev/null", O_RDONLY) + socket(AF_INET, SOCK_STREAM, 0) + (int)write(1, byte, 1)
        + clock_gettime(CLOCK_REALTIME, &now) + (int)getrandom(byte, 1, 0) + pthread_mutex_lock(byte);
}
