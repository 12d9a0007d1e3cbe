/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is said in a room, where golden scripts cannot say it: what is in the store at which moment, and what it costs.
 */
#include <stdarg.h>

#include "check.h"
#include "crypto.h"
#include "ns.h"
#include "rig.h"

#define ROOM "visite@rooms." DOMAIN

static struct host_conn *enter(struct rig *rig, const char *local, const char *nick)
{
    struct host_conn *conn = host_bound(rig->host, DOMAIN, local, PASSWORD, "desk");

    host_say(conn, "<presence to='" ROOM "/%s'><x xmlns='" NS_MUC "'/></presence>", nick);
    return conn;
}

/* Both are in ROOM; anna owns it. */
static void rig_init(struct rig *rig)
{
    static const char *const names[] = { "anna", "jonas" };

    rig_open(rig, host_config(), 1);
    for (size_t i = 0; i < KS_COUNT(names); i++)
        host_add_account(rig->host, DOMAIN, names[i], names[i], PASSWORD);
    rig->anna = enter(rig, "anna", "Anna");
    host_say(rig->anna,
        "<iq type='set' to='" ROOM "' id='o'><query xmlns='" NS_MUC_OWNER "'><x xmlns='" NS_DATA
        "' type='submit'/></query></iq>");
    host_say(rig->anna,
        "<iq type='set' to='" ROOM "' id='a'><query xmlns='" NS_MUC_ADMIN
        "'><item affiliation='member' jid='jonas@" DOMAIN "'/></query></iq>");
    rig->jonas = enter(rig, "jonas", "Jonas");
    if (!host_heard(rig->jonas, "<subject/>")) {
        printf("Bail out! no room: %.*s\n", KS_STR_FMT(ks_buf_str(&rig->jonas->out)));
        exit(1);
    }
    host_forget(rig->anna);
    host_forget(rig->jonas);
}

/* --- the store --- */

struct search {
    struct ks_str text;
    size_t rows, bytes; /* bytes: of all rows */
};

static bool look(void *user, const struct ks_archive_row *row)
{
    struct search *search = user;

    search->rows += ks_str_find(row->stanza, search->text) < row->stanza.len;
    search->bytes += row->stanza.len;
    return true;
}

static size_t archive_bytes(struct rig *rig)
{
    struct search search = { .text = KS_STR("x") };

    if (rig->store->ops->archive_scan(rig->store, 0, look, &search) != KS_OK)
        abort();
    return search.bytes;
}

/* How many rows of the archive hold a text at this moment. */
static size_t rows_with(struct rig *rig, const char *text)
{
    struct search search = { .text = ks_str_z(text) };

    if (rig->store->ops->archive_scan(rig->store, 0, look, &search) != KS_OK)
        abort();
    return search.rows;
}

/* The archive's id of the message that was heard last. */
static const char *last_id(struct host_conn *conn)
{
    static const char mark[] = "<stanza-id xmlns='" NS_SID "' by='" ROOM "' id='";
    static char id[33];
    struct ks_str out = ks_buf_str(&conn->out), at = out;

    id[0] = 0;
    while ((at = ks_str_from(at, ks_str_find(at, ks_str_z(mark)))).len > sizeof mark + 32) {
        at = ks_str_from(at, sizeof mark - 1);
        memcpy(id, at.ptr, 32);
        id[32] = 0;
    }
    return id;
}

static const char *say(struct rig *rig, struct host_conn *who, const char *id, const char *body)
{
    host_say(who, "<message type='groupchat' to='" ROOM "' id='%s'><body>%s</body></message>", id, body);
    (void)rig;
    return last_id(who);
}

static void feed(struct host_conn *conn, const char *format, ...) KS_PRINTF(2, 3);
static void feed(struct host_conn *conn, const char *format, ...)
{
    char text[2000];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    host_feed(conn, ks_str(text, (size_t)len));
}

#define RETRACT(id) \
    "<message type='groupchat' to='" ROOM "' id='" id "'><retract xmlns='" NS_RETRACT "' id='%s'/></message>"

/* Goes on just so far that a text is heard: how many rows hold the canary then. */
static size_t when_heard(struct rig *rig, struct host_conn *conn, const char *text)
{
    for (int i = 0; i < 100 && !host_heard(conn, text); i++)
        (void)host_turn(rig->host);
    return host_heard(conn, text) ? rows_with(rig, "CANARY") : SIZE_MAX;
}

static void test_together(void)
{
    struct rig rig;
    const char *id;
    size_t rows;

    rig_init(&rig);
    id = say(&rig, rig.jonas, "m1", "CANARY-1");
    check_row(rows_with(&rig, "CANARY-1") == 1, "(positive control: what was said is in the archive)", "%zu",
        rows_with(&rig, "CANARY-1"));
    feed(rig.jonas, RETRACT("r1"), id);
    rows = when_heard(&rig, rig.anna, "id='r1'");
    check_row(rows == 0 && rows_with(&rig, "<retracted") == 1,
        "XEP-0424 §5: at the moment at which a retraction is told, a process that dies has the tombstone in its store",
        "%zu rows have it", rows);
    host_settle(rig.host);

    id = say(&rig, rig.jonas, "m2", "CANARY-2");
    feed(rig.anna,
        "<iq type='set' to='" ROOM "' id='x1'><moderate id='%s' xmlns='" NS_MODERATE "'><retract xmlns='" NS_RETRACT
        "'/></moderate></iq>",
        id);
    rows = when_heard(&rig, rig.jonas, "id='x1'");
    check_row(rows == 0 && rows_with(&rig, "<retracted") == 2,
        "XEP-0425 §4: likewise of what a moderator took out, also when he is answered", "%zu rows have it", rows);
    rig_done(&rig);
}

static void test_order(void)
{
    struct rig rig;
    struct ks_str heard;
    const char *id;

    rig_init(&rig);
    id = say(&rig, rig.jonas, "m1", "CANARY-1");
    feed(rig.jonas, RETRACT("r1") "<message type='groupchat' to='" ROOM "' id='m2'><body>2</body></message>", id);
    host_settle(rig.host);
    heard = ks_buf_str(&rig.anna->out);
    check_row(host_heard(rig.anna, "id='r1'")
            && ks_str_find(heard, KS_STR("id='r1'")) < ks_str_find(heard, KS_STR("id='m2'"))
            && host_heard(rig.anna, "id='m2'"),
        "RFC 6120 §10.1: what is said after a retraction does not pass it", "%.*s", KS_STR_FMT(heard));
    id = say(&rig, rig.jonas, "m3", "CANARY-3");
    feed(rig.jonas, RETRACT("r3") "<presence type='unavailable' to='" ROOM "/Jonas'/>", id);
    host_settle(rig.host);
    check_row(host_heard(rig.anna, "id='r3'") && rows_with(&rig, "CANARY") == 0,
        "XEP-0424 §5: who takes something back and leaves at once has taken it back", "%zu rows have it",
        rows_with(&rig, "CANARY"));
    rig_done(&rig);
}

static void test_once(void)
{
    struct rig rig;
    char id[33], retraction[33];

    rig_init(&rig);
    snprintf(id, sizeof id, "%s", say(&rig, rig.jonas, "m1", "CANARY-1"));
    feed(rig.jonas, RETRACT("r1"), id);
    host_settle(rig.host);
    snprintf(retraction, sizeof retraction, "%s", last_id(rig.jonas));
    feed(rig.jonas, RETRACT("r2"), id);
    feed(rig.jonas, RETRACT("r3"), retraction);
    host_settle(rig.host);
    check_row(rows_with(&rig, "<retracted xmlns='" NS_RETRACT "' id='r1'") == 1 && rows_with(&rig, "<retracted") == 1,
        "XEP-0424 §5: a tombstone stays as it is, and what takes something back stays", "%zu tombstones",
        rows_with(&rig, "<retracted"));
    rig_done(&rig);
}

/* --- what it costs --- */

static size_t calls, bytes_first, bytes_last;
static char levels[2]; /* of the first and the last whose home is told: the first letter */

void __real_ks_call(
    struct ks_ctx *ctx, struct ks_jid bare, void (*run)(struct ks_ctx *), struct ks_xml *stanza, uint64_t number);
void __wrap_ks_call(
    struct ks_ctx *ctx, struct ks_jid bare, void (*run)(struct ks_ctx *), struct ks_xml *stanza, uint64_t number);
void __wrap_ks_call(
    struct ks_ctx *ctx, struct ks_jid bare, void (*run)(struct ks_ctx *), struct ks_xml *stanza, uint64_t number)
{
    struct ks_xml *wake = ks_xml_child(stanza, NS_KONSIL_WAKE, "wake");

    if (wake) {
        bytes_last = ctx->arena->bytes;
        if (calls++ == 0)
            bytes_first = ctx->arena->bytes;
        levels[calls > 1] = ks_xml_attr(wake, "level").len ? ks_xml_attr(wake, "level").ptr[0] : '-';
        if (ks_xml_child(wake, NULL, NULL))
            levels[calls > 1] = '!';
    }
    __real_ks_call(ctx, bare, run, stanza, number);
}

/* A message that has a level for each of so many accounts, the first (by name) of them "high". */
static void mention(struct host_conn *who, const char *id, size_t count)
{
    struct ks_buf text;

    ks_buf_init(&text, 1u << 20);
    ks_buf_printf(&text,
        "<message type='groupchat' to='" ROOM "' id='%s'><body>x</body><wake xmlns='" NS_KONSIL_WAKE "' level='none'>",
        id);
    for (size_t i = 0; i < count; i++)
        ks_buf_printf(&text, "<for jid='m%03zu@" DOMAIN "' level='%s'/>", i, i ? "normal" : "high");
    ks_buf_z(&text, "</wake></message>");
    host_feed(who, ks_buf_str(&text));
    host_settle(who->host);
    ks_buf_done(&text);
}

#define ABSENT 500

/* So many members who are not there. */
static void rig_many(struct rig *rig)
{
    struct ks_buf text;

    ks_buf_init(&text, 1u << 20);
    ks_buf_z(&text, "<iq type='set' to='" ROOM "' id='many'><query xmlns='" NS_MUC_ADMIN "'>");
    for (size_t i = 0; i < ABSENT; i++)
        ks_buf_printf(&text, "<item affiliation='member' jid='m%03zu@" DOMAIN "'/>", i);
    ks_buf_z(&text, "</query></iq>");
    host_feed(rig->anna, ks_buf_str(&text));
    host_settle(rig->host);
    ks_buf_done(&text);
}

/* What the store holds more after a message with a payload of so many bytes. */
static size_t grows_by(struct rig *rig, const char *id, size_t len)
{
    char *payload = malloc(len + 1);
    size_t before = archive_bytes(rig);

    if (!payload)
        abort();
    memset(payload, 'p', len);
    payload[len] = 0;
    host_say(rig->anna, "<message type='groupchat' to='" ROOM "' id='%s'><body>%s</body></message>", id, payload);
    free(payload);
    return archive_bytes(rig) - before;
}

static void test_stored_once(void)
{
    struct rig rig;
    size_t few, many;

    rig_init(&rig);
    few = grows_by(&rig, "m1", 4000);
    rig_many(&rig);
    many = grows_by(&rig, "m2", 4000);
    check_row(rows_with(&rig, "id='m1'") == 1 && rows_with(&rig, "id='m2'") == 1,
        "XEP-0313 \"MUC Archives\": a message to a room is one row, with two members and with 502", "%zu and %zu",
        rows_with(&rig, "id='m1'"), rows_with(&rig, "id='m2'"));
    check_row(few >= 4000 && few < 5000 && many == few, "and its bytes are stored once, however many members there are",
        "%zu and %zu bytes", few, many);
    rig_done(&rig);
}

static void test_mentions(void)
{
    struct rig rig;

    rig_init(&rig);
    rig_many(&rig);
    calls = 0;
    mention(rig.anna, "few", 256);
    check_row(calls == ABSENT && host_heard(rig.jonas, "id='few'"),
        "PROTOCOL §3.3: with 256 mentions a message goes to all, and to the homes of 500 who are away", "%zu", calls);
    check_row(levels[0] == 'h' && levels[1] == 'n',
        "PROTOCOL §3.3: each is told the level that is hers, and nobody else's", "%.2s", levels);
    check_row(bytes_last - bytes_first < (size_t)ABSENT * 2000,
        "and costs what a message without mentions does, not as many times as there are mentions", "%zu bytes each",
        (bytes_last - bytes_first) / ABSENT);
    calls = 0;
    mention(rig.anna, "many", 257);
    check_row(calls == 0 && !host_heard(rig.jonas, "id='many'") && host_heard(rig.anna, "<bad-request"),
        "PROTOCOL §12: with 257 it is refused", "%zu", calls);
    rig_done(&rig);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    test_together();
    test_order();
    test_once();
    test_stored_once();
    test_mentions();
    return check_done();
}
