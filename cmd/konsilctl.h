/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl.h -- what the commands of konsilctl share. */
#ifndef KONSILCTL_H
#define KONSILCTL_H

#include <jansson.h>
#include <stdio.h>

#include "say.h"
#include "sentence.h"

enum { CTL_EXIT_USAGE = 64, CTL_EXIT_UNAVAILABLE = 69 }; /* sysexits.h */

struct ctl;

struct ctl_command {
    const char *name;  /* one word or two */
    const char *usage; /* what follows it */
    int words;         /* how many words it takes beside options */
    int (*run)(struct ctl *ctl);
    const char *doc; /* one English sentence for the manual */
};

struct ctl {
    const char *socket;
    enum ks_language language;
    bool dry_run, json, password_stdin;
    uint32_t iterations;
    const char *name, *department, *profession, *resource, *key_file, *to, *reason;
    const struct ctl_command *command;
    char **words;
    struct ks_control_client *client;
};

/* Says the sentence and what to do; returns the exit status. */
int ctl_fail(struct ctl *ctl, const char *id);
int ctl_usage(struct ctl *ctl);
/* One command over the socket; with --json the result is printed. *ret_result is the caller's. Returns the exit status.
 */
int ctl_ask(struct ctl *ctl, const char *command, json_t *args, json_t **ret_result);

#endif
