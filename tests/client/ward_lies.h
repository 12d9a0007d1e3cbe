/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ward_lies.h -- an engine in a ward that says what is not, and a server that helps it. For the tests of what is
 * forged, which share it whole. */
#ifndef WARD_LIES_H
#define WARD_LIES_H

#include "engine.h"
#include "envelope.h"
#include "ward.h"
#include "xml_writer.h"

/* --- an engine that says what is not --- */

/* The statement after the newest one that a party knows, or after `upon`: of `only`, or of all members, and as if an
 * owner's device signed it that nobody knows. */
struct forgery {
    struct lab *lab;
    const char *room, *only;
    const struct ks_room_signed *upon;
    struct ks_room_signed one;
};

static enum ks_err forge_step(struct konsil *k, void *arg)
{
    static const uint8_t signature[KS_P256_SIGNATURE_LEN] = { 1 };
    struct forgery *forgery = arg;
    struct ks_room_signed *one = &forgery->one;
    struct ks_room_known known;
    struct ks_room_state state;
    struct ks_group group;
    struct ks_buf data;
    enum ks_err err = ks_group_get(k, ks_str_z(forgery->room), &group);

    if (err != KS_OK)
        return err;
    ks_group_known(&group, &known);
    if (forgery->upon) {
        known = (struct ks_room_known) { .newest = &forgery->upon->state };
        memcpy(known.newest_hash, forgery->upon->hash, KS_ROOM_HASH_LEN);
    }
    state = group.newest.state;
    ks_room_follow(&known, &state);
    state.t++;
    for (size_t i = 0; forgery->only && i < state.member_count; i++)
        if (ks_str_is(state.members[i].jid, forgery->only)) {
            state.members += i;
            state.member_count = 1;
        }
    ks_buf_init(&data, 2 * KS_ROOM_DATA_MAX);
    ks_room_state_write(&state, &data);
    *one = (struct ks_room_signed) { .signer = KS_STR(ANNA), .device = 4242 };
    if ((err = ks_buf_err(&data)) == KS_OK
        && (err = ks_arena_copy(&forgery->lab->kept, ks_buf_str(&data), &one->data)) == KS_OK)
        err = ks_room_state_read(&forgery->lab->kept, one->data, &one->state);
    ks_buf_done(&data);
    one->signature = ks_str(signature, sizeof(signature));
    ks_room_state_hash(one->data, one->hash);
    return err;
}

static struct ks_room_signed forge_upon(
    struct party *party, const char *room, const char *only, const struct ks_room_signed *upon)
{
    struct forgery forgery = { .lab = party->lab, .room = room, .only = only, .upon = upon };

    if (!ks_step(party->engine, forge_step, &forgery))
        abort();
    return forgery.one;
}

static struct ks_room_signed forge(struct party *party, const char *room, const char *only)
{
    return forge_upon(party, room, only, NULL);
}

struct lie {
    const char *to;
    struct ks_content content;
    const struct ks_room_signed *enclosed;
};

static enum ks_err lie_step(struct konsil *k, void *arg)
{
    struct lie *lie = arg;
    struct ks_str id;

    if (lie->enclosed && !(lie->content.room_statement = ks_room_signed_write(&k->arena, lie->enclosed)))
        return KS_ENOMEM;
    lie->content.says = KS_SAYS_ROOM;
    return ks_outbox_add(k, ks_str_z(lie->to), &lie->content, &id);
}

/* It goes out as whatever else this engine says. */
static void tell_lie(struct party *party, struct lie lie)
{
    if (!ks_step(party->engine, lie_step, &lie))
        abort();
    lab_run(party->lab, 10000);
}

static void enclose(struct party *party, const char *to, const char *room, const struct ks_room_signed *one)
{
    struct lie lie = { .to = to, .content = { .room = ks_str_z(room), .room_v = one->state.v }, .enclosed = one };

    memcpy(lie.content.room_hash, one->hash, KS_ROOM_HASH_LEN);
    tell_lie(party, lie);
}

static struct ks_str as_text(struct lab *lab, const struct ks_room_signed *one)
{
    struct ks_xml *statement = ks_room_signed_write(&lab->kept, one);
    struct ks_str text;
    struct ks_buf bytes;

    ks_buf_init(&bytes, 2 * KS_ROOM_DATA_MAX);
    if (statement)
        ks_xml_write(&bytes, statement, KS_STR_EMPTY);
    if (!statement || ks_buf_err(&bytes) != KS_OK || ks_arena_copy(&lab->kept, ks_buf_str(&bytes), &text) != KS_OK)
        abort();
    ks_buf_done(&bytes);
    return text;
}

/* --- the server of one party, which helps --- */

struct plan {
    bool old_state;       /* no statement is served */
    bool hold_room;       /* nothing said in rooms comes */
    bool silent;          /* nor are they answered */
    const char *mute;     /* nothing that this account writes to ours comes */
    struct ks_str forged; /* of the room's statements only the first is served, and these upon it */
    bool instead;         /* … or these alone */
    bool no_keys;         /* no signing key comes */
    size_t done;
};

static bool spy(struct party *party, struct ks_str *stanza, void *user)
{
    struct plan *plan = user;
    struct ks_str head = ks_str_head(*stanza, ks_str_find_byte(*stanza, '>')), joined;
    size_t at = ks_str_find(*stanza, KS_STR("<statement>"));

    if ((plan->mute && has(head, plan->mute) && has(head, "type='chat'"))
        || (plan->hold_room && has(*stanza, "type='groupchat'"))) {
        plan->done++;
        return false;
    }
    if ((plan->silent && has(*stanza, "<statements")) || (plan->no_keys && has(*stanza, "urn:konsil:device-key:0"))) {
        plan->done++;
        return false;
    }
    if (!has(*stanza, "<statements") || at == stanza->len)
        return true;
    if (plan->forged.len > 0) {
        at = plan->instead ? at : ks_str_find(*stanza, KS_STR("</statement>")) + strlen("</statement>");
        plan->done++;
        if (ks_arena_join(&party->lab->kept,
                (struct ks_str[]) { ks_str_head(*stanza, at), plan->forged, KS_STR("</statements></iq>") }, 3, &joined)
            == KS_OK)
            *stanza = joined;
        return true;
    }
    if (!plan->old_state)
        return true;
    plan->done++;
    if (ks_arena_join(
            &party->lab->kept, (struct ks_str[]) { ks_str_head(*stanza, at), KS_STR("</statements></iq>") }, 2, &joined)
        == KS_OK)
        *stanza = joined;
    return true;
}

static void spy_on(struct party *party, struct plan *plan)
{
    party->spy = spy;
    party->spy_user = plan;
}

/* Messages that a party sent to one account, from a place on. */
static size_t sent_to(const struct party *party, size_t from, const char *jid)
{
    struct ks_str sent = ks_str_from(ks_buf_str(&party->sent), from);
    size_t count = 0;

    for (;;) {
        size_t at = ks_str_find(sent, KS_STR("<message ")), end;
        struct ks_str head;

        if (at == sent.len)
            return count;
        sent = ks_str_from(sent, at);
        end = ks_str_find_byte(sent, '>');
        head = ks_str_head(sent, end);
        count += has(head, jid) && has(head, "type='chat'");
        sent = ks_str_from(sent, end);
    }
}

#endif
