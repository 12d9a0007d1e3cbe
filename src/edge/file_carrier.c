/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "file_carrier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "curl_loop.h"
#include "saved_file.h"
#include "system.h"

#define PIECE 65536
#define PIECES_AT_ONCE 32              /* of checking and opening, before others get their turn */
#define UNKNOWN_BYTES_MAX (1ULL << 30) /* of a file whose size nobody told */

enum job_phase { JOB_NONE, JOB_PUTTING, JOB_GETTING, JOB_CHECKING, JOB_OPENING };

struct job {
    struct ks_file_carrier *carrier;
    enum job_phase phase;
    uint64_t number, bytes, at; /* bytes: of what is moved, 0: not known; at: so many are */
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    int fd, out;              /* the file or its sealed part; what is opened */
    enum konsil_file_why why; /* we broke it off: this is why; 0: we did not */
    uint8_t tag[16];
    size_t tag_left; /* of an upload */
    bool began;      /* of a download: its answer's first bytes are here */
    bool resumed;    /* it goes on behind bytes of an earlier try */
    char *url;
    struct ks_saved_paths paths;
};

struct ks_file_carrier {
    struct ks_curl_loop loop;
    char *ca_file, *domain, *host;
    struct konsil *k; /* of the call at hand */
    struct job up, down;
    uint8_t piece[PIECE];
};

static struct konsil_now now(void)
{
    struct ks_now at = ks_system_now();

    return (struct konsil_now) { at.mono_ms, at.wall_ms };
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- a job --- */

static void end_request(struct job *job)
{
    if (job->easy) {
        curl_multi_remove_handle(job->carrier->loop.multi, job->easy);
        curl_easy_cleanup(job->easy);
    }
    curl_slist_free_all(job->headers);
    curl_slist_free_all(job->connect_to);
    job->easy = NULL;
    job->headers = job->connect_to = NULL;
}

static void end_job(struct job *job)
{
    end_request(job);
    close_fd(&job->fd);
    close_fd(&job->out);
    free(job->url);
    job->url = NULL;
    job->phase = JOB_NONE;
    job->number = job->bytes = job->at = 0;
    job->why = 0;
    job->tag_left = 0;
    job->began = job->resumed = false;
}

/* What was fetched of it is kept for the next try only if that is what broke. */
static void fail_job(struct job *job, enum konsil_file_why why, unsigned status)
{
    uint64_t number = job->number;
    bool keep = job->phase == JOB_PUTTING || why == KONSIL_FILE_NETWORK;

    if (!keep)
        (void)unlink(job->paths.part);
    if (job->out >= 0)
        (void)unlink(job->paths.open);
    end_job(job);
    konsil_file_failed(job->carrier->k, number, why, status, now());
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *more = curl_slist_append(*list, line);

    if (more)
        *list = more;
    return more != NULL;
}

static bool add_headers(struct job *job, const char *lines)
{
    struct ks_str left = ks_str_z(lines), line;
    bool good = add_line(&job->headers, "Expect:");

    while (good && ks_str_cut(&left, '\n', &line))
        if (line.len) {
            char *text = ks_str_dup(line);
            good = text && add_line(&job->headers, text);
            free(text);
        }
    return good;
}

static bool add_route(struct job *job)
{
    const struct ks_file_carrier *carrier = job->carrier;
    char text[2200];

    if (!carrier->host)
        return true;
    /* "HOST::CONNECT-TO-HOST:": any port, and the same one there. */
    return snprintf(
               text, sizeof text, strchr(carrier->host, ':') ? "%s::[%s]:" : "%s::%s:", carrier->domain, carrier->host)
        < (int)sizeof text
        && add_line(&job->connect_to, text);
}

/* What every request has. */
static bool begin_request(struct job *job, const char *headers)
{
    const struct ks_file_carrier *carrier = job->carrier;
    CURL *easy = job->easy = curl_easy_init();
    CURLcode code = CURLE_OK;

    if (!easy || !add_headers(job, headers) || !add_route(job))
        return false;
    if ((code = ks_curl_request(easy, job->url, carrier->ca_file)) == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, job->headers);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_PRIVATE, job);
    if (code == CURLE_OK && job->connect_to)
        code = curl_easy_setopt(easy, CURLOPT_CONNECT_TO, job->connect_to);
    return code == CURLE_OK;
}

/* --- up --- */

static size_t break_off(struct job *job, enum konsil_file_why why)
{
    job->why = why;
    return CURL_READFUNC_ABORT;
}

/* The file's bytes, sealed, and the tag behind them. */
static size_t give_bytes(char *to, size_t size, size_t count, void *user)
{
    struct job *job = user;
    struct konsil *k = job->carrier->k;
    uint64_t left = job->bytes - sizeof job->tag - job->at;
    size_t room = size * count;
    ssize_t got;

    if (left > 0) {
        got = read(job->fd, to, room < left ? room : (size_t)left);
        if (got < 0)
            return break_off(job, KONSIL_FILE_UNREADABLE);
        if (got == 0 || !konsil_file_seal(k, job->number, (uint8_t *)to, (size_t)got, (uint8_t *)to))
            return break_off(job, KONSIL_FILE_CHANGED);
        job->at += (uint64_t)got;
        if (left == (uint64_t)got) {
            if (read(job->fd, job->tag, 1) != 0 || !konsil_file_seal_end(k, job->number, job->tag))
                return break_off(job, KONSIL_FILE_CHANGED);
            job->tag_left = sizeof job->tag;
        }
        return (size_t)got;
    }
    if (job->bytes == sizeof job->tag && !job->began) { /* an empty file */
        job->began = true;
        if (!konsil_file_seal_end(k, job->number, job->tag))
            return break_off(job, KONSIL_FILE_CHANGED);
        job->tag_left = sizeof job->tag;
    }
    if (room > job->tag_left)
        room = job->tag_left;
    memcpy(to, job->tag + sizeof job->tag - job->tag_left, room);
    job->tag_left -= room;
    return room;
}

/* Sealed once: whoever needs them twice gets others, in another slot. */
static int seek_nowhere(void *user, curl_off_t offset, int origin)
{
    (void)user;
    (void)offset;
    (void)origin;
    return CURL_SEEKFUNC_FAIL;
}

static int open_source(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0 && (fstat(fd, st) != 0 || !S_ISREG(st->st_mode)))
        close_fd(&fd);
    return fd;
}

static void look(struct ks_file_carrier *carrier, const struct konsil_file *file)
{
    struct stat st;
    int fd = open_source(file->path, &st);

    if (fd < 0) {
        konsil_file_failed(carrier->k, file->transfer, KONSIL_FILE_UNREADABLE, 0, now());
        return;
    }
    close_fd(&fd);
    konsil_file_size(carrier->k, file->transfer, (uint64_t)st.st_size, now());
}

static void start(struct job *job, const struct konsil_file *file, enum job_phase phase)
{
    end_job(job);
    job->phase = phase;
    job->number = file->transfer;
    job->bytes = file->bytes;
    job->url = strdup(file->url);
    memset(&job->paths, 0, sizeof job->paths);
}

static void begin_put(struct job *job, const struct konsil_file *file)
{
    struct stat st;
    CURLcode code = CURLE_OK;

    start(job, file, JOB_PUTTING);
    if ((job->fd = open_source(file->path, &st)) < 0) {
        fail_job(job, KONSIL_FILE_UNREADABLE, 0);
        return;
    }
    if ((uint64_t)st.st_size + sizeof job->tag != job->bytes) {
        fail_job(job, KONSIL_FILE_CHANGED, 0);
        return;
    }
    if (!job->url || !begin_request(job, file->headers)) {
        fail_job(job, KONSIL_FILE_NETWORK, 0);
        return;
    }
#define SET(option, value) code = code ? code : curl_easy_setopt(job->easy, option, value)
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)job->bytes);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)PIECE);
    SET(CURLOPT_READFUNCTION, give_bytes);
    SET(CURLOPT_READDATA, job);
    SET(CURLOPT_SEEKFUNCTION, seek_nowhere);
#undef SET
    if (code != CURLE_OK || curl_multi_add_handle(job->carrier->loop.multi, job->easy) != CURLM_OK)
        fail_job(job, KONSIL_FILE_NETWORK, 0);
}

/* --- down --- */

static bool write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t put = write(fd, at, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += put;
        len -= (size_t)put;
    }
    return true;
}

static enum konsil_file_why why_not_written(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? KONSIL_FILE_NO_ROOM : KONSIL_FILE_UNWRITABLE;
}

static uint64_t bytes_max(const struct job *job)
{
    return job->bytes ? job->bytes : UNKNOWN_BYTES_MAX;
}

/* From the beginning, without what was there. */
static bool empty_part(struct job *job)
{
    job->at = 0;
    job->resumed = false;
    return ftruncate(job->fd, 0) == 0 && lseek(job->fd, 0, SEEK_SET) == 0;
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *user)
{
    struct job *job = user;
    size_t len = size * count;
    long status = 0;

    if (!job->began) {
        job->began = true;
        curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
        /* RFC 9110 §14.2: "A server MAY ignore the Range header field." */
        if (job->at > 0 && status == 200 && !empty_part(job)) {
            job->why = why_not_written();
            return 0;
        }
    }
    if (len > bytes_max(job) - job->at) {
        job->why = KONSIL_FILE_TOO_BIG;
        return 0;
    }
    if (!write_all(job->fd, bytes, len)) {
        job->why = why_not_written();
        return 0;
    }
    job->at += len;
    return len;
}

static void begin_check(struct job *job)
{
    end_request(job);
    if (lseek(job->fd, 0, SEEK_SET) != 0) {
        fail_job(job, KONSIL_FILE_UNWRITABLE, 0);
        return;
    }
    if (!konsil_file_check_begin(job->carrier->k, job->number, job->at)) {
        fail_job(job, KONSIL_FILE_NOT_GENUINE, 0);
        return;
    }
    job->at = 0;
    job->phase = JOB_CHECKING;
}

static void ask(struct job *job)
{
    CURLcode code = CURLE_OK;
    char range[32];

    job->phase = JOB_GETTING;
    job->began = false;
    if (!job->url || !begin_request(job, "")) {
        fail_job(job, KONSIL_FILE_NETWORK, 0);
        return;
    }
    snprintf(range, sizeof range, "%llu-", (unsigned long long)job->at);
#define SET(option, value) code = code ? code : curl_easy_setopt(job->easy, option, value)
    if (job->at > 0)
        SET(CURLOPT_RANGE, range);
    SET(CURLOPT_WRITEFUNCTION, take_bytes);
    SET(CURLOPT_WRITEDATA, job);
#undef SET
    if (code != CURLE_OK || curl_multi_add_handle(job->carrier->loop.multi, job->easy) != CURLM_OK)
        fail_job(job, KONSIL_FILE_NETWORK, 0);
}

static void begin_get(struct job *job, const struct konsil_file *file)
{
    struct stat st;

    start(job, file, JOB_GETTING);
    if (!ks_saved_paths(&job->paths, file->path, file->name, file->transfer)) {
        fail_job(job, KONSIL_FILE_UNWRITABLE, 0);
        return;
    }
    if ((job->fd = ks_saved_part(&job->paths)) < 0 || fstat(job->fd, &st) != 0) {
        fail_job(job, why_not_written(), 0);
        return;
    }
    job->at = (uint64_t)st.st_size;
    job->resumed = job->at > 0;
    if ((job->at > bytes_max(job) && !empty_part(job)) || lseek(job->fd, 0, SEEK_END) < 0) {
        fail_job(job, why_not_written(), 0);
        return;
    }
    if (job->bytes && job->at == job->bytes)
        begin_check(job);
    else
        ask(job);
}

/* Not what the author sent. If some of it lay here from an earlier try, that may have been to blame: once more, from
 * the beginning. */
static void not_genuine(struct job *job)
{
    if (job->out >= 0)
        (void)unlink(job->paths.open);
    close_fd(&job->out);
    if (!job->resumed || !empty_part(job)) {
        fail_job(job, KONSIL_FILE_NOT_GENUINE, 0);
        return;
    }
    end_request(job);
    ask(job);
}

/* --- the sealed part, twice from its beginning (file_seal.h) --- */

static void checked(struct job *job)
{
    if (!konsil_file_check_end(job->carrier->k, job->number)) {
        not_genuine(job);
        return;
    }
    (void)unlink(job->paths.open); /* in a directory that others write to it may be theirs: then it is not written to */
    job->out = open(job->paths.open, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (job->out < 0 || lseek(job->fd, 0, SEEK_SET) != 0) {
        fail_job(job, why_not_written(), 0);
        return;
    }
    job->at = 0;
    job->phase = JOB_OPENING;
}

static void opened(struct job *job)
{
    uint64_t number = job->number;
    enum ks_err err;

    if (!konsil_file_open_end(job->carrier->k, number)) {
        not_genuine(job);
        return;
    }
    if ((err = ks_saved_name(&job->paths, job->out)) != KS_OK) {
        fail_job(job, err == KS_EFULL ? KONSIL_FILE_NO_ROOM : KONSIL_FILE_UNWRITABLE, 0);
        return;
    }
    (void)unlink(job->paths.part);
    end_job(job);
    konsil_file_saved(job->carrier->k, number, job->paths.final, now());
}

/* False when the job is over, or in another phase. */
static bool take_piece(struct job *job)
{
    struct ks_file_carrier *carrier = job->carrier;
    ssize_t got = read(job->fd, carrier->piece, sizeof carrier->piece);
    bool check = job->phase == JOB_CHECKING;
    size_t len = 0;

    if (got < 0) {
        fail_job(job, KONSIL_FILE_UNWRITABLE, 0);
        return false;
    }
    if (got == 0) {
        (check ? checked : opened)(job);
        return false;
    }
    if (check ? !konsil_file_check(carrier->k, job->number, carrier->piece, (size_t)got)
              : !konsil_file_open(carrier->k, job->number, carrier->piece, (size_t)got, carrier->piece, &len)) {
        not_genuine(job);
        return false;
    }
    if (len > 0 && !write_all(job->out, carrier->piece, len)) {
        fail_job(job, why_not_written(), 0);
        return false;
    }
    return true;
}

static bool at_disk(const struct job *job)
{
    return job->phase == JOB_CHECKING || job->phase == JOB_OPENING;
}

/* --- answers --- */

static void take_status(struct job *job, long status)
{
    uint64_t number = job->number;

    if (job->phase == JOB_PUTTING && status == 201) {
        end_job(job);
        konsil_file_stored(job->carrier->k, number, now());
    } else if (job->phase == JOB_GETTING && (status == 200 || status == 206)) {
        if (job->bytes && job->at != job->bytes)
            not_genuine(job); /* the server has less of it */
        else
            begin_check(job);
    } else {
        fail_job(job, KONSIL_FILE_REFUSED, (unsigned)status);
    }
}

/* RFC 9110 §15.5.14: 413 speaks of what was sent. */
static void take_refusal(struct job *job, long status)
{
    if (status == 416 && job->resumed)
        not_genuine(job);
    else
        fail_job(job,
            status == 404 || status == 410                   ? KONSIL_FILE_GONE
                : status == 413 && job->phase == JOB_PUTTING ? KONSIL_FILE_TOO_BIG
                : status == 408 || status == 409 || status == 425 || status == 429 || status >= 500
                ? KONSIL_FILE_NETWORK
                : KONSIL_FILE_REFUSED,
            (unsigned)status);
}

static void finish(CURL *easy, CURLcode code)
{
    struct job *job = NULL;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&job);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (job->why)
        fail_job(job, job->why, 0);
    else if (code == CURLE_OK)
        take_status(job, status);
    else if (code == CURLE_HTTP_RETURNED_ERROR)
        take_refusal(job, status);
    else
        fail_job(job,
            code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ? KONSIL_FILE_CERTIFICATE
                                                                                       : KONSIL_FILE_NETWORK,
            0);
}

/* --- all of it --- */

static void stop(struct ks_file_carrier *carrier, const struct konsil_file *file)
{
    struct ks_saved_paths paths;

    if (carrier->up.number == file->transfer)
        end_job(&carrier->up);
    if (carrier->down.number == file->transfer)
        end_job(&carrier->down);
    if (ks_saved_paths(&paths, file->path, "", file->transfer)) {
        (void)unlink(paths.part);
        (void)unlink(paths.open);
    }
}

static void take(struct ks_file_carrier *carrier, const struct konsil_file *file)
{
    switch (file->kind) {
    case KONSIL_FILE_LOOK:
        look(carrier, file);
        break;
    case KONSIL_FILE_PUT:
        begin_put(&carrier->up, file);
        break;
    case KONSIL_FILE_GET:
        begin_get(&carrier->down, file);
        break;
    case KONSIL_FILE_STOP:
        stop(carrier, file);
        break;
    }
}

static void tell_moved(const struct job *job)
{
    if (job->phase == JOB_PUTTING || job->phase == JOB_GETTING)
        konsil_file_moved(job->carrier->k, job->number, job->at, now());
}

void ks_file_carrier_run(struct ks_file_carrier *carrier, struct konsil *k, const struct pollfd *fds, size_t count)
{
    struct konsil_file file;

    carrier->k = k;
    ks_curl_loop_run(&carrier->loop, fds, count, finish);
    for (int i = 0; i < PIECES_AT_ONCE && at_disk(&carrier->down) && take_piece(&carrier->down); i++)
        continue;
    tell_moved(&carrier->up);
    tell_moved(&carrier->down);
    while (konsil_next_file(k, &file))
        take(carrier, &file);
}

size_t ks_file_carrier_poll(const struct ks_file_carrier *carrier, struct pollfd *ret_fds, int64_t *ret_until_ms)
{
    size_t count = ks_curl_loop_poll(&carrier->loop, ret_fds, ret_until_ms);

    if (at_disk(&carrier->down))
        *ret_until_ms = 0;
    return count;
}

enum ks_err ks_file_carrier_new(const struct ks_file_carrier_setup *setup, struct ks_file_carrier **ret_carrier)
{
    struct ks_file_carrier *carrier = calloc(1, sizeof *carrier);

    if (!carrier)
        return KS_ENOMEM;
    carrier->up = carrier->down = (struct job) { .carrier = carrier, .fd = -1, .out = -1 };
    if (ks_curl_loop_init(&carrier->loop) != KS_OK) {
        ks_file_carrier_free(carrier);
        return KS_EIO;
    }
    if ((setup->ca_file && !(carrier->ca_file = strdup(setup->ca_file)))
        || (setup->host && (!(carrier->host = strdup(setup->host)) || !(carrier->domain = strdup(setup->domain))))) {
        ks_file_carrier_free(carrier);
        return KS_ENOMEM;
    }
    *ret_carrier = carrier;
    return KS_OK;
}

void ks_file_carrier_free(struct ks_file_carrier *carrier)
{
    if (!carrier)
        return;
    end_job(&carrier->up);
    end_job(&carrier->down);
    ks_curl_loop_done(&carrier->loop);
    free(carrier->ca_file);
    free(carrier->domain);
    free(carrier->host);
    ks_wipe(carrier, sizeof *carrier);
    free(carrier);
}
