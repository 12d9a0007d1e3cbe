/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsilctl_password.h"

#include <termios.h>
#include <unistd.h>

#include "crypto.h"
#include "enc.h"
#include "scram.h"
#include "system.h"
#include "unicode.h"

#define CHARACTERS_MIN 8 /* ctl.password-short names it */

static bool set_key(json_t *object, const char *name, enum ks_hash hash, struct ks_str password)
{
    uint8_t salt[KS_SCRAM_SALT_LEN];
    struct ks_buf record, text;
    struct ks_scram_keys keys;

    ks_system_entropy(salt, sizeof salt);
    ks_scram_keys_make(hash, password, salt, KS_SCRAM_ITERATIONS_MIN, &keys);
    ks_buf_init_secret(&record, 1024);
    ks_buf_init_secret(&text, 2048);
    ks_scram_keys_write(&record, &keys);
    ks_base64_add(&text, ks_buf_str(&record));
    bool set = ks_buf_err(&record) == KS_OK && ks_buf_err(&text) == KS_OK
        && json_object_set_new(object, name, json_stringn(text.ptr, text.len)) == 0;
    ks_buf_done(&record);
    ks_buf_done(&text);
    ks_wipe(&keys, sizeof keys);
    return set;
}

json_t *ctl_password_keys(struct ks_str password, const char **ret_wrong)
{
    struct ks_arena arena;
    struct ks_str normal = KS_STR_EMPTY;
    const char *wrong = SAY("ctl.password-bad");
    json_t *keys = NULL;

    ks_arena_init(&arena, 65536);
    if (ks_unicode_password(&arena, password, &normal) == KS_OK) {
        if (ks_unicode_count(normal) < CHARACTERS_MIN)
            wrong = SAY("ctl.password-short");
        else
            keys = json_object();
        if (keys
            && (!set_key(keys, "scram-sha-256", KS_SHA256, normal) || !set_key(keys, "scram-sha-1", KS_SHA1, normal))) {
            json_decref(keys);
            keys = NULL;
        }
        if (normal.ptr != password.ptr)
            ks_wipe((char *)(uintptr_t)normal.ptr, normal.len);
    }
    ks_arena_done(&arena);
    if (!keys)
        *ret_wrong = wrong;
    return keys;
}

/* One line of stdin without its end; false when there is none, or nothing in it. */
static bool read_line(char line[CTL_PASSWORD_MAX])
{
    if (!fgets(line, CTL_PASSWORD_MAX, stdin))
        return false;
    line[strcspn(line, "\r\n")] = 0;
    return *line;
}

/* On the terminal, hidden before the question is there: what is typed at once must not show. */
static bool prompt(const struct ctl *ctl, const char *id, char line[CTL_PASSWORD_MAX])
{
    struct termios shown, hidden;

    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return false;
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSANOW, &hidden);
    fprintf(stderr, "%.*s ", KS_STR_FMT(ks_say(ctl->language, id)));
    bool read = read_line(line);
    tcsetattr(STDIN_FILENO, TCSANOW, &shown);
    fputc('\n', stderr);
    return read;
}

json_t *ctl_password_ask(struct ctl *ctl)
{
    char password[CTL_PASSWORD_MAX] = "", again[CTL_PASSWORD_MAX] = "";
    const char *wrong = NULL;
    json_t *keys = NULL;

    if (!(ctl->given & CTL_PASSWORD_STDIN) && !isatty(STDIN_FILENO))
        wrong = SAY("ctl.password-terminal");
    else if (ctl->given & CTL_PASSWORD_STDIN ? !read_line(password) : !prompt(ctl, SAY("ctl.password"), password))
        wrong = SAY("ctl.password-bad");
    else if (!(ctl->given & CTL_PASSWORD_STDIN)
        && (!prompt(ctl, SAY("ctl.password-again"), again) || strcmp(password, again) != 0))
        wrong = SAY("ctl.password-differs");
    else
        keys = ctl_password_keys(ks_str_z(password), &wrong);
    if (!keys)
        ctl_fail(ctl, wrong, NULL);
    ks_wipe(password, sizeof password);
    ks_wipe(again, sizeof again);
    return keys;
}

bool ctl_passphrase_ask(struct ctl *ctl, bool twice, size_t characters_min, char ret_passphrase[CTL_PASSWORD_MAX])
{
    bool from_stdin = ctl->given & CTL_PASSWORD_STDIN;
    char again[CTL_PASSWORD_MAX] = "";
    const char *wrong = NULL;

    if (!from_stdin && !isatty(STDIN_FILENO))
        wrong = SAY("ctl.password-terminal");
    else if (from_stdin ? !read_line(ret_passphrase) : !prompt(ctl, SAY("ctl.passphrase"), ret_passphrase))
        wrong = SAY("ctl.password-bad");
    else if (ks_unicode_count(ks_str_z(ret_passphrase)) < characters_min)
        wrong = SAY("ctl.passphrase-short");
    else if (twice && !from_stdin
        && (!prompt(ctl, SAY("ctl.password-again"), again) || strcmp(ret_passphrase, again) != 0))
        wrong = SAY("ctl.password-differs");
    ks_wipe(again, sizeof again);
    if (wrong) {
        ks_wipe(ret_passphrase, CTL_PASSWORD_MAX);
        ctl_fail(ctl, wrong, NULL);
    }
    return !wrong;
}
