/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* message.h -- what features may ask about a message on its way. */
#ifndef KS_MESSAGE_H
#define KS_MESSAGE_H

#include "feature.h"

/* Whether a message goes into the archives of its sender and its recipient. */
bool ks_message_is_kept(const struct ks_stanza *message);
/* In the stages DELIVER and DELIVERED: its row in the archive, with id and stamp_ms; NULL if it is not kept. In the
 * stage SENT, ctx->parcel->number is the row's id, or 0. */
const struct ks_archive_row *ks_message_row(const struct ks_ctx *ctx);
/* A row of the archive as it goes to a session of its owner, ctx->user: the stanza as it is stored, with the archive's
 * mark in front (XEP-0359 §3) and, if late, with its time (XEP-0203). NULL: no memory, or not a row of ours. */
KS_CHECK struct ks_bytes *ks_message_bytes(const struct ks_ctx *ctx, const struct ks_archive_row *row, bool late);

#endif
