/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_evidence.h -- the report on data protection: what it says (konsilctl_evidence.c), and its page. */
#ifndef KONSILCTL_EVIDENCE_H
#define KONSILCTL_EVIDENCE_H

#include "konsilctl.h"

/* The page of a report, whole and with nothing from elsewhere, in the reader's language. */
void ctl_evidence_page(struct ks_buf *html, enum ks_language language, const json_t *report);

#endif
