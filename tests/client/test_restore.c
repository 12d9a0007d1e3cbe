/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The archive of an account, from a device that fills it to one that begins with nothing (doc/PROTOCOL.md §17, §18),
 * with the real registrar and the real server core. */
#include "archive_account.h"
#include "archive_body.h"
#include "check.h"
#include "enc.h"
#include "engine.h"
#include "hospital.h"
#include "xml_reader.h"

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

/* What comes of a command within so long: "" when it was accepted, else the code, and in error_detail what else. */
static const char *error_detail;

static const char *outcome(struct party *party, json_t *command, int64_t ms)
{
    size_t mark = party_mark(party);
    json_t *error;

    clinic_command_of(party, command);
    clinic_run(&clinic, ms);
    error = party_event(party, "error", mark, 0);
    error_detail = error ? text_of(error, "detail") : "";
    return error ? text_of(error, "code") : party_count(party, "result", mark) == 1 ? "" : "?";
}

static const char *open_with(struct party *party, const char *recovery)
{
    return outcome(party, json_pack("{s:s,s:s,s:s}", "id", "o", "cmd", "archive_open", "recovery", recovery), 20000);
}

static const char *pin_of(struct party *party, const char *command, const char *pin)
{
    party->engine->archive_pin.kib = KS_ACCOUNT_KIB_MIN;
    party->engine->archive_pin.passes = KS_ACCOUNT_PASSES_MIN;
    return outcome(party, json_pack("{s:s,s:s,s:s}", "id", "p", "cmd", command, "pin", pin), 2000);
}

static size_t warnings(struct party *party, const char *code)
{
    size_t count = 0;
    json_t *event;

    for (size_t n = 0; (event = party_event(party, "warning", 0, n)); n++)
        count += strcmp(text_of(event, "code"), code) == 0;
    return count;
}

/* The newest ring, as konsild has it: which epoch, and how many slots of a kind. */
static json_t *ring_of(struct party *party)
{
    size_t mark = party_mark(party);
    const char *xml;
    struct ks_xml *ring;
    struct ks_str data;

    clinic_command_of(party,
        json_pack("{s:s,s:s,s:s,s:s}", "cmd", "ask", "id", "ring", "to", party->jid, "xml",
            "<ring xmlns='urn:konsil:archive:0'/>"));
    clinic_run(&clinic, 2000);
    xml = text_of(party_event(party, "answered", mark, 0), "xml");
    clinic_must(ks_xml_read(&clinic.arena, ks_str_z(xml), KS_STR_EMPTY, KS_STR_EMPTY, &ring), "a ring");
    clinic_must(ks_base64_read(&clinic.arena,
                    ks_xml_text(&clinic.arena, ks_xml_child(ring, "urn:konsil:archive:0", "data")), &data),
        "its data");
    return json_loadb(data.ptr + strlen("konsil/0 ring\n"), data.len - strlen("konsil/0 ring\n"), 0, NULL);
}

static int slots(json_t *ring, const char *kind)
{
    size_t i;
    json_t *slot;
    int count = 0;

    json_array_foreach(json_object_get(ring, "slots"), i, slot) count += strcmp(text_of(slot, "kind"), kind) == 0;
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
    json_t *ring = ring_of(tablet);
    check_row(slots(ring, "device") == 2 && slots(ring, "recovery") == 1 && number_of(ring, "e") == 2,
        "§17.7: both devices have a slot, in a new epoch, since a recovery key was used", "%d, %d, epoch %d",
        slots(ring, "device"), slots(ring, "recovery"), (int)number_of(ring, "e"));
    json_decref(ring);
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
    json_t *ring = ring_of(tablet);
    check_row(slots(ring, "device") == 1 && number_of(ring, "e") == 2, "§17.7: the lost device has no slot any more",
        "%d slots, epoch %d", slots(ring, "device"), (int)number_of(ring, "e"));
    json_decref(ring);
    says("§17.7: the lost device has no key of what begins now", state_of(phone), "shut");
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
    /* One of them is put out. */
    json_t *before = ring_of(tablet);
    size_t count;
    clinic_must(ks_registrar_revoke(clinic.registrar, KS_STR(ANNA), device_of(phone), 1, clinic_now_ms(&clinic),
                    clinic_now_ms(&clinic), &count),
        "a revocation");
    clinic_run(&clinic, 60000);
    json_t *after = ring_of(tablet);
    check_row(slots(before, "device") == 2 && slots(after, "device") == 1
            && number_of(after, "e") == number_of(before, "e") + 1,
        "DSK I.9: a revoked device loses its slot, and a key begins that it never gets, within a minute",
        "%d slots, then %d; epoch %d, then %d", slots(before, "device"), slots(after, "device"),
        (int)number_of(before, "e"), (int)number_of(after, "e"));
    check_row(json_array_size(json_object_get(after, "keys")) > json_array_size(json_object_get(before, "keys")),
        "(a key more for the week that runs)", "%zu", json_array_size(json_object_get(after, "keys")));
    json_decref(before);
    json_decref(after);
    free(recovery);
    end();
}

/* --- a device of the account in bad hands --- */

static struct {
    struct konsil *victim; /* in whose name; NULL: its own */
    bool altered;          /* a bit of the record is another */
    int number;
    char *put;
} forging;

static char *base64(struct ks_str bytes)
{
    struct ks_str text;

    clinic_must(ks_base64(&clinic.arena, bytes, &text), "base64");
    return ks_str_dup(text);
}

/* A text that nobody wrote: "Insulin 40 IE", by jonas. */
static enum ks_err forge(struct konsil *k, void *arg)
{
    const struct konsil *writer = forging.victim ? forging.victim : k;
    struct ks_archive_writer named = { .device = ks_omemo_device(writer->omemo) };
    char id[16], *parts[3];
    struct ks_sce sce = { .content = ks_sce_content(&k->arena),
        .has_time = true,
        .wall_ms = k->now.wall_ms,
        .from = KS_STR(JONAS),
        .to = ks_own(k) };
    struct ks_archive_message message = { .how = KS_ARCHIVE_OMEMO2,
        .trust = KS_ARCHIVE_CERTIFIED,
        .by = { 1 },
        .stamp_ms = k->now.wall_ms,
        .time_ms = k->now.wall_ms,
        .name = { .conv = KS_STR(JONAS), .author = KS_STR(JONAS) } };
    struct ks_archive_place place = { .account = ks_own(k) };
    uint8_t key[KS_ARCHIVE_KEY_LEN], salt[KS_ARCHIVE_SALT_LEN];
    struct ks_buf envelope, body, record;
    struct ks_ring ring;
    enum ks_err err = ks_ring_believed(k, &ring);

    (void)arg;
    snprintf(id, sizeof id, "forged-%d", forging.number++);
    message.name.ep = ks_str_z(id);
    memcpy(named.cert, writer->enrolment.hash, sizeof named.cert);
    if (err != KS_OK
        || !ks_xml_put_text(
            &k->arena, ks_xml_add(&k->arena, sce.content, "jabber:client", "body"), KS_STR("Insulin 40 IE")))
        return err == KS_OK ? KS_ENOMEM : err;
    ks_buf_init(&envelope, KS_SCE_MAX);
    ks_buf_init(&body, KS_ARCHIVE_BODY_MAX);
    ks_buf_init(&record, KS_ARCHIVE_RECORD_MAX);
    clinic_must(ks_sce_write(&sce, &k->prng, &envelope), "an envelope");
    message.envelope = ks_buf_str(&envelope);
    place.header.period = ring.keys[0].period;
    place.period_key = key;
    clinic_must(ks_ring_key(&ring, &k->ring.secret, &place.header.period, key), "a key");
    clinic_must(ks_archive_message_write(&k->arena, &message, &named, k->device_key.secret, &place, &body), "a body");
    clinic_must(ks_archive_seal(&k->prng, key, ks_own(k), &place.header, ks_buf_str(&body), salt, &record), "a record");
    record.ptr[record.len - 1] ^= forging.altered;
    parts[0] = base64(ks_str((const char *)place.header.rid, sizeof place.header.rid));
    parts[1] = base64(ks_str((const char *)salt, sizeof salt));
    parts[2] = base64(ks_buf_str(&record));
    if (asprintf(&forging.put, "<put xmlns='urn:konsil:archive:0'><r rid='%s' salt='%s' until='%lld'>%s</r></put>",
            parts[0], parts[1], (long long)ks_archive_period_end(&place.header.period), parts[2])
        < 0)
        return KS_ENOMEM;
    for (int i = 0; i < 3; i++)
        free(parts[i]);
    ks_buf_done(&envelope);
    ks_buf_done(&body);
    ks_buf_done(&record);
    return KS_OK;
}

static void put_forged(struct party *party, struct party *victim, bool altered)
{
    size_t mark = party_mark(party);

    forging.victim = victim ? victim->engine : NULL;
    forging.altered = altered;
    if (!ks_step(party->engine, forge, NULL))
        exit(1);
    clinic_command_of(party,
        json_pack("{s:s,s:s,s:s,s:b,s:s}", "cmd", "ask", "id", "put", "to", party->jid, "set", 1, "xml", forging.put));
    clinic_run(&clinic, 2000);
    check_row(strstr(text_of(party_event(party, "answered", mark, 0), "xml"), "fresh='true'") != NULL,
        "(konsild takes what is sealed)", "%s", text_of(party_event(party, "answered", mark, 0), "condition"));
    free(forging.put);
}

static void forgeries(void)
{
    struct party *tablet, *laptop;
    char *recovery;

    begin(4);
    recovery = strdup(recovery_of(phone));
    party_send(jonas, ANNA, "Insulin 4 IE");
    clinic_run(&clinic, 60000);
    tablet = device(ANNA, "a-password", "Dr. Anna Brandt");
    clinic_run(&clinic, 60000);
    says("(a second device, with the key)", open_with(tablet, recovery), "");
    clinic_run(&clinic, 60000);
    put_forged(tablet, NULL, false);
    put_forged(tablet, phone, false);
    put_forged(tablet, jonas, false);
    put_forged(tablet, NULL, true);
    laptop = device(ANNA, "a-password", "Dr. Anna Brandt");
    clinic_run(&clinic, 60000);
    says("(a third one opens it)", open_with(laptop, recovery), "");
    clinic_run(&clinic, 60000);
    says("DSK I.9: what a device wrote in another's name is not shown; in its own it can (§17.8)",
        party_history(laptop, JONAS), "Insulin 4 IE,Insulin 40 IE");
    check_row(number_of(archive(laptop), "refused") == 2 && number_of(archive(laptop), "damaged") == 1,
        "DSK I.9: such records are counted, and those that were altered", "%d, %d",
        (int)number_of(archive(laptop), "refused"), (int)number_of(archive(laptop), "damaged"));
    check_row(warnings(laptop, "archive.forged") == 1, "DSK I.9: and the person is told", "%zu warnings",
        warnings(laptop, "archive.forged"));
    free(recovery);
    end();
}

/* --- a PIN --- */

#define PIN "483910"

static int account_slots(struct party *party)
{
    size_t mark = party_mark(party), i;
    json_t *slot;
    int count = 0;

    clinic_command_of(party, json_pack("{s:s,s:s}", "id", "v", "cmd", "vault_slots"));
    clinic_run(&clinic, 2000);
    json_array_foreach(json_object_get(party_event(party, "vault_slots", mark, 0), "slots"), i, slot) count +=
        strcmp(text_of(slot, "kind"), "account") == 0 && strcmp(text_of(slot, "state"), "gone") != 0;
    return count;
}

static struct party *fresh_device(void)
{
    struct party *party = device(ANNA, "a-password", "Dr. Anna Brandt");

    clinic_run(&clinic, 60000);
    return party;
}

static void lose(struct party *party)
{
    size_t count;

    clinic_must(ks_registrar_revoke(clinic.registrar, KS_STR(ANNA), device_of(party), 1, clinic_now_ms(&clinic),
                    clinic_now_ms(&clinic), &count),
        "a revocation");
    clinic_run(&clinic, 60000);
}

static void a_pin(void)
{
    struct party *tablet, *laptop;
    json_t *event;

    begin(5);
    talk();
    says("what is tried first is no PIN", pin_of(phone, "archive_pin", "123456"), "archive.pin_weak");
    says("there is nothing to open where it is open", pin_of(phone, "archive_open", PIN), "archive.open");
    says("a PIN is made", pin_of(phone, "archive_pin", PIN), "");
    event = archive(phone);
    check_row(json_is_true(json_object_get(event, "pin")) && !json_object_get(event, "recovery"),
        "and it is told that one opens the archive", "it is not");
    json_t *ring = ring_of(phone);
    check_row(slots(ring, "pin") == 1 && account_slots(phone) == 1, "§17.11: a slot in the ring, a slot at konsild",
        "%d, %d", slots(ring, "pin"), account_slots(phone));
    json_decref(ring);
    lose(phone);

    tablet = fresh_device();
    says("(a new device finds the archive shut)", state_of(tablet), "shut");
    says("a wrong PIN does not open it", pin_of(tablet, "archive_open", "483911"), "archive.pin_wrong");
    says("and says how many tries are left", error_detail, "9");
    says("(nothing came back)", party_history(tablet, JONAS), "");
    says("nor is a PIN made where it is shut", pin_of(tablet, "archive_pin", PIN), "archive.shut");
    says("DSK I.9-c: the right one opens it, with konsild's part and the registrar's, without the old device",
        pin_of(tablet, "archive_open", PIN), "");
    clinic_run(&clinic, 60000);
    says("all of it is back", party_history(tablet, JONAS), "Bett 4: Kalium 5,9,Bitte EKG,EKG ist geschrieben");
    check_row(party_count(tablet, "gap", 0) == 0, "without a gap", "%zu", party_count(tablet, "gap", 0));
    ring = ring_of(tablet);
    check_row(slots(ring, "device") == 1 && slots(ring, "pin") == 1 && number_of(ring, "e") == 2,
        "§17.7: the lost device's slot has gone, in a new epoch; the PIN opens that, too", "%d, %d, %d",
        slots(ring, "device"), slots(ring, "pin"), (int)number_of(ring, "e"));
    json_decref(ring);

    says("a PIN takes the place of another", pin_of(tablet, "archive_pin", "60724135"), "");
    ring = ring_of(tablet);
    check_row(slots(ring, "pin") == 1 && account_slots(tablet) == 1 && number_of(ring, "e") == 3,
        "§17.7: of which nothing is left, here or there; who knows it learns no later key", "%d, %d, %d",
        slots(ring, "pin"), account_slots(tablet), (int)number_of(ring, "e"));
    json_decref(ring);
    laptop = fresh_device();
    says("the former one is wrong now", pin_of(laptop, "archive_open", PIN), "archive.pin_wrong");
    says("(§16.4: the tries had been given back)", error_detail, "9");
    says("and the new one right", pin_of(laptop, "archive_open", "60724135"), "");
    clinic_run(&clinic, 60000);
    says("(all of it is there)", party_history(laptop, JONAS), "Bett 4: Kalium 5,9,Bitte EKG,EKG ist geschrieben");
    end();
}

static void a_guesser(void)
{
    struct party *tablet;
    char pin[8];
    int wrong = 0, waits = 0;
    const char *recovery;

    begin(6);
    talk();
    recovery = strdup(recovery_of(phone));
    says("(a PIN is made)", pin_of(phone, "archive_pin", PIN), "");
    tablet = fresh_device();
    for (int i = 0; i < 60 && wrong < 10; i++) {
        const char *code;

        snprintf(pin, sizeof pin, "71%04d", 2963 + 17 * wrong);
        code = pin_of(tablet, "archive_open", pin);
        wrong += strcmp(code, "archive.pin_wrong") == 0;
        if (strcmp(code, "archive.pin_wait") == 0) {
            waits++;
            clinic_run(&clinic, (int64_t)strtol(error_detail, NULL, 10) * 1000);
        }
    }
    check_row(wrong == 10 && waits == 5, "DSK I.2: ten tries, with waits before the last five", "%d wrong, %d waits",
        wrong, waits);
    says("then none, and the right one neither", pin_of(tablet, "archive_open", PIN), "archive.pin_locked");
    says("the recovery key is another way", open_with(tablet, recovery), "");
    clinic_run(&clinic, 60000);
    says(
        "by which all of it is back", party_history(tablet, JONAS), "Bett 4: Kalium 5,9,Bitte EKG,EKG ist geschrieben");
    says("and a new PIN can be made", pin_of(tablet, "archive_pin", "60724135"), "");
    check_row(account_slots(tablet) == 1, "in the locked one's place", "%d", account_slots(tablet));
    free((char *)(uintptr_t)recovery);
    end();
}

/* The first answer that has this text is lost, and the connection with it. */
static bool lose_answer(struct party *party, struct ks_str *stanza, void *user)
{
    const char *text = user;

    if (ks_str_find(*stanza, ks_str_z(text)) >= stanza->len)
        return true;
    party->spy = NULL;
    party->cut = true;
    return false;
}

static void a_change_that_ended_early(const char *lost, const char *name)
{
    struct party *tablet;

    begin(7);
    talk();
    says("(a PIN is made)", pin_of(phone, "archive_pin", PIN), "");
    phone->spy = lose_answer;
    phone->spy_user = (char *)(uintptr_t)lost;
    says(name, pin_of(phone, "archive_pin", "60724135"), "?");
    party_crash(phone);
    clinic_run(&clinic, 60000);
    tablet = fresh_device();
    const char *first = pin_of(tablet, "archive_open", PIN);
    const char *second = *first ? pin_of(tablet, "archive_open", "60724135") : "";
    says("§16.2: whatever a change came to, one of both PINs opens", second, "");
    clinic_run(&clinic, 60000);
    says("(all of it is back)", party_history(tablet, JONAS), "Bett 4: Kalium 5,9,Bitte EKG,EKG ist geschrieben");
    says("and the next change works", pin_of(tablet, "archive_pin", "59302817"), "");
    check_row(account_slots(tablet) == 1, "and leaves one slot", "%d", account_slots(tablet));
    end();
}

/* konsild says that it has another key than it said before. */
static bool another_key(struct party *party, struct ks_str *stanza, void *user)
{
    size_t at = ks_str_find(*stanza, KS_STR("keyid='"));
    char *copy;

    (void)user;
    if (ks_str_find(*stanza, KS_STR("<evaluated")) >= stanza->len)
        return true;
    clinic_must(ks_arena_copy(&party->lab->kept, *stanza, stanza), "memory");
    copy = (char *)(uintptr_t)stanza->ptr + at + strlen("keyid='");
    *copy = *copy == 'A' ? 'B' : 'A';
    return true;
}

static void a_lying_server(void)
{
    begin(8);
    phone->spy = another_key;
    says("attack 43: a server that answers with another key is told, and no PIN is made",
        pin_of(phone, "archive_pin", PIN), "archive.pin_answer");
    phone->spy = NULL;
    check_row(!json_object_get(archive(phone), "pin"), "(none)", "there is one");
    says("(and then one is)", pin_of(phone, "archive_pin", PIN), "");
    check_row(account_slots(phone) == 1, "without what the first left behind", "%d", account_slots(phone));
    end();
}

int main(void)
{
    a_pin();
    a_guesser();
    a_change_that_ended_early("<made", "a change whose slot is made, and no more");
    a_change_that_ended_early("<evaluated", "one that was tried, and is not in the ring");
    a_lying_server();
    forgeries();
    a_lost_phone();
    siblings();
    one_device_after_the_other();
    return check_done();
}
