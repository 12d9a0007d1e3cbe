/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* revoked_device.h -- what ends with a device whose certificate was revoked (doc/PROTOCOL.md §22.1, <out/>).
 *
 * The registrar names it by its OMEMO number; konsild knows logins. Which login published the certificate of a number
 * is kept with its account. When that is not known, or two logins published under one number, all of the account end:
 * too much is better than too little. */
#ifndef KS_REVOKED_DEVICE_H
#define KS_REVOKED_DEVICE_H

#include "feature.h"

/* Of a person: by number, the login. */
#define KS_STORE_CERTIFIED "certified"
/* Of the registrar: numbers and addresses that are still to be ended. */
#define KS_STORE_REVOKING "revoking"

/* As node_changed of struct ks_feature. */
void ks_revoked_published(struct ks_ctx *ctx, struct ks_str node, const struct ks_xml *payload);
/* At the registrar's home: each <out/> in append is noted in ctx's transaction, and then done. The same again ends
 * nothing that the first time did not. */
void ks_revoked_all(struct ks_ctx *ctx, const struct ks_xml *append);
/* At the registrar's home: does what is noted, and was not done when konsild ended. */
void ks_revoked_again(struct ks_ctx *ctx);

#endif
