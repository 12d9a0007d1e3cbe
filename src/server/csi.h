/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* csi.h -- what of a session waits while nobody looks at its client (XEP-0352): asked of xep_0352_csi.c.
 *
 * What waits is not sent yet: XEP-0198 counts it when it is. It goes in front of whatever is written next, so a client
 * gets everything in order, but for what a later stanza put out of date (a presence, a chat state, an item of a node):
 * of that it gets the later one. What is in the archive never waits: should konsild die, nobody would know that it did
 * not arrive. The rest ends with the session, as presence does. A session that is active has nothing here and pays
 * nothing but a look at `inactive`. */
#ifndef KS_CSI_H
#define KS_CSI_H

#include "session.h"

/* What the client said. When it is active, what waits is written first. */
void ks_csi_set(struct ks_session *s, bool inactive);
/* Writes what waits, oldest first. */
void ks_csi_flush(struct ks_session *s);
/* Keeps a stanza of an inactive session (a reference to bytes is taken). False: it has to be written, because it is for
 * a person to see now, or because there is no room or memory; ks_session_write flushes first. */
bool ks_csi_hold(struct ks_session *s, const struct ks_xml *stanza, struct ks_bytes *bytes);

#endif
