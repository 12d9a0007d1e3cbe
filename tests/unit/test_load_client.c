/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A client of the load generator that fails says why, and fails for no reason of another's. The server is a socket and
 * OpenSSL, in the same thread. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "load_client.h"
#include "load_login.h"

#define TURN_NS 20000000
#define TURNS_MAX 500

static const char stream[] =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' from='offen.example' id='1' version='1.0'>";
static const char conflict[] = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";

struct scene {
    struct load_net net;
    struct load_client client;
    char why[LOAD_WHY_MAX];
    SSL_CTX *tls;
    SSL *ssl;
    int listener, fd;
};

static void on_closed(struct load_client *client, const char *why)
{
    struct scene *scene = client->work;

    snprintf(scene->why, sizeof scene->why, "%s", why ? why : "a clean logout");
}

static const struct load_events events = { .closed = on_closed };

static SSL_CTX *server_tls(void)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    bool good = tls && key && cert && X509_set_pubkey(cert, key) && X509_gmtime_adj(X509_getm_notBefore(cert), 0)
        && X509_gmtime_adj(X509_getm_notAfter(cert), 3600) && X509_sign(cert, key, EVP_sha256()) > 0
        && SSL_CTX_use_certificate(tls, cert) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1
        && SSL_CTX_set_num_tickets(tls, 0);

    X509_free(cert);
    EVP_PKEY_free(key);
    if (good)
        return tls;
    SSL_CTX_free(tls);
    return NULL;
}

/* A server that listens, and a client that has begun to connect to it. */
static bool open_scene(struct scene *scene)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    struct load_target target = { .host = "127.0.0.1", .domain = "offen.example", .password = "benchmark" };

    *scene = (struct scene) { .fd = -1, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    if (!(scene->tls = server_tls()) || bind(scene->listener, (struct sockaddr *)&address, len) != 0
        || listen(scene->listener, 1) != 0 || getsockname(scene->listener, (struct sockaddr *)&address, &len) != 0)
        return false;
    target.port = ntohs(address.sin_port);
    if (load_net_init(&scene->net, &target) != KS_OK)
        return false;
    scene->client = (struct load_client) { .net = &scene->net, .events = &events, .work = scene, .fd = -1 };
    if (load_client_start(&scene->client) != KS_OK)
        return false;
    scene->fd = accept4(scene->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    scene->ssl = SSL_new(scene->tls);
    return scene->fd >= 0 && scene->ssl && SSL_set_fd(scene->ssl, scene->fd) == 1;
}

static void close_scene(struct scene *scene)
{
    load_client_done(&scene->client);
    load_net_done(&scene->net);
    SSL_free(scene->ssl);
    SSL_CTX_free(scene->tls);
    if (scene->fd >= 0)
        close(scene->fd);
    close(scene->listener);
    ERR_clear_error();
}

static void turn(struct scene *scene)
{
    load_net_turn(&scene->net, load_now_ns() + TURN_NS);
}

/* Both ends go on until the client has sent its stream header. */
static bool shake_hands(struct scene *scene)
{
    char bytes[4096];

    for (int i = 0; i < TURNS_MAX && scene->client.phase != LOAD_FEATURES && !scene->why[0]; i++) {
        turn(scene);
        (void)SSL_accept(scene->ssl);
    }
    for (int i = 0; i < TURNS_MAX && scene->client.phase == LOAD_FEATURES; i++) {
        if (SSL_read(scene->ssl, bytes, sizeof bytes) > 0)
            return true;
        turn(scene);
    }
    return false;
}

static void say(struct scene *scene, const char *text)
{
    if (SSL_write(scene->ssl, text, (int)strlen(text)) != (int)strlen(text))
        abort();
}

/* As a server does that closes with bytes unread: what it had sent is there, and then a reset. */
static void cut(struct scene *scene)
{
    struct linger none = { .l_onoff = 1 };

    setsockopt(scene->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(scene->fd);
    scene->fd = -1;
}

static void wait_for_end(struct scene *scene)
{
    for (int i = 0; i < TURNS_MAX && !scene->why[0]; i++)
        turn(scene);
}

/* Returns whether `why` has all of the words. */
static bool says(const struct scene *scene, const char *first, const char *second)
{
    return strstr(scene->why, first) && strstr(scene->why, second);
}

/* SSL_get_error takes what stands in the thread's queue for what the last call did. */
static void check_old_error(void)
{
    static const char half[] = "\x17\x03\x03\x00\x40"; /* the head of a record: SSL_read has to wait for the rest */
    struct scene scene;

    check_row(
        open_scene(&scene) && shake_hands(&scene), "client: it shakes hands and opens its stream", "'%s'", scene.why);
    if (scene.client.phase == LOAD_FEATURES) {
        if (write(scene.fd, half, 5) != 5)
            abort();
        ERR_raise(ERR_LIB_USER, 1);
        turn(&scene);
    }
    check_row(scene.client.phase == LOAD_FEATURES && !scene.why[0],
        "client: an error that another call of OpenSSL left behind ends no connection", "'%s'", scene.why);
    close_scene(&scene);
}

static void check_ends(void)
{
    static const struct {
        const char *name, *said;
        bool sends, cut; /* the client has something to send; the server closes without a word of TLS */
        const char *first, *second;
    } rows[] = {
        { "client: a stream error is told as the server said it", conflict, false, false, "a stream error",
            "<conflict " },
        { "client: a stream error is told, too, when the connection was gone before it was read", conflict, true, true,
            "a stream error", "<conflict " },
        { "client: sending that fails is told with the system's reason", "", true, true,
            "sending failed: ", "onnection reset" },
        { "client: a connection that is reset is told with the system's reason", "", false, true,
            "the connection ended: ", "onnection reset" },
        { "client: a refusal is told as the server said it",
            "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
            "</mechanisms></stream:features>",
            false, false, "no SCRAM-SHA-256: ", "PLAIN" },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct scene scene;

        if (open_scene(&scene) && shake_hands(&scene)) {
            char text[1024];
            snprintf(text, sizeof text, "%s%s", stream, rows[i].said);
            say(&scene, text);
            if (rows[i].cut)
                cut(&scene);
            if (rows[i].sends)
                load_client_open_stream(&scene.client, LOAD_FEATURES);
            wait_for_end(&scene);
        }
        check_row(says(&scene, rows[i].first, rows[i].second), rows[i].name, "'%s'", scene.why);
        close_scene(&scene);
    }
}

static void check_connecting(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, and listens to nobody */
    struct scene scene = { .fd = -1, .listener = taken };
    struct load_target target = { .host = "127.0.0.1", .domain = "offen.example", .password = "benchmark" };

    if (bind(taken, (struct sockaddr *)&address, len) == 0
        && getsockname(taken, (struct sockaddr *)&address, &len) == 0) {
        target.port = ntohs(address.sin_port);
        if (load_net_init(&scene.net, &target) == KS_OK) {
            scene.client = (struct load_client) { .net = &scene.net, .events = &events, .work = &scene, .fd = -1 };
            if (load_client_start(&scene.client) == KS_OK)
                wait_for_end(&scene);
        }
    }
    check_row(says(&scene, "connecting failed: ", "onnection refused"),
        "client: a connection that is refused is told with the system's reason", "'%s'", scene.why);
    close_scene(&scene);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    signal(SIGPIPE, SIG_IGN);
    check_old_error();
    check_ends();
    check_connecting();
    return check_done();
}
