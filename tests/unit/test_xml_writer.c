/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "prng.h"
#include "xml_reader.h"
#include "xml_same.h"
#include "xml_writer.h"

static struct ks_arena arena;

/* Reads text with no namespace around it. */
static struct ks_xml *tree(const char *text)
{
    struct ks_xml *xml = NULL;

    if (ks_xml_read(&arena, ks_str_z(text), KS_STR(""), KS_STR(""), &xml))
        check_row(false, "An input of this test is well-formed", "%s", text);
    return xml;
}

static const struct {
    const char *name, *input, *ns, *want;
} rows[] = {
    { "RFC 6120 §4.8.2: in its stream a stanza has no xmlns", "<message xmlns='jabber:client'><body>x</body></message>",
        "jabber:client", "<message><body>x</body></message>" },
    { "RFC 6120 §4.8.2: elsewhere it has", "<message xmlns='jabber:client'><body>x</body></message>", "",
        "<message xmlns='jabber:client'><body>x</body></message>" },
    { "XML Namespaces §6.2: declared where it changes, and back", "<a><b xmlns='n'><c/><d xmlns=''/></b><e/></a>", "",
        "<a><b xmlns='n'><c/><d xmlns=''/></b><e/></a>" },
    { "XML Namespaces §6.2: no namespace inside a stream", "<a/>", "jabber:client", "<a xmlns=''/>" },
    { "XML Namespaces §5: prefixes become declarations", "<x:a xmlns:x='n'><x:b/></x:a>", "", "<a xmlns='n'><b/></a>" },
    { "XML Namespaces §5: attributes in namespaces get prefixes", "<a xmlns:x='n' xmlns:y='m' x:b='1' c='2' y:b='3'/>",
        "", "<a xmlns:ns0='n' ns0:b='1' c='2' xmlns:ns1='m' ns1:b='3'/>" },
    { "XML 1.0 §2.12: xml:lang", "<a xml:lang='de'/>", "", "<a xml:lang='de'/>" },
    { "XML Namespaces §3: an element in the namespace of xml", "<xml:a/>", "", "<xml:a/>" },
    { "RFC 6120 §4.8.5: stream: inside a stream", "<stream:features><a xmlns='n'/></stream:features>", "jabber:client",
        "<stream:features><a xmlns='n'/></stream:features>" },
    { "RFC 6120 §4.8.5: what is inside it has the stream's default namespace around it",
        "<stream:error><a xmlns='jabber:client'/></stream:error>", "jabber:client",
        "<stream:error><a/></stream:error>" },
    { "RFC 7395 §3.3.3: outside one, a declaration", "<stream:features/>", "", "<features xmlns='" KS_NS_STREAM "'/>" },
    { "XML 1.0 §2.4: what text must not hold", "<a>&lt;&gt;&amp;&apos;&quot;&#13;&#10;&#9;</a>", "",
        "<a>&lt;&gt;&amp;'\"&#xD;\n\t</a>" },
    { "XML 1.0 §2.3: what a value must not hold", "<a b='&lt;&gt;&amp;&apos;&quot;&#13;&#10;&#9;'/>", "",
        "<a b='&lt;&gt;&amp;&apos;&quot;&#xD;&#xA;&#x9;'/>" },
    { "XML Namespaces §2.2: what a namespace's name must not hold", "<a xmlns='&lt;&apos;&amp;'/>", "",
        "<a xmlns='&lt;&apos;&amp;'/>" },
    { "Attributes keep their order", "<a z='1' b='2' a='3'/>", "", "<a z='1' b='2' a='3'/>" },
    { "Characters beyond ASCII stay as they are", "<a>\u00e4\u20ac\U0001f637</a>", "",
        "<a>\u00e4\u20ac\U0001f637</a>" },
};

static void table(void)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 10000);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        ks_buf_reset(&buf);
        ks_xml_write(&buf, tree(rows[i].input), ks_str_z(rows[i].ns));
        check_str(rows[i].name, ks_buf_str(&buf), ks_str_z(rows[i].want));
    }
    ks_buf_done(&buf);
}

static const char *pick(struct ks_prng *prng, const char *const *from, size_t count)
{
    return from[ks_prng_below(prng, count)];
}

static const char *const names[] = { "a", "body", "x-y.z", "\u00e4", "_" };
static const char *const spaces[] = { "", "jabber:client", "n", "a b", "<&>'\"", KS_NS_XML, KS_NS_STREAM };
static const char *const texts[] = { "x", "&", "<", ">", "'", "\"", "\r", "\n", "\t", "\r\n", " ", "]]>", "]", "\u00e4",
    "\U0001f637", "&amp;", "<![CDATA[", "\x7f", "long text of more than one word" };

static struct ks_str make_text(struct ks_prng *prng, size_t pieces)
{
    struct ks_str parts[6], text = KS_STR_EMPTY;

    for (size_t i = 0; i < pieces; i++)
        parts[i] = ks_str_z(pick(prng, texts, KS_COUNT(texts)));
    return ks_arena_join(&arena, parts, pieces, &text) ? KS_STR_EMPTY : text;
}

/* Neighbouring text is one node after reading, so no two are made here. */
static struct ks_xml *make_tree(struct ks_prng *prng, unsigned depth)
{
    struct ks_xml *node = ks_xml_new(&arena, pick(prng, spaces, KS_COUNT(spaces)), pick(prng, names, KS_COUNT(names)));
    bool may_be_text = true;

    for (uint64_t i = ks_prng_below(prng, 4); i; i--)
        ks_xml_set_ns(&arena, node, pick(prng, spaces, KS_COUNT(spaces)), pick(prng, names, KS_COUNT(names)),
            make_text(prng, ks_prng_below(prng, 4)));
    for (uint64_t i = depth ? ks_prng_below(prng, 4) : 0; i; i--)
        if (may_be_text && ks_prng_below(prng, 2)) {
            ks_xml_put_text(&arena, node, make_text(prng, 1 + ks_prng_below(prng, 5)));
            may_be_text = false;
        } else {
            ks_xml_graft(node, make_tree(prng, depth - 1));
            may_be_text = true;
        }
    return node;
}

static void round_trip(void)
{
    struct ks_prng prng;
    struct ks_buf buf;
    unsigned good = 0, wanted = 3000;

    ks_prng_init_number(&prng, 20261122);
    ks_buf_init(&buf, 1 << 20);
    for (unsigned i = 0; i < wanted; i++) {
        struct ks_xml *made = make_tree(&prng, 5), *seen = NULL;
        struct ks_str ns = ks_str_z(spaces[i % 3]);
        ks_buf_reset(&buf);
        ks_xml_write(&buf, made, ns);
        if (!buf.err && !ks_xml_read(&arena, ks_buf_str(&buf), ns, KS_STR(""), &seen) && same_xml(made, seen))
            good++;
        else if (good == i)
            check_row(false, "A tree that is read back is the same", "%.*s", KS_STR_FMT(ks_buf_str(&buf)));
        ks_arena_reset(&arena);
    }
    check_row(good == wanted, "3,000 trees are the same after writing and reading", "%u are", good);
    struct ks_xml *one = tree("<a b='c'>d<e/></a>");
    check_row(same_xml(one, tree("<a b='c'>d<e/></a>")) && !same_xml(one, tree("<a b='c'>d<f/></a>"))
            && !same_xml(one, tree("<a b='x'>d<e/></a>")) && !same_xml(one, tree("<a b='c'>x<e/></a>"))
            && !same_xml(one, tree("<a b='c'>d<e/><e/></a>")) && !same_xml(one, tree("<a b='c' d=''>d<e/></a>")),
        "and the comparison tells trees apart", "?");
    ks_buf_done(&buf);
}

static void failures(void)
{
    struct ks_xml *deep = NULL;
    struct ks_buf buf;
    enum ks_err err = KS_ELIMIT;
    size_t limit = 0;

    ks_buf_init(&buf, 100000);
    ks_xml_write(&buf, NULL, KS_STR(""));
    check_err("A builder's failure stays in the buffer", ks_buf_err(&buf), KS_ENOMEM);
    ks_buf_reset(&buf);
    ks_xml_write(&buf, ks_xml_add_text(&arena, ks_xml_new(&arena, "", "a"), "", "b", KS_STR("\x1b[31m")), KS_STR(""));
    check_err("XML 1.0 §2.2: a control character is not written", ks_buf_err(&buf), KS_ESYNTAX);
    ks_buf_reset(&buf);
    for (unsigned i = 0; i < KS_XML_DEPTH_MAX; i++) {
        struct ks_xml *outer = ks_xml_new(&arena, "", "a");
        ks_xml_graft(outer, deep);
        deep = outer;
    }
    ks_xml_write(&buf, deep, KS_STR(""));
    check_err("A tree of KS_XML_DEPTH_MAX elements", ks_buf_err(&buf), KS_OK);
    struct ks_xml *deeper = ks_xml_new(&arena, "", "a");
    ks_xml_graft(deeper, deep);
    ks_xml_write(&buf, deeper, KS_STR(""));
    check_err("A tree of one more", ks_buf_err(&buf), KS_ELIMIT);
    ks_buf_done(&buf);
    for (; err == KS_ELIMIT; limit++) {
        ks_buf_init(&buf, limit);
        ks_xml_write(&buf, tree("<a b='&lt;' xml:lang='de'>c&amp;<d/></a>"), KS_STR(""));
        err = ks_buf_err(&buf);
        ks_buf_done(&buf);
    }
    check_row(err == KS_OK && limit == 41, "Every limit below the length is KS_ELIMIT", "%zu", limit);

    ks_buf_init(&buf, 1000);
    ks_buf_z(&buf, "before ");
    ks_xml_escape(&buf, KS_STR("a<b"));
    ks_xml_write(&buf, tree("<c/>"), KS_STR(""));
    check_str("What is written is appended", ks_buf_str(&buf), KS_STR("before a&lt;b<c/>"));
    ks_xml_escape(&buf, KS_STR_EMPTY);
    check_str("Nothing is escaped to nothing", ks_buf_str(&buf), KS_STR("before a&lt;b<c/>"));
    ks_xml_escape(&buf, KS_STR("\x1b"));
    ks_xml_write(&buf, tree("<late/>"), KS_STR(""));
    check_row(ks_buf_err(&buf) == KS_ESYNTAX && ks_str_is(ks_buf_str(&buf), "before a&lt;b<c/>"),
        "After a failure nothing is written, and the first one stays", "%s: %.*s", ks_err_name(buf.err),
        KS_STR_FMT(ks_buf_str(&buf)));
    ks_buf_done(&buf);
}

int main(void)
{
    ks_arena_init(&arena, 1 << 22);
    table();
    round_trip();
    failures();
    ks_arena_done(&arena);
    return check_done();
}
