/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Real sockets, real TLS and real threads, over a core that speaks lines (fake_core.h). */
#include <poll.h>
#include <signal.h>

#include "check.h"
#include "fake_core.h"
#include "reactor_thread.h"
#include "tls_peer.h"

#define THREADS 2

static struct ks_server *server;
static struct ks_reactors *reactors;
static struct ks_mailbox store_box;
static struct ks_listen_address addresses[2];
static struct ks_tls_certs *certs;
static char cert_path[2][200], key_path[2][200];

static struct ks_tls_certs *load_certs(void)
{
    const struct ks_tls_cert_files files[] = {
        { KS_STR("klinik.example"), cert_path[0], key_path[0] },
        { KS_STR("offen.example"), cert_path[1], key_path[1] },
    };
    struct ks_tls_certs *loaded = NULL;
    const char *file;

    scratch_must(ks_tls_certs_load(files, 2, &loaded, &file) == KS_OK, "certificates");
    return loaded;
}

static struct ks_reactors *start(unsigned connections_max)
{
    int fds[2 * THREADS];
    struct ks_reactors *started;

    scratch_must(ks_listen_parse(KS_STR("127.0.0.1:0"), KS_LISTEN_STARTTLS, &addresses[0]) == KS_OK
            && ks_listen_parse(KS_STR("127.0.0.1:0"), KS_LISTEN_DIRECT_TLS, &addresses[1]) == KS_OK
            && ks_listen_open(&addresses[0], THREADS, fds) == KS_OK
            && ks_listen_open(&addresses[1], THREADS, fds + THREADS) == KS_OK,
        "listening");
    started = ks_reactors_new(&(struct ks_reactors_setup) { .server = server,
        .count = THREADS,
        .certs = certs,
        .store = &store_box,
        .store_kind = 7,
        .listen = addresses,
        .listen_count = 2,
        .listen_fds = fds,
        .connections_max = connections_max,
        .accepts_per_second = 100000,
        .handshake_ms = 3000 });
    scratch_must(started && ks_reactors_start(started) == KS_OK, "reactors");
    return started;
}

static struct peer connect_clear(void)
{
    return peer_connect(ks_listen_port(&addresses[0]));
}

static struct peer connect_tls(void)
{
    struct peer peer = peer_connect(ks_listen_port(&addresses[1]));

    scratch_must(peer_secure(&peer, &(struct peer_tls) { .name = "klinik.example", .alpn = "xmpp-client" }), "TLS");
    return peer;
}

static void check_line(const char *name, struct peer *peer, const char *want)
{
    check_str(name, ks_str_z(peer_line(peer)), ks_str_z(want));
}

static void test_addresses(void)
{
    static const struct {
        const char *name, *text;
        enum ks_err want;
    } rows[] = {
        { "an IPv4 address and a port", "192.0.2.1:5222", KS_OK },
        { "an IPv6 address in brackets", "[2001:db8::1]:5222", KS_OK },
        { "all addresses of the host", "*:5222", KS_OK },
        { "a host name is refused: the server does not ask the DNS where it lives", "localhost:5222", KS_ESYNTAX },
        { "an IPv6 address without brackets is refused", "2001:db8::1:5222", KS_ESYNTAX },
        { "a port above 65535 is refused", "192.0.2.1:65536", KS_ESYNTAX },
        { "a missing port is refused", "192.0.2.1", KS_ESYNTAX },
        { "nothing is refused", "", KS_ESYNTAX },
        { "an endless name is refused",
            "11111111111111111111111111111111111111111111111111111111111111111111111111111111:5222", KS_ESYNTAX },
    };
    struct ks_listen_address address;

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(rows[i].name, ks_listen_parse(ks_str_z(rows[i].text), KS_LISTEN_STARTTLS, &address), rows[i].want);

    int fd;
    scratch_must(ks_listen_parse(KS_STR("127.0.0.1:0"), KS_LISTEN_STARTTLS, &address) == KS_OK, "parse");
    address.at.v4.sin_port = htons(ks_listen_port(&addresses[0]));
    check_err("a port that another server shares with its own threads is in use all the same",
        ks_listen_open(&address, 1, &fd), KS_EEXISTS);
    scratch_must(ks_listen_parse(KS_STR("192.0.2.1:0"), KS_LISTEN_STARTTLS, &address) == KS_OK, "parse");
    check_err("an address that is not of this host", ks_listen_open(&address, 1, &fd), KS_ENOTFOUND);
}

/* They are set on the socket that listens. */
static void test_accepted(void)
{
    static const struct {
        const char *name;
        int level, option, want;
    } rows[] = {
        { "what is written to a connection leaves at once", IPPROTO_TCP, TCP_NODELAY, 1 },
        { "a peer that takes nothing for two minutes is gone", IPPROTO_TCP, TCP_USER_TIMEOUT, 120000 },
        { "a silent peer is asked", SOL_SOCKET, SO_KEEPALIVE, 1 },
        { "after ten minutes", IPPROTO_TCP, TCP_KEEPIDLE, 600 },
        { "each minute", IPPROTO_TCP, TCP_KEEPINTVL, 60 },
        { "three times", IPPROTO_TCP, TCP_KEEPCNT, 3 },
    };
    struct ks_listen_address address;
    int listening = -1;

    scratch_must(ks_listen_parse(KS_STR("127.0.0.1:0"), KS_LISTEN_STARTTLS, &address) == KS_OK
            && ks_listen_open(&address, 1, &listening) == KS_OK,
        "listening");
    struct peer peer = peer_connect(ks_listen_port(&address));
    struct pollfd ready = { .fd = listening, .events = POLLIN };
    scratch_must(poll(&ready, 1, -1) == 1, "a connection");
    int fd = accept(listening, NULL, NULL);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        int value = -1;
        socklen_t len = sizeof value;
        getsockopt(fd, rows[i].level, rows[i].option, &value, &len);
        check_row(value == rows[i].want, rows[i].name, "got %d", value);
    }
    close(fd);
    close(listening);
    peer_close(&peer);
}

static void test_mailbox(void)
{
    struct ks_mailbox box;
    struct ks_letters out = { 0 }, in = { 0 };
    bool in_order = true;

    scratch_must(ks_mailbox_init(&box) == KS_OK, "mailbox");
    check_row(ks_mailbox_may_sleep(&box), "the receiver of an empty box may sleep", "may not");
    for (size_t i = 0; i < KS_MAILBOX_MAX; i++)
        ks_letters_add(&out, (int)i, NULL);
    check_row(
        ks_mailbox_post(&box, &out) && out.count == 0, "letters are taken from the sender", "%zu left", out.count);
    check_row(!ks_mailbox_may_sleep(&box), "with letters in the box it may not sleep", "may");
    ks_letters_add(&out, 1, NULL);
    check_row(!ks_mailbox_post(&box, &out) && out.count == 1, "a full box takes nothing, and the sender keeps it",
        "%zu", out.count);
    ks_mailbox_order(&box, KS_MAILBOX_MAX, NULL);
    ks_mailbox_wait(&box);
    ks_mailbox_take(&box, &in);
    for (size_t i = 0; i < in.count; i++)
        in_order = in_order && in.letter[i].kind == (int)i;
    check_row(in_order && in.count == KS_MAILBOX_MAX + 1, "letters come in order, an order past the limit too", "%zu",
        in.count);
    check_row(ks_mailbox_post(&box, &out), "an emptied box takes letters again", "it does not");
    ks_letters_done(&in);
    ks_letters_done(&out);
    ks_mailbox_done(&box);
}

static void test_certificates(void)
{
    const struct {
        const char *name, *certificate, *key, *file;
        enum ks_err want;
    } rows[] = {
        { "a key that does not fit its certificate is named", cert_path[0], key_path[1], key_path[1], KS_ECRYPTO },
        { "a key that cannot be read is named", cert_path[0], "/nonexistent/key", "/nonexistent/key", KS_EIO },
        { "a certificate that cannot be read is named", "/nonexistent/cert", key_path[0], "/nonexistent/cert", KS_EIO },
        { "a certificate file without a certificate is named", key_path[0], key_path[0], key_path[0], KS_ECRYPTO },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_tls_cert_files files = { KS_STR("klinik.example"), rows[i].certificate, rows[i].key };
        struct ks_tls_certs *loaded;
        const char *file = "none";
        enum ks_err err = ks_tls_certs_load(&files, 1, &loaded, &file);
        check_row(
            err == rows[i].want && strcmp(file, rows[i].file) == 0, rows[i].name, "%s, %s", ks_err_name(err), file);
    }
}

static void test_starttls(void)
{
    struct peer peer = connect_clear();

    peer_say(&peer, "ec");
    peer_say(&peer, "ho one\necho two\n");
    check_line("a line in pieces is one line", &peer, "one");
    check_line("two lines in one piece are two", &peer, "two");
    peer_say(&peer, "starttls\necho injected\n");
    check_line("RFC 6120 §5.4.2.3: the answer to <starttls/> goes in clear", &peer, "proceed");
    check_row(peer_secure(&peer, &(struct peer_tls) { 0 }), "then the handshake", "failed");
    peer_say(&peer, "echo after\n");
    check_line("what was said in clear behind <starttls/> is not obeyed under TLS", &peer, "after");
    peer_say(&peer, "close\n");
    check_line("the last words are sent before the end", &peer, "bye");
    check_line("RFC 8446 §6.1: the end is announced by close_notify", &peer, "(end)");
    peer_close(&peer);

    peer = connect_clear();
    peer_say(&peer, "starttls\n");
    check_line("a second one", &peer, "proceed");
    peer_say(&peer, "echo injected later\n");
    check_row(!peer_secure(&peer, &(struct peer_tls) { 0 }),
        "bytes in clear in place of the handshake end the connection", "handshake succeeded");
    peer_close(&peer);

    peer = connect_clear();
    peer_say(&peer, "close\necho too late\n");
    check_line("in clear too the last words are sent", &peer, "bye");
    check_line("and the end is orderly, though bytes were left unread", &peer, "(end)");
    peer_close(&peer);
}

static void test_tls(void)
{
    static const struct {
        const char *name;
        struct peer_tls how;
        bool want;
    } rows[] = {
        { "RFC 7301: ALPN xmpp-client is agreed to", { .alpn = "xmpp-client" }, true },
        { "RFC 7301 §3.2: another protocol is refused", { .alpn = "http/1.1" }, false },
        { "a client without ALPN is let in", { 0 }, true },
        { "TLS 1.2 with AEAD is let in", { .version_max = TLS1_2_VERSION, .ciphers = "ECDHE+AESGCM" }, true },
        { "TLS 1.2 with CBC is refused", { .version_max = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA" },
            false },
        { "RFC 8996: TLS 1.1 is refused",
            { .version_min = TLS1_1_VERSION, .version_max = TLS1_1_VERSION, .ciphers = "ALL" }, false },
    };
    struct peer peer;

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        peer = peer_connect(ks_listen_port(&addresses[1]));
        check_row(peer_secure(&peer, &rows[i].how) == rows[i].want, rows[i].name, "the opposite");
        peer_close(&peer);
    }

    peer = connect_tls();
    check_row(SSL_get0_session(peer.tls) && !SSL_SESSION_has_ticket(SSL_get0_session(peer.tls)), "there are no tickets",
        "there is one");
    peer_say(&peer, "facts\n");
    check_line(
        "RFC 9266, RFC 5929 §4: both bindings are known, the second as a SHA-256", &peer, "exporter end-point:32");
    check_row(SSL_key_update(peer.tls, SSL_KEY_UPDATE_REQUESTED) == 1, "RFC 8446 §4.6.3: the client asks for new keys",
        "refused");
    peer_say(&peer, "echo new keys\n");
    check_line("and goes on with them", &peer, "new keys");
    peer_say(&peer, "echo newer keys\n");
    check_line("in both directions", &peer, "newer keys");
    peer_close(&peer);
}

/* The facts are compared with what the client's end computes. */
static void test_bindings(void)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    struct ks_tls_io *io = ks_tls_io_new();
    SSL *tls = io ? ks_tls_new(certs, 0, io) : NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *client = ctx ? SSL_new(ctx) : NULL;
    BIO *to_client = BIO_new(BIO_s_mem()), *from_client = BIO_new(BIO_s_mem());
    struct ks_tls_facts facts;
    uint8_t exporter[32], hash[64];
    unsigned hash_len;
    enum ks_err err = KS_EAGAIN;

    scratch_must(tls && client && to_client && from_client, "two ends");
    SSL_set_bio(client, to_client, from_client);
    SSL_set_tlsext_host_name(client, "offen.example");
    SSL_set_connect_state(client);
    while (err == KS_EAGAIN) {
        char *bytes;
        SSL_do_handshake(client);
        long len = BIO_get_mem_data(from_client, &bytes);
        io->in = ks_str(bytes, (size_t)len);
        err = ks_tls_handshake(tls, io, KS_TLS_XMPP);
        (void)!BIO_reset(from_client);
        BIO_write(to_client, io->out, (int)io->out_len);
        io->out_len = 0;
    }
    check_err("a handshake over memory", err, KS_OK);
    ks_tls_facts(tls, certs, &facts);
    SSL_export_keying_material(
        client, exporter, sizeof exporter, label, sizeof label - 1, (const unsigned char *)"", 0, 1);
    check_row(facts.has_exporter && memcmp(exporter, facts.exporter, 32) == 0,
        "RFC 9266: both ends export the same bytes", "they differ");
    X509 *cert = SSL_get0_peer_certificate(client);
    X509_digest(cert, EVP_sha256(), hash, &hash_len);
    check_row(facts.server_end_point_len == 32 && memcmp(hash, facts.server_end_point, 32) == 0,
        "RFC 5929 §4.1: the end point is the hash of the certificate", "it differs");
    char name[100] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name);
    check_str("RFC 6066 §3: the certificate of the domain that was asked for", ks_str_z(name), KS_STR("offen.example"));
    SSL_free(client);
    SSL_CTX_free(ctx);
    ks_tls_free(tls);
    ks_tls_io_free(io);
}

static void test_moves(void)
{
    struct peer peer = connect_tls();
    char line[100];

    peer_say(&peer, "where\n");
    unsigned here = (unsigned)atoi(peer_line(&peer)), there = 1 - here;
    snprintf(line, sizeof line, "move %u\nwhere\n", there);
    peer_say(&peer, line);
    check_line("a connection moves to another thread", &peer, "moved");
    snprintf(line, sizeof line, "%u", there);
    check_line("and what it said behind that in the same record is heard there", &peer, line);

    /* Two records in one segment: the second is still ciphertext when the stream moves. */
    static const int on = 1, off = 0;
    setsockopt(peer.fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    snprintf(line, sizeof line, "move %u\n", here);
    peer_say(&peer, line);
    peer_say(&peer, "where\n");
    peer_say(&peer, "echo third\n");
    setsockopt(peer.fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
    check_line("it moves back", &peer, "moved");
    snprintf(line, sizeof line, "%u", here);
    check_line("with the records that were received and not yet read", &peer, line);
    check_line("in their order", &peer, "third");

    for (unsigned i = 0; i < 200; i++) {
        snprintf(line, sizeof line, "move %u\necho %u\n", i % 2 ? here : there, i);
        peer_say(&peer, line);
    }
    bool all = true;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(line, sizeof line, "%u", i);
        all = all && strcmp(peer_line(&peer), "moved") == 0 && strcmp(peer_line(&peer), line) == 0;
    }
    check_row(all, "two hundred moves lose nothing", "something was lost");

    snprintf(line, sizeof line, "mail %u over\n", there);
    peer_say(&peer, line);
    check_line("mail goes to another reactor and back", &peer, "over");
    snprintf(line, sizeof line, "mail %u here\n", here);
    peer_say(&peer, line);
    check_line("mail to oneself arrives too", &peer, "here");
    peer_close(&peer);
}

static void test_store(void)
{
    struct peer peer = connect_tls();
    struct ks_letters in = { 0 };

    peer_say(&peer, "store\n");
    ks_mailbox_wait(&store_box);
    ks_mailbox_take(&store_box, &in);
    check_row(in.count == 1 && in.letter[0].kind == 7, "a request reaches the store", "%zu letters", in.count);
    struct ks_store_req *req = in.letter[0].ptr;
    in.letter[0].kind = KS_LETTER_ANSWER;
    scratch_must(ks_mailbox_post(ks_reactors_box(reactors, req->submitter), &in), "post");
    check_line("and its answer the reactor that asked", &peer, "stored");
    ks_letters_done(&in);
    peer_close(&peer);
}

static void test_slow_reader(void)
{
    static char bytes[65536];
    struct peer slow = connect_tls();
    long seen = 0;
    int got;

    peer_say(&slow, "flood 8000000\nwhere\n");
    /* Whatever thread they are in: among so many one shares it with the slow reader. */
    bool served = true;
    for (int i = 0; i < 16; i++) {
        struct peer other = connect_tls();
        peer_say(&other, "echo still here\n");
        served = served && strcmp(peer_line(&other), "still here") == 0;
        peer_close(&other);
    }
    check_row(served, "others are served while one takes nothing of 8 MB", "they are not");
    while (seen < 8000000
        && (got = peer_read(
                &slow, bytes, (int)sizeof bytes < 8000000 - seen ? (int)sizeof bytes : (int)(8000000 - seen)))
            > 0) {
        for (int i = 0; i < got; i++)
            seen += bytes[i] == 'x';
    }
    check_row(seen == 8000000, "it gets all of it when it reads", "%ld", seen);
    check_line("and what came behind", &slow, "done");
    peer_line(&slow);
    peer_close(&slow);
}

static void test_pause(void)
{
    struct peer paused = connect_tls(), others[16];
    static const int on = 1, off = 0;

    setsockopt(paused.fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    peer_say(&paused, "pause\n");
    peer_say(&paused, "echo later\n");
    setsockopt(paused.fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
    while (!atomic_load(&fake_pauses))
        sched_yield();
    peer_say(&paused, "echo much later\n");
    /* The fake core asserts that nothing is fed meanwhile. */
    for (size_t i = 0; i < KS_COUNT(others); i++) {
        others[i] = connect_tls();
        peer_say(&others[i], "resume\necho\n");
    }
    check_line("a paused connection goes on where it stopped", &paused, "later");
    check_line("and is read from again", &paused, "much later");
    for (size_t i = 0; i < KS_COUNT(others); i++)
        peer_close(&others[i]);
    peer_close(&paused);
}

static void test_reload(void)
{
    struct peer old = connect_tls(), new;
    uint8_t before[64], after[64];
    unsigned len;

    X509_digest(SSL_get0_peer_certificate(old.tls), EVP_sha256(), before, &len);
    peer_make_certificate("klinik.example", cert_path[0], key_path[0]);
    struct ks_tls_certs *reloaded = load_certs();
    ks_reactors_configure(reactors, NULL, reloaded);
    ks_tls_certs_unref(certs);
    certs = reloaded;
    for (unsigned i = 0; i < THREADS; i++) { /* each thread answers after it has read the order */
        char line[50];
        snprintf(line, sizeof line, "mail %u x\n", i);
        peer_say(&old, line);
        peer_line(&old);
    }
    new = connect_tls();
    X509_digest(SSL_get0_peer_certificate(new.tls), EVP_sha256(), after, &len);
    check_row(memcmp(before, after, len) != 0, "a new connection gets the new certificate", "the old one");
    peer_say(&old, "echo alive\n");
    check_line("an old connection lives on", &old, "alive");
    peer_close(&old);
    peer_close(&new);
}

static void test_crowd(void)
{
    static struct peer peers[120];
    unsigned right = 0;
    char line[60];

    for (size_t i = 0; i < KS_COUNT(peers); i++)
        peers[i] = connect_tls();
    for (unsigned round = 0; round < 5; round++)
        for (unsigned i = 0; i < KS_COUNT(peers); i++) {
            snprintf(line, sizeof line, "mail %u %u.%u\n", i % THREADS, round, i);
            peer_say(&peers[i], line);
        }
    for (unsigned round = 0; round < 5; round++)
        for (unsigned i = 0; i < KS_COUNT(peers); i++) {
            snprintf(line, sizeof line, "%u.%u", round, i);
            right += strcmp(peer_line(&peers[i]), line) == 0;
        }
    check_row(right == 5 * KS_COUNT(peers), "a crowd in two threads gets each its own answers, in order", "%u", right);
    for (size_t i = 0; i < KS_COUNT(peers); i++)
        peer_close(&peers[i]);
}

static void stop(struct ks_reactors *rs)
{
    ks_reactors_shutdown(rs);
    while (!ks_reactors_quiet(rs))
        usleep(1000);
    ks_reactors_stop(rs);
    ks_reactors_free(rs);
}

static void test_limit(void)
{
    struct ks_reactors *small = start(2);
    struct peer first = connect_tls(), second = connect_tls();
    struct peer third = peer_connect(ks_listen_port(&addresses[0]));

    peer_say(&third, "echo at last\n");
    peer_say(&second, "echo in\n");
    check_line("connections up to the limit are served", &second, "in");
    struct timeval wait = { .tv_usec = 100000 };
    char byte;
    setsockopt(third.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    check_row(recv(third.fd, &byte, 1, 0) < 0, "one more waits in the kernel's queue", "it was served");
    wait.tv_usec = 0;
    setsockopt(third.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    peer_close(&first);
    check_line("and is served when another goes", &third, "at last");
    peer_close(&second);
    peer_close(&third);
    stop(small);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        char name[40];
        snprintf(name, sizeof name, "cert%d.pem", i);
        scratch_path(cert_path[i], sizeof cert_path[i], name);
        snprintf(name, sizeof name, "key%d.pem", i);
        scratch_path(key_path[i], sizeof key_path[i], name);
        peer_make_certificate(i ? "offen.example" : "klinik.example", cert_path[i], key_path[i]);
    }
    certs = load_certs();
    server = fake_server_new(THREADS);
    scratch_must(server && ks_mailbox_init(&store_box) == KS_OK, "setup");
    reactors = start(1000);

    struct peer silent = peer_connect(ks_listen_port(&addresses[1]));
    test_addresses();
    test_accepted();
    test_mailbox();
    test_certificates();
    test_starttls();
    test_tls();
    test_bindings();
    test_moves();
    test_store();
    test_slow_reader();
    test_pause();
    test_crowd();
    test_reload();
    check_line("who does not finish the handshake in time is cut off", &silent, "(end)");
    peer_close(&silent);

    struct peer last = connect_tls();
    peer_say(&last, "echo here\n");
    check_line("at the end somebody is here", &last, "here");
    ks_reactors_shutdown(reactors);
    check_line("who is told of the shutdown", &last, "bye");
    check_line("in an orderly way", &last, "(end)");
    peer_close(&last);
    stop(reactors);
    check_row(atomic_load(&fake_streams) == 0, "all streams are freed", "%u are left", atomic_load(&fake_streams));

    test_limit();
    ks_mailbox_done(&store_box);
    ks_tls_certs_unref(certs);
    ks_server_free(server);
    scratch_done();
    return check_done();
}
