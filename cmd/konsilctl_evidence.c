/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_evidence.c -- what is done of the 140 requirements of the data protection authorities (doc/dsk.tsv), on
 * this konsild, with these settings: as signed JSON, and as a page for the file of a data protection officer.
 *
 * A report says of each requirement what was tested (tools/dsk --json), which settings matter to it and what they are,
 * and where this hospital departs from it. konsild signs its digest; the bytes that were signed stand in the file as
 * they are, so whoever has the file and knows the key can verify it without konsild. */
#include "konsilctl_evidence.h"

#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "crypto.h"
#include "enc.h"
#include "system.h"

#define REPORT "evidence.json"
#define PAGE "evidence.html"
#define PURPOSE "konsil evidence report 1"
#define ALGORITHM "ECDSA P-256 SHA-256"
#define FILE_BYTES_MAX (64u << 20)

/* Which settings a requirement hangs on; the domains' "protected" beside the options. */
static const struct {
    const char *id, *option;
} settings_of[] = {
    { "I.3-h", "protected" },
    { "II.1-g", "protected" },
    { "II.1-a", "protected" },
    { "II.1-b", "protected" },
    { "I.7-c", "retention.archive" },
    { "I.7-c", "retention.audit" },
    { "I.8-e", "retention.log" },
    { "I.1-b", "retention.archive" },
    { "IV.8-a", "retention.archive" },
    { "II.3-b", "retention.archive" },
    { "II.3-b", "session.resume" },
    { "IV.2-f", "login.tries" },
    { "IV.2-f", "login.iterations" },
    { "I.5-c", "session.resume" },
};

/* --- files --- */

static void hex_text(char *text, const void *bytes, size_t len)
{
    struct ks_buf hex;

    ks_buf_init(&hex, 2 * len + 1);
    ks_hex_add(&hex, ks_str(bytes, len));
    memcpy(text, hex.ptr, hex.len);
    text[hex.len] = 0;
    ks_buf_done(&hex);
}

static void sha256_hex(struct ks_str bytes, char text[65])
{
    uint8_t digest[32];

    ks_hash_parts(KS_SHA256, &bytes, 1, digest);
    hex_text(text, digest, sizeof digest);
}

static bool read_file(const char *path, struct ks_buf *ret_bytes)
{
    FILE *file = fopen(path, "rb");
    char chunk[65536];
    size_t len;

    if (!file)
        return false;
    while ((len = fread(chunk, 1, sizeof chunk, file)) > 0)
        ks_buf_add(ret_bytes, ks_str(chunk, len));
    bool good = !ferror(file) && ks_buf_err(ret_bytes) == KS_OK;
    fclose(file);
    return good;
}

static bool write_file(const char *directory, const char *name, struct ks_str bytes)
{
    char path[4200];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "wb");
    if (!file)
        return false;
    bool written = fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;
    return fclose(file) == 0 && written;
}

/* An object or array of JSON out of a file; NULL: said what is wrong. */
static json_t *read_json(const struct ctl *ctl, const char *path)
{
    json_error_t error;
    json_t *read = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

    if (!read)
        ctl_fail(ctl, SAY("evidence.unreadable"), path);
    return read;
}

/* --- the report --- */

static bool names(const json_t *deviation, const char *id)
{
    const char *named = json_string_value(json_object_get(deviation, "id"));

    return named && strcmp(named, id) == 0;
}

/* What this konsild's settings depart from by themselves. */
static void find_deviations(const json_t *facts, json_t *found)
{
    static const char *const ids[] = { "II.1-g", "I.3-h" };
    const json_t *domain;
    size_t index;

    json_array_foreach(json_object_get(facts, "domains"), index, domain)
    {
        if (json_is_true(json_object_get(domain, "protected")))
            continue;
        for (size_t i = 0; i < KS_COUNT(ids); i++)
            json_array_append_new(found,
                json_pack("{s:s, s:s, s:O, s:b}", "id", ids[i], "what", "unprotected", "domain",
                    json_object_get(domain, "name"), "declared", 0));
    }
}

/* What the hospital declares is added; what was found and is declared counts as declared. A past date is overdue. */
static void declare(json_t *found, const json_t *declared, const char *today)
{
    const json_t *one;
    json_t *other;
    size_t i, j;

    json_array_foreach(declared, i, one)
    {
        const char *id = json_string_value(json_object_get(one, "id"));
        const char *until = json_string_value(json_object_get(one, "until"));
        json_t *copy = json_deep_copy(one);
        json_object_set_new(copy, "what", json_string("declared"));
        json_object_set_new(copy, "declared", json_true());
        json_object_set_new(copy, "overdue", json_boolean(until && strcmp(until, today) < 0));
        json_array_foreach(found, j, other) if (id && names(other, id))
            json_object_set_new(other, "declared", json_true());
        json_array_append_new(found, copy);
    }
}

static json_t *value_of(const json_t *facts, const json_t *domain, const char *option)
{
    json_t *found = json_object_get(json_object_get(domain ? domain : facts, "options"), option);

    if (domain && strcmp(option, "protected") == 0)
        return json_pack("{s:O, s:s}", "value", json_object_get(domain, "protected"), "unit", "");
    return found
        ? json_pack("{s:O, s:O}", "value", json_object_get(found, "value"), "unit", json_object_get(found, "unit"))
        : NULL;
}

static json_t *settings_for(const json_t *facts, const char *id)
{
    json_t *settings = json_array(), *value;
    const json_t *domain;
    size_t index;

    for (size_t i = 0; i < KS_COUNT(settings_of); i++) {
        if (strcmp(settings_of[i].id, id) != 0)
            continue;
        if ((value = value_of(facts, NULL, settings_of[i].option))) {
            json_object_set_new(value, "option", json_string(settings_of[i].option));
            json_object_set_new(value, "domain", json_string(""));
            json_array_append_new(settings, value);
        }
        json_array_foreach(json_object_get(facts, "domains"), index,
            domain) if ((value = value_of(facts, domain, settings_of[i].option)))
        {
            json_object_set_new(value, "option", json_string(settings_of[i].option));
            json_object_set(value, "domain", json_object_get(domain, "name"));
            json_array_append_new(settings, value);
        }
    }
    return settings;
}

/* "met", "partly" or "open"; what failed is open. */
static const char *state_of(const json_t *requirement)
{
    const char *state = json_string_value(json_object_get(requirement, "state"));

    return state && strcmp(state, "full") == 0 ? "met" : state && strcmp(state, "part") == 0 ? "partly" : "open";
}

static json_t *judge(const json_t *facts, const json_t *results, const json_t *deviations, json_t *counts)
{
    json_t *items = json_array();
    const json_t *requirement, *deviation;
    size_t i, j;

    json_array_foreach(json_object_get(results, "requirements"), i, requirement)
    {
        const char *id = json_string_value(json_object_get(requirement, "id"));
        const char *state = state_of(requirement);
        json_t *item = json_deep_copy(requirement), *own = json_array();
        if (!id)
            continue;
        json_array_foreach(deviations, j, deviation) if (names(deviation, id))
            json_array_append(own, (json_t *)(uintptr_t)deviation);
        json_object_set_new(item, "state", json_string(state));
        json_object_set_new(item, "settings", settings_for(facts, id));
        json_object_set_new(item, "deviations", own);
        json_object_set_new(counts, state, json_integer(json_integer_value(json_object_get(counts, state)) + 1));
        json_array_append_new(items, item);
    }
    return items;
}

/* All that is said, before the page's digest is added. NULL: said what is wrong. */
static json_t *compose(struct ctl *ctl, json_t *facts, json_t *periods)
{
    const char *path = ctl->results ? ctl->results : KONSIL_RESULTS;
    json_t *results = read_json(ctl, path), *declared = NULL, *report, *deviations, *counts;
    char stamp[KS_STAMP_LEN + 1];

    if (results && ctl->deviations && !(declared = read_json(ctl, ctl->deviations))) {
        json_decref(results);
        return NULL;
    }
    if (!results)
        return NULL;
    if (!json_is_array(json_object_get(results, "requirements")) || (declared && !json_is_array(declared))) {
        ctl_fail(ctl, SAY("evidence.unreadable"), declared && !json_is_array(declared) ? ctl->deviations : path);
        json_decref(results);
        json_decref(declared);
        return NULL;
    }
    ks_stamp_write(ks_system_now().wall_ms, stamp);
    report = json_object();
    deviations = json_array();
    counts = json_pack("{s:i, s:i, s:i}", "met", 0, "partly", 0, "open", 0);
    find_deviations(facts, deviations);
    stamp[10] = 0;
    declare(deviations, declared, stamp);
    stamp[10] = 'T';
    json_object_set_new(report, "v", json_integer(1));
    json_object_set_new(report, "made", json_string(stamp));
    json_object_set_new(report, "hospital", json_string(ctl->hospital ? ctl->hospital : ""));
    json_object_set(report, "version", json_object_get(facts, "version"));
    json_object_set(report, "tested", json_object_get(results, "made"));
    json_object_set(report, "domains", json_object_get(facts, "domains"));
    json_object_set(report, "options", json_object_get(facts, "options"));
    json_object_set(report, "periods", json_object_get(periods, "periods"));
    json_object_set_new(report, "requirements", judge(facts, results, deviations, counts));
    json_object_set_new(report, "counts", counts);
    json_object_set_new(report, "deviations", deviations);
    json_decref(results);
    json_decref(declared);
    return report;
}

static int ask_signature(struct ctl *ctl, struct ks_str payload, json_t **ret_answer)
{
    char digest[65];
    json_t *args;
    int status;

    sha256_hex(payload, digest);
    args = json_pack("{s:s}", "digest", digest);
    status = ctl_ask(ctl, "evidence.sign", args, ret_answer);
    json_decref(args);
    return status;
}

static void say_written(const struct ctl *ctl, const char *directory, const json_t *report, const char *key)
{
    static const char *const states[] = { "met", "partly", "open" };
    char counts[3][24], fingerprint[65];

    for (size_t i = 0; i < KS_COUNT(states); i++)
        snprintf(counts[i], sizeof counts[i], "%" JSON_INTEGER_FORMAT,
            json_integer_value(json_object_get(json_object_get(report, "counts"), states[i])));
    ctl_say(ctl, SAY("evidence.written"), "directory", directory, NULL);
    ctl_say(ctl, SAY("evidence.counts"), "met", counts[0], "partly", counts[1], "open", counts[2], NULL);
    sha256_hex(ks_str_z(key), fingerprint);
    ctl_say(ctl, SAY("evidence.key"), "fingerprint", fingerprint, NULL);
}

/* The page, the report with the page's digest, and the signature over the report's bytes. */
static int write_report(struct ctl *ctl, json_t *report)
{
    const char *directory = ctl->to ? ctl->to : ".";
    char page_digest[65], *payload = NULL, *file = NULL;
    json_t *answer = NULL, *whole = NULL;
    struct ks_buf page;
    int status = EXIT_FAILURE;

    ks_buf_init(&page, FILE_BYTES_MAX);
    ctl_evidence_page(&page, ctl->language, report);
    sha256_hex(ks_buf_str(&page), page_digest);
    json_object_set_new(report, "page", json_pack("{s:s, s:s}", "file", PAGE, "sha256", page_digest));
    payload = json_dumps(report, JSON_COMPACT | JSON_SORT_KEYS);
    if (ks_buf_err(&page) != KS_OK || !payload)
        status = ctl_fail(ctl, SAY("ctl.memory"), NULL);
    else
        status = ask_signature(ctl, ks_str_z(payload), &answer);
    if (status == EXIT_SUCCESS) {
        whole = json_pack("{s:s, s:s, s:O, s:O}", "algorithm", ALGORITHM, "payload", payload, "public_key",
            json_object_get(answer, "public_key"), "signature", json_object_get(answer, "signature"));
        file = json_dumps(whole, JSON_INDENT(1) | JSON_SORT_KEYS);
        if (!file || !write_file(directory, REPORT, ks_str_z(file)) || !write_file(directory, PAGE, ks_buf_str(&page)))
            status = ctl_fail(ctl, SAY("evidence.unwritable"), directory);
        else if (!ctl_json(ctl, json_object_get(report, "counts")))
            say_written(ctl, directory, report, json_string_value(json_object_get(answer, "public_key")));
    }
    free(file);
    free(payload);
    json_decref(whole);
    json_decref(answer);
    ks_buf_done(&page);
    return status;
}

static int evidence(struct ctl *ctl)
{
    json_t *facts = NULL, *periods = NULL, *report = NULL;
    int status = ctl_ask(ctl, "evidence.facts", NULL, &facts);

    if (status == EXIT_SUCCESS)
        status = ctl_ask(ctl, "retention.show", NULL, &periods);
    if (status == EXIT_SUCCESS) {
        report = compose(ctl, facts, periods);
        status = report ? write_report(ctl, report) : EXIT_FAILURE;
    }
    json_decref(report);
    json_decref(periods);
    json_decref(facts);
    return status;
}

/* --- verifying --- */

static bool from_hex(
    struct ks_arena *arena, const json_t *whole, const char *name, size_t len, const uint8_t **ret_bytes)
{
    const char *hex = json_string_value(json_object_get(whole, name));
    struct ks_str bytes;

    if (!hex || ks_hex_read(arena, ks_str_z(hex), &bytes) != KS_OK || bytes.len != len)
        return false;
    *ret_bytes = (const uint8_t *)bytes.ptr;
    return true;
}

static bool is_genuine(const json_t *whole, struct ks_str payload)
{
    const uint8_t *key, *signature;
    uint8_t report[32], digest[32];
    struct ks_arena arena;
    bool genuine;

    ks_arena_init(&arena, 10000);
    ks_hash_parts(KS_SHA256, &payload, 1, report);
    ks_hash_parts(KS_SHA256, (const struct ks_str[]) { KS_STR(PURPOSE), ks_str(report, sizeof report) }, 2, digest);
    genuine = from_hex(&arena, whole, "public_key", KS_P256_PUBLIC_LEN, &key)
        && from_hex(&arena, whole, "signature", KS_P256_SIGNATURE_LEN, &signature)
        && ks_p256_verify(key, digest, signature) == KS_OK;
    ks_arena_done(&arena);
    return genuine;
}

/* The page beside the report, when it is there: 1 it is the report's, 0 there is none, -1 it is another. */
static int check_page(const char *path, const json_t *report)
{
    const char *want = json_string_value(json_object_get(json_object_get(report, "page"), "sha256"));
    const char *slash = strrchr(path, '/');
    char page[4200], digest[65];
    struct ks_buf bytes;
    int same = 0;

    snprintf(page, sizeof page, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, PAGE);
    ks_buf_init(&bytes, FILE_BYTES_MAX);
    if (read_file(page, &bytes)) {
        sha256_hex(ks_buf_str(&bytes), digest);
        same = want && strcmp(want, digest) == 0 ? 1 : -1;
    }
    ks_buf_done(&bytes);
    return same;
}

static int say_genuine(const struct ctl *ctl, const json_t *whole, const json_t *report)
{
    int page = check_page(ctl->words[0], report);
    char fingerprint[65];

    if (page < 0)
        return ctl_fail(ctl, SAY("evidence.page-changed"), PAGE);
    sha256_hex(ks_str_z(json_string_value(json_object_get(whole, "public_key"))), fingerprint);
    ctl_say(ctl, SAY("evidence.genuine"), "made", json_string_value(json_object_get(report, "made")), NULL);
    ctl_say(ctl, page ? SAY("evidence.page-genuine") : SAY("evidence.page-missing"), NULL);
    ctl_say(ctl, SAY("evidence.key"), "fingerprint", fingerprint, NULL);
    return EXIT_SUCCESS;
}

static int verify(struct ctl *ctl)
{
    json_t *whole = read_json(ctl, ctl->words[0]), *report = NULL;
    const char *payload = json_string_value(json_object_get(whole, "payload"));
    int status = EXIT_FAILURE;

    if (!whole)
        return EXIT_FAILURE;
    if (payload && is_genuine(whole, ks_str_z(payload)))
        report = json_loads(payload, 0, NULL);
    if (!report)
        ctl_fail(ctl, SAY("evidence.changed"), ctl->words[0]);
    else
        status = say_genuine(ctl, whole, report);
    if (status == EXIT_SUCCESS)
        ctl_json(ctl, report);
    json_decref(report);
    json_decref(whole);
    return status;
}

const struct ctl_command ctl_evidences[] = {
    { "evidence", "", 0, CTL_TO | CTL_RESULTS | CTL_DEVIATIONS | CTL_HOSPITAL, evidence, SAY("do.evidence"),
        "--to /srv/datenschutz --hospital \"Klinikum Musterstadt\"" },
    { "evidence verify", "FILE", 0, 0, verify, SAY("do.evidence-verify"), "/srv/datenschutz/evidence.json" },
    { NULL },
};
