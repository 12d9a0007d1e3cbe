/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* clinic.h -- a small hospital for tests of what its devices sign: a root, an authority below it, certified devices,
 * and an order that one of them wrote. */
#ifndef CLINIC_H
#define CLINIC_H

#include <openssl/evp.h>

#include "authority.h"
#include "check.h"
#include "clinical.h"

#define NOW INT64_C(1795312800) /* 2026-11-22 */
#define NOW_MS (NOW * 1000)
#define DAY INT64_C(86400)
#define ANNA "p-4711@klinik.example"
#define JONAS "p-4712@klinik.example"

static struct ks_arena arena;
static struct ks_prng chance;

struct clinic {
    EVP_PKEY *top, *below;
    struct ks_str root, issuing;
};

static void must(enum ks_err err, const char *what)
{
    if (err == KS_OK)
        return;
    printf("Bail out! %s: %s\n", what, ks_err_name(err));
    exit(1);
}

static struct clinic new_clinic(const char *domain)
{
    static const struct ks_validity ten_years = { NOW - DAY, NOW + 3650 * DAY }, year = { NOW - DAY, NOW + 365 * DAY };
    struct clinic c = { .top = ks_authority_key(), .below = ks_authority_key() };
    const struct ks_authority_names root = { "Klinikum Beispiel", "Wurzel", { domain }, 1 };
    const struct ks_authority_names issuing = { "Klinikum Beispiel", "Ausstellende CA", { domain }, 1 };

    must(c.top && c.below ? KS_OK : KS_ENOMEM, "keys");
    must(ks_authority_root(&arena, c.top, &root, &ten_years, &c.root), "a root");
    must(ks_authority_issuing(&arena, c.root, c.top, c.below, &issuing, &year, &c.issuing), "an issuing authority");
    return c;
}

static void clinic_done(struct clinic *c)
{
    EVP_PKEY_free(c->top);
    EVP_PKEY_free(c->below);
}

struct member {
    uint8_t secret[KS_P256_PRIVATE_LEN];
    struct ks_str chain[2];
};

static struct member new_member(const struct clinic *c, const char *jid, const char *name, const char *department)
{
    const struct ks_validity half_year = { NOW - 3600, NOW + 180 * DAY };
    const struct ks_device_person person = {
        .name = ks_str_z(name), .department = ks_str_z(department), .organisation = KS_STR("Klinikum Beispiel")
    };
    struct ks_device_names names = { .jid = ks_str_z(jid) };
    struct ks_device_claims claims = { .device = 27183, .envelope_min = 1, .kind = KS_DEVICE_CLI };
    struct ks_device_request request;
    uint8_t serial[KS_SERIAL_LEN];
    struct ks_str csr;
    struct member m;

    ks_p256_generate(&chance, m.secret);
    must(ks_p256_public(m.secret, claims.seal_key), "a key");
    ks_prng_bytes(&chance, names.uuid, sizeof names.uuid);
    ks_prng_bytes(&chance, claims.identity, sizeof claims.identity);
    ks_prng_bytes(&chance, serial, sizeof serial);
    must(ks_device_request_write(&arena, m.secret, &names, &claims, &csr), "a request");
    must(ks_device_request_read(&arena, csr, &request), "reading a request");
    must(ks_device_issue(&arena, c->issuing, c->below, &request, &person, serial, &half_year, &m.chain[0]), "issuing");
    m.chain[1] = c->issuing;
    return m;
}

static struct ks_str jonas_alone[] = { KS_STR_INIT(JONAS) };

static struct ks_clinical an_order(void)
{
    struct ks_clinical order = { .type = KS_CLINICAL_ORDER,
        .id = KS_STR("0123456789abcdef0123456789abcdef"),
        .jid = KS_STR(ANNA),
        .name = KS_STR("Dr. Jana Brandt"),
        .dept = KS_STR("Kardiologie"),
        .to = jonas_alone,
        .to_count = 1,
        .time_ms = NOW_MS,
        .case_id = KS_STR("F-2026-0815"),
        .text = KS_STR("Heparin 5000 IE s.c., \"jetzt\"\nund dann 3\303\227 t\303\244glich"),
        .log_size = 17 };

    memset(order.log_root.bytes, 0x11, sizeof order.log_root.bytes);
    return order;
}

static struct ks_str written(const struct ks_clinical *clinical)
{
    struct ks_str data;

    must(ks_clinical_write(&arena, clinical, &data), "writing");
    return data;
}

/* With one bit of a byte changed. */
static inline struct ks_str flipped(struct ks_str bytes, size_t at)
{
    char *copy = ks_arena_alloc(&arena, bytes.len);

    must(copy ? KS_OK : KS_ENOMEM, "a copy");
    memcpy(copy, bytes.ptr, bytes.len);
    copy[at] ^= 1;
    return ks_str(copy, bytes.len);
}

#endif
