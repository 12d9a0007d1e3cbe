/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "buf.h"
#include "vault_store.h"

#define RECORD_VERSION 1

void ks_vault_slot_write(struct ks_buf *buf, const struct ks_vault_slot *slot)
{
    ks_buf_byte(buf, RECORD_VERSION);
    ks_buf_byte(buf, (uint8_t)slot->kind);
    ks_buf_byte(buf, (uint8_t)slot->state);
    ks_buf_byte(buf, slot->nonce_open);
    ks_buf_add(buf, ks_str(slot->id, sizeof slot->id));
    ks_buf_u64(buf, slot->account);
    ks_buf_u64(buf, slot->device);
    ks_buf_add(buf, ks_str(slot->token_hash, sizeof slot->token_hash));
    ks_buf_add(buf, ks_str(slot->key, sizeof slot->key));
    ks_buf_add(buf, ks_str(slot->confirm, sizeof slot->confirm));
    ks_buf_add(buf, ks_str(slot->nonce, sizeof slot->nonce));
    ks_buf_add(buf, ks_str(slot->ticket, sizeof slot->ticket));
    ks_buf_u64(buf, (uint64_t)slot->ticket_end_ms);
    ks_buf_u64(buf, slot->gen);
    ks_buf_u32(buf, slot->tries);
    ks_buf_u64(buf, (uint64_t)slot->tried_ms);
    ks_buf_u64(buf, (uint64_t)slot->day_ms);
    ks_buf_u32(buf, slot->day_count);
    ks_buf_u64(buf, (uint64_t)slot->made_ms);
    ks_buf_u64(buf, (uint64_t)slot->confirmed_ms);
    ks_buf_u64(buf, (uint64_t)slot->gone_ms);
    for (size_t i = 0; i < KS_VAULT_UNLOCKS; i++)
        ks_buf_u64(buf, (uint64_t)slot->unlocked_ms[i]);
}

static bool take(struct ks_cursor *at, uint8_t *ret_bytes, size_t len)
{
    struct ks_str bytes;

    if (ks_cursor_take(at, len, &bytes) != KS_OK)
        return false;
    memcpy(ret_bytes, bytes.ptr, len);
    return true;
}

/* A time is one that a clock shows: neither negative nor beyond what can be added to. */
static bool take_time(struct ks_cursor *at, int64_t *ret_ms)
{
    uint64_t number;

    if (ks_cursor_u64(at, &number) != KS_OK || number > INT64_MAX / 4)
        return false;
    *ret_ms = (int64_t)number;
    return true;
}

static bool take_all(struct ks_cursor *at, struct ks_vault_slot *slot)
{
    uint8_t head[4];

    if (!take(at, head, sizeof head) || head[0] != RECORD_VERSION || head[1] < KS_VAULT_PIN
        || head[1] > KS_VAULT_SERVICE || head[2] < KS_VAULT_OPEN || head[2] > KS_VAULT_GONE || head[3] > 1)
        return false;
    slot->kind = (enum ks_vault_kind)head[1];
    slot->state = (enum ks_vault_state)head[2];
    slot->nonce_open = head[3] == 1;
    if (!take(at, slot->id, sizeof slot->id) || ks_cursor_u64(at, &slot->account) != KS_OK || !slot->account
        || ks_cursor_u64(at, &slot->device) != KS_OK || !take(at, slot->token_hash, sizeof slot->token_hash)
        || !take(at, slot->key, sizeof slot->key) || !take(at, slot->confirm, sizeof slot->confirm)
        || !take(at, slot->nonce, sizeof slot->nonce) || !take(at, slot->ticket, sizeof slot->ticket)
        || !take_time(at, &slot->ticket_end_ms) || ks_cursor_u64(at, &slot->gen) != KS_OK
        || ks_cursor_u32(at, &slot->tries) != KS_OK || slot->tries > KS_VAULT_TRIES_MAX
        || !take_time(at, &slot->tried_ms) || !take_time(at, &slot->day_ms)
        || ks_cursor_u32(at, &slot->day_count) != KS_OK || !take_time(at, &slot->made_ms)
        || !take_time(at, &slot->confirmed_ms) || !take_time(at, &slot->gone_ms))
        return false;
    for (size_t i = 0; i < KS_VAULT_UNLOCKS; i++)
        if (!take_time(at, &slot->unlocked_ms[i]))
            return false;
    return ks_cursor_done(at) && (slot->state != KS_VAULT_OPEN || slot->tries < KS_VAULT_TRIES_MAX);
}

enum ks_err ks_vault_slot_read(struct ks_str record, struct ks_vault_slot *ret_slot)
{
    struct ks_cursor at = ks_cursor(record);
    struct ks_vault_slot slot = { 0 };
    bool good = take_all(&at, &slot);

    if (good)
        *ret_slot = slot;
    ks_wipe(&slot, sizeof slot);
    return good ? KS_OK : KS_ESYNTAX;
}
