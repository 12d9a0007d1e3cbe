/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsild_parts.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command_line.h"
#include "control.h"
#include "courier.h"
#include "push.h"
#include "sandbox.h"
#include "say.h"
#include "sentence.h"
#include "system.h"

#define DESCRIPTORS_KEPT 128 /* for files, threads and administration */
#define FILLINGS_MAX 4
#define PATHS_MAX 64
#define DOMAINS_MAX 1000

/* --- sentences --- */

static void say(const char *before, const char *id, va_list args)
{
    enum ks_language language = command_line_language();
    struct ks_filling fillings[FILLINGS_MAX + 1] = { 0 };
    struct ks_buf line;
    size_t count = 0;

    while (count < FILLINGS_MAX) {
        const char *name = va_arg(args, const char *);
        if (!name)
            break;
        fillings[count++] = (struct ks_filling) { name, ks_str_z(va_arg(args, const char *)) };
    }
    ks_buf_init(&line, 100000);
    ks_sentence_write(&line, language, id, fillings);
    ks_buf_z(&line, ks_say_do(language, id).len ? " " : "");
    ks_sentence_write_do(&line, language, id, fillings);
    fprintf(stderr, "%s: %.*s\n", before, KS_STR_FMT(ks_buf_str(&line)));
    ks_buf_done(&line);
}

void konsild_say(const char *id, ...)
{
    va_list args;

    va_start(args, id);
    say("konsild", id, args);
    va_end(args);
}

void konsild_say_of(const char *place, const char *option, const char *id, ...)
{
    char before[4200];
    va_list args;

    snprintf(before, sizeof before, "%s: %s", place, option);
    va_start(args, id);
    say(before, id, args);
    va_end(args);
}

/* What an error means where it happened; the last row is for all others. */
struct meaning {
    enum ks_err err;
    const char *id;
};

static const char *meaning_of(const struct meaning *meanings, enum ks_err err)
{
    while (meanings->err != KS_OK && meanings->err != err)
        meanings++;
    return meanings->id;
}

/* --- settings --- */

struct ks_settings *konsild_read_settings(const char *path)
{
    struct ks_settings *settings = NULL;
    struct ks_buf complaints;

    ks_buf_init(&complaints, 1 << 20);
    enum ks_err err = ks_settings_read(path, command_line_language(), &settings, &complaints);
    if (err == KS_ENOMEM)
        konsild_say(SAY("konsild.memory"), NULL);
    else if (err)
        fprintf(stderr, "%.*s", KS_STR_FMT(ks_buf_str(&complaints)));
    ks_buf_done(&complaints);
    return settings;
}

/* One more address, or one that is there and serves something more. */
static bool add_address(struct konsild_parts *p, const struct ks_listen_address *address)
{
    for (size_t i = 0; i < p->listen_count; i++)
        if (ks_listen_same(&p->listen[i], address)) {
            p->listen[i].serves |= address->serves;
            return true;
        }
    if (p->listen_count == KONSILD_LISTEN_MAX) {
        konsild_say(SAY("konsild.listen-many"), NULL);
        return false;
    }
    p->listen[p->listen_count++] = *address;
    return true;
}

static bool read_addresses(struct konsild_parts *p, const char *addresses, unsigned serves)
{
    struct ks_str list = ks_str_z(addresses), text;
    struct ks_listen_address address;

    while (ks_str_cut(&list, ' ', &text))
        if (text.len && (ks_listen_parse(text, serves, &address) != KS_OK || !add_address(p, &address)))
            return false; /* ks_settings_read complained, or add_address did */
    return true;
}

bool konsild_read_addresses(struct konsild_parts *p)
{
    const char *addresses;
    unsigned serves;

    for (size_t at = 0; (addresses = ks_settings_listen(p->settings, &at, &serves));)
        if (!read_addresses(p, addresses, serves))
            return false;
    if (!p->listen_count)
        konsild_say(SAY("konsild.listen-nothing"), NULL);
    return p->listen_count > 0;
}

/* Which setting names the file that could not be loaded. */
static void say_of_file(
    const struct ks_settings *settings, const struct ks_tls_cert_files *files, const char *file, const char *id)
{
    const char *option;
    size_t i = 0;

    while (file != files[i].certificate && file != files[i].key && file != files[i].client_ca
        && file != files[i].client_crl)
        i++;
    option = file == files[i].key     ? "key"
        : file == files[i].client_ca  ? "tls.client_ca"
        : file == files[i].client_crl ? "tls.client_crl"
                                      : "certificate";
    konsild_say_of(ks_settings_domain_place(settings, i, option), option, id, "file", file, NULL);
}

struct ks_tls_certs *konsild_load_certs(const struct ks_settings *settings)
{
    static const struct meaning meanings[] = {
        { KS_EIO, SAY("konsild.certificate-unreadable") },
        { KS_OK, SAY("konsild.certificate-wrong") },
    };
    struct ks_tls_cert_files files[DOMAINS_MAX];
    struct ks_tls_certs *certs = NULL;
    const struct ks_domain *domain;
    const char *file = "";
    size_t count = 0;

    for (; count < DOMAINS_MAX && (domain = ks_config_domain_at(ks_settings_config(settings), count)); count++)
        files[count] = (struct ks_tls_cert_files) { domain->name,
            ks_settings_domain_text(settings, count, "certificate"), ks_settings_domain_text(settings, count, "key"),
            ks_settings_domain_text(settings, count, "tls.client_ca"),
            ks_settings_domain_text(settings, count, "tls.client_crl") };
    enum ks_err err = ks_tls_certs_load(files, count, &certs, &file);
    if (err == KS_ENOMEM)
        konsild_say(SAY("konsild.memory"), NULL);
    else if (err)
        say_of_file(settings, files, file, meaning_of(meanings, err));
    else if (ks_tls_certs_end_ms(certs) < ks_system_now().wall_ms)
        konsild_say(SAY("konsild.certificate-expired"), NULL);
    if (certs && ks_tls_certs_crl_end_ms(certs) < ks_system_now().wall_ms)
        konsild_say(SAY("konsild.crl-expired"), NULL);
    for (size_t i = 0; certs && i < count; i++)
        if (!ks_tls_certs_named(certs, i)) {
            char name[1024];
            snprintf(name, sizeof name, "%.*s", KS_STR_FMT(files[i].domain));
            konsild_say_of(ks_settings_domain_place(settings, i, "certificate"), "certificate",
                SAY("konsild.certificate-name"), "file", files[i].certificate, "name", name, NULL);
        }
    return certs;
}

/* --- before the sandbox --- */

bool konsild_raise_limits(struct konsild_parts *p)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t threads = ks_settings_number(p->settings, "process.threads");
    p->threads = (uint16_t)(threads ? threads : cpus < 2 ? 1 : cpus > 128 ? 128 : cpus - 1);
    rlim_t kept = DESCRIPTORS_KEPT + (rlim_t)p->threads * (2 + KONSILD_LISTEN_MAX);
    if (files.rlim_cur < kept + 16) {
        char count[32];
        snprintf(count, sizeof count, "%ju", (uintmax_t)files.rlim_cur);
        konsild_say(SAY("konsild.descriptors"), "count", count, NULL);
        return false;
    }
    p->connections_max = files.rlim_cur - kept > 10000000 ? 10000000 : (unsigned)(files.rlim_cur - kept);
    return true;
}

bool konsild_find_user(struct konsild_parts *p)
{
    const char *name = ks_settings_text(p->settings, "process.user");
    bool wanted = *name && geteuid() == 0;
    struct passwd *user = wanted ? getpwnam(name) : NULL;

    p->uid = user ? user->pw_uid : geteuid();
    p->gid = user ? user->pw_gid : getegid();
    p->change_user = user != NULL;
    if (wanted && !user)
        konsild_say(SAY("konsild.user"), "user", name, NULL);
    return !wanted || user;
}

/* The first of: the settings' file, the service manager's credential, a file beside the database. */
static bool choose_key_path(struct konsild_parts *p, const char *directory)
{
    const char *key_file = ks_settings_text(p->settings, "data.key_file");
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    char *given = NULL;

    if (*key_file)
        return (p->key_path = strdup(key_file)) != NULL;
    if (credentials && asprintf(&given, "%s/konsild.key", credentials) >= 0) {
        if (access(given, F_OK) == 0) {
            p->key_path = given;
            return true;
        }
        free(given);
    }
    return asprintf(&p->key_path, "%s/konsild.key", directory) >= 0;
}

/* Before there is anything that it should not have: files, sockets, keys. */
bool konsild_start_courier(struct konsild_parts *p)
{
    p->courier_fds = malloc(p->threads * sizeof p->courier_fds[0]);
    if (!p->courier_fds) {
        konsild_say(SAY("konsild.memory"), NULL);
        return false;
    }
    enum ks_err err =
        ks_courier_start(&(struct ks_courier_setup) { .count = p->threads,
                             .ca_file = ks_settings_text(p->settings, "push.ca_file"),
                             .private_addresses = ks_settings_number(p->settings, "push.private_addresses"),
                             .sandbox = p->sandbox,
                             .change_user = p->change_user,
                             .uid = p->uid,
                             .gid = p->gid },
            p->courier_fds);
    if (err == KS_OK)
        return true;
    konsild_say(SAY("konsild.courier"), "reason", strerror(errno), NULL);
    free(p->courier_fds);
    p->courier_fds = NULL;
    return false;
}

/* A directory of konsild's own; an existing one stays as it is. */
static bool make_one(const struct konsild_parts *p, const char *directory)
{
    bool made = mkdir(directory, 0700) == 0;

    if ((made || errno == EEXIST) && (!made || !p->change_user || chown(directory, p->uid, p->gid) == 0))
        return true;
    konsild_say(SAY("konsild.directory"), "directory", directory, "reason", strerror(errno), NULL);
    return false;
}

/* The path that an option names, or one in the data directory. */
static char *path_or(const struct konsild_parts *p, const char *option, const char *directory, const char *name)
{
    const char *path = ks_settings_text(p->settings, option);
    char *made = NULL;

    return asprintf(&made, "%s%s%s", *path ? path : directory, *path ? "" : "/", *path ? "" : name) < 0 ? NULL : made;
}

static char *beside(const char *directory, const char *name)
{
    char *made = NULL;

    return asprintf(&made, "%s/%s", directory, name) < 0 ? NULL : made;
}

bool konsild_make_directories(struct konsild_parts *p)
{
    const char *directory = ks_settings_text(p->settings, "data.directory");

    if (!make_one(p, directory))
        return false;
    p->backup_directory = path_or(p, "backup.directory", directory, "backup");
    p->backup_key_directory = path_or(p, "backup.key_directory", directory, "backup-keys");
    p->files_directory = path_or(p, "files.directory", directory, "files");
    if (p->backup_directory && p->backup_key_directory && p->files_directory && choose_key_path(p, directory)
        && (p->database_path = beside(directory, "konsild.db")) && (p->shred_path = beside(directory, "shred.db"))
        && (p->shred_key_path = beside(directory, "shred.key"))
        && (p->shred_backup_directory = beside(directory, "shred-backup")))
        return make_one(p, p->backup_directory) && make_one(p, p->backup_key_directory)
            && make_one(p, p->files_directory) && make_one(p, p->shred_backup_directory);
    konsild_say(SAY("konsild.memory"), NULL);
    return false;
}

bool konsild_open_log(struct konsild_parts *p)
{
    const char *path = ks_settings_text(p->settings, "log.file");

    p->log = ks_log_file_open(path, (enum ks_level)ks_settings_number(p->settings, "log.level"));
    if (p->log && (!*path || !p->change_user || chown(path, p->uid, p->gid) == 0))
        return true;
    konsild_say(SAY("konsild.log"), "file", path, "reason", strerror(errno), NULL);
    return false;
}

static const char *service_name(unsigned serves)
{
    switch (serves) {
    case KS_LISTEN_STARTTLS:
        return "starttls";
    case KS_LISTEN_DIRECT_TLS:
        return "direct_tls";
    case KS_LISTEN_HTTPS:
        return "https";
    case KS_LISTEN_REDIRECT:
        return "http";
    case KS_LISTEN_METRICS:
        return "metrics";
    case KS_LISTEN_COMPONENT:
        return "component";
    default:
        return "direct_tls_and_https";
    }
}

static bool open_listeners(struct konsild_parts *p)
{
    static const struct meaning meanings[] = {
        { KS_EEXISTS, SAY("konsild.port-in-use") },
        { KS_EDENIED, SAY("konsild.port-denied") },
        { KS_ENOTFOUND, SAY("konsild.port-address") },
        { KS_OK, SAY("konsild.port") },
    };

    p->listen_fds = malloc(p->listen_count * p->threads * sizeof p->listen_fds[0]);
    for (size_t i = 0; p->listen_fds && i < p->listen_count; i++) {
        char port[8];
        snprintf(port, sizeof port, "%u", ks_listen_port(&p->listen[i]));
        enum ks_err err = ks_listen_open(&p->listen[i], p->threads, p->listen_fds + i * p->threads);
        if (err) {
            konsild_say(meaning_of(meanings, err), "port", port, NULL);
            p->listen_count = i;
            return false;
        }
        ks_log(ks_log_file_log(p->log), KS_INFO, "listen.open", KS_NUM("port", ks_listen_port(&p->listen[i])),
            KS_OURS("serves", service_name(p->listen[i].serves)));
    }
    if (!p->listen_fds)
        konsild_say(SAY("konsild.memory"), NULL);
    return p->listen_fds != NULL;
}

/* The users that an option names, with a right more. */
static bool give_right(struct konsild_parts *p, const char *option, unsigned right, struct ks_control_user *users,
    size_t max, size_t *count)
{
    struct ks_str list = ks_str_z(ks_settings_text(p->settings, option)), text;

    while (ks_str_cut(&list, ' ', &text)) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", KS_STR_FMT(text));
        struct passwd *user = text.len ? getpwnam(name) : NULL;
        size_t at = 0;
        if (!text.len)
            continue;
        if (!user) {
            konsild_say(SAY("konsild.user"), "user", name, NULL);
            return false;
        }
        while (at < *count && users[at].uid != user->pw_uid)
            at++;
        if (at == max)
            return true;
        users[at] = (struct ks_control_user) { user->pw_uid, (at < *count ? users[at].rights : 0) | right };
        *count = at < *count ? *count : at + 1;
    }
    return true;
}

static bool open_control(struct konsild_parts *p)
{
    const char *path = ks_settings_text(p->settings, "control.socket");
    const char *group_name = ks_settings_text(p->settings, "control.group");
    struct group *group = *group_name ? getgrnam(group_name) : NULL;
    struct ks_control_user users[64];
    size_t count = 0;

    if (*group_name && !group) {
        konsild_say(SAY("konsild.user"), "user", group_name, NULL);
        return false;
    }
    if (!give_right(p, "control.accounts", KS_RIGHT_ACCOUNTS, users, KS_COUNT(users), &count)
        || !give_right(p, "control.operate", KS_RIGHT_OPERATE, users, KS_COUNT(users), &count)
        || !give_right(p, "control.audit", KS_RIGHT_AUDIT, users, KS_COUNT(users), &count))
        return false;
    enum ks_err err = ks_control_socket_open(&(struct ks_control_socket_setup) { .path = path,
                                                 .owner = p->uid,
                                                 .group = group ? group->gr_gid : p->gid,
                                                 .users = users,
                                                 .users_count = count },
        &p->control);
    if (err == KS_EEXISTS)
        konsild_say(SAY("konsild.control-in-use"), "file", path, NULL);
    else if (err)
        konsild_say(SAY("konsild.control"), "file", path, "reason", strerror(errno), NULL);
    return err == KS_OK;
}

bool konsild_open_sockets(struct konsild_parts *p)
{
    return konsild_read_addresses(p) && open_listeners(p) && open_control(p);
}

/* --- the sandbox --- */

struct paths {
    struct ks_sandbox_path path[PATHS_MAX];
    char *owned[PATHS_MAX];
    size_t count;
};

/* Takes path. What does not fit stays closed, which is the safe side. */
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

/* A file that a reload reads again, and the place it links to, as tools that renew certificates do. */
static void let_read(struct paths *paths, const char *file)
{
    char *real = realpath(file, NULL);

    let_directory_of(paths, file, false);
    if (real)
        let_directory_of(paths, real, false);
    free(real);
}

bool konsild_enter_sandbox(struct konsild_parts *p)
{
    struct paths paths = { 0 };
    const char *log_path = ks_settings_text(p->settings, "log.file");

    if (!p->sandbox)
        konsild_say(
            SAY("konsild.sandbox-off"), "reason", ks_sandbox_unfit() ? ks_sandbox_unfit() : "--no-sandbox", NULL);
    let(&paths, strdup(ks_settings_text(p->settings, "data.directory")), true);
    let(&paths, strdup(p->backup_directory), true);
    let(&paths, strdup(p->backup_key_directory), true);
    let(&paths, strdup(p->files_directory), true);
    let_directory_of(&paths, p->key_path, access(p->key_path, F_OK) != 0);
    let_directory_of(&paths, ks_settings_text(p->settings, "control.socket"), true);
    if (*log_path)
        let_directory_of(&paths, log_path, true);
    let_read(&paths, p->config_path);
    if (*ks_settings_text(p->settings, "web.root"))
        let(&paths, strdup(ks_settings_text(p->settings, "web.root")), false);
    for (size_t i = 0; ks_config_domain_at(ks_settings_config(p->settings), i); i++) {
        static const char *const options[] = { "certificate", "key", "tls.client_ca", "tls.client_crl" };
        for (size_t j = 0; j < KS_COUNT(options); j++)
            if (*ks_settings_domain_text(p->settings, i, options[j]))
                let_read(&paths, ks_settings_domain_text(p->settings, i, options[j]));
    }
    enum ks_err err = ks_sandbox_enter(&(struct ks_sandbox_setup) { .user_only = !p->sandbox,
                                           .change_user = p->change_user,
                                           .uid = p->uid,
                                           .gid = p->gid,
                                           .paths = paths.path,
                                           .count = paths.count },
        &p->landlock);
    while (paths.count)
        free(paths.owned[--paths.count]);
    if (err == KS_EDENIED)
        konsild_say(SAY("konsild.user-change"), "user", ks_settings_text(p->settings, "process.user"), NULL);
    else if (err)
        konsild_say(SAY("konsild.sandbox"), "reason", strerror(errno), NULL);
    else if (p->sandbox && !p->landlock)
        konsild_say(SAY("konsild.landlock"), NULL);
    return err == KS_OK;
}

/* --- in the sandbox --- */

bool konsild_get_key(struct konsild_parts *p)
{
    static const struct meaning meanings[] = {
        { KS_EDENIED, SAY("konsild.key-open") },
        { KS_ESYNTAX, SAY("konsild.key-damaged") },
        { KS_OK, SAY("konsild.key") },
    };
    enum ks_err err = ks_key_file_read(p->key_path, p->key);

    if (err == KS_ENOTFOUND && access(p->database_path, F_OK) == 0) {
        konsild_say(SAY("konsild.key-missing"), "file", p->key_path, "database", p->database_path, NULL);
        return false;
    }
    if (err == KS_ENOTFOUND && (err = ks_key_file_make(p->key_path, p->key)) == KS_OK)
        konsild_say(SAY("konsild.key-made"), "file", p->key_path, NULL);
    if (err)
        konsild_say(meaning_of(meanings, err), "file", p->key_path, "reason", strerror(errno), NULL);
    return err == KS_OK;
}

/* A database stays with the cipher that it was made with, whatever the settings want of a new one. */
static enum ks_err open_pages(struct konsild_parts *p)
{
    enum ks_pages wanted = ks_settings_number(p->settings, "data.cipher") ? KS_PAGES_CHACHA20 : KS_PAGES_AEGIS;
    enum ks_pages other = wanted == KS_PAGES_AEGIS ? KS_PAGES_CHACHA20 : KS_PAGES_AEGIS;
    struct ks_sqlite_setup setup = { .path = p->database_path, .key = p->key, .pages = wanted };
    enum ks_err err = ks_sqlite_server_store_open(&setup, &p->store);

    if (err == KS_ECRYPTO) {
        setup.pages = other;
        err = ks_sqlite_server_store_open(&setup, &p->store);
    }
    p->pages = setup.pages;
    return err;
}

/* Salts and key rings: a file and a key of their own, so that they stay when the database is put back from a backup,
 * which has a new key then; the pages are like the database's. */
static enum ks_err open_shred(struct konsild_parts *p)
{
    uint8_t key[KS_KEY_FILE_LEN];
    struct ks_sqlite_setup setup = { .path = p->shred_path, .key = key, .pages = p->pages };
    enum ks_err err = ks_key_file_read(p->shred_key_path, key);

    if (err == KS_ENOTFOUND && access(p->shred_path, F_OK) != 0)
        err = ks_key_file_make(p->shred_key_path, key);
    if (err == KS_ENOTFOUND || err == KS_EDENIED || err == KS_ESYNTAX)
        err = KS_ECRYPTO; /* konsild.store-key names the file */
    if (err == KS_OK)
        err = ks_sqlite_shred_store_open(&setup, &p->shred);
    ks_wipe(key, sizeof key);
    return err;
}

const char *konsild_store_sentence(enum ks_err err)
{
    static const struct meaning meanings[] = {
        { KS_EEXISTS, SAY("konsild.store-in-use") },
        { KS_ECRYPTO, SAY("konsild.store-key") },
        { KS_EVERSION, SAY("konsild.store-version") },
        { KS_ESTORE, SAY("konsild.store-damaged") },
        { KS_EFULL, SAY("konsild.store-full") },
        { KS_EIO, SAY("konsild.store-unwritable") },
        { KS_OK, SAY("konsild.memory") },
    };

    return meaning_of(meanings, err);
}

bool konsild_open_store(struct konsild_parts *p)
{
    const char *path = p->database_path, *key_path = p->key_path;
    enum ks_err err = open_pages(p);
    uint8_t seed[KS_PRNG_SEED_LEN];
    struct ks_prng prng;

    if (err == KS_OK) {
        ks_system_entropy(seed, sizeof seed);
        ks_prng_init(&prng, seed);
        err = ks_push_key_open(p->store, &prng, p->push_key);
        if (err == KS_OK)
            err = ks_committer_new(p->store, &prng, &p->committer);
        ks_prng_done(&prng);
        ks_wipe(seed, sizeof seed);
    }
    if (err == KS_OK) {
        path = p->shred_path;
        key_path = p->shred_key_path;
        err = open_shred(p);
    }
    if (err == KS_OK)
        ks_committer_set_shred(p->committer, p->shred);
    else
        konsild_say(konsild_store_sentence(err), "file", path, "key", key_path, NULL);
    return err == KS_OK;
}

void konsild_parts_done(struct konsild_parts *p)
{
    ks_committer_free(p->committer);
    konsild_close_vault(p);
    ks_server_store_free(p->store);
    ks_shred_store_free(p->shred);
    ks_tls_certs_unref(p->certs);
    ks_web_free(p->web);
    for (size_t i = 0; p->listen_fds && i < p->listen_count * p->threads; i++)
        close(p->listen_fds[i]);
    free(p->listen_fds);
    for (size_t i = 0; p->courier_fds && i < p->threads; i++)
        close(p->courier_fds[i]);
    free(p->courier_fds);
    ks_control_socket_close(p->control);
    ks_log_file_close(p->log);
    ks_settings_free(p->settings);
    free(p->database_path);
    free(p->shred_path);
    free(p->shred_key_path);
    free(p->shred_backup_directory);
    free(p->key_path);
    if (p->files_open)
        ks_file_store_close(&p->files);
    free(p->files_directory);
    free(p->backup_directory);
    free(p->backup_key_directory);
    ks_wipe(p->key, sizeof p->key);
    ks_wipe(p->push_key, sizeof p->push_key);
}
