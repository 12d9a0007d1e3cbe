/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "log_leaf.h"

#include "crypto.h"

#define VERSION 1
#define DEVICE_MAX 0x7fffffff
#define PURPOSE_ACCOUNT "konsil/0 log account\n"

/* What each type has in its fields. */
enum has { NOTHING, SOMETHING, ANYTHING };
static const struct {
    enum has device, account, object, aux;
} forms[] = {
    [KS_LOG_ISSUE] = { SOMETHING, SOMETHING, SOMETHING, ANYTHING },
    [KS_LOG_REVOKE] = { ANYTHING, ANYTHING, SOMETHING, SOMETHING },
    [KS_LOG_SIGNER] = { NOTHING, NOTHING, SOMETHING, NOTHING },
    [KS_LOG_POLICY] = { NOTHING, NOTHING, SOMETHING, SOMETHING },
    [KS_LOG_WIPE] = { SOMETHING, SOMETHING, SOMETHING, NOTHING },
    [KS_LOG_RECOVERY] = { NOTHING, SOMETHING, SOMETHING, SOMETHING },
    [KS_LOG_CROSS] = { NOTHING, NOTHING, SOMETHING, NOTHING },
    [KS_LOG_ERASED] = { NOTHING, SOMETHING, NOTHING, NOTHING },
};

static bool zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

static bool fits(enum has has, const uint8_t *bytes, size_t len)
{
    return has == ANYTHING || (has == NOTHING) == zero(bytes, len);
}

static uint64_t number_at(const uint8_t *bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < 8; i++)
        number = number << 8 | bytes[i];
    return number;
}

static void number_to(uint8_t *bytes, uint64_t number)
{
    for (size_t i = 8; i-- > 0; number >>= 8)
        bytes[i] = (uint8_t)number;
}

/* reason u8, 7 zeroes, since u64, until u64, 8 zeroes. */
static bool revocation_good(const struct ks_log_leaf *leaf)
{
    uint64_t since = number_at(leaf->aux + 8), until = number_at(leaf->aux + 16);

    return zero(leaf->aux + 1, 7) && zero(leaf->aux + 24, 8) && since <= until && until <= KS_LOG_TIME_MAX_MS
        && !leaf->device == zero(leaf->account, sizeof leaf->account);
}

static bool leaf_good(const struct ks_log_leaf *leaf)
{
    if (!leaf->type || leaf->device > DEVICE_MAX || leaf->time_ms < 0 || leaf->time_ms > KS_LOG_TIME_MAX_MS)
        return false;
    if (leaf->type >= KS_COUNT(forms))
        return true;
    if (!fits(forms[leaf->type].device, (const uint8_t *)&leaf->device, sizeof leaf->device)
        || !fits(forms[leaf->type].account, leaf->account, sizeof leaf->account)
        || !fits(forms[leaf->type].object, leaf->object, sizeof leaf->object)
        || !fits(forms[leaf->type].aux, leaf->aux, sizeof leaf->aux))
        return false;
    if (leaf->type == KS_LOG_REVOKE)
        return revocation_good(leaf);
    return leaf->type != KS_LOG_POLICY || zero(leaf->aux + 8, sizeof leaf->aux - 8);
}

enum ks_err ks_log_leaf_read(struct ks_str bytes, struct ks_log_leaf *ret_leaf)
{
    const uint8_t *at = (const uint8_t *)bytes.ptr;
    struct ks_log_leaf leaf = { 0 };
    uint64_t time_ms;

    if (bytes.len != KS_LOG_LEAF_LEN)
        return KS_ESYNTAX;
    if (at[0] != VERSION)
        return at[0] > VERSION ? KS_EVERSION : KS_ESYNTAX;
    leaf.type = at[1];
    leaf.device = (uint32_t)at[4] << 24 | (uint32_t)at[5] << 16 | (uint32_t)at[6] << 8 | at[7];
    if ((time_ms = number_at(at + 8)) > KS_LOG_TIME_MAX_MS)
        return KS_ESYNTAX;
    leaf.time_ms = (int64_t)time_ms;
    memcpy(leaf.account, at + 16, sizeof leaf.account);
    memcpy(leaf.object, at + 32, sizeof leaf.object);
    memcpy(leaf.aux, at + 64, sizeof leaf.aux);
    if (!zero(at + 2, 2) || !leaf_good(&leaf))
        return KS_ESYNTAX;
    *ret_leaf = leaf;
    return KS_OK;
}

enum ks_err ks_log_leaf_write(const struct ks_log_leaf *leaf, uint8_t ret_bytes[KS_LOG_LEAF_LEN])
{
    if (!leaf_good(leaf) || leaf->type >= KS_COUNT(forms))
        return KS_ESYNTAX;
    memset(ret_bytes, 0, KS_LOG_LEAF_LEN);
    ret_bytes[0] = VERSION;
    ret_bytes[1] = leaf->type;
    number_to(ret_bytes + 8, (uint64_t)leaf->time_ms);
    ret_bytes[4] = (uint8_t)(leaf->device >> 24);
    ret_bytes[5] = (uint8_t)(leaf->device >> 16);
    ret_bytes[6] = (uint8_t)(leaf->device >> 8);
    ret_bytes[7] = (uint8_t)leaf->device;
    memcpy(ret_bytes + 16, leaf->account, sizeof leaf->account);
    memcpy(ret_bytes + 32, leaf->object, sizeof leaf->object);
    memcpy(ret_bytes + 64, leaf->aux, sizeof leaf->aux);
    return KS_OK;
}

void ks_log_revocation_read(const struct ks_log_leaf *leaf, struct ks_log_revocation *ret_revocation)
{
    ret_revocation->reason = leaf->aux[0];
    ret_revocation->since_ms = (int64_t)number_at(leaf->aux + 8);
    ret_revocation->until_ms = (int64_t)number_at(leaf->aux + 16);
}

void ks_log_revocation_write(struct ks_log_leaf *leaf, const struct ks_log_revocation *revocation)
{
    memset(leaf->aux, 0, sizeof leaf->aux);
    leaf->aux[0] = revocation->reason;
    number_to(leaf->aux + 8, (uint64_t)revocation->since_ms);
    number_to(leaf->aux + 16, (uint64_t)revocation->until_ms);
}

uint64_t ks_log_policy_version(const struct ks_log_leaf *leaf)
{
    return number_at(leaf->aux);
}

void ks_log_policy_set(struct ks_log_leaf *leaf, uint64_t version)
{
    memset(leaf->aux, 0, sizeof leaf->aux);
    number_to(leaf->aux, version);
}

void ks_log_account(const uint8_t salt[KS_LOG_SALT_LEN], struct ks_str jid, uint8_t ret_account[KS_LOG_ACCOUNT_LEN])
{
    char text[sizeof PURPOSE_ACCOUNT - 1 + KS_LOG_JID_MAX];
    size_t len = sizeof PURPOSE_ACCOUNT - 1;
    uint8_t mac[32];

    assert(jid.len <= KS_LOG_JID_MAX);
    memcpy(text, PURPOSE_ACCOUNT, len);
    memcpy(text + len, jid.ptr, jid.len);
    ks_hmac(KS_SHA256, ks_str(salt, KS_LOG_SALT_LEN), ks_str(text, len + jid.len), mac);
    memcpy(ret_account, mac, KS_LOG_ACCOUNT_LEN);
}
