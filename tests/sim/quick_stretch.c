/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* quick_stretch.c -- passwords without the cost of stretching, where a test logs in thousands of times. Linked with
 * --wrap=ks_pbkdf2, so that both ends of SCRAM use it and everything else is as it is. */
#include "crypto.h"

void __wrap_ks_pbkdf2(
    enum ks_hash hash, struct ks_str password, struct ks_str salt, uint32_t iterations, uint8_t *ret_key);

void __wrap_ks_pbkdf2(
    enum ks_hash hash, struct ks_str password, struct ks_str salt, uint32_t iterations, uint8_t *ret_key)
{
    (void)iterations;
    ks_hmac(hash, password, salt, ret_key);
}
