/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite_engine_store.h"
#include "unicode.h"

#define PATH_CAP 4096

bool ks_profile_path(struct ks_str jid, char *path, size_t cap)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int len;

    /* The XDG base directory specification: a relative path in it is to be ignored. */
    if (data && data[0] == '/')
        len = snprintf(path, cap, "%s/konsil/%.*s", data, KS_STR_FMT(jid));
    else if (home && home[0] == '/')
        len = snprintf(path, cap, "%s/.local/share/konsil/%.*s", home, KS_STR_FMT(jid));
    else
        return false;
    return len > 0 && (size_t)len < cap;
}

static enum ks_err file_name(const char *dir, const char *name, char path[PATH_CAP])
{
    int len = snprintf(path, PATH_CAP, "%s/%s", dir, name);

    return len > 0 && len < PATH_CAP ? KS_OK : KS_EIO;
}

/* Makes DIR and its parents. */
static enum ks_err make_directory(const char *dir)
{
    char path[PATH_CAP];
    size_t len = strlen(dir);

    if (len == 0 || len >= sizeof(path))
        return KS_EIO;
    memcpy(path, dir, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        path[i] = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return KS_EIO;
        path[i] = i < len ? '/' : '\0';
    }
    return KS_OK;
}

static enum ks_err read_file(const char *path, struct ks_buf *buf)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char bytes[4096];
    ssize_t len;

    if (fd < 0)
        return errno == ENOENT ? KS_ENOTFOUND : KS_EIO;
    while ((len = read(fd, bytes, sizeof(bytes))) > 0)
        ks_buf_add(buf, ks_str(bytes, (size_t)len));
    close(fd);
    return len < 0 ? KS_EIO : ks_buf_err(buf);
}

static bool write_all(int fd, struct ks_str bytes)
{
    while (bytes.len > 0) {
        ssize_t len = write(fd, bytes.ptr, bytes.len);

        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            return false;
        bytes = ks_str_from(bytes, (size_t)len);
    }
    return true;
}

/* The file is replaced as a whole, after the new one is on the disk. */
static enum ks_err replace_file(const char *dir, const char *path, struct ks_str bytes)
{
    char fresh[PATH_CAP + 8];
    enum ks_err err = KS_EIO;
    int fd, dir_fd;

    snprintf(fresh, sizeof(fresh), "%s.new", path);
    if ((fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
        return KS_EIO;
    if (!write_all(fd, bytes) || fsync(fd) != 0)
        err = errno == ENOSPC || errno == EDQUOT ? KS_EFULL : KS_EIO;
    else
        err = KS_OK;
    if (close(fd) != 0 && err == KS_OK)
        err = KS_EIO;
    if (err == KS_OK && rename(fresh, path) != 0)
        err = KS_EIO;
    if (err == KS_OK && (dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0) {
        if (fsync(dir_fd) != 0)
            err = KS_EIO;
        close(dir_fd);
    }
    return err;
}

/* --- the vault --- */

struct ks_profile {
    char dir[PATH_CAP], vault_path[PATH_CAP], store_path[PATH_CAP];
    int held; /* DIR, locked */
    struct ks_prng *prng;
    struct ks_vault *vault;
};

/* KS_ENOTFOUND: there is none. */
static enum ks_err load_vault(struct ks_profile *profile)
{
    struct ks_buf bytes;
    enum ks_err err;

    ks_buf_init(&bytes, KS_VAULT_BYTES_MAX);
    if ((err = read_file(profile->vault_path, &bytes)) == KS_OK)
        err = ks_vault_read(ks_buf_str(&bytes), KS_VAULT_COST_FLOOR, &profile->vault);
    ks_buf_done(&bytes);
    return err;
}

/* Of two processes that unlock at once each would raise the generation of a slot, and the server see a copy.
 * KS_ENOTFOUND: there is no directory. */
static enum ks_err hold(struct ks_profile *profile)
{
    if ((profile->held = open(profile->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return errno == ENOENT ? KS_ENOTFOUND : KS_EIO;
    if (flock(profile->held, LOCK_EX | LOCK_NB) == 0)
        return KS_OK;
    return errno == EWOULDBLOCK ? KS_EAGAIN : KS_EIO;
}

enum ks_err ks_profile_load(const char *dir, struct ks_prng *prng, struct ks_profile **ret_profile)
{
    KS_AUTO(ks_profile_free) struct ks_profile *profile = calloc(1, sizeof *profile);
    enum ks_err err;

    if (!profile)
        return KS_ENOMEM;
    profile->held = -1;
    profile->prng = prng;
    if ((err = file_name(dir, "vault", profile->vault_path)) != KS_OK
        || (err = file_name(dir, "store.db", profile->store_path)) != KS_OK)
        return err;
    snprintf(profile->dir, sizeof(profile->dir), "%s", dir);
    if ((err = hold(profile)) == KS_OK)
        err = load_vault(profile);
    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    *ret_profile = KS_TAKE(profile);
    return KS_OK;
}

void ks_profile_free(struct ks_profile *profile)
{
    if (!profile)
        return;
    ks_vault_free(profile->vault);
    if (profile->held >= 0)
        close(profile->held);
    free(profile);
}

struct ks_vault *ks_profile_vault(struct ks_profile *profile)
{
    return profile->vault;
}

enum ks_err ks_profile_secret(struct ks_arena *arena, struct ks_str typed, struct ks_str *ret_secret)
{
    struct ks_str normal;
    enum ks_err err = ks_unicode_password(arena, typed, &normal); /* may be what was typed itself */

    if (err != KS_OK)
        return err == KS_ESYNTAX ? KS_ELIMIT : err;
    return ks_arena_copy(arena, normal, ret_secret);
}

/* The directory, too, when it is missing. KS_EAGAIN: another process was faster. */
static enum ks_err make_vault(struct ks_profile *profile, struct ks_str passphrase)
{
    uint32_t number;
    enum ks_err err;

    if (profile->held < 0) {
        if ((err = make_directory(profile->dir)) != KS_OK || (err = hold(profile)) != KS_OK)
            return err;
        if (access(profile->vault_path, F_OK) == 0)
            return KS_EAGAIN;
    }
    if ((err = ks_vault_new(profile->prng, KS_VAULT_COST_FLOOR, &profile->vault)) != KS_OK)
        return err;
    if ((err = ks_vault_add(profile->vault, profile->prng, passphrase, KS_VAULT_COST_USUAL, &number)) == KS_OK)
        err = ks_profile_save(profile);
    if (err != KS_OK) {
        ks_vault_free(profile->vault);
        profile->vault = NULL;
    }
    return err;
}

enum ks_err ks_profile_unlock(struct ks_profile *profile, struct ks_str passphrase)
{
    struct ks_arena arena;
    struct ks_str normal;
    uint32_t number;
    enum ks_err err;

    ks_arena_init(&arena, 8 * KS_VAULT_PASSPHRASE_MAX);
    if ((err = ks_profile_secret(&arena, passphrase, &normal)) == KS_OK) {
        err = profile->vault ? ks_vault_unlock(profile->vault, normal, &number) : make_vault(profile, normal);
        ks_wipe((char *)(uintptr_t)normal.ptr, normal.len);
    }
    ks_arena_done(&arena);
    return err;
}

enum ks_err ks_profile_save(struct ks_profile *profile)
{
    struct ks_buf bytes;
    enum ks_err err;

    ks_buf_init(&bytes, KS_VAULT_BYTES_MAX);
    ks_vault_write(profile->vault, &bytes);
    if ((err = ks_buf_err(&bytes)) == KS_OK)
        err = replace_file(profile->dir, profile->vault_path, ks_buf_str(&bytes));
    ks_buf_done(&bytes);
    return err;
}

enum ks_err ks_profile_store(struct ks_profile *profile, struct ks_engine_store **ret_store)
{
    uint8_t key[KS_VAULT_KEY_LEN];
    enum ks_err err;

    if ((err = ks_vault_store_key(profile->vault, key)) != KS_OK)
        return err;
    err = ks_sqlite_engine_store_open(profile->store_path, NULL, key, true, ret_store);
    ks_wipe(key, sizeof(key));
    /* The vault opened, so the store beside it is another's, or broken. */
    return err == KS_ECRYPTO ? KS_ESTORE : err;
}

/* --- the certificate --- */

bool ks_profile_certificate(const char *dir, char certificate[KS_PROFILE_PATH_MAX], char key[KS_PROFILE_PATH_MAX])
{
    struct ks_str text, line;
    char path[PATH_CAP];
    struct ks_buf bytes;
    bool found = false;

    ks_buf_init(&bytes, 2 * KS_PROFILE_PATH_MAX);
    if (file_name(dir, "certificate", path) == KS_OK && read_file(path, &bytes) == KS_OK) {
        text = ks_buf_str(&bytes);
        (void)ks_str_cut(&text, '\n', &line);
        found = line.len > 0 && line.len < KS_PROFILE_PATH_MAX && text.len < KS_PROFILE_PATH_MAX;
        if (found) {
            snprintf(certificate, KS_PROFILE_PATH_MAX, "%.*s", KS_STR_FMT(line));
            (void)ks_str_cut(&text, '\n', &line);
            snprintf(key, KS_PROFILE_PATH_MAX, "%.*s", KS_STR_FMT(line));
        }
    }
    ks_buf_done(&bytes);
    return found;
}

enum ks_err ks_profile_set_certificate(const char *dir, const char *certificate, const char *key)
{
    char path[PATH_CAP], text[2 * KS_PROFILE_PATH_MAX];
    enum ks_err err = file_name(dir, "certificate", path);
    int len;

    if (err != KS_OK)
        return err;
    if (!certificate)
        return unlink(path) == 0 || errno == ENOENT ? KS_OK : KS_EIO;
    len = snprintf(text, sizeof(text), "%s\n%s\n", certificate, key ? key : "");
    if (len < 0 || (size_t)len >= sizeof(text) || strchr(certificate, '\n') || (key && strchr(key, '\n')))
        return KS_EIO;
    return replace_file(dir, path, ks_str(text, (size_t)len));
}
