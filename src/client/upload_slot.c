/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "upload_slot.h"

#include <stdio.h>
#include <stdlib.h>

#include "dataform.h"
#include "engine.h"
#include "file_share.h"
#include "transfer.h"

#define NAMES_MAX (KS_UPLOAD_SERVICES_MAX * (KS_JID_MAX + 1))
#define HEADERS_MAX 4096
#define NEUTRAL_NAME "file.bin"

void ks_upload_service_lost(struct ks_upload_service *service)
{
    free(service->jid);
    free((char *)(uintptr_t)service->left.ptr);
    *service = (struct ks_upload_service) { .state = KS_SERVICE_UNASKED };
}

/* --- the service --- */

static enum ks_err ask_next(struct konsil *k);

/* The limit of §3's form; 0: none is told. */
static uint64_t limit_of(struct konsil *k, const struct ks_xml *query)
{
    const struct ks_xml *form = ks_form_find(&k->arena, query, NS_UPLOAD);
    uint64_t max = 0;

    if (ks_str_u64(ks_str_trim(ks_form_value(&k->arena, form, "max-file-size")), UINT64_MAX / 2, &max) != KS_OK)
        return 0;
    return max;
}

static bool has_feature(const struct ks_xml *query)
{
    const struct ks_xml *at = ks_xml_child(query, NS_DISCO_INFO, "feature");

    while (at && !ks_str_is(ks_xml_attr(at, "var"), NS_UPLOAD))
        at = ks_xml_next(at, NS_DISCO_INFO, "feature");
    return at != NULL;
}

static void found(struct konsil *k, int state)
{
    k->transfers.service.state = state;
    ks_transfers_wake(k);
}

/* iq->number: whether the domain itself was asked. */
static enum ks_err on_items(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_upload_service *service = &k->transfers.service;
    const struct ks_xml *query = answer ? ks_xml_child(answer->xml, NS_DISCO_ITEMS, "query") : NULL;
    size_t count = 0;
    struct ks_buf names;
    enum ks_err err;

    (void)iq;
    if (!answer) {
        found(k, KS_SERVICE_UNASKED);
        return KS_OK;
    }
    ks_buf_init(&names, NAMES_MAX);
    for (const struct ks_xml *at = ks_xml_child(query, NS_DISCO_ITEMS, "item"); at && count < KS_UPLOAD_SERVICES_MAX;
         at = ks_xml_next(at, NS_DISCO_ITEMS, "item")) {
        struct ks_str jid = ks_xml_attr(at, "jid");
        if (!jid.len || jid.len > KS_JID_MAX || ks_xml_attr(at, "node").ptr || ks_str_find_byte(jid, '\n') < jid.len)
            continue;
        ks_buf_add(&names, jid);
        ks_buf_byte(&names, '\n');
        count++;
    }
    if ((err = ks_buf_err(&names)) == KS_OK) {
        char *copy = ks_str_dup(ks_buf_str(&names));
        free((char *)(uintptr_t)service->left.ptr);
        service->left = ks_str(copy, copy ? names.len : 0);
        err = copy ? KS_OK : KS_ENOMEM;
    }
    ks_buf_done(&names);
    return err == KS_OK ? ask_next(k) : err;
}

static enum ks_err ask_items(struct konsil *k)
{
    struct ks_xml *query = ks_xml_new(&k->arena, NS_DISCO_ITEMS, "query");

    return query ? ks_iq_send(k, "get", ks_str_z(k->domain), query, on_items, KS_STR_EMPTY, 0) : KS_ENOMEM;
}

/* iq->number 1: it was the domain. */
static enum ks_err on_info(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_upload_service *service = &k->transfers.service;
    const struct ks_xml *query = answer ? ks_xml_child(answer->xml, NS_DISCO_INFO, "query") : NULL;
    enum ks_err err;

    if (!answer && !ks_online(k)) {
        found(k, KS_SERVICE_UNASKED);
        return KS_OK;
    }
    if (ks_iq_ok(answer) && has_feature(query)) {
        free(service->jid);
        if (!(service->jid = ks_str_dup(iq->to)))
            return KS_ENOMEM;
        service->bytes_max = limit_of(k, query);
        found(k, KS_SERVICE_THERE);
        return KS_OK;
    }
    err = iq->number ? ask_items(k) : ask_next(k);
    if (err == KS_EAGAIN)
        found(k, KS_SERVICE_UNASKED);
    return err == KS_EAGAIN ? KS_OK : err;
}

static enum ks_err ask_info(struct konsil *k, struct ks_str jid, bool domain)
{
    struct ks_xml *query = ks_xml_new(&k->arena, NS_DISCO_INFO, "query");

    return query ? ks_iq_send(k, "get", jid, query, on_info, KS_STR_EMPTY, domain) : KS_ENOMEM;
}

static enum ks_err ask_next(struct konsil *k)
{
    struct ks_upload_service *service = &k->transfers.service;
    struct ks_str left = service->left, jid, name;
    enum ks_err err;

    if (!ks_str_cut(&left, '\n', &jid) || !jid.len) {
        found(k, KS_SERVICE_NONE);
        return KS_OK;
    }
    if ((err = ks_arena_copy(&k->arena, jid, &name)) != KS_OK)
        return err;
    /* What is left moves to the front, where its memory begins. */
    memmove((char *)(uintptr_t)service->left.ptr, left.ptr, left.len);
    service->left.len = left.len;
    return ask_info(k, name, false);
}

enum ks_err ks_upload_find(struct konsil *k)
{
    enum ks_err err = ask_info(k, ks_str_z(k->domain), true);

    if (err == KS_OK)
        k->transfers.service.state = KS_SERVICE_ASKING;
    return err;
}

/* --- a slot --- */

enum ks_err ks_upload_size_text(struct konsil *k, uint64_t bytes, struct ks_str *ret_text)
{
    char text[32];

    if (bytes >= 1u << 30)
        snprintf(text, sizeof text, "%.1f GiB", (double)bytes / (1 << 30));
    else if (bytes >= 1u << 20)
        snprintf(text, sizeof text, "%.1f MiB", (double)bytes / (1 << 20));
    else
        snprintf(text, sizeof text, "%.1f KiB", (double)bytes / (1 << 10));
    return ks_arena_copy(&k->arena, ks_str_z(text), ret_text);
}

static bool is_header(struct ks_str name)
{
    /* §4: "Authorization, Cookie, Expires"; "any other header field MUST be ignored". */
    return ks_str_is(name, "Authorization") || ks_str_is(name, "Cookie") || ks_str_is(name, "Expires");
}

static bool is_line(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return text.len > 0;
}

static enum ks_err read_headers(struct konsil *k, const struct ks_xml *put, struct ks_upload_slot *slot)
{
    struct ks_buf lines;
    enum ks_err err;

    ks_buf_init_secret(&lines, HEADERS_MAX);
    for (const struct ks_xml *at = ks_xml_child(put, NS_UPLOAD, "header"); at;
         at = ks_xml_next(at, NS_UPLOAD, "header")) {
        struct ks_str name = ks_xml_attr(at, "name"), value = ks_xml_text(&k->arena, at);
        if (!is_header(name) || !is_line(value))
            continue;
        ks_buf_add(&lines, name);
        ks_buf_z(&lines, ": ");
        ks_buf_add(&lines, value);
        ks_buf_byte(&lines, '\n');
    }
    if ((err = ks_buf_err(&lines)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&lines), &slot->headers);
    ks_buf_done(&lines);
    return err;
}

/* A server that names another host would learn from each reader who reads what; and one without TLS, from whoever
 * listens (doc/PROTOCOL.md §5.8). */
static bool may_be_asked(struct konsil *k, struct ks_str url)
{
    struct ks_str host = ks_file_url_host(url);

    return ks_file_host_of_domain(host, ks_str_z(k->domain))
        || ks_file_host_of_domain(host, ks_str_z(k->transfers.service.jid));
}

static enum ks_err read_slot(struct konsil *k, const struct ks_stanza *answer, struct ks_upload_slot *slot)
{
    const struct ks_xml *xml = ks_xml_child(answer->xml, NS_UPLOAD, "slot"), *put = ks_xml_child(xml, NS_UPLOAD, "put");
    enum ks_err err;

    slot->put = ks_xml_attr(put, "url");
    slot->get = ks_xml_attr(ks_xml_child(xml, NS_UPLOAD, "get"), "url");
    if ((err = read_headers(k, put, slot)) != KS_OK && err != KS_ELIMIT)
        return err;
    if (err == KS_ELIMIT || !may_be_asked(k, slot->put) || !may_be_asked(k, slot->get)) {
        slot->code = KS_CODE_FILE_ADDRESS;
        slot->detail = ks_file_url_host(slot->put);
    }
    return KS_OK;
}

static enum ks_err read_error(struct konsil *k, const struct ks_stanza *answer, struct ks_upload_slot *slot)
{
    const struct ks_xml *error = ks_xml_child(answer->xml, NS_CLIENT, "error"),
                        *large = ks_xml_child(error, NS_UPLOAD, "file-too-large");
    const char *condition = ks_iq_condition(answer);
    uint64_t max;

    slot->code = KS_CODE_FILE_REFUSED;
    slot->detail = ks_str_z(condition);
    if (large) {
        slot->code = KS_CODE_FILE_TOO_BIG;
        if (ks_str_u64(ks_str_trim(ks_xml_text(&k->arena, ks_xml_child(large, NS_UPLOAD, "max-file-size"))),
                UINT64_MAX / 2, &max)
            == KS_OK)
            return ks_upload_size_text(k, max, &slot->detail);
    } else if (ks_xml_child(error, NS_UPLOAD, "retry")) {
        slot->code = KS_CODE_FILE_QUOTA;
        slot->detail = ks_xml_attr(ks_xml_child(error, NS_UPLOAD, "retry"), "stamp");
    } else if (strcmp(condition, "resource-constraint") == 0 || strcmp(condition, "internal-server-error") == 0) {
        slot->later = true;
    }
    return KS_OK;
}

static enum ks_err on_slot(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_upload_slot slot = { .code = NULL };
    enum ks_err err = KS_OK;

    if (!answer) {
        slot.code = KS_CODE_FILE_NETWORK;
        slot.later = true;
    } else {
        err = ks_iq_ok(answer) ? read_slot(k, answer, &slot) : read_error(k, answer, &slot);
    }
    return err == KS_OK ? ks_transfers_slot(k, iq->number, &slot) : err;
}

enum ks_err ks_upload_ask(struct konsil *k, uint64_t bytes, uint64_t number)
{
    struct ks_xml *request = ks_xml_new(&k->arena, NS_UPLOAD, "request");

    request = ks_xml_set(&k->arena, request, "filename", KS_STR(NEUTRAL_NAME));
    request = ks_xml_set_u64(&k->arena, request, "size", bytes);
    if (!ks_xml_set(&k->arena, request, "content-type", KS_STR("application/octet-stream")))
        return KS_ENOMEM;
    return ks_iq_send(k, "get", ks_str_z(k->transfers.service.jid), request, on_slot, KS_STR_EMPTY, number);
}
