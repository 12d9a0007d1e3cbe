/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pin_answer.h"

#include <jansson.h>

#include "enc.h"

const char *ks_pin_path(enum ks_pin_request request)
{
    static const char *const paths[] = { "/vault/eval", "/vault/confirm", "/vault/ticket" };

    assert(request < KS_COUNT(paths));
    return paths[request];
}

static bool read_bytes(struct ks_arena *arena, const json_t *value, uint8_t *ret_bytes, size_t len)
{
    struct ks_str bytes;

    if (!json_is_string(value)
        || ks_base64_read(arena, ks_str(json_string_value(value), json_string_length(value)), &bytes) != KS_OK
        || bytes.len != len)
        return false;
    memcpy(ret_bytes, bytes.ptr, len);
    ks_wipe((char *)(uintptr_t)bytes.ptr, bytes.len);
    return true;
}

static bool read_number(const json_t *value, uint64_t max, uint64_t *ret_number)
{
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;

    *ret_number = (uint64_t)number;
    return number >= 0 && (uint64_t)number <= max;
}

static bool read_yes(
    struct ks_arena *arena, enum ks_pin_request request, const json_t *json, struct ks_pin_answer *answer)
{
    const json_t *ticket = json_object_get(json, "ticket");
    uint64_t left = 0;

    if (request == KS_PIN_EVAL) {
        if (!read_bytes(arena, json_object_get(json, "z"), answer->z, sizeof answer->z)
            || !read_bytes(arena, json_object_get(json, "keyid"), answer->keyid, sizeof answer->keyid)
            || !read_bytes(arena, json_object_get(json, "nonce"), answer->nonce, sizeof answer->nonce)
            || !read_number(json_object_get(json, "left"), UINT32_MAX, &left))
            return false;
        answer->left = (uint32_t)left;
        return true;
    }
    answer->has_ticket = ticket != NULL;
    if (ticket && !read_bytes(arena, ticket, answer->ticket, sizeof answer->ticket))
        return false;
    return request == KS_PIN_TICKET ? answer->has_ticket
                                    : read_number(json_object_get(json, "gen"), KS_PIN_GEN_MAX, &answer->gen);
}

static enum ks_pin_told read_error(
    enum ks_pin_request request, unsigned status, const json_t *json, struct ks_pin_answer *answer)
{
    static const struct {
        unsigned status;
        const char *error;
        enum ks_pin_told told;
    } rows[] = {
        { 403, "pin", KS_PIN_OVER },
        { 404, "unknown", KS_PIN_UNKNOWN },
        { 410, "gone", KS_PIN_GONE },
        { 423, "locked", KS_PIN_LOCKED },
        { 429, "wait", KS_PIN_WAIT },
    };
    const json_t *error = json_object_get(json, "error");
    uint64_t seconds;

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        if (rows[i].status != status || !json_is_string(error) || strcmp(json_string_value(error), rows[i].error) != 0
            || (rows[i].told == KS_PIN_OVER && request != KS_PIN_TICKET))
            continue;
        if (rows[i].told == KS_PIN_WAIT) {
            if (!read_number(json_object_get(json, "seconds"), KS_PIN_GEN_MAX, &seconds))
                return KS_PIN_WRONG_ANSWER;
            answer->seconds = (uint32_t)(seconds < KS_PIN_SECONDS_MAX ? seconds : KS_PIN_SECONDS_MAX);
        }
        return rows[i].told;
    }
    return KS_PIN_WRONG_ANSWER;
}

/* NULL in *ret_json: it is none. KS_ENOMEM where jansson tells: by its code, or by no words at all. */
static enum ks_err parse(struct ks_str body, json_t **ret_json)
{
    json_error_t error = { .text = "" };

    *ret_json = json_loadb(body.len ? body.ptr : "", body.len, JSON_REJECT_DUPLICATES, &error);
    return !*ret_json && (!error.text[0] || json_error_code(&error) == json_error_out_of_memory) ? KS_ENOMEM : KS_OK;
}

enum ks_err ks_pin_answer_read(
    enum ks_pin_request request, unsigned status, struct ks_str body, struct ks_pin_answer *ret_answer)
{
    struct ks_pin_answer answer = { .told = KS_PIN_LATER };
    enum ks_err err = KS_OK;
    json_t *json = NULL;
    struct ks_arena arena;

    ks_arena_init(&arena, 2 * KS_PIN_ANSWER_MAX);
    if (status && status < 500) {
        answer.told = KS_PIN_WRONG_ANSWER;
        if (body.len <= KS_PIN_ANSWER_MAX)
            err = parse(body, &json);
        if (json_is_object(json) && status == 200 && read_yes(&arena, request, json, &answer))
            answer.told = KS_PIN_YES;
        else if (json_is_object(json) && status != 200)
            answer.told = read_error(request, status, json, &answer);
        if (arena.failed)
            err = KS_ENOMEM;
    }
    if (answer.told != KS_PIN_YES) { /* nothing of half an answer */
        uint32_t seconds = answer.told == KS_PIN_WAIT ? answer.seconds : 0;

        answer = (struct ks_pin_answer) { .told = answer.told, .seconds = seconds };
    }
    if (err == KS_OK)
        *ret_answer = answer;
    json_decref(json);
    ks_arena_done(&arena);
    ks_wipe(&answer, sizeof answer);
    return err;
}
