/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine_wasm.c -- libkonsil as a module of WebAssembly: konsil.h's two doors as exports, for engine.mjs.
 *
 * One engine for each instance, on a store whose files the host has (kio.h). The connection is a WebSocket of the
 * platform's: it checks the certificate, and tells nothing of TLS. Bytes go in through room(len), which stays where it
 * is until the next call of it; texts come out as an address, with their length in len(). Times, numbers and sizes of
 * files are doubles, as in kio.h. */
#include <stdlib.h>

#include "crypto.h"
#include "engine_store.h"
#include "konsil/konsil.h"
#include "sqlite_engine_store.h"

#define EXPORT(name) __attribute__((export_name(name)))
#define KEY_LEN 32

static struct konsil *engine;
static struct ks_engine_store *store;
static char *given;
static size_t said_len;
static struct konsil_request request; /* the last one, and the last file, that the host was given */
static struct konsil_file file;

static struct konsil_now at(double mono_ms, double wall_ms)
{
    return (struct konsil_now) { (int64_t)mono_ms, (int64_t)wall_ms };
}

/* NULL without memory. */
EXPORT("room") void *engine_room(size_t len);
void *engine_room(size_t len)
{
    free(given);
    return given = malloc(len + 1);
}

/* What is in the room: some calls leave bytes there. */
EXPORT("given") const char *engine_given(void);
const char *engine_given(void)
{
    return given;
}

EXPORT("len") size_t engine_len(void);
size_t engine_len(void)
{
    return said_len;
}

/* In the room: the store's key, then entropy, 32 bytes each. 0, or an enum ks_err. */
EXPORT("open") int engine_open(double mono_ms, double wall_ms);
int engine_open(double mono_ms, double wall_ms)
{
    struct konsil_setup setup = { .now = at(mono_ms, wall_ms), .device_name = "konsil" };
    enum ks_err err = ks_crypto_init();

    if (err == KS_OK)
        err = ks_sqlite_engine_store_open("store", NULL, (const uint8_t *)given, true, &store);
    if (err == KS_OK) {
        setup.store = store;
        memcpy(setup.seed, given + KEY_LEN, sizeof setup.seed);
        engine = konsil_new(&setup);
        ks_wipe(setup.seed, sizeof setup.seed);
    }
    ks_wipe(given, KEY_LEN + KONSIL_SEED_LEN);
    return err != KS_OK ? (int)err : engine ? konsil_failed(engine) : (int)KS_ENOMEM;
}

EXPORT("failed") int engine_failed(void);
int engine_failed(void)
{
    return konsil_failed(engine);
}

/* In the room: len bytes of a command. */
EXPORT("command") void engine_command(size_t len, double mono_ms, double wall_ms);
void engine_command(size_t len, double mono_ms, double wall_ms)
{
    konsil_command(engine, given, len, at(mono_ms, wall_ms));
}

/* 0 when there is none. */
EXPORT("next_event") const char *engine_next_event(void);
const char *engine_next_event(void)
{
    const char *text;

    return konsil_next_event(engine, &text, &said_len) ? text : NULL;
}

static const char *say(const char *text)
{
    said_len = text ? strlen(text) : 0;
    return text;
}

/* Its kind, or 0. What is said of it is good until the next call. */
EXPORT("next_request") int engine_next_request(void);
int engine_next_request(void)
{
    return konsil_next_request(engine, &request) ? (int)request.kind : 0;
}

EXPORT("request_domain") const char *engine_request_domain(void);
const char *engine_request_domain(void)
{
    return say(request.domain);
}

/* The WebSocket to which the server sent us; 0: where the host thinks. */
EXPORT("request_url") const char *engine_request_url(void);
const char *engine_request_url(void)
{
    return say(request.url);
}

/* In the room: len bytes of a host-meta file, and then domain_len of a domain. 0: it names no WebSocket. */
EXPORT("host_meta") const char *engine_host_meta(size_t len, size_t domain_len);
const char *engine_host_meta(size_t len, size_t domain_len)
{
    static char url[KONSIL_URL_MAX];

    given[len + domain_len] = '\0';
    return konsil_host_meta(given, len, given + len, url, sizeof url) ? say(url) : NULL;
}

/* --- the WebSocket --- */

EXPORT("opened") void engine_opened(double mono_ms, double wall_ms);
void engine_opened(double mono_ms, double wall_ms)
{
    konsil_opened_messages(engine, at(mono_ms, wall_ms));
}

/* In the room: len bytes of a text message. */
EXPORT("message") void engine_message(size_t len, double mono_ms, double wall_ms);
void engine_message(size_t len, double mono_ms, double wall_ms)
{
    konsil_message(engine, given, len, at(mono_ms, wall_ms));
}

EXPORT("next_message") const char *engine_next_message(void);
const char *engine_next_message(void)
{
    const char *text;

    return konsil_next_message(engine, &text, &said_len) ? text : NULL;
}

/* why: an enum konsil_lost. */
EXPORT("closed") void engine_closed(int why, double mono_ms, double wall_ms);
void engine_closed(int why, double mono_ms, double wall_ms)
{
    konsil_closed(engine, (enum konsil_lost)why, at(mono_ms, wall_ms));
}

/* --- files: konsil.h's calls, one for one --- */

/* Its kind, or 0. What is said of it is good until the next call. */
EXPORT("next_file") int engine_next_file(void);
int engine_next_file(void)
{
    return konsil_next_file(engine, &file) ? (int)file.kind : 0;
}

EXPORT("file_transfer") double engine_file_transfer(void);
double engine_file_transfer(void)
{
    return (double)file.transfer;
}

EXPORT("file_bytes") double engine_file_bytes(void);
double engine_file_bytes(void)
{
    return (double)file.bytes;
}

EXPORT("file_path") const char *engine_file_path(void);
const char *engine_file_path(void)
{
    return say(file.path);
}

EXPORT("file_name") const char *engine_file_name(void);
const char *engine_file_name(void)
{
    return say(file.name);
}

EXPORT("file_url") const char *engine_file_url(void);
const char *engine_file_url(void)
{
    return say(file.url);
}

EXPORT("file_headers") const char *engine_file_headers(void);
const char *engine_file_headers(void)
{
    return say(file.headers);
}

EXPORT("file_size") void engine_file_size(double transfer, double bytes, double mono_ms, double wall_ms);
void engine_file_size(double transfer, double bytes, double mono_ms, double wall_ms)
{
    konsil_file_size(engine, (uint64_t)transfer, (uint64_t)bytes, at(mono_ms, wall_ms));
}

EXPORT("file_moved") void engine_file_moved(double transfer, double bytes, double mono_ms, double wall_ms);
void engine_file_moved(double transfer, double bytes, double mono_ms, double wall_ms)
{
    konsil_file_moved(engine, (uint64_t)transfer, (uint64_t)bytes, at(mono_ms, wall_ms));
}

EXPORT("file_stored") void engine_file_stored(double transfer, double mono_ms, double wall_ms);
void engine_file_stored(double transfer, double mono_ms, double wall_ms)
{
    konsil_file_stored(engine, (uint64_t)transfer, at(mono_ms, wall_ms));
}

/* In the room: len bytes of what it is called now. */
EXPORT("file_saved") void engine_file_saved(double transfer, size_t len, double mono_ms, double wall_ms);
void engine_file_saved(double transfer, size_t len, double mono_ms, double wall_ms)
{
    given[len] = '\0';
    konsil_file_saved(engine, (uint64_t)transfer, given, at(mono_ms, wall_ms));
}

EXPORT("file_failed") void engine_file_failed(double transfer, int why, int status, double mono_ms, double wall_ms);
void engine_file_failed(double transfer, int why, int status, double mono_ms, double wall_ms)
{
    konsil_file_failed(engine, (uint64_t)transfer, (enum konsil_file_why)why, (unsigned)status, at(mono_ms, wall_ms));
}

/* The len bytes in the room become what may lie on a server. */
EXPORT("file_seal") bool engine_file_seal(double transfer, size_t len);
bool engine_file_seal(double transfer, size_t len)
{
    return konsil_file_seal(engine, (uint64_t)transfer, (uint8_t *)given, len, (uint8_t *)given);
}

/* Into the room, which has 16 bytes. */
EXPORT("file_seal_end") bool engine_file_seal_end(double transfer);
bool engine_file_seal_end(double transfer)
{
    return konsil_file_seal_end(engine, (uint64_t)transfer, (uint8_t *)given);
}

EXPORT("file_check_begin") bool engine_file_check_begin(double transfer, double sealed_bytes);
bool engine_file_check_begin(double transfer, double sealed_bytes)
{
    return konsil_file_check_begin(engine, (uint64_t)transfer, (uint64_t)sealed_bytes);
}

EXPORT("file_check") bool engine_file_check(double transfer, size_t len);
bool engine_file_check(double transfer, size_t len)
{
    return konsil_file_check(engine, (uint64_t)transfer, (const uint8_t *)given, len);
}

EXPORT("file_check_end") bool engine_file_check_end(double transfer);
bool engine_file_check_end(double transfer)
{
    return konsil_file_check_end(engine, (uint64_t)transfer);
}

/* The first len() of the len bytes in the room become the file's. */
EXPORT("file_open") bool engine_file_open(double transfer, size_t len);
bool engine_file_open(double transfer, size_t len)
{
    return konsil_file_open(engine, (uint64_t)transfer, (const uint8_t *)given, len, (uint8_t *)given, &said_len);
}

EXPORT("file_open_end") bool engine_file_open_end(double transfer);
bool engine_file_open_end(double transfer)
{
    return konsil_file_open_end(engine, (uint64_t)transfer);
}

/* --- time --- */

/* Of the mono clock; infinite when there is none. */
EXPORT("deadline") double engine_deadline(void);
double engine_deadline(void)
{
    int64_t deadline_ms = konsil_deadline_ms(engine);

    return deadline_ms == INT64_MAX ? __builtin_inf() : (double)deadline_ms;
}

EXPORT("tick") void engine_tick(double mono_ms, double wall_ms);
void engine_tick(double mono_ms, double wall_ms)
{
    konsil_tick(engine, at(mono_ms, wall_ms));
}

EXPORT("try_now") void engine_try_now(double mono_ms, double wall_ms);
void engine_try_now(double mono_ms, double wall_ms)
{
    konsil_try_now(engine, at(mono_ms, wall_ms));
}
