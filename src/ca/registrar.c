/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "device_cert.h"
#include "registrar_state.h"

#define ARENA_BYTES_MAX (4u << 20)

/* --- the store --- */

enum ks_err ks_registrar_do(struct ks_registrar *r, ks_registrar_change *change, void *arg)
{
    struct ks_engine_store *store = r->setup.store;
    struct ks_registrar before = *r;
    enum ks_err err = store->ops->begin(store);

    if (err != KS_OK)
        return err;
    err = change(r, arg);
    if (err == KS_OK)
        err = store->ops->commit(store);
    if (err != KS_OK) {
        before.arena = r->arena; /* it may have grown */
        *r = before;
        store->ops->rollback(store);
    }
    ks_wipe(&before, sizeof before);
    return err;
}

enum ks_err ks_registrar_key(
    struct ks_registrar *r, char letter, const struct ks_str *parts, size_t count, struct ks_str *ret_key)
{
    struct ks_str all[5] = { ks_str(&letter, 1) };

    assert(count < KS_COUNT(all));
    memcpy(all + 1, parts, count * sizeof *parts);
    return ks_arena_join(&r->arena, all, count + 1, ret_key);
}

enum ks_err ks_registrar_get(struct ks_registrar *r, struct ks_str key, struct ks_str *ret_record)
{
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init_secret(&record, KS_RECORD_BYTES_MAX);
    err = r->setup.store->ops->get(r->setup.store, KS_T_REGISTRAR, key, &record);
    if (err == KS_OK)
        err = ks_arena_copy(&r->arena, ks_buf_str(&record), ret_record);
    ks_buf_done(&record);
    return err;
}

enum ks_err ks_registrar_put(struct ks_registrar *r, struct ks_str key, const struct ks_buf *record)
{
    enum ks_err err = ks_buf_err(record);

    return err == KS_OK ? r->setup.store->ops->put(r->setup.store, KS_T_REGISTRAR, key, ks_buf_str(record)) : err;
}

enum ks_err ks_registrar_begin(struct ks_str record, struct ks_cursor *ret_at)
{
    uint8_t version;

    *ret_at = ks_cursor(record);
    if (ks_cursor_u8(ret_at, &version) != KS_OK)
        return KS_ESTORE;
    return version == KS_RECORD_VERSION ? KS_OK : KS_EVERSION;
}

enum ks_err ks_registrar_bytes(struct ks_cursor *at, uint8_t *ret_bytes, size_t len)
{
    struct ks_str bytes;

    if (ks_cursor_take(at, len, &bytes) != KS_OK)
        return KS_ESTORE;
    memcpy(ret_bytes, bytes.ptr, len);
    return KS_OK;
}

/* --- what it is --- */

enum ks_err ks_registrar_save(struct ks_registrar *r)
{
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init_secret(&record, KS_RECORD_BYTES_MAX);
    ks_buf_byte(&record, KS_RECORD_VERSION);
    ks_buf_field(&record, r->setup.domain);
    ks_buf_add(&record, ks_str(r->pin, sizeof r->pin));
    ks_buf_add(&record, ks_str(r->salt, sizeof r->salt));
    ks_buf_u64(&record, r->lists);
    ks_buf_u32(&record, r->invites);
    err = ks_registrar_put(r, KS_STR("m"), &record);
    ks_buf_done(&record);
    return err;
}

static enum ks_err load_checkpoint(struct ks_registrar *r)
{
    struct ks_str record, bytes;
    struct ks_cursor at;
    uint64_t t;
    enum ks_err err;

    if ((err = ks_registrar_get(r, KS_STR("p"), &record)) != KS_OK || (err = ks_registrar_begin(record, &at)) != KS_OK)
        return err;
    if (ks_cursor_u64(&at, &r->signed_size) != KS_OK || ks_cursor_u64(&at, &t) != KS_OK
        || ks_cursor_field(&at, &bytes) != KS_OK || bytes.len > sizeof r->checkpoint
        || ks_registrar_bytes(&at, r->signature, sizeof r->signature) != KS_OK
        || ks_registrar_bytes(&at, r->signer_public, sizeof r->signer_public) != KS_OK
        || ks_registrar_bytes(&at, r->signed_root.bytes, sizeof r->signed_root.bytes) != KS_OK)
        return KS_ESTORE;
    memcpy(r->checkpoint, bytes.ptr, bytes.len);
    r->checkpoint_len = bytes.len;
    r->signed_s = (int64_t)t;
    return KS_OK;
}

/* KS_ENOTFOUND: it is a new one. */
static enum ks_err load(struct ks_registrar *r)
{
    uint8_t pin[KS_ENROL_PIN_LEN];
    struct ks_str record, domain;
    struct ks_cursor at;
    enum ks_err err;

    if ((err = ks_registrar_get(r, KS_STR("m"), &record)) != KS_OK || (err = ks_registrar_begin(record, &at)) != KS_OK)
        return err;
    if (ks_cursor_field(&at, &domain) != KS_OK || ks_registrar_bytes(&at, pin, sizeof pin) != KS_OK
        || ks_registrar_bytes(&at, r->salt, sizeof r->salt) != KS_OK || ks_cursor_u64(&at, &r->lists) != KS_OK
        || ks_cursor_u32(&at, &r->invites) != KS_OK)
        return KS_ESTORE;
    if (!ks_str_eq(domain, r->setup.domain) || memcmp(pin, r->pin, sizeof pin) != 0)
        return KS_ESTATE;
    if ((err = ks_registrar_get(r, KS_STR("f"), &record)) != KS_OK || (err = ks_registrar_begin(record, &at)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_ESTORE : err;
    if (ks_merkle_frontier_read(&at, &r->frontier) != KS_OK || !ks_cursor_done(&at))
        return KS_ESTORE;
    err = load_checkpoint(r);
    return err == KS_ENOTFOUND ? KS_ESTORE : err;
}

/* --- who signs --- */

/* The log names every authority and signer that it is to be believed with (type 3), once. */
static enum ks_err enter(struct ks_registrar *r, struct ks_str certificate, int64_t now_ms, bool *ret_new)
{
    struct ks_log_leaf leaf = { .type = KS_LOG_SIGNER, .time_ms = now_ms };
    struct ks_str key, record;
    struct ks_buf known;
    uint64_t number;
    enum ks_err err;

    ks_hash(KS_SHA256, certificate, leaf.object);
    if ((err = ks_registrar_key(r, 's', &(struct ks_str) { (char *)leaf.object, sizeof leaf.object }, 1, &key)) != KS_OK
        || (err = ks_registrar_get(r, key, &record)) != KS_ENOTFOUND)
        return err;
    *ret_new = true;
    ks_buf_init(&known, KS_RECORD_BYTES_MAX);
    ks_buf_byte(&known, KS_RECORD_VERSION);
    if ((err = ks_registrar_append(r, &leaf, &number)) == KS_OK)
        err = ks_registrar_put(r, key, &known);
    ks_buf_done(&known);
    return err;
}

struct opening {
    int64_t now_ms;
    const uint8_t *signer; /* the key that is to sign */
};

static enum ks_err begin(struct ks_registrar *r, void *arg)
{
    const struct opening *opening = arg;
    bool fresh;
    enum ks_err err = load(r);

    if (err == KS_ENOTFOUND) {
        ks_prng_bytes(r->setup.prng, r->salt, sizeof r->salt);
        err = ks_registrar_save(r);
    }
    /* What the newest checkpoint is signed with, and the certificate that is sent beside it, are one key. */
    fresh = memcmp(r->signer_public, opening->signer, sizeof r->signer_public) != 0;
    for (size_t i = r->chain_count; i-- > 0 && err == KS_OK;)
        err = enter(r, r->chain[i], opening->now_ms, &fresh);
    if (err == KS_OK)
        err = enter(r, r->setup.signer, opening->now_ms, &fresh);
    return err == KS_OK && fresh ? ks_registrar_sign(r, opening->now_ms) : err;
}

/* KS_OK: good. */
static enum ks_err judge(enum ks_cert_verdict verdict)
{
    return verdict == KS_CERT_GOOD                               ? KS_OK
        : verdict == KS_CERT_EARLY || verdict == KS_CERT_EXPIRED ? KS_ESTATE
                                                                 : KS_ESYNTAX;
}

static enum ks_err check_signer(struct ks_registrar *r, int64_t now_s, uint8_t ret_key[KS_P256_PUBLIC_LEN])
{
    enum ks_cert_verdict verdict;
    struct ks_signer signer;
    enum ks_err err =
        ks_signer_check(r->setup.signer, r->setup.root, r->setup.domain, KS_SIGNS_STATUS, now_s, &signer, &verdict);

    if (err != KS_OK || (err = judge(verdict)) != KS_OK)
        return err;
    if (ks_p256_public(r->setup.signer_key, ret_key) != KS_OK || memcmp(ret_key, signer.key, sizeof signer.key) != 0)
        return KS_ESYNTAX;
    return KS_OK;
}

static enum ks_err ends_with(struct ks_registrar *r, struct ks_str certificate, struct ks_authority_facts *facts)
{
    enum ks_err err = ks_authority_read(&r->arena, certificate, facts);

    if (err == KS_OK && facts->validity.until_s < r->until_s)
        r->until_s = facts->validity.until_s;
    return err;
}

/* What cannot be right is found now, and not by the first who enrols. */
static enum ks_err check_authorities(struct ks_registrar *r, int64_t now_s)
{
    struct ks_authority_facts facts;
    enum ks_cert_verdict verdict;
    enum ks_err err = KS_OK;

    assert(r->setup.above_count <= KS_COUNT(r->setup.above));
    r->chain[r->chain_count++] = r->setup.issuing;
    for (size_t i = 0; i < r->setup.above_count; i++)
        r->chain[r->chain_count++] = r->setup.above[i];
    err = ks_authorities_check(r->chain, r->chain_count, r->setup.root, r->setup.domain, now_s, &verdict);
    if (err != KS_OK || (err = judge(verdict)) != KS_OK)
        return err;
    if (!ks_authority_has_key(r->setup.issuing, r->setup.issuing_key))
        return KS_ESYNTAX;
    r->until_s = INT64_MAX;
    for (size_t i = 0; i < r->chain_count && err == KS_OK; i++)
        err = ends_with(r, r->chain[i], &facts);
    if (err == KS_OK && (err = ends_with(r, r->setup.root, &facts)) == KS_OK)
        memcpy(r->pin, facts.key_hash, sizeof r->pin);
    ks_hash(KS_SHA256, r->setup.issuing, r->issuer);
    return err;
}

enum ks_err ks_registrar_open(
    const struct ks_registrar_setup *setup, int64_t now_ms, struct ks_registrar **ret_registrar)
{
    struct ks_registrar *r = calloc(1, sizeof *r);
    uint8_t signer[KS_P256_PUBLIC_LEN];
    struct opening opening = { now_ms, signer };
    enum ks_err err;

    if (!r)
        return KS_ENOMEM;
    assert(setup->valid_days >= 30 && setup->valid_days <= 397);
    r->setup = *setup;
    ks_arena_init(&r->arena, ARENA_BYTES_MAX);
    err = check_authorities(r, now_ms / 1000);
    if (err == KS_OK)
        err = check_signer(r, now_ms / 1000, signer);
    if (err == KS_OK)
        err = ks_registrar_do(r, begin, &opening);
    if (err == KS_OK)
        *ret_registrar = r;
    else
        ks_registrar_free(r);
    return err;
}

void ks_registrar_free(struct ks_registrar *r)
{
    if (!r)
        return;
    ks_arena_done(&r->arena);
    ks_wipe(r, sizeof *r);
    free(r);
}
