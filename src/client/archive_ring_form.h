/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_ring_form.h -- what the parts of archive_ring.h share: how a ring's bytes are made. */
#ifndef KS_ARCHIVE_RING_FORM_H
#define KS_ARCHIVE_RING_FORM_H

#include "archive_ring.h"

/* Appends ring as data, proven by the anchor and MACed by the AK of the version upon which it stands. */
void ks_ring_write(const struct ks_ring *ring, const uint8_t upon_ak[32], const uint8_t anchor[32], struct ks_buf *buf);
/* KS_ECRYPTO: not by this AK. */
KS_CHECK enum ks_err ks_ring_check_mac(const struct ks_ring *ring, const uint8_t upon_ak[32]);

/* The anchor is wrapped as the key of no period: NULL. */
KS_CHECK enum ks_err ks_ring_wrap(struct ks_prng *prng, const struct ks_ring *ring, const uint8_t ak[32],
    const struct ks_archive_period *period, const uint8_t key[32], uint8_t ret_wrap[KS_RING_WRAP_LEN]);
KS_CHECK enum ks_err ks_ring_unwrap(const struct ks_ring *ring, const uint8_t ak[32],
    const struct ks_archive_period *period, const uint8_t wrap[KS_RING_WRAP_LEN], uint8_t ret_key[32]);

/* Seals AK to slot->seat; fills the rest of the slot. */
KS_CHECK enum ks_err ks_ring_seal(
    struct ks_prng *prng, const struct ks_ring *ring, const uint8_t ak[32], struct ks_ring_slot *slot);

/* Bytes of a seat's blob; 0 for kinds without. */
size_t ks_ring_blob_len(enum ks_ring_kind kind);
bool ks_ring_same_seat(const struct ks_ring_seat *a, const struct ks_ring_seat *b);
/* By class, start, sub: <0, 0, >0. */
int ks_ring_period_cmp(const struct ks_archive_period *a, const struct ks_archive_period *b);
/* NULL: it is not there. */
const struct ks_ring_slot *ks_ring_find_slot(const struct ks_ring *ring, const uint8_t key[KS_P256_PUBLIC_LEN]);
const struct ks_ring_key *ks_ring_find_key(const struct ks_ring *ring, const struct ks_archive_period *period);

#endif
