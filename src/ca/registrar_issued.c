/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar_issued.c -- certificates that were issued, and their end (registrar.h; doc/PROTOCOL.md §14, §15.1). */
#include <openssl/x509.h>

#include "registrar_state.h"

#define KEY_TAIL 13 /* a zero, the device, the number of the entry */
#define CRL_DAYS 30
#define CRL_MAX 65536

/* --- records --- */

static enum ks_err cert_key(
    struct ks_registrar *r, struct ks_str jid, uint32_t device, const uint64_t *leaf, struct ks_str *ret_key)
{
    char tail[KEY_TAIL] = { 0, (char)(device >> 24), (char)(device >> 16), (char)(device >> 8), (char)device };

    for (int i = 0; leaf && i < 8; i++)
        tail[5 + i] = (char)(*leaf >> (56 - 8 * i));
    return ks_registrar_key(r, 'c', (struct ks_str[]) { jid, ks_str(tail, leaf ? sizeof tail : 5) }, 2, ret_key);
}

static enum ks_err cert_read(struct ks_str record, struct ks_cert_record *cert)
{
    struct ks_cursor at;
    uint64_t from, until, revoked;
    uint8_t kind;
    enum ks_err err = ks_registrar_begin(record, &at);

    if (err != KS_OK)
        return err;
    if (ks_cursor_u64(&at, &cert->leaf) != KS_OK || ks_cursor_u64(&at, &from) != KS_OK
        || ks_cursor_u64(&at, &until) != KS_OK || ks_cursor_u64(&at, &revoked) != KS_OK
        || ks_cursor_u8(&at, &kind) != KS_OK || ks_registrar_bytes(&at, cert->hash, sizeof cert->hash) != KS_OK
        || ks_registrar_bytes(&at, cert->key, sizeof cert->key) != KS_OK
        || ks_registrar_bytes(&at, cert->identity, sizeof cert->identity) != KS_OK
        || ks_cursor_field(&at, &cert->name) != KS_OK || ks_cursor_field(&at, &cert->profession) != KS_OK
        || ks_cursor_field(&at, &cert->department) != KS_OK || ks_cursor_field(&at, &cert->organisation) != KS_OK
        || ks_cursor_field(&at, &cert->person) != KS_OK || ks_cursor_field(&at, &cert->der) != KS_OK)
        return KS_ESTORE;
    cert->from_s = (int64_t)from;
    cert->until_s = (int64_t)until;
    cert->revoked_ms = (int64_t)revoked;
    cert->kind = (enum ks_device_kind)kind;
    return KS_OK;
}

enum ks_err ks_cert_put(struct ks_registrar *r, struct ks_str jid, uint32_t device, const struct ks_cert_record *cert)
{
    struct ks_str key, hash_key;
    struct ks_buf record;
    enum ks_err err = cert_key(r, jid, device, &cert->leaf, &key);

    if (err == KS_OK)
        err = ks_registrar_key(r, 'h', &(struct ks_str) { (const char *)cert->hash, sizeof cert->hash }, 1, &hash_key);
    if (err != KS_OK)
        return err;
    ks_buf_init(&record, KS_RECORD_BYTES_MAX);
    ks_buf_byte(&record, KS_RECORD_VERSION);
    ks_buf_u64(&record, cert->leaf);
    ks_buf_u64(&record, (uint64_t)cert->from_s);
    ks_buf_u64(&record, (uint64_t)cert->until_s);
    ks_buf_u64(&record, (uint64_t)cert->revoked_ms);
    ks_buf_byte(&record, (uint8_t)cert->kind);
    ks_buf_add(&record, ks_str(cert->hash, sizeof cert->hash));
    ks_buf_add(&record, ks_str(cert->key, sizeof cert->key));
    ks_buf_add(&record, ks_str(cert->identity, sizeof cert->identity));
    ks_buf_field(&record, cert->name);
    ks_buf_field(&record, cert->profession);
    ks_buf_field(&record, cert->department);
    ks_buf_field(&record, cert->organisation);
    ks_buf_field(&record, cert->person);
    ks_buf_field(&record, cert->der);
    if ((err = ks_registrar_put(r, key, &record)) == KS_OK)
        err = r->setup.store->ops->put(r->setup.store, KS_T_REGISTRAR, hash_key, key);
    ks_buf_done(&record);
    return err;
}

/* Whose it is stands in a record's key. */
static enum ks_err read_key(struct ks_str key, struct ks_str *ret_jid, uint32_t *ret_device)
{
    struct ks_cursor at;

    if (key.len <= 1 + KEY_TAIL)
        return KS_ESTORE;
    *ret_jid = ks_str(key.ptr + 1, key.len - 1 - KEY_TAIL);
    at = ks_cursor(ks_str_from(key, key.len - KEY_TAIL + 1));
    return ks_cursor_u32(&at, ret_device) == KS_OK ? KS_OK : KS_ESTORE;
}

enum ks_err ks_cert_find(struct ks_registrar *r, const uint8_t hash[32], struct ks_str *ret_jid, uint32_t *ret_device,
    struct ks_cert_record *ret_cert)
{
    struct ks_str hash_key, key, record;
    enum ks_err err = ks_registrar_key(r, 'h', &(struct ks_str) { (const char *)hash, 32 }, 1, &hash_key);

    if (err != KS_OK || (err = ks_registrar_get(r, hash_key, &key)) != KS_OK)
        return err;
    if ((err = read_key(key, ret_jid, ret_device)) != KS_OK || (err = ks_registrar_get(r, key, &record)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    return cert_read(record, ret_cert);
}

enum ks_err ks_registrar_whose(struct ks_registrar *r, struct ks_arena *arena, const uint8_t hash[32],
    struct ks_str *ret_jid, uint32_t *ret_device)
{
    struct ks_cert_record cert;
    struct ks_str jid;
    enum ks_err err;

    ks_arena_reset(&r->arena);
    err = ks_cert_find(r, hash, &jid, ret_device, &cert);
    return err == KS_OK ? ks_arena_copy(arena, jid, ret_jid) : err;
}

/* --- walking --- */

struct walk {
    ks_visit_issued *visit;
    void *user;
    enum ks_err err;
};

static bool walk_to(void *user, struct ks_str key, struct ks_str value)
{
    struct walk *walk = user;
    struct ks_issued issued = { .device = 0 };
    struct ks_cert_record cert;

    if ((walk->err = read_key(key, &issued.jid, &issued.device)) != KS_OK
        || (walk->err = cert_read(value, &cert)) != KS_OK)
        return false;
    issued.name = cert.name;
    issued.profession = cert.profession;
    issued.department = cert.department;
    issued.kind = cert.kind;
    issued.from_s = cert.from_s;
    issued.until_s = cert.until_s;
    issued.revoked_ms = cert.revoked_ms;
    issued.leaf = cert.leaf;
    issued.certificate = cert.der;
    memcpy(issued.hash, cert.hash, sizeof issued.hash);
    return walk->visit(walk->user, &issued);
}

static enum ks_err walk_over(
    struct ks_registrar *r, struct ks_str prefix, bool falling, ks_visit_issued *visit, void *user)
{
    struct walk walk = { visit, user, KS_OK };
    enum ks_err err =
        r->setup.store->ops->scan(r->setup.store, KS_T_REGISTRAR, prefix, KS_STR_EMPTY, falling, walk_to, &walk);

    return err == KS_OK ? walk.err : err;
}

static enum ks_err account_prefix(struct ks_registrar *r, struct ks_str jid, struct ks_str *ret_prefix)
{
    return ks_registrar_key(r, 'c', (struct ks_str[]) { jid, ks_str("", 1) }, jid.len ? 2 : 0, ret_prefix);
}

enum ks_err ks_registrar_issued(struct ks_registrar *r, struct ks_str jid, ks_visit_issued *visit, void *user)
{
    struct ks_str prefix;
    enum ks_err err;

    ks_arena_reset(&r->arena);
    err = account_prefix(r, jid, &prefix);
    return err == KS_OK ? walk_over(r, prefix, false, visit, user) : err;
}

struct counting {
    int64_t now_ms;
    uint32_t last;
    size_t count;
    bool ever;
};

static bool is_live(const struct ks_issued *issued, int64_t now_ms)
{
    return !issued->revoked_ms && issued->until_s >= now_ms / 1000;
}

static bool count_one(void *user, const struct ks_issued *issued)
{
    struct counting *counting = user;

    counting->ever = true;
    if (is_live(issued, counting->now_ms) && issued->device != counting->last) {
        counting->last = issued->device;
        counting->count++;
    }
    return true;
}

enum ks_err ks_cert_count(struct ks_registrar *r, struct ks_str jid, int64_t now_ms, size_t *ret_count, bool *ret_ever)
{
    struct counting counting = { .now_ms = now_ms };
    struct ks_str prefix;
    enum ks_err err = account_prefix(r, jid, &prefix);

    if (err == KS_OK)
        err = walk_over(r, prefix, false, count_one, &counting);
    *ret_count = counting.count;
    *ret_ever = counting.ever;
    return err;
}

struct newest {
    uint8_t hash[32];
    bool found;
};

static bool take_newest(void *user, const struct ks_issued *issued)
{
    struct newest *newest = user;

    memcpy(newest->hash, issued->hash, sizeof newest->hash);
    newest->found = true;
    return false;
}

enum ks_err ks_cert_newest(struct ks_registrar *r, struct ks_str jid, uint32_t device, struct ks_cert_record *ret_cert)
{
    struct newest newest = { .found = false };
    struct ks_str prefix, whose;
    uint32_t which;
    enum ks_err err = cert_key(r, jid, device, NULL, &prefix);

    if (err == KS_OK)
        err = walk_over(r, prefix, true, take_newest, &newest);
    if (err != KS_OK || !newest.found)
        return err == KS_OK ? KS_ENOTFOUND : err;
    return ks_cert_find(r, newest.hash, &whose, &which, ret_cert);
}

/* --- their end --- */

struct revoking {
    struct ks_str jid;
    uint32_t device;
    uint8_t reason;
    int64_t since_ms, now_ms;
    size_t count;
    uint8_t (*hashes)[32]; /* in r->arena */
    size_t max;
};

static bool note_live(void *user, const struct ks_issued *issued)
{
    struct revoking *revoking = user;

    if (!is_live(issued, revoking->now_ms) || (revoking->device && issued->device != revoking->device))
        return true;
    if (revoking->count < revoking->max)
        memcpy(revoking->hashes[revoking->count], issued->hash, 32);
    revoking->count++;
    return true;
}

static enum ks_err revoke_one(struct ks_registrar *r, const struct revoking *revoking, const uint8_t hash[32])
{
    struct ks_log_leaf leaf = { .type = KS_LOG_REVOKE, .time_ms = revoking->now_ms };
    struct ks_log_revocation revocation = { .reason = revoking->reason };
    struct ks_cert_record cert;
    struct ks_str jid;
    uint64_t number;
    enum ks_err err = ks_cert_find(r, hash, &jid, &leaf.device, &cert);

    if (err != KS_OK)
        return err;
    revocation.until_ms = cert.until_s * 1000;
    revocation.since_ms = revoking->since_ms < revocation.until_ms ? revoking->since_ms : revocation.until_ms;
    ks_log_account(r->salt, jid, leaf.account);
    memcpy(leaf.object, hash, sizeof leaf.object);
    ks_log_revocation_write(&leaf, &revocation);
    cert.revoked_ms = revocation.since_ms;
    if ((err = ks_registrar_append(r, &leaf, &number)) != KS_OK)
        return err;
    r->revocations++;
    return ks_cert_put(r, jid, leaf.device, &cert);
}

static enum ks_err revoke(struct ks_registrar *r, void *arg)
{
    struct revoking *revoking = arg;
    struct ks_str prefix;
    enum ks_err err = account_prefix(r, revoking->jid, &prefix);

    revoking->max = 4 * KS_REGISTRAR_DEVICES; /* renewed ones stay good beside what renewed them */
    if (err == KS_OK && !(revoking->hashes = ks_arena_alloc(&r->arena, revoking->max * sizeof *revoking->hashes)))
        err = KS_ENOMEM;
    if (err != KS_OK || (err = walk_over(r, prefix, false, note_live, revoking)) != KS_OK)
        return err;
    if (!revoking->count)
        return KS_ENOTFOUND;
    if (revoking->count > revoking->max)
        revoking->count = revoking->max;
    for (size_t i = 0; i < revoking->count && err == KS_OK; i++)
        err = revoke_one(r, revoking, revoking->hashes[i]);
    if (err != KS_OK || (err = ks_registrar_save(r)) != KS_OK)
        return err;
    return ks_registrar_sign(r, revoking->now_ms);
}

enum ks_err ks_registrar_revoke(struct ks_registrar *r, struct ks_str jid, uint32_t device, uint8_t reason,
    int64_t since_ms, int64_t now_ms, size_t *ret_count)
{
    struct revoking revoking = { .jid = jid,
        .device = device,
        .reason = reason,
        .since_ms = since_ms > 0 ? since_ms : 1, /* zero stands for none */
        .now_ms = now_ms };
    enum ks_err err;

    ks_arena_reset(&r->arena);
    if (!jid.len)
        return KS_ENOTFOUND;
    err = ks_registrar_do(r, revoke, &revoking);
    *ret_count = revoking.count;
    return err;
}

struct wiping {
    struct ks_log_leaf leaf;
    int64_t now_ms;
};

static enum ks_err wipe(struct ks_registrar *r, void *arg)
{
    struct wiping *wiping = arg;
    uint64_t number;
    enum ks_err err = ks_registrar_append(r, &wiping->leaf, &number);

    return err == KS_OK ? ks_registrar_sign(r, wiping->now_ms) : err;
}

enum ks_err ks_registrar_wipe(
    struct ks_registrar *r, struct ks_str jid, uint32_t device, const uint8_t slot[16], int64_t now_ms)
{
    struct wiping wiping = { .leaf = { .type = KS_LOG_WIPE, .device = device, .time_ms = now_ms }, .now_ms = now_ms };

    ks_arena_reset(&r->arena);
    ks_log_account(r->salt, jid, wiping.leaf.account);
    memcpy(wiping.leaf.object, slot, 16);
    return ks_registrar_do(r, wipe, &wiping);
}

/* --- for other tools --- */

struct listing {
    struct ks_registrar *r;
    struct ks_revoked *revoked;
    int64_t now_ms;
    size_t count;
    enum ks_err err;
};

/* The number of a certificate, out of itself. */
static enum ks_err serial_of(struct ks_arena *arena, struct ks_str der, struct ks_str *ret_serial)
{
    const unsigned char *at = (const unsigned char *)der.ptr;
    X509 *cert = d2i_X509(NULL, &at, (long)der.len);
    const ASN1_INTEGER *serial = cert ? X509_get0_serialNumber(cert) : NULL;
    enum ks_err err = KS_ESTORE;

    if (serial)
        err =
            ks_arena_copy(arena, ks_str(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)), ret_serial);
    X509_free(cert);
    return err;
}

static bool list_one(void *user, const struct ks_issued *issued)
{
    struct listing *listing = user;

    if (!issued->revoked_ms || issued->until_s < listing->now_ms / 1000 || listing->count == CRL_MAX)
        return true;
    if (listing->revoked) {
        listing->revoked[listing->count].since_s = issued->revoked_ms / 1000;
        listing->err = serial_of(&listing->r->arena, issued->certificate, &listing->revoked[listing->count].serial);
    }
    listing->count++;
    return listing->err == KS_OK;
}

enum ks_err ks_registrar_crl(struct ks_registrar *r, struct ks_arena *arena, int64_t now_ms, struct ks_str *ret_crl)
{
    struct listing listing = { .r = r, .now_ms = now_ms };
    struct ks_crl_facts facts = { .number = r->revocations,
        .size = r->frontier.size,
        .validity = { now_ms / 1000, now_ms / 1000 + CRL_DAYS * 86400 } };
    struct ks_merkle_hash root;
    enum ks_err err;

    ks_arena_reset(&r->arena);
    if ((err = walk_over(r, KS_STR("c"), false, list_one, &listing)) != KS_OK)
        return err;
    if (!(listing.revoked = ks_arena_zero(&r->arena, (listing.count + 1) * sizeof *listing.revoked)))
        return KS_ENOMEM;
    listing.count = 0;
    if ((err = walk_over(r, KS_STR("c"), false, list_one, &listing)) != KS_OK || (err = listing.err) != KS_OK)
        return err;
    ks_merkle_root(&r->frontier, &root);
    memcpy(facts.root, root.bytes, sizeof facts.root);
    return ks_authority_crl(
        arena, r->setup.issuing, r->setup.issuing_key, listing.revoked, listing.count, &facts, ret_crl);
}
