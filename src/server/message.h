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

#endif
