/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "device_key.h"

#include <stdio.h>
#include <stdlib.h>

#include "certs.h"
#include "enc.h"
#include "engine.h"
#include "group.h"
#include "peers.h"
#include "pep_client.h"
#include "statement.h"

#define PURPOSE "konsil/0 device-key\n"
#define META_SECRET "device_key"
#define META_PUBLISHED "device_key_published"
#define DATA_MAX 16384
#define QUESTIONS_MAX 4096
#define PEER_KEY_MAX (16 + KS_JID_MAX)

static const char *const names[] = { "jid", "device", "ik", "key", "t", NULL };

/* --- our own --- */

enum ks_err ks_device_key_load(struct konsil *k)
{
    struct ks_device_key *own = &k->device_key;
    struct ks_str secret;
    enum ks_err err = ks_meta_get(k, META_SECRET, &secret);

    if (err == KS_OK && secret.len != sizeof(own->secret))
        return KS_ESTORE;
    if (err == KS_OK) {
        memcpy(own->secret, secret.ptr, sizeof(own->secret));
    } else if (err == KS_ENOTFOUND) {
        ks_p256_generate(&k->prng, own->secret);
        err = ks_meta_put(k, META_SECRET, ks_str(own->secret, sizeof(own->secret)));
    }
    if (err != KS_OK)
        return err;
    own->made = true;
    return ks_p256_public(own->secret, own->key) == KS_OK ? KS_OK : KS_ESTORE;
}

enum ks_err ks_device_key_use(struct konsil *k, const uint8_t secret[KS_P256_PRIVATE_LEN])
{
    struct ks_device_key *own = &k->device_key;
    enum ks_err err = ks_meta_put(k, META_SECRET, ks_str(secret, KS_P256_PRIVATE_LEN));

    if (err != KS_OK)
        return err;
    memcpy(own->secret, secret, sizeof(own->secret));
    return ks_p256_public(own->secret, own->key) == KS_OK ? KS_OK : KS_ESTORE;
}

void ks_device_sign(struct konsil *k, struct ks_str data, uint8_t ret_signature[KS_P256_SIGNATURE_LEN])
{
    uint8_t digest[32];

    assert(k->device_key.made);
    ks_hash(KS_SHA256, data, digest);
    ks_p256_sign(k->device_key.secret, digest, ret_signature);
}

static enum ks_err own_data(struct konsil *k, struct ks_buf *data)
{
    uint8_t identity[KS_IDENTITY_LEN];

    ks_omemo_identity(k->omemo, identity);
    ks_buf_z(data, PURPOSE "{\"jid\":");
    ks_statement_put_text(data, ks_own(k));
    ks_buf_printf(data, ",\"device\":%u,\"ik\":", ks_omemo_device(k->omemo));
    ks_statement_put_bytes(data, identity, sizeof(identity));
    ks_buf_z(data, ",\"key\":");
    ks_statement_put_bytes(data, k->device_key.key, sizeof(k->device_key.key));
    ks_buf_printf(data, ",\"t\":%lld}", (long long)(k->born_ms / 1000));
    return ks_buf_err(data);
}

static struct ks_xml *add_base64(struct ks_arena *arena, struct ks_xml *parent, const char *name, struct ks_str bytes)
{
    struct ks_str text;

    return ks_base64(arena, bytes, &text) == KS_OK ? ks_xml_add_text(arena, parent, NS_KONSIL_DEVICE_KEY, name, text)
                                                   : NULL;
}

struct ks_xml *ks_device_key_write(struct konsil *k, struct ks_arena *arena)
{
    struct ks_xml *element = ks_xml_new(arena, NS_KONSIL_DEVICE_KEY, "device-key");
    uint8_t signature[KS_P256_SIGNATURE_LEN], proof[KS_OMEMO_PROOF_LEN];
    struct ks_buf data;
    bool good;

    ks_buf_init(&data, DATA_MAX);
    good = own_data(k, &data) == KS_OK && ks_omemo_prove(k->omemo, ks_buf_str(&data), proof) == KS_OK;
    if (good) {
        ks_device_sign(k, ks_buf_str(&data), signature);
        good = add_base64(arena, element, "data", ks_buf_str(&data))
            && add_base64(arena, element, "sig", ks_str(signature, sizeof(signature)))
            && add_base64(arena, element, "proof", ks_str(proof, sizeof(proof)));
    }
    ks_buf_done(&data);
    return good ? element : NULL;
}

enum ks_err ks_device_key_online(struct konsil *k)
{
    struct ks_xml *element;
    struct ks_str published;
    char item[16];
    enum ks_err err = ks_meta_get(k, META_PUBLISHED, &published);

    if (err != KS_ENOTFOUND)
        return err;
    if (!(element = ks_device_key_write(k, &k->arena)))
        return KS_ENOMEM;
    snprintf(item, sizeof(item), "%u", ks_omemo_device(k->omemo));
    err = ks_pep_publish(k, NS_KONSIL_DEVICE_KEY, ks_str_z(item), element, true);
    return err == KS_EAGAIN ? KS_OK : err;
}

enum ks_err ks_device_key_published(struct konsil *k, bool good)
{
    return good ? ks_meta_put(k, META_PUBLISHED, KS_STR("1")) : KS_OK;
}

/* --- what others say --- */

static enum ks_err part(
    struct ks_arena *arena, const struct ks_xml *element, const char *name, struct ks_str *ret_bytes)
{
    return ks_base64_read(arena, ks_xml_text(arena, ks_xml_child(element, NS_KONSIL_DEVICE_KEY, name)), ret_bytes);
}

static enum ks_err read_data(
    struct ks_arena *arena, struct ks_str data, struct ks_str jid, uint32_t device, struct ks_device_claim *claim)
{
    struct ks_str said;
    uint64_t number;
    json_t *object;
    enum ks_err err = ks_statement_open(data, PURPOSE, names, &object);

    if (err != KS_OK)
        return err;
    if ((err = ks_statement_jid(arena, json_object_get(object, "jid"), &said)) == KS_OK
        && (err = ks_statement_number(json_object_get(object, "t"), KS_STATEMENT_NUMBER_MAX, &number)) == KS_OK
        && (err = ks_statement_number(json_object_get(object, "device"), INT32_MAX, &number)) == KS_OK
        && (err = ks_statement_bytes(arena, json_object_get(object, "ik"), sizeof(claim->identity), claim->identity))
            == KS_OK)
        err = ks_statement_bytes(arena, json_object_get(object, "key"), sizeof(claim->key), claim->key);
    if (err == KS_OK && (!ks_str_eq(said, jid) || number != device))
        err = KS_ESYNTAX;
    json_decref(object);
    return err;
}

static enum ks_err check(const uint8_t key[KS_P256_PUBLIC_LEN], struct ks_str data, struct ks_str signature)
{
    uint8_t digest[32];

    if (signature.len != KS_P256_SIGNATURE_LEN)
        return KS_ECRYPTO;
    ks_hash(KS_SHA256, data, digest);
    return ks_p256_verify(key, digest, (const uint8_t *)signature.ptr);
}

enum ks_err ks_device_key_read(struct konsil *k, struct ks_arena *arena, const struct ks_xml *element,
    struct ks_str jid, uint32_t device, struct ks_device_claim *ret_claim)
{
    struct ks_str data, signature, proof;
    enum ks_err err;

    if (!ks_xml_is(element, NS_KONSIL_DEVICE_KEY, "device-key"))
        return KS_ESYNTAX;
    if ((err = part(arena, element, "data", &data)) != KS_OK || (err = part(arena, element, "sig", &signature)) != KS_OK
        || (err = part(arena, element, "proof", &proof)) != KS_OK
        || (err = read_data(arena, data, jid, device, ret_claim)) != KS_OK
        || (err = check(ret_claim->key, data, signature)) != KS_OK)
        return err;
    if (proof.len != KS_OMEMO_PROOF_LEN)
        return KS_ECRYPTO;
    return ks_omemo_proof_check(k->omemo, ret_claim->identity, data, (const uint8_t *)proof.ptr);
}

/* --- what is kept of them: identity, key --- */

#define RECORD_LEN (1 + 32 + KS_P256_PUBLIC_LEN)

static const char *peer_key(char text[PEER_KEY_MAX], struct ks_str jid, uint32_t device)
{
    snprintf(text, PEER_KEY_MAX, "ds %.*s/%u", KS_STR_FMT(jid), device);
    return text;
}

static enum ks_err keep(struct konsil *k, struct ks_str jid, uint32_t device, const struct ks_device_claim *claim)
{
    char name[PEER_KEY_MAX], record[RECORD_LEN] = { 1 };

    memcpy(record + 1, claim->identity, sizeof(claim->identity));
    memcpy(record + 1 + sizeof(claim->identity), claim->key, sizeof(claim->key));
    return ks_meta_put(k, peer_key(name, jid, device), ks_str(record, sizeof(record)));
}

static enum ks_err kept(struct konsil *k, struct ks_str jid, uint32_t device, struct ks_device_claim *ret_claim)
{
    char name[PEER_KEY_MAX];
    struct ks_str record;
    enum ks_err err = ks_meta_get(k, peer_key(name, jid, device), &record);

    if (err != KS_OK)
        return err;
    if (record.len != RECORD_LEN)
        return KS_ESTORE;
    memcpy(ret_claim->identity, record.ptr + 1, sizeof(ret_claim->identity));
    memcpy(ret_claim->key, record.ptr + 1 + sizeof(ret_claim->identity), sizeof(ret_claim->key));
    return KS_OK;
}

/* --- who may be believed --- */

static bool is_trusted(enum ks_omemo_trust trust)
{
    return trust == KS_TRUST_FIRST || trust == KS_TRUST_VERIFIED;
}

/* Whether the claim's identity is the one that messages of this device have. A listed device that is new here has its
 * first identity recorded, as by a first message. */
static enum ks_err believe(
    struct konsil *k, struct ks_str jid, uint32_t device, const struct ks_device_claim *claim, bool *ret_believed)
{
    struct ks_omemo_peer known;
    const struct ks_peer_device *listed;
    struct ks_peer peer;
    enum ks_err err = ks_omemo_peer_get(k->omemo, jid, device, &known);

    *ret_believed = false;
    if (err == KS_OK) {
        *ret_believed = is_trusted(known.trust) && memcmp(known.identity, claim->identity, sizeof(known.identity)) == 0;
        return KS_OK;
    }
    if (err != KS_ENOTFOUND || (err = ks_peer_load(k, jid, &peer)) != KS_OK)
        return err;
    listed = ks_peer_device(&peer, device);
    if (!listed || !(listed->listed[KS_OMEMO_2] || listed->listed[KS_OMEMO_1]))
        return KS_OK;
    known = (struct ks_omemo_peer) { .device = device, .trust = KS_TRUST_FIRST };
    memcpy(known.identity, claim->identity, sizeof(known.identity));
    *ret_believed = true;
    return ks_omemo_peer_set(k->omemo, jid, &known);
}

/* A device keeps its key for as long as its identity: another one would be somebody else's. */
static enum ks_err take(struct konsil *k, struct ks_str jid, uint32_t device, const struct ks_device_claim *claim)
{
    struct ks_device_claim before;
    bool believed;
    enum ks_err err = kept(k, jid, device, &before);

    if (err == KS_OK && memcmp(before.identity, claim->identity, sizeof(before.identity)) == 0)
        return KS_OK;
    if ((err != KS_OK && err != KS_ENOTFOUND) || (err = believe(k, jid, device, claim, &believed)) != KS_OK)
        return err;
    return believed ? keep(k, jid, device, claim) : KS_OK;
}

/* What was asked for in this XMPP session; behind it the account. */
struct question {
    struct ks_list link;
    uint32_t device;
    bool failed; /* answered, and there was nothing to believe */
    struct ks_str jid;
};

static struct question *find_question(struct konsil *k, struct ks_str jid, uint32_t device)
{
    for (KS_LIST_EACH(&k->device_key.questions, at)) {
        struct question *question = KS_CONTAINER(at, struct question, link);

        if (question->device == device && ks_str_eq(question->jid, jid))
            return question;
    }
    return NULL;
}

static enum ks_err note_question(struct konsil *k, struct ks_str jid, uint32_t device)
{
    struct question *question;

    if (k->device_key.question_count >= QUESTIONS_MAX)
        return KS_OK; /* it is asked again when that is of use */
    if (!(question = calloc(1, sizeof(*question) + jid.len)))
        return KS_ENOMEM;
    memcpy(question + 1, jid.ptr, jid.len);
    question->jid = ks_str(question + 1, jid.len);
    question->device = device;
    ks_list_append(&k->device_key.questions, &question->link);
    k->device_key.question_count++;
    return KS_OK;
}

void ks_device_key_init(struct konsil *k)
{
    ks_list_init(&k->device_key.questions);
}

void ks_device_key_lost(struct konsil *k)
{
    for (KS_LIST_EACH_SAFE(&k->device_key.questions, at)) {
        ks_list_leave(at);
        free(KS_CONTAINER(at, struct question, link));
    }
    k->device_key.question_count = 0;
}

void ks_device_key_done(struct konsil *k)
{
    if (k->device_key.questions.next)
        ks_device_key_lost(k);
    ks_wipe(k->device_key.secret, sizeof(k->device_key.secret));
}

static void settle(struct konsil *k, struct ks_str jid, uint32_t device, bool failed)
{
    struct question *question = find_question(k, jid, device);

    if (question && !failed) {
        ks_list_leave(&question->link);
        free(question);
        k->device_key.question_count--;
    } else if (question) {
        question->failed = true;
    }
    ks_groups_wake(k);
}

static enum ks_err on_key(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *payload = ks_pep_payload(answer);
    uint32_t device = (uint32_t)iq->number;
    struct ks_device_claim claim;
    enum ks_err err = KS_ENOTFOUND;

    if (payload && (err = ks_device_key_read(k, &k->arena, payload, iq->text, device, &claim)) == KS_OK)
        err = take(k, iq->text, device, &claim);
    if (err <= KS_FATAL)
        return err;
    settle(k, iq->text, device, answer && err != KS_OK); /* silence is no answer: it is asked for again */
    return KS_OK;
}

static enum ks_err ask(struct konsil *k, struct ks_str jid, uint32_t device)
{
    char item[16];
    enum ks_err err;

    snprintf(item, sizeof(item), "%u", device);
    err = ks_pep_fetch(
        k, ks_str_eq(jid, ks_own(k)) ? KS_STR_EMPTY : jid, NS_KONSIL_DEVICE_KEY, ks_str_z(item), on_key, jid, device);
    if (err == KS_OK)
        err = note_question(k, jid, device);
    return err == KS_OK ? KS_EAGAIN : err;
}

/* --- by certificates --- */

struct verifying {
    struct ks_str data, signature;
    bool found, good, revoked;
    struct konsil *k;
};

/* The key that a device had when it signed may have been renewed since. */
static bool try_cert(void *user, const struct ks_cert *cert)
{
    struct verifying *verifying = user;

    verifying->found = true;
    verifying->good = check(cert->key, verifying->data, verifying->signature) == KS_OK;
    verifying->revoked = ks_cert_judge(verifying->k, cert, NULL) == KS_GENUINE_REVOKED;
    return !verifying->good;
}

static enum ks_err verify_certified(
    struct konsil *k, struct ks_str jid, uint32_t device, struct ks_str data, struct ks_str signature)
{
    struct verifying verifying = { .data = data, .signature = signature, .k = k };
    bool coming;
    enum ks_err err = ks_cert_each(k, jid, device, try_cert, &verifying);

    if (err != KS_OK || verifying.good)
        return err != KS_OK ? err : verifying.revoked ? KS_ENOTFOUND : KS_OK;
    if ((err = ks_certs_want(k, jid, device, &coming)) != KS_OK)
        return err;
    return coming || !ks_online(k) ? KS_EAGAIN : verifying.found ? KS_ECRYPTO : KS_ENOTFOUND;
}

enum ks_err ks_device_verify(
    struct konsil *k, struct ks_str jid, uint32_t device, struct ks_str data, struct ks_str signature)
{
    const struct question *question = find_question(k, jid, device);
    struct ks_device_claim claim;
    bool ready, believed;
    enum ks_err err;

    if (ks_str_eq(jid, ks_own(k)) && device == ks_omemo_device(k->omemo))
        return check(k->device_key.key, data, signature);
    if (ks_certs_count(k, jid) && (err = verify_certified(k, jid, device, data, signature)) != KS_ENOTFOUND)
        return err;
    if (ks_certs_count(k, jid) && ((err = ks_cert_mixed(k, jid, &believed)) != KS_OK || !believed))
        return err == KS_OK ? KS_ENOTFOUND : err;
    if ((err = kept(k, jid, device, &claim)) == KS_OK && (err = believe(k, jid, device, &claim, &believed)) == KS_OK)
        return believed ? check(claim.key, data, signature) : KS_ENOTFOUND;
    if (err != KS_ENOTFOUND)
        return err;
    if (question)
        return question->failed ? KS_ENOTFOUND : KS_EAGAIN;
    /* Its account's list says whether there is such a device. */
    if ((err = ks_keys_ready(k, jid, &ready)) != KS_OK)
        return err;
    return ready && ks_online(k) ? ask(k, jid, device) : KS_EAGAIN;
}
