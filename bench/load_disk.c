/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "load_hist.h"
#include "load_work.h"

#define WRITES 500
#define WRITE_BYTES 4096

int load_disk(const struct load_options *options)
{
    static struct load_hist hist;
    static const char block[WRITE_BYTES] = "konsil";
    char path[4096];
    int fd, status = 1;

    snprintf(path, sizeof(path), "%s/fsync.probe", options->directory);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(path);
        return 1;
    }
    for (int i = 0; i < WRITES; i++) {
        int64_t start_ns = load_now_ns();

        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block) || fdatasync(fd) != 0) {
            perror(path);
            goto out;
        }
        load_hist_add(&hist, load_now_ns() - start_ns);
    }
    printf("{\"workload\":\"disk\",\"writes\":%d,\"fdatasync_p50_ms\":%.3f,\"fdatasync_p99_ms\":%.3f}\n", WRITES,
        (double)load_hist_at(&hist, 0.5) / 1e6, (double)load_hist_at(&hist, 0.99) / 1e6);
    status = 0;
out:
    close(fd);
    unlink(path);
    return status;
}
