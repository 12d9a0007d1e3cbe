/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vault_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "curl_loop.h"
#include "host_meta.h"

#define WAIT_SECONDS 30L
#define SCHEME KS_STR("wss://")

struct ks_vault_link {
    char base[KONSIL_URL_MAX + 8]; /* https://HOST[:PORT] */
    char *ca_file;
    struct curl_slist *route; /* or NULL */
};

/* What connects all addresses to host and port instead: "::HOST:PORT", where an empty one is as it was. */
static struct curl_slist *route_to(const char *host, uint16_t port)
{
    bool bare = strchr(host, ':'); /* an address of IPv6 */
    char text[1100], number[8] = "";

    if (port)
        snprintf(number, sizeof number, "%u", port);
    if (snprintf(text, sizeof text, "::%s%s%s:%s", bare ? "[" : "", host, bare ? "]" : "", number) >= (int)sizeof text)
        return NULL;
    return curl_slist_append(NULL, text);
}

static enum ks_err find(const struct ks_vault_link_setup *setup, struct ks_vault_link *link)
{
    char found[KONSIL_URL_MAX];
    struct ks_str url = ks_str_z(setup->socket_url);

    if (!setup->socket_url) {
        if (!ks_host_meta_get(setup->ca_file, setup->domain, setup->host, setup->port, found, sizeof found))
            return KS_ENOTFOUND;
        url = ks_str_z(found);
    }
    if (!ks_str_starts(url, SCHEME))
        return KS_ENOTFOUND;
    url = ks_str_from(url, SCHEME.len);
    url = ks_str_head(url, ks_str_find_byte(url, '/'));
    if (snprintf(link->base, sizeof link->base, "https://%.*s", KS_STR_FMT(url)) >= (int)sizeof link->base)
        return KS_ENOTFOUND;
    if ((setup->host && !(link->route = route_to(setup->host, setup->port)))
        || (setup->ca_file && !(link->ca_file = strdup(setup->ca_file))))
        return KS_ENOMEM;
    return KS_OK;
}

enum ks_err ks_vault_link_new(const struct ks_vault_link_setup *setup, struct ks_vault_link **ret_link)
{
    struct ks_vault_link *link = calloc(1, sizeof *link);
    enum ks_err err = link ? find(setup, link) : KS_ENOMEM;

    if (err == KS_OK)
        *ret_link = link;
    else
        ks_vault_link_free(link);
    return err;
}

void ks_vault_link_free(struct ks_vault_link *link)
{
    if (!link)
        return;
    curl_slist_free_all(link->route);
    free(link->ca_file);
    free(link);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct ks_buf *buf = user;

    ks_buf_add(buf, ks_str(bytes, size * count));
    return ks_buf_err(buf) == KS_OK ? size * count : 0; /* too long: it is broken off */
}

static CURLcode request(struct ks_vault_link *link, CURL *easy, const char *url, struct curl_slist *fields,
    struct ks_str body, struct ks_buf *buf)
{
    CURLcode code = ks_curl_request(easy, url, link->ca_file);

#define SET(option, value) code = code ? code : curl_easy_setopt(easy, option, value)
    SET(CURLOPT_FAILONERROR, 0L); /* what is refused has a body, too */
    SET(CURLOPT_TIMEOUT, WAIT_SECONDS);
    SET(CURLOPT_POSTFIELDSIZE, (long)body.len);
    SET(CURLOPT_POSTFIELDS, body.ptr);
    SET(CURLOPT_HTTPHEADER, fields);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, buf);
    if (link->route)
        SET(CURLOPT_CONNECT_TO, link->route);
#undef SET
    return code ? code : curl_easy_perform(easy);
}

unsigned ks_vault_link_ask(struct ks_vault_link *link, const char *path, struct ks_str body, struct ks_buf *buf)
{
    struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *easy = curl_easy_init();
    char url[sizeof link->base + 32];
    long status = 0;

    ks_buf_reset(buf);
    if (snprintf(url, sizeof url, "%s%s", link->base, path) >= (int)sizeof url || !easy || !fields
        || request(link, easy, url, fields, body, buf) != CURLE_OK
        || curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status < 0) {
        ks_buf_reset(buf);
        status = 0;
    }
    curl_easy_cleanup(easy);
    curl_slist_free_all(fields);
    return (unsigned)status;
}
