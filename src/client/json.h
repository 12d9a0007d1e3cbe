/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* json.h -- commands from JSON and events to JSON, by tables made from the schema (tools/gen-schema).
 *
 * Reading is strict: one object of at most KONSIL_COMMAND_MAX bytes, no member twice, none that the schema lacks, every
 * value of its type and within its limits, texts of characters that XML 1.0 allows. Writing gives one line; members
 * stand in the schema's order, so equal events have equal bytes. Nothing here logs. */
#ifndef KS_JSON_H
#define KS_JSON_H

#include "arena.h"
#include "buf.h"

struct ks_js_texts {
    const struct ks_str *items;
    size_t count;
};

enum ks_js_kind {
    KS_JS_TEXT,   /* struct ks_str; absent: ptr NULL */
    KS_JS_JID,    /* the same, a bare JID; read: in its normal form */
    KS_JS_SECRET, /* the same; never written */
    KS_JS_INT,    /* int64_t; absent: 0 */
    KS_JS_BOOL,   /* bool; absent: false */
    KS_JS_TEXTS,  /* struct ks_js_texts */
    KS_JS_ENUM,   /* an enum whose 0 is absent and whose 1 is choices[0] */
    KS_JS_STRUCT, /* a pointer to shape; only written */
    KS_JS_LIST,   /* a pointer to an array of shape and a size_t */
};

struct ks_js_shape;
struct ks_js_field {
    const char *name;
    enum ks_js_kind kind;
    bool optional;
    size_t offset;
    int64_t min, max;   /* of an int; of a text in bytes; of each text in a list */
    uint32_t items_max; /* of KS_JS_TEXTS; of a KS_JS_LIST that is read */
    const char *const *choices;
    const struct ks_js_shape *shape;
};
struct ks_js_shape {
    const char *name;
    const struct ks_js_field *fields;
    size_t count, size;
};

/* Why a command was refused. code: an id of the catalogue; detail: the member's name, or empty. */
struct ks_js_problem {
    const char *code;
    struct ks_str cmd, id, detail; /* in the arena; as far as they could be read */
};

struct ks_cmd;
/* KS_OK; KS_ESYNTAX with *ret_problem; KS_ELIMIT (the arena's), KS_ENOMEM. Views belong to arena. */
KS_CHECK enum ks_err ks_json_command(
    struct ks_arena *arena, struct ks_str text, struct ks_cmd *ret_cmd, struct ks_js_problem *ret_problem);

/* Appends {"event":"NAME",…} without line end; value is the struct of shape. Failures stay in buf. */
void ks_json_event(struct ks_buf *buf, const struct ks_js_shape *shape, const void *value);

#endif
