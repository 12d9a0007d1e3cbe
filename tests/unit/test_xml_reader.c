/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "failmalloc.h"
#include "xml_reader.h"
#include "xml_writer.h"

/* want: what the writer makes of the tree with no namespace around it; NULL: KS_ESYNTAX. */
static const struct {
    const char *name, *input, *want;
} rows[] = {
    { "RFC 6120 §4.8.2: a stanza takes the namespace of the stream", "<message/>", "<message xmlns='jabber:client'/>" },
    { "XML Namespaces §6.2: a namespace of its own", "<a xmlns='b'><c/></a>", "<a xmlns='b'><c/></a>" },
    { "XML Namespaces §6.2: one that ends inside", "<a xmlns='b'><c xmlns=''/></a>", "<a xmlns='b'><c xmlns=''/></a>" },
    { "XML Namespaces §5: a prefix of its own", "<x:a xmlns:x='b' x:c='d'/>",
        "<a xmlns='b' xmlns:ns0='b' ns0:c='d'/>" },
    { "XML Namespaces §6.2: a default namespace is none of attributes", "<a xmlns='b' c='d'/>",
        "<a xmlns='b' c='d'/>" },
    { "RFC 6120 §4.8.5: the prefix stream is declared", "<stream:features/>",
        "<features xmlns='http://etherx.jabber.org/streams'/>" },
    { "XML Namespaces §3: the prefix xml is declared", "<a xmlns='' xml:lang='de'/>", "<a xml:lang='de'/>" },
    { "XML Namespaces §5: a prefix that is not declared", "<x:a/>", NULL },
    { "XML Namespaces §5: one of an attribute", "<a x:b='c'/>", NULL },
    { "XML Namespaces §5: one that was declared by a neighbour", "<a><b xmlns:x='y'/><x:c/></a>", NULL },
    { "XML Namespaces §6.1: a prefix that means something else inside, and again what it meant",
        "<x:a xmlns='' xmlns:x='1'><x:b xmlns:x='2'><x:c/><x:d xmlns:x='3'/><x:e/></x:b><x:f/></x:a>",
        "<a xmlns='1'><b xmlns='2'><c/><d xmlns='3'/><e/></b><f/></a>" },
    { "XML Namespaces §6.1: two of them", "<x:a xmlns:x='1' xmlns:y='2'><b xmlns:x='3' xmlns:y='4'/><x:c/><y:c/></x:a>",
        "<a xmlns='1'><b xmlns='jabber:client'/><c/><c xmlns='2'/></a>" },
    { "XML Namespaces §3: the prefix xml for another namespace", "<a xmlns:xml='b'/>", NULL },
    { "XML Namespaces §3: the prefix xml may be declared",
        "<a xmlns='' xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='de'/>", "<a xml:lang='de'/>" },
    { "XML Namespaces §3: a prefix for nothing", "<x:a xmlns:x=''/>", NULL },
    { "XML Namespaces §3: the prefix xmlns", "<a xmlns:xmlns='b'/>", NULL },
    { "XML Namespaces §3: the namespace of xml for another", "<x:a xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
        NULL },
    { "XML Namespaces §4: two colons in a name", "<x:a:b xmlns:x='y'/>", NULL },
    { "XML 1.0 §3.1: an attribute twice", "<a b='1' b='2'/>", NULL },
    { "XML Namespaces §6.3: an attribute twice by two prefixes", "<a xmlns:x='n' xmlns:y='n' x:b='1' y:b='2'/>", NULL },
    { "XML Namespaces §6.3: by prefixes of two elements", "<a xmlns:x='n'><b xmlns:y='n' x:c='1' y:c='2'/></a>", NULL },
    { "XML Namespaces §6.3: by one that meant something else between",
        "<a xmlns:x='n'><b xmlns:x='m' xmlns:y='n'><c xmlns:x='n' x:d='1' y:d='2'/></b></a>", NULL },
    { "XML Namespaces §6.3: by one of our own", "<a xmlns:s='http://etherx.jabber.org/streams' s:b='1' stream:b='2'/>",
        NULL },
    { "XML Namespaces §6.3: xml:lang twice", "<a xml:lang='1' xml:lang='2'/>", NULL },
    { "XML Namespaces §6.3: with the namespace of the element, and with none",
        "<x:a xmlns='n' xmlns:x='n' x:b='1' b='2'/>", "<a xmlns='n' xmlns:ns0='n' ns0:b='1' b='2'/>" },
    { "XML Namespaces §6.3: in two namespaces", "<a xmlns='' xmlns:x='m' xmlns:y='n' x:b='1' y:b='2'/>",
        "<a xmlns:ns0='m' ns0:b='1' xmlns:ns1='n' ns1:b='2'/>" },
    { "XML 1.0 §3.1: a default namespace twice", "<a xmlns='b' xmlns='b'/>", NULL },
    { "XML 1.0 §3.1: no namespace twice", "<a xmlns='' xmlns=''/>", NULL },
    { "XML 1.0 §3.1: a prefix twice", "<a xmlns:x='b' xmlns:x='c'/>", NULL },
    { "XML 1.0 §3.1: tags that do not match", "<a xmlns=''><b></a></b>", NULL },
    { "XML 1.0 §3.1: an attribute without a value", "<a b/>", NULL },
    { "XML 1.0 §3.1: a value without quotes", "<a b=c/>", NULL },
    { "XML 1.0 §3.1: no space between attributes", "<a b='c'd='e'/>", NULL },
    { "XML 1.0 §2.3: a letter that may not begin a name", "<\u00b7a/>", NULL },
    { "XML 1.0 §2.4: the end of a CDATA section in text", "<a>]]></a>", NULL },
    { "XML 1.0 §2.2: U+FFFF", "<a>\uffff</a>", NULL },
    { "XML 1.0 §2.2: a control character", "<a>\x01</a>", NULL },
    { "RFC 3629 §3: bytes that are not UTF-8", "<a>\xe4</a>", NULL },
    { "RFC 3629 §3: an overlong form", "<a>\xc0\xbc</a>", NULL },
    { "RFC 3629 §3: a surrogate", "<a>\xed\xa0\x80</a>", NULL },
    { "RFC 3629 §3: a second byte that begins a sequence", "<a>\xc3\xc3</a>", NULL },
    { "RFC 3629 §3: a first byte of five", "<a>\xf8\x90\x80\x80</a>", NULL },
    { "RFC 3629 §3: beyond U+10FFFF", "<a>\xf4\x90\x80\x80</a>", NULL },
    { "RFC 3629 §3: a sequence that the tag cuts", "<a xmlns=''>\xe2\x82</a>", NULL },
    { "RFC 6120 §11.1: a comment", "<a><!-- b --></a>", NULL },
    { "RFC 6120 §11.1: a processing instruction", "<a><?b ?></a>", NULL },
    { "RFC 6120 §11.1: a DTD", "<!DOCTYPE a><a/>", NULL },
    { "RFC 6120 §11.1: an entity", "<a>&b;</a>", NULL },
    { "XML 1.0 §4.1: a reference to 2^32 + 65", "<a>&#4294967361;</a>", NULL },
    { "XML 1.0 §4.1: the same in hexadecimal digits", "<a>&#x100000041;</a>", NULL },
    { "XML 1.0 §4.1: a reference without digits", "<a>&#;&#x;</a>", NULL },
    { "XML 1.0 §4.1: a digit that is none", "<a>&#x4g;</a>", NULL },
    { "XML 1.0 §4.1: a great X", "<a>&#X41;</a>", NULL },
    { "XML 1.0 §2.11: a CR and an LF are an LF, a reference to CR is a CR", "<a xmlns=''>1\r\n2\r3&#13;4</a>",
        "<a>1\n2\n3&#xD;4</a>" },
    { "XML 1.0 §3.3.3: white space in a value is a space, a reference is not", "<a xmlns='' b='1\t2\n3&#9;4&#10;5'/>",
        "<a b='1 2 3&#x9;4&#xA;5'/>" },
    { "XML 1.0 §2.7: a CDATA section is text like any other", "<a xmlns=''>1<![CDATA[<2>]]>3</a>",
        "<a>1&lt;2&gt;3</a>" },
    { "XML 1.0 §2.7: an empty one is no text", "<a xmlns=''><![CDATA[]]></a>", "<a/>" },
    { "XML 1.0 §2.4: its end in text, but not as it stands", "<a xmlns=''>]]<![CDATA[]]>>&#93;&#93;>]]&gt;</a>",
        "<a>]]&gt;]]&gt;]]&gt;</a>" },
    { "XML 1.0 §4.1: astral characters, as they are and by number", "<a xmlns=''>\U0001f637&#x1f637;</a>",
        "<a>\U0001f637\U0001f637</a>" },
    { "A value that is empty", "<a xmlns='' b=''/>", "<a b=''/>" },
    { "Text between elements", "<a xmlns=''> <b/>\n<c/> </a>", "<a> <b/>\n<c/> </a>" },
    { "White space around the element", " \r\n<a xmlns=''/>\t", "<a/>" },
    { "Two elements", "<a/><b/>", NULL },
    { "Two elements with a space between", "<a/> <b/>", NULL },
    { "Text before the element", "x<a/>", NULL },
    { "Text after the element", "<a/>x", NULL },
    { "A comment after it that is not closed", "<a/><!-- ", NULL },
    { "A CDATA section after it that is not closed", "<a/><![CDATA[", NULL },
    { "A tag after it that is not closed", "<a/><b", NULL },
    { "An end tag after it", "<a/></a>", NULL },
    { "The end tag of the stream", "</r>", NULL },
    { "An end tag without a name", "</>", NULL },
    { "One inside", "<a></></a>", NULL },
    { "One outside, and more behind it", "</>x<a/>", NULL },
    { "An element that is not closed", "<a><b/>", NULL },
    { "A tag that is not closed", "<a", NULL },
    { "A CR alone", "\r", NULL },
    { "Nothing", "", NULL },
};

static enum ks_err read(struct ks_arena *arena, const char *text, struct ks_xml **ret_xml)
{
    return ks_xml_read(arena, ks_str_z(text), KS_STR("jabber:client"), KS_STR_EMPTY, ret_xml);
}

static void table(void)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_arena arena;
        struct ks_buf buf;
        struct ks_xml *xml = NULL;

        ks_arena_init(&arena, 10000);
        ks_buf_init(&buf, 10000);
        enum ks_err err = read(&arena, rows[i].input, &xml);
        if (!rows[i].want) {
            check_err(rows[i].name, err, KS_ESYNTAX);
        } else if (check_row(err == KS_OK, rows[i].name, "%s", ks_err_name(err))) {
            ks_xml_write(&buf, xml, KS_STR(""));
            check_str("and it is what it should be", ks_buf_str(&buf), ks_str_z(rows[i].want));
        }
        ks_buf_done(&buf);
        ks_arena_done(&arena);
    }
}

/* CVE-2023-52425: a reader that defers would keep a stanza with a long tag to itself. */
static void long_tags(void)
{
    const size_t lens[] = { 1, 1000, 1024, 4096, 65536, 200000, 7, 400000 };
    struct ks_buf buf;

    ks_buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < KS_COUNT(lens); i++) {
        struct ks_arena arena;
        struct ks_xml *xml = NULL;
        ks_arena_init(&arena, 1 << 20);
        ks_buf_reset(&buf);
        ks_buf_z(&buf, "<a b='");
        char *room = ks_buf_room(&buf, lens[i]);
        if (room)
            memset(room, 'x', lens[i]);
        ks_buf_z(&buf, "'/>");
        enum ks_err err = ks_xml_read(&arena, ks_buf_str(&buf), KS_STR(""), KS_STR(""), &xml);
        check_row(err == KS_OK && ks_xml_attr(xml, "b").len == lens[i],
            "CVE-2023-52425: a whole stanza is reported at once, however long its tag", "%s at %zu", ks_err_name(err),
            lens[i]);
        ks_arena_done(&arena);
    }
    ks_buf_done(&buf);
}

/* Frees what was made. */
static enum ks_err read_made(struct ks_buf *made, size_t arena_bytes)
{
    struct ks_arena arena;
    struct ks_xml *xml;

    ks_arena_init(&arena, arena_bytes);
    enum ks_err err = ks_xml_read(&arena, ks_buf_str(made), KS_STR(""), KS_STR(""), &xml);
    ks_buf_done(made);
    ks_arena_done(&arena);
    return err;
}

static enum ks_err read_nested(unsigned depth, size_t arena_bytes)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1 << 20);
    for (unsigned i = 0; i < depth; i++)
        ks_buf_z(&buf, "<a>");
    for (unsigned i = 0; i < depth; i++)
        ks_buf_z(&buf, "</a>");
    return read_made(&buf, arena_bytes);
}

static void limits(void)
{
    const char *text = "<a xmlns='n'>text<b c='d' e='f'>more</b><b/></a>";
    enum ks_err err = KS_ELIMIT;
    bool good = true;
    size_t limit = 0;

    check_row(!ks_xml_text_ok(ks_str("\u20ac", 2)), "RFC 3629 §3: a sequence that goes on behind the text", "?");
    check_err("A tree of KS_XML_DEPTH_MAX elements", read_nested(KS_XML_DEPTH_MAX, 1 << 20), KS_OK);
    check_err("A tree of one more", read_nested(KS_XML_DEPTH_MAX + 1, 1 << 20), KS_ELIMIT);
    check_err("A tree of 10,000", read_nested(10000, 1 << 20), KS_ELIMIT);
    check_err("An arena that is too small for it", read_nested(100, 1000), KS_ELIMIT);
    for (; err == KS_ELIMIT; limit += 16) {
        struct ks_arena arena;
        struct ks_xml *xml = NULL;
        ks_arena_init(&arena, limit);
        err = read(&arena, text, &xml);
        good = good && (err == KS_OK) == (xml != NULL);
        ks_arena_done(&arena);
    }
    check_row(good && err == KS_OK, "Every arena that is too small is KS_ELIMIT", "%s at %zu", ks_err_name(err), limit);
}

/* count attributes, or as many declarations, on one element. */
static enum ks_err read_names(unsigned count, const char *prefix)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1 << 20);
    ks_buf_z(&buf, "<a");
    for (unsigned i = 0; i < count; i++)
        ks_buf_printf(&buf, " %sb%u='c'", prefix, i);
    ks_buf_z(&buf, "/>");
    return read_made(&buf, 1 << 20);
}

/* Prefixes that count elements declare, each inside the last; different: how many, or 0 for all. */
static enum ks_err read_nested_prefixes(unsigned count, unsigned different)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1 << 20);
    for (unsigned i = 0; i < count; i++)
        ks_buf_printf(&buf, "<a xmlns:b%u='c'>", different ? i % different : i);
    for (unsigned i = 0; i < count; i++)
        ks_buf_z(&buf, "</a>");
    return read_made(&buf, 1 << 20);
}

/* An element with all that one may have: KS_XML_NAMES_MAX attributes of a namespace, which the writer gives a prefix
 * each, inside one with as many prefixes. */
static void write_names(struct ks_buf *buf)
{
    ks_buf_z(buf, "<a xmlns='n'");
    for (unsigned i = 0; i < KS_XML_NAMES_MAX; i++)
        ks_buf_printf(buf, " xmlns:p%u='%u' p%u:b%u='c'", i, i, i, i);
    ks_buf_z(buf, "><d xmlns='o'");
    for (unsigned i = 0; i < KS_XML_NAMES_MAX; i++)
        ks_buf_printf(buf, " xmlns:p%u='%u' p7:b%u='c'", i, i + 1, i);
    ks_buf_z(buf, "/></a>");
}

static void written_names(void)
{
    struct ks_arena arena;
    struct ks_buf first, second;
    struct ks_xml *xml = NULL;

    ks_arena_init(&arena, 1 << 20);
    ks_buf_init(&first, 1 << 20);
    ks_buf_init(&second, 1 << 20);
    write_names(&first);
    enum ks_err err = ks_xml_read(&arena, ks_buf_str(&first), KS_STR(""), KS_STR(""), &xml);
    check_err("All that an element may have, in all that may be around it", err, KS_OK);
    ks_buf_reset(&first);
    ks_xml_write(&first, xml, KS_STR(""));
    err = ks_xml_read(&arena, ks_buf_str(&first), KS_STR(""), KS_STR(""), &xml);
    check_err("xml_reader.h: what is within the limits is so as the writer has it", err, KS_OK);
    ks_xml_write(&second, err ? NULL : xml, KS_STR(""));
    check_str("and is the same", ks_buf_str(&second), ks_buf_str(&first));
    ks_buf_done(&second);
    ks_buf_done(&first);
    ks_arena_done(&arena);
}

/* Comparing each with each must not take a thread's time. */
static void many_names(void)
{
    check_err("An element of KS_XML_NAMES_MAX attributes", read_names(KS_XML_NAMES_MAX, ""), KS_OK);
    check_err("An element of one more", read_names(KS_XML_NAMES_MAX + 1, ""), KS_ELIMIT);
    check_err("An element of 10,000", read_names(10000, ""), KS_ELIMIT);
    check_err("KS_XML_NAMES_MAX prefixes", read_names(KS_XML_NAMES_MAX, "xmlns:"), KS_OK);
    check_err("One prefix more", read_names(KS_XML_NAMES_MAX + 1, "xmlns:"), KS_ELIMIT);
    check_err("KS_XML_NAMES_MAX prefixes inside each other", read_nested_prefixes(KS_XML_NAMES_MAX, 0), KS_OK);
    check_err("One prefix more inside", read_nested_prefixes(KS_XML_NAMES_MAX + 1, 0), KS_ELIMIT);
    check_err("One prefix that each of KS_XML_DEPTH_MAX elements declares anew",
        read_nested_prefixes(KS_XML_DEPTH_MAX, 1), KS_OK);
}

#define STREAMS "xmlns:stream='http://etherx.jabber.org/streams'"

static const struct {
    const char *name, *input;
    enum ks_err want;
    const char *default_ns, *declarations;
} headers[] = {
    { "RFC 6120 §4.2: a header", "<stream:stream to='x' xmlns='jabber:client' " STREAMS ">", KS_OK, "jabber:client",
        "" },
    { "RFC 6120 §11.5: behind an XML declaration",
        "<?xml version='1.0' encoding='UTF-8'?><stream:stream xmlns='jabber:server' " STREAMS ">", KS_OK,
        "jabber:server", "" },
    { "RFC 6120 §11.6: encoding utf-8 in lower case",
        "<?xml version='1.0' encoding='utf-8'?><stream:stream " STREAMS ">", KS_OK, "", "" },
    { "RFC 6120 §4.8.1: a default namespace for the stream itself", "<stream xmlns='http://etherx.jabber.org/streams'>",
        KS_OK, "http://etherx.jabber.org/streams", "" },
    { "RFC 6120 §4.8.4: other prefixes are kept", "<stream:stream xmlns:db='jabber:server:dialback' " STREAMS ">",
        KS_OK, "", " xmlns:db='jabber:server:dialback'" },
    { "XML Namespaces §3: with what must be escaped", "<stream:stream xmlns:x='&apos;&lt;&amp;&#10;' " STREAMS ">",
        KS_OK, "", " xmlns:x='&apos;&lt;&amp;&#xA;'" },
    { "RFC 6120 §4.8.5: stream means something else", "<stream xmlns='a' xmlns:stream='b'>", KS_OK, "a",
        " xmlns:stream='b'" },
    { "RFC 6120 §11.6: another encoding", "<?xml version='1.0' encoding='ISO-8859-1'?><stream:stream " STREAMS ">",
        KS_EVERSION, NULL, NULL },
    { "RFC 6120 §11.6: one with another number", "<?xml version='1.0' encoding='UTF-9'?><stream:stream " STREAMS ">",
        KS_EVERSION, NULL, NULL },
    { "RFC 6120 §11.6: one without a name", "<?xml version='1.0' encoding=''?><stream:stream " STREAMS ">", KS_EVERSION,
        NULL, NULL },
    { "XML 1.0 §2.8: a declaration that says no encoding", "<?xml version='1.0' standalone='no' ?>\n<s " STREAMS ">",
        KS_OK, "", "" },
    { "XML 1.0 §2.8: no space in it", "<?xml version='1.0'encoding='UTF-8'?><s " STREAMS ">", KS_ESYNTAX, NULL, NULL },
    { "RFC 6120 §11.6: U+FEFF in front, which is no byte order mark", "\ufeff<s " STREAMS ">", KS_ESYNTAX, NULL, NULL },
    { "XML 1.0 §2.8: half a version", "<?xml version='1.'?><s " STREAMS ">", KS_ESYNTAX, NULL, NULL },
    { "RFC 6120 §11.6: one that begins the same", "<?xml version='1.0' encoding='UTF-16'?><stream:stream " STREAMS ">",
        KS_EVERSION, NULL, NULL },
    { "RFC 6120 §4.8.5: the prefix stream without a declaration", "<stream:stream xmlns='jabber:client'>", KS_ESYNTAX,
        NULL, NULL },
    { "RFC 6120 §11.1: a DTD", "<!DOCTYPE s><stream:stream " STREAMS ">", KS_ESYNTAX, NULL, NULL },
    { "RFC 6120 §4.2: an empty element", "<stream:stream " STREAMS "/>", KS_ESYNTAX, NULL, NULL },
    { "RFC 6120 §4.2: two elements", "<stream:stream " STREAMS "><a>", KS_ESYNTAX, NULL, NULL },
    { "RFC 6120 §4.2: the first stanza with it", "<stream:stream " STREAMS "><a/>", KS_ESYNTAX, NULL, NULL },
    { "RFC 6120 §4.2: text after it", "<stream:stream " STREAMS ">x", KS_ESYNTAX, NULL, NULL },
    { "RFC 6120 §4.2: half a header", "<stream:stream " STREAMS, KS_ESYNTAX, NULL, NULL },
    { "RFC 6120 §4.2: nothing", "", KS_ESYNTAX, NULL, NULL },
};

static void header_table(void)
{

    for (size_t i = 0; i < KS_COUNT(headers); i++) {
        struct ks_arena arena;
        struct ks_xml_header header = { 0 };
        struct ks_xml *xml = NULL;

        ks_arena_init(&arena, 10000);
        enum ks_err err = ks_xml_read_header(&arena, ks_str_z(headers[i].input), &header);
        bool good = err == headers[i].want;
        if (good && !err)
            good = ks_str_is(header.default_ns, headers[i].default_ns) && !header.element->child
                && ks_str_is(header.declarations, headers[i].declarations)
                && !ks_xml_read(&arena, KS_STR("<a/>"), header.default_ns, header.declarations, &xml)
                && ks_xml_is(xml, headers[i].default_ns, "a");
        check_row(good, headers[i].name, "%s, ns %.*s, declarations %.*s", ks_err_name(err),
            KS_STR_FMT(header.default_ns), KS_STR_FMT(header.declarations));
        ks_arena_done(&arena);
    }
}

static void scopes(void)
{
    struct ks_str db = KS_STR(" xmlns:db='jabber:server:dialback'"), none = KS_STR_EMPTY;
    struct ks_arena arena;
    struct ks_xml *xml = NULL;

    ks_arena_init(&arena, 10000);
    check_row(!ks_xml_read(&arena, KS_STR("<db:result/>"), KS_STR("jabber:server"), db, &xml)
            && ks_xml_is(xml, "jabber:server:dialback", "result"),
        "RFC 6120 §4.8.4: a prefix of the header is known in a stanza", "?");
    check_err("but not in another stream's",
        ks_xml_read(&arena, KS_STR("<db:result/>"), KS_STR("jabber:server"), none, &xml), KS_ESYNTAX);
    check_row(!ks_xml_read(&arena, KS_STR("<stream:a/>"), KS_STR(""), KS_STR(" xmlns:stream='b'"), &xml)
            && ks_xml_is(xml, "b", "a"),
        "RFC 6120 §4.8.5: where stream means something else, it does so in a stanza", "?");
    check_row(!ks_xml_read(&arena, KS_STR("<a/>"), KS_STR("it's <&>"), none, &xml) && ks_xml_is(xml, "it's <&>", "a"),
        "A default namespace with what must be escaped", "?");
    check_err("Declarations with something behind them",
        ks_xml_read(&arena, KS_STR("<a/>"), none, KS_STR(" xmlns:x='y'/"), &xml), KS_ESYNTAX);
    ks_arena_done(&arena);
}

static void places(void)
{
    char bytes[] = "<a><x:b c='d'>e</x:b></a>", ns[] = "one", declarations[] = " xmlns:x='two'";
    struct ks_arena arena;
    struct ks_buf buf;
    struct ks_xml *xml = NULL;

    ks_arena_init(&arena, 10000);
    ks_buf_init(&buf, 1000);
    enum ks_err err = ks_xml_read(&arena, ks_str_z(bytes), ks_str_z(ns), ks_str_z(declarations), &xml);
    memset(bytes, '?', sizeof(bytes) - 1);
    memset(ns, '?', sizeof(ns) - 1);
    memset(declarations, '?', sizeof(declarations) - 1);
    ks_xml_write(&buf, err ? NULL : xml, KS_STR(""));
    check_str("A tree shares nothing with what was given", ks_buf_str(&buf),
        KS_STR("<a xmlns='one'><b xmlns='two' c='d'>e</b></a>"));
    ks_buf_done(&buf);
    /* So its length costs nothing where namespaces are compared. */
    err = read(&arena, "<a xmlns='n' xmlns:x='n'><x:b><y:c xmlns:y='n' xmlns='n'/></x:b></a>", &xml);
    const struct ks_xml *b = ks_xml_child(xml, "n", "b"), *c = ks_xml_child(b, "n", "c");
    check_row(!err && c && xml->ns.ptr == b->ns.ptr && b->ns.ptr == c->ns.ptr,
        "A namespace in force stands in one place, however often it is declared", "%s", ks_err_name(err));
    ks_arena_done(&arena);
}

static void failing(void)
{
    bool good = true;
    int rounds = 0;

    for (int n = 1; fail_nth(n); n++) {
        struct ks_arena arena;
        struct ks_xml_header header = { 0 };
        struct ks_xml *xml = NULL;

        ks_arena_init(&arena, 1000000);
        enum ks_err err = ks_xml_read_header(&arena, KS_STR("<a xmlns='b' xmlns:c='d'>"), &header);
        for (unsigned i = 0; i < 20 && !err; i++)
            err = ks_xml_read(&arena, KS_STR("<c:e>f</c:e>"), header.default_ns, header.declarations, &xml);
        bool struck = fail_stop();
        rounds += struck;
        good = good && err == (struck ? KS_ENOMEM : KS_OK);
        ks_arena_done(&arena);
    }
    check_row(good && rounds > 1, "An allocation that fails is KS_ENOMEM", "%d", rounds);
}

int main(void)
{
    table();
    long_tags();
    limits();
    many_names();
    written_names();
    header_table();
    scopes();
    places();
    failing();
    return check_done();
}
