/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cert_cache.h -- the newest certificate of each device in memory, since each key of each message asks for it.
 *
 * What the store has is in it or not: it is filled when a certificate is read, and forgets a device's when another one
 * is written. In a step, but for the ends. */
#ifndef KS_CERT_CACHE_H
#define KS_CERT_CACHE_H

#include "map.h"

#define KS_CERT_CACHE_MAX 8192 /* devices; then it begins anew */

struct konsil;
struct ks_cert;

struct ks_cert_cache {
    struct ks_map map;
    bool written; /* in the step at hand: what was read since may be undone */
};

void ks_cert_cache_done(struct konsil *k);

/* False: it is not here. ret_cert: without its texts and its DER. */
bool ks_cert_cache_get(const struct konsil *k, struct ks_str jid, uint32_t device, struct ks_cert *ret_cert);
/* Read from the store; without memory it is not kept. */
void ks_cert_cache_note(struct konsil *k, struct ks_str jid, uint32_t device, const struct ks_cert *cert);
/* Another one is written. */
void ks_cert_cache_drop(struct konsil *k, struct ks_str jid, uint32_t device);
/* After each step. */
void ks_cert_cache_step_ended(struct konsil *k, bool durable);

#endif
