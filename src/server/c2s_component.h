/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* c2s_component.h -- XEP-0114 Jabber Component Protocol, version 1.6: a program beside konsild that speaks for all
 * addresses of a host name (component.host), as a gateway into another network does.
 *
 * It connects at listen.component, which is on this machine only, since nothing of this protocol is encrypted, and
 * proves that it knows component.secret. It is a session without a resource at the home of its host name; what is for
 * any address there goes to it. An administrator trusts it with what it is told and with the names it writes, so it
 * reaches no farther than this: to accounts of open domains. Protected domains know certified devices only; rooms know
 * accounts of their domain only. */
#ifndef KS_C2S_COMPONENT_H
#define KS_C2S_COMPONENT_H

#include "c2s.h"

/* The header of its stream (§3). wrong: what is wrong with its form. */
void ks_component_on_header(struct ks_c2s *c, struct ks_arena *arena, const struct ks_xml *header,
    struct ks_str declarations, enum ks_stream_cond wrong);
/* Our header goes with this id: what the proof is to be follows from it. */
void ks_component_expect(struct ks_c2s *c, struct ks_str id);
/* Wipes it. */
void ks_component_forget(struct ks_c2s *c);
/* <handshake/> */
void ks_component_on_handshake(struct ks_c2s *c, struct ks_parcel *parcel);
/* It is in the reactor where its host name is at home. */
void ks_component_go_on(struct ks_c2s *c);
void ks_component_on_stanza(struct ks_c2s *c, struct ks_parcel *parcel);

/* A stanza for an address of the component at whose home ctx is. */
void ks_component_arrived(struct ks_ctx *ctx, struct ks_stanza *stanza);
/* The component of ctx's home, if it is connected; or NULL. */
struct ks_session *ks_component_session(const struct ks_ctx *ctx);

#endif
