/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "engine_stories.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"
#define CLARA "clara@klinik.example"

/* What a story ends with: NULL if all went as it should; else what came of it, good until the next story's end. */
static const char *went(bool well, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *went(bool well, const char *format, ...)
{
    static char text[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return well ? NULL : text;
}

static void begin(struct lab *lab, struct party **anna, struct party **jonas)
{
    lab_two(lab, 1, anna, jonas);
    party_connect(*anna);
    party_connect(*jonas);
    lab_run(lab, 1000);
}

/* Login, the first message each way, and everything that may happen to a message; then one goes away and comes back. */
static const char *play_talk(struct lab *lab)
{
    struct party *anna, *jonas;
    const char *id, *answer;

    begin(lab, &anna, &jonas);
    id = party_send(anna, JONAS, "Bett 12, Grüße");
    lab_run(lab, 15000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"settings\",\"tell_read\":true}");
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"mark_read\",\"conversation\":\"" ANNA "\"}");
    lab_run(lab, 15000);
    answer =
        text_of(party_do(jonas,
                    "{\"id\":\"x\",\"cmd\":\"send\",\"to\":\"" ANNA "\",\"body\":\"danke\",\"reply_to\":\"%s\"}", id),
            "message");
    lab_run(lab, 1000);
    party_do(anna,
        "{\"id\":\"x\",\"cmd\":\"edit\",\"conversation\":\"" JONAS "\",\"message\":\"%s\",\"body\":\"Bett 13\"}", id);
    party_do(anna,
        "{\"id\":\"x\",\"cmd\":\"react\",\"conversation\":\"" JONAS "\",\"message\":\"%s\",\"emoji\":[\"👍\"]}", answer);
    lab_run(lab, 1000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"retract\",\"conversation\":\"" ANNA "\",\"message\":\"%s\"}", answer);
    lab_run(lab, 1000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"attention\",\"active\":false}");
    lab_run(lab, 1000);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    lab_run(lab, 1000);
    (void)party_send(anna, JONAS, "eins");
    (void)party_send(anna, JONAS, "zwei");
    lab_run(lab, 20000);
    party_restart(jonas);
    lab_run(lab, 15000);
    party_cut(anna);
    (void)party_send(jonas, ANNA, "drei");
    lab_run(lab, 60000);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"nonsense\"}");
    return went(strcmp(party_history(anna, JONAS), "Bett 13,-,eins,zwei,drei") == 0
            && strcmp(party_history(jonas, ANNA), "Bett 13,-,eins,zwei,drei") == 0,
        "%s; %s", party_history(anna, JONAS), party_history(jonas, ANNA));
}

/* Alters one message on its way, in the middle of <payload/>. */
static bool flip_once(struct party *party, struct ks_str *stanza, void *user)
{
    bool *armed = user;
    size_t at = ks_str_find(*stanza, KS_STR("<payload>")) + 20;
    struct ks_str copy;

    if (!*armed || at >= stanza->len || ks_arena_copy(&party->lab->kept, *stanza, &copy) != KS_OK)
        return true;
    *armed = false;
    ((char *)(uintptr_t)copy.ptr)[at] = copy.ptr[at] == 'A' ? 'B' : 'A';
    *stanza = copy;
    return true;
}

/* One message cannot be read, and is handed in again. */
static const char *play_repair(struct lab *lab)
{
    struct party *anna, *jonas;
    bool armed = false;

    begin(lab, &anna, &jonas);
    jonas->spy = flip_once;
    jonas->spy_user = &armed;
    (void)party_send(anna, JONAS, "0");
    lab_run(lab, 1000);
    (void)party_send(jonas, ANNA, "a");
    lab_run(lab, 30000);
    armed = true;
    (void)party_send(anna, JONAS, "1");
    lab_run(lab, 60000);
    (void)party_send(anna, JONAS, "2");
    lab_run(lab, 60000);
    return went(!armed && strcmp(party_history(jonas, ANNA), "0,a,1,2") == 0, "%s", party_history(jonas, ANNA));
}

#define ROOM_CREATE "{\"cmd\":\"room_create\",\"title\":\"Visite\",\"members\":[\"" JONAS "\"]}"

/* A command that a server decides about; and what follows. */
static void do_later(struct party *party, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void do_later(struct party *party, const char *format, ...)
{
    char text[512];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    konsil_command(party->engine, text, (size_t)len,
        (struct konsil_now) { party->lab->host->now.mono_ms, party->lab->host->now.wall_ms });
    lab_run(party->lab, 15000);
}

/* A room: founded, talked in, called otherwise; a member leaves it, is added again, and removed. */
static const char *play_room(struct lab *lab)
{
    struct party *anna, *jonas;
    const char *room;

    begin(lab, &anna, &jonas);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"contacts\"}");
    konsil_command(anna->engine, ROOM_CREATE, sizeof(ROOM_CREATE) - 1,
        (struct konsil_now) { lab->host->now.mono_ms, lab->host->now.wall_ms });
    lab_run(lab, 20000);
    room = text_of(json_object_get(party_event(jonas, "room", 0, 0), "room"), "room");
    (void)party_send(anna, room, "Bett 12");
    lab_run(lab, 15000);
    (void)party_send(jonas, room, "ja");
    lab_run(lab, 15000);
    do_later(anna, "{\"cmd\":\"room_rename\",\"room\":\"%s\",\"title\":\"Abend\"}", room);
    party_do(jonas, "{\"id\":\"x\",\"cmd\":\"members\",\"room\":\"%s\"}", room);
    do_later(jonas, "{\"cmd\":\"room_leave\",\"room\":\"%s\"}", room);
    (void)party_send(anna, room, "allein");
    lab_run(lab, 15000);
    do_later(anna, "{\"cmd\":\"room_add\",\"room\":\"%s\",\"members\":[\"" JONAS "\"]}", room);
    (void)party_send(anna, room, "wieder da");
    lab_run(lab, 15000);
    do_later(anna, "{\"cmd\":\"room_remove\",\"room\":\"%s\",\"member\":\"" JONAS "\"}", room);
    (void)party_send(anna, room, "ohne ihn");
    lab_run(lab, 30000);
    return went(strcmp(party_history(anna, room), "Bett 12,ja,allein,wieder da,ohne ihn") == 0
            && strcmp(party_history(jonas, room), "Bett 12,ja,wieder da") == 0,
        "%s; %s", party_history(anna, room), party_history(jonas, room));
}

/* --- files --- */

#define FILE_LEN 300
#define PIECE_LEN 160

static uint8_t sealed[FILE_LEN + 16]; /* what lies with the server */

static struct konsil_now now_of(const struct party *party)
{
    return (struct konsil_now) { party->lab->host->now.mono_ms, party->lab->host->now.wall_ms };
}

static struct konsil_file next_file(struct party *party)
{
    struct konsil_file file = { 0 };

    lab_run(party->lab, 1000);
    return konsil_next_file(party->engine, &file) ? file : (struct konsil_file) { 0 };
}

static bool put(struct party *party, uint64_t transfer)
{
    bool good = true;

    memset(sealed, 'b', FILE_LEN);
    for (size_t at = 0; at < FILE_LEN; at += PIECE_LEN) {
        size_t len = at + PIECE_LEN < FILE_LEN ? PIECE_LEN : FILE_LEN - at;

        good = konsil_file_seal(party->engine, transfer, sealed + at, len, sealed + at) && good;
        konsil_file_moved(party->engine, transfer, at + len, now_of(party));
    }
    return konsil_file_seal_end(party->engine, transfer, sealed + FILE_LEN) && good;
}

static bool fetch(struct party *party, uint64_t transfer)
{
    bool good = konsil_file_check_begin(party->engine, transfer, sizeof(sealed));
    uint8_t bytes[FILE_LEN + 16];
    size_t all = 0, len;

    for (size_t at = 0; at < sizeof(sealed) && good; at += PIECE_LEN)
        good = konsil_file_check(
            party->engine, transfer, sealed + at, at + PIECE_LEN < sizeof(sealed) ? PIECE_LEN : sizeof(sealed) - at);
    good = good && konsil_file_check_end(party->engine, transfer);
    for (size_t at = 0; at < sizeof(sealed) && good; at += PIECE_LEN, all += len)
        good = konsil_file_open(party->engine, transfer, sealed + at,
            at + PIECE_LEN < sizeof(sealed) ? PIECE_LEN : sizeof(sealed) - at, bytes + all, &len);
    return good && konsil_file_open_end(party->engine, transfer) && all == FILE_LEN && bytes[FILE_LEN - 1] == 'b';
}

/* The host does what it is asked for until there is nothing more. How many files were sent and fetched. */
static size_t move_files(struct party *party)
{
    struct konsil_file file;
    size_t done = 0;

    while ((file = next_file(party)).kind) {
        if (file.kind == KONSIL_FILE_LOOK) {
            konsil_file_size(party->engine, file.transfer, FILE_LEN, now_of(party));
        } else if (file.kind == KONSIL_FILE_PUT && put(party, file.transfer)) {
            konsil_file_stored(party->engine, file.transfer, now_of(party));
            done++;
        } else if (file.kind == KONSIL_FILE_GET && fetch(party, file.transfer)) {
            konsil_file_saved(party->engine, file.transfer, "/home/jonas/bild.png", now_of(party));
            done++;
        } else if (file.kind == KONSIL_FILE_GET) {
            konsil_file_failed(party->engine, file.transfer, KONSIL_FILE_NOT_GENUINE, 0, now_of(party));
        }
    }
    return done;
}

static const char *newest(struct party *party, const char *with)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"%s\",\"limit\":1}", with);

    return text_of(json_array_get(json_object_get(event, "messages"), 0), "message");
}

static void file_get(struct party *party, const char *message)
{
    do_later(party, "{\"cmd\":\"file_get\",\"conversation\":\"" ANNA "\",\"message\":\"%s\",\"path\":\"/home/jonas/\"}",
        message);
}

/* A file is sent and fetched; another one comes altered; one is on its way when its author takes it back, and one when
 * the network breaks. */
static const char *play_files(struct lab *lab)
{
    struct party *anna, *jonas;
    struct konsil_file file;
    size_t sent = 0, fetched = 0;
    const char *message;

    begin(lab, &anna, &jonas);
    (void)party_send(anna, JONAS, "0");
    lab_run(lab, 1000);
    (void)party_send(jonas, ANNA, "1");
    lab_run(lab, 15000);
    do_later(anna,
        "{\"cmd\":\"file_send\",\"to\":\"" JONAS "\",\"path\":\"/home/anna/bild.png\",\"name\":\"Röntgenbild.png\","
        "\"type\":\"image/png\",\"caption\":\"Bett 12\",\"width\":40,\"height\":30}");
    sent += move_files(anna);
    message = newest(jonas, ANNA);
    file_get(jonas, message);
    fetched += move_files(jonas);
    sealed[7] ^= 1;
    file_get(jonas, message);
    fetched += move_files(jonas);
    sealed[7] ^= 1;
    file_get(jonas, message);
    file = next_file(jonas);
    do_later(anna, "{\"cmd\":\"retract\",\"conversation\":\"" JONAS "\",\"message\":\"%s\"}", message);
    fetched += move_files(jonas);
    do_later(anna,
        "{\"cmd\":\"file_send\",\"to\":\"" JONAS "\",\"path\":\"/home/anna/bericht.pdf\",\"name\":\"bericht.pdf\"}");
    file = next_file(anna);
    konsil_file_size(anna->engine, file.transfer, FILE_LEN, now_of(anna));
    file = next_file(anna);
    konsil_file_failed(anna->engine, file.transfer, KONSIL_FILE_NETWORK, 503, now_of(anna));
    lab_run(lab, 20000);
    sent += move_files(anna);
    return went(sent == 2 && fetched == 1 && strcmp(party_history(jonas, ANNA), "0,1,-,") == 0,
        "%zu sent, %zu fetched; %s", sent, fetched, party_history(jonas, ANNA));
}

/* --- logging in --- */

static bool sent(const struct party *party, const char *text)
{
    return ks_str_find(ks_buf_str(&party->sent), ks_str_z(text)) < party->sent.len;
}

/* The server does not know the token any more. */
static bool refuse_token(struct party *party, struct ks_str *stanza, void *user)
{
    (void)user;
    if (!ks_str_starts(*stanza, KS_STR("<success xmlns='urn:xmpp:sasl:2'>")))
        return true;
    *stanza = KS_STR("<failure xmlns='urn:xmpp:sasl:2'><credentials-expired "
                     "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>");
    party->spy = NULL;
    return true;
}

/* It is older than SASL2: the element is another one, of which nobody knows anything. */
static bool hide_sasl2(struct party *party, struct ks_str *stanza, void *user)
{
    struct ks_str name = KS_STR("<authentication xmlns='urn:xmpp:sasl:2'");
    size_t at = ks_str_find(*stanza, name);
    struct ks_str joined;

    (void)user;
    if (at < stanza->len
        && ks_arena_join(&party->lab->kept,
               (struct ks_str[]) { ks_str_head(*stanza, at), KS_STR("<authentication xmlns='urn:xmpp:sasl:9'"),
                   ks_str_from(*stanza, at + name.len) },
               3, &joined)
            == KS_OK)
        *stanza = joined;
    return true;
}

static void go_and_come(struct party *party)
{
    do_later(party, "{\"cmd\":\"disconnect\"}");
    do_later(party, "{\"cmd\":\"connect\"}");
}

/* Every way in: a wrong password, the right one in the older profile and in SASL2, a token, a resumption by it, the
 * password after it, and a certificate in both profiles. */
static const char *play_login(struct lab *lab)
{
    const struct ks_tls_certificate certificate = {
        .end_ms = INT64_MAX, .count = 1, .addresses = { KS_STR_INIT(ANNA) }
    };
    struct party *anna, *jonas;

    lab_two(lab, 2, &anna, &jonas);
    do_later(anna, "{\"cmd\":\"connect\",\"jid\":\"" ANNA "\",\"password\":\"b-password\"}");
    anna->spy = hide_sasl2;
    party_connect(anna);
    lab_run(lab, 5000);
    anna->spy = NULL;
    go_and_come(anna);
    party_cut(anna);
    lab_run(lab, 5000);
    party_reborn(anna);
    do_later(anna, "{\"cmd\":\"connect\"}");
    anna->spy = refuse_token;
    go_and_come(anna);
    do_later(anna, "{\"cmd\":\"disconnect\"}");
    anna->certificate = &certificate;
    party_reborn(anna);
    do_later(anna, "{\"cmd\":\"connect\",\"jid\":\"" ANNA "\"}");
    anna->spy = hide_sasl2;
    go_and_come(anna);
    return went(party_count(anna, "ready", 0) == 7 && sent(anna, "mechanism='HT-SHA-256-EXPR'")
            && sent(anna, "<resume ") && sent(anna, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='EXTERNAL'")
            && sent(anna, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256-PLUS'")
            && sent(anna, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'"),
        "ready %zu times", party_count(anna, "ready", 0));
}

/* Clara has an invitation, and with it an account; a second use of it is in vain. */
static const char *play_invite(struct lab *lab)
{
    struct party *anna, *jonas, *clara;
    const char *link;
    char uri[256];

    lab_two(lab, 3, &anna, &jonas);
    clara = lab_party(lab, CLARA, "ein Kennwort");
    party_connect(anna);
    link = strstr(lab_control(lab, "{\"v\":1,\"command\":\"user.invite\",\"args\":{\"jid\":\"" CLARA "\"}}"), "xmpp:");
    snprintf(uri, sizeof(uri), "%.*s", link ? (int)strcspn(link, "\"") : 0, link ? link : "");
    do_later(clara, "{\"cmd\":\"connect\",\"invite\":\"xmpp:klinik.example\",\"password\":\"ein Kennwort\"}");
    do_later(clara, "{\"cmd\":\"connect\",\"invite\":\"%s\",\"password\":\"kurz\"}", uri);
    do_later(clara, "{\"cmd\":\"connect\",\"invite\":\"%s\",\"password\":\"ein Kennwort\",\"remember\":true}", uri);
    (void)party_send(anna, CLARA, "Willkommen");
    lab_run(lab, 15000);
    (void)party_send(clara, ANNA, "Danke");
    lab_run(lab, 15000);
    party_restart(clara);
    lab_run(lab, 5000);
    do_later(clara, "{\"cmd\":\"disconnect\"}");
    do_later(clara, "{\"cmd\":\"connect\",\"invite\":\"%s\",\"password\":\"kein Kennwort\"}", uri);
    return went(party_count(clara, "ready", 0) == 2 && strcmp(party_history(clara, ANNA), "Willkommen,Danke") == 0,
        "ready %zu times; %s", party_count(clara, "ready", 0), party_history(clara, ANNA));
}

/* --- what the server says of itself, and lets people do --- */

#define ADD "http://jabber.org/protocol/admin#add-user"

static const char *task(struct party *party)
{
    do_later(party, "{\"cmd\":\"task\",\"task\":\"" ADD "\"}");
    return text_of(party_event(party, "task", 0, party_count(party, "task", 0) - 1), "session");
}

/* Tasks with forms, given up, answered badly and answered well; addresses and policy; servers for calls; an outage. */
static const char *play_service(struct lab *lab)
{
    struct party *anna, *jonas;

    lab_two(lab, 4, &anna, &jonas);
    lab_option(lab, "admin.accounts", "anna");
    lab_option(lab, "contact.support", "tel:+49-7071-0");
    lab_option(lab, "privacy.tos", "https://klinik.example/nutzung");
    lab_option(lab, "outage.addresses", "https://status.example/klinik.json");
    lab_option(lab, "services.uris", "stun:stun.klinik.example turn:relay.klinik.example");
    lab_option(lab, "services.secret", "ein Geheimnis");
    party_connect(anna);
    lab_run(lab, 1000);
    do_later(anna, "{\"cmd\":\"tasks\"}");
    do_later(anna, "{\"cmd\":\"task\",\"task\":\"" ADD "\",\"session\":\"%s\",\"action\":\"cancel\"}", task(anna));
    for (int again = 0; again < 2; again++)
        do_later(anna,
            "{\"cmd\":\"task\",\"task\":\"" ADD "\",\"session\":\"%s\",\"answers\":["
            "{\"var\":\"accountjid\",\"values\":[\"nora@klinik.example\"]},"
            "{\"var\":\"password\",\"values\":[\"ganz geheim\"]},"
            "{\"var\":\"password-verify\",\"values\":[\"%s\"]}]}",
            task(anna), again ? "ganz geheim" : "ganz anders");
    do_later(anna, "{\"cmd\":\"server_info\"}");
    do_later(anna, "{\"cmd\":\"services\"}");
    anna->cut = true;
    party_cut(anna);
    lab_run(lab, 120000);
    do_later(anna,
        "{\"cmd\":\"outage_status\",\"text\":\"{\\\"planned\\\":true,\\\"beginning\\\":\\\"2026-11-22T01:00:00Z\\\","
        "\\\"message\\\":{\\\"default\\\":\\\"Wartung\\\",\\\"en\\\":\\\"Maintenance\\\"}}\"}");
    do_later(anna, "{\"cmd\":\"server_info\"}");
    anna->cut = false;
    lab_run(lab, 120000);
    return went(party_count(anna, "task", 0) == 6 && party_count(anna, "services", 0) == 1
            && party_count(anna, "server_info", 0) == 2 && party_count(anna, "outage_ask", 0) == 1
            && party_count(anna, "outage", 0) == 2 && party_count(anna, "ready", 0) == 2,
        "%zu tasks, %zu services, %zu infos, %zu outages", party_count(anna, "task", 0),
        party_count(anna, "services", 0), party_count(anna, "server_info", 0), party_count(anna, "outage", 0));
}

/* --- what a person keeps and shows --- */

#define PNG "iVBORw0KGgphbm5h"

/* A picture is set and looked at; a room is kept and forgotten; what is read here is read on the tablet; a browser is
 * registered to be woken, and is not any more. */
static const char *play_people(struct lab *lab)
{
    struct party *anna, *jonas, *tablet;

    lab_two(lab, 5, &anna, &jonas);
    tablet = lab_party(lab, ANNA, "a-password");
    party_connect(anna);
    party_connect(jonas);
    party_connect(tablet);
    lab_run(lab, 1000);
    do_later(jonas, "{\"cmd\":\"avatar\",\"jid\":\"" ANNA "\"}");
    do_later(anna, "{\"cmd\":\"avatar_set\",\"image\":\"R0lGODlh\"}");
    do_later(anna, "{\"cmd\":\"avatar_set\",\"image\":\"" PNG "\"}");
    do_later(jonas, "{\"cmd\":\"avatar\",\"jid\":\"" ANNA "\"}");
    do_later(anna, "{\"cmd\":\"bookmark_set\",\"room\":\"r-a@rooms.klinik.example\",\"name\":\"Herr Maier\"}");
    do_later(anna, "{\"cmd\":\"bookmark_set\",\"room\":\"r-a@rooms.klinik.example\",\"nick\":\"anna\"}");
    do_later(tablet, "{\"cmd\":\"bookmarks\"}");
    do_later(tablet, "{\"cmd\":\"bookmark_remove\",\"room\":\"r-a@rooms.klinik.example\"}");
    (void)party_send(jonas, ANNA, "Bett 12");
    lab_run(lab, 15000);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"mark_read\",\"conversation\":\"" JONAS "\"}");
    lab_run(lab, 15000);
    do_later(anna, "{\"cmd\":\"push\"}");
    do_later(anna,
        "{\"cmd\":\"push_subscribe\",\"endpoint\":\"https://fcm.googleapis.com/fcm/send/a:b\",\"p256dh\":"
        "\"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4\",\"auth\":"
        "\"BTBZMqHH6r4Tts7J_aSIgg\"}");
    do_later(anna, "{\"cmd\":\"push\"}");
    do_later(anna, "{\"cmd\":\"push_unsubscribe\"}");
    party_restart(tablet);
    lab_run(lab, 5000);
    return went(strcmp(text_of(party_event(jonas, "avatar", 0, 1), "image"), PNG) == 0
            && party_count(tablet, "bookmark", 0) == 2 && party_count(tablet, "read", 0) == 1
            && json_is_true(json_object_get(party_event(anna, "push", 0, 1), "registered")),
        "%s; %zu bookmarks, %zu read", text_of(party_event(jonas, "avatar", 0, 1), "image"),
        party_count(tablet, "bookmark", 0), party_count(tablet, "read", 0));
}

/* --- what an owner does in a room, and who is asked into one --- */

/* The room has a picture and days of its own; what one says the other deletes for all, and puts him out for good. He is
 * invited into another room, and declines. */
static const char *play_ward(struct lab *lab)
{
    struct party *anna, *jonas;
    const char *room, *id;

    begin(lab, &anna, &jonas);
    konsil_command(anna->engine, ROOM_CREATE, sizeof(ROOM_CREATE) - 1, now_of(anna));
    lab_run(lab, 20000);
    room = text_of(json_object_get(party_event(jonas, "room", 0, 0), "room"), "room");
    do_later(anna, "{\"cmd\":\"room_picture_set\",\"room\":\"%s\",\"image\":\"" PNG "\"}", room);
    do_later(anna, "{\"cmd\":\"room_retention_set\",\"room\":\"%s\",\"days\":3}", room);
    lab_run(lab, 15000);
    do_later(jonas, "{\"cmd\":\"room_picture\",\"room\":\"%s\"}", room);
    do_later(jonas, "{\"cmd\":\"room_occupants\",\"room\":\"%s\"}", room);
    id = party_send(jonas, room, "Frau Maier, Bett 12");
    (void)party_send(jonas, room, "Guten Morgen");
    lab_run(lab, 15000);
    do_later(jonas, "{\"cmd\":\"moderate\",\"room\":\"%s\",\"message\":\"%s\"}", room, id);
    do_later(anna,
        "{\"cmd\":\"moderate\",\"room\":\"%s\",\"message\":\"%s\",\"author\":\"" JONAS "\",\"reason\":\"ein Name\"}",
        room, id);
    lab_run(lab, 15000);
    do_later(anna, "{\"cmd\":\"room_picture_remove\",\"room\":\"%s\"}", room);
    do_later(anna, "{\"cmd\":\"room_ban\",\"room\":\"%s\",\"member\":\"" JONAS "\"}", room);
    (void)party_send(anna, room, "ohne ihn");
    lab_run(lab, 15000);
    party_give(jonas,
        "<message from='" ANNA "/x' to='" JONAS
        "'><x xmlns='jabber:x:conference' jid='tee@rooms.klinik.example'/></message>");
    do_later(jonas, "{\"cmd\":\"invitations\"}");
    do_later(jonas, "{\"cmd\":\"invitation_decline\",\"room\":\"tee@rooms.klinik.example\"}");
    lab_run(lab, 5000);
    return went(strcmp(party_history(anna, room), "-,Guten Morgen,ohne ihn") == 0
            && strcmp(party_history(jonas, room), "-,Guten Morgen") == 0
            && strcmp(text_of(party_event(jonas, "room_picture", 0, 0), "image"), PNG) == 0
            && party_count(jonas, "invitation", 0) == 2,
        "%s; %s; %s; %zu invitations", party_history(anna, room), party_history(jonas, room),
        text_of(party_event(jonas, "room_picture", 0, 0), "image"), party_count(jonas, "invitation", 0));
}

/* --- people, and what a device keeps --- */

/* One pins a colleague, asks to see his presence, blocks him and takes that back, looks for a word, and shortens what
 * this device keeps; both read what the other says of himself. */
static const char *play_colleagues(struct lab *lab)
{
    struct party *anna, *jonas;

    begin(lab, &anna, &jonas);
    do_later(anna, "{\"cmd\":\"contact_add\",\"jid\":\"" JONAS "\"}");
    do_later(anna, "{\"cmd\":\"subscribe\",\"jid\":\"" JONAS "\",\"decision\":\"request\"}");
    do_later(jonas, "{\"cmd\":\"contacts\"}");
    do_later(jonas, "{\"cmd\":\"subscribe\",\"jid\":\"" ANNA "\",\"decision\":\"approve\"}");
    do_later(jonas, "{\"cmd\":\"presence\",\"show\":\"dnd\"}");
    do_later(anna, "{\"cmd\":\"vcard\",\"jid\":\"" JONAS "\"}");
    do_later(jonas, "{\"cmd\":\"vcard_set\",\"title\":\"Chefarzt\"}");
    (void)party_send(jonas, ANNA, "Bett 12 ist frei");
    lab_run(lab, 15000);
    do_later(anna, "{\"cmd\":\"search\",\"text\":\"frei\"}");
    do_later(anna, "{\"cmd\":\"conversations\"}");
    do_later(anna, "{\"cmd\":\"history\",\"with\":\"" JONAS "\"}");
    do_later(anna, "{\"cmd\":\"transfers\"}");
    do_later(anna, "{\"cmd\":\"devices\",\"jid\":\"" JONAS "\"}");
    do_later(anna, "{\"cmd\":\"block\",\"jid\":\"" JONAS "\"}");
    do_later(anna, "{\"cmd\":\"unblock\",\"jid\":\"" JONAS "\"}");
    do_later(anna, "{\"cmd\":\"retention\"}");
    do_later(anna, "{\"cmd\":\"retention_set\",\"days\":2}");
    do_later(anna, "{\"cmd\":\"subscribe\",\"jid\":\"" JONAS "\",\"decision\":\"cancel\"}");
    do_later(anna, "{\"cmd\":\"contact_remove\",\"jid\":\"" JONAS "\"}");
    lab_run(lab, 200000000); /* more than two days */
    return went(party_count(anna, "vcard", 0) == 1 && party_count(anna, "found", 0) == 1
            && json_array_size(json_object_get(party_event(anna, "found", 0, 0), "messages")) == 1
            && party_count(anna, "error", 0) == 0 && party_count(jonas, "error", 0) == 1
            && strcmp(party_history(anna, JONAS), "") == 0
            && strcmp(party_history(jonas, ANNA), "Bett 12 ist frei") == 0,
        "%zu vcards, %zu found, %zu and %zu errors; %s", party_count(anna, "vcard", 0), party_count(anna, "found", 0),
        party_count(anna, "error", 0), party_count(jonas, "error", 0), party_history(anna, JONAS));
}

/* --- a browser's connection --- */

/* Login over a WebSocket, a message each way, and the same again after the connection broke. */
static const char *play_websocket(struct lab *lab)
{
    struct party *anna, *jonas;

    lab_two(lab, 1, &anna, &jonas);
    anna->websocket = true;
    party_connect(anna);
    party_connect(jonas);
    lab_run(lab, 1000);
    (void)party_send(anna, JONAS, "hin");
    lab_run(lab, 15000);
    (void)party_send(jonas, ANNA, "her");
    lab_run(lab, 15000);
    party_cut(anna);
    (void)party_send(jonas, ANNA, "noch einmal her");
    lab_run(lab, 60000);
    (void)party_send(anna, JONAS, "noch einmal hin");
    lab_run(lab, 15000);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    lab_run(lab, 1000);
    return went(strcmp(party_history(anna, JONAS), "hin,her,noch einmal her,noch einmal hin") == 0
            && strcmp(party_history(jonas, ANNA), "hin,her,noch einmal her,noch einmal hin") == 0,
        "%s; %s", party_history(anna, JONAS), party_history(jonas, ANNA));
}

const struct engine_story engine_stories[] = {
    { "talk", play_talk, { "talk_anna", "talk_jonas" } },
    { "repair", play_repair, { "repair_anna", "repair_jonas" } },
    { "room", play_room, { "room_anna", "room_jonas" } },
    { "files", play_files, { "files_anna", "files_jonas" } },
    { "login", play_login, { "login_anna" } },
    { "invite", play_invite, { NULL, NULL, "invite_clara" } },
    { "service", play_service, { "service_anna" } },
    { "people", play_people, { "people_anna", "people_jonas", "people_tablet" } },
    { "colleagues", play_colleagues, { "colleagues_anna", "colleagues_jonas" } },
    { "ward", play_ward, { "ward_anna", "ward_jonas" } },
    { "websocket", play_websocket, { "websocket_anna" } },
};
const size_t engine_stories_count = KS_COUNT(engine_stories);
