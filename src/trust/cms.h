/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cms.h -- a signed message as a file for other programs (doc/PROTOCOL.md §20.4): CMS SignedData (RFC 5652), DER,
 * around a signature that is there already.
 *
 * One form of the many that CMS has: the content within, one signer, no attributes, ECDSA with SHA-256. The reader
 * takes that and nothing else. Nothing is verified here. Pure functions. */
#ifndef KS_CMS_H
#define KS_CMS_H

#include "clinical.h"

#define KS_CMS_BYTES_MAX (KS_CLINICAL_BYTES_MAX + KS_CHAIN_MAX * KS_CERT_BYTES_MAX + 1024)

struct ks_cms {
    struct ks_str content;
    struct ks_str chain[KS_CHAIN_MAX]; /* the signer's certificate, and each by whom the one before was issued */
    size_t count;
    uint8_t signature[KS_P256_SIGNATURE_LEN];
};

enum ks_cms_verdict {
    KS_CMS_GOOD,
    KS_CMS_MALFORMED,    /* not DER, not SignedData of this form, or bytes behind */
    KS_CMS_CONTENT,      /* its content is not in it, or of another kind */
    KS_CMS_SIGNERS,      /* nobody signed it, or more than one */
    KS_CMS_ATTRIBUTES,   /* attributes are signed instead of the content, or stand beside */
    KS_CMS_ALGORITHM,    /* another hash, or another kind of signature */
    KS_CMS_CERTIFICATES, /* the signer's is not in it, or another that does not belong to its chain */
    KS_CMS_VERDICTS,
};

/* *ret_der belongs to arena. KS_ESYNTAX: the chain is none, or more; KS_ELIMIT; KS_ENOMEM. */
KS_CHECK enum ks_err ks_cms_write(struct ks_arena *arena, const struct ks_cms *cms, struct ks_str *ret_der);
/* *ret_cms has views, and is written if the verdict is KS_CMS_GOOD. */
enum ks_cms_verdict ks_cms_read(struct ks_str der, struct ks_cms *ret_cms);
/* "good" and so on; a literal. */
const char *ks_cms_verdict_name(enum ks_cms_verdict verdict);

#endif
