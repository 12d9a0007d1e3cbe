/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "http_conditions.h"

/* A request of these fields; method and fields are literals. */
static struct ks_http_request request_of(const char *method, const char *fields)
{
    static char bytes[1000];
    struct ks_http_reader reader = { 0 };
    struct ks_http_request request;
    size_t len;

    snprintf(bytes, sizeof bytes, "%s / HTTP/1.1\r\nHost: k.example\r\n%s\r\n", method, fields);
    enum ks_http_got got = ks_http_next(&reader, ks_str_z(bytes), &request, &len);
    assert(got == KS_HTTP_REQUEST);
    return request;
}

#define NONE_MATCH "If-None-Match: "

static const struct {
    const char *name, *fields;
    bool want;
} known_rows[] = {
    { "RFC 9110 §13.1.2: no condition", "", false },
    { "RFC 9110 §13.1.2: the tag", NONE_MATCH "\"v1\"\r\n", true },
    { "RFC 9110 §13.1.2: another tag", NONE_MATCH "\"v2\"\r\n", false },
    { "RFC 9110 §13.1.2: the beginning of it", NONE_MATCH "\"v\"\r\n", false },
    { "RFC 9110 §13.1.2: more than it", NONE_MATCH "\"v11\"\r\n", false },
    { "RFC 9110 §8.8.3.2: weak comparison", NONE_MATCH "W/\"v1\"\r\n", true },
    { "RFC 9110 §8.8.3: W has its case", NONE_MATCH "w/\"v1\"\r\n", false },
    { "RFC 9110 §8.8.3: tags have their case", NONE_MATCH "\"V1\"\r\n", false },
    { "RFC 9110 §13.1.2: one of a list", NONE_MATCH "\"a\", \"b,\" ,\tW/\"c\",\"v1\"\r\n", true },
    { "RFC 9110 §5.6.1: empty elements", NONE_MATCH ", ,\"v1\"\r\n", true },
    { "RFC 9110 §8.8.3: a comma in a tag does not end it", NONE_MATCH "\"a,\"v1\"\"\r\n", false },
    { "RFC 9110 §5.3: one of two lines", NONE_MATCH "\"a\"\r\n" NONE_MATCH "\"v1\"\r\n", true },
    { "RFC 9110 §13.1.2: an asterisk", NONE_MATCH "*\r\n", true },
    { "RFC 9110 §13.1.2: an asterisk is no member of a list", NONE_MATCH "\"a\", *\r\n", false },
    { "RFC 9110 §8.8.3: no quotes", NONE_MATCH "v1\r\n", false },
    { "RFC 9110 §8.8.3: a quote that does not end", NONE_MATCH "\"v1\r\n", false },
    { "RFC 9110 §8.8.3: behind what is no tag nothing is read", NONE_MATCH "x, \"v1\"\r\n", false },
    { "RFC 9110 §8.8.3: an empty value", NONE_MATCH "\r\n", false },
};

static void known(void)
{
    for (size_t i = 0; i < KS_COUNT(known_rows); i++) {
        struct ks_http_request request = request_of("GET", known_rows[i].fields);
        check_row(ks_http_is_known(&request, KS_STR("\"v1\"")) == known_rows[i].want, known_rows[i].name, "?");
    }
    struct ks_http_request request = request_of("PUT", NONE_MATCH "*\r\n");
    check_row(ks_http_is_known(&request, KS_STR("\"v1\"")) && !ks_http_is_known(&request, KS_STR_EMPTY),
        "RFC 9110 §13.1.2: an asterisk is any version, but not none", "?");
}

static const struct {
    const char *name, *fields;
    uint64_t size;
    const char *want; /* Content-Range; "" if the whole is sent */
} range_rows[] = {
    { "RFC 9110 §14.2: no range", "", 10000, "" },
    { "RFC 9110 §14.1.2: the first 500 bytes", "Range: bytes=0-499\r\n", 10000, "bytes 0-499/10000" },
    { "RFC 9110 §14.1.2: the second 500", "Range: bytes=500-999\r\n", 10000, "bytes 500-999/10000" },
    { "RFC 9110 §14.1.2: the last 500", "Range: bytes=-500\r\n", 10000, "bytes 9500-9999/10000" },
    { "RFC 9110 §14.1.2: from 9500 on", "Range: bytes=9500-\r\n", 10000, "bytes 9500-9999/10000" },
    { "RFC 9110 §14.1.2: the first and the last", "Range: bytes=0-0,-1\r\n", 10000, "" },
    { "RFC 9110 §14.1.2: all of it", "Range: bytes=0-\r\n", 10, "bytes 0-9/10" },
    { "RFC 9110 §14.1.2: an end behind the end", "Range: bytes=5-99\r\n", 10, "bytes 5-9/10" },
    { "RFC 9110 §14.1.2: the last 99 of 10", "Range: bytes=-99\r\n", 10, "bytes 0-9/10" },
    { "RFC 9110 §14.1.2: the last byte", "Range: bytes=9-9\r\n", 10, "bytes 9-9/10" },
    { "RFC 9110 §15.5.17: the one behind it", "Range: bytes=10-\r\n", 10, "bytes */10" },
    { "RFC 9110 §14.1.2: the last 0 bytes", "Range: bytes=-0\r\n", 10, "bytes */10" },
    { "RFC 9110 §14.1.2: of nothing, the first byte", "Range: bytes=0-\r\n", 0, "bytes */0" },
    { "RFC 9110 §14.1.2: of nothing, the last five", "Range: bytes=-5\r\n", 0, "" },
    { "RFC 9110 §14.1: a unit in any case", "Range: Bytes=0-1\r\n", 10, "bytes 0-1/10" },
    { "RFC 9110 §14.1: another unit", "Range: lines=0-1\r\n", 10, "" },
    { "RFC 9110 §14.1.1: an end before the beginning", "Range: bytes=5-4\r\n", 10, "" },
    { "RFC 9110 §14.1.1: no unit", "Range: 0-1\r\n", 10, "" },
    { "RFC 9110 §14.1.1: no dash", "Range: bytes=5\r\n", 10, "" },
    { "RFC 9110 §14.1.1: a dash alone", "Range: bytes=-\r\n", 10, "" },
    { "RFC 9110 §14.1.1: two dashes", "Range: bytes=--1\r\n", 10, "" },
    { "RFC 9110 §14.1.1: blanks", "Range: bytes=0 - 1\r\n", 10, "" },
    { "RFC 9110 §14.1.1: a sign", "Range: bytes=+1-2\r\n", 10, "" },
    { "RFC 9110 §14.1.1: other digits", "Range: bytes=0x1-2\r\n", 10, "" },
    { "RFC 9110 §14.1.1: nothing", "Range: bytes=\r\n", 10, "" },
    { "RFC 9110 §14.2: two Range fields", "Range: bytes=0-1\r\nRange: bytes=2-3\r\n", 10, "" },
    { "RFC 9110 §14.1.2: a beginning of more than 64 bits", "Range: bytes=18446744073709551616-\r\n", 10,
        "bytes */10" },
    { "RFC 9110 §14.1.2: an end of more than 64 bits", "Range: bytes=1-18446744073709551617\r\n", 10, "bytes 1-9/10" },
    { "RFC 9110 §14.1.2: both", "Range: bytes=18446744073709551616-18446744073709551617\r\n", 10, "bytes */10" },
    { "RFC 9110 §14.1.2: the last of more than 64 bits", "Range: bytes=-99999999999999999999999\r\n", 10,
        "bytes 0-9/10" },
    { "RFC 9110 §14.1.1: a large number with something behind it", "Range: bytes=0-99999999999999999999x\r\n", 10, "" },
    { "RFC 9110 §14.1.2: the end of a size of 64 bits", "Range: bytes=-1\r\n", UINT64_MAX,
        "bytes 18446744073709551614-18446744073709551614/18446744073709551615" },
    { "RFC 9110 §13.1.5: If-Range with the version there is", "Range: bytes=0-1\r\nIf-Range: \"v1\"\r\n", 10,
        "bytes 0-1/10" },
    { "RFC 9110 §13.1.5: with another", "Range: bytes=0-1\r\nIf-Range: \"v2\"\r\n", 10, "" },
    { "RFC 9110 §13.1.5: strong comparison", "Range: bytes=0-1\r\nIf-Range: W/\"v1\"\r\n", 10, "" },
    { "RFC 9110 §13.1.5: a date", "Range: bytes=0-1\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 10, "" },
    { "RFC 9110 §13.1.5: two of them", "Range: bytes=0-1\r\nIf-Range: \"v1\"\r\nIf-Range: \"v1\"\r\n", 10, "" },
    { "RFC 9110 §13.1.5: of another version, also what is behind the end", "Range: bytes=10-\r\nIf-Range: \"v2\"\r\n",
        10, "" },
};

static void ranges(void)
{
    struct ks_http_range range;
    struct ks_http_request request;

    for (size_t i = 0; i < KS_COUNT(range_rows); i++) {
        char text[KS_HTTP_CONTENT_RANGE_MAX];
        struct ks_str got = KS_STR_EMPTY;
        uint64_t size = range_rows[i].size;
        request = request_of("GET", range_rows[i].fields);
        enum ks_http_part part = ks_http_range(&request, size, KS_STR("\"v1\""), &range);
        if (part == KS_HTTP_PART)
            got = ks_http_content_range(&range, size, text);
        else if (part == KS_HTTP_NO_PART)
            got = ks_http_content_range(NULL, size, text);
        check_str(range_rows[i].name, got, ks_str_z(range_rows[i].want));
    }
    request = request_of("HEAD", "Range: bytes=0-1\r\n");
    check_row(ks_http_range(&request, 10, KS_STR_EMPTY, &range) == KS_HTTP_WHOLE,
        "RFC 9110 §14.2: only a GET has a range", "?");
    request = request_of("GET", "Range: bytes=0-1\r\nIf-Range: \r\n");
    check_row(ks_http_range(&request, 10, KS_STR_EMPTY, &range) == KS_HTTP_WHOLE,
        "RFC 9110 §13.1.5: without a tag no version is the same", "?");
}

int main(void)
{
    known();
    ranges();
    return check_done();
}
