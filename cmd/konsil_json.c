/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_json.c -- commands in, events out (doc/json.md). */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "konsil_program.h"
#include "system.h"

#define GOODBYE_MS 5000 /* for the last bytes, after the end of the input */

struct pipes {
    struct ks_buf in;
    bool ended;       /* standard input */
    int64_t until_ms; /* after that: no longer */
};

static struct konsil_now now(void)
{
    struct ks_now at = ks_system_now();

    return (struct konsil_now) { at.mono_ms, at.wall_ms };
}

/* False when nobody reads any more. */
static bool write_events(struct konsil *k)
{
    const char *json;
    size_t len;

    while (konsil_next_event(k, &json, &len))
        if (fwrite(json, 1, len, stdout) != len || putchar('\n') == EOF)
            return false;
    return fflush(stdout) == 0;
}

static void take_lines(struct program *program, struct pipes *pipes)
{
    struct ks_str left = ks_buf_str(&pipes->in), line;
    size_t used = 0;

    while (ks_str_find_byte(left, '\n') < left.len && ks_str_cut(&left, '\n', &line)) {
        used += line.len + 1;
        if (ks_str_trim(line).len > 0)
            konsil_command(program->engine, line.ptr, line.len, now());
    }
    ks_buf_drop(&pipes->in, used);
    /* Longer than any command may be: it is refused as one, and the rest of the line with it. */
    if (pipes->in.len > KONSIL_COMMAND_MAX) {
        konsil_command(program->engine, pipes->in.ptr, pipes->in.len, now());
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
    pipes->ended = true;
    pipes->until_ms = now().mono_ms + GOODBYE_MS;
    konsil_command(program->engine, "{\"cmd\":\"disconnect\"}", 20, now());
}

static bool wait_for(struct program *program, struct pipes *pipes, short *ret_revents)
{
    struct pollfd fds[2] = { { .fd = pipes->ended ? -1 : STDIN_FILENO, .events = POLLIN }, { .fd = -1 } };
    int64_t until_ms, left_ms;

    if (!ks_client_link_poll(program->link, program->engine, &fds[1], &until_ms))
        fds[1].fd = -1;
    if (pipes->ended)
        until_ms = ks_sooner(until_ms, pipes->until_ms);
    left_ms = until_ms == KS_NEVER ? -1 : until_ms - now().mono_ms;
    if (left_ms > 60000)
        left_ms = 60000;
    if (poll(fds, 2, until_ms == KS_NEVER ? -1 : left_ms < 0 ? 0 : (int)left_ms) < 0 && errno != EINTR)
        return false;
    *ret_revents = fds[1].fd >= 0 ? fds[1].revents : 0;
    if (fds[0].revents)
        read_commands(program, pipes);
    return true;
}

int konsil_json(struct program *program)
{
    struct pipes pipes = { .ended = false };
    short revents = 0;
    int status = EXIT_SUCCESS;

    ks_buf_init(&pipes.in, 2 * KONSIL_COMMAND_MAX + 16384);
    while (!pipes.ended || (!ks_client_link_idle(program->link, program->engine) && now().mono_ms < pipes.until_ms)) {
        if (!wait_for(program, &pipes, &revents))
            break;
        ks_client_link_run(program->link, program->engine, revents);
        if (!write_events(program->engine))
            break; /* nobody listens */
        if (konsil_failed(program->engine)) {
            status = program_fail(program, SAY("konsil.failed"));
            break;
        }
    }
    (void)write_events(program->engine);
    ks_buf_done(&pipes.in);
    return status;
}
