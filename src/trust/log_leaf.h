/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* log_leaf.h -- one leaf of the key log (doc/PROTOCOL.md §15.1): 96 bytes that say what the hospital did, and to which
 * account in a form that only its own people can read. Pure functions. */
#ifndef KS_LOG_LEAF_H
#define KS_LOG_LEAF_H

#include "merkle.h"

#define KS_LOG_LEAF_LEN 96
#define KS_LOG_ACCOUNT_LEN 16
#define KS_LOG_SALT_LEN 32
#define KS_LOG_OBJECT_LEN 32
#define KS_LOG_JID_MAX 2047                /* a bare address (RFC 7622 §3.1) */
#define KS_LOG_TIME_MAX_MS 253402300799999 /* the end of the year 9999 */

enum ks_log_type {
    KS_LOG_ISSUE = 1,    /* a device's certificate; aux: the certificate that vouched for it, or zeroes */
    KS_LOG_REVOKE = 2,   /* a certificate; aux: struct ks_log_revocation */
    KS_LOG_SIGNER = 3,   /* the certificate of an authority or of a signer */
    KS_LOG_POLICY = 4,   /* a policy; aux: its version */
    KS_LOG_WIPE = 5,     /* a vault slot that is to be destroyed */
    KS_LOG_RECOVERY = 6, /* officers opened an account's archive; aux: the certificate that got it */
    KS_LOG_CROSS = 7,    /* the certificate of a partner's authority */
    KS_LOG_ERASED = 8,   /* an account is gone */
};

struct ks_log_leaf {
    uint8_t type;                        /* enum ks_log_type, or one that a later version knows */
    uint32_t device;                     /* OMEMO's number; 0 where no device is meant */
    int64_t time_ms;                     /* since 1970, by the authority's clock */
    uint8_t account[KS_LOG_ACCOUNT_LEN]; /* zeroes where none is meant */
    uint8_t object[KS_LOG_OBJECT_LEN];   /* SHA-256 of what it is about */
    uint8_t aux[KS_LOG_OBJECT_LEN];
};

/* 96 bytes. KS_EVERSION: written by a newer version, which may have taken away what we rely on, so the log cannot be
 * followed; KS_ESYNTAX: not of the form. What a type of a later version has in its fields is not looked at. */
KS_CHECK enum ks_err ks_log_leaf_read(struct ks_str bytes, struct ks_log_leaf *ret_leaf);
/* KS_ESYNTAX: a leaf that nobody would read; nothing is written. A bad leaf in a log would stop all who follow it, for
 * ever, so this is asked before each is appended. */
KS_CHECK enum ks_err ks_log_leaf_write(const struct ks_log_leaf *leaf, uint8_t ret_bytes[KS_LOG_LEAF_LEN]);

/* What aux of a revocation has. */
struct ks_log_revocation {
    uint8_t reason;   /* CRLReason (RFC 5280 §5.3.1) */
    int64_t since_ms; /* what was signed from then on is not believed */
    int64_t until_ms; /* the certificate's end, after which nobody need remember that it was revoked */
};
void ks_log_revocation_read(const struct ks_log_leaf *leaf, struct ks_log_revocation *ret_revocation);
void ks_log_revocation_write(struct ks_log_leaf *leaf, const struct ks_log_revocation *revocation);
/* The version of a policy. */
uint64_t ks_log_policy_version(const struct ks_log_leaf *leaf);
void ks_log_policy_set(struct ks_log_leaf *leaf, uint64_t version);

/* How the log names an account: always the same, so a device cannot be entered under a second name, and unreadable to
 * who does not have the salt. jid is bare and in its normal form. */
void ks_log_account(const uint8_t salt[KS_LOG_SALT_LEN], struct ks_str jid, uint8_t ret_account[KS_LOG_ACCOUNT_LEN]);

#endif
