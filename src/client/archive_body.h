/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_body.h -- what stands in a record of the archive, signed by the device that wrote it (doc/PROTOCOL.md §17.8,
 * §17.9): a message as it came, how far the writer knows each numbering, or its certificates.
 *
 * Whoever has a period's key can seal anything under it. So a body says which device wrote it, and a reader looks
 * whether it is a record of what its rid says, whether its writer signed it for that place, and, which is the caller's
 * part, whether that is a genuine device. Pure functions; views point into the body, arrays belong to the arena. */
#ifndef KS_ARCHIVE_BODY_H
#define KS_ARCHIVE_BODY_H

#include "archive_record.h"
#include "chain.h"
#include "envelope.h"

#define KS_ARCHIVE_CHAINS_MAX 512 /* of one part */
#define KS_ARCHIVE_ROOMS_MAX 512  /* of one part */
#define KS_ARCHIVE_PARTS_MAX 1024
#define KS_ARCHIVE_CHAIN_MAX 4 /* certificates, each of KS_ARCHIVE_CERT_MAX bytes */
#define KS_ARCHIVE_CERT_MAX 4096

/* The numbers stand in bodies, and those of the messages in rids. */
enum ks_archive_kind { KS_ARCHIVE_NUMBERED = 1, KS_ARCHIVE_UNNUMBERED, KS_ARCHIVE_STATE, KS_ARCHIVE_CERTIFICATES };
enum ks_archive_how { KS_ARCHIVE_PLAIN, KS_ARCHIVE_OMEMO1, KS_ARCHIVE_OMEMO2 };
/* What the writer held the author's device for, when the message came. */
enum ks_archive_trust { KS_ARCHIVE_UNDECIDED, KS_ARCHIVE_FIRST_USE, KS_ARCHIVE_CONFIRMED, KS_ARCHIVE_CERTIFIED };

struct ks_archive_message {
    enum ks_archive_how how;
    enum ks_archive_trust trust;
    uint8_t by[32];   /* CERTIFIED: SHA-256 of the author's certificate; else the identity key, or zeroes if PLAIN */
    bool read;        /* by the person, when it was written */
    int64_t stamp_ms; /* konsild's; 0: it has none, as only what the account sent may */
    int64_t time_ms;  /* its author's. Of a numbered one it is in the envelope */
    /* The envelope's bytes as they came. Of a message that had none: one with the content only (§17.8). */
    struct ks_str envelope;
    struct ks_archive_name name; /* to be written: of an unnumbered one conv, author and ep (its stanza id) */
    /* As read: */
    struct ks_content content;
    uint8_t hash[KS_SCE_HASH_LEN]; /* of the envelope: what the next number's prev has */
};

/* A run of numbers whose content has gone: retracted, expired, or taken back. */
struct ks_archive_gone {
    uint64_t from, to;
    uint8_t hash[KS_SCE_HASH_LEN]; /* of `to` */
};

/* A numbering, some of whose messages are still in the archive. */
struct ks_archive_chain {
    struct ks_str conv, author;
    uint32_t device;
    uint64_t epoch;
    uint64_t base, top;            /* the first number that is not gone, and the last that there was */
    uint8_t hash[KS_SCE_HASH_LEN]; /* of top */
    uint64_t stored,
        read; /* others': 0, and how far the person has read; own: how far the other account has it, read it */
    struct ks_archive_gone *gone; /* above base, up to top; rising, and apart */
    size_t gone_count;            /* at most KS_CHAIN_GAPS_MAX */
};

struct ks_archive_room {
    struct ks_str room;
    uint64_t v;
    uint8_t hash[32]; /* of its newest statement (§9) */
};

struct ks_archive_state {
    int64_t time_ms; /* the same in all parts */
    uint16_t part, parts;
    uint64_t ring_v; /* which key ring its writer believes; 0: none */
    uint8_t ring_hash[32];
    uint64_t log_size; /* and which key log; 0: none */
    uint8_t log_root[32];
    struct ks_archive_chain *chains; /* rising by conv, author, device, epoch */
    size_t chain_count;
    struct ks_archive_room *rooms; /* rising by name */
    size_t room_count;
};

/* A writer's certificate and the authorities above it. DER, not looked into. */
struct ks_archive_certificates {
    int64_t time_ms;
    struct ks_str chain[KS_ARCHIVE_CHAIN_MAX];
    size_t count;
};

struct ks_archive_writer {
    uint32_t device;
    uint8_t cert[32]; /* SHA-256 of the certificate whose key signed */
};

struct ks_archive_body {
    enum ks_archive_kind kind;
    /* One of them, by kind: */
    struct ks_archive_message message;
    struct ks_archive_state state;
    struct ks_archive_certificates certificates;
    struct ks_archive_name name; /* of which the rid is made */
    struct ks_archive_writer writer;
    struct ks_str bytes;
};

/* Where a record lies, or shall lie. */
struct ks_archive_place {
    struct ks_str account;     /* the own bare JID */
    const uint8_t *period_key; /* of header.period */
    struct ks_archive_header header;
};

/* --- writing --- */

/* Appends the body of a message, of a part of a state, or of certificates, signed for place->header.period with the
 * device's signing key, and computes header.rid. What does not read as what it is said to be is not written:
 * KS_ESYNTAX; KS_ECRYPTO: it is of another week than the period; KS_ELIMIT: too long; KS_ENOMEM. buf's own failure
 * stays in buf. */
KS_CHECK enum ks_err ks_archive_message_write(struct ks_arena *arena, const struct ks_archive_message *message,
    const struct ks_archive_writer *writer, const uint8_t signing_key[KS_P256_PRIVATE_LEN],
    struct ks_archive_place *place, struct ks_buf *buf);
KS_CHECK enum ks_err ks_archive_state_write(struct ks_arena *arena, const struct ks_archive_state *state,
    const struct ks_archive_writer *writer, const uint8_t signing_key[KS_P256_PRIVATE_LEN],
    struct ks_archive_place *place, struct ks_buf *buf);
KS_CHECK enum ks_err ks_archive_certificates_write(struct ks_arena *arena,
    const struct ks_archive_certificates *certificates, const struct ks_archive_writer *writer,
    const uint8_t signing_key[KS_P256_PRIVATE_LEN], struct ks_archive_place *place, struct ks_buf *buf);

/* --- reading --- */

/* Reads the form alone, for an account. bytes has to outlive *ret_body. KS_ESYNTAX: it has not exactly that of §17.8
 * and §17.9; KS_EVERSION: of a later program, which is kept; KS_ELIMIT: longer than a record holds; KS_ENOMEM. */
KS_CHECK enum ks_err ks_archive_body_read(
    struct ks_arena *arena, struct ks_str account, struct ks_str bytes, struct ks_archive_body *ret_body);
/* It is what its rid says, and of the week. KS_ECRYPTO: not; KS_ENOMEM. */
KS_CHECK enum ks_err ks_archive_body_fits(const struct ks_archive_place *place, const struct ks_archive_body *body);
/* Its writer signed it for this place: with signing_key, which the caller has out of the certificate that body->writer
 * names, after looking whether that is a genuine device of the account (§17.10). KS_ECRYPTO: not; KS_ENOMEM. */
KS_CHECK enum ks_err ks_archive_body_signed(const struct ks_archive_place *place, const struct ks_archive_body *body,
    const uint8_t signing_key[KS_P256_PUBLIC_LEN]);

/* Number n should be there: it was one of the numbering, and is not among those that have gone. */
KS_CHECK bool ks_archive_expects(const struct ks_archive_chain *chain, uint64_t n);

#endif
