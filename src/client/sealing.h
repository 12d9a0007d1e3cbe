/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sealing.h -- an envelope to a stanza: who gets a key, and what stands outside (doc/PROTOCOL.md §3.1).
 *
 * One stanza holds OMEMO 2 for all devices that speak it and, for those that do not, the older version with the text
 * alone. Nothing is ever sent in clear instead. In a step: the ratchets it moves are durable with the stanza. */
#ifndef KS_SEALING_H
#define KS_SEALING_H

#include "envelope.h"
#include "omemo.h"

struct konsil;

struct ks_sealing {
    struct ks_str to;              /* the account, or the room */
    const struct ks_str *accounts; /* of a room: who gets keys; NULL: `to` itself */
    size_t account_count;
    bool room;
    struct ks_str id;
    struct ks_str envelope;        /* bytes of sce.h */
    struct ks_str text;            /* for the older version; empty: its devices get nothing */
    bool siblings;                 /* our own other devices too */
    uint32_t device;               /* only this one of `to`, and no sibling; 0: all */
    enum ks_omemo_version version; /* of ks_seal_empty */
    const char *wake;              /* "none", "high"; NULL: as usual */

    /* Results. Without a stanza, code says why nobody can read it (codes.h). */
    struct ks_xml *stanza;
    const char *code;
    size_t keys;   /* devices of others that got one */
    bool *reached; /* of a room: by place in accounts, whether a device of it got one */
};

/* The bytes of an envelope to an account (or about it, when it goes to ourselves), in the step's arena. Of content->k,
 * id and what depends on numbers is the caller's; device and epoch are filled in. time_ms: when it was written.
 * KS_ELIMIT: too big for an envelope. */
KS_CHECK enum ks_err ks_envelope_make(
    struct konsil *k, struct ks_str to, struct ks_content *content, int64_t time_ms, struct ks_str *ret_envelope);

/* After ks_keys_ready for `to`, or each of the accounts, and, with siblings, for the own account: begins missing
 * sessions and seals. KS_OK with a stanza, or without one when no device of `to` can get a key. KS_EAGAIN: a device
 * proved unusable and is left out from now on: undo the step and do it again. */
KS_CHECK enum ks_err ks_seal(struct konsil *k, struct ks_sealing *sealing);
/* An empty message for one device. Without a session there is no stanza. */
KS_CHECK enum ks_err ks_seal_empty(struct konsil *k, struct ks_sealing *sealing);

#endif
