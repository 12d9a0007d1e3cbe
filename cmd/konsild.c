/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsild -- the server: its options, its threads, and its end. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command_line.h"
#include "control_work.h"
#include "crypto.h"
#include "konsild_parts.h"
#include "sandbox.h"
#include "say.h"
#include "sentence.h"
#include "system.h"
#include "vault_backup.h"

#define STOP_MS 15000        /* clients have so long to take their leave */
#define LOG_TURN_SECONDS 600 /* how often it looks whether a log file's time is up */

enum { EXIT_SETTINGS = 78 /* EX_CONFIG of sysexits.h: to start again will not help */ };

/* Everything that runs. Zeroes: not yet. */
struct daemon {
    struct konsild_parts parts;
    struct ks_mailbox store_box;
    bool has_store_box;
    struct ks_server *server;
    struct ks_reactors *reactors;
    struct ks_mailbox **boxes;
    struct ks_store_thread *store_thread;
    struct ks_worker *worker, *files_worker;
    struct ks_web_files web_files;
    struct konsild_sweep sweep;
    struct konsild_copying copying;
    struct ks_control_work work;
    pthread_t main_thread;
    atomic_bool broken;
    int64_t log_keep_seconds;
};

/* --- starting --- */

/* In the store's thread. */
static void store_broke(void *user)
{
    struct daemon *d = user;

    atomic_store(&d->broken, true);
    pthread_kill(d->main_thread, SIGUSR1);
}

static void wake_main(void *user)
{
    struct daemon *d = user;

    pthread_kill(d->main_thread, SIGHUP);
}

static void begin_control(struct ks_conn_host *host, void *user)
{
    struct ks_control_work *work = user;
    struct daemon *d = work->user;

    work->core = host->core;
    ks_control_socket_begin(d->parts.control, host);
}

static void end_control(struct ks_conn_host *host, void *user)
{
    struct ks_control_work *work = user;
    struct daemon *d = work->user;

    (void)host;
    ks_control_socket_end(d->parts.control);
}

static bool make_server(struct daemon *d)
{
    struct konsild_parts *p = &d->parts;
    struct ks_server_setup setup = { .reactors = p->threads,
        .config = ks_settings_config(p->settings),
        .log = ks_log_file_log(p->log),
        .archive_ids = ks_committer_archive_ids(p->committer),
        .version = KONSIL_VERSION };

    ks_hkdf(KS_SHA256, ks_str(p->key, sizeof p->key), KS_STR_EMPTY, KS_STR("konsild installation"), setup.secret,
        sizeof setup.secret);
    ks_wipe(p->key, sizeof p->key);
    memcpy(setup.push_key, p->push_key, sizeof setup.push_key);
    ks_wipe(p->push_key, sizeof p->push_key);
    d->server = ks_server_new(&setup);
    ks_wipe(&setup, sizeof setup);
    return d->server != NULL;
}

static void fill_work(struct daemon *d)
{
    const struct konsild_parts *p = &d->parts;

    d->work.reactors = d->reactors;
    d->work.threads = p->threads;
    d->work.log = p->log;
    d->work.backup.reactors = d->reactors;
    d->work.backup.store_thread = d->store_thread;
    d->work.backup.store = p->store;
    d->work.backup.worker = d->worker;
    d->work.backup.pages = p->pages;
    d->work.backup.files = &d->parts.files;
    d->work.backup.places = (struct ks_backup_places) { p->backup_directory, p->backup_key_directory };
    d->work.backup.keep_ms = ks_settings_number(p->settings, "backup.keep") * 1000;
    d->work.vault.reactors = d->reactors;
    d->work.vault.store_thread = d->store_thread;
    d->work.vault.vault = p->vault;
    d->work.vault.worker = d->worker;
    d->work.vault.places = (struct ks_backup_places) { p->vault_backups, p->vault_backup_keys };
    d->work.data_directory = ks_settings_text(p->settings, "data.directory");
    d->work.version = KONSIL_VERSION;
    d->work.sandbox = p->sandbox;
    d->work.connections_max = p->connections_max;
    d->work.started_ms = ks_system_now().mono_ms;
    atomic_store(&d->work.certificates_end_ms, ks_tls_certs_end_ms(p->certs));
    atomic_store(&d->work.certificates_named, ks_tls_certs_all_named(p->certs));
    d->work.wake_main = wake_main;
    d->work.user = d;
}

static bool start_threads(struct daemon *d)
{
    struct konsild_parts *p = &d->parts;

    d->log_keep_seconds = ks_config_number(ks_settings_config(p->settings), "retention.log");
    d->boxes = calloc(p->threads, sizeof(struct ks_mailbox *));
    d->has_store_box = ks_mailbox_init(&d->store_box) == KS_OK;
    if (!make_server(d) || !d->boxes || !d->has_store_box)
        return false;
    d->reactors = ks_reactors_new(&(struct ks_reactors_setup) { .server = d->server,
        .count = p->threads,
        .log = ks_log_file_log(p->log),
        .certs = p->certs,
        .store = &d->store_box,
        .store_kind = KS_LETTER_STORE,
        .listen = p->listen,
        .listen_count = p->listen_count,
        .listen_fds = p->listen_fds,
        .courier_fds = p->courier_fds,
        .connections_max = p->connections_max,
        .accepts_per_second = (uint32_t)ks_settings_number(p->settings, "listen.connections_per_second"),
        .handshake_ms = ks_settings_number(p->settings, "tls.handshake_timeout") * 1000,
        .site = p->web ? ks_web_site(p->web) : NULL,
        .web_per_address_max = (unsigned)ks_settings_number(p->settings, "web.connections_per_address"),
        .begin = begin_control,
        .end = end_control,
        .control_output = ks_control_socket_output,
        .work = ks_control_work_do,
        .user = &d->work });
    free(p->listen_fds);
    p->listen_fds = NULL;
    free(p->courier_fds);
    p->courier_fds = NULL;
    if (!d->reactors)
        return false;
    for (size_t i = 0; i < p->threads; i++)
        d->boxes[i] = ks_reactors_box(d->reactors, i);
    d->store_thread = ks_store_thread_start(&(struct ks_store_thread_setup) { .committer = p->committer,
                                                .log = ks_log_file_log(p->log),
                                                .submitters = d->boxes,
                                                .submitters_count = p->threads,
                                                .answer_kind = KS_LETTER_ANSWER,
                                                .broken = store_broke,
                                                .user = d },
        &d->store_box);
    d->work.store = d->store_thread;
    d->worker = ks_worker_start();
    d->files_worker = ks_worker_start();
    d->web_files = (struct ks_web_files) { &p->files, d->files_worker, d->reactors };
    if (p->web)
        ks_web_set_files(p->web, &d->web_files);
    d->copying.parts = p;
    d->sweep.store = &p->files;
    d->sweep.worker = d->files_worker;
    d->sweep.log = ks_log_file_log(p->log);
    fill_work(d);
    if (p->web)
        ks_web_watch(p->web, ks_control_work_figures, ks_control_work_ready, &d->work);
    return d->store_thread && d->worker && d->files_worker && ks_reactors_start(d->reactors) == KS_OK;
}

static bool start(struct daemon *d)
{
    struct konsild_parts *p = &d->parts;

    json_object_seed(0); /* while /dev/urandom can be opened */
    if (!konsild_raise_limits(p) || !konsild_find_user(p) || !konsild_start_courier(p) || !konsild_make_directories(p)
        || !konsild_open_log(p) || !konsild_open_sockets(p) || !konsild_enter_sandbox(p) || !konsild_get_key(p)
        || !(p->certs = konsild_load_certs(p->settings)) || !konsild_make_web(p) || !konsild_open_store(p)
        || !konsild_open_vault(p) || !konsild_open_files(p))
        return false;
    if (!start_threads(d)) {
        konsild_say(SAY("konsild.memory"), NULL);
        return false;
    }
    if (p->sandbox && ks_sandbox_seal() != KS_OK) {
        konsild_say(SAY("konsild.seccomp"), NULL);
        return false;
    }
    ks_log(ks_log_file_log(p->log), KS_INFO, "konsild.started", KS_NUM("threads", p->threads),
        KS_NUM("connections_max", p->connections_max), KS_NUM("sandbox", p->sandbox), KS_NUM("landlock", p->landlock));
    return true;
}

/* --- running --- */

/* What runs knows its domains by their places. Certificates, protection and the domains' other options may change. */
static bool same_domains(struct konsild_parts *p, struct ks_settings *settings)
{
    bool same = ks_config_same_domains(ks_settings_config(p->settings), ks_settings_config(settings));

    if (!same)
        konsild_say(SAY("konsild.domains-restart"), "file", p->config_path, NULL);
    return same;
}

/* What is in the new settings and waits for a restart: into the log, the journal, and ret_names, separated by blanks.
 */
static void tell_restart(struct daemon *d, const struct ks_settings *settings, struct ks_buf *ret_names)
{
    const struct ks_option *changed;
    struct ks_buf list;

    ks_buf_init(&list, 65536);
    for (size_t at = 0; (changed = ks_settings_changed(d->parts.settings, settings, &at));) {
        ks_log(ks_log_file_log(d->parts.log), KS_WARNING, "konsild.reload.wants_restart",
            KS_OURS("option", changed->name));
        ks_buf_printf(ret_names, "%s%s", ret_names->len ? " " : "", changed->name);
        ks_buf_printf(&list, "%s%s", list.len ? ", " : "", changed->name);
    }
    ks_buf_byte(&list, 0);
    if (list.len > 1 && ks_buf_err(&list) == KS_OK)
        konsild_say(SAY("konsild.reload-restart"), "options", list.ptr, NULL);
    ks_buf_done(&list);
}

/* New settings and certificates; false: those of before stay in force. ret_restart: see tell_restart. */
static bool reload(struct daemon *d, struct ks_buf *ret_restart)
{
    struct konsild_parts *p = &d->parts;
    const struct ks_log *log = ks_log_file_log(p->log);
    struct ks_settings *settings = konsild_read_settings(p->config_path);
    struct ks_tls_certs *certs = NULL;

    if (settings && same_domains(p, settings) && konsild_set_origins(p, ks_settings_config(settings)))
        certs = konsild_load_certs(settings);

    if (!certs) {
        konsild_say(SAY("konsild.reload-refused"), "file", p->config_path, NULL);
        ks_log(log, KS_ERROR, "konsild.reload.refused");
        ks_settings_free(settings);
        return false;
    }
    tell_restart(d, settings, ret_restart);
    if (ks_log_file_reopen(
            p->log, ks_settings_text(settings, "log.file"), (enum ks_level)ks_settings_number(settings, "log.level"))
        != KS_OK)
        ks_log(log, KS_ERROR, "log.reopen.failed");
    ks_reactors_configure(d->reactors, ks_settings_config(settings), certs);
    atomic_store(&d->work.certificates_end_ms, ks_tls_certs_end_ms(certs));
    atomic_store(&d->work.certificates_named, ks_tls_certs_all_named(certs));
    ks_tls_certs_unref(p->certs);
    p->certs = certs;
    d->log_keep_seconds = ks_config_number(ks_settings_config(settings), "retention.log");
    /* What runs still points into the settings of the start, so those stay. */
    ks_settings_free(settings);
    ks_log(log, KS_INFO, "konsild.reloaded");
    return true;
}

/* What the log's time has come for, and the audit log's word of it. */
static void turn_log(struct daemon *d)
{
    struct ks_now now = ks_system_now();
    char detail[64];
    unsigned removed;

    if (ks_log_file_turn(d->parts.log, d->log_keep_seconds, now, &removed) != KS_OK)
        ks_log(ks_log_file_log(d->parts.log), KS_ERROR, "log.turn.failed");
    snprintf(detail, sizeof detail, "reason=period log=%u", removed);
    if (removed)
        ks_control_work_note(&d->work, "delete", detail);
    if (ks_log_file_debug_over(d->parts.log, now))
        ks_control_work_note(&d->work, "log.normal", "by itself, after an hour");
}

/* Backups of the vault whose week is over: with their keys, so that what was destroyed since is destroyed in them. */
static void turn_vault(struct daemon *d)
{
    struct ks_now now = ks_system_now();
    char detail[64];
    unsigned removed;

    if (ks_vault_backup_end_old(&d->work.vault.places, now.wall_ms, &removed) != KS_OK)
        ks_log(ks_log_file_log(d->parts.log), KS_ERROR, "vault.backups.stuck");
    snprintf(detail, sizeof detail, "reason=period vault_backups=%u", removed);
    if (removed)
        ks_control_work_note(&d->work, "delete", detail);
}

/* Until debugging ends, but no longer than a turn. It never begins to end sooner: an hour is more than a turn. */
static struct timespec turn_time(const struct daemon *d)
{
    int64_t end_ms = ks_log_file_debug_end_ms(d->parts.log), left_ms = end_ms - ks_system_now().mono_ms;

    if (!end_ms || left_ms > LOG_TURN_SECONDS * 1000)
        return (struct timespec) { .tv_sec = LOG_TURN_SECONDS };
    return (struct timespec) { .tv_sec = left_ms > 0 ? left_ms / 1000 + 1 : 0 };
}

static void serve(struct daemon *d, const sigset_t *signals)
{
    struct timespec time;
    int number = 0;

    while (number != SIGTERM && number != SIGINT && number != SIGUSR1) {
        konsild_sweep_files(&d->sweep);
        konsild_copy_shred(&d->copying, d->store_thread);
        time = turn_time(d);
        number = sigtimedwait(signals, NULL, &time);
        turn_log(d);
        turn_vault(d);
        if (number == SIGHUP) {
            struct ks_buf restart;
            ks_buf_init(&restart, 65536);
            bool good = reload(d, &restart);
            ks_control_work_reloaded(&d->work, good, ks_buf_str(&restart));
            ks_buf_done(&restart);
        }
    }
}

/* Clients are told and have a while to go; then everything that was asked for is committed. */
static void stop(struct daemon *d)
{
    const struct timespec pause = { .tv_nsec = 10000000 };
    int64_t end_ms = ks_system_now().mono_ms + STOP_MS;

    if (d->reactors) {
        ks_reactors_shutdown(d->reactors);
        while (!ks_reactors_quiet(d->reactors) && !atomic_load(&d->broken) && ks_system_now().mono_ms < end_ms)
            nanosleep(&pause, NULL);
        while (atomic_load(&d->work.backup.running)
            || atomic_load(&d->work.vault.running)) /* it passes from thread to thread: all must be there */
            nanosleep(&pause, NULL);
        ks_reactors_stop(d->reactors);
    }
    ks_store_thread_stop(d->store_thread);
    ks_worker_stop(d->worker);
    ks_worker_stop(d->files_worker);
    ks_reactors_free(d->reactors);
    ks_server_free(d->server);
    if (d->has_store_box)
        ks_mailbox_done(&d->store_box);
    free(d->boxes);
    if (d->parts.log)
        ks_log(ks_log_file_log(d->parts.log), KS_INFO, "konsild.stopped");
    konsild_parts_done(&d->parts);
    ks_control_work_done(&d->work);
}

/* --- --sandbox-probe --- */

struct probe {
    struct ks_reactors_call letter;
    size_t thread;
    int allowed;
    atomic_bool done;
};

static void probe_thread(void *user)
{
    struct probe *probe = user;
    char name[32];

    snprintf(name, sizeof name, "thread %zu", probe->thread);
    probe->allowed = ks_sandbox_probe(stdout, name);
    atomic_store(&probe->done, true);
}

/* In the main thread and in each that serves clients; 0 when all was refused. */
static int probe_all(struct daemon *d)
{
    const struct timespec pause = { .tv_nsec = 1000000 };
    int allowed = ks_sandbox_probe(stdout, "main thread");

    for (size_t i = 0; i < d->parts.threads; i++) {
        struct probe probe = { .letter = { probe_thread, &probe }, .thread = i };
        ks_reactors_run(d->reactors, i, &probe.letter);
        while (!atomic_load(&probe.done))
            nanosleep(&pause, NULL);
        allowed += probe.allowed;
    }
    if (allowed)
        printf("%.*s %d\n", KS_STR_FMT(ks_say(command_line_language(), SAY("konsild.probe-allowed"))), allowed);
    else
        printf("%.*s\n", KS_STR_FMT(ks_say(command_line_language(), SAY("konsild.probe-refused"))));
    return allowed ? 1 : 0;
}

static int run(const char *config_path, bool sandbox, bool probe)
{
    struct daemon d = { .parts = { .config_path = config_path, .sandbox = sandbox && !ks_sandbox_unfit() },
        .main_thread = pthread_self() };
    sigset_t signals;
    int status = 1;

    /* Threads inherit this: signals come to the main thread only, when it asks. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1); /* our own: the store broke */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    d.parts.settings = konsild_read_settings(config_path);
    if (!d.parts.settings)
        return EXIT_SETTINGS;
    ks_control_work_init(&d.work);
    if (start(&d)) {
        status = 0;
        if (probe)
            status = probe_all(&d);
        else
            serve(&d, &signals);
    }
    stop(&d);
    if (atomic_load(&d.broken)) {
        konsild_say(SAY("konsild.store-broke"), NULL);
        status = 1;
    }
    return status;
}

/* --- options --- */

enum {
    OPT_CHECK = 1,
    OPT_PRINT,
    OPT_PRINT_DEFAULTS,
    OPT_PRINT_MANUAL,
    OPT_PROBE,
    OPT_NO_SANDBOX,
    OPT_VERSION,
    OPT_HELP
};

static const struct option options[] = {
    { "config", required_argument, NULL, 'c' },
    { "check", required_argument, NULL, OPT_CHECK },
    { "print-options", no_argument, NULL, OPT_PRINT },
    { "print-defaults", no_argument, NULL, OPT_PRINT_DEFAULTS },
    { "print-manual", no_argument, NULL, OPT_PRINT_MANUAL },
    { "sandbox-probe", required_argument, NULL, OPT_PROBE },
    { "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
    { "version", no_argument, NULL, OPT_VERSION },
    { "help", no_argument, NULL, OPT_HELP },
    { 0 },
};

static int help(FILE *to)
{
    static const struct {
        const char *call, *id;
    } rows[] = {
        { "[--config FILE]", SAY("konsild.help-serve") },
        { "--check FILE", SAY("konsild.help-check") },
        { "--print-options", SAY("konsild.help-print-options") },
        { "--print-defaults", SAY("konsild.help-print-defaults") },
        { "--sandbox-probe FILE", SAY("konsild.help-probe") },
        { "--no-sandbox", SAY("konsild.help-no-sandbox") },
    };
    enum ks_language language = command_line_language();

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        fprintf(to, "  konsild %-22s%.*s\n", rows[i].call, KS_STR_FMT(ks_say(language, rows[i].id)));
    fputs("  konsild --version | --help\n", to);
    fprintf(to, "\n%.*s " KONSILD_CONFIG "\n", KS_STR_FMT(ks_say(language, SAY("konsild.help-default"))));
    return fflush(to) == 0 && !ferror(to) ? 0 : 1;
}

static int usage(void)
{
    konsild_say(SAY("konsild.usage"), NULL);
    fputc('\n', stderr);
    (void)help(stderr);
    return 2;
}

static int check(const char *path)
{
    struct konsild_parts parts = { .settings = konsild_read_settings(path) };
    bool good = parts.settings && konsild_read_addresses(&parts) && (parts.certs = konsild_load_certs(parts.settings))
        && konsild_make_web(&parts);

    konsild_parts_done(&parts);
    if (good)
        printf("%s: %.*s\n", path, KS_STR_FMT(ks_say(command_line_language(), SAY("konsild.good"))));
    return good ? 0 : EXIT_SETTINGS;
}

static int print_options(int what)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1 << 20);
    if (what == OPT_PRINT_DEFAULTS)
        ks_settings_print_defaults(&buf);
    else
        ks_settings_print(&buf, what == OPT_PRINT_MANUAL);
    bool printed = ks_buf_err(&buf) == KS_OK && fwrite(buf.ptr, 1, buf.len, stdout) == buf.len;
    ks_buf_done(&buf);
    return printed ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *config_path = KONSILD_CONFIG;
    bool sandbox = true, probe = false;
    int option;

    if (ks_crypto_init() != KS_OK) {
        konsild_say(SAY("konsild.crypto"), NULL);
        return 1;
    }
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:", options, NULL)) != -1)
        switch (option) {
        case 'c':
            config_path = optarg;
            break;
        case OPT_CHECK:
            return check(optarg);
        case OPT_PRINT:
        case OPT_PRINT_DEFAULTS:
        case OPT_PRINT_MANUAL:
            return print_options(option);
        case OPT_PROBE:
            config_path = optarg;
            probe = true;
            break;
        case OPT_NO_SANDBOX:
            sandbox = false;
            break;
        case OPT_VERSION:
            puts("konsild " KONSIL_VERSION);
            return 0;
        case OPT_HELP:
            return help(stdout);
        default:
            command_line_complain(command_line_language(), "konsild", options, option, argv);
            return 2;
        }
    if (optind < argc)
        return usage();
    return run(config_path, sandbox, probe);
}
