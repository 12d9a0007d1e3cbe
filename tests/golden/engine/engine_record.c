/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine_record [--write] DIRECTORY: plays stories between engines and a konsild on virtual time, and compares what
 * went into each engine and came out of it with the transcripts in DIRECTORY, or writes them there (make
 * golden-engine). Speaks TAP. */
#include "check.h"
#include "engine_stories.h"
#include "engine_tape.h"

static void read_file(const char *path, struct ks_buf *bytes)
{
    FILE *file = fopen(path, "rb");
    char piece[4096];
    size_t len;

    if (!file)
        return;
    while ((len = fread(piece, 1, sizeof(piece), file)) > 0)
        ks_buf_add(bytes, ks_str(piece, len));
    fclose(file);
}

static void write_file(const char *path, struct ks_str bytes)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;

    ok = file && fclose(file) == 0 && ok;
    check_row(ok, path, "not written");
}

static void compare(const char *path, struct ks_str fresh, const char *name)
{
    struct ks_buf kept;
    size_t line = 1, at = 0;

    ks_buf_init(&kept, 16u << 20);
    read_file(path, &kept);
    for (; at < kept.len && at < fresh.len && kept.ptr[at] == fresh.ptr[at]; at++)
        line += fresh.ptr[at] == '\n';
    check_row(
        ks_str_eq(ks_buf_str(&kept), fresh), name, "%s:%zu differs; 'make golden-engine' records it anew", path, line);
    ks_buf_done(&kept);
}

int main(int argc, char **argv)
{
    bool write = argc == 3 && strcmp(argv[1], "--write") == 0;

    if (argc != 2 + write) {
        fprintf(stderr, "engine_record [--write] DIRECTORY\n");
        return 2;
    }
    for (size_t i = 0; i < engine_stories_count; i++) {
        struct lab lab;
        const char *why = engine_stories[i].play(&lab);
        char told[128];

        snprintf(told, sizeof(told), "the story '%s' went as it should", engine_stories[i].name);
        check_row(!why, told, "%s", why ? why : "");
        lab_end(&lab);
        for (size_t j = 0; j < tapes_count() && j < KS_COUNT(engine_stories[i].tapes); j++) {
            char path[4096], name[128];
            const char *tape = engine_stories[i].tapes[j];
            struct ks_str fresh = tape_text(j);

            if (!tape)
                continue;
            snprintf(path, sizeof(path), "%s/%s.transcript", argv[argc - 1], tape);
            snprintf(name, sizeof(name), "%s is what a fresh recording gives", tape);
            if (write)
                write_file(path, fresh);
            else
                compare(path, fresh, name);
        }
        tapes_clear();
    }
    return check_done();
}
