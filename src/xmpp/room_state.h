/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* room_state.h -- who reads in a room: statements that its owners sign, each upon the one before (doc/PROTOCOL.md §9).
 *
 * Version 0 founds the room, and the room's name is made of it; version v + 1 names the hash of version v and is signed
 * by a device of an owner in v. Here is what can be told from the statements alone: their form, their order, who may
 * sign. Whose key made a signature, and whether it is to be believed, is the caller's to know. Both konsild and the
 * engine read by this. Pure functions; arrays and views belong to the arena. */
#ifndef KS_ROOM_STATE_H
#define KS_ROOM_STATE_H

#include "crypto.h"
#include "xml.h"

#define KS_ROOM_MEMBERS_MAX 1000
#define KS_ROOM_OWNERS_MAX 32
#define KS_ROOM_DATA_MAX 131072 /* bytes of a statement's data */
#define KS_ROOM_HASH_LEN 32
#define KS_ROOM_LOCAL_LEN 28

enum ks_room_history { KS_ROOM_JOIN = 1, KS_ROOM_ALL };
enum ks_room_class { KS_ROOM_7D = 1, KS_ROOM_30D, KS_ROOM_90D, KS_ROOM_1Y, KS_ROOM_10Y };

struct ks_room_entry {
    struct ks_str jid;
    bool owner;
};

struct ks_room_state {
    struct ks_str room;
    uint64_t v;
    uint8_t prev[2][KS_ROOM_HASH_LEN]; /* two after a fork, rising */
    size_t prev_count;
    struct ks_room_entry *members; /* by rising JID, no JID twice */
    size_t member_count;
    bool roster;
    enum ks_room_history history;
    enum ks_room_class keep;
    uint8_t look[KS_ROOM_HASH_LEN];
    uint64_t t, until; /* until: 0 without */
};

/* Reads data. KS_ESYNTAX: another purpose, not the names of §9.1, values out of their form; KS_ELIMIT: more members,
 * owners or bytes than above, or the arena's; KS_ENOMEM. */
KS_CHECK enum ks_err ks_room_state_read(struct ks_arena *arena, struct ks_str data, struct ks_room_state *ret_state);
/* Appends data. The state is within the limits and its members are in order (asserted). */
void ks_room_state_write(const struct ks_room_state *state, struct ks_buf *buf);
void ks_room_state_hash(struct ks_str data, uint8_t ret_hash[KS_ROOM_HASH_LEN]);

/* The room's local part that data of version 0 gives; with its zero byte. */
void ks_room_state_local(struct ks_str data, char ret_local[KS_ROOM_LOCAL_LEN + 1]);
/* Founds: sets state->room, in this domain, to what the rest of the state makes it. */
KS_CHECK enum ks_err ks_room_state_found(struct ks_arena *arena, struct ks_room_state *state, struct ks_str domain);

/* NULL: no member. */
const struct ks_room_entry *ks_room_state_member(const struct ks_room_state *state, struct ks_str jid);
size_t ks_room_state_owners(const struct ks_room_state *state);
/* Puts members in their order; false when one is there twice. */
bool ks_room_state_sort(struct ks_room_state *state);

/* --- signed, as it travels (§2) --- */

struct ks_room_signed {
    struct ks_str data, signature; /* bytes */
    struct ks_str signer;          /* the account that the statement says it is of: a claim until it is verified */
    uint32_t device;
    uint8_t hash[KS_ROOM_HASH_LEN]; /* of data */
    struct ks_room_state state;
};

/* Reads <statement xmlns='urn:konsil:room:0'/>. KS_ESYNTAX; KS_ELIMIT; KS_ENOMEM. */
KS_CHECK enum ks_err ks_room_signed_read(
    struct ks_arena *arena, const struct ks_xml *statement, struct ks_room_signed *ret_signed);
/* NULL without memory. state is not looked at. */
struct ks_xml *ks_room_signed_write(struct ks_arena *arena, const struct ks_room_signed *signed_state);

/* --- order --- */

/* What somebody holds to be true of a room. */
struct ks_room_known {
    const struct ks_room_state *newest;
    const struct ks_room_state *rival;  /* the other of two statements with one version; NULL: no fork */
    const struct ks_room_state *before; /* of the version before; NULL at version 0, or when it is not here */
    uint8_t newest_hash[KS_ROOM_HASH_LEN], rival_hash[KS_ROOM_HASH_LEN], before_hash[KS_ROOM_HASH_LEN];
};

enum ks_room_verdict {
    KS_ROOM_NEXT,    /* follows upon what is known, by one who may */
    KS_ROOM_SAME,    /* is known */
    KS_ROOM_OLD,     /* of an earlier version: versions never go back */
    KS_ROOM_FORK,    /* another one of the newest version, by one who might have stated that: recipients shrink */
    KS_ROOM_AHEAD,   /* versions between are not here */
    KS_ROOM_REFUSED, /* does not follow, or its signer may not */
};

/* known->newest NULL: nothing is known, and only a foundation follows. The signature is not looked at. */
enum ks_room_verdict ks_room_judge(const struct ks_room_known *known, const struct ks_room_signed *next);

/* Who gets a key: the members of the newest statement, after a fork those of both (§9.1). NULL: not he. */
const struct ks_room_entry *ks_room_recipient(const struct ks_room_known *known, struct ks_str jid);
/* What a new statement upon known begins with: version and prev. */
void ks_room_follow(const struct ks_room_known *known, struct ks_room_state *next);

#endif
