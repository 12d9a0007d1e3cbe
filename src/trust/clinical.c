/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "clinical.h"

#include "enc.h"
#include "jid.h"
#include "statement.h"
#include "unicode.h"

#define PURPOSE "konsil/0 clinical\n"
#define SIZE_MAX_JSON KS_STATEMENT_NUMBER_MAX
#define TIME_MAX_MS 253402300799999 /* the end of the year 9999 */

static const char *const words[KS_CLINICAL_TYPES] = { [KS_CLINICAL_ORDER] = "order",
    [KS_CLINICAL_CONSULT_ANSWER] = "consult-answer",
    [KS_CLINICAL_HANDOVER] = "handover",
    [KS_CLINICAL_ACK] = "ack" };

const char *ks_clinical_word(enum ks_clinical_type type)
{
    return (unsigned)type < KS_CLINICAL_TYPES ? words[type] : NULL;
}

enum ks_clinical_type ks_clinical_type_of(struct ks_str word)
{
    unsigned type = KS_CLINICAL_ORDER;

    while (type < KS_CLINICAL_TYPES && !ks_str_is(word, words[type]))
        type++;
    return type < KS_CLINICAL_TYPES ? (enum ks_clinical_type)type : 0;
}

/* --- text --- */

/* Marks that let the eye read another order of characters than was signed (UAX #9 §2): embeddings, overrides, isolates,
 * U+202A to U+202E and U+2066 to U+2069. */
static bool turns(struct ks_str text)
{
    const uint8_t *at = (const uint8_t *)text.ptr;

    if (text.len < 3 || at[0] != 0xe2)
        return false;
    return (at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) || (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

/* Shown as it stands there. Ends of lines and tabs only in text of many lines. */
static bool is_plain(struct ks_str text, bool lines)
{
    for (; text.len; text = ks_str_from(text, 1)) {
        if (lines && (text.ptr[0] == '\n' || text.ptr[0] == '\t'))
            continue;
        if (ks_unicode_control(text) || turns(text))
            return false;
    }
    return true;
}

static enum ks_err read_plain(
    struct ks_arena *arena, const json_t *value, size_t bytes_max, bool lines, struct ks_str *ret_text)
{
    enum ks_err err = ks_statement_text(arena, value, bytes_max, ret_text);

    return err == KS_OK && !is_plain(*ret_text, lines) ? KS_ESYNTAX : err;
}

/* --- reading --- */

static bool has_names(const json_t *object, const char *const *names, size_t count)
{
    if (!json_is_object(object) || json_object_size(object) != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!json_object_get(object, names[i]))
            return false;
    return true;
}

static enum ks_err read_author(struct ks_arena *arena, const json_t *value, struct ks_clinical *clinical)
{
    static const char *const names[] = { "jid", "name", "dept" };
    enum ks_err err;

    if (!has_names(value, names, KS_COUNT(names)))
        return KS_ESYNTAX;
    if ((err = ks_statement_jid(arena, json_object_get(value, "jid"), &clinical->jid)) != KS_OK
        || (err = read_plain(arena, json_object_get(value, "name"), KS_CERT_TEXT_MAX, false, &clinical->name)) != KS_OK
        || (err = read_plain(arena, json_object_get(value, "dept"), KS_CERT_TEXT_MAX, false, &clinical->dept)) != KS_OK)
        return err;
    return clinical->name.len ? KS_OK : KS_ESYNTAX;
}

/* Room for a list of at most max things. KS_ESYNTAX: it is none, or has more. */
static enum ks_err read_list(
    struct ks_arena *arena, const json_t *value, size_t max, size_t each, void **ret_items, size_t *ret_count)
{
    size_t count = json_array_size(value);

    if (!json_is_array(value) || count > max)
        return KS_ESYNTAX;
    if (!(*ret_items = ks_arena_zero(arena, (count + 1) * each)))
        return ks_arena_full(arena, (count + 1) * each) ? KS_ELIMIT : KS_ENOMEM;
    *ret_count = count;
    return KS_OK;
}

static enum ks_err read_to(struct ks_arena *arena, const json_t *value, struct ks_clinical *clinical)
{
    void *items;
    enum ks_err err = read_list(arena, value, KS_CLINICAL_TO_MAX, sizeof *clinical->to, &items, &clinical->to_count);

    if (err != KS_OK)
        return err;
    clinical->to = items;
    for (size_t i = 0; i < clinical->to_count; i++) {
        if ((err = ks_statement_jid(arena, json_array_get(value, i), &clinical->to[i])) != KS_OK)
            return err;
        for (size_t j = 0; j < i; j++)
            if (ks_str_eq(clinical->to[i], clinical->to[j]))
                return KS_ESYNTAX;
    }
    return clinical->to_count ? KS_OK : KS_ESYNTAX;
}

static enum ks_err read_file(struct ks_arena *arena, const json_t *value, struct ks_clinical_file *file)
{
    static const char *const names[] = { "sha256", "size", "type" };
    enum ks_err err;

    if (!has_names(value, names, KS_COUNT(names)))
        return KS_ESYNTAX;
    if ((err = ks_statement_bytes(arena, json_object_get(value, "sha256"), sizeof file->sha256, file->sha256)) != KS_OK
        || (err = ks_statement_number(json_object_get(value, "size"), SIZE_MAX_JSON, &file->size)) != KS_OK)
        return err;
    return read_plain(arena, json_object_get(value, "type"), KS_CLINICAL_MEDIA_MAX, false, &file->type);
}

static enum ks_err read_files(struct ks_arena *arena, const json_t *value, struct ks_clinical *clinical)
{
    void *items;
    enum ks_err err =
        read_list(arena, value, KS_CLINICAL_FILES_MAX, sizeof *clinical->files, &items, &clinical->file_count);

    if (err != KS_OK)
        return err;
    clinical->files = items;
    for (size_t i = 0; i < clinical->file_count && err == KS_OK; i++)
        err = read_file(arena, json_array_get(value, i), &clinical->files[i]);
    return err;
}

static enum ks_err read_id(struct ks_arena *arena, const json_t *value, struct ks_str *ret_id)
{
    enum ks_err err = read_plain(arena, value, KS_CLINICAL_ID_MAX, false, ret_id);

    return err == KS_OK && !ret_id->len ? KS_ESYNTAX : err;
}

static enum ks_err read_ref(struct ks_arena *arena, const json_t *value, struct ks_clinical_ref *ref)
{
    static const char *const names[] = { "id", "sha256" };
    enum ks_err err;

    if (!has_names(value, names, KS_COUNT(names)))
        return KS_ESYNTAX;
    if ((err = read_id(arena, json_object_get(value, "id"), &ref->id)) != KS_OK)
        return err;
    return ks_statement_bytes(arena, json_object_get(value, "sha256"), sizeof ref->sha256, ref->sha256);
}

static enum ks_err read_refs(struct ks_arena *arena, const json_t *value, struct ks_clinical *clinical)
{
    void *items;
    enum ks_err err =
        read_list(arena, value, KS_CLINICAL_REFS_MAX, sizeof *clinical->refs, &items, &clinical->ref_count);

    if (err != KS_OK)
        return err;
    clinical->refs = items;
    for (size_t i = 0; i < clinical->ref_count && err == KS_OK; i++)
        err = read_ref(arena, json_array_get(value, i), &clinical->refs[i]);
    return err;
}

static enum ks_err read_log(struct ks_arena *arena, const json_t *value, struct ks_clinical *clinical)
{
    static const char *const names[] = { "size", "root" };
    enum ks_err err;

    if (!has_names(value, names, KS_COUNT(names)))
        return KS_ESYNTAX;
    if ((err = ks_statement_number(json_object_get(value, "size"), SIZE_MAX_JSON, &clinical->log_size)) != KS_OK)
        return err;
    if (!clinical->log_size)
        return KS_ESYNTAX;
    return ks_statement_bytes(
        arena, json_object_get(value, "root"), sizeof clinical->log_root.bytes, clinical->log_root.bytes);
}

static enum ks_err read_object(struct ks_arena *arena, const json_t *object, struct ks_clinical *clinical)
{
    const json_t *type = json_object_get(object, "type");
    uint64_t time_ms;
    enum ks_err err;

    if (!json_is_string(type)
        || !(clinical->type = ks_clinical_type_of(ks_str(json_string_value(type), json_string_length(type)))))
        return KS_ESYNTAX;
    if ((err = read_id(arena, json_object_get(object, "id"), &clinical->id)) != KS_OK
        || (err = read_author(arena, json_object_get(object, "author"), clinical)) != KS_OK
        || (err = read_to(arena, json_object_get(object, "to"), clinical)) != KS_OK
        || (err = ks_statement_number(json_object_get(object, "time"), TIME_MAX_MS, &time_ms)) != KS_OK
        || (err = read_plain(arena, json_object_get(object, "case"), KS_CLINICAL_CASE_MAX, false, &clinical->case_id))
            != KS_OK
        || (err = read_plain(arena, json_object_get(object, "text"), KS_CLINICAL_BYTES_MAX, true, &clinical->text))
            != KS_OK
        || (err = read_files(arena, json_object_get(object, "files"), clinical)) != KS_OK
        || (err = read_refs(arena, json_object_get(object, "refs"), clinical)) != KS_OK
        || (err = read_log(arena, json_object_get(object, "log"), clinical)) != KS_OK)
        return err;
    clinical->time_ms = (int64_t)time_ms;
    if (clinical->type == KS_CLINICAL_ACK)
        return clinical->ref_count ? KS_OK : KS_ESYNTAX;
    return clinical->text.len ? KS_OK : KS_ESYNTAX;
}

enum ks_err ks_clinical_read(struct ks_arena *arena, struct ks_str data, struct ks_clinical *ret_clinical)
{
    static const char *const names[] = { "type", "id", "author", "to", "time", "case", "text", "files", "refs", "log",
        NULL };
    struct ks_clinical clinical = { .time_ms = 0 };
    json_t *object;
    enum ks_err err;

    if (data.len > KS_CLINICAL_BYTES_MAX)
        return KS_ELIMIT;
    if (!ks_str_starts(data, KS_STR(PURPOSE)))
        return KS_EDENIED;
    if ((err = ks_statement_open(data, PURPOSE, names, &object)) != KS_OK)
        return err;
    err = read_object(arena, object, &clinical);
    json_decref(object);
    if (err == KS_OK)
        *ret_clinical = clinical;
    return err;
}

/* --- writing --- */

static void put_number(struct ks_buf *buf, const char *name, uint64_t number)
{
    ks_buf_printf(buf, ",\"%s\":%llu", name, (unsigned long long)number);
}

static void put_text(struct ks_buf *buf, const char *name, struct ks_str text)
{
    ks_buf_printf(buf, ",\"%s\":", name);
    ks_statement_put_text(buf, text);
}

static void write_lists(const struct ks_clinical *clinical, struct ks_buf *buf)
{
    ks_buf_z(buf, ",\"files\":[");
    for (size_t i = 0; i < clinical->file_count; i++) {
        ks_buf_z(buf, i ? ",{\"sha256\":" : "{\"sha256\":");
        ks_statement_put_bytes(buf, clinical->files[i].sha256, sizeof clinical->files[i].sha256);
        put_number(buf, "size", clinical->files[i].size);
        put_text(buf, "type", clinical->files[i].type);
        ks_buf_byte(buf, '}');
    }
    ks_buf_z(buf, "],\"refs\":[");
    for (size_t i = 0; i < clinical->ref_count; i++) {
        ks_buf_z(buf, i ? ",{\"id\":" : "{\"id\":");
        ks_statement_put_text(buf, clinical->refs[i].id);
        ks_buf_z(buf, ",\"sha256\":");
        ks_statement_put_bytes(buf, clinical->refs[i].sha256, sizeof clinical->refs[i].sha256);
        ks_buf_byte(buf, '}');
    }
    ks_buf_byte(buf, ']');
}

static void write_object(const struct ks_clinical *clinical, struct ks_buf *buf)
{
    const char *word = ks_clinical_word(clinical->type);

    ks_buf_printf(buf, PURPOSE "{\"type\":\"%s\"", word ? word : "");
    put_text(buf, "id", clinical->id);
    ks_buf_z(buf, ",\"author\":{\"jid\":");
    ks_statement_put_text(buf, clinical->jid);
    put_text(buf, "name", clinical->name);
    put_text(buf, "dept", clinical->dept);
    ks_buf_z(buf, "},\"to\":[");
    for (size_t i = 0; i < clinical->to_count; i++) {
        if (i)
            ks_buf_byte(buf, ',');
        ks_statement_put_text(buf, clinical->to[i]);
    }
    ks_buf_byte(buf, ']');
    put_number(buf, "time", (uint64_t)clinical->time_ms);
    put_text(buf, "case", clinical->case_id);
    put_text(buf, "text", clinical->text);
    write_lists(clinical, buf);
    ks_buf_z(buf, ",\"log\":{\"size\":");
    ks_buf_u64_dec(buf, clinical->log_size);
    ks_buf_z(buf, ",\"root\":");
    ks_statement_put_bytes(buf, clinical->log_root.bytes, sizeof clinical->log_root.bytes);
    ks_buf_z(buf, "}}");
}

enum ks_err ks_clinical_write(struct ks_arena *arena, const struct ks_clinical *clinical, struct ks_str *ret_data)
{
    struct ks_clinical read;
    struct ks_buf buf;
    enum ks_err err;

    ks_buf_init(&buf, KS_CLINICAL_BYTES_MAX);
    write_object(clinical, &buf);
    if ((err = ks_buf_err(&buf)) == KS_OK)
        err = ks_clinical_read(arena, ks_buf_str(&buf), &read); /* its rules stand there, once */
    if (err == KS_OK)
        err = ks_arena_copy(arena, ks_buf_str(&buf), ret_data);
    ks_buf_done(&buf);
    return err;
}

void ks_clinical_sign(
    const uint8_t private_key[KS_P256_PRIVATE_LEN], struct ks_str data, uint8_t ret_signature[KS_P256_SIGNATURE_LEN])
{
    uint8_t digest[32];

    ks_hash(KS_SHA256, data, digest);
    ks_p256_sign(private_key, digest, ret_signature);
}

/* --- judging --- */

static enum ks_clinical_verdict judge_log(const struct ks_clinical_log *log, struct ks_clinical_report *report)
{
    const struct ks_clinical *clinical = &report->clinical;

    if (log->listing == KS_CLINICAL_UNLISTED)
        return KS_CLINICAL_NOT_IN_LOG;
    if (log->listing == KS_CLINICAL_REVOKED_SINCE) {
        report->since_ms = log->since_ms;
        if (log->since_ms <= clinical->time_ms)
            return KS_CLINICAL_REVOKED;
        report->revoked_later = true;
    }
    if (!log->known)
        return KS_CLINICAL_GOOD;
    if (memcmp(log->root.bytes, clinical->log_root.bytes, sizeof log->root.bytes) != 0)
        return KS_CLINICAL_OTHER_LOG;
    /* Who names a checkpoint saw it: what it says to have been signed long before, was not. */
    if (log->t_ms > clinical->time_ms + KS_CLINICAL_CLOCK_MS)
        return KS_CLINICAL_BACKDATED;
    report->bounded = true;
    report->not_before_ms = log->t_ms;
    return log->listing == KS_CLINICAL_REVOKED_SINCE && log->since_ms <= log->t_ms ? KS_CLINICAL_REVOKED
                                                                                   : KS_CLINICAL_GOOD;
}

static enum ks_clinical_verdict judge(const uint8_t signature[KS_P256_SIGNATURE_LEN], const struct ks_clinical_log *log,
    struct ks_clinical_report *report)
{
    const struct ks_clinical *clinical = &report->clinical;
    const struct ks_device_cert *signer = &report->signer;

    if (report->cert != KS_CERT_GOOD && report->cert != KS_CERT_EARLY && report->cert != KS_CERT_EXPIRED)
        return KS_CLINICAL_CERTIFICATE;
    if (ks_p256_verify(signer->key, report->hash, signature) != KS_OK)
        return KS_CLINICAL_SIGNATURE;
    if (!ks_str_eq(clinical->jid, signer->names.jid) || !ks_str_eq(clinical->name, signer->name)
        || !ks_str_eq(clinical->dept, signer->department))
        return KS_CLINICAL_AUTHOR;
    if (report->cert != KS_CERT_GOOD)
        return KS_CLINICAL_NOT_THEN;
    return log ? judge_log(log, report) : KS_CLINICAL_GOOD;
}

enum ks_err ks_clinical_check(struct ks_arena *arena, struct ks_str data,
    const uint8_t signature[KS_P256_SIGNATURE_LEN], const struct ks_str *chain, size_t count, struct ks_str root,
    const struct ks_clinical_log *log, struct ks_clinical_report *ret_report)
{
    struct ks_clinical_report report = { .verdict = KS_CLINICAL_MALFORMED, .cert = KS_CERT_MALFORMED };
    enum ks_err err = ks_clinical_read(arena, data, &report.clinical);

    ks_hash(KS_SHA256, data, report.hash);
    if (err == KS_ENOMEM || (err == KS_ELIMIT && arena->limited))
        return err;
    if (err == KS_OK) {
        err = ks_device_chain_check(
            arena, chain, count, root, report.clinical.time_ms / 1000, &report.signer, &report.cert);
        if (err != KS_OK)
            return err;
        report.verdict = judge(signature, log, &report);
    } else if (err == KS_EDENIED) {
        report.verdict = KS_CLINICAL_PURPOSE;
    }
    *ret_report = report;
    return KS_OK;
}

const char *ks_clinical_verdict_name(enum ks_clinical_verdict verdict)
{
    static const char *const names[KS_CLINICAL_VERDICTS] = { "good", "purpose", "malformed", "certificate", "signature",
        "author", "not-then", "not-in-log", "revoked", "other-log", "backdated" };

    return names[verdict];
}
