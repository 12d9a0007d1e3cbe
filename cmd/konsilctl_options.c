/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsilctl_options.h"

#include <stdlib.h>

#include "command_line.h"

/* All commands by number; NULL past the last. */
static const struct ctl_command *command_at(size_t number)
{
    static const struct ctl_command *const lists[] = { ctl_users, ctl_push, ctl_vault, ctl_rooms, ctl_files,
        ctl_reports, ctl_retention, ctl_evidences, ctl_backups, ctl_cas, ctl_registrar, ctl_recovers };

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
    { "device", "NUMBER", 0, CTL_DEVICE, offsetof(struct ctl, device), SAY("option.device") },
    { "results", "FILE", 0, CTL_RESULTS, offsetof(struct ctl, results), SAY("option.results") },
    { "deviations", "FILE", 0, CTL_DEVIATIONS, offsetof(struct ctl, deviations), SAY("option.deviations") },
    { "hospital", "TEXT", 0, CTL_HOSPITAL, offsetof(struct ctl, hospital), SAY("option.hospital") },
    { "domains", "LIST", 0, CTL_DOMAINS, offsetof(struct ctl, domains), SAY("option.domains") },
    { "root", "FILE", 0, CTL_ROOT, offsetof(struct ctl, root), SAY("option.root") },
    { "split", NULL, 0, CTL_SPLIT, 0, SAY("option.split") },
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

static void print_usage(FILE *to, const struct ctl_command *command)
{
    struct ks_buf line;

    ks_buf_init(&line, 1000);
    write_usage(&line, command);
    fprintf(to, "  konsilctl %s %.*s\n", command->name, KS_STR_FMT(ks_buf_str(&line)));
    ks_buf_done(&line);
}

/* --- help --- */

/* Whether these words are the beginning of the command's name. */
static bool begins(const struct ctl_command *command, int count, char **words)
{
    struct ks_str left = ks_str_z(command->name), word;
    int at = 0;

    while (at < count && left.len && ks_str_cut(&left, ' ', &word) && ks_str_is(word, words[at]))
        at++;
    return at == count;
}

static void print_row(const char *dashes, const char *name, struct ks_str text)
{
    printf("  %s%-*s %.*s\n", dashes, 18 - (int)strlen(dashes), name, KS_STR_FMT(text));
}

/* One command: how it is called, what it does, what its words and options are, and an example. */
static void print_command(const struct ctl *ctl, const struct ctl_command *command)
{
    static const struct {
        const char *name, *doc;
    } words[] = { { "JID", SAY("argument.jid") }, { "DOMAIN", SAY("argument.domain") },
        { "FILE", SAY("argument.file") }, { "NAME", SAY("argument.name") }, { "DIRECTORY", SAY("argument.directory") },
        { "OWNER", SAY("argument.owner") }, { "DAYS|domain", SAY("argument.days") },
        { "REQUEST", SAY("argument.request") }, { "NONCE", SAY("argument.nonce") },
        { "OFFICER", SAY("argument.officer") }, { "PROOF", SAY("argument.proof") } };
    struct ks_str left = ks_str_z(command->words), word;

    print_usage(stdout, command);
    printf("      %.*s\n\n", KS_STR_FMT(ks_say(ctl->language, command->doc)));
    while (left.len && ks_str_cut(&left, ' ', &word))
        for (size_t i = 0; i < KS_COUNT(words); i++)
            if (ks_str_is(word, words[i].name))
                print_row("", words[i].name, ks_say(ctl->language, words[i].doc));
    for (size_t i = 0; i < KNOWN_OPTIONS; i++)
        if (!known_options[i].command || takes(command, &known_options[i]))
            print_row("--", known_options[i].name, ks_say(ctl->language, known_options[i].doc));
    printf("\n%.*s\n  konsilctl %s %s\n", KS_STR_FMT(ks_say(ctl->language, SAY("ctl.example"))), command->name,
        command->example);
}

static void print_commands(const struct ctl *ctl, int count, char **words)
{
    const struct ctl_command *command;

    puts("  konsilctl [--socket FILE] [--dry-run] [--json] [--lang de|en] COMMAND …\n");
    for (size_t i = 0; (command = command_at(i)); i++)
        if (begins(command, count, words)) {
            print_usage(stdout, command);
            printf("      %.*s\n", KS_STR_FMT(ks_say(ctl->language, command->doc)));
        }
    putchar('\n');
    for (size_t i = 0; i < KNOWN_OPTIONS; i++)
        if (!count || !known_options[i].command)
            print_row("--", known_options[i].name, ks_say(ctl->language, known_options[i].doc));
}

/* Of the command that these words begin with, of all whose names they begin, or of all when there are none; false: said
 * that there is no such command. */
static bool print_help(const struct ctl *ctl, int count, char **words)
{
    const struct ctl_command *command;
    int used = 0;

    if ((command = ctl_find(count, words, &used))) {
        print_command(ctl, command);
        return true;
    }
    for (size_t i = 0; (command = command_at(i)); i++)
        if (begins(command, count, words)) {
            print_commands(ctl, count, words);
            return true;
        }
    ctl_fail(ctl, SAY("ctl.unknown"), NULL);
    return false;
}

/* --- options --- */

/* One option; false when it ends the program, with *ret_status. */
static bool take_option(struct ctl *ctl, int option, int argc, char **argv, bool *ret_help, int *ret_status)
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
        if (command_line_read_language("konsilctl", optarg, &ctl->language))
            return true;
        *ret_status = CTL_EXIT_USAGE;
        return false;
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
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":s:njl:hV", options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            command_line_complain(ctl->language, "konsilctl", options, option, argv);
            *ret_status = CTL_EXIT_USAGE;
            return false;
        }
        if (!take_option(ctl, option, argc, argv, &help, ret_status))
            return false;
    }
    if (optind < argc && strcmp(argv[optind], "help") == 0) {
        help = true;
        optind++;
    }
    if (help || optind == argc) {
        bool printed = print_help(ctl, argc - optind, argv + optind);
        *ret_status = help && printed ? EXIT_SUCCESS : CTL_EXIT_USAGE;
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
        ctl_fail(ctl, SAY("ctl.usage"), NULL);
        fputc('\n', stderr);
        print_usage(stderr, ctl->command);
        return false;
    }
    return true;
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
