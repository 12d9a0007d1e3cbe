/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Records that konsild gives back: what has a header wants a key that exists, and none opens that was not sealed. What
 * is sealed with the bytes as its body opens to them. */
#include "archive_record.h"
#include "crypto.h"

static const uint8_t key[KS_ARCHIVE_KEY_LEN] = { 7 }, salt[KS_ARCHIVE_SALT_LEN] = { 8 };

static void read_record(struct ks_str in)
{
    struct ks_archive_header header;
    struct ks_archive_period again;
    struct ks_buf body;

    if (ks_archive_header_read(in, &header) != KS_OK)
        return;
    assert(ks_archive_period_of(header.period.class, header.period.start, &again) == KS_OK);
    assert(again.start == header.period.start);
    ks_buf_init_secret(&body, KS_ARCHIVE_RECORD_MAX);
    assert(ks_archive_open(key, KS_STR("anna@klinik.example"), salt, in, &header, &body) == KS_ECRYPTO);
    ks_buf_done(&body);
}

static void seal_body(struct ks_str in)
{
    static const uint8_t seed[KS_PRNG_SEED_LEN] = { 1 };
    struct ks_archive_header header = { .period = { KS_ARCHIVE_YEAR, 345600, 1 } }, got;
    uint8_t fresh[KS_ARCHIVE_SALT_LEN];
    struct ks_buf record, body;
    struct ks_prng prng;

    ks_prng_init(&prng, seed);
    ks_buf_init(&record, KS_ARCHIVE_RECORD_MAX);
    ks_buf_init_secret(&body, KS_ARCHIVE_RECORD_MAX);
    if (ks_archive_seal(&prng, key, KS_STR("anna@klinik.example"), &header, in, fresh, &record) == KS_OK) {
        assert(ks_archive_open(key, KS_STR("anna@klinik.example"), fresh, ks_buf_str(&record), &got, &body) == KS_OK);
        assert(ks_str_eq(ks_buf_str(&body), in));
    } else {
        assert(in.len > KS_ARCHIVE_BODY_MAX);
    }
    ks_buf_done(&body);
    ks_buf_done(&record);
    ks_prng_done(&prng);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str in = ks_str(data, len);

    read_record(in);
    seal_body(in);
    return 0;
}
