/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* certs.h -- certificates of others' devices: fetched, judged, kept; and what they decide (doc/PROTOCOL.md §14, §15,
 * §21.5).
 *
 * A device is genuine when its certificate leads to the hospital's root, names its account and its OMEMO identity,
 * stands in the key log and was not revoked. In a domain whose hospital this device belongs to, what is not genuine
 * gets no key, and nothing that it says is shown: unless its account was opened for other programs (ks_cert_mixed).
 * Devices that belong to no hospital trust on first use, and nothing here has an effect.
 *
 * Certificates are checked when they come, an account at a time, so that nobody waits for that when something is sent.
 * Table:
 *
 *   KS_T_CERT   jid 0 u32 device u64 number in the log   what cert_record writes */
#ifndef KS_CERTS_H
#define KS_CERTS_H

#include "cert_cache.h"
#include "device_cert.h"
#include "list.h"
#include "log_view.h"
#include "omemo.h"
#include "stanza.h"

#define KS_CERTS_ACCOUNTS_MAX 4096 /* looked after in a session */
#define KS_CERTS_AGAIN_MS 60000    /* one account's are fetched once a minute at most */

struct konsil;

struct ks_certs {
    struct ks_list accounts;   /* whose were asked for, in this XMPP session */
    struct ks_list candidates; /* good, but for the log's word */
    size_t account_count;
    bool proving;
    struct ks_cert_cache cache;
};

void ks_certs_init(struct konsil *k);
void ks_certs_lost(struct konsil *k);
void ks_certs_done(struct konsil *k);

/* One that was found good once. Views into the step's arena. */
struct ks_cert {
    uint8_t hash[32];
    uint64_t leaf; /* its entry's number */
    int64_t not_before_s, not_after_s;
    uint8_t identity[KS_IDENTITY_LEN], key[KS_P256_PUBLIC_LEN], seal_key[KS_SEAL_KEY_LEN];
    enum ks_device_kind kind;
    struct ks_str name, profession, department, organisation, person;
    struct ks_str der;
};

enum ks_genuine {
    KS_GENUINE,
    KS_GENUINE_UNKNOWN, /* no certificate of it is here: none, none that holds, or not fetched yet */
    KS_GENUINE_OTHER,   /* it is for another OMEMO identity */
    KS_GENUINE_ENDED,
    KS_GENUINE_REVOKED, /* or whether it was cannot be told */
};

/* --- in a step --- */

/* Whether certificates decide about this account. */
bool ks_certs_count(const struct konsil *k, struct ks_str jid);
/* The newest certificate of a device. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_cert_get(struct konsil *k, struct ks_str jid, uint32_t device, struct ks_cert *ret_cert);
/* All that a device ever had, the newest first; false stops. */
typedef bool ks_visit_cert(void *user, const struct ks_cert *cert);
KS_CHECK enum ks_err ks_cert_each(
    struct konsil *k, struct ks_str jid, uint32_t device, ks_visit_cert *visit, void *user);
/* Keeps one of a former device of the account itself, whose chain holds and whose entry the log has with that number:
 * what it signed is still to be checked. */
KS_CHECK enum ks_err ks_cert_recall(
    struct konsil *k, const struct ks_device_cert *read, struct ks_str der, uint64_t leaf);
/* What it is worth now. identity NULL: whichever it has. */
enum ks_genuine ks_cert_judge(struct konsil *k, const struct ks_cert *cert, const uint8_t identity[KS_IDENTITY_LEN]);
KS_CHECK enum ks_err ks_certs_genuine(struct konsil *k, struct ks_str jid, uint32_t device,
    const uint8_t identity[KS_IDENTITY_LEN], enum ks_genuine *ret_genuine);
/* Whether a device may have keys, and what it says be shown. */
KS_CHECK enum ks_err ks_certs_permit(
    struct konsil *k, struct ks_str jid, uint32_t device, const uint8_t identity[KS_IDENTITY_LEN], bool *ret_permitted);

/* How long a device may have keys from now on if nothing is revoked; 0: not at all; for ever where certificates do not
 * decide. */
KS_CHECK enum ks_err ks_certs_left_ms(struct konsil *k, struct ks_str jid, uint32_t device, int64_t *ret_ms);

/* Asks for what is missing of an account whose device lists are here. *ret_ready: everything is here or cannot be had;
 * otherwise ks_keys_wake follows. */
KS_CHECK enum ks_err ks_certs_ready(struct konsil *k, struct ks_str jid, bool *ret_ready);
/* A device spoke of which nothing is known: its account's certificates are fetched anew. *ret_coming: it is worth
 * waiting for them. */
KS_CHECK enum ks_err ks_certs_want(struct konsil *k, struct ks_str jid, uint32_t device, bool *ret_coming);
/* The log says that an account has a device more, and how the log names it: its certificates are fetched anew. */
void ks_certs_issued(struct konsil *k, const uint8_t account[KS_LOG_ACCOUNT_LEN]);
/* The server told what there is of the log. */
KS_CHECK enum ks_err ks_certs_log_told(struct konsil *k);

/* Says, once of each device, that it may not have keys with that identity (NULL: whichever it has); nothing of one that
 * may. */
KS_CHECK enum ks_err ks_certs_tell(
    struct konsil *k, struct ks_str jid, uint32_t device, const uint8_t identity[KS_IDENTITY_LEN]);

/* An account that may have devices of other programs, without certificates. */
KS_CHECK enum ks_err ks_cert_mixed(struct konsil *k, struct ks_str jid, bool *ret_mixed);
KS_CHECK enum ks_err ks_cert_set_mixed(struct konsil *k, struct ks_str jid, bool mixed);

#endif
