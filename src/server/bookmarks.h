/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* bookmarks.h -- what xep_0049_private.c asks of xep_0402_bookmarks.c. */
#ifndef KS_BOOKMARKS_H
#define KS_BOOKMARKS_H

#include "feature.h"

#define KS_BOOKMARKS_OLD_MAX 200 /* in a list of XEP-0048: a longer one is not converted */

/* True if element is a list of XEP-0048. */
bool ks_bookmarks_is_list(const struct ks_xml *element);
/* Adds the account's bookmarks to such a list, behind what else it has. */
void ks_bookmarks_fill(struct ks_ctx *ctx, struct ks_xml *list);
/* The account's bookmarks become those of the list, and are taken out of it. */
void ks_bookmarks_take(struct ks_ctx *ctx, struct ks_xml *list);

/* Brings the copy of them for the node of XEP-0048 up to date. */
void ks_bookmarks_copy(struct ks_ctx *ctx);

#endif
