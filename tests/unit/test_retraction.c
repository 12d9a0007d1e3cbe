/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A message between two that is taken back, where golden scripts cannot look: what is in the store at which moment, and
 * what comes behind it. */
#include "check.h"
#include "crypto.h"
#include "ns.h"
#include "rig.h"

static struct host_conn *enter(struct rig *rig, const char *local)
{
    struct host_conn *conn;

    host_add_account(rig->host, DOMAIN, local, local, PASSWORD);
    conn = host_bound(rig->host, DOMAIN, local, PASSWORD, "desk");
    host_say(conn, "<presence/>");
    host_forget(conn);
    return conn;
}

static void rig_init(struct rig *rig)
{
    rig_open(rig, host_config(), 1);
    rig->anna = enter(rig, "anna");
    rig->jonas = enter(rig, "jonas");
}

struct search {
    struct ks_str text;
    size_t rows;
};

static bool look(void *user, const struct ks_archive_row *row)
{
    struct search *search = user;

    search->rows += ks_str_find(row->stanza, search->text) < row->stanza.len;
    return true;
}

static size_t rows_with(struct rig *rig, const char *text)
{
    struct search search = { .text = ks_str_z(text) };

    if (rig->store->ops->archive_scan(rig->store, 0, look, &search) != KS_OK)
        abort();
    return search.rows;
}

#define SAY(id, body) "<message type='chat' to='jonas@" DOMAIN "' id='" id "'><body>" body "</body></message>"
#define RETRACT(id, of) \
    "<message type='chat' to='jonas@" DOMAIN "' id='" id "'><retract xmlns='" NS_RETRACT "' id='" of "'/></message>"

/* Goes on just so far that a text is heard: how many rows hold the canary then. */
static size_t when_heard(struct rig *rig, const char *text)
{
    for (int i = 0; i < 100 && !host_heard(rig->jonas, text); i++)
        (void)host_turn(rig->host);
    return host_heard(rig->jonas, text) ? rows_with(rig, "CANARY") : SIZE_MAX;
}

static size_t place_of(const struct host_conn *conn, const char *text)
{
    return ks_str_find(ks_buf_str(&conn->out), ks_str_z(text));
}

int main(void)
{
    struct rig rig;
    size_t rows;

    if (ks_crypto_init() != KS_OK)
        return 1;
    rig_init(&rig);
    host_say(rig.anna, SAY("m1", "CANARY"));
    check_row(rows_with(&rig, "CANARY") == 1, "(positive control: what was said is in the archive)", "%zu",
        rows_with(&rig, "CANARY"));
    host_feed(rig.anna, KS_STR(RETRACT("r1", "m1") SAY("m2", "eins") RETRACT("r2", "m2") SAY("m3", "zwei")));
    rows = when_heard(&rig, "id='r1'");
    check_row(rows == 0 && rows_with(&rig, "<retracted") >= 1,
        "XEP-0424 §5: at the moment at which a retraction is told, a process that dies has the tombstone in its store",
        "%zu rows have it", rows);
    host_settle(rig.host);
    check_row(place_of(rig.jonas, "id='r1'") < place_of(rig.jonas, "id='m2'")
            && place_of(rig.jonas, "id='m2'") < place_of(rig.jonas, "id='r2'")
            && place_of(rig.jonas, "id='r2'") < place_of(rig.jonas, "id='m3'") && host_heard(rig.jonas, "zwei"),
        "RFC 6120 §10.1: what comes meanwhile waits behind it, and nothing overtakes", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.jonas->out)));
    check_row(rows_with(&rig, "eins") == 0 && rows_with(&rig, "zwei") == 1,
        "XEP-0424 §5: a message that came right before its retraction is taken back, too", "%zu, %zu",
        rows_with(&rig, "eins"), rows_with(&rig, "zwei"));
    rig_done(&rig);
    return check_done();
}
