/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* clinical.h -- signed clinical messages (doc/PROTOCOL.md §20): what an order, an answer to a consult, a handover or an
 * acknowledgement says, signed with the certified key of a device; and whether it may be believed, without a network.
 *
 * Signed are a purpose line and one strict JSON object, as sent (statement.h). Nothing here asks a clock or a server:
 * the signing time stands in the statement, and what the key log says is an argument. Pure functions. */
#ifndef KS_CLINICAL_H
#define KS_CLINICAL_H

#include "device_cert.h"
#include "merkle.h"

#define KS_CLINICAL_BYTES_MAX 16384 /* purpose line and JSON */
#define KS_CLINICAL_TO_MAX 32
#define KS_CLINICAL_FILES_MAX 16
#define KS_CLINICAL_REFS_MAX 16
#define KS_CLINICAL_ID_MAX 64
#define KS_CLINICAL_CASE_MAX 64
#define KS_CLINICAL_MEDIA_MAX 127 /* of a file's type */
#define KS_CLINICAL_ARENA_MAX (1u << 20)

enum ks_clinical_type {
    KS_CLINICAL_ORDER = 1,
    KS_CLINICAL_CONSULT_ANSWER,
    KS_CLINICAL_HANDOVER,
    KS_CLINICAL_ACK, /* has a reference, and may be without text */
    KS_CLINICAL_TYPES,
};

struct ks_clinical_file {
    uint8_t sha256[32]; /* of the file */
    uint64_t size;
    struct ks_str type; /* media type; empty: not said */
};
struct ks_clinical_ref {
    struct ks_str id;   /* of another signed message */
    uint8_t sha256[32]; /* of its data */
};

struct ks_clinical {
    enum ks_clinical_type type;
    struct ks_str id;
    struct ks_str jid, name, dept; /* its author's, as in the certificate; dept empty: none there */
    struct ks_str *to;             /* bare JIDs of persons or rooms; 1 to KS_CLINICAL_TO_MAX, none twice */
    size_t to_count;
    int64_t time_ms;       /* since 1970, by its author's clock */
    struct ks_str case_id; /* empty: none */
    struct ks_str text;
    struct ks_clinical_file *files;
    size_t file_count;
    struct ks_clinical_ref *refs;
    size_t ref_count;
    uint64_t log_size; /* the newest checkpoint of the key log that its author had */
    struct ks_merkle_hash log_root;
};

/* *ret_data belongs to arena. KS_ESYNTAX, KS_ELIMIT: no reader would take it; KS_ENOMEM. */
KS_CHECK enum ks_err ks_clinical_write(
    struct ks_arena *arena, const struct ks_clinical *clinical, struct ks_str *ret_data);
/* Copies into the arena. KS_EDENIED: a statement of another purpose; KS_ESYNTAX; KS_ELIMIT; KS_ENOMEM. */
KS_CHECK enum ks_err ks_clinical_read(struct ks_arena *arena, struct ks_str data, struct ks_clinical *ret_clinical);
/* "order" and so on: the word of the statement; NULL for another number. */
const char *ks_clinical_word(enum ks_clinical_type type);
/* 0: it is none. */
enum ks_clinical_type ks_clinical_type_of(struct ks_str word);

/* ECDSA over SHA-256 of data, r and s. */
void ks_clinical_sign(
    const uint8_t private_key[KS_P256_PRIVATE_LEN], struct ks_str data, uint8_t ret_signature[KS_P256_SIGNATURE_LEN]);

/* --- judging --- */

enum ks_clinical_listing {
    KS_CLINICAL_UNASKED, /* nobody knows what the key log says of the certificate */
    KS_CLINICAL_LISTED,  /* issued, and not revoked when that was asked */
    KS_CLINICAL_REVOKED_SINCE,
    KS_CLINICAL_UNLISTED, /* it is not in the log */
};
/* What the key log says. */
struct ks_clinical_log {
    enum ks_clinical_listing listing;
    int64_t since_ms; /* with REVOKED_SINCE */
    bool known;       /* a signed checkpoint of log_size is here: */
    struct ks_merkle_hash root;
    int64_t t_ms;
};

enum ks_clinical_verdict {
    KS_CLINICAL_GOOD,
    KS_CLINICAL_PURPOSE,     /* signed for something else */
    KS_CLINICAL_MALFORMED,   /* it is no such statement */
    KS_CLINICAL_CERTIFICATE, /* its certificate is none, or does not lead to the root: cert says why */
    KS_CLINICAL_SIGNATURE,   /* not signed by the certificate's key, or changed since */
    KS_CLINICAL_AUTHOR,      /* the certificate is not its author's */
    KS_CLINICAL_NOT_THEN,    /* the certificate, or one above it, was not valid when it was signed: cert says which */
    KS_CLINICAL_NOT_IN_LOG,  /* the hospital's key log has no such certificate */
    KS_CLINICAL_REVOKED,     /* the certificate was revoked before it was signed */
    KS_CLINICAL_OTHER_LOG,   /* its author followed another key log than the hospital's */
    KS_CLINICAL_BACKDATED,   /* it names a checkpoint that did not exist when it says that it was signed */
    KS_CLINICAL_VERDICTS,
};

struct ks_clinical_report {
    enum ks_clinical_verdict verdict;
    enum ks_cert_verdict cert;
    struct ks_clinical clinical;  /* if it could be read; believed only with KS_CLINICAL_GOOD */
    struct ks_device_cert signer; /* if cert is neither KS_CERT_MALFORMED nor KS_CERT_FORM */
    uint8_t hash[32];             /* SHA-256 of data: what references name */
    bool bounded;                 /* it was not signed before not_before_ms, more than a clock's error of it */
    int64_t not_before_ms;        /* that is proven; the rest of its time is its author's claim */
    bool revoked_later; /* the certificate was revoked since: that it was signed before is its author's claim */
    int64_t since_ms;
};

/* A checkpoint may be this much later than a statement that names it: two clocks differ. */
#define KS_CLINICAL_CLOCK_MS (5 * 60000ll)

/* Everything that can be judged offline, in the order of the verdicts. chain as ks_device_chain_check has it. log NULL:
 * nothing is known of it. KS_OK: *ret_report says it; KS_ENOMEM; KS_ELIMIT: the arena's, which KS_CLINICAL_ARENA_MAX
 * suffices for. */
KS_CHECK enum ks_err ks_clinical_check(struct ks_arena *arena, struct ks_str data,
    const uint8_t signature[KS_P256_SIGNATURE_LEN], const struct ks_str *chain, size_t count, struct ks_str root,
    const struct ks_clinical_log *log, struct ks_clinical_report *ret_report);

/* "good" and so on; a literal. */
const char *ks_clinical_verdict_name(enum ks_clinical_verdict verdict);

#endif
