/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_json.c -- commands in, events out (doc/json.md). */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "konsil_program.h"

#define PROGRESS_MS 30000        /* after the end of the input: without progress for so long, it is given up */
#define GOODBYE_MS 5000          /* for the last bytes */
#define STATE_ID "konsil --json" /* of our own question; its answer is nobody else's */

struct pipes {
    struct ks_buf in;
    bool ended;       /* standard input */
    bool leaving;     /* nothing is waited for any more but the goodbye */
    int64_t until_ms; /* after that: no longer */
    bool trying;      /* there is a connection, or it will be tried again */
    json_int_t left;  /* own messages that the server does not have */
    int stage;        /* how far the connection was at best, since the end of the input */
};

static const char *text(json_t *event, const char *member)
{
    const char *value = json_string_value(json_object_get(event, member));

    return value ? value : "";
}

static void go_on(struct pipes *pipes)
{
    pipes->until_ms = program_now().mono_ms + PROGRESS_MS;
}

static void note_connection(struct pipes *pipes, json_t *event)
{
    static const char *const stages[] = { "offline", "connecting", "secured", "authenticated", "catching_up",
        "online" };

    pipes->trying = strcmp(text(event, "state"), "offline") != 0 || json_object_get(event, "retry_ms");
    for (int i = pipes->stage + 1; i < (int)KS_COUNT(stages); i++)
        if (strcmp(text(event, "state"), stages[i]) == 0) {
            pipes->stage = i;
            go_on(pipes);
        }
}

static void note_left(struct pipes *pipes, json_t *event)
{
    json_int_t left = json_integer_value(json_object_get(event, "waiting"));

    if (left < pipes->left)
        go_on(pipes);
    pipes->left = left;
}

/* What this face wants to know itself. True when the event is nobody else's. */
static bool note(struct pipes *pipes, struct ks_str line)
{
    bool ours = false;
    json_t *event;

    /* The engine writes an event's name first; most are none of these, and are not read. */
    if (!ks_str_starts(line, KS_STR("{\"event\":\"connection\""))
        && !ks_str_starts(line, KS_STR("{\"event\":\"state\""))
        && !ks_str_starts(line, KS_STR("{\"event\":\"transfer\"")))
        return false;
    event = json_loadb(line.ptr, line.len, 0, NULL);
    if (strcmp(text(event, "event"), "connection") == 0) {
        note_connection(pipes, event);
    } else if (strcmp(text(event, "event"), "transfer") == 0) {
        if (strcmp(text(json_object_get(event, "transfer"), "state"), "moving") == 0)
            go_on(pipes);
    } else if (strcmp(text(event, "re"), STATE_ID) == 0) {
        note_left(pipes, event);
        ours = true;
    }
    json_decref(event);
    return ours;
}

/* False when nobody reads any more. */
static bool write_events(struct konsil *k, struct pipes *pipes)
{
    const char *json;
    size_t len;

    while (konsil_next_event(k, &json, &len))
        if (!note(pipes, ks_str(json, len)) && (fwrite(json, 1, len, stdout) != len || putchar('\n') == EOF))
            return false;
    return fflush(stdout) == 0;
}

static void command(struct program *program, const char *json)
{
    konsil_command(program->engine, json, strlen(json), program_now());
}

/* True while the goodbye is on its way. */
static bool leaving(const struct program *program, const struct pipes *pipes)
{
    return !ks_client_link_idle(program->link, program->engine) && program_now().mono_ms < pipes->until_ms;
}

/* After the end of the input: goes when the server has everything, when it is not even tried, or when nothing moves. */
static bool see_what_is_left(struct program *program, struct pipes *pipes)
{
    command(program, "{\"cmd\":\"state\",\"id\":\"" STATE_ID "\"}");
    if (!write_events(program->engine, pipes))
        return false;
    if (pipes->left > 0 && pipes->trying && program_now().mono_ms < pipes->until_ms)
        return true;
    pipes->leaving = true;
    pipes->until_ms = program_now().mono_ms + GOODBYE_MS;
    command(program, "{\"cmd\":\"disconnect\"}");
    return write_events(program->engine, pipes) && leaving(program, pipes);
}

static void take_lines(struct program *program, struct pipes *pipes)
{
    struct ks_str left = ks_buf_str(&pipes->in), line;
    size_t used = 0;

    while (ks_str_find_byte(left, '\n') < left.len && ks_str_cut(&left, '\n', &line)) {
        used += line.len + 1;
        if (ks_str_trim(line).len > 0)
            konsil_command(program->engine, line.ptr, line.len, program_now());
    }
    ks_buf_drop(&pipes->in, used);
    /* Longer than any command may be: it is refused as one, and the rest of the line with it. */
    if (pipes->in.len > KONSIL_COMMAND_MAX) {
        konsil_command(program->engine, pipes->in.ptr, pipes->in.len, program_now());
        ks_buf_reset(&pipes->in);
    }
}

static void read_commands(struct program *program, struct pipes *pipes)
{
    char bytes[16384];
    ssize_t len = read(STDIN_FILENO, bytes, sizeof(bytes));

    if (len < 0 && errno == EINTR)
        return;
    if (len > 0) {
        ks_buf_add(&pipes->in, ks_str(bytes, (size_t)len));
        take_lines(program, pipes);
        return;
    }
    if (ks_str_trim(ks_buf_str(&pipes->in)).len > 0) /* a last line without its end */
        konsil_command(program->engine, pipes->in.ptr, pipes->in.len, program_now());
    pipes->ended = true;
    pipes->stage = 0;
    go_on(pipes);
}

static bool wait_for(struct program *program, struct pipes *pipes, short *ret_revents)
{
    short input;

    if (!program_wait(program, pipes->ended ? -1 : STDIN_FILENO, pipes->until_ms, ret_revents, &input))
        return false;
    if (input)
        read_commands(program, pipes);
    return true;
}

/* False when it is time to go. */
static bool turn(struct program *program, struct pipes *pipes, short *revents)
{
    if (!wait_for(program, pipes, revents))
        return false;
    program_run(program, *revents);
    if (!write_events(program->engine, pipes) || konsil_failed(program->engine))
        return false;
    if (pipes->ended && !pipes->leaving)
        return see_what_is_left(program, pipes);
    return !pipes->leaving || leaving(program, pipes);
}

int konsil_json(struct program *program)
{
    struct pipes pipes = { .until_ms = KS_NEVER };
    short revents = 0;

    ks_buf_init(&pipes.in, 2 * KONSIL_COMMAND_MAX + 16384);
    while (turn(program, &pipes, &revents))
        continue;
    ks_buf_done(&pipes.in);
    if (konsil_failed(program->engine))
        return program_fail(program, SAY("konsil.failed"));
    return pipes.left > 0 ? program_fail(program, SAY("konsil.left")) : EXIT_SUCCESS;
}
