/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crypto_driver.h -- what a driver gives crypto_common.c beside the functions of crypto.h. */
#ifndef KS_CRYPTO_DRIVER_H
#define KS_CRYPTO_DRIVER_H

#include "crypto.h"

enum ks_direction { KS_DECRYPT, KS_ENCRYPT };

/* AES-CBC over whole blocks, without padding; in place or into memory of its own. */
void ks_driver_cbc(
    enum ks_direction direction, struct ks_str key, const uint8_t iv[16], struct ks_str blocks, uint8_t *ret_blocks);

/* 1 <= scalar < order of P-256; takes the same time for every scalar. */
bool ks_p256_in_range(const uint8_t scalar[32]);

#endif
