/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vault_tombs.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD "konsil tombs 1\n\n"
#define HEAD_LEN (sizeof HEAD - 1)
#define AT_ONCE 256 /* ids */

_Static_assert(HEAD_LEN == KS_VAULT_ID_LEN, "records begin at a multiple of their length");

static enum ks_err err_of(int number)
{
    return number == ENOSPC || number == EDQUOT ? KS_EFULL : KS_EIO;
}

/* All of it at the end and on the disk, or nothing. */
static enum ks_err append(int fd, const void *bytes, size_t len)
{
    off_t end = lseek(fd, 0, SEEK_END);
    enum ks_err err = KS_OK;

    if (end < 0)
        return KS_EIO;
    for (size_t done = 0; done < len && err == KS_OK;) {
        ssize_t n = write(fd, (const char *)bytes + done, len - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            err = n == 0 ? KS_EIO : err_of(errno);
    }
    if (err == KS_OK && fsync(fd) != 0)
        err = err_of(errno);
    if (err != KS_OK && ftruncate(fd, end) != 0)
        err = KS_EIO; /* the rest of an id is cut off when it is opened */
    return err;
}

static enum ks_err bury(struct ks_vault_tombs *t, const uint8_t (*ids)[KS_VAULT_ID_LEN], size_t count)
{
    enum ks_err err = append(KS_CONTAINER(t, struct ks_vault_tombs_file, base)->fd, ids, count * sizeof *ids);

    return err == KS_EIO ? KS_ESTORE : err;
}

static enum ks_err each(struct ks_vault_tombs *t, ks_visit_vault_tomb *visit, void *user)
{
    int fd = KS_CONTAINER(t, struct ks_vault_tombs_file, base)->fd;
    uint8_t ids[AT_ONCE][KS_VAULT_ID_LEN];
    off_t at = HEAD_LEN;

    for (;;) {
        ssize_t n = pread(fd, ids, sizeof ids, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return KS_ESTORE;
        size_t count = (size_t)n / sizeof ids[0];
        for (size_t i = 0; i < count; i++)
            if (!visit(user, ids[i]))
                return KS_OK;
        if (!count)
            return KS_OK;
        at += (off_t)(count * sizeof ids[0]);
    }
}

static enum ks_err sync_directory_of(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    enum ks_err err = !copy ? KS_ENOMEM : fd >= 0 && fsync(fd) == 0 ? KS_OK : KS_EIO;

    if (fd >= 0)
        close(fd);
    free(copy);
    return err;
}

/* A file of ours, and at its end no part of an id. */
static enum ks_err check(int fd)
{
    char head[HEAD_LEN];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return KS_EIO;
    if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head || memcmp(head, HEAD, sizeof head) != 0)
        return KS_ESYNTAX;
    if (st.st_size % KS_VAULT_ID_LEN && ftruncate(fd, st.st_size - st.st_size % KS_VAULT_ID_LEN) != 0)
        return KS_EIO;
    return KS_OK;
}

enum ks_err ks_vault_tombs_open(const char *path, bool make, struct ks_vault_tombs_file *ret_tombs)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
    enum ks_err err = KS_OK;
    struct stat st;

    if (fd < 0)
        return errno == ENOENT ? KS_ENOTFOUND : KS_EIO;
    if (fstat(fd, &st) != 0)
        err = KS_EIO;
    else if (make && (size_t)st.st_size < HEAD_LEN) { /* new, or the power went before it had a head */
        err = ftruncate(fd, 0) == 0 ? append(fd, HEAD, HEAD_LEN) : KS_EIO;
        if (err == KS_OK)
            err = sync_directory_of(path);
    }
    if (err == KS_OK)
        err = check(fd);
    if (err != KS_OK) {
        close(fd);
        return err;
    }
    *ret_tombs = (struct ks_vault_tombs_file) { { bury, each }, fd };
    return KS_OK;
}

void ks_vault_tombs_close(struct ks_vault_tombs_file *tombs)
{
    if (tombs->fd >= 0)
        close(tombs->fd);
    tombs->fd = -1;
}
