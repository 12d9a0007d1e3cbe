/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar.h -- who the hospital lets have a certified device, and what the key log says of it (doc/PROTOCOL.md §14,
 * §15, §21): invitations, enrolment, renewal, revocation, checkpoints. The core of konsil-ca.
 *
 * Nothing here does IO or asks a clock. Everything is in an engine store of its own (table KS_T_REGISTRAR), one
 * transaction for each call that changes something; what a call returned is durable. Who somebody is, only an
 * operator's invitation or a device that is certified already says: never konsild. Times are milliseconds since 1970.
 * Results of every call: KS_ESTORE, KS_EFULL, KS_ENOMEM; further ones are named. One thread. */
#ifndef KS_REGISTRAR_H
#define KS_REGISTRAR_H

#include "authority.h"
#include "checkpoint.h"
#include "engine_store.h"
#include "enrol.h"
#include "log_leaf.h"

#define KS_REGISTRAR_PAGE 500   /* entries of the log in one answer */
#define KS_REGISTRAR_DEVICES 16 /* of one account, certified at one time */
#define KS_REGISTRAR_RENEWALS 4 /* certificates of one device at one time */
#define KS_REGISTRAR_TEXT_MAX 200
#define KS_REGISTRAR_INVITES 100000 /* that are kept */
#define KS_INVITE_HOURS_MAX 336
#define KS_INVITE_KEPT_MS \
    (30 * INT64_C(86400000)) /* behind its end: why it was refused can be told, and alarms be seen */
#define KS_VOUCH_MS 600000

struct ks_registrar;

/* Whether an XEdDSA signature by the OMEMO identity key (as Ed25519) is good: src/omemo knows, which stands above. */
typedef bool ks_verify_pop_fn(const uint8_t identity[32], struct ks_str bytes, struct ks_str signature);

/* Whom this registrar signs for, and with what. Everything is borrowed for as long as the registrar lives. */
struct ks_registrar_setup {
    struct ks_engine_store *store;
    struct ks_prng *prng;
    struct ks_str domain;
    struct ks_str root, issuing;                 /* certificates; what is between them, if anything: above */
    struct ks_str above[KS_ENROL_CHAIN_MAX - 2]; /* each signed by the next, the last by the root */
    size_t above_count;
    EVP_PKEY *issuing_key;
    struct ks_str signer; /* the certificate of the key below, by the root (§15.4) */
    uint8_t signer_key[KS_P256_PRIVATE_LEN];
    uint32_t valid_days; /* of a device's certificate: 30 to 397 */
    uint32_t envelope_min;
    uint32_t checkpoint_s; /* how often one is signed when nothing happens */
    ks_verify_pop_fn *verify_pop;
};

/* Reads its store, or begins one; an issuing authority or a signer that is new is entered in the log. KS_ESYNTAX: a
 * certificate is none, is not the key's, does not lead to the root, or is not for the domain; KS_ESTATE: its time is
 * over, or the store is another root's or domain's; KS_EVERSION. */
KS_CHECK enum ks_err ks_registrar_open(
    const struct ks_registrar_setup *setup, int64_t now_ms, struct ks_registrar **ret_registrar);
void ks_registrar_free(struct ks_registrar *r); /* wipes */

/* --- invitations (registrar_invite.c) --- */

struct ks_invited {
    struct ks_str jid; /* bare, normalised */
    struct ks_device_person
        person; /* as the operator saw it on paper, or the directory says; organisation is the CA's */
    enum ks_device_kind kind;
    uint32_t hours;      /* how long the code is good: 1 to KS_INVITE_HOURS_MAX */
    struct ks_str actor; /* who invites: "uid:1000" */
};
/* A code, which is good once; one that the account had before is not any more. *ret_waits: the account has had devices,
 * so another operator has to agree first (ks_registrar_approve). KS_ELIMIT: a text too long, or
 * empty, or too many invitations; KS_ESYNTAX: a text that nobody should have to read (RFC 8264 §9.13); KS_EDENIED: it
 * is no account of the domain. */
KS_CHECK enum ks_err ks_registrar_invite(struct ks_registrar *r, const struct ks_invited *invited, int64_t now_ms,
    uint8_t ret_code[KS_ENROL_CODE_LEN], bool *ret_waits);
/* KS_ENOTFOUND: nothing waits for that; KS_EDENIED: it is who invited, or nobody. */
KS_CHECK enum ks_err ks_registrar_approve(
    struct ks_registrar *r, struct ks_str jid, struct ks_str actor, int64_t now_ms);
/* KS_ENOTFOUND: there is none. */
KS_CHECK enum ks_err ks_registrar_uninvite(struct ks_registrar *r, struct ks_str jid);

struct ks_open_invite {
    struct ks_str jid, name, actor;
    int64_t expires_ms;
    bool waits, used;
    int64_t alarm_ms; /* when another request came with the used code: somebody else read the link; 0: none did */
};
typedef bool ks_visit_invite(void *user, const struct ks_open_invite *invite); /* false stops */
KS_CHECK enum ks_err ks_registrar_invites(struct ks_registrar *r, ks_visit_invite *visit, void *user);

/* --- enrolment (registrar_enrol.c, §21.2) --- */

enum ks_refusal {
    KS_REFUSE_NONE,
    KS_REFUSE_MALFORMED,
    KS_REFUSE_CODE,
    KS_REFUSE_EXPIRED,
    KS_REFUSE_USED,
    KS_REFUSE_WAITS,
    KS_REFUSE_PROOF,
    KS_REFUSE_KEY,
    KS_REFUSE_DEVICES,
    KS_REFUSE_REVOKED,
    KS_REFUSE_VOUCH,
};
const char *ks_refusal_name(enum ks_refusal refusal); /* as on the wire */

/* One of mac, vouch and renewal is there; those that are not are empty. */
struct ks_enrol_request {
    struct ks_str csr, pop, mac, vouch, vouch_sig, renewal;
};
struct ks_enrolled {
    enum ks_refusal refusal;
    struct ks_str sealed; /* §21.3 */
    uint64_t leaf;
    bool fresh; /* false: the same request had been answered before */
    struct ks_str jid;
    uint32_t device;
};
/* KS_OK whether or not it was refused. Texts belong to arena. Of a refused one nothing is kept but, of a right code,
 * that it was used, and when by another request. KS_ESTATE: an authority's own time is
 * over; KS_ECRYPTO: what was signed does not verify, and nobody has it. */
KS_CHECK enum ks_err ks_registrar_enrol(struct ks_registrar *r, struct ks_arena *arena,
    const struct ks_enrol_request *request, int64_t now_ms, struct ks_enrolled *ret_enrolled);

/* --- what was issued --- */

struct ks_issued {
    struct ks_str jid, name, profession, department;
    uint32_t device;
    enum ks_device_kind kind;
    int64_t from_s, until_s, revoked_ms; /* revoked_ms: since when; 0: it is not */
    uint64_t leaf;
    uint8_t hash[32];          /* SHA-256 of it */
    struct ks_str certificate; /* DER */
};
typedef bool ks_visit_issued(void *user, const struct ks_issued *issued); /* false stops; views are good in the call */
/* jid empty: of everybody. By account and device, the oldest first. */
KS_CHECK enum ks_err ks_registrar_issued(struct ks_registrar *r, struct ks_str jid, ks_visit_issued *visit, void *user);
/* Whose certificate has that hash; jid in arena. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_registrar_whose(struct ks_registrar *r, struct ks_arena *arena, const uint8_t hash[32],
    struct ks_str *ret_jid, uint32_t *ret_device);
/* device 0: all of the account, and its open invitation. reason: of RFC 5280 §5.3.1; KS_ESYNTAX: one that could be
 * taken back (certificateHold), or none of it. What was signed from since_ms on is not believed. Signs a checkpoint.
 * KS_ENOTFOUND: nothing that could still be revoked. */
KS_CHECK enum ks_err ks_registrar_revoke(struct ks_registrar *r, struct ks_str jid, uint32_t device, uint8_t reason,
    int64_t since_ms, int64_t now_ms, size_t *ret_count);
/* An order to wipe: an entry of type 5. KS_ENOTFOUND: no such device ever was; KS_ESYNTAX: a slot of zeroes. */
KS_CHECK enum ks_err ks_registrar_wipe(
    struct ks_registrar *r, struct ks_str jid, uint32_t device, const uint8_t slot[16], int64_t now_ms);
/* The list of revoked certificates of the issuing authority, for other tools (RFC 5280): as the newest checkpoint has
 * it, whose number, size and root it names. In arena. KS_ELIMIT: more than 65,536 that have not ended. */
KS_CHECK enum ks_err ks_registrar_crl(struct ks_registrar *r, struct ks_arena *arena, struct ks_str *ret_crl);

/* --- the log (registrar_log.c) --- */

/* Signs a checkpoint when one is due, and forgets what is old. *ret_next_ms: when to call again. */
KS_CHECK enum ks_err ks_registrar_due(struct ks_registrar *r, int64_t now_ms, int64_t *ret_next_ms);

struct ks_log_page {
    uint64_t from, size; /* size: of the newest checkpoint */
    struct ks_str leaves;
    struct ks_signed_checkpoint checkpoint;
};
/* What a reader of `from` entries lacks, as much as goes; in arena. KS_ENOTFOUND: it has more than there are. */
KS_CHECK enum ks_err ks_registrar_page(
    struct ks_registrar *r, struct ks_arena *arena, uint64_t from, struct ks_log_page *ret_page);

#endif
