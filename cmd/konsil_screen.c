/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_screen.h"

#include <curses.h>
#include <stdlib.h>

#include "konsil_ask.h"
#include "konsil_devices.h"
#include "konsil_frame.h"
#include "konsil_help.h"
#include "konsil_invitations.h"
#include "konsil_line.h"
#include "konsil_lines.h"
#include "konsil_list.h"
#include "konsil_members.h"
#include "konsil_model.h"
#include "konsil_rooms.h"
#include "konsil_secret.h"
#include "konsil_talk.h"
#include "konsil_tasks.h"
#include "konsil_tty.h"
#include "say.h"

#define CTRL(letter) ((letter)&0x1f)
#define PAGE 50
#define SCROLL 10
#define LIST_WIDTH 30
#define LEAST_HEIGHT 10
#define LEAST_WIDTH 36

enum view { VIEW_TALK, VIEW_HELP, VIEW_DEVICES, VIEW_MEMBERS, VIEW_INVITATIONS, VIEW_TASKS };

struct screen {
    struct model model;
    struct screen_calls calls;
    void *user;
    char *selected;            /* a JID; NULL: nobody yet */
    struct line input, answer; /* answer: to a question of tasks */
    struct secret secret;
    struct tasks tasks;
    unsigned scroll; /* lines up from the newest */
    char *editing;   /* the id of the message being edited; NULL: a new one */
    struct ask ask;
    enum view view;
    struct help help;
    size_t chosen; /* of the devices, members or invitations that are shown */
    bool away;     /* nobody looks */
    bool locking;  /* the person wants it shut */
    bool stopping; /* the person wants to go to the shell */
    bool done;     /* the person left: nothing is taken from the keyboard any more */
    bool dirty;
};

/* --- commands --- */

/* One, or an array of them; takes the reference. */
static void give(struct screen *screen, json_t *command)
{
    char *text = json_is_array(command) ? NULL : json_dumps(command, JSON_COMPACT);
    json_t *one;
    size_t i;

    json_array_foreach(command, i, one) give(screen, json_incref(one));
    if (text)
        screen->calls.command(screen->user, text);
    free(text);
    json_decref(command);
}

static struct model_person *selected(struct screen *screen)
{
    return screen->selected ? model_person(&screen->model, screen->selected) : NULL;
}

static void ask_history(struct screen *screen)
{
    struct model_person *person = selected(screen);
    json_t *command;

    if (!person || person->asked || !person->more)
        return;
    person->asked = true;
    command = json_pack("{s:s, s:s, s:i}", "cmd", "history", "with", person->jid, "limit", PAGE);
    if (person->message_count)
        json_object_set_new(command, "before", json_integer(person->messages[0].order));
    give(screen, command);
}

static void mark_read(struct screen *screen)
{
    struct model_person *person = selected(screen);

    if (person && person->unread) {
        person->unread = 0;
        give(screen, json_pack("{s:s, s:s}", "cmd", "mark_read", "conversation", person->jid));
    }
}

static void ask_members(struct screen *screen)
{
    struct model_person *person = selected(screen);
    json_t *command = person ? rooms_ask(person) : NULL;

    if (command)
        give(screen, command);
}

static void choose(struct screen *screen, const char *jid)
{
    free(screen->selected);
    screen->selected = strdup(jid);
    screen->scroll = 0;
    ask_history(screen);
    ask_members(screen);
    mark_read(screen);
}

static void step(struct screen *screen, int by)
{
    struct model *model = &screen->model;
    int at = -1;

    for (size_t i = 0; i < model->people_count; i++)
        if (screen->selected && strcmp(model->people[i]->jid, screen->selected) == 0)
            at = (int)i;
    at = at < 0 ? 0 : at + by;
    if (at >= 0 && at < (int)model->people_count)
        choose(screen, model->people[at]->jid);
}

static void clear_input(struct screen *screen)
{
    line_clear(&screen->input);
    free(screen->editing);
    screen->editing = NULL;
}

static void do_asked(struct screen *screen)
{
    give(screen, ask_take(&screen->ask));
    if (!screen->ask.is_key) /* Enter: it stood in the line */
        clear_input(screen);
}

static void show_members(struct screen *screen)
{
    screen->view = VIEW_MEMBERS;
    screen->chosen = 0;
    ask_members(screen);
}

static void show_invitations(struct screen *screen)
{
    screen->view = VIEW_INVITATIONS;
    screen->chosen = 0;
}

/* True for a line that is done and not sent; one that is wrong, or asks, stays. */
static bool do_line(struct screen *screen, const char *text, wint_t enter)
{
    struct lines_deed deed;

    if (screen->editing || !lines_read(&screen->model, selected(screen), text, &deed))
        return false;
    if (deed.wrong) {
        model_notice(&screen->model, NULL, deed.wrong, deed.detail);
        return true;
    }
    if (deed.command && deed.ask && !deed.secret) {
        ask_first(&screen->ask, &screen->model, deed.ask, deed.detail, deed.what, deed.command, false, enter);
        return true;
    }
    if (deed.secret)
        secret_ask(&screen->secret, deed.command, deed.secret, deed.ask, deed.again, deed.differs);
    else if (deed.command)
        give(screen, deed.command);
    if (deed.members)
        show_members(screen);
    if (deed.invitations)
        show_invitations(screen);
    clear_input(screen);
    return true;
}

static void send_input(struct screen *screen, wint_t enter)
{
    struct model_person *person = selected(screen);
    char *text = line_text(&screen->input);

    if (!text || !*text || do_line(screen, text, enter) || !person) {
        free(text);
        return;
    }
    if (screen->editing)
        give(screen,
            json_pack("{s:s, s:s, s:s, s:s}", "cmd", "edit", "conversation", person->jid, "message", screen->editing,
                "body", text));
    else
        give(screen, json_pack("{s:s, s:s, s:s}", "cmd", "send", "to", person->jid, "body", text));
    free(text);
    clear_input(screen);
    screen->scroll = 0;
}

static void edit_last(struct screen *screen)
{
    struct model_message *message = model_own_last(selected(screen), false);

    if (!message)
        return;
    clear_input(screen);
    screen->editing = strdup(message->id);
    line_set(&screen->input, message->body);
}

/* What is retracted then is what was asked about, even if a newer one came meanwhile. */
static void retract_last(struct screen *screen)
{
    struct model_message *message = model_own_last(selected(screen), true);

    if (message)
        ask_first(&screen->ask, &screen->model, SAY("konsil.ask-retract"), "", "",
            json_pack("{s:s, s:s, s:s}", "cmd", "retract", "conversation", screen->selected, "message", message->id),
            true, KEY_F(3));
}

/* A line that was not sent is lost only after a question. */
static void leave(struct screen *screen)
{
    if (!screen->secret.question && screen->input.len > 0 && screen->ask.about != ASKS_LEAVE) {
        screen->ask.about = ASKS_LEAVE;
        return;
    }
    screen->ask.about = ASKS_NOTHING;
    screen->done = true;
    clear_input(screen);
}

/* Whether authors are told what was read here; the help, which says it, is shown. */
static void change_tell_read(struct screen *screen)
{
    give(screen, json_pack("{s:s, s:b}", "cmd", "settings", "tell_read", !screen->model.tell_read));
    give(screen, json_pack("{s:s}", "cmd", "state"));
    screen->view = VIEW_HELP;
    screen->help.top = 0;
}

static void show_devices(struct screen *screen)
{
    struct model_person *person = selected(screen);
    json_t *commands[2];

    if (!person)
        return;
    screen->view = VIEW_DEVICES;
    screen->chosen = 0;
    devices_ask(person, commands);
    for (size_t i = 0; i < KS_COUNT(commands); i++)
        give(screen, commands[i]);
}

/* F7 and F8, where devices are shown. */
static void decide_device(struct screen *screen, bool trusted)
{
    struct model_person *person = selected(screen);
    json_t *command = person ? devices_decide(&screen->model, person, screen->chosen, trusted) : NULL;

    if (command)
        give(screen, command);
}

/* The same, where members are. */
static void decide_member(struct screen *screen, bool owner)
{
    struct model_person *room = selected(screen);
    json_t *command = !room ? NULL : owner ? members_owner(room, screen->chosen) : members_remove(room, screen->chosen);

    if (command && owner)
        give(screen, command);
    else if (command)
        ask_first(&screen->ask, &screen->model, SAY("konsil.ask-remove"),
            members_name(&screen->model, room, screen->chosen), "", command, true, KEY_F(8));
}

/* And where invitations are: yes, or no. */
static void decide_invitation(struct screen *screen, bool accept)
{
    json_t *command = invitations_answer(invitations_room(&screen->model, screen->chosen), accept);

    if (command)
        give(screen, command);
}

static void decide(struct screen *screen, bool first)
{
    if (screen->view == VIEW_DEVICES)
        decide_device(screen, first);
    else if (screen->view == VIEW_MEMBERS)
        decide_member(screen, first);
    else if (screen->view == VIEW_INVITATIONS)
        decide_invitation(screen, first);
}

/* Of a person, or who is in a room. */
static void show_devices_or_members(struct screen *screen)
{
    struct model_person *person = selected(screen);

    if (screen->view == VIEW_DEVICES || screen->view == VIEW_MEMBERS)
        screen->view = VIEW_TALK;
    else if (person && person->room)
        show_members(screen);
    else
        show_devices(screen);
}

static void show_tasks(struct screen *screen)
{
    json_t *commands[2];

    screen->view = VIEW_TASKS;
    line_clear(&screen->answer);
    tasks_ask(&screen->tasks, commands);
    for (size_t i = 0; i < KS_COUNT(commands); i++)
        give(screen, commands[i]);
}

/* Enter, where tasks are shown. */
static void answer_task(struct screen *screen)
{
    char *text = line_text(&screen->answer);
    json_t *command = text ? tasks_enter(&screen->tasks, text) : NULL;

    if (command)
        give(screen, command);
    if (text)
        ks_wipe(text, strlen(text));
    free(text);
    line_clear(&screen->answer);
}

/* Where what is typed goes to. */
static struct line *line_of(struct screen *screen)
{
    return screen->secret.question   ? &screen->secret.line
        : screen->view == VIEW_TASKS ? &screen->answer
                                     : &screen->input;
}

static void enter_secret(struct screen *screen)
{
    json_t *command;
    char *password = secret_enter(&screen->secret, &command);

    if (command)
        give(screen, command);
    screen->model.refused = screen->model.refused && !password;
    if (password)
        screen->calls.password(screen->user, password);
    secret_wipe(password);
}

/* --- keys --- */

static void show(struct screen *screen, enum view view)
{
    screen->view = screen->view == view ? VIEW_TALK : view;
    screen->help.top = 0;
}

static void scroll_page(struct screen *screen, int by)
{
    if (screen->view == VIEW_HELP) {
        help_scroll(&screen->help, by * screen->help.page);
    } else if (by < 0) {
        screen->scroll += SCROLL;
        ask_history(screen);
    } else {
        screen->scroll -= screen->scroll < SCROLL ? screen->scroll : SCROLL;
    }
}

/* Of what is shown in the place of the conversation, and can be chosen; false: nothing is. */
static bool choices(struct screen *screen, size_t *ret_count)
{
    struct model_person *person = selected(screen);

    if (screen->view == VIEW_INVITATIONS)
        *ret_count = json_array_size(screen->model.invitations);
    else if (screen->view == VIEW_DEVICES)
        *ret_count = person ? devices_count(&screen->model, person) : 0;
    else if (screen->view == VIEW_MEMBERS)
        *ret_count = person ? members_count(person) : 0;
    else
        return false;
    return true;
}

static void move_by(struct screen *screen, int by)
{
    size_t count;

    if (screen->view == VIEW_HELP)
        help_scroll(&screen->help, by);
    else if (screen->view == VIEW_TASKS)
        tasks_move(&screen->tasks, by);
    else if (!choices(screen, &count))
        step(screen, by);
    else if (by < 0)
        screen->chosen -= screen->chosen > 0;
    else
        screen->chosen += screen->chosen + 1 < count;
}

/* The person does the next thing, and so looked up. Why there is no connection stays until there is one. */
static void forget_notice(struct screen *screen)
{
    if (!screen->model.notice_offline)
        model_quiet(&screen->model);
}

static void on_key(struct screen *screen, wint_t key)
{
    if (line_key(line_of(screen), key) || key == KEY_RESIZE)
        return;
    forget_notice(screen);
    switch (key) {
    case KEY_UP:
        move_by(screen, -1);
        break;
    case KEY_DOWN:
        move_by(screen, 1);
        break;
    case KEY_PPAGE:
        scroll_page(screen, -1);
        break;
    case KEY_NPAGE:
        scroll_page(screen, 1);
        break;
    case KEY_F(1):
        show(screen, VIEW_HELP);
        break;
    case KEY_F(2):
        edit_last(screen);
        break;
    case KEY_F(3):
        retract_last(screen);
        break;
    case KEY_F(4):
        change_tell_read(screen);
        break;
    case KEY_F(5):
        give(screen, json_pack("{s:s}", "cmd", "retry"));
        break;
    case KEY_F(6):
        show_devices_or_members(screen);
        break;
    case KEY_F(7):
        decide(screen, true);
        break;
    case KEY_F(8):
        decide(screen, false);
        break;
    case KEY_F(9):
        if (screen->view == VIEW_TASKS)
            screen->view = VIEW_TALK;
        else
            show_tasks(screen);
        break;
    case KEY_F(12):
        screen->locking = true;
        break;
    default:
        break;
    }
}

/* Escape takes back, one thing at a time. */
static void escape(struct screen *screen)
{
    json_t *command = NULL;

    if (screen->view == VIEW_TASKS && !screen->secret.question && tasks_escape(&screen->tasks, &command)) {
        line_clear(&screen->answer);
        if (command)
            give(screen, command);
        return;
    }
    if (screen->secret.question)
        secret_escape(&screen->secret);
    else if (screen->view != VIEW_TALK)
        screen->view = VIEW_TALK;
    else if (*screen->model.notice || *screen->model.outage) {
        model_quiet(&screen->model);
        screen->model.outage[0] = 0;
    } else
        clear_input(screen);
}

static void on_char(struct screen *screen, wint_t c)
{
    switch (c) {
    case '\r':
    case '\n':
        forget_notice(screen);
        if (screen->secret.question)
            enter_secret(screen);
        else if (screen->view == VIEW_TASKS)
            answer_task(screen);
        else
            send_input(screen, c);
        break;
    case '\t':
        forget_notice(screen);
        move_by(screen, 1);
        break;
    case 27:
        escape(screen);
        break;
    case CTRL('Z'):
        screen->stopping = true;
        break;
    case CTRL('L'):
        clearok(curscr, TRUE);
        break;
    default:
        (void)line_char(line_of(screen), c);
        break;
    }
}

static bool is_leave(bool is_key, wint_t key)
{
    return is_key ? key == KEY_F(10) : key == CTRL('C') || key == CTRL('D') || key == CTRL('Q');
}

static void take_key(struct screen *screen, bool is_key, wint_t key)
{
    bool is_escape = !is_key && key == 27;
    enum ask_about asked = screen->ask.about;

    if (is_leave(is_key, key)) {
        leave(screen);
        return;
    }
    /* Who left may be typing for another program already: that must not get into the line, which Enter sends. */
    if (asked == ASKS_LEAVE && !is_escape)
        return;
    if (ask_answers(&screen->ask, is_key, key)) {
        do_asked(screen);
        return;
    }
    if (!is_key || key != KEY_RESIZE)
        screen->ask.about = ASKS_NOTHING;
    if (asked != ASKS_NOTHING && is_escape)
        return;
    if (is_key)
        on_key(screen, key);
    else
        on_char(screen, key);
}

static void look(struct screen *screen, bool here)
{
    if (screen->away == !here)
        return;
    screen->away = !here;
    screen->dirty = true;
    give(screen, json_pack("{s:s, s:b}", "cmd", "attention", "active", here));
}

void screen_keys(struct screen *screen)
{
    wint_t key;
    int kind;

    while ((kind = get_wch(&key)) != ERR) {
        if (kind == KEY_CODE_YES && (key == KEY_FOCUS || key == KEY_BLUR)) {
            look(screen, key == KEY_FOCUS);
            continue;
        }
        if (screen->done)
            continue;
        if (kind != KEY_CODE_YES || key != KEY_RESIZE) /* who types looks */
            look(screen, true);
        take_key(screen, kind == KEY_CODE_YES, key);
        if (screen->view == VIEW_TALK && selected(screen))
            selected(screen)->failed = false; /* it is before their eyes */
        screen->dirty = true;
    }
}

/* --- drawing --- */

static const char *say(const struct screen *screen, const char *id)
{
    return ks_say(screen->model.language, id).ptr; /* catalogue texts end with a zero */
}

static void draw_view(struct screen *screen, const struct area *area)
{
    struct model_person *person = selected(screen);

    if (screen->view == VIEW_TASKS)
        tasks_draw(&screen->tasks, area);
    else if (screen->view == VIEW_INVITATIONS)
        invitations_draw(&screen->model, area, &screen->chosen);
    else if (!person)
        paint_wrapped(area, area->top + 1, say(screen, SAY("konsil.choose")));
    else if (screen->view == VIEW_DEVICES)
        devices_draw(&screen->model, person, area, screen->chosen);
    else if (screen->view == VIEW_MEMBERS)
        members_draw(&screen->model, person, area, screen->chosen);
    else
        talk_draw(&screen->model, person, area, &screen->scroll);
}

static void draw_input(struct screen *screen, int y, int width)
{
    bool hidden = true;
    const char *question = screen->secret.question ? say(screen, screen->secret.question)
        : screen->view == VIEW_TASKS               ? tasks_question(&screen->tasks, &hidden)
                                                   : NULL;

    if (question) {
        line_ask(line_of(screen), y, width, question, hidden);
    } else if (screen->view != VIEW_TASKS) {
        paint_text(y, 0, 1, screen->editing ? "✎" : ">");
        line_draw(&screen->input, y, 2, width - 2, false);
    }
}

/* A sentence that is to be seen; "": there is none. */
static const char *sentence(const struct screen *screen)
{
    if (screen->done)
        return say(screen, SAY("konsil.leaving"));
    switch (screen->ask.about) {
    case ASKS_COMMAND:
        return screen->ask.text;
    case ASKS_LEAVE:
        return say(screen, SAY("konsil.ask-leave"));
    case ASKS_NOTHING:
        break;
    }
    if (*screen->model.outage && (!*screen->model.notice || screen->model.notice_offline))
        return screen->model.outage;
    return screen->model.notice;
}

static void draw_all(struct screen *screen, int height, int width)
{
    struct model_person *person = selected(screen);
    int list = width >= 70 ? LIST_WIDTH : width / 3;
    const char *hint = person && person->room ? SAY("konsil.hint-room") : SAY("konsil.hint");
    int status = frame_status(&screen->model, sentence(screen), say(screen, hint), height, width), bottom = status - 3;
    struct area people = { 1, bottom, 0, list }, view = { 1, bottom, list + 2, width - list - 3 };
    struct area whole = { 1, bottom, 1, width - 2 };

    frame_bar(&screen->model, person, list, width);
    if (screen->view == VIEW_HELP) {
        help_draw(&screen->help, screen->model.language, screen->model.tell_read, &whole);
    } else {
        list_draw(&screen->model, screen->selected, &people);
        for (int y = 1; y <= bottom; y++)
            mvaddstr(y, list, "│");
        draw_view(screen, &view);
    }
    mvhline(bottom + 1, 0, ACS_HLINE, width);
    draw_input(screen, bottom + 2, width); /* last, as the cursor stays there */
}

void screen_draw(struct screen *screen)
{
    int height, width;

    if (!screen->dirty && !screen->model.changed)
        return;
    screen->dirty = screen->model.changed = false;
    if (!screen->selected && screen->model.people_count)
        choose(screen, screen->model.people[0]->jid);
    if (screen->view == VIEW_TALK && !screen->away)
        mark_read(screen);
    if (screen->model.refused)
        secret_ask_password(&screen->secret);
    if (screen->model.alarm)
        beep();
    screen->model.alarm = false;
    getmaxyx(stdscr, height, width);
    erase();
    if (height < LEAST_HEIGHT || width < LEAST_WIDTH)
        paint_text(0, 0, width, say(screen, SAY("konsil.too-small")));
    else
        draw_all(screen, height, width);
    refresh();
}

/* --- life --- */

static const char *event_name(const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "event"));

    return name ? name : "";
}

/* A room that was made or entered is shown at once, and of one that is shown it is known who is in it. */
static void follow_room(struct screen *screen, const json_t *event)
{
    const char *made = rooms_made(event), *changed = rooms_changed(event);

    if (made) {
        choose(screen, made);
        screen->view = VIEW_TALK;
    }
    if (changed && screen->selected && strcmp(changed, screen->selected) == 0)
        ask_members(screen);
}

void screen_event(struct screen *screen, const char *json, size_t len)
{
    json_t *event = json_loadb(json, len, 0, NULL);

    if (json_is_object(event)) {
        model_event(&screen->model, event);
        tasks_event(&screen->tasks, event);
        follow_room(screen, event);
    }
    if (screen->view == VIEW_TASKS && !screen->tasks.list && strcmp(event_name(event), "ready") == 0)
        show_tasks(screen); /* there was nobody to ask before */
    json_decref(event);
}

struct screen *screen_new(enum ks_language language, struct screen_calls calls, void *user)
{
    struct screen *screen = calloc(1, sizeof *screen);

    if (!screen)
        return NULL;
    model_init(&screen->model, language);
    screen->tasks.language = language;
    screen->calls = calls;
    screen->user = user;
    screen->dirty = true;
    if (!tty_take()) {
        free(screen);
        return NULL;
    }
    return screen;
}

void screen_free(struct screen *screen)
{
    if (!screen)
        return;
    tty_give_back();
    model_done(&screen->model);
    tasks_done(&screen->tasks);
    line_clear(&screen->answer);
    line_clear(&screen->input);
    secret_done(&screen->secret);
    free(screen->selected);
    free(screen->editing);
    ask_done(&screen->ask);
    free(screen);
}

void screen_ask_password(struct screen *screen)
{
    secret_ask_password(&screen->secret);
    screen->dirty = true;
}

bool screen_stops(struct screen *screen)
{
    bool stops = screen->stopping;

    screen->stopping = false;
    if (stops)
        look(screen, false);
    return stops;
}

void screen_stop(struct screen *screen)
{
    tty_stop();
    look(screen, true);
}

bool screen_locks(const struct screen *screen)
{
    return screen->locking;
}

bool screen_done(const struct screen *screen)
{
    return screen->done;
}
