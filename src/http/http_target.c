/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "http_target.h"

#include "http_text.h"
#include "utf8.h"

/* RFC 3986 §3.2.2: IP-literal, of which there are IPv6 addresses. Whether it is one, who uses it finds out. */
static bool is_ipv6(struct ks_str host)
{
    if (host.len < 4 || host.ptr[host.len - 1] != ']')
        return false;
    for (size_t i = 1; i < host.len - 1; i++)
        if (ks_http_hex(host.ptr[i]) < 0 && host.ptr[i] != ':' && host.ptr[i] != '.')
            return false;
    return true;
}

enum ks_err ks_http_authority_read(struct ks_str text, struct ks_http_authority *ret_authority)
{
    bool bracket = ks_str_starts(text, KS_STR("["));
    size_t host_len = bracket ? ks_str_find_byte(text, ']') + 1 : ks_str_find_byte(text, ':');
    struct ks_str host = ks_str_head(text, host_len), rest = ks_str_from(text, host_len);
    uint64_t port = 0;

    if (bracket ? !is_ipv6(host) : !host.len || !ks_http_all(host, KS_HTTP_HOST))
        return KS_ESYNTAX;
    if (rest.len && rest.ptr[0] != ':')
        return KS_ESYNTAX;
    /* RFC 3986 §3.2.3: the port behind the colon may be empty. */
    if (rest.len > 1 && (ks_str_u64(ks_str_from(rest, 1), UINT16_MAX, &port) != KS_OK || port == 0))
        return KS_ESYNTAX;
    *ret_authority = (struct ks_http_authority) { host, (uint16_t)port };
    return KS_OK;
}

/* RFC 3986 §2.1: the byte that *at is, or that an escape there stands for; -1 if the escape is none. Steps over it. */
static int next_byte(struct ks_str text, size_t *at)
{
    char c = text.ptr[(*at)++];

    if (c != '%')
        return (uint8_t)c;
    if (text.len - *at < 2)
        return -1;
    int high = ks_http_hex(text.ptr[*at]), low = ks_http_hex(text.ptr[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static bool is_good_query(struct ks_str query)
{
    if (!ks_http_all(query, KS_HTTP_URI))
        return false;
    for (size_t at = 0; at < query.len;)
        if (next_byte(query, &at) < 0)
            return false;
    return true;
}

/* What the segment at hand is made of, without its escapes. */
struct segment {
    size_t bytes, dots;
};

static bool is_dot_segment(struct segment segment)
{
    return segment.dots == segment.bytes && (segment.dots == 1 || segment.dots == 2);
}

static bool is_good_path(struct ks_str path)
{
    struct segment segment = { 0 };
    struct ks_utf8 utf8 = { 0 };

    if (!ks_str_starts(path, KS_STR("/")) || !ks_http_all(path, KS_HTTP_URI))
        return false;
    for (size_t at = 1; at < path.len;) {
        bool escaped = path.ptr[at] == '%';
        int c = next_byte(path, &at);
        char byte = (char)c;

        if (c == '/' && !escaped) {
            if (!segment.bytes || is_dot_segment(segment))
                return false;
            segment = (struct segment) { 0 };
        } else {
            if (c < 0x20 || c == 0x7f || c == '/' || c == '\\')
                return false;
            segment.bytes++;
            segment.dots += c == '.';
        }
        if (!ks_utf8_feed(&utf8, ks_str(&byte, 1)))
            return false;
    }
    return !is_dot_segment(segment) && ks_utf8_whole(&utf8);
}

/* RFC 9112 §3.2.2. The scheme has any case (RFC 3986 §3.1). *text is left at the path. */
static enum ks_err read_absolute(struct ks_str *text, struct ks_http_authority *ret_authority)
{
    size_t scheme_len = ks_str_find(*text, KS_STR("://"));
    struct ks_str scheme = ks_str_head(*text, scheme_len), rest = ks_str_from(*text, scheme_len + 3);
    size_t len = 0;

    if (!ks_http_is(scheme, KS_STR("http")) && !ks_http_is(scheme, KS_STR("https")))
        return KS_ESYNTAX;
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
        len++;
    *text = ks_str_from(rest, len);
    return ks_http_authority_read(ks_str_head(rest, len), ret_authority);
}

enum ks_err ks_http_target_read(struct ks_str text, struct ks_http_target *ret_target)
{
    struct ks_http_target target = { 0 };
    enum ks_err err;

    if (ks_str_is(text, "*")) {
        *ret_target = (struct ks_http_target) { .path = text };
        return KS_OK;
    }
    bool absolute = !ks_str_starts(text, KS_STR("/"));
    if (absolute && (err = read_absolute(&text, &target.authority)) != KS_OK)
        return err;
    size_t mark = ks_str_find_byte(text, '?');
    target.path = ks_str_head(text, mark);
    target.query = ks_str_from(text, mark + 1);
    if (absolute && !target.path.len) /* RFC 9110 §4.2.3: "an empty path component is equivalent to" "/" */
        target.path = KS_STR("/");
    if (!is_good_path(target.path) || !is_good_query(target.query))
        return KS_ESYNTAX;
    *ret_target = target;
    return KS_OK;
}

struct ks_str ks_http_path_decode(struct ks_str path, char *room)
{
    size_t len = 0;

    if (ks_str_find_byte(path, '%') == path.len)
        return path;
    for (size_t at = 0; at < path.len;)
        room[len++] = (char)next_byte(path, &at);
    return ks_str(room, len);
}
