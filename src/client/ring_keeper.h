/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ring_keeper.h -- the account's key ring as this device believes it: read from konsild, judged, changed
 * (doc/PROTOCOL.md §17.4 to §17.7, §18.6; archive_ring.h).
 *
 * A device of a hospital makes the ring when its account has none, and finds itself before a shut one when others made
 * it: then a recovery key opens it, or another device lets this one in. What it believes is in the store, with what its
 * slot opened to. A change is made when it is wanted: a key for a week that has none, a slot more, one of a device that
 * was revoked less. One is under way at a time; what came of it konsild says. */
#ifndef KS_RING_KEEPER_H
#define KS_RING_KEEPER_H

#include "archive_account.h"
#include "archive_ring.h"
#include "device_cert.h"
#include "log_view.h"
#include "stanza.h"

#define KS_RING_WANTED_MAX 16 /* periods, of one change */
#define KS_RING_ADD_MAX 2     /* slots, of one change */

struct konsil;
struct ks_cmd;

enum ks_ring_state {
    KS_RING_STATE_NONE,   /* of no hospital, or konsild has no archive */
    KS_RING_STATE_ASKING, /* what konsild has is not known yet */
    KS_RING_STATE_OPEN,
    KS_RING_STATE_SHUT,  /* no slot of it opens for this device */
    KS_RING_STATE_DOUBT, /* konsild has another one than is believed here; people have to look */
};

/* How a shut one is being opened: what PIN's slot it has is looked at, then what the PIN or a recovery key gives is
 * tried. */
enum ks_ring_opening { KS_RING_OPENING_NOT, KS_RING_OPENING_LOOK, KS_RING_OPENING_KEY };

struct ks_ring_keeper {
    enum ks_ring_state state, told; /* told: to the person */
    struct ks_str data;             /* what is believed; owned, empty: nothing */
    uint64_t v;
    uint8_t hash[KS_RING_HASH_LEN];
    struct ks_ring_secret secret;
    bool stored; /* konsild has it, or had */
    /* the change under way */
    bool asking, putting;
    bool far;          /* the versions between are not kept any more */
    struct ks_str put; /* its data; owned */
    struct ks_ring_secret put_secret;
    /* what is wanted */
    struct ks_archive_period wanted[KS_RING_WANTED_MAX];
    size_t wanted_count;
    struct ks_ring_seat add[KS_RING_ADD_MAX];
    size_t add_count;
    bool tidy;        /* slots of who is no genuine device go, and the epoch is a new one */
    uint64_t after_v; /* konsild's newest, which was refused; 0: none */
    uint8_t after_hash[KS_RING_HASH_LEN];
    uint8_t recovery[KS_RECOVERY_KEY_LEN]; /* of the slot that is being added */
    enum ks_ring_opening opening;
    enum ks_ring_kind open_kind;
    uint8_t open_key[32];
    char *command; /* of the one who waits for any of this, as ks_cmd_text has it; or NULL */
};

void ks_ring_lost(struct konsil *k);
void ks_ring_done(struct konsil *k); /* wipes */

/* --- in a step --- */

KS_CHECK enum ks_err ks_ring_load(struct konsil *k);
KS_CHECK enum ks_err ks_ring_online(struct konsil *k);
KS_CHECK enum ks_err ks_ring_ask(struct konsil *k); /* which is the newest */
/* konsild says that there is a newer one. */
KS_CHECK enum ks_err ks_ring_told(struct konsil *k, const struct ks_xml *ring);

/* What the key log says of a certificate of the account: LISTED, REVOKED, UNCERTAIN, or ABSENT, when it knows none, so
 * also of other accounts' and before the log is here. Otherwise *ret_device and its entry's *ret_number are written. */
enum ks_log_verdict ks_ring_look_up(
    struct konsil *k, const uint8_t hash[32], uint32_t *ret_device, uint64_t *ret_number);
/* A certificate of the account, of whenever, by the hospital whose authorities are ours. KS_ESYNTAX: it is none. */
KS_CHECK enum ks_err ks_ring_certificate(struct konsil *k, struct ks_str der, struct ks_device_cert *ret_cert);

/* What is believed, in the step's arena. KS_ENOTFOUND: nothing, or konsild does not have it yet. */
KS_CHECK enum ks_err ks_ring_believed(struct konsil *k, struct ks_ring *ret_ring);
/* A key is wanted for a period that has none (sub 0). ks_archive_wake follows when there is one. */
void ks_ring_want(struct konsil *k, const struct ks_archive_period *period);
/* A sibling was revoked, or our own certificate renewed, or a day is over: whether something is to be changed is looked
 * at. Makes one change at most. */
KS_CHECK enum ks_err ks_ring_tend(struct konsil *k);

/* --- commands that wait for the ring: one at a time --- */

/* Begins one that needs the ring in that state. False: it was refused, and answered. */
KS_CHECK enum ks_err ks_ring_begin(
    struct konsil *k, const struct ks_cmd *cmd, enum ks_ring_state wanted, bool *ret_begun);
/* Ends it. */
KS_CHECK enum ks_err ks_ring_done_for(struct konsil *k);
KS_CHECK enum ks_err ks_ring_refuse(struct konsil *k, const char *code, struct ks_str detail);
/* Of one that opens a shut ring: has ks_archive_pin_look called with it; tries what a recovery key or a PIN gives,
 * which ends the command. */
KS_CHECK enum ks_err ks_ring_look(struct konsil *k);
KS_CHECK enum ks_err ks_ring_open_with(struct konsil *k, enum ks_ring_kind kind, const uint8_t key[32]);

/* A recovery key's slot, whose text is told once; what opens with one, or with a PIN. */
KS_CHECK enum ks_err ks_cmd_on_archive_recovery(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_cmd_on_archive_open(struct konsil *k, const struct ks_cmd *cmd);

#endif
