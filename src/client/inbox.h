/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* inbox.h -- messages that come: live, as carbons, from the archive, or handed in again; opened, checked, taken in.
 *
 * Each is one step: ratchet, text and place in the history are durable together, or nothing of it happened. What cannot
 * be read leaves a placeholder and a request for repair (doc/PROTOCOL.md §4.2, §8). */
#ifndef KS_INBOX_H
#define KS_INBOX_H

#include "envelope.h"
#include "omemo.h"
#include "stanza.h"

struct konsil;

/* A message on its way in. Addresses are bare and normal. */
struct ks_inbound {
    const struct ks_xml *message; /* the inner one of a carbon or an archived copy */
    struct ks_str from, to, peer; /* peer: the other account, or the room, which names the conversation */
    struct ks_str id;             /* origin-id, or else the stanza's; as we keep it */
    int64_t stamp_ms;             /* when the server took it */
    struct ks_str archive_id;     /* in our archive, or the room's; empty: unknown */
    struct ks_catchup *archive;   /* which of them */
    bool room;                    /* peer is a room */
    bool mine;                    /* from our own account: another device of ours, or this one */
    bool idle;                    /* wake level none: nothing that a person would miss */
    bool again;                   /* it was held back for its author's certificate, and is not a second time */
    /* once opened */
    struct ks_omemo_opened opened;
    struct ks_str envelope; /* its bytes; empty in the older version */
    uint32_t resent_by;     /* handed in again, by this device of the author; 0: not */
    bool restored, read;    /* out of the account's archive; and its person had read it */
};

/* Outside of steps. */
void ks_inbox_message(struct konsil *k, const struct ks_stanza *stanza);
/* One of an archive, by catchup.c: forwarded is <forwarded/>. */
void ks_inbox_archived(
    struct konsil *k, struct ks_catchup *archive, const struct ks_xml *forwarded, struct ks_str archive_id);
/* One that was held back during catch-up, as the server sent it. */
void ks_inbox_held(struct konsil *k, struct ks_str bytes);

/* One that waited for its author's certificate. */
struct ks_held;
void ks_inbox_again(struct konsil *k, const struct ks_held *held);

/* In a step (intake.c): what an opened envelope says takes effect. in->opened and in->envelope are set. */
KS_CHECK enum ks_err ks_intake(struct konsil *k, struct ks_inbound *in, struct ks_content *content);
/* One out of the account's archive, whose record was found good: takes effect as it did in its time, and nobody is told
 * or answered. */
KS_CHECK enum ks_err ks_intake_restored(
    struct konsil *k, struct ks_inbound *in, struct ks_content *content, int64_t time_ms);
/* Reads and checks an envelope, then ks_intake. What is wrong with it is told. */
KS_CHECK enum ks_err ks_intake_envelope(struct konsil *k, struct ks_inbound *in, struct ks_str bytes);
/* A message of this numbering was taken back before it could come: content, a retraction, says which hash it had, and
 * its successor that this was its number (doc/PROTOCOL.md §6.3). Nobody needs to be asked for it. */
struct ks_chain;
KS_CHECK enum ks_err ks_intake_close(struct konsil *k, struct ks_chain *chain, const struct ks_content *content);
/* Nothing of it could be read: a placeholder. */
KS_CHECK enum ks_err ks_intake_unreadable(struct konsil *k, struct ks_inbound *in);
/* It is not what it says: nothing of it is shown. */
KS_CHECK enum ks_err ks_intake_rejected(struct konsil *k, const struct ks_inbound *in);

#endif
