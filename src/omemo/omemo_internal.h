/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_internal.h -- what the files of src/omemo share: the object, its records, and libomemo-c's side of them.
 *
 * libomemo-c reaches crypto and store through callbacks with a user pointer. Its sessions are found by (name, device)
 * alone, so each version is a lane with a store context and a session table of its own. Trust is decided by
 * omemo_peer.c before the library is asked; its own trust callbacks agree to everything and record nothing. */
#ifndef KS_OMEMO_INTERNAL_H
#define KS_OMEMO_INTERNAL_H

#include <omemo/curve.h>
#include <omemo/signal_protocol.h>

#include "jid.h"
#include "omemo.h"

#define OMEMO_JID_MAX (2 * KS_JID_PART_MAX + 1)
#define OMEMO_RECORD_VERSION 1 /* the first byte of every record */
#define OMEMO_DEVICE_MAX 0x7fffffffU
#define OMEMO_PRE_KEY_ID_MAX 0xfffffeU /* libomemo-c takes 0xffffff for "none" */

struct omemo_lane {
    struct ks_omemo *o;
    enum ks_table sessions;
    uint32_t wire; /* what libomemo-c calls the version: 4 or 3 */
    signal_protocol_store_context *stores;
};

struct ks_omemo {
    struct ks_engine_store *store;
    struct ks_prng *prng;
    char *jid; /* zero-ended */
    ks_omemo_judge *judge;
    void *judge_user;
    signal_context *context;
    struct omemo_lane lanes[2]; /* by enum ks_omemo_version */
    enum ks_err store_err;      /* what a store callback met while libomemo-c was working */
    bool loaded;
    uint32_t device;
    uint8_t identity[KS_IDENTITY_LEN], secret[32];
};

/* A (JID, device) as libomemo-c wants it: it prints names, so they end in zero. */
struct omemo_address {
    char name[OMEMO_JID_MAX + 1];
    signal_protocol_address address;
};
void omemo_address_init(struct omemo_address *a, struct ks_str jid, uint32_t device);

/* A key of a record: an optional letter, then (JID, zero, device) or a number; see omemo_store.c. */
struct omemo_key {
    char bytes[1 + OMEMO_JID_MAX + 1 + 4];
    size_t len;
};
struct ks_str omemo_key_peer(struct omemo_key *key, const char *letter, struct ks_str jid, uint32_t device);
struct ks_str omemo_key_own(struct omemo_key *key, char letter, uint32_t id);

/* What a failure inside libomemo-c means, with the store's own failure first. */
enum ks_err omemo_err(struct ks_omemo *o, int rc);
/* The same where libomemo-c was reading a peer's bytes and nothing else. */
enum ks_err omemo_read_err(int rc);

/* omemo_provider.c */
enum ks_err omemo_provider_init(struct ks_omemo *o);

/* omemo_store.c */
enum ks_err omemo_lane_init(struct omemo_lane *lane);
void omemo_lane_done(struct omemo_lane *lane);
/* Own records. A signed pre-key is in use (retired_ms 0) or kept for late messages; a pre-key is free or used. */
struct omemo_own_record {
    uint32_t id;
    bool used;                      /* pre-key */
    int64_t created_ms, retired_ms; /* signed pre-key */
    struct ks_str blob;             /* libomemo-c's */
};
enum ks_err omemo_own_put(struct ks_omemo *o, char letter, const struct omemo_own_record *record);
/* ret_record->blob lies in buf. KS_ENOTFOUND. */
enum ks_err omemo_own_get(
    struct ks_omemo *o, char letter, uint32_t id, struct ks_buf *buf, struct omemo_own_record *ret_record);
enum ks_err omemo_own_del(struct ks_omemo *o, char letter, uint32_t id);
/* Visits copies, so that the visitor may write; a result other than KS_OK ends it. */
typedef enum ks_err omemo_visit_own(void *user, const struct omemo_own_record *record);
enum ks_err omemo_own_each(struct ks_omemo *o, char letter, omemo_visit_own *visit, void *user);
#define OMEMO_SIGNED 's'
#define OMEMO_PRE_KEY 'p'

/* omemo_peer.c: whether this identity may be used. KS_OK with *ret_trust, and its record written if it was not there;
 * KS_EAGAIN, KS_EDENIED as in omemo.h. */
enum ks_err omemo_peer_admit(struct ks_omemo *o, enum ks_omemo_version version, struct ks_str jid, uint32_t device,
    const uint8_t identity[KS_IDENTITY_LEN], enum ks_omemo_trust *ret_trust);

/* omemo_bundle.c */
const char *omemo_ns(enum ks_omemo_version version);
/* Base64 in an element; xs:base64Binary allows blanks anywhere. KS_ESYNTAX; KS_ENOMEM. */
enum ks_err omemo_base64_read(struct ks_arena *arena, const struct ks_xml *node, struct ks_str *ret_bytes);
/* A device id, 1 to OMEMO_DEVICE_MAX. KS_ESYNTAX. */
enum ks_err omemo_device_read(const struct ks_xml *node, const char *attr, uint32_t *ret_device);
/* A failure of an arena: for a peer's bytes, its limit is theirs. */
static inline enum ks_err omemo_arena_err(enum ks_err err)
{
    return err == KS_ELIMIT ? KS_ESYNTAX : err;
}

/* The u-coordinate of a public key. KS_ENOMEM. */
enum ks_err omemo_identity_of(const ec_public_key *key, uint8_t ret_identity[KS_IDENTITY_LEN]);

static inline struct omemo_lane *omemo_lane(struct ks_omemo *o, enum ks_omemo_version version)
{
    return &o->lanes[version == KS_OMEMO_1];
}

#endif
