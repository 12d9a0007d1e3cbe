/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* catchup.h -- what came while we were away, from the archive of the account (XEP-0313), oldest first.
 *
 * Begins after the archive id up to which everything is durable here. Of what comes live that is a minute behind,
 * because live messages overtake each other: a carbon takes another way through the server than a message. When the
 * server does not know it any more (it went back, or the message's time was up), an hour before the last stamp
 * (doc/PROTOCOL.md §11.2): what is here already is recognised. Messages that arrive live meanwhile are held back, so
 * that each author's stand in order. */
#ifndef KS_CATCHUP_H
#define KS_CATCHUP_H

#include "buf.h"
#include "xml.h"

#define KS_CATCHUP_PAGE 100
#define KS_CATCHUP_HELD_MAX (32u * 1024 * 1024) /* bytes held back; above it the archive is read once more instead */

struct konsil;

/* Of one archive: our own, or a room's. */
struct ks_catchup {
    struct ks_str archive; /* the room; empty: our own account's. A view that lives as long */
    bool running, done;    /* done: since the XMPP session began */
    bool recheck;          /* reading once more what may have been missed */
    bool twice;            /* what is being read was perhaps here already */
    bool ended;            /* the last page is here, and what was held back is to be taken in */
    bool waits;            /* but not before ks_catchup_heard */
    bool heard;            /* which was */
    bool unasked;          /* the question ran out of time while the connection was lost */
    bool again;            /* held back more than there is room for */
    char query[24];        /* id of the query at hand */
    struct ks_buf held;    /* stanzas, each a field of buf.h */
};

void ks_catchup_lost(struct ks_catchup *c);
/* Of our own archive. */
bool ks_catchup_done(const struct konsil *k);

/* In a step. */
KS_CHECK enum ks_err ks_catchup_begin(struct konsil *k, struct ks_catchup *c);
/* The session goes on: what is still running is asked for again if need be. */
KS_CHECK enum ks_err ks_catchup_resumed(struct konsil *k, struct ks_catchup *c);
/* Reads the last hour once more, for something that is missing; then ks_heal_wake is called. */
KS_CHECK enum ks_err ks_catchup_recheck(struct konsil *k, struct ks_catchup *c);
/* This one of an archive is durable here with the step at hand. */
KS_CHECK enum ks_err ks_catchup_note(
    struct konsil *k, struct ks_catchup *c, struct ks_str archive_id, int64_t stamp_ms);

/* Outside of steps. After the step in which the last page came. */
void ks_catchup_release_due(struct konsil *k, struct ks_catchup *c);
/* <result/> of a query, whose id says of which archive it is. */
bool ks_catchup_result(struct konsil *k, struct ks_catchup *c, const struct ks_xml *result);
/* True if a live message was held back. */
bool ks_catchup_hold(struct ks_catchup *c, const struct ks_xml *message);
/* Of a room, or what its archive has: held back, as everything that follows, until it is known who belongs to it. False
 * when that was just heard. */
bool ks_catchup_hold_until_heard(struct ks_catchup *c, const struct ks_xml *message);
void ks_catchup_heard(struct ks_catchup *c);

#endif
