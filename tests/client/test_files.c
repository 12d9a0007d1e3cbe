/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Files between people: the engine seals, a host in memory moves the bytes, and a hostile server does what it can. */
#include "file_host.h"
#include "stores.h"

static void test_there_and_back(void)
{
    struct party *anna, *jonas;
    json_t *message, *file;
    struct lab lab;

    begin(&lab, 71, &anna, &jonas);
    check_row(number_of(send_file(anna, JONAS,
                            ",\"caption\":\"Bitte ansehen\",\"thumbnail\":\"/9j/AAAA\",\"thumbnail_type\":"
                            "\"image/jpeg\",\"width\":40,\"height\":30"),
                  "transfer")
            > 0,
        "a file is taken, and its transfer has a number", "it was not");
    work(anna);
    message = newest(jonas, ANNA);
    file = file_of(message);
    check_text("XEP-0447 §4.1: the reader is told what it is called", text_of(file, "name"), NAME);
    check_text("its text came along", text_of(message, "body"), "Bitte ansehen");
    check_text("PROTOCOL §5.8: and a small picture of it", text_of(file, "thumbnail"), "/9j/AAAA");
    check_row(number_of(file, "size") == 100000 && number_of(file, "width") == 40
            && strcmp(text_of(file, "type"), "application/pdf") == 0,
        "with its size, its type and its sides", "%lld", (long long)number_of(file, "size"));
    check_text("a transfer that is done says so", last_transfer(anna, "state"), "done");
    check_text("and names its message", last_transfer(anna, "message"), text_of(message, "message"));
    check_row(!holds(&anna->sent, "Befund") && !holds(&anna->sent, "application/pdf") && holds(&anna->sent, "100016")
            && holds(&anna->sent, "file.bin"),
        "XEP-0363 §4: the server is asked for a place for 16 bytes more, with a name and a type that say nothing",
        "it learns more");
    check_row(memcmp(web.files[0].bytes + 1000, (uint8_t[]) { byte_at(1000), byte_at(1001), byte_at(1002) }, 3) != 0,
        "XEP-0448: what lies there is ciphertext", "it is not");
    get_file(jonas, ANNA, text_of(message, "message"));
    work(jonas);
    check_text("the reader has the same bytes", last_transfer(jonas, "state"), "done");
    check_text("and is told where", last_transfer(jonas, "path"), "/home/jonas/saved");
    check_row(party_count(jonas, "warning", 0) + party_count(anna, "warning", 0) == 0, "and nobody is warned", "%zu",
        party_count(jonas, "warning", 0));
    message = json_array_get(
        json_object_get(party_do(jonas, "{\"id\":\"x\",\"cmd\":\"search\",\"text\":\"m\xc3\xbcller\"}"), "messages"),
        0);
    check_text("it is found by its name", text_of(file_of(message), "name"), NAME);
    lab_end(&lab);
}

static void test_parts(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    begin(&lab, 72, &anna, &jonas);
    send_file(anna, JONAS, ",\"set\":\"s1\",\"part\":1,\"of\":2");
    send_file(anna, JONAS, ",\"set\":\"s1\",\"part\":2,\"of\":2");
    work(anna);
    json_t *file = file_of(newest(jonas, ANNA));
    check_row(number_of(file, "part") == 2 && number_of(file, "of") == 2 && strcmp(text_of(file, "set"), "s1") == 0,
        "PROTOCOL §5.8: files that belong together say which of how many they are", "%lld",
        (long long)number_of(file, "part"));
    check_text("a part that cannot be is refused",
        text_of(send_file(anna, JONAS, ",\"set\":\"s1\",\"part\":3,\"of\":2"), "code"), "command.member_wrong");
    lab_end(&lab);
}

/* --- what a hostile server does with the bytes --- */

static const char *fetch_after(struct party *anna, struct party *jonas, void (*change)(struct stored *))
{
    send_file(anna, JONAS, "");
    work(anna);
    change(&web.files[web.count - 1]);
    get_file(jonas, ANNA, text_of(newest(jonas, ANNA), "message"));
    work(jonas);
    return last_transfer(jonas, "reason");
}

static void flip(struct stored *file)
{
    file->bytes[5000] ^= 1;
}

static void truncate_it(struct stored *file)
{
    file->len -= 20;
}

static void grow(struct stored *file)
{
    file->bytes = realloc(file->bytes, file->len + 1);
    file->bytes[file->len++] = 0;
}

static void swap(struct stored *file)
{
    memcpy(file->bytes, web.files[0].bytes, file->len);
}

static void lose(struct stored *file)
{
    file->url[0] = 0;
}

static void leave(struct stored *file)
{
    (void)file;
}

static void test_bytes(void)
{
    static const struct {
        const char *name, *reason;
        void (*change)(struct stored *);
    } rows[] = {
        { "control: as it was put it is taken", "", leave },
        { "XEP-0448 §4: a flipped bit is found, and nothing of the file is seen", "file.not_genuine", flip },
        { "so is an end that is missing", "file.not_genuine", truncate_it },
        { "so is a byte too much", "file.not_genuine", grow },
        { "so is another file of the same length", "file.not_genuine", swap },
        { "a file that is not there any more is gone", "file.gone", lose },
    };
    struct party *anna, *jonas;
    struct lab lab;

    begin(&lab, 73, &anna, &jonas);
    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_text(rows[i].name, fetch_after(anna, jonas, rows[i].change), rows[i].reason);
    lab_end(&lab);
}

/* --- what it does with the slot --- */

static void test_slots(void)
{
    static const struct {
        const char *name;
        struct lie lie;
        const char *reason;
    } rows[] = {
        { "PROTOCOL §5.8: a slot without TLS is not used", { "https://chat", "http://chat" }, "file.address" },
        { "nor one at another host", { "//chat.klinik.example", "//evil.example" }, "file.address" },
        { "nor one whose host only ends like ours", { "//chat.klinik.example", "//evilklinik.example" },
            "file.address" },
        { "nor one that hides its host behind an account", { "//chat.klinik.example", "//klinik.example@evil.example" },
            "file.address" },
        { "a server that takes no files is said so", { "urn:xmpp:http:upload:0", "urn:x:none" }, "file.no_service" },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct party *anna, *jonas;
        struct lab lab;
        struct lie lie = rows[i].lie;

        begin(&lab, 74 + i, &anna, &jonas);
        anna->spy = replace;
        anna->spy_user = &lie;
        send_file(anna, JONAS, "");
        work(anna);
        check_text(rows[i].name, last_transfer(anna, "reason"), rows[i].reason);
        check_row(web.count == 0, "and nothing leaves", "%zu", web.count);
        lab_end(&lab);
    }
}

static void test_limits(void)
{
    struct party *anna, *jonas;
    struct konsil_file file;
    struct lab lab;

    begin(&lab, 81, &anna, &jonas);
    send_file(anna, JONAS, "");
    file = next(anna);
    konsil_file_size(anna->engine, file.transfer, 1ULL << 32, now_of(anna));
    lab_run(&lab, 1000);
    check_text(
        "XEP-0363 §3: what is more than the service takes is refused", last_transfer(anna, "reason"), "file.too_big");
    check_text("with the limit", last_transfer(anna, "detail"), "100.0 MiB");
    check_row(!holds(&anna->sent, "file.bin"), "before the server is asked", "it was asked");
    check_text("to oneself there is no way", text_of(send_file(anna, ANNA, ""), "code"), "message.to_self");
    check_text("of a message without a file there is none to get",
        text_of(get_file(jonas, ANNA, text_of(newest(jonas, ANNA), "message")), "code"), "file.none");
    lab_end(&lab);
}

static void test_names(void)
{
    static const struct {
        const char *name, *save_as;
    } rows[] = {
        { "../../etc/passwd", "_.._etc_passwd" },
        { ".bashrc", "bashrc" },
        { "-rf", "rf" },
        { "..", "file.bin" },
        { "a\xe2\x80\xae"
          "fdp.exe",
            "afdp.exe" },
        { "C:\\\\x.pdf", "C__x.pdf" },
    };
    struct party *anna, *jonas;
    struct lab lab;

    begin(&lab, 82, &anna, &jonas);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        party_do(anna, "{\"id\":\"x\",\"cmd\":\"file_send\",\"to\":\"" JONAS "\",\"path\":\"f\",\"name\":\"%s\"}",
            rows[i].name);
        work(anna);
        check_text("a name becomes one that does no harm on a disk", text_of(file_of(newest(jonas, ANNA)), "save_as"),
            rows[i].save_as);
    }
    lab_end(&lab);
}

/* --- restarts --- */

static void test_restart_up(void)
{
    struct party *anna, *jonas;
    struct konsil_file file;
    uint8_t sealed[1000], second[1000];
    char url[256];
    struct lab lab;

    begin(&lab, 83, &anna, &jonas);
    send_file(anna, JONAS, "");
    file = work_to_put(anna);
    memset(sealed, 'x', sizeof sealed);
    check_row(
        file.kind == KONSIL_FILE_PUT && konsil_file_seal(anna->engine, file.transfer, sealed, sizeof sealed, sealed),
        "(positive control: the bytes begin to go)", "%d", file.kind);
    snprintf(url, sizeof url, "%s", file.url);
    party_crash(anna);
    lab_run(&lab, 3000);
    file = work_to_put(anna);
    memset(second, 'x', sizeof second);
    check_row(file.kind == KONSIL_FILE_PUT && strcmp(url, file.url) != 0,
        "after a crash it is begun anew, in a new slot", "%s", file.url);
    check_row(konsil_file_seal(anna->engine, file.transfer, second, sizeof second, second)
            && memcmp(sealed, second, sizeof second) != 0,
        "DSK II.1-g part (files): and under another key: no nonce serves twice", "the same");
    konsil_file_failed(anna->engine, file.transfer, KONSIL_FILE_NETWORK, 0, now_of(anna));
    lab_run(&lab, 100);
    check_text("a way that breaks is waited for", last_transfer(anna, "state"), "waiting");
    lab_run(&lab, 5000);
    work(anna);
    check_text("and then it arrives", text_of(file_of(newest(jonas, ANNA)), "name"), NAME);
    check_text("once", party_history(jonas, ANNA), "0,1,");
    lab_end(&lab);
}

static void test_restart_down(void)
{
    struct party *anna, *jonas;
    struct konsil_file file, again;
    struct lab lab;
    char path[64];

    begin(&lab, 84, &anna, &jonas);
    send_file(anna, JONAS, "");
    work(anna);
    get_file(jonas, ANNA, text_of(newest(jonas, ANNA), "message"));
    file = next(jonas);
    snprintf(path, sizeof path, "%s", file.path);
    check_row(file.kind == KONSIL_FILE_GET && file.bytes == 100016, "a file is fetched", "%d", file.kind);
    party_crash(jonas);
    lab_run(&lab, 3000);
    again = next(jonas);
    check_row(again.kind == KONSIL_FILE_GET && again.transfer == file.transfer && strcmp(path, again.path) == 0
            && again.bytes == 100016,
        "after a crash it is fetched on, under the same number", "%d", again.kind);
    get(jonas, &again);
    lab_run(&lab, 1000);
    check_text("to its end", last_transfer(jonas, "state"), "done");
    lab_end(&lab);
}

static void test_cancel(void)
{
    struct party *anna, *jonas;
    struct konsil_file file;
    struct lab lab;

    begin(&lab, 85, &anna, &jonas);
    send_file(anna, JONAS, "");
    file = work_to_put(anna);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"file_cancel\",\"transfer\":%llu}", (unsigned long long)file.transfer);
    check_text("what is given up has failed", last_transfer(anna, "reason"), "file.cancelled");
    check_row(next(anna).kind == KONSIL_FILE_STOP, "the host is told to stop", "it is not");
    konsil_file_stored(anna->engine, file.transfer, now_of(anna));
    lab_run(&lab, 2000);
    check_text("and nothing comes of it", party_history(jonas, ANNA), "0,1");
    lab_end(&lab);
}

/* --- taken back --- */

#define PICTURE "Kanarienbild klein" /* what a small picture holds, and how a command says it */
#define PICTURE_CODED "S2FuYXJpZW5iaWxkIGtsZWlu"

static void test_retracted(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    char *id, *url;

    begin(&lab, 86, &anna, &jonas);
    send_file(anna, JONAS, ",\"thumbnail\":\"" PICTURE_CODED "\",\"thumbnail_type\":\"image/jpeg\"");
    work(anna);
    id = strdup(text_of(newest(jonas, ANNA), "message"));
    url = strdup(web.files[0].url);
    check_row(device_holds(anna, url) && device_holds(jonas, url) && device_holds(jonas, NAME),
        "(positive control: both devices know where the file lies, and its name)", "they do not");
    check_row(device_holds(anna, PICTURE) && device_holds(jonas, PICTURE),
        "(positive control: both devices have the small picture of it)", "they have not");
    get_file(jonas, ANNA, id);
    check_row(next(jonas).kind == KONSIL_FILE_GET, "(positive control: it is being fetched)", "it is not");
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"retract\",\"conversation\":\"" JONAS "\",\"message\":\"%s\"}", id);
    lab_run(&lab, 10000);
    check_text("PROTOCOL §5.5: who is fetching it stops", last_transfer(jonas, "reason"), "message.retracted");
    check_row(next(jonas).kind == KONSIL_FILE_STOP, "and the host with it", "it does not");
    check_row(!device_holds(jonas, url) && !device_holds(jonas, NAME),
        "DSK I.7-a: the recipient's store has neither its key nor its name any more", "it has");
    check_row(!device_holds(anna, url) && !device_holds(anna, NAME), "DSK I.7-a: nor has the author's", "it has");
    for (size_t i = 0; i < 2; i++) {
        struct party *party = i ? anna : jonas;
        check_row(!device_holds(party, PICTURE) && !device_holds(party, PICTURE_CODED),
            "DSK I.7-a in full: and the small picture of the file is in the store of neither", "it is in %s's",
            party->jid);
    }
    check_row(ks_str_find(ks_buf_str(&anna->sent), KS_STR("<slot url='")) < anna->sent.len && holds(&anna->sent, url),
        "PROTOCOL §3.4: the author asks the server to delete the file", "no request");
    free(id);
    free(url);
    lab_end(&lab);
}

/* --- older programs --- */

static void test_older(void)
{
    static const char uri[] = "aesgcm://chat.klinik.example/files/0123/scan.jpg#"
                              "000102030405060708090a0b"
                              "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    struct party *anna, *jonas;
    json_t *message;
    struct lab lab;

    begin(&lab, 87, &anna, &jonas);
    (void)party_send(anna, JONAS, uri);
    lab_run(&lab, 3000);
    message = newest(jonas, ANNA);
    check_text(
        "XEP-0454: a text that is an aesgcm:// address is a file", text_of(file_of(message), "save_as"), "scan.jpg");
    check_text("and its key is shown to nobody", text_of(message, "body"), "");
    (void)party_send(anna, JONAS, "siehe aesgcm://chat.klinik.example/x");
    lab_run(&lab, 3000);
    check_row(!json_object_get(newest(jonas, ANNA), "files"), "one that has one in it is a text", "a file");
    lab_end(&lab);
}

static void test_other_hosts(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    begin(&lab, 88, &anna, &jonas);
    (void)party_send(anna, JONAS,
        "aesgcm://tracker.example/x.jpg#000102030405060708090a0b"
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    lab_run(&lab, 3000);
    get_file(jonas, ANNA, text_of(newest(jonas, ANNA), "message"));
    check_row(
        next(jonas).kind == 0, "PROTOCOL §5.8: an author cannot make readers ask any host that he likes", "asked");
    check_text("and they are told", last_transfer(jonas, "reason"), "file.address");
    lab_end(&lab);
}

/* --- rooms --- */

static void test_room(void)
{
    struct ward ward;
    json_t *message;

    ward_begin(&ward, 89);
    forget_web();
    file_len = 5;
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    send_file(ward.anna, ward.room, ",\"caption\":\"Visite\"");
    work(ward.anna);
    lab_run(&ward.lab, 5000);
    message = newest(ward.mira2, ward.room);
    check_text("each device of each member is told", text_of(file_of(message), "name"), NAME);
    check_text("so are the author's own others", text_of(file_of(newest(ward.anna2, ward.room)), "name"), NAME);
    get_file(ward.jonas, ward.room, text_of(message, "message"));
    work(ward.jonas);
    check_text("and fetches it", last_transfer(ward.jonas, "state"), "done");
    ward_end(&ward);
}

/* Two keep what a room's message with a file was: each may be lost on the way, and is asked by itself. */
struct deletion {
    bool deaf;
    size_t items, slots; /* answers that said that it was found */
};

/* True if an answer says of something with this name that it was found. */
static bool says_found(struct ks_str answer, const char *name)
{
    struct ks_str element = ks_str_from(answer, ks_str_find(answer, ks_str_z(name)));

    element = ks_str_head(element, ks_str_find_byte(element, '>'));
    return ks_str_find(element, KS_STR("found='true'")) < element.len;
}

static bool hear(struct party *party, struct ks_str *stanza, void *user)
{
    struct deletion *deletion = user;
    bool slots = ks_str_find(*stanza, KS_STR("<slot ")) < stanza->len;

    (void)party;
    if (ks_str_find(*stanza, KS_STR("urn:konsil:erase:0")) == stanza->len)
        return true;
    deletion->items += says_found(*stanza, "<item ");
    deletion->slots += says_found(*stanza, "<slot ");
    return !slots || !deletion->deaf;
}

static void test_room_retracted(void)
{
    struct deletion deletion = { .deaf = true };
    struct ward ward;
    size_t mark;
    char *id;

    ward_begin(&ward, 90);
    forget_web();
    file_len = 5;
    ward_room(&ward, "\"" JONAS "\"");
    send_file(ward.anna, ward.room, "");
    work(ward.anna);
    lab_run(&ward.lab, 5000);
    id = strdup(text_of(newest(ward.jonas, ward.room), "message"));
    check_row(
        device_holds(ward.anna, web.files[0].url), "(positive control: its author knows its address)", "she does not");
    ward.anna->spy = hear;
    ward.anna->spy_user = &deletion;
    party_do(ward.anna, "{\"id\":\"x\",\"cmd\":\"retract\",\"conversation\":\"%s\",\"message\":\"%s\"}", ward.room, id);
    lab_run(&ward.lab, 20000);
    check_row(deletion.items == 1 && deletion.slots == 1,
        "DSK I.7-a: the room deletes the message, and the author's server the file", "%zu and %zu", deletion.items,
        deletion.slots);
    deletion.deaf = false;
    mark = ward.anna->sent.len;
    party_crash(ward.anna);
    lab_run(&ward.lab, 20000);
    check_row(
        ks_str_find(ks_str_from(ks_buf_str(&ward.anna->sent), mark), KS_STR("<slot ")) < ward.anna->sent.len - mark
            && ks_str_find(ks_str_from(ks_buf_str(&ward.anna->sent), mark), KS_STR("<item "))
                == ward.anna->sent.len - mark,
        "PROTOCOL §3.4: which of both did not answer is asked again, and only that", "it is not");
    check_row(!device_holds(ward.anna, web.files[0].url),
        "DSK I.7-a: and then nothing of the author's knows where it lay", "it does");
    free(id);
    ward_end(&ward);
}

static void test_moderated(void)
{
    struct ward ward;
    char *id, *url;
    size_t sent, sent2;

    ward_begin(&ward, 90);
    forget_web();
    file_len = 5;
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    send_file(ward.jonas, ward.room, "");
    work(ward.jonas);
    lab_run(&ward.lab, 15000);
    id = strdup(text_of(newest(ward.mira, ward.room), "message"));
    url = strdup(web.files[0].url);
    sent = ward.jonas->sent.len;
    sent2 = ward.jonas2->sent.len;
    check_row(device_holds(ward.mira, url) && device_holds(ward.jonas, url),
        "(positive control: members know where a file lies)", "they do not");
    party_do(ward.anna, "{\"id\":\"x\",\"cmd\":\"moderate\",\"room\":\"%s\",\"message\":\"%s\"}", ward.room, id);
    lab_run(&ward.lab, 15000);
    check_row(!device_holds(ward.mira, url) && !device_holds(ward.jonas, url) && !device_holds(ward.anna, url)
            && !device_holds(ward.mira, NAME),
        "XEP-0425: with a message that an owner takes out goes what is known of its files", "it stays");
    check_row(ks_str_find(ks_str_from(ks_buf_str(&ward.jonas->sent), sent), ks_str_z(url)) < ward.jonas->sent.len - sent
            && ks_str_find(ks_str_from(ks_buf_str(&ward.jonas2->sent), sent2), ks_str_z(url))
                == ward.jonas2->sent.len - sent2,
        "PROTOCOL §5.5: and the device that sent them asks the server to delete them", "no request, or two");
    free(id);
    free(url);
    ward_end(&ward);
}

int main(void)
{
    test_there_and_back();
    test_parts();
    test_bytes();
    test_slots();
    test_limits();
    test_names();
    test_restart_up();
    test_restart_down();
    test_cancel();
    test_retracted();
    test_older();
    test_other_hosts();
    test_room();
    test_room_retracted();
    test_moderated();
    forget_web();
    return check_done();
}
