/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* form_client.h -- data forms (XEP-0004) between a server and a person: a form as an event tells it, and answers as
 * they are submitted.
 *
 * What a server sends is a stranger's: a form of more fields, choices, values, rows or bytes than below is refused as a
 * whole, since half a form would be answered wrongly. Nothing is stored or logged. In a step. */
#ifndef KS_FORM_CLIENT_H
#define KS_FORM_CLIENT_H

#include "schema.h"
#include "xml.h"

#define KS_FORM_FIELDS_MAX 256
#define KS_FORM_OPTIONS_MAX 512 /* of a field; values likewise */
#define KS_FORM_ROWS_MAX 1024
#define KS_FORM_BYTES_MAX (128u << 10) /* of all texts together */

/* <x/> of type form or result; the event's views belong to arena. KS_ELIMIT: too big. KS_ENOMEM. */
KS_CHECK enum ks_err ks_form_read(struct ks_arena *arena, const struct ks_xml *x, struct ks_js_form *ret_form);
/* <x type='submit'/> as a child of parent (§3.2); NULL without memory. */
struct ks_xml *ks_form_submit(
    struct ks_arena *arena, struct ks_xml *parent, const struct ks_js_form_answer_list *answers);

#endif
