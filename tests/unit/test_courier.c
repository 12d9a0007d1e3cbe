/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What passes between konsild and the process that asks push services, and which addresses that one may ask. */
#include <arpa/inet.h>

#include "check.h"
#include "courier_link.h"
#include "public_address.h"

static const struct {
    const char *name, *address;
    bool want;
} address_rows[] = {
    { "an address of IPv4", "142.250.185.74", true },
    { "an address of IPv6", "2a00:1450:4001:82f::200a", true },
    { "RFC 1122 §3.2.1.3: this host", "0.0.0.0", false },
    { "RFC 1122 §3.2.1.3: loopback", "127.0.0.1", false },
    { "RFC 1122 §3.2.1.3: the rest of loopback", "127.255.255.254", false },
    { "RFC 1918 §3: 10/8", "10.1.2.3", false },
    { "what stands before 10/8", "9.255.255.255", true },
    { "what stands behind 10/8", "11.0.0.0", true },
    { "RFC 1918 §3: 172.16/12", "172.31.255.255", false },
    { "what stands behind 172.16/12", "172.32.0.0", true },
    { "RFC 1918 §3: 192.168/16", "192.168.178.1", false },
    { "RFC 3927 §2.1: the link, where clouds keep their secrets", "169.254.169.254", false },
    { "RFC 6598 §7: shared", "100.64.0.1", false },
    { "what stands behind it", "100.128.0.0", true },
    { "RFC 5737 §3: documentation", "203.0.113.7", false },
    { "RFC 2544: benchmarks", "198.19.0.1", false },
    { "RFC 5771: multicast", "224.0.0.1", false },
    { "RFC 919 §7: everybody", "255.255.255.255", false },
    { "RFC 4291 §2.5.3: loopback", "::1", false },
    { "RFC 4291 §2.5.2: nobody", "::", false },
    { "RFC 4193 §3.1: unique local", "fd12:3456::1", false },
    { "RFC 4291 §2.5.6: the link", "fe80::1", false },
    { "RFC 4291 §2.7: multicast", "ff02::1", false },
    { "RFC 3849 §2: documentation", "2001:db8::1", false },
    { "RFC 9637 §3: documentation", "3fff:0fff::1", false },
    { "what stands behind it", "3fff:1000::1", true },
    { "RFC 8215 §3: behind a translator of one's own", "64:ff9b:1::8efa:b94a", false },
    { "RFC 4291 §2.5.5.2: a private one of IPv4 in IPv6", "::ffff:10.0.0.1", false },
    { "RFC 4291 §2.5.5.2: a public one of IPv4 in IPv6", "::ffff:142.250.185.74", true },
    { "RFC 4291 §2.5.5.1: and in the form of before", "::10.0.0.1", false },
    { "RFC 6052 §2.1: a private one behind a translator", "64:ff9b::7f00:1", false },
    { "RFC 6052 §2.1: a public one behind a translator", "64:ff9b::8efa:b94a", true },
    { "RFC 3056 §2: a private one behind 6to4", "2002:0a00:0001::1", false },
    { "RFC 4380: Teredo", "2001:0:53aa:64c:10:20::1", false },
};

static void addresses(void)
{
    for (size_t i = 0; i < KS_COUNT(address_rows); i++) {
        struct sockaddr_in v4 = { .sin_family = AF_INET };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
        bool is_v4 = inet_pton(AF_INET, address_rows[i].address, &v4.sin_addr) == 1;
        if (!is_v4 && inet_pton(AF_INET6, address_rows[i].address, &v6.sin6_addr) != 1)
            abort();
        bool got = ks_address_is_public(is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
        check_row(got == address_rows[i].want, address_rows[i].name, "%s: %d", address_rows[i].address, got);
    }
    check_row(
        !ks_address_is_public(&(struct sockaddr) { .sa_family = AF_UNIX }), "what is no address of the net", "public");
}

static void datagrams(void)
{
    struct ks_push_request request = { .id = { 1, UINT64_MAX, 3 },
        .url = KS_STR("https://push.example/1"),
        .headers = KS_STR("TTL: 1\nUrgency: high\n"),
        .body = KS_STR("\0bytes") },
                           read = { .url = KS_STR_EMPTY };
    struct ks_courier_answer answer = { { 1, 2, 3 }, 429, 3600 }, heard;
    struct ks_buf datagram;
    size_t taken = 0;

    ks_buf_init(&datagram, KS_COURIER_DATAGRAM_MAX);
    ks_courier_write_request(&datagram, &request);
    check_err("a request is read", ks_courier_read_request(ks_buf_str(&datagram), &read), KS_OK);
    check_row(memcmp(&read.id, &request.id, sizeof read.id) == 0 && ks_str_eq(read.url, request.url)
            && ks_str_eq(read.headers, request.headers) && ks_str_eq(read.body, request.body),
        "as it was written", "otherwise");
    for (size_t i = 0; i < datagram.len; i++)
        taken += ks_courier_read_request(ks_str_head(ks_buf_str(&datagram), i), &read) == KS_OK;
    ks_buf_byte(&datagram, 0);
    taken += ks_courier_read_request(ks_buf_str(&datagram), &read) == KS_OK;
    check_row(taken == 0, "a part of one, or more than one, is none", "%zu are", taken);
    ks_buf_reset(&datagram);
    ks_courier_write_answer(&datagram, &answer);
    check_err("an answer is read", ks_courier_read_answer(ks_buf_str(&datagram), &heard), KS_OK);
    check_row(
        heard.status == 429 && heard.retry_after == 3600 && heard.id.serial == 3, "as it was written", "otherwise");
    for (size_t i = 0; i < datagram.len; i++)
        taken += ks_courier_read_answer(ks_str_head(ks_buf_str(&datagram), i), &heard) == KS_OK;
    check_row(taken == 0, "a part of one is none", "%zu are", taken);
    answer.status = 1000;
    ks_buf_reset(&datagram);
    ks_courier_write_answer(&datagram, &answer);
    check_err(
        "RFC 9110 §15: a status has three digits", ks_courier_read_answer(ks_buf_str(&datagram), &heard), KS_ESYNTAX);
    answer = (struct ks_courier_answer) { { 1, 2, 3 }, 429, UINT64_MAX };
    ks_buf_reset(&datagram);
    ks_courier_write_answer(&datagram, &answer);
    check_err("a pause longer than time is none", ks_courier_read_answer(ks_buf_str(&datagram), &heard), KS_ESYNTAX);
    ks_buf_done(&datagram);
}

int main(void)
{
    addresses();
    datagrams();
    return check_done();
}
