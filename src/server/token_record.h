/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* token_record.h -- the tokens of one device, as they are stored (XEP-0484): never a token, only what it follows from
 * together with the secret of this installation, which is not in the store. */
#ifndef KS_TOKEN_RECORD_H
#define KS_TOKEN_RECORD_H

#include "buf.h"

#define KS_TOKEN_SALT_LEN 8

struct ks_token {
    uint8_t mechanism; /* ks_ht_mechanism.code; 0: there is none */
    uint8_t salt[KS_TOKEN_SALT_LEN];
    uint32_t expiry; /* seconds since 1970 */
    uint32_t count;  /* the highest that was seen (§3.4); 0: none was */
};

/* §5.1: two slots, so that a device that did not get the new one can still use the one before. */
enum ks_token_slot { KS_TOKEN_CURRENT, KS_TOKEN_NEW, KS_TOKEN_SLOTS };
struct ks_tokens {
    struct ks_token slots[KS_TOKEN_SLOTS];
};

/* At most 48 bytes: rows so small fit into a full account, too (user.c). */
void ks_tokens_write(struct ks_buf *buf, const struct ks_tokens *tokens);
/* KS_ESYNTAX; KS_EVERSION. */
KS_CHECK enum ks_err ks_tokens_read(struct ks_str record, struct ks_tokens *ret_tokens);

#endif
