/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "evidence.h"

#include "enc.h"
#include "ns.h"

static struct ks_xml *add(struct ks_arena *arena, struct ks_xml *parent, const char *name, struct ks_str bytes)
{
    struct ks_str text;

    if (!parent || ks_base64(arena, bytes, &text) != KS_OK)
        return NULL;
    return ks_xml_add_text(arena, parent, NS_KONSIL_LOG, name, text) ? parent : NULL;
}

struct ks_xml *ks_evidence_write(struct ks_arena *arena, struct ks_xml *content, const struct ks_evidence *evidence)
{
    const struct ks_signed_checkpoint *signed_one = &evidence->checkpoint;
    struct ks_xml *node = ks_xml_add(arena, content, NS_KONSIL_LOG, "evidence"), *checkpoint;

    if (evidence->asks)
        node = ks_xml_set_u64(arena, node, "ask", evidence->asks);
    checkpoint = ks_xml_add(arena, node, NS_KONSIL_LOG, "checkpoint");
    checkpoint = add(arena, checkpoint, "data", signed_one->bytes);
    checkpoint = add(arena, checkpoint, "sig", ks_str(signed_one->signature, sizeof signed_one->signature));
    return checkpoint ? add(arena, node, "signer", evidence->signer) : NULL;
}

static enum ks_err bytes_of(
    struct ks_arena *arena, const struct ks_xml *parent, const char *name, size_t max, struct ks_str *ret_bytes)
{
    struct ks_str text = ks_xml_text(arena, ks_xml_child(parent, NS_KONSIL_LOG, name));

    if (text.len > (max + 2) / 3 * 4)
        return KS_ESYNTAX;
    return ks_base64_read(arena, text, ret_bytes);
}

enum ks_err ks_evidence_read(struct ks_arena *arena, const struct ks_xml *node, struct ks_evidence *ret_evidence)
{
    const struct ks_xml *checkpoint = ks_xml_child(node, NS_KONSIL_LOG, "checkpoint");
    struct ks_str signature;
    enum ks_err err;

    *ret_evidence = (struct ks_evidence) { 0 };
    if (!checkpoint
        || (ks_xml_attr(node, "ask").ptr
            && ks_str_u64(ks_xml_attr(node, "ask"), KS_MERKLE_SIZE_MAX, &ret_evidence->asks) != KS_OK))
        return KS_ESYNTAX;
    if ((err = bytes_of(arena, checkpoint, "data", KS_CHECKPOINT_BYTES_MAX, &ret_evidence->checkpoint.bytes)) != KS_OK
        || (err = bytes_of(arena, checkpoint, "sig", KS_P256_SIGNATURE_LEN, &signature)) != KS_OK
        || (err = bytes_of(arena, node, "signer", KS_CERT_BYTES_MAX, &ret_evidence->signer)) != KS_OK)
        return err;
    if (signature.len != KS_P256_SIGNATURE_LEN || !ret_evidence->checkpoint.bytes.len || !ret_evidence->signer.len)
        return KS_ESYNTAX;
    memcpy(ret_evidence->checkpoint.signature, signature.ptr, signature.len);
    return KS_OK;
}
