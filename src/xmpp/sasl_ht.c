/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sasl_ht.h"

#include "unicode.h"

const struct ks_ht_mechanism ks_ht_mechanisms[KS_HT_MECHANISMS] = {
    { "HT-SHA-256-EXPR", KS_BIND_TLS_EXPORTER, 1 },
    { "HT-SHA-256-ENDP", KS_BIND_TLS_SERVER_END_POINT, 2 },
    { "HT-SHA-256-NONE", KS_BIND_NONE, 3 },
};

const struct ks_ht_mechanism *ks_ht_mechanism(struct ks_str name)
{
    for (size_t i = 0; i < KS_HT_MECHANISMS; i++)
        if (ks_str_is(name, ks_ht_mechanisms[i].name))
            return &ks_ht_mechanisms[i];
    return NULL;
}

void ks_ht_proof(struct ks_str token, enum ks_ht_end end, struct ks_str channel, uint8_t ret_proof[KS_HT_PROOF_LEN])
{
    struct ks_str label = end == KS_HT_INITIATOR ? KS_STR("Initiator") : KS_STR("Responder");
    char text[16 + 128];

    assert(channel.len <= 128);
    memcpy(text, label.ptr, label.len);
    if (channel.len)
        memcpy(text + label.len, channel.ptr, channel.len);
    ks_hmac(KS_SHA256, token, ks_str(text, label.len + channel.len), ret_proof);
}

enum ks_err ks_ht_first(
    struct ks_arena *arena, struct ks_str name, struct ks_str token, struct ks_str channel, struct ks_str *ret_message)
{
    uint8_t proof[KS_HT_PROOF_LEN];
    struct ks_str parts[] = { name, KS_STR("\0"), ks_str(proof, sizeof proof) };

    ks_ht_proof(token, KS_HT_INITIATOR, channel, proof);
    return ks_arena_join(arena, parts, KS_COUNT(parts), ret_message);
}

enum ks_err ks_ht_read_first(
    struct ks_arena *arena, struct ks_str message, struct ks_str *ret_name, struct ks_str *ret_proof)
{
    struct ks_str name = ks_str_head(message, ks_str_find_byte(message, 0)), proof = ks_str_from(message, name.len + 1);
    enum ks_err err;

    if (!name.len || name.len == message.len || proof.len != KS_HT_PROOF_LEN)
        return KS_ESYNTAX;
    err = ks_unicode_localpart(arena, name, ret_name);
    if (err == KS_ENOMEM)
        return err;
    if (err != KS_OK) /* it goes the way of all unknown names (scram.h) */
        *ret_name = name;
    *ret_proof = proof;
    return KS_OK;
}
