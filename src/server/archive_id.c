/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "archive_id.h"

#include "crypto.h"

#define BLOCK_LEN 16
#define PLAIN_LEN 15 /* with its padding, one block */

static const uint8_t no_iv[BLOCK_LEN];

/* The epoch in force at a row. */
static uint32_t epoch_at(const struct ks_archive_ids *ids, uint64_t row)
{
    uint32_t i = ids->epochs_count - 1;

    while (i > 0 && ids->epochs[i].first_row > row)
        i--;
    return ids->epochs[i].number;
}

static void number_write(uint8_t *to, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
}

static uint64_t number_read(const uint8_t *from, int bytes)
{
    uint64_t number = 0;

    for (int i = 0; i < bytes; i++)
        number = number << 8 | from[i];
    return number;
}

struct ks_str ks_archive_id_write(const struct ks_archive_ids *ids, uint64_t row, char text[KS_ARCHIVE_ID_LEN])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t plain[PLAIN_LEN] = { 0 }, block[BLOCK_LEN + BLOCK_LEN];
    size_t len;

    assert(row > 0 && ids->epochs_count > 0);
    number_write(plain, epoch_at(ids, row), 4);
    number_write(plain + 4, row, 8);
    /* Each plain text is one block and never comes twice, so a zero IV reveals nothing. */
    ks_aes_cbc_encrypt(ks_str(ids->key, sizeof ids->key), no_iv, ks_str(plain, sizeof plain), block, &len);
    assert(len == BLOCK_LEN);
    for (size_t i = 0; i < BLOCK_LEN; i++) {
        text[2 * i] = digits[block[i] >> 4];
        text[2 * i + 1] = digits[block[i] & 15];
    }
    return ks_str(text, KS_ARCHIVE_ID_LEN);
}

static int nibble(char digit)
{
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

enum ks_err ks_archive_id_read(const struct ks_archive_ids *ids, struct ks_str text, uint64_t *ret_row)
{
    uint8_t block[BLOCK_LEN], plain[BLOCK_LEN];
    uint64_t row;
    size_t len;

    if (text.len != KS_ARCHIVE_ID_LEN)
        return KS_ENOTFOUND;
    for (size_t i = 0; i < BLOCK_LEN; i++) {
        int high = nibble(text.ptr[2 * i]), low = nibble(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return KS_ENOTFOUND;
        block[i] = (uint8_t)(high << 4 | low);
    }
    if (ks_aes_cbc_decrypt(ks_str(ids->key, sizeof ids->key), no_iv, ks_str(block, sizeof block), plain, &len) != KS_OK
        || len != PLAIN_LEN || number_read(plain + 12, 3) != 0)
        return KS_ENOTFOUND;
    row = number_read(plain + 4, 8);
    if (row == 0 || row > INT64_MAX || number_read(plain, 4) != epoch_at(ids, row))
        return KS_ENOTFOUND;
    *ret_row = row;
    return KS_OK;
}
