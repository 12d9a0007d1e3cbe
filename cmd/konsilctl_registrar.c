/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_registrar.c -- what operators ask of konsil-ca: links for devices, who has which, revocation. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "enc.h"
#include "konsilctl.h"
#include "qr.h"

/* konsil-ca's socket, unless another was given. */
static void to_registrar(struct ctl *ctl)
{
    if (strcmp(ctl->socket, KONSILD_CONTROL) == 0)
        ctl->socket = KONSIL_CA_CONTROL;
}

static json_t *about(const struct ctl *ctl)
{
    json_t *args = json_object();
    const struct {
        const char *name, *value;
    } given[] = { { "jid", strcmp(ctl->command->words, "JID") == 0 ? ctl->words[0] : NULL }, { "name", ctl->name },
        { "profession", ctl->profession }, { "department", ctl->department }, { "hospital", ctl->hospital },
        { "device", ctl->device } };

    for (size_t i = 0; i < KS_COUNT(given); i++)
        if (given[i].value)
            json_object_set_new(args, given[i].name, json_string(given[i].value));
    return args;
}

static int ask(struct ctl *ctl, const char *command, json_t **ret_result)
{
    json_t *args = about(ctl);
    int status;

    to_registrar(ctl);
    status = ctl_ask(ctl, command, args, ret_result);
    json_decref(args);
    return status;
}

/* The QR code is for eyes: only on a terminal. */
static void show_link(const struct ctl *ctl, json_t *result)
{
    const char *link = json_string_value(json_object_get(result, "link"));
    struct ks_buf code;
    char until[64];

    ctl_write_time(until, sizeof until, json_integer_value(json_object_get(result, "expires_ms")));
    ctl_say(ctl, SAY("ctl.ca-invited"), "address", ctl->words[0], "until", until, NULL);
    if (json_is_true(json_object_get(result, "waits")))
        ctl_say(ctl, SAY("ctl.ca-invite-waits"), "address", ctl->words[0], NULL);
    if (!link)
        return;
    printf("%s\n", link);
    ks_buf_init(&code, 65536);
    if (isatty(STDOUT_FILENO) && ks_qr_draw(&code, ks_str_z(link)) == KS_OK)
        printf("%.*s", KS_STR_FMT(ks_buf_str(&code)));
    ks_buf_done(&code);
}

static int ca_invite(struct ctl *ctl)
{
    json_t *result = NULL;
    int status = ask(ctl, "ca.invite", &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        show_link(ctl, result);
    json_decref(result);
    return status;
}

static int simple(struct ctl *ctl, const char *command, const char *done)
{
    json_t *result = NULL;
    int status = ask(ctl, command, &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, done);
    json_decref(result);
    return status;
}

static int ca_approve(struct ctl *ctl)
{
    return simple(ctl, "ca.approve", SAY("ctl.ca-approved"));
}

static int ca_uninvite(struct ctl *ctl)
{
    return simple(ctl, "ca.uninvite", SAY("ctl.ca-uninvited"));
}

static int ca_revoke(struct ctl *ctl)
{
    return simple(ctl, "ca.revoke", SAY("ctl.ca-revoked"));
}

/* Times as people read them; words for what is true. */
static void in_words(const struct ctl *ctl, json_t *rows, const char *time)
{
    static const struct {
        const char *state, *id;
    } states[] = { { "good", SAY("ctl.ca-good") }, { "ended", SAY("ctl.ca-ended") },
        { "revoked", SAY("ctl.ca-is-revoked") } };
    json_t *row;
    size_t at;

    json_array_foreach(rows, at, row)
    {
        const char *state = json_string_value(json_object_get(row, "state"));
        char text[64];
        ctl_write_time(text, sizeof text, json_integer_value(json_object_get(row, time)));
        json_object_set_new(row, "until", json_string(text));
        for (size_t i = 0; state && i < KS_COUNT(states); i++)
            if (strcmp(state, states[i].state) == 0) {
                struct ks_str said = ks_say(ctl->language, states[i].id);
                json_object_set_new(row, "state", json_stringn(said.ptr, said.len));
                break; /* with the word that was replaced, state is gone */
            }
        if (json_is_true(json_object_get(row, "waits")) || json_is_true(json_object_get(row, "used"))) {
            struct ks_str said = ks_say(
                ctl->language, json_is_true(json_object_get(row, "used")) ? SAY("ctl.ca-used") : SAY("ctl.ca-waits"));
            json_object_set_new(row, "state", json_stringn(said.ptr, said.len));
        }
    }
}

static int ca_invites(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "jid", SAY("column.account") }, { "name", SAY("column.name") },
        { "until", SAY("column.until") }, { "actor", SAY("column.actor") }, { "state", SAY("column.state") },
        { NULL, NULL } };
    json_t *result = NULL;
    int status = ask(ctl, "ca.invites", &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result)) {
        in_words(ctl, json_object_get(result, "invites"), "expires_ms");
        ctl_table_print(stdout, ctl->language, columns, json_object_get(result, "invites"));
    }
    json_decref(result);
    return status;
}

static int ca_devices(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "jid", SAY("column.account") }, { "device", SAY("column.number") },
        { "name", SAY("column.name") }, { "until", SAY("column.until") }, { "state", SAY("column.state") },
        { NULL, NULL } };
    json_t *result = NULL;
    int status = ask(ctl, "ca.devices", &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result)) {
        in_words(ctl, json_object_get(result, "devices"), "until_ms");
        ctl_table_print(stdout, ctl->language, columns, json_object_get(result, "devices"));
    }
    json_decref(result);
    return status;
}

static bool write_file(const char *path, struct ks_str bytes)
{
    FILE *file = fopen(path, "wbe");
    bool good = file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;

    return file && fclose(file) == 0 && good;
}

static int ca_crl(struct ctl *ctl)
{
    json_t *result = NULL;
    struct ks_arena arena;
    struct ks_str der;
    const char *path = ctl->words[0];
    int status = ask(ctl, "ca.crl", &result);

    ks_arena_init(&arena, 16u << 20);
    if (status == EXIT_SUCCESS
        && (ks_base64_read(&arena, ks_str_z(json_string_value(json_object_get(result, "crl"))), &der) != KS_OK
            || !write_file(path, der)))
        status = ctl_fail(ctl, SAY("ctl.ca-io"), path);
    else if (status == EXIT_SUCCESS)
        ctl_done(ctl, SAY("ctl.ca-crl-written"));
    ks_arena_done(&arena);
    json_decref(result);
    return status;
}

const struct ctl_command ctl_registrar[] = {
    { "ca invite", "JID", CTL_NAME, CTL_PROFESSION | CTL_DEPARTMENT | CTL_HOSPITAL, ca_invite, SAY("do.ca-invite"),
        "a.brandt@klinik.example --name \"Dr. Anna Brandt\" --profession Ärztin --department Kardiologie" },
    { "ca approve", "JID", 0, 0, ca_approve, SAY("do.ca-approve"), "a.brandt@klinik.example" },
    { "ca uninvite", "JID", 0, 0, ca_uninvite, SAY("do.ca-uninvite"), "a.brandt@klinik.example" },
    { "ca invites", "", 0, 0, ca_invites, SAY("do.ca-invites"), "" },
    { "ca devices", "", 0, 0, ca_devices, SAY("do.ca-devices"), "" },
    { "ca revoke", "JID", 0, CTL_DEVICE, ca_revoke, SAY("do.ca-revoke"), "a.brandt@klinik.example --device 27183" },
    { "ca crl", "FILE", 0, 0, ca_crl, SAY("do.ca-crl"), "/srv/www/konsil.crl" },
    { NULL },
};
