/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_tombs.h -- which of the vault's slots were destroyed, in a file that only grows (vault_store.h).
 *
 * It is neither in the vault's database nor in any backup, so that nothing that comes back from one brings back what
 * was destroyed since. It holds random ids and nothing else, 16 bytes each behind a head; what a power cut left of one
 * is cut off when it is opened. */
#ifndef KS_VAULT_TOMBS_H
#define KS_VAULT_TOMBS_H

#include "vault_store.h"

struct ks_vault_tombs_file {
    struct ks_vault_tombs base;
    int fd;
};

/* KS_ENOTFOUND: there is none at path, and make is false; KS_ESYNTAX: it is something else; KS_EIO; KS_EFULL. */
KS_CHECK enum ks_err ks_vault_tombs_open(const char *path, bool make, struct ks_vault_tombs_file *ret_tombs);
void ks_vault_tombs_close(struct ks_vault_tombs_file *tombs);

#endif
