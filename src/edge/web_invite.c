/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_invite.c -- the page of an invitation (XEP-0401 §3.4): what it is, how to accept it, and its link, also as a QR
 * code for whoever reads this on another device. All of it follows from the token in the address; whether the token is
 * good is seen when it is used, so that a program that follows links finds out nothing, and uses nothing up. What the
 * page shows as an address can be one: else anybody could have the hospital's own page say to a person what he likes.
 */
#include "crypto.h"
#include "enc.h"
#include "http_text.h"
#include "jid.h"
#include "qr.h"
#include "say.h"
#include "sentence.h"
#include "web.h"
#include "web_handlers.h"
#include "xml_writer.h"

#define PATH "/invite/"
#define SECRET_HEX 32 /* of the token; the localpart follows (src/server/invite.h) */
#define TOKEN_MAX (SECRET_HEX + 2 * 1023)
#define PAGE_BYTES_MAX (256 * 1024)

static const char style[] =
    "body{font:17px/1.5 system-ui,sans-serif;color:#1a2433;background:#f4f6f8;margin:0}"
    "main{max-width:34rem;margin:2rem auto;padding:1.5rem 2rem;background:#fff;border-radius:12px}"
    "h1{font-size:1.5rem;margin:.2rem 0 1rem}b{overflow-wrap:anywhere}ol{padding-left:1.3rem}li{margin:.4rem 0}"
    "a.go{display:block;margin:1.4rem "
    "0;padding:.8rem;border-radius:8px;background:#0b5fa5;color:#fff;text-align:center;"
    "text-decoration:none;font-weight:600}a.go:focus-visible{outline:3px solid #f2a900;outline-offset:2px}"
    "svg{display:block;width:13rem;max-width:100%;margin:1rem auto;background:#fff}"
    "section+section{border-top:1px solid #d8dee6;margin-top:1.6rem;padding-top:1.2rem}"
    "@media(prefers-color-scheme:dark){body{color:#e4e9f0;background:#10161e}main{background:#1a222d}"
    "a.go{background:#5aa9e6;color:#0c131b}section+section{border-color:#33404f}}";

static void add_part(struct ks_buf *buf, enum ks_language language, const char *tag, const char *id, struct ks_str jid)
{
    ks_buf_printf(buf, "<%s>", tag);
    ks_sentence_write(buf, language, id, (struct ks_filling[]) { { "address", jid }, { 0 } });
    ks_buf_printf(buf, "</%s>", tag);
}

static void add_section(struct ks_buf *buf, enum ks_language language, struct ks_str jid, struct ks_str uri)
{
    ks_buf_printf(buf, "<section lang=\"%s\">", language == KS_GERMAN ? "de" : "en");
    add_part(buf, language, "h1", SAY("invite.title"), jid);
    add_part(buf, language, "p", SAY("invite.for"), jid);
    ks_buf_z(buf, "<ol>");
    add_part(buf, language, "li", SAY("invite.step-app"), jid);
    add_part(buf, language, "li", SAY("invite.step-open"), jid);
    add_part(buf, language, "li", SAY("invite.step-password"), jid);
    ks_buf_z(buf, "</ol><a class=\"go\" href=\"");
    ks_buf_add(buf, uri);
    ks_buf_z(buf, "\">");
    ks_sentence_write(buf, language, SAY("invite.open"), NULL);
    ks_buf_z(buf, "</a>");
    add_part(buf, language, "p", SAY("invite.once"), jid);
    ks_buf_z(buf, "</section>");
}

/* jid and uri: escaped for HTML. */
static enum ks_err write_page(struct ks_buf *buf, struct ks_str jid, struct ks_str uri, struct ks_str page)
{
    enum ks_err err;

    ks_buf_z(buf,
        "<!doctype html><html lang=\"de\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
        "<meta name=\"robots\" content=\"noindex\"><title>");
    ks_sentence_write(buf, KS_GERMAN, SAY("invite.title"), NULL);
    ks_buf_printf(buf, "</title><style>%s</style></head><body><main>", style);
    add_section(buf, KS_GERMAN, jid, uri);
    if ((err = ks_qr_svg(buf, page)) != KS_OK)
        return err;
    add_section(buf, KS_ENGLISH, jid, uri);
    ks_buf_z(buf, "</main></body></html>\n");
    return ks_buf_err(buf);
}

/* The page's style and nothing else: no script, no picture, no other address. */
static void write_policy(struct ks_buf *buf)
{
    uint8_t digest[KS_HASH_MAX];

    ks_hash(KS_SHA256, ks_str_z(style), digest);
    ks_buf_z(
        buf, "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-");
    ks_base64_add(buf, ks_str((char *)digest, ks_hash_len(KS_SHA256)));
    ks_buf_z(buf, "'");
}

static void answer(
    struct ks_http_exchange *x, const struct ks_web_domain *domain, struct ks_str token, struct ks_str local)
{
    struct ks_buf jid, uri, address, policy, page;

    ks_buf_init(&jid, 16384);
    ks_buf_init(&uri, 32768);
    ks_buf_init(&address, 16384);
    ks_buf_init(&policy, 1024);
    ks_buf_init(&page, PAGE_BYTES_MAX);
    ks_xml_escape(&jid, local);
    ks_buf_printf(&jid, "@%.*s", KS_STR_FMT(domain->name));
    ks_buf_z(&uri, "xmpp:");
    ks_percent_add(&uri, local);
    ks_buf_printf(&uri, "@%.*s?register;preauth=%.*s", KS_STR_FMT(domain->name), KS_STR_FMT(token));
    ks_buf_printf(&address, "%.*s" PATH "%.*s", KS_STR_FMT(domain->origin), KS_STR_FMT(token));
    write_policy(&policy);
    if (write_page(&page, ks_buf_str(&jid), ks_buf_str(&uri), ks_buf_str(&address)) == KS_OK
        && ks_buf_err(&policy) == KS_OK) {
        const struct ks_http_field fields[] = { { "Content-Type", KS_STR("text/html; charset=utf-8") },
            { "Cache-Control", KS_STR("no-store") }, { "Content-Security-Policy", ks_buf_str(&policy) } };
        ks_http_answer(x,
            &(struct ks_http_answer) {
                .status = 200, .fields = fields, .field_count = KS_COUNT(fields), .body = ks_buf_str(&page) });
    } else {
        ks_http_fail(x, 404, NULL, 0); /* a name too long for a QR code is none that we invite */
    }
    ks_buf_done(&jid);
    ks_buf_done(&uri);
    ks_buf_done(&address);
    ks_buf_done(&policy);
    ks_buf_done(&page);
}

/* A localpart as our accounts have them: written as RFC 7622 §3.3 has it. */
static bool is_local(struct ks_arena *arena, struct ks_str local, struct ks_str domain)
{
    const struct ks_str parts[] = { local, KS_STR("@"), domain };
    struct ks_str text;
    struct ks_jid jid;

    return ks_arena_join(arena, parts, KS_COUNT(parts), &text) == KS_OK && ks_jid_parse(arena, text, &jid) == KS_OK
        && ks_str_eq(jid.local, local);
}

static void on_request(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    const struct ks_web_domain *domain = ks_web_domain(x, request);
    struct ks_str token = ks_str_from(request->path, strlen(PATH)), bytes;
    struct ks_arena arena;

    ks_arena_init(&arena, 16384);
    if (domain && token.len > SECRET_HEX && token.len <= TOKEN_MAX && ks_hex_read(&arena, token, &bytes) == KS_OK
        && is_local(&arena, ks_str_from(bytes, SECRET_HEX / 2), domain->name))
        answer(x, domain, token, ks_str_from(bytes, SECRET_HEX / 2));
    else
        ks_http_fail(x, 404, NULL, 0);
    ks_arena_done(&arena);
}

const struct ks_http_handler ks_web_invite = {
    .path = PATH,
    .ports = KS_WEB_PUBLIC,
    .methods = KS_HTTP_CAN(KS_HTTP_GET),
    .head = on_request,
};
