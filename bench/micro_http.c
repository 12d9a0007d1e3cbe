/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* micro_http.c -- what reading a request, writing a response and reading a WebSocket frame cost: ns of CPU, the best of
 * five runs.
 *
 * The request is a browser's: an upgrade to WebSocket of 289 bytes. The frame carries a stanza of 1.2 KB. */
#include <stdio.h>
#include <time.h>

#include "crypto.h"
#include "http_writer.h"
#include "ws_handshake.h"
#include "ws_reader.h"
#include "ws_writer.h"

#define RUNS 5
#define TIMES 200000

static const char request_bytes[] = "GET /xmpp-websocket HTTP/1.1\r\nHost: chat.klinik.example\r\n"
                                    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
                                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                                    "Sec-WebSocket-Protocol: xmpp\r\nOrigin: https://chat.klinik.example\r\n"
                                    "User-Agent: Mozilla/5.0 (X11; Linux)\r\n\r\n";

static struct ks_http_request request;
static struct ks_ws_handshake handshake;
static struct ks_buf out;
static char payload[1200], frame[1300];
static size_t frame_len;
static unsigned long failures;

static void read_request(void)
{
    struct ks_http_reader reader = { 0 };
    size_t len;

    failures +=
        ks_http_next(&reader, ks_str(request_bytes, sizeof request_bytes - 1), &request, &len) != KS_HTTP_REQUEST;
}

static void read_handshake(void)
{
    failures += ks_ws_handshake_read(&request, &handshake) != 101;
}

static void write_handshake(void)
{
    ks_buf_reset(&out);
    ks_ws_handshake_accept(&out, &handshake, 1795313413042);
    failures += out.err != KS_OK;
}

static void write_response(void)
{
    static const struct ks_http_field fields[] = { { "Content-Type", { "text/html; charset=utf-8", 24 } },
        { "ETag", { "\"5d41402abc4b2a76b9719d911017c592\"", 34 } }, { "Cache-Control", { "no-cache", 8 } } };

    ks_buf_reset(&out);
    failures += ks_http_response_write(&out,
                    &(struct ks_http_response) { .status = 200,
                        .wall_ms = 1795313413042,
                        .body_bytes = 4711,
                        .fields = fields,
                        .field_count = KS_COUNT(fields) })
        != KS_OK;
}

/* It is unmasked where it stands, so the second time it is masked again; as bytes, so both are good. */
static void read_binary(void)
{
    struct ks_ws_reader reader;
    struct ks_ws_part part;
    size_t len;

    ks_ws_reader_init(&reader, 100000);
    failures += ks_ws_next(&reader, frame, frame_len, &part, &len) != KS_WS_BINARY;
}

/* Letters in either state: the mask keeps the high bit clear. */
static void read_text(void)
{
    struct ks_ws_reader reader;
    struct ks_ws_part part;
    size_t len;

    frame[0] = (char)0x81;
    ks_ws_reader_init(&reader, 100000);
    failures += ks_ws_next(&reader, frame, frame_len, &part, &len) != KS_WS_TEXT;
}

static void write_frame(void)
{
    ks_buf_reset(&out);
    ks_ws_write(&out, KS_WS_OP_TEXT, ks_str(payload, sizeof payload));
}

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void measure(const char *name, void (*work)(void))
{
    double best = 1e12;

    for (int run = 0; run < RUNS; run++) {
        double start = now_ns();
        for (int i = 0; i < TIMES; i++)
            work();
        double each = (now_ns() - start) / TIMES;
        best = each < best ? each : best;
    }
    printf("%-36s %7.0f ns\n", name, best);
}

int main(void)
{
    static const char mask[4] = { 0x37, 0x7a, 0x21, 0x3d };

    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_buf_init(&out, 100000);
    memset(payload, 'a', sizeof payload);
    frame_len = ks_ws_head_write(frame, KS_WS_OP_BINARY, sizeof payload);
    frame[1] = (char)(frame[1] | 0x80);
    memcpy(frame + frame_len, mask, sizeof mask);
    memcpy(frame + frame_len + sizeof mask, payload, sizeof payload);
    frame_len += sizeof mask + sizeof payload;
    printf("a request of %zu bytes, a frame of %zu\n", sizeof request_bytes - 1, frame_len);
    measure("read a request", read_request);
    measure("read a handshake", read_handshake);
    measure("write the answer to it", write_handshake);
    measure("write a response with three fields", write_response);
    measure("read a binary frame", read_binary);
    measure("read a text frame", read_text);
    measure("write a frame", write_frame);
    printf(
        "state: %zu bytes for HTTP, %zu for WebSocket\n", sizeof(struct ks_http_reader), sizeof(struct ks_ws_reader));
    if (failures)
        printf("%lu failures\n", failures);
    ks_buf_done(&out);
    return failures ? 1 : 0;
}
