/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "refer.h"

#include "chain.h"
#include "early.h"
#include "engine.h"
#include "erase.h"

static enum ks_err wait_for(struct konsil *k, const struct ks_reference *reference, enum ks_early_kind kind)
{
    struct ks_early early = { kind, *reference };

    return ks_early_keep(k, &early);
}

/* --- targets --- */

/* True if the target is another text here than the reference's author saw. */
static bool is_other_text(const struct ks_message *target, const struct ks_content *content)
{
    return content->has_ref && target->flags & KS_MSG_HAS_HASH
        && memcmp(target->hash, content->ref_hash, KS_SCE_HASH_LEN) != 0;
}

bool ks_refer_newer(int64_t time_ms, struct ks_str id, int64_t than_ms, struct ks_str than_id)
{
    return time_ms > than_ms || (time_ms == than_ms && ks_str_cmp(id, than_id) > 0);
}

struct gaps {
    struct ks_str author;
    bool any;
};

static bool look_for_gaps(void *user, const struct ks_chain *chain)
{
    struct gaps *gaps = user;

    gaps->any = ks_str_eq(chain->author, gaps->author) && chain->gap_count > 0;
    return !gaps->any;
}

/* May the target still come? */
static enum ks_err may_come(struct konsil *k, const struct ks_reference *reference, bool *ret_may)
{
    struct gaps gaps = { .author = reference->author };
    enum ks_err err = ks_chain_visit(k, reference->conversation, look_for_gaps, &gaps);

    *ret_may = gaps.any;
    return err;
}

/* --- edits --- */

static bool edit_message(struct ks_message *target, const struct ks_reference *reference)
{
    if (target->flags & KS_MSG_RETRACTED
        || !ks_refer_newer(reference->time_ms, reference->id, target->edited_ms, target->edited_id))
        return false;
    target->body = reference->content->body;
    target->flags |= KS_MSG_EDITED;
    target->edited_ms = reference->time_ms;
    target->edited_id = reference->id;
    return true;
}

static enum ks_err tell_edited(struct konsil *k, const struct ks_message *message)
{
    struct ks_ev_edited event = { .conversation = message->conversation,
        .message = message->id,
        .order = message->order,
        .body = message->body,
        .time = message->edited_ms };

    return ks_tell(k, KS_EV_EDITED, &event);
}

enum ks_err ks_refer_edit(struct konsil *k, const struct ks_reference *reference, bool *ret_applied)
{
    const struct ks_content *content = reference->content;
    struct ks_message target;
    enum ks_err err = ks_history_find(k, reference->conversation, content->target, reference->author, &target);

    *ret_applied = true;
    if (err == KS_ENOTFOUND) {
        if ((err = may_come(k, reference, ret_applied)) != KS_OK || !*ret_applied)
            return err;
        return wait_for(k, reference, KS_EARLY_EDIT);
    }
    if (err != KS_OK)
        return err;
    if (target.flags & KS_MSG_UNREADABLE)
        return wait_for(k, reference, KS_EARLY_EDIT);
    /* A signed one stands as it was said (§20.6): what pretends to change it is a message beside it. */
    if (target.flags & KS_MSG_SIGNED || is_other_text(&target, content)) {
        *ret_applied = false;
        return KS_OK;
    }
    if (!edit_message(&target, reference))
        return KS_OK;
    if ((err = ks_history_put(k, &target)) != KS_OK || (err = ks_history_index(k, &target)) != KS_OK)
        return err;
    return tell_edited(k, &target);
}

/* --- reactions --- */

static struct ks_reaction *find_reaction(const struct ks_message *message, struct ks_str from)
{
    for (size_t i = 0; i < message->reaction_count; i++)
        if (ks_str_eq(message->reactions[i].from, from))
            return &message->reactions[i];
    return NULL;
}

/* KS_EEXISTS: a newer one is here. */
static enum ks_err react_to(struct konsil *k, struct ks_message *target, const struct ks_reference *reference)
{
    const struct ks_content *content = reference->content;
    struct ks_reaction *reaction = find_reaction(target, reference->author), *grown;

    if (target->flags & KS_MSG_RETRACTED)
        return KS_EEXISTS;
    if (reaction && !ks_refer_newer(reference->time_ms, reference->id, reaction->time_ms, reaction->id))
        return KS_EEXISTS;
    if (!reaction) {
        if (target->reaction_count == KS_REACTORS_MAX)
            return KS_EEXISTS;
        if (!(grown = ks_arena_zero(&k->arena, (target->reaction_count + 1) * sizeof(*grown))))
            return KS_ENOMEM;
        if (target->reaction_count > 0)
            memcpy(grown, target->reactions, target->reaction_count * sizeof(*grown));
        target->reactions = grown;
        reaction = &grown[target->reaction_count++];
        reaction->from = reference->author;
    }
    reaction->time_ms = reference->time_ms;
    reaction->id = reference->id;
    reaction->emoji = content->emoji;
    reaction->count = content->emoji_count;
    return KS_OK;
}

static enum ks_err tell_reaction(
    struct konsil *k, const struct ks_message *message, const struct ks_reference *reference)
{
    struct ks_ev_reaction event = { .conversation = message->conversation,
        .message = message->id,
        .order = message->order,
        .from = reference->author,
        .emoji = { reference->content->emoji, reference->content->emoji_count } };

    return ks_tell(k, KS_EV_REACTION, &event);
}

enum ks_err ks_refer_reactions(struct konsil *k, const struct ks_reference *reference)
{
    struct ks_message target;
    enum ks_err err = ks_history_find(k, reference->conversation, reference->content->target, KS_STR_EMPTY, &target);

    if (err == KS_ENOTFOUND || (err == KS_OK && target.flags & KS_MSG_UNREADABLE))
        return wait_for(k, reference, KS_EARLY_REACTIONS);
    if (err != KS_OK)
        return err;
    if (is_other_text(&target, reference->content))
        return KS_OK; /* to something that is not here */
    if ((err = react_to(k, &target, reference)) != KS_OK)
        return err == KS_EEXISTS ? KS_OK : err;
    if ((err = ks_history_put(k, &target)) != KS_OK)
        return err;
    return tell_reaction(k, &target, reference);
}

/* --- retractions --- */

/* "keeps id, numbers, hash and the fact" */
static void erase(struct konsil *k, struct ks_message *message)
{
    message->flags &=
        ~(unsigned)(KS_MSG_EDITED | KS_MSG_UNKNOWN | KS_MSG_UNREADABLE | KS_MSG_REPLY_BROKEN | KS_MSG_FILES);
    message->flags |= KS_MSG_RETRACTED;
    ks_engine_store_scrub(k->store);
    message->body = message->raw = message->reply_to = message->files = KS_STR_EMPTY;
    message->reaction_count = 0;
}

/* Likewise; and who did it, who is not its author. */
static enum ks_err erase_moderated(struct konsil *k, struct ks_message *message, const struct ks_reference *reference)
{
    struct ks_str parts[] = { reference->author, KS_STR("\n"), reference->content->body };

    erase(k, message);
    message->flags |= KS_MSG_MODERATED;
    return ks_arena_join(&k->arena, parts, KS_COUNT(parts), &message->raw);
}

static enum ks_err tell_retracted(
    struct konsil *k, const struct ks_message *message, const struct ks_reference *reference)
{
    struct ks_ev_retracted event = {
        .conversation = message->conversation, .message = message->id, .order = message->order
    };

    if (message->flags & KS_MSG_MODERATED) {
        event.moderated_by = reference->author;
        event.moderated_why = reference->content->body.len > 0 ? reference->content->body : KS_STR_EMPTY;
    }
    return ks_tell(k, KS_EV_RETRACTED, &event);
}

/* What waited for it to be readable holds words, too. */
static enum ks_err forget_early(struct konsil *k, const struct ks_message *message)
{
    static const enum ks_early_kind kinds[] = { KS_EARLY_EDIT, KS_EARLY_REACTIONS };
    struct ks_early *early;
    size_t count;
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < KS_COUNT(kinds) && err == KS_OK; i++) {
        err = ks_early_find(k, message, kinds[i], &early, &count);
        for (size_t j = 0; j < count && err == KS_OK; j++)
            if (!is_other_text(message, early[j].reference.content))
                err = ks_early_over(k, &early[j]);
    }
    return err;
}

enum ks_err ks_refer_retract(struct konsil *k, const struct ks_reference *reference)
{
    struct ks_str author = reference->content->target_author;
    bool moderated = author.len > 0;
    struct ks_message target;
    enum ks_err err = ks_history_find(
        k, reference->conversation, reference->content->target, moderated ? author : reference->author, &target);

    if (err == KS_ENOTFOUND)
        return wait_for(k, reference, moderated ? KS_EARLY_MODERATE : KS_EARLY_RETRACT);
    if (err == KS_OK && target.flags & KS_MSG_SIGNED && !moderated)
        return KS_OK; /* §20.6: its author does not take it back */
    if (err != KS_OK || target.flags & KS_MSG_RETRACTED || (err = ks_archive_forget(k, &target)) != KS_OK)
        return err;
    if (target.flags & KS_MSG_MINE && (err = ks_erase_outbox(k, target.conversation, target.id)) != KS_OK)
        return err;
    if (target.flags & KS_MSG_FILES
        && (err = ks_transfers_erased(k, target.conversation, target.order, KS_CODE_RETRACTED)) != KS_OK)
        return err;
    if (!moderated)
        erase(k, &target);
    else if ((err = erase_moderated(k, &target, reference)) != KS_OK)
        return err;
    if ((err = ks_history_put(k, &target)) != KS_OK || (err = ks_history_index(k, &target)) != KS_OK
        || (err = forget_early(k, &target)) != KS_OK)
        return err;
    return tell_retracted(k, &target, reference);
}

/* --- answers, and what waited --- */

enum ks_err ks_refer_reply(struct konsil *k, const struct ks_content *content, struct ks_message *message)
{
    struct ks_message target;
    enum ks_err err;

    if (content->reply_to.len == 0 || !content->has_ref)
        return KS_OK;
    err = ks_history_find(k, message->conversation, content->reply_to, KS_STR_EMPTY, &target);
    if (err == KS_OK && is_other_text(&target, content))
        message->flags |= KS_MSG_REPLY_BROKEN;
    return err == KS_ENOTFOUND ? KS_OK : err;
}

/* False in *ret_over: it is about another message, and goes on waiting for that. */
static enum ks_err apply_early(
    struct konsil *k, struct ks_message *message, const struct ks_early *early, bool *ret_over)
{
    const struct ks_reference *reference = &early->reference;
    enum ks_err err = KS_OK;

    *ret_over = true;
    switch (early->kind) {
    case KS_EARLY_RETRACT:
        erase(k, message);
        break;
    case KS_EARLY_MODERATE:
        if (!(message->flags & KS_MSG_RETRACTED))
            err = erase_moderated(k, message, reference);
        break;
    case KS_EARLY_EDIT:
        if ((*ret_over = !is_other_text(message, reference->content)))
            (void)edit_message(message, reference);
        break;
    case KS_EARLY_REACTIONS:
        if ((*ret_over = !is_other_text(message, reference->content)))
            err = react_to(k, message, reference);
        break;
    }
    return err == KS_EEXISTS ? KS_OK : err;
}

static enum ks_err apply_kind(struct konsil *k, struct ks_message *message, enum ks_early_kind kind, size_t *applied)
{
    struct ks_early *early;
    size_t count;
    bool over;
    enum ks_err err = ks_early_find(k, message, kind, &early, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++)
        if ((err = apply_early(k, message, &early[i], &over)) == KS_OK && over) {
            ++*applied;
            err = ks_early_over(k, &early[i]);
        }
    return err;
}

enum ks_err ks_refer_early(struct konsil *k, struct ks_message *message)
{
    /* Who took it back is heard before all who speak about it. */
    static const enum ks_early_kind order[] = { KS_EARLY_RETRACT, KS_EARLY_MODERATE, KS_EARLY_EDIT,
        KS_EARLY_REACTIONS };
    size_t applied = 0;
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < KS_COUNT(order) && err == KS_OK; i++)
        err = apply_kind(k, message, order[i], &applied);
    if (err != KS_OK || applied == 0)
        return err;
    if ((err = ks_history_put(k, message)) != KS_OK)
        return err;
    return ks_history_index(k, message);
}
