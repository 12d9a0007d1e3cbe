/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar.h -- who the hospital lets have a certified device, and what the key log says of it (doc/PROTOCOL.md §14,
 * §15, §21): invitations, enrolment, renewal, revocation, checkpoints. The core of konsil-ca.
 *
 * Nothing here does IO or asks a clock. Everything is in an engine store of its own (KS_T_REGISTRAR), one transaction
 * for each call that changes something; what a call returned is durable. Who somebody is, only an operator's invitation
 * or a device that is certified already says: never konsild. One thread. Times are milliseconds since 1970. */
#ifndef KS_REGISTRAR_H
#define KS_REGISTRAR_H

#include "authority.h"
#include "checkpoint.h"
#include "engine_store.h"
#include "log_leaf.h"

#define KS_INVITE_CODE_LEN 16
#define KS_INVITE_HOURS_DEFAULT 72
#define KS_PIN_LEN 32          /* of a root: SHA-256 of its SubjectPublicKeyInfo */
#define KS_SHARE_LEN 32        /* of an account, which opens its archive together with a PIN (§17) */
#define KS_REGISTRAR_PAGE 1000 /* leaves in one answer */
#define KS_DEVICES_MAX 16      /* of one account, that are certified at one time */

struct ks_registrar;

/* Whom this registrar signs for, and with what. Everything is borrowed for as long as the registrar lives. */
struct ks_registrar_setup {
    struct ks_engine_store *store;
    struct ks_prng *prng;
    struct ks_str domain;
    struct ks_str root, issuing; /* certificates */
    EVP_PKEY *issuing_key;
    struct ks_str signer; /* the certificate of the key below, by the root: checkpoints and policies */
    uint8_t signer_key[KS_P256_PRIVATE_LEN];
    uint32_t valid_days; /* of a device's certificate: 30 to 397 */
    uint32_t envelope_min;
    uint32_t checkpoint_s; /* how often one is signed, if nothing else asks for one: 3600 */
};

/* Reads its store, or begins one: then the log gets its salt and the entries of issuing authority and signer. Likewise
 * when one of these is new. KS_ESYNTAX: a certificate is none, or the root did not sign it; KS_ESTATE: the store is
 * another root's or domain's; KS_ESTORE, KS_ENOMEM. */
KS_CHECK enum ks_err ks_registrar_open(
    const struct ks_registrar_setup *setup, int64_t now_ms, struct ks_registrar **ret_registrar);
void ks_registrar_free(struct ks_registrar *r);
/* How this hospital's log names accounts. */
const uint8_t *ks_registrar_salt(const struct ks_registrar *r);

/* --- invitations --- */

struct ks_enrolment {
    struct ks_str jid; /* bare, normalised */
    struct ks_device_person person;
    enum ks_device_kind kind;
    uint32_t hours;      /* 1 to 336 */
    struct ks_str actor; /* who invites: "uid:1000" */
};
/* A code, good once. An account that ever had a device needs the word of a second operator (ks_registrar_approve) or of
 * one of its devices before the code is taken: *ret_waits says so. A new invitation of an account ends its older one.
 * The registrar keeps only what follows from the code. KS_ELIMIT: a text too long; KS_EDENIED: another domain's
 * account. */
KS_CHECK enum ks_err ks_registrar_invite(struct ks_registrar *r, const struct ks_enrolment *enrolment, int64_t now_ms,
    uint8_t ret_code[KS_INVITE_CODE_LEN], bool *ret_waits);
/* KS_ENOTFOUND: nothing waits for that; KS_EDENIED: the same operator invited. */
KS_CHECK enum ks_err ks_registrar_approve(
    struct ks_registrar *r, struct ks_str jid, struct ks_str actor, int64_t now_ms);

/* --- enrolment (§21.2) --- */

enum ks_refusal {
    KS_REFUSE_NONE,
    KS_REFUSE_MALFORMED, /* the request, or its signature */
    KS_REFUSE_CODE,      /* no such code, or it is for another account: nothing more is told */
    KS_REFUSE_EXPIRED,
    KS_REFUSE_USED,    /* for another request */
    KS_REFUSE_WAITS,   /* for a second operator */
    KS_REFUSE_PROOF,   /* of the OMEMO identity key */
    KS_REFUSE_KEY,     /* a key that another certificate has, or had */
    KS_REFUSE_DEVICES, /* too many */
    KS_REFUSE_REVOKED, /* renewal of a certificate that is revoked, or not known */
    KS_REFUSE_VOUCH,   /* what vouches is not genuine, not of this account, or too old */
    KS_REFUSALS
};
const char *ks_refusal_name(enum ks_refusal refusal); /* as on the wire: "code" and so on */

/* What a device sends. Either mac (by a code), or vouch (by a device of the account), or renewal (by the device itself)
 * is there; texts that are empty are not. */
struct ks_enrol_request {
    struct ks_str csr, pop;         /* pop: XEdDSA by the OMEMO identity key over "konsil/0 pop-ik\n" || SHA-256(CSR) */
    struct ks_str mac;              /* HMAC(Ki, "konsil/0 enrol\n" || SHA-256(CSR) || SHA-256(pop)) */
    struct ks_str vouch, vouch_sig; /* a statement (§21.4), r || s */
    struct ks_str renewal_sig;      /* of the old key over "konsil/0 renew\n" || SHA-256(CSR), r || s */
};
/* How XEdDSA is verified: src/omemo has it, which this layer does not see. */
typedef bool ks_verify_pop_fn(const uint8_t identity[32], struct ks_str bytes, struct ks_str signature);

struct ks_enrol_answer {
    enum ks_refusal refusal;
    struct ks_str sealed; /* §21.3: HPKE to the request's sealing key, and by code a MAC behind it; belongs to arena */
    uint64_t leaf;        /* the number of its entry in the log */
    bool fresh;           /* false: the same request was answered before, with the same certificate */
    struct ks_str jid;    /* whose device it is */
    uint32_t device;
};
/* KS_OK whether or not it was refused; nothing was kept of a refused one but, of a used code, an alarm. */
KS_CHECK enum ks_err ks_registrar_enrol(struct ks_registrar *r, struct ks_arena *arena,
    const struct ks_enrol_request *request, ks_verify_pop_fn *verify_pop, int64_t now_ms,
    struct ks_enrol_answer *ret_answer);

/* --- revocation --- */

/* device 0: all of the account. reason: CRLReason. wipe: the vault slots of the device are to be destroyed (entries of
 * type 5 are the caller's to add by slot: ks_registrar_wipe). KS_ENOTFOUND: nothing to revoke. Signs a checkpoint. */
KS_CHECK enum ks_err ks_registrar_revoke(struct ks_registrar *r, struct ks_str jid, uint32_t device, uint8_t reason,
    int64_t since_ms, struct ks_str actor, int64_t now_ms, size_t *ret_count);
KS_CHECK enum ks_err ks_registrar_wipe(
    struct ks_registrar *r, struct ks_str jid, uint32_t device, const uint8_t slot[16], int64_t now_ms);
/* The list of revoked certificates as of now, for other tools (RFC 5280; K.3 names the log's size and root). */
KS_CHECK enum ks_err ks_registrar_crl(
    struct ks_registrar *r, struct ks_arena *arena, int64_t now_ms, struct ks_str *ret_crl);

/* --- the log --- */

/* Signs a checkpoint if one is due, or if anything was appended since the last; *ret_next_ms: when to call again. */
KS_CHECK enum ks_err ks_registrar_due(struct ks_registrar *r, int64_t now_ms, int64_t *ret_next_ms);

/* What a reader that has `from` entries lacks: at most KS_REGISTRAR_PAGE entries, and the newest checkpoint. Views into
 * arena. from above the log's size: KS_ENOTFOUND, the reader has another log. */
struct ks_log_page {
    uint64_t from, size; /* size of the newest checkpoint */
    struct ks_str leaves;
    struct ks_signed_checkpoint checkpoint;
};
KS_CHECK enum ks_err ks_registrar_page(
    struct ks_registrar *r, struct ks_arena *arena, uint64_t from, struct ks_log_page *ret_page);

/* --- looking --- */

struct ks_issued {
    struct ks_str jid, name, profession, department;
    uint32_t device;
    enum ks_device_kind kind;
    struct ks_validity validity;
    uint64_t leaf;
    int64_t revoked_ms; /* 0: it is not */
    uint8_t hash[32];   /* SHA-256 of the certificate */
    struct ks_str certificate;
};
typedef bool ks_visit_issued(
    void *user, const struct ks_issued *issued); /* false stops; views are good during the call */
/* jid empty: all. In the order of accounts and devices. */
KS_CHECK enum ks_err ks_registrar_issued(struct ks_registrar *r, struct ks_str jid, ks_visit_issued *visit, void *user);

struct ks_open_invite {
    struct ks_str jid, name, actor;
    int64_t expires_ms;
    bool waits; /* for a second operator */
};
typedef bool ks_visit_invite(void *user, const struct ks_open_invite *invite);
KS_CHECK enum ks_err ks_registrar_invites(struct ks_registrar *r, ks_visit_invite *visit, void *user);

#endif
