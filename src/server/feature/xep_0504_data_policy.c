/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0504_data_policy.c -- XEP-0504 Data Policy, version 0.1.0: what becomes of a person's data here.
 *
 * What is kept, what for and how long comes from the descriptors (ks_feature_store), as in `konsilctl describe data`,
 * so it cannot say other than what is done. What only the hospital knows is configured, and is not said when it is not.
 */
#include "dataform.h"
#include "feature_list.h"
#include "option_text.h"
#include "retention.h"
#include "say.h"

#define FORM "urn:xmpp:data-policy:0"

enum access { ACCESS_UNSAID, ACCESS_NONE, ACCESS_ADMINS, ACCESS_ORGANIZATION };
static const char *const accesses[] = { "unsaid", "none", "admins", "organization_member", NULL };

static void add_hours(struct ks_arena *arena, struct ks_xml *form, const char *var, int64_t hours)
{
    struct ks_str text;
    struct ks_buf buf;

    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, (uint64_t)hours);
    if (ks_arena_copy(arena, ks_buf_str(&buf), &text) == KS_OK)
        ks_form_add(arena, form, var, "text-single", text);
    ks_buf_done(&buf);
}

static void add_bool(struct ks_arena *arena, struct ks_xml *form, const char *var, bool value)
{
    ks_form_add(arena, form, var, "boolean", value ? KS_STR("true") : KS_STR("false"));
}

/* §3.3: how long "data such as messages or files are stored", at most. */
static void add_retention(struct ks_arena *arena, const struct ks_domain *domain, struct ks_xml *form)
{
    bool for_good = false;
    int64_t longest = 0;

    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_feature_store *at = ks_features[i]->stores; at->store; at++) {
            /* Devices keep what they have by what stands here (doc/PROTOCOL.md §12.1) and end each record of the
             * archive by that: its own limit would make all of it longer. */
            if (at->holds != KS_DATA_CONTENT || at->keep == KS_KEEP_SESSION || at->where == KS_IN_RECORDS)
                continue;
            int64_t seconds = ks_retention_has_period(at) ? ks_retention_seconds(NULL, domain, at) : 0;
            for_good = for_good || !seconds;
            longest = seconds > longest ? seconds : longest;
        }
    if (for_good)
        ks_form_add(arena, form, "data_retention", "text-single", KS_STR("infinite"));
    else
        add_hours(arena, form, "data_retention", (longest + 3599) / 3600);
}

static void write_keep(struct ks_buf *buf, const struct ks_domain *domain, const struct ks_feature_store *store)
{
    static const char *const keeps[] = {
        [KS_KEEP_WITH_ACCOUNT] = KS_WIRE("keep.account", "with the account"),
        [KS_KEEP_SESSION] = KS_WIRE("keep.session", "with the session"),
        [KS_KEEP_ARCHIVE] = KS_WIRE("keep.archive", "with both accounts"),
        [KS_KEEP_DAYS] = KS_WIRE("keep.server", "as long as the server says for all domains"),
        [KS_KEEP_ALWAYS] = KS_WIRE("keep.always", "for good"),
    };
    bool has_period = ks_retention_has_period(store) && store->where != KS_IN_AUDIT && store->where != KS_IN_LOG;
    int64_t seconds = has_period ? ks_retention_seconds(NULL, domain, store) : 0;

    if (seconds)
        ks_buf_printf(buf, "%lld days", (long long)((seconds + 86399) / 86400));
    else
        ks_buf_z(buf, keeps[store->keep]);
}

/* §3.13: a line for each store that is about people: its name, what it is for, how long it is kept. */
static void add_stores(struct ks_arena *arena, const struct ks_domain *domain, struct ks_xml *form)
{
    struct ks_xml *field = ks_form_add(arena, form, "extra_info", "text-multi", KS_STR_EMPTY);
    struct ks_str text;
    struct ks_buf buf;

    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_feature_store *at = ks_features[i]->stores; at->store; at++) {
            if (at->holds == KS_DATA_NONE)
                continue;
            ks_buf_init(&buf, 1000);
            ks_buf_printf(&buf, "%s: %s Kept ", at->store, at->purpose);
            write_keep(&buf, domain, at);
            ks_buf_z(&buf, ".");
            if (ks_buf_err(&buf) == KS_OK && ks_arena_copy(arena, ks_buf_str(&buf), &text) == KS_OK)
                ks_xml_add_text(arena, field, NS_DATA, "value", text);
            ks_buf_done(&buf);
        }
}

/* Whole hours, of which none is left out: "the maximum frequency in hours". */
static void add_duration(
    struct ks_arena *arena, struct ks_xml *form, const char *var, const struct ks_domain *domain, const char *option)
{
    int64_t seconds = ks_domain_number(domain, option);

    if (seconds)
        add_hours(arena, form, var, (seconds + 3599) / 3600);
}

static void disco_form(struct ks_arena *arena, const struct ks_domain *domain, struct ks_xml *query)
{
    struct ks_xml *form = ks_form_new(arena, "result", FORM);
    struct ks_str tos = ks_domain_text(domain, "privacy.tos");
    enum access access = (enum access)ks_domain_number(domain, "privacy.access");

    ks_form_add(arena, form, "auth_data", "list-single", KS_STR("hidden")); /* §3.1: SCRAM shows us no password */
    add_retention(arena, domain, form);
    add_bool(arena, form, "data_deletion", false);     /* §3.4: of messages */
    add_bool(arena, form, "encryption_at_rest", true); /* doc/PROTOCOL.md §1.4: konsild's store */
    if (tos.len && ks_arena_copy(arena, tos, &tos) == KS_OK)
        ks_form_add(arena, form, "tos", "text-single", tos);
    if (access != ACCESS_UNSAID)
        ks_form_add(arena, form, "access_policy", "list-multi", ks_str_z(accesses[access]));
    add_bool(arena, form, "full_erasure", false); /* §3.10: administrators delete accounts */
    add_duration(arena, form, "backup_frequency", domain, "privacy.backup_every");
    add_duration(arena, form, "backup_retention", domain, "privacy.backup_keep");
    add_stores(arena, domain, form);
    if (form)
        ks_xml_graft(query, form);
}

const struct ks_feature ks_feature_data_policy = {
    .name = "data-policy",
    .disco_form = disco_form,
    .options = { { "privacy.tos", KS_OPT_TEXT, .max = 1000, .good = ks_text_is_uri, .wants = SAY("wants.uri"),
                     .doc = "Where the terms of service are, as a URI (XEP-0504)." },
        { "privacy.access", KS_OPT_CHOICE, .min = ACCESS_UNSAID, .max = ACCESS_ORGANIZATION, .choices = accesses,
            .doc = "Who beside a person may come to her data." },
        { "privacy.backup_every", KS_OPT_DURATION, .min = 0, .max = 31536000,
            .doc = "How often a backup is made, at least, as clients are told; 0: they are not told." },
        { "privacy.backup_keep", KS_OPT_DURATION, .min = 0, .max = 315360000,
            .doc = "How long a backup is kept, at most, as clients are told; 0: they are not told." } },
};
