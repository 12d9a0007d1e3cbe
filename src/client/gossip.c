/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "gossip.h"

#include <stdlib.h>

#include "enc.h"
#include "engine.h"
#include "inbox.h"
#include "log_follow.h"
#include "sealing.h"

#define HOUR_MS 3600000
#define TRIES_MAX 80

enum looking {
    AT_THE_LOG,  /* the own server is asked whether it has more */
    AT_ITS_TREE, /* and for its tree of that size */
    AT_ITS_PROOF,
    ASK,   /* the device that said so is to be asked */
    ASKED, /* kept, so that it is not asked for each message */
};

struct doubt {
    struct ks_list link;
    struct ks_claim claim;
    enum looking looking;
    struct ks_merkle_hash root; /* of the server's tree of that size, from AT_ITS_PROOF on */
    int64_t asked_ms;
    uint32_t device;   /* who said so */
    struct ks_str jid; /* behind this struct */
};

struct owed {
    struct ks_list link;
    uint64_t size; /* that was asked for */
    uint32_t device;
    struct ks_str jid; /* behind this struct */
};

struct ks_shown {
    struct ks_signed_checkpoint checkpoint; /* its bytes are those below */
    char bytes[KS_CHECKPOINT_BYTES_MAX];
};

/* --- lists --- */

void ks_gossip_init(struct konsil *k)
{
    ks_list_init(&k->gossip.claims);
    ks_list_init(&k->gossip.owed);
}

static void end_doubt(struct konsil *k, struct doubt *doubt)
{
    ks_list_leave(&doubt->link);
    k->gossip.claim_count--;
    free(doubt);
}

void ks_gossip_lost(struct konsil *k)
{
    for (KS_LIST_EACH_SAFE(&k->gossip.claims, at))
        end_doubt(k, KS_CONTAINER(at, struct doubt, link));
    for (KS_LIST_EACH_SAFE(&k->gossip.owed, at))
        free(KS_CONTAINER(at, struct owed, link));
    ks_list_init(&k->gossip.owed);
    free(k->gossip.shown);
    k->gossip.shown = NULL;
    k->wait_ms[KS_WAIT_GOSSIP] = KS_NEVER;
}

void ks_gossip_done(struct konsil *k)
{
    if (k->gossip.claims.next)
        ks_gossip_lost(k);
}

static bool same(const struct ks_claim *a, const struct ks_claim *b)
{
    return a->size == b->size && memcmp(a->half_root, b->half_root, sizeof a->half_root) == 0;
}

static struct doubt *find_doubt(struct konsil *k, const struct ks_claim *claim)
{
    for (KS_LIST_EACH(&k->gossip.claims, at))
        if (same(&KS_CONTAINER(at, struct doubt, link)->claim, claim))
            return KS_CONTAINER(at, struct doubt, link);
    return NULL;
}

static bool is_known(const struct konsil *k, const struct ks_claim *claim)
{
    for (size_t i = 0; i < k->gossip.known_count && i < KS_GOSSIP_KNOWN_MAX; i++)
        if (same(&k->gossip.known[i], claim))
            return true;
    return false;
}

static void borne_out(struct konsil *k, struct doubt *doubt)
{
    k->gossip.known[k->gossip.known_count++ % KS_GOSSIP_KNOWN_MAX] = doubt->claim;
    end_doubt(k, doubt);
}

static struct doubt *new_doubt(struct konsil *k, const struct ks_inbound *in, const struct ks_claim *claim)
{
    struct doubt *doubt = calloc(1, sizeof *doubt + in->from.len);

    if (!doubt)
        return NULL;
    doubt->claim = *claim;
    doubt->device = in->opened.device;
    doubt->jid = ks_str(doubt + 1, in->from.len);
    memcpy(doubt + 1, in->from.ptr, in->from.len);
    ks_list_append(&k->gossip.claims, &doubt->link);
    k->gossip.claim_count++;
    return doubt;
}

static void ask_device(struct konsil *k, struct doubt *doubt)
{
    doubt->looking = ASK;
    k->wait_ms[KS_WAIT_GOSSIP] = k->now.mono_ms;
}

/* --- what we say --- */

void ks_gossip_tell(const struct konsil *k, struct ks_k *said)
{
    struct ks_checkpoint newest;

    if (!k->log_follow.view || !ks_log_view_newest(k->log_follow.view, &newest, NULL))
        return;
    said->log_size = newest.size;
    memcpy(said->log_root, newest.root.bytes, sizeof said->log_root);
}

/* --- looking into what others say --- */

static enum ks_err on_proof(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *growth = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_LOG, "growth") : NULL;
    struct ks_claim claim = { .size = iq->number };
    struct ks_merkle_proof proof;
    struct ks_checkpoint newest;
    struct ks_str bytes;
    struct doubt *doubt;
    enum ks_err err;

    memcpy(claim.half_root, iq->text.ptr, sizeof claim.half_root);
    if (!k->log_follow.view || !(doubt = find_doubt(k, &claim)) || doubt->looking != AT_ITS_PROOF)
        return KS_OK;
    err = ks_base64_read(&k->arena, ks_xml_text(&k->arena, ks_xml_child(growth, NS_KONSIL_LOG, "proof")), &bytes);
    if (err <= KS_FATAL)
        return err;
    if (err == KS_OK && ks_merkle_proof_read(bytes, &proof) == KS_OK
        && ks_log_view_newest(k->log_follow.view, &newest, NULL)
        && ks_merkle_verify_growth(claim.size, &doubt->root, newest.size, &newest.root, &proof) == KS_OK)
        borne_out(k, doubt);
    else
        ask_device(k, doubt);
    return KS_OK;
}

static enum ks_err ask_growth(struct konsil *k, uint64_t from, uint64_t to, ks_iq_done_fn *done, struct doubt *doubt)
{
    struct ks_xml *growth = ks_xml_new(&k->arena, NS_KONSIL_LOG, "growth");
    struct ks_str half = doubt ? ks_str(doubt->claim.half_root, sizeof doubt->claim.half_root) : KS_STR_EMPTY;

    growth = ks_xml_set_u64(&k->arena, ks_xml_set_u64(&k->arena, growth, "from", from), "to", to);
    if (!growth)
        return KS_ENOMEM;
    return ks_iq_send(k, "get", ks_str_z(k->domain), growth, done, half, doubt ? doubt->claim.size : 0);
}

static enum ks_err on_tree(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *growth = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_LOG, "growth") : NULL;
    struct ks_claim claim = { .size = iq->number };
    struct ks_merkle_frontier frontier;
    struct ks_cursor at;
    struct ks_str bytes;
    struct doubt *doubt;
    enum ks_err err;

    memcpy(claim.half_root, iq->text.ptr, sizeof claim.half_root);
    if (!k->log_follow.view || !(doubt = find_doubt(k, &claim)) || doubt->looking != AT_ITS_TREE)
        return KS_OK;
    err = ks_base64_read(&k->arena, ks_xml_text(&k->arena, ks_xml_child(growth, NS_KONSIL_LOG, "frontier")), &bytes);
    if (err <= KS_FATAL)
        return err;
    at = ks_cursor(err == KS_OK ? bytes : KS_STR_EMPTY);
    if (ks_merkle_frontier_read(&at, &frontier) == KS_OK && frontier.size == claim.size) {
        ks_merkle_root(&frontier, &doubt->root);
        if (memcmp(doubt->root.bytes, claim.half_root, sizeof claim.half_root) == 0) {
            doubt->looking = AT_ITS_PROOF;
            err = ask_growth(k, claim.size, ks_log_view_size(k->log_follow.view), on_proof, doubt);
            return err == KS_EAGAIN ? KS_OK : err;
        }
    }
    ask_device(k, doubt);
    return KS_OK;
}

/* The next thing that can be done about it. */
static enum ks_err look_into(struct konsil *k, struct doubt *doubt)
{
    const struct ks_log_view *view = k->log_follow.view;
    enum ks_log_claim compared = ks_log_view_compare(view, doubt->claim.size, doubt->claim.half_root);
    enum ks_err err;

    if (compared == KS_LOG_SAME) {
        end_doubt(k, doubt);
        return KS_OK;
    }
    if (compared == KS_LOG_OTHER || doubt->claim.size > ks_log_view_size(view)) {
        ask_device(k, doubt);
        return KS_OK;
    }
    doubt->looking = AT_ITS_TREE;
    err = ask_growth(k, 0, doubt->claim.size, on_tree, doubt);
    return err == KS_EAGAIN ? KS_OK : err;
}

enum ks_err ks_gossip_log_told(struct konsil *k)
{
    enum ks_err err = KS_OK;

    for (KS_LIST_EACH_SAFE(&k->gossip.claims, at)) {
        struct doubt *doubt = KS_CONTAINER(at, struct doubt, link);

        if (err == KS_OK && doubt->looking == AT_THE_LOG)
            err = look_into(k, doubt);
    }
    return err;
}

static void forget_old(struct konsil *k)
{
    for (KS_LIST_EACH_SAFE(&k->gossip.claims, at)) {
        struct doubt *doubt = KS_CONTAINER(at, struct doubt, link);

        if (doubt->looking == ASKED && k->now.mono_ms - doubt->asked_ms > KS_GOSSIP_AGAIN_MS)
            end_doubt(k, doubt);
    }
}

enum ks_err ks_gossip_heard(struct konsil *k, const struct ks_inbound *in, const struct ks_k *said)
{
    struct ks_claim claim = { .size = said->log_size };
    struct doubt *doubt;

    memcpy(claim.half_root, said->log_root, sizeof claim.half_root);
    if (!claim.size || !k->log_follow.view || !ks_log_view_size(k->log_follow.view))
        return KS_OK;
    if (ks_log_view_compare(k->log_follow.view, claim.size, claim.half_root) == KS_LOG_SAME || is_known(k, &claim))
        return KS_OK;
    forget_old(k);
    if (find_doubt(k, &claim) || k->gossip.claim_count == KS_GOSSIP_CLAIMS_MAX)
        return KS_OK;
    if (!(doubt = new_doubt(k, in, &claim)))
        return KS_ENOMEM;
    if (claim.size <= ks_log_view_size(k->log_follow.view))
        return look_into(k, doubt);
    return ks_log_follow_ask(k);
}

/* --- evidence --- */

static enum ks_err judge(struct konsil *k, const struct ks_merkle_proof *proof)
{
    struct ks_shown *shown = k->gossip.shown;
    enum ks_log_answer answer;
    enum ks_err err = ks_log_follow_evidence(k, &shown->checkpoint, proof, &answer);

    free(shown);
    k->gossip.shown = NULL;
    return err;
}

static enum ks_err on_joined(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *growth = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_LOG, "growth") : NULL;
    struct ks_merkle_proof proof;
    struct ks_str bytes;
    enum ks_err err;

    (void)iq;
    if (!k->gossip.shown || !k->log_follow.view)
        return KS_OK;
    err = ks_base64_read(&k->arena, ks_xml_text(&k->arena, ks_xml_child(growth, NS_KONSIL_LOG, "proof")), &bytes);
    if (err <= KS_FATAL)
        return err;
    return judge(k, growth && err == KS_OK && ks_merkle_proof_read(bytes, &proof) == KS_OK ? &proof : NULL);
}

/* It is put beside our log: at once if we have that size, or by what the server says of how one became the other. */
static enum ks_err compare_shown(struct konsil *k, const struct ks_evidence *evidence)
{
    const struct ks_log_view *view = k->log_follow.view;
    uint64_t size = ks_log_view_size(view);
    struct ks_signed_checkpoint ours;
    struct ks_checkpoint checkpoint;
    struct ks_shown *shown;
    bool good;
    enum ks_err err;

    if (k->gossip.shown || evidence->checkpoint.bytes.len > sizeof shown->bytes)
        return KS_OK;
    if (!(shown = calloc(1, sizeof *shown)))
        return KS_ENOMEM;
    shown->checkpoint = evidence->checkpoint;
    memcpy(shown->bytes, evidence->checkpoint.bytes.ptr, evidence->checkpoint.bytes.len);
    shown->checkpoint.bytes = ks_str(shown->bytes, evidence->checkpoint.bytes.len);
    err = ks_log_follow_signer(k, evidence->signer, shown->checkpoint.signer, &good);
    if (err != KS_OK || !good || ks_checkpoint_open(&shown->checkpoint, ks_str_z(k->domain), &checkpoint) != KS_OK) {
        free(shown);
        if (err == KS_OK)
            ks_log(k->log, KS_WARNING, "client.log.ignored", KS_OURS("answer", "unsigned"));
        return err;
    }
    k->gossip.shown = shown;
    if (ks_log_view_at(view, checkpoint.size, &ours))
        return judge(k, NULL);
    err = ask_growth(k, checkpoint.size < size ? checkpoint.size : size,
        checkpoint.size < size ? size : checkpoint.size, on_joined, NULL);
    return err == KS_EAGAIN ? judge(k, NULL) : err;
}

static enum ks_err owe(struct konsil *k, const struct ks_inbound *in, const struct ks_evidence *evidence)
{
    struct owed *owed;

    if (k->now.mono_ms - k->gossip.hour_ms >= HOUR_MS) {
        k->gossip.hour_ms = k->now.mono_ms;
        k->gossip.answers = 0;
    }
    if (k->gossip.answers == KS_GOSSIP_ANSWERS_MAX)
        return KS_OK;
    if (!(owed = calloc(1, sizeof *owed + in->from.len)))
        return KS_ENOMEM;
    k->gossip.answers++;
    owed->size = evidence->asks;
    owed->device = in->opened.device;
    owed->jid = ks_str(owed + 1, in->from.len);
    memcpy(owed + 1, in->from.ptr, in->from.len);
    ks_list_append(&k->gossip.owed, &owed->link);
    k->wait_ms[KS_WAIT_GOSSIP] = k->now.mono_ms;
    return KS_OK;
}

enum ks_err ks_gossip_evidence(struct konsil *k, const struct ks_inbound *in, const struct ks_evidence *evidence)
{
    enum ks_err err = KS_OK;

    if (!k->log_follow.view || !ks_log_view_size(k->log_follow.view))
        return KS_OK;
    if (evidence->asks)
        err = owe(k, in, evidence);
    return err == KS_OK ? compare_shown(k, evidence) : err;
}

/* --- sending --- */

struct sending {
    struct ks_str jid;
    uint32_t device;
    uint64_t size;
    bool asks, again, waits;
};

static enum ks_err send_evidence(struct konsil *k, void *arg)
{
    struct sending *sending = arg;
    struct ks_content content = { .says = KS_SAYS_EVIDENCE, .k.urgency = KS_URGENCY_NONE };
    struct ks_sealing sealing = { .to = sending->jid, .device = sending->device, .wake = "none" };
    bool ready, have;
    enum ks_err err;

    sending->again = sending->waits = false;
    content.evidence.asks = sending->asks ? sending->size : 0;
    if ((err = ks_log_follow_show(k, sending->size, &content.evidence, &have)) != KS_OK || !have)
        return err;
    if ((err = ks_keys_ready(k, sending->jid, &ready)) != KS_OK)
        return err;
    sending->waits = !ready;
    if (!ready || (err = ks_new_id(k, &sealing.id)) != KS_OK)
        return err;
    content.k.id = sealing.id;
    if ((err = ks_envelope_make(k, sending->jid, &content, k->now.wall_ms, &sealing.envelope)) != KS_OK)
        return err == KS_ELIMIT ? KS_OK : err;
    if ((err = ks_seal(k, &sealing)) != KS_OK) {
        sending->again = err == KS_EAGAIN;
        return err;
    }
    return sealing.stanza ? ks_send_stanza(k, sealing.stanza, 0) : KS_OK;
}

/* True unless it has to wait for keys. */
static bool send_one(struct konsil *k, struct sending *sending)
{
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        (void)ks_step(k, send_evidence, sending);
        if (!sending->again)
            break;
    }
    return !sending->waits;
}

void ks_gossip_wake(struct konsil *k)
{
    if (k->gossip.claim_count || !ks_list_empty(&k->gossip.owed))
        k->wait_ms[KS_WAIT_GOSSIP] = k->now.mono_ms;
}

void ks_gossip_due(struct konsil *k)
{
    k->wait_ms[KS_WAIT_GOSSIP] = KS_NEVER;
    if (!ks_online(k) || !k->log_follow.view)
        return;
    for (KS_LIST_EACH_SAFE(&k->gossip.owed, at)) {
        struct owed *owed = KS_CONTAINER(at, struct owed, link);
        struct sending sending = { .jid = owed->jid, .device = owed->device, .size = owed->size };

        if (send_one(k, &sending)) {
            ks_list_leave(at);
            free(owed);
        }
    }
    for (KS_LIST_EACH_SAFE(&k->gossip.claims, at)) {
        struct doubt *doubt = KS_CONTAINER(at, struct doubt, link);
        struct sending sending = {
            .jid = doubt->jid, .device = doubt->device, .size = doubt->claim.size, .asks = true
        };

        if (doubt->looking != ASK || !send_one(k, &sending))
            continue;
        doubt->looking = ASKED;
        doubt->asked_ms = k->now.mono_ms;
    }
}
