/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_push.c -- commands on what wakes an account's devices (push.h): which there are, and that they go. Of a push
 * service its host is told, and never the rest of its address: whoever has that can wake the device. */
#include <stdio.h>

#include "control.h"
#include "enc.h"
#include "push.h"
#include "say.h"
#include "user.h"

struct list {
    json_t *rows;
};

static void add(void *user, const struct ks_push_seen *seen)
{
    struct list *list = user;
    json_t *row = json_object();
    char device[17];

    snprintf(device, sizeof device, "%016llx", (unsigned long long)seen->device);
    json_object_set_new(row, "device", json_string(device));
    json_object_set_new(row, "kind", json_string(seen->kind));
    json_object_set_new(row, "service", json_stringn(seen->service.ptr, seen->service.len));
    if (seen->since_ms)
        json_object_set_new(row, "since_ms", json_integer(seen->since_ms));
    json_array_append_new(list->rows, row);
}

static bool exists(const struct ks_ctx *ctx, struct ks_control_call *call)
{
    if (ks_user_exists(ctx->user))
        return true;
    ks_control_answer(call, SAY("control.not-found"), NULL);
    return false;
}

static void list_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    struct list list = { .rows = NULL };

    if (!exists(ctx, call))
        return;
    list.rows = json_array();
    ks_push_each(ctx->user, add, &list);
    ks_webpush_each(ctx->user, add, &list);
    ks_control_audit(ctx, call); /* what somebody carries about is a question about a person */
    ks_control_answer_durable(ctx, call, json_pack("{s:o}", "push", list.rows));
}

static void push_list(struct ks_control_call *call)
{
    ks_control_at_home(call, list_at_home);
}

/* Empty: of all devices. KS_ESYNTAX. */
static enum ks_err read_device(struct ks_ctx *ctx, const struct ks_control_call *call, uint64_t *ret_device)
{
    struct ks_str text = ks_control_text(call, "device"), bytes;

    *ret_device = KS_DEVICES_ALL;
    if (!text.len)
        return KS_OK;
    if (text.len != KS_PUSH_DEVICE_LEN || ks_hex_read(ctx->arena, text, &bytes) != KS_OK)
        return KS_ESYNTAX;
    *ret_device = ks_push_device_read(text);
    return *ret_device ? KS_OK : KS_ESYNTAX;
}

static void remove_at_home(struct ks_ctx *ctx, struct ks_control_call *call)
{
    uint64_t device;

    if (!exists(ctx, call))
        return;
    if (read_device(ctx, call, &device) != KS_OK) {
        ks_control_answer(call, SAY("control.arguments"), NULL);
        return;
    }
    if (call->dry_run) {
        ks_control_answer(call, NULL, NULL);
        return;
    }
    ks_push_remove(ctx, device);
    ks_webpush_remove(ctx, device);
    ks_control_audit(ctx, call);
    ks_control_answer_durable(ctx, call, NULL);
}

static void push_remove(struct ks_control_call *call)
{
    ks_control_at_home(call, remove_at_home);
}

const struct ks_control_command ks_control_push[] = {
    { "push.list", KS_RIGHT_ACCOUNTS, true, "jid", "", push_list },
    { "push.remove", KS_RIGHT_ACCOUNTS, true, "jid", "device", push_remove, "device" },
    { NULL },
};
