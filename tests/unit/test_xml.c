/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "xml.h"
#include "xml_writer.h"

static struct ks_arena arena;

static void check_tree(const char *name, const struct ks_xml *node, const char *want)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 10000);
    ks_xml_write(&buf, node, KS_STR(""));
    check_str(name, ks_buf_str(&buf), ks_str_z(want));
    ks_buf_done(&buf);
}

/* <a><b n='1'>t</b>text<b xmlns='n' n='2'/><c/></a> */
static struct ks_xml *sample(void)
{
    struct ks_xml *a = ks_xml_new(&arena, "", "a");

    ks_xml_set(&arena, ks_xml_add_text(&arena, a, "", "b", KS_STR("t")), "n", KS_STR("1"));
    ks_xml_put_text(&arena, a, KS_STR("text"));
    ks_xml_set_u64(&arena, ks_xml_add(&arena, a, "n", "b"), "n", 2);
    ks_xml_add(&arena, a, "", "c");
    return a;
}

static void building(void)
{
    struct ks_xml *a = sample();

    check_tree("Elements, attributes and text in their order", a, "<a><b n='1'>t</b>text<b xmlns='n' n='2'/><c/></a>");
    ks_xml_set(&arena, a, "x", KS_STR("1"));
    ks_xml_set_ns(&arena, a, KS_NS_XML, "x", KS_STR("2"));
    ks_xml_set(&arena, a, "y", KS_STR("3"));
    ks_xml_set(&arena, a, "x", KS_STR("4"));
    check_tree("An attribute is replaced in its place, and one in a namespace is another", a,
        "<a x='4' xml:x='2' y='3'><b n='1'>t</b>text<b xmlns='n' n='2'/><c/></a>");
    ks_xml_unset(a, "x");
    ks_xml_unset(a, "none");
    ks_xml_unset(a, "y");
    check_row(!ks_xml_attr(a, "x").ptr && !ks_xml_attr(a, "y").ptr && ks_xml_attr_ns(a, KS_NS_XML, "x").len == 1,
        "An attribute is taken away by its name without a namespace", "?");
    ks_xml_set(&arena, a, "z", KS_STR_EMPTY);
    check_row(ks_xml_attr(a, "z").ptr && ks_xml_attr(a, "z").len == 0, "An empty attribute is there", "?");
    check_tree("No text makes no text node", ks_xml_add_text(&arena, a, "", "d", KS_STR_EMPTY), "<d/>");
    check_tree("A number", ks_xml_set_u64(&arena, ks_xml_new(&arena, "", "d"), "n", UINT64_MAX),
        "<d n='18446744073709551615'/>");
}

static void finding(void)
{
    struct ks_xml *a = sample(), *b = ks_xml_child(a, "", "b"), *bare = ks_xml_new(&arena, "", "a");
    unsigned count = 0;

    check_row(ks_xml_is(a, "", "a") && !ks_xml_is(a, "n", "a") && !ks_xml_is(a, "", "b") && !ks_xml_is(NULL, "", "a"),
        "A name and a namespace make an element", "?");
    check_row(b && ks_str_is(ks_xml_attr(b, "n"), "1"), "The first child of a name", "?");
    check_row(ks_str_is(ks_xml_attr(ks_xml_child(a, "n", NULL), "n"), "2"), "The first child of a namespace", "?");
    check_row(ks_xml_next(b, "", "b") == NULL && ks_str_is(ks_xml_attr(ks_xml_next(b, NULL, "b"), "n"), "2"),
        "The next of a name, in one namespace and in any", "?");
    for (struct ks_xml *child = ks_xml_child(a, NULL, NULL); child; child = ks_xml_next(child, NULL, NULL))
        count++;
    check_row(count == 3, "A walk over the elements passes by the text", "%u", count);
    check_row(!ks_xml_child(NULL, NULL, NULL) && !ks_xml_next(NULL, NULL, NULL) && !ks_xml_child(bare, NULL, NULL)
            && !ks_xml_attr(NULL, "n").ptr && !ks_xml_attr(bare, "n").ptr,
        "Nothing is found in nothing", "?");
}

static void text(void)
{
    struct ks_xml *a = ks_xml_new(&arena, "", "a");
    struct ks_arena small;

    ks_arena_init(&small, 0);
    check_row(ks_xml_text(&arena, a).len == 0 && ks_xml_text(&arena, NULL).len == 0, "No text is empty text", "?");
    ks_xml_put_text(&arena, a, KS_STR("one"));
    check_str("One piece is not copied", ks_xml_text(&small, a), KS_STR("one"));
    ks_xml_add_text(&arena, a, "", "b", KS_STR("inside"));
    ks_xml_put_text(&arena, a, KS_STR(" two"));
    check_str("Pieces are joined, without what is inside elements", ks_xml_text(&arena, a), KS_STR("one two"));
    check_str("Without memory it is empty", ks_xml_text(&small, a), KS_STR(""));
    ks_arena_done(&small);
}

static void moving(void)
{
    struct ks_xml *a = sample(), *first = a->child, *last = ks_xml_child(a, "", "c");

    ks_xml_remove(a, last);
    check_tree("The last child is taken out", a, "<a><b n='1'>t</b>text<b xmlns='n' n='2'/></a>");
    ks_xml_graft(a, last);
    check_tree("and appended again", a, "<a><b n='1'>t</b>text<b xmlns='n' n='2'/><c/></a>");
    ks_xml_remove(a, first);
    ks_xml_remove(a, ks_xml_child(a, "n", "b"));
    check_tree("The first, and one in the middle", a, "<a>text<c/></a>");
    ks_xml_prepend(a, first);
    check_tree("A child in front", a, "<a><b n='1'>t</b>text<c/></a>");
    ks_xml_remove(a, a->child);
    ks_xml_remove(a, a->child);
    ks_xml_remove(a, a->child);
    ks_xml_prepend(a, last);
    ks_xml_graft(a, first);
    check_tree("After all are gone there is a first again", a, "<a><c/><b n='1'>t</b></a>");
}

static void copies(void)
{
    struct ks_xml *a = sample();
    struct ks_arena other;

    ks_xml_set(&arena, a, "to", KS_STR("x"));
    struct ks_xml *top = ks_xml_copy_top(&arena, a);
    ks_xml_set(&arena, top, "to", KS_STR("y"));
    ks_xml_unset(top, "none");
    ks_xml_remove(top, ks_xml_child(top, "", "b"));
    ks_xml_add(&arena, top, "", "added");
    check_tree("A copy of the top has attributes and children of its own", top,
        "<a to='y'>text<b xmlns='n' n='2'/><c/><added/></a>");
    check_tree("and leaves the original alone", a, "<a to='x'><b n='1'>t</b>text<b xmlns='n' n='2'/><c/></a>");

    ks_arena_init(&other, 10000);
    char name[] = "name", value[] = "value";
    struct ks_xml *fleeting = ks_xml_add_text(&arena, ks_xml_new(&arena, "", "a"), "", name, ks_str_z(value));
    ks_xml_set(&arena, fleeting, name, ks_str_z(value));
    struct ks_xml *copy = ks_xml_copy(&other, fleeting);
    memset(name, '?', 4);
    memset(value, '?', 5);
    check_tree("A deep copy has its own bytes", copy, "<name name='value'>value</name>");
    ks_arena_done(&other);

    struct ks_xml *deep = NULL;
    for (unsigned i = 0; i <= KS_XML_DEPTH_MAX; i++) {
        struct ks_xml *outer = ks_xml_new(&arena, "", "a");
        ks_xml_graft(outer, deep);
        deep = outer;
    }
    check_row(!ks_xml_copy(&arena, deep) && ks_xml_copy(&arena, deep->child),
        "A deep copy of a tree that is too deep is refused", "?");
    check_row(!ks_xml_copy(&arena, NULL) && !ks_xml_copy_top(&arena, NULL), "A copy of nothing is nothing", "?");
}

/* A chain of builders, and a copy of each kind, in arenas of every size up to enough. */
static void limits(void)
{
    struct ks_xml *a = sample(), *made = NULL, *copy = NULL, *top = NULL;
    size_t limit = 0;

    for (; !made || !copy || !top; limit += 16) {
        struct ks_arena small;
        ks_arena_init(&small, limit);
        made = ks_xml_new(&small, "", "a");
        made = ks_xml_add(&small, made, "", "b");
        made = ks_xml_set_u64(&small, made, "c", 1);
        made = ks_xml_put_text(&small, made, KS_STR("d"));
        made = ks_xml_add_text(&small, made, "", "e", KS_STR("f"));
        made = ks_xml_set_ns(&small, made, "g", "h", KS_STR("i"));
        ks_arena_done(&small);
        ks_arena_init(&small, limit);
        copy = ks_xml_copy(&small, a);
        ks_arena_done(&small);
        ks_arena_init(&small, limit);
        top = ks_xml_copy_top(&small, a);
        ks_arena_done(&small);
    }
    check_row(
        limit > 500 && limit < 5000, "Builders and copies fail cleanly in each arena that is too small", "%zu", limit);
}

static void characters(void)
{
    const struct {
        const char *name;
        struct ks_str text;
        bool want;
    } rows[] = {
        { "XML 1.0 §2.2: nothing", KS_STR(""), true },
        { "XML 1.0 §2.2: ASCII, TAB, LF, CR and DEL", KS_STR("a\t\n\r~\x7f"), true },
        { "XML 1.0 §2.2: two, three and four bytes", KS_STR("\u00e4\u20ac\U0001f637\ud7ff\ue000\ufffd\U0010ffff"),
            true },
        { "XML 1.0 §2.2: zero", KS_STR("a\0"), false },
        { "XML 1.0 §2.2: ESC", KS_STR("a\x1b"), false },
        { "XML 1.0 §2.2: U+FFFE", KS_STR("\ufffe"), false },
        { "XML 1.0 §2.2: U+FFFF", KS_STR("\uffff"), false },
        { "RFC 3629 §3: a surrogate", KS_STR("\xed\xa0\x80"), false },
        { "RFC 3629 §3: a lone continuation byte", KS_STR("\x80"), false },
        { "RFC 3629 §3: an overlong form of two bytes", KS_STR("\xc1\xbf"), false },
        { "RFC 3629 §3: one of three", KS_STR("\xe0\x9f\xbf"), false },
        { "RFC 3629 §3: one of four", KS_STR("\xf0\x8f\xbf\xbf"), false },
        { "RFC 3629 §3: beyond Unicode", KS_STR("\xf4\x90\x80\x80"), false },
        { "RFC 3629 §3: five bytes", KS_STR("\xf8\x88\x80\x80\x80"), false },
        { "RFC 3629 §3: a sequence that is cut", KS_STR("\xe2\x82"), false },
        { "RFC 3629 §3: one with a letter inside",
            KS_STR("\xe2"
                   "a\x82"),
            false },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_row(ks_xml_text_ok(rows[i].text) == rows[i].want, rows[i].name, "?");
}

int main(void)
{
    ks_arena_init(&arena, 1 << 20);
    building();
    finding();
    text();
    moving();
    copies();
    limits();
    characters();
    ks_arena_done(&arena);
    return check_done();
}
