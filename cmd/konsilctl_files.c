/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_files.c -- files that accounts uploaded. */
#include <stdlib.h>

#include "konsilctl.h"

/* MiB, as the table shows them. */
static void add_sizes(json_t *row)
{
    char text[32];

    snprintf(
        text, sizeof text, "%.1f MiB", (double)json_integer_value(json_object_get(row, "bytes")) / (double)(1 << 20));
    json_object_set_new(row, "size", json_string(text));
    snprintf(text, sizeof text, "%.1f MiB",
        (double)json_integer_value(json_object_get(row, "bytes_total")) / (double)(1 << 20));
    json_object_set_new(row, "quota", json_string(text));
}

static int show(struct ctl *ctl, const char *jid, json_t **ret_row)
{
    json_t *args = json_pack("{s:s}", "jid", jid);
    int status = ctl_ask(ctl, "files.show", args, ret_row);

    json_decref(args);
    if (status != EXIT_SUCCESS)
        return status;
    json_object_set_new(*ret_row, "jid", json_string(jid));
    add_sizes(*ret_row);
    return status;
}

static int print(struct ctl *ctl, json_t *rows)
{
    static const struct ctl_column columns[] = { { "jid", SAY("column.account") }, { "count", SAY("column.files") },
        { "size", SAY("column.size") }, { "quota", SAY("column.quota") }, { NULL, NULL } };

    if (!ctl_json(ctl, rows))
        ctl_table_print(stdout, ctl->language, columns, rows);
    json_decref(rows);
    return EXIT_SUCCESS;
}

static int files_show(struct ctl *ctl)
{
    json_t *row = NULL;
    int status = show(ctl, ctl->words[0], &row);

    return status == EXIT_SUCCESS ? print(ctl, json_pack("[o]", row)) : status;
}

/* Of a page of accounts those that have files. */
static int list_page(struct ctl *ctl, json_t *users, json_t *all)
{
    int status = EXIT_SUCCESS;
    json_t *user, *row;
    char jid[2100];
    size_t i;

    json_array_foreach(users, i, user)
    {
        const char *state = json_string_value(json_object_get(user, "state"));
        row = NULL;
        if (state && strcmp(state, "deleted") == 0)
            continue;
        snprintf(jid, sizeof jid, "%s@%s", json_string_value(json_object_get(user, "local")), ctl->words[0]);
        if ((status = show(ctl, jid, &row)) != EXIT_SUCCESS)
            break;
        if (json_integer_value(json_object_get(row, "count")))
            json_array_append(all, row);
        json_decref(row);
    }
    return status;
}

static int files_list(struct ctl *ctl)
{
    json_t *all = json_array(), *after = json_string("");
    int status = EXIT_SUCCESS;

    while (after && status == EXIT_SUCCESS) {
        json_t *args = json_pack("{s:s, s:o}", "domain", ctl->words[0], "after", after), *result = NULL, *users;
        status = ctl_ask(ctl, "user.list", args, &result);
        users = json_object_get(result, "users");
        after = NULL;
        if (status == EXIT_SUCCESS)
            status = list_page(ctl, users, all);
        if (json_is_true(json_object_get(result, "more")) && json_array_size(users))
            after = json_incref(json_object_get(json_array_get(users, json_array_size(users) - 1), "local"));
        json_decref(args);
        json_decref(result);
    }
    json_decref(after);
    if (status == EXIT_SUCCESS)
        return print(ctl, all);
    json_decref(all);
    return status;
}

static int files_remove(struct ctl *ctl)
{
    json_t *args = json_pack("{s:s}", "jid", ctl->words[0]), *result = NULL;
    int status = ctl_ask(ctl, "files.remove", args, &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, SAY("ctl.files-removed"));
    json_decref(args);
    json_decref(result);
    return status;
}

const struct ctl_command ctl_files[] = {
    { "files list", "DOMAIN", 0, 0, files_list, SAY("do.files-list"), "klinik.example" },
    { "files show", "JID", 0, 0, files_show, SAY("do.files-show"), "a.brandt@klinik.example" },
    { "files remove", "JID", 0, 0, files_remove, SAY("do.files-remove"), "a.brandt@klinik.example --dry-run" },
    { NULL },
};
