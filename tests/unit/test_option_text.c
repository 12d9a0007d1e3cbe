/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "option_text.h"

static const struct {
    const char *name, *text;
    bool uri, uris;
} rows[] = {
    { "nothing is good: the option is not set", "", true, true },
    { "RFC 3986 §3: a scheme, and something behind it", "mailto:it@klinik.example", true, true },
    { "RFC 3986 §3.1: a scheme may have digits, and '+', '-', '.'", "x-1.2+a:b", true, true },
    { "RFC 3986 §3.1: but not in front", "1x:b", false, false },
    { "RFC 3986 §3: no scheme", "it@klinik.example", false, false },
    { "RFC 3986 §3: an empty scheme", ":b", false, false },
    { "RFC 3986 §3: nothing behind it", "mailto:", false, false },
    { "RFC 3986 §2: all that may stand in a URI", "https://[2001:db8::1]:443/~a_b/%20;c=d,e*!$&'()@?q=1#f", true,
        true },
    { "RFC 3986 §2: a quotation mark may not", "https://klinik.example/\"", false, false },
    { "RFC 3986 §2: nor '<'", "https://klinik.example/<b>", false, false },
    { "RFC 3986 §2: nor a letter beyond ASCII", "https://klinik.example/größe", false, false },
    { "RFC 3986 §2: nor a line feed", "https://klinik.example/\n", false, false },
    { "several, with a blank between them, are no URI", "mailto:a@b xmpp:a@b", false, true },
    { "several, with more blanks", "mailto:a@b  xmpp:a@b ", false, true },
    { "several, of which one is none", "mailto:a@b a@b", false, false },
};

int main(void)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_str text = ks_str_z(rows[i].text);
        check_row(ks_text_is_uri(text) == rows[i].uri && ks_text_is_uris(text) == rows[i].uris, rows[i].name,
            "one: %d, several: %d", ks_text_is_uri(text), ks_text_is_uris(text));
    }
    check_row(!ks_text_is_uri(KS_STR("mailto:a\0b")), "a zero byte may not", "it may");
    return check_done();
}
