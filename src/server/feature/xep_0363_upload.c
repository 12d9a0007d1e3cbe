/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0363_upload.c -- XEP-0363 HTTP File Upload, version 1.2.0: places for files, and that their owner takes them away
 * again (urn:konsil:files:0, doc/PROTOCOL.md §11.7), for which the XEP has no words.
 *
 * The service is the domain itself: clients ask it first, and it needs no name in DNS and no certificate beside. A
 * file's name and type are not kept. Of the name only an ending of letters and digits goes into the URL, because older
 * programs guess a type by it; whatever else stands there, nothing of it can get into a header, a path or a page. */
#include "dataform.h"
#include "disco.h"
#include "feature_list.h"
#include "files.h"
#include "say.h"

#define NS_PURPOSE "urn:xmpp:http:upload:purpose:0"
#define DAY_MS 86400000LL
#define ENDING_MAX 8
#define URLS_MAX 64 /* of one request to delete */

/* --- configuration --- */

static bool is_place(struct ks_str text)
{
    static const char others[] = "-._~:/[]";

    if (!text.len || ks_str_is(text, "none"))
        return true;
    if (!ks_str_starts(text, KS_STR("https://")) || ks_str_ends(text, KS_STR("/")))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!c || !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr(others, c)))
            return false;
    }
    return text.len > strlen("https://");
}

/* Where files are, in two parts; false: nowhere. */
static bool place_of(const struct ks_domain *domain, struct ks_str ret_parts[2])
{
    struct ks_str url = ks_domain_text(domain, "files.url");

    ret_parts[0] = url.len ? url : domain->origin;
    ret_parts[1] = url.len ? KS_STR_EMPTY : KS_STR(KS_FILES_PATH);
    return ret_parts[0].len && !ks_str_is(url, "none");
}

static bool has_place(const struct ks_domain *domain)
{
    struct ks_str parts[2];

    return place_of(domain, parts);
}

static uint64_t bytes_max(const struct ks_domain *domain)
{
    return (uint64_t)ks_domain_number(domain, "files.bytes_max");
}

/* --- discovery --- */

/* §3 */
static void disco_form(struct ks_arena *arena, const struct ks_domain *domain, struct ks_xml *query)
{
    struct ks_xml *form;
    struct ks_str text;
    struct ks_buf buf;

    if (!has_place(domain))
        return;
    ks_disco_identity(arena, query, "store", "file", NULL);
    ks_disco_add(arena, query, NS_UPLOAD);
    ks_disco_add(arena, query, NS_PURPOSE "#message");
    ks_disco_add(arena, query, NS_PURPOSE "#ephemeral");
    ks_disco_add(arena, query, NS_KONSIL_FILES);
    form = ks_form_new(arena, "result", NS_UPLOAD);
    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, bytes_max(domain));
    if (ks_arena_copy(arena, ks_buf_str(&buf), &text) == KS_OK)
        ks_form_add(arena, form, "max-file-size", NULL, text);
    ks_buf_done(&buf);
    ks_xml_graft(query, form);
}

/* --- errors --- */

static struct ks_str number_text(struct ks_ctx *ctx, uint64_t number)
{
    struct ks_str text = KS_STR_EMPTY;
    struct ks_buf buf;

    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, number);
    if (ks_arena_copy(ctx->arena, ks_buf_str(&buf), &text) != KS_OK)
        ctx->arena->failed = true;
    ks_buf_done(&buf);
    return text;
}

/* An error that says more in an element of its own: the last child of *ret_more. */
static struct ks_xml *error_new(struct ks_ctx *ctx, enum ks_cond cond, const char *text_z, struct ks_xml **ret_more)
{
    struct ks_xml *error = ks_stanza_error(ctx->arena, &ctx->parcel->stanza, cond, text_z);

    *ret_more = ks_xml_child(error, NS_CLIENT, "error");
    return error;
}

/* §6: "Instead of providing the client with a slot the service MAY respond with an error if the requested file size is
 * too large." */
static void refuse_size(struct ks_ctx *ctx)
{
    struct ks_xml *more,
        *error = error_new(ctx, KS_NOT_ACCEPTABLE, KS_WIRE("wire.file-large", "The file is too large."), &more);

    ks_xml_add_text(ctx->arena, ks_xml_add(ctx->arena, more, NS_UPLOAD, "file-too-large"), NS_UPLOAD, "max-file-size",
        number_text(ctx, bytes_max(ctx->domain)));
    ks_reply(ctx, error);
}

/* §6: "The retry element MUST include an attribute 'stamp' which indicates the time at which the requesting entity may
 * try again." */
static void refuse_now(struct ks_ctx *ctx, const char *text_z, int64_t retry_ms)
{
    struct ks_xml *more, *error = error_new(ctx, KS_RESOURCE_CONSTRAINT, text_z, &more);
    char *stamp = ks_arena_alloc(ctx->arena, KS_STAMP_LEN + 1);

    if (stamp)
        ks_xml_set(
            ctx->arena, ks_xml_add(ctx->arena, more, NS_UPLOAD, "retry"), "stamp", ks_stamp_write(retry_ms, stamp));
    ks_reply(ctx, error);
}

/* --- quotas --- */

struct usage {
    uint64_t count, bytes, bytes_of_day;
    int64_t first_end_ms;    /* when the first of them goes */
    int64_t first_of_day_ms; /* when the first of the last day was made */
};

static struct usage usage_of(const struct ks_ctx *ctx)
{
    struct usage usage = { .first_end_ms = INT64_MAX, .first_of_day_ms = ctx->now.wall_ms };
    const struct ks_kv *row = NULL;
    struct ks_file file;

    while ((row = ks_kv_next(ctx->user, KS_STORE_FILES, row)))
        if (ks_file_row_read(row->value, &file)) {
            usage.count++;
            usage.bytes += file.bytes;
            usage.first_end_ms = ks_sooner(usage.first_end_ms, file.until_ms);
            if (file.made_ms > ctx->now.wall_ms - DAY_MS) {
                usage.bytes_of_day += file.bytes;
                usage.first_of_day_ms = ks_sooner(usage.first_of_day_ms, file.made_ms);
            }
        }
    return usage;
}

/* Places count as files while they last: so two uploads at once cannot both take what is left. */
static bool has_room(struct ks_ctx *ctx, uint64_t bytes)
{
    struct usage usage = usage_of(ctx);
    uint64_t day = (uint64_t)ks_domain_number(ctx->domain, "files.bytes_per_day");

    if (usage.count >= (uint64_t)ks_domain_number(ctx->domain, "files.count_max")
        || usage.bytes + bytes > (uint64_t)ks_domain_number(ctx->domain, "files.bytes_total")) {
        refuse_now(ctx, KS_WIRE("wire.files-full", "There is no room for more files of yours."),
            usage.first_end_ms < INT64_MAX ? usage.first_end_ms : ctx->now.wall_ms + DAY_MS);
        return false;
    }
    if (usage.bytes_of_day + bytes > day) {
        refuse_now(ctx, KS_WIRE("wire.files-day", "That is more than you may upload in one day."),
            usage.first_of_day_ms + DAY_MS);
        return false;
    }
    return true;
}

/* --- slots --- */

/* Of "Befund Müller.final.PDF": ".PDF"; without one, or with one that nobody uses: ".bin". */
static struct ks_str ending_of(struct ks_str name)
{
    size_t len = 0;

    while (len < name.len && len <= ENDING_MAX) {
        char c = name.ptr[name.len - 1 - len];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')))
            break;
        len++;
    }
    if (!len || len > ENDING_MAX || len == name.len || name.ptr[name.len - 1 - len] != '.')
        return KS_STR(".bin");
    return ks_str_from(name, name.len - 1 - len);
}

/* How long the file is to stay, by what §5.3 calls ephemeral; false: that is no time to come. Nothing stays longer than
 * files.keep, so neither profile (§5.2) nor permanent (§5.4) is announced, and each is a message (§5: the default). */
static bool keep_of(const struct ks_ctx *ctx, const struct ks_xml *request, int64_t *ret_keep_ms)
{
    const struct ks_xml *ephemeral = ks_xml_child(request, NS_PURPOSE, "ephemeral");
    int64_t until_ms;

    *ret_keep_ms = ks_domain_number(ctx->domain, "files.keep") * 1000;
    if (!ephemeral)
        return true;
    if (ks_stamp_read(ks_xml_attr(ephemeral, "expire-before"), &until_ms) != KS_OK || until_ms <= ctx->now.wall_ms)
        return false;
    *ret_keep_ms = ks_sooner(*ret_keep_ms, until_ms - ctx->now.wall_ms);
    return true;
}

static void give(struct ks_ctx *ctx, const struct ks_file *slot, struct ks_str ending)
{
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_UPLOAD, "slot"), *put, *header;
    char *id = ks_arena_alloc(ctx->arena, KS_FILE_ID_LEN), token[KS_FILE_TOKEN_LEN];
    struct ks_str place[2], url, authorization;

    if (!id || !place_of(ctx->domain, place))
        return; /* the arena knows; and may_ask */
    ks_files_add_slot(ctx, slot, id, token);
    const struct ks_str parts[] = { place[0], place[1], KS_STR("/"), ks_str(id, KS_FILE_ID_LEN), KS_STR("/file"),
        ending };
    authorization = ks_file_authorization(ctx->arena, ks_user_bare(ctx->user), ks_str(token, sizeof token));
    ks_wipe(token, sizeof token);
    if (ks_arena_join(ctx->arena, parts, KS_COUNT(parts), &url) != KS_OK || !authorization.len)
        ctx->arena->failed = true;
    put = ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, answer, NS_UPLOAD, "put"), "url", url);
    header = ks_xml_add_text(ctx->arena, put, NS_UPLOAD, "header", authorization);
    ks_xml_set(ctx->arena, header, "name", KS_STR("Authorization"));
    ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, answer, NS_UPLOAD, "get"), "url", url);
    ks_reply_result(ctx, answer);
}

static bool may_ask(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    if (!ctx->session || !ks_str_eq(iq->to.domain, ks_user_jid(ctx->user).domain))
        ks_reply_error(ctx, KS_FORBIDDEN, NULL); /* §6 */
    else if (!has_place(ctx->domain))
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
    else
        return true;
    return false;
}

/* §4 */
static void on_request(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str name = ks_xml_attr(iq->payload, "filename"), size = ks_xml_attr(iq->payload, "size");
    struct ks_file slot = { .state = KS_FILE_SLOT, .made_ms = ctx->now.wall_ms };

    if (!may_ask(ctx, iq))
        return;
    if (!name.len || ks_str_u64(size, 1ULL << 53, &slot.bytes) != KS_OK || !slot.bytes
        || !keep_of(ctx, iq->payload, &slot.keep_ms)) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (slot.bytes > bytes_max(ctx->domain)) {
        refuse_size(ctx);
        return;
    }
    ks_files_remove_expired(ctx);
    if (!has_room(ctx, slot.bytes))
        return;
    slot.until_ms = ctx->now.wall_ms + ks_domain_number(ctx->domain, "files.slot") * 1000;
    slot.device = ks_session_device(ctx->session);
    give(ctx, &slot, ending_of(name));
}

/* --- deletion by the owner --- */

static void on_delete(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *answer = ks_xml_new(ctx->arena, NS_KONSIL_FILES, "deleted");
    const struct ks_xml *file = ks_xml_child(iq->payload, NS_KONSIL_FILES, "file");
    uint64_t files = 0;
    size_t count = 0;

    for (const struct ks_xml *at = file; at; at = ks_xml_next(at, NS_KONSIL_FILES, "file"))
        if (!ks_xml_attr(at, "url").len || ++count > URLS_MAX) {
            count = 0;
            break;
        }
    if (!count) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    for (; file; file = ks_xml_next(file, NS_KONSIL_FILES, "file")) {
        struct ks_str url = ks_xml_attr(file, "url");
        struct ks_xml *item = ks_xml_add(ctx->arena, answer, NS_KONSIL_FILES, "file");
        ks_xml_set(ctx->arena, item, "url", url);
        ks_xml_set(ctx->arena, item, "found", ks_files_remove_url(ctx, url, &files) ? KS_STR("true") : KS_STR("false"));
    }
    ks_deletion_log(ctx, &(struct ks_deletion) { KS_STR("owner"), "owner" }, KS_FILES_CATEGORY, files);
    ks_reply_result(ctx, answer);
}

static int64_t made_ms(struct ks_str key, struct ks_str value)
{
    struct ks_file file;

    (void)key;
    return ks_file_row_read(value, &file) ? file.made_ms : 0;
}

const struct ks_feature ks_feature_upload = {
    .name = "upload",
    .iq = { { KS_IQ_GET, NS_UPLOAD, "request", KS_TO_DOMAIN, on_request },
        { KS_IQ_SET, NS_KONSIL_FILES, "delete", KS_TO_SELF, on_delete } },
    .disco_form = disco_form,
    .device_out = ks_files_device_out,
    .stores = { { KS_STORE_FILES, KS_DATA_TRAFFIC, KS_KEEP_DAYS, 0,
        "Of each uploaded file its size and times, so that its owner and nobody else can delete it; the bytes lie "
        "beside the database, without name and type, and in protected domains encrypted by the sender.",
        KS_READ_NOBODY, KS_IN_VALUES, "files.keep", made_ms } },
    .options = { { "files.url", KS_OPT_TEXT, .max = 200, .good = is_place, .wants = SAY("wants.place"),
                     .doc = "Where clients put and get files: https://HOST:PORT/files, as they reach this server or "
                            "what stands before it (XEP-0363). Empty: at the domain's web access, if it has one. "
                            "\"none\": no files." },
        { "files.bytes_max", KS_OPT_BYTES, .init = 100 << 20, .min = 1024, .max = 1LL << 40,
            .doc = "The largest file." },
        { "files.bytes_per_day", KS_OPT_BYTES, .init = 2LL << 30, .min = 1024, .max = 1LL << 50,
            .doc = "How much one account may upload within 24 hours." },
        { "files.bytes_total", KS_OPT_BYTES, .init = 10LL << 30, .min = 1024, .max = 1LL << 50,
            .doc = "How much of one account lies on the server at a time." },
        { "files.count_max", KS_OPT_COUNT, .init = 5000, .min = 1, .max = 50000,
            .doc = "How many files of one account lie there." },
        { "files.slot", KS_OPT_DURATION, .init = 300, .min = 30, .max = 86400,
            .doc = "How long after a client asked it may begin to upload." },
        { "files.keep", KS_OPT_DURATION, .init = 90 * 86400, .min = 3600, .max = 3650LL * 86400,
            .doc = "How long a file stays." },
        { "files.reserve", KS_OPT_BYTES, .init = 512 << 20, .min = 0, .max = 1LL << 50, .scope = KS_OPT_SERVER,
            .when = KS_OPT_RESTART,
            .doc = "What uploads leave free on the disk, so that messages can always be stored." } },
};
