/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "webpush_endpoint.h"

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* RFC 1123 §2.1, in lower case. Whatever takes the place of a name for an address (RFC 3986 §3.2.2, and inet_aton's
 * forms) has a last label that begins with a digit. */
static bool is_name(struct ks_str host)
{
    struct ks_str label, last = KS_STR_EMPTY;

    if (host.len == 0 || host.len > 253 || host.ptr[host.len - 1] == '.')
        return false;
    while (ks_str_cut(&host, '.', &label)) {
        if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
            return false;
        for (size_t i = 0; i < label.len; i++)
            if (!is_letter(label.ptr[i]) && !is_digit(label.ptr[i]) && label.ptr[i] != '-')
                return false;
        last = label;
    }
    return is_letter(last.ptr[0]);
}

/* "host" or "host:port"; port 443 without one. A number has one form. */
static bool read_authority(struct ks_str text, struct ks_str *ret_host, uint16_t *ret_port)
{
    size_t colon = ks_str_find_byte(text, ':');
    struct ks_str digits = ks_str_from(text, colon + 1);
    uint64_t port = 443;

    *ret_host = ks_str_head(text, colon);
    if (colon < text.len && (ks_str_starts(digits, KS_STR("0")) || ks_str_u64(digits, UINT16_MAX, &port) != KS_OK))
        return false;
    *ret_port = (uint16_t)port;
    return is_name(*ret_host);
}

/* RFC 3986 §3.3 and §3.4: pchar, "/", "?". */
static bool is_of_a_path(char c)
{
    return is_letter(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || (c && strchr("-._~%!$&'()*+,;=:@/?", c));
}

enum ks_err ks_webpush_endpoint_read(struct ks_str url, struct ks_webpush_endpoint *ret_endpoint)
{
    const struct ks_str scheme = KS_STR("https://");
    struct ks_webpush_endpoint endpoint;

    if (url.len > KS_WEBPUSH_URL_MAX)
        return KS_ELIMIT;
    if (!ks_str_starts(url, scheme))
        return KS_ESYNTAX;
    struct ks_str rest = ks_str_from(url, scheme.len);
    size_t slash = ks_str_find_byte(rest, '/');
    if (slash == rest.len || !read_authority(ks_str_head(rest, slash), &endpoint.host, &endpoint.port))
        return KS_ESYNTAX;
    for (size_t i = slash; i < rest.len; i++)
        if (!is_of_a_path(rest.ptr[i]))
            return KS_ESYNTAX;
    endpoint.origin = ks_str_head(url, scheme.len + slash);
    if (endpoint.port == 443 && ks_str_ends(endpoint.origin, KS_STR(":443")))
        return KS_ESYNTAX; /* RFC 6454 §6.2: an origin does not name the scheme's port */
    *ret_endpoint = endpoint;
    return KS_OK;
}

/* "*.host" is for all below host, with ret_below. */
static bool read_entry(struct ks_str entry, struct ks_str *ret_host, uint16_t *ret_port, bool *ret_below)
{
    *ret_below = ks_str_starts(entry, KS_STR("*."));
    return read_authority(*ret_below ? ks_str_from(entry, 2) : entry, ret_host, ret_port);
}

bool ks_webpush_endpoint_listed(const struct ks_webpush_endpoint *endpoint, struct ks_str list)
{
    struct ks_str entry, host, above;
    uint16_t port;
    bool below;

    while (ks_str_cut(&list, ' ', &entry)) {
        if (!entry.len || !read_entry(entry, &host, &port, &below) || port != endpoint->port)
            continue;
        if (!below && ks_str_eq(host, endpoint->host))
            return true;
        above = endpoint->host;
        for (struct ks_str label; below && ks_str_cut(&above, '.', &label);)
            if (ks_str_eq(above, host))
                return true;
    }
    return false;
}

bool ks_webpush_list_good(struct ks_str list)
{
    struct ks_str entry, host;
    uint16_t port;
    bool below;

    while (ks_str_cut(&list, ' ', &entry))
        if (entry.len && !read_entry(entry, &host, &port, &below))
            return false;
    return true;
}
