/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0133_admin.c -- XEP-0133 Service Administration, version 1.3.1, as far as konsilctl can do the same: each command
 * is one of control.h, audited as that, with the account that gave it as its actor. It acts on accounts of its own
 * domain only. What would tell who is here, when, and with whom they talk is known and not done; nor is what a domain's
 * configuration says, or what would put the server's words in clear before everybody. */
#include <jansson.h>

#include "adhoc.h"
#include "control.h"
#include "credentials.h"
#include "crypto.h"
#include "dataform.h"
#include "enc.h"
#include "feature_list.h"
#include "reactor.h"
#include "scram.h"
#include "unicode.h"

#define ADMIN "http://jabber.org/protocol/admin"
#define OPTION "admin.accounts"
#define ACCOUNTS_MAX 20 /* of one command */
#define LISTED_MAX 2000

bool ks_admin_may(const struct ks_ctx *ctx)
{
    struct ks_str names = ks_domain_text(ctx->domain, OPTION), name;

    while (names.len && ks_str_cut(&names, ' ', &name))
        if (name.len && ks_str_eq(name, ks_user_jid(ctx->user).local))
            return true;
    return false;
}

/* --- forms --- */

static void add_field(struct ks_ctx *ctx, struct ks_xml *form, const char *var, const char *type, const char *label)
{
    struct ks_xml *field = ks_form_add(ctx->arena, form, var, type, KS_STR_EMPTY);

    ks_xml_set(ctx->arena, field, "label", ks_str_z(label));
    ks_xml_add(ctx->arena, field, NS_DATA, "required");
}

static void fill_accounts(struct ks_ctx *ctx, struct ks_xml *form)
{
    add_field(ctx, form, "accountjids", "jid-multi", "The accounts");
}

static void fill_password(struct ks_ctx *ctx, struct ks_xml *form)
{
    add_field(ctx, form, "accountjid", "jid-single", "The account");
    add_field(ctx, form, "password", "text-private", "Its new password");
}

static void fill_add(struct ks_ctx *ctx, struct ks_xml *form)
{
    add_field(ctx, form, "accountjid", "jid-single", "The account");
    add_field(ctx, form, "password", "text-private", "Its password");
    add_field(ctx, form, "password-verify", "text-private", "The password again");
    ks_form_add(ctx->arena, form, "given_name", "text-single", KS_STR_EMPTY);
    ks_form_add(ctx->arena, form, "surname", "text-single", KS_STR_EMPTY);
}

/* §4.18: "none" is no limit. */
static void fill_list(struct ks_ctx *ctx, struct ks_xml *form)
{
    static const char *const numbers[] = { "25", "50", "100", "200", "none" };
    struct ks_xml *field = ks_form_add(ctx->arena, form, "max_items", "list-single", KS_STR_EMPTY);

    ks_xml_set(ctx->arena, field, "label", KS_STR("How many at most"));
    for (size_t i = 0; i < KS_COUNT(numbers); i++)
        ks_xml_add_text(
            ctx->arena, ks_xml_add(ctx->arena, field, NS_DATA, "option"), NS_DATA, "value", ks_str_z(numbers[i]));
}

/* --- answers --- */

/* Errors of control.h, in the words that konsilctl has for them. */
static const struct {
    const char *id, *text;
} sentences[] = {
    { "control.exists", KS_WIRE("control.exists", "This account exists already.") },
    { "control.not-found", KS_WIRE("control.not-found", "There is no such account.") },
    { "control.disabled", KS_WIRE("control.disabled", "The account is disabled.") },
    { "control.jid", KS_WIRE("control.jid", "This is not the address of an account in a domain of this server.") },
    { "control.store", KS_WIRE("control.store", "The server cannot store this now. Nothing has happened.") },
    { "control.keys", KS_WIRE("control.keys", "The keys of the password are missing or cannot be read.") },
    { "control.text",
        KS_WIRE("control.text",
            "The name, department or profession is longer than 256 bytes, or has control characters.") },
};

static const char *sentence(const char *id)
{
    for (size_t i = 0; i < KS_COUNT(sentences); i++)
        if (ks_str_is(ks_str_z(id), sentences[i].id))
            return sentences[i].text;
    return id;
}

void ks_admin_failed(struct ks_ctx *ctx, const char *id)
{
    ks_adhoc_done(ctx, "error", sentence(id), NULL);
}

static void answered(struct ks_ctx *ctx, const char *error, json_t *result, struct ks_str text)
{
    (void)result;
    (void)text;
    if (error)
        ks_admin_failed(ctx, error);
    else
        ks_adhoc_done(ctx, NULL, NULL, NULL);
}

/* --- accounts --- */

/* An address of the own domain, as control.h takes it; empty: it is none. */
static struct ks_str account_of(struct ks_ctx *ctx, struct ks_str text)
{
    struct ks_jid jid;
    struct ks_str bare;

    return ks_jid_parse(ctx->arena, ks_str_trim(text), &jid) == KS_OK && jid.local.len
            && ks_str_eq(jid.domain, ctx->domain->name) && ks_jid_text(ctx->arena, ks_jid_bare(jid), &bare) == KS_OK
        ? bare
        : KS_STR_EMPTY;
}

static json_t *args_of(struct ks_str jid)
{
    json_t *args = json_object();

    json_object_set_new(args, "jid", json_stringn(jid.ptr, jid.len));
    return args;
}

/* One account after the other; left are those that follow, with blanks between them. */
static void next_account(struct ks_ctx *ctx, const char *error, json_t *result, struct ks_str left);

static const char *twin(struct ks_str node)
{
    static const struct {
        const char *node, *command;
    } twins[] = { { ADMIN "#delete-user", "user.delete" }, { ADMIN "#disable-user", "user.disable" },
        { ADMIN "#reenable-user", "user.enable" }, { ADMIN "#end-user-session", "sessions.kill" } };

    for (size_t i = 0; i < KS_COUNT(twins); i++)
        if (ks_str_is(node, twins[i].node))
            return twins[i].command;
    return NULL;
}

static void next_account(struct ks_ctx *ctx, const char *error, json_t *result, struct ks_str left)
{
    struct ks_str jid;

    if (error || !left.len || !ks_str_cut(&left, ' ', &jid))
        answered(ctx, error, result, left);
    else
        ks_control_ask_for(ctx, twin(ks_xml_attr(ctx->parcel->stanza.payload, "node")), args_of(jid), KS_RIGHT_ACCOUNTS,
            left, next_account);
}

static void run_accounts(struct ks_ctx *ctx, const struct ks_xml *form)
{
    const struct ks_xml *field = ks_form_field(form, "accountjids");
    struct ks_str all = KS_STR_EMPTY, jid;
    size_t count = 0;

    for (const struct ks_xml *at = ks_xml_child(field, NS_DATA, "value"); at; at = ks_xml_next(at, NS_DATA, "value")) {
        jid = account_of(ctx, ks_xml_text(ctx->arena, at));
        if (!jid.len || ++count > ACCOUNTS_MAX
            || ks_arena_join(ctx->arena, (struct ks_str[]) { all, jid, KS_STR(" ") }, 3, &all) != KS_OK) {
            ks_admin_failed(ctx, "control.jid");
            return;
        }
    }
    if (all.len)
        next_account(ctx, NULL, NULL, all);
    else
        ks_admin_failed(ctx, "control.jid");
}

/* {"scram-sha-256":…,"scram-sha-1":…}, as konsilctl makes them; NULL: no password. */
static json_t *keys_of(struct ks_ctx *ctx, struct ks_str typed)
{
    static const enum ks_hash hashes[] = { KS_SHA256, KS_SHA1 };
    json_t *keys = json_object();
    struct ks_str password;

    if (ks_unicode_password(ctx->arena, typed, &password) != KS_OK) {
        json_decref(keys);
        return NULL;
    }
    for (size_t i = 0; i < KS_COUNT(hashes); i++) {
        uint8_t salt[KS_SCRAM_SALT_LEN];
        struct ks_scram_keys made;
        struct ks_buf record, text;
        ks_prng_bytes(&ctx->reactor->prng, salt, sizeof salt);
        ks_scram_keys_make(hashes[i], password, salt, KS_SCRAM_ITERATIONS_MIN, &made);
        ks_buf_init_secret(&record, 1024);
        ks_buf_init_secret(&text, 2048);
        ks_scram_keys_write(&record, &made);
        ks_base64_add(&text, ks_buf_str(&record));
        if (ks_buf_err(&record) == KS_OK && ks_buf_err(&text) == KS_OK)
            json_object_set_new(keys, ks_credentials_key(hashes[i]).ptr, json_stringn(text.ptr, text.len));
        ks_wipe(&made, sizeof made);
        ks_buf_done(&text);
        ks_buf_done(&record);
    }
    return keys;
}

/* With the password of the form. */
static void ask_with_keys(struct ks_ctx *ctx, const char *command, const struct ks_xml *form, struct ks_str name)
{
    struct ks_str jid = account_of(ctx, ks_form_value(ctx->arena, form, "accountjid"));
    json_t *keys = jid.len ? keys_of(ctx, ks_form_value(ctx->arena, form, "password")) : NULL, *args;

    if (!keys) {
        ks_admin_failed(ctx, jid.len ? "control.keys" : "control.jid");
        return;
    }
    args = args_of(jid);
    json_object_set_new(args, "keys", keys);
    if (name.len)
        json_object_set_new(args, "name", json_stringn(name.ptr, name.len));
    ks_control_ask_for(ctx, command, args, KS_RIGHT_ACCOUNTS, KS_STR_EMPTY, answered);
}

static void run_password(struct ks_ctx *ctx, const struct ks_xml *form)
{
    ask_with_keys(ctx, "user.passwd", form, KS_STR_EMPTY);
}

static void run_add(struct ks_ctx *ctx, const struct ks_xml *form)
{
    struct ks_str given = ks_str_trim(ks_form_value(ctx->arena, form, "given_name")), name = KS_STR_EMPTY,
                  family = ks_str_trim(ks_form_value(ctx->arena, form, "surname"));

    if (!ks_str_eq(ks_form_value(ctx->arena, form, "password"), ks_form_value(ctx->arena, form, "password-verify")))
        ks_admin_failed(ctx, "control.keys");
    else if (ks_arena_join(ctx->arena,
                 (struct ks_str[]) { given, given.len && family.len ? KS_STR(" ") : KS_STR(""), family }, 3, &name)
        == KS_OK)
        ask_with_keys(ctx, "user.add", form, name);
    else
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
}

/* --- which there are, and how many --- */

static bool is_asked_for(const struct ks_ctx *ctx, const char *state)
{
    struct ks_str node = ks_xml_attr(ctx->parcel->stanza.payload, "node");

    return state
        && (strcmp(state, "disabled") == 0
            || (strcmp(state, "active") == 0 && ks_str_find(node, KS_STR("#get-registered-")) < node.len));
}

static void count_page(struct ks_ctx *ctx, const char *error, json_t *result, struct ks_str so_far);

static void ask_page(struct ks_ctx *ctx, const char *after, uint64_t so_far)
{
    json_t *args = json_pack("{s:s%, s:s}", "domain", ctx->domain->name.ptr, ctx->domain->name.len, "after", after);
    struct ks_buf buf;
    struct ks_str text = KS_STR("0");

    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, so_far);
    if (ks_buf_err(&buf) != KS_OK || ks_arena_copy(ctx->arena, ks_buf_str(&buf), &text) != KS_OK)
        ctx->arena->failed = true;
    ks_buf_done(&buf);
    ks_control_ask_for(ctx, "user.list", args, KS_RIGHT_ACCOUNTS, text, count_page);
}

static void count_page(struct ks_ctx *ctx, const char *error, json_t *result, struct ks_str so_far)
{
    const char *last = "";
    struct ks_xml *form;
    struct ks_buf buf;
    struct ks_str text;
    uint64_t count = 0;
    json_t *user;
    size_t i;

    if (error || ks_str_u64(so_far, UINT64_MAX, &count) != KS_OK) {
        ks_admin_failed(ctx, error ? error : "control.store");
        return;
    }
    json_array_foreach(json_object_get(result, "users"), i, user)
    {
        last = json_string_value(json_object_get(user, "local"));
        count += is_asked_for(ctx, json_string_value(json_object_get(user, "state")));
    }
    if (json_is_true(json_object_get(result, "more"))) {
        ask_page(ctx, last, count);
        return;
    }
    form = ks_form_new(ctx->arena, "result", ADMIN);
    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, count);
    if (ks_buf_err(&buf) == KS_OK && ks_arena_copy(ctx->arena, ks_buf_str(&buf), &text) == KS_OK)
        ks_form_add(
            ctx->arena, form, is_asked_for(ctx, "active") ? "registeredusersnum" : "disabledusersnum", NULL, text);
    ks_buf_done(&buf);
    ks_adhoc_done(ctx, NULL, NULL, form);
}

static void run_count(struct ks_ctx *ctx, const struct ks_xml *form)
{
    (void)form;
    ask_page(ctx, "", 0);
}

static void list_page(struct ks_ctx *ctx, const char *error, json_t *result, struct ks_str so_far);

static void ask_list(struct ks_ctx *ctx, const char *after, struct ks_str so_far)
{
    json_t *args = json_pack("{s:s%, s:s}", "domain", ctx->domain->name.ptr, ctx->domain->name.len, "after", after);

    ks_control_ask_for(ctx, "user.list", args, KS_RIGHT_ACCOUNTS, so_far, list_page);
}

static uint64_t listed_max(struct ks_ctx *ctx)
{
    const struct ks_xml *form = ks_form_find(ctx->arena, ctx->parcel->stanza.payload, ADMIN);
    uint64_t most;

    return ks_str_u64(ks_form_value(ctx->arena, form, "max_items"), LISTED_MAX, &most) == KS_OK ? most : LISTED_MAX;
}

/* A local part and its domain, behind those before, with blanks between them. */
static enum ks_err add_listed(struct ks_ctx *ctx, const char *local, struct ks_str *list)
{
    return ks_arena_join(ctx->arena,
        (struct ks_str[]) {
            *list, list->len ? KS_STR(" ") : KS_STR(""), ks_str_z(local), KS_STR("@"), ctx->domain->name },
        5, list);
}

static void list_page(struct ks_ctx *ctx, const char *error, json_t *result, struct ks_str so_far)
{
    uint64_t most = error ? 0 : listed_max(ctx), count = so_far.len > 0;
    const char *last = "";
    struct ks_xml *form;
    bool more = json_is_true(json_object_get(result, "more"));
    json_t *user;
    size_t i;

    if (error) {
        ks_admin_failed(ctx, error);
        return;
    }
    for (size_t at = 0; at < so_far.len; at++)
        count += so_far.ptr[at] == ' ';
    json_array_foreach(json_object_get(result, "users"), i, user)
    {
        last = json_string_value(json_object_get(user, "local"));
        if (!is_asked_for(ctx, json_string_value(json_object_get(user, "state"))))
            continue;
        if (count++ < most && add_listed(ctx, last, &so_far) != KS_OK) {
            ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
            return;
        }
    }
    if (more && count < most) {
        ask_list(ctx, last, so_far);
        return;
    }
    form = ks_form_new(ctx->arena, "result", ADMIN);
    ks_form_add_words(
        ctx->arena, form, is_asked_for(ctx, "active") ? "registereduserjids" : "disableduserjids", so_far);
    if (more || count > most)
        ks_adhoc_done(ctx, "info",
            KS_WIRE("wire.admin-more", "There are more accounts: konsilctl user list shows all of them."), form);
    else
        ks_adhoc_done(ctx, NULL, NULL, form);
}

static void run_list(struct ks_ctx *ctx, const struct ks_xml *form)
{
    (void)form;
    ask_list(ctx, "", KS_STR_EMPTY);
}

/* --- what there is --- */

#define NEVER \
    KS_WIRE("wire.nobodys-business", "Who is here, when, and with whom somebody talks is nobody else's business.")
#define COUNTED \
    KS_WIRE("wire.admin-counted", "How many people are here is told by the metrics, and only while there are many.")
#define CONFIGURED \
    KS_WIRE("wire.admin-configured", "This is done where the server runs: in its configuration, or by hand.")
#define SILENT \
    KS_WIRE("wire.admin-silent", "The server itself writes to nobody. What all should know is on its outage page.")
#define REFUSED(node, why)                                \
    {                                                     \
        ADMIN "#" node, node, ks_admin_may, .never = why, \
    }

static const struct ks_adhoc_command commands[] = {
    { ADMIN "#add-user", "Add a User", ks_admin_may, fill_add, ADMIN, run_add },                          /* §4.1 */
    { ADMIN "#delete-user", "Delete Users", ks_admin_may, fill_accounts, ADMIN, run_accounts },           /* §4.2 */
    { ADMIN "#disable-user", "Disable Users", ks_admin_may, fill_accounts, ADMIN, run_accounts },         /* §4.3 */
    { ADMIN "#reenable-user", "Re-Enable Users", ks_admin_may, fill_accounts, ADMIN, run_accounts },      /* §4.4 */
    { ADMIN "#end-user-session", "End User Sessions", ks_admin_may, fill_accounts, ADMIN, run_accounts }, /* §4.5 */
    { ADMIN "#change-user-password", "Change a User's Password", ks_admin_may, fill_password, ADMIN,
        run_password }, /* §4.7 */
    { ADMIN "#get-registered-users-num", "Number of Registered Users", ks_admin_may, NULL, ADMIN,
        run_count },                                                                                       /* §4.13 */
    { ADMIN "#get-disabled-users-num", "Number of Disabled Users", ks_admin_may, NULL, ADMIN, run_count }, /* §4.14 */
    { ADMIN "#get-registered-users-list", "List of Registered Users", ks_admin_may, fill_list, ADMIN,
        run_list }, /* §4.18 */
    { ADMIN "#get-disabled-users-list", "List of Disabled Users", ks_admin_may, fill_list, ADMIN,
        run_list },                           /* §4.19 */
    REFUSED("get-user-roster", NEVER),        /* §4.8 */
    REFUSED("get-user-lastlogin", NEVER),     /* §4.9 */
    REFUSED("user-stats", NEVER),             /* §4.10 */
    REFUSED("edit-blacklist", CONFIGURED),    /* §4.11 */
    REFUSED("edit-whitelist", CONFIGURED),    /* §4.12 */
    REFUSED("get-online-users-num", COUNTED), /* §4.15 */
    REFUSED("get-active-users-num", COUNTED), /* §4.16 */
    REFUSED("get-idle-users-num", COUNTED),   /* §4.17 */
    REFUSED("get-online-users-list", NEVER),  /* §4.20 */
    REFUSED("get-active-users", NEVER),       /* §4.21 */
    REFUSED("get-idle-users", NEVER),         /* §4.22 */
    REFUSED("announce", SILENT),              /* §4.23 */
    REFUSED("set-motd", SILENT),              /* §4.24 */
    REFUSED("edit-motd", SILENT),             /* §4.25 */
    REFUSED("delete-motd", SILENT),           /* §4.26 */
    REFUSED("set-welcome", SILENT),           /* §4.27 */
    REFUSED("delete-welcome", SILENT),        /* §4.28 */
    REFUSED("edit-admin", CONFIGURED),        /* §4.29 */
    REFUSED("restart", CONFIGURED),           /* §4.30 */
    REFUSED("shutdown", CONFIGURED),          /* §4.31 */
    { NULL },
};

const struct ks_feature ks_feature_admin = {
    .name = "admin",
    .commands = commands,
    .options = { { OPTION, KS_OPT_TEXT, .max = 1000,
        .doc = "Local parts of accounts that may administer this domain's accounts from their clients (XEP-0133)." } },
};
