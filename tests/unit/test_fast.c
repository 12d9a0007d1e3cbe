/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Tokens of devices, and what ends them: golden scripts cannot be an administrator. */
#include <stdlib.h>

#include "check.h"
#include "client.h"
#include "enc.h"
#include "fast.h"
#include "host_client.h"
#include "user_device.h"

#define ANNA "anna@offen.example"
#define TABLET "d4565fa7-4d72-4749-b3d3-740edbf87770"
#define PHONE "00000000-4d72-4749-b3d3-740edbf87770"

static struct ks_arena arena;
static struct host_console console;

static bool dry_run;

/* What an administrator is answered; more: further arguments, from a comma on. */
static struct ks_str tell(const char *command, const char *more)
{
    char line[4000];

    snprintf(line, sizeof line, "{\"v\":1,\"command\":\"%s\"%s,\"args\":{\"jid\":\"" ANNA "\"%s}}", command,
        dry_run ? ",\"dry_run\":true" : "", more);
    return host_console_say(&console, line);
}

static struct host_conn *come(struct host *h)
{
    static uint64_t addresses; /* each has its own, so that no refusal makes another wait */
    struct host_conn *conn = host_connect(h, ++addresses);

    client_secure(conn, "offen.example");
    ks_buf_reset(&conn->out);
    return conn;
}

/* Logs in by a token and binds; true if it is let in. */
static bool by_token(struct host *h, const char *local, const char *agent, struct ks_str token)
{
    struct ks_str channel = ks_str(host_tls_facts.exporter, sizeof host_tls_facts.exporter), message, text;
    struct host_conn *conn = come(h);
    char element[2000];
    bool in;

    if (ks_ht_first(&arena, ks_str_z(local), token, channel, &message) != KS_OK
        || ks_base64(&arena, message, &text) != KS_OK)
        exit(1);
    snprintf(element, sizeof element,
        "<authenticate xmlns='" NS_SASL2 "' mechanism='HT-SHA-256-EXPR'><initial-response>%.*s</initial-response>"
        "<user-agent id='%s'/><fast xmlns='" NS_FAST "'/></authenticate>",
        KS_STR_FMT(text), agent);
    client_say(conn, element);
    in = ks_str_starts(ks_buf_str(&conn->out), KS_STR("<success "));
    host_conn_free(conn);
    host_settle(h);
    return in;
}

/* Logs in by the password and binds; the token it gets is in the arena. */
static struct host_conn *by_password(
    struct host *h, const char *local, const char *agent, const char *password, struct ks_str *ret_token)
{
    char inlines[1000];
    struct host_conn *conn = come(h);
    struct ks_str out;

    snprintf(inlines, sizeof inlines,
        "<user-agent id='%s'><device>Tablet 3</device></user-agent><request-token xmlns='" NS_FAST
        "' mechanism='HT-SHA-256-EXPR'/><bind xmlns='" NS_BIND2 "'><tag>konsil</tag></bind>",
        agent);
    client_authenticate(conn, local, password, inlines);
    out = ks_buf_str(&conn->out);
    out = ks_str_from(out, ks_str_find(out, KS_STR(" token='")) + 8);
    if (ks_arena_copy(&arena, ks_str_head(out, ks_str_find_byte(out, '\'')), ret_token) != KS_OK || !ret_token->len)
        exit(1);
    ks_buf_reset(&conn->out);
    return conn;
}

static struct ks_str number_of(const char *agent)
{
    char text[17];
    struct ks_str copy;

    snprintf(text, sizeof text, "%016llx", (unsigned long long)ks_device_of(KS_STR(ANNA), ks_str_z(agent), true));
    if (ks_arena_copy(&arena, ks_str(text, 16), &copy) != KS_OK)
        exit(1);
    return copy;
}

static void test_devices(struct host *h)
{
    struct ks_str tablet, phone, list;
    char argument[100];
    struct host_conn *on_tablet = by_password(h, "anna", TABLET, "ein Kennwort", &tablet);
    struct host_conn *on_phone = by_password(h, "anna", PHONE, "ein Kennwort", &phone);

    check_row(by_token(h, "anna", TABLET, tablet) && by_token(h, "anna", PHONE, phone),
        "control: both devices log in with their tokens", "they do not");
    list = tell("devices.list", "");
    check_row(ks_str_find(list, number_of(TABLET)) < list.len && ks_str_find(list, number_of(PHONE)) < list.len
            && ks_str_find(list, KS_STR("\"name\":\"Tablet 3\"")) < list.len
            && ks_str_find(list, KS_STR("\"connected\":true")) < list.len,
        "devices.list: both, by number and name", "%.*s", KS_STR_FMT(list));
    check_row(ks_str_find(list, tablet) == list.len && ks_str_find(list, KS_STR(TABLET)) == list.len,
        "and neither a token nor what the client calls itself", "%.*s", KS_STR_FMT(list));

    check_str("devices.revoke: a number that is none is refused", tell("devices.revoke", ",\"device\":\"tablet\""),
        KS_STR("{\"error\":\"control.arguments\",\"ok\":false}\n"));
    snprintf(argument, sizeof argument, ",\"device\":\"%.*s\"", KS_STR_FMT(number_of(TABLET)));
    check_str("devices.revoke: its session ends", tell("devices.revoke", argument),
        KS_STR("{\"ok\":true,\"result\":{\"ended\":1}}\n"));
    check_row(on_tablet->closed && !by_token(h, "anna", TABLET, tablet), "and its token opens nothing", "it does");
    check_row(!on_phone->closed && by_token(h, "anna", PHONE, phone), "the other device goes on", "it does not");
    host_conn_free(on_tablet);
    host_conn_free(on_phone);
}

/* What an administrator does, and what becomes of the token. */
static void test_out(struct host *h)
{
    static const struct {
        const char *name, *command, *more;
        bool dry_run, opens;
    } deeds[] = {
        { "sessions.kill: tokens of devices that are not connected go, too", "sessions.kill", "", false, false },
        { "sessions.kill of another resource: the token is good", "sessions.kill", ",\"resource\":\"x\"", false, true },
        { "sessions.kill --dry-run: the token is good", "sessions.kill", "", true, true },
        { "user.disable: the token opens nothing", "user.disable", "", false, false },
    };
    struct ks_str token;

    for (size_t i = 0; i < KS_COUNT(deeds); i++) {
        host_conn_free(by_password(h, "anna", TABLET, "ein Kennwort", &token));
        host_settle(h);
        dry_run = deeds[i].dry_run;
        tell(deeds[i].command, deeds[i].more);
        dry_run = false;
        check_row(by_token(h, "anna", TABLET, token) == deeds[i].opens, deeds[i].name, "%d", !deeds[i].opens);
    }
    tell("user.enable", "");
    check_row(!by_token(h, "anna", TABLET, token), "user.enable: and does not come back", "it does");
}

/* A new password: keys as konsilctl sends them. */
static void set_password(const char *password)
{
    static const enum ks_hash hashes[] = { KS_SHA256, KS_SHA1 };
    static const uint8_t salt[KS_SCRAM_SALT_LEN] = { 7 };
    struct ks_str texts[2];
    char keys[2000];

    for (size_t i = 0; i < 2; i++) {
        struct ks_scram_keys made;
        struct ks_buf buf;
        ks_scram_keys_make(hashes[i], ks_str_z(password), salt, KS_SCRAM_ITERATIONS_MIN, &made);
        ks_buf_init(&buf, 1000);
        ks_scram_keys_write(&buf, &made);
        if (ks_base64(&arena, ks_buf_str(&buf), &texts[i]) != KS_OK)
            exit(1);
        ks_buf_done(&buf);
    }
    snprintf(keys, sizeof keys, ",\"keys\":{\"scram-sha-256\":\"%.*s\",\"scram-sha-1\":\"%.*s\"}", KS_STR_FMT(texts[0]),
        KS_STR_FMT(texts[1]));
    if (!ks_str_starts(tell("user.passwd", keys), KS_STR("{\"ok\":true")))
        exit(1);
}

static void test_password(struct host *h)
{
    struct ks_str token;
    struct host_conn *conn;

    host_conn_free(by_password(h, "anna", TABLET, "ein Kennwort", &token));
    host_settle(h);
    /* Authenticated under the old password, but not bound yet. */
    conn = come(h);
    client_authenticate(conn, "anna", "ein Kennwort", "");
    set_password("ein neues Wort");
    check_row(!by_token(h, "anna", TABLET, token), "user.passwd: the token opens nothing", "it does");
    ks_buf_reset(&conn->out);
    client_say(conn, "<iq type='set' id='b'><bind xmlns='" NS_BIND "'/></iq>");
    check_row(conn->closed && ks_str_find(ks_buf_str(&conn->out), KS_STR("<not-authorized ")) < conn->out.len,
        "user.passwd: who had logged in and not bound yet is out, too", "%.*s", KS_STR_FMT(ks_buf_str(&conn->out)));
    host_conn_free(conn);
}

int main(void)
{
    struct ks_server_store *store = ks_memory_server_store_new();
    struct ks_config *config = host_config();
    struct host *host;

    if (ks_crypto_init() != KS_OK || !store)
        return 2;
    ks_arena_init(&arena, 1 << 20);
    host = host_new(config, store, 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    host_add_account(host, "offen.example", "anna", "Anna", "ein Kennwort");
    host_console_open(&console, host, "uid:0", KS_RIGHT_ALL);
    test_devices(host);
    test_out(host);
    test_password(host);
    host_console_close(&console);
    host_free(host);
    ks_server_store_free(store);
    ks_config_unref(config);
    ks_arena_done(&arena);
    return check_done();
}
