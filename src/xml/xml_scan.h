/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml_scan.h -- the way over plain text, for the other files of this directory. */
#ifndef KS_XML_SCAN_H
#define KS_XML_SCAN_H

#include "str.h"

/* KS_SCAN(at, end, c, stops) moves at to the first byte in [at, end) for which stops, an expression over c made of
 * comparisons joined by & and |, is not zero; to end if there is none.
 *
 * Most bytes of a stream are passed here. Where the machine has vectors of sixteen bytes, c is one in a first loop, and
 * a single byte in a second, for what is left. */
#if (defined(__SSE2__) || defined(__ARM_NEON) || defined(__wasm_simd128__)) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
typedef uint8_t ks_xml_block __attribute__((vector_size(16)));

/* The first byte of found that is not zero; 16 if there is none. */
static inline unsigned ks_xml_first(ks_xml_block found)
{
    uint64_t half[2];

    memcpy(half, &found, sizeof half);
    if (half[0])
        return (unsigned)__builtin_ctzll(half[0]) / 8;
    return half[1] ? 8 + (unsigned)__builtin_ctzll(half[1]) / 8 : 16;
}

#define KS_SCAN_BLOCKS(at, end, c, stops)               \
    unsigned scanned_ = 16;                             \
    while (scanned_ == 16 && (end) - (at) >= 16) {      \
        ks_xml_block c;                                 \
        memcpy(&c, (at), sizeof c);                     \
        scanned_ = ks_xml_first((ks_xml_block)(stops)); \
        (at) += scanned_;                               \
    }                                                   \
    if (scanned_ < 16)                                  \
        break;
#else
#define KS_SCAN_BLOCKS(at, end, c, stops)
#endif

#define KS_SCAN(at, end, c, stops)        \
    do {                                  \
        KS_SCAN_BLOCKS(at, end, c, stops) \
        for (; (at) < (end); (at)++) {    \
            const uint8_t c = *(at);      \
            if (stops)                    \
                break;                    \
        }                                 \
    } while (0)

#endif
