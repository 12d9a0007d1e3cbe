/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "enrolment.h"

#include <stdio.h>
#include <stdlib.h>

#include "certs.h"
#include "command.h"
#include "enc.h"
#include "engine.h"
#include "enrol.h"
#include "pep_client.h"

#define META_OWN "hospital"         /* what we got */
#define META_REQUEST "enrol"        /* what we ask for */
#define META_PUBLISHED "cert there" /* the hash of what the server has of ours */
#define VERSION 1
#define RECORD_BYTES_MAX (64 * 1024)
#define RETRY_MS 5000
#define RETRY_MAX_MS 600000
#define RENEW_PART 5 /* the last fifth of a certificate's life */
#define DAY_MS 86400000

bool ks_enrolled(const struct konsil *k)
{
    return k->enrolment.certified;
}

struct ks_str ks_enrolment_root(const struct konsil *k)
{
    return ks_str(k->enrolment.root, k->enrolment.root_len);
}

void ks_enrolment_done(struct konsil *k)
{
    free(k->enrolment.root);
    ks_wipe(&k->enrolment, sizeof k->enrolment);
}

static struct ks_str bytes_of(const uint8_t *bytes, size_t len)
{
    return ks_str((const char *)bytes, len);
}

static enum ks_err take_bytes(struct ks_cursor *at, uint8_t *ret_bytes, size_t len)
{
    struct ks_str bytes;
    enum ks_err err = ks_cursor_take(at, len, &bytes);

    if (err == KS_OK)
        memcpy(ret_bytes, bytes.ptr, len);
    return err;
}

/* --- what we got --- */

struct own {
    struct ks_enrolment facts; /* but for root */
    struct ks_str root, chain[KS_CHAIN_MAX];
    size_t count;
};

static enum ks_err own_read(struct ks_str record, struct own *own)
{
    struct ks_enrolment *facts = &own->facts;
    struct ks_cursor at = ks_cursor(record);
    uint64_t from, until;
    uint8_t version, count;

    *own = (struct own) { .count = 0 };
    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (take_bytes(&at, facts->pin, sizeof facts->pin) != KS_OK
        || take_bytes(&at, facts->salt, sizeof facts->salt) != KS_OK
        || take_bytes(&at, facts->share, sizeof facts->share) != KS_OK
        || take_bytes(&at, facts->hash, sizeof facts->hash) != KS_OK
        || take_bytes(&at, facts->seal_secret, sizeof facts->seal_secret) != KS_OK
        || ks_cursor_u64(&at, &facts->leaf) != KS_OK || ks_cursor_u64(&at, &from) != KS_OK
        || ks_cursor_u64(&at, &until) != KS_OK || ks_cursor_field(&at, &own->root) != KS_OK
        || ks_cursor_u8(&at, &count) != KS_OK || count > KS_CHAIN_MAX)
        return KS_ESTORE;
    facts->not_before_s = (int64_t)from;
    facts->not_after_s = (int64_t)until;
    for (; own->count < count; own->count++)
        if (ks_cursor_field(&at, &own->chain[own->count]) != KS_OK)
            return KS_ESTORE;
    return KS_OK;
}

static enum ks_err own_write(struct konsil *k, const struct own *own)
{
    const struct ks_enrolment *facts = &own->facts;
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init_secret(&record, RECORD_BYTES_MAX);
    ks_buf_byte(&record, VERSION);
    ks_buf_add(&record, bytes_of(facts->pin, sizeof facts->pin));
    ks_buf_add(&record, bytes_of(facts->salt, sizeof facts->salt));
    ks_buf_add(&record, bytes_of(facts->share, sizeof facts->share));
    ks_buf_add(&record, bytes_of(facts->hash, sizeof facts->hash));
    ks_buf_add(&record, bytes_of(facts->seal_secret, sizeof facts->seal_secret));
    ks_buf_u64(&record, facts->leaf);
    ks_buf_u64(&record, (uint64_t)facts->not_before_s);
    ks_buf_u64(&record, (uint64_t)facts->not_after_s);
    ks_buf_field(&record, own->root);
    ks_buf_byte(&record, (uint8_t)own->count);
    for (size_t i = 0; i < own->count; i++)
        ks_buf_field(&record, own->chain[i]);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = ks_meta_put(k, META_OWN, ks_buf_str(&record));
    ks_buf_done(&record);
    return err;
}

/* Takes it into memory. */
static enum ks_err own_use(struct konsil *k, const struct own *own)
{
    char *root = malloc(own->root.len ? own->root.len : 1);

    if (!root)
        return KS_ENOMEM;
    memcpy(root, own->root.ptr, own->root.len);
    free(k->enrolment.root);
    k->enrolment = own->facts;
    k->enrolment.root = root;
    k->enrolment.root_len = own->root.len;
    k->enrolment.certified = true;
    return KS_OK;
}

static enum ks_err own_get(struct konsil *k, struct own *ret_own)
{
    struct ks_str record;
    enum ks_err err = ks_meta_get(k, META_OWN, &record);

    return err == KS_OK ? own_read(record, ret_own) : err;
}

enum ks_err ks_enrolment_load(struct konsil *k)
{
    struct own own;
    enum ks_err err = own_get(k, &own);

    if (err == KS_OK)
        err = own_use(k, &own);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

enum ks_err ks_enrolment_chain(struct konsil *k, struct ks_str ret_chain[KS_CHAIN_MAX], size_t *ret_count)
{
    struct own own;
    enum ks_err err = own_get(k, &own);

    if (err != KS_OK)
        return err;
    memcpy(ret_chain, own.chain, sizeof own.chain);
    *ret_count = own.count;
    return KS_OK;
}

/* --- what we ask for --- */

struct request {
    bool renewal; /* else by a code */
    uint8_t secret[KS_P256_PRIVATE_LEN], seal_secret[KS_P256_PRIVATE_LEN];
    uint8_t pin[32], code[KS_ENROL_CODE_LEN];
    int64_t expires_s;
    struct ks_str csr;
};

static void request_wipe(struct request *request)
{
    ks_wipe(request, sizeof *request);
}

static enum ks_err request_put(struct konsil *k, const struct request *request)
{
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init_secret(&record, RECORD_BYTES_MAX);
    ks_buf_byte(&record, VERSION);
    ks_buf_byte(&record, request->renewal);
    ks_buf_add(&record, bytes_of(request->secret, sizeof request->secret));
    ks_buf_add(&record, bytes_of(request->seal_secret, sizeof request->seal_secret));
    ks_buf_add(&record, bytes_of(request->pin, sizeof request->pin));
    ks_buf_add(&record, bytes_of(request->code, sizeof request->code));
    ks_buf_u64(&record, (uint64_t)request->expires_s);
    ks_buf_field(&record, request->csr);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = ks_meta_put(k, META_REQUEST, ks_buf_str(&record));
    ks_buf_done(&record);
    return err;
}

/* KS_ENOTFOUND: nothing is asked for. */
static enum ks_err request_get(struct konsil *k, struct request *ret_request)
{
    struct ks_str record;
    struct ks_cursor at;
    uint8_t version, renewal;
    uint64_t expires;
    enum ks_err err = ks_meta_get(k, META_REQUEST, &record);

    if (err != KS_OK)
        return err;
    at = ks_cursor(record);
    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_u8(&at, &renewal) != KS_OK
        || take_bytes(&at, ret_request->secret, sizeof ret_request->secret) != KS_OK
        || take_bytes(&at, ret_request->seal_secret, sizeof ret_request->seal_secret) != KS_OK
        || take_bytes(&at, ret_request->pin, sizeof ret_request->pin) != KS_OK
        || take_bytes(&at, ret_request->code, sizeof ret_request->code) != KS_OK
        || ks_cursor_u64(&at, &expires) != KS_OK || ks_cursor_field(&at, &ret_request->csr) != KS_OK)
        return KS_ESTORE;
    ret_request->renewal = renewal;
    ret_request->expires_s = (int64_t)expires;
    return KS_OK;
}

static bool read_hex(struct ks_str text, uint8_t *ret_byte)
{
    unsigned value = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (digit < 0)
            return false;
        value = value << 4 | (unsigned)digit;
    }
    *ret_byte = (uint8_t)value;
    return true;
}

/* The id of this installation is the UUID that login says (engine.c). */
static void read_uuid(const char *text, uint8_t ret_uuid[KS_DEVICE_UUID_LEN])
{
    size_t count = 0;

    for (const char *at = text; *at && count < KS_DEVICE_UUID_LEN; at += *at == '-' ? 1 : 2)
        if (*at != '-' && !read_hex(ks_str(at, 2), &ret_uuid[count++]))
            break;
    assert(count == KS_DEVICE_UUID_LEN);
}

static enum ks_err write_csr(struct konsil *k, struct request *request)
{
    struct ks_device_names names = { .jid = ks_own(k) };
    struct ks_device_claims claims = { .device = ks_omemo_device(k->omemo), .kind = KS_DEVICE_PERSONAL };
    enum ks_err err = ks_omemo_identity_ed(k->omemo, claims.identity);

    if (err != KS_OK)
        return err;
    if (ks_p256_public(request->seal_secret, claims.seal_key) != KS_OK)
        return KS_ESTORE;
    read_uuid(k->agent, names.uuid);
    return ks_device_request_write(&k->arena, request->secret, &names, &claims, &request->csr);
}

/* --- telling --- */

static enum ks_err tell_state_to(struct konsil *k, enum ks_js_enrolled state, const char *reason, struct ks_str re)
{
    struct ks_ev_enrolment event = { .re = re, .state = state, .reason = reason ? ks_str_z(reason) : KS_STR_EMPTY };
    struct ks_device_cert cert;
    enum ks_cert_verdict verdict;
    struct own own;
    enum ks_err err = own_get(k, &own);

    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (err == KS_OK) {
        err = ks_device_chain_check(
            &k->arena, own.chain, own.count, own.root, own.facts.not_before_s + 1, &cert, &verdict);
        if (err != KS_OK)
            return err;
        event.name = cert.name;
        event.profession = cert.profession;
        event.department = cert.department;
        event.organisation = cert.organisation;
        event.until = own.facts.not_after_s * 1000;
    }
    return ks_tell(k, KS_EV_ENROLMENT, &event);
}

static enum ks_err tell_state(struct konsil *k, enum ks_js_enrolled state, const char *reason)
{
    return tell_state_to(k, state, reason, KS_STR_EMPTY);
}

/* --- publishing --- */

static enum ks_err publish(struct konsil *k)
{
    struct ks_xml *element = ks_xml_new(&k->arena, NS_X509, "x509-cert-chain"), *entry;
    struct ks_str there, text;
    struct own own;
    char item[16];
    enum ks_err err = own_get(k, &own);

    if (err != KS_OK)
        return err;
    if ((err = ks_meta_get(k, META_PUBLISHED, &there)) == KS_OK && ks_str_eq(there, bytes_of(own.facts.hash, 32)))
        return KS_OK;
    for (size_t i = 0; i < own.count; i++)
        if (ks_base64(&k->arena, own.chain[i], &text) != KS_OK
            || !ks_xml_add_text(&k->arena, element, NS_X509, "x509-cert", text))
            return KS_ENOMEM;
    entry = ks_xml_add(&k->arena, element, NS_KONSIL_LOG, "entry");
    if (!ks_xml_set_u64(&k->arena, entry, "number", own.facts.leaf))
        return KS_ENOMEM;
    snprintf(item, sizeof item, "%u", ks_omemo_device(k->omemo));
    err = ks_pep_publish(k, NS_X509, ks_str_z(item), element, true);
    return err == KS_EAGAIN ? KS_OK : err;
}

enum ks_err ks_enrolment_published(struct konsil *k, bool good)
{
    return good ? ks_meta_put(k, META_PUBLISHED, bytes_of(k->enrolment.hash, sizeof k->enrolment.hash)) : KS_OK;
}

/* --- asking --- */

static void again_later(struct konsil *k)
{
    int64_t wait_ms = RETRY_MS << (k->enrolment.tries < 7 ? k->enrolment.tries : 7);

    k->enrolment.tries++;
    k->wait_ms[KS_WAIT_ENROL] = k->now.mono_ms + (wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS);
}

/* It is as we asked for, and leads to the root that the link, or the certificate before, names. */
static enum ks_err check_answer(struct konsil *k, const struct request *request,
    const struct ks_enrol_answer_facts *answer, struct ks_device_cert *cert, bool *ret_good)
{
    uint8_t pin[32], key[KS_P256_PUBLIC_LEN], seal_key[KS_SEAL_KEY_LEN], identity[32];
    enum ks_cert_verdict verdict;
    enum ks_err err;

    *ret_good = false;
    if (ks_cert_key_hash(answer->root, pin) != KS_OK || memcmp(pin, request->pin, sizeof pin) != 0)
        return KS_OK;
    if ((err = ks_device_chain_check(
             &k->arena, answer->chain, answer->chain_count, answer->root, answer->t_s, cert, &verdict))
        != KS_OK)
        return err;
    if ((err = ks_omemo_identity_ed(k->omemo, identity)) != KS_OK)
        return err;
    if (verdict != KS_CERT_GOOD || ks_p256_public(request->secret, key) != KS_OK
        || ks_p256_public(request->seal_secret, seal_key) != KS_OK)
        return KS_OK;
    *ret_good = ks_str_eq(cert->names.jid, ks_own(k)) && cert->claims.device == ks_omemo_device(k->omemo)
        && memcmp(cert->claims.identity, identity, sizeof identity) == 0 && memcmp(cert->key, key, sizeof key) == 0
        && memcmp(cert->claims.seal_key, seal_key, sizeof seal_key) == 0;
    return KS_OK;
}

static enum ks_err take_certificate(struct konsil *k, const struct request *request,
    const struct ks_enrol_answer_facts *answer, const struct ks_device_cert *cert)
{
    struct own own = {
        .facts = { .leaf = answer->leaf, .not_before_s = cert->not_before_s, .not_after_s = cert->not_after_s },
        .root = answer->root,
        .count = answer->chain_count
    };
    bool first = !k->enrolment.certified;
    enum ks_err err;

    memcpy(own.chain, answer->chain, answer->chain_count * sizeof *answer->chain);
    memcpy(own.facts.pin, request->pin, sizeof own.facts.pin);
    memcpy(own.facts.salt, answer->salt, sizeof own.facts.salt);
    memcpy(own.facts.share, answer->share, sizeof own.facts.share);
    memcpy(own.facts.hash, cert->hash, sizeof own.facts.hash);
    memcpy(own.facts.seal_secret, request->seal_secret, sizeof own.facts.seal_secret);
    if ((err = own_write(k, &own)) != KS_OK || (err = ks_meta_del(k, META_REQUEST)) != KS_OK
        || (err = ks_device_key_use(k, request->secret)) != KS_OK || (err = own_use(k, &own)) != KS_OK
        || (err = ks_log_follow_load(k)) != KS_OK || (err = publish(k)) != KS_OK)
        return err;
    if (first && ((err = ks_log_follow_online(k)) != KS_OK || (err = ks_ring_online(k)) != KS_OK))
        return err;
    ks_keys_wake(k);
    k->wait_ms[KS_WAIT_ENROL] = k->now.mono_ms + DAY_MS;
    return tell_state(k, KS_JS_ENROLLED_CERTIFIED, NULL);
}

static enum ks_err refused(struct konsil *k, const char *reason)
{
    enum ks_err err = ks_meta_del(k, META_REQUEST);

    return err == KS_OK
        ? tell_state(k, k->enrolment.certified ? KS_JS_ENROLLED_CERTIFIED : KS_JS_ENROLLED_REFUSED, reason)
        : err;
}

static enum ks_err on_refused(struct konsil *k, struct ks_str reason)
{
    static const struct {
        const char *reason, *code;
    } known[] = { { "malformed", KS_CODE_ENROL_REFUSED }, { "code", KS_CODE_ENROL_CODE },
        { "expired", KS_CODE_ENROL_EXPIRED }, { "used", KS_CODE_ENROL_USED }, { "key", KS_CODE_ENROL_REFUSED },
        { "proof", KS_CODE_ENROL_REFUSED }, { "devices", KS_CODE_ENROL_DEVICES }, { "revoked", KS_CODE_ENROL_REVOKED },
        { "vouch", KS_CODE_ENROL_REFUSED } };

    for (size_t i = 0; i < KS_COUNT(known); i++)
        if (ks_str_is(reason, known[i].reason))
            return refused(k, known[i].code);
    again_later(k); /* busy, or a second operator has to agree first */
    return ks_str_is(reason, "waits") ? tell_state(k, KS_JS_ENROLLED_PENDING, KS_CODE_ENROL_WAITS) : KS_OK;
}

static enum ks_err on_answer(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *enrolled = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_ENROL, "enrolled") : NULL;
    const struct ks_xml *no = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_ENROL, "refused") : NULL;
    struct ks_enrol_answer_facts facts;
    uint8_t mac_key[KS_ENROL_MAC_LEN];
    struct ks_device_cert cert;
    struct request request;
    struct ks_str sealed;
    bool good = false;
    enum ks_err err;

    (void)iq;
    k->enrolment.asking = false;
    if ((err = request_get(k, &request)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (no)
        return on_refused(k, ks_xml_attr(no, "reason"));
    if (!enrolled) {
        again_later(k);
        return KS_OK;
    }
    ks_enrol_mac_key(request.code, mac_key);
    if ((err = ks_base64_read(
             &k->arena, ks_xml_text(&k->arena, ks_xml_child(enrolled, NS_KONSIL_ENROL, "sealed")), &sealed))
            == KS_OK
        && (err = ks_enrol_answer_open(
                &k->arena, sealed, request.csr, request.seal_secret, request.renewal ? NULL : mac_key, &facts))
            == KS_OK)
        err = check_answer(k, &request, &facts, &cert, &good);
    if (err == KS_OK && good)
        err = take_certificate(k, &request, &facts, &cert);
    else if (err == KS_OK || err > KS_FATAL)
        err = refused(k, KS_CODE_ENROL_FORGED); /* whoever answered is not the registrar, or is not right in the head */
    ks_wipe(mac_key, sizeof mac_key);
    request_wipe(&request);
    return err;
}

static enum ks_err add_base64(struct konsil *k, struct ks_xml *parent, const char *name, struct ks_str bytes)
{
    struct ks_str text;

    return ks_base64(&k->arena, bytes, &text) == KS_OK
            && ks_xml_add_text(&k->arena, parent, NS_KONSIL_ENROL, name, text)
        ? KS_OK
        : KS_ENOMEM;
}

/* <mac/>, or <renewal/> by the key that is to be replaced (§21.2). */
static enum ks_err add_right(struct konsil *k, struct ks_xml *enrol, const struct request *request, struct ks_str pop)
{
    uint8_t mac_key[KS_ENROL_MAC_LEN], mac[KS_ENROL_MAC_LEN], signature[KS_P256_SIGNATURE_LEN];
    struct ks_str bytes;
    enum ks_err err;

    if (request->renewal) {
        if ((err = ks_enrol_renew_bytes(&k->arena, request->csr, &bytes)) != KS_OK)
            return err;
        ks_device_sign(k, bytes, signature);
        return add_base64(k, enrol, "renewal", bytes_of(signature, sizeof signature));
    }
    ks_enrol_mac_key(request->code, mac_key);
    ks_enrol_mac(mac_key, request->csr, pop, mac);
    ks_wipe(mac_key, sizeof mac_key);
    return add_base64(k, enrol, "mac", bytes_of(mac, sizeof mac));
}

static enum ks_err send_request(struct konsil *k, const struct request *request)
{
    struct ks_xml *enrol = ks_xml_new(&k->arena, NS_KONSIL_ENROL, "enrol");
    uint8_t proof[KS_OMEMO_PROOF_LEN];
    struct ks_str bytes, pop = bytes_of(proof, sizeof proof);
    enum ks_err err;

    if (!enrol)
        return KS_ENOMEM;
    if ((err = ks_enrol_pop_bytes(&k->arena, request->csr, &bytes)) != KS_OK
        || (err = ks_omemo_prove(k->omemo, bytes, proof)) != KS_OK
        || (err = add_base64(k, enrol, "csr", request->csr)) != KS_OK
        || (err = add_base64(k, enrol, "pop", pop)) != KS_OK || (err = add_right(k, enrol, request, pop)) != KS_OK)
        return err;
    err = ks_iq_send(k, "set", ks_str_z(k->domain), enrol, on_answer, KS_STR_EMPTY, 0);
    k->enrolment.asking = err == KS_OK;
    return err == KS_EAGAIN ? KS_OK : err;
}

static enum ks_err ask(struct konsil *k)
{
    struct request request;
    enum ks_err err = request_get(k, &request);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (!k->enrolment.asking && ks_online(k))
        err = send_request(k, &request);
    request_wipe(&request);
    return err;
}

/* In the last fifth of its life the certificate is renewed (§21.2), unless that is being asked for. */
static enum ks_err renew(struct konsil *k)
{
    const struct ks_enrolment *own = &k->enrolment;
    struct request request = { .renewal = true };
    int64_t now_s = ks_log_follow_now_s(k);
    struct ks_str there;
    enum ks_err err = ks_meta_get(k, META_REQUEST, &there);

    if (err != KS_ENOTFOUND || !own->certified
        || now_s < own->not_after_s - (own->not_after_s - own->not_before_s) / RENEW_PART)
        return err == KS_ENOTFOUND ? KS_OK : err;
    ks_p256_generate(&k->prng, request.secret);
    ks_p256_generate(&k->prng, request.seal_secret);
    memcpy(request.pin, own->pin, sizeof request.pin);
    if ((err = write_csr(k, &request)) == KS_OK)
        err = request_put(k, &request);
    request_wipe(&request);
    return err;
}

enum ks_err ks_enrolment_online(struct konsil *k)
{
    enum ks_err err;

    k->enrolment.asking = false;
    k->enrolment.tries = 0;
    k->wait_ms[KS_WAIT_ENROL] = k->enrolment.certified ? k->now.mono_ms + DAY_MS : KS_NEVER;
    if ((err = renew(k)) != KS_OK || (k->enrolment.certified && (err = publish(k)) != KS_OK))
        return err;
    return ask(k);
}

static enum ks_err try_again(struct konsil *k, void *arg)
{
    enum ks_err err = renew(k);

    (void)arg;
    return err == KS_OK ? ask(k) : err;
}

void ks_enrolment_due(struct konsil *k)
{
    k->wait_ms[KS_WAIT_ENROL] = k->enrolment.certified ? k->now.mono_ms + DAY_MS : KS_NEVER;
    if (ks_online(k))
        (void)ks_step(k, try_again, NULL);
}

/* --- the command --- */

enum ks_err ks_cmd_on_enrol(struct konsil *k, const struct ks_cmd *cmd)
{
    struct request request = { .renewal = false };
    struct ks_enrol_link link;
    enum ks_err err;

    if (!k->omemo)
        return ks_cmd_refuse(k, cmd, KS_CODE_NO_ACCOUNT, KS_STR_EMPTY);
    if (k->enrolment.certified)
        return ks_cmd_refuse(k, cmd, KS_CODE_ENROL_THERE, KS_STR_EMPTY);
    if ((err = ks_enrol_link_read(&k->arena, cmd->enrol.link, &link)) <= KS_FATAL)
        return err;
    if (err != KS_OK)
        return ks_cmd_refuse(k, cmd, KS_CODE_ENROL_LINK, KS_STR_EMPTY);
    if (!ks_str_eq(link.jid, ks_own(k)))
        return ks_cmd_refuse(k, cmd, KS_CODE_ENROL_OTHER, link.jid);
    if (link.expires_s < k->now.wall_ms / 1000)
        return ks_cmd_refuse(k, cmd, KS_CODE_ENROL_EXPIRED, KS_STR_EMPTY);
    memcpy(request.secret, k->device_key.secret, sizeof request.secret);
    ks_p256_generate(&k->prng, request.seal_secret);
    memcpy(request.pin, link.pin, sizeof request.pin);
    memcpy(request.code, link.code, sizeof request.code);
    request.expires_s = link.expires_s;
    if ((err = write_csr(k, &request)) == KS_OK && (err = request_put(k, &request)) == KS_OK)
        err = ks_cmd_done(k, cmd);
    request_wipe(&request);
    k->enrolment.tries = 0;
    if (err != KS_OK || (err = tell_state(k, KS_JS_ENROLLED_PENDING, NULL)) != KS_OK)
        return err;
    return ask(k);
}

static enum ks_err own_state(struct konsil *k, enum ks_js_enrolled *ret_state)
{
    struct ks_str there;
    enum ks_err err = ks_meta_get(k, META_REQUEST, &there);

    *ret_state = err == KS_OK ? KS_JS_ENROLLED_PENDING : KS_JS_ENROLLED_NONE;
    if (!k->enrolment.certified)
        return err == KS_ENOTFOUND ? KS_OK : err;
    *ret_state = KS_JS_ENROLLED_CERTIFIED;
    if (ks_log_view_revoked(k->log_follow.view, k->enrolment.hash, k->enrolment.leaf, NULL) == KS_LOG_REVOKED)
        *ret_state = KS_JS_ENROLLED_REVOKED;
    else if (ks_log_follow_now_s(k) > k->enrolment.not_after_s)
        *ret_state = KS_JS_ENROLLED_ENDED;
    return err == KS_ENOTFOUND ? KS_OK : err;
}

enum ks_err ks_cmd_on_enrolment(struct konsil *k, const struct ks_cmd *cmd)
{
    enum ks_js_enrolled state;
    enum ks_err err = own_state(k, &state);

    return err == KS_OK ? tell_state_to(k, state, NULL, cmd->id) : err;
}

enum ks_err ks_cmd_on_mixed(struct konsil *k, const struct ks_cmd *cmd)
{
    enum ks_err err;

    if (!k->enrolment.certified)
        return ks_cmd_refuse(k, cmd, KS_CODE_ENROL_NONE, KS_STR_EMPTY);
    err = ks_cert_set_mixed(k, cmd->mixed.jid, cmd->mixed.on);
    ks_keys_wake(k);
    return err == KS_OK ? ks_cmd_done(k, cmd) : err;
}
