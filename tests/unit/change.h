/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* change.h -- inputs for a reader and its oracle: good ones that are changed in places. */
#ifndef CHANGE_H
#define CHANGE_H

#include "buf.h"
#include "prng.h"

/* Some bytes of text are cut out, and one of the pieces, or another part of the text, is put in their place; a few
 * times. */
static void change(struct ks_prng *prng, struct ks_buf *buf, const char *const *pieces, size_t count)
{
    for (uint64_t times = 1 + ks_prng_below(prng, 3); times; times--) {
        struct ks_str text = ks_buf_str(buf), piece = KS_STR_EMPTY;
        size_t at = (size_t)ks_prng_below(prng, text.len + 1);
        size_t cut = ks_prng_below(prng, 2) ? (size_t)ks_prng_below(prng, 8) : 0;
        struct ks_buf next;

        ks_buf_init(&next, 10000);
        ks_buf_add(&next, ks_str_head(text, at));
        if (ks_prng_below(prng, 4))
            piece = ks_str_z(pieces[ks_prng_below(prng, count)]);
        else if (text.len) /* another part of itself */
            piece = ks_str_head(ks_str_from(text, (size_t)ks_prng_below(prng, text.len)), ks_prng_below(prng, 20));
        ks_buf_add(&next, piece);
        ks_buf_add(&next, ks_str_from(text, at + cut < text.len ? at + cut : text.len));
        ks_buf_done(buf);
        *buf = next;
    }
}

#endif
