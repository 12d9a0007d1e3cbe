/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "load_proc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROCESSES_MAX 4096

struct process {
    pid_t pid, parent;
    uint64_t user, system; /* ticks, with children that ended */
    bool ours;
};

/* proc(5): the second field is the command in parentheses and may hold anything, so we start behind the last one. */
static bool read_stat(pid_t pid, struct process *ret_process)
{
    char path[64], line[1024], *at;
    FILE *file;
    size_t len;
    int parent;
    unsigned long long user, system;
    long long ended_user, ended_system;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    len = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[len] = '\0';
    at = strrchr(line, ')');
    if (!at
        || sscanf(at + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld", &parent, &user, &system,
               &ended_user, &ended_system)
            != 5)
        return false;
    *ret_process = (struct process) { .pid = pid,
        .parent = (pid_t)parent,
        .user = user + (uint64_t)ended_user,
        .system = system + (uint64_t)ended_system };
    return true;
}

static size_t read_all(struct process *processes)
{
    DIR *dir = opendir("/proc");
    size_t count = 0;

    for (struct dirent *entry; dir && count < PROCESSES_MAX && (entry = readdir(dir));) {
        long pid = strtol(entry->d_name, NULL, 10);

        if (pid > 0 && read_stat((pid_t)pid, &processes[count]))
            count++;
    }
    if (dir)
        closedir(dir);
    return count;
}

static void add_memory(pid_t pid, struct load_usage *usage)
{
    char path[64], line[256];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        long long kib;

        if (sscanf(line, "Pss: %lld kB", &kib) == 1)
            usage->pss_bytes += kib * 1024;
        else if (sscanf(line, "Private_Clean: %lld kB", &kib) == 1 || sscanf(line, "Private_Dirty: %lld kB", &kib) == 1)
            usage->private_bytes += kib * 1024;
    }
    if (file)
        fclose(file);
}

bool load_proc_usage(pid_t root, bool memory, struct load_usage *ret_usage)
{
    static struct process processes[PROCESSES_MAX];
    size_t count = read_all(processes);
    struct load_usage usage = { 0 };
    uint64_t user = 0, system = 0;
    int64_t tick_us = 1000000 / sysconf(_SC_CLK_TCK);
    bool more = true;

    for (size_t i = 0; i < count; i++)
        processes[i].ours = processes[i].pid == root;
    while (more) { /* a child may be listed before its parent */
        more = false;
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < count && !processes[i].ours; j++)
                if (processes[j].ours && processes[i].parent == processes[j].pid)
                    processes[i].ours = more = true;
    }
    for (size_t i = 0; i < count; i++) {
        if (!processes[i].ours)
            continue;
        usage.processes++;
        user += processes[i].user;
        system += processes[i].system;
        if (memory)
            add_memory(processes[i].pid, &usage);
    }
    usage.user_us = (int64_t)user * tick_us;
    usage.system_us = (int64_t)system * tick_us;
    *ret_usage = usage;
    return usage.processes > 0;
}

int64_t load_proc_own_us(void)
{
    struct rusage own;

    if (getrusage(RUSAGE_SELF, &own) != 0)
        return 0;
    return (own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1000000LL + own.ru_utime.tv_usec + own.ru_stime.tv_usec;
}
