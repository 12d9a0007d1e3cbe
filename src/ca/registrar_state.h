/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar_state.h -- what the parts of the registrar share. Records, all with a version byte in front:
 *
 *   m                          domain, pin, salt, number of the newest list of revoked certificates, of invitations
 *   f                          frontier of the log
 *   p                          the newest checkpoint: its bytes, its signature, its time
 *   l u64 number               entries of the log (as they are, without a version byte)
 *   a jid                      an account: its share
 *   s hash                     an authority or signer that the log names
 *   i jid                      an invitation
 *   c jid 0 u32 device u64 n   a certificate, by its entry's number
 *   h hash                     a certificate's hash to the key of its record
 *   k u8 kind hash             a key's hash to that of its newest certificate: nobody's key is certified twice
 *   q hash                     a request's hash to that of its certificate
 *   r u64 until u64 n          a revoked certificate that has not ended, by its end and its entry's number */
#ifndef KS_REGISTRAR_STATE_H
#define KS_REGISTRAR_STATE_H

#include "registrar.h"

#define KS_RECORD_VERSION 1
#define KS_RECORD_BYTES_MAX 16384

struct ks_registrar {
    struct ks_registrar_setup setup;
    struct ks_arena arena; /* of the call at hand */
    uint8_t pin[KS_ENROL_PIN_LEN], salt[KS_LOG_SALT_LEN];
    struct ks_str chain[KS_ENROL_CHAIN_MAX - 1]; /* authorities, the issuing one first */
    size_t chain_count;
    int64_t until_s;    /* when the first of them ends */
    uint8_t issuer[32]; /* SHA-256 of the issuing one's certificate */
    uint64_t lists;     /* number of the newest list of revoked ones */
    uint32_t invites;
    struct ks_merkle_frontier frontier;
    /* The newest checkpoint. */
    uint64_t signed_size;
    int64_t signed_s;
    struct ks_merkle_hash signed_root;
    char checkpoint[KS_CHECKPOINT_BYTES_MAX];
    size_t checkpoint_len;
    uint8_t signature[KS_P256_SIGNATURE_LEN], signer_public[KS_P256_PUBLIC_LEN];
};

/* --- the store --- */

/* Runs change in a transaction; after an error memory is as it was, too. */
typedef enum ks_err ks_registrar_change(struct ks_registrar *r, void *arg);
KS_CHECK enum ks_err ks_registrar_do(struct ks_registrar *r, ks_registrar_change *change, void *arg);
/* A key: its letter and what follows, in r->arena. KS_ENOMEM. */
KS_CHECK enum ks_err ks_registrar_key(
    struct ks_registrar *r, char letter, const struct ks_str *parts, size_t count, struct ks_str *ret_key);
/* In r->arena. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_registrar_get(struct ks_registrar *r, struct ks_str key, struct ks_str *ret_record);
KS_CHECK enum ks_err ks_registrar_put(struct ks_registrar *r, struct ks_str key, const struct ks_buf *record);
/* The version byte of a record. KS_ESTORE, KS_EVERSION. */
KS_CHECK enum ks_err ks_registrar_begin(struct ks_str record, struct ks_cursor *ret_at);
KS_CHECK enum ks_err ks_registrar_bytes(struct ks_cursor *at, uint8_t *ret_bytes, size_t len);

/* --- in a change --- */

/* registrar_log.c */
KS_CHECK enum ks_err ks_registrar_append(struct ks_registrar *r, const struct ks_log_leaf *leaf, uint64_t *ret_number);
KS_CHECK enum ks_err ks_registrar_sign(struct ks_registrar *r, int64_t now_ms);
KS_CHECK enum ks_err ks_registrar_save(struct ks_registrar *r); /* m */

/* registrar_invite.c */
struct ks_invite_record {
    uint8_t mac_key[KS_ENROL_MAC_LEN], used[32]; /* used: SHA-256 of the request that used it; zeroes: none */
    int64_t expires_ms, alarm_ms;                /* alarm: when another request came; 0: none did */
    bool waits;
    enum ks_device_kind kind;
    struct ks_str name, profession, department, organisation, person, actor;
};
KS_CHECK enum ks_err ks_invite_get(struct ks_registrar *r, struct ks_str jid, struct ks_invite_record *ret_invite);
KS_CHECK enum ks_err ks_invite_put(struct ks_registrar *r, struct ks_str jid, const struct ks_invite_record *invite);
bool ks_invite_used(const struct ks_invite_record *invite);
/* KS_ENOTFOUND: there is none. */
KS_CHECK enum ks_err ks_invite_del(struct ks_registrar *r, struct ks_str jid);
/* Those that nobody needs any more. */
KS_CHECK enum ks_err ks_invite_forget(struct ks_registrar *r, int64_t now_ms);
/* Whether it is an account of the domain, as it is written everywhere. KS_EDENIED: it is not. */
KS_CHECK enum ks_err ks_registrar_account(struct ks_registrar *r, struct ks_str jid);

/* registrar_issued.c */
struct ks_cert_record {
    uint64_t leaf;
    int64_t from_s, until_s, revoked_ms;
    enum ks_device_kind kind;
    uint8_t hash[32], key[KS_P256_PUBLIC_LEN];
    uint8_t identity[32]; /* SHA-256 of its form without a sign */
    uint8_t issuer[32];   /* SHA-256 of its authority's certificate */
    struct ks_str serial, name, profession, department, organisation, person, der;
};
bool ks_cert_live(const struct ks_cert_record *cert, int64_t now_ms);
KS_CHECK enum ks_err ks_cert_put(
    struct ks_registrar *r, struct ks_str jid, uint32_t device, const struct ks_cert_record *cert);
/* By the certificate's hash; jid belongs to r->arena. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_cert_find(struct ks_registrar *r, const uint8_t hash[32], struct ks_str *ret_jid,
    uint32_t *ret_device, struct ks_cert_record *ret_cert);
/* Those of an account, or (device not 0) of one device, the oldest first. Views are good in the call. */
typedef bool ks_visit_cert(void *user, uint32_t device, const struct ks_cert_record *cert); /* false stops */
KS_CHECK enum ks_err ks_cert_walk(
    struct ks_registrar *r, struct ks_str jid, uint32_t device, ks_visit_cert *visit, void *user);
/* Revoked ones whose end is behind the newest checkpoint, so that a list of their end has named them. */
KS_CHECK enum ks_err ks_cert_forget(struct ks_registrar *r);

#endif
