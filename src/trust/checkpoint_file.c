/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "checkpoint_file.h"

#include "enc.h"

void ks_checkpoint_file_write(const struct ks_signed_checkpoint *checkpoint, struct ks_str signer, struct ks_buf *buf)
{
    ks_buf_add(buf, checkpoint->bytes);
    ks_buf_byte(buf, '\n');
    ks_base64_add(buf, ks_str(checkpoint->signature, sizeof checkpoint->signature));
    ks_buf_byte(buf, '\n');
    ks_base64_add(buf, signer);
    ks_buf_byte(buf, '\n');
}

/* A line of base64, and its end. */
static enum ks_err take_line(struct ks_arena *arena, struct ks_str *text, struct ks_str *ret_bytes)
{
    size_t end = ks_str_find_byte(*text, '\n');
    struct ks_str line = ks_str_head(*text, end);

    if (end == text->len)
        return KS_ESYNTAX;
    *text = ks_str_from(*text, end + 1);
    return ks_base64_read(arena, line, ret_bytes);
}

enum ks_err ks_checkpoint_file_read(struct ks_arena *arena, struct ks_str text, struct ks_str root,
    struct ks_str domain, struct ks_checkpoint *ret_checkpoint)
{
    size_t end = ks_str_find(text, KS_STR("\n\n"));
    struct ks_signed_checkpoint from = { .bytes = ks_str_head(text, end + 1) };
    struct ks_str rest = ks_str_from(text, end + 2), signature, certificate;
    struct ks_checkpoint checkpoint;
    enum ks_cert_verdict verdict;
    struct ks_signer signer;
    enum ks_err err;

    if (text.len > KS_CHECKPOINT_FILE_MAX || end == text.len)
        return KS_ESYNTAX;
    if ((err = ks_checkpoint_read(from.bytes, domain, &checkpoint)) != KS_OK
        || (err = take_line(arena, &rest, &signature)) != KS_OK
        || (err = take_line(arena, &rest, &certificate)) != KS_OK)
        return err;
    if (rest.len || signature.len != sizeof from.signature)
        return KS_ESYNTAX;
    if ((err = ks_signer_check(certificate, root, domain, KS_SIGNS_STATUS, checkpoint.t_s, &signer, &verdict)) != KS_OK)
        return err;
    if (verdict != KS_CERT_GOOD)
        return KS_ECRYPTO;
    memcpy(from.signature, signature.ptr, sizeof from.signature);
    memcpy(from.signer, signer.key, sizeof from.signer);
    return ks_checkpoint_open(&from, domain, ret_checkpoint);
}
