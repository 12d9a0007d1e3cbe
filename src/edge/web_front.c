/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_front.c -- the page that stands where the web app is to be: what runs here, and where clients connect. */
#include <stdio.h>

#include "crypto.h"
#include "enc.h"
#include "say.h"
#include "sentence.h"
#include "web.h"
#include "web_handlers.h"

#define PAGE_BYTES_MAX 65536

static const char style[] =
    "*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f3f6f8;color:"
    "#17242d;font:1.05rem/1.6 system-ui,sans-serif}main{max-width:38rem;margin:2rem;padding:2.5rem "
    "3rem;background:#fff;"
    "border-radius:1rem;border-top:.4rem solid #0b7285;box-shadow:0 1rem 3rem #17242d1f}h1{margin:0;font-size:2rem;"
    "letter-spacing:-.02em;color:#0b7285}dl{display:grid;grid-template-columns:auto 1fr;gap:.3rem "
    "1.2rem}dt{color:#52636e}"
    "dd{margin:0;overflow-wrap:anywhere;font-family:ui-monospace,monospace;font-size:.92em}section+section{margin-top:"
    "1.6rem;padding-top:1.2rem;border-top:1px solid #d9e2e8}@media(prefers-color-scheme:dark){body{background:#10181d;"
    "color:#e4ecf0}main{background:#19242b}h1{color:#66d9e8}dt{color:#9fb3bf}section+section{border-color:#2c3b45}}";

static void add_row(struct ks_buf *buf, enum ks_language language, const char *id, struct ks_str value)
{
    ks_buf_z(buf, "<dt>");
    ks_buf_add(buf, ks_say(language, id));
    ks_buf_z(buf, "</dt><dd>");
    ks_buf_add(buf, value); /* a domain's name or an origin: nothing that HTML would escape */
    ks_buf_z(buf, "</dd>");
}

static void add_section(struct ks_buf *buf, const struct ks_web_setup *web, const struct ks_web_domain *domain,
    enum ks_language language, const char *code)
{
    char direct[600] = "", socket[1200];

    ks_buf_printf(buf, "<section lang=\"%s\"><p>", code);
    ks_buf_add(buf, ks_say(language, SAY("front.what")));
    ks_buf_z(buf, "</p><dl>");
    snprintf(socket, sizeof socket, "wss%.*s%s", KS_STR_FMT(ks_str_from(domain->origin, strlen("https"))),
        KS_WEB_SOCKET_PATH);
    snprintf(direct, sizeof direct, "%.*s:%u", KS_STR_FMT(domain->name), web->direct_tls_port);
    add_row(buf, language, SAY("front.domain"), domain->name);
    if (web->direct_tls_port)
        add_row(buf, language, SAY("front.direct"), ks_str_z(direct));
    add_row(buf, language, SAY("front.socket"), ks_str_z(socket));
    ks_buf_z(buf, "</dl><p>");
    ks_buf_add(buf, ks_say(language, SAY("front.who")));
    ks_buf_z(buf, "</p></section>");
}

/* The style is the page's own, and named by its hash: no other is taken. */
static struct ks_str write_policy(struct ks_buf *buf)
{
    uint8_t digest[KS_HASH_MAX];

    ks_hash(KS_SHA256, ks_str(style, sizeof style - 1), digest);
    ks_buf_z(
        buf, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-");
    ks_base64_add(buf, ks_str(digest, ks_hash_len(KS_SHA256)));
    ks_buf_z(buf, "'");
    return ks_buf_str(buf);
}

void ks_web_front(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    const struct ks_web_setup *web = ks_web_of(x);
    const struct ks_web_domain *domain = ks_web_domain(x, request);
    struct ks_buf page, policy;

    if (!ks_str_is(request->path, "/")) {
        ks_http_fail(x, 404, NULL, 0);
        return;
    }
    domain = domain ? domain : &web->domains[0];
    ks_buf_init(&page, PAGE_BYTES_MAX);
    ks_buf_init(&policy, 1024);
    ks_buf_printf(&page,
        "<!doctype html><html lang=\"de\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width,initial-scale=1\"><title>konsil</title><style>%s</style></head><body><main>"
        "<h1>konsil</h1>",
        style);
    add_section(&page, web, domain, KS_GERMAN, "de");
    add_section(&page, web, domain, KS_ENGLISH, "en");
    ks_buf_z(&page, "</main></body></html>\n");
    const struct ks_http_field fields[] = { { "Content-Security-Policy", write_policy(&policy) },
        { "Cache-Control", KS_STR("no-cache") } };
    if (ks_buf_err(&page) == KS_OK && ks_buf_err(&policy) == KS_OK)
        ks_web_answer_text(x, request, "text/html; charset=utf-8", ks_buf_str(&page), fields, KS_COUNT(fields));
    else
        ks_http_fail(x, 500, NULL, 0);
    ks_buf_done(&policy);
    ks_buf_done(&page);
}
