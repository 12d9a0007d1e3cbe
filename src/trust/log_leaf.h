/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* log_leaf.h -- entries of the key log (doc/PROTOCOL.md §15.1): what was issued, revoked or decided, for whom to know
 * it who has the log's salt. Pure functions. */
#ifndef KS_LOG_LEAF_H
#define KS_LOG_LEAF_H

#include "crypto.h"

#define KS_LOG_LEAF_LEN 96
#define KS_LOG_SALT_LEN 32
#define KS_LOG_ACCOUNT_LEN 16
#define KS_LOG_OBJECT_LEN 32

enum ks_log_type {
    KS_LOG_ISSUE = 1, /* object: the certificate's hash; aux: that of the one that vouched, or zeroes */
    KS_LOG_REVOKE,    /* object: the certificate's hash; aux: reason and since when */
    KS_LOG_SIGNER,    /* object: the hash of an authority's or signer's certificate */
    KS_LOG_POLICY,    /* object: the hash of a policy */
    KS_LOG_WIPE,      /* object: the slot of a vault that is to be wiped */
    KS_LOG_RECOVERED, /* object: the ring's hash; aux: the certificate it was opened for */
    KS_LOG_CROSS,     /* object: the hash of a partner's certificate */
    KS_LOG_ERASED,    /* an account is gone */
};

struct ks_log_leaf {
    uint8_t type; /* of enum ks_log_type, or of a newer version's: then it counts as an entry and says nothing */
    uint32_t device;
    int64_t time_ms; /* since 1970 */
    uint8_t account[KS_LOG_ACCOUNT_LEN], object[KS_LOG_OBJECT_LEN], aux[KS_LOG_OBJECT_LEN];
};

void ks_log_leaf_write(const struct ks_log_leaf *leaf, uint8_t ret_bytes[KS_LOG_LEAF_LEN]);
/* KS_ESYNTAX: of another length or version, or with a time before 1970. */
KS_CHECK enum ks_err ks_log_leaf_read(struct ks_str bytes, struct ks_log_leaf *ret_leaf);

/* How an account is called in a log: always the same, so that nobody hides a device under a second name, and nobody
 * without the salt tells whose it is. jid is bare and normalised. */
void ks_log_account(const uint8_t salt[KS_LOG_SALT_LEN], struct ks_str jid, uint8_t ret_account[KS_LOG_ACCOUNT_LEN]);

#endif
