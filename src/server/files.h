/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* files.h -- uploaded files: whose they are, how long they stay, and who may put the bytes (XEP-0363).
 *
 * Bytes are the edge's (src/edge/file_store.h); the core knows of each file a row at the home of its owner. A file has
 *   an id     160 random bits, in its URL: who knows it may read the file, and nobody else can find it;
 *   a name    made of the id by a hash: the key of its row, and what its bytes are called on the disk. So neither the
 *             database nor a list of the disk's files is a list of URLs;
 *   a token   128 random bits, which the PUT has to show. It is good for one file of one size and for a few minutes,
 *             and ends with the device that asked for it, when an administrator puts that out.
 * What a file is called and of which type it is, the server does not keep. */
#ifndef KS_FILES_H
#define KS_FILES_H

#include "deletion_log.h"
#include "file_ask.h"

enum ks_file_state { KS_FILE_SLOT = 1, KS_FILE_STORED };
struct ks_file {
    enum ks_file_state state;
    uint64_t bytes;
    int64_t made_ms;               /* when the slot was given, then when the bytes were there */
    int64_t until_ms;              /* the slot's end, then the file's */
    int64_t keep_ms;               /* of a slot: how long its file will stay */
    uint64_t device;               /* that asked for it (device.h) */
    char token[KS_FILE_TOKEN_LEN]; /* of a slot; zeroes of a file */
};
#define KS_FILE_ROW_MAX 128
/* A row of KS_STORE_FILES. Read says false to what is none of ours. */
struct ks_str ks_file_row_write(const struct ks_file *file, char text[KS_FILE_ROW_MAX]);
bool ks_file_row_read(struct ks_str row, struct ks_file *ret_file);

/* A slot for ctx->user: its row in ctx's transaction, its id and token to be told. */
void ks_files_add_slot(
    struct ks_ctx *ctx, const struct ks_file *slot, char ret_id[KS_FILE_ID_LEN], char ret_token[KS_FILE_TOKEN_LEN]);
/* Removes the file behind a URL, with its bytes, if it belongs to ctx->user: both are gone when ctx's transaction is
 * durable. False: it does not, or is not there. A slot is a file, too. Whoever calls it gives *files, which counts what
 * was more than a slot, to ks_deletion_log. */
bool ks_files_remove_url(struct ks_ctx *ctx, struct ks_str url, uint64_t *files);
#define KS_FILES_CATEGORY KS_STR("files") /* in the log of deletions */
/* All of ctx->user; slots, too. actor: who wants it, for the log of deletions. */
void ks_files_remove_all(struct ks_ctx *ctx, struct ks_str actor);
/* Those whose time is up, with what may be left of their bytes. */
void ks_files_remove_expired(struct ks_ctx *ctx);
/* The slots that a device asked for, which is out; KS_DEVICES_ALL: all. */
void ks_files_device_out(struct ks_ctx *ctx, uint64_t device);

/* Authorization of a PUT (RFC 7617): "Basic " and base64 of "bare JID:token". Empty without memory. */
struct ks_str ks_file_authorization(struct ks_arena *arena, struct ks_str bare, struct ks_str token);
/* The next answered question, for ks_reactor_next_event. */
bool ks_files_next_event(struct ks_reactor *r, struct ks_event *ret_event);

#endif
