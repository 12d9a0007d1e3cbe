/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "outage_fetch.h"

#include <stdlib.h>

#include "buf.h"
#include "curl_loop.h"

struct ks_outage_fetch {
    struct ks_curl_loop loop;
    char *ca_file;
    CURL *easy; /* NULL: nothing is under way */
    struct ks_buf text;
    bool over; /* and not taken yet */
};

static size_t take_bytes(char *bytes, size_t size, size_t count, void *user)
{
    struct ks_outage_fetch *fetch = user;

    ks_buf_add(&fetch->text, ks_str(bytes, size * count));
    return ks_buf_err(&fetch->text) == KS_OK ? size * count : 0; /* too long: it is broken off */
}

static void end(struct ks_outage_fetch *fetch)
{
    if (fetch->easy) {
        curl_multi_remove_handle(fetch->loop.multi, fetch->easy);
        curl_easy_cleanup(fetch->easy);
    }
    fetch->easy = NULL;
}

static void finish(CURL *easy, CURLcode code)
{
    struct ks_outage_fetch *fetch = NULL;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&fetch);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200)
        ks_buf_reset(&fetch->text);
    end(fetch);
    fetch->over = true;
}

void ks_outage_fetch_begin(struct ks_outage_fetch *fetch, const char *url)
{
    CURLcode code;

    end(fetch);
    ks_buf_reset(&fetch->text);
    fetch->over = false;
    if (!(fetch->easy = curl_easy_init())) {
        fetch->over = true;
        return;
    }
    code = ks_curl_request(fetch->easy, url, NULL);
#define SET(option, value) code = code ? code : curl_easy_setopt(fetch->easy, option, value)
    if (fetch->ca_file)
        SET(CURLOPT_CAINFO, fetch->ca_file); /* beside CURLOPT_CAPATH, which is the system's */
    SET(CURLOPT_TIMEOUT, (long)KS_OUTAGE_SECONDS_MAX);
    SET(CURLOPT_WRITEFUNCTION, take_bytes);
    SET(CURLOPT_WRITEDATA, fetch);
    SET(CURLOPT_PRIVATE, fetch);
#undef SET
    if (code != CURLE_OK || curl_multi_add_handle(fetch->loop.multi, fetch->easy) != CURLM_OK) {
        end(fetch);
        fetch->over = true;
    }
}

size_t ks_outage_fetch_poll(const struct ks_outage_fetch *fetch, struct pollfd *ret_fds, int64_t *ret_until_ms)
{
    size_t count = ks_curl_loop_poll(&fetch->loop, ret_fds, ret_until_ms);

    if (fetch->over)
        *ret_until_ms = 0;
    return count;
}

void ks_outage_fetch_run(struct ks_outage_fetch *fetch, const struct pollfd *fds, size_t count)
{
    ks_curl_loop_run(&fetch->loop, fds, count, finish);
}

bool ks_outage_fetch_take(struct ks_outage_fetch *fetch, struct ks_str *ret_text)
{
    bool over = fetch->over;

    fetch->over = false;
    *ret_text = ks_buf_str(&fetch->text);
    return over;
}

enum ks_err ks_outage_fetch_new(const char *ca_file, struct ks_outage_fetch **ret_fetch)
{
    struct ks_outage_fetch *fetch = calloc(1, sizeof *fetch);
    enum ks_err err;

    if (!fetch)
        return KS_ENOMEM;
    ks_buf_init(&fetch->text, KS_OUTAGE_BYTES_MAX);
    if ((err = ks_curl_loop_init(&fetch->loop)) == KS_OK && ca_file && !(fetch->ca_file = strdup(ca_file)))
        err = KS_ENOMEM;
    if (err != KS_OK)
        ks_outage_fetch_free(fetch);
    else
        *ret_fetch = fetch;
    return err;
}

void ks_outage_fetch_free(struct ks_outage_fetch *fetch)
{
    if (!fetch)
        return;
    end(fetch);
    ks_curl_loop_done(&fetch->loop);
    ks_buf_done(&fetch->text);
    free(fetch->ca_file);
    free(fetch);
}
