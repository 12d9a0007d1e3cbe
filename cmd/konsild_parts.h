/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsild_parts.h -- konsild, taken apart: what it needs before its threads start.
 *
 * Each step says in a sentence what went wrong, and what to do, before it returns false. Their order in konsild.c is
 * part of their contract: sockets are opened with the rights of whoever starts konsild, files with those of the
 * sandbox. */
#ifndef KS_KONSILD_PARTS_H
#define KS_KONSILD_PARTS_H

#include "committer.h"
#include "control_socket.h"
#include "key_file.h"
#include "listener.h"
#include "log_file.h"
#include "server.h"
#include "server_store.h"
#include "settings.h"
#include "sqlite_server_store.h"
#include "sqlite_shred_store.h"
#include "store_thread.h"
#include "tls_server.h"
#include "vault_tombs.h"
#include "web.h"
#include "web_files.h"

#define KONSILD_LISTEN_MAX 16

struct konsild_parts {
    const char *config_path;
    bool sandbox;
    struct ks_settings *settings;
    struct ks_log_file *log;
    char *database_path, *shred_path, *shred_key_path, *shred_backup_directory, *key_path, *backup_directory,
        *backup_key_directory;
    enum ks_pages pages;
    uid_t uid; /* who konsild is, or becomes */
    gid_t gid;
    bool change_user;
    uint16_t threads;
    unsigned connections_max;
    struct ks_listen_address listen[KONSILD_LISTEN_MAX];
    size_t listen_count;
    int *listen_fds;  /* listen_count times threads; NULL once they are given away */
    int *courier_fds; /* threads; NULL once they are given away */
    struct ks_control_socket *control;
    int landlock;
    uint8_t key[KS_KEY_FILE_LEN];      /* wiped once it is used */
    uint8_t push_key[KS_PUSH_KEY_LEN]; /* likewise */
    struct ks_tls_certs *certs;
    struct ks_web *web; /* NULL: nothing listens for HTTP */
    char *files_directory;
    struct ks_file_store files;
    bool files_open;
    struct ks_server_store *store;
    struct ks_shred_store *shred;
    struct ks_committer *committer;
    struct ks_vault_store *vault;
    struct ks_vault_tombs_file tombs;
    bool tombs_open;
    struct ks_vault_keeper *keeper;
    char *vault_backups, *vault_backup_keys; /* directories */
};

/* A sentence of the catalogue on stderr, with pairs of place and text, ended by NULL. */
__attribute__((sentinel)) void konsild_say(const char *id, ...);
/* The same of a setting: where it stands (settings.h) and its name come first, as in all that is said of settings. */
__attribute__((sentinel)) void konsild_say_of(const char *place, const char *option, const char *id, ...);

/* NULL: said. */
KS_CHECK struct ks_settings *konsild_read_settings(const char *path);
KS_CHECK struct ks_tls_certs *konsild_load_certs(const struct ks_settings *settings);
KS_CHECK bool konsild_read_addresses(struct konsild_parts *parts);

/* The steps, after the settings were read. */
KS_CHECK bool konsild_raise_limits(struct konsild_parts *parts);
KS_CHECK bool konsild_find_user(struct konsild_parts *parts);
KS_CHECK bool konsild_start_courier(struct konsild_parts *parts);
KS_CHECK bool konsild_make_directories(struct konsild_parts *parts);
KS_CHECK bool konsild_open_log(struct konsild_parts *parts);
KS_CHECK bool konsild_open_sockets(struct konsild_parts *parts);
KS_CHECK bool konsild_enter_sandbox(struct konsild_parts *parts);
KS_CHECK bool konsild_get_key(struct konsild_parts *parts);
KS_CHECK bool konsild_open_store(struct konsild_parts *parts);

/* What an error of opening a database means: a catalogue id. */
const char *konsild_store_sentence(enum ks_err err);

/* konsild_vault.c: the vault, once the store is open and while the key is there; and its end, after the committer's. */
KS_CHECK bool konsild_open_vault(struct konsild_parts *parts);
void konsild_close_vault(struct konsild_parts *parts);

/* konsild_web.c: web access, once it is known where to listen. */
KS_CHECK bool konsild_make_web(struct konsild_parts *parts);
/* Where browsers reach the domains, into settings that were read anew: as it was at the start. */
KS_CHECK bool konsild_set_origins(const struct konsild_parts *parts, struct ks_config *config);

/* konsild_files.c */
KS_CHECK bool konsild_open_files(struct konsild_parts *parts);

/* Removing files whose time is up, in the worker that syncs them. */
struct konsild_sweep {
    struct ks_file_store *store;
    struct ks_worker *worker;
    const struct ks_log *log;
    struct ks_task task;
    struct ks_file_store_counts counts;
    unsigned at;
    atomic_bool running;
};
void konsild_sweep_files(struct konsild_sweep *sweep);

/* Looks after the copies of the shred store (shred_backup.h), and begins one if it is due. */
struct konsild_copying {
    const struct konsild_parts *parts;
    struct ks_shred_backup *backup; /* of the store's thread while it runs */
    struct ks_store_job job;
    atomic_bool running;
};
void konsild_copy_shred(struct konsild_copying *copying, struct ks_store_thread *thread);

/* Closes and frees all of it; accepts zeroes. */
void konsild_parts_done(struct konsild_parts *parts);

#endif
