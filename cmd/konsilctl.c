/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl -- what an administrator, an auditor or a data protection officer does (doc/konsilctl.8.in).
 *
 * Most commands are one line over konsild's control socket (src/server/control.h). Passwords stay here: the server gets
 * SCRAM keys. */
#include "konsilctl.h"

#include <stdarg.h>
#include <stdlib.h>

#include "command_line.h"
#include "control_client.h"
#include "crypto.h"
#include "konsilctl_options.h"

#define FILLINGS_MAX 6
#define MEANWHILE_MS 1000

/* --- saying --- */

static void write_sentence(const struct ctl *ctl, FILE *to, const char *id, va_list args)
{
    struct ks_filling fillings[FILLINGS_MAX + 1] = { 0 };
    struct ks_buf line;
    size_t count = 0;

    for (const char *name; (name = va_arg(args, const char *)); count++) {
        assert(count < FILLINGS_MAX);
        fillings[count] = (struct ks_filling) { name, ks_str_z(va_arg(args, const char *)) };
    }
    ks_buf_init(&line, 65536);
    ks_sentence_write(&line, ctl->language, id, fillings);
    fprintf(to, "%.*s", KS_STR_FMT(ks_buf_str(&line)));
    ks_buf_done(&line);
}

void ctl_write(const struct ctl *ctl, FILE *to, const char *id, ...)
{
    va_list args;

    va_start(args, id);
    write_sentence(ctl, to, id, args);
    va_end(args);
}

void ctl_say(const struct ctl *ctl, const char *id, ...)
{
    va_list args;

    if (ctl->json)
        return;
    va_start(args, id);
    write_sentence(ctl, stdout, id, args);
    va_end(args);
    putchar('\n');
}

void ctl_done(const struct ctl *ctl, const char *id)
{
    ctl_say(ctl, ctl->dry_run ? SAY("ctl.dry-run") : id, NULL);
}

int ctl_fail(const struct ctl *ctl, const char *id, const char *where)
{
    struct ks_str what = ks_say(ctl->language, id), todo = ks_say_do(ctl->language, id);

    fprintf(stderr, "konsilctl: %.*s\n", KS_STR_FMT(what));
    if (todo.len)
        fprintf(stderr, "           %.*s\n", KS_STR_FMT(todo));
    if (where)
        fprintf(stderr, "           %s\n", where);
    return EXIT_FAILURE;
}

bool ctl_json(const struct ctl *ctl, json_t *result)
{
    if (ctl->json && result) {
        json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        putchar('\n');
    }
    return ctl->json;
}

/* --- asking --- */

/* Connects once; then the question. Returns the exit status, and says what failed. */
static int ask(struct ctl *ctl, const char *command, json_t *args, void (*meanwhile)(struct ctl *), json_t **ret_answer)
{
    enum ks_err err = KS_OK;

    if (!ctl->client)
        err = ks_control_client_open(ctl->socket, &ctl->client);
    if (err != KS_OK) {
        ctl_fail(ctl, err == KS_EDENIED ? SAY("ctl.socket-denied") : SAY("ctl.no-server"), ctl->socket);
        return CTL_EXIT_UNAVAILABLE;
    }
    err = ks_control_client_send(ctl->client, command, args, ctl->dry_run);
    while (err == KS_OK && meanwhile && !ks_control_client_answers(ctl->client, MEANWHILE_MS))
        meanwhile(ctl);
    if (err == KS_OK)
        err = ks_control_client_receive(ctl->client, ret_answer);
    if (err == KS_OK)
        return EXIT_SUCCESS;
    ks_control_client_free(ctl->client); /* nothing more will come over this connection */
    ctl->client = NULL;
    return ctl_fail(ctl, SAY("ctl.broken"), NULL);
}

static int try_long(struct ctl *ctl, const char *command, json_t *args, void (*meanwhile)(struct ctl *),
    json_t **ret_result, const char **ret_error)
{
    json_t *answer = NULL;
    int status = ask(ctl, command, args, meanwhile, &answer);

    *ret_error = NULL;
    *ret_result = json_incref(json_object_get(answer, "result"));
    if (answer && !json_is_true(json_object_get(answer, "ok"))) {
        const struct ks_sentence *sentence =
            ks_sentence_find(ks_str_z(json_string_value(json_object_get(answer, "error"))));
        *ret_error = sentence ? sentence->id : SAY("ctl.newer");
        status = EXIT_FAILURE;
    }
    json_decref(answer);
    return status;
}

int ctl_try(struct ctl *ctl, const char *command, json_t *args, json_t **ret_result, const char **ret_error)
{
    return try_long(ctl, command, args, NULL, ret_result, ret_error);
}

int ctl_ask_long(
    struct ctl *ctl, const char *command, json_t *args, void (*meanwhile)(struct ctl *), json_t **ret_result)
{
    const char *error;
    int status = try_long(ctl, command, args, meanwhile, ret_result, &error);

    if (error)
        ctl_fail(ctl, error, NULL);
    if (status != EXIT_SUCCESS) {
        json_decref(*ret_result);
        *ret_result = NULL;
    }
    return status;
}

int ctl_ask(struct ctl *ctl, const char *command, json_t *args, json_t **ret_result)
{
    return ctl_ask_long(ctl, command, args, NULL, ret_result);
}

int main(int argc, char **argv)
{
    struct ctl ctl = { .socket = KONSILD_CONTROL, .language = command_line_language() };
    int status;

    if (!ctl_read(&ctl, argc, argv, &status))
        return status;
    if (ks_crypto_init() != KS_OK)
        return ctl_fail(&ctl, SAY("ctl.crypto"), NULL);
    status = ctl.command->run(&ctl);
    ks_control_client_free(ctl.client);
    return fflush(stdout) == 0 && !ferror(stdout) ? status : EXIT_FAILURE;
}
