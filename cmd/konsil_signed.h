/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_signed.h -- signed messages: written, acknowledged, shown, saved as files. */
#ifndef KONSIL_SIGNED_H
#define KONSIL_SIGNED_H

#include "konsil_lines.h"

/* /order, /consult, /handover, each with "#CASE" before the text, if it is about one; asked first: a signed message is
 * never changed or taken back. */
lines_fn signed_order, signed_consult, signed_handover;
/* /ack [WORDS]: the newest signed message of somebody else's that has them. */
lines_fn signed_ack;
/* /signed [WORDS]: the newest signed message that has them, as a file in the working directory. */
lines_fn signed_save;

/* What a message is signed as, and whether that is so, beside its author: in message->seal. */
void signed_tell(struct model *model, struct model_message *message, json_t *told);
/* The files of one arrived: they are written. */
void signed_file(struct model *model, json_t *event);

#endif
