/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "ed25519.h"

#include <sodium/crypto_sign_ed25519.h>

_Static_assert(crypto_sign_ed25519_SEEDBYTES == KS_ED25519_SEED_LEN, "seed");
_Static_assert(crypto_sign_ed25519_PUBLICKEYBYTES == KS_ED25519_PUBLIC_LEN, "public key");
_Static_assert(crypto_sign_ed25519_BYTES == KS_ED25519_SIGNATURE_LEN, "signature");

static const uint8_t *start_of(struct ks_str bytes)
{
    return (const uint8_t *)(bytes.len ? bytes.ptr : "");
}

void ks_ed25519_public(const uint8_t seed[KS_ED25519_SEED_LEN], uint8_t ret_public[KS_ED25519_PUBLIC_LEN])
{
    uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];

    crypto_sign_ed25519_seed_keypair(ret_public, secret, seed);
    ks_wipe(secret, sizeof secret);
}

void ks_ed25519_sign(
    const uint8_t seed[KS_ED25519_SEED_LEN], struct ks_str bytes, uint8_t ret_signature[KS_ED25519_SIGNATURE_LEN])
{
    uint8_t public_key[KS_ED25519_PUBLIC_LEN], secret[crypto_sign_ed25519_SECRETKEYBYTES];

    crypto_sign_ed25519_seed_keypair(public_key, secret, seed);
    crypto_sign_ed25519_detached(ret_signature, NULL, start_of(bytes), bytes.len, secret);
    ks_wipe(secret, sizeof secret);
}

enum ks_err ks_ed25519_verify(const uint8_t public_key[KS_ED25519_PUBLIC_LEN], struct ks_str bytes,
    const uint8_t signature[KS_ED25519_SIGNATURE_LEN])
{
    return crypto_sign_ed25519_verify_detached(signature, start_of(bytes), bytes.len, public_key) == 0 ? KS_OK
                                                                                                       : KS_ECRYPTO;
}
