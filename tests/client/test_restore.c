/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The archive of an account, from a device that fills it to one that begins with nothing (doc/PROTOCOL.md §17, §18),
 * with the real registrar and the real server core. */
#include "archive_account.h"
#include "check.h"
#include "hospital.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"

static struct lab lab;
static struct clinic clinic;

static void says(const char *name, const char *got, const char *want)
{
    check_str(name, ks_str_z(got), ks_str_z(want));
}

static struct party *device(const char *jid, const char *password, const char *name)
{
    struct party *party = lab_party(&lab, jid, password);

    party_connect(party);
    clinic_run(&clinic, 2000);
    clinic_enrol(&clinic, party, name);
    return party;
}

static struct party *phone, *jonas;

static void begin(uint64_t seed)
{
    lab_begin(&lab, seed);
    lab_account(&lab, "anna", "a-password");
    lab_account(&lab, "jonas", "j-password");
    clinic_begin(&clinic, &lab);
    phone = device(ANNA, "a-password", "Dr. Anna Brandt");
    jonas = device(JONAS, "j-password", "Jonas Weber");
    clinic_run(&clinic, 60000);
}

static void end(void)
{
    clinic_end(&clinic);
    lab_end(&lab);
}

static json_t *archive(struct party *party)
{
    return party_do(party, "{\"id\":\"x\",\"cmd\":\"archive\"}");
}

static const char *state_of(struct party *party)
{
    return text_of(archive(party), "state");
}

static json_int_t number_of(json_t *event, const char *name)
{
    return json_integer_value(json_object_get(event, name));
}

/* The answer comes when konsild has the ring. */
static const char *recovery_of(struct party *party)
{
    size_t mark = party_mark(party);
    json_t *command = json_pack("{s:s,s:s}", "id", "r", "cmd", "archive_recovery");

    clinic_command_of(party, command);
    clinic_run(&clinic, 10000);
    return text_of(party_event(party, "archive_recovery", mark, 0), "text");
}

/* What came of it: "" when it was accepted, else the code. */
static const char *open_with(struct party *party, const char *recovery)
{
    size_t mark = party_mark(party);
    json_t *error;

    clinic_command_of(party, json_pack("{s:s,s:s,s:s}", "id", "o", "cmd", "archive_open", "recovery", recovery));
    clinic_run(&clinic, 20000);
    error = party_event(party, "error", mark, 0);
    return error ? text_of(error, "code") : party_count(party, "result", mark) == 1 ? "" : "?";
}

static size_t warnings(struct party *party, const char *code)
{
    size_t count = 0;
    json_t *event;

    for (size_t n = 0; (event = party_event(party, "warning", 0, n)); n++)
        count += strcmp(text_of(event, "code"), code) == 0;
    return count;
}

/* A conversation with all that can become of a message. */
static void talk(void)
{
    const char *id;

    party_send(jonas, ANNA, "Bett 4: Kalium 5,9");
    clinic_run(&clinic, 3000);
    id = party_send(phone, JONAS, "EKG?");
    clinic_run(&clinic, 3000);
    party_do(phone, "{\"id\":\"x\",\"cmd\":\"edit\",\"conversation\":\"%s\",\"message\":\"%s\",\"body\":\"Bitte EKG\"}",
        JONAS, id);
    clinic_run(&clinic, 3000);
    id = party_send(jonas, ANNA, "falsches Zimmer");
    clinic_run(&clinic, 3000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"retract\",\"conversation\":\"%s\",\"message\":\"%s\"}", ANNA, id);
    clinic_run(&clinic, 3000);
    party_send(jonas, ANNA, "EKG ist geschrieben");
    clinic_run(&clinic, 60000);
}

static void one_device_after_the_other(void)
{
    struct party *tablet;
    char *recovery, other[KS_RECOVERY_TEXT_LEN + 1];
    size_t mark;

    begin(1);
    says("a device of a hospital makes its account's archive", state_of(phone), "open");
    talk();
    says("(what was said)", party_history(phone, JONAS), "Bett 4: Kalium 5,9,Bitte EKG,-,EKG ist geschrieben");
    check_row(number_of(archive(phone), "waiting") == 0, "all of it is in the archive", "%d wait",
        (int)number_of(archive(phone), "waiting"));
    recovery = strdup(recovery_of(phone));
    check_row(strlen(recovery) == 32, "a recovery key is told", "\"%s\"", recovery);

    tablet = device(ANNA, "a-password", "Dr. Anna Brandt");
    clinic_run(&clinic, 60000);
    says("a second device finds it shut", state_of(tablet), "shut");
    says("and has none of what was said", party_history(tablet, JONAS), "");
    says("a mistyped key is told before it is tried", open_with(tablet, "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GG"),
        "archive.key_typed");
    ks_recovery_write((const uint8_t[KS_RECOVERY_KEY_LEN]) { 1, 2, 3 }, other);
    says("another key does not open it", open_with(tablet, other), "archive.key_wrong");
    says("(nor brings anything back)", party_history(tablet, JONAS), "");
    party_send(jonas, ANNA, "noch da?");
    clinic_run(&clinic, 3000);
    mark = party_mark(jonas);
    says("the right one does", open_with(tablet, recovery), "");
    clinic_run(&clinic, 60000);
    says("now it is open", state_of(tablet), "open");
    says("all of it is back, in its place, before what came since; and not what was taken back",
        party_history(tablet, JONAS), "Bett 4: Kalium 5,9,Bitte EKG,EKG ist geschrieben,noch da?");
    check_row(number_of(archive(tablet), "refused") == 0 && number_of(archive(tablet), "damaged") == 0,
        "no record was refused", "%d, %d", (int)number_of(archive(tablet), "refused"),
        (int)number_of(archive(tablet), "damaged"));
    check_row(party_count(jonas, "warning", mark) == 0 && party_count(jonas, "gap", mark) == 0, "nobody else notices",
        "%zu warnings", party_count(jonas, "warning", mark));
    check_row(party_count(tablet, "gap", 0) == 0, "DSK I.9: no gap is shown", "%zu", party_count(tablet, "gap", 0));
    check_row(warnings(phone, "archive.slot") >= 1,
        "and the first device is told that the archive opens in one way more", "%zu warnings",
        warnings(phone, "archive.slot"));
    party_send(jonas, ANNA, "danke");
    clinic_run(&clinic, 3000);
    party_restart(tablet);
    clinic_run(&clinic, 60000);
    says("it goes on, and remembers after a restart", party_history(tablet, JONAS),
        "Bett 4: Kalium 5,9,Bitte EKG,EKG ist geschrieben,noch da?,danke");
    says("with its key ring", state_of(tablet), "open");
    says("(the first one as well)", state_of(phone), "open");
    free(recovery);
    end();
}

/* --- the phone is lost --- */

static uint32_t device_of(struct party *party)
{
    return (uint32_t)number_of(party_do(party, "{\"id\":\"x\",\"cmd\":\"state\"}"), "device");
}

static void a_lost_phone(void)
{
    struct party *tablet;
    char *recovery;
    size_t count;

    begin(2);
    talk();
    recovery = strdup(recovery_of(phone));
    clinic_must(ks_registrar_revoke(clinic.registrar, KS_STR(ANNA), device_of(phone), 1, clinic_now_ms(&clinic),
                    clinic_now_ms(&clinic), &count),
        "a revocation");
    clinic_run(&clinic, 60000);
    tablet = device(ANNA, "a-password", "Dr. Anna Brandt");
    clinic_run(&clinic, 60000);
    says("a recovery key opens what a lost device left, though that is revoked", open_with(tablet, recovery), "");
    clinic_run(&clinic, 60000);
    says("what it wrote comes back", party_history(tablet, JONAS), "Bett 4: Kalium 5,9,Bitte EKG,EKG ist geschrieben");
    says("the ring goes on", state_of(tablet), "open");
    party_send(jonas, ANNA, "nur fürs Tablet");
    clinic_run(&clinic, 60000);
    check_row(number_of(archive(tablet), "waiting") == 0, "and new messages go into it", "%d wait",
        (int)number_of(archive(tablet), "waiting"));
    says("attack 51: the lost device has no key of what begins now", state_of(phone), "shut");
    free(recovery);
    end();
}

/* --- two that write --- */

static size_t count_in(const struct ks_buf *sent, const char *text)
{
    struct ks_str left = ks_buf_str(sent);
    size_t count = 0;

    for (size_t at; (at = ks_str_find(left, ks_str_z(text))) < left.len; count++)
        left = ks_str_from(left, at + strlen(text));
    return count;
}

static void siblings(void)
{
    struct party *tablet;
    char *recovery;
    size_t phone_had, tablet_had;

    begin(3);
    recovery = strdup(recovery_of(phone));
    tablet = device(ANNA, "a-password", "Dr. Anna Brandt");
    clinic_run(&clinic, 60000);
    says("(a second device, with the key)", open_with(tablet, recovery), "");
    clinic_run(&clinic, 60000);
    phone_had = count_in(&phone->sent, "<r rid=");
    tablet_had = count_in(&tablet->sent, "<r rid=");
    for (int i = 0; i < 5; i++)
        party_send(jonas, ANNA, "Visite");
    clinic_run(&clinic, 90000);
    check_row(number_of(archive(phone), "waiting") == 0 && number_of(archive(tablet), "waiting") == 0,
        "both have nothing left to write", "%d, %d", (int)number_of(archive(phone), "waiting"),
        (int)number_of(archive(tablet), "waiting"));
    check_row(count_in(&phone->sent, " until=") > 0 && count_in(&tablet->sent, " until=") <= 2,
        "but one of them wrote, the other asked (its own certificate it writes itself)", "%zu and %zu records",
        count_in(&phone->sent, " until="), count_in(&tablet->sent, " until="));
    printf("# names: phone %zu, tablet %zu\n", count_in(&phone->sent, "<r rid=") - phone_had,
        count_in(&tablet->sent, "<r rid=") - tablet_had);
    free(recovery);
    end();
}

int main(void)
{
    a_lost_phone();
    siblings();
    one_device_after_the_other();
    return check_done();
}
