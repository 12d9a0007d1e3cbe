/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Files on their way: when they are asked for again, where none can go, and what devices of the older OMEMO get. */
#include "file_host.h"

/* --- again, after a while --- */

/* How long it takes from a break, with so many bytes here, until the file is asked for again. */
static int64_t pause_after(struct party *party, uint64_t number, uint64_t bytes)
{
    struct konsil_file file = { 0 };
    int64_t start = party->lab->host->now.mono_ms;

    konsil_file_moved(party->engine, number, bytes, now_of(party));
    konsil_file_failed(party->engine, number, KONSIL_FILE_NETWORK, 0, now_of(party));
    for (int i = 0; i < 1000 && file.kind != KONSIL_FILE_GET; i++)
        file = next(party);
    return party->lab->host->now.mono_ms - start;
}

static void test_pauses(void)
{
    struct party *anna, *jonas;
    struct konsil_file file;
    int64_t pauses[5];
    bool grow = true;
    struct lab lab;

    begin(&lab, 91, &anna, &jonas);
    send_file(anna, JONAS, "");
    work(anna);
    get_file(jonas, ANNA, text_of(newest(jonas, ANNA), "message"));
    file = next(jonas);
    for (size_t i = 0; i < KS_COUNT(pauses); i++)
        pauses[i] = pause_after(jonas, file.transfer, 5000);
    for (size_t i = 1; i < KS_COUNT(pauses); i++)
        grow = grow && pauses[i] >= 2 * pauses[i - 1] - 1500;
    check_row(grow && pauses[0] < 4000, "konsil.h: a download that comes no further is asked for in growing pauses",
        "%lld, %lld, …, %lld ms", (long long)pauses[0], (long long)pauses[1], (long long)pauses[4]);
    check_row(pause_after(jonas, file.transfer, 6000) < 4000, "one that came further begins with a short one again",
        "it does not");
    lab_end(&lab);
}

/* --- where nothing can be said --- */

static const char *refusal(struct party *party, const char *room)
{
    return text_of(send_file(party, room, ""), "code");
}

static void test_closed(void)
{
    struct ward ward;
    size_t asked;

    ward_begin(&ward, 92);
    forget_web();
    file_len = 5;
    ward_room(&ward, "\"" JONAS "\",\"" MIRA "\"");
    check_text("(positive control: a member sends a file)", refusal(ward.mira, ward.room), "");
    work(ward.mira);
    check_row(web.count == 1, "(positive control: and it is put)", "%zu", web.count);
    send_file(ward.jonas, ward.room, "");
    check_row(good(ask(ward.jonas, "{\"id\":\"r\",\"cmd\":\"room_leave\",\"room\":\"%s\"}", ward.room)),
        "(positive control: he leaves)", "he cannot");
    check_text(
        "a file that waits for a room one has left has failed", last_transfer(ward.jonas, "reason"), "room.not_member");
    asked = ward.jonas->sent.len;
    check_text(
        "PROTOCOL §9: to a room that was left no file is taken", refusal(ward.jonas, ward.room), "room.not_member");
    work(ward.jonas);
    check_row(ks_str_find(ks_str_from(ks_buf_str(&ward.jonas->sent), asked), KS_STR("http:upload"))
                == ward.jonas->sent.len - asked
            && web.count == 1,
        "and nothing is put anywhere", "%zu", web.count);
    ward_end(&ward);
}

/* --- what is not there any more --- */

struct find {
    char key[1024];
    size_t len;
};

static bool find_files(void *user, struct ks_str key, struct ks_str value)
{
    struct find *find = user;

    if (ks_str_find(value, KS_STR(NAME)) == value.len || key.len > sizeof find->key)
        return true;
    memcpy(find->key, key.ptr, key.len);
    find->len = key.len;
    return false;
}

static void test_gone(void)
{
    struct party *anna, *jonas;
    struct find find = { .len = 0 };
    struct konsil_file file;
    struct lab lab;

    begin(&lab, 93, &anna, &jonas);
    send_file(anna, JONAS, "");
    work(anna);
    get_file(jonas, ANNA, text_of(newest(jonas, ANNA), "message"));
    file = next(jonas);
    check_row(file.kind == KONSIL_FILE_GET, "(positive control: it is being fetched)", "%d", file.kind);
    if (jonas->store->ops->scan(jonas->store, KS_T_MESSAGE, KS_STR_EMPTY, KS_STR_EMPTY, false, find_files, &find)
            != KS_OK
        || !find.len || jonas->store->ops->begin(jonas->store) != KS_OK
        || jonas->store->ops->del(jonas->store, KS_T_MESSAGE, ks_str(find.key, find.len)) != KS_OK
        || jonas->store->ops->commit(jonas->store) != KS_OK)
        abort();
    party_crash(jonas);
    lab_run(&lab, 3000);
    check_row(next(jonas).kind == KONSIL_FILE_STOP,
        "PROTOCOL §5.5: what an earlier try left of a file whose message is gone is removed", "it is not");
    lab_end(&lab);
}

/* --- of which nobody said how long it is --- */

static void test_endless(void)
{
    struct party *anna, *jonas;
    struct konsil_file file;
    struct lab lab;

    begin(&lab, 94, &anna, &jonas);
    send_file(anna, JONAS, "");
    work(anna);
    get_file(jonas, ANNA, text_of(newest(jonas, ANNA), "message"));
    file = next(jonas);
    konsil_file_failed(jonas->engine, file.transfer, KONSIL_FILE_TOO_BIG, 0, now_of(jonas));
    lab_run(&lab, 100);
    check_text("XEP-0448 §4: more than the author said is not what he sent", last_transfer(jonas, "reason"),
        "file.not_genuine");
    (void)party_send(anna, JONAS,
        "aesgcm://chat.klinik.example/x.jpg#000102030405060708090a0b"
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    lab_run(&lab, 3000);
    get_file(jonas, ANNA, text_of(newest(jonas, ANNA), "message"));
    do
        file = next(jonas);
    while (file.kind == KONSIL_FILE_STOP);
    check_row(file.kind == KONSIL_FILE_GET && file.bytes == 0, "XEP-0454: of such a file nobody knows how long it is",
        "%llu", (unsigned long long)file.bytes);
    konsil_file_failed(jonas->engine, file.transfer, KONSIL_FILE_TOO_BIG, 0, now_of(jonas));
    lab_run(&lab, 100);
    check_text("and one without an end is not called forged", last_transfer(jonas, "reason"), "file.endless");
    lab_end(&lab);
}

/* --- devices of the older OMEMO --- */

static void test_older(void)
{
    struct lie only_older = { "urn:xmpp:omemo:2", "urn:xmpp:omemo:9" };
    struct party *anna, *jonas;
    json_t *messages, *message, *file;
    struct ks_str sent;
    struct lab lab;
    size_t mark;

    lab_two(&lab, 95, &anna, &jonas);
    anna->spy = jonas->spy = replace;
    anna->spy_user = jonas->spy_user = &only_older;
    party_connect(anna);
    party_connect(jonas);
    lab_run(&lab, 3000);
    file_len = 100000;
    forget_web();
    mark = anna->sent.len;
    send_file(anna, JONAS, ",\"caption\":\"Bitte ansehen\"");
    work(anna);
    lab_run(&lab, 5000);
    sent = ks_str_from(ks_buf_str(&anna->sent), mark);
    check_row(ks_str_find(sent, KS_STR("<encrypted xmlns='eu.siacs.conversations.axolotl'")) < sent.len
            && ks_str_find(sent, KS_STR("<encrypted xmlns='urn:xmpp:omemo:2'")) == sent.len,
        "(positive control: the reader's device speaks the older OMEMO alone)", "it does not");
    messages = json_object_get(party_do(jonas, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"" ANNA "\"}"), "messages");
    message = json_array_get(messages, 0);
    file = file_of(message);
    check_row(file && !json_object_get(file, "size") && strcmp(text_of(file, "save_as"), "file.bin") == 0,
        "XEP-0454: to a device of the older OMEMO a file goes as its aesgcm:// address alone: no name, no size",
        "\"%s\", \"%s\"", text_of(file, "name"), text_of(message, "body"));
    check_row(json_array_size(messages) == 2 && !json_object_get(json_array_get(messages, 1), "files")
            && strcmp(text_of(json_array_get(messages, 1), "body"), "Bitte ansehen") == 0,
        "PROTOCOL §5.8: a text that went with it is a message of its own", "%zu messages", json_array_size(messages));
    get_file(jonas, ANNA, text_of(message, "message"));
    work(jonas);
    check_text("XEP-0454: which has the place and the key of the bytes", last_transfer(jonas, "state"), "done");
    lab_end(&lab);
}

int main(void)
{
    test_pauses();
    test_closed();
    test_gone();
    test_endless();
    test_older();
    forget_web();
    return check_done();
}
