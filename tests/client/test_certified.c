/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a device can do whose envelopes are sealed and certified as they should be, by what it says in them. An engine
 * is handed each as it is after it was opened. */
#include "chain.h"
#include "check.h"
#include "engine.h"
#include "history.h"
#include "inbox.h"
#include "party.h"
#include "stores.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"

#define HERS 4711 /* a device of anna's */
#define FAR 1000000000000ull

/* --- an opened envelope --- */

struct opened {
    const char *from;
    struct ks_content content;
    const char *bytes; /* what the hash is of */
    uint32_t device;
    bool mine; /* of another device of the reader's, to anna */
};

static enum ks_err take(struct konsil *k, void *arg)
{
    const struct opened *opened = arg;
    struct ks_content content = opened->content;
    struct ks_inbound in = { .from = ks_str_z(opened->from),
        .to = opened->mine ? KS_STR(ANNA) : ks_own(k),
        .peer = KS_STR(ANNA),
        .id = content.k.id,
        .stamp_ms = k->now.wall_ms,
        .mine = opened->mine,
        .opened = { .device = opened->device, .version = KS_OMEMO_2 },
        .envelope = ks_str_z(opened->bytes) };

    content.ours = true;
    return ks_intake(k, &in, &content);
}

static void give(struct party *party, struct opened opened)
{
    (void)ks_step(party->engine, take, &opened);
    lab_run(party->lab, 1); /* it tells */
}

/* A text of anna's, numbered. */
static void give_text(struct party *party, const char *id, uint64_t number)
{
    give(party,
        (struct opened) { .from = ANNA,
            .device = HERS,
            .bytes = id,
            .content = { .says = KS_SAYS_TEXT,
                .body = ks_str_z(id),
                .k = { .id = ks_str_z(id), .device = HERS, .epoch = 1, .number = number } } });
}

/* What refers to another message, without a number. */
static void give_reference(
    struct party *party, const char *from, enum ks_says says, const char *target, const char *words)
{
    static struct ks_str emoji;
    struct opened opened = { .from = from,
        .device = HERS,
        .bytes = "",
        .mine = strcmp(from, JONAS) == 0,
        .content = { .says = says, .target = ks_str_z(target), .k = { .id = ks_str_z(words) } } };

    emoji = ks_str_z(words);
    if (says == KS_SAYS_EDIT)
        opened.content.body = ks_str_z(words);
    if (says == KS_SAYS_REACTIONS) {
        opened.content.emoji = &emoji;
        opened.content.emoji_count = 1;
    }
    give(party, opened);
}

/* --- a store that counts --- */

static const struct ks_engine_store_ops *counted;
static struct ks_engine_store_ops counting;
static size_t gets;

static enum ks_err count_get(
    struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_buf *ret_value)
{
    if (++gets > 100000)
        return KS_ESTORE;
    return counted->get(s, table, key, ret_value);
}

static void count(struct party *party)
{
    counted = party->store->ops;
    counting = *counted;
    counting.get = count_get;
    party->store->ops = &counting;
    gets = 0;
}

static void two(struct lab *lab, struct party **anna, struct party **jonas)
{
    lab_two(lab, 1, anna, jonas);
    party_connect(*anna);
    party_connect(*jonas);
    lab_run(lab, 1000);
}

/* --- numbers --- */

static void test_read_far(void)
{
    struct ks_ack_range range = { .device = HERS, .epoch = 1, .from = 1, .to = FAR, .displayed = true };
    struct party *anna, *jonas;
    struct lab lab;

    two(&lab, &anna, &jonas);
    give_text(jonas, "eins", 1);
    count(jonas);
    give_text(jonas, "zwei", 2);
    check_row(gets > 0 && gets < 100, "(positive control: what the store is asked for is counted)", "%zu", gets);
    give_text(jonas, "weit", FAR);
    gets = 0;
    range.to = FAR - 1;
    give(jonas,
        (struct opened) { .from = JONAS,
            .device = 1,
            .bytes = "",
            .mine = true,
            .content = { .says = KS_SAYS_ACK, .ranges = &range, .range_count = 1 } });
    check_row(
        gets < 100, "PROTOCOL §7.2: what was read among numbers far apart is found among those that came", "%zu", gets);
    check_row(party_count(jonas, "read", 0) == 1, "and is read here, too", "%zu", party_count(jonas, "read", 0));
    range.to = FAR;
    give(jonas,
        (struct opened) { .from = JONAS,
            .device = 1,
            .bytes = "",
            .mine = true,
            .content = { .says = KS_SAYS_ACK, .ranges = &range, .range_count = 1 } });
    check_row(party_count(jonas, "read", 0) == 2, "up to the last", "%zu", party_count(jonas, "read", 0));
    jonas->store->ops = counted;
    lab_end(&lab);
}

/* Another device of jonas's, which counts in leaps, and anna's receipt of it. */
static void test_receipt_far(void)
{
    struct ks_ack_range range = { .device = 2, .epoch = 1, .from = 1, .to = FAR };
    struct opened text = { .from = JONAS,
        .device = 2,
        .bytes = "a",
        .mine = true,
        .content = { .says = KS_SAYS_TEXT,
            .body = KS_STR("a"),
            .k = { .id = KS_STR("a"), .device = 2, .epoch = 1, .number = 1 } } };
    struct party *anna, *jonas;
    struct lab lab;

    two(&lab, &anna, &jonas);
    give(jonas, text);
    text.bytes = "b";
    text.content.body = text.content.k.id = KS_STR("b");
    text.content.k.number = FAR;
    give(jonas, text);
    ks_sce_hash(KS_STR("b"), range.hash);
    count(jonas);
    give(jonas,
        (struct opened) { .from = ANNA,
            .device = HERS,
            .bytes = "",
            .content = { .says = KS_SAYS_ACK, .ranges = &range, .range_count = 1 } });
    check_row(
        gets < 200, "PROTOCOL §7.1: a receipt of numbers far apart is taken for those that are here", "%zu", gets);
    check_row(party_count(jonas, "message_state", 0) == 2, "each is delivered", "%zu",
        party_count(jonas, "message_state", 0));
    jonas->store->ops = counted;
    lab_end(&lab);
}

/* --- what never comes --- */

#define DAY_MS 86400000ll

/* Something of this device is missing: what refers to it may come. */
static void open_gap(struct party *party)
{
    give_text(party, "eins", 1);
    give_text(party, "drei", 3);
}

static void open_own_gap(struct party *party)
{
    struct opened text = { .from = JONAS,
        .device = HERS,
        .bytes = "a",
        .mine = true,
        .content = { .says = KS_SAYS_TEXT,
            .body = KS_STR("a"),
            .k = { .id = KS_STR("a"), .device = HERS, .epoch = 1, .number = 1 } } };

    give(party, text);
    text.bytes = "c";
    text.content.body = text.content.k.id = KS_STR("c");
    text.content.k.number = 3;
    give(party, text);
}

static size_t held(struct party *party, const char *prefix, unsigned count)
{
    size_t found = 0;
    char word[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(word, sizeof(word), "%s-%u.", prefix, i);
        found += device_holds(party, word);
    }
    return found;
}

static void give_many(struct party *party, const char *from, enum ks_says says, const char *prefix, unsigned count)
{
    char word[32], target[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(word, sizeof(word), "%s-%u.", prefix, i);
        snprintf(target, sizeof(target), "nie-%u", i);
        give_reference(party, from, says, target, word);
    }
}

static void test_waiting_ends(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    two(&lab, &anna, &jonas);
    open_gap(jonas);
    give_reference(jonas, ANNA, KS_SAYS_EDIT, "nie", "CANARY-edit");
    give_reference(jonas, ANNA, KS_SAYS_REACTIONS, "nie", "CANARY-reaction");
    lab_run(&lab, 28 * DAY_MS);
    check_row(device_holds(jonas, "CANARY-edit") && device_holds(jonas, "CANARY-reaction"),
        "PROTOCOL §5.1: (positive control) what refers to a message waits for it for four weeks", "it does not");
    lab_run(&lab, 4 * DAY_MS);
    check_row(!device_holds(jonas, "CANARY-edit") && !device_holds(jonas, "CANARY-reaction"),
        "PROTOCOL §5.1: after 30 days its words are gone", "they stay");
    lab_end(&lab);
}

static void test_waiting_shares(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    two(&lab, &anna, &jonas);
    open_gap(jonas);
    open_own_gap(jonas);
    give_reference(jonas, JONAS, KS_SAYS_EDIT, "nie", "OWN-0.");
    give_many(jonas, ANNA, KS_SAYS_EDIT, "HERS", 70);
    check_row(held(jonas, "HERS", 70) == 64 && !device_holds(jonas, "HERS-0.") && device_holds(jonas, "HERS-69."),
        "PROTOCOL §12: 64 edits and reactions of one account wait in a conversation, the newest", "%zu",
        held(jonas, "HERS", 70));
    check_row(device_holds(jonas, "OWN-0."), "and take nobody else's place", "they do");
    give_reference(jonas, ANNA, KS_SAYS_EDIT, "nie-69", "NEWER");
    check_row(!device_holds(jonas, "HERS-69.") && device_holds(jonas, "NEWER") && device_holds(jonas, "HERS-6."),
        "PROTOCOL §5.3: of two that one account says of one message the newer waits", "not so");
    lab_end(&lab);
}

static void test_waiting_retraction(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    char from[64];

    two(&lab, &anna, &jonas);
    open_gap(jonas);
    give_reference(jonas, ANNA, KS_SAYS_EDIT, "zwei", "CANARY");
    check_row(device_holds(jonas, "CANARY"), "(positive control: an edit waits)", "no");
    give_reference(jonas, ANNA, KS_SAYS_RETRACT, "zwei", "back");
    check_row(!device_holds(jonas, "CANARY"), "DSK I.7-a: a retraction takes the edits with it that wait as it does",
        "they stay");
    give_reference(jonas, ANNA, KS_SAYS_EDIT, "zwei", "CANARY");
    check_row(!device_holds(jonas, "CANARY"), "and what comes later does not wait at all", "it does");
    for (unsigned i = 0; i < 100; i++) {
        snprintf(from, sizeof(from), "person%u@klinik.example", i);
        give_reference(jonas, from, KS_SAYS_REACTIONS, "zwei", "x");
    }
    give_text(jonas, "zwei", 2);
    check_row(strcmp(party_history(jonas, ANNA), "eins,-,drei") == 0,
        "PROTOCOL §5.5: a retraction erases its target when it comes, however many react to it", "%s",
        party_history(jonas, ANNA));
    lab_end(&lab);
}

/* Ids of two authors may be equal. */
static void test_waiting_for_another(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    two(&lab, &anna, &jonas);
    open_gap(jonas);
    open_own_gap(jonas);
    give_reference(jonas, ANNA, KS_SAYS_EDIT, "b", "geändert");
    give(jonas,
        (struct opened) { .from = JONAS,
            .device = HERS,
            .bytes = "b",
            .mine = true,
            .content = { .says = KS_SAYS_TEXT,
                .body = KS_STR("anders"),
                .k = { .id = KS_STR("b"), .device = HERS, .epoch = 1, .number = 2 } } });
    give_text(jonas, "b", 2);
    check_row(strstr(party_history(jonas, ANNA), "geändert") && strstr(party_history(jonas, ANNA), "anders"),
        "PROTOCOL §5.3: an edit waits for its author's message, and another's under the same id does not end that",
        "%s", party_history(jonas, ANNA));
    lab_end(&lab);
}

int main(void)
{
    test_waiting_ends();
    test_waiting_shares();
    test_waiting_retraction();
    test_waiting_for_another();
    test_read_far();
    test_receipt_far();
    return check_done();
}
