/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sce.h -- the envelope inside a sealed message (XEP-0420 0.4, in the profile of XEP-0384 §5.4 and doc/PROTOCOL.md).
 *
 *     <envelope xmlns='urn:xmpp:sce:1'>
 *       <content>…</content><time stamp='…'/><from jid='…'/><to jid='…'/><rpad>…</rpad>
 *     </envelope>
 *
 * Ours carry all four affixes, and rpad fills the envelope to the next of 1, 2, 4, 8, 16 and 32 KiB (64 KiB for a
 * resend), so that a size tells little. What was read is a peer's claim: the caller compares from and to with the
 * stanza and the session, and time with the arrival. Nothing here logs or has IO. */
#ifndef KS_SCE_H
#define KS_SCE_H

#include "buf.h"
#include "prng.h"
#include "xml.h"

#define KS_SCE_MAX (32 * 1024)        /* bytes of an envelope */
#define KS_SCE_RESEND_MAX (64 * 1024) /* of one that carries another in base64 */
#define KS_SCE_ELEMENTS_MAX 64        /* inside content */
#define KS_SCE_DEPTH_MAX 16           /* children of content are at depth 1 */

struct ks_sce {
    struct ks_xml *content; /* <content/>; its children are the message, unknown ones included */
    bool has_time;
    int64_t wall_ms;        /* 'stamp', if has_time */
    struct ks_str from, to; /* as written, unchecked; ptr NULL when absent */
    bool large;             /* over KS_SCE_MAX: the caller refuses it unless it is a resend */
};

/* Appends the envelope of sce->content (an element {urn:xmpp:sce:1}content), time, from and to, padded. large allows
 * KS_SCE_RESEND_MAX. KS_ELIMIT: does not fit the largest size, or the limits of content; then nothing is appended. Also
 * the buffer's failures. The content holds none of the elements that only a server may see (asserted; see below). */
KS_CHECK enum ks_err ks_sce_write(const struct ks_sce *sce, struct ks_prng *prng, struct ks_buf *buf);

/* Reads an envelope as a peer made it. The tree belongs to arena. Elements that XEP-0420 §4 keeps out of content
 * (hints, stanza-id, addresses, encryption) are dropped from it. KS_ESYNTAX: not well-formed, no <envelope/>, content
 * missing, an affix twice or malformed; KS_ELIMIT: a limit above, or the arena's; KS_ENOMEM. Affixes may be missing,
 * since other clients are free to leave some out; unknown affixes are ignored. */
KS_CHECK enum ks_err ks_sce_read(struct ks_arena *arena, struct ks_str bytes, struct ks_sce *ret_sce);

/* <content/> to add children to; NULL without memory. */
struct ks_xml *ks_sce_content(struct ks_arena *arena);

/* What names an envelope in chains, acknowledgements and references (doc/PROTOCOL.md):
 * SHA-256("konsil/0 envelope\n" || the envelope's bytes). */
#define KS_SCE_HASH_LEN 32
void ks_sce_hash(struct ks_str bytes, uint8_t ret_hash[KS_SCE_HASH_LEN]);

#endif
