/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "enc.h"
#include "failmalloc.h"

static struct ks_arena arena;

/* The same text in the other alphabet, and without padding. */
static struct ks_str for_urls(struct ks_str base64)
{
    static char text[16];
    size_t len = ks_str_find_byte(base64, '=');

    assert(len <= sizeof text);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(base64.ptr[i] == '+' ? '-' : base64.ptr[i] == '/' ? '_' : base64.ptr[i]);
    return ks_str(text, len);
}

static void both_ways(void)
{
    static const struct {
        const char *name;
        struct ks_str bytes;
        const char *base64, *hex;
    } table[] = {
        { "RFC 4648 §10: nothing", { "", 0 }, "", "" },
        { "RFC 4648 §10: f", { "f", 1 }, "Zg==", "66" },
        { "RFC 4648 §10: fo", { "fo", 2 }, "Zm8=", "666f" },
        { "RFC 4648 §10: foo", { "foo", 3 }, "Zm9v", "666f6f" },
        { "RFC 4648 §10: foob", { "foob", 4 }, "Zm9vYg==", "666f6f62" },
        { "RFC 4648 §10: fooba", { "fooba", 5 }, "Zm9vYmE=", "666f6f6261" },
        { "RFC 4648 §10: foobar", { "foobar", 6 }, "Zm9vYmFy", "666f6f626172" },
        { "RFC 4648 §4: the last two characters of the alphabet", { "\xfb\xef\xbf", 3 }, "+++/", "fbefbf" },
        { "RFC 4648 §4: zeroes", { "\0\0\0\0", 4 }, "AAAAAA==", "00000000" },
        { "RFC 4648 §4: ones", { "\xff\xff", 2 }, "//8=", "ffff" },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        struct ks_str text = KS_STR_EMPTY, bytes = KS_STR_EMPTY;
        struct ks_buf buf;

        ks_buf_init(&buf, 100);
        ks_base64_add(&buf, table[i].bytes);
        check_str(table[i].name, ks_buf_str(&buf), ks_str_z(table[i].base64));
        check_err("enc.h: the same into an arena", ks_base64(&arena, table[i].bytes, &text), KS_OK);
        check_str("enc.h: gives the same text", text, ks_str_z(table[i].base64));
        check_err("enc.h: which is read", ks_base64_read(&arena, text, &bytes), KS_OK);
        check_str("enc.h: and gives the same bytes", bytes, table[i].bytes);
        ks_buf_reset(&buf);
        ks_base64url_add(&buf, table[i].bytes);
        check_str("RFC 4648 §5: for URLs", ks_buf_str(&buf), for_urls(text));
        check_err("RFC 4648 §5: is read", ks_base64url_read(&arena, ks_buf_str(&buf), &bytes), KS_OK);
        check_str("RFC 4648 §5: and gives the same bytes", bytes, table[i].bytes);
        ks_buf_reset(&buf);
        ks_hex_add(&buf, table[i].bytes);
        check_str("RFC 4648 §8: in lower case", ks_buf_str(&buf), ks_str_z(table[i].hex));
        check_err("RFC 4648 §8: hexadecimal is read", ks_hex_read(&arena, ks_buf_str(&buf), &bytes), KS_OK);
        check_str("RFC 4648 §8: and gives the same bytes", bytes, table[i].bytes);
        ks_buf_done(&buf);
    }

    /* Every byte at every place. */
    bool same = true;
    for (int byte = 0; byte < 256; byte++)
        for (size_t at = 0; at < 5; at++) {
            struct ks_str text, again;
            char bytes[5] = { 'a', 'b', 'c', 'd', 'e' };
            bytes[at] = (char)byte;
            same = same && ks_base64(&arena, ks_str(bytes, 5), &text) == KS_OK
                && ks_base64_read(&arena, text, &again) == KS_OK && ks_str_eq(again, ks_str(bytes, 5));
        }
    check_row(same, "RFC 4648 §4: every byte at every place comes back", "one does not");
}

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    } /* KS_STR is no constant to the compiler */

static void refusing(void)
{
    static const struct {
        const char *name;
        struct ks_str text;
    } base64[] = {
        { "RFC 4648 §3.5: bits behind the last byte, of one byte", TEXT("Zh==") },
        { "RFC 4648 §3.5: of two bytes", TEXT("Zm9=") },
        { "RFC 4648 §3.2: padding is missing", TEXT("Zg") },
        { "RFC 4648 §3.2: half of the padding is missing", TEXT("Zg=") },
        { "RFC 4648 §3.2: padding where none belongs", TEXT("Zm9v====") },
        { "RFC 4648 §3.2: nothing but padding", TEXT("====") },
        { "RFC 4648 §3.2: two characters of padding only", TEXT("==") },
        { "RFC 4648 §3.2: three characters of padding", TEXT("Z===") },
        { "RFC 4648 §3.3: padding inside", TEXT("Zg==Zm9v") },
        { "RFC 4648 §3.3: a character behind the padding", TEXT("Zg=v") },
        { "RFC 6120 §13.9.1: a blank", TEXT("Zm 9") },
        { "RFC 6120 §13.9.1: a line end", TEXT("Zm9v\r\n") },
        { "RFC 6120 §13.9.1: a line end that makes four", TEXT("Zm9vZm9\n") },
        { "RFC 4648 §5: the alphabet for URLs", TEXT("--__") },
        { "RFC 4648 §3.3: a zero", TEXT("Zm9\0") },
        { "RFC 4648 §3.3: a byte above ASCII", TEXT("Zm9\xff") },
        { "RFC 4648 §3.3: a single character", TEXT("Z") },
    }, urls[] = {
        { "RFC 4648 §5: padding, which RFC 7515 §2 leaves out", TEXT("Zg==") },
        { "RFC 4648 §5: the other alphabet", TEXT("+_") },
        { "RFC 4648 §5: both of its characters", TEXT("-/") },
        { "RFC 4648 §5: bits behind the last byte", TEXT("Zh") },
        { "RFC 4648 §5: a single character", TEXT("Z") },
        { "RFC 4648 §5: five characters", TEXT("Zm9vZ") },
        { "RFC 4648 §5: a blank", TEXT("Zm 9") },
        { "RFC 4648 §5: a zero", TEXT("Zm9\0") },
    }, hex[] = {
        { "RFC 4648 §8: half a byte", TEXT("a") },
        { "RFC 4648 §8: a letter too many", TEXT("0g") },
        { "RFC 4648 §8: in the first place too", TEXT("g0") },
        { "RFC 4648 §8: a blank", TEXT("a b ") },
        { "RFC 4648 §8: a prefix", TEXT("0x12") },
        { "RFC 4648 §8: what stands before the digits in ASCII", TEXT("//") },
        { "RFC 4648 §8: and behind them", TEXT("::") },
        { "RFC 4648 §8: a zero", TEXT("0\0") },
    };
    struct ks_str bytes = KS_STR("untouched");

    for (size_t i = 0; i < KS_COUNT(base64); i++)
        check_err(base64[i].name, ks_base64_read(&arena, base64[i].text, &bytes), KS_ESYNTAX);
    for (size_t i = 0; i < KS_COUNT(urls); i++)
        check_err(urls[i].name, ks_base64url_read(&arena, urls[i].text, &bytes), KS_ESYNTAX);
    for (size_t i = 0; i < KS_COUNT(hex); i++)
        check_err(hex[i].name, ks_hex_read(&arena, hex[i].text, &bytes), KS_ESYNTAX);
    check_str("enc.h: what is refused leaves the result alone", bytes, KS_STR("untouched"));
    check_err("RFC 4648 §8: capital letters are read", ks_hex_read(&arena, KS_STR("DEADbeef"), &bytes), KS_OK);
    check_str("RFC 4648 §8: as the same bytes", bytes, KS_STR("\xde\xad\xbe\xef"));
}

static void limits(void)
{
    struct ks_arena small;
    struct ks_str ret;
    struct ks_buf buf;

    ks_arena_init(&small, 16);
    check_err(
        "enc.h: base64 that passes the arena's limit", ks_base64(&small, ks_str("0123456789abc", 13), &ret), KS_ELIMIT);
    check_err("enc.h: bytes that pass it, from base64",
        ks_base64_read(&small, KS_STR("AAAAAAAAAAAAAAAAAAAAAAAA"), &ret), KS_ELIMIT);
    check_err("enc.h: and from hexadecimal", ks_hex_read(&small, KS_STR("0000000000000000000000000000000000"), &ret),
        KS_ELIMIT);
    ks_arena_done(&small);

    ks_buf_init(&buf, 8);
    ks_base64_add(&buf, KS_STR("foobar"));
    check_str("enc.h: base64 may fill a buffer", ks_buf_str(&buf), KS_STR("Zm9vYmFy"));
    ks_base64_add(&buf, KS_STR_EMPTY);
    check_err("enc.h: nothing fits into a full buffer", ks_buf_err(&buf), KS_OK);
    ks_hex_add(&buf, KS_STR("f"));
    check_err("enc.h: a byte does not", ks_buf_err(&buf), KS_ELIMIT);
    ks_buf_done(&buf);

    for (int which = 0; which < 3; which++) {
        ks_arena_init(&small, 1000);
        bool first = fail_nth(1);
        enum ks_err err = which == 0 ? ks_base64(&small, KS_STR("foo"), &ret)
            : which == 1             ? ks_base64_read(&small, KS_STR("Zm9v"), &ret)
                                     : ks_hex_read(&small, KS_STR("00"), &ret);
        check_row(
            first && fail_stop() && err == KS_ENOMEM, "enc.h: without memory it is KS_ENOMEM", "%s", ks_err_name(err));
        ks_arena_done(&small);
    }
}

int main(void)
{
    ks_arena_init(&arena, 1 << 20);
    both_ways();
    refusing();
    limits();
    ks_arena_done(&arena);
    return check_done();
}
