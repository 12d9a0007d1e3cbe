/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "token_record.h"

#include "sasl_ht.h"

#define RECORD_VERSION 1

void ks_tokens_write(struct ks_buf *buf, const struct ks_tokens *tokens)
{
    ks_buf_byte(buf, RECORD_VERSION);
    for (size_t i = 0; i < KS_TOKEN_SLOTS; i++) {
        const struct ks_token *token = &tokens->slots[i];
        ks_buf_byte(buf, token->mechanism);
        if (!token->mechanism)
            continue;
        ks_buf_add(buf, ks_str(token->salt, sizeof token->salt));
        ks_buf_u32(buf, token->expiry);
        ks_buf_u32(buf, token->count);
    }
}

static bool known(uint8_t code)
{
    for (size_t i = 0; i < KS_HT_MECHANISMS; i++)
        if (ks_ht_mechanisms[i].code == code)
            return true;
    return false;
}

static enum ks_err read_slot(struct ks_cursor *at, struct ks_token *token)
{
    struct ks_str salt;
    enum ks_err err;

    if ((err = ks_cursor_u8(at, &token->mechanism)) != KS_OK || !token->mechanism)
        return err;
    if (!known(token->mechanism))
        return KS_ESYNTAX;
    if ((err = ks_cursor_take(at, sizeof token->salt, &salt)) != KS_OK
        || (err = ks_cursor_u32(at, &token->expiry)) != KS_OK || (err = ks_cursor_u32(at, &token->count)) != KS_OK)
        return err;
    memcpy(token->salt, salt.ptr, sizeof token->salt);
    return KS_OK;
}

enum ks_err ks_tokens_read(struct ks_str record, struct ks_tokens *ret_tokens)
{
    struct ks_cursor at = ks_cursor(record);
    struct ks_tokens tokens = { 0 };
    uint8_t version;
    enum ks_err err;

    if ((err = ks_cursor_u8(&at, &version)) != KS_OK)
        return err;
    if (version != RECORD_VERSION)
        return KS_EVERSION;
    for (size_t i = 0; i < KS_TOKEN_SLOTS; i++)
        if ((err = read_slot(&at, &tokens.slots[i])) != KS_OK)
            return err;
    if (!ks_cursor_done(&at))
        return KS_ESYNTAX;
    *ret_tokens = tokens;
    return KS_OK;
}
