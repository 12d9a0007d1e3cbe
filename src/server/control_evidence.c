/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* control_evidence.c -- what a report on data protection says of this konsild, and a signature that it came from here.
 *
 * The key follows from the installation's secret, so it is as old as the database and in no file. What is signed is a
 * digest: konsilctl writes the report (cmd/konsilctl_evidence.c). */
#include "control.h"
#include "crypto.h"
#include "enc.h"
#include "reactor.h"
#include "say.h"

#define PURPOSE_KEY "konsil evidence key 1"
#define PURPOSE_REPORT "konsil evidence report 1"

/* --- settings --- */

/* Texts may name people or hold secrets: only whether there is one. */
static json_t *value_json(const struct ks_option *option, int64_t number, struct ks_str text)
{
    switch (option->kind) {
    case KS_OPT_BOOL:
        return json_boolean(number);
    case KS_OPT_CHOICE:
        return json_string(option->choices[number]);
    case KS_OPT_TEXT:
        return json_string(text.len ? "set" : "");
    case KS_OPT_COUNT:
    case KS_OPT_BYTES:
    case KS_OPT_DURATION:
    default:
        return json_integer(number);
    }
}

static const char *unit_of(const struct ks_option *option)
{
    return option->kind == KS_OPT_DURATION ? "s" : option->kind == KS_OPT_BYTES ? "bytes" : "";
}

/* All options of the server (domain NULL) or of one domain, and whether each is as it comes. */
static json_t *describe_options(const struct ks_config *config, const struct ks_domain *domain)
{
    const struct ks_option *option;
    json_t *options = json_object();

    for (size_t at = 0; (option = ks_option_next(&at));) {
        int64_t init = domain && option->open_differs && !domain->protected ? option->init_open : option->init;
        struct ks_str text = KS_STR_EMPTY;
        int64_t number = 0;
        if ((option->scope == KS_OPT_SERVER) != !domain)
            continue;
        if (option->kind == KS_OPT_TEXT)
            text = domain ? ks_domain_text(domain, option->name) : ks_config_text(config, option->name);
        else
            number = domain ? ks_domain_number(domain, option->name) : ks_config_number(config, option->name);
        bool is_init = option->kind == KS_OPT_TEXT ? ks_str_eq(text, ks_str_z(option->init_text)) : number == init;
        json_object_set_new(options, option->name,
            json_pack("{s:o, s:s, s:b}", "value", value_json(option, number, text), "unit", unit_of(option), "default",
                is_init));
    }
    return options;
}

static void facts(struct ks_control_call *call)
{
    const struct ks_config *config = call->reactor->config;
    json_t *result = json_object(), *domains = json_array();
    const struct ks_domain *domain;

    for (size_t i = 0; (domain = ks_config_domain_at(config, i)); i++)
        json_array_append_new(domains,
            json_pack("{s:s%, s:b, s:o}", "name", domain->name.ptr, domain->name.len, "protected", domain->protected,
                "options", describe_options(config, domain)));
    json_object_set_new(result, "version", json_string(call->reactor->server->version));
    json_object_set_new(result, "domains", domains);
    json_object_set_new(result, "options", describe_options(config, NULL));
    ks_control_answer(call, NULL, result);
}

/* --- signing --- */

/* SHA-256 of the purpose and the report's own digest. */
static bool read_digest(struct ks_str hex, uint8_t ret_digest[32])
{
    struct ks_arena arena;
    struct ks_str report;
    bool good;

    ks_arena_init(&arena, 1000);
    good = ks_hex_read(&arena, hex, &report) == KS_OK && report.len == 32;
    if (good)
        ks_hash_parts(KS_SHA256, (const struct ks_str[]) { KS_STR(PURPOSE_REPORT), report }, 2, ret_digest);
    ks_arena_done(&arena);
    return good;
}

static void add_hex(json_t *result, const char *name, const uint8_t *bytes, size_t len)
{
    struct ks_buf hex;

    ks_buf_init(&hex, 1000);
    ks_hex_add(&hex, ks_str(bytes, len));
    json_object_set_new(result, name, json_stringn(hex.ptr, hex.len));
    ks_buf_done(&hex);
}

static void signed_report(struct ks_control_call *call, struct ks_store_req *req)
{
    const struct ks_server *server = call->reactor->server;
    uint8_t private_key[KS_P256_PRIVATE_LEN], public_key[KS_P256_PUBLIC_LEN], signature[KS_P256_SIGNATURE_LEN];
    uint8_t digest[32];
    json_t *result = NULL;

    ks_hkdf(KS_SHA256, ks_str(server->secret, sizeof server->secret), KS_STR_EMPTY, KS_STR(PURPOSE_KEY), private_key,
        sizeof private_key);
    if (req->result == KS_OK && read_digest(ks_control_text(call, "digest"), digest)
        && ks_p256_public(private_key, public_key) == KS_OK) {
        ks_p256_sign(private_key, digest, signature);
        result = json_object();
        add_hex(result, "public_key", public_key, sizeof public_key);
        add_hex(result, "signature", signature, sizeof signature);
    }
    ks_wipe(private_key, sizeof private_key);
    ks_control_answer(call, result ? NULL : SAY("control.store"), result);
}

static void sign(struct ks_control_call *call)
{
    uint8_t digest[32];

    if (!read_digest(ks_control_text(call, "digest"), digest))
        ks_control_answer(call, SAY("control.arguments"), NULL);
    else
        ks_control_record(call, ks_control_text(call, "digest"), signed_report);
}

const struct ks_control_command ks_control_evidence[] = {
    { "evidence.facts", KS_RIGHT_AUDIT, false, "", "", facts },
    { "evidence.sign", KS_RIGHT_AUDIT, true, "digest", "", sign, "digest" },
    { NULL },
};
