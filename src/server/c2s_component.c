/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "c2s_component.h"

#include <stdlib.h>

#include "c2s_framing.h"
#include "crypto.h"
#include "enc.h"
#include "route.h"

/* --- login --- */

void ks_component_forget(struct ks_c2s *c)
{
    if (c->proof)
        ks_wipe(c->proof, strlen(c->proof));
    free(c->proof);
    c->proof = NULL;
}

void ks_component_expect(struct ks_c2s *c, struct ks_str id)
{
    const struct ks_domain *component = ks_c2s_domain(c);
    struct ks_str secret = component ? ks_domain_text(component, "component.secret") : KS_STR_EMPTY;
    uint8_t hash[KS_HASH_MAX];
    struct ks_buf proof;

    ks_component_forget(c);
    if (!secret.len)
        return;
    ks_buf_init_secret(&proof, 1024);
    ks_hex_add(&proof, id);
    ks_buf_add(&proof, secret);
    ks_hash(KS_SHA1, ks_buf_str(&proof), hash);
    ks_buf_reset(&proof);
    ks_hex_add(&proof, ks_str(hash, ks_hash_len(KS_SHA1)));
    if (ks_buf_err(&proof) == KS_OK)
        c->proof = ks_str_dup(ks_buf_str(&proof));
    ks_buf_done(&proof);
}

void ks_component_on_header(struct ks_c2s *c, struct ks_arena *arena, const struct ks_xml *header,
    struct ks_str declarations, enum ks_stream_cond wrong)
{
    struct ks_str text = ks_xml_attr(header, "to");
    const struct ks_domain *host = NULL;
    struct ks_jid to = { 0 };

    if (text.len && ks_jid_parse(arena, text, &to) == KS_OK && !to.local.len && !to.resource.len)
        host = ks_config_host(c->reactor->config, to.domain);
    if (wrong != KS_STREAM_COND_COUNT)
        ks_c2s_close(c, wrong, NULL);
    else if (!text.len)
        ks_c2s_close(c, KS_STREAM_IMPROPER_ADDRESSING, NULL);
    else if (!host || !host->component)
        ks_c2s_close(c, KS_STREAM_HOST_UNKNOWN, NULL);
    else {
        c->domain = host->index;
        ks_c2s_greet(c, declarations);
    }
}

void ks_component_on_handshake(struct ks_c2s *c, struct ks_parcel *parcel)
{
    struct ks_str proof = ks_str_trim(ks_xml_text(&parcel->arena, parcel->stanza.xml)), own = ks_str_z(c->proof);

    if (!own.len || proof.len != own.len || !ks_crypto_eq(proof, own)) {
        c->reactor->stats.logins_refused++;
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL);
        return;
    }
    ks_component_forget(c);
    ks_c2s_move(c, ks_home_of(c->reactor->server, ks_c2s_domain(c)->name));
}

void ks_component_go_on(struct ks_c2s *c)
{
    struct ks_reactor *r = c->reactor;
    struct ks_user *home = ks_user_at(r, ks_c2s_domain(c)->name);
    struct ks_session *session;

    if (home && ks_user_session(home, NULL)) {
        ks_c2s_close(c, KS_STREAM_CONFLICT, NULL);
        return;
    }
    session = home ? ks_session_new(home, KS_STR("")) : NULL;
    if (!session) {
        ks_c2s_close(c, KS_STREAM_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    r->stats.logins++;
    ks_c2s_bound(c, session);
    ks_framing_limit(c, (uint32_t)ks_config_number(c->reactor->config, "stream.bytes"));
    ks_log(r->log, KS_INFO, "component.connected", KS_ID("session", ks_session_id(session)));
    ks_c2s_write(c, KS_STR("<handshake/>"));
    ks_c2s_release(c);
}

/* --- from it --- */

static void send_on(struct ks_ctx *ctx, struct ks_parcel *parcel)
{
    struct ks_stanza *stanza = &parcel->stanza;
    const struct ks_domain *host = ks_config_host(ctx->reactor->config, stanza->to.domain);

    if (!host)
        ks_reply_error(ctx, KS_REMOTE_SERVER_NOT_FOUND, NULL);
    else if (host->protected)
        ks_reply_error(ctx, KS_POLICY_VIOLATION,
            KS_WIRE("wire.component-protected", "In this domain only certified devices speak to people."));
    else if (host->parent)
        ks_reply_error(ctx, KS_NOT_ALLOWED, NULL);
    else if (ks_run_passes(ctx, KS_STAGE_CLEAN, stanza) == KS_PASS_STOP)
        return;
    else if (!host->component && !stanza->to.local.len) {
        if (stanza->kind != KS_PRESENCE
            && (stanza->kind == KS_MESSAGE || !ks_iq_handle(ctx, stanza, KS_TO_DOMAIN_OPEN)))
            ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
    } else if (ks_route_home(ctx->reactor, parcel))
        ks_ctx_post(ctx, ks_parcel_ref(parcel));
    else
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
}

void ks_component_on_stanza(struct ks_c2s *c, struct ks_parcel *parcel)
{
    struct ks_session *s = c->session;
    struct ks_stanza *stanza = &parcel->stanza;
    struct ks_ctx ctx;
    enum ks_cond cond;
    enum ks_err err;

    c->reactor->stats.stanzas_in++;
    ks_session_received(s, parcel);
    err = ks_stanza_read(&parcel->arena, stanza->xml, stanza, &cond);
    /* §3: "All stanzas sent to the server MUST possess a 'from' attribute and a 'to' attribute"; the domain of 'from'
     * "MUST match the hostname of the component". */
    if (!stanza->has_from || !ks_str_eq(stanza->from.domain, ks_c2s_domain(c)->name)) {
        ks_c2s_close(c, KS_STREAM_INVALID_FROM, NULL);
        return;
    }
    if (!ks_xml_attr(stanza->xml, "to").len) {
        ks_c2s_close(c, KS_STREAM_IMPROPER_ADDRESSING, NULL);
        return;
    }
    ks_ctx_begin(&ctx, c->reactor, s->user, s, parcel);
    if (err == KS_ESYNTAX)
        ks_reply_error(&ctx, cond, NULL);
    else if (err != KS_OK)
        ks_reply_error(&ctx, KS_RESOURCE_CONSTRAINT, NULL);
    else if (ks_c2s_passes(c, &ctx))
        send_on(&ctx, parcel);
    ks_user_touch(s->user);
    ks_ctx_end(&ctx);
    if (ks_session_window_full(s))
        c->held = true; /* until ks_session_handled makes room */
}

/* --- to it --- */

struct ks_session *ks_component_session(const struct ks_ctx *ctx)
{
    struct ks_session *s = ks_user_session(ctx->user, NULL);

    return s && s->stream ? s : NULL;
}

void ks_component_arrived(struct ks_ctx *ctx, struct ks_stanza *stanza)
{
    struct ks_session *s = ks_component_session(ctx);

    if (!s)
        ks_reply_error(ctx, KS_REMOTE_SERVER_TIMEOUT, NULL); /* RFC 6120 §8.3.3.17: to try again later may help */
    else if (stanza->kind == KS_MESSAGE)
        ks_message_arrived(ctx, stanza);
    else
        ks_session_write_xml(s, stanza->xml, 0);
}
