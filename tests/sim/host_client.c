/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "host_client.h"

#include <stdlib.h>

#include "client.h"
#include "crypto.h"
#include "enc.h"
#include "ns.h"

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

struct host_conn *host_login(struct host *h, const char *domain, const char *local, const char *password)
{
    struct host_conn *conn = host_connect(h, 1);

    client_secure(conn, domain);
    client_login(conn, local, password);
    client_header(conn, domain);
    host_forget(conn);
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

struct host_conn *host_component(struct host *h, const char *host, const char *secret, char ret_proof[41])
{
    struct host_conn *conn = host_connect_component(h);
    struct ks_str header, id;
    uint8_t digest[20];
    struct ks_buf hex;

    host_say(conn, "<stream:stream xmlns='" NS_COMPONENT "' xmlns:stream='" NS_STREAM "' to='%s'>", host);
    header = ks_buf_str(&conn->out);
    id = ks_str_from(header, ks_str_find(header, KS_STR(" id='")) + 5);
    ks_hash_parts(
        KS_SHA1, (struct ks_str[]) { ks_str_head(id, ks_str_find_byte(id, '\'')), ks_str_z(secret) }, 2, digest);
    ks_buf_init(&hex, 100);
    ks_hex_add(&hex, ks_str(digest, sizeof digest));
    snprintf(ret_proof, 41, "%.*s", KS_STR_FMT(ks_buf_str(&hex)));
    ks_buf_done(&hex);
    host_forget(conn);
    return conn;
}

static void on_control(struct host *h, const struct ks_event *event)
{
    struct host_console *console = event->edge;

    (void)h;
    if (event->kind != KS_EV_CONTROL)
        return;
    ks_buf_add(&console->answers, ks_control_output(console->control));
    ks_control_output_sent(console->control, ks_control_output(console->control).len);
}

void host_console_open(struct host_console *console, struct host *h, const char *actor, unsigned rights)
{
    struct ks_control_setup setup = { .edge = console, .actor = actor, .rights = rights };

    h->on_control = on_control;
    console->host = h;
    ks_buf_init(&console->answers, 1 << 20);
    if (!(console->control = ks_control_open(h->reactors[0], &setup, h->now)))
        abort();
}

void host_console_close(struct host_console *console)
{
    ks_control_close(console->control);
    ks_buf_done(&console->answers);
}

struct ks_str host_console_say(struct host_console *console, const char *line)
{
    ks_buf_reset(&console->answers);
    ks_control_feed(console->control, ks_str_z(line), console->host->now);
    ks_control_feed(console->control, KS_STR("\n"), console->host->now);
    host_settle(console->host);
    return ks_buf_str(&console->answers);
}
