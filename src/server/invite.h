/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* invite.h -- invitations: an address that waits for its person, and the word that opens it once (XEP-0401, XEP-0445).
 *
 * An invited account (KS_ACCOUNT_INVITED) has its name, department and profession, and nobody can log in: to everybody
 * else it does not exist. Its token names the localpart, so that a stream can go to the account's home with it, and
 * carries 16 random bytes, of which the account keeps a hash. It is good until its time is up, until it was used, and
 * until another one is made. */
#ifndef KS_INVITE_H
#define KS_INVITE_H

#include "user.h"

#define KS_STORE_INVITE "invite"
#define KS_INVITE_PATH "/invite/" /* of web access; the token follows */

/* A new token for the account (KS_ACCOUNT_NEW: the one that ctx's transaction adds), in the place of the one before.
 * Its text is in ctx->arena; empty: there is no memory, and ctx will fail. */
struct ks_str ks_invite_make(struct ks_ctx *ctx, uint64_t account, int64_t expires_ms);

/* The localpart that a token names, as it was written: who it is for, if it is any good. In arena. KS_ESYNTAX. */
KS_CHECK enum ks_err ks_invite_local(struct ks_arena *arena, struct ks_str token, struct ks_str *ret_local);

/* Whether the token is the account's, which nobody has used yet; its time may be up. It must have been read by
 * ks_invite_local. */
bool ks_invite_opens(struct ks_arena *arena, const struct ks_user *user, struct ks_str token);
/* When the account's token ends, of ks_now.wall_ms; 0: there is none. */
int64_t ks_invite_expires_ms(const struct ks_user *user);
/* The same of a stored record; 0: it is none. */
int64_t ks_invite_record_ms(struct ks_str record);

#endif
