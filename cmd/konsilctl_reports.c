/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_reports.c -- what is stored about people, what administrators did, and the log. */
#include <stdlib.h>

#include "konsilctl.h"
#include "konsilctl_health.h"

static json_t *text_json(struct ks_str text)
{
    return json_stringn(text.len ? text.ptr : "", text.len);
}

/* Asks with one argument (NULL: none), and says one sentence. */
static int simple(struct ctl *ctl, const char *command, const char *name, const char *value, const char *done)
{
    json_t *args = json_object(), *result = NULL;

    if (name)
        json_object_set_new(args, name, json_string(value));
    int status = ctl_ask(ctl, command, args, &result);
    if (status == EXIT_SUCCESS && !ctl_json(ctl, result))
        ctl_done(ctl, done);
    json_decref(args);
    json_decref(result);
    return status;
}

/* --- what is stored about a person --- */

/* The words of src/server/control_reports.c in the reader's language. */
static const struct word {
    const char *key, *word, *id;
} words[] = {
    { "holds", "none", SAY("holds.none") },
    { "holds", "credentials", SAY("holds.credentials") },
    { "holds", "contacts", SAY("holds.contacts") },
    { "holds", "keys", SAY("holds.keys") },
    { "holds", "content", SAY("holds.content") },
    { "holds", "traffic", SAY("holds.traffic") },
    { "holds", "settings", SAY("holds.settings") },
    { "keep", "account", SAY("keep.account") },
    { "keep", "session", SAY("keep.session") },
    { "keep", "archive", SAY("keep.archive") },
    { "keep", "days", SAY("keep.days") },
    { "keep", "always", SAY("keep.always") },
    { "keep", "row", SAY("keep.row") },
    { "where", "values", SAY("where.values") },
    { "where", "archive", SAY("where.archive") },
    { "where", "accounts", SAY("where.accounts") },
    { "where", "audit", SAY("where.audit") },
    { "where", "log", SAY("where.log") },
    { "where", "settings", SAY("where.settings") },
    { "where", "vault", SAY("where.vault") },
    { "reader", "nobody", SAY("reader.nobody") },
    { "reader", "owner", SAY("reader.owner") },
    { "reader", "contacts", SAY("reader.contacts") },
    { "reader", "domain", SAY("reader.domain") },
    { "reader", "admins", SAY("reader.admins") },
    { "reader", "auditors", SAY("reader.auditors") },
    { "reader", "operators", SAY("reader.operators") },
};

/* A word of ours becomes the reader's; one of a newer server stays. */
static void translate(const struct ctl *ctl, json_t *store, const char *key)
{
    const char *word = json_string_value(json_object_get(store, key));
    char days[24];
    struct ks_buf text;

    snprintf(days, sizeof days, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(store, "days")));
    for (size_t i = 0; word && i < KS_COUNT(words); i++) {
        if (strcmp(words[i].key, key) != 0 || strcmp(words[i].word, word) != 0)
            continue;
        ks_buf_init(&text, 1000);
        ks_sentence_write(
            &text, ctl->language, words[i].id, (const struct ks_filling[]) { { "count", ks_str_z(days) }, { NULL } });
        json_object_set_new(store, key, text_json(ks_buf_str(&text)));
        ks_buf_done(&text);
        return;
    }
}

/* The list of readers becomes one text. */
static void translate_readers(const struct ctl *ctl, json_t *store)
{
    json_t *reader;
    struct ks_buf text;
    size_t index;

    ks_buf_init(&text, 1000);
    json_array_foreach(json_object_get(store, "readers"), index, reader)
    {
        json_t *one = json_pack("{s:O}", "reader", reader);
        translate(ctl, one, "reader");
        ks_buf_printf(&text, "%s%s", index ? ", " : "", json_string_value(json_object_get(one, "reader")));
        json_decref(one);
    }
    json_object_set_new(store, "readers", text_json(ks_buf_str(&text)));
    ks_buf_done(&text);
}

/* Where it is and who reads it go behind the purpose, where there is room. */
static void add_reading(const struct ctl *ctl, json_t *store)
{
    struct ks_buf text;

    ks_buf_init(&text, 10000);
    ks_sentence_write(&text, ctl->language, SAY("describe.reading"),
        (const struct ks_filling[]) { { "purpose", ks_str_z(json_string_value(json_object_get(store, "purpose"))) },
            { "where", ks_str_z(json_string_value(json_object_get(store, "where"))) },
            { "readers", ks_str_z(json_string_value(json_object_get(store, "readers"))) }, { NULL } });
    json_object_set_new(store, "purpose", text_json(ks_buf_str(&text)));
    ks_buf_done(&text);
}

/* Of a field, whose place is its name. */
static void add_readers(const struct ctl *ctl, json_t *field)
{
    struct ks_buf text;

    ks_buf_init(&text, 10000);
    ks_sentence_write(&text, ctl->language, SAY("describe.readers"),
        (const struct ks_filling[]) { { "purpose", ks_str_z(json_string_value(json_object_get(field, "purpose"))) },
            { "readers", ks_str_z(json_string_value(json_object_get(field, "readers"))) }, { NULL } });
    json_object_set_new(field, "purpose", text_json(ks_buf_str(&text)));
    ks_buf_done(&text);
}

static void translate_field(const struct ctl *ctl, json_t *field)
{
    char id[200];

    snprintf(id, sizeof id, "field.%s", json_string_value(json_object_get(field, "field")));
    for (char *at = id; *at; at++)
        if (*at == ':')
            *at = '.';
    if (id[strlen(id) - 1] == '.')
        id[strlen(id) - 1] = 0;
    if (ks_sentence_find(ks_str_z(id)))
        json_object_set_new(field, "purpose", text_json(ks_say(ctl->language, id)));
}

static int describe_fields(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "field", SAY("column.field") }, { "store", SAY("column.store") },
        { "keep", SAY("column.keep") }, { "purpose", SAY("column.purpose") }, { NULL, NULL } };
    json_t *result = NULL, *fields, *field;
    size_t index;
    int status = ctl_ask(ctl, "describe.fields", NULL, &result);

    fields = json_object_get(result, "fields");
    json_array_foreach(fields, index, field) translate_field(ctl, field);
    if (status == EXIT_SUCCESS && !ctl_json(ctl, fields)) {
        json_array_foreach(fields, index, field)
        {
            if (!json_object_get(field, "keep"))
                json_object_set_new(field, "keep", json_string("row"));
            translate(ctl, field, "keep");
            if (!json_object_get(field, "readers"))
                continue;
            translate_readers(ctl, field);
            add_readers(ctl, field);
        }
        ctl_table_print(stdout, ctl->language, columns, fields);
    }
    json_decref(result);
    return status;
}

/* The purpose from the catalogue (data.STORE), where tools/gen-catalogue has made sure that it is; that of a newer
 * server stays. */
static void translate_purpose(const struct ctl *ctl, json_t *store)
{
    const char *name = json_string_value(json_object_get(store, "store"));
    char id[200];

    snprintf(id, sizeof id, "data.%s", name ? name : "");
    if (ks_sentence_find(ks_str_z(id)))
        json_object_set_new(store, "purpose", text_json(ks_say(ctl->language, id)));
}

static int describe_data(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "store", SAY("column.store") }, { "holds", SAY("column.holds") },
        { "keep", SAY("column.keep") }, { "purpose", SAY("column.purpose") }, { NULL, NULL } };
    json_t *result = NULL, *stores, *store;
    size_t index;
    int status = ctl_ask(ctl, "describe.data", NULL, &result);

    stores = json_object_get(result, "stores");
    json_array_foreach(stores, index, store) translate_purpose(ctl, store);
    if (status == EXIT_SUCCESS && !ctl_json(ctl, stores)) {
        json_array_foreach(stores, index, store)
        {
            translate(ctl, store, "holds");
            translate(ctl, store, "keep");
            translate(ctl, store, "where");
            translate_readers(ctl, store);
            add_reading(ctl, store);
        }
        ctl_table_print(stdout, ctl->language, columns, stores);
    }
    json_decref(result);
    return status;
}

/* --- the audit log --- */

/* The rows after a number, at most a page; *ret_more: there are others. */
static int audit_page(struct ctl *ctl, json_int_t after, json_t **ret_rows, bool *ret_more)
{
    char number[32];
    json_t *args, *result = NULL;

    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, after);
    args = json_pack("{s:s}", "after", number);
    int status = ctl_ask(ctl, "audit.list", args, &result);
    *ret_rows = json_incref(json_object_get(result, "rows"));
    *ret_more = json_is_true(json_object_get(result, "more")) && json_array_size(*ret_rows);
    json_decref(args);
    json_decref(result);
    return status;
}

int ctl_audit_rows(struct ctl *ctl, json_t **ret_rows)
{
    json_t *all = json_array(), *rows = NULL;
    int status = EXIT_SUCCESS;
    json_int_t after = 0;

    for (bool more = true; more && status == EXIT_SUCCESS;) {
        status = audit_page(ctl, after, &rows, &more);
        json_array_extend(all, rows);
        after = json_integer_value(json_object_get(json_array_get(all, json_array_size(all) - 1), "seq"));
        json_decref(rows);
    }
    *ret_rows = all;
    return status;
}

static int audit_list(struct ctl *ctl)
{
    static const struct ctl_column columns[] = { { "seq", SAY("column.number") }, { "time", SAY("column.time") },
        { "actor", SAY("column.actor") }, { "action", SAY("column.action") }, { "subject", SAY("column.subject") },
        { "detail", SAY("column.detail") }, { NULL, NULL } };
    json_t *all;
    int status = ctl_audit_rows(ctl, &all);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, all))
        ctl_table_print(stdout, ctl->language, columns, all);
    json_decref(all);
    return status;
}

/* Says how many rows are good, and the newest one's hash: whoever noted it elsewhere can tell later that none was taken
 * off the end. */
static int say_good(struct ctl *ctl, json_int_t count, json_int_t gone)
{
    json_t *rows = NULL, *row;
    const char *hash;
    char number[32];
    bool more;
    int status = audit_page(ctl, count ? gone + count - 1 : gone, &rows, &more);

    row = json_array_get(rows, 0);
    hash = json_string_value(json_object_get(row, "hash"));
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, count);
    if (status == EXIT_SUCCESS && ctl->json) {
        json_t *result = json_pack("{s:I, s:I, s:s}", "rows", count, "gone", gone, "hash", hash ? hash : "");
        ctl_json(ctl, result);
        json_decref(result);
    } else if (status == EXIT_SUCCESS) {
        ctl_say(ctl, SAY("ctl.audit-good"), "count", number, NULL);
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, gone);
        if (gone)
            ctl_say(ctl, SAY("ctl.audit-gone"), "count", number, NULL);
        if (hash)
            ctl_say(ctl, SAY("ctl.audit-hash"), "hash", hash, NULL);
    }
    json_decref(rows);
    return status;
}

static int audit_verify(struct ctl *ctl)
{
    json_t *result = NULL;
    const char *error;
    char row[160];
    int status = ctl_try(ctl, "audit.verify", NULL, &result, &error);
    json_int_t good = json_integer_value(json_object_get(result, "rows"));
    json_int_t gone = json_integer_value(json_object_get(result, "gone"));

    if (status == EXIT_SUCCESS) {
        status = say_good(ctl, good, gone);
    } else if (error && json_is_integer(json_object_get(result, "rows"))) {
        struct ks_str first = ks_say(ctl->language, SAY("ctl.audit-row"));
        snprintf(row, sizeof row, "%.*s %" JSON_INTEGER_FORMAT, KS_STR_FMT(first), gone + good + 1);
        ctl_fail(ctl, error, row);
        ctl_json(ctl, result);
    } else if (error) {
        ctl_fail(ctl, error, NULL);
    }
    json_decref(result);
    return status;
}

/* --- the server --- */

static int log_debug(struct ctl *ctl)
{
    return simple(ctl, "log.debug", "reason", ctl->reason, SAY("ctl.debug-on"));
}

static int log_normal(struct ctl *ctl)
{
    return simple(ctl, "log.normal", NULL, NULL, SAY("ctl.debug-off"));
}

/* What was changed, and does not hold yet. */
static void say_restart(const struct ctl *ctl, const json_t *names)
{
    struct ks_buf list;
    size_t index;
    json_t *name;

    ks_buf_init(&list, 65536);
    json_array_foreach(names, index, name) ks_buf_printf(&list, "%s%s", index ? ", " : "", json_string_value(name));
    ks_buf_byte(&list, 0);
    if (list.len > 1 && ks_buf_err(&list) == KS_OK) {
        ctl_say(ctl, SAY("konsild.reload-restart"), "options", list.ptr, NULL);
        printf("%.*s\n", KS_STR_FMT(ks_say_do(ctl->language, SAY("konsild.reload-restart"))));
    }
    ks_buf_done(&list);
}

static int reload(struct ctl *ctl)
{
    json_t *result = NULL;
    int status = ctl_ask(ctl, "reload", NULL, &result);

    if (status == EXIT_SUCCESS && !ctl_json(ctl, result)) {
        ctl_done(ctl, SAY("ctl.reloaded"));
        say_restart(ctl, json_object_get(result, "restart"));
    }
    json_decref(result);
    return status;
}

const struct ctl_command ctl_reports[] = {
    { "audit verify", "", 0, 0, audit_verify, SAY("do.audit-verify"), "" },
    { "audit list", "", 0, 0, audit_list, SAY("do.audit-list"), "--json" },
    { "describe data", "", 0, 0, describe_data, SAY("do.describe-data"), "" },
    { "describe fields", "", 0, 0, describe_fields, SAY("do.describe-fields"), "" },
    { "health", "", 0, 0, ctl_health, SAY("do.health"), "" },
    { "log debug", "", CTL_REASON, 0, log_debug, SAY("do.log-debug"),
        "--reason \"logins from station 3 fail, ticket 17\"" },
    { "log normal", "", 0, 0, log_normal, SAY("do.log-normal"), "" },
    { "reload", "", 0, 0, reload, SAY("do.reload"), "" },
    { NULL },
};
