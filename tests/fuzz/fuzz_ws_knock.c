/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An answer to a WebSocket's request is judged alike whatever follows it, and more of one that is not whole changes
 * what was said of it only while that was "more". */
#include <assert.h>

#include "ws_knock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t nonce[KS_WS_KEY_BYTES] = "the sample nonce";
    struct ks_str bytes = ks_str(data, len);
    size_t end = 0, again = 0;
    enum ks_err err = ks_ws_knock_read(bytes, nonce, &end);

    assert(err != KS_OK || (end >= 4 && end <= len));
    for (size_t cut = 0; cut < len && cut < 600; cut++) {
        enum ks_err part = ks_ws_knock_read(ks_str_head(bytes, cut), nonce, &again);
        assert(part == KS_EAGAIN || part == KS_ELIMIT || (part == err && (part != KS_OK || again == end)));
    }
    return 0;
}
