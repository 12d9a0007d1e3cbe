/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_oracle.c -- one device of ours on stdin and stdout, for test_omemo_oracle.py.
 *
 * A command is a line, its answer a line; XML has no line ends, texts are in hexadecimal ("-": an empty message).
 *     device JID SEED               ok DEVICE-ID
 *     bundle VERSION                ok <bundle/>
 *     devices VERSION               ok <devices/> with our id
 *     begin VERSION JID ID <bundle/> ok
 *     seal VERSION JID ID TEXT      ok <encrypted/>
 *     open JID <encrypted/>         ok ID KEX NEW HEARTBEAT COUNTER IDENTITY TEXT
 * or: error KS_CONSTANT. VERSION is 2 or 1. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto.h"
#include "enc.h"
#include "omemo.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define NOW 1800000000000LL

static struct ks_engine_store *store;
static struct ks_prng prng;
static struct ks_omemo *omemo;
static struct ks_arena arena;

static struct ks_str word(struct ks_str *line)
{
    struct ks_str piece = KS_STR_EMPTY;

    ks_str_cut(line, ' ', &piece);
    return piece;
}

static uint32_t number(struct ks_str *line)
{
    uint64_t value = 0;

    return ks_str_u64(word(line), UINT32_MAX, &value) == KS_OK ? (uint32_t)value : 0;
}

static enum ks_omemo_version version(struct ks_str *line)
{
    return ks_str_is(word(line), "1") ? KS_OMEMO_1 : KS_OMEMO_2;
}

static enum ks_err tree(struct ks_str bytes, struct ks_xml **ret_xml)
{
    return ks_xml_read(&arena, bytes, KS_STR_EMPTY, KS_STR_EMPTY, ret_xml);
}

static enum ks_err device(struct ks_str line, struct ks_buf *out)
{
    struct ks_str jid = word(&line);
    enum ks_err err;

    ks_prng_init_number(&prng, number(&line));
    if (omemo || !(store = ks_memory_engine_store_new()))
        return KS_ESTATE;
    if ((err = ks_omemo_new(store, &prng, jid, NULL, NULL, &omemo)) != KS_OK
        || (err = ks_omemo_create(omemo, NOW)) != KS_OK)
        return err;
    ks_buf_u64_dec(out, ks_omemo_device(omemo));
    return KS_OK;
}

static enum ks_err bundle(struct ks_str line, struct ks_buf *out)
{
    struct ks_xml *xml;
    enum ks_err err = ks_omemo_bundle_write(omemo, &arena, version(&line), &xml);

    if (err == KS_OK)
        ks_xml_write(out, xml, KS_STR_EMPTY);
    return err;
}

static enum ks_err devices(struct ks_str line, struct ks_buf *out)
{
    struct ks_omemo_device own = { .id = ks_omemo_device(omemo) };
    struct ks_xml *xml;
    enum ks_err err = ks_omemo_devices_write(&arena, version(&line), &own, 1, &xml);

    if (err == KS_OK)
        ks_xml_write(out, xml, KS_STR_EMPTY);
    return err;
}

static enum ks_err begin(struct ks_str line, struct ks_buf *out)
{
    enum ks_omemo_version v = version(&line);
    struct ks_str jid = word(&line);
    uint32_t id = number(&line);
    struct ks_omemo_bundle theirs;
    struct ks_xml *xml;
    enum ks_err err;

    (void)out;
    if ((err = tree(line, &xml)) != KS_OK || (err = ks_omemo_bundle_read(&arena, v, xml, &theirs)) != KS_OK)
        return err;
    return ks_omemo_session_begin(omemo, v, jid, id, &theirs);
}

static enum ks_err seal(struct ks_str line, struct ks_buf *out)
{
    enum ks_omemo_version v = version(&line);
    struct ks_omemo_recipient to = { .jid = word(&line) };
    struct ks_str text = KS_STR_EMPTY;
    struct ks_xml *xml;
    enum ks_err err = KS_OK;

    to.device = number(&line);
    if (!ks_str_is(line, "-"))
        err = ks_hex_read(&arena, line, &text);
    if (err == KS_OK && (err = ks_omemo_seal(omemo, &arena, v, text, &to, 1, &xml)) == KS_OK)
        ks_xml_write(out, xml, KS_STR_EMPTY);
    return err;
}

static enum ks_err open_element(struct ks_str line, struct ks_buf *out)
{
    struct ks_str jid = word(&line);
    struct ks_omemo_opened opened;
    struct ks_xml *xml;
    enum ks_err err = tree(line, &xml);

    if (err != KS_OK || (err = ks_omemo_open(omemo, &arena, xml, jid, &opened)) != KS_OK)
        return err;
    ks_buf_printf(
        out, "%u %d %d %d %u ", opened.device, opened.kex, opened.session_new, opened.heartbeat_due, opened.counter);
    ks_hex_add(out, ks_str(opened.identity, sizeof opened.identity));
    ks_buf_byte(out, ' ');
    if (opened.plaintext.ptr)
        ks_hex_add(out, opened.plaintext);
    else
        ks_buf_byte(out, '-');
    return KS_OK;
}

static const struct command {
    const char *name;
    enum ks_err (*run)(struct ks_str line, struct ks_buf *out);
} commands[] = { { "device", device }, { "bundle", bundle }, { "devices", devices }, { "begin", begin },
    { "seal", seal }, { "open", open_element } };

/* Each command is one transaction, as it is in the engine. */
static enum ks_err run(struct ks_str line, struct ks_buf *out)
{
    struct ks_str name = word(&line);
    enum ks_err err;

    for (size_t i = 0; i < KS_COUNT(commands); i++) {
        if (!ks_str_is(name, commands[i].name))
            continue;
        if (!omemo)
            return commands[i].run == device ? device(line, out) : KS_ESTATE;
        if ((err = store->ops->begin(store)) != KS_OK)
            return err;
        if ((err = commands[i].run(line, out)) == KS_OK)
            return store->ops->commit(store);
        store->ops->rollback(store);
        return err;
    }
    return KS_ENOTFOUND;
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    ks_arena_init(&arena, 4 * 1024 * 1024);
    if (ks_crypto_init() != KS_OK)
        return 1;
    while ((len = getline(&line, &cap, stdin)) > 0) {
        struct ks_buf out;
        enum ks_err err;

        ks_buf_init(&out, 4 * 1024 * 1024);
        err = run(ks_str(line, (size_t)len - (line[len - 1] == '\n')), &out);
        if (err == KS_OK)
            printf("ok %.*s\n", KS_STR_FMT(ks_buf_str(&out)));
        else
            printf("error %s\n", ks_err_name(err));
        fflush(stdout);
        ks_buf_done(&out);
        ks_arena_reset(&arena);
    }
    free(line);
    ks_omemo_free(omemo);
    ks_engine_store_free(store);
    ks_arena_done(&arena);
    return 0;
}
