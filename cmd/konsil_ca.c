/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_ca.c -- konsil-ca(8): the hospital's registrar. It issues certificates to devices, keeps the key log and signs
 * it, and connects outwards to konsild, as an account that logs in by certificate (doc/PROTOCOL.md §21, §22). */
#include <errno.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "authority_file.h"
#include "client_link.h"
#include "command_line.h"
#include "crypto.h"
#include "key_file.h"
#include "konsil_ca.h"
#include "line_socket.h"
#include "log_file.h"
#include "ns.h"
#include "omemo.h"
#include "say.h"
#include "sqlite_engine_store.h"
#include "system.h"

#define PATH_BYTES_MAX 4096
#define ARENA_BYTES_MAX (64u << 20)
#define WAIT_MS_MAX 60000
#define PAUSE_MS 2000 /* before konsild is asked again what it could not answer */
#define VALID_DAYS 180
#define CHECKPOINT_S 3600
enum { EXIT_USAGE = 64, EXIT_SETTINGS = 78 };

struct options {
    const char *directory, *account, *server, *ca_file, *socket, *host;
    bool direct_tls;
};

struct program {
    struct options options;
    enum ks_language language;
    struct ca ca;
    struct ks_arena arena, kept; /* kept: certificates, for as long as it runs */
    struct ks_prng prng;
    struct ks_registrar_setup setup;
    EVP_PKEY *issuing_key;
    struct ks_engine_store *store, *session_store;
    struct konsil *engine;
    struct ks_client_link *link;
    struct ks_line_socket *socket;
    struct ks_log_file *log;
    int64_t silent_until_ms, due_ms;
    char server_host[256];
    unsigned server_port;
};

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
    (void)number;
    stopping = 1;
}

static int fail(const struct program *p, const char *id, const char *where)
{
    struct ks_str what = ks_say(p->language, id), todo = ks_say_do(p->language, id);

    fprintf(stderr, "konsil-ca: %.*s%s%s\n", KS_STR_FMT(what), where ? " " : "", where ? where : "");
    if (todo.len)
        fprintf(stderr, "           %.*s\n", KS_STR_FMT(todo));
    return EXIT_FAILURE;
}

/* --- what lies in its directory --- */

static bool path_in(const struct program *p, const char *name, char path[PATH_BYTES_MAX])
{
    return snprintf(path, PATH_BYTES_MAX, "%s/%s", p->options.directory, name) < PATH_BYTES_MAX;
}

static const char *why_not_read(enum ks_err err)
{
    return err == KS_ENOTFOUND ? SAY("ca.missing")
        : err == KS_EDENIED    ? SAY("ctl.ca-open")
        : err == KS_ENOMEM     ? SAY("control.memory")
        : err == KS_EAGAIN     ? SAY("ca.running")
        : err == KS_EVERSION   ? SAY("ca.newer")
        : err == KS_ESTATE     ? SAY("ca.other")
                               : SAY("ctl.ca-unreadable");
}

static int read_certificate(struct program *p, const char *name, struct ks_str *ret_der)
{
    char path[PATH_BYTES_MAX];
    enum ks_err err = path_in(p, name, path) ? ks_certificate_read(&p->kept, path, ret_der) : KS_EIO;

    return err == KS_OK ? EXIT_SUCCESS : fail(p, why_not_read(err), path);
}

static int read_key(struct program *p, const char *name, EVP_PKEY **ret_key)
{
    char path[PATH_BYTES_MAX];
    enum ks_err err = path_in(p, name, path) ? ks_authority_key_read(path, NULL, ret_key) : KS_EIO;

    return err == KS_OK ? EXIT_SUCCESS : fail(p, why_not_read(err), path);
}

static bool raw_key(EVP_PKEY *key, uint8_t ret_key[KS_P256_PRIVATE_LEN])
{
    BIGNUM *number = NULL;
    bool good = EVP_PKEY_get_bits(key) == 256 && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number)
        && BN_bn2binpad(number, ret_key, KS_P256_PRIVATE_LEN) == KS_P256_PRIVATE_LEN;

    BN_clear_free(number);
    return good;
}

static int open_store(struct program *p, const uint8_t key[32], const char *name, struct ks_engine_store **ret_store)
{
    char path[PATH_BYTES_MAX];
    enum ks_err err = path_in(p, name, path) ? ks_sqlite_engine_store_open(path, NULL, key, true, ret_store) : KS_EIO;

    return err == KS_OK ? EXIT_SUCCESS : fail(p, why_not_read(err), path);
}

static int open_stores(struct program *p)
{
    char path[PATH_BYTES_MAX];
    uint8_t key[KS_KEY_FILE_LEN];
    int status;
    enum ks_err err = path_in(p, "store.key", path) ? ks_key_file_read(path, key) : KS_EIO;

    if (err == KS_ENOTFOUND)
        err = ks_key_file_make(path, key);
    if (err != KS_OK)
        return fail(p, why_not_read(err), path);
    status = open_store(p, key, "registrar.db", &p->store);
    if (status == EXIT_SUCCESS)
        status = open_store(p, key, "session.db", &p->session_store);
    ks_wipe(key, sizeof key);
    return status;
}

static int open_registrar(struct program *p)
{
    struct ks_authority_facts facts;
    EVP_PKEY *signer = NULL;
    int status;
    enum ks_err err;

    if ((status = read_certificate(p, "root.pem", &p->setup.root)) != EXIT_SUCCESS
        || (status = read_certificate(p, "issuing.pem", &p->setup.issuing)) != EXIT_SUCCESS
        || (status = read_certificate(p, "signer.pem", &p->setup.signer)) != EXIT_SUCCESS
        || (status = read_key(p, "issuing.key", &p->issuing_key)) != EXIT_SUCCESS
        || (status = read_key(p, "signer.key", &signer)) != EXIT_SUCCESS || (status = open_stores(p)) != EXIT_SUCCESS) {
        EVP_PKEY_free(signer);
        return status;
    }
    p->setup.store = p->store;
    p->setup.prng = &p->prng;
    p->setup.domain = ks_str_z(p->ca.domain);
    p->setup.issuing_key = p->issuing_key;
    p->setup.valid_days = VALID_DAYS;
    p->setup.checkpoint_s = CHECKPOINT_S;
    p->setup.verify_pop = ks_omemo_proof_by;
    err = raw_key(signer, p->setup.signer_key) ? KS_OK : KS_ESYNTAX;
    EVP_PKEY_free(signer);
    if (err == KS_OK)
        err = ks_registrar_open(&p->setup, ks_system_now().wall_ms, &p->ca.registrar);
    if (err == KS_OK)
        err = ks_authority_read(&p->kept, p->setup.root, &facts);
    if (err != KS_OK)
        return fail(p, why_not_read(err), p->options.directory);
    memcpy(p->ca.pin, facts.key_hash, sizeof p->ca.pin);
    p->ca.desk =
        (struct ks_desk) { .registrar = p->ca.registrar, .domain = p->setup.domain, .signer = p->setup.signer };
    return EXIT_SUCCESS;
}

/* --- the connection --- */

static struct konsil_now now(void)
{
    struct ks_now at = ks_system_now();

    return (struct konsil_now) { at.mono_ms, at.wall_ms };
}

static void command(struct program *p, json_t *object)
{
    char *line = json_dumps(object, JSON_COMPACT);

    if (line)
        konsil_command(p->engine, line, strlen(line), now());
    free(line);
    json_decref(object);
}

static int open_engine(struct program *p)
{
    struct konsil_setup setup = { .store = p->session_store,
        .now = now(),
        .device_name = "konsil-ca",
        .certificate = true,
        .log = ks_log_file_log(p->log) };
    char certificate[PATH_BYTES_MAX], key[PATH_BYTES_MAX];
    const struct ks_client_key_files files = { certificate, key };
    bool open;

    if (!path_in(p, "signer.pem", certificate) || !path_in(p, "signer.key", key))
        return fail(p, SAY("ctl.ca-io"), p->options.directory);
    if (ks_client_link_new(p->options.ca_file, &p->link) != KS_OK)
        return fail(p, SAY("konsil.ca"), p->options.ca_file);
    if (ks_client_link_certify(p->link, &files, NULL, &open) != KS_OK)
        return fail(p, SAY("ctl.ca-unreadable"), certificate);
    ks_prng_bytes(&p->prng, setup.seed, sizeof setup.seed);
    p->engine = konsil_new(&setup);
    ks_wipe(setup.seed, sizeof setup.seed);
    if (!p->engine || konsil_failed(p->engine))
        return fail(p, SAY("ca.store"), p->options.directory);
    command(p, json_pack("{s:s,s:s}", "cmd", "serve", "ns", NS_KONSIL_ENROL));
    json_t *connect = json_pack("{s:s,s:s}", "cmd", "connect", "jid", p->options.account);
    if (p->server_host[0])
        json_object_set_new(connect, "host", json_string(p->server_host));
    if (p->server_port)
        json_object_set_new(connect, "port", json_integer(p->server_port));
    if (p->options.direct_tls)
        json_object_set_new(connect, "tls", json_string("direct"));
    command(p, connect);
    return EXIT_SUCCESS;
}

static const char *member(const json_t *event, const char *name)
{
    const char *text = json_string_value(json_object_get(event, name));

    return text ? text : "";
}

static void on_asked(struct program *p, const json_t *event)
{
    struct ks_enrolled enrolled;
    struct ks_str answer;
    enum ks_err err;

    ks_arena_reset(&p->arena);
    err = ks_desk_ask(
        &p->ca.desk, &p->arena, ks_str_z(member(event, "xml")), ks_system_now().wall_ms, &answer, &enrolled);
    command(p, json_pack("{s:s,s:s,s:s}", "cmd", "reply", "to", member(event, "from"), "ref", member(event, "ref")));
    if (err != KS_OK) {
        ks_log(p->ca.log, KS_ERROR, "ca.enrol.failed", KS_ERR(err));
        return; /* the device asks again */
    }
    if (!answer.len)
        return;
    ks_log(p->ca.log, enrolled.refusal == KS_REFUSE_USED ? KS_WARNING : KS_INFO, "ca.enrol",
        KS_OURS("refusal", ks_refusal_name(enrolled.refusal)), KS_NUM("entry", enrolled.leaf));
    command(
        p, json_pack("{s:s,s:s,s:b,s:s%}", "cmd", "ask", "to", p->ca.domain, "set", 1, "xml", answer.ptr, answer.len));
}

static void on_answered(struct program *p, const json_t *event)
{
    enum ks_err err;

    if (strcmp(member(event, "re"), "log") != 0)
        return;
    ks_arena_reset(&p->arena);
    err = ks_desk_answer(&p->ca.desk, &p->arena, ks_str_z(member(event, "condition")), ks_str_z(member(event, "xml")));
    if (err == KS_OK)
        return;
    if (err == KS_EDENIED) /* a conflict: people have to look */
        ks_log(p->ca.log, KS_ERROR, "ca.log.conflict", KS_NUM("entries", p->ca.desk.size));
    p->silent_until_ms = ks_system_now().mono_ms + PAUSE_MS;
}

static void on_event(struct program *p, const json_t *event)
{
    const char *kind = member(event, "event");

    if (strcmp(kind, "asked") == 0) {
        on_asked(p, event);
    } else if (strcmp(kind, "answered") == 0) {
        on_answered(p, event);
    } else if (strcmp(kind, "connection") == 0) {
        bool online = strcmp(member(event, "state"), "online") == 0;
        if (online != p->ca.connected)
            ks_log(p->ca.log, KS_INFO, "ca.connection", KS_NUM("online", online));
        if (online && !p->ca.connected)
            ks_desk_connected(&p->ca.desk);
        p->ca.connected = online;
        if (strcmp(member(event, "state"), "offline") == 0 && !json_object_get(event, "retry_ms"))
            stopping = 2; /* it is of no use to try again */
    } else if (strcmp(kind, "error") == 0) {
        fprintf(stderr, "konsil-ca: %s %s\n", member(event, "code"), member(event, "detail"));
    }
}

static void take_events(struct program *p)
{
    const char *json;
    size_t len;

    while (konsil_next_event(p->engine, &json, &len)) {
        json_t *event = json_loadb(json, len, 0, NULL);
        on_event(p, event);
        json_decref(event);
    }
}

/* A checkpoint when it is due, and whatever konsild lacks. */
static void speak(struct program *p)
{
    struct ks_now at = ks_system_now();
    struct ks_str xml;
    int64_t next_ms;
    bool set;
    enum ks_err err = ks_registrar_due(p->ca.registrar, at.wall_ms, &next_ms);

    if (err != KS_OK)
        ks_log(p->ca.log, KS_ERROR, "ca.checkpoint.failed", KS_ERR(err));
    p->due_ms = at.mono_ms + (next_ms > at.wall_ms ? next_ms - at.wall_ms : PAUSE_MS);
    if (!p->ca.connected || at.mono_ms < p->silent_until_ms)
        return;
    ks_arena_reset(&p->arena);
    if ((err = ks_desk_next(&p->ca.desk, &p->arena, &xml, &set)) == KS_OK && xml.len) {
        command(p,
            json_pack("{s:s,s:s,s:s,s:b,s:s%}", "cmd", "ask", "id", "log", "to", p->ca.domain, "set", set, "xml",
                xml.ptr, xml.len));
    } else if (err != KS_OK) {
        ks_log(p->ca.log, KS_ERROR, "ca.log.failed", KS_ERR(err));
        p->silent_until_ms = at.mono_ms + PAUSE_MS;
    }
}

/* --- the loop --- */

static void answer_line(void *user, uid_t uid, struct ks_str line, struct ks_buf *answer)
{
    struct program *p = user;

    ca_admin(&p->ca, uid, line, ks_system_now().wall_ms, answer);
}

static int turn(struct program *p)
{
    struct pollfd fds[1 + KS_LINE_FDS_MAX] = { { .fd = -1 } };
    int64_t until_ms, now_ms = ks_system_now().mono_ms, left_ms;
    size_t count = ks_line_socket_poll(p->socket, fds + 1);

    if (!ks_client_link_poll(p->link, p->engine, &fds[0], &until_ms))
        fds[0].fd = -1;
    until_ms = ks_sooner(until_ms, p->due_ms);
    if (p->silent_until_ms > now_ms)
        until_ms = ks_sooner(until_ms, p->silent_until_ms);
    left_ms = until_ms == KS_NEVER || until_ms - now_ms > WAIT_MS_MAX ? WAIT_MS_MAX : until_ms - now_ms;
    if (poll(fds, 1 + count, left_ms < 0 ? 0 : (int)left_ms) < 0) {
        if (errno != EINTR)
            return EXIT_FAILURE;
        return EXIT_SUCCESS;
    }
    ks_client_link_run(p->link, p->engine, fds[0].fd >= 0 ? fds[0].revents : 0);
    ks_line_socket_run(p->socket, fds + 1, count);
    take_events(p);
    speak(p);
    ks_client_link_run(p->link, p->engine, 0);
    return konsil_failed(p->engine) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int serve(struct program *p)
{
    struct sigaction action = { .sa_handler = on_signal };
    int status;
    enum ks_err err;

    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!(p->log = ks_log_file_open("", KS_INFO)))
        return fail(p, SAY("control.memory"), NULL);
    p->ca.log = ks_log_file_log(p->log);
    if ((status = open_registrar(p)) != EXIT_SUCCESS || (status = open_engine(p)) != EXIT_SUCCESS)
        return status;
    if ((err = ks_line_socket_open(p->options.socket, answer_line, p, &p->socket)) != KS_OK)
        return fail(p, err == KS_EEXISTS ? SAY("ca.running") : SAY("ctl.ca-io"), p->options.socket);
    ks_log(p->ca.log, KS_INFO, "ca.started", KS_LIT("version", KONSIL_VERSION));
    while (!stopping && status == EXIT_SUCCESS)
        status = turn(p);
    ks_log(p->ca.log, KS_INFO, "ca.stopped", KS_NUM("status", status));
    if (stopping == 2)
        return fail(p, SAY("ca.refused"), p->options.account);
    return status == EXIT_SUCCESS ? status : fail(p, SAY("ca.store"), p->options.directory);
}

static void close_all(struct program *p)
{
    ks_line_socket_close(p->socket);
    konsil_free(p->engine);
    ks_client_link_free(p->link);
    ks_registrar_free(p->ca.registrar);
    ks_engine_store_free(p->store);
    ks_engine_store_free(p->session_store);
    EVP_PKEY_free(p->issuing_key);
    ks_wipe(p->setup.signer_key, sizeof p->setup.signer_key);
    ks_prng_done(&p->prng);
    ks_arena_done(&p->arena);
    ks_arena_done(&p->kept);
    ks_log_file_close(p->log);
}

/* --- options --- */

static const char synopsis[] =
    "konsil-ca --directory DIR [--server HOST[:PORT]] [--direct-tls] [--ca FILE] [--host NAME] "
    "[--socket FILE] [--lang LANGUAGE] ACCOUNT\n"
    "konsil-ca --help | --version";

static int usage(const struct program *p)
{
    fprintf(stderr, "%s\n", synopsis);
    return fail(p, SAY("ca.usage"), NULL), EXIT_USAGE;
}

static int help(const struct program *p)
{
    printf("%s\n\n%.*s\n", synopsis, KS_STR_FMT(ks_say(p->language, SAY("ca.help"))));
    return EXIT_SUCCESS;
}

static bool read_server(struct program *p, const char *text)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    size_t len = colon ? (size_t)(colon - text) : strlen(text);

    if (!len || len >= sizeof p->server_host || (colon && ks_str_u64(ks_str_z(colon + 1), 65535, &port) != KS_OK))
        return false;
    memcpy(p->server_host, text, len);
    p->server_port = (unsigned)port;
    return true;
}

static int run(struct program *p)
{
    uint8_t seed[KS_PRNG_SEED_LEN];
    int status;

    if (ks_crypto_init() != KS_OK)
        return fail(p, SAY("control.memory"), NULL);
    p->ca.domain = strchr(p->options.account, '@') + 1;
    p->ca.host = p->options.host ? p->options.host : p->ca.domain;
    ks_system_entropy(seed, sizeof seed);
    ks_prng_init(&p->prng, seed);
    ks_wipe(seed, sizeof seed);
    ks_arena_init(&p->arena, ARENA_BYTES_MAX);
    ks_arena_init(&p->kept, ARENA_BYTES_MAX);
    status = serve(p);
    close_all(p);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "directory", required_argument, NULL, 'd' },
        { "server", required_argument, NULL, 's' }, { "direct-tls", no_argument, NULL, 't' },
        { "ca", required_argument, NULL, 'c' }, { "host", required_argument, NULL, 'H' },
        { "socket", required_argument, NULL, 'S' }, { "lang", required_argument, NULL, 'l' },
        { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
    static struct program p = { .options = { .socket = KONSIL_CA_CONTROL } };
    int option;

    umask(077);
    signal(SIGPIPE, SIG_IGN);
    p.language = command_line_language();
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == 'd')
            p.options.directory = optarg;
        else if (option == 's' && read_server(&p, optarg))
            p.options.server = optarg;
        else if (option == 't')
            p.options.direct_tls = true;
        else if (option == 'c')
            p.options.ca_file = optarg;
        else if (option == 'H')
            p.options.host = optarg;
        else if (option == 'S')
            p.options.socket = optarg;
        else if (option == 'l' && command_line_read_language("konsil-ca", optarg, &p.language))
            continue;
        else if (option == 'h')
            return help(&p);
        else if (option == 'v')
            return printf("konsil-ca %s\n", KONSIL_VERSION) < 0;
        else if (option == 's')
            return usage(&p);
        else if (option == 'l')
            return EXIT_USAGE;
        else
            return command_line_complain(p.language, "konsil-ca", options, option, argv), EXIT_USAGE;
    }
    if (optind != argc - 1 || !p.options.directory || !strchr(argv[optind], '@') || !strchr(argv[optind], '@')[1])
        return usage(&p);
    p.options.account = argv[optind];
    return run(&p);
}
