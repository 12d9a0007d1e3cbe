/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sealing.h"

#include "certs.h"
#include "engine.h"
#include "peers.h"

enum ks_err ks_envelope_make(
    struct konsil *k, struct ks_str to, struct ks_content *content, int64_t time_ms, struct ks_str *ret_envelope)
{
    struct ks_sce sce = {
        .has_time = true, .wall_ms = time_ms, .from = ks_own(k), .to = to, .large = content->says == KS_SAYS_RESEND
    };
    struct ks_buf bytes;
    enum ks_err err;

    content->ours = true;
    content->k.device = ks_omemo_device(k->omemo);
    content->k.epoch = k->epoch;
    ks_gossip_tell(k, &content->k);
    if (!(sce.content = ks_content_write(&k->arena, content)))
        return KS_ENOMEM;
    ks_buf_init(&bytes, KS_SCE_RESEND_MAX);
    if ((err = ks_sce_write(&sce, &k->prng, &bytes)) == KS_OK && (err = ks_buf_err(&bytes)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&bytes), ret_envelope);
    ks_buf_done(&bytes);
    return err;
}

/* Who gets a key, by enum ks_omemo_version; accounts[i] is the place of recipients[i]'s account, or NOBODY. */
struct choice {
    struct ks_omemo_recipient *recipients[2];
    size_t *accounts[2];
    size_t counts[2], max;
    size_t listed;  /* devices of others that are on a list */
    size_t refused; /* of them, not trusted */
};
#define NOBODY SIZE_MAX /* an own other device */

static enum ks_err choice_init(struct konsil *k, struct choice *choice, size_t max)
{
    *choice = (struct choice) { .max = max };
    for (int version = KS_OMEMO_2; version <= KS_OMEMO_1; version++) {
        choice->recipients[version] = ks_arena_alloc(&k->arena, max * sizeof(*choice->recipients[version]));
        choice->accounts[version] = ks_arena_alloc(&k->arena, max * sizeof(*choice->accounts[version]));
        if (!choice->recipients[version] || !choice->accounts[version])
            return KS_ENOMEM;
    }
    return KS_OK;
}

static enum ks_err choose_device(struct konsil *k, struct choice *choice, struct ks_str jid, size_t account,
    const struct ks_peer_device *device, bool text)
{
    bool peer = account != NOBODY;
    struct ks_omemo_peer known;
    enum ks_omemo_version version;
    bool permitted, recorded;
    enum ks_err err;

    if (!ks_peer_version(device, &version))
        return KS_OK;
    choice->listed += peer;
    if ((err = ks_omemo_peer_get(k->omemo, jid, device->id, &known)) != KS_OK && err != KS_ENOTFOUND)
        return err;
    recorded = err == KS_OK;
    if ((err = ks_certs_permit(k, jid, device->id, recorded ? known.identity : NULL, &permitted)) != KS_OK)
        return err;
    if (!permitted) {
        choice->refused += peer;
        return KS_OK;
    }
    if ((err = ks_omemo_session_find(k->omemo, version, jid, device->id)) == KS_ENOTFOUND)
        return ks_keys_doubt(k, jid) ? KS_EAGAIN : KS_OK;
    if (err != KS_OK)
        return err;
    if (!ks_keys_usable(k, jid, device->id, version))
        return KS_OK;
    if (recorded && (known.trust == KS_TRUST_REFUSED || known.trust == KS_TRUST_UNDECIDED)) {
        choice->refused += peer;
        return KS_OK;
    }
    if ((version == KS_OMEMO_1 && !text) || choice->counts[version] == choice->max)
        return KS_OK;
    choice->accounts[version][choice->counts[version]] = account;
    choice->recipients[version][choice->counts[version]++] =
        (struct ks_omemo_recipient) { .jid = jid, .device = device->id };
    return KS_OK;
}

static enum ks_err choose_account(
    struct konsil *k, struct choice *choice, struct ks_str jid, const struct ks_sealing *sealing, size_t account)
{
    bool own = ks_str_eq(jid, ks_own(k));
    struct ks_peer peer;
    enum ks_err err;

    if ((err = ks_keys_begin(k, jid)) != KS_OK || (err = ks_peer_load(k, jid, &peer)) != KS_OK)
        return err;
    for (size_t i = 0; i < peer.count; i++) {
        uint32_t id = peer.devices[i].id;

        if ((own && id == ks_omemo_device(k->omemo)) || (account != NOBODY && sealing->device && sealing->device != id))
            continue;
        if ((err = choose_device(k, choice, jid, account, &peer.devices[i], sealing->text.len > 0)) != KS_OK)
            return err;
    }
    return KS_OK;
}

/* What became of each recipient: those of others with a key count. A session that is broken beyond use is replaced
 * before the next message. */
static void count_keys(
    struct konsil *k, struct ks_sealing *sealing, enum ks_omemo_version version, const struct choice *choice)
{
    for (size_t i = 0; i < choice->counts[version]; i++) {
        const struct ks_omemo_recipient *recipient = &choice->recipients[version][i];
        size_t account = choice->accounts[version][i];

        if (recipient->err != KS_OK)
            ks_keys_broken(k, recipient->jid, recipient->device, version);
        else if (account != NOBODY) {
            sealing->keys++;
            if (sealing->reached)
                sealing->reached[account] = true;
        }
    }
}

static enum ks_err seal_version(struct konsil *k, struct ks_sealing *sealing, enum ks_omemo_version version,
    struct ks_str plaintext, struct choice *choice)
{
    struct ks_xml *encrypted;
    enum ks_err err;

    if (choice->counts[version] == 0)
        return KS_OK;
    err = ks_omemo_seal(
        k->omemo, &k->arena, version, plaintext, choice->recipients[version], choice->counts[version], &encrypted);
    if (err == KS_OK && !ks_xml_graft(sealing->stanza, encrypted))
        err = KS_ENOMEM;
    if (err == KS_OK || err == KS_ENOTFOUND)
        count_keys(k, sealing, version, choice);
    return err == KS_ENOTFOUND ? KS_EAGAIN : err;
}

/* XEP-0380 §2: for clients that cannot read what is encrypted, and show that there is something. */
static enum ks_err add_hint(struct konsil *k, const struct ks_sealing *sealing)
{
    bool newer = ks_xml_child(sealing->stanza, NS_OMEMO, "encrypted");
    struct ks_xml *node = ks_xml_add(&k->arena, sealing->stanza, NS_EME, "encryption");

    node = ks_xml_set(&k->arena, node, "namespace", newer ? KS_STR(NS_OMEMO) : KS_STR(NS_AXOLOTL));
    return ks_xml_set(&k->arena, node, "name", KS_STR("OMEMO")) ? KS_OK : KS_ENOMEM;
}

/* doc/PROTOCOL.md §3.1: these and nothing else. */
static enum ks_err add_outside(struct konsil *k, struct ks_sealing *sealing)
{
    struct ks_xml *stanza = sealing->stanza, *node;

    node = ks_xml_add(&k->arena, stanza, NS_SID, "origin-id");
    if (!ks_xml_set(&k->arena, node, "id", sealing->id) || !ks_xml_add(&k->arena, stanza, NS_HINTS, "store"))
        return KS_ENOMEM;
    if (sealing->wake) {
        node = ks_xml_add(&k->arena, stanza, NS_KONSIL_WAKE, "wake");
        if (!ks_xml_set(&k->arena, node, "level", ks_str_z(sealing->wake)))
            return KS_ENOMEM;
    }
    return KS_OK;
}

/* Nothing that a person wrote may stand outside of what is encrypted: our own state, so an assertion. */
static void check_outside(const struct ks_xml *stanza)
{
    for (const struct ks_xml *c = ks_xml_child(stanza, NULL, NULL); c; c = ks_xml_next(c, NULL, NULL))
        assert(ks_xml_is(c, NS_OMEMO, "encrypted") || ks_xml_is(c, NS_AXOLOTL, "encrypted")
            || ks_xml_is(c, NS_EME, "encryption") || ks_xml_is(c, NS_SID, "origin-id")
            || ks_xml_is(c, NS_HINTS, "store") || ks_xml_is(c, NS_KONSIL_WAKE, "wake"));
}

static enum ks_err choose_others(struct konsil *k, struct choice *choice, struct ks_sealing *sealing)
{
    enum ks_err err = KS_OK;

    if (!sealing->room)
        return choose_account(k, choice, sealing->to, sealing, 0);
    if (!(sealing->reached = ks_arena_zero(&k->arena, sealing->account_count + 1)))
        return KS_ENOMEM;
    for (size_t i = 0; i < sealing->account_count && err == KS_OK; i++)
        err = choose_account(k, choice, sealing->accounts[i], sealing, i);
    return err;
}

enum ks_err ks_seal(struct konsil *k, struct ks_sealing *sealing)
{
    size_t accounts = sealing->room ? sealing->account_count : 1;
    struct choice choice;
    enum ks_err err;

    sealing->stanza = NULL;
    sealing->keys = 0;
    if (!ks_log_follow_may_send(k)) {
        sealing->code = KS_CODE_LOG_DEAD;
        return KS_OK;
    }
    if ((err = choice_init(k, &choice, (accounts + 1) * KS_PEER_DEVICES_MAX)) != KS_OK
        || (err = choose_others(k, &choice, sealing)) != KS_OK)
        return err;
    sealing->code = choice.listed > 0 && choice.listed == choice.refused ? KS_CODE_NO_TRUST
        : sealing->room                                                  ? KS_CODE_ROOM_NO_KEYS
                                                                         : KS_CODE_NO_KEYS;
    /* Alone in a room it goes to the own other devices. */
    if (choice.counts[KS_OMEMO_2] + choice.counts[KS_OMEMO_1] == 0 && accounts > 0)
        return KS_OK;
    if (sealing->siblings && !sealing->device && !ks_str_eq(sealing->to, ks_own(k))
        && (err = choose_account(k, &choice, ks_own(k), sealing, NOBODY)) != KS_OK)
        return err;
    if (choice.counts[KS_OMEMO_2] + choice.counts[KS_OMEMO_1] == 0)
        return KS_OK;
    sealing->stanza = ks_stanza_new(
        &k->arena, "message", sealing->room ? "groupchat" : "chat", sealing->id, KS_STR_EMPTY, sealing->to);
    if (!sealing->stanza)
        return KS_ENOMEM;
    if ((err = seal_version(k, sealing, KS_OMEMO_2, sealing->envelope, &choice)) != KS_OK
        || (err = seal_version(k, sealing, KS_OMEMO_1, sealing->text, &choice)) != KS_OK)
        return err;
    if (sealing->keys == 0 && accounts > 0)
        return KS_EAGAIN; /* only siblings could read it */
    if ((err = add_hint(k, sealing)) != KS_OK || (err = add_outside(k, sealing)) != KS_OK)
        return err;
    check_outside(sealing->stanza);
    return KS_OK;
}

enum ks_err ks_seal_empty(struct konsil *k, struct ks_sealing *sealing)
{
    struct ks_omemo_recipient recipient = { .jid = sealing->to, .device = sealing->device };
    struct ks_xml *encrypted;
    enum ks_err err = ks_omemo_session_find(k->omemo, sealing->version, sealing->to, sealing->device);

    sealing->stanza = NULL;
    sealing->wake = "none";
    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    err = ks_omemo_seal(k->omemo, &k->arena, sealing->version, KS_STR_EMPTY, &recipient, 1, &encrypted);
    if (err != KS_OK)
        return err;
    sealing->stanza = ks_stanza_new(&k->arena, "message", "chat", sealing->id, KS_STR_EMPTY, sealing->to);
    if (!sealing->stanza || !ks_xml_graft(sealing->stanza, encrypted))
        return KS_ENOMEM;
    /* COMPAT(Dino, 0.4): without a hint, which would be shown as a message that cannot be read. */
    return add_outside(k, sealing);
}
