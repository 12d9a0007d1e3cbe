/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_push.c -- what wakes an account's devices. */
#include <stdlib.h>

#include "clock.h"
#include "konsilctl.h"

static void say_days(json_t *rows)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        int64_t since_ms = json_integer_value(json_object_get(row, "since_ms"));
        char stamp[KS_STAMP_LEN + 1];

        json_object_set_new(
            row, "since", since_ms ? json_stringn(ks_stamp_write(since_ms, stamp).ptr, 10) : json_string("-"));
    }
}

static int push_list(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "device", SAY("column.number") },
        { "service", SAY("column.service") }, { "since", SAY("column.since") }, { NULL, NULL } };
    json_t *args = json_pack("{s:s}", "jid", ctl->words[0]), *result = NULL, *rows;
    int status = ctl_ask(ctl, "push.list", args, &result);

    rows = json_object_get(result, "push");
    if (status == EXIT_SUCCESS && !ctl_json(ctl, rows)) {
        say_days(rows);
        ctl_table_print(stdout, ctl->language, columns, rows);
    }
    json_decref(args);
    json_decref(result);
    return status;
}

static int push_remove(struct ctl *ctl)
{
    json_t *args = json_pack("{s:s}", "jid", ctl->words[0]), *result = NULL;
    int status;

    if (ctl->device)
        json_object_set_new(args, "device", json_string(ctl->device));
    status = ctl_ask(ctl, "push.remove", args, &result);
    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, SAY("ctl.push-removed"));
    json_decref(args);
    json_decref(result);
    return status;
}

const struct ctl_command ctl_push[] = {
    { "push list", "JID", 0, 0, push_list, SAY("do.push-list"), "a.brandt@klinik.example" },
    { "push remove", "JID", 0, CTL_DEVICE, push_remove, SAY("do.push-remove"),
        "a.brandt@klinik.example --device 24bd0c8e1f7a9035" },
    { NULL },
};
