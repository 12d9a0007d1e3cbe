/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Files in the core: names, rows, who may put bytes, and that what is deleted takes its bytes along. */
#include "files.h"

#include "check.h"
#include "client.h"
#include "crypto.h"
#include "ns.h"
#include "reactor.h"
#include "store_req.h"

#define ID "0123456789abcdef0123456789abcdef01234567"

static void test_ids(void)
{
    static const struct {
        const char *name, *url;
        bool good;
    } rows[] = {
        { "a URL has the id of its file", "https://a.example:1/files/" ID "/file.jpg", true },
        { "so has a path", "/files/" ID "/file.jpg", true },
        { "an id alone is one", ID, true },
        { "upper case is none", "/files/0123456789ABCDEF0123456789abcdef01234567/x", false },
        { "one digit less is none", "/files/0123456789abcdef0123456789abcdef0123456/x", false },
        { "one digit more is none", "/files/" ID "0/x", false },
        { "dots are none", "/files/../../../../../../../../../../etc/passwd", false },
        { "nothing is none", "", false },
    };
    struct ks_str id;
    char name[KS_FILE_NAME_LEN], other[KS_FILE_NAME_LEN];

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        bool good = ks_file_id_of(ks_str_z(rows[i].url), &id);
        check_row(good == rows[i].good && (!good || ks_str_is(id, ID)), rows[i].name, "%d", good);
    }
    ks_file_name_of(KS_STR(ID), name);
    ks_file_name_of(KS_STR("1123456789abcdef0123456789abcdef01234567"), other);
    check_row(memcmp(name, other, sizeof name) != 0 && !memmem(ID, strlen(ID), name, 16),
        "the name of a file does not tell its id", "%.32s", name);
}

static bool same(const struct ks_file *a, const struct ks_file *b)
{
    return a->state == b->state && a->bytes == b->bytes && a->made_ms == b->made_ms && a->until_ms == b->until_ms
        && a->keep_ms == b->keep_ms && a->device == b->device && memcmp(a->token, b->token, sizeof a->token) == 0;
}

static void test_rows(void)
{
    struct ks_file slot = { KS_FILE_SLOT, 12345, 1, 2, 3, 4, "0123456789abcdef0123456789abcde" }, got = { 0 };
    struct ks_file stored = { KS_FILE_STORED, 1ULL << 53, 5, 6, 0, 0, { 0 } };
    char text[KS_FILE_ROW_MAX];
    struct ks_str row = ks_file_row_write(&slot, text);
    bool cut = false;

    check_row(ks_file_row_read(row, &got) && same(&got, &slot), "a slot's row reads as written", "it does not");
    for (size_t len = 0; len < row.len; len++)
        cut |= ks_file_row_read(ks_str_head(row, len), &got);
    check_row(!cut, "no beginning of a row is a row", "one is");
    row = ks_file_row_write(&stored, text);
    check_row(ks_file_row_read(row, &got) && same(&got, &stored) && row.len == 26,
        "a file's row reads as written, and has no token any more", "%zu", row.len);
}

static void test_authorization(void)
{
    static const struct {
        const char *name, *value;
    } bad[] = {
        { "another scheme", "Bearer YTphYmM=" },
        { "no base64", "Basic ???" },
        { "nothing", "" },
        { "a token that is too short", "Basic YW5uYUBvZmZlbi5leGFtcGxlOmFiYw==" },
        { "no account", "Basic OjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm" },
        { "a token that is none", "Basic YTpYMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==" },
    };
    struct ks_str bare, token, text;
    struct ks_arena arena;

    ks_arena_init(&arena, 65536);
    text = ks_file_authorization(&arena, KS_STR("anna@offen.example"), KS_STR("0123456789abcdef0123456789abcdef"));
    check_row(ks_file_authorization_read(&arena, text, &bare, &token) && ks_str_is(bare, "anna@offen.example")
            && ks_str_is(token, "0123456789abcdef0123456789abcdef"),
        "RFC 7617 §2: an authorization reads as written", "%.*s", KS_STR_FMT(text));
    for (size_t i = 0; i < KS_COUNT(bad); i++)
        check_row(!ks_file_authorization_read(&arena, ks_str_z(bad[i].value), &bare, &token), bad[i].name, "taken");
    ks_arena_done(&arena);
}

static void test_plain(void)
{
    static const struct {
        const char *name, *head;
        size_t len;
        bool plain;
    } rows[] = {
        { "a JPEG looks plain", "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0", 16, true },
        { "a PNG looks plain", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, true },
        { "a PDF looks plain", "%PDF-1.7\n%....\n", 15, true },
        { "a ZIP, and so a document of an office, looks plain", "PK\3\4\x14\0\6\0\x08\0\0\0!\0\0\0", 16, true },
        { "a film looks plain",
            "\0\0\0\x20"
            "ftypisom\0\0\2\0",
            16, true },
        { "ciphertext does not", "\x8f\x12\xa0\x55\x01\x77\xc9\xee\x1b\x40\x5d\x09\x3a\xf0\x66\x21", 16, false },
        { "two bytes do not", "\xff\xd8", 2, false },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_row(ks_file_looks_plain(ks_str(rows[i].head, rows[i].len)) == rows[i].plain, rows[i].name, "else");
}

/* --- the edge's questions --- */

static struct ks_file_ask *answered;
static char removed[8][KS_FILE_NAME_LEN + 1];
static size_t removed_count, syncs;
static enum ks_err remove_result = KS_OK;

static void on_event(struct host *h, const struct ks_event *event)
{
    (void)h;
    if (event->kind == KS_EV_FILE)
        answered = event->file;
}

static enum ks_err bin_remove(void *user, struct ks_str name)
{
    (void)user;
    if (remove_result == KS_OK && removed_count < KS_COUNT(removed))
        snprintf(removed[removed_count++], sizeof removed[0], "%.*s", KS_STR_FMT(name));
    return remove_result;
}

static enum ks_err bin_sync(void *user)
{
    (void)user;
    syncs++;
    return KS_OK;
}

struct slot {
    char id[KS_FILE_ID_LEN + 1], token[KS_FILE_TOKEN_LEN + 1];
};

/* What stands between two texts of the server's answer. */
static struct ks_str between(const struct host_conn *conn, const char *a, const char *b)
{
    struct ks_str out = ks_buf_str(&conn->out);
    size_t at = ks_str_find(out, ks_str_z(a));

    out = ks_str_from(out, at + strlen(a) > out.len ? out.len : at + strlen(a));
    return ks_str_head(out, ks_str_find(out, ks_str_z(b)));
}

static struct slot get_slot(struct host_conn *conn, const char *bytes)
{
    struct ks_str bare, token;
    struct ks_arena arena;
    struct slot slot = { 0 };
    char text[300];

    ks_arena_init(&arena, 65536);
    ks_buf_reset(&conn->out);
    snprintf(text, sizeof text,
        "<iq type='get' id='s' to='offen.example'><request xmlns='" NS_UPLOAD "' filename='x' size='%s'/></iq>", bytes);
    client_say(conn, text);
    snprintf(slot.id, sizeof slot.id, "%.*s", KS_STR_FMT(between(conn, "/files/", "/")));
    if (ks_file_authorization_read(&arena, between(conn, "Authorization'>", "<"), &bare, &token))
        snprintf(slot.token, sizeof slot.token, "%.*s", KS_STR_FMT(token));
    ks_arena_done(&arena);
    return slot;
}

static enum ks_file_answer ask(struct host *h, uint16_t reactor, enum ks_file_want want, const char *account,
    const struct slot *slot, uint64_t bytes, int64_t *until_ms)
{
    struct ks_file_ask *a = calloc(1, sizeof *a);
    enum ks_file_answer answer;

    a->want = want;
    a->account = ks_str_z(account);
    a->bytes = bytes;
    a->until_ms = *until_ms;
    ks_file_name_of(ks_str(slot->id, KS_FILE_ID_LEN), a->name);
    memcpy(a->token, slot->token, sizeof a->token);
    answered = NULL;
    ks_files_ask(h->reactors[reactor], a, h->now);
    host_settle(h);
    answer = answered == a ? a->answer : (enum ks_file_answer) - 1;
    *until_ms = a->until_ms;
    free(a);
    return answer;
}

static struct host_conn *login(struct host *h, const char *user)
{
    struct host_conn *conn = host_connect(h, 1);

    client_secure(conn, "offen.example");
    client_bind(conn, "offen.example", user, "p");
    return conn;
}

#define ANNA "anna@offen.example"
#define BERTA "berta@offen.example"

static void test_asks(struct host *h, struct host_conn *anna)
{
    struct slot one = get_slot(anna, "1000"), forged = one, other = get_slot(anna, "2000");
    int64_t until = 0, later = 0;

    forged.token[3] ^= 1;
    check_row(ask(h, 0, KS_FILE_WANT_BEGIN, ANNA, &one, 1000, &until) == KS_FILE_YES
            && until == h->now.wall_ms + 90 * 86400000LL,
        "XEP-0363 §7: who has the slot may put the bytes, and they stay for files.keep", "no");
    check_row(ask(h, 1, KS_FILE_WANT_BEGIN, ANNA, &one, 1000, &later) == KS_FILE_YES,
        "from whichever thread the question comes", "no");
    check_row(ask(h, 0, KS_FILE_WANT_BEGIN, ANNA, &one, 999, &later) == KS_FILE_WRONG_LEN,
        "XEP-0363 §7: a Content-Length that does not match the slot's size is refused", "no");
    check_row(
        ask(h, 0, KS_FILE_WANT_BEGIN, ANNA, &forged, 1000, &later) == KS_FILE_NO, "a forged token is refused", "no");
    check_row(ask(h, 0, KS_FILE_WANT_BEGIN, BERTA, &one, 1000, &later) == KS_FILE_NO,
        "another account's slot is refused", "no");
    check_row(ask(h, 0, KS_FILE_WANT_BEGIN, "niemand@offen.example", &one, 1000, &later) == KS_FILE_NO,
        "an account that does not exist is refused in the same way", "no");
    check_row(ask(h, 0, KS_FILE_WANT_BEGIN, "anna@anderswo.example", &one, 1000, &later) == KS_FILE_NO,
        "a domain that is not ours is refused", "no");
    check_row(ask(h, 0, KS_FILE_WANT_BEGIN, "\xff@@", &one, 1000, &later) == KS_FILE_NO,
        "what is no address is refused", "no");
    memcpy(forged.token, other.token, sizeof forged.token);
    check_row(ask(h, 0, KS_FILE_WANT_BEGIN, ANNA, &forged, 1000, &later) == KS_FILE_NO,
        "the token of another slot of the same account is refused", "no");
    check_row(ask(h, 0, KS_FILE_WANT_END, ANNA, &one, 1000, &until) == KS_FILE_YES,
        "bytes that are on the disk are recorded", "no");
    check_row(ask(h, 0, KS_FILE_WANT_BEGIN, ANNA, &one, 1000, &later) == KS_FILE_NO, "a slot is used once", "no");
    check_row(ask(h, 0, KS_FILE_WANT_END, ANNA, &one, 1000, &until) == KS_FILE_NO, "and recorded once", "no");
    later = 1;
    ks_memory_server_store_room(h->store, 0);
    check_row(ask(h, 0, KS_FILE_WANT_END, ANNA, &other, 2000, &later) == KS_FILE_LATER,
        "a store without room: nothing is recorded, and nobody is told it was", "no");
    ks_memory_server_store_room(h->store, SIZE_MAX);
    check_row(ask(h, 0, KS_FILE_WANT_END, ANNA, &other, 2000, &later) == KS_FILE_YES, "control: with room it is", "no");
    one = get_slot(anna, "10");
    h->now.wall_ms += 301000;
    check_row(
        ask(h, 0, KS_FILE_WANT_BEGIN, ANNA, &one, 10, &later) == KS_FILE_NO, "a slot ends after files.slot", "no");
}

/* --- the log of deletions --- */

static char deletions[4096]; /* "WHO(WHAT) " for each row, since it was emptied */
static uint64_t last_seq;

static bool add_deletion(void *user, const struct ks_audit_row *row)
{
    size_t used = strlen(deletions);

    (void)user;
    last_seq = row->seq;
    if (ks_str_is(row->action, "delete") && ks_str_is(row->subject, "offen.example"))
        snprintf(
            deletions + used, sizeof deletions - used, "%.*s(%.*s) ", KS_STR_FMT(row->actor), KS_STR_FMT(row->detail));
    return true;
}

/* Of the rows since the last question. */
static struct ks_str logged(struct host *h)
{
    *deletions = 0;
    if (h->store->ops->audit_scan(h->store, last_seq + 1, add_deletion, NULL) != KS_OK)
        exit(1);
    return ks_str_z(deletions);
}

static void delete_url(struct host_conn *conn, const char *id)
{
    char text[300];

    ks_buf_reset(&conn->out);
    snprintf(text, sizeof text,
        "<iq type='set' id='x'><delete xmlns='" NS_KONSIL_FILES "'><file url='https://o/files/%s/f'/></delete></iq>",
        id);
    client_say(conn, text);
}

static void test_removal(struct host *h, struct host_conn *anna, struct host_conn *berta)
{
    struct slot slot = get_slot(anna, "1000");
    char name[KS_FILE_NAME_LEN + 1] = { 0 };
    int64_t until = h->now.wall_ms + 1000;

    ks_file_name_of(ks_str(slot.id, KS_FILE_ID_LEN), name);
    removed_count = syncs = 0;
    check_row(ask(h, 0, KS_FILE_WANT_END, ANNA, &slot, 1000, &until) == KS_FILE_YES, "a file", "no");
    delete_url(berta, slot.id);
    check_row(
        removed_count == 0 && between(berta, "found='", "'").len == 5, "nobody else deletes it", "%zu", removed_count);
    remove_result = KS_EIO;
    delete_url(anna, slot.id);
    check_row(ks_str_find(ks_buf_str(&anna->out), KS_STR("resource-constraint")) < anna->out.len,
        "a file that cannot be removed is not said to be", "%.*s", KS_STR_FMT(ks_buf_str(&anna->out)));
    remove_result = KS_OK;
    (void)logged(h);
    delete_url(anna, slot.id);
    check_row(
        removed_count == 1 && strcmp(removed[0], name) == 0 && syncs == 1 && between(anna, "found='", "'").len == 4,
        "DSK I.7-a: its owner deletes it, and its bytes are gone before she is told", "%zu %zu", removed_count, syncs);
    check_str("DSK I.7-f in full: the log of deletions says that a file went, by its owner, and not which or whose",
        logged(h), KS_STR("owner(reason=owner files=1) "));
    slot = get_slot(anna, "1000");
    delete_url(anna, slot.id);
    check_str("a place that nothing came to is no file: its end is in no log", logged(h), KS_STR_EMPTY);
    check_row(ask(h, 0, KS_FILE_WANT_END, ANNA, &slot, 1000, &until) == KS_FILE_NO,
        "bytes of a slot that was deleted meanwhile are not recorded", "no");
}

/* A sealed message with two files, taken back: one of them, one that is another's, and one that never came. */
static void test_taken_back(struct host *h, struct host_conn *anna, struct host_conn *berta)
{
    struct slot slots[] = { get_slot(anna, "1000"), get_slot(berta, "1000"), get_slot(anna, "1000") };
    int64_t until = h->now.wall_ms + 1000;
    char text[2000];

    if (ask(h, 0, KS_FILE_WANT_END, ANNA, &slots[0], 1000, &until) != KS_FILE_YES
        || ask(h, 0, KS_FILE_WANT_END, BERTA, &slots[1], 1000, &until) != KS_FILE_YES)
        exit(1);
    ks_buf_reset(&anna->out);
    snprintf(text, sizeof text,
        "<iq type='set' id='e'><erase xmlns='" NS_KONSIL_ERASE "' with='" BERTA "'>"
        "<slot url='https://o/files/%s/f'/><slot url='https://o/files/%s/f'/><slot url='https://o/files/%s/f'/>"
        "</erase></iq>",
        slots[0].id, slots[1].id, slots[2].id);
    client_say(anna, text);
    check_str("DSK I.7-f in full: files that go with a message that is taken back are counted there, in one row",
        logged(h), KS_STR("author(reason=retraction files=1) "));
}

static void all_run(struct ks_ctx *ctx)
{
    ks_files_remove_all(ctx, KS_STR("uid:0"));
}

static void kick_run(struct ks_ctx *ctx)
{
    ks_files_device_out(ctx, ctx->parcel->number);
}

/* Runs it at anna's home, as konsilctl does. */
static void at_home(struct host *h, void (*run)(struct ks_ctx *ctx), uint64_t number)
{
    for (uint16_t i = 0; i < h->reactor_count; i++) {
        struct ks_parcel *parcel = ks_parcel_new(65536);
        if (!parcel)
            exit(1);
        parcel->home = KS_STR(ANNA);
        parcel->run = run;
        parcel->refused = ks_parcel_ignore;
        parcel->number = number;
        if (ks_home_of(h->server, parcel->home) == i)
            ks_post(h->reactors[i], parcel);
        else
            ks_parcel_unref(h->reactors[i], parcel);
        ks_reactor_run(h->reactors[i]);
    }
    host_settle(h);
}

static void test_device_out(struct host *h, struct host_conn *anna)
{
    struct slot slot = get_slot(anna, "10"), file = get_slot(anna, "11");
    int64_t until = h->now.wall_ms + 1000;

    at_home(h, kick_run, 12345);
    check_row(ask(h, 0, KS_FILE_WANT_BEGIN, ANNA, &slot, 10, &until) == KS_FILE_YES,
        "control: another device's end leaves a slot", "no");
    if (ask(h, 0, KS_FILE_WANT_END, ANNA, &file, 11, &until) != KS_FILE_YES)
        exit(1);
    removed_count = 0;
    at_home(h, kick_run, KS_DEVICES_ALL);
    check_row(ask(h, 0, KS_FILE_WANT_BEGIN, ANNA, &slot, 10, &until) == KS_FILE_NO
            && ask(h, 0, KS_FILE_WANT_END, ANNA, &slot, 10, &until) == KS_FILE_NO && removed_count == 1,
        "DSK I.5-c part (uploads): a device that is out has no slots any more, and no bytes of them", "%zu",
        removed_count);
}

static void test_all(struct host *h, struct host_conn *anna)
{
    struct slot slots[] = { get_slot(anna, "8"), get_slot(anna, "9") };
    int64_t until = h->now.wall_ms + 1000;

    at_home(h, all_run, 0);
    (void)logged(h);
    for (size_t i = 0; i < KS_COUNT(slots); i++) {
        slots[i] = get_slot(anna, "8");
        if (ask(h, 0, KS_FILE_WANT_END, ANNA, &slots[i], 8, &until) != KS_FILE_YES)
            exit(1);
    }
    at_home(h, all_run, 0);
    check_str("DSK I.7-f in full: and those that an administrator removes, with his number", logged(h),
        KS_STR("uid:0(reason=administrator files=2) "));
    slots[0] = get_slot(anna, "8");
    if (ask(h, 0, KS_FILE_WANT_END, ANNA, &slots[0], 8, &until) != KS_FILE_YES)
        exit(1);
    h->now.wall_ms = until;
    (void)get_slot(anna, "8");
    check_str(
        "DSK I.7-f in full: and those whose time is up, when their owner asks for more before the daily run comes",
        logged(h), KS_STR("konsild(reason=period files=1) "));
}

static void test_account(struct host *h, struct host_conn *anna)
{
    struct slot slot = get_slot(anna, "7");
    struct ks_store_req *txn = ks_store_txn_new();
    struct ks_store_req *done;
    int64_t until = h->now.wall_ms + 1000;

    if (ask(h, 0, KS_FILE_WANT_END, ANNA, &slot, 7, &until) != KS_FILE_YES || !txn)
        exit(1);
    removed_count = 0;
    ks_store_txn_account_delete(txn, KS_STR("offen.example"), KS_STR("anna"));
    txn->submitter = KS_SUBMITTERS_MAX - 1;
    txn->epoch = 1;
    ks_committer_submit(h->committer, txn);
    done = ks_committer_turn(h->committer, h->now);
    check_row(done && done->result == KS_OK && removed_count >= 1, "deleting an account deletes its files", "%zu",
        removed_count);
    ks_store_req_free(done);
}

int main(void)
{
    struct ks_config *config = host_config();
    struct ks_server_store *store = ks_memory_server_store_new();
    const struct ks_domain *domain;
    struct host_conn *anna, *berta;
    struct host *h;

    if (ks_crypto_init() != KS_OK || !config || !store)
        return 2;
    test_ids();
    test_rows();
    test_authorization();
    test_plain();
    domain = ks_config_domain(config, KS_STR("offen.example"));
    if (ks_config_set_text(config, domain, KS_STR("files.url"), KS_STR("https://offen.example/files")) != KS_OK)
        return 2;
    h = host_new(config, store, 2, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    h->on_control = on_event;
    ks_committer_set_files(h->committer, &(struct ks_file_bin) { bin_remove, bin_sync, NULL });
    host_add_account(h, "offen.example", "anna", "Anna", "p");
    host_add_account(h, "offen.example", "berta", "Berta", "p");
    anna = login(h, "anna");
    berta = login(h, "berta");
    test_asks(h, anna);
    test_removal(h, anna, berta);
    test_taken_back(h, anna, berta);
    test_device_out(h, anna);
    test_all(h, anna);
    test_account(h, anna);
    host_conn_free(anna);
    host_conn_free(berta);
    host_free(h);
    ks_server_store_free(store);
    ks_config_unref(config);
    return check_done();
}
