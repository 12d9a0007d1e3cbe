/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* test_xml_oracle.c -- our XML reader against expat: names of each code point, and stanzas and headers that were
 * changed in places. They take and refuse the same, and make the same trees. */
#include "change.h"
#include "check.h"
#include "xml_char.h"
#include "xml_expat.h"
#include "xml_same.h"

#define CHANGED 60000
#define NS KS_STR("jabber:client")

static struct ks_arena arena;

/* Whether both do the same; *ret_ok: both take it. */
static bool agree(struct ks_str bytes, struct ks_str declarations, bool *ret_ok)
{
    struct ks_xml *ours = NULL;

    ks_arena_reset(&arena);
    enum ks_err err = ks_xml_read(&arena, bytes, NS, declarations, &ours);
    struct ks_xml *theirs = expat_read(&arena, bytes, NS, declarations);
    *ret_ok = err == KS_OK;
    return err == KS_OK ? theirs && same_xml(ours, theirs) : !theirs;
}

static bool agree_header(struct ks_str bytes, bool *ret_ok)
{
    struct ks_xml_header ours, theirs;

    ks_arena_reset(&arena);
    enum ks_err err = ks_xml_read_header(&arena, bytes, &ours);
    *ret_ok = err == KS_OK;
    if (expat_read_header(&arena, bytes, &theirs) != (err == KS_OK))
        return false;
    return err != KS_OK
        || (same_xml(ours.element, theirs.element) && ks_str_eq(ours.default_ns, theirs.default_ns)
            && ks_str_eq(ours.declarations, theirs.declarations));
}

/* Beyond the first plane, each 251st: the fourth edition has none there. */
static void names(void)
{
    uint32_t differs = 0;
    unsigned starts = 0, within = 0;
    bool ok;

    for (uint32_t c = 1; c <= 0x10ffff && !differs; c += c < 0x10000 ? 1 : 251) {
        uint8_t utf8[4];
        struct ks_buf first, second;
        if (!ks_xml_is_char(c))
            continue;
        struct ks_str letter = ks_str(utf8, ks_xml_char_write(utf8, c));
        ks_buf_init(&first, 100);
        ks_buf_init(&second, 100);
        ks_buf_printf(&first, "<%.*s/>", KS_STR_FMT(letter));
        ks_buf_printf(&second, "<a b%.*s='c'/>", KS_STR_FMT(letter));
        if (!agree(ks_buf_str(&first), KS_STR_EMPTY, &ok))
            differs = c;
        starts += ok;
        if (!agree(ks_buf_str(&second), KS_STR_EMPTY, &ok))
            differs = c;
        within += ok;
        ks_buf_done(&first);
        ks_buf_done(&second);
    }
    check_row(!differs && starts > 30000 && within > starts,
        "XML 1.0 §2.3, §B: what begins a name, and what is within one, is the same to expat", "U+%04X; %u, %u", differs,
        starts, within);
}

static const char *const stanzas[] = {
    "<message to='a@b' from='c@d/e' type='chat' id='1' xml:lang='de'><body>F\u00fcr &amp; &#x1f637;</body></message>",
    "<a xmlns='n' xmlns:x='y' x:b='1' b='2'><x:c xmlns:x='z' x:d=''/><c xmlns=''>t<![CDATA[<u>]]]>v</c></a>",
    "<iq type='get' id='2'>\r\n<query\txmlns='jabber:iq:roster' ver=\"1\r\n2\t3&#10;4\"/>\n</iq>",
    "<stream:error><x xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><t>]]&gt; &lt;&gt;&quot;&apos;</t></stream:error>",
    "<db:result xmlns:db='jabber:server:dialback'>&#55;&#x37;</db:result>",
};

static const char *const headers[] = {
    "<stream:stream to='x' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
    "<?xml version='1.0' encoding='UTF-8' standalone=\"yes\" ?> <s xmlns='http://etherx.jabber.org/streams' "
    "xmlns:x='&lt;\r\n&#10;'>",
};

/* What is put in: what means something to a reader. */
static const char *const pieces[] = { "<", ">", "/", "&", ";", "'", "\"", "=", ":", "!", "?", "]", "]]>", "<![CDATA[",
    "<!--", "-->", "<?", "?>", "xmlns", "xmlns:x='y'", " xmlns=''", "xml", "x:", " x:b='1'", "&#", "&#x", "&#0;",
    "&#xffff;", "&#xD800;", "&#1114112;", "&#x100000041;", "&#X41;", "&#x4g;", "&#13;", "\ufeff", "\xc3\xc3",
    "\xf8\x90\x80\x80", "standalone='no'", "version='1.'", "&amp;", "&a;", " ", "\t", "\r", "\n", "\r\n", "a", "\x01",
    "\x80", "\u00fc", "\u00b7", "\U0001f637", "\xed\xa0\x80", "\xef\xbf\xbf", "<b>", "</b>", "<b/>", "</a>",
    "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/" };

static void changed(const char *name, const char *const *texts, size_t count, bool is_header)
{
    struct ks_prng prng;
    struct ks_buf buf;
    unsigned taken = 0;
    bool same = true, ok;

    ks_prng_init_number(&prng, 1);
    ks_buf_init(&buf, 10000);
    for (unsigned i = 0; i < CHANGED && same; i++) {
        ks_buf_reset(&buf);
        ks_buf_z(&buf, texts[i % count]);
        if (i >= count)
            change(&prng, &buf, pieces, KS_COUNT(pieces));
        same = is_header ? agree_header(ks_buf_str(&buf), &ok)
                         : agree(ks_buf_str(&buf), i % 2 ? KS_STR(" xmlns:x='u'") : KS_STR_EMPTY, &ok);
        taken += ok;
    }
    check_row(same && taken > CHANGED / 20 && taken < CHANGED, name, "%u were taken; not the same: %.*s", taken,
        KS_STR_FMT(ks_buf_str(&buf)));
    ks_buf_done(&buf);
    ks_prng_done(&prng);
}

int main(void)
{
    ks_arena_init(&arena, 1 << 24);
    names();
    changed("60,000 stanzas that were changed in places", stanzas, KS_COUNT(stanzas), false);
    changed("60,000 stream headers that were changed in places", headers, KS_COUNT(headers), true);
    ks_arena_done(&arena);
    return check_done();
}
