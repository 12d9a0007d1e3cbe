/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What konsild finds of a room in its store: its configuration and subject, who belongs to it, what its owners signed.
 * Whatever it is: each question to the room is answered once, in XML; the streams stay open; and where the
 * configuration cannot be read, nobody enters whom no row names. */
#include <stdlib.h>

#include "client.h"
#include "crypto.h"
#include "ns.h"
#include "room.h"
#include "store_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ROOM "tee@rooms.offen.example"
#define ASK(id, type, payload) "<iq type='" type "' id='" id "' to='" ROOM "'>" payload "</iq>"

enum { CONFIG, SUBJECT, MEMBER, STATEMENT, KINDS };
static const char *const stores[KINDS] = { KS_STORE_ROOM, KS_STORE_ROOM, KS_STORE_ROOM_MEMBER,
    KS_STORE_ROOM_STATEMENT };
static const char *const questions[] = {
    ASK("q0", "get", "<query xmlns='" NS_DISCO_INFO "'/>"),
    ASK("q1", "get", "<query xmlns='" NS_DISCO_ITEMS "'/>"),
    ASK("q2", "get", "<query xmlns='" NS_DISCO_INFO "' node='x-roomuser-item'/>"),
    ASK("q3", "get", "<query xmlns='" NS_MUC_OWNER "'/>"),
    ASK("q4", "get", "<query xmlns='" NS_MUC_ADMIN "'><item affiliation='member'/></query>"),
    ASK("q5", "get", "<query xmlns='" NS_MUC_ADMIN "'><item affiliation='outcast'/></query>"),
    ASK("q6", "get", "<query xmlns='" NS_REGISTER "'/>"),
    ASK("q7", "set", "<query xmlns='" NS_MAM "'/>"),
    ASK("q8", "set", "<query xmlns='" NS_MUC_ADMIN "'><item affiliation='member' jid='clara@offen.example'/></query>"),
    ASK("q9", "set",
        "<query xmlns='" NS_MUC_OWNER "'><x xmlns='" NS_DATA
        "' type='submit'><field var='FORM_TYPE'><value>" NS_MUC_ROOMCONFIG
        "</value></field><field var='muc#roomconfig_changesubject'><value>1</value></field></x>"
        "</query>"),
    ASK("q:", "get", "<statements xmlns='" NS_KONSIL_ROOM "'/>"),
};

static bool is_sound;  /* texts are such as can stand in XML: konsild writes no others, and does not look for them */
static bool is_closed; /* the configuration is none that konsild wrote, and no row names jonas */

/* The texts of a row stand behind numbers, and are to the end, or fields. */
static bool is_row_sound(unsigned kind, struct ks_str key, struct ks_str value)
{
    static const size_t heads[KINDS] = { [CONFIG] = 14, [SUBJECT] = 8, [MEMBER] = 10, [STATEMENT] = 1 };
    struct ks_cursor at = ks_cursor(ks_str_from(value, heads[kind] < value.len ? heads[kind] : value.len));
    struct ks_str field;

    if (kind == MEMBER)
        return is_printable(key) && is_printable(at.left);
    while (ks_cursor_field(&at, &field) == KS_OK)
        if (!is_printable(field))
            return false;
    return true;
}

static void put_row(
    struct ks_server_store *store, uint64_t account, unsigned kind, struct ks_str key, struct ks_str value)
{
    if (kind == CONFIG || kind == SUBJECT)
        key = kind == CONFIG ? KS_STR("config") : KS_STR("subject");
    is_sound = is_sound && is_row_sound(kind, key, value);
    if (kind == CONFIG)
        is_closed = value.len == 0 || value.ptr[0] != 1;
    if (store->ops->begin(store) != KS_OK)
        abort();
    if (store->ops->kv_put(store, &(struct ks_kv_row) { account, ks_str_z(stores[kind]), key, value }) != KS_OK
        || store->ops->commit(store) != KS_OK)
        store->ops->rollback(store);
}

/* True if a row names jonas. */
static bool put_rows(struct ks_server_store *store, uint64_t account, struct ks_str input)
{
    struct ks_cursor at = ks_cursor(input);
    struct row row;
    bool named = false;

    while (next_row(&at, KINDS, &row))
        if (row.key.len > 0) {
            put_row(store, account, row.kind, row.key, row.value);
            named = named || (row.kind == MEMBER && ks_str_starts(row.key, KS_STR("jonas@")));
        }
    return named;
}

static struct host_conn *login(struct host *host, uint64_t number, const char *local)
{
    struct host_conn *conn = host_connect(host, number);

    client_secure(conn, "offen.example");
    client_bind(conn, "offen.example", local, "p");
    client_say(conn, "<presence/>");
    ks_buf_reset(&conn->out);
    return conn;
}

static void make_room(struct host *host)
{
    struct host_conn *anna = login(host, 1, "anna");

    client_say(anna, "<presence to='" ROOM "/Anna'/>");
    host_conn_free(anna);
}

static void ask_room(struct host *host)
{
    struct host_conn *anna = login(host, 1, "anna"), *jonas = login(host, 2, "jonas");

    client_say(anna, "<presence to='" ROOM "/Anna'><x xmlns='" NS_MUC "'/></presence>");
    client_say(jonas, "<presence to='" ROOM "/Jonas'><x xmlns='" NS_MUC "'/></presence>");
    if (is_closed && is_sound)
        assert(ks_str_find(ks_buf_str(&jonas->out), KS_STR("registration-required")) < jonas->out.len);
    for (size_t i = 0; i < KS_COUNT(questions); i++)
        client_say(anna, questions[i]);
    assert(!anna->closed && !jonas->closed);
    if (is_sound)
        check_said(ks_buf_str(&anna->out), KS_COUNT(questions));
    host_conn_free(anna);
    host_conn_free(jonas);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_server_store *store;
    struct ks_config *config;
    struct host *host;
    uint64_t account = 0;

    if (ks_crypto_init() != KS_OK)
        return 0;
    is_sound = true;
    is_closed = false;
    store = ks_memory_server_store_new();
    config = host_config();
    host = host_new(config, store, 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    host_add_account(host, "offen.example", "anna", "Anna", "p");
    host_add_account(host, "offen.example", "jonas", "Jonas", "p");
    make_room(host);
    host_free(host);
    if (store->ops->account_find(store, KS_STR("rooms.offen.example"), KS_STR("tee"), take_id, &account) != KS_OK
        || !account)
        abort();
    is_closed &= !put_rows(store, account, ks_str(data, len));
    host = host_new(config, store, 1, 1, (struct ks_now) { 2000, 1795312900000 }, false);
    ask_room(host);
    host_free(host);
    ks_server_store_free(store);
    ks_config_unref(config);
    return 0;
}
