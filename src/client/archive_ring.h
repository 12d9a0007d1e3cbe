/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_ring.h -- the archive's key ring: how an account's devices share the keys of its periods (doc/PROTOCOL.md
 * §17.4 to §17.7).
 *
 * A statement of the account, in versions, each upon one before it. It has the keys of all periods, wrapped by the
 * account key AK, and AK sealed to each slot: a device, a PIN, a recovery key, the officers. Here is its form, how the
 * next version is made, and whether one that konsild gives follows upon what is known. Whose key signed it, and whether
 * that device is genuine, is the caller's to know; so is signing. Pure functions; arrays and views belong to the arena.
 */
#ifndef KS_ARCHIVE_RING_H
#define KS_ARCHIVE_RING_H

#include "archive_record.h"
#include "arena.h"
#include "crypto.h"

#define KS_RING_DATA_MAX 257984 /* with signature and certificate it is within §18.8 */
#define KS_RING_SLOTS_MAX 64
#define KS_RING_KEYS_MAX 1400 /* each is within KS_RING_DATA_MAX, beside all slots */
#define KS_RING_HASH_LEN 32
#define KS_RING_WRAP_LEN 72   /* nonce, 32 bytes, tag */
#define KS_RING_SEALED_LEN 48 /* AK, tag */
#define KS_RING_PIN_BLOB_LEN 144
#define KS_RING_RECOVERY_BLOB_LEN 104

enum ks_ring_kind { KS_RING_DEVICE = 1, KS_RING_PIN, KS_RING_RECOVERY, KS_RING_OFFICERS };

/* To whom AK is sealed. No two of a ring have one key. */
struct ks_ring_seat {
    enum ks_ring_kind kind;
    uint8_t key[KS_P256_PUBLIC_LEN];
    uint8_t cert[32];                   /* of a device: SHA-256 of its certificate, which says that key is its */
    uint8_t blob[KS_RING_PIN_BLOB_LEN]; /* pin, recovery: the private half, shut (archive_account.h); else zeroes */
};

struct ks_ring_slot {
    struct ks_ring_seat seat;
    uint8_t enc[KS_P256_PUBLIC_LEN], sealed[KS_RING_SEALED_LEN];
    uint8_t signature[KS_P256_SIGNATURE_LEN]; /* officers: by the private half of enc (§17.6); else zeroes */
};

struct ks_ring_key {
    struct ks_archive_period period;
    uint8_t wrap[KS_RING_WRAP_LEN];
};

struct ks_ring {
    struct ks_str account;                                  /* bare JID */
    uint64_t v, e;                                          /* version, epoch: the number of its AK. Both from 1 */
    uint8_t prev[KS_RING_HASH_LEN], upon[KS_RING_HASH_LEN]; /* zeroes in version 1 */
    uint8_t anchor[KS_RING_WRAP_LEN];
    struct ks_ring_slot *slots;
    size_t slot_count;
    struct ks_ring_key *keys; /* rising by class, start and sub */
    size_t key_count;
    uint8_t proof[32], mac[32];
    uint8_t hash[KS_RING_HASH_LEN]; /* of data */
    struct ks_str data;             /* as it was read */
};

/* What a slot opens to. */
struct ks_ring_secret {
    uint8_t ak[32];
    uint8_t anchor[32]; /* the same in all versions: who knows it had an AK once */
};

/* --- reading --- */

/* Reads data, which has to outlive *ret_ring. Nothing in it is believed yet. KS_ESYNTAX: it has not exactly the form of
 * §17.5; KS_ELIMIT: more bytes, slots or keys than above, or the arena's; KS_ENOMEM. */
KS_CHECK enum ks_err ks_ring_read(struct ks_arena *arena, struct ks_str data, struct ks_ring *ret_ring);

/* Opens the slot of a private key. KS_ENOTFOUND: there is none; KS_ECRYPTO: it does not open, or what is in it does not
 * fit the ring, or the key is none; KS_ENOMEM. Wipe *ret_secret. */
KS_CHECK enum ks_err ks_ring_open(
    const struct ks_ring *ring, const uint8_t private_key[KS_P256_PRIVATE_LEN], struct ks_ring_secret *ret_secret);
/* The same for who has the x coordinate of private key times slot->enc, put together of the officers' shares. */
KS_CHECK enum ks_err ks_ring_open_shared(const struct ks_ring *ring, const struct ks_ring_slot *slot,
    const uint8_t dh[32], struct ks_ring_secret *ret_secret);

/* The key of a period. KS_ENOTFOUND; KS_ECRYPTO: it was not wrapped by this AK. */
KS_CHECK enum ks_err ks_ring_key(const struct ks_ring *ring, const struct ks_ring_secret *secret,
    const struct ks_archive_period *period, uint8_t ret_key[KS_ARCHIVE_KEY_LEN]);
/* Records are sealed with the greatest sub of a week and class. false: the ring has no key for it. */
KS_CHECK bool ks_ring_newest(
    const struct ks_ring *ring, enum ks_archive_class class, uint32_t start, struct ks_archive_period *ret_period);

/* Made by somebody who had an AK of this account: for who has nothing to compare it with but the anchor. */
KS_CHECK bool ks_ring_proven(const struct ks_ring *ring, const uint8_t anchor[32]);
/* What a slot of the officers says of itself (attack 52); true for every other slot. */
KS_CHECK bool ks_ring_officers_signed(const struct ks_ring *ring, const struct ks_ring_slot *slot);

/* --- judging --- */

struct ks_ring_known {
    const struct ks_ring *ring;
    const struct ks_ring_secret *secret;
};

struct ks_ring_signer {
    uint8_t cert[32]; /* SHA-256 of the certificate whose key made the signature */
    bool genuine;     /* the signature is good, and the device a genuine one of the account */
};

enum ks_ring_verdict {
    KS_RING_NEXT,       /* follows upon what is known, by one who may */
    KS_RING_WITHOUT_US, /* follows, and this device has no slot that opens: it was removed */
    KS_RING_SAME,       /* is known */
    KS_RING_OLD,        /* rolled back: an earlier version */
    KS_RING_FORK,       /* another one of this or the next version, by one who has been in the ring */
    KS_RING_AHEAD,      /* versions between are not here: ask for them, or see ks_ring_judge_far */
    KS_RING_REFUSED,    /* by a device that is not genuine or has no AK, or it changes what it may not */
};

/* What a successor changed. Filled with KS_RING_NEXT; but for the keys with KS_RING_WITHOUT_US, too. */
struct ks_ring_facts {
    bool new_epoch;
    /* Places in next->slots. The caller looks who they are: a device whose certificate does not say that key is not to
     * be carried over (ks_ring_change), and the person is told of each. */
    size_t added[KS_RING_SLOTS_MAX], added_count;
    size_t slots_gone, keys_gone;
    size_t keys_gone_early; /* of those, how many periods are not over: the caller keeps what it has of them */
};

/* Of a version that konsild gives. next_secret: what this device's slot in it opens to; NULL if there is none. now_s:
 * seconds since 1970. */
enum ks_ring_verdict ks_ring_judge(const struct ks_ring_known *known, const struct ks_ring *next,
    const struct ks_ring_secret *next_secret, const struct ks_ring_signer *signer, int64_t now_s,
    struct ks_ring_facts *ret_facts);
/* When the versions between are gone from konsild (it keeps them 7 days), and for a device that has only the anchor, of
 * which known_v is 0: by a genuine device that has been in the ring, not older than known_v, whole. */
KS_CHECK bool ks_ring_judge_far(struct ks_str account, uint64_t known_v, const uint8_t anchor[32],
    const struct ks_ring *next, const struct ks_ring_secret *next_secret, const struct ks_ring_signer *signer);

/* --- making --- */

/* The first version, with a slot for each seat and no keys. The first failure stays in buf. KS_ELIMIT: too many seats;
 * KS_ESYNTAX: two with one key, or none; KS_ECRYPTO: a seat's key is none; KS_ENOMEM. */
KS_CHECK enum ks_err ks_ring_found(struct ks_arena *arena, struct ks_prng *prng, struct ks_str account,
    const struct ks_ring_seat *seats, size_t count, struct ks_ring_secret *ret_secret, struct ks_buf *buf);

struct ks_ring_change {
    const struct ks_ring_seat *add; /* a device: only if its person let it in (§17.7) */
    size_t add_count;
    const uint8_t (*remove)[KS_P256_PUBLIC_LEN]; /* keys of slots; what is not there is gone already */
    size_t remove_count;
    const struct ks_archive_period *begin; /* with sub 0: keys that are wanted; what is there stays */
    size_t begin_count;
    bool renew; /* a new epoch though nobody is removed: somebody may know AK */
    /* Seconds since 1970, of the device's clock and konsild's the earlier one: keys of periods that are over go, and
     * with a new epoch each period whose week is not over gets another key. */
    int64_t now_s;
    /* konsild's newest version, if that is one which was refused: what is known is stated anew after it. v 0: is not */
    uint64_t after_v;
    uint8_t after_hash[KS_RING_HASH_LEN];
};

/* Appends the data of the next version. When konsild has another one by now, judge that, and make the same change upon
 * it. Nothing is sealed with a key that is new in it before konsild has stored it. *ret_secret is known's or, with a
 * slot or a key that goes, new. KS_EEXISTS: nothing would change; KS_ELIMIT; KS_ESYNTAX: a key twice, or no slot is
 * left; KS_ECRYPTO: a seat's key is none, or known is not whole; KS_ENOMEM. buf's failure stays in buf. */
KS_CHECK enum ks_err ks_ring_next(struct ks_arena *arena, struct ks_prng *prng, const struct ks_ring_known *known,
    const struct ks_ring_change *change, struct ks_ring_secret *ret_secret, struct ks_buf *buf);

#endif
