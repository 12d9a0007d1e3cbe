/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* unicode.h -- the little of Unicode that addresses and search need, over utf8proc; the same natively and in WASM.
 *
 * Profiles: UsernameCaseMapped (RFC 8265 §3.3, for localparts with RFC 7622 §3.3), OpaqueString (RFC 8265 §4.2, for
 * resourceparts with RFC 7622 §3.4 and for passwords), and for domainparts U-labels of RFC 5892 in NFC, lower case.
 * Unassigned code points are refused, so that old and new versions agree. */
#ifndef KS_UNICODE_H
#define KS_UNICODE_H

#include "arena.h"

/* Each: KS_OK, the result in arena (or the input itself when nothing changes; scratch memory is the arena's, too);
 * KS_ESYNTAX (bad UTF-8, disallowed code point, contextual or bidi rule broken, empty, over 1023 bytes as written or as
 * normalised); KS_ELIMIT (the arena's); KS_ENOMEM. */
KS_CHECK enum ks_err ks_unicode_localpart(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text);
KS_CHECK enum ks_err ks_unicode_resource(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text);
/* Also IPv4 addresses and [IPv6] literals. A final dot goes; A-labels (xn--) become the U-labels they stand for. */
KS_CHECK enum ks_err ks_unicode_domain(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text);
/* OpaqueString without the length limit of a JID: up to 4096 bytes. */
KS_CHECK enum ks_err ks_unicode_password(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text);

/* For search: case folded, without accents (NFKD, marks dropped), ß as ss; unassigned code points pass. KS_ESYNTAX on
 * bad UTF-8. */
KS_CHECK enum ks_err ks_unicode_fold(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text);
/* Columns on a terminal: 0, 1 or 2 for each code point; bad UTF-8 counts as 1 a byte. */
size_t ks_unicode_columns(struct ks_str text);
/* Code points; as passwords are counted (NIST SP 800-63B §5.1.1.2: "each Unicode code point SHALL be counted as a
 * single character"). */
size_t ks_unicode_count(struct ks_str text);
/* Bytes of the control character (Unicode's Cc: C0, DEL, C1) that text begins with; 0: it begins with none. What a
 * person typed and a terminal will show has none. */
size_t ks_unicode_control(struct ks_str text);

#endif
