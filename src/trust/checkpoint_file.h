/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* checkpoint_file.h -- a signed checkpoint of the key log as a file (doc/PROTOCOL.md §20.5), which proves without a
 * network since when a signed message that names it can have been signed. Pure functions. */
#ifndef KS_CHECKPOINT_FILE_H
#define KS_CHECKPOINT_FILE_H

#include "checkpoint.h"
#include "device_cert.h"

#define KS_CHECKPOINT_FILE_MAX 8192

/* signer: its certificate. Memory: see the buffer. */
void ks_checkpoint_file_write(const struct ks_signed_checkpoint *checkpoint, struct ks_str signer, struct ks_buf *buf);
/* KS_ESYNTAX: it is no such file; KS_EDENIED: another domain's; KS_ECRYPTO: not signed by one whom the root let sign
 * checkpoints of that domain then; KS_ENOMEM; KS_ELIMIT: the arena's. */
KS_CHECK enum ks_err ks_checkpoint_file_read(struct ks_arena *arena, struct ks_str text, struct ks_str root,
    struct ks_str domain, struct ks_checkpoint *ret_checkpoint);

#endif
