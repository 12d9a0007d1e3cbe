/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A device that lost what it decrypts by: its sessions, or the private halves of its pre-keys as well. Nobody did wrong
 * and nobody watches; what is said to it meanwhile must not be silently unreadable. */
#include "stores.h"

#include "check.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"
#define SOON_MS 30000 /* "readable <=30 s after repair with both online" */

struct keys {
    struct ks_arena arena;
    struct ks_str all[4096];
    size_t count;
};

static bool take_key(void *user, struct ks_str key, struct ks_str value)
{
    struct keys *keys = user;

    (void)value;
    if (keys->count == KS_COUNT(keys->all) || ks_arena_copy(&keys->arena, key, &keys->all[keys->count++]) != KS_OK)
        abort();
    return true;
}

/* How many records went. */
static size_t forget(struct party *party, enum ks_table table, const char *prefix)
{
    struct ks_engine_store *store = party->store;
    struct keys keys = { .count = 0 };
    size_t count;

    ks_arena_init(&keys.arena, 1u << 22);
    if (store->ops->scan(store, table, ks_str_z(prefix), KS_STR_EMPTY, false, take_key, &keys) != KS_OK
        || store->ops->begin(store) != KS_OK)
        abort();
    for (size_t i = 0; i < keys.count; i++)
        if (store->ops->del(store, table, keys.all[i]) != KS_OK)
            abort();
    if (store->ops->commit(store) != KS_OK)
        abort();
    count = keys.count;
    ks_arena_done(&keys.arena);
    return count;
}

static void begin(struct lab *lab, uint64_t seed, struct party **anna, struct party **jonas)
{
    lab_two(lab, seed, anna, jonas);
    party_connect(*anna);
    party_connect(*jonas);
    lab_run(lab, 1000);
    (void)party_send(*anna, JONAS, "0");
    lab_run(lab, 15000);
    (void)party_send(*jonas, ANNA, "a");
    lab_run(lab, 15000);
}

static bool delivered(const struct party *party, const char *id)
{
    for (size_t i = 0; i < party_count(party, "message_state", 0); i++) {
        const json_t *event = party_event(party, "message_state", 0, i);

        if (strcmp(text_of(event, "message"), id) == 0 && strcmp(text_of(event, "state"), "delivered") == 0)
            return true;
    }
    return false;
}

/* One message of hers comes to him, and no other while it is on: neither what is handed in again, nor anything else. */
struct hold {
    bool on, passed;
};

static bool hold(struct party *party, struct ks_str *stanza, void *user)
{
    struct hold *held = user;

    (void)party;
    if (!held->on || ks_str_find(*stanza, KS_STR("<message")) == stanza->len
        || ks_str_find(*stanza, KS_STR("from='" ANNA)) == stanza->len)
        return true;
    if (held->passed)
        return false;
    return held->passed = true;
}

/* Shown as unreadable between two marks, the second behind the last event. */
static bool shown_unreadable(const struct party *party, size_t from)
{
    for (size_t i = 0; i < party_count(party, "message", from); i++)
        if (json_is_true(
                json_object_get(json_object_get(party_event(party, "message", from, i), "message"), "unreadable")))
            return true;
    return false;
}

static void comes_all_the_same(struct lab *lab, struct party *anna, struct party *jonas)
{
    size_t mark = party_mark(jonas);
    const char *id = party_send(anna, JONAS, "1");

    lab_run(lab, SOON_MS);
    check_row(shown_unreadable(jonas, mark),
        "DSK II.2-f part (the author is told): what cannot be decrypted is shown as such, at once", "%s",
        party_history(jonas, ANNA));
    check_row(strcmp(party_history(jonas, ANNA), "0,a,1") == 0,
        "DSK II.2-f: it repairs itself, and is readable within 30 seconds, nobody having done anything", "%s",
        party_history(jonas, ANNA));
    check_row(delivered(anna, id), "DSK II.2-f: and then its author is told that it is delivered", "she is not");
    (void)party_send(anna, JONAS, "2");
    (void)party_send(jonas, ANNA, "b");
    lab_run(lab, 15000);
    check_row(strstr(party_history(jonas, ANNA), "?") == NULL && strstr(party_history(anna, JONAS), "?") == NULL
            && strstr(party_history(anna, JONAS), "b") != NULL && strstr(party_history(jonas, ANNA), "2") != NULL,
        "DSK II.2-f: at the end nothing is unreadable, in either direction", "%s; %s", party_history(jonas, ANNA),
        party_history(anna, JONAS));
    check_row(party_count(jonas, "warning", 0) == 0 && party_count(anna, "warning", 0) == 0,
        "and nobody is warned of what was mended", "%zu", party_count(jonas, "warning", 0));
}

static void test_sessions(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    begin(&lab, 51, &anna, &jonas);
    check_row(
        forget(jonas, KS_T_SESSION2, "") > 0, "control: a device had a session, and has it no more", "it had none");
    comes_all_the_same(&lab, anna, jonas);
    lab_end(&lab);
}

/* She begins a session with a pre-key that is still published, and whose private half is gone. */
static void test_keys(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    begin(&lab, 52, &anna, &jonas);
    check_row(forget(jonas, KS_T_SESSION2, "") > 0 && forget(jonas, KS_T_OMEMO_OWN, "p") > 0
            && forget(anna, KS_T_SESSION2, "") > 0,
        "control: a device had pre-keys, and has none, nor a session", "it had none");
    comes_all_the_same(&lab, anna, jonas);
    check_row(
        strcmp(party_history(jonas, ANNA), "0,a,1,2,b") == 0 || strcmp(party_history(jonas, ANNA), "0,a,1,b,2") == 0,
        "attacks 33 and 36: both had lost their sessions, and the bundle was of pre-keys that are gone: nothing is "
        "lost",
        "%s", party_history(jonas, ANNA));
    lab_end(&lab);
}

/* The answer to his request does not come for a while. */
static void test_sender(void)
{
    struct party *anna, *jonas;
    struct hold held = { .on = true };
    struct lab lab;
    const char *id;

    begin(&lab, 53, &anna, &jonas);
    (void)forget(jonas, KS_T_SESSION2, "");
    jonas->spy = hold;
    jonas->spy_user = &held;
    id = party_send(anna, JONAS, "1");
    lab_run(&lab, 1000);
    check_row(strcmp(party_history(jonas, ANNA), "0,a,?") == 0, "control: it is unreadable", "%s",
        party_history(jonas, ANNA));
    lab_run(&lab, 20000);
    check_row(!delivered(anna, id), "DSK II.2-f: while he cannot read it its author is not told that it is delivered",
        "she is");
    held.on = false;
    lab_run(&lab, 600000);
    check_row(strcmp(party_history(jonas, ANNA), "0,a,1") == 0 && delivered(anna, id), "DSK II.2-f: but is once he can",
        "%s", party_history(jonas, ANNA));
    lab_end(&lab);
}

int main(void)
{
    test_sessions();
    test_keys();
    test_sender();
    return check_done();
}
