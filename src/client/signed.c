/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "signed.h"

#include "certs.h"
#include "checkpoint_file.h"
#include "clinical.h"
#include "cms.h"
#include "command.h"
#include "engine.h"
#include "group.h"
#include "history.h"
#include "inbox.h"

#define CHECKPOINT_FILE_MAX 8192

/* --- bytes --- */

static struct ks_xml *add(struct ks_arena *arena, struct ks_xml *node, const char *name, struct ks_str bytes)
{
    struct ks_str text;

    return node && ks_base64(arena, bytes, &text) == KS_OK && ks_xml_add_text(arena, node, NS_KONSIL_SIGNED, name, text)
        ? node
        : NULL;
}

struct ks_xml *ks_signed_write(struct ks_arena *arena, struct ks_xml *content, const struct ks_signed *signed_one)
{
    struct ks_xml *node = ks_xml_add(arena, content, NS_KONSIL_SIGNED, "signed");
    struct ks_str hash;

    if (ks_base64(arena, ks_str(signed_one->certificate, sizeof signed_one->certificate), &hash) != KS_OK)
        return NULL;
    node = add(arena, ks_xml_set(arena, node, "cert", hash), "data", signed_one->data);
    return add(arena, node, "sig", ks_str(signed_one->signature, sizeof signed_one->signature));
}

static enum ks_err exactly(struct ks_arena *arena, struct ks_str text, uint8_t *ret_bytes, size_t len)
{
    struct ks_str bytes;
    enum ks_err err = text.len > len * 2 ? KS_ESYNTAX : ks_base64_read(arena, text, &bytes);

    if (err == KS_OK && bytes.len != len)
        err = KS_ESYNTAX;
    if (err == KS_OK)
        memcpy(ret_bytes, bytes.ptr, len);
    return err;
}

enum ks_err ks_signed_read(struct ks_arena *arena, const struct ks_xml *node, struct ks_signed *ret_signed)
{
    struct ks_str data = ks_xml_text(arena, ks_xml_child(node, NS_KONSIL_SIGNED, "data"));
    struct ks_str signature = ks_xml_text(arena, ks_xml_child(node, NS_KONSIL_SIGNED, "sig"));
    enum ks_err err;

    *ret_signed = (struct ks_signed) { .count = 0 };
    if (data.len > (KS_CLINICAL_BYTES_MAX + 2) / 3 * 4)
        return KS_ESYNTAX;
    if ((err = ks_base64_read(arena, data, &ret_signed->data)) != KS_OK
        || (err = exactly(arena, signature, ret_signed->signature, sizeof ret_signed->signature)) != KS_OK)
        return err;
    if (!ret_signed->data.len)
        return KS_ESYNTAX;
    return exactly(arena, ks_xml_attr(node, "cert"), ret_signed->certificate, sizeof ret_signed->certificate);
}

void ks_signed_encode(struct ks_buf *buf, const struct ks_signed *signed_one)
{
    ks_buf_field(buf, signed_one->data);
    ks_buf_add(buf, ks_str(signed_one->signature, sizeof signed_one->signature));
    ks_buf_add(buf, ks_str(signed_one->certificate, sizeof signed_one->certificate));
    ks_buf_u64(buf, signed_one->leaf);
    ks_buf_byte(buf, signed_one->good);
    ks_buf_byte(buf, (uint8_t)signed_one->count);
    for (size_t i = 0; i < signed_one->count; i++)
        ks_buf_field(buf, signed_one->chain[i]);
}

enum ks_err ks_signed_decode(struct ks_cursor *at, struct ks_signed *ret_signed)
{
    struct ks_str signature, certificate;
    uint8_t good, count;

    *ret_signed = (struct ks_signed) { .count = 0 };
    if (ks_cursor_field(at, &ret_signed->data) != KS_OK
        || ks_cursor_take(at, sizeof ret_signed->signature, &signature) != KS_OK
        || ks_cursor_take(at, sizeof ret_signed->certificate, &certificate) != KS_OK
        || ks_cursor_u64(at, &ret_signed->leaf) != KS_OK || ks_cursor_u8(at, &good) != KS_OK
        || ks_cursor_u8(at, &count) != KS_OK || count > KS_CHAIN_MAX || !ret_signed->data.len)
        return KS_ESTORE;
    memcpy(ret_signed->signature, signature.ptr, signature.len);
    memcpy(ret_signed->certificate, certificate.ptr, certificate.len);
    ret_signed->good = good;
    for (; ret_signed->count < count; ret_signed->count++)
        if (ks_cursor_field(at, &ret_signed->chain[ret_signed->count]) != KS_OK)
            return KS_ESTORE;
    return KS_OK;
}

/* --- certificates --- */

struct looking {
    struct konsil *k;
    struct ks_signed *signed_one;
    enum ks_err err;
};

static bool is_it(void *user, const struct ks_cert *cert)
{
    struct looking *looking = user;

    if (memcmp(cert->hash, looking->signed_one->certificate, sizeof cert->hash) != 0)
        return true;
    looking->signed_one->leaf = cert->leaf;
    looking->signed_one->count = 1;
    looking->err = ks_arena_copy(&looking->k->arena, cert->der, &looking->signed_one->chain[0]);
    return false;
}

/* The signer's, and above it the authorities of our own: one hospital has one path to its root. */
static enum ks_err find_chain(struct konsil *k, struct ks_str jid, uint32_t device, struct ks_signed *signed_one)
{
    struct looking looking = { k, signed_one, KS_OK };
    struct ks_str own[KS_CHAIN_MAX];
    size_t count;
    enum ks_err err;

    signed_one->count = 0;
    if (!ks_enrolled(k))
        return KS_OK;
    if ((err = ks_enrolment_chain(k, own, &count)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (memcmp(k->enrolment.hash, signed_one->certificate, sizeof k->enrolment.hash) == 0) {
        signed_one->leaf = k->enrolment.leaf;
        signed_one->chain[signed_one->count++] = own[0];
    } else if ((err = ks_cert_each(k, jid, device, is_it, &looking)) != KS_OK || (err = looking.err) != KS_OK) {
        return err;
    }
    for (size_t i = 1; signed_one->count > 0 && i < count; i++)
        signed_one->chain[signed_one->count++] = own[i];
    return KS_OK;
}

/* --- judging --- */

/* What the key log says of the signer, and of the checkpoint that he had. */
static void ask_log(
    struct konsil *k, const struct ks_signed *signed_one, uint64_t log_size, struct ks_clinical_log *ret_log)
{
    struct ks_signed_checkpoint kept;
    struct ks_checkpoint checkpoint;
    enum ks_log_verdict verdict =
        ks_log_view_revoked(k->log_follow.view, signed_one->certificate, signed_one->leaf, &ret_log->since_ms);

    ret_log->listing = verdict == KS_LOG_LISTED ? KS_CLINICAL_LISTED
        : verdict == KS_LOG_REVOKED             ? KS_CLINICAL_REVOKED_SINCE
                                                : KS_CLINICAL_UNASKED;
    ret_log->known = ks_log_view_at(k->log_follow.view, log_size, &kept)
        && ks_checkpoint_read(kept.bytes, ks_str_z(k->domain), &checkpoint) == KS_OK;
    if (ret_log->known) {
        ret_log->root = checkpoint.root;
        ret_log->t_ms = checkpoint.t_s * 1000;
    }
}

/* ret_report may hold views into the step's arena. */
static enum ks_err judge(struct konsil *k, const struct ks_signed *signed_one, const struct ks_clinical *clinical,
    struct ks_clinical_report *ret_report)
{
    struct ks_clinical_log log = { .listing = KS_CLINICAL_UNASKED };

    ask_log(k, signed_one, clinical->log_size, &log);
    return ks_clinical_check(&k->arena, signed_one->data, signed_one->signature, signed_one->chain, signed_one->count,
        ks_enrolment_root(k), &log, ret_report);
}

static bool is_for(const struct ks_clinical *clinical, struct ks_str jid)
{
    for (size_t i = 0; i < clinical->to_count; i++)
        if (ks_str_eq(clinical->to[i], jid))
            return true;
    return false;
}

enum ks_err ks_signed_take(struct konsil *k, const struct ks_inbound *in, const struct ks_message *message,
    struct ks_signed *signed_one, bool *ret_is)
{
    struct ks_clinical_report report;
    struct ks_clinical clinical;
    enum ks_err err = ks_clinical_read(&k->arena, signed_one->data, &clinical);

    *ret_is = err == KS_OK && ks_str_eq(clinical.id, message->id) && ks_str_eq(clinical.jid, message->author)
        && ks_str_eq(clinical.text, message->body) && is_for(&clinical, in->room || in->mine ? in->peer : ks_own(k));
    if (err <= KS_FATAL)
        return err;
    if (!*ret_is)
        return KS_OK;
    if ((err = find_chain(k, message->author, message->device, signed_one)) != KS_OK || signed_one->count == 0)
        return err;
    err = judge(k, signed_one, &clinical, &report);
    signed_one->good = err == KS_OK && (report.verdict == KS_CLINICAL_GOOD || report.verdict == KS_CLINICAL_REVOKED);
    return err;
}

/* Its author's certificate may have come after the message, as with one that was restored. */
static enum ks_err look_again(struct konsil *k, const struct ks_message *message, const struct ks_clinical *clinical,
    struct ks_signed *signed_one)
{
    struct ks_clinical_report report;
    enum ks_err err;

    *signed_one = message->signed_one;
    if (signed_one->count)
        return KS_OK;
    if ((err = find_chain(k, message->author, message->device, signed_one)) != KS_OK || signed_one->count == 0)
        return err;
    err = judge(k, signed_one, clinical, &report);
    signed_one->good = err == KS_OK && (report.verdict == KS_CLINICAL_GOOD || report.verdict == KS_CLINICAL_REVOKED);
    return err;
}

static enum ks_js_signed word_of(enum ks_clinical_type type)
{
    switch (type) {
    case KS_CLINICAL_ORDER:
        return KS_JS_SIGNED_ORDER;
    case KS_CLINICAL_CONSULT_ANSWER:
        return KS_JS_SIGNED_CONSULT_ANSWER;
    case KS_CLINICAL_HANDOVER:
        return KS_JS_SIGNED_HANDOVER;
    case KS_CLINICAL_ACK:
    case KS_CLINICAL_TYPES:
        break;
    }
    return KS_JS_SIGNED_ACK;
}

enum ks_err ks_signed_event(struct konsil *k, const struct ks_message *message, struct ks_js_message *event)
{
    struct ks_clinical_log log = { .listing = KS_CLINICAL_UNASKED };
    struct ks_signed signed_one;
    struct ks_clinical clinical;
    enum ks_err err;

    if (!(message->flags & KS_MSG_SIGNED))
        return KS_OK;
    if ((err = ks_clinical_read(&k->arena, message->signed_one.data, &clinical)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESTORE;
    if ((err = look_again(k, message, &clinical, &signed_one)) != KS_OK)
        return err;
    event->signed_as = word_of(clinical.type);
    event->case_number = clinical.case_id.len > 0 ? clinical.case_id : KS_STR_EMPTY;
    event->signature = KS_JS_SIGNATURE_UNKNOWN;
    if (signed_one.count == 0)
        return KS_OK;
    ask_log(k, &signed_one, clinical.log_size, &log);
    event->signature = !signed_one.good            ? KS_JS_SIGNATURE_INVALID
        : log.listing != KS_CLINICAL_REVOKED_SINCE ? KS_JS_SIGNATURE_VALID
        : log.since_ms <= clinical.time_ms         ? KS_JS_SIGNATURE_REVOKED
                                                   : KS_JS_SIGNATURE_REVOKED_LATER;
    return KS_OK;
}

/* --- commands --- */

static enum ks_clinical_type type_of(enum ks_js_signed kind)
{
    switch (kind) {
    case KS_JS_SIGNED_ORDER:
        return KS_CLINICAL_ORDER;
    case KS_JS_SIGNED_CONSULT_ANSWER:
        return KS_CLINICAL_CONSULT_ANSWER;
    case KS_JS_SIGNED_HANDOVER:
        return KS_CLINICAL_HANDOVER;
    case KS_JS_SIGNED_ACK:
    case KS_JS_SIGNED_NONE_GIVEN:
        break;
    }
    return KS_CLINICAL_ACK;
}

/* What it is about: signed messages of the conversation. KS_ENOTFOUND: one is none. */
static enum ks_err find_refs(struct konsil *k, const struct ks_cmd_sign *sign, struct ks_clinical *clinical)
{
    struct ks_message message;
    enum ks_err err;

    if (!(clinical->refs = ks_arena_zero(&k->arena, (sign->about.count + 1) * sizeof(*clinical->refs))))
        return KS_ENOMEM;
    for (; clinical->ref_count < sign->about.count; clinical->ref_count++) {
        struct ks_clinical_ref *ref = &clinical->refs[clinical->ref_count];

        ref->id = sign->about.items[clinical->ref_count];
        if ((err = ks_history_find(k, sign->to, ref->id, KS_STR_EMPTY, &message)) != KS_OK)
            return err;
        if (!(message.flags & KS_MSG_SIGNED))
            return KS_ENOTFOUND;
        ks_hash(KS_SHA256, message.signed_one.data, ref->sha256);
    }
    return KS_OK;
}

/* Who signs, as the own certificate has it, and what he knows of the key log. KS_ENOTFOUND: no certificate that is of
 * use, or no log. */
static enum ks_err find_author(struct konsil *k, struct ks_clinical *clinical, struct ks_signed *signed_one)
{
    enum ks_cert_verdict verdict = KS_CERT_MALFORMED;
    struct ks_checkpoint checkpoint;
    struct ks_device_cert own;
    enum ks_err err;

    if (!ks_enrolled(k) || !k->enrolment.certified || !ks_log_view_newest(k->log_follow.view, &checkpoint, NULL))
        return KS_ENOTFOUND;
    if ((err = ks_enrolment_chain(k, signed_one->chain, &signed_one->count)) != KS_OK
        || (err = ks_device_chain_check(&k->arena, signed_one->chain, signed_one->count, ks_enrolment_root(k),
                ks_log_follow_now_s(k), &own, &verdict))
            != KS_OK)
        return err;
    if (verdict != KS_CERT_GOOD)
        return KS_ENOTFOUND;
    clinical->jid = own.names.jid;
    clinical->name = own.name;
    clinical->dept = own.department;
    clinical->log_size = checkpoint.size;
    clinical->log_root = checkpoint.root;
    signed_one->leaf = k->enrolment.leaf;
    signed_one->good = true;
    memcpy(signed_one->certificate, k->enrolment.hash, sizeof signed_one->certificate);
    return KS_OK;
}

enum ks_err ks_cmd_on_sign(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_sign *sign = &cmd->sign;
    struct ks_content content = { .says = KS_SAYS_TEXT, .body = sign->body };
    struct ks_clinical clinical = { .type = type_of(sign->kind), .time_ms = k->now.wall_ms, .text = sign->body };
    struct ks_str to = sign->to, id;
    struct ks_group group;
    enum ks_err err = ks_group_get(k, sign->to, &group);

    if (ks_str_eq(sign->to, ks_own(k)))
        return ks_cmd_refuse(k, cmd, KS_CODE_TO_SELF, KS_STR_EMPTY);
    if (err == KS_OK && group.flags & KS_GROUP_FOREIGN)
        return ks_cmd_refuse(k, cmd, KS_CODE_ROOM_FOREIGN, KS_STR_EMPTY);
    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if ((err = find_author(k, &clinical, &content.signed_one)) == KS_ENOTFOUND)
        return ks_cmd_refuse(k, cmd, KS_CODE_SIGN_UNCERTIFIED, KS_STR_EMPTY);
    if (err != KS_OK)
        return err;
    if ((err = find_refs(k, sign, &clinical)) == KS_ENOTFOUND
        || (err == KS_OK && clinical.type == KS_CLINICAL_ACK && clinical.ref_count == 0))
        return ks_cmd_refuse(k, cmd, KS_CODE_SIGN_ABOUT, KS_STR_EMPTY);
    if (err != KS_OK || (err = ks_new_id(k, &content.k.id)) != KS_OK)
        return err;
    clinical.id = content.k.id;
    clinical.to = &to;
    clinical.to_count = 1;
    clinical.case_id = sign->case_number;
    if ((err = ks_clinical_write(&k->arena, &clinical, &content.signed_one.data)) == KS_ESYNTAX || err == KS_ELIMIT)
        return ks_cmd_refuse(k, cmd, KS_CODE_SIGN_TEXT, KS_STR_EMPTY);
    if (err != KS_OK)
        return err;
    ks_device_sign(k, content.signed_one.data, content.signed_one.signature);
    content.k.urgency = sign->wake == KS_JS_WAKE_HIGH ? KS_URGENCY_HIGH : KS_URGENCY_NORMAL;
    return (err = ks_outbox_add(k, sign->to, &content, &id)) == KS_OK ? ks_cmd_done_message(k, cmd, id) : err;
}

/* The checkpoint that the statement names, with its signer's certificate, if both are still here (§20.5). */
static enum ks_err checkpoint_file(struct konsil *k, const struct ks_signed *signed_one, struct ks_str *ret_text)
{
    struct ks_evidence evidence = { .asks = 0 };
    struct ks_checkpoint checkpoint;
    struct ks_clinical clinical;
    struct ks_buf text;
    bool have;
    enum ks_err err = ks_clinical_read(&k->arena, signed_one->data, &clinical);

    *ret_text = KS_STR_EMPTY;
    if (err != KS_OK || (err = ks_log_follow_show(k, clinical.log_size, &evidence, &have)) != KS_OK || !have)
        return err;
    if (ks_checkpoint_read(evidence.checkpoint.bytes, ks_str_z(k->domain), &checkpoint) != KS_OK
        || checkpoint.size != clinical.log_size)
        return KS_OK;
    ks_buf_init(&text, CHECKPOINT_FILE_MAX);
    ks_checkpoint_file_write(&evidence.checkpoint, evidence.signer, &text);
    if ((err = ks_buf_err(&text)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&text), ret_text);
    ks_buf_done(&text);
    return err;
}

enum ks_err ks_cmd_on_signed_file(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_signed_file *given = &cmd->signed_file;
    struct ks_ev_signed_file event = { .re = cmd->id, .conversation = given->conversation, .message = given->message };
    struct ks_clinical clinical;
    struct ks_message message;
    struct ks_str der;
    struct ks_cms cms;
    enum ks_err err = ks_history_find(k, given->conversation, given->message, KS_STR_EMPTY, &message);

    if (err == KS_ENOTFOUND)
        return ks_cmd_refuse(k, cmd, KS_CODE_NO_MESSAGE, KS_STR_EMPTY);
    if (err != KS_OK)
        return err;
    if (!(message.flags & KS_MSG_SIGNED))
        return ks_cmd_refuse(k, cmd, KS_CODE_SIGN_NONE, KS_STR_EMPTY);
    if ((err = ks_clinical_read(&k->arena, message.signed_one.data, &clinical)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESTORE;
    if ((err = look_again(k, &message, &clinical, &message.signed_one)) != KS_OK)
        return err;
    if (message.signed_one.count == 0 || !message.signed_one.good)
        return ks_cmd_refuse(k, cmd, KS_CODE_SIGN_UNKNOWN, KS_STR_EMPTY);
    cms = (struct ks_cms) { .content = message.signed_one.data, .count = message.signed_one.count };
    memcpy(cms.chain, message.signed_one.chain, sizeof cms.chain);
    memcpy(cms.signature, message.signed_one.signature, sizeof cms.signature);
    if ((err = ks_cms_write(&k->arena, &cms, &der)) != KS_OK || (err = ks_base64(&k->arena, der, &event.file)) != KS_OK
        || (err = checkpoint_file(k, &message.signed_one, &event.checkpoint)) != KS_OK)
        return err;
    return ks_tell(k, KS_EV_SIGNED_FILE, &event);
}
