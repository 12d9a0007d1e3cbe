/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_record.h -- one sealed record of the archive, and the period whose key seals it (doc/PROTOCOL.md §17).
 *
 * What a device has read lies on konsild in records. A record opens with the key of its period, which the account's
 * devices have, and its salt, which konsild keeps apart: without either it is noise. What stands in a record (its body)
 * is the caller's; here it is only bytes. Nothing here blocks, logs, or keeps anything. */
#ifndef KS_ARCHIVE_RECORD_H
#define KS_ARCHIVE_RECORD_H

#include "buf.h"
#include "prng.h"

#define KS_ARCHIVE_KEY_LEN 32
#define KS_ARCHIVE_RID_LEN 16
#define KS_ARCHIVE_SALT_LEN 16
#define KS_ARCHIVE_WEEK_S 604800

#define KS_ARCHIVE_RECORD_MAX 49152 /* §18.8 */
#define KS_ARCHIVE_BODY_MAX 49085   /* the largest that fits, with its mark */
#define KS_ARCHIVE_ACCOUNT_MAX 3071 /* RFC 7622: a bare JID has fewer bytes */
#define KS_ARCHIVE_NAME_MAX 4096    /* of each text in a name */

/* How long a period's key is kept when its week is over. The numbers stand in records. */
enum ks_archive_class {
    KS_ARCHIVE_7_DAYS = 1,
    KS_ARCHIVE_30_DAYS,
    KS_ARCHIVE_90_DAYS,
    KS_ARCHIVE_YEAR,
    KS_ARCHIVE_10_YEARS,
};

/* Records that are sealed with one key. */
struct ks_archive_period {
    enum ks_archive_class class;
    uint32_t start; /* seconds since 1970: a Monday, 00:00 UTC */
    uint16_t sub;   /* 0; one more with each key that a removed device must not have */
};

/* The class of what may be kept for that long: the longest that is not longer. false: less than 7 days; such content is
 * not archived. */
KS_CHECK bool ks_archive_class_of(uint64_t retention_s, enum ks_archive_class *ret_class);

/* The period, with sub 0, of a stamp: konsild's of what was received, the own of what was sent. KS_ELIMIT: outside of
 * what a record can say (from 1970-01-05 to 2106-02-07). */
KS_CHECK enum ks_err ks_archive_period_of(
    enum ks_archive_class class, int64_t stamp_s, struct ks_archive_period *ret_period);

/* When its key goes, in seconds since 1970: the class counts from the end of the week. This is until of §18.2. */
int64_t ks_archive_period_end(const struct ks_archive_period *period);

/* What a record is a record of. All devices of an account compute the same, so it is stored once. */
struct ks_archive_name {
    struct ks_str conv;   /* bare JID of the other side, or of the room */
    struct ks_str author; /* bare JID */
    uint32_t device;
    struct ks_str ep; /* §6; of a message without a number its stanza id, with device and n 0 */
    uint64_t n;
    uint8_t kind; /* 1: message with a number; 2: message without */
};

/* KS_ELIMIT: a text is longer than KS_ARCHIVE_NAME_MAX; KS_ENOMEM. */
KS_CHECK enum ks_err ks_archive_rid(const uint8_t period_key[KS_ARCHIVE_KEY_LEN], const struct ks_archive_name *name,
    uint8_t ret_rid[KS_ARCHIVE_RID_LEN]);

/* What stands in front of a record, readable for everybody and authenticated when it is opened. */
struct ks_archive_header {
    struct ks_archive_period period;
    uint8_t rid[KS_ARCHIVE_RID_LEN];
};

/* Draws a salt for the record and appends the record to buf, padded to one of the lengths of §17.3. account is the own
 * bare JID. KS_ELIMIT: body or account is too long, nothing was appended; KS_ENOMEM. buf's own failure stays in buf. */
KS_CHECK enum ks_err ks_archive_seal(struct ks_prng *prng, const uint8_t period_key[KS_ARCHIVE_KEY_LEN],
    struct ks_str account, const struct ks_archive_header *header, struct ks_str body,
    uint8_t ret_salt[KS_ARCHIVE_SALT_LEN], struct ks_buf *buf);

/* Which key a record wants. KS_ELIMIT: longer than KS_ARCHIVE_RECORD_MAX; KS_EVERSION: of a later program, which is
 * kept; KS_ESYNTAX: no record. */
KS_CHECK enum ks_err ks_archive_header_read(struct ks_str record, struct ks_archive_header *ret_header);

/* Opens, and appends the body to buf, which should be a secret one. As ks_archive_header_read; KS_ECRYPTO: another key,
 * account, or salt, or something was altered: the record is damaged, and is written anew by who has what it was
 * (§18.2, rev). Nothing was appended. The caller compares the header's rid with that under which konsild gave the
 * record and with ks_archive_rid of what stands in the body: any device of the account could seal under any rid. */
KS_CHECK enum ks_err ks_archive_open(const uint8_t period_key[KS_ARCHIVE_KEY_LEN], struct ks_str account,
    const uint8_t salt[KS_ARCHIVE_SALT_LEN], struct ks_str record, struct ks_archive_header *ret_header,
    struct ks_buf *buf);

#endif
