/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_verify.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "authority_file.h"
#include "checkpoint_file.h"
#include "clock.h"
#include "cms.h"
#include "command_line.h"
#include "enc.h"
#include "jid.h"
#include "revocation_list.h"
#include "say.h"

#define CHECKPOINTS_MAX 16
#define LABEL_WIDTH 12
enum { EXIT_USAGE = 64 /* EX_USAGE of sysexits.h */ };

static const char synopsis[] =
    "konsil verify FILE --root FILE [--crl FILE] [--checkpoint FILE]... [--json] [--lang de|en]\n"
    "  konsil verify --help";

struct verify {
    enum ks_language language;
    bool json;
    const char *file, *root_file, *list_file, *checkpoint_files[CHECKPOINTS_MAX];
    size_t checkpoint_count;
    struct ks_arena arena;
    struct ks_str root;
    struct ks_cms cms;
    struct ks_clinical_log log;
    int64_t list_ms; /* of the list that was asked; 0: none was, or it says nothing of this certificate */
    struct ks_clinical_report report;
};

static int fail(const struct verify *v, const char *id, const char *path)
{
    struct ks_str what = ks_say(v->language, id), todo = ks_say_do(v->language, id);

    fprintf(stderr, "konsil verify: %s%s%.*s\n", path ? path : "", path ? ": " : "", KS_STR_FMT(what));
    if (todo.len)
        fprintf(stderr, "        %.*s\n", KS_STR_FMT(todo));
    return EXIT_FAILURE;
}

/* --- files --- */

/* False: it cannot be read, or is longer. */
static bool read_file(struct verify *v, const char *path, size_t bytes_max, struct ks_str *ret_bytes)
{
    FILE *file = fopen(path, "rbe");
    struct ks_buf buf;
    char part[4096];
    size_t len;
    bool good;

    if (!file)
        return false;
    ks_buf_init(&buf, bytes_max);
    while ((len = fread(part, 1, sizeof part, file)) > 0 && ks_buf_err(&buf) == KS_OK)
        ks_buf_add(&buf, ks_str(part, len));
    good = !ferror(file) && ks_buf_err(&buf) == KS_OK && ks_arena_copy(&v->arena, ks_buf_str(&buf), ret_bytes) == KS_OK;
    ks_buf_done(&buf);
    fclose(file);
    return good;
}

/* The list of whom the signer's certificate is by. */
static int ask_list(struct verify *v)
{
    struct ks_str authority = v->cms.count > 1 ? v->cms.chain[1] : v->root, list;
    const struct ks_device_cert *signer = &v->report.signer;
    struct ks_revocation said;

    if (!read_file(v, v->list_file, KS_REVOCATION_LIST_MAX, &list))
        return fail(v, SAY("verify.file"), v->list_file);
    if (ks_revocation_list_ask(list, authority, signer->serial, &said) != KS_OK)
        return fail(v, SAY("verify.list"), v->list_file);
    if (said.revoked) {
        v->log.listing = KS_CLINICAL_REVOKED_SINCE;
        v->log.since_ms = said.since_s * 1000;
    } else if (said.this_update_s * 1000 >= v->report.clinical.time_ms && said.this_update_s <= signer->not_after_s) {
        v->log.listing = KS_CLINICAL_LISTED; /* one that is older, or that may have forgotten it, says nothing */
    } else {
        return EXIT_SUCCESS;
    }
    v->list_ms = said.this_update_s * 1000;
    return EXIT_SUCCESS;
}

/* Those of another size say nothing of this message. */
static int ask_checkpoint(struct verify *v, const char *path)
{
    struct ks_str text, domain = ks_jid_split(v->report.clinical.jid).domain;
    struct ks_checkpoint checkpoint;

    if (!read_file(v, path, KS_CHECKPOINT_FILE_MAX, &text))
        return fail(v, SAY("verify.file"), path);
    if (ks_checkpoint_file_read(&v->arena, text, v->root, domain, &checkpoint) != KS_OK)
        return fail(v, SAY("verify.checkpoint"), path);
    if (checkpoint.size == v->report.clinical.log_size
        && (!v->log.known || !ks_merkle_eq(&checkpoint.root, &v->report.clinical.log_root))) {
        v->log.known = true;
        v->log.root = checkpoint.root;
        v->log.t_ms = checkpoint.t_s * 1000;
    }
    return EXIT_SUCCESS;
}

/* --- what came of it --- */

static const char *why_no_file(enum ks_cms_verdict verdict)
{
    switch (verdict) {
    case KS_CMS_CONTENT:
        return SAY("verify.cms-content");
    case KS_CMS_SIGNERS:
        return SAY("verify.cms-signers");
    case KS_CMS_ATTRIBUTES:
        return SAY("verify.cms-attributes");
    case KS_CMS_ALGORITHM:
        return SAY("verify.cms-algorithm");
    case KS_CMS_CERTIFICATES:
        return SAY("verify.cms-certificates");
    case KS_CMS_GOOD:
    case KS_CMS_MALFORMED:
    case KS_CMS_VERDICTS:
        break;
    }
    return SAY("verify.cms-malformed");
}

static const char *why_not(enum ks_clinical_verdict verdict)
{
    switch (verdict) {
    case KS_CLINICAL_PURPOSE:
        return SAY("verify.purpose");
    case KS_CLINICAL_CERTIFICATE:
        return SAY("verify.certificate");
    case KS_CLINICAL_SIGNATURE:
        return SAY("verify.signature");
    case KS_CLINICAL_AUTHOR:
        return SAY("verify.author");
    case KS_CLINICAL_NOT_THEN:
        return SAY("verify.not-then");
    case KS_CLINICAL_REVOKED:
        return SAY("verify.revoked");
    case KS_CLINICAL_OTHER_LOG:
        return SAY("verify.other-log");
    case KS_CLINICAL_BACKDATED:
        return SAY("verify.backdated");
    case KS_CLINICAL_GOOD:
    case KS_CLINICAL_MALFORMED:
    case KS_CLINICAL_NOT_IN_LOG: /* no list says that */
    case KS_CLINICAL_VERDICTS:
        break;
    }
    return SAY("verify.malformed");
}

static int tell_bad(const struct verify *v, const char *id, const char *reason, const char *detail)
{
    json_t *object;
    char *text;

    if (!v->json)
        return fail(v, id, v->file);
    object = json_pack("{s:b,s:s,s:s*}", "valid", 0, "reason", reason, "certificate", detail);
    text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!text)
        return fail(v, SAY("konsil.memory"), NULL);
    puts(text);
    free(text);
    return EXIT_FAILURE;
}

static void hex(const uint8_t bytes[32], char text[65])
{
    for (size_t i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

/* Whole seconds in UTC, for who reads it elsewhere. */
static const char *stamp(int64_t ms, char text[KS_STAMP_LEN + 1])
{
    ks_stamp_write(ms, text);
    memcpy(text + 19, "Z", 2);
    return text;
}

/* --- for programs --- */

static json_t *json_text(struct ks_str text)
{
    return json_stringn(text.ptr ? text.ptr : "", text.len);
}

static json_t *json_hex(const uint8_t bytes[32])
{
    char text[65];

    hex(bytes, text);
    return json_string(text);
}

static json_t *json_stamp(bool known, int64_t ms)
{
    char text[KS_STAMP_LEN + 1];

    return known ? json_string(stamp(ms, text)) : json_null();
}

static void add_lists(json_t *object, const struct ks_clinical *clinical)
{
    json_t *to = json_array(), *files = json_array(), *refs = json_array();

    for (size_t i = 0; i < clinical->to_count; i++)
        json_array_append_new(to, json_text(clinical->to[i]));
    for (size_t i = 0; i < clinical->file_count; i++)
        json_array_append_new(files,
            json_pack("{s:o,s:I,s:o}", "sha256", json_hex(clinical->files[i].sha256), "size",
                (json_int_t)clinical->files[i].size, "type", json_text(clinical->files[i].type)));
    for (size_t i = 0; i < clinical->ref_count; i++)
        json_array_append_new(refs,
            json_pack(
                "{s:o,s:o}", "id", json_text(clinical->refs[i].id), "sha256", json_hex(clinical->refs[i].sha256)));
    json_object_set_new(object, "to", to);
    json_object_set_new(object, "files", files);
    json_object_set_new(object, "refs", refs);
}

static int tell_good_json(const struct verify *v)
{
    const struct ks_clinical_report *r = &v->report;
    const struct ks_clinical *c = &r->clinical;
    json_t *object = json_pack("{s:b,s:s,s:o,s:{s:o,s:o,s:o,s:o,s:o,s:o},s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "valid",
        1, "type", ks_clinical_word(c->type), "id", json_text(c->id), "author", "jid", json_text(c->jid), "name",
        json_text(c->name), "department", json_text(c->dept), "profession", json_text(r->signer.profession),
        "organisation", json_text(r->signer.organisation), "person", json_text(r->signer.person), "time",
        json_stamp(true, c->time_ms), "not_before", json_stamp(r->bounded, r->not_before_ms), "revocation",
        !v->list_ms            ? "unknown"
            : r->revoked_later ? "later"
                               : "none",
        "revocation_list", json_stamp(v->list_ms != 0, v->list_ms), "revoked",
        json_stamp(r->revoked_later, r->since_ms), "case", json_text(c->case_id), "text", json_text(c->text), "sha256",
        json_hex(r->hash), "certificate", json_hex(r->signer.hash));
    char *text;

    if (object)
        add_lists(object, c);
    text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!text)
        return fail(v, SAY("konsil.memory"), NULL);
    puts(text);
    free(text);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- for people --- */

static void label(const struct verify *v, const char *id)
{
    struct ks_str text = id ? ks_say(v->language, id) : KS_STR_EMPTY;
    int width = 0;

    for (size_t i = 0; i < text.len; i++)
        width += (text.ptr[i] & 0xc0) != 0x80;
    printf("%.*s%*s", KS_STR_FMT(text), width < LABEL_WIDTH ? LABEL_WIDTH - width : 1, "");
}

static void line(const struct verify *v, const char *id, struct ks_str text)
{
    if (!text.len)
        return;
    label(v, id);
    printf("%.*s\n", KS_STR_FMT(text));
}

/* A sentence with a time in it. */
static void line_stamp(const struct verify *v, const char *id, const char *sentence, int64_t ms)
{
    char text[KS_STAMP_LEN + 1];
    struct ks_buf buf;

    ks_buf_init(&buf, 1024);
    ks_sentence_write(&buf, v->language, sentence,
        (struct ks_filling[]) { { "time", ks_str_z(stamp(ms, text)) }, { NULL, KS_STR_EMPTY } });
    line(v, id, ks_buf_str(&buf));
    ks_buf_done(&buf);
}

static const char *type_name(enum ks_clinical_type type)
{
    switch (type) {
    case KS_CLINICAL_ORDER:
        return SAY("verify.type-order");
    case KS_CLINICAL_CONSULT_ANSWER:
        return SAY("verify.type-consult-answer");
    case KS_CLINICAL_HANDOVER:
        return SAY("verify.type-handover");
    case KS_CLINICAL_ACK:
    case KS_CLINICAL_TYPES:
        break;
    }
    return SAY("verify.type-ack");
}

static void tell_author(const struct verify *v)
{
    const struct ks_device_cert *signer = &v->report.signer;
    const struct ks_str parts[] = { signer->profession, signer->department, signer->organisation };

    label(v, SAY("verify.label-from"));
    printf("%.*s", KS_STR_FMT(signer->name));
    for (size_t i = 0; i < KS_COUNT(parts); i++)
        if (parts[i].len)
            printf(", %.*s", KS_STR_FMT(parts[i]));
    printf(" (%.*s)\n", KS_STR_FMT(signer->names.jid));
}

static void tell_time(const struct verify *v)
{
    const struct ks_clinical_report *r = &v->report;

    line_stamp(v, SAY("verify.label-time"), SAY("verify.time-claimed"), r->clinical.time_ms);
    if (r->bounded)
        line_stamp(v, NULL, SAY("verify.time-proven"), r->not_before_ms);
    if (!v->list_ms)
        line(v, SAY("verify.label-revoked"), ks_say(v->language, SAY("verify.revocation-unknown")));
    else if (r->revoked_later)
        line_stamp(v, SAY("verify.label-revoked"), SAY("verify.revoked-later"), r->since_ms);
    else
        line_stamp(v, SAY("verify.label-revoked"), SAY("verify.revocation-none"), v->list_ms);
}

static void tell_lists(const struct verify *v)
{
    const struct ks_clinical *c = &v->report.clinical;
    char text[65];

    for (size_t i = 0; i < c->ref_count; i++) {
        label(v, i ? NULL : SAY("verify.label-refs"));
        hex(c->refs[i].sha256, text);
        printf("%.*s, SHA-256 %s\n", KS_STR_FMT(c->refs[i].id), text);
    }
    for (size_t i = 0; i < c->file_count; i++) {
        label(v, i ? NULL : SAY("verify.label-files"));
        hex(c->files[i].sha256, text);
        printf("%.*s%s%llu B, SHA-256 %s\n", KS_STR_FMT(c->files[i].type), c->files[i].type.len ? ", " : "",
            (unsigned long long)c->files[i].size, text);
    }
}

static int tell_good(const struct verify *v)
{
    const struct ks_clinical *c = &v->report.clinical;
    char text[65];

    printf("%.*s\n\n", KS_STR_FMT(ks_say(v->language, SAY("verify.good"))));
    line(v, SAY("verify.label-type"), ks_say(v->language, type_name(c->type)));
    tell_author(v);
    for (size_t i = 0; i < c->to_count; i++)
        line(v, i ? NULL : SAY("verify.label-to"), c->to[i]);
    line(v, SAY("verify.label-case"), c->case_id);
    tell_time(v);
    line(v, SAY("verify.label-id"), c->id);
    hex(v->report.hash, text);
    line(v, "SHA-256", ks_str_z(text));
    tell_lists(v);
    if (c->text.len)
        printf("\n%.*s\n", KS_STR_FMT(c->text));
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- the whole --- */

static int check(struct verify *v, const struct ks_clinical_log *log)
{
    enum ks_err err = ks_clinical_check(
        &v->arena, v->cms.content, v->cms.signature, v->cms.chain, v->cms.count, v->root, log, &v->report);

    if (err != KS_OK)
        return fail(v, SAY("konsil.memory"), NULL);
    if (v->report.verdict == KS_CLINICAL_GOOD)
        return EXIT_SUCCESS;
    return tell_bad(v, why_not(v->report.verdict), ks_clinical_verdict_name(v->report.verdict),
        v->report.cert == KS_CERT_GOOD ? NULL : ks_cert_verdict_name(v->report.cert));
}

static int verify(struct verify *v)
{
    enum ks_cms_verdict verdict;
    struct ks_str der;
    int status;

    if (ks_certificate_read(&v->arena, v->root_file, &v->root) != KS_OK)
        return fail(v, SAY("verify.root"), v->root_file);
    if (!read_file(v, v->file, KS_CMS_BYTES_MAX, &der))
        return fail(v, SAY("verify.file"), v->file);
    if ((verdict = ks_cms_read(der, &v->cms)) != KS_CMS_GOOD)
        return tell_bad(v, why_no_file(verdict), ks_cms_verdict_name(verdict), NULL);
    if ((status = check(v, NULL)) != EXIT_SUCCESS || (v->list_file && (status = ask_list(v)) != EXIT_SUCCESS))
        return status;
    for (size_t i = 0; i < v->checkpoint_count; i++)
        if ((status = ask_checkpoint(v, v->checkpoint_files[i])) != EXIT_SUCCESS)
            return status;
    if ((status = check(v, &v->log)) != EXIT_SUCCESS)
        return status;
    return v->json ? tell_good_json(v) : tell_good(v);
}

static int usage(const struct verify *v)
{
    fail(v, SAY("verify.usage"), NULL);
    fprintf(stderr, "\n  %s\n", synopsis);
    return EXIT_USAGE;
}

static int help(const struct verify *v)
{
    printf("  %s\n\n%.*s\n", synopsis, KS_STR_FMT(ks_say(v->language, SAY("verify.help"))));
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int konsil_verify(enum ks_language language, int argc, char **argv)
{
    static const struct option options[] = { { "root", required_argument, NULL, 'r' },
        { "crl", required_argument, NULL, 'c' }, { "checkpoint", required_argument, NULL, 'p' },
        { "json", no_argument, NULL, 'j' }, { "lang", required_argument, NULL, 'l' },
        { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
    struct verify v = { .language = language };
    int option, status;

    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == 'r')
            v.root_file = optarg;
        else if (option == 'c')
            v.list_file = optarg;
        else if (option == 'p' && v.checkpoint_count < CHECKPOINTS_MAX)
            v.checkpoint_files[v.checkpoint_count++] = optarg;
        else if (option == 'j')
            v.json = true;
        else if (option == 'l' && command_line_read_language("konsil verify", optarg, &v.language))
            continue;
        else if (option == 'h')
            return help(&v);
        else if (option == 'p')
            return usage(&v);
        else if (option == 'l')
            return EXIT_USAGE;
        else
            return command_line_complain(v.language, "konsil verify", options, option, argv), EXIT_USAGE;
    }
    if (optind != argc - 1 || !v.root_file)
        return usage(&v);
    v.file = argv[optind];
    json_object_seed(0);
    if (ks_crypto_init() != KS_OK)
        return usage(&v);
    ks_arena_init(&v.arena, 4 * KS_CLINICAL_ARENA_MAX + KS_REVOCATION_LIST_MAX);
    status = verify(&v);
    ks_arena_done(&v.arena);
    return status;
}
