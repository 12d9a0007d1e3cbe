/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "authority_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "system.h"

#define SCRYPT_N 16384 /* 16 MiB with r = 8; what OpenSSL still takes when it reads such a file */
#define SCRYPT_R 8
#define SCRYPT_P 16
#define SALT_LEN 16
#define FILE_BYTES_MAX 65536
#define SHARES_LINE "konsil: %u of %u shares of set %u\n"
#define SHARES_MAX 16
#define SETS 32768 /* SLIP-0039: 15 bits */

/* --- files --- */

static enum ks_err sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? ks_str_dup(ks_str(path, slash > path ? (size_t)(slash - path) : 1)) : NULL;
    int fd = !slash || directory ? open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool synced = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    free(directory);
    return synced ? KS_OK : KS_EIO;
}

static enum ks_err write_new(const char *path, mode_t mode, struct ks_str bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    bool written;

    if (fd < 0)
        return errno == EEXIST ? KS_EEXISTS : KS_EIO;
    written = write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len && fsync(fd) == 0;
    close(fd);
    if (written && sync_directory(path) == KS_OK)
        return KS_OK;
    unlink(path);
    return KS_EIO;
}

static enum ks_err write_bio(const char *path, mode_t mode, BIO *bio)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);

    return len > 0 ? write_new(path, mode, ks_str(bytes, (size_t)len)) : KS_ENOMEM;
}

/* The whole file, in a BIO. private: nobody else may be able to read it. */
static enum ks_err read_bio(const char *path, bool private, BIO **ret_bio)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char bytes[FILE_BYTES_MAX];
    struct stat st;
    ssize_t got;

    if (fd < 0)
        return errno == ENOENT ? KS_ENOTFOUND : errno == EACCES || errno == EPERM ? KS_EDENIED : KS_EIO;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return KS_EIO;
    }
    if (private && st.st_mode & (S_IRWXG | S_IRWXO)) {
        close(fd);
        return KS_EDENIED;
    }
    got = read(fd, bytes, sizeof bytes);
    close(fd);
    *ret_bio = got >= 0 ? BIO_new(BIO_s_secmem()) : NULL;
    if (*ret_bio && BIO_write(*ret_bio, bytes, (int)got) != got) {
        BIO_free(*ret_bio);
        *ret_bio = NULL;
    }
    ks_wipe(bytes, sizeof bytes);
    return got < 0 ? KS_EIO : *ret_bio ? KS_OK : KS_ENOMEM;
}

/* --- keys --- */

static X509_SIG *seal(EVP_PKEY *key, const char *passphrase)
{
    PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
    unsigned char salt[SALT_LEN];
    X509_SIG *sealed = NULL;
    X509_ALGOR *how;

    ks_system_entropy(salt, sizeof salt);
    how = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, sizeof salt, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
    if (plain && how && (sealed = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), plain, how)))
        how = NULL; /* the sealed one's */
    X509_ALGOR_free(how);
    PKCS8_PRIV_KEY_INFO_free(plain);
    return sealed;
}

enum ks_err ks_authority_key_write(
    const char *path, EVP_PKEY *key, const char *passphrase, const struct ks_key_shares *shares)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    X509_SIG *sealed = passphrase ? seal(key, passphrase) : NULL;
    bool written;
    enum ks_err err = KS_ENOMEM;

    written = bio && (!shares->count || BIO_printf(bio, SHARES_LINE, shares->needed, shares->count, shares->set) > 0)
        && (passphrase ? sealed && PEM_write_bio_PKCS8(bio, sealed)
                       : PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    if (written)
        err = write_bio(path, 0600, bio);
    X509_SIG_free(sealed);
    BIO_free(bio);
    return err;
}

enum ks_err ks_authority_key_replace(
    const char *path, EVP_PKEY *key, const char *passphrase, const struct ks_key_shares *shares)
{
    size_t size = strlen(path) + sizeof ".new";
    char *fresh = malloc(size);
    enum ks_err err = KS_ENOMEM;

    if (fresh) {
        snprintf(fresh, size, "%s.new", path);
        (void)unlink(fresh); /* of one that was not finished */
        err = ks_authority_key_write(fresh, key, passphrase, shares);
    }
    if (err == KS_OK && (rename(fresh, path) != 0 || sync_directory(path) != KS_OK)) {
        err = KS_EIO;
        (void)unlink(fresh);
    }
    free(fresh);
    return err;
}

static bool take_number(struct ks_str *left, const char *before, uint64_t max, unsigned *ret_number)
{
    struct ks_str word;
    uint64_t number;

    if (!ks_str_starts(*left, ks_str_z(before)))
        return false;
    *left = ks_str_from(*left, strlen(before));
    word = ks_str_head(*left, strspn(left->ptr, "0123456789"));
    *left = ks_str_from(*left, word.len);
    if (ks_str_u64(word, max, &number) != KS_OK)
        return false;
    *ret_number = (unsigned)number;
    return true;
}

/* SHARES_LINE, in its one form. */
static bool read_shares(const char *line, struct ks_key_shares *ret_shares)
{
    struct ks_key_shares shares = { 0 };
    struct ks_str left = ks_str_z(line);
    char again[64];

    if (!take_number(&left, "konsil: ", SHARES_MAX, &shares.needed)
        || !take_number(&left, " of ", SHARES_MAX, &shares.count)
        || !take_number(&left, " shares of set ", SETS - 1, &shares.set))
        return false;
    snprintf(again, sizeof again, SHARES_LINE, shares.needed, shares.count, shares.set);
    if (strcmp(line, again) != 0 || shares.needed < 2 || shares.needed > shares.count)
        return false;
    *ret_shares = shares;
    return true;
}

enum ks_err ks_authority_key_shares(const char *path, struct ks_key_shares *ret_shares)
{
    struct ks_key_shares shares = { 0 };
    char line[64] = "";
    BIO *bio = NULL;
    enum ks_err err = read_bio(path, true, &bio);

    if (err != KS_OK)
        return err;
    if (BIO_gets(bio, line, sizeof line) > 0 && strncmp(line, "konsil:", strlen("konsil:")) == 0
        && !read_shares(line, &shares))
        err = KS_ESYNTAX;
    if (err == KS_OK)
        *ret_shares = shares;
    BIO_free(bio);
    return err;
}

static int give_passphrase(char *to, int size, int writing, void *user)
{
    const char *passphrase = user;
    size_t len = passphrase ? strlen(passphrase) : 0;

    (void)writing;
    if (!passphrase || len > (size_t)size)
        return -1;
    memcpy(to, passphrase, len);
    return (int)len;
}

enum ks_err ks_authority_key_read(const char *path, const char *passphrase, EVP_PKEY **ret_key)
{
    BIO *bio = NULL;
    enum ks_err err = read_bio(path, true, &bio);
    char *text = NULL;
    bool sealed;

    if (err != KS_OK)
        return err;
    long len = BIO_get_mem_data(bio, &text);
    sealed = memmem(text, len > 0 ? (size_t)len : 0, "ENCRYPTED", strlen("ENCRYPTED")) != NULL;
    *ret_key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, (void *)(uintptr_t)passphrase);
    ERR_clear_error();
    BIO_free(bio);
    return *ret_key ? KS_OK : sealed ? KS_ECRYPTO : KS_ESYNTAX;
}

/* --- certificates --- */

enum ks_err ks_certificate_write(const char *path, struct ks_str der)
{
    BIO *bio = BIO_new(BIO_s_mem());
    enum ks_err err = KS_ENOMEM;

    if (bio && PEM_write_bio(bio, PEM_STRING_X509, "", (const unsigned char *)der.ptr, (long)der.len))
        err = write_bio(path, 0644, bio);
    BIO_free(bio);
    return err;
}

enum ks_err ks_certificate_read(struct ks_arena *arena, const char *path, struct ks_str *ret_der)
{
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    BIO *bio = NULL;
    enum ks_err err = read_bio(path, false, &bio);
    long len = 0;

    if (err != KS_OK)
        return err;
    if (!PEM_read_bio(bio, &name, &header, &data, &len) || strcmp(name, PEM_STRING_X509) != 0)
        err = KS_ESYNTAX;
    else
        err = ks_arena_copy(arena, ks_str((char *)data, (size_t)len), ret_der);
    ERR_clear_error();
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    BIO_free(bio);
    return err;
}
