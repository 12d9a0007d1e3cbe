/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* option_text.h -- what options of kind text take (ks_option.good), where it goes to clients. Empty is always good. */
#ifndef KS_OPTION_TEXT_H
#define KS_OPTION_TEXT_H

#include "str.h"

/* A URI: a scheme, and characters of RFC 3986 §2. */
bool ks_text_is_uri(struct ks_str text);
/* Several, with blanks between them. */
bool ks_text_is_uris(struct ks_str text);

#endif
