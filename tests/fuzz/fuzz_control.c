/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Lines of an administrator, who may be a program of anybody with a right. Where the socket cuts them does not matter;
 * each line has one answer, an error is a sentence of the catalogue, the edge does nothing for who has no right to it,
 * and the audit log stays whole. The first byte: rights; the second: where to cut. */
#include <assert.h>
#include <stdlib.h>

#include "audit_chain.h"
#include "control.h"
#include "crypto.h"
#include "host.h"
#include "sentence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* One konsild, and one connection of an administrator. */
struct life {
    struct ks_server_store *store;
    struct host *host;
    struct ks_control *control;
    struct ks_buf answers;
    unsigned works;
};
static struct life lives[2];

static struct life *life_of(const struct host *host)
{
    return &lives[host == lives[1].host];
}

static void on_control(struct host *host, const struct ks_event *event)
{
    struct life *life = life_of(host);

    if (event->kind == KS_EV_WORK) {
        life->works++;
        ks_control_worked(event->work, life->works % 3 ? NULL : "control.reload", NULL, host->now);
        return;
    }
    ks_buf_add(&life->answers, ks_control_output(life->control));
    ks_control_output_sent(life->control, ks_control_output(life->control).len);
}

static void live(struct life *life, struct ks_config *config, unsigned rights, struct ks_str lines, size_t cut)
{
    *life = (struct life) { .store = ks_memory_server_store_new() };
    ks_buf_init(&life->answers, SIZE_MAX);
    life->host = host_new(config, life->store, 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    life->host->on_control = on_control;
    host_add_account(life->host, "klinik.example", "anna", "Anna", "p");
    life->control = ks_control_open(
        life->host->reactors[0], &(struct ks_control_setup) { .actor = "uid:7", .rights = rights }, life->host->now);
    if (!life->control)
        abort();
    ks_control_feed(life->control, ks_str_head(lines, cut), life->host->now);
    host_settle(life->host);
    ks_control_feed(life->control, ks_str_from(lines, cut), life->host->now);
    host_settle(life->host);
}

static void check_answer(struct ks_str line)
{
    json_error_t error;
    json_t *answer = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &error);
    json_t *id = json_object_get(answer, "error"), *ok = json_object_get(answer, "ok");

    assert(json_is_true(ok) ? !id && json_is_object(json_object_get(answer, "result")) : json_is_false(ok));
    assert(json_is_true(ok) || ks_sentence_find(ks_str_z(json_string_value(id))));
    json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_config *config;
    struct ks_str lines, answers;
    uint64_t good, gone;

    if (len < 2 || ks_crypto_init() != KS_OK)
        return 0;
    lines = ks_str(data + 2, len - 2);
    config = host_config();
    live(&lives[0], config, data[0] & KS_RIGHT_ALL, lines, lines.len);
    live(&lives[1], config, data[0] & KS_RIGHT_ALL, lines, lines.len * data[1] / 256);
    answers = ks_buf_str(&lives[0].answers);
    assert(ks_str_eq(answers, ks_buf_str(&lives[1].answers)));
    assert((data[0] & KS_RIGHT_OPERATE) || !lives[0].works);
    size_t asked = 0, answered = 0;
    for (size_t i = 0; i < lines.len; i++)
        asked += lines.ptr[i] == '\n';
    for (; answers.len; answered++) {
        size_t end = ks_str_find_byte(answers, '\n');
        assert(end < answers.len);
        check_answer(ks_str_head(answers, end));
        answers = ks_str_from(answers, end + 1);
    }
    assert(answered == asked || (ks_control_broken(lives[0].control) && answered < asked));
    assert(ks_audit_verify(lives[0].store, &good, &gone) == KS_OK);
    for (int i = 0; i < 2; i++) {
        ks_control_close(lives[i].control);
        host_free(lives[i].host);
        ks_server_store_free(lives[i].store);
        ks_buf_done(&lives[i].answers);
        lives[i] = (struct life) { 0 }; /* its host's address may be the next one's */
    }
    ks_config_unref(config);
    return 0;
}
