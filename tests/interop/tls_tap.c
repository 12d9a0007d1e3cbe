/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* tls_tap.c -- what a program says and hears inside TLS, for tests: LD_PRELOAD of this library, TLS_TAP=FILE.
 *
 * Nothing outside of the program could record that (channel binding refuses a man in the middle), and konsild itself
 * has no such switch. FILE gets a record for each call: u64 connection, u8 direction ('<' heard, '>' said), u32 length,
 * the bytes; numbers as this machine has them. It is opened before main, so a sandbox does not mind. */
#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define FLIP_LEN 64
#define FLIP_BEFORE 8

static int tap = -1;
static const char *flip;

__attribute__((constructor)) static void open_files(void)
{
    const char *tap_path = getenv("TLS_TAP"), *flip_path = getenv("TLS_FLIP");

    if (tap_path)
        tap = open(tap_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (flip_path) {
        flip = mmap(NULL, FLIP_LEN, PROT_READ, MAP_SHARED, open(flip_path, O_RDONLY | O_CLOEXEC), 0);
        if (flip == MAP_FAILED)
            abort();
    }
}

static void record(const SSL *tls, char direction, const void *bytes, size_t len)
{
    uint64_t connection = (uintptr_t)tls;
    uint32_t count = (uint32_t)len;
    char head[13];
    struct iovec parts[2] = { { head, sizeof head }, { (void *)(uintptr_t)bytes, len } };

    memcpy(head, &connection, 8);
    head[8] = direction;
    memcpy(head + 9, &count, 4);
    /* One call, so that records of two threads do not mix. A tap that fails must not be taken for silence. */
    if (tap >= 0 && writev(tap, parts, 2) != (ssize_t)(sizeof head + len))
        abort();
}

/* What is said instead of these bytes: themselves, or an altered copy, which is the caller's to free. */
static void *altered(const void *bytes, size_t len)
{
    size_t text_len = flip ? strnlen(flip, FLIP_LEN) : 0;
    char *copy = NULL, *at;

    if (text_len == 0 || !memmem(bytes, len, flip, text_len) || !(copy = malloc(len)))
        return copy;
    memcpy(copy, bytes, len);
    for (at = copy; (at = memmem(at, len - (size_t)(at - copy), flip, text_len)); at++)
        if (at - copy
            >= FLIP_BEFORE) /* a letter of base64 stays one; said again, the same bytes are altered the same */
            at[-FLIP_BEFORE] = at[-FLIP_BEFORE] == 'A' ? 'B' : 'A';
    return copy;
}

/* The library's own function of this name, after ours. */
#define NEXT(name) (__extension__(__typeof__(&name)) dlsym(RTLD_NEXT, #name))

int SSL_read(SSL *tls, void *bytes, int len)
{
    int got = NEXT(SSL_read)(tls, bytes, len);

    if (got > 0)
        record(tls, '<', bytes, (size_t)got);
    return got;
}

int SSL_read_ex(SSL *tls, void *bytes, size_t len, size_t *ret_len)
{
    int ok = NEXT(SSL_read_ex)(tls, bytes, len, ret_len);

    if (ok > 0)
        record(tls, '<', bytes, *ret_len);
    return ok;
}

int SSL_write(SSL *tls, const void *bytes, int len)
{
    void *copy = altered(bytes, (size_t)len);
    int done = NEXT(SSL_write)(tls, copy ? copy : bytes, len);

    if (done > 0)
        record(tls, '>', copy ? copy : bytes, (size_t)done);
    free(copy);
    return done;
}

int SSL_write_ex(SSL *tls, const void *bytes, size_t len, size_t *ret_len)
{
    void *copy = altered(bytes, len);
    int ok = NEXT(SSL_write_ex)(tls, copy ? copy : bytes, len, ret_len);

    if (ok > 0)
        record(tls, '>', copy ? copy : bytes, *ret_len);
    free(copy);
    return ok;
}
