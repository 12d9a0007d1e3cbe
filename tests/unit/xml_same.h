/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xml_same.h -- whether two trees are one. */
#ifndef XML_SAME_H
#define XML_SAME_H

#include "xml.h"

static bool same_attrs(const struct ks_xml_attr *a, const struct ks_xml_attr *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (!ks_str_eq(a->ns, b->ns) || !ks_str_eq(a->name, b->name) || !ks_str_eq(a->value, b->value))
            return false;
    return a == b;
}

/* Whether two trees are one. */
static bool same_xml(const struct ks_xml *a, const struct ks_xml *b)
{
    if (!ks_str_eq(a->ns, b->ns) || !ks_str_eq(a->name, b->name) || !ks_str_eq(a->text, b->text)
        || !same_attrs(a->attrs, b->attrs))
        return false;
    for (a = a->child, b = b->child; a && b; a = a->next, b = b->next)
        if (!same_xml(a, b))
            return false;
    return a == b;
}

#endif
