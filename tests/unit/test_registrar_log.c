/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the registrar's log says, and that it always says it whole (doc/PROTOCOL.md §15): revocations, checkpoints,
 * pages, lists for other tools; a store that fails or dies at any of its calls; memory that ends; and a thousand
 * operations beside a simple model. */
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "der.h"
#include "failmalloc.h"
#include "registrar_world.h"

static size_t revoke(struct world *w, const char *jid, uint32_t device)
{
    size_t count = 0;

    must(ks_registrar_revoke(w->r, ks_str_z(jid), device, 1, w->now_ms, w->now_ms, &count), "revoking");
    return count;
}

static void get_salt(struct world *w, uint8_t ret_salt[KS_LOG_SALT_LEN])
{
    struct device d = new_device("salt@" DOMAIN, 1);
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;
    struct outcome out;

    invite(w, "salt@" DOMAIN, code);
    request = by_code(&d, code);
    out = enrol(w, &d, &request);
    must(out.open, "a salt");
    memcpy(ret_salt, out.facts.salt, KS_LOG_SALT_LEN);
}

/* --- revocation --- */

static void test_revoke(void)
{
    struct world w = new_world();
    struct device phone = enrolled(&w, ANNA, 1), laptop = enrolled(&w, ANNA, 2), jonas = enrolled(&w, JONAS, 3);
    struct device newer = phone;
    uint8_t hash[32], salt[KS_LOG_SALT_LEN];
    struct ks_enrol_request request;
    struct ks_log_page before, after;
    struct ks_log_view *view;
    int64_t since = 0;
    size_t count = 9;

    get_salt(&w, salt);
    rekey(&newer);
    request = by_renewal(&newer, phone.secret);
    struct outcome out = enrol(&w, &newer, &request);
    must(out.open, "renewing");
    newer.certificate = out.facts.chain[0];
    must(ks_registrar_page(w.r, &arena, 0, &before), "a page");
    w.now_ms += 5000;
    must(ks_registrar_revoke(w.r, KS_STR(ANNA), 1, 1, w.now_ms - 60000, w.now_ms, &count), "revoking");
    check_row(count == 2, "one command ends a device's certificates, the renewed one too", "%zu", count);
    must(ks_registrar_page(w.r, &arena, 0, &after), "a page");
    check_row(after.size == before.size + 2, "§15.3: and a checkpoint has it at once", "%llu, then %llu",
        (unsigned long long)before.size, (unsigned long long)after.size);
    view = follow(&w, salt, ANNA);
    cert_hash(&phone, hash);
    check_row(view && ks_log_view_revoked(view, hash, 0, &since) == KS_LOG_REVOKED && since == w.now_ms - 60000,
        "which says since when it is not believed", "%lld", (long long)since);
    cert_hash(&newer, hash);
    check_row(view && ks_log_view_revoked(view, hash, 0, NULL) == KS_LOG_REVOKED, "of both", "not so");
    cert_hash(&laptop, hash);
    check_row(view && ks_log_view_revoked(view, hash, 0, NULL) == KS_LOG_LISTED, "control: the other device is good",
        "not so");
    ks_log_view_free(view);
    check_err(
        "nothing is revoked twice", ks_registrar_revoke(w.r, KS_STR(ANNA), 1, 1, 0, w.now_ms, &count), KS_ENOTFOUND);
    check_err("nor what is not there", ks_registrar_revoke(w.r, KS_STR(ANNA), 9, 1, 0, w.now_ms, &count), KS_ENOTFOUND);
    check_err("nor of nobody", ks_registrar_revoke(w.r, KS_STR_EMPTY, 0, 1, 0, w.now_ms, &count), KS_ENOTFOUND);
    for (unsigned reason = 6; reason <= 8; reason++)
        check_err("RFC 5280 §5.3.1: 6 and 8 are taken back later, 7 is none",
            ks_registrar_revoke(w.r, KS_STR(ANNA), 2, (uint8_t)reason, 0, w.now_ms, &count), KS_ESYNTAX);
    check_err("nor is 11", ks_registrar_revoke(w.r, KS_STR(ANNA), 2, 11, 0, w.now_ms, &count), KS_ESYNTAX);
    must(ks_registrar_revoke(w.r, KS_STR(ANNA), 0, 10, w.now_ms + 99999, w.now_ms, &count), "revoking");
    check_row(count == 1, "device 0: all that is left of the account", "%zu", count);
    view = follow(&w, salt, JONAS);
    check_row(view && ks_log_view_revoked(view, hash, 0, &since) == KS_LOG_REVOKED && since == w.now_ms,
        "no revocation is of the future", "%lld", (long long)since);
    cert_hash(&jonas, hash);
    check_row(view && ks_log_view_revoked(view, hash, 0, NULL) == KS_LOG_LISTED, "control: others are good", "not so");
    ks_log_view_free(view);
    w.now_ms += 181 * DAY_S * 1000;
    check_err("what has ended is not revoked", ks_registrar_revoke(w.r, KS_STR(JONAS), 3, 1, 0, w.now_ms, &count),
        KS_ENOTFOUND);
    world_done(&w);
}

/* Accounts whose names begin alike. */
static void test_neighbours(void)
{
    struct world w = new_world();
    size_t count;

    enrolled(&w, "anna@" DOMAIN, 1);
    enrolled(&w, "annabel@" DOMAIN, 2);
    must(ks_registrar_revoke(w.r, KS_STR("anna@" DOMAIN), 0, 1, 0, w.now_ms, &count), "revoking");
    check_row(count == 1, "one account's revocation is not another's", "%zu", count);
    world_done(&w);
}

static void test_wipe(void)
{
    static const uint8_t none[16] = { 0 }, slot[16] = { 1, 2, 3 };
    struct world w = new_world();
    struct ks_log_leaf leaf = { .type = 0 };
    struct ks_signed_checkpoint checkpoint;
    struct ks_str log;

    enrolled(&w, ANNA, 1);
    check_err("an order to wipe", ks_registrar_wipe(w.r, KS_STR(ANNA), 1, slot, w.now_ms), KS_OK);
    log = read_log(&w, &checkpoint);
    must(ks_log_leaf_read(ks_str_from(log, log.len - KS_LOG_LEAF_LEN), &leaf), "an entry");
    check_row(leaf.type == KS_LOG_WIPE && leaf.device == 1 && memcmp(leaf.object, slot, 16) == 0,
        "§15.1: is in the log", "type %u", leaf.type);
    check_err("a slot of zeroes is none", ks_registrar_wipe(w.r, KS_STR(ANNA), 1, none, w.now_ms), KS_ESYNTAX);
    check_err("nor is a device that never was", ks_registrar_wipe(w.r, KS_STR(ANNA), 2, slot, w.now_ms), KS_ENOTFOUND);
    check_err("nor device 0", ks_registrar_wipe(w.r, KS_STR(ANNA), 0, slot, w.now_ms), KS_ENOTFOUND);
    check_err(
        "nor an account of others", ks_registrar_wipe(w.r, KS_STR("x@fremd.example"), 1, slot, w.now_ms), KS_ENOTFOUND);
    world_done(&w);
}

/* --- checkpoints and pages --- */

static struct ks_checkpoint newest(struct world *w)
{
    struct ks_checkpoint checkpoint;
    struct ks_log_page page;

    must(ks_registrar_page(w->r, &arena, 0, &page), "a page");
    must(ks_checkpoint_open(&page.checkpoint, KS_STR(DOMAIN), &checkpoint), "the checkpoint");
    return checkpoint;
}

static void test_hours(void)
{
    struct world w;
    struct ks_checkpoint first, second;
    int64_t next = 0;

    world_init(&w);
    w.setup.envelope_min = 7;
    world_open(&w);
    first = newest(&w);
    check_row(first.size == 2 && first.t_s == now_s(&w) && first.envelope_min == 7, "a new log has a checkpoint",
        "%llu", (unsigned long long)first.size);
    w.now_ms += 3599999;
    must(ks_registrar_due(w.r, w.now_ms, &next), "upkeep");
    check_row(newest(&w).t_s == first.t_s && next == w.now_ms + 1, "none is due before its hour", "next %lld",
        (long long)next);
    w.now_ms++;
    must(ks_registrar_due(w.r, w.now_ms, &next), "upkeep");
    second = newest(&w);
    check_row(second.t_s == now_s(&w) && second.size == first.size && ks_merkle_eq(&second.root, &first.root)
            && next == w.now_ms + 3600000,
        "§15.3: then one is signed, though nothing happened", "%lld", (long long)second.t_s);
    check_row(second.crl == first.crl + 1, "RFC 5280 §5.2.3: two lists of two moments have two numbers", "%llu",
        (unsigned long long)second.crl);
    w.now_ms -= 7200000;
    enrolled(&w, ANNA, 1);
    check_row(newest(&w).t_s == second.t_s && newest(&w).size == 3, "its time does not go back when a clock does",
        "%lld", (long long)newest(&w).t_s);
    world_done(&w);
}

#define ALL (KS_REGISTRAR_PAGE + 1)

static void test_pages(void)
{
    static const uint8_t slot[16] = { 1 };
    struct world w = new_world();
    struct ks_log_page page;
    uint8_t salt[KS_LOG_SALT_LEN];
    struct ks_log_view *view;

    get_salt(&w, salt);
    enrolled(&w, ANNA, 1);
    for (int i = 4; i < KS_REGISTRAR_PAGE + 1; i++)
        must(ks_registrar_wipe(w.r, KS_STR(ANNA), 1, slot, w.now_ms), "an entry");
    must(ks_registrar_page(w.r, &arena, 0, &page), "a page");
    check_row(page.size == ALL && page.leaves.len == KS_REGISTRAR_PAGE * KS_LOG_LEAF_LEN, "a page has its entries",
        "%zu of %llu", page.leaves.len / KS_LOG_LEAF_LEN, (unsigned long long)page.size);
    must(ks_registrar_page(w.r, &arena, KS_REGISTRAR_PAGE, &page), "a page");
    check_row(page.from == KS_REGISTRAR_PAGE && page.leaves.len == KS_LOG_LEAF_LEN, "the next one what is left", "%zu",
        page.leaves.len);
    must(ks_registrar_page(w.r, &arena, ALL, &page), "a page");
    check_row(
        page.leaves.len == 0 && page.size == ALL, "who has all gets the checkpoint alone", "%zu", page.leaves.len);
    check_err("who has more has another log", ks_registrar_page(w.r, &arena, ALL + 1, &page), KS_ENOTFOUND);
    view = follow(&w, salt, ANNA);
    check_row(view && ks_log_view_size(view) == ALL, "and the pages lead to the checkpoint", "they do not");
    ks_log_view_free(view);
    world_done(&w);
}

static void test_new_signer(void)
{
    struct world w = new_world();
    uint8_t old_key[KS_P256_PRIVATE_LEN], key[KS_P256_PUBLIC_LEN];
    struct ks_str old = w.setup.signer;
    struct ks_log_page page;

    memcpy(old_key, w.setup.signer_key, sizeof old_key);
    w.setup.signer = new_signer(&w, w.setup.signer_key);
    world_reopen(&w);
    must(ks_p256_public(w.setup.signer_key, key), "a key");
    must(ks_registrar_page(w.r, &arena, 0, &page), "a page");
    check_row(
        page.size == 3 && memcmp(page.checkpoint.signer, key, sizeof key) == 0, "a new signer signs at once", "not so");
    w.setup.signer = old;
    memcpy(w.setup.signer_key, old_key, sizeof old_key);
    world_reopen(&w);
    must(ks_p256_public(w.setup.signer_key, key), "a key");
    must(ks_registrar_page(w.r, &arena, 0, &page), "a page");
    check_row(page.size == 3 && memcmp(page.checkpoint.signer, key, sizeof key) == 0,
        "and one that comes back too: the checkpoint and the certificate beside it are of one key", "not so");
    world_done(&w);
}

/* --- for other tools --- */

static X509_CRL *list_of(struct world *w)
{
    const unsigned char *at;
    struct ks_str der;
    X509_CRL *crl;

    must(ks_registrar_crl(w->r, &arena, &der), "a list");
    at = (const unsigned char *)der.ptr;
    must((crl = d2i_X509_CRL(NULL, &at, (long)der.len)) ? KS_OK : KS_ESYNTAX, "a list");
    return crl;
}

static bool lists(struct world *w, const struct device *d)
{
    const unsigned char *at = (const unsigned char *)d->certificate.ptr;
    X509 *cert = d2i_X509(NULL, &at, (long)d->certificate.len);
    X509_CRL *crl = list_of(w);
    X509_REVOKED *found = NULL;
    bool there = X509_CRL_verify(crl, w->issuing_key) == 1 && X509_CRL_get0_by_cert(crl, &found, cert) == 1;

    X509_CRL_free(crl);
    X509_free(cert);
    return there;
}

static size_t listed(struct world *w)
{
    X509_CRL *crl = list_of(w);
    int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));

    X509_CRL_free(crl);
    return count < 0 ? 0 : (size_t)count;
}

/* Extension K.3, and the number, are those of the checkpoint. */
static bool list_names_log(struct world *w)
{
    struct ks_checkpoint checkpoint = newest(w);
    ASN1_OBJECT *k3 = OBJ_txt2obj("2.25.179182224142705796714361420395769147229.3", 1);
    X509_CRL *crl = list_of(w);
    int at = X509_CRL_get_ext_by_OBJ(crl, k3, -1);
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    uint64_t list = 0, size = 0;
    struct ks_str root = KS_STR_EMPTY, in = KS_STR_EMPTY;
    bool good = false;

    if (at >= 0 && number && ASN1_INTEGER_get_uint64(&list, number)) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl, at);
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
        struct ks_cursor cursor = ks_cursor(ks_str(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)));
        good = ks_der_take(&cursor, KS_DER_SEQUENCE, &in) == KS_OK && ks_cursor_done(&cursor);
        cursor = ks_cursor(in);
        good = good && ks_der_take_number(&cursor, KS_DER_INTEGER, KS_MERKLE_SIZE_MAX, &size) == KS_OK
            && ks_der_take(&cursor, KS_DER_OCTETS, &root) == KS_OK && ks_cursor_done(&cursor)
            && !X509_EXTENSION_get_critical(extension);
    }
    good = good && list == checkpoint.crl && size == checkpoint.size
        && ks_str_eq(root, ks_str(checkpoint.root.bytes, sizeof checkpoint.root.bytes));
    ASN1_INTEGER_free(number);
    X509_CRL_free(crl);
    ASN1_OBJECT_free(k3);
    return good;
}

static void test_lists(void)
{
    struct world w = new_world();
    struct device phone = enrolled(&w, ANNA, 1), laptop = enrolled(&w, ANNA, 2);
    int64_t next;

    check_row(listed(&w) == 0 && list_names_log(&w), "a list of nobody names the log, too", "not so");
    revoke(&w, ANNA, 1);
    check_row(lists(&w, &phone) && !lists(&w, &laptop), "a list has what was revoked, and nothing else", "not so");
    check_row(list_names_log(&w), "K.3: with the log's size and root, and the checkpoint's number", "not so");
    world_reopen(&w);
    check_row(lists(&w, &phone) && list_names_log(&w), "also after a restart", "not so");
    w.now_ms += 180 * DAY_S * 1000 - 2 * HOUR_MS;
    must(ks_registrar_due(w.r, w.now_ms, &next), "upkeep");
    w.now_ms += HOUR_MS;
    must(ks_registrar_due(w.r, w.now_ms, &next), "upkeep");
    check_row(lists(&w, &phone), "it is on each until its end", "it is not");
    w.now_ms += HOUR_MS + 1000;
    must(ks_registrar_due(w.r, w.now_ms, &next), "upkeep");
    check_row(lists(&w, &phone), "RFC 5280 §3.3: it is on a list that is later than its end", "it is not");
    w.now_ms += 3600000;
    must(ks_registrar_due(w.r, w.now_ms, &next), "upkeep");
    check_row(listed(&w) == 0, "and on none after that", "it is");
    check_row(list_names_log(&w), "which names the log still", "it does not");
    world_done(&w);
}

static void test_list_of_another_authority(void)
{
    const struct ks_authority_names names = { "Klinikum Beispiel", "Ausstellende CA 2", { DOMAIN }, 1 };
    const struct ks_validity validity = { START_S - DAY_S, START_S + 1000 * DAY_S };
    struct world w = new_world();
    struct device old = enrolled(&w, ANNA, 1), d;
    EVP_PKEY *key = ks_authority_key();

    must(key ? ks_authority_issuing(&arena, w.setup.root, w.root_key, key, &names, &validity, &w.setup.issuing)
             : KS_ENOMEM,
        "an authority");
    w.setup.issuing_key = key;
    world_reopen(&w);
    d = enrolled(&w, ANNA, 2);
    check_row(revoke(&w, ANNA, 0) == 2, "certificates of a former authority are revoked as others", "not so");
    check_row(listed(&w) == 1, "a list names those of its own authority alone", "%zu", listed(&w));
    (void)old;
    (void)d;
    EVP_PKEY_free(key);
    world_done(&w);
}

/* --- what is seen of it --- */

struct sight {
    size_t count;
    size_t revoked;
    uint32_t last;
    bool ordered;
};

static bool see(void *user, const struct ks_issued *issued)
{
    struct sight *sight = user;
    uint8_t hash[32];

    ks_hash(KS_SHA256, issued->certificate, hash);
    sight->ordered = sight->ordered && issued->device >= sight->last && memcmp(hash, issued->hash, 32) == 0;
    sight->last = issued->device;
    sight->revoked += issued->revoked_ms != 0;
    sight->count++;
    return true;
}

static struct sight look(struct world *w, const char *jid)
{
    struct sight sight = { .ordered = true };

    must(ks_registrar_issued(w->r, ks_str_z(jid), see, &sight), "looking");
    return sight;
}

static void test_looking(void)
{
    struct world w = new_world();

    enrolled(&w, ANNA, 70000);
    enrolled(&w, ANNA, 3);
    enrolled(&w, JONAS, 5);
    revoke(&w, ANNA, 3);
    check_row(look(&w, ANNA).count == 2 && look(&w, ANNA).ordered && look(&w, ANNA).revoked == 1,
        "an account's certificates, by their devices", "%zu", look(&w, ANNA).count);
    check_row(look(&w, "").count == 3, "everybody's", "%zu", look(&w, "").count);
    check_row(look(&w, "ann").count == 0, "nobody's", "%zu", look(&w, "ann").count);
    world_done(&w);
}

/* --- what always holds --- */

struct entries {
    struct ks_str log;
    size_t found, revoked, count;
};

static bool in_log(void *user, const struct ks_issued *issued)
{
    struct entries *entries = user;
    struct ks_log_leaf leaf;
    size_t at = (size_t)issued->leaf * KS_LOG_LEAF_LEN;

    entries->count++;
    if (at + KS_LOG_LEAF_LEN <= entries->log.len
        && ks_log_leaf_read(ks_str(entries->log.ptr + at, KS_LOG_LEAF_LEN), &leaf) == KS_OK && leaf.type == KS_LOG_ISSUE
        && leaf.device == issued->device && memcmp(leaf.object, issued->hash, 32) == 0)
        entries->found++;
    entries->revoked += issued->revoked_ms != 0;
    return true;
}

/* Pages lead to the checkpoint; each certificate is the log's, and each entry a certificate's; revocations likewise. */
static bool whole(struct world *w)
{
    struct ks_signed_checkpoint checkpoint;
    struct entries entries = { .log = read_log(w, &checkpoint) };
    struct ks_merkle_frontier frontier = { 0 };
    struct ks_merkle_hash hash, root;
    struct ks_checkpoint opened;
    struct ks_log_leaf leaf;
    size_t issues = 0, revocations = 0;

    must(ks_checkpoint_open(&checkpoint, KS_STR(DOMAIN), &opened), "the checkpoint");
    for (size_t at = 0; at < entries.log.len; at += KS_LOG_LEAF_LEN) {
        ks_merkle_leaf(ks_str(entries.log.ptr + at, KS_LOG_LEAF_LEN), &hash);
        must(ks_merkle_append(&frontier, &hash, NULL, NULL), "a tree");
        must(ks_log_leaf_read(ks_str(entries.log.ptr + at, KS_LOG_LEAF_LEN), &leaf), "an entry");
        issues += leaf.type == KS_LOG_ISSUE;
        revocations += leaf.type == KS_LOG_REVOKE;
    }
    ks_merkle_root(&frontier, &root);
    must(ks_registrar_issued(w->r, KS_STR_EMPTY, in_log, &entries), "looking");
    return frontier.size == opened.size && ks_merkle_eq(&root, &opened.root) && entries.count == issues
        && entries.found == issues && entries.revoked == revocations;
}

/* --- a store that fails, or dies, at any of its calls --- */

enum deed { DEED_INVITE, DEED_ENROL, DEED_RENEW, DEED_REVOKE, DEED_WIPE, DEED_DUE, DEED_LEAVE, DEEDS };
static const char *const deed_names[] = { "an invitation", "an enrolment", "a renewal", "a revocation",
    "an order to wipe", "an hour's checkpoint", "an account's end" };

/* What one deed needs is made before, so that it can be done again until it is done. */
struct doing {
    enum deed deed;
    struct device d;
    struct ks_enrol_request request;
};

static void prepare(struct world *w, struct doing *doing, enum deed deed)
{
    uint8_t code[KS_ENROL_CODE_LEN];

    doing->deed = deed;
    doing->d = enrolled(w, ANNA, 1);
    if (deed == DEED_ENROL) {
        doing->d = new_device(JONAS, 2);
        invite(w, JONAS, code);
        doing->request = by_code(&doing->d, code);
    } else if (deed == DEED_RENEW) {
        struct device old = doing->d;
        rekey(&doing->d);
        doing->request = by_renewal(&doing->d, old.secret);
    } else if (deed == DEED_LEAVE) {
        invite(w, ANNA, code);
    }
}

static enum ks_err act(struct world *w, struct doing *doing)
{
    static const uint8_t slot[16] = { 1 };
    const struct ks_invited invited = invitation(JONAS, ALICE_OP);
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrolled answer;
    int64_t next;
    size_t count;
    bool waits;

    switch (doing->deed) {
    case DEED_INVITE:
        return ks_registrar_invite(w->r, &invited, w->now_ms, code, &waits);
    case DEED_ENROL:
    case DEED_RENEW:
        return ks_registrar_enrol(w->r, &arena, &doing->request, w->now_ms, &answer);
    case DEED_REVOKE:
        return ks_registrar_revoke(w->r, KS_STR(ANNA), 1, 1, 0, w->now_ms, &count);
    case DEED_WIPE:
        return ks_registrar_wipe(w->r, KS_STR(ANNA), 1, slot, w->now_ms);
    case DEED_DUE:
        return ks_registrar_due(w->r, w->now_ms + 3600000, &next);
    case DEED_LEAVE:
        return ks_registrar_revoke(w->r, KS_STR(ANNA), 0, 1, 0, w->now_ms, &count);
    case DEEDS:
        break;
    }
    return KS_ESTATE;
}

static void test_failing(enum deed deed)
{
    struct world w = new_world();
    struct doing doing;
    uint32_t calls = 0, wrong = 0, size = 0;
    enum ks_err err = KS_EFULL;
    char name[120];

    prepare(&w, &doing, deed);
    size = (uint32_t)newest(&w).size;
    for (uint32_t n = 1; err != KS_OK; n++) {
        w.store->left = n;
        w.store->struck = false;
        err = act(&w, &doing);
        w.store->left = 0;
        if (err != KS_OK) {
            calls++;
            wrong += err != KS_EFULL || !w.store->struck || newest(&w).size != size || !whole(&w);
        }
        if (n % 2 && err != KS_OK)
            world_reopen(&w); /* or goes on */
    }
    snprintf(
        name, sizeof name, "%s, on a full disk: nothing happened, at each of its calls to the store", deed_names[deed]);
    check_row(calls > 2 && wrong == 0, name, "%u of %u", wrong, calls);
    snprintf(name, sizeof name, "%s, then done: log, checkpoint and certificates agree, after a restart too",
        deed_names[deed]);
    bool good = whole(&w);
    world_reopen(&w);
    check_row(good && whole(&w), name, "they do not");
    world_done(&w);
}

static void test_dying_at_birth(void)
{
    struct world w;
    struct ks_registrar *r = NULL;
    enum ks_err err = KS_EFULL;
    uint32_t calls = 0, wrong = 0;

    world_init(&w);
    for (uint32_t n = 1; err != KS_OK; n++) {
        w.store->left = n;
        err = ks_registrar_open(&w.setup, w.now_ms, &r);
        w.store->left = 0;
        calls += err != KS_OK;
        wrong += err != KS_OK && err != KS_EFULL;
    }
    w.r = r;
    check_row(calls > 5 && wrong == 0 && newest(&w).size == 2 && whole(&w),
        "a registrar that does not come to be, at any call, and then does", "%u of %u", wrong, calls);
    world_done(&w);
}

static void test_memory(void)
{
    struct doing doing;
    enum ks_err err;
    uint32_t wrong = 0, rounds = 0;

    for (enum deed deed = 0; deed < DEEDS; deed++) {
        struct world each = new_world();
        prepare(&each, &doing, deed);
        /* Most of what an enrolment allocates are the numbers of two signatures: of those, some. */
        for (int n = 1; fail_nth(n); n += n < 100 ? 1 : 97) {
            err = act(&each, &doing);
            if (!fail_stop() || err == KS_OK)
                break;
            rounds++;
            wrong += (err != KS_ENOMEM && err != KS_ECRYPTO) || !whole(&each);
        }
        fail_stop();
        world_done(&each);
    }
    check_row(wrong == 0 && rounds > 200, "without memory at any place: refused, and nothing half done", "%u of %u",
        wrong, rounds);
}

/* --- a thousand operations, and a model of them --- */

#define PEOPLE 4
#define EACH 3 /* devices of one */

struct model {
    bool live[PEOPLE][EACH], ever[PEOPLE];
    struct device devices[PEOPLE][EACH];
    size_t live_count, entries;
};

static uint32_t any_number(void)
{
    return (uint32_t)ks_prng_below(&chance, 0x7fffffff) + 1;
}

static bool random_step(struct world *w, struct model *m)
{
    static const char *const people[PEOPLE] = { "a@" DOMAIN, "b@" DOMAIN, "c@" DOMAIN, "d@" DOMAIN };
    unsigned who = (unsigned)ks_prng_below(&chance, PEOPLE), which = (unsigned)ks_prng_below(&chance, EACH);
    struct device *d = &m->devices[who][which], old = *d;
    struct ks_invited invited = invitation(people[who], ALICE_OP);
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;
    struct outcome out;
    int64_t next;
    size_t count = 0;
    bool waits = false;

    w->now_ms += (int64_t)ks_prng_below(&chance, 60000);
    switch (ks_prng_below(&chance, 6)) {
    case 0: /* a new device, by one operator alone */
        if (m->live[who][which])
            return true;
        *d = new_device(people[who], any_number());
        must(ks_registrar_invite(w->r, &invited, w->now_ms, code, &waits), "inviting");
        request = by_code(d, code);
        out = enrol(w, d, &request);
        if (waits != m->ever[who] || (out.answer.refusal == KS_REFUSE_NONE) == waits)
            return false;
        if (!waits) {
            d->certificate = out.facts.chain[0];
            m->live[who][which] = m->ever[who] = true;
            m->entries++;
        }
        return true;
    case 1: /* by a colleague of its own account */
        if (m->live[who][which] || !m->live[who][(which + 1) % EACH])
            return true;
        *d = new_device(people[who], any_number());
        request = by_vouch_at(d, &m->devices[who][(which + 1) % EACH], people[who], now_s(w));
        out = enrol(w, d, &request);
        if (!is_good(w, &out))
            return false;
        d->certificate = out.facts.chain[0];
        m->live[who][which] = true;
        m->entries++;
        return true;
    case 2: /* revoked, or not there */
        if (!m->live[who][which])
            return true;
        must(ks_registrar_revoke(w->r, ks_str_z(people[who]), d->claims.device, 1, 0, w->now_ms, &count), "revoking");
        m->live[who][which] = false;
        m->entries += count;
        return count == 1;
    case 3: /* by two operators */
        if (m->live[who][which])
            return true;
        *d = new_device(people[who], any_number());
        invite(w, people[who], code);
        request = by_code(d, code);
        out = enrol(w, d, &request);
        if (!is_good(w, &out))
            return false;
        d->certificate = out.facts.chain[0];
        m->live[who][which] = m->ever[who] = true;
        m->entries++;
        return true;
    case 4: /* a stolen key of a device that is gone */
        if (m->live[who][which] || !d->csr.len)
            return true;
        rekey(d);
        request = by_renewal(d, old.secret);
        out = enrol(w, d, &request);
        return out.answer.refusal == KS_REFUSE_REVOKED;
    default:
        must(ks_registrar_due(w->r, w->now_ms, &next), "upkeep");
        if (ks_prng_below(&chance, 8) == 0)
            world_reopen(w);
        return next > w->now_ms;
    }
}

static bool live_one(void *user, const struct ks_issued *issued)
{
    *(size_t *)user += !issued->revoked_ms;
    return true;
}

static void test_random(uint64_t seed)
{
    static struct model m;
    struct world w;
    size_t live = 0, want = 0, wrong = 0, step;
    char name[100];

    ks_prng_init_number(&chance, seed);
    m = (struct model) { .entries = 2 };
    w = new_world();
    for (step = 0; step < 1000 && !wrong; step++) {
        wrong += !random_step(&w, &m);
        if (step % 100 == 99)
            wrong += !whole(&w) || newest(&w).size != m.entries;
    }
    must(ks_registrar_issued(w.r, KS_STR_EMPTY, live_one, &live), "looking");
    for (unsigned who = 0; who < PEOPLE; who++)
        for (unsigned which = 0; which < EACH; which++)
            want += m.live[who][which];
    snprintf(
        name, sizeof name, "a thousand operations are what a simple model says (seed %llu)", (unsigned long long)seed);
    check_row(!wrong && live == want && m.entries > 100, name, "step %zu; %zu live, not %zu; %zu entries", step, live,
        want, m.entries);
    world_done(&w);
}

int main(void)
{
    static const uint8_t seed[KS_PRNG_SEED_LEN] = { 1, 5, 1, 5 };

    if (ks_crypto_init() != KS_OK || sodium_init() < 0)
        return 2;
    ks_arena_init(&arena, 1u << 30);
    ks_prng_init(&chance, seed);
    test_revoke();
    test_neighbours();
    test_wipe();
    test_hours();
    test_pages();
    test_new_signer();
    test_lists();
    test_list_of_another_authority();
    test_looking();
    for (enum deed deed = 0; deed < DEEDS; deed++)
        test_failing(deed);
    test_dying_at_birth();
    test_memory();
    test_random(62);
    ks_prng_done(&chance);
    ks_arena_done(&arena);
    return check_done();
}
