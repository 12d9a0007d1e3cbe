/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl -- what an administrator, an auditor or a data protection officer does (doc/konsilctl.8.in).
 *
 * Most commands are one line over konsild's control socket (src/server/control.h). Passwords stay here: the server gets
 * SCRAM keys. */
#include "konsilctl.h"

#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>

#include "control_client.h"
#include "crypto.h"
#include "konsilctl_options.h"

#define FILLINGS_MAX 6

/* --- saying --- */

void ctl_say(const struct ctl *ctl, const char *id, ...)
{
    struct ks_filling fillings[FILLINGS_MAX + 1] = { 0 };
    struct ks_buf line;
    size_t count = 0;
    va_list args;

    if (ctl->json)
        return;
    va_start(args, id);
    for (const char *name; (name = va_arg(args, const char *)); count++) {
        assert(count < FILLINGS_MAX);
        fillings[count] = (struct ks_filling) { name, ks_str_z(va_arg(args, const char *)) };
    }
    va_end(args);
    ks_buf_init(&line, 65536);
    ks_sentence_write(&line, ctl->language, id, fillings);
    printf("%.*s\n", KS_STR_FMT(ks_buf_str(&line)));
    ks_buf_done(&line);
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

int ctl_try(struct ctl *ctl, const char *command, json_t *args, json_t **ret_result, const char **ret_error)
{
    json_t *answer = NULL;
    enum ks_err err = KS_OK;

    *ret_error = NULL;
    *ret_result = NULL;
    if (!ctl->client)
        err = ks_control_client_open(ctl->socket, &ctl->client);
    if (err != KS_OK) {
        ctl_fail(ctl, err == KS_EDENIED ? SAY("ctl.socket-denied") : SAY("ctl.no-server"), ctl->socket);
        return CTL_EXIT_UNAVAILABLE;
    }
    err = ks_control_client_ask(ctl->client, command, args, ctl->dry_run, &answer);
    if (err != KS_OK) { /* nothing more will come over this connection */
        ks_control_client_free(ctl->client);
        ctl->client = NULL;
        return ctl_fail(ctl, SAY("ctl.broken"), NULL);
    }
    if (!json_is_true(json_object_get(answer, "ok"))) {
        const struct ks_sentence *sentence =
            ks_sentence_find(ks_str_z(json_string_value(json_object_get(answer, "error"))));
        *ret_error = sentence ? sentence->id : SAY("ctl.newer");
    }
    *ret_result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    return *ret_error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int ctl_ask(struct ctl *ctl, const char *command, json_t *args, json_t **ret_result)
{
    const char *error;
    int status = ctl_try(ctl, command, args, ret_result, &error);

    if (status == EXIT_SUCCESS)
        return status;
    if (error)
        ctl_fail(ctl, error, NULL);
    json_decref(*ret_result);
    *ret_result = NULL;
    return status;
}

static const char *locale(void)
{
    static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

    for (size_t i = 0; i < KS_COUNT(names); i++)
        if (getenv(names[i]) && *getenv(names[i]))
            return getenv(names[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    struct ctl ctl = { .socket = KONSILD_CONTROL, .language = ks_language_of(locale()) };
    int status;

    setlocale(LC_CTYPE, "");
    if (!ctl_read(&ctl, argc, argv, &status))
        return status;
    if (ks_crypto_init() != KS_OK)
        return ctl_fail(&ctl, SAY("ctl.crypto"), NULL);
    status = ctl.command->run(&ctl);
    ks_control_client_free(ctl.client);
    return fflush(stdout) == 0 && !ferror(stdout) ? status : EXIT_FAILURE;
}
