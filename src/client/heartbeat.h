/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* heartbeat.h -- empty messages that turn a ratchet (XEP-0384 §6). What is owed outlives a connection, not the program:
 * the next message of the chain asks for it again. */
#ifndef KS_HEARTBEAT_H
#define KS_HEARTBEAT_H

#include "omemo.h"

struct konsil;

void ks_heartbeats_init(struct konsil *k);
void ks_heartbeats_done(struct konsil *k);

/* In a step: one is owed to a device. Sent within the hour, or at once when it completes a key exchange. */
KS_CHECK enum ks_err ks_heartbeat_owe(
    struct konsil *k, struct ks_str jid, uint32_t device, enum ks_omemo_version version, bool at_once);
/* Outside of steps: sends those that are due, and says in KS_WAIT_KEYS when the next one is. */
void ks_heartbeats_due(struct konsil *k);

#endif
