/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vault_json.h"

#include <jansson.h>
#include <stddef.h>

#include "enc.h"

#define FIELDS_MAX 4

/* A name of a request, and where its bytes go; len 0: a number, gen. */
struct field {
    const char *name;
    size_t at, len;
};
#define BYTES(name, member)                                                                       \
    {                                                                                             \
        name, offsetof(struct ks_vault_call, member), sizeof(((struct ks_vault_call *)0)->member) \
    }

static const struct field fields[][FIELDS_MAX + 1] = {
    [KS_VAULT_EVAL] = { BYTES("slot", slot), BYTES("token", token), BYTES("blinded", blinded) },
    [KS_VAULT_CONFIRM] = { BYTES("slot", slot), BYTES("token", token), BYTES("sig", signature), { "gen", 0, 0 } },
    [KS_VAULT_TICKET] = { BYTES("slot", slot), BYTES("token", token) },
};

static bool read_field(
    struct ks_arena *arena, const struct field *field, const json_t *value, struct ks_vault_call *call)
{
    struct ks_str bytes;

    if (!field->len) {
        json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
        call->gen = (uint64_t)number;
        return number >= 0 && (uint64_t)number <= KS_VAULT_GEN_MAX;
    }
    if (!json_is_string(value)
        || ks_base64_read(arena, ks_str(json_string_value(value), json_string_length(value)), &bytes) != KS_OK
        || bytes.len != field->len)
        return false;
    memcpy((char *)call + field->at, bytes.ptr, bytes.len);
    ks_wipe((char *)(uintptr_t)bytes.ptr, bytes.len);
    return true;
}

enum ks_err ks_vault_request_read(enum ks_vault_want want, struct ks_str body, struct ks_vault_call *ret_call)
{
    struct ks_vault_call call = { .want = want };
    json_t *request = NULL;
    struct ks_arena arena;
    json_error_t error;
    enum ks_err err = KS_OK;
    size_t count = 0;

    if (body.len > KS_VAULT_BODY_MAX)
        return KS_ELIMIT;
    ks_arena_init(&arena, 2 * KS_VAULT_BODY_MAX);
    request = json_loadb(body.len ? body.ptr : "", body.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(request))
        err = KS_ESYNTAX;
    for (const struct field *field = fields[want]; field->name && err == KS_OK; field++, count++)
        if (!read_field(&arena, field, json_object_get(request, field->name), &call))
            err = arena.failed ? KS_ENOMEM : KS_ESYNTAX;
    if (err == KS_OK && json_object_size(request) != count)
        err = KS_ESYNTAX;
    if (err == KS_OK)
        *ret_call = call;
    json_decref(request);
    ks_arena_done(&arena);
    ks_wipe(&call, sizeof call);
    return err;
}

static void add_bytes(struct ks_buf *buf, const char *name, const uint8_t *bytes, size_t len)
{
    ks_buf_printf(buf, "\"%s\":\"", name);
    ks_base64_add(buf, ks_str(bytes, len));
    ks_buf_z(buf, "\"");
}

static void add_result(struct ks_buf *buf, const struct ks_vault_call *call)
{
    ks_buf_z(buf, "{");
    if (call->want == KS_VAULT_EVAL) {
        add_bytes(buf, "z", call->z, sizeof call->z);
        ks_buf_z(buf, ",");
        add_bytes(buf, "keyid", call->keyid, sizeof call->keyid);
        ks_buf_z(buf, ",");
        add_bytes(buf, "nonce", call->nonce, sizeof call->nonce);
        ks_buf_printf(buf, ",\"left\":%u", (unsigned)call->left);
    } else if (call->want == KS_VAULT_CONFIRM) {
        ks_buf_printf(buf, "\"gen\":%llu", (unsigned long long)call->gen);
    }
    if (call->has_ticket) {
        if (call->want == KS_VAULT_EVAL || call->want == KS_VAULT_CONFIRM) /* something stands before it */
            ks_buf_z(buf, ",");
        add_bytes(buf, "ticket", call->ticket, sizeof call->ticket);
    }
    ks_buf_z(buf, "}\n");
}

unsigned ks_vault_answer_write(struct ks_buf *buf, const struct ks_vault_call *call)
{
    static const struct {
        unsigned status;
        const char *error;
    } errors[] = {
        [KS_VAULT_UNKNOWN] = { 404, "unknown" },
        [KS_VAULT_MALFORMED] = { 400, "malformed" },
        [KS_VAULT_WAIT] = { 429, "wait" },
        [KS_VAULT_IS_LOCKED] = { 423, "locked" },
        [KS_VAULT_IS_GONE] = { 410, "gone" },
        [KS_VAULT_STALE] = { 403, "pin" },
        [KS_VAULT_LATER] = { 503, "later" },
    };

    if (call->answer == KS_VAULT_YES) {
        add_result(buf, call);
        return 200;
    }
    assert(call->answer < KS_COUNT(errors) && errors[call->answer].error);
    ks_buf_printf(buf, "{\"error\":\"%s\"", errors[call->answer].error);
    if (call->answer == KS_VAULT_WAIT)
        ks_buf_printf(buf, ",\"seconds\":%u", (unsigned)call->wait_s);
    ks_buf_z(buf, "}\n");
    return errors[call->answer].status;
}
