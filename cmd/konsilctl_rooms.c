/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_rooms.c -- rooms of group chat. */
#include <stdlib.h>

#include "konsilctl.h"

static int room_list(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "local", SAY("column.room") }, { "name", SAY("column.name") },
        { NULL, NULL } };
    json_t *all = json_array(), *after = json_string("");
    int status = EXIT_SUCCESS;

    while (after && status == EXIT_SUCCESS) {
        json_t *args = json_pack("{s:s, s:o}", "domain", ctl->words[0], "after", after), *result = NULL;
        status = ctl_ask(ctl, "room.list", args, &result);
        json_array_extend(all, json_object_get(result, "rooms"));
        after = json_incref(json_object_get(result, "next"));
        json_decref(args);
        json_decref(result);
    }
    json_decref(after);
    if (status == EXIT_SUCCESS && !ctl_json(ctl, all))
        ctl_table_print(stdout, ctl->language, columns, all);
    json_decref(all);
    return status;
}

static int ask(struct ctl *ctl, const char *command, json_t **ret_result)
{
    json_t *args = json_pack("{s:s}", "jid", ctl->words[0]);
    int status = ctl_ask(ctl, command, args, ret_result);

    json_decref(args);
    return status;
}

static int room_show(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "present", SAY("column.present") },
        { "belong", SAY("column.belong") }, { "owners", SAY("column.owners") },
        { "members_only", SAY("column.members-only") }, { "listed", SAY("column.listed") },
        { "archived", SAY("column.archived") }, { "retention_days", SAY("column.retention-days") }, { NULL, NULL } };
    json_t *result = NULL, *rows = NULL;
    int status = ask(ctl, "room.show", &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result)) {
        rows = json_pack("[O]", result);
        ctl_table_print(stdout, ctl->language, columns, rows);
    }
    json_decref(rows);
    json_decref(result);
    return status;
}

static int room_members(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "jid", SAY("column.account") },
        { "affiliation", SAY("column.affiliation") }, { NULL, NULL } };
    json_t *result = NULL;
    int status = ask(ctl, "room.members", &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, json_object_get(result, "members")))
        ctl_table_print(stdout, ctl->language, columns, json_object_get(result, "members"));
    json_decref(result);
    return status;
}

static int room_owner(struct ctl *ctl)
{
    json_t *args = json_pack("{s:s, s:s}", "jid", ctl->words[0], "owner", ctl->words[1]), *result = NULL;
    int status = ctl_ask(ctl, "room.owner", args, &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, SAY("ctl.room-owner"));
    json_decref(args);
    json_decref(result);
    return status;
}

static int room_retention(struct ctl *ctl)
{
    json_t *args = json_pack("{s:s, s:s}", "jid", ctl->words[0], "days", ctl->words[1]), *result = NULL;
    int status = ctl_ask(ctl, "room.retention", args, &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, SAY("ctl.room-retention"));
    json_decref(args);
    json_decref(result);
    return status;
}

static int room_destroy(struct ctl *ctl)
{
    json_t *result = NULL;
    int status = ask(ctl, "room.destroy", &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, SAY("ctl.room-destroyed"));
    json_decref(result);
    return status;
}

const struct ctl_command ctl_rooms[] = {
    { "room list", "DOMAIN", 0, 0, room_list, SAY("do.room-list"), "klinik.example" },
    { "room show", "JID", 0, 0, room_show, SAY("do.room-show"), "konferenz@rooms.offen.example" },
    { "room members", "JID", 0, 0, room_members, SAY("do.room-members"), "konferenz@rooms.offen.example" },
    { "room owner", "JID OWNER", 0, 0, room_owner, SAY("do.room-owner"),
        "konferenz@rooms.offen.example a.brandt@offen.example" },
    { "room retention", "JID DAYS|domain", 0, 0, room_retention, SAY("do.room-retention"),
        "konferenz@rooms.offen.example 30" },
    { "room destroy", "JID", 0, 0, room_destroy, SAY("do.room-destroy"), "konferenz@rooms.offen.example --dry-run" },
    { NULL },
};
