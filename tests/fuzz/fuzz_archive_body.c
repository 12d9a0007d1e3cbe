/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Bodies out of records that another device of the account sealed: what reads is written again to the same bytes, but
 * for the signature, which nobody made for this place. */
#include "archive_body.h"
#include "crypto.h"

#include <stdlib.h>

#define ANNA KS_STR("anna@klinik.example")

static const uint8_t period_key[KS_ARCHIVE_KEY_LEN] = { 7 }, signing_key[KS_P256_PRIVATE_LEN] = { 9 };

static int64_t time_of(const struct ks_archive_body *body)
{
    if (body->kind == KS_ARCHIVE_STATE)
        return body->state.time_ms;
    if (body->kind == KS_ARCHIVE_CERTIFICATES)
        return body->certificates.time_ms;
    return ks_str_eq(body->name.author, ANNA) ? body->message.time_ms : body->message.stamp_ms;
}

static enum ks_err write_any(
    struct ks_arena *arena, const struct ks_archive_body *body, struct ks_archive_place *place, struct ks_buf *buf)
{
    if (body->kind == KS_ARCHIVE_STATE)
        return ks_archive_state_write(arena, &body->state, &body->writer, signing_key, place, buf);
    if (body->kind == KS_ARCHIVE_CERTIFICATES)
        return ks_archive_certificates_write(arena, &body->certificates, &body->writer, signing_key, place, buf);
    return ks_archive_message_write(arena, &body->message, &body->writer, signing_key, place, buf);
}

static void write_again(struct ks_arena *arena, const struct ks_archive_body *body)
{
    struct ks_archive_place place = { ANNA, period_key, { { 0 } } };
    uint8_t key[KS_P256_PUBLIC_LEN];
    struct ks_buf buf;
    size_t len = body->bytes.len - KS_P256_SIGNATURE_LEN;

    if (ks_archive_period_of(KS_ARCHIVE_YEAR, time_of(body) / 1000, &place.header.period) != KS_OK)
        return;
    ks_buf_init(&buf, KS_ARCHIVE_BODY_MAX);
    if (write_any(arena, body, &place, &buf) != KS_OK
        || !ks_str_eq(ks_str_head(ks_buf_str(&buf), len), ks_str_head(body->bytes, len))
        || ks_archive_body_fits(&place, body) != KS_OK || ks_p256_public(signing_key, key) != KS_OK
        || ks_archive_body_signed(&place, body, key) == KS_OK)
        abort();
    ks_buf_done(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_archive_body body;
    struct ks_arena arena;

    if (ks_crypto_init() != KS_OK)
        return 0;
    ks_arena_init(&arena, 1u << 22);
    if (ks_archive_body_read(&arena, ANNA, ks_str(data, len), &body) == KS_OK)
        write_again(&arena, &body);
    ks_arena_done(&arena);
    return 0;
}
