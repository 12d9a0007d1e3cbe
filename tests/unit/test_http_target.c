/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "http_target.h"

/* want is "host port path query", and "" for what is refused. */
static const struct {
    const char *name, *text, *want;
} targets[] = {
    { "RFC 9112 §3.2.1: origin-form", "/where", " 0 /where " },
    { "RFC 9112 §3.2.1: with a query", "/where?q=now", " 0 /where q=now" },
    { "RFC 3986 §3.4: a query holds slashes and question marks", "/?a/b?c", " 0 / a/b?c" },
    { "RFC 3986 §3.4: an empty one", "/?", " 0 / " },
    { "RFC 3986 §3.4: dots in a query are no segments", "/a?../..", " 0 /a ../.." },
    { "RFC 3986 §3.3: every letter of a path", "/aZ09-._~!$&'()*+,;=:@", " 0 /aZ09-._~!$&'()*+,;=:@ " },
    { "RFC 3986 §3.3: a slash at the end", "/a/b/", " 0 /a/b/ " },
    { "RFC 9112 §3.2.2: absolute-form", "http://www.example.org/pub/a.html", "www.example.org 0 /pub/a.html " },
    { "RFC 9112 §3.2.2: with a port and a query", "https://k.example:5281/a?b", "k.example 5281 /a b" },
    { "RFC 3986 §3.1: a scheme in any case", "HTTP://k.example/", "k.example 0 / " },
    { "RFC 9110 §4.2.3: without a path it is \"/\"", "http://k.example", "k.example 0 / " },
    { "RFC 9110 §4.2.3: also before a query", "http://k.example?q", "k.example 0 / q" },
    { "RFC 3986 §3.2.2: an IPv6 address", "http://[2001:db8::7]:80/", "[2001:db8::7] 80 / " },
    { "RFC 9112 §3.2.4: asterisk-form", "*", " 0 * " },
    { "RFC 9112 §3.2.4: an asterisk and more", "*a", "" },
    { "RFC 9112 §3.2.3: authority-form", "k.example:443", "" },
    { "RFC 9110 §4.2.1: another scheme", "ftp://k.example/", "" },
    { "RFC 9110 §4.2.1: a scheme alone", "http:/a", "" },
    { "RFC 9110 §4.2.1: an empty host", "http:///a", "" },
    { "RFC 9110 §4.2.1: no scheme", "://k.example/", "" },
    { "RFC 9110 §4.2.4: userinfo", "http://k.example@evil.example/", "" },
    { "RFC 9112 §3.2: no slash first", "a/b", "" },
    { "RFC 9112 §3.2: a fragment", "/a#b", "" },
    { "RFC 3986 §2: a blank", "/a b", "" },
    { "RFC 3986 §2: a quote", "/a\"b", "" },
    { "RFC 3986 §2: brackets", "/a[b]", "" },
    { "RFC 3986 §2: a backslash", "/a\\..\\b", "" },
    { "RFC 3986 §2: a bar in a query", "/a?b|c", "" },
    { "RFC 3986 §2: letters beyond ASCII", "/\u00e4", "" },
    { "RFC 3986 §2: also in a query", "/?\u00e4", "" },
    { "RFC 3986 §2: a control character", "/a\x01", "" },
    { "RFC 3986 §2.1: an escape that is cut", "/a%2", "" },
    { "RFC 3986 §2.1: one without digits", "/a%", "" },
    { "RFC 3986 §2.1: other digits", "/%4g", "" },
    { "RFC 3986 §2.1: a sign for a digit", "/%+1", "" },
    { "RFC 3986 §2.1: one that is cut, in a query", "/?a%4", "" },
    { "RFC 3986 §2.1: any byte may be escaped in a query", "/?%00%ff%2e%2E", " 0 / %00%ff%2e%2E" },
    { "Traversal: two dots", "/../etc/passwd", "" },
    { "Traversal: two dots at the end", "/a/..", "" },
    { "Traversal: they would stay inside, and are refused all the same", "/a/../b", "" },
    { "Traversal: one dot", "/a/./b", "" },
    { "Traversal: one dot at the end", "/.", "" },
    { "Traversal: escaped", "/a/%2e%2E/b", "" },
    { "Traversal: half escaped", "/.%2e/b", "" },
    { "Traversal: behind an escaped slash", "/a/..%2fb", "" },
    { "Traversal: an escaped backslash", "/a/..%5cb", "" },
    { "Traversal: in absolute-form", "http://k.example/..", "" },
    { "Traversal: three dots are a name", "/.../a", " 0 /.../a " },
    { "Traversal: a dot before a name is, too", "/.well-known/host-meta", " 0 /.well-known/host-meta " },
    { "Traversal: escaped twice, it is a name with a percent sign", "/%252e%252e/a", " 0 /%252e%252e/a " },
    { "Traversal: an overlong dot is no UTF-8", "/%c0%ae%c0%ae/", "" },
    { "http_target.h: an empty segment", "/a//b", "" },
    { "http_target.h: one at the start", "//evil.example/", "" },
    { "http_target.h: one in absolute-form", "http://k.example//", "" },
    { "http_target.h: an escaped NUL", "/a%00.html", "" },
    { "http_target.h: an escaped line end", "/a%0d%0aSet-Cookie:b", "" },
    { "http_target.h: an escaped DEL", "/%7f", "" },
    { "http_target.h: escaped UTF-8", "/M%C3%bcller", " 0 /M%C3%bcller " },
    { "http_target.h: a sequence that the slash cuts", "/%C3/%bc", "" },
    { "http_target.h: one that the end cuts", "/%C3", "" },
};

static void read_targets(void)
{
    for (size_t i = 0; i < KS_COUNT(targets); i++) {
        struct ks_http_target target;
        char got[200] = "";
        if (ks_http_target_read(ks_str_z(targets[i].text), &target) == KS_OK)
            snprintf(got, sizeof got, "%.*s %u %.*s %.*s", KS_STR_FMT(target.authority.host), target.authority.port,
                KS_STR_FMT(target.path), KS_STR_FMT(target.query));
        check_str(targets[i].name, ks_str_z(got), ks_str_z(targets[i].want));
    }
    struct ks_http_target target;
    check_err("RFC 9112 §3.2: nothing", ks_http_target_read(KS_STR_EMPTY, &target), KS_ESYNTAX);
    check_err(
        "http_target.h: a NUL is not the end of a text", ks_http_target_read(KS_STR("/a\0"), &target), KS_ESYNTAX);
}

static const struct {
    const char *name, *text, *host;
    unsigned port;
} authorities[] = {
    { "RFC 9110 §7.2: a name", "k.example", "k.example", 0 },
    { "RFC 9110 §7.2: a name and a port", "K-1.example:65535", "K-1.example", 65535 },
    { "RFC 3986 §3.2.3: an empty port", "k.example:", "k.example", 0 },
    { "RFC 3986 §3.2.2: an IPv4 address", "192.0.2.1:80", "192.0.2.1", 80 },
    { "RFC 3986 §3.2.2: an IPv6 address", "[::1]", "[::1]", 0 },
    { "RFC 3986 §3.2.2: one that embeds the other", "[::ffff:192.0.2.1]:5281", "[::ffff:192.0.2.1]", 5281 },
    { "RFC 3986 §3.2.3: a port beyond 65535", "k.example:65536", NULL, 0 },
    { "RFC 3986 §3.2.3: port 0", "k.example:0", NULL, 0 },
    { "RFC 3986 §3.2.3: a port that is no number", "k.example:80a", NULL, 0 },
    { "RFC 3986 §3.2.3: two ports", "k.example:80:81", NULL, 0 },
    { "RFC 9110 §7.2: nothing", "", NULL, 0 },
    { "RFC 9110 §7.2: a port alone", ":80", NULL, 0 },
    { "RFC 3986 §3.2.2: an escape", "k%2eexample", NULL, 0 },
    { "RFC 3986 §3.2.2: a path", "k.example/a", NULL, 0 },
    { "RFC 3986 §3.2.1: userinfo", "anna@k.example", NULL, 0 },
    { "RFC 3986 §3.2.2: blanks", "k example", NULL, 0 },
    { "RFC 3986 §3.2.2: a name beyond ASCII", "m\u00fcnchen.example", NULL, 0 },
    { "RFC 3986 §3.2.2: an address without its end", "[::1", NULL, 0 },
    { "RFC 3986 §3.2.2: one with something behind it", "[::1]a", NULL, 0 },
    { "RFC 3986 §3.2.2: brackets around a name", "[k.example]", NULL, 0 },
    { "RFC 3986 §3.2.2: brackets around nothing", "[]", NULL, 0 },
    { "RFC 6874 §2: a zone means nothing to another host", "[fe80::1%25eth0]", NULL, 0 },
};

static void read_authorities(void)
{
    for (size_t i = 0; i < KS_COUNT(authorities); i++) {
        struct ks_http_authority got = { 0 };
        enum ks_err err = ks_http_authority_read(ks_str_z(authorities[i].text), &got);
        check_row(authorities[i].host
                ? err == KS_OK && ks_str_is(got.host, authorities[i].host) && got.port == authorities[i].port
                : err == KS_ESYNTAX,
            authorities[i].name, "%s \"%.*s\" %u", ks_err_name(err), KS_STR_FMT(got.host), got.port);
    }
}

static void decode(void)
{
    static const struct {
        const char *name, *path, *want;
    } rows[] = {
        { "RFC 3986 §2.1: no escapes", "/a/b", "/a/b" },
        { "RFC 3986 §2.1: digits of both cases", "/M%C3%bcller%20%41", "/M\u00fcller A" },
        { "RFC 3986 §2.4: decoded once", "/%2525", "/%25" },
        { "RFC 3986 §2.1: a plus is a plus", "/a+b", "/a+b" },
        { "RFC 3986 §2.1: question marks and fragments that are names", "/a%3fb%23c", "/a?b#c" },
    };
    char room[100];

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_http_target target;
        check_err("A good path", ks_http_target_read(ks_str_z(rows[i].path), &target), KS_OK);
        check_str(rows[i].name, ks_http_path_decode(target.path, room), ks_str_z(rows[i].want));
    }
}

int main(void)
{
    read_targets();
    read_authorities();
    decode();
    return check_done();
}
