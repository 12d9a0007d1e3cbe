/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "buf.h"
#include "check.h"
#include "failmalloc.h"

/* Each way to write, in one buffer. */
static void write_all(struct ks_buf *buf)
{
    ks_buf_add(buf, KS_STR("add "));
    ks_buf_byte(buf, 0xff);
    ks_buf_z(buf, " z ");
    ks_buf_z(buf, NULL);
    ks_buf_u64_dec(buf, 0);
    ks_buf_u64_dec(buf, UINT64_MAX);
    ks_buf_printf(buf, " %d%s", -7, "x");
    ks_buf_u16(buf, 0x0102);
    ks_buf_u32(buf, 0x03040506);
    ks_buf_u64(buf, 0x0708090a0b0c0d0e);
    ks_buf_field(buf, KS_STR("field"));
    ks_buf_field(buf, KS_STR_EMPTY);
    char *room = ks_buf_room(buf, 3);
    if (room)
        memcpy(room, "end", 3);
    size_t there;
    room = ks_buf_reserve(buf, 4, &there);
    if (room) {
        memset(room, '-', there);
        memcpy(room, "tail", 4);
        ks_buf_wrote(buf, 4);
    }
}

#define ALL                                \
    "add \xff z 018446744073709551615 -7x" \
    "\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\0\0\0\5field\0\0\0\0endtail"

static void writing(void)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 1000);
    check_row(ks_buf_str(&buf).len == 0, "buf.h: a new buffer is empty", "it is not");
    write_all(&buf);
    check_err("buf.h: all kinds of writes fit", ks_buf_err(&buf), KS_OK);
    check_str("buf.h: and stand there in order, numbers big-endian", ks_buf_str(&buf), KS_STR(ALL));

    ks_buf_drop(&buf, 4);
    check_row(ks_str_starts(ks_buf_str(&buf), KS_STR("\xff z")), "buf.h: what is dropped is gone from the front", "-");
    ks_buf_drop(&buf, 0);
    ks_buf_drop(&buf, buf.len);
    check_row(ks_buf_str(&buf).len == 0, "buf.h: all of it can be dropped", "%zu bytes are left", buf.len);
    ks_buf_z(&buf, "again");
    check_str("buf.h: and written again", ks_buf_str(&buf), KS_STR("again"));
    ks_buf_reset(&buf);
    check_row(buf.len == 0 && buf.cap > 0, "buf.h: a reset keeps the memory", "cap %zu", buf.cap);
    ks_buf_done(&buf);
    ks_buf_done(&buf);
    ks_buf_z(&buf, "once more");
    check_str("buf.h: after done it may be used again", ks_buf_str(&buf), KS_STR("once more"));
    ks_buf_done(&buf);

    /* Many times the first capacity, byte by byte: nothing is lost where memory moves. */
    ks_buf_init(&buf, 5000);
    bool kept = true;
    for (int i = 0; i < 5000; i++)
        ks_buf_byte(&buf, (uint8_t)(i * 7));
    for (int i = 0; i < 5000; i++)
        kept = kept && (uint8_t)buf.ptr[i] == (uint8_t)(i * 7);
    check_row(kept && buf.len == 5000 && !buf.err, "buf.h: growing keeps the bytes", "%zu bytes", buf.len);
    ks_buf_done(&buf);
}

static void limits(void)
{
    static const struct {
        const char *name;
        size_t bytes_max;
        const char *texts[3];
        const char *want;
        enum ks_err err;
    } table[] = {
        { "buf.h: the limit itself may be reached", 8, { "1234", "5678", NULL }, "12345678", KS_OK },
        { "buf.h: one byte more may not", 8, { "1234", "56789", NULL }, "1234", KS_ELIMIT },
        { "buf.h: after a failure nothing is written, though it would fit", 8, { "1234", "56789", "5" }, "1234",
            KS_ELIMIT },
        { "buf.h: nothing fits into a full buffer", 4, { "1234", "", NULL }, "1234", KS_OK },
        { "buf.h: with no room not one byte", 0, { "1", NULL, NULL }, "", KS_ELIMIT },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++)
        for (int way = 0; way < 4; way++) {
            struct ks_buf buf;
            ks_buf_init(&buf, table[i].bytes_max);
            for (size_t at = 0; at < 3 && table[i].texts[at]; at++) {
                struct ks_str text = ks_str_z(table[i].texts[at]);
                size_t there;
                char *room;
                if (way == 0)
                    ks_buf_add(&buf, text);
                else if (way == 1)
                    ks_buf_printf(&buf, "%s", table[i].texts[at]);
                else if (way == 2 && (room = ks_buf_room(&buf, text.len)) && text.len)
                    memcpy(room, text.ptr, text.len);
                else if (way == 3 && (room = ks_buf_reserve(&buf, text.len, &there)) && there >= text.len) {
                    memset(room, '-', there);
                    memcpy(room, text.ptr, text.len);
                    ks_buf_wrote(&buf, text.len);
                }
            }
            check_row(ks_buf_err(&buf) == table[i].err && ks_str_is(ks_buf_str(&buf), table[i].want), table[i].name,
                "by %s: %s, %zu bytes",
                way == 0       ? "add"
                    : way == 1 ? "printf"
                    : way == 2 ? "room"
                               : "reserve",
                ks_err_name(buf.err), buf.len);
            ks_buf_reset(&buf);
            check_err("buf.h: a reset forgets the failure", ks_buf_err(&buf), KS_OK);
            ks_buf_done(&buf);
        }

    struct ks_buf buf;
    ks_buf_init(&buf, 100);
    ks_buf_z(&buf, "x");
    check_row(!ks_buf_room(&buf, SIZE_MAX) && ks_buf_err(&buf) == KS_ELIMIT,
        "buf.h: room for all of memory is over the limit", "%s", ks_err_name(buf.err));
    ks_buf_done(&buf);
}

static void reserving(void)
{
    struct ks_buf buf;
    size_t there;

    ks_buf_init(&buf, 100);
    ks_buf_z(&buf, "text");
    char *room = ks_buf_reserve(&buf, 10, &there);
    check_row(room && there >= 10 && there == buf.cap - buf.len && there <= 96,
        "buf.h: what is reserved is all the room there is", "%zu bytes", there);
    check_str("buf.h: and no part of the text before it is written", ks_buf_str(&buf), KS_STR("text"));
    if (room) {
        memset(room, '-', there);
        ks_buf_wrote(&buf, 0);
    }
    check_str("buf.h: nor is it when nothing was", ks_buf_str(&buf), KS_STR("text"));
    check_row(ks_buf_reserve(&buf, 96, &there) && there == 96, "buf.h: room up to the limit", "%zu bytes", there);
    check_row(!ks_buf_reserve(&buf, 97, &there) && there == 0 && ks_buf_err(&buf) == KS_ELIMIT,
        "buf.h: one byte more than the limit leaves no room at all", "%zu bytes", there);
    check_row(
        !ks_buf_reserve(&buf, 1, &there) && there == 0, "buf.h: nor is there any after a failure", "%zu bytes", there);
    check_str("buf.h: and the text stays", ks_buf_str(&buf), KS_STR("text"));
    ks_buf_done(&buf);

    int rounds = 0;
    for (int n = 1; fail_nth(n); n++) {
        ks_buf_init(&buf, 1000);
        ks_buf_z(&buf, "text");
        there = 1;
        room = ks_buf_reserve(&buf, 500, &there);
        if (fail_stop()) {
            check_row(!room && there == 0 && ks_buf_err(&buf) == KS_ENOMEM, "buf.h: without memory there is no room",
                "%zu bytes", there);
            rounds++;
        }
        ks_buf_done(&buf);
    }
    check_row(rounds == 2, "buf.h: memory for the text and memory for the room failed once", "%d did", rounds);
}

static void secrets(void)
{
    struct ks_buf buf;

    ks_buf_init_secret(&buf, 1000);
    ks_buf_z(&buf, "passphrase");
    const char *at = buf.ptr;
    ks_buf_reset(&buf);
    check_row(memcmp(at, "\0\0\0\0\0\0\0\0\0\0", 10) == 0, "buf.h: a reset wipes a secret", "it is still there");
    ks_buf_done(&buf);

    ks_buf_init(&buf, 1000);
    ks_buf_z(&buf, "passphrase");
    at = buf.ptr;
    ks_buf_reset(&buf);
    check_row(
        memcmp(at, "passphrase", 10) == 0, "buf.h: and what is no secret is not touched (control)", "it is wiped");
    ks_buf_done(&buf);

    char key[16];
    memset(key, 'k', sizeof key);
    ks_wipe(key + 1, 14);
    check_row(key[0] == 'k' && key[15] == 'k' && memcmp(key + 1, (char[14]) { 0 }, 14) == 0,
        "buf.h: ks_wipe wipes what it is given and no more", "it does not");
    ks_wipe(NULL, 0);
}

static void reading(void)
{
    struct ks_cursor at = ks_cursor(KS_STR("\xfe\1\2\xff\xff\xff\xff\1\2\3\4\5\6\7\x08\0\0\0\2hibye"));
    struct ks_str field = KS_STR_EMPTY, rest = KS_STR_EMPTY;
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    uint64_t u64 = 0;

    check_row(ks_cursor_u8(&at, &u8) == KS_OK && u8 == 0xfe, "buf.h: a byte is read", "%u", u8);
    check_row(ks_cursor_u16(&at, &u16) == KS_OK && u16 == 0x0102, "buf.h: 16 bits, big-endian", "%u", u16);
    check_row(ks_cursor_u32(&at, &u32) == KS_OK && u32 == UINT32_MAX, "buf.h: 32 bits", "%u", u32);
    check_row(ks_cursor_u64(&at, &u64) == KS_OK && u64 == 0x0102030405060708, "buf.h: 64 bits", "%llx",
        (unsigned long long)u64);
    check_row(
        ks_cursor_field(&at, &field) == KS_OK && ks_str_is(field, "hi"), "buf.h: a field", "%zu bytes", field.len);
    check_row(!ks_cursor_done(&at) && ks_cursor_take(&at, 3, &rest) == KS_OK && ks_str_is(rest, "bye"),
        "buf.h: the bytes behind it", "%zu bytes", rest.len);
    check_row(ks_cursor_done(&at), "buf.h: and that was all", "%zu bytes are left", at.left.len);
}

static void reading_past_the_end(void)
{
    static const struct {
        const char *name;
        struct ks_str record;
        enum { U8, U16, U32, U64, TAKE9, FIELD } what;
    } table[] = {
        { "buf.h: no byte is left to read", { "", 0 }, U8 },
        { "buf.h: 16 bits do not fit into one byte", { "\1", 1 }, U16 },
        { "buf.h: 32 bits do not fit into three", { "\1\2\3", 3 }, U32 },
        { "buf.h: 64 bits do not fit into seven", { "\1\2\3\4\5\6\7", 7 }, U64 },
        { "buf.h: nine bytes are not in eight", { "12345678", 8 }, TAKE9 },
        { "buf.h: a field without its length", { "\0\0\0", 3 }, FIELD },
        { "buf.h: a field longer than the record", { "\0\0\0\3hi", 6 }, FIELD },
        { "buf.h: a field longer than memory", { "\xff\xff\xff\xffhi", 6 }, FIELD },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        struct ks_cursor at = ks_cursor(table[i].record);
        struct ks_str text = KS_STR("untouched");
        uint8_t u8 = 1;
        uint16_t u16 = 1;
        uint32_t u32 = 1;
        uint64_t u64 = 1;
        enum ks_err err = table[i].what == U8 ? ks_cursor_u8(&at, &u8)
            : table[i].what == U16            ? ks_cursor_u16(&at, &u16)
            : table[i].what == U32            ? ks_cursor_u32(&at, &u32)
            : table[i].what == U64            ? ks_cursor_u64(&at, &u64)
            : table[i].what == TAKE9          ? ks_cursor_take(&at, 9, &text)
                                              : ks_cursor_field(&at, &text);
        check_row(err == KS_ESYNTAX && at.left.len == table[i].record.len && u8 == 1 && u16 == 1 && u32 == 1 && u64 == 1
                && (table[i].what == FIELD || ks_str_is(text, "untouched")),
            table[i].name, "%s, %zu bytes are left", ks_err_name(err), at.left.len);
    }
}

static void no_memory(void)
{
    int rounds = 0;

    for (int n = 1; fail_nth(n); n++) {
        struct ks_buf buf;
        ks_buf_init_secret(&buf, 1000);
        for (int i = 0; i < 4; i++)
            write_all(&buf);
        if (fail_stop()) {
            check_err("buf.h: a failed allocation is remembered", ks_buf_err(&buf), KS_ENOMEM);
            rounds++;
        } else {
            check_row(buf.len == 4 * (sizeof ALL - 1) && !buf.err, "buf.h: with memory all is written", "%zu", buf.len);
        }
        ks_buf_done(&buf);
    }
    check_row(rounds >= 3, "buf.h: each of its allocations failed once", "%d did", rounds);
}

int main(void)
{
    writing();
    limits();
    reserving();
    secrets();
    reading();
    reading_past_the_end();
    no_memory();
    return check_done();
}
