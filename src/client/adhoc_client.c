/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "adhoc_client.h"

#include "command.h"
#include "engine.h"
#include "form_client.h"

#define NOTES_MAX 16
#define TEXT_MAX 1024 /* of a node, a session, a name; as `task` takes them */

/* Whom to ask. KS_ESYNTAX: that is no address. */
static enum ks_err place(struct konsil *k, struct ks_str at, struct ks_str *ret_to)
{
    struct ks_jid jid;
    enum ks_err err;

    *ret_to = ks_str_z(k->domain);
    if (at.len == 0)
        return KS_OK;
    if ((err = ks_jid_parse(&k->arena, at, &jid)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESYNTAX;
    return ks_jid_text(&k->arena, jid, ret_to);
}

static enum ks_err refuse_text(struct konsil *k, enum ks_cmd_kind kind, struct ks_str text, const char *code)
{
    struct ks_cmd cmd = { .kind = kind, .id = ks_cmd_text_id(text) };

    return ks_cmd_refuse(k, &cmd, code, KS_STR_EMPTY);
}

/* --- which there are (§2.2) --- */

static enum ks_err read_tasks(struct konsil *k, const struct ks_xml *query, struct ks_js_task_list *ret_tasks)
{
    struct ks_js_task *items = ks_arena_zero(&k->arena, KS_TASKS_MAX * sizeof(*items));
    const struct ks_xml *at;
    size_t count = 0;

    if (!items)
        return KS_ENOMEM;
    for (at = ks_xml_child(query, NS_DISCO_ITEMS, "item"); at; at = ks_xml_next(at, NS_DISCO_ITEMS, "item")) {
        struct ks_str node = ks_xml_attr(at, "node"), jid = ks_xml_attr(at, "jid"), name = ks_xml_attr(at, "name");

        if (node.len == 0 || node.len > TEXT_MAX || jid.len > KS_JID_MAX)
            continue; /* `task` could not name it */
        if (count == KS_TASKS_MAX)
            return KS_ELIMIT;
        items[count++] = (struct ks_js_task) { node, ks_str_is(jid, k->domain) ? KS_STR_EMPTY : jid,
            name.len > 0 && name.len <= TEXT_MAX ? name : KS_STR_EMPTY };
    }
    *ret_tasks = (struct ks_js_task_list) { items, count };
    return KS_OK;
}

static enum ks_err on_tasks(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_ev_tasks event = { .re = ks_cmd_text_id(iq->text) };
    enum ks_err err;

    if (!ks_iq_ok(answer))
        return ks_cmd_answered(k, iq, answer);
    err = read_tasks(k, ks_xml_child(answer->xml, NS_DISCO_ITEMS, "query"), &event.tasks);
    if (err == KS_ELIMIT)
        return refuse_text(k, KS_CMD_TASKS, iq->text, KS_CODE_FORM_TOO_BIG);
    return err == KS_OK ? ks_tell(k, KS_EV_TASKS, &event) : err;
}

enum ks_err ks_tasks_ask(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_xml *query = ks_xml_new(&k->arena, NS_DISCO_ITEMS, "query");
    struct ks_str text, to;
    enum ks_err err = place(k, cmd->tasks.at, &to);

    if (err == KS_ESYNTAX)
        return ks_cmd_refuse(k, cmd, KS_CODE_COMMAND_MEMBER_WRONG, KS_STR("at"));
    if (err != KS_OK || (err = ks_cmd_text(k, cmd, &text)) != KS_OK)
        return err;
    query = ks_xml_set(&k->arena, query, "node", KS_STR(NS_COMMANDS));
    return ks_cmd_sent(k, cmd, ks_iq_send(k, "get", to, query, on_tasks, text, 0));
}

/* --- one of them: with the request go the command's text, the task and the session --- */

struct asked {
    struct ks_str text, task, session;
};

static bool read_asked(struct ks_str record, struct asked *ret_asked)
{
    struct ks_cursor at = ks_cursor(record);

    return ks_cursor_field(&at, &ret_asked->text) == KS_OK && ks_cursor_field(&at, &ret_asked->task) == KS_OK
        && ks_cursor_field(&at, &ret_asked->session) == KS_OK;
}

static bool read_status(struct ks_str text, enum ks_js_form_status *ret_status)
{
    static const char *const names[] = { [KS_JS_FORM_STATUS_EXECUTING] = "executing",
        [KS_JS_FORM_STATUS_COMPLETED] = "completed",
        [KS_JS_FORM_STATUS_CANCELED] = "canceled" };

    for (int i = KS_JS_FORM_STATUS_EXECUTING; i <= KS_JS_FORM_STATUS_CANCELED; i++)
        if (ks_str_is(text, names[i])) {
            *ret_status = (enum ks_js_form_status)i;
            return true;
        }
    return false;
}

/* §3.4: "If there is no <actions/> element", or it is empty, there is one way on. The usual one first. */
static const char *const actions[] = { "next", "complete", "prev" };

static enum ks_err read_actions(struct konsil *k, const struct ks_xml *command, struct ks_js_texts *ret_actions)
{
    const struct ks_xml *given = ks_xml_child(command, NS_COMMANDS, "actions");
    struct ks_str *items = ks_arena_zero(&k->arena, KS_COUNT(actions) * sizeof(*items));
    struct ks_str usual = ks_xml_attr(given, "execute");
    size_t count = 0;

    if (!items)
        return KS_ENOMEM;
    for (int others = 0; others < 2; others++)
        for (size_t i = 0; i < KS_COUNT(actions); i++)
            if (ks_xml_child(given, NS_COMMANDS, actions[i]) && ks_str_is(usual, actions[i]) == !others)
                items[count++] = ks_str_z(actions[i]);
    if (count == 0)
        items[count++] = KS_STR("complete");
    *ret_actions = (struct ks_js_texts) { items, count };
    return KS_OK;
}

static enum ks_err read_notes(struct konsil *k, const struct ks_xml *command, struct ks_js_form_note_list *ret_notes)
{
    struct ks_js_form_note *items = ks_arena_zero(&k->arena, NOTES_MAX * sizeof(*items));
    const struct ks_xml *at;
    size_t count = 0;

    if (!items)
        return KS_ENOMEM;
    for (at = ks_xml_child(command, NS_COMMANDS, "note"); at && count < NOTES_MAX;
         at = ks_xml_next(at, NS_COMMANDS, "note")) {
        struct ks_str kind = ks_xml_attr(at, "type"), text = ks_xml_text(&k->arena, at);

        if (text.len == 0 || text.len > KS_FORM_BYTES_MAX)
            continue;
        items[count++] = (struct ks_js_form_note) { ks_str_is(kind, "error") ? KS_JS_NOTE_KIND_ERROR
                : ks_str_is(kind, "warn")                                    ? KS_JS_NOTE_KIND_WARN
                                                                             : KS_JS_NOTE_KIND_INFO,
            text };
    }
    *ret_notes = (struct ks_js_form_note_list) { items, count };
    return KS_OK;
}

/* §4.4: what was wrong with the request, as far as a person can do something about it. */
static const struct {
    const char *condition, *code;
} refusals[] = {
    { "bad-sessionid", KS_CODE_FORM_EXPIRED },
    { "session-expired", KS_CODE_FORM_EXPIRED },
    { "bad-payload", KS_CODE_FORM_WRONG },
};

static enum ks_err refused(struct konsil *k, struct ks_str text, const struct ks_stanza *answer)
{
    const struct ks_xml *error = answer ? ks_xml_child(answer->xml, NS_CLIENT, "error") : NULL;

    for (size_t i = 0; i < KS_COUNT(refusals); i++)
        if (ks_xml_child(error, NS_COMMANDS, refusals[i].condition))
            return refuse_text(k, KS_CMD_TASK, text, refusals[i].code);
    return ks_cmd_answered_text(k, text, answer);
}

/* KS_ESYNTAX: no answer to what was asked. KS_ELIMIT. */
static enum ks_err read_task(
    struct konsil *k, const struct asked *asked, const struct ks_xml *command, struct ks_ev_task *event)
{
    const struct ks_xml *x = ks_xml_child(command, NS_DATA, "x");
    struct ks_str session = ks_xml_attr(command, "sessionid");
    struct ks_js_form *form;
    enum ks_err err;

    if (!read_status(ks_xml_attr(command, "status"), &event->status)
        || !ks_str_eq(ks_xml_attr(command, "node"), asked->task) || session.len > TEXT_MAX
        || (asked->session.len > 0 && !ks_str_eq(session, asked->session))
        || (event->status == KS_JS_FORM_STATUS_EXECUTING && session.len == 0))
        return KS_ESYNTAX;
    event->session = session.len > 0 ? session : KS_STR_EMPTY;
    if ((err = read_notes(k, command, &event->notes)) != KS_OK)
        return err;
    if (event->status == KS_JS_FORM_STATUS_EXECUTING && (err = read_actions(k, command, &event->actions)) != KS_OK)
        return err;
    if (!x)
        return KS_OK;
    if (!(form = KS_NEW(&k->arena, struct ks_js_form)))
        return KS_ENOMEM;
    event->form = form;
    return ks_form_read(&k->arena, x, form);
}

static enum ks_err on_task(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct asked asked;
    struct ks_ev_task event;
    enum ks_err err;

    if (!read_asked(iq->text, &asked))
        return KS_ESTORE;
    if (!ks_iq_ok(answer))
        return refused(k, asked.text, answer);
    event = (struct ks_ev_task) { .re = ks_cmd_text_id(asked.text), .task = asked.task };
    err = read_task(k, &asked, ks_xml_child(answer->xml, NS_COMMANDS, "command"), &event);
    if (err == KS_ESYNTAX)
        return refuse_text(k, KS_CMD_TASK, asked.text, KS_CODE_FORM_UNUSABLE);
    if (err == KS_ELIMIT)
        return refuse_text(k, KS_CMD_TASK, asked.text, KS_CODE_FORM_TOO_BIG);
    return err == KS_OK ? ks_tell(k, KS_EV_TASK, &event) : err;
}

static enum ks_err write_asked(struct konsil *k, const struct ks_cmd *cmd, struct ks_str *ret_record)
{
    struct ks_str text;
    struct ks_buf record;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err != KS_OK)
        return err;
    ks_buf_init(&record, 8192);
    ks_buf_field(&record, text);
    ks_buf_field(&record, cmd->task.task);
    ks_buf_field(&record, cmd->task.session);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&record), ret_record);
    ks_buf_done(&record);
    return err;
}

enum ks_err ks_task_do(struct konsil *k, const struct ks_cmd *cmd)
{
    static const char *const names[] = { [KS_JS_FORM_ACTION_NONE_GIVEN] = "execute",
        [KS_JS_FORM_ACTION_NEXT] = "next",
        [KS_JS_FORM_ACTION_PREV] = "prev",
        [KS_JS_FORM_ACTION_COMPLETE] = "complete",
        [KS_JS_FORM_ACTION_CANCEL] = "cancel" };
    const struct ks_cmd_task *task = &cmd->task;
    struct ks_xml *command = ks_xml_new(&k->arena, NS_COMMANDS, "command");
    struct ks_str record, to;
    enum ks_err err = place(k, task->at, &to);

    if (err == KS_ESYNTAX)
        return ks_cmd_refuse(k, cmd, KS_CODE_COMMAND_MEMBER_WRONG, KS_STR("at"));
    if (err != KS_OK || (err = write_asked(k, cmd, &record)) != KS_OK)
        return err;
    ks_xml_set(&k->arena, command, "node", task->task);
    if (task->session.len > 0)
        ks_xml_set(&k->arena, command, "sessionid", task->session);
    if (!ks_xml_set(&k->arena, command, "action", ks_str_z(names[task->action])))
        return KS_ENOMEM;
    if (task->session.len > 0 && task->action != KS_JS_FORM_ACTION_CANCEL
        && !ks_form_submit(&k->arena, command, &task->answers))
        return KS_ENOMEM;
    return ks_cmd_sent(k, cmd, ks_iq_send(k, "set", to, command, on_task, record, 0));
}
