/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* history.h -- messages and conversations as they are kept and shown.
 *
 * A conversation is named by the other account's bare JID. Each message has a place in it, its order: rising with
 * arrival, in steps of KS_ORDER_STEP, so that a message that was missing can be put before its successor. Tables:
 *
 *   KS_T_MESSAGE       conversation 0 order(8)                      the message
 *   KS_T_MESSAGE_ID    i conversation 0 id 0 author                 its order; 0: taken in, and nothing to be shown
 *                      n …                                       what is known of a number (chain.h)
 *                      p …                                       what came before its target (early.h)
 *                      a …, s …                                  its place in the archive (displayed.h)
 *   KS_T_CONVERSATION  conversation                                 counters
 *
 * In a step. Views belong to the step's arena. Ids longer than KS_ID_MAX are replaced by their hash (ks_history_id). */
#ifndef KS_HISTORY_H
#define KS_HISTORY_H

#include "file_record.h"
#include "sce.h"
#include "schema.h"
#include "signed.h"

#define KS_ORDER_STEP 1048576 /* 20 halvings of room between neighbours; 2^33 messages stay exact numbers in JSON */
#define KS_ORDER_FIRST (INT64_C(1) << 52) /* of a conversation's first message: what is restored stands before it */
#define KS_ID_MAX 256
#define KS_REACTORS_MAX 256 /* accounts that reacted to one message */
#define KS_EMOJI_MAX 16     /* reactions of one account */

struct konsil;

enum {
    KS_MSG_MINE = 1,
    KS_MSG_EDITED = 2,
    KS_MSG_RETRACTED = 4,
    KS_MSG_UNKNOWN = 8,
    KS_MSG_UNREADABLE = 16,
    KS_MSG_LATE = 32,
    KS_MSG_REPLY_BROKEN = 64,
    KS_MSG_HAS_HASH = 128,
    KS_MSG_FILES = 512,      /* files is not empty */
    KS_MSG_NOTICE = 256,     /* a line that tells what became of a room */
    KS_MSG_MODERATED = 2048, /* with RETRACTED: by another than its author */
    KS_MSG_SIGNED = 4096,    /* signed_one is not empty */
    KS_MSG_GONE = 1024,      /* told, and never kept: what stood there is nothing that a person sees (any more) */
};

struct ks_receipt {
    struct ks_str jid;
    enum ks_js_state state;
    struct ks_str reason; /* an id of codes.h, or empty */
};

struct ks_reaction {
    struct ks_str from;
    int64_t time_ms; /* of its envelope, and its id: an older one does not undo a newer */
    struct ks_str id;
    struct ks_str *emoji;
    size_t count;
};

struct ks_message {
    struct ks_str conversation;
    int64_t order;
    unsigned flags;
    struct ks_str id, author;
    uint32_t device;               /* 0: not known */
    uint64_t epoch, number;        /* of its author's device; 0: not numbered */
    uint8_t hash[KS_SCE_HASH_LEN]; /* of its envelope, with KS_MSG_HAS_HASH */
    int64_t time_ms;               /* its author's claim */
    int64_t stamp_ms;              /* when the server took it, or it was written here */
    int64_t edited_ms;             /* of the newest edit; between equal times the greater id wins */
    struct ks_str edited_id;
    enum ks_js_encryption encryption;
    enum ks_js_wake wake;
    struct ks_str body, reply_to;
    struct ks_str raw; /* the envelope of a KS_MSG_UNKNOWN, for a newer version to read; whom a KS_MSG_NOTICE is about;
                          who took a KS_MSG_MODERATED out, LF, and why */
    struct ks_str files;         /* file_record.h; with KS_MSG_FILES */
    struct ks_signed signed_one; /* with KS_MSG_SIGNED */
    enum ks_js_notice notice;
    uint64_t outbox; /* our row in the outbox; 0: none */
    struct ks_receipt *receipts;
    size_t receipt_count;
    struct ks_reaction *reactions;
    size_t reaction_count;
    bool restored; /* not kept: it comes out of the archive, and belongs where its time is */
    bool seen;     /* not kept: of a restored one, its person need not be told of it */
};

/* The id as we keep it. */
KS_CHECK enum ks_err ks_history_id(struct konsil *k, struct ks_str id, struct ks_str *ret_id);

/* KS_ENOTFOUND. author empty: of anybody. */
KS_CHECK enum ks_err ks_history_get(
    struct konsil *k, struct ks_str conversation, int64_t order, struct ks_message *ret_message);
KS_CHECK enum ks_err ks_history_find(struct konsil *k, struct ks_str conversation, struct ks_str id,
    struct ks_str author, struct ks_message *ret_message);

/* A new message: finds its place (at the end; before its author's next number if that is here already), writes it with
 * what it is found by, and counts it unread when it is another's. Sets order. */
KS_CHECK enum ks_err ks_history_add(struct konsil *k, struct ks_message *message);
/* What stands "there", unreadable, can be read now: in its place, or, when that is not between what its device sent
 * before and after, in one as a new message gets it; then the former is told as gone. */
KS_CHECK enum ks_err ks_history_fill(struct konsil *k, struct ks_message *message, struct ks_message *there);
/* Writes files, which may be none, into a message. */
KS_CHECK enum ks_err ks_history_set_files(struct konsil *k, const struct ks_files *files, struct ks_message *message);
/* What is nothing to be shown was taken in under this id (an edit, a reaction, a room's state): it is known from now
 * on, and what stood for it, unreadable, is gone. */
KS_CHECK enum ks_err ks_history_hidden(
    struct konsil *k, struct ks_str conversation, struct ks_str id, struct ks_str author);
/* Was it taken in, to be shown or not? Not so if it is unreadable. */
KS_CHECK enum ks_err ks_history_knows(
    struct konsil *k, struct ks_str conversation, struct ks_str id, struct ks_str author, bool *ret_knows);
/* Its time is over (lifetime.h): out of the store and of what search finds, and told as gone. That it was taken in
 * stays. Of the message conversation, order, id, author and flags are looked at. */
KS_CHECK enum ks_err ks_history_expire(struct konsil *k, struct ks_message *message);
/* A changed one, with its order. */
KS_CHECK enum ks_err ks_history_put(struct konsil *k, const struct ks_message *message);
/* Its text changed: what it is found by. */
KS_CHECK enum ks_err ks_history_index(struct konsil *k, const struct ks_message *message);

/* At most limit messages with order < before (0: the newest), newest first. */
KS_CHECK enum ks_err ks_history_page(struct konsil *k, struct ks_str conversation, int64_t before, size_t limit,
    struct ks_message **ret_messages, size_t *ret_count);
/* As an event has it. */
KS_CHECK enum ks_err ks_history_event(
    struct konsil *k, const struct ks_message *message, struct ks_js_message *ret_event);
KS_CHECK enum ks_err ks_history_tell(struct konsil *k, const struct ks_message *message);
/* Messages that hold all words, newest first. */
KS_CHECK enum ks_err ks_history_search(
    struct konsil *k, struct ks_str words, size_t limit, struct ks_message **ret_messages, size_t *ret_count);
/* The least state of all receipts: what a message's own state is. 0 without receipts. */
enum ks_js_state ks_receipts_least(const struct ks_message *message);

/* --- conversations --- */

struct ks_conversation {
    struct ks_str with;
    int64_t last_order, read_order;
    int64_t last_ms; /* of the newest message */
    uint32_t unread;
};
/* One that is not there yet is all zeroes. */
KS_CHECK enum ks_err ks_conversation_get(
    struct konsil *k, struct ks_str with, struct ks_conversation *ret_conversation);
KS_CHECK enum ks_err ks_conversation_put(struct konsil *k, const struct ks_conversation *conversation);
/* All, newest first. */
KS_CHECK enum ks_err ks_conversation_all(
    struct konsil *k, struct ks_conversation **ret_conversations, size_t *ret_count);
/* Read up to order: counts what is unread after it, tells "read" when that changed. */
KS_CHECK enum ks_err ks_conversation_read(struct konsil *k, struct ks_str with, int64_t order);

#endif
