/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>

#define SCRIPT_BYTES_MAX (1u << 20)

struct reading {
    struct script *script;
    struct ks_buf *why;
    struct conversation **conversations_end;
    struct conversation *conversation;
    struct step **steps_end;
    struct ks_str row; /* of the next step */
    bool in_comment;
    bool has_title;
    unsigned line;
};

static bool wrong(struct reading *reading, const char *what, struct ks_str text)
{
    ks_buf_printf(reading->why, "%s:%u: %s: %.*s", reading->script->path, reading->line, what, KS_STR_FMT(text));
    return false;
}

/* --- words of a line --- */

static struct ks_str next_word(struct ks_str *line)
{
    struct ks_str word;

    *line = ks_str_trim(*line);
    word = ks_str_head(*line, ks_str_find_byte(*line, ' '));
    *line = ks_str_trim(ks_str_from(*line, word.len));
    return word;
}

static bool skip(struct ks_str *line, const char *words)
{
    if (!ks_str_starts(*line, ks_str_z(words)))
        return false;
    *line = ks_str_trim(ks_str_from(*line, strlen(words)));
    return true;
}

/* 5s, 200ms, 24h, 7d */
static bool read_time(struct ks_str text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
    size_t digits = 0;
    uint64_t number;

    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (ks_str_u64(ks_str_head(text, digits), 1000000, &number) != KS_OK)
        return false;
    for (size_t i = 0; i < KS_COUNT(units); i++)
        if (ks_str_is(ks_str_from(text, digits), units[i].unit)) {
            *ret_ms = (int64_t)number * units[i].ms;
            return true;
        }
    return false;
}

/* --- statements --- */

static bool read_on(struct reading *reading, struct step *step, struct ks_str rest)
{
    static const struct {
        const char *words;
        enum reach reach;
    } reaches[] = { { "raw", REACH_RAW }, { "secured", REACH_SECURED }, { "authenticated", REACH_AUTHENTICATED },
        { "without presence", REACH_BOUND } };

    step->text = ks_str_head(rest, ks_str_find_byte(rest, ','));
    step->reach = REACH_PRESENT;
    rest = ks_str_trim(ks_str_from(rest, step->text.len + 1));
    if (!rest.len)
        return true;
    for (size_t i = 0; i < KS_COUNT(reaches); i++)
        if (ks_str_is(rest, reaches[i].words)) {
            step->reach = reaches[i].reach;
            return true;
        }
    return wrong(reading, "how far?", rest);
}

static bool read_login(struct reading *reading, struct step *step, struct ks_str rest)
{
    step->kind = STEP_LOGIN;
    while (rest.len) {
        struct ks_str key = next_word(&rest), value;
        if (ks_str_is(key, "asking")) {
            step->sasl2 = true;
            step->text = rest;
            return true;
        }
        value = next_word(&rest);
        if (ks_str_is(key, "as"))
            step->user = value;
        else if (ks_str_is(key, "with"))
            step->password = value;
        else if (ks_str_is(key, "by"))
            step->mechanism = value;
        else
            return wrong(reading, "how?", key);
    }
    return true;
}

static bool read_certificate(struct reading *reading, struct step *step, struct ks_str rest)
{
    step->kind = STEP_CERTIFICATE;
    step->text = next_word(&rest); /* the domain */
    if (!skip(&rest, "for ") || !read_time(next_word(&rest), &step->ms))
        return wrong(reading, "a certificate of DOMAIN for TIME [naming ADDRESS …]", rest);
    step->user = skip(&rest, "naming ") ? rest : KS_STR_EMPTY;
    return true;
}

/* "anna ..." */
static bool read_deed(struct reading *reading, struct step *step, struct ks_str rest)
{
    static const struct {
        const char *words;
        enum step_kind kind;
    } deeds[] = {
        { ">>", STEP_SAY_PART },
        { ">", STEP_SAY },
        { "<*", STEP_HEAR_AMONG },
        { "< ", STEP_HEAR },
        { "exists on ", STEP_EXISTS },
        { "is invited on ", STEP_INVITED },
        { "forgets what came", STEP_FORGET },
        { "certificate is revoked", STEP_REVOKED },
        { "starts TLS", STEP_TLS },
        { "disconnects", STEP_DISCONNECT },
        { "logs out", STEP_LOGOUT },
        { "is cut off", STEP_CUT_OFF },
    };

    if (skip(&rest, "on ")) {
        step->kind = STEP_ON;
        return read_on(reading, step, rest);
    }
    if (skip(&rest, "logs in"))
        return read_login(reading, step, rest);
    if (skip(&rest, "has a certificate of "))
        return read_certificate(reading, step, rest);
    if (skip(&rest, "sees nothing for ")) {
        step->kind = STEP_NOTHING;
        return read_time(rest, &step->ms) || wrong(reading, "how long?", rest);
    }
    for (size_t i = 0; i < KS_COUNT(deeds); i++)
        if (skip(&rest, deeds[i].words)) {
            step->kind = deeds[i].kind;
            step->text = rest;
            return true;
        }
    return wrong(reading, "what does she do?", rest);
}

static bool read_option(struct reading *reading, struct step *step, struct ks_str rest)
{
    step->kind = STEP_OPTION;
    step->user = next_word(&rest);
    if (skip(&rest, "of "))
        step->actor = next_word(&rest); /* the domain */
    if (!skip(&rest, "is ") || !rest.len)
        return wrong(reading, "option NAME [of DOMAIN] is VALUE", rest);
    step->text = rest;
    return true;
}

static bool read_step(struct reading *reading, struct step *step, struct ks_str line)
{
    static const struct {
        const char *words;
        enum step_kind kind;
    } events[] = {
        { "the server restarts", STEP_RESTART },
        { "the server dies", STEP_DIE },
        { "the disk is slow", STEP_DISK_SLOW },
        { "the disk is full", STEP_DISK_FULL },
        { "the disk is well again", STEP_DISK_WELL },
    };

    for (size_t i = 0; i < KS_COUNT(events); i++)
        if (ks_str_is(line, events[i].words)) {
            step->kind = events[i].kind;
            return true;
        }
    if (skip(&line, "time passes ")) {
        step->kind = STEP_TIME;
        return read_time(line, &step->ms) || wrong(reading, "how long?", line);
    }
    if (skip(&line, "option "))
        return read_option(reading, step, line);
    if (skip(&line, "only in the simulator: ")) {
        step->kind = STEP_SIMULATOR;
        step->text = line;
        return true;
    }
    step->actor = next_word(&line);
    if (ks_str_ends(step->actor, KS_STR("'s")))
        step->actor.len -= 2;
    return read_deed(reading, step, line);
}

/* --- the file --- */

static void new_conversation(struct reading *reading)
{
    reading->conversation = KS_NEW(&reading->script->arena, struct conversation);
    if (!reading->conversation)
        abort();
    *reading->conversations_end = reading->conversation;
    reading->conversations_end = &reading->conversation->next;
    reading->steps_end = &reading->conversation->steps;
}

/* The first comment is the title, the others are rows; several lines are one sentence. */
static bool read_comment(struct reading *reading, struct ks_str text)
{
    struct ks_str *into = reading->has_title ? &reading->row : &reading->script->title;

    text = ks_str_trim(ks_str_from(text, 1));
    if (ks_str_starts(text, KS_STR("SPDX-License-Identifier")))
        return true;
    if (!reading->in_comment && reading->has_title && reading->row.len)
        return wrong(reading, "nothing follows this row", reading->row);
    if (reading->in_comment && into->len) {
        const struct ks_str parts[] = { *into, KS_STR(" "), text };
        if (ks_arena_join(&reading->script->arena, parts, 3, into) != KS_OK)
            abort();
    } else {
        *into = text;
    }
    reading->in_comment = true;
    return true;
}

static bool read_statement(struct reading *reading, struct ks_str line)
{
    struct step *step = KS_NEW(&reading->script->arena, struct step);

    if (!step)
        abort();
    step->line = reading->line;
    step->row = reading->row;
    reading->row = KS_STR_EMPTY;
    *reading->steps_end = step;
    reading->steps_end = &step->next;
    return read_step(reading, step, line);
}

static bool read_line(struct reading *reading, struct ks_str line)
{
    if (line.len && line.ptr[0] == '#')
        return read_comment(reading, line);
    if (reading->in_comment)
        reading->has_title = true;
    reading->in_comment = false;
    if (!ks_str_trim(line).len)
        return true;
    if (ks_str_is(line, "----")) {
        new_conversation(reading);
        return true;
    }
    return read_statement(reading, line);
}

/* Lines that begin with a blank go on; they are joined by a blank, which means nothing between elements. */
static bool read_text(struct reading *reading, struct ks_str text)
{
    struct ks_str line, more;
    unsigned next_line = 1;

    while (ks_str_cut(&text, '\n', &line)) {
        reading->line = next_line++;
        while (line.len && line.ptr[0] != '#' && text.len && text.ptr[0] == ' ') {
            (void)ks_str_cut(&text, '\n', &more);
            more = ks_str_trim(more);
            next_line++;
            const struct ks_str parts[] = { line, KS_STR(" "), more };
            if (ks_arena_join(&reading->script->arena, parts, 3, &line) != KS_OK)
                abort();
        }
        if (!read_line(reading, line))
            return false;
    }
    if (reading->row.len)
        return wrong(reading, "nothing follows this row", reading->row);
    return true;
}

bool script_read(struct script *script, const char *path, struct ks_buf *ret_why)
{
    struct reading reading = { .script = script, .why = ret_why, .conversations_end = &script->conversations };
    FILE *file = fopen(path, "rb");
    char *bytes;
    size_t len;

    *script = (struct script) { .path = path };
    ks_arena_init(&script->arena, 16 * SCRIPT_BYTES_MAX);
    bytes = ks_arena_alloc(&script->arena, SCRIPT_BYTES_MAX);
    if (!file || !bytes) {
        ks_buf_printf(ret_why, "%s: cannot be read", path);
        return false;
    }
    len = fread(bytes, 1, SCRIPT_BYTES_MAX, file);
    fclose(file);
    new_conversation(&reading);
    return read_text(&reading, ks_str(bytes, len));
}

void script_done(struct script *script)
{
    ks_arena_done(&script->arena);
}

struct ks_str script_needs_simulator(const struct conversation *conversation)
{
    for (const struct step *step = conversation->steps; step; step = step->next) {
        switch (step->kind) {
        case STEP_SIMULATOR:
            return step->text;
        case STEP_TIME:
            return KS_STR("it lets time pass");
        case STEP_RESTART:
        case STEP_DIE:
            return KS_STR("it ends the server");
        case STEP_DISK_SLOW:
        case STEP_DISK_FULL:
        case STEP_DISK_WELL:
            return KS_STR("it needs a disk that obeys");
        case STEP_OPTION:
            return KS_STR("it needs its own settings");
        case STEP_INVITED:
            return KS_STR("it needs an administrator");
        case STEP_CERTIFICATE:
        case STEP_REVOKED:
            return KS_STR("it needs certificates of an authority of its own");
        case STEP_ON:
        case STEP_EXISTS:
        case STEP_SAY:
        case STEP_SAY_PART:
        case STEP_HEAR:
        case STEP_HEAR_AMONG:
        case STEP_NOTHING:
        case STEP_FORGET:
        case STEP_LOGIN:
        case STEP_TLS:
        case STEP_DISCONNECT:
        case STEP_LOGOUT:
        case STEP_CUT_OFF:
            break;
        }
    }
    return KS_STR_EMPTY;
}
