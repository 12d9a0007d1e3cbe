/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* store_read.h -- what only reads the store: accounts, their rows, pages of archives, the audit log. */
#ifndef KS_STORE_READ_H
#define KS_STORE_READ_H

#include "archive_read.h"

/* Fills what a request of any kind but KS_STORE_TXN asks for, copied into it. The result is the return value, or, of
 * what did not fit, req->result. KS_ESTORE: the store is damaged. */
KS_CHECK enum ks_err ks_store_read(const struct ks_archive_view *view, struct ks_store_req *req);

#endif
