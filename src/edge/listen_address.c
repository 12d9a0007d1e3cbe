/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "listen_address.h"

#include <arpa/inet.h>

enum ks_err ks_listen_parse(struct ks_str text, unsigned serves, struct ks_listen_address *ret_address)
{
    struct ks_listen_address address = { .serves = serves };
    size_t colon = text.len;
    char host[INET6_ADDRSTRLEN];
    uint64_t port;

    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0 || ks_str_u64(ks_str_from(text, colon), 65535, &port) != KS_OK)
        return KS_ESYNTAX;
    struct ks_str name = ks_str_head(text, colon - 1);
    address.both = ks_str_is(name, "*");
    bool brackets = name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']';
    if (brackets)
        name = ks_str(name.ptr + 1, name.len - 2);
    if (name.len >= sizeof host)
        return KS_ESYNTAX;
    memcpy(host, name.ptr, name.len);
    host[name.len] = 0;
    if (address.both || brackets) {
        address.at.v6 = (struct sockaddr_in6) { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
        address.len = sizeof address.at.v6;
        if (brackets && inet_pton(AF_INET6, host, &address.at.v6.sin6_addr) != 1)
            return KS_ESYNTAX;
    } else {
        address.at.v4 = (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
        address.len = sizeof address.at.v4;
        if (inet_pton(AF_INET, host, &address.at.v4.sin_addr) != 1)
            return KS_ESYNTAX;
    }
    *ret_address = address;
    return KS_OK;
}

bool ks_listen_is_local(const struct ks_listen_address *address)
{
    if (address->at.any.sa_family == AF_INET)
        return ntohl(address->at.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&address->at.v6.sin6_addr);
}

bool ks_listen_same(const struct ks_listen_address *a, const struct ks_listen_address *b)
{
    return a->at.v4.sin_port && a->both == b->both && a->len == b->len && memcmp(&a->at, &b->at, a->len) == 0;
}
