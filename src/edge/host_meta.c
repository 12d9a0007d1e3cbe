/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "host_meta.h"

#include <curl/curl.h>
#include <stdio.h>

#include "buf.h"
#include "curl_loop.h"

#define FILE_BYTES_MAX (64u * 1024)
#define WAIT_SECONDS 10L
#define HTTPS_PORT 443

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct ks_buf *file = user;

    ks_buf_add(file, ks_str(bytes, size * count));
    return ks_buf_err(file) == KS_OK ? size * count : 0;
}

/* "HOST:PORT:CONNECT-TO-HOST:CONNECT-TO-PORT" */
static struct curl_slist *route(const char *domain, const char *host, uint16_t port)
{
    bool bare = strchr(host, ':'); /* an address of IPv6 */
    char text[2200];

    if (snprintf(text, sizeof text, "%s:%d:%s%s%s:%d", domain, HTTPS_PORT, bare ? "[" : "", host, bare ? "]" : "",
            port ? port : HTTPS_PORT)
        >= (int)sizeof text)
        return NULL;
    return curl_slist_append(NULL, text);
}

static bool fetch(CURL *easy, const char *url, const char *ca_file, struct curl_slist *connect_to, struct ks_buf *file)
{
    CURLcode code = ks_curl_request(easy, url, ca_file);

#define SET(option, value) code = code ? code : curl_easy_setopt(easy, option, value)
    SET(CURLOPT_TIMEOUT, WAIT_SECONDS);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, file);
    if (connect_to)
        SET(CURLOPT_CONNECT_TO, connect_to);
#undef SET
    return code == CURLE_OK && curl_easy_perform(easy) == CURLE_OK;
}

bool ks_host_meta_get(
    const char *ca_file, const char *domain, const char *host, uint16_t port, char *ret_url, size_t cap)
{
    struct curl_slist *connect_to = host || port ? route(domain, host ? host : domain, port) : NULL;
    CURL *easy = curl_easy_init();
    struct ks_buf file;
    char url[1200];
    bool found = false;

    ks_buf_init(&file, FILE_BYTES_MAX);
    if (easy && (connect_to || !(host || port))
        && snprintf(url, sizeof url, "https://%s/.well-known/host-meta.json", domain) < (int)sizeof url
        && fetch(easy, url, ca_file, connect_to, &file))
        found = konsil_host_meta(file.ptr ? file.ptr : "", file.len, domain, ret_url, cap);
    ks_buf_done(&file);
    curl_slist_free_all(connect_to);
    curl_easy_cleanup(easy);
    return found;
}
