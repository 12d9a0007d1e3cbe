/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Signed messages between certified devices (doc/PROTOCOL.md §20), with the real registrar and the real server core;
 * and what a hostile device of a colleague makes of one. */
#include "check.h"
#include "clinical.h"
#include "cms.h"
#include "engine.h"
#include "hospital.h"
#include "signed.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"
#define CARA "cara@klinik.example"

static struct lab lab;
static struct clinic clinic;
static struct party *anna, *jonas;

static void says(const char *name, const char *got, const char *want)
{
    check_str(name, ks_str_z(got), ks_str_z(want));
}

static struct party *device(const char *jid, const char *password, const char *name)
{
    struct party *party = lab_party(&lab, jid, password);

    party_connect(party);
    clinic_run(&clinic, 2000);
    if (name)
        clinic_enrol(&clinic, party, name);
    return party;
}

static void begin(uint64_t seed)
{
    lab_begin(&lab, seed);
    lab_account(&lab, "anna", "a-password");
    lab_account(&lab, "jonas", "j-password");
    lab_account(&lab, "cara", "c-password");
    clinic_begin(&clinic, &lab);
    anna = device(ANNA, "a-password", "Dr. Anna Brandt");
    jonas = device(JONAS, "j-password", "Jonas Weber");
    party_send(anna, JONAS, "Guten Morgen");
    clinic_run(&clinic, 5000);
}

static void end(void)
{
    clinic_end(&clinic);
    lab_end(&lab);
}

static json_t *sign(struct party *party, const char *to, const char *kind, const char *body, const char *about)
{
    json_t *answer;

    if (about)
        answer = party_do(party,
            "{\"id\":\"x\",\"cmd\":\"sign\",\"to\":\"%s\",\"kind\":\"%s\",\"body\":\"%s\",\"case_number\":\"F-17\","
            "\"about\":[\"%s\"]}",
            to, kind, body, about);
    else
        answer = party_do(
            party, "{\"id\":\"x\",\"cmd\":\"sign\",\"to\":\"%s\",\"kind\":\"%s\",\"body\":\"%s\"}", to, kind, body);
    clinic_run(&clinic, 5000);
    return answer;
}

/* The n-th message of a conversation from its end, 0 the newest. */
static json_t *shown(struct party *party, const char *with, size_t n)
{
    json_t *answer = party_do(party, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"%s\"}", with);
    json_t *messages = json_object_get(answer, "messages");
    size_t count = json_array_size(messages);

    return count > n ? json_array_get(messages, count - 1 - n) : NULL;
}

static const char *signature_of(struct party *party, const char *with, size_t n)
{
    json_t *message = shown(party, with, n);

    return message ? text_of(message, "signature") : "no message";
}

static size_t warnings(struct party *party, const char *code)
{
    size_t count = 0;
    json_t *event;

    for (size_t n = 0; (event = party_event(party, "warning", 0, n)); n++)
        count += strcmp(text_of(event, "code"), code) == 0;
    return count;
}

/* --- as it should be --- */

/* The file that jonas gets of it, judged as konsil verify does. */
static const char *file_verdict(struct party *party, const char *with, const char *id)
{
    json_t *answer =
        party_do(party, "{\"id\":\"x\",\"cmd\":\"signed_file\",\"conversation\":\"%s\",\"message\":\"%s\"}", with, id);
    struct ks_clinical_log log = { .listing = KS_CLINICAL_UNASKED };
    struct ks_clinical_report report;
    struct ks_str der;
    struct ks_cms cms;

    if (strcmp(text_of(answer, "event"), "signed_file") != 0)
        return text_of(answer, "code");
    clinic_must(ks_base64_read(&clinic.arena, ks_str_z(text_of(answer, "file")), &der), "base64");
    if (ks_cms_read(der, &cms) != KS_CMS_GOOD)
        return "no CMS";
    clinic_must(
        ks_clinical_check(&clinic.arena, cms.content, cms.signature, cms.chain, cms.count, clinic.root, &log, &report),
        "a check");
    return report.verdict == KS_CLINICAL_GOOD ? "good" : "not good";
}

static void orders(void)
{
    json_t *answer;
    const char *id, *ack;

    begin(1);
    answer = sign(anna, JONAS, "order", "Kaliumchlorid 20 mmol in 500 ml", NULL);
    id = text_of(answer, "message");
    says("DSK II.2-b: an order is signed and sent", text_of(answer, "event"), "result");
    says("who wrote it sees it valid", signature_of(anna, JONAS, 0), "valid");
    says("and so does who reads it", signature_of(jonas, ANNA, 0), "valid");
    says("as an order", text_of(shown(jonas, ANNA, 0), "signed_as"), "order");
    says("DSK II.2-b: given out as a file, it is good by the hospital's root alone", file_verdict(jonas, ANNA, id),
        "good");
    says("its author can give it out, too", file_verdict(anna, JONAS, id), "good");
    answer = sign(jonas, ANNA, "ack", "Übernehme", id);
    ack = text_of(answer, "message");
    says("an acknowledgement names what it is about", text_of(answer, "event"), "result");
    says("and is valid", signature_of(anna, JONAS, 0), "valid");
    says("with its case", text_of(shown(anna, JONAS, 0), "case_number"), "F-17");
    says("as a file, too", file_verdict(anna, JONAS, ack), "good");
    says("an acknowledgement of nothing is refused", text_of(sign(jonas, ANNA, "ack", "ja", NULL), "code"),
        "sign.about");
    says("of what nobody signed, too",
        text_of(sign(jonas, ANNA, "ack", "ja", text_of(shown(jonas, ANNA, 2), "message")), "code"), "sign.about");
    says("(that one was not signed)", text_of(shown(jonas, ANNA, 2), "signature"), "");
    says(
        "of which there is no file", file_verdict(jonas, ANNA, text_of(shown(jonas, ANNA, 2), "message")), "sign.none");
    answer = party_do(anna,
        "{\"id\":\"x\",\"cmd\":\"edit\",\"conversation\":\"%s\",\"message\":\"%s\",\"body\":\"40 mmol\"}", JONAS, id);
    says("its author does not change it", text_of(answer, "code"), "message.signed");
    answer = party_do(anna, "{\"id\":\"x\",\"cmd\":\"retract\",\"conversation\":\"%s\",\"message\":\"%s\"}", JONAS, id);
    says("nor takes it back", text_of(answer, "code"), "message.signed");
    party_restart(jonas);
    clinic_run(&clinic, 10000);
    says("after a restart it is what it was", signature_of(jonas, ANNA, 1), "valid");
    end();
}

static void uncertified(void)
{
    struct party *cara;

    begin(2);
    cara = device(CARA, "c-password", NULL);
    says("who has no certificate signs nothing", text_of(sign(cara, ANNA, "order", "egal", NULL), "code"),
        "sign.uncertified");
    end();
}

/* --- a hostile device --- */

enum forgery {
    NO_FORGERY,
    OTHER_TEXT,      /* shows another text than was signed */
    OTHER_SIGNATURE, /* a bit of the signature is another */
    OTHER_SIGNER,    /* names another's certificate */
    OTHER_ID,        /* said before, said again as a new message */
    OTHER_READER,    /* was said to somebody else */
    EDITS,
    TAKES_BACK,
};

static struct {
    enum forgery how;
    const char *id;     /* of an earlier one */
    uint8_t other[32];  /* a certificate of jonas's */
    struct ks_str data; /* what was signed for somebody else */
    uint8_t signature[KS_P256_SIGNATURE_LEN];
} forging;

static enum ks_err forge(struct konsil *k, void *arg)
{
    struct ks_content content = { .says = KS_SAYS_TEXT, .body = KS_STR("Kaliumchlorid 20 mmol") };
    struct ks_clinical clinical = { .type = KS_CLINICAL_ORDER,
        .time_ms = k->now.wall_ms,
        .text = content.body,
        .jid = ks_own(k),
        .name = KS_STR("Dr. Anna Brandt"),
        .dept = KS_STR("Kardiologie"),
        .to_count = 1,
        .log_size = 1 };
    struct ks_str to = forging.how == OTHER_READER ? KS_STR(CARA) : KS_STR(JONAS), id;
    struct ks_checkpoint newest;
    enum ks_err err;

    (void)arg;
    if (forging.how == EDITS || forging.how == TAKES_BACK) {
        content.says = forging.how == EDITS ? KS_SAYS_EDIT : KS_SAYS_RETRACT;
        content.body = forging.how == EDITS ? KS_STR("Kaliumchlorid 200 mmol") : KS_STR_EMPTY;
        content.target = ks_str_z(forging.id);
        return ks_outbox_add(k, KS_STR(JONAS), &content, &id);
    }
    if ((err = ks_new_id(k, &content.k.id)) != KS_OK || !ks_log_view_newest(k->log_follow.view, &newest, NULL))
        return err == KS_OK ? KS_ESTATE : err;
    clinical.id = forging.how == OTHER_ID ? ks_str_z(forging.id) : content.k.id;
    clinical.to = &to;
    clinical.log_size = newest.size;
    clinical.log_root = newest.root;
    if ((err = ks_clinical_write(&k->arena, &clinical, &content.signed_one.data)) != KS_OK)
        return err;
    ks_device_sign(k, content.signed_one.data, content.signed_one.signature);
    memcpy(content.signed_one.certificate, k->enrolment.hash, 32);
    if (forging.how == OTHER_TEXT)
        content.body = KS_STR("Kaliumchlorid 200 mmol");
    if (forging.how == OTHER_SIGNATURE)
        content.signed_one.signature[40] ^= 4;
    if (forging.how == OTHER_SIGNER)
        memcpy(content.signed_one.certificate, forging.other, 32);
    return ks_outbox_add(k, KS_STR(JONAS), &content, &id);
}

static void send_forged(enum forgery how)
{
    forging.how = how;
    if (!ks_step(anna->engine, forge, NULL))
        exit(1);
    konsil_tick(anna->engine, (struct konsil_now) { lab.host->now.mono_ms, lab.host->now.wall_ms });
    clinic_run(&clinic, 5000);
}

static void not_shown(const char *name, enum forgery how)
{
    const char *before = party_history(jonas, ANNA);
    size_t told = warnings(jonas, "message.forged");

    send_forged(how);
    check_row(strcmp(party_history(jonas, ANNA), before) == 0 && warnings(jonas, "message.forged") == told + 1, name,
        "%s, %zu warnings", party_history(jonas, ANNA), warnings(jonas, "message.forged") - told);
}

static void forgeries(void)
{
    json_t *answer;

    begin(3);
    memcpy(forging.other, jonas->engine->enrolment.hash, 32);
    send_forged(NO_FORGERY);
    says("the positive control: such a message is valid", signature_of(jonas, ANNA, 0), "valid");
    forging.id = text_of(shown(jonas, ANNA, 0), "message");
    not_shown("attack 55: another text than the signed one is not shown, and told", OTHER_TEXT);
    not_shown("attack 55: nor one that was signed for somebody else", OTHER_READER);
    not_shown("attack 55: nor one that was said before, under a new id", OTHER_ID);
    send_forged(OTHER_SIGNATURE);
    says("attack 55: with another signature it is invalid", signature_of(jonas, ANNA, 0), "invalid");
    says("and no file is made of it", file_verdict(jonas, ANNA, text_of(shown(jonas, ANNA, 0), "message")),
        "sign.unknown");
    send_forged(OTHER_SIGNER);
    check_row(strcmp(signature_of(jonas, ANNA, 0), "valid") != 0, "attack 55: in another's name it is not valid", "%s",
        signature_of(jonas, ANNA, 0));
    send_forged(EDITS);
    answer = shown(jonas, ANNA, 3);
    check_row(strcmp(text_of(answer, "body"), "Kaliumchlorid 20 mmol") == 0
            && strcmp(text_of(answer, "signature"), "valid") == 0 && !json_is_true(json_object_get(answer, "edited")),
        "§20.6: an edit does not change a signed message", "%s", text_of(answer, "body"));
    says("but stands beside it, unsigned", text_of(shown(jonas, ANNA, 0), "signature"), "");
    send_forged(TAKES_BACK);
    check_row(strcmp(text_of(shown(jonas, ANNA, 3), "body"), "Kaliumchlorid 20 mmol") == 0,
        "§20.6: its author does not take it back", "%s", text_of(shown(jonas, ANNA, 3), "body"));
    end();
}

/* --- and when the signer is revoked --- */

static uint32_t number_of(struct party *party)
{
    return (uint32_t)json_number_value(json_object_get(party_do(party, "{\"id\":\"x\",\"cmd\":\"state\"}"), "device"));
}

static void revoked(int64_t since_before_ms, const char *name, const char *want)
{
    size_t count;

    begin(since_before_ms ? 4 : 5);
    sign(anna, JONAS, "handover", "Bett 4 bis 9", NULL);
    clinic_run(&clinic, 60000);
    clinic_must(ks_registrar_revoke(clinic.registrar, KS_STR(ANNA), number_of(anna), 1,
                    clinic_now_ms(&clinic) - since_before_ms, clinic_now_ms(&clinic), &count),
        "a revocation");
    clinic_run(&clinic, 60000);
    says(name, signature_of(jonas, ANNA, 0), want);
    end();
}

int main(void)
{
    orders();
    uncertified();
    forgeries();
    revoked(0, "a device that is revoked later: that it was signed before is its word", "revoked_later");
    revoked(3600000, "attack 55: of a device that had been revoked it says so", "revoked");
    return check_done();
}
