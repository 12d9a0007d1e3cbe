/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* utf8.h -- whether bytes are UTF-8 (RFC 3629), also when they come in pieces. Allocates nothing. */
#ifndef KS_UTF8_H
#define KS_UTF8_H

#include "str.h"

/* What is known of a text between two pieces; all zeroes is its beginning. */
struct ks_utf8 {
    uint8_t left;      /* bytes that the sequence at hand lacks */
    uint8_t low, high; /* between which the next of them lies */
};

/* Reads the text's next piece. False: with it, the text is the beginning of no UTF-8, and there is no more to feed. */
KS_CHECK bool ks_utf8_feed(struct ks_utf8 *utf8, struct ks_str piece);

/* The text may end here: no sequence is cut. */
static inline bool ks_utf8_whole(const struct ks_utf8 *utf8)
{
    return utf8->left == 0;
}

bool ks_utf8_valid(struct ks_str text);

/* The beginning of UTF-8, of at most len bytes, that ends between two characters. */
struct ks_str ks_utf8_head(struct ks_str text, size_t len);

#endif
