/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Argon2id as the sodium driver has it, for a test whose registrar needs OpenSSL's. */
#include <sodium/crypto_pwhash_argon2id.h>

#include "crypto.h"

enum ks_err __wrap_ks_argon2id(
    struct ks_str password, const uint8_t salt[16], uint32_t kib, uint32_t passes, uint8_t ret_key[32]);

enum ks_err __wrap_ks_argon2id(
    struct ks_str password, const uint8_t salt[16], uint32_t kib, uint32_t passes, uint8_t ret_key[32])
{
    return crypto_pwhash_argon2id(ret_key, 32, password.ptr, password.len, salt, passes, (size_t)kib * 1024,
               crypto_pwhash_argon2id_ALG_ARGON2ID13)
            == 0
        ? KS_OK
        : KS_ENOMEM;
}
