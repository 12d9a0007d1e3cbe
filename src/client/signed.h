/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* signed.h -- signed messages: orders, answers to consults, handovers and acknowledgements that the certified key of
 * their author's device signs (doc/PROTOCOL.md §20; clinical.h is what is signed, and whether it may be believed).
 *
 * A signed message is a text with the statement beside it. It stands as it was said: nobody edits it or takes it back.
 * What it is worth is judged when it is shown, since a certificate may be revoked later. */
#ifndef KS_SIGNED_H
#define KS_SIGNED_H

#include "crypto.h"
#include "device_cert.h"
#include "enc.h"
#include "schema.h"
#include "xml.h"

struct konsil;
struct ks_cmd;
struct ks_inbound;
struct ks_message;

struct ks_signed {
    struct ks_str data; /* the statement, as signed; empty: the message is not signed */
    uint8_t signature[KS_P256_SIGNATURE_LEN];
    uint8_t certificate[32]; /* SHA-256 of the signer's */
    /* What is kept of it here, so that it can be given out when everything else of its author is gone: */
    struct ks_str chain[KS_CHAIN_MAX]; /* none: it was not here */
    size_t count;
    uint64_t leaf; /* the certificate's, in the key log */
    bool good;     /* it was found to be valid, but for what the log says */
};

/* --- pure --- */

/* <signed/> in content (§20.6). NULL without memory. */
KS_CHECK struct ks_xml *ks_signed_write(
    struct ks_arena *arena, struct ks_xml *content, const struct ks_signed *signed_one);
/* Nothing is verified. KS_ESYNTAX; KS_ENOMEM; KS_ELIMIT. */
KS_CHECK enum ks_err ks_signed_read(struct ks_arena *arena, const struct ks_xml *node, struct ks_signed *ret_signed);
/* As part of a record. */
void ks_signed_encode(struct ks_buf *buf, const struct ks_signed *signed_one);
KS_CHECK enum ks_err ks_signed_decode(struct ks_cursor *at, struct ks_signed *ret_signed);

/* --- in a step --- */

/* Whether the statement is of this very message: its id, its author, who it is for, and what it says; if not, somebody
 * put another one there. Finds the certificate, and judges. */
KS_CHECK enum ks_err ks_signed_take(struct konsil *k, const struct ks_inbound *in, const struct ks_message *message,
    struct ks_signed *signed_one, bool *ret_is);
/* What is shown of it; nothing of a message that is not signed. */
KS_CHECK enum ks_err ks_signed_event(struct konsil *k, const struct ks_message *message, struct ks_js_message *event);

#endif
