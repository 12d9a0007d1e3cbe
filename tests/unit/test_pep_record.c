/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Nodes as an older konsild stored them (pep_node.h). */
#include "check.h"
#include "client.h"
#include "crypto.h"
#include "ns.h"

#define PUBLISH(max)                                                                                                  \
    "<iq type='set' id='p'><pubsub xmlns='" NS_PUBSUB "'><publish node='n'><item id='1'/></publish><publish-options>" \
    "<x xmlns='" NS_DATA "' type='submit'><field var='FORM_TYPE'><value>" NS_PUBLISH_OPTIONS "</value></field>"       \
    "<field var='pubsub#max_items'><value>" max "</value></field></x></publish-options></pubsub></iq>"

static bool take_id(void *user, const struct ks_account_row *row)
{
    *(uint64_t *)user = row->id;
    return true;
}

static const struct row {
    const char *name;
    uint8_t version;
    uint32_t items_max;
    const char *publish;
    bool fits;
} rows[] = {
    { "a record of version 1 with 256 items was \"max\", which was 256 then: it fits \"max\" as publish-options", 1,
        256, PUBLISH("max"), true },
    { "and fits 256 no more, which nobody asks for", 1, 256, PUBLISH("256"), false },
    { "a record of version 1 with another number is that number", 1, 10, PUBLISH("10"), true },
    { "and not \"max\"", 1, 10, PUBLISH("max"), false },
    { "in version 2 256 is 256", 2, 256, PUBLISH("256"), true },
    { "and not \"max\" (XEP-0060 §7.1.5: <precondition-not-met/>)", 2, 256, PUBLISH("max"), false },
    { "in version 2 \"max\" has a number of its own", 2, UINT32_MAX, PUBLISH("max"), true },
};

static void put_node(struct ks_server_store *store, const struct row *row)
{
    uint64_t account = 0;
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init(&record, 64);
    ks_buf_byte(&record, row->version);
    ks_buf_byte(&record, 1); /* presence */
    ks_buf_byte(&record, 2); /* on_sub_and_presence */
    ks_buf_u32(&record, row->items_max);
    ks_buf_byte(&record, 5); /* persist, notify_delete */
    ks_buf_field(&record, KS_STR(""));
    err = store->ops->account_find(store, KS_STR("offen.example"), KS_STR("anna"), take_id, &account);
    if (err == KS_OK && (err = store->ops->begin(store)) == KS_OK
        && (err = store->ops->kv_put(
                store, &(struct ks_kv_row) { account, KS_STR("pep-node"), KS_STR("n"), ks_buf_str(&record) }))
            == KS_OK)
        err = store->ops->commit(store);
    if (err != KS_OK)
        abort();
    ks_buf_done(&record);
}

static void run(const struct row *row)
{
    struct ks_server_store *store = ks_memory_server_store_new();
    struct ks_config *config = host_config();
    struct host *host = host_new(config, store, 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    struct host_conn *conn;

    host_add_account(host, "offen.example", "anna", "Anna", "p");
    host_free(host);
    put_node(store, row);
    host = host_new(config, store, 1, 1, (struct ks_now) { 2000, 1795312900000 }, false);
    conn = host_connect(host, 1);
    client_secure(conn, "offen.example");
    client_bind(conn, "offen.example", "anna", "p");
    ks_buf_reset(&conn->out);
    client_say(conn, row->publish);
    struct ks_str said = ks_buf_str(&conn->out);
    bool fits = ks_str_find(said, KS_STR("precondition-not-met")) == said.len
        && ks_str_find(said, KS_STR("type='result'")) < said.len;
    check_row(fits == row->fits, row->name, "%.*s", (int)said.len, said.ptr);
    host_conn_free(conn);
    host_free(host);
    ks_server_store_free(store);
    ks_config_unref(config);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    for (size_t i = 0; i < KS_COUNT(rows); i++)
        run(&rows[i]);
    return check_done();
}
