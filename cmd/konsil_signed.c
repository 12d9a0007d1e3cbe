/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_signed.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "enc.h"
#include "konsil_said.h"
#include "say.h"

#define NAME_MAX_BYTES 128       /* of a file's name */
#define FILE_MAX_BYTES (1 << 20) /* of a file */

static const char *text(json_t *event, const char *member)
{
    const char *value = json_string_value(json_object_get(event, member));

    return value ? value : "";
}

static const char *say(const struct model *model, const char *id)
{
    return ks_say(model->language, id).ptr; /* catalogue texts end with a zero */
}

/* --- written --- */

static void sign(const struct model_person *person, const char *kind, const char *rest, struct lines_deed *deed)
{
    struct ks_str text = ks_str_z(rest), number = KS_STR_EMPTY;

    if (*rest == '#' && !ks_str_cut(&text, ' ', &number))
        text = KS_STR_EMPTY;
    text = ks_str_trim(text);
    if (!text.len) {
        deed->wrong = SAY("konsil.line-short");
        return;
    }
    deed->command =
        json_pack("{s:s, s:s, s:s, s:s%}", "cmd", "sign", "to", person->jid, "kind", kind, "body", text.ptr, text.len);
    if (number.len > 1)
        json_object_set_new(deed->command, "case_number", json_stringn(number.ptr + 1, number.len - 1));
    deed->ask = SAY("konsil.ask-sign");
}

void signed_order(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    sign(person, "order", rest, deed);
}

void signed_consult(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    sign(person, "consult_answer", rest, deed);
}

void signed_handover(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    sign(person, "handover", rest, deed);
}

/* The newest that is signed, of anybody's or of others' alone; NULL: there is none with these words. */
static const struct model_message *find(const struct model_person *person, bool of_others, const char *words)
{
    struct ks_str wanted = ks_str_trim(ks_str_z(words));

    for (size_t i = person->message_count; i > 0; i--) {
        const struct model_message *message = &person->messages[i - 1];
        if (message->seal && message->body && !(of_others && message->mine)
            && (!wanted.len || said_holds(message->body, wanted) > 0))
            return message;
    }
    return NULL;
}

void signed_ack(const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    const struct model_message *message = find(person, true, rest);

    if (!message) {
        deed->wrong = SAY("konsil.signed-nothing");
        return;
    }
    said_quote(message, deed->what, sizeof deed->what);
    deed->ask = SAY("konsil.ask-ack");
    deed->command = json_pack("{s:s, s:s, s:s, s:s, s:[s]}", "cmd", "sign", "to", person->jid, "kind", "ack", "body",
        say(model, SAY("konsil.ack")), "about", message->id);
}

void signed_save(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    const struct model_message *message = find(person, false, rest);

    (void)model;
    if (message)
        deed->command =
            json_pack("{s:s, s:s, s:s}", "cmd", "signed_file", "conversation", person->jid, "message", message->id);
    else
        deed->wrong = SAY("konsil.signed-nothing");
}

/* --- shown --- */

static const char *found(const char *wanted, const char *const pairs[][2], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(wanted, pairs[i][0]) == 0)
            return pairs[i][1];
    return NULL;
}

static const char *kind_of(const char *kind)
{
    static const char *const kinds[][2] = { { "order", SAY("konsil.signed-order") },
        { "consult_answer", SAY("konsil.signed-consult") }, { "handover", SAY("konsil.signed-handover") },
        { "ack", SAY("konsil.signed-ack") } };

    return found(kind, kinds, KS_COUNT(kinds));
}

static const char *verdict_of(const char *signature)
{
    static const char *const verdicts[][2] = { { "valid", SAY("konsil.signed-valid") },
        { "revoked_later", SAY("konsil.signed-later") }, { "revoked", SAY("konsil.signed-revoked") },
        { "invalid", SAY("konsil.signed-invalid") }, { "unknown", SAY("konsil.signed-unknown") } };

    return found(signature, verdicts, KS_COUNT(verdicts));
}

void signed_tell(struct model *model, struct model_message *message, json_t *told)
{
    const char *kind = kind_of(text(told, "signed_as")), *verdict = verdict_of(text(told, "signature"));
    const char *number = text(told, "case_number");
    char seal[256];

    free(message->seal);
    message->seal = NULL;
    message->forged =
        kind && strcmp(text(told, "signature"), "valid") != 0 && strcmp(text(told, "signature"), "revoked_later") != 0;
    if (!kind)
        return;
    snprintf(seal, sizeof seal, "%s%s%s, %s", say(model, kind), *number ? " #" : "", number,
        verdict ? say(model, verdict) : "?");
    message->seal = strdup(seal);
}

/* --- saved --- */

/* Names of messages are others' words: letters, digits and hyphens alone come into the name of a file. */
static void name_file(char *name, size_t cap, const char *message, const char *ending)
{
    size_t len = (size_t)snprintf(name, cap, "konsil-");

    for (; *message && len + strlen(ending) + 1 < cap; message++)
        if (strchr("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", *message))
            name[len++] = *message;
    snprintf(name + len, cap - len, "%s", ending);
}

/* Beside no other: a file that is there already stays as it is. */
static bool write_file(const char *name, struct ks_str bytes)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written;

    if (fd < 0)
        return false;
    written = write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len && fsync(fd) == 0;
    written = close(fd) == 0 && written;
    if (!written)
        unlink(name);
    return written;
}

void signed_file(struct model *model, json_t *event)
{
    const char *checkpoint = text(event, "checkpoint");
    char name[NAME_MAX_BYTES];
    struct ks_arena arena;
    struct ks_str bytes;
    bool written;

    ks_arena_init(&arena, FILE_MAX_BYTES);
    name_file(name, sizeof name, text(event, "message"), ".checkpoint");
    written = !*checkpoint || write_file(name, ks_str_z(checkpoint));
    name_file(name, sizeof name, text(event, "message"), ".p7m");
    written =
        written && ks_base64_read(&arena, ks_str_z(text(event, "file")), &bytes) == KS_OK && write_file(name, bytes);
    model_notice(model, NULL, written ? SAY("konsil.signed-saved") : SAY("konsil.signed-not-saved"), name);
    ks_arena_done(&arena);
}
