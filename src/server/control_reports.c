/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_reports.c -- commands that tell: what is stored about people, what administrators did, how the server is; and
 * those that the edge carries out. */
#include "control.h"
#include "data_register.h"
#include "enc.h"
#include "reactor.h"
#include "retention.h"
#include "say.h"

static json_t *text_json(struct ks_str text)
{
    return json_stringn(text.len ? text.ptr : "", text.len);
}

/* --- what is stored about a person --- */

/* The longest period that any domain has, in days, rounded up; 0: one of them has no end. */
static int64_t days_of(const struct ks_config *config, const struct ks_feature_store *store)
{
    const struct ks_domain *domain;
    int64_t longest = 0;

    for (size_t i = 0; (domain = ks_config_domain_at(config, i)); i++) {
        int64_t seconds = ks_retention_seconds(config, domain, store);
        if (!seconds)
            return 0;
        longest = seconds > longest ? seconds : longest;
    }
    return (longest + 86399) / 86400;
}

static json_t *words(unsigned bits, const char *const *names)
{
    json_t *list = json_array();

    for (; *names; names++, bits >>= 1)
        if (bits & 1)
            json_array_append_new(list, json_string(*names));
    return list;
}

/* How long, and who reads it. */
static void describe_life(json_t *to, const struct ks_config *config, const struct ks_feature_store *store)
{
    static const char *const keeps[] = { [KS_KEEP_WITH_ACCOUNT] = "account",
        [KS_KEEP_SESSION] = "session",
        [KS_KEEP_ARCHIVE] = "archive",
        [KS_KEEP_DAYS] = "days",
        [KS_KEEP_ALWAYS] = "always" };
    static const char *const readers[] = { "nobody", "owner", "contacts", "domain", "admins", "auditors", "operators",
        NULL };
    int64_t days = ks_retention_has_period(store) ? days_of(config, store) : 0;

    json_object_set_new(to, "keep", json_string(days ? "days" : keeps[store->keep]));
    if (days)
        json_object_set_new(to, "days", json_integer(days));
    json_object_set_new(to, "readers", words(store->readers, readers));
}

static void describe_feature(json_t *stores, const struct ks_config *config, const struct ks_feature *feature)
{
    static const char *const holds[] = { [KS_DATA_NONE] = "none",
        [KS_DATA_CREDENTIALS] = "credentials",
        [KS_DATA_CONTACTS] = "contacts",
        [KS_DATA_KEYS] = "keys",
        [KS_DATA_CONTENT] = "content",
        [KS_DATA_TRAFFIC] = "traffic",
        [KS_DATA_SETTINGS] = "settings" };
    static const char *const wheres[] = { [KS_IN_VALUES] = "values",
        [KS_IN_ARCHIVE] = "archive",
        [KS_IN_ACCOUNTS] = "accounts",
        [KS_IN_AUDIT] = "audit",
        [KS_IN_LOG] = "log",
        [KS_IN_SETTINGS] = "settings",
        [KS_IN_VAULT] = "vault",
        [KS_IN_RECORDS] = "records",
        [KS_IN_SALTS] = "salts",
        [KS_IN_RINGS] = "rings" };

    for (const struct ks_feature_store *at = feature->stores; at->store; at++) {
        json_t *store = json_object();
        json_object_set_new(store, "feature", json_string(feature->name));
        json_object_set_new(store, "store", json_string(at->store));
        json_object_set_new(store, "holds", json_string(holds[at->holds]));
        describe_life(store, config, at);
        if (at->period)
            json_object_set_new(store, "option", json_string(at->period));
        json_object_set_new(store, "where", json_string(wheres[at->where]));
        json_object_set_new(store, "purpose", json_string(at->purpose));
        json_array_append_new(stores, store);
    }
}

static void describe_data(struct ks_control_call *call)
{
    json_t *stores = json_array(), *result = json_object();

    for (size_t i = 0; ks_features[i]; i++)
        describe_feature(stores, call->reactor->config, ks_features[i]);
    json_object_set_new(result, "stores", stores);
    ks_control_answer(call, NULL, result);
}

static const struct ks_feature_store *store_named(const char *name)
{
    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_feature_store *at = ks_features[i]->stores; at->store; at++)
            if (strcmp(at->store, name) == 0)
                return at;
    return NULL;
}

/* Every field, and the store whose lifetime and readers it has. */
static void describe_fields(struct ks_control_call *call)
{
    json_t *fields = json_array(), *field;

    for (const struct ks_data_field *at = ks_data_register; at->name; at++) {
        const struct ks_feature_store *store = store_named(at->store);
        field = json_pack("{s:s, s:s, s:s}", "field", at->name, "store", at->store, "purpose", at->purpose);
        if (store)
            describe_life(field, call->reactor->config, store);
        json_array_append_new(fields, field);
    }
    ks_control_answer(call, NULL, json_pack("{s:o}", "fields", fields));
}

/* --- the audit log --- */

static void verified(struct ks_control_call *call, struct ks_store_req *req)
{
    if (req->result == KS_OK || req->result == KS_ECRYPTO)
        ks_control_answer(call, req->result == KS_OK ? NULL : SAY("control.audit-broken"),
            json_pack("{s:I, s:I}", "rows", (json_int_t)req->audit_good, "gone", (json_int_t)req->audit_gone));
    else
        ks_control_answer(call, SAY("control.store"), NULL);
}

static void audit_verify(struct ks_control_call *call)
{
    ks_control_ask(call, ks_store_audit_verify_new(), verified);
}

static void shown(struct ks_control_call *call, struct ks_store_req *req)
{
    json_t *rows, *result;

    if (req->result != KS_OK) {
        ks_control_answer(call, SAY("control.store"), NULL);
        return;
    }
    rows = json_array();
    for (size_t i = 0; i < req->audit_count; i++) {
        const struct ks_audit_row *at = &req->audit[i];
        char stamp[KS_STAMP_LEN + 1];
        struct ks_buf hash;
        json_t *row = json_object();
        ks_buf_init(&hash, 128);
        ks_hex_add(&hash, ks_str(at->hash, sizeof at->hash));
        json_object_set_new(row, "seq", json_integer((json_int_t)at->seq));
        json_object_set_new(row, "time", text_json(ks_stamp_write(at->stamp_ms, stamp)));
        json_object_set_new(row, "actor", text_json(at->actor));
        json_object_set_new(row, "action", text_json(at->action));
        json_object_set_new(row, "subject", text_json(at->subject));
        json_object_set_new(row, "detail", text_json(at->detail));
        json_object_set_new(row, "hash", text_json(ks_buf_str(&hash)));
        json_array_append_new(rows, row);
        ks_buf_done(&hash);
    }
    result = json_object();
    json_object_set_new(result, "rows", rows);
    json_object_set_new(result, "more", json_boolean(req->audit_count == KS_AUDIT_ROWS_MAX));
    ks_control_answer(call, NULL, result);
}

static void audit_list(struct ks_control_call *call)
{
    uint64_t after = 0;
    struct ks_str text = ks_control_text(call, "after");

    if (text.len && ks_str_u64(text, UINT64_MAX - 1, &after) != KS_OK)
        ks_control_answer(call, SAY("control.arguments"), NULL);
    else
        ks_control_ask(call, ks_store_audit_new(after + 1, KS_AUDIT_ROWS_MAX), shown);
}

const struct ks_control_command ks_control_reports[] = {
    { "describe.data", KS_RIGHT_AUDIT, false, "", "", describe_data },
    { "describe.fields", KS_RIGHT_AUDIT, false, "", "", describe_fields },
    { "audit.verify", KS_RIGHT_AUDIT, false, "", "", audit_verify },
    { "audit.list", KS_RIGHT_AUDIT, false, "", "after", audit_list },
    /* By the edge (src/edge/control_work.c): */
    { "health", KS_RIGHT_OPERATE, false, "", "", ks_control_hand_over },
    /* file: a name in backup.directory; its key is made with it, in backup.key_directory */
    { "backup", KS_RIGHT_OPERATE, true, "file", "", ks_control_hand_over, "file" },
    { "log.debug", KS_RIGHT_OPERATE, true, "reason", "", ks_control_hand_over, "reason" },
    { "log.normal", KS_RIGHT_OPERATE, true, "", "", ks_control_hand_over },
    { "reload", KS_RIGHT_OPERATE, true, "", "", ks_control_hand_over },
    { NULL },
};
