/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "failmalloc.h"
#include "jid.h"

/* want: the parts in their normal form, between bars; NULL if the address is malformed. */
static const struct {
    const char *name, *input, *want;
} rows[] = {
    /* The numbers are those of RFC 7622 §3.5, tables 1 and 2. */
    { "RFC 7622 §3.5 (1): a bare JID", "juliet@example.com", "juliet|example.com|" },
    { "RFC 7622 §3.5 (2): a full JID", "juliet@example.com/foo", "juliet|example.com|foo" },
    { "RFC 7622 §3.5 (3): a space in a resourcepart", "juliet@example.com/foo bar", "juliet|example.com|foo bar" },
    { "RFC 7622 §3.5 (4): an at sign in a resourcepart", "juliet@example.com/foo@bar", "juliet|example.com|foo@bar" },
    { "RFC 7622 §3.5 (5): a space escaped by XEP-0106", "foo\\20bar@example.com", "foo\\20bar|example.com|" },
    { "RFC 7622 §3.5 (6): another bare JID", "fussball@example.com", "fussball|example.com|" },
    { "RFC 7622 §3.5 (7): sharp s is not ss", "fu\u00dfball@example.com", "fu\u00dfball|example.com|" },
    { "RFC 7622 §3.5 (8): a Greek localpart", "\u03c0@example.com", "\u03c0|example.com|" },
    { "RFC 7622 §3.5 (9): capital sigma becomes sigma", "\u03a3@example.com", "\u03c3|example.com|" },
    { "RFC 7622 §3.5 (10): sigma", "\u03c3@example.com", "\u03c3|example.com|" },
    { "RFC 7622 §3.5 (11): final sigma stays final sigma", "\u03c2@example.com", "\u03c2|example.com|" },
    { "RFC 7622 §3.5 (12): a symbol in a resourcepart", "king@example.com/\u265a", "king|example.com|\u265a" },
    { "RFC 7622 §3.5 (13): a domainpart", "example.com", "|example.com|" },
    { "RFC 7622 §3.5 (14): a domainpart and a resourcepart", "example.com/foobar", "|example.com|foobar" },
    { "RFC 7622 §3.5 (15): an at sign after the slash", "a.example.com/b@example.net", "|a.example.com|b@example.net" },
    { "RFC 7622 §3.5 (16): quotation marks in a localpart", "\"juliet\"@example.com", NULL },
    { "RFC 7622 §3.5 (17): a space in a localpart", "foo bar@example.com", NULL },
    { "RFC 7622 §3.5 (18) and its erratum 4560: a leading space in a resourcepart is allowed after all",
        "juliet@example.com/ foo", "juliet|example.com| foo" },
    { "RFC 7622 §3.5 (19): a zero-length localpart and resourcepart", "@example.com/", NULL },
    { "RFC 7622 §3.5 (20): a Roman numeral in a localpart", "henry\u2163@example.com", NULL },
    { "RFC 7622 §3.5 (21): a symbol in a localpart", "\u265a@example.com", NULL },
    { "RFC 7622 §3.5 (22): a localpart without a domainpart", "juliet@", NULL },
    { "RFC 7622 §3.5 (23): a resourcepart without a domainpart", "/foobar", NULL },

    { "RFC 7622 §3.1: nothing is no address", "", NULL },
    { "RFC 7622 §3.1: a slash alone", "/", NULL },
    { "RFC 7622 §3.1: an at sign alone", "@", NULL },
    { "RFC 7622 §3.1: an at sign and a slash", "@/", NULL },
    { "RFC 7622 §3.1: a zero-length resourcepart", "juliet@example.com/", NULL },
    { "RFC 7622 §3.1: the first at sign ends the localpart, so two are too many", "a@b@example.com", NULL },
    { "RFC 7622 §3.1: the first slash ends the domainpart", "server/resource@foo/bar", "|server|resource@foo/bar" },
    { "RFC 7622 §3.1: no localpart before two at signs", "@@host", NULL },

    { "RFC 7622 §3.2: one final dot goes", "juliet@example.com.", "juliet|example.com|" },
    { "RFC 7622 §3.2: two final dots do not", "juliet@example.com..", NULL },
    { "RFC 7622 §3.2: a dot alone", ".", NULL },
    { "RFC 7622 §3.2: an empty label", "a..b", NULL },
    { "RFC 7622 §3.2: upper case becomes lower case", "Juliet@Example.COM/Foo", "juliet|example.com|Foo" },
    { "RFC 7622 §3.2: an IPv4 address", "juliet@192.0.2.1", "juliet|192.0.2.1|" },
    { "RFC 7622 §3.2: an IPv6 address, in lower case", "juliet@[2001:DB8::1]/x", "juliet|[2001:db8::1]|x" },
    { "RFC 3986 §3.2.2: an IPv6 address of eight groups", "[1:2:3:4:5:6:7:8]", "|[1:2:3:4:5:6:7:8]|" },
    { "RFC 3986 §3.2.2: an IPv6 address of nine groups", "[1:2:3:4:5:6:7:8:9]", NULL },
    { "RFC 3986 §3.2.2: an IPv6 address of seven groups", "[1:2:3:4:5:6:7]", NULL },
    { "RFC 3986 §3.2.2: a gap for no group", "[1:2:3:4::5:6:7:8]", NULL },
    { "RFC 3986 §3.2.2: nothing but a gap", "[::]", "|[::]|" },
    { "RFC 3986 §3.2.2: two gaps", "[1::2::3]", NULL },
    { "RFC 3986 §3.2.2: three colons", "[1:::2]", NULL },
    { "RFC 3986 §3.2.2: an IPv4 address inside", "[::ffff:192.0.2.1]", "|[::ffff:192.0.2.1]|" },
    { "RFC 3986 §3.2.2: an IPv4 address before the gap", "[192.0.2.1::1]", NULL },
    { "RFC 3986 §3.2.2: an octet above 255", "[::ffff:192.0.2.256]", NULL },
    { "RFC 3986 §3.2.2: a group of five digits", "[::12345]", NULL },
    { "RFC 3986 §3.2.2: a bracket alone", "[", NULL },
    { "RFC 3986 §3.2.2: empty brackets", "[]", NULL },
    { "RFC 3986 §3.2.2: a bracket that is not closed", "[::1", NULL },
    { "RFC 3986 §3.2.2: something after the bracket", "[::1]x", NULL },
    { "RFC 3986 §3.2.2: a colon at the end", "[1:2:3:4:5:6:7:]", NULL },
    { "RFC 3986 §3.2.2: a zone is no part of an address", "[fe80::1%eth0]", NULL },
    { "RFC 5890 §2.3.1: a hyphen inside a label", "a-b.example", "|a-b.example|" },
    { "RFC 5890 §2.3.1: a hyphen before a label", "-a.example", NULL },
    { "RFC 5890 §2.3.1: a hyphen after a label", "a-.example", NULL },
    { "RFC 5890 §2.3.1: two hyphens in third place are reserved", "ab--c.example", NULL },
    { "RFC 5890 §2.3.1: two hyphens elsewhere are not", "a--b.example", "|a--b.example|" },
    { "RFC 5890 §2.3.1: an underscore", "a_b.example", NULL },
    { "RFC 1035 §2.3.4: a label of 63 bytes", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "|aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa|" },
    { "RFC 1035 §2.3.4: a label of 64 bytes", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        NULL },
    { "RFC 7622 §3.2.1: an A-label becomes a U-label", "xn--bcher-kva.example", "|b\u00fccher.example|" },
    { "RFC 7622 §3.2.1: in upper case, too", "XN--BCHER-KVA.example", "|b\u00fccher.example|" },
    { "RFC 5890 §2.3.2.1: an A-label of ASCII only stands for nothing", "xn--abc-.example", NULL },
    { "RFC 5890 §2.3.2.1: an A-label that is not Punycode", "xn--a\u00fc.example", NULL },
    { "RFC 5890 §2.3.2.1: an empty A-label", "xn--.example", NULL },
    { "RFC 5891 §5.4: an A-label for what is not in NFC", "xn--a-ccb.example", NULL },
    { "RFC 5892 §2.6: sharp s stays in a domainpart", "stra\u00dfe.example", "|stra\u00dfe.example|" },
    { "RFC 7622 §3.2.2: capitals and composition", "MU\u0308NCHEN.example", "|m\u00fcnchen.example|" },
    { "RFC 7622 §3.2.2: fullwidth forms", "\uff25\uff38\uff21\uff4d\uff50\uff4c\uff45\uff0ecom", "|example.com|" },
    { "RFC 5891 §5.4: a combining mark at the start of a label", "\u0308a.example", NULL },
    { "RFC 5892 §3: a symbol in a domainpart", "\u265a.example", NULL },
    { "RFC 5893 §2: an RTL label", "\u05d0\u05d1.example", "|\u05d0\u05d1.example|" },
    { "RFC 5893 §2: in a name with an RTL label, no label begins with a digit", "\u05d0.1a", NULL },
    { "RFC 5893 §2: both directions in a label", "\u05d0a\u05d1.example", NULL },

    { "RFC 7622 §3.3.1: an ampersand", "a&b@example.com", NULL },
    { "RFC 7622 §3.3.1: an apostrophe", "a'b@example.com", NULL },
    { "RFC 7622 §3.3.1: a colon", "a:b@example.com", NULL },
    { "RFC 7622 §3.3.1: a less-than sign", "a<b@example.com", NULL },
    { "RFC 7622 §3.3.1: a greater-than sign", "a>b@example.com", NULL },
    { "RFC 7622 §3.3.1: a fullwidth quotation mark is one, too", "a\uff02b@example.com", NULL },
    { "RFC 7622 §3.3.1: so is a fullwidth at sign", "a\uff20b@example.com", NULL },
    { "RFC 7622 §3.3.1: other ASCII punctuation is allowed", "a!#$%()*+,-.;=?[\\]^_`{|}~@x",
        "a!#$%()*+,-.;=?[\\]^_`{|}~|x|" },
    { "RFC 8265 §3.3.2: capitals beyond ASCII", "\u00c4RZTIN@example.com", "\u00e4rztin|example.com|" },
    { "RFC 8265 §3.3.2: decomposed letters", "a\u0308rztin@example.com", "\u00e4rztin|example.com|" },
    { "RFC 8265 §3.3.2: I with a dot above keeps its dot", "\u0130@example.com", "i\u0307|example.com|" },
    { "RFC 8264 §9.6: an Arabic tatweel", "\u0628\u0640\u0628@example.com", NULL },
    { "RFC 8264 §9.13: a soft hyphen", "a\u00adb@example.com", NULL },
    { "RFC 8264 §9.7: an unassigned code point", "a\u0378@example.com", NULL },
    { "RFC 8264 §9.13: a noncharacter", "a\ufdd0@example.com", NULL },
    { "RFC 8264 §9.12: a C1 control character", "a\xc2\x85@example.com", NULL },
    { "RFC 5892 A.3: a middle dot between two l", "col\u00b7lega@example.com", "col\u00b7lega|example.com|" },
    { "RFC 5892 A.3: a middle dot elsewhere", "a\u00b7b@example.com", NULL },
    { "RFC 5892 A.8: both kinds of Arabic digits", "\u0628\u0661\u06f1@example.com", NULL },
    { "RFC 5893 §2: a Hebrew localpart", "\u05d0\u05d1@example.com", "\u05d0\u05d1|example.com|" },
    { "RFC 5893 §2: Hebrew after Latin", "a\u05d0@example.com", NULL },

    { "RFC 8265 §4.2.2: a resourcepart keeps its case", "example.com/\u00c4b", "|example.com|\u00c4b" },
    { "RFC 8265 §4.2.2: other spaces become a space", "example.com/a\u00a0b\u3000c", "|example.com|a b c" },
    { "RFC 8265 §4.2.2: composition", "example.com/A\u0308", "|example.com|\u00c4" },
    { "RFC 8265 §4.2.2: no width mapping", "example.com/\uff41", "|example.com|\uff41" },
    { "RFC 8264 §4.3: an Arabic letter mark", "example.com/\u061cx", NULL },
    { "RFC 8264 §4.3: a line separator", "example.com/a\u2028b", NULL },
};

static struct ks_str shown(struct ks_arena *arena, struct ks_jid jid)
{
    struct ks_str parts[] = { jid.local, KS_STR("|"), jid.domain, KS_STR("|"), jid.resource }, text = KS_STR("?");

    return ks_arena_join(arena, parts, KS_COUNT(parts), &text) ? KS_STR("no memory") : text;
}

static void table(void)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_arena arena;
        struct ks_jid jid = { 0 }, again = { 0 };
        struct ks_str text;

        ks_arena_init(&arena, 100000);
        enum ks_err err = ks_jid_parse(&arena, ks_str_z(rows[i].input), &jid);
        if (!rows[i].want)
            check_err(rows[i].name, err, KS_ESYNTAX);
        else if (err || ks_jid_text(&arena, jid, &text) || ks_jid_parse(&arena, text, &again) || !ks_jid_eq(jid, again)
            || !ks_jid_eq(jid, ks_jid_split(text)))
            check_row(false, rows[i].name, "%s, or written and read it is another", ks_err_name(err));
        else
            check_str(rows[i].name, shown(&arena, jid), ks_str_z(rows[i].want));
        ks_arena_done(&arena);
    }
}

/* An address with parts of these lengths; the resourcepart is made of letter. */
static enum ks_err parse_long(size_t local, size_t resource, const char *letter)
{
    char text[8192];
    size_t at = local + 3;
    struct ks_arena arena;
    struct ks_jid jid;

    memset(text, 'a', local);
    memcpy(text + local, "@x/", 3);
    for (; at < local + 3 + resource; at += strlen(letter))
        memcpy(text + at, letter, strlen(letter));
    ks_arena_init(&arena, 100000);
    enum ks_err err = ks_jid_parse(&arena, ks_str(text, at), &jid);
    ks_arena_done(&arena);
    return err;
}

static void lengths(void)
{
    check_err("RFC 7622 §3.3: a localpart of 1023 bytes", parse_long(1023, 1, "a"), KS_OK);
    check_err("RFC 7622 §3.3: a localpart of 1024 bytes", parse_long(1024, 1, "a"), KS_ESYNTAX);
    check_err("RFC 7622 §3.4: a resourcepart of 1023 bytes", parse_long(1, 1023, "a"), KS_OK);
    check_err("RFC 7622 §3.4: a resourcepart of 1024 bytes", parse_long(1, 1024, "a"), KS_ESYNTAX);
    /* U+0958 is one code point of three bytes, and in NFC two of three bytes each. */
    check_err("RFC 7622 §3.4: the length counts after normalisation", parse_long(1, 600, "\u0958"), KS_ESYNTAX);
    check_err("RFC 7622 §3.4: and half of it is short enough", parse_long(1, 300, "\u0958"), KS_OK);
}

static void bytes(void)
{
    const struct {
        const char *name;
        struct ks_str input;
    } bad[] = {
        { "RFC 7622 §3.1: a zero byte in a localpart", KS_STR("a\0b@x") },
        { "RFC 7622 §3.1: a zero byte in a domainpart", KS_STR("a@x\0") },
        { "RFC 7622 §3.1: a zero byte in a resourcepart", KS_STR("a@x/\0") },
        { "RFC 3629 §3: a lone continuation byte", KS_STR("a\x80@x") },
        { "RFC 3629 §3: an overlong form of a slash", KS_STR("a@x/\xc0\xaf") },
        { "RFC 3629 §3: a surrogate", KS_STR("a@x/\xed\xa0\x80") },
        { "RFC 3629 §3: a sequence that is cut off", KS_STR("a@x/\xe2\x99") },
        { "RFC 3629 §3: a code point beyond Unicode", KS_STR("a@x/\xf4\x90\x80\x80") },
    };

    for (size_t i = 0; i < KS_COUNT(bad); i++) {
        struct ks_arena arena;
        struct ks_jid jid;
        ks_arena_init(&arena, 10000);
        check_err(bad[i].name, ks_jid_parse(&arena, bad[i].input, &jid), KS_ESYNTAX);
        ks_arena_done(&arena);
    }
}

static void comparison(void)
{
    struct ks_jid full = ks_jid_split(KS_STR("a@x/r")), other = ks_jid_split(KS_STR("a@x/s"));

    check_row(!ks_jid_eq(full, other) && ks_jid_eq_bare(full, other), "Two resources of one account differ", "?");
    check_row(
        ks_jid_eq(ks_jid_bare(full), ks_jid_bare(other)) && ks_jid_is_bare(ks_jid_bare(full)) && !ks_jid_is_bare(full),
        "Their bare JIDs do not", "?");
    check_row(!ks_jid_eq_bare(full, ks_jid_split(KS_STR("x/r"))), "A localpart makes a difference", "?");
}

/* Each limit below what a parse takes is KS_ELIMIT and writes nothing. */
static void limits(void)
{
    static const char *const inputs[] = { "Juliet@Example.com/x", "\u00c4@xn--bcher-kva.example/\u00c4" };

    for (size_t i = 0; i < KS_COUNT(inputs); i++) {
        enum ks_err err = KS_ELIMIT;
        bool good = true;
        size_t limit = 0;

        for (; err == KS_ELIMIT; limit += 16) {
            struct ks_arena arena;
            struct ks_jid jid = { 0 };
            ks_arena_init(&arena, limit);
            err = ks_jid_parse(&arena, ks_str_z(inputs[i]), &jid);
            good = good && (err == KS_OK || (err == KS_ELIMIT && !jid.domain.ptr));
            ks_arena_done(&arena);
        }
        check_row(good && limit > 64, "Every arena that is too small is KS_ELIMIT", "limit %zu", limit);
    }
}

static void failing(void)
{
    for (int n = 1; fail_nth(n); n++) {
        struct ks_arena arena;
        struct ks_jid jid = { 0 };
        ks_arena_init(&arena, 100000);
        enum ks_err err = ks_jid_parse(&arena, KS_STR("\u00c4@xn--bcher-kva.example/\u00c4"), &jid);
        if (fail_stop())
            check_row(
                err == KS_ENOMEM && !jid.domain.ptr, "An allocation that fails is KS_ENOMEM", "%s", ks_err_name(err));
        ks_arena_done(&arena);
    }
}

int main(void)
{
    table();
    lengths();
    bytes();
    comparison();
    limits();
    failing();
    return check_done();
}
