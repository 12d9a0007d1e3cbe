/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "crypto.h"
#include "log_leaf.h"

#define NOW_MS 1795312800000
#define HEX_32(pair)                                                                                                   \
    pair pair pair pair pair pair pair pair pair pair pair pair pair pair pair pair pair pair pair pair pair pair pair \
        pair pair pair pair pair pair pair pair pair
#define ACCOUNT "dae3f138ab35815c3f3200dad923eb0e"

static void salt_of(uint8_t salt[KS_LOG_SALT_LEN])
{
    for (uint8_t i = 0; i < KS_LOG_SALT_LEN; i++)
        salt[i] = i;
}

/* A leaf of each type that is as it should be. */
static struct ks_log_leaf good(enum ks_log_type type)
{
    struct ks_log_leaf leaf = { .type = (uint8_t)type, .time_ms = NOW_MS };
    struct ks_log_revocation revocation = { 1, NOW_MS - 800000, NOW_MS + 180 * 86400000ll };
    uint8_t salt[KS_LOG_SALT_LEN];

    salt_of(salt);
    if (type == KS_LOG_ISSUE || type == KS_LOG_REVOKE || type == KS_LOG_WIPE)
        leaf.device = 27183;
    if (leaf.device || type == KS_LOG_RECOVERY || type == KS_LOG_ERASED)
        ks_log_account(salt, KS_STR("anna@klinik.example"), leaf.account);
    if (type != KS_LOG_ERASED)
        memset(leaf.object, 0x11, sizeof leaf.object);
    if (type == KS_LOG_ISSUE || type == KS_LOG_RECOVERY)
        memset(leaf.aux, 0x22, sizeof leaf.aux);
    if (type == KS_LOG_REVOKE)
        ks_log_revocation_write(&leaf, &revocation);
    if (type == KS_LOG_POLICY)
        ks_log_policy_set(&leaf, 7);
    return leaf;
}

static const char *hex(const uint8_t *bytes, size_t len)
{
    static char text[2 * KS_LOG_LEAF_LEN + 1];

    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return text;
}

static void test_known_answers(void)
{
    static const struct {
        const char *name;
        enum ks_log_type type;
        const char *want;
    } rows[] = {
        { "PROTOCOL §15.1: a leaf of an issue, byte for byte", KS_LOG_ISSUE,
            "0101000000006a2f000001a200fb5100" ACCOUNT HEX_32("11") HEX_32("22") },
        { "PROTOCOL §15.1: a leaf of a revocation, byte for byte", KS_LOG_REVOKE,
            "0102000000006a2f000001a200fb5100" ACCOUNT HEX_32("11") "0100000000000000000001a200ef1c00000001a59ff40100"
                                                                    "0000000000000000" },
        { "PROTOCOL §15.1: a leaf of a policy, byte for byte", KS_LOG_POLICY,
            "0104000000000000000001a200fb510000000000000000000000000000000000" HEX_32(
                "11") "0000000000000007000000000000000000000000000000000000000000000000" },
    };
    uint8_t bytes[KS_LOG_LEAF_LEN], salt[KS_LOG_SALT_LEN], account[KS_LOG_ACCOUNT_LEN];
    struct ks_log_revocation revocation;
    struct ks_merkle_hash hash;
    struct ks_log_leaf leaf;
    char longest[KS_LOG_JID_MAX], last[2 * KS_LOG_ACCOUNT_LEN + 1];

    salt_of(salt);
    ks_log_account(salt, KS_STR("anna@klinik.example"), account);
    check_str("PROTOCOL §15.1: an account's name in the log", ks_str_z(hex(account, sizeof account)), KS_STR(ACCOUNT));
    salt[0] ^= 1;
    ks_log_account(salt, KS_STR("anna@klinik.example"), account);
    check_row(strcmp(hex(account, sizeof account), ACCOUNT) != 0, "with another salt it is another", "the same");
    memset(longest, 'a', sizeof longest);
    ks_log_account(salt, ks_str(longest, sizeof longest), account);
    snprintf(last, sizeof last, "%s", hex(account, sizeof account));
    longest[KS_LOG_JID_MAX - 1] = 'b';
    ks_log_account(salt, ks_str(longest, sizeof longest), account);
    check_row(
        strcmp(hex(account, sizeof account), last) != 0, "the longest address counts to its last byte", "the same");
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        leaf = good(rows[i].type);
        if (ks_log_leaf_write(&leaf, bytes) != KS_OK)
            exit(1);
        check_str(rows[i].name, ks_str_z(hex(bytes, sizeof bytes)), ks_str_z(rows[i].want));
    }
    leaf = good(KS_LOG_ISSUE);
    if (ks_log_leaf_write(&leaf, bytes) != KS_OK)
        exit(1);
    ks_merkle_leaf(ks_str(bytes, sizeof bytes), &hash);
    check_str("PROTOCOL §15.2: the hash of that leaf", ks_str_z(hex(hash.bytes, sizeof hash.bytes)),
        KS_STR("264862d50002e4d79560e4cf2e317b9846b50a09e7c4e8d68f12a3492141ac6c"));
    leaf = good(KS_LOG_REVOKE);
    ks_log_revocation_read(&leaf, &revocation);
    check_row(revocation.reason == 1 && revocation.since_ms == NOW_MS - 800000
            && revocation.until_ms == NOW_MS + 180 * 86400000ll,
        "a revocation says why, since when, and until when", "%d", revocation.reason);
    leaf = good(KS_LOG_POLICY);
    check_row(ks_log_policy_version(&leaf) == 7, "a policy has its version", "another");
}

static void test_every_type(void)
{
    uint8_t bytes[KS_LOG_LEAF_LEN], twice[KS_LOG_LEAF_LEN];
    struct ks_log_leaf leaf, again;
    char name[80];

    for (int type = KS_LOG_ISSUE; type <= KS_LOG_ERASED; type++) {
        leaf = good((enum ks_log_type)type);
        memset(&again, 0, sizeof again);
        enum ks_err err = ks_log_leaf_write(&leaf, bytes);
        if (err == KS_OK)
            err = ks_log_leaf_read(ks_str(bytes, sizeof bytes), &again);
        if (err == KS_OK)
            err = ks_log_leaf_write(&again, twice);
        snprintf(name, sizeof name, "a leaf of type %d that was written is read as it was", type);
        check_row(err == KS_OK && again.type == type && memcmp(bytes, twice, sizeof bytes) == 0, name, "%s",
            ks_err_name(err));
    }
}

/* One byte of a good leaf replaced. */
static const struct {
    const char *name;
    enum ks_log_type type;
    size_t at;
    uint8_t byte;
    enum ks_err want;
} changes[] = {
    { "a leaf as it is written is read", KS_LOG_ISSUE, 0, 1, KS_OK },
    { "a newer version stops the reader, which says so", KS_LOG_ISSUE, 0, 2, KS_EVERSION },
    { "version 0 is none", KS_LOG_ISSUE, 0, 0, KS_ESYNTAX },
    { "type 0 is none", KS_LOG_ISSUE, 1, 0, KS_ESYNTAX },
    { "a type that a later version knows is read, and kept as unknown", KS_LOG_ISSUE, 1, 9, KS_OK },
    { "so is the last one", KS_LOG_ISSUE, 1, 255, KS_OK },
    { "a byte that has to be zero is not: refused", KS_LOG_ISSUE, 2, 1, KS_ESYNTAX },
    { "the other one, too", KS_LOG_ISSUE, 3, 1, KS_ESYNTAX },
    { "a device's number above 2^31 - 1 is refused", KS_LOG_ISSUE, 4, 0x80, KS_ESYNTAX },
    { "a time behind the year 9999 is refused", KS_LOG_ISSUE, 10, 0xff, KS_ESYNTAX },
    { "a time that a signed number does not hold is refused", KS_LOG_ISSUE, 8, 0x80, KS_ESYNTAX },
    { "an issue without a voucher is read", KS_LOG_ISSUE, 64, 0, KS_OK },
    { "an authority's certificate belongs to no device", KS_LOG_SIGNER, 7, 1, KS_ESYNTAX },
    { "nor to an account", KS_LOG_SIGNER, 16, 1, KS_ESYNTAX },
    { "and has nothing in aux", KS_LOG_SIGNER, 95, 1, KS_ESYNTAX },
    { "a partner's neither", KS_LOG_CROSS, 64, 1, KS_ESYNTAX },
    { "a policy has nothing behind its version", KS_LOG_POLICY, 72, 1, KS_ESYNTAX },
    { "and has a version", KS_LOG_POLICY, 71, 0, KS_ESYNTAX },
    { "an order to wipe has nothing in aux", KS_LOG_WIPE, 64, 1, KS_ESYNTAX },
    { "a recovery belongs to no device", KS_LOG_RECOVERY, 7, 1, KS_ESYNTAX },
    { "an account that is gone has no object", KS_LOG_ERASED, 32, 1, KS_ESYNTAX },
    { "a revocation has nothing behind its reason", KS_LOG_REVOKE, 65, 1, KS_ESYNTAX },
    { "nor behind the certificate's end", KS_LOG_REVOKE, 95, 1, KS_ESYNTAX },
    { "it begins before the certificate's end", KS_LOG_REVOKE, 74, 2, KS_ESYNTAX },
    { "which is before the year 10000", KS_LOG_REVOKE, 80, 1, KS_ESYNTAX },
    { "a reason of another number is read", KS_LOG_REVOKE, 64, 99, KS_OK },
};

/* A field of a good leaf emptied. */
static const struct {
    const char *name;
    enum ks_log_type type;
    size_t at, len;
    enum ks_err want;
} holes[] = {
    { "an issue without a device is refused", KS_LOG_ISSUE, 4, 4, KS_ESYNTAX },
    { "an issue without an account is refused", KS_LOG_ISSUE, 16, 16, KS_ESYNTAX },
    { "an issue without a certificate is refused", KS_LOG_ISSUE, 32, 32, KS_ESYNTAX },
    { "a revocation of a device's certificate without the account is refused", KS_LOG_REVOKE, 16, 16, KS_ESYNTAX },
    { "one for an account without the device, too", KS_LOG_REVOKE, 4, 4, KS_ESYNTAX },
    { "a revocation without its times is refused", KS_LOG_REVOKE, 64, 32, KS_ESYNTAX },
    { "a wipe without a slot is refused", KS_LOG_WIPE, 32, 32, KS_ESYNTAX },
    { "a recovery without who got it is refused", KS_LOG_RECOVERY, 64, 32, KS_ESYNTAX },
    { "an account that is gone without the account is refused", KS_LOG_ERASED, 16, 16, KS_ESYNTAX },
};

static void test_form(void)
{
    uint8_t bytes[KS_LOG_LEAF_LEN + 1];
    struct ks_log_leaf leaf, again;

    for (size_t i = 0; i < KS_COUNT(changes); i++) {
        leaf = good(changes[i].type);
        if (ks_log_leaf_write(&leaf, bytes) != KS_OK)
            exit(1);
        bytes[changes[i].at] = changes[i].byte;
        check_err(changes[i].name, ks_log_leaf_read(ks_str(bytes, KS_LOG_LEAF_LEN), &again), changes[i].want);
    }
    for (size_t i = 0; i < KS_COUNT(holes); i++) {
        leaf = good(holes[i].type);
        if (ks_log_leaf_write(&leaf, bytes) != KS_OK)
            exit(1);
        memset(bytes + holes[i].at, 0, holes[i].len);
        check_err(holes[i].name, ks_log_leaf_read(ks_str(bytes, KS_LOG_LEAF_LEN), &again), holes[i].want);
    }
    leaf = good(KS_LOG_REVOKE);
    leaf.device = 0;
    memset(leaf.account, 0, sizeof leaf.account);
    check_err(
        "an authority's certificate is revoked without device and account", ks_log_leaf_write(&leaf, bytes), KS_OK);
    check_err("a leaf is not shorter", ks_log_leaf_read(ks_str(bytes, KS_LOG_LEAF_LEN - 1), &again), KS_ESYNTAX);
    check_err("nor longer", ks_log_leaf_read(ks_str(bytes, KS_LOG_LEAF_LEN + 1), &again), KS_ESYNTAX);
    check_err("nor empty", ks_log_leaf_read(KS_STR_EMPTY, &again), KS_ESYNTAX);
}

static void test_writer(void)
{
    struct ks_log_leaf leaf = good(KS_LOG_ISSUE);
    uint8_t bytes[KS_LOG_LEAF_LEN] = { 0 };

    leaf.type = 9;
    check_err("nobody writes a type that he does not know", ks_log_leaf_write(&leaf, bytes), KS_ESYNTAX);
    leaf = good(KS_LOG_ISSUE);
    leaf.time_ms = -1;
    check_err("nor a time before 1970", ks_log_leaf_write(&leaf, bytes), KS_ESYNTAX);
    leaf = good(KS_LOG_ISSUE);
    leaf.device = 0;
    check_err("nor what no reader takes", ks_log_leaf_write(&leaf, bytes), KS_ESYNTAX);
    check_row(!bytes[0], "and of what is refused nothing is written", "%d", bytes[0]);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    test_known_answers();
    test_every_type();
    test_form();
    test_writer();
    return check_done();
}
