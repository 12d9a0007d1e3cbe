/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Attacks and faults of doc/attacks.tsv that no other test has: an answer that points elsewhere, a store put back,
 * three weeks away. */
#include "check.h"
#include "engine.h"
#include "party.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"
#define DAY_MS 86400000ll

static void must(enum ks_err err, const char *what)
{
    if (err != KS_OK) {
        printf("Bail out! %s: %s\n", what, ks_err_name(err));
        exit(1);
    }
}

static void begin(struct lab *lab, uint64_t seed, struct party **anna, struct party **jonas)
{
    lab_two(lab, seed, anna, jonas);
    party_connect(*anna);
    party_connect(*jonas);
    lab_run(lab, 1000);
    (void)party_send(*anna, JONAS, "0");
    lab_run(lab, 15000);
    (void)party_send(*jonas, ANNA, "a");
    lab_run(lab, 15000);
}

/* --- an answer that points elsewhere --- */

static struct {
    const char *id;
    bool honest;
} pointing;

/* Anna's program says "ja" to a message of jonas's, and to another one than stands there under that id. */
static enum ks_err answer(struct konsil *k, void *arg)
{
    struct ks_content content = { .says = KS_SAYS_TEXT, .body = KS_STR("ja"), .has_ref = true };
    struct ks_message target;
    struct ks_str id;
    enum ks_err err = ks_history_find(k, KS_STR(JONAS), ks_str_z(pointing.id), KS_STR(JONAS), &target);

    (void)arg;
    if (err != KS_OK)
        return err;
    content.reply_to = target.id;
    content.target_author = target.author;
    memcpy(content.ref_hash, target.hash, sizeof content.ref_hash);
    if (!pointing.honest)
        content.ref_hash[3] ^= 1;
    return ks_outbox_add(k, KS_STR(JONAS), &content, &id);
}

static bool shows_broken(struct lab *lab, struct party *anna, struct party *jonas, bool honest)
{
    json_t *history;

    pointing.honest = honest;
    if (!ks_step(anna->engine, answer, NULL))
        exit(1);
    konsil_tick(anna->engine, (struct konsil_now) { lab->host->now.mono_ms, lab->host->now.wall_ms });
    lab_run(lab, 5000);
    history = json_object_get(party_do(jonas, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"%s\"}", ANNA), "messages");
    return json_is_true(json_object_get(json_array_get(history, json_array_size(history) - 1), "reply_broken"));
}

static void pointed_elsewhere(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    begin(&lab, 61, &anna, &jonas);
    pointing.id = party_send(jonas, ANNA, "Entlassung heute?");
    lab_run(&lab, 5000);
    check_row(!shows_broken(&lab, anna, jonas, true), "(an answer to what stands there has its link)", "it is broken");
    check_row(shows_broken(&lab, anna, jonas, false),
        "attack 27: an answer to another text under the same id is shown as a broken reference", "it is not");
    lab_end(&lab);
}

/* --- a store put back --- */

struct copying {
    struct ks_engine_store *to;
    enum ks_table table;
};

static bool copy_record(void *user, struct ks_str key, struct ks_str value)
{
    const struct copying *copying = user;

    must(copying->to->ops->put(copying->to, copying->table, key, value), "a copy");
    return true;
}

static struct ks_engine_store *copy_of(struct ks_engine_store *store)
{
    struct copying copying = { .to = ks_memory_engine_store_new() };

    must(copying.to->ops->begin(copying.to), "a copy");
    for (int table = KS_T_META; table < KS_T_COUNT; table++) {
        copying.table = (enum ks_table)table;
        must(
            store->ops->scan(store, copying.table, KS_STR_EMPTY, KS_STR_EMPTY, false, copy_record, &copying), "a copy");
    }
    must(copying.to->ops->commit(copying.to), "a copy");
    return copying.to;
}

static void put_back(void)
{
    struct party *anna, *jonas;
    struct ks_engine_store *yesterday, *today;
    struct lab lab;
    uint64_t epoch;

    begin(&lab, 62, &anna, &jonas);
    yesterday = copy_of(anna->store);
    epoch = anna->engine->epoch;
    for (int i = 0; i < 3; i++) {
        (void)party_send(anna, JONAS, "seit gestern");
        lab_run(&lab, 5000);
    }
    lab_run(&lab, DAY_MS);
    today = anna->store;
    anna->store = yesterday;
    party_restart(anna);
    ks_engine_store_free(today);
    lab_run(&lab, 60000);
    (void)party_send(anna, JONAS, "mit der alten Sicherung");
    lab_run(&lab, 60000);
    (void)party_send(jonas, ANNA, "kommt an?");
    lab_run(&lab, 60000);
    (void)party_send(anna, JONAS, "ja");
    lab_run(&lab, 60000);
    check_row(anna->engine->epoch != epoch, "attack 34: a device whose store was put back numbers anew", "epoch %llu",
        (unsigned long long)anna->engine->epoch);
    check_row(strcmp(party_history(jonas, ANNA),
                  "0,a,seit gestern,seit gestern,seit gestern,mit der alten Sicherung,"
                  "kommt an?,ja")
            == 0,
        "attack 34: what it writes is read, in its place, and no number is taken for another's", "%s",
        party_history(jonas, ANNA));
    check_row(strstr(party_history(anna, JONAS), "kommt an?") != NULL, "attack 34: and it reads what is answered", "%s",
        party_history(anna, JONAS));
    lab_end(&lab);
}

/* --- three weeks away --- */

#define WEEKS_MESSAGES 5000

static void three_weeks(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    json_t *page;
    char body[24], expected[24];
    size_t sent, count = 0, wrong = 0, unreadable = 0;
    long long before = 0;

    begin(&lab, 63, &anna, &jonas);
    jonas->cut = true;
    party_cut(jonas);
    for (int i = 0; i < WEEKS_MESSAGES; i++) {
        snprintf(body, sizeof body, "n%d", i);
        (void)party_send(anna, JONAS, body);
        if (i % 50 == 49)
            lab_run(&lab, 21 * DAY_MS / (WEEKS_MESSAGES / 50));
    }
    jonas->cut = false;
    sent = jonas->sent.len;
    lab_run(&lab, 20 * 60000);
    do { /* from the newest to the oldest */
        page = party_do(
            jonas, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"%s\",\"limit\":100,\"before\":%lld}", ANNA, before);
        page = json_object_get(page, "messages");
        for (size_t i = json_array_size(page); i-- > 0;) {
            const json_t *message = json_array_get(page, i);

            before = json_integer_value(json_object_get(message, "order"));
            unreadable += json_is_true(json_object_get(message, "unreadable"));
            if (count < WEEKS_MESSAGES) {
                snprintf(expected, sizeof expected, "n%zu", WEEKS_MESSAGES - 1 - count);
                wrong += strcmp(text_of(message, "body"), expected) != 0;
            }
            count++;
        }
    } while (json_array_size(page) > 0);
    check_row(count == WEEKS_MESSAGES + 2 && wrong == 0 && unreadable == 0,
        "attack 63: after three weeks away 5,000 messages are read, each in its place",
        "%zu, %zu wrong, %zu unreadable", count, wrong, unreadable);
    check_row(party_count(jonas, "gap", 0) == 0 && party_count(jonas, "warning", 0) == 0,
        "attack 63: nothing was missing, and nobody warned", "%zu gaps, %zu warnings", party_count(jonas, "gap", 0),
        party_count(jonas, "warning", 0));
    printf("# he sent %zu bytes\n", jonas->sent.len - sent);
    lab_end(&lab);
}

int main(void)
{
    pointed_elsewhere();
    put_back();
    three_weeks();
    return check_done();
}
