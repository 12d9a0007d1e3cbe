/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* der.h -- DER (X.690 §10), as much of it as our own parts of certificates need: definite lengths in their shortest
 * form, tags of one byte. Whole certificates are read and written by libraries. Pure functions. */
#ifndef KS_DER_H
#define KS_DER_H

#include "buf.h"

enum ks_der_tag {
    KS_DER_BOOLEAN = 0x01,
    KS_DER_INTEGER = 0x02,
    KS_DER_OCTETS = 0x04,
    KS_DER_NULL = 0x05,
    KS_DER_OID = 0x06,
    KS_DER_ENUMERATED = 0x0a,
    KS_DER_UTF8 = 0x0c,
    KS_DER_SEQUENCE = 0x30,
    KS_DER_SET = 0x31,
    KS_DER_CONTEXT = 0x80,     /* | the number: implicit, of a simple type */
    KS_DER_CONSTRUCTED = 0xa0, /* | the number: explicit, or of a sequence */
};

/* The next element. KS_ESYNTAX: another tag, a length in another form, or past the end. *ret_content is a view. */
KS_CHECK enum ks_err ks_der_take(struct ks_cursor *at, uint8_t tag, struct ks_str *ret_content);
/* A number of tag (INTEGER, ENUMERATED) between 0 and max, in its shortest form. */
KS_CHECK enum ks_err ks_der_take_number(struct ks_cursor *at, uint8_t tag, uint64_t max, uint64_t *ret_number);

void ks_der_put(struct ks_buf *buf, uint8_t tag, struct ks_str content);
void ks_der_put_number(struct ks_buf *buf, uint8_t tag, uint64_t number);

#endif
