/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* disco.h -- what the discovery features (XEP-0030, 0115, 0163) ask of each other. */
#ifndef KS_DISCO_H
#define KS_DISCO_H

#include "feature.h"

/* xep_0030_disco.c: building a disco#info answer. name may be NULL. */
void ks_disco_add(struct ks_arena *arena, struct ks_xml *query, const char *feature);
void ks_disco_identity(
    struct ks_arena *arena, struct ks_xml *query, const char *category, const char *type, const char *name);
/* Identities, features and forms of a domain. */
void ks_disco_domain(struct ks_arena *arena, const struct ks_domain *domain, struct ks_xml *query);

#define KS_CAPS_VER_LEN 28 /* a SHA-1 in base64 */

/* xep_0115_caps.c: the hash of what disco says of a domain (§5.1), which stays the same as long as its configuration
 * does; in base64, without a zero behind it. KS_OK; KS_ENOMEM. */
KS_CHECK enum ks_err ks_caps_own_ver(const struct ks_domain *domain, char ret_ver[KS_CAPS_VER_LEN]);

/* xep_0115_caps.c: whether node is the one we announce in <c/> of this domain. */
bool ks_caps_is_ours(const struct ks_reactor *r, const struct ks_domain *domain, struct ks_str node);
/* Whether a session's client asked for notifications of a node ("NODE+notify" in its disco#info). */
bool ks_caps_wants(struct ks_session *session, struct ks_str node);

/* The nodes it asked for: size_t at = 0; while (ks_caps_next_wanted(session, &at, &node)). */
bool ks_caps_next_wanted(struct ks_session *session, size_t *at, struct ks_str *ret_node);

/* xep_0163_pep.c: nodes of ctx->user as iq->from may see them; they answer. */
void ks_pep_disco_info(struct ks_ctx *ctx, const struct ks_stanza *iq, struct ks_str node);
void ks_pep_disco_items(struct ks_ctx *ctx, const struct ks_stanza *iq, struct ks_str node);

#endif
