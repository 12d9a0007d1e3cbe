/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_host_meta.c -- XEP-0156 Discovering Alternative XMPP Connection Methods, version 1.4.0: where a page in a browser
 * finds the domain's WebSocket; and XEP-0487 Host Meta 2, where the addresses that it wants are known. BOSH is not
 * offered, so it is not named. */
#include "web.h"
#include "web_handlers.h"

#define META_BYTES_MAX 8192
#define RELATION "urn:xmpp:alt-connections:"
#define TTL_S "3600"

/* §4.3: of the XMPP URI schemes only 'wss://' may be named. */
static void add_socket(struct ks_buf *buf, const struct ks_web_domain *domain)
{
    ks_buf_z(buf, "wss");
    ks_buf_add(buf, ks_str_from(domain->origin, strlen("https")));
    ks_buf_z(buf, KS_WEB_SOCKET_PATH);
}

/* RFC 6415 §3: XRD. */
static void write_xrd(struct ks_buf *buf, const struct ks_web_setup *web, const struct ks_web_domain *domain)
{
    (void)web;
    ks_buf_z(buf,
        "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n"
        "  <Link rel='" RELATION "websocket' href='");
    add_socket(buf, domain);
    ks_buf_z(buf, "'/>\n</XRD>\n");
}

/* XEP-0487 §3.1: what each link has beside where it leads to. */
static void add_details(struct ks_buf *buf, const struct ks_web_domain *domain)
{
    struct ks_str list = domain->addresses, address;
    const char *separator = "";

    ks_buf_z(buf, ",\"priority\":10,\"weight\":10,\"sni\":\"");
    ks_buf_add(buf, domain->name);
    ks_buf_z(buf, "\",\"ips\":[");
    while (ks_str_cut(&list, ' ', &address))
        if (address.len) {
            ks_buf_printf(buf, "%s\"%.*s\"", separator, KS_STR_FMT(address));
            separator = ",";
        }
    ks_buf_z(buf, "]");
}

/* RFC 6415 appendix A: JRD. A domain's name, an origin and an address hold nothing that JSON would escape. */
static void write_jrd(struct ks_buf *buf, const struct ks_web_setup *web, const struct ks_web_domain *domain)
{
    bool details = domain->addresses.len > 0;

    ks_buf_z(buf, "{");
    if (details)
        ks_buf_z(buf, "\"xmpp\":{\"ttl\":" TTL_S "},");
    ks_buf_z(buf, "\"links\":[{\"rel\":\"" RELATION "websocket\",\"href\":\"");
    add_socket(buf, domain);
    ks_buf_z(buf, "\"");
    if (details)
        add_details(buf, domain);
    ks_buf_z(buf, "}");
    if (details && web->direct_tls_port) {
        ks_buf_printf(buf, ",{\"rel\":\"" RELATION "tls\",\"port\":%u", web->direct_tls_port);
        add_details(buf, domain);
        ks_buf_z(buf, "}");
    }
    ks_buf_z(buf, "]}\n");
}

static void answer(struct ks_http_exchange *x, const struct ks_http_request *request, const char *media_type,
    void (*write)(struct ks_buf *, const struct ks_web_setup *, const struct ks_web_domain *))
{
    static const struct ks_http_field cached = { "Cache-Control", { "max-age=" TTL_S, sizeof "max-age=" TTL_S - 1 } };
    const struct ks_web_domain *domain = ks_web_domain(x, request);
    struct ks_buf buf;

    if (!domain) {
        ks_http_fail(x, 404, NULL, 0);
        return;
    }
    ks_buf_init(&buf, META_BYTES_MAX);
    write(&buf, ks_web_of(x), domain);
    if (ks_buf_err(&buf) == KS_OK)
        ks_web_answer_text(x, request, media_type, ks_buf_str(&buf), &cached, 1);
    else
        ks_http_fail(x, 500, NULL, 0);
    ks_buf_done(&buf);
}

static void on_xrd(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    answer(x, request, "application/xrd+xml; charset=utf-8", write_xrd);
}

static void on_jrd(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    answer(x, request, "application/json", write_jrd);
}

const struct ks_http_handler ks_web_host_meta = {
    .path = "/.well-known/host-meta",
    .ports = KS_WEB_PUBLIC,
    .methods = KS_HTTP_CAN(KS_HTTP_GET),
    .cors = "", /* §5: pages of clients on other sites read it, too */
    .head = on_xrd,
};

const struct ks_http_handler ks_web_host_meta_json = {
    .path = "/.well-known/host-meta.json",
    .ports = KS_WEB_PUBLIC,
    .methods = KS_HTTP_CAN(KS_HTTP_GET),
    .cors = "",
    .head = on_jrd,
};
