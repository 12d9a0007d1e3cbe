/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "peers.h"

#include <stdio.h>

#include "certs.h"
#include "enc.h"
#include "engine.h"
#include "utf8.h"

#define VERSION 1
#define RECORD_BYTES_MAX 65536
#define LABEL_BYTES_MAX 64
#define SEEN_STEP_MS 3600000 /* a device that keeps writing is noted once an hour */

static enum ks_err peer_key(struct konsil *k, struct ks_str jid, struct ks_str *ret_key)
{
    return ks_arena_join(&k->arena, (struct ks_str[]) { KS_STR("peer "), jid }, 2, ret_key);
}

static enum ks_err decode_device(struct ks_cursor *at, struct ks_peer_device *device)
{
    uint64_t first, seen;
    uint8_t listed;

    if (ks_cursor_u32(at, &device->id) != KS_OK || ks_cursor_u8(at, &listed) != KS_OK
        || ks_cursor_u64(at, &first) != KS_OK || ks_cursor_u64(at, &seen) != KS_OK
        || ks_cursor_field(at, &device->label) != KS_OK)
        return KS_ESTORE;
    device->listed[KS_OMEMO_2] = listed & 1;
    device->listed[KS_OMEMO_1] = listed & 2;
    device->first_ms = (int64_t)first;
    device->seen_ms = (int64_t)seen;
    return KS_OK;
}

static enum ks_err decode(struct ks_str record, struct ks_peer *peer)
{
    struct ks_cursor at = ks_cursor(record);
    uint32_t count;
    uint8_t version, konsil;

    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_u8(&at, &konsil) != KS_OK || ks_cursor_u32(&at, &count) != KS_OK || count > KS_PEER_DEVICES_MAX)
        return KS_ESTORE;
    peer->konsil = konsil;
    peer->count = count;
    for (uint32_t i = 0; i < count; i++)
        if (decode_device(&at, &peer->devices[i]) != KS_OK)
            return KS_ESTORE;
    return KS_OK;
}

enum ks_err ks_peer_load(struct konsil *k, struct ks_str jid, struct ks_peer *ret_peer)
{
    struct ks_str key, record;
    enum ks_err err;

    *ret_peer = (struct ks_peer) { .jid = jid };
    /* Room for every device there may be, so that lists can be taken without looking. */
    ret_peer->devices = ks_arena_zero(&k->arena, KS_PEER_DEVICES_MAX * sizeof(*ret_peer->devices));
    if (!ret_peer->devices)
        return KS_ENOMEM;
    if ((err = peer_key(k, jid, &key)) != KS_OK)
        return err;
    err = ks_store_get(k, KS_T_META, key, &record);
    if (err == KS_ENOTFOUND)
        return KS_OK;
    return err == KS_OK ? decode(record, ret_peer) : err;
}

enum ks_err ks_peer_save(struct konsil *k, const struct ks_peer *peer)
{
    struct ks_buf record;
    struct ks_str key;
    enum ks_err err = peer_key(k, peer->jid, &key);

    if (err != KS_OK)
        return err;
    ks_buf_init(&record, RECORD_BYTES_MAX);
    ks_buf_byte(&record, VERSION);
    ks_buf_byte(&record, peer->konsil);
    ks_buf_u32(&record, (uint32_t)peer->count);
    for (size_t i = 0; i < peer->count; i++) {
        const struct ks_peer_device *device = &peer->devices[i];

        ks_buf_u32(&record, device->id);
        ks_buf_byte(&record, (uint8_t)(device->listed[KS_OMEMO_2] | device->listed[KS_OMEMO_1] << 1));
        ks_buf_u64(&record, (uint64_t)device->first_ms);
        ks_buf_u64(&record, (uint64_t)device->seen_ms);
        ks_buf_field(&record, device->label);
    }
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_META, key, ks_buf_str(&record));
    ks_buf_done(&record);
    return err;
}

struct ks_peer_device *ks_peer_device(const struct ks_peer *peer, uint32_t id)
{
    for (size_t i = 0; i < peer->count; i++)
        if (peer->devices[i].id == id)
            return &peer->devices[i];
    return NULL;
}

static struct ks_peer_device *add(struct konsil *k, struct ks_peer *peer, uint32_t id)
{
    struct ks_peer_device *device = ks_peer_device(peer, id);

    if (device || peer->count == KS_PEER_DEVICES_MAX)
        return device;
    device = &peer->devices[peer->count++];
    *device = (struct ks_peer_device) { .id = id, .first_ms = k->now.wall_ms };
    return device;
}

static bool is_listed(const struct ks_omemo_device *devices, size_t count, uint32_t id)
{
    for (size_t i = 0; i < count; i++)
        if (devices[i].id == id)
            return true;
    return false;
}

/* What somebody is shown of a device: not at all, or the version spoken with it. */
static int shown(const struct ks_peer_device *device)
{
    enum ks_omemo_version version;

    return ks_peer_version(device, &version) ? 1 + (int)version : 0;
}

enum ks_err ks_peer_list(struct konsil *k, struct ks_peer *peer, enum ks_omemo_version version,
    const struct ks_omemo_device *devices, size_t count, bool *ret_changed)
{
    bool changed = false;

    for (size_t i = peer->count; i-- > 0;) {
        struct ks_peer_device *device = &peer->devices[i];
        int before = shown(device);

        device->listed[version] = is_listed(devices, count, device->id);
        if (before == 0 && shown(device) != 0)
            device->first_ms = k->now.wall_ms; /* it came back */
        changed = changed || shown(device) != before;
        if (shown(device) == 0 && device->seen_ms == 0)
            *device = peer->devices[--peer->count];
    }
    for (size_t i = 0; i < count; i++) {
        bool known = ks_peer_device(peer, devices[i].id);
        struct ks_peer_device *device = add(k, peer, devices[i].id);

        if (!device)
            break;
        changed = changed || !known;
        device->listed[version] = true;
        if (devices[i].label.len > 0)
            device->label = ks_utf8_head(devices[i].label, LABEL_BYTES_MAX);
    }
    *ret_changed = changed;
    return ks_peer_save(k, peer);
}

enum ks_err ks_peer_seen(struct konsil *k, struct ks_str jid, uint32_t id, bool konsil)
{
    struct ks_peer_device *device;
    struct ks_peer peer;
    bool fresh;
    enum ks_err err = ks_peer_load(k, jid, &peer);

    if (err != KS_OK || !(device = add(k, &peer, id)))
        return err;
    fresh = konsil && device->seen_ms == 0;
    if (fresh && (err = ks_heal_new_device(k, jid, id)) != KS_OK)
        return err;
    if (device->seen_ms > k->now.wall_ms - SEEN_STEP_MS && device->seen_ms <= k->now.wall_ms && peer.konsil >= konsil)
        return KS_OK;
    device->seen_ms = k->now.wall_ms;
    if (konsil && !peer.konsil)
        ks_heal_wake(k); /* what it would not have understood can be asked for now */
    peer.konsil = peer.konsil || konsil;
    return ks_peer_save(k, &peer);
}

bool ks_peer_version(const struct ks_peer_device *device, enum ks_omemo_version *ret_version)
{
    *ret_version = device->listed[KS_OMEMO_2] ? KS_OMEMO_2 : KS_OMEMO_1;
    return device->listed[*ret_version];
}

/* --- events --- */

static enum ks_err tell_certificate(struct konsil *k, struct ks_str jid, uint32_t device, struct ks_js_device *event)
{
    static const enum ks_js_genuine words[] = { [KS_GENUINE] = KS_JS_GENUINE_GENUINE,
        [KS_GENUINE_UNKNOWN] = KS_JS_GENUINE_UNKNOWN,
        [KS_GENUINE_OTHER] = KS_JS_GENUINE_OTHER,
        [KS_GENUINE_ENDED] = KS_JS_GENUINE_ENDED,
        [KS_GENUINE_REVOKED] = KS_JS_GENUINE_REVOKED };
    enum ks_genuine genuine;
    struct ks_cert cert;
    enum ks_err err = ks_certs_genuine(k, jid, device, NULL, &genuine);

    if (err != KS_OK)
        return err;
    event->genuine = words[genuine];
    if (genuine != KS_GENUINE || (err = ks_cert_get(k, jid, device, &cert)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    event->name = cert.name;
    event->profession = cert.profession;
    event->department = cert.department;
    event->organisation = cert.organisation;
    return KS_OK;
}

static enum ks_err device_event(
    struct konsil *k, struct ks_str jid, const struct ks_peer_device *device, struct ks_js_device *ret_event)
{
    bool own = ks_str_eq(jid, ks_own(k)) && device->id == ks_omemo_device(k->omemo);
    struct ks_omemo_peer known = { .trust = KS_TRUST_NONE };
    enum ks_omemo_version version;
    char *hex;
    enum ks_err err = KS_OK;

    *ret_event = (struct ks_js_device) { .device = device->id, .own = own, .seen = device->seen_ms };
    if (device->label.len > 0)
        ret_event->label = device->label;
    if (own) {
        ks_omemo_identity(k->omemo, known.identity);
        known.trust = KS_TRUST_VERIFIED;
    } else if ((err = ks_omemo_peer_get(k->omemo, jid, device->id, &known)) != KS_OK && err != KS_ENOTFOUND) {
        return err;
    }
    if (ks_certs_count(k, jid) && (err = tell_certificate(k, jid, device->id, ret_event)) != KS_OK)
        return err;
    ret_event->encryption =
        !ks_peer_version(device, &version) || version == KS_OMEMO_2 ? KS_JS_ENCRYPTION_OMEMO2 : KS_JS_ENCRYPTION_OMEMO1;
    ret_event->trust = known.trust == KS_TRUST_VERIFIED ? KS_JS_TRUST_TRUSTED
        : known.trust == KS_TRUST_REFUSED               ? KS_JS_TRUST_DISTRUSTED
                                                        : KS_JS_TRUST_UNDECIDED;
    if (known.trust == KS_TRUST_NONE)
        return KS_OK;
    if (!(hex = ks_arena_alloc(&k->arena, 2 * KS_IDENTITY_LEN + 1)))
        return KS_ENOMEM;
    for (size_t i = 0; i < KS_IDENTITY_LEN; i++)
        snprintf(hex + 2 * i, 3, "%02x", known.identity[i]);
    ret_event->fingerprint = ks_str(hex, 2 * KS_IDENTITY_LEN);
    return KS_OK;
}

enum ks_err ks_peer_event(struct konsil *k, const struct ks_peer *peer, struct ks_js_device_list *ret_devices)
{
    struct ks_js_device *items = ks_arena_zero(&k->arena, peer->count * sizeof(*items));
    enum ks_omemo_version version;
    size_t count = 0;
    enum ks_err err;

    if (!items)
        return KS_ENOMEM;
    for (size_t i = 0; i < peer->count; i++)
        if (ks_peer_version(&peer->devices[i], &version)
            && (err = device_event(k, peer->jid, &peer->devices[i], &items[count++])) != KS_OK)
            return err;
    *ret_devices = (struct ks_js_device_list) { items, count };
    return KS_OK;
}

enum ks_err ks_peer_tell(struct konsil *k, const struct ks_peer *peer)
{
    struct ks_ev_devices_changed event = { .jid = peer->jid };
    enum ks_err err = ks_peer_event(k, peer, &event.devices);

    return err == KS_OK ? ks_tell(k, KS_EV_DEVICES_CHANGED, &event) : err;
}

enum ks_omemo_trust ks_peers_judge(void *user, struct ks_str jid, uint32_t device,
    const uint8_t identity[KS_IDENTITY_LEN], enum ks_omemo_version version, bool changed)
{
    struct konsil *k = user;
    enum ks_genuine genuine;
    bool permitted;

    (void)version;
    if (!ks_certs_count(k, jid))
        return changed ? KS_TRUST_NONE : KS_TRUST_FIRST;
    if (ks_certs_genuine(k, jid, device, identity, &genuine) != KS_OK)
        return KS_TRUST_NONE;
    if (genuine == KS_GENUINE)
        return KS_TRUST_VERIFIED;
    return !changed && ks_certs_permit(k, jid, device, identity, &permitted) == KS_OK && permitted ? KS_TRUST_FIRST
                                                                                                   : KS_TRUST_NONE;
}
