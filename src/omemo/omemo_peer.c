/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_peer.c -- identities of other devices, and what is held of them. */
#include "omemo_internal.h"

#define PEER_RECORD_LEN (2 + KS_IDENTITY_LEN)

static enum ks_err peer_parse(struct ks_str value, struct ks_omemo_peer *ret_peer)
{
    if (value.len > 0 && (uint8_t)value.ptr[0] > OMEMO_RECORD_VERSION)
        return KS_EVERSION;
    if (value.len != PEER_RECORD_LEN || value.ptr[1] <= KS_TRUST_NONE || value.ptr[1] > KS_TRUST_REFUSED)
        return KS_ESTORE;
    ret_peer->trust = (enum ks_omemo_trust)value.ptr[1];
    memcpy(ret_peer->identity, value.ptr + 2, KS_IDENTITY_LEN);
    return KS_OK;
}

enum ks_err ks_omemo_peer_get(struct ks_omemo *o, struct ks_str jid, uint32_t device, struct ks_omemo_peer *ret_peer)
{
    struct omemo_key key;
    struct ks_buf value;
    enum ks_err err;

    ks_buf_init(&value, 1024);
    err = o->store->ops->get(o->store, KS_T_OMEMO_PEER, omemo_key_peer(&key, "i", jid, device), &value);
    if (err == KS_OK)
        err = peer_parse(ks_buf_str(&value), ret_peer);
    ret_peer->device = device;
    ks_buf_done(&value);
    return err;
}

struct peers {
    ks_omemo_visit_peer *visit;
    void *user;
    enum ks_err err;
};

static bool visit_peer(void *user, struct ks_str key, struct ks_str value)
{
    struct peers *all = user;
    struct ks_omemo_peer peer;
    struct ks_cursor at = ks_cursor(ks_str_from(key, key.len - 4));

    if ((all->err = ks_cursor_u32(&at, &peer.device)) != KS_OK || (all->err = peer_parse(value, &peer)) != KS_OK)
        return false;
    return all->visit(all->user, &peer);
}

enum ks_err ks_omemo_peers(struct ks_omemo *o, struct ks_str jid, ks_omemo_visit_peer *visit, void *user)
{
    struct peers all = { visit, user, KS_OK };
    struct omemo_key key;
    enum ks_err err = o->store->ops->scan(
        o->store, KS_T_OMEMO_PEER, omemo_key_peer(&key, "i", jid, 0), KS_STR_EMPTY, false, visit_peer, &all);

    return err != KS_OK ? err : all.err;
}

enum ks_err ks_omemo_session_drop(struct ks_omemo *o, enum ks_omemo_version version, struct ks_str jid, uint32_t device)
{
    struct omemo_key key;

    return o->store->ops->del(o->store, omemo_lane(o, version)->sessions, omemo_key_peer(&key, "", jid, device));
}

static enum ks_err drop_sessions(struct ks_omemo *o, struct ks_str jid, uint32_t device)
{
    enum ks_err err = ks_omemo_session_drop(o, KS_OMEMO_2, jid, device);

    return err != KS_OK ? err : ks_omemo_session_drop(o, KS_OMEMO_1, jid, device);
}

enum ks_err ks_omemo_peer_set(struct ks_omemo *o, struct ks_str jid, const struct ks_omemo_peer *peer)
{
    struct ks_omemo_peer known;
    struct omemo_key key;
    char value[PEER_RECORD_LEN] = { OMEMO_RECORD_VERSION, (char)peer->trust };
    enum ks_err err = ks_omemo_peer_get(o, jid, peer->device, &known);

    assert(peer->trust != KS_TRUST_NONE);
    if (err == KS_ENOTFOUND || (err == KS_OK && memcmp(known.identity, peer->identity, KS_IDENTITY_LEN) != 0))
        err = drop_sessions(o, jid, peer->device);
    if (err != KS_OK)
        return err;
    memcpy(value + 2, peer->identity, KS_IDENTITY_LEN);
    return o->store->ops->put(
        o->store, KS_T_OMEMO_PEER, omemo_key_peer(&key, "i", jid, peer->device), ks_str(value, sizeof value));
}

enum ks_err ks_omemo_peer_drop(struct ks_omemo *o, struct ks_str jid, uint32_t device)
{
    struct omemo_key key;
    enum ks_err err = drop_sessions(o, jid, device);

    return err != KS_OK ? err : o->store->ops->del(o->store, KS_T_OMEMO_PEER, omemo_key_peer(&key, "i", jid, device));
}

enum ks_err omemo_peer_admit(struct ks_omemo *o, enum ks_omemo_version version, struct ks_str jid, uint32_t device,
    const uint8_t identity[KS_IDENTITY_LEN], enum ks_omemo_trust *ret_trust)
{
    struct ks_omemo_peer peer;
    enum ks_err err = ks_omemo_peer_get(o, jid, device, &peer);
    bool changed;

    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (err == KS_OK && memcmp(peer.identity, identity, KS_IDENTITY_LEN) == 0) {
        *ret_trust = peer.trust;
        return peer.trust == KS_TRUST_REFUSED ? KS_EDENIED : KS_OK;
    }
    changed = err == KS_OK;
    peer.trust = o->judge ? o->judge(o->judge_user, jid, device, identity, version, changed)
        : changed         ? KS_TRUST_NONE
                          : KS_TRUST_FIRST;
    *ret_trust = peer.trust;
    if (peer.trust == KS_TRUST_NONE)
        return changed ? KS_EDENIED : KS_EAGAIN;
    if (peer.trust == KS_TRUST_REFUSED)
        return KS_EDENIED;
    memcpy(peer.identity, identity, KS_IDENTITY_LEN);
    return ks_omemo_peer_set(o, jid, &peer);
}
