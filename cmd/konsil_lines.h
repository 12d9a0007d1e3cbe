/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_lines.h -- lines that are done and not sent: a slash and a word, in German or English, and what follows it. */
#ifndef KONSIL_LINES_H
#define KONSIL_LINES_H

#include "konsil_model.h"

/* What a line stands for. Texts are ids of the catalogue; where there is none: NULL. */
struct lines_deed {
    json_t *command;    /* to be given, with the sentence for its success as its id, or an array of such; NULL: none */
    const char *ask;    /* what is asked first */
    const char *secret; /* of the command: the member that is typed unseen then, behind ask */
    const char *again, *differs; /* a new one is typed twice (konsil_secret.h) */
    const char *wrong;           /* why nothing can be done */
    char detail[256];            /* of either: whom or what it is about, or "" */
    char what[128];              /* of ask: what of theirs, or "" */
    bool members;                /* who is in the room is to be shown */
    bool invitations;            /* or what the person is invited to */
};

/* False: it is no such line, and to be sent as it is. person: the conversation at hand, or NULL. */
bool lines_read(
    const struct model *model, const struct model_person *person, const char *line, struct lines_deed *ret_deed);

/* One of these lines: what stands behind its word, without blanks around it. */
typedef void lines_fn(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed);

#endif
