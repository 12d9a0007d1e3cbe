/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_retention.c -- periods, what they delete, and what was deleted. */
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "control_client.h"
#include "konsilctl.h"

static json_t *text_json(struct ks_str text)
{
    return json_stringn(text.len ? text.ptr : "", text.len);
}

/* A stamp as a person reads it; another text stays. */
static void write_stamp(char *text, size_t cap, const char *stamp)
{
    int64_t wall_ms;

    if (stamp && ks_stamp_read(ks_str_z(stamp), &wall_ms) == KS_OK)
        ctl_write_time(text, cap, wall_ms);
    else
        snprintf(text, cap, "%s", stamp ? stamp : "");
}

static void show_stamp(json_t *row, const char *key)
{
    char text[64];

    write_stamp(text, sizeof text, json_string_value(json_object_get(row, key)));
    json_object_set_new(row, key, json_string(text));
}

static void name_server(const struct ctl *ctl, json_t *row)
{
    if (!json_string_length(json_object_get(row, "domain")))
        json_object_set_new(row, "domain", text_json(ks_say(ctl->language, SAY("retention.server"))));
}

/* --- periods --- */

static void show_state(const struct ctl *ctl, const json_t *result)
{
    struct ctl_fact facts[] = { { SAY("retention.last"), "" }, { SAY("retention.next"), "" } };
    const char *last = json_string_value(json_object_get(result, "last"));
    struct ks_str never = ks_say(ctl->language, SAY("retention.never"));
    char count[24];

    if (last && *last)
        write_stamp(facts[0].text, sizeof facts[0].text, last);
    else
        snprintf(facts[0].text, sizeof facts[0].text, "%.*s", KS_STR_FMT(never));
    write_stamp(facts[1].text, sizeof facts[1].text, json_string_value(json_object_get(result, "next")));
    putchar('\n');
    ctl_facts_print(stdout, ctl->language, facts, KS_COUNT(facts));
    snprintf(count, sizeof count, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(result, "rows")));
    if (json_is_true(json_object_get(result, "running")))
        ctl_say(ctl, SAY("retention.now"), "count", count, NULL);
}

static int show(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "domain", SAY("column.domain") },
        { "category", SAY("column.store") }, { "period", SAY("column.period") }, { "option", SAY("column.option") },
        { NULL, NULL } };
    json_t *result = NULL, *periods, *row;
    int status = ctl_ask(ctl, "retention.show", NULL, &result);
    size_t index;

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result)) {
        periods = json_object_get(result, "periods");
        json_array_foreach(periods, index, row)
        {
            json_int_t seconds = json_integer_value(json_object_get(row, "seconds"));
            char text[64];
            if (seconds)
                ctl_write_duration(text, sizeof text, ctl->language, seconds);
            else
                snprintf(text, sizeof text, "%.*s", KS_STR_FMT(ks_say(ctl->language, SAY("retention.forever"))));
            json_object_set_new(row, "period", json_string(text));
            name_server(ctl, row);
        }
        ctl_table_print(stdout, ctl->language, columns, periods);
        show_state(ctl, result);
    }
    json_decref(result);
    return status;
}

/* --- deleting --- */

/* What a second connection hears of the run that the first one waits for. */
static void show_progress(struct ctl *ctl)
{
    struct ks_control_client *client = NULL;
    json_t *answer = NULL, *state = NULL;
    char number[24];

    if (ks_control_client_open(ctl->socket, &client) == KS_OK
        && ks_control_client_ask(client, "retention.show", NULL, false, &answer) == KS_OK)
        state = json_object_get(answer, "result");
    if (json_is_true(json_object_get(state, "running"))) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(state, "rows")));
        ctl_write(ctl, stderr, SAY("retention.progress"), "count", number, NULL);
        fputc('\r', stderr);
    }
    json_decref(answer);
    ks_control_client_free(client);
}

static int run(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "domain", SAY("column.domain") },
        { "category", SAY("column.store") }, { "rows", SAY("column.rows") }, { "oldest", SAY("column.oldest") },
        { NULL, NULL } };
    json_t *result = NULL, *rows, *row;
    int status =
        ctl_ask_long(ctl, "retention.run", NULL, isatty(STDERR_FILENO) && !ctl->json ? show_progress : NULL, &result);
    size_t index;

    rows = json_object_get(result, "rows");
    if (status == EXIT_SUCCESS && !ctl_json(ctl, rows)) {
        json_array_foreach(rows, index, row)
        {
            show_stamp(row, "oldest");
            name_server(ctl, row);
        }
        if (json_array_size(rows)) {
            ctl_table_print(stdout, ctl->language, columns, rows);
            ctl_say(ctl, ctl->dry_run ? SAY("retention.would") : SAY("retention.deleted"), NULL);
            if (!ctl->dry_run)
                ctl_say(ctl, SAY("retention.backups"), NULL);
        } else {
            ctl_say(ctl, SAY("retention.nothing"), NULL);
        }
    }
    json_decref(result);
    return status;
}

/* --- what was deleted --- */

/* "reason=period oldest=2026-… archive=17 offline=2" (src/server/expire.h) */
static json_t *read_deletion(const json_t *audit)
{
    json_t *row = json_object(), *deleted = json_object();
    struct ks_str left = ks_str_z(json_string_value(json_object_get(audit, "detail"))), word, name;

    json_object_set(row, "time", json_object_get(audit, "time"));
    json_object_set(row, "actor", json_object_get(audit, "actor"));
    json_object_set(row, "domain", json_object_get(audit, "subject"));
    json_object_set_new(row, "oldest", json_string(""));
    while (left.len && ks_str_cut(&left, ' ', &word)) {
        uint64_t count = 0;
        char key[256];
        if (!ks_str_cut(&word, '=', &name))
            continue;
        snprintf(key, sizeof key, "%.*s", KS_STR_FMT(name));
        if (strcmp(key, "reason") == 0 || strcmp(key, "oldest") == 0)
            json_object_set_new(row, key, text_json(word));
        else if (ks_str_u64(word, INT64_MAX, &count) == KS_OK)
            json_object_set_new(deleted, key, json_integer((json_int_t)count));
    }
    json_object_set_new(row, "deleted", deleted);
    return row;
}

/* For a person: "archive 17, offline 2", and the reason in her language. */
static void show_deletion(const struct ctl *ctl, json_t *row)
{
    static const struct {
        const char *word, *id;
    } reasons[] = { { "period", SAY("reason.period") }, { "account", SAY("reason.account") },
        { "retraction", SAY("reason.retraction") }, { "administrator", SAY("reason.administrator") } };
    const char *reason = json_string_value(json_object_get(row, "reason")), *name;
    struct ks_buf text;
    json_t *count;

    ks_buf_init(&text, 65536);
    json_object_foreach(json_object_get(row, "deleted"), name, count)
        ks_buf_printf(&text, "%s%s %" JSON_INTEGER_FORMAT, text.len ? ", " : "", name, json_integer_value(count));
    json_object_set_new(row, "deleted", text_json(ks_buf_str(&text)));
    ks_buf_done(&text);
    for (size_t i = 0; reason && i < KS_COUNT(reasons); i++)
        if (strcmp(reason, reasons[i].word) == 0) {
            json_object_set_new(row, "reason", text_json(ks_say(ctl->language, reasons[i].id)));
            break;
        }
    show_stamp(row, "time");
    show_stamp(row, "oldest");
    name_server(ctl, row);
}

static int log_rows(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "time", SAY("column.time") }, { "actor", SAY("column.actor") },
        { "domain", SAY("column.domain") }, { "reason", SAY("column.reason") }, { "oldest", SAY("column.oldest") },
        { "deleted", SAY("column.deleted") }, { NULL, NULL } };
    json_t *audit, *rows = json_array(), *row;
    int status = ctl_audit_rows(ctl, &audit);
    size_t index;

    json_array_foreach(audit, index, row)
    {
        const char *action = json_string_value(json_object_get(row, "action"));
        if (action && strcmp(action, "delete") == 0)
            json_array_append_new(rows, read_deletion(row));
    }
    if (status == EXIT_SUCCESS && !ctl_json(ctl, rows)) {
        json_array_foreach(rows, index, row) show_deletion(ctl, row);
        if (json_array_size(rows))
            ctl_table_print(stdout, ctl->language, columns, rows);
        else
            ctl_say(ctl, SAY("retention.no-deletions"), NULL);
    }
    json_decref(rows);
    json_decref(audit);
    return status;
}

const struct ctl_command ctl_retention[] = {
    { "retention show", "", 0, 0, show, SAY("do.retention-show"), "" },
    { "retention run", "", 0, 0, run, SAY("do.retention-run"), "--dry-run" },
    { "retention log", "", 0, 0, log_rows, SAY("do.retention-log"), "" },
    { NULL },
};
