/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "qr.h"

#include <errno.h>
#include <qrencode.h>

#define QUIET 4 /* modules of margin that a reader needs */

static enum ks_err encode(struct ks_str text, QRcode **ret_code)
{
    if (text.len > KS_QR_BYTES_MAX)
        return KS_ELIMIT;
    *ret_code = QRcode_encodeData((int)text.len, (const unsigned char *)text.ptr, 0, QR_ECLEVEL_L);
    return *ret_code ? KS_OK : errno == ENOMEM ? KS_ENOMEM : KS_ELIMIT;
}

/* Around it all is white. */
static bool is_black(const QRcode *code, int x, int y)
{
    return x >= 0 && y >= 0 && x < code->width && y < code->width && (code->data[y * code->width + x] & 1);
}

enum ks_err ks_qr_draw(struct ks_buf *buf, struct ks_str text)
{
    static const char *const halves[] = { " ", "\u2584", "\u2580", "\u2588" }; /* 1: the lower one, 2: the upper one */
    QRcode *code;
    enum ks_err err = encode(text, &code);

    if (err != KS_OK)
        return err;
    for (int y = -QUIET; y < code->width + QUIET; y += 2) {
        ks_buf_z(buf, "\x1b[30;107m");
        for (int x = -QUIET; x < code->width + QUIET; x++)
            ks_buf_z(buf, halves[2 * is_black(code, x, y) + is_black(code, x, y + 1)]);
        ks_buf_z(buf, "\x1b[0m\n");
    }
    QRcode_free(code);
    return ks_buf_err(buf);
}

enum ks_err ks_qr_svg(struct ks_buf *buf, struct ks_str text)
{
    QRcode *code;
    enum ks_err err = encode(text, &code);

    if (err != KS_OK)
        return err;
    ks_buf_printf(buf, "<svg viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\"><path d=\"", code->width + 2 * QUIET,
        code->width + 2 * QUIET);
    for (int y = 0; y < code->width; y++)
        for (int x = 0, len; x < code->width; x += len) {
            for (len = 1; is_black(code, x + len, y) == is_black(code, x, y) && x + len < code->width; len++)
                continue;
            if (is_black(code, x, y))
                ks_buf_printf(buf, "M%d %dh%dv1h-%dz", x + QUIET, y + QUIET, len, len);
        }
    ks_buf_z(buf, "\"/></svg>");
    QRcode_free(code);
    return ks_buf_err(buf);
}
