/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_metadata.h -- where an account's archive begins and ends (XEP-0313 §5): what c2s_sasl2.c asks of
 * xep_0313_archive.c. */
#ifndef KS_ARCHIVE_METADATA_H
#define KS_ARCHIVE_METADATA_H

#include "feature.h"

enum ks_archive_end { KS_ARCHIVE_OLDEST, KS_ARCHIVE_NEWEST };
/* Asks for the row at one end; then: as ks_ask has it. */
void ks_archive_end_ask(
    struct ks_ctx *ctx, enum ks_archive_end end, void (*then)(struct ks_ctx *ctx, struct ks_store_req *req));
/* Adds <start/> or <end/> to <metadata/>; nothing when the archive is empty or could not be read. */
void ks_archive_end_add(
    struct ks_ctx *ctx, struct ks_xml *metadata, enum ks_archive_end end, const struct ks_store_req *req);

#endif
