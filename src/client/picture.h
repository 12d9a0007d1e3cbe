/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* picture.h -- pictures of people (XEP-0084): the own one, set and removed, and others' when somebody asks; of who has
 * none in that way the one of the vCard (XEP-0153).
 *
 * A picture comes from the server of its owner and never from a URL; it is told only if its hash is the one that was
 * announced, it is no longer than KS_PICTURE_MAX, and its first bytes are those of a format that programs may be given:
 * PNG, JPEG, WebP. Nothing is stored: who draws it keeps it, by its id. In a step. */
#ifndef KS_PICTURE_H
#define KS_PICTURE_H

#include "schema.h"
#include "xml.h"

#define KS_PICTURE_MAX 65536
#define KS_PICTURE_ID_LEN 40 /* SHA-1, in hexadecimal */

struct konsil;

/* The media type of a picture by its first bytes; NULL: none of the three. */
const char *ks_picture_type(struct ks_str bytes);

/* Base64, in lines or not; in the step's arena. KS_ESYNTAX: none, longer, or no picture. */
KS_CHECK enum ks_err ks_picture_read(struct konsil *k, struct ks_str text, size_t len_max, struct ks_str *ret_bytes);
/* SHA-1 in hexadecimal, in the step's arena: by it a program knows a picture again (XEP-0084 §4.1). */
KS_CHECK enum ks_err ks_picture_id(struct konsil *k, struct ks_str bytes, struct ks_str *ret_id);

/* Has a text the form of an id? */
bool ks_picture_is_id(struct ks_str text);

/* <items/> of an account's metadata node, as an event. */
KS_CHECK enum ks_err ks_picture_event(struct konsil *k, struct ks_str jid, const struct ks_xml *items);

/* Commands: avatar, avatar_set, avatar_remove. */
KS_CHECK enum ks_err ks_picture_ask(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_picture_set(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_picture_remove(struct konsil *k, const struct ks_cmd *cmd);

#endif
