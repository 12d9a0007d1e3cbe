/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What machines that watch are told, of figures that the test makes. */
#include "check.h"
#include "crypto.h"
#include "http_conn.h"
#include "web.h"
#include "web_handlers.h"

static struct ks_figures figures;
static size_t taken;

static void take(struct ks_figures *ret_figures, void *user)
{
    (void)user;
    taken++;
    *ret_figures = figures;
}

static bool is_well(void *user)
{
    (void)user;
    return !figures.store.failing;
}

/* All of it is there at once. */
static void ignore(void *edge)
{
    (void)edge;
}

/* The answer to one request, whole; good until the next call. */
static struct ks_str ask(struct ks_web *web, const char *path)
{
    static struct ks_buf answer;
    struct ks_http_site site = *ks_web_site(web);
    const struct ks_now now = { 1000, 1795312800000 };
    struct ks_http_conn *conn;
    char request[200];

    site.wake = ignore;
    ks_buf_done(&answer);
    ks_buf_init(&answer, 65536);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    conn = ks_http_conn_new(&site, KS_LISTEN_METRICS, false, NULL, now);
    ks_http_conn_feed(conn, ks_str_z(request), now);
    for (struct ks_str out; (out = ks_http_conn_output(conn, now)).len > 0;) {
        ks_buf_add(&answer, out);
        ks_http_conn_sent(conn, out.len, now);
    }
    ks_http_conn_free(conn);
    return ks_buf_str(&answer);
}

static bool says(struct ks_str answer, const char *text)
{
    return ks_str_find(answer, ks_str_z(text)) < answer.len;
}

static void test_health(struct ks_web *web)
{
    struct ks_str answer = ask(web, "/health");

    check_row(says(answer, "HTTP/1.1 503 ") && says(answer, "\r\n\r\nnot ready\n"),
        "/health: 503 before there are figures", "%.*s", KS_STR_FMT(answer));
    ks_web_watch(web, take, is_well, NULL);
    answer = ask(web, "/health");
    check_row(says(answer, "HTTP/1.1 200 ") && says(answer, "\r\n\r\nok\n"),
        "/health: ok while what clients send is stored", "%.*s", KS_STR_FMT(answer));
    figures.store.failing = true;
    answer = ask(web, "/health");
    check_row(says(answer, "HTTP/1.1 503 ") && says(answer, "\r\n\r\nnot ready\n"),
        "/health: 503 while the store fails, so that no client is sent here", "%.*s", KS_STR_FMT(answer));
    check_row(taken == 0, "/health: whoever asks, nothing is counted for it", "%zu times", taken);
    check_row(
        says(ask(web, "/metrics"), "konsil_store_failing 1\n"), "/metrics: and it is told as a figure", "it is not");
    figures.store.failing = false;
    check_row(says(ask(web, "/health"), "HTTP/1.1 200 "), "/health: and ok when it works again", "it is not");
}

static void test_people(struct ks_web *web)
{
    struct ks_str answer;

    figures.clients = (struct ks_reactor_stats) { .people = 9, .sessions = 300, .stanzas_in = 5000, .logins = 400 };
    figures.store.commits = 4000;
    answer = ask(web, "/metrics");
    check_row(!says(answer, "\nkonsil_sessions ") && !says(answer, "\nkonsil_stanzas_received_total ")
            && !says(answer, "\nkonsil_people ") && !says(answer, "\nkonsil_store_commits_total ")
            && says(answer, "\nkonsil_store_failures_total 0\n"),
        "DSK I.8-d: of nine people no figure is told, however many sessions, stanzas and commits they make", "%.*s",
        KS_STR_FMT(answer));
    figures.clients.people = 10;
    answer = ask(web, "/metrics");
    check_row(says(answer, "\nkonsil_people 10\n") && says(answer, "\nkonsil_sessions 300\n")
            && says(answer, "\nkonsil_stanzas_received_total 0\n") && says(answer, "\nkonsil_store_commits_total 0\n"),
        "DSK I.8-d: (control: of ten they are) and counters begin there", "%.*s", KS_STR_FMT(answer));
    figures.clients.stanzas_in += 7;
    check_row(says(ask(web, "/metrics"), "\nkonsil_stanzas_received_total 7\n"), "and go on from there", "they do not");
}

int main(void)
{
    struct ks_web *web = ks_web_new(&(struct ks_web_setup) { .root = -1 });

    if (!web || ks_crypto_init() != KS_OK)
        return 1;
    test_health(web);
    test_people(web);
    ks_web_free(web);
    return check_done();
}
