/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_proof.c -- XEdDSA signatures of an identity key over something that is no pre-key (omemo.h). */
#include "omemo_internal.h"

enum ks_err ks_omemo_prove(struct ks_omemo *o, struct ks_str bytes, uint8_t ret_proof[KS_OMEMO_PROOF_LEN])
{
    ec_private_key *secret = NULL;
    signal_buffer *proof = NULL;
    int rc;

    assert(o->loaded);
    if ((rc = curve_decode_private_point(&secret, o->secret, sizeof o->secret, o->context)) >= 0
        && (rc = curve_calculate_signature(o->context, &proof, secret, (const uint8_t *)bytes.ptr, bytes.len)) >= 0) {
        assert(signal_buffer_len(proof) == KS_OMEMO_PROOF_LEN);
        memcpy(ret_proof, signal_buffer_data(proof), KS_OMEMO_PROOF_LEN);
    }
    signal_buffer_free(proof);
    SIGNAL_UNREF(secret);
    return omemo_err(o, rc);
}

enum ks_err ks_omemo_proof_check(struct ks_omemo *o, const uint8_t identity[KS_IDENTITY_LEN], struct ks_str bytes,
    const uint8_t proof[KS_OMEMO_PROOF_LEN])
{
    ec_public_key *key = NULL;
    int rc = curve_decode_point_mont(&key, identity, KS_IDENTITY_LEN, o->context);

    if (rc >= 0)
        rc = curve_verify_signature(key, (const uint8_t *)bytes.ptr, bytes.len, proof, KS_OMEMO_PROOF_LEN);
    SIGNAL_UNREF(key);
    if (rc == SG_ERR_NOMEM)
        return KS_ENOMEM;
    return rc == 1 ? KS_OK : KS_ECRYPTO;
}

bool ks_omemo_proof_by(const uint8_t ed[32], struct ks_str bytes, struct ks_str proof)
{
    uint8_t identity[KS_IDENTITY_LEN];
    ec_public_key *key = NULL;
    int rc = -1;

    if (proof.len == KS_OMEMO_PROOF_LEN && ks_omemo_identity_of_ed(ed, identity) == KS_OK
        && curve_decode_point_mont(&key, identity, KS_IDENTITY_LEN, NULL) >= 0)
        rc = curve_verify_signature(key, (const uint8_t *)bytes.ptr, bytes.len, (const uint8_t *)proof.ptr, proof.len);
    SIGNAL_UNREF(key);
    return rc == 1;
}
