/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "backup_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto.h"

#define MAGIC_LEN (sizeof KS_BACKUP_MAGIC - 1)
#define KEY_ID_LEN 8
#define SALT_LEN 32
#define KEY_ID_AT (MAGIC_LEN + 2)
#define SALT_AT (KEY_ID_AT + KEY_ID_LEN)
#define HEADER_LEN (SALT_AT + SALT_LEN)
#define SEALED_LEN (KS_BACKUP_SEGMENT_LEN + KS_AEAD_TAG_LEN)

/* What both ends keep. */
struct stream {
    int fd;
    uint8_t header[HEADER_LEN], key[KS_AEAD_KEY_LEN];
    uint64_t segment; /* the next one's number */
    size_t at, len;   /* of plain: what is taken of it, what is there */
    uint8_t plain[KS_BACKUP_SEGMENT_LEN], sealed[SEALED_LEN];
};

struct ks_backup_writer {
    struct stream s;
};

struct ks_backup_reader {
    struct stream s;
    bool last; /* plain is the last segment */
};

static struct ks_str header_of(const struct stream *s)
{
    return ks_str(s->header, sizeof s->header);
}

static void key_id(const uint8_t key[32], uint8_t ret_id[KEY_ID_LEN])
{
    ks_hkdf(KS_SHA256, ks_str(key, 32), KS_STR_EMPTY, KS_STR("konsil backup key id"), ret_id, KEY_ID_LEN);
}

static void file_key(struct stream *s, const uint8_t key[32])
{
    ks_hkdf(KS_SHA256, ks_str(key, 32), ks_str(s->header + SALT_AT, SALT_LEN), KS_STR("konsil backup file"), s->key,
        sizeof s->key);
}

static void nonce_of(const struct stream *s, bool last, uint8_t ret_nonce[KS_AEAD_NONCE_LEN])
{
    memset(ret_nonce, 0, KS_AEAD_NONCE_LEN);
    for (int i = 0; i < 8; i++)
        ret_nonce[15 + i] = (uint8_t)(s->segment >> 8 * (7 - i));
    ret_nonce[23] = last;
}

static void stream_free(struct stream *s)
{
    if (s->fd >= 0)
        close(s->fd);
    ks_wipe(s, sizeof *s);
    free(s);
}

/* --- writing --- */

enum ks_err ks_backup_write_plain(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT ? KS_EFULL : KS_EIO;
        at += n;
        len -= (size_t)n;
    }
    return KS_OK;
}

enum ks_err ks_backup_writer_new(
    const char *path, const uint8_t key[32], struct ks_prng *prng, struct ks_backup_writer **ret_writer)
{
    struct ks_backup_writer *w = calloc(1, sizeof *w);
    enum ks_err err;

    if (!w)
        return KS_ENOMEM;
    memcpy(w->s.header, KS_BACKUP_MAGIC, MAGIC_LEN);
    w->s.header[MAGIC_LEN + 1] = KS_BACKUP_VERSION;
    key_id(key, w->s.header + KEY_ID_AT);
    ks_prng_bytes(prng, w->s.header + SALT_AT, SALT_LEN);
    file_key(&w->s, key);
    w->s.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    err = w->s.fd >= 0    ? ks_backup_write_plain(w->s.fd, w->s.header, HEADER_LEN)
        : errno == EEXIST ? KS_EEXISTS
                          : KS_EIO;
    if (err != KS_OK) {
        ks_backup_writer_free(w);
        return err;
    }
    *ret_writer = w;
    return KS_OK;
}

static enum ks_err write_segment(struct ks_backup_writer *w, bool last)
{
    struct stream *s = &w->s;
    uint8_t nonce[KS_AEAD_NONCE_LEN];
    size_t len = s->len;

    nonce_of(s, last, nonce);
    ks_aead_seal(s->key, nonce, header_of(s), ks_str(s->plain, len), s->sealed);
    s->segment++;
    s->len = 0;
    return ks_backup_write_plain(s->fd, s->sealed, len + KS_AEAD_TAG_LEN);
}

enum ks_err ks_backup_write(struct ks_backup_writer *w, struct ks_str bytes)
{
    struct stream *s = &w->s;
    enum ks_err err = KS_OK;

    while (bytes.len && err == KS_OK) {
        size_t room = KS_BACKUP_SEGMENT_LEN - s->len, len = bytes.len < room ? bytes.len : room;

        memcpy(s->plain + s->len, bytes.ptr, len);
        s->len += len;
        bytes = ks_str_from(bytes, len);
        /* A full segment is never the last: the last one is shorter, so both ends know it by its size. */
        if (s->len == KS_BACKUP_SEGMENT_LEN)
            err = write_segment(w, false);
    }
    return err;
}

enum ks_err ks_backup_writer_end(struct ks_backup_writer *w)
{
    enum ks_err err = write_segment(w, true);

    return err != KS_OK ? err : fsync(w->s.fd) == 0 ? KS_OK : KS_EIO;
}

void ks_backup_writer_free(struct ks_backup_writer *w)
{
    if (w)
        stream_free(&w->s);
}

/* --- reading --- */

/* As many bytes as there are, up to len; less than len is the end of the file. */
static enum ks_err read_fully(int fd, uint8_t *bytes, size_t len, size_t *ret_len)
{
    *ret_len = 0;
    while (*ret_len < len) {
        ssize_t n = read(fd, bytes + *ret_len, len - *ret_len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return KS_EIO;
        if (n == 0)
            break;
        *ret_len += (size_t)n;
    }
    return KS_OK;
}

static enum ks_err read_header(struct stream *s, const uint8_t key[32])
{
    uint8_t id[KEY_ID_LEN];
    size_t len;
    enum ks_err err = read_fully(s->fd, s->header, HEADER_LEN, &len);

    if (err != KS_OK)
        return err;
    if (len < HEADER_LEN || memcmp(s->header, KS_BACKUP_MAGIC, MAGIC_LEN) != 0)
        return KS_ESYNTAX;
    if (s->header[MAGIC_LEN] != 0 || s->header[MAGIC_LEN + 1] != KS_BACKUP_VERSION)
        return KS_EVERSION;
    key_id(key, id);
    if (!ks_crypto_eq(ks_str(id, sizeof id), ks_str(s->header + KEY_ID_AT, KEY_ID_LEN)))
        return KS_ECRYPTO;
    file_key(s, key);
    return KS_OK;
}

enum ks_err ks_backup_reader_new(const char *path, const uint8_t key[32], struct ks_backup_reader **ret_reader)
{
    struct ks_backup_reader *r = calloc(1, sizeof *r);
    enum ks_err err;

    if (!r)
        return KS_ENOMEM;
    r->s.fd = open(path, O_RDONLY | O_CLOEXEC);
    err = r->s.fd >= 0 ? read_header(&r->s, key) : errno == ENOENT ? KS_ENOTFOUND : KS_EIO;
    if (err != KS_OK) {
        ks_backup_reader_free(r);
        return err;
    }
    *ret_reader = r;
    return KS_OK;
}

static enum ks_err read_segment(struct ks_backup_reader *r)
{
    struct stream *s = &r->s;
    uint8_t nonce[KS_AEAD_NONCE_LEN];
    size_t len;
    enum ks_err err = read_fully(s->fd, s->sealed, SEALED_LEN, &len);

    if (err != KS_OK)
        return err;
    if (r->last || len < KS_AEAD_TAG_LEN)
        return KS_ECRYPTO;
    r->last = len < SEALED_LEN;
    nonce_of(s, r->last, nonce);
    err = ks_aead_open(s->key, nonce, header_of(s), ks_str(s->sealed, len), s->plain);
    if (err != KS_OK)
        return err;
    s->segment++;
    s->at = 0;
    s->len = len - KS_AEAD_TAG_LEN;
    return KS_OK;
}

enum ks_err ks_backup_read(struct ks_backup_reader *r, void *ret_bytes, size_t len)
{
    struct stream *s = &r->s;
    uint8_t *to = ret_bytes;
    enum ks_err err = KS_OK;

    while (len && err == KS_OK) {
        size_t there = s->len - s->at, take = len < there ? len : there;

        memcpy(to, s->plain + s->at, take);
        s->at += take;
        to += take;
        len -= take;
        if (len)
            err = read_segment(r);
    }
    return err;
}

enum ks_err ks_backup_reader_end(struct ks_backup_reader *r)
{
    enum ks_err err = KS_OK;

    if (r->s.at == r->s.len && !r->last)
        err = read_segment(r);
    return err != KS_OK ? err : r->last && r->s.at == r->s.len ? KS_OK : KS_ECRYPTO;
}

void ks_backup_reader_free(struct ks_backup_reader *r)
{
    if (r)
        stream_free(&r->s);
}
