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

/* --- names of files --- */

static const struct {
    const char *ending, *media_type;
} types[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".mjs", "text/javascript; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".wasm", "application/wasm" },
    { ".json", "application/json" },
    { ".map", "application/json" },
    { ".webmanifest", "application/manifest+json" },
    { ".svg", "image/svg+xml" },
    { ".png", "image/png" },
    { ".jpg", "image/jpeg" },
    { ".webp", "image/webp" },
    { ".ico", "image/x-icon" },
    { ".woff2", "font/woff2" },
    { ".txt", "text/plain; charset=utf-8" },
};

const char *ks_web_media_type(struct ks_str name)
{
    for (size_t i = 0; i < KS_COUNT(types); i++)
        if (ks_str_ends(name, ks_str_z(types[i].ending)))
            return types[i].media_type;
    return "application/octet-stream";
}

/* Where the last of these two stands; 0 if neither does, or at the beginning. */
static size_t last_of(struct ks_str name, char a, char b)
{
    size_t at = name.len;

    while (at > 0 && name.ptr[at - 1] != a && name.ptr[at - 1] != b)
        at--;
    return at ? at - 1 : 0;
}

bool ks_web_is_hashed(struct ks_str name)
{
    struct ks_str stem = ks_str_head(name, last_of(name, '.', '.'));
    struct ks_str hash = ks_str_from(stem, last_of(stem, '.', '-') + 1);
    bool telling = false;

    if (!last_of(stem, '.', '-') || hash.len < 8 || hash.len > 64)
        return false;
    for (size_t i = 0; i < hash.len; i++) {
        char c = hash.ptr[i];
        bool digit = c >= '0' && c <= '9', capital = c >= 'A' && c <= 'Z';
        if (!digit && !capital && c != '_' && !(c >= 'a' && c <= 'z'))
            return false;
        telling = telling || digit || capital;
    }
    return telling;
}
