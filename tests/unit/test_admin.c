/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Ad-hoc commands where accounts are at home in several reactors; and how long a form may lie (adhoc.h). */
#include "adhoc.h"
#include "check.h"
#include "client.h"
#include "crypto.h"
#include "ns.h"

#define NODE "http://jabber.org/protocol/admin#"

static struct host_conn *login(struct host *host, const char *user, const char *password)
{
    struct host_conn *conn = host_connect(host, 1);

    client_secure(conn, "offen.example");
    client_bind(conn, "offen.example", user, password);
    ks_buf_reset(&conn->out);
    return conn;
}

/* A form, asked for; its session's id. */
static void ask(struct host_conn *conn, const char *node, char id[17])
{
    char text[512];
    struct ks_str said;

    ks_buf_reset(&conn->out);
    snprintf(text, sizeof text,
        "<iq type='set' id='a' to='offen.example'><command xmlns='" NS_COMMANDS "' node='" NODE "%s'/></iq>", node);
    client_say(conn, text);
    said = ks_buf_str(&conn->out);
    said = ks_str_from(said, ks_str_find(said, KS_STR("sessionid='")));
    snprintf(id, 17, "%.16s", said.len > 30 ? said.ptr + 11 : "none");
}

static bool answers(struct host_conn *conn, const char *node, const char *id, const char *fields, const char *want)
{
    char text[1024];
    struct ks_str said;

    ks_buf_reset(&conn->out);
    snprintf(text, sizeof text,
        "<iq type='set' id='s' to='offen.example'><command xmlns='" NS_COMMANDS "' node='" NODE "%s' sessionid='%s'>"
        "<x xmlns='" NS_DATA "' type='submit'>%s</x></command></iq>",
        node, id, fields);
    client_say(conn, text);
    said = ks_buf_str(&conn->out);
    return ks_str_find(said, ks_str_z(want)) < said.len;
}

int main(void)
{
    struct ks_server_store *store = ks_memory_server_store_new();
    struct ks_config *config = host_config();
    struct host_conn *anna, *others[8];
    struct host *host;
    char id[17], first[17] = "", fields[400], name[16];
    size_t added = 0, in = 0;

    if (ks_crypto_init() != KS_OK
        || ks_config_set_text(
               config, ks_config_domain(config, KS_STR("offen.example")), KS_STR("admin.accounts"), KS_STR("anna"))
            != KS_OK)
        return 1;
    host = host_new(config, store, 4, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    host_add_account(host, "offen.example", "anna", "Anna", "p");
    anna = login(host, "anna", "p");
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "u%d", i);
        ask(anna, "add-user", id);
        snprintf(fields, sizeof fields,
            "<field var='accountjid'><value>%s@offen.example</value></field><field var='password'><value>geheim "
            "%d</value></field>"
            "<field var='password-verify'><value>geheim %d</value></field>",
            name, i, i);
        added += answers(anna, "add-user", id, fields, "status='completed'/>");
    }
    check_row(added == 8, "XEP-0133 §4.1: accounts are added at whatever reactor they are at home", "%zu of 8", added);
    for (int i = 0; i < 8; i++) {
        char password[16];
        snprintf(name, sizeof name, "u%d", i);
        snprintf(password, sizeof password, "geheim %d", i);
        others[i] = login(host, name, password);
        in += !others[i]->closed;
    }
    check_row(in == 8, "and log in with the password of the form", "%zu of 8", in);
    ask(anna, "end-user-session", id);
    check_row(answers(anna, "end-user-session", id,
                  "<field var='accountjids'><value>u1@offen.example</value><value>u2@offen.example</value></field>",
                  "status='completed'/>")
            && others[1]->closed && others[2]->closed && !others[3]->closed,
        "XEP-0133 §4.5: sessions of several accounts are ended one after the other", "they are not");
    ask(anna, "delete-user", id);
    host_wait(host, KS_ADHOC_SESSION_MS - 1000);
    check_row(answers(anna, "delete-user", id, "<field var='accountjids'><value>u3@offen.example</value></field>",
                  "status='completed'/>"),
        "XEP-0050 §5.1: a form may lie for a while", "it may not");
    ask(anna, "delete-user", id);
    host_wait(host, KS_ADHOC_SESSION_MS + 1000);
    check_row(answers(anna, "delete-user", id, "<field var='accountjids'><value>u4@offen.example</value></field>",
                  "session-expired"),
        "and not for ever: <session-expired/>", "it may");
    for (int i = 0; i <= KS_ADHOC_SESSIONS_MAX; i++) {
        ask(anna, "delete-user", id);
        if (i == 0)
            memcpy(first, id, sizeof first);
    }
    check_row(answers(anna, "delete-user", first, "", "bad-sessionid")
            && answers(anna, "delete-user", id, "", "status='completed'"),
        "of too many forms of one client the oldest is forgotten", "it is not");
    for (int i = 0; i < 8; i++)
        host_conn_free(others[i]);
    host_conn_free(anna);
    host_free(host);
    ks_server_store_free(store);
    ks_config_unref(config);
    return check_done();
}
