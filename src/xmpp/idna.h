/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* idna.h -- labels of internationalised domain names (RFC 5890, RFC 5891) and Punycode (RFC 3492).
 *
 * For unicode.c. Works on code points; nothing here allocates. */
#ifndef KS_IDNA_H
#define KS_IDNA_H

#include "str.h"

#define KS_LABEL_MAX 63 /* bytes of a label in the DNS (RFC 1035 §2.3.4) */

/* Checks a label as it is: an NR-LDH label in lower case, or a U-label (RFC 5890 §2.3.2.1, RFC 5891 §5.4) whose A-label
 * is not too long. points are in NFC. The Bidi Rule is not looked at: it asks about the whole name. */
bool ks_idna_label_ok(const int32_t *points, size_t count);

/* Turns an A-label, with its "xn--" and in lower case, into the U-label it stands for; points has room for
 * KS_LABEL_MAX. False if it stands for none. */
bool ks_idna_from_a_label(struct ks_str label, int32_t *points, size_t *ret_count);

/* Punycode without "xn--". encode: the length, 0 if it would be over KS_LABEL_MAX - 4, at ptr with room for that.
 * decode: false if text is none, or for more than KS_LABEL_MAX code points. */
size_t ks_punycode_encode(const int32_t *points, size_t count, char *ptr);
bool ks_punycode_decode(struct ks_str text, int32_t *points, size_t *ret_count);

#endif
