/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What konsild keeps of the key log and gives of it (doc/PROTOCOL.md §22), judged by the library that devices have;
 * and what ends with a device. The registrar is this file. */
#include "check.h"
#include "client.h"
#include "enc.h"
#include "hospital_log.h"
#include "host_client.h"
#include "ns.h"
#include "push.h"
#include "reactor.h"

#define DOMAIN "klinik.example"
#define PASSWORD "ein Kennwort"
#define LOG_OPEN "xmlns='" NS_KONSIL_LOG "'"
#define SIGNER "c2lnbmVy"

static const struct ks_now start = { .mono_ms = 1000, .wall_ms = LOG_T * 1000ll };
static const struct ks_tls_certificate registrar_certificate = { .domain = 0,
    .end_ms = LOG_T * 1000ll + 86400000,
    .count = 1,
    .addresses = { { "registrar@" DOMAIN, sizeof "registrar@" DOMAIN - 1 } } };

struct rig {
    struct ks_server_store *store;
    struct ks_config *config;
    struct host *host;
    struct hospital *log;
    struct host_conn *registrar, *anna;
};

static void registrar_comes(struct rig *rig)
{
    struct host_conn *conn = rig->registrar = host_connect(rig->host, 2);

    conn->certificate = &registrar_certificate;
    client_secure(conn, DOMAIN);
    host_say(conn, "<auth xmlns='" NS_SASL "' mechanism='EXTERNAL'>=</auth>");
    client_header(conn, DOMAIN);
    host_say(conn, "<iq type='set' id='b'><bind xmlns='" NS_BIND "'><resource>ca</resource></bind></iq>");
    if (!host_heard(conn, "registrar@" DOMAIN "/ca"))
        abort();
    host_forget(conn);
}

static void rig_start(struct rig *rig)
{
    rig->host = host_new(rig->config, rig->store, 2, 7, start, false);
}

static void add_people(struct rig *rig)
{
    static const char *const people[] = { "registrar", "anna", "jonas" };

    for (size_t i = 0; i < KS_COUNT(people); i++)
        host_add_account(rig->host, DOMAIN, people[i], people[i], PASSWORD);
}

static void rig_init(struct rig *rig)
{
    rig->store = ks_memory_server_store_new();
    rig->config = host_config();
    rig->log = hospital_new();
    must(ks_config_set_text(
        rig->config, ks_config_domain(rig->config, KS_STR(DOMAIN)), KS_STR("registrar.account"), KS_STR("registrar")));
    must(ks_config_set_number(rig->config, NULL, KS_STR("account.bytes_max"), 1 << 20));
    rig_start(rig);
    add_people(rig);
    registrar_comes(rig);
    rig->anna = host_bound(rig->host, DOMAIN, "anna", PASSWORD, "desk");
}

static void rig_end(struct rig *rig)
{
    host_conn_free(rig->registrar);
    host_conn_free(rig->anna);
    host_free(rig->host);
}

static void rig_done(struct rig *rig)
{
    rig_end(rig);
    ks_config_unref(rig->config);
    ks_server_store_free(rig->store);
    hospital_free(rig->log);
}

/* --- what is said --- */

/* Entries, and a checkpoint unless it is NULL; more: XML behind them. */
static void append_bytes(
    struct host_conn *conn, uint64_t from, struct ks_str leaves, const struct signed_log *signed_log, const char *more)
{
    struct ks_buf xml;

    ks_buf_init(&xml, SIZE_MAX);
    ks_buf_printf(&xml, "<iq type='set' id='a' to='" DOMAIN "'><append " LOG_OPEN " from='%llu'><leaves>",
        (unsigned long long)from);
    ks_base64_add(&xml, leaves);
    ks_buf_z(&xml, "</leaves>");
    if (signed_log) {
        ks_buf_z(&xml, "<checkpoint><data>");
        ks_base64_add(&xml, signed_log->from.bytes);
        ks_buf_z(&xml, "</data><sig>");
        ks_base64_add(&xml, ks_str(signed_log->from.signature, sizeof signed_log->from.signature));
        ks_buf_z(&xml, "</sig></checkpoint><signer>" SIGNER "</signer>");
    }
    ks_buf_printf(&xml, "%s</append></iq>", more);
    must(ks_buf_err(&xml));
    host_forget(conn);
    host_feed(conn, ks_buf_str(&xml));
    host_settle(conn->host);
    ks_buf_done(&xml);
}

static struct ks_str leaves_of(const struct hospital *h, uint64_t from, uint64_t to)
{
    return ks_str(h->leaves + from * KS_LOG_LEAF_LEN, (size_t)(to - from) * KS_LOG_LEAF_LEN);
}

/* Signs what there is, and hands over what is behind from. */
static struct signed_log *publish(struct rig *rig, uint64_t from, const char *more)
{
    struct signed_log *log = hospital_sign(rig->log, (int64_t)rig->log->log_count);

    append_bytes(rig->registrar, from, leaves_of(rig->log, from, rig->log->frontier.size), log, more);
    return log;
}

static void ask(struct host_conn *conn, const char *payload)
{
    host_forget(conn);
    host_say(conn, "<iq type='get' id='g' to='" DOMAIN "'>%s</iq>", payload);
}

/* Text behind `open`, up to the next tag, decoded; ptr NULL: there is none. */
static struct ks_str heard_bytes(struct host_conn *conn, struct ks_arena *arena, const char *open)
{
    struct ks_str out = ks_buf_str(&conn->out), bytes;
    size_t at = ks_str_find(out, ks_str_z(open));

    if (at >= out.len)
        return KS_STR_EMPTY;
    out = ks_str_from(out, at + strlen(open));
    must(ks_base64_read(arena, ks_str_head(out, ks_str_find_byte(out, '<')), &bytes));
    return bytes;
}

static struct ks_merkle_proof proof_of(struct ks_str bytes)
{
    struct ks_merkle_proof proof = { .count = bytes.len / KS_MERKLE_HASH_LEN };

    if (proof.count > KS_MERKLE_PROOF_MAX)
        abort();
    if (bytes.len)
        memcpy(proof.hashes, bytes.ptr, bytes.len);
    return proof;
}

/* --- the log as devices get it --- */

static bool page_is(struct rig *rig, uint64_t from, uint64_t max, uint64_t to)
{
    struct ks_arena arena;
    char text[160];
    bool same;

    ks_arena_init(&arena, 1 << 22);
    snprintf(text, sizeof text, "<log " LOG_OPEN " from='%llu' max='%llu'/>", (unsigned long long)from,
        (unsigned long long)max);
    ask(rig->anna, text);
    snprintf(text, sizeof text, "<leaves from='%llu'>", (unsigned long long)from);
    same = ks_str_eq(heard_bytes(rig->anna, &arena, text), leaves_of(rig->log, from, to));
    ks_arena_done(&arena);
    return same;
}

static bool proof_holds(struct rig *rig, const struct signed_log *log, uint64_t n)
{
    struct ks_merkle_proof proof;
    struct ks_merkle_hash leaf;
    struct ks_arena arena;
    struct ks_buf open;
    char text[160];
    bool good;

    ks_arena_init(&arena, 1 << 20);
    ks_buf_init(&open, 1000);
    snprintf(text, sizeof text, "<proofs " LOG_OPEN " size='%llu'><p n='%llu'/></proofs>",
        (unsigned long long)log->checkpoint.size, (unsigned long long)n);
    ask(rig->anna, text);
    ks_buf_printf(&open, "<p n='%llu' leaf='", (unsigned long long)n);
    ks_base64_add(&open, leaf_at(rig->log, n));
    ks_buf_add(&open, ks_str("'>", 3)); /* and its end */
    proof = proof_of(heard_bytes(rig->anna, &arena, (const char *)open.ptr));
    ks_merkle_leaf(leaf_at(rig->log, n), &leaf);
    good = ks_merkle_verify_leaf(&leaf, n, log->checkpoint.size, &proof, &log->checkpoint.root) == KS_OK;
    ks_buf_done(&open);
    ks_arena_done(&arena);
    return good;
}

static bool growth_holds(struct rig *rig, const struct signed_log *a, const struct signed_log *b)
{
    struct ks_merkle_frontier frontier;
    struct ks_merkle_proof proof;
    struct ks_merkle_hash root;
    struct ks_arena arena;
    struct ks_cursor at;
    char text[160];
    bool good;

    ks_arena_init(&arena, 1 << 20);
    snprintf(text, sizeof text, "<growth " LOG_OPEN " from='%llu' to='%llu'/>",
        (unsigned long long)(a ? a->checkpoint.size : 0), (unsigned long long)b->checkpoint.size);
    ask(rig->anna, text);
    at = ks_cursor(heard_bytes(rig->anna, &arena, "<frontier>"));
    proof = proof_of(heard_bytes(rig->anna, &arena, "<proof>"));
    good = ks_merkle_frontier_read(&at, &frontier) == KS_OK && frontier.size == b->checkpoint.size
        && ks_cursor_done(&at) && (ks_merkle_root(&frontier, &root), ks_merkle_eq(&root, &b->checkpoint.root))
        && (a ? ks_merkle_verify_growth(
                    a->checkpoint.size, &a->checkpoint.root, b->checkpoint.size, &b->checkpoint.root, &proof)
                    == KS_OK
              : proof.count == 0);
    ks_arena_done(&arena);
    return good;
}

static void grow_to(struct rig *rig, uint64_t size)
{
    while (rig->log->frontier.size < size)
        hospital_issue(rig->log, (uint8_t)(rig->log->frontier.size % 3), (uint32_t)rig->log->frontier.size);
}

static void follow_and_read(void)
{
    struct rig rig;
    struct host_conn *jonas;
    struct signed_log *first, *second;
    int wrong = 0;

    rig_init(&rig);
    jonas = host_bound(rig.host, DOMAIN, "jonas", PASSWORD, "desk");
    ask(rig.anna, "<log " LOG_OPEN " from='0'/>");
    check_row(host_heard(rig.anna, "<log xmlns='urn:konsil:log:0' size='0'>"),
        "§22.2: before there is an entry, there is none", "%.*s", KS_STR_FMT(ks_buf_str(&rig.anna->out)));
    host_say(rig.anna, "<iq type='set' id='f' to='" DOMAIN "'><follow " LOG_OPEN "/></iq>");

    grow_to(&rig, 1000);
    host_forget(rig.anna);
    host_forget(jonas);
    first = publish(&rig, 0, "");
    check_row(host_heard(rig.registrar, "type='result'") && host_heard(rig.registrar, "size='1000'"),
        "§22.1: 1,000 entries are taken at once", "%.*s", KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
    check_row(host_heard_times(rig.anna, "type='headline'") == 1 && host_heard(rig.anna, "size='1000'")
            && host_heard(rig.anna, "<signer>" SIGNER),
        "§22.2: who follows is told of the checkpoint, once", "%.*s", KS_STR_FMT(ks_buf_str(&rig.anna->out)));
    check_row(!ks_buf_str(&jonas->out).len, "and nobody else", "%.*s", KS_STR_FMT(ks_buf_str(&jonas->out)));

    grow_to(&rig, 2001);
    append_bytes(rig.registrar, 1000, leaves_of(rig.log, 1000, 2001), NULL, "");
    check_row(host_heard(rig.registrar, "<bad-request"), "§22.1: 1,001 are not", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
    append_bytes(rig.registrar, 1000, leaves_of(rig.log, 1000, 2000), NULL, "");
    ask(rig.anna, "<log " LOG_OPEN "/>");
    check_row(host_heard(rig.anna, "size='2000'"), "§22.1: konsild says how many it has", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.anna->out)));
    check_row(page_is(&rig, 990, 1000, 1000) && host_heard(rig.anna, "size='1000'"),
        "§22.2: before their checkpoint comes, entries are not given out", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.anna->out)));
    second = publish(&rig, 2000, "");

    check_row(page_is(&rig, 0, 1000, 1000) && page_is(&rig, 1000, 1000, 2000) && page_is(&rig, 2000, 1000, 2001)
            && page_is(&rig, 2001, 1000, 2001) && page_is(&rig, 63, 2, 65),
        "§22.2: pages are the entries that the registrar wrote, byte for byte", "they are not");
    ask(rig.anna, "<log " LOG_OPEN " from='0' max='1001'/>");
    check_row(host_heard(rig.anna, "<bad-request"), "§22.2: more than 1,000 are not to be had", "they are");
    ask(rig.anna, "<log " LOG_OPEN " from='2002'/>");
    check_row(host_heard(rig.anna, "<item-not-found"), "§22.2: nor is what is behind the end", "it is");
    for (uint64_t n = 0; n < 2001; n += 29)
        wrong += !proof_holds(&rig, second, n) + (n < 1000 && !proof_holds(&rig, first, n));
    check_row(wrong == 0 && proof_holds(&rig, second, 2000) && !proof_holds(&rig, first, 1000),
        "§22.2: proofs of entries hold in both trees, and there is none of what a tree does not have", "%d do not",
        wrong);
    check_row(
        growth_holds(&rig, NULL, second) && growth_holds(&rig, first, second) && growth_holds(&rig, second, second),
        "§22.2: so do those of growth, and the frontier has the root", "they do not");

    /* The same twice, and in parts. */
    append_bytes(rig.registrar, 2000, leaves_of(rig.log, 2000, 2001), second, "");
    check_row(host_heard(rig.registrar, "type='result'"), "§22.1: the same twice is taken, and changes nothing", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
    append_bytes(rig.registrar, 0, leaves_of(rig.log, 0, 1000), first, "");
    check_row(host_heard(rig.registrar, "type='result'") && host_heard(rig.registrar, "size='2001'"),
        "§22.1: so is an old page with its checkpoint, which was of this very log", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
    check_row(page_is(&rig, 1999, 1000, 2001), "and the newest checkpoint stays", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.anna->out)));
    host_conn_free(jonas);
    rig_done(&rig);
}

/* Everybody follows, wherever they are at home; who left is not missed. */
static void all_follow(void)
{
    static const char *const resources[] = { "a", "b" };
    static const char *const people[] = { "anna", "jonas", "clara", "lena", "maria", "otto" };
    struct host_conn *conns[KS_COUNT(people)];
    size_t at_home[2] = { 0 }, told = 0;
    struct rig rig;

    rig_init(&rig);
    for (size_t i = 0; i < KS_COUNT(people); i++) {
        char bare[40];
        if (i >= 2)
            host_add_account(rig.host, DOMAIN, people[i], people[i], PASSWORD);
        snprintf(bare, sizeof bare, "%s@" DOMAIN, people[i]);
        at_home[ks_home_of(rig.host->server, ks_str_z(bare))]++;
        conns[i] = host_bound(rig.host, DOMAIN, people[i], PASSWORD, resources[i % 2]);
        host_say(conns[i], "<iq type='set' id='f' to='" DOMAIN "'><follow " LOG_OPEN "/></iq>");
        host_forget(conns[i]);
    }
    host_close(conns[0]);
    grow_to(&rig, 10);
    publish(&rig, 0, "");
    for (size_t i = 1; i < KS_COUNT(people); i++)
        told += host_heard_times(conns[i], "type='headline'");
    check_row(at_home[0] && at_home[1] && told == KS_COUNT(people) - 1,
        "§22.2: who follows is told once in each reactor, and who left is not missed", "%zu of %zu and %zu", told,
        at_home[0], at_home[1]);
    for (size_t i = 0; i < KS_COUNT(people); i++)
        host_conn_free(conns[i]);
    rig_done(&rig);
}

/* --- what is refused --- */

static void asks_for_proofs(struct rig *rig, int count)
{
    struct ks_buf xml;

    ks_buf_init(&xml, 65536);
    ks_buf_z(&xml, "<proofs " LOG_OPEN " size='100'>");
    for (int i = 0; i < count; i++)
        ks_buf_printf(&xml, "<p n='%d'/>", i % 100);
    ks_buf_z(&xml, "</proofs>");
    ks_buf_byte(&xml, 0);
    ask(rig->anna, (const char *)xml.ptr);
    ks_buf_done(&xml);
}

static bool count_conflict(void *times, const struct ks_audit_row *row)
{
    *(size_t *)times += ks_str_is(row->action, "log.conflict");
    return true;
}

static size_t conflicts(struct rig *rig)
{
    size_t times = 0;

    must(rig->store->ops->audit_scan(rig->store, 0, count_conflict, &times));
    return times;
}

static void refused(void)
{
    struct rig rig;
    struct signed_log *log;
    uint8_t leaf[KS_LOG_LEAF_LEN];

    rig_init(&rig);
    grow_to(&rig, 100);
    log = publish(&rig, 0, "");
    asks_for_proofs(&rig, 100);
    check_row(host_heard_times(rig.anna, "<p ") == 100, "§22.2: 100 proofs are to be had at once", "%zu",
        host_heard_times(rig.anna, "<p "));
    asks_for_proofs(&rig, 101);
    check_row(host_heard(rig.anna, "<bad-request"), "and not one more", "%.*s", KS_STR_FMT(ks_buf_str(&rig.anna->out)));
    append_bytes(rig.anna, 100, KS_STR_EMPTY, log, "");
    check_row(host_heard(rig.anna, "<forbidden"), "§22: nobody but the registrar writes the log", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.anna->out)));
    append_bytes(rig.registrar, 101, KS_STR_EMPTY, NULL, "");
    check_row(host_heard(rig.registrar, "<item-not-found") && host_heard(rig.registrar, "size='100'"),
        "§22.1: from above konsild's size: it says how far it is", "%.*s", KS_STR_FMT(ks_buf_str(&rig.registrar->out)));

    memcpy(leaf, leaf_at(rig.log, 0).ptr, sizeof leaf);
    leaf[1] = 0;
    append_bytes(rig.registrar, 100, ks_str(leaf, sizeof leaf), NULL, "");
    check_row(host_heard(rig.registrar, "<bad-request") && conflicts(&rig) == 0,
        "§15.1: an entry that nobody could read is not appended, and is no other log", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
    append_bytes(rig.registrar, 100, ks_str(leaf, sizeof leaf - 1), NULL, "");
    check_row(host_heard(rig.registrar, "<bad-request"), "§15.1: nor one of 95 bytes", "it is");

    for (size_t len = 4096; len <= 4097; len++) {
        struct ks_buf signer;
        ks_buf_init(&signer, 20000);
        ks_buf_z(&signer, "<checkpoint><data>");
        ks_base64_add(&signer, log->from.bytes);
        ks_buf_z(&signer, "</data><sig>");
        ks_base64_add(&signer, ks_str(log->from.signature, sizeof log->from.signature));
        ks_buf_z(&signer, "</sig></checkpoint><signer>");
        ks_base64_add(&signer, ks_str(rig.log->leaves, len));
        ks_buf_z(&signer, "</signer>");
        ks_buf_byte(&signer, 0);
        append_bytes(rig.registrar, 100, KS_STR_EMPTY, NULL, (const char *)signer.ptr);
        check_row(host_heard(rig.registrar, len == 4096 ? "type='result'" : "<bad-request"),
            len == 4096 ? "§22.1: the signer's certificate has 4 KiB" : "and not a byte more", "%.*s",
            KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
        ks_buf_done(&signer);
    }
    append_bytes(rig.registrar, 99, leaf_at(rig.log, 0), NULL, "");
    check_row(host_heard(rig.registrar, "<conflict") && conflicts(&rig) == 1,
        "§22.1: an entry that konsild has otherwise is a conflict, and audited", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
    log->checkpoint.root.bytes[0] ^= 1;
    sign_again(rig.log, log);
    append_bytes(rig.registrar, 100, KS_STR_EMPTY, log, "");
    check_row(host_heard(rig.registrar, "<conflict") && conflicts(&rig) == 2,
        "§22.1: so is a checkpoint of another tree", "%.*s", KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
    rig_done(&rig);
}

/* konsild begins anew with an older store, which had nothing of the log yet. */
static void rolled_back(void)
{
    struct rig rig;
    struct signed_log *log;

    rig_init(&rig);
    grow_to(&rig, 100);
    publish(&rig, 0, "");
    rig_end(&rig);
    ks_server_store_free(rig.store);
    rig.store = ks_memory_server_store_new();
    rig_start(&rig);
    add_people(&rig);
    registrar_comes(&rig);
    rig.anna = host_bound(rig.host, DOMAIN, "anna", PASSWORD, "desk");
    grow_to(&rig, 110);
    log = publish(&rig, 100, "");
    check_row(host_heard(rig.registrar, "<item-not-found") && host_heard(rig.registrar, "size='0'"),
        "§22.1: konsild with an older store says how far that is", "%.*s", KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
    append_bytes(rig.registrar, 0, leaves_of(rig.log, 0, 110), log, "");
    check_row(page_is(&rig, 0, 1000, 110) && proof_holds(&rig, log, 105) && conflicts(&rig) == 0,
        "and the registrar goes on from there", "%.*s", KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
    rig_done(&rig);
}

/* --- how large it gets, and what a restart leaves of it --- */

static void grows_large(void)
{
    struct rig rig;
    struct signed_log *log = NULL;
    char text[200];

    rig_init(&rig);
    while (rig.log->frontier.size < 12000) {
        uint64_t from = rig.log->frontier.size;
        grow_to(&rig, from + 1000);
        log = publish(&rig, from, "");
    }
    check_row(host_heard(rig.registrar, "size='12000'"),
        "account.bytes_max is for what people keep: the log of a hospital goes on", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
    rig_end(&rig);
    rig_start(&rig);
    registrar_comes(&rig);
    rig.anna = host_bound(rig.host, DOMAIN, "anna", PASSWORD, "desk");
    check_row(page_is(&rig, 11500, 1000, 12000) && proof_holds(&rig, log, 1) && proof_holds(&rig, log, 11999),
        "§22.1: what was answered is there after a restart", "%.*s", KS_STR_FMT(ks_buf_str(&rig.anna->out)));

    uint8_t account[KS_LOG_ACCOUNT_LEN];
    struct ks_buf name;
    account_of(1, account);
    ks_buf_init(&name, 100);
    ks_base64_add(&name, ks_str(account, sizeof account));
    snprintf(text, sizeof text, "<account " LOG_OPEN " name='%.*s'/>", KS_STR_FMT(ks_buf_str(&name)));
    ask(rig.anna, text);
    check_row(host_heard_times(rig.anna, "<n>") == 1000 && host_heard(rig.anna, "<n>1</n><n>4</n>")
            && host_heard(rig.anna, "<n>2998</n></account>"),
        "§22.2: numbers of an account's entries: 1,000 at once", "%.*s", KS_STR_FMT(ks_buf_str(&rig.anna->out)));
    snprintf(text, sizeof text, "<account " LOG_OPEN " name='%.*s' from='11996'/>", KS_STR_FMT(ks_buf_str(&name)));
    ask(rig.anna, text);
    check_row(host_heard(rig.anna, "<account xmlns='urn:konsil:log:0'><n>11998</n></account>"), "and from there on",
        "%.*s", KS_STR_FMT(ks_buf_str(&rig.anna->out)));
    ks_buf_done(&name);
    rig_done(&rig);
}

/* --- devices that are out --- */

static void sets(struct host_conn *conn, const char *node, const char *id, const char *payload)
{
    host_forget(conn);
    host_say(conn,
        "<iq type='set' id='p'><pubsub xmlns='" NS_PUBSUB
        "'><publish node='%s'><item id='%s'>%s</item></publish><publish-options><x xmlns='" NS_DATA
        "' type='submit'><field var='FORM_TYPE'><value>" NS_PUBSUB
        "#publish-options</value></field><field var='pubsub#max_items'><value>%s</value></field></x></publish-options>"
        "</pubsub></iq>",
        node, id, payload, strcmp(id, "current") == 0 ? "1" : "max");
    if (!host_heard(conn, "type='result'"))
        abort();
}

static void publishes(struct host_conn *conn, const char *id)
{
    sets(conn, NS_X509, id, "<x509-cert-chain xmlns='" NS_X509 "'/>");
}

static void revokes(struct rig *rig, const char *device)
{
    uint64_t from = rig->log->frontier.size;
    char out[100];

    hospital_revoke(rig->log, 1, (uint32_t)from);
    snprintf(out, sizeof out, "<out jid='anna@" DOMAIN "' device='%s'/>", device);
    publish(rig, from, out);
    host_wait(rig->host, 5000);
}

static void devices_out(void)
{
    struct rig rig;
    struct host_conn *tablet, *late;

    rig_init(&rig);
    tablet = host_bound(rig.host, DOMAIN, "anna", PASSWORD, "tablet");
    publishes(rig.anna, "1");
    publishes(tablet, "2");
    revokes(&rig, "1");
    check_row(rig.anna->closed && !tablet->closed, "§22.1: the revoked device's session ends, its sibling's does not",
        "%d, %d", rig.anna->closed, tablet->closed);
    late = host_bound(rig.host, DOMAIN, "anna", PASSWORD, "other");
    append_bytes(
        rig.registrar, 0, leaves_of(rig.log, 0, 1), &rig.log->logs[0], "<out jid='anna@" DOMAIN "' device='1'/>");
    host_wait(rig.host, 5000);
    check_row(!tablet->closed && !late->closed, "§22.1: the same twice ends nobody else", "%d, %d", tablet->closed,
        late->closed);
    revokes(&rig, "7");
    check_row(tablet->closed && late->closed, "§22.1: of a device that nobody knows, all of the account end", "%d, %d",
        tablet->closed, late->closed);
    host_conn_free(tablet);
    host_conn_free(late);
    rig_done(&rig);

    /* One of her clients is hostile, and publishes under its sibling's number. */
    rig_init(&rig);
    tablet = host_bound(rig.host, DOMAIN, "anna", PASSWORD, "tablet");
    publishes(tablet, "2");
    publishes(rig.anna, "2");
    revokes(&rig, "2");
    check_row(tablet->closed && rig.anna->closed,
        "§22.1: of a device that two logins published, both end: who publishes last takes nobody's revocation away",
        "%d, %d", tablet->closed, rig.anna->closed);
    host_conn_free(tablet);
    rig_done(&rig);
}

static bool has_item(struct host_conn *conn, const char *node, const char *needle)
{
    host_forget(conn);
    host_say(conn, "<iq type='get' id='i'><pubsub xmlns='" NS_PUBSUB "'><items node='%s'/></pubsub></iq>", node);
    return host_heard(conn, needle);
}

/* What two devices of hers are known by. */
static void publishes_all(struct host_conn *one, struct host_conn *two)
{
    sets(one, NS_OMEMO_DEVICES, "current",
        "<devices xmlns='" NS_OMEMO "'><device id='1' label='x'/><device id='2'/></devices>");
    sets(one, NS_AXOLOTL_DEVICES, "current", "<list xmlns='" NS_AXOLOTL "'><device id='1'/><device id='2'/></list>");
    sets(one, NS_OMEMO_BUNDLES, "1", "<bundle xmlns='" NS_OMEMO "'/>");
    sets(two, NS_OMEMO_BUNDLES, "2", "<bundle xmlns='" NS_OMEMO "'/>");
    sets(one, NS_AXOLOTL_BUNDLES "1", "current", "<bundle xmlns='" NS_AXOLOTL "'/>");
    publishes(one, "1");
    publishes(two, "2");
}

static const struct {
    const char *name, *node, *gone, *stays;
} published[] = {
    { "§22.1: the device is not on OMEMO's list, and its sibling is", NS_OMEMO_DEVICES, "<device id='1'",
        "<device id='2'/>" },
    { "§22.1: nor on that of the older one", NS_AXOLOTL_DEVICES, "<device id='1'", "<device id='2'/>" },
    { "§22.1: its bundle is gone", NS_OMEMO_BUNDLES, "<item id='1'", "<item id='2'" },
    { "§22.1: the older one's, too", NS_AXOLOTL_BUNDLES "1", "<bundle", "" },
    { "§22.1: and its certificate", NS_X509, "<item id='1'", "<item id='2'" },
};

static void nothing_left(void)
{
    struct rig rig;
    struct host_conn *tablet, *again;
    char id[80] = "";
    size_t at;

    rig_init(&rig);
    tablet = host_bound(rig.host, DOMAIN, "anna", PASSWORD, "tablet");
    publishes_all(rig.anna, tablet);
    for (size_t i = 0; i < KS_COUNT(published); i++)
        if (!has_item(tablet, published[i].node, published[i].gone))
            check_row(false, published[i].name, "(control) %.*s", KS_STR_FMT(ks_buf_str(&tablet->out)));
    host_forget(rig.anna);
    host_say(rig.anna, "<enable xmlns='" NS_SM "' resume='true'/>");
    at = ks_str_find(ks_buf_str(&rig.anna->out), KS_STR(" id='"));
    if (at < rig.anna->out.len)
        sscanf((const char *)rig.anna->out.ptr + at, " id='%79[^']", id);
    host_close(rig.anna);
    host_settle(rig.host);
    revokes(&rig, "1");
    for (size_t i = 0; i < KS_COUNT(published); i++)
        check_row(!has_item(tablet, published[i].node, published[i].gone) && host_heard(tablet, published[i].stays),
            published[i].name, "%.*s", KS_STR_FMT(ks_buf_str(&tablet->out)));
    again = host_login(rig.host, DOMAIN, "anna", PASSWORD);
    host_say(again, "<resume xmlns='" NS_SM "' h='0' previd='%s'/>", id);
    check_row(*id && host_heard(again, "<failed"), "§22.1: nobody resumes its session", "%s: %.*s", id,
        KS_STR_FMT(ks_buf_str(&again->out)));
    host_conn_free(again);
    host_conn_free(tablet);
    rig_done(&rig);
}

static bool count_row(void *count, const struct ks_kv_row *row)
{
    (void)row;
    ++*(size_t *)count;
    return true;
}

/* Of everybody. */
static size_t rows_of(struct rig *rig, const char *name)
{
    size_t count = 0;

    for (uint64_t account = 1; account <= 3; account++)
        must(rig->store->ops->kv_load(rig->store, account, ks_str_z(name), count_row, &count));
    return count;
}

/* With a token, and an address to be woken by. */
static struct host_conn *installs(struct rig *rig, const char *agent)
{
    struct host_conn *conn = host_connect(rig->host, 1);
    uint8_t key[KS_P256_PRIVATE_LEN] = { 5 }, point[KS_P256_PUBLIC_LEN];
    char inlines[400];
    struct ks_buf text;

    client_secure(conn, DOMAIN);
    snprintf(inlines, sizeof inlines,
        "<user-agent id='%s'/><request-token xmlns='" NS_FAST "' mechanism='HT-SHA-256-EXPR'/><bind xmlns='" NS_BIND2
        "'><tag>x</tag></bind>",
        agent);
    client_authenticate(conn, "anna", PASSWORD, inlines);
    must(ks_p256_public(key, point));
    ks_buf_init(&text, 200);
    ks_base64url_add(&text, ks_str(point, sizeof point));
    host_say(conn,
        "<iq type='set' id='sub'><subscribe xmlns='urn:konsil:webpush:0' "
        "endpoint='https://fcm.googleapis.com/fcm/send/a:b' p256dh='%.*s' auth='BTBZMqHH6r4Tts7J_aSIgg'/></iq>",
        KS_STR_FMT(ks_buf_str(&text)));
    ks_buf_done(&text);
    return conn;
}

static void comes_no_more(void)
{
    struct rig rig;
    struct host_conn *phone, *desk;

    rig_init(&rig);
    phone = installs(&rig, "d4565fa7-4d72-4749-b3d3-740edbf87770");
    desk = installs(&rig, "7a9b8c60-1111-4222-8333-944455556666");
    publishes(phone, "1");
    publishes(desk, "2");
    check_row(rows_of(&rig, "device") == 2 && rows_of(&rig, KS_STORE_WEBPUSH) == 2,
        "(control: two tokens, two addresses)", "%zu, %zu", rows_of(&rig, "device"), rows_of(&rig, KS_STORE_WEBPUSH));
    revokes(&rig, "1");
    check_row(rows_of(&rig, "device") == 1 && rows_of(&rig, KS_STORE_WEBPUSH) == 1 && phone->closed && !desk->closed,
        "§22.1: the token and the address to wake it by go; its sibling's stay", "%zu, %zu", rows_of(&rig, "device"),
        rows_of(&rig, KS_STORE_WEBPUSH));
    check_row(rows_of(&rig, "revoking") == 0, "and then there is nothing left to do", "%zu", rows_of(&rig, "revoking"));
    revokes(&rig, "7");
    check_row(rows_of(&rig, "device") == 0 && rows_of(&rig, KS_STORE_WEBPUSH) == 0 && desk->closed,
        "§22.1: of a device that nobody knows, all go", "%zu, %zu", rows_of(&rig, "device"),
        rows_of(&rig, KS_STORE_WEBPUSH));
    host_conn_free(phone);
    host_conn_free(desk);
    rig_done(&rig);
}

/* konsild dies when the registrar has its answer, and before the device's home heard of it. */
static void dies_between(void)
{
    struct rig rig;
    struct signed_log *log;
    struct ks_buf xml;

    rig_init(&rig);
    publishes(rig.anna, "1");
    hospital_revoke(rig.log, 1, 0);
    log = hospital_sign(rig.log, 0);
    ks_buf_init(&xml, SIZE_MAX);
    ks_buf_printf(&xml, "<iq type='set' id='a' to='" DOMAIN "'><append " LOG_OPEN " from='0'><leaves>");
    ks_base64_add(&xml, leaf_at(rig.log, 0));
    ks_buf_z(&xml, "</leaves><checkpoint><data>");
    ks_base64_add(&xml, log->from.bytes);
    ks_buf_z(&xml, "</data><sig>");
    ks_base64_add(&xml, ks_str(log->from.signature, sizeof log->from.signature));
    ks_buf_z(
        &xml, "</sig></checkpoint><signer>" SIGNER "</signer><out jid='anna@" DOMAIN "' device='1'/></append></iq>");
    host_forget(rig.registrar);
    host_feed(rig.registrar, ks_buf_str(&xml));
    ks_buf_done(&xml);
    host_turn(rig.host);
    rig.host->store_held = true; /* after this one transaction */
    host_settle(rig.host);
    check_row(host_heard(rig.registrar, "size='1'") && !rig.anna->closed, "(control: answered, and not done)", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.registrar->out)));
    rig_end(&rig);
    rig_start(&rig);
    registrar_comes(&rig);
    host_settle(rig.host);
    rig.anna = host_bound(rig.host, DOMAIN, "anna", PASSWORD, "desk");
    check_row(!has_item(rig.anna, NS_X509, "<item id='1'"),
        "§22.1: what was answered is done after a restart, though konsild died before", "%.*s",
        KS_STR_FMT(ks_buf_str(&rig.anna->out)));
    rig_done(&rig);
}

int main(void)
{
    must(ks_crypto_init());
    follow_and_read();
    all_follow();
    refused();
    rolled_back();
    grows_large();
    devices_out();
    nothing_left();
    comes_no_more();
    dies_between();
    return check_done();
}
