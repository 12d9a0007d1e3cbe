/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "log_leaf.h"

#include "buf.h"

#define VERSION 1
#define JID_BYTES_MAX 3071 /* RFC 7622 §3.1 */

void ks_log_leaf_write(const struct ks_log_leaf *leaf, uint8_t ret_bytes[KS_LOG_LEAF_LEN])
{
    uint8_t *at = ret_bytes;

    *at++ = VERSION;
    *at++ = leaf->type;
    *at++ = 0;
    *at++ = 0;
    for (int i = 3; i >= 0; i--)
        *at++ = (uint8_t)(leaf->device >> (8 * i));
    for (int i = 7; i >= 0; i--)
        *at++ = (uint8_t)((uint64_t)leaf->time_ms >> (8 * i));
    memcpy(at, leaf->account, sizeof leaf->account);
    memcpy(at + sizeof leaf->account, leaf->object, sizeof leaf->object);
    memcpy(at + sizeof leaf->account + sizeof leaf->object, leaf->aux, sizeof leaf->aux);
}

enum ks_err ks_log_leaf_read(struct ks_str bytes, struct ks_log_leaf *ret_leaf)
{
    struct ks_cursor at = ks_cursor(bytes);
    struct ks_str account, object, aux;
    struct ks_log_leaf leaf;
    uint8_t version;
    uint16_t zero;
    uint64_t time_ms;

    if (bytes.len != KS_LOG_LEAF_LEN || ks_cursor_u8(&at, &version) != KS_OK || version != VERSION
        || ks_cursor_u8(&at, &leaf.type) != KS_OK || !leaf.type || ks_cursor_u16(&at, &zero) != KS_OK || zero
        || ks_cursor_u32(&at, &leaf.device) != KS_OK || ks_cursor_u64(&at, &time_ms) != KS_OK || time_ms > INT64_MAX
        || ks_cursor_take(&at, sizeof leaf.account, &account) != KS_OK
        || ks_cursor_take(&at, sizeof leaf.object, &object) != KS_OK
        || ks_cursor_take(&at, sizeof leaf.aux, &aux) != KS_OK)
        return KS_ESYNTAX;
    leaf.time_ms = (int64_t)time_ms;
    memcpy(leaf.account, account.ptr, account.len);
    memcpy(leaf.object, object.ptr, object.len);
    memcpy(leaf.aux, aux.ptr, aux.len);
    *ret_leaf = leaf;
    return KS_OK;
}

void ks_log_account(const uint8_t salt[KS_LOG_SALT_LEN], struct ks_str jid, uint8_t ret_account[KS_LOG_ACCOUNT_LEN])
{
    static const char purpose[] = "konsil/0 log account\n";
    char bytes[sizeof purpose - 1 + JID_BYTES_MAX];
    uint8_t mac[KS_HASH_MAX];

    assert(jid.len <= JID_BYTES_MAX);
    memcpy(bytes, purpose, sizeof purpose - 1);
    memcpy(bytes + sizeof purpose - 1, jid.ptr, jid.len);
    ks_hmac(KS_SHA256, ks_str((const char *)salt, KS_LOG_SALT_LEN), ks_str(bytes, sizeof purpose - 1 + jid.len), mac);
    memcpy(ret_account, mac, KS_LOG_ACCOUNT_LEN);
}
