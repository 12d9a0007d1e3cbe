/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* evidence.h -- <evidence/>: a device shows another the signed checkpoint of the key log that it follows
 * (doc/PROTOCOL.md §15.7). Pure functions. */
#ifndef KS_EVIDENCE_H
#define KS_EVIDENCE_H

#include "checkpoint.h"
#include "device_cert.h"
#include "xml.h"

struct ks_evidence {
    uint64_t asks; /* for the reader's own checkpoint of that size, of which it spoke, or its newest; 0: for nothing */
    struct ks_signed_checkpoint checkpoint; /* its signer's key is not here: the certificate says it */
    struct ks_str signer;                   /* certificate, DER */
};

/* <evidence/> in content. NULL without memory. */
KS_CHECK struct ks_xml *ks_evidence_write(
    struct ks_arena *arena, struct ks_xml *content, const struct ks_evidence *evidence);
/* Views into the arena. Nothing is verified. KS_ESYNTAX; KS_ENOMEM; KS_ELIMIT. */
KS_CHECK enum ks_err ks_evidence_read(
    struct ks_arena *arena, const struct ks_xml *node, struct ks_evidence *ret_evidence);

#endif
