/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_app.c -- the web app: the files below web.root, and only these; without a root, a page that says what runs here
 * (web_front.c).
 *
 * The kernel sees to it that no path leads out of the root, by ".." or by a link (openat2(2), RESOLVE_BENEATH).
 * Directories are not listed. A file that stands there compressed too, as NAME.br or NAME.gz, goes so to who takes it.
 * Files are read in pieces, as the peer takes them, and never held. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http_conditions.h"
#include "http_text.h"
#include "web.h"
#include "web_handlers.h"
#include "web_text.h"

struct file {
    int fd;
    uint64_t at;
};

/* --- files --- */

/* A file below the root, for reading; negative if there is none, or it is something else. */
static int open_file(int root, const char *path, struct stat *ret_stat)
{
    const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);

    if (fd >= 0 && (fstat(fd, ret_stat) != 0 || !S_ISREG(ret_stat->st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* RFC 9110 §12.5.3, as browsers write it: a coding named with q=0 is refused, and "*" names none that we have. */
static bool accepts(const struct ks_http_request *request, const char *coding)
{
    struct ks_str list, element;

    for (unsigned at = 0; ks_http_field_next(request, KS_STR("Accept-Encoding"), &at, &list);)
        while (ks_http_list_next(&list, &element)) {
            struct ks_str name = ks_http_trim(ks_str_head(element, ks_str_find_byte(element, ';')));
            struct ks_str weight = ks_http_trim(ks_str_from(element, ks_str_find_byte(element, ';') + 1));
            if (ks_http_is(name, ks_str_z(coding)))
                return !ks_str_starts(weight, KS_STR("q=0")) || ks_str_starts(weight, KS_STR("q=0."));
        }
    return false;
}

struct found {
    struct stat stat;
    const char *coding; /* NULL: as it is */
    int fd;
};

/* The file as the browser takes it. Of a part of a file there is one meaning only: as it is. */
static void find(int root, const struct ks_http_request *request, const char *path, struct found *ret_found)
{
    static const struct {
        const char *coding, *ending;
    } codings[] = { { "br", ".br" }, { "gzip", ".gz" } };
    char other[KS_HTTP_HEAD_MAX + 32];
    struct ks_str range;

    ret_found->coding = NULL;
    ret_found->fd = open_file(root, path, &ret_found->stat);
    if (ret_found->fd < 0 || ks_http_field(request, KS_STR("Range"), &range) != KS_ENOTFOUND)
        return;
    for (size_t i = 0; i < KS_COUNT(codings); i++) {
        struct stat stat;
        snprintf(other, sizeof other, "%s%s", path, codings[i].ending);
        int fd = accepts(request, codings[i].coding) ? open_file(root, other, &stat) : -1;
        if (fd < 0)
            continue;
        close(ret_found->fd);
        *ret_found = (struct found) { stat, codings[i].coding, fd };
        return;
    }
}

/* --- answers --- */

#define ETAG_MAX 80

/* Of the file's place, time and size: another after each change that a deployment makes. */
static struct ks_str write_etag(const struct found *found, char text[ETAG_MAX])
{
    int len = snprintf(text, ETAG_MAX, "\"%llx-%llx-%llx.%lx\"", (unsigned long long)found->stat.st_ino,
        (unsigned long long)found->stat.st_size, (unsigned long long)found->stat.st_mtim.tv_sec,
        found->stat.st_mtim.tv_nsec);

    return ks_str(text, (size_t)len);
}

/* A WASM app's rules: all that it runs, shows and asks is from here. blob: and data: are what it made itself. */
static const struct ks_str app_policy = KS_STR_INIT(
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; media-src 'self' "
    "blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");

static void send_file(
    struct ks_http_exchange *x, const struct ks_http_request *request, struct ks_str name, const struct found *found)
{
    char etag_text[ETAG_MAX], range_text[KS_HTTP_CONTENT_RANGE_MAX];
    struct ks_str etag = write_etag(found, etag_text);
    uint64_t size = (uint64_t)found->stat.st_size;
    struct ks_http_range range = { 0, size - 1 };
    struct ks_http_field fields[8] = { { "Content-Type", ks_str_z(ks_web_media_type(name)) }, { "ETag", etag },
        { "Cache-Control",
            ks_web_is_hashed(name) ? KS_STR("public, max-age=31536000, immutable") : KS_STR("no-cache") },
        { "Content-Security-Policy", app_policy }, { "Vary", KS_STR("Accept-Encoding") },
        { "Accept-Ranges", KS_STR("bytes") } };
    struct ks_http_answer answer = { .status = 200, .fields = fields, .field_count = 6, .fill_bytes = size };
    struct file *file = *ks_http_state(x);
    enum ks_http_part part;

    if (found->coding)
        fields[answer.field_count++] = (struct ks_http_field) { "Content-Encoding", ks_str_z(found->coding) };
    if (ks_http_is_known(request, etag)) {
        answer.status = 304;
        answer.fill_bytes = 0;
    } else if ((part = ks_http_range(request, size, etag, &range)) != KS_HTTP_WHOLE) {
        bool some = part == KS_HTTP_PART;
        answer.status = some ? 206 : 416;
        answer.fill_bytes = some ? range.last - range.first + 1 : 0;
        file->at = some ? range.first : 0;
        fields[answer.field_count++] =
            (struct ks_http_field) { "Content-Range", ks_http_content_range(some ? &range : NULL, size, range_text) };
    }
    ks_http_answer(x, &answer);
}

static void on_file(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    int root = ks_web_of(x)->root;
    char path[KS_HTTP_HEAD_MAX + 16], room[KS_HTTP_HEAD_MAX];
    struct ks_str decoded = ks_http_path_decode(request->path, room);
    struct found found;

    if (root < 0) {
        ks_web_front(x, request);
        return;
    }
    snprintf(path, sizeof path, "%.*s%s", (int)(decoded.len - 1), decoded.ptr + 1,
        ks_str_ends(decoded, KS_STR("/")) ? "index.html" : "");
    find(root, request, path, &found);
    struct file *file = found.fd < 0 ? NULL : malloc(sizeof *file);
    if (!file) {
        if (found.fd >= 0)
            close(found.fd);
        ks_http_fail(x, found.fd < 0 ? 404 : 503, NULL, 0);
        return;
    }
    *file = (struct file) { .fd = found.fd };
    *ks_http_state(x) = file;
    send_file(x, request, ks_str_z(path), &found);
}

static size_t fill(struct ks_http_exchange *x, char *room, size_t len)
{
    struct file *file = *ks_http_state(x);
    ssize_t got = pread(file->fd, room, len, (off_t)file->at);

    if (got <= 0) /* it was made shorter meanwhile */
        return KS_HTTP_FILL_BROKEN;
    file->at += (uint64_t)got;
    return (size_t)got;
}

static void gone(struct ks_http_exchange *x)
{
    struct file *file = *ks_http_state(x);

    if (!file)
        return;
    close(file->fd);
    free(file);
}

const struct ks_http_handler ks_web_app = {
    .path = "/",
    .ports = KS_WEB_PUBLIC,
    .methods = KS_HTTP_CAN(KS_HTTP_GET),
    .head = on_file,
    .fill = fill,
    .gone = gone,
};
