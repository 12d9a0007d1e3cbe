/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* qr.h -- QR codes (ISO/IEC 18004), drawn: an address that a telephone takes off a screen. */
#ifndef KS_QR_H
#define KS_QR_H

#include "buf.h"

#define KS_QR_BYTES_MAX 1000 /* what fits on a screen of 80 columns, and is still read easily, is far less */

/* Each appends to buf. KS_OK, KS_ELIMIT (too long), KS_ENOMEM.
 *
 * For a terminal: two rows in a line of half blocks, black on white whatever its colours are. */
KS_CHECK enum ks_err ks_qr_draw(struct ks_buf *buf, struct ks_str text);
/* An <svg/> of as many units as it has modules, with the quiet zone of four around it; it has no style of its own. */
KS_CHECK enum ks_err ks_qr_svg(struct ks_buf *buf, struct ks_str text);

#endif
