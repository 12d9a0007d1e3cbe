/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_writer.h -- the heads of responses (RFC 9110 §15, RFC 9112 §4). Bodies are the caller's; so is the time. */
#ifndef KS_HTTP_WRITER_H
#define KS_HTTP_WRITER_H

#include "buf.h"
#include "http_reader.h"

struct ks_http_field {
    const char *name;
    struct ks_str value;
};

struct ks_http_response {
    unsigned status;     /* 100 to 599 */
    int64_t wall_ms;     /* for Date */
    uint64_t body_bytes; /* what follows; behind a HEAD, what would follow to a GET */
    bool close;          /* the connection ends with this response */
    const char *upgrade; /* of a 101 and a 426: to which protocol; else NULL */
    const struct ks_http_field *fields;
    size_t field_count;
};

/* Writes a status line and its fields: Date, those given, Content-Length, Connection and Upgrade, which are this
 * function's to say. 1xx, 204 and 304 have no Content-Length and no body (RFC 9110 §8.6). KS_OK; KS_ESYNTAX, with
 * nothing written, if a name is no token, a value holds CR, LF, NUL or another control character, or a field is one of
 * those or Transfer-Encoding. buf has its own failures. */
KS_CHECK enum ks_err ks_http_response_write(struct ks_buf *buf, const struct ks_http_response *response);

/* RFC 9110 §10.1.1: asks for the body of a request with expect_continue; the response proper follows. */
void ks_http_continue_write(struct ks_buf *buf);
/* The end of a connection whose reader said KS_HTTP_REFUSED: no body. */
void ks_http_refusal_write(struct ks_buf *buf, enum ks_http_fault fault, int64_t wall_ms);

#define KS_HTTP_DATE_LEN 29 /* Sun, 06 Nov 1994 08:49:37 GMT */
/* RFC 9110 §5.6.7: IMF-fixdate; text has room for KS_HTTP_DATE_LEN + 1 and gets a final zero. */
struct ks_str ks_http_date_write(int64_t wall_ms, char text[KS_HTTP_DATE_LEN + 1]);

#endif
