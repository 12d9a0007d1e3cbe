/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What konsild carries to the registrar from whoever asks (doc/PROTOCOL.md §21.2, §21.4): requests, and words for other
 * devices. Nobody is invited and nobody certified, so whatever comes is refused, and the log stays as it was. */
#include "registrar.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "device_cert.h"

#define DOMAIN "klinik.example"
#define NOW INT64_C(1795312800)

static struct ks_arena kept;
static struct ks_prng chance;
static struct ks_registrar *registrar;
static struct ks_str csr;

static void must(bool good)
{
    if (!good)
        abort();
}

static bool verify(const uint8_t identity[32], struct ks_str bytes, struct ks_str signature)
{
    (void)identity;
    (void)bytes;
    (void)signature;
    return true;
}

/* The key in DER (RFC 5915), since OpenSSL has it and the contract signs with its 32 bytes. */
static EVP_PKEY *signer_key(uint8_t ret_secret[KS_P256_PRIVATE_LEN])
{
    static const uint8_t head[] = { 0x30, 0x31, 2, 1, 1, 4, 0x20 },
                         tail[] = { 0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
    uint8_t der[sizeof head + KS_P256_PRIVATE_LEN + sizeof tail];
    const unsigned char *at = der;

    ks_p256_generate(&chance, ret_secret);
    memcpy(der, head, sizeof head);
    memcpy(der + sizeof head, ret_secret, KS_P256_PRIVATE_LEN);
    memcpy(der + sizeof head + KS_P256_PRIVATE_LEN, tail, sizeof tail);
    return d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, sizeof der);
}

static void begin(void)
{
    static const uint8_t seed[KS_PRNG_SEED_LEN] = { 2, 1 };
    const struct ks_authority_names names = { "Klinikum", "CA", { DOMAIN }, 1 };
    const struct ks_validity validity = { NOW - 86400, NOW + 86400 };
    struct ks_registrar_setup setup = {
        .prng = &chance, .domain = KS_STR(DOMAIN), .valid_days = 180, .checkpoint_s = 3600, .verify_pop = verify
    };
    const struct ks_device_names who = { .jid = KS_STR("anna@" DOMAIN) };
    struct ks_device_claims claims = { .device = 1 };
    uint8_t secret[KS_P256_PRIVATE_LEN], seal[KS_P256_PRIVATE_LEN];
    EVP_PKEY *root = NULL, *signer = NULL;

    must(ks_crypto_init() == KS_OK);
    ks_arena_init(&kept, 1u << 20);
    ks_prng_init(&chance, seed);
    must((root = ks_authority_key()) && (setup.issuing_key = ks_authority_key())
        && (signer = signer_key(setup.signer_key)) && (setup.store = ks_memory_engine_store_new()));
    must(ks_authority_root(&kept, root, &names, &validity, &setup.root) == KS_OK
        && ks_authority_issuing(&kept, setup.root, root, setup.issuing_key, &names, &validity, &setup.issuing) == KS_OK
        && ks_signer_issue(&kept, setup.root, root, signer, &names, "r@" DOMAIN, &validity, &setup.signer) == KS_OK
        && ks_registrar_open(&setup, NOW * 1000, &registrar) == KS_OK);
    EVP_PKEY_free(root);
    EVP_PKEY_free(signer);
    ks_p256_generate(&chance, secret);
    ks_p256_generate(&chance, seal);
    must(ks_p256_public(seal, claims.seal_key) == KS_OK
        && ks_device_request_write(&kept, secret, &who, &claims, &csr) == KS_OK);
}

static void ask(const struct ks_enrol_request *request)
{
    struct ks_enrolled enrolled;
    struct ks_log_page page;
    struct ks_arena arena;

    ks_arena_init(&arena, 1u << 20);
    must(ks_registrar_enrol(registrar, &arena, request, NOW * 1000, &enrolled) == KS_OK
        && enrolled.refusal != KS_REFUSE_NONE && !enrolled.sealed.len);
    must(ks_registrar_page(registrar, &arena, 0, &page) == KS_OK && page.size == 2);
    ks_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t zeroes[64];
    struct ks_str bytes = ks_str((const char *)data, len), any = ks_str((const char *)zeroes, sizeof zeroes);

    if (!registrar)
        begin();
    ask(&(struct ks_enrol_request) { .csr = bytes, .pop = any, .mac = ks_str(zeroes, KS_ENROL_MAC_LEN) });
    ask(&(struct ks_enrol_request) { .csr = bytes, .pop = any, .renewal = any });
    ask(&(struct ks_enrol_request) { .csr = csr, .pop = any, .vouch = bytes, .vouch_sig = any });
    ask(&(struct ks_enrol_request) { .csr = csr, .pop = any, .mac = bytes });
    return 0;
}
