/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_metrics.c -- /metrics for Prometheus, in its text format 0.0.4, and /health for whoever asks whether to send
 * clients here.
 *
 * There is no series about a person, a room or a department, and whatever hangs on what people do is left out while
 * fewer than ten of them are here (DSK I.8-d): at night, who is on duty would be told apart. Sessions, stanzas and
 * commits are no people: one person makes a hundred of them. What counters count in such a time is never told
 * (crowd.h). */
#include "figures.h"
#include "web.h"
#include "web_handlers.h"

#define METRICS_BYTES_MAX 65536

struct metric {
    const char *name, *help; /* documentation, and English like all of it */
    bool counter, of_people;
    uint64_t (*value)(const struct ks_figures *figures);
};

#define VALUE(name, expression)                      \
    static uint64_t name(const struct ks_figures *f) \
    {                                                \
        return (uint64_t)(expression);               \
    }
VALUE(uptime, f->uptime_s)
VALUE(heap, f->heap_bytes)
VALUE(disk_free, f->disk_free_bytes)
VALUE(connections_max, f->connections_max)
VALUE(certificate_end, f->certificates_end_ms / 1000)
VALUE(people, f->clients.people)
VALUE(streams, f->clients.streams)
VALUE(sessions, f->clients.sessions)
VALUE(accounts, f->clients.users_loaded)
VALUE(stanzas_in, f->clients.stanzas_in)
VALUE(stanzas_out, f->clients.stanzas_out)
VALUE(logins, f->clients.logins)
VALUE(logins_refused, f->clients.logins_refused)
VALUE(failing, f->store.failing)
VALUE(commits, f->store.commits)
VALUE(transactions, f->store.txns)
VALUE(failures, f->store.failures)
VALUE(reads, f->store.reads)
#undef VALUE

static const struct metric metrics[] = {
    { "konsil_uptime_seconds", "Time since konsild started.", false, false, uptime },
    { "konsil_heap_bytes", "Memory that the heap takes of the machine.", false, false, heap },
    { "konsil_disk_free_bytes", "Room left where the database lies.", false, false, disk_free },
    { "konsil_connections_max", "How many connections konsild has descriptors for.", false, false, connections_max },
    { "konsil_certificate_expiry_timestamp_seconds", "When the first certificate expires.", false, false,
        certificate_end },
    { "konsil_people", "Accounts that have a session.", false, true, people },
    { "konsil_connections", "XMPP streams that are open.", false, true, streams },
    { "konsil_sessions", "Sessions, with those that wait for their client to come back.", false, true, sessions },
    { "konsil_accounts_loaded", "Accounts whose data is in memory.", false, true, accounts },
    { "konsil_stanzas_received_total", "Stanzas that clients sent.", true, true, stanzas_in },
    { "konsil_stanzas_sent_total", "Stanzas sent to clients.", true, true, stanzas_out },
    { "konsil_logins_total", "Logins.", true, true, logins },
    { "konsil_logins_refused_total", "Logins that were refused.", true, true, logins_refused },
    { "konsil_store_failing", "1 while the last change could not be stored.", false, false, failing },
    { "konsil_store_commits_total", "Commits of the database.", true, true, commits },
    { "konsil_store_transactions_total", "Transactions in these commits.", true, true, transactions },
    { "konsil_store_failures_total", "Commits that failed.", true, false, failures },
    { "konsil_store_reads_total", "Questions to the database.", true, true, reads },
};

static void on_metrics(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    static const struct ks_http_field fresh = { "Cache-Control", KS_STR_INIT("no-store") };
    uint64_t values[KS_COUNT(metrics)], counters[KS_CROWD_COUNTERS_MAX];
    struct ks_figures figures;
    struct ks_buf buf;
    size_t count = 0;
    bool many;

    if (!ks_web_figures(x, &figures)) {
        ks_http_fail(x, 503, NULL, 0);
        return;
    }
    for (size_t i = 0; i < KS_COUNT(metrics); i++) {
        values[i] = metrics[i].value(&figures);
        if (metrics[i].counter && metrics[i].of_people)
            counters[count++] = values[i];
    }
    many = ks_crowd_look(ks_web_crowd(x), &figures.clients, counters, count);
    ks_buf_init(&buf, METRICS_BYTES_MAX);
    count = 0;
    for (size_t i = 0; i < KS_COUNT(metrics); i++) {
        const struct metric *metric = &metrics[i];
        uint64_t value = metric->counter && metric->of_people ? counters[count++] : values[i];
        ks_buf_printf(&buf, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
            metric->counter ? "counter" : "gauge");
        if (!metric->of_people || many) {
            ks_buf_printf(&buf, "%s ", metric->name);
            ks_buf_u64_dec(&buf, value);
            ks_buf_byte(&buf, '\n');
        }
    }
    if (ks_buf_err(&buf) == KS_OK)
        ks_web_answer_text(x, request, "text/plain; version=0.0.4; charset=utf-8", ks_buf_str(&buf), &fresh, 1);
    else
        ks_http_fail(x, 500, NULL, 0);
    ks_buf_done(&buf);
}

/* Ready: what clients send can be stored. It says nothing else, and looks at nothing else: strangers ask, and the heap
 * and the disk take their time. A konsild that is stopping does not answer: its ports are closed, and so are
 * connections without a request at hand. */
static void on_health(struct ks_http_exchange *x, const struct ks_http_request *request)
{
    static const struct ks_http_field fields[] = { { "Content-Type", KS_STR_INIT("text/plain; charset=utf-8") },
        { "Cache-Control", KS_STR_INIT("no-store") } };
    bool ready = ks_web_ready(x);

    (void)request;
    ks_http_answer(x,
        &(struct ks_http_answer) { .status = ready ? 200 : 503,
            .fields = fields,
            .field_count = KS_COUNT(fields),
            .body = ready ? KS_STR("ok\n") : KS_STR("not ready\n") });
}

const struct ks_http_handler ks_web_metrics = {
    .path = "/metrics",
    .ports = KS_LISTEN_METRICS,
    .methods = KS_HTTP_CAN(KS_HTTP_GET),
    .head = on_metrics,
};

const struct ks_http_handler ks_web_health = {
    .path = "/health",
    .ports = KS_WEB_PUBLIC | KS_LISTEN_METRICS,
    .methods = KS_HTTP_CAN(KS_HTTP_GET),
    .head = on_health,
};
