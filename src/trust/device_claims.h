/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* device_claims.h -- what a device's certificate and its request say of the device itself (doc/PROTOCOL.md §14.1): the
 * extension that ties a signing key to an OMEMO device, and the names of its account. DER; pure functions. */
#ifndef KS_DEVICE_CLAIMS_H
#define KS_DEVICE_CLAIMS_H

#include "arena.h"
#include "buf.h"

/* 2.25.179182224142705796714361420395769147229, a UUID's arc (X.667), without tag and length. */
#define KS_OID_KONSIL "\x69\x82\x8d\xcd\x9e\xee\x92\xe7\x8a\xa3\xf3\x90\xd5\xa1\x96\xd8\xbe\xba\xde\x5d"
#define KS_OID_CLAIMS KS_STR(KS_OID_KONSIL "\x01")       /* the extension */
#define KS_OID_DEVICE KS_STR(KS_OID_KONSIL "\x02\x01")   /* extended key usage: a device of konsil */
#define KS_OID_STATUS KS_STR(KS_OID_KONSIL "\x02\x02")   /* likewise: signs checkpoints of the key log */
#define KS_OID_POLICY KS_STR(KS_OID_KONSIL "\x02\x03")   /* likewise: states policies */
#define KS_OID_OFFICERS KS_STR(KS_OID_KONSIL "\x02\x05") /* likewise: officers have it in shares */
#define KS_OID_LOG KS_STR(KS_OID_KONSIL "\x03")          /* extension of a CRL: the log that says the same */
#define KS_OID_DEALING KS_STR(KS_OID_KONSIL "\x04")      /* extension of theirs: SHA-256 of the dealing's file */
#define KS_OID_XMPP_ADDR KS_STR("\x2b\x06\x01\x05\x05\x07\x08\x05") /* id-on-xmppAddr, RFC 6120 §13.7.1.4 */

#define KS_SEAL_KEY_LEN 65 /* P-256, uncompressed */
#define KS_DEVICE_UUID_LEN 16
#define KS_CLAIMS_BYTES_MAX 160
#define KS_NAMES_BYTES_MAX 3200

enum ks_device_kind { KS_DEVICE_PERSONAL, KS_DEVICE_SHARED, KS_DEVICE_SERVICE, KS_DEVICE_CLI, KS_DEVICE_KINDS };

struct ks_device_claims {
    uint32_t device;      /* OMEMO's device id, 1 to 2^31 - 1 */
    uint8_t identity[32]; /* OMEMO's identity key, as Ed25519 (XEP-0384 §4) */
    uint8_t seal_key[KS_SEAL_KEY_LEN];
    uint32_t envelope_min; /* the oldest version of envelopes that it reads */
    enum ks_device_kind kind;
};
/* KS_ESYNTAX: of another version, form or range, or with bytes behind. */
KS_CHECK enum ks_err ks_device_claims_read(struct ks_str der, struct ks_device_claims *ret_claims);
void ks_device_claims_write(struct ks_buf *buf, const struct ks_device_claims *claims);

/* Whose device it is, and which: subjectAltName with id-on-xmppAddr and urn:uuid:. */
struct ks_device_names {
    struct ks_str jid; /* bare, as it stands there */
    uint8_t uuid[KS_DEVICE_UUID_LEN];
};
void ks_device_names_write(struct ks_buf *buf, const struct ks_device_names *names);
/* jid is a view. KS_ESYNTAX: another name beside these two, one of them twice or missing. */
KS_CHECK enum ks_err ks_device_names_read(struct ks_str der, struct ks_device_names *ret_names);

#endif
