/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* audit_chain.h -- the audit log's chain of hashes.
 *
 * Each row's hash is over the hash before it and all of the row's fields, so that nobody changes, takes out or puts in
 * a row without changing all hashes after it; who has noted the newest hash elsewhere then notices. The first follows
 * 32 zero bytes. */
#ifndef KS_AUDIT_CHAIN_H
#define KS_AUDIT_CHAIN_H

#include "server_store.h"

/* SHA-256("konsil audit 1" | previous | seq u64 | stamp_ms u64 | actor | action | subject | detail), numbers
 * big-endian, each text with its length in front as u32. row->hash is not looked at. */
void ks_audit_hash(const uint8_t previous[32], const struct ks_audit_row *row, uint8_t ret_hash[32]);

/* Where the chain begins when its oldest rows went: the number and the hash of the last of them. Zeroes: from the
 * beginning. */
struct ks_audit_anchor {
    uint64_t seq;
    uint8_t hash[32];
};
KS_CHECK enum ks_err ks_audit_anchor_read(struct ks_server_store *store, struct ks_audit_anchor *ret_anchor);
/* Inside a transaction. */
KS_CHECK enum ks_err ks_audit_anchor_write(struct ks_server_store *store, const struct ks_audit_anchor *anchor);

/* Walks the log from its anchor. KS_OK; KS_ECRYPTO: the row after *ret_good rows has another hash or number than it
 * should have; KS_ESTORE, KS_ENOMEM. *ret_gone: how many rows went when their time was up. */
KS_CHECK enum ks_err ks_audit_verify(struct ks_server_store *store, uint64_t *ret_good, uint64_t *ret_gone);

#endif
