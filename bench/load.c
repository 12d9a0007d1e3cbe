/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load -- the load generator of bench/: one workload against one XMPP server, one line of JSON. See bench/README.md. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_work.h"
#include "load_ws.h"

static const struct {
    const char *name;
    int (*run)(const struct load_options *);
} workloads[] = {
    { "idle", load_idle },
    { "logins", load_logins },
    { "returns", load_returns },
    { "reconnect", load_reconnect },
    { "messages", load_messages },
    { "room", load_room },
    { "verify", load_verify },
    { "catchup", load_catchup },
    { "accounts", load_accounts },
    { "disk", load_disk },
    { "handshakes", load_handshakes },
    { "sends", load_sends },
};

static const char usage_text[] =
    "usage: load idle|logins|returns|reconnect|messages|room|verify|catchup|accounts|disk|handshakes|sends [options]\n"
    "  --host ADDRESS      numeric (127.0.0.1)    --port PORT       direct TLS (5223)\n"
    "  --domain DOMAIN     (offen.example)        --password TEXT   of every account u0, u1, ... (benchmark)\n"
    "  --clients N         sessions (200)         --concurrency N   logins under way at once (32)\n"
    "  --first N           first account (0)\n"
    "  --server PID        whose CPU and memory   --seconds S       of measuring (10)\n"
    "  --warm S            of load before (1)     --rate N          messages/s; 0: closed loop (0)\n"
    "  --window N          closed loop (5)        --bytes N         of one message (1300)\n"
    "  --log FILE          acknowledged messages  --side SIDE       verify: recipient or sender\n"
    "  --format FORMAT     accounts: prosody, prosody-files, ejabberd, csv\n"
    "  --messages N        catchup: in each archive (5000)\n"
    "  --devices N         room: of each occupant, with a key in each message of a last phase; 0: no such phase (0)\n"
    "  --rooms HOST        room: the room service (rooms.offen.example)\n"
    "  --directory DIR     disk; handshakes, sends: where cert.pem and key.pem are\n"
    "  --websocket         over wss://HOST:PORT" LOAD_WS_PATH " and not direct TLS\n";

static int usage(void)
{
    fputs(usage_text, stderr);
    return 2;
}

/* A number of our own scripts: what is not one is an error, not a zero. */
static bool number(const char *text, double max, double *ret_value)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= 0 && value <= max))
        return false;
    *ret_value = value;
    return true;
}

enum option_code {
    OPT_HOST = 256,
    OPT_DOMAIN,
    OPT_PASSWORD,
    OPT_LOG,
    OPT_SIDE,
    OPT_FORMAT,
    OPT_ROOMS,
    OPT_DIRECTORY,
    OPT_WEBSOCKET,
    OPT_PORT, /* from here on: numbers */
    OPT_CLIENTS,
    OPT_FIRST,
    OPT_CONCURRENCY,
    OPT_SERVER,
    OPT_SECONDS,
    OPT_WARM,
    OPT_RATE,
    OPT_WINDOW,
    OPT_BYTES,
    OPT_MESSAGES,
    OPT_DEVICES,
};

static const struct option long_options[] = {
    { "host", required_argument, NULL, OPT_HOST },
    { "domain", required_argument, NULL, OPT_DOMAIN },
    { "password", required_argument, NULL, OPT_PASSWORD },
    { "log", required_argument, NULL, OPT_LOG },
    { "side", required_argument, NULL, OPT_SIDE },
    { "format", required_argument, NULL, OPT_FORMAT },
    { "rooms", required_argument, NULL, OPT_ROOMS },
    { "directory", required_argument, NULL, OPT_DIRECTORY },
    { "websocket", no_argument, NULL, OPT_WEBSOCKET },
    { "port", required_argument, NULL, OPT_PORT },
    { "clients", required_argument, NULL, OPT_CLIENTS },
    { "first", required_argument, NULL, OPT_FIRST },
    { "concurrency", required_argument, NULL, OPT_CONCURRENCY },
    { "server", required_argument, NULL, OPT_SERVER },
    { "seconds", required_argument, NULL, OPT_SECONDS },
    { "warm", required_argument, NULL, OPT_WARM },
    { "rate", required_argument, NULL, OPT_RATE },
    { "window", required_argument, NULL, OPT_WINDOW },
    { "bytes", required_argument, NULL, OPT_BYTES },
    { "messages", required_argument, NULL, OPT_MESSAGES },
    { "devices", required_argument, NULL, OPT_DEVICES },
    { NULL, 0, NULL, 0 },
};

static bool set(struct load_options *options, int option, const char *text)
{
    double value = 0;

    if (option >= OPT_PORT && !number(text, 1e7, &value)) {
        fprintf(stderr, "load: '%s' is not a number in range\n", text);
        return false;
    }
    switch (option) {
    case OPT_HOST:
        options->target.host = text;
        return true;
    case OPT_DOMAIN:
        options->target.domain = text;
        return true;
    case OPT_PASSWORD:
        options->target.password = text;
        return true;
    case OPT_LOG:
        options->log = text;
        return true;
    case OPT_SIDE:
        options->side = text;
        return true;
    case OPT_FORMAT:
        options->format = text;
        return true;
    case OPT_ROOMS:
        options->rooms = text;
        return true;
    case OPT_DIRECTORY:
        options->directory = text;
        return true;
    case OPT_WEBSOCKET:
        options->websocket = true;
        return true;
    case OPT_PORT:
        options->target.port = (uint16_t)value;
        return value >= 1 && value <= UINT16_MAX;
    case OPT_CLIENTS:
        options->clients = (unsigned)value;
        return value >= 2 && value <= 65536;
    case OPT_FIRST:
        options->first = (unsigned)value;
        return value <= 65536 - 2;
    case OPT_CONCURRENCY:
        options->concurrency = (unsigned)value;
        return value >= 1;
    case OPT_SERVER:
        options->server = (pid_t)value;
        return true;
    case OPT_SECONDS:
        options->seconds = value;
        return true;
    case OPT_WARM:
        options->warm_seconds = value;
        return true;
    case OPT_RATE:
        options->rate = value;
        return true;
    case OPT_WINDOW:
        options->window = (unsigned)value;
        return value <= 1000;
    case OPT_MESSAGES:
        options->messages = (unsigned)value;
        return value >= 1 && value <= 1000000;
    case OPT_DEVICES:
        options->devices = (unsigned)value;
        return value <= 10;
    case OPT_BYTES:
        options->message_bytes = (unsigned)value;
        return value <= 200000;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    struct load_options options = {
        .target = { .host = "127.0.0.1", .port = 5223, .domain = "offen.example", .password = "benchmark" },
        .clients = 200,
        .concurrency = 32,
        .seconds = 10,
        .warm_seconds = 1,
        .window = 5,
        .message_bytes = 1300,
        .messages = 5000,
        .side = "recipient",
        .format = "",
        .directory = ".",
        .rooms = "rooms.offen.example",
    };
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        if (!set(&options, option, optarg))
            return usage();
    if (optind != argc - 1 || options.first + options.clients > 65536) /* four hexadecimal digits in a message id */
        return usage();
    signal(SIGPIPE, SIG_IGN);
    if (ks_crypto_init() != KS_OK)
        return 1;
    for (size_t i = 0; i < KS_COUNT(workloads); i++)
        if (strcmp(argv[optind], workloads[i].name) == 0)
            return workloads[i].run(&options);
    return usage();
}
