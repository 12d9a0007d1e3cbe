/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml_scan.h -- the way over plain text, for the other files of this directory. */
#ifndef KS_XML_SCAN_H
#define KS_XML_SCAN_H

#include "str.h"

/* KS_SCAN(at, end, c, stops) moves at to the first byte in [at, end) for which stops, an expression over c made of
 * comparisons joined by & and |, is not zero; to end if there is none.
 *
 * Most bytes of a stream are passed here. Where the machine has vectors, c is one of sixteen bytes, or of eight in a
 * short text, or a single byte in one that is shorter still. The last bytes are looked at in a vector that ends with
 * them: what it has of those before them stopped nothing. */
#if (defined(__SSE2__) || defined(__ARM_NEON) || defined(__wasm_simd128__)) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
typedef uint8_t ks_xml_16 __attribute__((vector_size(16)));
typedef uint8_t ks_xml_8 __attribute__((vector_size(8)));

/* The first byte of found that is not zero; 16, or 8, if there is none. */
static inline unsigned ks_xml_first_16(ks_xml_16 found)
{
    uint64_t half[2];

    memcpy(half, &found, sizeof half);
    if (half[0])
        return (unsigned)__builtin_ctzll(half[0]) / 8;
    return half[1] ? 8 + (unsigned)__builtin_ctzll(half[1]) / 8 : 16;
}

static inline unsigned ks_xml_first_8(ks_xml_8 found)
{
    uint64_t bytes;

    memcpy(&bytes, &found, sizeof bytes);
    return bytes ? (unsigned)__builtin_ctzll(bytes) / 8 : 8;
}

#define KS_SCAN_VECTORS(at, end, c, stops, width)                   \
    if ((end) - (at) >= (width)) {                                  \
        unsigned first_;                                            \
        do {                                                        \
            ks_xml_##width c;                                       \
            if ((end) - (at) < (width))                             \
                (at) = (end) - (width);                             \
            memcpy(&c, (at), sizeof c);                             \
            first_ = ks_xml_first_##width((ks_xml_##width)(stops)); \
            (at) += first_;                                         \
        } while (first_ == (width) && (at) < (end));                \
        break;                                                      \
    }
#else
#define KS_SCAN_VECTORS(at, end, c, stops, width)
#endif

#define KS_SCAN(at, end, c, stops)             \
    do {                                       \
        KS_SCAN_VECTORS(at, end, c, stops, 16) \
        KS_SCAN_VECTORS(at, end, c, stops, 8)  \
        for (; (at) < (end); (at)++) {         \
            const uint8_t c = *(at);           \
            if (stops)                         \
                break;                         \
        }                                      \
    } while (0)

#endif
