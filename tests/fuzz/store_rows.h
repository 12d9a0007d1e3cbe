/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* store_rows.h -- what the targets share that fill konsild's store with rows and then ask.
 *
 * Their input is rows: a byte for the kind, lengths (u8, u16) of key and value, key, value. Their questions have the
 * ids q0, q1, … by the ASCII order of the second byte. */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include <assert.h>

#include "enc.h"
#include "server_store.h"
#include "xml_framer.h"
#include "xml_reader.h"

static inline bool is_printable(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
            return false;
    return true;
}

struct row {
    unsigned kind;
    struct ks_str key, value;
};

/* False at the end, which may be in the middle of a row. */
static inline bool next_row(struct ks_cursor *at, unsigned kinds, struct row *ret_row)
{
    uint8_t kind, key_len;
    uint16_t value_len;

    if (ks_cursor_u8(at, &kind) != KS_OK || ks_cursor_u8(at, &key_len) != KS_OK
        || ks_cursor_u16(at, &value_len) != KS_OK || ks_cursor_take(at, key_len, &ret_row->key) != KS_OK
        || ks_cursor_take(at, value_len, &ret_row->value) != KS_OK)
        return false;
    ret_row->kind = kind % kinds;
    return true;
}

/* For account_find: the account's number is put where user points. */
static inline bool take_id(void *user, const struct ks_account_row *row)
{
    *(uint64_t *)user = row->id;
    return true;
}

/* What came to a client is whole elements, and among them one answer to each of count questions. */
static inline void check_said(struct ks_str left, size_t count)
{
    unsigned answers[64] = { 0 };
    struct ks_framer framer;
    size_t len;

    assert(count <= KS_COUNT(answers));
    ks_framer_init(&framer, UINT32_MAX, 1000);
    (void)ks_framer_next(&framer, KS_STR("<stream:stream>"), &len);
    for (; left.len; left = ks_str_from(left, len)) {
        struct ks_arena arena;
        struct ks_xml *xml;
        struct ks_str id;

        assert(ks_framer_next(&framer, left, &len) == KS_FRAME_STANZA);
        ks_arena_init(&arena, 64u << 20);
        assert(ks_xml_read(&arena, ks_str_head(left, len), KS_STR(NS_CLIENT), KS_STR_EMPTY, &xml) == KS_OK);
        id = ks_xml_attr(xml, "id");
        if (ks_str_is(xml->name, "iq") && !ks_str_is(ks_xml_attr(xml, "type"), "set") && id.len == 2 && id.ptr[0] == 'q'
            && (size_t)(id.ptr[1] - '0') < count)
            answers[id.ptr[1] - '0']++;
        ks_arena_done(&arena);
    }
    for (size_t i = 0; i < count; i++)
        assert(answers[i] == 1);
}

#endif
