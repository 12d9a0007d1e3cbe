/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_json.h -- what devices ask the vault before they can log in, and what it answers (doc/PROTOCOL.md §16.3). */
#ifndef KS_VAULT_JSON_H
#define KS_VAULT_JSON_H

#include "buf.h"
#include "vault_keeper.h"

#define KS_VAULT_BODY_MAX 4096

/* The body of a request of that kind (KS_VAULT_EVAL, _CONFIRM or _TICKET): an object with exactly the names of the
 * kind, each once. KS_ESYNTAX; KS_ELIMIT above KS_VAULT_BODY_MAX; KS_ENOMEM. *ret_call is written on KS_OK only. */
KS_CHECK enum ks_err ks_vault_request_read(enum ks_vault_want want, struct ks_str body, struct ks_vault_call *ret_call);
/* The answer, and its status of HTTP. */
unsigned ks_vault_answer_write(struct ks_buf *buf, const struct ks_vault_call *call);

#endif
