/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "certs.h"

#include <stdlib.h>

#include "enc.h"
#include "engine.h"
#include "enrolment.h"
#include "peers.h"
#include "pep_client.h"

#define VERSION 1
#define RECORD_BYTES_MAX (16 + KS_CERT_BYTES_MAX + 6 * 256)
#define MIXED_KEY "mixed "
#define TOLD_KEY "uncertified "
#define PROOFS_MAX 100 /* in one question (doc/PROTOCOL.md §22.2) */
#define UNANSWERED_MAX 2

/* --- records --- */

static enum ks_err cert_prefix(struct konsil *k, struct ks_str jid, uint32_t device, struct ks_str *ret_prefix)
{
    const char tail[] = { 0, (char)(device >> 24), (char)(device >> 16), (char)(device >> 8), (char)device };

    return ks_arena_join(&k->arena, (struct ks_str[]) { jid, ks_str(tail, sizeof tail) }, 2, ret_prefix);
}

static enum ks_err cert_key(struct konsil *k, struct ks_str jid, uint32_t device, uint64_t leaf, struct ks_str *ret_key)
{
    struct ks_str prefix;
    char number[8];
    enum ks_err err = cert_prefix(k, jid, device, &prefix);

    for (int i = 0; i < 8; i++)
        number[i] = (char)(leaf >> (56 - 8 * i));
    return err == KS_OK
        ? ks_arena_join(&k->arena, (struct ks_str[]) { prefix, ks_str(number, sizeof number) }, 2, ret_key)
        : err;
}

static void cert_record(const struct ks_cert *cert, struct ks_buf *record)
{
    ks_buf_byte(record, VERSION);
    ks_buf_u64(record, cert->leaf);
    ks_buf_u64(record, (uint64_t)cert->not_before_s);
    ks_buf_u64(record, (uint64_t)cert->not_after_s);
    ks_buf_add(record, ks_str((const char *)cert->hash, sizeof cert->hash));
    ks_buf_add(record, ks_str((const char *)cert->identity, sizeof cert->identity));
    ks_buf_add(record, ks_str((const char *)cert->key, sizeof cert->key));
    ks_buf_add(record, ks_str((const char *)cert->seal_key, sizeof cert->seal_key));
    ks_buf_byte(record, (uint8_t)cert->kind);
    ks_buf_field(record, cert->name);
    ks_buf_field(record, cert->profession);
    ks_buf_field(record, cert->department);
    ks_buf_field(record, cert->organisation);
    ks_buf_field(record, cert->person);
    ks_buf_field(record, cert->der);
}

static enum ks_err take_bytes(struct ks_cursor *at, uint8_t *ret_bytes, size_t len)
{
    struct ks_str bytes;
    enum ks_err err = ks_cursor_take(at, len, &bytes);

    if (err == KS_OK)
        memcpy(ret_bytes, bytes.ptr, len);
    return err;
}

static enum ks_err cert_read(struct ks_str record, struct ks_cert *cert)
{
    struct ks_cursor at = ks_cursor(record);
    uint64_t from, until;
    uint8_t version, kind;

    if (ks_cursor_u8(&at, &version) != KS_OK)
        return KS_ESTORE;
    if (version != VERSION)
        return KS_EVERSION;
    if (ks_cursor_u64(&at, &cert->leaf) != KS_OK || ks_cursor_u64(&at, &from) != KS_OK
        || ks_cursor_u64(&at, &until) != KS_OK || take_bytes(&at, cert->hash, sizeof cert->hash) != KS_OK
        || take_bytes(&at, cert->identity, sizeof cert->identity) != KS_OK
        || take_bytes(&at, cert->key, sizeof cert->key) != KS_OK
        || take_bytes(&at, cert->seal_key, sizeof cert->seal_key) != KS_OK || ks_cursor_u8(&at, &kind) != KS_OK
        || ks_cursor_field(&at, &cert->name) != KS_OK || ks_cursor_field(&at, &cert->profession) != KS_OK
        || ks_cursor_field(&at, &cert->department) != KS_OK || ks_cursor_field(&at, &cert->organisation) != KS_OK
        || ks_cursor_field(&at, &cert->person) != KS_OK || ks_cursor_field(&at, &cert->der) != KS_OK)
        return KS_ESTORE;
    cert->not_before_s = (int64_t)from;
    cert->not_after_s = (int64_t)until;
    cert->kind = (enum ks_device_kind)kind;
    return KS_OK;
}

struct reading {
    struct konsil *k;
    ks_visit_cert *visit;
    void *user;
    enum ks_err err;
};

static bool read_one(void *user, struct ks_str key, struct ks_str value)
{
    struct reading *reading = user;
    struct ks_cert cert;
    struct ks_str copy;

    (void)key;
    if ((reading->err = ks_arena_copy(&reading->k->arena, value, &copy)) != KS_OK
        || (reading->err = cert_read(copy, &cert)) != KS_OK)
        return false;
    return reading->visit(reading->user, &cert);
}

enum ks_err ks_cert_each(struct konsil *k, struct ks_str jid, uint32_t device, ks_visit_cert *visit, void *user)
{
    struct reading reading = { k, visit, user, KS_OK };
    struct ks_str prefix;
    enum ks_err err = cert_prefix(k, jid, device, &prefix);

    if (err == KS_OK)
        err = k->store->ops->scan(k->store, KS_T_CERT, prefix, KS_STR_EMPTY, true, read_one, &reading);
    return err == KS_OK ? reading.err : err;
}

struct newest {
    struct ks_cert *cert;
    bool found;
};

static bool take_newest(void *user, const struct ks_cert *cert)
{
    struct newest *newest = user;

    *newest->cert = *cert;
    newest->found = true;
    return false;
}

enum ks_err ks_cert_get(struct konsil *k, struct ks_str jid, uint32_t device, struct ks_cert *ret_cert)
{
    struct newest newest = { .cert = ret_cert };
    enum ks_err err = ks_cert_each(k, jid, device, take_newest, &newest);

    return err != KS_OK || newest.found ? err : KS_ENOTFOUND;
}

/* --- what they decide --- */

bool ks_certs_count(const struct konsil *k, struct ks_str jid)
{
    (void)jid;
    return ks_enrolled(k);
}

enum ks_genuine ks_cert_judge(struct konsil *k, const struct ks_cert *cert, const uint8_t identity[KS_IDENTITY_LEN])
{
    int64_t now_s = ks_log_follow_now_s(k);

    if (identity && memcmp(identity, cert->identity, sizeof cert->identity) != 0)
        return KS_GENUINE_OTHER;
    if (ks_log_view_revoked(k->log_follow.view, cert->hash, cert->leaf, NULL) != KS_LOG_LISTED)
        return KS_GENUINE_REVOKED;
    return now_s < cert->not_before_s || now_s > cert->not_after_s ? KS_GENUINE_ENDED : KS_GENUINE;
}

/* Without its texts. KS_ENOTFOUND. */
static enum ks_err find(struct konsil *k, struct ks_str jid, uint32_t device, struct ks_cert *ret_cert)
{
    enum ks_err err;

    if (ks_cert_cache_get(k, jid, device, ret_cert))
        return KS_OK;
    if ((err = ks_cert_get(k, jid, device, ret_cert)) == KS_OK)
        ks_cert_cache_note(k, jid, device, ret_cert);
    return err;
}

enum ks_err ks_certs_genuine(struct konsil *k, struct ks_str jid, uint32_t device,
    const uint8_t identity[KS_IDENTITY_LEN], enum ks_genuine *ret_genuine)
{
    struct ks_cert cert;
    enum ks_err err;

    *ret_genuine = KS_GENUINE;
    if (ks_str_eq(jid, ks_own(k)) && device == ks_omemo_device(k->omemo))
        return KS_OK;
    *ret_genuine = KS_GENUINE_UNKNOWN;
    if ((err = find(k, jid, device, &cert)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    *ret_genuine = ks_cert_judge(k, &cert, identity);
    return KS_OK;
}

enum ks_err ks_certs_left_ms(struct konsil *k, struct ks_str jid, uint32_t device, int64_t *ret_ms)
{
    int64_t now_s = ks_log_follow_now_s(k);
    struct ks_cert cert;
    enum ks_err err;

    *ret_ms = KS_NEVER - k->now.mono_ms;
    if (!ks_certs_count(k, jid))
        return KS_OK;
    *ret_ms = 0;
    if ((err = find(k, jid, device, &cert)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    if (ks_cert_judge(k, &cert, NULL) == KS_GENUINE)
        *ret_ms = (cert.not_after_s - now_s) * 1000;
    return KS_OK;
}

enum ks_err ks_certs_permit(
    struct konsil *k, struct ks_str jid, uint32_t device, const uint8_t identity[KS_IDENTITY_LEN], bool *ret_permitted)
{
    enum ks_genuine genuine;
    enum ks_err err;

    *ret_permitted = true;
    if (!ks_certs_count(k, jid))
        return KS_OK;
    if ((err = ks_certs_genuine(k, jid, device, identity, &genuine)) != KS_OK || genuine == KS_GENUINE)
        return err;
    /* One that had a certificate does not become another program's. */
    *ret_permitted = false;
    return genuine == KS_GENUINE_UNKNOWN ? ks_cert_mixed(k, jid, ret_permitted) : KS_OK;
}

static enum ks_err mixed_key(struct konsil *k, struct ks_str jid, struct ks_str *ret_key)
{
    return ks_arena_join(&k->arena, (struct ks_str[]) { KS_STR(MIXED_KEY), jid }, 2, ret_key);
}

enum ks_err ks_cert_mixed(struct konsil *k, struct ks_str jid, bool *ret_mixed)
{
    struct ks_str key, value;
    enum ks_err err = mixed_key(k, jid, &key);

    if (err == KS_OK)
        err = ks_store_get(k, KS_T_META, key, &value);
    *ret_mixed = err == KS_OK;
    return err == KS_ENOTFOUND ? KS_OK : err;
}

enum ks_err ks_cert_set_mixed(struct konsil *k, struct ks_str jid, bool mixed)
{
    struct ks_str key;
    enum ks_err err = mixed_key(k, jid, &key);

    if (err != KS_OK)
        return err;
    return mixed ? k->store->ops->put(k->store, KS_T_META, key, KS_STR("1"))
                 : k->store->ops->del(k->store, KS_T_META, key);
}

/* --- whose were asked for --- */

enum fetch { UNASKED, ASKED, HERE };

struct account {
    struct ks_list link;
    enum fetch state;
    unsigned unanswered;              /* questions, one after the other: one silent account does not silence a room */
    int64_t asked_ms;                 /* the last time */
    uint8_t name[KS_LOG_ACCOUNT_LEN]; /* in the log */
    struct ks_str jid;                /* behind this struct */
};

/* Good by itself; the log has not borne it out yet. */
struct candidate {
    struct ks_list link;
    uint32_t device;
    uint64_t leaf;
    bool asked;                /* for its proof */
    bool waited;               /* the log was asked whether it has more */
    struct ks_str jid, record; /* behind this struct */
};

void ks_certs_init(struct konsil *k)
{
    ks_list_init(&k->certs.accounts);
    ks_list_init(&k->certs.candidates);
}

static void candidate_free(struct candidate *candidate)
{
    ks_list_leave(&candidate->link);
    free(candidate);
}

void ks_certs_lost(struct konsil *k)
{
    for (KS_LIST_EACH_SAFE(&k->certs.accounts, at)) {
        ks_list_leave(at);
        free(KS_CONTAINER(at, struct account, link));
    }
    for (KS_LIST_EACH_SAFE(&k->certs.candidates, at))
        candidate_free(KS_CONTAINER(at, struct candidate, link));
    k->certs.account_count = 0;
    k->certs.proving = false;
}

void ks_certs_done(struct konsil *k)
{
    if (k->certs.accounts.next)
        ks_certs_lost(k);
    ks_cert_cache_done(k);
}

static struct account *find_account(struct konsil *k, struct ks_str jid)
{
    for (KS_LIST_EACH(&k->certs.accounts, at))
        if (ks_str_eq(KS_CONTAINER(at, struct account, link)->jid, jid))
            return KS_CONTAINER(at, struct account, link);
    return NULL;
}

/* NULL without memory, or when there are too many. */
static struct account *get_account(struct konsil *k, struct ks_str jid)
{
    struct account *account = find_account(k, jid);

    if (account || k->certs.account_count >= KS_CERTS_ACCOUNTS_MAX || !(account = calloc(1, sizeof *account + jid.len)))
        return account;
    memcpy(account + 1, jid.ptr, jid.len);
    account->jid = ks_str(account + 1, jid.len);
    ks_log_account(k->enrolment.salt, jid, account->name);
    ks_list_init(&account->link);
    ks_list_append(&k->certs.accounts, &account->link);
    k->certs.account_count++;
    return account;
}

void ks_certs_issued(struct konsil *k, const uint8_t name[KS_LOG_ACCOUNT_LEN])
{
    for (KS_LIST_EACH(&k->certs.accounts, at)) {
        struct account *account = KS_CONTAINER(at, struct account, link);

        if (memcmp(account->name, name, sizeof account->name) == 0 && account->state == HERE)
            account->state = UNASKED;
    }
}

static bool has_candidates(struct konsil *k, struct ks_str jid)
{
    for (KS_LIST_EACH(&k->certs.candidates, at))
        if (ks_str_eq(KS_CONTAINER(at, struct candidate, link)->jid, jid))
            return true;
    return false;
}

/* --- the log's word --- */

static enum ks_err prove(struct konsil *k);

/* From now on it is what messages of this device are judged by. */
static enum ks_err keep(struct konsil *k, const struct candidate *candidate)
{
    struct ks_omemo_peer peer = { .device = candidate->device, .trust = KS_TRUST_VERIFIED }, known;
    struct ks_peer listed;
    struct ks_cert cert;
    struct ks_str key;
    enum ks_err err;

    if ((err = cert_read(candidate->record, &cert)) != KS_OK
        || (err = cert_key(k, candidate->jid, candidate->device, candidate->leaf, &key)) != KS_OK
        || (err = k->store->ops->put(k->store, KS_T_CERT, key, candidate->record)) != KS_OK)
        return err;
    ks_cert_cache_drop(k, candidate->jid, candidate->device);
    if ((err = ks_peer_load(k, candidate->jid, &listed)) != KS_OK || (err = ks_peer_tell(k, &listed)) != KS_OK)
        return err;
    if (ks_cert_judge(k, &cert, NULL) != KS_GENUINE
        || (ks_str_eq(candidate->jid, ks_own(k)) && candidate->device == ks_omemo_device(k->omemo)))
        return KS_OK;
    err = ks_omemo_peer_get(k->omemo, candidate->jid, candidate->device, &known);
    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (err == KS_OK && memcmp(known.identity, cert.identity, sizeof known.identity) == 0
        && (known.trust == KS_TRUST_VERIFIED || known.trust == KS_TRUST_REFUSED))
        return KS_OK; /* a person's refusal stands */
    memcpy(peer.identity, cert.identity, sizeof peer.identity);
    return ks_omemo_peer_set(k->omemo, candidate->jid, &peer);
}

static enum ks_err read_proof(
    struct konsil *k, const struct ks_xml *p, struct ks_str *ret_leaf, struct ks_merkle_proof *proof)
{
    struct ks_str hashes;
    enum ks_err err = ks_base64_read(&k->arena, ks_xml_attr(p, "leaf"), ret_leaf);

    if (err != KS_OK || (err = ks_base64_read(&k->arena, ks_xml_text(&k->arena, p), &hashes)) != KS_OK)
        return err;
    return ks_merkle_proof_read(hashes, proof);
}

/* KS_OK whatever came of it; the candidate is over. */
static enum ks_err settle(struct konsil *k, struct candidate *candidate, const struct ks_xml *p, uint64_t size)
{
    uint8_t account[KS_LOG_ACCOUNT_LEN];
    struct ks_merkle_proof proof;
    enum ks_log_verdict verdict;
    struct ks_str leaf;
    struct ks_cert cert;
    enum ks_err err;

    if ((err = cert_read(candidate->record, &cert)) != KS_OK || (err = read_proof(k, p, &leaf, &proof)) != KS_OK)
        return err <= KS_FATAL ? err : KS_OK;
    ks_log_account(k->enrolment.salt, candidate->jid, account);
    verdict = ks_log_view_certificate(
        k->log_follow.view, cert.hash, account, candidate->device, candidate->leaf, leaf, size, &proof);
    if (verdict == KS_LOG_ABSENT || verdict == KS_LOG_NOT_IT) {
        ks_log(k->log, KS_WARNING, "client.cert.unlisted", KS_NUM("verdict", (int)verdict));
        return KS_OK;
    }
    return keep(k, candidate);
}

static enum ks_err on_proofs(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *proofs = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_KONSIL_LOG, "proofs") : NULL;
    enum ks_err err = KS_OK;
    uint64_t n;

    k->certs.proving = false;
    for (const struct ks_xml *p = ks_xml_child(proofs, NS_KONSIL_LOG, "p"); p; p = ks_xml_next(p, NS_KONSIL_LOG, "p")) {
        if (ks_str_u64(ks_xml_attr(p, "n"), KS_MERKLE_SIZE_MAX, &n) != KS_OK)
            continue;
        for (KS_LIST_EACH_SAFE(&k->certs.candidates, at)) {
            struct candidate *candidate = KS_CONTAINER(at, struct candidate, link);

            if (!candidate->asked || candidate->leaf != n)
                continue;
            if ((err = settle(k, candidate, p, iq->number)) != KS_OK)
                return err;
            candidate_free(candidate);
        }
    }
    /* Whatever the server did not prove is not asked for again before the next session, or fetch. */
    for (KS_LIST_EACH_SAFE(&k->certs.candidates, at))
        if (KS_CONTAINER(at, struct candidate, link)->asked)
            candidate_free(KS_CONTAINER(at, struct candidate, link));
    ks_keys_wake(k);
    return prove(k);
}

/* Asks for proofs of all candidates that the log, as far as it is known here, may have. */
static enum ks_err prove(struct konsil *k)
{
    uint64_t size = ks_log_view_size(k->log_follow.view);
    struct ks_xml *proofs = ks_xml_new(&k->arena, NS_KONSIL_LOG, "proofs");
    size_t count = 0;
    bool later = false;
    enum ks_err err;

    if (k->certs.proving || ks_list_empty(&k->certs.candidates))
        return KS_OK;
    if (!ks_xml_set_u64(&k->arena, proofs, "size", size))
        return KS_ENOMEM;
    for (KS_LIST_EACH(&k->certs.candidates, at)) {
        struct candidate *candidate = KS_CONTAINER(at, struct candidate, link);

        if (candidate->leaf >= size)
            later = candidate->waited = true;
        if (candidate->leaf >= size || count == PROOFS_MAX)
            continue;
        if (!ks_xml_set_u64(&k->arena, ks_xml_add(&k->arena, proofs, NS_KONSIL_LOG, "p"), "n", candidate->leaf))
            return KS_ENOMEM;
        candidate->asked = true;
        count++;
    }
    if (later && (err = ks_log_follow_ask(k)) != KS_OK)
        return err;
    if (count == 0)
        return KS_OK;
    err = ks_iq_send(k, "get", ks_str_z(k->domain), proofs, on_proofs, KS_STR_EMPTY, size);
    k->certs.proving = err == KS_OK;
    return err == KS_EAGAIN ? KS_OK : err;
}

/* What is said to stand where the log, asked anew, does not reach is not waited for. */
enum ks_err ks_certs_log_told(struct konsil *k)
{
    uint64_t size = ks_log_view_size(k->log_follow.view);

    for (KS_LIST_EACH_SAFE(&k->certs.candidates, at)) {
        struct candidate *candidate = KS_CONTAINER(at, struct candidate, link);

        if (candidate->waited && candidate->leaf >= size)
            candidate_free(candidate);
    }
    ks_keys_wake(k);
    return prove(k);
}

/* --- fetching --- */

static enum ks_err note_candidate(struct konsil *k, struct ks_str jid, uint32_t device, const struct ks_cert *cert)
{
    struct candidate *candidate;
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init(&record, RECORD_BYTES_MAX);
    cert_record(cert, &record);
    if ((err = ks_buf_err(&record)) == KS_OK && !(candidate = calloc(1, sizeof *candidate + jid.len + record.len)))
        err = KS_ENOMEM;
    if (err == KS_OK) {
        candidate->device = device;
        candidate->leaf = cert->leaf;
        candidate->jid = ks_str(candidate + 1, jid.len);
        candidate->record = ks_str((char *)(candidate + 1) + jid.len, record.len);
        memcpy(candidate + 1, jid.ptr, jid.len);
        memcpy((char *)(candidate + 1) + jid.len, record.ptr, record.len);
        ks_list_init(&candidate->link);
        ks_list_append(&k->certs.candidates, &candidate->link);
    }
    ks_buf_done(&record);
    return err;
}

static void facts_of(const struct ks_device_cert *read, struct ks_str der, uint64_t leaf, struct ks_cert *cert)
{
    *cert = (struct ks_cert) { .leaf = leaf,
        .not_before_s = read->not_before_s,
        .not_after_s = read->not_after_s,
        .kind = read->claims.kind,
        .name = read->name,
        .profession = read->profession,
        .department = read->department,
        .organisation = read->organisation,
        .person = read->person,
        .der = der };
    memcpy(cert->hash, read->hash, sizeof cert->hash);
    memcpy(cert->key, read->key, sizeof cert->key);
    memcpy(cert->seal_key, read->claims.seal_key, sizeof cert->seal_key);
}

enum ks_err ks_cert_recall(struct konsil *k, const struct ks_device_cert *read, struct ks_str der, uint64_t leaf)
{
    struct ks_cert cert;
    struct ks_buf record;
    struct ks_str key;
    enum ks_err err;

    facts_of(read, der, leaf, &cert);
    if ((err = ks_omemo_identity_of_ed(read->claims.identity, cert.identity)) != KS_OK)
        return err <= KS_FATAL ? err : KS_OK;
    ks_buf_init(&record, RECORD_BYTES_MAX);
    cert_record(&cert, &record);
    if ((err = ks_buf_err(&record)) == KS_OK
        && (err = cert_key(k, ks_own(k), read->claims.device, leaf, &key)) == KS_OK)
        err = k->store->ops->put(k->store, KS_T_CERT, key, ks_buf_str(&record));
    ks_buf_done(&record);
    ks_cert_cache_drop(k, ks_own(k), read->claims.device);
    return err;
}

/* The chain of an item; KS_ESYNTAX: it is none. */
static enum ks_err read_chain(struct konsil *k, const struct ks_xml *element, struct ks_str chain[KS_CHAIN_MAX],
    size_t *ret_count, uint64_t *ret_leaf)
{
    const struct ks_xml *entry = ks_xml_child(element, NS_KONSIL_LOG, "entry");
    enum ks_err err;

    *ret_count = 0;
    if (!ks_xml_is(element, NS_X509, "x509-cert-chain")
        || ks_str_u64(ks_xml_attr(entry, "number"), KS_MERKLE_SIZE_MAX, ret_leaf) != KS_OK)
        return KS_ESYNTAX;
    for (const struct ks_xml *c = ks_xml_child(element, NS_X509, "x509-cert"); c;
         c = ks_xml_next(c, NS_X509, "x509-cert")) {
        if (*ret_count == KS_CHAIN_MAX)
            return KS_ESYNTAX;
        if ((err = ks_base64_read(&k->arena, ks_xml_text(&k->arena, c), &chain[*ret_count])) != KS_OK)
            return err;
        ++*ret_count;
    }
    return *ret_count ? KS_OK : KS_ESYNTAX;
}

/* One item of somebody's node. What does not hold is as if it were not there. */
static enum ks_err take_item(struct konsil *k, struct ks_str jid, const struct ks_xml *item)
{
    struct ks_str chain[KS_CHAIN_MAX];
    struct ks_device_cert read;
    enum ks_cert_verdict verdict;
    struct ks_cert cert, known;
    uint64_t device, leaf;
    size_t count;
    enum ks_err err;

    if (ks_str_u64(ks_xml_attr(item, "id"), INT32_MAX, &device) != KS_OK
        || (err = read_chain(k, ks_xml_child(item, NULL, NULL), chain, &count, &leaf)) == KS_ESYNTAX)
        return KS_OK;
    if (err != KS_OK)
        return err;
    if ((err = ks_cert_get(k, jid, (uint32_t)device, &known)) == KS_OK && ks_str_eq(known.der, chain[0]))
        return KS_OK;
    if (err != KS_OK && err != KS_ENOTFOUND)
        return err;
    err = ks_device_chain_check(&k->arena, chain, count, ks_enrolment_root(k), ks_log_follow_now_s(k), &read, &verdict);
    if (err != KS_OK)
        return err;
    if (verdict != KS_CERT_GOOD || !ks_str_eq(read.names.jid, jid) || read.claims.device != device) {
        ks_log(k->log, KS_WARNING, "client.cert.refused", KS_OURS("verdict", ks_cert_verdict_name(verdict)));
        return KS_OK;
    }
    facts_of(&read, chain[0], leaf, &cert);
    if ((err = ks_omemo_identity_of_ed(read.claims.identity, cert.identity)) != KS_OK)
        return err <= KS_FATAL ? err : KS_OK;
    return note_candidate(k, jid, (uint32_t)device, &cert);
}

static enum ks_err on_items(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *pubsub = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_PUBSUB, "pubsub") : NULL;
    const struct ks_xml *items = ks_xml_child(pubsub, NS_PUBSUB, "items");
    struct account *account = find_account(k, iq->text);
    size_t count = 0;
    enum ks_err err;

    if (!account)
        return KS_OK;
    account->unanswered = answer ? 0 : account->unanswered + ks_online(k);
    account->state = answer || account->unanswered >= UNANSWERED_MAX ? HERE : UNASKED;
    for (const struct ks_xml *item = ks_xml_child(items, NS_PUBSUB, "item"); item && count < KS_OMEMO_DEVICES_MAX;
         item = ks_xml_next(item, NS_PUBSUB, "item"), count++)
        if ((err = take_item(k, account->jid, item)) != KS_OK)
            return err;
    ks_keys_wake(k);
    return prove(k);
}

static enum ks_err ask(struct konsil *k, struct account *account)
{
    bool own = ks_str_eq(account->jid, ks_own(k));
    enum ks_err err = ks_pep_fetch_items(k, own ? KS_STR_EMPTY : account->jid, NS_X509, on_items, account->jid);

    if (err == KS_OK) {
        account->state = ASKED;
        account->asked_ms = k->now.mono_ms;
    }
    return err == KS_EAGAIN ? KS_OK : err;
}

static bool may_ask(struct konsil *k, const struct account *account)
{
    return account->state == UNASKED
        || (account->state == HERE && k->now.mono_ms >= account->asked_ms + KS_CERTS_AGAIN_MS);
}

/* Whether every listed device has a certificate that is of use. */
static enum ks_err is_complete(struct konsil *k, struct ks_str jid, bool *ret_complete)
{
    enum ks_omemo_version version;
    enum ks_genuine genuine;
    struct ks_peer peer;
    enum ks_err err = ks_peer_load(k, jid, &peer);

    *ret_complete = err == KS_OK;
    for (size_t i = 0; i < peer.count && *ret_complete; i++) {
        if (!ks_peer_version(&peer.devices[i], &version))
            continue;
        if ((err = ks_certs_genuine(k, jid, peer.devices[i].id, NULL, &genuine)) != KS_OK)
            return err;
        *ret_complete = genuine == KS_GENUINE || genuine == KS_GENUINE_REVOKED;
    }
    return err;
}

static enum ks_err on_alarm(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    (void)iq;
    if (!ks_iq_ok(answer))
        ks_log(k->log, KS_WARNING, "client.cert.alarm", KS_OURS("condition", ks_iq_condition(answer)));
    return KS_OK;
}

/* For the hospital's audit log (§22.2). */
static enum ks_err send_alarm(struct konsil *k, struct ks_str jid, uint32_t device)
{
    struct ks_xml *alarm = ks_xml_new(&k->arena, NS_KONSIL_ENROL, "alarm");
    enum ks_err err;

    if (!ks_str_eq(ks_jid_split(jid).domain, ks_str_z(k->domain)))
        return KS_OK;
    alarm = ks_xml_set(&k->arena, alarm, "jid", jid);
    if (!ks_xml_set_u64(&k->arena, alarm, "device", device))
        return KS_ENOMEM;
    err = ks_iq_send(k, "set", ks_str_z(k->domain), alarm, on_alarm, KS_STR_EMPTY, 0);
    return err == KS_EAGAIN ? KS_OK : err;
}

/* What the server lists and the hospital does not know is told once of each device (attack 1). */
enum ks_err ks_certs_tell(struct konsil *k, struct ks_str jid, uint32_t device, const uint8_t identity[KS_IDENTITY_LEN])
{
    struct ks_ev_warning event = { .code = KS_STR(KS_CODE_UNCERTIFIED), .jid = jid, .device = device };
    struct ks_str prefix, key, there;
    bool permitted;
    enum ks_err err = ks_certs_permit(k, jid, device, identity, &permitted);

    if (err != KS_OK || permitted || (err = cert_prefix(k, jid, device, &prefix)) != KS_OK
        || (err = ks_arena_join(&k->arena, (struct ks_str[]) { KS_STR(TOLD_KEY), prefix }, 2, &key)) != KS_OK
        || (err = ks_store_get(k, KS_T_META, key, &there)) != KS_ENOTFOUND
        || (err = k->store->ops->put(k->store, KS_T_META, key, KS_STR("1"))) != KS_OK
        || (err = send_alarm(k, jid, device)) != KS_OK)
        return err;
    return ks_tell(k, KS_EV_WARNING, &event);
}

static enum ks_err tell_listed(struct konsil *k, struct ks_str jid)
{
    enum ks_omemo_version version;
    struct ks_peer peer;
    enum ks_err err = ks_peer_load(k, jid, &peer);

    for (size_t i = 0; err == KS_OK && i < peer.count; i++)
        if (ks_peer_version(&peer.devices[i], &version))
            err = ks_certs_tell(k, jid, peer.devices[i].id, NULL);
    return err;
}

enum ks_err ks_certs_ready(struct konsil *k, struct ks_str jid, bool *ret_ready)
{
    struct account *account;
    enum ks_err err;

    *ret_ready = true;
    if (!ks_certs_count(k, jid))
        return KS_OK;
    if ((err = is_complete(k, jid, ret_ready)) != KS_OK || *ret_ready)
        return err;
    if (!(account = get_account(k, jid)))
        return k->certs.account_count >= KS_CERTS_ACCOUNTS_MAX ? KS_OK : KS_ENOMEM;
    if (may_ask(k, account) && (err = ask(k, account)) != KS_OK)
        return err;
    *ret_ready = account->state == HERE && !has_candidates(k, jid);
    return *ret_ready ? tell_listed(k, jid) : KS_OK;
}

enum ks_err ks_certs_want(struct konsil *k, struct ks_str jid, uint32_t device, bool *ret_coming)
{
    struct account *account;
    enum ks_genuine genuine;
    enum ks_err err = ks_certs_genuine(k, jid, device, NULL, &genuine);

    *ret_coming = false;
    if (err != KS_OK || (genuine != KS_GENUINE_UNKNOWN && genuine != KS_GENUINE_ENDED))
        return err;
    if (!(account = get_account(k, jid)))
        return k->certs.account_count >= KS_CERTS_ACCOUNTS_MAX ? KS_OK : KS_ENOMEM;
    if (may_ask(k, account) && (err = ask(k, account)) != KS_OK)
        return err;
    *ret_coming = account->state != HERE || has_candidates(k, jid);
    return KS_OK;
}
