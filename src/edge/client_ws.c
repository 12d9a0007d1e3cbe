/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "client_ws.h"

#include <stdlib.h>

#include "stanza.h"
#include "system.h"
#include "ws_knock.h"
#include "ws_reader.h"
#include "ws_writer.h"

#define SCHEME "wss://"
#define PATH "/"
#define OUT_BYTES_MAX (64u * 1024 * 1024)

struct ks_client_ws {
    uint8_t nonce[KS_WS_KEY_BYTES];
    bool open, closed;
    struct ks_buf in;      /* what is not read yet */
    struct ks_buf message; /* the parts of one that is not whole */
    struct ks_buf out;
    struct ks_ws_reader reader;
};

struct ks_client_ws *ks_client_ws_new(const char *url)
{
    struct ks_client_ws *ws = calloc(1, sizeof *ws);
    struct ks_str rest = ks_str_from(ks_str_z(url), strlen(SCHEME)), host;

    if (!ws)
        return NULL;
    ks_buf_init(&ws->in, 2 * KS_STANZA_READ_MAX);
    ks_buf_init(&ws->message, KS_STANZA_READ_MAX);
    ks_buf_init(&ws->out, OUT_BYTES_MAX);
    ks_ws_reader_init_client(&ws->reader, KS_STANZA_READ_MAX);
    ks_system_entropy(ws->nonce, sizeof ws->nonce);
    host = ks_str_head(rest, ks_str_find_byte(rest, '/'));
    rest = ks_str_from(rest, host.len);
    ks_ws_knock(&ws->out, host, rest.len ? rest : KS_STR(PATH), ws->nonce);
    return ws;
}

void ks_client_ws_free(struct ks_client_ws *ws)
{
    if (!ws)
        return;
    ks_buf_done(&ws->in);
    ks_buf_done(&ws->message);
    ks_buf_done(&ws->out);
    free(ws);
}

/* --- writing --- */

static void write_frame(struct ks_client_ws *ws, enum ks_ws_opcode opcode, struct ks_str payload)
{
    uint8_t mask[4];

    ks_system_entropy(mask, sizeof mask);
    ks_ws_write_masked(&ws->out, opcode, payload, mask);
}

static void write_end(struct ks_client_ws *ws, enum ks_ws_code code)
{
    const char payload[2] = { (char)(code >> 8), (char)code };

    if (ws->open && !ws->closed)
        write_frame(ws, KS_WS_OP_CLOSE, code == KS_WS_NO_STATUS ? KS_STR_EMPTY : ks_str(payload, sizeof payload));
    ws->closed = true;
}

struct ks_str ks_client_ws_output(struct ks_client_ws *ws, struct konsil *k)
{
    const char *text;
    size_t len;

    while (ws->open && !ws->closed && konsil_next_message(k, &text, &len))
        write_frame(ws, KS_WS_OP_TEXT, ks_str(text, len));
    return ks_buf_str(&ws->out);
}

bool ks_client_ws_unsent(const struct ks_client_ws *ws)
{
    return ws->out.len > 0;
}

void ks_client_ws_output_sent(struct ks_client_ws *ws, size_t len)
{
    ks_buf_drop(&ws->out, len);
}

void ks_client_ws_close(struct ks_client_ws *ws, struct konsil *k)
{
    (void)ks_client_ws_output(ws, k);
    write_end(ws, KS_WS_NORMAL);
}

/* --- reading --- */

/* False: the other end has ended it, or broke its rules. */
static bool take_part(
    struct ks_client_ws *ws, struct konsil *k, enum ks_ws_got got, const struct ks_ws_part *part, struct konsil_now now)
{
    switch (got) {
    case KS_WS_TEXT:
        ks_buf_add(&ws->message, part->payload);
        if (!part->last)
            return true;
        konsil_message(k, ws->message.ptr ? ws->message.ptr : "", ws->message.len, now);
        ks_buf_reset(&ws->message);
        return true;
    case KS_WS_PING: /* RFC 6455 §5.5.2 */
        write_frame(ws, KS_WS_OP_PONG, part->payload);
        return true;
    case KS_WS_PONG:
    case KS_WS_MORE:
        return true;
    case KS_WS_BINARY: /* RFC 7395 §3.2 */
        write_end(ws, KS_WS_UNSUPPORTED_DATA);
        return false;
    case KS_WS_CLOSE: /* RFC 6455 §5.5.1 */
        write_end(ws, (enum ks_ws_code)part->code);
        return false;
    case KS_WS_BAD:
        write_end(ws, (enum ks_ws_code)part->code);
        return false;
    }
    return false;
}

bool ks_client_ws_take(struct ks_client_ws *ws, struct konsil *k, struct ks_str bytes, struct konsil_now now)
{
    struct ks_ws_part part;
    size_t at = 0, len = 0;
    enum ks_ws_got got;
    bool good = true;

    ks_buf_add(&ws->in, bytes);
    if (ks_buf_err(&ws->in) != KS_OK)
        return false;
    if (!ws->open) {
        enum ks_err err = ks_ws_knock_read(ks_buf_str(&ws->in), ws->nonce, &len);

        if (err != KS_OK)
            return err == KS_EAGAIN;
        ks_buf_drop(&ws->in, len);
        ws->open = true;
        konsil_opened_messages(k, now);
    }
    while (good && (got = ks_ws_next(&ws->reader, ws->in.ptr + at, ws->in.len - at, &part, &len)) != KS_WS_MORE) {
        at += len;
        good = take_part(ws, k, got, &part, now);
    }
    ks_buf_drop(&ws->in, good ? at + len : ws->in.len);
    return good && ks_buf_err(&ws->message) == KS_OK;
}
