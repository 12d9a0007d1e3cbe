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
    says("each sees the other's device as the hospital's", genuine(anna, JONAS, 0), "genuine");
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

int main(void)
{
    enrolment();
    return check_done();
}
