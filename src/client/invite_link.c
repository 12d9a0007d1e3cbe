/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "invite_link.h"

#include "enc.h"
#include "jid.h"

#define PAGE KS_STR("/invite/")
#define SECRET_HEX 32 /* in a token, before the localpart */

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
        : c >= 'a' && c <= 'f'  ? c - 'a' + 10
        : c >= 'A' && c <= 'F'  ? c - 'A' + 10
                                : -1;
}

/* RFC 3986 §2.1. */
static enum ks_err unescape(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text)
{
    char *out = ks_arena_alloc(arena, text.len + 1);
    size_t len = 0;

    if (!out)
        return KS_ENOMEM;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            out[len++] = text.ptr[i];
            continue;
        }
        if (text.len - i < 3 || nibble(text.ptr[i + 1]) < 0 || nibble(text.ptr[i + 2]) < 0)
            return KS_ESYNTAX;
        out[len++] = (char)(nibble(text.ptr[i + 1]) << 4 | nibble(text.ptr[i + 2]));
        i += 2;
    }
    *ret_text = ks_str(out, len);
    return KS_OK;
}

static bool is_token(struct ks_str token)
{
    if (token.len == 0 || token.len > KS_INVITE_TOKEN_MAX)
        return false;
    for (size_t i = 0; i < token.len; i++)
        if (token.ptr[i] <= ' ' || token.ptr[i] > '~' || strchr("<>&'\"/?#%", token.ptr[i]))
            return false;
    return true;
}

/* "register;preauth=TOKEN": the kind of query first (XEP-0147 §2), its keys in any order. */
static bool read_query(struct ks_str query, struct ks_str *ret_token)
{
    struct ks_str part;

    *ret_token = KS_STR_EMPTY;
    if (!ks_str_cut(&query, ';', &part) || !ks_str_is(part, "register"))
        return false;
    while (query.len > 0 && ks_str_cut(&query, ';', &part))
        if (ks_str_starts(part, KS_STR("preauth=")))
            *ret_token = ks_str_from(part, sizeof("preauth=") - 1);
    return is_token(*ret_token);
}

static enum ks_err read_jid(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_jid)
{
    struct ks_jid jid;
    enum ks_err err = ks_jid_parse(arena, text, &jid);

    if (err != KS_OK || !ks_jid_is_bare(jid) || jid.local.len == 0)
        return err == KS_ENOMEM ? err : KS_ESYNTAX;
    return ks_jid_text(arena, jid, ret_jid);
}

static enum ks_err read_uri(struct ks_arena *arena, struct ks_str text, struct ks_invite_link *link)
{
    size_t mark = ks_str_find_byte(text, '?');
    struct ks_str path;
    enum ks_err err = unescape(arena, ks_str_head(text, mark), &path);

    if (err != KS_OK)
        return err;
    if (mark == text.len || !read_query(ks_str_from(text, mark + 1), &link->token))
        return KS_ESYNTAX;
    return read_jid(arena, path, &link->jid);
}

/* HOST[:PORT]/invite/TOKEN: the token's second part is the localpart. */
static enum ks_err read_page(struct ks_arena *arena, struct ks_str text, struct ks_invite_link *link)
{
    size_t path = ks_str_find_byte(text, '/');
    struct ks_str host = ks_str_head(text, path), rest = ks_str_from(text, path), local;

    if (!ks_str_starts(rest, PAGE))
        return KS_ESYNTAX;
    link->token = ks_str_from(rest, PAGE.len);
    host = ks_str_head(host, ks_str_find_byte(host, ':'));
    if (!is_token(link->token) || link->token.len <= SECRET_HEX
        || ks_hex_read(arena, ks_str_from(link->token, SECRET_HEX), &local) != KS_OK)
        return KS_ESYNTAX;
    if (ks_arena_join(arena, (struct ks_str[]) { local, KS_STR("@"), host }, 3, &local) != KS_OK)
        return KS_ENOMEM;
    return read_jid(arena, local, &link->jid);
}

enum ks_err ks_invite_link_read(struct ks_arena *arena, struct ks_str text, struct ks_invite_link *ret_link)
{
    *ret_link = (struct ks_invite_link) { .jid = KS_STR_EMPTY };
    text = ks_str_trim(text);
    if (text.len > KS_INVITE_LINK_MAX)
        return KS_ESYNTAX;
    if (ks_str_starts(text, KS_STR("xmpp:")))
        return read_uri(arena, ks_str_from(text, 5), ret_link);
    if (ks_str_starts(text, KS_STR("https://")))
        return read_page(arena, ks_str_from(text, 8), ret_link);
    return KS_ESYNTAX;
}
