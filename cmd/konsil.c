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
#include "profile.h"
#include "system.h"
#include "unicode.h"

#define PASSPHRASE_MAX 1024
#define PASSPHRASE_MIN 8 /* characters of a new one; konsil.passphrase-short names it */
#define PATH_CAP 4096
#define WAIT_MS_MAX 60000 /* a clock that is set while we sleep is seen by then */

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

static const char *get_passphrase(const struct program *program, const char *file, bool is_new, char *text, size_t cap)
{
    static const struct program_questions questions = { SAY("konsil.passphrase-new"), SAY("konsil.passphrase-again"),
        SAY("konsil.passphrase-short"), SAY("konsil.passphrase-differs"), SAY("konsil.passphrase-missing") };
    const char *given = getenv("KONSIL_PASSPHRASE"), *wrong;

    if (file) {
        wrong = program_read_passphrase(file, text, cap);
        return wrong ? wrong : is_new && is_short(text) ? SAY("konsil.passphrase-short") : NULL;
    }
    if (given) {
        if (strlen(given) >= cap)
            return SAY("konsil.passphrase-missing");
        memcpy(text, given, strlen(given) + 1);
        return is_new && is_short(text) ? SAY("konsil.passphrase-short") : NULL;
    }
    if (is_new)
        return program_ask_new(program, &questions, text, cap);
    return program_ask(program, SAY("konsil.passphrase-ask"), text, cap) && *text ? NULL
                                                                                  : SAY("konsil.passphrase-missing");
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

static int open_store(struct program *program, const char *dir, const char *passphrase_file, struct ks_prng *prng)
{
    char text[PASSPHRASE_MAX + 2];
    const char *wrong = get_passphrase(program, passphrase_file, !ks_profile_exists(dir), text, sizeof(text));
    enum ks_err err;

    if (wrong) {
        ks_wipe(text, sizeof(text));
        return program_fail(program, wrong);
    }
    err = ks_profile_open(dir, ks_str_z(text), prng, &program->store);
    ks_wipe(text, sizeof(text));
    return err == KS_OK ? EXIT_SUCCESS : program_fail(program, why_not_open(err));
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
    "         [--certificate FILE [--key FILE] [--key-passphrase-file FILE] | --no-certificate] [--lang de|en] JID\n"
    "  konsil --invite LINK [options]\n"
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

static int run(struct program *program, const char *dir, const char *passphrase_file, const char *ca_file,
    const struct certificate_options *certificate)
{
    uint8_t seed[KS_PRNG_SEED_LEN];
    struct ks_prng prng;
    int status;

    ks_system_entropy(seed, sizeof(seed));
    ks_prng_init(&prng, seed);
    ks_wipe(seed, sizeof(seed));
    const struct ks_file_carrier_setup files = { ca_file, strchr(program->jid, '@') + 1, program->host };

    if (ks_client_link_new(ca_file, &program->link) != KS_OK)
        status = program_fail(program, SAY("konsil.ca"));
    else if (ks_file_carrier_new(&files, &program->carrier) != KS_OK
        || ks_outage_fetch_new(ca_file, &program->outage) != KS_OK)
        status = program_fail(program, SAY("konsil.memory"));
    else if ((status = open_store(program, dir, passphrase_file, &prng)) == EXIT_SUCCESS
        && (status = konsil_certificate(program, dir, certificate)) == EXIT_SUCCESS
        && (status = make_engine(program, &prng)) == EXIT_SUCCESS)
        status = program->json ? konsil_json(program) : konsil_terminal(program);
    ks_file_carrier_free(program->carrier);
    ks_outage_fetch_free(program->outage);
    konsil_free(program->engine);
    ks_engine_store_free(program->store);
    ks_client_link_free(program->link);
    ks_prng_done(&prng);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "json", no_argument, NULL, 'j' },
        { "dir", required_argument, NULL, 'd' }, { "ca", required_argument, NULL, 'c' },
        { "passphrase-file", required_argument, NULL, 'p' }, { "server", required_argument, NULL, 's' },
        { "certificate", required_argument, NULL, 'C' }, { "key", required_argument, NULL, 'K' },
        { "key-passphrase-file", required_argument, NULL, 'P' }, { "no-certificate", no_argument, NULL, 'N' },
        { "invite", required_argument, NULL, 'i' }, { "direct-tls", no_argument, NULL, 't' },
        { "websocket", optional_argument, NULL, 'w' }, { "lang", required_argument, NULL, 'l' },
        { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
    const char *dir = NULL, *passphrase_file = NULL, *ca_file = NULL;
    char jid_text[KS_JID_MAX + 1], path[PATH_CAP];
    struct certificate_options certificate = { .forget = false };
    struct program program = { .json = false };
    const char *wrong;
    struct ks_arena arena;
    struct ks_str text;
    int option;

    umask(077);               /* whatever we make is its owner's alone */
    signal(SIGPIPE, SIG_IGN); /* a server that dies while we write is a lost connection */
    program.language = command_line_language();
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == 'j')
            program.json = true;
        else if (option == 'd')
            dir = optarg;
        else if (option == 'c')
            ca_file = optarg;
        else if (option == 'p')
            passphrase_file = optarg;
        else if (option == 's' && read_server(&program, optarg))
            continue;
        else if (option == 'i')
            program.invite = optarg;
        else if (option == 't')
            program.direct_tls = true;
        else if (option == 'w' && (!optarg || is_socket_url(optarg))) {
            program.websocket = true;
            program.socket_url = optarg;
        } else if (option == 'C')
            certificate.certificate = optarg;
        else if (option == 'K')
            certificate.key = optarg;
        else if (option == 'P')
            certificate.passphrase_file = optarg;
        else if (option == 'N')
            certificate.forget = true;
        else if (option == 'l' && command_line_read_language("konsil", optarg, &program.language))
            continue;
        else if (option == 'h')
            return help(&program);
        else if (option == 'v')
            return printf("konsil %s\n", KONSIL_VERSION) < 0;
        else if (option == 's' || option == 'w')
            return usage(&program);
        else if (option == 'l')
            return EXIT_USAGE;
        else
            return command_line_complain(program.language, "konsil", options, option, argv), EXIT_USAGE;
    }
    if ((optind != argc - 1 && !(program.invite && optind == argc)) || (certificate.key && !certificate.certificate)
        || (certificate.forget && certificate.certificate) || (program.direct_tls && program.websocket))
        return usage(&program);
    ks_arena_init(&arena, 16 * KS_JID_MAX + KS_INVITE_LINK_MAX);
    wrong = ks_crypto_init() != KS_OK ? SAY("konsil.usage") : read_account(&program, &arena, argv[optind], &text);
    snprintf(jid_text, sizeof(jid_text), "%.*s", wrong ? 0 : (int)text.len, wrong ? "" : text.ptr);
    ks_arena_done(&arena);
    if (wrong)
        return strcmp(wrong, SAY("konsil.usage")) == 0 ? usage(&program) : program_fail(&program, wrong);
    program.jid = jid_text;
    if (!dir) {
        if (!ks_profile_path(ks_str_z(jid_text), path, sizeof(path)))
            return program_fail(&program, SAY("konsil.home"));
        dir = path;
    }
    return run(&program, dir, passphrase_file, ca_file, &certificate);
}
