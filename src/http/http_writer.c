/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "http_writer.h"

#include <stdio.h>

#include "clock.h"
#include "http_text.h"

#define DAY_MS 86400000

/* RFC 9110 §15. A client reads the number; the words are for who reads along. */
static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    { 100, "Continue" },
    { 101, "Switching Protocols" },
    { 200, "OK" },
    { 201, "Created" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 426, "Upgrade Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 503, "Service Unavailable" },
    { 505, "HTTP Version Not Supported" },
    { 507, "Insufficient Storage" },
};

/* RFC 9112 §4: the reason may be empty, the space before it is not. */
static const char *reason_of(unsigned status)
{
    for (size_t i = 0; i < KS_COUNT(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

static bool is_good_field(const struct ks_http_field *field)
{
    static const char *const ours[] = { "Date", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade" };
    struct ks_str name = ks_str_z(field->name);

    for (size_t i = 0; i < KS_COUNT(ours); i++)
        if (ks_http_is(name, ks_str_z(ours[i])))
            return false;
    return ks_http_is_token(name) && ks_http_all(field->value, KS_HTTP_VALUE);
}

static void add_field(struct ks_buf *buf, const char *name, struct ks_str value)
{
    ks_buf_z(buf, name);
    ks_buf_add(buf, KS_STR(": "));
    ks_buf_add(buf, value);
    ks_buf_add(buf, KS_STR("\r\n"));
}

enum ks_err ks_http_response_write(struct ks_buf *buf, const struct ks_http_response *response)
{
    unsigned status = response->status;
    char date[KS_HTTP_DATE_LEN + 1];

    assert(status >= 100 && status <= 599 && (status == 101 || status == 426) == (response->upgrade != NULL));
    for (size_t i = 0; i < response->field_count; i++)
        if (!is_good_field(&response->fields[i]))
            return KS_ESYNTAX;
    ks_buf_add(buf, KS_STR("HTTP/1.1 "));
    ks_buf_u64_dec(buf, status);
    ks_buf_byte(buf, ' ');
    ks_buf_z(buf, reason_of(status));
    ks_buf_add(buf, KS_STR("\r\n"));
    add_field(buf, "Date", ks_http_date_write(response->wall_ms, date));
    for (size_t i = 0; i < response->field_count; i++)
        add_field(buf, response->fields[i].name, response->fields[i].value);
    if (status >= 200 && status != 204 && status != 304) {
        ks_buf_add(buf, KS_STR("Content-Length: "));
        ks_buf_u64_dec(buf, response->body_bytes);
        ks_buf_add(buf, KS_STR("\r\n"));
    }
    if (response->close)
        add_field(buf, "Connection", KS_STR("close"));
    if (response->upgrade) { /* RFC 9110 §7.8: who sends Upgrade names it in Connection */
        add_field(buf, "Connection", KS_STR("Upgrade"));
        add_field(buf, "Upgrade", ks_str_z(response->upgrade));
    }
    ks_buf_add(buf, KS_STR("\r\n"));
    return KS_OK;
}

void ks_http_continue_write(struct ks_buf *buf)
{
    ks_buf_add(buf, KS_STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

void ks_http_refusal_write(struct ks_buf *buf, enum ks_http_fault fault, int64_t wall_ms)
{
    enum ks_err err = ks_http_response_write(
        buf, &(struct ks_http_response) { .status = ks_http_fault_status(fault), .wall_ms = wall_ms, .close = true });

    assert(err == KS_OK); /* it has no fields that could be bad */
    (void)err;
}

struct ks_str ks_http_date_write(int64_t wall_ms, char text[KS_HTTP_DATE_LEN + 1])
{
    static const char *const weekdays[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" }; /* 1970-01-01 first */
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
        "Dec" };
    char stamp[KS_STAMP_LEN + 1];
    int64_t days = (wall_ms - (wall_ms < 0 ? DAY_MS - 1 : 0)) / DAY_MS;

    ks_stamp_write(wall_ms, stamp); /* 2026-11-22T02:10:13.042Z */
    unsigned month = (unsigned)(stamp[5] - '0') * 10 + (unsigned)(stamp[6] - '0') - 1;
    snprintf(text, KS_HTTP_DATE_LEN + 1, "%s, %.2s %s %.4s %.8s GMT", weekdays[(days % 7 + 7) % 7], stamp + 8,
        months[month % 12], stamp, stamp + 11);
    return ks_str(text, KS_HTTP_DATE_LEN);
}
