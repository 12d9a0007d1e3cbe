/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl -- what an administrator, an auditor or a data protection officer does (doc/konsilctl.8).
 *
 * Most commands are one line over konsild's control socket (src/server/control.h). Passwords stay here: the server gets
 * SCRAM keys. */
#include "konsilctl.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "control_client.h"
#include "crypto.h"
#include "enc.h"
#include "konsilctl_table.h"
#include "scram.h"
#include "system.h"
#include "unicode.h"

#define PASSWORD_MAX 1024

/* --- saying --- */

int ctl_fail(struct ctl *ctl, const char *id)
{
    struct ks_str what = ks_say(ctl->language, id), todo = ks_say_do(ctl->language, id);

    fprintf(stderr, "konsilctl: %.*s\n", KS_STR_FMT(what));
    if (todo.len)
        fprintf(stderr, "           %.*s\n", KS_STR_FMT(todo));
    return EXIT_FAILURE;
}

static void say_ok(struct ctl *ctl, const char *id)
{
    if (!ctl->json)
        printf("%.*s\n", KS_STR_FMT(ks_say(ctl->language, ctl->dry_run ? SAY("ctl.dry-run") : id)));
}

int ctl_usage(struct ctl *ctl)
{
    fprintf(stderr, "konsilctl: %.*s\n\n  konsilctl %s %s\n", KS_STR_FMT(ks_say(ctl->language, SAY("ctl.usage"))),
        ctl->command->name, ctl->command->usage);
    return CTL_EXIT_USAGE;
}

/* --- asking --- */

int ctl_ask(struct ctl *ctl, const char *command, json_t *args, json_t **ret_result)
{
    json_t *answer = NULL;
    enum ks_err err = KS_OK;
    const char *error;

    if (!ctl->client)
        err = ks_control_client_open(ctl->socket, &ctl->client);
    if (err != KS_OK) {
        ctl_fail(ctl, err == KS_EDENIED ? SAY("ctl.socket-denied") : SAY("ctl.no-server"));
        fprintf(stderr, "           %s\n", ctl->socket);
        return CTL_EXIT_UNAVAILABLE;
    }
    err = ks_control_client_ask(ctl->client, command, args, ctl->dry_run, &answer);
    if (err != KS_OK)
        return ctl_fail(ctl, SAY("ctl.broken"));
    if (!json_is_true(json_object_get(answer, "ok"))) {
        error = json_string_value(json_object_get(answer, "error"));
        ctl_fail(ctl, error ? error : SAY("ctl.broken"));
        json_decref(answer);
        return EXIT_FAILURE;
    }
    *ret_result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    if (ctl->json)
        json_dumpf(*ret_result, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII), putchar('\n');
    return EXIT_SUCCESS;
}

/* Asks with one argument and says one sentence. */
static int simple(struct ctl *ctl, const char *command, const char *name, const char *value, const char *done)
{
    json_t *args = json_object(), *result = NULL;
    int status;

    if (name)
        json_object_set_new(args, name, json_string(value));
    status = ctl_ask(ctl, command, args, &result);
    if (status == EXIT_SUCCESS)
        say_ok(ctl, done);
    json_decref(args);
    json_decref(result);
    return status;
}

/* --- passwords --- */

/* One line without its end; empty on failure. */
static bool read_line(FILE *from, char line[PASSWORD_MAX])
{
    size_t len;

    if (!fgets(line, PASSWORD_MAX, from))
        return false;
    len = strcspn(line, "\r\n");
    line[len] = 0;
    return len > 0;
}

static bool prompt(struct ctl *ctl, const char *id, char line[PASSWORD_MAX])
{
    struct termios shown, hidden;
    bool ok, terminal = tcgetattr(STDIN_FILENO, &shown) == 0;

    if (terminal) {
        fprintf(stderr, "%.*s ", KS_STR_FMT(ks_say(ctl->language, id)));
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    ok = read_line(stdin, line);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        fputc('\n', stderr);
    }
    return ok;
}

/* The keys of a password, as argument "keys"; NULL: it is not one. */
static json_t *keys_of(struct ctl *ctl, struct ks_str password)
{
    static const struct {
        const char *name;
        enum ks_hash hash;
    } kinds[] = { { "scram-sha-256", KS_SHA256 }, { "scram-sha-1", KS_SHA1 } };
    struct ks_scram_keys keys;
    struct ks_arena arena;
    struct ks_str normal;
    json_t *object = NULL;

    ks_arena_init(&arena, 65536);
    if (ks_unicode_password(&arena, password, &normal) == KS_OK) {
        object = json_object();
        for (size_t i = 0; i < KS_COUNT(kinds); i++) {
            uint8_t salt[KS_SCRAM_SALT_LEN];
            struct ks_buf record, text;
            ks_system_entropy(salt, sizeof salt);
            ks_scram_keys_make(kinds[i].hash, normal, salt, ctl->iterations, &keys);
            ks_buf_init_secret(&record, 1024);
            ks_buf_init_secret(&text, 2048);
            ks_scram_keys_write(&record, &keys);
            ks_base64_add(&text, ks_buf_str(&record));
            json_object_set_new(object, kinds[i].name, json_stringn(text.ptr, text.len));
            ks_buf_done(&record);
            ks_buf_done(&text);
        }
        if (normal.ptr != password.ptr)
            ks_wipe((char *)(uintptr_t)normal.ptr, normal.len);
    }
    ks_wipe(&keys, sizeof keys);
    ks_arena_done(&arena);
    return object;
}

static json_t *ask_keys(struct ctl *ctl)
{
    char password[PASSWORD_MAX], again[PASSWORD_MAX];
    json_t *keys = NULL;

    if (ctl->password_stdin) {
        if (read_line(stdin, password))
            keys = keys_of(ctl, ks_str_z(password));
    } else if (prompt(ctl, SAY("ctl.password"), password) && prompt(ctl, SAY("ctl.password-again"), again)) {
        if (strcmp(password, again) == 0)
            keys = keys_of(ctl, ks_str_z(password));
        else
            ctl_fail(ctl, SAY("ctl.password-differs"));
        ks_wipe(again, sizeof again);
    }
    if (!keys)
        ctl_fail(ctl, SAY("ctl.password-bad"));
    ks_wipe(password, sizeof password);
    return keys;
}

/* --- accounts --- */

static void set_facts(struct ctl *ctl, json_t *args)
{
    const struct {
        const char *name, *value;
    } facts[] = { { "name", ctl->name }, { "department", ctl->department }, { "profession", ctl->profession } };

    for (size_t i = 0; i < KS_COUNT(facts); i++)
        if (facts[i].value)
            json_object_set_new(args, facts[i].name, json_string(facts[i].value));
}

static int with_keys(struct ctl *ctl, const char *command, const char *done)
{
    json_t *keys = ask_keys(ctl), *args, *result = NULL;
    int status;

    if (!keys)
        return EXIT_FAILURE;
    args = json_object();
    json_object_set_new(args, "jid", json_string(ctl->words[0]));
    json_object_set_new(args, "keys", keys);
    if (strcmp(command, "user.add") == 0)
        set_facts(ctl, args);
    status = ctl_ask(ctl, command, args, &result);
    if (status == EXIT_SUCCESS)
        say_ok(ctl, done);
    json_decref(args);
    json_decref(result);
    return status;
}

static int user_add(struct ctl *ctl)
{
    return with_keys(ctl, "user.add", SAY("ctl.user-added"));
}

static int user_passwd(struct ctl *ctl)
{
    return with_keys(ctl, "user.passwd", SAY("ctl.password-changed"));
}

static int user_disable(struct ctl *ctl)
{
    return simple(ctl, "user.disable", "jid", ctl->words[0], SAY("ctl.user-disabled"));
}

static int user_enable(struct ctl *ctl)
{
    return simple(ctl, "user.enable", "jid", ctl->words[0], SAY("ctl.user-enabled"));
}

static int user_delete(struct ctl *ctl)
{
    return simple(ctl, "user.delete", "jid", ctl->words[0], SAY("ctl.user-deleted"));
}

static int user_list(struct ctl *ctl)
{
    static const struct ctl_column de[] = { { "local", "Konto" }, { "name", "Name" }, { "department", "Abteilung" },
        { "profession", "Beruf" }, { "state", "Zustand" }, { NULL, NULL } };
    static const struct ctl_column en[] = { { "local", "account" }, { "name", "name" }, { "department", "department" },
        { "profession", "profession" }, { "state", "state" }, { NULL, NULL } };
    json_t *all = json_array(), *result = NULL;
    int status;
    bool more = true;

    for (const char *after = ""; more;) {
        json_t *args = json_pack("{s:s, s:s}", "domain", ctl->words[0], "after", after), *users;
        json_decref(result);
        result = NULL;
        status = ctl_ask(ctl, "user.list", args, &result);
        json_decref(args);
        if (status != EXIT_SUCCESS)
            break;
        users = json_object_get(result, "users");
        json_array_extend(all, users);
        more = json_is_true(json_object_get(result, "more")) && json_array_size(users);
        if (more)
            after = json_string_value(json_object_get(json_array_get(all, json_array_size(all) - 1), "local"));
    }
    if (status == EXIT_SUCCESS && !ctl->json)
        ctl_table_print(stdout, ctl->language == KS_GERMAN ? de : en, all);
    json_decref(all);
    json_decref(result);
    return status;
}

/* A line "jid;name;department;profession;password" for each account; # begins a comment. */
static int user_import(struct ctl *ctl)
{
    FILE *file = fopen(ctl->words[0], "re");
    int status = EXIT_SUCCESS;
    char *line = NULL;
    size_t room = 0, number = 0, added = 0;
    ssize_t len;

    if (!file) {
        fprintf(stderr, "konsilctl: %s: %s\n", ctl->words[0], strerror(errno));
        return EXIT_FAILURE;
    }
    while (status == EXIT_SUCCESS && (len = getline(&line, &room, file)) >= 0) {
        struct ks_str left = ks_str_trim(ks_str(line, (size_t)len)), fields[5] = { 0 };
        json_t *args, *result = NULL;
        size_t count = 0;
        number++;
        if (!left.len || left.ptr[0] == '#')
            continue;
        while (count < KS_COUNT(fields) && ks_str_cut(&left, ';', &fields[count]))
            count++;
        json_t *keys = count == KS_COUNT(fields) && !left.len ? keys_of(ctl, fields[4]) : NULL;
        if (!keys) {
            status = ctl_fail(ctl, SAY("ctl.import-line"));
            fprintf(stderr, "           %s:%zu\n", ctl->words[0], number);
            break;
        }
        args = json_object();
        json_object_set_new(args, "jid", json_stringn(fields[0].ptr, fields[0].len));
        json_object_set_new(args, "name", json_stringn(fields[1].len ? fields[1].ptr : "", fields[1].len));
        json_object_set_new(args, "department", json_stringn(fields[2].len ? fields[2].ptr : "", fields[2].len));
        json_object_set_new(args, "profession", json_stringn(fields[3].len ? fields[3].ptr : "", fields[3].len));
        json_object_set_new(args, "keys", keys);
        status = ctl_ask(ctl, "user.add", args, &result);
        if (status != EXIT_SUCCESS)
            fprintf(stderr, "           %s:%zu\n", ctl->words[0], number);
        else
            added++;
        json_decref(args);
        json_decref(result);
    }
    if (line)
        ks_wipe(line, room);
    free(line);
    fclose(file);
    if (!ctl->json)
        printf("%zu\n", added);
    return status;
}

/* --- sessions --- */

static int sessions_list(struct ctl *ctl)
{
    static const struct ctl_column de[] = { { "session", "Sitzung" }, { "resource", "Gerät" },
        { "connected", "verbunden" }, { "available", "anwesend" }, { "unacknowledged", "unbestätigt" },
        { NULL, NULL } };
    static const struct ctl_column en[] = { { "session", "session" }, { "resource", "device" },
        { "connected", "connected" }, { "available", "available" }, { "unacknowledged", "unacknowledged" },
        { NULL, NULL } };
    json_t *args = json_pack("{s:s}", "jid", ctl->words[0]), *result = NULL;
    int status = ctl_ask(ctl, "sessions.list", args, &result);

    if (status == EXIT_SUCCESS && !ctl->json)
        ctl_table_print(stdout, ctl->language == KS_GERMAN ? de : en, json_object_get(result, "sessions"));
    json_decref(args);
    json_decref(result);
    return status;
}

static int sessions_kill(struct ctl *ctl)
{
    json_t *args = json_pack("{s:s}", "jid", ctl->words[0]), *result = NULL;
    int status;

    if (ctl->resource)
        json_object_set_new(args, "resource", json_string(ctl->resource));
    status = ctl_ask(ctl, "sessions.kill", args, &result);
    if (status == EXIT_SUCCESS)
        say_ok(ctl, SAY("ctl.sessions-ended"));
    json_decref(args);
    json_decref(result);
    return status;
}

/* --- reports --- */

static int describe_data(struct ctl *ctl)
{
    static const struct ctl_column de[] = { { "store", "Bestand" }, { "holds", "Art" }, { "keep", "bleibt" },
        { "feature", "Teil" }, { "purpose", "Zweck" }, { NULL, NULL } };
    static const struct ctl_column en[] = { { "store", "store" }, { "holds", "kind" }, { "keep", "kept" },
        { "feature", "feature" }, { "purpose", "purpose" }, { NULL, NULL } };
    json_t *result = NULL;
    int status = ctl_ask(ctl, "describe.data", NULL, &result);

    if (status == EXIT_SUCCESS && !ctl->json)
        ctl_table_print(stdout, ctl->language == KS_GERMAN ? de : en, json_object_get(result, "stores"));
    json_decref(result);
    return status;
}

static int audit_verify(struct ctl *ctl)
{
    return simple(ctl, "audit.verify", NULL, NULL, SAY("ctl.audit-good"));
}

static int audit_list(struct ctl *ctl)
{
    static const struct ctl_column de[] = { { "seq", "Nr." }, { "time", "Zeit" }, { "actor", "wer" },
        { "action", "was" }, { "subject", "wen" }, { "detail", "Näheres" }, { NULL, NULL } };
    static const struct ctl_column en[] = { { "seq", "no." }, { "time", "time" }, { "actor", "who" },
        { "action", "what" }, { "subject", "whom" }, { "detail", "detail" }, { NULL, NULL } };
    json_t *result = NULL;
    int status;
    char after[32] = "0";
    bool more = true;

    while (more) {
        json_t *args = json_pack("{s:s}", "after", after), *rows;
        json_decref(result);
        result = NULL;
        status = ctl_ask(ctl, "audit.list", args, &result);
        json_decref(args);
        if (status != EXIT_SUCCESS)
            break;
        rows = json_object_get(result, "rows");
        if (!ctl->json)
            ctl_table_print(stdout, ctl->language == KS_GERMAN ? de : en, rows);
        more = json_is_true(json_object_get(result, "more")) && json_array_size(rows);
        if (more)
            snprintf(after, sizeof after, "%" JSON_INTEGER_FORMAT,
                json_integer_value(json_object_get(json_array_get(rows, json_array_size(rows) - 1), "seq")));
    }
    json_decref(result);
    return status;
}

static int health(struct ctl *ctl)
{
    json_t *result = NULL, *value;
    int status = ctl_ask(ctl, "health", NULL, &result);
    const char *name;

    if (status == EXIT_SUCCESS && !ctl->json)
        json_object_foreach(result, name, value)
        {
            char *text = json_dumps(value, JSON_ENCODE_ANY);
            printf("%-24s %s\n", name, text ? text : "");
            free(text);
        }
    if (status == EXIT_SUCCESS && json_is_false(json_object_get(result, "healthy")))
        status = EXIT_FAILURE;
    json_decref(result);
    return status;
}

static int log_debug(struct ctl *ctl)
{
    return ctl->reason ? simple(ctl, "log.debug", "reason", ctl->reason, SAY("ctl.debug-on")) : ctl_usage(ctl);
}

static int log_normal(struct ctl *ctl)
{
    return simple(ctl, "log.normal", NULL, NULL, SAY("ctl.debug-off"));
}

static int reload(struct ctl *ctl)
{
    return simple(ctl, "reload", NULL, NULL, SAY("ctl.reloaded"));
}

/* --- the commands --- */

static const struct ctl_command commands[] = {
    { "user add", "JID [--name NAME] [--department TEXT] [--profession TEXT] [--password-stdin]", 1, user_add,
        "Adds an account; asks for its password." },
    { "user list", "DOMAIN", 1, user_list, "Lists the accounts of a domain." },
    { "user import", "FILE", 1, user_import, "Adds an account for each line jid;name;department;profession;password." },
    { "user passwd", "JID [--password-stdin]", 1, user_passwd, "Sets a new password and ends all sessions." },
    { "user disable", "JID", 1, user_disable, "Locks an account out, everywhere and at once." },
    { "user enable", "JID", 1, user_enable, "Lets a disabled account in again." },
    { "user delete", "JID", 1, user_delete,
        "Deletes an account and all that is stored for it; its name is never given again." },
    { "sessions list", "JID", 1, sessions_list, "Shows the sessions of an account; this is audited." },
    { "sessions kill", "JID [--resource NAME]", 1, sessions_kill, "Ends sessions; they cannot be resumed." },
    { "audit verify", "", 0, audit_verify, "Checks that nobody altered the audit log." },
    { "audit list", "", 0, audit_list, "Shows the audit log." },
    { "describe data", "", 0, describe_data, "Shows what is stored about people, why and for how long." },
    { "health", "", 0, health, "Shows whether the server is well; the exit status says it too." },
    { "log debug", "--reason TEXT", 0, log_debug, "Logs more for an hour; this is audited." },
    { "log normal", "", 0, log_normal, "Ends that." },
    { "reload", "", 0, reload, "Reads the settings anew, and keeps the old ones when something is wrong with them." },
};

static void print_help(const struct ctl *ctl)
{
    printf("konsilctl [--socket PATH] [--dry-run] [--json] [--lang de|en] COMMAND …\n\n");
    for (size_t i = 0; i < KS_COUNT(commands); i++)
        printf("  %s %s\n      %s\n", commands[i].name, commands[i].usage, commands[i].doc);
    printf("\n%.*s\n", KS_STR_FMT(ks_say(ctl->language, SAY("ctl.help-end"))));
}

/* For the manual page (mdoc) and for bash; made at build time, so that they never differ from the table. */
static void print_manual(void)
{
    printf(".Bl -tag -width Ds\n");
    for (size_t i = 0; i < KS_COUNT(commands); i++)
        printf(".It Ic %s Ar %s\n%s\n", commands[i].name, commands[i].usage, commands[i].doc);
    printf(".El\n");
}

static void print_completion(void)
{
    printf("# bash completion of konsilctl\n_konsilctl() {\n"
           "  local words=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\"\n  case \"$words\" in\n");
    static const char *const groups[] = { "user", "sessions", "audit", "describe", "log" };
    for (size_t g = 0; g < KS_COUNT(groups); g++) {
        printf("  %s) COMPREPLY=($(compgen -W '", groups[g]);
        for (size_t i = 0; i < KS_COUNT(commands); i++)
            if (ks_str_starts(ks_str_z(commands[i].name), ks_str_z(groups[g])))
                printf(" %s", commands[i].name + strlen(groups[g]));
        printf("' -- \"$2\"));;\n");
    }
    printf("  '') COMPREPLY=($(compgen -W 'user sessions backup restore audit describe health log reload --dry-run "
           "--json --socket --lang --help' -- \"$2\"));;\n"
           "  *) COMPREPLY=($(compgen -f -W '--name --department --profession --password-stdin --resource --key-file "
           "--to --reason' -- \"$2\"));;\n  esac\n}\ncomplete -F _konsilctl konsilctl\n");
}

/* The longest command whose words begin what was typed. */
static const struct ctl_command *find(int count, char **words, int *ret_used)
{
    const struct ctl_command *found = NULL;

    for (size_t i = 0; i < KS_COUNT(commands); i++) {
        struct ks_str left = ks_str_z(commands[i].name), word;
        int used = 0;
        bool fits = true;
        while (fits && left.len && ks_str_cut(&left, ' ', &word))
            fits = used < count && ks_str_is(word, words[used++]);
        if (fits && (!found || used > *ret_used)) {
            found = &commands[i];
            *ret_used = used;
        }
    }
    return found;
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
    static const struct option options[] = { { "socket", required_argument, NULL, 's' },
        { "dry-run", no_argument, NULL, 'n' }, { "json", no_argument, NULL, 'j' },
        { "lang", required_argument, NULL, 'l' }, { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' }, { "name", required_argument, NULL, 'N' },
        { "department", required_argument, NULL, 'D' }, { "profession", required_argument, NULL, 'P' },
        { "password-stdin", no_argument, NULL, 'p' }, { "resource", required_argument, NULL, 'r' },
        { "key-file", required_argument, NULL, 'k' }, { "to", required_argument, NULL, 't' },
        { "reason", required_argument, NULL, 'R' }, { "print-manual", no_argument, NULL, 1 },
        { "print-completion", no_argument, NULL, 2 }, { NULL, 0, NULL, 0 } };
    struct ctl ctl = {
        .socket = KONSILD_CONTROL, .language = ks_language_of(locale()), .iterations = KS_SCRAM_ITERATIONS_MIN
    };
    int option, used = 0, status;
    bool help = false;

    setlocale(LC_CTYPE, "");
    while ((option = getopt_long(argc, argv, "s:njl:hV", options, NULL)) != -1) {
        switch (option) {
        case 's':
            ctl.socket = optarg;
            break;
        case 'n':
            ctl.dry_run = true;
            break;
        case 'j':
            ctl.json = true;
            break;
        case 'l':
            ctl.language = ks_language_of(optarg);
            break;
        case 'h':
            help = true;
            break;
        case 'V':
            printf("konsilctl %s\n", KONSIL_VERSION);
            return EXIT_SUCCESS;
        case 'N':
            ctl.name = optarg;
            break;
        case 'D':
            ctl.department = optarg;
            break;
        case 'P':
            ctl.profession = optarg;
            break;
        case 'p':
            ctl.password_stdin = true;
            break;
        case 'r':
            ctl.resource = optarg;
            break;
        case 'k':
            ctl.key_file = optarg;
            break;
        case 't':
            ctl.to = optarg;
            break;
        case 'R':
            ctl.reason = optarg;
            break;
        case 1:
            print_manual();
            return EXIT_SUCCESS;
        case 2:
            print_completion();
            return EXIT_SUCCESS;
        default:
            return CTL_EXIT_USAGE;
        }
    }
    if (help || optind == argc || strcmp(argv[optind], "help") == 0) {
        print_help(&ctl);
        return help || optind < argc ? EXIT_SUCCESS : CTL_EXIT_USAGE;
    }
    ctl.command = find(argc - optind, argv + optind, &used);
    if (!ctl.command) {
        ctl_fail(&ctl, SAY("ctl.unknown"));
        return CTL_EXIT_USAGE;
    }
    ctl.words = argv + optind + used;
    if (argc - optind - used != ctl.command->words)
        return ctl_usage(&ctl);
    if (ks_crypto_init() != KS_OK)
        return ctl_fail(&ctl, SAY("ctl.crypto"));
    status = ctl.command->run(&ctl);
    ks_control_client_free(ctl.client);
    return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}
