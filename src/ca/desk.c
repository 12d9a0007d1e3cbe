/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "desk.h"

#include "enc.h"
#include "ns.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define XML_BYTES_MAX (256 * 1024)

void ks_desk_connected(struct ks_desk *desk)
{
    desk->told_size = desk->waiting = false;
    desk->told_len = 0;
}

static enum ks_err write_xml(struct ks_arena *arena, const struct ks_xml *xml, struct ks_str *ret_text)
{
    struct ks_buf bytes;
    enum ks_err err;

    if (!xml)
        return KS_ENOMEM;
    ks_buf_init(&bytes, XML_BYTES_MAX);
    ks_xml_write(&bytes, xml, KS_STR_EMPTY);
    if ((err = ks_buf_err(&bytes)) == KS_OK)
        err = ks_arena_copy(arena, ks_buf_str(&bytes), ret_text);
    ks_buf_done(&bytes);
    return err;
}

static struct ks_xml *add_base64(
    struct ks_arena *arena, struct ks_xml *parent, const char *ns, const char *name, struct ks_str bytes)
{
    struct ks_str text;

    return ks_base64(arena, bytes, &text) == KS_OK ? ks_xml_add_text(arena, parent, ns, name, text) : NULL;
}

/* --- requests of devices --- */

/* Base64 of a child; empty when there is none. */
static enum ks_err read_part(
    struct ks_arena *arena, const struct ks_xml *parent, const char *name, struct ks_str *ret_bytes)
{
    const struct ks_xml *child = ks_xml_child(parent, NS_KONSIL_ENROL, name);

    *ret_bytes = KS_STR_EMPTY;
    return child ? ks_base64_read(arena, ks_xml_text(arena, child), ret_bytes) : KS_OK;
}

static enum ks_err read_enrol(struct ks_arena *arena, const struct ks_xml *enrol, struct ks_enrol_request *request)
{
    const struct ks_xml *vouch = ks_xml_child(enrol, NS_KONSIL_ENROL, "vouch");
    enum ks_err err;

    if ((err = read_part(arena, enrol, "csr", &request->csr)) != KS_OK
        || (err = read_part(arena, enrol, "pop", &request->pop)) != KS_OK
        || (err = read_part(arena, enrol, "mac", &request->mac)) != KS_OK
        || (err = read_part(arena, enrol, "renewal", &request->renewal)) != KS_OK
        || (err = read_part(arena, vouch, "data", &request->vouch)) != KS_OK)
        return err;
    return read_part(arena, vouch, "sig", &request->vouch_sig);
}

static enum ks_err write_answer(
    struct ks_arena *arena, const struct ks_xml *ask, const struct ks_enrolled *enrolled, struct ks_str *ret_answer)
{
    struct ks_xml *answer = ks_xml_new(arena, NS_KONSIL_ENROL, "answer"), *said;

    answer = ks_xml_set(arena, answer, "to", ks_xml_attr(ask, "from"));
    answer = ks_xml_set(arena, answer, "id", ks_xml_attr(ask, "id"));
    if (enrolled->refusal == KS_REFUSE_NONE)
        said = add_base64(
            arena, ks_xml_add(arena, answer, NS_KONSIL_ENROL, "enrolled"), NS_KONSIL_ENROL, "sealed", enrolled->sealed);
    else
        said = ks_xml_set(arena, ks_xml_add(arena, answer, NS_KONSIL_ENROL, "refused"), "reason",
            ks_str_z(ks_refusal_name(enrolled->refusal)));
    return said ? write_xml(arena, answer, ret_answer) : KS_ENOMEM;
}

enum ks_err ks_desk_ask(struct ks_desk *desk, struct ks_arena *arena, struct ks_str xml, int64_t now_ms,
    struct ks_str *ret_answer, struct ks_enrolled *ret_enrolled)
{
    struct ks_enrol_request request = { .csr = KS_STR_EMPTY };
    struct ks_xml *ask;
    const struct ks_xml *enrol;
    enum ks_err err = ks_xml_read(arena, xml, KS_STR_EMPTY, KS_STR_EMPTY, &ask);

    *ret_answer = KS_STR_EMPTY;
    *ret_enrolled = (struct ks_enrolled) { .refusal = KS_REFUSE_MALFORMED };
    if (err != KS_OK)
        return err <= KS_FATAL ? err : KS_OK;
    enrol = ks_xml_child(ask, NS_KONSIL_ENROL, "enrol");
    if (!ks_xml_is(ask, NS_KONSIL_ENROL, "ask") || !enrol)
        return KS_OK;
    err = read_enrol(arena, enrol, &request);
    if (err == KS_OK && (err = ks_registrar_enrol(desk->registrar, arena, &request, now_ms, ret_enrolled)) != KS_OK)
        return err; /* it is neither enrolled nor refused */
    if (err <= KS_FATAL)
        return err;
    return write_answer(arena, ask, ret_enrolled, ret_answer);
}

/* --- the log --- */

/* Whose devices are out by these entries (§22.1). */
static enum ks_err add_outs(struct ks_desk *desk, struct ks_arena *arena, struct ks_xml *append, struct ks_str leaves)
{
    struct ks_log_leaf leaf;
    struct ks_str jid;
    struct ks_xml *out;
    uint32_t device;
    enum ks_err err;

    for (size_t at = 0; at < leaves.len; at += KS_LOG_LEAF_LEN) {
        if (ks_log_leaf_read(ks_str(leaves.ptr + at, KS_LOG_LEAF_LEN), &leaf) != KS_OK || leaf.type != KS_LOG_REVOKE)
            continue;
        if ((err = ks_registrar_whose(desk->registrar, arena, leaf.object, &jid, &device)) == KS_ENOTFOUND)
            continue;
        if (err != KS_OK)
            return err;
        out = ks_xml_set(arena, ks_xml_add(arena, append, NS_KONSIL_LOG, "out"), "jid", jid);
        if (!ks_xml_set_u64(arena, out, "device", device))
            return KS_ENOMEM;
    }
    return KS_OK;
}

static enum ks_err write_append(
    struct ks_desk *desk, struct ks_arena *arena, const struct ks_log_page *page, struct ks_str *ret_xml)
{
    struct ks_xml *append = ks_xml_new(arena, NS_KONSIL_LOG, "append"), *checkpoint;
    bool whole = page->from + page->leaves.len / KS_LOG_LEAF_LEN == page->size;
    enum ks_err err;

    if (!ks_xml_set_u64(arena, append, "from", page->from)
        || !add_base64(arena, append, NS_KONSIL_LOG, "leaves", page->leaves))
        return KS_ENOMEM;
    if (whole) {
        checkpoint = ks_xml_add(arena, append, NS_KONSIL_LOG, "checkpoint");
        if (!add_base64(arena, checkpoint, NS_KONSIL_LOG, "data", page->checkpoint.bytes)
            || !add_base64(arena, checkpoint, NS_KONSIL_LOG, "sig",
                ks_str(page->checkpoint.signature, sizeof page->checkpoint.signature))
            || !add_base64(arena, append, NS_KONSIL_LOG, "signer", desk->signer))
            return KS_ENOMEM;
        memcpy(desk->told, page->checkpoint.bytes.ptr, page->checkpoint.bytes.len);
        desk->told_len = page->checkpoint.bytes.len;
    }
    if ((err = add_outs(desk, arena, append, page->leaves)) != KS_OK)
        return err;
    return write_xml(arena, append, ret_xml);
}

enum ks_err ks_desk_next(struct ks_desk *desk, struct ks_arena *arena, struct ks_str *ret_xml, bool *ret_set)
{
    struct ks_log_page page;
    enum ks_err err;

    *ret_xml = KS_STR_EMPTY;
    *ret_set = desk->told_size;
    if (desk->waiting)
        return KS_OK;
    if (!desk->told_size) {
        desk->waiting = true;
        return write_xml(arena, ks_xml_new(arena, NS_KONSIL_LOG, "log"), ret_xml);
    }
    if ((err = ks_registrar_page(desk->registrar, arena, desk->size, &page)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_EDENIED : err;
    if (!page.leaves.len && ks_str_eq(page.checkpoint.bytes, ks_str(desk->told, desk->told_len)))
        return KS_OK;
    desk->waiting = true;
    return write_append(desk, arena, &page, ret_xml);
}

enum ks_err ks_desk_answer(struct ks_desk *desk, struct ks_arena *arena, struct ks_str condition, struct ks_str xml)
{
    struct ks_xml *log = NULL;
    uint64_t size;
    enum ks_err err = xml.len ? ks_xml_read(arena, xml, KS_STR_EMPTY, KS_STR_EMPTY, &log) : KS_ESYNTAX;

    desk->waiting = false;
    if (err <= KS_FATAL)
        return err;
    if (ks_str_is(condition, "conflict"))
        return KS_EDENIED;
    /* Another size than we thought: it was restored, or something got lost on the way. */
    if (!condition.len && err == KS_OK && ks_xml_is(log, NS_KONSIL_LOG, "log")
        && ks_str_u64(ks_xml_attr(log, "size"), KS_MERKLE_SIZE_MAX, &size) == KS_OK) {
        desk->size = size;
        desk->told_size = true;
        return KS_OK;
    }
    desk->told_size = false;
    desk->told_len = 0;
    return KS_EAGAIN;
}
