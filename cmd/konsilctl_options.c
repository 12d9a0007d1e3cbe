/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsilctl_options.h"

#include <getopt.h>
#include <stdlib.h>

/* All commands by number; NULL past the last. */
static const struct ctl_command *command_at(size_t number)
{
    static const struct ctl_command *const lists[] = { ctl_users, ctl_reports, ctl_backups };

    for (size_t i = 0; i < KS_COUNT(lists); i++)
        for (const struct ctl_command *at = lists[i]; at->name; at++)
            if (number-- == 0)
                return at;
    return NULL;
}

enum { OPT_MANUAL = 256, OPT_NEXT, OPT_OF_COMMANDS };

/* command 0: of all commands, and letter is its short form. Else its value goes to that place of struct ctl. */
static const struct known_option {
    const char *name, *value; /* value NULL: takes none */
    int letter;
    enum ctl_option command;
    size_t place;
    const char *doc;
} known_options[] = {
    { "name", "TEXT", 0, CTL_NAME, offsetof(struct ctl, name), SAY("option.name") },
    { "department", "TEXT", 0, CTL_DEPARTMENT, offsetof(struct ctl, department), SAY("option.department") },
    { "profession", "TEXT", 0, CTL_PROFESSION, offsetof(struct ctl, profession), SAY("option.profession") },
    { "password-stdin", NULL, 0, CTL_PASSWORD_STDIN, 0, SAY("option.password-stdin") },
    { "resource", "NAME", 0, CTL_RESOURCE, offsetof(struct ctl, resource), SAY("option.resource") },
    { "key-file", "FILE", 0, CTL_KEY_FILE, offsetof(struct ctl, key_file), SAY("option.key-file") },
    { "to", "DIRECTORY", 0, CTL_TO, offsetof(struct ctl, to), SAY("option.to") },
    { "reason", "TEXT", 0, CTL_REASON, offsetof(struct ctl, reason), SAY("option.reason") },
    { "socket", "FILE", 's', 0, 0, SAY("option.socket") },
    { "dry-run", NULL, 'n', 0, 0, SAY("option.dry-run") },
    { "json", NULL, 'j', 0, 0, SAY("option.json") },
    { "lang", "LANGUAGE", 'l', 0, 0, SAY("option.lang") },
    { "help", NULL, 'h', 0, 0, SAY("option.help") },
    { "version", NULL, 'V', 0, 0, SAY("option.version") },
};

#define KNOWN_OPTIONS KS_COUNT(known_options)

static bool takes(const struct ctl_command *command, const struct known_option *option)
{
    return (command->needs | command->may) & option->command;
}

/* --- reading --- */

const struct ctl_command *ctl_find(int count, char **words, int *ret_used)
{
    const struct ctl_command *found = NULL, *command;

    for (size_t i = 0; (command = command_at(i)); i++) {
        struct ks_str left = ks_str_z(command->name), word;
        int used = 0;
        bool fits = true;
        while (fits && left.len && ks_str_cut(&left, ' ', &word))
            fits = used < count && ks_str_is(word, words[used++]);
        if (fits && (!found || used > *ret_used)) {
            found = command;
            *ret_used = used;
        }
    }
    return found;
}

static int words_wanted(const struct ctl_command *command)
{
    struct ks_str left = ks_str_z(command->words), word;
    int count = 0;

    while (left.len && ks_str_cut(&left, ' ', &word))
        count++;
    return count;
}

/* "JID [--name TEXT]" */
static void write_usage(struct ks_buf *line, const struct ctl_command *command)
{
    ks_buf_z(line, command->words);
    for (size_t i = 0; i < KNOWN_OPTIONS; i++) {
        const struct known_option *at = &known_options[i];
        bool needed = command->needs & at->command;
        if (takes(command, at))
            ks_buf_printf(line, "%s%s--%s%s%s%s", line->len ? " " : "", needed ? "" : "[", at->name,
                at->value ? " " : "", at->value ? at->value : "", needed ? "" : "]");
    }
}

static int say_usage(const struct ctl *ctl)
{
    struct ks_buf line;

    ks_buf_init(&line, 1000);
    write_usage(&line, ctl->command);
    ctl_fail(ctl, SAY("ctl.usage"), NULL);
    fprintf(stderr, "\n  konsilctl %s %.*s\n", ctl->command->name, KS_STR_FMT(ks_buf_str(&line)));
    ks_buf_done(&line);
    return CTL_EXIT_USAGE;
}

/* One option; false when it ends the program. */
static bool take_option(struct ctl *ctl, int option, int argc, char **argv, bool *ret_help)
{
    const struct known_option *known;

    switch (option) {
    case 's':
        ctl->socket = optarg;
        return true;
    case 'n':
        ctl->dry_run = true;
        return true;
    case 'j':
        ctl->json = true;
        return true;
    case 'l':
        ctl->language = ks_language_of(optarg);
        return true;
    case 'h':
        *ret_help = true;
        return true;
    case 'V':
        printf("konsilctl %s\n", KONSIL_VERSION);
        return false;
    case OPT_MANUAL:
        ctl_print_manual();
        return false;
    case OPT_NEXT:
        ctl_print_next(argc - optind, argv + optind);
        return false;
    default:
        known = &known_options[option - OPT_OF_COMMANDS];
        ctl->given |= known->command;
        if (known->value)
            memcpy((char *)ctl + known->place, &optarg, sizeof optarg);
        return true;
    }
}

bool ctl_read(struct ctl *ctl, int argc, char **argv, int *ret_status)
{
    struct option options[KNOWN_OPTIONS + 3] = { { 0 } };
    bool help = false;
    int option, used = 0;

    for (size_t i = 0; i < KNOWN_OPTIONS; i++) {
        const struct known_option *at = &known_options[i];
        options[i] = (struct option) { at->name, at->value ? required_argument : no_argument, NULL,
            at->letter ? at->letter : OPT_OF_COMMANDS + (int)i };
    }
    options[KNOWN_OPTIONS] = (struct option) { "print-manual", no_argument, NULL, OPT_MANUAL };
    options[KNOWN_OPTIONS + 1] = (struct option) { "print-next", no_argument, NULL, OPT_NEXT };
    *ret_status = EXIT_SUCCESS;
    while ((option = getopt_long(argc, argv, "s:njl:hV", options, NULL)) != -1) {
        if (option == '?') {
            *ret_status = CTL_EXIT_USAGE;
            return false;
        }
        if (!take_option(ctl, option, argc, argv, &help))
            return false;
    }
    if (help || optind == argc || strcmp(argv[optind], "help") == 0) {
        ctl_print_help(ctl);
        *ret_status = help || optind < argc ? EXIT_SUCCESS : CTL_EXIT_USAGE;
        return false;
    }
    *ret_status = CTL_EXIT_USAGE;
    ctl->command = ctl_find(argc - optind, argv + optind, &used);
    if (!ctl->command) {
        ctl_fail(ctl, SAY("ctl.unknown"), NULL);
        return false;
    }
    ctl->words = argv + optind + used;
    unsigned needs = ctl->command->needs, other = ctl->given & ~(needs | ctl->command->may);
    if (argc - optind - used != words_wanted(ctl->command) || other || (ctl->given & needs) != needs) {
        say_usage(ctl);
        return false;
    }
    return true;
}

/* --- help --- */

void ctl_print_help(const struct ctl *ctl)
{
    const struct ctl_command *command;
    struct ks_buf line;

    ks_buf_init(&line, 1000);
    puts("konsilctl [--socket FILE] [--dry-run] [--json] [--lang de|en] COMMAND …\n");
    for (size_t i = 0; (command = command_at(i)); i++) {
        ks_buf_reset(&line);
        write_usage(&line, command);
        printf("  %s %.*s\n      %.*s\n", command->name, KS_STR_FMT(ks_buf_str(&line)),
            KS_STR_FMT(ks_say(ctl->language, command->doc)));
    }
    putchar('\n');
    for (size_t i = 0; i < KNOWN_OPTIONS; i++)
        printf("  --%-16s %.*s\n", known_options[i].name, KS_STR_FMT(ks_say(ctl->language, known_options[i].doc)));
    ks_buf_done(&line);
}

/* --- the manual --- */

/* A sentence as mdoc wants it: each begins a line. */
static void print_sentences(const char *id)
{
    struct ks_str text = ks_say(KS_ENGLISH, id);

    for (size_t i = 0; i < text.len; i++) {
        bool end = i + 1 < text.len && text.ptr[i] == '.' && text.ptr[i + 1] == ' ';
        if (text.ptr[i] == '-' && i && text.ptr[i - 1] == '-')
            fputs("\\-", stdout);
        else if (text.ptr[i] == '\\')
            fputs("\\e", stdout);
        else
            putchar(text.ptr[i]);
        if (end)
            putchar('\n'), i++;
    }
    putchar('\n');
}

void ctl_print_manual(void)
{
    const struct ctl_command *command;

    puts(".Sh COMMANDS\n.Bl -tag -width Ds");
    for (size_t i = 0; (command = command_at(i)); i++) {
        printf(".It Ic %s", command->name);
        if (*command->words)
            printf(" Ar %s", command->words);
        for (size_t option = 0; option < KNOWN_OPTIONS; option++) {
            const struct known_option *at = &known_options[option];
            bool needed = command->needs & at->command;
            if (takes(command, at))
                printf("%s Fl -%s%s%s%s", needed ? "" : " Oo", at->name, at->value ? " Ar " : "",
                    at->value ? at->value : "", needed ? "" : " Oc");
        }
        putchar('\n');
        print_sentences(command->doc);
    }
    puts(".El\n.Sh OPTIONS\n.Bl -tag -width Ds");
    for (size_t i = 0; i < KNOWN_OPTIONS; i++) {
        const struct known_option *at = &known_options[i];
        printf(".It Fl -%s%s%s\n", at->name, at->value ? " Ar " : "", at->value ? at->value : "");
        print_sentences(at->doc);
    }
    puts(".El");
}

/* --- completion --- */

static void offer(struct ks_str word, struct ks_str begun)
{
    if (word.len && ks_str_starts(word, begun))
        printf("%.*s\n", KS_STR_FMT(word));
}

/* The words before the last, without options and their values; and the option whose value the last one is, or NULL. */
static int plain_words(int count, char **words, char **ret_plain, const struct known_option **ret_option)
{
    int plain = 0;

    *ret_option = NULL;
    for (int i = 0; i < count; i++) {
        const struct known_option *option = NULL;
        for (size_t at = 0; at < KNOWN_OPTIONS && !option; at++)
            if (strncmp(words[i], "--", 2) == 0 && strcmp(words[i] + 2, known_options[at].name) == 0)
                option = &known_options[at];
        if (option && option->value && ++i == count)
            *ret_option = option;
        else if (words[i][0] != '-' && !option)
            ret_plain[plain++] = words[i];
    }
    return plain;
}

/* The word of each command that comes after those that were typed. */
static void offer_commands(int count, char **words, struct ks_str begun)
{
    const struct ctl_command *command;
    struct ks_str last = KS_STR_EMPTY;

    for (size_t i = 0; (command = command_at(i)); i++) {
        struct ks_str left = ks_str_z(command->name), word = KS_STR_EMPTY;
        int at = 0;
        while (at < count && ks_str_cut(&left, ' ', &word) && ks_str_is(word, words[at]))
            at++;
        if (at < count || !ks_str_cut(&left, ' ', &word) || ks_str_eq(word, last))
            continue;
        offer(word, begun);
        last = word;
    }
}

void ctl_print_next(int count, char **words)
{
    struct ks_str begun = ks_str_z(count ? words[count - 1] : "");
    char **plain = calloc((size_t)count + 1, sizeof(char *));
    const struct known_option *of = NULL;
    int used = 0;

    if (!plain)
        return;
    int plain_count = plain_words(count ? count - 1 : 0, words, plain, &of);
    const struct ctl_command *command = ctl_find(plain_count, plain, &used);
    if (of && of->letter == 'l') {
        offer(KS_STR("de"), begun);
        offer(KS_STR("en"), begun);
    } else if (of) {
        if (strcmp(of->value, "FILE") == 0 || strcmp(of->value, "DIRECTORY") == 0)
            puts("<files>");
    } else if (ks_str_starts(begun, KS_STR("-"))) {
        for (size_t i = 0; i < KNOWN_OPTIONS; i++) {
            char name[40];
            snprintf(name, sizeof name, "--%s", known_options[i].name);
            if (!known_options[i].command || (command && takes(command, &known_options[i])))
                offer(ks_str_z(name), begun);
        }
    } else {
        offer_commands(plain_count, plain, begun);
        if (command && plain_count == used && ks_str_starts(ks_str_z(command->words), KS_STR("FILE")))
            puts("<files>");
    }
    free(plain);
}
