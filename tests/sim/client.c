/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>

#include "enc.h"
#include "ns.h"
#include "scram.h"

void client_say(struct host_conn *conn, const char *text)
{
    host_feed(conn, ks_str_z(text));
    host_settle(conn->host);
}

void client_header(struct host_conn *conn, const char *domain)
{
    struct ks_buf header;

    ks_buf_init(&header, 4096);
    ks_buf_printf(
        &header, "<stream:stream to='%s' version='1.0' xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'>", domain);
    host_feed(conn, ks_buf_str(&header));
    host_settle(conn->host);
    ks_buf_done(&header);
}

void client_secure(struct host_conn *conn, const char *domain)
{
    client_header(conn, domain);
    client_say(conn, "<starttls xmlns='" NS_TLS "'/>");
    host_secure(conn);
    client_header(conn, domain);
}

/* Base64 of data between two pieces of XML. */
static void send_sasl(struct host_conn *conn, const char *open, struct ks_str data, const char *close)
{
    struct ks_buf text;

    ks_buf_init(&text, 65536);
    ks_buf_z(&text, open);
    ks_base64_add(&text, data);
    ks_buf_z(&text, close);
    ks_buf_reset(&conn->out);
    host_feed(conn, ks_buf_str(&text));
    host_settle(conn->host);
    ks_buf_done(&text);
}

/* What stands between the first tag and the next, decoded; the test ends if it is another. */
static struct ks_str data_of(const struct host_conn *conn, struct ks_arena *arena, const char *tag)
{
    struct ks_str out = ks_buf_str(&conn->out), data;

    if (!ks_str_starts(out, ks_str_z(tag)))
        abort();
    out = ks_str_from(out, strlen(tag));
    if (ks_base64_read(arena, ks_str_head(out, ks_str_find_byte(out, '<')), &data) != KS_OK)
        abort();
    return data;
}

struct words {
    const char *first, *first_end, *challenge, *response, *success;
};

static void login(struct host_conn *conn, const char *user, const char *password, const struct words *words)
{
    struct ks_scram_bindings bindings = { 0 };
    struct ks_scram_client scram;
    struct ks_arena arena;
    struct ks_str message;

    bindings.data[KS_BIND_TLS_EXPORTER] = ks_str(host_tls_facts.exporter, sizeof host_tls_facts.exporter);
    ks_arena_init(&arena, 65536);
    if (ks_scram_client_first(&scram, &arena, KS_SHA256, KS_BIND_TLS_EXPORTER, true, ks_str_z(user), ks_str_z(password),
            &conn->host->prng, &message)
        != KS_OK)
        abort();
    send_sasl(conn, words->first, message, words->first_end);
    if (ks_scram_client_final(&scram, &bindings, KS_STR_EMPTY, data_of(conn, &arena, words->challenge), &message)
        != KS_OK)
        abort();
    send_sasl(conn, words->response, message, "</response>");
    if (ks_scram_client_done(&scram, data_of(conn, &arena, words->success)) != KS_OK)
        abort();
    ks_arena_done(&arena);
}

void client_login(struct host_conn *conn, const char *user, const char *password)
{
    static const struct words words = { "<auth xmlns='" NS_SASL "' mechanism='SCRAM-SHA-256-PLUS'>", "</auth>",
        "<challenge xmlns='" NS_SASL "'>", "<response xmlns='" NS_SASL "'>", "<success xmlns='" NS_SASL "'>" };

    login(conn, user, password, &words);
    ks_buf_reset(&conn->out);
}

void client_bind(struct host_conn *conn, const char *domain, const char *user, const char *password)
{
    client_login(conn, user, password);
    client_header(conn, domain);
    client_say(conn, "<iq type='set' id='b'><bind xmlns='" NS_BIND "'><resource>r</resource></bind></iq>");
}

void client_authenticate(struct host_conn *conn, const char *user, const char *password, const char *inlines)
{
    char end[4096];
    struct words words = { "<authenticate xmlns='" NS_SASL2 "' mechanism='SCRAM-SHA-256-PLUS'><initial-response>", end,
        "<challenge xmlns='" NS_SASL2 "'>", "<response xmlns='" NS_SASL2 "'>",
        "<success xmlns='" NS_SASL2 "'><additional-data>" };

    snprintf(end, sizeof end, "</initial-response>%s</authenticate>", inlines);
    login(conn, user, password, &words);
}
