/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "xml.h"

#include <stdio.h>

#include "xml_char.h"
#include "xml_scan.h"

bool ks_xml_is(const struct ks_xml *node, const char *ns, const char *name)
{
    return node && ks_str_is(node->name, name) && ks_str_is(node->ns, ns);
}

static struct ks_xml_attr *find_attr(const struct ks_xml *node, struct ks_str ns, struct ks_str name)
{
    for (struct ks_xml_attr *attr = node ? node->attrs : NULL; attr; attr = attr->next)
        if (ks_str_eq(attr->name, name) && ks_str_eq(attr->ns, ns))
            return attr;
    return NULL;
}

struct ks_str ks_xml_attr_ns(const struct ks_xml *node, const char *ns, const char *name)
{
    const struct ks_xml_attr *attr = find_attr(node, ks_str_z(ns), ks_str_z(name));

    return attr ? attr->value : KS_STR_EMPTY;
}

struct ks_str ks_xml_attr(const struct ks_xml *node, const char *name)
{
    return ks_xml_attr_ns(node, "", name);
}

static struct ks_xml *first_that_fits(struct ks_xml *node, const char *ns, const char *name)
{
    const struct ks_str ns_text = ks_str_z(ns), name_text = ks_str_z(name);

    for (; node; node = node->next)
        if (!ks_xml_is_text(node) && (!name || ks_str_eq(node->name, name_text))
            && (!ns || ks_str_eq(node->ns, ns_text)))
            return node;
    return NULL;
}

struct ks_xml *ks_xml_child(const struct ks_xml *parent, const char *ns, const char *name)
{
    return parent ? first_that_fits(parent->child, ns, name) : NULL;
}

struct ks_xml *ks_xml_next(const struct ks_xml *node, const char *ns, const char *name)
{
    return node ? first_that_fits(node->next, ns, name) : NULL;
}

struct ks_str ks_xml_text(struct ks_arena *arena, const struct ks_xml *node)
{
    struct ks_str only = KS_STR_EMPTY;
    size_t pieces = 0, len = 0;

    for (const struct ks_xml *child = node ? node->child : NULL; child; child = child->next)
        if (ks_xml_is_text(child)) {
            only = child->text;
            len += only.len;
            pieces++;
        }
    if (pieces < 2)
        return only;
    char *joined = ks_arena_alloc(arena, len);
    if (!joined)
        return KS_STR_EMPTY;
    size_t at = 0;
    for (const struct ks_xml *child = node->child; child; child = child->next)
        if (ks_xml_is_text(child) && child->text.len) {
            memcpy(joined + at, child->text.ptr, child->text.len);
            at += child->text.len;
        }
    return ks_str(joined, len);
}

bool ks_xml_text_ok(struct ks_str text)
{
    const uint8_t *at = (const uint8_t *)text.ptr, *const end = text.len ? at + text.len : at;
    uint32_t read;

    while (at < end) {
        KS_SCAN(at, end, c, (c < 0x20) | (c >= 0x80));
        if (at < end) {
            size_t len = ks_xml_char_read(ks_str(at, (size_t)(end - at)), &read);
            if (!len)
                return false;
            at += len;
        }
    }
    return true;
}

struct ks_xml *ks_xml_new(struct ks_arena *arena, const char *ns, const char *name)
{
    struct ks_xml *node = KS_NEW(arena, struct ks_xml);

    if (node) {
        node->ns = ks_str_z(ns);
        node->name = ks_str_z(name);
    }
    return node;
}

struct ks_xml *ks_xml_graft(struct ks_xml *parent, struct ks_xml *child)
{
    if (!parent || !child)
        return NULL;
    assert(!child->next);
    if (parent->last_child)
        parent->last_child->next = child;
    else
        parent->child = child;
    parent->last_child = child;
    return child;
}

struct ks_xml *ks_xml_add(struct ks_arena *arena, struct ks_xml *parent, const char *ns, const char *name)
{
    return parent ? ks_xml_graft(parent, ks_xml_new(arena, ns, name)) : NULL;
}

struct ks_xml *ks_xml_set_ns(
    struct ks_arena *arena, struct ks_xml *node, const char *ns, const char *name, struct ks_str value)
{
    if (!node)
        return NULL;
    struct ks_xml_attr *attr = find_attr(node, ks_str_z(ns), ks_str_z(name));
    if (!attr) {
        attr = KS_NEW(arena, struct ks_xml_attr);
        if (!attr)
            return NULL;
        attr->ns = ks_str_z(ns);
        attr->name = ks_str_z(name);
        struct ks_xml_attr **end = &node->attrs;
        while (*end)
            end = &(*end)->next;
        *end = attr;
    }
    /* An empty value is a value: only an absent attribute reads back as ptr NULL. */
    attr->value = value.ptr ? value : KS_STR("");
    return node;
}

struct ks_xml *ks_xml_set(struct ks_arena *arena, struct ks_xml *node, const char *name, struct ks_str value)
{
    return ks_xml_set_ns(arena, node, "", name, value);
}

struct ks_xml *ks_xml_set_u64(struct ks_arena *arena, struct ks_xml *node, const char *name, uint64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    struct ks_str text;

    if (!node || ks_arena_copy(arena, ks_str(digits, (size_t)len), &text))
        return NULL;
    return ks_xml_set(arena, node, name, text);
}

void ks_xml_unset(struct ks_xml *node, const char *name)
{
    struct ks_xml_attr **at = &node->attrs;

    while (*at && !((*at)->ns.len == 0 && ks_str_is((*at)->name, name)))
        at = &(*at)->next;
    if (*at)
        *at = (*at)->next;
}

struct ks_xml *ks_xml_put_text(struct ks_arena *arena, struct ks_xml *node, struct ks_str text)
{
    if (!node)
        return NULL;
    struct ks_xml *child = KS_NEW(arena, struct ks_xml);
    if (!child)
        return NULL;
    child->text = text;
    ks_xml_graft(node, child);
    return node;
}

struct ks_xml *ks_xml_add_text(
    struct ks_arena *arena, struct ks_xml *parent, const char *ns, const char *name, struct ks_str text)
{
    if (!parent)
        return NULL;
    struct ks_xml *child = ks_xml_new(arena, ns, name);
    return ks_xml_graft(parent, text.len ? ks_xml_put_text(arena, child, text) : child);
}

struct ks_xml *ks_xml_prepend(struct ks_xml *parent, struct ks_xml *child)
{
    if (!parent || !child)
        return NULL;
    child->next = parent->child;
    parent->child = child;
    if (!parent->last_child)
        parent->last_child = child;
    return child;
}

void ks_xml_remove(struct ks_xml *parent, struct ks_xml *child)
{
    struct ks_xml *before = NULL;

    for (struct ks_xml *at = parent->child; at != child; at = at->next) {
        assert(at); /* child is one of parent's */
        before = at;
    }
    if (before)
        before->next = child->next;
    else
        parent->child = child->next;
    if (parent->last_child == child)
        parent->last_child = before;
    child->next = NULL;
}

/* node alone, with attributes of its own. */
static struct ks_xml *copy_node(struct ks_arena *arena, const struct ks_xml *node)
{
    struct ks_xml *copy = ks_arena_alloc(arena, sizeof *copy);

    if (!copy)
        return NULL;
    *copy = *node;
    copy->next = NULL;
    struct ks_xml_attr **end = &copy->attrs;
    for (const struct ks_xml_attr *attr = node->attrs; attr; attr = attr->next) {
        *end = ks_arena_alloc(arena, sizeof **end);
        if (!*end)
            return NULL;
        **end = *attr;
        end = &(*end)->next;
    }
    return copy;
}

void ks_xml_filter(struct ks_xml *parent, bool (*keep)(const struct ks_xml *child))
{
    struct ks_xml **at = &parent->child;

    parent->last_child = NULL;
    while (*at)
        if (keep(*at)) {
            parent->last_child = *at;
            at = &(*at)->next;
        } else {
            *at = (*at)->next;
        }
}

struct ks_xml *ks_xml_copy_top(struct ks_arena *arena, const struct ks_xml *node)
{
    struct ks_xml *copy = node ? copy_node(arena, node) : NULL;

    if (!copy)
        return NULL;
    copy->child = copy->last_child = NULL;
    for (const struct ks_xml *child = node->child; child; child = child->next) {
        struct ks_xml *twin = ks_arena_alloc(arena, sizeof *twin);
        if (!twin)
            return NULL;
        *twin = *child;
        twin->next = NULL;
        ks_xml_graft(copy, twin);
    }
    return copy;
}

static bool own(struct ks_arena *arena, struct ks_str *text)
{
    return !text->ptr || ks_arena_copy(arena, *text, text) == KS_OK;
}

static struct ks_xml *copy_tree(struct ks_arena *arena, const struct ks_xml *node, unsigned depth)
{
    struct ks_xml *copy = depth <= KS_XML_DEPTH_MAX ? copy_node(arena, node) : NULL;

    if (!copy || !own(arena, &copy->ns) || !own(arena, &copy->name) || !own(arena, &copy->text))
        return NULL;
    for (struct ks_xml_attr *attr = copy->attrs; attr; attr = attr->next)
        if (!own(arena, &attr->ns) || !own(arena, &attr->name) || !own(arena, &attr->value))
            return NULL;
    copy->child = copy->last_child = NULL;
    for (const struct ks_xml *child = node->child; child; child = child->next)
        if (!ks_xml_graft(copy, copy_tree(arena, child, depth + !ks_xml_is_text(child))))
            return NULL;
    return copy;
}

struct ks_xml *ks_xml_copy(struct ks_arena *arena, const struct ks_xml *node)
{
    return node ? copy_tree(arena, node, 1) : NULL;
}
