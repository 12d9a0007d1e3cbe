/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "file_share.h"

#include "enc.h"
#include "ns.h"
#include "utf8.h"

#define NS_FILE "urn:xmpp:file:metadata:0" /* XEP-0446 */
#define NS_ENCRYPTED "urn:xmpp:esfs:0"
#define NS_HASHES "urn:xmpp:hashes:2"
#define NS_URL "http://jabber.org/protocol/url-data"
#define NS_THUMBS "urn:xmpp:thumbs:1"
#define CIPHER "urn:xmpp:ciphers:aes-256-gcm-nopadding:0"
#define HTTPS "https://"
#define AESGCM "aesgcm://"
#define DATA "data:"
#define SIDE_MAX 100000 /* of a picture, in pixels */

/* --- writing --- */

static struct ks_xml *add_base64(
    struct ks_arena *arena, struct ks_xml *parent, const char *ns, const char *name, const uint8_t *bytes, size_t len)
{
    struct ks_str text;

    return ks_base64(arena, ks_str(bytes, len), &text) == KS_OK ? ks_xml_add_text(arena, parent, ns, name, text) : NULL;
}

static struct ks_xml *add_hash(struct ks_arena *arena, struct ks_xml *parent, const uint8_t sha256[32])
{
    return ks_xml_set(arena, add_base64(arena, parent, NS_HASHES, "hash", sha256, 32), "algo", KS_STR("sha-256"));
}

static struct ks_xml *add_number(struct ks_arena *arena, struct ks_xml *parent, const char *name, uint64_t number)
{
    struct ks_str text;
    struct ks_buf buf;
    enum ks_err err;

    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, number);
    err = ks_arena_copy(arena, ks_buf_str(&buf), &text);
    ks_buf_done(&buf);
    return err == KS_OK ? ks_xml_add_text(arena, parent, NS_FILE, name, text) : NULL;
}

/* XEP-0264, with the picture in the URI (RFC 2397): what an envelope holds needs no second way to fetch it. */
static struct ks_xml *add_thumbnail(struct ks_arena *arena, struct ks_xml *parent, const struct ks_file_share *file)
{
    struct ks_xml *node = ks_xml_add(arena, parent, NS_THUMBS, "thumbnail");
    struct ks_str coded, uri;

    if (ks_base64(arena, file->thumbnail, &coded) != KS_OK)
        return NULL;
    const struct ks_str parts[] = { KS_STR(DATA), file->thumbnail_type, KS_STR(";base64,"), coded };
    if (ks_arena_join(arena, parts, KS_COUNT(parts), &uri) != KS_OK)
        return NULL;
    return ks_xml_set(arena, ks_xml_set(arena, node, "media-type", file->thumbnail_type), "uri", uri);
}

static struct ks_xml *write_metadata(struct ks_arena *arena, struct ks_xml *sharing, const struct ks_file_share *file)
{
    struct ks_xml *node = ks_xml_add(arena, sharing, NS_FILE, "file"), *last;

    last = ks_xml_add_text(arena, node, NS_FILE, "media-type", file->type);
    if (last && file->name.len)
        last = ks_xml_add_text(arena, node, NS_FILE, "name", file->name);
    if (last)
        last = add_number(arena, node, "size", file->marks.bytes);
    if (last && file->width && file->height && (last = add_number(arena, node, "width", file->width)))
        last = add_number(arena, node, "height", file->height);
    if (last)
        last = add_hash(arena, node, file->marks.sha256);
    return last && file->thumbnail.len ? add_thumbnail(arena, node, file) : last;
}

struct ks_xml *ks_file_share_write(struct ks_arena *arena, struct ks_xml *content, const struct ks_file_share *file)
{
    struct ks_xml *sharing = ks_xml_add(arena, content, NS_SFS, "file-sharing"), *encrypted, *url;

    assert(file->marks.has_sha256 && file->marks.has_sealed_sha256);
    if (!ks_xml_set(arena, sharing, "disposition", KS_STR("attachment"))
        || (file->id.len && !ks_xml_set(arena, sharing, "id", file->id)) || !write_metadata(arena, sharing, file))
        return NULL;
    encrypted = ks_xml_add(arena, ks_xml_add(arena, sharing, NS_SFS, "sources"), NS_ENCRYPTED, "encrypted");
    if (!ks_xml_set(arena, encrypted, "cipher", KS_STR(CIPHER))
        || !add_base64(arena, encrypted, NS_ENCRYPTED, "key", file->secret.key, sizeof file->secret.key)
        || !add_base64(arena, encrypted, NS_ENCRYPTED, "iv", file->secret.nonce, sizeof file->secret.nonce)
        || !add_hash(arena, encrypted, file->marks.sealed_sha256))
        return NULL;
    url = ks_xml_add(arena, ks_xml_add(arena, encrypted, NS_SFS, "sources"), NS_URL, "url-data");
    return ks_xml_set(arena, url, "target", file->url) ? sharing : NULL;
}

/* --- reading --- */

/* Exactly len bytes of base64. */
static enum ks_err read_bytes(struct ks_arena *arena, const struct ks_xml *node, uint8_t *to, size_t len)
{
    struct ks_str bytes;
    enum ks_err err = ks_base64_read(arena, ks_str_trim(ks_xml_text(arena, node)), &bytes);

    if (err != KS_OK || bytes.len != len)
        return err == KS_OK ? KS_ESYNTAX : err;
    memcpy(to, bytes.ptr, len);
    return KS_OK;
}

/* Of hashes that we do not know there may be any number. */
static enum ks_err read_hash(struct ks_arena *arena, const struct ks_xml *parent, uint8_t sha256[32], bool *ret_has)
{
    for (const struct ks_xml *at = ks_xml_child(parent, NS_HASHES, "hash"); at; at = ks_xml_next(at, NS_HASHES, "hash"))
        if (ks_str_is(ks_xml_attr(at, "algo"), "sha-256")) {
            *ret_has = true;
            return read_bytes(arena, at, sha256, 32);
        }
    *ret_has = false;
    return KS_OK;
}

static bool read_number(
    struct ks_arena *arena, const struct ks_xml *file, const char *name, uint64_t max, uint64_t *ret)
{
    return ks_str_u64(ks_str_trim(ks_xml_text(arena, ks_xml_child(file, NS_FILE, name))), max, ret) == KS_OK;
}

/* How many bytes of text are a control character (C0, DEL, C1); 0: it begins with another one. */
static size_t control_len(struct ks_str text)
{
    unsigned char first = (unsigned char)text.ptr[0], second = text.len > 1 ? (unsigned char)text.ptr[1] : 0;

    return first < 0x20 || first == 0x7f ? 1 : first == 0xc2 && second >= 0x80 && second <= 0x9f ? 2 : 0;
}

/* The same of marks that turn the direction of text (UAX #9: U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to
 * U+2069), with which a name shows another ending than it has, or end its line (U+2028, U+2029). */
static size_t mark_len(struct ks_str text)
{
    unsigned char last = text.len > 2 ? (unsigned char)text.ptr[2] : 0;

    if (ks_str_starts(text, KS_STR("\xd8\x9c")))
        return 2;
    if (ks_str_starts(text, KS_STR("\xe2\x80")) && (last == 0x8e || last == 0x8f || (last >= 0xa8 && last <= 0xae)))
        return 3;
    return ks_str_starts(text, KS_STR("\xe2\x81")) && last >= 0xa6 && last <= 0xa9 ? 3 : 0;
}

bool ks_file_name_good(struct ks_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (control_len(ks_str_from(name, i)))
            return false;
    return name.len <= KS_FILE_NAME_MAX;
}

/* As people may be shown it. */
static enum ks_err without_marks(struct ks_arena *arena, struct ks_str name, struct ks_str *ret_name)
{
    char *text = ks_arena_alloc(arena, name.len + 1);
    size_t len = 0;

    if (!text)
        return KS_ENOMEM;
    for (size_t i = 0, mark; i < name.len; i += mark ? mark : 1)
        if (!(mark = mark_len(ks_str_from(name, i))))
            text[len++] = name.ptr[i];
    *ret_name = ks_str_trim(ks_str(text, len));
    return KS_OK;
}

/* RFC 6838 §4.2, as far as it matters to whoever shows it. */
bool ks_file_type_good(struct ks_str type)
{
    static const char others[] = "!#$&-^_.+/";

    for (size_t i = 0; i < type.len; i++) {
        char c = type.ptr[i];
        if (!c || !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr(others, c)))
            return false;
    }
    return type.len <= KS_FILE_TYPE_MAX && ks_str_find_byte(type, '/') < type.len;
}

/* An address that goes into a request as it is: no blanks, nothing that ends a line, no fragment. */
static bool is_url(struct ks_str url, const char *scheme)
{
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= 0x20 || url.ptr[i] >= 0x7f || strchr("\"<>\\^`{|}#", url.ptr[i]))
            return false;
    return url.len <= KS_FILE_URL_MAX && ks_str_starts(url, ks_str_z(scheme)) && url.len > strlen(scheme);
}

/* One that is too large, or of another kind, is left out: the file is what matters. */
static enum ks_err read_thumbnail(struct ks_arena *arena, const struct ks_xml *file, struct ks_file_share *ret_file)
{
    struct ks_str uri = ks_xml_attr(ks_xml_child(file, NS_THUMBS, "thumbnail"), "uri"), type, bytes;
    enum ks_err err;

    if (!ks_str_starts(uri, KS_STR(DATA)) || uri.len > 2 * KS_FILE_THUMBNAIL_MAX)
        return KS_OK;
    uri = ks_str_from(uri, strlen(DATA));
    if (!ks_str_cut(&uri, ';', &type) || !ks_str_starts(uri, KS_STR("base64,")) || !ks_file_type_good(type))
        return KS_OK;
    err = ks_base64_read(arena, ks_str_from(uri, strlen("base64,")), &bytes);
    if (err == KS_OK && bytes.len <= KS_FILE_THUMBNAIL_MAX) {
        ret_file->thumbnail = bytes;
        ret_file->thumbnail_type = type;
    }
    return err == KS_ESYNTAX ? KS_OK : err;
}

static enum ks_err read_metadata(struct ks_arena *arena, const struct ks_xml *file, struct ks_file_share *ret_file)
{
    struct ks_str name = ks_str_trim(ks_xml_text(arena, ks_xml_child(file, NS_FILE, "name")));
    enum ks_err err;

    ret_file->type = ks_str_trim(ks_xml_text(arena, ks_xml_child(file, NS_FILE, "media-type")));
    if (!ks_file_type_good(ret_file->type))
        ret_file->type = KS_STR("application/octet-stream");
    if (!ks_file_name_good(name) || !read_number(arena, file, "size", KS_FILE_BYTES_MAX, &ret_file->marks.bytes))
        return KS_ESYNTAX;
    if ((err = without_marks(arena, name, &ret_file->name)) != KS_OK)
        return err;
    if (!read_number(arena, file, "width", SIDE_MAX, &ret_file->width)
        || !read_number(arena, file, "height", SIDE_MAX, &ret_file->height))
        ret_file->width = ret_file->height = 0;
    err = read_hash(arena, file, ret_file->marks.sha256, &ret_file->marks.has_sha256);
    return err == KS_OK ? read_thumbnail(arena, file, ret_file) : err;
}

static enum ks_err read_source(struct ks_arena *arena, const struct ks_xml *sources, struct ks_file_share *ret_file)
{
    const struct ks_xml *encrypted = ks_xml_child(sources, NS_ENCRYPTED, "encrypted");
    enum ks_err err;

    while (encrypted && !ks_str_is(ks_xml_attr(encrypted, "cipher"), CIPHER))
        encrypted = ks_xml_next(encrypted, NS_ENCRYPTED, "encrypted");
    ret_file->url = ks_xml_attr(ks_xml_child(ks_xml_child(encrypted, NS_SFS, "sources"), NS_URL, "url-data"), "target");
    if (!encrypted || !is_url(ret_file->url, HTTPS))
        return KS_ESYNTAX;
    err = read_bytes(
        arena, ks_xml_child(encrypted, NS_ENCRYPTED, "key"), ret_file->secret.key, sizeof ret_file->secret.key);
    if (err == KS_OK)
        err = read_bytes(
            arena, ks_xml_child(encrypted, NS_ENCRYPTED, "iv"), ret_file->secret.nonce, sizeof ret_file->secret.nonce);
    if (err == KS_OK)
        err = read_hash(arena, encrypted, ret_file->marks.sealed_sha256, &ret_file->marks.has_sealed_sha256);
    return err;
}

enum ks_err ks_file_share_read(struct ks_arena *arena, const struct ks_xml *sharing, struct ks_file_share *ret_file)
{
    enum ks_err err;

    *ret_file = (struct ks_file_share) { .id = ks_xml_attr(sharing, "id") };
    if (!ks_xml_is(sharing, NS_SFS, "file-sharing"))
        return KS_ESYNTAX;
    err = read_metadata(arena, ks_xml_child(sharing, NS_FILE, "file"), ret_file);
    if (err == KS_OK)
        err = read_source(arena, ks_xml_child(sharing, NS_SFS, "sources"), ret_file);
    if (err == KS_OK && !ret_file->marks.has_sha256 && !ret_file->marks.has_sealed_sha256)
        err = KS_ESYNTAX; /* XEP-0448 §3.1: "one or multiple <hash/> elements are REQUIRED" */
    return err;
}

/* --- addresses and names --- */

struct ks_str ks_file_url_host(struct ks_str url)
{
    struct ks_str rest = ks_str_from(url, url.len < strlen(HTTPS) ? url.len : strlen(HTTPS));
    size_t end = 0;

    if (!is_url(url, HTTPS))
        return KS_STR_EMPTY;
    while (end < rest.len && !strchr("/?", rest.ptr[end]))
        end++;
    rest = ks_str_head(rest, end);
    if (ks_str_find_byte(rest, '@') < rest.len)
        return KS_STR_EMPTY;
    return rest.len && rest.ptr[0] == '[' ? ks_str_head(rest, ks_str_find_byte(rest, ']') + 1)
                                          : ks_str_head(rest, ks_str_find_byte(rest, ':'));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool ks_file_host_of_domain(struct ks_str host, struct ks_str domain)
{
    struct ks_str tail;

    if (!domain.len || host.len < domain.len)
        return false;
    tail = ks_str_from(host, host.len - domain.len);
    for (size_t i = 0; i < tail.len; i++)
        if (lower(tail.ptr[i]) != lower(domain.ptr[i]))
            return false;
    return host.len == domain.len || host.ptr[host.len - domain.len - 1] == '.';
}

#define DISK_NAME_MAX 160
#define ENDING_MAX 16

enum ks_err ks_file_name_harmless(struct ks_arena *arena, struct ks_str name, struct ks_str *ret_name)
{
    char *text = ks_arena_alloc(arena, name.len + 1);
    struct ks_str clean, ending;
    size_t len = 0, dot;

    if (!text)
        return KS_ENOMEM;
    for (size_t i = 0, dropped; i < name.len; i += dropped ? dropped : 1) {
        struct ks_str at = ks_str_from(name, i);
        if (!(dropped = control_len(at) + mark_len(at)))
            text[len++] = strchr("/\\:*?\"<>|", at.ptr[0]) ? '_' : at.ptr[0];
    }
    clean = ks_str_trim(ks_str(text, len));
    while (clean.len && strchr(". ~-", clean.ptr[0]))
        clean = ks_str_from(clean, 1);
    if (!clean.len)
        clean = KS_STR("file.bin");
    for (dot = clean.len; dot > 0 && clean.ptr[dot - 1] != '.'; dot--)
        continue;
    ending = dot > 1 && clean.len - dot + 1 <= ENDING_MAX ? ks_str_from(clean, dot - 1) : KS_STR_EMPTY;
    if (clean.len > DISK_NAME_MAX)
        clean = ks_utf8_head(clean, DISK_NAME_MAX - ending.len);
    else
        ending = KS_STR_EMPTY;
    return ks_arena_join(arena, (const struct ks_str[]) { clean, ending }, 2, ret_name);
}

/* --- XEP-0454 --- */

enum ks_err ks_file_share_uri(struct ks_arena *arena, const struct ks_file_share *file, struct ks_str *ret_uri)
{
    struct ks_buf hex;
    enum ks_err err;

    assert(ks_str_starts(file->url, KS_STR(HTTPS)));
    ks_buf_init_secret(&hex, 2 * sizeof file->secret);
    ks_hex_add(&hex, ks_str(file->secret.nonce, sizeof file->secret.nonce));
    ks_hex_add(&hex, ks_str(file->secret.key, sizeof file->secret.key));
    if ((err = ks_buf_err(&hex)) == KS_OK) {
        const struct ks_str parts[] = { KS_STR(AESGCM), ks_str_from(file->url, strlen(HTTPS)), KS_STR("#"),
            ks_buf_str(&hex) };
        err = ks_arena_join(arena, parts, KS_COUNT(parts), ret_uri);
    }
    ks_buf_done(&hex);
    return err;
}

enum ks_err ks_file_share_uri_read(struct ks_arena *arena, struct ks_str text, struct ks_file_share *ret_file)
{
    struct ks_str url, bytes;
    enum ks_err err;

    if (!ks_str_cut(&text, '#', &url) || text.len != 2 * sizeof ret_file->secret || !is_url(url, AESGCM))
        return KS_ESYNTAX;
    if ((err = ks_hex_read(arena, text, &bytes)) != KS_OK)
        return err;
    const struct ks_str parts[] = { KS_STR(HTTPS), ks_str_from(url, strlen(AESGCM)) };
    *ret_file = (struct ks_file_share) { .type = KS_STR("application/octet-stream") };
    memcpy(ret_file->secret.nonce, bytes.ptr, sizeof ret_file->secret.nonce);
    memcpy(ret_file->secret.key, bytes.ptr + sizeof ret_file->secret.nonce, sizeof ret_file->secret.key);
    return ks_arena_join(arena, parts, KS_COUNT(parts), &ret_file->url);
}
