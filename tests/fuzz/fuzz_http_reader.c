/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Where the network cuts a connection's bytes does not matter: whole, byte by byte, and in pieces whose length the
 * input chooses, the reader says the same. What it understood of a request, written anew, is understood again. A path
 * has no way out, a range lies within its file, and a handshake's key has its length. The first byte is the length of
 * pieces. */
#include <stdlib.h>

#include "crypto.h"
#include "http_conditions.h"
#include "http_writer.h"
#include "utf8.h"
#include "ws_handshake.h"

#define MIX 0x100000001b3U /* FNV-1a */

static void mix(uint64_t *hash, uint64_t value)
{
    *hash = (*hash ^ value) * MIX;
}

static void mix_text(uint64_t *hash, struct ks_str text)
{
    mix(hash, text.len);
    for (size_t i = 0; i < text.len; i++)
        mix(hash, (uint8_t)text.ptr[i]);
}

static struct ks_str field_name(const struct ks_http_request *request, unsigned i)
{
    return ks_str(request->head.ptr + request->fields[i].name, request->fields[i].name_len);
}

static struct ks_str field_value(const struct ks_http_request *request, unsigned i)
{
    return ks_str(request->head.ptr + request->fields[i].value, request->fields[i].value_len);
}

/* All that a caller sees of it. */
static uint64_t digest_request(const struct ks_http_request *request)
{
    uint64_t hash = 0;

    mix(&hash, request->method);
    mix_text(&hash, request->target);
    mix_text(&hash, request->path);
    mix_text(&hash, request->query);
    mix_text(&hash, request->host.host);
    mix(&hash, request->host.port);
    mix(&hash, request->body_bytes);
    mix(&hash, request->keep_alive + 2U * request->expect_continue + 4U * request->websocket);
    for (unsigned i = 0; i < request->field_count; i++) {
        mix_text(&hash, field_name(request, i));
        mix_text(&hash, field_value(request, i));
    }
    return hash;
}

static void rewrite(const struct ks_http_request *request)
{
    static const char *const methods[] = { "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS" };
    struct ks_http_reader reader = { 0 };
    struct ks_http_request again;
    struct ks_buf buf;
    size_t len;

    ks_buf_init(&buf, KS_HTTP_HEAD_MAX);
    ks_buf_z(&buf, methods[request->method]);
    ks_buf_byte(&buf, ' ');
    ks_buf_add(&buf, request->target);
    ks_buf_add(&buf, ks_str(request->target.ptr + request->target.len, 9)); /* " HTTP/1.x" */
    ks_buf_z(&buf, "\r\n");
    for (unsigned i = 0; i < request->field_count; i++) {
        ks_buf_add(&buf, field_name(request, i));
        ks_buf_byte(&buf, ':');
        ks_buf_add(&buf, field_value(request, i));
        ks_buf_z(&buf, "\r\n");
    }
    ks_buf_z(&buf, "\r\n");
    assert(buf.err == KS_OK);
    assert(ks_http_next(&reader, ks_buf_str(&buf), &again, &len) == KS_HTTP_REQUEST && len == buf.len);
    assert(digest_request(&again) == digest_request(request));
    ks_buf_done(&buf);
}

static void look_at_path(struct ks_str path)
{
    char room[KS_HTTP_HEAD_MAX];
    struct ks_str plain = ks_http_path_decode(path, room), segment;

    assert(ks_utf8_valid(plain) && ks_str_find_byte(plain, '\\') == plain.len);
    for (size_t i = 0; i < plain.len; i++)
        assert((uint8_t)plain.ptr[i] >= 0x20 && plain.ptr[i] != 0x7f);
    if (ks_str_is(path, "*"))
        return;
    assert(plain.len && plain.ptr[0] == '/');
    plain = ks_str_from(plain, 1);
    while (ks_str_cut(&plain, '/', &segment))
        assert(!ks_str_is(segment, ".") && !ks_str_is(segment, "..") && (segment.len || !plain.len));
}

static void look_at(const struct ks_http_request *request)
{
    static const uint64_t sizes[] = { 0, 1, 10, 1000, UINT64_MAX };
    struct ks_ws_handshake handshake;
    struct ks_http_range range;
    struct ks_buf buf;

    look_at_path(request->path);
    ks_http_is_known(request, KS_STR("\"v1\""));
    for (size_t i = 0; i < KS_COUNT(sizes); i++)
        if (ks_http_range(request, sizes[i], KS_STR("\"v1\""), &range) == KS_HTTP_PART)
            assert(range.first <= range.last && range.last < sizes[i]);
    unsigned status = ks_ws_handshake_read(request, &handshake);
    ks_buf_init(&buf, 10000);
    if (status == 101) {
        assert(handshake.key.len == 24);
        ks_ws_handshake_accept(&buf, &handshake, 0);
    } else {
        ks_ws_handshake_refuse(&buf, status, 0);
    }
    ks_buf_done(&buf);
    /* A stranger's text in a response is taken whole or not at all. */
    for (unsigned i = 0; i < request->field_count; i++) {
        struct ks_http_field field = { "X", field_value(request, i) };
        struct ks_http_response response = { .status = 200, .fields = &field, .field_count = 1 };
        ks_buf_init(&buf, 10000);
        assert(ks_http_response_write(&buf, &response) == KS_OK);
        ks_buf_done(&buf);
    }
}

/* What was given and not consumed, in memory of its exact size. */
struct at_hand {
    char *bytes;
    size_t len;
};

static void keep(struct at_hand *at_hand, size_t from, struct ks_str more)
{
    size_t left = at_hand->len - from;
    char *bytes = malloc(left + more.len);

    assert(bytes || !(left + more.len));
    if (left)
        memcpy(bytes, at_hand->bytes + from, left);
    if (more.len)
        memcpy(bytes + left, more.ptr, more.len);
    free(at_hand->bytes);
    *at_hand = (struct at_hand) { bytes, left + more.len };
}

static uint64_t digest_cut(struct ks_str stream, size_t piece)
{
    struct ks_http_reader reader = { 0 };
    struct ks_http_request request;
    struct at_hand at_hand = { 0 };
    enum ks_http_got got = KS_HTTP_MORE;
    uint64_t hash = 0;
    size_t body = 0;

    for (size_t from = 0; from < stream.len && got != KS_HTTP_REFUSED; from += piece) {
        size_t at = 0, len;
        keep(&at_hand, 0, ks_str_head(ks_str_from(stream, from), piece));
        while (
            (got = ks_http_next(&reader, ks_str(at_hand.bytes + at, at_hand.len - at), &request, &len)) != KS_HTTP_MORE
            && got != KS_HTTP_REFUSED) {
            body += got == KS_HTTP_BODY ? len : 0;
            if (got == KS_HTTP_REQUEST) {
                mix(&hash, digest_request(&request));
                rewrite(&request);
                look_at(&request);
            }
            if (got == KS_HTTP_END) {
                mix(&hash, body);
                body = 0;
            }
            at += len;
            assert(at <= at_hand.len);
        }
        keep(&at_hand, at, KS_STR_EMPTY);
        assert(at_hand.len < KS_HTTP_HEAD_MAX || got == KS_HTTP_REFUSED);
    }
    mix(&hash, body);
    mix(&hash, ks_http_reader_fault(&reader));
    mix(&hash, ks_http_reader_idle(&reader));
    free(at_hand.bytes);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2 || ks_crypto_init() != KS_OK)
        return 0;
    struct ks_str stream = ks_str(data + 1, len - 1);
    uint64_t whole = digest_cut(stream, stream.len);
    assert(digest_cut(stream, 1) == whole);
    assert(digest_cut(stream, 1 + data[0]) == whole);
    return 0;
}
