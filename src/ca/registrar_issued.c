/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* registrar_issued.c -- certificates that were issued, and their end (registrar.h; doc/PROTOCOL.md §14, §15.1). */
#include "registrar_state.h"

#define KEY_TAIL 13 /* a zero, the device, the number of the entry */
#define CRL_DAYS 30
#define CRL_MAX 65536
#define REVOKE_MAX (1u << 20) /* bytes of hashes in one call: more than the limits let an account have */

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
        || ks_registrar_bytes(&at, cert->issuer, sizeof cert->issuer) != KS_OK
        || ks_cursor_field(&at, &cert->serial) != KS_OK || ks_cursor_field(&at, &cert->name) != KS_OK
        || ks_cursor_field(&at, &cert->profession) != KS_OK || ks_cursor_field(&at, &cert->department) != KS_OK
        || ks_cursor_field(&at, &cert->organisation) != KS_OK || ks_cursor_field(&at, &cert->person) != KS_OK
        || ks_cursor_field(&at, &cert->der) != KS_OK)
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
    ks_buf_add(&record, ks_str(cert->issuer, sizeof cert->issuer));
    ks_buf_field(&record, cert->serial);
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
    ks_visit_cert *visit;
    ks_visit_issued *visit_issued; /* or this */
    void *user;
    enum ks_err err;
};

static bool visit_issued(const struct walk *walk, struct ks_str jid, uint32_t device, const struct ks_cert_record *cert)
{
    struct ks_issued issued = { .jid = jid,
        .name = cert->name,
        .profession = cert->profession,
        .department = cert->department,
        .device = device,
        .kind = cert->kind,
        .from_s = cert->from_s,
        .until_s = cert->until_s,
        .revoked_ms = cert->revoked_ms,
        .leaf = cert->leaf,
        .certificate = cert->der };

    memcpy(issued.hash, cert->hash, sizeof issued.hash);
    return walk->visit_issued(walk->user, &issued);
}

static bool walk_to(void *user, struct ks_str key, struct ks_str value)
{
    struct walk *walk = user;
    struct ks_cert_record cert;
    struct ks_str jid;
    uint32_t device;

    if ((walk->err = read_key(key, &jid, &device)) != KS_OK || (walk->err = cert_read(value, &cert)) != KS_OK)
        return false;
    return walk->visit ? walk->visit(walk->user, device, &cert) : visit_issued(walk, jid, device, &cert);
}

static enum ks_err walk_over(struct ks_registrar *r, struct ks_str prefix, struct walk *walk)
{
    enum ks_err err =
        r->setup.store->ops->scan(r->setup.store, KS_T_REGISTRAR, prefix, KS_STR_EMPTY, false, walk_to, walk);

    return err == KS_OK ? walk->err : err;
}

static enum ks_err account_prefix(struct ks_registrar *r, struct ks_str jid, struct ks_str *ret_prefix)
{
    return ks_registrar_key(r, 'c', (struct ks_str[]) { jid, ks_str("", 1) }, jid.len ? 2 : 0, ret_prefix);
}

enum ks_err ks_registrar_issued(struct ks_registrar *r, struct ks_str jid, ks_visit_issued *visit, void *user)
{
    struct walk walk = { .visit_issued = visit, .user = user };
    struct ks_str prefix;
    enum ks_err err;

    ks_arena_reset(&r->arena);
    err = account_prefix(r, jid, &prefix);
    return err == KS_OK ? walk_over(r, prefix, &walk) : err;
}

enum ks_err ks_cert_walk(struct ks_registrar *r, struct ks_str jid, uint32_t device, ks_visit_cert *visit, void *user)
{
    struct walk walk = { .visit = visit, .user = user };
    struct ks_str prefix;
    enum ks_err err = device ? cert_key(r, jid, device, NULL, &prefix) : account_prefix(r, jid, &prefix);

    assert(jid.len);
    return err == KS_OK ? walk_over(r, prefix, &walk) : err;
}

bool ks_cert_live(const struct ks_cert_record *cert, int64_t now_ms)
{
    return !cert->revoked_ms && now_ms / 1000 <= cert->until_s;
}

/* --- their end --- */

static enum ks_err revoked_key(struct ks_registrar *r, int64_t until_s, uint64_t leaf, struct ks_str *ret_key)
{
    char bytes[16];

    for (int i = 0; i < 8; i++) {
        bytes[i] = (char)((uint64_t)until_s >> (56 - 8 * i));
        bytes[8 + i] = (char)(leaf >> (56 - 8 * i));
    }
    return ks_registrar_key(r, 'r', &(struct ks_str) { bytes, sizeof bytes }, 1, ret_key);
}

static enum ks_err put_revoked(struct ks_registrar *r, const struct ks_cert_record *cert)
{
    struct ks_buf record;
    struct ks_str key;
    enum ks_err err = revoked_key(r, cert->until_s, cert->leaf, &key);

    if (err != KS_OK)
        return err;
    ks_buf_init(&record, KS_RECORD_BYTES_MAX);
    ks_buf_byte(&record, KS_RECORD_VERSION);
    ks_buf_add(&record, ks_str(cert->issuer, sizeof cert->issuer));
    ks_buf_u64(&record, (uint64_t)cert->revoked_ms);
    ks_buf_field(&record, cert->serial);
    err = ks_registrar_put(r, key, &record);
    ks_buf_done(&record);
    return err;
}

struct revoking {
    struct ks_str jid;
    uint32_t device;
    uint8_t reason;
    int64_t since_ms, now_ms;
    struct ks_buf hashes;
    size_t count;
};

static bool note_live(void *user, uint32_t device, const struct ks_cert_record *cert)
{
    struct revoking *revoking = user;

    (void)device;
    if (ks_cert_live(cert, revoking->now_ms))
        ks_buf_add(&revoking->hashes, ks_str(cert->hash, sizeof cert->hash));
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
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    revocation.until_ms = cert.until_s * 1000;
    revocation.since_ms = revoking->since_ms < revocation.until_ms ? revoking->since_ms : revocation.until_ms;
    ks_log_account(r->salt, jid, leaf.account);
    memcpy(leaf.object, hash, sizeof leaf.object);
    ks_log_revocation_write(&leaf, &revocation);
    cert.revoked_ms = revocation.since_ms;
    if ((err = ks_registrar_append(r, &leaf, &number)) != KS_OK || (err = put_revoked(r, &cert)) != KS_OK)
        return err;
    return ks_cert_put(r, jid, leaf.device, &cert);
}

static enum ks_err revoke(struct ks_registrar *r, void *arg)
{
    struct revoking *revoking = arg;
    bool uninvited = false;
    enum ks_err err = ks_cert_walk(r, revoking->jid, revoking->device, note_live, revoking);

    if (err != KS_OK || (err = ks_buf_err(&revoking->hashes)) != KS_OK)
        return err;
    if (!revoking->device) { /* who leaves does not come back by a link in a drawer */
        if ((err = ks_invite_del(r, revoking->jid)) != KS_OK && err != KS_ENOTFOUND)
            return err;
        uninvited = err == KS_OK;
    }
    revoking->count = revoking->hashes.len / 32;
    if (!revoking->count)
        return uninvited ? KS_OK : KS_ENOTFOUND;
    err = KS_OK;
    for (size_t i = 0; i < revoking->count && err == KS_OK; i++)
        err = revoke_one(r, revoking, (const uint8_t *)revoking->hashes.ptr + 32 * i);
    return err == KS_OK ? ks_registrar_sign(r, revoking->now_ms) : err;
}

/* RFC 5280 §5.3.1, without what is taken back later (6, 8), for nothing is, and 7, which is none. */
static bool is_reason(uint8_t reason)
{
    return reason <= 10 && reason != 6 && reason != 7 && reason != 8;
}

enum ks_err ks_registrar_revoke(struct ks_registrar *r, struct ks_str jid, uint32_t device, uint8_t reason,
    int64_t since_ms, int64_t now_ms, size_t *ret_count)
{
    struct revoking revoking = { .jid = jid,
        .device = device,
        .reason = reason,
        .since_ms = since_ms > now_ms ? now_ms
            : since_ms > 0            ? since_ms
                                      : 1, /* zero stands for none */
        .now_ms = now_ms };
    enum ks_err err;

    ks_arena_reset(&r->arena);
    *ret_count = 0;
    if (!is_reason(reason))
        return KS_ESYNTAX;
    if ((err = ks_registrar_account(r, jid)) != KS_OK)
        return err == KS_EDENIED ? KS_ENOTFOUND : err;
    ks_buf_init(&revoking.hashes, REVOKE_MAX);
    if ((err = ks_registrar_do(r, revoke, &revoking)) == KS_OK)
        *ret_count = revoking.count;
    ks_buf_done(&revoking.hashes);
    return err;
}

struct old {
    struct ks_registrar *r;
    struct ks_str keys[256];
    size_t count;
    enum ks_err err;
};

static bool note_old(void *user, struct ks_str key, struct ks_str value)
{
    struct old *old = user;
    struct ks_cursor at = ks_cursor(ks_str_from(key, 1));
    uint64_t until_s;

    (void)value;
    if (ks_cursor_u64(&at, &until_s) != KS_OK)
        old->err = KS_ESTORE;
    else if ((int64_t)until_s >= old->r->signed_s) /* RFC 5280 §3.3: it is on one list behind its end */
        return false;
    else
        old->err = ks_arena_copy(&old->r->arena, key, &old->keys[old->count++]);
    return old->err == KS_OK && old->count < KS_COUNT(old->keys);
}

enum ks_err ks_cert_forget(struct ks_registrar *r)
{
    struct old old = { .r = r };
    enum ks_err err =
        r->setup.store->ops->scan(r->setup.store, KS_T_REGISTRAR, KS_STR("r"), KS_STR_EMPTY, false, note_old, &old);

    if (err == KS_OK)
        err = old.err;
    for (size_t i = 0; i < old.count && err == KS_OK; i++)
        err = r->setup.store->ops->del(r->setup.store, KS_T_REGISTRAR, old.keys[i]);
    return err;
}

struct wiping {
    struct ks_str jid;
    struct ks_log_leaf leaf;
    int64_t now_ms;
    bool known;
};

static bool know(void *user, uint32_t device, const struct ks_cert_record *cert)
{
    (void)device;
    (void)cert;
    ((struct wiping *)user)->known = true;
    return false;
}

static enum ks_err wipe(struct ks_registrar *r, void *arg)
{
    struct wiping *wiping = arg;
    uint64_t number;
    enum ks_err err = ks_cert_walk(r, wiping->jid, wiping->leaf.device, know, wiping);

    if (err == KS_OK && !wiping->known)
        err = KS_ENOTFOUND;
    if (err == KS_OK)
        err = ks_registrar_append(r, &wiping->leaf, &number);
    return err == KS_OK ? ks_registrar_sign(r, wiping->now_ms) : err;
}

enum ks_err ks_registrar_wipe(
    struct ks_registrar *r, struct ks_str jid, uint32_t device, const uint8_t slot[16], int64_t now_ms)
{
    struct wiping wiping = {
        .jid = jid, .leaf = { .type = KS_LOG_WIPE, .device = device, .time_ms = now_ms }, .now_ms = now_ms
    };
    enum ks_err err;

    ks_arena_reset(&r->arena);
    if (!device || (err = ks_registrar_account(r, jid)) == KS_EDENIED)
        return KS_ENOTFOUND;
    if (err != KS_OK)
        return err;
    ks_log_account(r->salt, jid, wiping.leaf.account);
    memcpy(wiping.leaf.object, slot, 16);
    return ks_registrar_do(r, wipe, &wiping);
}

/* --- for other tools --- */

struct listing {
    struct ks_registrar *r;
    struct ks_revoked *revoked; /* NULL: they are counted */
    size_t count;
    enum ks_err err;
};

static bool list_one(void *user, struct ks_str key, struct ks_str value)
{
    struct listing *listing = user;
    struct ks_revoked *to = listing->revoked ? &listing->revoked[listing->count] : NULL;
    struct ks_str issuer, serial;
    struct ks_cursor at;
    uint64_t revoked_ms;

    (void)key;
    if ((listing->err = ks_registrar_begin(value, &at)) != KS_OK)
        return false;
    if (ks_cursor_take(&at, 32, &issuer) != KS_OK || ks_cursor_u64(&at, &revoked_ms) != KS_OK
        || ks_cursor_field(&at, &serial) != KS_OK) {
        listing->err = KS_ESTORE;
        return false;
    }
    if (memcmp(issuer.ptr, listing->r->issuer, issuer.len) != 0) /* numbers of another authority's certificates */
        return true;
    if (to) {
        to->since_s = (int64_t)revoked_ms / 1000;
        listing->err = ks_arena_copy(&listing->r->arena, serial, &to->serial);
    } else if (listing->count == CRL_MAX) {
        listing->err = KS_ELIMIT;
    }
    listing->count++;
    return listing->err == KS_OK;
}

static enum ks_err list_all(struct listing *listing)
{
    struct ks_engine_store *store = listing->r->setup.store;
    enum ks_err err;

    listing->count = 0;
    err = store->ops->scan(store, KS_T_REGISTRAR, KS_STR("r"), KS_STR_EMPTY, false, list_one, listing);
    return err == KS_OK ? listing->err : err;
}

enum ks_err ks_registrar_crl(struct ks_registrar *r, struct ks_arena *arena, struct ks_str *ret_crl)
{
    struct ks_crl_facts facts = {
        .number = r->lists, .size = r->signed_size, .validity = { r->signed_s, r->signed_s + CRL_DAYS * 86400 }
    };
    struct listing listing = { .r = r };
    enum ks_err err;

    ks_arena_reset(&r->arena);
    memcpy(facts.root, r->signed_root.bytes, sizeof facts.root);
    if ((err = list_all(&listing)) != KS_OK)
        return err;
    if (!(listing.revoked = ks_arena_alloc(&r->arena, listing.count * sizeof *listing.revoked)))
        return KS_ENOMEM;
    if ((err = list_all(&listing)) != KS_OK)
        return err;
    return ks_authority_crl(
        arena, r->setup.issuing, r->setup.issuing_key, listing.revoked, listing.count, &facts, ret_crl);
}
