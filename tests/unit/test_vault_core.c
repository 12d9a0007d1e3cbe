/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The vault through the whole core, on virtual time: a session, the edge's questions, and an administrator. What the
 * keeper decides stands in test_vault_keeper.c; here is what becomes of it on the way. */
#include <stdio.h>

#include "check.h"
#include "client.h"
#include "control.h"
#include "crypto.h"
#include "enc.h"
#include "ns.h"
#include "reactor.h"
#include "vault_ask.h"

#define MINUTE_MS 60000
#define ANNA "\"jid\":\"anna@offen.example\""

static struct ks_vault_ask *answered;
static struct ks_buf said; /* to the administrator */

static void on_event(struct host *h, const struct ks_event *event)
{
    (void)h;
    if (event->kind == KS_EV_VAULT)
        answered = event->vault;
    if (event->kind == KS_EV_CONTROL) {
        ks_buf_reset(&said);
        ks_buf_add(&said, ks_control_output(event->control));
        ks_control_output_sent(event->control, ks_control_output(event->control).len);
    }
}

struct mine {
    uint8_t id[KS_VAULT_ID_LEN], token[KS_VAULT_TOKEN_LEN], seed[KS_ED25519_SEED_LEN];
};

static bool has(struct host_conn *conn, const char *text)
{
    return ks_str_find(ks_buf_str(&conn->out), ks_str_z(text)) < conn->out.len;
}

/* As the session says it; what came is in conn->out. */
static void make(struct host_conn *conn, const struct mine *mine, const char *kind)
{
    char slot[KS_BASE64_LEN(16) + 1] = { 0 }, token[KS_BASE64_LEN(32) + 1] = { 0 },
                                  confirm[KS_BASE64_LEN(32) + 1] = { 0 }, text[400];
    uint8_t hash[32], public_key[KS_ED25519_PUBLIC_LEN];

    ks_hash(KS_SHA256, ks_str(mine->token, sizeof mine->token), hash);
    ks_ed25519_public(mine->seed, public_key);
    ks_base64_write(ks_str(mine->id, sizeof mine->id), slot);
    ks_base64_write(ks_str(hash, sizeof hash), token);
    ks_base64_write(ks_str(public_key, sizeof public_key), confirm);
    snprintf(text, sizeof text,
        "<iq type='set' id='m'><make xmlns='" NS_KONSIL_VAULT "' kind='%s' slot='%s' token='%s' confirm='%s'/></iq>",
        kind, slot, token, confirm);
    ks_buf_reset(&conn->out);
    client_say(conn, text);
}

static void drop(struct host_conn *conn, const struct mine *mine)
{
    char slot[KS_BASE64_LEN(16) + 1] = { 0 }, text[200];

    ks_base64_write(ks_str(mine->id, sizeof mine->id), slot);
    snprintf(text, sizeof text, "<iq type='set' id='d'><drop xmlns='" NS_KONSIL_VAULT "' slot='%s'/></iq>", slot);
    ks_buf_reset(&conn->out);
    client_say(conn, text);
}

/* As the edge asks it, in the thread of that reactor. */
static struct ks_vault_call ask(struct host *h, uint16_t reactor, const struct mine *mine, enum ks_vault_want want,
    const struct ks_vault_call *with)
{
    struct ks_vault_ask question = { .call = with ? *with : (struct ks_vault_call) { .want = want } };

    question.call.want = want;
    memcpy(question.call.slot, mine->id, sizeof mine->id);
    memcpy(question.call.token, mine->token, sizeof mine->token);
    answered = NULL;
    ks_vault_asked(h->reactors[reactor], &question, h->now);
    host_settle(h);
    if (answered != &question)
        question.call.answer = (enum ks_vault_answer)0;
    return question.call;
}

static struct ks_vault_call eval(struct host *h, uint16_t reactor, const struct mine *mine)
{
    struct ks_vault_call call = { 0 };
    uint8_t blind[KS_OPRF_SCALAR_LEN];

    if (ks_oprf_blind(&h->prng, KS_STR("246813"), blind, call.blinded) != KS_OK)
        exit(1);
    return ask(h, reactor, mine, KS_VAULT_EVAL, &call);
}

static struct ks_vault_call confirm(struct host *h, const struct mine *mine)
{
    struct ks_vault_call tried = eval(h, 0, mine), call = { .gen = 1 };
    uint8_t bytes[KS_VAULT_CONFIRM_LEN];

    ks_vault_confirm_bytes(mine->id, tried.nonce, call.gen, bytes);
    ks_ed25519_sign(mine->seed, ks_str(bytes, sizeof bytes), call.signature);
    return ask(h, 1, mine, KS_VAULT_CONFIRM, &call);
}

static void pass(struct host *h, int64_t ms)
{
    host_wait(h, ms);
}

static const char *administer(struct host *h, struct ks_control *control, const char *command, const char *args)
{
    char line[300];

    snprintf(line, sizeof line, "{\"v\":1,\"command\":\"%s\",\"args\":{%s}}\n", command, args);
    ks_buf_reset(&said);
    ks_control_feed(control, ks_str_z(line), h->now);
    host_settle(h);
    ks_buf_byte(&said, 0);
    return said.ptr;
}

struct rows {
    const char *action;
    size_t count;
    char actor[64], subject[64], detail[64];
};

static bool see_row(void *user, const struct ks_audit_row *row)
{
    struct rows *rows = user;

    if (ks_str_is(row->action, rows->action)) {
        rows->count++;
        snprintf(rows->actor, sizeof rows->actor, "%.*s", KS_STR_FMT(row->actor));
        snprintf(rows->subject, sizeof rows->subject, "%.*s", KS_STR_FMT(row->subject));
        snprintf(rows->detail, sizeof rows->detail, "%.*s", KS_STR_FMT(row->detail));
    }
    return true;
}

static struct rows rows_of(struct host *h, const char *action)
{
    struct rows rows = { .action = action };

    if (h->store->ops->audit_scan(h->store, 1, see_row, &rows) != KS_OK)
        exit(1);
    return rows;
}

static void test_fresh(struct host *h, struct host_conn *anna, struct mine *mine)
{
    struct mine next = *mine;
    struct ks_vault_call call;

    next.id[0] ^= 1;
    make(anna, mine, "pin");
    check_row(has(anna, "<made"), "§16.2: a session makes a slot", "%.*s", KS_STR_FMT(ks_buf_str(&anna->out)));
    check_row(eval(h, 0, mine).answer == KS_VAULT_YES && eval(h, 1, mine).left == 8,
        "§16.3: it is tried from whichever thread the question comes", "it is not");
    call = confirm(h, mine);
    check_row(call.answer == KS_VAULT_YES && call.has_ticket, "§16.4: and confirmed", "%d", call.answer);
    pass(h, 5 * MINUTE_MS + 1);
    make(anna, &next, "pin");
    check_row(has(anna, "<not-allowed") && has(anna, "<pin xmlns='" NS_KONSIL_VAULT "'"),
        "attack 60: five minutes later an unlocked device does not change its PIN", "%.*s",
        KS_STR_FMT(ks_buf_str(&anna->out)));
    drop(anna, mine);
    check_row(has(anna, "<not-allowed") && eval(h, 0, mine).answer == KS_VAULT_YES, "attack 60: nor destroy its slot",
        "%.*s", KS_STR_FMT(ks_buf_str(&anna->out)));
    confirm(h, mine);
    make(anna, &next, "pin");
    check_row(
        has(anna, "<made"), "§16.4: with a fresh PIN it makes another", "%.*s", KS_STR_FMT(ks_buf_str(&anna->out)));
    drop(anna, mine);
    check_row(has(anna, "type='result'") && eval(h, 0, mine).answer == KS_VAULT_IS_GONE, "§16.2: and drops the first",
        "%.*s", KS_STR_FMT(ks_buf_str(&anna->out)));
    *mine = next;
}

static void test_window(struct host *h, const struct mine *mine)
{
    struct ks_config *none = host_config();

    confirm(h, mine);
    pass(h, 8 * 60 * MINUTE_MS - 1);
    check_row(ask(h, 0, mine, KS_VAULT_TICKET, NULL).has_ticket, "§16.5: a ticket for the eight hours of vault.window",
        "there is none");
    pass(h, 1);
    check_row(
        ask(h, 0, mine, KS_VAULT_TICKET, NULL).answer == KS_VAULT_STALE, "attack 47: and no longer", "there is one");
    if (ks_config_set_number(none, NULL, KS_STR("vault.window"), 0) != KS_OK)
        exit(1);
    host_configure(h, none);
    ks_config_unref(none);
    check_row(!confirm(h, mine).has_ticket && ask(h, 0, mine, KS_VAULT_TICKET, NULL).answer == KS_VAULT_STALE,
        "§16.5: none where vault.window is 0", "there is one");
}

static void test_administered(
    struct host *h, struct ks_control *control, struct host_conn *anna, const struct mine *mine)
{
    char args[200], slot[2 * KS_VAULT_ID_LEN + 1];
    struct rows rows;
    const char *seen;

    for (size_t i = 0; i < KS_VAULT_ID_LEN; i++)
        snprintf(slot + 2 * i, 3, "%02x", mine->id[i]);
    snprintf(args, sizeof args, ANNA ",\"slot\":\"%s\"", slot);
    for (int i = 0; i < 10; i++) {
        eval(h, 0, mine);
        pass(h, 16 * MINUTE_MS);
    }
    rows = rows_of(h, "vault.lock");
    check_row(eval(h, 0, mine).answer == KS_VAULT_IS_LOCKED && rows.count == 1 && strcmp(rows.actor, "konsild") == 0
            && strcmp(rows.detail, slot) == 0,
        "attack 40: locked, and the audit log says which slot", "%zu %s %s", rows.count, rows.actor, rows.detail);
    ks_memory_vault_store_last(h->vault, 0);
    seen = administer(h, control, "vault.unlock", args);
    rows = rows_of(h, "vault.unlock");
    check_row(strstr(seen, "control.store") && eval(h, 0, mine).answer == KS_VAULT_LATER
            && ks_str_starts(ks_str_z(rows.detail), KS_STR("failed: ")),
        "§16.6: an unlock that cannot be stored did not happen, and the audit log says so", "%s %s", seen, rows.detail);
    ks_memory_vault_store_last(h->vault, UINT32_MAX);
    seen = administer(h, control, "vault.unlock", args);
    rows = rows_of(h, "vault.unlock");
    check_row(strstr(seen, "\"tries\":3") && strcmp(rows.actor, "uid:0") == 0
            && strcmp(rows.subject, "anna@offen.example") == 0 && strcmp(rows.detail, slot) == 0,
        "§16.6: unlocked, and who did it for whom is in the audit log", "%s %s %s %s", seen, rows.actor, rows.subject,
        rows.detail);
    check_row(eval(h, 0, mine).left == 2, "§16.6: with three tries", "with others");
    seen = administer(h, control, "vault.unlock", ANNA ",\"slot\":\"00\"");
    check_row(strstr(seen, "control.no-slot") != NULL, "§16.6: what is no slot", "%s", seen);
    seen = administer(h, control, "vault.list", ANNA);
    check_row(strstr(seen, slot) && strstr(seen, "\"kind\":\"pin\"") && rows_of(h, "vault.list").count == 1,
        "§16.6: a list, audited", "%s", seen);
    ks_memory_vault_store_last(h->vault, 0);
    seen = administer(h, control, "vault.wipe", ANNA);
    check_row(strstr(seen, "control.store") && !anna->closed && rows_of(h, "vault.wipe").count == 0,
        "§16.7: a wipe that cannot be stored is neither told nor logged, and ends no session", "%s", seen);
    ks_memory_vault_store_last(h->vault, UINT32_MAX);
    seen = administer(h, control, "vault.wipe", ANNA ",\"device\":\"0000000000000001\"");
    check_row(strstr(seen, "\"ended\":0") && eval(h, 0, mine).answer != KS_VAULT_IS_GONE,
        "§16.7: another device's number ends nothing of this one", "%s", seen);
    seen = administer(h, control, "vault.wipe", ANNA);
    check_row(strstr(seen, "\"ended\":1") && strstr(seen, "\"destroyed\":\"") && anna->closed
            && eval(h, 0, mine).answer == KS_VAULT_IS_GONE && rows_of(h, "vault.wipe").count == 2,
        "§16.7: without a number all devices: keys destroyed, sessions ended, logged", "%s", seen);
}

int main(void)
{
    struct ks_server_store *store = ks_memory_server_store_new();
    struct ks_config *config = host_config();
    struct ks_control *control;
    struct host_conn *anna;
    struct mine mine;
    struct host *h;

    if (ks_crypto_init() != KS_OK || !store)
        return 2;
    h = host_new(config, store, 2, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    h->on_control = on_event;
    ks_buf_init(&said, 1 << 16);
    ks_prng_bytes(&h->prng, &mine, sizeof mine);
    host_add_account(h, "offen.example", "anna", "Anna", "p");
    anna = host_connect(h, 1);
    client_secure(anna, "offen.example");
    client_bind(anna, "offen.example", "anna", "p");
    control = ks_control_open(
        h->reactors[0], &(struct ks_control_setup) { .actor = "uid:0", .rights = KS_RIGHT_ALL }, h->now);
    test_fresh(h, anna, &mine);
    test_window(h, &mine);
    test_administered(h, control, anna, &mine);
    ks_control_close(control);
    host_close_all(h);
    host_free(h);
    ks_buf_done(&said);
    ks_config_unref(config);
    ks_server_store_free(store);
    return check_done();
}
