/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl.h -- what the commands of konsilctl share.
 *
 * A command is a descriptor: its words, the options it needs and takes, and the catalogue's id of the sentence that
 * says what it does, and an example. Help, manual and completion are printed from it. */
#ifndef KONSILCTL_H
#define KONSILCTL_H

#include <jansson.h>
#include <stdio.h>

#include "konsilctl_table.h"
#include "say.h"
#include "sentence.h"

enum { CTL_EXIT_USAGE = 64, CTL_EXIT_UNAVAILABLE = 69 }; /* sysexits.h */

/* Options of commands; those of all commands stand in konsilctl.c alone. */
enum ctl_option {
    CTL_NAME = 1,
    CTL_DEPARTMENT = 2,
    CTL_PROFESSION = 4,
    CTL_PASSWORD_STDIN = 8,
    CTL_RESOURCE = 16,
    CTL_KEY_FILE = 32,
    CTL_TO = 64,
    CTL_REASON = 128,
    CTL_DEVICE = 256,
    CTL_RESULTS = 1 << 24,
    CTL_DEVIATIONS = 1 << 25,
    CTL_HOSPITAL = 1 << 26,
    CTL_DOMAINS = 1 << 27,
    CTL_SPLIT = 1 << 28,
    CTL_ROOT = 1 << 29,
};

struct ctl;

struct ctl_command {
    const char *name;         /* one word or two; NULL ends a list */
    const char *words;        /* the names of what follows, separated by blanks: "JID" */
    unsigned needs, may;      /* of enum ctl_option */
    int (*run)(struct ctl *); /* returns the exit status */
    const char *doc;          /* a catalogue id */
    const char *example;      /* what follows the name; "" */
};
extern const struct ctl_command ctl_users[];     /* konsilctl_users.c */
extern const struct ctl_command ctl_backups[];   /* konsilctl_backup.c */
extern const struct ctl_command ctl_cas[];       /* konsilctl_ca.c */
extern const struct ctl_command ctl_recovers[];  /* konsilctl_recover.c */
extern const struct ctl_command ctl_registrar[]; /* konsilctl_registrar.c */
extern const struct ctl_command ctl_rooms[];     /* konsilctl_rooms.c */
extern const struct ctl_command ctl_files[];     /* konsilctl_files.c */
extern const struct ctl_command ctl_push[];      /* konsilctl_push.c */
extern const struct ctl_command ctl_reports[];   /* konsilctl_reports.c */
extern const struct ctl_command ctl_evidences[]; /* konsilctl_evidence.c */
extern const struct ctl_command ctl_retention[]; /* konsilctl_retention.c */
extern const struct ctl_command ctl_vault[];     /* konsilctl_vault.c */

struct ctl {
    const char *socket;
    enum ks_language language;
    bool dry_run, json;
    unsigned given; /* which options of commands */
    const char *name, *department, *profession, *resource, *key_file, *to, *reason, *device, *results, *deviations,
        *hospital, *domains, *root;
    const struct ctl_command *command;
    char **words;
    struct ks_control_client *client;
};

/* A sentence with pairs of place and text, ended by NULL, and a newline; nothing with --json. */
__attribute__((sentinel)) void ctl_say(const struct ctl *ctl, const char *id, ...);
/* The same without newline, to any file, and with --json too. */
__attribute__((sentinel)) void ctl_write(const struct ctl *ctl, FILE *to, const char *id, ...);
/* The sentence of what was done, or that of --dry-run. */
void ctl_done(const struct ctl *ctl, const char *id);
/* Says on stderr what went wrong, what to do, and where (NULL: nothing to add). Returns EXIT_FAILURE. */
int ctl_fail(const struct ctl *ctl, const char *id, const char *where);
/* One command over the socket; args is borrowed and may be NULL. On EXIT_SUCCESS *ret_result is the caller's; else what
 * failed was said. */
int ctl_ask(struct ctl *ctl, const char *command, json_t *args, json_t **ret_result);
/* The same for what takes long: calls meanwhile (NULL: nothing) every second until the answer is there. */
int ctl_ask_long(
    struct ctl *ctl, const char *command, json_t *args, void (*meanwhile)(struct ctl *), json_t **ret_result);
/* The same as ctl_ask; *ret_error is the catalogue's id of a refusal, about which nothing was said, or NULL.
 * *ret_result may then be there too. */
int ctl_try(struct ctl *ctl, const char *command, json_t *args, json_t **ret_result, const char **ret_error);
/* All rows of the audit log. *ret_rows is the caller's, also when it failed. */
int ctl_audit_rows(struct ctl *ctl, json_t **ret_rows);
/* With --json: prints the result, true. */
bool ctl_json(const struct ctl *ctl, json_t *result);

#endif
