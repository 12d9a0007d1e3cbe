/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* invite_link.h -- the link that a person was invited by (XEP-0401): for which account it is, and the word that opens
 * it.
 *
 *     xmpp:a.brandt@klinik.example?register;preauth=TOKEN       as konsilctl and ad-hoc commands make it (RFC 5122,
 * XEP-0147) https://klinik.example/invite/TOKEN                       its landing page, if the page's host is the
 * account's domain
 *
 * A token of konsild names the localpart (src/server/invite.h), so that the page's address is enough. Whoever has the
 * link has the account: it is not kept, told or logged. Allocates from the arena only. */
#ifndef KS_INVITE_LINK_H
#define KS_INVITE_LINK_H

#include "arena.h"

#define KS_INVITE_LINK_MAX 8192
#define KS_INVITE_TOKEN_MAX 2100

struct ks_invite_link {
    struct ks_str jid; /* bare, in its normal form */
    struct ks_str token;
};

/* KS_ESYNTAX: it is no link to create an account by, or names no account. KS_ENOMEM. */
KS_CHECK enum ks_err ks_invite_link_read(struct ks_arena *arena, struct ks_str text, struct ks_invite_link *ret_link);

#endif
