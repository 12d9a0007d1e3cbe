/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "utf8.h"

static const struct {
    const char *name;
    struct ks_str text;
    bool want;
} rows[] = {
    { "RFC 3629 §3: nothing", { "", 0 }, true },
    { "RFC 3629 §3: one to four bytes, and zero", { "a\0\u00e4\u20ac\U0001f37a", 11 }, true },
    { "RFC 3629 §3: a sequence behind more than eight letters", { "0123456789abcdef0\u20ac!", 21 }, true },
    { "RFC 3629 §3: a wrong one there", { "0123456789abcdef0\xe2\x82!", 20 }, false },
    { "RFC 3629 §3: a sequence that is cut", { "a\xc3", 2 }, false },
    { "RFC 3629 §3: one that goes on in ASCII", { "\xe2\x82z", 3 }, false },
    { "RFC 3629 §3: one that another begins in", { "\xe2\x82\xc3\xa4", 4 }, false },
    { "RFC 3629 §3: a byte of the middle alone", { "\x80", 1 }, false },
    { "RFC 3629 §3: one too many of them", { "\xc3\xa4\xa4", 3 }, false },
    { "RFC 3629 §3: bytes that never appear", { "\xff", 1 }, false },
    { "RFC 3629 §4: C0 begins what is too long", { "\xc0\x80", 2 }, false },
    { "RFC 3629 §4: C1 does, too", { "\xc1\xbf", 2 }, false },
    { "RFC 3629 §4: U+0080 is the first in two bytes", { "\xc2\x80", 2 }, true },
    { "RFC 3629 §4: U+07FF in three is too long", { "\xe0\x9f\xbf", 3 }, false },
    { "RFC 3629 §4: U+0800 is the first in three", { "\xe0\xa0\x80", 3 }, true },
    { "RFC 3629 §4: U+D7FF is the last before the surrogates", { "\xed\x9f\xbf", 3 }, true },
    { "RFC 3629 §4: U+D800 is one", { "\xed\xa0\x80", 3 }, false },
    { "RFC 3629 §4: U+DFFF is the last", { "\xed\xbf\xbf", 3 }, false },
    { "RFC 3629 §4: U+E000 is none", { "\xee\x80\x80", 3 }, true },
    { "RFC 3629 §4: U+FFFF in four is too long", { "\xf0\x8f\xbf\xbf", 4 }, false },
    { "RFC 3629 §4: U+10000 is the first in four", { "\xf0\x90\x80\x80", 4 }, true },
    { "RFC 3629 §4: U+10FFFF is the last of all", { "\xf4\x8f\xbf\xbf", 4 }, true },
    { "RFC 3629 §4: U+110000 is none", { "\xf4\x90\x80\x80", 4 }, false },
    { "RFC 3629 §4: F5 begins nothing", { "\xf5\x80\x80\x80", 4 }, false },
};

static bool valid_cut_at(struct ks_str text, size_t cut)
{
    struct ks_utf8 utf8 = { 0 };

    return ks_utf8_feed(&utf8, ks_str_head(text, cut)) && ks_utf8_feed(&utf8, ks_str_from(text, cut))
        && ks_utf8_whole(&utf8);
}

static void table(void)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        bool got = ks_utf8_valid(rows[i].text), same = true;
        for (size_t cut = 0; cut <= rows[i].text.len; cut++)
            same = same && valid_cut_at(rows[i].text, cut) == got;
        check_row(got == rows[i].want && same, rows[i].name, "%s; wherever it is cut: %s", got ? "valid" : "not valid",
            same ? "the same" : "another answer");
    }
}

/* What RFC 3629 §3 says, by arithmetic: the number in the sequence, and whether it takes that many bytes. */
static bool is_sequence(const uint8_t *at, size_t len)
{
    static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t c = (uint32_t)(at[0] - lead[len]);

    if (at[0] < lead[len] || at[0] - lead[len] >= 0x80 >> len)
        return false;
    for (size_t i = 1; i < len; i++) {
        if (at[i] >> 6 != 2)
            return false;
        c = c << 6 | (at[i] & 0x3f);
    }
    return c >= least[len] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

/* The edges of every range of RFC 3629 §4. */
static const uint8_t edges[] = { 0, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
    0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff };

static void every_lead(void)
{
    unsigned wrong = 0, good = 0;

    for (unsigned lead = 0x80; lead < 0x100; lead++)
        for (size_t len = 2; len <= 4; len++)
            for (size_t i = 0; i < KS_COUNT(edges) * KS_COUNT(edges) * KS_COUNT(edges); i++) {
                uint8_t text[] = { (uint8_t)lead, edges[i % KS_COUNT(edges)],
                    edges[i / KS_COUNT(edges) % KS_COUNT(edges)], edges[i / KS_COUNT(edges) / KS_COUNT(edges)] };
                bool want = is_sequence(text, len);
                /* "\xc3\xa4A" is valid, and no sequence of three. */
                if (len > 2 && !want && ks_utf8_valid(ks_str(text, len)) && text[len - 1] < 0x80)
                    continue;
                if (len == 4 && is_sequence(text, 2) && is_sequence(text + 2, 2))
                    continue;
                good += want;
                wrong += ks_utf8_valid(ks_str(text, len)) != want;
            }
    check_row(!wrong && good > 1000, "RFC 3629 §4: each first byte, with the edges of all ranges behind it",
        "%u answers are wrong; %u are sequences", wrong, good);
}

static void heads(void)
{
    static const struct {
        const char *name, *text;
        size_t len, want;
    } cuts[] = {
        { "RFC 3629 §3: a short text is not cut", "ä", 2, 2 },
        { "RFC 3629 §3: a text is cut between two characters", "aä€", 3, 3 },
        { "RFC 3629 §3: of two bytes the first is not left alone", "aä", 2, 1 },
        { "RFC 3629 §3: nor are three of four", "a\U0001f37a", 4, 1 },
        { "RFC 3629 §3: where not even one character fits there is none", "\U0001f37a", 3, 0 },
        { "RFC 3629 §3: of nothing the beginning is nothing", "", 0, 0 },
    };

    for (size_t i = 0; i < KS_COUNT(cuts); i++) {
        struct ks_str head = ks_utf8_head(ks_str_z(cuts[i].text), cuts[i].len);
        check_row(head.len == cuts[i].want && ks_utf8_valid(head), cuts[i].name, "%zu bytes", head.len);
    }
}

int main(void)
{
    table();
    heads();
    every_lead();
    return check_done();
}
