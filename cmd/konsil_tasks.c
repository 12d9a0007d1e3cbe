/* SPDX-License-Identifier: AGPL-3.0-or-later */
#define NCURSES_WIDECHAR 1
#include "konsil_tasks.h"

#include <curses.h>
#include <stdlib.h>

#include "say.h"

#define ADMIN "http://jabber.org/protocol/admin#"

/* Tasks and questions that are known have words in the person's language; others are shown in the server's. */
static const struct {
    const char *name, *id;
} words[] = {
    { ADMIN "add-user", SAY("konsil.task-add") },
    { ADMIN "delete-user", SAY("konsil.task-delete") },
    { ADMIN "disable-user", SAY("konsil.task-disable") },
    { ADMIN "reenable-user", SAY("konsil.task-enable") },
    { ADMIN "end-user-session", SAY("konsil.task-end") },
    { ADMIN "change-user-password", SAY("konsil.task-password") },
    { ADMIN "get-registered-users-num", SAY("konsil.task-count") },
    { ADMIN "get-disabled-users-num", SAY("konsil.task-count-disabled") },
    { "urn:xmpp:invite#create-account", SAY("konsil.task-invite") },
    { "accountjid", SAY("konsil.ask-account") },
    { "accountjids", SAY("konsil.ask-accounts") },
    { "password", SAY("konsil.ask-password") },
    { "password-verify", SAY("konsil.invite-again") },
    { "given_name", SAY("konsil.ask-given") },
    { "surname", SAY("konsil.ask-surname") },
    { "username", SAY("konsil.ask-username") },
    { "name", SAY("konsil.ask-name") },
    { "department", SAY("konsil.ask-department") },
    { "profession", SAY("konsil.ask-profession") },
    { "uri", SAY("konsil.tell-link") },
    { "landing-url", SAY("konsil.tell-page") },
    { "expire", SAY("konsil.tell-until") },
    { "registeredusersnum", SAY("konsil.tell-count") },
    { "disabledusersnum", SAY("konsil.tell-count") },
};

static const char *say(const struct tasks *tasks, const char *id)
{
    return ks_say(tasks->language, id).ptr; /* catalogue texts end with a zero */
}

static const char *text(const json_t *object, const char *member)
{
    const char *value = json_string_value(json_object_get(object, member));

    return value ? value : "";
}

static const char *word(const struct tasks *tasks, const char *name, const char *theirs)
{
    for (size_t i = 0; i < KS_COUNT(words); i++)
        if (strcmp(words[i].name, name) == 0)
            return say(tasks, words[i].id);
    return *theirs ? theirs : name;
}

static json_t *fields(const struct tasks *tasks)
{
    return json_object_get(json_object_get(tasks->task, "form"), "fields");
}

static bool is_type(const json_t *field, const char *type)
{
    return strcmp(text(field, "type"), type) == 0;
}

static bool is_asked(const json_t *field)
{
    return !is_type(field, "hidden") && !is_type(field, "fixed");
}

static bool is_form(const struct tasks *tasks)
{
    return strcmp(text(tasks->task, "status"), "executing") == 0;
}

/* --- events --- */

static void forget_task(struct tasks *tasks)
{
    json_decref(tasks->task);
    json_decref(tasks->answers);
    tasks->task = tasks->answers = NULL;
    tasks->field = 0;
}

void tasks_done(struct tasks *tasks)
{
    forget_task(tasks);
    json_decref(tasks->list);
    json_decref(tasks->info);
    tasks->list = tasks->info = NULL;
}

void tasks_ask(struct tasks *tasks, json_t *ret_commands[2])
{
    forget_task(tasks);
    tasks->at = 0;
    ret_commands[0] = json_pack("{s:s}", "cmd", "tasks");
    ret_commands[1] = json_pack("{s:s}", "cmd", "server_info");
}

/* What is not asked goes back as it came; stops at the next question. */
static void skip(struct tasks *tasks)
{
    for (; tasks->field < json_array_size(fields(tasks)); tasks->field++) {
        json_t *field = json_array_get(fields(tasks), tasks->field), *values = json_object_get(field, "values");

        if (is_asked(field))
            return;
        if (is_type(field, "hidden"))
            json_array_append_new(tasks->answers,
                json_pack(
                    "{s:s, s:o}", "var", text(field, "var"), "values", values ? json_incref(values) : json_array()));
    }
}

static void take(json_t **at, json_t *value)
{
    json_decref(*at);
    *at = json_incref(value);
}

void tasks_event(struct tasks *tasks, json_t *event)
{
    const char *name = text(event, "event");

    if (strcmp(name, "tasks") == 0) {
        take(&tasks->list, json_object_get(event, "tasks"));
    } else if (strcmp(name, "server_info") == 0) {
        take(&tasks->info, event);
    } else if (strcmp(name, "task") == 0) {
        forget_task(tasks);
        if (strcmp(text(event, "status"), "canceled") == 0)
            return;
        tasks->task = json_incref(event);
        tasks->answers = json_array();
        if (is_form(tasks))
            skip(tasks);
    } else if (strcmp(name, "error") == 0 && strcmp(text(event, "cmd"), "task") == 0) {
        forget_task(tasks);
    }
}

/* --- keys --- */

void tasks_move(struct tasks *tasks, int by)
{
    size_t count = json_array_size(tasks->list);

    if (!tasks->task && by < 0)
        tasks->at -= tasks->at > 0;
    else if (!tasks->task)
        tasks->at += tasks->at + 1 < count;
}

const char *tasks_question(const struct tasks *tasks, bool *ret_hidden)
{
    const json_t *field = is_form(tasks) ? json_array_get(fields(tasks), tasks->field) : NULL;

    *ret_hidden = field && is_type(field, "text-private");
    return field ? word(tasks, text(field, "var"), text(field, "label")) : NULL;
}

/* "yes" and "ja", a choice's number or value, addresses with blanks between; NULL: that is no answer. */
static json_t *values_of(const json_t *field, const char *answer)
{
    json_t *values = json_array(), *options = json_object_get(field, "options");
    struct ks_str left = ks_str_trim(ks_str_z(answer)), one;
    char *end;

    if (is_type(field, "boolean")) {
        bool yes = left.len > 0 && strchr("jJyY1", left.ptr[0]);
        json_array_append_new(values, json_string(yes ? "true" : "false"));
        return values;
    }
    if (json_array_size(options) > 0 && left.len > 0) {
        size_t number = strtoul(answer, &end, 10);
        json_t *option = *end == 0 ? json_array_get(options, number - 1) : NULL;
        json_array_append_new(values, option ? json_string(text(option, "value")) : json_stringn(left.ptr, left.len));
        return values;
    }
    if (is_type(field, "jid-multi"))
        while (left.len > 0 && ks_str_cut(&left, ' ', &one))
            json_array_append_new(values, json_stringn(one.ptr, one.len));
    else if (left.len > 0) /* a password is as it was typed */
        json_array_append_new(
            values, is_type(field, "text-private") ? json_string(answer) : json_stringn(left.ptr, left.len));
    if (json_array_size(values) > 0 || !json_is_true(json_object_get(field, "required")))
        return values;
    json_decref(values);
    return NULL;
}

static json_t *go_on(const struct tasks *tasks, json_t *answers)
{
    json_t *command = json_pack(
        "{s:s, s:s, s:s}", "cmd", "task", "task", text(tasks->task, "task"), "session", text(tasks->task, "session"));

    if (answers)
        json_object_set(command, "answers", answers);
    else
        json_object_set_new(command, "action", json_string("cancel"));
    return command;
}

static json_t *begin(const struct tasks *tasks)
{
    json_t *chosen = json_array_get(tasks->list, tasks->at), *command;

    if (!chosen)
        return NULL;
    command = json_pack("{s:s, s:s}", "cmd", "task", "task", text(chosen, "task"));
    if (*text(chosen, "at"))
        json_object_set_new(command, "at", json_string(text(chosen, "at")));
    return command;
}

json_t *tasks_enter(struct tasks *tasks, const char *answer)
{
    json_t *field, *values;

    if (!tasks->task)
        return begin(tasks);
    if (!is_form(tasks)) { /* it was read */
        forget_task(tasks);
        return NULL;
    }
    if ((field = json_array_get(fields(tasks), tasks->field))) {
        if (!(values = values_of(field, answer)))
            return NULL; /* it must be answered */
        json_array_append_new(tasks->answers, json_pack("{s:s, s:o}", "var", text(field, "var"), "values", values));
        tasks->field++;
        skip(tasks);
    }
    return tasks->field < json_array_size(fields(tasks)) ? NULL : go_on(tasks, tasks->answers);
}

bool tasks_escape(struct tasks *tasks, json_t **ret_command)
{
    *ret_command = tasks->task && is_form(tasks) ? go_on(tasks, NULL) : NULL;
    if (!tasks->task)
        return false;
    forget_task(tasks);
    return true;
}

/* --- drawing --- */

static int draw_values(const struct area *area, int y, const char *head, const json_t *values)
{
    struct area inner = { area->top, area->bottom, area->left + 2, area->width - 2 };
    json_t *value;
    size_t i;

    attron(A_BOLD);
    y = paint_wrapped(area, y, head);
    attrset(A_NORMAL);
    json_array_foreach(values, i, value) y = paint_wrapped(&inner, y, json_string_value(value));
    return y;
}

static int draw_contacts(const struct tasks *tasks, const struct area *area, int y)
{
    json_t *contact;
    size_t i;

    json_array_foreach(json_object_get(tasks->info, "contacts"), i, contact)
    {
        const char *what_for = text(contact, "what_for");
        if (strcmp(what_for, "support") == 0 || strcmp(what_for, "admin") == 0)
            y = draw_values(area, y, say(tasks, SAY("konsil.contact-support")), json_object_get(contact, "addresses"));
        else if (strcmp(what_for, "security") == 0)
            y = draw_values(area, y, say(tasks, SAY("konsil.contact-security")), json_object_get(contact, "addresses"));
    }
    return y;
}

static void draw_list(const struct tasks *tasks, const struct area *area)
{
    int y = draw_contacts(tasks, area, area->top);
    json_t *task;
    size_t i;

    if (y > area->top)
        y++;
    if (json_array_size(tasks->list) == 0)
        y = paint_wrapped(area, y, say(tasks, SAY("konsil.tasks-none")));
    json_array_foreach(tasks->list, i, task)
    {
        attron(i == tasks->at ? A_REVERSE : A_NORMAL);
        y = paint_wrapped(area, y, word(tasks, text(task, "task"), text(task, "name")));
        attrset(A_NORMAL);
    }
}

static int draw_options(const json_t *field, const struct area *area, int y)
{
    json_t *option;
    char line[300];
    size_t i;

    json_array_foreach(json_object_get(field, "options"), i, option)
    {
        snprintf(line, sizeof line, "%zu  %s", i + 1,
            *text(option, "label") ? text(option, "label") : text(option, "value"));
        y = paint_wrapped(area, y, line);
    }
    return y;
}

static void draw_task(const struct tasks *tasks, const struct area *area)
{
    json_t *notes = json_object_get(tasks->task, "notes"), *note, *field;
    int y = area->top;
    size_t i;

    attron(A_BOLD);
    y = paint_wrapped(area, y, word(tasks, text(tasks->task, "task"), "")) + 1;
    attrset(A_NORMAL);
    json_array_foreach(notes, i, note)
    {
        attron(strcmp(text(note, "kind"), "error") == 0 ? COLOR_PAIR(PAIR_ALARM) : A_NORMAL);
        y = paint_wrapped(area, y, text(note, "text"));
        attrset(A_NORMAL);
    }
    if (is_form(tasks)) {
        (void)draw_options(json_array_get(fields(tasks), tasks->field), area, y);
        return;
    }
    if (json_array_size(notes) == 0)
        y = paint_wrapped(area, y, say(tasks, SAY("konsil.task-done")));
    json_array_foreach(fields(tasks), i, field) if (is_asked(field)) y =
        draw_values(area, y, word(tasks, text(field, "var"), text(field, "label")), json_object_get(field, "values"));
}

void tasks_draw(const struct tasks *tasks, const struct area *area)
{
    struct area inner = { area->top, area->bottom - 1, area->left, area->width };

    if (tasks->task)
        draw_task(tasks, &inner);
    else
        draw_list(tasks, &inner);
    attron(A_DIM);
    paint_text(area->bottom, area->left, area->width, say(tasks, SAY("konsil.tasks-keys")));
    attrset(A_NORMAL);
}
