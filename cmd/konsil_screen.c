/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_screen.h"

#include <curses.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <wchar.h>

#include "konsil_model.h"
#include "say.h"
#include "unicode.h"

#define INPUT_MAX 4000 /* characters */
#define PAGE 50
#define LIST_WIDTH 30

enum { PAIR_DIM = 1, PAIR_ALARM, PAIR_SELF, PAIR_BAR };

struct screen {
    struct model model;
    void (*command)(void *user, const char *json);
    void *user;
    char *selected; /* a JID; NULL: nobody yet */
    wchar_t input[INPUT_MAX + 1];
    size_t input_len, cursor;
    unsigned scroll; /* lines up from the newest */
    char *editing;   /* the id of the message being edited; NULL: a new one */
    bool done, help, dirty;
};

/* --- commands --- */

static void give(struct screen *screen, json_t *command)
{
    char *text = json_dumps(command, JSON_COMPACT);

    if (text)
        screen->command(screen->user, text);
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

static void choose(struct screen *screen, const char *jid)
{
    free(screen->selected);
    screen->selected = strdup(jid);
    screen->scroll = 0;
    ask_history(screen);
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

static char *input_text(const struct screen *screen)
{
    char *text = malloc(screen->input_len * 4 + 1);
    size_t len = 0;

    for (size_t i = 0; text && i < screen->input_len; i++) {
        char bytes[MB_LEN_MAX];
        int count = wctomb(bytes, screen->input[i]);
        for (int b = 0; b < count; b++)
            text[len++] = bytes[b];
    }
    if (text)
        text[len] = 0;
    return text;
}

static void clear_input(struct screen *screen)
{
    wmemset(screen->input, 0, KS_COUNT(screen->input));
    screen->input_len = screen->cursor = 0;
    free(screen->editing);
    screen->editing = NULL;
}

static void send_input(struct screen *screen)
{
    struct model_person *person = selected(screen);
    char *text = input_text(screen);

    if (!person || !text || !screen->input_len) {
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

/* The newest message of one's own, to edit or to take back. */
static struct model_message *own_last(struct screen *screen)
{
    struct model_person *person = selected(screen);

    for (size_t i = person ? person->message_count : 0; i > 0; i--)
        if (person->messages[i - 1].mine && !person->messages[i - 1].retracted && person->messages[i - 1].body)
            return &person->messages[i - 1];
    return NULL;
}

static void edit_last(struct screen *screen)
{
    struct model_message *message = own_last(screen);
    size_t len;

    if (!message)
        return;
    clear_input(screen);
    screen->editing = strdup(message->id);
    len = mbstowcs(screen->input, message->body, INPUT_MAX);
    screen->input_len = screen->cursor = len == (size_t)-1 ? 0 : len;
}

static void retract_last(struct screen *screen)
{
    struct model_message *message = own_last(screen);

    if (message)
        give(screen,
            json_pack("{s:s, s:s, s:s}", "cmd", "retract", "conversation", screen->selected, "message", message->id));
}

/* Whether authors are told what was read here; the help, which says it, is shown. */
static void change_tell_read(struct screen *screen)
{
    give(screen, json_pack("{s:s, s:b}", "cmd", "settings", "tell_read", !screen->model.tell_read));
    give(screen, json_pack("{s:s}", "cmd", "state"));
    screen->help = true;
}

/* --- keys --- */

static void insert_char(struct screen *screen, wchar_t c)
{
    if (screen->input_len == INPUT_MAX || c < 32)
        return;
    wmemmove(screen->input + screen->cursor + 1, screen->input + screen->cursor, screen->input_len - screen->cursor);
    screen->input[screen->cursor++] = c;
    screen->input_len++;
}

static void delete_char(struct screen *screen, size_t at)
{
    if (at >= screen->input_len)
        return;
    wmemmove(screen->input + at, screen->input + at + 1, screen->input_len - at - 1);
    screen->input[--screen->input_len] = 0;
}

static void on_key(struct screen *screen, wint_t key)
{
    switch (key) {
    case KEY_UP:
        step(screen, -1);
        break;
    case KEY_DOWN:
    case '\t':
        step(screen, 1);
        break;
    case KEY_PPAGE:
        screen->scroll += 10;
        ask_history(screen);
        break;
    case KEY_NPAGE:
        screen->scroll = screen->scroll > 10 ? screen->scroll - 10 : 0;
        break;
    case KEY_LEFT:
        screen->cursor -= screen->cursor > 0;
        break;
    case KEY_RIGHT:
        screen->cursor += screen->cursor < screen->input_len;
        break;
    case KEY_HOME:
        screen->cursor = 0;
        break;
    case KEY_END:
        screen->cursor = screen->input_len;
        break;
    case KEY_BACKSPACE:
        if (screen->cursor)
            delete_char(screen, --screen->cursor);
        break;
    case KEY_DC:
        delete_char(screen, screen->cursor);
        break;
    case KEY_F(1):
        screen->help = !screen->help;
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
    case KEY_F(10):
        screen->done = true;
        break;
    default:
        break;
    }
}

static void on_char(struct screen *screen, wint_t c)
{
    switch (c) {
    case '\r':
    case '\n':
        send_input(screen);
        break;
    case '\t':
        step(screen, 1);
        break;
    case 127:
    case 8:
        if (screen->cursor)
            delete_char(screen, --screen->cursor);
        break;
    case 1: /* Ctrl-A */
        screen->cursor = 0;
        break;
    case 5: /* Ctrl-E */
        screen->cursor = screen->input_len;
        break;
    case 21: /* Ctrl-U */
    case 27: /* Escape */
        clear_input(screen);
        break;
    case 12: /* Ctrl-L */
        clearok(curscr, TRUE);
        break;
    case 4:  /* Ctrl-D */
    case 17: /* Ctrl-Q */
        screen->done = true;
        break;
    default:
        insert_char(screen, (wchar_t)c);
        break;
    }
}

void screen_keys(struct screen *screen)
{
    wint_t key;
    int kind;

    while ((kind = get_wch(&key)) != ERR) {
        if (kind == KEY_CODE_YES)
            on_key(screen, key);
        else
            on_char(screen, key);
        screen->dirty = true;
    }
}

/* --- drawing --- */

/* A text in at most `width` columns from (y, x); control characters become ?. Returns the columns used. */
static int put(int y, int x, int width, const char *text)
{
    struct ks_str left = ks_str_z(text);
    int used = 0;

    move(y, x);
    while (left.len) {
        size_t len = 1;
        while (len < left.len && ((unsigned char)left.ptr[len] & 0xc0) == 0x80)
            len++;
        int columns = (int)ks_unicode_columns(ks_str_head(left, len));
        if (used + columns > width)
            break;
        if ((unsigned char)left.ptr[0] < 32 || left.ptr[0] == 127)
            addch('?');
        else
            addnstr(left.ptr, (int)len);
        used += columns;
        left = ks_str_from(left, len);
    }
    return used;
}

static const char *say(const struct screen *screen, const char *id)
{
    return ks_say(screen->model.language, id).ptr; /* catalogue texts end with a zero */
}

static const char *mark(enum model_state state)
{
    static const char *const marks[] = { "", "…", "✓", "✓✓", "✓✓", "!" };

    return marks[state];
}

static const char *state_word(const struct screen *screen, const struct model_message *message)
{
    switch (message->state) {
    case STATE_WAITING:
        return message->reason ? say(screen, message->reason) : say(screen, SAY("konsil.state-waiting"));
    case STATE_SERVER:
        return say(screen, SAY("konsil.state-server"));
    case STATE_DELIVERED:
        return say(screen, SAY("konsil.state-delivered"));
    case STATE_READ:
        return say(screen, SAY("konsil.state-read"));
    case STATE_FAILED:
        return message->reason ? say(screen, message->reason) : say(screen, SAY("konsil.state-failed"));
    case STATE_NONE:
        break;
    }
    return "";
}

static const char *body_of(const struct screen *screen, const struct model_message *message)
{
    if (message->retracted)
        return say(screen, SAY("konsil.retracted"));
    if (message->unreadable)
        return say(screen, SAY("konsil.unreadable"));
    if (message->unknown && !message->body)
        return say(screen, SAY("konsil.newer"));
    return message->body ? message->body : "";
}

/* How much of text fits into width columns, preferably up to a blank; *ret_skip: blanks to leave out after it. */
static size_t fitting(struct ks_str text, size_t width, size_t *ret_skip)
{
    size_t at = 0, blank = 0, columns = 0;

    *ret_skip = 0;
    while (at < text.len && text.ptr[at] != '\n') {
        size_t len = 1;
        while (at + len < text.len && ((unsigned char)text.ptr[at + len] & 0xc0) == 0x80)
            len++;
        columns += ks_unicode_columns(ks_str(text.ptr + at, len));
        if (columns > width)
            break;
        if (text.ptr[at] == ' ')
            blank = at;
        at += len;
    }
    if (at == text.len)
        return at;
    if (text.ptr[at] == '\n') {
        *ret_skip = 1;
        return at;
    }
    if (blank) {
        *ret_skip = 1;
        return blank;
    }
    return at ? at : 1;
}

/* Draws a message whose last line is at y, upwards; returns the line above it. */
static int draw_message(struct screen *screen, const struct model_message *message, int y, int top, int left, int width)
{
    struct ks_str body = ks_str_z(body_of(screen, message)), rest = body, lines[200];
    size_t count = 0, skip;
    char head[400], stamp[32];
    time_t seconds = (time_t)(message->time_ms / 1000);
    struct tm when;

    while (rest.len && count < KS_COUNT(lines)) {
        size_t len = fitting(rest, (size_t)width - 2, &skip);
        lines[count++] = ks_str_head(rest, len);
        rest = ks_str_from(rest, len + skip);
    }
    for (size_t i = count; i > 0 && y >= top; i--, y--) {
        char line[1024];
        snprintf(line, sizeof line, "%.*s", KS_STR_FMT(lines[i - 1]));
        if (message->gap || message->unreadable)
            attron(COLOR_PAIR(PAIR_ALARM));
        if (message->retracted)
            attron(A_DIM);
        put(y, left + 2, width - 2, line);
        attrset(A_NORMAL);
    }
    if (y < top || message->gap)
        return y;
    localtime_r(&seconds, &when);
    strftime(stamp, sizeof stamp, "%d.%m. %H:%M", &when);
    struct model_person *author = message->from ? model_person(&screen->model, message->from) : NULL;
    snprintf(head, sizeof head, "%s  %s%s%s%s%s%s%s",
        message->mine       ? say(screen, SAY("konsil.me"))
            : author        ? model_name(author)
            : message->from ? message->from
                            : "?",
        stamp, message->edited ? "  " : "", message->edited ? say(screen, SAY("konsil.edited")) : "",
        message->reactions ? "  " : "", message->reactions ? message->reactions : "", message->mine ? "  " : "",
        message->mine ? mark(message->state) : "");
    attron(message->mine ? COLOR_PAIR(PAIR_SELF) : A_BOLD);
    int used = put(y, left, width, head);
    attrset(A_NORMAL);
    if (message->mine) {
        attron(message->state == STATE_FAILED ? COLOR_PAIR(PAIR_ALARM) : A_DIM);
        put(y, left + used + 1, width - used - 1, state_word(screen, message));
        attrset(A_NORMAL);
    }
    return y - 1;
}

static void draw_people(struct screen *screen, int height, int width)
{
    struct model *model = &screen->model;
    size_t first = 0, at = 0;

    for (size_t i = 0; i < model->people_count; i++)
        if (screen->selected && strcmp(model->people[i]->jid, screen->selected) == 0)
            at = i;
    if (at >= (size_t)height)
        first = at - (size_t)height + 1;
    for (int y = 0; y < height && first + (size_t)y < model->people_count; y++) {
        struct model_person *person = model->people[first + (size_t)y];
        bool is_selected = screen->selected && strcmp(person->jid, screen->selected) == 0;
        char unread[16] = "";
        if (is_selected)
            attron(A_REVERSE);
        mvhline(y + 1, 0, ' ', width);
        if (person->unread)
            snprintf(unread, sizeof unread, " %u ", person->unread);
        if (person->unread)
            attron(A_BOLD);
        put(y + 1, 1, width - 2 - (int)strlen(unread), model_name(person));
        if (*unread)
            put(y + 1, width - (int)strlen(unread), (int)strlen(unread), unread);
        attrset(A_NORMAL);
    }
}

static void draw_help(struct screen *screen, int height, int left, int width)
{
    const char *const lines[] = { SAY("konsil.help-choose"), SAY("konsil.help-send"), SAY("konsil.help-edit"),
        SAY("konsil.help-retract"), screen->model.tell_read ? SAY("konsil.help-tells") : SAY("konsil.help-tells-not"),
        SAY("konsil.help-scroll"), SAY("konsil.help-retry"), SAY("konsil.help-leave"), SAY("konsil.help-marks") };

    for (size_t i = 0; i < KS_COUNT(lines) && (int)i + 2 < height; i++)
        put((int)i + 2, left + 2, width - 2, say(screen, lines[i]));
}

static void draw_conversation(struct screen *screen, int height, int left, int width)
{
    struct model_person *person = selected(screen);
    unsigned skip = screen->scroll / 2;
    int y = height;

    if (screen->help) {
        draw_help(screen, height, left, width);
        return;
    }
    if (!person) {
        put(2, left + 2, width - 2, say(screen, SAY("konsil.choose")));
        return;
    }
    if (!person->message_count)
        put(2, left + 2, width - 2, say(screen, SAY("konsil.empty")));
    for (size_t i = person->message_count; i > 0 && y >= 1; i--) {
        if (skip && i > 1) {
            skip--;
            continue;
        }
        y = draw_message(screen, &person->messages[i - 1], y, 1, left, width) - 1;
    }
}

static void draw_input(struct screen *screen, int y, int width)
{
    int room = width - 3, x = 2;
    size_t first = 0;
    int columns = 0;

    /* So that the cursor is seen, the line begins late enough. */
    for (size_t i = screen->cursor; i > 0; i--) {
        columns += wcwidth(screen->input[i - 1]) > 0 ? wcwidth(screen->input[i - 1]) : 0;
        if (columns > room) {
            first = i;
            break;
        }
    }
    mvhline(y, 0, ' ', width);
    mvaddstr(y, 0, screen->editing ? "✎" : ">");
    int cursor_x = x;
    for (size_t i = first; i < screen->input_len && x < width - 1; i++) {
        if (i == screen->cursor)
            cursor_x = x;
        mvaddnwstr(y, x, &screen->input[i], 1);
        x += wcwidth(screen->input[i]) > 0 ? wcwidth(screen->input[i]) : 0;
    }
    move(y, screen->cursor >= screen->input_len ? x : cursor_x);
}

static const char *connection_word(const struct screen *screen)
{
    const char *name = screen->model.connection;

    if (strcmp(name, "online") == 0)
        return say(screen, SAY("konsil.online"));
    if (strcmp(name, "offline") == 0)
        return say(screen, SAY("konsil.offline"));
    if (strcmp(name, "catching_up") == 0)
        return say(screen, SAY("konsil.catching-up"));
    return say(screen, SAY("konsil.connecting"));
}

void screen_draw(struct screen *screen)
{
    struct model_person *person = selected(screen);
    int height, width, list;
    char bar[600];

    if (!screen->dirty && !screen->model.changed)
        return;
    screen->dirty = screen->model.changed = false;
    if (!screen->selected && screen->model.people_count)
        choose(screen, screen->model.people[0]->jid);
    if (!screen->help)
        mark_read(screen);
    getmaxyx(stdscr, height, width);
    erase();
    list = width >= 70 ? LIST_WIDTH : width / 3;
    if (height < 6 || width < 30) {
        put(0, 0, width, say(screen, SAY("konsil.too-small")));
        refresh();
        return;
    }
    attron(COLOR_PAIR(PAIR_BAR));
    mvhline(0, 0, ' ', width);
    put(0, 1, list, screen->model.self ? screen->model.self : "konsil");
    if (person) {
        snprintf(bar, sizeof bar, "%s%s%s", model_name(person), person->about ? " – " : "",
            person->about ? person->about : "");
        mvhline(0, list + 1, ' ', width - list - 1);
        put(0, list + 2, width - list - 3, bar);
    }
    attrset(A_NORMAL);
    draw_people(screen, height - 4, list);
    for (int y = 1; y < height - 3; y++)
        mvaddstr(y, list, "│");
    draw_conversation(screen, height - 4, list + 2, width - list - 3);
    mvhline(height - 3, 0, ACS_HLINE, width);
    draw_input(screen, height - 2, width);
    int cursor_y, cursor_x;
    getyx(stdscr, cursor_y, cursor_x);
    snprintf(bar, sizeof bar, "%s  %s", connection_word(screen),
        *screen->model.notice ? screen->model.notice : say(screen, SAY("konsil.hint")));
    attron(*screen->model.notice ? COLOR_PAIR(PAIR_ALARM) : A_DIM);
    put(height - 1, 0, width - 1, bar);
    attrset(A_NORMAL);
    move(cursor_y, cursor_x);
    refresh();
}

/* --- life --- */

void screen_event(struct screen *screen, const char *json, size_t len)
{
    json_t *event = json_loadb(json, len, 0, NULL);

    if (json_is_object(event))
        model_event(&screen->model, event);
    json_decref(event);
}

struct screen *screen_new(enum ks_language language, void (*command)(void *user, const char *json), void *user)
{
    struct screen *screen = calloc(1, sizeof *screen);

    if (!screen)
        return NULL;
    model_init(&screen->model, language);
    screen->command = command;
    screen->user = user;
    screen->dirty = true;
    if (!newterm(NULL, stdout, stdin)) {
        free(screen);
        return NULL;
    }
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    if (has_colors()) {
        start_color();
        use_default_colors();
        init_pair(PAIR_DIM, COLOR_WHITE, -1);
        init_pair(PAIR_ALARM, COLOR_RED, -1);
        init_pair(PAIR_SELF, COLOR_CYAN, -1);
        init_pair(PAIR_BAR, COLOR_WHITE, COLOR_BLUE);
    }
    give(screen, json_pack("{s:s}", "cmd", "state"));
    give(screen, json_pack("{s:s}", "cmd", "contacts"));
    give(screen, json_pack("{s:s}", "cmd", "conversations"));
    return screen;
}

void screen_free(struct screen *screen)
{
    if (!screen)
        return;
    endwin();
    model_done(&screen->model);
    ks_wipe(screen->input, sizeof screen->input);
    free(screen->selected);
    free(screen->editing);
    free(screen);
}

bool screen_done(const struct screen *screen)
{
    return screen->done;
}
