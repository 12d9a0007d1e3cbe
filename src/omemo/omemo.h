/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo.h -- the keys of one device: its identity, its sessions with other devices, messages sealed and opened.
 *
 * Two versions side by side: KS_OMEMO_2 is XEP-0384 0.9 ("urn:xmpp:omemo:2", whose plaintext is an envelope of sce.h),
 * KS_OMEMO_1 is XEP-0384 0.3 ("eu.siacs.conversations.axolotl", whose plaintext is the text of a body) for third-party
 * clients. One identity key and one device id serve both; their sessions live in tables of their own. Over libomemo-c;
 * nothing outside of src/omemo sees it.
 *
 * Everything is kept in the engine store, and every function marked [w] writes there. The caller opens the transaction
 * before and commits it together with what the step gave: the plaintext and its place in the history, or the
 * ciphertext and its row in the outbox (engine_store.h). After any result other than KS_OK the caller rolls back;
 * nothing of the step is then left, here or in the store, and the same element may be opened again later. Nothing is
 * cached but the own identity, so a rollback is always complete.
 *
 * JIDs are bare and normal (jid.h), up to KS_JID_PART_MAX * 2 + 1 bytes without a zero byte; device ids are 1 to
 * 2^31 - 1. An identity is its 32-byte Curve25519 u-coordinate, which is also the fingerprint that XEP-0384 shows; the
 * Edwards form and its sign bit exist on the wire only, so that no comparison can be misled by the sign. No time, no
 * IO; chance comes from the ks_prng. Results of every call: KS_ENOMEM, KS_ESTORE, KS_EFULL, KS_EVERSION (a record of a
 * newer version); further ones are named. libomemo-c does not check every allocation: where memory ends inside it, the
 * process may end too, and the open transaction with it. One thread. */
#ifndef KS_OMEMO_H
#define KS_OMEMO_H

#include "engine_store.h"
#include "prng.h"
#include "xml.h"

#define KS_OMEMO_DEVICES_MAX 64           /* in a device list */
#define KS_OMEMO_PRE_KEYS_MAX 200         /* in a bundle that we read */
#define KS_OMEMO_PRE_KEYS 100             /* in our own, when full */
#define KS_OMEMO_PRE_KEYS_LOW 50          /* below it is filled up again */
#define KS_OMEMO_ROTATE_MS 604800000LL    /* 7 days: a new signed pre-key */
#define KS_OMEMO_KEEP_MS 2592000000LL     /* 30 days: the one before stays readable for so long after its successor */
#define KS_OMEMO_AHEAD_MAX 2000           /* messages skipped in a chain */
#define KS_OMEMO_PAYLOAD_MAX (72 * 1024)  /* plaintext bytes of a message, for both directions */
#define KS_OMEMO_SESSION_MAX (256 * 1024) /* stored bytes of a session; older states of it go first */
#define KS_OMEMO_HEARTBEAT 53             /* XEP-0384 §6: unanswered messages in a chain that ask for a heartbeat */
#define KS_IDENTITY_LEN 32

enum ks_omemo_version { KS_OMEMO_2, KS_OMEMO_1 };

/* --- trust --- */

/* What is held of the identity key of one (JID, device). */
enum ks_omemo_trust {
    KS_TRUST_NONE,      /* no identity is recorded */
    KS_TRUST_UNDECIDED, /* messages are read, and shown as unconfirmed; only empty messages are sent */
    KS_TRUST_FIRST,     /* taken at first use */
    KS_TRUST_VERIFIED,  /* by a person, or by the hospital's CA */
    KS_TRUST_REFUSED,   /* by a person: neither sent to nor read */
};

/* Asked when a device shows an identity that is not the recorded one: none is recorded, or (changed) another is. The
 * result is recorded with the identity. KS_TRUST_NONE: not now. Then the call that asked ends with KS_EAGAIN, or, if
 * changed, with KS_EDENIED, before any key of ours was used; it may be repeated when more is known, as when a
 * certificate has arrived. It may read the store but not write. */
typedef enum ks_omemo_trust ks_omemo_judge(void *user, struct ks_str jid, uint32_t device,
    const uint8_t identity[KS_IDENTITY_LEN], enum ks_omemo_version version, bool changed);

/* --- the object --- */

struct ks_omemo;

/* store and prng stay the caller's and outlive the object. jid is the own bare JID. judge NULL: trust on first use, and
 * refuse a changed key. Does not look into the store. */
KS_CHECK enum ks_err ks_omemo_new(struct ks_engine_store *store, struct ks_prng *prng, struct ks_str jid,
    ks_omemo_judge *judge, void *user, struct ks_omemo **ret_omemo);
void ks_omemo_free(struct ks_omemo *o); /* wipes the identity */
KS_AUTO_DEFINE(struct ks_omemo, ks_omemo_free)

/* Reads the own identity. KS_ENOTFOUND: there is none yet; create one. Call before anything below. */
KS_CHECK enum ks_err ks_omemo_load(struct ks_omemo *o);
/* [w] A new device: id, identity key, signed pre-key, KS_OMEMO_PRE_KEYS pre-keys. KS_EEXISTS: there is one. The caller
 * looks whether the id is on the account's list already (XEP-0384 §6) before it publishes. */
KS_CHECK enum ks_err ks_omemo_create(struct ks_omemo *o, int64_t wall_ms);

uint32_t ks_omemo_device(const struct ks_omemo *o);
void ks_omemo_identity(const struct ks_omemo *o, uint8_t ret_identity[KS_IDENTITY_LEN]);
/* The same as it stands in bundles and certificates, as Ed25519; and what such a form names, whatever its sign bit.
 * KS_ESYNTAX: nothing. */
KS_CHECK enum ks_err ks_omemo_identity_ed(struct ks_omemo *o, uint8_t ret_ed[32]);
KS_CHECK enum ks_err ks_omemo_identity_of_ed(const uint8_t ed[32], uint8_t ret_identity[KS_IDENTITY_LEN]);

/* XEdDSA (libomemo-c's) by the own identity key. bytes begin with a purpose of doc/PROTOCOL.md §2, so that they are
 * never a pre-key. */
#define KS_OMEMO_PROOF_LEN 64
KS_CHECK enum ks_err ks_omemo_prove(struct ks_omemo *o, struct ks_str bytes, uint8_t ret_proof[KS_OMEMO_PROOF_LEN]);
/* KS_ECRYPTO: not by that identity. */
KS_CHECK enum ks_err ks_omemo_proof_check(struct ks_omemo *o, const uint8_t identity[KS_IDENTITY_LEN],
    struct ks_str bytes, const uint8_t proof[KS_OMEMO_PROOF_LEN]);

/* The same of an identity as certificates have it (Ed25519), for who has no device: the registrar. */
bool ks_omemo_proof_by(const uint8_t ed[32], struct ks_str bytes, struct ks_str proof);

/* [w] Call at login, when catch-up ends, and once a day: rotates the signed pre-key, forgets those that are due, fills
 * the pre-keys up when few are left. caught_up: no message that waits on the server can still use a pre-key that was
 * used before; used ones are then erased, and the bundle changes (until then they are kept, since two senders may have
 * taken one and the same). *ret_changed: publish the bundles again. */
KS_CHECK enum ks_err ks_omemo_upkeep(struct ks_omemo *o, int64_t wall_ms, bool caught_up, bool *ret_changed);
/* [w] The store is an old copy of itself: drops all sessions and pre-keys, keeps identity and trust, makes new
 * pre-keys. Publish the bundles. */
KS_CHECK enum ks_err ks_omemo_renew(struct ks_omemo *o, int64_t wall_ms);

/* --- device lists and bundles --- */

struct ks_omemo_device {
    uint32_t id;
    struct ks_str label, label_sig; /* as found, unverified; kept so that republishing a list loses nothing */
};

/* Reads <devices/> (KS_OMEMO_2) or <list/> (KS_OMEMO_1). Ids out of range and repeated ones are skipped. The array and
 * views belong to arena and xml. KS_ESYNTAX: another element; KS_ELIMIT: more than KS_OMEMO_DEVICES_MAX. */
KS_CHECK enum ks_err ks_omemo_devices_read(struct ks_arena *arena, enum ks_omemo_version version,
    const struct ks_xml *list, struct ks_omemo_device **ret_devices, size_t *ret_count);
KS_CHECK enum ks_err ks_omemo_devices_write(struct ks_arena *arena, enum ks_omemo_version version,
    const struct ks_omemo_device *devices, size_t count, struct ks_xml **ret_list);

struct ks_omemo_pre_key {
    uint32_t id;
    uint8_t key[32];
};

struct ks_omemo_bundle {
    uint8_t identity[KS_IDENTITY_LEN]; /* u-coordinate */
    uint8_t identity_ed[32];           /* KS_OMEMO_2: as sent; its sign bit is part of what sessions authenticate */
    uint32_t signed_pre_key_id;
    uint8_t signed_pre_key[32], signature[64];
    struct ks_omemo_pre_key *pre_keys;
    size_t pre_key_count; /* at least one: XEP-0384 §2 forbids a key exchange without */
};

/* Reads a <bundle/>. KS_ESYNTAX (anything missing, of wrong length, an id out of range); KS_ELIMIT. The signature is
 * verified when a session is begun. */
KS_CHECK enum ks_err ks_omemo_bundle_read(struct ks_arena *arena, enum ks_omemo_version version,
    const struct ks_xml *bundle, struct ks_omemo_bundle *ret_bundle);
/* The own one, with the pre-keys that nobody used. */
KS_CHECK enum ks_err ks_omemo_bundle_write(
    struct ks_omemo *o, struct ks_arena *arena, enum ks_omemo_version version, struct ks_xml **ret_bundle);

/* --- identities of others --- */

struct ks_omemo_peer {
    uint32_t device;
    enum ks_omemo_trust trust;
    uint8_t identity[KS_IDENTITY_LEN];
};

/* KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_omemo_peer_get(
    struct ks_omemo *o, struct ks_str jid, uint32_t device, struct ks_omemo_peer *ret_peer);
/* All recorded ones of an account, by rising device id; false stops. */
typedef bool ks_omemo_visit_peer(void *user, const struct ks_omemo_peer *peer);
KS_CHECK enum ks_err ks_omemo_peers(struct ks_omemo *o, struct ks_str jid, ks_omemo_visit_peer *visit, void *user);
/* [w] A decision: this identity, this trust (not KS_TRUST_NONE). Sessions with another identity are dropped. */
KS_CHECK enum ks_err ks_omemo_peer_set(struct ks_omemo *o, struct ks_str jid, const struct ks_omemo_peer *peer);
/* [w] Forgets a device: identity and sessions of both versions. */
KS_CHECK enum ks_err ks_omemo_peer_drop(struct ks_omemo *o, struct ks_str jid, uint32_t device);

/* --- sessions --- */

/* KS_OK; KS_ENOTFOUND: fetch the bundle and begin one. */
KS_CHECK enum ks_err ks_omemo_session_find(
    struct ks_omemo *o, enum ks_omemo_version version, struct ks_str jid, uint32_t device);
/* [w] A new session from a bundle and a random pre-key of it; also when there is one, which then stays readable. Begin
 * only right before sending (XEP-0384 §6). KS_ECRYPTO: the signature is wrong; KS_EAGAIN, KS_EDENIED: see
 * ks_omemo_judge, or the device is KS_TRUST_REFUSED; KS_ESTATE: it is this very device. */
KS_CHECK enum ks_err ks_omemo_session_begin(struct ks_omemo *o, enum ks_omemo_version version, struct ks_str jid,
    uint32_t device, const struct ks_omemo_bundle *bundle);
/* [w] */
KS_CHECK enum ks_err ks_omemo_session_drop(
    struct ks_omemo *o, enum ks_omemo_version version, struct ks_str jid, uint32_t device);

/* --- messages --- */

struct ks_omemo_recipient {
    struct ks_str jid;
    uint32_t device;
    /* Written by seal. KS_OK; KS_ENOTFOUND: no session, begin one and seal again (rolled back first); KS_EDENIED: its
     * identity is not trusted enough; KS_ECRYPTO: its session is unusable, begin another. */
    enum ks_err err;
};

/* [w] One <encrypted/> for all recipients whose err is KS_OK after it; one bad device does not hinder the rest.
 * plaintext: an envelope (KS_OMEMO_2) or the text of a body (KS_OMEMO_1), not empty; with ptr NULL an empty message
 * without payload, which only turns ratchets (heartbeat, completion of a key exchange). The element belongs to arena;
 * jids are not copied. KS_ENOTFOUND: no recipient got a key; KS_ELIMIT: over KS_OMEMO_PAYLOAD_MAX, or the arena's. */
KS_CHECK enum ks_err ks_omemo_seal(struct ks_omemo *o, struct ks_arena *arena, enum ks_omemo_version version,
    struct ks_str plaintext, struct ks_omemo_recipient *recipients, size_t count, struct ks_xml **ret_encrypted);

struct ks_omemo_opened {
    enum ks_omemo_version version;
    uint32_t device;                   /* the sender's; also after an error, when it could be read; else 0 */
    uint8_t identity[KS_IDENTITY_LEN]; /* the session's; after KS_EAGAIN and KS_EDENIED the one that was shown */
    enum ks_omemo_trust trust;         /* of that identity */
    struct ks_str plaintext;           /* in the arena; ptr NULL in an empty message */
    bool kex;                          /* the element was a key exchange */
    bool session_new;   /* it made a session: answer with an empty message, publish the bundles (XEP-0384 §5.6, §6) */
    bool heartbeat_due; /* XEP-0384 §6: send an empty message, so that the ratchet turns */
    uint32_t counter;   /* the message's place in its chain */
};

/* [w] Opens what came from the bare JID `from` (of the real sender: never a nick). KS_OK, or:
 * KS_ENOTFOUND  no key for this device: say so, fetch nothing;
 * KS_EEXISTS    opened before: drop it silently;
 * KS_ESTATE     no session, or a key exchange with a pre-key that is gone: repair with a new session;
 * KS_ELIMIT     more than KS_OMEMO_AHEAD_MAX ahead of its chain: repair like a lost session;
 * KS_ECRYPTO    does not verify: altered, or the session is broken; repair within limits;
 * KS_EAGAIN     key exchange of an identity that the judge does not know yet: hold it back and open it again;
 * KS_EDENIED    identity refused, or another than the recorded one: tell the user, wait for ks_omemo_peer_set;
 * KS_ESYNTAX    malformed, also over KS_OMEMO_PAYLOAD_MAX. */
KS_CHECK enum ks_err ks_omemo_open(struct ks_omemo *o, struct ks_arena *arena, const struct ks_xml *encrypted,
    struct ks_str from, struct ks_omemo_opened *ret_opened);

#endif
