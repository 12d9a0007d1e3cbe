/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The positive control: a property that does not hold, for inputs that no seed has. The short run must find one. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    assert(len < 3 || data[1] != 'u');
    return 0;
}
