/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_conditions.h -- whether a request wants a representation at all, and which part of it (RFC 9110 §13, §14).
 *
 * An entity tag is given with its quotes, and strong: "\"5d41402a\"" (RFC 9110 §8.8.3). Nothing here allocates. */
#ifndef KS_HTTP_CONDITIONS_H
#define KS_HTTP_CONDITIONS_H

#include "http_reader.h"

/* RFC 9110 §13.1.2: If-None-Match names what there is, so the answer is 304 to GET and HEAD, and 412 to others. etag is
 * empty if there is nothing yet, and then nothing names it, "*" neither. A field that is no list of tags names nothing
 * from there on. */
bool ks_http_is_known(const struct ks_http_request *request, struct ks_str etag);

struct ks_http_range {
    uint64_t first, last; /* of bytes, both included; first <= last < size */
};

enum ks_http_part {
    KS_HTTP_WHOLE,   /* 200: no range, several, one that does not read, or one of another version than etag */
    KS_HTTP_PART,    /* 206 with Content-Range: *ret_range */
    KS_HTTP_NO_PART, /* 416 with Content-Range: the range begins behind the end */
};

/* RFC 9110 §14.2: what of size bytes a Range field asks for, of a GET that is going to be answered with 200. Several
 * ranges are answered whole, as §14.2 allows. If-Range (§13.1.5) must be etag; a date is never one of ours. */
enum ks_http_part ks_http_range(
    const struct ks_http_request *request, uint64_t size, struct ks_str etag, struct ks_http_range *ret_range);

/* RFC 9110 §14.4: the value of Content-Range, for a 206; for a 416 range is NULL. text has room for
 * KS_HTTP_CONTENT_RANGE_MAX. */
#define KS_HTTP_CONTENT_RANGE_MAX 70
struct ks_str ks_http_content_range(
    const struct ks_http_range *range, uint64_t size, char text[KS_HTTP_CONTENT_RANGE_MAX]);

#endif
