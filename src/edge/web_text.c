/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "web_text.h"

#include <arpa/inet.h>

#include "http_target.h"

static bool is_address(struct ks_str text)
{
    char z[INET6_ADDRSTRLEN];
    struct in6_addr room;

    if (text.len >= sizeof z)
        return false;
    memcpy(z, text.ptr, text.len);
    z[text.len] = 0;
    return inet_pton(AF_INET, z, &room) == 1 || inet_pton(AF_INET6, z, &room) == 1;
}

/* Whether each word of text is good; there is one at least. */
static bool all_good(struct ks_str text, bool (*good)(struct ks_str word))
{
    struct ks_str word;
    bool any = false;

    while (ks_str_cut(&text, ' ', &word)) {
        if (word.len && !good(word))
            return false;
        any = any || word.len;
    }
    return any;
}

bool ks_web_origin_ok(struct ks_str text)
{
    struct ks_str scheme = KS_STR("https://");
    struct ks_http_authority authority;

    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z')
            return false;
    return ks_str_starts(text, scheme) && ks_http_authority_read(ks_str_from(text, scheme.len), &authority) == KS_OK
        && authority.port != 443;
}

bool ks_web_origins_ok(struct ks_str text)
{
    return all_good(text, ks_web_origin_ok);
}

bool ks_web_addresses_ok(struct ks_str text)
{
    return all_good(text, is_address);
}
