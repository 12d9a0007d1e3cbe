/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* replay.c -- a fuzz target's main without a fuzzer: runs each file of the directory given, in the order of names.
 *
 * TAP, a row for each file; a property that does not hold ends the program. Each input stands in memory of its exact
 * size, so the address sanitizer sees a read past its end. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int run(const char *directory, const char *name)
{
    char path[4096];
    long len;
    uint8_t *data;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) || (len = ftell(file)) < 0 || fseek(file, 0, SEEK_SET)) {
        printf("Bail out! %s: %s\n", path, strerror(errno));
        exit(1);
    }
    data = malloc((size_t)len);
    if (len && (!data || fread(data, 1, (size_t)len, file) != (size_t)len)) {
        printf("Bail out! %s: cannot read it\n", path);
        exit(1);
    }
    fclose(file);
    int result = LLVMFuzzerTestOneInput(data, (size_t)len);
    free(data);
    return result;
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    int count = argc == 2 ? scandir(argv[1], &entries, visible, alphasort) : -1;

    if (count <= 0) {
        printf("Bail out! usage: %s DIRECTORY, with at least one seed in it\n", argv[0]);
        return 1;
    }
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        int result = run(argv[1], entries[i]->d_name);
        printf("%sok %d - the property holds for %s\n", result == 0 ? "" : "not ", i + 1, entries[i]->d_name);
        fflush(stdout);
        free(entries[i]);
    }
    free(entries);
    return 0;
}
