/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "clock.h"
#include "crypto.h"
#include "enc.h"
#include "failmalloc.h"
#include "ns.h"
#include "sce.h"
#include "xml_writer.h"

#define HEAD "<envelope xmlns='urn:xmpp:sce:1'>"
#define AFFIXES                                                                                           \
    "<time stamp='2026-11-22T02:10:13.042Z'/><from jid='anna@example.org'/><to jid='jonas@example.org'/>" \
    "<rpad>abc</rpad>"
#define BODY "<body xmlns='jabber:client'>hallo</body>"

static struct ks_arena arena;
static struct ks_prng prng;

static struct ks_sce make(size_t text_len, bool large)
{
    char *text = ks_arena_alloc(&arena, text_len);
    struct ks_sce sce = { .content = ks_sce_content(&arena),
        .has_time = true,
        .wall_ms = 1795313413042,
        .from = KS_STR("anna@example.org"),
        .to = KS_STR("o'neill@example.org"),
        .large = large };

    memset(text, 'x', text_len);
    ks_xml_add_text(&arena, sce.content, NS_CLIENT, "body", ks_str(text, text_len));
    return sce;
}

static void test_write(void)
{
    static const struct {
        const char *name;
        size_t text_len;
        bool large;
        size_t want;
    } rows[] = {
        { "an empty text measures 1 KiB", 0, false, 1024 },
        { "a short text measures 1 KiB", 100, false, 1024 },
        { "a longer one 2 KiB", 1024, false, 2048 },
        { "4 KiB", 2048, false, 4096 },
        { "8 KiB", 4096, false, 8192 },
        { "16 KiB", 8192, false, 16384 },
        { "32 KiB", 24 * 1024, false, 32768 },
        { "what does not fit 32 KiB is a limit", 32 * 1024, false, 0 },
        { "but a resend may measure 64 KiB", 48 * 1024, true, 65536 },
        { "and no more", 64 * 1024, true, 0 },
    };
    struct ks_sce sce, back;
    struct ks_buf buf;
    size_t smallest_gap = SIZE_MAX;
    bool exact = true;

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        enum ks_err err;

        ks_buf_init(&buf, 100000);
        sce = make(rows[i].text_len, rows[i].large);
        err = ks_sce_write(&sce, &prng, &buf);
        check_row(err == (rows[i].want ? KS_OK : KS_ELIMIT) && buf.len == rows[i].want, rows[i].name, "%s, %zu bytes",
            ks_err_name(err), buf.len);
        ks_buf_done(&buf);
    }
    /* Around the border of a size no length slips through. */
    for (size_t len = 700; len < 900; len++) {
        ks_buf_init(&buf, 100000);
        sce = make(len, false);
        if (ks_sce_write(&sce, &prng, &buf) != KS_OK || (buf.len != 1024 && buf.len != 2048)
            || ks_sce_read(&arena, ks_buf_str(&buf), &back) != KS_OK)
            exact = false;
        else if (buf.len == 1024) {
            size_t start = ks_str_find(ks_buf_str(&buf), KS_STR("<rpad>")), gap = buf.len - start - 6 - 18;

            smallest_gap = gap < smallest_gap ? gap : smallest_gap;
        }
        ks_buf_done(&buf);
    }
    check_row(exact && smallest_gap == 0, "every length fills its size exactly, with no padding at the border too",
        "smallest padding %zu", smallest_gap);

    ks_buf_init(&buf, 100000);
    sce = make(20, false);
    ks_xml_add(&arena, sce.content, "urn:example:new", "unheard-of");
    check_err("an envelope is written", ks_sce_write(&sce, &prng, &buf), KS_OK);
    check_row(ks_str_starts(ks_buf_str(&buf),
                  KS_STR(HEAD "<content><body xmlns='jabber:client'>xxxxxxxxxxxxxxxxxxxx</body>"
                              "<unheard-of xmlns='urn:example:new'/></content>"
                              "<time stamp='2026-11-22T02:10:13.042Z'/><from jid='anna@example.org'/>"
                              "<to jid='o&apos;neill@example.org'/><rpad>"))
            && ks_str_ends(ks_buf_str(&buf), KS_STR("</rpad></envelope>")),
        "XEP-0420 §3: content, and the four affixes of the profile", "%.*s", KS_STR_FMT(ks_buf_str(&buf)));
    check_err("it is read again", ks_sce_read(&arena, ks_buf_str(&buf), &back), KS_OK);
    check_row(back.has_time && back.wall_ms == sce.wall_ms && ks_str_eq(back.from, sce.from)
            && ks_str_eq(back.to, sce.to) && !back.large,
        "with the same affixes", "time %lld", (long long)back.wall_ms);
    check_row(
        ks_xml_child(back.content, "urn:example:new", "unheard-of") && ks_xml_child(back.content, NS_CLIENT, "body"),
        "unknown content is kept", "it is not");
    ks_buf_done(&buf);
}

static void test_read(void)
{
    static const struct {
        const char *name, *bytes;
        enum ks_err want;
    } rows[] = {
        { "an envelope as in the XEP is read", HEAD "<content>" BODY "</content>" AFFIXES "</envelope>", KS_OK },
        { "affixes may stand before content", HEAD AFFIXES "<content>" BODY "</content></envelope>", KS_OK },
        { "affixes may be missing", HEAD "<content>" BODY "</content></envelope>", KS_OK },
        { "content may be empty", HEAD "<content/>" AFFIXES "</envelope>", KS_OK },
        { "unknown affixes are ignored", HEAD "<content/><mood xmlns='urn:x'/><other/></envelope>", KS_OK },
        { "prefixes are names like any", "<s:envelope xmlns:s='urn:xmpp:sce:1'><s:content/></s:envelope>", KS_OK },
        { "content must be there", HEAD AFFIXES "</envelope>", KS_ESYNTAX },
        { "content of another namespace is none", HEAD "<content xmlns='urn:x'/></envelope>", KS_ESYNTAX },
        { "content twice is refused", HEAD "<content/><content/></envelope>", KS_ESYNTAX },
        { "time twice is refused",
            HEAD "<content/><time stamp='2026-11-22T02:10:13Z'/><time stamp='2026-11-22T02:10:13Z'/></envelope>",
            KS_ESYNTAX },
        { "from twice is refused", HEAD "<content/><from jid='a@b'/><from jid='c@d'/></envelope>", KS_ESYNTAX },
        { "to twice is refused", HEAD "<content/><to jid='a@b'/><to jid='c@d'/></envelope>", KS_ESYNTAX },
        { "rpad twice is refused", HEAD "<content/><rpad/><rpad/></envelope>", KS_ESYNTAX },
        { "from without a jid is refused", HEAD "<content/><from/></envelope>", KS_ESYNTAX },
        { "an empty jid is refused", HEAD "<content/><to jid=''/></envelope>", KS_ESYNTAX },
        { "a stamp that is no DateTime is refused", HEAD "<content/><time stamp='today'/></envelope>", KS_ESYNTAX },
        { "another root is no envelope", "<body xmlns='jabber:client'>hi</body>", KS_ESYNTAX },
        { "another namespace is no envelope", "<envelope xmlns='urn:xmpp:sce:0'><content/></envelope>", KS_ESYNTAX },
        { "XEP-0420 §8: what is not XML is refused", HEAD "<content>", KS_ESYNTAX },
        { "a second root is refused", HEAD "<content/></envelope><x/>", KS_ESYNTAX },
        { "a DTD is refused", "<!DOCTYPE x [<!ENTITY a 'b'>]>" HEAD "<content/></envelope>", KS_ESYNTAX },
        { "nothing is refused", "", KS_ESYNTAX },
    };
    struct ks_sce sce;
    struct ks_buf buf;

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(rows[i].name, ks_sce_read(&arena, ks_str_z(rows[i].bytes), &sce), rows[i].want);

    check_err("elements for servers do not spoil an envelope",
        ks_sce_read(&arena,
            KS_STR(
                HEAD "<content><store xmlns='urn:xmpp:hints'/>" BODY "<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='x'/>"
                     "<origin-id xmlns='urn:xmpp:sid:0' id='2'/><encryption xmlns='urn:xmpp:eme:0'/>"
                     "<addresses xmlns='http://jabber.org/protocol/address'/></content></envelope>"),
            &sce),
        KS_OK);
    check_row(ks_xml_child(sce.content, NS_CLIENT, "body") && ks_xml_child(sce.content, NS_SID, "origin-id")
            && !ks_xml_next(ks_xml_child(sce.content, NULL, NULL)->next, NULL, NULL),
        "XEP-0420 §4: but are dropped from it", "one is left");

    /* Limits. */
    for (int over = 0; over < 2; over++) {
        ks_buf_init(&buf, 1000000);
        ks_buf_z(&buf, HEAD "<content>");
        for (int i = 0; i < KS_SCE_ELEMENTS_MAX + over; i++)
            ks_buf_z(&buf, "<x xmlns='urn:x'/>");
        ks_buf_z(&buf, "</content></envelope>");
        check_err(over ? "65 elements are a limit" : "64 elements are read",
            ks_sce_read(&arena, ks_buf_str(&buf), &sce), over ? KS_ELIMIT : KS_OK);
        ks_buf_reset(&buf);
        ks_buf_z(&buf, HEAD "<content>");
        for (int i = 0; i < KS_SCE_DEPTH_MAX + over; i++)
            ks_buf_z(&buf, "<x>");
        for (int i = 0; i < KS_SCE_DEPTH_MAX + over; i++)
            ks_buf_z(&buf, "</x>");
        ks_buf_z(&buf, "</content></envelope>");
        check_err(over ? "a depth of 17 is a limit" : "a depth of 16 is read",
            ks_sce_read(&arena, ks_buf_str(&buf), &sce), over ? KS_ELIMIT : KS_OK);
        ks_buf_reset(&buf);
        ks_buf_z(&buf, HEAD "<content/><rpad>");
        while (buf.len < KS_SCE_RESEND_MAX + (size_t)over - 18)
            ks_buf_byte(&buf, 'x');
        ks_buf_z(&buf, "</rpad></envelope>");
        check_err(over ? "a byte over 64 KiB is a limit" : "64 KiB are read",
            ks_sce_read(&arena, ks_buf_str(&buf), &sce), over ? KS_ELIMIT : KS_OK);
        if (!over)
            check_row(sce.large, "and said to be large", "not");
        ks_buf_done(&buf);
    }
}

static void test_hash(void)
{
    uint8_t hash[KS_SCE_HASH_LEN];
    struct ks_buf hex;

    ks_sce_hash(KS_STR("<envelope/>"), hash);
    ks_buf_init(&hex, 100);
    ks_hex_add(&hex, ks_str(hash, sizeof hash));
    /* printf 'konsil/0 envelope\n<envelope/>' | sha256sum */
    check_str("an envelope's hash is SHA-256 behind its purpose", ks_buf_str(&hex),
        KS_STR("af0f82b296a740fee87bd188984b4b523fe5d3223640b40632e86c75f25dedec"));
    ks_buf_done(&hex);
}

static void test_no_memory(void)
{
    struct ks_sce sce = make(3000, false), back;
    struct ks_str bytes;
    struct ks_buf buf;
    bool ok = true;
    int rounds = 0;

    for (int n = 1; fail_nth(n); n++, rounds++) {
        enum ks_err err;
        bool struck;

        ks_buf_init(&buf, 100000);
        err = ks_sce_write(&sce, &prng, &buf);
        struck = fail_stop();
        ok = ok && err == (struck ? KS_ENOMEM : KS_OK) && (struck ? buf.len == 0 : buf.len == 4096);
        if (!struck && ks_arena_copy(&arena, ks_buf_str(&buf), &bytes) != KS_OK)
            ok = false;
        ks_buf_done(&buf);
    }
    check_row(ok && rounds > 1, "without memory nothing is written", "after %d", rounds);
    rounds = 0;
    for (int n = 1; ok && fail_nth(n); n++, rounds++) {
        struct ks_arena small;
        enum ks_err err;
        bool struck;

        ks_arena_init(&small, 1024 * 1024);
        err = ks_sce_read(&small, bytes, &back);
        struck = fail_stop();
        ok = ok && err == (struck ? KS_ENOMEM : KS_OK) && (err || ks_xml_child(back.content, NS_CLIENT, "body"));
        ks_arena_done(&small);
    }
    check_row(ok && rounds > 1, "without memory nothing is read", "after %d", rounds);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_arena_init(&arena, 16 * 1024 * 1024);
    ks_prng_init_number(&prng, 1);
    test_write();
    test_read();
    test_hash();
    test_no_memory();
    ks_arena_done(&arena);
    return check_done();
}
