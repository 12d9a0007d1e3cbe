/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Commands of an administrator that the edge carries out: nothing happens that is not in the audit log first, and what
 * is asked for is whole. */
#include "check.h"
#include "control.h"
#include "crypto.h"
#include "host.h"

static struct ks_control *control;
static struct ks_buf answers;
static struct ks_control_call *work; /* what the edge is to do */

static void on_control(struct host *h, const struct ks_event *event)
{
    (void)h;
    if (event->kind == KS_EV_WORK) {
        work = event->work;
        return;
    }
    ks_buf_add(&answers, ks_control_output(control));
    ks_control_output_sent(control, ks_control_output(control).len);
}

/* What it answers to one line; empty while it waits for the edge. */
static struct ks_str say(struct host *h, const char *line)
{
    work = NULL;
    ks_buf_reset(&answers);
    ks_control_feed(control, ks_str_z(line), h->now);
    ks_control_feed(control, KS_STR("\n"), h->now);
    host_settle(h);
    return ks_buf_str(&answers);
}

static struct ks_str worked(struct host *h, const char *error)
{
    ks_control_worked(work, error, NULL, h->now);
    host_settle(h);
    return ks_buf_str(&answers);
}

static bool add_row(void *user, const struct ks_audit_row *row)
{
    struct ks_buf *list = user;

    ks_buf_add(list, row->action);
    ks_buf_byte(list, '(');
    ks_buf_add(list, row->detail);
    ks_buf_z(list, ") ");
    return true;
}

/* Of the rows that a power cut would leave. */
static struct ks_str audited(struct host *h)
{
    static struct ks_buf list; /* of the last call */

    ks_buf_done(&list);
    ks_buf_init(&list, 65536);
    ks_memory_server_store_crash(h->store);
    if (h->store->ops->audit_scan(h->store, 1, add_row, &list) != KS_OK)
        abort();
    return ks_buf_str(&list);
}

#define OK KS_STR("{\"ok\":true,\"result\":{}}\n")
#define ERROR(id) KS_STR("{\"error\":\"" id "\",\"ok\":false}\n")
#define DEBUG "{\"v\":1,\"command\":\"log.debug\",\"args\":{\"reason\":\"Ticket 4711\"}}"
#define RELOAD "{\"v\":1,\"command\":\"reload\"}"

/* What konsild did by itself. */
static void test_note(struct host *h)
{
    struct ks_audit_row row = {
        .actor = KS_STR("konsild"), .action = KS_STR("log.normal"), .detail = KS_STR("by itself, after an hour")
    };
    size_t before = audited(h).len;

    ks_control_note(h->reactors[0], &row, h->now);
    host_settle(h);
    check_str("DSK I.8-e: what ended by itself has a row, too", ks_str_from(audited(h), before),
        KS_STR("log.normal(by itself, after an hour) "));
    before = audited(h).len;
    ks_memory_server_store_room(h->store, 0);
    ks_control_note(h->reactors[0], &row, h->now);
    host_settle(h);
    ks_memory_server_store_room(h->store, SIZE_MAX);
    check_row(audited(h).len == before, "on a full disk there is none, and nothing waits for it", "there is");
    ks_control_note(h->reactors[0], &row, h->now);
    host_settle(h);
    check_row(audited(h).len > before, "(control: and afterwards there is)", "there is none");
}

static void test_order(struct host *h)
{
    struct ks_str answer = say(h, DEBUG);

    check_row(work && !answer.len, "an act of the edge is handed over, and not answered before it is done", "%.*s",
        KS_STR_FMT(answer));
    check_str(
        "DSK I.8-e: at that time its row, with the reason, is durable", audited(h), KS_STR("log.debug(Ticket 4711) "));
    check_str("then it is done, and answered", worked(h, NULL), OK);

    ks_memory_server_store_room(h->store, 0);
    answer = say(h, DEBUG);
    check_str("with a full disk: refused", answer, ERROR("control.store"));
    check_row(!work, "and the edge was asked for nothing", "it was");
    check_str("an act that changes nothing needs no room", say(h, "{\"v\":1,\"command\":\"reload\",\"dry_run\":true}"),
        KS_STR(""));
    check_row(work != NULL, "control: it is handed over", "it is not");
    check_str("and answered", worked(h, NULL), OK);
    ks_memory_server_store_room(h->store, SIZE_MAX);
    check_str("neither left a row", audited(h), KS_STR("log.debug(Ticket 4711) "));

    say(h, RELOAD);
    check_str("what failed is answered with its reason", worked(h, "control.reload"), ERROR("control.reload"));
    check_str("and has a second row", audited(h), KS_STR("log.debug(Ticket 4711) reload() reload(failed) "));
    say(h, RELOAD);
    ks_memory_server_store_room(h->store, 0);
    check_str("also when that row finds no room", worked(h, "control.reload"), ERROR("control.reload"));
    ks_memory_server_store_room(h->store, SIZE_MAX);
    check_str("the first is there", audited(h), KS_STR("log.debug(Ticket 4711) reload() reload(failed) reload() "));

    say(h, RELOAD);
    ks_control_close(control);
    ks_control_worked(work, NULL, NULL, h->now);
    host_settle(h);
    check_row(true, "who asked may be gone when it is done", " ");
    control = ks_control_open(
        h->reactors[0], &(struct ks_control_setup) { .actor = "uid:0", .rights = KS_RIGHT_ALL }, h->now);
}

static void test_arguments(struct host *h)
{
    static const struct {
        const char *name, *line;
    } wrong[] = {
        { "a needed argument that is missing", "{\"v\":1,\"command\":\"log.debug\"}" },
        { "one that is empty", "{\"v\":1,\"command\":\"log.debug\",\"args\":{\"reason\":\"\"}}" },
        { "one that is blank", "{\"v\":1,\"command\":\"log.debug\",\"args\":{\"reason\":\" \\t\\r\\n\"}}" },
        { "one that is no text", "{\"v\":1,\"command\":\"log.debug\",\"args\":{\"reason\":4711}}" },
        { "one that nobody knows", "{\"v\":1,\"command\":\"reload\",\"args\":{\"reason\":\"x\"}}" },
        { "arguments that are no object", "{\"v\":1,\"command\":\"reload\",\"args\":[]}" },
        { "an account without a name", "{\"v\":1,\"command\":\"user.disable\",\"args\":{\"jid\":\"\"}}" },
    };
    struct ks_str before = audited(h);
    size_t len = before.len;

    for (size_t i = 0; i < KS_COUNT(wrong); i++) {
        char name[100];
        snprintf(name, sizeof name, "%s is refused", wrong[i].name);
        check_str(name, say(h, wrong[i].line), ERROR("control.arguments"));
    }
    check_row(!work && audited(h).len == len, "nothing of that was done or audited", "%.*s", KS_STR_FMT(audited(h)));
}

int main(void)
{
    struct ks_server_store *store = ks_memory_server_store_new();
    struct ks_config *config = host_config();
    struct host *host;

    if (ks_crypto_init() != KS_OK || !store)
        return 2;
    host = host_new(config, store, 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    host->on_control = on_control;
    ks_buf_init(&answers, 65536);
    control = ks_control_open(
        host->reactors[0], &(struct ks_control_setup) { .actor = "uid:0", .rights = KS_RIGHT_ALL }, host->now);
    if (!control)
        return 2;
    test_order(host);
    test_note(host);
    test_arguments(host);
    ks_control_close(control);
    ks_buf_done(&answers);
    host_free(host);
    ks_server_store_free(store);
    ks_config_unref(config);
    return check_done();
}
