/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "actor.h"

#include <stdio.h>
#include <stdlib.h>

#include "enc.h"
#include "ns.h"
#include "sasl_ht.h"
#include "stanza.h"

/* As our engine reads (src/client/stream.c). */
#define ITEM_BYTES_MAX (16u << 20)
#define READ_DEPTH_MAX 120

void actor_init(struct actor *actor, struct world *world, struct ks_prng *prng)
{
    *actor = (struct actor) { .world = world, .prng = prng };
    ks_buf_init(&actor->in, SIZE_MAX);
    actor->items_end = &actor->items;
}

static void item_free(struct item *item)
{
    ks_arena_done(&item->arena);
    free(item);
}

void actor_drop(struct actor *actor, struct item *item)
{
    struct item **at = &actor->items;

    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    if (!*at)
        actor->items_end = at;
    item_free(item);
}

void actor_disconnect(struct actor *actor)
{
    if (actor->wire)
        actor->world->ops->close(actor->wire);
    actor->wire = NULL;
    actor->bound = actor->counts = false;
    ks_buf_reset(&actor->in);
    actor->seen = 0;
}

void actor_done(struct actor *actor)
{
    actor_disconnect(actor);
    while (actor->items)
        actor_drop(actor, actor->items);
    ks_buf_done(&actor->in);
}

bool actor_connect(struct actor *actor)
{
    actor_disconnect(actor);
    while (actor->items)
        actor_drop(actor, actor->items);
    ks_framer_init(&actor->framer, KS_STANZA_READ_MAX, READ_DEPTH_MAX);
    actor->wire = actor->world->ops->connect(actor->world, actor->address);
    return actor->wire != NULL;
}

void actor_send(struct actor *actor, struct ks_str bytes)
{
    if (actor->wire)
        actor->world->ops->send(actor->wire, bytes);
}

/* --- what comes --- */

static void add_item(struct actor *actor, enum ks_frame frame, struct ks_str bytes)
{
    struct item *item = calloc(1, sizeof *item);
    struct ks_xml_header header;
    enum ks_err err = KS_OK;

    if (!item)
        abort();
    ks_arena_init(&item->arena, ITEM_BYTES_MAX);
    if (ks_arena_copy(&item->arena, bytes, &item->bytes) != KS_OK)
        abort();
    if (frame == KS_FRAME_OPEN) {
        err = ks_xml_read_header(&item->arena, bytes, &header);
        if (err == KS_OK)
            item->xml = header.element;
    } else if (frame == KS_FRAME_STANZA) {
        err = ks_xml_read(&item->arena, bytes, KS_STR(NS_CLIENT), KS_STR_EMPTY, &item->xml);
    }
    actor->broken = actor->broken || err != KS_OK;
    *actor->items_end = item;
    actor->items_end = &item->next;
}

static void cut_items(struct actor *actor)
{
    size_t used = 0;

    while (actor->seen < actor->in.len) {
        struct ks_str left = ks_str_from(ks_buf_str(&actor->in), actor->seen);
        size_t len;
        enum ks_frame frame = ks_framer_next(&actor->framer, left, &len);
        actor->seen += len;
        if (frame == KS_FRAME_MORE)
            break;
        if (frame == KS_FRAME_OPEN || frame == KS_FRAME_STANZA || frame == KS_FRAME_CLOSE)
            add_item(actor, frame, ks_str(actor->in.ptr + used, actor->seen - used));
        else if (frame != KS_FRAME_BLANK)
            actor->broken = true;
        if (actor->broken || frame == KS_FRAME_CLOSE) {
            actor->seen = actor->in.len;
            used = actor->seen;
            break;
        }
        used = actor->seen;
    }
    ks_buf_drop(&actor->in, used);
    actor->seen -= used;
}

static bool receive(struct actor *actor)
{
    bool any = actor->wire && actor->world->ops->receive(actor->wire, &actor->in);

    cut_items(actor);
    return any;
}

struct item *actor_peek(struct actor *actor)
{
    while (!actor->items && receive(actor))
        ;
    return actor->items;
}

void actor_look(struct actor *actor)
{
    if (actor->world->ops->wait) /* where receiving does not block */
        (void)receive(actor);
}

bool item_is_count(const struct item *item)
{
    return item && (ks_xml_is(item->xml, NS_SM, "a") || ks_xml_is(item->xml, NS_SM, "r"));
}

struct item *actor_peek_past_counts(struct actor *actor)
{
    while (item_is_count(actor_peek(actor)))
        actor_drop(actor, actor->items);
    return actor->items;
}

struct item *actor_next(struct actor *actor, const struct item *item)
{
    while (!item->next && receive(actor))
        ;
    return item->next;
}

/* Waits until an item fits, leaving all others. */
static struct item *wait_for(
    struct actor *actor, bool (*fits)(const struct item *item, struct ks_str key), struct ks_str key)
{
    struct item *at = actor_peek(actor);

    while (at && !fits(at, key))
        at = actor_next(actor, at);
    return at;
}

static bool has_id(const struct item *item, struct ks_str id)
{
    return item->xml && ks_str_eq(ks_xml_attr(item->xml, "id"), id);
}

static bool is_answer(const struct item *item, struct ks_str key)
{
    (void)key;
    return ks_xml_is(item->xml, NS_SM, "a");
}

bool actor_sync(struct actor *actor)
{
    char id[32], text[256];
    struct item *item;

    snprintf(id, sizeof id, "golden-sync-%u", ++actor->syncs);
    if (actor->counts) /* a ping would count */
        snprintf(text, sizeof text, "<r xmlns='" NS_SM "'/>");
    else
        snprintf(text, sizeof text, "<iq type='get' id='%s' to='%.*s'><ping xmlns='" NS_PING "'/></iq>", id,
            KS_STR_FMT(actor->domain));
    actor_send(actor, ks_str_z(text));
    item = wait_for(actor, actor->counts ? is_answer : has_id, ks_str_z(id));
    if (item)
        actor_drop(actor, item);
    return item != NULL;
}

/* --- the usual ways --- */

static bool failed(struct actor *actor, struct ks_buf *why, const char *what)
{
    struct ks_str got = actor->items ? actor->items->bytes : KS_STR("nothing");

    ks_buf_printf(why, "%.*s %s; next came: %.*s", KS_STR_FMT(actor->name), what, KS_STR_FMT(got));
    return false;
}

/* The next item is {ns}name, and goes. */
static bool take(struct actor *actor, const char *ns, const char *name)
{
    struct item *item = actor_peek(actor);

    if (!item || !ks_xml_is(item->xml, ns, name))
        return false;
    actor_drop(actor, item);
    return true;
}

bool actor_start_stream(struct actor *actor, struct ks_buf *ret_why)
{
    struct ks_buf header;

    ks_framer_restart(&actor->framer);
    ks_buf_init(&header, 4096);
    ks_buf_printf(&header,
        "<?xml version='1.0'?><stream:stream to='%.*s' version='1.0' xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM
        "'>",
        KS_STR_FMT(actor->domain));
    actor_send(actor, ks_buf_str(&header));
    ks_buf_done(&header);
    return (take(actor, NS_STREAM, "stream") && take(actor, NS_STREAM, "features"))
        || failed(actor, ret_why, "got no stream");
}

bool actor_start_tls(struct actor *actor, struct ks_buf *ret_why)
{
    if (!actor->wire || !actor->world->ops->start_tls(actor->wire, &actor->tls))
        return failed(actor, ret_why, "got no TLS");
    ks_framer_restart(&actor->framer);
    ks_buf_reset(&actor->in);
    actor->seen = 0;
    return true;
}

static struct ks_scram_bindings bindings(const struct actor *actor)
{
    struct ks_scram_bindings data = { 0 };

    if (actor->tls.has_exporter)
        data.data[KS_BIND_TLS_EXPORTER] = ks_str(actor->tls.exporter, sizeof actor->tls.exporter);
    data.data[KS_BIND_TLS_SERVER_END_POINT] = ks_str(actor->tls.server_end_point, actor->tls.server_end_point_len);
    return data;
}

static const char *profile(const struct actor_login *login)
{
    return login->asking ? NS_SASL2 : NS_SASL;
}

static void send_first(struct actor *actor, const struct actor_login *login, struct ks_str message)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 65536);
    ks_buf_printf(&buf, "<%s xmlns='%s' mechanism='%.*s'>%s", login->asking ? "authenticate" : "auth", profile(login),
        KS_STR_FMT(login->mechanism), login->asking ? "<initial-response>" : "");
    ks_base64_add(&buf, message);
    if (login->asking)
        ks_buf_printf(&buf, "</initial-response>%.*s</authenticate>", KS_STR_FMT(*login->asking));
    else
        ks_buf_z(&buf, "</auth>");
    actor_send(actor, ks_buf_str(&buf));
    ks_buf_done(&buf);
}

static void send_response(struct actor *actor, const struct actor_login *login, struct ks_str message)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 65536);
    ks_buf_printf(&buf, "<response xmlns='%s'>", profile(login));
    ks_base64_add(&buf, message);
    ks_buf_z(&buf, "</response>");
    actor_send(actor, ks_buf_str(&buf));
    ks_buf_done(&buf);
}

/* The next item when it has this name, with its data; NULL when something else came. In the simulator the server may
 * let a client wait: time passes until it does not. */
static struct item *sasl_item(struct actor *actor, const struct actor_login *login, struct ks_arena *arena,
    const char *name, struct ks_str *ret_data)
{
    struct item *item = actor_peek(actor);
    const struct ks_xml *data;

    for (int tenth = 0; !item && actor->world->ops->wait && tenth < 10000; tenth++) {
        actor->world->ops->wait(actor->world, 100);
        item = actor_peek(actor);
    }
    if (!item || !ks_xml_is(item->xml, profile(login), name))
        return NULL;
    data = login->asking && strcmp(name, "success") == 0 ? ks_xml_child(item->xml, NS_SASL2, "additional-data")
                                                         : item->xml;
    return ks_base64_read(arena, ks_xml_text(&item->arena, data), ret_data) == KS_OK ? item : NULL;
}

/* One message and one answer (sasl_ht.h); the password is the token. */
static bool authenticate_by_token(struct actor *actor, const struct actor_login *login, struct ks_buf *ret_why)
{
    const struct ks_ht_mechanism *mechanism = ks_ht_mechanism(login->mechanism);
    struct ks_scram_bindings known = bindings(actor);
    struct ks_str channel = mechanism ? known.data[mechanism->binding] : KS_STR_EMPTY, message, data;
    uint8_t answer[KS_HT_PROOF_LEN];
    struct ks_arena arena;
    struct item *item;
    bool good;

    ks_arena_init(&arena, 65536);
    if (ks_ht_first(&arena, login->user, login->password, channel, &message) != KS_OK)
        abort();
    send_first(actor, login, message);
    ks_ht_proof(login->password, KS_HT_RESPONDER, channel, answer);
    item = sasl_item(actor, login, &arena, "success", &data);
    good = !item || ks_str_eq(data, ks_str(answer, sizeof answer));
    if (!good)
        failed(actor, ret_why, "was let in by a server that does not know the token");
    ks_arena_done(&arena);
    return good;
}

bool actor_authenticate(struct actor *actor, const struct actor_login *login, struct ks_buf *ret_why)
{
    if (ks_str_starts(login->mechanism, KS_STR("HT-")))
        return authenticate_by_token(actor, login, ret_why);
    bool plus = ks_str_ends(login->mechanism, KS_STR("-PLUS"));
    enum ks_hash hash = ks_str_find(login->mechanism, KS_STR("SHA-256")) < login->mechanism.len ? KS_SHA256 : KS_SHA1;
    enum ks_scram_binding binding = plus ? KS_BIND_TLS_EXPORTER : KS_BIND_NONE;
    struct ks_scram_bindings known = bindings(actor);
    struct ks_scram_client scram;
    struct ks_arena arena;
    struct ks_str message, data;
    struct item *item;
    bool good = false;

    ks_arena_init(&arena, 65536);
    if (ks_scram_client_first(&scram, &arena, hash, binding, plus, login->user, login->password, actor->prng, &message)
        != KS_OK) {
        failed(actor, ret_why, "cannot begin SCRAM");
        goto out;
    }
    send_first(actor, login, message);
    item = sasl_item(actor, login, &arena, "challenge", &data);
    if (!item) { /* <failure/>, most likely: the script's business */
        good = true;
        goto out;
    }
    actor_drop(actor, item);
    if (ks_scram_client_final(&scram, &known, KS_STR_EMPTY, data, &message) != KS_OK) {
        failed(actor, ret_why, "got a challenge that is none");
        goto out;
    }
    send_response(actor, login, message);
    item = sasl_item(actor, login, &arena, "success", &data);
    good = !item || ks_scram_client_done(&scram, data) == KS_OK;
    if (!good)
        failed(actor, ret_why, "was let in by a server that does not know the password");
    if (item && !login->asking)
        ks_framer_restart(&actor->framer);
out:
    ks_arena_done(&arena);
    return good;
}

bool actor_bind(struct actor *actor, struct ks_buf *ret_why)
{
    struct ks_buf iq;
    struct item *item;

    ks_buf_init(&iq, 4096);
    ks_buf_printf(&iq,
        "<iq type='set' id='golden-bind'><bind xmlns='" NS_BIND "'><resource>%.*s</resource></bind></iq>",
        KS_STR_FMT(actor->resource));
    actor_send(actor, ks_buf_str(&iq));
    ks_buf_done(&iq);
    item = actor_peek(actor);
    if (!item || !ks_str_is(ks_xml_attr(item->xml, "type"), "result"))
        return failed(actor, ret_why, "could not bind");
    actor_drop(actor, item);
    actor->bound = true;
    return true;
}

bool actor_be_present(struct actor *actor, struct ks_buf *ret_why)
{
    actor_send(actor, KS_STR("<presence/>"));
    if (!actor_sync(actor))
        return failed(actor, ret_why, "got no answer after her presence");
    while (actor->items)
        actor_drop(actor, actor->items);
    return true;
}
