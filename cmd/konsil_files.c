/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_files.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "say.h"
#include "system.h"

static const char *text(json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value ? value : "";
}

static json_int_t number(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* --- lines --- */

/* By its ending; who reads the message sees it as our word. */
static const char *type_of(const char *name)
{
    static const struct {
        const char *ending, *type;
    } types[] = { { ".pdf", "application/pdf" }, { ".jpg", "image/jpeg" }, { ".jpeg", "image/jpeg" },
        { ".png", "image/png" }, { ".webp", "image/webp" }, { ".gif", "image/gif" }, { ".txt", "text/plain" },
        { ".csv", "text/csv" }, { ".mp4", "video/mp4" }, { ".m4a", "audio/mp4" }, { ".zip", "application/zip" },
        { ".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
        { ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" } };
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < KS_COUNT(types); i++)
        if (strcasecmp(dot, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

char *files_whole_path(const char *typed)
{
    const char *home = getenv("HOME");
    char path[PATH_MAX];

    if (strncmp(typed, "~/", 2) == 0 && home) {
        if (snprintf(path, sizeof path, "%s%s", home, typed + 1) >= (int)sizeof path)
            return NULL;
        typed = path;
    }
    return realpath(typed, NULL);
}

static json_t *send_one(const struct model_person *person, const char *typed)
{
    char *path = files_whole_path(typed);
    const char *name = path ? strrchr(path, '/') + 1 : "";
    json_t *command = NULL;

    if (path && *name)
        command = json_pack("{s:s, s:s, s:s, s:s, s:s}", "cmd", "file_send", "to", person->jid, "path", path, "name",
            name, "type", type_of(name));
    free(path);
    return command;
}

/* Each word is a file, and they belong together. NULL: one of them is none, or there is but one. */
static json_t *send_several(const struct model_person *person, const char *typed)
{
    json_t *all = json_array(), *command;
    char *words = strdup(typed), *rest, set[2 * sizeof(uint64_t) + 1];
    uint64_t random;
    size_t i;

    for (char *word = words ? strtok_r(words, " ", &rest) : NULL; word; word = strtok_r(NULL, " ", &rest))
        if (!(command = send_one(person, word)) || json_array_append_new(all, command) != 0) {
            json_array_clear(all);
            break;
        }
    free(words);
    if (json_array_size(all) < 2) {
        json_decref(all);
        return NULL;
    }
    ks_system_entropy(&random, sizeof random);
    snprintf(set, sizeof set, "%016llx", (unsigned long long)random);
    json_array_foreach(all, i, command)
    {
        json_object_set_new(command, "set", json_string(set));
        json_object_set_new(command, "part", json_integer((json_int_t)i + 1));
        json_object_set_new(command, "of", json_integer((json_int_t)json_array_size(all)));
    }
    return all;
}

/* Names have blanks: a line that is one file goes as one. */
void files_send(const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    if (!(deed->command = send_one(person, rest)) && !(deed->command = send_several(person, rest)))
        deed->wrong = SAY("file.unreadable");
}

/* A file that is not there yet has a directory that is. */
static char *place_of(const char *typed)
{
    char parent[PATH_MAX], *path = files_whole_path(*typed ? typed : "."), *directory, *whole = NULL;
    const char *slash = strrchr(typed, '/');

    if (path)
        return path;
    if (snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - typed) + 1 : 1, slash ? typed : ".")
        >= (int)sizeof parent)
        return NULL;
    if ((directory = files_whole_path(parent)) && asprintf(&whole, "%s/%s", directory, slash ? slash + 1 : typed) < 0)
        whole = NULL;
    free(directory);
    return whole;
}

static const struct model_message *message_of(const struct model_person *person, unsigned wanted, unsigned *ret_file)
{
    for (size_t i = 0; i < person->message_count; i++) {
        const struct model_message *message = &person->messages[i];
        if (message->file_count && wanted >= message->first_file
            && wanted - message->first_file < message->file_count) {
            *ret_file = wanted - message->first_file;
            return message;
        }
    }
    return NULL;
}

void files_save(const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    char *end, *path;
    unsigned long wanted = strtoul(rest, &end, 10);
    unsigned file = 0;
    const struct model_message *message = wanted < UINT_MAX ? message_of(person, (unsigned)wanted, &file) : NULL;

    (void)model;
    deed->wrong = SAY("file.none");
    if (end == rest || (*end && *end != ' ') || !message || message->retracted)
        return;
    deed->wrong = SAY("file.unwritable");
    if ((path = place_of(*end ? end + 1 : ""))) {
        deed->wrong = NULL;
        deed->command = json_pack("{s:s, s:s, s:s, s:i, s:s}", "cmd", "file_get", "conversation", person->jid,
            "message", message->id, "file", (int)file, "path", path);
    }
    free(path);
}

void files_cancel(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)person;
    (void)rest;
    if (model->transfer)
        deed->command = json_pack("{s:s, s:I}", "cmd", "file_cancel", "transfer", model->transfer);
    else
        deed->wrong = SAY("file.no_transfer");
}

/* --- what is told --- */

static void write_size(char *to, size_t cap, json_int_t bytes)
{
    if (bytes >= 1 << 20)
        snprintf(to, cap, "%.1f MiB", (double)bytes / (1 << 20));
    else
        snprintf(to, cap, "%.1f KiB", (double)bytes / (1 << 10));
}

static void tell_file(struct ks_buf *lines, const struct model *model, json_t *file, unsigned at)
{
    char size[32] = "?", place[16], part[16], of[16];

    if (number(file, "size"))
        write_size(size, sizeof size, number(file, "size"));
    snprintf(place, sizeof place, "%u", at);
    snprintf(part, sizeof part, "%lld", (long long)number(file, "part"));
    snprintf(of, sizeof of, "%lld", (long long)number(file, "of"));
    ks_buf_z(lines, lines->len ? "\n" : "");
    ks_sentence_write(lines, model->language, number(file, "of") ? SAY("konsil.file-part") : SAY("konsil.file"),
        (const struct ks_filling[]) { { "number", ks_str_z(place) },
            { "name", ks_str_z(*text(file, "name") ? text(file, "name") : text(file, "save_as")) },
            { "size", ks_str_z(size) }, { "part", ks_str_z(part) }, { "of", ks_str_z(of) }, { NULL, KS_STR_EMPTY } });
}

void files_tell(struct model *model, struct model_message *message, json_t *files)
{
    struct ks_buf lines;
    json_t *file;
    size_t i;

    free(message->files);
    message->files = NULL;
    if (!json_array_size(files)) {
        message->file_count = 0;
        return;
    }
    if (!message->file_count) { /* a message that comes again keeps its numbers */
        message->first_file = model->file_count + 1;
        message->file_count = (unsigned)json_array_size(files);
        model->file_count += message->file_count;
    }
    ks_buf_init(&lines, 65536);
    json_array_foreach(files, i, file) tell_file(&lines, model, file, message->first_file + (unsigned)i);
    ks_buf_byte(&lines, 0);
    if (ks_buf_err(&lines) == KS_OK)
        message->files = strdup(lines.ptr);
    ks_buf_done(&lines);
}

static const char *sentence_of(json_t *transfer)
{
    bool up = strcmp(text(transfer, "direction"), "up") == 0;

    if (strcmp(text(transfer, "state"), "done") == 0)
        return up ? SAY("konsil.file-sent") : SAY("konsil.file-saved");
    return up ? SAY("konsil.file-up") : SAY("konsil.file-down");
}

void files_transfer(struct model *model, json_t *transfer)
{
    json_int_t moved = number(transfer, "moved"), size = number(transfer, "size");
    const char *state = text(transfer, "state");
    bool over = strcmp(state, "done") == 0 || strcmp(state, "failed") == 0;
    char percent[32] = "0 %";
    struct ks_buf line;

    model->progress[0] = 0;
    model->transfer = over ? 0 : number(transfer, "transfer");
    if (*text(transfer, "reason")) {
        model_notice(model, text(transfer, "name"), text(transfer, "reason"), text(transfer, "detail"));
        return;
    }
    if (size > 0)
        snprintf(percent, sizeof percent, "%lld %%", (long long)(moved * 100 / size));
    else
        write_size(percent, sizeof percent, moved);
    ks_buf_init(&line, sizeof model->progress);
    ks_sentence_write(&line, model->language, sentence_of(transfer),
        (const struct ks_filling[]) { { "name", ks_str_z(text(transfer, "name")) }, { "percent", ks_str_z(percent) },
            { "path", ks_str_z(text(transfer, "path")) }, { NULL, KS_STR_EMPTY } });
    ks_buf_byte(&line, 0);
    if (ks_buf_err(&line) == KS_OK)
        snprintf(model->progress, sizeof model->progress, "%s", line.ptr);
    ks_buf_done(&line);
}
