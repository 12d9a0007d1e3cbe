/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* user_device.h -- the devices of an account, as konsild tells them apart, and what becomes of one that is out.
 *
 * A device is known by a number. It follows from the id that the client says of its installation (XEP-0388 §2.3:
 * <user-agent id='…'/>), or, when it says none, from its resource; and from the account, so that the numbers of two
 * accounts on one device have nothing in common. A client makes its id up: the number proves nothing, and only says
 * what belongs together. It is never 0. */
#ifndef KS_USER_DEVICE_H
#define KS_USER_DEVICE_H

#include "feature.h"

/* name: what the client calls its installation (said_id), or its resource. */
uint64_t ks_device_of(struct ks_str bare, struct ks_str name, bool said_id);

/* A device of ctx->user is not to come back, or none of them (KS_DEVICES_ALL): an administrator ended its session, set
 * a password, or disabled the account. Tells all features, in ctx's transaction; ending sessions is the caller's. The
 * account is active. */
void ks_device_out(struct ks_ctx *ctx, uint64_t device);

#endif
