/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* recover_world.h -- accounts whose devices are certified and have a key ring with a slot for officers: for tests of
 * what a device asks of them. */
#ifndef RECOVER_WORLD_H
#define RECOVER_WORLD_H

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "authority.h"
#include "enc.h"
#include "hpke.h"
#include "recover_request.h"

#define DAY_S INT64_C(86400)
#define RING_INFO KS_STR("konsil/0 ring slot\nof a test")

static struct ks_arena arena;
static struct ks_prng chance;

static void must(enum ks_err err, const char *what)
{
    if (err == KS_OK)
        return;
    printf("Bail out! %s: %s\n", what, ks_err_name(err));
    exit(1);
}

/* --- devices --- */

struct device {
    uint8_t secret[KS_P256_PRIVATE_LEN], seal_secret[KS_P256_PRIVATE_LEN];
    struct ks_device_names names;
    struct ks_str chain[2]; /* and its authority's */
};

static struct device new_device(struct ks_str issuing, EVP_PKEY *issuing_key, const char *jid, const char *person,
    const struct ks_validity *validity)
{
    struct device d = { .names = { .jid = ks_str_z(jid) }, .chain = { KS_STR_EMPTY, issuing } };
    const struct ks_device_person who = {
        .name = ks_str_z(person), .department = KS_STR("Innere Medizin"), .organisation = KS_STR("Klinikum Beispiel")
    };
    struct ks_device_claims claims = { .device = 27183, .envelope_min = 1, .kind = KS_DEVICE_PERSONAL };
    struct ks_device_request request;
    uint8_t serial[KS_SERIAL_LEN];
    struct ks_str csr;

    ks_p256_generate(&chance, d.secret);
    ks_p256_generate(&chance, d.seal_secret);
    must(ks_p256_public(d.seal_secret, claims.seal_key), "a sealing key");
    ks_prng_bytes(&chance, d.names.uuid, sizeof d.names.uuid);
    ks_prng_bytes(&chance, claims.identity, sizeof claims.identity);
    ks_prng_bytes(&chance, serial, sizeof serial);
    must(ks_device_request_write(&arena, d.secret, &d.names, &claims, &csr), "a request");
    must(ks_device_request_read(&arena, csr, &request), "reading a request");
    must(ks_device_issue(&arena, issuing, issuing_key, &request, &who, serial, validity, &d.chain[0]), "issuing");
    return d;
}

static void sign(const struct device *device, struct ks_str bytes, uint8_t ret_signature[KS_P256_SIGNATURE_LEN])
{
    uint8_t digest[32];

    ks_hash(KS_SHA256, bytes, digest);
    ks_p256_sign(device->secret, digest, ret_signature);
}

/* --- rings --- */

struct slot {
    uint8_t key[KS_P256_PUBLIC_LEN], sealed[KS_RECOVER_SEALED_LEN];
    struct ks_officers_slot slot; /* whose sealed is this one */
};

/* Seals a fresh key of an account to the officers' key. */
static void new_slot(struct slot *slot, const uint8_t key[KS_P256_PUBLIC_LEN], const char *jid, uint8_t ret_ak[32])
{
    uint8_t ephemeral[KS_P256_PRIVATE_LEN];

    ks_prng_bytes(&chance, ret_ak, 32);
    ks_p256_generate(&chance, ephemeral);
    memcpy(slot->key, key, sizeof slot->key);
    slot->slot.sealed = ks_str(slot->sealed, sizeof slot->sealed);
    must(ks_hpke_seal_with(ephemeral, key, RING_INFO, KS_STR_EMPTY, ks_str(ret_ak, 32), slot->slot.enc, slot->sealed),
        "sealing");
    must(ks_officers_slot_sign(ephemeral, ks_str_z(jid), &slot->slot), "signing a slot");
}

static void put(struct ks_buf *buf, const char *name, const uint8_t *bytes, size_t len)
{
    ks_buf_printf(buf, ",\"%s\":\"", name);
    ks_base64_add(buf, ks_str(bytes, len));
    ks_buf_byte(buf, '"');
}

/* As much of a ring as officers look at: a slot of another kind, then these. */
static struct ks_str ring_of(const char *jid, const struct slot *slots, size_t count)
{
    struct ks_str ring;
    struct ks_buf buf;

    ks_buf_init(&buf, KS_RECOVER_RING_MAX);
    ks_buf_printf(&buf, "konsil/0 ring\n{\"acct\":\"%s\",\"v\":1,\"slots\":[{\"kind\":\"device\"}", jid);
    for (size_t i = 0; i < count; i++) {
        ks_buf_z(&buf, ",{\"kind\":\"officers\"");
        put(&buf, "key", slots[i].key, sizeof slots[i].key);
        put(&buf, "enc", slots[i].slot.enc, sizeof slots[i].slot.enc);
        put(&buf, "sealed", slots[i].sealed, sizeof slots[i].sealed);
        put(&buf, "sig", slots[i].slot.signature, sizeof slots[i].slot.signature);
        ks_buf_byte(&buf, '}');
    }
    ks_buf_z(&buf, "],\"keys\":[]}");
    must(ks_buf_err(&buf), "a ring");
    must(ks_arena_copy(&arena, ks_buf_str(&buf), &ring), "a ring");
    ks_buf_done(&buf);
    return ring;
}

/* By the device that asks, with a ring that another one signed. */
static struct ks_recover_request request_by(
    const struct device *asks, const struct device *signer, struct ks_str ring, const char *reason, int64_t t_s)
{
    struct ks_recover_request request = { .account = asks->names.jid,
        .reason = ks_str_z(reason),
        .t_s = t_s,
        .chain = { asks->chain[0], asks->chain[1] },
        .chain_count = 2,
        .ring = ring,
        .ring_chain = { signer->chain[0], signer->chain[1] },
        .ring_chain_count = 2 };

    sign(signer, ring, request.ring_signature);
    return request;
}

#endif
