/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "server_info.h"

#include "command.h"
#include "dataform.h"
#include "engine.h"
#include "lifetime.h"
#include "utf8.h"
#include "xml_writer.h"

#define KEY "server_info" /* when it was said, and <query/> with its forms */
#define ADDRESS_BYTES_MAX 1024
#define LINES_MAX 128
#define LINE_BYTES_MAX 2048

#define FORM_CONTACT "http://jabber.org/network/serverinfo"
#define FORM_POLICY "urn:xmpp:data-policy:0"
#define FORM_OUTAGE "urn:xmpp:sos:0"

/* --- the record --- */

/* Only the forms: what else a server says of itself is for others. */
static bool is_form(const struct ks_xml *child)
{
    return ks_xml_is(child, NS_DATA, "x");
}

/* Without a form there is nothing to say, and that is kept, too. */
static enum ks_err keep(struct konsil *k, const struct ks_xml *query)
{
    struct ks_xml *forms = ks_xml_copy_top(&k->arena, query);
    struct ks_buf record;
    enum ks_err err;

    if (!forms)
        return KS_ENOMEM;
    ks_xml_filter(forms, is_form);
    ks_buf_init(&record, KS_SERVER_INFO_BYTES_MAX);
    ks_buf_u64(&record, (uint64_t)k->now.wall_ms);
    ks_xml_write(&record, forms, KS_STR_EMPTY);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = ks_meta_put(k, KEY, ks_buf_str(&record));
    else if (err != KS_ENOMEM) {
        ks_log(k->log, KS_WARNING, "client.server_info.unusable", KS_ERR(err));
        err = KS_OK;
    }
    ks_buf_done(&record);
    return err;
}

/* KS_ENOTFOUND: it was never said. */
static enum ks_err load(struct konsil *k, int64_t *ret_asked_ms, struct ks_xml **ret_query)
{
    struct ks_str record;
    struct ks_cursor at;
    uint64_t asked;
    enum ks_err err = ks_meta_get(k, KEY, &record);

    if (err != KS_OK)
        return err;
    at = ks_cursor(record);
    if (ks_cursor_u64(&at, &asked) != KS_OK)
        return KS_ESTORE;
    *ret_asked_ms = (int64_t)asked;
    err = ks_xml_read(&k->arena, ks_str_from(record, 8), KS_STR_EMPTY, KS_STR_EMPTY, ret_query);
    return err == KS_OK || err == KS_ENOMEM ? err : KS_ESTORE;
}

/* --- addresses --- */

static bool is_uri(struct ks_str text, const char *const *schemes)
{
    if (text.len > ADDRESS_BYTES_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == '"' || text.ptr[i] == '<' || text.ptr[i] == '>')
            return false;
    for (; *schemes; schemes++)
        if (ks_str_starts(text, ks_str_z(*schemes)) && text.len > strlen(*schemes))
            return true;
    return false;
}

static enum ks_err read_addresses(struct konsil *k, const struct ks_xml *form, const char *var,
    const char *const *schemes, struct ks_js_texts *ret_texts)
{
    struct ks_str *items = ks_arena_zero(&k->arena, KS_SERVER_ADDRESSES_MAX * sizeof(*items));
    const struct ks_xml *at = ks_xml_child(ks_form_field(form, var), NS_DATA, "value");
    size_t count = 0;

    if (!items)
        return KS_ENOMEM;
    for (; at && count < KS_SERVER_ADDRESSES_MAX; at = ks_xml_next(at, NS_DATA, "value")) {
        struct ks_str text = ks_str_trim(ks_xml_text(&k->arena, at));

        if (is_uri(text, schemes))
            items[count++] = text;
    }
    *ret_texts = (struct ks_js_texts) { items, count };
    return KS_OK;
}

static enum ks_err read_contacts(
    struct konsil *k, const struct ks_xml *query, struct ks_js_contact_address_list *ret_contacts)
{
    static const char *const schemes[] = { "https://", "mailto:", "tel:", "xmpp:", NULL };
    static const struct {
        const char *var, *what_for;
    } kinds[] = { { "support-addresses", "support" }, { "admin-addresses", "admin" },
        { "security-addresses", "security" }, { "abuse-addresses", "abuse" }, { "feedback-addresses", "feedback" },
        { "status-addresses", "status" }, { "sales-addresses", "sales" } };
    const struct ks_xml *form = ks_form_find(&k->arena, query, FORM_CONTACT);
    struct ks_js_contact_address *items = ks_arena_zero(&k->arena, KS_COUNT(kinds) * sizeof(*items));
    size_t count = 0;
    enum ks_err err;

    if (!items)
        return KS_ENOMEM;
    for (size_t i = 0; i < KS_COUNT(kinds); i++) {
        if ((err = read_addresses(k, form, kinds[i].var, schemes, &items[count].addresses)) != KS_OK)
            return err;
        items[count].what_for = ks_str_z(kinds[i].what_for);
        count += items[count].addresses.count > 0;
    }
    *ret_contacts = (struct ks_js_contact_address_list) { items, count };
    return KS_OK;
}

/* --- the policy --- */

static enum ks_err read_lines(
    struct konsil *k, const struct ks_xml *form, const char *var, struct ks_js_texts *ret_texts)
{
    struct ks_str *items = ks_arena_zero(&k->arena, LINES_MAX * sizeof(*items));
    const struct ks_xml *at = ks_xml_child(ks_form_field(form, var), NS_DATA, "value");
    size_t count = 0;

    if (!items)
        return KS_ENOMEM;
    for (; at && count < LINES_MAX; at = ks_xml_next(at, NS_DATA, "value")) {
        struct ks_str text = ks_xml_text(&k->arena, at);

        if (text.len > 0 && text.len <= LINE_BYTES_MAX)
            items[count++] = text;
    }
    *ret_texts = (struct ks_js_texts) { items, count };
    return KS_OK;
}

static int64_t read_hours(struct konsil *k, const struct ks_xml *form, const char *var)
{
    uint64_t hours;

    return ks_str_u64(ks_form_value(&k->arena, form, var), 1000000, &hours) == KS_OK ? (int64_t)hours : 0;
}

static enum ks_err read_policy(
    struct konsil *k, const struct ks_xml *query, const struct ks_js_data_policy **ret_policy)
{
    static const char *const schemes[] = { "https://", NULL };
    const struct ks_xml *form = ks_form_find(&k->arena, query, FORM_POLICY);
    struct ks_js_data_policy *policy = KS_NEW(&k->arena, struct ks_js_data_policy);
    struct ks_str passwords = ks_form_value(&k->arena, form, "auth_data"), terms;
    enum ks_err err;

    if (!policy)
        return KS_ENOMEM;
    if (!form)
        return KS_OK;
    terms = ks_form_value(&k->arena, form, "tos");
    *policy = (struct ks_js_data_policy) {
        .passwords = passwords.len > 0 ? ks_utf8_head(passwords, 64) : KS_STR_EMPTY,
        .keeps_hours = read_hours(k, form, "data_retention"),
        .keeps_for_ever = ks_str_is(ks_form_value(&k->arena, form, "data_retention"), "infinite"),
        .terms = is_uri(terms, schemes) ? terms : KS_STR_EMPTY,
        .backup_every_hours = read_hours(k, form, "backup_frequency"),
        .backup_keeps_hours = read_hours(k, form, "backup_retention"),
    };
    (void)ks_form_bool(ks_form_value(&k->arena, form, "encryption_at_rest"), &policy->encrypted);
    *ret_policy = policy;
    if ((err = read_lines(k, form, "access_policy", &policy->access)) != KS_OK)
        return err;
    return read_lines(k, form, "extra_info", &policy->more);
}

static enum ks_err read_outage(struct konsil *k, const struct ks_xml *query, struct ks_js_texts *ret_addresses)
{
    static const char *const schemes[] = { "https://", NULL };

    return read_addresses(
        k, ks_form_find(&k->arena, query, FORM_OUTAGE), "external-status-addresses", schemes, ret_addresses);
}

enum ks_err ks_server_info_outage(struct konsil *k, struct ks_js_texts *ret_addresses)
{
    struct ks_xml *query;
    int64_t asked_ms;
    enum ks_err err = load(k, &asked_ms, &query);

    *ret_addresses = (struct ks_js_texts) { NULL, 0 };
    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    return read_outage(k, query, ret_addresses);
}

/* --- asking --- */

static enum ks_err tell(struct konsil *k, struct ks_str id)
{
    struct ks_ev_server_info event = { .re = id };
    struct ks_xml *query;
    enum ks_err err = load(k, &event.asked, &query);

    if (err == KS_OK)
        err = read_contacts(k, query, &event.contacts);
    if (err == KS_OK)
        err = read_policy(k, query, &event.policy);
    if (err == KS_OK)
        err = read_outage(k, query, &event.outage_addresses);
    return err == KS_OK || err == KS_ENOTFOUND ? ks_tell(k, KS_EV_SERVER_INFO, &event) : err;
}

/* iq->text: the command's, or nothing. */
static enum ks_err on_info(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *query = answer ? ks_xml_child(answer->xml, NS_DISCO_INFO, "query") : NULL;
    enum ks_err err = KS_OK;

    if (ks_iq_ok(answer) && query && (err = keep(k, query)) == KS_OK)
        err = ks_lifetime_said(
            k, KS_STR_EMPTY, read_hours(k, ks_form_find(&k->arena, query, FORM_POLICY), "data_retention"));
    return err == KS_OK && iq->text.len > 0 ? tell(k, ks_cmd_text_id(iq->text)) : err;
}

static enum ks_err ask(struct konsil *k, struct ks_str text)
{
    return ks_iq_send(k, "get", ks_str_z(k->domain), ks_xml_new(&k->arena, NS_DISCO_INFO, "query"), on_info, text, 0);
}

enum ks_err ks_server_info_online(struct konsil *k)
{
    struct ks_xml *query;
    int64_t asked_ms;
    enum ks_err err = load(k, &asked_ms, &query);

    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (err == KS_OK && k->now.wall_ms >= asked_ms && k->now.wall_ms - asked_ms < KS_SERVER_INFO_MS)
        return KS_OK;
    return ask(k, KS_STR_EMPTY);
}

enum ks_err ks_server_info_ask(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err != KS_OK)
        return err;
    err = ask(k, text);
    return err == KS_EAGAIN ? tell(k, cmd->id) : err;
}
