/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "moderate.h"

#include "chain.h"
#include "command.h"
#include "engine.h"
#include "erase.h"
#include "group.h"
#include "history.h"
#include "inbox.h"
#include "outbox_record.h"

#define ROW 'm'
#define OWED_MAX 1000
#define CHAINS_MAX 64 /* numberings with gaps, of one author in one room */

/* --- who may --- */

/* What is read of the archive may be the word of one who was an owner when the server took it. */
static enum ks_err may_moderate(struct konsil *k, const struct ks_inbound *in, const struct ks_k *cited, bool *ret_may)
{
    const struct ks_group_live *live = ks_group_live(k, in->peer);
    struct ks_group group;
    enum ks_err err = ks_group_get(k, in->peer, &group);

    *ret_may = err == KS_OK && ks_group_owns_by_all(&group, in->from);
    if (err != KS_OK || *ret_may || !live || live->ready || !cited->has_state)
        return err == KS_ENOTFOUND ? KS_OK : err;
    return ks_group_owned_then(k, in->peer, cited, in->from, in->stamp_ms, ret_may);
}

/* --- another's word --- */

struct gaps {
    struct ks_str author;
    struct {
        uint32_t device;
        uint64_t epoch;
    } at[CHAINS_MAX];
    size_t count;
};

static bool take_gaps(void *user, const struct ks_chain *chain)
{
    struct gaps *gaps = user;

    if (chain->gap_count == 0 || !ks_str_eq(chain->author, gaps->author))
        return true;
    gaps->at[gaps->count].device = chain->device;
    gaps->at[gaps->count].epoch = chain->epoch;
    return ++gaps->count < CHAINS_MAX;
}

/* What was taken out before it could come here is not missing. */
static enum ks_err close_gap(struct konsil *k, struct ks_str room, const struct ks_content *content)
{
    struct gaps gaps = { .author = content->target_author };
    enum ks_err err = ks_chain_visit(k, room, take_gaps, &gaps);

    for (size_t i = 0; err == KS_OK && i < gaps.count; i++) {
        struct ks_chain chain;

        if ((err = ks_chain_get(k, room, gaps.author, gaps.at[i].device, gaps.at[i].epoch, &chain)) == KS_OK)
            err = ks_intake_close(k, &chain, content);
    }
    return err;
}

/* The files of a message only its account can delete, and which other stanzas changed it only its author knows: so the
 * device that sent such a one takes it back, too. */
static enum ks_err take_back(struct konsil *k, const struct ks_reference *reference)
{
    struct ks_content content = { .says = KS_SAYS_RETRACT, .target = reference->content->target };
    struct ks_message target;
    struct ks_str id;
    enum ks_err err = ks_history_find(k, reference->conversation, content.target, ks_own(k), &target);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (!(target.flags & (KS_MSG_FILES | KS_MSG_EDITED)) || target.device != ks_omemo_device(k->omemo))
        return KS_OK;
    content.has_ref = target.flags & KS_MSG_HAS_HASH;
    memcpy(content.ref_hash, target.hash, sizeof(content.ref_hash));
    if ((err = ks_erase_want(k, &target, k->outbox.next)) != KS_OK)
        return err;
    return ks_outbox_add(k, reference->conversation, &content, &id);
}

enum ks_err ks_moderate_take(struct konsil *k, const struct ks_inbound *in, const struct ks_reference *reference)
{
    const struct ks_content *content = reference->content;
    bool may;
    enum ks_err err;

    if (!in->room)
        return KS_OK; /* between two there is nobody to do that */
    if ((err = may_moderate(k, in, &content->k, &may)) != KS_OK)
        return err;
    if (!may)
        return ks_group_warn(k, KS_CODE_ROOM_NOT_MODERATOR, in->peer, in->from, KS_STR_EMPTY);
    if (ks_str_eq(content->target_author, ks_own(k)) && (err = take_back(k, reference)) != KS_OK)
        return err;
    if ((err = ks_refer_retract(k, reference)) != KS_OK)
        return err;
    return content->has_ref ? close_gap(k, in->peer, content) : KS_OK;
}

/* --- our word --- */

/* *ret_code: why not, or NULL. */
static enum ks_err find_target(
    struct konsil *k, const struct ks_cmd_moderate *ask, struct ks_message *target, const char **ret_code)
{
    struct ks_group group;
    enum ks_err err = ks_group_get(k, ask->room, &group);

    *ret_code = NULL;
    if (err == KS_ENOTFOUND)
        *ret_code = KS_CODE_ROOM_NONE;
    else if (err == KS_OK && group.flags & KS_GROUP_FOREIGN)
        *ret_code = KS_CODE_ROOM_FOREIGN;
    else if (err == KS_OK
        && (group.flags & (KS_GROUP_LEFT | KS_GROUP_REMOVED) || !ks_group_owns_by_all(&group, ks_own(k))))
        *ret_code = KS_CODE_ROOM_NOT_OWNER;
    if (*ret_code || err != KS_OK)
        return *ret_code ? KS_OK : err;
    err = ks_history_find(k, ask->room, ask->message, ask->author, target);
    if (err == KS_ENOTFOUND || (err == KS_OK && target->flags & KS_MSG_NOTICE))
        *ret_code = KS_CODE_NO_MESSAGE;
    else if (err == KS_OK && target->flags & KS_MSG_RETRACTED)
        *ret_code = KS_CODE_RETRACTED;
    return err == KS_ENOTFOUND ? KS_OK : err;
}

/* An own one is taken back as anywhere: then there is nobody whose word stood against it. */
static enum ks_err owe(struct konsil *k, const struct ks_message *target)
{
    struct ks_str archive_id;
    enum ks_err err;

    if (target->flags & KS_MSG_MINE)
        return ks_erase_want(k, target, k->outbox.next);
    err = ks_displayed_archive_id(k, target->conversation, target->order, &archive_id);
    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err; /* it never stood in an archive that we read */
    return ks_out_put_row(k, ROW, k->outbox.next, archive_id);
}

enum ks_err ks_moderate_ask(struct konsil *k, const struct ks_cmd *cmd)
{
    const struct ks_cmd_moderate *ask = &cmd->moderate;
    struct ks_content content = { .says = KS_SAYS_RETRACT };
    struct ks_reference reference = {
        .conversation = ask->room, .author = ks_own(k), .time_ms = k->now.wall_ms, .content = &content
    };
    struct ks_message target;
    const char *code;
    enum ks_err err = find_target(k, ask, &target, &code);

    if (err != KS_OK || code)
        return code ? ks_cmd_refuse(k, cmd, code, KS_STR_EMPTY) : err;
    content.target = target.id;
    if (!(target.flags & KS_MSG_MINE)) {
        content.target_author = target.author;
        content.body = ask->reason;
    }
    content.has_ref = target.flags & KS_MSG_HAS_HASH;
    memcpy(content.ref_hash, target.hash, sizeof(content.ref_hash));
    if ((err = owe(k, &target)) != KS_OK || (err = ks_outbox_add(k, ask->room, &content, &reference.id)) != KS_OK
        || (err = ks_refer_retract(k, &reference)) != KS_OK)
        return err;
    return ks_cmd_done_message(k, cmd, reference.id);
}

/* --- the room's copy --- */

static enum ks_err on_answer(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    if (!answer || ks_str_is(ks_str_z(ks_iq_condition(answer)), "resource-constraint"))
        return KS_OK; /* asked again when we are in the room again */
    return ks_out_del_row(k, ROW, iq->number);
}

enum ks_err ks_moderate_on_server(struct konsil *k, const struct ks_out *out)
{
    struct ks_xml *moderate;
    struct ks_str archive_id;
    enum ks_err err;

    if (out->says != KS_SAYS_RETRACT || !ks_online(k))
        return KS_OK;
    if ((err = ks_out_get_row(k, ROW, out->seq, &archive_id)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    /* XEP-0425 §4; without a reason, which the server would read */
    moderate = ks_xml_set(&k->arena, ks_xml_new(&k->arena, NS_MODERATE, "moderate"), "id", archive_id);
    if (!ks_xml_add(&k->arena, moderate, NS_RETRACT, "retract"))
        return KS_ENOMEM;
    err = ks_iq_send(k, "set", out->conversation, moderate, on_answer, KS_STR_EMPTY, out->seq);
    return err == KS_EAGAIN ? KS_OK : err;
}

enum ks_err ks_moderate_entered(struct konsil *k, struct ks_str room)
{
    uint64_t *seqs;
    size_t count;
    enum ks_err err = ks_out_list(k, ROW, OWED_MAX, &seqs, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++) {
        struct ks_out out;

        if ((err = ks_out_load(k, seqs[i], &out)) == KS_OK && ks_str_eq(out.conversation, room)
            && (out.state == KS_OUT_SERVER || out.state == KS_OUT_DONE))
            err = ks_moderate_on_server(k, &out);
    }
    return err == KS_ENOTFOUND ? KS_ESTORE : err;
}

enum ks_err ks_moderate_owes(struct konsil *k, uint64_t seq, bool *ret_owes)
{
    struct ks_str archive_id;
    enum ks_err err = ks_out_get_row(k, ROW, seq, &archive_id);

    *ret_owes = err == KS_OK;
    return err == KS_ENOTFOUND ? KS_OK : err;
}
