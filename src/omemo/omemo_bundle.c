/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_bundle.c -- device lists and bundles as XML (XEP-0384 0.9 §5.2, §5.3; 0.3 §4.3), and sessions from them. */
#include <omemo/session_builder.h>
#include <omemo/session_pre_key.h>

#include "enc.h"
#include "ns.h"
#include "omemo_internal.h"

#define KEY_TYPE 0x05 /* leads a Curve25519 key in the older version */

/* The same things under two sets of names. */
static const struct names {
    const char *ns, *list, *signed_pre_key, *signed_pre_key_id, *signature, *identity, *pre_key, *pre_key_id;
} names[] = {
    [KS_OMEMO_2] = { NS_OMEMO, "devices", "spk", "id", "spks", "ik", "pk", "id" },
    [KS_OMEMO_1] = { NS_AXOLOTL, "list", "signedPreKeyPublic", "signedPreKeyId", "signedPreKeySignature", "identityKey",
        "preKeyPublic", "preKeyId" },
};

const char *omemo_ns(enum ks_omemo_version version)
{
    return names[version].ns;
}

/* --- reading --- */

enum ks_err omemo_base64_read(struct ks_arena *arena, const struct ks_xml *node, struct ks_str *ret_bytes)
{
    struct ks_str text = ks_str_trim(ks_xml_text(arena, node));
    char *packed;
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++)
        len += !strchr(" \t\r\n", text.ptr[i]) || !text.ptr[i];
    if (len == text.len)
        return omemo_arena_err(ks_base64_read(arena, text, ret_bytes));
    if (!(packed = ks_arena_alloc(arena, len)))
        return ks_arena_full(arena, len) ? KS_ESYNTAX : KS_ENOMEM;
    len = 0;
    for (size_t i = 0; i < text.len; i++)
        if (!strchr(" \t\r\n", text.ptr[i]) || !text.ptr[i])
            packed[len++] = text.ptr[i];
    return omemo_arena_err(ks_base64_read(arena, ks_str(packed, len), ret_bytes));
}

enum ks_err omemo_device_read(const struct ks_xml *node, const char *attr, uint32_t *ret_device)
{
    uint64_t id;

    if (ks_str_u64(ks_xml_attr(node, attr), OMEMO_DEVICE_MAX, &id) != KS_OK || id == 0)
        return KS_ESYNTAX;
    *ret_device = (uint32_t)id;
    return KS_OK;
}

enum ks_err ks_omemo_devices_read(struct ks_arena *arena, enum ks_omemo_version version, const struct ks_xml *list,
    struct ks_omemo_device **ret_devices, size_t *ret_count)
{
    const struct names *n = &names[version];
    struct ks_omemo_device *devices;
    size_t count = 0;

    if (!ks_xml_is(list, n->ns, n->list))
        return KS_ESYNTAX;
    if (!(devices = ks_arena_zero(arena, KS_OMEMO_DEVICES_MAX * sizeof *devices)))
        return KS_ENOMEM;
    for (const struct ks_xml *at = ks_xml_child(list, n->ns, "device"); at; at = ks_xml_next(at, n->ns, "device")) {
        struct ks_omemo_device device = { .label = ks_xml_attr(at, "label"), .label_sig = ks_xml_attr(at, "labelsig") };
        bool known = false;

        if (omemo_device_read(at, "id", &device.id) != KS_OK)
            continue;
        for (size_t i = 0; i < count; i++)
            known |= devices[i].id == device.id;
        if (known)
            continue;
        if (count == KS_OMEMO_DEVICES_MAX)
            return KS_ELIMIT;
        devices[count++] = device;
    }
    *ret_devices = devices;
    *ret_count = count;
    return KS_OK;
}

/* A public key as this version sends it, as 32 bytes. */
static enum ks_err key_read(
    struct ks_arena *arena, enum ks_omemo_version version, const struct ks_xml *node, uint8_t ret_key[32])
{
    struct ks_str bytes;
    enum ks_err err;

    if (!node)
        return KS_ESYNTAX;
    if ((err = omemo_base64_read(arena, node, &bytes)) != KS_OK)
        return err;
    if (version == KS_OMEMO_1) {
        if (bytes.len != 33 || bytes.ptr[0] != KEY_TYPE)
            return KS_ESYNTAX;
        bytes = ks_str_from(bytes, 1);
    }
    if (bytes.len != 32)
        return KS_ESYNTAX;
    memcpy(ret_key, bytes.ptr, 32);
    return KS_OK;
}

static enum ks_err key_id_read(const struct ks_xml *node, const char *attr, uint32_t *ret_id)
{
    uint64_t id;

    /* 0 is against the text of the XEP, but not against its schema and its examples before 0.9.1. */
    if (!node || ks_str_u64(ks_xml_attr(node, attr), UINT32_MAX, &id) != KS_OK)
        return KS_ESYNTAX;
    *ret_id = (uint32_t)id;
    return KS_OK;
}

static enum ks_err identity_read(
    struct ks_arena *arena, enum ks_omemo_version version, const struct ks_xml *node, struct ks_omemo_bundle *bundle)
{
    enum ks_err err;

    if (version == KS_OMEMO_1)
        return key_read(arena, version, node, bundle->identity);
    err = key_read(arena, version, node, bundle->identity_ed);
    return err == KS_OK ? ks_omemo_identity_of_ed(bundle->identity_ed, bundle->identity) : err;
}

enum ks_err ks_omemo_bundle_read(struct ks_arena *arena, enum ks_omemo_version version, const struct ks_xml *bundle,
    struct ks_omemo_bundle *ret_bundle)
{
    const struct names *n = &names[version];
    const struct ks_xml *signed_pre_key = ks_xml_child(bundle, n->ns, n->signed_pre_key),
                        *signature_node = ks_xml_child(bundle, n->ns, n->signature),
                        *pre_keys = ks_xml_child(bundle, n->ns, "prekeys");
    struct ks_omemo_bundle b = { 0 };
    struct ks_str signature;
    enum ks_err err;

    if (!ks_xml_is(bundle, n->ns, "bundle") || !signature_node)
        return KS_ESYNTAX;
    if ((err = identity_read(arena, version, ks_xml_child(bundle, n->ns, n->identity), &b)) != KS_OK
        || (err = key_id_read(signed_pre_key, n->signed_pre_key_id, &b.signed_pre_key_id)) != KS_OK
        || (err = key_read(arena, version, signed_pre_key, b.signed_pre_key)) != KS_OK
        || (err = omemo_base64_read(arena, signature_node, &signature)) != KS_OK)
        return err;
    if (signature.len != sizeof b.signature)
        return KS_ESYNTAX;
    memcpy(b.signature, signature.ptr, sizeof b.signature);
    if (!(b.pre_keys = ks_arena_zero(arena, KS_OMEMO_PRE_KEYS_MAX * sizeof *b.pre_keys)))
        return KS_ENOMEM;
    for (const struct ks_xml *at = ks_xml_child(pre_keys, n->ns, n->pre_key); at;
         at = ks_xml_next(at, n->ns, n->pre_key)) {
        struct ks_omemo_pre_key *pre_key = &b.pre_keys[b.pre_key_count];

        if (b.pre_key_count == KS_OMEMO_PRE_KEYS_MAX)
            return KS_ELIMIT;
        if ((err = key_id_read(at, n->pre_key_id, &pre_key->id)) != KS_OK
            || (err = key_read(arena, version, at, pre_key->key)) != KS_OK)
            return err;
        b.pre_key_count++;
    }
    if (b.pre_key_count == 0)
        return KS_ESYNTAX;
    *ret_bundle = b;
    return KS_OK;
}

/* --- writing --- */

enum ks_err ks_omemo_devices_write(struct ks_arena *arena, enum ks_omemo_version version,
    const struct ks_omemo_device *devices, size_t count, struct ks_xml **ret_list)
{
    const struct names *n = &names[version];
    struct ks_xml *list = ks_xml_new(arena, n->ns, n->list);

    for (size_t i = 0; i < count; i++) {
        struct ks_xml *device = ks_xml_add(arena, list, n->ns, "device");

        if (!ks_xml_set_u64(arena, device, "id", devices[i].id))
            return KS_ENOMEM;
        if (version == KS_OMEMO_2 && devices[i].label.ptr && devices[i].label_sig.ptr)
            if (!ks_xml_set(arena, device, "label", devices[i].label)
                || !ks_xml_set(arena, device, "labelsig", devices[i].label_sig))
                return KS_ENOMEM;
    }
    *ret_list = list;
    return list ? KS_OK : KS_ENOMEM;
}

static enum ks_err put_bytes(
    struct ks_arena *arena, struct ks_xml *parent, const char *ns, const char *name, struct ks_str bytes)
{
    struct ks_str text;
    enum ks_err err = ks_base64(arena, bytes, &text);

    if (err != KS_OK)
        return err;
    return ks_xml_add_text(arena, parent, ns, name, text) ? KS_OK : KS_ENOMEM;
}

/* A public key as this version sends it. */
static enum ks_err put_key(struct ks_arena *arena, struct ks_xml *parent, enum ks_omemo_version version,
    const char *name, const uint8_t key[32])
{
    uint8_t bytes[33] = { KEY_TYPE };
    size_t skip = version == KS_OMEMO_2;

    memcpy(bytes + 1, key, 32);
    return put_bytes(arena, parent, names[version].ns, name, ks_str(bytes + skip, sizeof bytes - skip));
}

struct own_bundle {
    struct ks_omemo *o;
    struct ks_arena *arena;
    enum ks_omemo_version version;
    struct ks_xml *bundle, *pre_keys;
    bool has_signed;
};

enum ks_err ks_omemo_identity_ed(struct ks_omemo *o, uint8_t ret_ed[32])
{
    ec_public_key *key = NULL;
    signal_buffer *ed = NULL;
    enum ks_err err = omemo_err(o, curve_decode_point_mont(&key, o->identity, KS_IDENTITY_LEN, o->context));

    if (err == KS_OK && !(ed = ec_public_key_get_ed(key)))
        err = KS_ENOMEM;
    if (err == KS_OK)
        memcpy(ret_ed, signal_buffer_data(ed), 32);
    signal_buffer_free(ed);
    SIGNAL_UNREF(key);
    return err;
}

enum ks_err ks_omemo_identity_of_ed(const uint8_t ed[32], uint8_t ret_identity[KS_IDENTITY_LEN])
{
    ec_public_key *key = NULL;
    enum ks_err err = omemo_read_err(curve_decode_point_ed(&key, ed, 32, NULL));

    if (err == KS_OK)
        err = omemo_identity_of(key, ret_identity);
    SIGNAL_UNREF(key);
    return err;
}

static enum ks_err put_identity(struct own_bundle *b)
{
    uint8_t ed[32];
    enum ks_err err;

    if (b->version == KS_OMEMO_1)
        return put_key(b->arena, b->bundle, b->version, names[KS_OMEMO_1].identity, b->o->identity);
    if ((err = ks_omemo_identity_ed(b->o, ed)) != KS_OK)
        return err;
    return put_bytes(b->arena, b->bundle, NS_OMEMO, names[KS_OMEMO_2].identity, ks_str(ed, sizeof ed));
}

static enum ks_err put_signed(void *user, const struct omemo_own_record *record)
{
    struct own_bundle *b = user;
    const struct names *n = &names[b->version];
    session_signed_pre_key *key = NULL;
    uint8_t bytes[32];
    struct ks_str signature;
    enum ks_err err;

    if (record->retired_ms || b->has_signed)
        return KS_OK;
    b->has_signed = true;
    err = omemo_err(b->o,
        session_signed_pre_key_deserialize(&key, (const uint8_t *)record->blob.ptr, record->blob.len, b->o->context));
    if (err != KS_OK)
        return err;
    signature = b->version == KS_OMEMO_2
        ? ks_str(session_signed_pre_key_get_signature_omemo(key), session_signed_pre_key_get_signature_omemo_len(key))
        : ks_str(session_signed_pre_key_get_signature(key), session_signed_pre_key_get_signature_len(key));
    if ((err = omemo_identity_of(ec_key_pair_get_public(session_signed_pre_key_get_key_pair(key)), bytes)) == KS_OK
        && (err = put_key(b->arena, b->bundle, b->version, n->signed_pre_key, bytes)) == KS_OK
        && !ks_xml_set_u64(b->arena, b->bundle->last_child, n->signed_pre_key_id, record->id))
        err = KS_ENOMEM;
    if (err == KS_OK)
        err = put_bytes(b->arena, b->bundle, n->ns, n->signature, signature);
    SIGNAL_UNREF(key);
    return err;
}

static enum ks_err put_pre_key(void *user, const struct omemo_own_record *record)
{
    struct own_bundle *b = user;
    const struct names *n = &names[b->version];
    session_pre_key *key = NULL;
    uint8_t bytes[32];
    enum ks_err err;

    if (record->used)
        return KS_OK;
    err = omemo_err(
        b->o, session_pre_key_deserialize(&key, (const uint8_t *)record->blob.ptr, record->blob.len, b->o->context));
    if (err == KS_OK
        && (err = omemo_identity_of(ec_key_pair_get_public(session_pre_key_get_key_pair(key)), bytes)) == KS_OK
        && (err = put_key(b->arena, b->pre_keys, b->version, n->pre_key, bytes)) == KS_OK
        && !ks_xml_set_u64(b->arena, b->pre_keys->last_child, n->pre_key_id, record->id))
        err = KS_ENOMEM;
    SIGNAL_UNREF(key);
    return err;
}

enum ks_err ks_omemo_bundle_write(
    struct ks_omemo *o, struct ks_arena *arena, enum ks_omemo_version version, struct ks_xml **ret_bundle)
{
    struct own_bundle b = { .o = o, .arena = arena, .version = version };
    enum ks_err err;

    assert(o->loaded);
    if (!(b.bundle = ks_xml_new(arena, names[version].ns, "bundle")))
        return KS_ENOMEM;
    if ((err = omemo_own_each(o, OMEMO_SIGNED, put_signed, &b)) != KS_OK || (err = put_identity(&b)) != KS_OK)
        return err;
    if (!b.has_signed)
        return KS_ESTORE;
    if (!(b.pre_keys = ks_xml_add(arena, b.bundle, names[version].ns, "prekeys")))
        return KS_ENOMEM;
    if ((err = omemo_own_each(o, OMEMO_PRE_KEY, put_pre_key, &b)) != KS_OK)
        return err;
    *ret_bundle = b.bundle;
    return KS_OK;
}

/* --- sessions --- */

enum ks_err ks_omemo_session_find(struct ks_omemo *o, enum ks_omemo_version version, struct ks_str jid, uint32_t device)
{
    struct omemo_address to;
    int rc;

    omemo_address_init(&to, jid, device);
    rc = signal_protocol_session_contains_session(omemo_lane(o, version)->stores, &to.address);
    return rc == 0 ? KS_ENOTFOUND : omemo_err(o, rc);
}

enum ks_err ks_omemo_session_begin(struct ks_omemo *o, enum ks_omemo_version version, struct ks_str jid,
    uint32_t device, const struct ks_omemo_bundle *bundle)
{
    const struct ks_omemo_pre_key *one = &bundle->pre_keys[ks_prng_below(o->prng, bundle->pre_key_count)];
    struct omemo_lane *lane = omemo_lane(o, version);
    ec_public_key *identity = NULL, *signed_pre_key = NULL, *pre_key = NULL;
    session_pre_key_bundle *theirs = NULL;
    session_builder *builder = NULL;
    struct omemo_address to;
    enum ks_omemo_trust trust;
    enum ks_err err;
    int rc;

    assert(o->loaded);
    if (device == o->device && ks_str_is(jid, o->jid))
        return KS_ESTATE;
    if ((err = omemo_peer_admit(o, version, jid, device, bundle->identity, &trust)) != KS_OK)
        return err;
    omemo_address_init(&to, jid, device);
    if ((rc = version == KS_OMEMO_2 ? curve_decode_point_ed(&identity, bundle->identity_ed, 32, o->context)
                                    : curve_decode_point_mont(&identity, bundle->identity, 32, o->context))
            >= 0
        && (rc = curve_decode_point_mont(&signed_pre_key, bundle->signed_pre_key, 32, o->context)) >= 0
        && (rc = curve_decode_point_mont(&pre_key, one->key, 32, o->context)) >= 0
        && (rc = session_pre_key_bundle_create(&theirs, device, (int)device, one->id, pre_key,
                bundle->signed_pre_key_id, signed_pre_key, bundle->signature, sizeof bundle->signature, identity))
            >= 0
        && (rc = session_builder_create(&builder, lane->stores, &to.address, o->context)) >= 0) {
        session_builder_set_version(builder, lane->wire);
        rc = session_builder_process_pre_key_bundle(builder, theirs);
    }
    err = omemo_err(o, rc);
    session_builder_free(builder);
    SIGNAL_UNREF(theirs);
    SIGNAL_UNREF(pre_key);
    SIGNAL_UNREF(signed_pre_key);
    SIGNAL_UNREF(identity);
    return err;
}
