/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsilctl_import.h"

#include <stdlib.h>
#include <unistd.h>

#include "jid.h"
#include "konsilctl_password.h"

#define FIELDS 5
#define PROGRESS_EVERY 100

/* The line's place in the file, for a person. */
static int fail_at(const struct ctl *ctl, const char *id, json_int_t line)
{
    char where[4200];

    snprintf(where, sizeof where, "%s:%" JSON_INTEGER_FORMAT, ctl->words[0], line);
    return ctl_fail(ctl, id, where);
}

/* Every so often, where somebody watches. */
static void show_progress(size_t done, size_t all)
{
    if (isatty(STDERR_FILENO) && (done % PROGRESS_EVERY == 0 || done == all))
        fprintf(stderr, "\r%zu/%zu%s", done, all, done == all ? "\r\033[K" : "");
}

/* The address in its normal form, so that two ways to write it are one. */
static json_t *normal_jid(struct ks_str text)
{
    struct ks_arena arena;
    struct ks_jid jid;
    struct ks_str normal;
    json_t *string = NULL;

    ks_arena_init(&arena, 16 * KS_JID_MAX);
    if (ks_jid_parse(&arena, text, &jid) == KS_OK && jid.local.len && ks_jid_is_bare(jid)
        && ks_jid_text(&arena, jid, &normal) == KS_OK)
        string = json_stringn(normal.ptr, normal.len);
    ks_arena_done(&arena);
    return string;
}

/* What user.add wants, with the line's number beside it; NULL: the line is no account, for that reason. */
static json_t *read_account(struct ks_str line, size_t number, const char **ret_wrong)
{
    struct ks_str left = line, fields[FIELDS] = { 0 };
    static const char *const names[] = { "name", "department", "profession" };
    json_t *args, *jid, *keys;
    size_t count = 0;

    *ret_wrong = SAY("ctl.import-line");
    while (count < FIELDS - 1 && ks_str_cut(&left, ';', &fields[count]))
        count++;
    fields[count] = left; /* a password may have ; in it */
    jid = count == FIELDS - 1 ? normal_jid(ks_str_trim(fields[0])) : NULL;
    keys = jid && fields[FIELDS - 1].len ? ctl_password_keys(fields[FIELDS - 1], ret_wrong) : NULL;
    if (!keys) {
        json_decref(jid);
        return NULL;
    }
    args = json_object();
    json_object_set_new(args, "jid", jid);
    json_object_set_new(args, "keys", keys);
    for (size_t i = 0; i < KS_COUNT(names); i++) {
        struct ks_str text = ks_str_trim(fields[i + 1]);
        /* NULL, which nothing takes, when it is not UTF-8 */
        if (json_object_set_new(args, names[i], json_stringn(text.len ? text.ptr : "", text.len)) < 0) {
            json_decref(args);
            return NULL;
        }
    }
    return json_pack("{s:o, s:I}", "args", args, "line", (json_int_t)number);
}

static int read_lines(struct ctl *ctl, FILE *file, json_t *ret_accounts)
{
    json_t *seen = json_object();
    int status = EXIT_SUCCESS;
    char *line = NULL;
    size_t room = 0, number = 0;
    ssize_t len;

    while (status == EXIT_SUCCESS && (len = getline(&line, &room, file)) >= 0) {
        struct ks_str text = ks_str(line, (size_t)len);
        if (number++ == 0 && ks_str_starts(text, KS_STR("\xef\xbb\xbf")))
            text = ks_str_from(text, 3); /* as table programs begin UTF-8 */
        text = ks_str_trim(text);
        if (!text.len || text.ptr[0] == '#')
            continue;
        const char *wrong;
        json_t *account = read_account(text, number, &wrong);
        const char *jid = json_string_value(json_object_get(json_object_get(account, "args"), "jid"));
        if (!account)
            status = fail_at(ctl, wrong, (json_int_t)number);
        else if (json_object_get(seen, jid))
            status = fail_at(ctl, SAY("ctl.import-twice"), (json_int_t)number);
        else
            json_object_set_new(seen, jid, json_true());
        json_array_append_new(ret_accounts, account);
    }
    if (line)
        ks_wipe(line, room);
    free(line);
    json_decref(seen);
    return status;
}

/* All accounts; stops at the first that is refused. */
static int ask_all(struct ctl *ctl, json_t *accounts, size_t *ret_done)
{
    int status = EXIT_SUCCESS;
    const char *error;
    size_t index;
    json_t *account;

    *ret_done = 0;
    json_array_foreach(accounts, index, account)
    {
        json_t *result = NULL;
        status = ctl_try(ctl, "user.add", json_object_get(account, "args"), &result, &error);
        json_decref(result);
        if (status != EXIT_SUCCESS) {
            json_int_t line = json_integer_value(json_object_get(account, "line"));
            return error ? fail_at(ctl, error, line) : status;
        }
        ++*ret_done;
        show_progress(*ret_done, json_array_size(accounts));
    }
    return status;
}

int ctl_import(struct ctl *ctl)
{
    FILE *file = strcmp(ctl->words[0], "-") == 0 ? stdin : fopen(ctl->words[0], "re");
    bool dry_run = ctl->dry_run;
    json_t *accounts;
    size_t checked = 0, added = 0;
    char count[24];

    if (!file)
        return ctl_fail(ctl, SAY("ctl.import-file"), ctl->words[0]);
    accounts = json_array();
    int status = read_lines(ctl, file, accounts);
    if (file != stdin)
        fclose(file);
    ctl->dry_run = true;
    if (status == EXIT_SUCCESS)
        status = ask_all(ctl, accounts, &checked);
    ctl->dry_run = dry_run;
    if (status != EXIT_SUCCESS)
        fprintf(stderr, "           %.*s\n", KS_STR_FMT(ks_say(ctl->language, SAY("ctl.import-nothing"))));
    else if (!dry_run)
        status = ask_all(ctl, accounts, &added);
    snprintf(count, sizeof count, "%zu", dry_run ? checked : added);
    if (status == EXIT_SUCCESS || added)
        ctl_say(ctl, dry_run ? SAY("ctl.import-checked") : SAY("ctl.import-added"), "count", count, NULL);
    if (status == EXIT_SUCCESS && ctl->json)
        printf("{ \"%s\": %s }\n", dry_run ? "checked" : "added", count);
    json_decref(accounts);
    return status;
}
