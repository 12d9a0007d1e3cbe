/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* enrol_link.c -- the link by which a person's device becomes one of the hospital's (enrol.h; doc/PROTOCOL.md §21.1).
 */
#include "enc.h"
#include "enrol.h"
#include "jid.h"

#define VERSION 1
#define HAS_TOKEN 1
#define SCHEME KS_STR("https://")
#define PATH KS_STR("/e")
#define HOST_MAX 262 /* with a port */

static bool is_host(struct ks_str host)
{
    for (size_t i = 0; i < host.len; i++)
        if (host.ptr[i] <= ' ' || host.ptr[i] >= 0x7f || strchr("/?#@\\\"'<>", host.ptr[i]))
            return false;
    return host.len > 0 && host.len <= HOST_MAX;
}

static enum ks_err take_field(struct ks_arena *arena, struct ks_cursor *at, struct ks_str *ret_text)
{
    struct ks_str bytes;
    uint8_t high, low;

    if (ks_cursor_u8(at, &high) != KS_OK || ks_cursor_u8(at, &low) != KS_OK
        || ks_cursor_take(at, (size_t)(high << 8 | low), &bytes) != KS_OK || !bytes.len)
        return KS_ESYNTAX;
    return ks_arena_copy(arena, bytes, ret_text);
}

static enum ks_err read_jid(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_jid)
{
    struct ks_jid jid;
    enum ks_err err = ks_jid_parse(arena, text, &jid);

    if (err == KS_OK)
        err = ks_jid_text(arena, ks_jid_bare(jid), ret_jid);
    /* In its normal form only, as both sides derive from it how the log names the account. */
    return err == KS_OK && (!jid.local.len || !ks_str_eq(*ret_jid, text)) ? KS_ESYNTAX : err;
}

static enum ks_err read_body(struct ks_arena *arena, struct ks_str bytes, struct ks_enrol_link *link)
{
    struct ks_cursor at = ks_cursor(bytes);
    struct ks_str part, jid;
    uint8_t version, flags;
    uint32_t expires;
    enum ks_err err;

    if (ks_cursor_u8(&at, &version) != KS_OK || !version)
        return KS_ESYNTAX;
    if (version > VERSION)
        return KS_EVERSION;
    if (ks_cursor_u8(&at, &flags) != KS_OK || flags & ~HAS_TOKEN || ks_cursor_u32(&at, &expires) != KS_OK)
        return KS_ESYNTAX;
    link->expires_s = expires;
    if (ks_cursor_take(&at, sizeof link->pin, &part) != KS_OK)
        return KS_ESYNTAX;
    memcpy(link->pin, part.ptr, part.len);
    if (ks_cursor_take(&at, sizeof link->code, &part) != KS_OK)
        return KS_ESYNTAX;
    memcpy(link->code, part.ptr, part.len);
    if ((err = take_field(arena, &at, &jid)) != KS_OK || (err = read_jid(arena, jid, &link->jid)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESYNTAX;
    link->token = KS_STR_EMPTY;
    if (flags & HAS_TOKEN && (err = take_field(arena, &at, &link->token)) != KS_OK)
        return err;
    return ks_cursor_done(&at) ? KS_OK : KS_ESYNTAX;
}

enum ks_err ks_enrol_link_read(struct ks_arena *arena, struct ks_str text, struct ks_enrol_link *ret_link)
{
    struct ks_str rest = ks_str_trim(text), host, bytes;
    enum ks_err err;

    if (rest.len > KS_ENROL_LINK_MAX || !ks_str_starts(rest, SCHEME))
        return KS_ESYNTAX;
    rest = ks_str_from(rest, SCHEME.len);
    if (!ks_str_cut(&rest, '#', &host) || host.len <= PATH.len
        || !ks_str_eq(ks_str_from(host, host.len - PATH.len), PATH))
        return KS_ESYNTAX;
    host.len -= PATH.len;
    if (!is_host(host))
        return KS_ESYNTAX;
    ret_link->host = host;
    if ((err = ks_base64url_read(arena, rest, &bytes)) != KS_OK)
        return err;
    return read_body(arena, bytes, ret_link);
}

static void put_field(struct ks_buf *buf, struct ks_str text)
{
    ks_buf_byte(buf, (uint8_t)(text.len >> 8));
    ks_buf_byte(buf, (uint8_t)text.len);
    ks_buf_add(buf, text);
}

enum ks_err ks_enrol_link_write(struct ks_arena *arena, const struct ks_enrol_link *link, struct ks_str *ret_text)
{
    struct ks_buf body, text;
    enum ks_err err;

    assert(is_host(link->host) && link->jid.len > 0);
    ks_buf_init_secret(&body, KS_ENROL_LINK_MAX);
    ks_buf_init_secret(&text, KS_ENROL_LINK_MAX);
    ks_buf_byte(&body, VERSION);
    ks_buf_byte(&body, link->token.len ? HAS_TOKEN : 0);
    ks_buf_u32(&body, (uint32_t)link->expires_s);
    ks_buf_add(&body, ks_str(link->pin, sizeof link->pin));
    ks_buf_add(&body, ks_str(link->code, sizeof link->code));
    put_field(&body, link->jid);
    if (link->token.len)
        put_field(&body, link->token);
    ks_buf_add(&text, SCHEME);
    ks_buf_add(&text, link->host);
    ks_buf_add(&text, PATH);
    ks_buf_byte(&text, '#');
    ks_base64url_add(&text, ks_buf_str(&body));
    err = ks_buf_err(&body) != KS_OK ? ks_buf_err(&body) : ks_buf_err(&text);
    if (err == KS_OK)
        err = ks_arena_copy(arena, ks_buf_str(&text), ret_text);
    ks_buf_done(&body);
    ks_buf_done(&text);
    return err;
}
