/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* c2s_bind.c -- resources (RFC 6120 §7), and the beginning and resumption of stream management (XEP-0198 §3, §5). */
#include "c2s_login.h"
#include "csi.h"
#include "enc.h"
#include "push.h"
#include "unicode.h"
#include "user_device.h"

/* --- binding --- */

enum ks_err ks_bind_random(struct ks_reactor *r, struct ks_arena *arena, struct ks_str *ret_resource)
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789"; /* 59 bits */
    char *text = ks_arena_alloc(arena, 12);

    if (!text)
        return KS_ENOMEM;
    for (size_t i = 0; i < 12; i++)
        text[i] = letters[ks_prng_below(&r->prng, sizeof letters - 1)];
    *ret_resource = ks_str(text, 12);
    return KS_OK;
}

struct ks_session *ks_bind(struct ks_ctx *ctx, struct ks_c2s *c, struct ks_str resource, uint64_t device)
{
    struct ks_session *old = ks_user_resource(ctx->user, resource), *s;

    /* RFC 6120 §7.7.2.2: of three ways with a conflict we take the second, closing the old stream, because it is
     * mostly the same client come back. */
    if (old)
        ks_session_end(old, KS_STREAM_CONFLICT);
    else if (ctx->user->session_count >= (uint16_t)ks_domain_number(ctx->domain, "session.per_account"))
        return NULL;
    s = ks_session_new(ctx->user, resource);
    if (!s)
        return NULL;
    s->device = device;
    ks_c2s_bound(c, s);
    return s;
}

void ks_bind_tell(struct ks_ctx *ctx, struct ks_session *s)
{
    for (size_t i = 0; ks_features[i]; i++)
        if (ks_features[i]->bound)
            ks_features[i]->bound(ctx, s);
    ks_log(ctx->reactor->log, KS_INFO, "session.bound", KS_ID("session", s->id));
}

static void bind_run(struct ks_ctx *ctx)
{
    struct ks_c2s *c = ks_login_called(ctx->parcel);
    struct ks_stanza *iq = &ctx->parcel->stanza;
    struct ks_str wish = ks_xml_text(ctx->arena, ks_xml_child(iq->payload, NS_BIND, "resource")), resource;
    struct ks_xml *answer, *bind;
    struct ks_session *s;

    if (!c || c->state != C2S_AUTHED)
        return;
    if (!ks_login_stands(c, ctx->user)) {
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL);
        return;
    }
    if (wish.len ? ks_unicode_resource(ctx->arena, wish, &resource) != KS_OK
                 : ks_bind_random(ctx->reactor, ctx->arena, &resource) != KS_OK) {
        ks_c2s_write_xml(c, ks_stanza_error(ctx->arena, iq, KS_BAD_REQUEST, NULL)); /* RFC 6120 §7.7.2.1 */
        ks_c2s_release(c);
        return;
    }
    s = ks_bind(ctx, c, resource, ks_device_of(ctx->user->bare, resource, false));
    if (!s) {
        ks_c2s_write_xml(c, ks_stanza_error(ctx->arena, iq, KS_RESOURCE_CONSTRAINT, NULL)); /* §7.6.2.1 */
        ks_c2s_release(c);
        return;
    }
    answer = ks_stanza_new(ctx->arena, "iq", "result", iq->id, KS_STR_EMPTY, KS_STR_EMPTY);
    bind = ks_xml_add(ctx->arena, answer, NS_BIND, "bind");
    ks_xml_add_text(ctx->arena, bind, NS_BIND, "jid", s->jid);
    ks_c2s_write_xml(c, answer);
    ks_bind_tell(ctx, s);
    ks_c2s_release(c);
}

void ks_c2s_on_bind(struct ks_c2s *c, struct ks_parcel *parcel)
{
    enum ks_cond cond;
    enum ks_err err = ks_stanza_read(&parcel->arena, parcel->stanza.xml, &parcel->stanza, &cond);

    if (err != KS_OK || parcel->stanza.type != KS_IQ_SET || !ks_xml_is(parcel->stanza.payload, NS_BIND, "bind")) {
        ks_c2s_close(c, KS_STREAM_NOT_AUTHORIZED, NULL); /* RFC 6120 §7.1 */
        return;
    }
    ks_login_call(c, ks_parcel_ref(parcel), bind_run);
}

/* --- stream management --- */

/* "id" and "previd": the session's number and a secret, in hexadecimal. */
static enum ks_err session_id(struct ks_arena *arena, const struct ks_session *s, struct ks_str *ret_text)
{
    struct ks_buf buf;
    uint8_t id[8];
    enum ks_err err;

    for (int i = 0; i < 8; i++)
        id[i] = (uint8_t)(s->id >> (56 - 8 * i));
    ks_buf_init(&buf, 2 * (sizeof id + KS_SM_TOKEN_LEN));
    ks_hex_add(&buf, ks_str(id, sizeof id));
    ks_hex_add(&buf, ks_str(s->sm_token, sizeof s->sm_token));
    err = ks_buf_err(&buf);
    if (err == KS_OK)
        err = ks_arena_copy(arena, ks_buf_str(&buf), ret_text);
    ks_buf_done(&buf);
    return err;
}

struct ks_xml *ks_sm_enable(
    struct ks_arena *arena, struct ks_session *s, const struct ks_domain *domain, const struct ks_xml *enable)
{
    struct ks_str resume = ks_xml_attr(enable, "resume"), id;
    struct ks_xml *enabled = ks_xml_new(arena, NS_SM, "enabled");

    s->sm = true;
    s->sm_resume = (ks_str_is(resume, "true") || ks_str_is(resume, "1")) && ks_domain_number(domain, "session.resume");
    s->in_base = s->in_count;
    s->in_told = 0;
    if (!s->sm_resume)
        return enabled;
    ks_prng_bytes(&s->user->reactor->prng, s->sm_token, sizeof s->sm_token);
    if (session_id(arena, s, &id) != KS_OK)
        return NULL;
    ks_xml_set(arena, enabled, "id", id);
    ks_xml_set(arena, enabled, "resume", KS_STR("true"));
    return ks_xml_set_u64(arena, enabled, "max", (uint64_t)ks_domain_number(domain, "session.resume"));
}

/* "If a server receives a second <enable/> element it SHOULD respond with a stream error". */
void ks_c2s_on_enable(struct ks_c2s *c, struct ks_parcel *parcel)
{
    if (c->session->sm)
        ks_c2s_close(c, KS_STREAM_POLICY_VIOLATION, KS_WIRE("wire.sm-on", "Stream management is on already."));
    else
        ks_c2s_write_xml(c, ks_sm_enable(&parcel->arena, c->session, ks_c2s_domain(c), parcel->stanza.xml));
}

struct ks_xml *ks_sm_failed_new(struct ks_arena *arena, const char *condition)
{
    struct ks_xml *failed = ks_xml_new(arena, NS_SM, "failed");

    ks_xml_add(arena, failed, NS_STANZAS, condition);
    return failed;
}

/* XEP-0198 §3: "the client MUST NOT attempt to enable stream management until after it has completed Resource
 * Binding … The server SHALL enforce this order and return a <failed/> element". */
void ks_c2s_on_early_enable(struct ks_c2s *c, struct ks_parcel *parcel)
{
    ks_c2s_write_xml(c, ks_sm_failed_new(&parcel->arena, "unexpected-request"));
}

/* --- resumption --- */

/* The one that <resume/> names, if the client knows its secret and counts as we do. */
static struct ks_session *named(struct ks_ctx *ctx, const struct ks_xml *resume)
{
    struct ks_str text = ks_xml_attr(resume, "previd"), token;
    struct ks_session *s;
    uint64_t h, id = 0;

    if (text.len != 2 * (8 + KS_SM_TOKEN_LEN) || ks_hex_read(ctx->arena, text, &token) != KS_OK)
        return NULL;
    for (int i = 0; i < 8; i++)
        id = id << 8 | (unsigned char)token.ptr[i];
    s = ks_session_find(ctx->user, id);
    if (!s || !s->sm_resume || !ks_user_exists(ctx->user)
        || !ks_crypto_eq(ks_str_from(token, 8), ks_str(s->sm_token, sizeof s->sm_token))
        || ks_str_u64(ks_xml_attr(resume, "h"), UINT32_MAX, &h) != KS_OK || ks_session_acked(s, (uint32_t)h) != KS_OK)
        return NULL;
    return s;
}

struct ks_session *ks_sm_resume(struct ks_ctx *ctx, struct ks_c2s *c, const struct ks_xml *resume, bool *ret_waits)
{
    struct ks_session *s = named(ctx, resume);

    *ret_waits = false;
    if (!s)
        return NULL;
    if (s->stream) { /* the old connection is dead, or nearly */
        struct ks_c2s *old = s->stream;
        s->stream = NULL;
        old->session = NULL;
        ks_c2s_close(old, KS_STREAM_CONFLICT, NULL);
    }
    if (s->resume_waiting) { /* that one gave up, or nearly */
        struct ks_c2s *old = ks_login_called(s->resume_waiting);
        ks_parcel_unref(ctx->reactor, s->resume_waiting);
        s->resume_waiting = NULL;
        if (old)
            ks_c2s_close(old, KS_STREAM_CONFLICT, NULL);
    }
    if (s->in_handled != s->in_count) {
        /* Stanzas of the broken connection are on their way to the disk. The client will send again whatever is not in
         * h, so h has to wait for them, or they would come twice. */
        s->resume_waiting = ks_parcel_ref(ctx->parcel);
        ks_login_keep(c, ctx->parcel);
        *ret_waits = true;
        return NULL;
    }
    ks_timer_clear(&ctx->reactor->timers, &s->expiry);
    s->asked = false;
    s->ask = true;
    ks_csi_set(s, false); /* XEP-0352 §5; before there is a stream, so that what waited goes behind what was sent */
    return s->ending ? NULL : s; /* it was too much for its queue */
}

struct ks_xml *ks_sm_resumed_new(struct ks_arena *arena, struct ks_session *s, const struct ks_xml *resume)
{
    struct ks_xml *resumed = ks_xml_new(arena, NS_SM, "resumed");

    s->in_told = ks_session_h(s);
    ks_xml_set_u64(arena, resumed, "h", s->in_told);
    return ks_xml_set(arena, resumed, "previd", ks_xml_attr(resume, "previd"));
}

void ks_sm_resumed(struct ks_ctx *ctx, struct ks_session *s)
{
    ks_push_back(s);
    for (uint32_t i = 0; i < s->sent_count && s->stream; i++)
        ks_c2s_write(s->stream, ks_bytes_str(s->sent[(s->sent_first + i) % s->sent_cap].bytes));
    ks_log(ctx->reactor->log, KS_INFO, "session.resumed", KS_ID("session", s->id), KS_NUM("again", s->sent_count));
}

static void resume_run(struct ks_ctx *ctx)
{
    struct ks_c2s *c = ks_login_called(ctx->parcel);
    const struct ks_xml *resume = ctx->parcel->stanza.xml;
    struct ks_session *s;
    bool waits;

    if (!c || c->state != C2S_AUTHED)
        return;
    s = ks_sm_resume(ctx, c, resume, &waits);
    if (waits)
        return;
    if (s) {
        ks_c2s_bound(c, s);
        ks_c2s_write_xml(c, ks_sm_resumed_new(ctx->arena, s, resume));
        ks_sm_resumed(ctx, s);
    } else {
        ks_c2s_write_xml(c, ks_sm_failed_new(ctx->arena, "item-not-found"));
    }
    ks_c2s_release(c);
}

void ks_c2s_on_resume(struct ks_c2s *c, struct ks_parcel *parcel)
{
    ks_login_call(c, ks_parcel_ref(parcel), resume_run);
}
