/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "public_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "str.h"

/* bits of the prefix, of which the first four bytes are enough to say */
struct prefix {
    uint32_t start;
    unsigned bits;
};

static bool is_in(uint32_t first, const struct prefix *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((first ^ prefixes[i].start) >> (32 - prefixes[i].bits) == 0)
            return true;
    return false;
}

static uint32_t load(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_public_v4(uint32_t address)
{
    static const struct prefix special[] = {
        { 0x00000000, 8 },  /* this network */
        { 0x0a000000, 8 },  /* private (RFC 1918) */
        { 0x64400000, 10 }, /* shared (RFC 6598) */
        { 0x7f000000, 8 },  /* loopback */
        { 0xa9fe0000, 16 }, /* link-local (RFC 3927) */
        { 0xac100000, 12 }, /* private */
        { 0xc0000000, 24 }, /* IETF protocols */
        { 0xc0000200, 24 }, /* documentation (RFC 5737) */
        { 0xc0a80000, 16 }, /* private */
        { 0xc6120000, 15 }, /* benchmarks (RFC 2544) */
        { 0xc6336400, 24 }, /* documentation */
        { 0xcb007100, 24 }, /* documentation */
        { 0xe0000000, 3 },  /* multicast, reserved, broadcast */
    };

    return !is_in(address, special, KS_COUNT(special));
}

/* RFC 4291 §2.4: of what is given out, global unicast is 2000::/3; all else is something else. */
static bool is_public_v6(const uint8_t address[16])
{
    static const struct prefix special[] = {
        { 0x20010000, 23 }, /* IETF protocols, among them Teredo (RFC 4380), which carries IPv4 */
        { 0x20010db8, 32 }, /* documentation */
        { 0x3fff0000, 20 }, /* documentation (RFC 9637) */
    };
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    static const uint8_t translated[12] = { 0x00, 0x64, 0xff, 0x9b };

    /* RFC 4291 §2.5.5.2 and RFC 6052 §2.1: IPv4 at the end; RFC 3056 §2: behind the prefix */
    if (memcmp(address, mapped, 12) == 0 || memcmp(address, translated, 12) == 0)
        return is_public_v4(load(address + 12));
    if (address[0] == 0x20 && address[1] == 0x02)
        return is_public_v4(load(address + 2));
    return address[0] >> 5 == 1 && !is_in(load(address), special, KS_COUNT(special));
}

bool ks_address_is_public(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    switch (address->sa_family) {
    case AF_INET:
        memcpy(&v4, address, sizeof v4);
        return is_public_v4(ntohl(v4.sin_addr.s_addr));
    case AF_INET6:
        memcpy(&v6, address, sizeof v6);
        return is_public_v6(v6.sin6_addr.s6_addr);
    default:
        return false;
    }
}
