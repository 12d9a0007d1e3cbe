/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What konsild finds in its store, which may come out of a backup of another time or be damaged: rows of an account,
 * messages, settings of the store as a whole. It starts or says why not; the account can log in; what it asks is
 * answered once each, in XML; and its stream stays open. */
#include <stdlib.h>

#include "client.h"
#include "committer.h"
#include "crypto.h"
#include "ns.h"
#include "store_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const kinds[] = { "roster", "roster-version", "pep-node", "pep-item", "pep-subscriber", "blocklist",
    "offline", "credentials", "archive", "meta", "private", "vcard", "device" };
enum { ROSTER, PEP_NODE = 2, PEP_ITEM, PEP_SUBSCRIBER, BLOCKLIST, CREDENTIALS = 7, ARCHIVE, META, PRIVATE };
static bool is_strange; /* nothing is promised to who cannot log in any more, or of a start that was refused */
static bool is_sound;   /* texts are such as can stand in XML: konsild writes no others, and does not look for them */

/* The texts of a row, where a reader finds them. */
static bool is_row_sound(unsigned kind, struct ks_str key, struct ks_str value)
{
    const size_t heads[KS_COUNT(kinds)] = { [ROSTER] = 2, [PEP_NODE] = 8 };
    size_t node_end = ks_str_find_byte(key, 0);
    struct ks_cursor at = ks_cursor(ks_str_from(value, heads[kind] < value.len ? heads[kind] : value.len));
    struct ks_str field;
    bool sound = is_printable(ks_str_head(key, node_end));

    if (node_end < key.len)
        sound = sound
            && (kind == PEP_ITEM || kind == PRIVATE
                || (kind == PEP_SUBSCRIBER && is_printable(ks_str_from(key, node_end + 1))));
    if (kind == ROSTER || kind == PEP_NODE || kind == PEP_ITEM)
        while (sound && ks_cursor_field(&at, &field) == KS_OK)
            sound = is_printable(field);
    return sound;
}

/* Stanzas are stored as XML and come out as they are: pages of the store are authenticated, and nobody reads a million
 * of them again. Here those come in that konsild could have written. */
static bool is_element(struct ks_str text)
{
    struct ks_arena arena;
    struct ks_xml *xml;
    bool good;

    ks_arena_init(&arena, 64u << 20);
    good = ks_xml_read(&arena, text, KS_STR_EMPTY, KS_STR_EMPTY, &xml) == KS_OK && ks_str_starts(text, KS_STR("<"))
        && !ks_str_starts(text, KS_STR("<?")) && ks_str_ends(text, KS_STR(">"));
    ks_arena_done(&arena);
    return good;
}

static void put_row(
    struct ks_server_store *store, uint64_t account, unsigned kind, struct ks_str key, struct ks_str value)
{
    enum ks_err err;

    is_sound = is_sound && is_row_sound(kind, key, value);
    if (store->ops->begin(store) != KS_OK)
        abort();
    if (kind == META) {
        err = store->ops->meta_put(store, key, value);
        is_strange = true;
    } else if (kind == ARCHIVE) {
        uint64_t last;
        int64_t stamp_ms;
        if (store->ops->archive_last(store, &last, &stamp_ms) != KS_OK)
            abort();
        err = store->ops->archive_append(store,
            &(struct ks_archive_row) { .id = last + 1,
                .stamp_ms = stamp_ms,
                .owner = { account },
                .with = { KS_STR("jonas@offen.example") },
                .stanza = value });
    } else {
        err = store->ops->kv_put(store, &(struct ks_kv_row) { account, ks_str_z(kinds[kind]), key, value });
        is_strange |= kind == CREDENTIALS;
    }
    if (err == KS_OK)
        err = store->ops->commit(store);
    if (err != KS_OK)
        store->ops->rollback(store);
}

static void put_rows(struct ks_server_store *store, uint64_t account, struct ks_str input)
{
    struct ks_cursor at = ks_cursor(input);
    struct row row;

    while (next_row(&at, KS_COUNT(kinds), &row))
        if (row.kind == ARCHIVE ? is_element(row.value) : row.key.len > 0)
            put_row(store, account, row.kind, row.key, row.value);
}

#define PUBSUB "<pubsub xmlns='" NS_PUBSUB "'>"
static const char *const questions[] = {
    "<iq type='get' id='q0'><query xmlns='" NS_ROSTER "'/></iq>",
    "<iq type='get' id='q1'><blocklist xmlns='" NS_BLOCKING "'/></iq>",
    "<iq type='get' id='q2' to='anna@offen.example'><query xmlns='" NS_DISCO_ITEMS "'/></iq>",
    "<iq type='get' id='q3'>" PUBSUB "<items node='n'/></pubsub></iq>",
    "<iq type='get' id='q4'>" PUBSUB "<subscriptions/></pubsub></iq>",
    "<iq type='get' id='q5'><pubsub xmlns='" NS_PUBSUB_OWNER "'><configure node='n'/></pubsub></iq>",
    "<iq type='set' id='q6'><query xmlns='" NS_MAM "'/></iq>",
    "<iq type='set' id='q7'><query xmlns='" NS_ROSTER "'><item jid='jonas@offen.example' name='J'/></query></iq>",
    "<iq type='set' id='q8'>" PUBSUB "<publish node='n'><item id='i'><x xmlns='urn:x'/></item></publish></pubsub></iq>",
    "<iq type='set' id='q9'><block xmlns='" NS_BLOCKING "'><item jid='jonas@offen.example'/></block></iq>",
    "<iq type='get' id='q:'><query xmlns='" NS_PRIVATE "'><x xmlns='urn:x'/></query></iq>",
    "<iq type='get' id='q;'><vCard xmlns='" NS_VCARD "'/></iq>",
};

static bool starts(struct ks_server_store *store)
{
    struct ks_committer *committer;
    struct ks_prng prng;
    enum ks_err err;

    ks_prng_init_number(&prng, 1);
    err = ks_committer_new(store, &prng, &committer);
    ks_prng_done(&prng);
    assert(err == KS_OK || err == KS_EVERSION || err == KS_ESTORE);
    if (err == KS_OK)
        ks_committer_free(committer);
    return err == KS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_server_store *store;
    struct ks_config *config;
    struct host_conn *conn;
    struct host *host;
    uint64_t account = 0;

    if (ks_crypto_init() != KS_OK)
        return 0;
    is_strange = false;
    is_sound = true;
    store = ks_memory_server_store_new();
    config = host_config();
    host = host_new(config, store, 1, 1, (struct ks_now) { 1000, 1795312800000 }, false);
    host_add_account(host, "offen.example", "anna", "Anna", "p");
    host_add_account(host, "offen.example", "jonas", "Jonas", "p");
    host_free(host);
    if (store->ops->account_find(store, KS_STR("offen.example"), KS_STR("anna"), take_id, &account) != KS_OK)
        abort();
    put_rows(store, account, ks_str(data, len));
    if (starts(store) && !is_strange) {
        host = host_new(config, store, 1, 1, (struct ks_now) { 2000, 1795312900000 }, false);
        conn = host_connect(host, 1);
        client_secure(conn, "offen.example");
        client_bind(conn, "offen.example", "anna", "p");
        ks_buf_reset(&conn->out);
        client_say(conn, "<presence/>");
        for (size_t i = 0; i < KS_COUNT(questions); i++)
            client_say(conn, questions[i]);
        assert(!conn->closed);
        if (is_sound)
            check_said(ks_buf_str(&conn->out), KS_COUNT(questions));
        host_conn_free(conn);
        host_free(host);
    }
    ks_server_store_free(store);
    ks_config_unref(config);
    return 0;
}
