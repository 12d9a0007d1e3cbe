/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What only the own server, or a room itself, may say: copies of messages (XEP-0280) and pages of archives (XEP-0313),
 * and others say. Each form is shown from the right sender first, and taken. */
#include "ward.h"

/* Of each stanza with `what` in it the sender becomes `from` (NULL: none), and one text another (NULL: it stays). */
struct forgery {
    const char *what, *from, *old, *new;
    unsigned met;
};

static struct ks_str attribute(struct ks_str tag, const char *name)
{
    char begin[32];
    size_t at;

    snprintf(begin, sizeof begin, " %s='", name);
    if ((at = ks_str_find(tag, ks_str_z(begin))) == tag.len)
        return KS_STR_EMPTY;
    return ks_str(tag.ptr + at, strlen(begin) + ks_str_find_byte(ks_str_from(tag, at + strlen(begin)), '\'') + 1);
}

static bool forge(struct party *party, struct ks_str *stanza, void *user)
{
    struct forgery *forgery = user;
    struct ks_str tag = ks_str_head(*stanza, ks_str_find_byte(*stanza, '>')), from = attribute(tag, "from");
    struct ks_buf text;
    size_t at;

    if (ks_str_find(*stanza, ks_str_z(forgery->what)) == stanza->len)
        return true;
    forgery->met++;
    ks_buf_init(&text, 1 << 20);
    ks_buf_add(&text, from.len ? ks_str(tag.ptr, (size_t)(from.ptr - tag.ptr)) : tag);
    if (forgery->from) {
        ks_buf_z(&text, " from='");
        ks_buf_z(&text, forgery->from);
        ks_buf_z(&text, "'");
    }
    if (from.len)
        ks_buf_add(&text, ks_str_from(tag, (size_t)(from.ptr - tag.ptr) + from.len));
    tag = ks_str_from(*stanza, tag.len);
    at = forgery->old ? ks_str_find(tag, ks_str_z(forgery->old)) : tag.len;
    ks_buf_add(&text, ks_str_head(tag, at));
    if (at < tag.len) {
        ks_buf_z(&text, forgery->new);
        ks_buf_add(&text, ks_str_from(tag, at + strlen(forgery->old)));
    }
    if (ks_arena_copy(&party->lab->kept, ks_buf_str(&text), stanza) != KS_OK)
        abort();
    ks_buf_done(&text);
    return true;
}

struct sender {
    const char *name, *from, *old, *new;
    bool taken;
};

static void use(struct party *party, struct forgery *forgery, const struct sender *sender)
{
    forgery->from = sender->from;
    forgery->old = sender->old;
    forgery->new = sender->new;
    forgery->met = 0;
    party->spy = forge;
    party->spy_user = forgery;
}

static void check_shown(
    const struct sender *sender, struct party *party, const char *with, const char *word, unsigned met)
{
    const char *history = party_history(party, with);
    bool shown = strstr(history, word) != NULL;

    check_row(met > 0 && shown == sender->taken, sender->name, "%u met, %s", met, history);
}

/* --- copies --- */

static void test_carbons(void)
{
    static const struct sender senders[] = {
        { "XEP-0280 §11: control: a copy from the own account is taken", JONAS, NULL, NULL, true },
        { "RFC 6120 §8.1.2.1: control: so is one without a sender, which is the own account", NULL, NULL, NULL, true },
        { "XEP-0280 §11: a copy from another account is not", ANNA, NULL, NULL, false },
        { "XEP-0280 §11: nor from the own account's full address", JONAS "/tablet", NULL, NULL, false },
        { "XEP-0280 §11: nor from the server", "klinik.example", NULL, NULL, false },
        { "XEP-0280 §11: nor from one who is called alike elsewhere", "jonas@klinik.example.evil", NULL, NULL, false },
    };
    struct forgery forgery = { .what = "<sent xmlns='urn:xmpp:carbons:2'" };
    struct ward ward;
    char word[16];

    ward_begin(&ward, 31);
    for (size_t i = 0; i < KS_COUNT(senders); i++) {
        use(ward.jonas, &forgery, &senders[i]);
        snprintf(word, sizeof word, "wort%zu.", i);
        party_send(ward.jonas2, ANNA, word);
        lab_run(&ward.lab, 3000);
        check_shown(&senders[i], ward.jonas, ANNA, word, forgery.met);
    }
    ward.jonas->spy = NULL;
    ward_end(&ward);
}

/* --- the archive --- */

static void test_archive(void)
{
    static const struct sender senders[] = {
        { "XEP-0313 §5: control: a result from the own account is taken", JONAS, NULL, NULL, true },
        { "RFC 6120 §8.1.2.1: control: so is one without a sender", NULL, NULL, NULL, true },
        { "XEP-0313 §9: a result from another account is not, whatever its queryid", ANNA, NULL, NULL, false },
        { "XEP-0313 §9: nor from the own account's full address", JONAS "/tablet", NULL, NULL, false },
        { "XEP-0313 §9: nor from the server", "klinik.example", NULL, NULL, false },
        { "XEP-0313 §4.2: nor from the own account with another queryid", JONAS, "queryid='", "queryid='x", false },
        { "XEP-0313 §4.2: nor without one", JONAS, "queryid='", "x='", false },
    };

    for (size_t i = 0; i < KS_COUNT(senders); i++) {
        struct forgery forgery = { .what = "<result xmlns='urn:xmpp:mam:2'" };
        struct party *anna, *jonas;
        struct lab lab;

        lab_two(&lab, 41 + i, &anna, &jonas);
        party_connect(anna);
        party_connect(jonas);
        lab_run(&lab, 3000);
        party_send(anna, JONAS, "vorher");
        lab_run(&lab, 3000);
        party_reborn(jonas);
        party_send(anna, JONAS, "verpasst");
        lab_run(&lab, 3000);
        use(jonas, &forgery, &senders[i]);
        party_connect(jonas);
        lab_run(&lab, 5000);
        check_shown(&senders[i], jonas, ANNA, "verpasst", forgery.met);
        lab_end(&lab);
    }
}

/* What comes meanwhile waits for the end of a page: who may not end it cannot. */
static void test_ends(void)
{
    static const struct sender senders[] = {
        { "XEP-0313 §4.3: control: an archive ends by the own account's <fin/>", JONAS, NULL, NULL, true },
        { "XEP-0313 §9: not by another account's, whose id is right", ANNA, NULL, NULL, false },
        { "XEP-0313 §9: nor by one of the own account's full address", JONAS "/tablet", NULL, NULL, false },
    };

    for (size_t i = 0; i < KS_COUNT(senders); i++) {
        struct forgery forgery = { .what = "<fin " };
        struct party *anna, *jonas;
        struct lab lab;

        lab_two(&lab, 51 + i, &anna, &jonas);
        party_connect(anna);
        lab_run(&lab, 3000);
        use(jonas, &forgery, &senders[i]);
        party_connect(jonas);
        lab_run(&lab, 2000);
        party_send(anna, JONAS, "meanwhile");
        lab_run(&lab, 2000);
        check_shown(&senders[i], jonas, ANNA, "meanwhile", forgery.met);
        jonas->spy = NULL;
        lab_run(&lab, 120000);
        check_row(strstr(party_history(jonas, ANNA), "meanwhile") != NULL,
            "and what waited is shown when the real one comes", "%s", party_history(jonas, ANNA));
        lab_end(&lab);
    }
}

/* --- the archive of a room --- */

static void test_room(void)
{
    struct forgery forgery = { .what = "<result xmlns='urn:xmpp:mam:2'" };
    struct ward ward;
    char occupant[128], member[128], word[16];

    ward_begin(&ward, 61);
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    snprintf(occupant, sizeof occupant, "%s/anna", ward.room);
    snprintf(member, sizeof member, "%s/%s", ward.room, strstr(ward.room, "@") + 1);
    const struct sender senders[] = {
        { "XEP-0313 §6: control: a result from the room is taken", ward.room, NULL, NULL, true },
        { "XEP-0313 §9: not from an occupant, who writes under the room's name", occupant, NULL, NULL, false },
        { "XEP-0313 §9: whatever he is called", member, NULL, NULL, false },
        { "XEP-0313 §9: nor from another room", "r-anderesanderesanderesander@rooms.klinik.example", NULL, NULL,
            false },
        { "XEP-0313 §9: nor from the service", "rooms.klinik.example", NULL, NULL, false },
        { "XEP-0313 §9: nor from a member", ANNA, NULL, NULL, false },
        { "XEP-0313 §9: nor from the own account", MIRA, NULL, NULL, false },
        { "XEP-0313 §4.2: nor from the room with another queryid", ward.room, "queryid='", "queryid='x", false },
    };
    for (size_t i = 0; i < KS_COUNT(senders); i++) {
        snprintf(word, sizeof word, "visite%zu.", i);
        party_reborn(ward.mira);
        party_send(ward.anna, ward.room, word);
        lab_run(&ward.lab, 5000);
        use(ward.mira, &forgery, &senders[i]);
        party_connect(ward.mira);
        lab_run(&ward.lab, 8000);
        check_shown(&senders[i], ward.mira, ward.room, word, forgery.met);
        ward.mira->spy = NULL;
    }
    ward_end(&ward);
}

/* --- events of nodes --- */

#define EVENT \
    "<message type='headline' from='%s' to='" JONAS "'><event xmlns='http://jabber.org/protocol/pubsub#event'>"

/* A list of the own devices without this one. */
static bool repaired(struct party *jonas, const char *from)
{
    size_t sent = jonas->sent.len;
    struct ks_str after;

    party_give(jonas,
        EVENT "<items node='urn:xmpp:omemo:2:devices'><item id='current'><devices xmlns='urn:xmpp:omemo:2'>"
              "<device id='4000'/></devices></item></items></event></message>",
        from);
    lab_run(jonas->lab, 1000);
    after = ks_str_from(ks_buf_str(&jonas->sent), sent);
    return ks_str_find(after, KS_STR("<publish node='urn:xmpp:omemo:2:devices'")) < after.len;
}

static void test_events(void)
{
    static const struct sender senders[] = {
        { "XEP-0163 §4.3: control: an event from an account's bare address is taken", ANNA, NULL, NULL, true },
        { "XEP-0163 §4.3: from a full one it is not: a client made it up", ANNA "/tablet", NULL, NULL, false },
        { "XEP-0163 §4.3: nor from the own account's", JONAS "/tablet", NULL, NULL, false },
        { "XEP-0045 §7.4: nor from an occupant of a room", "r-x@rooms.klinik.example/anna", NULL, NULL, false },
    };
    static const char id[] = "0123456789abcdef0123456789abcdef01234567";
    struct party *anna, *jonas;
    struct lab lab;

    lab_two(&lab, 71, &anna, &jonas);
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 3000);
    for (size_t i = 0; i < KS_COUNT(senders); i++) {
        size_t mark = party_mark(jonas);

        party_give(jonas,
            EVENT "<items node='urn:xmpp:avatar:metadata'><item id='%s'><metadata xmlns='urn:xmpp:avatar:metadata'>"
                  "<info id='%s' type='image/png' bytes='10'/></metadata></item></items></event></message>",
            senders[i].from, id, id);
        check_row(party_count(jonas, "avatar_changed", mark) == (senders[i].taken ? 1 : 0), senders[i].name, "%zu",
            party_count(jonas, "avatar_changed", mark));
    }
    check_row(!repaired(jonas, JONAS "/tablet"), "a device list of a full address is not the account's", "it is");
    check_row(repaired(jonas, JONAS), "(positive control: one of the bare address is: who is not on it writes it anew)",
        "it is not");
    lab_end(&lab);
}

int main(void)
{
    test_events();
    test_carbons();
    test_archive();
    test_ends();
    test_room();
    return check_done();
}
