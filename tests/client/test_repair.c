/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Nothing lost, and never silent: what a hostile server drops, alters and repeats (doc/PROTOCOL.md §6, §8). */
#include "check.h"
#include "party.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"

/* What the spy at Jonas does with messages of Anna. */
struct plan {
    const char *drop[4]; /* ids of stanzas that never come, not even out of the archive; NULL ends */
    const char *drop_live;
    const char *flip; /* the id of one whose ciphertext is altered each time */
    size_t flip_all;  /* so many messages from now on */
    bool twice;       /* everything comes twice */
    size_t dropped, flipped, doubled;
};

static bool has(struct ks_str stanza, const char *text)
{
    return text && ks_str_find(stanza, ks_str_z(text)) < stanza.len;
}

/* Changes a character in the middle of <payload/>: what it holds does not verify any more. */
static void flip(struct lab *lab, struct ks_str *stanza)
{
    size_t at = ks_str_find(*stanza, KS_STR("<payload>")) + 20;
    struct ks_str copy;

    if (at >= stanza->len || ks_arena_copy(&lab->kept, *stanza, &copy) != KS_OK)
        return;
    ((char *)(uintptr_t)copy.ptr)[at] = copy.ptr[at] == 'A' ? 'B' : 'A';
    *stanza = copy;
}

static bool spy(struct party *party, struct ks_str *stanza, void *user)
{
    struct plan *plan = user;

    for (size_t i = 0; plan->drop[i]; i++)
        if (has(*stanza, plan->drop[i])) {
            plan->dropped++;
            return false;
        }
    if (has(*stanza, plan->drop_live) && !has(*stanza, "urn:xmpp:mam:2")) {
        plan->dropped++;
        return false;
    }
    if (has(*stanza, plan->flip) || (plan->flip_all > 0 && has(*stanza, "<payload>"))) {
        if (!has(*stanza, plan->flip))
            plan->flip_all--;
        plan->flipped++;
        flip(party->lab, stanza);
    }
    if (plan->twice && has(*stanza, "<payload>")) {
        plan->doubled++;
        konsil_feed(party->engine, stanza->ptr, stanza->len,
            (struct konsil_now) { party->lab->host->now.mono_ms, party->lab->host->now.wall_ms });
    }
    return true;
}

static void check_text(const char *name, const char *got, const char *want)
{
    check_row(strcmp(got, want) == 0, name, "\"%s\", not \"%s\"", got, want);
}

/* Anna and Jonas know each other, and Jonas' line is spied on. */
static void begin(struct lab *lab, struct party **anna, struct party **jonas, struct plan *plan)
{
    lab_two(lab, 5, anna, jonas);
    (*jonas)->spy = spy;
    (*jonas)->spy_user = plan;
    party_connect(*anna);
    party_connect(*jonas);
    lab_run(lab, 1000);
    (void)party_send(*anna, JONAS, "0");
    lab_run(lab, 1000);
    (void)party_send(*jonas, ANNA, "a");
    lab_run(lab, 30000);
}

/* A carbon is on its way when a later message is here already, and the process ends. */
static void test_overtaken(void)
{
    struct party *anna, *jonas, *tablet;
    struct plan plan = { .drop = { NULL } };
    struct lab lab;

    begin(&lab, &anna, &jonas, &plan);
    tablet = lab_party(&lab, JONAS, "j-password");
    tablet->spy = spy;
    tablet->spy_user = &plan;
    party_connect(tablet);
    lab_run(&lab, 2000);
    (void)party_send(jonas, ANNA, "b");
    lab_run(&lab, 2000);
    plan.drop_live = party_send(jonas, ANNA, "c");
    lab_run(&lab, 1000);
    (void)party_send(anna, JONAS, "1");
    lab_run(&lab, 1000);
    check_text("a later message came first", party_history(tablet, ANNA), "b,1");
    party_restart(tablet);
    lab_run(&lab, 5000);
    check_row(plan.dropped == 1 && strstr(party_history(tablet, ANNA), "c") != NULL,
        "XEP-0313: what was overtaken is fetched by the next session", "%zu dropped, \"%s\"", plan.dropped,
        party_history(tablet, ANNA));
    lab_end(&lab);
}

static void test_dropped_live(void)
{
    struct party *anna, *jonas;
    struct plan plan = { .drop = { NULL } };
    struct lab lab;

    begin(&lab, &anna, &jonas, &plan);
    plan.drop_live = party_send(anna, JONAS, "1");
    (void)party_send(anna, JONAS, "2");
    lab_run(&lab, 5000);
    check_text("a message that is missing does not hold up the next", party_history(jonas, ANNA), "0,a,2");
    check_row(party_count(jonas, "gap", 0) == 0, "PROTOCOL §6.3: for ten seconds it is no gap", "%zu",
        party_count(jonas, "gap", 0));
    lab_run(&lab, 20000);
    check_row(plan.dropped == 1 && party_count(jonas, "gap", 0) == 2,
        "DSK II.2-c part (within ten seconds; the author's sight): then it is told that one is missing, and that it "
        "closed (PROTOCOL §6.3)",
        "%zu dropped, told %zu times", plan.dropped, party_count(jonas, "gap", 0));
    check_text("DSK II.2-c part (within ten seconds; the author's sight): it is fetched without anybody's doing, and "
               "stands in its place (PROTOCOL §8.1)",
        party_history(jonas, ANNA), "0,a,1,2");
    lab_run(&lab, 20000);
    check_row(party_count(jonas, "message", 0) == 4, "each was shown once", "%zu", party_count(jonas, "message", 0));
    lab_end(&lab);
}

/* Every second message is withheld: more gaps than a numbering keeps. Their receipts come before they are asked for. */
#define PIECES 200

struct sieve {
    const char *ids[PIECES];
    size_t count, dropped;
};

static bool sift(struct party *party, struct ks_str *stanza, void *user)
{
    struct sieve *sieve = user;

    (void)party;
    for (size_t i = 0; i < sieve->count; i += 2)
        if (has(*stanza, sieve->ids[i])) {
            sieve->dropped++;
            return false;
        }
    return true;
}

static size_t delivered(const struct party *party, const struct sieve *sieve, size_t first)
{
    size_t count = 0;

    for (size_t n = 0; n < party_count(party, "message_state", 0); n++) {
        const json_t *event = party_event(party, "message_state", 0, n);

        if (strcmp(text_of(event, "state"), "delivered") != 0)
            continue;
        for (size_t i = first; i < sieve->count; i += 2)
            count += strcmp(text_of(event, "message"), sieve->ids[i]) == 0;
    }
    return count;
}

static void test_many_gaps(void)
{
    struct party *anna, *jonas;
    struct plan plan = { .drop = { NULL } };
    struct sieve sieve = { .count = 0 };
    struct lab lab;

    begin(&lab, &anna, &jonas, &plan);
    jonas->spy = sift;
    jonas->spy_user = &sieve;
    while (sieve.count < PIECES) {
        sieve.ids[sieve.count] = party_send(anna, JONAS, "x");
        sieve.count++;
        lab_run(&lab, 10);
    }
    lab_run(&lab, 9000);
    check_row(sieve.dropped >= PIECES / 2 && delivered(anna, &sieve, 1) > 0,
        "every second message comes, and is acknowledged", "%zu dropped, %zu acknowledged", sieve.dropped,
        delivered(anna, &sieve, 1));
    check_row(delivered(anna, &sieve, 0) == 0, "PROTOCOL §7.1: none of the others is said to be delivered", "%zu are",
        delivered(anna, &sieve, 0));
    lab_end(&lab);
}

static void test_dropped_for_ever(void)
{
    struct party *anna, *jonas;
    struct plan plan = { .drop = { NULL } };
    struct lab lab;
    json_t *gap;
    size_t mark;

    begin(&lab, &anna, &jonas, &plan);
    plan.drop[0] = party_send(anna, JONAS, "1");
    lab_run(&lab, 100);
    plan.drop[1] = party_send(anna, JONAS, "2");
    lab_run(&lab, 100);
    mark = party_mark(anna);
    (void)party_send(anna, JONAS, "3");
    lab_run(&lab, 120000);
    gap = party_event(jonas, "gap", 0, 0);
    check_row(json_integer_value(json_object_get(gap, "missing")) == 2,
        "DSK II.2-c part (within ten seconds; the author's sight): two messages are missing (PROTOCOL §6.3)", "%lld",
        (long long)json_integer_value(json_object_get(gap, "missing")));
    check_text("PROTOCOL §8.2: the author hands them in again, and they stand in their places",
        party_history(jonas, ANNA), "0,a,1,2,3");
    gap = party_event(jonas, "gap", 0, party_count(jonas, "gap", 0) - 1);
    check_row(json_integer_value(json_object_get(gap, "missing")) == 0, "and the gap is closed", "%lld",
        (long long)json_integer_value(json_object_get(gap, "missing")));
    check_row(party_event(anna, "message_state", mark, 0) != NULL && plan.dropped >= 2, "their author learns of it",
        "%zu dropped", plan.dropped);
    check_row(party_count(jonas, "warning", 0) == 0, "nobody is warned of what was mended", "%zu",
        party_count(jonas, "warning", 0));
    lab_end(&lab);
}

static void test_altered(void)
{
    struct party *anna, *jonas;
    struct plan plan = { .drop = { NULL } };
    struct lab lab;

    begin(&lab, &anna, &jonas, &plan);
    plan.flip_all = 1;
    (void)party_send(anna, JONAS, "1");
    lab_run(&lab, 50);
    check_row(plan.flipped == 1, "a byte of a message is altered on its way", "%zu", plan.flipped);
    check_row(strcmp(party_history(jonas, ANNA), "0,a,?") == 0 || strcmp(party_history(jonas, ANNA), "0,a,1") == 0,
        "DESIGN §4.4: never silent: it is shown as unreadable", "%s", party_history(jonas, ANNA));
    lab_run(&lab, 60000);
    (void)party_send(anna, JONAS, "2");
    lab_run(&lab, 60000);
    check_text("PROTOCOL §8.3: over a new session it is handed in again", party_history(jonas, ANNA), "0,a,1,2");
    check_row(party_count(jonas, "message", 0) == 5, "it was told twice: as unreadable, and then read", "%zu",
        party_count(jonas, "message", 0));
    lab_end(&lab);
}

static void test_altered_for_a_day(void)
{
    struct party *anna, *jonas;
    struct plan plan = { .drop = { NULL } };
    struct lab lab;
    size_t stanzas = 0, at = 0;

    begin(&lab, &anna, &jonas, &plan);
    plan.flip_all = SIZE_MAX;
    ks_buf_reset(&jonas->sent);
    for (int hour = 0; hour < 24; hour++) {
        (void)party_send(anna, JONAS, "x");
        lab_run(&lab, 3600000);
    }
    while (at < jonas->sent.len) {
        size_t step = ks_str_find(ks_str_from(ks_buf_str(&jonas->sent), at), KS_STR("<encrypted"));

        if (at + step >= jonas->sent.len)
            break;
        stanzas++;
        at += step + 1;
    }
    check_row(stanzas > 0 && stanzas < 80, "attack 32, PROTOCOL §8.3: a day of altered messages: repair is bounded",
        "%zu messages", stanzas);
    check_row(party_count(jonas, "warning", 0) > 0, "and loud", "%zu warnings", party_count(jonas, "warning", 0));
    plan.flip_all = 0;
    (void)party_send(anna, JONAS, "y");
    lab_run(&lab, 24 * 3600000LL);
    check_row(strstr(party_history(jonas, ANNA), "?") == NULL, "PROTOCOL §8.4: afterwards everything is mended", "%s",
        party_history(jonas, ANNA));
    lab_end(&lab);
}

static void test_repeated(void)
{
    struct party *anna, *jonas;
    struct plan plan = { .drop = { NULL }, .twice = true };
    struct lab lab;

    begin(&lab, &anna, &jonas, &plan);
    (void)party_send(anna, JONAS, "1");
    lab_run(&lab, 30000);
    party_restart(jonas);
    lab_run(&lab, 30000);
    check_text("attack 18: what comes twice is shown once", party_history(jonas, ANNA), "0,a,1");
    check_row(plan.doubled >= 2 && party_count(jonas, "message", 0) == 3, "and told once", "%zu doubled, %zu told",
        plan.doubled, party_count(jonas, "message", 0));
    lab_end(&lab);
}

static void test_early(void)
{
    struct party *anna, *jonas;
    struct plan plan = { .drop = { NULL } };
    struct lab lab;
    const char *id;

    begin(&lab, &anna, &jonas, &plan);
    plan.drop[0] = id = party_send(anna, JONAS, "1");
    lab_run(&lab, 100);
    (void)party_send(anna, JONAS, "2");
    lab_run(&lab, 100);
    party_do(
        anna, "{\"id\":\"x\",\"cmd\":\"edit\",\"conversation\":\"" JONAS "\",\"message\":\"%s\",\"body\":\"1b\"}", id);
    lab_run(&lab, 1000);
    check_text("PROTOCOL §5.1: an edit waits for its target", party_history(jonas, ANNA), "0,a,2");
    lab_run(&lab, 120000);
    check_text("and takes effect when it comes", party_history(jonas, ANNA), "0,a,1b,2");
    lab_end(&lab);
}

static size_t told_unreadable(const struct party *party)
{
    size_t count = 0;

    for (size_t i = 0; i < party_count(party, "message", 0); i++)
        count += json_is_true(
            json_object_get(json_object_get(party_event(party, "message", 0, i), "message"), "unreadable"));
    return count;
}

/* What is behind it came first, and of itself only bytes that cannot be read. */
static void test_unreadable_behind(void)
{
    struct party *anna, *jonas;
    struct plan plan = { .drop = { NULL } };
    struct lab lab;

    begin(&lab, &anna, &jonas, &plan);
    plan.drop_live = plan.flip = party_send(anna, JONAS, "1");
    lab_run(&lab, 100);
    (void)party_send(anna, JONAS, "2");
    lab_run(&lab, 1000);
    check_text("a later message came first", party_history(jonas, ANNA), "0,a,2");
    lab_run(&lab, 60000);
    check_row(told_unreadable(jonas) > 0, "and then what was before it, unreadable", "it was not");
    check_text(
        "PROTOCOL §6.2: what can be read at last stands in its author's order", party_history(jonas, ANNA), "0,a,1,2");
    lab_end(&lab);
}

/* Of her nothing is known yet, not even which devices she has. */
static void test_first_altered(void)
{
    struct party *anna, *jonas;
    struct plan plan = { .flip_all = 1 };
    struct lab lab;

    lab_two(&lab, 6, &anna, &jonas);
    jonas->spy = spy;
    jonas->spy_user = &plan;
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 1000);
    (void)party_send(anna, JONAS, "1");
    lab_run(&lab, 60000);
    check_row(told_unreadable(jonas) == 1, "the first message of a person is altered", "%zu times told",
        told_unreadable(jonas));
    check_text("PROTOCOL §8.2: and is asked for, when her devices are known", party_history(jonas, ANNA), "1");
    lab_end(&lab);
}

/* Its author was told that it failed, and may have said it in another way. */
static void test_failed(void)
{
    struct party *anna, *jonas;
    struct plan plan = { .drop = { NULL } };
    struct lab lab;
    const char *id;

    begin(&lab, &anna, &jonas, &plan);
    plan.drop[0] = id = party_send(anna, JONAS, "1");
    lab_run(&lab, 100);
    party_give(anna,
        "<message type='error' id='%s' from='" JONAS "' to='" ANNA
        "'><error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
        id);
    (void)party_send(anna, JONAS, "2");
    lab_run(&lab, 15000);
    check_row(plan.dropped > 0 && party_count(jonas, "gap", 0) > 0, "what failed leaves a gap behind", "%zu dropped",
        plan.dropped);
    lab_run(&lab, 60000);
    check_text("PROTOCOL §6.4: and is not handed in later", party_history(jonas, ANNA), "0,a,2");
    check_row(
        json_integer_value(json_object_get(party_event(jonas, "gap", 0, party_count(jonas, "gap", 0) - 1), "missing"))
            == 0,
        "PROTOCOL §6.4: that it is gone closes the gap", "something is missing");
    lab_end(&lab);
}

int main(void)
{
    test_unreadable_behind();
    test_first_altered();
    test_failed();
    test_dropped_live();
    test_overtaken();
    test_many_gaps();
    test_dropped_for_ever();
    test_altered();
    test_altered_for_a_day();
    test_repeated();
    test_early();
    return check_done();
}
