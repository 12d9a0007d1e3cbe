/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "transcript.h"

#include <inttypes.h>

#include "enc.h"

void transcript_text(struct ks_buf *line, struct ks_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = (uint8_t)bytes.ptr[i];

        if (byte == '\\')
            ks_buf_z(line, "\\\\");
        else if (byte == '\n')
            ks_buf_z(line, "\\n");
        else if (byte < 0x20 || byte == 0x7f)
            ks_buf_printf(line, "\\x%02x", byte);
        else
            ks_buf_byte(line, byte);
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool transcript_read_text(struct ks_buf *bytes, struct ks_str text)
{
    while (text.len > 0) {
        size_t plain = ks_str_find_byte(text, '\\');

        ks_buf_add(bytes, ks_str_head(text, plain));
        text = ks_str_from(text, plain);
        if (text.len == 0)
            break;
        if (ks_str_starts(text, KS_STR("\\\\")) || ks_str_starts(text, KS_STR("\\n"))) {
            ks_buf_byte(bytes, text.ptr[1] == 'n' ? '\n' : '\\');
            text = ks_str_from(text, 2);
        } else if (ks_str_starts(text, KS_STR("\\x")) && text.len >= 4 && hex_digit(text.ptr[2]) >= 0
            && hex_digit(text.ptr[3]) >= 0) {
            ks_buf_byte(bytes, (uint8_t)(hex_digit(text.ptr[2]) * 16 + hex_digit(text.ptr[3])));
            text = ks_str_from(text, 4);
        } else {
            return false;
        }
    }
    return true;
}

void transcript_event(struct ks_buf *line, struct ks_str json)
{
    ks_buf_z(line, "< event ");
    ks_buf_add(line, json);
}

static const char *or_dash(const char *text)
{
    return text && *text ? text : "-";
}

void transcript_request(struct ks_buf *line, const struct konsil_request *request)
{
    bool named = request->kind != KONSIL_CLOSE;

    ks_buf_printf(line, "< request %d %s %s %u %d", (int)request->kind, named ? or_dash(request->host) : "-",
        named ? or_dash(request->domain) : "-", request->port, request->direct_tls);
}

void transcript_file(struct ks_buf *line, const struct konsil_file *file)
{
    const char *texts[] = { file->path, file->name, file->url, file->headers };

    ks_buf_printf(line, "< file %d %" PRIu64 " %" PRIu64 " ", (int)file->kind, file->transfer, file->bytes);
    for (size_t i = 0; i < KS_COUNT(texts); i++) {
        transcript_text(line, i > 0 ? KS_STR("\0") : KS_STR_EMPTY);
        transcript_text(line, ks_str_z(texts[i] ? texts[i] : ""));
    }
}

void transcript_piece(struct ks_buf *line, bool good, struct ks_str bytes)
{
    ks_buf_printf(line, "< piece %d ", good);
    ks_hex_add(line, good ? bytes : KS_STR_EMPTY);
}

void transcript_output(struct ks_buf *line, struct ks_str bytes)
{
    ks_buf_z(line, "< output ");
    transcript_text(line, bytes);
}

void transcript_message(struct ks_buf *line, struct ks_str text)
{
    ks_buf_z(line, "< message ");
    transcript_text(line, text);
}

void transcript_deadline(struct ks_buf *line, int64_t mono_ms)
{
    ks_buf_printf(line, "< deadline %" PRId64, mono_ms);
}
