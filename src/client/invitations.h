/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* invitations.h -- invitations into rooms without statements: direct ones (XEP-0249), and those by a room (XEP-0045
 * §7.8.2). Into a room of ours people come by its statement, and hear of it by a welcome (group.h): an invitation that
 * names one is an address, and entering it is refused to who is no member.
 *
 * Whom one is from is told only where our own server vouches for that: of a direct one it is who sent it, of a room's
 * what a room of our own server says. Nothing is entered by itself. What was not answered is forgotten after 30 days.
 *
 *   KS_T_GROUP   j room   who invites, why, when
 *
 * In a step. */
#ifndef KS_INVITATIONS_H
#define KS_INVITATIONS_H

#include "err.h"
#include "str.h"

#define KS_INVITATIONS_MAX 64        /* open ones: more are not taken */
#define KS_INVITATIONS_FROM_MAX 8    /* of one person, or by rooms of one server */
#define KS_INVITATION_REASON_MAX 512 /* bytes: a longer one is left out */
#define KS_INVITATION_KEEP_MS 2592000000LL

struct konsil;
struct ks_cmd;
struct ks_inbound;

/* A message that nobody sealed: if it invites, that is kept and told. */
KS_CHECK enum ks_err ks_invitation_take(struct konsil *k, const struct ks_inbound *in);
/* The room is about to be entered: it needs no invitation any more. */
KS_CHECK enum ks_err ks_invitation_over(struct konsil *k, struct ks_str room);

/* Commands `invitations`, `invitation_decline`, `room_invite`. */
KS_CHECK enum ks_err ks_invitations_list(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_invitation_decline(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_invitation_send(struct konsil *k, const struct ks_cmd *cmd);

#endif
