/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "xml_framer.h"

/* What a framer says of an input: a letter for each item, with its length; '.' for an item that is not finished. Runs
 * of blanks are one. */
struct trace {
    char text[4096];
    size_t len;
    size_t item, blanks; /* bytes of the item at hand, of the run of blanks before it */
    bool over;
};

static void put(struct trace *trace, char letter, size_t len)
{
    trace->len += (size_t)snprintf(trace->text + trace->len, sizeof trace->text - trace->len, "%c%zu ", letter, len);
}

static void end_blanks(struct trace *trace)
{
    if (trace->blanks)
        put(trace, '_', trace->blanks);
    trace->blanks = 0;
}

static void give(struct trace *trace, struct ks_framer *framer, struct ks_str bytes)
{
    static const char letters[] = { [KS_FRAME_OPEN] = 'O',
        [KS_FRAME_STANZA] = 'S',
        [KS_FRAME_CLOSE] = 'C',
        [KS_FRAME_BAD] = 'B',
        [KS_FRAME_RESTRICTED] = 'R',
        [KS_FRAME_TOO_BIG] = 'T' };

    while (bytes.len && !trace->over) {
        size_t len = 0;
        enum ks_frame frame = ks_framer_next(framer, bytes, &len);
        trace->item += len;
        bytes = ks_str_from(bytes, len);
        if (frame == KS_FRAME_MORE)
            continue;
        if (frame == KS_FRAME_BLANK) {
            trace->blanks += trace->item;
        } else {
            end_blanks(trace);
            put(trace, letters[frame], trace->item);
        }
        trace->item = 0;
        trace->over = frame >= KS_FRAME_BAD || frame == KS_FRAME_CLOSE;
    }
}

static struct ks_str finish(struct trace *trace)
{
    end_blanks(trace);
    if (trace->item && !trace->over)
        put(trace, '.', trace->item);
    return ks_str(trace->text, trace->len ? trace->len - 1 : 0);
}

struct limits {
    uint32_t bytes;
    uint16_t depth;
};

static struct ks_str trace_cut(struct trace *trace, struct limits limits, struct ks_str input, size_t cut)
{
    struct ks_framer framer;

    *trace = (struct trace) { 0 };
    ks_framer_init(&framer, limits.bytes, limits.depth);
    give(trace, &framer, ks_str_head(input, cut));
    give(trace, &framer, ks_str_from(input, cut));
    return finish(trace);
}

static struct ks_str trace_bytewise(struct trace *trace, struct limits limits, struct ks_str input)
{
    struct ks_framer framer;

    *trace = (struct trace) { 0 };
    ks_framer_init(&framer, limits.bytes, limits.depth);
    for (size_t i = 0; i < input.len; i++)
        give(trace, &framer, ks_str(input.ptr + i, 1));
    return finish(trace);
}

#define H "<s:s>" /* a stream header, 5 bytes */

static const struct {
    const char *name, *input, *want;
} rows[] = {
    { "RFC 6120 §4.2: a header, a stanza, the end", "<stream:stream to='x'><a/></stream:stream>", "O22 S4 C16" },
    { "RFC 6120 §11.5: a header behind an XML declaration", "<?xml version='1.0'?><s:s>", "O26" },
    { "RFC 6120 §11.5: white space between the two", "<?xml version='1.0'?>\r\n <s:s>", "O29" },
    { "RFC 6120 §11.7: white space before the header is put up with", " \n\t<s:s>", "_3 O5" },
    { "RFC 6120 §11.7: and before an XML declaration", "\n<?xml version='1.0'?><s:s>", "_1 O26" },
    { "RFC 6120 §11.5: a declaration in the stream", H "<?xml version='1.0'?>", "O5 R2" },
    { "RFC 6120 §11.5: two declarations", "<?xml version='1.0'?><?xml version='1.0'?><s:s>", "R23" },
    { "RFC 6120 §11.1: a declaration that is something else", "<?xml-stylesheet ?>", "R6" },
    { "RFC 6120 §11.1: a processing instruction before the header", "<?php ?><s:s>", "R3" },
    { "RFC 6120 §11.1: a processing instruction in a stanza", H "<a><?php ?></a>", "O5 R5" },
    { "RFC 6120 §11.1: a comment before the header", "<!-- x --><s:s>", "R3" },
    { "RFC 6120 §11.1: a comment between stanzas", H "<!-- x -->", "O5 R3" },
    { "RFC 6120 §11.1: a comment in a stanza", H "<a><!-- x --></a>", "O5 R6" },
    { "RFC 6120 §11.1: a DTD before the header", "<!DOCTYPE s [<!ENTITY a 'b'>]><s:s>", "R3" },
    { "RFC 6120 §11.1: a DTD after the declaration", "<?xml version='1.0'?>\n<!DOCTYPE s><s:s>", "R25" },
    { "RFC 6120 §11.1: a DTD in a stanza", H "<a><!DOCTYPE s></a>", "O5 R6" },
    { "RFC 6120 §11.1: the five entities", H "<a b='&lt;&gt;&amp;&apos;&quot;'>&lt;&gt;&amp;&apos;&quot;</a>",
        "O5 S62" },
    { "RFC 6120 §11.1: an entity of someone's own in text", H "<a>&foo;</a>", "O5 R8" },
    { "RFC 6120 §11.1: one that begins like one of the five", H "<a>&lte;</a>", "O5 R8" },
    { "RFC 6120 §11.1: one that ends like one of the five", H "<a>&xxxxquot;</a>", "O5 R13" },
    { "RFC 6120 §11.1: one in capitals", H "<a>&AMP;</a>", "O5 R8" },
    { "RFC 6120 §11.1: one in an attribute value", H "<a b='&foo;'/>", "O5 R11" },
    { "RFC 6120 §11.1: one beyond ASCII", H "<a>&\u00e4;</a>", "O5 R7" },
    { "XML 1.0 §4.1: an ampersand alone", H "<a>a & b</a>", "O5 B7" },
    { "XML 1.0 §4.1: a reference without an end", H "<a>&amp </a>", "O5 B8" },
    { "XML 1.0 §4.1: a reference without a name", H "<a>&;</a>", "O5 B5" },
    { "XML 1.0 §4.1: a tag inside a reference", H "<a>&amp</a>", "O5 B8" },
    { "XML 1.0 §4.1: references by number", H "<a>&#65;&#x41;&#xe4;&#xE4;&#9;&#10;&#13;&#x10FFFF;</a>", "O5 S54" },
    { "XML 1.0 §4.1: zeros before a number", H "<a>&#0000000000000000000000000000000000065;</a>", "O5 S47" },
    { "XML 1.0 §2.2: a reference to zero", H "<a>&#0;</a>", "O5 B7" },
    { "XML 1.0 §2.2: a reference to a control character", H "<a>&#x1f;</a>", "O5 B9" },
    { "XML 1.0 §2.2: a reference to a surrogate", H "<a>&#xd800;</a>", "O5 B11" },
    { "XML 1.0 §2.2: a reference to U+FFFE", H "<a>&#xfffe;</a>", "O5 B11" },
    { "XML 1.0 §2.2: a reference beyond Unicode", H "<a>&#x110000;</a>", "O5 B13" },
    { "XML 1.0 §2.2: a number that wraps 32 bits to a letter", H "<a>&#4294967361;</a>", "O5 B16" },
    { "XML 1.0 §4.1: no digits", H "<a>&#;</a>", "O5 B6" },
    { "XML 1.0 §4.1: no hexadecimal digits", H "<a>&#x;</a>", "O5 B7" },
    { "XML 1.0 §4.1: a hexadecimal digit in a decimal number", H "<a>&#1a;</a>", "O5 B7" },
    { "XML 1.0 §4.1: x is in lower case", H "<a>&#X41;</a>", "O5 B6" },
    { "XML 1.0 §4.1: an x after digits", H "<a>&#1x1;</a>", "O5 B7" },
    { "XML 1.0 §2.4: a greater-than sign in text and values", H "<a b='>' c=\">\">></a>", "O5 S20" },
    { "XML 1.0 §2.4: tags in values of both quotes", H "<a b='/>' c=\"/>\"></a>", "O5 S21" },
    { "XML 1.0 §2.3: the other quote in a value", H "<a b='\"' c=\"'\"/>", "O5 S16" },
    { "XML 1.0 §2.3: a less-than sign in a value", H "<a b='<'/>", "O5 B7" },
    { "XML 1.0 §3.1: a less-than sign in a tag", H "<a <b/>", "O5 B4" },
    { "XML 1.0 §3.1: an ampersand in a tag", H "<a &amp;/>", "O5 B4" },
    { "XML 1.0 §3.1: a space before the name", H "< a/>", "O5 B2" },
    { "XML 1.0 §3.1: a digit for a name", H "<1/>", "O5 B2" },
    { "XML 1.0 §3.1: an empty tag", H "<>", "O5 B2" },
    { "XML 1.0 §3.1: a name beyond ASCII", H "<\u00e4/>", "O5 S5" },
    { "XML 1.0 §3.1: a slash amid a tag", H "<a/b>", "O5 B4" },
    { "XML 1.0 §3.1: white space in tags", H "<a\n b\t=\r'c' ></a >", "O5 S18" },
    { "XML 1.0 §3.1: a slash in an end tag", H "<a></a/>", "O5 B7" },
    { "XML 1.0 §3.1: an attribute in an end tag", H "<a></a b='c'>", "O5 B10" },
    { "XML 1.0 §3.1: an end tag without a name", H "<a></>", "O5 B6" },
    { "XML 1.0 §3.1: a less-than sign in an end tag", H "<a></a<b>", "O5 B7" },
    { "RFC 6120 §8: elements in elements", H "<a><b><c/></b><d>t</d></a><e/>", "O5 S26 S4" },
    { "XML 1.0 §2.7: tags in a CDATA section are text", H "<a><![CDATA[<b></a>&foo;<!--]]></a>", "O5 S35" },
    { "XML 1.0 §2.7: brackets before the end of one", H "<a><![CDATA[]]]]></a>", "O5 S21" },
    { "XML 1.0 §2.7: a bracket and an end that is none", H "<a><![CDATA[]>]] >x]]></a>", "O5 S26" },
    { "XML 1.0 §2.7: one that begins otherwise", H "<a><![cdata[]]></a>", "O5 B7" },
    { "XML 1.0 §2.7: one outside a stanza is text there", H "<![CDATA[x]]>", "O5 B3" },
    { "XML 1.0 §2.7: one before the header", "<![CDATA[x]]><s:s>", "B3" },
    { "RFC 6120 §4.6.1: white space between stanzas", H " <a/>\n\n<b/>\t", "O5 _1 S4 _2 S4 _1" },
    { "RFC 6120 §8: text between stanzas", H "<a/>x", "O5 S4 B1" },
    { "RFC 6120 §4.2: text before the header", "GET / HTTP/1.1", "B1" },
    { "RFC 6120 §11.6: a byte order mark", "\ufeff<s:s>", "B1" },
    { "RFC 6120 §4.2: an end tag before the header", "</s:s>", "B2" },
    { "RFC 6120 §4.2: an empty element for a header", "<s:s/>", "B6" },
    { "RFC 6120 §4.4: nothing counts after the end", H "</s:s><a/>", "O5 C6" },
    { "XML 1.0 §2.2: a control character in text", H "<a>\x01</a>", "O5 B4" },
    { "XML 1.0 §2.2: behind eight good bytes", H "<a>aaaaaaaaaaaaaaaaa\x1f</a>", "O5 B21" },
    { "XML 1.0 §2.2: one in a tag", H "<a\x02/>", "O5 B3" },
    { "XML 1.0 §2.2: one in a value", H "<a b='\x1b'/>", "O5 B7" },
    { "XML 1.0 §2.2: one in an end tag", H "<a></a\x03>", "O5 B7" },
    { "XML 1.0 §2.2: one in a CDATA section", H "<a><![CDATA[\x04]]></a>", "O5 B13" },
    { "XML 1.0 §2.2: one between stanzas", H "\x05", "O5 B1" },
    { "XML 1.0 §2.2: one in the declaration", "<?xml \x06?><s:s>", "B7" },
    { "XML 1.0 §2.2: TAB, LF, CR, DEL and C1 are characters", H "<a>\t\n\r\x7f\xc2\x85</a>", "O5 S13" },
    { "XML 1.0 §2.8: a tag in the declaration", "<?xml <a>?><s:s>", "B7" },
    { "XML 1.0 §2.8: a declaration without its question mark", "<?xml version='1.0'><s:s>", "B20" },
    { "A stanza that is not finished", H "<a>text &am", "O5 .11" },
};

static void table(void)
{
    const struct limits limits = { 10000, 100 };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct trace whole, cut;
        struct ks_str input = ks_str_z(rows[i].input), want = ks_str_z(rows[i].want);
        struct ks_str got = trace_cut(&whole, limits, input, input.len);
        bool same = ks_str_eq(trace_bytewise(&cut, limits, input), got);
        size_t at = 0;

        while (same && at < input.len)
            same = ks_str_eq(trace_cut(&cut, limits, input, at++), got);
        check_row(same && ks_str_eq(got, want), rows[i].name, "got %.*s, want %.*s; cut at %zu: %.*s", KS_STR_FMT(got),
            KS_STR_FMT(want), at, KS_STR_FMT(finish(&cut)));
    }
}

static const struct {
    const char *name, *input, *want;
    struct limits limits;
} limit_rows[] = {
    { "A stanza of as many bytes as are allowed", H "<a>12345</a>", "O5 S12", { 12, 9 } },
    { "A stanza of one more", H "<a>123456</a>", "O5 T12", { 12, 9 } },
    { "A header of as many bytes as are allowed", "<stream xmlns=''>", "O17", { 17, 9 } },
    { "A header of one more", "<stream xmlns=''>", "T16", { 16, 9 } },
    { "Blanks between stanzas do not count", H "         <a>12345</a>", "O5 _9 S12", { 12, 9 } },
    { "What is wrong at the last byte that is allowed is wrong", H "<a>12345678\x01</a>", "O5 B12", { 12, 9 } },
    { "What would be wrong after it is too big", H "<a>123456789\x01</a>", "O5 T12", { 12, 9 } },
    { "The limit is of an item, not of the stream", H "<a/><a/><a/>", "O5 S4 S4 S4", { 5, 9 } },
    { "An element as deep as is allowed", H "<a><b/></a>", "O5 S11", { 99, 2 } },
    { "The same with an end tag", H "<a><b></b></a>", "O5 S14", { 99, 2 } },
    { "One deeper", H "<a><b><c/></b></a>", "O5 T8", { 99, 2 } },
    { "Depth counts what is open, not what was", H "<a><b/><b/><b></b></a>", "O5 S22", { 99, 2 } },
    { "The header does not count", H "<a/>", "O5 S4", { 99, 1 } },
};

static void limits(void)
{
    for (size_t i = 0; i < KS_COUNT(limit_rows); i++) {
        struct trace trace, bytewise;
        struct ks_str input = ks_str_z(limit_rows[i].input);
        struct ks_str got = trace_cut(&trace, limit_rows[i].limits, input, input.len);
        struct ks_str other = trace_bytewise(&bytewise, limit_rows[i].limits, input);

        check_row(ks_str_eq(got, ks_str_z(limit_rows[i].want)) && ks_str_eq(got, other), limit_rows[i].name,
            "got %.*s, bytewise %.*s", KS_STR_FMT(got), KS_STR_FMT(other));
    }
}

/* What kills a rival: see the "Where rivals were seen to fail". */
static void nested(void)
{
    static char text[5 + 3 * 10000];
    struct trace trace;

    memcpy(text, H, 5);
    for (size_t i = 0; i < 10000; i++)
        memcpy(text + 5 + 3 * i, "<a>", 3);
    check_str("RFC 6120 §4.9.3.14: a stanza nested 10,000 deep is refused at depth 129",
        trace_cut(&trace, (struct limits) { 1 << 20, 128 }, ks_str(text, sizeof text), 7), KS_STR("O5 T386"));
}

static void restart(void)
{
    struct ks_framer framer;
    size_t len;

    ks_framer_init(&framer, 100, 10);
    check_row(ks_framer_next(&framer, KS_STR("<?xml ?><a>"), &len) == KS_FRAME_OPEN, "RFC 6120 §4.3.3: a stream", "?");
    ks_framer_restart(&framer);
    check_row(ks_framer_next(&framer, KS_STR("<?xml ?><a>"), &len) == KS_FRAME_OPEN && len == 11,
        "RFC 6120 §4.3.3: after a restart comes a header again", "len %zu", len);
    check_row(ks_framer_next(&framer, KS_STR("<b/"), &len) == KS_FRAME_MORE && len == 3
            && ks_framer_next(&framer, KS_STR_EMPTY, &len) == KS_FRAME_MORE && len == 0
            && ks_framer_next(&framer, KS_STR("></a>"), &len) == KS_FRAME_STANZA && len == 1,
        "No bytes change nothing", "len %zu", len);
    check_row(ks_framer_next(&framer, KS_STR("</a>"), &len) == KS_FRAME_CLOSE
            && ks_framer_next(&framer, KS_STR("<c/>"), &len) == KS_FRAME_BAD,
        "RFC 6120 §4.4: what comes after the end of the stream is refused", "len %zu", len);
}

int main(void)
{
    table();
    limits();
    nested();
    restart();
    return check_done();
}
