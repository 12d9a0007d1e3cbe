/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* upload_slot.h -- asking the server for a place for a file (XEP-0363, version 1.2.0).
 *
 * The service is the domain itself, or one of the entities that it lists (§3). What is asked for is a place for the
 * sealed bytes: their length, and a name and type that say nothing. In a step. */
#ifndef KS_UPLOAD_SLOT_H
#define KS_UPLOAD_SLOT_H

#include "stanza.h"

#define KS_UPLOAD_SERVICES_MAX 20 /* entities of the domain that are asked, one after the other */

struct konsil;

/* What a session found out. */
struct ks_upload_service {
    enum { KS_SERVICE_UNASKED, KS_SERVICE_ASKING, KS_SERVICE_THERE, KS_SERVICE_NONE } state;
    char *jid;          /* owned */
    uint64_t bytes_max; /* 0: no limit is known */
    struct ks_str left; /* owned: JIDs that were not asked yet, each with a line feed */
};
/* The session is gone: whoever was asked is asked again. */
void ks_upload_service_lost(struct ks_upload_service *service);

/* Looks for the service; the transfers are woken when that is over (ks_transfers_wake). KS_EAGAIN: not online. */
KS_CHECK enum ks_err ks_upload_find(struct konsil *k);

/* An answer. Views belong to the step's arena. */
struct ks_upload_slot {
    struct ks_str put, get, headers; /* headers: "Name: value", each with a line feed */
    const char *code;                /* there is no slot: why, with detail; NULL: there is one */
    struct ks_str detail;
    bool later; /* it may be tried again */
};
/* Asks for a slot of so many bytes; ks_transfers_slot is told with the number. KS_EAGAIN: not online. */
KS_CHECK enum ks_err ks_upload_ask(struct konsil *k, uint64_t bytes, uint64_t number);

/* "100 MiB": how people are told a limit. */
KS_CHECK enum ks_err ks_upload_size_text(struct konsil *k, uint64_t bytes, struct ks_str *ret_text);

#endif
