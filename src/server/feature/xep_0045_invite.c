/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0045_invite.c -- what is asked of a room by a message: invitations (XEP-0045 §7.8.2) and what is said to them. */
#include "feature_list.h"
#include "room.h"

void ks_room_asked(struct ks_ctx *ctx, struct ks_stanza *message)
{
    (void)message;
    ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
}
