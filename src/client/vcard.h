/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vcard.h -- vcard-temp (XEP-0054): what an account says of itself, asked for and written; and the picture in it, for
 * accounts whose programs know no XEP-0084 (XEP-0153).
 *
 * A vCard is a claim: nothing of it is stored, or shown where names stand that the directory vouches for. What other
 * programs wrote into the own one stays there. In a step. */
#ifndef KS_VCARD_H
#define KS_VCARD_H

#include "iq_client.h"
#include "schema.h"

struct konsil;

/* Commands: vcard, vcard_set. */
KS_CHECK enum ks_err ks_vcard_ask(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_vcard_set(struct konsil *k, const struct ks_cmd *cmd);

/* Asks for the vCard of an account (empty: our own). KS_EAGAIN: not online. */
KS_CHECK enum ks_err ks_vcard_fetch(struct konsil *k, struct ks_str jid, ks_iq_done_fn *done, struct ks_str text);
/* The picture in an answer to that, in base64; empty: none. In the step's arena. */
struct ks_str ks_vcard_photo(struct konsil *k, const struct ks_stanza *answer);

#endif
