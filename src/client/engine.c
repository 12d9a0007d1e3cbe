/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inbox.h"
#include "kept_rooms.h"
#include "keys_publish.h"
#include "peers.h"
#include "server_info.h"
#include "xml_writer.h"

#define STEP_BYTES_MAX (64u * 1024 * 1024)
#define EVENT_BYTES_MAX (256u * 1024 * 1024)
#define DEFAULT_NAME "konsil"
#define PASSWORD_KEY "password"
#define TOKEN_KEY "token" /* its mechanism, a blank, and it */

/* --- steps --- */

static void flush_staged(struct konsil *k)
{
    struct ks_buf staged = k->staged;
    struct ks_cursor at = ks_cursor(ks_buf_str(&staged));
    struct ks_str stanza;
    uint64_t tag;

    /* Out of the way: sending may lose the connection, and that is told in steps of its own. */
    ks_buf_init(&k->staged, STEP_BYTES_MAX);
    while (ks_cursor_u64(&at, &tag) == KS_OK && ks_cursor_field(&at, &stanza) == KS_OK)
        ks_stream_send(k, stanza, tag);
    ks_buf_done(&staged);
    ks_stream_flush(k);
}

static void undo(struct konsil *k, size_t events_len)
{
    k->store->ops->rollback(k->store);
    k->events.len = events_len;
    ks_buf_reset(&k->staged);
}

static enum ks_err tell_full(struct konsil *k, void *arg)
{
    (void)arg;
    return ks_tell_warning(k, KS_CODE_STORE_FULL, KS_STR_EMPTY);
}

static void step_failed(struct konsil *k, enum ks_err err)
{
    ks_log(k->log, KS_ERROR, "client.step.failed", KS_ERR(err));
    if (err == KS_EFULL) {
        /* Not to be resumed: what the step was about (the begin of a session, the answer to a request, an
         * acknowledgement) is forgotten here, and would not come again. A new session finds out everything. */
        ks_sm_reset(&k->stream.sm);
        ks_stream_drop(k, KS_CODE_STORE_FULL);
        /* Telling writes nothing; a store that cannot even begin has failed. */
        if (!k->stepping)
            (void)ks_step(k, tell_full, NULL);
    } else if (err <= KS_FATAL || err == KS_EVERSION) {
        k->failed = err;
    }
}

bool ks_step(struct konsil *k, ks_step_fn *step, void *arg)
{
    size_t events_len = k->events.len;
    enum ks_err err;

    assert(!k->stepping);
    if (k->failed != KS_OK)
        return false;
    if ((err = k->store->ops->begin(k->store)) != KS_OK) {
        k->failed = err;
        return false;
    }
    ks_arena_reset(&k->arena);
    ks_buf_reset(&k->staged);
    k->stepping = true;
    err = step(k, arg);
    if (err == KS_OK && (ks_buf_err(&k->events) != KS_OK || ks_buf_err(&k->staged) != KS_OK))
        err = KS_ENOMEM;
    if (err == KS_OK)
        err = k->store->ops->commit(k->store);
    k->stepping = false;
    ks_keys_step_ended(k, err == KS_OK);
    ks_cert_cache_step_ended(k, err == KS_OK);
    if (err != KS_OK) {
        undo(k, events_len);
        step_failed(k, err);
        return false;
    }
    flush_staged(k);
    return true;
}

/* --- sending and telling --- */

bool ks_online(const struct konsil *k)
{
    return k->stream.state == KS_STREAM_ONLINE;
}

enum ks_err ks_send_bytes(struct konsil *k, struct ks_str stanza, uint64_t tag)
{
    assert(k->stepping);
    ks_buf_u64(&k->staged, tag);
    ks_buf_field(&k->staged, stanza);
    return ks_buf_err(&k->staged);
}

enum ks_err ks_send_stanza(struct konsil *k, const struct ks_xml *stanza, uint64_t tag)
{
    struct ks_buf bytes;
    enum ks_err err;

    if (!stanza)
        return KS_ENOMEM;
    ks_buf_init(&bytes, KS_STANZA_SENT_MAX);
    ks_xml_write(&bytes, stanza, KS_STR(NS_CLIENT));
    if ((err = ks_buf_err(&bytes)) == KS_OK)
        err = ks_send_bytes(k, ks_buf_str(&bytes), tag);
    ks_buf_done(&bytes);
    return err;
}

enum ks_err ks_tell(struct konsil *k, enum ks_ev_kind kind, const void *value)
{
    assert(k->stepping);
    ks_json_event(&k->events, &ks_ev_shapes[kind], value);
    ks_buf_byte(&k->events, '\n');
    return ks_buf_err(&k->events) == KS_OK ? KS_OK : KS_ENOMEM;
}

enum ks_err ks_tell_warning(struct konsil *k, const char *code, struct ks_str jid)
{
    struct ks_ev_warning event = { .code = ks_str_z(code), .jid = jid };

    return ks_tell(k, KS_EV_WARNING, &event);
}

bool konsil_next_event(struct konsil *k, const char **ret_json, size_t *ret_len)
{
    struct ks_str left = ks_str_from(ks_buf_str(&k->events), k->events_taken), line;

    if (!ks_str_cut(&left, '\n', &line)) {
        ks_buf_reset(&k->events);
        k->events_taken = 0;
        return false;
    }
    k->events_taken += line.len + 1;
    *ret_json = line.ptr;
    *ret_len = line.len;
    return true;
}

enum ks_err ks_new_id(struct konsil *k, struct ks_str *ret_id)
{
    char *id = ks_arena_alloc(&k->arena, 33);

    if (!id)
        return KS_ENOMEM;
    uint64_t high = ks_prng_u64(&k->prng), low = ks_prng_u64(&k->prng); /* in one call, either might be drawn first */

    snprintf(id, 33, "%016llx%016llx", (unsigned long long)high, (unsigned long long)low);
    *ret_id = ks_str(id, 32);
    return KS_OK;
}

/* --- the store --- */

enum ks_err ks_store_get(struct konsil *k, enum ks_table table, struct ks_str key, struct ks_str *ret_value)
{
    struct ks_buf value;
    enum ks_err err;

    ks_buf_init_secret(&value, STEP_BYTES_MAX);
    if ((err = k->store->ops->get(k->store, table, key, &value)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&value), ret_value);
    ks_buf_done(&value);
    return err;
}

enum ks_err ks_meta_get(struct konsil *k, const char *name, struct ks_str *ret_value)
{
    return ks_store_get(k, KS_T_META, ks_str_z(name), ret_value);
}

enum ks_err ks_meta_put(struct konsil *k, const char *name, struct ks_str value)
{
    return k->store->ops->put(k->store, KS_T_META, ks_str_z(name), value);
}

enum ks_err ks_meta_del(struct konsil *k, const char *name)
{
    return k->store->ops->del(k->store, KS_T_META, ks_str_z(name));
}

enum ks_err ks_meta_get_u64(struct konsil *k, const char *name, uint64_t *ret_value)
{
    struct ks_str value;
    struct ks_cursor at;
    enum ks_err err;

    if ((err = ks_meta_get(k, name, &value)) != KS_OK)
        return err;
    at = ks_cursor(value);
    return ks_cursor_u64(&at, ret_value) == KS_OK ? KS_OK : KS_ESTORE;
}

enum ks_err ks_meta_put_u64(struct konsil *k, const char *name, uint64_t value)
{
    char bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(value >> (56 - 8 * i));
    return ks_meta_put(k, name, ks_str(bytes, sizeof(bytes)));
}

/* --- the account --- */

static enum ks_err keep_z(char **at, struct ks_str text)
{
    char *copy = ks_str_dup(text);

    if (!copy)
        return KS_ENOMEM;
    free(*at);
    *at = copy;
    return KS_OK;
}

/* The resource stays the same for a store, so that after a crash the new session replaces the old one. */
static enum ks_err load_resource(struct konsil *k)
{
    struct ks_str resource;
    char text[80];
    enum ks_err err = ks_meta_get(k, "resource", &resource);

    if (err == KS_ENOTFOUND) {
        snprintf(
            text, sizeof(text), "%.48s.%06llx", k->device_name, (unsigned long long)ks_prng_below(&k->prng, 1 << 24));
        resource = ks_str_z(text);
        err = ks_meta_put(k, "resource", resource);
    }
    return err == KS_OK ? keep_z(&k->resource, resource) : err;
}

/* A UUID of version 4 (RFC 9562 §5.4), made once for a store. */
static enum ks_err load_agent(struct konsil *k)
{
    enum ks_err err;
    struct ks_str agent;
    uint8_t b[16];
    char text[37];

    err = ks_meta_get(k, "agent", &agent);
    if (err == KS_ENOTFOUND) {
        ks_prng_bytes(&k->prng, b, sizeof(b));
        b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
        b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
        snprintf(text, sizeof(text), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
            b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
        agent = ks_str_z(text);
        err = ks_meta_put(k, "agent", agent);
    }
    return err == KS_OK ? keep_z(&k->agent, agent) : err;
}

static enum ks_err load_number(struct konsil *k, const char *name, uint64_t fresh, uint64_t *ret_value)
{
    enum ks_err err = ks_meta_get_u64(k, name, ret_value);

    if (err != KS_ENOTFOUND)
        return err;
    *ret_value = fresh;
    return ks_meta_put_u64(k, name, fresh);
}

static enum ks_err load_identity(struct konsil *k)
{
    uint64_t born;
    enum ks_err err;

    if ((err = ks_omemo_new(k->store, &k->prng, ks_own(k), ks_peers_judge, k, &k->omemo)) != KS_OK)
        return err;
    if ((err = ks_omemo_load(k->omemo)) == KS_ENOTFOUND)
        err = ks_omemo_create(k->omemo, k->now.wall_ms);
    if (err != KS_OK || (err = load_number(k, "born", (uint64_t)k->now.wall_ms, &born)) != KS_OK)
        return err;
    k->born_ms = (int64_t)born;
    /* Never 0, which stands for "none" in records. */
    return load_number(k, "epoch", ks_prng_u64(&k->prng) | 1, &k->epoch);
}

enum ks_err ks_engine_went_back(struct konsil *k)
{
    enum ks_err err;

    k->went_back = true;
    k->epoch = ks_prng_u64(&k->prng) | 1;
    if ((err = ks_meta_put_u64(k, "epoch", k->epoch)) != KS_OK
        || (err = ks_omemo_renew(k->omemo, k->now.wall_ms)) != KS_OK
        || ((err = ks_keys_publish(k, KS_OMEMO_2)) != KS_OK && err != KS_EAGAIN)
        || ((err = ks_keys_publish(k, KS_OMEMO_1)) != KS_OK && err != KS_EAGAIN))
        return err;
    return ks_tell_warning(k, KS_CODE_WENT_BACK, ks_own(k));
}

enum ks_err ks_engine_account(struct konsil *k, struct ks_str bare)
{
    struct ks_jid jid = ks_jid_split(bare);
    enum ks_err err;

    assert(!k->omemo);
    if ((err = keep_z(&k->bare, bare)) != KS_OK || (err = keep_z(&k->local, jid.local)) != KS_OK
        || (err = keep_z(&k->domain, jid.domain)) != KS_OK || (err = load_resource(k)) != KS_OK
        || (err = load_agent(k)) != KS_OK || (err = load_identity(k)) != KS_OK || (err = ks_device_key_load(k)) != KS_OK
        || (err = ks_enrolment_load(k)) != KS_OK || (err = ks_log_follow_load(k)) != KS_OK
        || (err = ks_acks_load(k)) != KS_OK || (err = ks_heal_load(k)) != KS_OK)
        return err;
    if ((err = ks_ring_load(k)) != KS_OK || (err = ks_archive_load(k)) != KS_OK || (err = ks_restore_load(k)) != KS_OK)
        return err;
    return ks_outbox_load(k);
}

static void free_secret(char *text);

/* As it is stored. */
static enum ks_err keep_token(struct konsil *k, struct ks_str text)
{
    struct ks_str mechanism;

    free_secret(k->token);
    free(k->token_mechanism);
    k->token = k->token_mechanism = NULL;
    if (!ks_str_cut(&text, ' ', &mechanism) || !text.len)
        return KS_OK; /* of another version: the password is asked for */
    if (!(k->token = ks_str_dup(text)) || !(k->token_mechanism = ks_str_dup(mechanism)))
        return KS_ENOMEM;
    return KS_OK;
}

/* Everything the store knows: after a crash this is all there is. */
static enum ks_err load(struct konsil *k, void *arg)
{
    struct ks_str text;
    enum ks_err err;

    (void)arg;
    if ((err = ks_meta_get(k, "account", &text)) == KS_ENOTFOUND)
        return KS_OK;
    if (err != KS_OK || (err = ks_engine_account(k, text)) != KS_OK)
        return err;
    if ((err = ks_meta_get(k, PASSWORD_KEY, &text)) == KS_OK) {
        k->remember = true;
        err = keep_z(&k->password, text);
    }
    if ((err == KS_OK || err == KS_ENOTFOUND) && (err = ks_meta_get(k, TOKEN_KEY, &text)) == KS_OK)
        err = keep_token(k, text);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

/* --- what the stream tells --- */

struct online {
    bool resumed;
};

/* What is being read of archives is asked for again if need be. */
static enum ks_err resume_archives(struct konsil *k)
{
    enum ks_err err = ks_catchup_resumed(k, &k->catchup);

    for (KS_LIST_EACH(&k->groups.live, at))
        if (err == KS_OK)
            err = ks_catchup_resumed(k, &KS_CONTAINER(at, struct ks_group_live, link)->catchup);
    return err;
}

static enum ks_err session_began(struct konsil *k, void *arg)
{
    const struct online *online = arg;
    struct ks_ev_connection event = { .state = KS_JS_CONNECTION_CATCHING_UP, .jid = ks_str_z(k->stream.jid) };
    enum ks_err err;

    if (online->resumed) {
        /* Lost in the middle of it, the server sends the rest of the page again. */
        err = ks_catchup_done(k) ? ks_engine_caught_up(k, true) : ks_tell(k, KS_EV_CONNECTION, &event);
        if (err == KS_OK)
            err = ks_log_follow_ask(k);
        return err == KS_OK ? resume_archives(k) : err;
    }
    if ((err = ks_tell(k, KS_EV_CONNECTION, &event)) != KS_OK || (err = ks_people_online(k)) != KS_OK
        || (err = ks_keys_online(k)) != KS_OK || (err = ks_displayed_online(k)) != KS_OK
        || (err = ks_bookmarks_online(k)) != KS_OK || (err = ks_server_info_online(k)) != KS_OK
        || (err = ks_log_follow_online(k)) != KS_OK)
        return err;
    return ks_catchup_begin(k, &k->catchup);
}

static enum ks_err keep_password(struct konsil *k, void *arg)
{
    (void)arg;
    return k->remember && k->password ? ks_meta_put(k, PASSWORD_KEY, ks_str_z(k->password)) : KS_OK;
}

/* A token that the server gave is kept like the password that it is in place of: in the store if it is to be
 * remembered, else until the program ends. */
static enum ks_err take_token(struct konsil *k, void *arg)
{
    struct ks_login *login = arg;
    const struct ks_str parts[] = { login->new_mechanism, KS_STR(" "), login->new_token };
    struct ks_str text;
    enum ks_err err = ks_arena_join(&k->arena, parts, KS_COUNT(parts), &text);

    if (err == KS_OK && k->remember)
        err = ks_meta_put(k, TOKEN_KEY, text);
    return err == KS_OK ? keep_token(k, text) : err;
}

enum ks_err ks_engine_drop_token(struct konsil *k)
{
    (void)keep_token(k, KS_STR_EMPTY);
    return ks_meta_del(k, TOKEN_KEY);
}

static enum ks_err drop_token(struct konsil *k, void *arg)
{
    (void)arg;
    return ks_engine_drop_token(k);
}

void ks_engine_forget_token(struct konsil *k)
{
    if (k->token)
        (void)ks_step(k, drop_token, NULL);
}

void ks_engine_forget_invite(struct konsil *k)
{
    free_secret(k->invite);
    k->invite = NULL;
    k->invite_tried = false;
}

static enum ks_err delete_password(struct konsil *k, void *arg)
{
    (void)arg;
    return ks_meta_del(k, PASSWORD_KEY);
}

void ks_engine_forget_password(struct konsil *k)
{
    (void)ks_step(k, delete_password, NULL);
    k->remember = false;
    if (k->password)
        ks_wipe(k->password, strlen(k->password));
    free(k->password);
    k->password = NULL;
}

void ks_engine_online(struct konsil *k, bool resumed)
{
    struct online online = { resumed };

    if (!resumed) { /* of a session that could not be resumed */
        ks_iq_lost(k);
        ks_keys_lost(k);
        ks_heads_lost(k);
        ks_catchup_lost(&k->catchup);
        ks_groups_lost(k);
        ks_device_key_lost(k);
        ks_log_follow_lost(k);
        ks_gossip_lost(k);
        ks_certs_lost(k);
        ks_transfers_lost(k);
        ks_services_lost(k);
        ks_ring_lost(k);
        ks_archive_lost(k);
        ks_restore_lost(k);
    }
    if (k->stream.login.new_token.len && !ks_step(k, take_token, &k->stream.login))
        return;
    (void)(ks_step(k, keep_password, NULL) && ks_step(k, session_began, &online));
}

void ks_keys_wake(struct konsil *k)
{
    ks_outbox_wake(k);
    ks_acks_keys(k);
    ks_heal_wake(k);
    ks_heads_wake(k);
    ks_groups_wake(k);
    ks_held_wake(k);
    ks_gossip_wake(k);
    if (k->restore.wanted)
        ks_archive_wake(k);
}

enum ks_err ks_engine_caught_up(struct konsil *k, bool resumed)
{
    struct ks_ev_connection event = { .state = KS_JS_CONNECTION_ONLINE, .jid = ks_str_z(k->stream.jid) };
    struct ks_ev_ready ready = { .jid = ks_own(k), .device = ks_omemo_device(k->omemo), .resumed = resumed };
    enum ks_err err;

    k->stream.tries = 0;
    if ((err = ks_tell(k, KS_EV_CONNECTION, &event)) != KS_OK || (err = ks_tell(k, KS_EV_READY, &ready)) != KS_OK)
        return err;
    if ((err = ks_outage_online(k)) != KS_OK || (err = ks_keys_caught_up(k, resumed)) != KS_OK
        || (err = ks_heal_caught_up(k)) != KS_OK || (err = ks_displayed_caught_up(k)) != KS_OK
        || (err = ks_device_key_online(k)) != KS_OK || (err = ks_enrolment_online(k)) != KS_OK
        || (err = ks_groups_online(k, resumed)) != KS_OK)
        return err;
    if (!resumed)
        ks_heads_caught_up(k);
    if ((err = ks_ring_online(k)) != KS_OK)
        return err;
    ks_acks_wake(k);
    ks_transfers_wake(k);
    return ks_outbox_online(k, resumed);
}

static enum ks_err session_lost(struct konsil *k, void *arg)
{
    enum ks_err err = ks_people_offline(k);

    (void)arg;
    return err == KS_OK && k->stream.wanted ? ks_outage_lost(k) : err;
}

void ks_engine_lost(struct konsil *k)
{
    if (!k->stream.sm.id)
        ks_iq_lost(k);
    ks_acks_lost(k);
    ks_outbox_lost(k);
    (void)ks_step(k, session_lost, NULL);
}

struct acked {
    const uint64_t *tags;
    size_t count;
};

static enum ks_err take_acked(struct konsil *k, void *arg)
{
    const struct acked *acked = arg;
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < acked->count && err == KS_OK; i++) {
        uint64_t tag = acked->tags[i];

        if (tag >> 56 == KS_TAG_OUTBOX)
            err = ks_outbox_acked(k, KS_TAG_NUMBER(tag));
        else if (tag >> 56 == KS_TAG_ACK)
            err = ks_acks_acked(k, KS_TAG_NUMBER(tag));
    }
    return err;
}

void ks_engine_acked(struct konsil *k, const uint64_t *tags, size_t count)
{
    struct acked acked = { tags, count };

    (void)ks_step(k, take_acked, &acked);
}

/* --- stanzas --- */

static enum ks_err take_presence(struct konsil *k, void *arg)
{
    return ks_people_presence(k, arg);
}

static enum ks_err take_request(struct konsil *k, void *arg)
{
    bool told;
    enum ks_err err = ks_service_request(k, arg, &told);

    return err != KS_OK || told ? err : ks_people_request(k, arg);
}

/* Of those whose last page came with the stanza at hand, what was held back is taken in. */
static void release_archives(struct konsil *k)
{
    ks_catchup_release_due(k, &k->catchup);
    for (KS_LIST_EACH_SAFE(&k->groups.live, at))
        ks_catchup_release_due(k, &KS_CONTAINER(at, struct ks_group_live, link)->catchup);
}

void ks_engine_stanza(struct konsil *k, struct ks_xml *xml)
{
    struct ks_stanza stanza;
    enum ks_cond cond;
    enum ks_err err = ks_stanza_read(&k->stream.element, xml, &stanza, &cond);

    if (err == KS_ENOMEM) {
        k->failed = err;
        return;
    }
    if (err != KS_OK) {
        /* A server's nonsense: counted as handled, or it came for ever. */
        ks_log(k->log, KS_WARNING, "client.stanza.malformed", KS_ERR(err));
        return;
    }
    switch (stanza.kind) {
    case KS_MESSAGE:
        ks_inbox_message(k, &stanza);
        break;
    case KS_PRESENCE:
        (void)ks_step(k, take_presence, &stanza);
        break;
    case KS_IQ:
        if (stanza.type == KS_IQ_GET || stanza.type == KS_IQ_SET)
            (void)ks_step(k, take_request, &stanza);
        else
            ks_iq_answer(k, &stanza);
        release_archives(k);
        break;
    }
}

/* --- time --- */

static void (*const due[KS_WAIT_COUNT])(struct konsil *k) = {
    [KS_WAIT_CONNECT] = ks_stream_retry,
    [KS_WAIT_LOGIN] = ks_stream_late,
    [KS_WAIT_PING] = ks_stream_ping,
    [KS_WAIT_IQ] = ks_iq_late,
    [KS_WAIT_ACK] = ks_acks_due,
    [KS_WAIT_HEAL] = ks_heal_due,
    [KS_WAIT_HEADS] = ks_heads_due,
    [KS_WAIT_KEYS] = ks_keys_due,
    [KS_WAIT_OUTBOX] = ks_outbox_due,
    [KS_WAIT_GROUP] = ks_groups_due,
    [KS_WAIT_TRANSFER] = ks_transfers_due,
    [KS_WAIT_SERVICES] = ks_services_due,
    [KS_WAIT_LIFETIME] = ks_lifetime_due,
    [KS_WAIT_HELD] = ks_held_due,
    [KS_WAIT_ENROL] = ks_enrolment_due,
    [KS_WAIT_LOG] = ks_log_follow_due,
    [KS_WAIT_GOSSIP] = ks_gossip_due,
    [KS_WAIT_ARCHIVE] = ks_archive_due,
};

int64_t konsil_deadline_ms(const struct konsil *k)
{
    int64_t first = KS_NEVER;

    for (size_t i = 0; i < KS_WAIT_COUNT && k->failed == KS_OK; i++)
        first = ks_sooner(first, k->wait_ms[i]);
    return first;
}

/* What became due by what just happened is done at once, so that a driver sees one answer to one call. */
void ks_engine_due(struct konsil *k)
{
    for (size_t i = 0; i < KS_WAIT_COUNT && k->failed == KS_OK; i++)
        if (k->wait_ms[i] <= k->now.mono_ms)
            due[i](k); /* sets its time anew */
}

void konsil_tick(struct konsil *k, struct konsil_now now)
{
    k->now = (struct ks_now) { now.mono_ms, now.wall_ms };
    ks_engine_due(k);
}

void konsil_command(struct konsil *k, const char *json, size_t len, struct konsil_now now)
{
    k->now = (struct ks_now) { now.mono_ms, now.wall_ms };
    if (k->failed == KS_OK)
        ks_command(k, ks_str(json, len));
    ks_engine_due(k);
}

/* --- beginning and end --- */

struct konsil *konsil_new(const struct konsil_setup *setup)
{
    struct konsil *k = calloc(1, sizeof(*k));

    if (!k)
        return NULL;
    k->store = setup->store;
    k->log = setup->log;
    k->certificate = setup->certificate;
    k->now = (struct ks_now) { setup->now.mono_ms, setup->now.wall_ms };
    ks_prng_init(&k->prng, setup->seed);
    for (size_t i = 0; i < KS_WAIT_COUNT; i++)
        k->wait_ms[i] = KS_NEVER;
    ks_arena_init(&k->arena, STEP_BYTES_MAX);
    ks_buf_init(&k->events, EVENT_BYTES_MAX);
    ks_buf_init(&k->staged, STEP_BYTES_MAX);
    ks_iq_init(&k->iqs);
    ks_stream_init(k);
    ks_people_init(k);
    ks_keys_init(k);
    ks_device_key_init(k);
    ks_log_follow_init(k);
    ks_gossip_init(k);
    ks_certs_init(k);
    ks_held_init(k);
    ks_groups_init(k);
    ks_group_service_init(k);
    ks_acks_init(k);
    ks_heal_init(k);
    ks_heads_init(k);
    ks_transfers_init(k);
    ks_services_init(k);
    ks_lifetime_init(k);
    k->device_name = ks_str_dup(ks_str_z(setup->device_name ? setup->device_name : DEFAULT_NAME));
    if (!k->device_name) {
        konsil_free(k);
        return NULL;
    }
    (void)ks_step(k, load, NULL);
    return k;
}

static void free_secret(char *text)
{
    if (text)
        ks_wipe(text, strlen(text));
    free(text);
}

void konsil_free(struct konsil *k)
{
    if (!k)
        return;
    ks_catchup_lost(&k->catchup);
    ks_transfers_done(k);
    ks_groups_done(k);
    ks_device_key_done(k);
    ks_enrolment_done(k);
    ks_log_follow_done(k);
    ks_gossip_done(k);
    ks_ring_done(k);
    ks_restore_done(k);
    ks_certs_done(k);
    ks_held_done(k);
    ks_keys_done(k);
    ks_acks_done(k);
    ks_heal_done(k);
    ks_heads_done(k);
    ks_services_done(k);
    ks_lifetime_done(k);
    ks_people_done(k);
    ks_iq_free_all(&k->iqs);
    ks_stream_done(k);
    ks_omemo_free(k->omemo);
    ks_arena_done(&k->arena);
    ks_buf_done(&k->events);
    ks_buf_done(&k->staged);
    free_secret(k->password);
    free_secret(k->token);
    ks_engine_forget_invite(k);
    free(k->token_mechanism);
    free(k->agent);
    free(k->bare);
    free(k->local);
    free(k->domain);
    free(k->resource);
    free(k->device_name);
    free(k->host);
    ks_prng_done(&k->prng);
    ks_wipe(k, sizeof(*k));
    free(k);
}

int konsil_failed(const struct konsil *k)
{
    return k->failed;
}
