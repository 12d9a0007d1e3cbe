/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* people.h -- who there is: the directory of the domain, the roster (RFC 6121 §2), presence (§3, §4), blocking
 * (XEP-0191); and what other entities may ask us (XEP-0030, XEP-0115, XEP-0199).
 *
 * Everybody known is a record of contacts.h. Presence is of the moment and in memory only. What is asked of us is
 * answered with as little as possible: no version, no time, no list of contacts. */
#ifndef KS_PEOPLE_H
#define KS_PEOPLE_H

#include "iq_client.h"
#include "schema.h"

#define KS_PEOPLE_RESOURCES_MAX 4096 /* of all contacts; further ones are not shown */

struct ks_people {
    struct ks_list resources;
    size_t resource_count;
    enum ks_js_show show; /* our own */
    char *status;
};

void ks_people_init(struct konsil *k);
void ks_people_done(struct konsil *k);

/* In a step: a new session asks for the roster, the block list and the directory, and sends presence. */
KS_CHECK enum ks_err ks_people_online(struct konsil *k);
/* In a step: without a connection nobody's presence is known. */
KS_CHECK enum ks_err ks_people_offline(struct konsil *k);

KS_CHECK enum ks_err ks_people_presence(struct konsil *k, const struct ks_stanza *presence);
/* An iq get or set of somebody; answers it. */
KS_CHECK enum ks_err ks_people_request(struct konsil *k, const struct ks_stanza *iq);

/* The best of an account's resources; 0 and an empty view when there is none. */
void ks_people_show(struct konsil *k, struct ks_str bare, enum ks_js_show *ret_show, struct ks_str *ret_status);

/* Our own presence, from now on. status may be empty. */
KS_CHECK enum ks_err ks_people_set_presence(struct konsil *k, enum ks_js_show show, struct ks_str status);
KS_CHECK enum ks_err ks_people_send_presence(struct konsil *k, const char *type, struct ks_str to);

/* Changes that the server decides about; done is told its answer. KS_EAGAIN: not online. */
KS_CHECK enum ks_err ks_roster_change(
    struct konsil *k, struct ks_str jid, struct ks_str name, bool remove, ks_iq_done_fn *done, struct ks_str text);
KS_CHECK enum ks_err ks_block_set(
    struct konsil *k, struct ks_str jid, bool block, ks_iq_done_fn *done, struct ks_str text);

/* roster.c, directory.c, answers.c */
KS_CHECK enum ks_err ks_roster_ask(struct konsil *k);
KS_CHECK enum ks_err ks_roster_push(struct konsil *k, const struct ks_stanza *iq);
KS_CHECK enum ks_err ks_block_ask(struct konsil *k);
KS_CHECK enum ks_err ks_block_push(struct konsil *k, const struct ks_stanza *iq);
KS_CHECK enum ks_err ks_directory_ask(struct konsil *k);
KS_CHECK enum ks_err ks_disco_answer(struct konsil *k, const struct ks_stanza *iq);
/* <c/> of XEP-0115 as a child of presence; NULL without memory. */
struct ks_xml *ks_disco_caps(struct konsil *k, struct ks_xml *presence);

#endif
