/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_model.h -- what the terminal shows: events of the engine folded into people and messages. Draws nothing. */
#ifndef KONSIL_MODEL_H
#define KONSIL_MODEL_H

#include <jansson.h>
#include <stdbool.h>

#include "sentence.h"

#define MODEL_MESSAGES_MAX 2000 /* kept of one conversation; older ones are asked for again */

enum model_state { STATE_NONE, STATE_WAITING, STATE_SERVER, STATE_DELIVERED, STATE_READ, STATE_FAILED };

struct model_message {
    json_int_t order, time_ms;
    char *id, *from, *body, *reason, *reactions, *files; /* files: lines that tell them (konsil_files.h) */
    char *seal;                      /* what it is signed as, and whether it is; NULL: it is not signed */
    const char *urgency;             /* how it was to wake people, if not as usual: an id of the catalogue */
    unsigned first_file, file_count; /* their numbers */
    enum model_state state;          /* of one's own */
    bool mine, edited, retracted, unknown, unreadable, gap, notice; /* notice: what became of a room */
    bool forged;                                                    /* it is signed, and nothing says by its author */
};

struct model_person {
    char *jid, *name, *about; /* about: department and profession */
    unsigned unread;
    bool failed;                 /* an own message did not arrive, and that was not looked at yet */
    bool colleague, more, asked; /* more: there are older messages; asked: a page was asked for */
    json_t *devices;             /* as the schema's "device"; NULL: not asked for yet */
    json_t *room;                /* as the schema's "room"; NULL: it is a person */
    json_t *members;             /* of a room, as the schema's "member", by name; NULL: not asked for yet */
    json_t *occupants;           /* of a room, as the schema's "occupant"; NULL: likewise */
    json_int_t last_ms;
    struct model_message *messages; /* by order */
    size_t message_count, message_cap;
};

struct model {
    struct model_person **people; /* those with messages first, newest first; then by name */
    size_t people_count, people_cap;
    char *self;
    json_t *own_devices;
    json_t *invitations;       /* as the schema's "invitation", each with its "number" (konsil_invitations.h) */
    unsigned invitation_count; /* numbers that were given */
    char notice[512];          /* the last thing to say: a warning or an error, and what to do */
    char progress[512];        /* of the file on its way, or what became of the last one */
    char outage[1024];         /* what is wrong with the server, as its hospital says */
    json_int_t transfer;       /* its number; 0: it is over */
    unsigned file_count;       /* numbers that were given */
    bool notice_offline;       /* it is why there is no connection */
    const char *connection;    /* "online", "offline", …: a literal */
    enum ks_language language;
    bool changed;
    bool tell_read; /* authors are told what was read here */
    bool refused;   /* the password was not the right one */
    bool alarm;     /* something failed: to be heard, once */
};

void model_init(struct model *model, enum ks_language language);
void model_done(struct model *model);
/* Takes one event. */
void model_event(struct model *model, json_t *event);
/* "Dr. Jana Brandt: sentence (detail) what to do" at the bottom; who: NULL or "", or what it is about; id: of the
 * catalogue. */
void model_notice(struct model *model, const char *who, const char *id, const char *detail);
/* Of the schema's "member": as the list on the left calls them. */
const char *model_member_name(struct model *model, json_t *member);
/* A sentence with its places filled in, which end with {NULL}; what does not fit is cut. */
void model_fill(const struct model *model, char *to, size_t cap, const char *id, const struct ks_filling *fillings);
/* What was said last was read. */
void model_quiet(struct model *model);
/* NULL: unknown. */
struct model_person *model_person(const struct model *model, const char *jid);
/* The newest message of one's own, to edit or, with files, to take back: one that brings files alone has no text to
 * edit. NULL: none; person may be NULL. */
struct model_message *model_own_last(struct model_person *person, bool files);
/* "Dr. Jana Brandt", or the JID. */
const char *model_name(const struct model_person *person);

#endif
