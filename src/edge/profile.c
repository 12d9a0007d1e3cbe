/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite_engine_store.h"
#include "unicode.h"
#include "vault.h"

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

bool ks_profile_exists(const char *dir)
{
    char path[PATH_CAP];

    return file_name(dir, "vault", path) == KS_OK && access(path, F_OK) == 0;
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

static enum ks_err make_vault(
    const char *dir, const char *path, struct ks_str passphrase, struct ks_prng *prng, struct ks_vault **ret_vault)
{
    KS_AUTO(ks_vault_free) struct ks_vault *vault = NULL;
    struct ks_buf bytes;
    uint32_t number;
    enum ks_err err;

    if ((err = ks_vault_new(prng, KS_VAULT_COST_FLOOR, &vault)) != KS_OK
        || (err = ks_vault_add(vault, prng, passphrase, KS_VAULT_COST_USUAL, &number)) != KS_OK)
        return err;
    ks_buf_init(&bytes, KS_VAULT_BYTES_MAX);
    ks_vault_write(vault, &bytes);
    if ((err = ks_buf_err(&bytes)) == KS_OK)
        err = replace_file(dir, path, ks_buf_str(&bytes));
    ks_buf_done(&bytes);
    if (err == KS_OK)
        *ret_vault = KS_TAKE(vault);
    return err;
}

static enum ks_err open_vault(struct ks_str bytes, struct ks_str passphrase, struct ks_vault **ret_vault)
{
    KS_AUTO(ks_vault_free) struct ks_vault *vault = NULL;
    uint32_t number;
    enum ks_err err;

    if ((err = ks_vault_read(bytes, KS_VAULT_COST_FLOOR, &vault)) != KS_OK
        || (err = ks_vault_unlock(vault, passphrase, &number)) != KS_OK)
        return err;
    *ret_vault = KS_TAKE(vault);
    return KS_OK;
}

static enum ks_err get_vault(
    const char *dir, struct ks_str passphrase, struct ks_prng *prng, struct ks_vault **ret_vault)
{
    char path[PATH_CAP];
    struct ks_buf bytes;
    enum ks_err err;

    if ((err = file_name(dir, "vault", path)) != KS_OK)
        return err;
    ks_buf_init(&bytes, KS_VAULT_BYTES_MAX);
    err = read_file(path, &bytes);
    if (err == KS_OK)
        err = open_vault(ks_buf_str(&bytes), passphrase, ret_vault);
    else if (err == KS_ENOTFOUND)
        err = make_vault(dir, path, passphrase, prng, ret_vault);
    ks_buf_done(&bytes);
    return err;
}

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

enum ks_err ks_profile_open(
    const char *dir, struct ks_str passphrase, struct ks_prng *prng, struct ks_engine_store **ret_store)
{
    KS_AUTO(ks_vault_free) struct ks_vault *vault = NULL;
    uint8_t key[KS_VAULT_KEY_LEN];
    char path[PATH_CAP];
    struct ks_arena arena;
    struct ks_str normal;
    enum ks_err err;

    /* The same words give the same key on every keyboard (RFC 8265 §4.2). */
    ks_arena_init(&arena, 8 * KS_VAULT_PASSPHRASE_MAX);
    if ((err = ks_unicode_password(&arena, passphrase, &normal)) != KS_OK) {
        err = err == KS_ESYNTAX ? KS_ELIMIT : err;
        goto out;
    }
    if ((err = make_directory(dir)) != KS_OK || (err = file_name(dir, "store.db", path)) != KS_OK
        || (err = get_vault(dir, normal, prng, &vault)) != KS_OK || (err = ks_vault_store_key(vault, key)) != KS_OK)
        goto out;
    err = ks_sqlite_engine_store_open(path, NULL, key, true, ret_store);
    if (err == KS_ECRYPTO) /* the vault opened, so the store beside it is another's, or broken */
        err = KS_ESTORE;
out:
    ks_wipe(key, sizeof(key));
    ks_arena_done(&arena);
    return err;
}
