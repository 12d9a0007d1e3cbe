/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What comes last is withheld, or all that ever came: nothing behind it shows that it is missing, but its author's
 * device says how far it is (doc/PROTOCOL.md §6.5; attack 17). */
#include "heads.h"
#include "ward.h"

/* What is dropped of what goes to a party: everything that a device says in OMEMO, live and out of archives. */
struct filter {
    const char *sid; /* "sid='27183'" */
    size_t dropped;
    bool off;
};

static bool drop(struct party *party, struct ks_str *stanza, void *user)
{
    struct filter *filter = user;

    (void)party;
    if (filter->off || ks_str_find(*stanza, ks_str_z(filter->sid)) == stanza->len)
        return true;
    filter->dropped++;
    return false;
}

static void filter_for(struct filter *filter, struct party *party, struct party *author)
{
    static char sids[8][24];
    static size_t next;
    char *sid = sids[next++ % 8];

    snprintf(sid, sizeof sids[0], "sid='%.0f'",
        json_number_value(json_object_get(party_do(author, "{\"id\":\"x\",\"cmd\":\"state\"}"), "device")));
    *filter = (struct filter) { .sid = sid };
    party->spy = drop;
    party->spy_user = filter;
}

static size_t encrypted(struct party *party, size_t from)
{
    struct ks_str rest = ks_str_from(ks_buf_str(&party->sent), from);
    size_t count = 0, at;

    for (; (at = ks_str_find(rest, KS_STR("<encrypted "))) < rest.len; count++)
        rest = ks_str_from(rest, at + 1);
    return count;
}

/* "state" of the last message of a conversation, as its author sees it. */
static const char *state(struct party *party, const char *with)
{
    json_t *messages = json_object_get(
        party_do(party, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"%s\",\"limit\":1}", with), "messages");

    return text_of(json_array_get(messages, 0), "state");
}

static void again(struct party *party)
{
    party_cut(party);
    party->cut = false;
    party_restart(party);
}

static void two(struct lab *lab, uint64_t seed, struct party **anna, struct party **jonas)
{
    lab_two(lab, seed, anna, jonas);
    party_connect(*anna);
    party_connect(*jonas);
    lab_run(lab, 1000);
    (void)party_send(*jonas, ANNA, "hallo");
    lab_run(lab, 30000);
}

static void last_withheld(void)
{
    struct party *anna, *jonas;
    struct filter filter;
    struct lab lab;
    size_t mark;

    two(&lab, 1, &anna, &jonas);
    (void)party_send(anna, JONAS, "eins");
    lab_run(&lab, 30000);
    filter_for(&filter, jonas, anna);
    (void)party_send(anna, JONAS, "zwei");
    (void)party_send(anna, JONAS, "drei");
    lab_run(&lab, 120000);
    check_row(filter.dropped > 0 && strcmp(state(anna, JONAS), "server") == 0,
        "attack 17: of what is withheld its author sees that the server has it, and no more", "%zu dropped, %s",
        filter.dropped, state(anna, JONAS));
    again(jonas);
    lab_run(&lab, 30000);
    check_text("attack 17: nor does the archive have it", party_history(jonas, ANNA), "hallo,eins");
    filter.off = true;
    mark = party_mark(jonas);
    again(anna);
    lab_run(&lab, KS_HEADS_FIRST_MS + 5000);
    check_text("attack 17: when she comes next she says how far she is", party_history(jonas, ANNA), "hallo,eins");
    lab_run(&lab, 10000);
    check_row(party_count(jonas, "gap", mark) > 0, "attack 17, DSK II.2-c: within 10 s that shows as a gap", "no gap");
    lab_run(&lab, 20000);
    check_text("attack 17, DSK II.2-c: and is filled by her", party_history(jonas, ANNA), "hallo,eins,zwei,drei");
    check_row(party_count(jonas, "warning", 0) == 0, "PROTOCOL §6.5: what is before a head contradicts nothing",
        "%zu warnings", party_count(jonas, "warning", 0));
    lab_run(&lab, 30000);
    check_text("attack 17: who sees then that it was delivered", state(anna, JONAS), "delivered");
    lab_end(&lab);
}

static void all_withheld(void)
{
    struct party *anna, *jonas;
    struct filter filter;
    struct lab lab;

    two(&lab, 2, &anna, &jonas);
    filter_for(&filter, jonas, anna);
    (void)party_send(anna, JONAS, "eins");
    (void)party_send(anna, JONAS, "zwei");
    lab_run(&lab, 60000);
    check_text("PROTOCOL §6.5: all that she ever wrote is withheld", party_history(jonas, ANNA), "hallo");
    filter.off = true;
    lab_run(&lab, KS_HEADS_AGAIN_MS + 60000);
    check_text("PROTOCOL §6.5: within a day it is known and here, from the first one on", party_history(jonas, ANNA),
        "hallo,eins,zwei");
    lab_end(&lab);
}

/* He has it, and what he said of that was lost for good. */
static void receipt_withheld(void)
{
    struct party *anna, *jonas;
    struct filter filter;
    struct lab lab;

    two(&lab, 3, &anna, &jonas);
    filter_for(&filter, anna, jonas);
    (void)party_send(anna, JONAS, "eins");
    lab_run(&lab, 60000);
    check_text("a receipt is withheld", state(anna, JONAS), "server");
    filter.off = true;
    lab_run(&lab, KS_HEADS_AGAIN_MS + 60000);
    check_text("PROTOCOL §6.5: it is said again", state(anna, JONAS), "delivered");
    lab_end(&lab);
}

static void nothing_to_say(void)
{
    struct party *anna, *jonas;
    struct filter filter;
    struct lab lab;
    size_t sent;

    two(&lab, 4, &anna, &jonas);
    (void)party_send(anna, JONAS, "eins");
    lab_run(&lab, 60000);
    check_text("what was delivered", state(anna, JONAS), "delivered");
    again(anna);
    sent = anna->sent.len;
    lab_run(&lab, 120000);
    check_row(encrypted(anna, sent) == 0, "is not spoken of", "%zu messages", encrypted(anna, sent));
    filter_for(&filter, jonas, anna);
    (void)party_send(anna, JONAS, "zwei");
    lab_run(&lab, 60000);
    sent = anna->sent.len;
    for (int i = 0; i < 10; i++) {
        again(anna);
        lab_run(&lab, 60000);
    }
    /* A process that begins anew does not know what it said. */
    check_row(encrypted(anna, sent) == 10, "once for each start", "%zu messages", encrypted(anna, sent));
    sent = anna->sent.len;
    for (int i = 0; i < 10; i++) {
        party_cut(anna);
        anna->cut = true;
        lab_run(&lab, 1000);
        anna->cut = false;
        lab_run(&lab, 120000);
    }
    check_row(
        encrypted(anna, sent) == 0, "and not for each time that a line breaks", "%zu messages", encrypted(anna, sent));
    lab_end(&lab);
}

static void in_a_room(void)
{
    struct filter filter, second;
    struct ward ward;
    const char *before;
    size_t sent;

    ward_begin(&ward, 5);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    (void)party_send(ward.mira, ward.room, "da");
    (void)party_send(ward.jonas, ward.room, "auch");
    lab_run(&ward.lab, 60000);
    filter_for(&filter, ward.jonas, ward.anna);
    filter_for(&second, ward.jonas2, ward.anna);
    (void)party_send(ward.anna, ward.room, "Verlegung");
    lab_run(&ward.lab, 60000);
    before = party_history(ward.jonas, ward.room);
    check_row(strstr(before, "Verlegung") == NULL && strstr(party_history(ward.mira, ward.room), "Verlegung") != NULL,
        "in a room one of them is not shown what the others read", "%s", before);
    filter.off = second.off = true;
    sent = ward.anna->sent.len;
    again(ward.anna);
    lab_run(&ward.lab, 90000);
    check_row(strstr(party_history(ward.jonas, ward.room), "Verlegung") != NULL,
        "PROTOCOL §6.5: he hears of it, and has it", "%s", party_history(ward.jonas, ward.room));
    check_row(strstr(party_history(ward.jonas2, ward.room), "Verlegung") != NULL, "on both devices", "%s",
        party_history(ward.jonas2, ward.room));
    check_row(ks_str_find(ks_str_from(ks_buf_str(&ward.anna->sent), sent), KS_STR("to='" MIRA "'><encrypted"))
            == ward.anna->sent.len - sent,
        "those who had it hear nothing", "a message");
    lab_end(&ward.lab);
}

int main(void)
{
    last_withheld();
    all_withheld();
    receipt_withheld();
    nothing_to_say();
    in_a_room();
    return check_done();
}
