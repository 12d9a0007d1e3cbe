/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsild -- the server: options, settings, and the wiring of core and edge. */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"
#include "key_file.h"
#include "listener.h"
#include "log_file.h"
#include "reactor_thread.h"
#include "sandbox.h"
#include "settings.h"
#include "sqlite_server_store.h"
#include "store_thread.h"
#include "system.h"

#define DESCRIPTORS_KEPT 64 /* for files, threads and the control socket */
#define LISTENERS_MAX 16
#define PATHS_MAX 64
#define STOP_MS 15000 /* clients have so long to take their leave */

enum { EXIT_CONFIG = 78 /* sysexits.h EX_CONFIG: starting again will not help */ };

/* Everything that runs. Zeroes: not yet. */
struct daemon {
    const char *config_path;
    bool sandbox, probe;
    struct ks_settings *settings;
    struct ks_log_file *log;
    char *database_path, *key_path;
    uid_t uid;
    gid_t gid;
    bool change_user;
    uint16_t threads;
    unsigned connections_max;
    struct ks_listen_address listen[LISTENERS_MAX];
    size_t listen_count;
    int *listen_fds;
    bool listen_fds_given; /* to the reactors */
    int landlock;
    uint8_t key[KS_KEY_FILE_LEN];
    struct ks_tls_certs *certs;
    struct ks_server_store *store;
    struct ks_committer *committer;
    struct ks_mailbox store_box;
    bool has_store_box;
    struct ks_server *server;
    struct ks_reactors *reactors;
    struct ks_mailbox **boxes;
    struct ks_store_thread *store_thread;
    pthread_t main_thread;
    atomic_bool broken;
};

/* One sentence for whoever started it: what is wrong, and what to do. */
KS_PRINTF(1, 2) static void say(const char *format, ...)
{
    va_list args;

    fputs("konsild: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* What an error means where it happened; the last row is for all others. */
struct meaning {
    enum ks_err err;
    const char *sentence;
};

static const char *sentence_of(const struct meaning *meanings, enum ks_err err)
{
    while (meanings->err != KS_OK && meanings->err != err)
        meanings++;
    return meanings->sentence;
}

/* --- settings --- */

static struct ks_settings *read_settings(const char *path)
{
    struct ks_settings *settings = NULL;
    struct ks_buf complaints;

    ks_buf_init(&complaints, 1 << 20);
    enum ks_err err = ks_settings_read(path, &settings, &complaints);
    if (err)
        fprintf(stderr, "%.*s", KS_STR_FMT(ks_buf_str(&complaints)));
    if (err == KS_ENOMEM)
        say("There is not enough memory to read %s.", path);
    else if (err == KS_EIO)
        say("The settings cannot be read. Name the file with --config, and let %s read it.",
            geteuid() == 0 ? "root" : "this user");
    ks_buf_done(&complaints);
    return settings;
}

/* All addresses of one option; false: said. */
static bool read_addresses(struct daemon *d, const char *option, bool direct_tls)
{
    struct ks_str list = ks_str_z(ks_settings_text(d->settings, option)), text;

    while (ks_str_cut(&list, ' ', &text)) {
        if (!text.len)
            continue;
        if (d->listen_count == LISTENERS_MAX) {
            say("There are more than %d addresses to listen on. Use * for all of them.", LISTENERS_MAX);
            return false;
        }
        if (ks_listen_parse(text, direct_tls, &d->listen[d->listen_count++]) != KS_OK) {
            say("%s: \"%.*s\" is not an address with a port. Write 192.0.2.1:5222, [2001:db8::1]:5222 or *:5222.",
                option, KS_STR_FMT(text));
            return false;
        }
    }
    return true;
}

static struct ks_tls_certs *load_certs(const struct ks_settings *settings)
{
    static const struct meaning meanings[] = {
        { KS_EIO, "This file cannot be read. Give konsild's user the right to read it and to enter its directory." },
        { KS_ECRYPTO,
            "This file does not hold what it should: a PEM certificate with its chain, or the private key that "
            "fits it, without a password." },
        { KS_OK, "There is not enough memory for the certificates." },
    };
    struct ks_tls_cert_files files[1000];
    struct ks_tls_certs *certs = NULL;
    const struct ks_domain *domain;
    const char *file;
    size_t count = 0;

    for (; count < KS_COUNT(files) && (domain = ks_config_domain_at(ks_settings_config(settings), count)); count++)
        files[count] = (struct ks_tls_cert_files) { domain->name,
            ks_settings_domain_text(settings, count, "certificate"), ks_settings_domain_text(settings, count, "key") };
    enum ks_err err = ks_tls_certs_load(files, count, &certs, &file);
    if (err)
        say("%s: %s", file, sentence_of(meanings, err));
    else if (ks_tls_certs_end_ms(certs) < ks_system_now().wall_ms)
        say("A certificate has run out: clients will refuse it. Renew it and send SIGHUP.");
    return certs;
}

static int check(const char *path)
{
    struct daemon d = { .settings = read_settings(path) };
    struct ks_tls_certs *certs = NULL;
    bool good = d.settings && read_addresses(&d, "listen.starttls", false)
        && read_addresses(&d, "listen.direct_tls", true) && (certs = load_certs(d.settings));

    ks_tls_certs_unref(certs);
    ks_settings_free(d.settings);
    if (good)
        printf("%s: good\n", path);
    return good ? 0 : EXIT_CONFIG;
}

/* --- starting, step by step; each says what went wrong --- */

static bool raise_limits(struct daemon *d)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t threads = ks_settings_number(d->settings, "process.threads");
    d->threads = (uint16_t)(threads ? threads : cpus < 1 ? 1 : cpus > 128 ? 128 : cpus);
    rlim_t kept = DESCRIPTORS_KEPT + (rlim_t)d->threads * (2 + LISTENERS_MAX);
    if (files.rlim_cur < kept + 16) {
        say("The system lets this process open %ju files, and that is too few. Raise LimitNOFILE or ulimit -n.",
            (uintmax_t)files.rlim_cur);
        return false;
    }
    d->connections_max = files.rlim_cur - kept > 10000000 ? 10000000 : (unsigned)(files.rlim_cur - kept);
    return true;
}

static bool find_user(struct daemon *d)
{
    const char *name = ks_settings_text(d->settings, "process.user");
    struct passwd *user = *name && geteuid() == 0 ? getpwnam(name) : NULL;

    d->uid = user ? user->pw_uid : geteuid();
    d->gid = user ? user->pw_gid : getegid();
    d->change_user = user != NULL;
    if (*name && geteuid() == 0 && !user)
        say("process.user: there is no user %s on this machine. Create it: adduser --system --group %s", name, name);
    return !*name || geteuid() != 0 || user;
}

/* A directory that is only konsild's, and the files in it. */
static bool make_data_directory(struct daemon *d)
{
    const char *directory = ks_settings_text(d->settings, "data.directory");
    const char *key_file = ks_settings_text(d->settings, "data.key_file");
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    char *given = NULL;

    if (mkdir(directory, 0700) == 0) {
        if (d->change_user && chown(directory, d->uid, d->gid) < 0) {
            say("%s cannot be given to user %s: %s.", directory, ks_settings_text(d->settings, "process.user"),
                strerror(errno));
            return false;
        }
    } else if (errno != EEXIST) {
        say("The data directory %s cannot be made: %s. Make it, or name another as data.directory.", directory,
            strerror(errno));
        return false;
    }
    if (credentials && asprintf(&given, "%s/konsild.key", credentials) < 0)
        return false;
    if (asprintf(&d->database_path, "%s/konsild.db", directory) < 0)
        return false;
    int made = *key_file                    ? asprintf(&d->key_path, "%s", key_file)
        : given && access(given, F_OK) == 0 ? asprintf(&d->key_path, "%s", given)
                                            : asprintf(&d->key_path, "%s/konsild.key", directory);
    free(given);
    return made > 0;
}

static bool open_log(struct daemon *d)
{
    const char *path = ks_settings_text(d->settings, "log.file");

    d->log = ks_log_file_open(path, (enum ks_level)ks_settings_number(d->settings, "log.level"));
    if (!d->log)
        say("The log file %s cannot be written: %s.", path, strerror(errno));
    else if (*path && d->change_user && chown(path, d->uid, d->gid) < 0)
        say("The log file %s stays root's: %s.", path, strerror(errno));
    return d->log != NULL;
}

static bool open_sockets(struct daemon *d)
{
    static const struct meaning meanings[] = {
        { KS_EEXISTS,
            "It is in use, perhaps by another konsild. Stop that program (ss -ltnp shows it), or listen on another "
            "port." },
        { KS_EDENIED,
            "It may not be opened. Ports below 1024 are root's: start konsild as root, or use a higher one." },
        { KS_ENOTFOUND, "This machine does not have the address. Correct it, or use *." },
        { KS_OK, "It cannot be opened: the system refuses." },
    };

    if (!read_addresses(d, "listen.starttls", false) || !read_addresses(d, "listen.direct_tls", true))
        return false;
    if (!d->listen_count) {
        say("There is nothing to listen on. Set listen.starttls or listen.direct_tls.");
        return false;
    }
    d->listen_fds = malloc(d->listen_count * d->threads * sizeof d->listen_fds[0]);
    if (!d->listen_fds)
        return false;
    for (size_t i = 0; i < d->listen_count; i++) {
        struct ks_listen_address *address = &d->listen[i];
        unsigned port = ks_listen_port(address);
        enum ks_err err = ks_listen_open(address, d->threads, d->listen_fds + i * d->threads);
        if (err == KS_OK) {
            ks_log(ks_log_file_log(d->log), KS_INFO, "listen.open", KS_NUM("port", ks_listen_port(address)),
                KS_NUM("direct_tls", address->direct_tls));
            continue;
        }
        say("Port %u: %s", port, sentence_of(meanings, err));
        d->listen_count = i;
        return false;
    }
    return true;
}

/* --- the sandbox --- */

struct paths {
    struct ks_sandbox_path path[PATHS_MAX];
    char *owned[PATHS_MAX];
    size_t count;
};

/* Full: what does not fit stays closed, which is the safe side. */
static void let(struct paths *paths, char *path, bool writable)
{
    if (paths->count == PATHS_MAX || !path) {
        free(path);
        return;
    }
    paths->owned[paths->count] = path;
    paths->path[paths->count++] = (struct ks_sandbox_path) { path, writable };
}

static void let_directory_of(struct paths *paths, const char *file, bool writable)
{
    char *copy = strdup(file);

    if (copy)
        let(paths, strdup(dirname(copy)), writable);
    free(copy);
}

/* A file that is read again at a reload, and the place it links to, as certificate tools do. */
static void let_read(struct paths *paths, const char *file)
{
    char *real = realpath(file, NULL);

    let_directory_of(paths, file, false);
    if (real)
        let_directory_of(paths, real, false);
    free(real);
}

static bool enter_sandbox(struct daemon *d)
{
    struct paths paths = { 0 };
    const char *log_path = ks_settings_text(d->settings, "log.file");

    if (!d->sandbox) {
        say("The sandbox is off: %s.", ks_sandbox_unfit() ? ks_sandbox_unfit() : "--no-sandbox");
        return true;
    }
    let(&paths, strdup(ks_settings_text(d->settings, "data.directory")), true);
    let_directory_of(&paths, d->key_path, access(d->key_path, F_OK) != 0);
    let_directory_of(&paths, ks_settings_text(d->settings, "control.socket"), true);
    if (*log_path)
        let_directory_of(&paths, log_path, true);
    let_read(&paths, d->config_path);
    for (size_t i = 0; ks_config_domain_at(ks_settings_config(d->settings), i); i++) {
        let_read(&paths, ks_settings_domain_text(d->settings, i, "certificate"));
        let_read(&paths, ks_settings_domain_text(d->settings, i, "key"));
    }
    enum ks_err err = ks_sandbox_enter(
        &(struct ks_sandbox_setup) {
            .change_user = d->change_user, .uid = d->uid, .gid = d->gid, .paths = paths.path, .count = paths.count },
        &d->landlock);
    while (paths.count)
        free(paths.owned[--paths.count]);
    if (err == KS_EDENIED)
        say("konsild cannot become user %s.", ks_settings_text(d->settings, "process.user"));
    else if (err)
        say("The sandbox cannot be entered: %s. --no-sandbox starts without it, less safely.", strerror(errno));
    else if (!d->landlock)
        say("This kernel has no Landlock: files are guarded by their owners and modes alone.");
    return err == KS_OK;
}

/* --- the store --- */

static bool get_key(struct daemon *d)
{
    enum ks_err err = ks_key_file_read(d->key_path, d->key);

    if (err == KS_ENOTFOUND && access(d->database_path, F_OK) == 0) {
        say("There is a database, %s, but no key for it. Put the key back into %s.", d->database_path, d->key_path);
        return false;
    }
    if (err == KS_ENOTFOUND && (err = ks_key_file_make(d->key_path, d->key)) == KS_OK)
        say("A new key for the database was made: %s. Keep a copy elsewhere: without it the data is lost.",
            d->key_path);
    else if (err == KS_EDENIED)
        say("The key %s must be konsild's alone: chown it to konsild's user, and chmod 600.", d->key_path);
    else if (err == KS_ESYNTAX)
        say("The key %s is damaged: it must hold 64 hexadecimal digits. Put the right file back.", d->key_path);
    else if (err)
        say("The key %s cannot be read or made: %s.", d->key_path, strerror(errno));
    return err == KS_OK;
}

static bool open_store(struct daemon *d)
{
    static const struct meaning meanings[] = {
        { KS_EEXISTS, "Another konsild has this database open. Stop it first: one data directory serves one konsild." },
        { KS_ECRYPTO,
            "The key does not open this database: it is the key of another one, or the file is damaged. Put the "
            "right key back (data.key_file), or restore a backup with konsilctl." },
        { KS_EVERSION,
            "This database was written by a newer konsild. Install that version, or restore an older backup." },
        { KS_ESTORE, "This database is damaged. Restore a backup with konsilctl." },
        { KS_EFULL, "There is no room on this disk. Make room and start again." },
        { KS_EIO, "This database cannot be opened or made. Give konsild's user the right to write to its directory." },
        { KS_OK, "There is not enough memory to open this database." },
    };
    const char *path = d->database_path;
    struct ks_sqlite_setup setup = { .path = path,
        .key = d->key,
        .pages = ks_settings_number(d->settings, "data.cipher") ? KS_PAGES_CHACHA20 : KS_PAGES_AEGIS };
    struct ks_prng prng;
    uint8_t seed[KS_PRNG_SEED_LEN];
    enum ks_err err = ks_sqlite_server_store_open(&setup, &d->store);

    if (err == KS_OK) {
        ks_system_entropy(seed, sizeof seed);
        ks_prng_init(&prng, seed);
        err = ks_committer_new(d->store, &prng, &d->committer);
        ks_prng_done(&prng);
        ks_wipe(seed, sizeof seed);
    }
    if (err)
        say("%s: %s", path, sentence_of(meanings, err));
    return err == KS_OK;
}

/* In the store's thread. */
static void store_broke(void *user)
{
    struct daemon *d = user;

    atomic_store(&d->broken, true);
    pthread_kill(d->main_thread, SIGTERM);
}

static bool start_threads(struct daemon *d)
{
    struct ks_server_setup setup = { .reactors = d->threads,
        .config = ks_settings_config(d->settings),
        .log = ks_log_file_log(d->log),
        .archive_ids = ks_committer_archive_ids(d->committer),
        .version = KONSIL_VERSION };

    ks_hkdf(KS_SHA256, ks_str(d->key, sizeof d->key), KS_STR_EMPTY, KS_STR("konsild installation"), setup.secret,
        sizeof setup.secret);
    d->server = ks_server_new(&setup);
    ks_wipe(setup.secret, sizeof setup.secret);
    ks_wipe(d->key, sizeof d->key);
    d->boxes = calloc(d->threads, sizeof(struct ks_mailbox *));
    d->has_store_box = ks_mailbox_init(&d->store_box) == KS_OK;
    if (!d->server || !d->boxes || !d->has_store_box)
        return false;
    d->listen_fds_given = true;
    d->reactors = ks_reactors_new(&(struct ks_reactors_setup) { .server = d->server,
        .count = d->threads,
        .log = ks_log_file_log(d->log),
        .certs = d->certs,
        .store = &d->store_box,
        .store_kind = KS_LETTER_STORE,
        .listen = d->listen,
        .listen_count = d->listen_count,
        .listen_fds = d->listen_fds,
        .connections_max = d->connections_max,
        .accepts_per_second = (uint32_t)ks_settings_number(d->settings, "listen.connections_per_second"),
        .handshake_ms = ks_settings_number(d->settings, "tls.handshake_timeout") * 1000 });
    if (!d->reactors)
        return false;
    for (size_t i = 0; i < d->threads; i++)
        d->boxes[i] = ks_reactors_box(d->reactors, i);
    d->store_thread = ks_store_thread_start(&(struct ks_store_thread_setup) { .committer = d->committer,
                                                .log = ks_log_file_log(d->log),
                                                .submitters = d->boxes,
                                                .submitters_count = d->threads,
                                                .answer_kind = KS_LETTER_ANSWER,
                                                .broken = store_broke,
                                                .user = d },
        &d->store_box);
    return d->store_thread && ks_reactors_start(d->reactors) == KS_OK;
}

static bool start(struct daemon *d)
{
    if (!raise_limits(d) || !find_user(d) || !make_data_directory(d) || !open_log(d) || !open_sockets(d)
        || !enter_sandbox(d) || !get_key(d) || !(d->certs = load_certs(d->settings)) || !open_store(d))
        return false;
    if (!start_threads(d)) {
        say("There is not enough memory, or there are too few descriptors, for %u threads.", d->threads);
        return false;
    }
    if (d->sandbox && ks_sandbox_seal() != KS_OK) {
        say("The system calls cannot be filtered. --no-sandbox starts without, less safely.");
        return false;
    }
    ks_log(ks_log_file_log(d->log), KS_INFO, "konsild.started", KS_NUM("threads", d->threads),
        KS_NUM("connections_max", d->connections_max), KS_NUM("sandbox", d->sandbox), KS_NUM("landlock", d->landlock));
    return true;
}

/* --- running --- */

/* New settings and certificates, or those of before. */
static void reload(struct daemon *d)
{
    const struct ks_log *log = ks_log_file_log(d->log);
    struct ks_settings *settings = read_settings(d->config_path);
    struct ks_tls_certs *certs = settings ? load_certs(settings) : NULL;
    const struct ks_option *changed;

    if (!certs) {
        ks_log(log, KS_ERROR, "konsild.reload.refused");
        ks_settings_free(settings);
        return;
    }
    for (size_t at = 0; (changed = ks_settings_changed(d->settings, settings, &at));)
        ks_log(log, KS_WARNING, "konsild.reload.wants_restart", KS_OURS("option", changed->name));
    if (ks_log_file_reopen(
            d->log, ks_settings_text(settings, "log.file"), (enum ks_level)ks_settings_number(settings, "log.level"))
        != KS_OK)
        ks_log(log, KS_ERROR, "log.reopen.failed");
    ks_reactors_configure(d->reactors, ks_settings_config(settings), certs);
    ks_tls_certs_unref(d->certs);
    d->certs = certs;
    ks_settings_free(d->settings);
    d->settings = settings;
    ks_log(log, KS_INFO, "konsild.reloaded");
}

static void serve(struct daemon *d, const sigset_t *signals)
{
    int signal_number = 0;

    do {
        siginfo_t info;
        signal_number = sigwaitinfo(signals, &info);
        if (signal_number == SIGHUP)
            reload(d);
    } while (signal_number != SIGTERM && signal_number != SIGINT);
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
        ks_reactors_stop(d->reactors);
    }
    ks_store_thread_stop(d->store_thread);
    ks_reactors_free(d->reactors);
    ks_server_free(d->server);
    if (d->has_store_box)
        ks_mailbox_done(&d->store_box);
    free(d->boxes);
    ks_committer_free(d->committer);
    ks_server_store_free(d->store);
    ks_tls_certs_unref(d->certs);
    for (size_t i = 0; !d->listen_fds_given && d->listen_fds && i < d->listen_count * d->threads; i++)
        close(d->listen_fds[i]);
    free(d->listen_fds);
    if (d->log)
        ks_log(ks_log_file_log(d->log), KS_INFO, "konsild.stopped");
    ks_log_file_close(d->log);
    ks_settings_free(d->settings);
    free(d->database_path);
    free(d->key_path);
    ks_wipe(d->key, sizeof d->key);
}

/* --- --sandbox-probe --- */

struct probe {
    struct ks_reactors_call call;
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
    int allowed = ks_sandbox_probe(stdout, "main thread");
    const struct timespec pause = { .tv_nsec = 1000000 };

    for (size_t i = 0; i < d->threads; i++) {
        struct probe probe = { .call = { probe_thread, &probe }, .thread = i };
        ks_reactors_run(d->reactors, i, &probe.call);
        while (!atomic_load(&probe.done))
            nanosleep(&pause, NULL);
        allowed += probe.allowed;
    }
    printf(allowed ? "%d were allowed.\n" : "All were refused.\n", allowed);
    return allowed ? 1 : 0;
}

static int run(const char *config_path, bool sandbox, bool probe)
{
    struct daemon d = {
        .config_path = config_path, .sandbox = sandbox && !ks_sandbox_unfit(), .main_thread = pthread_self()
    };
    sigset_t signals;
    int status = 1;

    /* Threads inherit this: signals come to the main thread only, when it asks. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    d.settings = read_settings(config_path);
    if (!d.settings)
        return EXIT_CONFIG;
    if (start(&d)) {
        status = 0;
        if (probe)
            status = probe_all(&d);
        else
            serve(&d, &signals);
    }
    stop(&d);
    if (atomic_load(&d.broken)) {
        say("The database can no longer be written safely. Look at the disk, then start again; what was acknowledged "
            "is "
            "kept.");
        status = 1;
    }
    return status;
}

/* --- options --- */

static void help(void)
{
    puts("usage: konsild [--config FILE]           serve, in the foreground; SIGHUP reads the settings again\n"
         "       konsild --check FILE              judge settings and certificates, and do nothing\n"
         "       konsild --print-options           all options, with their ranges and defaults\n"
         "       konsild --sandbox-probe FILE      start as for serving, try what the sandbox must refuse, and end\n"
         "       konsild --version | --help\n"
         "  --config FILE   instead of " KONSILD_CONFIG "\n"
         "  --no-sandbox    for builds with sanitizers, and for looking at a live process");
}

static int print_options(bool manual)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1 << 20);
    ks_settings_print(&buf, manual);
    bool printed = ks_buf_err(&buf) == KS_OK && fwrite(buf.ptr, 1, buf.len, stdout) == buf.len;
    ks_buf_done(&buf);
    return printed ? 0 : 1;
}

int main(int argc, char **argv)
{
    enum { OPT_CHECK = 1, OPT_PRINT, OPT_PRINT_MANUAL, OPT_PROBE, OPT_NO_SANDBOX, OPT_VERSION, OPT_HELP };
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "check", required_argument, NULL, OPT_CHECK },
        { "print-options", no_argument, NULL, OPT_PRINT },
        { "print-manual", no_argument, NULL, OPT_PRINT_MANUAL },
        { "sandbox-probe", required_argument, NULL, OPT_PROBE },
        { "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
        { "version", no_argument, NULL, OPT_VERSION },
        { "help", no_argument, NULL, OPT_HELP },
        { 0 },
    };
    const char *config_path = KONSILD_CONFIG;
    bool sandbox = true, probe = false;
    int option;

    if (ks_crypto_init() != KS_OK) {
        say("OpenSSL does not start. Look at its configuration, /etc/ssl/openssl.cnf.");
        return 1;
    }
    while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1)
        switch (option) {
        case 'c':
            config_path = optarg;
            break;
        case OPT_CHECK:
            return check(optarg);
        case OPT_PRINT:
        case OPT_PRINT_MANUAL:
            return print_options(option == OPT_PRINT_MANUAL);
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
            help();
            return 0;
        default:
            fputs("konsild --help shows all options.\n", stderr);
            return 2;
        }
    if (optind < argc) {
        say("%s is no option. konsild --help shows all.", argv[optind]);
        return 2;
    }
    return run(config_path, sandbox, probe);
}
