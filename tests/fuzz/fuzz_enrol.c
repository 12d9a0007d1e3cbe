/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A link that a person was sent, and what is in an answer of the registrar's (doc/PROTOCOL.md §21.1, §21.3): a link
 * that is read is written as it stood; an answer is sealed first, as whoever has the request could, and read. */
#include "enrol.h"

#include <stdlib.h>

#include "hpke.h"

#define CSR KS_STR("a request")

static void read_link(struct ks_arena *arena, struct ks_str text)
{
    struct ks_enrol_link link;
    struct ks_str again;

    if (ks_enrol_link_read(arena, text, &link) != KS_OK)
        return;
    if (!link.host.len || !link.jid.len || link.expires_s < 0 || ks_enrol_link_write(arena, &link, &again) != KS_OK
        || !ks_str_eq(again, ks_str_trim(text)))
        abort();
}

static void read_answer(struct ks_arena *arena, struct ks_str json)
{
    static const uint8_t secret[KS_P256_PRIVATE_LEN] = { 1 }, ephemeral[KS_P256_PRIVATE_LEN] = { 2 };
    uint8_t recipient[KS_P256_PUBLIC_LEN],
        *sealed = ks_arena_alloc(arena, KS_HPKE_ENC_LEN + json.len + KS_HPKE_TAG_LEN);
    struct ks_enrol_answer_facts facts;
    struct ks_str info;
    uint8_t hash[32];

    ks_hash(KS_SHA256, CSR, hash);
    if (!sealed || ks_p256_public(secret, recipient) != KS_OK
        || ks_arena_join(
               arena, (struct ks_str[]) { KS_STR("konsil/0 enrolled\n"), ks_str(hash, sizeof hash) }, 2, &info)
            != KS_OK
        || ks_hpke_seal_with(ephemeral, recipient, info, KS_STR_EMPTY, json, sealed, sealed + KS_HPKE_ENC_LEN) != KS_OK)
        abort();
    if (ks_enrol_answer_open(
            arena, ks_str(sealed, KS_HPKE_ENC_LEN + json.len + KS_HPKE_TAG_LEN), CSR, secret, NULL, &facts)
        != KS_OK)
        return;
    if (!facts.root.len || !facts.chain_count || facts.chain_count > KS_ENROL_CHAIN_MAX || facts.t_s < 0)
        abort();
    for (size_t i = 0; i < facts.chain_count; i++)
        if (!facts.chain[i].len)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_str bytes = ks_str((const char *)data, len);
    struct ks_arena arena;

    if (len > KS_ENROL_ANSWER_MAX || ks_crypto_init() != KS_OK)
        return 0;
    ks_arena_init(&arena, 1u << 20);
    read_link(&arena, bytes);
    read_answer(&arena, bytes);
    ks_arena_done(&arena);
    return 0;
}
