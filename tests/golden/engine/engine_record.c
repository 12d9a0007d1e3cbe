/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine_record [--write] DIRECTORY: plays stories between engines and a konsild on virtual time, and compares what
 * went into each engine and came out of it with the transcripts in DIRECTORY, or writes them there (make
 * golden-engine). Speaks TAP.
 *
 * The linker's --wrap puts this file between tests/client/party.c and libkonsil. */
#include <inttypes.h>

#include "check.h"
#include "enc.h"
#include "party.h"
#include "transcript.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"

/* --- one tape for each store --- */

struct tape {
    const struct ks_engine_store *store;
    const struct konsil *engine;
    struct ks_buf text;
    int64_t deadline_ms; /* as it was told last; -1: not yet */
};

static struct tape tapes[PARTIES_MAX];
static size_t tape_count;

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

    ks_buf_z(&tape->text, "> new ");
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
    ks_buf_byte(text, '\n');
    __real_konsil_secured(k, tls, now);
}

WRAP(void, feed, struct konsil *k, const char *bytes, size_t len, struct konsil_now now)
{
    struct ks_buf *text = call(k, "feed", now);

    ks_buf_byte(text, ' ');
    transcript_text(text, ks_str(bytes, len));
    ks_buf_byte(text, '\n');
    __real_konsil_feed(k, bytes, len, now);
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

WRAP(void, free, struct konsil *k)
{
    struct konsil_request request;
    struct tape *tape = tape_of(k);
    const char *text;
    size_t len;

    while (__wrap_konsil_next_event(k, &text, &len) || __wrap_konsil_next_request(k, &request))
        ;
    __wrap_konsil_output(k, &text, &len);
    if (len > 0)
        __wrap_konsil_output_sent(k, len);
    ks_buf_z(&tape->text, "> free\n");
    tape->engine = NULL;
    __real_konsil_free(k);
}

/* --- stories --- */

static void begin(struct lab *lab, struct party **anna, struct party **jonas)
{
    lab_two(lab, 1, anna, jonas);
    party_connect(*anna);
    party_connect(*jonas);
    lab_run(lab, 1000);
}

/* Login, the first message each way, and everything that may happen to a message; then one goes away and comes back. */
static void play_talk(struct lab *lab)
{
    struct party *anna, *jonas;
    const char *id, *answer;

    begin(lab, &anna, &jonas);
    id = party_send(anna, JONAS, "Bett 12, Grüße");
    lab_run(lab, 15000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"settings\",\"tell_read\":true}");
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"mark_read\",\"conversation\":\"" ANNA "\"}");
    lab_run(lab, 15000);
    answer =
        text_of(party_do(jonas,
                    "{\"id\":\"x\",\"cmd\":\"send\",\"to\":\"" ANNA "\",\"body\":\"danke\",\"reply_to\":\"%s\"}", id),
            "message");
    lab_run(lab, 1000);
    party_do(anna,
        "{\"id\":\"x\",\"cmd\":\"edit\",\"conversation\":\"" JONAS "\",\"message\":\"%s\",\"body\":\"Bett 13\"}", id);
    party_do(anna,
        "{\"id\":\"x\",\"cmd\":\"react\",\"conversation\":\"" JONAS "\",\"message\":\"%s\",\"emoji\":[\"👍\"]}", answer);
    lab_run(lab, 1000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"retract\",\"conversation\":\"" ANNA "\",\"message\":\"%s\"}", answer);
    lab_run(lab, 1000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"attention\",\"active\":false}");
    lab_run(lab, 1000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    lab_run(lab, 1000);
    (void)party_send(anna, JONAS, "eins");
    (void)party_send(anna, JONAS, "zwei");
    lab_run(lab, 20000);
    party_restart(jonas);
    lab_run(lab, 15000);
    party_cut(anna);
    (void)party_send(jonas, ANNA, "drei");
    lab_run(lab, 60000);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"nonsense\"}");
    check_row(strcmp(party_history(anna, JONAS), "Bett 13,-,eins,zwei,drei") == 0
            && strcmp(party_history(jonas, ANNA), "Bett 13,-,eins,zwei,drei") == 0,
        "the story 'talk' went as it should", "%s; %s", party_history(anna, JONAS), party_history(jonas, ANNA));
}

/* Alters one message on its way, in the middle of <payload/>. */
static bool flip_once(struct party *party, struct ks_str *stanza, void *user)
{
    bool *armed = user;
    size_t at = ks_str_find(*stanza, KS_STR("<payload>")) + 20;
    struct ks_str copy;

    if (!*armed || at >= stanza->len || ks_arena_copy(&party->lab->kept, *stanza, &copy) != KS_OK)
        return true;
    *armed = false;
    ((char *)(uintptr_t)copy.ptr)[at] = copy.ptr[at] == 'A' ? 'B' : 'A';
    *stanza = copy;
    return true;
}

/* One message cannot be read, and is handed in again. */
static void play_repair(struct lab *lab)
{
    struct party *anna, *jonas;
    bool armed = false;

    begin(lab, &anna, &jonas);
    jonas->spy = flip_once;
    jonas->spy_user = &armed;
    (void)party_send(anna, JONAS, "0");
    lab_run(lab, 1000);
    (void)party_send(jonas, ANNA, "a");
    lab_run(lab, 30000);
    armed = true;
    (void)party_send(anna, JONAS, "1");
    lab_run(lab, 60000);
    (void)party_send(anna, JONAS, "2");
    lab_run(lab, 60000);
    check_row(!armed && strcmp(party_history(jonas, ANNA), "0,a,1,2") == 0, "the story 'repair' went as it should",
        "%s", party_history(jonas, ANNA));
}

#define ROOM_CREATE "{\"cmd\":\"room_create\",\"title\":\"Visite\",\"members\":[\"" JONAS "\"]}"

/* A command that a server decides about, about a room; and what follows. */
static void room_do(struct party *party, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void room_do(struct party *party, const char *format, ...)
{
    char text[512];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    konsil_command(party->engine, text, (size_t)len,
        (struct konsil_now) { party->lab->host->now.mono_ms, party->lab->host->now.wall_ms });
    lab_run(party->lab, 15000);
}

/* A room: founded, talked in, called otherwise; a member leaves it, is added again, and removed. */
static void play_room(struct lab *lab)
{
    struct party *anna, *jonas;
    const char *room;

    begin(lab, &anna, &jonas);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"contacts\"}");
    konsil_command(anna->engine, ROOM_CREATE, sizeof(ROOM_CREATE) - 1,
        (struct konsil_now) { lab->host->now.mono_ms, lab->host->now.wall_ms });
    lab_run(lab, 20000);
    room = text_of(json_object_get(party_event(jonas, "room", 0, 0), "room"), "room");
    (void)party_send(anna, room, "Bett 12");
    lab_run(lab, 15000);
    (void)party_send(jonas, room, "ja");
    lab_run(lab, 15000);
    room_do(anna, "{\"cmd\":\"room_rename\",\"room\":\"%s\",\"title\":\"Abend\"}", room);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"members\",\"room\":\"%s\"}", room);
    room_do(jonas, "{\"cmd\":\"room_leave\",\"room\":\"%s\"}", room);
    (void)party_send(anna, room, "allein");
    lab_run(lab, 15000);
    room_do(anna, "{\"cmd\":\"room_add\",\"room\":\"%s\",\"members\":[\"" JONAS "\"]}", room);
    (void)party_send(anna, room, "wieder da");
    lab_run(lab, 15000);
    room_do(anna, "{\"cmd\":\"room_remove\",\"room\":\"%s\",\"member\":\"" JONAS "\"}", room);
    (void)party_send(anna, room, "ohne ihn");
    lab_run(lab, 30000);
    check_row(strcmp(party_history(anna, room), "Bett 12,ja,allein,wieder da,ohne ihn") == 0
            && strcmp(party_history(jonas, room), "Bett 12,ja,wieder da") == 0,
        "the story 'room' went as it should", "%s; %s", party_history(anna, room), party_history(jonas, room));
}

static const struct story {
    void (*play)(struct lab *lab);
    const char *tapes[2]; /* Anna's, Jonas' */
} stories[] = {
    { play_talk, { "talk_anna", "talk_jonas" } },
    { play_repair, { "repair_anna", "repair_jonas" } },
    { play_room, { "room_anna", "room_jonas" } },
};

/* --- files --- */

static void read_file(const char *path, struct ks_buf *bytes)
{
    FILE *file = fopen(path, "rb");
    char piece[4096];
    size_t len;

    if (!file)
        return;
    while ((len = fread(piece, 1, sizeof(piece), file)) > 0)
        ks_buf_add(bytes, ks_str(piece, len));
    fclose(file);
}

static void write_file(const char *path, struct ks_str bytes)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;

    ok = file && fclose(file) == 0 && ok;
    check_row(ok, path, "not written");
}

static void compare(const char *path, struct ks_str fresh, const char *name)
{
    struct ks_buf kept;
    size_t line = 1, at = 0;

    ks_buf_init(&kept, 16u << 20);
    read_file(path, &kept);
    for (; at < kept.len && at < fresh.len && kept.ptr[at] == fresh.ptr[at]; at++)
        line += fresh.ptr[at] == '\n';
    check_row(
        ks_str_eq(ks_buf_str(&kept), fresh), name, "%s:%zu differs; 'make golden-engine' records it anew", path, line);
    ks_buf_done(&kept);
}

int main(int argc, char **argv)
{
    bool write = argc == 3 && strcmp(argv[1], "--write") == 0;

    if (argc != 2 + write) {
        fprintf(stderr, "engine_record [--write] DIRECTORY\n");
        return 2;
    }
    for (size_t i = 0; i < KS_COUNT(stories); i++) {
        struct lab lab;

        stories[i].play(&lab);
        lab_end(&lab);
        for (size_t j = 0; j < tape_count; j++) {
            char path[4096], name[128];
            struct ks_str fresh = ks_buf_str(&tapes[j].text);

            snprintf(path, sizeof(path), "%s/%s.transcript", argv[argc - 1], stories[i].tapes[j]);
            snprintf(name, sizeof(name), "%s is what a fresh recording gives", stories[i].tapes[j]);
            if (write)
                write_file(path, fresh);
            else
                compare(path, fresh, name);
            ks_buf_done(&tapes[j].text);
        }
        tape_count = 0;
    }
    return check_done();
}
