/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_message.c -- <encrypted/> elements, sealed and opened (XEP-0384 0.9 §3.3, §5.5, §5.6; 0.3 §4.5 to §4.7).
 *
 * A payload is encrypted once under a random key; that key goes to each device through its session. Version 2: AES-256-
 * CBC and HMAC under a key of 32 bytes, sent as key || MAC. Version 1: AES-128-GCM, sent as key || tag. */
#include <omemo/protocol.h>
#include <omemo/session_cipher.h>
#include <omemo/session_record.h>
#include <omemo/session_state.h>

#include "crypto.h"
#include "enc.h"
#include "ns.h"
#include "omemo_internal.h"

#define PAYLOAD_KEY_LEN 32
#define PAYLOAD_MAC_LEN 16
#define GCM_KEY_LEN 16
#define GCM_TAG_LEN 16
#define GCM_IV_LEN 12
#define GCM_IV_OLD_LEN 16 /* COMPAT(Conversations before 2.9, and its peers) */
#define EMPTY_LEN 32      /* XEP-0384 §5.5: "32 zero-bytes are encrypted with the Double Ratchet session directly" */
#define OLD_KEYS_MAX 8    /* keys for one rid: the older version does not say whose device it is */
#define OVERHEAD 64       /* of payload ciphertext */

/* --- payloads --- */

/* What goes through the sessions. */
struct key_material {
    uint8_t bytes[PAYLOAD_KEY_LEN + PAYLOAD_MAC_LEN];
    size_t len;
};

struct payload_keys {
    uint8_t encryption[32], authentication[32], iv[16];
};

static void payload_keys(const uint8_t key[PAYLOAD_KEY_LEN], struct payload_keys *ret_keys)
{
    static const uint8_t zero[32];

    _Static_assert(sizeof *ret_keys == 80, "the three parts are cut from 80 bytes");
    ks_hkdf(KS_SHA256, ks_str(key, PAYLOAD_KEY_LEN), ks_str(zero, sizeof zero), KS_STR("OMEMO Payload"),
        (uint8_t *)ret_keys, sizeof *ret_keys);
}

static void payload_mac(const struct payload_keys *keys, struct ks_str ciphertext, uint8_t ret_mac[KS_HASH_MAX])
{
    ks_hmac(KS_SHA256, ks_str(keys->authentication, sizeof keys->authentication), ciphertext, ret_mac);
}

static enum ks_err payload_seal(struct ks_omemo *o, struct ks_arena *arena, struct ks_str plaintext,
    struct key_material *ret_material, struct ks_str *ret_ciphertext)
{
    uint8_t *ciphertext = ks_arena_alloc(arena, plaintext.len + 16), mac[KS_HASH_MAX];
    struct payload_keys keys;
    size_t len;

    if (!ciphertext)
        return ks_arena_full(arena, plaintext.len + 16) ? KS_ELIMIT : KS_ENOMEM;
    ks_prng_bytes(o->prng, ret_material->bytes, PAYLOAD_KEY_LEN);
    payload_keys(ret_material->bytes, &keys);
    ks_aes_cbc_encrypt(ks_str(keys.encryption, sizeof keys.encryption), keys.iv, plaintext, ciphertext, &len);
    *ret_ciphertext = ks_str(ciphertext, len);
    payload_mac(&keys, *ret_ciphertext, mac);
    memcpy(ret_material->bytes + PAYLOAD_KEY_LEN, mac, PAYLOAD_MAC_LEN);
    ret_material->len = PAYLOAD_KEY_LEN + PAYLOAD_MAC_LEN;
    ks_wipe(&keys, sizeof keys);
    ks_wipe(mac, sizeof mac);
    return KS_OK;
}

static enum ks_err payload_open(
    struct ks_arena *arena, struct ks_str material, struct ks_str ciphertext, struct ks_str *ret_plaintext)
{
    uint8_t *plaintext, mac[KS_HASH_MAX];
    struct payload_keys keys;
    size_t len;
    enum ks_err err = KS_ECRYPTO;

    if (material.len != PAYLOAD_KEY_LEN + PAYLOAD_MAC_LEN)
        return KS_ECRYPTO;
    if (!(plaintext = ks_arena_alloc(arena, ciphertext.len)))
        return ks_arena_full(arena, ciphertext.len) ? KS_ESYNTAX : KS_ENOMEM;
    payload_keys((const uint8_t *)material.ptr, &keys);
    payload_mac(&keys, ciphertext, mac);
    if (ks_crypto_eq(ks_str(mac, PAYLOAD_MAC_LEN), ks_str_from(material, PAYLOAD_KEY_LEN))
        && (err = ks_aes_cbc_decrypt(
                ks_str(keys.encryption, sizeof keys.encryption), keys.iv, ciphertext, plaintext, &len))
            == KS_OK)
        *ret_plaintext = ks_str(plaintext, len);
    ks_wipe(&keys, sizeof keys);
    ks_wipe(mac, sizeof mac);
    return err;
}

static enum ks_err old_payload_seal(struct ks_omemo *o, struct ks_arena *arena, const uint8_t iv[GCM_IV_LEN],
    struct ks_str plaintext, struct key_material *ret_material, struct ks_str *ret_ciphertext)
{
    uint8_t *ciphertext = ks_arena_alloc(arena, plaintext.len);

    if (!ciphertext)
        return ks_arena_full(arena, plaintext.len) ? KS_ELIMIT : KS_ENOMEM;
    ks_prng_bytes(o->prng, ret_material->bytes, GCM_KEY_LEN);
    ks_aes_gcm_seal(ks_str(ret_material->bytes, GCM_KEY_LEN), ks_str(iv, GCM_IV_LEN), KS_STR_EMPTY, plaintext,
        ciphertext, ret_material->bytes + GCM_KEY_LEN);
    ret_material->len = GCM_KEY_LEN + GCM_TAG_LEN;
    *ret_ciphertext = ks_str(ciphertext, plaintext.len);
    return KS_OK;
}

static enum ks_err old_payload_open(struct ks_arena *arena, struct ks_str material, struct ks_str iv,
    struct ks_str ciphertext, struct ks_str *ret_plaintext)
{
    uint8_t *plaintext;
    enum ks_err err;

    if (material.len != GCM_KEY_LEN + GCM_TAG_LEN)
        return KS_ECRYPTO;
    if (iv.len != GCM_IV_LEN && iv.len != GCM_IV_OLD_LEN)
        return KS_ESYNTAX;
    if (!(plaintext = ks_arena_alloc(arena, ciphertext.len)))
        return ks_arena_full(arena, ciphertext.len) ? KS_ESYNTAX : KS_ENOMEM;
    err = ks_aes_gcm_open(ks_str_head(material, GCM_KEY_LEN), iv, KS_STR_EMPTY, ciphertext,
        (const uint8_t *)material.ptr + GCM_KEY_LEN, plaintext);
    if (err == KS_OK)
        *ret_plaintext = ks_str(plaintext, ciphertext.len);
    return err;
}

/* --- sealing --- */

/* XEP-0384 §8: a session whose identity nobody decided on may carry key material, but no content. */
static enum ks_err may_send(struct ks_omemo *o, const struct ks_omemo_recipient *to, bool empty)
{
    struct ks_omemo_peer peer;
    enum ks_err err = ks_omemo_peer_get(o, to->jid, to->device, &peer);

    if (err != KS_OK)
        return err;
    return peer.trust == KS_TRUST_REFUSED || (peer.trust == KS_TRUST_UNDECIDED && !empty) ? KS_EDENIED : KS_OK;
}

/* One step of the ratchet: the message for this device. */
static enum ks_err seal_key(struct ks_omemo *o, struct omemo_lane *lane, const struct ks_omemo_recipient *to,
    const struct key_material *material, ciphertext_message **ret_message)
{
    struct omemo_address address;
    session_cipher *cipher = NULL;
    int rc;

    omemo_address_init(&address, to->jid, to->device);
    rc = signal_protocol_session_contains_session(lane->stores, &address.address);
    if (rc == 0)
        return KS_ENOTFOUND;
    if (rc > 0)
        rc = session_cipher_create(&cipher, lane->stores, &address.address, o->context);
    if (rc >= 0) {
        session_cipher_set_version(cipher, lane->wire);
        rc = session_cipher_encrypt(cipher, material->bytes, material->len, ret_message);
    }
    session_cipher_free(cipher);
    return omemo_err(o, rc);
}

/* Version 2 groups keys by account; version 1 has them straight in the header. */
static struct ks_xml *keys_of(
    struct ks_arena *arena, enum ks_omemo_version version, struct ks_xml *header, struct ks_str jid)
{
    struct ks_xml *keys;

    if (version == KS_OMEMO_1)
        return header;
    for (keys = ks_xml_child(header, NS_OMEMO, "keys"); keys; keys = ks_xml_next(keys, NS_OMEMO, "keys"))
        if (ks_str_eq(ks_xml_attr(keys, "jid"), jid))
            return keys;
    keys = ks_xml_add(arena, header, NS_OMEMO, "keys");
    return ks_xml_set(arena, keys, "jid", jid);
}

static enum ks_err put_key(struct ks_arena *arena, enum ks_omemo_version version, struct ks_xml *header,
    const struct ks_omemo_recipient *to, const ciphertext_message *message)
{
    signal_buffer *bytes = ciphertext_message_get_serialized(message);
    struct ks_xml *keys = keys_of(arena, version, header, to->jid), *key;
    struct ks_str text;
    enum ks_err err = ks_base64(arena, ks_str(signal_buffer_data(bytes), signal_buffer_len(bytes)), &text);

    if (err != KS_OK)
        return err;
    key = ks_xml_add_text(arena, keys, omemo_ns(version), "key", text);
    if (ciphertext_message_get_type(message) == CIPHERTEXT_PREKEY_TYPE)
        key = ks_xml_set(arena, key, version == KS_OMEMO_2 ? "kex" : "prekey", KS_STR("true"));
    return ks_xml_set_u64(arena, key, "rid", to->device) ? KS_OK : KS_ENOMEM;
}

static bool is_fatal(enum ks_err err)
{
    return err < KS_FATAL || err == KS_EVERSION;
}

static enum ks_err put_keys(struct ks_omemo *o, struct ks_arena *arena, enum ks_omemo_version version,
    struct ks_xml *header, const struct key_material *material, bool empty, struct ks_omemo_recipient *recipients,
    size_t count)
{
    size_t given = 0;

    for (size_t i = 0; i < count; i++) {
        struct ks_omemo_recipient *to = &recipients[i];
        ciphertext_message *message = NULL;
        enum ks_err err;

        if ((to->err = may_send(o, to, empty)) == KS_OK)
            to->err = seal_key(o, omemo_lane(o, version), to, material, &message);
        if (is_fatal(to->err))
            return to->err;
        if (to->err != KS_OK) {
            if (to->err != KS_ENOTFOUND && to->err != KS_EDENIED)
                to->err = KS_ECRYPTO;
            continue;
        }
        err = put_key(arena, version, header, to, message);
        SIGNAL_UNREF(message);
        if (err != KS_OK)
            return err;
        given++;
    }
    return given ? KS_OK : KS_ENOTFOUND;
}

enum ks_err ks_omemo_seal(struct ks_omemo *o, struct ks_arena *arena, enum ks_omemo_version version,
    struct ks_str plaintext, struct ks_omemo_recipient *recipients, size_t count, struct ks_xml **ret_encrypted)
{
    const char *ns = omemo_ns(version);
    struct ks_xml *encrypted = ks_xml_new(arena, ns, "encrypted"), *header = ks_xml_add(arena, encrypted, ns, "header");
    bool empty = !plaintext.ptr;
    struct key_material material = { .len = version == KS_OMEMO_2 ? EMPTY_LEN : GCM_KEY_LEN };
    struct ks_str ciphertext = { 0 }, text;
    uint8_t iv[GCM_IV_LEN];
    enum ks_err err = KS_OK;

    assert(o->loaded && (empty || plaintext.len > 0));
    if (plaintext.len > KS_OMEMO_PAYLOAD_MAX)
        return KS_ELIMIT;
    if (!ks_xml_set_u64(arena, header, "sid", o->device))
        return KS_ENOMEM;
    if (version == KS_OMEMO_1) {
        ks_prng_bytes(o->prng, iv, sizeof iv);
        if (empty)
            ks_prng_bytes(o->prng, material.bytes, material.len); /* a KeyTransportElement: a key, for nothing */
        else
            err = old_payload_seal(o, arena, iv, plaintext, &material, &ciphertext);
    } else if (!empty) {
        err = payload_seal(o, arena, plaintext, &material, &ciphertext);
    }
    if (err == KS_OK)
        err = put_keys(o, arena, version, header, &material, empty, recipients, count);
    ks_wipe(&material, sizeof material);
    if (err == KS_OK && version == KS_OMEMO_1 && (err = ks_base64(arena, ks_str(iv, sizeof iv), &text)) == KS_OK)
        err = ks_xml_add_text(arena, header, ns, "iv", text) ? KS_OK : KS_ENOMEM;
    if (err == KS_OK && !empty && (err = ks_base64(arena, ciphertext, &text)) == KS_OK)
        err = ks_xml_add_text(arena, encrypted, ns, "payload", text) ? KS_OK : KS_ENOMEM;
    if (err == KS_OK)
        *ret_encrypted = encrypted;
    return err;
}

/* --- opening --- */

static bool is_true(struct ks_str value)
{
    return ks_str_is(value, "true") || ks_str_is(value, "1"); /* xs:boolean */
}

/* A key element's message, read. Of the two, kex is NULL or holds plain. */
struct incoming {
    pre_key_signal_message *kex;
    signal_message *plain;
};

static void incoming_done(struct incoming *in)
{
    if (in->kex)
        SIGNAL_UNREF(in->kex);
    else
        SIGNAL_UNREF(in->plain);
}

static enum ks_err incoming_read(struct ks_omemo *o, struct ks_arena *arena, enum ks_omemo_version version,
    const struct ks_xml *key, uint32_t sid, struct incoming *ret_in)
{
    bool kex = is_true(ks_xml_attr(key, version == KS_OMEMO_2 ? "kex" : "prekey"));
    struct ks_str text;
    const uint8_t *bytes;
    enum ks_err err = omemo_base64_read(arena, key, &text);
    int rc;

    if (err != KS_OK)
        return err;
    bytes = (const uint8_t *)text.ptr;
    if (text.len == 0)
        return KS_ESYNTAX;
    if (!kex) {
        rc = version == KS_OMEMO_2 ? signal_message_deserialize_omemo(&ret_in->plain, bytes, text.len, o->context)
                                   : signal_message_deserialize(&ret_in->plain, bytes, text.len, o->context);
        return omemo_read_err(rc);
    }
    rc = version == KS_OMEMO_2
        ? pre_key_signal_message_deserialize_omemo(&ret_in->kex, bytes, text.len, sid, o->context)
        : pre_key_signal_message_deserialize(&ret_in->kex, bytes, text.len, o->context);
    if (rc < 0)
        return omemo_read_err(rc);
    ret_in->plain = pre_key_signal_message_get_signal_message(ret_in->kex);
    /* XEP-0384 §2: "key exchanges that don't use a PreKey MUST be rejected". */
    return pre_key_signal_message_has_pre_key_id(ret_in->kex) ? KS_OK : KS_ESYNTAX;
}

/* What the stored session knew of a message before it was opened. */
struct before {
    bool has_session; /* one that this message's key exchange made */
    uint32_t next;    /* the counter its chain expected; 0 for a new chain */
};

static enum ks_err look_before(struct ks_omemo *o, struct omemo_lane *lane, const signal_protocol_address *address,
    const struct incoming *in, struct before *ret_before)
{
    ec_public_key *ratchet = signal_message_get_sender_ratchet_key(in->plain);
    session_record *record = NULL;
    session_record_state_node *node;
    session_state *state;
    int rc = signal_protocol_session_load_session(lane->stores, &record, address, lane->wire);

    if (rc < 0)
        return omemo_err(o, rc);
    if (in->kex)
        ret_before->has_session =
            session_record_has_session_state(record, lane->wire, pre_key_signal_message_get_base_key(in->kex));
    node = session_record_get_previous_states_head(record);
    for (state = session_record_get_state(record); state;) {
        ratchet_chain_key *chain = session_state_get_receiver_chain_key(state, ratchet);

        if (chain) {
            ret_before->next = ratchet_chain_key_get_index(chain);
            break;
        }
        state = node ? session_record_get_previous_states_element(node) : NULL;
        node = node ? session_record_get_previous_states_next(node) : NULL;
    }
    SIGNAL_UNREF(record);
    return KS_OK;
}

/* The identity of the session that opened the message, which is the current one now. */
static enum ks_err session_identity(struct ks_omemo *o, struct omemo_lane *lane, const signal_protocol_address *address,
    uint8_t ret_identity[KS_IDENTITY_LEN])
{
    session_record *record = NULL;
    const ec_public_key *key;
    int rc = signal_protocol_session_load_session(lane->stores, &record, address, lane->wire);
    enum ks_err err = omemo_err(o, rc);

    if (err == KS_OK) {
        key = session_state_get_remote_identity_key(session_record_get_state(record));
        err = key ? omemo_identity_of(key, ret_identity) : KS_ESTORE;
    }
    SIGNAL_UNREF(record);
    return err;
}

/* Before libomemo-c sees a key exchange: may this identity make sessions? */
static enum ks_err admit(struct ks_omemo *o, struct ks_str from, const struct incoming *in, struct ks_omemo_opened *ret)
{
    enum ks_err err = omemo_identity_of(pre_key_signal_message_get_identity_key(in->kex), ret->identity);

    if (err != KS_OK)
        return err;
    return omemo_peer_admit(o, ret->version, from, ret->device, ret->identity, &ret->trust);
}

/* After: the session's identity is the recorded one. A state archived before a change of identity is not. */
static enum ks_err confirm(struct ks_omemo *o, struct ks_str from, struct ks_omemo_opened *ret)
{
    struct ks_omemo_peer peer;
    enum ks_err err = ks_omemo_peer_get(o, from, ret->device, &peer);

    if (err == KS_ENOTFOUND)
        return KS_ESTATE;
    if (err != KS_OK)
        return err;
    if (memcmp(peer.identity, ret->identity, KS_IDENTITY_LEN) != 0 || peer.trust == KS_TRUST_REFUSED)
        return KS_EDENIED;
    ret->trust = peer.trust;
    return KS_OK;
}

static int decrypt(struct ks_omemo *o, struct omemo_lane *lane, const signal_protocol_address *address,
    const struct incoming *in, signal_buffer **ret_material)
{
    session_cipher *cipher = NULL;
    int rc = session_cipher_create(&cipher, lane->stores, address, o->context);

    if (rc >= 0) {
        session_cipher_set_version(cipher, lane->wire);
        rc = in->kex ? session_cipher_decrypt_pre_key_signal_message(cipher, in->kex, NULL, ret_material)
                     : session_cipher_decrypt_signal_message(cipher, in->plain, NULL, ret_material);
    }
    session_cipher_free(cipher);
    return rc;
}

/* One step of the ratchet: what the key element held. */
static enum ks_err open_key(struct ks_omemo *o, struct ks_arena *arena, const struct ks_xml *key, struct ks_str from,
    struct ks_omemo_opened *ret, signal_buffer **ret_material)
{
    struct omemo_lane *lane = omemo_lane(o, ret->version);
    struct incoming in = { 0 };
    struct before before = { 0 };
    struct omemo_address address;
    enum ks_err err = incoming_read(o, arena, ret->version, key, ret->device, &in);

    if (err != KS_OK)
        goto out;
    ret->kex = in.kex;
    ret->counter = signal_message_get_counter(in.plain);
    omemo_address_init(&address, from, ret->device);
    if ((in.kex && (err = admit(o, from, &in, ret)) != KS_OK)
        || (err = look_before(o, lane, &address.address, &in, &before)) != KS_OK)
        goto out;
    err = omemo_err(o, decrypt(o, lane, &address.address, &in, ret_material));
    if (err == KS_ECRYPTO && ret->counter > before.next && ret->counter - before.next > KS_OMEMO_AHEAD_MAX)
        err = KS_ELIMIT;
    if (err != KS_OK || (err = session_identity(o, lane, &address.address, ret->identity)) != KS_OK
        || (err = confirm(o, from, ret)) != KS_OK)
        goto out;
    ret->session_new = in.kex && !before.has_session;
    /* XEP-0384 §6: "the first message for a given ratchet key with a counter of 53 or higher"; and again at each
     * multiple, should the heartbeat have been lost. */
    ret->heartbeat_due = ret->counter >= before.next
        && ret->counter / KS_OMEMO_HEARTBEAT > (before.next ? before.next - 1 : 0) / KS_OMEMO_HEARTBEAT;
out:
    incoming_done(&in);
    return err;
}

/* Whether <keys/> is for us; JIDs may come in another normal form than ours. */
static bool keys_are_ours(struct ks_omemo *o, struct ks_arena *arena, const struct ks_xml *keys)
{
    struct ks_str text = ks_xml_attr(keys, "jid");
    struct ks_jid theirs;

    if (ks_str_is(text, o->jid))
        return true;
    return text.len && ks_jid_parse(arena, text, &theirs) == KS_OK && ks_jid_is_bare(theirs)
        && ks_jid_eq(theirs, ks_jid_split(ks_str_z(o->jid)));
}

/* The next key element with our device id. */
static const struct ks_xml *our_key(const struct ks_omemo *o, const char *ns, const struct ks_xml *key)
{
    uint32_t rid;

    for (; key; key = ks_xml_next(key, ns, "key"))
        if (omemo_device_read(key, "rid", &rid) == KS_OK && rid == o->device)
            return key;
    return NULL;
}

static enum ks_err open_header(struct ks_omemo *o, struct ks_arena *arena, const struct ks_xml *header,
    struct ks_str from, struct ks_omemo_opened *ret, signal_buffer **ret_material)
{
    const struct ks_xml *keys, *key;
    enum ks_err err = KS_ENOTFOUND;

    if (ret->version == KS_OMEMO_2) {
        for (keys = ks_xml_child(header, NS_OMEMO, "keys"); keys; keys = ks_xml_next(keys, NS_OMEMO, "keys"))
            if (keys_are_ours(o, arena, keys) && (key = our_key(o, NS_OMEMO, ks_xml_child(keys, NS_OMEMO, "key"))))
                return open_key(o, arena, key, from, ret, ret_material);
        return KS_ENOTFOUND;
    }
    /* Version 1 names no accounts, so a device of somebody else may have our number: the key that opens is ours. */
    key = our_key(o, NS_AXOLOTL, ks_xml_child(header, NS_AXOLOTL, "key"));
    for (int tries = 0; key && tries < OLD_KEYS_MAX; tries++) {
        enum ks_err one = open_key(o, arena, key, from, ret, ret_material);

        if (one == KS_OK || is_fatal(one))
            return one;
        if (err == KS_ENOTFOUND || one == KS_EEXISTS)
            err = one;
        key = our_key(o, NS_AXOLOTL, ks_xml_next(key, NS_AXOLOTL, "key"));
    }
    return err;
}

static enum ks_err open_payload(struct ks_arena *arena, const struct ks_xml *header, const struct ks_xml *payload,
    struct ks_str material, struct ks_omemo_opened *ret)
{
    struct ks_str ciphertext, iv;
    enum ks_err err;

    if ((err = omemo_base64_read(arena, payload, &ciphertext)) != KS_OK)
        return err;
    if (ciphertext.len > KS_OMEMO_PAYLOAD_MAX + OVERHEAD)
        return KS_ESYNTAX;
    if (ret->version == KS_OMEMO_2)
        return payload_open(arena, material, ciphertext, &ret->plaintext);
    if ((err = omemo_base64_read(arena, ks_xml_child(header, NS_AXOLOTL, "iv"), &iv)) != KS_OK)
        return err;
    return old_payload_open(arena, material, iv, ciphertext, &ret->plaintext);
}

enum ks_err ks_omemo_open(struct ks_omemo *o, struct ks_arena *arena, const struct ks_xml *encrypted,
    struct ks_str from, struct ks_omemo_opened *ret_opened)
{
    struct ks_omemo_opened opened = { .version =
                                          ks_xml_is(encrypted, NS_AXOLOTL, "encrypted") ? KS_OMEMO_1 : KS_OMEMO_2 };
    const char *ns = omemo_ns(opened.version);
    const struct ks_xml *header = ks_xml_child(encrypted, ns, "header"), *payload;
    signal_buffer *material = NULL;
    enum ks_err err;

    assert(o->loaded);
    *ret_opened = opened;
    if (!ks_xml_is(encrypted, ns, "encrypted") || omemo_device_read(header, "sid", &opened.device) != KS_OK)
        return KS_ESYNTAX;
    payload = ks_xml_child(encrypted, ns, "payload");
    err = open_header(o, arena, header, from, &opened, &material);
    if (err == KS_OK && payload)
        err = open_payload(
            arena, header, payload, ks_str(signal_buffer_data(material), signal_buffer_len(material)), &opened);
    signal_buffer_bzero_free(material);
    *ret_opened = opened;
    return err;
}
