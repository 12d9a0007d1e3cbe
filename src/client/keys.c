/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs.h"
#include "early.h"
#include "engine.h"
#include "group.h"
#include "heartbeat.h"
#include "held.h"
#include "keys_publish.h"
#include "peers.h"
#include "pep_client.h"
#include "xml_writer.h"

#define UNANSWERED_MAX \
    2 /* questions for a bundle or list; then it counts as not to be had, a bundle for KS_KEYS_AGAIN_MS */
#define DAY_MS 86400000

static const char *const list_nodes[] = { [KS_OMEMO_2] = NS_OMEMO_DEVICES, [KS_OMEMO_1] = NS_AXOLOTL_DEVICES };

enum fetch { UNASKED, ASKED, HERE, FAILED };

/* A bundle that is asked for, or here and not used yet. */
struct bundle {
    struct ks_list link;
    uint32_t device;
    enum ks_omemo_version version;
    enum fetch state;
    bool renew;    /* a session is there, and is to be replaced */
    bool begun;    /* a session was begun from it, in the step at hand */
    int64_t at_ms; /* when it failed */
    char *bytes;
    size_t len;
    unsigned unanswered; /* questions, one after the other */
};

/* An account, for as long as the XMPP session lasts. */
struct ring {
    struct ks_list link;
    enum fetch lists[2];
    unsigned unanswered[2]; /* questions for each, one after the other */
    int64_t failed_ms, asked_ms;
    int64_t ready_ms; /* until then nothing is missing, if nothing changes (settle) */
    bool subscribed;
    struct ks_list bundles;
    struct ks_str jid; /* behind this struct */
};

/* --- rings --- */

void ks_keys_init(struct konsil *k)
{
    ks_list_init(&k->keys.rings);
    ks_heartbeats_init(k);
    k->keys.upkeep_ms = KS_NEVER;
}

static void bundle_free(struct bundle *bundle)
{
    ks_list_leave(&bundle->link);
    free(bundle->bytes);
    free(bundle);
}

void ks_keys_lost(struct konsil *k)
{
    for (KS_LIST_EACH_SAFE(&k->keys.rings, at)) {
        struct ring *ring = KS_CONTAINER(at, struct ring, link);

        for (KS_LIST_EACH_SAFE(&ring->bundles, b))
            bundle_free(KS_CONTAINER(b, struct bundle, link));
        ks_list_leave(at);
        free(ring);
    }
    ks_map_done(&k->keys.by_jid);
    k->keys.by_jid = (struct ks_map) { .count = 0 };
    k->keys.ring_count = 0;
    k->keys.republished = 0;
    memset(k->keys.publishing, 0, sizeof(k->keys.publishing));
}

void ks_keys_done(struct konsil *k)
{
    if (!k->keys.rings.next)
        return;
    ks_keys_lost(k);
    ks_heartbeats_done(k);
}

static struct ring *find_ring(struct konsil *k, struct ks_str jid)
{
    return ks_map_get(&k->keys.by_jid, jid);
}

/* NULL without memory. */
static struct ring *get_ring(struct konsil *k, struct ks_str jid)
{
    struct ring *ring = find_ring(k, jid);

    if (ring || !(ring = calloc(1, sizeof(*ring) + jid.len)))
        return ring;
    memcpy(ring + 1, jid.ptr, jid.len);
    ring->jid = ks_str(ring + 1, jid.len);
    if (k->keys.by_jid.cap == 0)
        ks_map_init(&k->keys.by_jid, (const uint64_t[2]) { k->epoch, ~k->epoch });
    if (ks_map_add(&k->keys.by_jid, ring->jid, ring) != KS_OK) {
        free(ring);
        return NULL;
    }
    ks_list_init(&ring->bundles);
    ks_list_append(&k->keys.rings, &ring->link);
    k->keys.ring_count++;
    return ring;
}

static struct bundle *find_bundle(struct ring *ring, uint32_t device, enum ks_omemo_version version)
{
    for (KS_LIST_EACH(&ring->bundles, at)) {
        struct bundle *bundle = KS_CONTAINER(at, struct bundle, link);

        if (bundle->device == device && bundle->version == version)
            return bundle;
    }
    return NULL;
}

static struct bundle *get_bundle(struct ring *ring, uint32_t device, enum ks_omemo_version version)
{
    struct bundle *bundle = find_bundle(ring, device, version);

    if (bundle || !(bundle = calloc(1, sizeof(*bundle))))
        return bundle;
    bundle->device = device;
    bundle->version = version;
    ks_list_append(&ring->bundles, &bundle->link);
    return bundle;
}

/* --- our own list --- */

/* Own devices that nobody saw for long leave the list, so that nobody encrypts to a drawer. What is fetched first shows
 * who wrote while this one was away. */
static bool drop_stale(struct konsil *k, struct ks_peer *own, enum ks_omemo_version version)
{
    int64_t live_ms = k->now.wall_ms - KS_KEYS_STALE_LIVE_MS;
    uint32_t self = ks_omemo_device(k->omemo);
    bool another = false, dropped = false;

    if (!ks_catchup_done(k))
        return false;
    for (size_t i = 0; i < own->count; i++)
        another = another || (own->devices[i].id != self && own->devices[i].seen_ms > live_ms);
    for (size_t i = 0; i < own->count; i++) {
        struct ks_peer_device *device = &own->devices[i];
        int64_t last = device->seen_ms > device->first_ms ? device->seen_ms : device->first_ms;

        if (device->id == self || last > k->now.wall_ms - (another ? KS_KEYS_STALE_LIVE_MS : KS_KEYS_STALE_MS))
            continue;
        dropped = dropped || device->listed[version];
        device->listed[version] = false;
    }
    return dropped;
}

static enum ks_err publish_list(struct konsil *k, const struct ks_peer *own, enum ks_omemo_version version)
{
    struct ks_omemo_device devices[KS_OMEMO_DEVICES_MAX];
    struct ks_xml *list;
    size_t count = 1;
    enum ks_err err;

    devices[0] = (struct ks_omemo_device) { .id = ks_omemo_device(k->omemo) };
    for (size_t i = 0; i < own->count && count < KS_OMEMO_DEVICES_MAX; i++)
        if (own->devices[i].listed[version] && own->devices[i].id != devices[0].id)
            devices[count++] = (struct ks_omemo_device) { .id = own->devices[i].id, .label = own->devices[i].label };
    if ((err = ks_omemo_devices_write(&k->arena, version, devices, count, &list)) != KS_OK)
        return err;
    return ks_pep_publish(k, list_nodes[version], KS_STR("current"), list, false);
}

/* Who was dropped lay in a drawer and saw nobody: the others' time begins anew. */
static void come_back(struct konsil *k, struct ks_peer *own)
{
    for (size_t i = 0; i < own->count; i++)
        own->devices[i].first_ms = k->now.wall_ms;
}

/* Our list as the server has it: are we on it? */
static enum ks_err check_own_list(struct konsil *k, struct ks_peer *own, enum ks_omemo_version version)
{
    struct ks_peer_device *self = ks_peer_device(own, ks_omemo_device(k->omemo));
    bool there = self && self->listed[version], stale;
    enum ks_err err;

    if (!there)
        come_back(k, own);
    stale = drop_stale(k, own, version);
    if (there && !stale)
        return KS_OK;
    if (k->keys.republished++ >= KS_KEYS_REPUBLISH_MAX)
        return KS_OK;
    if (!there && (err = ks_keys_publish(k, version)) != KS_OK)
        return err == KS_EAGAIN ? KS_OK : err;
    if ((err = ks_peer_save(k, own)) != KS_OK)
        return err;
    err = publish_list(k, own, version);
    return err == KS_EAGAIN ? KS_OK : err;
}

static enum ks_err drop_unused(struct konsil *k)
{
    struct ring *ring = find_ring(k, ks_own(k));
    struct ks_peer own;
    enum ks_err err = ks_peer_load(k, ks_own(k), &own);

    for (int version = KS_OMEMO_2; ring && err == KS_OK && version <= KS_OMEMO_1; version++)
        if (ring->lists[version] == HERE && drop_stale(k, &own, (enum ks_omemo_version)version)
            && (err = ks_peer_save(k, &own)) == KS_OK)
            err = publish_list(k, &own, (enum ks_omemo_version)version);
    return err == KS_EAGAIN ? KS_OK : err;
}

/* --- lists --- */

/* New devices of ours are something a person should look at. Where the hospital certifies them, its log says it. */
static enum ks_err tell_new_own(struct konsil *k, uint32_t device)
{
    struct ks_ev_warning event = { .code = KS_STR(KS_CODE_NEW_OWN_DEVICE), .jid = ks_own(k), .device = device };

    return ks_tell(k, KS_EV_WARNING, &event);
}

static enum ks_err take_list(
    struct konsil *k, struct ks_str jid, enum ks_omemo_version version, const struct ks_xml *list)
{
    bool own = ks_str_eq(jid, ks_own(k)), fresh = false, changed, ready;
    struct ks_omemo_device *devices = NULL;
    struct ring *ring;
    struct ks_peer peer;
    size_t count = 0, known;
    enum ks_err err;

    if (list && (err = ks_omemo_devices_read(&k->arena, version, list, &devices, &count)) != KS_OK) {
        if (err <= KS_FATAL)
            return err;
        count = 0; /* nonsense, or too long to be true: nobody is encrypted to */
    }
    if ((err = ks_peer_load(k, jid, &peer)) != KS_OK)
        return err;
    known = peer.count;
    for (size_t i = 0; own && i < count; i++) {
        if (devices[i].id == ks_omemo_device(k->omemo) || ks_peer_device(&peer, devices[i].id))
            continue;
        fresh = true;
        if (known > 1 && !ks_enrolled(k) && (err = tell_new_own(k, devices[i].id)) != KS_OK)
            return err;
    }
    if ((err = ks_peer_list(k, &peer, version, devices, count, &changed)) != KS_OK)
        return err;
    if ((ring = find_ring(k, jid)))
        ring->ready_ms = 0;
    if (changed && (err = ks_peer_tell(k, &peer)) != KS_OK)
        return err;
    if ((fresh && (err = ks_groups_show_sibling(k)) != KS_OK) || (err = ks_certs_ready(k, jid, &ready)) != KS_OK)
        return err;
    return own ? check_own_list(k, &peer, version) : KS_OK;
}

static enum ks_err on_list(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    enum ks_omemo_version version = (enum ks_omemo_version)iq->number;
    struct ring *ring = find_ring(k, iq->text);
    bool none = ks_str_is(ks_str_z(ks_iq_condition(answer)), "item-not-found");

    if (!ring)
        return KS_OK;
    if (!answer) {
        /* Without a connection it says nothing of the other side. With one it is asked for as long as somebody needs
         * it, but a room does not wait for it without end: one account would silence all. */
        ring->lists[version] = UNASKED;
        ring->unanswered[version] += ks_online(k);
        ks_keys_wake(k);
        return KS_OK;
    }
    ring->unanswered[version] = 0;
    if (!ks_iq_ok(answer) && !none) {
        /* Whoever cannot be asked now (a server that is away, a stranger) is asked again later. */
        ring->lists[version] = FAILED;
        ring->failed_ms = k->now.mono_ms;
        ks_keys_wake(k);
        return KS_OK;
    }
    ring->lists[version] = HERE;
    ks_keys_wake(k);
    return take_list(k, iq->text, version, ks_pep_payload(answer));
}

static enum ks_err ask_list(struct konsil *k, struct ring *ring, enum ks_omemo_version version)
{
    bool own = ks_str_eq(ring->jid, ks_own(k));
    enum ks_err err = ks_pep_fetch(
        k, own ? KS_STR_EMPTY : ring->jid, list_nodes[version], KS_STR_EMPTY, on_list, ring->jid, (uint64_t)version);

    if (err == KS_OK)
        ring->lists[version] = ASKED;
    ring->asked_ms = k->now.mono_ms;
    return err == KS_EAGAIN ? KS_OK : err;
}

/* XEP-0163's notifications need presence subscriptions, which colleagues do not have: within our domain we subscribe to
 * the node itself (doc/ARCHITECTURE.md). */
static enum ks_err subscribe(struct konsil *k, struct ring *ring)
{
    enum ks_err err;

    if (ring->subscribed || ks_str_eq(ring->jid, ks_own(k)) || !ks_str_is(ks_jid_split(ring->jid).domain, k->domain))
        return KS_OK;
    ring->subscribed = true;
    if ((err = ks_pep_subscribe(k, ring->jid, NS_OMEMO_DEVICES)) == KS_OK)
        err = ks_pep_subscribe(k, ring->jid, NS_AXOLOTL_DEVICES);
    return err == KS_EAGAIN ? KS_OK : err;
}

/* Due for a fetch: never asked, or failed long enough ago. */
static bool wants(enum fetch state, int64_t failed_ms, int64_t now_ms)
{
    return state == UNASKED || (state == FAILED && now_ms >= failed_ms + KS_KEYS_AGAIN_MS);
}

static bool is_silent(const struct ring *ring, enum ks_omemo_version version)
{
    return ring->lists[version] < HERE && ring->unanswered[version] >= UNANSWERED_MAX;
}

static bool is_settled(const struct ring *ring, enum ks_omemo_version version)
{
    return ring->lists[version] >= HERE || is_silent(ring, version);
}

static enum ks_err ask_lists(struct konsil *k, struct ring *ring, bool *ret_settled)
{
    enum ks_err err;

    for (int version = KS_OMEMO_2; version <= KS_OMEMO_1; version++)
        if (wants(ring->lists[version], ring->failed_ms, k->now.mono_ms)
            && ((err = subscribe(k, ring)) != KS_OK
                || (err = ask_list(k, ring, (enum ks_omemo_version)version)) != KS_OK))
            return err;
    *ret_settled = is_settled(ring, KS_OMEMO_2) && is_settled(ring, KS_OMEMO_1);
    return KS_OK;
}

enum ks_err ks_keys_event(struct konsil *k, struct ks_str from, const struct ks_xml *event)
{
    const struct ks_xml *items = ks_xml_child(event, NS_PUBSUB_EVENT, "items");
    const struct ks_xml *item = ks_xml_child(items, NS_PUBSUB_EVENT, "item");
    struct ring *ring;

    for (int version = KS_OMEMO_2; items && version <= KS_OMEMO_1; version++)
        if (ks_str_is(ks_xml_attr(items, "node"), list_nodes[version])) {
            if (!item && !ks_xml_child(items, NS_PUBSUB_EVENT, "retract"))
                return KS_OK;
            if (k->keys.ring_count < KS_KEYS_ACCOUNTS_MAX) {
                if (!(ring = get_ring(k, from)))
                    return KS_ENOMEM;
                ring->lists[version] = HERE;
                ring->unanswered[version] = 0;
            }
            ks_keys_wake(k);
            return take_list(k, from, (enum ks_omemo_version)version, ks_xml_child(item, NULL, NULL));
        }
    return KS_OK;
}

/* --- bundles --- */

static enum ks_err keep_bundle(struct bundle *bundle, const struct ks_xml *payload)
{
    struct ks_buf bytes;
    enum ks_err err;

    ks_buf_init(&bytes, 256 * 1024);
    ks_xml_write(&bytes, payload, KS_STR_EMPTY);
    if ((err = ks_buf_err(&bytes)) == KS_OK && !(bundle->bytes = malloc(bytes.len)))
        err = KS_ENOMEM;
    if (err == KS_OK) {
        memcpy(bundle->bytes, bytes.ptr, bytes.len);
        bundle->len = bytes.len;
    }
    ks_buf_done(&bytes);
    return err == KS_ELIMIT ? KS_OK : err;
}

static enum ks_err on_bundle(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    enum ks_omemo_version version = (enum ks_omemo_version)(iq->number >> 32);
    const struct ks_xml *payload = ks_pep_payload(answer);
    struct ring *ring = find_ring(k, iq->text);
    struct bundle *bundle = ring ? find_bundle(ring, (uint32_t)iq->number, version) : NULL;
    enum ks_err err;

    if (!bundle || bundle->state != ASKED)
        return KS_OK;
    if (payload && (err = keep_bundle(bundle, payload)) != KS_OK)
        return err;
    /* Without an answer it is asked for again: a message that went now would leave out a device that could read it. But
     * not without end: a server that is silent about one device would silence a room. */
    bundle->unanswered = answer ? 0 : bundle->unanswered + 1;
    bundle->state = bundle->bytes ? HERE : answer || bundle->unanswered >= UNANSWERED_MAX ? FAILED : UNASKED;
    bundle->at_ms = k->now.mono_ms;
    ks_keys_wake(k);
    return KS_OK;
}

static enum ks_err ask_bundle(struct konsil *k, struct ring *ring, struct bundle *bundle)
{
    uint64_t number = (uint64_t)bundle->version << 32 | bundle->device;
    struct ks_str jid = ks_str_eq(ring->jid, ks_own(k)) ? KS_STR_EMPTY : ring->jid;
    char item[16], node[64];
    enum ks_err err;

    snprintf(item, sizeof(item), "%u", bundle->device);
    if (bundle->version == KS_OMEMO_2) {
        err = ks_pep_fetch(k, jid, NS_OMEMO_BUNDLES, ks_str_z(item), on_bundle, ring->jid, number);
    } else {
        snprintf(node, sizeof(node), NS_AXOLOTL_BUNDLES "%u", bundle->device);
        err = ks_pep_fetch(k, jid, node, KS_STR_EMPTY, on_bundle, ring->jid, number);
    }
    if (err == KS_OK)
        bundle->state = ASKED;
    return err == KS_EAGAIN ? KS_OK : err;
}

/* One device: a session, or a bundle for one, or nothing to be had. */
static enum ks_err ask_device(
    struct konsil *k, struct ring *ring, const struct ks_peer_device *device, bool *ret_settled)
{
    enum ks_omemo_version version;
    struct ks_omemo_peer known;
    struct bundle *bundle;
    bool permitted;
    enum ks_err err;

    if (!ks_peer_version(device, &version))
        return KS_OK;
    if ((err = ks_certs_permit(k, ring->jid, device->id, NULL, &permitted)) != KS_OK || !permitted)
        return err;
    bundle = find_bundle(ring, device->id, version);
    if (!bundle || !bundle->renew) {
        if ((err = ks_omemo_session_find(k->omemo, version, ring->jid, device->id)) != KS_ENOTFOUND)
            return err;
        if ((err = ks_omemo_peer_get(k->omemo, ring->jid, device->id, &known)) == KS_OK
            && known.trust == KS_TRUST_REFUSED)
            return KS_OK;
        if (err != KS_OK && err != KS_ENOTFOUND)
            return err;
    }
    if (!ks_log_follow_may_meet(k))
        return KS_OK;
    if (!bundle && !(bundle = get_bundle(ring, device->id, version)))
        return KS_ENOMEM;
    if (wants(bundle->state, bundle->at_ms, k->now.mono_ms) && (err = ask_bundle(k, ring, bundle)) != KS_OK)
        return err;
    *ret_settled = *ret_settled && bundle->state >= HERE;
    return KS_OK;
}

static bool has_devices(const struct ks_peer *peer)
{
    enum ks_omemo_version version;

    for (size_t i = 0; i < peer->count; i++)
        if (ks_peer_version(&peer->devices[i], &version))
            return true;
    return false;
}

/* They are asked for anew when they are needed, and subscribed to: a node that was not there could not be. */
static void forget_lists(struct ring *ring)
{
    ring->subscribed = false;
    ring->ready_ms = 0;
    for (int version = KS_OMEMO_2; version <= KS_OMEMO_1; version++)
        if (ring->lists[version] != ASKED)
            ring->lists[version] = UNASKED;
}

static bool is_this(struct konsil *k, const struct ring *ring, uint32_t device)
{
    return device == ks_omemo_device(k->omemo) && ks_str_eq(ring->jid, ks_own(k));
}

/* Each listed device has a session that is of use: so it stays until its list changes, a session breaks, a step is
 * undone or a certificate ends, which others' renew in time. A room of hundreds asks at each message. */
static enum ks_err settle(struct konsil *k, struct ring *ring, const struct ks_peer *peer)
{
    int64_t until_ms = k->now.mono_ms + KS_KEYS_READY_MS;
    enum ks_omemo_version version;
    enum ks_err err;

    if (ring->lists[KS_OMEMO_2] != HERE || ring->lists[KS_OMEMO_1] != HERE || !has_devices(peer))
        return KS_OK;
    for (size_t i = 0; i < peer->count; i++) {
        const struct ks_peer_device *device = &peer->devices[i];
        struct bundle *bundle;
        int64_t left_ms;

        if (!ks_peer_version(device, &version) || is_this(k, ring, device->id))
            continue;
        bundle = find_bundle(ring, device->id, version);
        if (bundle && bundle->renew)
            return KS_OK;
        if ((err = ks_omemo_session_find(k->omemo, version, ring->jid, device->id)) != KS_OK)
            return err == KS_ENOTFOUND ? KS_OK : err;
        if ((err = ks_certs_left_ms(k, ring->jid, device->id, &left_ms)) != KS_OK)
            return err;
        until_ms = ks_sooner(until_ms, k->now.mono_ms + left_ms);
    }
    ring->ready_ms = until_ms;
    return KS_OK;
}

enum ks_err ks_keys_ready(struct konsil *k, struct ks_str jid, bool *ret_ready)
{
    struct ring *ring = get_ring(k, jid);
    struct ks_peer peer;
    enum ks_err err;

    if (!ring)
        return KS_ENOMEM;
    *ret_ready = k->now.mono_ms < ring->ready_ms;
    if (*ret_ready)
        return KS_OK;
    if ((err = ask_lists(k, ring, ret_ready)) != KS_OK || !*ret_ready)
        return err;
    if ((err = ks_peer_load(k, jid, &peer)) != KS_OK)
        return err;
    if (!has_devices(&peer) && k->now.mono_ms >= ring->asked_ms + KS_KEYS_NONE_MS) {
        forget_lists(ring);
        return ask_lists(k, ring, ret_ready);
    }
    if ((err = ks_certs_ready(k, jid, ret_ready)) != KS_OK || !*ret_ready)
        return err;
    for (size_t i = 0; i < peer.count; i++)
        if (!is_this(k, ring, peer.devices[i].id) && (err = ask_device(k, ring, &peer.devices[i], ret_ready)) != KS_OK)
            return err;
    return *ret_ready ? settle(k, ring, &peer) : KS_OK;
}

bool ks_keys_doubt(struct konsil *k, struct ks_str jid)
{
    struct ring *ring = find_ring(k, jid);
    bool was = ring && k->now.mono_ms < ring->ready_ms;

    if (was)
        ring->ready_ms = 0;
    return was;
}

bool ks_keys_coming(struct konsil *k, struct ks_str jid)
{
    const struct ring *ring = find_ring(k, jid);

    if (!ring || k->now.mono_ms < ring->ready_ms)
        return false;
    for (int version = KS_OMEMO_2; version <= KS_OMEMO_1; version++)
        if (ring->lists[version] == ASKED)
            return true;
    for (KS_LIST_EACH(&ring->bundles, at))
        if (KS_CONTAINER(at, struct bundle, link)->state == ASKED)
            return true;
    return false;
}

bool ks_keys_silent(struct konsil *k, struct ks_str jid)
{
    const struct ring *ring = find_ring(k, jid);

    return ring && (is_silent(ring, KS_OMEMO_2) || is_silent(ring, KS_OMEMO_1));
}

/* Its bundle was no good: for some time it is not asked for again. */
static void give_up(struct konsil *k, struct bundle *bundle)
{
    free(bundle->bytes);
    bundle->bytes = NULL;
    bundle->state = FAILED;
    bundle->at_ms = k->now.mono_ms;
}

void ks_keys_broken(struct konsil *k, struct ks_str jid, uint32_t device, enum ks_omemo_version version)
{
    struct ring *ring = find_ring(k, jid);
    struct bundle *bundle = ring ? get_bundle(ring, device, version) : NULL;

    if (bundle) /* without memory it is tried as it is once more */
        bundle->renew = true;
    if (ring)
        ring->ready_ms = 0;
}

bool ks_keys_usable(struct konsil *k, struct ks_str jid, uint32_t device, enum ks_omemo_version version)
{
    struct ring *ring = find_ring(k, jid);
    const struct bundle *bundle = ring ? find_bundle(ring, device, version) : NULL;

    return !bundle || !bundle->renew || bundle->begun;
}

static enum ks_err begin_one(struct konsil *k, struct ring *ring, struct bundle *bundle)
{
    struct ks_omemo_bundle read;
    struct ks_xml *xml;
    enum ks_err err = ks_xml_read(&k->arena, ks_str(bundle->bytes, bundle->len), KS_STR_EMPTY, KS_STR_EMPTY, &xml);

    if (err == KS_OK)
        err = ks_omemo_bundle_read(&k->arena, bundle->version, xml, &read);
    if (err == KS_OK)
        err = ks_omemo_session_begin(k->omemo, bundle->version, ring->jid, bundle->device, &read);
    return err;
}

enum ks_err ks_keys_begin(struct konsil *k, struct ks_str jid)
{
    struct ring *ring = find_ring(k, jid);
    enum ks_err err;

    if (!ring)
        return KS_OK;
    for (KS_LIST_EACH(&ring->bundles, at)) {
        struct bundle *bundle = KS_CONTAINER(at, struct bundle, link);

        if (bundle->state != HERE)
            continue;
        if (!bundle->renew
            && (err = ks_omemo_session_find(k->omemo, bundle->version, jid, bundle->device)) != KS_ENOTFOUND) {
            if (err != KS_OK)
                return err;
            continue; /* the other side was faster */
        }
        if (bundle->begun)
            continue;
        err = begin_one(k, ring, bundle);
        if (err != KS_OK && err > KS_FATAL) {
            give_up(k, bundle);
            return KS_EAGAIN;
        }
        if (err != KS_OK)
            return err;
        bundle->begun = k->keys.begun = true;
    }
    return KS_OK;
}

bool ks_keys_unbegun(struct konsil *k, struct ks_str jid)
{
    struct ring *ring = find_ring(k, jid);

    if (ring)
        for (KS_LIST_EACH(&ring->bundles, at)) {
            const struct bundle *bundle = KS_CONTAINER(at, struct bundle, link);

            if (bundle->state == HERE && !bundle->begun
                && (bundle->renew
                    || ks_omemo_session_find(k->omemo, bundle->version, jid, bundle->device) == KS_ENOTFOUND))
                return true;
        }
    return false;
}

void ks_keys_step_ended(struct konsil *k, bool durable)
{
    if (durable && !k->keys.begun)
        return;
    k->keys.begun = false;
    for (KS_LIST_EACH(&k->keys.rings, r)) {
        if (!durable)
            KS_CONTAINER(r, struct ring, link)->ready_ms = 0;
        for (KS_LIST_EACH_SAFE(&KS_CONTAINER(r, struct ring, link)->bundles, at)) {
            struct bundle *bundle = KS_CONTAINER(at, struct bundle, link);

            if (bundle->begun && durable)
                bundle_free(bundle);
            else
                bundle->begun = false;
        }
    }
}

enum ks_err ks_keys_renew(struct konsil *k, struct ks_str jid, uint32_t device, bool *ret_ready)
{
    struct ring *ring = get_ring(k, jid);
    struct ks_peer_device *known;
    enum ks_omemo_version version;
    struct bundle *bundle;
    struct ks_peer peer;
    enum ks_err err;

    *ret_ready = false;
    if (!ring)
        return KS_ENOMEM;
    if ((err = ask_lists(k, ring, ret_ready)) != KS_OK || !*ret_ready)
        return err;
    if ((err = ks_peer_load(k, jid, &peer)) != KS_OK)
        return err;
    if (!(known = ks_peer_device(&peer, device)) || !ks_peer_version(known, &version))
        return KS_OK; /* on no list: nothing can be begun */
    if (!(bundle = get_bundle(ring, device, version)))
        return KS_ENOMEM;
    ring->ready_ms = 0;
    if (!bundle->renew) {
        free(bundle->bytes);
        bundle->bytes = NULL;
        bundle->state = UNASKED;
        bundle->renew = true;
    }
    return ask_device(k, ring, known, ret_ready);
}

/* --- a session's life --- */

static enum ks_err daily(struct konsil *k, void *arg)
{
    enum ks_err err = ks_keys_upkeep(k, ks_catchup_done(k));

    (void)arg;
    k->keys.republished = 0;
    return err == KS_OK ? drop_unused(k) : err;
}

void ks_keys_due(struct konsil *k)
{
    k->wait_ms[KS_WAIT_KEYS] = KS_NEVER;
    if (!ks_online(k) || !ks_catchup_done(k))
        return; /* ks_keys_caught_up sets it anew */
    ks_heartbeats_due(k);
    if (k->now.mono_ms >= k->keys.upkeep_ms) {
        k->keys.upkeep_ms = k->now.mono_ms + DAY_MS;
        (void)(ks_step(k, daily, NULL) && ks_outbox_upkeep(k) && ks_early_upkeep(k));
    }
    k->wait_ms[KS_WAIT_KEYS] = ks_sooner(k->wait_ms[KS_WAIT_KEYS], k->keys.upkeep_ms);
}

enum ks_err ks_keys_online(struct konsil *k)
{
    struct ring *own = get_ring(k, ks_own(k));
    bool settled;
    enum ks_err err;

    if (!own)
        return KS_ENOMEM;
    if ((err = ask_lists(k, own, &settled)) != KS_OK)
        return err;
    return ks_keys_upkeep(k, false);
}

enum ks_err ks_keys_caught_up(struct konsil *k, bool resumed)
{
    if (k->keys.upkeep_ms == KS_NEVER)
        k->keys.upkeep_ms = k->now.mono_ms; /* who works for eight hours does not run for a day */
    enum ks_err err = resumed ? KS_OK : ks_keys_upkeep(k, true);

    k->wait_ms[KS_WAIT_KEYS] = k->now.mono_ms;
    return err == KS_OK && !resumed ? drop_unused(k) : err;
}

enum ks_err ks_keys_refresh(struct konsil *k, struct ks_str jid)
{
    struct ring *ring = get_ring(k, jid);
    bool settled;

    if (!ring)
        return KS_ENOMEM;
    forget_lists(ring);
    return ks_online(k) ? ask_lists(k, ring, &settled) : KS_OK;
}

void ks_keys_retry(struct konsil *k)
{
    for (KS_LIST_EACH(&k->keys.rings, at)) {
        struct ring *ring = KS_CONTAINER(at, struct ring, link);

        forget_lists(ring);
        for (KS_LIST_EACH(&ring->bundles, b)) {
            struct bundle *bundle = KS_CONTAINER(b, struct bundle, link);

            if (bundle->state == FAILED)
                bundle->state = UNASKED;
        }
    }
}
