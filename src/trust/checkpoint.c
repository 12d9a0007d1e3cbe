/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "checkpoint.h"

#include "enc.h"

#define PURPOSE "konsil/0 checkpoint\n"
#define ROOT_LEN KS_BASE64_LEN(KS_MERKLE_HASH_LEN)

/* A line of its own, and of a domain name. */
static bool domain_good(struct ks_str domain)
{
    for (size_t i = 0; i < domain.len; i++)
        if ((unsigned char)domain.ptr[i] <= ' ' || domain.ptr[i] == 0x7f)
            return false;
    return domain.len && domain.len <= KS_CHECKPOINT_DOMAIN_MAX;
}

enum ks_err ks_checkpoint_write(const struct ks_checkpoint *checkpoint, struct ks_str domain, struct ks_buf *buf)
{
    char root[ROOT_LEN];

    if (!domain_good(domain) || !checkpoint->size || checkpoint->size > KS_MERKLE_SIZE_MAX || checkpoint->t_s < 0
        || checkpoint->t_s > KS_CHECKPOINT_TIME_MAX_S || checkpoint->crl > KS_CHECKPOINT_CRL_MAX)
        return KS_ESYNTAX;
    ks_base64_write(ks_str(checkpoint->root.bytes, sizeof checkpoint->root.bytes), root);
    ks_buf_z(buf, PURPOSE);
    ks_buf_add(buf, domain);
    ks_buf_byte(buf, '\n');
    ks_buf_u64_dec(buf, checkpoint->size);
    ks_buf_byte(buf, '\n');
    ks_buf_add(buf, ks_str(root, sizeof root));
    ks_buf_z(buf, "\nt=");
    ks_buf_u64_dec(buf, (uint64_t)checkpoint->t_s);
    ks_buf_z(buf, "\ncrl=");
    ks_buf_u64_dec(buf, checkpoint->crl);
    ks_buf_z(buf, "\nmin=");
    ks_buf_u64_dec(buf, checkpoint->envelope_min);
    ks_buf_byte(buf, '\n');
    return ks_buf_err(buf);
}

void ks_checkpoint_sign(
    const uint8_t private_key[KS_P256_PRIVATE_LEN], struct ks_str bytes, uint8_t ret_signature[KS_P256_SIGNATURE_LEN])
{
    uint8_t digest[32];

    ks_hash(KS_SHA256, bytes, digest);
    ks_p256_sign(private_key, digest, ret_signature);
}

/* The next line with its line feed, without it and without what it begins with. */
static bool line(struct ks_str *left, const char *begin, struct ks_str *ret_rest)
{
    struct ks_str start = ks_str_z(begin);
    size_t end = ks_str_find_byte(*left, '\n');

    if (end == left->len || !ks_str_starts(ks_str_head(*left, end), start))
        return false;
    *ret_rest = ks_str_from(ks_str_head(*left, end), start.len);
    *left = ks_str_from(*left, end + 1);
    return true;
}

static bool number(struct ks_str *left, const char *begin, uint64_t max, uint64_t *ret_number)
{
    struct ks_str text;

    return line(left, begin, &text) && ks_str_u64(text, max, ret_number) == KS_OK
        && (text.len == 1 || text.ptr[0] != '0');
}

static bool root(struct ks_str *left, struct ks_merkle_hash *ret_root)
{
    _Alignas(16) char room[64];
    struct ks_arena arena;
    struct ks_str text, bytes;
    bool good;

    if (!line(left, "", &text) || text.len != ROOT_LEN)
        return false;
    ks_arena_init_room(&arena, sizeof room, room, sizeof room);
    good = ks_base64_read(&arena, text, &bytes) == KS_OK && bytes.len == sizeof ret_root->bytes;
    if (good)
        memcpy(ret_root->bytes, bytes.ptr, bytes.len);
    ks_arena_done(&arena);
    return good;
}

enum ks_err ks_checkpoint_read(struct ks_str bytes, struct ks_str domain, struct ks_checkpoint *ret_checkpoint)
{
    struct ks_checkpoint checkpoint;
    struct ks_str left = bytes, name;
    uint64_t t_s, envelope_min;

    if (bytes.len > KS_CHECKPOINT_BYTES_MAX || !ks_str_starts(bytes, KS_STR(PURPOSE)))
        return KS_ESYNTAX;
    left = ks_str_from(left, sizeof PURPOSE - 1);
    if (!line(&left, "", &name) || !domain_good(name) || !number(&left, "", KS_MERKLE_SIZE_MAX, &checkpoint.size)
        || !checkpoint.size || !root(&left, &checkpoint.root) || !number(&left, "t=", KS_CHECKPOINT_TIME_MAX_S, &t_s)
        || !number(&left, "crl=", KS_CHECKPOINT_CRL_MAX, &checkpoint.crl)
        || !number(&left, "min=", UINT32_MAX, &envelope_min) || left.len)
        return KS_ESYNTAX;
    if (!ks_str_eq(name, domain))
        return KS_EDENIED;
    checkpoint.t_s = (int64_t)t_s;
    checkpoint.envelope_min = (uint32_t)envelope_min;
    *ret_checkpoint = checkpoint;
    return KS_OK;
}

enum ks_err ks_checkpoint_open(
    const struct ks_signed_checkpoint *from, struct ks_str domain, struct ks_checkpoint *ret_checkpoint)
{
    struct ks_checkpoint checkpoint;
    uint8_t digest[32];
    enum ks_err err = ks_checkpoint_read(from->bytes, domain, &checkpoint);

    if (err != KS_OK)
        return err;
    ks_hash(KS_SHA256, from->bytes, digest);
    if (ks_p256_verify(from->signer, digest, from->signature) != KS_OK)
        return KS_ECRYPTO;
    *ret_checkpoint = checkpoint;
    return KS_OK;
}
