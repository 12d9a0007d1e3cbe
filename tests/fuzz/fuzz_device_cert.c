/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Certificates that strangers show, and requests that devices send, through both libraries: what is taken has the form,
 * and what OpenSSL signs of a request reads back as it was asked for. */
#include "authority.h"

#include <stdlib.h>

#include "device_cert.h"

static void read_claims(struct ks_str bytes)
{
    struct ks_device_claims claims;
    struct ks_buf again;

    if (ks_device_claims_read(bytes, &claims) != KS_OK)
        return;
    ks_buf_init(&again, KS_CLAIMS_BYTES_MAX);
    ks_device_claims_write(&again, &claims);
    if (!ks_str_eq(ks_buf_str(&again), bytes)) /* DER has one form */
        abort();
    ks_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str bytes = ks_str((const char *)data, len);
    struct ks_device_request request;
    struct ks_device_names names;
    struct ks_device_cert cert;
    enum ks_cert_verdict verdict;
    struct ks_arena arena;
    uint8_t hash[32];

    ks_arena_init(&arena, 1u << 20);
    read_claims(bytes);
    if (ks_device_names_read(bytes, &names) == KS_OK && (!names.jid.len || names.jid.len > len))
        abort();
    if (ks_device_request_read(&arena, bytes, &request) == KS_OK && !request.names.jid.len)
        abort();
    /* Its own root: then the path is one signature long. */
    if (ks_device_chain_check(&arena, &bytes, 1, bytes, 1795312800, &cert, &verdict) != KS_OK)
        abort();
    if (verdict == KS_CERT_GOOD) /* a device is no authority */
        abort();
    if (verdict >= KS_CERT_PATH && (!cert.name.len || !cert.names.jid.len || !cert.claims.device))
        abort();
    if (ks_cert_key_hash(bytes, hash) != KS_OK && verdict != KS_CERT_MALFORMED) /* both parse it */
        abort();
    ks_arena_done(&arena);
    return 0;
}
