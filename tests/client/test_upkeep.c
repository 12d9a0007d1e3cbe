/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What an engine does for its keys while nobody looks, over months of virtual time on the real server core. */
#include "check.h"
#include "party.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"
#define HOUR_MS 3600000LL
#define DAY_MS (24 * HOUR_MS)

#define DEVICES "<publish node='urn:xmpp:omemo:2:devices'>"
#define DEVICES_1 "<publish node='eu.siacs.conversations.axolotl.devicelist'>"
#define BUNDLE "<publish node='urn:xmpp:omemo:2:bundles'>"
#define BUNDLE_1 "<publish node='eu.siacs.conversations.axolotl.bundles:"

/* How often text is in what a party sent from `from` on. */
static size_t said(const struct party *party, size_t from, const char *text)
{
    struct ks_str left = ks_str_from(ks_buf_str(&party->sent), from), wanted = ks_str_z(text);
    size_t count = 0, at;

    while ((at = ks_str_find(left, wanted)) < left.len) {
        count++;
        left = ks_str_from(left, at + wanted.len);
    }
    return count;
}

/* The last it published to a node, up to the end of the item; empty: never. */
static struct ks_str published(const struct party *party, const char *node)
{
    struct ks_str left = ks_buf_str(&party->sent), wanted = ks_str_z(node), last = KS_STR_EMPTY;
    size_t at;

    while ((at = ks_str_find(left, wanted)) < left.len) {
        left = ks_str_from(left, at);
        last = ks_str_head(left, ks_str_find(left, KS_STR("</item>")));
        left = ks_str_from(left, wanted.len);
    }
    return last;
}

static size_t count_in(struct ks_str left, const char *text)
{
    struct ks_str wanted = ks_str_z(text);
    size_t count = 0, at;

    for (; (at = ks_str_find(left, wanted)) < left.len; count++)
        left = ks_str_from(left, at + wanted.len);
    return count;
}

/* An attribute's value behind some text. */
static struct ks_str value_behind(struct ks_str left, const char *text)
{
    struct ks_str wanted = ks_str_z(text);
    size_t at = ks_str_find(left, wanted);

    left = ks_str_from(left, at < left.len ? at + wanted.len : left.len);
    return ks_str_head(left, ks_str_find_byte(left, '\''));
}

static void off(struct party *party)
{
    party_do(party, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
}

/* A new session: lists are fetched, and looked at. */
static void anew(struct lab *lab, struct party *party)
{
    off(party);
    lab_run(lab, 1000);
    party_connect(party);
    lab_run(lab, 5000);
}

static struct party *begin(struct lab *lab)
{
    lab_begin(lab, 1);
    lab_account(lab, "anna", "a-password");
    lab_account(lab, "jonas", "j-password");
    lab_account(lab, "eva", "e-password");
    lab_account(lab, "max", "m-password");
    return lab_party(lab, ANNA, "a-password");
}

/* --- devices that nobody uses --- */

static void test_stale_alone(void)
{
    struct lab lab;
    struct party *phone = begin(&lab), *tablet = lab_party(&lab, ANNA, "a-password");

    party_connect(phone);
    party_connect(tablet);
    lab_run(&lab, 5000);
    check_row(count_in(published(tablet, DEVICES), "<device ") == 2
            && count_in(published(tablet, DEVICES_1), "<device ") == 2,
        "two devices of an account are on its lists", "%.*s", KS_STR_FMT(published(tablet, DEVICES)));
    off(tablet);
    lab_run(&lab, 1000);
    off(phone);
    lab_run(&lab, 89 * DAY_MS);
    anew(&lab, phone);
    check_row(!published(phone, DEVICES).len || count_in(published(phone, DEVICES), "<device ") == 2,
        "a device that nobody saw for 89 days stays, when no other but this one is in use", "%.*s",
        KS_STR_FMT(published(phone, DEVICES)));
    off(phone);
    lab_run(&lab, 2 * DAY_MS);
    anew(&lab, phone);
    check_row(
        count_in(published(phone, DEVICES), "<device ") == 1 && count_in(published(phone, DEVICES_1), "<device ") == 1,
        "after 90 days it leaves both lists", "%.*s", KS_STR_FMT(published(phone, DEVICES)));
    size_t before = phone->sent.len;
    party_connect(tablet);
    lab_run(&lab, 5000);
    check_row(count_in(published(tablet, DEVICES), "<device ") == 2
            && count_in(published(tablet, DEVICES_1), "<device ") == 2,
        "out of its drawer it puts itself on them again, beside those who are there", "%.*s",
        KS_STR_FMT(published(tablet, DEVICES)));
    anew(&lab, phone);
    anew(&lab, tablet);
    check_row(said(phone, before, DEVICES) == 0 && count_in(published(tablet, DEVICES), "<device ") == 2,
        "and neither takes the other off them again", "%zu", said(phone, before, DEVICES));
    lab_end(&lab);
}

static void test_stale_beside(void)
{
    struct lab lab;
    struct party *phone = begin(&lab), *tablet = lab_party(&lab, ANNA, "a-password"),
                 *desk = lab_party(&lab, ANNA, "a-password");
    struct party *jonas = lab_party(&lab, JONAS, "j-password");

    party_connect(phone);
    lab_run(&lab, 5000);
    party_connect(tablet);
    lab_run(&lab, 5000);
    party_connect(desk);
    party_connect(jonas);
    lab_run(&lab, 5000);
    off(tablet);
    size_t from = phone->sent.len, from_desk = desk->sent.len;
    for (int day = 0; day < 13; day++) {
        lab_run(&lab, DAY_MS);
        (void)party_send(desk, JONAS, "x"); /* its carbon shows the phone that it is in use */
    }
    lab_run(&lab, 5000);
    anew(&lab, phone);
    check_row(said(phone, from, DEVICES) + said(desk, from_desk, DEVICES) == 0,
        "a device that nobody saw for 13 days stays beside one that is in use", "%.*s",
        KS_STR_FMT(published(phone, DEVICES)));
    lab_run(&lab, 2 * DAY_MS);
    anew(&lab, phone);
    /* Whichever of the two looks first. */
    const struct party *first = said(desk, from_desk, DEVICES) ? desk : phone;
    check_row(said(phone, from, DEVICES) + said(desk, from_desk, DEVICES) == 1
            && count_in(published(first, DEVICES), "<device ") == 2
            && count_in(published(first, DEVICES_1), "<device ") == 2,
        "after 14 days it leaves both lists, and the one in use does not", "%.*s",
        KS_STR_FMT(published(first, DEVICES)));
    lab_end(&lab);
}

/* --- heartbeats --- */

/* Encrypted messages without content. */
static size_t empties(const struct party *party, size_t from)
{
    return said(party, from, "<encrypted ") - said(party, from, "<payload");
}

static void burst(struct lab *lab, struct party *from, const char *to, int count)
{
    for (int i = 0; i < count; i++)
        (void)party_send(from, to, "x");
    lab_run(lab, 1000);
}

static void test_heartbeat(void)
{
    struct lab lab;
    struct party *anna = begin(&lab), *jonas = lab_party(&lab, JONAS, "j-password");
    size_t from, shown;

    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 5000);
    (void)party_send(anna, JONAS, "x");
    lab_run(&lab, 20000);
    check_row(empties(jonas, 0) == 1, "XEP-0384 §5.6: an exchange of keys is completed by an empty message", "%zu",
        empties(jonas, 0));
    check_row(said(jonas, 0, "<encryption ") == said(jonas, 0, "<payload"),
        "XEP-0380 §2: which has nothing to show, and no hint of how it is encrypted", "%zu",
        said(jonas, 0, "<encryption "));
    (void)party_send(jonas, ANNA, "x");
    lab_run(&lab, 2 * HOUR_MS);
    from = jonas->sent.len;
    burst(&lab, anna, JONAS, 52);
    lab_run(&lab, 2 * HOUR_MS);
    check_row(
        empties(jonas, from) == 0, "XEP-0384 §6: 52 messages in a chain ask for none", "%zu", empties(jonas, from));
    from = jonas->sent.len;
    shown = party_mark(anna);
    burst(&lab, anna, JONAS, 60);
    lab_run(&lab, HOUR_MS);
    check_row(empties(jonas, from) == 1, "XEP-0384 §6: the one after 53 is answered by an empty one, within the hour",
        "%zu", empties(jonas, from));
    check_row(party_count(anna, "message", shown) == 60 && party_count(anna, "warning", shown) == 0, /* her own */
        "of which nobody is told", "%zu", party_count(anna, "message", shown));
    burst(&lab, anna, JONAS, 1);
    check_row(party_count(jonas, "message", 0) == 1 + 1 + 52 + 60 + 1 && party_count(jonas, "unreadable", 0) == 0,
        "and the talk goes on behind it", "%zu", party_count(jonas, "message", 0));
    lab_end(&lab);
}

/* --- the signed pre-key --- */

/* Answers to publications stay out. */
static bool no_answers(struct party *party, struct ks_str *stanza, void *user)
{
    (void)party;
    (void)user;
    return ks_str_find(*stanza, KS_STR("type='result'")) == stanza->len;
}

static void test_cut_short(void)
{
    struct lab lab;
    struct party *anna = begin(&lab);
    size_t from;

    party_connect(anna);
    lab_run(&lab, 5000);
    lab_run(&lab, 6 * DAY_MS);
    from = anna->sent.len;
    anna->spy = no_answers;
    lab_run(&lab, 2 * DAY_MS);
    check_row(said(anna, from, BUNDLE) >= 1, "a bundle is published, and the answer does not come", "%zu",
        said(anna, from, BUNDLE));
    party_crash(anna);
    anna->spy = NULL;
    from = anna->sent.len;
    party_restart(anna);
    party_connect(anna);
    lab_run(&lab, 5000);
    check_row(said(anna, from, BUNDLE) == 1 && said(anna, from, BUNDLE_1) == 1,
        "what no answer confirmed is published again after a crash", "%zu %zu", said(anna, from, BUNDLE),
        said(anna, from, BUNDLE_1));
    from = anna->sent.len;
    anew(&lab, anna);
    check_row(said(anna, from, BUNDLE) == 0, "and with an answer no more", "%zu", said(anna, from, BUNDLE));
    lab_end(&lab);
}

static void test_rotation(void)
{
    struct lab lab;
    struct party *anna = begin(&lab), *jonas = lab_party(&lab, JONAS, "j-password");
    char first[20], first_1[20], second[20];
    size_t from;

    party_connect(anna);
    lab_run(&lab, 5000);
    snprintf(first, sizeof first, "%.*s", KS_STR_FMT(value_behind(published(anna, BUNDLE), "<spk id='")));
    snprintf(first_1, sizeof first_1, "%.*s", KS_STR_FMT(value_behind(published(anna, BUNDLE_1), "signedPreKeyId='")));
    from = anna->sent.len;
    lab_run(&lab, 6 * DAY_MS);
    check_row(first[0] && first_1[0] && said(anna, from, BUNDLE) == 0, "for six days the bundle stays as it is",
        "%s %s", first, first_1);
    lab_run(&lab, 2 * DAY_MS);
    check_row(said(anna, from, BUNDLE) == 1 && said(anna, from, BUNDLE_1) == 1,
        "XEP-0384 §4.4: after a week both bundles are published anew, once", "%zu", said(anna, from, BUNDLE));
    check_row(!ks_str_is(value_behind(published(anna, BUNDLE), "<spk id='"), first)
            && !ks_str_is(value_behind(published(anna, BUNDLE_1), "signedPreKeyId='"), first_1),
        "with another signed pre-key", "%s", first);
    party_connect(jonas);
    lab_run(&lab, 5000);
    (void)party_send(jonas, ANNA, "danach");
    lab_run(&lab, 5000);
    check_row(strcmp(party_history(anna, JONAS), "danach") == 0, "and who begins then is understood", "%s",
        party_history(anna, JONAS));
    snprintf(second, sizeof second, "%.*s", KS_STR_FMT(value_behind(published(anna, BUNDLE), "<spk id='")));
    from = anna->sent.len;
    off(anna);
    lab_run(&lab, 10 * DAY_MS);
    party_connect(anna);
    lab_run(&lab, 5000);
    check_row(said(anna, from, BUNDLE) > 0 && !ks_str_is(value_behind(published(anna, BUNDLE), "<spk id='"), second),
        "what was due while nobody was there is done at login", "%zu", said(anna, from, BUNDLE));
    lab_end(&lab);
}

/* --- pre-keys that were used --- */

/* A server that gives everybody one and the same pre-key, and goes on doing so. */
struct miser {
    struct lab *lab;
    struct ks_str bundle;
};

static bool same_pre_key(struct party *party, struct ks_str *stanza, void *user)
{
    struct miser *miser = user;
    size_t begin = ks_str_find(*stanza, KS_STR("<bundle ")), end = ks_str_find(*stanza, KS_STR("</bundle>"));
    size_t second = ks_str_find(*stanza, KS_STR("<pk id='")), last = ks_str_find(*stanza, KS_STR("</prekeys>"));

    (void)party;
    if (last == stanza->len || ks_str_find(*stanza, KS_STR("urn:xmpp:omemo:2:bundles")) == stanza->len)
        return true;
    end += strlen("</bundle>");
    second += ks_str_find(ks_str_from(*stanza, second), KS_STR("</pk>")) + strlen("</pk>");
    if (!miser->bundle.len) {
        struct ks_str parts[] = { ks_str_from(ks_str_head(*stanza, second), begin),
            ks_str_from(ks_str_head(*stanza, end), last) };
        if (ks_arena_join(&miser->lab->kept, parts, KS_COUNT(parts), &miser->bundle) != KS_OK)
            abort();
    }
    struct ks_str parts[] = { ks_str_head(*stanza, begin), miser->bundle, ks_str_from(*stanza, end) };
    if (ks_arena_join(&miser->lab->kept, parts, KS_COUNT(parts), stanza) != KS_OK)
        abort();
    return true;
}

static struct party *sender(struct lab *lab, struct miser *miser, const char *jid, const char *password)
{
    struct party *party = lab_party(lab, jid, password);

    party->spy = same_pre_key;
    party->spy_user = miser;
    party_connect(party);
    lab_run(lab, 5000);
    return party;
}

static void test_used_pre_keys(void)
{
    struct lab lab;
    struct party *anna = begin(&lab), *jonas, *eva, *max;
    struct miser miser = { .lab = &lab };
    struct ks_str used;
    size_t from;

    party_connect(anna);
    lab_run(&lab, 5000);
    off(anna);
    jonas = sender(&lab, &miser, JONAS, "j-password");
    (void)party_send(jonas, ANNA, "von Jonas");
    lab_run(&lab, 5000);
    eva = sender(&lab, &miser, "eva@klinik.example", "e-password");
    (void)party_send(eva, ANNA, "von Eva");
    lab_run(&lab, 5000);
    used = value_behind(miser.bundle, "<pk id='");
    from = anna->sent.len;
    party_connect(anna);
    lab_run(&lab, 5000);
    check_row(miser.bundle.len && strcmp(party_history(anna, JONAS), "von Jonas") == 0
            && strcmp(party_history(anna, "eva@klinik.example"), "von Eva") == 0,
        "XEP-0384 §5.6: two who took one pre-key while nobody was there are both understood: it is kept until all is "
        "fetched",
        "%s; %s", party_history(anna, JONAS), party_history(anna, "eva@klinik.example"));
    char pk[40];
    snprintf(pk, sizeof pk, "<pk id='%.*s'", KS_STR_FMT(used));
    check_row(said(anna, from, BUNDLE) > 0 && count_in(published(anna, BUNDLE), pk) == 0
            && count_in(published(anna, BUNDLE), "<pk id='") > 50,
        "XEP-0384 §5.3: then the bundle is published without it", "%zu, %s", said(anna, from, BUNDLE), pk);
    max = sender(&lab, &miser, "max@klinik.example", "m-password");
    max->spy = same_pre_key;
    from = party_mark(anna);
    (void)party_send(max, ANNA, "von Max");
    lab_run(&lab, 5000);
    check_row(
        json_is_true(json_object_get(json_object_get(party_event(anna, "message", from, 0), "message"), "unreadable")),
        "control: and then it is gone: who takes it all the same is not understood at once", "%s",
        party_history(anna, "max@klinik.example"));
    check_row(strcmp(party_history(anna, "max@klinik.example"), "von Max") == 0,
        "PROTOCOL §8.3: but over a session of ours", "%s", party_history(anna, "max@klinik.example"));
    lab_end(&lab);
}

int main(void)
{
    test_stale_alone();
    test_stale_beside();
    test_heartbeat();
    test_rotation();
    test_cut_short();
    test_used_pre_keys();
    return check_done();
}
