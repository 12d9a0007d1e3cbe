/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_talk.h"

#include <curses.h>
#include <time.h>

#include "konsil_rooms.h"
#include "say.h"
#include "unicode.h"

#define INDENT 2 /* of a text below its head */

static const char *say(const struct model *model, const char *id)
{
    return ks_say(model->language, id).ptr; /* catalogue texts end with a zero */
}

/* What was retracted has none: that it was delivered is not true any more. */
static enum model_state state_of(const struct model_message *message)
{
    return message->mine && !message->retracted ? message->state : STATE_NONE;
}

static const char *mark(enum model_state state)
{
    static const char *const marks[] = { "", "…", "✓", "✓✓", "✓✓", "!" };

    return marks[state];
}

static const char *state_word(const struct model *model, enum model_state state)
{
    switch (state) {
    case STATE_WAITING:
        return say(model, SAY("konsil.state-waiting"));
    case STATE_SERVER:
        return say(model, SAY("konsil.state-server"));
    case STATE_DELIVERED:
        return say(model, SAY("konsil.state-delivered"));
    case STATE_READ:
        return say(model, SAY("konsil.state-read"));
    case STATE_FAILED:
        return say(model, SAY("konsil.state-failed"));
    case STATE_NONE:
        break;
    }
    return "";
}

/* Why it waits, or did not arrive; "": nothing to say. */
static const char *reason_of(const struct model *model, const struct model_message *message)
{
    enum model_state state = state_of(message);
    bool why = (state == STATE_WAITING || state == STATE_FAILED) && message->reason && *message->reason;

    return why ? say(model, message->reason) : "";
}

static const char *body_of(const struct model *model, const struct model_message *message)
{
    if (message->retracted)
        return message->body && *message->body ? message->body : say(model, SAY("konsil.retracted"));
    if (message->unreadable)
        return say(model, SAY("konsil.unreadable"));
    if (message->unknown && !message->body)
        return say(model, SAY("konsil.newer"));
    return message->body ? message->body : "";
}

static const char *author_of(struct model *model, const struct model_message *message)
{
    const struct model_person *author = message->from ? model_person(model, message->from) : NULL;

    if (message->mine || (message->from && model->self && strcmp(message->from, model->self) == 0))
        return say(model, SAY("konsil.me"));
    return author ? model_name(author) : message->from ? message->from : "?";
}

/* Who, and when. */
static void write_head(struct model *model, const struct model_message *message, char *head, size_t cap)
{
    char stamp[32];
    time_t seconds = (time_t)(message->time_ms / 1000);
    struct tm when;

    localtime_r(&seconds, &when);
    strftime(stamp, sizeof stamp, "%d.%m. %H:%M", &when);
    snprintf(head, cap, "%s  %s%s%s%s%s%s%s%s%s%s%s", author_of(model, message), stamp, message->seal ? "  " : "",
        message->seal ? message->seal : "", message->urgency ? "  " : "",
        message->urgency ? say(model, message->urgency) : "", message->edited ? "  " : "",
        message->edited ? say(model, SAY("konsil.edited")) : "", message->reactions ? "  " : "",
        message->reactions ? message->reactions : "", message->mine ? "  " : "", mark(state_of(message)));
}

/* Beside the head, if it fits there; else below the text. */
static bool reason_fits(const struct model *model, const struct model_message *message, const char *head, int width)
{
    return ks_unicode_columns(ks_str_z(head)) + 1 + ks_unicode_columns(ks_str_z(reason_of(model, message)))
        <= (size_t)width;
}

static bool is_alarming(const struct model_message *message)
{
    return message->forged || (message->urgency && strcmp(message->urgency, SAY("konsil.urgent")) == 0);
}

/* And how far it came. */
static void draw_head(struct model *model, const struct model_message *message, int y, const struct area *area)
{
    const char *reason = reason_of(model, message);
    char head[600];
    int used;

    write_head(model, message, head, sizeof head);
    attron(is_alarming(message) ? COLOR_PAIR(PAIR_ALARM) | A_BOLD : message->mine ? COLOR_PAIR(PAIR_SELF) : A_BOLD);
    used = paint_text(y, area->left, area->width, head) + 1;
    attrset(A_NORMAL);
    if (!message->mine)
        return;
    attron(state_of(message) == STATE_FAILED ? COLOR_PAIR(PAIR_ALARM) : A_DIM);
    paint_text(y, area->left + used, area->width - used,
        *reason && reason_fits(model, message, head, area->width) ? reason : state_word(model, state_of(message)));
    attrset(A_NORMAL);
}

/* The lines of a text; false when there are no more. */
static bool next_line(struct ks_str *rest, int width, struct ks_str *ret_line)
{
    size_t len, skip;

    if (!rest->len)
        return false;
    len = paint_fitting(*rest, (size_t)width - INDENT, &skip);
    *ret_line = ks_str_head(*rest, len);
    *rest = ks_str_from(*rest, len + skip);
    return true;
}

static struct ks_str reason_below(struct model *model, const struct model_message *message, int width)
{
    char head[600];

    write_head(model, message, head, sizeof head);
    return reason_fits(model, message, head, width) ? KS_STR_EMPTY : ks_str_z(reason_of(model, message));
}

/* With its head, and the blank line above it. */
static unsigned height_of(struct model *model, const struct model_message *message, int width)
{
    struct ks_str rest = ks_str_z(body_of(model, message)), reason = reason_below(model, message, width),
                  files = ks_str_z(message->files), line;
    unsigned height = message->gap ? 1 : 2;

    while (next_line(&rest, width, &line) || next_line(&files, width, &line) || next_line(&reason, width, &line))
        height++;
    return height;
}

static int draw_lines(struct ks_str text, int y, const struct area *area, attr_t attributes)
{
    struct ks_str line;

    attron(attributes);
    for (; next_line(&text, area->width, &line); y++)
        if (y >= area->top && y <= area->bottom)
            paint_str(y, area->left + INDENT, area->width - INDENT, line);
    attrset(A_NORMAL);
    return y;
}

/* Draws a message from line y on, as far as it lies in the area. */
static void draw_message(struct model *model, const struct model_message *message, int y, const struct area *area)
{
    attr_t alarm = (attr_t)COLOR_PAIR(PAIR_ALARM);

    if (!message->gap) {
        if (y >= area->top && y <= area->bottom)
            draw_head(model, message, y, area);
        y++;
    }
    y = draw_lines(ks_str_z(body_of(model, message)), y, area,
        message->gap || message->unreadable ? alarm
            : message->retracted            ? A_DIM
                                            : A_NORMAL);
    y = draw_lines(ks_str_z(message->files), y, area, A_BOLD);
    draw_lines(reason_below(model, message, area->width), y, area, message->state == STATE_FAILED ? alarm : A_DIM);
}

/* No further up than to the oldest message at the top. */
static unsigned scroll_limit(
    struct model *model, const struct model_person *person, const struct area *area, unsigned scroll)
{
    unsigned room = (unsigned)(area->bottom - area->top + 1), height = 0;

    for (size_t i = person->message_count; i > 0 && height <= scroll + room; i--)
        height += height_of(model, &person->messages[i - 1], area->width);
    if (height <= room + 1) /* the topmost blank line need not be seen */
        return 0;
    return scroll < height - room - 1 ? scroll : height - room - 1;
}

void talk_draw(struct model *model, const struct model_person *person, const struct area *area, unsigned *scroll)
{
    int y;

    if (!person->message_count)
        paint_wrapped(area, area->top + 1,
            say(model, rooms_is(person, "foreign") ? SAY("konsil.empty-foreign") : SAY("konsil.empty")));
    *scroll = scroll_limit(model, person, area, *scroll);
    y = area->bottom + 1 + (int)*scroll; /* the line below the message at hand */
    for (size_t i = person->message_count; i > 0 && y > area->top; i--) {
        const struct model_message *message = &person->messages[i - 1];
        y -= (int)height_of(model, message, area->width);
        draw_message(model, message, y + 1, area);
    }
}
