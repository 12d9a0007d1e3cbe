/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Entries of the key log. */
#include "log_leaf.h"

#include "check.h"
#include "enc.h"

int main(void)
{
    struct ks_log_leaf leaf = { .type = KS_LOG_REVOKE, .device = 27183, .time_ms = 1795312800123 }, got;
    static const uint8_t salt[KS_LOG_SALT_LEN] = { 1 }, other_salt[KS_LOG_SALT_LEN] = { 2 };
    uint8_t bytes[KS_LOG_LEAF_LEN], again[KS_LOG_LEAF_LEN], account[3][KS_LOG_ACCOUNT_LEN];
    struct ks_str whole = ks_str((char *)bytes, sizeof bytes);
    size_t wrong = 0, same = 0;
    struct ks_buf text;

    if (ks_crypto_init() != KS_OK)
        return 2;
    for (size_t i = 0; i < 32; i++) {
        leaf.object[i] = (uint8_t)i;
        leaf.aux[i] = (uint8_t)(0xe0 + i);
        leaf.account[i % 16] = (uint8_t)(0xa0 + i % 16);
    }
    ks_log_leaf_write(&leaf, bytes);
    ks_buf_init(&text, 1000);
    ks_hex_add(&text, whole);
    check_str("PROTOCOL §15.1: an entry, byte for byte", ks_buf_str(&text),
        KS_STR("0102000000006a2f000001a200fb517b" /* version, type, zero, device, time */
               "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
               "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
               "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"));
    check_err("reads", ks_log_leaf_read(whole, &got), KS_OK);
    ks_log_leaf_write(&got, again);
    check_str("as written", ks_str((char *)again, sizeof again), whole);
    for (size_t len = 0; len < whole.len; len++)
        wrong += ks_log_leaf_read(ks_str_head(whole, len), &got) == KS_OK;
    check_row(wrong == 0, "no beginning of an entry is one", "%zu are", wrong);
    /* Each byte either is refused, or says something else: none is passed over. */
    wrong = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 0x80;
        if (ks_log_leaf_read(whole, &got) == KS_OK) {
            ks_log_leaf_write(&got, again);
            same += memcmp(again, bytes, sizeof bytes) != 0;
        } else {
            wrong++;
        }
        bytes[i] ^= 0x80;
    }
    check_row(same == 0 && wrong == 4, "every byte of it counts; version, zeroes and a time before 1970 are refused",
        "%zu are passed over, %zu refused", same, wrong);
    bytes[1] = 200;
    check_row(ks_log_leaf_read(whole, &got) == KS_OK && got.type == 200,
        "what a newer version says is an entry all the same", "it is refused");
    bytes[1] = 0;
    check_err("nothing at all is none", ks_log_leaf_read(whole, &got), KS_ESYNTAX);
    ks_log_account(salt, KS_STR("p-4711@klinik.example"), account[0]);
    ks_log_account(salt, KS_STR("p-4712@klinik.example"), account[1]);
    ks_log_account(other_salt, KS_STR("p-4711@klinik.example"), account[2]);
    check_row(memcmp(account[0], account[1], 16) != 0 && memcmp(account[0], account[2], 16) != 0,
        "an account has a name of its own in each log", "it has not");
    ks_log_account(salt, KS_STR("p-4711@klinik.example"), account[1]);
    check_row(memcmp(account[0], account[1], 16) == 0, "and always the same", "another one");
    ks_buf_done(&text);
    return check_done();
}
