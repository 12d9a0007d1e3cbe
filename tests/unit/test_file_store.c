/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "file_store.h"

#include <errno.h>

#include "check.h"
#include "scratch.h"

#define NAME "00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff"
#define NOW 1795312800000LL

static char directory[4200];

static enum ks_err put(struct ks_file_store *s, const char *name, const char *text, int64_t until_ms)
{
    struct ks_file_upload up;
    enum ks_err err = ks_file_upload_begin(s, ks_str_z(name), strlen(text), &up);

    if (err != KS_OK)
        return err;
    for (size_t i = 0; i < strlen(text) && err == KS_OK; i++)
        err = ks_file_upload_write(&up, ks_str(text + i, 1));
    if (err == KS_OK)
        err = ks_file_upload_end(&up, until_ms);
    ks_file_upload_drop(&up);
    return err;
}

static bool holds(struct ks_file_store *s, const char *name, const char *text)
{
    char got[64] = { 0 };
    uint64_t bytes = 0;
    int fd = -1;
    bool same = ks_file_store_read(s, ks_str_z(name), NOW, &fd, &bytes) == KS_OK && bytes == strlen(text)
        && read(fd, got, sizeof got) == (ssize_t)bytes && memcmp(got, text, bytes) == 0;

    if (fd >= 0)
        close(fd);
    return same;
}

static bool there(const char *below)
{
    char path[4300];

    snprintf(path, sizeof path, "%s/%s", directory, below);
    return access(path, F_OK) == 0;
}

static void test_names(struct ks_file_store *s)
{
    static const char *const bad[] = { "", "../../../../../../../../etc/pass", "0011223344556677..99aabbccddeeff",
        "00112233445566778899AABBCCDDEEFF", "00112233445566778899aabbccddeef", "00112233445566778899aabbccddeeff0" };
    uint64_t bytes;
    int fd;

    for (size_t i = 0; i < KS_COUNT(bad); i++) {
        struct ks_file_upload up;
        check_row(ks_file_upload_begin(s, ks_str_z(bad[i]), 1, &up) == KS_EIO
                && ks_file_store_read(s, ks_str_z(bad[i]), NOW, &fd, &bytes) == KS_ENOTFOUND
                && ks_file_store_remove(s, ks_str_z(bad[i])) == KS_OK,
            "a name that is none of ours is nowhere", "\"%s\"", bad[i]);
    }
}

static void test_uploads(struct ks_file_store *s)
{
    struct ks_file_upload up, second;

    check_err("a file is put", put(s, NAME, "hallo", NOW + 1000), KS_OK);
    check_row(holds(s, NAME, "hallo"), "and read", "it is not");
    check_err("a name is put once", put(s, NAME, "hallo", NOW + 1000), KS_EEXISTS);
    check_row(there("00/" NAME) && !there("part/" NAME), "nothing of it stays in part", "it does");

    check_err("one begins", ks_file_upload_begin(s, KS_STR(OTHER), 5, &up), KS_OK);
    check_err(
        "another of the same name meanwhile does not", ks_file_upload_begin(s, KS_STR(OTHER), 5, &second), KS_EEXISTS);
    check_row(atomic_load(&s->claimed) == 5, "and takes nothing of the room", "%llu",
        (unsigned long long)atomic_load(&s->claimed));
    check_err("more than announced is refused", ks_file_upload_write(&up, KS_STR("zu viele")), KS_ELIMIT);
    check_err("some of it", ks_file_upload_write(&up, KS_STR("zu")), KS_OK);
    check_err("less than announced is no file", ks_file_upload_end(&up, NOW + 1000), KS_ELIMIT);
    check_row(!there("ff/" OTHER), "and is not there", "it is");
    ks_file_upload_drop(&up);
    check_row(!there("part/" OTHER) && atomic_load(&s->claimed) == 0, "what is dropped leaves nothing", "it does");
    check_err("and can be put again", put(s, OTHER, "neu", NOW + 1000), KS_OK);
}

static void test_room(struct ks_file_store *s)
{
    struct ks_file_upload up;

    s->reserve = 1ULL << 62;
    check_err("what would leave too little on the disk is refused before its first byte",
        ks_file_upload_begin(s, KS_STR("11112233445566778899aabbccddeeff"), 5, &up), KS_EFULL);
    s->reserve = 0;
    check_err("control: otherwise it is taken",
        ks_file_upload_begin(s, KS_STR("11112233445566778899aabbccddeeff"), 5, &up), KS_OK);
    ks_file_upload_drop(&up);
    check_err("more than the disk has is refused",
        ks_file_upload_begin(s, KS_STR("11112233445566778899aabbccddeeff"), 1ULL << 60, &up), KS_EFULL);
}

static enum ks_err count(void *user, int fd, struct ks_str name, uint64_t bytes, int64_t until_ms)
{
    (void)fd;
    (void)name;
    *(uint64_t *)user += bytes + (until_ms == NOW + 5000);
    return KS_OK;
}

static void test_ends(struct ks_file_store *s)
{
    struct ks_file_store_counts counts = { 0 };
    unsigned at = 0;
    uint64_t sum = 0, bytes;
    int fd, rounds = 0;

    check_err("a file with another end", put(s, "aa112233445566778899aabbccddeeff", "spaeter", NOW + 5000), KS_OK);
    check_row(ks_file_store_read(s, KS_STR(NAME), NOW + 1000, &fd, &bytes) == KS_ENOTFOUND,
        "a file whose time is up is not there, before anybody swept", "it is");
    while (ks_file_store_sweep(s, NOW + 1000, &at, 1, &counts))
        rounds++;
    check_row(counts.expired == 2 && counts.files == 1 && counts.bytes == 7 && rounds > 0 && !there("00/" NAME),
        "DSK I.7-c part (alerts): sweeping removes those whose time is up, and no others", "%llu of %llu",
        (unsigned long long)counts.expired, (unsigned long long)counts.files);
    check_row(ks_file_store_each(s, count, &sum) == KS_OK && sum == 8, "all files are visited, with their ends", "%llu",
        (unsigned long long)sum);
    check_err("a file is removed", ks_file_store_remove(s, KS_STR("aa112233445566778899aabbccddeeff")), KS_OK);
    check_row(!there("aa/aa112233445566778899aabbccddeeff"), "and is gone", "it is not");
    check_err("one that is not there is, too", ks_file_store_remove(s, KS_STR(NAME)), KS_OK);
    check_err("and that is made durable", ks_file_store_sync(s), KS_OK);
}

static void test_restart(struct ks_file_store *s)
{
    struct ks_file_upload up;

    check_row(ks_file_upload_begin(s, KS_STR(OTHER), 5, &up) == KS_OK
            && ks_file_upload_write(&up, KS_STR("ab")) == KS_OK && put(s, NAME, "bleibt", NOW + 1000) == KS_OK
            && there("part/" OTHER),
        "an upload is under way", "it is not");
    ks_file_store_close(s); /* as a process that was killed: nobody drops it */
    close(up.fd);
    check_err("the store opens again", ks_file_store_open(s, directory, 0), KS_OK);
    check_row(!there("part/" OTHER) && holds(s, NAME, "bleibt"), "what was coming in is gone, what was there is there",
        "it is not so");
}

int main(void)
{
    struct ks_file_store store;
    char command[4300];

    scratch_path(directory, sizeof directory, "files");
    check_err("a store is made", ks_file_store_open(&store, directory, 0), KS_OK);
    test_names(&store);
    test_uploads(&store);
    test_room(&store);
    test_ends(&store);
    test_restart(&store);
    ks_file_store_close(&store);
    check_err("where nothing can be made there is none", ks_file_store_open(&store, "/proc/none", 0), KS_EIO);
    snprintf(command, sizeof command, "rm -rf '%s'", scratch_directory);
    return system(command) == 0 ? check_done() : 2;
}
