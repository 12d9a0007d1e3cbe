/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "http_conditions.h"

#include <stdio.h>

#include "http_text.h"

/* RFC 9110 §8.8.3: cuts an entity-tag off *list, with commas and blanks before it. What is between its quotes may be a
 * comma, so such lists are not like others. Without the W/ of a weak one, because If-None-Match compares weakly. */
static bool next_tag(struct ks_str *list, struct ks_str *ret_tag)
{
    while (list->len && (list->ptr[0] == ',' || list->ptr[0] == ' ' || list->ptr[0] == '\t'))
        *list = ks_str_from(*list, 1);
    if (ks_str_starts(*list, KS_STR("W/")))
        *list = ks_str_from(*list, 2);
    if (!ks_str_starts(*list, KS_STR("\"")))
        return false;
    size_t len = ks_str_find_byte(ks_str_from(*list, 1), '"') + 2;
    *ret_tag = ks_str_head(*list, len);
    *list = ks_str_from(*list, len);
    return ret_tag->len == len;
}

bool ks_http_is_known(const struct ks_http_request *request, struct ks_str etag)
{
    struct ks_str value, tag;

    for (unsigned at = 0; etag.len && ks_http_field_next(request, KS_STR("If-None-Match"), &at, &value);) {
        if (ks_str_is(value, "*"))
            return true;
        while (next_tag(&value, &tag))
            if (ks_str_eq(tag, etag))
                return true;
    }
    return false;
}

/* A position that 64 bits do not hold is behind every end. */
static bool read_position(struct ks_str text, uint64_t *ret_position)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    if (ks_str_u64(text, UINT64_MAX, ret_position) == KS_ELIMIT)
        *ret_position = UINT64_MAX;
    return text.len > 0;
}

/* RFC 9110 §14.1.1: suffix-range, the last bytes. Of an empty representation all of them are none, which Content-Range
 * cannot say: it is answered whole. */
static enum ks_http_part read_suffix(struct ks_str text, uint64_t size, struct ks_http_range *ret_range)
{
    uint64_t len;

    if (!read_position(text, &len))
        return KS_HTTP_WHOLE;
    if (!len)
        return KS_HTTP_NO_PART;
    if (!size)
        return KS_HTTP_WHOLE;
    *ret_range = (struct ks_http_range) { len < size ? size - len : 0, size - 1 };
    return KS_HTTP_PART;
}

/* RFC 9110 §14.1.1: int-range. §14.1.2: what does not read, and what ends before it begins, is ignored. */
static enum ks_http_part read_range(struct ks_str text, uint64_t size, struct ks_http_range *ret_range)
{
    size_t dash = ks_str_find_byte(text, '-');
    struct ks_str last_text = ks_str_from(text, dash + 1);
    uint64_t first, last = UINT64_MAX;

    if (dash == 0)
        return read_suffix(last_text, size, ret_range);
    if (dash == text.len || !read_position(ks_str_head(text, dash), &first))
        return KS_HTTP_WHOLE;
    if (last_text.len && (!read_position(last_text, &last) || last < first))
        return KS_HTTP_WHOLE;
    if (first >= size)
        return KS_HTTP_NO_PART;
    *ret_range = (struct ks_http_range) { first, last < size ? last : size - 1 };
    return KS_HTTP_PART;
}

enum ks_http_part ks_http_range(
    const struct ks_http_request *request, uint64_t size, struct ks_str etag, struct ks_http_range *ret_range)
{
    struct ks_str text, version;
    enum ks_err err;

    /* §14.2: "A server MUST ignore a Range header field received with a request method […] for which range handling is
     * not defined. For this specification, GET is the only method for which range handling is defined." */
    if (request->method != KS_HTTP_GET || ks_http_field(request, KS_STR("Range"), &text) != KS_OK)
        return KS_HTTP_WHOLE;
    err = ks_http_field(request, KS_STR("If-Range"), &version);
    if (err != KS_ENOTFOUND && (err != KS_OK || !etag.len || !ks_str_eq(version, etag)))
        return KS_HTTP_WHOLE;
    size_t unit_len = ks_str_find_byte(text, '=');
    if (!ks_http_is(ks_str_head(text, unit_len), KS_STR("bytes")))
        return KS_HTTP_WHOLE;
    return read_range(ks_str_from(text, unit_len + 1), size, ret_range);
}

struct ks_str ks_http_content_range(
    const struct ks_http_range *range, uint64_t size, char text[KS_HTTP_CONTENT_RANGE_MAX])
{
    int len = range ? snprintf(text, KS_HTTP_CONTENT_RANGE_MAX, "bytes %llu-%llu/%llu",
                  (unsigned long long)range->first, (unsigned long long)range->last, (unsigned long long)size)
                    : snprintf(text, KS_HTTP_CONTENT_RANGE_MAX, "bytes */%llu", (unsigned long long)size);

    return ks_str(text, (size_t)len);
}
