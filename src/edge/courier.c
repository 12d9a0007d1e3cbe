/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "courier.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "courier_link.h"
#include "public_address.h"

#define UNDER_WAY_MAX 64 /* requests at once; what is more waits in the sockets, then in konsild */
#define CONNECT_SECONDS 10L
#define REQUEST_SECONDS 30L    /* all in; konsild waits longer (push.c) */
#define ANSWER_BYTES_MAX 65536 /* of a body that nobody reads */
#define LINE_MAX_BYTES 4096

/* The whole process. */
struct courier {
    const struct ks_courier_setup *setup;
    CURLM *multi;
    int *fds; /* our ends; -1: closed */
    size_t open, under_way;
};

struct transfer {
    struct courier *courier;
    CURL *easy;
    struct curl_slist *headers;
    struct ks_push_id id;
    size_t fd; /* its place in fds, for the answer */
    size_t answer_bytes;
};

/* --- one request --- */

/* After the name was resolved: so a name of a listed host that leads into our own network leads nowhere. */
static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    const struct courier *courier = user;

    if (purpose != CURLSOCKTYPE_IPCXN || (!courier->setup->private_addresses && !ks_address_is_public(&address->addr)))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t drop_body(char *bytes, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;

    (void)bytes;
    transfer->answer_bytes += size * count;
    return transfer->answer_bytes > ANSWER_BYTES_MAX ? 0 : size * count;
}

static void transfer_free(struct transfer *transfer)
{
    if (transfer->easy)
        curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    free(transfer);
}

static bool add_header(struct transfer *transfer, struct ks_str line)
{
    char text[LINE_MAX_BYTES];

    if (line.len >= sizeof text)
        return false;
    memcpy(text, line.ptr, line.len);
    text[line.len] = 0;
    struct curl_slist *more = curl_slist_append(transfer->headers, text);
    if (more)
        transfer->headers = more;
    return more != NULL;
}

static bool set_all(struct transfer *transfer, const struct ks_push_request *request)
{
    const struct ks_courier_setup *setup = transfer->courier->setup;
    CURL *easy = transfer->easy;
    struct ks_str lines = request->headers, line;
    char url[LINE_MAX_BYTES];
    CURLcode code = CURLE_OK;

    if (request->url.len >= sizeof url)
        return false;
    memcpy(url, request->url.ptr, request->url.len);
    url[request->url.len] = 0;
    while (ks_str_cut(&lines, '\n', &line))
        if (line.len && !add_header(transfer, line))
            return false;
    if (!add_header(transfer, KS_STR("Expect:"))) /* nobody has to be asked about 256 bytes first */
        return false;
#define SET(option, value) code = code ? code : curl_easy_setopt(easy, option, value)
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* nor one out of the environment: a relay is push.relay */
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    SET(CURLOPT_TIMEOUT, REQUEST_SECONDS);
    SET(CURLOPT_HTTPHEADER, transfer->headers);
    SET(CURLOPT_POSTFIELDSIZE, (long)request->body.len);
    SET(CURLOPT_COPYPOSTFIELDS, request->body.ptr);
    SET(CURLOPT_WRITEFUNCTION, drop_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, transfer->courier);
    SET(CURLOPT_PRIVATE, transfer);
    if (*setup->ca_file) {
        SET(CURLOPT_CAINFO, setup->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
#undef SET
    return code == CURLE_OK;
}

static void answer(struct courier *courier, size_t fd, const struct ks_courier_answer *what)
{
    struct ks_buf datagram;

    ks_buf_init(&datagram, 256);
    ks_courier_write_answer(&datagram, what);
    /* konsild reads in every turn; should the socket be full all the same, its core asks again. */
    if (courier->fds[fd] >= 0 && ks_buf_err(&datagram) == KS_OK)
        (void)!send(courier->fds[fd], datagram.ptr, datagram.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    ks_buf_done(&datagram);
}

static void begin(struct courier *courier, size_t fd, struct ks_str datagram)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    struct ks_push_request request = { .url = KS_STR_EMPTY };

    if (ks_courier_read_request(datagram, &request) != KS_OK) {
        free(transfer);
        return;
    }
    if (transfer) {
        transfer->courier = courier;
        transfer->id = request.id;
        transfer->fd = fd;
        transfer->easy = curl_easy_init();
        if (transfer->easy && set_all(transfer, &request)
            && curl_multi_add_handle(courier->multi, transfer->easy) == CURLM_OK) {
            courier->under_way++;
            return;
        }
        transfer_free(transfer);
    }
    answer(courier, fd, &(struct ks_courier_answer) { .id = request.id });
}

static void finish(struct courier *courier, CURL *easy)
{
    struct transfer *transfer = NULL;
    curl_off_t retry_after = 0;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
    answer(courier, transfer->fd,
        &(struct ks_courier_answer) { .id = transfer->id,
            .status = status >= 0 && status <= 999 ? (uint32_t)status : 0,
            .retry_after = retry_after > 0 ? (uint64_t)retry_after : 0 });
    curl_multi_remove_handle(courier->multi, easy);
    courier->under_way--;
    transfer_free(transfer);
}

/* --- all of them --- */

static void take(struct courier *courier, size_t fd)
{
    char bytes[KS_COURIER_DATAGRAM_MAX];
    ssize_t got;

    while (
        courier->under_way < UNDER_WAY_MAX && (got = recv(courier->fds[fd], bytes, sizeof bytes, MSG_DONTWAIT)) != -1) {
        if (got == 0) {
            close(courier->fds[fd]);
            courier->fds[fd] = -1;
            courier->open--;
            return;
        }
        begin(courier, fd, ks_str(bytes, (size_t)got));
    }
}

static bool wait_and_take(struct courier *courier, struct curl_waitfd *waits)
{
    bool room = courier->under_way < UNDER_WAY_MAX;
    unsigned count = 0;

    for (size_t i = 0; i < courier->setup->count; i++)
        if (courier->fds[i] >= 0 && room)
            waits[count++] = (struct curl_waitfd) { .fd = courier->fds[i], .events = CURL_WAIT_POLLIN };
    if (curl_multi_poll(courier->multi, waits, count, 60000, NULL) != CURLM_OK)
        return false;
    for (size_t i = 0; i < courier->setup->count && room; i++)
        if (courier->fds[i] >= 0)
            take(courier, i);
    return true;
}

/* Until konsild is gone: true; false: something is broken. */
static bool serve(struct courier *courier)
{
    struct curl_waitfd *waits = calloc(courier->setup->count, sizeof *waits);
    CURLMsg *message;
    int running, left;
    bool good = waits != NULL;

    while (good && courier->open) {
        good = curl_multi_perform(courier->multi, &running) == CURLM_OK;
        while ((message = curl_multi_info_read(courier->multi, &left)))
            if (message->msg == CURLMSG_DONE)
                finish(courier, message->easy_handle);
        good = good && wait_and_take(courier, waits);
    }
    free(waits);
    return good;
}

/* --- the process --- */

static bool run(const struct ks_courier_setup *setup, int *fds)
{
    struct courier courier = { .setup = setup, .fds = fds, .open = setup->count };

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(courier.multi = curl_multi_init()))
        return false;
    curl_multi_setopt(courier.multi, CURLMOPT_MAXCONNECTS, 16L);
    curl_multi_setopt(courier.multi, CURLMOPT_MAX_HOST_CONNECTIONS, 8L);
    if (setup->sandbox && ks_sandbox_seal_courier() != KS_OK)
        return false;
    return serve(&courier);
}

static bool enter_sandbox(const struct ks_courier_setup *setup)
{
    const struct ks_sandbox_path paths[] = { { "/etc", false }, { "/usr/share/ca-certificates", false },
        { "/usr/lib/ssl", false }, { "/usr/lib", false }, { "/run/systemd/resolve", false },
        { "/run/resolvconf", false }, { "/dev/urandom", false }, { setup->ca_file, false } };
    int landlock;

    return ks_sandbox_enter(&(struct ks_sandbox_setup) { .user_only = !setup->sandbox,
                                .change_user = setup->change_user,
                                .uid = setup->uid,
                                .gid = setup->gid,
                                .paths = paths,
                                .count = KS_COUNT(paths) - !*setup->ca_file,
                                .connects = true },
               &landlock)
        == KS_OK;
}

/* Starts run() as a process until it says that konsild is gone. */
static void supervise(const struct ks_courier_setup *setup, int *fds)
{
    const struct timespec pause = { .tv_sec = 1 };
    int status = 0;

    signal(SIGINT, SIG_IGN); /* of a terminal; it ends with konsild, and not before */
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (!enter_sandbox(setup))
        _exit(1);
    for (;;) {
        pid_t child = fork();
        if (child == 0)
            _exit(run(setup, fds) ? 0 : 1);
        if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0)
            _exit(0);
        nanosleep(&pause, NULL);
    }
}

enum ks_err ks_courier_start(const struct ks_courier_setup *setup, int *fds)
{
    int *theirs = malloc(setup->count * sizeof *theirs), pair[2];
    size_t made = 0;
    pid_t child = -1;

    for (; theirs && made < setup->count; made++) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
            break;
        fds[made] = pair[0];
        theirs[made] = pair[1];
    }
    if (theirs && made == setup->count)
        child = fork();
    if (child == 0) {
        for (size_t i = 0; i < made; i++)
            close(fds[i]); /* or it would never see the end */
        supervise(setup, theirs);
    }
    for (size_t i = 0; i < made; i++) {
        close(theirs[i]);
        if (child < 0)
            close(fds[i]);
    }
    free(theirs);
    return child > 0 ? KS_OK : KS_EIO;
}
