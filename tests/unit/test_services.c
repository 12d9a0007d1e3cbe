/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* XEP-0215: which URIs are taken for services, and that a relay which knows the secret takes the credentials. */
#include "check.h"
#include "client.h"
#include "crypto.h"
#include "enc.h"
#include "ns.h"
#include "xml_reader.h"

static const struct {
    const char *name, *uris;
    bool good;
} rows[] = {
    { "none", "", true },
    { "RFC 7064 §3.1: a host", "stun:relay.klinik.example", true },
    { "RFC 7064 §3.1: with a port", "stuns:192.0.2.1:5350", true },
    { "RFC 7065 §3.1: with a transport", "turn:relay.klinik.example?transport=udp", true },
    { "RFC 7065 §3.1: an address of IPv6, with all there is", "turns:[2001:db8::1]:443?transport=tcp", true },
    { "several, with blanks between them", "stun:a  turn:b ", true },
    { "several, of which one is none", "stun:a ftp:b", false },
    { "another scheme", "https://relay.klinik.example", false },
    { "no scheme", "relay.klinik.example", false },
    { "no host", "stun:", false },
    { "no host, but a port", "turn::3478", false },
    { "port 0", "stun:a:0", false },
    { "a port above 65535", "stun:a:65536", false },
    { "a port that is no number", "stun:a:x", false },
    { "a colon without a port", "stun:a:", false },
    { "a bracket that stays open", "stun:[::1", false },
    { "something behind a bracket", "stun:[::1]x", false },
    { "RFC 7064 §3.1: STUN has no transport", "stun:a?transport=udp", false },
    { "another transport", "turn:a?transport=sctp", false },
    { "another parameter", "turn:a?foo=udp", false },
    { "a path", "turn:a/b", false },
};

static void test_uris(struct ks_config *config)
{
    const struct ks_domain *domain = ks_config_domain(config, KS_STR("offen.example"));

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        enum ks_err err = ks_config_set_text(config, domain, KS_STR("services.uris"), ks_str_z(rows[i].uris));
        check_row(err == (rows[i].good ? KS_OK : KS_ESYNTAX), rows[i].name, "%s", ks_err_name(err));
    }
}

/* What a relay does with a name and a password (draft-uberti-behave-turn-rest-00 §4). */
static bool takes(struct ks_arena *arena, struct ks_str secret, struct ks_str username, struct ks_str password)
{
    uint8_t mac[KS_HASH_MAX];
    struct ks_str right;

    ks_hmac(KS_SHA1, secret, username, mac);
    return ks_base64(arena, ks_str(mac, ks_hash_len(KS_SHA1)), &right) == KS_OK && ks_str_eq(right, password);
}

static void test_credentials(struct ks_config *config)
{
    const struct ks_domain *domain = ks_config_domain(config, KS_STR("offen.example"));
    struct ks_server_store *store = ks_memory_server_store_new();
    struct ks_str left, time;
    struct ks_xml *xml = NULL;
    struct host_conn *conn;
    struct ks_arena arena;
    struct host *host;
    uint64_t expires = 0;

    if (!store
        || ks_config_set_text(config, domain, KS_STR("services.uris"), KS_STR("turn:relay.offen.example")) != KS_OK
        || ks_config_set_text(config, domain, KS_STR("services.secret"), KS_STR("ein Geheimnis")) != KS_OK)
        exit(1);
    host = host_new(config, store, 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    host_add_account(host, "offen.example", "anna", "Anna", "p");
    conn = host_connect(host, 1);
    client_secure(conn, "offen.example");
    client_bind(conn, "offen.example", "anna", "p");
    ks_buf_reset(&conn->out);
    client_say(conn, "<iq type='get' id='s' to='offen.example'><services xmlns='" NS_EXTDISCO "'/></iq>");
    ks_arena_init(&arena, 65536);
    if (ks_xml_read(&arena, ks_buf_str(&conn->out), KS_STR(NS_CLIENT), KS_STR_EMPTY, &xml) != KS_OK)
        exit(1);
    const struct ks_xml *service = ks_xml_child(ks_xml_child(xml, NS_EXTDISCO, "services"), NS_EXTDISCO, "service");
    struct ks_str username = ks_xml_attr(service, "username"), password = ks_xml_attr(service, "password");
    check_row(takes(&arena, KS_STR("ein Geheimnis"), username, password),
        "draft-uberti-behave-turn-rest-00 §2.2: the password is base64 of HMAC-SHA-1 over the user", "%.*s",
        KS_STR_FMT(password));
    check_row(!takes(&arena, KS_STR("ein anderes"), username, password), "control: not with another secret", "it is");
    left = username;
    check_row(ks_str_cut(&left, ':', &time) && ks_str_u64(time, UINT64_MAX, &expires) == KS_OK
            && expires == 1795312800 + 43200 && left.len == 16,
        "the user begins with the time at which it ends", "%.*s", KS_STR_FMT(username));
    check_row(ks_str_find(username, KS_STR("anna")) == username.len, "and does not say who it is", "%.*s",
        KS_STR_FMT(username));
    ks_arena_done(&arena);
    host_conn_free(conn);
    host_free(host);
    ks_server_store_free(store);
}

int main(void)
{
    struct ks_config *config = host_config();

    if (ks_crypto_init() != KS_OK || !config)
        return 2;
    test_uris(config);
    test_credentials(config);
    ks_config_unref(config);
    return check_done();
}
