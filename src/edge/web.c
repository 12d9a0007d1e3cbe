/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "web.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "arena.h"
#include "crypto.h"
#include "http_conditions.h"
#include "http_text.h"
#include "say.h"
#include "sentence.h"
#include "web_handlers.h"

#define TEXTS_BYTES_MAX (1u << 20)

struct ks_web {
    struct ks_web_setup setup;
    struct ks_arena arena; /* of all texts */
    struct ks_http_site site;
    void (*take)(struct ks_figures *ret_figures, void *user);
    bool (*ready)(void *user);
    void *user;
    struct ks_crowd crowd;
};

/* --- on every answer --- */

/* What a page from here may do, whoever made it: nothing, unless its handler says so. Cross-Origin-*: nobody else's
 * page holds a window of ours, or embeds what we serve. */
static const struct ks_http_field fields[] = {
    { "Content-Security-Policy",
        KS_STR_INIT("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'") },
    { "Cross-Origin-Opener-Policy", KS_STR_INIT("same-origin") },
    { "Cross-Origin-Embedder-Policy", KS_STR_INIT("require-corp") },
    { "Cross-Origin-Resource-Policy", KS_STR_INIT("same-origin") },
    { "Permissions-Policy",
        KS_STR_INIT("accelerometer=(), browsing-topics=(), camera=(self), display-capture=(), geolocation=(), "
                    "gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()") },
    { "Referrer-Policy", KS_STR_INIT("no-referrer") },
    { "X-Content-Type-Options", KS_STR_INIT("nosniff") },
    { 0 },
};
/* RFC 6797: for a year. Over TLS alone (§7.2). */
static const struct ks_http_field secure_fields[] = {
    { "Strict-Transport-Security", KS_STR_INIT("max-age=31536000") },
    { 0 },
};

/* --- pages --- */

static const struct {
    unsigned status;
    const char *id;
} pages[] = {
    { 403, SAY("web.origin") },
    { 404, SAY("web.not-found") },
    { 405, SAY("web.method") },
    { 408, SAY("web.slow") },
    { 413, SAY("web.large") },
    { 426, SAY("web.socket") },
    { 429, SAY("web.busy") },
    { 500, SAY("web.broken") },
    { 503, SAY("web.busy") },
    { 507, SAY("web.full") },
};

/* German first, as in all that is for everybody. */
static void write_page(struct ks_buf *buf, unsigned status)
{
    const char *id = SAY("web.request");
    static const struct {
        enum ks_language language;
        const char *open;
    } parts[] = { { KS_GERMAN, "<p>" }, { KS_ENGLISH, "<p lang=\"en\">" } };

    for (size_t i = 0; i < KS_COUNT(pages); i++)
        if (pages[i].status == status)
            id = pages[i].id;
    ks_buf_printf(buf,
        "<!doctype html><html lang=\"de\"><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\"><title>%u</title><h1>%u</h1>",
        status, status);
    for (size_t i = 0; i < KS_COUNT(parts); i++) {
        ks_buf_z(buf, parts[i].open);
        ks_sentence_write(buf, parts[i].language, id, NULL);
        ks_buf_z(buf, " ");
        ks_sentence_write_do(buf, parts[i].language, id, NULL);
        ks_buf_z(buf, "</p>");
    }
    ks_buf_z(buf, "</html>\n");
}

/* --- making --- */

static enum ks_err copy_domain(struct ks_web *web, const struct ks_web_domain *from, struct ks_web_domain *to)
{
    enum ks_err err = ks_arena_copy(&web->arena, from->name, &to->name);

    if (err == KS_OK)
        err = ks_arena_copy(&web->arena, from->addresses, &to->addresses);
    return err == KS_OK ? ks_arena_copy(&web->arena, from->origin, &to->origin) : err;
}

struct ks_web *ks_web_new(const struct ks_web_setup *setup)
{
    struct ks_web *web = calloc(1, sizeof *web);
    struct ks_web_domain *domains = NULL;
    struct ks_str origins;
    enum ks_err err = web ? KS_OK : KS_ENOMEM;

    if (!web)
        return NULL;
    ks_crowd_init(&web->crowd);
    ks_arena_init(&web->arena, TEXTS_BYTES_MAX);
    web->setup = *setup;
    domains = ks_arena_alloc(&web->arena, (setup->domain_count + 1) * sizeof domains[0]);
    if (!domains)
        err = KS_ENOMEM;
    for (size_t i = 0; err == KS_OK && i < setup->domain_count; i++)
        err = copy_domain(web, &setup->domains[i], &domains[i]);
    if (err == KS_OK)
        err = ks_arena_copy(&web->arena, setup->origins, &origins);
    if (err) {
        web->setup.root = -1; /* still the caller's */
        ks_web_free(web);
        return NULL;
    }
    web->setup.domains = domains;
    web->setup.origins = origins;
    web->site = (struct ks_http_site) { .handlers = ks_web_handlers,
        .fields = fields,
        .secure_fields = secure_fields,
        .page = write_page,
        .wake = ks_conn_wake,
        .user = web };
    return web;
}

void ks_web_free(struct ks_web *web)
{
    if (!web)
        return;
    if (web->setup.root >= 0)
        close(web->setup.root);
    ks_crowd_done(&web->crowd);
    ks_arena_done(&web->arena);
    free(web);
}

void ks_web_set_files(struct ks_web *web, const struct ks_web_files *files)
{
    web->setup.files = files;
}

void ks_web_watch(
    struct ks_web *web, void (*take)(struct ks_figures *ret_figures, void *user), bool (*ready)(void *user), void *user)
{
    web->take = take;
    web->ready = ready;
    web->user = user;
}

const struct ks_http_site *ks_web_site(const struct ks_web *web)
{
    return &web->site;
}

/* --- for handlers --- */

const struct ks_web_setup *ks_web_of(const struct ks_http_exchange *x)
{
    const struct ks_web *web = ks_http_user(x);

    return &web->setup;
}

bool ks_web_figures(const struct ks_http_exchange *x, struct ks_figures *ret_figures)
{
    const struct ks_web *web = ks_http_user(x);

    if (web->take)
        web->take(ret_figures, web->user);
    return web->take;
}

bool ks_web_ready(const struct ks_http_exchange *x)
{
    const struct ks_web *web = ks_http_user(x);

    return web->ready && web->ready(web->user);
}

struct ks_crowd *ks_web_crowd(const struct ks_http_exchange *x)
{
    return &((struct ks_web *)ks_http_user(x))->crowd;
}

static struct ks_str host_of(struct ks_str origin)
{
    struct ks_http_authority authority;

    return ks_http_authority_read(ks_str_from(origin, strlen("https://")), &authority) == KS_OK ? authority.host
                                                                                                : KS_STR_EMPTY;
}

const struct ks_web_domain *ks_web_domain(const struct ks_http_exchange *x, const struct ks_http_request *request)
{
    const struct ks_web_setup *setup = ks_web_of(x);

    for (size_t i = 0; i < setup->domain_count; i++)
        if (ks_http_is(request->host.host, setup->domains[i].name))
            return &setup->domains[i];
    for (size_t i = 0; i < setup->domain_count; i++)
        if (ks_http_is(request->host.host, host_of(setup->domains[i].origin)))
            return &setup->domains[i];
    return NULL;
}

#define ETAG_BYTES 12

void ks_web_answer_text(struct ks_http_exchange *x, const struct ks_http_request *request, const char *media_type,
    struct ks_str text, const struct ks_http_field *more, size_t more_count)
{
    uint8_t digest[KS_HASH_MAX];
    char etag_text[2 + 2 * ETAG_BYTES + 1];
    struct ks_str etag = ks_str(etag_text, sizeof etag_text - 1);
    struct ks_http_field all[KS_HTTP_FIELDS_OWN_MAX] = { { "Content-Type", ks_str_z(media_type) }, { "ETag", etag } };
    size_t count = 2;

    ks_hash(KS_SHA256, text, digest);
    etag_text[0] = '"';
    for (size_t i = 0; i < ETAG_BYTES; i++)
        snprintf(etag_text + 1 + 2 * i, 3, "%02x", digest[i]);
    etag_text[etag.len - 1] = '"';
    assert(more_count <= KS_HTTP_FIELDS_OWN_MAX - 2);
    for (size_t i = 0; i < more_count; i++)
        all[count++] = more[i];
    bool known = ks_http_is_known(request, etag);
    ks_http_answer(x,
        &(struct ks_http_answer) {
            .status = known ? 304 : 200, .fields = all, .field_count = count, .body = known ? KS_STR_EMPTY : text });
}
