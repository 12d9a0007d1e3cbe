/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* message.c -- the way of a message at its recipient's home: policy, archive, commit, delivery (RFC 6121 §8.5). */
#include "message.h"

#include "c2s_component.h"
#include "omemo_trim.h"
#include "retraction.h"
#include "route.h"
#include "session.h"
#include "user.h"
#include "xml_writer.h"

/* XEP-0334 §4, and what XEP-0313 §4 leaves to the server: messages that a person or her client would miss. */
bool ks_message_is_kept(const struct ks_stanza *message)
{
    const struct ks_xml *xml = message->xml;

    if (message->type != KS_MSG_CHAT && message->type != KS_MSG_NORMAL)
        return false;
    if (ks_xml_child(xml, NS_HINTS, "store"))
        return true;
    if (ks_xml_child(xml, NS_HINTS, "no-store") || ks_xml_child(xml, NS_HINTS, "no-permanent-store"))
        return false;
    return ks_xml_child(xml, NS_CLIENT, "body") || ks_xml_child(xml, NS_OMEMO, "encrypted")
        || ks_xml_child(xml, NS_AXOLOTL, "encrypted") || ks_xml_child(xml, NS_RECEIPTS, "received")
        || ks_xml_child(xml, NS_RETRACT, "retract") || ks_xml_child(xml, NS_CONFERENCE, "x"); /* XEP-0249 §2 */
}

const struct ks_archive_row *ks_message_row(const struct ks_ctx *ctx)
{
    const struct ks_archive_row *row = ctx->txn ? ks_store_txn_archived(ctx->txn, 0) : NULL;

    return row && row->id ? row : NULL;
}

/* The stanza is stored as ks_xml_write has it where no namespace is around it: its name, its namespace, and no '>' in
 * attributes. In bare JIDs and domains nothing is to be escaped (RFC 7622 §3.3). */
struct ks_bytes *ks_message_bytes(const struct ks_ctx *ctx, const struct ks_archive_row *row, bool late)
{
    const struct ks_str begin = KS_STR("<message xmlns='" NS_CLIENT "'");
    struct ks_str rest = row->stanza, delay = KS_STR_EMPTY;
    struct ks_omemo_trim trim;
    char id[KS_ARCHIVE_ID_LEN], stamp[KS_STAMP_LEN + 1];

    if (!ks_str_starts(rest, begin))
        return NULL;
    rest = ks_str_from(rest, begin.len);
    size_t tag = ks_str_find_byte(rest, '>');
    if (tag == rest.len || (tag > 0 && rest.ptr[tag - 1] == '/'))
        return NULL;
    if (late) {
        const struct ks_str parts[] = { KS_STR("<delay xmlns='" NS_DELAY "' from='"), ks_user_jid(ctx->user).domain,
            KS_STR("' stamp='"), ks_stamp_write(row->stamp_ms, stamp), KS_STR("'/>") };
        if (ks_arena_join(ctx->arena, parts, KS_COUNT(parts), &delay) != KS_OK)
            return NULL;
    }
    struct ks_str parts[8 + KS_OMEMO_TRIM_PARTS_MAX] = { KS_STR("<message"), ks_str_head(rest, tag + 1),
        KS_STR("<stanza-id xmlns='" NS_SID "' by='"), ks_user_bare(ctx->user), KS_STR("' id='"),
        ks_archive_id_write(ctx->reactor->server->archive_ids, row->id, id), KS_STR("'/>"), delay };
    ks_omemo_trim_read(ctx->arena, ks_str_from(rest, tag + 1), &trim);
    return ks_bytes_join(parts,
        8 + ks_omemo_trim_parts(&trim, ks_user_bare(ctx->user), ks_omemo_trim_devices(&trim, ctx->user), parts + 8));
}

/* To one session; to one that is being given what waited, behind that. */
static void give(
    struct ks_session *s, const struct ks_stanza *message, struct ks_bytes *bytes, const struct ks_archive_row *row)
{
    if (s->fetching && row)
        s->passed_by = row->id;
    else
        ks_session_deliver(s, message->xml, bytes, row ? row->stamp_ms : 0);
}

/* RFC 6121 §8.5.2.1.1, §8.5.3: the sessions that get it. The stanza goes to each as it is. */
static uint64_t deliver(struct ks_ctx *ctx, struct ks_stanza *message, const struct ks_archive_row *row)
{
    struct ks_session *s = NULL, *resource = NULL;
    uint64_t count = 0;
    struct ks_bytes *bytes;

    if (!ks_jid_is_bare(message->to))
        resource = ks_user_resource(ctx->user, message->to.resource);
    /* §8.5.2.1.1, §8.5.3.2.1: an error is for one resource, and nobody else is told. Of the others for a resource that
     * is not there, chat is handled as if for the bare JID. So is normal, though the RFC would have it ignored or
     * refused: it is in the archive of both sides already, and a person would miss it. */
    if (!resource
        && (message->type == KS_MSG_ERROR
            || (!ks_jid_is_bare(message->to) && message->type != KS_MSG_CHAT && message->type != KS_MSG_NORMAL)))
        return 0;
    bytes = row ? ks_message_bytes(ctx, row, false)
                : ks_stanza_bytes(ctx->reactor,
                    ks_omemo_trim_tree(ctx->arena, message->xml, ks_user_bare(ctx->user), ks_omemo_devices(ctx->user)));
    if (!bytes)
        return 0;
    if (resource) {
        give(resource, message, bytes, row);
        count = 1;
    } else {
        while ((s = ks_user_session(ctx->user, s)))
            if (ks_session_available(s) && s->priority >= 0) {
                give(s, message, bytes, row);
                count++;
            }
    }
    ks_bytes_unref(bytes);
    return count;
}

/* --- what a message takes back (XEP-0424) --- */

/* What a message of the parcel looked for before it was stored: parcel->user, or NULL. */
struct look {
    struct ks_str author, with, id;
    uint64_t account;
    bool behind; /* others were before it that were not stored yet: what it takes back may be among them */
    bool found;
};

/* §6: "The archiving service … MUST store the retraction message": what is not kept takes nothing back. */
static struct ks_str taken_back(const struct ks_stanza *message)
{
    struct ks_str id = ks_xml_attr(ks_xml_child(message->xml, NS_RETRACT, "retract"), "id");

    return ks_message_is_kept(message) && id.len <= KS_RETRACT_ID_MAX ? id : KS_STR_EMPTY;
}

static void bury(struct ks_ctx *ctx, const struct ks_store_req *req)
{
    struct look *look = ctx->parcel->user;

    /* §4 wants ids to be unique; of two with one id the newer was meant. */
    for (size_t i = req->result == KS_OK ? req->rows_count : 0; i-- > 0 && !look->found;)
        if ((look->found = ks_retraction_names(look->author, &req->rows[i], look->id)))
            ks_retraction_bury(ctx, &req->rows[i], ctx->parcel->stanza.id, KS_STR_EMPTY);
}

static bool look_for(struct ks_ctx *ctx, uint64_t before_id, void (*answered)(struct ks_ctx *, struct ks_store_req *))
{
    struct look *look = ctx->parcel->user;
    struct ks_retraction what = { .account = look->account,
        .author = look->author,
        .with = look->with,
        .ids = &look->id,
        .count = 1,
        .before_id = before_id };

    return ks_retraction_find(ctx, &what, answered);
}

static void looked_again(struct ks_ctx *ctx, struct ks_store_req *req)
{
    bury(ctx, req);
}

/* All before it is stored now, too. */
static void look_again(struct ks_ctx *ctx, uint64_t row)
{
    const struct look *look = ctx->parcel->user;

    if (look && look->id.len && look->behind && !look->found && !look_for(ctx, row, looked_again))
        ks_log(ctx->reactor->log, KS_ERROR, "retraction.memory", KS_ERR(KS_ENOMEM));
}

/* --- commit and delivery --- */

static void sent_run(struct ks_ctx *ctx)
{
    ks_run_passes(ctx, KS_STAGE_SENT, &ctx->parcel->stanza);
}

/* All is durable: the message goes to its sessions, and word of it to the sender's home, for carbons. */
static void committed(struct ks_ctx *ctx)
{
    struct ks_parcel *parcel = ctx->parcel;
    struct ks_stanza *message = &parcel->stanza;
    const struct ks_archive_row *row = ks_message_row(ctx);

    if (ctx->domain->component) {
        struct ks_session *s = ks_component_session(ctx);
        if (s)
            ks_session_write_xml(s, message->xml, 0);
    } else if (ks_run_passes(ctx, KS_STAGE_DELIVER, message) == KS_PASS_ON) {
        parcel->number = deliver(ctx, message, row);
        ks_run_passes(ctx, KS_STAGE_DELIVERED, message);
    }
    if (row)
        look_again(ctx, row->id);
    if (parcel->from_account && !ks_jid_eq_bare(message->from, ks_user_jid(ctx->user))) {
        struct ks_parcel *word = ks_parcel_child(parcel, KS_PARCEL_BYTES_MAX);
        if (word && ks_jid_text(&word->arena, ks_jid_bare(message->from), &word->home) == KS_OK) {
            word->stanza = *message;
            word->run = sent_run;
            word->refused = ks_parcel_ignore;
            word->number = row ? row->id : 0;
            ks_ctx_post(ctx, word);
        } else {
            ks_parcel_unref(ctx->reactor, word);
        }
    }
}

/* In the archives of both who have one; then it goes on. */
static void keep(struct ks_ctx *ctx, struct ks_stanza *message)
{
    uint64_t from = ctx->parcel->from_account, to = ks_user_account(ctx->user);

    if (ks_message_is_kept(message) && (from || to)) {
        struct ks_store_req *txn = ks_ctx_txn(ctx);
        struct ks_archive_row row = { .owner = { from == to ? 0 : from, to }, /* a note to oneself is there once */
            .stanza = ks_reactor_write(ctx->reactor, message->xml, KS_STR_EMPTY) };
        if (!txn || !row.stanza.ptr || ks_jid_text(ctx->arena, ks_jid_bare(message->to), &row.with[0])
            || ks_jid_text(ctx->arena, ks_jid_bare(message->from), &row.with[1])) {
            ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
            return;
        }
        ks_store_txn_archive(txn, &row);
    }
    ctx->committed = committed;
}

/* An earlier row, perhaps, and it is this one's turn: the tombstone is stored with the retraction, or neither. */
static void looked(struct ks_ctx *ctx, struct ks_store_req *req)
{
    const struct look *look = ctx->parcel->user;

    ctx->user->looking--;
    if ((req->result != KS_OK && req->result != KS_ENOTFOUND) || ctx->user->state != KS_USER_LOADED)
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
    else if (!ctx->domain->component && !ks_user_exists(ctx->user)) /* any more */
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
    else {
        if (look->id.len)
            bury(ctx, req);
        keep(ctx, &ctx->parcel->stanza);
    }
}

/* In the author's archive, or else in the recipient's: a row has both. What comes meanwhile waits behind it, so that
 * nothing overtakes. */
static void look_first(struct ks_ctx *ctx, const struct ks_stanza *message)
{
    struct look *look = KS_NEW(ctx->arena, struct look);
    uint32_t before = ctx->user->questions;
    struct ks_str from, to;
    uint64_t row = 0;

    if (!look || ks_jid_text(ctx->arena, ks_jid_bare(message->from), &from) != KS_OK
        || ks_jid_text(ctx->arena, ks_jid_bare(message->to), &to) != KS_OK)
        return; /* ks_ctx_end sees to it */
    look->account = ctx->parcel->from_account ? ctx->parcel->from_account : ks_user_account(ctx->user);
    look->with = ctx->parcel->from_account ? to : from;
    look->author = from;
    look->id = taken_back(message);
    look->behind = ctx->user->looking;
    ctx->parcel->user = look;
    if (!look->id.len)
        ks_ask(ctx, ks_store_rows_new(ks_user_account(ctx->user), &row, 0), looked);
    else if (!look_for(ctx, 0, looked))
        return;                                          /* likewise */
    ctx->user->looking += ctx->user->questions - before; /* else it was refused */
}

static void keep_in_turn(struct ks_ctx *ctx, struct ks_stanza *message)
{
    ctx->parcel->user = NULL;
    if (ctx->user->looking || taken_back(message).len)
        look_first(ctx, message);
    else
        keep(ctx, message);
}

void ks_message_arrived(struct ks_ctx *ctx, struct ks_stanza *message)
{
    if (ctx->domain->component) { /* which has no archive: its sender's has it */
        keep_in_turn(ctx, message);
        return;
    }
    if (!ks_user_exists(ctx->user)) {
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL); /* RFC 6121 §8.5.1 */
        return;
    }
    if (ks_run_passes(ctx, KS_STAGE_RECEIVE, message) == KS_PASS_STOP)
        return;
    if (message->type == KS_MSG_GROUPCHAT && ks_jid_is_bare(message->to)) {
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL); /* RFC 6121 §8.5.2.1.1: there is no room here */
        return;
    }
    keep_in_turn(ctx, message);
}
