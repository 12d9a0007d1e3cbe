/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What others may ask this client, and what it asks to know whether it is still where it was. */
#include "crypto.h"
#include "enc.h"
#include "ward.h"

static bool said(const struct party *party, size_t from, const char *text)
{
    struct ks_str sent = ks_str_from(ks_buf_str(&party->sent), from);

    return ks_str_find(sent, ks_str_z(text)) < sent.len;
}

static void give(struct party *party, const char *text)
{
    struct konsil_now now = { party->lab->host->now.mono_ms, party->lab->host->now.wall_ms };

    konsil_feed(party->engine, text, strlen(text), now);
    lab_run(party->lab, 10);
}

/* The text between begin and end in what was sent from a place on; "" if it is not there. Lives as long as the lab. */
static const char *between(struct party *party, size_t from, const char *begin, const char *end)
{
    struct ks_str sent = ks_str_from(ks_buf_str(&party->sent), from), parts[2] = { KS_STR_EMPTY, { "", 1 } }, text;
    size_t at = ks_str_find(sent, ks_str_z(begin));

    if (at == sent.len)
        return "";
    sent = ks_str_from(sent, at + strlen(begin));
    parts[0] = ks_str_head(sent, ks_str_find(sent, ks_str_z(end)));
    if (ks_arena_join(&party->lab->kept, parts, 2, &text) != KS_OK)
        abort();
    return text.ptr;
}

/* XEP-0115 §5.1, of an answer as it was sent. */
static const char *version_of(struct party *party, const char *features)
{
    uint8_t digest[KS_HASH_MAX];
    struct ks_str text, parts[2] = { KS_STR_EMPTY, { "", 1 } };
    struct ks_buf hashed;

    ks_buf_init(&hashed, 4096);
    ks_buf_z(&hashed, "client/pc//konsil<");
    for (const char *at = features; (at = strstr(at, "var='")); at++) {
        ks_buf_add(&hashed, ks_str(at + 5, strcspn(at + 5, "'")));
        ks_buf_byte(&hashed, '<');
    }
    ks_hash(KS_SHA1, ks_buf_str(&hashed), digest);
    if (ks_base64(&party->lab->kept, ks_str(digest, ks_hash_len(KS_SHA1)), &parts[0]) != KS_OK
        || ks_arena_join(&party->lab->kept, parts, 2, &text) != KS_OK)
        abort();
    ks_buf_done(&hashed);
    return text.ptr;
}

static void test_asked(void)
{
    struct party *anna, *jonas;
    const char *version, *features;
    struct lab lab;
    size_t mark;

    lab_two(&lab, 91, &anna, &jonas);
    party_connect(anna);
    lab_run(&lab, 1000);
    version = between(anna, 0, "node='https://konsil.invalid/' ver='", "'");
    mark = anna->sent.len;
    give(anna, "<iq type='get' id='d1' from='" JONAS "/x'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    features = between(anna, mark, "<query xmlns='http://jabber.org/protocol/disco#info'>", "</query>");
    check_row(strstr(features, "<identity ") && strstr(features, "var='http://jabber.org/protocol/disco#info'"),
        "XEP-0030 §3.1: who asks is told what this client is and can do", "%zu bytes", strlen(features));
    check_row(strstr(features, "var='jabber:x:conference'"), "XEP-0249 §4: that it takes invitations", "it is not");
    check_text("XEP-0115 §5.1: its presence has the hash of that", version, version_of(anna, features));
    mark = anna->sent.len;
    give(anna,
        "<iq type='get' id='d2' from='" JONAS
        "/x'><query xmlns='http://jabber.org/protocol/disco#info' node='https://konsil.invalid/#none'/></iq>");
    check_row(said(anna, mark, "<item-not-found "), "XEP-0030 §3.2: of a node that it has not it says so", "no");
    mark = anna->sent.len;
    give(anna, "<iq type='get' id='p1' from='klinik.example'><ping xmlns='urn:xmpp:ping'/></iq>");
    check_row(
        said(anna, mark, "type='result'") && said(anna, mark, "id='p1'"), "XEP-0199 §4.2: a ping is answered", "no");
    mark = anna->sent.len;
    give(anna, "<iq type='get' id='v1' from='" JONAS "/x'><query xmlns='jabber:iq:version'/></iq>");
    give(anna, "<iq type='get' id='v2' from='" JONAS "/x'><vCard xmlns='vcard-temp'/></iq>");
    give(anna, "<iq type='get' id='v3' from='" JONAS "/x'><time xmlns='urn:xmpp:time'/></iq>");
    check_row(!said(anna, mark, "type='result'") && said(anna, mark, "<service-unavailable "),
        "RFC 6120 §8.4: its version, its clock and whose it is it tells nobody", "it does");
    lab_end(&lab);
}

/* --- XEP-0410 --- */

/* A room that says "you are not in me" to a ping, where it said that one is. */
struct denial {
    const char *room;
    size_t left, done;
};

static bool deny(struct party *party, struct ks_str *stanza, void *user)
{
    struct denial *denial = user;
    char from[160];
    size_t type = ks_str_find(*stanza, KS_STR("type='result'"));

    snprintf(from, sizeof(from), "from='%s/", denial->room);
    if (denial->left == 0 || !ks_str_starts(*stanza, KS_STR("<iq")) || !ks_str_ends(*stanza, KS_STR("/>"))
        || type == stanza->len || ks_str_find(*stanza, ks_str_z(from)) == stanza->len)
        return true;
    denial->left--;
    denial->done++;
    return ks_arena_join(&party->lab->kept,
               (struct ks_str[]) { ks_str_head(*stanza, type), KS_STR("type='error'"),
                   ks_str_head(ks_str_from(*stanza, type + 13), stanza->len - type - 15),
                   KS_STR("><error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
                          "</iq>") },
               4, stanza)
        == KS_OK;
}

static void test_self_ping(void)
{
    struct denial denial = { .left = 0 };
    char ping[160], presence[160];
    struct ward ward;
    size_t mark;

    ward_begin(&ward, 92);
    ward_room(&ward, "\"" JONAS "\"");
    snprintf(ping, sizeof(ping), "to='%s/", ward.room);
    snprintf(presence, sizeof(presence), "<presence to='%s/", ward.room);
    denial.room = ward.room;
    ward.jonas->spy = deny;
    ward.jonas->spy_user = &denial;
    lab_run(&ward.lab, 120000);
    mark = ward.jonas->sent.len;
    lab_run(&ward.lab, 300000);
    check_row(!said(ward.jonas, mark, ping), "(a room that was heard of lately is not asked)", "it is");
    lab_run(&ward.lab, 900000);
    check_row(said(ward.jonas, mark, ping) && said(ward.jonas, mark, "<ping xmlns='urn:xmpp:ping'/>"),
        "XEP-0410 §3.1: after 10 minutes of silence it asks whether it is still in a room", "it does not");
    check_row(!said(ward.jonas, mark, presence), "XEP-0410 §3.2: and stays when it is", "it enters again");
    denial.left = 1;
    lab_run(&ward.lab, 900000);
    check_row(denial.done == 1 && said(ward.jonas, mark, presence), "XEP-0410 §3.2: when it is not, it enters again",
        "%zu, and it does not", denial.done);
    (void)party_send(ward.anna, ward.room, "1");
    lab_run(&ward.lab, 20000);
    check_text("and reads what is said there", party_history(ward.jonas, ward.room), "1");
    ward_end(&ward);
}

int main(void)
{
    test_asked();
    test_self_ping();
    return check_done();
}
