/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_devices.h -- devices for the tests of src/omemo: each with a memory store and chance of its own; what they say
 * travels as bytes. A step that must go well ends the test when it does not. */
#ifndef OMEMO_DEVICES_H
#define OMEMO_DEVICES_H

#include "check.h"
#include "crypto.h"
#include "enc.h"
#include "ns.h"
#include "omemo.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define UNUSED __attribute__((unused))

#define NOW 1800000000000LL
#define DAY 86400000LL

struct device {
    struct ks_str jid;
    struct ks_engine_store *store;
    struct ks_prng prng;
    struct ks_omemo *omemo;
    struct ks_arena arena;
};

static const char *which; /* the version's name, before a row's */

UNUSED static const char *name_of(const char *sentence)
{
    static char name[240];

    snprintf(name, sizeof name, "%s: %s", which, sentence);
    return name;
}

UNUSED static void must(enum ks_err err, const char *what)
{
    if (err != KS_OK) {
        printf("Bail out! %s: %s\n", what, ks_err_name(err));
        exit(1);
    }
}

UNUSED static void device_start(struct device *d, ks_omemo_judge *judge, void *user)
{
    must(ks_omemo_new(d->store, &d->prng, d->jid, judge, user, &d->omemo), "new");
}

UNUSED static void device_init(struct device *d, const char *jid, uint64_t seed)
{
    *d = (struct device) { .jid = ks_str_z(jid), .store = ks_memory_engine_store_new() };
    ks_prng_init_number(&d->prng, seed);
    ks_arena_init(&d->arena, 4 * 1024 * 1024);
    device_start(d, NULL, NULL);
    must(d->store->ops->begin(d->store), "begin");
    must(ks_omemo_create(d->omemo, NOW), "create");
    must(d->store->ops->commit(d->store), "commit");
}

UNUSED static void device_done(struct device *d)
{
    ks_omemo_free(d->omemo);
    ks_engine_store_free(d->store);
    ks_arena_done(&d->arena);
}

UNUSED static uint32_t id_of(const struct device *d)
{
    return ks_omemo_device(d->omemo);
}

/* KS_OK is committed, anything else rolled back, as omemo.h asks. */
UNUSED static enum ks_err end(struct device *d, enum ks_err err)
{
    if (err == KS_OK)
        must(d->store->ops->commit(d->store), "commit");
    else
        d->store->ops->rollback(d->store);
    return err;
}

UNUSED static struct ks_str bytes_of(struct ks_arena *arena, const struct ks_xml *xml)
{
    struct ks_buf buf;
    struct ks_str copy;

    ks_buf_init(&buf, 4 * 1024 * 1024);
    ks_xml_write(&buf, xml, KS_STR_EMPTY);
    must(ks_buf_err(&buf), "write");
    must(ks_arena_copy(arena, ks_buf_str(&buf), &copy), "copy");
    ks_buf_done(&buf);
    return copy;
}

UNUSED static struct ks_xml *tree_of(struct ks_arena *arena, struct ks_str bytes)
{
    struct ks_xml *xml = NULL;

    must(ks_xml_read(arena, bytes, KS_STR_EMPTY, KS_STR_EMPTY, &xml), "parse");
    return xml;
}

/* The bundle of d as to sees it. */
UNUSED static struct ks_omemo_bundle bundle_of(struct device *d, struct device *to, enum ks_omemo_version version)
{
    struct ks_xml *xml;
    struct ks_omemo_bundle bundle;

    must(ks_omemo_bundle_write(d->omemo, &d->arena, version, &xml), "bundle write");
    must(ks_omemo_bundle_read(&to->arena, version, tree_of(&to->arena, bytes_of(&d->arena, xml)), &bundle),
        "bundle read");
    return bundle;
}

UNUSED static enum ks_err begin_with(
    struct device *from, struct device *to, enum ks_omemo_version version, const struct ks_omemo_bundle *bundle)
{
    must(from->store->ops->begin(from->store), "begin");
    return end(from, ks_omemo_session_begin(from->omemo, version, to->jid, id_of(to), bundle));
}

UNUSED static void session(struct device *from, struct device *to, enum ks_omemo_version version)
{
    struct ks_omemo_bundle bundle = bundle_of(to, from, version);

    must(begin_with(from, to, version, &bundle), "session begin");
}

UNUSED static enum ks_err seal(
    struct device *from, struct device *to, enum ks_omemo_version version, struct ks_str text, struct ks_str *ret_bytes)
{
    struct ks_omemo_recipient recipient = { .jid = to->jid, .device = id_of(to) };
    struct ks_xml *xml;
    enum ks_err err;

    must(from->store->ops->begin(from->store), "begin");
    err = end(from, ks_omemo_seal(from->omemo, &from->arena, version, text, &recipient, 1, &xml));
    if (err == KS_OK)
        *ret_bytes = bytes_of(&from->arena, xml);
    else if (err == KS_ENOTFOUND)
        err = recipient.err;
    return err;
}

UNUSED static struct ks_str sealed(
    struct device *from, struct device *to, enum ks_omemo_version version, const char *text)
{
    struct ks_str bytes = { 0 };

    must(seal(from, to, version, ks_str_z(text), &bytes), "seal");
    return bytes;
}

/* Opened but not yet ended. */
UNUSED static enum ks_err open_only(
    struct device *to, struct ks_str from, struct ks_str bytes, struct ks_omemo_opened *ret_opened)
{
    must(to->store->ops->begin(to->store), "begin");
    return ks_omemo_open(to->omemo, &to->arena, tree_of(&to->arena, bytes), from, ret_opened);
}

UNUSED static enum ks_err open_from(
    struct device *to, struct ks_str from, struct ks_str bytes, struct ks_omemo_opened *ret_opened)
{
    return end(to, open_only(to, from, bytes, ret_opened));
}

UNUSED static bool reads(struct device *to, struct device *from, struct ks_str bytes, const char *want)
{
    struct ks_omemo_opened opened;

    return open_from(to, from->jid, bytes, &opened) == KS_OK && ks_str_is(opened.plaintext, want)
        && opened.device == id_of(from);
}

UNUSED static bool talk(struct device *from, struct device *to, enum ks_omemo_version version, const char *text)
{
    return reads(to, from, sealed(from, to, version, text), text);
}

/* bytes with the n-th occurrence of needle replaced by text. */
UNUSED static struct ks_str with(struct ks_arena *arena, struct ks_str bytes, const char *needle, const char *text)
{
    size_t at = ks_str_find(bytes, ks_str_z(needle));
    struct ks_str parts[3] = { ks_str_head(bytes, at), ks_str_z(text), ks_str_from(bytes, at + strlen(needle)) },
                  joined;

    if (at >= bytes.len) {
        printf("Bail out! nothing to replace: %s\n", needle);
        exit(1);
    }
    must(ks_arena_join(arena, parts, 3, &joined), "join");
    return joined;
}

/* Another base64 letter a little before the end of an element's text. */
UNUSED static struct ks_str flipped(struct ks_arena *arena, struct ks_str bytes, const char *end_tag, size_t before)
{
    size_t at = ks_str_find(bytes, ks_str_z(end_tag)) - before;
    struct ks_str copy;

    must(ks_arena_copy(arena, bytes, &copy), "copy");
    ((char *)(uintptr_t)copy.ptr)[at] = copy.ptr[at] == 'A' ? 'B' : 'A';
    return copy;
}

/* Runs the tests of a version, for both. */
UNUSED static int devices_main(void (*const *tests)(enum ks_omemo_version), size_t count, void (*others)(void))
{
    must(ks_crypto_init(), "crypto");
    for (enum ks_omemo_version v = KS_OMEMO_2; v <= KS_OMEMO_1; v++) {
        which = v == KS_OMEMO_2 ? "OMEMO 2" : "OMEMO 0.3";
        for (size_t i = 0; i < count; i++)
            tests[i](v);
    }
    others();
    return check_done();
}

#endif
