/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "omemo_trim.h"

#include <stdlib.h>

#include "jid.h"
#include "ns.h"
#include "pep_node.h"

/* --- reading --- */

/* The value of an attribute in a start tag as ks_xml_write has it; ptr NULL: it is not there. */
static struct ks_str attribute(struct ks_str tag, struct ks_str name)
{
    size_t at = ks_str_find(tag, name);

    if (at == tag.len)
        return KS_STR_EMPTY;
    tag = ks_str_from(tag, at + name.len);
    return ks_str_head(tag, ks_str_find_byte(tag, '\''));
}

/* ks_str_find of a start tag. A message has few tags and one long text without any, which memchr leaps over. */
static size_t find_tag(struct ks_str text, struct ks_str tag)
{
    size_t at = 0;

    for (; at < text.len; at++) {
        at += ks_str_find_byte(ks_str_from(text, at), '<');
        if (at + 1 < text.len && text.ptr[at + 1] == tag.ptr[1] && ks_str_starts(ks_str_from(text, at), tag))
            return at;
    }
    return text.len;
}

/* An address as its account is called; one that is none stays as it is, and fits nobody. */
static struct ks_str normal(struct ks_arena *arena, struct ks_str jid)
{
    struct ks_jid parsed;
    struct ks_str text;

    return ks_jid_parse(arena, jid, &parsed) == KS_OK && ks_jid_text(arena, ks_jid_bare(parsed), &text) == KS_OK ? text
                                                                                                                 : jid;
}

/* The next <name …>…</name> or <name …/> right at the beginning of text; false: something else. */
static bool take_element(
    struct ks_str text, struct ks_str begin, struct ks_str end, struct ks_str *ret_tag, size_t *ret_len)
{
    size_t tag, at;

    if (!ks_str_starts(text, begin) || (tag = ks_str_find_byte(text, '>')) == text.len)
        return false;
    *ret_tag = ks_str_head(text, tag);
    if (ks_str_find(*ret_tag, KS_STR(" xmlns=")) < tag)
        return false; /* of something else */
    if (text.ptr[tag - 1] == '/') {
        *ret_len = tag + 1;
        return true;
    }
    at = ks_str_find(text, end);
    *ret_len = at + end.len;
    return at < text.len;
}

static int by_name(const void *a, const void *b)
{
    return ks_str_cmp(((const struct ks_omemo_key *)a)->name, ((const struct ks_omemo_key *)b)->name);
}

static void read_header(struct ks_arena *arena, struct ks_omemo_trim *trim, bool older)
{
    const struct ks_str encrypted = older ? KS_STR("<encrypted xmlns='" NS_AXOLOTL "'>")
                                          : KS_STR("<encrypted xmlns='" NS_OMEMO "'>"),
                        begin = older ? KS_STR("<key ") : KS_STR("<keys "),
                        end = older ? KS_STR("</key>") : KS_STR("</keys>"),
                        name = older ? KS_STR(" rid='") : KS_STR(" jid='");
    struct ks_omemo_header header = { .older = older };
    size_t at = find_tag(trim->text, encrypted), len, cap = 0;
    struct ks_str left, tag, value;

    if (at == trim->text.len)
        return;
    left = ks_str_from(trim->text, at + encrypted.len);
    if (!ks_str_starts(left, KS_STR("<header ")) || (at = ks_str_find_byte(left, '>')) == left.len)
        return;
    left = ks_str_from(left, at + 1);
    header.from = (size_t)(left.ptr - trim->text.ptr);
    for (; take_element(left, begin, end, &tag, &len); left = ks_str_from(left, len)) {
        value = attribute(tag, name);
        if (!value.ptr)
            return;
        if (header.keys_count == cap) {
            struct ks_omemo_key *more = ks_arena_alloc(arena, (cap = cap ? 2 * cap : 16) * sizeof *more);
            if (!more)
                return;
            if (header.keys_count)
                memcpy(more, header.keys, header.keys_count * sizeof *more);
            header.keys = more;
        }
        header.keys[header.keys_count++] =
            (struct ks_omemo_key) { older ? value : normal(arena, value), ks_str_head(left, len) };
    }
    header.to = (size_t)(left.ptr - trim->text.ptr);
    if (header.keys_count < 2)
        return; /* nothing worth the trouble */
    qsort(header.keys, header.keys_count, sizeof *header.keys, by_name);
    trim->headers[trim->headers_count++] = header;
}

void ks_omemo_trim_read(struct ks_arena *arena, struct ks_str text, struct ks_omemo_trim *ret_trim)
{
    *ret_trim = (struct ks_omemo_trim) { .text = text };
    read_header(arena, ret_trim, false);
    read_header(arena, ret_trim, true);
    if (ret_trim->headers_count == 2 && ret_trim->headers[0].from > ret_trim->headers[1].from) {
        struct ks_omemo_header first = ret_trim->headers[1];
        ret_trim->headers[1] = ret_trim->headers[0];
        ret_trim->headers[0] = first;
    }
}

/* --- cutting --- */

/* The first key of that name, or where it would be. */
static size_t place(const struct ks_omemo_header *header, struct ks_str name)
{
    size_t low = 0, high = header->keys_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ks_str_cmp(header->keys[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Its keys of that name; false: there are more than fit. */
static bool add_keys(const struct ks_omemo_header *header, struct ks_str name, struct ks_str *parts, size_t *count)
{
    for (size_t i = place(header, name); i < header->keys_count && ks_str_eq(header->keys[i].name, name); i++) {
        if (*count >= KS_OMEMO_TRIM_PARTS_MAX - 3)
            return false;
        parts[(*count)++] = header->keys[i].bytes;
    }
    return true;
}

static bool add_devices(
    const struct ks_omemo_header *header, struct ks_str devices, struct ks_str *parts, size_t *count)
{
    const struct ks_str id = KS_STR(" id='");

    for (size_t at; (at = ks_str_find(devices, id)) < devices.len;) {
        devices = ks_str_from(devices, at + id.len);
        if (!add_keys(header, ks_str_head(devices, ks_str_find_byte(devices, '\'')), parts, count))
            return false;
    }
    return true;
}

size_t ks_omemo_trim_parts(const struct ks_omemo_trim *trim, struct ks_str bare, struct ks_str devices,
    struct ks_str parts[KS_OMEMO_TRIM_PARTS_MAX])
{
    size_t count = 0, done = 0;

    for (size_t i = 0; i < trim->headers_count; i++) {
        const struct ks_omemo_header *header = &trim->headers[i];
        if (header->older && !devices.len)
            continue;
        parts[count++] = ks_str(trim->text.ptr + done, header->from - done);
        if (header->older ? !add_devices(header, devices, parts, &count) : !add_keys(header, bare, parts, &count)) {
            parts[0] = trim->text;
            return 1;
        }
        done = header->to;
    }
    parts[count++] = ks_str_from(trim->text, done);
    return count;
}

struct ks_str ks_omemo_devices(const struct ks_user *user)
{
    struct ks_pep_item item;

    if (user->state != KS_USER_LOADED || !ks_pep_item_last(user, KS_STR(NS_AXOLOTL_DEVICES), &item))
        return KS_STR_EMPTY;
    return item.payload;
}

struct ks_str ks_omemo_trim_devices(const struct ks_omemo_trim *trim, const struct ks_user *user)
{
    for (size_t i = 0; i < trim->headers_count; i++)
        if (trim->headers[i].older)
            return ks_omemo_devices(user);
    return KS_STR_EMPTY;
}

/* --- a tree --- */

static bool is_listed(struct ks_str devices, struct ks_str rid)
{
    const struct ks_str id = KS_STR(" id='");

    for (size_t at; (at = ks_str_find(devices, id)) < devices.len;) {
        devices = ks_str_from(devices, at + id.len);
        if (ks_str_eq(ks_str_head(devices, ks_str_find_byte(devices, '\'')), rid))
            return true;
    }
    return false;
}

/* A copy of header with what of it goes to the account. */
static struct ks_xml *cut(
    struct ks_arena *arena, struct ks_xml *header, bool older, struct ks_str bare, struct ks_str devices)
{
    struct ks_xml *copy = ks_xml_copy_top(arena, header), *next;

    for (struct ks_xml *at = copy ? copy->child : NULL; at; at = next) {
        next = at->next;
        if (older ? ks_xml_is(at, NS_AXOLOTL, "key") && !is_listed(devices, ks_xml_attr(at, "rid"))
                  : ks_xml_is(at, NS_OMEMO, "keys") && !ks_str_eq(normal(arena, ks_xml_attr(at, "jid")), bare))
            ks_xml_remove(copy, at);
    }
    return copy;
}

static struct ks_xml *replace(struct ks_arena *arena, struct ks_xml *parent, const char *ns, const char *name,
    struct ks_xml *(*make)(struct ks_arena *, struct ks_xml *, bool, struct ks_str, struct ks_str), bool older,
    struct ks_str bare, struct ks_str devices)
{
    struct ks_xml *copy = ks_xml_copy_top(arena, parent), **at = copy ? &copy->child : NULL, *last = NULL;

    for (; at && *at; last = *at, at = &(*at)->next)
        if (ks_xml_is(*at, ns, name)) {
            struct ks_xml *made = make(arena, *at, older, bare, devices);
            if (!made)
                return NULL;
            made->next = (*at)->next;
            *at = made;
        }
    if (copy)
        copy->last_child = last;
    return copy;
}

static struct ks_xml *cut_encrypted(
    struct ks_arena *arena, struct ks_xml *encrypted, bool older, struct ks_str bare, struct ks_str devices)
{
    return replace(arena, encrypted, older ? NS_AXOLOTL : NS_OMEMO, "header", cut, older, bare, devices);
}

struct ks_xml *ks_omemo_trim_tree(struct ks_arena *arena, struct ks_xml *xml, struct ks_str bare, struct ks_str devices)
{
    if (ks_xml_child(xml, NS_OMEMO, "encrypted"))
        xml = replace(arena, xml, NS_OMEMO, "encrypted", cut_encrypted, false, bare, devices);
    if (xml && devices.len && ks_xml_child(xml, NS_AXOLOTL, "encrypted"))
        xml = replace(arena, xml, NS_AXOLOTL, "encrypted", cut_encrypted, true, bare, devices);
    return xml;
}
