/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar_enrol.c -- a request becomes a certificate, or is refused (registrar.h; doc/PROTOCOL.md §21.2 to §21.4). */
#include "registrar_state.h"
#include "statement.h"

#define PURPOSE_VOUCH "konsil/0 vouch\n"
#define BEFORE_S 3600 /* clocks of those who check may be behind */
#define DAY_S 86400

/* Of which no two certificates have the same. */
enum key_kind { KEY_SIGNING = 1, KEY_SEALING, KEY_IDENTITY };

struct enrolling {
    const struct ks_enrol_request *asked;
    struct ks_arena *arena; /* the caller's */
    int64_t now_ms;
    struct ks_enrolled *answer;

    struct ks_device_request request;
    uint8_t csr_hash[32], key[KS_P256_PUBLIC_LEN];
    uint8_t key_hashes[3][32]; /* by enum key_kind, from 1 */
    uint8_t mac_key[KS_ENROL_MAC_LEN];
    bool by_code;
    struct ks_cert_record before; /* of a renewal: what is renewed */
    bool renewal;
    uint8_t voucher[32];
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

/* A code is used up by the first request that knows it, whatever comes of that (§21.2). */
static enum ks_err by_code(struct ks_registrar *r, struct enrolling *e)
{
    static const uint8_t none[32] = { 0 };
    struct ks_invite_record invite;
    uint8_t mac[KS_ENROL_MAC_LEN];
    enum ks_err err = ks_invite_get(r, e->request.names.jid, &invite);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? refuse(e, KS_REFUSE_CODE) : err;
    ks_enrol_mac(invite.mac_key, e->asked->csr, e->asked->pop, mac);
    if (!ks_crypto_eq(ks_str(mac, sizeof mac), e->asked->mac))
        return refuse(e, KS_REFUSE_CODE);
    if (e->now_ms > invite.expires_ms)
        return refuse(e, KS_REFUSE_EXPIRED);
    if (invite.waits)
        return refuse(e, KS_REFUSE_WAITS);
    if (memcmp(invite.used, none, sizeof none) != 0 && memcmp(invite.used, e->csr_hash, sizeof none) != 0)
        return refuse(e, KS_REFUSE_USED);
    memcpy(e->mac_key, invite.mac_key, sizeof e->mac_key);
    e->by_code = true;
    e->kind = invite.kind;
    e->person = (struct ks_device_person) { .name = invite.name,
        .profession = invite.profession,
        .department = invite.department,
        .organisation = invite.organisation,
        .person = invite.person };
    memcpy(invite.used, e->csr_hash, sizeof invite.used);
    return ks_invite_put(r, e->request.names.jid, &invite);
}

static void take_person(struct enrolling *e, const struct ks_cert_record *cert)
{
    e->kind = cert->kind;
    e->person = (struct ks_device_person) { .name = cert->name,
        .profession = cert->profession,
        .department = cert->department,
        .organisation = cert->organisation,
        .person = cert->person };
}

static bool is_live(const struct ks_cert_record *cert, int64_t now_ms)
{
    return !cert->revoked_ms && now_ms / 1000 <= cert->until_s;
}

static bool is_signed(const struct ks_cert_record *cert, struct ks_str bytes, struct ks_str signature)
{
    uint8_t digest[32];

    if (signature.len != KS_P256_SIGNATURE_LEN)
        return false;
    ks_hash(KS_SHA256, bytes, digest);
    return ks_p256_verify(cert->key, digest, (const uint8_t *)signature.ptr) == KS_OK;
}

static enum ks_err by_renewal(struct ks_registrar *r, struct enrolling *e)
{
    struct ks_str bytes;
    enum ks_err err = ks_cert_newest(r, e->request.names.jid, e->request.claims.device, &e->before);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? refuse(e, KS_REFUSE_REVOKED) : err;
    if ((err = ks_enrol_renew_bytes(&r->arena, e->asked->csr, &bytes)) != KS_OK)
        return err;
    if (!is_live(&e->before, e->now_ms) || !is_signed(&e->before, bytes, e->asked->renewal)
        || memcmp(e->before.identity, e->key_hashes[KEY_IDENTITY - 1], 32) != 0)
        return refuse(e, KS_REFUSE_REVOKED);
    e->renewal = true;
    take_person(e, &e->before);
    return KS_OK;
}

/* KS_ESYNTAX: it is not one for this request. */
static enum ks_err read_vouch(struct ks_registrar *r, struct enrolling *e, int64_t *ret_t_s)
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
        && (err = ks_statement_bytes(&r->arena, json_object_get(object, "by"), sizeof e->voucher, e->voucher)) == KS_OK
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
    struct ks_str jid;
    uint32_t device;
    int64_t t_s = 0;
    enum ks_err err = read_vouch(r, e, &t_s);

    if (err == KS_OK)
        err = ks_cert_find(r, e->voucher, &jid, &device, &cert);
    if (err != KS_OK)
        return err <= KS_FATAL ? err : refuse(e, KS_REFUSE_VOUCH);
    if (!ks_str_eq(jid, e->request.names.jid) || !is_live(&cert, e->now_ms)
        || !is_signed(&cert, e->asked->vouch, e->asked->vouch_sig) || t_s * 1000 > e->now_ms + KS_VOUCH_MS
        || t_s * 1000 < e->now_ms - KS_VOUCH_MS)
        return refuse(e, KS_REFUSE_VOUCH);
    take_person(e, &cert);
    return KS_OK;
}

/* --- whose keys --- */

static enum ks_err key_of(struct ks_registrar *r, const struct enrolling *e, enum key_kind kind, struct ks_str *ret_key)
{
    const char letter = (char)kind;

    return ks_registrar_key(
        r, 'k', (struct ks_str[]) { ks_str(&letter, 1), ks_str(e->key_hashes[kind - 1], 32) }, 2, ret_key);
}

static enum ks_err check_keys(struct ks_registrar *r, struct enrolling *e)
{
    struct ks_str key, there;
    enum ks_err err;

    for (int kind = KEY_SIGNING; kind <= KEY_IDENTITY; kind++) {
        if (kind == KEY_IDENTITY && e->renewal)
            continue; /* it is that of what is renewed */
        if ((err = key_of(r, e, (enum key_kind)kind, &key)) != KS_OK)
            return err;
        if ((err = ks_registrar_get(r, key, &there)) == KS_OK)
            return refuse(e, KS_REFUSE_KEY);
        if (err != KS_ENOTFOUND)
            return err;
    }
    return KS_OK;
}

static enum ks_err check(struct ks_registrar *r, struct enrolling *e)
{
    struct ks_str bytes;
    size_t count;
    bool ever;
    enum ks_err err = ks_enrol_pop_bytes(&r->arena, e->asked->csr, &bytes);

    if (err != KS_OK)
        return err;
    if (!r->setup.verify_pop(e->request.claims.identity, bytes, e->asked->pop))
        return refuse(e, KS_REFUSE_PROOF);
    if ((err = check_keys(r, e)) != KS_OK || e->answer->refusal != KS_REFUSE_NONE)
        return err;
    if ((err = ks_cert_count(r, e->request.names.jid, e->now_ms, &count, &ever)) != KS_OK)
        return err;
    return count >= KS_REGISTRAR_DEVICES && !e->renewal ? refuse(e, KS_REFUSE_DEVICES) : KS_OK;
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

    for (int kind = KEY_SIGNING; kind <= KEY_IDENTITY && err == KS_OK; kind++)
        if ((err = key_of(r, e, (enum key_kind)kind, &key)) == KS_OK)
            err = r->setup.store->ops->put(r->setup.store, KS_T_REGISTRAR, key, hash);
    if (err == KS_OK)
        err = ks_registrar_key(r, 'q', &(struct ks_str) { (const char *)e->csr_hash, sizeof e->csr_hash }, 1, &key);
    return err == KS_OK ? r->setup.store->ops->put(r->setup.store, KS_T_REGISTRAR, key, hash) : err;
}

static enum ks_err issue(struct ks_registrar *r, struct enrolling *e, struct ks_cert_record *cert)
{
    struct ks_validity validity = { e->now_ms / 1000 - BEFORE_S, e->now_ms / 1000 + r->setup.valid_days * DAY_S };
    uint8_t serial[KS_SERIAL_LEN];
    enum ks_err err;

    if (validity.until_s > r->issuing_until_s)
        validity.until_s = r->issuing_until_s;
    *cert = (struct ks_cert_record) { .from_s = validity.from_s,
        .until_s = validity.until_s,
        .kind = e->kind,
        .name = e->person.name,
        .profession = e->person.profession,
        .department = e->person.department,
        .organisation = e->person.organisation,
        .person = e->person.person };
    e->request.claims.kind = e->kind; /* what the device says of itself is not what the hospital knows */
    ks_prng_bytes(r->setup.prng, serial, sizeof serial);
    err = ks_device_issue(
        &r->arena, r->setup.issuing, r->setup.issuing_key, &e->request, &e->person, serial, &validity, &cert->der);
    if (err != KS_OK)
        return err;
    ks_hash(KS_SHA256, cert->der, cert->hash);
    memcpy(cert->key, e->key, sizeof cert->key);
    memcpy(cert->identity, e->key_hashes[KEY_IDENTITY - 1], sizeof cert->identity);
    if ((err = append_issue(r, e, cert)) != KS_OK || (err = note_keys(r, e, cert)) != KS_OK
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
        .chain = { cert->der, r->setup.issuing },
        .chain_count = 2 + r->setup.above_count,
        .leaf = cert->leaf,
        .t_s = e->now_ms / 1000 };
    enum ks_err err = share_of(r, e->request.names.jid, facts.share);

    if (err != KS_OK)
        return err;
    for (size_t i = 0; i < r->setup.above_count; i++)
        facts.chain[2 + i] = r->setup.above[i];
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

/* The last 65 bytes of a P-256 key's SubjectPublicKeyInfo are its point. */
static enum ks_err read_request(struct ks_registrar *r, struct enrolling *e)
{
    uint8_t identity[32];
    enum ks_err err = ks_device_request_read(&r->arena, e->asked->csr, &e->request);

    if (err != KS_OK)
        return err;
    if (e->request.key.len < KS_P256_PUBLIC_LEN)
        return KS_ESYNTAX;
    memcpy(e->key, e->request.key.ptr + e->request.key.len - KS_P256_PUBLIC_LEN, sizeof e->key);
    memcpy(identity, e->request.claims.identity, sizeof identity);
    identity[31] &= 0x7f; /* of two points that differ in the sign alone, OMEMO's key is one */
    ks_hash(KS_SHA256, e->asked->csr, e->csr_hash);
    ks_hash(KS_SHA256, ks_str(e->key, sizeof e->key), e->key_hashes[KEY_SIGNING - 1]);
    ks_hash(KS_SHA256, ks_str(e->request.claims.seal_key, KS_SEAL_KEY_LEN), e->key_hashes[KEY_SEALING - 1]);
    ks_hash(KS_SHA256, ks_str(identity, sizeof identity), e->key_hashes[KEY_IDENTITY - 1]);
    e->answer->device = e->request.claims.device;
    return ks_arena_copy(e->arena, e->request.names.jid, &e->answer->jid);
}

static enum ks_err enrol(struct ks_registrar *r, void *arg)
{
    struct enrolling *e = arg;
    const struct ks_enrol_request *asked = e->asked;
    struct ks_cert_record cert;
    enum ks_err err = read_request(r, e);

    if (err != KS_OK || !!asked->mac.len + !!asked->vouch.len + !!asked->renewal.len != 1)
        return err == KS_OK || err > KS_FATAL ? refuse(e, KS_REFUSE_MALFORMED) : err;
    /* Whoever has the request's own keys may have the answer again: it is sealed to them. */
    if (!asked->mac.len && (err = find_answered(r, e, &cert)) != KS_ENOTFOUND)
        return err == KS_OK ? answer(r, e, &cert) : err;
    err = asked->mac.len ? by_code(r, e) : asked->vouch.len ? by_vouch(r, e) : by_renewal(r, e);
    if (err != KS_OK || e->answer->refusal != KS_REFUSE_NONE)
        return err;
    if ((err = find_answered(r, e, &cert)) == KS_OK)
        return answer(r, e, &cert);
    if (err != KS_ENOTFOUND || (err = check(r, e)) != KS_OK || e->answer->refusal != KS_REFUSE_NONE)
        return err;
    e->answer->fresh = true;
    if ((err = issue(r, e, &cert)) != KS_OK)
        return err;
    return answer(r, e, &cert);
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
