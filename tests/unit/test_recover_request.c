/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a device asks of officers, and what they have to find wrong with it before they compute anything. */
#include "check.h"
#include "recover_world.h"

#define NOW INT64_C(1795312800)
#define ANNA "anna@klinik.example"
#define EVE "eve@klinik.example"
#define REASON "PIN vergessen, Urlaub vorbei"

struct hospital {
    EVP_PKEY *root_key, *issuing_key;
    struct ks_str root, issuing;
};

static struct hospital new_hospital(const char *domain)
{
    const struct ks_authority_names names = { "Klinikum Beispiel", "CA", { domain }, 1 };
    const struct ks_validity validity = { NOW - 400 * DAY_S, NOW + 400 * DAY_S };
    struct hospital h = { .root_key = ks_authority_key(), .issuing_key = ks_authority_key() };

    must(h.root_key && h.issuing_key ? KS_OK : KS_ENOMEM, "keys");
    must(ks_authority_root(&arena, h.root_key, &names, &validity, &h.root), "a root");
    must(
        ks_authority_issuing(&arena, h.root, h.root_key, h.issuing_key, &names, &validity, &h.issuing), "an authority");
    return h;
}

static struct world {
    struct hospital here, elsewhere;
    struct device fresh, before, eves, stranger, expired;
    struct ks_officer_public public;
    uint8_t shares[KS_OFFICERS_MAX][KS_P256_SCALAR_LEN], ak[32];
    struct slot slot;
    struct ks_str ring;
} w;

static struct device device_of(const struct hospital *h, const char *jid, int64_t from_s, int64_t until_s)
{
    return new_device(h->issuing, h->issuing_key, jid, "Anna Brandt", &(struct ks_validity) { from_s, until_s });
}

static void world_init(void)
{
    w.here = new_hospital("klinik.example");
    w.elsewhere = new_hospital("klinik.example");
    w.fresh = device_of(&w.here, ANNA, NOW - 3600, NOW + 180 * DAY_S);
    w.before = device_of(&w.here, ANNA, NOW - 100 * DAY_S, NOW + 80 * DAY_S);
    w.expired = device_of(&w.here, ANNA, NOW - 200 * DAY_S, NOW - 20 * DAY_S);
    w.eves = device_of(&w.here, EVE, NOW - 3600, NOW + 180 * DAY_S);
    w.stranger = device_of(&w.elsewhere, ANNA, NOW - 3600, NOW + 180 * DAY_S);
    w.public.root = w.here.root;
    must(ks_officers_deal(&chance, 2, 3, &w.public.officers, w.shares), "dealing");
    new_slot(&w.slot, w.public.officers.commitments[0], ANNA, w.ak);
    w.ring = ring_of(ANNA, &w.slot, 1);
}

static struct ks_str file_of(const struct ks_recover_request *request, const struct device *by)
{
    struct ks_str file;
    struct ks_buf buf;

    ks_buf_init(&buf, KS_RECOVER_FILE_MAX);
    must(ks_recover_request_write(&buf, request, by->secret), "a request");
    must(ks_arena_copy(&arena, ks_buf_str(&buf), &file), "a request");
    ks_buf_done(&buf);
    return file;
}

static enum ks_recover_verdict judge(struct ks_str file, struct ks_recover_facts *ret_facts)
{
    enum ks_recover_verdict verdict;

    must(ks_recover_request_check(&arena, file, &w.public, NOW, ret_facts, &verdict), "checking");
    return verdict;
}

static void check(
    const char *name, struct ks_recover_request request, const struct device *by, enum ks_recover_verdict want)
{
    struct ks_recover_facts facts;
    enum ks_recover_verdict got = judge(file_of(&request, by), &facts);

    check_row(got == want, name, "verdict %d, not %d", got, want);
}

static struct ks_recover_request annas(void)
{
    return request_by(&w.fresh, &w.before, w.ring, REASON, NOW - 60);
}

/* From the request to the account's key. */
static void whole(void)
{
    struct ks_recover_request request = annas();
    struct ks_officers_partial partials[2];
    struct ks_recover_facts facts;
    uint8_t dh[32], ak[32];
    unsigned wrong;
    bool sealed = true;

    check_row(judge(file_of(&request, &w.fresh), &facts) == KS_RECOVER_GOOD && ks_str_is(facts.request.reason, REASON)
            && ks_str_is(facts.device.name, "Anna Brandt") && ks_str_is(facts.request.account, ANNA)
            && facts.request.t_s == NOW - 60,
        "PROTOCOL §19.7: a request says who asks for what, and why", "not");
    for (unsigned i = 0; i < 2; i++) { /* the second and the third, through their files */
        struct ks_officers_partial partial;
        struct ks_buf part;
        ks_buf_init(&part, KS_OFFICER_FILE_MAX);
        must(
            ks_officers_partial(&chance, &w.public.officers, i + 2, w.shares[i + 1], &facts.about, &partial), "a part");
        must(ks_officer_part_seal(&part, &chance, &partial, facts.about.request, facts.device.claims.seal_key),
            "sealing");
        sealed = sealed
            && ks_officer_part_open(w.fresh.seal_secret, facts.about.request, ks_buf_str(&part), &partials[i]) == KS_OK;
        ks_buf_done(&part);
    }
    check_row(sealed && ks_officers_combine(&w.public.officers, &facts.about, partials, 2, &wrong, dh) == KS_OK
            && ks_hpke_open_shared(dh, w.public.officers.commitments[0], facts.about.slot.enc, RING_INFO, KS_STR_EMPTY,
                   facts.about.slot.sealed, ak)
                == KS_OK
            && memcmp(ak, w.ak, sizeof ak) == 0,
        "PROTOCOL §19: two officers' parts open the account's key at the device that asked", "not");
}

static void refusals(void)
{
    struct ks_recover_request request = annas(), other;
    struct ks_recover_facts facts;
    struct slot pair[2], slot;
    uint8_t ak[32];

    check("a device of another hospital", request_by(&w.stranger, &w.before, w.ring, REASON, NOW), &w.stranger,
        KS_RECOVER_DEVICE);
    check("a device whose certificate is over", request_by(&w.expired, &w.before, w.ring, REASON, NOW), &w.expired,
        KS_RECOVER_DEVICE);
    other = request_by(&w.eves, &w.before, w.ring, REASON, NOW);
    other.account = w.fresh.names.jid;
    check("a device of another account", other, &w.eves, KS_RECOVER_ACCOUNT);
    check("signed by another device", request, &w.before, KS_RECOVER_SIGNATURE);

    request.t_s = NOW + KS_RECOVER_AHEAD_S;
    check("a clock that is two days ahead", request, &w.fresh, KS_RECOVER_GOOD);
    request.t_s++;
    check("one second more", request, &w.fresh, KS_RECOVER_TIME);
    request.t_s = NOW - KS_RECOVER_AGE_MAX_S;
    check("two weeks old", request, &w.fresh, KS_RECOVER_GOOD);
    request.t_s--;
    check("one second older", request, &w.fresh, KS_RECOVER_TIME);

    check("a ring by a device that has expired since", request_by(&w.fresh, &w.expired, w.ring, REASON, NOW), &w.fresh,
        KS_RECOVER_GOOD);
    check("a ring by another hospital's device", request_by(&w.fresh, &w.stranger, w.ring, REASON, NOW), &w.fresh,
        KS_RECOVER_RING);
    check("a ring by another account's device", request_by(&w.fresh, &w.eves, w.ring, REASON, NOW), &w.fresh,
        KS_RECOVER_RING);
    request = annas();
    request.ring_signature[0] ^= 1;
    check("a ring that was altered", request, &w.fresh, KS_RECOVER_RING);

    request = request_by(&w.eves, &w.eves, w.ring, REASON, NOW);
    check("attack 52: another account's ring, signed anew", request, &w.eves, KS_RECOVER_ACCOUNT);
    request = request_by(&w.eves, &w.eves, ring_of(EVE, &w.slot, 1), REASON, NOW);
    check("attack 52: another account's slot in the own ring", request, &w.eves, KS_RECOVER_SLOT);
    judge(file_of(&request, &w.eves), &facts);
    check_row(ks_str_is(facts.device.names.jid, EVE) && facts.why == KS_CERT_GOOD,
        "attack 52: the officer sees who it was", "not");
    slot = w.slot;
    slot.key[64] ^= 1;
    request = request_by(&w.fresh, &w.before, ring_of(ANNA, &slot, 1), REASON, NOW);
    check("a slot for other officers", request, &w.fresh, KS_RECOVER_KEY);
    request = request_by(&w.fresh, &w.before, ring_of(ANNA, NULL, 0), REASON, NOW);
    check("a ring without officers", request, &w.fresh, KS_RECOVER_KEY);
    pair[0] = pair[1] = w.slot;
    new_slot(&pair[1], w.public.officers.commitments[0], ANNA, ak);
    request = request_by(&w.fresh, &w.before, ring_of(ANNA, pair, 2), REASON, NOW);
    check("two slots for them", request, &w.fresh, KS_RECOVER_KEY);
    request = request_by(&w.fresh, &w.before, KS_STR("konsil/0 ring\n[]"), REASON, NOW);
    check("a ring that is none", request, &w.fresh, KS_RECOVER_MALFORMED);
    request = request_by(&w.fresh, &w.before, KS_STR("konsil/0 room\n{}"), REASON, NOW);
    check("attack 56: a statement of another purpose", request, &w.fresh, KS_RECOVER_MALFORMED);
}

static void forms(void)
{
    static char reason[KS_RECOVER_REASON_MAX + 2];
    struct ks_recover_request request = annas();
    struct ks_str file = file_of(&request, &w.fresh);
    struct ks_recover_facts facts;
    struct ks_buf buf;
    bool refused = true;

    for (size_t at = 0; at < file.len; at += 97) {
        char *copy = ks_arena_alloc(&arena, file.len);
        must(copy ? KS_OK : KS_ENOMEM, "a copy");
        memcpy(copy, file.ptr, file.len);
        copy[at] ^= 1;
        refused = refused && judge(ks_str(copy, file.len), &facts) != KS_RECOVER_GOOD;
        refused = refused && judge(ks_str_head(file, at), &facts) == KS_RECOVER_MALFORMED;
    }
    check_row(refused, "a request with a bit turned anywhere, or cut off", "is good");
    memset(reason, 'r', sizeof reason - 1);
    reason[KS_RECOVER_REASON_MAX] = 0;
    request.reason = ks_str_z(reason);
    check("the longest reason", request, &w.fresh, KS_RECOVER_GOOD);
    reason[KS_RECOVER_REASON_MAX] = 'r';
    request.reason = ks_str_z(reason);
    ks_buf_init(&buf, KS_RECOVER_FILE_MAX);
    check_err("one byte more is not written", ks_recover_request_write(&buf, &request, w.fresh.secret), KS_ELIMIT);
    ks_buf_done(&buf);
    request.reason = KS_STR("PIN\x1b[2Jvergessen");
    check("a reason that would clear the officer's screen", request, &w.fresh, KS_RECOVER_MALFORMED);
    request.reason = KS_STR("PIN\nKonto: jonas@klinik.example");
    check("a reason of two lines", request, &w.fresh, KS_RECOVER_MALFORMED);
    request.reason = KS_STR_EMPTY;
    check("no reason", request, &w.fresh, KS_RECOVER_MALFORMED);
    request = annas();
    request.chain_count = 0;
    check("no certificate", request, &w.fresh, KS_RECOVER_MALFORMED);
    request.chain_count = 1;
    check("a certificate without its authority", request, &w.fresh, KS_RECOVER_DEVICE);
}

/* --- whom a device seals to --- */

static struct ks_str dealing_file(const struct ks_officer_public *public)
{
    struct ks_str file;
    struct ks_buf buf;

    ks_buf_init(&buf, KS_OFFICER_FILE_MAX);
    must(ks_officer_public_write(&buf, public), "a public file");
    must(ks_arena_copy(&arena, ks_buf_str(&buf), &file), "a public file");
    ks_buf_done(&buf);
    return file;
}

/* By a hospital's root, of that key with that file. */
static struct ks_str certified(const struct hospital *by, const uint8_t *key, struct ks_str file)
{
    const struct ks_authority_names names = { "Klinikum Beispiel", "konsil officers", { "klinik.example" }, 1 };
    const struct ks_validity year = { NOW - 3600, NOW + 366 * DAY_S };
    struct ks_str certificate;
    uint8_t hash[32];

    ks_hash(KS_SHA256, file, hash);
    must(ks_officers_certify(&arena, by->root, by->root_key, key, hash, &names, &year, &certificate), "certifying");
    return certificate;
}

static void believe(const char *name, struct ks_str file, struct ks_str certificate, const char *domain, int64_t now_s,
    enum ks_cert_verdict want)
{
    struct ks_officer_public got = { .officers = { .count = 0xa5 } };
    enum ks_cert_verdict verdict;

    must(
        ks_recover_dealing_check(file, certificate, w.here.root, ks_str_z(domain), now_s, &got, &verdict), "a dealing");
    check_row(verdict == want
            && (want == KS_CERT_GOOD ? memcmp(&got.officers, &w.public.officers, sizeof got.officers) == 0
                                     : got.officers.count == 0xa5),
        name, "%s", ks_cert_verdict_name(verdict));
}

static void dealings(void)
{
    struct ks_officer_public other = w.public;
    uint8_t shares[KS_OFFICERS_MAX][KS_P256_SCALAR_LEN], bad[KS_P256_POINT_LEN] = { 4 };
    const struct ks_authority_names names = { "Klinikum Beispiel", "konsil registrar", { "klinik.example" }, 1 };
    const struct ks_validity year = { NOW - 3600, NOW + 366 * DAY_S };
    struct ks_str file = dealing_file(&w.public), others, certificate, signer = KS_STR_EMPTY;
    const uint8_t *key = w.public.officers.commitments[0];
    EVP_PKEY *signers = ks_authority_key();

    certificate = certified(&w.here, key, file);
    believe(
        "PROTOCOL §19.8: a dealing that the root certifies", file, certificate, "klinik.example", NOW, KS_CERT_GOOD);
    believe("for another domain", file, certificate, "praxis.example", NOW, KS_CERT_DOMAIN);
    believe("before its time", file, certificate, "klinik.example", NOW - 7200, KS_CERT_EARLY);
    believe("after it", file, certificate, "klinik.example", NOW + 367 * DAY_S, KS_CERT_EXPIRED);
    believe("by another root", file, certified(&w.elsewhere, key, file), "klinik.example", NOW, KS_CERT_PATH);
    must(ks_officers_deal(&chance, 2, 3, &other.officers, shares), "dealing");
    others = dealing_file(&other);
    believe("of another dealing", others, certificate, "klinik.example", NOW, KS_CERT_FORM);
    believe("a file under another key's certificate", file, certified(&w.here, other.officers.commitments[0], file),
        "klinik.example", NOW, KS_CERT_FORM);
    memcpy(other.officers.commitments[0], key, KS_P256_POINT_LEN);
    others = dealing_file(&other);
    believe("the same key with another's shares", others, certificate, "klinik.example", NOW, KS_CERT_FORM);
    other = w.public;
    other.root = w.elsewhere.root;
    others = dealing_file(&other);
    believe("whose officers believe another root", others, certified(&w.here, key, others), "klinik.example", NOW,
        KS_CERT_FORM);
    must(signers ? ks_signer_issue(
             &arena, w.here.root, w.here.root_key, signers, &names, "registrar@klinik.example", &year, &signer)
                 : KS_ENOMEM,
        "a signer");
    believe("by the certificate of one who signs the log", file, signer, "klinik.example", NOW, KS_CERT_FORM);
    believe("by a device's", file, w.fresh.chain[0], "klinik.example", NOW, KS_CERT_FORM);
    believe("by none", file, KS_STR("-"), "klinik.example", NOW, KS_CERT_MALFORMED);
    check_err("what is no point is not certified",
        ks_officers_certify(&arena, w.here.root, w.here.root_key, bad, bad, &names, &year, &signer), KS_ECRYPTO);
    EVP_PKEY_free(signers);
}

int main(void)
{
    ks_arena_init(&arena, 256u << 20);
    ks_prng_init_number(&chance, 197);
    if (ks_crypto_init() != KS_OK)
        return 1;
    world_init();
    whole();
    refusals();
    forms();
    dealings();
    EVP_PKEY_free(w.here.root_key);
    EVP_PKEY_free(w.here.issuing_key);
    EVP_PKEY_free(w.elsewhere.root_key);
    EVP_PKEY_free(w.elsewhere.issuing_key);
    ks_arena_done(&arena);
    return check_done();
}
