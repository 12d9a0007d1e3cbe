/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* scratch.h -- a directory of the test's own, and what tests do to files in it. A failing call ends the test. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_directory[64];

__attribute__((unused)) static void scratch_must(bool ok, const char *what)
{
    if (!ok) {
        printf("Bail out! %s\n", what);
        exit(1);
    }
}

/* The path of a file in it; the directory is made with the first. In memory where there is such a place, for speed. */
__attribute__((unused)) static void scratch_path(char *path, size_t cap, const char *name)
{
    if (!scratch_directory[0]) {
        strcpy(scratch_directory, access("/dev/shm", W_OK) == 0 ? "/dev/shm/konsil-XXXXXX" : "/tmp/konsil-XXXXXX");
        scratch_must(mkdtemp(scratch_directory) != NULL, "no scratch directory");
    }
    snprintf(path, cap, "%s/%s", scratch_directory, name);
}

/* A database and what may lie beside it. */
__attribute__((unused)) static void scratch_clear(const char *path)
{
    char beside[4200];

    unlink(path);
    snprintf(beside, sizeof beside, "%s-wal", path);
    unlink(beside);
    snprintf(beside, sizeof beside, "%s-journal", path);
    unlink(beside);
}

__attribute__((unused)) static char *scratch_read_bytes(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    long len;

    scratch_must(file != NULL, path);
    fseek(file, 0, SEEK_END);
    len = ftell(file);
    rewind(file);
    bytes = malloc((size_t)len + 1);
    scratch_must(bytes && fread(bytes, 1, (size_t)len, file) == (size_t)len, path);
    fclose(file);
    bytes[len] = 0;
    *ret_len = (size_t)len;
    return bytes;
}

/* With a final zero; the caller frees. */
__attribute__((unused)) static char *scratch_read(const char *path)
{
    size_t len;

    return scratch_read_bytes(path, &len);
}

__attribute__((unused)) static void scratch_write(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    scratch_must(file && fwrite(bytes, 1, len, file) == len && fclose(file) == 0, path);
}

__attribute__((unused)) static long scratch_bytes(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

__attribute__((unused)) static unsigned scratch_mode(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

__attribute__((unused)) static void scratch_flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    int byte = EOF;

    scratch_must(file && fseek(file, at, SEEK_SET) == 0 && (byte = fgetc(file)) != EOF, path);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
}

/* True if text stands in the file or in the log beside it. */
__attribute__((unused)) static bool scratch_holds(const char *path, const char *text)
{
    static const char *const beside[] = { "", "-wal", "-journal" };
    char name[4200];
    bool holds = false;

    for (int i = 0; i < 3; i++) {
        size_t len;
        char *bytes;
        snprintf(name, sizeof name, "%s%s", path, beside[i]);
        if (access(name, R_OK) != 0)
            continue;
        bytes = scratch_read_bytes(name, &len);
        holds |= memmem(bytes, len, text, strlen(text)) != NULL;
        free(bytes);
    }
    return holds;
}

/* Removes the directory and the files in it. */
__attribute__((unused)) static void scratch_done(void)
{
    char command[100];

    snprintf(command, sizeof command, "rm -rf '%s'", scratch_directory);
    if (scratch_directory[0] && system(command) != 0)
        printf("# %s is left behind\n", scratch_directory);
}

#endif
