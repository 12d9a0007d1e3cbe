/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar_enrol.c -- a request becomes a certificate, or is refused (registrar.h; doc/PROTOCOL.md §21.2 to §21.4). */
#include "device_cert.h"
#include "registrar_state.h"
#include "statement.h"

#define PURPOSE_VOUCH "konsil/0 vouch\n"
#define BEFORE_S 3600 /* clocks of those who check may be behind */
#define DAY_S 86400

/* Of which no two devices have the same. A key that signs is not one that is sealed to, so those are one kind. */
enum key_kind { KEY_P256 = 1, KEY_IDENTITY };
enum { SIGNING, SEALING, IDENTITY, KEYS };

struct enrolling {
    const struct ks_enrol_request *asked;
    struct ks_arena *arena; /* the caller's */
    int64_t now_ms;
    struct ks_enrolled *answer;

    struct ks_device_request request;
    uint8_t csr_hash[32], key_hashes[KEYS][32];
    uint8_t mac_key[KS_ENROL_MAC_LEN];
    bool by_code;
    uint8_t voucher[32]; /* hash of the certificate whose key let it in; zeroes: an operator did */
    struct ks_device_person person;
    enum ks_device_kind kind;
};

const char *ks_refusal_name(enum ks_refusal refusal)
{
    static const char *const names[] = { "none", "malformed", "code", "expired", "used", "waits", "proof", "key",
        "devices", "revoked", "vouch" };

    return names[refusal];
}

static enum ks_err refuse(struct enrolling *e, enum ks_refusal refusal)
{
    e->answer->refusal = refusal;
    return KS_OK;
}

/* --- by whose right --- */

/* Of the invitation, once its mac was found to be right. */
static void take_invited(struct enrolling *e, const struct ks_invite_record *invite)
{
    memcpy(e->mac_key, invite->mac_key, sizeof e->mac_key);
    e->by_code = true;
    e->kind = invite->kind;
    e->person = (struct ks_device_person) { .name = invite->name,
        .profession = invite->profession,
        .department = invite->department,
        .organisation = invite->organisation,
        .person = invite->person };
}

/* A code is used up by the first request that knows it, whatever comes of that (§21.2). */
static enum ks_err use_code(struct ks_registrar *r, struct enrolling *e, struct ks_invite_record *invite)
{
    bool used = ks_invite_used(invite), by_this = used && memcmp(invite->used, e->csr_hash, sizeof e->csr_hash) == 0;
    enum ks_err err = KS_OK;

    if (used && !by_this)
        invite->alarm_ms = e->now_ms;
    else
        memcpy(invite->used, e->csr_hash, sizeof invite->used);
    if (!by_this)
        err = ks_invite_put(r, e->request.names.jid, invite);
    if (err != KS_OK)
        return err;
    if (used && !by_this)
        return refuse(e, KS_REFUSE_USED);
    if (invite->waits)
        return refuse(e, KS_REFUSE_WAITS);
    take_invited(e, invite);
    return KS_OK;
}

static enum ks_err by_code(struct ks_registrar *r, struct enrolling *e)
{
    struct ks_invite_record invite = { .expires_ms = 0 };
    uint8_t mac[KS_ENROL_MAC_LEN];
    enum ks_err err = ks_invite_get(r, e->request.names.jid, &invite), there = err;

    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    /* Computed in any case: how long it takes does not tell who is invited. */
    ks_enrol_mac(invite.mac_key, e->asked->csr, e->asked->pop, mac);
    if (!ks_crypto_eq(ks_str(mac, sizeof mac), e->asked->mac) || there != KS_OK)
        err = refuse(e, KS_REFUSE_CODE);
    else if (e->now_ms > invite.expires_ms)
        err = refuse(e, KS_REFUSE_EXPIRED);
    else
        err = use_code(r, e, &invite);
    ks_wipe(invite.mac_key, sizeof invite.mac_key);
    return err;
}

/* What a certificate says of its person; its texts go with the call that reads it. */
static enum ks_err take_person(struct ks_registrar *r, struct enrolling *e, const struct ks_cert_record *cert)
{
    enum ks_err err;

    e->kind = cert->kind;
    memcpy(e->voucher, cert->hash, sizeof e->voucher);
    if ((err = ks_arena_copy(&r->arena, cert->name, &e->person.name)) != KS_OK
        || (err = ks_arena_copy(&r->arena, cert->profession, &e->person.profession)) != KS_OK
        || (err = ks_arena_copy(&r->arena, cert->department, &e->person.department)) != KS_OK
        || (err = ks_arena_copy(&r->arena, cert->organisation, &e->person.organisation)) != KS_OK)
        return err;
    return ks_arena_copy(&r->arena, cert->person, &e->person.person);
}

static bool is_signed(const struct ks_cert_record *cert, struct ks_str bytes, struct ks_str signature)
{
    uint8_t digest[32];

    if (signature.len != KS_P256_SIGNATURE_LEN)
        return false;
    ks_hash(KS_SHA256, bytes, digest);
    return ks_p256_verify(cert->key, digest, (const uint8_t *)signature.ptr) == KS_OK;
}

/* Which of a device's certificates renews: any that is good still, since the answer to an earlier renewal may be lost,
 * with the keys that were made for it. */
struct renewing {
    struct ks_registrar *r;
    struct enrolling *e;
    struct ks_str bytes;
    bool found;
    enum ks_err err;
};

static bool find_renewed(void *user, uint32_t device, const struct ks_cert_record *cert)
{
    struct renewing *renewing = user;
    struct enrolling *e = renewing->e;

    (void)device;
    if (!ks_cert_live(cert, e->now_ms) || memcmp(cert->identity, e->key_hashes[IDENTITY], 32) != 0
        || !is_signed(cert, renewing->bytes, e->asked->renewal))
        return true;
    renewing->found = true;
    renewing->err = take_person(renewing->r, e, cert);
    return false;
}

static enum ks_err by_renewal(struct ks_registrar *r, struct enrolling *e)
{
    struct renewing renewing = { .r = r, .e = e };
    enum ks_err err = ks_enrol_renew_bytes(&r->arena, e->asked->csr, &renewing.bytes);

    if (err == KS_OK)
        err = ks_cert_walk(r, e->request.names.jid, e->request.claims.device, find_renewed, &renewing);
    if (err == KS_OK)
        err = renewing.err;
    return err != KS_OK || renewing.found ? err : refuse(e, KS_REFUSE_REVOKED);
}

/* KS_ESYNTAX: it is not one for this request. */
static enum ks_err read_vouch(struct ks_registrar *r, const struct enrolling *e, uint8_t ret_by[32], int64_t *ret_t_s)
{
    static const char *const names[] = { "jid", "csr", "by", "t", NULL };
    uint8_t csr_hash[32];
    struct ks_str jid;
    json_t *object;
    uint64_t t;
    enum ks_err err = ks_statement_open(e->asked->vouch, PURPOSE_VOUCH, names, &object);

    if (err != KS_OK)
        return err;
    if ((err = ks_statement_jid(&r->arena, json_object_get(object, "jid"), &jid)) == KS_OK
        && (err = ks_statement_bytes(&r->arena, json_object_get(object, "csr"), sizeof csr_hash, csr_hash)) == KS_OK
        && (err = ks_statement_bytes(&r->arena, json_object_get(object, "by"), 32, ret_by)) == KS_OK
        && (err = ks_statement_number(json_object_get(object, "t"), KS_LOG_TIME_MAX_MS / 1000, &t)) == KS_OK)
        *ret_t_s = (int64_t)t;
    json_decref(object);
    if (err == KS_OK && (!ks_str_eq(jid, e->request.names.jid) || memcmp(csr_hash, e->csr_hash, sizeof csr_hash) != 0))
        err = KS_ESYNTAX;
    return err;
}

static enum ks_err by_vouch(struct ks_registrar *r, struct enrolling *e)
{
    struct ks_cert_record cert;
    uint8_t by[32];
    struct ks_str jid;
    uint32_t device;
    int64_t t_s = 0;
    enum ks_err err = read_vouch(r, e, by, &t_s);

    if (err == KS_OK)
        err = ks_cert_find(r, by, &jid, &device, &cert);
    if (err != KS_OK)
        return err <= KS_FATAL ? err : refuse(e, KS_REFUSE_VOUCH);
    if (!ks_str_eq(jid, e->request.names.jid) || !ks_cert_live(&cert, e->now_ms)
        || !is_signed(&cert, e->asked->vouch, e->asked->vouch_sig) || t_s > (e->now_ms + KS_VOUCH_MS) / 1000
        || t_s < (e->now_ms - KS_VOUCH_MS) / 1000)
        return refuse(e, KS_REFUSE_VOUCH);
    return take_person(r, e, &cert);
}

/* --- whose keys --- */

static enum ks_err key_of(struct ks_registrar *r, const struct enrolling *e, unsigned which, struct ks_str *ret_key)
{
    const char kind = which == IDENTITY ? KEY_IDENTITY : KEY_P256;

    return ks_registrar_key(
        r, 'k', (struct ks_str[]) { ks_str(&kind, 1), ks_str(e->key_hashes[which], 32) }, 2, ret_key);
}

/* Whether an identity key that is in a certificate may be in this one: of the same device, and of none that was
 * revoked. */
static enum ks_err check_identity(struct ks_registrar *r, struct enrolling *e, struct ks_str hash)
{
    struct ks_cert_record cert;
    struct ks_str jid;
    uint32_t device;
    enum ks_err err;

    if (hash.len != sizeof cert.hash)
        return KS_ESTORE;
    if ((err = ks_cert_find(r, (const uint8_t *)hash.ptr, &jid, &device, &cert)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    return ks_str_eq(jid, e->request.names.jid) && device == e->request.claims.device && !cert.revoked_ms
        ? KS_OK
        : refuse(e, KS_REFUSE_KEY);
}

static enum ks_err check_keys(struct ks_registrar *r, struct enrolling *e)
{
    struct ks_str key, there;
    enum ks_err err;

    if (memcmp(e->key_hashes[SIGNING], e->key_hashes[SEALING], 32) == 0)
        return refuse(e, KS_REFUSE_KEY);
    for (unsigned which = SIGNING; which < KEYS; which++) {
        if ((err = key_of(r, e, which, &key)) != KS_OK)
            return err;
        if ((err = ks_registrar_get(r, key, &there)) == KS_ENOTFOUND)
            continue;
        if (err == KS_OK)
            err = which == IDENTITY ? check_identity(r, e, there) : refuse(e, KS_REFUSE_KEY);
        if (err != KS_OK || e->answer->refusal != KS_REFUSE_NONE)
            return err;
    }
    return KS_OK;
}

/* What the account has. */
struct having {
    const struct enrolling *e;
    uint32_t last;
    size_t devices, renewals; /* other ones; certificates of this one */
    bool other;               /* another device had this number */
};

static bool have(void *user, uint32_t device, const struct ks_cert_record *cert)
{
    struct having *having = user;
    const struct enrolling *e = having->e;

    if (device == e->request.claims.device) {
        having->other = having->other || memcmp(cert->identity, e->key_hashes[IDENTITY], 32) != 0;
        having->renewals += ks_cert_live(cert, e->now_ms);
    } else if (ks_cert_live(cert, e->now_ms) && device != having->last) {
        having->last = device; /* they come by their numbers */
        having->devices++;
    }
    return true;
}

static enum ks_err check(struct ks_registrar *r, struct enrolling *e)
{
    struct having having = { .e = e };
    struct ks_str bytes;
    enum ks_err err = ks_enrol_pop_bytes(&r->arena, e->asked->csr, &bytes);

    if (err != KS_OK)
        return err;
    if (!r->setup.verify_pop(e->request.claims.identity, bytes, e->asked->pop))
        return refuse(e, KS_REFUSE_PROOF);
    if ((err = check_keys(r, e)) != KS_OK || e->answer->refusal != KS_REFUSE_NONE)
        return err;
    if ((err = ks_cert_walk(r, e->request.names.jid, 0, have, &having)) != KS_OK)
        return err;
    if (having.other)
        return refuse(e, KS_REFUSE_KEY);
    return having.devices >= KS_REGISTRAR_DEVICES || having.renewals >= KS_REGISTRAR_RENEWALS
        ? refuse(e, KS_REFUSE_DEVICES)
        : KS_OK;
}

/* --- issuing --- */

static enum ks_err append_issue(struct ks_registrar *r, const struct enrolling *e, struct ks_cert_record *cert)
{
    struct ks_log_leaf leaf = { .type = KS_LOG_ISSUE, .device = e->request.claims.device, .time_ms = e->now_ms };

    ks_log_account(r->salt, e->request.names.jid, leaf.account);
    memcpy(leaf.object, cert->hash, sizeof leaf.object);
    memcpy(leaf.aux, e->voucher, sizeof leaf.aux);
    return ks_registrar_append(r, &leaf, &cert->leaf);
}

static enum ks_err note_keys(struct ks_registrar *r, const struct enrolling *e, const struct ks_cert_record *cert)
{
    struct ks_str key, hash = { (const char *)cert->hash, sizeof cert->hash };
    enum ks_err err = KS_OK;

    for (unsigned which = SIGNING; which < KEYS && err == KS_OK; which++)
        if ((err = key_of(r, e, which, &key)) == KS_OK)
            err = r->setup.store->ops->put(r->setup.store, KS_T_REGISTRAR, key, hash);
    if (err == KS_OK)
        err = ks_registrar_key(r, 'q', &(struct ks_str) { (const char *)e->csr_hash, sizeof e->csr_hash }, 1, &key);
    return err == KS_OK ? r->setup.store->ops->put(r->setup.store, KS_T_REGISTRAR, key, hash) : err;
}

/* What was signed is read as every device reads it, before anybody has it. */
static enum ks_err read_back(struct ks_registrar *r, const struct enrolling *e, struct ks_cert_record *cert)
{
    struct ks_str chain[KS_ENROL_CHAIN_MAX] = { cert->der };
    enum ks_cert_verdict verdict;
    struct ks_device_cert read;
    enum ks_err err;

    memcpy(chain + 1, r->chain, r->chain_count * sizeof *chain);
    err = ks_device_chain_check(&r->arena, chain, 1 + r->chain_count, r->setup.root, e->now_ms / 1000, &read, &verdict);
    if (err != KS_OK)
        return err;
    if (verdict != KS_CERT_GOOD)
        return verdict == KS_CERT_EARLY || verdict == KS_CERT_EXPIRED ? KS_ESTATE : KS_ECRYPTO;
    memcpy(cert->hash, read.hash, sizeof cert->hash);
    memcpy(cert->key, read.key, sizeof cert->key);
    cert->serial = read.serial;
    return KS_OK;
}

static enum ks_err sign(struct ks_registrar *r, struct enrolling *e, struct ks_cert_record *cert)
{
    struct ks_validity validity = { e->now_ms / 1000 - BEFORE_S,
        e->now_ms / 1000 + (int64_t)r->setup.valid_days * DAY_S };
    uint8_t serial[KS_SERIAL_LEN];
    enum ks_err err;

    if (validity.until_s > r->until_s)
        validity.until_s = r->until_s;
    *cert = (struct ks_cert_record) { .from_s = validity.from_s,
        .until_s = validity.until_s,
        .kind = e->kind,
        .name = e->person.name,
        .profession = e->person.profession,
        .department = e->person.department,
        .organisation = e->person.organisation,
        .person = e->person.person };
    memcpy(cert->identity, e->key_hashes[IDENTITY], sizeof cert->identity);
    memcpy(cert->issuer, r->issuer, sizeof cert->issuer);
    e->request.claims.kind = e->kind; /* what the device says of itself is not what the hospital knows */
    ks_prng_bytes(r->setup.prng, serial, sizeof serial);
    err = ks_device_issue(
        &r->arena, r->setup.issuing, r->setup.issuing_key, &e->request, &e->person, serial, &validity, &cert->der);
    return err == KS_OK ? read_back(r, e, cert) : err;
}

static enum ks_err issue(struct ks_registrar *r, struct enrolling *e, struct ks_cert_record *cert)
{
    enum ks_err err = sign(r, e, cert);

    if (err != KS_OK || (err = append_issue(r, e, cert)) != KS_OK || (err = note_keys(r, e, cert)) != KS_OK
        || (err = ks_cert_put(r, e->request.names.jid, e->request.claims.device, cert)) != KS_OK)
        return err;
    return ks_registrar_sign(r, e->now_ms);
}

/* --- the answer --- */

static enum ks_err share_of(struct ks_registrar *r, struct ks_str jid, uint8_t ret_share[KS_ENROL_SHARE_LEN])
{
    struct ks_str key, record;
    struct ks_cursor at;
    struct ks_buf fresh;
    enum ks_err err = ks_registrar_key(r, 'a', &jid, 1, &key);

    if (err != KS_OK)
        return err;
    if ((err = ks_registrar_get(r, key, &record)) == KS_OK)
        return (err = ks_registrar_begin(record, &at)) == KS_OK ? ks_registrar_bytes(&at, ret_share, KS_ENROL_SHARE_LEN)
                                                                : err;
    if (err != KS_ENOTFOUND)
        return err;
    ks_prng_bytes(r->setup.prng, ret_share, KS_ENROL_SHARE_LEN);
    ks_buf_init_secret(&fresh, KS_RECORD_BYTES_MAX);
    ks_buf_byte(&fresh, KS_RECORD_VERSION);
    ks_buf_add(&fresh, ks_str(ret_share, KS_ENROL_SHARE_LEN));
    err = ks_registrar_put(r, key, &fresh);
    ks_buf_done(&fresh);
    return err;
}

static enum ks_err answer(struct ks_registrar *r, struct enrolling *e, const struct ks_cert_record *cert)
{
    struct ks_enrol_answer_facts facts = { .root = r->setup.root,
        .chain = { cert->der },
        .chain_count = 1 + r->chain_count,
        .leaf = cert->leaf,
        .t_s = e->now_ms / 1000 };
    enum ks_err err = share_of(r, e->request.names.jid, facts.share);

    if (err != KS_OK)
        return err;
    memcpy(facts.chain + 1, r->chain, r->chain_count * sizeof *facts.chain);
    memcpy(facts.salt, r->salt, sizeof facts.salt);
    err = ks_enrol_answer_seal(e->arena, r->setup.prng, &facts, e->asked->csr, e->request.claims.seal_key,
        e->by_code ? e->mac_key : NULL, &e->answer->sealed);
    ks_wipe(facts.share, sizeof facts.share);
    e->answer->leaf = cert->leaf;
    return err;
}

/* What the same request was answered with before. KS_ENOTFOUND: it is new. */
static enum ks_err find_answered(struct ks_registrar *r, const struct enrolling *e, struct ks_cert_record *cert)
{
    struct ks_str key, hash, jid;
    uint32_t device;
    enum ks_err err =
        ks_registrar_key(r, 'q', &(struct ks_str) { (const char *)e->csr_hash, sizeof e->csr_hash }, 1, &key);

    if (err != KS_OK || (err = ks_registrar_get(r, key, &hash)) != KS_OK)
        return err;
    if (hash.len != sizeof cert->hash)
        return KS_ESTORE;
    err = ks_cert_find(r, (const uint8_t *)hash.ptr, &jid, &device, cert);
    return err == KS_ENOTFOUND ? KS_ESTORE : err;
}

/* --- one request --- */

/* KS_ESYNTAX: it is none of an account here, or not by one right. */
static enum ks_err read_request(struct ks_registrar *r, struct enrolling *e)
{
    const struct ks_enrol_request *asked = e->asked;
    uint8_t identity[32];
    enum ks_err err;

    if (!!asked->mac.len + !!asked->vouch.len + !!asked->renewal.len != 1 || asked->pop.len != 64)
        return KS_ESYNTAX;
    if ((err = ks_device_request_read(&r->arena, asked->csr, &e->request)) != KS_OK
        || (err = ks_p256_check(e->request.claims.seal_key)) != KS_OK
        || (err = ks_registrar_account(r, e->request.names.jid)) != KS_OK)
        return err;
    memcpy(identity, e->request.claims.identity, sizeof identity);
    identity[31] &= 0x7f; /* of two points that differ in the sign alone, OMEMO's key is one */
    ks_hash(KS_SHA256, asked->csr, e->csr_hash);
    ks_hash(KS_SHA256, ks_str(e->request.point, sizeof e->request.point), e->key_hashes[SIGNING]);
    ks_hash(KS_SHA256, ks_str(e->request.claims.seal_key, KS_SEAL_KEY_LEN), e->key_hashes[SEALING]);
    ks_hash(KS_SHA256, ks_str(identity, sizeof identity), e->key_hashes[IDENTITY]);
    e->answer->device = e->request.claims.device;
    return ks_arena_copy(e->arena, e->request.names.jid, &e->answer->jid);
}

/* The same again, if it is still good for anything. */
static enum ks_err answer_again(struct ks_registrar *r, struct enrolling *e, const struct ks_cert_record *cert)
{
    return ks_cert_live(cert, e->now_ms) ? answer(r, e, cert) : refuse(e, KS_REFUSE_REVOKED);
}

static enum ks_err judge(struct ks_registrar *r, struct enrolling *e)
{
    const struct ks_enrol_request *asked = e->asked;
    struct ks_cert_record cert;
    enum ks_err err;

    /* Without a code the answer is for whoever has the request's own keys: it is sealed to them. */
    if (!asked->mac.len && (err = find_answered(r, e, &cert)) != KS_ENOTFOUND)
        return err == KS_OK ? answer_again(r, e, &cert) : err;
    err = asked->mac.len ? by_code(r, e) : asked->vouch.len ? by_vouch(r, e) : by_renewal(r, e);
    if (err != KS_OK || e->answer->refusal != KS_REFUSE_NONE)
        return err;
    if ((err = find_answered(r, e, &cert)) == KS_OK)
        return answer_again(r, e, &cert);
    if (err != KS_ENOTFOUND || (err = check(r, e)) != KS_OK || e->answer->refusal != KS_REFUSE_NONE)
        return err;
    e->answer->fresh = true;
    if ((err = issue(r, e, &cert)) != KS_OK)
        return err;
    return answer(r, e, &cert);
}

static enum ks_err enrol(struct ks_registrar *r, void *arg)
{
    struct enrolling *e = arg;
    enum ks_err err = read_request(r, e);

    if (err != KS_OK)
        return err > KS_FATAL ? refuse(e, KS_REFUSE_MALFORMED) : err;
    return judge(r, e);
}

enum ks_err ks_registrar_enrol(struct ks_registrar *r, struct ks_arena *arena, const struct ks_enrol_request *request,
    int64_t now_ms, struct ks_enrolled *ret_enrolled)
{
    struct enrolling e = { .asked = request, .arena = arena, .now_ms = now_ms, .answer = ret_enrolled };
    enum ks_err err;

    *ret_enrolled = (struct ks_enrolled) { .refusal = KS_REFUSE_NONE };
    ks_arena_reset(&r->arena);
    err = ks_registrar_do(r, enrol, &e);
    ks_wipe(&e, sizeof e);
    return err;
}
