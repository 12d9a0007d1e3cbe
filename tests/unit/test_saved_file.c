/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "saved_file.h"

#include <errno.h>

#include "check.h"
#include "scratch.h"

#define NUMBER 7

static char directory[128];

static void path_in(char *path, size_t cap, const char *name)
{
    snprintf(path, cap, "%s/%s", directory, name);
}

static void make(const char *name, const char *text, mode_t mode)
{
    char path[256];
    int fd;

    path_in(path, sizeof path, name);
    (void)unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    scratch_must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fchmod(fd, mode) == 0, name);
    close(fd);
}

static bool holds(const char *name, const char *text)
{
    char path[256], got[64] = { 0 };
    ssize_t len = -1;
    int fd;

    path_in(path, sizeof path, name);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    if (fd >= 0) {
        len = read(fd, got, sizeof got);
        close(fd);
    }
    return len == (ssize_t)strlen(text) && memcmp(got, text, strlen(text)) == 0;
}

static bool there(const char *name)
{
    struct stat st;
    char path[256];

    path_in(path, sizeof path, name);
    return lstat(path, &st) == 0;
}

/* How many bytes it is gone on with behind; -1: it cannot be written. */
static off_t part_length(void)
{
    struct ks_saved_paths paths;
    struct stat st = { .st_size = -1 };
    int fd;

    scratch_must(ks_saved_paths(&paths, directory, "x", NUMBER), "paths");
    if ((fd = ks_saved_part(&paths)) < 0)
        return -1;
    if (fstat(fd, &st) != 0 || st.st_nlink != 1 || !S_ISREG(st.st_mode) || write(fd, "new", 3) != 3)
        st.st_size = -2;
    close(fd);
    return st.st_size;
}

static void test_part(void)
{
    char part[256], other[256];

    path_in(part, sizeof part, ".konsil-7.part");
    path_in(other, sizeof other, "other");
    check_row(part_length() == 0, "a part that is not there is begun", "%s", strerror(errno));
    make(".konsil-7.part", "half of it", 0600);
    check_row(part_length() == 10, "control: one's own is gone on with", "%s", strerror(errno));
    make(".konsil-7.part", "half of it", 0622);
    check_row(part_length() == 0, "not one that others may write to", "it is");
    make("other", "dear to me", 0600);
    (void)unlink(part);
    scratch_must(link(other, part) == 0, "link");
    check_row(
        part_length() == 0 && holds("other", "dear to me"), "nor one that is a second name of another file", "it is");
    (void)unlink(part);
    scratch_must(symlink(other, part) == 0, "symlink");
    check_row(part_length() == 0 && holds("other", "dear to me"), "nor one that a link leads away from", "it is");
    (void)unlink(part);
    scratch_must(mkfifo(part, 0600) == 0, "mkfifo");
    check_row(part_length() == 0, "nor a pipe", "it is");
    (void)unlink(part);
    scratch_must(mkdir(part, 0700) == 0, "mkdir");
    check_row(part_length() == -1, "where a directory stands in its place it cannot be written", "it can");
    (void)rmdir(part);
    if (geteuid() != 0)
        return;
    make(".konsil-7.part", "half of it", 0600);
    scratch_must(chown(part, 65534, 65534) == 0, "chown");
    check_row(part_length() == 0, "nor somebody else's", "it is");
    (void)unlink(part);
}

/* Saves what is opened; its last name is *ret_name. */
static enum ks_err save(const char *path, const char *name, struct ks_saved_paths *paths)
{
    enum ks_err err;
    int fd;

    scratch_must(ks_saved_paths(paths, path, name, NUMBER), "paths");
    fd = open(paths->open, O_WRONLY | O_CREAT | O_EXCL, 0600);
    scratch_must(fd >= 0 && write(fd, "whole", 5) == 5, paths->open);
    err = ks_saved_name(paths, fd);
    close(fd);
    (void)unlink(paths->open);
    return err;
}

static void test_names(void)
{
    struct ks_saved_paths paths;
    enum ks_err err = save(directory, "a.txt", &paths);

    check_row(err == KS_OK && holds("a.txt", "whole"), "in a directory it has its own name", "%s", ks_err_name(err));
    err = save(directory, "a.txt", &paths);
    check_row(err == KS_OK && holds("a (2).txt", "whole") && strstr(paths.final, "/a (2).txt"),
        "what is there is not replaced: it gets a number", "%s", paths.final);
    err = save(directory, ".a", &paths);
    err = err == KS_OK ? save(directory, ".a", &paths) : err;
    check_row(err == KS_OK && holds(".a (2)", "whole"), "a dot at the beginning is no ending", "%s", paths.final);
    char long_name[300];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    err = save(directory, long_name, &paths);
    check_row(err == KS_EIO && !there(".konsil-7.open"), "a name that the disk does not take is said so", "%s",
        ks_err_name(err));
    check_row(chmod(directory, 0300) == 0 && save(directory, "b.txt", &paths) == KS_OK,
        "in a directory that may be written and not read it is saved, too", "%s", strerror(errno));
    scratch_must(chmod(directory, 0700) == 0, "chmod");
    check_row(holds("b.txt", "whole"), "under its name", "it is not there");
}

int main(void)
{
    char command[160];

    scratch_path(directory, sizeof directory, "inbox");
    scratch_must(mkdir(directory, 0700) == 0, "mkdir");
    test_part();
    /* Whoever is root may read everything. */
    scratch_must(geteuid() != 0
            || (chmod(scratch_directory, 0711) == 0 && chown(directory, 65534, 65534) == 0 && setegid(65534) == 0
                && seteuid(65534) == 0),
        "another user");
    test_names();
    scratch_must(getuid() != 0 || seteuid(0) == 0, "root again");
    snprintf(command, sizeof command, "rm -r '%s'", scratch_directory);
    scratch_must(system(command) == 0, "rm");
    return check_done();
}
