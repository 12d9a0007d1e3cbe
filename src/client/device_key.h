/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* device_key.h -- the signing keys of devices: ours, and those of others as far as they may be believed
 * (doc/PROTOCOL.md §2.1).
 *
 * A device signs with a P-256 key. Where the hospital certifies devices, their certificates say whose it is (certs.h).
 * Elsewhere the device says itself that it is its own: in a statement signed by that key and by its OMEMO identity key,
 * in a PEP node. Such a key is worth as much as the identity that messages trust, and no more. The private key is in
 * the store, encrypted as everything there. */
#ifndef KS_DEVICE_KEY_H
#define KS_DEVICE_KEY_H

#include "crypto.h"
#include "list.h"
#include "xml.h"

struct konsil;

struct ks_device_key {
    bool made;
    struct ks_list questions; /* for keys of others, in this XMPP session */
    size_t question_count;
    uint8_t secret[KS_P256_PRIVATE_LEN], key[KS_P256_PUBLIC_LEN];
};

void ks_device_key_init(struct konsil *k);
void ks_device_key_lost(struct konsil *k); /* the session is gone: what failed is asked for anew */
void ks_device_key_done(struct konsil *k); /* wipes */

/* --- in a step --- */

/* Reads our own, or makes it. */
KS_CHECK enum ks_err ks_device_key_load(struct konsil *k);
/* Another one from now on: the hospital has certified it. */
KS_CHECK enum ks_err ks_device_key_use(struct konsil *k, const uint8_t secret[KS_P256_PRIVATE_LEN]);
/* Publishes it, unless the server has it. */
KS_CHECK enum ks_err ks_device_key_online(struct konsil *k);
/* Whether what was published to our node is there. */
KS_CHECK enum ks_err ks_device_key_published(struct konsil *k, bool good);

/* Signs data, which begins with its purpose. */
void ks_device_sign(struct konsil *k, struct ks_str data, uint8_t ret_signature[KS_P256_SIGNATURE_LEN]);
/* Whether this device signed data. KS_EAGAIN: its key is being asked for, ks_groups_wake follows, or there is no
 * connection; KS_ECRYPTO: it did not; KS_ENOTFOUND: it has no key that may be believed. */
KS_CHECK enum ks_err ks_device_verify(
    struct konsil *k, struct ks_str jid, uint32_t device, struct ks_str data, struct ks_str signature);

/* The element that a device publishes. NULL without memory. */
struct ks_xml *ks_device_key_write(struct konsil *k, struct ks_arena *arena);
/* What somebody published as the key of a device, checked but for trust in the identity. KS_ESYNTAX; KS_ECRYPTO. */
struct ks_device_claim {
    uint8_t identity[32], key[KS_P256_PUBLIC_LEN];
};
KS_CHECK enum ks_err ks_device_key_read(struct konsil *k, struct ks_arena *arena, const struct ks_xml *element,
    struct ks_str jid, uint32_t device, struct ks_device_claim *ret_claim);

#endif
