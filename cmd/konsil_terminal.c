/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_terminal.c -- konsil for a person at a terminal: the loop between engine, link and screen. */
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "konsil_pin.h"
#include "konsil_program.h"
#include "konsil_screen.h"

#define LAST_MESSAGES_MS 3000 /* for what was written just before leaving; it is kept, and sent next time */
#define PASSWORD_MAX 1024
#define GOODBYE_MS 1000 /* for the last bytes */

enum stage { STAYING, SENDING, SAYING_GOODBYE };

struct terminal {
    struct program *program;
    struct screen *screen;
    enum stage stage;
    bool sending;     /* the engine's last state said that something is on its way */
    int64_t until_ms; /* of this stage */
    int64_t idle_ms;  /* when it locks if no key comes before; KS_NEVER */
};

static void command(void *user, const char *json)
{
    struct terminal *terminal = user;

    konsil_command(terminal->program->engine, json, strlen(json), program_now());
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
    command(terminal, "{\"cmd\":\"rooms\"}");
    command(terminal, "{\"cmd\":\"invitations\"}");
    command(terminal, "{\"cmd\":\"conversations\"}");
}

/* password NULL: the remembered one. invite: the account is created by it first; or NULL. */
static void connect_account(struct terminal *terminal, const char *password, const char *invite)
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
    if (invite)
        json_object_set_new(object, "invite", json_string(invite));
    give(terminal, object);
    ask_all(terminal);
}

static void on_password(void *user, const char *text)
{
    connect_account(user, text, NULL);
}

/* The password of the account that is about to be there. */
static int ask_chosen(struct program *program, char *text, size_t cap)
{
    static const struct program_questions questions = { SAY("konsil.invite-password"), SAY("konsil.invite-again"),
        SAY("invite.password"), SAY("konsil.invite-differs"), SAY("account.no_password") };
    const char *wrong = program_ask_new(program, &questions, text, cap);

    return wrong ? program_fail(program, wrong) : EXIT_SUCCESS;
}

/* The engine's state says how many messages wait, and for what. */
static void note_sending(struct terminal *terminal, struct ks_str line)
{
    json_t *event = json_loadb(line.ptr, line.len, 0, NULL), *waiting = json_object_get(event, "waiting");
    const char *connection = json_string_value(json_object_get(event, "connection"));

    if (waiting)
        terminal->sending = json_integer_value(waiting) > 0 && connection && strcmp(connection, "online") == 0;
    json_decref(event);
}

/* Where it is said what is wrong, when nobody gets through. */
static void look_for_outage(struct terminal *terminal, struct ks_str line)
{
    json_t *event = json_loadb(line.ptr, line.len, 0, NULL);
    const char *url = json_string_value(json_object_get(event, "url"));

    if (url)
        ks_outage_fetch_begin(terminal->program->outage, url);
    json_decref(event);
}

/* What stood there; no text when nothing came, or no UTF-8. */
static void tell_outage(struct terminal *terminal)
{
    json_t *object, *text;
    struct ks_str file;

    if (!ks_outage_fetch_take(terminal->program->outage, &file))
        return;
    object = json_pack("{s:s}", "cmd", "outage_status");
    if (file.len > 0 && (text = json_stringn(file.ptr, file.len)))
        json_object_set_new(object, "text", text);
    give(terminal, object);
}

static void show_events(struct terminal *terminal)
{
    const char *json;
    size_t len;

    tell_outage(terminal);
    while (konsil_next_event(terminal->program->engine, &json, &len)) {
        if (terminal->stage == SENDING)
            note_sending(terminal, ks_str(json, len));
        if (ks_str_starts(ks_str(json, len), KS_STR("{\"event\":\"outage_ask\"")))
            look_for_outage(terminal, ks_str(json, len));
        screen_event(terminal->screen, json, len);
    }
    screen_draw(terminal->screen);
}

/* --- leaving --- */

static void enter(struct terminal *terminal, enum stage stage, int64_t for_ms)
{
    terminal->stage = stage;
    terminal->until_ms = program_now().mono_ms + for_ms;
}

/* Whether a message is on its way to the server, that will answer soon. */
static bool sending(struct terminal *terminal)
{
    command(terminal, "{\"cmd\":\"state\"}");
    terminal->sending = false;
    show_events(terminal);
    return terminal->sending;
}

/* False when it is time to go. */
static bool stay(struct terminal *terminal)
{
    struct program *program = terminal->program;

    if (terminal->stage == SENDING && (program_now().mono_ms >= terminal->until_ms || !sending(terminal))) {
        enter(terminal, SAYING_GOODBYE, GOODBYE_MS);
        command(terminal, "{\"cmd\":\"disconnect\"}");
        program_run(program, 0);
        show_events(terminal);
    }
    return !konsil_failed(program->engine)
        && (terminal->stage != SAYING_GOODBYE
            || (!ks_client_link_idle(program->link, program->engine) && program_now().mono_ms < terminal->until_ms));
}

/* To the shell: the server learns before that nobody looks. */
static void stop(struct terminal *terminal)
{
    struct program *program = terminal->program;
    int64_t until_ms = program_now().mono_ms + GOODBYE_MS;
    short revents = 0, input;

    do {
        program_run(program, revents);
    } while (!ks_client_link_idle(program->link, program->engine) && program_now().mono_ms < until_ms
        && program_wait(program, -1, until_ms, &revents, &input));
    screen_stop(terminal->screen);
}

/* --- the loop --- */

/* A PIN is short, so it is asked for again when somebody went away; a passphrase is not, unless it was wished. */
static void note_key(struct terminal *terminal)
{
    unsigned minutes = terminal->program->lock_minutes;

    terminal->idle_ms = minutes && pin_is_there(terminal->program) ? program_now().mono_ms + minutes * 60000 : KS_NEVER;
}

/* False when it cannot go on. */
static bool wait_for(struct terminal *terminal, short *ret_revents)
{
    int keyboard = terminal->stage == STAYING ? STDIN_FILENO : -1;
    short input;

    if (!program_wait(
            terminal->program, keyboard, ks_sooner(terminal->until_ms, terminal->idle_ms), ret_revents, &input))
        return false;
    if (input)
        note_key(terminal);
    screen_keys(terminal->screen); /* a changed window size comes as a key, too */
    if (screen_stops(terminal->screen))
        stop(terminal);
    if (terminal->stage != STAYING)
        return true;
    terminal->program->lock = screen_locks(terminal->screen) || program_now().mono_ms >= terminal->idle_ms;
    if (terminal->program->lock || (input & (POLLHUP | POLLERR)) || screen_done(terminal->screen)) {
        terminal->idle_ms = KS_NEVER;
        enter(terminal, SENDING, LAST_MESSAGES_MS);
    }
    return true;
}

int konsil_terminal(struct program *program)
{
    struct terminal terminal = { .program = program, .until_ms = KS_NEVER };
    char chosen[PASSWORD_MAX + 2] = "";
    short revents = 0;
    struct known store;
    bool invited;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return program_fail(program, SAY("konsil.no-terminal"));
    store = known(&terminal);
    invited = program->invite && !store.password;
    if (invited && ask_chosen(program, chosen, sizeof(chosen)) != EXIT_SUCCESS) {
        ks_wipe(chosen, sizeof(chosen));
        return EXIT_FAILURE;
    }
    terminal.screen = screen_new(program->language, (struct screen_calls) { command, on_password }, &terminal);
    if (!terminal.screen)
        ks_wipe(chosen, sizeof(chosen));
    if (!terminal.screen)
        return program_fail(program, SAY("konsil.no-terminal"));
    note_key(&terminal);
    if (invited)
        connect_account(&terminal, chosen, program->invite);
    else if (store.password)
        connect_account(&terminal, NULL, NULL);
    else
        screen_ask_password(terminal.screen);
    ks_wipe(chosen, sizeof(chosen));
    if (store.account && !store.password)
        ask_all(&terminal);
    do {
        program_run(program, revents);
        show_events(&terminal);
    } while (stay(&terminal) && wait_for(&terminal, &revents));
    screen_keys(terminal.screen); /* what was typed meanwhile is for nobody */
    screen_free(terminal.screen);
    return konsil_failed(program->engine) ? program_fail(program, SAY("konsil.failed")) : EXIT_SUCCESS;
}
