/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_terminal.c -- konsil for a person at a terminal: the loop between engine, link and screen. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "konsil_program.h"
#include "konsil_screen.h"
#include "system.h"

#define GOODBYE_MS 3000 /* for the last bytes */

struct terminal {
    struct program *program;
    struct screen *screen;
};

static struct konsil_now now(void)
{
    struct ks_now at = ks_system_now();

    return (struct konsil_now) { at.mono_ms, at.wall_ms };
}

static void command(void *user, const char *json)
{
    struct terminal *terminal = user;

    konsil_command(terminal->program->engine, json, strlen(json), now());
}

static void give(struct terminal *terminal, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);

    if (text) {
        command(terminal, text);
        ks_wipe(text, strlen(text));
    }
    free(text);
    json_decref(object);
}

struct known {
    bool account, password; /* the store has one, and what the engine needs to log in by itself */
};

static struct known known(struct terminal *terminal)
{
    struct known found = { false, false };
    const char *json;
    size_t len;

    command(terminal, "{\"cmd\":\"state\"}");
    while (konsil_next_event(terminal->program->engine, &json, &len)) {
        json_t *event = json_loadb(json, len, 0, NULL);
        found.account = found.account || json_object_get(event, "jid");
        found.password = found.password || json_is_true(json_object_get(event, "remembered"));
        json_decref(event);
    }
    return found;
}

/* What a screen that was just made shows. */
static void ask_all(struct terminal *terminal)
{
    command(terminal, "{\"cmd\":\"state\"}");
    command(terminal, "{\"cmd\":\"contacts\"}");
    command(terminal, "{\"cmd\":\"conversations\"}");
}

/* password NULL: the remembered one. */
static void connect_account(struct terminal *terminal, const char *password)
{
    struct program *program = terminal->program;
    json_t *object = json_pack("{s:s, s:s, s:b}", "cmd", "connect", "jid", program->jid, "remember", 1);

    if (program->host)
        json_object_set_new(object, "host", json_string(program->host));
    if (program->port)
        json_object_set_new(object, "port", json_integer(program->port));
    if (program->direct_tls)
        json_object_set_new(object, "tls", json_string("direct"));
    if (password)
        json_object_set_new(object, "password", json_string(password));
    give(terminal, object);
    ask_all(terminal);
}

static void on_password(void *user, const char *text)
{
    connect_account(user, text);
}

static void show_events(struct terminal *terminal)
{
    const char *json;
    size_t len;

    while (konsil_next_event(terminal->program->engine, &json, &len))
        screen_event(terminal->screen, json, len);
    screen_draw(terminal->screen);
}

int konsil_terminal(struct program *program)
{
    struct terminal terminal = { .program = program };
    int64_t leave_ms = KS_NEVER;
    short revents = 0;
    bool leaving = false;
    struct known store;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return program_fail(program, SAY("konsil.no-terminal"));
    store = known(&terminal);
    terminal.screen = screen_new(program->language, (struct screen_calls) { command, on_password }, &terminal);
    if (!terminal.screen)
        return program_fail(program, SAY("konsil.no-terminal"));
    if (store.password)
        connect_account(&terminal, NULL);
    else
        screen_ask_password(terminal.screen);
    if (store.account && !store.password)
        ask_all(&terminal);
    while (!konsil_failed(program->engine)
        && (!leaving || (!ks_client_link_idle(program->link, program->engine) && now().mono_ms < leave_ms))) {
        struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = -1 } };
        int64_t until_ms, left_ms;
        ks_client_link_run(program->link, program->engine, revents);
        show_events(&terminal);
        if (!ks_client_link_poll(program->link, program->engine, &fds[1], &until_ms))
            fds[1].fd = -1;
        until_ms = ks_sooner(until_ms, leave_ms);
        left_ms = until_ms == KS_NEVER ? -1 : until_ms - now().mono_ms;
        if (poll(fds, 2,
                until_ms == KS_NEVER  ? -1
                    : left_ms < 0     ? 0
                    : left_ms > 60000 ? 60000
                                      : (int)left_ms)
                < 0
            && errno != EINTR)
            break;
        revents = fds[1].fd >= 0 ? fds[1].revents : 0;
        screen_keys(terminal.screen); /* a changed window size comes as a key, too */
        if ((fds[0].revents & (POLLHUP | POLLERR) || screen_done(terminal.screen)) && !leaving) {
            leaving = true;
            leave_ms = now().mono_ms + GOODBYE_MS;
            command(&terminal, "{\"cmd\":\"disconnect\"}");
        }
    }
    screen_free(terminal.screen);
    return konsil_failed(program->engine) ? program_fail(program, SAY("konsil.failed")) : EXIT_SUCCESS;
}
