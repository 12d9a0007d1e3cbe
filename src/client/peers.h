/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* peers.h -- the OMEMO devices of an account, as its lists have them and as we saw them.
 *
 * A record in KS_T_META under "peer " and the bare JID; identities and trust are omemo.h's. Both versions' lists are
 * kept together, since one program may stand on both: then the newer version is spoken with it. In a step; views belong
 * to its arena. */
#ifndef KS_PEERS_H
#define KS_PEERS_H

#include "omemo.h"
#include "schema.h"

struct konsil;

struct ks_peer_device {
    uint32_t id;
    bool listed[2];   /* by enum ks_omemo_version: on the account's list */
    int64_t first_ms; /* wall: since when we know it */
    int64_t seen_ms;  /* wall: when something of it was last decrypted; 0: never */
    struct ks_str label;
};

#define KS_PEER_DEVICES_MAX (2 * KS_OMEMO_DEVICES_MAX)

struct ks_peer {
    struct ks_str jid;
    bool konsil; /* numbered envelopes came from it: it understands receipts and repair of ours */
    struct ks_peer_device *devices;
    size_t count;
};

/* An account we know nothing of has no devices. */
KS_CHECK enum ks_err ks_peer_load(struct konsil *k, struct ks_str jid, struct ks_peer *ret_peer);
KS_CHECK enum ks_err ks_peer_save(struct konsil *k, const struct ks_peer *peer);
/* NULL: not known. */
struct ks_peer_device *ks_peer_device(const struct ks_peer *peer, uint32_t id);

/* A list of a version as it was published: devices that are on no list any more are forgotten, unless something was
 * decrypted of them. *ret_changed: somebody should be told. */
KS_CHECK enum ks_err ks_peer_list(struct konsil *k, struct ks_peer *peer, enum ks_omemo_version version,
    const struct ks_omemo_device *devices, size_t count, bool *ret_changed);
/* Something of this device was decrypted. konsil: it was one of ours. Writes only when that is news. */
KS_CHECK enum ks_err ks_peer_seen(struct konsil *k, struct ks_str jid, uint32_t device, bool konsil);

/* The version spoken with a device, or false when it is on no list. */
bool ks_peer_version(const struct ks_peer_device *device, enum ks_omemo_version *ret_version);

/* As an event has them, in an array of the arena. */
KS_CHECK enum ks_err ks_peer_event(struct konsil *k, const struct ks_peer *peer, struct ks_js_device_list *ret_devices);
KS_CHECK enum ks_err ks_peer_tell(struct konsil *k, const struct ks_peer *peer);

/* The judge of ks_omemo_new: a device's first key is taken, a changed one is refused until a person decides. */
enum ks_omemo_trust ks_peers_judge(void *user, struct ks_str jid, uint32_t device,
    const uint8_t identity[KS_IDENTITY_LEN], enum ks_omemo_version version, bool changed);

#endif
