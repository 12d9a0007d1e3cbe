/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a stranger sends to the vault, and what lies in its store: what is taken of either says exactly what its bytes
 * say, and whatever a keeper answers to a request has a status and is JSON. */
#include <jansson.h>
#include <stdlib.h>

#include "vault_json.h"

/* A request that was taken is one of its kind, and holds what it names. */
static void read_request(enum ks_vault_want want, struct ks_str body)
{
    struct ks_vault_call call = { .want = KS_VAULT_LIST };
    enum ks_err err = ks_vault_request_read(want, body, &call);

    if (err != KS_OK) {
        if (call.want != KS_VAULT_LIST || (body.len > KS_VAULT_BODY_MAX && err != KS_ELIMIT))
            abort();
        return;
    }
    if (call.want != want || body.len > KS_VAULT_BODY_MAX || call.gen > KS_VAULT_GEN_MAX || call.answer || call.account
        || (want != KS_VAULT_CONFIRM && call.gen))
        abort();
}

static void write_answer(const uint8_t *data, size_t len)
{
    struct ks_vault_call call = { .want = KS_VAULT_EVAL };
    struct ks_buf buf;
    json_t *json;
    unsigned status;

    if (len < 4)
        return;
    call.want = (enum ks_vault_want)(KS_VAULT_EVAL + data[0] % 3);
    call.answer = (enum ks_vault_answer)(KS_VAULT_YES + data[1] % 6);
    call.has_ticket = data[2] % 2;
    call.wait_s = data[3];
    memcpy(call.ticket, data, len < sizeof call.ticket ? len : sizeof call.ticket);
    ks_buf_init(&buf, KS_VAULT_BODY_MAX);
    status = ks_vault_answer_write(&buf, &call);
    json = json_loadb(buf.ptr, buf.len, JSON_REJECT_DUPLICATES, NULL);
    if (ks_buf_err(&buf) != KS_OK || !json_is_object(json)
        || (status == 200) == (json_object_get(json, "error") != NULL))
        abort();
    json_decref(json);
    ks_buf_done(&buf);
}

static void read_record(struct ks_str bytes)
{
    struct ks_vault_slot slot;
    struct ks_buf again;

    if (ks_vault_slot_read(bytes, &slot) != KS_OK)
        return;
    ks_buf_init(&again, KS_VAULT_RECORD_LEN);
    ks_vault_slot_write(&again, &slot);
    if (ks_buf_err(&again) != KS_OK || !ks_str_eq(ks_buf_str(&again), bytes)) /* one form */
        abort();
    ks_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str bytes = ks_str(data, len);

    for (enum ks_vault_want want = KS_VAULT_EVAL; want <= KS_VAULT_TICKET; want++)
        read_request(want, bytes);
    write_answer(data, len);
    read_record(bytes);
    return 0;
}
