/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Devices that the hospital certifies: enrolment, what a device without a certificate gets, revocation (doc/PROTOCOL.md
 * §14, §15, §21, §22), with the real registrar and the real server core. */
#include "hospital.h"

#include "check.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"

static struct lab lab;
static struct clinic clinic;

static void begin(uint64_t seed)
{
    lab_begin(&lab, seed);
    lab_account(&lab, "anna", "a-password");
    lab_account(&lab, "jonas", "j-password");
    clinic_begin(&clinic, &lab);
}

static void end(void)
{
    clinic_end(&clinic);
    lab_end(&lab);
}

static struct party *device(const char *jid, const char *password)
{
    struct party *party = lab_party(&lab, jid, password);

    party_connect(party);
    clinic_run(&clinic, 2000);
    return party;
}

static void says(const char *name, const char *got, const char *want)
{
    check_str(name, ks_str_z(got), ks_str_z(want));
}

static const char *state_of(struct party *party)
{
    return text_of(party_do(party, "{\"id\":\"x\",\"cmd\":\"enrolment\"}"), "state");
}

/* "genuine" and so on, of an account's device as party sees it; "" when it knows none. */
static const char *genuine(struct party *party, const char *jid, size_t n)
{
    party_do(party, "{\"id\":\"x\",\"cmd\":\"devices\",\"jid\":\"%s\"}", jid);
    clinic_run(&clinic, 3000);
    json_t *answer = party_do(party, "{\"id\":\"x\",\"cmd\":\"devices\",\"jid\":\"%s\"}", jid);

    return text_of(json_array_get(json_object_get(answer, "devices"), n), "genuine");
}

static void enrolment(void)
{
    struct party *anna, *jonas;
    json_t *told;

    begin(1);
    anna = device(ANNA, "a-password");
    jonas = device(JONAS, "j-password");
    says("a device belongs to no hospital", state_of(anna), "none");
    clinic_enrol(&clinic, anna, "Dr. Anna Brandt");
    says("after its link it has a certificate", state_of(anna), "certified");
    told = party_event(anna, "enrolment", 0, party_count(anna, "enrolment", 0) - 1);
    says("and tells its person whom it takes for its owner", text_of(told, "name"), "Dr. Anna Brandt");
    says("with her department", text_of(told, "department"), "Kardiologie");
    clinic_enrol(&clinic, jonas, "Jonas Weber");
    says("so does another", state_of(jonas), "certified");
    says("PROTOCOL §21.5: each sees the other's device as the hospital's", genuine(anna, JONAS, 0), "genuine");
    party_send(anna, JONAS, "Guten Morgen");
    clinic_run(&clinic, 3000);
    says("and they talk", party_history(jonas, ANNA), "Guten Morgen");
    party_send(jonas, ANNA, "Moin");
    clinic_run(&clinic, 3000);
    says("both ways", party_history(anna, JONAS), "Guten Morgen,Moin");
    check_row(party_count(anna, "warning", 0) == 0, "nobody had to decide or to look at anything", "%zu warnings",
        party_count(anna, "warning", 0));
    end();
}

/* --- what a hostile server adds --- */

static size_t warnings(struct party *party, const char *code)
{
    size_t count = 0;
    json_t *event;

    for (size_t n = 0; (event = party_event(party, "warning", 0, n)); n++)
        count += strcmp(text_of(event, "code"), code) == 0;
    return count;
}

/* Attack 1: a device that a server, or who has the password, adds to an account gets no key, and is told of. */
static void ghost(void)
{
    struct party *anna, *jonas, *extra;
    char id[24];

    begin(2);
    anna = device(ANNA, "a-password");
    jonas = device(JONAS, "j-password");
    clinic_enrol(&clinic, anna, "Dr. Anna Brandt");
    clinic_enrol(&clinic, jonas, "Jonas Weber");
    party_send(anna, JONAS, "eins");
    clinic_run(&clinic, 3000);
    extra = device(JONAS, "j-password");
    snprintf(id, sizeof id, "rid='%.0f'",
        json_number_value(json_object_get(party_do(extra, "{\"id\":\"x\",\"cmd\":\"state\"}"), "device")));
    size_t sent = anna->sent.len;
    party_send(anna, JONAS, "zwei");
    clinic_run(&clinic, 5000);
    says("attack 1: who is certified gets the next message", party_history(jonas, ANNA), "eins,zwei");
    check_row(ks_str_find(ks_str_from(ks_buf_str(&anna->sent), sent), ks_str_z(id)) == anna->sent.len - sent,
        "attack 1: there is no key for the added device in it", "a key for %s", id);
    check_row(ks_str_find(ks_str_from(ks_buf_str(&anna->sent), sent), KS_STR("rid='")) < anna->sent.len - sent,
        "attack 1: (keys can be found so)", "none");
    check_row(warnings(anna, "device.uncertified") == 1, "attack 1: who wrote is told once of the added device",
        "%zu times", warnings(anna, "device.uncertified"));
    for (int i = 0; i < 300; i++)
        party_send(extra, ANNA, "von niemandem");
    clinic_run(&clinic, 5000);
    says("attack 1: what it says is not shown", party_history(anna, JONAS), "eins,zwei");
    check_row(warnings(anna, "device.uncertified") == 1, "attack 16: nor told of each time", "%zu times",
        warnings(anna, "device.uncertified"));
    party_send(anna, JONAS, "drei");
    clinic_run(&clinic, 5000);
    says("attack 1: others go on", party_history(jonas, ANNA), "eins,zwei,drei");
    clinic_enrol(&clinic, extra, "Jonas Weber");
    party_send(anna, JONAS, "vier");
    clinic_run(&clinic, 5000);
    check_row(strstr(party_history(extra, ANNA), "vier") != NULL, "once it is certified it gets what is written then",
        "%s", party_history(extra, ANNA));
    check_row(warnings(jonas, "device.issued") == 1, "and the account's other device says that there is a new one",
        "%zu times", warnings(jonas, "device.issued"));
    end();
}

/* --- revocation --- */

static uint32_t number_of(struct party *party)
{
    return (uint32_t)json_number_value(json_object_get(party_do(party, "{\"id\":\"x\",\"cmd\":\"state\"}"), "device"));
}

static void revocation(void)
{
    struct party *anna, *jonas, *tablet;
    size_t count, sent;
    char id[24];

    begin(3);
    anna = device(ANNA, "a-password");
    jonas = device(JONAS, "j-password");
    tablet = device(JONAS, "j-password");
    clinic_enrol(&clinic, anna, "Dr. Anna Brandt");
    clinic_enrol(&clinic, jonas, "Jonas Weber");
    clinic_enrol(&clinic, tablet, "Jonas Weber");
    party_send(anna, JONAS, "an beide");
    clinic_run(&clinic, 5000);
    says("both devices of an account read", party_history(tablet, ANNA), "an beide");
    snprintf(id, sizeof id, "rid='%u'", number_of(tablet));
    size_t mark = party_mark(tablet);
    clinic_must(ks_registrar_revoke(clinic.registrar, KS_STR(JONAS), number_of(tablet), 1, clinic_now_ms(&clinic),
                    clinic_now_ms(&clinic), &count),
        "a revocation");
    clinic_run(&clinic, 4900);
    check_row(party_count(tablet, "connection", mark) > 0
            && strcmp(text_of(party_event(tablet, "connection", mark, 0), "state"), "offline") == 0,
        "attack 11: its session is ended within 5 seconds", "%zu events", party_count(tablet, "connection", mark));
    sent = anna->sent.len;
    party_send(anna, JONAS, "nur an einen");
    clinic_run(&clinic, 4900);
    check_row(ks_str_find(ks_str_from(ks_buf_str(&anna->sent), sent), ks_str_z(id)) == anna->sent.len - sent,
        "attack 11: there is no key for a revoked device in the next message", "a key for %s", id);
    says("attack 11: the other device reads it", party_history(jonas, ANNA), "an beide,nur an einen");
    check_row(warnings(jonas, "device.revoked") == 1, "the account's other device says what happened", "%zu times",
        warnings(jonas, "device.revoked"));
    clinic_run(&clinic, 60000);
    says("it knows that it is revoked when it is back, if it is let in", state_of(tablet), "revoked");
    party_send(tablet, ANNA, "ich bin noch da");
    clinic_run(&clinic, 20000);
    says("attack 11: what it says is not shown", party_history(anna, JONAS), "an beide,nur an einen");
    end();
}

/* --- a server that withholds or alters the log --- */

static bool without_log(struct party *party, struct ks_str *stanza, void *user)
{
    (void)party, (void)user;
    return ks_str_find(*stanza, KS_STR("urn:konsil:log:0")) == stanza->len;
}

/* Attack 11 with a hostile server: a revocation can be held back for as long as the log may be old, and no longer. */
static void withheld(void)
{
    struct party *anna, *jonas;

    begin(4);
    anna = device(ANNA, "a-password");
    jonas = device(JONAS, "j-password");
    clinic_enrol(&clinic, anna, "Dr. Anna Brandt");
    clinic_enrol(&clinic, jonas, "Jonas Weber");
    party_send(anna, JONAS, "eins");
    clinic_run(&clinic, 5000);
    anna->spy = without_log;
    clinic_run(&clinic, 26 * 3600000ll);
    party_send(anna, JONAS, "zwei");
    clinic_run(&clinic, 5000);
    says("attack 9, DSK I.5-b: after 26 hours without the log it still sends", party_history(jonas, ANNA), "eins,zwei");
    check_row(warnings(anna, "log.old") >= 1, "attack 9, DSK I.5-b: and says how old it is", "no warning");
    clinic_run(&clinic, 14 * 24 * 3600000ll);
    party_send(anna, JONAS, "drei");
    clinic_run(&clinic, 5000);
    says("attack 9: after fifteen days it sends nothing", party_history(jonas, ANNA), "eins,zwei");
    anna->spy = NULL;
    party_cut(anna);
    anna->cut = false;
    clinic_run(&clinic, 120000);
    says("attack 9: when the log is there again, what waited goes", party_history(jonas, ANNA), "eins,zwei,drei");
    end();
}

/* --- certificates that are not what they seem --- */

static const char *replaced, *replacement;

/* What stands in each stanza is replaced, as a hostile server does it. */
static bool alter(struct party *party, struct ks_str *stanza, void *user)
{
    size_t at = ks_str_find(*stanza, ks_str_z(replaced));
    struct ks_str parts[] = { ks_str_head(*stanza, at), ks_str_z(replacement), KS_STR_EMPTY };

    (void)user;
    if (at == stanza->len)
        return true;
    parts[2] = ks_str_from(*stanza, at + strlen(replaced));
    clinic_must(ks_arena_join(&party->lab->kept, parts, 3, stanza), "memory");
    return true;
}

/* Two that are enrolled, and have not met: what anna gets to see of jonas is altered before she writes. */
static void altered(const char *name, uint64_t seed, const char *from, const char *to)
{
    struct party *anna, *jonas;

    begin(seed);
    anna = device(ANNA, "a-password");
    jonas = device(JONAS, "j-password");
    clinic_enrol(&clinic, anna, "Dr. Anna Brandt");
    clinic_enrol(&clinic, jonas, "Jonas Weber");
    replaced = from;
    replacement = to;
    anna->spy = alter;
    size_t sent = anna->sent.len;
    party_send(anna, JONAS, "wer bist du");
    clinic_run(&clinic, 20000);
    check_row(ks_str_find(ks_str_from(ks_buf_str(&anna->sent), sent), KS_STR("rid='")) == anna->sent.len - sent, name,
        "a key was given");
    anna->spy = NULL;
    party_cut(anna);
    anna->cut = false;
    clinic_run(&clinic, 700000);
    party_send(anna, JONAS, "jetzt");
    clinic_run(&clinic, 20000);
    check_row(strstr(party_history(jonas, ANNA), "jetzt") != NULL, "(without that he gets one)", "%s",
        party_history(jonas, ANNA));
    end();
}

static void alterations(void)
{
    altered("attack 6: no key for a certificate whose entry is not in the log", 5,
        "<entry xmlns='urn:konsil:log:0' number='", "<entry xmlns='urn:konsil:log:0' number='9");
    altered("attack 2: no key for a certificate that is not this one's", 6, "<x509-cert>MII", "<x509-cert>MIJ");
    altered("attack 3: no key for another OMEMO identity than the certificate's", 7, "<ik>",
        "<ik>AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=</ik><ik>");
}

/* --- renewal --- */

static void renewal(void)
{
    struct party *anna, *jonas;
    json_int_t until;
    size_t told;

    begin(8);
    anna = device(ANNA, "a-password");
    jonas = device(JONAS, "j-password");
    clinic_enrol(&clinic, anna, "Dr. Anna Brandt");
    clinic_enrol(&clinic, jonas, "Jonas Weber");
    party_send(jonas, ANNA, "vorher");
    clinic_run(&clinic, 5000);
    until = json_integer_value(json_object_get(party_do(anna, "{\"id\":\"x\",\"cmd\":\"enrolment\"}"), "until"));
    told = party_count(anna, "warning", 0);
    lab.host->now.wall_ms += 145 * HOSPITAL_DAY_S * 1000;
    party_restart(jonas); /* in the morning of a day five months later */
    clinic_run(&clinic, 10000);
    party_send(jonas, ANNA, "Morgen");
    clinic_run(&clinic, 10000);
    party_restart(anna);
    clinic_run(&clinic, 10000);
    check_row(json_integer_value(json_object_get(party_do(anna, "{\"id\":\"x\",\"cmd\":\"enrolment\"}"), "until"))
            > until + 100 * HOSPITAL_DAY_S * 1000,
        "DSK I.5-d: at four fifths of its life a certificate is renewed", "it is not");
    check_row(party_count(anna, "warning", 0) == told, "DSK I.5-d: nobody is asked or warned", "%zu warnings",
        party_count(anna, "warning", 0) - told);
    party_send(anna, JONAS, "nachher");
    clinic_run(&clinic, 90000);
    says("and people go on", party_history(jonas, ANNA), "vorher,Morgen,nachher");
    party_send(jonas, ANNA, "Antwort");
    clinic_run(&clinic, 5000);
    says("both ways", party_history(anna, JONAS), "vorher,Morgen,nachher,Antwort");
    lab.host->now.wall_ms += 40 * HOSPITAL_DAY_S * 1000;
    clinic_run(&clinic, 7200000); /* a checkpoint of this day */
    party_send(jonas, ANNA, "später");
    clinic_run(&clinic, 5000);
    says("DSK I.5-d: the renewed one counts when the former one has ended", party_history(anna, JONAS),
        "vorher,Morgen,nachher,Antwort,später");
    end();
}

int main(void)
{
    alterations();
    renewal();
    enrolment();
    ghost();
    revocation();
    withheld();
    return check_done();
}
