/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* jid.h -- XMPP addresses (RFC 7622).
 *
 * A ks_jid is a view: its slices point into memory the caller keeps. Parsing normalises (PRECIS, RFC 7622 §3.2 to
 * §3.4), so equal addresses have equal bytes. Nothing here blocks or logs. */
#ifndef KS_JID_H
#define KS_JID_H

#include "arena.h"
#include "buf.h"

#define KS_JID_PART_MAX 1023
#define KS_JID_MAX (3 * KS_JID_PART_MAX + 2)

struct ks_jid {
    struct ks_str local, domain, resource; /* each up to 1023 bytes; only domain is never empty */
};

/* Reads an address as a peer wrote it. The bytes behind *ret_jid belong to arena.
 * KS_OK; KS_ESYNTAX if malformed (the peer gets <jid-malformed/>, RFC 6120 §8.3.3.8); KS_ELIMIT (the arena's);
 * KS_ENOMEM. *ret_jid is written on KS_OK only. ASCII that is in its normal form already, the usual case, is checked
 * without copying twice. */
KS_CHECK enum ks_err ks_jid_parse(struct ks_arena *arena, struct ks_str text, struct ks_jid *ret_jid);

/* Splits what ks_jid_write wrote (a stored or internal address), without checks or copies. text is not empty. */
struct ks_jid ks_jid_split(struct ks_str text);

static inline struct ks_jid ks_jid_bare(struct ks_jid jid)
{
    jid.resource = KS_STR_EMPTY;
    return jid;
}

bool ks_jid_eq(struct ks_jid a, struct ks_jid b);
bool ks_jid_eq_bare(struct ks_jid a, struct ks_jid b);
static inline bool ks_jid_is_bare(struct ks_jid jid)
{
    return jid.resource.len == 0;
}

void ks_jid_write(struct ks_buf *buf, struct ks_jid jid);
/* As text in arena. KS_OK; KS_ELIMIT; KS_ENOMEM. */
KS_CHECK enum ks_err ks_jid_text(struct ks_arena *arena, struct ks_jid jid, struct ks_str *ret_text);

#endif
