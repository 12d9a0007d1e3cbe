/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* codepoint.h -- what a code point is and where it may stand: the derived properties of PRECIS (RFC 8264 §8) and IDNA
 * (RFC 5892 §3), their contextual rules (RFC 5892 appendix A) and the Bidi Rule (RFC 5893 §2), over utf8proc.
 *
 * For unicode.c and idna.c. A text is an array of code points. Nothing here allocates. */
#ifndef KS_CODEPOINT_H
#define KS_CODEPOINT_H

#include "str.h"

enum ks_codepoint_class {
    KS_CP_PVALID,
    KS_CP_FREE,    /* PRECIS only: in the FreeformClass, not in the IdentifierClass (ID_DIS or FREE_PVAL) */
    KS_CP_CONTEXT, /* CONTEXTJ, CONTEXTO: ks_codepoint_in_context() decides */
    KS_CP_DISALLOWED,
    KS_CP_UNASSIGNED,
};

enum ks_codepoint_class ks_codepoint_precis(int32_t point);
enum ks_codepoint_class ks_codepoint_idna(int32_t point);

/* Whether points[at], of KS_CP_CONTEXT, may stand there. */
bool ks_codepoint_in_context(const int32_t *points, size_t count, size_t at);

/* Whether there is one of class R, AL or AN: only then the Bidi Rule is asked for. */
bool ks_codepoint_any_rtl(const int32_t *points, size_t count);
/* RFC 5893 §2. An empty text fails. */
bool ks_codepoint_bidi_ok(const int32_t *points, size_t count);

/* The fullwidth and halfwidth forms to what they are forms of (RFC 8264 §5.2.1); any other to itself. */
int32_t ks_codepoint_width_map(int32_t point);

/* Decodes text into points, which has room for text.len. False if it is not UTF-8. */
bool ks_codepoint_decode(struct ks_str text, int32_t *points, size_t *ret_count);
/* Encodes; ptr has room for 4 * count. */
struct ks_str ks_codepoint_encode(const int32_t *points, size_t count, char *ptr);

#endif
