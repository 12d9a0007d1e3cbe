/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil -- the messenger on the command line (doc/konsil.1).
 *
 * With --json it is the engine's people's door: commands on standard input, events on standard output, one JSON object
 * a line (doc/json.md). At the end of the input it waits until what was said is on the server, and goes. */
#include "konsil_program.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "command_line.h"
#include "crypto.h"
#include "invite_link.h"
#include "jid.h"
#include "konsil_certificate.h"
#include "konsil_pin.h"
#include "konsil_verify.h"
#include "system.h"
#include "unicode.h"

#define PASSPHRASE_MAX 1024
#define PASSPHRASE_MIN 8 /* characters of a new one; konsil.passphrase-short names it */
#define PATH_CAP 4096
#define WAIT_MS_MAX 60000 /* a clock that is set while we sleep is seen by then */

#define LOCKED "KONSIL_LOCKED" /* in the environment of one that locked itself */
#define LOCK_MINUTES 15        /* without a key; where there is a PIN */
#define LOCK_MINUTES_MAX 1440

enum { EXIT_USAGE = 64 /* EX_USAGE of sysexits.h */ };

int program_fail(const struct program *program, const char *id)
{
    struct ks_str what = ks_say(program->language, id), todo = ks_say_do(program->language, id);

    fprintf(stderr, "konsil: %.*s\n", KS_STR_FMT(what));
    if (todo.len)
        fprintf(stderr, "        %.*s\n", KS_STR_FMT(todo));
    return EXIT_FAILURE;
}

struct konsil_now program_now(void)
{
    struct ks_now now = ks_system_now();

    return (struct konsil_now) { now.mono_ms, now.wall_ms };
}

void program_run(struct program *program, short revents)
{
    ks_client_link_run(program->link, program->engine, revents);
    ks_file_carrier_run(program->carrier, program->engine, program->carried, program->carried_count);
    ks_outage_fetch_run(program->outage, program->fetched, program->fetched_count);
    program->carried_count = program->fetched_count = 0;
    ks_client_link_run(program->link, program->engine, 0); /* what a file brought about */
}

bool program_wait(struct program *program, int input, int64_t until_ms, short *ret_revents, short *ret_input)
{
    struct pollfd fds[2 + KS_CARRIER_FDS_MAX + KS_OUTAGE_FDS_MAX] = { { .fd = input, .events = POLLIN }, { .fd = -1 } };
    int64_t link_ms, files_ms, outage_ms, left_ms;
    size_t count, fetched;

    if (!ks_client_link_poll(program->link, program->engine, &fds[1], &link_ms))
        fds[1].fd = -1;
    count = ks_file_carrier_poll(program->carrier, fds + 2, &files_ms);
    fetched = ks_outage_fetch_poll(program->outage, fds + 2 + count, &outage_ms);
    until_ms = ks_sooner(ks_sooner(files_ms, outage_ms), ks_sooner(link_ms, until_ms));
    left_ms = until_ms == KS_NEVER ? WAIT_MS_MAX : until_ms - program_now().mono_ms;
    left_ms = left_ms < 0 ? 0 : left_ms > WAIT_MS_MAX ? WAIT_MS_MAX : left_ms;
    if (poll(fds, 2 + count + fetched, (int)left_ms) < 0) {
        if (errno != EINTR)
            return false;
        for (size_t i = 0; i < 2 + count + fetched; i++)
            fds[i].revents = 0;
    }
    *ret_revents = fds[1].fd >= 0 ? fds[1].revents : 0;
    *ret_input = fds[0].revents;
    memcpy(program->carried, fds + 2, count * sizeof *fds);
    program->carried_count = count;
    memcpy(program->fetched, fds + 2 + count, fetched * sizeof *fds);
    program->fetched_count = fetched;
    return true;
}

/* --- the passphrase --- */

static bool read_line(FILE *file, char *text, size_t cap)
{
    if (!fgets(text, (int)cap, file))
        return false;
    text[strcspn(text, "\r\n")] = '\0';
    return true;
}

bool program_ask(const struct program *program, const char *id, char *text, size_t cap)
{
    FILE *terminal = fopen("/dev/tty", "r+e");
    struct termios shown, hidden;
    bool ok;

    if (!terminal)
        return false;
    /* Hidden before the question is there: what is typed at once must not show, nor be flushed away. */
    if (tcgetattr(fileno(terminal), &shown) != 0) {
        fclose(terminal);
        return false;
    }
    hidden = shown;
    hidden.c_lflag &= (tcflag_t)~ECHO;
    (void)tcsetattr(fileno(terminal), TCSANOW, &hidden);
    fprintf(terminal, "%.*s ", KS_STR_FMT(ks_say(program->language, id)));
    fflush(terminal);
    ok = read_line(terminal, text, cap);
    (void)tcsetattr(fileno(terminal), TCSANOW, &shown);
    fprintf(terminal, "\n");
    fclose(terminal);
    return ok;
}

static bool is_short(const char *utf8)
{
    return ks_unicode_count(ks_str_z(utf8)) < PASSPHRASE_MIN;
}

const char *program_read_passphrase(const char *file, char *text, size_t cap)
{
    FILE *from = fopen(file, "re");
    const char *wrong = SAY("konsil.passphrase-file");
    struct stat st;

    if (!from)
        return wrong;
    if (fstat(fileno(from), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO)))
        wrong = SAY("konsil.passphrase-file-open");
    else if (read_line(from, text, cap) && *text)
        wrong = NULL;
    fclose(from);
    return wrong;
}

const char *program_ask_new(
    const struct program *program, const struct program_questions *questions, char *text, size_t cap)
{
    char again[PASSPHRASE_MAX + 2];
    bool same;

    while (true) {
        if (!program_ask(program, questions->first, text, cap))
            return questions->missing;
        if (!is_short(text))
            break;
        (void)program_fail(program, questions->too_short);
    }
    same = program_ask(program, questions->again, again, sizeof(again)) && strcmp(text, again) == 0;
    ks_wipe(again, sizeof(again));
    return same ? NULL : questions->differs;
}

/* What opens the vault that is there. *ret_asked: on the terminal, where it can be asked for again. */
static const char *get_secret(
    const struct program *program, const char *file, bool is_pin, char *text, size_t cap, bool *ret_asked)
{
    const char *given = getenv("KONSIL_PASSPHRASE"),
               *missing = is_pin ? SAY("konsil.pin-missing") : SAY("konsil.passphrase-missing");

    *ret_asked = program->locked || (!file && !given);
    if (*ret_asked)
        return program_ask(program, is_pin ? SAY("konsil.pin-ask") : SAY("konsil.passphrase-ask"), text, cap) && *text
            ? NULL
            : missing;
    if (file)
        return program_read_passphrase(file, text, cap);
    if (strlen(given) >= cap)
        return missing;
    memcpy(text, given, strlen(given) + 1);
    return NULL;
}

/* The passphrase of a vault that is not there yet. */
static const char *get_new(const struct program *program, const char *file, char *text, size_t cap)
{
    static const struct program_questions questions = { SAY("konsil.passphrase-new"), SAY("konsil.passphrase-again"),
        SAY("konsil.passphrase-short"), SAY("konsil.passphrase-differs"), SAY("konsil.passphrase-missing") };
    const char *wrong;
    bool asked;

    if (!file && !getenv("KONSIL_PASSPHRASE"))
        return program_ask_new(program, &questions, text, cap);
    wrong = get_secret(program, file, false, text, cap, &asked);
    return wrong ? wrong : is_short(text) ? SAY("konsil.passphrase-short") : NULL;
}

/* --- the account's files --- */

static const char *why_not_open(enum ks_err err)
{
    switch ((int)err) {
    case KS_ECRYPTO:
    case KS_ELIMIT:
        return SAY("konsil.passphrase-wrong");
    case KS_EAGAIN:
        return SAY("konsil.store-in-use");
    case KS_EVERSION:
        return SAY("konsil.store-version");
    case KS_EFULL:
        return SAY("store.full");
    case KS_EIO:
        return SAY("konsil.store-unwritable");
    case KS_ENOMEM:
        return SAY("konsil.memory");
    default:
        return SAY("konsil.store-damaged");
    }
}

/* Opens the vault; a passphrase stands beside a PIN only while the PIN is being set, and needs no server. */
static int unlock(struct program *program, const char *passphrase_file)
{
    bool is_new = !ks_profile_vault(program->profile), by_pin = pin_is_there(program), asked = false;
    char text[PASSPHRASE_MAX + 2] = "";
    enum pin_end end = PIN_SHUT;
    enum ks_err err;

    do {
        const char *wrong = is_new ? get_new(program, passphrase_file, text, sizeof(text))
                                   : get_secret(program, passphrase_file, by_pin, text, sizeof(text), &asked);

        if (wrong) {
            ks_wipe(text, sizeof(text));
            return program_fail(program, wrong);
        }
        err = ks_profile_unlock(program->profile, ks_str_z(text));
        end = err == KS_OK ? PIN_OPEN : by_pin && err > KS_FATAL ? pin_unlock(program, text) : PIN_SHUT;
        ks_wipe(text, sizeof(text));
    } while (end == PIN_AGAIN && asked);
    if (end == PIN_OPEN)
        return EXIT_SUCCESS;
    return by_pin && err > KS_FATAL ? EXIT_FAILURE : program_fail(program, why_not_open(err));
}

/* keep: the vault stays open, to be changed. */
static int open_store(struct program *program, const char *dir, const char *passphrase_file, bool keep)
{
    enum ks_err err;
    int status;

    if ((err = ks_profile_load(dir, program->prng, &program->profile)) != KS_OK)
        return program_fail(program, why_not_open(err));
    if ((status = unlock(program, passphrase_file)) != EXIT_SUCCESS)
        return status;
    if ((err = ks_profile_store(program->profile, &program->store)) != KS_OK)
        return program_fail(program, why_not_open(err));
    if (!keep)
        ks_vault_lock(ks_profile_vault(program->profile));
    return EXIT_SUCCESS;
}

static int make_engine(struct program *program, struct ks_prng *prng)
{
    struct konsil_setup setup = {
        .store = program->store, .now = program_now(), .device_name = "konsil", .certificate = program->certificate
    };

    ks_prng_bytes(prng, setup.seed, sizeof(setup.seed));
    program->engine = konsil_new(&setup);
    if (program->websocket)
        ks_client_link_websocket(program->link, program->socket_url);
    ks_wipe(setup.seed, sizeof(setup.seed));
    if (!program->engine)
        return program_fail(program, SAY("konsil.memory"));
    if (konsil_failed(program->engine))
        return program_fail(program, why_not_open((enum ks_err)konsil_failed(program->engine)));
    return EXIT_SUCCESS;
}

/* --- options --- */

static const char synopsis[] =
    "konsil [--json] [--server HOST[:PORT]] [--direct-tls | --websocket[=URL]] [--ca FILE] [--dir DIR] "
    "[--passphrase-file FILE]\n"
    "         [--certificate FILE [--key FILE] [--key-passphrase-file FILE] | --no-certificate] [--lock-after "
    "MINUTES]\n"
    "         [--lang de|en] JID\n"
    "  konsil pin set [--pin-file FILE] [options] JID\n"
    "  konsil --invite LINK [options]\n"
    "  konsil verify FILE ... (konsil verify --help)\n"
    "  konsil --help | --version";

static int help(const struct program *program)
{
    printf("  %s\n\n%.*s\n", synopsis, KS_STR_FMT(ks_say(program->language, SAY("konsil.help"))));
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* HOST, HOST:PORT or [ADDRESS]:PORT; the text is cut at the port. */
static bool read_server(struct program *program, char *text)
{
    char *colon = strrchr(text, ':'), *end = strchr(text, ']');
    uint64_t port;

    if (colon && (end ? colon > end : strchr(text, ':') == colon)) {
        if (ks_str_u64(ks_str_z(colon + 1), 65535, &port) != KS_OK || port == 0)
            return false;
        program->port = (uint16_t)port;
        *colon = '\0';
    }
    if (end && text[0] == '[') {
        *end = '\0';
        text++;
    }
    program->host = text;
    return *text != '\0';
}

/* Never without TLS; a path, and nothing that would end a line. */
static bool is_socket_url(const char *text)
{
    struct ks_str url = ks_str_z(text), rest = ks_str_from(url, url.len < 6 ? url.len : 6);

    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~' || strchr("#@\"<>\\^`{|}[]", url.ptr[i]))
            return false;
    rest = ks_str_head(rest, ks_str_find_byte(rest, '/'));
    return ks_str_starts(url, KS_STR("wss://")) && rest.len > 0 && rest.ptr[0] != ':'
        && ks_str_find_byte(rest, '?') == rest.len;
}

static int usage(const struct program *program)
{
    program_fail(program, SAY("konsil.usage"));
    fprintf(stderr, "\n  %s\n", synopsis);
    return EXIT_USAGE;
}

/* The account: the address that was given (NULL: none), or that of the invitation. NULL, or an id that says what is
 * wrong. */
static const char *read_account(
    const struct program *program, struct ks_arena *arena, const char *given, struct ks_str *ret_text)
{
    struct ks_invite_link link = { .jid = KS_STR_EMPTY };
    struct ks_jid jid;

    if (program->invite && ks_invite_link_read(arena, ks_str_z(program->invite), &link) != KS_OK)
        return SAY("invite.link");
    *ret_text = link.jid;
    if (!given)
        return NULL;
    if (ks_jid_parse(arena, ks_str_z(given), &jid) != KS_OK || !ks_jid_is_bare(jid) || jid.local.len == 0
        || ks_jid_text(arena, jid, ret_text) != KS_OK)
        return SAY("konsil.usage");
    return program->invite && !ks_str_eq(*ret_text, link.jid) ? SAY("invite.other") : NULL;
}

struct start {
    const char *dir, *passphrase_file, *pin_file;
    struct certificate_options certificate;
    bool set_pin;
};

static int face(struct program *program, const struct start *start)
{
    return start->set_pin ? konsil_pin_set(program, start->pin_file)
        : program->json   ? konsil_json(program)
                          : konsil_terminal(program);
}

static int run(struct program *program, const struct start *start)
{
    uint8_t seed[KS_PRNG_SEED_LEN];
    struct ks_prng prng;
    int status;

    ks_system_entropy(seed, sizeof(seed));
    ks_prng_init(&prng, seed);
    ks_wipe(seed, sizeof(seed));
    program->prng = &prng;
    const struct ks_file_carrier_setup files = { program->ca_file, strchr(program->jid, '@') + 1, program->host };

    if (ks_client_link_new(program->ca_file, &program->link) != KS_OK)
        status = program_fail(program, SAY("konsil.ca"));
    else if (ks_file_carrier_new(&files, &program->carrier) != KS_OK
        || ks_outage_fetch_new(program->ca_file, &program->outage) != KS_OK)
        status = program_fail(program, SAY("konsil.memory"));
    else if ((status = open_store(program, start->dir, start->passphrase_file, start->set_pin)) == EXIT_SUCCESS
        && (status = konsil_certificate(program, start->dir, &start->certificate)) == EXIT_SUCCESS
        && (status = make_engine(program, &prng)) == EXIT_SUCCESS)
        status = face(program, start);
    ks_file_carrier_free(program->carrier);
    ks_outage_fetch_free(program->outage);
    konsil_free(program->engine);
    ks_engine_store_free(program->store);
    ks_profile_free(program->profile);
    ks_vault_link_free(program->vault);
    ks_client_link_free(program->link);
    ks_prng_done(&prng);
    return status;
}

/* --- locking --- */

/* As they were given: getopt puts them in another order, and some are cut. NULL without memory. */
static char **copy_arguments(int argc, char **argv)
{
    size_t len = 0, count = (size_t)argc;
    char **copy, *at;

    for (size_t i = 0; i < count; i++)
        len += strlen(argv[i]) + 1;
    if (!(copy = malloc((count + 1) * sizeof *copy + len)))
        return NULL;
    at = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        copy[i] = memcpy(at, argv[i], strlen(argv[i]) + 1);
        at += strlen(argv[i]) + 1;
    }
    copy[count] = NULL;
    return copy;
}

/* Begins anew in this process, so that of what it knew nothing is left in its memory: not a key, not a message, nor
 * what a library kept of them. Returns when that cannot be done. */
static int lock(const struct program *program, char **arguments)
{
    (void)unsetenv("KONSIL_PASSPHRASE");
    if (arguments && setenv(LOCKED, "1", 1) == 0)
        execv("/proc/self/exe", arguments);
    return program_fail(program, SAY("konsil.lock-ended"));
}

static bool read_minutes(const char *text, unsigned *ret_minutes)
{
    uint64_t minutes;

    if (ks_str_u64(ks_str_z(text), LOCK_MINUTES_MAX, &minutes) != KS_OK)
        return false;
    *ret_minutes = (unsigned)minutes;
    return true;
}

static bool is_pin_command(const char *first, const char *second)
{
    return strcmp(first, "pin") == 0 && (strcmp(second, "set") == 0 || strcmp(second, "change") == 0);
}

static int start_program(int argc, char **argv, struct program *program)
{
    static const struct option options[] = { { "json", no_argument, NULL, 'j' },
        { "dir", required_argument, NULL, 'd' }, { "ca", required_argument, NULL, 'c' },
        { "passphrase-file", required_argument, NULL, 'p' }, { "server", required_argument, NULL, 's' },
        { "certificate", required_argument, NULL, 'C' }, { "key", required_argument, NULL, 'K' },
        { "key-passphrase-file", required_argument, NULL, 'P' }, { "no-certificate", no_argument, NULL, 'N' },
        { "invite", required_argument, NULL, 'i' }, { "pin-file", required_argument, NULL, 'n' },
        { "lock-after", required_argument, NULL, 'L' }, { "direct-tls", no_argument, NULL, 't' },
        { "websocket", optional_argument, NULL, 'w' }, { "lang", required_argument, NULL, 'l' },
        { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
    char jid_text[KS_JID_MAX + 1], path[PATH_CAP];
    struct start start = { .set_pin = false };
    const char *wrong;
    struct ks_arena arena;
    struct ks_str text;
    int option;

    umask(077);               /* whatever we make is its owner's alone */
    signal(SIGPIPE, SIG_IGN); /* a server that dies while we write is a lost connection */
    program->language = command_line_language();
    opterr = 0;
    if (argc > 1 && strcmp(argv[1], "verify") == 0) /* no address: it has no @ */
        return konsil_verify(program->language, argc - 1, argv + 1);
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == 'j')
            program->json = true;
        else if (option == 'd')
            start.dir = optarg;
        else if (option == 'c')
            program->ca_file = optarg;
        else if (option == 'p')
            start.passphrase_file = optarg;
        else if (option == 's' && read_server(program, optarg))
            continue;
        else if (option == 'i')
            program->invite = optarg;
        else if (option == 'n')
            start.pin_file = optarg;
        else if (option == 'L' && read_minutes(optarg, &program->lock_minutes))
            continue;
        else if (option == 't')
            program->direct_tls = true;
        else if (option == 'w' && (!optarg || is_socket_url(optarg))) {
            program->websocket = true;
            program->socket_url = optarg;
        } else if (option == 'C')
            start.certificate.certificate = optarg;
        else if (option == 'K')
            start.certificate.key = optarg;
        else if (option == 'P')
            start.certificate.passphrase_file = optarg;
        else if (option == 'N')
            start.certificate.forget = true;
        else if (option == 'l' && command_line_read_language("konsil", optarg, &program->language))
            continue;
        else if (option == 'h')
            return help(program);
        else if (option == 'v')
            return printf("konsil %s\n", KONSIL_VERSION) < 0;
        else if (option == 's' || option == 'w' || option == 'L')
            return usage(program);
        else if (option == 'l')
            return EXIT_USAGE;
        else
            return command_line_complain(program->language, "konsil", options, option, argv), EXIT_USAGE;
    }
    if (argc - optind >= 2 && is_pin_command(argv[optind], argv[optind + 1])) {
        start.set_pin = true;
        optind += 2;
    }
    if ((optind != argc - 1 && !(program->invite && optind == argc))
        || (start.certificate.key && !start.certificate.certificate)
        || (start.certificate.forget && start.certificate.certificate) || (program->direct_tls && program->websocket)
        || (start.pin_file && !start.set_pin) || (program->invite && start.set_pin))
        return usage(program);
    ks_arena_init(&arena, 16 * KS_JID_MAX + KS_INVITE_LINK_MAX);
    wrong = ks_crypto_init() != KS_OK ? SAY("konsil.usage") : read_account(program, &arena, argv[optind], &text);
    snprintf(jid_text, sizeof(jid_text), "%.*s", wrong ? 0 : (int)text.len, wrong ? "" : text.ptr);
    ks_arena_done(&arena);
    if (wrong)
        return strcmp(wrong, SAY("konsil.usage")) == 0 ? usage(program) : program_fail(program, wrong);
    program->jid = jid_text;
    if (!start.dir) {
        if (!ks_profile_path(ks_str_z(jid_text), path, sizeof(path)))
            return program_fail(program, SAY("konsil.home"));
        start.dir = path;
    }
    if ((program->locked = getenv(LOCKED) != NULL)) {
        unsetenv(LOCKED);
        printf("%.*s\n", KS_STR_FMT(ks_say(program->language, SAY("konsil.locked"))));
    }
    return run(program, &start);
}

int main(int argc, char **argv)
{
    struct program program = { .json = false, .lock_minutes = LOCK_MINUTES };
    char **arguments = copy_arguments(argc, argv);
    int status = start_program(argc, argv, &program);

    if (program.lock)
        status = lock(&program, arguments);
    free(arguments);
    return status;
}
