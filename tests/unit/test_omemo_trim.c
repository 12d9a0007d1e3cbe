/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* doc/PROTOCOL.md §3.2: what of a header goes to whom. */
#include "check.h"
#include "ns.h"
#include "omemo_trim.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define ANNA "<keys jid='anna@x'><key rid='1'>A1</key><key rid='2'>A2</key></keys>"
#define JONAS "<keys jid='jonas@x'><key rid='3'>J3</key></keys>"
#define NEW(keys)                                                    \
    "<message><encrypted xmlns='" NS_OMEMO "'><header sid='9'>" keys \
    "</header><payload>p</payload></encrypted></message>"
#define OLD(keys)                                                      \
    "<message><encrypted xmlns='" NS_AXOLOTL "'><header sid='9'>" keys \
    "<iv>i</iv></header><payload>p</payload></encrypted></message>"
#define LIST "<list xmlns='" NS_AXOLOTL "'><device id='1'/><device id='21'/></list>"

static const struct {
    const char *name, *text, *bare, *devices, *want;
} rows[] = {
    { "PROTOCOL §3.2: an account gets its own keys", NEW(ANNA JONAS), "jonas@x", "", NEW(JONAS) },
    { "PROTOCOL §3.2: all of them", NEW(JONAS ANNA), "anna@x", "", NEW(ANNA) },
    { "PROTOCOL §3.2: who is not addressed gets none", NEW(ANNA JONAS), "clara@x", "", NEW("") },
    { "an account that stands there twice gets both", NEW(JONAS ANNA JONAS), "jonas@x", "", NEW(JONAS JONAS) },
    { "RFC 7622: an address in capitals is the same account", NEW("<keys jid='Anna@X'/>" JONAS), "anna@x", "",
        NEW("<keys jid='Anna@X'/>") },
    { "PROTOCOL §3.2: of the older OMEMO the devices of the list",
        OLD("<key rid='1'>a</key><key prekey='true' rid='2'>b</key><key rid='21'>c</key>"), "anna@x", LIST,
        OLD("<key rid='1'>a</key><key rid='21'>c</key>") },
    { "PROTOCOL §3.2: all are when the account has no list", OLD("<key rid='1'>a</key><key rid='2'>b</key>"), "anna@x",
        "", OLD("<key rid='1'>a</key><key rid='2'>b</key>") },
    { "what begins like an id is another one", OLD("<key rid='2'>a</key><key rid='211'>b</key>"), "anna@x", LIST,
        OLD("") },
    { "a header without keys stays", NEW(""), "anna@x", "", NEW("") },
    { "one with a single account's stays", NEW(ANNA), "jonas@x", "", NEW(ANNA) },
    { "a message that is not encrypted stays", "<message><body>&lt;keys jid='anna@x'/></body></message>", "jonas@x", "",
        "<message><body>&lt;keys jid='anna@x'/></body></message>" },
    { "keys without an address stay as they are", NEW("<keys to='anna@x'/>" JONAS), "anna@x", "",
        NEW("<keys to='anna@x'/>" JONAS) },
    { "keys of another namespace stay as they are",
        NEW("<keys xmlns='urn:x' jid='anna@x'/><keys xmlns='urn:x' jid='jonas@x'/>"), "anna@x", "",
        NEW("<keys xmlns='urn:x' jid='anna@x'/><keys xmlns='urn:x' jid='jonas@x'/>") },
};

static void test_text(struct ks_arena *arena)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_str parts[KS_OMEMO_TRIM_PARTS_MAX], got;
        struct ks_omemo_trim trim;
        ks_omemo_trim_read(arena, ks_str_z(rows[i].text), &trim);
        size_t count = ks_omemo_trim_parts(&trim, ks_str_z(rows[i].bare), ks_str_z(rows[i].devices), parts);
        check_row(ks_arena_join(arena, parts, count, &got) == KS_OK && ks_str_is(got, rows[i].want), rows[i].name,
            "%.*s", KS_STR_FMT(got));
    }
}

/* A tree is cut as its text is; but for what a tree has no doubt about. */
static void test_tree(struct ks_arena *arena)
{
    for (size_t i = 0; i < 8; i++) {
        struct ks_xml *xml, *cut;
        struct ks_buf buf;
        ks_buf_init(&buf, 65536);
        if (ks_xml_read(arena, ks_str_z(rows[i].text), KS_STR(NS_CLIENT), KS_STR_EMPTY, &xml) == KS_OK
            && (cut = ks_omemo_trim_tree(arena, xml, ks_str_z(rows[i].bare), ks_str_z(rows[i].devices))))
            ks_xml_write(&buf, cut, KS_STR(NS_CLIENT));
        struct ks_str got = ks_buf_str(&buf), want = ks_str_z(rows[i].want);
        size_t empty = ks_str_find(want, KS_STR("></header>"));
        bool same =
            ks_str_eq(got, want) || (empty < want.len && ks_str_find(got, KS_STR("<header sid='9'/>")) < got.len);
        check_row(same, rows[i].name, "%.*s", KS_STR_FMT(got));
        ks_buf_done(&buf);
    }
}

/* 500 members with three devices: what one recipient is sent, and that the rest of the text is whole. */
static void test_many(struct ks_arena *arena)
{
    struct ks_str parts[KS_OMEMO_TRIM_PARTS_MAX];
    struct ks_omemo_trim trim;
    struct ks_buf buf;
    size_t count, sent = 0;

    ks_buf_init(&buf, 1u << 20);
    ks_buf_z(&buf, " from='r@x/a'><encrypted xmlns='" NS_OMEMO "'><header sid='9'>");
    for (unsigned i = 0; i < 500; i++) {
        ks_buf_printf(&buf, "<keys jid='u%u@x'>", i);
        for (unsigned k = 0; k < 3; k++)
            ks_buf_printf(&buf, "<key rid='%u'>%0100u</key>", 3 * i + k, i);
        ks_buf_z(&buf, "</keys>");
    }
    ks_buf_printf(&buf, "</header><payload>%01500u</payload></encrypted></message>", 0);
    ks_omemo_trim_read(arena, ks_buf_str(&buf), &trim);
    count = ks_omemo_trim_parts(&trim, KS_STR("u250@x"), KS_STR_EMPTY, parts);
    for (size_t i = 0; i < count; i++)
        sent += parts[i].len;
    check_row(count == 3 && sent <= 3072 && buf.len > 150000, "500 members with three devices: at most 3 KB to each",
        "%zu of %zu bytes in %zu parts", sent, buf.len, count);
    ks_buf_done(&buf);
}

int main(void)
{
    struct ks_arena arena;

    ks_arena_init(&arena, 16u << 20);
    test_text(&arena);
    test_tree(&arena);
    test_many(&arena);
    ks_arena_done(&arena);
    return check_done();
}
