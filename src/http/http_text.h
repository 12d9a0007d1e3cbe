/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_text.h -- the characters and the lists of RFC 9110 §5.6, for the other files of this directory. */
#ifndef KS_HTTP_TEXT_H
#define KS_HTTP_TEXT_H

#include "str.h"

enum {
    KS_HTTP_TOKEN = 1, /* RFC 9110 §5.6.2: tchar */
    KS_HTTP_VALUE = 2, /* RFC 9110 §5.5: what a field's value is made of: VCHAR, obs-text, blanks */
    KS_HTTP_URI = 4,   /* RFC 3986 §3.3, §3.4: pchar, "/" and "?" */
    KS_HTTP_HOST =
        8, /* what a host's name is made of: RFC 3986 §3.2.2 without escapes and sub-delims, which no name has */
};

/* Whether text is made of such characters alone; of none, it is. */
bool ks_http_all(struct ks_str text, unsigned class);
/* A token: not empty. */
bool ks_http_is_token(struct ks_str text);
/* The same but for the case of ASCII letters. */
bool ks_http_is(struct ks_str text, struct ks_str other);
/* Without the blanks (space, tab) around it. */
struct ks_str ks_http_trim(struct ks_str text);
/* Cuts the next element off a list that has commas between them (RFC 9110 §5.6.1), and passes by empty ones; false when
 * nothing is left. Not for lists of quoted strings. */
bool ks_http_list_next(struct ks_str *list, struct ks_str *ret_element);
/* The value of a hexadecimal digit; -1 if it is none. */
int ks_http_hex(char c);

#endif
