/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_users.c -- accounts, their passwords, their sessions and their devices. */
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "konsilctl.h"
#include "konsilctl_import.h"
#include "konsilctl_password.h"
#include "qr.h"

/* Asks with the account's address, and maybe another argument (NULL: none). */
static int ask_about(struct ctl *ctl, const char *command, const char *name, json_t *value, json_t **ret_result)
{
    json_t *args = json_object();

    json_object_set_new(args, "jid", json_string(ctl->words[0]));
    if (name)
        json_object_set_new(args, name, value);
    int status = ctl_ask(ctl, command, args, ret_result);
    json_decref(args);
    return status;
}

/* Asks, and says one sentence. */
static int simple(struct ctl *ctl, const char *command, const char *done)
{
    json_t *result = NULL;
    int status = ask_about(ctl, command, NULL, NULL, &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, done);
    json_decref(result);
    return status;
}

/* --- accounts --- */

/* The account's address, and what is said of its person. */
static json_t *person(const struct ctl *ctl)
{
    const struct {
        const char *name, *value;
    } facts[] = { { "name", ctl->name }, { "department", ctl->department }, { "profession", ctl->profession } };
    json_t *args = json_object();

    json_object_set_new(args, "jid", json_string(ctl->words[0]));
    for (size_t i = 0; i < KS_COUNT(facts); i++)
        if (facts[i].value)
            json_object_set_new(args, facts[i].name, json_string(facts[i].value));
    return args;
}

static int user_add(struct ctl *ctl)
{
    json_t *keys = ctl_password_ask(ctl), *args, *result = NULL;

    if (!keys)
        return EXIT_FAILURE;
    args = person(ctl);
    json_object_set_new(args, "keys", keys);
    int status = ctl_ask(ctl, "user.add", args, &result);
    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, SAY("ctl.user-added"));
    json_decref(args);
    json_decref(result);
    return status;
}

static int user_passwd(struct ctl *ctl)
{
    json_t *keys = ctl_password_ask(ctl), *result = NULL;

    if (!keys)
        return EXIT_FAILURE;
    int status = ask_about(ctl, "user.passwd", "keys", keys, &result);
    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, SAY("ctl.password-changed"));
    json_decref(result);
    return status;
}

/* The QR code is for eyes: only on a terminal. */
static void show_invitation(const struct ctl *ctl, json_t *result)
{
    const char *uri = json_string_value(json_object_get(result, "uri"));
    const char *page = json_string_value(json_object_get(result, "page"));
    char until[64];
    struct ks_buf code;

    ctl_write_time(until, sizeof until, json_integer_value(json_object_get(result, "expires_ms")));
    ctl_say(ctl, SAY("ctl.user-invited"), "address", ctl->words[0], "until", until, NULL);
    if (page)
        ctl_say(ctl, SAY("ctl.user-invite-page"), "page", page, NULL);
    ctl_say(ctl, SAY("ctl.user-invite-link"), "uri", uri ? uri : "", NULL);
    ks_buf_init(&code, 65536);
    if (uri && isatty(STDOUT_FILENO) && ks_qr_draw(&code, ks_str_z(page ? page : uri)) == KS_OK)
        printf("%.*s", KS_STR_FMT(ks_buf_str(&code)));
    ks_buf_done(&code);
}

static int user_invite(struct ctl *ctl)
{
    json_t *args = person(ctl), *result = NULL;
    int status = ctl_ask(ctl, "user.invite", args, &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result)) {
        if (ctl->dry_run)
            ctl_say(ctl, SAY("ctl.dry-run"), NULL);
        else
            show_invitation(ctl, result);
    }
    json_decref(args);
    json_decref(result);
    return status;
}

static int user_uninvite(struct ctl *ctl)
{
    return simple(ctl, "user.uninvite", SAY("ctl.user-uninvited"));
}

static int user_disable(struct ctl *ctl)
{
    return simple(ctl, "user.disable", SAY("ctl.user-disabled"));
}

static int user_enable(struct ctl *ctl)
{
    return simple(ctl, "user.enable", SAY("ctl.user-enabled"));
}

static int user_delete(struct ctl *ctl)
{
    return simple(ctl, "user.delete", SAY("ctl.user-deleted"));
}

/* The state in words. */
static void say_states(const struct ctl *ctl, json_t *users)
{
    static const struct {
        const char *state, *id;
    } states[] = { { "active", SAY("state.active") }, { "disabled", SAY("state.disabled") },
        { "deleted", SAY("state.deleted") }, { "invited", SAY("state.invited") } };
    size_t index;
    json_t *user;

    json_array_foreach(users, index, user)
    {
        const char *state = json_string_value(json_object_get(user, "state"));
        for (size_t i = 0; state && i < KS_COUNT(states); i++)
            if (strcmp(state, states[i].state) == 0) {
                struct ks_str word = ks_say(ctl->language, states[i].id);
                json_object_set_new(user, "state", json_stringn(word.ptr, word.len));
                break;
            }
    }
}

static int user_list(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "local", SAY("column.account") }, { "name", SAY("column.name") },
        { "department", SAY("column.department") }, { "profession", SAY("column.profession") },
        { "state", SAY("column.state") }, { NULL, NULL } };
    json_t *all = json_array();
    int status = EXIT_SUCCESS;
    const char *after = "";

    while (after && status == EXIT_SUCCESS) {
        json_t *args = json_pack("{s:s, s:s}", "domain", ctl->words[0], "after", after), *result = NULL, *users;
        status = ctl_ask(ctl, "user.list", args, &result);
        users = json_object_get(result, "users");
        json_array_extend(all, users);
        bool more = json_is_true(json_object_get(result, "more")) && json_array_size(users);
        const json_t *last = json_array_get(all, json_array_size(all) - 1);
        after = more ? json_string_value(json_object_get(last, "local")) : NULL;
        json_decref(args);
        json_decref(result);
    }
    if (status == EXIT_SUCCESS && !ctl_json(ctl, all)) {
        say_states(ctl, all);
        ctl_table_print(stdout, ctl->language, columns, all);
    }
    json_decref(all);
    return status;
}

/* --- sessions --- */

static int sessions_list(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "session", SAY("column.session") },
        { "resource", SAY("column.resource") }, { "connected", SAY("column.connected") },
        { "available", SAY("column.available") }, { "certificate", SAY("column.certificate") },
        { "unacknowledged", SAY("column.unacknowledged") }, { NULL, NULL } };
    json_t *result = NULL;
    int status = ask_about(ctl, "sessions.list", NULL, NULL, &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, json_object_get(result, "sessions")))
        ctl_table_print(stdout, ctl->language, columns, json_object_get(result, "sessions"));
    json_decref(result);
    return status;
}

static int sessions_kill(struct ctl *ctl)
{
    json_t *result = NULL;
    char count[24];
    int status = ctl->resource ? ask_about(ctl, "sessions.kill", "resource", json_string(ctl->resource), &result)
                               : ask_about(ctl, "sessions.kill", NULL, NULL, &result);

    snprintf(count, sizeof count, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(result, "ended")));
    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_say(ctl, ctl->dry_run ? SAY("ctl.dry-run") : SAY("ctl.sessions-ended"), "count", count, NULL);
    json_decref(result);
    return status;
}

/* --- devices --- */

/* The day until which each may log in without the password. */
static void say_days(json_t *devices)
{
    size_t index;
    json_t *device;

    json_array_foreach(devices, index, device)
    {
        char stamp[KS_STAMP_LEN + 1];
        struct ks_str text = ks_stamp_write(json_integer_value(json_object_get(device, "until_ms")), stamp);
        json_object_set_new(device, "until", json_stringn(text.ptr, 10));
    }
}

static int devices_list(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "device", SAY("column.number") }, { "name", SAY("column.name") },
        { "connected", SAY("column.connected") }, { "until", SAY("column.until") }, { NULL, NULL } };
    json_t *result = NULL, *devices;
    int status = ask_about(ctl, "devices.list", NULL, NULL, &result);

    devices = json_object_get(result, "devices");
    if (status == EXIT_SUCCESS && !ctl_json(ctl, devices)) {
        say_days(devices);
        ctl_table_print(stdout, ctl->language, columns, devices);
    }
    json_decref(result);
    return status;
}

static int devices_revoke(struct ctl *ctl)
{
    json_t *result = NULL;
    int status = ask_about(ctl, "devices.revoke", "device", json_string(ctl->device), &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, SAY("ctl.device-out"));
    json_decref(result);
    return status;
}

const struct ctl_command ctl_users[] = {
    { "user add", "JID", 0, CTL_NAME | CTL_DEPARTMENT | CTL_PROFESSION | CTL_PASSWORD_STDIN, user_add,
        SAY("do.user-add"), "a.brandt@klinik.example --name \"Dr. Anna Brandt\" --department Innere" },
    { "user invite", "JID", 0, CTL_NAME | CTL_DEPARTMENT | CTL_PROFESSION, user_invite, SAY("do.user-invite"),
        "a.brandt@klinik.example --name \"Dr. Anna Brandt\" --department Innere" },
    { "user uninvite", "JID", 0, 0, user_uninvite, SAY("do.user-uninvite"), "a.brandt@klinik.example" },
    { "user list", "DOMAIN", 0, 0, user_list, SAY("do.user-list"), "klinik.example" },
    { "user import", "FILE", 0, 0, ctl_import, SAY("do.user-import"), "staff.csv --dry-run" },
    { "user passwd", "JID", 0, CTL_PASSWORD_STDIN, user_passwd, SAY("do.user-passwd"), "a.brandt@klinik.example" },
    { "user disable", "JID", 0, 0, user_disable, SAY("do.user-disable"), "a.brandt@klinik.example" },
    { "user enable", "JID", 0, 0, user_enable, SAY("do.user-enable"), "a.brandt@klinik.example" },
    { "user delete", "JID", 0, 0, user_delete, SAY("do.user-delete"), "a.brandt@klinik.example --dry-run" },
    { "sessions list", "JID", 0, 0, sessions_list, SAY("do.sessions-list"), "a.brandt@klinik.example" },
    { "sessions kill", "JID", 0, CTL_RESOURCE, sessions_kill, SAY("do.sessions-kill"),
        "a.brandt@klinik.example --resource tablet" },
    { "devices list", "JID", 0, 0, devices_list, SAY("do.devices-list"), "a.brandt@klinik.example" },
    { "devices revoke", "JID", CTL_DEVICE, 0, devices_revoke, SAY("do.devices-revoke"),
        "a.brandt@klinik.example --device 24bd0c8e1f7a9035" },
    { NULL },
};
