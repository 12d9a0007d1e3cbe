/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* c2s_stanza.c -- what a client says once its resource is bound: stanzas, and how many it has of ours (XEP-0198). */
#include <stdio.h>

#include "c2s.h"
#include "csi.h"
#include "route.h"

#define SMALL_TREE_BYTES 8192 /* see ks_c2s_passes */

bool ks_c2s_passes(struct ks_c2s *c, struct ks_ctx *ctx)
{
    const struct ks_parcel *parcel = ctx->parcel;
    struct ks_reactor *r = c->reactor;

    /* Each element or attribute takes 56 bytes of the tree or more, and has at most one namespace written with it,
     * whose letters become six each where they are escaped. With half a tree of 8 KiB for each that makes 1.8 MiB. */
    if (parcel->arena.bytes < SMALL_TREE_BYTES || parcel->stanza.type == KS_IQ_RESULT
        || parcel->stanza.type == KS_IQ_ERROR)
        return true;
    struct ks_str text = ks_reactor_write(r, parcel->stanza.xml, KS_STR_EMPTY);
    if (ks_buf_err(&r->written) != KS_ELIMIT && text.len <= KS_STANZA_PASSED_MAX)
        return true;
    /* RFC 6120 §8.3.3.12; to try it again later would not help */
    ks_reply_error(ctx, KS_POLICY_VIOLATION,
        KS_WIRE("wire.written-large", "This stanza, as it is written for others, is too large."));
    return false;
}

void ks_c2s_on_stanza(struct ks_c2s *c, struct ks_parcel *parcel)
{
    struct ks_session *s = c->session;
    struct ks_str from;
    struct ks_ctx ctx;
    enum ks_cond cond;
    enum ks_err err;

    c->reactor->stats.stanzas_in++;
    ks_session_received(s, parcel);
    ks_xml_unset(parcel->stanza.xml, "from");
    err = ks_stanza_read(&parcel->arena, parcel->stanza.xml, &parcel->stanza, &cond);
    /* RFC 6120 §8.1.2.1: 'from' is ours to stamp. We overwrite what the client wrote and do not refuse a mismatch,
     * because clients that send their bare JID are common and harmless. A copy, because a stanza may outlive the
     * session that sent it. */
    if (ks_arena_copy(&parcel->arena, s->jid, &from) != KS_OK
        || !ks_xml_set(&parcel->arena, parcel->stanza.xml, "from", from))
        err = KS_ENOMEM;
    else
        parcel->stanza.from = ks_jid_split(from);
    parcel->stanza.has_from = true;
    ks_ctx_begin(&ctx, c->reactor, s->user, s, parcel);
    if (err == KS_ESYNTAX)
        ks_reply_error(&ctx, cond, NULL);
    else if (err != KS_OK)
        ks_reply_error(&ctx, KS_RESOURCE_CONSTRAINT, NULL);
    else if (!ks_c2s_passes(c, &ctx))
        ; /* it is answered */
    else if (s->user->state == KS_USER_LOADED && ks_list_empty(&s->user->waiting)) {
        ks_route_sent(&ctx, parcel);
    } else {
        /* At home, but the data was forgotten: comes back here with it. */
        parcel->run = ks_c2s_sent_run;
        parcel->home = s->user->bare;
        ks_ctx_post(&ctx, ks_parcel_ref(parcel));
    }
    ks_user_touch(s->user);
    ks_ctx_end(&ctx);
    if (ks_session_window_full(s))
        c->held = true; /* until ks_session_handled makes room */
}

void ks_c2s_sent_run(struct ks_ctx *ctx)
{
    ctx->parcel->run = NULL;
    ctx->parcel->home = KS_STR_EMPTY;
    if (ctx->session)
        ks_route_sent(ctx, ctx->parcel);
}

static bool valid_h(const struct ks_xml *element, uint32_t *ret_h)
{
    uint64_t h;

    if (ks_str_u64(ks_xml_attr(element, "h"), UINT32_MAX, &h) != KS_OK)
        return false;
    *ret_h = (uint32_t)h;
    return true;
}

void ks_c2s_on_r(struct ks_c2s *c, struct ks_parcel *parcel)
{
    struct ks_session *s = c->session;

    (void)parcel;
    if (!s->sm)
        return;
    s->tell = true;
    ks_c2s_dirty(c);
}

void ks_c2s_on_a(struct ks_c2s *c, struct ks_parcel *parcel)
{
    uint32_t h;

    if (!c->session->sm || !valid_h(parcel->stanza.xml, &h))
        return;
    if (ks_session_acked(c->session, h) != KS_OK) {
        /* XEP-0198 §4: a client that acknowledges what we never sent has lost count. */
        char error[200];
        struct ks_buf buf;
        ks_buf_init(&buf, sizeof error);
        ks_buf_printf(&buf,
            "<stream:error><undefined-condition xmlns='" NS_STREAMS "'/><handled-count-too-high xmlns='" NS_SM
            "' h='%u' send-count='%u'/></stream:error>",
            h, ks_session_out_count(c->session));
        ks_c2s_write(c, ks_buf_str(&buf));
        ks_buf_done(&buf);
        ks_c2s_close(c, KS_STREAM_COND_COUNT, NULL);
        return;
    }
    if (c->session->sent_count)
        ks_c2s_dirty(c);
}

/* XEP-0352 §4.2, §4.3: no answer; §5: done when the next stanza is looked at. */
void ks_c2s_on_csi(struct ks_c2s *c, struct ks_parcel *parcel)
{
    ks_csi_set(c->session, ks_str_is(parcel->stanza.xml->name, "inactive"));
}

/* XEP-0198 §4: what is handled is told when it is durable, and what we sent is asked for once at a time. */
void ks_c2s_before_flush(struct ks_c2s *c)
{
    struct ks_session *s = c->session;
    char text[64];
    size_t room;

    if (!s || !s->sm || c->state != C2S_BOUND)
        return;
    bool tell = s->tell || s->in_told != ks_session_h(s), ask = s->ask && s->sent_count && !s->asked;
    if ((!tell && !ask) || !ks_buf_reserve(&c->out, 128, &room)) /* whole, or not at all */
        return;
    if (tell) {
        s->tell = false;
        s->in_told = ks_session_h(s);
        snprintf(text, sizeof text, "<a xmlns='" NS_SM "' h='%u'/>", s->in_told);
        ks_framing_write(c, ks_str_z(text));
    }
    if (ask) {
        s->ask = false;
        s->asked = true;
        s->asked_at = ks_session_out_count(s);
        ks_framing_write(c, KS_STR("<r xmlns='" NS_SM "'/>"));
    }
}
