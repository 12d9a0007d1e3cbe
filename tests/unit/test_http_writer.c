/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "http_writer.h"

#define NOV_1994 784111777000 /* RFC 9110 §5.6.7 */
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static const struct ks_http_field fields[] = { { "ETag", { "\"v1\"", 4 } }, { "X-Empty", { NULL, 0 } } };

static const struct {
    const char *name;
    struct ks_http_response response;
    const char *want;
} rows[] = {
    { "RFC 9112 §4: a status line, Date and a length", { .status = 200, .body_bytes = 12 },
        "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 12\r\n\r\n" },
    { "RFC 9110 §8.6: a length of 64 bits", { .status = 206, .body_bytes = UINT64_MAX },
        "HTTP/1.1 206 Partial Content\r\n" DATE "Content-Length: 18446744073709551615\r\n\r\n" },
    { "RFC 9110 §5: fields in their order", { .status = 404, .fields = fields, .field_count = 2 },
        "HTTP/1.1 404 Not Found\r\n" DATE "ETag: \"v1\"\r\nX-Empty: \r\nContent-Length: 0\r\n\r\n" },
    { "RFC 9112 §9.6: the last response says so", { .status = 500, .close = true },
        "HTTP/1.1 500 Internal Server Error\r\n" DATE "Content-Length: 0\r\nConnection: close\r\n\r\n" },
    { "RFC 9110 §8.6: 204 has no length", { .status = 204 }, "HTTP/1.1 204 No Content\r\n" DATE "\r\n" },
    { "RFC 9110 §15.4.5: nor has 304", { .status = 304, .fields = fields, .field_count = 1, .body_bytes = 5 },
        "HTTP/1.1 304 Not Modified\r\n" DATE "ETag: \"v1\"\r\n\r\n" },
    { "RFC 9110 §15.2.2: nor has 101", { .status = 101, .upgrade = "websocket" },
        "HTTP/1.1 101 Switching Protocols\r\n" DATE "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" },
    { "RFC 9110 §15.5.22: 426 says to what", { .status = 426, .upgrade = "websocket", .close = true },
        "HTTP/1.1 426 Upgrade Required\r\n" DATE
        "Content-Length: 0\r\nConnection: close\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" },
    { "RFC 9112 §4: a status without words keeps its blank", { .status = 599 },
        "HTTP/1.1 599 \r\n" DATE "Content-Length: 0\r\n\r\n" },
};

static void table(void)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_http_response response = rows[i].response;
        struct ks_buf buf;
        ks_buf_init(&buf, 1000);
        response.wall_ms = NOV_1994;
        check_err("It is written", ks_http_response_write(&buf, &response), KS_OK);
        check_str(rows[i].name, ks_buf_str(&buf), ks_str_z(rows[i].want));
        ks_buf_done(&buf);
    }
}

static const struct {
    const char *name;
    struct ks_http_field field;
} bad[] = {
    { "RFC 9110 §5.5: CR in a value", { "Location", { "/a\rb", 4 } } },
    { "RFC 9110 §5.5: LF in a value", { "Location", { "/a\nb", 4 } } },
    { "RFC 9110 §5.5: another response in a value", { "Location", { "/\r\n\r\nHTTP/1.1 200 OK", 20 } } },
    { "RFC 9110 §5.5: NUL in a value", { "Location", { "/a\0b", 4 } } },
    { "RFC 9110 §5.5: another control character", { "Location", { "/a\x1b", 3 } } },
    { "RFC 9110 §5.1: a line end in a name", { "X\r\nY", { "a", 1 } } },
    { "RFC 9110 §5.1: a blank in a name", { "X Y", { "a", 1 } } },
    { "RFC 9110 §5.1: an empty name", { "", { "a", 1 } } },
    { "RFC 9112 §6.3: a second length", { "content-length", { "1", 1 } } },
    { "RFC 9112 §6.1: an encoding that the body does not have", { "Transfer-Encoding", { "chunked", 7 } } },
    { "RFC 9112 §9.6: a second Connection", { "Connection", { "keep-alive", 10 } } },
    { "RFC 9110 §7.8: a second Upgrade", { "Upgrade", { "h2c", 3 } } },
    { "RFC 9110 §6.6.1: a second Date", { "DATE", { "today", 5 } } },
};

static void refuse(void)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1000);
    for (size_t i = 0; i < KS_COUNT(bad); i++) {
        struct ks_http_field both[] = { { "X-Good", { "a", 1 } }, bad[i].field };
        enum ks_err err = ks_http_response_write(
            &buf, &(struct ks_http_response) { .status = 200, .fields = both, .field_count = KS_COUNT(both) });
        check_row(err == KS_ESYNTAX && !buf.len && !buf.err, bad[i].name, "%s, %zu bytes", ks_err_name(err), buf.len);
    }
    struct ks_http_field good = { "X", { "a\tb \x80\xff", 6 } };
    check_err("RFC 9110 §5.5: tabs, blanks and bytes above ASCII are none of these",
        ks_http_response_write(&buf, &(struct ks_http_response) { .status = 200, .fields = &good, .field_count = 1 }),
        KS_OK);
    ks_buf_done(&buf);
    ks_buf_init(&buf, 10);
    check_err("A buffer that is full has its own failure",
        ks_http_response_write(&buf, &(struct ks_http_response) { .status = 200 }), KS_OK);
    check_err("And keeps it", ks_buf_err(&buf), KS_ELIMIT);
    ks_buf_done(&buf);
}

static void others(void)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1000);
    ks_http_continue_write(&buf);
    check_str("RFC 9110 §15.2.1: 100", ks_buf_str(&buf), KS_STR("HTTP/1.1 100 Continue\r\n\r\n"));
    ks_buf_reset(&buf);
    ks_http_refusal_write(&buf, KS_HTTP_FAULT_CHUNKED, NOV_1994);
    check_str("RFC 9110 §15.5.12: a refusal", ks_buf_str(&buf),
        KS_STR("HTTP/1.1 411 Length Required\r\n" DATE "Content-Length: 0\r\nConnection: close\r\n\r\n"));
    ks_buf_done(&buf);
    for (unsigned fault = 1; fault < KS_HTTP_FAULTS; fault++) {
        unsigned status = ks_http_fault_status((enum ks_http_fault)fault);
        const char *name = ks_http_fault_name((enum ks_http_fault)fault);
        check_row(status >= 400 && status < 600 && name[0], "RFC 9110 §15: a fault has a status and a name", "%u %s",
            status, name);
    }
}

static void dates(void)
{
    static const struct {
        const char *name;
        int64_t wall_ms;
        const char *want;
    } table[] = {
        { "RFC 9110 §5.6.7: the example", NOV_1994, "Sun, 06 Nov 1994 08:49:37 GMT" },
        { "RFC 9110 §5.6.7: parts of a second are cut", NOV_1994 + 999, "Sun, 06 Nov 1994 08:49:37 GMT" },
        { "RFC 9110 §5.6.7: the first second", 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
        { "RFC 9110 §5.6.7: the one before it", -1, "Wed, 31 Dec 1969 23:59:59 GMT" },
        { "RFC 9110 §5.6.7: a leap day", 1709164800000, "Thu, 29 Feb 2024 00:00:00 GMT" },
        { "RFC 9110 §5.6.7: the last day of a year", 1798761599000, "Thu, 31 Dec 2026 23:59:59 GMT" },
    };
    char text[KS_HTTP_DATE_LEN + 1];

    for (size_t i = 0; i < KS_COUNT(table); i++)
        check_str(table[i].name, ks_http_date_write(table[i].wall_ms, text), ks_str_z(table[i].want));
}

int main(void)
{
    table();
    refuse();
    others();
    dates();
    return check_done();
}
