/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ring_signer.c -- which devices the account has had, and what the key log says of them (ring_keeper.h). */
#include "engine.h"

enum ks_log_verdict ks_ring_look_up(
    struct konsil *k, const uint8_t hash[32], uint32_t *ret_device, uint64_t *ret_number)
{
    const struct ks_log_view *view = k->log_follow.view;
    struct ks_log_leaf leaf;
    uint64_t number;

    for (size_t i = 0; view && i < ks_log_view_own_count(view); i++) {
        ks_log_view_own(view, i, &number, &leaf);
        if (leaf.type != KS_LOG_ISSUE || memcmp(leaf.object, hash, sizeof leaf.object) != 0)
            continue;
        *ret_device = leaf.device;
        *ret_number = number;
        return ks_log_view_revoked(view, hash, number, NULL);
    }
    return KS_LOG_ABSENT;
}

/* A certificate of the account: its key. Ended ones count, for what they signed in their time; the chain's authorities
 * are those of our own. KS_ESYNTAX: it is none of the hospital's, or another's. */
enum ks_err ks_ring_certificate(struct konsil *k, struct ks_str der, struct ks_device_cert *ret_cert)
{
    struct ks_str chain[KS_CHAIN_MAX];
    enum ks_cert_verdict verdict;
    size_t count;
    enum ks_err err = ks_enrolment_chain(k, chain, &count);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESYNTAX : err;
    chain[0] = der;
    err = ks_device_chain_check(
        &k->arena, chain, count, ks_enrolment_root(k), ks_log_follow_now_s(k), ret_cert, &verdict);
    if (err != KS_OK)
        return err;
    if ((verdict != KS_CERT_GOOD && verdict != KS_CERT_EXPIRED) || !ks_str_eq(ret_cert->names.jid, ks_own(k)))
        return KS_ESYNTAX;
    return KS_OK;
}
