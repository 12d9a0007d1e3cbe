/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine_wasm.c -- libkonsil as a module of WebAssembly: konsil.h's two doors as exports, for engine.mjs.
 *
 * One engine for each instance, on a store whose files the host has (kio.h). The connection is a WebSocket of the
 * platform's: it checks the certificate, and tells nothing of TLS. Texts go in through room(len), which stays where it
 * is until the next call of it; texts come out as an address, with their length in len(). Times are doubles, as in
 * kio.h. */
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

/* Its kind, or 0; the address of the WebSocket that it asks for is in the room then, or nothing is (len() 0). */
EXPORT("next_request") int engine_next_request(void);
int engine_next_request(void)
{
    struct konsil_request request;

    if (!konsil_next_request(engine, &request))
        return 0;
    said_len = request.url ? strlen(request.url) : 0;
    if (!engine_room(said_len))
        said_len = 0;
    if (said_len)
        memcpy(given, request.url, said_len);
    return (int)request.kind;
}

EXPORT("given") const char *engine_given(void);
const char *engine_given(void)
{
    return given;
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

EXPORT("closed") void engine_closed(double mono_ms, double wall_ms);
void engine_closed(double mono_ms, double wall_ms)
{
    konsil_closed(engine, KONSIL_LOST_NETWORK, at(mono_ms, wall_ms));
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
