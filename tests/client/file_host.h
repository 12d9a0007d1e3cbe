/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* file_host.h -- a lab whose devices have a host in memory for their files: it puts and fetches as konsil.h says. For
 * the tests of files, which share it whole. */
#ifndef FILE_HOST_H
#define FILE_HOST_H

#include "ward.h"

#define WEB_MAX 32
#define NAME "Befund M\xc3\xbcller.pdf"

/* What lies at the files' server, and what a device has on its disk. */
struct web {
    size_t count;
    struct stored {
        char url[256];
        uint8_t *bytes;
        size_t len;
    } files[WEB_MAX];
};
static struct web web;

static struct konsil_now now_of(const struct party *party)
{
    return (struct konsil_now) { party->lab->host->now.mono_ms, party->lab->host->now.wall_ms };
}

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 2654435761u >> 13);
}

static struct stored *stored_at(const char *url)
{
    for (size_t i = 0; i < web.count; i++)
        if (strcmp(web.files[i].url, url) == 0)
            return &web.files[i];
    return NULL;
}

static void forget_web(void)
{
    for (size_t i = 0; i < web.count; i++)
        free(web.files[i].bytes);
    web.count = 0;
}

/* --- the host: one konsil_file, done to its end --- */

static size_t file_len = 100000; /* of the file that every upload reads */

static void put(struct party *party, const struct konsil_file *file)
{
    struct stored *to = &web.files[web.count++];
    uint64_t number = file->transfer;
    bool good = true;

    *to = (struct stored) { .bytes = malloc(file_len + 16), .len = file_len + 16 };
    snprintf(to->url, sizeof to->url, "%s", file->url);
    for (size_t i = 0; i < file_len; i++)
        to->bytes[i] = byte_at(i);
    for (size_t at = 0; at < file_len; at += 7777) {
        size_t len = file_len - at < 7777 ? file_len - at : 7777;
        good = konsil_file_seal(party->engine, number, to->bytes + at, len, to->bytes + at) && good;
        konsil_file_moved(party->engine, number, at + len, now_of(party));
    }
    good = konsil_file_seal_end(party->engine, number, to->bytes + file_len) && good;
    if (good)
        konsil_file_stored(party->engine, number, now_of(party));
    else
        konsil_file_failed(party->engine, number, KONSIL_FILE_CHANGED, 0, now_of(party));
}

/* Nothing of it before the check was good; what comes out is compared. */
static enum konsil_file_why fetch(struct party *party, const struct konsil_file *file, struct stored *from)
{
    uint8_t *bytes = malloc(from->len + 1);
    uint64_t number = file->transfer;
    size_t len = 0, all = 0;
    bool good = konsil_file_check_begin(party->engine, number, from->len);

    for (size_t at = 0; good && at < from->len; at += 5000)
        good =
            konsil_file_check(party->engine, number, from->bytes + at, from->len - at < 5000 ? from->len - at : 5000);
    good = good && konsil_file_check_end(party->engine, number);
    for (size_t at = 0; good && at < from->len; at += 5000) {
        good = konsil_file_open(
            party->engine, number, from->bytes + at, from->len - at < 5000 ? from->len - at : 5000, bytes + all, &len);
        all += len;
    }
    good = good && konsil_file_open_end(party->engine, number) && all == file_len;
    for (size_t i = 0; i < all; i++)
        good = good && bytes[i] == byte_at(i);
    free(bytes);
    return good ? 0 : KONSIL_FILE_NOT_GENUINE;
}

static void get(struct party *party, const struct konsil_file *file)
{
    struct stored *from = stored_at(file->url);
    enum konsil_file_why why = from ? fetch(party, file, from) : KONSIL_FILE_GONE;

    if (why)
        konsil_file_failed(party->engine, file->transfer, why, from ? 0 : 404, now_of(party));
    else
        konsil_file_saved(party->engine, file->transfer, "/home/jonas/saved", now_of(party));
}

/* The next thing the host is asked for; kind 0: nothing. */
static struct konsil_file next(struct party *party)
{
    struct konsil_file file = { 0 };

    lab_run(party->lab, 500);
    if (!konsil_next_file(party->engine, &file))
        file.kind = 0;
    return file;
}

static void work(struct party *party)
{
    struct konsil_file file;

    for (int i = 0; i < 20; i++) {
        file = next(party);
        if (file.kind == KONSIL_FILE_LOOK)
            konsil_file_size(party->engine, file.transfer, file_len, now_of(party));
        else if (file.kind == KONSIL_FILE_PUT)
            put(party, &file);
        else if (file.kind == KONSIL_FILE_GET)
            get(party, &file);
        else if (!file.kind)
            break;
    }
    lab_run(party->lab, 3000);
}

/* As far as the PUT, which is then the test's. */
static struct konsil_file work_to_put(struct party *party)
{
    struct konsil_file file = next(party);

    if (file.kind == KONSIL_FILE_LOOK)
        konsil_file_size(party->engine, file.transfer, file_len, now_of(party));
    return next(party);
}

/* --- people --- */

static json_t *send_file(struct party *party, const char *to, const char *more)
{
    return party_do(party,
        "{\"id\":\"x\",\"cmd\":\"file_send\",\"to\":\"%s\",\"path\":\"/home/anna/f\",\"name\":\"" NAME
        "\",\"type\":\"application/pdf\"%s}",
        to, more);
}

static json_t *get_file(struct party *party, const char *with, const char *message)
{
    return party_do(party,
        "{\"id\":\"x\",\"cmd\":\"file_get\",\"conversation\":\"%s\",\"message\":\"%s\",\"path\":\"/home/jonas/\"}",
        with, message);
}

/* The newest message, and its first file. */
static json_t *newest(struct party *party, const char *with)
{
    json_t *event = party_do(party, "{\"id\":\"x\",\"cmd\":\"history\",\"with\":\"%s\",\"limit\":1}", with);

    return json_array_get(json_object_get(event, "messages"), 0);
}

static json_t *file_of(json_t *message)
{
    return json_array_get(json_object_get(message, "files"), 0);
}

static const char *last_transfer(struct party *party, const char *member)
{
    size_t count = party_count(party, "transfer", 0);

    return count ? text_of(json_object_get(party_event(party, "transfer", 0, count - 1), "transfer"), member) : "";
}

static int64_t number_of(json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

static void begin(struct lab *lab, uint64_t seed, struct party **anna, struct party **jonas)
{
    lab_two(lab, seed, anna, jonas);
    party_connect(*anna);
    party_connect(*jonas);
    lab_run(lab, 3000);
    (void)party_send(*anna, JONAS, "0");
    lab_run(lab, 2000);
    (void)party_send(*jonas, ANNA, "1");
    lab_run(lab, 5000);
    file_len = 100000;
    forget_web();
}

static bool holds(struct ks_buf *bytes, const char *text)
{
    return ks_str_find(ks_buf_str(bytes), ks_str_z(text)) < bytes->len;
}

/* A server that says one thing in place of another. */
struct lie {
    const char *from, *to;
};

static bool replace(struct party *party, struct ks_str *stanza, void *user)
{
    const struct lie *lie = user;
    struct ks_str rest = *stanza;
    struct ks_buf text;

    if (ks_str_find(rest, ks_str_z(lie->from)) == rest.len)
        return true;
    ks_buf_init(&text, 1 << 20);
    for (size_t at; (at = ks_str_find(rest, ks_str_z(lie->from))) < rest.len;
         rest = ks_str_from(rest, at + strlen(lie->from))) {
        ks_buf_add(&text, ks_str_head(rest, at));
        ks_buf_z(&text, lie->to);
    }
    ks_buf_add(&text, rest);
    if (ks_arena_copy(&party->lab->kept, ks_buf_str(&text), stanza) != KS_OK)
        abort();
    ks_buf_done(&text);
    return true;
}

#endif
