/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* log.h -- an event name and typed fields.
 *
 *     ks_log(s->log, KS_INFO, "c2s.auth.refused", KS_ID("session", s->id), KS_NUM("tries", s->tries));
 *
 * Names are our literals; values are numbers, random ids, error constants, literals, and lengths in place of content.
 * There is no field type for a peer's text, so no name, address, patient number, body or key can reach a log. Cores
 * log to the ks_log they are given; src/edge writes lines. */
#ifndef KS_LOG_H
#define KS_LOG_H

#include "clock.h"
#include "str.h"

enum ks_level { KS_ERROR, KS_WARNING, KS_INFO, KS_DEBUG };

struct ks_log_field {
    const char *name; /* NULL ends the list */
    enum { KS_LOG_NUMBER, KS_LOG_ID, KS_LOG_LITERAL } kind;
    int64_t number;
    const char *literal;
};

#define KS_NUM(name, value) ((struct ks_log_field) { "" name, KS_LOG_NUMBER, (int64_t)(value), NULL })
#define KS_ID(name, id) ((struct ks_log_field) { "" name, KS_LOG_ID, (int64_t)(id), NULL }) /* a random 64-bit id */
#define KS_LEN(name, text) ((struct ks_log_field) { "" name, KS_LOG_NUMBER, (int64_t)(text).len, NULL })
#define KS_LIT(name, value) ((struct ks_log_field) { "" name, KS_LOG_LITERAL, 0, "" value })
#define KS_ERR(err) ((struct ks_log_field) { "err", KS_LOG_LITERAL, 0, ks_err_name(err) })
/* A name out of a static table of ours (a feature's, an option's, a state's); never a peer's text. */
#define KS_OURS(name, static_name) ((struct ks_log_field) { "" name, KS_LOG_LITERAL, 0, (static_name) })

struct ks_log {
    enum ks_level level; /* quieter lines are dropped before they are built; written atomically while threads log */
    void (*write)(void *user, enum ks_level level, const char *event, const struct ks_log_field *fields);
    void *user;
};

/* log may be NULL: nothing is written. */
#define ks_log(log, level_, event, ...)                                                                   \
    do {                                                                                                  \
        const struct ks_log *log_ = (log);                                                                \
        if (log_ && (int)(level_) <= (int)__atomic_load_n(&log_->level, __ATOMIC_RELAXED))                \
            log_->write(log_->user, (level_), "" event,                                                   \
                (const struct ks_log_field[]) { __VA_ARGS__ __VA_OPT__(, )(struct ks_log_field) { 0 } }); \
    } while (0)

const char *ks_level_name(enum ks_level level);
/* One line "2026-11-22T02:10:13.042Z info c2s.auth.refused session=69da944200000000 tries=3", without line end, cut
 * at cap - 1 bytes and ended by a zero. Returns the line. */
struct ks_str ks_log_line(
    char *line, size_t cap, int64_t wall_ms, enum ks_level level, const char *event, const struct ks_log_field *fields);

#endif
