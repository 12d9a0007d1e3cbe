/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "engine_tape.h"

#include <inttypes.h>
#include <stdlib.h>

#include "enc.h"
#include "konsil/konsil.h"
#include "party.h"
#include "transcript.h"

/* One for each store. */
struct tape {
    const struct ks_engine_store *store;
    const struct konsil *engine;
    struct ks_buf text;
    int64_t deadline_ms; /* as it was told last; -1: not yet */
};

static struct tape tapes[PARTIES_MAX];
static size_t tape_count;

size_t tapes_count(void)
{
    return tape_count;
}

struct ks_str tape_text(size_t i)
{
    return ks_buf_str(&tapes[i].text);
}

void tapes_clear(void)
{
    while (tape_count > 0)
        ks_buf_done(&tapes[--tape_count].text);
}

static struct tape *tape_of_store(const struct ks_engine_store *store)
{
    for (size_t i = 0; i < tape_count; i++)
        if (tapes[i].store == store)
            return &tapes[i];
    if (tape_count == PARTIES_MAX)
        abort();
    tapes[tape_count] = (struct tape) { .store = store };
    ks_buf_init(&tapes[tape_count].text, 16u << 20);
    ks_buf_z(&tapes[tape_count].text, "# SPDX-License-Identifier: AGPL-3.0-or-later\n");
    return &tapes[tape_count++];
}

static struct tape *tape_of(const struct konsil *k)
{
    for (size_t i = 0; i < tape_count; i++)
        if (tapes[i].engine == k)
            return &tapes[i];
    abort();
}

static void end_line(struct tape *tape)
{
    ks_buf_byte(&tape->text, '\n');
}

/* The start of a line, and the tape it is on. */
static struct ks_buf *call(const struct konsil *k, const char *name, struct konsil_now now)
{
    struct ks_buf *text = &tape_of(k)->text;

    ks_buf_printf(text, "> %s %" PRId64 " %" PRId64, name, now.mono_ms, now.wall_ms);
    return text;
}

/* --- between party.c and libkonsil --- */

#define WRAP(type, name, ...)               \
    type __real_konsil_##name(__VA_ARGS__); \
    type __wrap_konsil_##name(__VA_ARGS__); \
    type __wrap_konsil_##name(__VA_ARGS__)

WRAP(struct konsil *, new, const struct konsil_setup *setup)
{
    struct tape *tape = tape_of_store(setup->store);

    ks_buf_printf(&tape->text, "> %s ", setup->certificate ? "new_certified" : "new");
    ks_hex_add(&tape->text, ks_str(setup->seed, sizeof(setup->seed)));
    ks_buf_printf(
        &tape->text, " %" PRId64 " %" PRId64 " %s\n", setup->now.mono_ms, setup->now.wall_ms, setup->device_name);
    tape->deadline_ms = -1;
    tape->engine = __real_konsil_new(setup);
    return (struct konsil *)(uintptr_t)tape->engine;
}

WRAP(void, command, struct konsil *k, const char *json, size_t len, struct konsil_now now)
{
    ks_buf_printf(call(k, "command", now), " %.*s\n", (int)len, json);
    __real_konsil_command(k, json, len, now);
}

WRAP(bool, next_event, struct konsil *k, const char **ret_json, size_t *ret_len)
{
    struct tape *tape = tape_of(k);

    if (!__real_konsil_next_event(k, ret_json, ret_len))
        return false;
    transcript_event(&tape->text, ks_str(*ret_json, *ret_len));
    end_line(tape);
    return true;
}

WRAP(bool, next_request, struct konsil *k, struct konsil_request *ret_request)
{
    struct tape *tape = tape_of(k);

    if (!__real_konsil_next_request(k, ret_request))
        return false;
    transcript_request(&tape->text, ret_request);
    end_line(tape);
    return true;
}

WRAP(void, opened, struct konsil *k, struct konsil_now now)
{
    ks_buf_byte(call(k, "opened", now), '\n');
    __real_konsil_opened(k, now);
}

WRAP(void, opened_messages, struct konsil *k, struct konsil_now now)
{
    ks_buf_byte(call(k, "opened_messages", now), '\n');
    __real_konsil_opened_messages(k, now);
}

WRAP(void, secured, struct konsil *k, const struct konsil_tls *tls, struct konsil_now now)
{
    struct ks_buf *text = call(k, "secured", now);

    ks_buf_byte(text, ' ');
    if (tls->has_exporter)
        ks_hex_add(text, ks_str(tls->exporter, sizeof(tls->exporter)));
    else
        ks_buf_byte(text, '-');
    ks_buf_byte(text, ' ');
    if (tls->server_end_point_len > 0)
        ks_hex_add(text, ks_str(tls->server_end_point, tls->server_end_point_len));
    else
        ks_buf_byte(text, '-');
    ks_buf_z(text, tls->certified ? " certified\n" : "\n");
    __real_konsil_secured(k, tls, now);
}

/* The same with what the server sent. */
static void given(const struct konsil *k, const char *name, struct ks_str bytes, struct konsil_now now)
{
    struct ks_buf *text = call(k, name, now);

    ks_buf_byte(text, ' ');
    transcript_text(text, bytes);
    ks_buf_byte(text, '\n');
}

WRAP(void, feed, struct konsil *k, const char *bytes, size_t len, struct konsil_now now)
{
    given(k, "feed", ks_str(bytes, len), now);
    __real_konsil_feed(k, bytes, len, now);
}

WRAP(void, message, struct konsil *k, const char *text, size_t len, struct konsil_now now)
{
    given(k, "message", ks_str(text, len), now);
    __real_konsil_message(k, text, len, now);
}

WRAP(bool, next_message, struct konsil *k, const char **ret_text, size_t *ret_len)
{
    struct tape *tape = tape_of(k);

    if (!__real_konsil_next_message(k, ret_text, ret_len))
        return false;
    transcript_message(&tape->text, ks_str(*ret_text, *ret_len));
    end_line(tape);
    return true;
}

WRAP(void, closed, struct konsil *k, enum konsil_lost why, struct konsil_now now)
{
    ks_buf_printf(call(k, "closed", now), " %d\n", (int)why);
    __real_konsil_closed(k, why, now);
}

WRAP(void, try_now, struct konsil *k, struct konsil_now now)
{
    ks_buf_byte(call(k, "try_now", now), '\n');
    __real_konsil_try_now(k, now);
}

WRAP(void, output, const struct konsil *k, const char **ret_bytes, size_t *ret_len)
{
    struct tape *tape = tape_of(k);

    __real_konsil_output(k, ret_bytes, ret_len);
    if (*ret_len == 0)
        return;
    transcript_output(&tape->text, ks_str(*ret_bytes, *ret_len));
    end_line(tape);
}

WRAP(void, output_sent, struct konsil *k, size_t len)
{
    ks_buf_printf(&tape_of(k)->text, "> sent %zu\n", len);
    __real_konsil_output_sent(k, len);
}

WRAP(int64_t, deadline_ms, const struct konsil *k)
{
    struct tape *tape = tape_of(k);
    int64_t deadline_ms = __real_konsil_deadline_ms(k);

    if (deadline_ms != tape->deadline_ms) {
        transcript_deadline(&tape->text, deadline_ms);
        end_line(tape);
    }
    tape->deadline_ms = deadline_ms;
    return deadline_ms;
}

WRAP(void, tick, struct konsil *k, struct konsil_now now)
{
    ks_buf_byte(call(k, "tick", now), '\n');
    __real_konsil_tick(k, now);
}

/* --- files --- */

WRAP(bool, next_file, struct konsil *k, struct konsil_file *ret_file)
{
    struct tape *tape = tape_of(k);

    if (!__real_konsil_next_file(k, ret_file))
        return false;
    transcript_file(&tape->text, ret_file);
    end_line(tape);
    return true;
}

/* A call about a transfer, and the tape it is on. */
static struct ks_buf *file_call(const struct konsil *k, const char *name, uint64_t transfer)
{
    struct ks_buf *text = &tape_of(k)->text;

    ks_buf_printf(text, "> %s %" PRIu64, name, transfer);
    return text;
}

static struct ks_buf *timed_file_call(
    const struct konsil *k, const char *name, uint64_t transfer, struct konsil_now now)
{
    struct ks_buf *text = call(k, name, now);

    ks_buf_printf(text, " %" PRIu64, transfer);
    return text;
}

WRAP(void, file_size, struct konsil *k, uint64_t transfer, uint64_t bytes, struct konsil_now now)
{
    ks_buf_printf(timed_file_call(k, "file_size", transfer, now), " %" PRIu64 "\n", bytes);
    __real_konsil_file_size(k, transfer, bytes, now);
}

WRAP(void, file_moved, struct konsil *k, uint64_t transfer, uint64_t bytes, struct konsil_now now)
{
    ks_buf_printf(timed_file_call(k, "file_moved", transfer, now), " %" PRIu64 "\n", bytes);
    __real_konsil_file_moved(k, transfer, bytes, now);
}

WRAP(void, file_stored, struct konsil *k, uint64_t transfer, struct konsil_now now)
{
    ks_buf_byte(timed_file_call(k, "file_stored", transfer, now), '\n');
    __real_konsil_file_stored(k, transfer, now);
}

WRAP(void, file_saved, struct konsil *k, uint64_t transfer, const char *path, struct konsil_now now)
{
    ks_buf_printf(timed_file_call(k, "file_saved", transfer, now), " %s\n", path);
    __real_konsil_file_saved(k, transfer, path, now);
}

WRAP(void, file_failed, struct konsil *k, uint64_t transfer, enum konsil_file_why why, unsigned status,
    struct konsil_now now)
{
    ks_buf_printf(timed_file_call(k, "file_failed", transfer, now), " %d %u\n", (int)why, status);
    __real_konsil_file_failed(k, transfer, why, status, now);
}

/* What a call about a piece of a file gave. */
static bool piece(const struct konsil *k, bool good, const uint8_t *bytes, size_t len)
{
    struct tape *tape = tape_of(k);

    transcript_piece(&tape->text, good, ks_str(bytes, len));
    end_line(tape);
    return good;
}

static void piece_call(const struct konsil *k, const char *name, uint64_t transfer, const uint8_t *bytes, size_t len)
{
    struct ks_buf *text = file_call(k, name, transfer);

    ks_buf_byte(text, ' ');
    ks_hex_add(text, ks_str(bytes, len));
    ks_buf_byte(text, '\n');
}

WRAP(bool, file_seal, struct konsil *k, uint64_t transfer, const uint8_t *bytes, size_t len, uint8_t *ret_sealed)
{
    piece_call(k, "file_seal", transfer, bytes, len);
    return piece(k, __real_konsil_file_seal(k, transfer, bytes, len, ret_sealed), ret_sealed, len);
}

WRAP(bool, file_seal_end, struct konsil *k, uint64_t transfer, uint8_t ret_tag[16])
{
    ks_buf_byte(file_call(k, "file_seal_end", transfer), '\n');
    return piece(k, __real_konsil_file_seal_end(k, transfer, ret_tag), ret_tag, 16);
}

WRAP(bool, file_check_begin, struct konsil *k, uint64_t transfer, uint64_t sealed_bytes)
{
    ks_buf_printf(file_call(k, "file_check_begin", transfer), " %" PRIu64 "\n", sealed_bytes);
    return piece(k, __real_konsil_file_check_begin(k, transfer, sealed_bytes), NULL, 0);
}

WRAP(bool, file_check, struct konsil *k, uint64_t transfer, const uint8_t *sealed, size_t len)
{
    piece_call(k, "file_check", transfer, sealed, len);
    return piece(k, __real_konsil_file_check(k, transfer, sealed, len), NULL, 0);
}

WRAP(bool, file_check_end, struct konsil *k, uint64_t transfer)
{
    ks_buf_byte(file_call(k, "file_check_end", transfer), '\n');
    return piece(k, __real_konsil_file_check_end(k, transfer), NULL, 0);
}

WRAP(bool, file_open, struct konsil *k, uint64_t transfer, const uint8_t *sealed, size_t len, uint8_t *ret_bytes,
    size_t *ret_len)
{
    bool good;

    piece_call(k, "file_open", transfer, sealed, len);
    good = __real_konsil_file_open(k, transfer, sealed, len, ret_bytes, ret_len);
    return piece(k, good, ret_bytes, good ? *ret_len : 0);
}

WRAP(bool, file_open_end, struct konsil *k, uint64_t transfer)
{
    ks_buf_byte(file_call(k, "file_open_end", transfer), '\n');
    return piece(k, __real_konsil_file_open_end(k, transfer), NULL, 0);
}

/* --- the end --- */

WRAP(void, free, struct konsil *k)
{
    struct konsil_request request;
    struct konsil_file file;
    struct tape *tape = tape_of(k);
    const char *text;
    size_t len;

    while (__wrap_konsil_next_event(k, &text, &len) || __wrap_konsil_next_request(k, &request)
        || __wrap_konsil_next_file(k, &file) || __wrap_konsil_next_message(k, &text, &len))
        ;
    __wrap_konsil_output(k, &text, &len);
    if (len > 0)
        __wrap_konsil_output_sent(k, len);
    ks_buf_z(&tape->text, "> free\n");
    tape->engine = NULL;
    __real_konsil_free(k);
}
