/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* When what is stored is deleted, and how long periods are (retention.h), in a whole server on virtual time. What a
 * slice deletes is in tests/unit/test_expire.c. */
#include <stdio.h>

#include "../unit/check.h"
#include "crypto.h"
#include "feature_list.h"
#include "host_client.h"
#include "ns.h"
#include "retention.h"

#define OPEN "offen.example"
#define PASSWORD "ein Kennwort"
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

/* 2026-11-22T12:00:00Z */
static const struct ks_now noon = { .mono_ms = 1000, .wall_ms = 1795348800000 };

static struct ks_config *config;
static struct ks_server_store *store;
static struct host *host;
static struct host_console console;
static struct ks_now now;

static void start(void)
{
    host = host_new(config, store, 2, 7, now, getenv("VERBOSE") != NULL);
    host_console_open(&console, host, "uid:0", KS_RIGHT_ALL);
}

static void stop(void)
{
    host_close_all(host);
    host_console_close(&console);
    now = host->now;
    host_free(host);
}

static void fresh(void)
{
    ks_server_store_free(store);
    ks_config_unref(config);
    store = ks_memory_server_store_new();
    config = host_config();
    now = noon;
    start();
    host_add_account(host, OPEN, "anna", "Anna", PASSWORD);
    host_add_account(host, OPEN, "jonas", "Jonas", PASSWORD);
}

static void set_domain(const char *name, int64_t value)
{
    if (ks_config_set_number(config, ks_config_domain(config, KS_STR(OPEN)), ks_str_z(name), value) != KS_OK)
        abort();
}

/* What konsilctl is answered to a command, a little later. */
static struct ks_str ask(const char *command, bool dry_run)
{
    char line[200];

    snprintf(line, sizeof line, "{\"v\":1,\"command\":\"%s\"%s}", command, dry_run ? ",\"dry_run\":true" : "");
    (void)host_console_say(&console, line);
    host_wait(host, 1000);
    return ks_buf_str(&console.answers);
}

static bool has(struct ks_str text, const char *needle)
{
    return memmem(text.ptr, text.len, needle, strlen(needle)) != NULL;
}

static void write_to_jonas(const char *text)
{
    struct host_conn *anna = host_bound(host, OPEN, "anna", PASSWORD, "desk");

    host_say(anna, "<message to='jonas@" OPEN "' type='chat' id='m'><body>%s</body></message>", text);
    host_conn_free(anna);
}

/* True if the account's archive has text. */
static bool archived(const char *local, const char *text)
{
    struct host_conn *conn = host_bound(host, OPEN, local, PASSWORD, "reader");

    host_say(conn, "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>");
    bool found = host_heard(conn, text), answered = host_heard(conn, "<fin");
    host_conn_free(conn);
    if (!answered)
        abort();
    return found;
}

struct search {
    struct ks_str text;
    bool found;
};

static bool look(void *user, const struct ks_archive_row *row)
{
    struct search *search = user;

    search->found = search->found || ks_str_find(row->stanza, search->text) < row->stanza.len;
    return !search->found;
}

/* True if any archive has it. */
static bool in_archive(const char *text)
{
    struct search search = { .text = ks_str_z(text) };

    if (store->ops->archive_scan(store, 0, look, &search) != KS_OK)
        abort();
    return search.found;
}

static struct ks_str deletions(void)
{
    return ask("audit.list", false);
}

/* --- every day --- */

static void test_time(void)
{
    fresh();
    set_domain("retention.archive", 10 * 86400);
    write_to_jonas("canary-one");
    host_wait(host, 9 * DAY_MS);
    write_to_jonas("canary-two");
    check_row(archived("jonas", "canary-one"), "control: within its period a message is there", "it is not");
    host_wait(host, DAY_MS + 13 * HOUR_MS); /* 01:00 */
    check_row(archived("jonas", "canary-one"), "before retention.start nothing goes", "it is gone");
    host_wait(host, HOUR_MS + MINUTE_MS);
    check_row(!archived("jonas", "canary-one") && !archived("anna", "canary-one"),
        "DSK I.7-c part (alerts): after it what is older is gone, without anybody's doing", "it is there");
    check_row(archived("jonas", "canary-two"), "what is younger is there", "it is gone");
    check_row(has(deletions(), "reason=period oldest=2026-11-22T12:00:0") && has(deletions(), " archive=2"),
        "DSK I.7-f: and the log tells of it", "%.*s", KS_STR_FMT(deletions()));
    check_row(has(ask("retention.show", false), "\"last\":\"2026-12-03T02:0")
            && has(ask("retention.show", false), "\"next\":\"2026-12-04T02:00:00.000Z\""),
        "konsilctl hears when it was and when it will be", "%.*s", KS_STR_FMT(ask("retention.show", false)));
    stop();

    now.wall_ms += 40 * DAY_MS;
    start();
    host_wait(host, 5 * MINUTE_MS);
    check_row(!archived("jonas", "canary-two"),
        "what was missed while konsild did not run is done soon after the start", "it is there");
    stop();

    fresh();
    set_domain("retention.archive", 86400);
    write_to_jonas("canary-old");
    stop();
    now.wall_ms += 2 * DAY_MS;
    start();
    host_wait(host, 5 * MINUTE_MS);
    check_row(archived("jonas", "canary-old"), "a store that never had it done waits for its hour", "it is gone");
    host_wait(host, 15 * HOUR_MS);
    check_row(!archived("jonas", "canary-old"), "and then it is done", "it is there");
    stop();
}

static void test_clock(void)
{
    fresh();
    set_domain("retention.archive", 86400);
    write_to_jonas("canary-one");
    host_wait(host, MINUTE_MS);
    host->now.wall_ms += 2 * DAY_MS; /* somebody sets the clock */
    host_wait(host, 11 * MINUTE_MS);
    check_row(!archived("jonas", "canary-one"), "a clock that was set is noticed within minutes", "it is not");
    stop();
}

/* --- an account's own period, and data in memory --- */

static const char *own_days;

static void own_run(struct ks_ctx *ctx)
{
    ks_kv_put(ctx, KS_STORE_RETENTION, KS_STR("archive"), ks_str_z(own_days));
}

/* A row that says how many days what an account keeps may stay; a room is one, too. */
static void set_own(struct ks_str bare, const char *days)
{
    struct ks_parcel *parcel = ks_parcel_new(65536);

    own_days = days;
    parcel->home = bare;
    parcel->run = own_run;
    parcel->refused = ks_parcel_ignore;
    ks_reactor_mail(host->reactors[0], (struct ks_mail *)parcel, host->now);
    host_settle(host);
}

static void test_own(void)
{
    fresh();
    write_to_jonas("canary-one");
    set_own(KS_STR("jonas@" OPEN), "3");
    host_wait(host, 4 * DAY_MS);
    check_row(!archived("jonas", "canary-one"),
        "DSK I.7-c part (alerts): an account that has three days of its own has them", "it is there");
    check_row(archived("anna", "canary-one"), "who wrote to it keeps what his domain says", "it is gone");
    stop();
}

/* A room that keeps what is said in it, with a first message. */
static void found_room(struct host_conn *anna, const char *name, const char *text)
{
    host_say(anna, "<presence to='%s@rooms." OPEN "/Anna'><x xmlns='" NS_MUC "'/></presence>", name);
    host_say(anna,
        "<iq type='set' to='%s@rooms." OPEN "' id='o'><query xmlns='" NS_MUC_OWNER "'><x xmlns='" NS_DATA
        "' type='submit'/></query></iq>",
        name);
    host_say(anna, "<message type='groupchat' to='%s@rooms." OPEN "' id='m'><body>%s</body></message>", name, text);
}

/* Its owner asks for so many days in the form of the room. */
static void shorten(struct host_conn *owner, const char *name, const char *days)
{
    host_say(owner,
        "<iq type='set' to='%s@rooms." OPEN "' id='k'><query xmlns='" NS_MUC_OWNER "'><x xmlns='" NS_DATA
        "' type='submit'><field var='konsil#retention'><value>%s</value></field></x></query></iq>",
        name, days);
}

static struct ks_str set_days(const char *name, const char *days, bool dry_run)
{
    char line[300];

    snprintf(line, sizeof line,
        "{\"v\":1,\"command\":\"room.retention\",\"args\":{\"jid\":\"%s@rooms." OPEN "\",\"days\":\"%s\"}%s}", name,
        days, dry_run ? ",\"dry_run\":true" : "");
    (void)host_console_say(&console, line);
    host_wait(host, 1000);
    return ks_buf_str(&console.answers);
}

static bool keeps(const char *name, const char *days)
{
    char line[200], wanted[100];

    snprintf(line, sizeof line, "{\"v\":1,\"command\":\"room.show\",\"args\":{\"jid\":\"%s@rooms." OPEN "\"}}", name);
    snprintf(wanted, sizeof wanted, "\"retention_days\":%s}", days);
    (void)host_console_say(&console, line);
    host_wait(host, 1000);
    return has(ks_buf_str(&console.answers), wanted);
}

static void test_rooms(void)
{
    struct host_conn *anna;

    fresh();
    set_domain("retention.archive", 4 * 86400);
    anna = host_bound(host, OPEN, "anna", PASSWORD, "desk");
    found_room(anna, "visite", "canary-room");
    found_room(anna, "lang", "canary-long");
    found_room(anna, "kurz", "canary-short");
    found_room(anna, "wieder", "canary-again");
    set_own(KS_STR("lang@rooms." OPEN), "3650");
    shorten(anna, "kurz", "1");
    shorten(anna, "wieder", "1");
    shorten(anna, "wieder", "domain");
    host_wait(host, HOUR_MS);
    check_row(in_archive("canary-room") && in_archive("canary-long") && in_archive("canary-short"),
        "control: within its period a message is in the archive of its room", "it is not");
    host_wait(host, 2 * DAY_MS);
    check_row(!in_archive("canary-short"),
        "DSK I.7-c part (alerts): what was said in a room whose owner shortened it goes after its own "
        "days",
        "it is there");
    check_row(in_archive("canary-room") && in_archive("canary-again"),
        "and not what was said in others, or in one that follows its domain again", "it is gone");
    host_wait(host, 3 * DAY_MS);
    check_row(!in_archive("canary-room") && !in_archive("canary-again"),
        "DSK I.7-c part (alerts): what was said in a room goes as the domain says", "it is there");
    check_row(
        !in_archive("canary-long"), "DSK I.7-c part (alerts): also if the room's own period is longer", "it is there");
    stop();
}

/* A period that was shortened is not made longer by something else. */
static void test_room_days(void)
{
    struct host_conn *anna;

    fresh();
    set_domain("retention.archive", 10 * 86400 + 1);
    anna = host_bound(host, OPEN, "anna", PASSWORD, "desk");
    found_room(anna, "visite", "canary-room");
    check_row(keeps("visite", "11"), "a room without days of its own has its domain's, a begun day with them", "%.*s",
        KS_STR_FMT(ks_buf_str(&console.answers)));
    check_row(has(set_days("visite", "5", true), "\"ok\":true") && keeps("visite", "11"),
        "room.retention --dry-run changes nothing", "%.*s", KS_STR_FMT(ks_buf_str(&console.answers)));
    check_row(has(set_days("visite", "5", false), "\"ok\":true") && keeps("visite", "5"), "room.retention shortens it",
        "%.*s", KS_STR_FMT(ks_buf_str(&console.answers)));
    check_row(has(deletions(), "\"action\":\"room.retention\",\"actor\":\"uid:0\",\"detail\":\"5\""),
        "and is in the audit log with the days", "%.*s", KS_STR_FMT(deletions()));
    check_row(has(set_days("visite", "12", false), "control.longer") && keeps("visite", "5"),
        "more than its domain has is refused, and it stays as it was", "%.*s",
        KS_STR_FMT(ks_buf_str(&console.answers)));
    check_row(has(set_days("visite", "0", false), "control.days")
            && has(set_days("visite", "-1", false), "control.days")
            && has(set_days("visite", "immer", false), "control.days"),
        "so is what is no number of days", "%.*s", KS_STR_FMT(ks_buf_str(&console.answers)));
    check_row(has(set_days("keiner", "5", false), "control.no-room"), "and a room that is not there", "%.*s",
        KS_STR_FMT(ks_buf_str(&console.answers)));
    set_domain("retention.archive", 3 * 86400);
    check_row(keeps("visite", "3"), "a domain that keeps less than the room wants decides", "%.*s",
        KS_STR_FMT(ks_buf_str(&console.answers)));
    shorten(anna, "visite", "3"); /* a form that is sent back as it was shown */
    set_domain("retention.archive", 10 * 86400);
    check_row(keeps("visite", "5"), "and once it keeps more the room's own days hold again", "%.*s",
        KS_STR_FMT(ks_buf_str(&console.answers)));
    check_row(has(set_days("visite", "domain", false), "\"ok\":true") && keeps("visite", "10"),
        "back to the domain's it is set by its word", "%.*s", KS_STR_FMT(ks_buf_str(&console.answers)));
    stop();
}

static void test_memory(void)
{
    struct host_conn *jonas;

    fresh();
    set_domain("retention.archive", 86400);
    write_to_jonas("canary-one"); /* nobody is there: a mark is set */
    jonas = host_bound(host, OPEN, "jonas", PASSWORD, "desk");
    for (int i = 0; i < 60; i++) { /* his data stays in memory */
        host_wait(host, HOUR_MS);
        host_say(jonas, "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
    }
    check_row(has(deletions(), " archive=2 offline=1") || has(deletions(), " offline=1"),
        "DSK II.3-b: the mark that messages wait goes with them", "%.*s", KS_STR_FMT(deletions()));
    host_forget(jonas);
    host_say(jonas, "<presence/>");
    host_wait(host, 1000);
    check_row(!host_heard(jonas, "canary-one"), "and is not in memory either", "it is");
    write_to_jonas("canary-two");
    check_row(host_heard(jonas, "canary-two"), "control: messages come as before", "none");
    stop();
}

static void test_retraction(void)
{
    struct host_conn *anna;

    fresh();
    write_to_jonas("canary-one");
    anna = host_bound(host, OPEN, "anna", PASSWORD, "desk");
    host_say(anna,
        "<message to='jonas@" OPEN "' type='chat' id='r'><retract xmlns='urn:xmpp:message-retract:1' id='m'/>"
        "<store xmlns='urn:xmpp:hints'/></message>");
    host_conn_free(anna);
    check_row(!archived("jonas", "canary-one"), "control: what its author takes back is gone", "it is there");
    check_row(has(deletions(), "\"action\":\"delete\",\"actor\":\"author\",\"detail\":\"reason=retraction archive=1\"")
            && !has(deletions(), "anna") && !has(deletions(), "jonas") && !has(deletions(), "canary"),
        "DSK I.7-f: a message that is taken back has its row, without whose it was", "%.*s", KS_STR_FMT(deletions()));
    stop();
}

/* --- konsilctl --- */

static void test_commands(void)
{
    fresh();
    set_domain("retention.archive", 10 * 86400);
    write_to_jonas("canary-one");
    host_wait(host, 9 * DAY_MS);
    check_row(
        has(ask("retention.show", false),
            "{\"category\":\"archive\",\"domain\":\"" OPEN "\",\"option\":\"retention.archive\",\"seconds\":864000}")
            && has(
                ask("retention.show", false), "{\"category\":\"audit\",\"domain\":\"\",\"option\":\"retention.audit\""),
        "retention.show names the period of each category and domain", "%.*s",
        KS_STR_FMT(ask("retention.show", false)));
    check_row(has(ask("retention.run", true), "{\"rows\":[]}"), "--dry-run: nothing would go", "%.*s",
        KS_STR_FMT(ask("retention.run", true)));
    set_domain("retention.archive", 5 * 86400);
    check_row(
        has(ask("retention.run", true),
            "{\"category\":\"archive\",\"domain\":\"" OPEN "\",\"oldest\":\"2026-11-22T12:00:00.000Z\",\"rows\":2}"),
        "--dry-run: what would go, of which category and domain, and the oldest", "%.*s",
        KS_STR_FMT(ask("retention.run", true)));
    check_row(archived("jonas", "canary-one"), "and nothing goes", "it is gone");
    check_row(!has(deletions(), "delete"), "nor is there a row", "%.*s", KS_STR_FMT(deletions()));
    check_row(has(ask("retention.run", false), "\"rows\":2"), "retention.run deletes at once, and says what", "%.*s",
        KS_STR_FMT(ks_buf_str(&console.answers)));
    check_row(!archived("jonas", "canary-one"), "it is gone", "it is there");
    check_row(has(deletions(), "\"action\":\"retention.run\",\"actor\":\"uid:0\"")
            && has(deletions(), "\"action\":\"delete\",\"actor\":\"uid:0\""),
        "DSK I.7-f: who asked for it is in the log", "%.*s", KS_STR_FMT(deletions()));
    stop();
}

static void test_rights(void)
{
    static const struct {
        const char *name;
        unsigned rights;
        bool show, run;
    } rows[] = {
        { "with the right to operate one sees periods and deletes", KS_RIGHT_OPERATE, true, true },
        { "with the right to audit one sees periods", KS_RIGHT_AUDIT, true, false },
        { "with the right to manage accounts neither", KS_RIGHT_ACCOUNTS, false, false },
    };

    fresh();
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        host_console_close(&console);
        host_console_open(&console, host, "uid:5", rows[i].rights);
        bool show = has(ask("retention.show", false), "\"ok\":true");
        bool run = has(ask("retention.run", false), "\"ok\":true");
        check_row(show == rows[i].show && run == rows[i].run, rows[i].name, "show %d, run %d", show, run);
    }
    stop();
}

static void test_store(void)
{
    fresh();
    set_domain("retention.archive", 86400);
    write_to_jonas("canary-one");
    host_wait(host, HOUR_MS);
    host->now.wall_ms += 3 * DAY_MS;
    ks_memory_server_store_room(store, 0);
    check_row(has(ask("retention.run", false), "control.store"), "a full disk: nothing is deleted that is not logged",
        "%.*s", KS_STR_FMT(ks_buf_str(&console.answers)));
    host_wait(host, HOUR_MS);
    ks_memory_server_store_room(store, SIZE_MAX);
    check_row(archived("jonas", "canary-one"), "control: it is there", "it is gone");
    host_wait(host, 11 * MINUTE_MS);
    check_row(!archived("jonas", "canary-one"), "with room again it is done within minutes", "it is there");
    stop();
}

/* --- descriptors --- */

static void test_descriptors(void)
{
    int wrong = 0, periods = 0;

    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_feature_store *at = ks_features[i]->stores; at->store; at++) {
            const struct ks_option *option = at->period ? ks_option_find(ks_str_z(at->period)) : NULL;
            bool deletes = at->where == KS_IN_ARCHIVE || at->where == KS_IN_AUDIT || at->where == KS_IN_LOG
                || at->where == KS_IN_RECORDS || at->where == KS_IN_SALTS || at->where == KS_IN_RINGS || at->stamp_ms;
            bool ends = at->keep == KS_KEEP_DAYS || at->keep == KS_KEEP_ARCHIVE;
            bool good = at->purpose && at->readers && (!at->period || (option && option->kind == KS_OPT_DURATION))
                && (!ends || (deletes && (at->period || at->days > 0)));
            if (!good)
                printf("# %s: %s\n", ks_features[i]->name, at->store);
            wrong += !good;
            periods += ends;
        }
    check_row(!wrong && periods > 1,
        "DSK II.3-a in full: each store has a purpose, readers, and a lifetime that something "
        "ends",
        "%d have not", wrong);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    test_time();
    test_clock();
    test_own();
    test_rooms();
    test_room_days();
    test_memory();
    test_retraction();
    test_commands();
    test_rights();
    test_store();
    test_descriptors();
    ks_server_store_free(store);
    ks_config_unref(config);
    return check_done();
}
