/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar_account.h -- the account of a domain's registrar (konsil-ca), and how it is reached (doc/PROTOCOL.md §22).
 */
#ifndef KS_REGISTRAR_ACCOUNT_H
#define KS_REGISTRAR_ACCOUNT_H

#include "feature.h"

#define KS_OPTION_REGISTRAR "registrar.account"

/* Whether ctx->user is the registrar of its domain. */
bool ks_is_registrar(const struct ks_ctx *ctx);
/* Whether the stanza at hand comes from a session of the registrar's that logged in by certificate. */
bool ks_from_registrar(const struct ks_ctx *ctx);
/* Runs run at the registrar's home, with the iq at hand as its stanza, so that replies go to who sent it. False: the
 * domain has no registrar, or the iq is not of its own people; it is answered. */
bool ks_at_registrar(struct ks_ctx *ctx, const struct ks_stanza *iq, void (*run)(struct ks_ctx *ctx));
/* The newest session of ctx->user's that logged in by certificate; or NULL. */
struct ks_session *ks_registrar_session(const struct ks_ctx *ctx);

#endif
