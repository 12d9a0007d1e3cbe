/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "jid.h"

#include "unicode.h"

struct ks_jid ks_jid_split(struct ks_str text)
{
    struct ks_jid jid = { 0 };
    size_t slash = ks_str_find_byte(text, '/');

    /* RFC 7622 §3.1: the first '/' ends the bare JID, then the first '@' ends the localpart. */
    if (slash < text.len)
        jid.resource = ks_str_from(text, slash + 1);
    text = ks_str_head(text, slash);
    size_t at = ks_str_find_byte(text, '@');
    if (at < text.len)
        jid.local = ks_str_head(text, at);
    jid.domain = at < text.len ? ks_str_from(text, at + 1) : text;
    return jid;
}

enum ks_err ks_jid_parse(struct ks_arena *arena, struct ks_str text, struct ks_jid *ret_jid)
{
    struct ks_str bare = ks_str_head(text, ks_str_find_byte(text, '/'));
    struct ks_jid jid = ks_jid_split(text);
    struct ks_str all;
    enum ks_err err;

    if (bare.len < text.len && (err = ks_unicode_resource(arena, jid.resource, &jid.resource)) != KS_OK)
        return err;
    if (ks_str_find_byte(bare, '@') < bare.len && (err = ks_unicode_localpart(arena, jid.local, &jid.local)) != KS_OK)
        return err;
    if ((err = ks_unicode_domain(arena, jid.domain, &jid.domain)) != KS_OK)
        return err;
    const struct ks_str parts[] = { jid.local, jid.domain, jid.resource };
    if ((err = ks_arena_join(arena, parts, KS_COUNT(parts), &all)) != KS_OK)
        return err;
    ret_jid->local = ks_str_head(all, jid.local.len);
    ret_jid->domain = ks_str(all.ptr + jid.local.len, jid.domain.len);
    ret_jid->resource = ks_str_from(all, jid.local.len + jid.domain.len);
    return KS_OK;
}

bool ks_jid_eq_bare(struct ks_jid a, struct ks_jid b)
{
    return ks_str_eq(a.local, b.local) && ks_str_eq(a.domain, b.domain);
}

bool ks_jid_eq(struct ks_jid a, struct ks_jid b)
{
    return ks_jid_eq_bare(a, b) && ks_str_eq(a.resource, b.resource);
}

void ks_jid_write(struct ks_buf *buf, struct ks_jid jid)
{
    ks_buf_add(buf, jid.local);
    if (jid.local.len)
        ks_buf_byte(buf, '@');
    ks_buf_add(buf, jid.domain);
    if (jid.resource.len)
        ks_buf_byte(buf, '/');
    ks_buf_add(buf, jid.resource);
}

enum ks_err ks_jid_text(struct ks_arena *arena, struct ks_jid jid, struct ks_str *ret_text)
{
    const struct ks_str parts[] = { jid.local, jid.local.len ? KS_STR("@") : KS_STR_EMPTY, jid.domain,
        jid.resource.len ? KS_STR("/") : KS_STR_EMPTY, jid.resource };

    return ks_arena_join(arena, parts, KS_COUNT(parts), ret_text);
}
