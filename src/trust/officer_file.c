/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "officer_file.h"

#include <sodium/crypto_pwhash_argon2id.h>

#include "hpke.h"

#define PURPOSE_PUBLIC KS_STR("konsil/0 officers key\n")
#define PURPOSE_SHARE KS_STR("konsil/0 officer share\n")
#define PURPOSE_PART KS_STR("konsil/0 officer part\n")
#define SALT_LEN 16
#define SEALED_LEN (KS_P256_SCALAR_LEN + KS_AEAD_TAG_LEN)
#define PART_LEN (1 + KS_P256_POINT_LEN + KS_OFFICERS_PROOF_LEN)

_Static_assert(crypto_pwhash_argon2id_SALTBYTES == SALT_LEN, "salt");
_Static_assert(sizeof "konsil/0 officer part\n" - 1 == 22 && PART_LEN == 130, "KS_OFFICER_PART_LEN");

/* --- what everybody may know --- */

/* field(root) || u8 threshold || u8 count || commitments */
static enum ks_err write_public(struct ks_buf *buf, const struct ks_officer_public *public)
{
    enum ks_err err = ks_officers_check(&public->officers);

    if (err == KS_OK && (!public->root.len || public->root.len > KS_OFFICER_ROOT_MAX))
        err = KS_ELIMIT;
    if (err != KS_OK)
        return err;
    ks_buf_field(buf, public->root);
    ks_buf_byte(buf, public->officers.threshold);
    ks_buf_byte(buf, public->officers.count);
    for (size_t i = 0; i < public->officers.threshold; i++)
        ks_buf_add(buf, ks_str(public->officers.commitments[i], KS_P256_POINT_LEN));
    return ks_buf_err(buf);
}

static enum ks_err read_public(struct ks_cursor *at, struct ks_officer_public *ret_public)
{
    struct ks_officer_public public = { .officers = { 0 } };
    struct ks_officers *officers = &public.officers;
    struct ks_str commitment;

    if (ks_cursor_field(at, &public.root) != KS_OK || ks_cursor_u8(at, &officers->threshold) != KS_OK
        || ks_cursor_u8(at, &officers->count) != KS_OK)
        return KS_ESYNTAX;
    if (!public.root.len || public.root.len > KS_OFFICER_ROOT_MAX || officers->threshold > KS_OFFICERS_MAX)
        return KS_ELIMIT;
    for (size_t i = 0; i < officers->threshold; i++) {
        if (ks_cursor_take(at, KS_P256_POINT_LEN, &commitment) != KS_OK)
            return KS_ESYNTAX;
        memcpy(officers->commitments[i], commitment.ptr, KS_P256_POINT_LEN);
    }
    *ret_public = public;
    return ks_officers_check(officers);
}

static bool take_purpose(struct ks_cursor *at, struct ks_str purpose)
{
    struct ks_str begin;

    return ks_cursor_take(at, purpose.len, &begin) == KS_OK && ks_str_eq(begin, purpose);
}

enum ks_err ks_officer_public_write(struct ks_buf *buf, const struct ks_officer_public *public)
{
    ks_buf_add(buf, PURPOSE_PUBLIC);
    return write_public(buf, public);
}

enum ks_err ks_officer_public_read(struct ks_str bytes, struct ks_officer_public *ret_public)
{
    struct ks_cursor at = ks_cursor(bytes);
    struct ks_officer_public public;
    enum ks_err err;

    if (!take_purpose(&at, PURPOSE_PUBLIC))
        return KS_ESYNTAX;
    if ((err = read_public(&at, &public)) != KS_OK)
        return err;
    if (!ks_cursor_done(&at))
        return KS_ESYNTAX;
    *ret_public = public;
    return KS_OK;
}

/* --- shares --- */

/* purpose || public || u8 officer || u32 kib || u32 passes || salt || nonce || sealed; AD is all in front of the nonce.
 */
struct share_file {
    struct ks_officer_public public;
    uint8_t officer;
    struct ks_officer_cost cost;
    struct ks_str salt, front, nonce, sealed;
};

static enum ks_err read_share(struct ks_str bytes, struct share_file *ret_file)
{
    struct ks_cursor at = ks_cursor(bytes);
    struct share_file file;
    enum ks_err err;

    if (!take_purpose(&at, PURPOSE_SHARE))
        return KS_ESYNTAX;
    if ((err = read_public(&at, &file.public)) != KS_OK)
        return err;
    if (ks_cursor_u8(&at, &file.officer) != KS_OK || ks_cursor_u32(&at, &file.cost.kib) != KS_OK
        || ks_cursor_u32(&at, &file.cost.passes) != KS_OK || ks_cursor_take(&at, SALT_LEN, &file.salt) != KS_OK)
        return KS_ESYNTAX;
    file.front = ks_str_head(bytes, bytes.len - at.left.len);
    if (ks_cursor_take(&at, KS_AEAD_NONCE_LEN, &file.nonce) != KS_OK
        || ks_cursor_take(&at, SEALED_LEN, &file.sealed) != KS_OK || !ks_cursor_done(&at))
        return KS_ESYNTAX;
    if (file.officer < 1 || file.officer > file.public.officers.count || file.cost.kib < 8
        || file.cost.kib > KS_OFFICER_KIB_MAX || file.cost.passes < 1 || file.cost.passes > KS_OFFICER_PASSES_MAX)
        return KS_ESYNTAX;
    *ret_file = file;
    return KS_OK;
}

static enum ks_err derive(
    struct ks_str passphrase, const uint8_t *salt, struct ks_officer_cost cost, uint8_t ret_key[KS_AEAD_KEY_LEN])
{
    return crypto_pwhash_argon2id(ret_key, KS_AEAD_KEY_LEN, passphrase.ptr, passphrase.len, salt, cost.passes,
               (size_t)cost.kib * 1024, crypto_pwhash_argon2id_ALG_ARGON2ID13)
            == 0
        ? KS_OK
        : KS_ENOMEM;
}

enum ks_err ks_officer_share_write(struct ks_buf *buf, struct ks_prng *prng, const struct ks_officer_public *public,
    unsigned officer, const uint8_t share[KS_P256_SCALAR_LEN], struct ks_str passphrase, struct ks_officer_cost cost)
{
    uint8_t key[KS_AEAD_KEY_LEN], salt[SALT_LEN], nonce[KS_AEAD_NONCE_LEN], sealed[SEALED_LEN];
    size_t start = buf->len;
    enum ks_err err = ks_officers_share_check(&public->officers, officer, share);

    ks_prng_bytes(prng, salt, sizeof salt);
    ks_prng_bytes(prng, nonce, sizeof nonce);
    ks_buf_add(buf, PURPOSE_SHARE);
    if (err == KS_OK)
        err = write_public(buf, public);
    if (err != KS_OK)
        return err;
    ks_buf_byte(buf, (uint8_t)officer);
    ks_buf_u32(buf, cost.kib);
    ks_buf_u32(buf, cost.passes);
    ks_buf_add(buf, ks_str(salt, sizeof salt));
    if ((err = ks_buf_err(buf)) == KS_OK && (err = derive(passphrase, salt, cost, key)) == KS_OK) {
        ks_aead_seal(key, nonce, ks_str_from(ks_buf_str(buf), start), ks_str(share, KS_P256_SCALAR_LEN), sealed);
        ks_buf_add(buf, ks_str(nonce, sizeof nonce));
        ks_buf_add(buf, ks_str(sealed, sizeof sealed));
        err = ks_buf_err(buf);
    }
    ks_wipe(key, sizeof key);
    return err;
}

enum ks_err ks_officer_share_read(struct ks_str bytes, struct ks_officer_public *ret_public, unsigned *ret_officer)
{
    struct share_file file;
    enum ks_err err = read_share(bytes, &file);

    if (err == KS_OK) {
        *ret_public = file.public;
        *ret_officer = file.officer;
    }
    return err;
}

enum ks_err ks_officer_share_open(struct ks_str bytes, struct ks_str passphrase, uint8_t ret_share[KS_P256_SCALAR_LEN])
{
    uint8_t key[KS_AEAD_KEY_LEN], share[KS_P256_SCALAR_LEN];
    struct share_file file;
    enum ks_err err = read_share(bytes, &file);

    if (err != KS_OK)
        return err;
    err = derive(passphrase, (const uint8_t *)file.salt.ptr, file.cost, key);
    if (err == KS_OK)
        err = ks_aead_open(key, (const uint8_t *)file.nonce.ptr, file.front, file.sealed, share);
    if (err == KS_OK)
        err = ks_officers_share_check(&file.public.officers, file.officer, share);
    if (err == KS_OK)
        memcpy(ret_share, share, sizeof share);
    ks_wipe(key, sizeof key);
    ks_wipe(share, sizeof share);
    return err;
}

/* --- parts --- */

/* purpose || request || enc || HPKE of (u8 officer || point || proof), info: purpose || request */
enum ks_err ks_officer_part_seal(struct ks_buf *buf, struct ks_prng *prng, const struct ks_officers_partial *partial,
    const uint8_t request[32], const uint8_t seal_key[KS_P256_PUBLIC_LEN])
{
    uint8_t part[PART_LEN], enc[KS_HPKE_ENC_LEN], sealed[PART_LEN + KS_HPKE_TAG_LEN];
    size_t start = buf->len;
    enum ks_err err;

    part[0] = partial->officer;
    memcpy(part + 1, partial->point, KS_P256_POINT_LEN);
    memcpy(part + 1 + KS_P256_POINT_LEN, partial->proof, KS_OFFICERS_PROOF_LEN);
    ks_buf_add(buf, PURPOSE_PART);
    ks_buf_add(buf, ks_str(request, 32));
    if ((err = ks_buf_err(buf)) == KS_OK)
        err = ks_hpke_seal(
            prng, seal_key, ks_str_from(ks_buf_str(buf), start), KS_STR_EMPTY, ks_str(part, sizeof part), enc, sealed);
    if (err == KS_OK) {
        ks_buf_add(buf, ks_str(enc, sizeof enc));
        ks_buf_add(buf, ks_str(sealed, sizeof sealed));
        err = ks_buf_err(buf);
    }
    ks_wipe(part, sizeof part);
    return err;
}

enum ks_err ks_officer_part_open(const uint8_t seal_private[KS_P256_PRIVATE_LEN], const uint8_t request[32],
    struct ks_str bytes, struct ks_officers_partial *ret_partial)
{
    struct ks_str info = ks_str_head(bytes, PURPOSE_PART.len + 32), sealed;
    struct ks_cursor at = ks_cursor(bytes);
    uint8_t part[PART_LEN];
    struct ks_str asked, enc;
    enum ks_err err;

    if (bytes.len != KS_OFFICER_PART_LEN || !take_purpose(&at, PURPOSE_PART) || ks_cursor_take(&at, 32, &asked) != KS_OK
        || ks_cursor_take(&at, KS_HPKE_ENC_LEN, &enc) != KS_OK)
        return KS_ESYNTAX;
    if (!ks_str_eq(asked, ks_str(request, 32)))
        return KS_ENOTFOUND;
    sealed = at.left;
    err = ks_hpke_open(seal_private, (const uint8_t *)enc.ptr, info, KS_STR_EMPTY, sealed, part);
    if (err == KS_OK) {
        ret_partial->officer = part[0];
        memcpy(ret_partial->point, part + 1, KS_P256_POINT_LEN);
        memcpy(ret_partial->proof, part + 1 + KS_P256_POINT_LEN, KS_OFFICERS_PROOF_LEN);
    }
    ks_wipe(part, sizeof part);
    return err;
}
