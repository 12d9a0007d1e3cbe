/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An answer of DNS, which comes from whoever can reach the client: what is read from it is whole and printable, or
 * nothing is touched. */
#include <assert.h>
#include <ctype.h>
#include <stdint.h>

#include "srv_lookup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char whole[KS_SRV_HOST_MAX], room[KS_SRV_HOST_MAX];
    uint16_t port = 1, other = 1;
    size_t cap;

    memset(whole, '?', sizeof whole);
    if (!ks_srv_read(ks_str(data, len), whole, sizeof whole, &port)) {
        assert(whole[0] == '?' && port == 1);
        return 0;
    }
    cap = strnlen(whole, sizeof whole);
    assert(cap > 0 && cap < sizeof whole);
    for (size_t i = 0; i < cap; i++)
        assert(isgraph((unsigned char)whole[i]));
    /* With just enough room it is the same; with less it is another record or none, and never a part of a name. */
    assert(ks_srv_read(ks_str(data, len), room, cap + 1, &other) && strcmp(room, whole) == 0 && other == port);
    if (ks_srv_read(ks_str(data, len), room, cap, &other))
        assert(strnlen(room, cap) < cap && strncmp(room, whole, strlen(room) + 1) != 0);
    return 0;
}
