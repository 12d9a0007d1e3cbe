/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A stamp that is read names one instant: written in our form and read again, it is the same one. */
#include "clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[KS_STAMP_LEN + 1];
    int64_t wall_ms, again_ms;

    if (ks_stamp_read(ks_str((const char *)data, len), &wall_ms) != KS_OK)
        return 0;
    struct ks_str stamp = ks_stamp_write(wall_ms, text);
    assert(stamp.len == KS_STAMP_LEN && text[KS_STAMP_LEN] == 0);
    assert(ks_stamp_read(stamp, &again_ms) == KS_OK);
    /* A zone may carry the first or the last hours of our years out of them; those are clamped. */
    if (wall_ms >= -62167219200000 && wall_ms <= 253402300799999)
        assert(again_ms == wall_ms);
    return 0;
}
