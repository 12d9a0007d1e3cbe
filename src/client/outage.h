/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* outage.h -- what is wrong when nobody gets through (XEP-0455).
 *
 * The engine opens no files: when the server could not be reached several times, and said before where to look then
 * (server_info.h), the event `outage_ask` asks the program to fetch the address; the command `outage_status` brings
 * what stood there, which is checked here and told as `outage`. In a step. */
#ifndef KS_OUTAGE_H
#define KS_OUTAGE_H

#include "schema.h"

#define KS_OUTAGE_TRIES 2         /* in vain: sooner it is a tunnel or a lift */
#define KS_OUTAGE_AGAIN_MS 300000 /* so often at most is it looked */
#define KS_OUTAGE_TEXT_MAX 4096u  /* bytes of a text; longer ones are cut */

struct konsil;

struct ks_outage {
    bool asked;       /* since the last session */
    bool shown;       /* and something was told */
    int64_t asked_ms; /* mono */
    size_t next;      /* of the addresses, in turn */
};

/* The connection is lost, and will be tried again. */
KS_CHECK enum ks_err ks_outage_lost(struct konsil *k);
/* A session is there: it is over. */
KS_CHECK enum ks_err ks_outage_online(struct konsil *k);
/* Command outage_status. */
KS_CHECK enum ks_err ks_outage_status(struct konsil *k, const struct ks_cmd *cmd);

#endif
