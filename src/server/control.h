/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control.h -- administration: commands as JSON lines over a local socket (konsilctl(8)).
 *
 * A request is one line {"v":1,"command":"user.add","args":{…},"dry_run":false}; its answer is one line
 * {"ok":true,"result":{…}} or {"ok":false,"error":"control.not-found"}; error is an id of the catalogue of sentences,
 * and a result beside it tells more (audit.verify: how many rows are good). Requests of a connection are answered in
 * order. Every command is a descriptor: which right it needs, and whether it is audited; an audited one is in the audit
 * log in the same transaction as what it changed, or, when the edge carries it out, before it does: what cannot be
 * audited does not happen. A required text argument that is blank is missing. Passwords never come here: konsilctl
 * sends SCRAM keys.
 *
 * Control connections live on reactor 0. Commands on an account run at its home; what only the edge can do (a backup,
 * the log level) is handed to it as work. */
#ifndef KS_CONTROL_H
#define KS_CONTROL_H

#include <jansson.h>

#include "feature.h"
#include "list.h"
#include "server.h"

#define KS_CONTROL_LINE_MAX 65536

enum ks_right {
    KS_RIGHT_ACCOUNTS = 1, /* accounts and their sessions */
    KS_RIGHT_OPERATE = 2,  /* health, backup, log level */
    KS_RIGHT_AUDIT = 4,    /* the audit log, and what is stored about people */
    KS_RIGHT_ALL = 7,
};

struct ks_control_call;

struct ks_control_command {
    const char *name; /* "user.add"; NULL ends a list */
    unsigned right;   /* of enum ks_right: any of them */
    bool audited;
    const char *needs;                         /* names of required text arguments, separated by blanks */
    const char *may;                           /* of optional ones; a name with ':' behind it takes any JSON value */
    void (*run)(struct ks_control_call *call); /* on reactor 0 */
    const char *detail;                        /* the text argument that goes into the audit row; NULL: none */
};
extern const struct ks_control_command ks_control_users[];     /* control_users.c */
extern const struct ks_control_command ks_control_rooms[];     /* control_rooms.c */
extern const struct ks_control_command ks_control_files[];     /* control_files.c */
extern const struct ks_control_command ks_control_invites[];   /* control_invites.c */
extern const struct ks_control_command ks_control_push[];      /* control_push.c */
extern const struct ks_control_command ks_control_reports[];   /* control_reports.c */
extern const struct ks_control_command ks_control_evidence[];  /* control_evidence.c */
extern const struct ks_control_command ks_control_retention[]; /* control_retention.c */
extern const struct ks_control_command ks_control_vault[];     /* control_vault.c */

/* One request under way. */
struct ks_control_call {
    struct ks_list link;        /* in its connection; leaves when that closes */
    struct ks_control *control; /* NULL: nobody waits for the answer any more */
    struct ks_reactor *reactor; /* where it is now */
    const struct ks_control_command *command;
    char actor[64];           /* "uid:1000" */
    struct ks_list work_link; /* while it waits for the edge */
    json_t *args;             /* an object */
    bool dry_run;
    json_t *result;    /* of success; NULL: {} */
    const char *error; /* a catalogue id, or NULL */
    void (*answered)(struct ks_control_call *call, struct ks_store_req *req);
    void (*at_home)(struct ks_ctx *ctx, struct ks_control_call *call);
    /* Of ks_control_ask_for, or NULL: */
    struct ks_parcel *asker;
    struct ks_str home, text;
    void (*done)(struct ks_ctx *ctx, const char *error, json_t *result, struct ks_str text);
};

/* --- for commands --- */

/* A text argument; empty when absent. */
struct ks_str ks_control_text(const struct ks_control_call *call, const char *name);
/* Ends the call; on any reactor: the answer finds its way. error: a catalogue id, or NULL. Takes the reference to
 * result. */
void ks_control_answer(struct ks_control_call *call, const char *error, json_t *result);
/* Runs run at the home of the account or room that argument "jid" names, with its data there; answers by itself when it
 * is neither (commands whose name begins with "room." are on rooms, all others on accounts). */
void ks_control_at_home(struct ks_control_call *call, void (*run)(struct ks_ctx *ctx, struct ks_control_call *call));
/* Asks the committer; answered runs on reactor 0 with the result. req is freed afterwards. */
void ks_control_ask(struct ks_control_call *call, struct ks_store_req *req,
    void (*answered)(struct ks_control_call *call, struct ks_store_req *req));
/* Adds the audit row to ctx's transaction: the command, its actor, subject, detail (never content). */
void ks_control_audit(struct ks_ctx *ctx, const struct ks_control_call *call);
/* Answers with error or result once ctx's transaction is durable; on failure with control.store. */
void ks_control_answer_durable(struct ks_ctx *ctx, struct ks_control_call *call, json_t *result);
/* One row of the audit log for the command, durable when recorded runs, on reactor 0, with the result to look at. */
void ks_control_record(struct ks_control_call *call, struct ks_str detail,
    void (*recorded)(struct ks_control_call *call, struct ks_store_req *req));
/* A request that comes from an account and not from a connection: the command is run, and audited, as the account's at
 * whose home ctx is. done runs there again, with the stanza of ctx->parcel, the answer, and text (a view that lives as
 * long as that parcel). Takes the reference to args. rights: of enum ks_right. */
void ks_control_ask_for(struct ks_ctx *ctx, const char *command, json_t *args, unsigned rights, struct ks_str text,
    void (*done)(struct ks_ctx *ctx, const char *error, json_t *result, struct ks_str text));
/* As ctx->committed, with the call in ctx->parcel->user: the account's data is read anew, as the transaction left it,
 * and call->result is the answer. */
void ks_control_changed(struct ks_ctx *ctx);
/* What was written goes: nothing of it happens. */
void ks_control_drop(struct ks_ctx *ctx);
/* Work for the edge; an audited command only when its row is durable. */
void ks_control_hand_over(struct ks_control_call *call);

/* The next control connection with output, or work for the edge. */
bool ks_control_next_event(struct ks_reactor *r, struct ks_event *ret_event);

/* --- for src/edge --- */

struct ks_control_setup {
    void *edge;
    const char *actor; /* who is at the other end: "uid:0" (SO_PEERCRED) */
    unsigned rights;   /* of enum ks_right */
};
/* r is reactor 0. NULL without memory. */
KS_CHECK struct ks_control *ks_control_open(
    struct ks_reactor *r, const struct ks_control_setup *setup, struct ks_now now);
void ks_control_feed(struct ks_control *control, struct ks_str bytes, struct ks_now now);
struct ks_str ks_control_output(const struct ks_control *control);
void ks_control_output_sent(struct ks_control *control, size_t len);
/* The connection is gone; frees. */
void ks_control_close(struct ks_control *control);
/* True when a line was too long: close after the output is sent. */
bool ks_control_broken(const struct ks_control *control);
/* The edge did what KS_EV_WORK asked for: command name and arguments are in the call. */
const char *ks_control_call_name(const struct ks_control_call *call);
/* Answers; that an audited command failed is a row of its own ("failed: " and the detail), in the log before the
 * answer is out. Takes the reference to result. In the thread of reactor 0. */
void ks_control_worked(struct ks_control_call *call, const char *error, json_t *result, struct ks_now now);
/* A row of the audit log for what konsild did by itself, durable soon. In the thread of reactor 0. */
void ks_control_note(struct ks_reactor *r, const struct ks_audit_row *row, struct ks_now now);

#endif
