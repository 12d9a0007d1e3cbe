/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* file_ask.h -- what the edge asks the core when somebody puts or gets a file (files.h says what a file is).
 *
 * Nothing here allocates but through an arena given, and nothing needs more of the core than server.h. */
#ifndef KS_FILE_ASK_H
#define KS_FILE_ASK_H

#include "arena.h"
#include "list.h"
#include "server.h"

struct ks_parcel;

#define KS_FILES_PATH "/files" /* at the domain's web access; files.url, where it is set, leads there */
#define KS_FILE_ID_LEN 40      /* hexadecimal digits */
#define KS_FILE_NAME_LEN 32    /* likewise */
#define KS_FILE_TOKEN_LEN 32

/* The id in a URL or a path of one: its first segment that is one. False: there is none. */
bool ks_file_id_of(struct ks_str url, struct ks_str *ret_id);
void ks_file_name_of(struct ks_str id, char ret_name[KS_FILE_NAME_LEN]);

enum ks_file_want {
    KS_FILE_WANT_BEGIN, /* may these bytes be put? */
    KS_FILE_WANT_END,   /* they are on the disk: is it so recorded? Refused: remove them */
};
enum ks_file_answer {
    KS_FILE_YES,
    KS_FILE_NO,        /* no such slot, another token, its time is up, the account is disabled: one answer for all */
    KS_FILE_WRONG_LEN, /* of a slot that is right otherwise */
    KS_FILE_LATER,     /* the store does not answer, or cannot write */
};

/* One question; the edge's memory until it is answered. Who gave up on the answer takes it all the same. */
struct ks_file_ask {
    struct ks_list link; /* the core's */
    void *edge;
    void (*answered)(struct ks_file_ask *ask); /* the edge's, for itself: the core does not call it */
    enum ks_file_want want;
    struct ks_str account; /* bare JID, as the peer wrote it; views into memory as old as the ask */
    char name[KS_FILE_NAME_LEN];
    char token[KS_FILE_TOKEN_LEN]; /* of BEGIN */
    uint64_t bytes;                /* of BEGIN: of the body that is announced; of END: those that are there */
    enum ks_file_answer answer;
    int64_t until_ms;       /* answer to BEGIN: when the file's time is up; of END: the same again */
    bool sealed;            /* answer to BEGIN: the domain is protected, so the bytes should be ciphertext */
    struct ks_parcel *back; /* the core's */
};
/* Answered by the event KS_EV_FILE of this reactor. link and back need not be set. */
void ks_files_ask(struct ks_reactor *r, struct ks_file_ask *ask, struct ks_now now);

/* What a PUT shows (ks_file_authorization). Views into arena. False: it is none. */
bool ks_file_authorization_read(
    struct ks_arena *arena, struct ks_str value, struct ks_str *ret_bare, struct ks_str *ret_token);

/* True when bytes begin as plain pictures, documents, archives or texts for people do: nothing that is encrypted does,
 * but by a chance of one in four billion. A guard against mistakes: it proves nothing. */
#define KS_FILE_HEAD_LEN 16
bool ks_file_looks_plain(struct ks_str head);

#endif
