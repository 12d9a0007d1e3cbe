/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "alt_connection.h"

#include <jansson.h>

#include "konsil/konsil.h"
#include "xml_reader.h"

#define RELATION "urn:xmpp:alt-connections:websocket"
#define NS_XRD "http://docs.oasis-open.org/ns/xri/xrd-1.0"
#define SCHEME "wss://"
#define ARENA_BYTES_MAX ((size_t)4 << 20) /* for the tree of an XML file */

/* --- addresses --- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_host(struct ks_str host, struct ks_str domain)
{
    if (host.len != domain.len)
        return false;
    for (size_t i = 0; i < host.len; i++)
        if (lower(host.ptr[i]) != lower(domain.ptr[i]))
            return false;
    return host.len > 0;
}

bool ks_alt_is_socket(struct ks_str url, struct ks_str domain)
{
    struct ks_str rest, host;
    uint64_t port;
    size_t end = 0;

    if (url.len > KS_ALT_URL_MAX || !ks_str_starts(url, KS_STR(SCHEME)))
        return false;
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~' || strchr("#\"<>\\^`{|}", url.ptr[i]))
            return false;
    rest = ks_str_from(url, strlen(SCHEME));
    while (end < rest.len && !strchr("/?", rest.ptr[end]))
        end++;
    if (end < rest.len && rest.ptr[end] != '/') /* a request begins with a path (RFC 9112 §3.2.1) */
        return false;
    host = ks_str_head(rest, ks_str_find_byte(ks_str_head(rest, end), ':'));
    if (host.len < end
        && (ks_str_u64(ks_str_from(ks_str_head(rest, end), host.len + 1), 65535, &port) != KS_OK || !port))
        return false;
    return same_host(host, domain);
}

/* --- files (RFC 6415 §3, appendix A) --- */

static enum ks_err take(struct ks_arena *arena, struct ks_str url, struct ks_str domain, struct ks_str *ret_url)
{
    return ks_alt_is_socket(url, domain) ? ks_arena_copy(arena, url, ret_url) : KS_ENOTFOUND;
}

static enum ks_err read_json(struct ks_arena *arena, struct ks_str file, struct ks_str domain, struct ks_str *ret_url)
{
    json_t *root = json_loadb(file.ptr, file.len, JSON_REJECT_DUPLICATES, NULL), *link;
    enum ks_err err = root ? KS_ENOTFOUND : KS_ESYNTAX;
    size_t i;

    json_array_foreach(json_object_get(root, "links"), i, link)
    {
        const char *rel = json_string_value(json_object_get(link, "rel"));
        const char *href = json_string_value(json_object_get(link, "href"));

        if (err == KS_ENOTFOUND && rel && href && strcmp(rel, RELATION) == 0)
            err = take(arena, ks_str_z(href), domain, ret_url);
    }
    json_decref(root);
    return err;
}

static enum ks_err read_xml(struct ks_arena *arena, struct ks_str file, struct ks_str domain, struct ks_str *ret_url)
{
    enum ks_err err = KS_ENOTFOUND;
    const struct ks_xml *link;
    struct ks_arena tree;
    struct ks_xml *root;

    if (ks_str_starts(file, KS_STR("<?xml"))) /* XML 1.0 §2.8 */
        file = ks_str_trim(ks_str_from(file, ks_str_find(file, KS_STR("?>")) + 2));
    ks_arena_init(&tree, ARENA_BYTES_MAX);
    if (ks_xml_read(&tree, file, KS_STR_EMPTY, KS_STR_EMPTY, &root) != KS_OK || !ks_xml_is(root, NS_XRD, "XRD"))
        err = KS_ESYNTAX;
    else
        for (link = ks_xml_child(root, NS_XRD, "Link"); link && err == KS_ENOTFOUND;
             link = ks_xml_next(link, NS_XRD, "Link"))
            if (ks_str_is(ks_xml_attr(link, "rel"), RELATION))
                err = take(arena, ks_xml_attr(link, "href"), domain, ret_url);
    ks_arena_done(&tree);
    return err;
}

enum ks_err ks_alt_read(struct ks_arena *arena, struct ks_str file, struct ks_str domain, struct ks_str *ret_url)
{
    if (file.len > KS_ALT_FILE_MAX)
        return KS_ELIMIT;
    file = ks_str_trim(file);
    return ks_str_starts(file, KS_STR("<")) ? read_xml(arena, file, domain, ret_url)
                                            : read_json(arena, file, domain, ret_url);
}

bool konsil_host_meta(const char *file, size_t len, const char *domain, char *ret_url, size_t cap)
{
    struct ks_arena arena;
    struct ks_str url;
    bool found;

    ks_arena_init(&arena, KS_ALT_URL_MAX + 16);
    found = ks_alt_read(&arena, ks_str(file, len), ks_str_z(domain), &url) == KS_OK && url.len < cap;
    if (found) {
        memcpy(ret_url, url.ptr, url.len);
        ret_url[url.len] = 0;
    }
    ks_arena_done(&arena);
    return found;
}
