/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* XEP-0447, XEP-0448, XEP-0454: a file in a message. */
#include "file_share.h"

#include "check.h"
#include "ns.h"
#include "xml_reader.h"
#include "xml_writer.h"

static struct ks_arena arena;

/* XEP-0448 §3.1, with its first hash in SHA-256 and without the source that is no URL. */
#define EXAMPLE_1                                                                                                     \
    "<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'><media-type>image/jpeg</media-type>" \
    "<name>summit.jpg</name><size>3032449</size><dimension>4096x2160</dimension>"                                     \
    "<hash xmlns='urn:xmpp:hashes:2' algo='sha3-256'>2XarmwTlNxDAMkvymloX3S5+VbylNrJt/l5QyPa+YoU=</hash>"             \
    "<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>2XarmwTlNxDAMkvymloX3S5+VbylNrJt/l5QyPa+YoU=</hash>"              \
    "<desc>Photo from the summit.</desc></file><sources>"
#define EXAMPLE_2                                                                                         \
    "<encrypted xmlns='urn:xmpp:esfs:0' cipher='urn:xmpp:ciphers:aes-256-gcm-nopadding:0'>"               \
    "<key>SuRJ2agVm/pQbJQlPq/B23Xt1YOOJCcEGJA5HrcYOGQ=</key><iv>T8RDMBaiqn6Ci4Nw</iv>"                    \
    "<hash xmlns='urn:xmpp:hashes:2' algo='sha3-256'>BgKI2gp2kNCRsARNvhFmw5kFf9BBo2pTbV2D8XHTMWI=</hash>" \
    "<sources xmlns='urn:xmpp:sfs:0'><url-data xmlns='http://jabber.org/protocol/url-data' "              \
    "target='https://download.montague.lit/4a771ac1/encrypted.jpg'/></sources></encrypted></sources></file-sharing>"

static enum ks_err read(const char *text, struct ks_file_share *ret_file)
{
    struct ks_xml *xml = NULL;

    if (ks_xml_read(&arena, ks_str_z(text), KS_STR(NS_CLIENT), KS_STR_EMPTY, &xml) != KS_OK)
        return KS_ESTATE;
    return ks_file_share_read(&arena, xml, ret_file);
}

static struct ks_file_share example(void)
{
    struct ks_file_share file = { .id = KS_STR("f1"),
        .name = KS_STR("Befund \"Müller\" <1> & mehr.pdf"),
        .type = KS_STR("application/pdf"),
        .url = KS_STR("https://klinik.example:5443/files/0123/file.pdf"),
        .thumbnail = KS_STR("\x89PNG-so-klein"),
        .thumbnail_type = KS_STR("image/png"),
        .width = 4096,
        .height = 2160,
        .marks = { .bytes = 3032449, .has_sha256 = true, .has_sealed_sha256 = true } };

    for (size_t i = 0; i < 32; i++) {
        file.secret.key[i] = (uint8_t)i;
        file.marks.sha256[i] = (uint8_t)(100 + i);
        file.marks.sealed_sha256[i] = (uint8_t)(200 + i);
    }
    memset(file.secret.nonce, 0xab, sizeof file.secret.nonce);
    return file;
}

static bool same(const struct ks_file_share *a, const struct ks_file_share *b)
{
    return ks_str_eq(a->id, b->id) && ks_str_eq(a->name, b->name) && ks_str_eq(a->type, b->type)
        && ks_str_eq(a->url, b->url) && ks_str_eq(a->thumbnail, b->thumbnail)
        && ks_str_eq(a->thumbnail_type, b->thumbnail_type) && a->width == b->width && a->height == b->height
        && memcmp(&a->secret, &b->secret, sizeof a->secret) == 0 && a->marks.bytes == b->marks.bytes
        && memcmp(a->marks.sha256, b->marks.sha256, 32) == 0
        && memcmp(a->marks.sealed_sha256, b->marks.sealed_sha256, 32) == 0 && a->marks.has_sha256 == b->marks.has_sha256
        && a->marks.has_sealed_sha256 == b->marks.has_sealed_sha256;
}

static void test_there_and_back(void)
{
    struct ks_xml *content = ks_xml_new(&arena, "urn:xmpp:sce:1", "content");
    struct ks_file_share file = example(), got;
    struct ks_xml *sharing = ks_file_share_write(&arena, content, &file);
    struct ks_buf text;

    ks_buf_init(&text, 65536);
    ks_xml_write(&text, sharing, KS_STR(NS_CLIENT));
    ks_buf_byte(&text, 0);
    check_row(read(text.ptr, &got) == KS_OK && same(&file, &got),
        "XEP-0447 §4.1, XEP-0448 §3.1: a file reads as written", "%s", text.ptr);
    ks_buf_done(&text);
}

static void test_reading(void)
{
    static const struct {
        const char *name, *text;
        bool good;
    } rows[] = {
        { "XEP-0448 §3.1: its example is a file, without a hash of the sealed bytes that we know", EXAMPLE_1 EXAMPLE_2,
            true },
        { "without a source it cannot be fetched", EXAMPLE_1 "</sources></file-sharing>", false },
        { "a source without encryption is none of ours",
            EXAMPLE_1
            "<url-data xmlns='http://jabber.org/protocol/url-data' target='https://a/b'/></sources></file-sharing>",
            false },
        { "another cipher is none of ours",
            EXAMPLE_1 "<encrypted xmlns='urn:xmpp:esfs:0' cipher='urn:xmpp:ciphers:aes-256-cbc-pkcs7:0'>"
                      "<key>SuRJ2agVm/pQbJQlPq/B23Xt1YOOJCcEGJA5HrcYOGQ=</key><iv>T8RDMBaiqn6Ci4Nw</iv></encrypted>"
                      "</sources></file-sharing>",
            false },
        { "another element is none", "<x xmlns='urn:xmpp:sfs:0'/>", false },
    };
    static const struct {
        const char *name, *what, *with;
    } changes[] = {
        { "XEP-0448 §3.1: the size is required", "<size>3032449</size>", "" },
        { "a size that is no number is none", "3032449", "-3" },
        { "a size past every file is refused", "3032449", "99999999999999" },
        { "XEP-0448 §3.1: a hash is required", "algo='sha-256'", "algo='md5'" },
        { "a key that is too short is refused", "SuRJ2agVm/pQbJQlPq/B23Xt1YOOJCcEGJA5HrcYOGQ=", "SuRJ2agVm/o=" },
        { "a nonce of another length is refused", "T8RDMBaiqn6Ci4Nw", "T8RDMBaiqn6Ci4NwAAAA" },
        { "an address that is not https is refused", "https://download", "http://download" },
        { "so is a local one", "https://download.montague.lit", "file:///etc" },
        { "an address with a blank is refused", "/encrypted.jpg", "/a b" },
        { "an address with the end of a line is refused", "/encrypted.jpg", "/a&#13;&#10;X: y" },
        { "a name with a control character is refused", "summit.jpg", "summit&#10;.jpg" },
        { "so is one of the second kind (C1)", "summit.jpg", "summit&#x9b;2J.jpg" },
    };
    struct ks_file_share got;

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        enum ks_err err = read(rows[i].text, &got);
        check_row(err == (rows[i].good ? KS_OK : KS_ESYNTAX), rows[i].name, "%s", ks_err_name(err));
    }
    for (size_t i = 0; i < KS_COUNT(changes); i++) {
        char text[4096];
        const char *all = EXAMPLE_1 EXAMPLE_2, *at = strstr(all, changes[i].what);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - all), all, changes[i].with, at + strlen(changes[i].what));
        enum ks_err err = read(text, &got);
        check_row(err == KS_ESYNTAX, changes[i].name, "%s", ks_err_name(err));
    }
}

/* What people are shown, and what a disk gets. */
static void test_names(void)
{
    static const struct {
        const char *name, *said, *shown, *saved;
    } rows[] = {
        { "control: letters of any script stay", "r\u00f6ntgen \u0627\u0644.jpg", "r\u00f6ntgen \u0627\u0644.jpg",
            "r\u00f6ntgen \u0627\u0644.jpg" },
        { "UAX 9: an override that would show another ending is dropped", "x\u202egpj.exe", "xgpj.exe", "xgpj.exe" },
        { "so is an isolate", "x\u2067gpj\u2069.exe", "xgpj.exe", "xgpj.exe" },
        { "so are the marks U+061C, U+200E and U+200F", "\u061ca\u200eb\u200f.pdf", "ab.pdf", "ab.pdf" },
        { "and the ends of lines and paragraphs", "a\u2028b\u2029.pdf", "ab.pdf", "ab.pdf" },
        { "a name of marks alone is none", "\u202e\u202c", "", "file.bin" },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        char text[4096];
        const char *all = EXAMPLE_1 EXAMPLE_2, *at = strstr(all, "summit.jpg");
        struct ks_file_share got = { .width = 0 };
        struct ks_str saved = KS_STR("");
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - all), all, rows[i].said, at + strlen("summit.jpg"));
        check_row(read(text, &got) == KS_OK && ks_str_is(got.name, rows[i].shown)
                && ks_file_name_harmless(&arena, ks_str_z(rows[i].said), &saved) == KS_OK
                && ks_str_is(saved, rows[i].saved),
            rows[i].name, "\"%.*s\", \"%.*s\"", KS_STR_FMT(got.name), KS_STR_FMT(saved));
    }
    struct ks_str saved = KS_STR("");
    check_row(ks_file_name_harmless(&arena,
                  KS_STR("a\x1b[2J\xc2\x9b"
                         "b\x7f.txt"),
                  &saved)
                == KS_OK
            && ks_str_is(saved, "a[2Jb.txt"),
        "what a disk gets has no control characters, whatever was said", "%.*s", KS_STR_FMT(saved));
}

static void test_uri(void)
{
    static const char *const bad[] = {
        "https://a.example/x#"
        "00",
        "aesgcm://a.example/x",
        "aesgcm://a.example/x#zz",
        "aesgcm://a.example/x#000102030405060708090a0b000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g",
        "sieh: "
        "aesgcm://a.example/x#abababababababababababab000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "aesgcm://a b/x#abababababababababababab000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    };
    struct ks_file_share file = example(), got;
    struct ks_str uri = KS_STR("");
    size_t taken = 0;

    check_row(ks_file_share_uri(&arena, &file, &uri) == KS_OK
            && ks_str_is(uri,
                "aesgcm://klinik.example:5443/files/0123/file.pdf#abababababababababababab"
                "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
        "XEP-0454 §3: the nonce of 12 bytes, then the key, in hexadecimal", "%.*s", KS_STR_FMT(uri));
    check_row(ks_file_share_uri_read(&arena, uri, &got) == KS_OK && ks_str_eq(got.url, file.url)
            && memcmp(&got.secret, &file.secret, sizeof got.secret) == 0,
        "and back", "%.*s", KS_STR_FMT(got.url));
    for (size_t i = 0; i < KS_COUNT(bad); i++)
        taken += ks_file_share_uri_read(&arena, ks_str_z(bad[i]), &got) == KS_OK;
    check_row(taken == 0, "what is not that alone is a text as any other", "%zu", taken);
}

int main(void)
{
    ks_arena_init(&arena, 4 << 20);
    test_there_and_back();
    test_reading();
    test_names();
    test_uri();
    ks_arena_done(&arena);
    return check_done();
}
