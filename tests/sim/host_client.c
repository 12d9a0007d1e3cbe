/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "host_client.h"

#include <stdlib.h>

#include "enc.h"
#include "ns.h"
#include "scram.h"

#define HEADER "<stream:stream to='%s' version='1.0' xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'>"

void host_say(struct host_conn *conn, const char *format, ...)
{
    struct ks_buf text;
    va_list args;

    ks_buf_init(&text, SIZE_MAX);
    va_start(args, format);
    ks_buf_vprintf(&text, format, args);
    va_end(args);
    host_feed(conn, ks_buf_str(&text));
    host_settle(conn->host);
    ks_buf_done(&text);
}

size_t host_heard_times(const struct host_conn *conn, const char *needle)
{
    struct ks_str left = ks_buf_str(&conn->out);
    size_t at, times = 0;

    for (; (at = ks_str_find(left, ks_str_z(needle))) < left.len; left = ks_str_from(left, at + 1))
        times++;
    return times;
}

bool host_heard(const struct host_conn *conn, const char *needle)
{
    return host_heard_times(conn, needle) > 0;
}

void host_forget(struct host_conn *conn)
{
    ks_buf_reset(&conn->out);
}

/* The base64 text of the one element that came, decoded. */
static struct ks_str sasl_data(const struct host_conn *conn, struct ks_arena *arena)
{
    struct ks_str text = ks_buf_str(&conn->out), data;

    text = ks_str_from(text, ks_str_find_byte(text, '>') + 1);
    if (ks_base64_read(arena, ks_str_head(text, ks_str_find_byte(text, '<')), &data) != KS_OK)
        abort();
    return data;
}

static void say_sasl(struct host_conn *conn, const char *open, const char *name, struct ks_str data)
{
    struct ks_buf text;

    ks_buf_init(&text, 65536);
    ks_base64_add(&text, data);
    host_forget(conn);
    host_say(conn, "<%s>%.*s</%s>", open, KS_STR_FMT(ks_buf_str(&text)), name);
    ks_buf_done(&text);
}

struct host_conn *host_login(struct host *h, const char *domain, const char *local, const char *password)
{
    struct host_conn *conn = host_connect(h, 1);
    struct ks_scram_bindings known = { 0 };
    struct ks_scram_client scram;
    struct ks_arena arena;
    struct ks_str message;

    ks_arena_init(&arena, 65536);
    known.data[KS_BIND_TLS_EXPORTER] = ks_str(host_tls_facts.exporter, sizeof host_tls_facts.exporter);
    host_say(conn, HEADER "<starttls xmlns='" NS_TLS "'/>", domain);
    host_secure(conn);
    host_say(conn, HEADER, domain);
    if (ks_scram_client_first(&scram, &arena, KS_SHA256, KS_BIND_TLS_EXPORTER, true, ks_str_z(local),
            ks_str_z(password), &h->prng, &message)
        != KS_OK)
        abort();
    say_sasl(conn, "auth xmlns='" NS_SASL "' mechanism='SCRAM-SHA-256-PLUS'", "auth", message);
    if (!host_heard(conn, "<challenge")
        || ks_scram_client_final(&scram, &known, KS_STR_EMPTY, sasl_data(conn, &arena), &message) != KS_OK)
        abort();
    say_sasl(conn, "response xmlns='" NS_SASL "'", "response", message);
    if (!host_heard(conn, "<success"))
        abort();
    host_say(conn, HEADER, domain);
    host_forget(conn);
    ks_arena_done(&arena);
    return conn;
}

struct host_conn *host_bound(
    struct host *h, const char *domain, const char *local, const char *password, const char *resource)
{
    struct host_conn *conn = host_login(h, domain, local, password);

    host_say(conn, "<iq type='set' id='bind'><bind xmlns='" NS_BIND "'><resource>%s</resource></bind></iq>", resource);
    if (!host_heard(conn, "type='result'"))
        abort();
    host_forget(conn);
    return conn;
}
