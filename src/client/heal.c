/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "heal.h"

#include <stdlib.h>

#include "engine.h"
#include "group.h"
#include "history.h"
#include "inbox.h"
#include "lost.h"
#include "peers.h"
#include "sealing.h"

#define PATIENTS_MAX 256
#define ANSWERS_QUEUED_MAX 512
#define TRIES_MAX 80

/* An account that is asked for what is missing. */
struct patient {
    struct ks_list link;
    int64_t next_ms, pause_ms;
    unsigned tries;    /* without effect */
    struct ks_str jid; /* behind this struct */
};

/* An envelope to be sent again; or, with seq 0, numbers that will not be. */
struct answer {
    struct ks_list link;
    uint64_t seq;
    uint32_t device; /* who gets it */
    struct ks_heal_item gone;
    struct ks_str jid, conversation; /* behind this struct */
};

struct asker {
    struct ks_list link;
    int64_t since_ms;
    unsigned count;
    uint32_t device;
    struct ks_str jid; /* behind this struct */
};

/* --- lists --- */

void ks_heal_init(struct konsil *k)
{
    ks_list_init(&k->heal.patients);
    ks_list_init(&k->heal.answers);
    ks_list_init(&k->heal.askers);
}

void ks_heal_done(struct konsil *k)
{
    if (!k->heal.patients.next)
        return;
    for (KS_LIST_EACH_SAFE(&k->heal.patients, at))
        free(KS_CONTAINER(at, struct patient, link));
    for (KS_LIST_EACH_SAFE(&k->heal.answers, at))
        free(KS_CONTAINER(at, struct answer, link));
    for (KS_LIST_EACH_SAFE(&k->heal.askers, at))
        free(KS_CONTAINER(at, struct asker, link));
    ks_heal_init(k);
}

static void wake_at(struct konsil *k, int64_t at_ms)
{
    if (ks_online(k) && ks_catchup_done(k))
        k->wait_ms[KS_WAIT_HEAL] = ks_sooner(k->wait_ms[KS_WAIT_HEAL], at_ms);
}

void ks_heal_wake(struct konsil *k)
{
    wake_at(k, k->now.mono_ms);
}

void ks_heal_gap(struct konsil *k)
{
    wake_at(k, k->now.mono_ms + KS_HEAL_GAP_MS);
}

enum ks_err ks_heal_load(struct konsil *k)
{
    (void)k;
    return KS_OK; /* what is to be asked for stands in the store, and is looked at when caught up */
}

enum ks_err ks_heal_caught_up(struct konsil *k)
{
    k->heal.archive_asked = false;
    ks_heal_gap(k);
    return KS_OK;
}

static struct patient *find_patient(struct konsil *k, struct ks_str jid)
{
    for (KS_LIST_EACH(&k->heal.patients, at)) {
        struct patient *patient = KS_CONTAINER(at, struct patient, link);

        if (ks_str_eq(patient->jid, jid))
            return patient;
    }
    return NULL;
}

static struct patient *get_patient(struct konsil *k, struct ks_str jid)
{
    struct patient *patient = find_patient(k, jid);

    if (patient || !(patient = calloc(1, sizeof(*patient) + jid.len)))
        return patient;
    memcpy(patient + 1, jid.ptr, jid.len);
    patient->jid = ks_str(patient + 1, jid.len);
    patient->pause_ms = KS_HEAL_FIRST_MS;
    ks_list_append(&k->heal.patients, &patient->link);
    return patient;
}

/* It helped: the next request need not wait long. */
static void improved(struct konsil *k, struct ks_str jid)
{
    struct patient *patient = find_patient(k, jid);

    if (!patient)
        return;
    patient->tries = 0;
    patient->pause_ms = KS_HEAL_FIRST_MS;
    patient->next_ms = ks_sooner(patient->next_ms, k->now.mono_ms + KS_HEAL_PAUSE_MS);
    wake_at(k, patient->next_ms);
}

void ks_heal_opened(struct konsil *k, struct ks_str jid)
{
    improved(k, jid);
}

/* --- what is noted while messages come --- */

enum ks_err ks_heal_lost(struct konsil *k, const struct ks_inbound *in, bool renew)
{
    /* What nobody would miss is in no outbox: asked for once, for the sake of the session. */
    struct ks_lost lost = { .jid = in->from,
        .id = in->id,
        .device = in->opened.device,
        .renew = renew,
        .tries = in->idle ? KS_HEAL_TRIES_MAX : 0 };

    if (lost.device == 0 || in->id.len == 0)
        return KS_OK; /* nobody could be asked */
    ks_heal_wake(k);
    return ks_lost_put(k, &lost);
}

enum ks_err ks_heal_tell_gap(struct konsil *k, const struct ks_chain *chain, bool final)
{
    struct ks_ev_gap event = { .conversation = chain->conversation,
        .from = chain->author,
        .device = chain->device,
        .missing = (int64_t)ks_chain_missing(chain),
        .final = final };

    return ks_tell(k, KS_EV_GAP, &event);
}

enum ks_err ks_heal_resent(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content)
{
    struct ks_inbound inner = *in;
    struct ks_sce sce;
    enum ks_err err;

    if (in->resent_by)
        return KS_OK; /* one in another: nobody sends that */
    err = ks_sce_read(&k->arena, content->resent, &sce);
    if (err == KS_ESYNTAX || err == KS_ELIMIT)
        return KS_OK;
    if (err != KS_OK)
        return err;
    inner.resent_by = in->opened.device;
    inner.idle = false;
    /* To a room, whose members hand it in to one of them; or of another device of ours, to somebody else. */
    if ((err = ks_group_is(k, sce.to, &inner.room)) != KS_OK)
        return err;
    if ((in->mine && sce.to.len > 0) || inner.room)
        inner.to = inner.peer = sce.to;
    if ((err = ks_intake_envelope(k, &inner, content->resent)) != KS_OK)
        return err;
    improved(k, in->from);
    return inner.id.len > 0 ? ks_lost_del(k, in->from, inner.id) : KS_OK;
}

/* Where numbers went that an envelope closes: if it names no conversation, to its own. *ret_conversation is empty for
 * what is none of ours: another numbering must not stand for it. */
static enum ks_err find_closed(
    struct konsil *k, const struct ks_inbound *in, const struct ks_heal_item *item, struct ks_str *ret_conversation)
{
    bool room = false;
    enum ks_err err;

    *ret_conversation = item->conversation.ptr ? item->conversation : in->peer;
    if (!item->conversation.ptr || in->mine)
        return KS_OK;
    if ((err = ks_group_is(k, item->conversation, &room)) != KS_OK || room)
        return err;
    *ret_conversation = ks_str_eq(item->conversation, ks_own(k)) ? in->peer : KS_STR_EMPTY;
    return KS_OK;
}

enum ks_err ks_heal_gone(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content)
{
    enum ks_err err;

    for (size_t i = 0; i < content->item_count; i++) {
        const struct ks_heal_item *item = &content->items[i];
        struct ks_str conversation;
        struct ks_chain chain;

        /* Only the author's devices speak of his numbers. */
        if (item->id.len > 0 || (item->jid.ptr && !ks_str_eq(item->jid, in->from)))
            continue;
        if ((err = find_closed(k, in, item, &conversation)) != KS_OK)
            return err;
        if (conversation.len == 0)
            continue;
        if ((err = ks_chain_get(k, conversation, in->from, item->device, item->epoch, &chain)) != KS_OK)
            return err;
        if (chain.gap_count == 0)
            continue;
        ks_chain_close(&chain, (struct ks_range) { item->from, item->to });
        if ((err = ks_chain_put(k, &chain)) != KS_OK || (err = ks_heal_tell_gap(k, &chain, true)) != KS_OK)
            return err;
    }
    return KS_OK;
}

/* --- being asked --- */

/* False when this device had enough for now. */
static bool may_answer(struct konsil *k, struct ks_str jid, uint32_t device)
{
    struct asker *asker = NULL;

    for (KS_LIST_EACH_SAFE(&k->heal.askers, at)) {
        struct asker *other = KS_CONTAINER(at, struct asker, link);

        if (other->since_ms + KS_HEAL_ANSWERS_MS <= k->now.mono_ms) {
            ks_list_leave(at);
            free(other);
        } else if (other->device == device && ks_str_eq(other->jid, jid)) {
            asker = other;
        }
    }
    if (!asker) {
        if (!(asker = calloc(1, sizeof(*asker) + jid.len)))
            return false;
        memcpy(asker + 1, jid.ptr, jid.len);
        asker->jid = ks_str(asker + 1, jid.len);
        asker->device = device;
        asker->since_ms = k->now.mono_ms;
        ks_list_append(&k->heal.askers, &asker->link);
    }
    return asker->count++ < KS_HEAL_ANSWERS_MAX;
}

static bool is_queued(struct konsil *k, uint64_t seq, uint32_t device)
{
    for (KS_LIST_EACH(&k->heal.answers, at)) {
        const struct answer *answer = KS_CONTAINER(at, struct answer, link);

        if (seq != 0 && answer->seq == seq && answer->device == device)
            return true;
    }
    return false;
}

/* What is queued in a step that is undone is answered all the same: it was asked for. */
static enum ks_err queue_answer(struct konsil *k, struct ks_str jid, uint32_t device, uint64_t seq,
    const struct ks_heal_item *gone, struct ks_str conversation)
{
    struct answer *answer;

    if (k->heal.answer_count >= ANSWERS_QUEUED_MAX || is_queued(k, seq, device) || !may_answer(k, jid, device))
        return KS_OK;
    if (!(answer = calloc(1, sizeof(*answer) + jid.len + conversation.len)))
        return KS_ENOMEM;
    answer->seq = seq;
    answer->device = device;
    if (gone)
        answer->gone =
            (struct ks_heal_item) { .device = gone->device, .epoch = gone->epoch, .from = gone->from, .to = gone->to };
    memcpy(answer + 1, jid.ptr, jid.len);
    answer->jid = ks_str(answer + 1, jid.len);
    memcpy((char *)(answer + 1) + jid.len, conversation.ptr, conversation.len);
    answer->conversation = ks_str((char *)(answer + 1) + jid.len, conversation.len);
    ks_list_append(&k->heal.answers, &answer->link);
    k->heal.answer_count++;
    ks_heal_wake(k);
    return KS_OK;
}

/* doc/PROTOCOL.md §8.2: only an account that was a recipient is answered. Ours always was, by its other devices. In a
 * room it must be a member still. Of what failed nobody was one: so its author was told, and has perhaps said it anew.
 */
static enum ks_err was_recipient(struct konsil *k, const struct ks_inbound *in, const struct ks_out *out, bool *ret_was)
{
    *ret_was = out->state != KS_OUT_FAILED && (in->mine || ks_str_eq(out->conversation, in->from));
    if (*ret_was || out->state == KS_OUT_FAILED || !out->in_room)
        return KS_OK;
    return ks_group_was_recipient(k, out->conversation, out->room_v, in->from, ret_was);
}

static enum ks_err queue_gone(
    struct konsil *k, const struct ks_inbound *in, struct ks_heal_item *gone, struct ks_str conversation)
{
    enum ks_err err = KS_OK;

    if (gone->from > 0)
        err = queue_answer(k, in->from, in->opened.device, 0, gone, conversation);
    gone->from = 0;
    return err;
}

/* Numbers next to each other that will not be sent are one answer. */
static enum ks_err answer_range(
    struct konsil *k, const struct ks_inbound *in, const struct ks_heal_item *item, struct ks_str conversation)
{
    struct ks_heal_item gone = { .device = item->device, .epoch = item->epoch };
    struct ks_str envelope;
    struct ks_out out;
    bool was;
    enum ks_err err;

    for (uint64_t n = item->from; n <= item->to; n++) {
        was = false;
        err = ks_outbox_find(k, conversation, item->epoch, n, &out, &envelope);
        if (err == KS_OK)
            err = was_recipient(k, in, &out, &was);
        if (err != KS_OK && err != KS_ENOTFOUND)
            return err;
        if (!was) { /* who asks may (ks_heal_asked): a member who was none when it was sent will not get it */
            gone.from = gone.from > 0 ? gone.from : n;
            gone.to = n;
        } else if ((err = queue_gone(k, in, &gone, conversation)) != KS_OK
            || (err = queue_answer(k, in->from, in->opened.device, out.seq, NULL, conversation)) != KS_OK)
            return err;
    }
    return queue_gone(k, in, &gone, conversation);
}

static enum ks_err answer_lost(struct konsil *k, const struct ks_inbound *in, struct ks_str id)
{
    struct ks_str envelope;
    struct ks_out out;
    enum ks_err err = ks_outbox_find_id(k, id, &out, &envelope);
    bool was;

    if (err != KS_OK || (err = was_recipient(k, in, &out, &was)) != KS_OK || !was)
        return err == KS_ENOTFOUND ? KS_OK : err;
    return queue_answer(k, in->from, in->opened.device, out.seq, NULL, out.conversation);
}

/* A conversation of two is theirs; a room is of those who are members now. */
enum ks_err ks_heal_concerns(
    struct konsil *k, const struct ks_inbound *in, struct ks_str conversation, bool *ret_concerns)
{
    struct ks_group group;
    enum ks_err err;

    *ret_concerns = in->mine || ks_str_eq(conversation, in->from);
    if (*ret_concerns || (err = ks_group_get(k, conversation, &group)) == KS_ENOTFOUND)
        return KS_OK;
    if (err == KS_OK)
        *ret_concerns = !(group.flags & (KS_GROUP_LEFT | KS_GROUP_REMOVED)) && ks_group_recipient(&group, in->from);
    return err;
}

enum ks_err ks_heal_asked(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content)
{
    enum ks_err err = KS_OK;

    if (!content->ours)
        return KS_OK;
    for (size_t i = 0; i < content->item_count && err == KS_OK; i++) {
        const struct ks_heal_item *item = &content->items[i];
        struct ks_str conversation = item->conversation.ptr ? item->conversation : in->from;
        bool member = false;

        if (item->device != ks_omemo_device(k->omemo))
            continue; /* another device's: it is asked as well */
        if (item->id.len > 0)
            err = answer_lost(k, in, item->id);
        else if (!item->jid.ptr || ks_str_eq(item->jid, ks_own(k))) {
            if ((err = ks_heal_concerns(k, in, conversation, &member)) == KS_OK && member)
                err = answer_range(k, in, item, conversation);
        }
    }
    return err;
}

enum ks_err ks_heal_new_device(struct konsil *k, struct ks_str jid, uint32_t device)
{
    struct ks_out *outs;
    size_t count;
    enum ks_err err;

    if (ks_str_eq(jid, ks_own(k)))
        return KS_OK;
    if ((err = ks_outbox_open(k, jid, KS_HEAL_ANSWERS_MAX, &outs, &count)) != KS_OK)
        return err;
    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = queue_answer(k, jid, device, outs[i].seq, NULL, outs[i].conversation);
    return err;
}

/* --- answering --- */

struct sending {
    const struct answer *answer;
    bool again;
};

static enum ks_err send_answer(struct konsil *k, void *arg)
{
    struct sending *sending = arg;
    const struct answer *answer = sending->answer;
    struct ks_content content = { .says = KS_SAYS_RESEND, .k.urgency = KS_URGENCY_NONE };
    struct ks_sealing sealing = { .to = answer->jid, .device = answer->device, .wake = "none" };
    struct ks_heal_item gone = answer->gone;
    enum ks_err err;

    if (answer->seq == 0) {
        content.says = KS_SAYS_GONE;
        content.items = &gone;
        content.item_count = 1;
        if (!ks_str_eq(answer->conversation, answer->jid))
            gone.conversation = answer->conversation;
    } else if ((err = ks_outbox_envelope(k, answer->seq, &content.resent)) != KS_OK) {
        return err == KS_ENOTFOUND ? KS_OK : err;
    }
    if ((err = ks_new_id(k, &sealing.id)) != KS_OK)
        return err;
    content.k.id = sealing.id;
    if ((err = ks_envelope_make(k, answer->jid, &content, k->now.wall_ms, &sealing.envelope)) != KS_OK)
        return err == KS_ELIMIT ? KS_OK : err;
    if ((err = ks_seal(k, &sealing)) != KS_OK) {
        sending->again = err == KS_EAGAIN;
        return err;
    }
    return sealing.stanza ? ks_send_stanza(k, sealing.stanza, 0) : KS_OK;
}

static void send_answers(struct konsil *k)
{
    while (!ks_list_empty(&k->heal.answers) && k->failed == KS_OK && ks_online(k)) {
        struct answer *answer = KS_CONTAINER(k->heal.answers.next, struct answer, link);
        struct sending sending = { .answer = answer };

        for (int tries = 0; tries < TRIES_MAX; tries++) {
            sending.again = false;
            (void)ks_step(k, send_answer, &sending);
            if (!sending.again)
                break;
        }
        ks_list_leave(&answer->link);
        k->heal.answer_count--;
        free(answer);
    }
}

/* --- asking --- */

struct survey {
    struct konsil *k;
    struct ks_arena *arena;
    struct ks_str accounts[PATIENTS_MAX];
    size_t count;
    struct ks_chain fresh[16]; /* gaps that were not told yet */
    size_t fresh_count;
    enum ks_err err;
};

static bool note_account(struct survey *survey, struct ks_str jid)
{
    for (size_t i = 0; i < survey->count; i++)
        if (ks_str_eq(survey->accounts[i], jid))
            return true;
    survey->err = ks_arena_copy(survey->arena, jid, &survey->accounts[survey->count]);
    return survey->err == KS_OK && ++survey->count < PATIENTS_MAX;
}

static bool look_at_chain(void *user, const struct ks_chain *chain)
{
    struct survey *survey = user;
    struct ks_chain *fresh;

    if (chain->gap_count == 0
        || (ks_str_eq(chain->author, ks_own(survey->k)) && chain->device == ks_omemo_device(survey->k->omemo)))
        return true;
    if (!chain->asked && survey->fresh_count < KS_COUNT(survey->fresh)) {
        fresh = &survey->fresh[survey->fresh_count++];
        *fresh = *chain;
        if ((survey->err = ks_arena_copy(survey->arena, chain->conversation, &fresh->conversation)) != KS_OK
            || (survey->err = ks_arena_copy(survey->arena, chain->author, &fresh->author)) != KS_OK)
            return false;
    }
    return note_account(survey, chain->author);
}

static bool look_at_lost(void *user, const struct ks_lost *lost)
{
    return note_account(user, lost->jid);
}

static enum ks_err recheck_archives(struct konsil *k)
{
    enum ks_err err = ks_catchup_recheck(k, &k->catchup);

    for (KS_LIST_EACH(&k->groups.live, at)) {
        struct ks_group_live *live = KS_CONTAINER(at, struct ks_group_live, link);

        if (err == KS_OK && live->ready)
            err = ks_catchup_recheck(k, &live->catchup);
    }
    return err == KS_EAGAIN ? KS_OK : err;
}

/* Who is to be asked; gaps that are old enough are declared. */
static enum ks_err take_survey(struct konsil *k, void *arg)
{
    struct survey *survey = arg;
    enum ks_err err;

    if ((err = ks_chain_visit(k, KS_STR_EMPTY, look_at_chain, survey)) != KS_OK || (err = survey->err) != KS_OK
        || (err = ks_lost_visit(k, KS_STR_EMPTY, look_at_lost, survey)) != KS_OK || (err = survey->err) != KS_OK)
        return err;
    for (size_t i = 0; i < survey->fresh_count; i++) {
        struct ks_chain *chain = &survey->fresh[i];

        chain->asked = true;
        if ((err = ks_chain_put(k, chain)) != KS_OK || (err = ks_heal_tell_gap(k, chain, false)) != KS_OK)
            return err;
    }
    if (survey->count > 0 && !k->heal.archive_asked) {
        /* doc/PROTOCOL.md §8.1: the archive first. The authors are asked when it does not help. */
        k->heal.archive_asked = true;
        survey->count = 0;
        ks_heal_gap(k);
        return recheck_archives(k);
    }
    return KS_OK;
}

struct asking {
    struct konsil *k;
    struct ks_str jid;
    bool again, waits, nothing;
    struct ks_content content;
    struct ks_lost lost[KS_HEAL_ITEMS_MAX];
    size_t lost_count;
    enum ks_err err;
};

static bool add_item(struct asking *asking, const struct ks_heal_item *item)
{
    if (asking->content.item_count == KS_HEAL_ITEMS_MAX)
        return false;
    asking->content.items[asking->content.item_count++] = *item;
    return true;
}

static bool add_chain(void *user, const struct ks_chain *chain)
{
    struct asking *asking = user;
    struct ks_heal_item item = { .device = chain->device, .epoch = chain->epoch };
    bool own = ks_str_eq(asking->jid, ks_own(asking->k));

    if (!ks_str_eq(chain->author, asking->jid) || (own && chain->device == ks_omemo_device(asking->k->omemo)))
        return true;
    if ((own || !ks_str_eq(chain->conversation, chain->author))
        && (asking->err = ks_arena_copy(&asking->k->arena, chain->conversation, &item.conversation)) != KS_OK)
        return false;
    for (size_t i = 0; i < chain->gap_count; i++) {
        item.from = chain->gaps[i].from;
        item.to = ks_sooner((int64_t)chain->gaps[i].to, (int64_t)item.from + KS_WANT_MAX - 1);
        if (!add_item(asking, &item))
            return false;
    }
    return true;
}

static bool add_lost(void *user, const struct ks_lost *lost)
{
    struct asking *asking = user;
    struct ks_lost *copy = &asking->lost[asking->lost_count];
    struct ks_heal_item item = { .device = lost->device };

    *copy = *lost;
    if ((asking->err = ks_arena_copy(&asking->k->arena, lost->id, &copy->id)) != KS_OK)
        return false;
    copy->jid = asking->jid;
    item.id = copy->id;
    if (!add_item(asking, &item))
        return false;
    return ++asking->lost_count < KS_HEAL_ITEMS_MAX;
}

/* Sessions that failed are replaced before anything is asked over them; each once for each failure. */
static enum ks_err renew_sessions(struct konsil *k, struct asking *asking)
{
    enum ks_err err;
    bool ready;

    for (size_t i = 0; i < asking->lost_count; i++) {
        if (!asking->lost[i].renew)
            continue;
        if ((err = ks_keys_renew(k, asking->jid, asking->lost[i].device, &ready)) != KS_OK)
            return err;
        asking->waits = asking->waits || !ready;
    }
    return KS_OK;
}

static enum ks_err note_renewed(struct konsil *k, struct asking *asking)
{
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < asking->lost_count && err == KS_OK; i++) {
        struct ks_lost *lost = &asking->lost[i];

        lost->renew = false;
        if (++lost->tries > KS_HEAL_TRIES_MAX)
            err = ks_lost_del(k, lost->jid, lost->id);
        else
            err = ks_lost_put(k, lost);
    }
    return err;
}

static enum ks_err collect(struct konsil *k, struct asking *asking)
{
    enum ks_err err;

    asking->content = (struct ks_content) { .says = KS_SAYS_HEAL, .k.urgency = KS_URGENCY_NONE };
    asking->lost_count = 0;
    asking->content.items = ks_arena_zero(&k->arena, KS_HEAL_ITEMS_MAX * sizeof(*asking->content.items));
    if (!asking->content.items)
        return KS_ENOMEM;
    if ((err = ks_lost_visit(k, asking->jid, add_lost, asking)) != KS_OK || (err = asking->err) != KS_OK)
        return err;
    if ((err = ks_chain_visit(k, KS_STR_EMPTY, add_chain, asking)) != KS_OK)
        return err;
    return asking->err;
}

/* Does its program number its messages? Until one of them was read, a device that speaks the newer OMEMO may. */
static bool may_ask(const struct asking *asking, const struct ks_peer *peer)
{
    for (size_t i = 0; i < asking->lost_count; i++) {
        const struct ks_peer_device *device = ks_peer_device(peer, asking->lost[i].device);

        if (device && device->listed[KS_OMEMO_2])
            return true;
    }
    return peer->konsil;
}

/* Programs that do not number their messages know nothing of repair: XEP-0384's own rule. */
static enum ks_err forget_lost(struct konsil *k, struct asking *asking)
{
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < asking->lost_count && err == KS_OK; i++)
        err = ks_lost_del(k, asking->jid, asking->lost[i].id);
    asking->nothing = true;
    return err;
}

static enum ks_err ask(struct konsil *k, void *arg)
{
    struct asking *asking = arg;
    struct ks_sealing sealing = { .to = asking->jid, .wake = "none" };
    struct ks_peer peer;
    bool ready;
    enum ks_err err;

    asking->waits = asking->again = asking->nothing = false;
    if ((err = collect(k, asking)) != KS_OK)
        return err;
    asking->nothing = asking->content.item_count == 0;
    if (asking->nothing || (err = ks_keys_ready(k, asking->jid, &ready)) != KS_OK
        || (err = ks_peer_load(k, asking->jid, &peer)) != KS_OK)
        return err;
    asking->waits = !ready;
    if (!may_ask(asking, &peer))
        return ready ? forget_lost(k, asking) : KS_OK; /* its lists were not read yet */
    if ((err = renew_sessions(k, asking)) != KS_OK || asking->waits)
        return err;
    if ((err = ks_new_id(k, &sealing.id)) != KS_OK)
        return err;
    asking->content.k.id = sealing.id;
    if ((err = ks_envelope_make(k, asking->jid, &asking->content, k->now.wall_ms, &sealing.envelope)) != KS_OK)
        return err == KS_ELIMIT ? KS_OK : err;
    if ((err = ks_seal(k, &sealing)) != KS_OK) {
        asking->again = err == KS_EAGAIN;
        return err;
    }
    if ((err = note_renewed(k, asking)) != KS_OK || !sealing.stanza)
        return err;
    return ks_send_stanza(k, sealing.stanza, 0);
}

static enum ks_err tell_exhausted(struct konsil *k, void *arg)
{
    const struct patient *patient = arg;

    return ks_tell_warning(k, KS_CODE_REPAIR_EXHAUSTED, patient->jid);
}

static void ask_account(struct konsil *k, struct patient *patient)
{
    struct asking *asking = calloc(1, sizeof(*asking));

    if (!asking) {
        k->failed = KS_ENOMEM;
        return;
    }
    asking->k = k;
    asking->jid = patient->jid;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        (void)ks_step(k, ask, asking);
        if (!asking->again)
            break;
    }
    if (asking->nothing) {
        ks_list_leave(&patient->link);
        free(patient);
    } else if (!asking->waits) {
        patient->next_ms = k->now.mono_ms + patient->pause_ms;
        patient->pause_ms = ks_sooner(2 * patient->pause_ms, KS_HEAL_LAST_MS);
        if (++patient->tries == KS_HEAL_TRIES_MAX) {
            (void)ks_step(k, tell_exhausted, patient);
            patient->tries = 0;
            patient->pause_ms = KS_HEAL_FIRST_MS;
            patient->next_ms = k->now.mono_ms + KS_HEAL_DAY_MS;
        }
        wake_at(k, patient->next_ms);
    }
    free(asking);
}

void ks_heal_due(struct konsil *k)
{
    struct survey *survey;
    struct ks_arena arena;

    k->wait_ms[KS_WAIT_HEAL] = KS_NEVER;
    if (!ks_online(k) || !ks_catchup_done(k))
        return;
    send_answers(k);
    if (!(survey = calloc(1, sizeof(*survey)))) {
        k->failed = KS_ENOMEM;
        return;
    }
    ks_arena_init(&arena, 4 * PATIENTS_MAX * (KS_JID_MAX + 16));
    survey->k = k;
    survey->arena = &arena;
    if (ks_step(k, take_survey, survey))
        for (size_t i = 0; i < survey->count && k->failed == KS_OK && ks_online(k); i++) {
            struct patient *patient = get_patient(k, survey->accounts[i]);

            if (!patient)
                k->failed = KS_ENOMEM;
            else if (patient->next_ms > k->now.mono_ms)
                wake_at(k, patient->next_ms);
            else
                ask_account(k, patient);
        }
    ks_arena_done(&arena);
    free(survey);
}
