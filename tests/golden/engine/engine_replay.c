/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Gives an engine what it was given when a transcript was recorded, and compares every event, request, deadline and
 * byte of output with what came out then. Recorded natively with OpenSSL on the memory store; replayed with
 * libsodium on both stores, natively and in WASM: the same engine everywhere. */
#include "check.h"
#include "crypto.h"
#include "enc.h"
#include "engine_store.h"
#include "sqlite_engine_store.h"
#include "transcript.h"
#include "transcripts.h"
#ifdef __wasm__
#include "kio.h"
#else
#include "scratch.h"
#endif

/* --- an empty store, of either driver --- */

typedef struct ks_engine_store *make_store_fn(void);

static struct ks_engine_store *make_sqlite_store(void)
{
    static const uint8_t key[32] = "0123456789abcdef0123456789abcde";
    struct ks_engine_store *store;

#ifdef __wasm__
    const char *path = "store";
    kio_trunc(KIO_STORE, 0);
    kio_trunc(KIO_JOURNAL, 0);
#else
    char path[4096];
    scratch_path(path, sizeof(path), "store");
    scratch_clear(path);
#endif
    return ks_sqlite_engine_store_open(path, NULL, key, true, &store) == KS_OK ? store : NULL;
}

/* --- line by line --- */

struct replay {
    struct ks_engine_store *store;
    struct konsil *engine;
    struct ks_buf bytes; /* fed */
    struct ks_buf piece; /* "< piece …" of the last call about one, until it is taken */
    struct ks_buf line;  /* what came out */
};

/* The next word of a line. */
static struct ks_str word(struct ks_str *line)
{
    struct ks_str piece;

    return ks_str_cut(line, ' ', &piece) ? piece : KS_STR_EMPTY;
}

static int64_t number(struct ks_str *line)
{
    uint64_t value;

    return ks_str_u64(word(line), INT64_MAX, &value) == KS_OK ? (int64_t)value : -1;
}

static struct konsil_now moment(struct ks_str *line)
{
    int64_t mono_ms = number(line);

    return (struct konsil_now) { mono_ms, number(line) };
}

/* Hexadecimal into at most max bytes; how many. */
static size_t hex(struct ks_str *line, uint8_t *bytes, size_t max)
{
    struct ks_arena arena;
    struct ks_str read;
    size_t len = 0;

    ks_arena_init(&arena, 4096);
    if (ks_hex_read(&arena, word(line), &read) == KS_OK && read.len <= max) {
        memcpy(bytes, read.ptr, read.len);
        len = read.len;
    }
    ks_arena_done(&arena);
    return len;
}

static bool start(struct replay *r, struct ks_str line, bool certificate)
{
    struct konsil_setup setup = { .store = r->store, .certificate = certificate };
    char device_name[64];

    if (r->engine || hex(&line, setup.seed, sizeof(setup.seed)) != sizeof(setup.seed))
        return false;
    setup.now = moment(&line);
    snprintf(device_name, sizeof(device_name), "%.*s", KS_STR_FMT(line));
    setup.device_name = device_name;
    r->engine = konsil_new(&setup);
    return r->engine != NULL;
}

static void secure(struct replay *r, struct ks_str line, struct konsil_now now)
{
    struct konsil_tls tls = { 0 };

    tls.has_exporter = hex(&line, tls.exporter, sizeof(tls.exporter)) > 0;
    tls.server_end_point_len = (uint8_t)hex(&line, tls.server_end_point, sizeof(tls.server_end_point));
    tls.certified = ks_str_is(word(&line), "certified");
    konsil_secured(r->engine, &tls, now);
}

/* What a host says of a transfer. False: the line is none of it. */
static bool give_transfer(struct replay *r, struct ks_str name, struct ks_str line, struct konsil_now now)
{
    uint64_t transfer = (uint64_t)number(&line);
    char path[256];

    if (ks_str_is(name, "file_size")) {
        konsil_file_size(r->engine, transfer, (uint64_t)number(&line), now);
    } else if (ks_str_is(name, "file_moved")) {
        konsil_file_moved(r->engine, transfer, (uint64_t)number(&line), now);
    } else if (ks_str_is(name, "file_stored")) {
        konsil_file_stored(r->engine, transfer, now);
    } else if (ks_str_is(name, "file_saved")) {
        snprintf(path, sizeof(path), "%.*s", KS_STR_FMT(line));
        konsil_file_saved(r->engine, transfer, path, now);
    } else if (ks_str_is(name, "file_failed")) {
        enum konsil_file_why why = (enum konsil_file_why)number(&line);

        konsil_file_failed(r->engine, transfer, why, (unsigned)number(&line), now);
    } else {
        return false;
    }
    return true;
}

/* A piece of a file through the engine. False: the line is none. */
static bool give_piece(struct replay *r, struct ks_str name, struct ks_str line)
{
    uint64_t transfer = (uint64_t)number(&line);
    uint8_t in[1024], out[1024 + 16];
    size_t len = 0, got = 0;
    bool good;

    if (ks_str_is(name, "file_check_begin")) {
        good = konsil_file_check_begin(r->engine, transfer, (uint64_t)number(&line));
    } else if (ks_str_is(name, "file_check_end")) {
        good = konsil_file_check_end(r->engine, transfer);
    } else if (ks_str_is(name, "file_open_end")) {
        good = konsil_file_open_end(r->engine, transfer);
    } else if (ks_str_is(name, "file_seal_end")) {
        good = konsil_file_seal_end(r->engine, transfer, out);
        got = 16;
    } else if ((len = hex(&line, in, sizeof(in))) == 0) {
        return false;
    } else if (ks_str_is(name, "file_seal")) {
        good = konsil_file_seal(r->engine, transfer, in, len, out);
        got = len;
    } else if (ks_str_is(name, "file_check")) {
        good = konsil_file_check(r->engine, transfer, in, len);
    } else if (ks_str_is(name, "file_open")) {
        good = konsil_file_open(r->engine, transfer, in, len, out, &got);
    } else {
        return false;
    }
    ks_buf_reset(&r->piece);
    transcript_piece(&r->piece, good, ks_str(out, got));
    return true;
}

static bool is_piece(struct ks_str name)
{
    return ks_str_starts(name, KS_STR("file_seal")) || ks_str_starts(name, KS_STR("file_check"))
        || ks_str_starts(name, KS_STR("file_open"));
}

/* What the server sent. False: the line is none. */
static bool give_bytes(struct replay *r, bool message, struct ks_str line, struct konsil_now now)
{
    ks_buf_reset(&r->bytes);
    if (!transcript_read_text(&r->bytes, line))
        return false;
    (message ? konsil_message : konsil_feed)(r->engine, r->bytes.ptr, r->bytes.len, now);
    return true;
}

/* One call into the engine. False: the line is none. */
static bool give(struct replay *r, struct ks_str line)
{
    struct ks_str name = word(&line);
    struct konsil_now now;

    if (ks_str_is(name, "new") || ks_str_is(name, "new_certified"))
        return start(r, line, ks_str_is(name, "new_certified"));
    if (!r->engine)
        return false;
    if (ks_str_is(name, "free")) {
        konsil_free(r->engine);
        r->engine = NULL;
        return true;
    }
    if (ks_str_is(name, "sent")) {
        konsil_output_sent(r->engine, (size_t)number(&line));
        return true;
    }
    if (is_piece(name))
        return give_piece(r, name, line);
    now = moment(&line);
    if (ks_str_is(name, "feed") || ks_str_is(name, "message"))
        return give_bytes(r, ks_str_is(name, "message"), line, now);
    if (ks_str_is(name, "command")) {
        konsil_command(r->engine, line.ptr, line.len, now);
    } else if (ks_str_is(name, "opened")) {
        konsil_opened(r->engine, now);
    } else if (ks_str_is(name, "opened_messages")) {
        konsil_opened_messages(r->engine, now);
    } else if (ks_str_is(name, "secured")) {
        secure(r, line, now);
    } else if (ks_str_is(name, "closed")) {
        konsil_closed(r->engine, (enum konsil_lost)number(&line), now);
    } else if (ks_str_is(name, "try_now")) {
        konsil_try_now(r->engine, now);
    } else if (ks_str_is(name, "tick")) {
        konsil_tick(r->engine, now);
    } else {
        return give_transfer(r, name, line, now);
    }
    return true;
}

/* What the engine says to the same question, as a line. */
static void take(struct replay *r, struct ks_str line)
{
    struct ks_str name = (word(&line), word(&line));
    struct konsil_request request;
    struct konsil_file file;
    const char *text;
    size_t len;

    ks_buf_reset(&r->line);
    if (!r->engine) {
        ks_buf_z(&r->line, "no engine");
    } else if (ks_str_is(name, "event") && konsil_next_event(r->engine, &text, &len)) {
        transcript_event(&r->line, ks_str(text, len));
    } else if (ks_str_is(name, "request") && konsil_next_request(r->engine, &request)) {
        transcript_request(&r->line, &request);
    } else if (ks_str_is(name, "file") && konsil_next_file(r->engine, &file)) {
        transcript_file(&r->line, &file);
    } else if (ks_str_is(name, "piece") && r->piece.len > 0) {
        ks_buf_add(&r->line, ks_buf_str(&r->piece));
        ks_buf_reset(&r->piece);
    } else if (ks_str_is(name, "output") && (konsil_output(r->engine, &text, &len), len > 0)) {
        transcript_output(&r->line, ks_str(text, len));
    } else if (ks_str_is(name, "message") && konsil_next_message(r->engine, &text, &len)) {
        transcript_message(&r->line, ks_str(text, len));
    } else if (ks_str_is(name, "deadline")) {
        transcript_deadline(&r->line, konsil_deadline_ms(r->engine));
    } else {
        ks_buf_z(&r->line, "< nothing");
    }
}

/* Before the engine ends: true if nothing of it is left to be taken. */
static bool taken(struct replay *r)
{
    static const char *const all[] = { "< event", "< request", "< file", "< piece", "< output", "< message" };

    for (size_t i = 0; i < KS_COUNT(all); i++) {
        take(r, ks_str_z(all[i]));
        if (!ks_str_is(ks_buf_str(&r->line), "< nothing"))
            return false;
    }
    return true;
}

/* Around the first byte that differs. */
static void say_difference(size_t at_line, struct ks_str want, struct ks_str got)
{
    size_t at = 0, from;

    while (at < want.len && at < got.len && want.ptr[at] == got.ptr[at])
        at++;
    from = at > 60 ? at - 60 : 0;
    printf("# line %zu, byte %zu:\n", at_line, at);
    printf("# recorded: %.*s\n", KS_STR_FMT(ks_str_head(ks_str_from(want, from), 160)));
    printf("# replayed: %.*s\n", KS_STR_FMT(ks_str_head(ks_str_from(got, from), 160)));
}

/* The number of the first line that is not as it was recorded, which is shown if loud; 0: everything is. */
static size_t replay(struct ks_str transcript, make_store_fn *make_store, bool loud)
{
    struct replay r = { .store = make_store() };
    struct ks_str line;
    size_t at = 0;
    bool same = r.store != NULL;

    ks_buf_init(&r.bytes, 16u << 20);
    ks_buf_init(&r.piece, 1u << 16);
    ks_buf_init(&r.line, 16u << 20);
    while (same && ks_str_cut(&transcript, '\n', &line)) {
        at++;
        if (ks_str_starts(line, KS_STR("< "))) {
            take(&r, line);
            same = ks_str_eq(ks_buf_str(&r.line), line);
        } else if (ks_str_starts(line, KS_STR("> "))) {
            ks_buf_reset(&r.line);
            same = (!ks_str_is(line, "> free") || taken(&r)) && give(&r, ks_str_from(line, 2));
        }
        if (!same && loud)
            say_difference(at, line, ks_buf_str(&r.line));
    }
    same = same && at > 0 && !r.engine;
    konsil_free(r.engine);
    ks_engine_store_free(r.store);
    ks_buf_done(&r.bytes);
    ks_buf_done(&r.piece);
    ks_buf_done(&r.line);
    return same ? 0 : at + (at == 0);
}

/* --- a transcript is altered on purpose --- */

/* Where the last line with this beginning starts in the text; its number. */
static size_t last_line(struct ks_str text, const char *beginning, size_t *ret_start)
{
    size_t start = 0, number = 0, found = 0;

    for (struct ks_str rest = text, line; ks_str_cut(&rest, '\n', &line); start += line.len + 1) {
        number++;
        if (ks_str_starts(line, ks_str_z(beginning))) {
            found = number;
            *ret_start = start;
        }
    }
    return found;
}

/* One byte of the last such line is another: exactly there it must be seen. */
static void check_mutant(const char *name, struct ks_str transcript, const char *beginning)
{
    char *copy = ks_str_dup(transcript);
    size_t start = 0, number = last_line(transcript, beginning, &start), seen;

    if (!copy)
        abort();
    copy[start + strlen(beginning) + 4] ^= 1;
    seen = replay(ks_str(copy, transcript.len), ks_memory_engine_store_new, false);
    check_row(number > 0 && seen == number, name, "altered in line %zu, seen in line %zu", number, seen);
    free(copy);
}

/* The last event was never recorded: when the engine ends, one is left. */
static void check_missing(struct ks_str transcript)
{
    struct ks_buf copy;
    size_t start = 0, number = last_line(transcript, "< event ", &start), seen;
    struct ks_str rest = ks_str_from(transcript, start), line;

    ks_buf_init(&copy, 16u << 20);
    ks_buf_add(&copy, ks_str_head(transcript, start));
    (void)ks_str_cut(&rest, '\n', &line);
    ks_buf_add(&copy, rest);
    seen = replay(ks_buf_str(&copy), ks_memory_engine_store_new, false);
    check_row(
        number > 0 && seen >= number, "(mutant) an event more than recorded is seen", "%zu, not %zu", seen, number);
    ks_buf_done(&copy);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    for (size_t i = 0; i < transcripts_count; i++) {
        struct ks_str text = ks_str(transcripts[i].text, transcripts[i].len);
        char name[128];

        snprintf(name, sizeof(name), "STYLE §7: %s gives the same events and the same bytes here", transcripts[i].name);
        check_row(replay(text, ks_memory_engine_store_new, true) == 0, name, "see above");
        snprintf(name, sizeof(name), "engine_store.h: %s: and so it does on SQLite", transcripts[i].name);
        check_row(replay(text, make_sqlite_store, true) == 0, name, "see above");
    }
    for (size_t i = 0; i < transcripts_count; i++) {
        struct ks_str text = ks_str(transcripts[i].text, transcripts[i].len);

        if (ks_str_is(ks_str_z(transcripts[i].name), "files_anna"))
            check_mutant("(mutant) an altered byte of a sealed piece is seen where it is", text, "< piece 1 ");
        if (!ks_str_is(ks_str_z(transcripts[i].name), "repair_jonas"))
            continue;
        check_mutant("(mutant) an altered byte of an event is seen where it is", text, "< event ");
        check_mutant("(mutant) an altered byte of output is seen where it is", text, "< output ");
        check_missing(text);
    }
#ifndef __wasm__
    scratch_done();
#endif
    return check_done();
}
