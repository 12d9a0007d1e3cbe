/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* displayed.h -- how far this account has read, among all of its programs (XEP-0490).
 *
 * The account's node has a mark for each conversation: the archive's id of a message, and no words. What was read here
 * is put there once the server knows all it has to (the marks were fetched, the archive is caught up with); what others
 * put there is read here as well. A mark never goes back, neither here nor there. Marks of messages that are not here
 * yet wait for them. Receipts inside envelopes (acks.h) say the same to our own programs and, if the person allows it,
 * to authors; this is for programs that know nothing of those, and for devices that were not there yet.
 *
 *   KS_T_MESSAGE_ID   a conversation 0 archive id    its order
 *                     s conversation 0 order(8)      its archive id
 *   KS_T_META         "displayed " conversation      how far the node is, and the mark that waits
 *
 * In a step, all of it. */
#ifndef KS_DISPLAYED_H
#define KS_DISPLAYED_H

#include "xml.h"

struct konsil;
struct ks_inbound;

struct ks_displayed {
    bool known; /* the marks were fetched since the login */
};

/* A new session: asks for the marks. */
KS_CHECK enum ks_err ks_displayed_online(struct konsil *k);
/* Caught up: what was read and is not in the node yet is put there. */
KS_CHECK enum ks_err ks_displayed_caught_up(struct konsil *k);
/* The conversation was read on this device. */
KS_CHECK enum ks_err ks_displayed_read(struct konsil *k, struct ks_str conversation);
/* <items/> of our own node, as an event. */
KS_CHECK enum ks_err ks_displayed_event(struct konsil *k, const struct ks_xml *items);
/* A message came, with its place in our archive: if it stands in the history, it can be marked. */
KS_CHECK enum ks_err ks_displayed_note(struct konsil *k, const struct ks_inbound *in);

/* The archive's id of a message, in the step's arena. KS_ENOTFOUND. */
KS_CHECK enum ks_err ks_displayed_archive_id(
    struct konsil *k, struct ks_str conversation, int64_t order, struct ks_str *ret_id);

#endif
