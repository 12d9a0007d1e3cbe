/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "file_seal.h"

#include <stdlib.h>

void ks_file_secret_make(struct ks_prng *prng, struct ks_file_secret *ret_secret)
{
    ks_prng_bytes(prng, ret_secret->key, sizeof ret_secret->key);
    ks_prng_bytes(prng, ret_secret->nonce, sizeof ret_secret->nonce);
}

static struct ks_gcm *gcm_new(bool seal, const struct ks_file_secret *secret)
{
    return ks_gcm_new(seal, ks_str(secret->key, sizeof secret->key), ks_str(secret->nonce, sizeof secret->nonce));
}

/* --- sealing --- */

struct ks_file_sealer {
    struct ks_gcm *gcm;
    struct ks_hasher *plain, *sealed;
    uint64_t bytes;
};

struct ks_file_sealer *ks_file_sealer_new(const struct ks_file_secret *secret)
{
    struct ks_file_sealer *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->gcm = gcm_new(true, secret);
    s->plain = ks_hasher_new(KS_SHA256);
    s->sealed = ks_hasher_new(KS_SHA256);
    if (s->gcm && s->plain && s->sealed)
        return s;
    ks_file_sealer_free(s);
    return NULL;
}

enum ks_err ks_file_seal(struct ks_file_sealer *s, struct ks_str bytes, uint8_t *ret_sealed)
{
    if (bytes.len > KS_FILE_BYTES_MAX - s->bytes)
        return KS_ELIMIT;
    s->bytes += bytes.len;
    ks_hasher_add(s->plain, bytes); /* before: it may be sealed in place */
    ks_gcm_add(s->gcm, bytes, ret_sealed);
    ks_hasher_add(s->sealed, ks_str(ret_sealed, bytes.len));
    return KS_OK;
}

void ks_file_seal_end(struct ks_file_sealer *s, uint8_t ret_tag[KS_FILE_TAG_LEN], struct ks_file_marks *ret_marks)
{
    *ret_marks = (struct ks_file_marks) { .bytes = s->bytes, .has_sha256 = true, .has_sealed_sha256 = true };
    ks_gcm_seal_end(s->gcm, ret_tag);
    ks_hasher_add(s->sealed, ks_str(ret_tag, KS_FILE_TAG_LEN));
    ks_hasher_end(s->plain, ret_marks->sha256);
    ks_hasher_end(s->sealed, ret_marks->sealed_sha256);
}

void ks_file_sealer_free(struct ks_file_sealer *s)
{
    if (!s)
        return;
    ks_gcm_free(s->gcm);
    ks_hasher_free(s->plain);
    ks_hasher_free(s->sealed);
    free(s);
}

/* --- opening --- */

#define SCRATCH 4096

struct ks_file_opener {
    struct ks_file_secret secret;
    struct ks_file_marks marks;
    struct ks_gcm *gcm;
    struct ks_hasher *plain, *sealed;
    uint64_t at;  /* of the sealed bytes */
    bool genuine; /* a pass was good to its end */
    uint8_t tag[KS_FILE_TAG_LEN], scratch[SCRATCH];
};

static bool begin(struct ks_file_opener *o)
{
    ks_gcm_free(o->gcm);
    o->gcm = gcm_new(false, &o->secret);
    o->at = 0;
    return o->gcm != NULL;
}

struct ks_file_opener *ks_file_opener_new(const struct ks_file_secret *secret, const struct ks_file_marks *marks)
{
    struct ks_file_opener *o = calloc(1, sizeof *o);

    if (!o)
        return NULL;
    o->secret = *secret;
    o->marks = *marks;
    o->plain = ks_hasher_new(KS_SHA256);
    o->sealed = ks_hasher_new(KS_SHA256);
    if (o->plain && o->sealed && marks->bytes <= KS_FILE_BYTES_MAX && begin(o))
        return o;
    ks_file_opener_free(o);
    return NULL;
}

/* The file's part of a piece: into the caller's memory, or past everybody in small steps. */
static void decrypt(struct ks_file_opener *o, struct ks_str sealed, uint8_t *ret_bytes)
{
    if (ret_bytes) {
        ks_gcm_add(o->gcm, sealed, ret_bytes);
        ks_hasher_add(o->plain, ks_str(ret_bytes, sealed.len));
        return;
    }
    for (size_t at = 0; at < sealed.len; at += SCRATCH) {
        struct ks_str piece = ks_str_head(ks_str_from(sealed, at), SCRATCH);
        ks_gcm_add(o->gcm, piece, o->scratch);
        ks_hasher_add(o->plain, ks_str(o->scratch, piece.len));
    }
}

enum ks_err ks_file_open(struct ks_file_opener *o, struct ks_str sealed, uint8_t *ret_bytes, size_t *ret_len)
{
    uint64_t left = o->at < o->marks.bytes ? o->marks.bytes - o->at : 0;
    struct ks_str inner = ks_str_head(sealed, left < sealed.len ? (size_t)left : sealed.len);
    struct ks_str tag = ks_str_from(sealed, inner.len);

    assert(!ret_bytes || o->genuine);
    if (ret_len)
        *ret_len = 0;
    if (sealed.len > o->marks.bytes + KS_FILE_TAG_LEN - o->at)
        return KS_ECRYPTO;
    ks_hasher_add(o->sealed, sealed);
    if (tag.len)
        memcpy(o->tag + (o->at + inner.len - o->marks.bytes), tag.ptr, tag.len);
    decrypt(o, inner, ret_bytes);
    if (ret_len)
        *ret_len = inner.len;
    o->at += sealed.len;
    return KS_OK;
}

static bool fits(struct ks_hasher *hasher, bool has, const uint8_t want[32])
{
    uint8_t digest[32];

    ks_hasher_end(hasher, digest);
    return !has || memcmp(digest, want, sizeof digest) == 0;
}

enum ks_err ks_file_open_end(struct ks_file_opener *o)
{
    bool whole = o->at == o->marks.bytes + KS_FILE_TAG_LEN;
    bool good = whole && ks_gcm_open_end(o->gcm, o->tag) == KS_OK;

    good &= fits(o->plain, o->marks.has_sha256, o->marks.sha256);
    good &= fits(o->sealed, o->marks.has_sealed_sha256, o->marks.sealed_sha256);
    o->genuine = good;
    if (!begin(o))
        return KS_ENOMEM;
    return good ? KS_OK : KS_ECRYPTO;
}

void ks_file_opener_free(struct ks_file_opener *o)
{
    if (!o)
        return;
    ks_gcm_free(o->gcm);
    ks_hasher_free(o->plain);
    ks_hasher_free(o->sealed);
    ks_wipe(o, sizeof *o);
    free(o);
}
