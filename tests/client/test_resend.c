/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What was sealed for a room and never reached its server, when much has changed until its author is back: it comes, or
 * its author is told, and what she writes next goes its way. */
#include <assert.h>

#include "ward.h"

/* anna wrote two messages, and the network took none of them. */
static const char *unsent(struct ward *ward, uint64_t seed, const char *body)
{
    const char *id;

    ward_begin(ward, seed);
    ward_room(ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward->anna, ward->room, "0");
    lab_run(&ward->lab, 20000);
    ward->anna->cut = true;
    id = party_send(ward->anna, ward->room, body);
    party_cut(ward->anna);
    return id;
}

/* Who is in the room changes: what was sealed has to be sealed again. */
static void restrict_room(struct ward *ward)
{
    check_row(
        removes(ward->anna2, ward->room, MIRA), "(another device of hers removes a member meanwhile)", "it cannot");
    lab_run(&ward->lab, 20000);
}

static void back(struct ward *ward)
{
    party_reborn(ward->anna);
    ward->anna->cut = false;
    party_connect(ward->anna);
    lab_run(&ward->lab, 120000);
}

/* --- identities that are no more --- */

struct forgetting {
    char keys[32][96];
    size_t lens[32], count;
};

static bool note_identity(void *user, struct ks_str key, struct ks_str value)
{
    struct forgetting *forgetting = user;

    (void)value;
    assert(forgetting->count < KS_COUNT(forgetting->keys) && key.len <= sizeof(forgetting->keys[0]));
    memcpy(forgetting->keys[forgetting->count], key.ptr, key.len);
    forgetting->lens[forgetting->count++] = key.len;
    return true;
}

/* Over its sessions with an account nothing can be sealed then. */
static size_t forget_identities(struct party *party, const char *jid)
{
    const struct ks_engine_store_ops *ops = party->store->ops;
    struct forgetting forgetting = { .count = 0 };
    char prefix[64];

    snprintf(prefix, sizeof(prefix), "i%s", jid);
    if (ops->begin(party->store) != KS_OK
        || ops->scan(party->store, KS_T_OMEMO_PEER, ks_str_z(prefix), KS_STR_EMPTY, false, note_identity, &forgetting)
            != KS_OK)
        abort();
    for (size_t i = 0; i < forgetting.count; i++)
        if (ops->del(party->store, KS_T_OMEMO_PEER, ks_str(forgetting.keys[i], forgetting.lens[i])) != KS_OK)
            abort();
    if (ops->commit(party->store) != KS_OK)
        abort();
    return forgetting.count;
}

static void test_broken_sessions(void)
{
    struct ward ward;
    size_t count;

    (void)unsent(&ward, 401, "1");
    restrict_room(&ward);
    count = forget_identities(ward.anna, JONAS);
    check_row(count >= 2, "(over her sessions with both devices of the only other member nothing can be sealed)", "%zu",
        count);
    back(&ward);
    check_text("PROTOCOL §9.1: what has to be sealed again comes when its sessions have to be begun anew, too",
        party_history(ward.jonas, ward.room), "0,1");
    (void)party_send(ward.anna, ward.room, "2");
    lab_run(&ward.lab, 60000);
    check_text("and what is written next comes after it", party_history(ward.jonas, ward.room), "0,1,2");
    check_row(party_count(ward.jonas, "gap", 0) == 0, "and leaves no gap", "%zu", party_count(ward.jonas, "gap", 0));
    ward_end(&ward);
}

/* --- a server that takes less --- */

/* XEP-0478 in the features after login. */
static bool take_less(struct party *party, struct ks_str *stanza, void *user)
{
    size_t at = ks_str_find(*stanza, KS_STR("<max-bytes>")), end = ks_str_find(*stanza, KS_STR("</max-bytes>"));
    struct ks_buf text;

    (void)user;
    if (at == stanza->len || end == stanza->len)
        return true;
    ks_buf_init(&text, 1 << 20);
    ks_buf_add(&text, ks_str_head(*stanza, at));
    ks_buf_z(&text, "<max-bytes>16000");
    ks_buf_add(&text, ks_str_from(*stanza, end));
    if (ks_arena_copy(&party->lab->kept, ks_buf_str(&text), stanza) != KS_OK)
        abort();
    ks_buf_done(&text);
    return true;
}

static void check_too_big(uint64_t seed, bool again, const char *name)
{
    static char body[20001];
    struct ward ward;
    const json_t *message;
    const char *id;

    memset(body, 'a', sizeof(body) - 1);
    id = unsent(&ward, seed, body);
    if (again)
        restrict_room(&ward);
    ward.anna->spy = take_less;
    back(&ward);
    message = party_message(ward.anna, ward.room, id);
    check_row(strcmp(text_of(message, "state"), "failed") == 0, name, "it is %s", text_of(message, "state"));
    (void)party_send(ward.anna, ward.room, "2");
    lab_run(&ward.lab, 60000);
    check_row(strstr(party_history(ward.jonas, ward.room), ",2") != NULL, "and what is written next comes", "%s",
        party_history(ward.jonas, ward.room));
    ward_end(&ward);
}

/* Its author is put out of the room before it reached anybody. */
static void test_put_out(bool destroyed)
{
    struct ward ward;
    const json_t *message, *state;
    const char *id;

    ward_begin(&ward, 95);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward.jonas, ward.room, "0");
    lab_run(&ward.lab, 20000);
    ward.jonas->cut = true;
    id = party_send(ward.jonas, ward.room, "1");
    party_cut(ward.jonas);
    if (destroyed)
        check_row(good(ask(ward.anna, "{\"id\":\"r\",\"cmd\":\"room_destroy\",\"room\":\"%s\"}", ward.room)),
            "(its room is destroyed meanwhile)", "it is not");
    else
        check_row(removes(ward.anna, ward.room, JONAS), "(an owner removes the author meanwhile)", "she cannot");
    lab_run(&ward.lab, 20000);
    party_reborn(ward.jonas);
    ward.jonas->cut = false;
    party_connect(ward.jonas);
    lab_run(&ward.lab, 300000);
    check_row(
        json_is_true(json_object_get(room_of(ward.jonas, ward.room), "left")), "(he learns of it)", "he does not");
    message = party_message(ward.jonas, ward.room, id);
    check_text("what was sealed for a room that its author does not come to again has failed",
        text_of(json_array_get(json_object_get(message, "recipients"), 0), "state"), "failed");
    check_text(
        "and why", text_of(json_array_get(json_object_get(message, "recipients"), 0), "reason"), "room.not_member");
    state = party_do(ward.jonas, "{\"id\":\"x\",\"cmd\":\"state\"}");
    check_row(json_integer_value(json_object_get(state, "waiting")) == 0, "nothing waits any more", "%lld",
        (long long)json_integer_value(json_object_get(state, "waiting")));
    check_text("and nobody got it", party_history(ward.mira, ward.room), "0");
    ward_end(&ward);
}

int main(void)
{
    test_put_out(false);
    test_put_out(true);
    test_broken_sessions();
    check_too_big(
        402, false, "XEP-0478 §3.3: what a room's server does not take any more fails, and its author is told");
    check_too_big(403, true, "XEP-0478 §3.3: so does what is sealed again, for others");
    return check_done();
}
