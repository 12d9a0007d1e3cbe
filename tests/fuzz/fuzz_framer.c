/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Where the network cuts a stream does not matter: whole, byte by byte, and in pieces whose lengths the input chooses,
 * the framer says the same. The first two bytes are limits and lengths, the rest is the stream. */
#include "xml_framer.h"

#define MIX 0x100000001b3U /* FNV-1a */

struct digest {
    uint64_t hash;
    size_t item, blanks;
    bool over;
};

static void mix(struct digest *digest, uint64_t value)
{
    digest->hash = (digest->hash ^ value) * MIX;
}

static void give(struct digest *digest, struct ks_framer *framer, struct ks_str bytes)
{
    while (bytes.len && !digest->over) {
        size_t len = 0;
        enum ks_frame frame = ks_framer_next(framer, bytes, &len);
        assert(len <= bytes.len && (len > 0 || frame != KS_FRAME_MORE));
        char last = bytes.ptr[len - 1];
        digest->item += len;
        bytes = ks_str_from(bytes, len);
        if (frame == KS_FRAME_MORE)
            continue;
        if (frame == KS_FRAME_BLANK) {
            digest->blanks += digest->item;
        } else {
            assert(frame >= KS_FRAME_BAD || last == '>');
            assert(digest->item <= framer->bytes_max);
            mix(digest, digest->blanks);
            mix(digest, frame);
            mix(digest, digest->item);
            digest->blanks = 0;
            digest->over = frame == KS_FRAME_CLOSE || frame >= KS_FRAME_BAD;
        }
        digest->item = 0;
    }
}

static uint64_t digest_cut(uint8_t limit, struct ks_str stream, size_t piece)
{
    struct digest digest = { 0 };
    struct ks_framer framer;

    ks_framer_init(&framer, limit & 0x80 ? 1U << 20 : limit + 1U, 1 + (limit & 7));
    for (size_t at = 0; at < stream.len; at += piece)
        give(&digest, &framer, ks_str_head(ks_str_from(stream, at), piece));
    mix(&digest, digest.blanks);
    mix(&digest, digest.over ? 0 : digest.item);
    return digest.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 3)
        return 0;
    struct ks_str stream = ks_str(data + 2, len - 2);
    uint64_t whole = digest_cut(data[0], stream, stream.len);
    assert(digest_cut(data[0], stream, 1) == whole);
    assert(digest_cut(data[0], stream, 1 + data[1] % 40) == whole);
    return 0;
}
