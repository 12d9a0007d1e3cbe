/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a stranger says under TLS to log in (XEP-0388, XEP-0386, XEP-0484, and the older SASL): wherever the network
 * cuts it, nobody is let in who does not prove himself, and an exchange fails at most once. */
#include <stdlib.h>

#include "client.h"
#include "crypto.h"
#include "host_client.h"
#include "ns.h"

#define PASSWORD "Gänsefüßchen und Punkt"

static size_t count(struct ks_str text, const char *what)
{
    size_t found = 0, at;

    while ((at = ks_str_find(text, ks_str_z(what))) < text.len) {
        text = ks_str_from(text, at + 1);
        found++;
    }
    return found;
}

static void say(struct host_conn *conn, struct ks_str bytes)
{
    host_feed(conn, bytes);
    host_settle(conn->host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_server_store *store;
    struct ks_config *config;
    struct host_conn *conn;
    struct ks_str bytes, out;
    struct host *host;
    size_t cut;

    if (len < 1 || ks_crypto_init() != KS_OK)
        return 0;
    bytes = ks_str(data + 1, len - 1);
    cut = bytes.len * data[0] / 256;
    config = host_config();
    store = ks_memory_server_store_new();
    host = host_new(config, store, 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    host_add_account(host, "offen.example", "anna", "Anna", PASSWORD);
    conn = host_connect(host, 1);
    client_header(conn, "offen.example");
    client_say(conn, "<starttls xmlns='" NS_TLS "'/>");
    host_secure(conn);
    client_header(conn, "offen.example");
    ks_buf_reset(&conn->out);
    say(conn, ks_str_head(bytes, cut));
    say(conn, ks_str_from(bytes, cut));
    out = ks_buf_str(&conn->out);
    assert(count(out, "<success") == 0 && count(out, "<continue") == 0);
    assert(count(out, "<failure") <= count(bytes, "<a") + count(bytes, "<response"));
    assert(conn->closed || !count(out, "</stream:stream>"));
    host_conn_free(conn);
    host_free(host);
    ks_server_store_free(store);
    ks_config_unref(config);
    return 0;
}
