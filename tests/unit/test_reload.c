/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A configuration that is replaced while something of it waits for the committer. */
#include "check.h"
#include "crypto.h"
#include "host_client.h"
#include "ns.h"

#define DOMAIN "offen.example"
#define PASSWORD "ein Kennwort"
#define URI "https://status.example/"

static const struct ks_now start = { .mono_ms = 1000, .wall_ms = 1795312800000 };

/* The host's, in place of the one it has: nobody else holds it. */
static void take(struct host *h, const char *uris)
{
    struct ks_config *config = host_config();
    const struct ks_domain *domain = ks_config_domain(config, KS_STR(DOMAIN));

    if (ks_config_set_text(config, domain, KS_STR("outage.addresses"), ks_str_z(uris)) != KS_OK
        || ks_config_set_text(config, domain, KS_STR("admin.accounts"), KS_STR("anna")) != KS_OK)
        abort();
    host_configure(h, config);
    ks_config_unref(config);
}

static void test_waiting(void)
{
    struct ks_config *config = host_config();
    struct ks_server_store *store = ks_memory_server_store_new();
    struct host *host = host_new(config, store, 1, 7, start, false);
    struct host_conn *anna;

    ks_config_unref(config);
    host_add_account(host, DOMAIN, "anna", "Anna", PASSWORD);
    take(host, URI);
    anna = host_bound(host, DOMAIN, "anna", PASSWORD, "desk");
    host_feed(anna,
        KS_STR(
            "<iq type='set' id='s'><query xmlns='" NS_PRIVATE "'><mark xmlns='urn:example:mark'/></query></iq>"
            "<iq type='get' to='" DOMAIN "' id='d'><query xmlns='" NS_DISCO_INFO "'/></iq>"
            "<iq type='get' to='" DOMAIN "' id='i'><query xmlns='" NS_DISCO_ITEMS "'/></iq>"
            "<iq type='get' to='" DOMAIN "' id='c'><query xmlns='" NS_DISCO_ITEMS "' node='" NS_COMMANDS "'/></iq>"));
    check_row(!host_heard(anna, "id='d'"), "(control: an answer waits for what was to be stored before it)", "it came");
    take(host, "");
    check_row(host_heard(anna, "id='s'") && host_heard(anna, URI) && host_heard(anna, "jid='rooms." DOMAIN "'")
            && host_heard(anna, "jid='" DOMAIN "' node='http://jabber.org/protocol/admin#add-user'"),
        "an answer that waits while the configuration is read anew says what it was to say", "%.*s",
        KS_STR_FMT(ks_str_head(ks_buf_str(&anna->out), 400)));
    host_forget(anna);
    host_say(anna, "<iq type='get' to='" DOMAIN "' id='e'><query xmlns='" NS_DISCO_INFO "'/></iq>");
    check_row(host_heard(anna, "id='e'") && !host_heard(anna, URI), "and the next one what holds from now on", "%.*s",
        KS_STR_FMT(ks_buf_str(&anna->out)));
    host_conn_free(anna);
    host_free(host);
    ks_server_store_free(store);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    test_waiting();
    return check_done();
}
