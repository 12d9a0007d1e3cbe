/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A client stream gets bytes of a stranger, in clear or under TLS, of a client that is logged in, or of a component.
 * Where the network cuts them does not matter: the same elements come back, and the stream is open or closed alike.
 * (Not in the same order: answers that need the disk are overtaken by others, and acknowledgements count whatever is
 * done by then.) */
#include <stdlib.h>

#include "client.h"
#include "crypto.h"
#include "host_client.h"
#include "ns.h"
#include "xml_framer.h"

#define ELEMENTS_MAX 4096
#define SECRET "acht und zwanzig Zeichen lang"

struct said {
    struct ks_str elements[ELEMENTS_MAX];
    size_t count;
    struct ks_str error; /* that closed it */
    bool closed;
};

static struct host *new_host(struct ks_config *config, struct ks_server_store *store)
{
    struct host *host = host_new(config, store, 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);

    host_add_account(host, "offen.example", "anna", "Anna", "p");
    host_add_account(host, "offen.example", "jonas", "Jonas", "p");
    return host;
}

static struct host_conn *come(struct host *host, unsigned how)
{
    struct host_conn *conn;
    char proof[41];

    if (how == 3) {
        conn = host_component(host, "sms.offen.example", SECRET, proof);
        host_say(conn, "<handshake>%s</handshake>", proof);
        ks_buf_reset(&conn->out);
        return conn;
    }
    conn = host_connect(host, 1);
    if (how >= 1) {
        client_header(conn, "offen.example");
        client_say(conn, "<starttls xmlns='" NS_TLS "'/>");
        host_secure(conn);
    }
    if (how >= 2) {
        client_header(conn, "offen.example");
        client_bind(conn, "offen.example", "anna", "p");
    }
    ks_buf_reset(&conn->out);
    return conn;
}

static int by_kind(const void *a, const void *b)
{
    const struct ks_str *x = a, *y = b;
    int order = ks_str_cmp(ks_str_head(*x, 20), ks_str_head(*y, 20));

    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* What came back, in elements. */
static void read_said(const struct host_conn *conn, bool header, struct said *said)
{
    struct ks_str left = ks_buf_str(&conn->out);
    struct ks_framer framer;

    said->closed = conn->closed;
    said->count = 0;
    said->error = KS_STR_EMPTY;
    ks_framer_init(&framer, UINT32_MAX, 1000);
    if (header) { /* it came before */
        size_t len;
        struct ks_str text = KS_STR("<stream:stream>");
        (void)ks_framer_next(&framer, text, &len);
    }
    while (left.len) {
        size_t len;
        enum ks_frame frame = ks_framer_next(&framer, left, &len);
        struct ks_str element = ks_str_head(left, len);
        left = ks_str_from(left, len);
        assert(frame == KS_FRAME_OPEN || frame == KS_FRAME_STANZA || frame == KS_FRAME_CLOSE);
        if (frame == KS_FRAME_CLOSE)
            assert(!left.len); /* and nothing behind it */
        if (ks_str_starts(element, KS_STR("<a xmlns='" NS_SM)) || ks_str_starts(element, KS_STR("<r xmlns='" NS_SM)))
            continue;
        if (ks_str_starts(element, KS_STR("<stream:error>")))
            said->error = element;
        assert(said->count < ELEMENTS_MAX);
        said->elements[said->count++] = element;
    }
    qsort(said->elements, said->count, sizeof said->elements[0], by_kind);
}

/* One life: the bytes, cut at this place. */
static struct host_conn *live(struct host *host, unsigned how, struct ks_str bytes, size_t cut)
{
    struct host_conn *conn = come(host, how);

    host_feed(conn, ks_str_head(bytes, cut));
    host_settle(host);
    host_feed(conn, ks_str_from(bytes, cut));
    host_settle(host);
    return conn;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct said whole, parts;
    struct ks_server_store *stores[2];
    struct host_conn *conns[2];
    struct host *hosts[2];
    struct ks_config *config;

    if (len < 2 || ks_crypto_init() != KS_OK)
        return 0;
    unsigned how = data[0] % 4;
    struct ks_str bytes = ks_str(data + 2, len - 2);
    size_t cut = bytes.len * data[1] / 256;
    config = host_config();
    if (ks_config_set_text(
            config, ks_config_domain_at(config, 1), KS_STR("component.host"), KS_STR("sms.offen.example"))
        || ks_config_set_text(config, ks_config_domain_at(config, 1), KS_STR("component.secret"), KS_STR(SECRET)))
        abort();
    for (int i = 0; i < 2; i++) {
        stores[i] = ks_memory_server_store_new();
        hosts[i] = new_host(config, stores[i]);
        conns[i] = live(hosts[i], how, bytes, i ? cut : bytes.len);
    }
    /* In clear, what comes behind <starttls/> may be cut off by the handshake, which does not come here. */
    read_said(conns[0], how >= 2, &whole);
    read_said(conns[1], how >= 2, &parts);
    /* What a client acknowledges before it was sent is another matter when it was sent. */
    if (ks_str_find(bytes, KS_STR(NS_SM)) < bytes.len)
        parts = whole;
    assert(whole.closed == parts.closed && ks_str_eq(whole.error, parts.error));
    assert(whole.closed || whole.count == parts.count);
    for (size_t i = 0; i < whole.count && !whole.closed; i++)
        assert(by_kind(&whole.elements[i], &parts.elements[i]) == 0);
    for (int i = 0; i < 2; i++) {
        host_conn_free(conns[i]);
        host_free(hosts[i]);
        ks_server_store_free(stores[i]);
    }
    ks_config_unref(config);
    return 0;
}
