/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "iq_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

struct answered {
    struct ks_iq *iq;
    const struct ks_stanza *answer;
};

void ks_iq_init(struct ks_iqs *iqs)
{
    ks_list_init(&iqs->open);
    iqs->count = 0;
}

void ks_iq_free_all(struct ks_iqs *iqs)
{
    for (KS_LIST_EACH_SAFE(&iqs->open, at))
        free(KS_CONTAINER(at, struct ks_iq, link));
    ks_iq_init(iqs);
}

static struct ks_iq *iq_new(struct konsil *k, struct ks_str to, struct ks_str text)
{
    struct ks_iq *iq = malloc(sizeof(*iq) + to.len + text.len);
    char *rest = (char *)(iq + 1);

    if (!iq)
        return NULL;
    *iq = (struct ks_iq) {
        .until_ms = k->now.mono_ms + KS_IQ_MS, .to = { rest, to.len }, .text = { rest + to.len, text.len }
    };
    if (to.len > 0)
        memcpy(rest, to.ptr, to.len);
    if (text.len > 0)
        memcpy(rest + to.len, text.ptr, text.len);
    snprintf(iq->id, sizeof(iq->id), "%016llx", (unsigned long long)ks_prng_u64(&k->prng));
    ks_list_init(&iq->link);
    return iq;
}

enum ks_err ks_iq_send(struct konsil *k, const char *type, struct ks_str to, struct ks_xml *payload,
    ks_iq_done_fn *done, struct ks_str text, uint64_t number)
{
    struct ks_xml *stanza;
    struct ks_iq *iq;
    enum ks_err err = KS_ENOMEM;

    if (!ks_online(k) || k->iqs.count >= KS_IQ_MAX)
        return KS_EAGAIN;
    if (!payload || !(iq = iq_new(k, to, text)))
        return KS_ENOMEM;
    iq->done = done;
    iq->number = number;
    stanza = ks_stanza_new(&k->arena, "iq", type, ks_str_z(iq->id), KS_STR_EMPTY, to);
    if (!stanza || !ks_xml_graft(stanza, payload) || (err = ks_send_stanza(k, stanza, 0)) != KS_OK) {
        free(iq);
        return err;
    }
    ks_list_append(&k->iqs.open, &iq->link);
    k->iqs.count++;
    k->wait_ms[KS_WAIT_IQ] = ks_sooner(k->wait_ms[KS_WAIT_IQ], iq->until_ms);
    return KS_OK;
}

static enum ks_err run_done(struct konsil *k, void *arg)
{
    const struct answered *answered = arg;

    return answered->iq->done(k, answered->iq, answered->answer);
}

/* Takes it off the list first: what it does may end the session. */
static void finish(struct konsil *k, struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct answered answered = { iq, answer };

    ks_list_leave(&iq->link);
    k->iqs.count--;
    (void)ks_step(k, run_done, &answered);
    free(iq);
}

/* RFC 6120 §8.1.2.1: the server answers for the account without 'from', or with its bare JID. */
static bool is_from(const struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_jid own = ks_jid_split(ks_own(k));

    if (!answer->has_from)
        return iq->to.len == 0 || ks_str_eq(iq->to, ks_own(k));
    return ks_jid_eq(answer->from, iq->to.len > 0 ? ks_jid_split(iq->to) : own);
}

void ks_iq_answer(struct konsil *k, const struct ks_stanza *answer)
{
    for (KS_LIST_EACH(&k->iqs.open, at)) {
        struct ks_iq *iq = KS_CONTAINER(at, struct ks_iq, link);

        if (ks_str_is(answer->id, iq->id) && is_from(k, iq, answer)) {
            finish(k, iq, answer);
            return;
        }
    }
}

void ks_iq_lost(struct konsil *k)
{
    struct ks_list lost;

    /* What is asked anew meanwhile (nothing can be, while offline) would not be lost. */
    ks_list_init(&lost);
    for (KS_LIST_EACH_SAFE(&k->iqs.open, at)) {
        ks_list_leave(at);
        ks_list_append(&lost, at);
    }
    while (!ks_list_empty(&lost))
        finish(k, KS_CONTAINER(lost.next, struct ks_iq, link), NULL);
}

void ks_iq_late(struct konsil *k)
{
    k->wait_ms[KS_WAIT_IQ] = KS_NEVER;
    /* They stand in the order of their deadlines, since all wait equally long. */
    while (!ks_list_empty(&k->iqs.open) && k->failed == KS_OK) {
        struct ks_iq *iq = KS_CONTAINER(k->iqs.open.next, struct ks_iq, link);

        if (iq->until_ms > k->now.mono_ms) {
            k->wait_ms[KS_WAIT_IQ] = ks_sooner(k->wait_ms[KS_WAIT_IQ], iq->until_ms);
            return;
        }
        finish(k, iq, NULL);
    }
}

const char *ks_iq_condition(const struct ks_stanza *answer)
{
    const struct ks_xml *error = answer ? ks_xml_child(answer->xml, NS_CLIENT, "error") : NULL, *c;
    enum ks_cond cond;

    if (!answer)
        return "no-answer";
    for (c = ks_xml_child(error, NS_STANZAS, NULL); c; c = ks_xml_next(c, NS_STANZAS, NULL))
        if (ks_cond_from_name(c->name, &cond))
            return ks_cond_name(cond);
    return ks_cond_name(KS_UNDEFINED_CONDITION);
}
