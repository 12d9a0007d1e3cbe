/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Words that somebody types from paper: a share that is taken has one form, and lines of them are put together. */
#include "slip39.h"

#include <stdlib.h>

static void read_share(struct ks_str text, struct ks_slip39_share *share)
{
    struct ks_slip39_share again;
    struct ks_buf buf;
    unsigned word;

    ks_buf_init(&buf, KS_SLIP39_TEXT_MAX);
    ks_slip39_write(share, &buf);
    if (ks_buf_err(&buf) != KS_OK || ks_slip39_read(ks_buf_str(&buf), &again, &word) != KS_OK
        || memcmp(&again, share, sizeof again) != 0 || ks_buf_str(&buf).len > text.len)
        abort();
    ks_buf_done(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_slip39_share shares[KS_SLIP39_SHARES_MAX];
    struct ks_str left = ks_str(data, len), line;
    uint8_t secret[KS_SLIP39_SECRET_MAX];
    size_t count = 0, secret_len = 0;
    unsigned word;

    if (ks_crypto_init() != KS_OK)
        return 0;
    memset(shares, 0, sizeof shares);
    while (count < KS_SLIP39_SHARES_MAX && ks_str_cut(&left, '\n', &line)) {
        enum ks_err err = ks_slip39_read(line, &shares[count], &word);
        if ((err != KS_ESYNTAX && word) || word > KS_SLIP39_WORDS_MAX)
            abort();
        if (err == KS_OK)
            read_share(line, &shares[count++]);
    }
    for (size_t i = 0; i < count; i++)
        if (shares[i].exponent) /* its rounds are none of this */
            return 0;
    if (ks_slip39_combine(shares, count, KS_STR_EMPTY, secret, &secret_len) == KS_OK
        && (secret_len < KS_SLIP39_SECRET_MIN || secret_len > KS_SLIP39_SECRET_MAX || secret_len % 2))
        abort();
    return 0;
}
