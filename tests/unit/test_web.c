/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What web access takes from its settings and from the names of files. The rest is in tests/process/test_web.py. */
#include "check.h"
#include "web_text.h"

static void test_origins(void)
{
    static const struct {
        const char *name, *text;
        bool want;
    } rows[] = {
        { "RFC 6454 §6.2: a name", "https://chat.klinik.example", true },
        { "RFC 6454 §6.2: with a port", "https://chat.klinik.example:5443", true },
        { "RFC 6454 §6.2: an IPv6 address", "https://[2001:db8::1]:5443", true },
        { "several, with blanks between them", "https://a.example  https://b.example", true },
        { "RFC 6454 §6.2: not the port that is understood", "https://chat.klinik.example:443", false },
        { "not in clear", "http://chat.klinik.example", false },
        { "no path", "https://chat.klinik.example/", false },
        { "nothing but a path", "https:///app", false },
        { "no user", "https://anna@chat.klinik.example", false },
        { "RFC 6454 §6.1: in lower case", "https://Chat.klinik.example", false },
        { "not all", "*", false },
        { "not what browsers say of no origin", "null", false },
        { "not nothing", " ", false },
        { "all of several must be one", "https://a.example b.example", false },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_row(ks_web_origins_ok(ks_str_z(rows[i].text)) == rows[i].want, rows[i].name, "\"%s\": the opposite",
            rows[i].text);
    check_row(
        !ks_web_origin_ok(KS_STR("https://a.example https://b.example")), "where one is wanted, two are none", "yes");
    check_row(ks_web_addresses_ok(KS_STR("192.0.2.1 2001:db8::1")), "addresses of both kinds", "no");
    check_row(!ks_web_addresses_ok(KS_STR("192.0.2.1 klinik.example")), "a name is no address", "yes");
    check_row(!ks_web_addresses_ok(KS_STR("192.0.2.256")), "256 is no part of an address", "yes");
}

static void test_names(void)
{
    static const struct {
        char name[32];
        bool hashed;
        const char *media_type;
    } rows[] = {
        { "app-BcD1xY2z.js", true, "text/javascript; charset=utf-8" },
        { "assets/core.3f9a2b1c.wasm", true, "application/wasm" },
        { "app-BcDaxYbz.css", true, "text/css; charset=utf-8" },
        { "app-b_d1xy2z90.css", true, "text/css; charset=utf-8" },
        { "index.html", false, "text/html; charset=utf-8" },
        { "main-component.js", false, "text/javascript; charset=utf-8" },
        { "service-worker.js", false, "text/javascript; charset=utf-8" },
        { "app-12345.js", false, "text/javascript; charset=utf-8" },
        { "3f9a2b1c.png", false, "image/png" },
        { "app.webmanifest", false, "application/manifest+json" },
        { "app-3f9a2b1c", false, "application/octet-stream" },
        { "a b-3f9a2b1c!.js", false, "text/javascript; charset=utf-8" },
        { "js", false, "application/octet-stream" },
    };
    char row[100];

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        snprintf(row, sizeof row, "%.31s is %s", rows[i].name, rows[i].hashed ? "for good" : "asked for again");
        check_row(ks_web_is_hashed(ks_str_z(rows[i].name)) == rows[i].hashed, row, "the opposite");
        snprintf(row, sizeof row, "%.31s: its media type", rows[i].name);
        check_str(row, ks_str_z(ks_web_media_type(ks_str_z(rows[i].name))), ks_str_z(rows[i].media_type));
    }
}

int main(void)
{
    test_origins();
    test_names();
    return check_done();
}
